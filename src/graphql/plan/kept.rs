//! Plans that are kept with their document.
//!
//! To make a plan takes as long as to write a record or two, and of a list inside a list there is one for every record above it. So
//! the first that is made in each place of an operation is kept with what else is known of it (`guard::Prepared`).
//!
//! **Invariant.** A plan depends on the text of its document and on the type of its records, on nothing else. Where `@skip` or
//! `@include` are written, what is selected depends on variables too, and nothing is kept.

use std::any::Any;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, Pos, QueryPathSegment};

/// Where a field is selected: its place in the document, and the keys above it (as their hash), which fragments can make many.
type Place = (Pos, u64);

/// `None`: what is selected there cannot be planned.
type Plan = Option<Arc<dyn Any + Send + Sync>>;

/// The plans of an operation.
#[derive(Default)]
pub struct Plans(Mutex<HashMap<Place, Plan>>);

impl std::fmt::Debug for Plans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plans")
    }
}

impl Plans {
    fn at(&self, place: Place) -> Option<Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned()
    }

    fn keep(&self, place: Place, plan: Plan) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, plan);
    }
}

/// The plan of the field at `ctx`: the one that was made before, if its operation keeps any, or the one that `make` makes.
pub(super) fn kept<P: Send + Sync + 'static>(ctx: &Context<'_>, make: impl FnOnce() -> Option<P>) -> Option<Arc<P>> {
    #[cfg(test)]
    if ctx.data_opt::<super::Off>().is_some() {
        return None;
    }
    let Some(plans) = ctx.data_opt::<Arc<Plans>>() else { return make().map(Arc::new) };
    let place = place(ctx);
    if let Some(plan) = plans.at(place) {
        // One of another type: the field belongs to an interface. It is resolved, which is always right.
        return plan?.downcast().ok();
    }
    let made = make().map(Arc::new);
    plans.keep(place, made.clone().map(|plan| plan as Arc<dyn Any + Send + Sync>));
    made
}

fn place(ctx: &Context<'_>) -> Place {
    let mut keys = DefaultHasher::new();
    let mut next = ctx.path_node.as_ref();
    while let Some(node) = next {
        if let QueryPathSegment::Name(key) = node.segment {
            key.hash(&mut keys);
        }
        next = node.parent;
    }
    (ctx.item.pos, keys.finish())
}
