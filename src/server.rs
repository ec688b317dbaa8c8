//! The composition root: one listener, worker threads, the service that is swapped on reload, and the
//! drain.
//!
//! Each worker is a runtime of one thread with its own share of the database connections, and a client
//! connection stays with the worker that it was given to. So a request, the connection that it asks
//! and the encoder never wait for another thread; handing rows over would cost more than decoding
//! them. The price is that one HTTP/2 connection uses one core.

mod breakers;
mod callers;
mod connections;
mod metrics;
#[cfg(feature = "grpc-transport")]
mod grpc;
#[cfg(feature = "grpc-transport")]
mod health;
mod rates;
mod service;
mod tls;
mod trace_context;
mod watched_body;
mod wires;

use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use self::callers::Callers;
use self::wires::Faces;
use crate::config::{Config, DeleteResponse};
use crate::engine::Engine;
use crate::exec::{Options as ExecOptions, ViewExecutor, on_worker};
use crate::observe::Metrics;
use crate::plan::Limits;
use crate::problem::Problem;
use crate::schema::Schema;
use crate::schema::artifact::Artifact;
use crate::schema::bind::bind;
use crate::transport::graphql::{DocumentLimits, Graphql, Options as GraphqlOptions};
use crate::transport::rest::describe::Info;
use crate::transport::rest::{Options as RestOptions, PageSizes, Rest, SelectLimits};

#[cfg(feature = "grpc-transport")]
pub use self::grpc::grpc;

/// Waits between attempts to reach the database, at first and at most.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// How often each worker wakes up without a reason. A timer that is set to ring before all others costs a
/// system call, since the runtime has to be told; next to one that always rings sooner, those of requests
/// do not.
const TICK: Duration = Duration::from_millis(80);

/// A schema that is being served: everything that changes together on a reload.
pub struct Service {
    pub engine: Arc<Engine>,
    faces: Faces,
    callers: Callers,
    /// Of the compiled schema; `/health` shows it.
    pub hash: String,
    /// What requests are answered by. What was bound at the start, the address first of all, stays as it is.
    config: Config,
}

/// What every request looks at.
pub struct State {
    current: ArcSwap<Status>,
    pub metrics: Arc<Metrics>,
    /// Of the start.
    pub config: Config,
}

/// Whether there is something to serve.
pub enum Status {
    Ready(Arc<Service>),
    /// Why not, for `/ready` and for callers.
    Unready(String),
}

/// A server that accepts connections until it is stopped.
pub struct Server {
    state: Arc<State>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// Why a schema cannot be served.
pub enum Refusal {
    /// The database does not answer; trying again may help.
    Unreachable(String),
    /// The schema does not fit the database, or itself.
    Problems(Vec<Problem>),
}

// === impl State ===

impl State {
    pub fn new(config: Config) -> Arc<State> {
        let status = Status::Unready("starting".to_owned());
        Arc::new(State { current: ArcSwap::from_pointee(status), metrics: Arc::default(), config })
    }

    pub fn status(&self) -> Arc<Status> {
        self.current.load_full()
    }

    /// Serves this from the next request on; requests in flight keep what they started with.
    pub fn serve(&self, service: Service) {
        let schema = service.engine.schema();
        let (model, entities) = (schema.model(), schema.entities());
        let endpoints = model.queries.keys().chain(model.mutations.keys()).map(|name| &**name);
        self.metrics.serves(endpoints, entities.keys().map(|name| &**name));
        self.current.store(Arc::new(Status::Ready(Arc::new(service))));
    }

