//! gRPC-Web: what a browser can send and read, with the trailers at the end of the body.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response, header};
use tonic::body::Body as TonicBody;
use tonic_web::GrpcWebLayer;
use tower::{Layer, ServiceExt};

/// Answers a request of either protocol by what answers gRPC, refusals included.
pub async fn translated<A>(request: Request<Body>, answer: impl Fn(Request<Body>) -> A) -> Response<Body>
where
    A: Future<Output = Response<Body>>,
{
    let content = request.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    if !content.starts_with(b"application/grpc-web") {
        return answer(request).await;
    }
    let inner = tower::service_fn(|request: Request<TonicBody>| {
        let answered = answer(request.map(Body::new));
        async { Ok::<_, Infallible>(answered.await) }
    });
    let answered = Box::pin(GrpcWebLayer::new().layer(inner).oneshot(request)).await;
    answered.map_or_else(|never| match never {}, |response| response.map(Body::new))
}
