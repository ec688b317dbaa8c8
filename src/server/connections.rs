//! One client connection: TLS where there is a certificate, then HTTP/1.1 or HTTP/2, told apart by the first bytes.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Order};
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
    let handshake = async {
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
    };
    tokio::select! {
        stream = tokio::time::timeout(limits.idle_timeout, handshake) => if let Ok(Some(stream)) = stream {
            speak(stream, peer, limits).await;
        },
        _ = stopped.changed() => {}
    }
}

async fn speak<S>(stream: S, peer: Arc<Peer>, limits: Connections)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Metered { stream, peer: peer.clone(), has_read: false };
    let answering = peer.clone();
    // On the heap at once: on its way there it would be copied from place to place, as large as everything
    // that a request can become.
    let answer = service_fn(move |request: http::Request<Incoming>| {
        Box::pin(service::answer(answering.clone(), request.map(Body::new)))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    // Without a timer of its own: who sends no head is found by his worker.
    builder.http1().header_read_timeout(None).max_buf_size(limits.header_bytes_max as usize);
    if limits.headers_max != HEADERS_ON_STACK {
        builder.http1().max_headers(limits.headers_max);
    }
    let mut http2 = builder.http2();
    http2.initial_stream_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    http2.max_concurrent_streams(limits.streams_max).max_header_list_size(limits.header_bytes_max);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), answer));
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

/// A stream that tells when bytes have arrived.
struct Metered<S> {
    stream: S,
    peer: Arc<Peer>,
    has_read: bool,
}

// === impl Metered ===

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, out))?;
        let arrived = out.filled().get(before..).unwrap_or_default();
        if !arrived.is_empty() {
            self.peer.activity.has_read(arrived, !self.has_read);
            self.has_read = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
