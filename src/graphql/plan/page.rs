//! Lists, as types of the schema.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::connection::CursorType as _;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{ContainerType, Context, ContextBase, ContextSelectionSet, Error, Name, OutputType, Positioned, ServerResult, Value};
use futures_util::future::join_all;

use super::links::{Found, Wanted, follow, readable};
use super::model::is;
use super::select::{self, Fragments, Selected, is_alone};
use super::{Compiler, InRow, Key, Object, Slot, Step, TypeName, json, kept, list};
use crate::graphql::errors::Fault;
use crate::graphql::objects::{ListNames, Shown};
use crate::graphql::pagination::{Asks, RecordPage, Rows};
use crate::graphql::{State, state};
use crate::store::records::{Row, Stored};

/// The key by which serde_json knows JSON that is to be taken over as it is, and async-graphql's feature `raw_value` with it (which
/// has the name, but does not hand it out).
const RAW_VALUE_TOKEN: &str = "$serde_json::private::RawValue";

/// A record, one way or the other: what can be planned is, what cannot is resolved and its value kept.
pub(super) struct NodePlan<T> {
    fields: Vec<(Key, NodeField<T>)>,
    pub(super) resolved: Vec<Positioned<Field>>,
}

enum NodeField<T> {
    Planned(Box<dyn Step<InRow<T>>>),
    /// The field of this number among those that are resolved.
    Resolved(usize),
}

/// The values of the resolved fields of a record, as JSON, by the field's number.
pub(super) type Values = Vec<String>;

impl<T: Shown> NodePlan<T> {
    pub(super) fn compile(sets: &[&SelectionSet], compiler: &mut Compiler<'_>) -> Option<Self> {
        let (is, planned) = (is::<T>(), T::fields());
        let mut plan = Self { fields: Vec::new(), resolved: Vec::new() };
        for field in select::fields(compiler.fragments, sets, &is) {
            let step = if field.name != "__typename" && !planned.contains_key(field.name) {
                compiler.need_small();
                plan.resolved.push(field.merged()?);
                NodeField::Resolved(plan.resolved.len() - 1)
            } else {
                NodeField::Planned(super::step(&is, planned, &field, compiler)?)
            };
            plan.fields.push((Key::of(field.key), step));
        }
        Some(plan)
    }

    pub(super) fn gather(&self, row: &Row<T>, wanted: &mut Wanted) -> bool {
        self.fields.iter().all(|(_, field)| if let NodeField::Planned(step) = field { step.gather(row, row.connection(), wanted) } else { true })
    }

    /// Resolves what is not planned. False: a field failed, which is no longer a record's business but that of whatever may be
    /// null above it. Its error has been told.
    pub(super) async fn resolve<C>(&self, ctx: &ContextBase<'_, C>, record: &Arc<Stored<T>>) -> Option<Values> {
        let object = T::shown(record.clone());
        let fields = self.resolved.iter().map(async |field| {
            let ctx = ctx.with_field(field);
            match object.resolve_field(&ctx).await {
                Ok(value) => {
                    let mut value = value.unwrap_or_default();
                    select::sort(&mut value, &ctx.query_env.fragments, &[&field.node.selection_set.node]);
                    Some(written(&value))
                }
                Err(error) => {
                    ctx.add_error(error);
                    None
                }
            }
        });
        join_all(fields).await.into_iter().collect()
    }

    /// False: the record cannot be read.
    pub(super) fn write(&self, row: &Row<T>, found: &Found, values: Option<&Values>, out: &mut String) -> bool {
        let at = row.connection();
        let mut object = Object::begin(out);
        for (key, field) in &self.fields {
            let out = object.key(key);
            match field {
                NodeField::Planned(step) => {
                    if !step.write(row, at, found, out) {
                        return false;
                    }
                }
                NodeField::Resolved(number) => {
                    let value = values.and_then(|values| values.get(*number)).map_or("null", String::as_str);
                    out.push_str(value);
                }
            }
        }
        object.end();
        true
    }
}

/// The plan of a page of records.
pub struct PagePlan<T> {
    fields: Vec<(Key, PageField<T>)>,
    slots: Vec<Arc<dyn Slot>>,
    asks: Asks,
    /// How long the last page was, in bytes: the next will be much the same.
    length: AtomicUsize,
}

enum PageField<T> {
    Written(TypeName),
    Info(Vec<(Key, Info)>),
    Total(Positioned<Field>),
    FreshAsOf,
    Edges(Positioned<Field>, Vec<(Key, EdgeField<T>)>),
    Nodes(Positioned<Field>, NodePlan<T>),
}

enum EdgeField<T> {
    Written(TypeName),
    Cursor,
    Node(Positioned<Field>, NodePlan<T>),
}

#[derive(Clone, Copy, PartialEq)]
enum Info {
    TypeName,
    HasPrevious,
    HasNext,
    Start,
    End,
}

