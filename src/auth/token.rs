//! Bearer tokens → identities: JWS in its compact form (RFC 7515) with the claims of RFC 7519.
//!
//! A token that held is remembered by its text, so that a repeat costs a look-up: until it expires, until
//! the keys change, and for five minutes at most.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode};
use moka::sync::Cache;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use super::jwks::Jwks;
use super::keys::KeySet;
use super::{Identity, Refused, claims, signature};
use crate::config::{self, Auth, Config, TokenKey};
use crate::problem::Problem;

/// Longest token.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Memory for the tokens that held, and how long each is remembered.
const KNOWN_BYTES_MAX: u64 = 32 * 1024 * 1024;
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// What a remembered token takes besides its text and its claims.
const KNOWN_BYTES_EACH: usize = 512;

/// Checks the tokens of one issuer.
pub struct Tokens {
    keys: Keys,
    /// What has to hold for a token of each accepted algorithm.
    accepted: Vec<(Algorithm, Validation)>,
    issuer: Option<String>,
    roles_claim: String,
    scope_claim: String,
    skew_secs: u64,
    known: Cache<Arc<str>, Known, ahash::RandomState>,
}

/// Where keys come from.
pub(super) enum Keys {
    Given(Arc<KeySet>),
    Published(Arc<Jwks>),
}

/// A token that held.
#[derive(Clone)]
struct Known {
    identity: Arc<Identity>,
    /// Seconds since 1970 from which on it has expired, the skew included.
    expires: u64,
    /// The keys under which it held.
    keys: Arc<KeySet>,
}

/// The members of a token's header that matter here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The token of a request, if it has one.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refused::Scheme)?.trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && values.next().is_none() => {
            Ok(Some(token.trim_start()))
        }
        Some(_) | None => Err(Refused::Scheme),
    }
}

// === impl Tokens ===

impl Tokens {
    /// `None` without a key: every caller is anonymous then.
    pub fn new(config: &Config) -> Result<Option<Tokens>, Problem> {
        signature::install();
        let auth = &config.auth;
        let Some(key) = &auth.key else { return Ok(None) };
        let keys = match key {
            TokenKey::Secret(secret) => {
                let (given, min) = (secret.reveal().len(), secret_bytes_min(&auth.algorithms));
                if given < min {
                    let reason = format!("is {given} bytes long, and its algorithm needs {min} or more");
                    let hint = "`openssl rand -base64 48` writes a good one";
                    return Err(config.problem("auth.jwt_secret", reason).hint(hint));
                }
                Keys::Given(Arc::new(KeySet::secret(secret.reveal().as_bytes())))
            }
            TokenKey::PublicKeyFile(path) => {
                let refuse = |reason: String| config.problem("auth.public_key_file", reason);
                let pem = std::fs::read(path).map_err(|error| refuse(format!("{}: {error}", path.display())))?;
                let keys = KeySet::pem(&pem).map_err(|reason| refuse(format!("{}: {reason}", path.display())))?;
                if !auth.algorithms.iter().any(|algorithm| keys.fits(spelled(*algorithm))) {
                    let reason = "no accepted algorithm goes with the key of auth.public_key_file";
                    let hint = "RSA takes RS… and PS…, P-256 takes ES256, P-384 takes ES384, Ed25519 takes EdDSA";
                    return Err(config.problem("auth.algorithms", reason).hint(hint));
                }
                Keys::Given(Arc::new(keys))
            }
            TokenKey::JwksUrl(url) => {
                let jwks = Jwks::new(url).map_err(|reason| config.problem("auth.jwks_url", reason))?;
                Keys::Published(Arc::new(jwks))
            }
        };
        Ok(Some(Tokens::over(auth, keys)))
    }

    pub(super) fn over(auth: &Auth, keys: Keys) -> Tokens {
        let known = Cache::builder()
            .max_capacity(KNOWN_BYTES_MAX)
            .weigher(|token: &Arc<str>, _| u32::try_from(2 * token.len() + KNOWN_BYTES_EACH).unwrap_or(u32::MAX))
            .time_to_live(KNOWN_FOR)
            .build_with_hasher(ahash::RandomState::new());
        let accepted = auth.algorithms.iter().map(|algorithm| spelled(*algorithm));
        Tokens {
            keys,
            accepted: accepted.map(|algorithm| (algorithm, validation(auth, algorithm))).collect(),
            issuer: auth.issuer.clone(),
            roles_claim: auth.roles_claim.clone(),
            scope_claim: auth.scope_claim.clone(),
            skew_secs: auth.clock_skew.as_secs(),
            known,
        }
    }

    /// Keeps published keys fresh for as long as it is polled; `None` when the keys never change.
    pub fn upkeep(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        match &self.keys {
            Keys::Given(_) => None,
            Keys::Published(jwks) => Some(jwks.clone().keep()),
        }
    }

