//! Entities by their keys: a batch in one message each way, or keys without end, each answered in its turn.
//!
//! A stream of keys is asked in the portions in which it arrives, and the next one is taken up when the
//! answers to the last have found room with the client: memory stays flat, and nothing is held while
//! somebody does not read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::{Map, Value as Json};
use tokio::time::Instant;

use super::api::{ENTITY, ERROR, KEYS, Method, MethodKind, PAGE_ITEMS};
use super::body::DEADLINE;
use super::describe::{JOINS, READ_MASK};
use super::frame::{self, Encoding as Compression, Incoming};
use super::methods::{ANY_TYPE, PreparedEntities};
use super::serve::{Answer, Call, Grpc};
use super::status::{status, trailers};
use crate::auth::Caller;
use crate::codec::protobuf::{self, Layout, Tag};
use crate::codec::{Columns, Mismatch, Segment, Shape, Stop, Trail};
use crate::engine::{Engine, Outcome};
use crate::error::{Code, Error, Result, Stage};
use crate::federation::answered::{Answered, Entity};
use crate::federation::batch::{Encoding, EntityBatch, JsonRows};
use crate::intent::selection::TYPENAME;
use crate::intent::value::Values;
use crate::schema::name::Name;

/// The service for clients that know no schema (proto/fraiseql/v1/entities.proto).
pub const UNTYPED: &str = "fraiseql.v1.EntityService";

/// Keys of a stream that are asked together: more make no statement cheaper.
const KEYS_AT_ONCE: usize = 2_000;

/// What the rows of such keys may take before they are asked in smaller portions: some 4 KiB for each.
const PORTION_BYTES: usize = 8 << 20;

/// The methods of [`UNTYPED`].
pub fn untyped() -> impl Iterator<Item = Method> {
    let method = |name: &str, kind, request: &str, response: &str| Method {
        name: name.to_owned(),
        kind,
        endpoint: ANY_TYPE.into(),
        request: format!("fraiseql.v1.{request}"),
        response: format!("fraiseql.v1.{response}"),
        comment: None,
        deprecated: false,
    };
    let batch = method("BatchGetEntities", MethodKind::BatchGet, "BatchGetEntitiesRequest", "BatchGetEntitiesResponse");
    [batch, method("ResolveEntities", MethodKind::Resolve, "EntityKey", "ResolvedEntity")].into_iter()
}

/// Answers a batch that came in one message.
pub async fn batch_get(call: &Call<'_>, grpc: &Grpc, message: &[u8]) -> Result<Answer> {
    let options = &grpc.options;
    let decode = (call.caller.observer().time(Stage::Decode), tracing::debug_span!("decode").entered());
    let mut given = grpc.methods.decoder.decode(&call.method.request, message)?;
    drop(decode);
    let schema = call.engine.schema_for(call.caller);
    let prepared = grpc.methods.entities(&schema, call.method, given.get(READ_MASK))?;
    let keys: Vec<Json> = match given.shift_remove(KEYS) {
        Some(Json::Array(keys)) => keys.into_iter().map(|key| representation(call.method, key)).collect(),
        Some(_) | None => Vec::new(),
    };
    if keys.len() > options.representations_max {
        let max = options.representations_max;
        let message = format!("{} keys are more than {max} ([federation] max_representations)", keys.len());
        return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(KEYS));
    }
    let batch = Batch { engine: call.engine, caller: call.caller, grpc, method: call.method, prepared: &prepared };
    let mut out = Vec::new();
    let start = frame::open(&mut out);
    let bytes_max = options.message_bytes_max;
    let answered = batch.ask(&keys, given.get(JOINS), bytes_max).await.into_failure()?;
    batch.write(&answered, bytes_max, &mut out, &mut Items)?;
    frame::close(start, call.encoding, bytes_max, &mut out)?;
    Ok(Answer::Whole(out.into(), None))
}

