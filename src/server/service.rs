//! Which request goes where: the wires by their paths, and what operators look at.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use serde_json::{Value as Json, json};
use tracing::Instrument;

use super::activity::{Open, Order};
use super::connections::Peer;
use super::farewell::{held, lines};
use super::metrics::metrics;
use super::trace_context;
use super::watched_body::WatchedBody;
use super::wires::Wires;
use super::{Service, Status};
use crate::admission::overloaded;
use crate::auth::Caller;
use crate::config::{Config, VariableSource};
use crate::error::{Code, Error, Stage};
use crate::observe::{Beginning, Metrics, Observer, Shed, Transport};
use crate::telemetry;
use crate::transport::graphql::Graphql;
use crate::transport::rest::takes_lines;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What callers are told while there is nothing to serve. The reason may quote the database: it is in the log, and at
/// `/ready` for operators.
pub(super) const NOT_READY: &str = "the service is not ready; /ready says why";

/// What scripts of other origins may send, besides the headers of `[[session_variables]]`, and what they may read;
/// gRPC-Web has its status in headers.
const ALLOWED_HEADERS: &str = "authorization, content-type, x-request-id, prefer, if-none-match, idempotency-key, \
     x-grpc-web, x-user-agent, grpc-timeout, traceparent, tracestate";
const EXPOSED_HEADERS: &str = "etag, location, preference-applied, retry-after, x-request-id, grpc-status, grpc-message, \
     grpc-status-details-bin";

/// A request that is not heard, and what its sender is told to bring.
pub(super) struct TurnedAway {
    pub(super) error: Error,
    challenge: Option<&'static str>,
}

/// Answers one request.
///
/// What its head says is lent from here to everybody below, and the large futures are pinned where they are made: what
/// is handed on by value is held twice, and copied, at each of the dozen steps that lead to PostgreSQL.
pub async fn answer(peer: Arc<Peer>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let open = Open::begin(peer);
    let peer = open.peer();
    let status = peer.state.status();
    let config = status.config(&peer.state.config);
    let transport = transport(&status, config, &parts);
    let observer = begin(transport, config, &peer.state.metrics, &parts);
    let mut response = {
        let served = pin!(served(transport, &status, peer, &parts, body, &observer));
        served.instrument(observer.span()).await
    };
    if let Some(code) = response.extensions().get::<Code>() {
        observer.failed(*code);
    }
    observer.answered(response.status().as_u16());
    if let Some(name) = observer.name() {
        telemetry::rename(&observer.span(), name);
    }
    if let Ok(mut value) = HeaderValue::try_from(observer.id()) {
        // HTTP/2 would remember each of them for the answers to come, and look through all that it remembers.
        value.set_sensitive(true);
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if config.telemetry.server_timing
        && let Some(timing) = observer.server_timing()
    {
        response.headers_mut().extend(HeaderValue::try_from(timing).map(|value| (SERVER_TIMING, value)));
    }
    let mut response = watched(response, observer);
    allow_origin(config, parts.headers.get(header::ORIGIN), response.headers_mut());
    Ok(held(response, open))
}

/// Begins to observe a request.
fn begin(transport: Transport, config: &Config, metrics: &Arc<Metrics>, parts: &Parts) -> Observer {
    let id = request_id(&parts.headers);
    let span = trace_context::span(parts, transport, config.server.tls.is_some(), &id);
    let traceparent = config.telemetry.sql_comment.then(|| trace_context::traceparent(&span, &parts.headers));
    let (method, traceparent) = (parts.method.clone(), traceparent.flatten());
    Observer::begin(metrics, Beginning { transport, method, id, span, traceparent })
}

/// Which wire a request belongs to.
fn transport(status: &Status, config: &Config, parts: &Parts) -> Transport {
    #[cfg(feature = "grpc-transport")]
    if super::grpc::takes(status, parts) {
        return Transport::Grpc;
    }
    #[cfg(not(feature = "grpc-transport"))]
    let _ = status;
    let path = parts.uri.path();
    let is_below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if config.rest.enabled && is_below(&config.rest.path) {
        Transport::Rest
    } else if is_below(&config.graphql.path) {
        Transport::Graphql
    } else {
        Transport::Other
    }
}

/// Counts the bytes of an answer. What is at hand is counted at once; a stream takes its observer with it.
fn watched(response: Response<Body>, observer: Observer) -> Response<Body> {
    let told = || response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    // The body first: of an answer to HEAD, the header tells what GET would have.
    match response.body().size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok()).or_else(told) {
        Some(bytes) => {
            observer.sent(bytes);
            response
        }
        None => response.map(|body| Body::new(WatchedBody { body, observer })),
    }
}

