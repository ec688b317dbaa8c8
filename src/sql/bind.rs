//! Values → the built-in types that parameters are sent as.
//!
//! Every bind is spelled with a built-in type (`$1::text::mood`), so that preparing a statement never
//! makes the driver look a type up with statements of its own.

use bytes::BytesMut;
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::intent::value::{Slot, Value, Values};
use crate::plan::ExprType;
use crate::schema::catalog::Family;

/// One `$n`: which value, sent as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    pub slot: Slot,
    pub kind: BindKind,
    pub array: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindKind {
    Bool,
    Int8,
    Float8,
    Uuid,
    Text,
}

/// A value as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// Of a type, or of an array of it.
    Null(BindKind, bool),
    Bool(bool),
    Int8(i64),
    Float8(f64),
    Uuid(Uuid),
    Text(String),
    Bools(Vec<Option<bool>>),
    Int8s(Vec<Option<i64>>),
    Float8s(Vec<Option<f64>>),
    Uuids(Vec<Option<Uuid>>),
    Texts(Vec<Option<String>>),
}

// === impl BindKind ===

impl BindKind {
    /// How a value for an expression of this type is sent, and what it is cast to afterwards.
    pub fn of(ty: &ExprType) -> (BindKind, Option<&str>) {
        if !ty.builtin {
            return (BindKind::Text, Some(&ty.sql));
        }
        match ty.family {
            Family::Bool => (BindKind::Bool, None),
            Family::Int2 | Family::Int4 | Family::Int8 => (BindKind::Int8, None),
            Family::Float8 => (BindKind::Float8, None),
            Family::Float4 => (BindKind::Float8, Some("float4")),
            Family::Uuid => (BindKind::Uuid, None),
            Family::Text | Family::Varchar => (BindKind::Text, None),
            Family::Numeric
            | Family::Bpchar
            | Family::Name
            | Family::Citext
            | Family::Timestamptz
            | Family::Timestamp
            | Family::Date
            | Family::Time
            | Family::Timetz
            | Family::Interval
            | Family::Json
            | Family::Jsonb
            | Family::Bytea
            | Family::Enum
            | Family::Other => (BindKind::Text, Some(&ty.sql)),
        }
    }

    /// One value as it is sent.
    pub(super) fn single(self, value: &Value) -> Result<Param, String> {
        if *value == Value::Null {
            return Ok(Param::Null(self, false));
        }
        Ok(match self {
            BindKind::Bool => Param::Bool(to_bool(value)?),
            BindKind::Int8 => Param::Int8(to_int(value)?),
            BindKind::Float8 => Param::Float8(to_float(value)?),
            BindKind::Uuid => Param::Uuid(to_uuid(value)?),
            BindKind::Text => Param::Text(to_text(value)?),
        })
    }

    /// A list of values as it is sent.
    pub(super) fn list(self, items: &[Value]) -> Result<Param, String> {
        Ok(match self {
            BindKind::Bool => Param::Bools(all(items, to_bool)?),
            BindKind::Int8 => Param::Int8s(all(items, to_int)?),
            BindKind::Float8 => Param::Float8s(all(items, to_float)?),
            BindKind::Uuid => Param::Uuids(all(items, to_uuid)?),
            BindKind::Text => Param::Texts(all(items, to_text)?),
        })
    }

    /// Single values of this kind, one from each of several calls, as one list.
    pub(super) fn column<'p>(self, values: impl Iterator<Item = &'p Param>) -> Param {
        let column = |param: &Param| match param {
            Param::Bool(value) => Value::Bool(*value),
            Param::Int8(value) => Value::Int(*value),
            Param::Float8(value) => Value::Float(*value),
            Param::Uuid(value) => Value::Uuid(*value),
            Param::Text(value) => Value::Text(value.clone()),
            Param::Null(..)
            | Param::Bools(_)
            | Param::Int8s(_)
            | Param::Float8s(_)
            | Param::Uuids(_)
            | Param::Texts(_) => Value::Null,
        };
        let items: Vec<Value> = values.map(column).collect();
        // Each of them was made by `single` of the same kind.
        self.list(&items).unwrap_or(Param::Null(self, true))
    }

    pub fn sql(self) -> &'static str {
        match self {
            BindKind::Bool => "bool",
            BindKind::Int8 => "int8",
            BindKind::Float8 => "float8",
            BindKind::Uuid => "uuid",
            BindKind::Text => "text",
        }
    }
}

// === impl Bind ===

impl Bind {
    pub(super) fn parameter(self, values: &Values) -> Result<Param> {
        let (value, argument) = values.get(self.slot).ok_or_else(|| Error::invalid("a value is missing"))?;
        let wrong = |what: String| Error::invalid(format!("{argument}: {what}")).at(&**argument);
        match (self.array, value) {
            (true, Value::List(items)) => self.kind.list(items).map_err(wrong),
            (true, single) => self.kind.list(std::slice::from_ref(single)).map_err(wrong),
            (false, Value::List(_)) => Err(wrong("a list was given where one value is compared".to_owned())),
            (false, single) => self.kind.single(single).map_err(wrong),
        }
    }
}

fn all<T>(items: &[Value], one: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<Option<T>>, String> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        all.push(if *item == Value::Null { None } else { Some(one(item)?) });
    }
    Ok(all)
}

fn to_bool(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::Text(text) if text == "true" || text == "false" => Ok(text == "true"),
        other => Err(format!("{} is not a Boolean", shown(other))),
    }
}

fn to_int(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        // 2^53: beyond it a double names more than one integer.
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => Ok(*number as i64),
        Value::Text(text) => text.parse().map_err(|_| format!("{} is not a whole number within 64 bits", shown(value))),
        other => Err(format!("{} is not a whole number within 64 bits", shown(other))),
    }
}

fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Text(text) => text.parse().map_err(|_| format!("{} is not a number", shown(value))),
        other => Err(format!("{} is not a number", shown(other))),
    }
}

fn to_uuid(value: &Value) -> Result<Uuid, String> {
    match value {
        Value::Uuid(uuid) => Ok(*uuid),
        Value::Text(text) => Uuid::parse_str(text).map_err(|_| format!("{} is not a UUID", shown(value))),
        other => Err(format!("{} is not a UUID", shown(other))),
    }
}

/// PostgreSQL has no text with a NUL in it, so nothing stored can equal one.
fn to_text(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Text(text) if text.contains('\0') => return Err("a text may not hold the character U+0000".to_owned()),
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::Null => return Err("null was given where a value is needed".to_owned()),
        Value::List(_) => return Err("a list was given where one value is needed".to_owned()),
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => crate::intent::value::shown(&serde_json::Value::String(text.clone())),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::Null => "null".to_owned(),
        Value::List(_) => "a list".to_owned(),
    }
}

impl ToSql for Param {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Param::Null(..) => Ok(IsNull::Yes),
            Param::Bool(value) => value.to_sql(ty, out),
            Param::Int8(value) => value.to_sql(ty, out),
            Param::Float8(value) => value.to_sql(ty, out),
            Param::Uuid(value) => value.to_sql(ty, out),
            Param::Text(value) => value.to_sql(ty, out),
            Param::Bools(value) => value.to_sql(ty, out),
            Param::Int8s(value) => value.to_sql(ty, out),
            Param::Float8s(value) => value.to_sql(ty, out),
            Param::Uuids(value) => value.to_sql(ty, out),
            Param::Texts(value) => value.to_sql(ty, out),
        }
    }

    /// The writer spelled every bind with the type that `Bind::parameter` makes.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