    /// Who bears a token.
    pub async fn identify(&self, token: &str) -> Result<Arc<Identity>, Refused> {
        let keys = self.keys();
        if let Some(known) = self.known.get(token)
            && now_secs() < known.expires
            && Arc::ptr_eq(&known.keys, &keys)
        {
            return Ok(known.identity);
        }
        let checked = match (self.check(token, keys), &self.keys) {
            // The issuer may have published a key since its keys were fetched.
            (Err(Refused::UnknownKey), Keys::Published(jwks)) => {
                jwks.refresh().await;
                self.check(token, jwks.keys()).map_err(|refused| match refused {
                    Refused::UnknownKey if !jwks.is_fetched() => Refused::KeysUnavailable,
                    refused => refused,
                })
            }
            (checked, Keys::Given(_) | Keys::Published(_)) => checked,
        };
        let known = checked?;
        self.known.insert(token.into(), known.clone());
        Ok(known.identity)
    }

    fn keys(&self) -> Arc<KeySet> {
        match &self.keys {
            Keys::Given(keys) => keys.clone(),
            Keys::Published(jwks) => jwks.keys(),
        }
    }

    /// Everything that has to hold: first what the token claims about its signature, then the signature,
    /// and only then what is signed.
    fn check(&self, token: &str, keys: Arc<KeySet>) -> Result<Known, Refused> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refused::TooLong);
        }
        let header = Header::of(token)?;
        if header.crit.is_some() {
            return Err(Refused::Critical);
        }
        let algorithm: Algorithm = header.alg.parse().map_err(|_| Refused::Algorithm)?;
        let accepted = self.accepted.iter().find(|(accepted, _)| *accepted == algorithm);
        let (_, validation) = accepted.ok_or(Refused::Algorithm)?;
        let claims = self.signed(token, &header, algorithm, validation, &keys)?;
        // The library takes a list of issuers too, which RFC 7519 section 4.1.1 does not know.
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Json::as_str) != Some(issuer)
        {
            return Err(Refused::Issuer);
        }
        // Checked to be a number; one with a fraction is cut short.
        let expires = claims.get("exp").and_then(|exp| exp.as_u64().or_else(|| exp.as_f64().map(|exp| exp as u64)));
        let identity = Identity {
            roles: claims::words(&claims, &self.roles_claim),
            scopes: claims::words(&claims, &self.scope_claim),
            claims,
        };
        let expires = expires.unwrap_or(0).saturating_add(self.skew_secs);
        Ok(Known { identity: Arc::new(identity), expires, keys })
    }

    /// The claims under a signature that one of the keys has made.
    fn signed(
        &self,
        token: &str,
        header: &Header,
        algorithm: Algorithm,
        validation: &Validation,
        keys: &KeySet,
    ) -> Result<Map<String, Json>, Refused> {
        let id = header.kid.as_deref();
        for key in keys.candidates(id, algorithm)? {
            match decode::<Map<String, Json>>(token, &key.decoding, validation) {
                Ok(decoded) => return Ok(decoded.claims),
                Err(error) => match refused(error.kind()) {
                    Refused::Signature => {}
                    refused => return Err(refused),
                },
            }
        }
        Err(keys.mismatch(id))
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

// === impl Header ===

impl Header {
    fn of(token: &str) -> Result<Header, Refused> {
        let (header, _) = token.split_once('.').ok_or(Refused::Malformed)?;
        let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| Refused::Malformed)?;
        serde_json::from_slice(&json).map_err(|_| Refused::Malformed)
    }
}

fn validation(auth: &Auth, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    let mut required = vec!["exp"];
    validation.leeway = auth.clock_skew.as_secs();
    validation.validate_nbf = true;
    validation.validate_aud = !auth.audience.is_empty();
    if validation.validate_aud {
        validation.set_audience(&auth.audience);
        required.push("aud");
    }
    if let Some(issuer) = &auth.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

fn refused(kind: &ErrorKind) -> Refused {
    match kind {
        ErrorKind::ExpiredSignature => Refused::Expired,
        ErrorKind::ImmatureSignature => Refused::NotYetValid,
        ErrorKind::InvalidIssuer => Refused::Issuer,
        ErrorKind::InvalidAudience => Refused::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Refused::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Refused::Audience,
        ErrorKind::MissingRequiredClaim(_) => Refused::NoExpiry,
        ErrorKind::InvalidSignature => Refused::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Refused::Algorithm,
        _ => Refused::Malformed,
    }
}

/// A key as long as the hash, or longer: RFC 7518 section 3.2.
fn secret_bytes_min(algorithms: &[config::Algorithm]) -> usize {
    let bytes = algorithms.iter().map(|algorithm| match spelled(*algorithm) {
        Algorithm::HS384 => 48,
        Algorithm::HS512 => 64,
        _ => 32,
    });
    bytes.max().unwrap_or(32)
}

/// The library's name of an algorithm.
fn spelled(algorithm: config::Algorithm) -> Algorithm {
    match algorithm {
        config::Algorithm::Hs256 => Algorithm::HS256,
        config::Algorithm::Hs384 => Algorithm::HS384,
        config::Algorithm::Hs512 => Algorithm::HS512,
        config::Algorithm::Rs256 => Algorithm::RS256,
        config::Algorithm::Rs384 => Algorithm::RS384,
        config::Algorithm::Rs512 => Algorithm::RS512,
        config::Algorithm::Ps256 => Algorithm::PS256,
        config::Algorithm::Ps384 => Algorithm::PS384,
        config::Algorithm::Ps512 => Algorithm::PS512,
        config::Algorithm::Es256 => Algorithm::ES256,
        config::Algorithm::Es384 => Algorithm::ES384,
        config::Algorithm::EdDsa => Algorithm::EdDSA,
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
