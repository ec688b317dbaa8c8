//! Keys under which something happens once: as requests send them, and failures that are kept under them.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};
use xxhash_rust::xxh3::Xxh3Default;

use crate::auth::Caller;
use crate::engine::KeptAnswer;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::{Once, OnceKey};

/// The header of a request; of an answer that was given before it says so.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_OF_GRPC: HeaderName = HeaderName::from_static("idempotency_key");
pub const REPLAYED: HeaderValue = HeaderValue::from_static("replayed=true");

const LENGTH_MAX: usize = 255;

/// The key of one request, under which one thing happens or several.
#[derive(Debug, Clone)]
pub struct Under {
    pub name: String,
    scope: String,
    marks: String,
    ttl: Duration,
}

// === impl Under ===

impl Under {
    /// The key that a request sends, if any; gRPC clients may write it with an underscore. It belongs to the subject
    /// of the token and to what is asked.
    pub fn of(
        headers: &HeaderMap,
        what: impl FnOnce() -> String,
        caller: &Caller,
        ttl: Duration,
    ) -> Result<Option<Under>> {
        let Some(value) = headers.get(KEY).or_else(|| headers.get(KEY_OF_GRPC)) else { return Ok(None) };
        let name = value.to_str().unwrap_or_default().trim();
        if name.is_empty() || name.len() > LENGTH_MAX {
            let message = format!("a key has 1 to {LENGTH_MAX} visible ASCII characters");
            return Err(Error::invalid(message).at("Idempotency-Key"));
        }
        let scope = format!("{}\n{}", what(), caller.claim("sub").unwrap_or_default());
        Ok(Some(Under { name: name.to_owned(), scope, marks: caller.marks(), ttl }))
    }

    /// The same for one of several requests that came together.
    pub fn at(&self, place: usize) -> Under {
        Under { name: format!("{}/{place}", self.name), ..self.clone() }
    }

    /// A key for everything that an answer depends on. Who asks is a part of it, so that nobody is given what was
    /// answered to somebody else.
    pub fn key<'p>(&self, name: String, parts: impl IntoIterator<Item = &'p [u8]>) -> OnceKey {
        let mut hash = Xxh3Default::new();
        let mut add = |part: &[u8]| {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(self.marks.as_bytes());
        parts.into_iter().for_each(&mut add);
        OnceKey { name, digest: format!("{:032x}", hash.digest128()) }
    }

    pub fn once(&self, keys: Vec<OnceKey>) -> Once {
        Once { scope: self.scope.clone(), keys, ttl_secs: self.ttl.as_secs() }
    }
}

/// A failure as an answer.
pub fn failure(error: &Error) -> KeptAnswer {
    let told = json!({
        "code": error.code.name(), "message": error.message, "argument": error.argument, "hint": error.hint,
        "duplicate": error.duplicate,
    });
    KeptAnswer { status: error.code.http_status(), headers: told.to_string(), body: String::new() }
}

/// The failure that was kept, if it was one.
pub fn failed(kept: &KeptAnswer) -> Option<Error> {
    let told: Json = serde_json::from_str(&kept.headers).ok()?;
    let code = Code::ALL.into_iter().find(|code| told["code"] == code.name())?;
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    Some(Error {
        argument: text("argument"),
        hint: text("hint"),
        duplicate: told["duplicate"] == true,
        ..Error::new(Stage::Execute, code, text("message").unwrap_or_default())
    })
}
