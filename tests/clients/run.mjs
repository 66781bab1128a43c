// Runs every client against a server of its own, and the linters over the schema that it prints.
//
//   npm ci && npm start                                 starts ../../target/debug/crossdock, with its demo and a second WMS
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
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CROSSDOCK_")));
const FIRST_SYNC_MS = 120_000;

/** What is run: commands without a shell, in the folder `cwd`. Each step is a list of them, which stops at the first that fails. */
const STEPS = {
  "schema-linter": [{ run: "graphql-schema-linter --config-directory tests/clients/lint schema.graphql", cwd: root }],
  eslint: [{ run: "eslint --max-warnings 0 --config tests/clients/lint/eslint.config.mjs schema.graphql", cwd: root }],
  protocols: [{ run: "node protocols.mjs" }],
  webhooks: [{ run: "node webhooks.mjs" }],
  apollo: [{ run: "node apollo.mjs" }],
  urql: [{ run: "node urql.mjs" }],
  relay: [
    { run: "relay-compiler relay.config.json", cwd: join(here, "relay") },
    { run: "babel orders.js --out-file orders.build.js", cwd: join(here, "relay") },
    { run: "node relay/main.mjs" },
  ],
  codegen: [{ run: "graphql-codegen --config codegen/codegen.yml" }, { run: "tsc --project codegen/tsconfig.json" }, { run: "node codegen/build/main.js" }],
  python: [
    { run: "python3 -m venv python/build" },
    { run: "python/build/bin/pip install --quiet --disable-pip-version-check --requirement python/requirements.txt" },
    { run: "python/build/bin/python python/main.py" },
  ],
};

/** A process of the binary, once it has printed what `said` finds in a line: what was found, and how it is stopped. */
async function serve(words, cwd, said) {
  const server = spawn(binary, words, { cwd, env: clean, stdio: ["ignore", "pipe", "pipe"] });
  const log = [];
  server.stderr.on("data", (text) => log.push(text));
  const ended = once(server, "exit");
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
  };
  for await (const line of createInterface({ input: server.stdout })) {
    const found = said.exec(line)?.[1];
    if (found) {
      server.stdout.resume();
      return { found, stop };
    }
  }
  throw new Error(`crossdock ${words.join(" ")} does not come up\n${Buffer.concat(log)}`);
}

/**
 * A server with the demo, in a folder of its own, and a second WMS connected to it: the identifiers of the two overlap, as
 * those of any two WMSs may. The first sync of both is done.
 */
async function start() {
  const data = await mkdtemp(join(tmpdir(), "crossdock-clients-"));
  const started = [];
  const stop = async () => {
    for (const server of started.reverse()) await server.stop();
    await rm(data, { recursive: true, force: true });
  };
  try {
    started.push(await serve(["sandbox", "--listen", "127.0.0.1:0", "--seed", "2"], data, /credentials\s+(\{.*\})/));
    started.push(await serve(["serve", "--listen", "127.0.0.1:0", "--allow-private-webhooks"], data, /listening on (http:\S+)/));
    const [{ found: credentials }, { found: url }] = started;
    const made = await promisify(execFile)(binary, ["keys", "create", "--name", "clients", "--access", "admin"], { cwd: data, env: clean });
    const key = made.stdout.trim().split("\n").at(-1);
    const input = { integration: "sandbox", name: "Second warehouse", credentials: JSON.parse(credentials) };
    const { createConnection } = await ask(url, key, "mutation($input: CreateConnectionInput!) { createConnection(input: $input) { errors { message } } }", { input });
    if (createConnection.errors.length > 0) throw new Error(JSON.stringify(createConnection.errors));
    await firstSync(url, key);
    return { url, key, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ask(url, key, query, variables) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** Waits until every data type of every connection has been read once. */
async function firstSync(url, key) {
  const until = Date.now() + FIRST_SYNC_MS;
  for (;;) {
    const { connections } = await ask(url, key, "{ connections { nodes { schedules { dataType initialSyncCompletedAt } } } }");
    const schedules = connections.nodes.flatMap((connection) => connection.schedules);
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
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.stop().finally(() => process.exit(1)));
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
