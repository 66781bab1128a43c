// Runs every client against a server of its own, and the linters over the schema that it prints.
//
//   npm ci && npm start                                 starts ../../target/debug/crossdock, with its demo
//   URL=http://127.0.0.1:8080 KEY=cdk_… npm start       uses that server
//   npm start -- apollo urql                            only these
//
// The exit code is 1 when anything failed. Nothing is skipped.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const here = import.meta.dirname;
const root = resolve(here, "../..");
const binary = process.env.CROSSDOCK ?? join(root, "target/debug/crossdock");
const PATH = [join(here, "node_modules/.bin"), process.env.PATH].join(delimiter);
const FIRST_SYNC_MS = 120_000;

/** What is run: commands without a shell, in the folder `cwd`. Each step is a list of them, which stops at the first that fails. */
const STEPS = {
  "schema-linter": [{ run: "graphql-schema-linter --config-directory tests/clients/lint schema.graphql", cwd: root }],
  eslint: [{ run: "eslint --no-warn-ignored --config tests/clients/lint/eslint.config.mjs schema.graphql", cwd: root }],
  protocols: [{ run: "node protocols.mjs" }],
  apollo: [{ run: "node apollo.mjs" }],
  urql: [{ run: "node urql.mjs" }],
  relay: [
    { run: "relay-compiler relay.config.json", cwd: join(here, "relay") },
    { run: "babel orders.js --out-file orders.build.js", cwd: join(here, "relay") },
    { run: "node relay/main.mjs" },
  ],
  codegen: [{ run: "graphql-codegen --config codegen/codegen.yml" }, { run: "tsc --project codegen/tsconfig.json" }, { run: "node codegen/build/main.js" }],
};

/** A server with the demo, in a folder of its own, whose first sync is done. */
async function start() {
  const data = await mkdtemp(join(tmpdir(), "crossdock-clients-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CROSSDOCK_")));
  const server = spawn(binary, ["serve", "--listen", "127.0.0.1:0"], { cwd: data, env, stdio: ["ignore", "pipe", "pipe"] });
  const log = [];
  server.stderr.on("data", (text) => log.push(text));
  const ended = once(server, "exit");
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  try {
    let url;
    for await (const line of createInterface({ input: server.stdout })) {
      url = /listening on (http:\S+)/.exec(line)?.[1];
      if (url) break;
    }
    if (!url) throw new Error("The server did not say where it listens");
    server.stdout.resume();
    const made = await promisify(execFile)(binary, ["keys", "create", "--name", "clients", "--access", "admin"], { cwd: data, env });
    const key = made.stdout.trim().split("\n").at(-1);
    await firstSync(url, key);
    return { url, key, stop };
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${Buffer.concat(log)}`, { cause: error });
  }
}

/** Waits until every data type of the demo has been read once. */
async function firstSync(url, key) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const body = JSON.stringify({ query: "{ connections { nodes { schedules { dataType initialSyncCompletedAt } } } }" });
  const until = Date.now() + FIRST_SYNC_MS;
  for (;;) {
    const answer = await (await fetch(`${url}/graphql`, { method: "POST", headers, body })).json();
    const schedules = answer.data.connections.nodes.flatMap((connection) => connection.schedules);
    const missing = schedules.filter((schedule) => !schedule.initialSyncCompletedAt);
    if (schedules.length > 0 && missing.length === 0) return;
    if (Date.now() > until) throw new Error(`The first sync is not done: ${JSON.stringify(missing)}`);
    await sleep(200);
  }
}

/** Whether all commands of a step ended well. */
async function step(commands, env) {
  for (const { run, cwd = here } of commands) {
    const [program, ...words] = run.split(" ");
    const [code] = await once(spawn(program, words, { cwd, env, stdio: ["ignore", "inherit", "inherit"] }), "exit");
    if (code !== 0) return false;
  }
  return true;
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(STEPS);
const unknown = wanted.filter((name) => !STEPS[name]);
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(", ")}, only ${Object.keys(STEPS).join(", ")}`);
  process.exit(2);
}

const { URL: givenUrl, KEY: givenKey } = process.env;
const server = givenUrl ? { url: givenUrl, key: givenKey, stop: async () => {} } : await start();
const env = { ...process.env, PATH, URL: server.url, KEY: server.key };
const failed = [];
try {
  for (const name of wanted) {
    console.log(`\n-- ${name}`);
    if (!(await step(STEPS[name], env))) failed.push(name);
  }
} finally {
  await server.stop();
}
console.log(failed.length === 0 ? `\nclients: ${wanted.length} passed, 0 failed` : `\nclients: ${wanted.length - failed.length} passed, ${failed.length} failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
