//! The rows of one statement, and what happens when nobody reads them to the end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::connection::Running;
use super::failure::Failure;
use super::replicas::Replica;
use super::row::Row;
use super::wire::{Answer, ColumnTypes};
use super::{sqlstate, timeout};
use crate::error::{Code, Error, Result, Stage};
use crate::observe::Observer;
use crate::plan::shape::Shape;
use crate::sql::Statement;

/// A stream of raw rows. Dropping it early cancels the statement.
#[derive(Default)]
pub struct Rows {
    /// Where they come from, until the last of them has been read.
    running: Option<Running>,
    /// Statements of the group that have yet to begin, their own among them.
    before: usize,
    columns: Option<ColumnTypes>,
    /// What the statement failed with, while its group has not ended.
    failed: Option<Failure>,
    /// Rows that were read before they were handed out.
    kept: std::vec::IntoIter<Row>,
    deadline: Option<(Instant, Duration)>,
    /// Whose shape the first row has to have.
    unchecked: Option<Arc<Statement>>,
    /// Given back when the last row has been read or the rows are dropped.
    permit: Option<OwnedSemaphorePermit>,
    /// Where they come from, if not from the primary.
    replica: Option<Arc<Replica>>,
    /// How many rows may be handed out.
    rows_max: Option<u64>,
    count: Count,
}

/// What comes next of a group.
enum Step {
    /// A statement of the group has been accepted.
    Bound,
    Row(Row),
    End,
}

/// How many rows were read, told at the end.
#[derive(Default)]
struct Count {
    rows: u64,
    observer: Observer,
}

impl Drop for Count {
    fn drop(&mut self) {
        if self.rows > 0 {
            self.observer.read(self.rows);
        }
    }
}

// === impl Rows ===

impl Rows {
    /// The rows of the last of several statements that were sent together, once it has been accepted.
    pub(super) async fn accepted(running: Running, statements: usize, columns: Option<ColumnTypes>) -> Result<Rows> {
        let mut rows = Rows { running: Some(running), before: statements, columns, ..Rows::default() };
        while rows.before > 0 {
            if let Step::End = poll_fn(|context| rows.poll_step(context)).await {
                let failure = rows.failed.take().unwrap_or_else(Failure::ended);
                return Err(match rows.running.take() {
                    Some(running) => running.failed(failure),
                    None => sqlstate::error(failure),
                });
            }
        }
        Ok(rows)
    }

    /// Rows whose statement has ended.
    pub(super) fn kept(rows: Vec<Row>) -> Rows {
        Rows { kept: rows.into_iter(), ..Rows::default() }
    }

    /// Tells an observer how many rows there were.
    pub fn counted_by(&mut self, observer: &Observer) {
        self.count.observer = observer.clone();
    }

    pub(super) fn of(mut self, statement: Arc<Statement>) -> Rows {
        self.unchecked = Some(statement);
        self
    }

    pub(super) fn from(mut self, replica: Arc<Replica>) -> Rows {
        self.replica = Some(replica);
        self
    }

    pub(super) fn until(mut self, deadline: Instant, limit: Duration) -> Rows {
        self.deadline = Some((deadline, limit));
        self
    }

    pub(super) fn holding(mut self, permit: Option<OwnedSemaphorePermit>) -> Rows {
        self.permit = permit;
        self
    }

    /// Ends with an error behind so many rows.
    pub(super) fn at_most(mut self, rows_max: Option<u64>) -> Rows {
        self.rows_max = rows_max;
        self
    }

    /// The next row; `None` after the last one or an error, when the connection is back in its pool.
    pub async fn next(&mut self) -> Option<Result<Row>> {
        if let Some(row) = self.kept.next() {
            self.count.rows += 1;
            return Some(Ok(row));
        }
        // What has ended stays ended; the stream itself would take a second question for a lost connection.
        self.running.as_ref()?;
        // Most rows have arrived already: a timer is made only for those that have not.
        let arrived = poll_fn(|context| Poll::Ready(self.poll_next(context))).await;
        match (arrived, self.deadline) {
            (Poll::Ready(next), _) => next,
            (Poll::Pending, None) => poll_fn(|context| self.poll_next(context)).await,
            (Poll::Pending, Some((deadline, limit))) => {
                let replica = self.replica.clone();
                let next = poll_fn(|context| self.poll_next(context));
                let late = tokio::select! {
                    biased;
                    next = tokio::time::timeout_at(deadline.into(), next) => match next {
                        Ok(next) => return next,
                        Err(_) => timeout(limit),
                    },
                    error = gone(replica) => error,
                };
                self.running = None;
                Some(Err(late))
            }
        }
    }

