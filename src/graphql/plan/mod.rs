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
//! | [`whole`] | queries for nothing else |
//! | [`scalars`] | what has nothing below it |
//! | [`stored`] | the JSON that parts of a record are stored as, taken apart |
//! | [`wire`] | values as JSON |
//!
//! **Invariants.**
//! * A planned answer and an ordinary one are the same (a test asks random documents both ways). Schema, arguments, and what is
//!   below fields that have arguments or do more than read a record, stay with async-graphql (but for [`whole`]): such a field of a listed record is
//!   resolved by it and its value written into the page; anywhere deeper it makes the whole list an ordinary one.
//! * Values are written from what is stored: from the cells of a record's row, and from the JSON of the parts that lie in one. No
//!   record is made. What another version has stored is brought into today's form first, and what nobody can read is an error.
//! * Only columns that somebody looks at are read.

mod kept;
mod links;
mod model;
mod one;
mod page;
mod scalars;
mod select;
mod stored;
mod whole;
mod wire;

use std::collections::HashMap;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

pub use kept::Plans;
use kept::kept;
use links::Slot;
pub use links::{Found, Wanted};
pub use model::Shape;
pub use one::{One, OnePlan};
pub use page::{Listed, PagePlan, raw};
pub use select::{Fragments, Selected};
use stored::Entries;
pub use whole::{Given, MakeRoot, Root, Whole};
pub use wire::write;

use crate::record::ConnectionId;
use crate::store::records::{Cell, Needs, Row};

/// In a request's data: nothing of it is planned.
#[cfg(test)]
pub struct Off;

/// Where an object lies.
pub trait Place: 'static {
    /// What is there.
    type At<'a>;
}

/// A record, in the row that was read of it.
pub struct InRow<T>(PhantomData<fn() -> T>);

impl<T: 'static> Place for InRow<T> {
    type At<'a> = Row<T>;
}

/// A part of a record, in JSON.
pub struct InJson;

impl Place for InJson {
    type At<'a> = Entries<'a>;
}

/// Writes one field of an object. Either answers false where it cannot be done from what lies there: what has been written then
/// counts for nothing.
pub trait Step<P: Place>: Send + Sync {
    /// Names the records that must be there before it can be written.
    fn gather(&self, _it: &P::At<'_>, _at: ConnectionId, _wanted: &mut Wanted) -> bool {
        true
    }

    /// Writes the value.
    fn write(&self, it: &P::At<'_>, at: ConnectionId, found: &Found, out: &mut String) -> bool;
}

/// Makes the step of a field that was selected; `None` where it can only be resolved.
type Compile<P> = Box<dyn Fn(&Selected<'_>, &mut Compiler<'_>) -> Option<Box<dyn Step<P>>> + Send + Sync>;

/// The fields of an object that can be planned, by their names.
pub type Fields<P> = HashMap<String, Compile<P>>;

/// What a plan is made with, and what comes to light while it is made.
pub struct Compiler<'a> {
    fragments: &'a Fragments,
    /// The relations that are followed.
    slots: Vec<Arc<dyn Slot>>,
    /// The columns that the record at hand must have.
    needs: Needs,
}

impl<'a> Compiler<'a> {
    fn new(fragments: &'a Fragments) -> Self {
        Self { fragments, slots: Vec::new(), needs: Needs::These(Vec::new()) }
    }

    fn need(&mut self, column: &'static str) {
        self.needs = std::mem::take(&mut self.needs).and(column);
    }

    /// A field is resolved: it may look at any of the small columns.
    fn need_small(&mut self) {
        if let Needs::These(columns) = &mut self.needs {
            self.needs = Needs::SmallAnd(std::mem::take(columns));
        }
    }
}

