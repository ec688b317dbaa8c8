//! Connections: one pool per worker thread, so that a connection's task and the request that reads
//! from it run on the same thread.
//!
//! Handing each batch of rows to another thread costs more than decoding it. A worker whose own
//! connections are all busy borrows from workers that are idle, at once or after a short wait. Threads that
//! are no workers have a pool of their own, whose connections are closed after use.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{Metrics, Object, Pool, PoolError, QueueMode, RecycleResult, Timeouts};
use deadpool_postgres::{ClientWrapper, ManagerConfig, RecyclingMethod};
use lru::LruCache;
use tokio_postgres::Client;
use tokio_postgres::config::Host;
use tokio_util::task::AbortOnDropHandle;

use super::cancel::Server;
use super::ready::Ready;
use super::rows::clean_up;
use super::session::SETTINGS;
use super::tls::{Tls, wire_mode};
use super::{Options, sqlstate};
use crate::error::{Code, Error, Result, Stage};
use crate::observe::{Histogram, Lookups, Observer, SHORT_TIMES};

/// Prepared statements kept per connection; the least recently used one is closed for a new one.
const PREPARED_MAX: usize = 256;
/// Longest text that stays prepared. Filters of any length can be sent, and PostgreSQL keeps a tree
/// many times the size of the text for each, on every connection.
const PREPARED_TEXT_BYTES_MAX: usize = 32 * 1024;

/// How long a worker waits for one of its own connections before it takes an idle one of any other worker.
const BORROW_AFTER: Duration = Duration::from_millis(100);

/// How long a connection is silent before TCP asks whether the database is still there.
const SILENCE_MAX: Duration = Duration::from_secs(30);

thread_local! {
    static WORKER: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Tells the pools which worker the current thread is.
pub fn on_worker(worker: usize) {
    WORKER.set(Some(worker));
}

#[derive(Debug)]
pub(super) struct Pools {
    pools: Vec<Pool<Connector>>,
    /// For threads that are no workers.
    elsewhere: Pool<Connector>,
    connect_timeout: Duration,
    config: tokio_postgres::Config,
    tls: Tls,
    seen: Arc<Seen>,
}

/// What is seen of connections.
#[derive(Debug)]
pub struct Seen {
    /// Until there is a connection.
    pub acquire: Histogram,
    pub prepared: Lookups,
}

/// Connections of all workers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    pub max: usize,
    /// Those that are open.
    pub open: usize,
    /// Open ones that nobody uses.
    pub idle: usize,
    /// Requests that wait for one.
    pub waiting: usize,
}

#[derive(Debug)]
pub(super) struct Connector {
    inner: deadpool_postgres::Manager,
    tls: Tls,
    server: Option<Server>,
    timeout: Duration,
    prepares: bool,
    epoch: Arc<AtomicU64>,
    seen: Arc<Seen>,
}

/// A client with the statements prepared on it.
pub(super) struct Connection {
    client: Arc<ClientWrapper>,
    prepared: LruCache<Box<str>, tokio_postgres::Statement, ahash::RandomState>,
    /// Counts up when some connection finds that relations have changed; shared by all of them.
    epoch: Arc<AtomicU64>,
    /// The epoch in which `prepared` was made.
    prepared_in: u64,
    /// Whether statements are prepared at all.
    prepares: bool,
    tls: Tls,
    server: Option<Server>,
    timeout: Duration,
    seen: Arc<Seen>,
}

pub(super) type Pooled = Object<Connector>;

/// A connection with something running on it. Dropped before [`Running::done`], it is cleaned up in
/// the background before it goes back to its pool.
pub(super) struct Running(Option<Pooled>);

// === impl Pools ===

