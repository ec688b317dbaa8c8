//! One client connection: TLS where there is a certificate, then HTTP/1.1 or HTTP/2, told apart by the first bytes.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Order};
use super::metered::Metered;
use super::{State, service, tls};
use crate::config::Connections;

/// What a client may send ahead on one stream of HTTP/2, and on all of a connection.
///
/// h2 takes frames that lie there unread and hold less than 256 bytes for a flood when they lack more than half
/// of the connection's window altogether, and ends the connection. Clients that send many small messages, and
/// wait for room to read the answers, would be such: a stream full of the smallest keys (14 bytes with their
/// frame) lacks 17 times its window.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// What every connection of HTTP/2 begins with, as far as it is of interest.
const HTTP2_PREFACE: &[u8; 3] = b"PRI";

/// Headers for which hyper has room on the stack; another number costs an allocation at each request.
const HEADERS_ON_STACK: usize = 100;

/// What the requests of a connection share: what answers them, who is at the other end, and when to end. Requests count
/// their uses of it, which are those of one worker: a counter that all workers change would wander between the cores.
pub struct Peer {
    pub state: Arc<State>,
    pub address: IpAddr,
    /// Becomes true when the server is to stop.
    pub stopped: watch::Receiver<bool>,
    /// Ends what still runs when the time to stop is nearly over.
    pub hurry: CancellationToken,
    /// There are too many connections: only operators are answered.
    pub is_surplus: bool,
    pub activity: Activity,
}

/// Serves a connection until it ends, or is told to.
pub async fn serve(mut stream: TcpStream, acceptor: Option<TlsAcceptor>, peer: Arc<Peer>) {
    let limits = peer.state.config.server.connections;
    let mut stopped = peer.stopped.clone();
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return speak(stream, peer, limits).await };
    let handshake = Box::pin(async {
        if !tls::is_spoken(&mut stream).await {
            return None;
        }
        match tokio::time::timeout(limits.header_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!("a TLS handshake failed: {error}");
                None
            }
            Err(_) => None,
        }
    });
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(limits.idle_timeout, handshake) => shaken.ok().flatten(),
        _ = stopped.changed() => None,
    };
    if let Some(stream) = shaken {
        speak(stream, peer, limits).await;
    }
}

/// Speaks the protocol that the first bytes are of. HTTP/1.1 is ended while nothing is asked, and begun again at the
/// next request: what it holds takes three times as much as a connection without it.
async fn speak<S>(mut stream: S, peer: Arc<Peer>, limits: Connections)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut ahead = Bytes::new();
    loop {
        // An empty rest may still hold the buffer that it is of.
        let arrived = match ahead.is_empty() {
            true => {
                drop(std::mem::take(&mut ahead));
                arrived(&mut stream, &peer).await
            }
            false => Some(std::mem::take(&mut ahead)),
        };
        let Some(arrived) = arrived else { return };
        let is_http2 = arrived.starts_with(HTTP2_PREFACE);
        let io = TokioIo::new(Metered { stream, ahead: arrived, peer: peer.clone() });
        if is_http2 {
            return Box::pin(speak_http2(io, peer, limits)).await;
        }
        // On the heap, which has it back when the connection is parked.
        match Box::pin(speak_http1(io, &peer, limits)).await {
            Some(parked) => (stream, ahead) = parked,
            None => return,
        }
    }
}

/// The first bytes of a request, enough of them to tell the protocols apart; `None` when there will be none.
async fn arrived<S: AsyncRead + Unpin>(stream: &mut S, peer: &Peer) -> Option<Bytes> {
    let mut first = [0; HTTP2_PREFACE.len()];
    let mut count = 0;
    loop {
        let more = poll_fn(|context| {
            // Nothing is in flight that would have to be waited for.
            if peer.activity.order(context) != Order::GoOn {
                return Poll::Ready(Ok(0));
            }
            let mut room = ReadBuf::new(&mut first[count..]);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut room))?;
            Poll::Ready(Ok::<_, io::Error>(room.filled().len()))
        });
        match more.await {
            Ok(0) | Err(_) => return None,
            Ok(more) => count += more,
        }
        peer.activity.has_read();
        let arrived = &first[..count];
        if count == first.len() || !HTTP2_PREFACE.starts_with(arrived) {
            return Some(Bytes::copy_from_slice(arrived));
        }
    }
}

/// Until the connection ends, or is parked: then with what has been read ahead.
async fn speak_http1<S>(io: TokioIo<Metered<S>>, peer: &Arc<Peer>, limits: Connections) -> Option<(S, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    // Without a timer of its own: who sends no head is found by his worker.
    builder.header_read_timeout(None).max_buf_size(limits.header_bytes_max as usize);
    if limits.headers_max != HEADERS_ON_STACK {
        builder.max_headers(limits.headers_max);
    }
    let mut connection = builder.serve_connection(io, service_fn(answering(peer))).with_upgrades();
    let mut is_draining = false;
    let ended = poll_fn(|context| {
        match peer.activity.order(context) {
            Order::GoOn => {}
            Order::Drain if is_draining => {}
            Order::Drain => {
                is_draining = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            Order::Cut => return Poll::Ready(Some(Ok(()))),
        }
        if peer.activity.may_park() && !is_draining {
            return Poll::Ready(None);
        }
        Pin::new(&mut connection).poll(context).map(Some)
    });
    match ended.await {
        Some(Ok(())) => None,
        Some(Err(error)) => {
            tracing::debug!("a connection ended: {error}");
            None
        }
        None => {
            let parts = connection.into_parts()?;
            Some((parts.io.into_inner().stream, parts.read_buf))
        }
    }
}

async fn speak_http2<S>(io: TokioIo<Metered<S>>, peer: Arc<Peer>, limits: Connections)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    peer.activity.is_http2();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    builder.max_concurrent_streams(limits.streams_max).max_header_list_size(limits.header_bytes_max);
    let mut connection = pin!(builder.serve_connection(io, service_fn(answering(&peer))));
    let mut is_draining = false;
    let ended = poll_fn(|context| {
        match peer.activity.order(context) {
            Order::GoOn => {}
            Order::Drain if is_draining => {}
            Order::Drain => {
                is_draining = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Cut => return Poll::Ready(Ok(())),
        }
        connection.as_mut().poll(context)
    });
    if let Err(error) = ended.await {
        tracing::debug!("a connection ended: {error}");
    }
}

/// What answers the requests of a connection.
fn answering(peer: &Arc<Peer>) -> impl Fn(http::Request<Incoming>) -> Answering + use<> {
    let peer = peer.clone();
    // Made where it stays: on its way there it would be copied from place to place, as large as everything that a
    // request can become.
    move |request| {
        let answer = Box::write(Box::new_uninit(), service::answer(peer.clone(), request.map(Body::new)));
        Box::into_pin(answer)
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;
