//! gRPC over one connection, with as little work as can be: messages are counted, not decoded.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

/// A question over gRPC.
pub struct Call {
    path: &'static str,
    /// Framed.
    message: Bytes,
    /// A message of the answer, as a person would see it.
    pub shown: fn(&[u8]) -> io::Result<String>,
}

/// A connection that is kept open.
pub struct Channel {
    sender: http2::SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

/// An answer that is being read.
pub struct Messages {
    body: Incoming,
    /// Of the data that has come, what no message has been made of.
    rest: BytesMut,
}

/// The flag and the length before each message.
const HEADER_BYTES: usize = 5;

// === impl Call ===

impl Call {
    pub fn new<M: Message + Default + Debug>(path: &'static str, request: &impl Message) -> Call {
        let length = request.encoded_len() as u32;
        let message = [&[0], &length.to_be_bytes()[..], &request.encode_to_vec()].concat().into();
        let shown = |bytes: &[u8]| match M::decode(bytes) {
            Ok(message) => Ok(format!("{message:?}")),
            Err(error) => Err(broken(error.to_string())),
        };
        Call { path, message, shown }
    }
}

// === impl Channel ===

impl Channel {
    /// `window` is how much an answer may be ahead of its reader; the library's own choice without it.
    pub async fn open(address: SocketAddr, window: Option<u32>) -> io::Result<Channel> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        if window.is_some() {
            builder.initial_stream_window_size(window).initial_connection_window_size(window);
        }
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Channel { sender, address })
    }

    /// Asks, and reads the answer to its end.
    pub async fn exchange(&mut self, call: &Call) -> io::Result<()> {
        let mut messages = self.call(call).await?;
        while let Some(frame) = messages.body.frame().await {
            if let Some(trailers) = frame.map_err(io::Error::other)?.trailers_ref() {
                return check(trailers);
            }
        }
        Err(broken("an answer without trailers".to_owned()))
    }

    pub async fn call(&mut self, call: &Call) -> io::Result<Messages> {
        let request = Request::post(format!("http://{}{}", self.address, call.path))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Full::new(call.message.clone()))
            .map_err(io::Error::other)?;
        self.sender.ready().await.map_err(io::Error::other)?;
        Messages::of(self.sender.send_request(request).await.map_err(io::Error::other)?)
    }
}

// === impl Messages ===

impl Messages {
    pub fn of(response: Response<Incoming>) -> io::Result<Messages> {
        if response.headers().contains_key("grpc-status") {
            check(response.headers())?;
        }
        Ok(Messages { body: response.into_body(), rest: BytesMut::new() })
    }

    /// The next message without its header; `None` at a good end.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(header) = self.rest.first_chunk::<HEADER_BYTES>() {
                let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
                if self.rest.len() >= HEADER_BYTES + length {
                    self.rest.advance(HEADER_BYTES);
                    return Ok(Some(self.rest.split_to(length).freeze()));
                }
            }
            let Some(frame) = self.body.frame().await else {
                return Err(broken("an answer without trailers".to_owned()));
            };
            match frame.map_err(io::Error::other)?.into_data() {
                Ok(data) => self.rest.extend_from_slice(&data),
                Err(frame) => match frame.trailers_ref() {
                    Some(trailers) => return check(trailers).map(|()| None),
                    None => continue,
                },
            }
        }
    }
}

fn check(headers: &HeaderMap) -> io::Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text("grpc-status") {
        "0" => Ok(()),
        status => Err(broken(format!("status {status}: {}", text("grpc-message")))),
    }
}

fn broken(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
