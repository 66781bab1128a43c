//! Inventory: one item for each product of the type goods, its stock added up as Tryton adds it up.
//!
//! Tryton keeps no stock, only moves (`stock.move`): what lies somewhere is what was moved there less what was moved away. So
//! that it need not begin with the first move ever, it keeps sums of all moves up to the last closed stock period
//! (`stock.period`). This adapter does the same with the same rows: the sums of the last closed period and the moves done
//! since. No quantity has a `write_date`, so what has changed is what a move speaks of that is new or changed, or whose
//! shipment is (moves that were only planned are deleted without a trace).
//!
//! | unified | Tryton |
//! |---|---|
//! | `onHand` | in locations of the type `storage`. May be negative: Tryton lets people move what is not there |
//! | `committed` | moves in state `assigned` that leave such a location, and all that lies in an output zone, picked |
//! | `unfulfillable` | what is not assigned outside the storage and picking zones: just received, in transit, in no warehouse |
//! | `fulfillable` | the rest |
//! | `sellable` | `fulfillable` where it is positive and the product is active and salable |
//! | `awaiting` | moves in state `draft` from outside into such a location |

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Tryton;
use super::client::{Listing, Rows, changed_since, id_of, stamp};
use super::place::{Places, Zone};
use super::product::goods;
use super::rows::{CacheRow, EndRow, LotCacheRow, LotRow, PeriodRow, ProductRow, Row, StockMoveRow, at, link, money, on};
use super::transfer::{Sizes, latest};
use crate::record::{Instant, InventoryItem, Json, LocationQuantity, Lot, Quantity, Source, WarehouseQuantity};
use crate::wms::{Checkpoint, Error, Kind, Next, Page, Pull, Scope};

const LISTING: Listing = Listing { domain: goods, changed: &["", "template", "cost_prices"], page: 200, windowed: false };

/// The shipments that take moves along when they change.
const SHIPMENTS: &[&str] =
    &["stock.shipment.out", "stock.shipment.in", "stock.shipment.internal", "stock.shipment.in.return", "stock.shipment.out.return"];

/// How many moves a page of changes looks at.
const MOVES: usize = 1_000;

/// Where a listing of changes is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Position {
    /// Among all products, since a place has changed, and nobody knows what lay there when.
    All(Option<Checkpoint>),
    /// Among the products that have changed themselves.
    Products(Option<Checkpoint>),
    /// Among the rows of a model that names products, after an id.
    Of(usize, i64),
}

/// The models whose changed rows change what is known of a product's stock.
const CAUSES: &[&str] = &["stock.move", "stock.lot"];

impl Pull<InventoryItem> for Tryton {
    const FIELDS: &'static [&'static str] = &[
        "sku",
        "name",
        "active",
        "unitCost",
        "onHand",
        "committed",
        "fulfillable",
        "unfulfillable",
        "awaiting",
        "sellable",
        "measurements.length",
        "measurements.width",
        "measurements.height",
        "measurements.unit",
        "measurements.weight",
        "measurements.weightUnit",
        "byWarehouse",
        "lots",
        "locations",
    ];

    async fn pull(&self, scope: &Scope, checkpoint: Option<&Checkpoint>) -> Result<Page<InventoryItem>, Error> {
        let Some(since) = scope.since else {
            let rows = self.list::<ProductRow>(&LISTING, scope, checkpoint).await?;
            return self.items(rows).await;
        };
        let position = match checkpoint {
            Some(checkpoint) => checkpoint.state()?,
            None if self.a_place_changed(since).await? => Position::All(None),
            None => Position::Products(None),
        };
        let rows = match position {
            Position::All(from) => {
                let rows = self.list::<ProductRow>(&LISTING, &Scope::default(), from.as_ref()).await?;
                Rows { next: on_with(&rows.next, Position::All, Next::Done { complete: false }), ..rows }
            }
            Position::Products(from) => {
                let rows = self.list::<ProductRow>(&LISTING, &Scope { since: Some(since), until: None }, from.as_ref()).await?;
                let then = Next::More(Checkpoint::of(&Position::Of(0, 0)));
                // How many there are of the rest, nobody has counted.
                Rows { next: on_with(&rows.next, Position::Products, then), total: None, ..rows }
            }
            Position::Of(cause, after) => self.caused(since, cause, after).await?,
        };
        self.items(rows).await
    }
}

/// The same next page, as a position of its kind; else what follows.
fn on_with(next: &Next, kind: fn(Option<Checkpoint>) -> Position, then: Next) -> Next {
    match next {
        Next::More(checkpoint) => Next::More(Checkpoint::of(&kind(Some(checkpoint.clone())))),
        _ => then,
    }
}

