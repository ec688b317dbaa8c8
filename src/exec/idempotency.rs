//! Answers that are kept under the client's `Idempotency-Key`, in PostgreSQL.
//!
//! A key is claimed, the function called and the answer kept in one transaction, so that all of it happened
//! or nothing did, on whichever replica. A second request with the key waits for the first one's end.

use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use tokio_postgres::Row;

use super::change::{Part, Together};
use super::pool::Running;
use super::rows::Rows;
use super::transaction::{Loss, Transaction};
use super::{Outcome, ViewExecutor, sqlstate};
use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::Once;
use crate::sql::{Batch, Param, Statement};

/// The table, made at start-up when the role may. The lock keeps replicas from doing so at the same time.
const TABLE: &str = "\
    CREATE SCHEMA IF NOT EXISTS fraiseql;\n\
    CREATE TABLE IF NOT EXISTS fraiseql.idempotency (\n    \
        scope text NOT NULL, key text NOT NULL, digest text NOT NULL,\n    \
        status int8, headers text, body text, kept_at timestamptz NOT NULL DEFAULT now(),\n    \
        PRIMARY KEY (scope, key));\n\
    CREATE INDEX IF NOT EXISTS idempotency_kept_at ON fraiseql.idempotency (kept_at);";
const LOCK: &str = "SELECT pg_advisory_xact_lock(7235410906)";
const IS_USABLE: &str = "\
    SELECT coalesce((SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'fraiseql' AND c.relname = 'idempotency'), false)";

/// Claims a key that is new or has expired, and clears away a few of those that have.
const CLAIM: &str = "\
    WITH expired AS (DELETE FROM fraiseql.idempotency WHERE ctid = ANY (ARRAY(\
    SELECT ctid FROM fraiseql.idempotency WHERE kept_at < now() - make_interval(secs => $4::float8) \
    AND NOT (scope = $1::text AND key = $2::text) LIMIT 10 FOR UPDATE SKIP LOCKED))) \
    INSERT INTO fraiseql.idempotency AS known (scope, key, digest) VALUES ($1::text, $2::text, $3::text) \
    ON CONFLICT (scope, key) DO UPDATE SET digest = excluded.digest, status = NULL, headers = NULL, body = NULL, kept_at = now() \
    WHERE known.kept_at < now() - make_interval(secs => $4::float8) RETURNING true";
const FIND: &str = "\
    SELECT digest, status, headers, body FROM fraiseql.idempotency WHERE scope = $1::text AND key = $2::text";
const KEEP: &str = "\
    UPDATE fraiseql.idempotency SET status = $3::int8, headers = $4::text, body = $5::text \
    WHERE scope = $1::text AND key = $2::text";

/// An answer as it was given the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub status: u16,
    /// In whichever form the wire keeps them.
    pub headers: String,
    pub body: String,
}

/// A transaction that waits for its answer. Dropped without one, it is rolled back.
pub struct Pending {
    transaction: Transaction,
    once: Once,
}

/// Whether keys can be kept, and what to do where they cannot.
pub(super) type Usable = OnceLock<Result<(), String>>;

// === impl ViewExecutor ===

impl ViewExecutor {
    /// Makes the table of kept answers, unless it is there.
    pub async fn make_own_tables(&self) -> Result<()> {
        let running = Running::on(self.pools.get().await?);
        let made = make(&running).await;
        running.done();
        let usable = made.map_err(sqlstate::error)?;
        let reason = format!(
            "answers cannot be kept under a key: the database role may not use the table for them; run as its owner\n{TABLE}\n\
             GRANT USAGE ON SCHEMA fraiseql TO <role>; GRANT SELECT, INSERT, UPDATE, DELETE ON fraiseql.idempotency TO <role>;"
        );
        if !usable {
            tracing::warn!("requests with an Idempotency-Key are refused: {reason}");
        }
        let _ = self.usable.set(if usable { Ok(()) } else { Err(reason) });
        Ok(())
    }

