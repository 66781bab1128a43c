//! From the operators of a filter to conditions on a column.

use std::ops::Deref;

use super::error::{Error, Result};
use super::predicate::{Column, Op, Predicate, Scalar};
use crate::record::filter::{BooleanFilter, DateTimeFilter, DecimalFilter, EnumFilter, FloatFilter, IdFilter, MAX_LIST, StringFilter};
use crate::record::{DataType, Id, InboundStatus, List, OrderStatus, OrderType, ReturnStatus, Term};

/// Operators that become conditions on a column. `field` is the filter's field, for errors.
pub(super) trait Operators {
    fn conditions(&self, column: Column, field: &str) -> Result<Vec<Predicate>>;
}

fn refuse(field: &str, message: impl Into<String>) -> Error {
    Error::Filter { field: field.to_owned(), message: message.into() }
}

fn bounded<T>(values: &[T], field: &str, operator: &str) -> Result<()> {
    if values.len() > MAX_LIST {
        return Err(refuse(&format!("{field}.{operator}"), format!("at most {MAX_LIST} values are allowed, not {}", values.len())));
    }
    Ok(())
}

fn not(predicate: Predicate) -> Predicate {
    Predicate::Not(Box::new(predicate))
}

fn null(column: Column, is_null: Option<bool>) -> Option<Predicate> {
    is_null.map(|is_null| if is_null { Predicate::IsNull(column) } else { not(Predicate::IsNull(column)) })
}

fn texts(
    column: Column,
    field: &str,
    eq: Option<&str>,
    neq: Option<&str>,
    any: Option<Vec<String>>,
    none: Option<Vec<String>>,
) -> Result<Vec<Predicate>> {
    let is = |text: &str| Predicate::Is(column, Op::Eq, Scalar::Text(text.to_owned()));
    let mut all = Vec::new();
    all.extend(eq.map(is));
    all.extend(neq.map(|text| not(is(text))));
    if let Some(values) = any {
        bounded(&values, field, "in")?;
        all.push(Predicate::OneOf(column, List(values)));
    }
    if let Some(values) = none {
        bounded(&values, field, "nin")?;
        all.push(not(Predicate::OneOf(column, List(values))));
    }
    Ok(all)
}

impl Operators for StringFilter {
    fn conditions(&self, column: Column, field: &str) -> Result<Vec<Predicate>> {
        let mut all = texts(column, field, self.eq.as_deref(), self.neq.as_deref(), self.any.clone(), self.none.clone())?;
        all.extend(self.contains.clone().map(|part| Predicate::Contains(column, Scalar::Text(part))));
        if let Some(start) = &self.starts_with {
            // A range, which an index can answer. U+10FFFF orders after every other letter.
            all.push(Predicate::Is(column, Op::Ge, Scalar::Text(start.clone())));
            all.push(Predicate::Is(column, Op::Lt, Scalar::Text(format!("{start}\u{10FFFF}"))));
        }
        all.extend(null(column, self.is_null));
        Ok(all)
    }
}

macro_rules! enum_operators {
    ($($code:ty),+) => {$(
        impl Operators for EnumFilter<$code> {
            fn conditions(&self, column: Column, field: &str) -> Result<Vec<Predicate>> {
                let names = |codes: &Vec<$code>| codes.iter().map(|code| code.as_str().to_owned()).collect();
                let (eq, neq) = (self.eq.map(<$code>::as_str), self.neq.map(<$code>::as_str));
                let mut all = texts(column, field, eq, neq, self.any.as_ref().map(names), self.none.as_ref().map(names))?;
                all.extend(null(column, self.is_null));
                Ok(all)
            }
        }
    )+};
}
enum_operators!(OrderStatus, OrderType, InboundStatus, ReturnStatus);

/// The five comparisons that numbers and moments share.
fn range<T: Copy>(column: Column, scalar: fn(T) -> Scalar, bounds: [(Op, Option<T>); 5]) -> Vec<Predicate> {
    bounds.into_iter().filter_map(|(op, bound)| bound.map(|bound| Predicate::Is(column, op, scalar(bound)))).collect()
}

