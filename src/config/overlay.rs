//! The environment and the flags, laid over the file.
//!
//! Every key outside an array of tables has a variable, `FRAISEQL_<SECTION>_<KEY>`. `DATABASE_URL`,
//! which every host sets, counts only when neither the file nor `FRAISEQL_DATABASE_URL` gives a url:
//! a file that names a database means it. An empty variable is one that is not set, because that is
//! how container files pass one that was left out.

use crate::problem::Problem;

use super::convert::{self, Refusal};
use super::keys::{self, Key};
use super::settings::{Given, Origin, Setting, Settings, Value};
use super::table::KEYS;

/// What was typed on the command line.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--host`
    pub host: Option<String>,
    /// `--port`
    pub port: Option<u16>,
    /// `--database`
    pub database_url: Option<String>,
    /// `--schema`, and the argument of `compile`
    pub schema_file: Option<String>,
    /// `--output`
    pub output_file: Option<String>,
    /// `--log`
    pub log: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
}

/// Lays both over `settings` and returns what is wrong with them.
pub fn overlay(
    environment: &dyn Fn(&str) -> Option<String>,
    overrides: &Overrides,
    settings: &mut Settings,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    for key in KEYS {
        if let Some(name) = key.variable()
            && let Some(text) = variable(&name)
        {
            let value = convert::from_text(key, &text);
            put(key, value, Origin::Environment(name), settings, &mut problems);
        }
    }
    if let (Some(key), false, Some(text)) =
        (keys::find("database.url"), settings.is_given("database.url"), variable("DATABASE_URL"))
    {
        let value = convert::from_text(key, &text);
        put(key, value, Origin::Environment("DATABASE_URL".to_owned()), settings, &mut problems);
    }
    for (path, flag, value) in overrides.flags() {
        if let (Some(key), Some(value)) = (keys::find(path), value) {
            let value = convert::fits(key, &value).map(|()| value);
            put(key, value, Origin::Flag(flag), settings, &mut problems);
        }
    }
    problems
}

fn put(key: &Key, value: Result<Value, Refusal>, origin: Origin, settings: &mut Settings, problems: &mut Vec<Problem>) {
    let given = match value {
        Ok(value) => Given::Value(value),
        Err(refusal) => {
            let mut problem = Problem::new(&origin.source(""), key.path, refusal.reason);
            problem.hint = refusal.hint;
            problems.push(problem);
            Given::Refused
        }
    };
    settings.set(key.path, Setting { given, origin, position: None });
}

// === impl Overrides ===

impl Overrides {
    fn flags(&self) -> [(&'static str, &'static str, Option<Value>); 7] {
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        [
            ("server.host", "--host", text(&self.host)),
            ("server.port", "--port", self.port.map(|port| Value::Integer(u64::from(port)))),
            ("database.url", "--database", text(&self.database_url)),
            ("fraiseql.schema_file", "--schema", text(&self.schema_file)),
            ("fraiseql.output_file", "--output", text(&self.output_file)),
            ("telemetry.log", "--log", text(&self.log)),
            ("telemetry.log_format", "--log-format", text(&self.log_format)),
        ]
    }
}
