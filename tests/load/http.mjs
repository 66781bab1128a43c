// How fast a server answers five queries, and what that costs it, as a Markdown table:
//
//   URL=http://127.0.0.1:8080 KEY=cdk_… PID=$(pidof crossdock) node tests/load/http.mjs
//
// SECONDS (10) is how long each row takes, CONCURRENCY (1,16,64) how many connections ask at the same time, DEPTH (10000) how
// many orders lie before the deep page, QUERIES (Q1,Q2,Q3,Q4,Q5) what is asked. Without PID, the last two columns are empty.
//
// Nothing needs to be installed but Node 20.
import { setTimeout as sleep } from "node:timers/promises";

import { drive, quantile, shown, usage } from "./driver.mjs";

const { URL: server, KEY: key, PID: pid, SECONDS = "10", CONCURRENCY = "1,16,64", DEPTH = "10000", QUERIES = "Q1,Q2,Q3,Q4,Q5" } = process.env;
if (!server || !key) {
  console.error("URL and KEY must say which server, and with which key");
  process.exit(2);
}
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

console.log("| query | connections | requests/s | p50 ms | p99 ms | CPU ms/request | RSS MiB |");
console.log("|---|---:|---:|---:|---:|---:|---:|");
for (const name of QUERIES.split(",")) {
  const body = await QUESTIONS[name]();
  await ask(body.query, body.variables);
  const request = { url: `${server}/graphql`, key, body };
  for (const concurrency of CONCURRENCY.split(",").map(Number)) {
    await drive(request, concurrency, WARM_MS);
    await sleep(50);
    const before = usage(pid);
    const { times, seconds } = await drive(request, concurrency, Number(SECONDS) * 1000);
    const after = usage(pid);
    const cpu = ((after.cpu - before.cpu) * 1000) / times.length;
    console.log(`| ${name} | ${concurrency} | ${(times.length / seconds).toFixed(0)} | ${quantile(times, 0.5)} | ${quantile(times, 0.99)} | ${shown(cpu, 3)} | ${shown(after.rss, 0)} |`);
  }
}