impl Operators for DateTimeFilter {
    fn conditions(&self, column: Column, _: &str) -> Result<Vec<Predicate>> {
        let bounds = [(Op::Eq, self.eq), (Op::Gt, self.gt), (Op::Ge, self.gte), (Op::Lt, self.lt), (Op::Le, self.lte)];
        let mut all = range(column, Scalar::Time, bounds);
        all.extend(null(column, self.is_null));
        Ok(all)
    }
}

impl Operators for FloatFilter {
    fn conditions(&self, column: Column, _: &str) -> Result<Vec<Predicate>> {
        let bounds = [(Op::Eq, self.eq), (Op::Gt, self.gt), (Op::Ge, self.gte), (Op::Lt, self.lt), (Op::Le, self.lte)];
        Ok(range(column, |quantity| Scalar::Int(quantity.micros()), bounds))
    }
}

impl Operators for DecimalFilter {
    fn conditions(&self, column: Column, _: &str) -> Result<Vec<Predicate>> {
        let bounds = [(Op::Eq, self.eq), (Op::Gt, self.gt), (Op::Ge, self.gte), (Op::Lt, self.lt), (Op::Le, self.lte)];
        let mut all = range(column, |money| Scalar::Int(money.micros()), bounds);
        all.extend(null(column, self.is_null));
        Ok(all)
    }
}

impl Operators for BooleanFilter {
    fn conditions(&self, column: Column, _: &str) -> Result<Vec<Predicate>> {
        Ok(self.eq.map(|truth| Predicate::Is(column, Op::Eq, Scalar::Bool(truth))).into_iter().collect())
    }
}

/// The record of this type that a caller names.
fn record_named(id: &str, links: Option<DataType>, field: &str) -> Result<(i64, String)> {
    match id.parse::<Id>() {
        Ok(Id::Record(data_type, connection, source_id)) if links.is_none_or(|links| links == data_type) => Ok((connection.0, source_id)),
        _ => Err(refuse(field, format!("{id:?} is not the id of {}", links.map_or("a record", DataType::a_type_name)))),
    }
}

/// A link's column holds a source id; the id that a caller names says the connection too.
impl Operators for IdFilter {
    fn conditions(&self, column: Column, field: &str) -> Result<Vec<Predicate>> {
        id_conditions(self, column, field, |id, field| {
            let (connection, source_id) = record_named(id, column.links(), field)?;
            let at = Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection));
            Ok(Predicate::All(vec![at, Predicate::Is(column, Op::Eq, Scalar::Text(source_id))]))
        })
    }
}

fn id_conditions(filter: &IdFilter, column: Column, field: &str, one: impl Fn(&str, &str) -> Result<Predicate>) -> Result<Vec<Predicate>> {
    let mut all = ids(filter, field, one)?;
    all.extend(null(column, filter.is_null));
    Ok(all)
}

/// One of these ids.
fn each<I: Deref<Target = String>>(ids: &[I], field: &str, operator: &str, one: &impl Fn(&str, &str) -> Result<Predicate>) -> Result<Predicate> {
    bounded(ids, field, operator)?;
    let parts = ids.iter().enumerate().map(|(index, id)| one(id, &format!("{field}.{operator}.{index}")));
    parts.collect::<Result<_>>().map(Predicate::Any)
}

/// What a filter says of ids, `isNull` aside.
fn ids(filter: &IdFilter, field: &str, one: impl Fn(&str, &str) -> Result<Predicate>) -> Result<Vec<Predicate>> {
    let mut all = Vec::new();
    if let Some(id) = &filter.eq {
        all.push(one(id, &format!("{field}.eq"))?);
    }
    if let Some(id) = &filter.neq {
        all.push(not(one(id, &format!("{field}.neq"))?));
    }
    if let Some(ids) = &filter.any {
        all.push(each(ids, field, "in", &one)?);
    }
    if let Some(ids) = &filter.none {
        all.push(not(each(ids, field, "nin", &one)?));
    }
    Ok(all)
}

