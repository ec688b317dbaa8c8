//! `fraiseql dev`: a private PostgreSQL, the SQL loaded, the schema exported, compiled, served and
//! watched; nothing is left behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::lock::{self, Changes};
use super::project::{compile_to_disk, export, load_config, sql_files, summary};
use super::{Failed, runtime, stop_signal};
use crate::config::{Config, Mode, Need, Overrides};
use crate::dev::postgres::{Options, PrivatePostgres};
use crate::dev::watch::Watch;
use crate::schema::artifact::Artifact;
use crate::server::{Server, Service, State, workers};
use crate::telemetry;

#[derive(Debug, Args)]
pub struct DevArgs {
    /// The project.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The port to listen on; 0 takes any that is free.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Log filter: error, warn, info, debug, trace, or a list by module.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

pub fn run(arguments: DevArgs) -> Result<(), Failed> {
    runtime()?.block_on(async {
        tokio::select! {
            result = dev(arguments) => result,
            () = stop_signal() => Ok(()),
        }
    })
}

/// The project as it stands: what a change makes anew.
struct Project {
    directory: PathBuf,
    overrides: Overrides,
    postgres: Arc<PrivatePostgres>,
    database: String,
    databases_made: usize,
    /// The SQL has changed and what it makes is not served: the next attempt has to load it, whatever
    /// changes next.
    sql_is_ahead: bool,
    /// The database before the current one, which requests in flight may still read.
    superseded: Option<String>,
}

async fn dev(arguments: DevArgs) -> Result<(), Failed> {
    let began = Instant::now();
    let overrides = Overrides {
        port: arguments.port,
        log: Some(arguments.log.unwrap_or_else(|| "warn".to_owned())),
        // Checks the file before the database is there to be named.
        database_url: Some("postgres://localhost/starting".to_owned()),
        ..Overrides::default()
    };
    let config = load_config(&arguments.dir.join("fraiseql.toml"), &overrides, Mode::Dev, Need::Service)?;
    // Its last traces are lost when it is stopped; those of a person at work come soon enough.
    let _telemetry = telemetry::start(&config);

    let progress = spinner("starting a private PostgreSQL");
    let postgres = blocking(|| PrivatePostgres::start(Options { durable: false, ..Options::default() })).await?;
    let postgres = Arc::new(postgres.map_err(|error| Failed::Message(error.to_string()))?);
    let mut project = Project {
        directory: arguments.dir,
        overrides,
        postgres,
        database: String::new(),
        databases_made: 0,
        sql_is_ahead: false,
        superseded: None,
    };
    progress.set_message("loading the SQL");
    let loaded = project.load().await?;
    progress.set_message("compiling the schema");
    let (config, artifact) = project.compile().await?;
    let state = State::new(config);
    let service = Service::open(&state.config, &artifact, workers(), &state.metrics).await?;
    let server = Server::start(state.clone()).await?;
    state.serve(service);
    progress.finish_and_clear();
    banner(&state.config, &server, &artifact, &loaded, began.elapsed());

    let mut watch = Watch::start(&project.directory, &state.config.fraiseql.schema_file)
        .map_err(|error| Failed::Message(format!("cannot watch {}: {error}", project.directory.display())))?;
    loop {
        let change = watch.next().await;
        let began = Instant::now();
        match project.reload(&state, change.sql).await {
            Ok(artifact) => {
                anstream::eprintln!("reloaded: {} ({} ms)", summary(&artifact), began.elapsed().as_millis());
            }
            Err(failed) => {
                failed.print();
                anstream::eprintln!("still serving what was there before");
            }
        }
    }
}

// === impl Project ===

impl Project {
    /// Loads the SQL into a database of its own and makes it the current one.
    async fn load(&mut self) -> Result<String, Failed> {
        self.databases_made += 1;
        let database = format!("dev_{}", self.databases_made);
        let files = sql_files(&self.directory);
        let (postgres, name, count) = (self.postgres.clone(), database.clone(), files.len());
        let loaded = blocking(move || -> Result<_, Failed> {
            postgres.create_database(&name, None).map_err(|error| Failed::Message(error.to_string()))?;
            let began = Instant::now();
            let report = postgres.load(&name, &files);
            if report.is_err() {
                // The error of the file matters, not that of the clean-up.
                let _ = postgres.drop_database(&name);
            }
            let report = report?;
            report.warnings.iter().for_each(|warning| anstream::eprintln!("warning: {warning}"));
            Ok(began.elapsed())
        })
        .await??;
        self.database = database;
        Ok(format!("{count} files of SQL in {:.1} s", loaded.as_secs_f64()))
    }

    /// Exports and compiles the schema.
    async fn compile(&self) -> Result<(Config, Artifact), Failed> {
        let overrides = Overrides { database_url: Some(self.postgres.url(&self.database)), ..self.overrides.clone() };
        let config = load_config(&self.directory.join("fraiseql.toml"), &overrides, Mode::Dev, Need::Service)?;
        export(&config, &self.directory).await?;
        let artifact = compile_to_disk(&config, None, Changes::Dev)?;
        Ok((config, artifact))
    }

    /// Makes the service anew and swaps it in; on failure the old one and its database stay.
    async fn reload(&mut self, state: &State, sql: bool) -> Result<Artifact, Failed> {
        let before = self.database.clone();
        self.sql_is_ahead |= sql;
        if self.sql_is_ahead {
            self.load().await?;
        }
        let opened = async {
            let (config, artifact) = self.compile().await?;
            let service = Service::open(&config, &artifact, workers(), &state.metrics).await?;
            Ok((service, artifact))
        };
        match opened.await {
            Ok((service, artifact)) => {
                state.serve(service);
                self.sql_is_ahead = false;
                if before != self.database {
                    let unread = self.superseded.replace(before);
                    self.drop_database(unread).await;
                }
                Ok(artifact)
            }
            Err(failed) => {
                let unserved = std::mem::replace(&mut self.database, before);
                self.drop_database(Some(unserved).filter(|name| *name != self.database)).await;
                Err(failed)
            }
        }
    }

    /// Makes room. One that cannot be dropped goes with the server.
    async fn drop_database(&self, name: Option<String>) {
        if let Some(name) = name {
            let postgres = self.postgres.clone();
            let _ = blocking(move || postgres.drop_database(&name)).await;
        }
    }
}

fn banner(config: &Config, server: &Server, artifact: &Artifact, loaded: &str, took: Duration) {
    let port = server.address().port();
    let url = format!("{}://localhost:{port}", server.scheme());
    anstream::println!("{} is served after {:.1} s", config.project.name, took.as_secs_f64());
    anstream::println!("  database  a private PostgreSQL, {loaded}");
    anstream::println!("  schema    {}", summary(artifact));
    anstream::println!("  GraphQL   {url}{}  (open it in a browser)", config.graphql.path);
    if config.rest.enabled {
        let docs = if config.rest.docs { format!("{url}{}/docs", config.rest.path) } else { String::new() };
        anstream::println!("  REST      {url}{}  {docs}", config.rest.path);
    }
    if config.grpc.enabled
        && let Ok(service) = lock::service_name(config, &artifact.model)
    {
        anstream::println!("  gRPC      localhost:{port}  {service}");
        anstream::println!("            buf curl --http2-prior-knowledge --protocol grpc {url} --list-methods");
    }
    anstream::println!("  health    {url}/health  {url}/ready");
    anstream::println!("Watching schema.py, sql/ and fraiseql.toml. Ctrl-C stops and leaves nothing behind.");
}

fn spinner(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failed::Message(format!("a task failed: {error}")))
}
