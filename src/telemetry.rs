//! Logs: what is emitted as events and spans elsewhere is filtered, laid out and written here.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{LogFormat, Telemetry};

/// Starts logging to standard error. A second call changes nothing.
pub fn start(telemetry: &Telemetry) {
    // The driver repeats every notice of PostgreSQL at `info`; whoever wants them says so.
    let quiet = |filter: &str| format!("tokio_postgres=warn,{filter}");
    let filter = EnvFilter::try_new(quiet(&telemetry.log)).unwrap_or_else(|_| EnvFilter::new(quiet("info")));
    let on_terminal = std::io::stderr().is_terminal();
    let format = telemetry.log_format.unwrap_or(if on_terminal { LogFormat::Pretty } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(on_terminal)
        // Said on standard error, and with a panic when that cannot be written to either.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::CLOSE);
    // It fails only when logging has been started already.
    let _ = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Pretty => builder.compact().with_target(false).try_init(),
    };
}
