//! A stored document through its declared types: the fields that a client selected, in its order.
//!
//! jsonb keeps its keys in an order of its own, so that a value is written at once only when it is the
//! next one that was asked for, and remembered otherwise. Nothing is built but the list of remembered
//! places. The walk is as deep as the shape, however deep the document is.

use smallvec::{SmallVec, smallvec};

use super::json::{NULL_FIELD, NULL_ITEM, close, settle};
use super::scan::{Scan, content, unescaped};
use super::stored;
use super::trail::{Path, Place, Trail, excerpt};
use super::{Fault, Stop};
use crate::plan::shape::{Document, DocumentField, DocumentObject, DocumentSource};
use crate::schema::model::Scalar;
use crate::schema::name::Name;

/// Whether a key may stand twice in an object, the last one being the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// jsonb.
    Unique,
    /// json.
    Repeatable,
}

/// The values of an object's fields, as far as they have been seen.
type Seen<'d> = SmallVec<[Option<&'d [u8]>; 16]>;

/// Writes one document. `place` names the field that holds it.
#[inline]
pub(super) fn document(
    document: &Document,
    text: &[u8],
    keys: Keys,
    place: Place<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    Walk { keys, is_outside: true, out, trail }.value(document, &mut Scan::new(text), place)
}

/// Why a value is not what was declared, for a person.
pub(super) fn misfit(document: &Document, text: &[u8]) -> String {
    match document {
        Document::Scalar(scalar) => does_not_fit(*scalar, text),
        Document::Enum(names) => format!("{} is not a value of {}", quoted(text), names.type_name),
        Document::Object(object) => format!("{} is not an object of {}", excerpt(text), object.type_name),
        Document::Abstract { type_name, .. } => match type_name_of(Scan::new(text)) {
            Ok(Some(found)) => format!("{} is not a type of {type_name}", quoted(found)),
            Ok(None) | Err(_) => format!("{} has no __typename of {type_name}", excerpt(text)),
        },
        Document::List { .. } => format!("{} is not a list", excerpt(text)),
    }
}

/// Why a scalar does not fit, for a person.
pub(super) fn does_not_fit(scalar: Scalar, text: &[u8]) -> String {
    format!("{} does not fit {}", quoted(text), scalar_name(scalar))
}

/// An excerpt of a value, in quotes when it is a string.
pub(super) fn quoted(text: &[u8]) -> String {
    match content(text) {
        Some(content) => format!("\"{}\"", excerpt(content)),
        None => excerpt(text),
    }
}

fn scalar_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Id => "ID",
        Scalar::Uuid => "UUID",
        Scalar::String => "String",
        Scalar::Int => "Int",
        Scalar::BigInt => "BigInt",
        Scalar::Float => "Float",
        Scalar::Decimal => "Decimal",
        Scalar::Boolean => "Boolean",
        Scalar::DateTime => "DateTime",
        Scalar::Date => "Date",
        Scalar::Time => "Time",
        Scalar::Json => "Json",
        Scalar::Text => "a string scalar",
    }
}

/// The value of `__typename` with its quotes, when the value is an object that has one.
pub(super) fn type_name_of(mut scan: Scan<'_>) -> Result<Option<&[u8]>, Fault> {
    if scan.peek()? != b'{' {
        return Ok(None);
    }
    let mut found = None;
    let mut more = scan.enter(b'}')?;
    while more {
        let key = scan.key()?;
        let value = scan.value()?;
        if is_key(key, "__typename") {
            found = Some(value);
        }
        more = scan.another(b'}')?;
    }
    Ok(found)
}

/// Whether a key, as written in the document, is this name.
#[inline]
pub(super) fn is_key(key: &[u8], name: &str) -> bool {
    key == name.as_bytes() || (has_escape(key) && is_escaped_key(key, name))
}

/// Keys are too short for what looks at many bytes at once.
#[inline]
fn has_escape(key: &[u8]) -> bool {
    key.contains(&b'\\')
}