    /// Says why there is nothing to serve. A service that runs already goes on.
    pub fn explain(&self, reason: String) {
        if matches!(**self.current.load(), Status::Unready(_)) {
            self.current.store(Arc::new(Status::Unready(reason)));
        }
    }
}

// === impl Status ===

impl Status {
    /// The configuration of what is served, or that of the start while there is nothing.
    fn config<'a>(&'a self, start: &'a Config) -> &'a Config {
        match self {
            Status::Ready(service) => &service.config,
            Status::Unready(_) => start,
        }
    }
}

// === impl Service ===

impl Service {
    /// Binds a compiled schema to the database of the configuration.
    pub async fn open(config: &Config, artifact: &Artifact, workers: usize) -> Result<Service, Refusal> {
        let callers = Callers::new(config).map_err(|problem| Refusal::Problems(vec![problem]))?;
        let executor = executor(config, workers)?;
        let unbound = Schema::assumed(artifact.model.clone());
        let found = executor.inspect(&unbound.wanted()).await;
        let found = found.map_err(|error| Refusal::Unreachable(error.to_string()))?;
        let schema = bind(artifact.model.clone(), found).map_err(Refusal::Problems)?;
        let schema = Arc::new(schema);
        if config.rest.enabled && !schema.model().mutations.is_empty() {
            let made = executor.make_own_tables().await;
            made.map_err(|error| Refusal::Unreachable(error.to_string()))?;
        }
        let breakers = breakers::breakers(config, &schema).map_err(Refusal::Problems)?;
        let engine = Engine::new(schema, executor, limits(config)).hiding(config.auth.hide_forbidden);
        let engine = engine.guarded_by(breakers, breakers::entity_timeout(config));
        let engine = Arc::new(engine);
        let faces = Faces::new(config, &engine, artifact.lock.as_ref()).map_err(Refusal::Problems)?;
        Ok(Service {
            engine,
            faces,
            callers: callers.with_upkeep(),
            hash: artifact.hash.clone(),
            config: config.clone(),
        })
    }
}

/// The executor of a configuration; it connects when it is first asked.
pub fn executor(config: &Config, workers: usize) -> Result<Arc<ViewExecutor>, Refusal> {
    let url = config.database.url.as_ref().map_err(|problem| Refusal::Problems(vec![problem.clone()]))?;
    let options = ExecOptions {
        url: url.reveal().to_owned(),
        database: config.database.clone(),
        session: config.session_variables.clone(),
        workers,
    };
    let executor = ViewExecutor::new(options);
    executor.map(Arc::new).map_err(|reason| Refusal::Problems(vec![config.problem("database.url", reason)]))
}

/// The GraphQL wire of a configuration.
pub fn graphql(config: &Config, schema: &Schema) -> Result<Graphql, String> {
    let options = GraphqlOptions {
        path: config.graphql.path.clone(),
        introspection: config.graphql.introspection,
        playground: config.graphql.playground,
        batching: config.graphql.batching,
        limits: DocumentLimits {
            depth_max: config.graphql.max_depth,
            complexity_max: config.graphql.max_complexity,
            aliases_max: config.graphql.max_aliases,
        },
        body_bytes_max: config.server.max_body_bytes,
        response_bytes_max: config.server.max_response_bytes,
        representations_max: config.federation.max_representations,
        idempotency_ttl: config.rest.idempotency_ttl,
    };
    Graphql::new(schema, options)
}

/// The REST wire of a configuration.
pub fn rest(config: &Config, schema: &Schema) -> Rest {
    // A page that the engine would refuse cannot be the default one.
    let rows_max = config.graphql.max_page_rows.filter(|max| *max > 0).unwrap_or(u64::MAX);
    let options = RestOptions {
        path: config.rest.path.clone(),
        info: Info {
            title: config.project.name.clone(),
            version: config.project.version.clone(),
            description: config.project.description.clone(),
        },
        docs: config.rest.docs,
        pages: PageSizes {
            default: config.rest.default_page_size.min(rows_max),
            max: config.rest.max_page_size.min(rows_max),
        },
        select: SelectLimits { depth_max: config.graphql.max_depth, fields_max: config.graphql.max_complexity },
        etag: config.rest.etag,
        body_bytes_max: config.server.max_body_bytes,
        response_bytes_max: config.server.max_response_bytes,
        representations_max: config.federation.max_representations,
        stream_idle_timeout: config.server.stream_idle_timeout,
        bulk_affected_max: config.rest.max_bulk_affected,
        delete_shows_entity: config.rest.delete_response == DeleteResponse::Entity,
        idempotency_ttl: config.rest.idempotency_ttl,
    };
    Rest::new(schema, options)
}

pub fn limits(config: &Config) -> Limits {
    Limits { page_rows_max: config.graphql.max_page_rows.unwrap_or(0) }
}

/// How many workers serve on this machine.
pub fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Keeps trying until the schema is served: a database that is down at the start may come back.
/// Returns early when the first attempt finds that the schema does not fit.
pub async fn open_when_possible(
    state: Arc<State>,
    artifact: Artifact,
    tracker: &TaskTracker,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Vec<Problem>> {
    match Service::open(&state.config, &artifact, workers()).await {
        Ok(service) => {
            state.serve(service);
            return Ok(());
        }
        Err(Refusal::Problems(problems)) => return Err(problems),
        Err(Refusal::Unreachable(reason)) => {
            tracing::warn!("{reason}; trying again until the database answers");
            state.explain(reason);
        }
    }
    tracker.spawn(async move {
        let mut wait = RETRY_FIRST;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopped.changed() => return,
            }
            wait = (wait * 2).min(RETRY_MAX);
            match Service::open(&state.config, &artifact, workers()).await {
                Ok(service) => {
                    tracing::info!("the database answers; serving");
                    return state.serve(service);
                }
                Err(Refusal::Unreachable(reason)) => state.explain(reason),
                Err(Refusal::Problems(problems)) => {
                    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    let reason = format!("the schema and the database differ: {}", text.join("; "));
                    tracing::error!("{reason}");
                    state.explain(reason);
                }
            }
        }
    });
    Ok(())
}

