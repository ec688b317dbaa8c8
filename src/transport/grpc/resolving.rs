//! Keys without end, each answered in its turn.
//!
//! Keys are asked in the portions in which they arrive. While one is answered, the next is begun, but only when it
//! is as large as portions may be: what comes slowly is asked together. No more is taken up than is being asked,
//! and that goes on only when answers have found room with the client: memory stays flat, and a client that does
//! not read holds no connection to the database.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::Value as Json;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::api::Method;
use super::body::DEADLINE;
use super::entities::{Keys, representation};
use super::frame::{Arrived, Encoding as Compression, Incoming};
use super::methods::PreparedEntities;
use super::resolved::{Frames, Tags, write};
use super::serve::{Call, Grpc};
use super::status::{status, trailers};
use crate::auth::Caller;
use crate::engine::Engine;
use crate::error::{Code, Error, Result, Stage};

/// Keys of a stream that are asked together: more make no statement cheaper.
const KEYS_AT_ONCE: usize = 1_000;

/// Portions that are asked at the same time: PostgreSQL looks for one while the rows of the other are written. Each
/// holds a connection as long as its statement runs.
const PORTIONS_AT_ONCE: usize = 2;

/// What the rows of a portion may take before they are asked in smaller ones: some 4 KiB for each.
const PORTION_BYTES: usize = 4 << 20;

/// Answers keys as they come, as the body of a response.
pub fn resolve(
    call: &Call<'_>,
    grpc: &Arc<Grpc>,
    incoming: Incoming,
) -> Result<impl http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + use<>> {
    let asking = Asking {
        engine: call.engine.clone(),
        caller: call.caller.clone(),
        grpc: grpc.clone(),
        method: call.method.clone(),
        prepared: grpc.methods.entities(&call.engine.schema_for(call.caller), call.method, None)?,
        tags: Tags::of(call.method, &grpc.lock)?,
        compression: call.encoding,
    };
    let portions = Portions {
        asking: Arc::new(asking),
        incoming,
        end: None,
        waiting: VecDeque::new(),
        running: VecDeque::new(),
        answered: Vec::new().into_iter(),
        at_once: KEYS_AT_ONCE,
        deadline: call.deadline,
        idle: grpc.options.stream_idle_timeout,
    };
    let frames = stream::unfold(Some(portions), |portions| async move {
        let mut portions = portions?;
        let next = portions.next().await;
        Some(match next {
            Ok(Some(data)) => (Ok(Frame::data(data)), Some(portions)),
            Ok(None) => (Ok(Frame::trailers(trailers(None))), None),
            Err(error) => {
                let observer = portions.asking.caller.observer();
                super::report(&error, observer);
                (Ok(Frame::trailers(trailers(Some(&status(&error, observer.id()))))), None)
            }
        })
    });
    Ok(StreamBody::new(frames))
}

/// A stream of keys and what answers it.
struct Portions {
    asking: Arc<Asking>,
    incoming: Incoming,
    /// How the client has ended its stream.
    end: Option<Result<()>>,
    /// Keys that are not asked yet.
    waiting: VecDeque<Arrived>,
    /// In the order of their keys.
    running: VecDeque<Portion>,
    /// Answers that are not handed on yet.
    answered: std::vec::IntoIter<Bytes>,
    /// How many keys are asked together: fewer for a while, when their rows take too much.
    at_once: usize,
    deadline: Option<Instant>,
    idle: Duration,
}

/// Keys that are being answered.
struct Portion {
    keys: Arrived,
    /// Nothing when their rows take too much.
    answers: AbortOnDropHandle<Result<Option<Vec<Bytes>>>>,
}

/// How keys are asked, the same for all of a stream.
struct Asking {
    engine: Arc<Engine>,
    caller: Caller,
    grpc: Arc<Grpc>,
    method: Method,
    prepared: Arc<PreparedEntities>,
    tags: Tags,
    compression: Compression,
}

// === impl Portions ===

