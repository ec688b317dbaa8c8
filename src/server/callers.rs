//! Who sends a request: headers → caller, once for every request and every wire.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Method};
use tokio_util::task::AbortOnDropHandle;

use super::rates::Rates;
use crate::auth::{Caller, Refused, Tokens, bearer};
use crate::config::{Config, VariableSource};
use crate::problem::Problem;

/// Makes callers as a configuration says.
pub struct Callers {
    /// `None` without a key: nobody is known, and the header is not looked at.
    tokens: Option<Tokens>,
    required: bool,
    /// `None` without `[rate_limit]`.
    rates: Option<Rates>,
    /// Where there are no replicas everybody reads the primary.
    has_replicas: bool,
    /// What `[[session_variables]]` names.
    headers: Vec<HeaderName>,
    /// Keeps the published keys fresh until the callers are dropped.
    _upkeep: Option<AbortOnDropHandle<()>>,
}

// === impl Callers ===

impl Callers {
    pub fn new(config: &Config) -> Result<Callers, Problem> {
        let headers = config.session_variables.iter().filter_map(|variable| match &variable.source {
            VariableSource::Header(name) => HeaderName::from_bytes(name.as_bytes()).ok(),
            VariableSource::Claim(_) | VariableSource::Value(_) => None,
        });
        let tokens = Tokens::new(config)?;
        let rates = config.rate_limit.as_ref().map(Rates::new);
        Ok(Callers {
            headers: headers.collect(),
            tokens,
            required: config.auth.required,
            rates,
            has_replicas: !config.database.replica_urls.is_empty(),
            _upkeep: None,
        })
    }

    /// Starts the task that fetches the keys, where they are published.
    pub fn with_upkeep(mut self) -> Callers {
        let upkeep = self.tokens.as_ref().and_then(Tokens::upkeep);
        self._upkeep = upkeep.map(|upkeep| AbortOnDropHandle::new(tokio::spawn(upkeep)));
        self
    }

    /// The caller of a request. A token that does not hold is refused even where none is required. OPTIONS is
    /// asked by nobody: a browser puts it, without a token, before a request that will have one.
    pub async fn of(&self, peer: IpAddr, method: &Method, headers: &HeaderMap) -> Result<Caller, Refused> {
        let mut caller = Caller::anonymous();
        if method == Method::OPTIONS {
            return Ok(caller);
        }
        // Before the token: who asks too often does not get its signature checked either.
        self.rates.as_ref().map_or(Ok(()), |rates| rates.admit_address(peer))?;
        if let Some(tokens) = &self.tokens {
            match bearer(headers)? {
                Some(token) => caller = Caller::identified(tokens.identify(token).await?),
                None if self.required => return Err(Refused::Missing),
                None => {}
            }
        }
        self.rates.as_ref().map_or(Ok(()), |rates| rates.admit_subject(peer, &caller))?;
        if self.has_replicas && prefers_primary(headers) {
            caller.read_primary();
        }
        for name in &self.headers {
            if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
                caller = caller.with_header(name.as_str(), value);
            }
        }
        Ok(caller)
    }
}

/// `Prefer: read=primary` (RFC 7240): the answer has to hold what was written before, wherever that was.
fn prefers_primary(headers: &HeaderMap) -> bool {
    let said = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    said.flat_map(|text| text.split([',', ';'])).filter_map(|preference| preference.split_once('=')).any(
        |(name, value)| {
            name.trim().eq_ignore_ascii_case("read") && value.trim().trim_matches('"').eq_ignore_ascii_case("primary")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_prefers_the_primary() {
        for (prefer, expected) in [
            (&["read=primary"][..], true),
            (&["count=exact, Read = \"Primary\""], true),
            (&["return=minimal", "read=primary; wait=1"], true),
            (&["read=replica"], false),
            (&["primary"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for text in prefer {
                headers.append("prefer", text.parse().unwrap());
            }
            assert_eq!(prefers_primary(&headers), expected, "{prefer:?}");
        }
    }
}
