//! The input of a mutation: what a client sent, against its declared types.
//!
//! The result is JSON with snake_case keys, stored enum values and the defaults of what was left out, which is
//! what a function is given, whether by named parameters or as one object. Every wire ends here, so
//! that a missing, unknown or wrongly typed argument is refused in the same words.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::value::{Value, coerce, entry_in, in_object, shown};
use crate::error::{Error, Result};
use crate::problem::did_you_mean;
use crate::schema::call::{Call, From};
use crate::schema::model::{Argument, Endpoint, Scalar, TypeOf, TypeRef};
use crate::schema::name::{Name, is_snake_case, snake_case};
use crate::schema::{Kind, Schema};

/// The arguments of one call by their snake_case names.
pub type Input = Map<String, Json>;

/// Which parameters that have a default are given a value, bit by bit: with the form it chooses the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Given(u128);

/// Deepest nesting of an input object.
const DEPTH_MAX: usize = 64;

/// Where a value stands. It becomes text when something is wrong with the value, and seldom is.
#[derive(Clone, Copy)]
enum Place<'p> {
    Argument(&'p str),
    Field(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

/// Reads the arguments of one call; those without a value have their default, if any.
pub fn input<'a>(schema: &Schema, given: impl Iterator<Item = (&'a Argument, Option<Cow<'a, Json>>)>) -> Result<Input> {
    let mut input = Input::new();
    for (declared, written) in given {
        let written = written.as_deref().or(declared.default.as_ref());
        if let Some(value) = argument(schema, declared, written, &Place::Argument(&declared.name), 0)? {
            input.insert(snake_case(&declared.name), value);
        }
    }
    Ok(input)
}

/// Reads the arguments of one call out of an object that has them under their names, in either casing.
pub fn input_of(schema: &Schema, mutation: &Endpoint, object: &Map<String, Json>) -> Result<Input> {
    let declared = mutation.arguments.values();
    let written: Vec<_> = declared.map(|argument| (argument, member(object, &argument.name))).collect();
    let known = written.iter().filter(|(_, found)| found.is_some()).count();
    if let Some(unknown) = unknown(object, known, mutation.arguments.keys()) {
        return Err(unexpected(unknown, unknown, mutation.arguments.keys()));
    }
    input(schema, written.into_iter().map(|(argument, found)| (argument, found.map(|(_, json)| Cow::Borrowed(json)))))
}

/// Which parameters of a call this input gives a value to.
pub fn given(call: &Call, input: &Input) -> Given {
    let mut bits = 0;
    for (i, passed) in call.arguments.iter().enumerate().take(128) {
        bits |= u128::from(is_given(&passed.from, input)) << i;
    }
    Given(bits)
}

/// Whether the parameter at a position is given a value; those beyond the 128th always are, if only null.
pub fn has(given: Given, position: usize) -> bool {
    position >= 128 || given.0 >> position & 1 == 1
}

/// What stands behind a path of keys.
pub fn value_at<'i>(input: &'i Input, path: &[String]) -> Option<&'i Json> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(in_object(input, first)?, |value, key| in_object(value.as_object()?, key))
}

fn is_given(from: &From, input: &Input) -> bool {
    match from {
        From::Value(path) => value_at(input, path).is_some(),
        From::Object { .. } => true,
    }
}

fn argument(
    schema: &Schema,
    declared: &Argument,
    written: Option<&Json>,
    place: &Place<'_>,
    depth: usize,
) -> Result<Option<Json>> {
    match written {
        Some(json) => value(schema, &declared.ty, json, place, depth).map(Some),
        None if declared.ty.nullable => Ok(None),
        None => Err(Error::invalid(format!("{place} is missing; it is {}", declared.ty)).at(place.to_string())),
    }
}

