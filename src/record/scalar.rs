//! The scalars that every record is made of: instants, money, quantities and JSON kept as it came.
//!
//! **Invariants.** Money and quantities are fixed-point numbers of six decimals, never floats, so that sums and
//! comparisons agree on every database. Instants are microseconds since 1970 in UTC. JSON is kept as text and is
//! not parsed until somebody asks for it.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use async_graphql::{InputType, InputValueError, InputValueResult, OutputType, Scalar, ScalarType, Value};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::Visitor;
use serde::{Deserialize, Serialize};

/// Why a text or number is not the scalar that it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{value:?} is not {expected}")]
pub struct ScalarError {
    value: String,
    expected: &'static str,
}

impl ScalarError {
    fn new(value: impl fmt::Display, expected: &'static str) -> Self {
        Self { value: value.to_string(), expected }
    }
}

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Earlier than every moment that a source can name; stands for "none" in orderings.
    pub const MIN: Self = Self(i64::MIN);

    /// The moment `micros` microseconds after 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The moment `seconds` later; saturates at the ends of time.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// The moment `seconds` earlier; saturates at the ends of time.
    #[must_use]
    pub const fn minus_seconds(self, seconds: i64) -> Self {
        self.plus_seconds(seconds.saturating_neg())
    }

    /// How many whole milliseconds have passed since `earlier` (0 when it is later).
    pub const fn millis_since(self, earlier: Self) -> i64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 { 0 } else { micros / 1_000 }
    }

    /// So many milliseconds later.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }

    /// Its text with all six decimals of a second: texts of the same length, which order as the moments do (from the year 0 on).
    pub fn to_sortable(self) -> String {
        jiff::Timestamp::from_microsecond(self.0).map_or_else(|_| self.to_string(), |stamp| format!("{stamp:.6}"))
    }

    /// What a clock of the operating system said.
    pub fn from_system(time: std::time::SystemTime) -> Self {
        jiff::Timestamp::try_from(time).map_or(Self::MIN, |stamp| Self(stamp.as_microsecond()))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => f.write_str(if self.0 < 0 { "-9999-01-01T00:00:00Z" } else { "9999-12-31T23:59:59Z" }),
        }
    }
}

impl FromStr for Instant {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        text.parse::<jiff::Timestamp>()
            .map(|stamp| Self(stamp.as_microsecond()))
            .map_err(|_| ScalarError::new(text, "an RFC 3339 date and time such as 2026-01-31T08:00:00Z"))
    }
}

/// An RFC 3339 date and time. Answers are always in UTC; arguments may carry any offset.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time")]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(text.parse()?),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// Fixed-point with six decimals in an `i64`: the body that [`Money`] and [`Quantity`] share.
const SCALE: u32 = 6;
/// Millionths of one.
const UNIT: i64 = 1_000_000;

fn to_micros(decimal: Decimal) -> Option<i64> {
    let mut rounded = decimal.round_dp(SCALE);
    rounded.rescale(SCALE);
    i64::try_from(rounded.mantissa()).ok().filter(|_| rounded.scale() == SCALE)
}

fn parse_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// The millionths of a text such as `19.90`, as nearly all are: without a [`Decimal`] in between. `None`: it is not that plain.
fn plain_micros(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    // Of so few digits no number is too large.
    if !(1..=12).contains(&whole.len()) || !(1..=SCALE as usize).contains(&fraction.len()) {
        return None;
    }
    let number = |digits: &str| digits.bytes().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')));
    let missing = SCALE - u32::try_from(fraction.len()).ok()?;
    let micros = number(whole)? * UNIT + number(fraction)? * 10_i64.pow(missing);
    Some(if negative { -micros } else { micros })
}

/// The millionths of a text.
fn micros_of(text: &str) -> Option<i64> {
    plain_micros(text).or_else(|| parse_decimal(text).and_then(to_micros))
}

/// The millionths of what a WMS sent as a JSON number: those of the shortest text that reads back as the same float, which is
/// what the WMS meant (19.9, not 19.899999999999998).
fn micros_of_float(number: f64) -> Option<i64> {
    // Two different numbers of at most 15 digits are never the same float. So where one with six decimals is this float, it is
    // the number of that shortest text, which has no more digits.
    let micros = (number * UNIT as f64).round();
    if micros.abs() < 1e15 && micros / UNIT as f64 == number {
        return Some(micros as i64);
    }
    parse_decimal(&number.to_string()).and_then(to_micros)
}

