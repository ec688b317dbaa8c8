//! HTTP requests → GraphQL requests, and the negotiation of media types.
//!
//! GraphQL over HTTP, sections 4 to 6. What a request says is borrowed from its bytes, and its variables
//! stay text until it is known what they have to be.

use std::borrow::Cow;

use http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use ring::digest;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::respond::Failure;
use crate::error::Code;

/// What a client asks to be run.
#[derive(Debug)]
pub struct Request<'a> {
    pub query: Option<Cow<'a, str>>,
    pub operation_name: Option<Cow<'a, str>>,
    /// An object.
    pub variables: Option<Cow<'a, RawValue>>,
    /// The hash of a persisted query, in lower-case hex.
    pub hash: Option<String>,
}

/// The body of a POST. A batch of one is answered by a list of one.
#[derive(Debug)]
pub enum Requests<'a> {
    One(Request<'a>),
    Batch(Vec<Request<'a>>),
}

/// The media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    Json,
    GraphqlResponse,
}

/// The members of a request; others are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    query: Option<Text<'a>>,
    #[serde(borrow)]
    operation_name: Option<Text<'a>>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    extensions: Option<Extensions>,
}

/// serde borrows a text that stands by itself, but none within an `Option`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    persisted_query: Option<PersistedQuery>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersistedQuery {
    sha256_hash: String,
}

// === impl Request ===

impl<'a> Request<'a> {
    /// Reads the body of a POST: one request, or several where batches of so many are taken.
    pub fn from_body(bytes: &'a [u8], batch_max: Option<usize>) -> Result<Requests<'a>, Failure> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        let bad = |error: serde_json::Error| Failure::malformed(format!("the body is not a GraphQL request: {error}"));
        match (first, batch_max) {
            (Some(b'['), Some(max)) => {
                let bodies: Vec<Body> = serde_json::from_slice(bytes).map_err(bad)?;
                if bodies.is_empty() || bodies.len() > max {
                    let message = format!("a batch holds 1 to {max} requests ([graphql] max_batch_requests)");
                    return Err(Failure::malformed(message));
                }
                bodies.into_iter().map(Body::request).collect::<Result<_, _>>().map(Requests::Batch)
            }
            (Some(b'['), None) => Err(Failure::malformed("batches are not served here ([graphql] batching)")),
            (Some(_) | None, _) => {
                // Checked as a whole, which costs a fourth of checking text by text.
                let body = std::str::from_utf8(bytes);
                let body: Body<'_> =
                    body.map_or_else(|_| serde_json::from_slice(bytes), serde_json::from_str).map_err(bad)?;
                body.request().map(Requests::One)
            }
        }
    }

    /// Reads the parameters of a GET.
    pub fn from_query(query: &str) -> Result<Request<'static>, Failure> {
        let mut request = Request { query: None, operation_name: None, variables: None, hash: None };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                let spaced = text.replace('+', " ");
                let text = percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned());
                text.map_err(|_| Failure::malformed(format!("the parameter \"{name}\" is not UTF-8")))
            };
            let bad =
                |error: serde_json::Error| Failure::malformed(format!("the parameter \"{name}\" is not JSON: {error}"));
            match name {
                "query" => request.query = Some(decode(value)?.into()),
                "operationName" => {
                    request.operation_name = Some(decode(value)?).filter(|name| !name.is_empty()).map(Cow::Owned);
                }
                "variables" => {
                    let text = decode(value)?;
                    let variables: Option<Box<RawValue>> = serde_json::from_str(&text).map_err(bad)?;
                    request.variables = variables.map(Cow::Owned);
                }
                "extensions" => {
                    let extensions: Option<Extensions> = serde_json::from_str(&decode(value)?).map_err(bad)?;
                    request.hash = extensions.and_then(Extensions::hash);
                }
                _ => {}
            }
        }
        request.checked()
    }

    fn checked(self) -> Result<Request<'a>, Failure> {
        if self.query.is_none() && self.hash.is_none() {
            return Err(Failure::malformed("the request has no \"query\""));
        }
        match &self.variables {
            Some(variables) if !variables.get().starts_with('{') => {
                Err(Failure::malformed("the \"variables\" of the request are not an object"))
            }
            Some(_) | None => Ok(self),
        }
    }

    /// Whether the text has the hash that was sent with it.
    pub fn hash_matches(text: &str, hash: &str) -> bool {
        use std::fmt::Write;
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        let mut hex = String::with_capacity(64);
        for byte in digest.as_ref() {
            let _ = write!(hex, "{byte:02x}");
        }
        hex == hash
    }
}

impl<'a> Body<'a> {
    fn request(self) -> Result<Request<'a>, Failure> {
        let request = Request {
            query: self.query.map(|text| text.0),
            operation_name: self.operation_name.map(|text| text.0),
            variables: self.variables.map(Cow::Borrowed),
            hash: self.extensions.and_then(Extensions::hash),
        };
        request.checked()
    }
}

impl Extensions {
    fn hash(self) -> Option<String> {
        self.persisted_query.map(|query| query.sha256_hash.to_ascii_lowercase())
    }
}

// === impl MediaType ===

impl MediaType {
    pub fn name(self) -> &'static str {
        match self {
            MediaType::Json => "application/json; charset=utf-8",
            MediaType::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }

    /// The media type that a client prefers; JSON when it does not care.
    pub fn of(headers: &HeaderMap) -> Result<MediaType, Failure> {
        let mut best: Option<(f32, usize, MediaType)> = None;
        let mut any = false;
        for value in headers.get_all(header::ACCEPT) {
            let Ok(text) = value.to_str() else { continue };
            // What most clients say, and nothing else.
            if !any && text == "application/json" {
                return Ok(MediaType::Json);
            }
            for range in text.split(',') {
                any |= !range.trim().is_empty();
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let quality = parts
                    .filter_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                    .find_map(|quality| quality.parse::<f32>().ok())
                    .unwrap_or(1.0);
                const RANGES: [(&str, MediaType, usize); 4] = [
                    ("application/json", MediaType::Json, 2),
                    ("application/graphql-response+json", MediaType::GraphqlResponse, 2),
                    ("application/*", MediaType::Json, 1),
                    ("*/*", MediaType::Json, 0),
                ];
                let known = RANGES.iter().find(|(known, ..)| name.eq_ignore_ascii_case(known));
                let Some(&(_, media, specificity)) = known else { continue };
                let better = best.is_none_or(|(known, known_specificity, _)| {
                    quality > known || (quality == known && specificity > known_specificity)
                });
                if quality > 0.0 && better {
                    best = Some((quality, specificity, media));
                }
            }
        }
        match best {
            Some((_, _, media)) => Ok(media),
            None if !any => Ok(MediaType::Json),
            None => Err(Failure::http(
                Code::NotAcceptable,
                "the answer can be application/json or application/graphql-response+json",
            )),
        }
    }
}

/// Whether a browser asks for a page.
pub fn wants_html(method: &Method, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    matches!(*method, Method::GET | Method::HEAD) && accept.contains("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_one_is_a_batch() {
        let read = |text: &'static str| Request::from_body(text.as_bytes(), Some(2));
        assert!(matches!(read(r#" [{"query":"{a}"}]"#), Ok(Requests::Batch(all)) if all.len() == 1));
        assert!(matches!(read(r#"{"query":"{a}"}"#), Ok(Requests::One(_))));
        assert!(read("[]").is_err());
        assert!(read(r#"[{"query":"{a}"},{"query":"{a}"},{"query":"{a}"}]"#).is_err());
        assert!(Request::from_body(br#"[{"query":"{a}"}]"#, None).is_err());
    }
}
