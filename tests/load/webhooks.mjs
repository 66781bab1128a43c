// How webhooks keep up with the change log, as a Markdown table:
//
//   URL=http://127.0.0.1:8080 KEY=cdk_… DATABASE=postgres://… PID=$(pidof crossdock) node tests/load/webhooks.mjs
//
// RATE (50000) is how many changes a minute are written to the log, for SECONDS (60), and ENDPOINTS (100) how many endpoints there
// are. Each change is told to one of them, or with FANOUT=all to every one. DATABASE is that of the server: postgres://… (needs psql)
// or the path of a SQLite file (needs sqlite3). Without PID, the CPU is not told. The server must run with
// --allow-private-webhooks, with its demo synced, and on a database that nobody needs: this makes a connection for each endpoint,
// copies the demo's orders to it, and writes entries to the change log as a sync would, in the log's own way.
//
// The receivers are in this process and accept everything. Nothing needs to be installed but Node 20.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const { URL: server, KEY: key, DATABASE: database, PID: pid, RATE = "50000", SECONDS = "60", ENDPOINTS = "100", FANOUT = "one" } = process.env;
if (!server || !key || !database) {
  console.error("URL, KEY and DATABASE must say which server, with which key, on which database");
  process.exit(2);
}
const [rate, seconds, count] = [RATE, SECONDS, ENDPOINTS].map(Number);
const TICK_MS = 100;
const FIRST = 1000; // the number of the first connection that is made
const PATIENCE_MS = 600_000;

async function ask(query, variables) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(`${server}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return data;
}

/** A session of the database's own client: `run` sends statements, and ends when they have been carried out. */
function session() {
  const postgres = database.startsWith("postgres");
  const client = postgres ? spawn("psql", ["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database]) : spawn("sqlite3", ["-batch", "-bail", database]);
  client.stderr.pipe(process.stderr);
  client.on("exit", (code) => code && process.exit(code));
  let said = "";
  let done = () => {};
  client.stdout.on("data", (text) => {
    said += text;
    if (said.includes("done\n")) {
      said = "";
      done();
    }
  });
  const run = (sql) =>
    new Promise((resolve) => {
      done = resolve;
      client.stdin.write(`${sql}\nSELECT 'done';\n`);
    });
  return { postgres, run, end: () => client.stdin.end() };
}

const CONNECTION = "integration, name, customer_reference, status, credentials, account, lookback_days, created_at";

async function prepare(db) {
  if (!db.postgres) await db.run(".timeout 10000\n.output /dev/null\nPRAGMA journal_mode = WAL;\n.output");
  const numbers = Array.from({ length: count }, (_, n) => `(${FIRST + n})`).join(", ");
  await db.run(`CREATE TEMP TABLE own (n BIGINT); INSERT INTO own VALUES ${numbers};
    INSERT INTO connections (id, ${CONNECTION}) SELECT own.n, ${CONNECTION.replace("status", "'PAUSED'")} FROM own, connections WHERE connections.id = 1 ON CONFLICT DO NOTHING;`);
  const columns = orderColumns().join(", ");
  await db.run(`INSERT INTO orders (connection_id, ${columns}) SELECT own.n, ${columns} FROM own, orders WHERE orders.connection_id = 1 ON CONFLICT DO NOTHING;
    CREATE TEMP TABLE picked (k BIGINT PRIMARY KEY, source_id TEXT);
    INSERT INTO picked SELECT row_number() OVER () - 1, source_id FROM (SELECT source_id FROM orders WHERE connection_id = 1 ORDER BY source_id LIMIT 200) AS some;`);
}

/** The columns of orders but the connection's, as the server's own schema has them. */
function orderColumns() {
  const text = readFileSync(new URL("../../src/store/schema.rs", import.meta.url), "utf8");
  const table = text.slice(text.indexOf("orders (connection_id, source_id) {"));
  const names = [...table.slice(0, table.indexOf("}")).matchAll(/^\s+(?:r#)?(\w+) -> /gm)].map(([, name]) => name).filter((name) => name !== "connection_id");
  return names.map((name) => (name === "order" ? `"${name}"` : name));
}

/** Appends so many entries, as `store::changes` does: positions under the lock of the head, as the last act of a transaction. */
function append(db, from, many) {
  const now = db.postgres ? "clock_timestamp()" : "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)";
  const series = db.postgres ? `SELECT n FROM generate_series(1, ${many}) AS g(n)` : `WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < ${many}) SELECT n FROM g`;
  return db.run(`BEGIN${db.postgres ? "" : " IMMEDIATE"};
    UPDATE change_head SET position = position + ${many} WHERE id = 1;
    INSERT INTO changes (position, at, kind, connection_id, data_type, source_id, previous)
      SELECT head.position - ${many} + series.n, ${now}, 'UPDATED', ${FIRST} + (${from} + series.n) % ${count}, 'ORDERS', picked.source_id, '{"status":"OPEN"}'
      FROM change_head AS head, (${series}) AS series JOIN picked ON picked.k = (${from} + series.n) % (SELECT count(*) FROM picked);
    ${db.postgres ? "NOTIFY crossdock, 'changes';" : ""} COMMIT;`);
}

function cpu() {
  if (!pid) return NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  return (user + system) / 100;
}

async function lag() {
  const answer = await fetch(`${server}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  return Number(/^crossdock_webhook_lag (\d+)/m.exec(await answer.text())?.[1] ?? 0);
}

