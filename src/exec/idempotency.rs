//! Answers that are kept under the client's `Idempotency-Key`, in PostgreSQL.
//!
//! Keys are claimed, the function called and the answers kept in one transaction, so that all of it happened
//! or nothing did, on whichever replica. A second request with a key waits for the first one's end.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::called::Called;
use super::change::{Change, Part, Together};
use super::row::Row;
use super::transaction::{Loss, Transaction};
use super::{Outcome, ViewExecutor, sqlstate};
use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::{Once, OnceKey};
use crate::sql::{Batch, Param};
use futures_util::FutureExt;
use tokio_postgres::Client;

/// The table, made at start-up when the role may. The lock keeps replicas from doing so at the same time.
const TABLE: &str = "\
    CREATE SCHEMA IF NOT EXISTS fraiseql;\n\
    CREATE TABLE IF NOT EXISTS fraiseql.idempotency (\n    \
        scope text NOT NULL, key text NOT NULL, digest text NOT NULL,\n    \
        status int8, headers text, body text, kept_at timestamptz NOT NULL DEFAULT now(),\n    \
        PRIMARY KEY (scope, key));\n\
    CREATE INDEX IF NOT EXISTS idempotency_kept_at ON fraiseql.idempotency (kept_at);";
/// The header, as errors name it.
const KEY: &str = "Idempotency-Key";
const LOCK: &str = "SELECT pg_advisory_xact_lock(7235410906)";
const IS_USABLE: &str = "\
    SELECT coalesce((SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'fraiseql' AND c.relname = 'idempotency'), false)";

/// Claims the keys that are new or have expired, and clears away a few of those that have. In the order in which
/// they are sent, so that two requests with the same keys wait for each other and not in a ring.
const CLAIM: &str = "\
    WITH expired AS (DELETE FROM fraiseql.idempotency WHERE ctid = ANY (ARRAY(\
    SELECT ctid FROM fraiseql.idempotency WHERE kept_at < now() - make_interval(secs => $4::float8) \
    AND NOT (scope = $1::text AND key = ANY ($2::text[])) LIMIT 10 FOR UPDATE SKIP LOCKED))) \
    INSERT INTO fraiseql.idempotency AS known (scope, key, digest) \
    SELECT $1::text, k.key, k.digest FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k(key, digest, n) ORDER BY k.n \
    ON CONFLICT (scope, key) DO UPDATE SET digest = excluded.digest, status = NULL, headers = NULL, body = NULL, kept_at = now() \
    WHERE known.kept_at < now() - make_interval(secs => $4::float8) RETURNING key";
const FIND: &str = "\
    SELECT key, digest, status, headers, body FROM fraiseql.idempotency WHERE scope = $1::text AND key = ANY ($2::text[])";
/// Only what this transaction has claimed has no answer.
const KEEP: &str = "\
    UPDATE fraiseql.idempotency AS known SET status = k.status, headers = k.headers, body = k.body \
    FROM unnest($2::text[], $3::int8[], $4::text[], $5::text[]) AS k(key, status, headers, body) \
    WHERE known.scope = $1::text AND known.key = k.key AND known.status IS NULL";

/// An answer as it was given the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub status: u16,
    /// In whichever form the wire keeps them.
    pub headers: String,
    pub body: String,
}

/// A transaction that waits for its answers. Dropped without them, it is rolled back.
pub struct Pending {
    transaction: Transaction,
    scope: String,
}

/// Whether keys can be kept, and what to do where they cannot.
pub(super) type Usable = OnceLock<Result<(), String>>;

// === impl ViewExecutor ===