/// The plans of an object's fields, made by `plan`.
fn planned<P>(
    selected: &Selected<'_>,
    is: &'static str,
    compiler: &mut Compiler<'_>,
    mut plan: impl FnMut(&Selected<'_>, &mut Compiler<'_>) -> Option<P>,
) -> Option<Vec<(Key, P)>> {
    let fields = select::fields(compiler.fragments, &selected.sets(), &[is]);
    fields.iter().map(|field| Some((Key::of(field.key), plan(field, compiler)?))).collect()
}

impl<T: Shown> PagePlan<T> {
    /// The plan of what the field at `ctx`, a list, selects; `None` where it can only be resolved.
    pub fn of(ctx: &Context<'_>) -> Option<Arc<Self>> {
        let list = || Selected { key: ctx.item.node.response_key().node.as_str(), name: &ctx.item.node.name.node, fields: vec![ctx.item] };
        kept(ctx, || if is_alone(ctx) { Self::compile(&list(), &ctx.query_env.fragments) } else { None })
    }

    /// The plan of what a list selects; `None` where some of it can only be resolved.
    pub fn whole(list: &Selected<'_>, fragments: &Fragments) -> Option<Self> {
        Self::compile(list, fragments).filter(|plan| plan.nodes().all(|node| node.resolved.is_empty()))
    }

    fn compile(list: &Selected<'_>, fragments: &Fragments) -> Option<Self> {
        let mut compiler = Compiler::new(fragments);
        let ListNames { connection, edge } = T::LIST;
        let fields = planned(list, connection, &mut compiler, |field, compiler| {
            Some(match field.name {
                "__typename" => PageField::Written(TypeName(connection)),
                "pageInfo" => PageField::Info(planned(field, "PageInfo", compiler, |field, _| Info::of(field.name))?),
                "totalCount" => PageField::Total(field.merged()?),
                "freshAsOf" => PageField::FreshAsOf,
                "nodes" => PageField::Nodes(field.merged()?, NodePlan::compile(&field.sets(), compiler)?),
                "edges" => PageField::Edges(
                    field.merged()?,
                    planned(field, edge, compiler, |field, compiler| {
                        Some(match field.name {
                            "__typename" => EdgeField::Written(TypeName(edge)),
                            "cursor" => EdgeField::Cursor,
                            "node" => EdgeField::Node(field.merged()?, NodePlan::compile(&field.sets(), compiler)?),
                            _ => return None,
                        })
                    })?,
                ),
                _ => return None,
            })
        })?;
        let shows = |wanted: Info| {
            let mut infos = fields.iter().filter_map(|(_, field)| if let PageField::Info(infos) = field { Some(infos) } else { None }).flatten();
            infos.any(|(_, info)| *info == wanted)
        };
        let asks = Asks {
            needs: compiler.needs,
            previous: shows(Info::HasPrevious),
            next: shows(Info::HasNext),
            age: fields.iter().any(|(_, field)| matches!(field, PageField::FreshAsOf)),
        };
        Some(Self { fields, slots: compiler.slots, asks, length: AtomicUsize::new(0) })
    }

    /// What it shows.
    pub fn asks(&self) -> &Asks {
        &self.asks
    }

    /// The plans of the page's records: more than one where they are selected in several places.
    fn nodes(&self) -> impl Iterator<Item = &NodePlan<T>> {
        self.fields.iter().flat_map(|(_, field)| match field {
            PageField::Nodes(_, node) => vec![node],
            PageField::Edges(_, fields) => {
                fields.iter().filter_map(|(_, field)| if let EdgeField::Node(_, node) = field { Some(node) } else { None }).collect()
            }
            PageField::Written(_) | PageField::Info(_) | PageField::Total(_) | PageField::FreshAsOf => Vec::new(),
        })
    }

    async fn found(&self, rows: &Rows<T>, together: bool, state: &State) -> Result<Found, Fault> {
        let mut wanted = Wanted::none(&self.slots);
        if !self.slots.is_empty() {
            for node in self.nodes() {
                readable(rows.rows.iter().all(|row| node.gather(row, &mut wanted)))?;
            }
        }
        follow(state, &self.slots, wanted, together).await
    }

