//! Messages within the body of a request or a response: five bytes of length, perhaps compression.
//!
//! gRPC over HTTP/2, sections "Length-Prefixed-Message" and "Message-Encoding". tonic has the same behind
//! its codecs, which are called for one message at a time; here many rows are framed into one buffer.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName};
use http_body::Body as _;
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

/// Room that is made for a message before it has come, on the word of who sends it.
const AHEAD_BYTES_MAX: usize = 128 * 1024;

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
                let length = header(&bytes).map_or(0, |(_, length)| HEADER_BYTES + length);
                collected.reserve(length.min(AHEAD_BYTES_MAX));
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

/// The messages of a request that has many, one by one or as they have arrived. No more is taken from the client than
/// is asked for here.
pub struct Incoming {
    body: Body,
    buffer: BytesMut,
    /// Of the buffer, what is known to be whole messages.
    whole: Whole,
    is_ended: bool,
    encoding: Encoding,
    bytes_max: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Whole {
    count: usize,
    bytes: usize,
}

/// Messages that have arrived, one behind the other as they came.
#[derive(Clone)]
pub struct Arrived {
    bytes: Bytes,
    count: usize,
    encoding: Encoding,
    bytes_max: usize,
}

/// Messages that take so much are handed out before there are as many as are wanted.
const ARRIVED_BYTES_MAX: usize = 256 * 1024;

// === impl Incoming ===

impl Incoming {
    pub fn new(body: Body, encoding: Encoding, bytes_max: usize) -> Incoming {
        Incoming { body, buffer: BytesMut::new(), whole: Whole::default(), is_ended: false, encoding, bytes_max }
    }