/// A value of the model that can be written, from the JSON or from the cell that it is stored as. Either answers false where that
/// holds something else: what has been written then counts for nothing.
pub trait Planned: Send + Sync + 'static {
    /// What is selected of it.
    type Plan: Send + Sync + 'static;

    /// The plan of a selection; `None` where there is something in it that can only be resolved.
    fn plan(selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<Self::Plan>;

    /// See [`Step::gather`].
    fn gather(_json: &str, _at: ConnectionId, _plan: &Self::Plan, _wanted: &mut Wanted) -> bool {
        true
    }

    /// See [`Step::write`].
    fn write(json: &str, at: ConnectionId, plan: &Self::Plan, found: &Found, out: &mut String) -> bool;

    /// [`gather`](Self::gather) of a column's value.
    fn gather_cell(_cell: Cell<'_>, _at: ConnectionId, _plan: &Self::Plan, _wanted: &mut Wanted) -> bool {
        true
    }

    /// [`write`](Self::write) of a column's value. What stands in no column has none.
    fn write_cell(_cell: Cell<'_>, _at: ConnectionId, _plan: &Self::Plan, _found: &Found, _out: &mut String) -> bool {
        false
    }
}

/// The plan of an object: its keys, as they are written, and their steps.
pub struct ObjectPlan<P: Place>(Vec<(Key, Box<dyn Step<P>>)>);

impl<P: Place> ObjectPlan<P> {
    /// The plan of what is selected of an object of the type that `is` names, with its interfaces.
    fn compile(is: &[&'static str], fields: &Fields<P>, selected: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<Self> {
        let below = select::fields(compiler.fragments, &selected.sets(), is);
        let steps = below.iter().map(|field| Some((Key::of(field.key), step(is, fields, field, compiler)?)));
        Some(Self(steps.collect::<Option<_>>()?))
    }

    fn gather(&self, it: &P::At<'_>, at: ConnectionId, wanted: &mut Wanted) -> bool {
        self.0.iter().all(|(_, step)| step.gather(it, at, wanted))
    }

    fn write(&self, it: &P::At<'_>, at: ConnectionId, found: &Found, out: &mut String) -> bool {
        let mut object = Object::begin(out);
        let written = self.0.iter().all(|(key, step)| step.write(it, at, found, object.key(key)));
        object.end();
        written
    }
}

fn step<P: Place>(is: &[&'static str], fields: &Fields<P>, field: &Selected<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Step<P>>> {
    if field.name == "__typename" {
        return Some(Box::new(TypeName(is.first()?)));
    }
    fields.get(field.name)?(field, compiler)
}

struct TypeName(&'static str);

impl<P: Place> Step<P> for TypeName {
    fn write(&self, _: &P::At<'_>, _: ConnectionId, _: &Found, out: &mut String) -> bool {
        json(self.0, out);
        true
    }
}

/// A response key as it is written: a name, which needs no escapes, in quotes, with its colon.
pub struct Key(Box<str>);

impl Key {
    fn of(name: &str) -> Self {
        Self(format!("\"{name}\":").into())
    }
}

/// An object that is being written.
struct Object<'a> {
    out: &'a mut String,
    separator: char,
}

impl<'a> Object<'a> {
    #[inline]
    fn begin(out: &'a mut String) -> Self {
        Self { out, separator: '{' }
    }

    /// Begins an entry. Its value is written next.
    #[inline]
    fn key(&mut self, key: &Key) -> &mut String {
        self.out.push(std::mem::replace(&mut self.separator, ','));
        self.out.push_str(&key.0);
        self.out
    }

    #[inline]
    fn end(self) {
        if self.separator == '{' {
            self.out.push('{');
        }
        self.out.push('}');
    }
}

/// Writes a list, each item by `write`, until that answers false.
fn list<T>(items: impl IntoIterator<Item = T>, out: &mut String, mut write: impl FnMut(T, &mut String) -> bool) -> bool {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if !write(item, out) {
            return false;
        }
    }
    out.push(']');
    true
}

/// Writes a value by its own serialisation. Into memory that cannot fail.
fn json<T: serde::Serialize + ?Sized>(value: &T, out: &mut String) {
    let begin = out.len();
    if serde_json::to_writer(Pieces(out), value).is_err() {
        out.truncate(begin);
        out.push_str("null");
    }
}

/// Takes what serde writes, which is whole characters each time.
struct Pieces<'a>(&'a mut String);

impl io::Write for Pieces<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.push_str(std::str::from_utf8(piece).map_err(io::Error::other)?);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