impl Tryton {
    /// Whether a place that was there before has been changed: moved to another warehouse, perhaps.
    async fn a_place_changed(&self, since: Instant) -> Result<bool, Error> {
        let domain = json!([["write_date", ">=", stamp(since)], ["create_date", "<", stamp(since)], ["active", "in", [true, false]]]);
        let changed: u64 = self.value("stock.location", "search_count", &json!({ "domain": domain })).await?;
        Ok(changed > 0)
    }

    /// The products that the next changed rows of a model name.
    async fn caused(&self, since: Instant, cause: usize, after: i64) -> Result<Rows, Error> {
        let session = self.session().await?;
        let Some(model) = CAUSES.get(cause).filter(|model| session.has(model)) else {
            return Ok(Rows { rows: Vec::new(), next: Next::Done { complete: false }, total: None, source_time: None });
        };
        let mut changed = changed_since(&[""], since);
        if let (Some(any), true) = (changed.as_array_mut(), *model == "stock.move") {
            let shipments = SHIPMENTS.iter().filter(|shipment| session.has(shipment));
            any.extend(shipments.map(|shipment| json!(["shipment.write_date", ">=", stamp(since), shipment])));
        }
        let domain = json!([["id", ">", after], ["product.type", "=", "goods"], changed]);
        let arguments = json!({ "domain": domain, "fields_names": ["id", "product"], "limit": MOVES, "order": [["id", "ASC"]] });
        let reply = self.action(model, "search_read", &arguments).await?;
        let rows: Vec<Value> = reply.json()?;
        let products: BTreeSet<i64> = rows.iter().filter_map(|row| row.get("product")?.as_i64()).collect();
        let last = rows.last().and_then(id_of).filter(|_| rows.len() >= MOVES);
        if last.is_some_and(|last| last <= after) {
            return Err(Error::new(
                Kind::Protocol,
                format!("Rows of {model} were asked for in the order of their ids, and do not go on after {after}"),
            ));
        }
        let next = match last {
            Some(last) => Next::More(Checkpoint::of(&Position::Of(cause, last))),
            None if cause + 1 < CAUSES.len() => Next::More(Checkpoint::of(&Position::Of(cause + 1, 0))),
            None => Next::Done { complete: false },
        };
        let rows = self.related_products(products).await?;
        Ok(Rows { rows, next, total: None, source_time: reply.date() })
    }

    /// The products with these ids, archived ones too.
    async fn related_products(&self, ids: BTreeSet<i64>) -> Result<Vec<Value>, Error> {
        let mut domain = goods();
        domain.push(json!(["id", "in", ids]));
        let mut all = Vec::new();
        if !ids.is_empty() {
            self.each::<ProductRow>(&domain, |rows| all.extend(rows)).await?;
        }
        Ok(all)
    }

    /// One item, through the same mapping as the listing.
    pub(super) async fn item(&self, product: i64) -> Result<InventoryItem, Error> {
        let rows = self.related_products(BTreeSet::from([product])).await?;
        let stock = self.stock(&[product]).await?;
        self.only::<ProductRow, _>(&rows, |row| map(self, row, &stock))
    }

    /// The items of a page of products.
    async fn items(&self, rows: Rows) -> Result<Page<InventoryItem>, Error> {
        let stock = self.stock(&rows.ids()).await?;
        Ok(rows.page(|row| map(self, row, &stock)))
    }