impl Portions {
    /// The answers to the next keys; `None` when there are no more.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.deadline {
            None => self.answers().await,
            Some(deadline) => {
                let late = |_| Error::new(Stage::Execute, Code::Timeout, DEADLINE);
                tokio::time::timeout_at(deadline, self.answers()).await.map_err(late)?
            }
        }
    }

    async fn answers(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(piece) = self.answered.next() {
                return Ok(Some(piece));
            }
            self.begin();
            let has_room = self.waiting.is_empty() && self.running.len() < self.portions_at_once();
            let Some(first) = self.running.front_mut() else {
                match self.arrived().await? {
                    Some(keys) => self.waiting.push_back(keys),
                    None => return Ok(None),
                }
                continue;
            };
            tokio::select! {
                biased;
                answers = &mut first.answers => match answers.unwrap_or_else(|_| Err(panicked()))? {
                    Some(answers) => {
                        self.running.pop_front();
                        self.answered = answers.into_iter();
                        self.at_once = (self.at_once + self.at_once.div_ceil(4)).min(KEYS_AT_ONCE);
                    }
                    None => self.ask_fewer(),
                },
                arrived = self.incoming.arrived(KEYS_AT_ONCE, KEYS_AT_ONCE), if has_room && self.end.is_none() => {
                    match arrived {
                        Ok(Some(keys)) => self.waiting.push_back(keys),
                        Ok(None) => self.end = Some(Ok(())),
                        Err(error) => self.end = Some(Err(error)),
                    }
                }
            }
        }
    }

    /// Begins to answer what waits.
    fn begin(&mut self) {
        while self.running.len() < self.portions_at_once() {
            let Some(waiting) = self.waiting.front_mut() else { return };
            let keys = waiting.split_to(self.at_once);
            if waiting.is_empty() {
                self.waiting.pop_front();
            }
            let (asking, asked) = (self.asking.clone(), keys.clone());
            let span = asking.caller.observer().span();
            let answers = tokio::spawn(async move { asking.answers(&asked).await }.instrument(span));
            self.running.push_back(Portion { keys, answers: AbortOnDropHandle::new(answers) });
        }
    }

    /// Large rows are asked one portion after the other.
    fn portions_at_once(&self) -> usize {
        if self.at_once < KEYS_AT_ONCE { 1 } else { PORTIONS_AT_ONCE }
    }

    /// Gives up what runs, to ask it again in smaller portions.
    fn ask_fewer(&mut self) {
        self.at_once = self.running.front().map_or(1, |portion| portion.keys.count() / 2).max(1);
        while let Some(portion) = self.running.pop_back() {
            self.waiting.push_front(portion.keys);
        }
    }

    /// Waits for keys; `None` when the client has ended its stream.
    async fn arrived(&mut self) -> Result<Option<Arrived>> {
        if let Some(end) = self.end.take() {
            return end.map(|()| None);
        }
        let arrived = tokio::time::timeout(self.idle, self.incoming.arrived(1, KEYS_AT_ONCE)).await;
        arrived.unwrap_or_else(|_| {
            let silent = self.idle.as_millis();
            let message = format!("no key has arrived for {silent} ms ([server] stream_idle_timeout_ms)");
            Err(Error::new(Stage::Decode, Code::Timeout, message))
        })
    }
}

fn panicked() -> Error {
    Error::new(Stage::Execute, Code::Internal, "the request failed").because("a task panicked")
}

// === impl Asking ===

impl Asking {
    async fn answers(&self, keys: &Arrived) -> Result<Option<Vec<Bytes>>> {
        let Asking { engine, caller, grpc, method, prepared, tags, compression } = self;
        let bytes_max = grpc.options.message_bytes_max;
        let schema = engine.schema_for(caller);
        let batch = Keys { engine, caller, grpc, method, prepared, tags, schema: &schema };
        let decode = (caller.observer().time(Stage::Decode), tracing::debug_span!("decode").entered());
        let mut collected = batch.collected(keys.count());
        let reader = batch.reader(None);
        for key in keys.messages() {
            let key = key?;
            if !reader.as_ref().is_some_and(|reader| reader.add(&key, &mut collected)) {
                let key = grpc.methods.decoder.decode(&method.request, &key)?;
                collected.add(&representation(method, Json::Object(key)));
            }
        }
        drop(decode);
        let _turn = engine.admission().turn().await?;
        let mut answered = batch.ask(collected, None, bytes_max.max(PORTION_BYTES)).await;
        if keys.count() > 1 && answered.failures().any(|error| error.code == Code::TooComplex) {
            return Ok(None);
        }
        // Of one type, what refuses a key for its type refuses all of them. Of any, the next key may be of another type.
        if !batch.is_untyped() {
            answered = answered.into_end()?;
        }
        let mut frames = Frames::new(tags, &answered, *compression, bytes_max);
        write(&answered, tags, caller.observer(), &mut frames)?;
        Ok(Some(frames.into_pieces()))
    }
}
