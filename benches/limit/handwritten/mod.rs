//! What somebody would write who needed nothing but these three answers: one handler each, prepared SQL, structs with just the
//! fields that are asked for. It reads the server's own tables, and knows no keys, no filters and no GraphQL.
//!
//! On PostgreSQL a few connections are shared by all requests, which are pipelined; on SQLite each thread has a connection of
//! its own and reads where it stands.

mod lite;
mod pg;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use lite::Lite;
use pg::Pg;

const ORDERS: &str = "SELECT connection_id, source_id, order_number, status, total_price, source_created_at, ship_to, line_items FROM orders \
                      WHERE deleted_at IS NULL ORDER BY connection_id, source_id LIMIT 50";
const ORDER: &str = "SELECT connection_id, source_id, order_number, status, total_price, source_created_at, ship_to, line_items FROM orders \
                     WHERE connection_id = $1 AND source_id = $2";
const INVENTORY: &str = "SELECT connection_id, source_id, sku, name, on_hand, fulfillable, by_warehouse, locations FROM inventory_items \
                         WHERE deleted_at IS NULL ORDER BY connection_id, source_id LIMIT 50";

/// Answers until it is killed.
pub async fn serve(database: &str) {
    let found = match database.strip_prefix("sqlite:") {
        Some(path) => routes(Arc::new(Lite(path.to_owned()))),
        None => routes(Arc::new(Pg::connect(database).await)),
    };
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    println!("listening on http://{}", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket"));
    axum::serve(listener, found).await.expect("it serves");
}

/// What the three handlers read with.
trait Read: Send + Sync + 'static {
    fn orders(&self) -> impl Future<Output = Vec<Order>> + Send;
    fn order(&self, connection: i64, id: &str) -> impl Future<Output = Option<Order>> + Send;
    fn inventory(&self) -> impl Future<Output = Vec<Item>> + Send;
    /// Names of records of a table, by their source ids.
    fn names(&self, table: Named, connection: i64, ids: Vec<String>) -> impl Future<Output = HashMap<String, Option<String>>> + Send;
}

fn routes<R: Read>(read: Arc<R>) -> Router {
    Router::new().route("/orders", get(orders::<R>)).route("/orders/{id}", get(order::<R>)).route("/inventory", get(inventory::<R>)).with_state(read)
}

async fn orders<R: Read>(State(read): State<Arc<R>>) -> impl IntoResponse {
    Json(Data { data: Orders { orders: Nodes { nodes: read.orders().await } } })
}

async fn order<R: Read>(State(read): State<Arc<R>>, Path(id): Path<String>) -> Result<impl IntoResponse, StatusCode> {
    let plain = BASE64_URL_SAFE_NO_PAD.decode(id).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let mut parts = plain.splitn(3, ':').skip(1);
    let (Some(Ok(connection)), Some(id)) = (parts.next().map(str::parse), parts.next()) else { return Err(StatusCode::NOT_FOUND) };
    Ok(Json(Data { data: One { order: read.order(connection, id).await } }))
}

async fn inventory<R: Read>(State(read): State<Arc<R>>) -> impl IntoResponse {
    Json(Data { data: Inventory { inventory: Nodes { nodes: stocked(&*read).await } } })
}

/// The items, with the names of their warehouses and locations: one statement for each of the three.
async fn stocked<R: Read>(read: &R) -> Vec<Item> {
    let mut items = read.inventory().await;
    let (mut warehouses, mut locations) = (BTreeMap::<i64, Vec<String>>::new(), BTreeMap::<i64, Vec<String>>::new());
    for item in &items {
        warehouses.entry(item.connection).or_default().extend(item.by_warehouse.iter().map(|part| part.warehouse.source_id.clone()));
        locations.entry(item.connection).or_default().extend(item.locations.iter().map(|part| part.location.source_id.clone()));
    }
    let mut named = HashMap::new();
    for (table, wanted) in [(Named::Warehouses, warehouses), (Named::Locations, locations)] {
        for (connection, mut ids) in wanted {
            ids.sort_unstable();
            ids.dedup();
            named.insert((table, connection), read.names(table, connection, ids).await);
        }
    }
    for item in &mut items {
        let find = |table: Named, link: &mut Link| {
            let found = named.get(&(table, item.connection)).and_then(|names| names.get(&link.source_id));
            link.shown = found.map(|name| Shown { id: id(table.type_name(), item.connection, &link.source_id), name: name.clone() });
        };
        item.by_warehouse.iter_mut().for_each(|part| find(Named::Warehouses, &mut part.warehouse));
        item.locations.iter_mut().for_each(|part| find(Named::Locations, &mut part.location));
    }
    items
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Named {
    Warehouses,
    Locations,
}

impl Named {
    const fn type_name(self) -> &'static str {
        match self {
            Self::Warehouses => "Warehouse",
            Self::Locations => "WarehouseLocation",
        }
    }
}

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

#[derive(Serialize)]
struct Orders {
    orders: Nodes<Order>,
}

#[derive(Serialize)]
struct One {
    order: Option<Order>,
}

#[derive(Serialize)]
struct Inventory {
    inventory: Nodes<Item>,
}

#[derive(Serialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    id: String,
    order_number: String,
    status: String,
    total_price: Option<String>,
    source_created_at: Option<String>,
    ship_to: Option<Address>,
    line_items: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"))]
struct Address {
    full_name: Option<String>,
    address1: Option<String>,
    city: Option<String>,
    postal_code: Option<String>,
    country: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"))]
struct Line {
    sku: Option<String>,
    name: Option<String>,
    quantity: f64,
    unit_price: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(skip)]
    connection: i64,
    id: String,
    sku: Option<String>,
    name: String,
    on_hand: f64,
    fulfillable: f64,
    by_warehouse: Vec<Stock>,
    locations: Vec<Bin>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"))]
struct Stock {
    warehouse: Link,
    on_hand: f64,
    fulfillable: f64,
}

#[derive(Serialize, Deserialize)]
struct Bin {
    location: Link,
    quantity: f64,
}

/// Read as the source id of what it points at, written as that.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Link {
    source_id: String,
    shown: Option<Shown>,
}

impl From<String> for Link {
    fn from(source_id: String) -> Self {
        Self { source_id, shown: None }
    }
}

impl Serialize for Link {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.shown.serialize(out)
    }
}

#[derive(Serialize)]
struct Shown {
    id: String,
    name: Option<String>,
}

fn id(kind: &str, connection: i64, source_id: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{kind}:{connection}:{source_id}"))
}

/// Millionths as a decimal with at least two digits.
fn price(micros: i64) -> String {
    let mut text = String::new();
    let (mut rest, mut digits) = (micros.abs() % 1_000_000, 6);
    while digits > 2 && rest % 10 == 0 {
        (rest, digits) = (rest / 10, digits - 1);
    }
    let sign = if micros < 0 { "-" } else { "" };
    write!(text, "{sign}{}.{rest:0digits$}", micros.abs() / 1_000_000).expect("memory");
    text
}

fn quantity(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a str) -> T {
    serde_json::from_str(json).expect("what the server has stored")
}