/// A panic becomes an `INTERNAL` error of this request alone.
async fn served(
    transport: Transport,
    status: &Status,
    peer: &Peer,
    parts: &Parts,
    body: Body,
    observer: &Observer,
) -> Response<Body> {
    let headers_max = peer.state.config.server.connections.headers_max;
    // Of HTTP/1.1, such a head does not come so far.
    if parts.headers.len() > headers_max {
        let message = format!("more than {headers_max} headers ([server] max_headers)");
        return failure(Code::PayloadTooLarge, &message);
    }
    #[cfg(feature = "grpc-transport")]
    if transport == Transport::Grpc {
        // On the heap: answers of this wire would make room for those of the others, and be copied with them.
        return Box::pin(super::grpc::answer(status, peer, parts, body, observer)).await;
    }
    let id = observer.id();
    let config = status.config(&peer.state.config);
    let is_open = transport == Transport::Rest && takes_lines(parts);
    let timeout = if is_open { Duration::MAX } else { config.server.request_timeout };
    let routed = pin!(route(transport, status, config, peer, (parts, body), observer));
    match tokio::time::timeout(timeout, AssertUnwindSafe(routed).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!(request_id = id, "a request panicked");
            failure(Code::Internal, &format!("the request failed; its id is {id}"))
        }
        Err(_) => failure(Code::Timeout, &format!("no answer within {} ms", timeout.as_millis())),
    }
}

async fn route(
    wire: Transport,
    status: &Status,
    config: &Config,
    peer: &Peer,
    (parts, body): (&Parts, Body),
    observer: &Observer,
) -> Response<Body> {
    let id = observer.id();
    let path = parts.uri.path();
    match path {
        "/health" => return health(status),
        "/ready" => return ready(status).await,
        "/metrics" => return metrics(&peer.state),
        _ => {}
    }
    let service = match status {
        // A browser asks without a token whether it may send one.
        _ if parts.method == Method::OPTIONS && wire == Transport::Graphql => return preflight(),
        Status::Ready(service) => service,
        Status::Unready(_) if wire != Transport::Other => return failure(Code::Unavailable, NOT_READY),
        Status::Unready(_) => return nothing(path, config),
    };
    if let Err(error) = service.admits(peer) {
        observer.refused_early();
        let turned_away = TurnedAway { error, challenge: None };
        return turn_away(service.faces.whole(), wire, &parts.headers, turned_away, id);
    }
    let (caller, wires) = match service.heard(peer.address, &parts.method, &parts.headers).await {
        Ok((caller, wires)) => (caller.observed_by(observer.clone()), wires),
        Err(turned_away) => return turn_away(service.faces.whole(), wire, &parts.headers, turned_away, id),
    };
    if let Some(encoding) = compression(&parts.headers) {
        let message = format!("content-encoding: {encoding} is not taken; send the body as it is");
        let error = Error::new(Stage::Decode, Code::UnsupportedMediaType, message);
        let mut response = refuse(&wires, wire, &parts.headers, error, id);
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        return response;
    }
    match wire {
        Transport::Graphql => match path.strip_prefix(wires.graphql.path()) {
            Some("") => wires.graphql.serve(&service.engine, &caller, parts, body, id).await,
            Some(below) => asset(&wires.graphql, below, path),
            None => nothing(path, config),
        },
        Transport::Rest => match &wires.rest {
            Some(rest) => lines(rest.serve(&service.engine, &caller, parts, body, id).await, &peer.hurry),
            None => failure(Code::NotFound, &format!("there is nothing at {path}")),
        },
        Transport::Grpc | Transport::Other => nothing(path, config),
    }
}

impl Service {
    /// Whether a request is looked at, before anything is done for it.
    pub(super) fn admits(&self, peer: &Peer) -> Result<(), Error> {
        if peer.is_surplus {
            peer.activity.tell(Order::Drain);
            peer.state.metrics.shed(Shed::Connections);
            return Err(overloaded());
        }
        self.engine.admission().check()
    }