    /// The page as it is sent; `None` where something failed that may not be null. Its error has been told. Without `ctx` nothing can be
    /// resolved, and no error of a field be told: it is the whole page's.
    pub async fn written(
        &self,
        rows: &Rows<T>,
        together: bool,
        state: &State,
        ctx: Option<&ContextSelectionSet<'_>>,
    ) -> Result<Option<String>, Fault> {
        let found = self.found(rows, together, state).await?;
        let mut out = String::with_capacity(256 + self.length.load(Ordering::Relaxed));
        let mut page = Object::begin(&mut out);
        for (key, field) in &self.fields {
            match field {
                PageField::Written(name) => json(name.0, page.key(key)),
                PageField::FreshAsOf => json(&rows.fresh_as_of, page.key(key)),
                PageField::Info(fields) => rows.write_info(fields, page.key(key)),
                PageField::Total(field) => match rows.total.count().await {
                    Ok(total) => json(&total, page.key(key)),
                    Err(fault) => {
                        let Some(ctx) = ctx else { return Err(fault) };
                        let ctx = ctx.with_field(field);
                        ctx.add_error(ctx.set_error_path(Error::from(fault).into_server_error(field.pos)));
                        return Ok(None);
                    }
                },
                PageField::Nodes(field, node) => {
                    let Some(values) = resolved(ctx, &[field], node, rows).await? else { return Ok(None) };
                    let nodes = rows.rows.iter().enumerate();
                    readable(list(nodes, page.key(key), |(index, row), out| node.write(row, &found, values.get(index), out)))?;
                }
                PageField::Edges(edges, fields) => {
                    let mut values = Vec::new();
                    for (_, field) in fields {
                        if let EdgeField::Node(field, node) = field {
                            let Some(resolved) = resolved(ctx, &[edges, field], node, rows).await? else { return Ok(None) };
                            values.push(resolved);
                        }
                    }
                    let written = list(rows.rows.iter().enumerate(), page.key(key), |(index, row), out| {
                        let mut nodes = values.iter();
                        let mut edge = Object::begin(out);
                        for (key, field) in fields {
                            let out = edge.key(key);
                            match field {
                                EdgeField::Written(name) => json(name.0, out),
                                EdgeField::Cursor => json(&rows.cursor(row), out),
                                EdgeField::Node(_, node) => {
                                    if !node.write(row, &found, nodes.next().and_then(|values| values.get(index)), out) {
                                        return false;
                                    }
                                }
                            }
                        }
                        edge.end();
                        true
                    });
                    readable(written)?;
                }
            }
        }
        page.end();
        self.length.store(out.len(), Ordering::Relaxed);
        Ok(Some(out))
    }
}

/// Resolves, for all records of a page, what is not planned; nothing at all where everything is. `path` is the list's field, and that of
/// the records in its entries where they are not the entries themselves.
async fn resolved<T: Shown>(
    page: Option<&ContextSelectionSet<'_>>,
    path: &[&Positioned<Field>],
    plan: &NodePlan<T>,
    rows: &Rows<T>,
) -> Result<Option<Vec<Values>>, Fault> {
    let (Some(page), [list, below @ ..], false) = (page, path, plan.resolved.is_empty()) else { return Ok(Some(Vec::new())) };
    let list = page.with_field(list);
    let records: Vec<_> = rows.rows.iter().map(|row| row.stored().map(Arc::new)).collect::<Result<_, _>>()?;
    let records = records.iter().enumerate().map(async |(index, record)| {
        let ctx = list.with_index(index);
        match below.first() {
            Some(node) => plan.resolve(&ctx.with_field(node), record).await,
            None => plan.resolve(&ctx, record).await,
        }
    });
    Ok(join_all(records).await.into_iter().collect())
}

impl Info {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "__typename" => Self::TypeName,
            "hasPreviousPage" => Self::HasPrevious,
            "hasNextPage" => Self::HasNext,
            "startCursor" => Self::Start,
            "endCursor" => Self::End,
            _ => return None,
        })
    }
}

impl<T: Shown> Rows<T> {
    fn write_info(&self, fields: &[(Key, Info)], out: &mut String) {
        let mut object = Object::begin(out);
        for (key, info) in fields {
            let out = object.key(key);
            match info {
                Info::TypeName => json("PageInfo", out),
                Info::HasPrevious => json(&self.previous, out),
                Info::HasNext => json(&self.next, out),
                Info::Start => json(&self.rows.first().map(|row| self.cursor(row)), out),
                Info::End => json(&self.rows.last().map(|row| self.cursor(row)), out),
            }
        }
        object.end();
    }

    fn cursor(&self, row: &Row<T>) -> String {
        (self.cursor)(row).encode_cursor()
    }
}

/// A page of records. It has the type of [`RecordPage`].
pub struct Listed<T: Shown> {
    /// How it is written; `None`: it is resolved.
    pub plan: Option<Arc<PagePlan<T>>>,
    /// What is on it.
    pub rows: Rows<T>,
    /// Others of its kind are written at the same time: what it needs is read together with what they do.
    pub is_one_of_many: bool,
}

impl<T: Shown> OutputType for Listed<T> {
    fn type_name() -> Cow<'static, str> {
        <RecordPage<T::Object> as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <RecordPage<T::Object> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let failed = |fault: Fault| ctx.set_error_path(Error::from(fault).into_server_error(field.pos));
        let Some(plan) = &self.plan else {
            let page = self.rows.page().map_err(|error| failed(error.into()))?;
            return OutputType::resolve(&page, ctx, field).await;
        };
        let state = state(ctx).map_err(failed)?;
        let written = plan.written(&self.rows, self.is_one_of_many, state, Some(ctx)).await.map_err(failed)?;
        Ok(written.map_or(Value::Null, spliced))
    }
}

/// JSON as a value of the library's, which writes it as it is.
pub(super) fn spliced(json: String) -> Value {
    Value::Object(IndexMap::from([(Name::new(RAW_VALUE_TOKEN), Value::String(json))]))
}

/// The JSON of a value that was spliced.
pub fn raw(value: &Value) -> Option<&str> {
    match value {
        Value::Object(object) if object.len() == 1 => match object.get(RAW_VALUE_TOKEN) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn written(value: &Value) -> String {
    let mut out = String::new();
    super::wire::write(value, &mut out);
    out
}
