//! The trace that a request belongs to, as its caller says by W3C Trace Context: spans continue it.

use http::HeaderMap;
use tracing::Span;

const TRACEPARENT: &str = "traceparent";

/// What a `traceparent` says: `00-<trace>-<parent>-<flags>`, in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TraceParent<'h> {
    trace_id: &'h str,
    parent_id: &'h str,
}

/// The span of one request, with the trace that it continues; without one, spans of a request have no root.
pub fn span(headers: &HeaderMap, request_id: &str) -> Span {
    let header = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    match header.and_then(parent) {
        Some(TraceParent { trace_id, parent_id }) => {
            tracing::debug_span!("request", request_id, trace_id, parent_id)
        }
        None => Span::none(),
    }
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
    is_valid.then_some(TraceParent { trace_id, parent_id })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn headers() {
        let found = Some(TraceParent { trace_id: TRACE, parent_id: PARENT });
        for good in ["00-{t}-{p}-01", "00-{t}-{p}-00", "cc-{t}-{p}-01-what-comes"] {
            assert_eq!(parent(&good.replace("{t}", TRACE).replace("{p}", PARENT)), found, "{good}");
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
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::try_from(format!("00-{TRACE}-{PARENT}-01")).unwrap());
        tracing::subscriber::with_default(subscriber, || {
            span(&headers, "r1").in_scope(|| tracing::error!("something failed"));
            span(&HeaderMap::new(), "r2").in_scope(|| tracing::error!("something else"));
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains(TRACE) && lines[0].contains(PARENT) && lines[0].contains("r1"), "{text}");
        assert!(!lines[1].contains("trace_id"), "{text}");
    }
}
