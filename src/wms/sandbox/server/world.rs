//! All that the sandbox holds, and the one way to change it.
//!
//! **Invariant.** A write is planned against what is there (which may refuse it, and changes nothing), then journalled,
//! then applied (which cannot fail). Replaying a journal plans and applies the same writes at the same moments.

use std::collections::HashMap;
use std::sync::Arc;

use super::base::Base;
use super::catalog::{self, id};
use super::flows;
use super::history;
use super::journal::{Entry, Header, Journal, Write};
use super::refusal::Refusal;
use super::rules;
use super::stock::{self, Tally};
use super::table::Table;
use super::wire::{Asn, Client, Inventory, Location, Method, Order, Product, Rma, Warehouse};
use crate::record::Instant;

/// The resources: the name of each in addresses, its table, and how its identifiers are made.
macro_rules! resources {
    ($($variant:ident $name:literal $field:ident $row:ident $make:path,)+) => {
        /// A kind of thing that the sandbox holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Resource {
            $(#[doc = concat!("`/v1/", $name, "`")] $variant),+
        }

        impl Resource {
            /// All of them.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The one of this name.
            pub(super) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|resource| resource.name() == name)
            }

            /// The identifier of the row of this number.
            pub(super) fn id(self, number: u32) -> String {
                match self { $(Self::$variant => $make(number)),+ }
            }

            /// Its name in addresses and scopes.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The number in an identifier of this kind.
            pub(super) fn number(self, text: &str) -> Option<u32> {
                match self { $(Self::$variant => id::number(text, $make)),+ }
            }
        }

        /// All that there is.
        pub(super) struct World {
            pub base: Arc<Base>,
            $(pub $field: Table<$row>,)+
            /// The orders made since the seeding, by the shop's reference.
            pub references: HashMap<String, u32>,
            /// The products, by SKU.
            pub skus: HashMap<String, u32>,
            /// The products, by bar code.
            pub barcodes: HashMap<String, u32>,
            /// The inventory items, by SKU.
            pub item_skus: HashMap<String, u32>,
            /// What was done under each idempotency key.
            pub keys: HashMap<String, Done>,
            journal: Option<Journal>,
            last_write: Instant,
        }

        impl World {
            fn remove(&mut self, resource: Resource, number: u32) {
                match resource { $(Resource::$variant => self.$field.remove(number)),+ }
            }
        }
    };
}
resources! {
    Warehouses "warehouses" warehouses Warehouse id::warehouse,
    Locations "locations" locations Location id::location,
    Clients "clients" clients Client id::client,
    Methods "shipping-methods" methods Method id::method,
    Inventory "inventory" inventory Inventory id::inventory,
    Products "products" products Product id::product,
    Orders "orders" orders Order id::order,
    Asns "asns" asns Asn id::asn,
    Rmas "rmas" rmas Rma id::rma,
}

/// `with_table!(world, resource, table => expression)`: the expression over the resource's own table.
macro_rules! with_table {
    ($world:expr, $resource:expr, $table:ident => $then:expr) => {{
        use $crate::wms::sandbox::server::world::Resource;
        match $resource {
            Resource::Warehouses => {
                let $table = &$world.warehouses;
                $then
            }
            Resource::Locations => {
                let $table = &$world.locations;
                $then
            }
            Resource::Clients => {
                let $table = &$world.clients;
                $then
            }
            Resource::Methods => {
                let $table = &$world.methods;
                $then
            }
            Resource::Inventory => {
                let $table = &$world.inventory;
                $then
            }
            Resource::Products => {
                let $table = &$world.products;
                $then
            }
            Resource::Orders => {
                let $table = &$world.orders;
                $then
            }
            Resource::Asns => {
                let $table = &$world.asns;
                $then
            }
            Resource::Rmas => {
                let $table = &$world.rmas;
                $then
            }
        }
    }};
}
pub(super) use with_table;

