//! Refusals and errors in REST's envelope, and the headers that every answer carries.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::codec::{Mismatch, Segment};
use crate::error::{Code, Error, Stage};

/// What depends on headers of the request.
const VARY: HeaderValue = HeaderValue::from_static("Authorization, Accept, Prefer");
/// An answer may be kept by the client alone, who asks each time whether it still holds.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    pub error: Box<Error>,
    pub details: Map<String, Json>,
    pub allow: Option<String>,
}

// === impl Failure ===

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure::from(Error::new(Stage::Decode, code, message))
    }

    /// Values that do not fit their declared types.
    pub fn mismatch(mismatches: &[Mismatch]) -> Failure {
        let told = |mismatch: &Mismatch| format!("{}.{}: {}", mismatch.type_name, mismatch.field, mismatch.reason);
        let message = mismatches.first().map(told).unwrap_or_else(|| "a value does not fit its type".to_owned());
        let places = mismatches.iter().map(|mismatch| {
            let path: Vec<Json> = mismatch.path.iter().map(segment).collect();
            json!({"path": path, "message": told(mismatch)})
        });
        let details = Map::from_iter([("mismatches".to_owned(), places.collect())]);
        Failure { details, ..Failure::from(Error::new(Stage::Encode, Code::DataMismatch, message)) }
    }

    /// `{"code", "message", "details"?}`.
    pub fn to_json(&self, request_id: &str) -> Json {
        let mut details = self.details.clone();
        if let Some(argument) = &self.error.argument {
            details.insert("argument".to_owned(), json!(argument));
        }
        if let Some(hint) = &self.error.hint {
            details.insert("hint".to_owned(), json!(hint));
        }
        if matches!(self.error.code, Code::Internal | Code::DataMismatch) {
            details.insert("requestId".to_owned(), json!(request_id));
        }
        let mut error = json!({"code": self.error.code.name(), "message": self.error.message});
        if !details.is_empty() {
            error["details"] = Json::Object(details);
        }
        error
    }

    pub fn log(&self, request_id: &str) {
        if self.error.code.is_logged() {
            tracing::error!(request_id, "{}", self.error);
        }
    }

    pub fn respond(&self, request_id: &str) -> Response<Body> {
        self.log(request_id);
        let body = json!({"error": self.to_json(request_id)});
        let mut response = json_response(&body);
        response.extensions_mut().insert(self.error.code);
        *response.status_mut() =
            StatusCode::from_u16(self.error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        headers.insert(header::VARY, VARY);
        if let Some(allow) = self.allow.as_ref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(seconds) = self.error.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.error.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error: Box::new(error), details: Map::new(), allow: None }
    }
}

pub fn segment(segment: &Segment) -> Json {
    match segment {
        Segment::Key(name) => Json::String(name.to_string()),
        Segment::Index(index) => json!(index),
    }
}

/// A body of data with the headers that go with it.
pub fn data(body: Body, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, PRIVATE);
    headers.insert(header::VARY, VARY);
    response
}

pub fn json_response(body: &Json) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

/// What a path can be asked, without asking it.
pub fn options(allow: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// A weak tag over the whole body: links and counts change with the data that they speak of.
pub fn tag(chunks: &[Bytes]) -> String {
    let hash = match chunks {
        // The usual body: what is at hand in one piece needs no state to be set up.
        [single] => xxh3_64(single),
        chunks => {
            let mut hash = Xxh3Default::new();
            chunks.iter().for_each(|chunk| hash.update(chunk));
            hash.digest()
        }
    };
    let digits = (0..16).rev().filter_map(|place| char::from_digit((hash >> (4 * place)) as u32 & 0xf, 16));
    // A tenth of what formatting it costs.
    let mut tag = String::with_capacity(20);
    tag.push_str("W/\"");
    tag.extend(digits);
    tag.push('"');
    tag
}

pub fn tag_response(response: &mut Response<Body>, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}
