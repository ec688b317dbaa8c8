//! Rows as protobuf messages: the walk over a `Layout` beside the columns of a row.
//!
//! Protobuf has no place for a null where none may be, nor for an error beside the data. So the first
//! value that does not fit ends the message, and with it the answer; there is nothing to cut back.

mod document;
mod layout;
mod leaf;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod wire;

use self::layout::{Connection, Edge, Field, Message, Node, Root};
use self::leaf::Write;
use self::wire::{WireType, bytes, close, close_for, integer, open, open_for};
use super::json::{self, NULL_FIELD, NULL_ITEM, records};
use super::trail::{Path, Place, Trail};
use super::{Columns, Fault, Row, Stop, columns, connection, pg};
use crate::plan::shape::{self, PageInfoNode};
use crate::schema::name::Name;

pub use self::layout::{COUNT_NUMBER, Layout, Unnumbered};
pub use self::wire::Tag;

/// How many bytes the length of a message takes, as far as the last one tells.
#[derive(Debug, Clone, Copy)]
pub struct LengthRoom(usize);

/// Writes one row as a message. When it stops, `out` may end with a part of it.
#[inline]
pub fn message(layout: &Layout, columns: &Columns<'_>, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
    match &layout.root {
        Root::Object(message) => fields(message, columns, &Path::ROW, out, trail),
        Root::Document { value, shape } => document::root(value, shape, columns, out, trail),
        Root::Connection(connection) => page(connection, columns, out, trail),
        Root::Count(tag) => {
            let count = columns.at(0)?.ok_or(Stop::Stale)?;
            tag.put(out);
            integer(pg::int8(count)?, out);
            Ok(())
        }
    }
}

/// As [`message`], of a row as it came.
#[inline]
pub fn row(layout: &Layout, row: &Row, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
    match &layout.root {
        Root::Object(message) if message.is_plain => plain(message, row, out, trail),
        Root::Object(_) | Root::Document { .. } | Root::Connection(_) | Root::Count(_) => {
            self::message(layout, &columns(row), out, trail)
        }
    }
}

/// Writes a field whose content is at hand.
pub fn field(tag: Tag, content: &[u8], out: &mut Vec<u8>) {
    tag.put(out);
    bytes(content, out);
}

/// Begins a message within another; [`end_field`] is told where.
pub fn begin_field(tag: Tag, out: &mut Vec<u8>) -> usize {
    tag.put(out);
    open(out)
}

pub fn end_field(start: usize, out: &mut Vec<u8>) {
    close(start, out);
}

/// Writes a JSON object as a field of the type `google.protobuf.Struct`; false where it has no such form.
pub fn structure(tag: Tag, json: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    tag.put(out);
    let is_written = value::structure(json, out).is_ok();
    if !is_written {
        out.truncate(start);
    }
    is_written
}

/// Writes one row as an item of a repeated field.
#[inline]
pub fn item(
    tag: Tag,
    room: &mut LengthRoom,
    layout: &Layout,
    columns: &Columns<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    within(tag, room, out, |out| message(layout, columns, out, trail))
}

/// As [`item`], of a row as it came.
#[inline]
pub fn row_item(
    tag: Tag,
    room: &mut LengthRoom,
    layout: &Layout,
    row: &Row,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    within(tag, room, out, |out| self::row(layout, row, out, trail))
}

#[inline]
fn within(
    tag: Tag,
    room: &mut LengthRoom,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    tag.put(out);
    let start = open_for(room.0, out);
    write(out)?;
    room.0 = close_for(start, room.0, out);
    Ok(())
}

/// Writes one row as the field of this number, whatever the row holds.
pub fn content(
    number: u32,
    layout: &Layout,
    columns: &Columns<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    match &layout.root {
        Root::Document { value, shape } => document::numbered(number, value, shape, columns, out, trail),
        Root::Object(_) | Root::Connection(_) | Root::Count(_) => {
            item(Tag::delimited(number), &mut LengthRoom::default(), layout, columns, out, trail)
        }
    }
}

/// Writes a text as a field.
pub fn text(number: u32, text: &str, out: &mut Vec<u8>) {
    Tag::delimited(number).put(out);
    bytes(text.as_bytes(), out);
}

/// Writes a flag as a field; none is false.
pub fn flag(number: u32, out: &mut Vec<u8>) {
    Tag::new(number, WireType::Varint).put(out);
    out.push(1);
}

