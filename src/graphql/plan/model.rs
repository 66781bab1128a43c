//! The fields of the model's types, as a plan writes them. They come from the same declarations as the schema's.

use std::marker::PhantomData;
use std::sync::LazyLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::scalars::quoted;
use super::select::Selected;
use super::stored::all_items;
use super::{Compile, Compiler, Entries, Fields, Found, InJson, InRow, ObjectPlan, Planned, Step, Wanted};
use crate::graphql::objects::Shown;
use crate::record::*;
use crate::store::records::{Cell, Kind, Row, place_of};

/// The fields of a type of record.
pub trait Shape: Sized {
    /// Those that can be planned.
    fn fields() -> &'static Fields<InRow<Self>>;
}

/// The names of a record's type and interfaces.
pub(super) fn is<T: Shown>() -> [&'static str; 3] {
    [T::DATA_TYPE.type_name(), "Record", "Node"]
}

/// A field that lies in JSON, in this place.
struct Entry<V: Planned> {
    place: usize,
    plan: V::Plan,
}

impl<V: Planned> Step<InJson> for Entry<V> {
    fn gather(&self, it: &Entries<'_>, at: ConnectionId, wanted: &mut Wanted) -> bool {
        it.get(self.place).is_some_and(|json| V::gather(json, at, &self.plan, wanted))
    }

    fn write(&self, it: &Entries<'_>, at: ConnectionId, found: &Found, out: &mut String) -> bool {
        it.get(self.place).is_some_and(|json| V::write(json, at, &self.plan, found, out))
    }
}

/// The field of a `T` that is stored under this name.
fn entry<T: Inner, V: Planned>(name: &'static str) -> Compile<InJson> {
    Box::new(move |selected, compiler| {
        let place = T::STORED.iter().position(|stored| stored.trim_matches(['"', ':']) == name)?;
        Some(Box::new(Entry::<V> { place, plan: V::plan(selected, compiler)? }))
    })
}

/// A field that has a column, at this place.
struct InColumn<V: Planned> {
    column: usize,
    plan: V::Plan,
}

impl<T: Kind, V: Planned> Step<InRow<T>> for InColumn<V> {
    fn gather(&self, it: &Row<T>, at: ConnectionId, wanted: &mut Wanted) -> bool {
        V::gather_cell(it.cell(self.column), at, &self.plan, wanted)
    }

    fn write(&self, it: &Row<T>, at: ConnectionId, found: &Found, out: &mut String) -> bool {
        V::write_cell(it.cell(self.column), at, &self.plan, found, out)
    }
}

fn column<T: Kind, V: Planned>(name: &'static str) -> Compile<InRow<T>> {
    Box::new(move |selected, compiler| {
        compiler.need(name);
        let plan = V::plan(selected, compiler)?;
        Some(Box::new(InColumn::<V> { column: place_of::<T>(name)?, plan }))
    })
}

/// A record's global id.
struct GlobalId;

impl<T: Kind> Step<InRow<T>> for GlobalId {
    fn write(&self, it: &Row<T>, at: ConnectionId, _: &Found, out: &mut String) -> bool {
        quoted(out, |out| Id::write_record::<T>(at, it.source_id(), out));
        true
    }
}

/// A field of an object that lies in a column of this place, and whose fields stand beside those of the record.
struct Inside<V> {
    column: usize,
    step: Box<dyn Step<InJson>>,
    of: PhantomData<fn() -> V>,
}

impl<T: Kind, V: Inner + Serialize + DeserializeOwned + 'static> Step<InRow<T>> for Inside<V> {
    fn gather(&self, it: &Row<T>, at: ConnectionId, wanted: &mut Wanted) -> bool {
        from_json::<V>(it.cell(self.column), |json| Entries::of(json, V::STORED).is_some_and(|it| self.step.gather(&it, at, wanted)))
    }

    fn write(&self, it: &Row<T>, at: ConnectionId, found: &Found, out: &mut String) -> bool {
        write_json::<V>(it.cell(self.column), out, |json, out| Entries::of(json, V::STORED).is_some_and(|it| self.step.write(&it, at, found, out)))
    }
}

