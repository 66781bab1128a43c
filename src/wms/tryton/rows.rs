//! The rows that are read of each Tryton model, and Tryton's way of writing values.
//!
//! Tryton writes `null` (and an empty text) for what is empty, the id for a link to one row, a list of ids for links to several,
//! `"<model>,<id>"` for a link into one of several models, and what JSON has no type for as an object with a `__class__`. Rows can
//! be asked for together with the rows that they link to, which come nested. A field that was not asked for, since its module is not activated, is empty.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::record::{Instant, Link, Money, Quantity};

/// A kind of row.
pub(super) trait Row: DeserializeOwned {
    /// The Tryton model.
    const MODEL: &'static str;
    /// Its own fields, without nested rows.
    const PLAIN: &'static [&'static str];

    /// Adds the paths of all that is asked for, those of nested rows included.
    fn paths(prefix: &str, into: &mut Vec<String>);

    /// All that is asked for.
    fn fields() -> Vec<String> {
        let mut fields = Vec::new();
        Self::paths("", &mut fields);
        fields
    }

    /// A row as it came.
    ///
    /// # Errors
    /// Which field is not of its type.
    fn of(row: &Value) -> Result<Self, String> {
        serde_path_to_error::deserialize(row).map_err(|e| format!("{} of {}: {}", e.path(), Self::MODEL, e.inner()))
    }
}

/// Rows inside a row: one or none, or several.
pub(super) trait Nested {
    /// Adds the paths of their fields.
    fn paths(prefix: &str, into: &mut Vec<String>);
}

impl<R: Row> Nested for Option<R> {
    fn paths(prefix: &str, into: &mut Vec<String>) {
        R::paths(prefix, into);
    }
}

impl<R: Row> Nested for Vec<R> {
    fn paths(prefix: &str, into: &mut Vec<String>) {
        R::paths(prefix, into);
    }
}

/// Declares rows: `Name = "model" { field: Type, … ; nested: Rows, … }` makes the struct and its [`Row`].
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident = $model:literal { $($field:ident: $type:ty),* $(,)? $(; $($nested:ident: $rows:ty),* $(,)?)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct $name {
            pub id: i64,
            $(#[serde(deserialize_with = "field")] pub $field: $type,)*
            $($(#[serde(deserialize_with = "field")] pub $nested: $rows,)*)?
        }

        impl Row for $name {
            const MODEL: &'static str = $model;
            const PLAIN: &'static [&'static str] = &["id", $(stringify!($field)),*];

            fn paths(prefix: &str, into: &mut Vec<String>) {
                into.push(format!("{prefix}id"));
                $(into.push(format!("{prefix}{}", stringify!($field).trim_start_matches("r#")));)*
                $($(<$rows as Nested>::paths(&format!("{prefix}{}.", stringify!($nested)), into);)*)?
            }
        }
    )+};
}

