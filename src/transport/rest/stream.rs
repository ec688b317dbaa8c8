//! NDJSON and CSV: every row as it arrives, in memory that does not grow with their number.
//!
//! A task writes rows into chunks and hands them over one at a time, so that it notices when nobody
//! takes them: a body that is not polled cannot. What is wrong before the first row is an error like
//! any other; later it is the last line of NDJSON, and cuts CSV off, which has no place to say it.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::encode::stale;
use super::negotiate::Media;
use super::respond::Failure;
use crate::codec::{self, Shape, Stop, Trail};
use crate::engine::{Outcome, Rows};
use crate::error::{Code, Result, Stage};
use crate::observe::Observer;

/// Size at which a chunk is handed over; sooner when no row is waiting.
const CHUNK_BYTES: usize = 32 * 1024;
/// Chunks that wait for the client.
const CHUNKS_WAITING: usize = 1;

/// A stream before its first byte has been sent.
pub struct Stream {
    outcome: Outcome,
    writer: Writer,
}

/// Rows → text.
struct Writer {
    media: Media,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
    trail: Trail,
    row: usize,
    observer: Observer,
}

/// What the task hands over. A channel that closes without an end was cut off.
enum Part {
    Chunk(Bytes),
    End,
}

/// Reads the first row, after which nothing can be taken back.
pub async fn open(mut outcome: Outcome, media: Media, observer: &Observer) -> Result<Stream, Failure> {
    let _timed = observer.time(Stage::Encode);
    let mut writer = Writer {
        media,
        buffer: Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8),
        scratch: Vec::new(),
        trail: Trail::default(),
        row: 0,
        observer: observer.clone(),
    };
    if media == Media::Csv && !codec::csv::header(outcome.shape(), &mut writer.buffer) {
        let message = "rows of several types have no columns in common; ask for application/x-ndjson";
        return Err(Failure::new(Code::NotAcceptable, message));
    }
    if let Some(row) = outcome.rows.next().await.transpose()? {
        writer.write(outcome.shape(), &row)?;
    }
    Ok(Stream { outcome, writer })
}

impl Stream {
    /// The body; `idle` is how long the client may take nothing.
    pub fn into_body(self, idle: Duration) -> Body {
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        tokio::spawn(self.pump(sender, idle));
        let parts = futures_util::stream::unfold(Some(receiver), |receiver| async {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Part::Chunk(chunk)) => Some((Ok(chunk), Some(receiver))),
                Some(Part::End) => None,
                None => Some((Err(io::Error::other("the stream was cut off")), None)),
            }
        });
        Body::from_stream(parts)
    }

    /// Writes and hands over until the rows end, the client goes away, or it takes nothing for too long.
    async fn pump(self, sender: mpsc::Sender<Part>, idle: Duration) {
        let Stream { outcome, mut writer } = self;
        let (statement, mut rows) = outcome.into_parts();
        loop {
            let next = match writer.next(&mut rows, &sender, idle).await {
                Some(next) => next,
                None => return,
            };
            let written = match next {
                None => break,
                Some(Ok(row)) => writer.write(statement.shape(), &row),
                Some(Err(error)) => Err(error.into()),
            };
            if let Err(failure) = written {
                failure.log(writer.observer.id());
                writer.observer.failed(failure.error.code);
                // The statement ends here, whatever becomes of the client.
                drop(rows);
                if !writer.last_line(&failure) {
                    return;
                }
                break;
            }
            if writer.buffer.len() >= CHUNK_BYTES && !writer.hand_over(&sender, idle).await {
                return;
            }
        }
        if writer.hand_over(&sender, idle).await {
            let _ = tokio::time::timeout(idle, sender.send(Part::End)).await;
        }
    }
}

impl Writer {
    /// The next row. What has been written is handed over while there is none yet; `None` when the client
    /// has gone.
    async fn next(
        &mut self,
        rows: &mut Rows,
        sender: &mpsc::Sender<Part>,
        idle: Duration,
    ) -> Option<Option<Result<codec::Row>>> {
        let mut next = std::pin::pin!(rows.next());
        if let Some(row) = next.as_mut().now_or_never() {
            return Some(row);
        }
        if !self.hand_over(sender, idle).await {
            return None;
        }
        tokio::select! {
            row = next => Some(row),
            () = sender.closed() => None,
        }
    }

    fn write(&mut self, shape: &Shape, row: &codec::Row) -> Result<(), Failure> {
        self.trail.at_row(Some(self.row));
        self.row += 1;
        let columns = codec::columns(row);
        let start = self.buffer.len();
        let written = match self.media {
            Media::Csv => codec::csv::row(shape, &columns, &mut self.scratch, &mut self.buffer, &mut self.trail),
            Media::Json | Media::Ndjson => codec::json::row(shape, &columns, &mut self.buffer, &mut self.trail),
        };
        match written {
            Ok(()) if self.trail.is_empty() => {}
            Ok(()) | Err(Stop::Null) => {
                self.buffer.truncate(start);
                return Err(Failure::mismatch(self.trail.mismatches()));
            }
            Err(Stop::Stale) => return Err(stale().into()),
        }
        if self.media != Media::Csv {
            codec::json_text::one_line(&mut self.buffer[start..]);
            self.buffer.push(b'\n');
        }
        Ok(())
    }

    /// Says in the stream itself why it ends; `false` where it has no place for that.
    fn last_line(&mut self, failure: &Failure) -> bool {
        if self.media == Media::Csv {
            return false;
        }
        let line = serde_json::json!({"error": failure.to_json(self.observer.id())});
        self.buffer.extend_from_slice(line.to_string().as_bytes());
        self.buffer.push(b'\n');
        true
    }

    /// Whether the client took what there is.
    async fn hand_over(&mut self, sender: &mpsc::Sender<Part>, idle: Duration) -> bool {
        if self.buffer.is_empty() {
            return !sender.is_closed();
        }
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8));
        match tokio::time::timeout(idle, sender.send(Part::Chunk(Bytes::from(full)))).await {
            Ok(sent) => sent.is_ok(),
            Err(_) => {
                let message = "a client took nothing for too long ([server] stream_idle_timeout_ms)";
                tracing::warn!(request_id = self.observer.id(), "{message}");
                false
            }
        }
    }
}