fn inside<T: Kind, V: Inner + Serialize + DeserializeOwned + 'static>(column: &'static str) -> impl Iterator<Item = (String, Compile<InRow<T>>)> {
    V::fields().iter().map(move |(name, compile)| {
        let lifted: Compile<InRow<T>> = Box::new(move |selected, compiler| {
            compiler.need(column);
            let step = compile(selected, compiler)?;
            Some(Box::new(Inside::<V> { column: place_of::<T>(column)?, step, of: PhantomData }))
        });
        (name.clone(), lifted)
    })
}

/// Does something with the JSON of a cell. Where that fails, because another version has written it, it is done with what today's
/// version would have written.
fn from_json<V: Serialize + DeserializeOwned>(cell: Cell<'_>, mut with: impl FnMut(&str) -> bool) -> bool {
    let Ok(json) = cell.text() else { return false };
    if with(json) {
        return true;
    }
    let restored = serde_json::from_str::<V>(json).and_then(|value| serde_json::to_string(&value));
    restored.inspect_err(|error| tracing::error!(error = %error, "A value in the database cannot be read")).is_ok_and(|json| with(&json))
}

/// The same, where it is written.
fn write_json<V: Serialize + DeserializeOwned>(cell: Cell<'_>, out: &mut String, mut with: impl FnMut(&str, &mut String) -> bool) -> bool {
    let begin = out.len();
    from_json::<V>(cell, |json| {
        out.truncate(begin);
        with(json, out)
    })
}

impl<T: Planned> Planned for Option<T> {
    type Plan = T::Plan;

    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<T::Plan> {
        T::plan(selected, compiler)
    }

    fn gather(json: &str, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) -> bool {
        json == "null" || T::gather(json, at, plan, wanted)
    }

    fn write(json: &str, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut String) -> bool {
        if json == "null" {
            out.push_str("null");
            return true;
        }
        T::write(json, at, plan, found, out)
    }

    fn gather_cell(cell: Cell<'_>, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) -> bool {
        cell == Cell::Null || T::gather_cell(cell, at, plan, wanted)
    }

    fn write_cell(cell: Cell<'_>, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut String) -> bool {
        if cell == Cell::Null {
            out.push_str("null");
            return true;
        }
        T::write_cell(cell, at, plan, found, out)
    }
}

/// What lies in a column as JSON.
macro_rules! json_cell {
    () => {
        fn gather_cell(cell: Cell<'_>, at: ConnectionId, plan: &Self::Plan, wanted: &mut Wanted) -> bool {
            from_json::<Self>(cell, |json| Self::gather(json, at, plan, wanted))
        }

        fn write_cell(cell: Cell<'_>, at: ConnectionId, plan: &Self::Plan, found: &Found, out: &mut String) -> bool {
            write_json::<Self>(cell, out, |json, out| Self::write(json, at, plan, found, out))
        }
    };
}

impl<T: Planned + Serialize + DeserializeOwned> Planned for List<T> {
    type Plan = T::Plan;

    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<T::Plan> {
        T::plan(selected, compiler)
    }

    fn gather(json: &str, at: ConnectionId, plan: &T::Plan, wanted: &mut Wanted) -> bool {
        all_items(json, |item| T::gather(item, at, plan, wanted))
    }

    fn write(json: &str, at: ConnectionId, plan: &T::Plan, found: &Found, out: &mut String) -> bool {
        let mut separator = '[';
        let written = all_items(json, |item| {
            out.push(std::mem::replace(&mut separator, ','));
            T::write(item, at, plan, found, out)
        });
        if separator == '[' {
            out.push('[');
        }
        out.push(']');
        written
    }

    json_cell!();
}

