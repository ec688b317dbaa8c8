//! Calls of functions that write: in one transaction, or one for each part of a batch.
//!
//! A row that a function returns commits, whatever it says; an error rolls back. A call that needs to be looked
//! at before its transaction ends (something is read afterwards, several have to stand together, nothing is to
//! stay) costs one round trip more than the others.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt};

use super::called::{Called, Reading, complete, read_of};
use super::idempotency::Kept;
use super::rows::Rows;
use super::transaction::{Loss, Transaction};
use super::{Outcome, Pace, ViewExecutor, timeout};
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::intent::Once;
use crate::plan::mutate::Reads;
use crate::sql::Batch;

/// What became of one call of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of the entity, as the function said it.
    pub id: Option<String>,
    /// False where the function found nothing to do.
    pub changed: bool,
    /// How many of the outcome's rows are its own.
    pub rows: usize,
    /// What went wrong, where the row is an error of a declared type.
    pub failure: Option<(Code, String)>,
    /// The answer that was given before under the same key; then nothing else is known here.
    pub kept: Option<Kept>,
}

/// How the calls of one intent stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Together {
    /// One that fails undoes all of them.
    pub atomic: bool,
    /// Nothing stays.
    pub dry_run: bool,
}

/// How often a transaction that lost against another one is tried again, and the longest pause before it. The
/// pauses double; together they stay far below any patience.
const COLLISIONS_MAX: u32 = 4;
const PAUSE_MAX: Duration = Duration::from_millis(40);

/// Some of the calls of a batch.
pub(super) type Part<'b> = (&'b Batch, Range<usize>);

// === impl ViewExecutor ===

impl ViewExecutor {
    /// Runs calls for a caller. A lone call that fails is an error; among several, what failed stands in its
    /// place, unless they stand together.
    ///
    /// Under a key, what a lone call says of its failure is kept like any answer, so it is no error either.
    pub async fn change(
        &self,
        batches: &[Batch],
        together: Together,
        once: Option<&Once>,
        caller: &Caller,
    ) -> Result<Outcome> {
        if let Some(once) = once.filter(|once| !together.dry_run && !once.keys.is_empty()) {
            return self.change_once(batches, together, once, caller).await;
        }
        let all: Vec<Part<'_>> = batches.iter().map(|batch| (batch, 0..batch.len())).collect();
        let count: usize = batches.iter().map(Batch::len).sum();
        let mut called = if count == 1 || together.atomic || together.dry_run {
            self.patiently(|| self.transaction(&all, together, caller).boxed()).await?
        } else {
            let mut called = Vec::with_capacity(count);
            for batch in batches {
                called.extend(self.halved(batch, caller).await?);
            }
            called
        };
        if let Some(first) = batches.first() {
            self.read_afterwards(first, &mut called, caller).await?;
        }
        let mut outcome = Outcome::of_calls(batches.first(), called)?;
        match outcome.changes.pop_if(|change| count == 1 && change.is_err()) {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(outcome),
        }
    }

    /// Each half by itself when the whole fails, until the call that makes it fail stands alone.
    async fn halved(&self, batch: &Batch, caller: &Caller) -> Result<Vec<Called>> {
        let apart = Together { atomic: false, dry_run: false };
        let mut called = Vec::with_capacity(batch.len());
        let mut open = Vec::with_capacity(2);
        open.push(0..batch.len());
        while let Some(part) = open.pop().filter(|part| !part.is_empty()) {
            let parts = [(batch, part.clone())];
            match self.patiently(|| self.transaction(&parts, apart, caller).boxed()).await {
                Ok(some) => called.extend(some),
                Err(error) if error.stale => return Err(error),
                Err(error) if part.len() > 1 && error.is_of_one() => {
                    let middle = part.start + part.len() / 2;
                    open.push(middle..part.end);
                    open.push(part.start..middle);
                }
                Err(error) => called.extend(part.map(|_| Called::failed(error.again()))),
            }
        }
        Ok(called)
    }

