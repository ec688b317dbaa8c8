//! Values of a request, and the one place where JSON becomes them.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::schema::catalog::Family;
use crate::schema::model::Scalar;
use crate::schema::name::Name;

/// The position of a value in [`Values`].
pub type Slot = u32;

/// A value that will be bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a function's argument; a filter says null with an operator of its own.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Uuid(Uuid),
    List(Vec<Value>),
}

/// The values of a request in the order in which they were met, each with the name of the argument
/// or field it belongs to, so that an error can say which one was wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(Vec<(Value, Name)>);

// === impl Values ===

impl Values {
    pub fn push(&mut self, value: Value, argument: Name) -> Slot {
        self.0.push((value, argument));
        (self.0.len() - 1) as Slot
    }

    pub fn get(&self, slot: Slot) -> Option<(&Value, &Name)> {
        self.0.get(slot as usize).map(|(value, name)| (value, name))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The same with some of the items of the first `lists` values.
    pub fn part(&self, lists: usize, items: std::ops::Range<usize>) -> Values {
        let mut values = self.0[lists..].to_vec();
        let of_list = |(value, name): &(Value, Name)| match value {
            Value::List(all) => (Value::List(all[items.clone()].to_vec()), name.clone()),
            other => (other.clone(), name.clone()),
        };
        values.splice(..0, self.0[..lists].iter().map(of_list));
        Values(values)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What clients send has few members: to compare their names costs less than to hash the one that is looked for.
const COMPARED_MAX: usize = 8;

/// The member of an object that has this name.
#[inline]
pub fn in_object<'o>(object: &'o Map<String, Json>, name: &str) -> Option<&'o Json> {
    entry_in(object, name).map(|(_, value)| value)
}

/// The same with its name as it stands there.
#[inline]
pub fn entry_in<'o>(object: &'o Map<String, Json>, name: &str) -> Option<(&'o String, &'o Json)> {
    if object.len() > COMPARED_MAX {
        return object.get_key_value(name);
    }
    object.iter().find(|(key, _)| *key == name)
}

/// The same, to be changed.
#[inline]
pub fn in_object_mut<'o>(object: &'o mut Map<String, Json>, name: &str) -> Option<&'o mut Json> {
    if object.len() > COMPARED_MAX {
        return object.get_mut(name);
    }
    object.iter_mut().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Turns JSON into a value of a scalar, by the input coercion rules of the GraphQL specification
