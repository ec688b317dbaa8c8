//! One connection to PostgreSQL, moved by whoever asks something on it.
//!
//! The driver gives each connection a task of its own: a request hands it messages, is woken when that task has
//! read something, and gets rows through a channel, each with its columns already searched for. That cost more than
//! decoding the rows. Here the request that holds the connection writes its messages into one buffer, sends them when
//! it is polled for the answer, and takes rows out of the buffer that the socket was read into.
//!
//! Messages are those of the extended protocol (PostgreSQL documentation, "Message Flow"). What stands between two
//! `Sync`s is one transaction, unless it is within a longer one, and after an error the rest of it is skipped.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DATA_ROW_TAG, Header, Message, RowDescriptionBody};
use postgres_protocol::message::frontend::{self, BindError};
use tokio::io::AsyncWrite;
use tokio_postgres::types::{ToSql, Type};
use tokio_util::io::poll_read_buf;

use super::failure::{Failure, Said};
use super::row::Row;
use super::stream::Stream;
use crate::sql::Param;

/// What is read at once, at first and at most. PostgreSQL sends 8 KiB at a time, and a reader that is slower than it
/// finds more.
const READ_BYTES: usize = 8 * 1024;
const READ_BYTES_MAX: usize = 64 * 1024;
/// A buffer that has grown beyond this for one request is given back after it.
const WRITE_BYTES_KEPT: usize = 64 * 1024;

/// The binary format.
const BINARY: i16 = 1;

/// The oids of the columns of a statement.
pub(super) type ColumnTypes = Arc<[u32]>;

pub(super) struct Wire {
    stream: Stream,
    input: BytesMut,
    read_bytes: usize,
    /// The buffer has grown for a long message, and is given back after it.
    is_swollen: bool,
    output: BytesMut,
    /// How much of the output has gone.
    sent: usize,
    /// Groups that have not been answered to their end.
    open: usize,
    in_transaction: bool,
    is_lost: bool,
}

/// One thing that PostgreSQL says about a group of statements.
pub(super) enum Answer {
    /// The next statement of the group has its parameters; rows behind it are its own.
    Bound,
    Row(Row),
    /// The columns of the statement that was asked about.
    Columns(ColumnTypes),
    /// The rest of the group is skipped.
    Failed(Box<Said>),
    /// The end of the group.
    Ready,
    /// Nothing that anybody waits for.
    Other,
}

/// What a whole group came to.
#[derive(Default)]
pub(super) struct Settled {
    /// Each with the position of its statement in the group.
    pub rows: Vec<(usize, Row)>,
    /// Of the last statement that was asked about.
    pub columns: Option<ColumnTypes>,
}

// === impl Wire ===

impl Wire {
    pub fn new(stream: Stream) -> Wire {
        Wire {
            stream,
            input: BytesMut::with_capacity(READ_BYTES),
            read_bytes: READ_BYTES,
            is_swollen: false,
            output: BytesMut::new(),
            sent: 0,
            open: 0,
            in_transaction: false,
            is_lost: false,
        }
    }

    /// Prepares a statement under a name; the empty one is that of the next statement alone.
    pub fn parse(&mut self, name: &str, text: &str, types: impl Iterator<Item = Type>) -> Result<(), Failure> {
        frontend::parse(name, text, types.map(|ty| ty.oid()), &mut self.output)?;
        Ok(())
    }

    /// Asks for the columns of a prepared statement.
    pub fn describe(&mut self, name: &str) -> Result<(), Failure> {
        Ok(frontend::describe(b'S', name, &mut self.output)?)
    }

    /// Runs a prepared statement.
    pub fn run(&mut self, name: &str, parameters: &[Param]) -> Result<(), Failure> {
        let write = |parameter: &Param, out: &mut BytesMut| parameter.to_sql(&parameter.pg_type(), out).map(is_null);
        let bound = frontend::bind("", name, Some(BINARY), parameters, write, Some(BINARY), &mut self.output);
        match bound {
            Ok(()) => Ok(frontend::execute("", 0, &mut self.output)?),
            Err(error) => {
                // A message that was begun would be sent with the next one.
                self.output.truncate(self.sent);
                Err(match error {
                    BindError::Conversion(error) => Failure::Value(error),
                    BindError::Serialization(error) => Failure::Value(error.into()),
                })
            }
        }
    }

    /// Forgets a prepared statement.
    pub fn close(&mut self, name: &str) -> Result<(), Failure> {
        Ok(frontend::close(b'S', name, &mut self.output)?)
    }

    /// Ends a group.
    pub fn sync(&mut self) {
        frontend::sync(&mut self.output);
        self.open += 1;
    }

    /// Runs a text of several statements without parameters, and waits for its end.
    pub async fn simple(&mut self, text: &str) -> Result<Settled, Failure> {
        frontend::query(text, &mut self.output)?;
        self.open += 1;
        self.settle().await
    }

