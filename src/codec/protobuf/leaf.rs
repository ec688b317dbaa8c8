//! Single values in protobuf's form: which one it is decided once, written for every row.
//!
//! What is written follows the tag: a varint, eight bytes, or a length and that many bytes.

use smallvec::SmallVec;

use super::time;
use super::value::{self, parsed};
use super::wire::{WireType, bytes, close, double, integer, open, varint};
use crate::codec::scan::{content, unescaped};
use crate::codec::{Fault, json, json_text, pg, stored};
use crate::plan::shape::{EnumNames, Leaf, LeafKind};
use crate::schema::catalog::Family;
use crate::schema::lock::{Lock, message_name, value_name};
use crate::schema::model::Scalar;
use crate::schema::name::Name;

/// How the values of one column are written.
#[derive(Debug, Clone)]
pub(super) enum Write {
    /// The column's bytes are the text.
    Text,
    Uuid,
    /// A text that has to be a UUID.
    CheckedUuid,
    Int2,
    Int4,
    Int8,
    Boolean,
    Float8,
    /// Any other number as a double, by way of its shortest text: `0.1` of a float4 stays 0.1.
    Double(Family),
    /// An integer or a numeric as text.
    Digits(Family),
    Timestamp,
    /// What JSON writes as a string without escapes: dates, times, intervals, bytes.
    Quoted(Family),
    /// A scalar in a column of JSON.
    Stored(Scalar, Family),
    Enum(EnumNumbers, Family),
    /// Values of this family are never of this scalar.
    Misfit,
}

/// Stored value → number.
#[derive(Debug, Clone)]
pub(super) struct EnumNumbers(Box<[(Name, u32)]>);

impl Write {
    /// `None` when a value of an enum has no number.
    pub fn of(leaf: &Leaf, lock: &Lock) -> Option<Write> {
        let family = leaf.family;
        let scalar = match &leaf.kind {
            LeafKind::Enum(names) => return Some(Write::Enum(EnumNumbers::of(names, lock)?, family)),
            LeafKind::Scalar(scalar) => *scalar,
        };
        if matches!(family, Family::Json | Family::Jsonb | Family::Other) {
            return Some(Write::Stored(scalar, family));
        }
        if !family.serves(scalar) {
            return Some(Write::Misfit);
        }
        let is_text = matches!(
            family,
            Family::Text | Family::Varchar | Family::Bpchar | Family::Name | Family::Citext | Family::Enum
        );
        Some(match (scalar, family) {
            (Scalar::Id | Scalar::String | Scalar::Text, _) if is_text => Write::Text,
            (Scalar::Uuid, _) if is_text => Write::CheckedUuid,
            (Scalar::Id | Scalar::Uuid | Scalar::String | Scalar::Text, Family::Uuid) => Write::Uuid,
            (Scalar::Id | Scalar::Decimal, _) => Write::Digits(family),
            (Scalar::Int | Scalar::BigInt, Family::Int2) => Write::Int2,
            (Scalar::Int | Scalar::BigInt, Family::Int4) => Write::Int4,
            (Scalar::Int | Scalar::BigInt, _) => Write::Int8,
            (Scalar::Float, Family::Float8) => Write::Float8,
            (Scalar::Float, _) => Write::Double(family),
            (Scalar::Boolean, _) => Write::Boolean,
            (Scalar::DateTime, _) => Write::Timestamp,
            (Scalar::String | Scalar::Text | Scalar::Uuid | Scalar::Date | Scalar::Time, _) => Write::Quoted(family),
            (Scalar::Json, _) => Write::Misfit,
        })
    }

    /// Writes a value. After a fault `out` may end with a part of it.
    #[inline]
    pub fn put(&self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Write::Text => bytes(raw, out),
            Write::Uuid => uuid(raw, out)?,
            Write::CheckedUuid => {
                if !stored::is_uuid(raw) {
                    return Err(Fault::Misfit);
                }
                bytes(raw, out);
            }
            Write::Int2 => integer(pg::int2(raw)?.into(), out),
            Write::Int4 => integer(pg::int4(raw)?.into(), out),
            Write::Int8 => integer(pg::int8(raw)?, out),
            Write::Boolean => out.push(pg::boolean(raw)?.into()),
            Write::Float8 => double(pg::float8(raw)?, out),
            Write::Double(family) => {
                let text = json_form(*family, raw, out)?;
                double(parsed(content(&text).unwrap_or(&text)).ok_or(Fault::Malformed)?, out);
            }
            Write::Digits(family) => digits(*family, raw, out)?,
            Write::Timestamp => time::timestamp(raw, out)?,
            Write::Quoted(Family::Bytea) => {
                let text = json_form(Family::Bytea, raw, out)?;
                bytes(&unescaped(content(&text).unwrap_or_default())?, out);
            }
            Write::Quoted(family) => {
                // The opening quote becomes the length.
                let start = out.len() + 1;
                json::to_json(*family, raw, out)?;
                out.pop();
                close(start, out);
            }
            Write::Stored(scalar, family) => {
                let text = json::json_column(*family, raw)?.ok_or(Fault::Malformed)?.trim_ascii();
                let shown = matches!(scalar, Scalar::String | Scalar::Text) && *family == Family::Other;
                if shown && content(text).is_none() && text != b"null" {
                    // What `to_json` made of a type without an encoder.
                    bytes(text, out);
                    return Ok(());
                }
                stored_scalar(*scalar, text, out)?;
            }
            Write::Enum(numbers, family) => match json::json_column(*family, raw)? {
                Some(text) => numbers.put_json(text.trim_ascii(), out)?,
                None => numbers.put(raw, out)?,
            },
            Write::Misfit => return Err(Fault::Misfit),
        }
        Ok(())
    }

    pub fn wire_type(&self) -> WireType {
        match self {
            Write::Int2 | Write::Int4 | Write::Int8 | Write::Boolean | Write::Enum(..) => WireType::Varint,
            Write::Float8 | Write::Double(_) => WireType::Fixed64,
            Write::Stored(scalar, _) => wire_type_of(*scalar),
            Write::Text
            | Write::Uuid
            | Write::CheckedUuid
            | Write::Digits(_)
            | Write::Timestamp
            | Write::Quoted(_)
            | Write::Misfit => WireType::Delimited,
        }
    }

    /// Whether absence means zero where the field has no presence of its own; a message always has.
    pub fn is_message(&self) -> bool {
        matches!(self, Write::Timestamp | Write::Stored(Scalar::DateTime | Scalar::Json, _))
    }
}

