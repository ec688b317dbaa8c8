//! Traces over OTLP: spans are sent in batches by a thread of their own, over a channel of this runtime.

use http::{HeaderMap, HeaderName};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use super::Output;

/// Whose spans are sent: our own, and none of the libraries below.
const OURS: &str = "fraiseql";

/// What sends traces.
pub struct Exporter(SdkTracerProvider);

// === impl Exporter ===

impl Exporter {
    /// Connects when there is something to send. How many traces are sampled, and how spans are batched, is read from
    /// the variables of the OpenTelemetry specification (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`).
    pub fn to(endpoint: &str, service: &str, version: &str) -> Result<Exporter, String> {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
        let exporter = exporter.map_err(|error| error.to_string())?;
        let version = opentelemetry::KeyValue::new("service.version", version.to_owned());
        let resource = Resource::builder().with_service_name(service.to_owned()).with_attribute(version).build();
        Ok(Exporter(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// Spans alone: events may say what PostgreSQL said.
    pub fn output(&self) -> Output {
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with(OURS));
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(OURS))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours.with_max_level_hint(LevelFilter::DEBUG))
            .boxed()
    }

    /// Sends the rest. It is waited for on a thread of its own: the channel needs this one.
    pub async fn stop(self) {
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if let Ok(Err(error)) = stopped {
            tracing::debug!("the last traces were not sent: {error}");
        }
    }
}

/// Makes a span that has not begun a part of the trace that its request's headers name.
pub fn follow(span: &Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    // It fails where spans are not sent.
    let _ = span.set_parent(context);
}

/// Gives a span that has begun the name that it is sent under.
pub fn rename(span: &Span, name: &str) {
    span.context().span().update_name(name.to_owned());
}

/// The trace of a span, as W3C Trace Context writes it; `None` where the trace is not sampled.
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    let is_told = context.is_valid() && context.is_sampled();
    is_told.then(|| format!("00-{}-{}-01", context.trace_id(), context.span_id()))
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
