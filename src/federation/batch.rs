//! Many representations at once: one statement for each type and key, side by side, and the rows back in
//! the order of the representations.
//!
//! A key that stands several times is asked once. A representation that cannot be understood costs
//! nobody else's answer.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use indexmap::IndexMap;
use serde_json::Value as Json;
use smallvec::SmallVec;
use tracing::Instrument;

use super::answered::{Answered, Encoded, Place, Row};
use super::guarded::guarded;
use super::representation::{KeyValues, has, key_values, represented, stored};
use crate::auth::Caller;
use crate::codec::key::{Key, key};
use crate::codec::{Columns, Shape, Stop, Trail, columns, json};
use crate::engine::{Engine, Outcome, Pace, REBINDS_MAX};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::selection::{Selected, Selection};
use crate::intent::value::{Value, Values};
use crate::intent::{Arguments, Asked, EntityKey, Form, Intent, Read};
use crate::schema::Schema;
use crate::schema::entities::{self, Behind};
use crate::schema::field_set;
use crate::schema::model::TypeDef;
use crate::schema::name::Name;

/// Statements of one batch that hold a connection at the same time.
const STATEMENTS_AT_ONCE: usize = 4;

/// What a representation may take of a body: a body of them may be longer than others by that much for each.
pub const REPRESENTATION_BYTES: usize = 512;

/// What is asked of the entities of each type, made once for all requests that ask the same.
#[derive(Debug, Default)]
pub struct Wanted(HashMap<Name, WantedType>);

#[derive(Debug)]
struct WantedType {
    /// One for each key.
    forms: Vec<Arc<Form>>,
    /// What computed fields need of a representation, by the name of each.
    required: Vec<(Name, Vec<field_set::Selected>)>,
}

/// A batch that is to be answered.
pub struct EntityBatch<'a, E> {
    pub engine: &'a Engine,
    pub caller: &'a Caller,
    pub wanted: &'a Wanted,
    /// The arguments of the lists that are joined to entities of a type; their values go behind those
    /// that are there.
    pub arguments: &'a (dyn Fn(&Name, &mut Values) -> Result<Vec<Arguments>> + Sync),
    pub encoding: &'a E,
    /// Most bytes of encoded rows, each of them once.
    pub bytes_max: usize,
}

/// How rows are written.
pub trait Encoding: Sync {
    /// What is made once for the rows of one shape.
    type Layout: Send + Sync;

    fn layout(&self, outcome: &Outcome) -> Result<Self::Layout>;

    /// Writes one row. When it stops, `out` is as it was before.
    fn row(
        &self,
        layout: &Self::Layout,
        shape: &Shape,
        columns: &Columns<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> Result<(), Stop>;
}

/// Rows as JSON.
pub struct JsonRows;

/// Keys of one type that are looked up in the same way.
struct Group<'a> {
    form: &'a Arc<Form>,
    type_name: Name,
    keys: Vec<KeyValues>,
    representations: Vec<Value>,
}

// === impl Wanted ===

impl Wanted {
    /// What is asked of one object type that is an entity.
    pub fn add(&mut self, schema: &Schema, entity: &entities::Entity, selected: Vec<Selected>) {
        let object = schema.object(&entity.name);
        let selected: Vec<Selected> = selected.into_iter().filter(|field| !is_left_out(object, field)).collect();
        let forms = entity.keys.iter().map(|key| {
            let is_given = |field: &Selected| {
                let declared = object.and_then(|object| object.fields.get(&field.field));
                declared.is_some_and(|declared| !declared.is_stored_here() && !key.has(&declared.name))
            };
            let with_representations = !key.is_resolvable || selected.iter().any(is_given);
            let asked = EntityKey { type_name: entity.name.clone(), key: key.fields.clone(), with_representations };
            Arc::new(Form::of(Asked::Entities(asked), Selection::Object(selected.clone())))
        });
        let forms = forms.collect();
        let fields = schema.object(&entity.name).map(|object| &object.fields);
        let mut required: Vec<(Name, Vec<field_set::Selected>)> = Vec::new();
        for field in selected.iter().filter_map(|field| fields?.get(&field.field)) {
            let set = field.federation.requires.as_deref().filter(|_| field.function.is_some());
            required.extend(set.and_then(|set| field_set::parse(set).ok()).map(|set| (field.name.clone(), set)));
        }
        self.0.insert(entity.name.clone(), WantedType { forms, required });
    }
}

