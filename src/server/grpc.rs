//! gRPC requests, told apart by their content type: every answer is one that gRPC clients understand.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;

use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response, header};

use super::Status;
use super::service::NOT_READY;
use crate::auth::Caller;
use crate::config::Config;
use crate::error::{Code, Error, Stage};
use crate::problem::Problem;
use crate::schema::Schema;
use crate::schema::lock::Lock;
use crate::transport::grpc::describe::ServiceNames;
use crate::transport::grpc::{Grpc, Options, is_grpc, refusal};

/// What operators look at, as at `/health`: they have no token.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// The gRPC wire of a configuration; `None` when it is switched off.
pub fn grpc(config: &Config, schema: &Schema, lock: Option<&Lock>) -> Result<Option<Grpc>, Vec<Problem>> {
    if !config.grpc.enabled {
        return Ok(None);
    }
    let options = Options {
        names: ServiceNames { package: config.grpc.package.clone(), service: config.grpc.service.clone() },
        reflection: config.grpc.reflection,
        message_bytes_max: config.grpc.max_message_bytes,
        page_rows: config.grpc.page_rows,
        depth_max: config.graphql.max_depth,
        request_timeout: config.server.request_timeout,
        representations_max: config.federation.max_representations,
        stream_idle_timeout: config.server.stream_idle_timeout,
    };
    let file = config.fraiseql.output_file.display().to_string();
    Grpc::new(schema, lock, options, &file).map(Some)
}

/// Whether a request is for this wire: by its content type, or as a browser's question before a call.
pub fn takes(status: &Status, request: &Request<Body>) -> bool {
    is_grpc(request.headers()) || (is_preflight(request) && is_served(status, request.uri().path()))
}

/// Answers one request; a panic becomes an `INTERNAL` status of this request alone.
pub async fn answer(status: &Status, peer: IpAddr, request: Request<Body>, id: &str) -> Response<Body> {
    if is_preflight(&request) {
        return super::service::preflight();
    }
    match AssertUnwindSafe(route(status, peer, request, id)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            let error = Error::new(Stage::Execute, Code::Internal, "the request failed").because("a request panicked");
            refusal(&error, id)
        }
    }
}

async fn route(status: &Status, peer: IpAddr, request: Request<Body>, id: &str) -> Response<Body> {
    let refused = |code, message: String| refusal(&Error::new(Stage::Decode, code, message), id);
    match status {
        Status::Unready(_) => refused(Code::Unavailable, NOT_READY.to_owned()),
        Status::Ready(service) => match &service.faces.whole().grpc {
            None => refused(Code::Unimplemented, "gRPC is switched off ([grpc] enabled)".to_owned()),
            Some(grpc) if request.uri().path().starts_with(HEALTH) => {
                grpc.serve(&service.engine, &Caller::anonymous(), request, id).await
            }
            Some(whole) => match service.heard(peer, request.method(), request.headers()).await {
                Ok((caller, wires)) => {
                    let grpc = wires.grpc.as_ref().unwrap_or(whole);
                    grpc.serve(&service.engine, &caller, request, id).await
                }
                Err(turned_away) => refusal(&turned_away.error, id),
            },
        },
    }
}

fn is_preflight(request: &Request<Body>) -> bool {
    let asks = |headers: &HeaderMap| headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    request.method() == Method::OPTIONS && asks(request.headers())
}

fn is_served(status: &Status, path: &str) -> bool {
    match status {
        Status::Ready(service) => service.faces.whole().grpc.as_ref().is_some_and(|grpc| grpc.is_served(path)),
        Status::Unready(_) => false,
    }
}
