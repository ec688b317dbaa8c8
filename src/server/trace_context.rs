//! The trace that a request belongs to, as its caller says by W3C Trace Context: spans continue it.

use http::request::Parts;
use http::{HeaderMap, HeaderName, Version};
use tracing::Span;
use tracing::field::Empty;

use crate::observe::Transport;
use crate::telemetry;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a `traceparent` says: `00-<trace>-<parent>-<flags>`, in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TraceParent<'h> {
    trace_id: &'h str,
    parent_id: &'h str,
    is_sampled: bool,
}

/// The span of one request, by the semantic conventions for HTTP, RPC and GraphQL. What is empty is said by who finds it
/// out. Paths stand here only where they hold no values.
pub fn span(parts: &Parts, transport: Transport, is_tls: bool, request_id: &str) -> Span {
    let span = tracing::debug_span!(
        "request",
        request_id,
        trace_id = Empty,
        parent_id = Empty,
        otel.kind = "server",
        otel.name = Empty,
        otel.status_code = Empty,
        http.request.method = parts.method.as_str(),
        http.response.status_code = Empty,
        http.route = Empty,
        url.path = Empty,
        url.scheme = if is_tls { "https" } else { "http" },
        network.protocol.version = Empty,
        rpc.system = Empty,
        rpc.service = Empty,
        rpc.method = Empty,
        rpc.grpc.status_code = Empty,
        graphql.operation.type = Empty,
        graphql.operation.name = Empty,
        error.type = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    if let Some(parent) = sent(&parts.headers) {
        span.record("trace_id", parent.trace_id).record("parent_id", parent.parent_id);
        telemetry::follow(&span, &parts.headers);
    }
    let (method, path) = (&parts.method, parts.uri.path());
    match transport {
        Transport::Graphql => {
            span.record("otel.name", format!("{method} {path}")).record("url.path", path).record("http.route", path);
        }
        Transport::Grpc => {
            span.record("rpc.system", "grpc").record("otel.name", "grpc");
        }
        Transport::Rest | Transport::Other => _ = span.record("otel.name", method.as_str()),
    }
    let version = match parts.version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    span.record("network.protocol.version", version);
    span
}

/// What statements of a request are marked with: the span that is sent, else what the caller says; nothing where the
/// trace is not sampled.
pub fn traceparent(span: &Span, headers: &HeaderMap) -> Option<String> {
    telemetry::traceparent(span).or_else(|| {
        let parent = sent(headers).filter(|parent| parent.is_sampled)?;
        Some(format!("00-{}-{}-01", parent.trace_id, parent.parent_id))
    })
}

fn sent(headers: &HeaderMap) -> Option<TraceParent<'_>> {
    parent(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// A header that is not as the specification has it is taken for none (section 2.3).
fn parent(header: &str) -> Option<TraceParent<'_>> {
    let mut parts = header.split('-');
    let (version, trace_id, parent_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_given = |text: &str, length: usize| is_hex(text, length) && text.bytes().any(|byte| byte != b'0');
    // Versions to come may have more behind the four parts; `ff` is none.
    let is_version = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let is_valid = is_version && is_given(trace_id, 32) && is_given(parent_id, 16) && is_hex(flags, 2);
    let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    is_valid.then_some(TraceParent { trace_id, parent_id, is_sampled })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use http::{HeaderValue, Request};

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn headers() {
        let found = |is_sampled| Some(TraceParent { trace_id: TRACE, parent_id: PARENT, is_sampled });
        for (good, is_sampled) in
            [("00-{t}-{p}-01", true), ("00-{t}-{p}-00", false), ("cc-{t}-{p}-03-what-comes", true)]
        {
            assert_eq!(parent(&good.replace("{t}", TRACE).replace("{p}", PARENT)), found(is_sampled), "{good}");
        }
        let zeros = "0".repeat(32);
        for bad in [
            "",
            "00-{t}-{p}",
            "00-{t}-{p}-1",
            "00-{t}-{p}-01-more",
            "ff-{t}-{p}-01",
            "0-{t}-{p}-01",
            "00-{T}-{p}-01",
            "00-{t}0-{p}-01",
            "00-{z}-{p}-01",
            "00-{t}-0000000000000000-01",
            "00-{t}-{p} -01",
        ] {
            let bad = bad.replace("{t}", TRACE).replace("{p}", PARENT).replace("{z}", &zeros);
            let bad = bad.replace("{T}", &TRACE.to_uppercase());
            assert_eq!(parent(&bad), None, "{bad}");
        }
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_logged_within_a_request_names_its_trace() {
        let written = Written::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || to.clone())
            .finish();
        let (mut traced, ()) = Request::new(()).into_parts();
        let (untraced, ()) = Request::new(()).into_parts();
        let header = HeaderValue::try_from(format!("00-{TRACE}-{PARENT}-01")).unwrap();
        traced.headers.insert(TRACEPARENT, header);
        tracing::subscriber::with_default(subscriber, || {
            span(&traced, Transport::Rest, false, "r1").in_scope(|| tracing::error!("something failed"));
            span(&untraced, Transport::Rest, false, "r2").in_scope(|| tracing::error!("something else"));
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains(TRACE) && lines[0].contains(PARENT) && lines[0].contains("r1"), "{text}");
        assert!(!lines[1].contains("trace_id"), "{text}");
    }
}
