//! What became of keys → messages: the items of one, or one for each key.

use bytes::Bytes;

use super::api::{ENTITY, ERROR, Method, MethodKind, PAGE_ITEMS};
use super::frame::{self, Encoding};
use super::methods::ANY_TYPE;
use crate::codec::protobuf::{self, Tag};
use crate::codec::{Mismatch, Segment};
use crate::error::{Code, Error, Result, Stage};
use crate::federation::answered::{Answered, Entity};
use crate::observe::Observer;
use crate::schema::lock::{Lock, message_name};

/// The fields that what became of a key is written in.
#[derive(Debug, Clone, Copy)]
pub struct Tags {
    items: Tag,
    pub entity: Tag,
    error: Tag,
    is_untyped: bool,
}

/// How what became of each key follows the one before.
pub trait Sequence {
    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()>;

    /// One whose content is at hand.
    fn whole(&mut self, content: &[u8]) -> Result<()>;
}

/// As items of one message.
pub struct Items<'a> {
    tag: Tag,
    bytes_max: usize,
    out: &'a mut Vec<u8>,
}

/// As messages of their own.
pub struct Frames {
    tags: Tags,
    compression: Encoding,
    bytes_max: usize,
    closed: Vec<Bytes>,
    open: Vec<u8>,
}

/// Room for the tag and the length before each row.
const AROUND_BYTES: usize = 4;

/// Size at which frames are handed on, and room for the one that goes beyond it.
const PIECE_BYTES: usize = 32 * 1024;
const PIECE_ROOM: usize = PIECE_BYTES + PIECE_BYTES / 8;

/// Writes what became of each key.
pub fn write(answered: &Answered, tags: &Tags, observer: &Observer, sequence: &mut impl Sequence) -> Result<()> {
    answered.failures().for_each(|error| super::log(error, observer.id()));
    let mismatches = answered.mismatches();
    for (index, entity) in answered.entities().enumerate() {
        let error = match entity {
            Entity::Row(json) if tags.is_untyped => {
                sequence.put(|out| {
                    if !protobuf::structure(tags.entity, json, out) {
                        let error = Error::new(Stage::Encode, Code::DataMismatch, "the row is nested too deeply");
                        write_error(tags, &error, out);
                    }
                })?;
                continue;
            }
            Entity::Row(content) => {
                sequence.whole(content)?;
                continue;
            }
            Entity::Missing => {
                sequence.whole(&[])?;
                continue;
            }
            Entity::Nulled => &mismatch(&mismatches, index),
            Entity::Failed(error) => error,
        };
        observer.failed(error.code);
        sequence.put(|out| write_error(tags, error, out))?;
    }
    Ok(())
}

/// An `EntityError`.
fn write_error(tags: &Tags, error: &Error, out: &mut Vec<u8>) {
    let start = protobuf::begin_field(tags.error, out);
    protobuf::field(Tag::delimited(1), error.code.name().as_bytes(), out);
    protobuf::field(Tag::delimited(2), error.message.as_bytes(), out);
    if let Some(argument) = &error.argument {
        protobuf::field(Tag::delimited(3), argument.as_bytes(), out);
    }
    protobuf::end_field(start, out);
}

/// What does not fit in the row of a key.
fn mismatch(mismatches: &[Mismatch], index: usize) -> Error {
    let own = mismatches.iter().find(|mismatch| mismatch.path.first() == Some(&Segment::Index(index)));
    let message = own.map(|mismatch| format!("{}.{}: {}", mismatch.type_name, mismatch.field, mismatch.reason));
    let message = message.unwrap_or_else(|| "a value does not fit its type".to_owned());
    Error::new(Stage::Encode, Code::DataMismatch, message)
}

// === impl Tags ===

