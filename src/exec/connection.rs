//! A connection with the statements that are prepared on it, and one that is in use.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lru::LruCache;
use tokio_postgres::CancelToken;

use super::cancel::Server;
use super::failure::Failure;
use super::login::Opened;
use super::pool::{Pooled, is_worker};
use super::sqlstate;
use super::tls::Tls;
use super::wire::{ColumnTypes, Settled, Wire};
use crate::error::{Error, Result};
use crate::observe::{Metrics, Observer};
use crate::sql::Param;

/// Prepared statements kept per connection; the least recently used one is closed for a new one.
const PREPARED_MAX: usize = 256;
/// Longest text that stays prepared. Filters of any length can be sent, and PostgreSQL keeps a tree
/// many times the size of the text for each, on every connection.
const PREPARED_TEXT_BYTES_MAX: usize = 32 * 1024;

/// What all connections to one server have in common.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub tls: Tls,
    /// How long it may take to clean up.
    pub timeout: Duration,
    /// Whether statements are prepared at all.
    pub prepares: bool,
    /// Counts up when some connection finds that relations have changed.
    pub epoch: Arc<AtomicU64>,
    pub metrics: Arc<Metrics>,
}

/// A connection with the statements prepared on it.
pub(super) struct Connection {
    wire: Wire,
    server: Server,
    token: CancelToken,
    prepared: LruCache<Box<str>, Prepared, ahash::RandomState>,
    /// How many names have been given.
    named: u64,
    /// One that may stand for a statement that nobody knows: who prepared it has gone.
    unsettled: Option<Arc<str>>,
    /// The epoch in which `prepared` was made.
    prepared_in: u64,
    shared: Shared,
}

/// A statement that a connection knows by a name.
#[derive(Clone)]
pub(super) struct Prepared {
    name: Arc<str>,
    columns: ColumnTypes,
}

/// A statement that can be sent in one message: prepared on its connection, or, where it is not worth that or a
/// PgBouncer cannot keep named statements, as text with the types of its parameters.
pub(super) enum Ready {
    Prepared(Prepared),
    Text(String),
}

/// A connection in use. Dropped before [`Running::done`], it is cleaned up in the background before it goes back to
/// its pool.
pub(super) struct Running(Option<Pooled>);

// === impl Connection ===

impl Connection {
    pub fn new(opened: Opened, shared: Shared) -> Connection {
        let capacity = NonZeroUsize::new(PREPARED_MAX).unwrap_or(NonZeroUsize::MIN);
        Connection {
            wire: opened.wire,
            server: opened.server,
            token: opened.token,
            prepared: LruCache::with_hasher(capacity, ahash::RandomState::new()),
            named: 0,
            unsettled: None,
            prepared_in: shared.epoch.load(Ordering::Acquire),
            shared,
        }
    }

    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Ends whatever runs here, then leaves nothing of it behind. After an error a cancel may still be on its way, and
    /// nothing may run here any more.
    ///
    /// The empty query behind the cancel is answered after the statement has ended, and takes the blow of a cancel
    /// that came too late for it. A transaction that was cut short is rolled back.
    pub async fn clean_up(&mut self) -> Result<(), String> {
        let said = |failure: Failure| failure.to_string();
        let clean = async {
            self.server.cancel(&self.token, self.shared.tls.clone()).await?;
            self.wire.drain().await.map_err(said)?;
            while let Err(failure) = self.wire.simple("").await {
                if failure.is_lost() {
                    return Err(said(failure));
                }
            }
            match self.wire.in_transaction() {
                true => self.wire.simple("ROLLBACK").await.map(drop).map_err(said),
                false => Ok(()),
            }
        };
        let late = |_| "not done in time".to_owned();
        tokio::time::timeout(self.shared.timeout, clean).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    async fn prepare(&mut self, text: &str) -> Result<Prepared, Failure> {
        if let Some(name) = self.unsettled.take() {
            self.wire.close(&name)?;
        }
        self.named += 1;
        let name: Arc<str> = format!("s{}", self.named).into();
        self.unsettled = Some(name.clone());
        self.wire.parse(&name, text, std::iter::empty())?;
        self.wire.describe(&name)?;
        self.wire.sync();
        let columns = self.wire.settle().await?.columns.unwrap_or_default();
        self.unsettled = None;
        Ok(Prepared { name, columns })
    }

    /// Keeps a statement; the one that has to make room for it is closed with what is sent next.
    fn keep(&mut self, text: &str, prepared: Prepared) -> Result<(), Failure> {
        match self.prepared.push(text.into(), prepared) {
            Some((_, old)) => self.wire.close(&old.name),
            None => Ok(()),
        }
    }

    /// Drops what was prepared before relations changed.
    fn forget_outdated(&mut self) -> Result<(), Failure> {
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        if self.prepared_in != epoch {
            while let Some((_, old)) = self.prepared.pop_lru() {
                self.wire.close(&old.name)?;
            }
            self.prepared_in = epoch;
        }
        Ok(())
    }

    /// Makes every connection prepare anew, once however many find the same change.
    fn end_epoch(&self) {
        let (seen, next) = (self.prepared_in, self.prepared_in.wrapping_add(1));
        let _ = self.shared.epoch.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire);
    }

