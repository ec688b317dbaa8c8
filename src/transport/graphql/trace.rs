//! Traces as Apollo's routers ask for them (`ftv1`): which fields a request asked for and how long they took, as a
//! protobuf message in base64.
//!
//! A root field is one statement, so its fields have the times of the root; the tree is that of the
//! selection, without the positions of lists.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apollo_compiler::executable::{Field, Selection, SelectionSet};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use super::execute::Answer;
use super::forms::Forms;
use crate::schema::name::Name;

/// The header that asks for a trace, and its value.
pub const HEADER: HeaderName = HeaderName::from_static("apollo-federation-include-trace");
pub const FORMAT: &str = "ftv1";

/// The trace of one operation while it runs.
pub struct Trace {
    wall: SystemTime,
    began: Instant,
    roots: Mutex<Vec<RootTrace>>,
}

struct RootTrace {
    key: Name,
    start: Duration,
    end: Duration,
    errors: Vec<Vec<u8>>,
}

/// Numbers of fields of the messages `Trace`, `Trace.Node`, `Trace.Error` and `Timestamp`.
mod number {
    pub const TRACE_END: u64 = 3;
    pub const TRACE_START: u64 = 4;
    pub const TRACE_DURATION_NS: u64 = 11;
    pub const TRACE_ROOT: u64 = 14;
    pub const NODE_RESPONSE_NAME: u64 = 1;
    pub const NODE_TYPE: u64 = 3;
    pub const NODE_START_NS: u64 = 8;
    pub const NODE_END_NS: u64 = 9;
    pub const NODE_ERROR: u64 = 11;
    pub const NODE_CHILD: u64 = 12;
    pub const NODE_PARENT_TYPE: u64 = 13;
    pub const NODE_ORIGINAL_NAME: u64 = 14;
    pub const ERROR_MESSAGE: u64 = 1;
    pub const ERROR_LOCATION: u64 = 2;
    pub const ERROR_JSON: u64 = 4;
    pub const LOCATION_LINE: u64 = 1;
    pub const LOCATION_COLUMN: u64 = 2;
    pub const SECONDS: u64 = 1;
    pub const NANOS: u64 = 2;
}

// === impl Trace ===

impl Trace {
    pub fn start() -> Trace {
        Trace { wall: SystemTime::now(), began: Instant::now(), roots: Mutex::new(Vec::new()) }
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Keeps what became of a root that began at `start`.
    pub fn add(&self, key: &Name, start: Duration, answer: &Answer) {
        let errors = answer.errors.iter().map(|error| {
            let mut out = Vec::new();
            text(number::ERROR_MESSAGE, &error.message, &mut out);
            for (line, column) in &error.locations {
                let mut location = Vec::new();
                varint(number::LOCATION_LINE, *line as u64, &mut location);
                varint(number::LOCATION_COLUMN, *column as u64, &mut location);
                bytes(number::ERROR_LOCATION, &location, &mut out);
            }
            let mut json = Vec::new();
            error.write(&mut json);
            bytes(number::ERROR_JSON, &json, &mut out);
            out
        });
        let root = RootTrace { key: key.clone(), start, end: self.elapsed(), errors: errors.collect() };
        self.roots.lock().unwrap_or_else(PoisonError::into_inner).push(root);
    }

    /// The value of `extensions.ftv1`.
    pub fn finish(self, forms: &Forms<'_>, operation: &SelectionSet) -> String {
        let duration = self.elapsed();
        let mut root = Vec::new();
        let roots = self.roots.into_inner().unwrap_or_else(PoisonError::into_inner);
        each(forms, operation, &mut |field, parent| {
            if let Some(timed) = roots.iter().find(|root| *root.key == **field.response_key()) {
                bytes(number::NODE_CHILD, &node(forms, field, parent, timed, &timed.errors), &mut root);
            }
        });
        let mut out = Vec::new();
        bytes(number::TRACE_END, &timestamp(self.wall + duration), &mut out);
        bytes(number::TRACE_START, &timestamp(self.wall), &mut out);
        varint(number::TRACE_DURATION_NS, nanoseconds(duration), &mut out);
        bytes(number::TRACE_ROOT, &root, &mut out);
        STANDARD.encode(out)
    }
}

/// A field and those below it.
fn node(forms: &Forms<'_>, field: &Field, parent: &str, root: &RootTrace, errors: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    text(number::NODE_RESPONSE_NAME, field.response_key(), &mut out);
    text(number::NODE_TYPE, &field.definition.ty.to_string(), &mut out);
    varint(number::NODE_START_NS, nanoseconds(root.start), &mut out);
    varint(number::NODE_END_NS, nanoseconds(root.end), &mut out);
    errors.iter().for_each(|error| bytes(number::NODE_ERROR, error, &mut out));
    each(forms, &field.selection_set, &mut |field, parent| {
        bytes(number::NODE_CHILD, &node(forms, field, parent, root, &[]), &mut out);
    });
    text(number::NODE_PARENT_TYPE, parent, &mut out);
    if field.alias.is_some() {
        text(number::NODE_ORIGINAL_NAME, &field.name, &mut out);
    }
    out
}

/// The fields of a selection with the type that each is of; fragments are looked through.
fn each(forms: &Forms<'_>, set: &SelectionSet, visit: &mut dyn FnMut(&Field, &str)) {
    for selection in set.selections.iter().filter(|selection| forms.is_included(selection.directives())) {
        match selection {
            Selection::Field(field) => visit(field, &set.ty),
            Selection::InlineFragment(inline) => each(forms, &inline.selection_set, visit),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = forms.document.fragments.get(&spread.fragment_name) {
                    each(forms, &fragment.selection_set, visit);
                }
            }
        }
    }
}

fn timestamp(time: SystemTime) -> Vec<u8> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut out = Vec::new();
    varint(number::SECONDS, since.as_secs(), &mut out);
    varint(number::NANOS, u64::from(since.subsec_nanos()), &mut out);
    out
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn varint(number: u64, value: u64, out: &mut Vec<u8>) {
    put(number << 3, out);
    put(value, out);
}

fn text(number: u64, text: &str, out: &mut Vec<u8>) {
    bytes(number, text.as_bytes(), out);
}

fn bytes(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put(number << 3 | 2, out);
    put(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
