//! Errors and refusals as GraphQL writes them.

use serde_json::{Value as Json, json};

use crate::codec::json_text::{integer, string};
use crate::error::{Code, Error};

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphqlError {
    pub message: String,
    /// Lines and columns, from 1.
    pub locations: Vec<(usize, usize)>,
    /// Response keys and list positions.
    pub path: Vec<Json>,
    pub code: &'static str,
    /// Entries of `extensions` besides the code.
    pub extensions: serde_json::Map<String, Json>,
}

/// A request that was refused before anything ran.
#[derive(Debug, Clone)]
pub struct Failure {
    pub errors: Vec<GraphqlError>,
    /// The HTTP status where it is not the one that GraphQL over HTTP gives a refused document.
    pub status: Option<u16>,
    pub allow: Option<&'static str>,
    pub retry_after_secs: Option<u64>,
}

/// Most errors of one refusal.
const ERRORS_MAX: usize = 100;

// === impl GraphqlError ===

impl GraphqlError {
    pub fn new(message: impl Into<String>) -> GraphqlError {
        GraphqlError {
            message: message.into(),
            locations: Vec::new(),
            path: Vec::new(),
            code: "GRAPHQL_VALIDATION_FAILED",
            extensions: serde_json::Map::new(),
        }
    }

    /// The engine's error at a place of the response.
    pub fn of(error: &Error, path: Vec<Json>, location: Option<(usize, usize)>, request_id: &str) -> GraphqlError {
        let mut extensions = serde_json::Map::new();
        if let Some(argument) = &error.argument {
            extensions.insert("argument".to_owned(), json!(argument));
        }
        if let Some(hint) = &error.hint {
            extensions.insert("hint".to_owned(), json!(hint));
        }
        if let Some(seconds) = error.retry_after_secs {
            extensions.insert("retryAfter".to_owned(), json!(seconds));
        }
        if matches!(error.code, Code::Internal | Code::DataMismatch) {
            extensions.insert("requestId".to_owned(), json!(request_id));
        }
        let code = code_name(error.code);
        GraphqlError {
            message: error.message.clone(),
            locations: location.into_iter().collect(),
            path,
            code,
            extensions,
        }
    }

    /// What [`GraphqlError::write`] wrote.
    pub fn of_json(entry: &Json) -> GraphqlError {
        let mut extensions = entry["extensions"].as_object().cloned().unwrap_or_default();
        let code = extensions.shift_remove("code");
        let code = Code::ALL.into_iter().map(code_name).find(|name| code.as_ref().is_some_and(|code| code == name));
        let number = |place: &Json, name: &str| place[name].as_u64().unwrap_or_default() as usize;
        let locations = entry["locations"].as_array().into_iter().flatten();
        GraphqlError {
            message: entry["message"].as_str().unwrap_or_default().to_owned(),
            locations: locations.map(|place| (number(place, "line"), number(place, "column"))).collect(),
            path: entry["path"].as_array().cloned().unwrap_or_default(),
            code: code.unwrap_or(Code::Internal.name()),
            extensions,
        }
    }

    /// Writes it as JSON. There may be one for each of many entities, so that no tree is made of them.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"message\":");
        string(self.message.as_bytes(), out);
        if !self.locations.is_empty() {
            out.extend_from_slice(b",\"locations\":");
            list(&self.locations, out, |(line, column), out| {
                out.extend_from_slice(b"{\"line\":");
                integer(*line, out);
                out.extend_from_slice(b",\"column\":");
                integer(*column, out);
                out.push(b'}');
            });
        }
        if !self.path.is_empty() {
            out.extend_from_slice(b",\"path\":");
            list(&self.path, out, value);
        }
        out.extend_from_slice(b",\"extensions\":{\"code\":");
        string(self.code.as_bytes(), out);
        for (name, extension) in &self.extensions {
            out.push(b',');
            string(name.as_bytes(), out);
            out.push(b':');
            value(extension, out);
        }
        out.extend_from_slice(b"}}");
    }
}

/// Errors as a JSON list.
pub fn write_all<'e>(errors: impl IntoIterator<Item = &'e GraphqlError>, out: &mut Vec<u8>) {
    list(errors, out, GraphqlError::write);
}

fn list<T>(items: impl IntoIterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn value(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::String(text) => string(text.as_bytes(), out),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            out.extend_from_slice(json.to_string().as_bytes());
        }
    }
}

/// GraphQL's name of a code: a bad argument is called what Apollo's clients look for.
fn code_name(code: Code) -> &'static str {
    if code == Code::InvalidArgument { "BAD_USER_INPUT" } else { code.name() }
}

// === impl Failure ===

impl Failure {
    /// Tells the first errors; a document may be wrong in more places than anybody reads.
    pub fn of(code: &'static str, errors: Vec<GraphqlError>) -> Failure {
        let errors = errors.into_iter().take(ERRORS_MAX).map(|error| GraphqlError { code, ..error }).collect();
        Failure { errors, status: None, allow: None, retry_after_secs: None }
    }

    /// A refusal with the status of its code, whatever media type answers.
    pub fn http(code: Code, message: impl Into<String>) -> Failure {
        Failure { status: Some(code.http_status()), ..Failure::of(code_name(code), vec![GraphqlError::new(message)]) }
    }

    /// What a request is turned away with before it is read.
    pub fn refused(error: &Error) -> Failure {
        Failure { retry_after_secs: error.retry_after_secs, ..Failure::http(error.code, error.message.as_str()) }
    }

    /// Nothing but entities was asked for, and all of them are left alone for a while.
    pub fn open(secs: u64, errors: Vec<GraphqlError>) -> Failure {
        let status = Some(Code::CircuitBreakerOpen.http_status());
        Failure { status, retry_after_secs: Some(secs), ..Failure::of(Code::CircuitBreakerOpen.name(), errors) }
    }

    pub fn too_large(bytes_max: usize) -> Failure {
        let message = format!("the body is larger than {bytes_max} bytes ([server] max_body_bytes)");
        Failure::http(Code::PayloadTooLarge, message)
    }

    /// A request that is not one: 400 by GraphQL over HTTP.
    pub fn malformed(message: impl Into<String>) -> Failure {
        Failure { status: Some(400), ..Failure::of("BAD_REQUEST", vec![GraphqlError::new(message)]) }
    }

    /// GraphQL has more names than there are codes: those of its own say that the request was wrong.
    pub fn code(&self) -> Code {
        let name = self.errors.first().map_or("", |error| error.code);
        let known = Code::ALL.into_iter().find(|code| code.name() == name);
        known.unwrap_or(if name == "PERSISTED_QUERY_NOT_FOUND" { Code::NotFound } else { Code::InvalidArgument })
    }

    pub fn body(&self) -> Vec<u8> {
        let mut body = b"{\"errors\":".to_vec();
        write_all(&self.errors, &mut body);
        body.push(b'}');
        body
    }
}
