//! Many representations at once: one statement for each type and key, side by side, and the rows back in
//! the order of the representations.
//!
//! A key that stands several times is asked once. A representation that cannot be understood costs
//! nobody else's answer, nor does one for which the statement fails: more statements find it.

use std::ops::Range;
use std::time::Instant;

use futures_util::{FutureExt, StreamExt};
use tracing::Instrument;

use super::answered::{Answered, may_be_of_a_key};
use super::collected::Collected;
use super::encoded::Encoded;
use super::group::{Group, Known};
use super::guarded::guarded;
use crate::auth::Caller;
use crate::codec::key::key;
use crate::codec::{Columns, MISMATCHES_MAX, Shape, Stop, Trail, columns, json};
use crate::engine::{Engine, Outcome, Pace, REBINDS_MAX};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::value::Values;
use crate::intent::{Arguments, Intent, Read};
use crate::schema::name::Name;

/// Statements of one batch that hold a connection at the same time.
const STATEMENTS_AT_ONCE: usize = 4;

/// Parts that are asked for, to find the keys that make a statement fail.
const PARTS_MAX: usize = 256;
/// Keys that fail alone while nothing is answered: so many, and it is no matter of keys.
const ALONE_MAX: usize = 8;

/// What a representation may take of a body: a body of them may be longer than others by that much for each.
pub const REPRESENTATION_BYTES: usize = 512;

/// A batch that is to be answered.
pub struct EntityBatch<'a, E> {
    pub engine: &'a Engine,
    pub caller: &'a Caller,
    /// The arguments of the lists that are joined to entities of a type; their values go behind those
    /// that are there.
    pub arguments: &'a (dyn Fn(&Name, &mut Values) -> Result<Vec<Arguments>> + Sync),
    pub encoding: &'a E,
    /// Most bytes of encoded rows, each of them once.
    pub bytes_max: usize,
}

/// How rows are written.
pub trait Encoding: Sync {
    /// What is made once for the rows of one shape.
    type Layout: Send + Sync;

    fn layout(&self, outcome: &Outcome) -> Result<Self::Layout>;

    /// Writes one row. When it stops, `out` is as it was before.
    fn row(
        &self,
        layout: &mut Self::Layout,
        shape: &Shape,
        columns: &Columns<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> Result<(), Stop>;
}

/// Rows as JSON.
pub struct JsonRows;

/// The keys of a group, and what is asked with them.
struct Keys {
    /// A read whose values begin with `lists` lists of them.
    intent: Intent,
    lists: usize,
    known: Known,
}

// === impl JsonRows ===

impl Encoding for JsonRows {
    type Layout = ();

    fn layout(&self, _: &Outcome) -> Result<()> {
        Ok(())
    }

    fn row(
        &self,
        (): &mut (),
        shape: &Shape,
        columns: &Columns<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> Result<(), Stop> {
        json::row(shape, columns, out, trail)
    }
}

// === impl EntityBatch ===

impl<E: Encoding> EntityBatch<'_, E> {
    /// Answers everything that was collected.
    pub async fn answer(&self, collected: Collected<'_>) -> Answered {
        let Collected { groups, places, .. } = collected;
        let mut all: Vec<_> = groups.into_iter().map(|group| self.guarded(group).boxed()).collect();
        let groups = match all.pop() {
            Some(lone) if all.is_empty() => vec![lone.await],
            last => {
                all.extend(last);
                futures_util::stream::iter(all).buffered(STATEMENTS_AT_ONCE).collect().await
            }
        };
        Answered { groups, places }
    }

    async fn guarded(&self, group: Group<'_>) -> Result<Encoded> {
        guarded(self.engine, group.type_name(), self.group(group)).await
    }

    /// The rows of a group.
    async fn group(&self, group: Group<'_>) -> Result<Encoded> {
        let began = Instant::now();
        self.caller.observer().batch(group.type_name(), group.len());
        let (form, lists) = (group.form.clone(), group.lists());
        let type_name = group.type_name();
        let (mut values, known) = group.into_values();
        let arguments = (self.arguments)(type_name, &mut values)?;
        let keys = Keys { intent: Intent::Read(Read { form, arguments, values }), lists, known };
        let count = keys.known.count;
        let mut encoded = Encoded::new(count);
        match self.some(&keys, 0..count, &mut encoded).await {
            Err(error) if count > 1 && may_be_of_a_key(&error) => {
                self.halved(&keys, error, began, &mut encoded).await?;
            }
            result => result?,
        }
        Ok(encoded)
    }