    /// A statement's text, prepared where statements are.
    async fn ready(&mut self, text: &str) -> Result<Ready, Failure> {
        if !self.shared.prepares || text.len() > PREPARED_TEXT_BYTES_MAX {
            return Ok(Ready::Text(text.to_owned()));
        }
        self.forget_outdated()?;
        let known = self.prepared.get(text).cloned();
        self.shared.metrics.prepared(known.is_some());
        if let Some(prepared) = known {
            return Ok(Ready::Prepared(prepared));
        }
        let prepared = Box::pin(self.prepare(text)).await?;
        self.keep(text, prepared.clone())?;
        Ok(Ready::Prepared(prepared))
    }

    fn send(&mut self, ready: &Ready, parameters: &[Param]) -> Result<(), Failure> {
        match ready {
            Ready::Prepared(prepared) => self.wire.run(&prepared.name, parameters),
            Ready::Text(text) => {
                self.wire.parse("", text, parameters.iter().map(Param::pg_type))?;
                self.wire.describe("")?;
                self.wire.run("", parameters)
            }
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("prepared", &self.prepared.len()).finish_non_exhaustive()
    }
}

// === impl Ready ===

impl Ready {
    /// The columns of its rows, where they are known before it runs.
    pub fn columns(&self) -> Option<&ColumnTypes> {
        match self {
            Ready::Prepared(prepared) => Some(&prepared.columns),
            Ready::Text(_) => None,
        }
    }
}

// === impl Running ===

impl Running {
    pub fn on(pooled: Pooled) -> Running {
        Running(Some(pooled))
    }

    fn connection(&mut self) -> &mut Connection {
        self.0.as_mut().expect("a running connection is held until it is done")
    }

    pub fn wire(&mut self) -> &mut Wire {
        self.connection().wire()
    }

    /// A statement of a request. One that is marked with its trace is sent as text: its text is never the same again,
    /// and would push what is worth keeping out of what is prepared.
    pub async fn statement(&mut self, text: &str, observer: &Observer) -> Result<Ready> {
        match observer.traceparent() {
            None => self.ready(text).await,
            Some(traceparent) => Ok(Ready::Text(format!("{text} /*traceparent='{traceparent}'*/"))),
        }
    }

    /// A statement's text, prepared on this connection where statements are.
    pub async fn ready(&mut self, text: &str) -> Result<Ready> {
        let ready = self.connection().ready(text).await;
        ready.map_err(|failure| {
            self.finish();
            sqlstate::error(failure)
        })
    }

    /// Puts a statement behind those that are sent together with it, at the first poll for their answers.
    pub fn send(&mut self, ready: &Ready, parameters: &[Param]) -> Result<()> {
        let sent = self.connection().send(ready, parameters);
        sent.map_err(|failure| {
            self.finish();
            sqlstate::error(failure)
        })
    }

    /// Ends what is sent together, and reads all of it.
    pub async fn settle(&mut self) -> Result<Settled, Failure> {
        let wire = self.wire();
        wire.sync();
        wire.settle().await
    }

    /// The statement has ended with an error: the connection is free, and what was prepared may be
    /// out of date, here and on every other connection that the caller may try next.
    pub fn failed(mut self, failure: Failure) -> Error {
        self.fail(failure)
    }

    /// As [`Running::failed`], for who holds it in a place of its own and will not use it any more.
    pub fn fail(&mut self, failure: Failure) -> Error {
        let error = sqlstate::error(failure);
        if let Some(connection) = self.0.as_ref().filter(|_| error.stale) {
            connection.end_epoch();
        }
        // One that PostgreSQL is about to close looks open until it has, and would be the next to be taken.
        drop(self.0.take_if(|_| error.lost_connection).map(Pooled::take));
        self.finish();
        error
    }

    /// The statement has ended and everything it sent has been read.
    pub fn done(mut self) {
        self.finish();
    }

    /// As [`Running::done`], for who holds it in a place of its own.
    pub fn finish(&mut self) {
        let Some(mut pooled) = self.0.take() else { return };
        if pooled.wire().is_busy() {
            // Within a transaction that nobody will end.
            drop(Running(Some(pooled)));
        } else if pooled.wire().is_lost() || !is_worker() {
            // One that was made on another thread than a worker's would be served from there.
            drop(Pooled::take(pooled));
        }
    }
}

impl Drop for Running {
    /// Ends whatever runs, in the background, then gives the connection back.
    fn drop(&mut self) {
        let Some(mut pooled) = self.0.take() else { return };
        if !pooled.wire().is_busy() {
            return;
        }
        let runtime = tokio::runtime::Handle::try_current();
        let Some(runtime) = runtime.ok().filter(|_| !pooled.wire().is_lost()) else {
            drop(Pooled::take(pooled));
            return;
        };
        runtime.spawn(async move {
            if pooled.clean_up().await.is_err() {
                drop(Pooled::take(pooled));
            }
        });
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}
