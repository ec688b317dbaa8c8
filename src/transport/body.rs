//! Bodies that are held in memory: those of requests, bounded in length and time, and answers: text in chunks,
//! bounded, and as the body of a response.
//!
//! A whole body is held encoded until it is complete, because what comes last may decide the status.
//! Chunks of a fixed size keep that from costing twice its length.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::poll;
use http::{HeaderMap, header};
use http_body::Frame;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{Code, Error, Result, Stage};

/// What most small answers fit in.
const FIRST_BYTES: usize = 512;
/// Room of a chunk, which is what the allocator gives for it.
const CHUNK_BYTES: usize = 64 * 1024;
/// Size at which a chunk is closed. Most rows fit into what is left then, and little of it stays empty.
const FULL_BYTES: usize = CHUNK_BYTES - CHUNK_BYTES / 16;

/// Text in chunks; a row never spans two.
#[derive(Debug)]
pub struct Chunks {
    done: Vec<Bytes>,
    current: Vec<u8>,
    done_bytes: usize,
}

/// The bytes that all roots of one answer may still take.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
    max: usize,
}

/// Reads a whole body of so many bytes at most, within a time.
pub async fn read(body: Body, bytes_max: usize, patience: Duration) -> Result<Bytes> {
    let refused = |code, message: String| Error::new(Stage::Decode, code, message);
    let read = in_time(whole(Limited::new(body, bytes_max)), patience).await?;
    read.map_err(|error| match error.is::<LengthLimitError>() {
        true => {
            let message = format!("the body is larger than {bytes_max} bytes ([server] max_body_bytes)");
            refused(Code::PayloadTooLarge, message)
        }
        false => refused(Code::InvalidArgument, "the body ended early".to_owned()),
    })
}

/// All pieces of a body together; the only one, as most are, is handed on as it came.
async fn whole(mut body: Limited<Body>) -> std::result::Result<Bytes, BoxError> {
    let first = loop {
        match body.frame().await.transpose()?.map(Frame::into_data) {
            Some(Ok(data)) => break data,
            Some(Err(_)) => {}
            None => return Ok(Bytes::new()),
        }
    };
    if body.is_end_stream() {
        return Ok(first);
    }
    let rest = body.collect().await?.to_bytes();
    Ok(if rest.is_empty() { first } else { [first, rest].concat().into() })
}

/// Whether the headers say that the body is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    const JSON: &str = "application/json";
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if value == JSON {
        return true;
    }
    let (name, parameters) = value.split_once(';').unwrap_or((value, ""));
    let parameters = parameters.to_ascii_lowercase();
    name.trim().eq_ignore_ascii_case(JSON) && (!parameters.contains("charset=") || parameters.contains("utf-8"))
}

/// What a client has to send, within a time. Most of it has arrived already: a timer is made only for the rest.
pub async fn in_time<T>(sent: impl Future<Output = T>, patience: Duration) -> Result<T> {
    let mut sent = pin!(sent);
    if let Poll::Ready(arrived) = poll!(sent.as_mut()) {
        return Ok(arrived);
    }
    tokio::time::timeout(patience, sent).await.map_err(|_| {
        let message = format!("the body did not arrive within {} ms ([server] body_timeout_ms)", patience.as_millis());
        Error::new(Stage::Decode, Code::Timeout, message)
    })
}

// === impl Chunks ===

impl Chunks {
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.current
    }

    pub fn push(&mut self, text: &[u8]) {
        self.current.extend_from_slice(text);
    }

    /// Bytes of the chunk that is not closed yet.
    pub fn current_bytes(&self) -> usize {
        self.current.len()
    }

    /// Closes the current chunk when it is full, which is when its bytes are counted.
    pub fn rotate(&mut self, budget: &Budget) -> Result<()> {
        if self.current.len() >= FULL_BYTES {
            budget.spend(self.current.len())?;
            self.close(CHUNK_BYTES);
        }
        Ok(())
    }

    fn close(&mut self, next_capacity: usize) {
        let mut full = std::mem::replace(&mut self.current, Vec::with_capacity(next_capacity));
        // A long row has made more room than there was.
        if full.capacity() > CHUNK_BYTES && full.capacity() - full.len() > CHUNK_BYTES / 8 {
            full.shrink_to_fit();
        }
        self.done_bytes += full.len();
        self.done.push(Bytes::from(full));
    }

    /// All of it in one piece.
    pub fn text(&self) -> String {
        let parts = self.done.iter().map(|chunk| &**chunk).chain([&*self.current]);
        String::from_utf8_lossy(&parts.collect::<Vec<&[u8]>>().concat()).into_owned()
    }

    pub fn append(&mut self, other: Chunks) {
        if other.done.is_empty() {
            return self.push(&other.current);
        }
        self.close(0);
        self.done_bytes += other.done_bytes;
        self.done.extend(other.done);
        self.current = other.current;
    }

    pub fn into_bytes(mut self) -> Vec<Bytes> {
        if !self.current.is_empty() {
            self.close(0);
        }
        self.done
    }
}

impl Default for Chunks {
    fn default() -> Chunks {
        Chunks { done: Vec::new(), current: Vec::with_capacity(FIRST_BYTES), done_bytes: 0 }
    }
}

// === impl Budget ===

impl Budget {
    pub fn new(max: usize) -> Budget {
        Budget { left: AtomicUsize::new(max), max }
    }

    pub fn spend(&self, bytes: usize) -> Result<()> {
        let enough = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        enough.map(drop).map_err(|_| {
            let message = format!(
                "the answer is larger than {} bytes ([server] max_response_bytes); ask for fewer rows or fields",
                self.max
            );
            Error::new(Stage::Encode, Code::TooComplex, message)
        })
    }
}

/// Chunks as the body of a response, and their length.
pub fn body_of(chunks: Vec<Bytes>) -> (Body, usize) {
    let length = chunks.iter().map(Bytes::len).sum();
    let body = match <[Bytes; 1]>::try_from(chunks) {
        Ok([single]) => Body::from(single),
        Err(chunks) => {
            let stream = futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::convert::Infallible>));
            Body::from_stream(stream)
        }
    };
    (body, length)
}
