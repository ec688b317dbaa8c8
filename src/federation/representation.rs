//! One representation → the key that it has, checked before anything is asked of the database.

use serde_json::{Map, Value as Json};

use crate::error::{Error, Result};
use crate::intent::selection::TYPENAME;
use crate::intent::value::{Value, coerce, in_object, shown};
use crate::problem::did_you_mean;
use crate::schema::entities::{Entity, EntityKey};
use crate::schema::field_set::Selected;
use crate::schema::model::{Field, TypeDef, TypeOf, TypeRef};
use crate::schema::name::{ByName, Name};
use crate::schema::{Kind, Schema};

/// The name of the type in a representation, and its fields with it.
pub fn named(representation: &Json) -> Result<(&str, &Map<String, Json>)> {
    let Json::Object(map) = representation else {
        let message = format!("a representation is an object with __typename and a key, not {}", shown(representation));
        return Err(Error::invalid(message));
    };
    match in_object(map, TYPENAME) {
        Some(Json::String(name)) => Ok((name, map)),
        Some(other) => Err(Error::invalid(format!("__typename is the name of a type, not {}", shown(other)))),
        None => Err(Error::invalid("the representation has no __typename")),
    }
}

pub fn entity<'s>(schema: &'s Schema, name: &str) -> Result<&'s Entity> {
    schema.entity(name).ok_or_else(|| unknown(schema, name))
}

/// The fields that representations of an entity may have.
pub fn fields<'s>(schema: &'s Schema, entity: &Entity) -> Option<&'s ByName<Field>> {
    match schema.kind(&entity.name) {
        Kind::Object(object) => Some(&object.fields),
        Kind::Interface(interface) => Some(&interface.fields),
        Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => None,
    }
}

/// Which of the keys of an entity a representation has: the first by which rows are looked up, else the first.
pub fn key_of(entity: &Entity, fields: Option<&ByName<Field>>, map: &Map<String, Json>) -> Result<usize> {
    check_fields(entity, fields, map)?;
    let is_complete = |key: &EntityKey| key.parts.iter().all(|part| part.value(map).is_some());
    let found = entity.keys.iter().position(|key| key.is_resolvable && is_complete(key));
    found.or_else(|| entity.keys.iter().position(is_complete)).ok_or_else(|| incomplete(entity, map))
}

/// The whole of a representation under the names that SQL uses, each value of its declared type.
pub fn stored(schema: &Schema, object: &TypeDef, representation: &Json) -> Result<Value> {
    let ty = TypeRef::named(object.name.clone(), true);
    let stored = stored_form(schema, &ty, representation).map_err(|Misfit { mut path, reason }| {
        path.reverse();
        let path = path.join(".");
        let place = if path.is_empty() { object.name.to_string() } else { format!("{}.{path}", object.name) };
        Error::invalid(format!("{place}: {reason}")).at(path)
    })?;
    Ok(Value::Text(stored.to_string()))
}

/// Whether a representation has what a computed field requires; nulls are values.
pub fn has(object: &TypeDef, field: &Name, required: &[Selected], representation: &Json) -> Result<()> {
    let Some(path) = lacking(required, representation) else { return Ok(()) };
    let message = format!("{}.{field} requires {path}, which the representation lacks", object.name);
    Err(Error::invalid(message).at(path))
}

