//! A listing that is not as it should be: rows that are missing, twice there or out of order, an end that comes too early.
//!
//! The routes ask a [`Bend`] while they make the page, since a row that is not shown must not be counted either. Which rows
//! it touches follows from their numbers alone, so that every page and every repetition agree.

use super::super::random::Random;
use super::super::world::Resource;
use crate::record::Instant;

/// The rows of a page, by when they were changed and their numbers.
type Keys = Vec<(Instant, u32)>;

/// How a listing is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Bend {
    /// Rows are left out, and the total says nothing of them.
    Vanish { rows_percent: u32 },
    /// It says that nothing follows.
    EndEarly,
    /// The rows of a page are in another order.
    Reorder,
    /// Rows are there twice.
    Duplicate { rows_percent: u32 },
}

/// What each bend draws its rows for.
const VANISH: u64 = 1;
const REORDER: u64 = 2;
const DUPLICATE: u64 = 3;

impl Bend {
    /// Whether the row of this number is left out.
    pub(in super::super) fn hides(self, resource: Resource, number: u32) -> bool {
        match self {
            Self::Vanish { rows_percent } => draw(VANISH, resource, number).chance(rows_percent),
            _ => false,
        }
    }

    /// Whether it says that nothing follows.
    pub(in super::super) fn ends(self) -> bool {
        self == Self::EndEarly
    }

    /// Puts the rows of a page in its own order.
    pub(in super::super) fn arrange(self, resource: Resource, keys: &mut Keys) {
        match self {
            Self::Reorder => {
                let before = keys.clone();
                keys.sort_by_key(|(_, number)| draw(REORDER, resource, *number).next());
                if *keys == before {
                    keys.reverse();
                }
            }
            Self::Duplicate { rows_percent } => {
                let twice = |key: &(Instant, u32)| draw(DUPLICATE, resource, key.1).chance(rows_percent);
                keys.extend(keys.clone().into_iter().filter(twice));
            }
            Self::Vanish { .. } | Self::EndEarly => {}
        }
    }
}

fn draw(what: u64, resource: Resource, number: u32) -> Random {
    Random::of(&[super::CHANCES, what, resource as u64, u64::from(number)])
}

/// Whether this is the address of a listing.
pub(super) fn is_address(path: &str) -> bool {
    path.strip_prefix("/v1/").is_some_and(|name| Resource::ALL.iter().any(|resource| resource.name() == name))
}