/// An amount of money or a unit price, exact to six decimals. Its currency stands beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// The amount of `micros` millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Millionths of the currency's unit.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// What a WMS sent as a JSON number. `None` where it does not fit (over 9.2 trillion, or not finite).
    pub fn from_f64(number: f64) -> Option<Self> {
        micros_of_float(number).map(Self)
    }
}

impl fmt::Display for Money {
    /// At least two decimals, no more than needed: `19.90`, `0.0125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut decimals) = (self.0.unsigned_abs() % UNIT as u64, SCALE as usize);
        while decimals > 2 && rest.is_multiple_of(10) {
            (rest, decimals) = (rest / 10, decimals - 1);
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{rest:0decimals$}", self.0.unsigned_abs() / UNIT as u64)
    }
}

impl FromStr for Money {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        micros_of(text).map(Self).ok_or_else(|| ScalarError::new(text, "a decimal number such as \"19.90\""))
    }
}

/// Money or a unit price: a string such as "19.90", never a float. Arguments may be written as numbers too.
#[Scalar(name = "Decimal")]
impl ScalarType for Money {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(text.parse()?),
            Value::Number(number) => Ok(number.to_string().parse()?),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// How much of something there is, in the product's own unit: fractions are allowed (0.5 kg, 2.25 m), exact to six
/// decimals. GraphQL shows it as a `Float`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i64);

impl Quantity {
    /// None of it.
    pub const ZERO: Self = Self(0);

    /// So many whole pieces.
    pub const fn whole(pieces: i64) -> Self {
        Self(pieces.saturating_mul(1_000_000))
    }

    /// The quantity of `micros` millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Millionths of the unit.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// What a WMS sent as a JSON number. `None` where it does not fit (over 9.2 trillion, or not finite).
    pub fn from_f64(number: f64) -> Option<Self> {
        micros_of_float(number).map(Self)
    }

    /// The nearest float, for wire formats that know only floats.
    pub fn to_f64(self) -> f64 {
        // A quotient of floats is the float nearest to the true one, where both are exact.
        if self.0.unsigned_abs() < 1 << f64::MANTISSA_DIGITS {
            return self.0 as f64 / UNIT as f64;
        }
        Decimal::new(self.0, SCALE).to_f64().unwrap_or_default()
    }
}

impl std::ops::Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, |sum, one| sum + one)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Decimal::new(self.0, SCALE).normalize())
    }
}

impl FromStr for Quantity {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        micros_of(text).map(Self).ok_or_else(|| ScalarError::new(text, "a quantity such as 2.5"))
    }
}

/// A quantity is GraphQL's own `Float`, so the impls hand over to `f64`'s.
impl OutputType for Quantity {
    fn type_name() -> std::borrow::Cow<'static, str> {
        <f64 as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
        <f64 as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &async_graphql::ContextSelectionSet<'_>,
        field: &async_graphql::Positioned<async_graphql::parser::types::Field>,
    ) -> async_graphql::ServerResult<Value> {
        OutputType::resolve(&self.to_f64(), ctx, field).await
    }
}

impl InputType for Quantity {
    type RawValueType = Self;

    fn type_name() -> std::borrow::Cow<'static, str> {
        <f64 as InputType>::type_name()
    }

    fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
        <f64 as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let number = <f64 as InputType>::parse(value).map_err(InputValueError::propagate)?;
        Self::from_f64(number).ok_or_else(|| InputValueError::custom(ScalarError::new(number, "a quantity that fits").to_string()))
    }

    fn to_value(&self) -> Value {
        Value::from(self.to_f64())
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// JSON as it was received: text that is known to be valid, parsed only when somebody looks inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// The text of `value`.
    pub fn of(value: &impl Serialize) -> Self {
        // Serialising to a string fails only for maps whose keys are no strings; no payload here has them.
        Self(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
    }

    /// Text that came from our own database, or from a parser that has seen it to be JSON.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parsed value (`null` where the text is damaged).
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Default for Json {
    fn default() -> Self {
        Self("null".to_owned())
    }
}

/// Any JSON value.
#[Scalar(name = "JSON", specified_by_url = "https://ecma-international.org/publications-and-standards/standards/ecma-404/")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self::of(&value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(Json::to_value(self)).unwrap_or_default()
    }
}