impl Tags {
    pub fn of(method: &Method, lock: &Lock) -> Result<Tags> {
        if &*method.endpoint == ANY_TYPE {
            let (items, entity, error) = (Tag::delimited(1), Tag::delimited(1), Tag::delimited(2));
            return Ok(Tags { items, entity, error, is_untyped: true });
        }
        let number = |message: &str, field: &str| {
            let found = lock.field(message, field).map(|member| Tag::delimited(member.number));
            found.ok_or_else(|| {
                Error::new(Stage::Encode, Code::Internal, "the schema was compiled for another version")
                    .because(format!("there is no field number for {message}.{field}"))
            })
        };
        let resolved = format!("Resolved{}", message_name(&method.endpoint));
        let items = match method.kind {
            MethodKind::BatchGet => number(&method.response, PAGE_ITEMS)?,
            MethodKind::Get
            | MethodKind::List
            | MethodKind::Pages
            | MethodKind::Connection
            | MethodKind::Count
            | MethodKind::Command
            | MethodKind::Commands
            | MethodKind::Resolve => Tag::delimited(1),
        };
        let (entity, error) = (number(&resolved, ENTITY)?, number(&resolved, ERROR)?);
        Ok(Tags { items, entity, error, is_untyped: false })
    }
}

// === impl Items ===

impl<'a> Items<'a> {
    /// Items of a message of at most so many bytes.
    pub fn new(tags: &Tags, answered: &Answered, bytes_max: usize, out: &'a mut Vec<u8>) -> Items<'a> {
        out.reserve(answered.bytes().saturating_add(answered.len() * AROUND_BYTES).min(bytes_max));
        Items { tag: tags.items, bytes_max, out }
    }

    /// One row may stand there many times.
    fn check(&self) -> Result<()> {
        if self.out.len() <= self.bytes_max {
            return Ok(());
        }
        let message = format!("the answer is larger than {} bytes ([grpc] max_message_bytes)", self.bytes_max);
        Err(Error::new(Stage::Encode, Code::PayloadTooLarge, message))
    }
}

impl Sequence for Items<'_> {
    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let start = protobuf::begin_field(self.tag, self.out);
        write(self.out);
        protobuf::end_field(start, self.out);
        self.check()
    }

    #[inline]
    fn whole(&mut self, content: &[u8]) -> Result<()> {
        protobuf::field(self.tag, content, self.out);
        self.check()
    }
}

// === impl Frames ===

impl Frames {
    /// Messages of at most so many bytes each.
    pub fn new(tags: &Tags, answered: &Answered, compression: Encoding, bytes_max: usize) -> Frames {
        let bytes = answered.bytes().saturating_add(answered.len() * frame::HEADER_BYTES);
        let open = Vec::with_capacity(bytes.min(PIECE_ROOM));
        Frames { tags: *tags, compression, bytes_max, closed: Vec::new(), open }
    }

    /// Pieces of about the same size, in none of which a message ends that began in another.
    pub fn into_pieces(mut self) -> Vec<Bytes> {
        if !self.open.is_empty() {
            self.closed.push(self.open.into());
        }
        self.closed
    }

    fn close(&mut self, start: usize) -> Result<()> {
        if let Err(error) = frame::close(start, self.compression, self.bytes_max, &mut self.open) {
            if error.code != Code::PayloadTooLarge {
                return Err(error);
            }
            // It is an error in its place, and those behind it are answered.
            self.open.truncate(start);
            frame::open(&mut self.open);
            write_error(&self.tags, &error, &mut self.open);
            frame::close(start, self.compression, usize::MAX, &mut self.open)?;
        }
        if self.open.len() >= PIECE_BYTES {
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(PIECE_ROOM));
            self.closed.push(full.into());
        }
        Ok(())
    }
}

impl Sequence for Frames {
    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let start = frame::open(&mut self.open);
        write(&mut self.open);
        self.close(start)
    }

    #[inline]
    fn whole(&mut self, content: &[u8]) -> Result<()> {
        let start = frame::open(&mut self.open);
        self.open.extend_from_slice(content);
        self.close(start)
    }
}