/// Answers keys as they come, as the body of a response.
pub fn resolve(
    call: &Call<'_>,
    grpc: &Arc<Grpc>,
    incoming: Incoming,
) -> Result<impl http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + use<>> {
    let prepared = grpc.methods.entities(&call.engine.schema_for(call.caller), call.method, None)?;
    let portions = Portions {
        engine: call.engine.clone(),
        caller: call.caller.clone(),
        grpc: grpc.clone(),
        method: call.method.clone(),
        prepared,
        incoming,
        compression: call.encoding,
        waiting: VecDeque::new(),
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
                let observer = portions.caller.observer();
                super::report(&error, observer);
                (Ok(Frame::trailers(trailers(Some(&status(&error, observer.id()))))), None)
            }
        })
    });
    Ok(StreamBody::new(frames))
}

/// A stream of keys and what answers it.
struct Portions {
    engine: Arc<Engine>,
    caller: Caller,
    grpc: Arc<Grpc>,
    method: Method,
    prepared: Arc<PreparedEntities>,
    incoming: Incoming,
    compression: Compression,
    /// Keys that have arrived, as representations, and are not answered yet.
    waiting: VecDeque<Json>,
    /// How many of them are asked together: fewer for a while, when their rows take too much.
    at_once: usize,
    deadline: Option<Instant>,
    idle: Duration,
}

// === impl Portions ===

impl Portions {
    /// The answers to keys that have arrived; `None` when there are no more.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.waiting.is_empty() {
            self.waiting = self.arrived().await?.into();
        }
        if self.waiting.is_empty() {
            return Ok(None);
        }
        match self.deadline {
            None => self.answer().await,
            Some(deadline) => {
                let late = |_| Error::new(Stage::Execute, Code::Timeout, DEADLINE);
                tokio::time::timeout_at(deadline, self.answer()).await.map_err(late)?
            }
        }
        .map(Some)
    }

    /// Nothing when the client has ended its stream.
    async fn arrived(&mut self) -> Result<Vec<Json>> {
        let idle = Instant::now() + self.idle;
        let until = self.deadline.map_or(idle, |deadline| deadline.min(idle));
        let arrived = tokio::time::timeout_at(until, self.incoming.arrived(KEYS_AT_ONCE)).await;
        let messages = arrived.map_err(|_| {
            let is_over = self.deadline.is_some_and(|deadline| deadline <= idle);
            let silent =
                || format!("no key has arrived for {} ms ([server] stream_idle_timeout_ms)", self.idle.as_millis());
            Error::new(Stage::Decode, Code::Timeout, if is_over { DEADLINE.to_owned() } else { silent() })
        })??;
        let keys = messages.iter().map(|message| self.grpc.methods.decoder.decode(&self.method.request, message));
        keys.map(|key| Ok(representation(&self.method, Json::Object(key?)))).collect()
    }

    /// Answers what waits, as much of it as fits.
    async fn answer(&mut self) -> Result<Bytes> {
        let bytes_max = self.grpc.options.message_bytes_max;
        let waiting = self.waiting.make_contiguous();
        let (engine, caller, grpc, method) = (&self.engine, &self.caller, &*self.grpc, &self.method);
        let batch = Batch { engine, caller, grpc, method, prepared: &self.prepared };
        let (count, mut answered) = loop {
            let count = waiting.len().min(self.at_once);
            let answered = batch.ask(&waiting[..count], None, bytes_max.max(PORTION_BYTES)).await;
            if count == 1 || answered.failures().all(|error| error.code != Code::TooComplex) {
                break (count, answered);
            }
            self.at_once = count / 2;
        };
        self.at_once = (self.at_once + self.at_once.div_ceil(4)).min(KEYS_AT_ONCE);
        // Of one type, what refuses a key refuses all of them. Of any, the next key may be of another type.
        if !batch.is_untyped() {
            answered = answered.into_failure()?;
        }
        let mut out = Vec::new();
        let mut frames = Frames { tags: batch.tags()?, compression: self.compression, bytes_max };
        batch.write(&answered, usize::MAX, &mut out, &mut frames)?;
        self.waiting.drain(..count);
        Ok(out.into())
    }
}

