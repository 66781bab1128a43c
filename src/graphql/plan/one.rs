//! Single records, as types of the schema.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, Error, OutputType, Positioned, ServerResult, Value};

use super::links::{Wanted, follow, readable};
use super::page::{NodePlan, spliced};
use super::select::is_alone;
use super::{Compiler, Slot, kept};
use crate::graphql::errors::Fault;
use crate::graphql::objects::Shown;
use crate::graphql::state;
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
        kept(ctx, || Self::compile(ctx))
    }

    fn compile(ctx: &Context<'_>) -> Option<Self> {
        if !is_alone(ctx) {
            return None;
        }
        let mut compiler = Compiler::new(&ctx.query_env.fragments);
        let node = NodePlan::compile(&[&ctx.item.node.selection_set.node], &mut compiler)?;
        Some(Self { node, slots: compiler.slots, needs: compiler.needs })
    }

    /// The columns that it shows.
    pub fn needs(&self) -> Needs {
        self.needs.clone()
    }

    /// The record as it is sent; `None` where something failed that may not be null. Its error has been told.
    async fn written(&self, row: &Row<T>, ctx: &ContextSelectionSet<'_>) -> Result<Option<String>, Fault> {
        let mut wanted = Wanted::none(&self.slots);
        readable(self.node.gather(row, &mut wanted))?;
        let found = follow(state(ctx)?, &self.slots, wanted, false).await?;
        let values = match self.node.resolved.is_empty() {
            true => None,
            false => match self.node.resolve(ctx, &Arc::new(row.stored()?)).await {
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
        let written = plan.written(&self.row, ctx).await.map_err(failed)?;
        Ok(written.map_or(Value::Null, spliced))
    }
}