/// `connectionId` of every filter.
pub(super) fn connection(filter: &IdFilter, field: &str) -> Result<Vec<Predicate>> {
    id_conditions(filter, Column::CONNECTION, field, |id, field| match id.parse::<Id>() {
        Ok(Id::Connection(connection)) => Ok(Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection.0))),
        _ => Err(refuse(field, format!("{id:?} is no connection's id"))),
    })
}

/// Which terms a filter is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct TermsOf {
    pub table: &'static str,
    pub data_type: DataType,
    pub term: Term,
}

impl TermsOf {
    fn has(self, value: Option<Predicate>) -> Predicate {
        Predicate::HasTerm { table: self.table, data_type: self.data_type, term: self.term, value: value.map(Box::new) }
    }

    fn null(self, is_null: Option<bool>) -> Option<Predicate> {
        is_null.map(|is_null| if is_null { not(self.has(None)) } else { self.has(None) })
    }

    /// One and the same term meets all of these.
    fn meets(self, conditions: Vec<Predicate>) -> Option<Predicate> {
        (!conditions.is_empty()).then(|| self.has(Some(Predicate::All(conditions))))
    }
}

/// Operators on what stands inside a record's lists: one of the values must meet them. `neq` and `nin` ask that *none* is such
/// a value, `isNull: true` that there is none at all.
pub(super) trait TermOperators {
    fn terms(&self, of: TermsOf, field: &str) -> Result<Vec<Predicate>>;
}

impl TermOperators for StringFilter {
    fn terms(&self, of: TermsOf, field: &str) -> Result<Vec<Predicate>> {
        let positive = Self { neq: None, none: None, is_null: None, ..self.clone() };
        let mut all: Vec<_> = of.meets(positive.conditions(Column::TERM_VALUE, field)?).into_iter().collect();
        if let Some(values) = &self.none {
            bounded(values, field, "nin")?;
        }
        let excluded = [Self { eq: self.neq.clone(), ..Self::default() }, Self { any: self.none.clone(), ..Self::default() }];
        for excluded in excluded {
            all.extend(excluded.conditions(Column::TERM_VALUE, field)?.into_iter().map(|is| not(of.has(Some(is)))));
        }
        all.extend(of.null(self.is_null));
        Ok(all)
    }
}

impl TermOperators for DateTimeFilter {
    fn terms(&self, of: TermsOf, _: &str) -> Result<Vec<Predicate>> {
        let bounds = [(Op::Eq, self.eq), (Op::Gt, self.gt), (Op::Ge, self.gte), (Op::Lt, self.lt), (Op::Le, self.lte)];
        let mut conditions = range(Column::TERM_VALUE, |at| Scalar::Text(at.to_sortable()), bounds);
        if !conditions.is_empty() {
            // No moment is beyond this. Without it, PostgreSQL takes the values of all other terms for later moments.
            conditions.push(Predicate::Is(Column::TERM_VALUE, Op::Lt, Scalar::Text(":".to_owned())));
        }
        let mut all: Vec<_> = of.meets(conditions).into_iter().collect();
        all.extend(of.null(self.is_null));
        Ok(all)
    }
}

impl TermOperators for IdFilter {
    fn terms(&self, of: TermsOf, field: &str) -> Result<Vec<Predicate>> {
        let mut all = ids(self, field, |id, field| {
            let (connection, source_id) = record_named(id, of.term.links(), field)?;
            let is = of.has(Some(Predicate::Is(Column::TERM_VALUE, Op::Eq, Scalar::Text(source_id))));
            Ok(Predicate::All(vec![Predicate::Is(Column::CONNECTION, Op::Eq, Scalar::Int(connection)), is]))
        })?;
        all.extend(of.null(self.is_null));
        Ok(all)
    }
}