/// (section 3.5) and, for the other scalars, by what their texts mean. Null is the caller's concern.
pub fn coerce(scalar: Scalar, json: &Json) -> Result<Value, String> {
    let expected = |what: &str| Err(format!("{} is not {what}", shown(json)));
    match (scalar, json) {
        (Scalar::Id, Json::String(text)) => Ok(Value::Text(text.clone())),
        (Scalar::Id, Json::Number(number)) if number.is_i64() || number.is_u64() => Ok(Value::Text(number.to_string())),
        (Scalar::Id, _) => expected("an ID (a string or an integer)"),
        (Scalar::Uuid, Json::String(text)) => match Uuid::parse_str(text) {
            Ok(uuid) => Ok(Value::Uuid(uuid)),
            Err(_) => expected("a UUID"),
        },
        (Scalar::Uuid, _) => expected("a UUID"),
        (Scalar::String | Scalar::Text, Json::String(text)) => Ok(Value::Text(text.clone())),
        (Scalar::String | Scalar::Text, _) => expected("a string"),
        (Scalar::Int, Json::Number(number)) => match integer(number).filter(|n| i32::try_from(*n).is_ok()) {
            Some(n) => Ok(Value::Int(n)),
            None => expected("an Int (a whole number within 32 bits)"),
        },
        (Scalar::Int, _) => expected("an Int (a whole number within 32 bits)"),
        (Scalar::BigInt, Json::Number(number)) => match integer(number) {
            Some(n) => Ok(Value::Int(n)),
            None => expected("a BigInt (a whole number within 64 bits)"),
        },
        (Scalar::BigInt, Json::String(text)) => match text.parse() {
            Ok(n) => Ok(Value::Int(n)),
            Err(_) => expected("a BigInt (a whole number within 64 bits)"),
        },
        (Scalar::BigInt, _) => expected("a BigInt (a whole number within 64 bits)"),
        (Scalar::Float, Json::Number(number)) => match number.as_f64() {
            Some(n) if n.is_finite() => Ok(Value::Float(n)),
            Some(_) | None => expected("a Float"),
        },
        (Scalar::Float, _) => expected("a Float"),
        (Scalar::Decimal, Json::Number(number)) => Ok(Value::Text(number.to_string())),
        (Scalar::Decimal, Json::String(text)) if is_decimal(text) => Ok(Value::Text(text.clone())),
        (Scalar::Decimal, _) => expected("a Decimal (a number, or a string that holds one)"),
        (Scalar::Boolean, Json::Bool(flag)) => Ok(Value::Bool(*flag)),
        (Scalar::Boolean, _) => expected("a Boolean"),
        (Scalar::DateTime, Json::String(text)) if is_date_time(text) => Ok(Value::Text(text.clone())),
        (Scalar::DateTime, _) => expected("a DateTime (ISO 8601, as in \"2024-05-01T12:00:00Z\")"),
        (Scalar::Date, Json::String(text)) if is_date(text) => Ok(Value::Text(text.clone())),
        (Scalar::Date, _) => expected("a Date (as in \"2024-05-01\")"),
        (Scalar::Time, Json::String(text)) if is_time(text) => Ok(Value::Text(text.clone())),
        (Scalar::Time, _) => expected("a Time (as in \"12:30:00\")"),
        (Scalar::Json, json) => Ok(Value::Text(json.to_string())),
    }
}

/// Turns a value into what a column of this family is compared with, so that PostgreSQL cannot fail at
/// it: among many values that are sent together, one that fails would fail all of them. Integers, UUIDs and
/// texts become what the column's own values are, so that a row is found again by its key.
pub fn comparable(family: Family, value: Value) -> Result<Value, String> {
    let is_whole = |number: f64| number.fract() == 0.0 && number.abs() < 9.0e15;
    let text = match (family, value) {
        (_, Value::Text(text)) => text,
        (Family::Text | Family::Varchar, Value::Uuid(uuid)) => return Ok(Value::Text(uuid.to_string())),
        (Family::Int2 | Family::Int4 | Family::Int8, Value::Float(number)) if is_whole(number) => {
            return Ok(Value::Int(number as i64));
        }
        (Family::Int2 | Family::Int4 | Family::Int8, Value::Float(number)) => {
            return Err(format!("{number} is not a whole number within 64 bits"));
        }
        (_, other) => return Ok(other),
    };
    let shown = || shown(&Json::String(text.clone()));
    match family {
        Family::Uuid => Uuid::parse_str(&text).map(Value::Uuid).map_err(|_| format!("{} is not a UUID", shown())),
        Family::Int2 | Family::Int4 | Family::Int8 => {
            text.parse().map(Value::Int).map_err(|_| format!("{} is not a whole number within 64 bits", shown()))
        }
        _ if text.contains('\0') => Err("a text may not hold the character U+0000".to_owned()),
        Family::Bool
        | Family::Float4
        | Family::Float8
        | Family::Numeric
        | Family::Text
        | Family::Varchar
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
        | Family::Other => Ok(Value::Text(text)),
    }
}

/// A JSON value as an error shows it: short, and never a whole document.
pub fn shown(json: &Json) -> String {
    let text = json.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn integer(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float as i64)
    })
}

fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && whole.len() + fraction.len() > 0
        && digits(exponent)
        && (1..=4).contains(&exponent.len())
        && text.len() <= 2000
}

