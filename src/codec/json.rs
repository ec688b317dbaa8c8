//! Rows as JSON text: the walk over a `Shape` beside the columns of a row.
//!
//! A value is written as soon as it is read. When it turns out not to fit, or a non-null field within
//! it is null, the buffer is cut back to where the value began; so a null moves up to the nearest
//! field or list item that may be null, as GraphQL's result coercion wants it, and no value is looked
//! at twice on the way that everything fits.

use super::document::{self, Keys, does_not_fit};
use super::json_time::{self, Zone};
use super::scan::content;
use super::trail::{Path, Place, Trail, excerpt};
use super::{Columns, Fault, Stop, json_float, json_text, pg, stored};
use crate::plan::shape::{Document, EnumNames, Field, Leaf, LeafKind, Node, Object, Shape, Wire};
use crate::schema::catalog::Family;
use crate::schema::model::Scalar;
use crate::schema::name::Name;

pub use super::connection::{PageFacts, connection, nodes};

pub(super) const NULL_FIELD: &str = "null in a non-null field";
pub(super) const NULL_ITEM: &str = "null in a non-null list item";

/// Writes one row of any shape. When it stops, `out` is as it was before.
#[inline]
pub fn row(shape: &Shape, columns: &Columns<'_>, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
    match shape {
        Shape::One(object) | Shape::Many(object) => self::object(object, columns, out, trail),
        Shape::Document(value) | Shape::Documents(value) => root_document(value, columns, out, trail),
        Shape::Connection(connection) => self::connection(connection, columns, out, trail),
        Shape::Count => count(columns, out),
    }
}

/// Writes a row that is one jsonb value.
fn root_document(value: &Document, columns: &Columns<'_>, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
    let mark = out.len();
    let name = Name::from("");
    let name = match value {
        Document::Abstract { type_name, .. } => type_name,
        Document::Object(object) => &object.type_name,
        Document::Scalar(_) | Document::Enum(_) | Document::List { .. } => &name,
    };
    let place = Place { path: &Path::ROW, type_name: name, field: name };
    let text = columns.at(0)?.map(pg::jsonb).transpose().map_err(|_| Stop::Stale)?;
    let written = match text {
        Some(text) => document::document(value, text, Keys::Unique, place, out, trail),
        None => Err(Fault::Null),
    };
    written.or_else(|fault| {
        out.truncate(mark);
        let reason = || text.map_or_else(|| NULL_ITEM.to_owned(), |text| document::misfit(value, text));
        settle(fault, false, place, reason, out, trail)
    })
}

/// Writes one row of `Shape::One` or `Shape::Many`. When it stops, `out` is as it was before.
#[inline]
pub fn object(object: &Object, columns: &Columns<'_>, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
    let mark = out.len();
    let written = fields(object, columns, &Path::ROW, out, trail);
    if written.is_err() {
        out.truncate(mark);
    }
    written
}

/// Writes the number of `Shape::Count`.
pub fn count(columns: &Columns<'_>, out: &mut Vec<u8>) -> Result<(), Stop> {
    let value = columns.at(0)?.ok_or(Stop::Stale)?;
    json_text::integer(pg::int8(value)?, out);
    Ok(())
}

/// Writes one value of a scalar or an enum. After a fault `out` may end with a part of it.
#[inline]
pub fn leaf(leaf: &Leaf, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    match &leaf.kind {
        LeafKind::Scalar(scalar) => self::scalar(*scalar, leaf.family, bytes, out),
        LeafKind::Enum(names) => enum_name(names, leaf.family, bytes, out),
    }
}

