//! The fields of the model's types, as a plan writes them. They come from the same declarations as the schema's.

use std::sync::LazyLock;

use super::select::Selected;
use super::{Compile, Compiler, Fields, Found, ObjectPlan, Planned, Step, Wanted, json, list};
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
}

fn get<T: 'static, V: Planned>(get: fn(&T) -> &V) -> Compile<T> {
    Box::new(move |selected, compiler| {
        let plan = V::plan(selected, compiler)?;
        Some(Box::new(Get { get, plan }))
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

/// A scalar or an enumeration, written as it is serialised.
macro_rules! leaves {
    ($($type:ty),+ $(,)?) => {$(
        impl Planned for $type {
            type Plan = ();

            fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
                Some(())
            }

            fn write(&self, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) {
                json(self, out);
            }
        }
    )+};
}
leaves!(bool, String, Instant, Money);
leaves!(OrderStatus, OrderType, ShipmentStatus, InboundStatus, ReturnStatus, DutyPayer, LengthUnit, WeightUnit);

/// A `Float` of GraphQL, which is written with a point.
impl Planned for Quantity {
    type Plan = ();

    fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
        Some(())
    }

    fn write(&self, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) {
        json(&self.to_f64(), out);
    }
}

/// It is JSON already.
impl Planned for Json {
    type Plan = ();

    fn plan(_: &Selected<'_>, _: &mut Compiler<'_>) -> Option<()> {
        Some(())
    }

    fn write(&self, _: ConnectionId, (): &(), _: &Found, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_str().as_bytes());
    }
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
}

impl<T: Planned> Planned for List<T> {
    type Plan = T::Plan;

    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<T::Plan> {
        T::plan(selected, compiler)
    }

    fn gather(&self, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) {
        for item in self {
            item.gather(at, plan, wanted);
        }
    }

    fn write(&self, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut Vec<u8>) {
        list(self, out, |item, out| item.write(at, plan, found, out));
    }
}

/// An object that lies in another: its fields, and its plan.
macro_rules! part_plan {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }) => {
        impl Inner for $name {
            fn fields() -> &'static Fields<Self> {
                static FIELDS: LazyLock<Fields<$name>> = LazyLock::new(|| {
                    let mut fields = Fields::from([$((name!($field $($graphql)?), get::<$name, $type>(|it| &it.$field))),+]);
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
nothing_to_add!(WarehouseQuantity, Lot, LocationQuantity, ProductComponent, InboundLineItem, InboundReceipt, InboundReceiptLineItem);
nothing_to_add!(Shipment, ShipmentLineItem, Package, PackageLineItem, ReturnLineItem, ReturnShipment, ReturnShipmentLineItem, ReceivingDetail);
nothing_to_add!(Address, Measurements, Carrier, Channel, Supplier, SupplierProduct, OrderTotals, OrderDelivery);

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
                    $(fields.insert(name!($field $($graphql)?), of(stringify!($field), get::<Stored<$name>, $type>(|it| &it.record.$field)));)+
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
        ("id".to_owned(), made(|it: &Stored<T>, out| json(&Id::record::<T>(it.connection, &it.record.source().id).to_string(), out))),
        ("sourceId".to_owned(), made(|it: &Stored<T>, out| json(&it.record.source().id, out))),
        ("sourceCreatedAt".to_owned(), made(|it: &Stored<T>, out| json(&it.record.source().created_at, out))),
        ("sourceUpdatedAt".to_owned(), made(|it: &Stored<T>, out| json(&it.record.source().updated_at, out))),
        ("firstSeenAt".to_owned(), made(|it: &Stored<T>, out| json(&it.first_seen_at, out))),
        ("changedAt".to_owned(), made(|it: &Stored<T>, out| json(&it.changed_at, out))),
        ("deletedAt".to_owned(), made(|it: &Stored<T>, out| json(&it.deleted_at, out))),
        ("sourceUrl".to_owned(), made(|it: &Stored<T>, out| json(&it.record.source().url, out))),
        ("additionalFields".to_owned(), of("additional_fields", get(|it: &Stored<T>| &it.record.source().additional_fields))),
        ("raw".to_owned(), of("raw", get(|it: &Stored<T>| &it.record.source().raw))),
    ])
}

/// The parts that several types share, whose declarations are plain structs. A field that is missing here does not compile.
macro_rules! shared {
    ($($name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        part_plan! { $name { $($field: $type),+ } }

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
    Carrier { id: Option<String>, name: Option<String>, scac: Option<String> }
    Channel { id: Option<String>, name: Option<String> }
    Supplier { id: Option<String>, name: Option<String> }
    SupplierProduct { supplier: Option<Supplier>, external_id: Option<String>, unit_cost: Option<Money> }
    OrderTotals { currency_code: Option<String>, total_tax: Option<Money>, total_discount: Option<Money>, total_shipping: Option<Money> }
    OrderDelivery {
        trading_partner: Option<String>, service_level: Option<String>, shipping_method_name: Option<String>, carrier: Option<Carrier>,
        third_party_freight_account_number: Option<String>, first_party_freight_account_number: Option<String>,
        is_third_party_freight: Option<bool>, saturday_delivery: Option<bool>, signature_required: Option<bool>,
        duty_paid_by: Option<DutyPayer>,
    }
}
