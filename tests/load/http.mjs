// How fast a server answers five queries, and what that costs it, as a Markdown table:
//
//   URL=http://127.0.0.1:8080 KEY=cdk_… PID=$(pidof crossdock) node tests/load/http.mjs
//
// SECONDS (10) is how long each row takes, CONCURRENCY (1,16,64) how many connections ask at the same time, DEPTH (10000) how
// many orders lie before the deep page, QUERIES (Q1,Q2,Q3,Q4,Q5) what is asked. Without PID, the last two columns are empty.
//
// Each connection asks again when it has been answered. Requests are bytes that are made once, and of the answers only the
// length and the beginning are looked at, so that the client, which has the same machine, takes as little of it as it can.
// Nothing needs to be installed but Node 20.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const { URL: server, KEY: key, PID: pid, SECONDS = "10", CONCURRENCY = "1,16,64", DEPTH = "10000", QUERIES = "Q1,Q2,Q3,Q4,Q5" } = process.env;
if (!server || !key) {
  console.error("URL and KEY must say which server, and with which key");
  process.exit(2);
}
const { hostname, port, host } = new URL(server);
const TICKS_PER_SECOND = 100; // of /proc, on every Linux that Node runs on
const WARM_MS = 500;

async function ask(query, variables) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(`${server}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return data;
}

const ORDER = "id orderNumber status totalPrice sourceCreatedAt shipTo { fullName address1 city postalCode country }";
const FILTER = { status: { in: ["OPEN", "FULFILLED"] } };

/** The cursor of the order that has so many before it, or of the last page's. */
async function deepCursor(depth) {
  let after = null;
  for (let seen = 0; seen < depth; seen += 250) {
    const { orders } = await ask("query($filter: OrderFilter, $after: String) { orders(first: 250, filter: $filter, after: $after) { pageInfo { endCursor hasNextPage } } }", { filter: FILTER, after });
    if (!orders.pageInfo.hasNextPage) break;
    after = orders.pageInfo.endCursor;
  }
  return after;
}

const QUESTIONS = {
  Q1: async () => ({ query: `{ orders(first: 50) { nodes { ${ORDER} lineItems { sku name quantity unitPrice } } } }` }),
  Q2: async () => ({ query: `{ orders(first: 50) { nodes { ${ORDER} lineItems { sku name quantity unitPrice product { id sku name unitPrice } } } } }` }),
  Q3: async () => ({
    query: `query($filter: OrderFilter, $after: String) { orders(first: 50, filter: $filter, after: $after) { nodes { ${ORDER} lineItems { sku name quantity unitPrice } } } }`,
    variables: { filter: FILTER, after: await deepCursor(Number(DEPTH)) },
  }),
  Q4: async () => {
    const { orders } = await ask("{ orders(first: 1) { nodes { id } } }");
    return { query: `query($id: ID!) { order(id: $id) { ${ORDER} lineItems { sku name quantity unitPrice } } }`, variables: { id: orders.nodes[0].id } };
  },
  Q5: async () => ({
    query: "{ inventory(first: 50) { nodes { id sku name onHand fulfillable byWarehouse { warehouse { id name } onHand fulfillable } locations { location { id name } quantity } products { id sku name } } } }",
  }),
};

/** What the process has used so far: seconds of CPU, MiB of memory now. */
function usage() {
  if (!pid) return { cpu: NaN, rss: NaN };
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
  return { cpu: (user + system) / TICKS_PER_SECOND, rss };
}

/** One connection, which asks again and again; `answered` gets the milliseconds of each answer. */
function asker(request, answered) {
  return new Promise((done, fail) => {
    const socket = connect({ host: hostname, port: Number(port || 80), noDelay: true });
    let parts = [];
    let missing = 0;
    let began = 0;
    let open = true;
    const send = () => {
      began = performance.now();
      socket.write(request);
    };
    const refuse = (why) => {
      socket.destroy();
      fail(new Error(why));
    };
    socket.once("connect", send);
    socket.once("error", fail);
    socket.once("close", () => (open ? fail(new Error("The server hung up")) : done()));
    socket.on("data", (part) => {
      if (missing > 0) {
        missing -= part.length;
      } else {
        parts.push(part);
        const text = Buffer.concat(parts);
        const head = text.indexOf("\r\n\r\n");
        if (head < 0) return;
        parts = [];
        const headers = text.toString("latin1", 0, head);
        const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
        if (!headers.startsWith("HTTP/1.1 200 ") || length === undefined) return refuse(`Not an answer of a known length: ${headers}`);
        const begin = text.toString("utf8", head + 4, head + 12);
        if (text.length >= head + 12 && begin !== '{"data":') return refuse(`Not an answer without errors: ${text.toString("utf8", head + 4, head + 400)}`);
        missing = Number(length) - (text.length - head - 4);
      }
      if (missing > 0) return;
      if (answered(performance.now() - began)) return send();
      open = false;
      socket.end();
    });
  });
}

/** Asks with so many connections for so long: the milliseconds of each answer, in order of size, and the seconds it took. */
async function drive(body, concurrency, milliseconds) {
  const text = Buffer.from(JSON.stringify(body));
  const head = `POST /graphql HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), text]);
  const times = [];
  const began = performance.now();
  const answered = (time) => times.push(time) && performance.now() - began < milliseconds;
  await Promise.all(Array.from({ length: concurrency }, () => asker(request, answered)));
  return { times: times.sort((a, b) => a - b), seconds: (performance.now() - began) / 1000 };
}

const at = (times, share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(2);
const shown = (value, digits) => (Number.isNaN(value) ? "" : value.toFixed(digits));

console.log("| query | connections | requests/s | p50 ms | p99 ms | CPU ms/request | RSS MiB |");
console.log("|---|---:|---:|---:|---:|---:|---:|");
for (const name of QUERIES.split(",")) {
  const body = await QUESTIONS[name]();
  await ask(body.query, body.variables);
  for (const concurrency of CONCURRENCY.split(",").map(Number)) {
    await drive(body, concurrency, WARM_MS);
    await sleep(50);
    const before = usage();
    const { times, seconds } = await drive(body, concurrency, Number(SECONDS) * 1000);
    const after = usage();
    const cpu = ((after.cpu - before.cpu) * 1000) / times.length;
    console.log(`| ${name} | ${concurrency} | ${(times.length / seconds).toFixed(0)} | ${at(times, 0.5)} | ${at(times, 0.99)} | ${shown(cpu, 3)} | ${shown(after.rss, 0)} |`);
  }
}
