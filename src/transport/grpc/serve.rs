//! The service: which method a request is for, its answer, and the services that go with it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, Response, header};
use moka::sync::Cache;
use serde_json::{Map, Value as Json};
use tokio::time::Instant;
use tonic::body::Body as TonicBody;
use tonic_reflection::server::Error as ReflectionError;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tracing::Instrument;

use super::api::{Api, Method, MethodKind, PAGE_ITEMS};
use super::body::{DEADLINE, Made, Patience, Streamed, Whole};
use super::descriptor::file_descriptor_set;
use super::entities::{UNTYPED, batch_get, untyped};
use super::frame::{self, ACCEPTED, Encoding, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, Incoming};
use super::methods::Methods;
use super::resolving::resolve;
use super::rows::{Filled, Messages, Packing, single};
use super::status::{status, trailers};
use super::writes::Modes;
use super::{describe, mutations, report, timeout};
use crate::auth::Caller;
use crate::codec::protobuf::{Layout, Tag};
use crate::engine::{Engine, Outcome, Pace};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::{Intent, Mutate, Read};
use crate::observe::ENTITIES;
use crate::problem::{Problem, did_you_mean};
use crate::recent::Recent;
use crate::schema::Schema;
use crate::schema::lock::Lock;
use crate::transport::body::in_time;
use crate::transport::once;

/// Layouts kept, one for each statement.
const LAYOUTS_MAX: u64 = 10_000;

/// Settings of `[grpc]`, and of other sections where they concern this wire.
#[derive(Debug, Clone)]
pub struct Options {
    pub names: describe::ServiceNames,
    pub reflection: bool,
    pub message_bytes_max: usize,
    /// Of a request of one message.
    pub body_timeout: Duration,
    pub page_rows: usize,
    pub depth_max: usize,
    /// To the first message of an answer.
    pub request_timeout: Duration,
    /// Keys of one batch of entities.
    pub representations_max: usize,
    pub stream_idle_timeout: Duration,
    /// How long the answer under a key is kept.
    pub idempotency_ttl: Duration,
}

/// The gRPC wire of one schema.
pub struct Grpc {
    pub(super) options: Options,
    api: Api,
    pub(super) lock: Lock,
    /// By path.
    paths: HashMap<String, Method, ahash::RandomState>,
    pub(super) methods: Methods,
    layouts: Layouts,
    /// Other services, by the beginning of their paths.
    sides: Vec<(&'static str, Side)>,
}

/// By the address of a statement, which is kept alive beside its layout.
type Layouts = Recent<usize, Arc<(Outlined, Arc<Layout>)>>;

/// Whatever keeps a statement alive.
type Outlined = Arc<dyn std::any::Any + Send + Sync>;

type Side = BoxCloneSyncService<Request<TonicBody>, Response<TonicBody>, Infallible>;

/// Whether a request is gRPC, over HTTP/2 or as gRPC-Web.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The answer of a request that nobody can serve.
pub fn refusal(error: &Error, request_id: &str) -> Response<Body> {
    super::log(error, request_id);
    refused(error, request_id)
}

fn refused(error: &Error, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(error.code);
    *response.headers_mut() = trailers(Some(&status(error, request_id)));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response
}

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// One request on its way.
pub(super) struct Call<'a> {
    pub engine: &'a Arc<Engine>,
    pub caller: &'a Caller,
    pub method: &'a Method,
    pub id: &'a str,
    pub deadline: Option<Instant>,
    pub encoding: Encoding,
    pub modes: Modes,
}

/// The body of an answer.
pub(super) enum Answer {
    /// And the error after it, if there was one.
    Whole(Bytes, Option<Error>),
    /// The same, as it was given before under the same key.
    Again(Bytes, Option<Error>),
    Streamed(Bytes, Box<Messages>),
    Made(Made),
}

// === impl Grpc ===

