// A receiver of webhooks, as applications write it, with the npm package of Standard Webhooks.
import { once } from "node:events";
import { ask, assert, check, finish } from "./harness.mjs";

// quoted: receiver
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

function receiver(secret, handle) {
  const webhook = new Webhook(secret); // whsec_…
  const seen = new Set(); // in a table of your database, so that it outlives the process
  return createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    let event;
    try {
      event = webhook.verify(Buffer.concat(parts).toString(), request.headers); // the body as it came, not parsed and written anew
    } catch {
      return response.writeHead(400).end();
    }
    const id = request.headers["webhook-id"];
    if (!seen.has(id)) await handle(event);
    seen.add(id);
    response.writeHead(204).end();
  });
}
// end

const CREATE = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url }) { webhookEndpoint { id } secret errors { message } } }";
const TEST = "mutation($id: ID!) { sendTestWebhook(input: { endpointId: $id }) { delivery { id } errors { message } } }";
const ROTATE = "mutation($id: ID!) { rotateWebhookSecret(input: { endpointId: $id, keepOldHours: 1 }) { secret errors { message } } }";
const DELIVERY = "query($id: ID!) { node(id: $id) { ... on WebhookDelivery { status attempts lastStatus lastError } } }";

/** The delivery of a test, when it was sent. */
async function tested(id) {
  const { sendTestWebhook: sent } = await ask(TEST, { id });
  assert.deepEqual(sent.errors, []);
  for (;;) {
    const { node } = await ask(DELIVERY, { id: sent.delivery.id });
    if (node.attempts > 0) return node;
    await new Promise((again) => setTimeout(again, 50));
  }
}

const events = [];
let current = createServer();
const front = createServer((request, response) => current.emit("request", request, response)).listen(0, "127.0.0.1");
await once(front, "listening");
const made = (await ask(CREATE, { url: `http://127.0.0.1:${front.address().port}/` })).createWebhookEndpoint;
const { id } = made.webhookEndpoint ?? {};

await check("webhooks: an event is verified by the library", async () => {
  assert.deepEqual(made.errors, []);
  current = receiver(made.secret, async (event) => events.push(event));
  assert.equal((await tested(id)).status, "DELIVERED");
  const test = events.find(({ type }) => type === "webhook.test");
  assert.deepEqual(test.data, { endpointId: id });
});
await check("webhooks: another's secret verifies nothing", async () => {
  current = receiver("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", async () => assert.fail("it was taken"));
  assert.deepEqual(await tested(id), { status: "PENDING", attempts: 1, lastStatus: 400, lastError: "400 Bad Request" });
});
await check("webhooks: while a secret is rotated both verify", async () => {
  const { secret } = (await ask(ROTATE, { id })).rotateWebhookSecret;
  for (const one of [made.secret, secret]) {
    current = receiver(one, async (event) => events.push(event));
    assert.equal((await tested(id)).status, "DELIVERED");
  }
});
await ask("mutation($id: ID!) { deleteWebhookEndpoint(input: { endpointId: $id }) { errors { message } } }", { id });
finish();
