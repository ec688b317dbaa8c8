//! Statement → outcome: the only folder that owns a connection.
//!
//! Rows stream out as they arrive; nothing here looks inside one. A caller that stops reading has its
//! statement cancelled, and the connection goes back to the pool only when both the cancel has been
//! answered and the statement has ended: sooner, and the cancel would hit whatever runs next.

mod called;
mod cancel;
mod change;
mod connection;
mod examine;
mod failure;
mod idempotency;
mod inspect;
mod login;
mod pool;
mod replicas;
mod row;
mod rows;
mod session;
mod sqlstate;
mod stream;
mod tls;
mod transaction;
mod wire;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::Type;

use idempotency::Usable;
use pool::Pools;
use replicas::{Replica, Replicas};
use session::Session;

pub use change::{Change, Together};
pub use examine::Examined;
pub use idempotency::{Kept, Pending};
pub use pool::{Connections, on_worker};
pub use replicas::Standing;
pub use row::Row;
pub use rows::Rows;
pub use tls::unverified;

use crate::auth::Caller;
use crate::config::{Database, SessionVariable, VariableSource};
use crate::error::{Code, Error, Result, Stage};
use crate::observe::Metrics;
use crate::plan::shape::Shape;
use crate::schema::bind::{Found, Wanted};
use crate::sql::{BindKind, Param, Statement};
use connection::Running;

/// What the executor needs of the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    pub url: String,
    pub database: Database,
    pub session: Vec<SessionVariable>,
    /// Rows of one stream; `None` is unlimited.
    pub stream_rows_max: Option<u64>,
    /// Threads that connections are shared out among.
    pub workers: usize,
    /// Where connections and prepared statements are counted; outlives this executor.
    pub metrics: Arc<Metrics>,
}

/// Runs statements.
#[derive(Debug)]
pub struct ViewExecutor {
    /// Of the primary.
    pools: Pools,
    replicas: Replicas,
    options: Options,
    session: Session,
    /// One permit for each connection that streams may hold.
    streams: Arc<Semaphore>,
    usable: Usable,
}

/// How rows will be read, which decides how long they may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once, into an answer: the statement is done within `statement_timeout_ms`.
    Answer,
    /// As their reader takes them: without a limit on time, but with one on how many do so at once
    /// (`stream_connections`). Who reads bounds how long it waits for its own client.
    Stream,
}

/// What came back: rows, and the statement whose shape they have.
#[derive(Debug)]
pub struct Outcome {
    statement: Arc<Statement>,
    pub rows: Rows,
    /// Of a mutation: what became of each call, in order; the rows are theirs, one behind the other.
    pub changes: Vec<Result<Change>>,
    /// Under keys: the transaction, which commits with the answers.
    pub pending: Option<Pending>,
}

// === impl Outcome ===

impl Outcome {
    pub fn shape(&self) -> &Shape {
        self.statement.shape()
    }

    pub fn statement(&self) -> &Arc<Statement> {
        &self.statement
    }

    /// The answer that was given before under the key of all calls.
    pub fn replayed(&mut self) -> Option<Kept> {
        match self.changes.as_mut_slice() {
            [Ok(change)] => change.kept.take(),
            [] | [Err(_)] | [_, ..] => None,
        }
    }

    /// The rows apart from their statement, so that one can be read while the other is borrowed.
    pub fn into_parts(self) -> (Arc<Statement>, Rows) {
        (self.statement, self.rows)
    }
}

// === impl ViewExecutor ===

