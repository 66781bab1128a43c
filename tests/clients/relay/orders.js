// What an application writes for Relay: its environment, fragments and operations. relay-compiler checks them against
// schema.graphql, and Babel puts its artifacts in the place of the tags.
import { createClient } from "graphql-ws";
import { Environment, Network, Observable, RecordSource, Store, graphql } from "relay-runtime";
import WebSocket from "ws";

// quoted: environment
const parts = new Set(["Carrier", "Channel", "InboundReceipt", "Package", "Shipment", "Supplier"]);

export function environment({ endpoint, socketEndpoint, authorization }) {
  const headers = { authorization, "content-type": "application/json" };
  const socket = createClient({ url: socketEndpoint, webSocketImpl: WebSocket, connectionParams: { authorization } });
  const fetchQuery = async ({ text: query }, variables) =>
    (await fetch(endpoint, { method: "POST", headers, body: JSON.stringify({ query, variables }) })).json();
  const subscribe = ({ text: query }, variables) => Observable.create((sink) => socket.subscribe({ query, variables }, sink));
  return new Environment({
    network: Network.create(fetchQuery, subscribe),
    store: new Store(new RecordSource()),
    getDataID: (record, type) => (parts.has(type) ? undefined : record.id), // a part's `id` is the WMS's own, and not unique
  });
}
// end

// quoted: documents
export const OrdersQuery = graphql`
  query ordersQuery($filter: OrderFilter) { ...orders_list @arguments(filter: $filter) }
`;
export const OrdersList = graphql`
  fragment orders_list on Query
  @refetchable(queryName: "ordersListPaginationQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" }, filter: { type: "OrderFilter" }) {
    orders(first: $first, after: $after, filter: $filter) @connection(key: "OrdersList_orders") {
      edges { node { id ...orders_row } }
    }
  }
`;
export const OrdersRow = graphql`
  fragment orders_row on Order { orderNumber status lineItems { sku product { name } } shipments { sourceId packages { sourceId } } }
`;
export const CreateOrder = graphql`
  mutation ordersCreateMutation($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order { id ...orders_row }
      errors { __typename code message path ... on WmsError { wmsCode } }
    }
  }
`;
export const Synced = graphql`
  subscription ordersSyncedSubscription($after: Cursor) {
    syncCompleted(after: $after, dataTypes: [WAREHOUSES]) { cursor dataType run { id status } }
  }
`;
// end

export const EveryId = graphql`
  query ordersEveryIdQuery($first: Int!) {
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
