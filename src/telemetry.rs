//! Logs and traces: what is emitted as events and spans elsewhere is filtered, laid out and written or sent here.

#[cfg(feature = "grpc-transport")]
mod otlp;
#[cfg(not(feature = "grpc-transport"))]
mod unsent;

use std::io::IsTerminal;

use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Config, LogFormat};
#[cfg(not(feature = "grpc-transport"))]
use unsent as otlp;

use otlp::Exporter;
/// The trace of a span, as other services and PostgreSQL are told of it.
pub use otlp::{follow, rename, traceparent};

/// One of the ways in which spans and events leave the process.
type Output = Box<dyn Layer<Registry> + Send + Sync>;

/// Logs and traces are on.
pub struct Started {
    exporter: Option<Exporter>,
}

// === impl Started ===

impl Started {
    /// Sends what has not been sent yet; within the time that one attempt to send may take.
    pub async fn stop(self) {
        if let Some(exporter) = self.exporter {
            exporter.stop().await;
        }
    }
}

/// Starts logging to standard error, and sending traces where a collector is named. To be called within a runtime. A
/// second call changes nothing.
pub fn start(config: &Config) -> Started {
    let (exporter, problem) = match &config.telemetry.otlp_endpoint {
        Some(endpoint) => match Exporter::to(endpoint, &config.project.name, &config.project.version) {
            Ok(exporter) => (Some(exporter), None),
            Err(reason) => (None, Some(reason)),
        },
        None => (None, None),
    };
    let mut outputs = vec![log(config)];
    outputs.extend(exporter.as_ref().map(Exporter::output));
    // It fails only when logging has been started already.
    let _ = tracing_subscriber::registry().with(outputs).try_init();
    if let Some(reason) = problem {
        tracing::warn!("no traces are sent to [telemetry] otlp_endpoint: {reason}");
    }
    Started { exporter }
}

fn log(config: &Config) -> Output {
    // The driver repeats every notice of PostgreSQL at `info`, which is `debug` here. Nobody may have what it says of
    // statements: there it writes down the values.
    let quiet = |filter: &str| format!("tokio_postgres=warn,{filter},tokio_postgres::query=warn");
    let filter = EnvFilter::try_new(quiet(&config.telemetry.log)).unwrap_or_else(|_| EnvFilter::new(quiet("info")));
    let on_terminal = std::io::stderr().is_terminal();
    let format = config.telemetry.log_format.unwrap_or(if on_terminal { LogFormat::Pretty } else { LogFormat::Json });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(on_terminal)
        .with_span_events(FmtSpan::CLOSE)
        // That a line cannot be written would be said in the same place, by what panics when it cannot either.
        .log_internal_errors(false);
    match format {
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
        LogFormat::Pretty => lines.compact().with_target(false).with_filter(filter).boxed(),
    }
}
