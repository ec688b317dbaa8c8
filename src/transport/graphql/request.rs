//! HTTP requests → GraphQL requests, and the negotiation of media types.
//!
//! GraphQL over HTTP, sections 4 to 6.

use http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use ring::digest;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::respond::Failure;
use crate::error::Code;

/// What a client asks to be run.
#[derive(Debug, Default)]
pub struct Request {
    pub query: Option<String>,
    pub operation_name: Option<String>,
    pub variables: Map<String, Json>,
    /// The hash of a persisted query, in lower-case hex.
    pub hash: Option<String>,
}

/// The body of a POST. A batch of one is answered by a list of one.
#[derive(Debug)]
pub enum Requests {
    One(Request),
    Batch(Vec<Request>),
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
struct Body {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Json>>,
    extensions: Option<Extensions>,
}

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

impl Request {
    /// Reads the body of a POST: one request, or several where `batching` is on.
    pub fn from_body(bytes: &[u8], batching: bool) -> Result<Requests, Failure> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        let bad = |error: serde_json::Error| Failure::malformed(format!("the body is not a GraphQL request: {error}"));
        match first {
            Some(b'[') if batching => {
                let bodies: Vec<Body> = serde_json::from_slice(bytes).map_err(bad)?;
                if bodies.is_empty() || bodies.len() > BATCH_MAX {
                    return Err(Failure::malformed(format!("a batch holds 1 to {BATCH_MAX} requests")));
                }
                bodies.into_iter().map(Request::of).collect::<Result<_, _>>().map(Requests::Batch)
            }
            Some(b'[') => Err(Failure::malformed("batches are not served here ([graphql] batching)")),
            Some(_) | None => Request::of(serde_json::from_slice(bytes).map_err(bad)?).map(Requests::One),
        }
    }

    /// Reads the parameters of a GET.
    pub fn from_query(query: &str) -> Result<Request, Failure> {
        let mut body = Body { query: None, operation_name: None, variables: None, extensions: None };
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
                "query" => body.query = Some(decode(value)?),
                "operationName" => body.operation_name = Some(decode(value)?).filter(|name| !name.is_empty()),
                "variables" => body.variables = serde_json::from_str(&decode(value)?).map_err(bad)?,
                "extensions" => body.extensions = serde_json::from_str(&decode(value)?).map_err(bad)?,
                _ => {}
            }
        }
        Request::of(body)
    }

    fn of(body: Body) -> Result<Request, Failure> {
        let hash = body.extensions.and_then(|extensions| extensions.persisted_query).map(|query| query.sha256_hash);
        if body.query.is_none() && hash.is_none() {
            return Err(Failure::malformed("the request has no \"query\""));
        }
        Ok(Request {
            query: body.query,
            operation_name: body.operation_name,
            variables: body.variables.unwrap_or_default(),
            hash: hash.map(|hash| hash.to_ascii_lowercase()),
        })
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

/// Most requests of one batch.
const BATCH_MAX: usize = 100;

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
            for range in text.split(',') {
                any |= !range.trim().is_empty();
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default().to_ascii_lowercase();
                let quality = parts
                    .filter_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                    .find_map(|quality| quality.parse::<f32>().ok())
                    .unwrap_or(1.0);
                let (media, specificity) = match name.as_str() {
                    "application/json" => (MediaType::Json, 2),
                    "application/graphql-response+json" => (MediaType::GraphqlResponse, 2),
                    "application/*" => (MediaType::Json, 1),
                    "*/*" => (MediaType::Json, 0),
                    _ => continue,
                };
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

/// Whether the body says that it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = value.split(';').next().unwrap_or_default().trim();
    let charset = value.to_ascii_lowercase();
    name.eq_ignore_ascii_case("application/json") && (!charset.contains("charset=") || charset.contains("utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_one_is_a_batch() {
        let read = |text: &str| Request::from_body(text.as_bytes(), true);
        assert!(matches!(read(r#" [{"query":"{a}"}]"#), Ok(Requests::Batch(all)) if all.len() == 1));
        assert!(matches!(read(r#"{"query":"{a}"}"#), Ok(Requests::One(_))));
        assert!(read("[]").is_err());
        assert!(Request::from_body(br#"[{"query":"{a}"}]"#, false).is_err());
    }
}
