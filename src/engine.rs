//! The door: every wire, batch, stream and entity asks [`Engine::answer`].
//!
//! Statements are cached by what chose them: the form, the structure of the arguments, and which of
//! the schema's grants the caller holds. Values choose nothing, so a repeat costs a look-up.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use moka::Equivalent;
use moka::sync::Cache;
use tracing::Instrument;

use crate::admission::Admission;
use crate::auth::Caller;
use crate::breaker::Breakers;
use crate::error::{Code, Error, Result, Stage};
use crate::exec::{Together, ViewExecutor};
use crate::intent::mutation::{Given, Input, given};
use crate::intent::{Arguments, Form, Intent, Mutate};
use crate::plan::guard::{Held, claim, held};
use crate::plan::visible::visible;
use crate::plan::{Limits, plan};
use crate::recent::Recent;
use crate::schema::Schema;
use crate::schema::bind::bind;
use crate::sql::{Batch, Statement, write};

/// What a transport gets back, and how fast it will read it; it knows nothing else of `exec`.
pub use crate::exec::{Change, Kept as KeptAnswer, Outcome, Pace, Pending, Rows};

/// Bytes of written statements that are kept, about; those that are asked least go first.
const STATEMENTS_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Statements that take more are not held in front of the cache as well.
const RECENT_BYTES_MAX: u32 = 16 * 1024;
/// What a kept statement takes besides its text, and what each of its fields takes.
const STATEMENT_BYTES: usize = 1024;
const FIELD_BYTES: usize = 256;

/// Parts of a schema that are kept for `[auth] hide_forbidden`.
const PARTS_MAX: u64 = 64;

/// How often one request reads the catalog again before it gives up on a database that keeps changing.
pub const REBINDS_MAX: usize = 3;

/// Answers intents over one schema and one database.
pub struct Engine {
    bound: ArcSwap<Bound>,
    executor: Arc<ViewExecutor>,
    limits: Limits,
    /// Callers see only the part of the schema that they may use.
    hides: bool,
    /// Held while the catalog is read again, so that many requests that find a change read it once.
    rebinding: tokio::sync::Mutex<()>,
    /// Those of the entity layer.
    breakers: Breakers,
    entity_timeout: Duration,
    admission: Admission,
}

/// Which binding of the schema a request has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

/// A schema and the statements that were planned for it; both go together when the database changes.
struct Bound {
    generation: Generation,
    schema: Arc<Schema>,
    statements: Recent<StatementKey, Kept>,
    /// Parts of the schema, by the grants of those who may use them.
    parts: Cache<Held, Arc<Schema>, ahash::RandomState>,
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
    call: Option<CallKey>,
}

/// What chooses the statement of a mutation besides: which parameters are given, and whether it is called once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CallKey {
    given: Given,
    is_batch: bool,
}

/// The same, borrowed from an intent.
#[derive(Hash)]
struct StatementKeyRef<'a> {
    form: u64,
    arguments: &'a [Arguments],
    held: &'a Held,
    call: Option<CallKey>,
}

impl StatementKeyRef<'_> {
    fn owned(&self) -> StatementKey {
        StatementKey { form: self.form, arguments: self.arguments.to_vec(), held: self.held.clone(), call: self.call }
    }
}

impl Equivalent<StatementKey> for StatementKeyRef<'_> {
    fn equivalent(&self, key: &StatementKey) -> bool {
        self.form == key.form && *self.arguments == *key.arguments && *self.held == key.held && self.call == key.call
    }
}

// === impl Engine ===

impl Engine {
    pub fn new(schema: Arc<Schema>, executor: Arc<ViewExecutor>, limits: Limits) -> Engine {
        let bound = ArcSwap::from_pointee(Bound::new(Generation(0), schema));
        let (breakers, entity_timeout) = (Breakers::default(), Duration::MAX);
        let rebinding = tokio::sync::Mutex::new(());
        Engine {
            bound,
            executor,
            limits,
            hides: false,
            rebinding,
            breakers,
            entity_timeout,
            admission: Admission::default(),
        }
    }

    /// Guards the entity layer, which waits no longer than this for the rows of one entity: what takes
    /// longer has failed, and whoever guards it has to hear of that.
    pub fn guarded_by(mut self, breakers: Breakers, entity_timeout: Duration) -> Engine {
        self.breakers = breakers;
        self.entity_timeout = entity_timeout;
        self
    }

    /// Lets in only so many requests at the same time; without this, all of them.
    pub fn admitting(mut self, admission: Admission) -> Engine {
        self.admission = admission;
        self
    }

    pub fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    pub fn entity_timeout(&self) -> Duration {
        self.entity_timeout
    }

    /// Shows every caller only what he may use.
    pub fn hiding(mut self, hides: bool) -> Engine {
        self.hides = hides;
        self
    }

    pub fn schema(&self) -> Arc<Schema> {
        self.bound.load().schema.clone()
    }

