//! The key that a row was asked by.

use std::hash::{Hash, Hasher};

use super::{Columns, Stop, pg};
use crate::plan::shape::Lookup;
use crate::schema::catalog::Family;

/// What a row says about its key: two keys are equal exactly when PostgreSQL finds them so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    Int(i64),
    Uuid([u8; 16]),
    Text(&'a [u8]),
    /// The position among the keys that were sent, from 0.
    Position(usize),
}

/// The key of a row; `None` where it is null, which no key is.
pub fn key<'a>(lookup: Lookup, columns: &Columns<'a>) -> Result<Option<Key<'a>>, Stop> {
    let (column, family) = match lookup {
        Lookup::Position { column } => {
            let Some(bytes) = columns.at(column)? else { return Ok(None) };
            let position = pg::int8(bytes)?.checked_sub(1);
            return Ok(position.and_then(|position| usize::try_from(position).ok()).map(Key::Position));
        }
        Lookup::Key { column, family } => (column, family),
    };
    let Some(bytes) = columns.at(column)? else { return Ok(None) };
    Ok(Some(match family {
        Family::Int2 => Key::Int(pg::int2(bytes)?.into()),
        Family::Int4 => Key::Int(pg::int4(bytes)?.into()),
        Family::Int8 => Key::Int(pg::int8(bytes)?),
        Family::Uuid => Key::Uuid(pg::uuid(bytes)?),
        Family::Text | Family::Varchar => Key::Text(bytes),
        Family::Bool
        | Family::Float4
        | Family::Float8
        | Family::Numeric
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
        | Family::Other => return Err(Stop::Stale),
    }))
}

// === impl Key ===

/// All keys that are looked up together are of one kind, so that it is not hashed with them.
impl Hash for Key<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Int(number) => state.write_i64(*number),
            Key::Uuid(bytes) => state.write_u128(u128::from_ne_bytes(*bytes)),
            Key::Text(text) => state.write(text),
            Key::Position(at) => state.write_usize(*at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        let lookup = Lookup::Position { column: 0 };
        for (sent, expected) in
            [(1, Some(Key::Position(0))), (7, Some(Key::Position(6))), (0, None), (-1, None), (i64::MIN, None)]
        {
            let bytes = sent.to_be_bytes();
            assert_eq!(key(lookup, &Columns::from_values([Some(&bytes[..])])), Ok(expected), "{sent}");
        }
        assert_eq!(key(lookup, &Columns::from_values([None])), Ok(None));
    }
}