/// Writes an object from the columns of a row or a record.
pub(super) fn fields(
    object: &Object,
    columns: &Columns<'_>,
    path: &Path<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    if columns.len() != object.columns.len() {
        return Err(Stop::Stale);
    }
    let values = columns.values();
    out.push(b'{');
    for field in &object.fields {
        out.extend_from_slice(&field.key.json);
        let mark = out.len();
        let written = if let Node::Leaf { column, leaf } = &field.node {
            match values.get(*column) {
                Some(Some(bytes)) => self::leaf(leaf, bytes, out),
                Some(None) => Err(Fault::Null),
                None => Err(Fault::Malformed),
            }
        } else {
            nested(object, field, columns, path, out, trail)
        };
        match written {
            Ok(()) => {}
            Err(Fault::Null) if field.nullable => out.extend_from_slice(b"null"),
            Err(fault) => {
                out.truncate(mark);
                let path = path.key(&field.key);
                let place = Place { path: &path, type_name: &object.type_name, field: &field.name };
                let reason = || if fault == Fault::Null { NULL_FIELD.to_owned() } else { misfit(field, columns) };
                settle(fault, field.nullable, place, reason, out, trail)?;
            }
        }
        out.push(b',');
    }
    close(out, b'}');
    Ok(())
}

/// After a fault and with the value cut off: notes it and writes null, or passes the null on.
pub(super) fn settle(
    fault: Fault,
    nullable: bool,
    place: Place<'_>,
    reason: impl FnOnce() -> String,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    match fault {
        Fault::Malformed => return Err(Stop::Stale),
        Fault::Null if nullable => {}
        Fault::Null | Fault::Misfit => trail.record(place, reason),
        Fault::Propagated => {}
    }
    if !nullable {
        return Err(Stop::Null);
    }
    out.extend_from_slice(b"null");
    Ok(())
}

/// Ends an object or a list, whose members each end with a comma.
#[inline]
pub(super) fn close(out: &mut Vec<u8>, bracket: u8) {
    match out.last_mut() {
        Some(last @ b',') => *last = bracket,
        Some(_) | None => out.push(bracket),
    }
}

/// Writes the value of a field that is not a single leaf.
fn nested(
    object: &Object,
    field: &Field,
    columns: &Columns<'_>,
    path: &Path<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    let path = path.key(&field.key);
    let place = Place { path: &path, type_name: &object.type_name, field: &field.name };
    let bytes = |column: usize| columns.at(column)?.ok_or(Fault::Null);
    match &field.node {
        Node::TypeName => {
            out.push(b'"');
            out.extend_from_slice(object.type_name.as_bytes());
            out.push(b'"');
            Ok(())
        }
        Node::Masked => {
            out.extend_from_slice(b"null");
            Ok(())
        }
        Node::Leaf { column, leaf } => self::leaf(leaf, bytes(*column)?, out),
        Node::LeafList { column, leaf, item_nullable } => {
            leaf_list(leaf, *item_nullable, bytes(*column)?, place, out, trail)
        }
        Node::Record { column, object } => {
            let columns = Columns::from_record(bytes(*column)?, &object.columns)?;
            Ok(fields(object, &columns, &path, out, trail)?)
        }
        Node::RecordList { column, object, item_nullable } => {
            record_list(object, *item_nullable, bytes(*column)?, place, out, trail)
        }
        Node::Document { column, value } => {
            let (text, keys) = document_text(&object.columns, *column, bytes(*column)?)?;
            document::document(value, text, keys, place, out, trail)
        }
    }
}

/// The text of a column that holds a document.
pub(super) fn document_text<'a>(wires: &[Wire], column: usize, bytes: &'a [u8]) -> Result<(&'a [u8], Keys), Fault> {
    match wires.get(column) {
        Some(Wire::Value(Family::Jsonb)) => Ok((pg::jsonb(bytes)?, Keys::Unique)),
        Some(Wire::Value(Family::Json | Family::Other)) => Ok((bytes, Keys::Repeatable)),
        Some(Wire::Value(_) | Wire::Array(_) | Wire::Record | Wire::RecordArray) | None => Err(Fault::Malformed),
    }
}

pub(super) fn leaf_list(
    leaf: &Leaf,
    item_nullable: bool,
    bytes: &[u8],
    place: Place<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    let mut array = pg::Array::parse(bytes)?;
    if array.item_oid != leaf.family.oid() {
        return Err(Fault::Malformed);
    }
    let lengths = array.clone();
    LeafList { leaf, item_nullable, out, trail }.level(lengths.lengths(), &mut array, place)?;
    Ok(array.end()?)
}

