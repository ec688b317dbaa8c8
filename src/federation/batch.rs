//! Many representations at once: one statement for each type and key, side by side, and the rows back in
//! the order of the representations.
//!
//! A key that stands several times is asked once. A representation that cannot be understood costs
//! nobody else's answer.

use futures_util::{FutureExt, StreamExt};
use tracing::Instrument;

use super::answered::Answered;
use super::collected::Collected;
use super::encoded::Encoded;
use super::group::{Group, Known};
use super::guarded::guarded;
use crate::auth::Caller;
use crate::codec::key::key;
use crate::codec::{Columns, Shape, Stop, Trail, columns, json};
use crate::engine::{Engine, Outcome, Pace, REBINDS_MAX};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::value::Values;
use crate::intent::{Arguments, Intent, Read};
use crate::schema::name::Name;

/// Statements of one batch that hold a connection at the same time.
const STATEMENTS_AT_ONCE: usize = 4;

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

    /// The rows of a group; anew when they are of another shape than planned.
    async fn group(&self, group: Group<'_>) -> Result<Encoded> {
        self.caller.observer().batch(group.type_name(), group.len());
        let (form, type_name) = (group.form.clone(), group.type_name());
        let (mut values, known) = group.into_values();
        let arguments = (self.arguments)(type_name, &mut values)?;
        let intent = Intent::Read(Read { form, arguments, values });
        let values = match &intent {
            Intent::Read(read) => &read.values,
            Intent::Mutate(mutate) => &mutate.values,
        };
        let mut tries = REBINDS_MAX;
        loop {
            let seen = self.engine.generation();
            let outcome = self.engine.answer(self.caller, &intent, Pace::Answer).await?;
            let encoded = {
                let _timed = self.caller.observer().time(Stage::Encode);
                self.rows(outcome, &known, values).instrument(tracing::debug_span!("encode")).await
            };
            match encoded {
                Err(error) if error.can_be_asked_again() && tries > 0 => {
                    self.engine.recover(self.caller, seen, &error).await?;
                }
                result => return result,
            }
            tries -= 1;
        }
    }

    async fn rows(&self, outcome: Outcome, known: &Known, values: &Values) -> Result<Encoded> {
        let mut layout = self.encoding.layout(&outcome)?;
        let (statement, mut rows) = outcome.into_parts();
        let shape = statement.shape();
        let Some(lookup) = statement.lookup() else {
            return Err(Error::new(Stage::Encode, Code::Internal, "entities were asked for without a key"));
        };
        let bytes_max = self.bytes_max.min(Encoded::BYTES_MAX);
        let (mut encoded, mut trail) = (Encoded::new(known.count), Trail::default());
        while let Some(row) = rows.next().await.transpose()? {
            let columns = columns(&row);
            let found = key(lookup, &columns).map_err(|_| stale())?;
            let Some(at) = found.and_then(|key| known.find(key, values)) else { continue };
            if !encoded.is_missing(at) {
                continue;
            }
            trail.at_row(Some(at));
            let written = encoded.put(at, |out| self.encoding.row(&mut layout, shape, &columns, out, &mut trail));
            written.map_err(|_| stale())?;
            if encoded.bytes() > bytes_max {
                let message = format!("the entities take more than {bytes_max} bytes; ask for fewer");
                return Err(Error::new(Stage::Encode, Code::TooComplex, message));
            }
        }
        encoded.mismatches = trail.into_mismatches();
        Ok(encoded)
    }
}

fn stale() -> Error {
    let mut error = Error::new(Stage::Encode, Code::Internal, "the schema and the database differ")
        .because("rows came with other types than the statement was planned for");
    error.stale = true;
    error
}
