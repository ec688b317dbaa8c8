//! One worker: a runtime on a thread of its own, the connections that it was given, and how they end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::State;
use super::activity::{Activity, Order, Watched, look_interval};
use super::connections::{Peer, serve};
use super::listener::Accepted;
use crate::exec::on_worker;

/// How often each worker wakes up without a reason. A timer that is set to ring before all others costs a
/// system call, since the runtime has to be told; next to one that always rings sooner, those of requests
/// do not.
const TICK: Duration = Duration::from_millis(80);

/// Streams that are left when the time to stop is so near its end are told to end: half of it where it is short.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a worker works with.
pub struct Worker {
    pub number: usize,
    pub state: Arc<State>,
    pub acceptor: Option<TlsAcceptor>,
    pub stopped: watch::Receiver<bool>,
}

// === impl Worker ===

impl Worker {
    /// Works until it is told to stop and its connections have ended.
    pub fn work(self, accepted: mpsc::UnboundedReceiver<Accepted>) {
        on_worker(self.number);
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.run(accepted)),
            Err(error) => tracing::error!("cannot start a worker: {error}"),
        }
    }

    async fn run(mut self, mut accepted: mpsc::UnboundedReceiver<Accepted>) {
        let (open, hurry) = (TaskTracker::new(), CancellationToken::new());
        let limits = self.state.config.server.connections;
        let mut watched: Vec<Watched> = Vec::new();
        let mut tick = tokio::time::interval(TICK);
        let interval = look_interval(&limits);
        let (mut looked, mut second) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    let now = Instant::now();
                    if now.duration_since(looked) >= interval {
                        let is_new_second = now.duration_since(second) >= Duration::from_secs(1);
                        watched.retain_mut(|connection| connection.look(&limits, now, is_new_second));
                        looked = now;
                        if is_new_second {
                            second = now;
                        }
                    }
                }
                accepted = accepted.recv() => match accepted {
                    Some(Accepted { stream, is_surplus, place }) => {
                        let Some((stream, peer)) = self.take_over(stream, is_surplus, &hurry) else { continue };
                        watched.push(Watched::new(&peer, Instant::now()));
                        let acceptor = self.acceptor.clone();
                        open.spawn(async move {
                            serve(stream, acceptor, peer).await;
                            drop(place);
                        });
                    }
                    None => break,
                },
                _ = self.stopped.changed() => break,
            }
        }
        watched.iter().for_each(|connection| connection.tell(Order::Drain));
        open.close();
        let time = self.state.config.server.shutdown_timeout;
        let farewell = FAREWELL.min(time / 2);
        if tokio::time::timeout(time - farewell, open.wait()).await.is_ok() {
            return;
        }
        hurry.cancel();
        if tokio::time::timeout(farewell, open.wait()).await.is_err() {
            tracing::warn!("{} connections were cut off when the time to stop was over", open.len());
        }
    }

    fn take_over(
        &self,
        stream: std::net::TcpStream,
        is_surplus: bool,
        hurry: &CancellationToken,
    ) -> Option<(TcpStream, Arc<Peer>)> {
        let stream = TcpStream::from_std(stream).ok()?;
        let peer = Peer {
            address: stream.peer_addr().ok()?.ip(),
            activity: Activity::new(&self.state.config.server.connections),
            state: self.state.clone(),
            stopped: self.stopped.clone(),
            hurry: hurry.clone(),
            is_surplus,
        };
        Some((stream, Arc::new(peer)))
    }
}