/// Keys that are asked together.
struct Batch<'a> {
    engine: &'a Arc<Engine>,
    caller: &'a Caller,
    grpc: &'a Grpc,
    method: &'a Method,
    prepared: &'a PreparedEntities,
}

/// How what became of each key follows the one before.
trait Sequence {
    fn open(&mut self, items: Tag, out: &mut Vec<u8>) -> usize;
    fn close(&mut self, start: usize, out: &mut Vec<u8>) -> Result<()>;
}

/// As items of one message.
struct Items;

/// As messages of their own.
struct Frames {
    tags: Tags,
    compression: Compression,
    bytes_max: usize,
}

impl Sequence for Items {
    fn open(&mut self, items: Tag, out: &mut Vec<u8>) -> usize {
        protobuf::begin_field(items, out)
    }

    fn close(&mut self, start: usize, out: &mut Vec<u8>) -> Result<()> {
        protobuf::end_field(start, out);
        Ok(())
    }
}

impl Sequence for Frames {
    fn open(&mut self, _: Tag, out: &mut Vec<u8>) -> usize {
        frame::open(out)
    }

    /// One that is too large is an error in its place, and those behind it are answered.
    fn close(&mut self, start: usize, out: &mut Vec<u8>) -> Result<()> {
        let closed = frame::close(start, self.compression, self.bytes_max, out);
        let Err(error) = closed.as_ref() else { return closed };
        if error.code != Code::PayloadTooLarge {
            return closed;
        }
        out.truncate(start);
        let start = frame::open(out);
        write_error(&self.tags, error, out);
        frame::close(start, self.compression, usize::MAX, out)
    }
}

/// Rows as messages of their type.
struct ProtobufRows<'a>(&'a Grpc);

impl Encoding for ProtobufRows<'_> {
    type Layout = Arc<Layout>;

    fn layout(&self, outcome: &Outcome) -> Result<Arc<Layout>> {
        self.0.layout(outcome)
    }

    fn row(
        &self,
        layout: &Arc<Layout>,
        _: &Shape,
        columns: &Columns<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> std::result::Result<(), Stop> {
        let start = out.len();
        let written = protobuf::message(layout, columns, out, trail);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }
}

// === impl Batch ===

