//! What callers want written: drafts of new records and patches of existing ones.
//!
//! They are GraphQL inputs as they stand. In a patch, a field that is absent stays as it is, and null clears it where
//! the WMS can.

use std::borrow::Cow;
use std::marker::PhantomData;

/// A field of a patch: absent, null or a value.
pub use async_graphql::MaybeUndefined;
use async_graphql::{InputObject, InputType, InputValueError, InputValueResult, Value};
use serde::{Serialize, Serializer};

use super::{
    Address, ConnectionId, Id, Instant, Json, Money, Order, OrderType, Product, Quantity, Record, ShippingMethod, Warehouse, WarehouseCustomer, codes,
};

codes! {
    /// What a write does.
    pub enum WriteAction {
        /// `createOrder`.
        CreateOrder = "CREATE_ORDER",
        /// `updateProduct`.
        UpdateProduct = "UPDATE_PRODUCT",
    }
}

/// A write: what is wanted, and the type of record that comes back.
pub trait Command: Serialize + Send + Sync + 'static {
    /// The record that it makes or changes.
    type Record: Record;
    /// What it does.
    const ACTION: WriteAction;
    /// The field of the mutation's `input` that holds the draft or patch: what paths of errors begin with.
    const FIELD: &'static str;
    /// Every record that it names, with the path below the mutation's `input`, so that ids of other connections can be
    /// refused before anything is sent.
    fn refs(&self) -> Vec<(Vec<String>, ConnectionId)>;
}

/// The global id of a record of type `T`, as an input.
pub struct Ref<T> {
    connection: ConnectionId,
    source_id: String,
    to: PhantomData<fn() -> T>,
}

impl<T: Record> Ref<T> {
    /// The record that `id` names, if it is one of type `T`.
    pub fn of(id: &Id) -> Option<Self> {
        id.as_record(T::DATA_TYPE).map(|(connection, source_id)| Self { connection, source_id: source_id.to_owned(), to: PhantomData })
    }
}

impl<T> Ref<T> {
    /// The connection that it belongs to.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// What the WMS calls it.
    pub fn source_id(&self) -> &str {
        &self.source_id
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        Self { connection: self.connection, source_id: self.source_id.clone(), to: PhantomData }
    }
}

impl<T> std::fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ref({}, {:?})", self.connection, self.source_id)
    }
}

impl<T> Serialize for Ref<T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.source_id)
    }
}

