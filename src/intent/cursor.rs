//! Cursors: the values of a row's order columns, as base64 of a JSON array.
//!
//! The encoder writes what PostgreSQL stores of the order columns and the key; the decoder puts it
//! back into values for the same columns. A cursor means nothing for another order, and says so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::Cursor;
use super::filter::OrderBy;
use super::value::{Value, Values};
use crate::error::{Error, Result};
use crate::schema::name::Name;

/// Longest cursor that is looked at.
const LENGTH_MAX: usize = 8 * 1024;

/// Reads a cursor for a list in this order (the key comes last and is not part of `order`).
pub fn cursor(text: &str, order: &[OrderBy], argument: &Name, values: &mut Values) -> Result<Cursor> {
    let bad = || Error::invalid(format!("{argument}: this is not a cursor of this list in this order")).at(&**argument);
    if text.len() > LENGTH_MAX {
        return Err(bad());
    }
    let bytes = STANDARD.decode(text).map_err(|_| bad())?;
    let parts: Vec<Json> = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    // The key is missing from the cursor when the caller ordered by it already.
    if parts.len() != order.len() && parts.len() != order.len() + 1 {
        return Err(bad());
    }
    let slots = parts.into_iter().map(|part| {
        let value = match part {
            Json::Null => return Ok(None),
            Json::Bool(flag) => Value::Bool(flag),
            Json::String(text) => Value::Text(text),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Int(whole),
                None => Value::Text(number.to_string()),
            },
            Json::Array(_) | Json::Object(_) => return Err(bad()),
        };
        Ok(Some(values.push(value, argument.clone())))
    });
    Ok(Cursor(slots.collect::<Result<_>>()?))
}
