//! The door: every wire, batch, stream and entity asks [`Engine::answer`].
//!
//! Statements are cached by what chose them: the form, the structure of the arguments, and which of
//! the schema's grants the caller holds. Values choose nothing, so a repeat costs a look-up.

use std::sync::Arc;

use arc_swap::ArcSwap;
use moka::Equivalent;
use moka::sync::Cache;
use tracing::Instrument;

use crate::auth::Caller;
use crate::error::Result;
use crate::exec::{Outcome, ViewExecutor};
use crate::intent::{Arguments, Intent};
use crate::plan::guard::{Held, held};
use crate::plan::{Limits, plan};
use crate::schema::Schema;
use crate::schema::bind::bind;
use crate::sql::{Statement, write};

/// Bytes of written statements that are kept, about; those that are asked least go first.
const STATEMENTS_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What a kept statement takes besides its text, and what each of its fields takes.
const STATEMENT_BYTES: usize = 1024;
const FIELD_BYTES: usize = 256;

/// Answers intents over one schema and one database.
pub struct Engine {
    bound: ArcSwap<Bound>,
    executor: Arc<ViewExecutor>,
    limits: Limits,
}

/// A schema and the statements that were planned for it; both go together when the database changes.
struct Bound {
    schema: Arc<Schema>,
    statements: Cache<StatementKey, Kept, ahash::RandomState>,
}

#[derive(Clone)]
struct Kept {
    statement: Arc<Statement>,
    weight: u32,
}

/// What chooses a statement.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StatementKey {
    form: u64,
    arguments: Vec<Arguments>,
    held: Held,
}

/// The same, borrowed from an intent.
#[derive(Hash)]
struct StatementKeyRef<'a> {
    form: u64,
    arguments: &'a [Arguments],
    held: &'a Held,
}

impl Equivalent<StatementKey> for StatementKeyRef<'_> {
    fn equivalent(&self, key: &StatementKey) -> bool {
        self.form == key.form && *self.arguments == *key.arguments && *self.held == key.held
    }
}

// === impl Engine ===

impl Engine {
    pub fn new(schema: Arc<Schema>, executor: Arc<ViewExecutor>, limits: Limits) -> Engine {
        Engine { bound: ArcSwap::from_pointee(Bound::new(schema)), executor, limits }
    }

    pub fn schema(&self) -> Arc<Schema> {
        self.bound.load().schema.clone()
    }

    pub fn executor(&self) -> &Arc<ViewExecutor> {
        &self.executor
    }

    /// The only way from an intent to an outcome.
    ///
    /// When PostgreSQL says that the statement no longer fits its relations, the catalog is read
    /// again and the intent is planned anew, once.
    pub async fn answer(&self, caller: &Caller, intent: Intent) -> Result<Outcome> {
        match self.attempt(caller, &intent).await {
            Err(error) if error.stale => {
                self.rebind().await?;
                self.attempt(caller, &intent).await
            }
            result => result,
        }
    }

    async fn attempt(&self, caller: &Caller, intent: &Intent) -> Result<Outcome> {
        let statement = self.statement(caller, intent)?;
        let Intent::Read(read) = intent;
        let parameters = if statement.claims().is_empty() {
            statement.parameters(&read.values)?
        } else {
            statement.parameters(&statement.with_claims(read.values.clone(), |name| caller.claim(name)))?
        };
        self.executor.run(statement, parameters, caller).instrument(tracing::debug_span!("execute")).await
    }

    /// The statement of an intent, for this caller: from the cache, or planned and written.
    pub fn statement(&self, caller: &Caller, intent: &Intent) -> Result<Arc<Statement>> {
        let bound = self.bound.load();
        let Intent::Read(read) = intent;
        let held = held(&bound.schema, caller);
        let key = StatementKeyRef { form: read.form.id, arguments: &read.arguments, held: &held };
        if let Some(kept) = bound.statements.get(&key) {
            return Ok(kept.statement);
        }
        let plan = tracing::debug_span!("plan").in_scope(|| plan(&bound.schema, caller, self.limits, intent))?;
        let statement = Arc::new(tracing::debug_span!("write").in_scope(|| write(plan)));
        let key = StatementKey { form: read.form.id, arguments: read.arguments.clone(), held };
        // The structure of the arguments takes about as much as the text that it becomes.
        let bytes = STATEMENT_BYTES + 2 * statement.text().len() + FIELD_BYTES * read.form.selection.field_count();
        let kept = Kept { statement: statement.clone(), weight: u32::try_from(bytes).unwrap_or(u32::MAX) };
        bound.statements.insert(key, kept);
        Ok(statement)
    }

    /// Reads the catalog again and plans everything anew from then on.
    pub async fn rebind(&self) -> Result<()> {
        let schema = self.schema();
        let found = self.executor.inspect(&schema.wanted()).await?;
        match bind(schema.model().clone(), found) {
            Ok(schema) => {
                self.bound.store(Arc::new(Bound::new(Arc::new(schema))));
                Ok(())
            }
            Err(problems) => {
                let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
                Err(crate::error::Error::new(
                    crate::error::Stage::Plan,
                    crate::error::Code::Internal,
                    "the schema and the database differ",
                )
                .because(text.join("; ")))
            }
        }
    }
}

impl Bound {
    fn new(schema: Arc<Schema>) -> Bound {
        let statements = Cache::builder()
            .max_capacity(STATEMENTS_BYTES_MAX)
            .weigher(|_, kept: &Kept| kept.weight)
            .build_with_hasher(ahash::RandomState::new());
        Bound { schema, statements }
    }
}