impl Pools {
    /// Pools for the server of a URL.
    pub fn new(options: &Options, url: &str) -> Result<Pools, String> {
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error: tokio_postgres::Error| format!("the database url is not valid: {error}"))?;
        let database = &options.database;
        config.connect_timeout(database.connect_timeout).ssl_mode(wire_mode(database.ssl_mode));
        // A database that has gone without a word would be waited for by everybody who is given one of its connections.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(database.connect_timeout);
        }
        // One that lies idle is asked by TCP whether its database is still there.
        config.keepalives_idle(SILENCE_MAX);
        if config.get_application_name().is_none() {
            config.application_name("fraiseql");
        }
        let tls = Tls::new(database.ssl_mode)?;
        let epoch = Arc::new(AtomicU64::new(0));
        let seen = Arc::new(Seen { acquire: Histogram::new(SHORT_TIMES), prepared: Lookups::default() });
        let pool = |size: usize| {
            let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            let inner = deadpool_postgres::Manager::from_config(config.clone(), tls.clone(), recycling);
            let server = Server::of(&config);
            let (tls, epoch, prepares) = (tls.clone(), epoch.clone(), database.prepared_statements);
            let (seen, timeout) = (seen.clone(), database.connect_timeout);
            let connector = Connector { inner, tls, server, timeout, prepares, epoch, seen };
            // The one that was given back last is the one whose memory, here and in PostgreSQL, is still at hand.
            let built = Pool::builder(connector).max_size(size.max(1)).queue_mode(QueueMode::Lifo);
            let built = built.runtime(deadpool::Runtime::Tokio1).build();
            built.map_err(|error| error.to_string())
        };
        let workers = options.workers.max(1);
        let share = |worker| database.pool_max / workers + usize::from(worker < database.pool_max % workers);
        let pools = (0..workers).map(|worker| pool(share(worker))).collect::<Result<_, _>>()?;
        let elsewhere = pool(1)?;
        Ok(Pools { pools, elsewhere, connect_timeout: database.connect_timeout, config, tls, seen })
    }

    pub fn database(&self) -> Option<&str> {
        self.config.get_dbname()
    }

    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// How the connections of the workers stand.
    pub fn connections(&self) -> Connections {
        self.pools.iter().map(Pool::status).fold(Connections::default(), |all, status| Connections {
            max: all.max + status.max_size,
            open: all.open + status.size,
            idle: all.idle + status.available,
            waiting: all.waiting + status.waiting,
        })
    }

    /// As [`Pools::acquired`], and how long that took.
    pub async fn get(&self) -> Result<Pooled> {
        let began = Instant::now();
        let pooled = self.acquired().await;
        self.seen.acquire.record(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        pooled
    }

    /// A free connection: the worker's own, an idle one of another worker, or the next own one to be
    /// given back.
    async fn acquired(&self) -> Result<Pooled> {
        let Some(own) = WORKER.get().map(|worker| worker % self.pools.len()) else {
            return self.take(&self.elsewhere, self.connect_timeout).await.map_err(|error| self.unavailable(error));
        };
        // Rows of a borrowed connection are handed from thread to thread, which costs more than a short wait
        // for an own one: at first only a worker that hardly uses its connections lends some.
        let steps = [
            (Duration::ZERO, is_mostly_idle as fn(deadpool::Status) -> bool),
            (BORROW_AFTER.min(self.connect_timeout), |status| status.available > 0),
        ];
        for (wait, lends) in steps {
            match self.take(&self.pools[own], wait).await {
                Err(PoolError::Timeout(deadpool::managed::TimeoutType::Wait)) => {}
                other => return other.map_err(|error| self.unavailable(error)),
            }
            let others = self.pools[own + 1..].iter().chain(&self.pools[..own]);
            for pool in others.filter(|pool| lends(pool.status())) {
                if let Ok(borrowed) = self.take(pool, Duration::ZERO).await {
                    return Ok(borrowed);
                }
            }
        }
        let rest = self.connect_timeout.saturating_sub(BORROW_AFTER);
        self.take(&self.pools[own], rest).await.map_err(|error| self.unavailable(error))
    }

    async fn take(&self, pool: &Pool<Connector>, wait: Duration) -> Result<Pooled, PoolError<tokio_postgres::Error>> {
        // To recycle one means to look at it, for which nothing has to be waited.
        pool.timeout_get(&Timeouts { wait: Some(wait), create: Some(self.connect_timeout), recycle: None }).await
    }

    /// A connection of its own, for who keeps it, with the task that moves it.
    pub async fn connect(&self) -> Result<(Client, AbortOnDropHandle<()>), tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let moved = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok((client, AbortOnDropHandle::new(moved)))
    }

    /// Where the server is, for the log: hosts and ports, without anything secret.
    pub fn place(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(i, host)| {
            let port = ports.get(i).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(directory) => format!("{}:{port}", directory.display()),
            }
        });
        hosts.collect::<Vec<_>>().join(",")
    }

    fn unavailable(&self, error: PoolError<tokio_postgres::Error>) -> Error {
        let message = match &error {
            PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => {
                format!("no database connection was free within {} ms", self.connect_timeout.as_millis())
            }
            PoolError::Backend(error) if error.as_db_error().is_some() => {
                "the database refused a connection".to_owned()
            }
            PoolError::Timeout(_)
            | PoolError::Backend(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => "the database cannot be reached".to_owned(),
        };
        Error::new(Stage::Execute, Code::Unavailable, message).because(sqlstate::described(error))
    }
}

