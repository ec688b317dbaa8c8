//! Default values against the types of their arguments.

use serde_json::Value;

use super::super::authoring::Enum;
use super::super::model::{Scalar, TypeOf, TypeRef};
use super::{Index, Known};

/// The value as the API would take it, or why it does not fit. An enum's stored value, which is what
/// a Python enum member holds, becomes the name.
pub fn fit(value: &Value, ty: &TypeRef, index: &Index) -> Result<Value, String> {
    if value.is_null() {
        return if ty.nullable { Ok(Value::Null) } else { Err(format!("null does not fit {ty}")) };
    }
    match (&ty.of, value) {
        (TypeOf::List(item), Value::Array(values)) => {
            values.iter().map(|value| fit(value, item, index)).collect::<Result<_, _>>().map(Value::Array)
        }
        // GraphQL takes a single value for a list of one.
        (TypeOf::List(item), single) => fit(single, item, index),
        (TypeOf::Named(name), value) => match index.get(name) {
            Some(Known::Enum(declared)) => enum_value(value, declared),
            Some(Known::Input(input)) => {
                let Value::Object(given) = value else { return Err(format!("{value} does not fit {ty}")) };
                let known = |name: &String| input.fields.iter().find(|field| field.name == *name);
                if let Some(unknown) = given.keys().find(|name| known(name).is_none()) {
                    return Err(format!("{ty} has no field \"{unknown}\""));
                }
                let is_missing = |name: &String| !given.contains_key(name);
                let mut required = input.fields.iter().filter(|field| !field.ty.nullable && field.default.is_none());
                if let Some(missing) = required.find(|field| is_missing(&field.name)) {
                    return Err(format!("the field \"{}\" of {ty} is missing", missing.name));
                }
                let fitted = given.iter().filter_map(|(name, value)| {
                    known(name).map(|field| Ok((name.clone(), fit(value, &field.ty, index)?)))
                });
                fitted.collect::<Result<_, String>>().map(Value::Object)
            }
            Some(Known::Scalar) => match scalar_takes(Scalar::of_name(name).unwrap_or(Scalar::Text), value) {
                true => Ok(value.clone()),
                false => Err(format!("{value} does not fit {ty}")),
            },
            // Reported as a wrong type, or generated: a filter is checked when it is read.
            Some(Known::Type(_) | Known::Interface(_) | Known::Union(_)) | None => Ok(value.clone()),
        },
    }
}

fn enum_value(value: &Value, declared: &Enum) -> Result<Value, String> {
    let text = value.as_str();
    let names = || declared.values.iter();
    names()
        .find(|known| Some(known.name.as_str()) == text)
        .or_else(|| names().find(|known| text.is_some() && known.stored.as_deref() == text))
        .map(|known| Value::String(known.name.clone()))
        .ok_or_else(|| {
            let known: Vec<_> = names().map(|known| known.name.as_str()).collect();
            format!("{value} is not a value of {}, which has {}", declared.name, known.join(", "))
        })
}

fn scalar_takes(scalar: Scalar, value: &Value) -> bool {
    match scalar {
        Scalar::Id => value.is_string() || value.is_i64() || value.is_u64(),
        Scalar::Uuid => value.as_str().is_some_and(|text| uuid::Uuid::parse_str(text).is_ok()),
        Scalar::String | Scalar::Text | Scalar::DateTime | Scalar::Date | Scalar::Time => value.is_string(),
        Scalar::Int => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Scalar::BigInt => value.is_i64() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
        Scalar::Float => value.is_number(),
        Scalar::Decimal => value.is_number() || value.as_str().is_some_and(is_decimal),
        Scalar::Boolean => value.is_boolean(),
        Scalar::Json => true,
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
