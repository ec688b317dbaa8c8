//! One transaction on one connection: everything that it may send is prepared before it begins.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::called::{Called, Reading, called_of, read_of};
use super::change::{Part, Together};
use super::connection::{Ready, Running};
use super::failure::Failure;
use super::row::Row;
use super::rows::{fits, stale};
use super::wire::ColumnTypes;
use super::{ViewExecutor, sqlstate};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::sql::{Batch, Param};

/// What a lost connection leaves of a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// It may have been committed.
    Unknown,
    Nothing,
}

/// One statement of a transaction.
pub(super) struct Step<'b> {
    ready: Arc<Ready>,
    parameters: Cow<'b, [Param]>,
    /// Its rows are of interest.
    is_asked: bool,
}

/// A connection with everything prepared on it that the transaction may send.
pub(super) struct Transaction {
    running: Running,
    opening: Vec<Step<'static>>,
    calls: Vec<Arc<Ready>>,
    read_back: Option<Arc<Ready>>,
    /// The statements of its own: how it ends, and those about keys. None where it is what is sent together.
    own: HashMap<&'static str, Arc<Ready>>,
}

/// Rows of the steps whose rows are of interest, and the columns of the last step.
struct Sent {
    rows: Vec<Row>,
    columns: Option<ColumnTypes>,
}

// === impl Step ===

impl<'b> Step<'b> {
    fn new(ready: impl Into<Arc<Ready>>, parameters: impl Into<Cow<'b, [Param]>>) -> Step<'b> {
        Step { ready: ready.into(), parameters: parameters.into(), is_asked: false }
    }

    fn asked(self) -> Step<'b> {
        Step { is_asked: true, ..self }
    }
}

// === impl Transaction ===

impl Transaction {
    /// One that stays open until it is ended, or one that is over with what is sent first.
    pub async fn prepare(
        executor: &ViewExecutor,
        parts: &[Part<'_>],
        stays_open: bool,
        texts: &[&'static str],
        caller: &Caller,
    ) -> Result<Transaction> {
        let mut running = Running::on(executor.pools.get().await?);
        let (mut opening, mut own) = (Vec::new(), HashMap::new());
        if stays_open {
            opening.push(Step::new(running.ready("BEGIN").await?, Vec::new()));
            for text in ["COMMIT", "ROLLBACK"].iter().chain(texts) {
                own.insert(*text, Arc::new(running.ready(text).await?));
            }
        }
        if !executor.session.is_empty() {
            let (ready, values) = executor.session.settings(&mut running, caller).await?;
            opening.push(Step::new(ready, values));
        }
        let (mut calls, mut read_back) = (Vec::with_capacity(parts.len()), None);
        for (batch, _) in parts {
            calls.push(Arc::new(running.statement(batch.statement.text(), caller.observer()).await?));
            let statement = batch.statement.call().and_then(|call| call.read_back.as_ref());
            if let (Some(statement), None, true) = (statement, &read_back, stays_open) {
                read_back = Some(Arc::new(running.ready(statement.text()).await?));
            }
        }
        Ok(Transaction { running, opening, calls, read_back, own })
    }

    /// The steps of a call, with those that open the transaction before the first.
    fn call<'b>(&mut self, position: usize, batch: &'b Batch, part: &Range<usize>) -> Vec<Step<'b>> {
        let mut steps: Vec<Step<'b>> = std::mem::take(&mut self.opening);
        if let Some(ready) = self.calls.get(position) {
            steps.push(Step::new(ready.clone(), batch.parameters(part.clone())).asked());
        }
        steps
    }

    /// Makes a call that is the whole transaction.
    pub async fn call_alone(mut self, batch: &Batch, part: &Range<usize>) -> Result<Vec<Called>> {
        let steps = self.call(0, batch, part);
        let rows = self.send(steps, Loss::Unknown).await?.rows;
        self.running.finish();
        Ok(called_of(batch, part.len(), rows))
    }

