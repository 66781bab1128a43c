"""Python's gql: documents checked against the schema, pages, writes, and a subscription after a cursor."""

import asyncio
import os

# quoted: client
from gql import Client, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

url = os.environ["URL"] + "/graphql"
authorization = f"Bearer {os.environ['KEY']}"
http = AIOHTTPTransport(url=url, headers={"Authorization": authorization})
socket_url = url.replace("http", "ws", 1)
socket = WebsocketsTransport(
    url=socket_url,
    init_payload={"authorization": authorization},
    subprotocols=["graphql-transport-ws"],  # gql does not see a choice that the server answers in lower case
)
# end

# quoted: documents
ORDERS = gql("""
  query Orders($after: String, $filter: OrderFilter) {
    orders(first: 250, after: $after, filter: $filter) {
      nodes { id orderNumber status }
      pageInfo { hasNextPage endCursor }
    }
  }
""")
CREATE = gql("""
  mutation CreateOrder($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order { id orderNumber }
      errors { __typename code message path ... on WmsError { wmsCode } }
    }
  }
""")
SYNCED = gql("""
  subscription Synced($after: Cursor) {
    syncCompleted(after: $after, dataTypes: [WAREHOUSES]) { cursor dataType run { status } }
  }
""")
# end
START = gql("{ products(first: 1) { nodes { sku } } connections(first: 1) { nodes { id } } changeCursor orders { totalCount } }")
TRIGGER = gql("mutation($id: ID!) { triggerSync(input: { connectionId: $id, dataTypes: [WAREHOUSES] }) { errors { message } } }")


# quoted: pages
async def every_order(session, **filter):
    after = None
    while True:
        page = (await session.execute(GraphQLRequest(ORDERS, variable_values={"after": after, "filter": filter})))["orders"]
        for order in page["nodes"]:
            yield order
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]
# end


async def main():
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        start = await session.execute(START)
        orders = [order async for order in every_order(session)]
        assert len({order["id"] for order in orders}) == len(orders) == start["orders"]["totalCount"] > 250
        print(f"ok    python: every page of orders, checked against the schema ({len(orders)} orders)")

        connection = start["connections"]["nodes"][0]["id"]
        address = {"fullName": "Ada Lovelace", "address1": "1 Dock Road", "city": "Rotterdam", "country": "NL"}

        async def create(sku):
            order = {"shipTo": address, "lineItems": [{"sku": sku, "quantity": 1}]}
            created = await session.execute(GraphQLRequest(CREATE, variable_values={"input": {"connectionId": connection, "order": order}}))
            return created["createOrder"]

        made = await create(start["products"]["nodes"][0]["sku"])
        assert made["errors"] == [] and made["order"]["orderNumber"], made
        print(f"ok    python: an order that was made ({made['order']['orderNumber']})")

        refused = await create("NO-SUCH-SKU")
        [error] = refused["errors"]
        assert refused["order"] is None and error["__typename"] == "WmsError", refused
        assert error["path"] == ["order", "lineItems", "0", "sku"] and error["wmsCode"] == "validation_failed", error
        print("ok    python: what the WMS refuses is in the payload, and typed")

        async with Client(transport=socket) as events:
            # quoted: subscription
            following = events.subscribe(GraphQLRequest(SYNCED, variable_values={"after": start["changeCursor"]}))
            # end
            await session.execute(GraphQLRequest(TRIGGER, variable_values={"id": connection}))
            event = await asyncio.wait_for(anext(following), 60)
            await following.aclose()
        assert event["syncCompleted"]["run"]["status"] == "SUCCEEDED", event
        print(f"ok    python: a subscription, after a cursor ({event['syncCompleted']['cursor']})")


asyncio.run(main())
