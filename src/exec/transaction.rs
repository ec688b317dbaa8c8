//! One transaction on one connection: everything that it may send is prepared before it begins.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio_postgres::{Client, Row};

use super::called::{Called, Reading, read_of};
use super::change::Part;
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
    endings: HashMap<&'static str, Arc<Ready>>,
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
        caller: &Caller,
    ) -> Result<Transaction> {
        let mut running = Running::on(executor.pools.get().await?);
        let (mut opening, mut endings) = (Vec::new(), HashMap::new());
        if grouped {
            let steps = session::opening(&mut running, "BEGIN", &executor.options.session, caller).await?;
            opening = steps.into_iter().map(|(ready, parameters)| Step::new(ready, parameters)).collect();
            for ending in ["COMMIT", "ROLLBACK"] {
                endings.insert(ending, Arc::new(running.ready(ending).await?));
            }
        }
        let (mut calls, mut read_back) = (Vec::with_capacity(parts.len()), None);
        for (batch, _) in parts {
            calls.push(Arc::new(running.ready(batch.statement.text()).await?));
            let statement = batch.statement.call().and_then(|call| call.read_back.as_ref());
            if let (Some(statement), None, true) = (statement, &read_back, grouped) {
                read_back = Some(Arc::new(running.ready(statement.text()).await?));
            }
        }
        Ok(Transaction { running, opening, calls, read_back, endings })
    }

    /// The steps of a call, with those that open the transaction before the first and its end behind, if any.
    pub fn call(&mut self, position: usize, batch: &Batch, part: &Range<usize>, ending: Option<&str>) -> Vec<Step> {
        let mut steps = std::mem::take(&mut self.opening);
        if let Some(ready) = self.calls.get(position) {
            steps.push(Step::new(ready.clone(), batch.parameters(part.clone())).asked());
        }
        steps.extend(ending.and_then(|ending| Some(Step::new(self.endings.get(ending)?.clone(), Vec::new()))));
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
        let Some(ready) = self.endings.get(ending).cloned() else { return Ok(()) };
        self.send(vec![Step::new(ready, Vec::new())], loss).await?;
        self.running.finish();
        Ok(())
    }

    /// The transaction has ended with the last step that was sent.
    pub fn done(mut self) {
        self.running.finish();
    }

    async fn failed(&mut self, error: tokio_postgres::Error, loss: Loss) -> Error {
        let is_over = self.endings.is_empty() || self.running.client().batch_execute("ROLLBACK").await.is_ok();
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

/// Sends a statement at the first poll, and reads all its rows: a function returns as many as its author meant.
async fn collect(ready: &Ready, client: &Client, parameters: &[Param]) -> Result<Vec<Row>, tokio_postgres::Error> {
    ready.query(client, parameters).await?.try_collect().await
}
