//! Streams and the end of the server: those that are still being read when its time is nearly over say so
//! in their own terms, instead of breaking off.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
#[cfg(feature = "grpc-transport")]
use http::HeaderMap;
use http::{Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::activity::Open;
use crate::error::{Code, Error, Stage};

/// How a stream says that it ends before its end.
pub enum Farewell {
    /// A last line of NDJSON.
    Line(Bytes),
    /// The status of gRPC.
    #[cfg(feature = "grpc-transport")]
    Trailers(HeaderMap),
}

/// A stream that says farewell when it is told to hurry.
struct Hurried {
    body: Body,
    hurry: Pin<Box<WaitForCancellationFutureOwned>>,
    farewell: Option<Farewell>,
}

/// A stream whose request is open until it has ended.
struct Held {
    body: Body,
    open: Option<Open>,
}

/// Whether a body is made while it is read. Those that are at hand have a length, or a bound on it.
pub fn is_stream(body: &Body) -> bool {
    !body.is_end_stream() && body.size_hint().upper().is_none()
}

/// An answer of NDJSON that ends in time; every other answer as it is.
pub fn lines(response: Response<Body>, hurry: &CancellationToken) -> Response<Body> {
    const NDJSON: &[u8] = b"application/x-ndjson";
    let media = response.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    if !media.starts_with(NDJSON) || !is_stream(response.body()) {
        return response;
    }
    let Error { code, message, .. } = stopping();
    let line = serde_json::json!({"error": {"code": code.name(), "message": message}});
    hurried(response, hurry, Farewell::Line(Bytes::from(format!("{line}\n"))))
}

/// An answer of gRPC that ends in time, with these trailers; one that is at hand as it is.
#[cfg(feature = "grpc-transport")]
pub fn messages(
    response: Response<Body>,
    hurry: &CancellationToken,
    trailers: impl FnOnce(&Error) -> HeaderMap,
) -> Response<Body> {
    match is_stream(response.body()) {
        true => hurried(response, hurry, Farewell::Trailers(trailers(&stopping()))),
        false => response,
    }
}

/// An answer that keeps its request open until it has been read.
pub fn held(response: Response<Body>, open: Open) -> Response<Body> {
    if !is_stream(response.body()) {
        open.answered();
        return response;
    }
    response.map(|body| Body::new(Held { body, open: Some(open) }))
}

fn hurried(response: Response<Body>, hurry: &CancellationToken, farewell: Farewell) -> Response<Body> {
    let hurry = Box::pin(hurry.clone().cancelled_owned());
    response.map(|body| Body::new(Hurried { body, hurry, farewell: Some(farewell) }))
}

fn stopping() -> Error {
    Error::new(Stage::Execute, Code::Unavailable, "the server stops; ask again")
}

// === impl Hurried ===

impl HttpBody for Hurried {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.farewell.is_none() {
            return Poll::Ready(None);
        }
        if self.hurry.as_mut().poll(context).is_ready() {
            // With the body goes its statement.
            self.body = Body::empty();
            return Poll::Ready(self.farewell.take().map(|farewell| match farewell {
                Farewell::Line(line) => Ok(Frame::data(line)),
                #[cfg(feature = "grpc-transport")]
                Farewell::Trailers(trailers) => Ok(Frame::trailers(trailers)),
            }));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.farewell.is_none() || self.body.is_end_stream()
    }
}

// === impl Held ===

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let is_over = match &frame {
            Poll::Ready(None | Some(Err(_))) => true,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers() || self.body.is_end_stream(),
            Poll::Pending => false,
        };
        if is_over && let Some(open) = self.open.take() {
            open.answered();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