impl<T: Record> InputType for Ref<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        <async_graphql::ID as InputType>::type_name()
    }

    fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
        <async_graphql::ID as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let id = <async_graphql::ID as InputType>::parse(value).map_err(InputValueError::propagate)?;
        let wanted = T::DATA_TYPE.type_name();
        id.parse().ok().and_then(|id| Self::of(&id)).ok_or_else(|| InputValueError::custom(format!("{:?} is not the id of a {wanted}", id.as_str())))
    }

    fn to_value(&self) -> Value {
        Value::String(Id::record::<T>(self.connection, &self.source_id).to_string())
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// A postal address with its contact.
#[derive(Debug, Clone, Default, InputObject, Serialize)]
pub struct AddressInput {
    /// The person.
    pub full_name: Option<String>,
    /// The company.
    pub company: Option<String>,
    /// First line: street and number.
    pub address1: Option<String>,
    /// Second line.
    pub address2: Option<String>,
    /// Third line.
    pub address3: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// State, province or region.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<String>,
    /// Telephone number.
    pub phone_number: Option<String>,
    /// E-mail address.
    pub email_address: Option<String>,
}

impl From<AddressInput> for Address {
    fn from(input: AddressInput) -> Self {
        Self {
            full_name: input.full_name,
            company: input.company,
            address1: input.address1,
            address2: input.address2,
            address3: input.address3,
            city: input.city,
            state: input.state,
            postal_code: input.postal_code,
            country: input.country,
            phone_number: input.phone_number,
            email_address: input.email_address,
        }
    }
}

/// An order to be made at the WMS.
#[derive(Debug, Clone, InputObject, Serialize)]
pub struct OrderDraft {
    /// The number to call it by; most WMSs give one themselves when it is left out.
    pub order_number: Option<String>,
    /// The shop's own identifier.
    pub reference_id: Option<String>,
    /// Whose goods are to be shipped, at a WMS that serves several owners.
    pub warehouse_customer_id: Option<Ref<WarehouseCustomer>>,
    /// The warehouse that is to ship it.
    pub warehouse_id: Option<Ref<Warehouse>>,
    /// How it is to be shipped.
    pub shipping_method_id: Option<Ref<ShippingMethod>>,
    /// Who it is for.
    #[graphql(name = "type")]
    pub order_type: Option<OrderType>,
    /// Where it goes.
    pub ship_to: Option<AddressInput>,
    /// When it must leave the warehouse.
    pub required_ship_date: Option<Instant>,
    /// ISO 4217 code of the prices.
    pub currency_code: Option<String>,
    /// What is ordered: at least one line.
    pub line_items: Vec<OrderLineItemDraft>,
}

/// A line of an order to be made. Name the product by `productId` or by `sku`.
#[derive(Debug, Clone, InputObject, Serialize)]
pub struct OrderLineItemDraft {
    /// What is ordered.
    pub product_id: Option<Ref<Product>>,
    /// Its stock keeping unit.
    pub sku: Option<String>,
    /// How many.
    pub quantity: Quantity,
    /// What one costs.
    pub unit_price: Option<Money>,
}

/// Make an order.
#[derive(Debug, Clone, Serialize)]
pub struct CreateOrder {
    /// The order.
    pub order: OrderDraft,
    /// Fields that only this WMS knows.
    pub integration_fields: Option<Json>,
}

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

impl Command for CreateOrder {
    type Record = Order;
    const ACTION: WriteAction = WriteAction::CreateOrder;
    const FIELD: &'static str = "order";

    fn refs(&self) -> Vec<(Vec<String>, ConnectionId)> {
        let order = &self.order;
        let mut refs = Vec::new();
        refs.extend(order.warehouse_customer_id.iter().map(|id| (path(&["order", "warehouseCustomerId"]), id.connection())));
        refs.extend(order.warehouse_id.iter().map(|id| (path(&["order", "warehouseId"]), id.connection())));
        refs.extend(order.shipping_method_id.iter().map(|id| (path(&["order", "shippingMethodId"]), id.connection())));
        for (index, line) in order.line_items.iter().enumerate() {
            let index = index.to_string();
            refs.extend(line.product_id.iter().map(|id| (path(&["order", "lineItems", &index, "productId"]), id.connection())));
        }
        refs
    }
}

/// What is to change of a product. Absent: stays as it is. Null: cleared, where the WMS can.
#[derive(Debug, Clone, Default, InputObject, Serialize)]
pub struct ProductPatch {
    /// Stock keeping unit.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub sku: MaybeUndefined<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub name: MaybeUndefined<String>,
    /// Global Trade Item Number: the UPC or EAN of its bar code.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub gtin: MaybeUndefined<String>,
    /// What one unit sells for.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub unit_price: MaybeUndefined<Money>,
    /// False archives it.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub active: MaybeUndefined<bool>,
    /// ISO 3166-1 alpha-2 code of the country it was made in.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub country_of_origin: MaybeUndefined<String>,
    /// Harmonized System code for customs.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub harmonized_code: MaybeUndefined<String>,
}

/// Change a product.
#[derive(Debug, Clone, Serialize)]
pub struct UpdateProduct {
    /// Which one.
    pub product: Ref<Product>,
    /// What is to change.
    pub patch: ProductPatch,
    /// Fields that only this WMS knows.
    pub integration_fields: Option<Json>,
}

impl Command for UpdateProduct {
    type Record = Product;
    const ACTION: WriteAction = WriteAction::UpdateProduct;
    const FIELD: &'static str = "product";

    fn refs(&self) -> Vec<(Vec<String>, ConnectionId)> {
        vec![(path(&["id"]), self.product.connection())]
    }
}