/// Writes a message whose fields are the columns of a row, one after the other: each is read where it is written.
fn plain(message: &Message, row: &Row, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
    let mut values = row.columns();
    for field in &message.fields {
        let Node::Leaf { write, .. } = &field.node else { return Err(Stop::Stale) };
        match leaf_of(field, write, values.next(), out) {
            Ok(()) => {}
            Err(Fault::Null) if field.shape.nullable => {}
            Err(fault) => return Err(refused(fault, message, field, &columns(row), &Path::ROW, trail)),
        }
    }
    if values.next().is_some() { Err(Stop::Stale) } else { Ok(()) }
}

/// Writes the fields of a message from the columns of a row or a record.
fn fields(
    message: &Message,
    columns: &Columns<'_>,
    path: &Path<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    if columns.len() != message.wires.len() {
        return Err(Stop::Stale);
    }
    let values = columns.values();
    for field in &message.fields {
        let written = if let Node::Leaf { column, write } = &field.node {
            leaf_of(field, write, values.get(*column).copied(), out)
        } else {
            nested(message, field, columns, path, out, trail)
        };
        match written {
            Ok(()) => {}
            Err(Fault::Null) if field.shape.nullable => {}
            Err(fault) => return Err(refused(fault, message, field, columns, path, trail)),
        }
    }
    Ok(())
}

/// Writes the value of a column, where there is one.
#[inline]
fn leaf_of(field: &Field, write: &Write, value: Option<Option<&[u8]>>, out: &mut Vec<u8>) -> Result<(), Fault> {
    match value {
        Some(Some(raw)) => leaf(field, write, raw, out),
        Some(None) => Err(Fault::Null),
        None => Err(Fault::Malformed),
    }
}

#[inline]
fn leaf(field: &Field, write: &Write, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mark = out.len();
    field.tag.put(out);
    if let Err(fault) = write.put(raw, out) {
        // The JSON null of a stored scalar is found after the tag was written.
        out.truncate(mark);
        return Err(fault);
    }
    if field.zero_is_absent && out.len() == mark + field.tag.length() + 1 && out.last() == Some(&0) {
        out.truncate(mark);
    }
    Ok(())
}

#[cold]
fn refused(
    fault: Fault,
    message: &Message,
    field: &Field,
    columns: &Columns<'_>,
    path: &Path<'_>,
    trail: &mut Trail,
) -> Stop {
    let path = path.key(&field.shape.key);
    let place = Place { path: &path, type_name: &message.type_name, field: &field.shape.name };
    let reason = || match &field.node {
        _ if fault == Fault::Null => NULL_FIELD.to_owned(),
        Node::Leaf { .. }
        | Node::Leaves { .. }
        | Node::Record { .. }
        | Node::Records { .. }
        | Node::Document { .. }
        | Node::Lists { .. } => json::misfit(&field.shape, columns),
    };
    stopped(fault, place, reason, trail)
}

/// Notes what does not fit, unless something within it has been noted.
pub(super) fn stopped(fault: Fault, place: Place<'_>, reason: impl FnOnce() -> String, trail: &mut Trail) -> Stop {
    match fault {
        Fault::Malformed => return Stop::Stale,
        Fault::Null | Fault::Misfit => trail.record(place, reason),
        Fault::Propagated => {}
    }
    Stop::Null
}

/// Writes the value of a field that is not a single leaf.
fn nested(
    message: &Message,
    field: &Field,
    columns: &Columns<'_>,
    path: &Path<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    let path = path.key(&field.shape.key);
    let place = Place { path: &path, type_name: &message.type_name, field: &field.shape.name };
    let raw = |column: usize| columns.at(column)?.ok_or(Fault::Null);
    match &field.node {
        Node::Leaf { column, write } => leaf(field, write, raw(*column)?, out),
        Node::Leaves { column, item_oid, write, packed } => {
            let array = pg::Array::parse(raw(*column)?)?;
            if array.item_oid != *item_oid {
                return Err(Fault::Malformed);
            }
            leaves(field, write, *packed, array, place, out, trail)
        }
        Node::Record { column, message } => {
            let columns = Columns::from_record(raw(*column)?, &message.wires)?;
            field.tag.put(out);
            let start = open(out);
            fields(message, &columns, &path, out, trail)?;
            close(start, out);
            Ok(())
        }
        Node::Records { column, message } => {
            let mut array = pg::Array::parse(raw(*column)?)?;
            let mut columns = Columns::default();
            let mut room = LengthRoom::default();
            for index in 0..records(&array)? {
                let path = path.index(index);
                let Some(record) = array.item()? else {
                    let place = Place { path: &path, ..place };
                    return Err(stopped(Fault::Null, place, || NULL_ITEM.to_owned(), trail).into());
                };
                columns.read_record(record, &message.wires)?;
                field.tag.put(out);
                let start = open_for(room.0, out);
                fields(message, &columns, &path, out, trail)?;
                room.0 = close_for(start, room.0, out);
            }
            Ok(array.end()?)
        }
        Node::Document { column, value } => {
            let (text, keys) = json::document_text(&message.wires, *column, raw(*column)?)?;
            let field = document::Tagged { tag: field.tag, zero_is_absent: field.zero_is_absent };
            document::document(value, field, text, keys, place, out, trail)
        }
        Node::Lists { column } => {
            let shape::Node::LeafList { leaf, item_nullable, .. } = &field.shape.node else {
                return Err(Fault::Malformed);
            };
            let mut text = Vec::new();
            json::leaf_list(leaf, *item_nullable, raw(*column)?, place, &mut text, trail)?;
            if !trail.is_empty() {
                return Err(Fault::Propagated);
            }
            document::lists(field.tag, &text, place, out, trail)
        }
    }
}