pub(super) fn wire_type_of(scalar: Scalar) -> WireType {
    match scalar {
        Scalar::Int | Scalar::BigInt | Scalar::Boolean => WireType::Varint,
        Scalar::Float => WireType::Fixed64,
        Scalar::Id
        | Scalar::Uuid
        | Scalar::String
        | Scalar::Decimal
        | Scalar::DateTime
        | Scalar::Date
        | Scalar::Time
        | Scalar::Json
        | Scalar::Text => WireType::Delimited,
    }
}

/// Writes the scalar in the text of one JSON value.
pub(super) fn stored_scalar(scalar: Scalar, text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    match scalar {
        _ if text == b"null" => return Err(Fault::Null),
        Scalar::Json => return value::value(text, out),
        Scalar::String | Scalar::Text => {
            bytes(&unescaped(content(text).ok_or(Fault::Misfit)?)?, out);
            return Ok(());
        }
        Scalar::Id
        | Scalar::Uuid
        | Scalar::Int
        | Scalar::BigInt
        | Scalar::Float
        | Scalar::Decimal
        | Scalar::Boolean
        | Scalar::DateTime
        | Scalar::Date
        | Scalar::Time => {}
    }
    let mark = out.len();
    stored::scalar(scalar, text, out)?;
    let json = SmallVec::<[u8; 64]>::from_slice(&out[mark..]);
    out.truncate(mark);
    let plain = content(&json).unwrap_or(&json);
    match scalar {
        Scalar::Int | Scalar::BigInt => {
            let value = std::str::from_utf8(plain).ok().and_then(|text| text.parse().ok());
            integer(value.ok_or(Fault::Misfit)?, out);
        }
        Scalar::Boolean => out.push((plain == b"true").into()),
        Scalar::Float => double(parsed(plain).ok_or(Fault::Misfit)?, out),
        Scalar::DateTime => time::text(plain, out)?,
        Scalar::Id
        | Scalar::Uuid
        | Scalar::String
        | Scalar::Decimal
        | Scalar::Date
        | Scalar::Time
        | Scalar::Json
        | Scalar::Text => bytes(&unescaped(plain)?, out),
    }
    Ok(())
}

#[inline]
fn uuid(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    // The opening quote becomes the length.
    let start = out.len() + 1;
    json_text::uuid(pg::uuid(raw)?, out);
    out.pop();
    out[start - 1] = 36;
    Ok(())
}

/// A value as `to_json` writes it, aside.
fn json_form(family: Family, raw: &[u8], out: &mut Vec<u8>) -> Result<SmallVec<[u8; 64]>, Fault> {
    let mark = out.len();
    json::to_json(family, raw, out)?;
    let text = SmallVec::from_slice(&out[mark..]);
    out.truncate(mark);
    Ok(text)
}

/// A number as text; only numerics that are none have quotes in JSON.
#[inline]
fn digits(family: Family, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let start = open(out);
    json::to_json(family, raw, out)?;
    if out.get(start) == Some(&b'"') {
        out.pop();
        out.remove(start);
    }
    close(start, out);
    Ok(())
}

// === impl EnumNumbers ===

impl EnumNumbers {
    pub fn of(names: &EnumNames, lock: &Lock) -> Option<EnumNumbers> {
        let enum_name = message_name(&names.type_name);
        let number = |(stored, name): &(Name, Name)| {
            Some((stored.clone(), lock.value(&enum_name, &value_name(&enum_name, name))?))
        };
        names.names.iter().map(number).collect::<Option<_>>().map(EnumNumbers)
    }

    #[inline]
    fn put(&self, stored: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let (_, number) = self.0.iter().find(|(value, _)| value.as_bytes() == stored).ok_or(Fault::Misfit)?;
        varint((*number).into(), out);
        Ok(())
    }

    /// A value of stored JSON: a string, or a number for values that are numbers.
    pub fn put_json(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match content(text) {
            _ if text == b"null" => Err(Fault::Null),
            Some(content) => self.put(&unescaped(content)?, out),
            None => self.put(text, out),
        }
    }
}
