//! On PostgreSQL.

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use jiff::Timestamp;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::{INVENTORY, Item, Named, ORDER, ORDERS, Order, Read, id, parsed, price, quantity};

/// How many there are.
const CONNECTIONS: usize = 4;

/// A few connections, in turn.
pub(super) struct Pg {
    connections: Vec<Prepared>,
    next: AtomicUsize,
}

struct Prepared {
    client: Client,
    orders: Statement,
    order: Statement,
    inventory: Statement,
    warehouses: Statement,
    locations: Statement,
}

impl Pg {
    pub(super) async fn connect(url: &str) -> Self {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL");
            tokio::spawn(connection);
            let prepare = async |sql: &str| client.prepare(sql).await.expect("the server's tables");
            let (orders, order, inventory) = (prepare(ORDERS).await, prepare(ORDER).await, prepare(INVENTORY).await);
            let warehouses = prepare("SELECT source_id, name FROM warehouses WHERE connection_id = $1 AND source_id = ANY($2)").await;
            let locations = prepare("SELECT source_id, name FROM warehouse_locations WHERE connection_id = $1 AND source_id = ANY($2)").await;
            connections.push(Prepared { orders, order, inventory, warehouses, locations, client });
        }
        Self { connections, next: AtomicUsize::new(0) }
    }

    fn prepared(&self) -> &Prepared {
        &self.connections[self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS]
    }

    fn order(row: &Row) -> Order {
        let created: Option<SystemTime> = row.get(5);
        Order {
            id: id("Order", row.get(0), row.get(1)),
            order_number: row.get(2),
            status: row.get(3),
            total_price: row.get::<_, Option<i64>>(4).map(price),
            source_created_at: created.and_then(|at| Timestamp::try_from(at).ok()).map(|at| at.to_string()),
            ship_to: row.get::<_, Option<Text<'_>>>(6).map(|json| parsed(json.0)),
            line_items: parsed(row.get::<_, Text<'_>>(7).0),
        }
    }
}

/// A JSON column as it lies there.
struct Text<'a>(&'a str);

impl<'a> FromSql<'a> for Text<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(std::str::from_utf8(raw)?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }
}

impl Read for Pg {
    async fn orders(&self) -> Vec<Order> {
        let on = self.prepared();
        on.client.query(&on.orders, &[]).await.expect("rows").iter().map(Self::order).collect()
    }

    async fn order(&self, connection: i64, id: &str) -> Option<Order> {
        let on = self.prepared();
        on.client.query_opt(&on.order, &[&connection, &id]).await.expect("rows").as_ref().map(Self::order)
    }

    async fn inventory(&self) -> Vec<Item> {
        let on = self.prepared();
        let item = |row: &Row| Item {
            connection: row.get(0),
            id: id("InventoryItem", row.get(0), row.get(1)),
            sku: row.get(2),
            name: row.get(3),
            on_hand: quantity(row.get(4)),
            fulfillable: quantity(row.get(5)),
            by_warehouse: parsed(row.get::<_, Text<'_>>(6).0),
            locations: parsed(row.get::<_, Text<'_>>(7).0),
        };
        on.client.query(&on.inventory, &[]).await.expect("rows").iter().map(item).collect()
    }

    async fn names(&self, table: Named, connection: i64, ids: Vec<String>) -> HashMap<String, Option<String>> {
        let on = self.prepared();
        let statement = match table {
            Named::Warehouses => &on.warehouses,
            Named::Locations => &on.locations,
        };
        on.client.query(statement, &[&connection, &ids]).await.expect("rows").iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}
