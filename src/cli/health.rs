//! `fraiseql health`: whether the service of this machine answers, for containers that hold no other program.

use clap::Args;

use super::project::load_config;
use super::{ConfigArgs, Failed, runtime};
use crate::config::{Mode, Need};
use crate::server::probe;

#[derive(Debug, Args)]
pub struct HealthArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The port, instead of [server] port.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Ask only whether it is alive, whatever the database does.
    #[arg(long)]
    live: bool,
}

pub fn run(arguments: HealthArgs) -> Result<(), Failed> {
    let mut overrides = arguments.config.overrides();
    overrides.port = arguments.port;
    let config = load_config(&arguments.config.config, &overrides, Mode::Run, Need::Schema)?;
    let path = if arguments.live { "/health" } else { "/ready" };
    match runtime()?.block_on(probe(&config, path)).map_err(Failed::Message)? {
        (200, body) => {
            anstream::println!("{body}");
            Ok(())
        }
        (_, body) => Err(Failed::Message(body)),
    }
}
