//! The golden cases: a question, the plan and the statement that it becomes, and what PostgreSQL answers.
//!
//! `tests/cases/<world>/` has a schema and, unless nobody has looked at its relations, the SQL that makes
//! them. Each folder in it is a case: `ask.graphql` with its `variables.json` and `options.json`, and what
//! was reviewed of it: `plan.txt`, `statement.sql` and `answer.json`. `UPDATE_PINNED=1` writes those anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use fraiseql::auth::{Caller, Identity};
use fraiseql::config::{Config, Facts, Mode, Need, Overrides};
use fraiseql::engine::Engine;
use fraiseql::exec::{Options as ExecOptions, ViewExecutor};
use fraiseql::intent::Intent;
use fraiseql::plan::guard::claim;
use fraiseql::plan::{Limits, plan, print::print};
use fraiseql::schema::Schema;
use fraiseql::schema::bind::bind;
use fraiseql::schema::compile::{Project, Source, compile};
use fraiseql::schema::model::Model;
use fraiseql::server;
use fraiseql::sql::{Batch, write};
use fraiseql::transport::graphql::Graphql;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::harness::{self, Database, crate_path};

/// `options.json`: who asks, and under which limits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    caller: Option<Asker>,
    max_page_rows: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asker {
    roles: Vec<String>,
    scopes: Vec<String>,
    claims: Map<String, Value>,
}

/// The schema of a folder, over its relations when it has some.
struct World {
    schema: Arc<Schema>,
    config: Config,
    executor: Option<Arc<ViewExecutor>>,
    _database: Option<Database>,
}

/// Checks every case of a folder, and says at the end which of them differ.
async fn check(name: &str) {
    let folder = crate_path("tests/cases").join(name);
    let Some(world) = World::open(&folder).await else { return };
    let mut wrong = String::new();
    let cases = folders(&folder);
    for case in &cases {
        let found = world.found(case).await;
        for (file, text) in ["plan.txt", "statement.sql", "answer.json"].iter().zip(found) {
            let path = case.join(file);
            if std::env::var_os("UPDATE_PINNED").is_some() && !text.is_empty() {
                std::fs::write(&path, &text).unwrap();
            }
            let pinned = std::fs::read_to_string(&path).unwrap_or_default();
            if pinned != text {
                let _ = writeln!(wrong, "{}\n{}", path.display(), difference(&pinned, &text));
            }
        }
    }
    assert!(!cases.is_empty());
    assert!(wrong.is_empty(), "reviewed otherwise; UPDATE_PINNED=1 writes them anew\n{wrong}");
}

// === impl World ===

impl World {
    /// None when the SQL needs an extension that is not installed.
    async fn open(folder: &Path) -> Option<World> {
        let model = model_of(&std::fs::read_to_string(folder.join("schema.json")).unwrap());
        let config = config();
        let setup = folder.join("setup.sql");
        let Ok(sql) = std::fs::read_to_string(&setup) else {
            return Some(World { schema: Arc::new(Schema::assumed(model)), config, executor: None, _database: None });
        };
        if let Some(extension) = sql.lines().next().and_then(|line| line.strip_prefix("-- needs ")) {
            let known = format!("SELECT count(*) FROM pg_available_extensions WHERE name = '{extension}'");
            if harness::ask(&harness::postgres().url("postgres"), &known).await.unwrap() == 0 {
                eprintln!("{}: left out, because PostgreSQL has no {extension} here", folder.display());
                return None;
            }
        }
        let database = Database::loaded(&[setup]);
        let executor = executor(&database);
        let wanted = Schema::assumed(model.clone()).wanted();
        let schema = bind(model, executor.inspect(&wanted).await.unwrap());
        let schema = schema.unwrap_or_else(|problems| panic!("{}: {problems:#?}", folder.display()));
        Some(World { schema: Arc::new(schema), config, executor: Some(executor), _database: Some(database) })
    }

