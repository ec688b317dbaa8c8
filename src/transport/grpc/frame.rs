//! Messages within the body of a request or a response: five bytes of length, perhaps compression.
//!
//! gRPC over HTTP/2, sections "Length-Prefixed-Message" and "Message-Encoding". tonic has the same behind
//! its codecs, which are called for one message at a time; here many rows are framed into one buffer.

use std::io::{Read, Write};

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName};
use http_body_util::BodyExt;

use crate::error::{Code, Error, Result, Stage};

/// The flag and the length before each message.
pub const HEADER_BYTES: usize = 5;

/// Messages below this gain nothing from being compressed.
const COMPRESSED_BYTES_MIN: usize = 1024;

const ZSTD_LEVEL: i32 = 1;

/// How a message is compressed, and how those of the answer may be.
pub const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// How messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// What this server takes and sends.
pub const ACCEPTED: &str = "identity,gzip,zstd";

// === impl Encoding ===

impl Encoding {
    /// The encoding of a request's message.
    pub fn of_request(headers: &HeaderMap) -> Result<Encoding> {
        let name = headers.get(GRPC_ENCODING).map_or(Ok("identity"), |value| value.to_str()).unwrap_or("?");
        Encoding::parse(name).ok_or_else(|| {
            let message = format!("the encoding {name} is not known; it may be one of {ACCEPTED}");
            Error::new(Stage::Decode, Code::Unimplemented, message)
        })
    }

    /// The encoding of the answer: that of the request, else the one that the client names first. Many
    /// clients name every encoding that they can read behind `identity`, and are better served without.
    pub fn of_response(headers: &HeaderMap, request: Encoding) -> Encoding {
        let accepted = headers.get(GRPC_ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut names = accepted.split(',').map(str::trim);
        if request != Encoding::Identity && names.clone().any(|name| Encoding::parse(name) == Some(request)) {
            return request;
        }
        names.find_map(Encoding::parse).unwrap_or(Encoding::Identity)
    }

    fn parse(name: &str) -> Option<Encoding> {
        match name {
            "identity" => Some(Encoding::Identity),
            "gzip" => Some(Encoding::Gzip),
            "zstd" => Some(Encoding::Zstd),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
        }
    }
}

/// Makes room for the header of a message that is about to be written; its start.
#[inline]
pub fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    start
}

/// Ends the message that began at `start`, compressing it when that is asked for and worth it.
#[inline]
pub fn close(start: usize, encoding: Encoding, bytes_max: usize, out: &mut Vec<u8>) -> Result<()> {
    let length = out.len() - start - HEADER_BYTES;
    if length > bytes_max {
        return Err(too_large(length, bytes_max));
    }
    if encoding != Encoding::Identity && length >= COMPRESSED_BYTES_MIN {
        compress(start, encoding, out)?;
    }
    let length = (out.len() - start - HEADER_BYTES) as u32;
    out[start + 1..start + HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn compress(start: usize, encoding: Encoding, out: &mut Vec<u8>) -> Result<()> {
    let plain = out.split_off(start + HEADER_BYTES);
    let failed = |error: std::io::Error| {
        Error::new(Stage::Encode, Code::Internal, "the answer could not be compressed").because(error)
    };
    match encoding {
        Encoding::Identity => out.extend_from_slice(&plain),
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut *out, flate2::Compression::fast());
            encoder.write_all(&plain).and_then(|()| encoder.finish().map(drop)).map_err(failed)?;
            out[start] = 1;
        }
        Encoding::Zstd => {
            let compressed = zstd::bulk::compress(&plain, ZSTD_LEVEL).map_err(failed)?;
            out.extend_from_slice(&compressed);
            out[start] = 1;
        }
    }
    Ok(())
}

