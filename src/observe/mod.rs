//! What is seen of requests: one observer for each, which its caller carries through the stages, and the numbers that
//! all of them add up to.
//!
//! An observer ends with its last handle: a stream that is still being sent holds one. Only then is the request counted,
//! its line of the access log written and its span closed, so that each of them knows how it went.

mod histogram;
mod metrics;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tracing::Span;

pub use metrics::{ENTITIES, Endpoint, Metrics, SERVICE, Shed, Transport};

use crate::error::{Code, Stage};
use metrics::Codes;

/// Lines of the access log have this target: `log = "info,fraiseql::access=debug"` shows all of them.
const ACCESS: &str = "fraiseql::access";

/// A handle on what is seen of one request. The default sees nothing: what is asked without a request, as by `explain`.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Watched>>);

/// What is known of a request from its head.
#[derive(Debug)]
pub struct Beginning {
    pub transport: Transport,
    pub method: http::Method,
    pub id: String,
    /// The span of the whole request.
    pub span: Span,
    /// What statements are marked with, by `[telemetry] sql_comment`.
    pub traceparent: Option<String>,
}

struct Watched {
    metrics: Arc<Metrics>,
    beginning: Beginning,
    began: Instant,
    endpoint: OnceLock<Arc<Endpoint>>,
    asks_several: AtomicBool,
    /// It was not looked at.
    is_refused_early: AtomicBool,
    codes: AtomicU32,
    /// What its span is called, where that was found out.
    name: OnceLock<String>,
    /// 0 while there is no answer.
    status: AtomicU16,
    /// Nanoseconds.
    took: [AtomicU64; Stage::ALL.len()],
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// The time of a stage, until it is dropped.
#[must_use]
pub struct Timer<'o> {
    watched: Option<(&'o Watched, Instant)>,
    stage: Stage,
}

// === impl Observer ===

impl Observer {
    pub fn begin(metrics: &Arc<Metrics>, beginning: Beginning) -> Observer {
        metrics.begun(beginning.transport);
        Observer(Some(Arc::new(Watched {
            metrics: metrics.clone(),
            beginning,
            began: Instant::now(),
            endpoint: OnceLock::new(),
            asks_several: AtomicBool::new(false),
            is_refused_early: AtomicBool::new(false),
            codes: AtomicU32::new(0),
            name: OnceLock::new(),
            status: AtomicU16::new(0),
            took: [const { AtomicU64::new(0) }; Stage::ALL.len()],
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })))
    }

    /// The id of the request; empty where there is none.
    pub fn id(&self) -> &str {
        self.0.as_deref().map_or("", |watched| &watched.beginning.id)
    }

    pub fn span(&self) -> Span {
        self.0.as_deref().map_or_else(Span::none, |watched| watched.beginning.span.clone())
    }

    /// What a statement is marked with.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.as_deref()?.beginning.traceparent.as_deref()
    }

    /// Says more of the request to whoever traces it; `value` is made only for them.
    pub fn note<T: tracing::Value>(&self, field: &'static str, value: impl FnOnce() -> T) {
        if let Some(watched) = self.0.as_deref().filter(|watched| !watched.beginning.span.is_disabled()) {
            watched.beginning.span.record(field, value());
        }
    }

