//! Session variables: set for one transaction, in the same round trip as the statement.
//!
//! BEGIN, the settings, the statement and COMMIT are sent one behind the other without waiting. With prepared
//! statements, all of them are prepared before the first is sent: a statement that had to be prepared in
//! between would let the others overtake it and run outside the transaction. Without, each is parsed and
//! run by one message, and nothing keeps a name on the server.

use std::future::{poll_fn, ready};
use std::task::Poll;

use futures_util::TryStreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use tokio_postgres::RowStream;
use tokio_postgres::types::Type;

use super::pool::Running;
use super::rows::Rows;
use super::sqlstate;
use crate::auth::Caller;
use crate::config::{SessionVariable, VariableSource};
use crate::error::Result;
use crate::sql::{Param, Statement};

pub(super) async fn start(
    running: Running,
    statement: &Statement,
    parameters: &[Param],
    settings: &Settings<'_>,
    caller: &Caller,
) -> Result<Rows> {
    let values: Vec<String> = settings.variables.iter().map(|variable| value(variable, caller)).collect();
    if settings.prepared {
        prepared(running, statement, parameters, settings, &values).await
    } else {
        unprepared(running, statement, parameters, settings, &values).await
    }
}

/// What is set, and how statements are sent.
pub(super) struct Settings<'a> {
    pub variables: &'a [SessionVariable],
    pub prepared: bool,
}

async fn prepared(
    mut running: Running,
    statement: &Statement,
    parameters: &[Param],
    settings: &Settings<'_>,
    values: &[String],
) -> Result<Rows> {
    let begin = running.prepare_text(BEGIN, &[]).await?;
    let set = running.prepare_text(&settings_text(settings.variables), &vec![Type::TEXT; values.len()]).await?;
    let query = running.prepare(statement).await?;
    let commit = running.prepare_text(COMMIT, &[]).await?;
    let client = running.shared();
    let ending = client.clone();
    let none = || std::iter::empty::<&str>();
    let group = Group {
        begin: async { client.execute_raw(&begin, none()).await.map(drop) }.boxed(),
        set: async { client.execute_raw(&set, values).await.map(drop) }.boxed(),
        query: client.query_raw(&query, parameters).boxed(),
        commit: async move { ending.execute_raw(&commit, std::iter::empty::<&str>()).await.map(drop) }.boxed(),
    };
    group.run(running).await
}

async fn unprepared(
    running: Running,
    statement: &Statement,
    parameters: &[Param],
    settings: &Settings<'_>,
    values: &[String],
) -> Result<Rows> {
    let client = running.shared();
    let ending = client.clone();
    let set = settings_text(settings.variables);
    let texts = values.iter().map(|value| (value, Type::TEXT));
    let typed = parameters.iter().map(|parameter| (parameter, parameter.pg_type()));
    let group = Group {
        begin: client.batch_execute(BEGIN).boxed(),
        set: async { client.query_typed_raw(&set, texts).await?.try_for_each(|_| ready(Ok(()))).await }.boxed(),
        query: client.query_typed_raw(statement.text(), typed).boxed(),
        commit: async move { ending.batch_execute(COMMIT).await }.boxed(),
    };
    group.run(running).await
}

const BEGIN: &str = "BEGIN READ ONLY";
const COMMIT: &str = "COMMIT";

type Answer<'a, T> = BoxFuture<'a, Result<T, tokio_postgres::Error>>;

/// Four statements whose first poll sends them.
struct Group<'a> {
    begin: Answer<'a, ()>,
    set: Answer<'a, ()>,
    query: Answer<'a, RowStream>,
    commit: Answer<'static, ()>,
}

impl Group<'_> {
    async fn run(self, running: Running) -> Result<Rows> {
        let Group { mut begin, mut set, mut query, mut commit } = self;
        // The first poll of each sends it; from then on only the answers are awaited, in order.
        let (mut begun, mut done, mut rows, mut committed) = (None, None, None, None);
        poll_fn(|context| {
            send(&mut begun, begin.as_mut().poll(context));
            send(&mut done, set.as_mut().poll(context));
            send(&mut rows, query.as_mut().poll(context));
            send(&mut committed, commit.as_mut().poll(context));
            Poll::Ready(())
        })
        .await;
        let begun = match begun {
            Some(result) => result,
            None => begin.await,
        };
        let set = match done {
            Some(result) => result,
            None => set.await,
        };
        let rows = match rows {
            Some(result) => result,
            None => query.await,
        };
        let commit = match committed {
            Some(result) => async move { result }.boxed(),
            None => commit,
        };
        let failed = match (begun, set, rows) {
            (Ok(()), Ok(()), Ok(stream)) => return Ok(Rows::new(stream, running, Some(commit))),
            (Err(error), _, _) | (Ok(()), Err(error), _) | (Ok(()), Ok(()), Err(error)) => error,
        };
        // COMMIT of a failed transaction rolls it back.
        match commit.await {
            Ok(()) => Err(running.failed(failed)),
            Err(_) => Err(sqlstate::error(failed)),
        }
    }
}

fn send<T>(slot: &mut Option<T>, poll: Poll<T>) {
    if let Poll::Ready(value) = poll {
        *slot = Some(value);
    }
}

fn settings_text(variables: &[SessionVariable]) -> String {
    let calls: Vec<String> = variables
        .iter()
        .enumerate()
        .map(|(i, variable)| format!("set_config('{}', ${}, true)", variable.name.replace('\'', "''"), i + 1))
        .collect();
    format!("SELECT {}", calls.join(", "))
}

/// Absent is the empty text, as the variable reads after a transaction that had set it.
fn value(variable: &SessionVariable, caller: &Caller) -> String {
    match &variable.source {
        VariableSource::Claim(claim) => caller.claim(claim).unwrap_or_default(),
        VariableSource::Header(header) => caller.headers.get(header).cloned().unwrap_or_default(),
        VariableSource::Value(value) => value.clone(),
    }
}
