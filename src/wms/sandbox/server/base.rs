//! What everything else is made from: the seed, the scale, the moment that the data is dated by, and the goods.
//!
//! **Invariant.** Every row of the sandbox is a pure function of a [`Base`] and a number.

use std::sync::Arc;

use super::catalog;
use super::goods::{self, Item};
use super::wire::Product;
use crate::record::{Instant, Quantity};

/// What one of a product takes from stock: items and quantities.
pub(super) type Bill = Arc<[(u32, Quantity)]>;

/// What one of `product` takes from stock.
pub(super) fn bill(product: &Product) -> Bill {
    let parts = product.bill_of_materials.iter();
    parts.filter_map(|part| Some((catalog::id::number(&part.inventory_id, catalog::id::inventory)?, part.qty))).collect()
}

/// The seed, the scale, and the goods.
pub(super) struct Base {
    pub seed: u64,
    pub epoch: Instant,
    /// How many orders there are.
    pub orders: u32,
    pub clients: u32,
    /// Bins in each warehouse.
    pub bins: u32,
    pub asns: u32,
    pub rmas: u32,
    /// By number, from 1.
    pub items: Vec<Item>,
    /// By number, from 1.
    pub products: Vec<Product>,
    /// For each product what one of it takes from stock.
    pub bills: Vec<Bill>,
    /// For each client the numbers of what can be ordered.
    pub offers: Vec<Vec<u32>>,
}

impl Base {
    /// The base of a sandbox with so many orders. What else there is follows from their number.
    pub(super) fn new(seed: u64, orders: u32, epoch: Instant) -> Self {
        let clients = (orders / 100).clamp(6, 400);
        let item_count = (orders / 5).clamp(40, 40_000);
        let codes: Vec<String> = catalog::clients(epoch, clients).into_iter().map(|client| client.code).collect();
        let items: Vec<Item> = (1..=item_count).map(|number| goods::item(seed, number, clients, &codes)).collect();
        let products = goods::products(seed, epoch, &items, clients);
        let bills = products.iter().map(bill).collect();
        let mut offers = vec![Vec::new(); clients as usize];
        for (number, product) in (1..).zip(&products) {
            let client = catalog::id::number(&product.client_id, catalog::id::client).unwrap_or(1);
            if !product.archived {
                offers[client as usize - 1].push(number);
            }
        }
        let bins = (item_count / 4).clamp(12, 2_000);
        let flows = (orders / 12).clamp(20, 80_000);
        Self { seed, epoch, orders, clients, bins, asns: flows, rmas: flows.min(orders / 4), items, products, bills, offers }
    }

    /// Item `number`.
    pub(super) fn item(&self, number: u32) -> &Item {
        &self.items[number as usize - 1]
    }

    /// What one of product `number` takes from stock.
    pub(super) fn bill(&self, product: u32) -> &Bill {
        &self.bills[product as usize - 1]
    }

    /// Whether parts of product `number` can be ordered.
    pub(super) fn is_divisible(&self, product: u32) -> bool {
        matches!(**self.bill(product), [(item, _)] if self.item(item).is_divisible())
    }
}

/// `rate` times `quantity`, exact to six decimals.
pub(super) fn times(rate: Quantity, quantity: Quantity) -> Quantity {
    let product = i128::from(rate.micros()) * i128::from(quantity.micros()) / 1_000_000;
    Quantity::from_micros(i64::try_from(product).unwrap_or(i64::MAX))
}
