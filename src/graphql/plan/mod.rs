//! Records written straight as JSON.
//!
//! Resolving each scalar of a page as a future and building a tree of values takes four fifths of the time of a request. Here the
//! selection below a list is compiled into a plan: for each selected field the few instructions that write its key and its
//! value. The page is then one buffer of JSON, spliced into the answer.
//!
//! | file | part |
//! |---|---|
//! | [`kept`] | plans kept with their document |
//! | [`select`] | what a document selects: fields merged by their keys, fragments opened |
//! | [`model`] | which fields the types of the model have, from their declarations |
//! | [`links`] | relations: read level by level, one statement for each relation and level |
//! | [`page`], [`one`] | lists and single records, as types of the schema |
//! | [`scalars`] | what has nothing below it |
//! | [`stored`] | values copied from the JSON that they are stored as |
//! | [`wire`] | values as JSON |
//!
//! **Invariants.**
//! * A planned answer and an ordinary one are the same (a test asks random documents both ways). Schema, arguments, and what is
//!   below fields that have arguments or do more than read a record, stay with async-graphql: such a field of a listed record is
//!   resolved by it and its value written into the page; anywhere deeper it makes the whole list an ordinary one.
//! * Writing cannot fail: everything that can has been done before.
//! * Only columns that somebody looks at are read.

mod kept;
mod links;
mod model;
mod one;
mod page;
mod scalars;
mod select;
mod stored;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::FragmentDefinition;
use async_graphql::{Name, Positioned};

pub use kept::Plans;
use kept::kept;
use links::Slot;
pub use links::{Found, Wanted};
pub use model::Shape;
pub use one::{One, OnePlan};
pub use page::{Listed, PagePlan, raw};
use select::Selected;
use stored::Entries;
pub use wire::write;

use crate::record::ConnectionId;

/// In a request's data: nothing of it is planned.
#[cfg(test)]
pub struct Off;

/// Writes one field of a `T`.
pub trait Step<T>: Send + Sync {
    /// Names the records that must be there before it can be written.
    fn gather(&self, _it: &T, _at: ConnectionId, _wanted: &mut Wanted) {}
    /// Writes the value.
    fn write(&self, it: &T, at: ConnectionId, found: &Found, out: &mut Vec<u8>);

    /// [`gather`](Self::gather), from the JSON that the object is stored as. False: that takes the object itself.
    fn gather_stored(&self, _it: &Entries<'_>, _at: ConnectionId, _wanted: &mut Wanted) -> bool {
        false
    }

    /// [`write`](Self::write), from the JSON that the object is stored as. False: that takes the object itself, and what has
    /// been written counts for nothing.
    fn write_stored(&self, _it: &Entries<'_>, _at: ConnectionId, _found: &Found, _out: &mut Vec<u8>) -> bool {
        false
    }
}

/// Makes the step of a field that was selected; `None` where it can only be resolved.
type Compile<T> = Box<dyn Fn(&Selected<'_>, &mut Compiler<'_>) -> Option<Box<dyn Step<T>>> + Send + Sync>;

/// The fields of an object that can be planned, by their names.
pub type Fields<T> = HashMap<String, Compile<T>>;

/// What a plan is made with, and what comes to light while it is made.
pub struct Compiler<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// The relations that are followed.
    slots: Vec<Arc<dyn Slot>>,
    /// The columns that the record at hand must have.
    needs: Vec<&'static str>,
}

impl<'a> Compiler<'a> {
    fn new(fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>) -> Self {
        Self { fragments, slots: Vec::new(), needs: Vec::new() }
    }

    fn need(&mut self, column: &'static str) {
        if !self.needs.contains(&column) {
            self.needs.push(column);
        }
    }
}

