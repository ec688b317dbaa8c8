//! `fraiseql run`.

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

use super::project::{ensure_schema, load_artifact, load_config, summary};
use super::{ConfigArgs, Failed, runtime, stop_signal};
use crate::config::{Mode, Need, Overrides};
use crate::server::{Server, Service, State, open_when_possible, workers};
use crate::telemetry;

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// The port to listen on; 0 takes any that is free.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The database, instead of [database] url.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Print the effective configuration, secrets masked, and exit.
    #[arg(long)]
    print_config: bool,
}

pub fn run(arguments: RunArgs) -> Result<(), Failed> {
    let mut overrides = arguments.config.overrides();
    overrides.host = arguments.host;
    overrides.port = arguments.port;
    overrides.database_url = arguments.database;
    let need = if arguments.print_config { Need::Schema } else { Need::Service };
    let config = load_config(&arguments.config.config, &overrides, Mode::Run, need)?;
    if arguments.print_config {
        anstream::print!("{}", config.print());
        return Ok(());
    }
    let sources = Sources { path: arguments.config.config, overrides };
    runtime()?.block_on(async {
        let telemetry = telemetry::start(&config);
        ensure_schema(&config, &sources.path).await?;
        let artifact = load_artifact(&config, &sources.path)?;
        tracing::info!(hash = artifact.hash, "{}", summary(&artifact));
        let server = Server::start(State::new(config)).await?;
        let tracker = TaskTracker::new();
        if let Err(problems) = open_when_possible(server.state().clone(), artifact, &tracker, server.stopped()).await {
            server.stop().await;
            return Err(Failed::Problems(problems));
        }
        tracing::info!("listening on {}://{}", server.scheme(), server.address());
        tokio::select! {
            () = stop_signal() => {}
            () = sources.reload_when_told(server.state()) => {}
        }
        tracing::info!("stopping: no new connections, requests in flight finish");
        server.stop().await;
        tracker.close();
        tracker.wait().await;
        telemetry.stop().await;
        Ok(())
    })
}

/// What is read again at SIGHUP.
#[derive(Debug, Clone)]
struct Sources {
    path: PathBuf,
    overrides: Overrides,
}

// === impl Sources ===

impl Sources {
    /// Serves what the files say, whenever SIGHUP comes; never returns.
    async fn reload_when_told(&self, state: &State) {
        let Ok(mut told) = signal(SignalKind::hangup()) else { return std::future::pending().await };
        while told.recv().await.is_some() {
            match self.reload(state).await {
                Ok(what) => tracing::info!("reloaded: {what}"),
                Err(failed) => tracing::error!("{failed}; still serving what was there before"),
            }
        }
        std::future::pending().await
    }

    /// Reads everything before anything changes: one that is wrong leaves the service as it is.
    async fn reload(&self, state: &State) -> Result<String, Failed> {
        let sources = self.clone();
        // Compiling takes a while, and this thread accepts connections.
        let read = tokio::task::spawn_blocking(move || {
            let config = load_config(&sources.path, &sources.overrides, Mode::Run, Need::Service)?;
            let artifact = load_artifact(&config, &sources.path)?;
            Ok::<_, Failed>((config, artifact))
        });
        let read = read.await.map_err(|error| Failed::Message(format!("a task failed: {error}")))?;
        let (config, artifact) = read?;
        state.config.fixed_that_differ(&config).iter().for_each(|path| {
            tracing::warn!("{path} has changed; what it says holds from the next start on");
        });
        state.serve(Service::open(&config, &artifact, workers(), &state.metrics).await?);
        Ok(summary(&artifact))
    }
}
