//! GraphQL over HTTP: bytes → intents → bytes.
//!
//! A document is parsed, bounded and validated once per text; an operation becomes the forms of its
//! roots once per combination of conditions. What is left of a repeat is to read the variables, ask
//! the engine, and write what comes back.

mod document;
mod encode;
mod entities;
mod execute;
mod forms;
mod hints;
mod left_alone;
pub mod page;
mod request;
mod respond;
mod rules;
mod subgraph;
mod trace;
mod variables;
mod writes;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use apollo_compiler::Schema as TypeSystem;
use apollo_compiler::ast::OperationType;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::{Implementers, Name};
use apollo_compiler::validation::Valid;
use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, header};
use moka::sync::Cache;

use self::document::Document;
pub use self::document::DocumentLimits;
use self::forms::{Forms, RootKind, ServicePart, mutate, read as read_intent};
use self::request::{MediaType, Request, Requests, wants_html};
use self::respond::{Failure, GraphqlError};
use self::subgraph::extension;
use self::variables::coerce_variables;
use crate::auth::Caller;
use crate::engine::Engine;
use crate::error::{Code, Error};
use crate::federation;
use crate::federation::batch::REPRESENTATION_BYTES;
use crate::intent::Intent;
use crate::recent::Recent;
use crate::schema::Schema;
use crate::transport::asset;
use crate::transport::body::{Budget, Chunks, body_of, is_json, read};
use crate::transport::once::{self, Under};
use crate::type_system::{Marks, Spelling, sdl};

/// Bytes of text of the documents that are kept, and of the texts kept for persisted queries. A
/// parsed document takes about 25 times its text, and a short one no less than one of
/// [`TEXT_WEIGHT_MIN`]: some 4,000 documents, 50 MiB at most.
const DOCUMENTS_BYTES_MAX: u64 = 2 * 1024 * 1024;
const PERSISTED_BYTES_MAX: u64 = 16 * 1024 * 1024;
const TEXT_WEIGHT_MIN: usize = 512;
/// Documents of longer texts are not held in front of the cache as well.
const RECENT_BYTES_MAX: usize = 4 * 1024;

/// Settings of `[graphql]`, and of `[server]` where they concern this wire.
#[derive(Debug, Clone)]
pub struct Options {
    pub path: String,
    pub introspection: bool,
    pub playground: bool,
    /// Requests of one body; `None` where batches are not taken.
    pub batch_requests_max: Option<usize>,
    pub limits: DocumentLimits,
    pub body_bytes_max: usize,
    pub body_timeout: Duration,
    pub response_bytes_max: usize,
    /// Of one `_entities`; a body that asks for entities may be longer for that.
    pub representations_max: usize,
    /// How long the answers under an `Idempotency-Key` are kept.
    pub idempotency_ttl: Duration,
}

/// The GraphQL wire of one schema.
pub struct Graphql {
    options: Options,
    /// What clients see, as SDL and parsed.
    published: String,
    described: Valid<TypeSystem>,
    implementers: HashMap<Name, Implementers>,
    /// What `_service` answers, where the schema is a subgraph.
    service_sdl: String,
    /// Bytes by which a body of representations may be longer than others.
    entity_bytes_max: usize,
    /// What documents are validated against.
    accepted: Valid<TypeSystem>,
    documents: Recent<Arc<str>, Arc<Document>>,
    persisted: Cache<String, Arc<str>>,
}

// === impl Graphql ===

impl Graphql {
    /// Fails only when a compiled schema has no valid GraphQL form, which the compiler should have
    /// refused.
    pub fn new(schema: &Schema, options: Options) -> Result<Graphql, String> {
        let published = sdl(schema, Spelling::Published, &Marks::default());
        let parse = |text: &str| {
            TypeSystem::parse_and_validate(text, "schema.graphql").map_err(|failed| failed.errors.to_string())
        };
        let extension = extension(schema);
        let described = parse(&format!("{published}{extension}"))?;
        let accepted = parse(&format!("{}{extension}", sdl(schema, Spelling::Accepted, &Marks::default())))?;
        let is_subgraph = schema.model().federation.is_some();
        let representations_max = if is_subgraph { options.representations_max } else { 0 };
        Ok(Graphql {
            service_sdl: if is_subgraph { federation::sdl::sdl(schema.model()) } else { String::new() },
            entity_bytes_max: representations_max.saturating_mul(REPRESENTATION_BYTES),
            options,
            implementers: described.implementers_map(),
            described,
            accepted,
            published,
            documents: Recent::of(
                Cache::builder()
                    .max_capacity(DOCUMENTS_BYTES_MAX)
                    .weigher(|text: &Arc<str>, _| text_weight(text))
                    .build_with_hasher(ahash::RandomState::new()),
            ),
            persisted: Cache::builder()
                .max_capacity(PERSISTED_BYTES_MAX)
                .weigher(|_, text: &Arc<str>| text_weight(text))
                .build(),
        })
    }