/// Whether more than half of the connections that a pool may have lie idle.
fn is_mostly_idle(status: deadpool::Status) -> bool {
    status.available * 2 > status.max_size
}

impl deadpool::managed::Manager for Connector {
    // On the heap: who holds one hands it from future to future.
    type Type = Box<Connection>;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Box<Connection>, tokio_postgres::Error> {
        let client = Arc::new(self.inner.create().await?);
        // A connection that keeps no statements keeps no settings either; theirs come with each statement.
        if self.prepares {
            let set: Vec<String> = SETTINGS.iter().map(|(name, value)| format!("SET {name} = '{value}'")).collect();
            client.batch_execute(&set.join("; ")).await?;
        }
        let capacity = NonZeroUsize::new(PREPARED_MAX).unwrap_or(NonZeroUsize::MIN);
        let prepared = LruCache::with_hasher(capacity, ahash::RandomState::new());
        Ok(Box::new(Connection {
            client,
            prepared,
            prepared_in: self.epoch.load(Ordering::Acquire),
            prepares: self.prepares,
            epoch: self.epoch.clone(),
            tls: self.tls.clone(),
            server: self.server.clone(),
            timeout: self.timeout,
            seen: self.seen.clone(),
        }))
    }

    async fn recycle(&self, connection: &mut Box<Connection>, _: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        if connection.client.is_closed() {
            return Err(deadpool::managed::RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}

// === impl Connection ===

impl Connection {
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends what runs here. An error means that a cancel may still be on its way, and that nothing
    /// may run on this connection any more.
    pub async fn cancel(&self) -> Result<(), String> {
        let token = self.client.cancel_token();
        match &self.server {
            Some(server) => server.cancel(&token, self.tls.clone()).await,
            None => {
                token.cancel_query(self.tls.clone()).await.map_err(|error| error.to_string())?;
                Err("with several hosts nobody can tell when a cancel has arrived".to_owned())
            }
        }
    }

    /// Drops what was prepared before relations changed.
    fn forget_outdated(&mut self) {
        let epoch = self.epoch.load(Ordering::Acquire);
        if self.prepared_in != epoch {
            self.prepared.clear();
            self.prepared_in = epoch;
        }
    }

    /// Makes every connection prepare anew, once however many find the same change.
    fn end_epoch(&self) {
        let (seen, next) = (self.prepared_in, self.prepared_in.wrapping_add(1));
        let _ = self.epoch.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire);
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("prepared", &self.prepared.len()).finish_non_exhaustive()
    }
}

// === impl Running ===

impl Running {
    pub fn on(pooled: Pooled) -> Running {
        Running(Some(pooled))
    }

    fn connection(&self) -> &Connection {
        self.0.as_ref().expect("a running connection is held until it is done")
    }

    pub fn client(&self) -> &Client {
        self.connection().client()
    }

    /// A handle that outlives the borrow, for answers that are awaited later.
    pub fn shared(&self) -> Arc<ClientWrapper> {
        self.connection().client.clone()
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
        let connection = self.0.as_mut().expect("a running connection is held until it is done");
        if !connection.prepares {
            return Ok(Ready::Text(text.to_owned()));
        }
        connection.forget_outdated();
        let known = connection.prepared.get(text).cloned();
        connection.seen.prepared.found(known.is_some());
        if let Some(prepared) = known {
            return Ok(Ready::Prepared(prepared));
        }
        match Box::pin(connection.client.prepare(text)).await {
            Ok(prepared) => {
                if text.len() <= PREPARED_TEXT_BYTES_MAX {
                    connection.prepared.put(text.into(), prepared.clone());
                }
                Ok(Ready::Prepared(prepared))
            }
            Err(error) => {
                self.finish();
                Err(sqlstate::error(error))
            }
        }
    }

    /// The statement has ended with an error: the connection is free, and what was prepared may be
    /// out of date, here and on every other connection that the caller may try next.
    pub fn failed(mut self, error: tokio_postgres::Error) -> Error {
        self.fail(error)
    }

    /// As [`Running::failed`], for who holds it in a place of its own and will not use it any more.
    pub fn fail(&mut self, error: tokio_postgres::Error) -> Error {
        let error = sqlstate::error(error);
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
        let pooled = self.0.take();
        // A connection that was made on another thread than a worker's would be served from there.
        if let Some(pooled) = pooled.filter(|_| WORKER.get().is_none()) {
            drop(Pooled::take(pooled));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pooled) = self.0.take() {
            clean_up(pooled);
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}
