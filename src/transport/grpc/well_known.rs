//! Messages of `google.protobuf` in requests, as JSON.

use serde_json::{Map, Number, Value as Json};

use super::decode::{DEPTH_MAX, broken, text};
use super::raw::{Raw, next};
use crate::error::{Code, Error, Result, Stage};

pub fn timestamp(mut bytes: &[u8], path: &str) -> Result<Json> {
    let (mut seconds, mut nanos) = (0, 0);
    while !bytes.is_empty() {
        match next(&mut bytes) {
            Some((1, Raw::Varint(value))) => seconds = value as i64,
            Some((2, Raw::Varint(value))) => nanos = value as i32,
            Some(_) | None => return Err(broken(path)),
        }
    }
    let found = jiff::Timestamp::new(seconds, nanos).ok().filter(|_| (0..1_000_000_000).contains(&nanos));
    match found {
        Some(found) => Ok(Json::String(found.to_string())),
        None => Err(Error::invalid(format!("{path}: there is no such point in time")).at(path)),
    }
}

/// A `google.protobuf.Value` as JSON.
pub fn value(mut bytes: &[u8], path: &str, depth: usize) -> Result<Json> {
    if depth > DEPTH_MAX {
        let message = format!("{path} is nested deeper than {DEPTH_MAX} levels");
        return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(path));
    }
    let mut found = None;
    while !bytes.is_empty() {
        let value = match next(&mut bytes) {
            Some((1, Raw::Varint(_))) => Json::Null,
            Some((2, Raw::Fixed64(number))) => Number::from_f64(f64::from_le_bytes(number)).map_or(Json::Null, whole),
            Some((3, Raw::Bytes(bytes))) => Json::String(text(bytes, path)?),
            Some((4, Raw::Varint(flag))) => Json::Bool(flag != 0),
            Some((5, Raw::Bytes(fields))) => structure(fields, path, depth)?,
            Some((6, Raw::Bytes(bytes))) => list(bytes, path, depth)?,
            Some(_) | None => return Err(broken(path)),
        };
        found = Some(value);
    }
    Ok(found.unwrap_or(Json::Null))
}

/// A `google.protobuf.Struct` as JSON.
pub fn structure(mut fields: &[u8], path: &str, depth: usize) -> Result<Json> {
    let mut object = Map::new();
    while !fields.is_empty() {
        let Some((1, Raw::Bytes(mut entry))) = next(&mut fields) else { return Err(broken(path)) };
        let (mut key, mut content) = (String::new(), Json::Null);
        while !entry.is_empty() {
            match next(&mut entry) {
                Some((1, Raw::Bytes(bytes))) => key = text(bytes, path)?,
                Some((2, Raw::Bytes(bytes))) => content = value(bytes, path, depth + 1)?,
                Some(_) | None => return Err(broken(path)),
            }
        }
        object.insert(key, content);
    }
    Ok(Json::Object(object))
}

/// A `google.protobuf.ListValue` as JSON.
pub fn list(mut bytes: &[u8], path: &str, depth: usize) -> Result<Json> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let Some((1, Raw::Bytes(item))) = next(&mut bytes) else { return Err(broken(path)) };
        items.push(value(item, path, depth + 1)?);
    }
    Ok(Json::Array(items))
}

/// Numbers of `Value` are doubles; whole ones are what JSON would have had.
fn whole(number: Number) -> Json {
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 && float.abs() < 9.0e15 => Json::from(float as i64),
        Some(_) | None => Json::Number(number),
    }
}