impl ViewExecutor {
    /// Makes the table of kept answers, unless it is there.
    pub async fn make_own_tables(&self) -> Result<()> {
        let usable = make(&*self.pools.control().await?).await.map_err(sqlstate::error)?;
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

    /// Runs calls under keys: their outcome waits for its answers, or holds those that were kept.
    pub(super) async fn change_once(
        &self,
        batches: &[Batch],
        together: Together,
        once: &Once,
        caller: &Caller,
    ) -> Result<Outcome> {
        if let Some(Err(reason)) = self.usable.get() {
            return Err(Error::new(Stage::Execute, Code::Unimplemented, reason.clone()).at(KEY));
        }
        if once.keys.len() == 1 {
            let all: Vec<Part<'_>> = batches.iter().map(|batch| (batch, 0..batch.len())).collect();
            let mut outcome = self.patiently(|| self.attempt_once(&all, together, once, caller).boxed()).await?;
            // What belongs to another request is no answer.
            return match outcome.changes.pop_if(|change| outcome.pending.is_none() && change.is_err()) {
                Some(Err(error)) => Err(error),
                Some(Ok(_)) | None => Ok(outcome),
            };
        }
        // As many of the first as go together.
        let Some(batch) = batches.iter().find(|batch| !batch.is_empty()) else {
            return Outcome::of_calls(batches.first(), Vec::new());
        };
        let mut count = batch.len();
        loop {
            let part = [(batch, 0..count)];
            let keys = once.keys.iter().take(count).cloned().collect();
            let some = Once { scope: once.scope.clone(), keys, ttl_secs: once.ttl_secs };
            match self.patiently(|| self.attempt_once(&part, together, &some, caller).boxed()).await {
                Err(error) if error.stale || !error.is_of_one() => return Err(error),
                Err(error) if count == 1 => return Outcome::of_calls(Some(batch), vec![Called::failed(error)]),
                Err(_) => count /= 2,
                Ok(outcome) => return Ok(outcome),
            }
        }
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
        let scope = || Param::Text(once.scope.clone());
        let column =
            |of: fn(&OnceKey) -> &String| Param::Texts(once.keys.iter().map(|key| Some(of(key).clone())).collect());
        let claim =
            vec![scope(), column(|key| &key.name), column(|key| &key.digest), Param::Float8(once.ttl_secs as f64)];
        let name = |row: &Row| row.text(0).map(str::to_owned);
        let claimed: HashSet<String> = transaction.ask(CLAIM, claim).await?.iter().filter_map(name).collect();
        let mut kept: Vec<Option<Result<Change>>> = once.keys.iter().map(|_| None).collect();
        if claimed.len() < once.keys.len() {
            let found = transaction.ask(FIND, vec![scope(), column(|key| &key.name)]).await?;
            let found: HashMap<&str, &Row> = found.iter().filter_map(|row| Some((row.text(0)?, row))).collect();
            for (key, kept) in once.keys.iter().zip(&mut kept).filter(|(key, _)| !claimed.contains(&key.name)) {
                match answered(found.get(key.name.as_str()), key) {
                    Ok(change) => *kept = Some(change),
                    Err(error) => {
                        transaction.end("ROLLBACK", Loss::Nothing).await?;
                        return Err(error);
                    }
                }
            }
        }
        let first = parts.first().map(|(batch, _)| *batch);
        if claimed.is_empty() {
            transaction.end("ROLLBACK", Loss::Nothing).await?;
            let outcome = Outcome::of_calls(first, Vec::new())?;
            return Ok(Outcome { changes: kept.into_iter().flatten().collect(), ..outcome });
        }
        let called = match first.filter(|_| claimed.len() < once.keys.len()) {
            None => transaction.run(parts, together).await?,
            Some(batch) => {
                let open: Vec<usize> =
                    (0..kept.len()).filter(|at| kept.get(*at).is_some_and(Option::is_none)).collect();
                let open = batch.only(&open);
                transaction.run(&[(&open, 0..open.len())], together).await?
            }
        };
        let mut outcome = Outcome::of_calls(first, called)?;
        if claimed.len() < once.keys.len() {
            let mut made = std::mem::take(&mut outcome.changes).into_iter();
            outcome.changes = kept.into_iter().filter_map(|kept| kept.or_else(|| made.next())).collect();
        }
        Ok(Outcome { pending: Some(Pending { transaction, scope: once.scope.clone() }), ..outcome })
    }
}

async fn make(client: &Client) -> Result<bool, tokio_postgres::Error> {
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

/// The answer that was kept for the same request, or the refusal of another one.
fn answered(row: Option<&&Row>, key: &OnceKey) -> Result<Result<Change>> {
    let again = || {
        let message = "a request with the same key has just ended without an answer; try again";
        let error = Error::new(Stage::Execute, Code::Conflict, message).at(KEY);
        Error { collided: true, ..error }
    };
    let row = row.ok_or_else(again)?;
    if row.text(1) != Some(key.digest.as_str()) {
        let message = "this Idempotency-Key belongs to another request; use a new one";
        return Ok(Err(Error::new(Stage::Execute, Code::ValidationFailed, message).at(KEY)));
    }
    let status = row.int8(2).and_then(|status| u16::try_from(status).ok()).ok_or_else(again)?;
    let text = |at: usize| row.text(at).unwrap_or_default().to_owned();
    let kept = Kept { status, headers: text(3), body: text(4) };
    Ok(Ok(Change { id: None, changed: false, rows: 0, failure: None, kept: Some(kept) }))
}

// === impl Pending ===

impl Pending {
    /// Keeps answers by their keys, and commits what led to them. Those of other requests stay as they are.
    pub async fn keep(self, answers: Vec<(String, Kept)>) -> Result<()> {
        let (mut names, mut statuses) = (Vec::with_capacity(answers.len()), Vec::with_capacity(answers.len()));
        let (mut headers, mut bodies) = (Vec::with_capacity(answers.len()), Vec::with_capacity(answers.len()));
        for (name, kept) in answers {
            names.push(Some(name));
            statuses.push(Some(kept.status.into()));
            headers.push(Some(kept.headers));
            bodies.push(Some(kept.body));
        }
        let columns = [Param::Texts(names), Param::Int8s(statuses), Param::Texts(headers), Param::Texts(bodies)];
        self.transaction.finish(KEEP, std::iter::once(Param::Text(self.scope)).chain(columns).collect()).await
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("scope", &self.scope).finish_non_exhaustive()
    }
}