impl Grpc {
    /// Problems are what the compiler would have refused, or a compiled schema without numbers.
    pub fn new(schema: &Schema, lock: Option<&Lock>, options: Options, file: &str) -> Result<Grpc, Vec<Problem>> {
        let stale = |reason: String| vec![Problem::new(file, "lock", reason).hint("run `fraiseql compile`")];
        let lock = lock.ok_or_else(|| stale("was compiled without field numbers for gRPC".to_owned()))?;
        let api = describe::describe(schema, &options.names, file)?;
        let api = api.numbered(lock).map_err(|missing| stale(format!("has no field number for {missing}")))?;
        let name = api.service_name();
        let own = api.methods.iter().map(|method| (format!("/{name}/{}", method.name), method.clone()));
        let paths = own.chain(untyped().map(|method| (format!("/{UNTYPED}/{}", method.name), method)));
        let sides = sides(&api, options.reflection);
        let sides = sides.map_err(|error| stale(format!("has no valid descriptors: {error}")))?;
        Ok(Grpc {
            paths: paths.collect(),
            methods: Methods::new(&api, options.depth_max),
            layouts: Recent::of(
                Cache::builder().max_capacity(LAYOUTS_MAX).build_with_hasher(ahash::RandomState::new()),
            ),
            sides,
            lock: lock.clone(),
            api,
            options,
        })
    }

    /// The service as clients name it.
    pub fn service_name(&self) -> String {
        self.api.service_name()
    }

    /// The intent of a method, `shop.v1.ShopService/ListUsers`, with a request in JSON; for `explain`.
    pub fn intent(&self, schema: &Schema, method: &str, mut request: Map<String, Json>) -> Result<Intent> {
        let method = self.method(&format!("/{}", method.trim_start_matches('/')))?;
        for mask in [describe::READ_MASK, mutations::CLEAR_MASK] {
            let Some(mask) = request.get_mut(mask) else { continue };
            // In JSON a mask is one text.
            if let Some(paths) = mask.as_str() {
                *mask = paths.split(',').map(|path| Json::from(path.trim())).collect();
            }
        }
        if !method.kind.is_write() {
            return Ok(Intent::Read(self.methods.read(schema, method, &request)?));
        }
        let command = self.methods.command_of(schema, method, request)?;
        let mutate = self.methods.mutate(schema, method, &command.wanted, vec![command.input])?;
        Ok(Intent::Mutate(Mutate { is_batch: method.kind == MethodKind::Commands, ..mutate }))
    }

    /// The arguments in the bytes of a request message, by the names of the schema, as [`Grpc::intent`] takes them.
    pub fn arguments(&self, path: &str, message: &[u8]) -> Result<Map<String, Json>> {
        self.methods.decoder.decode(&self.method(path)?.request, message)
    }

    /// Whether a browser asks if it may call something here.
    pub fn is_served(&self, path: &str) -> bool {
        self.paths.contains_key(path) || self.sides.iter().any(|(prefix, _)| path.starts_with(prefix))
    }

    /// Answers one request.
    pub async fn serve(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        caller: &Caller,
        parts: &Parts,
        body: Body,
        id: &str,
    ) -> Response<Body> {
        let path = parts.uri.path();
        if let Some((_, side)) = self.sides.iter().find(|(prefix, _)| path.starts_with(prefix)) {
            let request = Request::from_parts(parts.clone(), TonicBody::new(body));
            let answered = Box::pin(side.clone().oneshot(request)).await;
            return answered.map_or_else(|never| match never {}, |response| response.map(Body::new));
        }
        let encoding = Encoding::of_request(&parts.headers);
        let mut response = match self.answer(engine, caller, parts, body, &encoding, id).await {
            Ok(response) => response,
            Err(error) => {
                report(&error, caller.observer());
                refused(&error, id)
            }
        };
        if encoding.is_err() {
            response.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
        }
        response
    }

