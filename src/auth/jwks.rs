//! The keys that an issuer publishes (RFC 7517): fetched ahead, kept while the issuer is down, and asked
//! for again when a token names one that is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::keys::KeySet;

/// For the whole of a fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 256 * 1024;
/// How long keys are used before they are fetched anew: what the issuer says within these bounds, else
/// the third.
const FRESH_MIN: Duration = Duration::from_secs(60);
const FRESH_MAX: Duration = Duration::from_secs(3_600);
const FRESH_UNSAID: Duration = Duration::from_secs(600);
/// Waits between failed attempts, at first and at most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Whoever makes tokens up decides how often unknown keys are named, and this how often they are asked for.
const REFRESH_PAUSE: Duration = Duration::from_secs(5);

/// The published keys of one issuer.
pub(super) struct Jwks {
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    keys: ArcSwap<KeySet>,
    /// Whether the keys have ever been fetched.
    fetched: AtomicBool,
    /// When the last attempt ended.
    attempted: watch::Sender<Option<Instant>>,
    wanted: Notify,
    /// Between attempts that unknown keys cause.
    pub pause: Duration,
}

// === impl Jwks ===

impl Jwks {
    pub fn new(url: &str) -> Result<Jwks, String> {
        let uri: Uri = url.parse().map_err(|error| format!("is not a URL: {error}"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(FETCH_TIMEOUT));
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        Ok(Jwks {
            uri,
            // Fetches are minutes apart: a connection would not live that long.
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https),
            keys: ArcSwap::default(),
            fetched: AtomicBool::new(false),
            attempted: watch::Sender::new(None),
            wanted: Notify::new(),
            pause: REFRESH_PAUSE,
        })
    }

    pub fn keys(&self) -> Arc<KeySet> {
        self.keys.load_full()
    }

    pub fn is_fetched(&self) -> bool {
        self.fetched.load(Ordering::Acquire)
    }

    /// Waits until the keys have been fetched once more, or returns at once when that has just been tried.
    pub async fn refresh(&self) {
        let mut attempted = self.attempted.subscribe();
        if !self.is_due(*attempted.borrow_and_update()) {
            return;
        }
        self.wanted.notify_one();
        // Longer than an attempt takes, for the case that nobody polls the one who makes it.
        let _ = tokio::time::timeout(FETCH_TIMEOUT + RETRY_FIRST, attempted.changed()).await;
    }

    /// Fetches the keys, now and whenever they are no longer fresh or wanted sooner.
    pub async fn keep(self: Arc<Self>) {
        let mut retry = RETRY_FIRST;
        loop {
            let wait = match self.fetch().await {
                Ok(fresh) => {
                    retry = RETRY_FIRST;
                    fresh
                }
                Err(reason) => {
                    let known = self.keys().len();
                    tracing::warn!("the keys at {} cannot be fetched, {known} are known: {reason}", self.uri);
                    let wait = retry;
                    retry = (retry * 2).min(RETRY_MAX);
                    wait
                }
            };
            self.attempted.send_replace(Some(Instant::now()));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.due() => {}
            }
        }
    }

    /// Resolves when keys are wanted and the last attempt is long enough ago.
    async fn due(&self) {
        loop {
            self.wanted.notified().await;
            if self.is_due(*self.attempted.borrow()) {
                return;
            }
        }
    }

    fn is_due(&self, attempted: Option<Instant>) -> bool {
        attempted.is_none_or(|attempted| attempted.elapsed() >= self.pause)
    }

    /// How long the keys are fresh that it has fetched.
    async fn fetch(&self) -> Result<Duration, String> {
        let late = |_| format!("no answer within {} s", FETCH_TIMEOUT.as_secs());
        let (headers, body) = tokio::time::timeout(FETCH_TIMEOUT, self.get()).await.map_err(late)??;
        let keys = KeySet::jwks(&body)?;
        if keys.len() == 0 {
            tracing::warn!("{} publishes no key that signs", self.uri);
        }
        self.keys.store(Arc::new(keys));
        self.fetched.store(true, Ordering::Release);
        Ok(fresh(&headers))
    }

    async fn get(&self) -> Result<(HeaderMap, Bytes), String> {
        let request =
            Request::get(self.uri.clone()).header(header::ACCEPT, "application/jwk-set+json, application/json");
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| chain(&error))?;
        let (parts, body) = response.into_parts();
        if parts.status != StatusCode::OK {
            return Err(format!("the answer is {}", parts.status));
        }
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        Ok((parts.headers, body.map_err(|error| chain(&*error))?.to_bytes()))
    }
}

/// How long an answer may be used, from `Cache-Control` and `Age`.
fn fresh(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).unwrap_or_default();
    let control = text(header::CACHE_CONTROL).to_ascii_lowercase();
    let directives = || control.split(',').map(str::trim);
    if directives().any(|directive| matches!(directive, "no-cache" | "no-store")) {
        return FRESH_MIN;
    }
    let max_age = directives().find_map(|directive| directive.strip_prefix("max-age=")?.parse::<u64>().ok());
    let age: u64 = text(header::AGE).trim().parse().unwrap_or(0);
    let fresh = max_age.map_or(FRESH_UNSAID, |max| Duration::from_secs(max.saturating_sub(age)));
    fresh.clamp(FRESH_MIN, FRESH_MAX)
}

/// An error with its causes, which is where a client says what went wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], secs: u64) {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| {
            map.insert(*name, value.parse().unwrap());
        });
        assert_eq!(fresh(&map), Duration::from_secs(secs), "{headers:?}");
    }

    #[test]
    fn keys_are_fresh_for_as_long_as_the_issuer_says_within_bounds() {
        check(&[], 600);
        check(&[("cache-control", "public, Max-Age=900, must-revalidate")], 900);
        check(&[("cache-control", "max-age=900"), ("age", "300")], 600);
        check(&[("cache-control", "max-age=900"), ("age", "9000")], 60);
        check(&[("cache-control", "max-age=0")], 60);
        check(&[("cache-control", "max-age=604800")], 3_600);
        check(&[("cache-control", "max-age=soon")], 600);
        check(&[("cache-control", "max-age=900, no-store")], 60);
        check(&[("cache-control", "no-cache")], 60);
    }
}