    /// The plan, the statements and the answer of a case.
    async fn found(&self, case: &Path) -> [String; 3] {
        let ask = std::fs::read_to_string(case.join("ask.graphql")).unwrap();
        let variables: Map<String, Value> = read(&case.join("variables.json")).unwrap_or_default();
        let options: Options = read(&case.join("options.json")).unwrap_or_default();
        let caller = options.caller.map_or_else(Caller::anonymous, Asker::caller);
        let limits = Limits { page_rows_max: options.max_page_rows, ..Limits::default() };
        let wire = server::graphql(&self.config, &self.schema).unwrap();
        let intents = wire.intents(&self.schema, &ask, variables.clone());
        let intents = intents.unwrap_or_else(|reasons| panic!("{}: {reasons:?}", case.display()));
        let (mut plans, mut statements) = (String::new(), String::new());
        for (root, intent) in intents {
            let planned = plan(&self.schema, &caller, limits, &intent);
            let planned = planned.unwrap_or_else(|error| panic!("{} {root}: {error}", case.display()));
            let _ = writeln!(plans, "{root}: {}", print(&planned).trim_end().replace('\n', "\n  "));
            let statement = write(planned);
            let parameters = match &intent {
                Intent::Read(read) => {
                    let values = statement.with_claims(read.values.clone(), |name| claim(&caller, name)).unwrap();
                    statement.parameters(&values).unwrap_or_else(|error| panic!("{}: {error}", case.display()))
                }
                Intent::Mutate(mutate) => {
                    let statement = Arc::new(write(plan(&self.schema, &caller, limits, &intent).unwrap()));
                    let mut inputs = mutate.calls.clone();
                    for (name, claimed) in &statement.call().unwrap().injected {
                        inputs[0].insert(name.clone(), json!(claim(&caller, claimed).unwrap()));
                    }
                    let (batch, _) = Batch::new(statement, mutate.values.clone(), &inputs).unwrap();
                    batch.parameters(0..batch.len()).into_owned()
                }
            };
            let _ = writeln!(statements, "-- {root}\n{};", statement.text());
            for (i, parameter) in parameters.iter().enumerate() {
                let _ = writeln!(statements, "--   ${} = {parameter:?}", i + 1);
            }
            if let Some(read_back) = statement.call().and_then(|call| call.read_back.as_ref()) {
                let _ = writeln!(statements, "-- {root}, read back\n{};", read_back.text());
            }
        }
        let answer = match &self.executor {
            Some(executor) => {
                let engine = Arc::new(Engine::new(self.schema.clone(), executor.clone(), limits));
                format!("{}\n", self::ask(&wire, &engine, &caller, &ask, variables).await)
            }
            None => String::new(),
        };
        [plans, statements, answer]
    }
}

// === impl Asker ===

impl Asker {
    fn caller(self) -> Caller {
        let Asker { roles, scopes, claims } = self;
        Caller::identified(Arc::new(Identity { roles, scopes, claims }))
    }
}

/// The body of the answer to one request over HTTP.
async fn ask(
    wire: &Graphql,
    engine: &Arc<Engine>,
    caller: &Caller,
    query: &str,
    variables: Map<String, Value>,
) -> String {
    let body = json!({"query": query, "variables": variables}).to_string();
    let request = http::Request::post("/graphql").header("content-type", "application/json");
    let (parts, body) = request.body(Body::from(body)).unwrap().into_parts();
    let response = wire.serve(engine, caller, &parts, body, "a-request").await;
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}

/// An executor over a database, with the defaults of everything else.
pub fn executor(database: &Database) -> Arc<ViewExecutor> {
    let session = Vec::new();
    let options = ExecOptions {
        url: database.url(),
        database: config().database,
        session,
        stream_rows_max: None,
        workers: 1,
        metrics: Arc::default(),
    };
    Arc::new(ViewExecutor::new(options).unwrap())
}

/// A schema, compiled.
pub fn model_of(text: &str) -> Model {
    let project = Project { service: "cases".to_owned(), federation: None };
    let compiled = compile(&Source { file: "schema.json", text }, &project);
    compiled.unwrap_or_else(|problems| panic!("{problems:#?}")).model
}

/// The defaults of a service that is being developed.
pub fn config() -> Config {
    let facts = Facts { mode: Mode::Dev, cores: 2, grpc_built_in: true };
    Config::parse("fraiseql.toml", "", &|_| None, &Overrides::default(), facts, Need::Schema).unwrap()
}

/// The lines that only one of two texts has.
fn difference(pinned: &str, found: &str) -> String {
    let only = |these: &str, others: &str, sign: char| -> String {
        let lines = these.lines().filter(|line| !others.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    only(pinned, found, '-') + &only(found, pinned, '+')
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// A file of a case, if it has one.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// No folder is left out.
#[test]
fn every_world_is_checked() {
    let names = folders(&crate_path("tests/cases"));
    let names: Vec<&str> = names.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["abstract", "assumed", "citext", "documents", "guarded", "odd", "shop", "writing"]);
}

#[tokio::test]
async fn interfaces_and_unions() {
    check("abstract").await;
}

#[tokio::test]
async fn relations_that_nobody_has_looked_at() {
    check("assumed").await;
}

#[tokio::test]
async fn comparisons_without_case() {
    check("citext").await;
}

#[tokio::test]
async fn relations_of_documents() {
    check("documents").await;
}

#[tokio::test]
async fn what_a_caller_may_see() {
    check("guarded").await;
}

#[tokio::test]
async fn names_and_types_that_need_care() {
    check("odd").await;
}

#[tokio::test]
async fn typed_columns_and_joins() {
    check("shop").await;
}

#[tokio::test]
async fn calls_of_functions() {
    check("writing").await;
}
