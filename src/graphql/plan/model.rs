//! The fields of the model's types, as a plan writes them. They come from the same declarations as the schema's.

use std::sync::LazyLock;

use super::scalars::quoted;
use super::select::Selected;
use super::stored::all_items;
use super::{Compile, Compiler, Entries, Fields, Found, ObjectPlan, Planned, Step, Wanted, json, list};
use crate::graphql::objects::Shown;
use crate::record::*;
use crate::store::records::Stored;

/// The fields of a type of record.
pub trait Shape: Sized {
    /// Those that can be planned.
    fn fields() -> &'static Fields<Stored<Self>>;
}

/// The names of a record's type and interfaces.
pub(super) fn is<T: Shown>() -> [&'static str; 3] {
    [T::DATA_TYPE.type_name(), "Record", "Node"]
}

/// A field that lies in the object.
struct Get<T, V: Planned> {
    /// What it is called where the object is stored as JSON.
    name: &'static str,
    get: fn(&T) -> &V,
    plan: V::Plan,
}

impl<T, V: Planned> Step<T> for Get<T, V> {
    fn gather(&self, it: &T, at: ConnectionId, wanted: &mut Wanted) {
        (self.get)(it).gather(at, &self.plan, wanted);
    }

    fn write(&self, it: &T, at: ConnectionId, found: &Found, out: &mut Vec<u8>) {
        (self.get)(it).write(at, &self.plan, found, out);
    }

    fn gather_stored(&self, it: &Entries<'_>, at: ConnectionId, wanted: &mut Wanted) -> bool {
        it.get(self.name).is_some_and(|json| V::gather_stored(json, at, &self.plan, wanted))
    }

    fn write_stored(&self, it: &Entries<'_>, at: ConnectionId, found: &Found, out: &mut Vec<u8>) -> bool {
        it.get(self.name).is_some_and(|json| V::write_stored(json, at, &self.plan, found, out))
    }
}

fn get<T: 'static, V: Planned>(name: &'static str, get: fn(&T) -> &V) -> Compile<T> {
    Box::new(move |selected, compiler| {
        let plan = V::plan(selected, compiler)?;
        Some(Box::new(Get { name, get, plan }))
    })
}

/// A field that is made when it is written.
struct Made<T>(fn(&T, &mut Vec<u8>));

impl<T> Step<T> for Made<T> {
    fn write(&self, it: &T, _: ConnectionId, _: &Found, out: &mut Vec<u8>) {
        (self.0)(it, out);
    }
}

fn made<T: 'static>(write: fn(&T, &mut Vec<u8>)) -> Compile<T> {
    Box::new(move |_, _| Some(Box::new(Made(write))))
}

/// A field of `column`.
fn of<T: 'static>(column: &'static str, compile: Compile<T>) -> Compile<T> {
    Box::new(move |selected, compiler| {
        compiler.need(column);
        compile(selected, compiler)
    })
}

/// A field of an object whose fields stand beside those of the one that it lies in.
struct Inside<T, V> {
    get: fn(&T) -> &V,
    step: Box<dyn Step<V>>,
}

impl<T, V> Step<T> for Inside<T, V> {
    fn gather(&self, it: &T, at: ConnectionId, wanted: &mut Wanted) {
        self.step.gather((self.get)(it), at, wanted);
    }

    fn write(&self, it: &T, at: ConnectionId, found: &Found, out: &mut Vec<u8>) {
        self.step.write((self.get)(it), at, found, out);
    }
}

fn inside<T: 'static, V: 'static>(get: fn(&T) -> &V, fields: &'static Fields<V>) -> impl Iterator<Item = (String, Compile<T>)> {
    fields.iter().map(move |(name, compile)| {
        let lifted: Compile<T> = Box::new(move |selected, compiler| Some(Box::new(Inside { get, step: compile(selected, compiler)? })));
        (name.clone(), lifted)
    })
}

impl<T: Planned> Planned for Option<T> {
    type Plan = T::Plan;

    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<T::Plan> {
        T::plan(selected, compiler)
    }

    fn gather(&self, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) {
        if let Some(value) = self {
            value.gather(at, plan, wanted);
        }
    }