    /// One transaction within its time, tried again while it loses against others.
    pub(super) async fn patiently<'f, T>(&self, attempt: impl Fn() -> BoxFuture<'f, Result<T>>) -> Result<T> {
        let limit = self.options.database.statement_timeout;
        let deadline = Instant::now() + limit;
        let mut collisions = 0;
        loop {
            match tokio::time::timeout_at(deadline.into(), attempt()).await {
                Ok(Err(error)) if error.collided && collisions < COLLISIONS_MAX => {
                    collisions += 1;
                    tokio::time::sleep(pause(collisions)).await;
                }
                Ok(result) => return result,
                Err(_) => return Err(timeout(limit)),
            }
        }
    }

    async fn transaction(&self, parts: &[Part<'_>], together: Together, caller: &Caller) -> Result<Vec<Called>> {
        let looks = together.dry_run
            || parts.len() > 1
            || parts.iter().any(|(batch, part)| {
                (together.atomic && part.len() > 1)
                    || batch.statement.call().is_some_and(|call| call.reads == Reads::Always)
            });
        let mut transaction = match Transaction::prepare(self, parts, looks, &[], caller).await {
            // The connection had died while it lay in the pool: nothing has run, take another.
            Err(error) if error.lost_connection => Transaction::prepare(self, parts, looks, &[], caller).await?,
            result => result?,
        };
        if let ([(batch, part)], false) = (parts, looks) {
            return transaction.call_alone(batch, part).await;
        }
        let ending = if together.dry_run { "ROLLBACK" } else { "COMMIT" };
        let called = transaction.run(parts, together).await?;
        transaction.end(ending, if together.dry_run { Loss::Nothing } else { Loss::Unknown }).await?;
        Ok(called)
    }

    /// Reads the entities whose documents turned out not to be all that was asked for. Their transaction has
    /// ended: only its rows could tell that there is something to read.
    async fn read_afterwards(&self, batch: &Batch, called: &mut [Called], caller: &Caller) -> Result<()> {
        let Some(statement) = read_of(batch, called) else { return Ok(()) };
        let mut reading = Reading::of(called);
        while let Some(ids) = reading.next() {
            let parameters = batch.read_back(statement, &ids)?;
            let read = async {
                let (_, mut rows) = self.run(statement.clone(), parameters, caller, Pace::Answer).await?.into_parts();
                let mut all = Vec::with_capacity(ids.len());
                while let Some(row) = rows.next().await.transpose()? {
                    all.push(row);
                }
                Ok(all)
            };
            // What was written stays written: nothing may lead to a second try of the whole.
            let rows = read.await.map_err(|error: Error| Error { stale: false, lost_connection: false, ..error })?;
            reading.found(called, rows);
        }
        reading.place(called);
        Ok(())
    }
}

// === impl Outcome ===

impl Outcome {
    /// The calls of one mutation, whose statements all have one shape.
    pub(super) fn of_calls(first: Option<&Batch>, called: Vec<Called>) -> Result<Outcome> {
        let Some(Batch { statement, .. }) = first else { return Err(Error::invalid("there is nothing to do")) };
        let read_back = statement.call().and_then(|call| call.read_back.as_ref());
        let shown = read_back.filter(|_| called.iter().any(|call| call.is_read)).unwrap_or(statement).clone();
        let (mut rows, mut changes) = (Vec::with_capacity(called.len()), Vec::with_capacity(called.len()));
        for call in called {
            let change = complete(statement, call.change, call.rows.len());
            if change.is_ok() {
                rows.extend(call.rows);
            }
            changes.push(change);
        }
        Ok(Outcome { statement: shown, rows: Rows::kept(rows), changes, pending: None })
    }
}

/// Between half and the whole of a time that doubles.
fn pause(collisions: u32) -> Duration {
    let longest = PAUSE_MAX.min(Duration::from_millis(5 << collisions.min(8)));
    let share = ahash::RandomState::new().hash_one(collisions) % 1000;
    longest / 2 + longest.mul_f64(share as f64 / 2000.0)
}