    /// The type system that clients see.
    pub fn sdl(&self) -> &str {
        &self.published
    }

    /// Answers one HTTP request.
    pub async fn serve(
        &self,
        engine: &Arc<Engine>,
        caller: &Caller,
        parts: &Parts,
        body: Body,
        id: &str,
    ) -> Response<Body> {
        let mut response = self.answer(engine, caller, parts, body, id).await;
        if parts.method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }

    async fn answer(
        &self,
        engine: &Arc<Engine>,
        caller: &Caller,
        parts: &Parts,
        body: Body,
        id: &str,
    ) -> Response<Body> {
        if self.options.playground && wants_html(&parts.method, &parts.headers) {
            return self.page();
        }
        let media = match MediaType::of(&parts.headers) {
            Ok(media) => media,
            Err(failure) => return refusal(&failure, MediaType::Json),
        };
        let mut bytes = Bytes::new();
        let requests = match parts.method {
            Method::GET | Method::HEAD => Request::from_query(parts.uri.query().unwrap_or_default()).map(Requests::One),
            Method::POST => match self.body(&parts.headers, body).await {
                Ok(read) => {
                    bytes = read;
                    Request::from_body(&bytes, self.options.batch_requests_max)
                }
                Err(failure) => Err(failure),
            },
            _ => {
                let failure =
                    Failure::http(Code::MethodNotAllowed, "GraphQL is asked by POST, or by GET and HEAD for queries");
                Err(Failure { allow: Some("GET, HEAD, POST, OPTIONS"), ..failure })
            }
        };
        let body_bytes = bytes.len();
        let requests = match requests {
            Ok(requests) => requests,
            Err(failure) => return refusal(&failure, media),
        };
        let _admitted = match engine.admission().admit().await {
            Ok(admitted) => admitted,
            Err(error) => return refusal(&Failure::refused(&error), media),
        };
        let by_get = parts.method != Method::POST;
        let asks_for_trace = parts.headers.get(trace::HEADER).is_some_and(|format| format == trace::FORMAT);
        let traced = asks_for_trace && !self.service_sdl.is_empty();
        let under = match Under::of(&parts.headers, || "GraphQL".to_owned(), caller, self.options.idempotency_ttl) {
            Ok(under) => under,
            Err(error) => return refusal(&Failure::http(error.code, error.message), media),
        };
        let replayed = AtomicBool::new(false);
        let mut exchange =
            execute::Exchange { graphql: self, engine, caller, by_get, body_bytes, traced, under, replayed, id };
        let budget = Budget::new(self.options.response_bytes_max);
        let mut response = match &requests {
            Requests::One(request) => match exchange.run(request, &budget).await {
                Ok(body) => respond(200, media, body.into_bytes()),
                Err(failure) => {
                    if failure.code() == Code::CircuitBreakerOpen {
                        caller.observer().refused_early();
                    }
                    refusal(&failure, media)
                }
            },
            Requests::Batch(requests) => {
                let mut answers = Vec::with_capacity(requests.len());
                let key = exchange.under.clone();
                for (i, request) in requests.iter().enumerate() {
                    exchange.under = key.as_ref().map(|key| key.at(i));
                    let answer = Box::pin(exchange.run(request, &budget)).await;
                    let failure = answer.as_ref().err();
                    failure.inspect(|failure| caller.observer().failed(failure.code()));
                    answers.push(answer);
                }
                respond(200, media, batch(answers))
            }
        };
        if exchange.replayed.into_inner() {
            response.headers_mut().insert(once::KEY, once::REPLAYED);
        }
        response
    }

    /// Answers a request that is not heard, with the status of its error whatever media type answers.
    pub fn refuse(&self, error: &Error, headers: &http::HeaderMap) -> Response<Body> {
        let media = MediaType::of(headers).unwrap_or(MediaType::Json);
        refusal(&Failure::refused(error), media)
    }

    async fn body(&self, headers: &http::HeaderMap, body: Body) -> Result<Bytes, Failure> {
        if !is_json(headers) {
            return Err(Failure::http(Code::UnsupportedMediaType, "send the request as application/json in UTF-8"));
        }
        let max = self.options.body_bytes_max;
        let longest = max.saturating_add(self.entity_bytes_max);
        read(body, longest, self.options.body_timeout).await.map_err(|error| {
            if error.code == Code::PayloadTooLarge {
                Failure::too_large(max)
            } else if error.code == Code::InvalidArgument {
                Failure::malformed(error.message)
            } else {
                Failure::refused(&error)
            }
        })
    }

    /// The document of a text: known, or parsed and kept.
    fn document(&self, text: &str) -> Result<Arc<Document>, Failure> {
        let owned = |text: &str, _: &_| (text.len() <= RECENT_BYTES_MAX).then(|| text.into());
        if let Some(document) = self.documents.get(text, owned) {
            return Ok(document);
        }
        let document = Arc::new(Document::parse(text, &self.accepted, self.options.limits)?);
        self.documents.insert(text.into(), document.clone());
        Ok(document)
    }

