//! The composition root: one listener, worker threads, the service that is swapped on reload, and the
//! drain.
//!
//! Each worker is a runtime of one thread with its own share of the database connections, and a client
//! connection stays with the worker that it was given to. So a request, the connection that it asks
//! and the encoder never wait for another thread; handing rows over would cost more than decoding
//! them. The price is that one HTTP/2 connection uses one core.

mod activity;
mod breakers;
mod callers;
mod connections;
mod farewell;
mod listener;
mod metered;
mod metrics;
#[cfg(feature = "grpc-transport")]
mod grpc;
#[cfg(feature = "grpc-transport")]
mod health;
mod probe;
mod rates;
mod service;
mod tls;
mod trace_context;
mod watched_body;
mod wires;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use self::callers::Callers;
use self::wires::Faces;
use self::worker::Worker;
use crate::admission::Admission;
use crate::config::{Config, DeleteResponse};
use crate::engine::Engine;
use crate::exec::{Options as ExecOptions, ViewExecutor};
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
pub use self::probe::probe;
pub use self::tls::showable_certificate;
/// What `doctor` looks at.
pub use crate::exec::Examined;

/// Waits between attempts to reach the database, at first and at most.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// A schema that is being served: everything that changes together on a reload.
pub struct Service {
    pub engine: Arc<Engine>,
    faces: Faces,
    callers: Callers,
    /// Watches the replicas until the service is dropped.
    _watch: Option<AbortOnDropHandle<()>>,
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

    /// Serves this if there is nothing to serve yet.
    pub fn serve_first(&self, service: Service) {
        if matches!(**self.current.load(), Status::Unready(_)) {
            self.serve(service);
        }
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
    pub async fn open(
        config: &Config,
        artifact: &Artifact,
        workers: usize,
        metrics: &Arc<Metrics>,
    ) -> Result<Service, Refusal> {
        let callers = Callers::new(config).map_err(|problem| Refusal::Problems(vec![problem]))?;
        let executor = executor(config, workers, metrics)?;
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
        let watch = executor.upkeep();
        let engine = Engine::new(schema, executor, limits(config)).hiding(config.auth.hide_forbidden);
        let engine = engine.guarded_by(breakers, breakers::entity_timeout(config));
        let engine = engine.admitting(Admission::new(config.server.admission, metrics.clone()));
        let engine = Arc::new(engine);
        let faces = Faces::new(config, &engine, artifact.lock.as_ref()).map_err(Refusal::Problems)?;
        Ok(Service {
            engine,
            faces,
            callers: callers.with_upkeep(),
            _watch: watch.map(|watch| AbortOnDropHandle::new(tokio::spawn(watch))),
            hash: artifact.hash.clone(),
            config: config.clone(),
        })
    }
}

/// The executor of a configuration; it connects when it is first asked.
pub fn executor(config: &Config, workers: usize, metrics: &Arc<Metrics>) -> Result<Arc<ViewExecutor>, Refusal> {
    let url = config.database.url.as_ref().map_err(|problem| Refusal::Problems(vec![problem.clone()]))?;
    let options = ExecOptions {
        url: url.reveal().to_owned(),
        database: config.database.clone(),
        session: config.session_variables.clone(),
        stream_rows_max: config.server.max_stream_rows,
        workers,
        metrics: metrics.clone(),
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
        batch_requests_max: config.graphql.batch_requests_max,
        limits: DocumentLimits {
            bytes_max: config.graphql.max_document_bytes,
            depth_max: config.graphql.max_depth,
            complexity_max: config.graphql.max_complexity,
            aliases_max: config.graphql.max_aliases,
        },
        body_bytes_max: config.server.max_body_bytes,
        body_timeout: config.server.body_timeout,
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
        body_timeout: config.server.body_timeout,
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
    Limits {
        page_rows_max: config.graphql.max_page_rows.unwrap_or(0),
        filter_conditions_max: config.graphql.max_filter_conditions,
    }
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
    match Service::open(&state.config, &artifact, workers(), &state.metrics).await {
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
            match Service::open(&state.config, &artifact, workers(), &state.metrics).await {
                Ok(service) => {
                    tracing::info!("the database answers; serving");
                    // It may be served already, with what was read at a reload.
                    return state.serve_first(service);
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
        let acceptor = tls::Acceptor::new(&state.config)?;
        listener::open_many_files(&state.config);
        let listener = listener::listen(server).await.map_err(|error| {
            let reason = format!("cannot listen on {}:{}: {error}", server.host, server.port);
            state.config.problem("server.port", reason).hint("stop what listens there, or choose another with --port")
        })?;
        let address = listener.local_addr().map_err(|error| state.config.problem("server.port", error.to_string()))?;
        let (stop, stopped) = watch::channel(false);
        let handshake = acceptor.as_ref().map(|acceptor| acceptor.handshake.clone());
        if let Some(acceptor) = acceptor {
            tokio::spawn(acceptor.follow(state.config.clone(), stopped.clone()));
        }
        let mut senders = Vec::new();
        let mut threads = Vec::new();
        for worker in 0..workers() {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.push(sender);
            let (state, acceptor, stopped) = (state.clone(), handshake.clone(), stopped.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{worker}"));
            let worker = Worker { number: worker, state, acceptor, stopped };
            let thread = thread.spawn(move || worker.work(receiver));
            threads.push(thread.map_err(|error| state_problem(&error))?);
        }
        tokio::spawn(listener::accept(listener, senders, server.connections.max, stopped));
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
