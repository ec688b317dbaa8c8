//! Stored JSON as `google.protobuf.Value`, read from its text in one walk.

use super::wire::{bytes, close, double, open};
use crate::codec::Fault;
use crate::codec::scan::{Scan, content, unescaped};

/// How deep a value may be. Each level of JSON is up to three of protobuf, whose readers stop at a hundred.
const DEPTH_MAX: usize = 32;

const NULL: u8 = 1 << 3;
const NUMBER: u8 = 2 << 3 | 1;
const STRING: u8 = 3 << 3 | 2;
const BOOL: u8 = 4 << 3;
const STRUCT: u8 = 5 << 3 | 2;
const LIST: u8 = 6 << 3 | 2;
/// `Struct.fields`, `ListValue.values` and the key of an entry.
const FIRST: u8 = 1 << 3 | 2;
/// The value of an entry.
const SECOND: u8 = 2 << 3 | 2;

/// Writes a value with its length before it.
pub(super) fn value(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let start = open(out);
    any(&mut Scan::new(text), 0, out)?;
    close(start, out);
    Ok(())
}

/// Writes an object as a `Struct` with its length before it.
pub(super) fn structure(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut scan = Scan::new(text);
    if scan.peek()? != b'{' {
        return Err(Fault::Misfit);
    }
    let start = out.len();
    any(&mut scan, 0, out)?;
    // The tag of the struct within a value.
    out.remove(start);
    Ok(())
}

/// Writes the items of a list as a `ListValue` with its length before it.
pub(super) fn list_value(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut scan = Scan::new(text);
    if scan.peek()? != b'[' {
        return Err(if text == b"null" { Fault::Null } else { Fault::Misfit });
    }
    items(&mut scan, 0, out)
}

fn any(scan: &mut Scan<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::Misfit);
    }
    match scan.peek()? {
        b'{' => {
            out.push(STRUCT);
            let start = open(out);
            let mut more = scan.enter(b'}')?;
            while more {
                let key = unescaped(scan.key()?)?;
                out.push(FIRST);
                let entry = open(out);
                out.push(FIRST);
                bytes(&key, out);
                out.push(SECOND);
                let inner = open(out);
                any(scan, depth + 1, out)?;
                close(inner, out);
                close(entry, out);
                more = scan.another(b'}')?;
            }
            close(start, out);
        }
        b'[' => {
            out.push(LIST);
            items(scan, depth, out)?;
        }
        _ => single(scan.value()?, out)?,
    }
    Ok(())
}

fn items(scan: &mut Scan<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let start = open(out);
    let mut more = scan.enter(b']')?;
    while more {
        out.push(FIRST);
        let item = open(out);
        any(scan, depth + 1, out)?;
        close(item, out);
        more = scan.another(b']')?;
    }
    close(start, out);
    Ok(())
}

fn single(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    if let Some(content) = content(text) {
        out.push(STRING);
        bytes(&unescaped(content)?, out);
        return Ok(());
    }
    match text {
        b"null" => out.extend_from_slice(&[NULL, 0]),
        b"true" => out.extend_from_slice(&[BOOL, 1]),
        b"false" => out.extend_from_slice(&[BOOL, 0]),
        number => {
            out.push(NUMBER);
            double(parsed(number).ok_or(Fault::Malformed)?, out);
        }
    }
    Ok(())
}

/// The double of a text; `NaN` and the infinities as `to_json` writes them are among them.
pub(super) fn parsed(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
