//! `fraiseql run`.

use clap::Args;
use tokio_util::task::TaskTracker;

use super::project::{ensure_schema, load_artifact, load_config, summary};
use super::{ConfigArgs, Failed, runtime, stop_signal};
use crate::config::{Mode, Need};
use crate::server::{Server, State, open_when_possible};
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
    runtime()?.block_on(async {
        let telemetry = telemetry::start(&config);
        ensure_schema(&config, &arguments.config.config).await?;
        let artifact = load_artifact(&config, &arguments.config.config)?;
        tracing::info!(hash = artifact.hash, "{}", summary(&artifact));
        let server = Server::start(State::new(config)).await?;
        let tracker = TaskTracker::new();
        if let Err(problems) = open_when_possible(server.state().clone(), artifact, &tracker, server.stopped()).await {
            server.stop().await;
            return Err(Failed::Problems(problems));
        }
        tracing::info!("listening on {}://{}", server.scheme(), server.address());
        stop_signal().await;
        tracing::info!("stopping: no new connections, requests in flight finish");
        server.stop().await;
        tracker.close();
        tracker.wait().await;
        telemetry.stop().await;
        Ok(())
    })
}