rows! {
    /// A field of a model, and the model that it leads to.
    FieldRow = "ir.model.field" { model: Option<String>, name: Option<String>, relation: Option<String> }
    /// A building.
    WarehouseRow = "stock.location" {
        name: Option<String>, code: Option<String>, active: bool, create_date: Option<Stamp>, write_date: Option<Stamp>;
        address: Option<AddressRow>,
    }
    /// A place that holds stock.
    LocationRow = "stock.location" {
        name: Option<String>, code: Option<String>, r#type: Option<String>, active: bool, parent: Option<i64>,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// A place as a part of the building that it is in.
    PlaceRow = "stock.location" {
        r#type: Option<String>, parent: Option<i64>, storage_location: Option<i64>, picking_location: Option<i64>,
        output_location: Option<i64>,
    }
    /// A carrier's way of shipping.
    CarrierRow = "carrier" {
        rec_name: Option<String>, active: bool, create_date: Option<Stamp>, write_date: Option<Stamp>;
        party: Option<PartyNameRow>, carrier_product: Option<GoodsRow>,
    }
    /// Somebody, as far as other records show it.
    PartyNameRow = "party.party" { name: Option<String>, code: Option<String> }
    /// Somebody.
    PartyRow = "party.party" {
        name: Option<String>, code: Option<String>, active: bool, email: Option<String>, phone: Option<String>,
        create_date: Option<Stamp>, write_date: Option<Stamp>,
    }
    /// Somebody with what they are reached by.
    ContactRow = "party.party" { name: Option<String>, email: Option<String>, phone: Option<String>, mobile: Option<String> }
    /// A postal address.
    AddressRow = "party.address" {
        party_name: Option<String>, attn: Option<String>, street: Option<String>, postal_code: Option<String>, city: Option<String>;
        subdivision: Option<SubdivisionRow>, country: Option<CountryRow>, party: Option<ContactRow>,
    }
    /// A part of a country.
    SubdivisionRow = "country.subdivision" { name: Option<String>, code: Option<String> }
    /// A country.
    CountryRow = "country.country" { code: Option<String>, name: Option<String> }
    /// A currency.
    CurrencyRow = "currency.currency" { code: Option<String> }
    /// A unit of measure: so many of the base unit of its category.
    UnitRow = "product.uom" { symbol: Option<String>, factor: Option<f64> }
    /// A product, as far as lines show it.
    GoodsRow = "product.product" { code: Option<String>, name: Option<String>, r#type: Option<String>; default_uom: Option<UnitRow> }
    /// A product variant: what has a SKU.
    ProductRow = "product.product" {
        code: Option<String>, name: Option<String>, r#type: Option<String>, active: bool, salable: Option<bool>, consumable: bool,
        description: Option<String>, list_price_used: Option<Amount>, cost_price: Option<Amount>,
        length: Option<Quantity>, width: Option<Quantity>, height: Option<Quantity>, weight: Option<Quantity>,
        create_date: Option<Stamp>, write_date: Option<Stamp>;
        template: Option<TemplateRow>, default_uom: Option<UnitRow>, identifiers: Vec<IdentifierRow>, product_suppliers: Vec<SellerRow>,
        length_uom: Option<UnitRow>, width_uom: Option<UnitRow>, height_uom: Option<UnitRow>, weight_uom: Option<UnitRow>,
    }
    /// What the variants of a product share.
    TemplateRow = "product.template" { active: bool, write_date: Option<Stamp>; product_suppliers: Vec<SellerRow> }
    /// A number that a product is known by.
    IdentifierRow = "product.identifier" { r#type: Option<String>, code: Option<String> }
    /// What a supplier calls a product and asks for it.
    SellerRow = "purchase.product_supplier" {
        code: Option<String>, product: Option<i64>, active: Option<bool>; party: Option<PartyNameRow>, prices: Vec<SellerPriceRow>,
    }
    /// What a supplier asks for a quantity and more.
    SellerPriceRow = "purchase.product_supplier.price" { quantity: Option<Quantity>, unit_price: Option<Amount> }
    /// What is, was or will be moved of a product.
    MoveRow = "stock.move" {
        state: Option<String>, quantity: Option<Quantity>, internal_quantity: Option<Quantity>, unit_price: Option<Amount>,
        from_location: Option<i64>, to_location: Option<i64>, origin: Option<Reference>, package: Option<i64>, write_date: Option<Stamp>;
        product: Option<GoodsRow>, unit: Option<UnitRow>, lot: Option<LotRow>,
    }
    /// A batch.
    LotRow = "stock.lot" { number: Option<String>, expiration_date: Option<Day> }
    /// What is moved of a product, as the sum of its stock needs it.
    StockMoveRow = "stock.move" {
        product: Option<i64>, state: Option<String>, internal_quantity: Option<Quantity>, lot: Option<i64>;
        from_location: Option<EndRow>, to_location: Option<EndRow>,
    }
    /// Where something is moved from or to.
    EndRow = "stock.location" { r#type: Option<String> }
    /// A closed span of time.
    PeriodRow = "stock.period" { date: Option<Day> }
    /// What lay at a place when a span of time was closed.
    CacheRow = "stock.period.cache" { product: Option<i64>, internal_quantity: Option<Quantity>; location: Option<EndRow> }
    /// The same by lot.
    LotCacheRow = "stock.period.cache.lot" {
        product: Option<i64>, internal_quantity: Option<Quantity>, lot: Option<i64>; location: Option<EndRow>,
    }
    /// A sale.
    SaleRow = "sale.sale" {
        number: Option<String>, reference: Option<String>, description: Option<String>, comment: Option<String>, state: Option<String>,
        shipment_state: Option<String>, invoice_state: Option<String>, warehouse: Option<i64>, origin: Option<Reference>,
        total_amount: Option<Amount>, tax_amount: Option<Amount>, sale_date: Option<Day>, shipping_date: Option<Day>,
        create_date: Option<Stamp>, write_date: Option<Stamp>;
        party: Option<PartyNameRow>, shipment_address: Option<AddressRow>, currency: Option<CurrencyRow>, carrier: Option<CarrierNameRow>,
        lines: Vec<SaleLineRow>, shipments: Vec<ShipmentRow>,
    }
    /// A carrier's way of shipping, as far as other records show it.
    CarrierNameRow = "carrier" { rec_name: Option<String>; party: Option<PartyNameRow> }
    /// A line of a sale.
    SaleLineRow = "sale.line" {
        r#type: Option<String>, sequence: Option<i64>, quantity: Option<Quantity>, unit_price: Option<Amount>, amount: Option<Amount>,
        description: Option<String>, shipment_cost: Option<Amount>, taxes: Vec<i64>, write_date: Option<Stamp>;
        product: Option<GoodsRow>, unit: Option<UnitRow>,
    }
    /// A line of a sale, as far as what comes back on it shows it.
    SoldRow = "sale.line" { ; sale: Option<SoldOnRow> }
    /// A sale, as far as its returns show it.
    SoldOnRow = "sale.sale" { number: Option<String>, origin: Option<Reference> }
    /// What goes out to a customer at one time.
    ShipmentRow = "stock.shipment.out" {
        number: Option<String>, reference: Option<String>, state: Option<String>, planned_date: Option<Day>, effective_date: Option<Day>,
        warehouse: Option<i64>, cost_used: Option<Amount>, weight: Option<Quantity>, write_date: Option<Stamp>;
        delivery_address: Option<AddressRow>, carrier: Option<CarrierNameRow>, weight_uom: Option<UnitRow>,
        outgoing_moves: Vec<MoveRow>, packages: Vec<PackageRow>,
    }
    /// A parcel or pallet.
    PackageRow = "stock.package" {
        number: Option<String>, parent: Option<i64>, shipping_reference: Option<String>, shipping_tracking_url: Option<String>,
        total_weight: Option<Quantity>, length: Option<Quantity>, width: Option<Quantity>, height: Option<Quantity>;
        weight_uom: Option<UnitRow>, length_uom: Option<UnitRow>, width_uom: Option<UnitRow>, height_uom: Option<UnitRow>,
    }
    /// What comes in from a supplier at one time.
    InboundRow = "stock.shipment.in" {
        number: Option<String>, reference: Option<String>, state: Option<String>, planned_date: Option<Day>, effective_date: Option<Day>,
        warehouse: Option<i64>, create_date: Option<Stamp>, write_date: Option<Stamp>;
        supplier: Option<PartyNameRow>, contact_address: Option<AddressRow>, incoming_moves: Vec<MoveRow>,
    }
    /// A line of a purchase, as far as what comes in on it shows it.
    BoughtRow = "purchase.line" { ; purchase: Option<BoughtOnRow> }
    /// A purchase, as far as its shipments show it.
    BoughtOnRow = "purchase.purchase" { number: Option<String> }
    /// What comes back from a customer at one time.
    ReturnRow = "stock.shipment.out.return" {
        number: Option<String>, reference: Option<String>, state: Option<String>, planned_date: Option<Day>, effective_date: Option<Day>,
        warehouse: Option<i64>, warehouse_input: Option<i64>, warehouse_storage: Option<i64>, create_date: Option<Stamp>,
        write_date: Option<Stamp>;
        customer: Option<PartyNameRow>, incoming_moves: Vec<MoveRow>, inventory_moves: Vec<MoveRow>,
    }
    /// A product, as far as a write that names it must know it.
    WantedRow = "product.product" {
        code: Option<String>, active: bool, list_price_used: Option<Amount>; default_uom: Option<UnitRow>, account_category: Option<CategoryRow>,
    }
    /// What products are taxed by.
    CategoryRow = "product.category" { customer_taxes_used: Vec<i64>, supplier_taxes_used: Vec<i64> }
    /// A building, as far as a write that names it must know it.
    StockedRow = "stock.location" { active: bool, input_location: Option<i64>, storage_location: Option<i64> }
    /// What is to be taken for a shipment.
    TakenRow = "stock.shipment.out" { state: Option<String>; inventory_moves: Vec<TakeRow>, outgoing_moves: Vec<TakeRow> }
    /// What is to be taken of one product.
    TakeRow = "stock.move" { internal_quantity: Option<Quantity>; product: Option<GoodsRow> }
    /// A purchase with what it expects.
    PurchasedRow = "purchase.purchase" { number: Option<String>, party: Option<i64>; moves: Vec<ExpectedRow> }
    /// What a purchase expects of one product.
    ExpectedRow = "stock.move" { shipment: Option<Reference> }
    /// What has been received and is to be put away.
    StoredRow = "stock.shipment.in" { state: Option<String>; inventory_moves: Vec<PutRow> }
    /// What is to be put away of one product.
    PutRow = "stock.move" { product: Option<i64> }
    /// A sale, as far as one that takes goods back must know it, and the returns that it has made.
    BackRow = "sale.sale" { invoice_address: Option<i64>, shipment_party: Option<i64>; shipment_returns: Vec<MadeRow> }
    /// A return that was made.
    MadeRow = "stock.shipment.out.return" { state: Option<String> }
    /// A count of stock.
    CountRow = "stock.inventory" { state: Option<String>; lines: Vec<CountLineRow> }
    /// A count of one product.
    CountLineRow = "stock.inventory.line" { expected_quantity: Option<Quantity> }
    /// A note beside a row.
    NoteRow = "ir.note" { resource: Option<Reference>, create_date: Option<Stamp> }
    /// A variant, as far as a change of it must know it.
    VariantRow = "product.product" { suffix_code: Option<String>; template: Option<CodeRow>, identifiers: Vec<IdentifierRow> }
    /// What begins the SKUs of variants.
    CodeRow = "product.template" { code: Option<String> }
}

/// The pointer to the record that an id names.
pub(super) fn link<T>(id: Option<i64>) -> Option<Link<T>> {
    id.map(|id| Link::to(id.to_string()))
}

/// A link into one of several models: `sale.line,664`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub model: String,
    pub id: i64,
}

impl Reference {
    /// The id, of a link into this model.
    pub fn to(&self, model: &str) -> Option<i64> {
        (self.model == model).then_some(self.id)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let parts = text.split_once(',').and_then(|(model, id)| Some((model.to_owned(), id.parse().ok()?)));
        let (model, id) = parts.ok_or_else(|| D::Error::custom(format!("{text:?} is not a link such as \"sale.line,664\"")))?;
        Ok(Self { model, id })
    }
}

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(pub Instant);

/// A day, as the moment at which it begins in UTC: Tryton keeps no time of day with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub Instant);

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount(pub Money);

/// What JSON has no type for.
#[derive(Debug, Deserialize)]
#[serde(tag = "__class__")]
enum Classed {
    #[serde(rename = "datetime")]
    DateTime {
        year: i16,
        month: i8,
        day: i8,
        hour: i8,
        minute: i8,
        second: i8,
        microsecond: i32,
    },
    #[serde(rename = "date")]
    Date {
        year: i16,
        month: i8,
        day: i8,
    },
    Decimal {
        decimal: String,
    },
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let classed = Classed::deserialize(input)?;
        let Classed::DateTime { year, month, day, hour, minute, second, microsecond } = classed else {
            return Err(D::Error::custom(format!("{classed:?} is not a moment")));
        };
        let instant = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microsecond:06}Z").parse();
        instant.map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let classed = Classed::deserialize(input)?;
        let Classed::Date { year, month, day } = classed else { return Err(D::Error::custom(format!("{classed:?} is not a day"))) };
        format!("{year:04}-{month:02}-{day:02}T00:00:00Z").parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let classed = Classed::deserialize(input)?;
        let Classed::Decimal { decimal } = classed else { return Err(D::Error::custom(format!("{classed:?} is not an amount"))) };
        decimal.parse().map(Self).map_err(D::Error::custom)
    }
}

/// The moment of an optional stamp.
pub(super) fn at(stamp: Option<Stamp>) -> Option<Instant> {
    stamp.map(|stamp| stamp.0)
}

/// The beginning of an optional day.
pub(super) fn on(day: Option<Day>) -> Option<Instant> {
    day.map(|day| day.0)
}

/// The amount of an optional amount.
pub(super) fn money(amount: Option<Amount>) -> Option<Money> {
    amount.map(|amount| amount.0)
}

/// A type of field: what it makes of Tryton's `null`.
trait Field: Sized {
    fn of(value: Value) -> Result<Self, serde_json::Error>;
}

impl<T: DeserializeOwned> Field for Option<T> {
    fn of(value: Value) -> Result<Self, serde_json::Error> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            value => T::deserialize(value).map(Some),
        }
    }
}

impl Field for bool {
    fn of(value: Value) -> Result<Self, serde_json::Error> {
        if value.is_null() { Ok(false) } else { Self::deserialize(value) }
    }
}

impl<T: DeserializeOwned> Field for Vec<T> {
    fn of(value: Value) -> Result<Self, serde_json::Error> {
        if value.is_null() { Ok(Self::new()) } else { Self::deserialize(value) }
    }
}

fn field<'de, D: Deserializer<'de>, T: Field>(input: D) -> Result<T, D::Error> {
    T::of(Value::deserialize(input)?).map_err(D::Error::custom)
}
