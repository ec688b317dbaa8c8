//! gRPC-Web: what a browser can send and read, with the trailers at the end of the body.

use std::convert::Infallible;

use axum::body::Body;
use http::{HeaderMap, Request, Response, header};
use tonic::body::Body as TonicBody;
use tonic_web::GrpcWebLayer;
use tower::{Layer, ServiceExt};

/// Whether a request of gRPC is one of gRPC-Web.
pub fn is_web(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc-web"))
}

/// Answers such a request by what answers gRPC, refusals included.
pub async fn translated<A>(request: Request<Body>, answer: impl Fn(Request<Body>) -> A) -> Response<Body>
where
    A: Future<Output = Response<Body>>,
{
    let inner = tower::service_fn(|request: Request<TonicBody>| {
        let answered = answer(request.map(Body::new));
        async { Ok::<_, Infallible>(answered.await) }
    });
    let answered = GrpcWebLayer::new().layer(inner).oneshot(request).await;
    answered.map_or_else(|never| match never {}, |response| response.map(Body::new))
}
