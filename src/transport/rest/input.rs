//! What a write is sent → the inputs of its calls.

use std::borrow::Cow;

use http::HeaderMap;
use serde_json::{Map, Value as Json};

use super::conditions::typed;
use super::negotiate::is_ndjson;
use super::parameters::PathValue;
use crate::error::{Code, Error, Result, Stage};
use crate::intent;
use crate::intent::mutation::{Input, input_of, member};
use crate::intent::value::{in_object, shown};
use crate::schema::Schema;
use crate::schema::model::{Argument, Endpoint, InputDef, TypeOf};
use crate::schema::name::Name;
use crate::transport::body::is_json;

/// The body of a write.
#[derive(Debug, PartialEq)]
pub enum Sent {
    One(Map<String, Json>),
    /// An array, or lines.
    Many(Vec<Map<String, Json>>),
}

/// Reads a body; none at all is an object without members.
pub fn sent(headers: &HeaderMap, bytes: &[u8]) -> Result<Sent> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Sent::One(Map::new()));
    }
    if is_ndjson(headers) {
        let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
        let one = |(i, text): (usize, &[u8])| {
            line(text).map_err(|error| Error { message: format!("line {}: {}", i + 1, error.message), ..error })
        };
        return lines.map(one).collect::<Result<_>>().map(Sent::Many);
    }
    if !is_json(headers) {
        let message = "send the body as application/json in UTF-8, or lines of it as application/x-ndjson";
        return Err(Error::new(Stage::Decode, Code::UnsupportedMediaType, message).at("Content-Type"));
    }
    match parsed(bytes)? {
        Json::Array(items) => items.into_iter().map(object).collect::<Result<_>>().map(Sent::Many),
        other => object(other).map(Sent::One),
    }
}

/// One line of a body.
pub fn line(text: &[u8]) -> Result<Map<String, Json>> {
    object(parsed(text)?)
}

fn parsed(text: &[u8]) -> Result<Json> {
    serde_json::from_slice(text).map_err(|error| Error::invalid(format!("the body is not JSON: {error}")))
}

fn object(json: Json) -> Result<Map<String, Json>> {
    match json {
        Json::Object(members) => Ok(members),
        other => Err(Error::invalid(format!("the body holds {} where an object is needed", shown(&other)))),
    }
}

/// The input of one call: the members of a body, and the values of the path. The fields of a lone input
/// object are the members themselves.
pub fn input(
    schema: &Schema,
    mutation: &Endpoint,
    path: &[PathValue<'_>],
    members: Map<String, Json>,
) -> Result<Input> {
    let Some((argument, declared)) = lone(schema, mutation, path) else {
        let mut arguments = members;
        for (name, text) in path {
            let Some(argument) = mutation.arguments.get(name) else { continue };
            unsaid(&arguments, name)?;
            arguments.insert(String::from(&**name), typed(schema, argument.ty.innermost(), text));
        }
        return input_of(schema, mutation, &arguments);
    };
    for (name, _) in path.iter().filter(|(name, _)| mutation.arguments.contains_key(name)) {
        unsaid(&members, name)?;
    }
    let is_wrapped = members.len() == 1 && !declared.fields.contains_key(&argument.name);
    let mut fields = match in_object(&members, &argument.name) {
        Some(Json::Object(fields)) if is_wrapped => fields.clone(),
        Some(_) | None => members,
    };
    for (name, text) in path {
        if let Some(field) = declared.fields.get(name) {
            unsaid(&fields, name)?;
            fields.insert(String::from(&**name), typed(schema, field.ty.innermost(), text));
        }
    }
    let mut fields = Some(Json::Object(fields));
    let of_path = |known: &Argument| path.iter().find(|(name, _)| *name == known.name);
    let given = mutation.arguments.values().map(|known| match of_path(known) {
        Some((_, text)) => (known, Some(Cow::Owned(typed(schema, known.ty.innermost(), text)))),
        None => (known, fields.take().map(Cow::Owned)),
    });
    intent::mutation::input(schema, given)
}

/// What has to be in a body that replaces the whole: names that it lacks.
pub fn absent<'m>(
    schema: &'m Schema,
    mutation: &'m Endpoint,
    path: &[PathValue<'_>],
    members: &Map<String, Json>,
) -> Vec<&'m Name> {
    let names: Vec<&Name> = match lone(schema, mutation, path) {
        Some((_, declared)) => declared.fields.keys().collect(),
        None => mutation.arguments.keys().collect(),
    };
    let is_given = |name: &Name| member(members, name).is_some() || path.iter().any(|(known, _)| known == name);
    names.into_iter().filter(|name| !is_given(name)).collect()
}

/// The input object that is the only argument besides those of the path.
fn lone<'m>(
    schema: &'m Schema,
    mutation: &'m Endpoint,
    path: &[PathValue<'_>],
) -> Option<(&'m Argument, &'m InputDef)> {
    let mut sent = mutation.arguments.values().filter(|argument| !path.iter().any(|(name, _)| *name == argument.name));
    let argument = sent.next().filter(|_| sent.next().is_none())?;
    match &argument.ty.of {
        TypeOf::Named(name) => schema.model().inputs.get(name).map(|declared| (argument, declared)),
        TypeOf::List(_) => None,
    }
}

/// The path says it already.
fn unsaid(members: &Map<String, Json>, name: &Name) -> Result<()> {
    if member(members, name).is_some() {
        return Err(Error::invalid(format!("{name} stands in the path; leave it out of the body")).at(&**name));
    }
    Ok(())
}
