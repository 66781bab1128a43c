// Apollo Client: pages, writes and subscriptions through its normalising cache.
// quoted: imports
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
// end
import { EVERY_ID, ask, assert, authorization, bare, check, demo, draft, endpoint, finish, socketEndpoint } from "./harness.mjs";

// quoted: client
const socket = createClient({ url: socketEndpoint, webSocketImpl: WebSocket, connectionParams: { authorization } });
const http = new HttpLink({ uri: endpoint, headers: { authorization } });
const client = new ApolloClient({
  link: ApolloLink.split(({ operationType }) => operationType === "subscription", new GraphQLWsLink(socket), http),
  cache: new InMemoryCache({
    possibleTypes: { UserError: ["InputError", "WmsError"] },
    typePolicies: { Query: { fields: { orders: relayStylePagination(["filter", "orderBy", "search"]) } } },
  }),
});
// end

// quoted: documents
const ORDERS = gql`
  query Orders($after: String, $filter: OrderFilter) {
    orders(first: 20, after: $after, filter: $filter, orderBy: [{ field: SOURCE_CREATED_AT, direction: DESC }]) {
      edges { node { id orderNumber status } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
const CREATE = gql`
  mutation CreateOrder($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order { id orderNumber status }
      errors { code message path ... on WmsError { wmsCode retryable } }
    }
  }
`;
const SYNCED = gql`
  subscription Synced($after: Cursor) {
    syncCompleted(after: $after, dataTypes: [WAREHOUSES]) { cursor dataType run { id status } }
  }
`;
// end

await check("apollo: pages are appended to one list", async () => {
  let show;
  const both = new Promise((done) => (show = (list) => list.edges.length > 20 && done(list)));
  // quoted: pages
  const variables = { filter: { status: { in: ["OPEN", "FULFILLED"] } } };
  const { data } = await client.query({ query: ORDERS, variables });
  const orders = client.watchQuery({ query: ORDERS, variables });
  orders.subscribe(({ data }) => data && show(data.orders)); // 20 orders, then 40
  await orders.fetchMore({ variables: { after: data.orders.pageInfo.endCursor } });
  // end
  const { edges, pageInfo } = await both;
  assert.equal(edges.length, 40);
  assert.equal(new Set(edges.map(({ node }) => node.id)).size, 40);
  assert.notEqual(pageInfo.endCursor, data.orders.pageInfo.endCursor);
  const whole = await ask(
    "query($filter: OrderFilter) { orders(first: 40, filter: $filter, orderBy: [{ field: SOURCE_CREATED_AT, direction: DESC }]) { nodes { id orderNumber status } } }",
    { filter: { status: { in: ["OPEN", "FULFILLED"] } } },
  );
  assert.deepEqual(bare(edges.map(({ node }) => node)), whole.orders.nodes);
});

await check("apollo: what the WMS refuses is in the payload, and typed", async () => {
  const input = { connectionId: await demo(), order: await draft("NO-SUCH-SKU") };
  const { data, error } = await client.mutate({ mutation: CREATE, variables: { input } });
  assert.equal(error, undefined);
  const [{ __typename, code, path, wmsCode }] = data.createOrder.errors;
  assert.deepEqual([data.createOrder.order, __typename, code], [null, "WmsError", "WMS_VALIDATION"]);
  assert.deepEqual([path, wmsCode], [["order", "lineItems", "0", "sku"], "validation_failed"]);
});

await check("apollo: an order that was made is in the cache", async () => {
  const input = { connectionId: await demo(), order: await draft() };
  // quoted: write
  const { data } = await client.mutate({ mutation: CREATE, variables: { input } });
  const { order, errors } = data.createOrder; // errors is empty, or order is null
  // end
  assert.deepEqual(errors, []);
  const cached = client.readFragment({ id: client.cache.identify(order), fragment: gql`fragment Made on Order { orderNumber }` });
  assert.equal(cached.orderNumber, order.orderNumber);
  return order.orderNumber;
});

await check("apollo: a subscription, after a cursor", async () => {
  const { changeCursor } = await ask("{ changeCursor }");
  const event = new Promise((next, error) => {
    // quoted: subscription
    client.subscribe({ query: SYNCED, variables: { after: changeCursor } }).subscribe({ next, error });
    // end
  });
  const trigger = gql`mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }`;
  await client.mutate({ mutation: trigger, variables: { id: await demo() } });
  const { cursor, dataType, run } = (await event).data.syncCompleted;
  assert.deepEqual([dataType, run.status], ["WAREHOUSES", "SUCCEEDED"]);
  const cached = client.readFragment({ id: client.cache.identify(run), fragment: gql`fragment Ended on SyncRun { status }` });
  assert.equal(cached.status, "SUCCEEDED");
  return cursor;
});

await check("apollo: the cache mixes nothing up", async () => {
  const variables = { first: 250 };
  await client.query({ query: gql(EVERY_ID), variables });
  const cached = client.readQuery({ query: gql(EVERY_ID), variables });
  assert.deepEqual(bare(cached), await ask(EVERY_ID, variables));
});

finish();