/// What nobody asked for by name is not computed: that may require what was not sent.
fn is_left_out(object: Option<&TypeDef>, field: &Selected) -> bool {
    let declared = object.and_then(|object| object.fields.get(&field.field));
    field.implied && declared.is_some_and(|declared| declared.function.is_some())
}

// === impl JsonRows ===

impl Encoding for JsonRows {
    type Layout = ();

    fn layout(&self, _: &Outcome) -> Result<()> {
        Ok(())
    }

    fn row(
        &self,
        (): &(),
        shape: &Shape,
        columns: &Columns<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> Result<(), Stop> {
        json::row(shape, columns, out, trail)
    }
}

// === impl EntityBatch ===

impl<E: Encoding> EntityBatch<'_, E> {
    /// Answers every representation.
    pub async fn answer(&self, representations: &[Json]) -> Answered {
        let schema = self.engine.schema_for(self.caller);
        let mut groups: IndexMap<(Name, usize), Group<'_>> = IndexMap::new();
        let mut places = Vec::with_capacity(representations.len());
        for representation in representations {
            let place = self.place(&schema, representation, &mut groups);
            places.push(place.unwrap_or_else(Place::Refused));
        }
        let groups: Vec<Group<'_>> = groups.into_values().collect();
        let unique: Vec<Unique> = groups.iter().map(Unique::of).collect();
        for place in &mut places {
            if let Place::In(all) = place {
                all.iter_mut().for_each(|(group, key)| *key = unique[*group].position_of[*key]);
            }
        }
        let mut all = Vec::with_capacity(groups.len());
        for (group, unique) in groups.iter().zip(&unique) {
            all.push(guarded(self.engine, &group.type_name, self.group(group, unique)));
        }
        let groups = futures_util::stream::iter(all).buffered(STATEMENTS_AT_ONCE).collect().await;
        Answered { groups, places }
    }

    /// Puts a representation into its group.
    fn place<'s>(
        &'s self,
        schema: &Schema,
        representation: &Json,
        groups: &mut IndexMap<(Name, usize), Group<'s>>,
    ) -> Result<Place> {
        let found = represented(schema, representation)?;
        let wanted = &found.entity.keys[found.key].fields;
        let types: SmallVec<[(&entities::Entity, usize); 1]> = match &found.entity.behind {
            Behind::Object => SmallVec::from_iter([(found.entity, found.key)]),
            Behind::Interface(types) => {
                let entities = types.iter().filter_map(|name| schema.entity(name));
                let keyed = |entity: &entities::Entity| entity.keys.iter().position(|key| key.fields == *wanted);
                entities.filter_map(|entity| Some((entity, keyed(entity)?))).collect()
            }
        };
        let mut place = SmallVec::new();
        for (entity, key) in types {
            let Some(object) = schema.object(&entity.name) else { continue };
            let Some(wanted) = self.wanted.0.get(&entity.name) else { continue };
            let Some(form) = wanted.forms.get(key) else { continue };
            let values = key_values(schema, object, &entity.keys[key], representation)?;
            let given = match &form.asked {
                Asked::Entities(asked) if asked.with_representations => {
                    wanted.required.iter().try_for_each(|(field, set)| has(object, field, set, representation))?;
                    Some(stored(schema, object, representation)?)
                }
                Asked::Entities(_) | Asked::Endpoint(_) => None,
            };
            let entry = groups.entry((entity.name.clone(), key));
            let index = entry.index();
            let group = entry.or_insert_with(|| Group {
                form,
                type_name: entity.name.clone(),
                keys: Vec::new(),
                representations: Vec::new(),
            });
            place.push((index, group.keys.len()));
            group.keys.push(values);
            group.representations.extend(given);
        }
        Ok(Place::In(place))
    }

    /// The rows of a group; anew when they are of another shape than planned.
    async fn group(&self, group: &Group<'_>, unique: &Unique<'_>) -> Result<Encoded> {
        self.caller.observer().batch(&group.type_name, unique.first.len());
        let mut tries = REBINDS_MAX;
        loop {
            let seen = self.engine.generation();
            let intent = Intent::Read(self.read(group, unique)?);
            let outcome = self.engine.answer(self.caller, &intent, Pace::Answer).await?;
            let encoded = {
                let _timed = self.caller.observer().time(Stage::Encode);
                self.rows(outcome, unique).instrument(tracing::debug_span!("encode")).await
            };
            match encoded {
                Err(error) if error.can_be_asked_again() && tries > 0 => {
                    self.engine.recover(self.caller, seen, &error).await?;
                }
                result => return result,
            }
            tries -= 1;
        }
    }

    fn read(&self, group: &Group<'_>, unique: &Unique<'_>) -> Result<Read> {
        let mut values = Values::default();
        let parts = group.keys.first().map_or(0, KeyValues::len);
        for part in 0..parts {
            let list = unique.first.iter().filter_map(|at| group.keys[*at].get(part).cloned());
            values.push(Value::List(list.collect()), group.type_name.clone());
        }
        if !group.representations.is_empty() {
            let list = unique.first.iter().filter_map(|at| group.representations.get(*at).cloned());
            values.push(Value::List(list.collect()), group.type_name.clone());
        }
        let arguments = (self.arguments)(&group.type_name, &mut values)?;
        Ok(Read { form: group.form.clone(), arguments, values })
    }

    async fn rows(&self, outcome: Outcome, unique: &Unique<'_>) -> Result<Encoded> {
        let layout = self.encoding.layout(&outcome)?;
        let (statement, mut rows) = outcome.into_parts();
        let shape = statement.shape();
        let Some(lookup) = statement.lookup() else {
            return Err(Error::new(Stage::Encode, Code::Internal, "entities were asked for without a key"));
        };
        let mut encoded =
            Encoded { bytes: Vec::new(), rows: vec![Row::Missing; unique.first.len()], mismatches: Vec::new() };
        let mut trail = Trail::default();
        while let Some(row) = rows.next().await.transpose()? {
            let columns = columns(&row);
            let found = key(lookup, &columns).map_err(|_| stale())?;
            let Some(at) = found.and_then(|key| unique.find(&key)) else { continue };
            if !matches!(encoded.rows[at], Row::Missing) {
                continue;
            }
            trail.at_row(Some(at));
            let start = encoded.bytes.len();
            encoded.rows[at] = match self.encoding.row(&layout, shape, &columns, &mut encoded.bytes, &mut trail) {
                Ok(()) => Row::At(start..encoded.bytes.len()),
                Err(Stop::Null) => Row::Nulled,
                Err(Stop::Stale) => return Err(stale()),
            };
            if encoded.bytes.len() > self.bytes_max {
                let message = format!("the entities take more than {} bytes; ask for fewer", self.bytes_max);
                return Err(Error::new(Stage::Encode, Code::TooComplex, message));
            }
        }
        encoded.mismatches = trail.into_mismatches();
        Ok(encoded)
    }
}

