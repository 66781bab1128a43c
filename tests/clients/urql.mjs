// urql with its normalised cache, Graphcache: pages, writes and subscriptions.
// quoted: imports
import { Client, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { getIntrospectionQuery } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
// end
import { EVERY_ID, ask, assert, authorization, bare, check, demo, draft, endpoint, finish, socketEndpoint } from "./harness.mjs";

const schema = await ask(getIntrospectionQuery());
const warnings = [];
console.warn = (text) => warnings.push(text);

// quoted: client
const socket = createClient({ url: socketEndpoint, webSocketImpl: WebSocket, connectionParams: { authorization } });
const parts = schema.__schema.types.filter(({ kind, interfaces }) => kind === "OBJECT" && !interfaces.some(({ name }) => name === "Node"));
const keys = Object.fromEntries(parts.map(({ name }) => [name, () => null])); // only a `Node` has an id that is unique
const cache = cacheExchange({ schema, keys, resolvers: { Query: { orders: relayPagination() } } });
const events = subscriptionExchange({
  forwardSubscription: (request) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink) }),
  }),
});
const client = new Client({ url: endpoint, exchanges: [cache, fetchExchange, events], fetchOptions: { headers: { authorization } }, preferGetMethod: false });
// end

const ORDERS = gql`
  query Orders($after: String) {
    orders(first: 20, after: $after) { edges { node { id orderNumber status } } pageInfo { hasNextPage endCursor } }
  }
`;
const CREATE = gql`
  mutation CreateOrder($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order { id orderNumber status }
      errors { __typename code message path ... on WmsError { wmsCode retryable } }
    }
  }
`;
const SYNCED = gql`
  subscription Synced($after: Cursor) {
    syncCompleted(after: $after, dataTypes: [WAREHOUSES]) { cursor dataType run { id status } }
  }
`;

await check("urql: pages are appended to one list", async () => {
  // quoted: pages
  const { data: one } = await client.query(ORDERS, {});
  const { data: both } = await client.query(ORDERS, { after: one.orders.pageInfo.endCursor }); // 40 orders
  // end
  const ids = both.orders.edges.map(({ node }) => node.id);
  const whole = await ask("{ orders(first: 40) { nodes { id } } }");
  assert.deepEqual(ids, whole.orders.nodes.map(({ id }) => id));
});

await check("urql: what the WMS refuses is in the payload, and typed", async () => {
  const input = { connectionId: await demo(), order: await draft("NO-SUCH-SKU") };
  const { data, error } = await client.mutation(CREATE, { input });
  assert.equal(error, undefined);
  const [{ __typename, code, path, wmsCode }] = data.createOrder.errors;
  assert.deepEqual([data.createOrder.order, __typename, code], [null, "WmsError", "WMS_VALIDATION"]);
  assert.deepEqual([path, wmsCode], [["order", "lineItems", "0", "sku"], "validation_failed"]);
});

await check("urql: an order that was made is in the cache", async () => {
  const input = { connectionId: await demo(), order: await draft() };
  // quoted: write
  const { data } = await client.mutation(CREATE, { input });
  const { order, errors } = data.createOrder; // errors is empty, or order is null
  // end
  assert.deepEqual(errors, []);
  const one = gql`query($id: ID!) { order(id: $id) { id orderNumber } }`;
  const { data: again } = await client.query(one, { id: order.id });
  assert.equal(again.order.orderNumber, order.orderNumber);
  return order.orderNumber;
});

await check("urql: a subscription, after a cursor", async () => {
  const { changeCursor } = await ask("{ changeCursor }");
  let stop;
  const event = new Promise((next) => {
    // quoted: subscription
    const following = client.subscription(SYNCED, { after: changeCursor }).subscribe(({ data }) => next(data));
    // end
    stop = following.unsubscribe;
  });
  const trigger = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }";
  await client.mutation(trigger, { id: await demo() });
  const { cursor, dataType, run } = (await event).syncCompleted;
  stop();
  assert.deepEqual([dataType, run.status], ["WAREHOUSES", "SUCCEEDED"]);
  return cursor;
});

await check("urql: the cache mixes nothing up", async () => {
  const variables = { first: 250 };
  // `nodes` is not what relayPagination keeps: the whole list comes by another name.
  const { data } = await client.query(EVERY_ID.replace("nodes {", "edges { node {").replace(/}\s*}\s*}\s*$/, "} } } }"), variables);
  const plain = await ask(EVERY_ID, variables);
  assert.deepEqual(bare(data.orders.edges.map(({ node }) => node)), plain.orders.nodes);
});

await check("urql: the cache has nothing to complain of", async () => assert.deepEqual(warnings, []));

finish();
