//! `fraiseql doctor`: everything that a service needs, looked at one after the other: what is wrong, and what to type.

use std::net::TcpListener;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::project::{ensure_schema, load_artifact, load_config};
use super::{ConfigArgs, Failed, runtime};
use crate::auth::{Tokens, published_keys};
use crate::config::{Config, Mode, Need, TokenKey};
use crate::problem::Problem;
use crate::schema::artifact::Artifact;
use crate::schema::bind::bind;
use crate::schema::model::Scalar;
use crate::schema::{Kind, Schema, Source};
use crate::server::{Examined, Refusal, executor, probe, showable_certificate};

/// The versions that are tested.
const VERSIONS: std::ops::RangeInclusive<i32> = 14..=18;
/// Fields that would gain from a column, of those that are named.
const FIELDS_SHOWN: usize = 12;

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The database, instead of [database] url.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The port, instead of [server] port.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// The service will not answer, or not everything.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    about: &'static str,
    state: State,
    said: String,
    /// What to type or to change.
    hint: Option<String>,
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

// === impl Findings ===

impl Findings {
    fn ok(&mut self, about: &'static str, said: impl Into<String>) {
        self.0.push(Finding { about, state: State::Ok, said: said.into(), hint: None });
    }

    fn warn(&mut self, about: &'static str, said: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Finding { about, state: State::Warning, said: said.into(), hint: Some(hint.into()) });
    }

    fn fail(&mut self, about: &'static str, said: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Finding { about, state: State::Failure, said: said.into(), hint: Some(hint.into()) });
    }

    fn problems(&mut self, about: &'static str, problems: Vec<Problem>) {
        self.0.extend(problems.into_iter().map(|problem| {
            let hint = problem.hint.clone();
            let said = Problem { hint: None, ..problem }.to_string();
            Finding { about, state: State::Failure, said, hint }
        }));
    }

    fn failed(&mut self, about: &'static str, failed: Failed) {
        match failed {
            Failed::Problems(problems) => self.problems(about, problems),
            Failed::Message(said) => self.0.push(Finding { about, state: State::Failure, said, hint: None }),
        }
    }

    fn print(&self) {
        for finding in &self.0 {
            let (colour, state) = match finding.state {
                State::Ok => ("\u{1b}[32m", "ok  "),
                State::Warning => ("\u{1b}[33m", "warn"),
                State::Failure => ("\u{1b}[31m", "FAIL"),
            };
            anstream::println!("{colour}{state}\u{1b}[0m  {:<9}  {}", finding.about, finding.said);
            for line in finding.hint.iter().flat_map(|hint| hint.lines()) {
                anstream::println!("                 → {line}");
            }
        }
    }

    fn to_json(&self) -> Value {
        let finding = |finding: &Finding| {
            let state = match finding.state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Failure => "failure",
            };
            json!({"about": finding.about, "state": state, "said": finding.said, "hint": finding.hint})
        };
        json!({"findings": self.0.iter().map(finding).collect::<Vec<_>>()})
    }
}

pub fn run(arguments: DoctorArgs) -> Result<(), Failed> {
    let mut findings = Findings::default();
    let path = &arguments.config.config;
    let mut overrides = arguments.config.overrides();
    overrides.database_url = arguments.database.clone();
    overrides.port = arguments.port;
    match load_config(path, &overrides, Mode::Run, Need::Service) {
        Ok(config) => {
            findings.ok("config", format!("{} says nothing wrong", path.display()));
            runtime()?.block_on(examine(&config, &arguments, &mut findings));
        }
        Err(failed) => findings.failed("config", failed),
    }
    if arguments.json {
        anstream::println!("{:#}", findings.to_json());
    } else {
        findings.print();
    }
    let failures = findings.0.iter().filter(|finding| finding.state == State::Failure).count();
    match failures {
        0 => Ok(()),
        1 => Err(Failed::Message("1 thing has to be mended".to_owned())),
        count => Err(Failed::Message(format!("{count} things have to be mended"))),
    }
}

async fn examine(config: &Config, arguments: &DoctorArgs, findings: &mut Findings) {
    let artifact = match ensure_schema(config, &arguments.config.config).await {
        Ok(()) => load_artifact(config, &arguments.config.config),
        Err(failed) => Err(failed),
    };
    let artifact = match artifact {
        Ok(artifact) => {
            let types = artifact.model.types.len();
            findings.ok("schema", format!("{} has {types} types", config.fraiseql.output_file.display()));
            Some(artifact)
        }
        Err(failed) => {
            findings.failed("schema", failed);
            None
        }
    };
    database(config, artifact.as_ref(), findings).await;
    tokens(config, findings).await;
    certificate(config, findings);
    port(config, findings).await;
    if config.observers.is_some() {
        let hint = "leave the section out until it does";
        findings.warn("observers", "[observers] is read, but this version publishes nothing", hint);
    }
}