/// What a write does, worked out and not yet done.
#[derive(Default)]
pub(super) struct Effect {
    pub order: Option<(u32, Order)>,
    pub asn: Option<(u32, Asn)>,
    pub rma: Option<(u32, Rma)>,
    pub product: Option<(u32, Product)>,
    pub inventory: Vec<(u32, Inventory)>,
    pub gone: Option<(Resource, u32)>,
}

/// What was done under an idempotency key.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// The hash of what was asked for.
    pub hash: blake3::Hash,
    pub action: &'static str,
    /// The row that it made or changed.
    pub row: (Resource, u32),
    pub at: Instant,
}

impl World {
    /// A freshly seeded world.
    pub(super) fn seeded(header: Header) -> Self {
        let base = Arc::new(Base::new(header.seed, header.orders, header.epoch));
        let (mut committed, mut incoming) = (Tally::new(), Tally::new());
        let order = |number| {
            let sketch = history::sketch(&base, number);
            stock::tally_order(&base, &sketch, &mut committed);
            sketch.updated
        };
        let order_stamps: Vec<Instant> = (1..=base.orders).map(order).collect();
        let asn = |number| {
            let asn = flows::asn(&base, number);
            stock::tally_asn(&asn, &mut incoming);
            asn.updated_at
        };
        let asn_stamps: Vec<Instant> = (1..=base.asns).map(asn).collect();
        let rma_stamps: Vec<Instant> = (1..=base.rmas).map(|number| flows::rma(&base, number).updated_at).collect();
        let item_count = u32::try_from(base.items.len()).unwrap_or(u32::MAX);
        let inventory = (1..=item_count).map(|number| stock::inventory(&base, number, &committed, &incoming)).collect();
        let skus = (1..).zip(&base.products).filter_map(|(number, product)| Some((product.sku.clone()?, number))).collect();
        let barcodes = (1..).zip(&base.products).filter_map(|(number, product)| Some((product.barcode.clone()?, number))).collect();
        let item_skus = base.items.iter().map(|item| (item.sku.clone(), item.number)).collect();
        let (for_orders, for_asns, for_rmas) = (base.clone(), base.clone(), base.clone());
        Self {
            warehouses: Table::holding(catalog::warehouses(base.epoch)),
            locations: Table::holding(catalog::locations(base.epoch, base.bins)),
            clients: Table::holding(catalog::clients(base.epoch, base.clients)),
            methods: Table::holding(catalog::methods(base.epoch)),
            inventory: Table::holding(inventory),
            products: Table::holding(base.products.clone()),
            orders: Table::making(&order_stamps, Box::new(move |number| history::order(&for_orders, number))),
            asns: Table::making(&asn_stamps, Box::new(move |number| flows::asn(&for_asns, number))),
            rmas: Table::making(&rma_stamps, Box::new(move |number| flows::rma(&for_rmas, number))),
            references: HashMap::new(),
            skus,
            barcodes,
            item_skus,
            keys: HashMap::new(),
            journal: None,
            last_write: base.epoch,
            base,
        }
    }

    /// Carries out again what a journal holds, and goes on writing to it.
    pub(super) fn resume(&mut self, journal: Journal, entries: Vec<Entry>) {
        for mut entry in entries {
            let key = entry.take_key();
            match rules::plan(self, &entry.write, entry.at) {
                Ok(effect) => {
                    self.remember(key, &entry.write, entry.at);
                    self.apply(effect, entry.at);
                }
                // An older version accepted what this one refuses.
                Err(refusal) => tracing::warn!(refusal = ?refusal, "A write in the sandbox's journal is refused now; it is left out"),
            }
        }
        self.journal = Some(journal);
    }

