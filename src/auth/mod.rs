//! Who is asking: the caller of a request, and how a bearer token says so.

mod claims;
mod jwks;
mod keys;
mod refused;
mod signature;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

pub use jwks::published_keys;
pub use refused::Refused;
pub use token::{Tokens, bearer};

use crate::observe::Observer;

/// The caller of one request. Never optional: nobody is [`Caller::anonymous`].
#[derive(Debug, Clone, Default)]
pub struct Caller {
    identity: Option<Arc<Identity>>,
    headers: IndexMap<String, String>,
    needs_primary: Mark,
    observer: Observer,
}

/// Something that is said once and holds from then on.
#[derive(Debug, Default)]
struct Mark(AtomicBool);

/// What a token says of its bearer; shared by the requests that carry it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identity {
    pub roles: Vec<String>,
    pub scopes: Vec<String>,
    /// Every claim of the token, as JSON.
    pub claims: Map<String, Json>,
}

/// Claims by which two tokens of one bearer differ.
const OF_ONE_TOKEN: [&str; 8] = ["exp", "iat", "nbf", "jti", "auth_time", "nonce", "at_hash", "sid"];

// === impl Caller ===

impl Caller {
    pub fn anonymous() -> Caller {
        Caller::default()
    }

    pub fn identified(identity: Arc<Identity>) -> Caller {
        Caller { identity: Some(identity), ..Caller::default() }
    }

    /// What the caller asks belongs to the request that is observed here.
    pub fn observed_by(mut self, observer: Observer) -> Caller {
        self.observer = observer;
        self
    }

    /// Sees what is done for the caller's request.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Keeps a request header that `[[session_variables]]` names; `name` in lower case.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Caller {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// From here on this request reads what the primary has: it asked to, it writes, or a replica has failed it.
    pub fn read_primary(&self) {
        self.needs_primary.0.store(true, Ordering::Relaxed);
    }

    /// Whether a replica, which may be behind, must not be asked.
    pub fn needs_primary(&self) -> bool {
        self.needs_primary.0.load(Ordering::Relaxed)
    }

    pub fn is_authenticated(&self) -> bool {
        self.identity.is_some()
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.roles.iter().any(|held| held == role))
    }

    pub fn has_scope(&self, scope: &str) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.scopes.iter().any(|held| held == scope))
    }

    /// A claim as text: strings as they are, everything else as JSON. Dots lead into nested claims.
    pub fn claim(&self, name: &str) -> Option<String> {
        match claims::find(&self.identity.as_ref()?.claims, name)? {
            Json::String(text) => Some(text.clone()),
            Json::Null => None,
            other @ (Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => Some(other.to_string()),
        }
    }

    /// Everything about the caller that an answer can depend on, as text: the claims, less those of a single token,
    /// and the headers.
    pub fn marks(&self) -> String {
        let claims = self.identity.iter().flat_map(|identity| &identity.claims);
        let claims = claims.filter(|(name, _)| !OF_ONE_TOKEN.contains(&name.as_str()));
        let headers: BTreeMap<&String, &String> = self.headers.iter().collect();
        let mut marks: Vec<String> = claims.map(|(name, value)| format!("{name}={value}")).collect();
        marks.sort_unstable();
        marks.extend(headers.into_iter().map(|(name, value)| format!("{name}: {value}")));
        marks.join("\n")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

// === impl Mark ===

impl Clone for Mark {
    fn clone(&self) -> Mark {
        Mark(AtomicBool::new(self.0.load(Ordering::Relaxed)))
    }
}