/// The path of the first field that is not there.
fn lacking(required: &[Selected], value: &Json) -> Option<String> {
    match value {
        Json::Object(map) => required.iter().find_map(|field| match map.get(&field.name) {
            None => Some(field.name.clone()),
            Some(value) => lacking(&field.fields, value).map(|below| format!("{}.{below}", field.name)),
        }),
        Json::Array(items) => items.iter().find_map(|item| lacking(required, item)),
        // What is no object is checked against its type.
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

/// A value that does not fit, by the names that lead to it, the last one first.
struct Misfit {
    path: Vec<String>,
    reason: String,
}

/// A function that met a value of another type would fail, in words of its own and with the statement.
fn stored_form(schema: &Schema, ty: &TypeRef, value: &Json) -> Result<Json, Misfit> {
    let misfit = |reason: String| Misfit { path: Vec::new(), reason };
    if value.is_null() {
        return Ok(Json::Null);
    }
    let name = match (&ty.of, value) {
        (TypeOf::List(item), Json::Array(items)) => {
            return items
                .iter()
                .map(|value| stored_form(schema, item, value))
                .collect::<Result<_, _>>()
                .map(Json::Array);
        }
        (TypeOf::List(_), _) => return Err(misfit(format!("{} is not a list", shown(value)))),
        (TypeOf::Named(name), _) => name,
    };
    let fields = match schema.kind(name) {
        Kind::Scalar(scalar) => {
            if has_nul(value) {
                return Err(misfit("a text may not hold the character U+0000".to_owned()));
            }
            return coerce(scalar, value).map(|_| value.clone()).map_err(misfit);
        }
        Kind::Enum(def) => {
            let found = def.values.iter().find(|known| value.as_str() == Some(&known.name));
            let stored = found.map(|known| Json::String(known.stored.to_string()));
            return stored.ok_or_else(|| misfit(format!("{} is not a value of {name}", shown(value))));
        }
        Kind::Object(object) => &object.fields,
        Kind::Interface(interface) => &interface.fields,
        Kind::Union(_) => return Err(misfit(format!("{name} is a union, of which representations hold nothing"))),
    };
    let Json::Object(map) = value else { return Err(misfit(format!("{} is not an object of {name}", shown(value)))) };
    let mut stored = Map::with_capacity(map.len());
    for (key, value) in map {
        if key == TYPENAME {
            if value.as_str().is_none_or(|name| name.contains('\0')) {
                return Err(misfit(format!("{} is not the name of a type", shown(value))));
            }
            stored.insert(key.clone(), value.clone());
            continue;
        }
        let Some(field) = fields.get(key.as_str()) else {
            return Err(misfit(format!("{name} has no field \"{}\"", shown_name(key))));
        };
        let value = stored_form(schema, &field.ty, value).map_err(|mut misfit| {
            misfit.path.push(key.clone());
            misfit
        })?;
        stored.insert(field.column.to_string(), value);
    }
    Ok(Json::Object(stored))
}

fn shown_name(name: &str) -> String {
    name.chars().take(60).collect()
}

/// A field that the type does not have is a mistake of whoever sends it.
fn check_fields(entity: &Entity, fields: Option<&ByName<Field>>, map: &Map<String, Json>) -> Result<()> {
    let Some(fields) = fields else { return Ok(()) };
    // Most of them are parts of keys, which are found without hashing their names.
    let in_keys = |name: &str| entity.keys.iter().any(|key| key.has(name));
    let is_known = |name: &&String| *name == TYPENAME || in_keys(name) || fields.contains_key(name.as_str());
    match map.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let hint = did_you_mean(name, fields.keys().map(|name| &**name)).unwrap_or_default();
            let name = shown_name(name);
            let message = format!("{} has no field \"{name}\"; {hint}", entity.name);
            Err(Error::invalid(message.trim_end_matches("; ")).at(name))
        }
    }
}

/// Names what is missing of the key of which most is there.
fn incomplete(entity: &Entity, map: &Map<String, Json>) -> Error {
    let lacking = |key: &EntityKey| key.parts.iter().filter(|part| part.value(map).is_none()).count();
    let nearest = entity.keys.iter().filter(|key| lacking(key) < key.parts.len());
    let Some(key) = nearest.min_by_key(|key| lacking(key)) else {
        return Error::invalid(format!("the representation of {} needs a key: {}", entity.name, entity.shown_keys()));
    };
    let part = key.parts.iter().find(|part| part.value(map).is_none());
    let path = part.map(|part| part.path.iter().map(|name| &**name).collect::<Vec<_>>().join(".")).unwrap_or_default();
    let message = format!("the representation of {} lacks {path} of its key \"{}\"", entity.name, key.fields);
    Error::invalid(message).at(path)
}

fn unknown(schema: &Schema, name: &str) -> Error {
    let known = schema.entities().keys().map(|name: &Name| &**name);
    let hint = did_you_mean(name, known).unwrap_or_default();
    Error::invalid(format!("there is no entity \"{}\"; {hint}", shown_name(name)).trim_end_matches("; ")).at(TYPENAME)
}

fn has_nul(json: &Json) -> bool {
    match json {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(has_nul),
        Json::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}
