//! Where a value that did not fit was found.
//!
//! The place is a linked list on the stack of the walk and becomes a path only when something is
//! wrong, so that a row without a mismatch pays nothing for it.

use crate::plan::shape::Key;
use crate::schema::name::Name;

/// How many mismatches of one answer are kept; the rest are counted.
pub const MISMATCHES_MAX: usize = 100;

/// How much of a stored value a reason may quote.
const EXCERPT_CHARS_MAX: usize = 40;

/// What did not fit in one answer.
#[derive(Debug, Default)]
pub struct Trail {
    row: Option<usize>,
    mismatches: Vec<Mismatch>,
    omitted: usize,
}

/// One value that does not fit its declared type, or a null where none may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// From the value of the root field: response keys and list indexes.
    pub path: Vec<Segment>,
    pub type_name: Name,
    /// The name in the schema.
    pub field: Name,
    /// For the caller; holds at most 40 characters of the stored value.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Key(Name),
    Index(usize),
}

/// A place within one row.
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Row,
    Key(&'p Key),
    Index(usize),
}

/// A field of a type at a place: what a mismatch names.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub path: &'p Path<'p>,
    pub type_name: &'p Name,
    pub field: &'p Name,
}

/// The start of a stored value, for a reason.
pub(super) fn excerpt(value: &[u8]) -> String {
    // Enough bytes for every form of the characters that are shown and of the one that is not.
    let start = &value[..value.len().min(4 * (EXCERPT_CHARS_MAX + 1))];
    let text = String::from_utf8_lossy(start);
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

// === impl Trail ===

impl Trail {
    /// The row, within the list of the root field, that the next mismatches belong to.
    pub fn at_row(&mut self, row: Option<usize>) {
        self.row = row;
    }

    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    pub fn into_mismatches(self) -> Vec<Mismatch> {
        self.mismatches
    }

    /// How many more there were than are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    pub fn is_empty(&self) -> bool {
        self.mismatches.is_empty()
    }

    #[cold]
    pub(super) fn record(&mut self, place: Place<'_>, reason: impl FnOnce() -> String) {
        if self.mismatches.len() >= MISMATCHES_MAX {
            self.omitted += 1;
            return;
        }
        let mut path: Vec<Segment> = place.path.segments();
        path.extend(self.row.map(Segment::Index));
        path.reverse();
        self.mismatches.push(Mismatch {
            path,
            type_name: place.type_name.clone(),
            field: place.field.clone(),
            reason: reason(),
        });
    }
}

// === impl Path ===

impl<'p> Path<'p> {
    pub(super) const ROW: Path<'static> = Path { parent: None, step: Step::Row };

    #[inline]
    pub(super) fn key(&'p self, key: &'p Key) -> Path<'p> {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    #[inline]
    pub(super) fn index(&'p self, index: usize) -> Path<'p> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// From the place up to the row.
    fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut here = Some(self);
        while let Some(path) = here {
            match path.step {
                Step::Row => {}
                Step::Key(key) => segments.push(Segment::Key(key.name.clone())),
                Step::Index(index) => segments.push(Segment::Index(index)),
            }
            here = path.parent;
        }
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_cut_between_characters() {
        for (value, expected) in [
            ("short".to_owned(), "short".to_owned()),
            ("x".repeat(40), "x".repeat(40)),
            ("x".repeat(41), "x".repeat(40) + "…"),
            ("\u{1f600}".repeat(60), "\u{1f600}".repeat(40) + "…"),
        ] {
            assert_eq!(excerpt(value.as_bytes()), expected);
        }
    }

    #[test]
    fn mismatches_are_bounded() {
        let (name, key) = (Name::from("T"), Key::new("a"));
        let mut trail = Trail::default();
        trail.at_row(Some(7));
        for _ in 0..MISMATCHES_MAX + 3 {
            let path = Path::ROW.key(&key);
            trail.record(Place { path: &path.index(2), type_name: &name, field: &key.name }, String::new);
        }
        assert_eq!((trail.mismatches().len(), trail.omitted()), (MISMATCHES_MAX, 3));
        let path = [Segment::Index(7), Segment::Key(Name::from("a")), Segment::Index(2)];
        assert_eq!(trail.mismatches()[0].path, path);
    }
}