fn record_list(
    object: &Object,
    item_nullable: bool,
    bytes: &[u8],
    place: Place<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    let mut array = pg::Array::parse(bytes)?;
    let mut columns = Columns::default();
    out.push(b'[');
    for index in 0..records(&array)? {
        let mark = out.len();
        let path = place.path.index(index);
        let written = match array.item()? {
            Some(record) => {
                columns.read_record(record, &object.columns)?;
                fields(object, &columns, &path, out, trail).map_err(Fault::from)
            }
            None => Err(Fault::Null),
        };
        if let Err(fault) = written {
            out.truncate(mark);
            settle(fault, item_nullable, Place { path: &path, ..place }, || NULL_ITEM.to_owned(), out, trail)?;
        }
        out.push(b',');
    }
    close(out, b']');
    Ok(array.end()?)
}

/// The length of an array that must be a `record[]` of one dimension.
#[inline]
pub(super) fn records(array: &pg::Array<'_>) -> Result<usize, pg::Malformed> {
    if array.item_oid == Wire::Record.oid() { array.length() } else { Err(pg::Malformed) }
}

struct LeafList<'w> {
    leaf: &'w Leaf,
    item_nullable: bool,
    out: &'w mut Vec<u8>,
    trail: &'w mut Trail,
}

impl LeafList<'_> {
    /// Writes one dimension; an array of several is a list of lists.
    fn level(&mut self, lengths: &[usize], array: &mut pg::Array<'_>, place: Place<'_>) -> Result<(), Fault> {
        self.out.push(b'[');
        if let Some((length, inner)) = lengths.split_first() {
            for index in 0..*length {
                let path = place.path.index(index);
                let place = Place { path: &path, ..place };
                if inner.is_empty() {
                    self.item(array.item()?, place)?;
                } else {
                    self.level(inner, array, place)?;
                }
                self.out.push(b',');
            }
        }
        close(self.out, b']');
        Ok(())
    }

    #[inline]
    fn item(&mut self, item: Option<&[u8]>, place: Place<'_>) -> Result<(), Stop> {
        let mark = self.out.len();
        let written = match item {
            Some(bytes) => leaf(self.leaf, bytes, self.out),
            None => Err(Fault::Null),
        };
        let Err(fault) = written else { return Ok(()) };
        self.out.truncate(mark);
        let reason = || match item {
            Some(bytes) if fault == Fault::Misfit => leaf_misfit(self.leaf, bytes),
            Some(_) | None => NULL_ITEM.to_owned(),
        };
        settle(fault, self.item_nullable, place, reason, self.out, self.trail)
    }
}

#[inline]
fn scalar(scalar: Scalar, family: Family, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    if let Some(text) = json_column(family, bytes)? {
        return stored_scalar(scalar, family, text, out);
    }
    let fits = family.serves(scalar) && (scalar != Scalar::Uuid || family == Family::Uuid || stored::is_uuid(bytes));
    if !fits {
        return Err(Fault::Misfit);
    }
    // Everything else that may be an ID is a string already.
    let bare_id = scalar == Scalar::Id && matches!(family, Family::Int2 | Family::Int4 | Family::Int8);
    if bare_id {
        out.push(b'"');
    }
    to_json(family, bytes, out)?;
    if bare_id {
        out.push(b'"');
    }
    Ok(())
}

/// A scalar in a column of JSON. What `to_json` made of a type without an encoder is shown as it is
/// behind a string scalar, in quotes when it is not a string.
fn stored_scalar(scalar: Scalar, family: Family, text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let value = text.trim_ascii();
    if value == b"null" {
        return Err(Fault::Null);
    }
    if scalar == Scalar::Json {
        out.extend_from_slice(text);
        return Ok(());
    }
    if family == Family::Other && matches!(scalar, Scalar::String | Scalar::Text) && content(value).is_none() {
        json_text::string(value, out);
        return Ok(());
    }
    stored::scalar(scalar, value, out)
}