async fn database(config: &Config, artifact: Option<&Artifact>, findings: &mut Findings) {
    let executor = match executor(config, 1, &Arc::default()) {
        Ok(executor) => executor,
        Err(Refusal::Problems(problems)) => return findings.problems("database", problems),
        Err(Refusal::Unreachable(reason)) => return findings.fail("database", reason, "name another with --database"),
    };
    let primary = match executor.examine().await {
        Ok(primary) => primary,
        Err(error) => {
            let hint = "start it, mend [database] url (DATABASE_URL), or try another with --database";
            return findings.fail("database", error.to_string(), hint);
        }
    };
    about_primary(config, &primary, findings);
    for (place, replica) in executor.examine_replicas().await {
        let hint = format!("take {place} out of [database] replica_urls, or mend it; it is not read meanwhile");
        match replica {
            Err(error) => findings.fail("replica", format!("{place}: {error}"), hint),
            Ok(replica) if !replica.is_standby => {
                findings.fail("replica", format!("{place} is no standby"), hint);
            }
            Ok(replica) if replica.system != primary.system => {
                findings.fail("replica", format!("{place} follows another server"), hint);
            }
            Ok(replica) if replica.database != primary.database => {
                findings.fail("replica", format!("{place} is for the database {}", replica.database), hint);
            }
            Ok(replica) => findings.ok("replica", format!("{place} follows, PostgreSQL {}", replica.version)),
        }
    }
    let Some(artifact) = artifact else { return };
    let wanted = Schema::assumed(artifact.model.clone()).wanted();
    match executor.inspect(&wanted).await {
        Err(error) => findings.fail("views", error.to_string(), "grant the role what it has to read"),
        Ok(found) => match bind(artifact.model.clone(), found) {
            Ok(schema) => {
                let (relations, functions) = (wanted.relations.len(), wanted.functions.len());
                findings.ok("views", format!("{relations} views and {functions} functions are as the schema says"));
                columns(&schema, findings);
            }
            Err(problems) => findings.problems("views", problems),
        },
    }
}

fn about_primary(config: &Config, primary: &Examined, findings: &mut Findings) {
    let Examined { place, version, role, database, .. } = primary;
    let major = primary.version_number / 10_000;
    if VERSIONS.contains(&major) {
        findings.ok("database", format!("PostgreSQL {version} at {place}, database {database} as {role}"));
    } else {
        let hint = "move to one of PostgreSQL 14 to 18";
        findings.warn("database", format!("PostgreSQL {version} at {place} is not among the tested ones"), hint);
    }
    if primary.is_standby {
        let hint = "name the primary in [database] url, and this one in replica_urls";
        findings.fail("database", format!("{place} is a standby: nothing can be written there"), hint);
    }
    let (pool, all) = (config.database.pool_max, usize::try_from(primary.connections_max).unwrap_or_default());
    if pool > all {
        let hint = format!("[database] pool_max = {}, shared out among all instances of the service", all / 2);
        findings.warn("database", format!("pool_max is {pool}, and the server takes {all} connections"), hint);
    }
    if !primary.can_keep && config.rest.enabled {
        let hint = format!("as the owner of the database: GRANT CREATE ON DATABASE \"{database}\" TO \"{role}\"");
        findings.warn("database", "Idempotency-Key is refused: the role may not make the schema fraiseql", hint);
    }
}

/// Fields that are read out of documents, though a column could hold them.
fn columns(schema: &Schema, findings: &mut Findings) {
    let mut gaining = Vec::new();
    for object in schema.model().types.values() {
        let Some(relation) = &object.relation else { continue };
        let twin = schema.twin(relation).map(|(_, twin)| twin);
        for field in object.fields.values().filter(|field| field.join.is_none() && field.function.is_none()) {
            let is_single = !field.ty.is_list()
                && match schema.kind(field.ty.innermost()) {
                    Kind::Scalar(scalar) => scalar != Scalar::Json,
                    Kind::Enum(_) => true,
                    Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => false,
                };
            let in_twin = twin.is_some_and(|twin| twin.columns.contains_key(&*field.column));
            let is_data = matches!(schema.source(relation, &field.column, &object.data_column), Source::Data);
            if is_single && is_data && !in_twin {
                gaining.push(format!("{}.{} ({}.{})", object.name, field.name, relation.0, field.column));
            }
        }
    }
    if gaining.is_empty() {
        return;
    }
    let more = gaining.len().saturating_sub(FIELDS_SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    gaining.truncate(FIELDS_SHOWN);
    let said = format!("are read out of documents: {}{rest}", gaining.join(", "));
    findings.warn("columns", said, "select them in the view as columns of these names: filters then use indexes");
}

async fn tokens(config: &Config, findings: &mut Findings) {
    let Some(key) = &config.auth.key else {
        return findings.ok("auth", "no key: every caller is anonymous");
    };
    if let Err(problem) = Tokens::new(config) {
        return findings.problems("auth", vec![problem]);
    }
    match key {
        TokenKey::Secret(_) => findings.ok("auth", "tokens are checked with a shared secret"),
        TokenKey::PublicKeyFile(file) => findings.ok("auth", format!("tokens are checked with {}", file.display())),
        TokenKey::JwksUrl(url) => match published_keys(url).await {
            Ok(0) => findings.fail("auth", "the key set holds no key that signs", "look at [auth] jwks_url"),
            Ok(count) => findings.ok("auth", format!("{count} keys are published")),
            Err(reason) => {
                findings.fail("auth", format!("the key set cannot be fetched: {reason}"), "look at [auth] jwks_url");
            }
        },
    }
}

fn certificate(config: &Config, findings: &mut Findings) {
    match (&config.server.tls, showable_certificate(config)) {
        (None, _) => {}
        (Some(tls), Ok(())) => findings.ok("tls", format!("{} can be shown", tls.cert_file.display())),
        (Some(_), Err(problem)) => findings.problems("tls", vec![problem]),
    }
}

async fn port(config: &Config, findings: &mut Findings) {
    let (host, port) = (&config.server.host, config.server.port);
    match TcpListener::bind((host.as_str(), port)) {
        Ok(_) => findings.ok("port", format!("{host}:{port} is free")),
        Err(error) => match probe(config, "/health").await {
            Ok((200, body)) if body.contains("schema_hash") => {
                findings.ok("port", format!("a fraiseql serves on {host}:{port} already"));
            }
            Ok(_) | Err(_) => {
                let hint = "stop what listens there, or choose another with --port";
                findings.fail("port", format!("{host}:{port} cannot be listened on: {error}"), hint);
            }
        },
    }
}
