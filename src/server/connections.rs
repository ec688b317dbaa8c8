//! One client connection: TLS where there is a certificate, then HTTP/1.1 or HTTP/2, told apart by the first bytes.

use std::net::{IpAddr, TcpStream as StdStream};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{State, service, tls};

/// Time for a client to send its first byte, to finish the handshake of TLS, and then for the head of each request.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client may send ahead on one stream of HTTP/2, and on all of a connection.
///
/// h2 takes frames that lie there unread and hold less than 256 bytes for a flood when they lack more than half
/// of the connection's window altogether, and ends the connection. Clients that send many small messages, and
/// wait for room to read the answers, would be such: a stream full of the smallest keys (14 bytes with their
/// frame) lacks 17 times its window.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// What the requests of a connection share: what answers them, who is at the other end, and when to end. Requests count
/// their uses of it, which are those of one worker: a counter that all workers change would wander between the cores.
pub struct Peer {
    pub state: Arc<State>,
    pub address: IpAddr,
    pub stopped: watch::Receiver<bool>,
}

/// Serves a connection until it ends, or until the server stops and the request in flight is done.
pub async fn serve(
    stream: StdStream,
    acceptor: Option<TlsAcceptor>,
    state: Arc<State>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!("a connection could not be taken over: {error}"),
    };
    let Ok(address) = stream.peer_addr() else { return };
    let peer = Arc::new(Peer { state, address: address.ip(), stopped: stopped.clone() });
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    // Which protocol it is shows in the first byte, and the protocols' own timers start behind it.
    tokio::select! {
        first = tokio::time::timeout(HEADER_READ_TIMEOUT, stream.readable()) => match first {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        },
        _ = stopped.changed() => return,
    }
    let Some(acceptor) = acceptor else { return speak(stream, peer).await };
    if !tls::is_spoken(&mut stream).await {
        return;
    }
    match tokio::time::timeout(HEADER_READ_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => speak(stream, peer).await,
        Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
        Err(_) => {}
    }
}

async fn speak<S>(stream: S, peer: Arc<Peer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stopped = peer.stopped.clone();
    // On the heap at once: on its way there it would be copied from place to place, as large as everything
    // that a request can become.
    let answer = service_fn(move |request: http::Request<Incoming>| {
        Box::pin(service::answer(peer.clone(), request.map(Body::new)))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new());
    http2.initial_stream_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
