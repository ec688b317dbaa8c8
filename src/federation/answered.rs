//! What a batch of representations has come to: rows, encoded once each, and why others are not there.

use super::encoded::{Encoded, Found};
use crate::codec::{Mismatch, Segment};
use crate::error::{Code, Error, Result, Stage};

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

/// Where the row of one representation will be: by the positions of a group, and of a key in it.
#[derive(Debug)]
pub(super) enum Place {
    In((u32, u32)),
    /// Behind an interface: in the first of these that has it.
    Behind(Box<[(u32, u32)]>),
    /// In no type that is asked for.
    Nowhere,
    Refused(Box<Error>),
}

/// Errors of one group that are logged, where keys fail one by one.
const FAILURES_MAX: usize = 10;

// === impl Answered ===

impl Answered {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of all rows, each of them once.
    pub fn bytes(&self) -> usize {
        self.groups.iter().flatten().map(Encoded::bytes).sum()
    }

    /// What became of each representation, in their order.
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_>> {
        self.places.iter().map(|place| self.entity(place))
    }

    #[inline]
    fn entity<'a>(&'a self, place: &'a Place) -> Entity<'a> {
        match place {
            Place::In((group, key)) => self.row(*group, *key),
            Place::Behind(all) => {
                let mut left = Entity::Missing;
                for (group, key) in all {
                    match self.row(*group, *key) {
                        Entity::Missing => {}
                        failed @ Entity::Failed(_) => left = failed,
                        found @ (Entity::Row(_) | Entity::Nulled) => return found,
                    }
                }
                left
            }
            Place::Nowhere => Entity::Missing,
            Place::Refused(error) => Entity::Failed(error),
        }
    }

    #[inline]
    fn row(&self, group: u32, key: u32) -> Entity<'_> {
        match &self.groups[group as usize] {
            Err(error) => Entity::Failed(error),
            Ok(encoded) => match encoded.row(key as usize) {
                Found::Row(row) => Entity::Row(row),
                Found::Nulled => Entity::Nulled,
                Found::Missing => Entity::Missing,
                Found::Failed(error) => Entity::Failed(error),
            },
        }
    }

    /// Why there is nothing at all: every statement failed, and not for what their keys are.
    pub fn into_failure(self) -> std::result::Result<Answered, Error> {
        self.unless_of_keys(|error| may_be_of_a_key(error) && error.code != Code::Internal)
    }

    /// Why a stream ends that has asked for these: as [`Answered::into_failure`], unless the next keys may do better.
    pub fn into_end(self) -> std::result::Result<Answered, Error> {
        self.unless_of_keys(may_be_of_a_key)
    }

    fn unless_of_keys(mut self, is_of_keys: impl Fn(&Error) -> bool) -> std::result::Result<Answered, Error> {
        let has_failed = |group: &Result<Encoded>| group.as_ref().is_err_and(|error| !is_of_keys(error));
        let is_failed = !self.groups.is_empty() && self.groups.iter().all(has_failed);
        match is_failed.then(|| self.groups.swap_remove(0)) {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(self),
        }
    }

    /// Why statements failed, each once, as far as a log needs to know.
    pub fn failures(&self) -> impl Iterator<Item = &Error> {
        self.groups.iter().flat_map(|group| {
            let of_some = group.iter().flat_map(|encoded| encoded.failed.iter().map(|(_, error)| error));
            let of_some = of_some.take(FAILURES_MAX);
            group.as_ref().err().into_iter().chain(of_some)
        })
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
            for (group, key) in place.all() {
                let mismatches = self.groups[*group as usize].iter().flat_map(|encoded| &encoded.mismatches);
                let own = mismatches.filter(|mismatch| mismatch.path.first() == Some(&Segment::Index(*key as usize)));
                found.extend(own.cloned().map(|mut mismatch| {
                    mismatch.path[0] = Segment::Index(index);
                    mismatch
                }));
            }
        }
        found
    }
}

/// Whether a statement may have failed for what one of its keys holds, so that others, without it, do not. What fails
/// alike for all of them is said by other codes: nothing may be read, the database is not there, the time is over.
pub(super) fn may_be_of_a_key(error: &Error) -> bool {
    let codes = [Code::InvalidArgument, Code::ValidationFailed, Code::NotFound, Code::Conflict, Code::Internal];
    error.stage == Stage::Execute && codes.contains(&error.code) && !error.stale && !error.lost_connection
}

// === impl Place ===

impl Place {
    fn all(&self) -> &[(u32, u32)] {
        match self {
            Place::In(place) => std::slice::from_ref(place),
            Place::Behind(all) => all,
            Place::Nowhere | Place::Refused(_) => &[],
        }
    }
}