fn stale() -> Error {
    let mut error = Error::new(Stage::Encode, Code::Internal, "the schema and the database differ")
        .because("rows came with other types than the statement was planned for");
    error.stale = true;
    error
}

/// The keys of a group without those that stand there already.
struct Unique<'g> {
    /// For each of the unique keys, where it stands first.
    first: Vec<usize>,
    /// For each key, its position among the unique ones.
    position_of: Vec<usize>,
    /// A single key by its value.
    by_key: HashMap<Key<'g>, usize, ahash::RandomState>,
}

// === impl Unique ===

impl<'g> Unique<'g> {
    fn of(group: &'g Group<'_>) -> Unique<'g> {
        let count = group.keys.len();
        let mut unique =
            Unique { first: Vec::new(), position_of: Vec::with_capacity(count), by_key: HashMap::default() };
        let mut seen: HashMap<SmallVec<[Key<'g>; 2]>, usize, ahash::RandomState> = HashMap::default();
        for (at, values) in group.keys.iter().enumerate() {
            let next = unique.first.len();
            let all = values.iter().chain(group.representations.get(at));
            let parts: Option<SmallVec<[Key<'g>; 2]>> = all.map(key_of).collect();
            let position = match parts {
                // Values without a form that tells them apart are asked as often as they stand there.
                None => next,
                Some(parts) if parts.len() == 1 => *unique.by_key.entry(parts[0]).or_insert(next),
                Some(parts) => *seen.entry(parts).or_insert(next),
            };
            if position == next {
                unique.first.push(at);
            }
            unique.position_of.push(position);
        }
        unique
    }

    fn find(&self, key: &Key<'_>) -> Option<usize> {
        match key {
            Key::Position(at) => Some(*at).filter(|at| *at < self.first.len()),
            Key::Int(_) | Key::Uuid(_) | Key::Text(_) => self.by_key.get(key).copied(),
        }
    }
}

fn key_of(value: &Value) -> Option<Key<'_>> {
    match value {
        Value::Int(number) => Some(Key::Int(*number)),
        Value::Uuid(uuid) => Some(Key::Uuid(*uuid.as_bytes())),
        Value::Text(text) => Some(Key::Text(text.as_bytes())),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) => None,
    }
}