    /// Sends steps without waiting in between. The transaction is over when one fails.
    async fn send(&mut self, steps: Vec<Step<'_>>, loss: Loss) -> Result<Sent> {
        for step in &steps {
            self.running.send(&step.ready, &step.parameters)?;
        }
        match self.running.settle().await {
            Ok(settled) => {
                let is_asked = |at: &usize| steps.get(*at).is_some_and(|step| step.is_asked);
                let rows = settled.rows.into_iter().filter(|(at, _)| is_asked(at)).map(|(_, row)| row).collect();
                let known = steps.last().and_then(|step| step.ready.columns().cloned());
                Ok(Sent { rows, columns: known.or(settled.columns) })
            }
            Err(failure) => Err(self.failed(failure, loss).await),
        }
    }

    /// Runs calls, looks at what they say, and reads what has to be read. The transaction stays open, unless
    /// calls that stand together fail.
    pub async fn run(&mut self, parts: &[Part<'_>], together: Together) -> Result<Vec<Called>> {
        let count: usize = parts.iter().map(|(_, part)| part.len()).sum();
        let mut called: Vec<Called> = Vec::with_capacity(count);
        for (i, (batch, part)) in parts.iter().enumerate() {
            let steps = self.call(i, batch, part);
            let rows = self.send(steps, Loss::Nothing).await?.rows;
            called.extend(called_of(batch, part.len(), rows));
        }
        let failed = called.iter().position(|call| call.change.is_err());
        if let Some(position) = failed.filter(|_| together.atomic && count > 1) {
            self.end("ROLLBACK", Loss::Nothing).await?;
            let error = called.swap_remove(position).change.err();
            return Err(at_call(error.unwrap_or_else(|| Error::invalid("a call failed")), position));
        }
        if let Some((batch, _)) = parts.first() {
            self.read(batch, &mut called).await?;
        }
        Ok(called)
    }

    /// Runs a statement of its own.
    pub async fn ask(&mut self, text: &str, parameters: Vec<Param>) -> Result<Vec<Row>> {
        let mut steps = std::mem::take(&mut self.opening);
        steps.extend(self.own.get(text).map(|ready| Step::new(ready.clone(), parameters).asked()));
        Ok(self.send(steps, Loss::Nothing).await?.rows)
    }

    /// Runs a last statement of its own and commits.
    pub async fn finish(mut self, text: &str, parameters: Vec<Param>) -> Result<()> {
        let last = self.own.get(text).map(|ready| Step::new(ready.clone(), parameters));
        let commit = self.own.get("COMMIT").map(|ready| Step::new(ready.clone(), Vec::new()));
        self.send(last.into_iter().chain(commit).collect(), Loss::Unknown).await?;
        self.running.finish();
        Ok(())
    }

    /// Reads what was written, where it takes the place of what the function returned.
    pub async fn read(&mut self, batch: &Batch, called: &mut [Called]) -> Result<()> {
        let (Some(statement), Some(ready)) = (read_of(batch, called), self.read_back.clone()) else { return Ok(()) };
        let mut reading = Reading::of(called);
        while let Some(ids) = reading.next() {
            let parameters = batch.read_back(statement, &ids)?;
            let sent = self.send(vec![Step::new(ready.clone(), parameters).asked()], Loss::Nothing).await?;
            if !sent.columns.is_some_and(|columns| fits(statement.shape(), &columns)) {
                self.end("ROLLBACK", Loss::Nothing).await?;
                return Err(stale());
            }
            reading.found(called, sent.rows);
        }
        reading.place(called);
        Ok(())
    }

    pub async fn end(&mut self, ending: &'static str, loss: Loss) -> Result<()> {
        let Some(ready) = self.own.get(ending).cloned() else { return Ok(()) };
        self.send(vec![Step::new(ready, Vec::new())], loss).await?;
        self.running.finish();
        Ok(())
    }

    async fn failed(&mut self, failure: Failure, loss: Loss) -> Error {
        let wire = self.running.wire();
        let is_over = !wire.in_transaction() || wire.simple("ROLLBACK").await.is_ok();
        let mut error = if is_over { self.running.fail(failure) } else { sqlstate::error(failure) };
        if error.lost_connection {
            error.message = match loss {
                Loss::Unknown => {
                    "the connection to the database was lost before it answered; whether anything was changed is not known"
                        .to_owned()
                }
                Loss::Nothing => "the connection to the database was lost; nothing was changed".to_owned(),
            };
        }
        error
    }
}

fn at_call(error: Error, position: usize) -> Error {
    Error { message: format!("[{position}]: {}", error.message), ..error }
}