    /// Reads everything that was asked to its end. The first error is that of the whole.
    pub async fn settle(&mut self) -> Result<Settled, Failure> {
        let (mut settled, mut bound, mut failed) = (Settled::default(), 0, None);
        while self.open > 0 {
            match self.next().await {
                Ok(Answer::Bound) => bound += 1,
                Ok(Answer::Row(row)) => settled.rows.push((bound.max(1) - 1, row)),
                Ok(Answer::Columns(columns)) => settled.columns = Some(columns),
                Ok(Answer::Failed(said)) => failed = failed.or(Some(Failure::Said(said))),
                Ok(Answer::Ready | Answer::Other) => {}
                // The server says why before it closes.
                Err(lost) => return Err(failed.unwrap_or(lost)),
            }
        }
        failed.map_or(Ok(settled), Err)
    }

    /// Reads what is still to come and drops it.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        while self.open > 0 {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Answer, Failure> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Sends what is to be sent, and reads the next thing that PostgreSQL says.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        let answer = self.poll_answer(context);
        self.is_lost |= matches!(&answer, Poll::Ready(Err(failure)) if failure.is_lost());
        answer
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        loop {
            if let Some(answer) = self.take_answer()? {
                return Poll::Ready(Ok(answer));
            }
            // PostgreSQL stops reading while nobody reads what it sends, so both go on side by side.
            if let Poll::Ready(Err(error)) = self.poll_send(context) {
                return Poll::Ready(Err(error));
            }
            ready!(self.poll_receive(context))?;
        }
    }

    /// The next answer among the bytes that have arrived.
    fn take_answer(&mut self) -> Result<Option<Answer>, Failure> {
        loop {
            let Some(header) = Header::parse(&self.input)? else { return Ok(None) };
            // Its length is at least 4 here, and does not count the tag.
            let length = header.len().unsigned_abs() as usize + 1;
            if self.input.len() < length {
                self.input.reserve(length - self.input.len());
                self.is_swollen |= length > READ_BYTES_MAX;
                return Ok(None);
            }
            if header.tag() == DATA_ROW_TAG {
                let mut message = self.input.split_to(length);
                message.advance(5);
                return Ok(Some(Answer::Row(Row::new(message.freeze()))));
            }
            let Some(message) = Message::parse(&mut self.input)? else { return Ok(None) };
            return Ok(Some(match message {
                Message::BindComplete => Answer::Bound,
                Message::RowDescription(body) => Answer::Columns(oids(&body)?),
                Message::NoData => Answer::Columns(Arc::from([])),
                Message::ErrorResponse(body) => Answer::Failed(Box::new(Said::read(body.fields()))),
                Message::ReadyForQuery(body) => {
                    self.open = self.open.saturating_sub(1);
                    self.in_transaction = body.status() != b'I';
                    if self.is_swollen && self.input.is_empty() {
                        self.input = BytesMut::with_capacity(self.read_bytes);
                        self.is_swollen = false;
                    }
                    Answer::Ready
                }
                // They come at any time.
                Message::NoticeResponse(body) => {
                    tracing::debug!("PostgreSQL says: {}", Said::read(body.fields()));
                    continue;
                }
                Message::ParameterStatus(_) | Message::NotificationResponse(_) => continue,
                _ => Answer::Other,
            }));
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.sent < self.output.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.output[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(Failure::ended()));
            }
            self.sent += written;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.sent = 0;
        self.output.clear();
        if self.output.capacity() > WRITE_BYTES_KEPT {
            self.output = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let room = self.input.capacity() - self.input.len();
        // Once all rows of the buffer are dropped, this takes no new memory.
        if room < self.read_bytes / 2 || self.input.is_empty() {
            self.input.reserve(self.read_bytes);
        }
        let room = self.input.capacity() - self.input.len();
        let count = ready!(poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input))?;
        if count == 0 {
            return Poll::Ready(Err(Failure::ended()));
        }
        if count == room {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether something has been asked whose answer has not been read.
    pub fn is_busy(&self) -> bool {
        self.open > 0 || self.in_transaction || !self.output.is_empty()
    }

    pub fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether an idle connection can be asked. What arrives while nobody asks are notices, and at last why the
    /// server closes it.
    pub fn is_usable(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.is_lost |= self.poll_answer(&mut context).is_ready();
        !self.is_lost
    }
}

impl Drop for Wire {
    /// Says farewell, as far as that can be said at once.
    fn drop(&mut self) {
        if self.is_lost || self.open > 0 || !self.output.is_empty() {
            return;
        }
        let mut context = Context::from_waker(Waker::noop());
        frontend::terminate(&mut self.output);
        let _ = self.poll_send(&mut context);
    }
}

fn is_null(null: tokio_postgres::types::IsNull) -> postgres_protocol::IsNull {
    match null {
        tokio_postgres::types::IsNull::Yes => postgres_protocol::IsNull::Yes,
        tokio_postgres::types::IsNull::No => postgres_protocol::IsNull::No,
    }
}

fn oids(body: &RowDescriptionBody) -> Result<ColumnTypes, Failure> {
    let oids: Vec<u32> = body.fields().map(|field| Ok(field.type_oid())).collect()?;
    Ok(oids.into())
}
