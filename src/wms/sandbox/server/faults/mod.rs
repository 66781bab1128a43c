//! What goes wrong on purpose: an outage, staged while the sandbox runs.
//!
//! [`rule`] is what can be asked for, [`strike`] is how it is done to a request, [`listing`] how a listing is bent,
//! [`line`](mod@line) how a connection is cut, and [`control`] the address at which the rules are read and changed.
//!
//! **Invariants.** Of the rules that match a request, the first that strikes wins; those after it do not even count the
//! request. What is left to chance is a pure function of the sandbox's seed, the rule's place in the list, and how many
//! requests the rule has matched, so that the same rules and the same requests give the same outage. A fault is done to the
//! bytes on the wire, never to the data: with the rules gone, the sandbox is what it was. No fault outlasts the sandbox: when
//! that is told to stop, whatever is held back is given up. The control's own address is never struck.
//!
//! Deliberately absent: faults of the network below TCP, and faults that need a second address.

pub(super) mod control;
pub(super) mod line;
mod listing;
mod rule;
mod strike;

use std::sync::Mutex;

use axum::http::Method;
use serde::Serialize;

pub(super) use self::listing::Bend;
pub use self::rule::Rule;
use self::rule::{Complaint, Fault, Written};
pub(super) use self::strike::pass;
use super::random::Random;

/// What the chances are drawn for: another number gives other chances from the same seed.
const CHANCES: u64 = 0xFA17;

/// A rule, and what has come of it since it was set.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The rule as it was set.
    #[serde(flatten)]
    pub rule: Rule,
    /// How many requests it was for.
    pub matched: u64,
    /// How many of them it struck.
    pub struck: u64,
}

/// The rules of one sandbox.
pub(super) struct Faults {
    salt: u64,
    rules: Mutex<Vec<Report>>,
}

impl Faults {
    /// These rules, in a sandbox of this seed.
    pub(super) fn new(salt: u64, rules: Vec<Rule>) -> Self {
        let faults = Self { salt, rules: Mutex::default() };
        faults.set(rules);
        faults
    }

    /// Puts these rules in the place of all others.
    pub(super) fn set(&self, rules: Vec<Rule>) {
        *super::lock(&self.rules) = rules.into_iter().map(|rule| Report { rule, matched: 0, struck: 0 }).collect();
    }

    /// The rules, and what has come of them.
    pub(super) fn reports(&self) -> Vec<Report> {
        super::lock(&self.rules).clone()
    }

    /// What is to go wrong with this request.
    fn strike(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut rules = super::lock(&self.rules);
        for (place, report) in (0..).zip(rules.iter_mut()) {
            let Report { rule, matched, struck } = report;
            if !rule.matches(method, path) {
                continue;
            }
            *matched += 1;
            let chance = rule.percent().is_none_or(|percent| Random::of(&[self.salt, CHANCES, place, *matched]).chance(percent));
            if *matched > rule.skip() && rule.times().is_none_or(|times| *struck < times) && chance {
                *struck += 1;
                return Some(rule.fault().clone());
            }
        }
        None
    }
}
