//! Keys that are looked up in the same way: each once, column by column as statements take them, and found again by
//! the rows that they have.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use smallvec::SmallVec;

use super::wanted::takes_representations;
use crate::codec::key::Key;
use crate::intent::Form;
use crate::intent::value::{Value, Values};
use crate::schema::name::Name;

/// Keys of one type that are looked up in the same way.
pub(super) struct Group<'a> {
    pub form: &'a Arc<Form>,
    /// The values of each part, and behind them the representations where they are sent.
    columns: SmallVec<[Vec<Value>; 2]>,
    known: Known,
}

/// Where each key stands among those of a group.
pub(super) struct Known {
    positions: HashTable<u32>,
    state: ahash::RandomState,
    pub count: usize,
}

// === impl Group ===

impl<'a> Group<'a> {
    /// With room for so many keys of so many parts.
    pub fn new(form: &'a Arc<Form>, parts: usize, room: usize) -> Group<'a> {
        let columns = parts + usize::from(takes_representations(form));
        Group {
            form,
            columns: (0..columns).map(|_| Vec::with_capacity(room)).collect(),
            known: Known { positions: HashTable::with_capacity(room), state: ahash::RandomState::new(), count: 0 },
        }
    }

    pub fn type_name(&self) -> &'a Name {
        self.form.name()
    }

    pub fn len(&self) -> usize {
        self.known.count
    }

    /// The position of a key, which is a new one unless the same stands there already: its values in the order of its
    /// parts, and behind them the representation where it is sent.
    #[inline]
    pub fn add(&mut self, values: impl AsRef<[Value]> + IntoIterator<Item = Value>) -> u32 {
        let Group { columns, known: Known { positions, state, count }, .. } = self;
        let all = values.as_ref();
        let is_same = |at: &u32| columns.iter().zip(all).all(|(column, value)| column[*at as usize] == *value);
        let hash = hash(state, all.iter());
        let rehash = |at: &u32| self::hash(state, columns.iter().map(|column| &column[*at as usize]));
        match positions.entry(hash, is_same, rehash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let at = *count as u32;
                vacant.insert(at);
                *count += 1;
                columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                at
            }
        }
    }

    /// How many values [`Group::into_values`] begins with.
    pub fn lists(&self) -> usize {
        self.columns.len()
    }

    /// The values that a statement for these keys begins with, and where each of them stands.
    pub fn into_values(self) -> (Values, Known) {
        let type_name = self.type_name().clone();
        let mut values = Values::default();
        for column in self.columns {
            values.push(Value::List(column), type_name.clone());
        }
        (values, self.known)
    }
}

// === impl Known ===

impl Known {
    /// The position of the key that a row shows, among `values`, which the statement for all of them begins with; one
    /// for a part of them begins at `first`.
    pub fn find(&self, key: Key<'_>, values: &Values, first: usize) -> Option<usize> {
        if let Key::Position(at) = key {
            return Some(first + at).filter(|at| *at < self.count);
        }
        let Some((Value::List(column), _)) = values.get(0) else { return None };
        let hash = self.state.hash_one(key);
        let is_it = |at: &u32| column.get(*at as usize).and_then(key_of) == Some(key);
        self.positions.find(hash, is_it).map(|at| *at as usize)
    }
}

fn hash<'v>(state: &ahash::RandomState, mut values: impl Iterator<Item = &'v Value>) -> u64 {
    let first = values.next().map_or(0, |value| of_one(state, value));
    values.fold(first, |hash, value| hash.rotate_left(5) ^ of_one(state, value))
}

/// A key of one part has the hash of what its row shows.
#[inline]
fn of_one(state: &ahash::RandomState, value: &Value) -> u64 {
    match (key_of(value), value) {
        (Some(key), _) => state.hash_one(key),
        (None, Value::Float(number)) => state.hash_one(number.to_bits()),
        (None, Value::Bool(flag)) => state.hash_one(flag),
        // No part of a key is one of these.
        (None, Value::Null | Value::List(_) | Value::Int(_) | Value::Uuid(_) | Value::Text(_)) => 0,
    }
}

#[inline]
fn key_of(value: &Value) -> Option<Key<'_>> {
    match value {
        Value::Int(number) => Some(Key::Int(*number)),
        Value::Uuid(uuid) => Some(Key::Uuid(*uuid.as_bytes())),
        Value::Text(text) => Some(Key::Text(text.as_bytes())),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) => None,
    }
}
