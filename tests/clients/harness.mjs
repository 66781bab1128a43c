// What all clients here have in common: which server they drive, and how they say what works.
//
// URL is where the server is, KEY an API key of it that may do everything. Every line that is printed is a check; one
// that fails makes the exit code 1.
import assert from "node:assert/strict";

const { URL: server, KEY: key } = process.env;
if (!server || !key) {
  console.error("URL and KEY must say which server, and with which key");
  process.exit(2);
}

export const endpoint = `${server}/graphql`;
export const socketEndpoint = endpoint.replace(/^http/, "ws");
export const authorization = `Bearer ${key}`;
const PATIENCE_MS = 60_000;

let failures = 0;

/** Runs a check, and prints what came of it. What it returns is shown beside its name. */
export async function check(name, run) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error("it takes too long")), PATIENCE_MS)));
  try {
    const said = await Promise.race([run(), late]);
    console.log(`ok    ${name}${said ? ` (${said})` : ""}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL  ${name}\n      ${error?.stack ?? JSON.stringify(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** The end of a program: sockets that are still open do not keep it alive. */
export function finish() {
  console.log(failures === 0 ? "all is well" : `${failures} failed`);
  process.exit(failures === 0 ? 0 : 1);
}

/** A query by a plain POST, without any client. */
export async function ask(query, variables) {
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(endpoint, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** The id of the demo's connection. */
export async function demo() {
  const { connections } = await ask("{ connections(first: 1) { nodes { id } } }");
  return connections.nodes[0].id;
}

/** The same without `__typename`, which caches ask for and people do not. */
export function bare(value) {
  return JSON.parse(JSON.stringify(value), (name, inner) => (name === "__typename" ? undefined : inner));
}

/** An order that the demo's WMS accepts, or refuses when the SKU is not one of its own. */
export async function draft(sku) {
  const { products } = await ask("{ products(first: 1) { nodes { sku } } }");
  return {
    shipTo: { fullName: "Ada Lovelace", address1: "1 Dock Road", city: "Rotterdam", country: "NL" },
    lineItems: [{ sku: sku ?? products.nodes[0].sku, quantity: 1 }],
  };
}

/**
 * Everything that has an id of some kind in a page of orders. A cache that takes the ids of shipments and carriers, which
 * are the WMS's own, for global ones answers this with another's data.
 */
export const EVERY_ID = `
  query EveryId($first: Int!) {
    orders(first: $first, orderBy: [{ field: SOURCE_CREATED_AT, direction: DESC }]) {
      nodes {
        id
        orderNumber
        channel { id name }
        carrier { sourceId name scac }
        shipMethod: shippingMethod { id name }
        lineItems { sku quantity product { id name supplier { id name } } }
        shipments { sourceId status packages { sourceId trackingNumber } shipTo { city } }
      }
    }
  }
`;

export { assert };