const latencies = [];
const receivers = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const event = JSON.parse(Buffer.concat(parts));
  latencies.push(Date.now() - Date.parse(event.timestamp));
  response.writeHead(204).end();
}).listen(0, "127.0.0.1");
await once(receivers, "listening");

const db = session();
await prepare(db);
const CREATE = "mutation($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { webhookEndpoint { id } errors { message } } }";
const made = [];
for (let n = 0; n < count; n += 1) {
  const id = Buffer.from(`ConnectedWms:${FIRST + n}`).toString("base64url");
  const only = FANOUT === "all" ? {} : { connectionIds: [id] };
  const input = { url: `http://127.0.0.1:${receivers.address().port}/${n}`, eventTypes: ["RECORD_UPDATED"], ...only };
  const { createWebhookEndpoint: answer } = await ask(CREATE, { input });
  if (answer.errors.length > 0) throw new Error(JSON.stringify(answer.errors));
  made.push(answer.webhookEndpoint.id);
}

const [began, cpuBefore] = [performance.now(), cpu()];
let [written, mostBehind, mostUnsent] = [0, 0, 0];
const perChange = FANOUT === "all" ? count : 1;
let writing = true;
const watching = (async () => {
  while (writing) {
    mostBehind = Math.max(mostBehind, await lag());
    mostUnsent = Math.max(mostUnsent, written * perChange - latencies.length);
    await sleep(250);
  }
})();
while (performance.now() - began < seconds * 1000) {
  const wanted = Math.floor(((performance.now() - began) / 60_000) * rate) - written;
  if (wanted > 0) await append(db, written, wanted);
  written += Math.max(wanted, 0);
  await sleep(TICK_MS);
}
writing = false;
await watching;
const took = (performance.now() - began) / 1000;
const atEnd = latencies.length;
while (latencies.length < written * perChange && performance.now() - began < PATIENCE_MS) await sleep(50);
const drained = (performance.now() - began) / 1000 - took;
const used = cpu() - cpuBefore;
db.end();
for (const id of made) await ask("mutation($id: ID!) { deleteWebhookEndpoint(input: { endpointId: $id }) { errors { message } } }", { id });
receivers.close();
receivers.closeAllConnections();

const sorted = latencies.toSorted((a, b) => a - b);
const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const row = [count, written, Math.round((written / took) * 60), latencies.length, Math.round(atEnd / took), mostBehind, mostUnsent, drained.toFixed(1), at(0.5), at(0.99), ((used / latencies.length) * 1000).toFixed(2)];
console.log("| endpoints | changes | changes a minute | webhooks | webhooks/s | most changes unread | most webhooks unsent | s until the last was sent | p50 ms | p99 ms | server CPU ms each |");
console.log("|---|---|---|---|---|---|---|---|---|---|---|");
console.log(`| ${row.join(" | ")} |`);
process.exit(latencies.length === written * perChange ? 0 : 1);