fn value(schema: &Schema, ty: &TypeRef, json: &Json, place: &Place<'_>, depth: usize) -> Result<Json> {
    let invalid = |reason: String| Error::invalid(format!("{place}: {reason}")).at(place.to_string());
    if depth > DEPTH_MAX {
        return Err(invalid(format!("it is nested deeper than {DEPTH_MAX} levels")));
    }
    if json.is_null() {
        return if ty.nullable {
            Ok(Json::Null)
        } else {
            Err(Error::invalid(format!("{place} must not be null")).at(place.to_string()))
        };
    }
    let name = match &ty.of {
        TypeOf::Named(name) => name,
        TypeOf::List(item) => {
            let items = json.as_array().map_or_else(|| std::slice::from_ref(json), Vec::as_slice);
            let items = items.iter().enumerate();
            let items = items.map(|(i, json)| value(schema, item, json, &Place::Item(place, i), depth + 1));
            return items.collect::<Result<Vec<Json>>>().map(Json::Array);
        }
    };
    if let Some(declared) = schema.model().inputs.get(name) {
        let Json::Object(object) = json else {
            return Err(invalid(format!("{} is not an object of {name}", shown(json))));
        };
        let mut fields = Map::with_capacity(object.len());
        let mut known = 0;
        for field in declared.fields.values() {
            let found = member(object, &field.name);
            known += usize::from(found.is_some());
            let written = found.map(|(_, json)| json).or(field.default.as_ref());
            let place = Place::Field(place, &field.name);
            if let Some(value) = argument(schema, field, written, &place, depth + 1)? {
                fields.insert(snake_case(&field.name), value);
            }
        }
        if let Some(unknown) = unknown(object, known, declared.fields.keys()) {
            return Err(unexpected(unknown, &Place::Field(place, unknown).to_string(), declared.fields.keys()));
        }
        return Ok(Json::Object(fields));
    }
    match schema.kind(name) {
        Kind::Enum(def) => {
            let found = def.values.iter().find(|value| json.as_str() == Some(&*value.name));
            let found = found.ok_or_else(|| {
                let known = def.values.iter().map(|value| &*value.name);
                let hint = json.as_str().and_then(|text| did_you_mean(text, known));
                let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                invalid(format!("{} is not a value of {name}{hint}", shown(json)))
            })?;
            Ok(Json::String(found.stored.to_string()))
        }
        // Any value will do, and nothing is to be made of it.
        Kind::Scalar(Scalar::Json) => Ok(json.clone()),
        Kind::Scalar(scalar) => {
            let value = coerce(scalar, json).map_err(invalid)?;
            Ok(plain(scalar, value, json))
        }
        Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => Err(invalid(format!("{name} cannot be sent"))),
    }
}

/// A coerced value as JSON. Numbers that only their text holds exactly stay as they were sent.
fn plain(scalar: Scalar, value: Value, json: &Json) -> Json {
    match value {
        _ if matches!(scalar, Scalar::Decimal | Scalar::Float) => json.clone(),
        Value::Text(text) => Json::String(text),
        Value::Int(number) => Json::from(number),
        Value::Uuid(uuid) => Json::from(&*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) => json.clone(),
    }
}

/// A member of an object, under its name in the casing of the API or in that of SQL.
pub fn member<'o>(object: &'o Map<String, Json>, name: &Name) -> Option<(&'o String, &'o Json)> {
    let is_one_casing = is_snake_case(name);
    entry_in(object, name).or_else(|| if is_one_casing { None } else { entry_in(object, &snake_case(name)) })
}

/// The first member that none of these names means, where so many members were found by them.
fn unknown<'o, 'n>(
    object: &'o Map<String, Json>,
    known: usize,
    names: impl Iterator<Item = &'n Name> + Clone,
) -> Option<&'o String> {
    let is_meant =
        |key: &&String| names.clone().any(|name| member(object, name).is_some_and(|(found, _)| found == *key));
    if known < object.len() { object.keys().find(|key| !is_meant(key)) } else { None }
}

fn unexpected<'n>(name: &str, path: &str, known: impl Iterator<Item = &'n Name> + Clone) -> Error {
    let hint = did_you_mean(name, known.map(|name| &**name)).map(|hint| format!("; {hint}")).unwrap_or_default();
    Error::invalid(format!("{path} is not known here{hint}")).at(path)
}

// === impl Place ===

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Argument(name) => f.write_str(name),
            Place::Field(object, name) => write!(f, "{object}.{name}"),
            Place::Item(list, position) => write!(f, "{list}[{position}]"),
        }
    }
}