    async fn answer(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        caller: &Caller,
        parts: &Parts,
        body: Body,
        encoding: &Result<Encoding>,
        id: &str,
    ) -> Result<Response<Body>> {
        let method = self.method(parts.uri.path())?;
        let observer = caller.observer();
        observer.asks(if method.kind.is_of_entities() { ENTITIES } else { &method.endpoint });
        if let Some((service, name)) = parts.uri.path().trim_start_matches('/').split_once('/') {
            observer.note("rpc.service", || service);
            observer.note("rpc.method", || name);
            observer.named(|| format!("{service}/{name}"));
            observer.note("rpc.grpc.status_code", || 0);
        }
        if parts.method != HttpMethod::POST {
            return Err(Error::new(Stage::Decode, Code::MethodNotAllowed, "gRPC is asked by POST"));
        }
        let request_encoding = match encoding {
            Ok(encoding) => *encoding,
            Err(error) => return Err(Error::new(error.stage, error.code, error.message.clone())),
        };
        let now = Instant::now();
        let deadline = timeout::of(&parts.headers)?.map(|timeout| now + timeout);
        let encoding = Encoding::of_response(&parts.headers, request_encoding);
        let modes = match method.kind.is_write() {
            true => Modes::of(&parts.headers, method, caller, self.options.idempotency_ttl)?,
            false => Modes::default(),
        };
        let call = Call { engine, caller, method, id, deadline, encoding, modes };
        let bytes_max = self.options.message_bytes_max;
        if method.kind.takes_stream() {
            let incoming = Incoming::new(body, request_encoding, bytes_max);
            if method.kind == MethodKind::Resolve {
                return Ok(framed(Body::new(resolve(&call, self, incoming)?), encoding));
            }
            let answer = self.written(&call, incoming)?;
            return Ok(self.respond(&call, answer));
        }
        let answer = pin!(async {
            let message = in_time(frame::read(body, request_encoding, bytes_max), self.options.body_timeout).await??;
            let _admitted = engine.admission().admit().await?;
            if method.kind == MethodKind::BatchGet {
                return Box::pin(batch_get(&call, self, &message)).await;
            }
            let schema = engine.schema_for(caller);
            if method.kind.is_write() {
                let decode = (observer.time(Stage::Decode), tracing::debug_span!("decode").entered());
                let command = self.methods.command(&schema, method, &message)?;
                let mutate = self.methods.mutate(&schema, method, &command.wanted, vec![command.input])?;
                drop(decode);
                return Box::pin(self.command(&call, mutate, &message)).await;
            }
            let read = {
                let (_timed, _span) = (observer.time(Stage::Decode), tracing::debug_span!("decode").entered());
                self.methods.decode(&schema, method, &message)?
            };
            self.ask(&call, read).await
        });
        let limit = now + self.options.request_timeout;
        let until = deadline.map_or(limit, |deadline| deadline.min(limit));
        let answer = tokio::time::timeout_at(until, answer).await.map_err(|_| {
            let message = match deadline.is_some_and(|deadline| deadline <= limit) {
                true => DEADLINE.to_owned(),
                false => format!("no answer within {} ms", self.options.request_timeout.as_millis()),
            };
            Error::new(Stage::Execute, Code::Timeout, message)
        })??;
        Ok(self.respond(&call, answer))
    }

    fn method(&self, path: &str) -> Result<&Method> {
        self.paths.get(path).ok_or_else(|| {
            let hint = did_you_mean(path, self.paths.keys().map(String::as_str));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            Error::new(Stage::Decode, Code::Unimplemented, format!("there is no RPC {path}{hint}"))
        })
    }

    /// Asks the engine; once more when the rows are of another shape than planned.
    async fn ask(&self, call: &Call<'_>, read: Read) -> Result<Answer> {
        let seen = call.engine.generation();
        let intent = Intent::Read(read);
        match self.attempt(call, &intent).await {
            Err(error) if error.can_be_asked_again() => {
                let again = async {
                    call.engine.recover(call.caller, seen, &error).await?;
                    self.attempt(call, &intent).await
                };
                Box::pin(again).await
            }
            result => result,
        }
    }

