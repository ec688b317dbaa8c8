//! The rows of one statement, and what happens when nobody reads them to the end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::{Row, RowStream};

use super::pool::{Pooled, Running};
use super::replicas::Replica;
use super::{sqlstate, timeout};
use crate::error::{Code, Error, Result, Stage};
use crate::observe::Observer;
use crate::plan::shape::Shape;
use crate::sql::Statement;

/// A stream of raw rows. Dropping it early cancels the statement.
pub struct Rows {
    stream: Option<Pin<Box<RowStream>>>,
    /// Rows that were read before they were handed out.
    kept: std::vec::IntoIter<Row>,
    /// The end of the transaction group that the statement runs in.
    commit: Option<BoxFuture<'static, Result<(), tokio_postgres::Error>>>,
    /// What the statement ended with, while its transaction has not.
    ended: Option<Result<(), tokio_postgres::Error>>,
    running: Option<Running>,
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
    pub(super) fn new(
        stream: RowStream,
        running: Running,
        commit: Option<BoxFuture<'static, Result<(), tokio_postgres::Error>>>,
    ) -> Rows {
        Rows {
            stream: Some(Box::pin(stream)),
            kept: Vec::new().into_iter(),
            commit,
            ended: None,
            running: Some(running),
            deadline: None,
            unchecked: None,
            permit: None,
            replica: None,
            rows_max: None,
            count: Count::default(),
        }
    }

    /// Rows whose statement has ended.
    pub(super) fn kept(rows: Vec<Row>) -> Rows {
        Rows {
            stream: None,
            kept: rows.into_iter(),
            commit: None,
            ended: None,
            running: None,
            deadline: None,
            unchecked: None,
            permit: None,
            replica: None,
            rows_max: None,
            count: Count::default(),
        }
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
        let (Some(stream), Some(_)) = (&mut self.stream, &self.running) else { return Poll::Ready(None) };
        if self.ended.is_none() {
            match ready!(stream.as_mut().poll_next(context)) {
                Some(Ok(row)) => return Poll::Ready(Some(self.counted().and_then(|()| self.checked(row)))),
                Some(Err(error)) => self.ended = Some(Err(error)),
                None => self.ended = Some(Ok(())),
            }
        }
        let committed = match &mut self.commit {
            Some(commit) => ready!(commit.as_mut().poll(context)),
            None => Ok(()),
        };
        self.commit = None;
        if let Some(running) = self.running.take() {
            running.done();
        }
        self.permit = None;
        let ended = self.ended.take().unwrap_or(Ok(())).and(committed);
        Poll::Ready(ended.err().map(|error| Err(self.blamed(sqlstate::error(error)))))
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
            Some(statement) if !fits(statement.shape(), &row) => {
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

/// Whether a row has the columns that were planned. PostgreSQL refuses to run a prepared statement
/// whose own columns have changed, but prepares the same text on another connection without a word.
pub(super) fn fits(shape: &Shape, row: &Row) -> bool {
    let (wires, columns) = (shape.wires(), row.columns());
    wires.len() == columns.len() && wires.iter().zip(columns).all(|(wire, column)| wire.oid() == column.type_().oid())
}

pub(super) fn stale() -> Error {
    let error = Error::new(Stage::Execute, Code::Internal, "the schema and the database differ");
    Error { stale: true, ..error.because("the statement's columns are not those that it was planned for") }
}

/// Ends whatever runs on a connection, in the background, then gives it back.
///
/// The empty query behind the cancel is answered after the statement has ended, and takes the blow
/// of a cancel that came too late for it. A transaction that was cut short is rolled back.
pub(super) fn clean_up(pooled: Pooled) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        drop(Pooled::take(pooled));
        return;
    };
    runtime.spawn(async move {
        let patience = pooled.timeout();
        let idle = async {
            pooled.cancel().await?;
            for _ in 0..2 {
                if pooled.client().simple_query("").await.is_ok() {
                    break;
                }
            }
            pooled.client().simple_query("ROLLBACK").await.map_err(|error| error.to_string())
        };
        match tokio::time::timeout(patience, idle).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => drop(Pooled::take(pooled)),
        }
    });
}