    /// Runs calls under a key: their outcome waits for its answer, or is the answer that was kept.
    pub(super) async fn change_once(
        &self,
        batches: &[Batch],
        together: Together,
        once: &Once,
        caller: &Caller,
    ) -> Result<Outcome> {
        if let Some(Err(reason)) = self.usable.get() {
            return Err(Error::new(Stage::Execute, Code::Unimplemented, reason.clone()).at("Idempotency-Key"));
        }
        let parts: Vec<Part<'_>> = batches.iter().map(|batch| (batch, 0..batch.len())).collect();
        self.patiently(|| self.attempt_once(&parts, together, once, caller).boxed()).await
    }

    async fn attempt_once(
        &self,
        parts: &[Part<'_>],
        together: Together,
        once: &Once,
        caller: &Caller,
    ) -> Result<Outcome> {
        let own = [CLAIM, FIND, KEEP];
        let mut transaction = match Transaction::prepare(self, parts, true, &own, caller).await {
            Err(error) if error.lost_connection => Transaction::prepare(self, parts, true, &own, caller).await?,
            result => result?,
        };
        let text = |text: &str| Param::Text(text.to_owned());
        let names = [text(&once.scope), text(&once.key)];
        let claim = [&names[..], &[text(&once.digest), Param::Float8(once.ttl_secs as f64)]].concat();
        if transaction.ask(CLAIM, claim).await?.is_empty() {
            let found = transaction.ask(FIND, names.to_vec()).await?;
            transaction.end("ROLLBACK", Loss::Nothing).await?;
            let statement = parts.first().map(|(batch, _)| batch.statement.clone());
            return kept(statement, found.first(), once);
        }
        let called = transaction.run(parts, together).await?;
        let pending = Pending { transaction, once: once.clone() };
        let outcome = Outcome::of_calls(parts.first().map(|(batch, _)| *batch), called)?;
        Ok(Outcome { pending: Some(pending), ..outcome })
    }
}

async fn make(running: &Running) -> Result<bool, tokio_postgres::Error> {
    let client = running.client();
    let is_usable =
        async || client.query_typed(IS_USABLE, &[]).await.map(|rows| rows.iter().any(|row| row.get::<_, bool>(0)));
    if is_usable().await? {
        return Ok(true);
    }
    let made = client.batch_execute(&format!("BEGIN; {LOCK}; {TABLE} COMMIT")).await;
    if made.is_err() {
        client.batch_execute("ROLLBACK").await?;
    }
    is_usable().await
}

/// The answer that was kept for the same request.
fn kept(statement: Option<Arc<Statement>>, row: Option<&Row>, once: &Once) -> Result<Outcome> {
    let again = || {
        let message = "a request with the same key has just ended without an answer; try again";
        let error = Error::new(Stage::Execute, Code::Conflict, message).at("Idempotency-Key");
        Error { collided: true, ..error }
    };
    let row = row.ok_or_else(again)?;
    if row.get::<_, String>(0) != once.digest {
        let message = "this Idempotency-Key belongs to another request; use a new one";
        return Err(Error::new(Stage::Execute, Code::ValidationFailed, message).at("Idempotency-Key"));
    }
    let status: Option<i64> = row.get(1);
    let status = status.and_then(|status| u16::try_from(status).ok()).ok_or_else(again)?;
    let text = |at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
    let kept = Kept { status, headers: text(2), body: text(3) };
    let statement = statement.ok_or_else(again)?;
    Ok(Outcome { statement, rows: Rows::kept(Vec::new()), changes: Vec::new(), pending: None, kept: Some(kept) })
}

// === impl Pending ===

impl Pending {
    /// Keeps the answer and commits what led to it.
    pub async fn keep(self, status: u16, headers: String, body: String) -> Result<()> {
        let once = self.once;
        let parameters = vec![
            Param::Text(once.scope),
            Param::Text(once.key),
            Param::Int8(status.into()),
            Param::Text(headers),
            Param::Text(body),
        ];
        self.transaction.finish(KEEP, parameters).await
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("once", &self.once).finish_non_exhaustive()
    }
}