/// A value of the model that can be written.
pub trait Planned: Send + Sync + 'static {
    /// What is selected of it.
    type Plan: Send + Sync + 'static;

    /// The plan of a selection; `None` where there is something in it that can only be resolved.
    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<Self::Plan>;

    /// See [`Step::gather`].
    fn gather(&self, _at: ConnectionId, _plan: &Self::Plan, _wanted: &mut Wanted) {}

    /// Writes it.
    fn write(&self, at: ConnectionId, plan: &Self::Plan, found: &Found, out: &mut Vec<u8>);

    /// See [`Step::gather_stored`].
    fn gather_stored(_json: &str, _at: ConnectionId, _plan: &Self::Plan, _wanted: &mut Wanted) -> bool {
        true
    }

    /// See [`Step::write_stored`].
    fn write_stored(json: &str, at: ConnectionId, plan: &Self::Plan, found: &Found, out: &mut Vec<u8>) -> bool;
}

/// The plan of an object: its keys, as they are written, and their steps.
pub struct ObjectPlan<T>(Vec<(Key, Box<dyn Step<T>>)>);

impl<T: 'static> ObjectPlan<T> {
    /// The plan of what is selected of an object of the type that `is` names, with its interfaces.
    fn compile(is: &[&'static str], fields: &Fields<T>, selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<Self> {
        let below = select::fields(compiler.fragments, &selected.sets(), is);
        let steps = below.iter().map(|field| Some((Key::of(field.key), step(is, fields, field, compiler)?)));
        Some(Self(steps.collect::<Option<_>>()?))
    }

    fn gather(&self, it: &T, at: ConnectionId, wanted: &mut Wanted) {
        for (_, step) in &self.0 {
            step.gather(it, at, wanted);
        }
    }

    fn write(&self, it: &T, at: ConnectionId, found: &Found, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        for (key, step) in &self.0 {
            step.write(it, at, found, object.key(key));
        }
        object.end();
    }

    fn gather_stored(&self, json: &str, at: ConnectionId, wanted: &mut Wanted) -> bool {
        let Some(it) = Entries::of(json) else { return false };
        self.0.iter().all(|(_, step)| step.gather_stored(&it, at, wanted))
    }

    fn write_stored(&self, json: &str, at: ConnectionId, found: &Found, out: &mut Vec<u8>) -> bool {
        let Some(it) = Entries::of(json) else { return false };
        let mut object = Object::begin(out);
        let written = self.0.iter().all(|(key, step)| step.write_stored(&it, at, found, object.key(key)));
        object.end();
        written
    }
}

fn step<T: 'static>(is: &[&'static str], fields: &Fields<T>, field: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Step<T>>> {
    if field.name == "__typename" {
        return Some(Box::new(TypeName(is.first()?)));
    }
    fields.get(field.name)?(field, compiler)
}

struct TypeName(&'static str);

impl<T> Step<T> for TypeName {
    fn write(&self, _: &T, _: ConnectionId, _: &Found, out: &mut Vec<u8>) {
        json(self.0, out);
    }

    fn gather_stored(&self, _: &Entries<'_>, _: ConnectionId, _: &mut Wanted) -> bool {
        true
    }

    fn write_stored(&self, _: &Entries<'_>, _: ConnectionId, _: &Found, out: &mut Vec<u8>) -> bool {
        json(self.0, out);
        true
    }
}

/// A response key as it is written: a name, which needs no escapes, in quotes, with its colon.
pub struct Key(Box<[u8]>);

impl Key {
    fn of(name: &str) -> Self {
        Self(format!("\"{name}\":").into_bytes().into())
    }
}

/// An object that is being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    separator: u8,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        Self { out, separator: b'{' }
    }

    /// Begins an entry. Its value is written next.
    fn key(&mut self, key: &Key) -> &mut Vec<u8> {
        self.out.push(std::mem::replace(&mut self.separator, b','));
        self.out.extend_from_slice(&key.0);
        self.out
    }

    fn end(self) {
        if self.separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

/// Writes a list, each item by `write`.
fn list<T>(items: impl IntoIterator<Item = T>, out: &mut Vec<u8>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Writes a value by its own serialisation. Into memory that cannot fail.
fn json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(begin);
        out.extend_from_slice(b"null");
    }
}
