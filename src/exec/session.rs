//! Session variables: set for one transaction, in the same round trip as the statement.
//!
//! The settings and the statement are sent together. PostgreSQL takes what stands between two `Sync`s for one
//! transaction, so that the settings end with the statement, without BEGIN and COMMIT around them. Both are ready
//! before the first is sent: a statement that had to be prepared in between would end the transaction of the settings.

use super::connection::{Ready, Running};
use super::rows::Rows;
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

/// The variables of a configuration.
#[derive(Debug)]
pub(super) struct Session {
    variables: Vec<SessionVariable>,
    /// Sets all of them.
    text: String,
    /// Sets all of them for a transaction that only reads.
    reading: String,
}

// === impl Session ===

impl Session {
    pub fn new(variables: Vec<SessionVariable>) -> Session {
        let name = |(i, variable): (usize, &SessionVariable)| {
            format!("set_config('{}', ${}::text, true)", variable.name.replace('\'', "''"), i + 1)
        };
        let calls: Vec<String> = variables.iter().enumerate().map(name).collect();
        let text = format!("SELECT {}", calls.join(", "));
        let reading = format!("{text}, set_config('transaction_read_only', 'on', true)");
        Session { variables, text, reading }
    }

    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// What sets the variables for a caller, ready to be sent.
    pub async fn settings(&self, running: &mut Running, caller: &Caller) -> Result<(Ready, Vec<Param>)> {
        Ok((running.ready(&self.text).await?, self.values(caller)))
    }

    /// Starts a statement that reads for a caller.
    pub async fn start(
        &self,
        mut running: Running,
        statement: &Statement,
        parameters: &[Param],
        caller: &Caller,
    ) -> Result<Rows> {
        let settings = running.ready(&self.reading).await?;
        let ready = running.statement(statement.text(), caller.observer()).await?;
        running.send(&settings, &self.values(caller))?;
        running.send(&ready, parameters)?;
        running.wire().sync();
        Rows::accepted(running, 2, ready.columns().cloned()).await
    }

    fn values(&self, caller: &Caller) -> Vec<Param> {
        self.variables.iter().map(|variable| Param::Text(value(variable, caller))).collect()
    }
}

/// Absent is the empty text, as the variable reads after a transaction that had set it.
fn value(variable: &SessionVariable, caller: &Caller) -> String {
    match &variable.source {
        VariableSource::Claim(claim) => caller.claim(claim).unwrap_or_default(),
        VariableSource::Header(header) => caller.header(header).unwrap_or_default().to_owned(),
        VariableSource::Value(value) => value.clone(),
    }
}
