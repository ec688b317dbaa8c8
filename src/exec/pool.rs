//! Connections: one pool per worker thread, so that a connection is served by the thread whose requests use it.
//!
//! Waking another thread for each batch of rows costs more than decoding it. A worker whose own
//! connections are all busy borrows from workers that are idle, at once or after a short wait. Threads that
//! are no workers have a pool of their own, whose connections are closed after use.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use deadpool::managed::{Metrics, Object, Pool, PoolError, QueueMode, RecycleResult, Timeouts};
use deadpool_postgres::{ManagerConfig, RecyclingMethod};
use tokio_postgres::Client;
use tokio_postgres::config::Host;
use tokio_util::task::AbortOnDropHandle;

use super::connection::{Connection, Shared};
use super::failure::Failure;
use super::session::SETTINGS;
use super::tls::{Tls, wire_mode};
use super::{Options, login, sqlstate};
use crate::error::{Code, Error, Result, Stage};
use crate::observe;

const UNREACHABLE: &str = "the database cannot be reached";

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

/// Whether the current thread is a worker.
pub(super) fn is_worker() -> bool {
    WORKER.get().is_some()
}

pub(super) struct Pools {
    pools: Vec<Pool<Connector>>,
    /// For threads that are no workers.
    elsewhere: Pool<Connector>,
    /// For questions about the database itself: one at a time.
    control: deadpool_postgres::Pool,
    connect_timeout: Duration,
    config: tokio_postgres::Config,
    tls: Tls,
    metrics: Arc<observe::Metrics>,
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

/// Opens connections to one server.
#[derive(Debug)]
pub(super) struct Connector {
    config: tokio_postgres::Config,
    shared: Shared,
}

pub(super) type Pooled = Object<Connector>;

/// A connection that the driver moves. It is closed after use: what moves it ends with the runtime of whoever asked
/// for it.
pub(super) struct Control(Option<deadpool_postgres::Object>);

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
        let (prepares, timeout) = (database.prepared_statements, database.connect_timeout);
        let shared = Shared { tls: tls.clone(), timeout, prepares, epoch, metrics: options.metrics.clone() };
        let pool = |size: usize| {
            let connector = Connector { config: config.clone(), shared: shared.clone() };
            // The one that was given back last is the one whose memory, here and in PostgreSQL, is still at hand.
            let built = Pool::builder(connector).max_size(size.max(1)).queue_mode(QueueMode::Lifo);
            let built = built.runtime(deadpool::Runtime::Tokio1).build();
            built.map_err(|error| error.to_string())
        };
        let workers = options.workers.max(1);
        let share = |worker| database.pool_max / workers + usize::from(worker < database.pool_max % workers);
        let pools = (0..workers).map(|worker| pool(share(worker))).collect::<Result<_, _>>()?;
        let elsewhere = pool(1)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = deadpool_postgres::Manager::from_config(config.clone(), tls.clone(), recycling);
        let control = deadpool_postgres::Pool::builder(manager).max_size(1).runtime(deadpool::Runtime::Tokio1).build();
        let control = control.map_err(|error| error.to_string())?;
        let (connect_timeout, metrics) = (database.connect_timeout, options.metrics.clone());
        Ok(Pools { pools, elsewhere, control, connect_timeout, config, tls, metrics })
    }

    pub fn database(&self) -> Option<&str> {
        self.config.get_dbname()
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
        self.metrics.acquired(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
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

    async fn take(&self, pool: &Pool<Connector>, wait: Duration) -> Result<Pooled, PoolError<Failure>> {
        // To recycle one means to look at it, for which nothing has to be waited.
        pool.timeout_get(&Timeouts { wait: Some(wait), create: Some(self.connect_timeout), recycle: None }).await
    }

    /// A connection that the driver moves, for questions about the database itself.
    pub async fn control(&self) -> Result<Control> {
        let timeout = Some(self.connect_timeout);
        let timeouts = Timeouts { wait: timeout, create: timeout, recycle: None };
        let client = self.control.timeout_get(&timeouts).await.map_err(|error| self.unavailable(error))?;
        Ok(Control(Some(client)))
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

    fn unavailable<E: Into<Failure> + std::error::Error + 'static>(&self, error: PoolError<E>) -> Error {
        let (message, cause) = match error {
            PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => {
                let message = format!("no database connection was free within {} ms", self.connect_timeout.as_millis());
                (message, sqlstate::described(error))
            }
            PoolError::Backend(error) => {
                let failure: Failure = error.into();
                let refused = failure.said().map(|_| "the database refused a connection".to_owned());
                (refused.unwrap_or_else(|| UNREACHABLE.to_owned()), sqlstate::described(failure))
            }
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => (UNREACHABLE.to_owned(), sqlstate::described(error)),
        };
        Error::new(Stage::Execute, Code::Unavailable, message).because(cause)
    }
}

impl std::fmt::Debug for Pools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pools").field("pools", &self.pools).finish_non_exhaustive()
    }
}

// === impl Control ===

impl Deref for Control {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().expect("it is taken when it is dropped")
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.0.take().map(deadpool_postgres::Object::take));
    }
}

/// Whether more than half of the connections that a pool may have lie idle.
fn is_mostly_idle(status: deadpool::Status) -> bool {
    status.available * 2 > status.max_size
}

impl deadpool::managed::Manager for Connector {
    // On the heap: who holds one hands it from future to future.
    type Type = Box<Connection>;
    type Error = Failure;

    async fn create(&self) -> Result<Box<Connection>, Failure> {
        let mut opened = login::open(&self.config, &self.shared.tls).await?;
        // A connection that keeps no statements keeps no settings either; theirs come with each statement.
        if self.shared.prepares {
            let set: Vec<String> = SETTINGS.iter().map(|(name, value)| format!("SET {name} = '{value}'")).collect();
            opened.wire.simple(&set.join("; ")).await?;
        }
        Ok(Box::new(Connection::new(opened, self.shared.clone())))
    }

    async fn recycle(&self, connection: &mut Box<Connection>, _: &Metrics) -> RecycleResult<Failure> {
        match connection.wire().is_usable() {
            true => Ok(()),
            false => Err(deadpool::managed::RecycleError::message("the connection is closed")),
        }
    }
}