    /// What is moved of these products, added up.
    async fn stock(&self, products: &[i64]) -> Result<Stock, Error> {
        let mut sums = Sums::default();
        if products.is_empty() {
            return Ok(Stock::default());
        }
        let session = self.session().await?;
        let ours = session.company.map(|company| json!(["company", "=", company]));
        let closed: Vec<Value> = std::iter::once(json!(["state", "=", "closed"])).chain(ours.clone()).collect();
        let arguments = json!({ "domain": closed, "fields_names": PeriodRow::PLAIN, "limit": 1, "order": [["date", "DESC"]] });
        let period = self.value::<Vec<PeriodRow>>(PeriodRow::MODEL, "search_read", &arguments).await?.into_iter().next();
        let mut done = vec![json!(["state", "=", "done"])];
        if let Some(period) = &period {
            // With lots, the sums by lot hold those without a lot as well.
            let domain = [json!(["period", "=", period.id]), json!(["product", "in", products])];
            if session.has(LotCacheRow::MODEL) {
                self.each::<LotCacheRow>(&domain, |rows| rows.iter().for_each(|row| sums.cached(LotCacheRow::of(row)))).await?;
            } else {
                self.each::<CacheRow>(&domain, |rows| rows.iter().for_each(|row| sums.cached(CacheRow::of(row).map(LotCacheRow::from)))).await?;
            }
            done.extend(period.date.map(|day| {
                let mut day = stamp(day.0);
                day["__class__"] = json!("date");
                json!(["effective_date", ">", day])
            }));
        }
        let mut domain = vec![json!(["product", "in", products]), json!(["OR", done, ["state", "in", ["assigned", "draft"]]])];
        domain.extend(ours);
        self.each::<StockMoveRow>(&domain, |rows| rows.iter().for_each(|row| sums.moved(StockMoveRow::of(row)))).await?;
        if let Some(reason) = sums.wrong {
            return Err(Error::new(Kind::Protocol, reason));
        }
        let places: Vec<i64> = sums.held.keys().map(|key| key.place).collect::<BTreeSet<_>>().into_iter().collect();
        let lots: BTreeSet<i64> = sums.held.keys().filter_map(|key| key.lot).collect();
        let (places, lots) = tokio::try_join!(self.places(&places), self.lots(lots))?;
        let mut by_product: BTreeMap<i64, Vec<(Key, Held)>> = BTreeMap::new();
        for (key, held) in sums.held {
            by_product.entry(key.product).or_default().push((key, held));
        }
        Ok(Stock { by_product, places: Some(places), lots })
    }

    /// The lots with these ids.
    async fn lots(&self, ids: BTreeSet<i64>) -> Result<BTreeMap<i64, LotRow>, Error> {
        let mut lots = BTreeMap::new();
        if !ids.is_empty() {
            let domain = [json!(["id", "in", ids]), json!(["active", "in", [true, false]])];
            self.each::<LotRow>(&domain, |rows| lots.extend(rows.iter().filter_map(|row| Some((id_of(row)?, LotRow::of(row).ok()?))))).await?;
        }
        Ok(lots)
    }
}

/// What a sum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    product: i64,
    place: i64,
    lot: Option<i64>,
}

/// Quantities of one place and lot.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    on_hand: Quantity,
    assigned: Quantity,
    awaiting: Quantity,
}

/// Moves while they are being added up.
#[derive(Debug, Default)]
struct Sums {
    held: BTreeMap<Key, Held>,
    /// The last row that makes no sense. A sum without it would be wrong.
    wrong: Option<String>,
}

impl From<CacheRow> for LotCacheRow {
    fn from(row: CacheRow) -> Self {
        Self { id: row.id, product: row.product, internal_quantity: row.internal_quantity, lot: None, location: row.location }
    }
}

fn holds(end: Option<&EndRow>) -> Option<i64> {
    end.filter(|end| end.r#type.as_deref() == Some("storage")).map(|end| end.id)
}

impl Sums {
    fn at(&mut self, product: i64, place: i64, lot: Option<i64>) -> &mut Held {
        self.held.entry(Key { product, place, lot }).or_default()
    }

    fn cached(&mut self, row: Result<LotCacheRow, String>) {
        match row {
            Ok(row) => {
                if let (Some(product), Some(place)) = (row.product, holds(row.location.as_ref())) {
                    self.at(product, place, row.lot).on_hand += row.internal_quantity.unwrap_or_default();
                }
            }
            Err(reason) => self.wrong = Some(reason),
        }
    }

    fn moved(&mut self, row: Result<StockMoveRow, String>) {
        let row = match row {
            Ok(row) => row,
            Err(reason) => {
                self.wrong = Some(reason);
                return;
            }
        };
        let Some(product) = row.product else { return };
        let quantity = row.internal_quantity.unwrap_or_default();
        let (from, to) = (holds(row.from_location.as_ref()), holds(row.to_location.as_ref()));
        match row.state.as_deref() {
            Some("done") => {
                if let Some(place) = from {
                    let held = self.at(product, place, row.lot);
                    held.on_hand = held.on_hand - quantity;
                }
                if let Some(place) = to {
                    self.at(product, place, row.lot).on_hand += quantity;
                }
            }
            Some(state) => {
                if let (Some(place), "assigned") = (from, state) {
                    self.at(product, place, row.lot).assigned += quantity;
                }
                if let (Some(place), None) = (to, from) {
                    self.at(product, place, row.lot).awaiting += quantity;
                }
            }
            None => {}
        }
    }
}

/// The stock of a page of products.
#[derive(Default)]
struct Stock {
    by_product: BTreeMap<i64, Vec<(Key, Held)>>,
    places: Option<Places>,
    lots: BTreeMap<i64, LotRow>,
}

/// Quantities of a warehouse, or of everything.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    on_hand: Quantity,
    committed: Quantity,
    unfulfillable: Quantity,
    awaiting: Quantity,
}

