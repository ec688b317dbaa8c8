//! A request through a wire, as the server hands it over, and what its answer has to be like.
//!
//! The database does not exist, so that whatever makes sense is answered with `UNAVAILABLE`. Nothing is answered
//! with `INTERNAL`.

use std::cell::RefCell;
use std::future::Future;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};

/// What an answer may be longer than what was asked.
const EXCESS_BYTES_MAX: usize = 1024 * 1024;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

/// Waits for an answer. `asked_bytes` is the length of what was sent.
pub fn answer(asked_bytes: usize, answered: impl Future<Output = Response<Body>>) -> Answer {
    thread_local! {
        static RUNTIME: RefCell<Runtime> = RefCell::new(Builder::new_current_thread().enable_all().build().expect("a runtime"));
    }
    RUNTIME.with_borrow(|runtime| {
        runtime.block_on(async {
            let (parts, body) = answered.await.into_parts();
            let collected = body.collect().await.unwrap_or_else(|error| panic!("the answer ends early: {error}"));
            let trailers = collected.trailers().cloned().unwrap_or_default();
            let body = collected.to_bytes();
            let most = 16 * asked_bytes + EXCESS_BYTES_MAX;
            assert!(body.len() <= most, "{} bytes are answered to {asked_bytes}", body.len());
            Answer { status: parts.status, headers: parts.headers, body, trailers }
        })
    })
}

// === impl Answer ===

impl Answer {
    /// The body, where it says that it is JSON.
    pub fn json(&self) -> Option<Json> {
        let content = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let is_json = content.split(';').next().is_some_and(|name| name.ends_with("json")) && !self.body.is_empty();
        is_json.then(|| {
            let parsed = serde_json::from_slice(&self.body);
            parsed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
        })
    }
}

/// The error that an answer tells of: it has a code other than the one that nobody may see, and a text.
pub fn error(code: Option<&str>, message: Option<&str>, all: &Json) {
    assert!(code.is_some_and(|code| code != "INTERNAL"), "{all}");
    assert!(message.is_some_and(|message| !message.is_empty()), "{all}");
}
