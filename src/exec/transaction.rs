//! One transaction on one connection: everything that it may send is prepared before it begins.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio_postgres::{Client, Row};

use super::called::{Called, Reading, called_of, read_of};
use super::change::{Part, Together};
use super::pool::Running;
use super::ready::Ready;
use super::rows::{fits, stale};
use super::{ViewExecutor, session, sqlstate};
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
pub(super) struct Step {
    ready: Arc<Ready>,
    parameters: Vec<Param>,
    /// Its rows are of interest.
    is_asked: bool,
}

/// A connection with everything prepared on it that the transaction may send.
pub(super) struct Transaction {
    running: Running,
    opening: Vec<Step>,
    calls: Vec<Arc<Ready>>,
    read_back: Option<Arc<Ready>>,
    /// The statements of its own: how it ends, and those about keys.
    own: HashMap<&'static str, Arc<Ready>>,
}

// === impl Step ===

impl Step {
    fn new(ready: impl Into<Arc<Ready>>, parameters: Vec<Param>) -> Step {
        Step { ready: ready.into(), parameters, is_asked: false }
    }

    fn asked(self) -> Step {
        Step { is_asked: true, ..self }
    }
}

// === impl Transaction ===

impl Transaction {
    pub async fn prepare(
        executor: &ViewExecutor,
        parts: &[Part<'_>],
        grouped: bool,
        texts: &[&'static str],
        caller: &Caller,
    ) -> Result<Transaction> {
        let mut running = Running::on(executor.pools.get().await?);
        let (mut opening, mut own) = (Vec::new(), HashMap::new());
        if grouped {
            let steps = session::opening(&mut running, "BEGIN", &executor.options.session, caller).await?;
            opening = steps.into_iter().map(|(ready, parameters)| Step::new(ready, parameters)).collect();
            for text in ["COMMIT", "ROLLBACK"].iter().chain(texts) {
                own.insert(*text, Arc::new(running.ready(text).await?));
            }
        }
        let (mut calls, mut read_back) = (Vec::with_capacity(parts.len()), None);
        for (batch, _) in parts {
            calls.push(Arc::new(running.statement(batch.statement.text(), caller.observer()).await?));
            let statement = batch.statement.call().and_then(|call| call.read_back.as_ref());
            if let (Some(statement), None, true) = (statement, &read_back, grouped) {
                read_back = Some(Arc::new(running.ready(statement.text()).await?));
            }
        }
        Ok(Transaction { running, opening, calls, read_back, own })
    }

    /// The steps of a call, with those that open the transaction before the first and its end behind, if any.
    pub fn call(&mut self, position: usize, batch: &Batch, part: &Range<usize>, ending: Option<&str>) -> Vec<Step> {
        let mut steps = std::mem::take(&mut self.opening);
        if let Some(ready) = self.calls.get(position) {
            steps.push(Step::new(ready.clone(), batch.parameters(part.clone())).asked());
        }
        steps.extend(ending.and_then(|ending| Some(Step::new(self.own.get(ending)?.clone(), Vec::new()))));
        steps
    }

    /// Sends steps without waiting in between; the rows of all of them. The transaction is over when one fails.
    pub async fn send(&mut self, steps: Vec<Step>, loss: Loss) -> Result<Vec<Row>> {
        let client = self.running.shared();
        // The first poll of each sends it, and they are polled in order.
        let answers = join_all(steps.iter().map(|step| collect(&step.ready, &client, &step.parameters))).await;
        match answers.into_iter().collect::<Result<Vec<Vec<Row>>, _>>() {
            Ok(rows) => {
                Ok(rows.into_iter().zip(&steps).filter(|(_, step)| step.is_asked).flat_map(|(rows, _)| rows).collect())
            }
            Err(error) => Err(self.failed(error, loss).await),
        }
    }

    /// Runs calls, looks at what they say, and reads what has to be read. The transaction stays open, unless
    /// calls that stand together fail.
    pub async fn run(&mut self, parts: &[Part<'_>], together: Together) -> Result<Vec<Called>> {
        let count: usize = parts.iter().map(|(_, part)| part.len()).sum();
        let mut called: Vec<Called> = Vec::with_capacity(count);
        for (i, (batch, part)) in parts.iter().enumerate() {
            let steps = self.call(i, batch, part, None);
            let rows = self.send(steps, Loss::Nothing).await?;
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
        self.send(steps, Loss::Nothing).await
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
            let rows = self.send(vec![Step::new(ready.clone(), parameters).asked()], Loss::Nothing).await?;
            if rows.iter().any(|row| !fits(statement.shape(), row)) {
                self.end("ROLLBACK", Loss::Nothing).await?;
                return Err(stale());
            }
            reading.found(called, rows);
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

    /// The transaction has ended with the last step that was sent.
    pub fn done(mut self) {
        self.running.finish();
    }

    async fn failed(&mut self, error: tokio_postgres::Error, loss: Loss) -> Error {
        let is_over = self.own.is_empty() || self.running.client().batch_execute("ROLLBACK").await.is_ok();
        let mut error = if is_over { self.running.fail(error) } else { sqlstate::error(error) };
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

/// Sends a statement at the first poll, and reads all its rows: a function returns as many as its author meant.
async fn collect(ready: &Ready, client: &Client, parameters: &[Param]) -> Result<Vec<Row>, tokio_postgres::Error> {
    ready.query(client, parameters).await?.try_collect().await
}
