//! A stored document as a message, through its declared types.
//!
//! Fields of a message may come in any order, so each value is written as soon as its key is met; only
//! keys that may stand twice (`json`, not `jsonb`) are collected first. The walk is as deep as the
//! declared types, however deep the document is.

use smallvec::{SmallVec, smallvec};

use super::layout::{Document, DocumentField, DocumentMessage};
use super::leaf::stored_scalar;
use super::stopped;
use super::value::list_value;
use super::wire::{Tag, close, open};
use crate::codec::document::{self, Keys, is_key, opens, type_name_of};
use crate::codec::json::{NULL_FIELD, NULL_ITEM};
use crate::codec::scan::{Scan, content};
use crate::codec::trail::{Path, Place, Trail};
use crate::codec::{Columns, Fault, Stop, pg};
use crate::plan::shape;
use crate::schema::name::Name;

/// The field that a value is written as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tagged {
    pub tag: Tag,
    pub zero_is_absent: bool,
}

/// Writes a row that is one jsonb value.
pub(super) fn root(
    value: &Document,
    shape: &shape::Document,
    columns: &Columns<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    whole(shape, columns, out, trail, |walk, scan, place| walk.body(value, scan, place))
}

/// Writes a row that is one jsonb value as the field of this number.
pub(super) fn numbered(
    number: u32,
    value: &Document,
    shape: &shape::Document,
    columns: &Columns<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    let field = Tagged { tag: Tag::new(number, value.wire_type()), zero_is_absent: false };
    whole(shape, columns, out, trail, |walk, scan, place| walk.tagged(value, field, scan, place))
}

