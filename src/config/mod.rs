//! `fraiseql.toml`: every key, its default, unit and check.
//!
//! The keys are rows of one table (`table.rs`). From it follow, in this order: the file is read
//! (`read.rs`, which substitutes variables and converts by kind), the environment and the flags are
//! laid over it (`overlay.rs`), rules about several keys are checked (`rules.rs`), and the settings
//! become a [`Config`] (`build.rs`). A `Config` therefore exists only when nothing is wrong with it,
//! and a run that fails names everything that is wrong.
//!
//! Not every command needs everything: `fraiseql compile` works without `DATABASE_URL`. So a variable
//! that is not set is an error only in the keys that a command [needs](Need); the rest keep the
//! problem until somebody asks for the value.

mod build;
mod check;
mod convert;
mod defaults;
pub mod keys;
mod overlay;
mod print;
mod read;
pub mod reference;
mod rules;
mod sections;
mod settings;
mod substitute;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use overlay::Overrides;
pub use sections::{
    Admission, Algorithm, Auth, Breaker, Connections, Database, DeleteResponse, Entity, EntityBreaker, Federation,
    Files, Graphql, Grpc, LogFormat, Observers, Operation, Project, Publish, RateLimit, RateLimitKey, Rest, Secret,
    Server, SessionVariable, SslMode, Subscribe, Telemetry, Thresholds, Tls, TokenKey, VariableSource,
};
pub use settings::{Facts, Mode};

use crate::problem::Problem;
use settings::Settings;

/// The effective configuration of one service.
#[derive(Debug, Clone)]
pub struct Config {
    pub project: Project,
    pub fraiseql: Files,
    pub server: Server,
    pub database: Database,
    pub graphql: Graphql,
    pub rest: Rest,
    pub grpc: Grpc,
    pub federation: Federation,
    pub auth: Auth,
    pub session_variables: Vec<SessionVariable>,
    /// `None` without the section.
    pub observers: Option<Observers>,
    /// `None` without `requests_per_second`.
    pub rate_limit: Option<RateLimit>,
    pub telemetry: Telemetry,
    file: String,
    settings: Settings,
}

/// Which keys a command cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// What shapes the schema: `[project]`, `[fraiseql]`, `[graphql]`, `[rest]`, `[grpc]` and
    /// `[federation]`. Elsewhere a variable that is not set leaves its key out, as if it were not in
    /// the file; `database.url` and `observers.nats_url` keep the problem as their value.
    Schema,
    /// Everything, and `database.url` is required.
    Service,
}

/// What holds from the start of a process to its end; everything else follows a reload.
const FIXED: [&str; 14] = [
    "server.host",
    "server.port",
    "server.shutdown_timeout_secs",
    "server.max_headers",
    "server.max_header_bytes",
    "server.header_timeout_ms",
    "server.idle_timeout_ms",
    "server.tcp_keepalive_secs",
    "server.max_connections",
    "server.http2.max_streams",
    "server.http2.max_resets",
    "telemetry.log",
    "telemetry.log_format",
    "telemetry.otlp_endpoint",
];

// === impl Config ===

impl Config {
    /// Reads the file at `path`, lays the environment and the flags over it, and checks the result.
    pub fn load(
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
        mode: Mode,
        need: Need,
    ) -> Result<Config, Vec<Problem>> {
        let file = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let hint = "`fraiseql init DIR` writes a project with one; --config names another file";
                return Err(vec![Problem::new(&file, "", "there is no such file").hint(hint)]);
            }
            Err(error) => return Err(vec![Problem::new(&file, "", format!("it cannot be read: {error}"))]),
        };
        Config::parse(&file, &text, environment, overrides, Facts::here(mode), need)
    }

    /// Like [`Config::load`] with the text at hand. Paths in it are relative to the directory of
    /// `file`, those of flags and variables to the working directory.
    pub fn parse(
        file: &str,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
        facts: Facts,
        need: Need,
    ) -> Result<Config, Vec<Problem>> {
        let mut settings = Settings::new(facts);
        let (readable, mut problems) = match read::read(file, text, environment, &mut settings) {
            Ok(problems) => (true, problems),
            Err(problems) => (false, problems),
        };
        problems.extend(overlay::overlay(environment, overrides, &mut settings));
        if readable {
            problems.extend(rules::check(file, &settings, facts, need));
        }
        if problems.is_empty() {
            return Ok(build::build(file, settings));
        }
        problems.sort_by_key(|problem| (problem.position.is_none(), problem.position));
        Err(problems)
    }

    /// The effective configuration as TOML, each key with where its value came from, secrets masked.
    pub fn print(&self) -> String {
        print::print(&self.settings)
    }

    /// The keys of what a process binds at its start that `other` gives another value.
    pub fn fixed_that_differ(&self, other: &Config) -> Vec<&'static str> {
        let differs = |path: &&str| self.settings.value(path) != other.settings.value(path);
        FIXED.iter().copied().filter(differs).collect()
    }

    /// A problem with the value of a key, with its place where it has one. For checks that need more
    /// than the configuration, such as whether an entity is a type of the schema.
    pub fn problem(&self, path: &str, reason: impl Into<String>) -> Problem {
        self.settings.problem(&self.file, path, reason)
    }
}