impl Total {
    fn add(&mut self, held: Held, zone: Zone) {
        self.on_hand += held.on_hand;
        self.awaiting += held.awaiting;
        // What lies in an output zone has been picked; a move that is assigned there takes just that.
        self.committed += if zone == Zone::Outgoing { held.on_hand } else { held.assigned };
        if zone == Zone::Other {
            self.unfulfillable += held.on_hand - held.assigned;
        }
    }

    fn fulfillable(self) -> Quantity {
        self.on_hand - self.committed - self.unfulfillable
    }

    /// What is offered of it, if the product is offered at all.
    fn sellable(self, offered: bool) -> Quantity {
        if offered { self.fulfillable().max(Quantity::ZERO) } else { Quantity::ZERO }
    }
}

fn map(tryton: &Tryton, raw: &Value, stock: &Stock) -> Result<InventoryItem, String> {
    let row = ProductRow::of(raw)?;
    let held = stock.by_product.get(&row.id).map_or(&[][..], Vec::as_slice);
    let warehouse = |place: i64| stock.places.as_ref().and_then(|places| places.warehouse(place));
    let zone = |place: i64| stock.places.as_ref().map_or(Zone::Other, |places| places.zone(place));
    let (mut all, mut warehouses) = (Total::default(), BTreeMap::<_, Total>::new());
    let (mut places, mut lots) = (BTreeMap::<_, Quantity>::new(), BTreeMap::<_, Quantity>::new());
    for (key, held) in held {
        all.add(*held, zone(key.place));
        warehouses.entry(warehouse(key.place)).or_default().add(*held, zone(key.place));
        *places.entry(key.place).or_default() += held.on_hand;
        if let Some(lot) = key.lot {
            *lots.entry((lot, warehouse(key.place))).or_default() += held.on_hand;
        }
    }
    let offered = row.in_use() && row.salable != Some(false);
    let shown: Vec<Value> = held
        .iter()
        .map(|(key, held)| json!({ "location": key.place, "lot": key.lot, "onHand": held.on_hand, "assigned": held.assigned, "awaiting": held.awaiting }))
        .collect();
    let additional = json!({ "unit": row.default_uom.as_ref().and_then(|unit| unit.symbol.as_deref()), "consumable": row.consumable });
    let updated = latest([row.write_date, row.template.as_ref().and_then(|template| template.write_date)]);
    let sizes = Sizes {
        length: (row.length, row.length_uom.as_ref()),
        width: (row.width, row.width_uom.as_ref()),
        height: (row.height, row.height_uom.as_ref()),
        weight: (row.weight, row.weight_uom.as_ref()),
    };
    let lot = |((lot, warehouse), on_hand): ((i64, Option<i64>), Quantity)| {
        let known = stock.lots.get(&lot);
        Lot {
            lot_id: known.and_then(|known| known.number.clone()).unwrap_or_else(|| lot.to_string()),
            on_hand,
            expires_at: known.and_then(|known| on(known.expiration_date)),
            warehouse: link(warehouse),
        }
    };
    Ok(InventoryItem {
        warehouse_customer: None,
        sku: row.code.clone(),
        name: row.name.clone().ok_or("The product has no name")?,
        active: row.in_use(),
        unit_cost: money(row.cost_price),
        on_hand: all.on_hand,
        committed: all.committed,
        fulfillable: all.fulfillable(),
        unfulfillable: all.unfulfillable,
        awaiting: all.awaiting,
        sellable: all.sellable(offered),
        substitute_skus: Vec::new().into(),
        measurements: sizes.measured(),
        by_warehouse: warehouses
            .into_iter()
            .map(|(id, total)| WarehouseQuantity {
                warehouse: link(id),
                on_hand: total.on_hand,
                committed: total.committed,
                fulfillable: total.fulfillable(),
                unfulfillable: total.unfulfillable,
                awaiting: total.awaiting,
                sellable: total.sellable(offered),
            })
            .collect(),
        lots: lots.into_iter().filter(|(_, on_hand)| *on_hand != Quantity::ZERO).map(lot).collect(),
        // What adds up to nothing is no stock.
        locations: places
            .into_iter()
            .filter(|(_, on_hand)| *on_hand != Quantity::ZERO)
            .map(|(place, on_hand)| LocationQuantity { location: link(Some(place)), warehouse: link(warehouse(place)), quantity: on_hand })
            .collect(),
        source: Source {
            additional_fields: Some(Json::of(&additional)),
            ..tryton.source::<ProductRow>(row.id, at(row.create_date), updated, &json!({ "product": raw, "stock": shown }))
        },
    })
}