    /// The next message; `None` when the client has ended its stream. May be dropped and asked again.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|context| {
            ready!(self.poll_whole(context, 1, 1))?;
            if self.whole.count == 0 {
                return Poll::Ready(Ok(None));
            }
            let mut message = self.buffer.split_to(std::mem::take(&mut self.whole).bytes).freeze();
            let flag = message[0];
            message.advance(HEADER_BYTES);
            Poll::Ready(plain(flag, message, self.encoding, self.bytes_max).map(Some))
        })
        .await
    }

    /// What has arrived when there are `min` messages or no more will come, at most `max` of them; `None` when the
    /// client has ended its stream. May be dropped and asked again.
    pub async fn arrived(&mut self, min: usize, max: usize) -> Result<Option<Arrived>> {
        poll_fn(|context| {
            ready!(self.poll_whole(context, min, max))?;
            let Whole { count, bytes } = std::mem::take(&mut self.whole);
            let bytes = self.buffer.split_to(bytes).freeze();
            let arrived = Arrived { bytes, count, encoding: self.encoding, bytes_max: self.bytes_max };
            Poll::Ready(Ok(Some(arrived).filter(|arrived| !arrived.is_empty())))
        })
        .await
    }

    /// Ready when there are so many whole messages, and with fewer when no more will come.
    fn poll_whole(&mut self, context: &mut Context<'_>, min: usize, max: usize) -> Poll<Result<()>> {
        loop {
            self.look(max)?;
            let is_enough = self.whole.count >= max || (self.whole.count > 0 && self.whole.bytes >= ARRIVED_BYTES_MAX);
            if is_enough || (self.is_ended && self.whole.count > 0) {
                return Poll::Ready(Ok(()));
            }
            if self.is_ended {
                let is_cut = !self.buffer.is_empty();
                let cut = || Err(Error::invalid("the request ends within a message"));
                return Poll::Ready(if is_cut { cut() } else { Ok(()) });
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let message = "the client went away before it ended its stream";
                    return Poll::Ready(Err(Error::new(Stage::Decode, Code::Cancelled, message).because(error)));
                }
                Poll::Ready(None) => self.is_ended = true,
                Poll::Pending if self.whole.count >= min => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Looks for more whole messages, until there are so many.
    fn look(&mut self, max: usize) -> Result<()> {
        while self.whole.count < max {
            let Some((_, length)) = header(&self.buffer[self.whole.bytes..]) else { return Ok(()) };
            if length > self.bytes_max {
                return Err(too_large(length, self.bytes_max));
            }
            let end = self.whole.bytes + HEADER_BYTES + length;
            if end > self.buffer.len() {
                return Ok(());
            }
            self.whole = Whole { count: self.whole.count + 1, bytes: end };
        }
        Ok(())
    }
}

// === impl Arrived ===

impl Arrived {
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes the first of them away, at most so many.
    pub fn split_to(&mut self, count: usize) -> Arrived {
        let count = count.min(self.count);
        let mut end = 0;
        for _ in 0..count {
            end += header(&self.bytes[end..]).map_or(0, |(_, length)| HEADER_BYTES + length);
        }
        self.count -= count;
        Arrived { bytes: self.bytes.split_to(end), count, ..*self }
    }

    /// Each of them, decompressed.
    pub fn messages(&self) -> impl Iterator<Item = Result<Cow<'_, [u8]>>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (flag, length) = header(rest)?;
            let (message, behind) = rest[HEADER_BYTES..].split_at_checked(length)?;
            rest = behind;
            Some(match flag {
                0 => Ok(Cow::Borrowed(message)),
                _ => plain(flag, Bytes::copy_from_slice(message), self.encoding, self.bytes_max)
                    .map(|message| Cow::Owned(message.into())),
            })
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(contents: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for content in contents {
            let start = open(&mut out);
            out.extend_from_slice(content);
            close(start, Encoding::Identity, 100, &mut out).unwrap();
        }
        out
    }

    fn incoming(bytes: &[u8], piece: usize) -> Incoming {
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Incoming::new(Body::from_stream(futures_util::stream::iter(pieces)), Encoding::Identity, 100)
    }

    fn contents(arrived: &Arrived) -> Vec<Vec<u8>> {
        arrived.messages().map(|message| message.unwrap().into_owned()).collect()
    }

    /// However the bytes of messages are cut.
    #[tokio::test]
    async fn messages_that_arrive_in_pieces() {
        let all: [&[u8]; 4] = [b"one", b"", b"three", b"4"];
        let bytes = framed(&all);
        for piece in 1..=bytes.len() {
            let mut incoming = incoming(&bytes, piece);
            let mut first = incoming.arrived(3, 3).await.unwrap().unwrap();
            assert_eq!(contents(&first), all[..3], "in pieces of {piece}");
            let left = first.split_to(1);
            assert_eq!(
                (contents(&left), contents(&first)),
                (vec![b"one".to_vec()], vec![b"".to_vec(), b"three".to_vec()])
            );
            assert_eq!((first.split_to(9).count(), first.is_empty()), (2, true));
            assert_eq!(contents(&incoming.arrived(3, 3).await.unwrap().unwrap()), all[3..], "what is left at the end");
            assert!(incoming.arrived(1, 3).await.unwrap().is_none());
            let mut incoming = self::incoming(&bytes, piece);
            for message in all {
                assert_eq!(&*incoming.next().await.unwrap().unwrap(), message);
            }
            assert!(incoming.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn messages_that_are_none() {
        let bytes = framed(&[b"one", b"two"]);
        let mut cut = incoming(&bytes[..bytes.len() - 1], 4);
        assert_eq!(cut.arrived(2, 2).await.unwrap().unwrap().count(), 1);
        assert_eq!(cut.arrived(1, 2).await.err().unwrap().message, "the request ends within a message");
        let mut large = incoming(&[0, 0, 0, 0, 101], 9);
        assert_eq!(large.arrived(1, 2).await.err().unwrap().code, Code::PayloadTooLarge);
        let mut flagged = framed(&[b"one"]);
        flagged[0] = 1;
        let arrived = incoming(&flagged, 9).arrived(1, 2).await.unwrap().unwrap();
        assert!(arrived.messages().next().unwrap().is_err(), "compressed, and nobody said how");
    }
}