    /// What a caller may know of the schema: what wires decode requests by.
    pub fn schema_for(&self, caller: &Caller) -> Arc<Schema> {
        let bound = self.bound.load();
        if !self.hides {
            return bound.schema.clone();
        }
        bound.parts.get_with(held(&bound.schema, caller), || Arc::new(visible(&bound.schema, caller)))
    }

    /// The current binding, to be named to [`Engine::recover`] when its answers turn out stale.
    pub fn generation(&self) -> Generation {
        self.bound.load().generation
    }

    /// How many requests are answered at the same time. A wire asks for a place when it has a whole request, before
    /// it asks for the first answer.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    pub fn executor(&self) -> &Arc<ViewExecutor> {
        &self.executor
    }

    /// The only way from an intent to an outcome.
    ///
    /// When PostgreSQL says that the statement no longer fits its relations, the catalog is read
    /// again and the intent is planned anew; a few times, since the next change may come meanwhile.
    pub async fn answer(&self, caller: &Caller, intent: &Intent, pace: Pace) -> Result<Outcome> {
        let mut tries = REBINDS_MAX;
        loop {
            let seen = self.generation();
            match self.attempt(caller, intent, pace).await {
                Err(error) if error.stale && tries > 0 => Box::pin(self.rebind(seen)).await?,
                result => return result,
            }
            tries -= 1;
        }
    }

    async fn attempt(&self, caller: &Caller, intent: &Intent, pace: Pace) -> Result<Outcome> {
        let read = match intent {
            Intent::Read(read) => read,
            Intent::Mutate(mutate) => {
                caller.read_primary();
                return Box::pin(self.mutate(caller, mutate)).await;
            }
        };
        let statement = self.statement(caller, intent)?;
        let parameters = if statement.claims().is_empty() {
            statement.parameters(&read.values)?
        } else {
            statement.parameters(&statement.with_claims(read.values.clone(), |name| claim(caller, name))?)?
        };
        let (_timed, span) = (caller.observer().time(Stage::Execute), self.execute_span(&statement, read.form.name()));
        // Pinned where it is: to be instrumented it would be moved otherwise, and it is large.
        let running = pin!(self.executor.run(statement, parameters, caller, pace));
        let mut outcome = running.instrument(span.clone()).await.inspect_err(|error| tell(&span, error))?;
        outcome.rows.counted_by(caller.observer());
        Ok(outcome)
    }

    /// Runs the calls of a mutation: those next to each other that give the same parameters as one statement.
    async fn mutate(&self, caller: &Caller, mutate: &Mutate) -> Result<Outcome> {
        let is_apart = mutate.calls.len() > 1;
        let (mut batches, mut refused) = (Vec::new(), Vec::with_capacity(mutate.calls.len()));
        for calls in self.alike(mutate) {
            let statement = self.statement_of(caller, mutate, calls)?;
            let mut inputs = Cow::Borrowed(calls);
            for (name, claimed) in statement.call().map(|call| call.injected.as_slice()).unwrap_or_default() {
                let value = serde_json::Value::String(claim(caller, claimed)?);
                inputs.to_mut().iter_mut().for_each(|input| drop(input.insert(name.clone(), value.clone())));
            }
            let (batch, results) = Batch::new(statement, mutate.values.clone(), &inputs)?;
            batches.push(batch);
            refused.extend(results);
        }
        let together = Together { atomic: mutate.atomic, dry_run: mutate.dry_run };
        if !is_apart || together.atomic {
            refused = refused.into_iter().collect::<Result<Vec<()>>>()?.into_iter().map(Ok).collect();
        }
        let timed = caller.observer().time(Stage::Execute);
        let span = batches.first().map(|batch| self.execute_span(&batch.statement, mutate.form.name()));
        let span = span.unwrap_or_else(tracing::Span::none);
        let once = mutate.once.as_ref().map(|once| once.of(&refused));
        let change = pin!(self.executor.change(&batches, together, once.as_ref(), caller));
        let mut outcome = change.instrument(span.clone()).await.inspect_err(|error| tell(&span, error))?;
        drop(timed);
        outcome.rows.counted_by(caller.observer());
        let mut changes = std::mem::take(&mut outcome.changes).into_iter();
        outcome.changes = refused
            .into_iter()
            .map_while(|result| match result {
                Ok(()) => changes.next(),
                Err(error) => Some(Err(error)),
            })
            .collect();
        Ok(outcome)
    }

    /// The calls of a mutation in runs that one statement serves.
    fn alike<'m>(&self, mutate: &'m Mutate) -> Vec<&'m [Input]> {
        let schema = self.schema();
        match schema.call(mutate.form.name()) {
            Some(call) => mutate.calls.chunk_by(|one, other| given(call, one) == given(call, other)).collect(),
            None => vec![mutate.calls.as_slice()],
        }
    }

    /// The statement of an intent, for this caller: from the cache, or planned and written.
    pub fn statement(&self, caller: &Caller, intent: &Intent) -> Result<Arc<Statement>> {
        match intent {
            Intent::Read(read) => {
                self.chosen(caller, (&read.form, &read.arguments), |_| None, || Cow::Borrowed(intent))
            }
            Intent::Mutate(mutate) => self.statement_of(caller, mutate, &mutate.calls),
        }
    }

    /// The statement of those calls of a mutation that give the same parameters.
    fn statement_of(&self, caller: &Caller, mutate: &Mutate, calls: &[Input]) -> Result<Arc<Statement>> {
        let call = |schema: &Schema| {
            let first = schema.call(mutate.form.name()).zip(calls.first());
            let given = first.map(|(call, input)| given(call, input)).unwrap_or_default();
            Some(CallKey { given, is_batch: mutate.is_batch })
        };
        let intent = || Cow::Owned(Intent::Mutate(mutate.part(calls)));
        self.chosen(caller, (&mutate.form, &mutate.arguments), call, intent)
    }

    /// The statement that a form, the structure of its arguments and a call choose; only one that is not known yet
    /// needs the intent.
    fn chosen<'i>(
        &self,
        caller: &Caller,
        (form, arguments): (&Form, &Vec<Arguments>),
        call: impl FnOnce(&Schema) -> Option<CallKey>,
        intent: impl FnOnce() -> Cow<'i, Intent>,
    ) -> Result<Arc<Statement>> {
        let bound = self.bound.load();
        let held = held(&bound.schema, caller);
        let call = call(&bound.schema);
        let key = StatementKeyRef { form: form.id, arguments, held: &held, call };
        let observer = caller.observer();
        let is_small = |kept: &Kept| kept.weight <= RECENT_BYTES_MAX;
        let kept = bound.statements.get(&key, |key, kept| is_small(kept).then(|| key.owned()));
        observer.planned(kept.is_some());
        if let Some(kept) = kept {
            return Ok(kept.statement);
        }
        let plan = {
            let (_timed, _span) = (observer.time(Stage::Plan), tracing::debug_span!("plan").entered());
            plan(&bound.schema, caller, self.limits, &intent())?
        };
        let statement = {
            let (_timed, _span) = (observer.time(Stage::Write), tracing::debug_span!("write").entered());
            Arc::new(write(plan))
        };
        let key = key.owned();
        // The structure of the arguments takes about as much as the text that it becomes.
        let bytes = STATEMENT_BYTES + 2 * statement.text().len() + FIELD_BYTES * form.selection.field_count();
        let kept = Kept { statement: statement.clone(), weight: u32::try_from(bytes).unwrap_or(u32::MAX) };
        bound.statements.insert(key, kept);
        Ok(statement)
    }

    /// Makes a second try worth it, after an error that [can be asked again](Error::can_be_asked_again).
    pub async fn recover(&self, caller: &Caller, seen: Generation, error: &Error) -> Result<()> {
        if error.on_replica {
            caller.read_primary();
        }
        if error.stale { self.rebind(seen).await } else { Ok(()) }
    }

    /// The span of a statement, as the semantic conventions for databases have it. The text holds no values.
    fn execute_span(&self, statement: &Statement, asked: &str) -> tracing::Span {
        const OPERATION: &str = "SELECT";
        tracing::debug_span!(
            "execute",
            otel.name = format_args!("{OPERATION} {asked}"),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            db.system.name = "postgresql",
            db.namespace = self.executor.database(),
            db.operation.name = OPERATION,
            db.query.text = statement.text(),
            error.type = tracing::field::Empty,
        )
    }

    /// Reads the catalog again and plans everything anew from then on, unless somebody has done so
    /// since the binding that was `seen`.
    async fn rebind(&self, seen: Generation) -> Result<()> {
        let _alone = self.rebinding.lock().await;
        if self.generation() != seen {
            return Ok(());
        }
        let schema = self.schema();
        // On the heap: it is rare, and whatever a request can become is moved with it.
        let found = Box::pin(self.executor.inspect(&schema.wanted())).await?;
        let bound = bind(schema.model().clone(), found).map_err(|problems| {
            let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Error::new(Stage::Plan, Code::Internal, "the schema and the database differ").because(text.join("; "))
        })?;
        // An error that only looks like a change must not cost every statement that was planned.
        if bound.catalog() == schema.catalog() {
            return Ok(());
        }
        tracing::info!("the database has changed; its catalog was read again");
        self.bound.store(Arc::new(Bound::new(Generation(seen.0 + 1), Arc::new(bound))));
        Ok(())
    }
}

/// Says on the span of a statement why it failed.
fn tell(span: &tracing::Span, error: &Error) {
    span.record("error.type", error.code.name()).record("otel.status_code", "ERROR");
}

impl Bound {
    fn new(generation: Generation, schema: Arc<Schema>) -> Bound {
        let statements = Cache::builder()
            .max_capacity(STATEMENTS_BYTES_MAX)
            .weigher(|_, kept: &Kept| kept.weight)
            .build_with_hasher(ahash::RandomState::new());
        let statements = Recent::of(statements);
        let parts = Cache::builder().max_capacity(PARTS_MAX).build_with_hasher(ahash::RandomState::new());
        Bound { generation, schema, statements, parts }
    }
}