    /// Carries out a write, unless it was carried out under this idempotency key before. The row that it made or changed, and
    /// whether that was now.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub(super) fn carry_out(&mut self, key: Option<String>, write: Write, now: Instant) -> Result<((Resource, u32), bool), Refusal> {
        if let Some((key, done)) = key.as_ref().and_then(|key| Some((key, self.keys.get(key)?))) {
            if done.hash == write.fingerprint() {
                return Ok((done.row, false));
            }
            let message = format!("Idempotency key '{key}' was used for a different request");
            return Err(Refusal::Conflict("idempotency_key_reused", message, Vec::new()));
        }
        // Moments of writes never repeat and never run backwards, so that a reader in the order of time misses none.
        let at = now.max(Instant::from_micros(self.last_write.micros() + 1));
        let effect = rules::plan(self, &write, at)?;
        let row = self.row_of(&write);
        let entry = Entry { at, key, write };
        if let Some(journal) = &mut self.journal {
            journal.append(&entry).map_err(|e| {
                tracing::error!(error = %e, "Failed to write to the sandbox's journal");
                Refusal::Unavailable("Writes are not possible at the moment".to_owned())
            })?;
        }
        self.remember(entry.key, &entry.write, at);
        self.apply(effect, at);
        Ok((row, true))
    }

    /// Remembers what is about to be applied under an idempotency key.
    fn remember(&mut self, key: Option<String>, write: &Write, at: Instant) {
        if let Some(key) = key {
            let done = Done { hash: write.fingerprint(), action: write.action(), row: self.row_of(write), at };
            self.keys.insert(key, done);
        }
    }

    /// The row that a write makes or changes.
    fn row_of(&self, write: &Write) -> (Resource, u32) {
        match write {
            Write::CreateOrder { .. } => (Resource::Orders, self.orders.next_number()),
            Write::ChangeOrder { order, .. } | Write::ShipOrder { order, .. } | Write::CancelOrder { order, .. } => (Resource::Orders, *order),
            Write::CreateAsn { .. } => (Resource::Asns, self.asns.next_number()),
            Write::ChangeAsn { asn, .. } | Write::ReceiveAsn { asn, .. } => (Resource::Asns, *asn),
            Write::CreateRma { .. } => (Resource::Rmas, self.rmas.next_number()),
            Write::ChangeRma { rma, .. } | Write::CancelRma { rma, .. } => (Resource::Rmas, *rma),
            Write::CreateProduct { .. } => (Resource::Products, self.products.next_number()),
            Write::ChangeProduct { product, .. } => (Resource::Products, *product),
            Write::AdjustInventory { item, .. } => (Resource::Inventory, *item),
            // A write that names no resource is refused before anybody asks.
            Write::Delete { resource, number } => (Resource::named(resource).unwrap_or(Resource::Orders), *number),
        }
    }

    fn apply(&mut self, effect: Effect, at: Instant) {
        self.last_write = at;
        if let Some((number, order)) = effect.order {
            self.references.retain(|_, of| *of != number);
            self.references.extend(order.reference.clone().map(|reference| (reference, number)));
            self.orders.put(number, order);
        }
        if let Some((number, asn)) = effect.asn {
            self.asns.put(number, asn);
        }
        if let Some((number, rma)) = effect.rma {
            self.rmas.put(number, rma);
        }
        if let Some((number, product)) = effect.product {
            self.forget_product(number);
            self.skus.extend(product.sku.clone().map(|sku| (sku, number)));
            self.barcodes.extend(product.barcode.clone().map(|barcode| (barcode, number)));
            self.products.put(number, product);
        }
        for (number, inventory) in effect.inventory {
            self.item_skus.insert(inventory.sku.clone(), number);
            self.inventory.put(number, inventory);
        }
        if let Some((resource, number)) = effect.gone {
            match resource {
                Resource::Products => self.forget_product(number),
                Resource::Inventory => self.item_skus.retain(|_, of| *of != number),
                Resource::Orders => self.references.retain(|_, of| *of != number),
                _ => {}
            }
            self.remove(resource, number);
        }
    }

    /// Its SKU and its bar code name no product any more.
    fn forget_product(&mut self, number: u32) {
        self.skus.retain(|_, of| *of != number);
        self.barcodes.retain(|_, of| *of != number);
    }
}