/// Serialised as text (instants, money) or as a number (quantities), in JSON columns and in hashes alike.
macro_rules! serde_text {
    ($($type:ident),*) => {$(
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                input.deserialize_str(OfText(PhantomData))
            }
        }
    )*};
}
serde_text!(Instant, Money);

/// Reads a `T` from its text, which is not copied.
struct OfText<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for OfText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000_000 == 0 { out.serialize_i64(self.0 / 1_000_000) } else { out.serialize_f64(self.to_f64()) }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(input)?;
        Self::from_f64(number).ok_or_else(|| serde::de::Error::custom(ScalarError::new(number, "a quantity that fits")))
    }
}

/// In hashes and diffs JSON stands as its text: equal text is equal content.
impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_cents_and_drops_no_precision() {
        let shown = |text: &str| text.parse::<Money>().map(|money| money.to_string());
        assert_eq!(shown("19.9").as_deref(), Ok("19.90"));
        assert_eq!(shown("-0.0125").as_deref(), Ok("-0.0125"));
        assert_eq!(shown("1e3").as_deref(), Ok("1000.00"));
        assert_eq!(shown("0").as_deref(), Ok("0.00"));
        assert!(shown("ten").is_err());
        assert!(shown("92233720368548").is_err(), "does not fit");
        assert_eq!(Money::from_f64(0.1 + 0.2).map(|money| money.to_string()).as_deref(), Some("0.30"));
        assert_eq!(Money::from_f64(f64::NAN), None);
    }

    #[test]
    fn the_short_way_is_the_same_as_the_long_one() {
        let long = |number: f64| parse_decimal(&number.to_string()).and_then(to_micros);
        let mut bits = 1_u64;
        for step in 0..5_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let micros = (bits >> (4 + bits % 56)) as i64;
            let near = micros as f64 / 1e6;
            for number in [near, -near, near.next_up(), near * 1.1, f64::from_bits(bits)] {
                assert_eq!(micros_of_float(number), long(number), "step {step}: {number:?}");
            }
            let money = Money::from_micros(if bits & 1 == 0 { micros } else { -micros });
            let mut decimal = Decimal::new(money.0, SCALE).normalize();
            decimal.rescale(decimal.scale().max(2));
            assert_eq!(money.to_string(), decimal.to_string());
            assert_eq!(money.to_string().parse(), Ok(money));
            if micros.abs() < 1 << 53 {
                assert_eq!(Quantity(micros).to_f64(), Decimal::new(micros, SCALE).to_string().parse::<f64>().unwrap_or_default());
            }
        }
        for text in ["", "-", ".", "1.", ".5", "+1", "1.2.3", "1e3", " 7 ", "1.2345678", "9999999999999", "--1", "1-1", "0.000001", "-0.5"] {
            assert_eq!(micros_of(text), parse_decimal(text).and_then(to_micros), "{text:?}");
        }
        assert_eq!(Money::from_micros(i64::MIN).to_string(), "-9223372036854.775808");
    }

    #[test]
    fn quantities_are_exact_to_six_decimals() {
        assert_eq!(Quantity::from_f64(2.25), Some(Quantity::from_micros(2_250_000)));
        assert_eq!(Quantity::from_f64(-0.333_333_3), Some(Quantity::from_micros(-333_333)));
        assert_eq!(Quantity::from_f64(f64::INFINITY), None);
        assert_eq!(serde_json::to_string(&[Quantity::whole(3), Quantity::from_micros(500_000)]).ok().as_deref(), Some("[3,0.5]"));
    }

    #[test]
    fn instants_read_any_offset_and_write_utc() {
        let shown = |text: &str| text.parse::<Instant>().map(|instant| instant.to_string());
        assert_eq!(shown("2026-01-31T10:00:00.5+02:00").as_deref(), Ok("2026-01-31T08:00:00.5Z"));
        assert!(shown("yesterday").is_err());
        assert_eq!(Instant::MIN.plus_seconds(-1), Instant::MIN);
        let sortable = |text: &str| text.parse::<Instant>().map(Instant::to_sortable);
        assert_eq!(sortable("2026-01-31T10:00:00.5+02:00").as_deref(), Ok("2026-01-31T08:00:00.500000Z"));
        assert_eq!(sortable("2026-01-31T08:00:00Z").as_deref(), Ok("2026-01-31T08:00:00.000000Z"));
    }
}