/// An object that lies in another: its fields, and its plan.
macro_rules! part_plan {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $graphql:literal)?),+ $(,)? }) => {
        impl Inner for $name {
            const STORED: &'static [&'static str] = &[$(concat!("\"", stringify!($field), "\":")),+];

            fn fields() -> &'static Fields<InJson> {
                static FIELDS: LazyLock<Fields<InJson>> = LazyLock::new(|| {
                    let mut fields = Fields::from([$((name!($field $($graphql)?), entry::<$name, $type>(stringify!($field)))),+]);
                    $name::add(&mut fields);
                    fields
                });
                &FIELDS
            }
        }

        impl Planned for $name {
            type Plan = ObjectPlan<InJson>;

            fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<ObjectPlan<InJson>> {
                ObjectPlan::compile(&[stringify!($name)], <Self as Inner>::fields(), selected, compiler)
            }

            fn gather(json: &str, at: ConnectionId, plan: &ObjectPlan<InJson>, wanted: &mut Wanted) -> bool {
                Entries::of(json, Self::STORED).is_some_and(|it| plan.gather(&it, at, wanted))
            }

            fn write(json: &str, at: ConnectionId, plan: &ObjectPlan<InJson>, found: &Found, out: &mut String) -> bool {
                Entries::of(json, Self::STORED).is_some_and(|it| plan.write(&it, at, found, out))
            }

            json_cell!();
        }

        #[cfg(test)]
        #[test]
        #[expect(non_snake_case, reason = "one test for each type, by its name")]
        fn $name() {
            let json = serde_json::to_string(&$name::default()).unwrap();
            assert!(Entries::of(&json, $name::STORED).is_some(), "declared in another order than stored, so always parsed: {json}");
        }
    };
}

/// The fields of an object that lies in another.
trait Inner: 'static {
    /// Its fields as they are stored, each as `"name":`, in their order.
    const STORED: &'static [&'static str];

    fn fields() -> &'static Fields<InJson>;
}

/// Fields beside the declared ones (`objects::beside`).
trait Add {
    fn add(_fields: &mut Fields<InJson>) {}
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
            fn add(fields: &mut Fields<InJson>) {
                fields.insert("id".to_owned(), entry::<Self, Option<String>>("id"));
            }
        }
    )+};
}
id_as_it_was!(Shipment, Package, InboundReceipt, Carrier, Channel, Supplier);

impl Add for OrderLineItem {
    fn add(fields: &mut Fields<InJson>) {
        fields.insert("productSourceId".to_owned(), entry::<Self, Option<String>>("product"));
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
            fn fields() -> &'static Fields<InRow<Self>> {
                static FIELDS: LazyLock<Fields<InRow<$name>>> = LazyLock::new(|| {
                    let mut fields = every_record::<$name>();
                    $(fields.insert(name!($field $($graphql)?), column::<$name, $type>(stringify!($field)));)+
                    $(fields.extend(inside::<$name, $flat_type>(stringify!($flat)));)*
                    fields
                });
                &FIELDS
            }
        }
    };
}

each_record!(record_plan, part_plan);

fn every_record<T: Kind>() -> Fields<InRow<T>> {
    let id: Compile<InRow<T>> = Box::new(|_, _| Some(Box::new(GlobalId)));
    Fields::from([
        ("id".to_owned(), id),
        ("sourceId".to_owned(), column::<T, String>("source_id")),
        ("sourceCreatedAt".to_owned(), column::<T, Option<Instant>>("source_created_at")),
        ("sourceUpdatedAt".to_owned(), column::<T, Option<Instant>>("source_updated_at")),
        ("firstSeenAt".to_owned(), column::<T, Instant>("first_seen_at")),
        ("changedAt".to_owned(), column::<T, Instant>("changed_at")),
        ("deletedAt".to_owned(), column::<T, Option<Instant>>("deleted_at")),
        ("sourceUrl".to_owned(), column::<T, Option<String>>("source_url")),
        ("additionalFields".to_owned(), column::<T, Option<Json>>("additional_fields")),
        ("raw".to_owned(), column::<T, Option<Json>>("raw")),
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