    /// As [`Rows::next`], for who is polled himself and keeps the time himself.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Row>>> {
        if let Some(row) = self.kept.next() {
            self.count.rows += 1;
            return Poll::Ready(Some(Ok(row)));
        }
        loop {
            if self.running.is_none() {
                return Poll::Ready(None);
            }
            match ready!(self.poll_step(context)) {
                Step::Bound => {}
                Step::Row(row) => return Poll::Ready(Some(self.counted().and_then(|()| self.checked(row)))),
                Step::End => break,
            }
        }
        if let Some(running) = self.running.take() {
            running.done();
        }
        self.permit = None;
        Poll::Ready(self.failed.take().map(|failure| Err(self.blamed(sqlstate::error(failure)))))
    }

    /// Rows of the statements before are passed over.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        let Some(running) = &mut self.running else { return Poll::Ready(Step::End) };
        loop {
            match ready!(running.wire().poll_next(context)) {
                Ok(Answer::Row(row)) if self.before == 0 => return Poll::Ready(Step::Row(row)),
                Ok(Answer::Bound) => {
                    self.before = self.before.saturating_sub(1);
                    return Poll::Ready(Step::Bound);
                }
                Ok(Answer::Columns(columns)) => self.columns = Some(columns),
                Ok(Answer::Row(_) | Answer::Other) => {}
                Ok(Answer::Failed(said)) => {
                    self.failed.get_or_insert(Failure::Said(said));
                }
                Ok(Answer::Ready) => return Poll::Ready(Step::End),
                // The server says why before it closes.
                Err(lost) => {
                    self.failed.get_or_insert(lost);
                    return Poll::Ready(Step::End);
                }
            }
        }
    }

    fn counted(&mut self) -> Result<()> {
        match self.rows_max {
            Some(max) if self.count.rows >= max => {
                let message = format!(
                    "the list has more than the {max} rows that a stream may have ([server] max_stream_rows); \
                     ask for it in parts"
                );
                self.running = None;
                Err(Error::new(Stage::Execute, Code::TooComplex, message))
            }
            Some(_) | None => {
                self.count.rows += 1;
                Ok(())
            }
        }
    }

    fn checked(&mut self, row: Row) -> Result<Row> {
        match self.unchecked.take() {
            Some(statement) if !self.columns.as_deref().is_some_and(|columns| fits(statement.shape(), columns)) => {
                self.running = None;
                Err(self.blamed(stale()))
            }
            Some(_) | None => Ok(row),
        }
    }

    fn blamed(&self, error: Error) -> Error {
        match &self.replica {
            Some(replica) => replica.blamed(error),
            None => error,
        }
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("running", &self.running.is_some()).finish_non_exhaustive()
    }
}

/// Waits for a replica to be lost.
async fn gone(replica: Option<Arc<Replica>>) -> Error {
    match replica {
        Some(replica) => {
            replica.lost().await;
            replica.gone()
        }
        None => std::future::pending().await,
    }
}

/// Whether rows have the columns that were planned. PostgreSQL refuses to run a prepared statement
/// whose own columns have changed, but prepares the same text on another connection without a word.
pub(super) fn fits(shape: &Shape, columns: &[u32]) -> bool {
    let wires = shape.wires();
    wires.len() == columns.len() && wires.iter().zip(columns).all(|(wire, column)| wire.oid() == *column)
}

pub(super) fn stale() -> Error {
    let error = Error::new(Stage::Execute, Code::Internal, "the schema and the database differ");
    Error { stale: true, ..error.because("the statement's columns are not those that it was planned for") }
}