    /// Each half by itself when the whole has failed, until the keys that make it fail stand alone. A function that
    /// computes a field can refuse one representation, and a view can fail for one row.
    async fn halved(&self, keys: &Keys, whole: Error, began: Instant, encoded: &mut Encoded) -> Result<()> {
        // Half of the time: what has been found until then is not to be lost with what has not.
        let patience = self.engine.entity_timeout() / 2;
        let (mut asked, mut answered) = (0, 0);
        let mut open = Vec::from(halves(0..keys.known.count));
        while let Some(part) = open.pop() {
            // Their rows have come before the error.
            if part.clone().all(|at| !encoded.is_missing(at)) {
                continue;
            }
            if asked >= PARTS_MAX || began.elapsed() >= patience {
                encoded.failed.push((part, whole.again()));
                continue;
            }
            asked += 1;
            match self.some(keys, part.clone(), encoded).await {
                Ok(()) => answered += 1,
                Err(error) if !may_be_of_a_key(&error) => return Err(error),
                Err(_) if part.len() > 1 => open.extend(halves(part)),
                Err(error) => encoded.failed.push((part, error)),
            }
            if answered == 0 && encoded.bytes() == 0 && encoded.failed.len() > ALONE_MAX {
                return Err(whole);
            }
        }
        Ok(())
    }

    /// The rows of some keys; anew when they are of another shape than planned.
    async fn some(&self, keys: &Keys, part: Range<usize>, encoded: &mut Encoded) -> Result<()> {
        let partial = (part.len() < keys.known.count).then(|| keys.part(part.clone()));
        let intent = partial.as_ref().unwrap_or(&keys.intent);
        let mut tries = REBINDS_MAX;
        loop {
            let seen = self.engine.generation();
            let outcome = self.engine.answer(self.caller, intent, Pace::Answer).await?;
            let written = {
                let _timed = self.caller.observer().time(Stage::Encode);
                let writing = self.rows(outcome, keys, part.start, encoded);
                writing.instrument(tracing::debug_span!("encode")).await
            };
            match written {
                Err(error) if error.can_be_asked_again() && tries > 0 => {
                    self.engine.recover(self.caller, seen, &error).await?;
                }
                result => return result,
            }
            tries -= 1;
        }
    }

    /// Writes the rows of the keys from `first` on.
    async fn rows(&self, outcome: Outcome, keys: &Keys, first: usize, encoded: &mut Encoded) -> Result<()> {
        let mut trail = Trail::default();
        let written = self.written(outcome, keys, first, encoded, &mut trail).await;
        // However it has ended: what is written stays.
        encoded.mismatches.extend(trail.into_mismatches());
        encoded.mismatches.truncate(MISMATCHES_MAX);
        written
    }

    async fn written(
        &self,
        outcome: Outcome,
        keys: &Keys,
        first: usize,
        encoded: &mut Encoded,
        trail: &mut Trail,
    ) -> Result<()> {
        let mut layout = self.encoding.layout(&outcome)?;
        let (statement, mut rows) = outcome.into_parts();
        let shape = statement.shape();
        let Some(lookup) = statement.lookup() else {
            return Err(Error::new(Stage::Encode, Code::Internal, "entities were asked for without a key"));
        };
        let bytes_max = self.bytes_max.min(Encoded::BYTES_MAX);
        while let Some(row) = rows.next().await.transpose()? {
            let columns = columns(&row);
            let found = key(lookup, &columns).map_err(|_| stale())?;
            let Some(at) = found.and_then(|key| keys.known.find(key, keys.values(), first)) else { continue };
            if !encoded.is_missing(at) {
                continue;
            }
            trail.at_row(Some(at));
            let written = encoded.put(at, |out| self.encoding.row(&mut layout, shape, &columns, out, trail));
            written.map_err(|_| stale())?;
            if encoded.bytes() > bytes_max {
                let message = format!("the entities take more than {bytes_max} bytes; ask for fewer");
                return Err(Error::new(Stage::Encode, Code::TooComplex, message));
            }
        }
        Ok(())
    }
}

// === impl Keys ===

impl Keys {
    fn values(&self) -> &Values {
        match &self.intent {
            Intent::Read(read) => &read.values,
            Intent::Mutate(mutate) => &mutate.values,
        }
    }

    /// The same question for some of the keys.
    fn part(&self, part: Range<usize>) -> Intent {
        match &self.intent {
            Intent::Read(Read { form, arguments, values }) => {
                let (form, arguments) = (form.clone(), arguments.clone());
                Intent::Read(Read { form, arguments, values: values.part(self.lists, part) })
            }
            mutate @ Intent::Mutate(_) => mutate.clone(),
        }
    }
}

fn halves(keys: Range<usize>) -> [Range<usize>; 2] {
    let middle = keys.start + keys.len() / 2;
    [middle..keys.end, keys.start..middle]
}

fn stale() -> Error {
    let mut error = Error::new(Stage::Encode, Code::Internal, "the schema and the database differ")
        .because("rows came with other types than the statement was planned for");
    error.stale = true;
    error
}