fn leaves(
    field: &Field,
    write: &Write,
    packed: bool,
    mut array: pg::Array<'_>,
    place: Place<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    // An array of several dimensions behind a plain list.
    let length = array.length().map_err(|_| Fault::Misfit)?;
    if length == 0 {
        return Ok(array.end()?);
    }
    let start = packed.then(|| {
        field.tag.put(out);
        open(out)
    });
    for index in 0..length {
        let item = array.item()?;
        if !packed {
            field.tag.put(out);
        }
        let written = item.map_or(Err(Fault::Null), |raw| write.put(raw, out));
        if let Err(fault) = written {
            let path = place.path.index(index);
            let reason = || match (item, &field.shape.node) {
                (Some(raw), shape::Node::LeafList { leaf, .. }) if fault == Fault::Misfit => {
                    json::leaf_misfit(leaf, raw)
                }
                _ => NULL_ITEM.to_owned(),
            };
            return Err(stopped(fault, Place { path: &path, ..place }, reason, trail).into());
        }
    }
    if let Some(start) = start {
        close(start, out);
    }
    Ok(array.end()?)
}

/// Writes the page of a connection from its one row.
fn page(layout: &Connection, columns: &Columns<'_>, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
    let page = connection::Page::read(&layout.shape, columns)?;
    let name = Name::from("cursor");
    let node = &layout.node;
    if let Some((tag, parts)) = &layout.edges {
        let mut columns = Columns::default();
        for (index, record) in page.edges.iter().enumerate() {
            columns.read_record(record, &node.wires)?;
            let path = Path::ROW.index(index);
            tag.put(out);
            let start = open(out);
            for (tag, part) in parts {
                tag.put(out);
                match part {
                    Edge::Cursor => {
                        let place = Place { path: &path, type_name: &node.type_name, field: &name };
                        let mut text = Vec::new();
                        page.cursor(&columns, place, &mut text, trail)?;
                        bytes(unquoted(&text), out);
                    }
                    Edge::Node => {
                        let start = open(out);
                        fields(node, &columns, &path, out, trail)?;
                        close(start, out);
                    }
                }
            }
            close(start, out);
        }
    }
    if let Some((tag, parts)) = &layout.page_info {
        tag.put(out);
        let start = open(out);
        for (tag, part) in parts {
            let edge = match part {
                PageInfoNode::TypeName => continue,
                PageInfoNode::HasNextPage | PageInfoNode::HasPreviousPage => {
                    let is_next = *part == PageInfoNode::HasNextPage;
                    if if is_next { page.has_next() } else { page.has_previous() } {
                        tag.put(out);
                        out.push(1);
                    }
                    continue;
                }
                PageInfoNode::StartCursor => page.edges.first(),
                PageInfoNode::EndCursor => page.edges.last(),
            };
            let Some(record) = edge else { continue };
            let columns = Columns::from_record(record, &node.wires)?;
            let place = Place { path: &Path::ROW, type_name: &node.type_name, field: &name };
            let mut text = Vec::new();
            page.cursor(&columns, place, &mut text, trail)?;
            tag.put(out);
            bytes(unquoted(&text), out);
        }
        close(start, out);
    }
    if let (Some(tag), Some(count)) = (layout.total_count, columns.at(0)?) {
        tag.put(out);
        integer(pg::int8(count)?, out);
    }
    Ok(())
}

fn unquoted(text: &[u8]) -> &[u8] {
    super::scan::content(text).unwrap_or(text)
}

// === impl LengthRoom ===

impl Default for LengthRoom {
    fn default() -> LengthRoom {
        LengthRoom(1)
    }
}
