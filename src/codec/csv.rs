//! Rows as CSV (RFC 4180): the JSON of a row, cut at its fields.
//!
//! The values are those of JSON, so that the two never differ: texts without their quotes, numbers as
//! they are, objects and lists as JSON text. Null is an empty cell and an empty text is `""`, as in
//! PostgreSQL's own CSV.

use super::scan::{Scan, content, unescaped};
use super::{Columns, Stop, Trail, json};
use crate::plan::shape::Shape;

/// Writes the names of the columns; `false` when rows of this shape do not have the same ones.
pub fn header(shape: &Shape, out: &mut Vec<u8>) -> bool {
    let object = match shape {
        Shape::One(object) | Shape::Many(object) => object,
        Shape::Document(_) | Shape::Documents(_) | Shape::Connection(_) | Shape::Count => return false,
    };
    for (i, field) in object.fields.iter().enumerate() {
        out.extend_from_slice(if i > 0 { b"," } else { b"" });
        cell(field.key.name.as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
    true
}

/// Writes one row. When it stops, `out` is as it was before; `scratch` is only used.
pub fn row(
    shape: &Shape,
    columns: &Columns<'_>,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    scratch.clear();
    json::row(shape, columns, scratch, trail)?;
    let mut scan = Scan::new(scratch);
    let mut more = scan.enter(b'}')?;
    let mut first = true;
    while more {
        scan.key()?;
        let value = scan.value()?;
        out.extend_from_slice(if first { b"" } else { b"," });
        first = false;
        match (content(value), value) {
            (Some(text), _) => match unescaped(text) {
                Ok(text) => cell(&text, out),
                // It has no other form than that of JSON.
                Err(_) => quoted(value, out),
            },
            (None, b"null") => {}
            (None, [b'{' | b'[', ..]) => quoted(value, out),
            (None, plain) => out.extend_from_slice(plain),
        }
        more = scan.another(b'}')?;
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// A text, in quotes where it needs them.
fn cell(text: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b',' | b'\r' | b'\n');
    if text.is_empty() || text.iter().any(special) { quoted(text, out) } else { out.extend_from_slice(text) }
}

fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        for (text, expected) in
            [("", "\"\""), ("a b", "a b"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\r\nb", "\"a\r\nb\"")]
        {
            let mut out = Vec::new();
            cell(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
