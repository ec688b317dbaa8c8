//! Rows of a group as their wire has them, each once, and where they stand.

use std::ops::Range;

use crate::codec::{Mismatch, Stop};
use crate::error::Error;

/// Size at which a piece is closed, and room for the row that closes it.
const PIECE_BYTES: usize = 32 * 1024;
const PIECE_ROOM: usize = PIECE_BYTES + PIECE_BYTES / 8;
/// What a short row takes.
const ROW_BYTES: usize = 64;

/// The rows of a group.
#[derive(Debug)]
pub(super) struct Encoded {
    /// Pieces of about the same size, in none of which a row ends that began in another: one that grew with all rows
    /// would be copied each time that it does, and leave places of many sizes behind, which the allocator keeps.
    closed: Vec<Vec<u8>>,
    closed_bytes: usize,
    open: Vec<u8>,
    rows: Vec<Row>,
    pub mismatches: Vec<Mismatch>,
    /// Keys whose statement failed while those of others did not, and why.
    pub failed: Vec<(Range<usize>, Error)>,
}

#[derive(Debug, Clone, Copy)]
enum Row {
    Missing,
    Nulled,
    At { piece: u32, start: u32, end: u32 },
}

/// What is there of a row.
pub(super) enum Found<'a> {
    Missing,
    Nulled,
    Row(&'a [u8]),
    Failed(&'a Error),
}

// === impl Encoded ===

impl Encoded {
    /// Most bytes that there may be: positions have no more.
    pub const BYTES_MAX: usize = u32::MAX as usize;

    /// Of so many keys.
    pub fn new(count: usize) -> Encoded {
        let open = Vec::with_capacity(count.saturating_mul(ROW_BYTES).min(PIECE_ROOM));
        Encoded {
            closed: Vec::new(),
            closed_bytes: 0,
            open,
            rows: vec![Row::Missing; count],
            mismatches: Vec::new(),
            failed: Vec::new(),
        }
    }

    pub fn bytes(&self) -> usize {
        self.closed_bytes + self.open.len()
    }

    pub fn is_missing(&self, at: usize) -> bool {
        matches!(self.rows[at], Row::Missing)
    }

    /// Keeps what `write` writes as a row; what stops with a null is one that has come to nothing.
    #[inline]
    pub fn put(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Stop>) -> Result<(), Stop> {
        let start = self.open.len();
        self.rows[at] = match write(&mut self.open) {
            Ok(()) => Row::At { piece: self.closed.len() as u32, start: start as u32, end: self.open.len() as u32 },
            Err(Stop::Null) => Row::Nulled,
            Err(Stop::Stale) => return Err(Stop::Stale),
        };
        if self.open.len() >= PIECE_BYTES {
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(PIECE_ROOM));
            self.closed_bytes += full.len();
            self.closed.push(full);
        }
        Ok(())
    }

    #[inline]
    pub fn row(&self, at: usize) -> Found<'_> {
        match self.rows[at] {
            Row::Missing => match self.failed.iter().find(|(keys, _)| keys.contains(&at)) {
                Some((_, error)) => Found::Failed(error),
                None => Found::Missing,
            },
            Row::Nulled => Found::Nulled,
            Row::At { piece, start, end } => {
                let piece = self.closed.get(piece as usize).unwrap_or(&self.open);
                Found::Row(&piece[start as usize..end as usize])
            }
        }
    }
}