#[cold]
fn is_escaped_key(key: &[u8], name: &str) -> bool {
    unescaped(key).is_ok_and(|key| *key == *name.as_bytes())
}

/// A field that reads this key: the one at `hint`, or the first.
#[inline]
fn field_of(fields: &[DocumentField], key: &[u8], hint: usize) -> Option<usize> {
    let reads = |field: &DocumentField| stored_key(field).is_some_and(|stored| key == stored.as_bytes());
    match fields.get(hint) {
        Some(field) if reads(field) => Some(hint),
        Some(_) | None => fields.iter().position(reads).or_else(|| escaped_field_of(fields, key)),
    }
}

/// The same of a key that is not written as it is called.
#[inline]
fn escaped_field_of(fields: &[DocumentField], key: &[u8]) -> Option<usize> {
    let reads = |field: &DocumentField| stored_key(field).is_some_and(|stored| is_escaped_key(key, stored));
    if has_escape(key) { fields.iter().position(reads) } else { None }
}

struct Walk<'w> {
    keys: Keys,
    /// Nothing has been entered yet: of the object that comes next, what follows the last selected field is of no use.
    is_outside: bool,
    out: &'w mut Vec<u8>,
    trail: &'w mut Trail,
}

// === impl Walk ===

impl Walk<'_> {
    /// Writes the value at `scan` and steps over it; after a fault `scan` may be anywhere within it.
    fn value(&mut self, document: &Document, scan: &mut Scan<'_>, place: Place<'_>) -> Result<(), Fault> {
        match document {
            Document::Scalar(scalar) => stored::scalar(*scalar, scan.value()?, self.out),
            Document::Enum(names) => stored::enum_name(names, scan.value()?, self.out),
            Document::Object(object) => {
                opens(scan, b'{')?;
                self.object(object, scan, place.path)
            }
            Document::Abstract { cases, .. } => {
                opens(scan, b'{')?;
                let found = type_name_of(*scan)?.and_then(content).ok_or(Fault::Misfit)?;
                let case = cases.iter().find(|case| is_key(found, &case.type_name)).ok_or(Fault::Misfit)?;
                self.object(case, scan, place.path)
            }
            Document::List { item, item_nullable } => {
                opens(scan, b'[')?;
                self.list(item, *item_nullable, scan, place)
            }
        }
    }

    fn list(
        &mut self,
        item: &Document,
        item_nullable: bool,
        scan: &mut Scan<'_>,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        self.is_outside = false;
        self.out.push(b'[');
        let mut more = scan.enter(b']')?;
        let mut index = 0;
        while more {
            let path = place.path.index(index);
            self.settled(item, item_nullable, NULL_ITEM, scan, Place { path: &path, ..place })?;
            self.out.push(b',');
            index += 1;
            more = scan.another(b']')?;
        }
        close(self.out, b']');
        Ok(())
    }

    fn object<'d>(&mut self, object: &DocumentObject, scan: &mut Scan<'d>, path: &Path<'_>) -> Result<(), Fault> {
        let is_outermost = std::mem::replace(&mut self.is_outside, false);
        let fields = &object.fields;
        let mut seen: Seen<'d> = smallvec![None; fields.len()];
        // Fields whose key may still come.
        let mut open = fields.iter().filter(|field| stored_key(field).is_some()).count();
        self.out.push(b'{');
        // The fields before this one have been written.
        let mut next = 0;
        let mut hint = 0;
        let mut more = scan.enter(b'}')?;
        while more {
            let key = scan.key()?;
            match field_of(fields, key, hint) {
                None => {
                    scan.value()?;
                }
                Some(found) => {
                    hint = found + 1;
                    open -= usize::from(seen[found].is_none());
                    if self.keys == Keys::Unique {
                        next = self.write_known(object, next, &seen, path)?;
                    }
                    if found == next && self.keys == Keys::Unique {
                        let start = *scan;
                        self.field(object, &fields[found], Some(scan), path)?;
                        // For another field that reads the same key.
                        seen[found] = Some(scan.since(start));
                        next += 1;
                    } else {
                        seen[found] = Some(scan.value()?);
                    }
                }
            }
            if open == 0 && is_outermost && self.keys == Keys::Unique {
                break;
            }
            more = scan.another(b'}')?;
        }
        for at in next..fields.len() {
            let mut text = value_of(fields, &seen, at).map(Scan::new);
            self.field(object, &fields[at], text.as_mut(), path)?;
        }
        close(self.out, b'}');
        Ok(())
    }

    /// Writes fields from `next` on as far as their values are at hand; the first that is not.
    #[inline]
    fn write_known(
        &mut self,
        object: &DocumentObject,
        mut next: usize,
        seen: &Seen<'_>,
        path: &Path<'_>,
    ) -> Result<usize, Fault> {
        while let Some(field) = object.fields.get(next) {
            let mut text = match &field.source {
                DocumentSource::TypeName | DocumentSource::Masked => None,
                DocumentSource::Stored { .. } => match seen[next] {
                    None => break,
                    Some(text) => Some(Scan::new(text)),
                },
            };
            self.field(object, field, text.as_mut(), path)?;
            next += 1;
        }
        Ok(next)
    }

    /// Writes a key and its value; no text is a key that the document does not have.
    fn field(
        &mut self,
        object: &DocumentObject,
        field: &DocumentField,
        text: Option<&mut Scan<'_>>,
        path: &Path<'_>,
    ) -> Result<(), Stop> {
        self.out.extend_from_slice(&field.key.json);
        match &field.source {
            DocumentSource::TypeName => {
                self.out.push(b'"');
                self.out.extend_from_slice(object.type_name.as_bytes());
                self.out.push(b'"');
            }
            DocumentSource::Masked => self.out.extend_from_slice(b"null"),
            DocumentSource::Stored { value, .. } => {
                let path = path.key(&field.key);
                let place = Place { path: &path, type_name: &object.type_name, field: &field.name };
                match text {
                    Some(scan) => self.settled(value, field.nullable, NULL_FIELD, scan, place)?,
                    None if field.nullable => self.out.extend_from_slice(b"null"),
                    None => settle(Fault::Null, false, place, || NULL_FIELD.to_owned(), self.out, self.trail)?,
                }
            }
        }
        self.out.push(b',');
        Ok(())
    }

    /// Writes a value, or null in its place where that may be, and steps over it in any case.
    #[inline]
    fn settled(
        &mut self,
        document: &Document,
        nullable: bool,
        null: &str,
        scan: &mut Scan<'_>,
        place: Place<'_>,
    ) -> Result<(), Stop> {
        let (mark, start) = (self.out.len(), *scan);
        let Err(fault) = self.value(document, scan, place) else { return Ok(()) };
        *scan = start;
        let text = scan.value()?;
        self.out.truncate(mark);
        let reason = || if fault == Fault::Null { null.to_owned() } else { misfit(document, text) };
        settle(fault, nullable, place, reason, self.out, self.trail)
    }
}

#[inline]
pub(super) fn opens(scan: &mut Scan<'_>, bracket: u8) -> Result<(), Fault> {
    match scan.peek()? {
        found if found == bracket => Ok(()),
        b'n' => Err(Fault::Null),
        _ => Err(Fault::Misfit),
    }
}

/// What a field reads: its own value, or that of another field with the same key.
fn value_of<'d>(fields: &[DocumentField], seen: &Seen<'d>, at: usize) -> Option<&'d [u8]> {
    seen[at].or_else(|| {
        let key = stored_key(&fields[at])?;
        let same = |field: &DocumentField| stored_key(field) == Some(key);
        fields.iter().zip(seen).find_map(|(field, text)| text.filter(|_| same(field)))
    })
}

fn stored_key(field: &DocumentField) -> Option<&Name> {
    match &field.source {
        DocumentSource::Stored { stored, .. } => Some(stored),
        DocumentSource::TypeName | DocumentSource::Masked => None,
    }
}
