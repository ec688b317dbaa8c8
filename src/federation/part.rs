//! The values of one part of a key → what the columns of its type are compared with.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::intent::value::{Value, coerce, comparable, in_object, shown};
use crate::schema::catalog::Family;
use crate::schema::entities::KeyPart;
use crate::schema::model::{Scalar, TypeDef};
use crate::schema::{Kind, Schema};

/// A part of a key in one object type, with what its values are read by.
#[derive(Debug, Clone, Copy)]
pub struct Part<'s> {
    object: &'s TypeDef,
    part: &'s KeyPart,
    kind: Kind<'s>,
    /// What the column is compared as; nothing where rows of the type are not looked up.
    family: Option<Family>,
}

// === impl Part ===

impl<'s> Part<'s> {
    pub fn of(schema: &'s Schema, object: &'s TypeDef, part: &'s KeyPart) -> Part<'s> {
        let relation = object.relation.as_ref();
        let found = relation.and_then(|relation| schema.key_type(relation, &object.data_column, part));
        Part { object, part, kind: schema.kind(part.ty.innermost()), family: found.map(|found| found.ty.family) }
    }

    /// The value in a representation.
    pub fn value(&self, representation: &Map<String, Json>) -> Result<Value> {
        let json = self.part.value(representation).unwrap_or(&Json::Null);
        let value = match self.kind {
            Kind::Scalar(scalar) => coerce(scalar, json),
            Kind::Enum(def) => {
                let known = def.values.iter().find(|value| json.as_str() == Some(&value.name));
                let stored = known.map(|value| Value::Text(value.stored.to_string()));
                stored.ok_or_else(|| format!("{} is not a value of {}", shown(json), def.name))
            }
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => Err("an object is no value of a key".to_owned()),
        };
        let value = match self.family {
            Some(family) => value.and_then(|value| comparable(family, value)),
            None => value,
        };
        value.map_err(|what| {
            let path = self.part.path.iter().map(|name| &**name).collect::<Vec<_>>().join(".");
            Error::invalid(format!("{}.{path}: {what}", self.object.name)).at(path)
        })
    }

    /// The same of a text that came without JSON; `None` where that takes more than the types say, or the text is
    /// none of them: JSON shows what is wrong with it.
    #[inline]
    pub fn text(&self, text: &[u8]) -> Option<Value> {
        let (Kind::Scalar(scalar), Some(family)) = (self.kind, self.family) else { return None };
        let is_text = matches!(scalar, Scalar::Id | Scalar::String | Scalar::Text);
        match family {
            Family::Uuid if is_text || scalar == Scalar::Uuid => Uuid::try_parse_ascii(text).ok().map(Value::Uuid),
            Family::Int2 | Family::Int4 | Family::Int8 if is_text => {
                std::str::from_utf8(text).ok()?.parse().ok().map(Value::Int)
            }
            Family::Text | Family::Varchar if is_text && !text.contains(&0) => {
                std::str::from_utf8(text).ok().map(|text| Value::Text(text.to_owned()))
            }
            _ => None,
        }
    }

    /// The same of a whole number.
    #[inline]
    pub fn integer(&self, number: i64) -> Option<Value> {
        let (Kind::Scalar(scalar), Some(family)) = (self.kind, self.family) else { return None };
        let fits = scalar == Scalar::BigInt || (scalar == Scalar::Int && i32::try_from(number).is_ok());
        let is_whole = matches!(family, Family::Int2 | Family::Int4 | Family::Int8);
        (fits && is_whole).then_some(Value::Int(number))
    }
}

// === impl KeyPart ===

impl KeyPart {
    /// The value of this part in a representation; nothing where it is absent or null.
    pub(super) fn value<'r>(&self, map: &'r Map<String, Json>) -> Option<&'r Json> {
        let (last, above) = self.path.split_last()?;
        let map = above.iter().try_fold(map, |map, name| in_object(map, name)?.as_object())?;
        in_object(map, last).filter(|value| !value.is_null())
    }
}
