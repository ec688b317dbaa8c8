//! Session variables: set for one transaction, in the same round trip as the statement.
//!
//! BEGIN, the settings, the statement and COMMIT are sent one behind the other without waiting. All
//! of them are ready before the first is sent: a statement that had to be prepared in between
//! would let the others overtake it and run outside the transaction.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{BoxFuture, FutureExt};

use super::pool::Running;
use super::ready::Ready;
use super::rows::Rows;
use super::sqlstate;
use crate::auth::Caller;
use crate::config::{SessionVariable, VariableSource};
use crate::error::Result;
use crate::sql::{Param, Statement};

/// Settings that every answer depends on. JIT is off: its compile time is charged to statements
/// that would have been done before it ends.
pub(super) const SETTINGS: [(&str, &str); 7] = [
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("jit", "off"),
];

/// What opens a transaction for a caller, prepared and ready to be sent.
pub(super) async fn opening(
    running: &mut Running,
    begin: &str,
    variables: &[SessionVariable],
    caller: &Caller,
) -> Result<Vec<(Ready, Vec<Param>)>> {
    let mut opening = vec![(running.ready(begin).await?, Vec::new())];
    if !variables.is_empty() {
        let values = variables.iter().map(|variable| Param::Text(value(variable, caller))).collect();
        opening.push((running.ready(&settings_text(variables)).await?, values));
    }
    Ok(opening)
}

pub(super) async fn start(
    mut running: Running,
    statement: &Statement,
    parameters: &[Param],
    variables: &[SessionVariable],
    caller: &Caller,
) -> Result<Rows> {
    let begin = running.ready("BEGIN READ ONLY").await?;
    let settings = running.ready(&settings_text(variables)).await?;
    let ready = running.statement(statement.text(), caller.observer()).await?;
    let commit = running.ready("COMMIT").await?;
    let values: Vec<Param> = variables.iter().map(|variable| Param::Text(value(variable, caller))).collect();

    let client = running.shared();
    let mut begin = pin!(begin.execute(&client, &[]));
    let mut set = pin!(settings.execute(&client, &values));
    let mut query = pin!(ready.query(&client, parameters));
    let ending = client.clone();
    let mut commit: BoxFuture<'static, Result<(), tokio_postgres::Error>> =
        async move { commit.execute(&ending, &[]).await }.boxed();

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
        (Ok(_), Ok(_), Ok(stream)) => return Ok(Rows::new(stream, running, Some(commit))),
        (Err(error), _, _) | (Ok(_), Err(error), _) | (Ok(_), Ok(_), Err(error)) => error,
    };
    // COMMIT of a failed transaction rolls it back.
    match commit.await {
        Ok(()) => Err(running.failed(failed)),
        Err(_) => Err(sqlstate::error(failed)),
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
        VariableSource::Header(header) => caller.header(header).unwrap_or_default().to_owned(),
        VariableSource::Value(value) => value.clone(),
    }
}
