//! The keys that an issuer publishes (RFC 7517): fetched ahead, kept while the issuer is down, and asked
//! for again when a token names one that is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

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
    host: String,
    /// `Authorization` of the name and the password in the URL.
    credentials: Option<HeaderValue>,
    /// The URL without anything secret, for the log.
    shown: String,
    /// `None` over plain HTTP.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    keys: ArcSwap<KeySet>,
    /// Whether the keys have ever been fetched.
    fetched: AtomicBool,
    /// When the last attempt ended.
    attempted: watch::Sender<Option<Instant>>,
    wanted: Notify,
    /// Between attempts that unknown keys cause.
    pub pause: Duration,
}

/// How many keys an issuer publishes at this moment.
pub async fn published_keys(url: &str) -> Result<usize, String> {
    let jwks = Jwks::new(url)?;
    jwks.fetch().await?;
    Ok(jwks.keys().len())
}

// === impl Jwks ===

impl Jwks {
    pub fn new(url: &str) -> Result<Jwks, String> {
        let uri: Uri = url.parse().map_err(|error| format!("is not a URL: {error}"))?;
        let host = uri.host().ok_or("names no host")?.trim_matches(['[', ']']).to_owned();
        let tls = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
                Some((connector()?, name))
            }
            Some(_) | None => None,
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
        let credentials = user.map(|user| STANDARD.encode(percent_decode_str(user).collect::<Vec<u8>>()));
        Ok(Jwks {
            credentials: credentials.and_then(|user| HeaderValue::from_str(&format!("Basic {user}")).ok()),
            shown: format!("{}://{place}{}", uri.scheme_str().unwrap_or("http"), uri.path()),
            uri,
            host,
            tls,
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
                    tracing::warn!("the keys at {} cannot be fetched, {known} are known: {reason}", self.shown);
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
            tracing::warn!("{} publishes no key that signs", self.shown);
        }
        self.keys.store(Arc::new(keys));
        self.fetched.store(true, Ordering::Release);
        Ok(fresh(&headers))
    }

    /// One request on a connection of its own: fetches are minutes apart.
    async fn get(&self) -> Result<(HeaderMap, Bytes), String> {
        let port = self.uri.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((self.host.as_str(), port)).await.map_err(|error| error.to_string())?;
        match &self.tls {
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.map_err(|error| error.to_string())?;
                self.ask(stream).await
            }
            None => self.ask(stream).await,
        }
    }

    async fn ask(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(HeaderMap, Bytes), String> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::get(path)
            .header(header::HOST, authority.rsplit('@').next().unwrap_or_default())
            .header(header::ACCEPT, "application/jwk-set+json, application/json");
        if let Some(credentials) = &self.credentials {
            request = request.header(header::AUTHORIZATION, credentials);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| chain(&error))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| chain(&error))?;
            let (parts, body) = response.into_parts();
            if parts.status != StatusCode::OK {
                return Err(format!("the answer is {}", parts.status));
            }
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
            Ok((parts.headers, body.map_err(|error| chain(&*error))?.to_bytes()))
        };
        // The connection moves only while it is polled, and may end as soon as all of the answer is read.
        let driven = async {
            match connection.await {
                Ok(()) => std::future::pending().await,
                Err(error) => chain(&error),
            }
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            reason = driven => Err(reason),
        }
    }
}

fn connector() -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// How long an answer may be used, from `Cache-Control` and `Age`.
fn fresh(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
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
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{AlertDescription, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// An issuer over HTTPS whose certificate nobody vouches for: both sides say so.
    #[tokio::test]
    async fn certificates_are_checked() {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("../../tests/keys/localhost.crt.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../tests/keys/p256.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let jwks = Jwks::new(&format!("https://{}/jwks.json", listener.local_addr().unwrap())).unwrap();
        let accept = async {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config)).accept(stream).await.map(drop).unwrap_err()
        };
        let (fetched, refused) = tokio::join!(jwks.fetch(), accept);
        assert!(fetched.unwrap_err().contains("invalid peer certificate"));
        let alert = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        assert_eq!(refused.get_ref().and_then(|error| error.downcast_ref()), Some(&alert));
    }

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
