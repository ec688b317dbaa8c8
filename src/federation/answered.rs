//! What a batch of representations has come to: rows, encoded once each, and why others are not there.

use std::ops::Range;

use smallvec::SmallVec;

use crate::codec::{Mismatch, Segment};
use crate::error::{Code, Error, Result};

/// The answer to a batch.
#[derive(Debug)]
pub struct Answered {
    pub(super) groups: Vec<Result<Encoded>>,
    pub(super) places: Vec<Place>,
}

/// What became of one representation.
#[derive(Debug)]
pub enum Entity<'a> {
    Row(&'a [u8]),
    /// There is no such row, or none that this caller sees.
    Missing,
    /// A null came up to the row itself; the mismatches say why.
    Nulled,
    Failed(&'a Error),
}

/// Where the row of one representation will be.
#[derive(Debug)]
pub(super) enum Place {
    /// In one group; behind an interface, in the first that has it.
    In(SmallVec<[(usize, usize); 1]>),
    Refused(Error),
}

/// The rows of a group, encoded.
#[derive(Debug)]
pub(super) struct Encoded {
    pub bytes: Vec<u8>,
    pub rows: Vec<Row>,
    pub mismatches: Vec<Mismatch>,
}

#[derive(Debug, Clone)]
pub(super) enum Row {
    Missing,
    Nulled,
    At(Range<usize>),
}

// === impl Answered ===

impl Answered {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What became of each representation, in their order.
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_>> {
        self.places.iter().map(|place| self.entity(place))
    }

    fn entity<'a>(&'a self, place: &'a Place) -> Entity<'a> {
        let all = match place {
            Place::In(all) => all,
            Place::Refused(error) => return Entity::Failed(error),
        };
        let mut left = Entity::Missing;
        for (group, key) in all {
            match &self.groups[*group] {
                Err(error) => left = Entity::Failed(error),
                Ok(encoded) => match &encoded.rows[*key] {
                    Row::At(range) => return Entity::Row(&encoded.bytes[range.clone()]),
                    Row::Nulled => return Entity::Nulled,
                    Row::Missing => {}
                },
            }
        }
        left
    }

    /// Why there is nothing at all: every statement failed.
    pub fn into_failure(mut self) -> std::result::Result<Answered, Error> {
        let is_failed = !self.groups.is_empty() && self.groups.iter().all(Result::is_err);
        match is_failed.then(|| self.groups.swap_remove(0)) {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(self),
        }
    }

    /// Why whole statements failed, each once.
    pub fn failures(&self) -> impl Iterator<Item = &Error> {
        self.groups.iter().filter_map(|group| group.as_ref().err())
    }

    /// Where the breakers of all entities that were asked for are open: the seconds until the first of them
    /// may be tried again.
    pub fn all_open(&self) -> Option<u64> {
        let mut left = None;
        for group in &self.groups {
            let Err(Error { code: Code::CircuitBreakerOpen, retry_after_secs: Some(secs), .. }) = group else {
                return None;
            };
            left = Some(left.map_or(*secs, |left: u64| left.min(*secs)));
        }
        left
    }

    /// Values that did not fit. The path of each begins with the position of the representation, of every
    /// one whose row has it.
    pub fn mismatches(&self) -> Vec<Mismatch> {
        if self.groups.iter().all(|group| group.as_ref().is_ok_and(|encoded| encoded.mismatches.is_empty())) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (index, place) in self.places.iter().enumerate() {
            let Place::In(all) = place else { continue };
            for (group, key) in all {
                let mismatches = self.groups[*group].iter().flat_map(|encoded| &encoded.mismatches);
                let own = mismatches.filter(|mismatch| mismatch.path.first() == Some(&Segment::Index(*key)));
                found.extend(own.cloned().map(|mut mismatch| {
                    mismatch.path[0] = Segment::Index(index);
                    mismatch
                }));
            }
        }
        found
    }
}
