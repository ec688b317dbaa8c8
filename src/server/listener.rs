//! The port: connections are accepted, counted, and dealt out to the workers in turn.

use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::TcpKeepalive;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::config::{Config, Server};

/// Connections beyond `max_connections` on which operators are still answered. More are closed as they come.
const SURPLUS_MAX: usize = 100;

/// How often it is said that there are too many connections.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// How long to wait when there is no descriptor left for a connection: others may close some.
const BREATH: Duration = Duration::from_millis(50);

/// Files that are open besides connections: libraries, logs, cancels, what a schema is read from.
const FILES_ELSEWHERE: usize = 256;

/// A connection on its way to its worker.
pub struct Accepted {
    pub stream: StdStream,
    pub is_surplus: bool,
    pub place: Place,
}

/// One of the connections that are counted, until it is dropped.
pub struct Place(Arc<AtomicUsize>);

/// Lets the process open as many files as the system allows it; few systems allow enough by themselves.
pub fn open_many_files(config: &Config) {
    let wanted = config.server.connections.max.saturating_add(config.database.pool_max).saturating_add(FILES_ELSEWHERE);
    let allowed = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(hard)
    });
    match allowed {
        Ok(allowed) if allowed < wanted as u64 => {
            tracing::warn!(
                "the system allows {allowed} open files, and [server] max_connections needs {wanted}: \
                 raise the limit (ulimit -n, LimitNOFILE) or lower the key"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!("the limit of open files cannot be raised: {error}"),
    }
}

/// Listens on the first address of the host that can be listened on.
pub async fn listen(server: &Server) -> std::io::Result<TcpListener> {
    let mut last = std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in tokio::net::lookup_host((server.host.as_str(), server.port)).await? {
        match bind_to(address, server.connections.tcp_keepalive) {
            Ok(listener) => return TcpListener::from_std(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_to(address: std::net::SocketAddr, keepalive: Duration) -> std::io::Result<StdListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // What is accepted inherits it.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(keepalive).with_interval(keepalive / 4))?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Deals connections out to the workers in turn.
pub async fn accept(
    listener: TcpListener,
    workers: Vec<mpsc::UnboundedSender<Accepted>>,
    connections_max: usize,
    mut stopped: watch::Receiver<bool>,
) {
    let open = Arc::new(AtomicUsize::new(0));
    let mut complained: Option<Instant> = None;
    let mut next = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => {
                let count = open.fetch_add(1, Ordering::Relaxed) + 1;
                let place = Place(open.clone());
                let is_surplus = count > connections_max;
                if is_surplus && complained.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
                    complained = Some(Instant::now());
                    tracing::warn!("more than {connections_max} connections ([server] max_connections)");
                }
                if count <= connections_max.saturating_add(SURPLUS_MAX) {
                    let _ = workers[next % workers.len()].send(Accepted { stream, is_surplus, place });
                    next += 1;
                }
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