impl ViewExecutor {
    /// An executor over pools that connect when first used.
    pub fn new(mut options: Options) -> Result<ViewExecutor, String> {
        let pools = Pools::new(&options, &options.url)?;
        let replicas = Replicas::new(&options)?;
        let streams = Arc::new(Semaphore::new(options.database.stream_connections));
        if !options.database.prepared_statements {
            // Behind such a pooler each transaction may be another session's: the settings go with it, and end
            // with it, so that whoever has the session next does not find them.
            let setting = |(name, value): (&str, &str)| SessionVariable {
                name: name.to_owned(),
                source: VariableSource::Value(value.to_owned()),
            };
            options.session.splice(0..0, session::SETTINGS.map(setting));
        }
        let session = Session::new(std::mem::take(&mut options.session));
        Ok(ViewExecutor { pools, replicas, options, session, streams, usable: Usable::new() })
    }

    /// Keeps knowing which replicas may be read; `None` where there are none.
    pub fn upkeep(self: &Arc<Self>) -> Option<impl Future<Output = ()> + Send + use<>> {
        let executor = self.clone();
        (!self.replicas.is_empty()).then_some(async move { executor.replicas.watch(&executor.pools).await })
    }

    /// Runs a statement that reads for a caller. Rows can be read as soon as PostgreSQL has accepted it.
    ///
    /// A replica is asked where that will do. One that fails costs a second question, not the answer.
    pub async fn run(
        &self,
        statement: Arc<Statement>,
        parameters: Vec<Param>,
        caller: &Caller,
        pace: Pace,
    ) -> Result<Outcome> {
        let (deadline, permit) = match pace {
            Pace::Answer => (Some(Instant::now() + self.options.database.statement_timeout), None),
            Pace::Stream => (None, Some(self.permit().await?)),
        };
        let replica = if caller.needs_primary() { None } else { self.replicas.next() };
        let rows = match replica {
            Some(replica) => self.on_replica(replica, &statement, &parameters, caller, deadline).boxed().await?,
            None => self.on_primary(&statement, &parameters, caller, deadline).await?,
        };
        let rows_max = self.options.stream_rows_max.filter(|_| pace == Pace::Stream);
        let rows = rows.of(statement.clone()).holding(permit).at_most(rows_max);
        Ok(Outcome { statement, rows, changes: Vec::new(), pending: None })
    }

    async fn on_primary(
        &self,
        statement: &Arc<Statement>,
        parameters: &[Param],
        caller: &Caller,
        deadline: Option<Instant>,
    ) -> Result<Rows> {
        match self.attempt(&self.pools, statement, parameters, caller, deadline).await {
            // The connection had died while it lay in the pool: nothing has run, take another.
            Err(error) if error.lost_connection && deadline.is_none_or(|deadline| Instant::now() < deadline) => {
                self.attempt(&self.pools, statement, parameters, caller, deadline).boxed().await
            }
            result => result,
        }
    }

    async fn on_replica(
        &self,
        replica: &Arc<Replica>,
        statement: &Arc<Statement>,
        parameters: &[Param],
        caller: &Caller,
        deadline: Option<Instant>,
    ) -> Result<Rows> {
        let rows = tokio::select! {
            biased;
            rows = self.attempt(&replica.pools, statement, parameters, caller, deadline) => rows,
            () = replica.lost() => Err(replica.gone()),
        };
        match rows.map_err(|error| replica.blamed(error)) {
            Ok(rows) => Ok(rows.from(replica.clone())),
            Err(error) if error.on_replica => {
                tracing::debug!("a replica has failed a request, which goes to the primary: {error}");
                caller.read_primary();
                self.on_primary(statement, parameters, caller, deadline).await
            }
            Err(error) => Err(error),
        }
    }