fn whole(
    shape: &shape::Document,
    columns: &Columns<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
    write: impl FnOnce(&mut Walk<'_>, &mut Scan<'_>, Place<'_>) -> Result<(), Fault>,
) -> Result<(), Stop> {
    let none = Name::from("");
    let name = match shape {
        shape::Document::Abstract { type_name, .. } => type_name,
        shape::Document::Object(object) => &object.type_name,
        shape::Document::Scalar(_) | shape::Document::Enum(_) | shape::Document::List { .. } => &none,
    };
    let place = Place { path: &Path::ROW, type_name: name, field: name };
    let text = columns.at(0)?.map(pg::jsonb).transpose()?;
    let written = match text {
        Some(text) => write(&mut Walk { keys: Keys::Unique, out, trail }, &mut Scan::new(text), place),
        None => Err(Fault::Null),
    };
    let reason = || text.map_or_else(|| NULL_ITEM.to_owned(), |text| document::misfit(shape, text));
    written.map_err(|fault| stopped(fault, place, reason, trail))
}

/// Writes the document of one column as a field.
#[inline]
pub(super) fn document(
    value: &Document,
    field: Tagged,
    text: &[u8],
    keys: Keys,
    place: Place<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    Walk { keys, out, trail }.tagged(value, field, &mut Scan::new(text), place)
}

/// Writes a list of lists.
pub(super) fn lists(
    tag: Tag,
    text: &[u8],
    place: Place<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Fault> {
    Walk { keys: Keys::Unique, out, trail }.lists(tag, &mut Scan::new(text), place)
}

struct Walk<'w> {
    keys: Keys,
    out: &'w mut Vec<u8>,
    trail: &'w mut Trail,
}

impl Walk<'_> {
    /// Writes a value with its tag, and steps over it. A fault of the value itself leaves nothing behind.
    fn tagged(&mut self, value: &Document, field: Tagged, scan: &mut Scan<'_>, place: Place<'_>) -> Result<(), Fault> {
        let mark = self.out.len();
        let written = match value {
            Document::Scalar(scalar) => {
                field.tag.put(self.out);
                stored_scalar(*scalar, scan.value()?, self.out)
            }
            Document::Enum(numbers) => {
                field.tag.put(self.out);
                numbers.put_json(scan.value()?, self.out)
            }
            Document::Object(_) | Document::Abstract(_) => {
                field.tag.put(self.out);
                let start = open(self.out);
                self.body(value, scan, place).map(|()| close(start, self.out))
            }
            Document::List { item, packed: true } => self.packed(item, field.tag, scan, place),
            Document::List { item, packed: false } => self.list(item, field.tag, scan, place),
            Document::Lists => self.lists(field.tag, scan, place),
        };
        if let Err(fault) = written {
            self.out.truncate(mark);
            return Err(fault);
        }
        if field.zero_is_absent && self.out.len() == mark + field.tag.length() + 1 && self.out.last() == Some(&0) {
            self.out.truncate(mark);
        }
        Ok(())
    }

    /// Writes what is within a message.
    fn body(&mut self, value: &Document, scan: &mut Scan<'_>, place: Place<'_>) -> Result<(), Fault> {
        match value {
            Document::Object(message) => {
                opens(scan, b'{')?;
                self.fields(message, scan, place.path)
            }
            Document::Abstract(cases) => {
                opens(scan, b'{')?;
                let found = type_name_of(*scan)?.and_then(content).ok_or(Fault::Misfit)?;
                let case = cases.iter().find(|(_, case)| is_key(found, &case.type_name));
                let (tag, message) = case.ok_or(Fault::Misfit)?;
                tag.put(self.out);
                let start = open(self.out);
                self.fields(message, scan, place.path)?;
                close(start, self.out);
                Ok(())
            }
            // The root of a row is a message.
            Document::Scalar(_) | Document::Enum(_) | Document::List { .. } | Document::Lists => Err(Fault::Misfit),
        }
    }

    fn fields<'d>(&mut self, message: &DocumentMessage, scan: &mut Scan<'d>, path: &Path<'_>) -> Result<(), Fault> {
        let fields = &message.fields;
        let mut seen: SmallVec<[bool; 32]> = smallvec![false; fields.len()];
        let mut collected: SmallVec<[Option<&'d [u8]>; 16]> = SmallVec::new();
        if self.keys == Keys::Repeatable {
            collected.resize(fields.len(), None);
        }
        let mut hint = 0;
        let mut more = scan.enter(b'}')?;
        while more {
            let key = scan.key()?;
            match position(fields, key, hint) {
                None => drop(scan.value()?),
                Some(found) => {
                    hint = found + 1;
                    seen[found] = true;
                    match collected.get_mut(found) {
                        Some(place) => *place = Some(scan.value()?),
                        None => self.field(message, &fields[found], scan, path)?,
                    }
                }
            }
            more = scan.another(b'}')?;
        }
        for (text, field) in collected.into_iter().zip(fields.iter()) {
            if let Some(text) = text {
                self.field(message, field, &mut Scan::new(text), path)?;
            }
        }
        let absent = fields.iter().zip(&seen).find(|(field, seen)| !**seen && !field.shape.nullable);
        match absent {
            None => Ok(()),
            Some((field, _)) => {
                let path = path.key(&field.shape.key);
                let place = Place { path: &path, type_name: &message.type_name, field: &field.shape.name };
                Err(stopped(Fault::Null, place, || NULL_FIELD.to_owned(), self.trail).into())
            }
        }
    }

    #[inline]
    fn field(
        &mut self,
        message: &DocumentMessage,
        field: &DocumentField,
        scan: &mut Scan<'_>,
        path: &Path<'_>,
    ) -> Result<(), Fault> {
        let path = path.key(&field.shape.key);
        let place = Place { path: &path, type_name: &message.type_name, field: &field.shape.name };
        let tagged = Tagged { tag: field.tag, zero_is_absent: field.zero_is_absent };
        let start = *scan;
        let Err(fault) = self.tagged(&field.value, tagged, scan, place) else { return Ok(()) };
        *scan = start;
        let text = scan.value()?;
        if fault == Fault::Null && field.shape.nullable {
            return Ok(());
        }
        let reason = || match &field.shape.source {
            shape::DocumentSource::Stored { value, .. } if fault == Fault::Misfit => document::misfit(value, text),
            _ => NULL_FIELD.to_owned(),
        };
        Err(stopped(fault, place, reason, self.trail).into())
    }

    fn list(&mut self, item: &Document, tag: Tag, scan: &mut Scan<'_>, place: Place<'_>) -> Result<(), Fault> {
        let tagged = Tagged { tag, zero_is_absent: false };
        self.items(scan, place, |walk, scan, place| walk.tagged(item, tagged, scan, place))
    }

    fn packed(&mut self, item: &Document, tag: Tag, scan: &mut Scan<'_>, place: Place<'_>) -> Result<(), Fault> {
        let mark = self.out.len();
        tag.put(self.out);
        let start = open(self.out);
        self.items(scan, place, |walk, scan, _| match item {
            Document::Scalar(scalar) => stored_scalar(*scalar, scan.value()?, walk.out),
            Document::Enum(numbers) => numbers.put_json(scan.value()?, walk.out),
            Document::Object(_) | Document::Abstract(_) | Document::List { .. } | Document::Lists => {
                Err(Fault::Malformed)
            }
        })?;
        if self.out.len() == start {
            self.out.truncate(mark);
        } else {
            close(start, self.out);
        }
        Ok(())
    }

    fn lists(&mut self, tag: Tag, scan: &mut Scan<'_>, place: Place<'_>) -> Result<(), Fault> {
        self.items(scan, place, |walk, scan, _| {
            tag.put(walk.out);
            list_value(scan.value()?, walk.out)
        })
    }

    fn items(
        &mut self,
        scan: &mut Scan<'_>,
        place: Place<'_>,
        mut write: impl FnMut(&mut Self, &mut Scan<'_>, Place<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        opens(scan, b'[')?;
        let mut more = scan.enter(b']')?;
        let mut index = 0;
        while more {
            let path = place.path.index(index);
            let place = Place { path: &path, ..place };
            let start = *scan;
            if let Err(fault) = write(self, scan, place) {
                *scan = start;
                let text = scan.value()?;
                let reason = || match fault {
                    Fault::Null => NULL_ITEM.to_owned(),
                    Fault::Misfit | Fault::Malformed | Fault::Propagated => {
                        format!("{} does not fit", document::quoted(text))
                    }
                };
                return Err(stopped(fault, place, reason, self.trail).into());
            }
            index += 1;
            more = scan.another(b']')?;
        }
        Ok(())
    }
}

/// The field that reads this key: the one at `hint`, or the first.
#[inline]
fn position(fields: &[DocumentField], key: &[u8], hint: usize) -> Option<usize> {
    match fields.get(hint) {
        Some(field) if is_key(key, &field.stored) => Some(hint),
        Some(_) | None => fields.iter().position(|field| is_key(key, &field.stored)),
    }
}