impl Batch<'_> {
    fn is_untyped(&self) -> bool {
        &*self.method.endpoint == ANY_TYPE
    }

    async fn ask(&self, representations: &[Json], joins: Option<&Json>, bytes_max: usize) -> Answered {
        match self.is_untyped() {
            true => self.ask_as(representations, joins, bytes_max, &JsonRows).await,
            false => self.ask_as(representations, joins, bytes_max, &ProtobufRows(self.grpc)).await,
        }
    }

    async fn ask_as<E: Encoding>(
        &self,
        representations: &[Json],
        joins: Option<&Json>,
        bytes_max: usize,
        encoding: &E,
    ) -> Answered {
        let schema = self.engine.schema_for(self.caller);
        let arguments = |name: &Name, values: &mut Values| self.prepared.arguments(&schema, name, joins, values);
        let batch = EntityBatch {
            engine: self.engine,
            caller: self.caller,
            wanted: &self.prepared.wanted,
            arguments: &arguments,
            encoding,
            bytes_max,
        };
        batch.answer(representations).await
    }

    /// Writes what became of each key.
    fn write(
        &self,
        answered: &Answered,
        bytes_max: usize,
        out: &mut Vec<u8>,
        sequence: &mut impl Sequence,
    ) -> Result<()> {
        answered.failures().for_each(|error| super::log(error, self.caller.observer().id()));
        let is_untyped = self.is_untyped();
        let tags = self.tags()?;
        let mismatches = answered.mismatches();
        for (index, entity) in answered.entities().enumerate() {
            let start = sequence.open(tags.items, out);
            match entity {
                Entity::Row(json) if is_untyped => {
                    if !protobuf::structure(tags.entity, json, out) {
                        let error = Error::new(Stage::Encode, Code::DataMismatch, "the row is nested too deeply");
                        write_error(&tags, &error, out);
                    }
                }
                Entity::Row(message) => protobuf::field(tags.entity, message, out),
                Entity::Missing => {}
                Entity::Nulled => {
                    self.caller.observer().failed(Code::DataMismatch);
                    write_error(&tags, &mismatch(&mismatches, index), out);
                }
                Entity::Failed(error) => {
                    self.caller.observer().failed(error.code);
                    write_error(&tags, error, out);
                }
            }
            sequence.close(start, out)?;
            // One row may stand there many times.
            if out.len() > bytes_max {
                let message = format!("the answer is larger than {bytes_max} bytes ([grpc] max_message_bytes)");
                return Err(Error::new(Stage::Encode, Code::PayloadTooLarge, message));
            }
        }
        Ok(())
    }

    fn tags(&self) -> Result<Tags> {
        if self.is_untyped() {
            return Ok(Tags { items: Tag::delimited(1), entity: Tag::delimited(1), error: Tag::delimited(2) });
        }
        let number = |message: &str, field: &str| {
            let found = self.grpc.lock.field(message, field).map(|member| Tag::delimited(member.number));
            found.ok_or_else(|| {
                Error::new(Stage::Encode, Code::Internal, "the schema was compiled for another version")
                    .because(format!("there is no field number for {message}.{field}"))
            })
        };
        let method = self.method;
        let resolved = format!("Resolved{}", crate::schema::lock::message_name(&method.endpoint));
        let items = match method.kind {
            MethodKind::BatchGet => number(&method.response, PAGE_ITEMS)?,
            MethodKind::Get
            | MethodKind::List
            | MethodKind::Pages
            | MethodKind::Connection
            | MethodKind::Count
            | MethodKind::Command
            | MethodKind::Commands
            | MethodKind::Resolve => Tag::delimited(1),
        };
        Ok(Tags { items, entity: number(&resolved, ENTITY)?, error: number(&resolved, ERROR)? })
    }
}

/// A key as a representation; what is none is left for the check of each.
fn representation(method: &Method, key: Json) -> Json {
    let Json::Object(mut key) = key else { return Json::Null };
    if &*method.endpoint != ANY_TYPE {
        key.insert(TYPENAME.to_owned(), Json::String(method.endpoint.to_string()));
        return Json::Object(key);
    }
    let mut fields = match key.shift_remove("key") {
        Some(Json::Object(fields)) => fields,
        Some(_) => return Json::Null,
        None => Map::new(),
    };
    fields.extend(key.shift_remove("typename").map(|name| (TYPENAME.to_owned(), name)));
    Json::Object(fields)
}

/// The fields that what became of a key is written in.
struct Tags {
    items: Tag,
    entity: Tag,
    error: Tag,
}

/// An `EntityError`.
fn write_error(tags: &Tags, error: &Error, out: &mut Vec<u8>) {
    let start = protobuf::begin_field(tags.error, out);
    protobuf::field(Tag::delimited(1), error.code.name().as_bytes(), out);
    protobuf::field(Tag::delimited(2), error.message.as_bytes(), out);
    if let Some(argument) = &error.argument {
        protobuf::field(Tag::delimited(3), argument.as_bytes(), out);
    }
    protobuf::end_field(start, out);
}

/// What does not fit in the row of a key.
fn mismatch(mismatches: &[Mismatch], index: usize) -> Error {
    let own = mismatches.iter().find(|mismatch| mismatch.path.first() == Some(&Segment::Index(index)));
    let message = own.map(|mismatch| format!("{}.{}: {}", mismatch.type_name, mismatch.field, mismatch.reason));
    let message = message.unwrap_or_else(|| "a value does not fit its type".to_owned());
    Error::new(Stage::Encode, Code::DataMismatch, message)
}