    /// Names the request to whoever traces it: by the route or the method, and by nothing that varies.
    pub fn named(&self, name: impl FnOnce() -> String) {
        if let Some(watched) = self.0.as_deref().filter(|watched| !watched.beginning.span.is_disabled()) {
            watched.name.get_or_init(name);
        }
    }

    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()?.name.get().map(String::as_str)
    }

    /// The request asks this query or mutation of the schema. Asked for two, it counts as one for several.
    pub fn asks(&self, name: &str) {
        let Some(watched) = &self.0 else { return };
        match watched.endpoint.get() {
            Some(first) if *first.name == *name => {}
            Some(_) => watched.asks_several.store(true, Ordering::Relaxed),
            None => {
                if let Some(endpoint) = watched.metrics.endpoint(name) {
                    // Roots are looked at one after the other.
                    let _ = watched.endpoint.set(endpoint);
                }
            }
        }
    }

    /// Measures a stage until the timer is dropped.
    pub fn time(&self, stage: Stage) -> Timer<'_> {
        Timer { watched: self.0.as_deref().map(|watched| (watched, Instant::now())), stage }
    }

    /// Whether a statement was known, or had to be planned.
    pub fn planned(&self, is_known: bool) {
        if let Some(watched) = &self.0 {
            watched.metrics.planned(is_known);
        }
    }

    /// So many keys of an entity are asked together.
    pub fn batch(&self, entity: &str, size: usize) {
        if let Some(watched) = &self.0 {
            watched.metrics.batch(entity, size);
        }
    }

    /// An error is part of the answer.
    pub fn failed(&self, code: Code) {
        if let Some(watched) = &self.0 {
            watched.codes.fetch_or(Codes::bit(code), Ordering::Relaxed);
        }
    }

    /// It is turned away at once, as many others are at such a time.
    pub fn refused_early(&self) {
        if let Some(watched) = &self.0 {
            watched.is_refused_early.store(true, Ordering::Relaxed);
        }
    }

    /// Rows have been read.
    pub fn read(&self, rows: u64) {
        if let Some(watched) = &self.0 {
            watched.rows.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Bytes of the body are handed over.
    pub fn sent(&self, bytes: usize) {
        if let Some(watched) = &self.0 {
            watched.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// There is an answer, of which a stream may still be to come.
    pub fn answered(&self, status: u16) {
        if let Some(watched) = &self.0 {
            watched.status.store(status, Ordering::Relaxed);
        }
    }

    /// The times of the stages so far, for browsers: `decode;dur=0.021, total;dur=1.4`, in milliseconds.
    pub fn server_timing(&self) -> Option<String> {
        let watched = self.0.as_deref()?;
        let stages =
            Stage::ALL.into_iter().filter_map(|stage| match watched.took[stage as usize].load(Ordering::Relaxed) {
                0 => None,
                nanos => Some((stage.name(), nanos)),
            });
        let total = ("total", nanos(watched.began));
        let all: Vec<String> =
            stages.chain([total]).map(|(name, nanos)| format!("{name};dur={:.3}", nanos as f64 / 1e6)).collect();
        Some(all.join(", "))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.id()).finish()
    }
}

// === impl Timer ===

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        if let Some((watched, began)) = self.watched {
            let nanos = nanos(began);
            watched.took[self.stage as usize].fetch_add(nanos, Ordering::Relaxed);
            watched.metrics.took(self.stage, nanos);
        }
    }
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

// === impl Watched ===

impl Drop for Watched {
    fn drop(&mut self) {
        let nanos = nanos(self.began);
        let (rows, bytes, status) = (*self.rows.get_mut(), *self.bytes.get_mut(), *self.status.get_mut());
        // Nobody waited for the answer.
        let gone = if status == 0 { Codes::bit(Code::Cancelled) } else { 0 };
        let codes = Codes(*self.codes.get_mut() | gone);
        let endpoint = match self.endpoint.take() {
            Some(_) if *self.asks_several.get_mut() => self.metrics.several_endpoints(),
            Some(endpoint) => endpoint,
            None => self.metrics.no_endpoint(),
        };
        endpoint.answered(self.beginning.transport, nanos, codes);
        self.metrics.ended(self.beginning.transport, rows, bytes);
        let Beginning { transport, method, id, span, .. } = &self.beginning;
        if !span.is_disabled() {
            describe(span, status, codes);
        }
        // The names are those of the schema, and paths and documents may hold values: neither stands here.
        macro_rules! line {
            ($event:ident) => {
                tracing::$event!(
                    target: ACCESS,
                    parent: span,
                    request_id = id,
                    transport = transport.name(),
                    method = method.as_str(),
                    endpoint = &*endpoint.name,
                    status,
                    code = codes.iter().next().map(Code::name),
                    duration_ms = nanos as f64 / 1e6,
                    rows,
                    bytes,
                    "answered"
                )
            };
        }
        // What went well is told to who asks for it: a line for each costs more than many an answer. So is what comes
        // in great numbers when there is too much to do already; metrics count it.
        if codes.0 == 0 || *self.is_refused_early.get_mut() { line!(debug) } else { line!(info) }
    }
}

/// What a span says of how its request went.
fn describe(span: &Span, status: u16, codes: Codes) {
    if status != 0 {
        span.record("http.response.status_code", i64::from(status));
    }
    if let Some(code) = codes.iter().next() {
        span.record("error.type", code.name());
    }
    // The errors of a server: what a client does wrong leaves its span unset (semantic conventions for HTTP).
    if codes.iter().any(|code| code.http_status() >= 500) {
        span.record("otel.status_code", "ERROR");
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    fn begin(metrics: &Arc<Metrics>) -> Observer {
        let (method, id, span) = (http::Method::GET, "r1".to_owned(), Span::none());
        Observer::begin(metrics, Beginning { transport: Transport::Rest, method, id, span, traceparent: None })
    }

    #[track_caller]
    fn says(metrics: &Arc<Metrics>, samples: &[&str]) {
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register_collector(Box::new(metrics.clone()));
        encode(&mut text, &registry).unwrap();
        for sample in samples {
            assert!(text.lines().any(|line| line == *sample), "no {sample} in\n{text}");
        }
    }

    #[test]
    fn a_request_is_counted_when_its_last_handle_goes() {
        let metrics = Arc::new(Metrics::default());
        metrics.serves(["users"].into_iter(), std::iter::empty());
        let observer = begin(&metrics);
        let stream = observer.clone();
        observer.asks("users");
        observer.asks("nobody knows this");
        observer.failed(Code::Timeout);
        observer.failed(Code::Timeout);
        observer.answered(504);
        drop(observer);
        says(&metrics, &["fraiseql_requests_in_flight{transport=\"rest\"} 1"]);
        stream.read(3);
        drop(stream);
        let labels = "transport=\"rest\",endpoint=\"(several)\"";
        says(
            &metrics,
            &[
                "fraiseql_requests_in_flight{transport=\"rest\"} 0",
                "fraiseql_rows_total{transport=\"rest\"} 3",
                &format!("fraiseql_requests_total{{{labels}}} 1"),
                &format!("fraiseql_request_errors_total{{{labels},code=\"TIMEOUT\"}} 1"),
            ],
        );
    }

    #[test]
    fn a_client_that_went_away_is_no_success() {
        let metrics = Arc::new(Metrics::default());
        drop(begin(&metrics));
        let name = "fraiseql_request_errors_total{transport=\"rest\",endpoint=\"(none)\",code=\"CANCELLED\"} 1";
        says(&metrics, &[name]);
    }

    /// A reload keeps the counts of what stays.
    #[test]
    fn names_that_stay_count_on() {
        let metrics = Arc::new(Metrics::default());
        for names in [["users", "posts"], ["users", "orders"]] {
            metrics.serves(names.into_iter(), std::iter::empty());
            for name in names {
                let observer = begin(&metrics);
                observer.asks(name);
                observer.answered(200);
            }
        }
        let count =
            |endpoint, count| format!("fraiseql_requests_total{{transport=\"rest\",endpoint=\"{endpoint}\"}} {count}");
        says(&metrics, &[&count("users", 2), &count("orders", 1)]);
    }
}
