//! Keys of one type, as they came → their values, in one step.
//!
//! That is for keys whose parts are fields of their message, texts or whole numbers. Everything else, and whatever is
//! wrong, is read as JSON like any representation, which says what it is.

use smallvec::{SmallVec, smallvec};

use super::decode::{Decoder, Kind};
use super::raw::{Raw, next};
use crate::federation::collected::Collected;
use crate::federation::part::Part;
use crate::federation::wanted::Wanted;
use crate::intent::value::Value;
use crate::schema::Schema;
use crate::schema::name::Name;

/// Reads the keys of one type.
pub struct KeyReader<'s> {
    type_name: &'s Name,
    fields: SmallVec<[Field<'s>; 4]>,
    /// Those by which rows are looked up come first, as for representations.
    keys: SmallVec<[Key; 2]>,
}

struct Field<'s> {
    number: u32,
    kind: Kind,
    name: &'s Name,
    part: Part<'s>,
    /// The key that it is all of, among those of the type, where that takes no representation.
    key: Option<usize>,
}

struct Key {
    /// Its position among the keys of the type.
    at: usize,
    /// The positions of its parts among the fields.
    fields: SmallVec<[usize; 2]>,
    takes_values: bool,
}

// === impl KeyReader ===

impl<'s> KeyReader<'s> {
    /// The keys of an entity in the items of a request's list, or in requests that are keys themselves.
    pub fn new(
        schema: &'s Schema,
        wanted: &Wanted,
        type_name: &str,
        decoder: &Decoder,
        request: &str,
        list: Option<&str>,
    ) -> Option<KeyReader<'s>> {
        let (entity, object) = (schema.entity(type_name)?, schema.object(type_name)?);
        let mut reader = KeyReader { type_name: &entity.name, fields: SmallVec::new(), keys: SmallVec::new() };
        for is_resolvable in [true, false] {
            let keys = entity.keys.iter().enumerate().filter(|(_, key)| key.is_resolvable == is_resolvable);
            for (at, key) in keys {
                let mut fields = SmallVec::new();
                for part in &key.parts {
                    let [name] = part.path.as_slice() else { break };
                    let known = reader.fields.iter().position(|field| field.name == name);
                    fields.extend(known.or_else(|| {
                        let declared = decoder.fields(request, list).find(|(_, field)| field.source == *name);
                        let (number, kind) = declared.map(|(number, field)| (number, field.kind))?;
                        let part = Part::of(schema, object, part);
                        reader.fields.push(Field { number, kind, name, part, key: None });
                        Some(reader.fields.len() - 1)
                    }));
                }
                if fields.len() == key.parts.len() {
                    let takes_values = wanted.takes_values(type_name, at);
                    reader.keys.push(Key { at, fields, takes_values });
                }
            }
        }
        for (at, field) in reader.fields.iter_mut().enumerate() {
            let key = reader.keys.iter().find(|key| *key.fields == [at]);
            field.key = key.filter(|key| key.takes_values).map(|key| key.at);
        }
        Some(reader)
    }

    /// Adds the key that a message has; false when nothing was added, and it is to be read as JSON.
    #[inline]
    pub fn add(&self, message: &[u8], collected: &mut Collected<'_>) -> bool {
        let mut rest = message;
        if let Some((number, raw)) = next(&mut rest)
            && rest.is_empty()
            && let Some(field) = self.fields.iter().find(|field| field.number == number)
            && let Some(key) = field.key
        {
            let value = field.value(raw);
            return value.map(|value| collected.add_key(self.type_name, key, [value])).is_some();
        }
        let several = self.several(message);
        several.map(|(key, values)| collected.add_key(self.type_name, key, values)).is_some()
    }

    /// The key of a message with several fields.
    fn several(&self, mut message: &[u8]) -> Option<(usize, SmallVec<[Value; 2]>)> {
        let mut found: SmallVec<[Option<Value>; 4]> = smallvec![None; self.fields.len()];
        while !message.is_empty() {
            let (number, raw) = next(&mut message)?;
            let at = self.fields.iter().position(|field| field.number == number)?;
            found[at] = Some(self.fields[at].value(raw)?);
        }
        let key = self.keys.iter().find(|key| key.fields.iter().all(|at| found[*at].is_some()))?;
        let values = || key.fields.iter().map(|at| found[*at].take()).collect::<Option<_>>();
        key.takes_values.then(values)?.map(|values| (key.at, values))
    }
}

// === impl Field ===

impl Field<'_> {
    #[inline]
    fn value(&self, raw: Raw<'_>) -> Option<Value> {
        match (self.kind, raw) {
            (Kind::String, Raw::Bytes(text)) => self.part.text(text),
            (Kind::Int32, Raw::Varint(number)) => self.part.integer((number as i32).into()),
            (Kind::Int64, Raw::Varint(number)) => self.part.integer(number as i64),
            _ => None,
        }
    }
}