    /// Who asks, and the wires for him.
    pub(super) async fn heard(
        &self,
        peer: IpAddr,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(Caller, Arc<Wires>), TurnedAway> {
        let caller = self.callers.of(peer, method, headers).await;
        let caller = caller.map_err(|refused| TurnedAway { error: refused.into(), challenge: refused.challenge() })?;
        match self.faces.of(&caller) {
            Ok(wires) => Ok((caller, wires)),
            Err(error) => {
                let challenge = (error.code == Code::Unauthenticated).then_some("Bearer");
                Err(TurnedAway { error, challenge })
            }
        }
    }
}

/// Turns away whoever is not heard, in the form of the wire that was asked.
fn turn_away(wires: &Wires, wire: Transport, headers: &HeaderMap, turned_away: TurnedAway, id: &str) -> Response<Body> {
    let TurnedAway { error, challenge } = turned_away;
    let retry_after_secs = error.retry_after_secs;
    let mut response = refuse(wires, wire, headers, error, id);
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(seconds) = retry_after_secs {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An error in the form of the wire that was asked.
fn refuse(wires: &Wires, wire: Transport, headers: &HeaderMap, error: Error, id: &str) -> Response<Body> {
    match (wire, &wires.rest) {
        (Transport::Graphql, _) => wires.graphql.refuse(&error, headers),
        (Transport::Rest, Some(rest)) => rest.refuse(error, id),
        (Transport::Rest, None) | (Transport::Grpc | Transport::Other, _) => failure(error.code, &error.message),
    }
}

/// How a body is compressed, if it is.
fn compression(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::CONTENT_ENCODING)?.to_str().unwrap_or("?").trim();
    (!given.is_empty() && !given.eq_ignore_ascii_case("identity")).then_some(given)
}

/// What is at a path that no wire has.
fn nothing(path: &str, config: &Config) -> Response<Body> {
    let (graphql, rest) = (&config.graphql.path, &config.rest.path);
    match path {
        "/" if config.graphql.playground => found(graphql),
        _ if config.rest.enabled => {
            failure(Code::NotFound, &format!("there is nothing at {path}; GraphQL is at {graphql}, REST at {rest}"))
        }
        _ => failure(Code::NotFound, &format!("there is nothing at {path}; GraphQL is at {graphql}")),
    }
}

/// A file of the page below GraphQL's path.
fn asset(graphql: &Graphql, below: &str, path: &str) -> Response<Body> {
    let asset = below.strip_prefix("/graphiql/").and_then(|name| graphql.asset(name));
    asset.unwrap_or_else(|| failure(Code::NotFound, &format!("there is nothing at {path}")))
}

/// Alive, whatever the database does.
fn health(status: &Status) -> Response<Body> {
    let hash = match status {
        Status::Ready(service) => Json::String(service.hash.clone()),
        Status::Unready(_) => Json::Null,
    };
    let body = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "schema_hash": hash});
    respond(StatusCode::OK, &body)
}

/// Able to answer: a schema is bound and the database replies.
async fn ready(status: &Status) -> Response<Body> {
    let reason = match status {
        Status::Unready(reason) => reason.clone(),
        Status::Ready(service) => match service.engine.executor().ping().await {
            Ok(()) => return respond(StatusCode::OK, &json!({"status": "ready"})),
            Err(error) => error.to_string(),
        },
    };
    respond(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "unready", "reason": reason}))
}

fn found(location: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// An error outside of any wire's own form, in REST's envelope.
pub(super) fn failure(code: Code, message: &str) -> Response<Body> {
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = json!({"code": code.name(), "message": message, "extensions": {"code": code.name()}});
    let mut response = respond(status, &json!({"error": {"code": code.name(), "message": message}, "errors": [error]}));
    response.extensions_mut().insert(code);
    response
}

fn respond(status: StatusCode, body: &Json) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

/// The caller's id when it is one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    given.filter(is_plain).map_or_else(new_request_id, str::to_owned)
}

/// Unique without asking the system for randomness at every request: the process draws once and
/// counts from there.
fn new_request_id() -> String {
    static PROCESS: LazyLock<String> = LazyLock::new(|| format!("{:016x}-", uuid::Uuid::new_v4().as_u64_pair().0));
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut number = itoa::Buffer::new();
    [PROCESS.as_str(), number.format(NEXT.fetch_add(1, Ordering::Relaxed))].concat()
}

pub(super) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// `ALLOWED_HEADERS`, and those that session variables are made of.
fn allowed_headers(config: &Config) -> HeaderValue {
    let named = config.session_variables.iter().filter_map(|variable| match &variable.source {
        VariableSource::Header(name) => Some(name.to_ascii_lowercase()),
        VariableSource::Claim(_) | VariableSource::Value(_) => None,
    });
    let all = named.fold(ALLOWED_HEADERS.to_owned(), |all, name| format!("{all}, {name}"));
    HeaderValue::from_str(&all).unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))
}

/// CORS for the origins of the configuration.
fn allow_origin(config: &Config, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    let origins = &config.server.cors_origins;
    let Some(origin) = origin.filter(|_| !origins.is_empty()) else { return };
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let is_allowed = origins.iter().any(|allowed| allowed == "*" || *origin == allowed.as_str());
    if !is_allowed {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(config));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}
