//! The body of an answer: framed messages, then real trailers.
//!
//! A stream is pulled: rows are read when the client has room for them, so that memory stays flat however
//! slow it is. Nobody polls the body of a client that does not read at all, so a task of its own keeps the
//! time and gives the rows, and with them their connection, back.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::rows::{Filled, Messages};
use super::status::{status, trailers};
use crate::error::{Code, Error, Stage};
use crate::observe::Observer;
use crate::transport::once;

/// A body that is at hand: its data, then its trailers.
#[derive(Debug)]
pub struct Whole {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

/// A body that is made while it is read.
pub struct Streamed {
    source: Arc<Mutex<Source>>,
    first: Option<Bytes>,
    done: bool,
}

struct Source {
    /// `None` when they were read to the end or given up.
    messages: Option<Messages>,
    /// Why they were given up.
    failed: Option<Error>,
    observer: Observer,
    polled: Instant,
    /// The database is waited for, not the client.
    waits_for_rows: bool,
    waker: Option<Waker>,
}

/// A body that a task makes, chunk by chunk.
pub struct Made {
    chunks: mpsc::Receiver<Bytes>,
    /// What the task ended with, and how many of its answers were given before; nothing when it panicked.
    end: oneshot::Receiver<Result<usize, Error>>,
    observer: Observer,
    done: bool,
}

/// When a stream is given up.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub deadline: Option<Instant>,
    /// How long a client may read nothing.
    pub idle: Duration,
}

// === impl Whole ===

impl Whole {
    pub fn new(data: Bytes, trailers: HeaderMap) -> Whole {
        Whole { data: Some(data).filter(|data| !data.is_empty()), trailers: Some(trailers) }
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    /// An upper bound tells it from a stream; an exact length would be sent as a header.
    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_upper(self.data.as_ref().map_or(1, |data| data.len() as u64));
        hint
    }
}

// === impl Streamed ===

impl Streamed {
    /// A body whose first messages have been made already.
    pub fn new(first: Bytes, messages: Messages, patience: Patience, observer: &Observer) -> Streamed {
        let source = Source {
            messages: Some(messages),
            failed: None,
            observer: observer.clone(),
            polled: Instant::now(),
            waits_for_rows: false,
            waker: None,
        };
        let source = Arc::new(Mutex::new(source));
        tokio::spawn(watch(Arc::downgrade(&source), patience));
        Streamed { source, first: Some(first).filter(|first| !first.is_empty()), done: false }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            lock(&self.source).polled = Instant::now();
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.done {
            return Poll::Ready(None);
        }
        let frame = lock(&self.source).poll(context);
        if let Poll::Ready(frame) = &frame {
            self.done = frame.is_trailers();
        }
        frame.map(|frame| Some(Ok(frame)))
    }
}

// === impl Made ===

impl Made {
    pub fn new(
        chunks: mpsc::Receiver<Bytes>,
        end: oneshot::Receiver<Result<usize, Error>>,
        observer: &Observer,
    ) -> Made {
        Made { chunks, end, observer: observer.clone(), done: false }
    }
}

impl Body for Made {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.done {
            return Poll::Ready(None);
        }
        if let Some(data) = ready!(self.chunks.poll_recv(context)) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let ended = ready!(Pin::new(&mut self.end).poll(context)).unwrap_or_else(|_| {
            Err(Error::new(Stage::Execute, Code::Internal, "the request failed").because("a task panicked"))
        });
        self.done = true;
        let again = ended.as_ref().copied().unwrap_or_default();
        let status = ended.err().map(|error| {
            super::report(&error, &self.observer);
            status(&error, self.observer.id())
        });
        let mut trailers = trailers(status.as_ref());
        if let Ok(replayed) = HeaderValue::from_str(&format!("replayed={again}"))
            && again > 0
        {
            trailers.insert(once::KEY, replayed);
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

// === impl Source ===

impl Source {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Frame<Bytes>> {
        self.polled = Instant::now();
        let Some(messages) = &mut self.messages else { return Poll::Ready(self.end()) };
        match messages.poll(context) {
            Poll::Pending => {
                self.waits_for_rows = true;
                self.waker = Some(context.waker().clone());
                Poll::Pending
            }
            Poll::Ready(Filled { data, end }) => {
                self.waits_for_rows = false;
                if let Some(end) = end {
                    self.messages = None;
                    self.failed = end.err();
                }
                Poll::Ready(if data.is_empty() { self.end() } else { Frame::data(data) })
            }
        }
    }

    fn end(&mut self) -> Frame<Bytes> {
        let status = self.failed.take().map(|error| {
            super::report(&error, &self.observer);
            status(&error, self.observer.id())
        });
        Frame::trailers(trailers(status.as_ref()))
    }

    fn give_up(&mut self, message: String) {
        self.messages = None;
        self.failed = Some(Error::new(Stage::Encode, Code::Timeout, message));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Gives up a stream when its time is over, and ends with it.
async fn watch(source: Weak<Mutex<Source>>, patience: Patience) {
    let mut wake = earlier(Instant::now() + patience.idle, patience.deadline);
    loop {
        tokio::time::sleep_until(wake).await;
        let Some(source) = source.upgrade() else { return };
        let mut source = lock(&source);
        if source.messages.is_none() {
            return;
        }
        let now = Instant::now();
        if patience.deadline.is_some_and(|deadline| deadline <= now) {
            return source.give_up(DEADLINE.to_owned());
        }
        let idle_since = if source.waits_for_rows { now } else { source.polled };
        if idle_since + patience.idle <= now {
            let limit = patience.idle.as_millis();
            return source
                .give_up(format!("the client has read nothing for {limit} ms ([server] stream_idle_timeout_ms)"));
        }
        wake = earlier(idle_since + patience.idle, patience.deadline);
    }
}

pub const DEADLINE: &str = "the deadline of the request is over";

fn earlier(time: Instant, other: Option<Instant>) -> Instant {
    other.map_or(time, |other| time.min(other))
}

fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    // A panic while the lock is held ends the stream in any case.
    source.lock().unwrap_or_else(PoisonError::into_inner)
}