// === impl Server ===

impl Server {
    /// Listens and starts the workers.
    pub async fn start(state: Arc<State>) -> Result<Server, Problem> {
        let server = &state.config.server;
        let acceptor = tls::acceptor(&state.config)?;
        let listener = listen(&server.host, server.port).await.map_err(|error| {
            let reason = format!("cannot listen on {}:{}: {error}", server.host, server.port);
            state.config.problem("server.port", reason).hint("stop what listens there, or choose another with --port")
        })?;
        let address = listener.local_addr().map_err(|error| state.config.problem("server.port", error.to_string()))?;
        let (stop, stopped) = watch::channel(false);
        let mut senders = Vec::new();
        let mut threads = Vec::new();
        for worker in 0..workers() {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.push(sender);
            let (state, acceptor, stopped) = (state.clone(), acceptor.clone(), stopped.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{worker}"));
            let thread = thread.spawn(move || work(worker, state, acceptor, receiver, stopped));
            threads.push(thread.map_err(|error| state_problem(&error))?);
        }
        tokio::spawn(accept(listener, senders, stopped));
        Ok(Server { state, address, stop, threads })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a URL on this server begins with.
    pub fn scheme(&self) -> &'static str {
        if self.state.config.server.tls.is_some() { "https" } else { "http" }
    }

    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Becomes true when the server is to stop.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Accepts nothing more, lets requests in flight finish, and returns when the workers are done or
    /// the time for it is over.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let threads = self.threads;
        let all = tokio::task::spawn_blocking(move || {
            threads.into_iter().for_each(|thread| {
                let _ = thread.join();
            });
        });
        // The workers keep the time themselves; this is for one that hangs.
        let _ = tokio::time::timeout(self.state.config.server.shutdown_timeout + Duration::from_secs(1), all).await;
    }
}

fn state_problem(error: &std::io::Error) -> Problem {
    Problem::new("", "", format!("cannot start a thread: {error}"))
}

async fn listen(host: &str, port: u16) -> std::io::Result<TcpListener> {
    let mut last = std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        match bind_to(address) {
            Ok(listener) => return TcpListener::from_std(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_to(address: SocketAddr) -> std::io::Result<StdListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Deals connections out to the workers in turn.
async fn accept(
    listener: TcpListener,
    workers: Vec<mpsc::UnboundedSender<StdStream>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut next = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => {
                let _ = workers[next % workers.len()].send(stream);
                next += 1;
            }
            Err(error) => {
                // Out of descriptors, most likely: give others time to close some.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One worker: a runtime on this thread, until it is told to stop and its connections have ended.
fn work(
    worker: usize,
    state: Arc<State>,
    acceptor: Option<TlsAcceptor>,
    mut streams: mpsc::UnboundedReceiver<StdStream>,
    mut stopped: watch::Receiver<bool>,
) {
    on_worker(worker);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!("cannot start a worker: {error}"),
    };
    runtime.block_on(async {
        let open = TaskTracker::new();
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                stream = streams.recv() => match stream {
                    Some(stream) => {
                        open.spawn(connections::serve(stream, acceptor.clone(), state.clone(), stopped.clone()));
                    }
                    None => break,
                },
                _ = stopped.changed() => break,
            }
        }
        open.close();
        if tokio::time::timeout(state.config.server.shutdown_timeout, open.wait()).await.is_err() {
            tracing::warn!("{} connections were cut off when the time to stop was over", open.len());
        }
    });
}