    fn write(&self, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(at, plan, found, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn gather_stored(json: &str, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) -> bool {
        json == "null" || T::gather_stored(json, at, plan, wanted)
    }

    fn write_stored(json: &str, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut Vec<u8>) -> bool {
        if json == "null" {
            out.extend_from_slice(b"null");
            return true;
        }
        T::write_stored(json, at, plan, found, out)
    }
}

impl<T: Planned> Planned for List<T> {
    type Plan = T::Plan;

    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<T::Plan> {
        T::plan(selected, compiler)
    }

    fn gather(&self, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) {
        if self.stored().is_some_and(|json| Self::gather_stored(json, at, plan, wanted)) {
            return;
        }
        for item in self {
            item.gather(at, plan, wanted);
        }
    }

    fn write(&self, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut Vec<u8>) {
        let begin = out.len();
        if self.stored().is_some_and(|json| Self::write_stored(json, at, plan, found, out)) {
            return;
        }
        out.truncate(begin);
        list(self, out, |item, out| item.write(at, plan, found, out));
    }

    fn gather_stored(json: &str, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) -> bool {
        all_items(json, |item| T::gather_stored(item, at, plan, wanted))
    }

    fn write_stored(json: &str, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut Vec<u8>) -> bool {
        let mut separator = b'[';
        let written = all_items(json, |item| {
            out.push(std::mem::replace(&mut separator, b','));
            T::write_stored(item, at, plan, found, out)
        });
        if separator == b'[' {
            out.push(b'[');
        }
        out.push(b']');
        written
    }
}

/// An object that lies in another: its fields, and its plan.
macro_rules! part_plan {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }) => {
        impl Inner for $name {
            fn fields() -> &'static Fields<Self> {
                static FIELDS: LazyLock<Fields<$name>> = LazyLock::new(|| {
                    let mut fields = Fields::from([$((name!($field $($graphql)?), get::<$name, $type>(stringify!($field), |it| &it.$field))),+]);
                    $name::add(&mut fields);
                    fields
                });
                &FIELDS
            }
        }

        impl Planned for $name {
            type Plan = ObjectPlan<Self>;

            fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<ObjectPlan<Self>> {
                ObjectPlan::compile(&[stringify!($name)], Self::fields(), selected, compiler)
            }

            fn gather(&self, at: ConnectionId, plan: &ObjectPlan<Self>, wanted: &mut Wanted) {
                plan.gather(self, at, wanted);
            }

            fn write(&self, at: ConnectionId, plan: &ObjectPlan<Self>, found: &Found, out: &mut Vec<u8>) {
                plan.write(self, at, found, out);
            }

            fn gather_stored(json: &str, at: ConnectionId, plan: &ObjectPlan<Self>, wanted: &mut Wanted) -> bool {
                plan.gather_stored(json, at, wanted)
            }

            fn write_stored(json: &str, at: ConnectionId, plan: &ObjectPlan<Self>, found: &Found, out: &mut Vec<u8>) -> bool {
                plan.write_stored(json, at, found, out)
            }
        }
    };
}

/// The fields of an object that lies in another.
trait Inner: Sized + 'static {
    fn fields() -> &'static Fields<Self>;
}

/// Fields beside the declared ones (`objects::beside`).
trait Add: Sized {
    fn add(_fields: &mut Fields<Self>) {}
}

macro_rules! nothing_to_add {
    ($($type:ty),+ $(,)?) => {$(
        impl Add for $type {}
    )+};
}
nothing_to_add!(WarehouseQuantity, Lot, LocationQuantity, ProductComponent, InboundLineItem, InboundReceiptLineItem);
nothing_to_add!(ShipmentLineItem, PackageLineItem, ReturnLineItem, ReturnShipment, ReturnShipmentLineItem, ReceivingDetail);
nothing_to_add!(Address, Measurements, SupplierProduct, OrderTotals, OrderDelivery);

/// `sourceId` under its old name.
macro_rules! id_as_it_was {
    ($($type:ty),+ $(,)?) => {$(
        impl Add for $type {
            fn add(fields: &mut Fields<Self>) {
                fields.insert("id".to_owned(), get("id", |it: &Self| &it.id));
            }
        }
    )+};
}
id_as_it_was!(Shipment, Package, InboundReceipt, Carrier, Channel, Supplier);

impl Add for OrderLineItem {
    fn add(fields: &mut Fields<Self>) {
        fields.insert("productSourceId".to_owned(), made(|it, out| json(&it.product.as_ref().map(Link::source_id), out)));
    }
}

/// A field's name in GraphQL.
macro_rules! name {
    ($name:ident) => {
        camel_case(stringify!($name))
    };
    ($name:ident $graphql:literal) => {
        $graphql.to_owned()
    };
}