    /// The right to hold a connection for as long as a reader takes; waits as long as for a connection.
    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let permit = self.streams.clone().acquire_owned();
        match tokio::time::timeout(self.options.database.connect_timeout, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                let max = self.options.database.stream_connections;
                let message = format!("{max} streams are being read already ([database] stream_connections)");
                let mut error = Error::new(Stage::Execute, Code::Unavailable, message);
                error.retry_after_secs = Some(1);
                Err(error)
            }
        }
    }

    async fn attempt(
        &self,
        pools: &Pools,
        statement: &Arc<Statement>,
        parameters: &[Param],
        caller: &Caller,
        deadline: Option<Instant>,
    ) -> Result<Rows> {
        let mut started = pin!(self.start(pools, statement, parameters, caller));
        let Some(deadline) = deadline else { return started.await };
        let limit = self.options.database.statement_timeout;
        match tokio::time::timeout_at(deadline.into(), started.as_mut()).await {
            Ok(rows) => Ok(rows?.until(deadline, limit)),
            Err(_) => Err(timeout(limit)),
        }
    }

    async fn start(
        &self,
        pools: &Pools,
        statement: &Arc<Statement>,
        parameters: &[Param],
        caller: &Caller,
    ) -> Result<Rows> {
        let mut running = Running::on(pools.get().await?);
        if !self.session.is_empty() {
            return Box::pin(self.session.start(running, statement, parameters, caller)).await;
        }
        let ready = running.statement(statement.text(), caller.observer()).await?;
        running.send(&ready, parameters)?;
        running.wire().sync();
        Rows::accepted(running, 1, ready.columns().cloned()).await
    }

    /// The name of the database, where the configuration says it.
    pub fn database(&self) -> Option<&str> {
        self.pools.database()
    }

    /// How the connections to the primary stand.
    pub fn connections(&self) -> Connections {
        self.pools.connections()
    }

    /// How the replicas stand, in the order of the configuration.
    pub fn replicas(&self) -> impl Iterator<Item = Standing> {
        self.replicas.standing()
    }

    /// A round trip, to know whether the database answers within the time to connect to it.
    pub async fn ping(&self) -> Result<()> {
        let patience = self.options.database.connect_timeout;
        let mut running = Running::on(self.pools.get().await?);
        let Ok(answer) = tokio::time::timeout(patience, running.wire().simple("")).await else {
            let message = format!("the database has not answered within {} ms", patience.as_millis());
            return Err(Error::new(Stage::Execute, Code::Unavailable, message));
        };
        answer.map(drop).map_err(|failure| running.fail(failure))
    }

    pub async fn inspect(&self, wanted: &Wanted) -> Result<Found> {
        let client = self.pools.control().await?;
        inspect::read(&client, wanted).await.map_err(sqlstate::error)
    }
}

fn timeout(limit: Duration) -> Error {
    Error::new(Stage::Execute, Code::Timeout, format!("the statement took longer than {} ms", limit.as_millis()))
}

// === impl Param ===

impl Param {
    /// The type that the statement's text spells for this parameter.
    pub(crate) fn pg_type(&self) -> Type {
        match self {
            Param::Null(BindKind::Bool, false) => Type::BOOL,
            Param::Null(BindKind::Int8, false) => Type::INT8,
            Param::Null(BindKind::Float8, false) => Type::FLOAT8,
            Param::Null(BindKind::Uuid, false) => Type::UUID,
            Param::Null(BindKind::Text, false) => Type::TEXT,
            Param::Null(BindKind::Bool, true) => Type::BOOL_ARRAY,
            Param::Null(BindKind::Int8, true) => Type::INT8_ARRAY,
            Param::Null(BindKind::Float8, true) => Type::FLOAT8_ARRAY,
            Param::Null(BindKind::Uuid, true) => Type::UUID_ARRAY,
            Param::Null(BindKind::Text, true) => Type::TEXT_ARRAY,
            Param::Bool(_) => Type::BOOL,
            Param::Int8(_) => Type::INT8,
            Param::Float8(_) => Type::FLOAT8,
            Param::Uuid(_) => Type::UUID,
            Param::Text(_) => Type::TEXT,
            Param::Bools(_) => Type::BOOL_ARRAY,
            Param::Int8s(_) => Type::INT8_ARRAY,
            Param::Float8s(_) => Type::FLOAT8_ARRAY,
            Param::Uuids(_) => Type::UUID_ARRAY,
            Param::Texts(_) => Type::TEXT_ARRAY,
        }
    }
}
