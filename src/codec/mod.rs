//! Rows in PostgreSQL's binary form and a `Shape` → the bytes of a wire, with no value in between.
//!
//! A row is a list of byte slices ([`Columns`]) and a `Shape` says what each of them is. `json` walks
//! the two side by side and writes text into one buffer; `pg` reads the binary forms and knows no wire,
//! so that another wire can be written from it. `document` does the same for stored JSON, which is
//! walked through the declared types instead of being parsed into values.
//!
//! What arrives is never trusted to have the right form: every length is checked, and bytes that are
//! not of the type which the shape names are [`Stop::Stale`], because PostgreSQL sends the new type of
//! a changed column inside a `record[]` without invalidating the statement. The one thing taken on
//! trust is that text is UTF-8: `client_encoding` guarantees it for every server encoding except
//! `SQL_ASCII`, which has to be refused where connections are made.

mod connection;
pub mod csv;
mod document;
pub mod json;
mod json_float;
pub mod json_text;
mod json_time;
pub mod key;
pub mod pg;
#[cfg(feature = "grpc-transport")]
pub mod protobuf;
mod scan;
mod stored;
#[cfg(test)]
mod tests;
mod trail;

use smallvec::SmallVec;

use crate::plan::shape::Wire;

/// What the executor hands over.
pub use crate::exec::Row;

/// What a transport encodes by; it knows nothing else of `plan`.
pub use crate::plan::shape::{Lookup, Shape};

pub use self::trail::{MISMATCHES_MAX, Mismatch, Segment, Trail};

/// The columns of one row or record: raw bytes, or `None` for null.
#[derive(Debug, Clone, Default)]
pub struct Columns<'a>(SmallVec<[Option<&'a [u8]>; 16]>);

/// Why an object could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The bytes are not of the types that the shape names: the catalog has changed. The statement has
    /// to be dropped and the catalog read again.
    Stale,
    /// A null, or a value that does not fit, reached the root through non-null fields. The mismatch is
    /// in the trail.
    Null,
}

/// Why one value could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are not of the type that the shape names.
    Malformed,
    /// The value is null, in SQL or in JSON.
    Null,
    /// The value does not fit its declared type.
    Misfit,
    /// A non-null field within the value is null; the trail has it already.
    Propagated,
}

/// The columns of a row, whose own types `exec` has compared with the shape.
#[inline]
pub fn columns(row: &Row) -> Columns<'_> {
    Columns(row.columns().collect())
}

// === impl Columns ===

impl<'a> Columns<'a> {
    /// Columns from bytes that are at hand.
    pub fn from_values(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        Columns(values.into_iter().collect())
    }

    /// The columns of a record, each of which must have the oid that the shape expects.
    pub fn from_record(bytes: &'a [u8], wires: &[Wire]) -> Result<Self, Stop> {
        let mut columns = Columns::default();
        columns.read_record(bytes, wires)?;
        Ok(columns)
    }

    /// As [`Columns::from_record`], in place of what was here.
    pub fn read_record(&mut self, bytes: &'a [u8], wires: &[Wire]) -> Result<(), Stop> {
        self.0.clear();
        let mut record = pg::Record::parse(bytes)?;
        if record.count() != wires.len() {
            return Err(Stop::Stale);
        }
        for wire in wires {
            let (found, value) = record.field()?;
            if found != wire.oid() {
                return Err(Stop::Stale);
            }
            self.0.push(value);
        }
        Ok(record.end()?)
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub fn values(&self) -> &[Option<&'a [u8]>] {
        &self.0
    }

    /// The value at a position; a position beyond the row is a shape of another statement.
    #[inline]
    pub fn at(&self, column: usize) -> Result<Option<&'a [u8]>, Stop> {
        self.0.get(column).copied().ok_or(Stop::Stale)
    }
}

// === impl Stop, Fault ===

impl From<pg::Malformed> for Stop {
    fn from(_: pg::Malformed) -> Stop {
        Stop::Stale
    }
}

impl From<pg::Malformed> for Fault {
    fn from(_: pg::Malformed) -> Fault {
        Fault::Malformed
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Fault {
        match stop {
            Stop::Stale => Fault::Malformed,
            Stop::Null => Fault::Propagated,
        }
    }
}
