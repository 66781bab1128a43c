// TypeScript without a client: documents typed by graphql-codegen, sent with fetch. tsc compiles it with every check on.
import assert from "node:assert/strict";
import { graphql } from "./__generated__/gql.js";
import type { TypedDocumentString } from "./__generated__/graphql.js";
import type { StockQuery } from "./__generated__/operations.js";
import { DataType } from "./__generated__/schema.js";

// quoted: client
const Orders = graphql(`
  query Orders($filter: OrderFilter, $after: String) {
    orders(first: 20, after: $after, filter: $filter) {
      nodes { id orderNumber status totalPrice shipTo { city country } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

async function ask<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result> {
  const { URL: server, KEY: key } = process.env;
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const body = JSON.stringify({ query: document, variables });
  const answer = await fetch(`${server}/graphql`, { method: "POST", headers, body });
  const { data, errors } = (await answer.json()) as { data: Result; errors?: { message: string }[] };
  if (errors) throw new Error(errors.map(({ message }) => message).join("\n"));
  return data;
}
// end

const Products = graphql(`
  query Products { products(first: 1) { nodes { id sku name } } connections(first: 1) { nodes { id } } changeCursor }
`);
const CreateOrder = graphql(`
  mutation CreateOrder($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order { id orderNumber status }
      errors { __typename code message path ... on WmsError { httpStatus wmsCode retryable } }
    }
  }
`);

let page = await ask(Orders, { filter: { status: { in: ["OPEN", "FULFILLED"] } } });
const seen = new Set(page.orders.nodes.map(({ id }) => id));
while (page.orders.pageInfo.hasNextPage) {
  page = await ask(Orders, { filter: { status: { in: ["OPEN", "FULFILLED"] } }, after: page.orders.pageInfo.endCursor });
  for (const { id, totalPrice, shipTo } of page.orders.nodes) {
    const price: string | null | undefined = totalPrice;
    const country: string | null | undefined = shipTo?.country;
    assert.ok(!seen.has(id), `order ${id} came twice`);
    assert.ok(price === null || /^-?\d+(\.\d+)?$/.test(price ?? ""), `${price}`);
    assert.notEqual(country, undefined);
    seen.add(id);
  }
}
assert.ok(seen.size > 20);
console.log(`ok    codegen: every page of orders, typed (${seen.size} orders)`);

const { products, connections } = await ask(Products, {});
const connectionId = connections.nodes[0]?.id ?? "";
const draft = (sku: string) => ({
  connectionId,
  order: { shipTo: { fullName: "Ada Lovelace", address1: "1 Dock Road", city: "Rotterdam", country: "NL" }, lineItems: [{ sku, quantity: 1 }] },
});
const made = await ask(CreateOrder, { input: draft(products.nodes[0]?.sku ?? "") });
assert.deepEqual(made.createOrder.errors, []);
console.log(`ok    codegen: an order that was made (${made.createOrder.order?.orderNumber})`);

const refused = await ask(CreateOrder, { input: draft("NO-SUCH-SKU") });
const [error] = refused.createOrder.errors;
assert.ok(error?.__typename === "WmsError");
const status: number | null | undefined = error.httpStatus; // narrowed by `__typename`
assert.deepEqual([refused.createOrder.order, status, error.wmsCode, error.retryable], [null, 422, "validation_failed", false]);
console.log("ok    codegen: what the WMS refuses, narrowed by its type");

// The files that were made without the preset: an enumeration of the schema, and the result of an operation.
const nothing: StockQuery = { inventory: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } } };
assert.deepEqual([DataType.Orders, nothing.inventory.nodes], ["ORDERS", []]);