    async fn attempt(&self, call: &Call<'_>, intent: &Intent) -> Result<Answer> {
        let packing = match call.method.kind {
            MethodKind::List => Packing::Single,
            MethodKind::Pages => {
                let items = self.lock.field(&call.method.response, PAGE_ITEMS).map_or(1, |member| member.number);
                Packing::Pages { rows: self.options.page_rows, items: Tag::delimited(items) }
            }
            // What is written is not asked twice, and does not come here.
            MethodKind::Get
            | MethodKind::Connection
            | MethodKind::Count
            | MethodKind::Command
            | MethodKind::Commands
            | MethodKind::BatchGet
            | MethodKind::Resolve => return self.one(call, intent).await,
        };
        let outcome = call.engine.answer(call.caller, intent, Pace::Stream).await?;
        let _timed = call.caller.observer().time(Stage::Encode);
        let layout = self.layout(&outcome)?;
        let (_, rows) = outcome.into_parts();
        let mut messages = Messages::new(rows, layout, packing, call.encoding, self.options.message_bytes_max);
        // What goes wrong before the first message can be told without one, and small lists end here.
        let filled = std::future::poll_fn(|context| messages.poll(context));
        let Filled { data, end } = filled.instrument(tracing::debug_span!("encode")).await;
        match end {
            Some(Err(error)) if data.is_empty() => Err(error),
            Some(end) => Ok(Answer::Whole(data, end.err())),
            None => Ok(Answer::Streamed(data, Box::new(messages))),
        }
    }

    async fn one(&self, call: &Call<'_>, intent: &Intent) -> Result<Answer> {
        let outcome = call.engine.answer(call.caller, intent, Pace::Answer).await?;
        let _timed = call.caller.observer().time(Stage::Encode);
        let layout = self.layout(&outcome)?;
        let (_, mut rows) = outcome.into_parts();
        let single = pin!(single(&mut rows, &layout, call.encoding, self.options.message_bytes_max));
        match single.instrument(tracing::debug_span!("encode")).await? {
            Some(message) => Ok(Answer::Whole(message, None)),
            None => {
                let message = format!("{} found no {}", call.method.name, call.method.response);
                Err(Error::new(Stage::Encode, Code::NotFound, message))
            }
        }
    }

    pub(super) fn layout(&self, outcome: &Outcome) -> Result<Arc<Layout>> {
        let statement = outcome.statement();
        let address = Arc::as_ptr(statement) as usize;
        if let Some(known) = self.layouts.get(&address, |address, _| Some(*address)) {
            return Ok(known.1.clone());
        }
        let layout = Layout::new(outcome.shape(), &self.lock).map_err(|missing| {
            Error::new(Stage::Encode, Code::Internal, "the schema was compiled for another version")
                .because(format!("there is no field number for {}", missing.0))
        })?;
        let layout = Arc::new(layout);
        self.layouts.insert(address, Arc::new((statement.clone(), layout.clone())));
        Ok(layout)
    }

    fn respond(&self, call: &Call<'_>, answer: Answer) -> Response<Body> {
        let is_again = matches!(answer, Answer::Again(..));
        let body = match answer {
            Answer::Whole(data, error) | Answer::Again(data, error) => {
                let status = error.map(|error| {
                    report(&error, call.caller.observer());
                    status(&error, call.id)
                });
                Body::new(Whole::new(data, trailers(status.as_ref())))
            }
            Answer::Streamed(first, messages) => {
                let patience = Patience { deadline: call.deadline, idle: self.options.stream_idle_timeout };
                Body::new(Streamed::new(first, *messages, patience, call.caller.observer()))
            }
            Answer::Made(made) => Body::new(made),
        };
        let mut response = framed(body, call.encoding);
        if is_again {
            response.headers_mut().insert(once::KEY, once::REPLAYED);
        }
        response
    }
}

fn framed(body: Body, encoding: Encoding) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    if encoding != Encoding::Identity {
        response.headers_mut().insert(GRPC_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}

/// Reflection, in both of its versions, unless it is switched off. It describes the health service too, which the
/// server answers.
fn sides(api: &Api, with_reflection: bool) -> std::result::Result<Vec<(&'static str, Side)>, ReflectionError> {
    if !with_reflection {
        return Ok(Vec::new());
    }
    let descriptors = file_descriptor_set(api);
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_file_descriptor_set(descriptors.clone())
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(vec![
        ("/grpc.reflection.v1.ServerReflection/", Side::new(builder().build_v1()?)),
        ("/grpc.reflection.v1alpha.ServerReflection/", Side::new(builder().build_v1alpha()?)),
    ])
}
