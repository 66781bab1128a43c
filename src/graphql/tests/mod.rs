//! The schema over a real SQLite file, without engines: what reaches them is tested from outside.

mod edge;
mod lists;
mod objects;
mod plan;

use async_graphql::Request;
use serde_json::Value;

use super::*;
use crate::record::*;
use crate::store::Sizes;
use crate::store::apply::{Arrived, Tell, record_apply};
use crate::store::connections::{NewConnection, connection_create};
use crate::store::keys::{Access, ApiKey};
use crate::store::records::Kind;
use crate::store::schedules::{NewSchedule, schedule_create};
use crate::store::vault::Vault;

struct World {
    schema: Schema,
    store: Store,
    _folder: tempfile::TempDir,
}

const NOON: Instant = Instant::from_micros(1_767_268_800_000_000);

fn seconds(count: i64) -> Instant {
    NOON.plus_seconds(count)
}

fn random(buffer: &mut [u8]) -> bool {
    buffer.fill(1);
    true
}

pub(super) fn key(access: Access) -> Viewer {
    Viewer(ApiKey { id: 7, name: "test".to_owned(), access, created_at: NOON, revoked_at: None })
}

fn source(id: &str) -> Source {
    Source { id: id.to_owned(), ..Source::default() }
}

impl World {
    /// An empty database with two connections.
    async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(&url, Sizes::default(), Vault::new(&[7; 32], random)).await.unwrap();
        for name in ["first", "second"] {
            let new = NewConnection {
                integration: "gone".to_owned(),
                name: name.to_owned(),
                customer_reference: (name == "second").then(|| "tenant-2".to_owned()),
                credentials: "{}".into(),
                lookback_days: 30,
            };
            let mut tx = store.write().await.unwrap();
            let made = connection_create(&mut tx, store.vault(), &new, NOON).await.unwrap();
            let schedules =
                [DataType::Orders, DataType::Products].map(|data_type| NewSchedule { data_type, interval_seconds: 900, first_run_at: NOON });
            schedule_create(&mut tx, made.id(), &schedules).await.unwrap();
            store.commit(tx).await.unwrap();
        }
        let clock = Clock::of(|| NOON);
        Self {
            schema: Schema::over(builder(), store.clone(), Arc::new([]), clock, Guard::new(&sdl(), Limits::DEFAULT, None).unwrap()),
            store,
            _folder: folder,
        }
    }

    async fn lay<K: Kind>(&self, connection: i64, now: Instant, records: &[K]) {
        let mut tx = self.store.write().await.unwrap();
        let arrived: Vec<_> = records.iter().map(Arrived::from).collect();
        let applied = record_apply(&mut tx, ConnectionId(connection), &arrived, now, Tell::Known).await.unwrap();
        assert!(applied.refused.is_empty(), "{:?}", applied.refused);
        self.store.commit(tx).await.unwrap();
    }

    /// A hundred and twenty orders at the first connection, three at the second, and what they point at.
    async fn full() -> Self {
        let world = Self::empty().await;
        let warehouse = Warehouse { source: source("W1"), name: "North".to_owned(), ..Warehouse::default() };
        world.lay(1, NOON, &[warehouse]).await;
        let places: Vec<_> = (0..3)
            .map(|n| WarehouseLocation { source: source(&format!("L{n}")), warehouse: Some(Link::to("W1")), ..WarehouseLocation::default() })
            .collect();
        world.lay(1, NOON, &places).await;
        let items: Vec<_> =
            (0..4).map(|n| InventoryItem { source: source(&format!("I{n}")), name: format!("item {n}"), ..InventoryItem::default() }).collect();
        world.lay(1, NOON, &items).await;
        let products: Vec<_> = (0..5)
            .map(|n| Product {
                source: source(&format!("P{n}")),
                name: format!("product {n}"),
                components: (0..n.min(2))
                    .map(|part| ProductComponent { inventory_item: Some(Link::to(format!("I{part}"))), ..ProductComponent::default() })
                    .collect(),
                ..Product::default()
            })
            .collect();
        world.lay(1, NOON, &products).await;
        for (batch, numbers) in (0..120).collect::<Vec<i64>>().chunks(10).enumerate() {
            let orders: Vec<_> = numbers.iter().map(|number| order(*number)).collect();
            world.lay(1, seconds(i64::try_from(batch).unwrap()), &orders).await;
        }
        world.lay(2, NOON, &[order(0), order(1), order(2)]).await;
        let returns: Vec<_> = (0..7)
            .map(|n| Return { source: source(&format!("R{n}")), order: Some(Link::to(if n < 4 { "O000" } else { "O001" })), ..Return::default() })
            .collect();
        world.lay(1, NOON, &returns).await;
        world
    }

    async fn answer(&self, request: impl Into<Request>, access: Access) -> Value {
        serde_json::to_value(self.schema.execute(request.into().data(key(access))).await).unwrap()
    }

    /// The data of a query that has no errors.
    async fn ask(&self, query: &str) -> Value {
        let answer = self.answer(query, Access::Read).await;
        assert!(answer.get("errors").is_none(), "{query}\n{answer:#}");
        answer["data"].clone()
    }

    /// The only error of a query.
    async fn refusal(&self, query: &str) -> Value {
        let answer = self.answer(query, Access::Read).await;
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{query}\n{answer:#}")).clone();
        assert_eq!(errors.len(), 1, "{answer:#}");
        errors[0].clone()
    }
}

fn order(number: i64) -> Order {
    Order {
        source: source(&format!("O{number:03}")),
        order_number: format!("N{number:03}"),
        status: if number % 2 == 0 { OrderStatus::Open } else { OrderStatus::Fulfilled },
        order_type: Some(OrderType::D2c),
        warehouse: Some(Link::to(if number % 3 == 0 { "W1" } else { "W9" })),
        // Many orders of the same price, and some of none: the rest of the ordering must tell them apart.
        total_price: (number % 4 != 0).then(|| Money::from_micros((number % 4) * 10_000_000)),
        totals: OrderTotals { currency_code: Some("EUR".to_owned()), ..OrderTotals::default() },
        delivery: OrderDelivery { duty_paid_by: Some(DutyPayer::Sender), ..OrderDelivery::default() },
        ship_to: Some(Address { country: Some(if number == 5 { "FR" } else { "DE" }.to_owned()), ..Address::default() }),
        line_items: (0..2)
            .map(|line| OrderLineItem {
                product: Some(Link::to(format!("P{}", (number + line) % 7))),
                sku: Some(format!("SKU-{}", number % 10)),
                quantity: Quantity::from_micros(1_500_000),
                ..OrderLineItem::default()
            })
            .collect(),
        ..Order::default()
    }
}

fn texts(list: &Value, pointer: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|node| node.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}
