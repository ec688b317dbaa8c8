//! Representations and keys on their way to the database: each checked by itself, those that are looked up in the
//! same way together, what stands several times once.
//!
//! Wires that know the types of keys hand over values ([`Collected::add_key`]), the others representations.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;
use smallvec::SmallVec;

use super::answered::Place;
use super::group::Group;
use super::part::Part;
use super::representation::{entity, fields, has, key_of, named, stored};
use super::wanted::{Wanted, WantedType, takes_representations};
use crate::error::Result;
use crate::intent::Form;
use crate::intent::value::Value;
use crate::schema::Schema;
use crate::schema::entities::{Behind, Entity};
use crate::schema::model::{Field, TypeDef};
use crate::schema::name::ByName;

/// What is to be answered together, in the order in which it was added.
pub struct Collected<'a> {
    schema: &'a Schema,
    wanted: &'a Wanted,
    /// The types that were named so far.
    types: IndexMap<&'a str, NamedType<'a>, ahash::RandomState>,
    /// The one that was named last, which is most often named again.
    last: usize,
    /// Of it, the key that was added last, and its group.
    last_key: Option<(usize, usize)>,
    pub(super) groups: Vec<Group<'a>>,
    pub(super) places: Vec<Place>,
}

/// A type that was named: what its representations are checked by, found once.
struct NamedType<'a> {
    entity: &'a Entity,
    fields: Option<&'a ByName<Field>>,
    /// For each key of the entity, where its rows are looked up; nothing before that key is met.
    targets: Vec<Option<Vec<Target<'a>>>>,
}

/// Rows of one object type by one key.
struct Target<'a> {
    object: &'a TypeDef,
    parts: SmallVec<[Part<'a>; 2]>,
    form: &'a Arc<Form>,
    wanted: &'a WantedType,
    /// The position of its group, which it may share: an object is also looked up as what stands behind an interface.
    group: Option<usize>,
}

// === impl Collected ===

impl<'a> Collected<'a> {
    /// With room for so many.
    pub fn new(schema: &'a Schema, wanted: &'a Wanted, count: usize) -> Collected<'a> {
        Collected {
            schema,
            wanted,
            types: IndexMap::default(),
            last: 0,
            last_key: None,
            groups: Vec::new(),
            places: Vec::with_capacity(count),
        }
    }

    pub fn of(schema: &'a Schema, wanted: &'a Wanted, representations: &[Json]) -> Collected<'a> {
        let mut collected = Collected::new(schema, wanted, representations.len());
        representations.iter().for_each(|representation| collected.add(representation));
        collected
    }

    /// A representation. One that cannot be understood costs nobody else's answer.
    pub fn add(&mut self, representation: &Json) {
        let place = self.place(representation).unwrap_or_else(|error| Place::Refused(Box::new(error)));
        self.places.push(place);
    }

    /// The values of a key, in the order of its parts and as [`Part`] makes them, by which rows of an object type
    /// are looked up without a representation ([`Wanted::takes_values`]).
    #[inline]
    pub fn add_key(&mut self, type_name: &str, key: usize, values: impl AsRef<[Value]> + IntoIterator<Item = Value>) {
        let place = match self.group_of(type_name, key) {
            Ok(Some(group)) => Place::In((group as u32, self.groups[group].add(values))),
            Ok(None) => Place::Nowhere,
            Err(error) => Place::Refused(Box::new(error)),
        };
        self.places.push(place);
    }

    #[inline]
    fn group_of(&mut self, type_name: &str, key: usize) -> Result<Option<usize>> {
        if let Some((last, group)) = self.last_key
            && last == key
            && self.types.get_index(self.last).is_some_and(|(name, _)| **name == *type_name)
        {
            return Ok(Some(group));
        }
        let at = self.named(type_name)?;
        let count = self.places.capacity();
        let [target] = self.types[at].targets(self.schema, self.wanted, key) else { return Ok(None) };
        let group = target.group(&mut self.groups, count);
        self.last_key = Some((key, group));
        Ok(Some(group))
    }

    fn place(&mut self, representation: &Json) -> Result<Place> {
        let (name, map) = named(representation)?;
        let at = self.named(name)?;
        let (schema, count) = (self.schema, self.places.capacity());
        let found = &mut self.types[at];
        let key = key_of(found.entity, found.fields, map)?;
        let mut places: SmallVec<[(u32, u32); 1]> = SmallVec::new();
        for target in found.targets(schema, self.wanted, key) {
            let parts = target.parts.iter().map(|part| part.value(map));
            let mut values: SmallVec<[Value; 3]> = parts.collect::<Result<_>>()?;
            if takes_representations(target.form) {
                let required = &target.wanted.required;
                required.iter().try_for_each(|(field, set)| has(target.object, field, set, representation))?;
                values.push(stored(schema, target.object, representation)?);
            }
            let group = target.group(&mut self.groups, count);
            places.push((group as u32, self.groups[group].add(values)));
        }
        Ok(match places.as_slice() {
            [] => Place::Nowhere,
            [place] => Place::In(*place),
            [_, ..] => Place::Behind(places.into_boxed_slice()),
        })
    }

    /// The position of a type among those that were named.
    fn named(&mut self, name: &str) -> Result<usize> {
        if self.types.get_index(self.last).is_some_and(|(last, _)| **last == *name) {
            return Ok(self.last);
        }
        let at = match self.types.get_index_of(name) {
            Some(at) => at,
            None => {
                let entity = entity(self.schema, name)?;
                let targets = entity.keys.iter().map(|_| None).collect();
                let found = NamedType { entity, fields: fields(self.schema, entity), targets };
                self.types.insert_full(&entity.name, found).0
            }
        };
        (self.last, self.last_key) = (at, None);
        Ok(at)
    }
}

// === impl NamedType ===

impl<'a> NamedType<'a> {
    /// Where rows are looked up by a key: in the type itself, or in those that stand behind an interface and are asked
    /// for.
    fn targets(&mut self, schema: &'a Schema, wanted: &'a Wanted, key: usize) -> &mut [Target<'a>] {
        let entity = self.entity;
        let Some(slot) = self.targets.get_mut(key) else { return &mut [] };
        slot.get_or_insert_with(|| match &entity.behind {
            Behind::Object => Target::of(schema, wanted, entity, key).into_iter().collect(),
            Behind::Interface(types) => {
                let fields = &entity.keys[key].fields;
                let entities = types.iter().filter_map(|name| schema.entity(name));
                let keyed = entities.filter_map(|entity| {
                    let key = entity.keys.iter().position(|key| key.fields == *fields)?;
                    Target::of(schema, wanted, entity, key)
                });
                keyed.collect()
            }
        })
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    fn of(schema: &'a Schema, wanted: &'a Wanted, entity: &'a Entity, key: usize) -> Option<Target<'a>> {
        let object = schema.object(&entity.name)?;
        let wanted = wanted.of(&entity.name)?;
        let form = wanted.forms.get(key)?;
        let parts = entity.keys[key].parts.iter().map(|part| Part::of(schema, object, part)).collect();
        Some(Target { object, parts, form, wanted, group: None })
    }

    /// The position of its group; the first has room for all that is expected.
    fn group(&mut self, groups: &mut Vec<Group<'a>>, count: usize) -> usize {
        *self.group.get_or_insert_with(|| {
            let known = groups.iter().position(|group| Arc::ptr_eq(group.form, self.form));
            known.unwrap_or_else(|| {
                let room = if groups.is_empty() { count } else { 0 };
                groups.push(Group::new(self.form, self.parts.len(), room));
                groups.len() - 1
            })
        })
    }
}
