// A page of 50 orders with lines and addresses, asked of Crossdock and of PostGraphile over the same PostgreSQL, as a Markdown table:
//
//   URL=http://127.0.0.1:8080 KEY=cdk_… PID=… DATABASE=postgres://… npm start
//
// The tables are Crossdock's, in which addresses and lines lie as JSON: PostGraphile hands these columns over whole, which is less
// work than to join tables for them, and their bytes are not the same. It runs as one process with NODE_ENV=production.
// SECONDS (10) is how long each row takes, CONCURRENCY (1,16,64) how many connections ask; both are asked in turn.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { drive, quantile, shown, usage } from "../driver.mjs";

const { URL: server, KEY: key, PID: pid, DATABASE, SECONDS = "10", CONCURRENCY = "1,16,64" } = process.env;
if (!server || !key || !pid || !DATABASE) {
  console.error("URL, KEY and PID must say which Crossdock, DATABASE which PostgreSQL");
  process.exit(2);
}
const TURNS = 5;

const child = spawn(process.execPath, [fileURLToPath(new URL("serve.mjs", import.meta.url))], {
  env: { ...process.env, NODE_ENV: "production" },
  stdio: ["ignore", "pipe", "inherit"],
});
process.on("exit", () => child.kill());
const [port] = await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => Promise.reject(new Error("PostGraphile did not start")))]);

const OURS =
  "{ orders(first: 50) { nodes { id orderNumber status totalPrice sourceCreatedAt shipTo { fullName address1 city postalCode country } lineItems { sku name quantity unitPrice } } } }";
const THEIRS = "{ allOrders(first: 50) { nodes { id orderNumber status totalPrice sourceCreatedAt shipTo lineItems } } }";
const contenders = [
  { name: "PostGraphile", pid: child.pid, url: `http://127.0.0.1:${Number(port)}/graphql`, body: { query: THEIRS } },
  { name: "Crossdock", pid, key, url: `${server}/graphql`, body: { query: OURS } },
];
for (const { name, url, key, body } of contenders) {
  const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  const answer = await (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).json();
  const count = Object.values(answer.data ?? {})[0]?.nodes.length;
  if (answer.errors || count !== 50) throw new Error(`${name}: ${JSON.stringify(answer.errors)} (${count} orders)`);
}

console.log("| connections | who | requests/s | of PostGraphile's | p50 ms | p99 ms | CPU ms/request | RSS MiB |");
console.log("|---:|---|---:|---:|---:|---:|---:|---:|");
for (const concurrency of CONCURRENCY.split(",").map(Number)) {
  const counted = contenders.map(() => ({ times: [], seconds: 0, cpu: 0 }));
  for (const contender of contenders) await drive(contender, concurrency, 1000);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [index, contender] of contenders.entries()) {
      const before = usage(contender.pid);
      const { times, seconds } = await drive(contender, concurrency, (Number(SECONDS) * 1000) / TURNS);
      counted[index].cpu += usage(contender.pid).cpu - before.cpu;
      counted[index].times.push(...times);
      counted[index].seconds += seconds;
    }
  }
  const rates = counted.map(({ times, seconds }) => times.length / seconds);
  for (const [index, { times, cpu }] of counted.entries()) {
    const sorted = times.sort((a, b) => a - b);
    const { rss } = usage(contenders[index].pid);
    const row = [concurrency, contenders[index].name, rates[index].toFixed(0), (rates[index] / rates[0]).toFixed(1)];
    row.push(quantile(sorted, 0.5), quantile(sorted, 0.99), shown((cpu * 1000) / times.length, 3), shown(rss, 0));
    console.log(`| ${row.join(" | ")} |`);
  }
}
process.exit(0);
