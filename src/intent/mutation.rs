//! The input of a mutation: what a client sent, against its declared types.
//!
//! The result is JSON with snake_case keys, stored enum values and the defaults of what was left out, which is
//! what a function is given, whether by named parameters or as one object. Every wire ends here, so
//! that a missing, unknown or wrongly typed argument is refused in the same words.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::value::{Value, coerce, shown};
use crate::error::{Error, Result};
use crate::problem::did_you_mean;
use crate::schema::call::{Call, From};
use crate::schema::model::{Argument, Scalar, TypeOf, TypeRef};
use crate::schema::name::{Name, snake_case};
use crate::schema::{Kind, Schema};

/// The arguments of one call by their snake_case names.
pub type Input = Map<String, Json>;

/// Which parameters that have a default are given a value, bit by bit: with the form it chooses the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Given(u128);

/// Deepest nesting of an input object.
const DEPTH_MAX: usize = 64;

/// Reads the arguments of one call; those without a value have their default, if any.
pub fn input<'a>(schema: &Schema, given: impl Iterator<Item = (&'a Argument, Option<Cow<'a, Json>>)>) -> Result<Input> {
    let mut input = Input::new();
    for (declared, written) in given {
        let written = written.as_deref().or(declared.default.as_ref());
        if let Some(value) = argument(schema, declared, written, &declared.name, 0)? {
            input.insert(snake_case(&declared.name), value);
        }
    }
    Ok(input)
}

/// Reads the arguments of one call out of an object that has them under their names, in either casing.
pub fn input_of(schema: &Schema, declared: &[&Argument], mut object: Map<String, Json>) -> Result<Input> {
    let mut written = Vec::with_capacity(declared.len());
    for argument in declared {
        written.push((*argument, taken(&mut object, &argument.name).map(Cow::Owned)));
    }
    if let Some(unknown) = object.keys().next() {
        return Err(unexpected(unknown, unknown, declared.iter().map(|argument| &*argument.name)));
    }
    input(schema, written.into_iter())
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
    rest.iter().try_fold(input.get(first)?, |value, key| value.get(key))
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
    path: &str,
    depth: usize,
) -> Result<Option<Json>> {
    match written {
        Some(json) => value(schema, &declared.ty, json, path, depth).map(Some),
        None if declared.ty.nullable => Ok(None),
        None => Err(Error::invalid(format!("{path} is missing; it is {}", declared.ty)).at(path)),
    }
}

fn value(schema: &Schema, ty: &TypeRef, json: &Json, path: &str, depth: usize) -> Result<Json> {
    let invalid = |reason: String| Error::invalid(format!("{path}: {reason}")).at(path);
    if depth > DEPTH_MAX {
        return Err(invalid(format!("it is nested deeper than {DEPTH_MAX} levels")));
    }
    if json.is_null() {
        return if ty.nullable {
            Ok(Json::Null)
        } else {
            Err(Error::invalid(format!("{path} must not be null")).at(path))
        };
    }
    let name = match &ty.of {
        TypeOf::Named(name) => name,
        TypeOf::List(item) => {
            let items = json.as_array().map_or_else(|| std::slice::from_ref(json), Vec::as_slice);
            let items = items.iter().enumerate();
            let items = items.map(|(i, json)| value(schema, item, json, &format!("{path}[{i}]"), depth + 1));
            return items.collect::<Result<Vec<Json>>>().map(Json::Array);
        }
    };
    if let Some(declared) = schema.model().inputs.get(name) {
        let Json::Object(object) = json else {
            return Err(invalid(format!("{} is not an object of {name}", shown(json))));
        };
        let mut rest = object.clone();
        let mut fields = Map::with_capacity(object.len());
        for field in declared.fields.values() {
            let written = taken(&mut rest, &field.name);
            let path = format!("{path}.{}", field.name);
            if let Some(value) = argument(schema, field, written.as_ref().or(field.default.as_ref()), &path, depth + 1)?
            {
                fields.insert(snake_case(&field.name), value);
            }
        }
        if let Some(unknown) = rest.keys().next() {
            return Err(unexpected(unknown, &format!("{path}.{unknown}"), declared.fields.keys().map(|name| &**name)));
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
        _ if matches!(scalar, Scalar::Json | Scalar::Decimal | Scalar::Float) => json.clone(),
        Value::Text(text) => Json::String(text),
        Value::Int(number) => Json::from(number),
        Value::Uuid(uuid) => Json::String(uuid.to_string()),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) => json.clone(),
    }
}

/// Takes a key out of an object, in the casing of the API or in that of SQL.
fn taken(object: &mut Map<String, Json>, name: &Name) -> Option<Json> {
    object.shift_remove(&**name).or_else(|| object.shift_remove(&snake_case(name)))
}

fn unexpected<'n>(name: &str, path: &str, known: impl Iterator<Item = &'n str> + Clone) -> Error {
    let hint = did_you_mean(name, known).map(|hint| format!("; {hint}")).unwrap_or_default();
    Error::invalid(format!("{path} is not known here{hint}")).at(path)
}
