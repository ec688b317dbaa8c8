//! Statement → outcome: the only folder that owns a connection.
//!
//! Rows stream out as they arrive; nothing here looks inside one. A caller that stops reading has its
//! statement cancelled, and the connection goes back to the pool only when both the cancel has been
//! answered and the statement has ended: sooner, and the cancel would hit whatever runs next.

mod inspect;
mod pool;
mod rows;
mod session;
mod sqlstate;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use pool::Pools;

pub use pool::on_worker;
pub use rows::Rows;

use crate::auth::Caller;
use crate::config::{Database, SessionVariable};
use crate::error::{Code, Error, Result, Stage};
use crate::plan::shape::Shape;
use crate::schema::bind::{Found, Wanted};
use crate::sql::{Param, Statement};
use pool::{Pooled, Running};

/// What the executor needs of the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    pub url: String,
    pub database: Database,
    pub session: Vec<SessionVariable>,
    /// Threads that connections are shared out among.
    pub workers: usize,
}

/// Runs statements.
#[derive(Debug)]
pub struct ViewExecutor {
    pools: Pools,
    options: Options,
}

/// What came back: rows, and the statement whose shape they have.
#[derive(Debug)]
pub struct Outcome {
    statement: Arc<Statement>,
    pub rows: Rows,
}

// === impl Outcome ===

impl Outcome {
    pub fn shape(&self) -> &Shape {
        self.statement.shape()
    }

    pub fn statement(&self) -> &Arc<Statement> {
        &self.statement
    }

    /// The rows apart from their statement, so that one can be read while the other is borrowed.
    pub fn into_parts(self) -> (Arc<Statement>, Rows) {
        (self.statement, self.rows)
    }
}

// === impl ViewExecutor ===

impl ViewExecutor {
    /// An executor over pools that connect when first used.
    pub fn new(options: Options) -> Result<ViewExecutor, String> {
        let pools = Pools::new(&options)?;
        Ok(ViewExecutor { pools, options })
    }

    /// Runs a statement for a caller. Rows can be read as soon as PostgreSQL has accepted it.
    pub async fn run(&self, statement: Arc<Statement>, parameters: Vec<Param>, caller: &Caller) -> Result<Outcome> {
        let deadline = Instant::now() + self.options.database.statement_timeout;
        match self.attempt(&statement, &parameters, caller, deadline).await {
            // The connection had died while it lay in the pool: nothing has run, take another.
            Err(error) if error.lost_connection && Instant::now() < deadline => {
                self.attempt(&statement, &parameters, caller, deadline).await
            }
            result => result,
        }
    }

    async fn attempt(
        &self,
        statement: &Arc<Statement>,
        parameters: &[Param],
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Outcome> {
        let pooled = self.pools.get().await?;
        let rows =
            match tokio::time::timeout_at(deadline.into(), self.start(pooled, statement, parameters, caller)).await {
                Ok(rows) => rows?,
                Err(_) => return Err(timeout(self.options.database.statement_timeout)),
            };
        Ok(Outcome {
            statement: statement.clone(),
            rows: rows.until(deadline, self.options.database.statement_timeout),
        })
    }

    async fn start(
        &self,
        pooled: Pooled,
        statement: &Arc<Statement>,
        parameters: &[Param],
        caller: &Caller,
    ) -> Result<Rows> {
        let mut running = Running::on(pooled);
        if !self.options.session.is_empty() {
            return session::start(running, statement, parameters, &self.options.session, caller).await;
        }
        let rows = if self.options.database.prepared_statements {
            let prepared = running.prepare(statement).await?;
            running.client().query_raw(&prepared, parameters).await
        } else {
            let typed = parameters.iter().map(|parameter| (parameter, parameter.pg_type()));
            running.client().query_typed_raw(statement.text(), typed).await
        };
        match rows {
            Ok(stream) => Ok(Rows::new(stream, running, None)),
            Err(error) => Err(running.failed(statement, error)),
        }
    }

    /// A round trip, to know whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        let running = Running::on(self.pools.get().await?);
        let answer = running.client().simple_query("").await;
        running.done();
        answer.map(drop).map_err(sqlstate::error)
    }

    pub async fn inspect(&self, wanted: &Wanted) -> Result<Found> {
        let running = Running::on(self.pools.get().await?);
        let found = inspect::read(running.client(), wanted).await;
        running.done();
        found.map_err(sqlstate::error)
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