#[inline]
fn enum_name(names: &EnumNames, family: Family, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    match json_column(family, bytes)? {
        Some(text) => stored::enum_name(names, text.trim_ascii(), out),
        None => stored::write_name(names, bytes, out),
    }
}

/// The text of a column that arrives as JSON.
#[inline]
pub(super) fn json_column(family: Family, bytes: &[u8]) -> Result<Option<&[u8]>, pg::Malformed> {
    if family == Family::Jsonb {
        return pg::jsonb(bytes).map(Some);
    }
    Ok(matches!(family, Family::Json | Family::Other).then_some(bytes))
}

/// What `to_json` prints.
#[inline(always)]
pub(super) fn to_json(family: Family, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    match family {
        Family::Text | Family::Varchar | Family::Bpchar | Family::Name | Family::Citext | Family::Enum => {
            json_text::string(bytes, out)
        }
        Family::Bool => json_text::boolean(pg::boolean(bytes)?, out),
        Family::Int2 => json_text::integer(pg::int2(bytes)?, out),
        Family::Int4 => json_text::integer(pg::int4(bytes)?, out),
        Family::Int8 => json_text::integer(pg::int8(bytes)?, out),
        Family::Float4 => json_float::float4(pg::float4(bytes)?, out),
        Family::Float8 => json_float::float8(pg::float8(bytes)?, out),
        Family::Numeric => json_text::numeric(&pg::numeric(bytes)?, out),
        Family::Uuid => json_text::uuid(pg::uuid(bytes)?, out),
        Family::Timestamptz => json_time::timestamp(pg::timestamp(bytes)?, Zone::Utc, out),
        Family::Timestamp => json_time::timestamp(pg::timestamp(bytes)?, Zone::Absent, out),
        Family::Date => json_time::date(pg::date(bytes)?, out),
        Family::Time => json_time::time(pg::time(bytes)?, out),
        Family::Timetz => json_time::timetz(pg::timetz(bytes)?, out),
        Family::Interval => json_time::interval(pg::interval(bytes)?, out),
        Family::Bytea => json_text::bytea(bytes, out),
        Family::Json | Family::Other => out.extend_from_slice(bytes),
        Family::Jsonb => out.extend_from_slice(pg::jsonb(bytes)?),
    }
    Ok(())
}

/// Why a field's value does not fit, for a person.
#[cold]
pub(super) fn misfit(field: &Field, columns: &Columns<'_>) -> String {
    let bytes = |column: usize| columns.at(column).ok().flatten().unwrap_or_default();
    match &field.node {
        Node::Leaf { column, leaf } => leaf_misfit(leaf, bytes(*column)),
        Node::Document { column, value } => document_misfit(value, bytes(*column)),
        Node::TypeName | Node::Masked | Node::LeafList { .. } | Node::Record { .. } | Node::RecordList { .. } => {
            "the value does not fit".to_owned()
        }
    }
}

fn document_misfit(value: &Document, bytes: &[u8]) -> String {
    // Only jsonb starts with a version, and no JSON text starts with its byte.
    document::misfit(value, pg::jsonb(bytes).unwrap_or(bytes).trim_ascii())
}

#[cold]
pub(super) fn leaf_misfit(leaf: &Leaf, bytes: &[u8]) -> String {
    let mut text = Vec::new();
    if to_json(leaf.family, bytes, &mut text).is_err() {
        text = b"the value".to_vec();
    }
    let text = text.trim_ascii();
    match &leaf.kind {
        LeafKind::Scalar(scalar) => does_not_fit(*scalar, text),
        LeafKind::Enum(names) => match content(text) {
            Some(content) => format!("\"{}\" is not a value of {}", excerpt(content), names.type_name),
            None => format!("{} is not a value of {}", excerpt(text), names.type_name),
        },
    }
}
