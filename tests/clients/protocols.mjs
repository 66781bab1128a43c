// The protocols' own clients: the audits of graphql-http, and graphql-ws and graphql-sse as applications use them.
import { auditServer } from "graphql-http";
import { createClient as createStreamClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import WebSocket from "ws";
import { ask, assert, authorization, check, endpoint, finish, socketEndpoint } from "./harness.mjs";

/** All that an operation yields; what it fails with is thrown. */
async function all(client, request) {
  const found = [];
  for await (const result of client.iterate(request)) found.push(result);
  return found;
}

const NAMED = "query A { __typename } query B($name: String!) { __type(name: $name) { name } }";
const TRIGGER = "mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }";
const COMPLETED = "subscription($after: Cursor, $types: [DataType!]) { syncCompleted(after: $after, dataTypes: $types) { cursor dataType } }";

/** What both clients must be able to do. */
async function operations(protocol, client) {
  await check(`${protocol}: a query, by name and with variables`, async () => {
    const found = await all(client, { query: NAMED, operationName: "B", variables: { name: "Order" } });
    assert.deepEqual(found, [{ data: { __type: { name: "Order" } } }]);
  });
  await check(`${protocol}: a field that fails is a result`, async () => {
    const [{ data, errors }, ...more] = await all(client, { query: "{ orders(first: 1000) { totalCount } }" });
    assert.deepEqual([data, errors[0].extensions.code, more], [null, "INVALID_INPUT", []]);
  });
  await check(`${protocol}: events, live and again from a cursor`, async () => {
    const { connections, changeCursor } = await ask("{ connections(first: 1) { nodes { id } } changeCursor }");
    const request = { query: COMPLETED, variables: { after: changeCursor, types: ["WAREHOUSES"] } };
    const events = client.iterate(request);
    const first = events.next();
    const asked = await all(client, { query: TRIGGER, variables: { id: connections.nodes[0].id } });
    assert.deepEqual(asked, [{ data: { triggerSync: { errors: [] } } }]);
    const event = (await first).value.data.syncCompleted;
    assert.equal(event.dataType, "WAREHOUSES");
    await events.return();
    const again = client.iterate(request);
    assert.deepEqual((await again.next()).value.data.syncCompleted, event);
    await again.return();
    return event.cursor;
  });
  await check(`${protocol}: fifty operations at the same time`, async () => {
    const found = await Promise.all(Array.from({ length: 50 }, () => all(client, { query: "{ __typename }" })));
    assert.ok(found.every(([result, ...more]) => result.data.__typename === "Query" && more.length === 0));
  });
}

for (const { status, name, reason } of await auditServer({
  url: endpoint,
  fetchFn: (url, options) => fetch(url, { ...options, headers: { ...options?.headers, authorization } }),
})) {
  await check(`graphql-http: ${name}`, async () => assert.equal(status, "ok", reason));
}

const closed = [];
const socket = createSocketClient({
  url: socketEndpoint,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  keepAlive: 200,
  retryAttempts: 0,
  on: { closed: (event) => closed.push(event.code) },
});
await operations("graphql-ws", socket);
await check("graphql-ws: a document that makes no sense is an error", async () => {
  await assert.rejects(all(socket, { query: "{ nothingOfThisName }" }), ([error]) => error.extensions.code === "GRAPHQL_VALIDATION_FAILED");
});
await check("graphql-ws: the client's own pings are answered", async () => {
  const pongs = [];
  const stop = socket.on("pong", (received) => received && pongs.push(received));
  const events = socket.iterate({ query: COMPLETED });
  const next = events.next();
  while (pongs.length < 3) await new Promise((done) => setTimeout(done, 50));
  await events.return();
  await next;
  stop();
});
await check("graphql-ws: a key that there is not is Forbidden", async () => {
  const stranger = createSocketClient({
    url: socketEndpoint,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: "Bearer wrong" },
    retryAttempts: 0,
  });
  await assert.rejects(all(stranger, { query: "{ __typename }" }), ({ code, reason }) => code === 4403 && reason === "Forbidden");
});
await check("graphql-ws: the sockets were closed by their client alone", async () => {
  await socket.dispose();
  assert.ok(closed.every((code) => code === 1000), `${closed}`);
});

const stream = createStreamClient({ url: endpoint, headers: { authorization }, retryAttempts: 0 });
await operations("graphql-sse", stream);
await check("graphql-sse: a document that makes no sense is a result with errors", async () => {
  const [{ data, errors }, ...more] = await all(stream, { query: "{ nothingOfThisName }" });
  assert.deepEqual([data, errors[0].extensions.code, more], [undefined, "GRAPHQL_VALIDATION_FAILED", []]);
});
await check("graphql-sse: a key that there is not is 401", async () => {
  const stranger = createStreamClient({ url: endpoint, headers: { authorization: "Bearer wrong" }, retryAttempts: 0 });
  await assert.rejects(all(stranger, { query: "{ __typename }" }), ({ response }) => response.status === 401);
});
stream.dispose();

finish();