/// Reads the one message of a request.
pub async fn read(mut body: Body, encoding: Encoding, bytes_max: usize) -> Result<Bytes> {
    let mut bytes = Bytes::new();
    let mut collected: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::invalid("the request ended early").because(error))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.is_empty() && collected.is_empty() {
            bytes = data;
        } else {
            if collected.is_empty() {
                collected.extend_from_slice(&bytes);
            }
            collected.extend_from_slice(&data);
        }
        let so_far: &[u8] = if collected.is_empty() { &bytes } else { &collected };
        if let Some((_, length)) = header(so_far) {
            if length > bytes_max {
                return Err(too_large(length, bytes_max));
            }
            if so_far.len() > HEADER_BYTES + length {
                return Err(Error::invalid("this RPC takes one message, and there are more"));
            }
        }
    }
    let bytes = if collected.is_empty() { bytes } else { collected.into() };
    let Some((flag, length)) = header(&bytes).filter(|(_, length)| bytes.len() == HEADER_BYTES + length) else {
        return Err(Error::invalid("the request has no whole message"));
    };
    plain(flag, bytes.slice(HEADER_BYTES..HEADER_BYTES + length), encoding, bytes_max)
}

/// The messages of a request that has many. No more is taken from the client than is asked for here.
pub struct Incoming {
    body: Body,
    buffer: BytesMut,
    encoding: Encoding,
    bytes_max: usize,
}

// === impl Incoming ===

impl Incoming {
    pub fn new(body: Body, encoding: Encoding, bytes_max: usize) -> Incoming {
        Incoming { body, buffer: BytesMut::new(), encoding, bytes_max }
    }

    /// The next message; `None` when the client has ended its stream. May be dropped and asked again.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some((flag, length)) = header(&self.buffer) {
                if length > self.bytes_max {
                    return Err(too_large(length, self.bytes_max));
                }
                if self.buffer.len() >= HEADER_BYTES + length {
                    self.buffer.advance(HEADER_BYTES);
                    let message = self.buffer.split_to(length).freeze();
                    return plain(flag, message, self.encoding, self.bytes_max).map(Some);
                }
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    let message = "the client went away before it ended its stream";
                    return Err(Error::new(Stage::Decode, Code::Cancelled, message).because(error));
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Error::invalid("the request ends within a message")),
            }
        }
    }

    /// What has arrived, at most so many, waiting for the first of them only; nothing when the client has ended its
    /// stream.
    pub async fn arrived(&mut self, max: usize) -> Result<Vec<Bytes>> {
        let mut messages: Vec<Bytes> = self.next().await?.into_iter().collect();
        while !messages.is_empty() && messages.len() < max {
            match self.next().now_or_never() {
                Some(Ok(Some(message))) => messages.push(message),
                Some(Ok(None)) | None => break,
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(messages)
    }
}

fn plain(flag: u8, message: Bytes, encoding: Encoding, bytes_max: usize) -> Result<Bytes> {
    match flag {
        0 => Ok(message),
        1 if encoding != Encoding::Identity => decompress(&message, encoding, bytes_max),
        1 => Err(Error::invalid("the message is compressed, but grpc-encoding does not say how")),
        _ => Err(Error::invalid("the message has an unknown flag")),
    }
}

fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let (flag, rest) = bytes.split_first()?;
    let length = rest.first_chunk::<4>()?;
    Some((*flag, u32::from_be_bytes(*length) as usize))
}

fn decompress(message: &[u8], encoding: Encoding, bytes_max: usize) -> Result<Bytes> {
    let broken = |error: std::io::Error| Error::invalid("the message cannot be decompressed").because(error);
    let mut plain = Vec::new();
    // One byte more than allowed tells that there are too many.
    let limit = bytes_max as u64 + 1;
    match encoding {
        Encoding::Identity => plain.extend_from_slice(message),
        Encoding::Gzip => {
            flate2::read::GzDecoder::new(message).take(limit).read_to_end(&mut plain).map_err(broken)?;
        }
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(message).map_err(broken)?;
            decoder.take(limit).read_to_end(&mut plain).map_err(broken)?;
        }
    }
    if plain.len() > bytes_max {
        return Err(too_large(plain.len(), bytes_max));
    }
    Ok(plain.into())
}

fn too_large(length: usize, bytes_max: usize) -> Error {
    let message = format!(
        "a message of {length} bytes is larger than the {bytes_max} that are allowed ([grpc] max_message_bytes)"
    );
    Error::new(Stage::Decode, Code::PayloadTooLarge, message)
}
