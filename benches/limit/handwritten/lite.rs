//! On SQLite.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;

use super::{INVENTORY, Item, Named, ORDER, ORDERS, Order, Read, id, parsed, price, quantity};

/// A SQLite file.
pub(super) struct Lite(pub(super) String);

/// A thread's connection, with its statements.
struct Open {
    orders: Prep,
    order: Prep,
    inventory: Prep,
    warehouses: Prep,
    locations: Prep,
}

/// Both live as long as the thread does: as long as the program.
type Prep = rusqlite::Statement<'static>;

impl Open {
    fn at(path: &str) -> rusqlite::Result<Self> {
        let connection: &'static rusqlite::Connection = Box::leak(Box::new(rusqlite::Connection::open(path)?));
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 1073741824; PRAGMA cache_size = -16000;")?;
        let names = |table: &str| {
            connection
                .prepare(&format!("SELECT source_id, name FROM {table} WHERE connection_id = ? AND source_id IN (SELECT value FROM json_each(?))"))
        };
        Ok(Self {
            orders: connection.prepare(ORDERS)?,
            order: connection.prepare(ORDER)?,
            inventory: connection.prepare(INVENTORY)?,
            warehouses: names("warehouses")?,
            locations: names("warehouse_locations")?,
        })
    }
}

impl Lite {
    fn with<T>(&self, f: impl FnOnce(&mut Open) -> rusqlite::Result<T>) -> T {
        thread_local! {
            static OPEN: RefCell<Option<Open>> = const { RefCell::new(None) };
        }
        OPEN.with_borrow_mut(|open| f(open.get_or_insert_with(|| Open::at(&self.0).expect("the server's database")))).expect("the server's tables")
    }

    fn order(row: &rusqlite::Row<'_>) -> rusqlite::Result<Order> {
        let created: Option<i64> = row.get(5)?;
        Ok(Order {
            id: id("Order", row.get(0)?, row.get_ref(1)?.as_str()?),
            order_number: row.get(2)?,
            status: row.get(3)?,
            total_price: row.get::<_, Option<i64>>(4)?.map(price),
            source_created_at: created.and_then(|micros| Timestamp::from_microsecond(micros).ok()).map(|at| at.to_string()),
            ship_to: row.get_ref(6)?.as_str_or_null()?.map(parsed),
            line_items: parsed(row.get_ref(7)?.as_str()?),
        })
    }

    fn item(row: &rusqlite::Row<'_>) -> rusqlite::Result<Item> {
        let connection = row.get(0)?;
        Ok(Item {
            connection,
            id: id("InventoryItem", connection, row.get_ref(1)?.as_str()?),
            sku: row.get(2)?,
            name: row.get(3)?,
            on_hand: quantity(row.get(4)?),
            fulfillable: quantity(row.get(5)?),
            by_warehouse: parsed(row.get_ref(6)?.as_str()?),
            locations: parsed(row.get_ref(7)?.as_str()?),
        })
    }
}

impl Read for Lite {
    async fn orders(&self) -> Vec<Order> {
        self.with(|open| open.orders.query_map([], Self::order)?.collect())
    }

    async fn order(&self, connection: i64, id: &str) -> Option<Order> {
        self.with(|open| open.order.query_map((connection, id), Self::order)?.next().transpose())
    }

    async fn inventory(&self) -> Vec<Item> {
        self.with(|open| open.inventory.query_map([], Self::item)?.collect())
    }

    async fn names(&self, table: Named, connection: i64, ids: Vec<String>) -> HashMap<String, Option<String>> {
        let ids = serde_json::to_string(&ids).expect("JSON");
        self.with(|open| {
            let statement = match table {
                Named::Warehouses => &mut open.warehouses,
                Named::Locations => &mut open.locations,
            };
            statement.query_map((connection, ids), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }
}
