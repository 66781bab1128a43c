//! Single records, as types of the schema.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::parser::types::{Field, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, Error, OutputType, Positioned, ServerResult, Value};

use super::links::{Wanted, follow, readable};
use super::page::{NodePlan, spliced};
use super::select::{Fragments, Selected, is_alone};
use super::{Compiler, Slot, kept};
use crate::graphql::errors::Fault;
use crate::graphql::objects::Shown;
use crate::graphql::{State, state};
use crate::store::records::{Needs, Row};

/// The plan of a single record.
pub struct OnePlan<T> {
    node: NodePlan<T>,
    slots: Vec<Arc<dyn Slot>>,
    needs: Needs,
}

impl<T: Shown> OnePlan<T> {
    /// The plan of what the field at `ctx`, a record, selects; `None` where it can only be resolved.
    pub fn of(ctx: &Context<'_>) -> Option<Arc<Self>> {
        kept(ctx, || if is_alone(ctx) { Self::compile(&[&ctx.item.node.selection_set.node], &ctx.query_env.fragments) } else { None })
    }

    /// The plan of what is selected of a record; `None` where some of it can only be resolved.
    pub fn whole(selected: &Selected<'_>, fragments: &Fragments) -> Option<Self> {
        Self::compile(&selected.sets(), fragments).filter(|plan| plan.node.resolved.is_empty())
    }

    fn compile(sets: &[&SelectionSet], fragments: &Fragments) -> Option<Self> {
        let mut compiler = Compiler::new(fragments);
        let node = NodePlan::compile(sets, &mut compiler)?;
        Some(Self { node, slots: compiler.slots, needs: compiler.needs })
    }

    /// The columns that it shows.
    pub fn needs(&self) -> Needs {
        self.needs.clone()
    }

    /// The record as it is sent; `None` where something failed that may not be null. Its error has been told. Without `ctx` nothing can
    /// be resolved.
    pub async fn written(&self, row: &Row<T>, state: &State, ctx: Option<&ContextSelectionSet<'_>>) -> Result<Option<String>, Fault> {
        let mut wanted = Wanted::none(&self.slots);
        readable(self.node.gather(row, &mut wanted))?;
        let found = follow(state, &self.slots, wanted, false).await?;
        let values = match ctx.filter(|_| !self.node.resolved.is_empty()) {
            None => None,
            Some(ctx) => match self.node.resolve(ctx, &Arc::new(row.stored()?)).await {
                Some(values) => Some(values),
                None => return Ok(None),
            },
        };
        let mut out = String::with_capacity(512);
        readable(self.node.write(row, &found, values.as_ref(), &mut out))?;
        Ok(Some(out))
    }
}

/// A single record. It has the type of its object.
pub struct One<T> {
    /// How it is written; `None`: it is resolved.
    pub plan: Option<Arc<OnePlan<T>>>,
    /// The record, with the columns that the plan needs.
    pub row: Arc<Row<T>>,
}

impl<T: Shown> OutputType for One<T> {
    fn type_name() -> Cow<'static, str> {
        T::Object::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::Object::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let failed = |fault: Fault| ctx.set_error_path(Error::from(fault).into_server_error(field.pos));
        let Some(plan) = &self.plan else {
            let stored = self.row.stored().map_err(|error| failed(error.into()))?;
            return OutputType::resolve(&T::shown(Arc::new(stored)), ctx, field).await;
        };
        let state = state(ctx).map_err(failed)?;
        let written = plan.written(&self.row, state, Some(ctx)).await.map_err(failed)?;
        Ok(written.map_or(Value::Null, spliced))
    }
}