/// Digits and what stands between them: other parsers read years with a sign and names of zones, which
/// PostgreSQL does not.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b"-:.,+ TZtz".contains(&b))
}

fn is_infinity(text: &str) -> bool {
    text == "infinity" || text == "-infinity"
}

/// An instant, or a civil date with or without a time: what PostgreSQL takes for a timestamp, less
/// the words (`now`, `tomorrow`) that would make an answer depend on when it is asked.
fn is_date_time(text: &str) -> bool {
    let text = text.strip_suffix(" BC").unwrap_or(text);
    let is_moment = || text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok();
    let time = text.find(['T', 't', ' ']).map_or("", |at| &text[at + 1..]);
    let zone = time.find(['+', '-', 'Z', 'z']).map_or("", |at| &time[at..]);
    is_infinity(text) || (is_plain(text) && is_zone(zone) && is_moment()) || is_date(text)
}

fn is_date(text: &str) -> bool {
    let text = text.strip_suffix(" BC").unwrap_or(text);
    is_infinity(text) || (text.len() <= 13 && is_plain(text) && text.parse::<jiff::civil::Date>().is_ok())
}

fn is_time(text: &str) -> bool {
    let (time, zone) = text.split_at(text.find(['+', '-', 'Z']).unwrap_or(text.len()));
    is_plain(text) && is_zone(zone) && (time == "24:00:00" || time.parse::<jiff::civil::Time>().is_ok())
}

/// Nothing, `Z`, or hours and minutes that PostgreSQL takes: less than 16 hours. The text must be plain.
fn is_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else { return matches!(text, "" | "Z" | "z") };
    let (hours, minutes) = offset.split_at(offset.len().min(2));
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let is_below = |digits: &str, max: u8| digits.len() == 2 && digits.parse::<u8>().is_ok_and(|number| number < max);
    is_below(hours, 16) && (minutes.is_empty() || is_below(minutes, 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(scalar: Scalar, json: Json, expected: Result<Value, &str>) {
        let found = coerce(scalar, &json);
        assert_eq!(found.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text));
    }

    #[test]
    fn coercion() {
        check(Scalar::Id, json!(5), Ok(Value::Text("5".into())));
        check(Scalar::Id, json!(5.5), Err("5.5 is not an ID (a string or an integer)"));
        check(Scalar::Int, json!(1.0), Ok(Value::Int(1)));
        check(Scalar::Int, json!(3_000_000_000i64), Err("3000000000 is not an Int (a whole number within 32 bits)"));
        check(Scalar::BigInt, json!("9223372036854775807"), Ok(Value::Int(i64::MAX)));
        check(Scalar::String, json!(1), Err("1 is not a string"));
        check(Scalar::Decimal, json!("-1.50e3"), Ok(Value::Text("-1.50e3".into())));
        check(
            Scalar::Decimal,
            json!("1'; drop"),
            Err("\"1'; drop\" is not a Decimal (a number, or a string that holds one)"),
        );
        check(Scalar::Boolean, json!(true), Ok(Value::Bool(true)));
        for ok in ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-01", "2024-05-01 12:00:00", "infinity"]
        {
            check(Scalar::DateTime, json!(ok), Ok(Value::Text(ok.into())));
        }
        for bad in [
            "now",
            "tomorrow",
            "2024-13-01",
            "",
            "-002024-01-01",
            "2024-05-01T12:00:00Z[UTC]",
            "2024-05-01T12:00:00+20:00",
        ] {
            assert!(coerce(Scalar::DateTime, &json!(bad)).is_err(), "{bad}");
        }
        for ok in ["12:30:00+02", "12:30:00-11:30", "24:00:00"] {
            check(Scalar::Time, json!(ok), Ok(Value::Text(ok.into())));
        }
        for bad in ["12:30:00+xx", "12:30:00+20", "25:00:00", "12:30:00+1é", "12:30:00+é"] {
            assert!(coerce(Scalar::Time, &json!(bad)).is_err(), "{bad}");
        }
    }
}
