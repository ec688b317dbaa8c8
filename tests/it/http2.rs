//! A bare HTTP/2 client: requests that are never finished, or taken back, which other clients do not send.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

pub type Body = UnsyncBoxBody<Bytes, Infallible>;

pub async fn connect(address: SocketAddr) -> SendRequest<Body> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub fn post(path: &str, content_type: &str, body: Body) -> http::Request<Body> {
    let request = http::Request::post(format!("http://test{path}")).header("content-type", content_type);
    request.body(body).unwrap()
}

pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// A body that begins with this and does not go on.
pub fn begun(bytes: &'static [u8]) -> Body {
    let first = futures_util::stream::iter([Ok(http_body::Frame::data(Bytes::from_static(bytes)))]);
    StreamBody::new(first.chain(futures_util::stream::pending())).boxed_unsync()
}