/// A record: its own fields, and those of every record.
macro_rules! record_plan {
    (
        $(#[$doc:meta])*
        $name:ident { $data_type:ident, table $table:ident, filter $filter:ident, sort $sort:ident }
        fields { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }
        flat { $($flat:ident: $flat_type:ty),* $(,)? }
        filters { $($filters:tt)* }
        sorts { $($sorts:tt)* }
        terms { $($terms:tt)* }
    ) => {
        impl Shape for $name {
            fn fields() -> &'static Fields<Stored<Self>> {
                static FIELDS: LazyLock<Fields<Stored<$name>>> = LazyLock::new(|| {
                    let mut fields = every_record::<$name>();
                    $(fields.insert(name!($field $($graphql)?), of(stringify!($field), get::<Stored<$name>, $type>(stringify!($field), |it| &it.record.$field)));)+
                    $(
                    let beside = inside::<Stored<$name>, $flat_type>(|it| &it.record.$flat, <$flat_type as Inner>::fields());
                    fields.extend(beside.map(|(name, compile)| (name, of(stringify!($flat), compile))));
                    )*
                    fields
                });
                &FIELDS
            }
        }
    };
}

each_record!(record_plan, part_plan);

fn every_record<T: Record>() -> Fields<Stored<T>> {
    Fields::from([
        ("id".to_owned(), made(|it: &Stored<T>, out| quoted(out, |out| Id::write_record::<T>(it.connection, &it.record.source().id, out)))),
        ("sourceId".to_owned(), get("id", |it: &Stored<T>| &it.record.source().id)),
        ("sourceCreatedAt".to_owned(), get("created_at", |it: &Stored<T>| &it.record.source().created_at)),
        ("sourceUpdatedAt".to_owned(), get("updated_at", |it: &Stored<T>| &it.record.source().updated_at)),
        ("firstSeenAt".to_owned(), get("first_seen_at", |it: &Stored<T>| &it.first_seen_at)),
        ("changedAt".to_owned(), get("changed_at", |it: &Stored<T>| &it.changed_at)),
        ("deletedAt".to_owned(), get("deleted_at", |it: &Stored<T>| &it.deleted_at)),
        ("sourceUrl".to_owned(), get("url", |it: &Stored<T>| &it.record.source().url)),
        ("additionalFields".to_owned(), of("additional_fields", get("additional_fields", |it: &Stored<T>| &it.record.source().additional_fields))),
        ("raw".to_owned(), of("raw", get("raw", |it: &Stored<T>| &it.record.source().raw))),
    ])
}

/// The parts that several types share, whose declarations are plain structs. A field that is missing here does not compile.
macro_rules! shared {
    ($($name:ident { $($field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? })+) => {$(
        part_plan! { $name { $($field: $type $(as $graphql)?),+ } }

        const _: fn(&$name) = |it| {
            let $name { $($field: _),+ } = it;
        };
    )+};
}
shared! {
    Address {
        full_name: Option<String>, company: Option<String>, address1: Option<String>, address2: Option<String>, address3: Option<String>,
        city: Option<String>, state: Option<String>, postal_code: Option<String>, country: Option<String>, phone_number: Option<String>,
        email_address: Option<String>,
    }
    Measurements {
        length: Option<Quantity>, width: Option<Quantity>, height: Option<Quantity>, unit: Option<LengthUnit>, weight: Option<Quantity>,
        weight_unit: Option<WeightUnit>,
    }
    Carrier { id: Option<String> as "sourceId", name: Option<String>, scac: Option<String> }
    Channel { id: Option<String> as "sourceId", name: Option<String> }
    Supplier { id: Option<String> as "sourceId", name: Option<String> }
    SupplierProduct { supplier: Option<Supplier>, external_id: Option<String>, unit_cost: Option<Money> }
    OrderTotals { currency_code: Option<String>, total_tax: Option<Money>, total_discount: Option<Money>, total_shipping: Option<Money> }
    OrderDelivery {
        trading_partner: Option<String>, service_level: Option<String>, shipping_method_name: Option<String>, carrier: Option<Carrier>,
        third_party_freight_account_number: Option<String>, first_party_freight_account_number: Option<String>,
        is_third_party_freight: Option<bool>, saturday_delivery: Option<bool>, signature_required: Option<bool>,
        duty_paid_by: Option<DutyPayer>,
    }
}
