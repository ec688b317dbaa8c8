//! gRPC requests, told apart by their content type: every answer is one that gRPC clients understand.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use futures_util::{FutureExt, StreamExt};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, header};

use super::connections::Peer;
use super::farewell::messages;
use super::service::NOT_READY;
use super::{Status, health};
use crate::config::Config;
use crate::error::{Code, Error, Stage};
use crate::observe::Observer;
use crate::problem::Problem;
use crate::schema::Schema;
use crate::schema::lock::Lock;
use crate::transport::grpc::describe::ServiceNames;
use crate::transport::grpc::{Grpc, Options, is_grpc, is_web, refusal, translated};

/// What operators look at, as at `/ready`: they have no token.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// Streams that clients leave open, and that have to end when the server does.
const REFLECTION: &str = "/grpc.reflection.";

/// The gRPC wire of a configuration; `None` when it is switched off.
pub fn grpc(config: &Config, schema: &Schema, lock: Option<&Lock>) -> Result<Option<Arc<Grpc>>, Vec<Problem>> {
    if !config.grpc.enabled {
        return Ok(None);
    }
    let options = Options {
        names: ServiceNames { package: config.grpc.package.clone(), service: config.grpc.service.clone() },
        reflection: config.grpc.reflection,
        message_bytes_max: config.grpc.max_message_bytes,
        body_timeout: config.server.body_timeout,
        page_rows: config.grpc.page_rows,
        depth_max: config.graphql.max_depth,
        request_timeout: config.server.request_timeout,
        representations_max: config.federation.max_representations,
        stream_idle_timeout: config.server.stream_idle_timeout,
        idempotency_ttl: config.rest.idempotency_ttl,
    };
    let file = config.fraiseql.output_file.display().to_string();
    Grpc::new(schema, lock, options, &file).map(|grpc| Some(Arc::new(grpc)))
}

/// Whether a request is for this wire: by its content type, or by a path that no other wire has.
pub fn takes(status: &Status, parts: &Parts) -> bool {
    is_grpc(&parts.headers) || is_served(status, parts.uri.path())
}

/// Answers one request; a panic becomes an `INTERNAL` status of this request alone.
pub async fn answer(status: &Status, peer: &Peer, parts: &Parts, body: Body, observer: &Observer) -> Response<Body> {
    if is_preflight(parts) {
        return super::service::preflight();
    }
    if !is_grpc(&parts.headers) {
        // What gRPC over HTTP/2 asks for where there is no client that could read a status of gRPC.
        let path = parts.uri.path();
        let message = format!("{path} is a method of gRPC: ask it with a gRPC client (content-type: application/grpc)");
        return super::service::failure(Code::UnsupportedMediaType, &message);
    }
    if !is_web(&parts.headers) {
        return guarded(status, peer, parts, body, observer).await;
    }
    let answer = async |request: Request<Body>| {
        let (parts, body) = request.into_parts();
        guarded(status, peer, &parts, body, observer).await
    };
    Box::pin(translated(Request::from_parts(parts.clone(), body), answer)).await
}

async fn guarded(status: &Status, peer: &Peer, parts: &Parts, body: Body, observer: &Observer) -> Response<Body> {
    let routed = pin!(route(status, peer, parts, body, observer));
    AssertUnwindSafe(routed).catch_unwind().await.unwrap_or_else(|_| {
        let error = Error::new(Stage::Execute, Code::Internal, "the request failed").because("a request panicked");
        refusal(&error, observer.id())
    })
}

async fn route(status: &Status, peer: &Peer, parts: &Parts, body: Body, observer: &Observer) -> Response<Body> {
    let id = observer.id();
    let refused = |code, message: &str| refusal(&Error::new(Stage::Decode, code, message), id);
    let path = parts.uri.path();
    let (service, whole) = match status {
        Status::Unready(_) if path.starts_with(HEALTH) => (None, None),
        Status::Unready(_) => return refused(Code::Unavailable, NOT_READY),
        Status::Ready(service) => (Some(service), service.faces.whole().grpc.as_ref()),
    };
    if path.starts_with(HEALTH) && (service.is_none() || whole.is_some()) {
        let request = Request::from_parts(parts.clone(), body);
        return Box::pin(health::answer(peer.state.clone(), peer.stopped.clone(), request)).await;
    }
    let (Some(service), Some(whole)) = (service, whole) else {
        return refused(Code::Unimplemented, "gRPC is switched off ([grpc] enabled)");
    };
    if let Err(error) = service.admits(peer) {
        return refusal(&error, id);
    }
    let body = if path.starts_with(REFLECTION) { until_stopped(body, peer) } else { body };
    match service.heard(peer.address, &parts.method, &parts.headers).await {
        Ok((caller, wires)) => {
            let grpc = wires.grpc.as_ref().unwrap_or(whole);
            let caller = caller.observed_by(observer.clone());
            let response = grpc.serve(&service.engine, &caller, parts, body, id).await;
            messages(response, &peer.hurry, |error| trailers(error, id))
        }
        Err(turned_away) => refusal(&turned_away.error, id),
    }
}

/// The trailers of an error.
fn trailers(error: &Error, id: &str) -> HeaderMap {
    let mut headers = std::mem::take(refusal(error, id).headers_mut());
    headers.remove(header::CONTENT_TYPE);
    headers
}

/// A body whose messages end when the server stops, so that its answer does.
fn until_stopped(body: Body, peer: &Peer) -> Body {
    let mut stopped = peer.stopped.clone();
    let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
    Body::from_stream(body.into_data_stream().take_until(Box::pin(stop)))
}

fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn is_served(status: &Status, path: &str) -> bool {
    match status {
        Status::Ready(service) => {
            let grpc = service.faces.whole().grpc.as_ref();
            grpc.is_some_and(|grpc| path.starts_with(HEALTH) || grpc.is_served(path))
        }
        Status::Unready(_) => false,
    }
}
