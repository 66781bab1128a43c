// Relay's runtime, without React: the operations of orders.js, run and read back from the store.
import { createRequire } from "node:module";
import { EVERY_ID, ask, assert, authorization, check, demo, draft, endpoint, finish, socketEndpoint } from "../harness.mjs";

const require = createRequire(import.meta.url);
const { commitMutation, createOperationDescriptor, fetchQuery, getRequest, getSingularSelector, requestSubscription } = require("relay-runtime");
const { CreateOrder, EveryId, OrdersList, OrdersQuery, OrdersRow, Synced, environment: connect } = require("./orders.build.js");
const environment = connect({ endpoint, socketEndpoint, authorization });

/** What a component with this fragment is given. */
const read = (fragment, ref) => environment.lookup(getSingularSelector(fragment, ref)).data;

await check("relay: pages are appended to one connection", async () => {
  const variables = { filter: { status: { in: ["OPEN", "FULFILLED"] } } };
  const root = await fetchQuery(environment, OrdersQuery, variables).toPromise();
  // What usePaginationFragment does.
  const { edges, pageInfo } = read(OrdersList, root).orders;
  assert.deepEqual([edges.length, pageInfo.hasNextPage], [20, true]);
  const { default: next } = await import("./__generated__/ordersListPaginationQuery.graphql.js");
  await fetchQuery(environment, next, { ...variables, first: 20, after: pageInfo.endCursor }).toPromise();
  const both = read(OrdersList, root).orders.edges.map(({ node }) => ({ id: node.id, ...read(OrdersRow, node) }));
  const row = "id orderNumber status lineItems { sku product { id name } } shipments { sourceId packages { sourceId } }";
  const whole = await ask(`query($filter: OrderFilter) { orders(first: 40, filter: $filter) { nodes { ${row} } } }`, variables);
  const wanted = whole.orders.nodes.map((order) => ({
    ...order,
    lineItems: order.lineItems.map(({ sku, product }) => ({ sku, product: product && { name: product.name } })),
  }));
  assert.deepEqual(JSON.parse(JSON.stringify(both)), wanted);
});

/** A mutation, and what its payload says. */
const commit = (mutation, variables) =>
  new Promise((onCompleted, onError) => commitMutation(environment, { mutation, variables, onCompleted, onError }));

await check("relay: what the WMS refuses is in the payload, and typed", async () => {
  const { createOrder } = await commit(CreateOrder, { input: { connectionId: await demo(), order: await draft("NO-SUCH-SKU") } });
  const [{ __typename, code, path, wmsCode }] = createOrder.errors;
  assert.deepEqual([createOrder.order, __typename, code], [null, "WmsError", "WMS_VALIDATION"]);
  assert.deepEqual([path, wmsCode], [["order", "lineItems", "0", "sku"], "validation_failed"]);
});

await check("relay: an order that was made is in the store", async () => {
  const { createOrder } = await commit(CreateOrder, { input: { connectionId: await demo(), order: await draft() } });
  assert.deepEqual(createOrder.errors, []);
  const { orderNumber } = read(OrdersRow, createOrder.order);
  assert.equal(environment.getStore().getSource().get(createOrder.order.id).orderNumber, orderNumber);
  return orderNumber;
});

await check("relay: a subscription, after a cursor", async () => {
  const { changeCursor } = await ask("{ changeCursor }");
  let following;
  const event = new Promise((onNext, onError) => {
    following = requestSubscription(environment, { subscription: Synced, variables: { after: changeCursor }, onNext, onError });
  });
  await ask("mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }", { id: await demo() });
  const { cursor, dataType, run } = (await event).syncCompleted;
  following.dispose();
  assert.deepEqual([dataType, run.status], ["WAREHOUSES", "SUCCEEDED"]);
  return cursor;
});

await check("relay: the store mixes nothing up", async () => {
  const variables = { first: 250 };
  await fetchQuery(environment, EveryId, variables).toPromise();
  const { data } = environment.lookup(createOperationDescriptor(getRequest(EveryId), variables).fragment);
  assert.deepEqual(JSON.parse(JSON.stringify(data)), await ask(EVERY_ID, variables));
});

finish();