    /// The text of a request, by itself or by its hash.
    fn text<'r>(&self, request: &'r Request<'_>) -> Result<Cow<'r, str>, Failure> {
        match (&request.query, &request.hash) {
            (Some(text), None) => Ok(Cow::Borrowed(text)),
            (Some(text), Some(hash)) => {
                if !Request::hash_matches(text, hash) {
                    return Err(Failure::malformed("provided sha does not match query"));
                }
                self.persisted.insert(hash.clone(), text.as_ref().into());
                Ok(Cow::Borrowed(text))
            }
            (None, Some(hash)) => match self.persisted.get(hash) {
                Some(text) => Ok(Cow::Owned(text.to_string())),
                None => {
                    Err(Failure::of("PERSISTED_QUERY_NOT_FOUND", vec![GraphqlError::new("PersistedQueryNotFound")]))
                }
            },
            (None, None) => Err(Failure::malformed("the request has no \"query\"")),
        }
    }

    /// The intents of a query, by the response keys of its roots; for `explain`.
    pub fn intents(
        &self,
        schema: &Schema,
        query: &str,
        variables: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Vec<(String, Intent)>, Vec<String>> {
        let said = |failure: Failure| failure.errors.into_iter().map(|error| error.message).collect::<Vec<_>>();
        let document = self.document(query).map_err(said)?;
        let operation = document.operation(None).map_err(said)?;
        let sources = &document.executable.sources;
        let sent = serde_json::value::to_raw_value(&variables).map_err(|error| vec![error.to_string()])?;
        let given = coerce_variables(&operation.variables, Some(&sent), &self.accepted, sources).map_err(said)?;
        let forms = Forms { schema, document: &document.executable, variables: &operation.variables, given: &given };
        let one = |error: crate::error::Error| vec![error.to_string()];
        let root_type = match operation.definition.operation_type {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let roots = forms.roots(root_type, &operation.definition.selection_set).map_err(one)?;
        let mut intents = Vec::new();
        for root in &roots {
            let intent = match &root.kind {
                RootKind::Read { form, sites } => read_intent(schema, form, sites, &given).map(Intent::Read),
                RootKind::Mutate { form, sites } => mutate(schema, form, sites, &given).map(Intent::Mutate),
                RootKind::TypeName(_)
                | RootKind::Introspection
                | RootKind::Service(_)
                | RootKind::Entities(_)
                | RootKind::Unimplemented => continue,
            };
            intents.push((root.key.to_string(), intent.map_err(one)?));
        }
        Ok(intents)
    }

    /// The value of `_service`.
    fn service(&self, parts: &[(crate::schema::name::Name, ServicePart)]) -> serde_json::Value {
        let value = |part: &ServicePart| match part {
            ServicePart::TypeName => "_Service",
            ServicePart::Sdl => &self.service_sdl,
        };
        parts.iter().map(|(key, part)| (key.to_string(), serde_json::Value::from(value(part)))).collect()
    }

    /// GraphiQL.
    fn page(&self) -> Response<Body> {
        asset::page(page::index(&self.options.path), page::CONTENT_SECURITY_POLICY)
    }

    /// A file of the GraphiQL page: `name` is what follows `{path}/graphiql/`.
    pub fn asset(&self, name: &str) -> Option<Response<Body>> {
        Some(page::asset(name).filter(|_| self.options.playground)?.respond())
    }

    pub fn path(&self) -> &str {
        &self.options.path
    }
}

fn text_weight(text: &str) -> u32 {
    u32::try_from(text.len().max(TEXT_WEIGHT_MIN)).unwrap_or(u32::MAX)
}

fn batch(answers: Vec<Result<Chunks, Failure>>) -> Vec<Bytes> {
    let mut all = Chunks::default();
    all.push(b"[");
    for (i, answer) in answers.into_iter().enumerate() {
        all.push(if i > 0 { b"," } else { b"" });
        match answer {
            Ok(body) => all.append(body),
            Err(failure) => all.push(&failure.body()),
        }
    }
    all.push(b"]");
    all.into_bytes()
}

fn refusal(failure: &Failure, media: MediaType) -> Response<Body> {
    let status = failure.status.unwrap_or(match media {
        MediaType::Json => 200,
        MediaType::GraphqlResponse => 400,
    });
    let mut response = respond(status, media, vec![Bytes::from(failure.body())]);
    response.extensions_mut().insert(failure.code());
    if let Some(allow) = failure.allow {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(seconds) = failure.retry_after_secs {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn respond(status: u16, media: MediaType, chunks: Vec<Bytes>) -> Response<Body> {
    let (body, length) = body_of(chunks);
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.name()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
