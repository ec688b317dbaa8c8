//! TLS on the port: the certificate of the configuration, and ALPN for HTTP/2 and HTTP/1.1.
//!
//! A server that cannot show its certificate does not start. While it runs, files that have changed are taken for
//! the connections that come then, at SIGHUP at once; files that are no certificate leave the one that is shown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::problem::Problem;

const CERTIFICATE: &str = "server.tls.cert_file";
const KEY: &str = "server.tls.key_file";

/// The first byte of every TLS connection: a record with a handshake in it (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;

/// What a client that speaks plain HTTP is told.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 43\r\n\
    connection: close\r\n\r\nthis port speaks TLS: ask it with https://\n";

/// How often the files are looked at. They are small; their times are not asked, because what a mounted secret
/// becomes by a symbolic link may be older than what it replaces.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What accepts TLS connections, and the certificate that it shows.
pub struct Acceptor {
    pub handshake: TlsAcceptor,
    shown: Arc<Shown>,
}

/// The certificate for connections from now on.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

// === impl Acceptor ===

impl Acceptor {
    /// `None` when the configuration has no certificate.
    pub fn new(config: &Config) -> Result<Option<Acceptor>, Problem> {
        let Some(certified) = certified(config)? else { return Ok(None) };
        let shown = Arc::new(Shown(ArcSwap::from_pointee(certified)));
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| config.problem(CERTIFICATE, error.to_string()))?;
        let mut served = builder.with_no_client_auth().with_cert_resolver(shown.clone());
        served.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Acceptor { handshake: TlsAcceptor::from(Arc::new(served)), shown }))
    }

    /// Shows what the files of the configuration become, until the server stops.
    pub async fn follow(self, config: Config, mut stopped: watch::Receiver<bool>) {
        let Ok(mut asked) = signal(SignalKind::hangup()) else { return };
        let mut known = files(&config).await;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = asked.recv() => {}
                _ = stopped.changed() => return,
            }
            let found = files(&config).await;
            if found == known {
                continue;
            }
            known = found;
            match certified(&config) {
                Ok(Some(certified)) => {
                    self.shown.0.store(Arc::new(certified));
                    tracing::info!("the certificate has changed; new connections are shown the new one");
                }
                Ok(None) => {}
                Err(problem) => tracing::error!("the certificate has changed, the old one is still shown: {problem}"),
            }
        }
    }
}

// === impl Shown ===

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// What the files hold; nothing where they cannot be read, which is a change too.
async fn files(config: &Config) -> Option<(Vec<u8>, Vec<u8>)> {
    let tls = config.server.tls.as_ref()?;
    tokio::fs::read(&tls.cert_file).await.ok().zip(tokio::fs::read(&tls.key_file).await.ok())
}

/// Whether there is a certificate to show, where the configuration names one.
pub fn showable_certificate(config: &Config) -> Result<(), Problem> {
    certified(config).map(drop)
}

/// The certificate of the configuration with its key, which belong together.
fn certified(config: &Config) -> Result<Option<CertifiedKey>, Problem> {
    let Some(tls) = &config.server.tls else { return Ok(None) };
    let certificates = certificates(&tls.cert_file).map_err(|reason| config.problem(CERTIFICATE, reason))?;
    let key = key(&tls.key_file).map_err(|reason| config.problem(KEY, reason))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(certificates, key, &provider).map(Some).map_err(|error| {
        let (certificate, key) = (tls.cert_file.display(), tls.key_file.display());
        match error {
            rustls::Error::InconsistentKeys(_) => {
                let reason = format!("the key in {key} is not that of the certificate in {certificate}");
                config.problem(KEY, reason).hint("the first certificate of the chain has to be the server's own")
            }
            error => config.problem(CERTIFICATE, format!("{certificate} cannot be used: {error}")),
        }
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| unreadable(file, error))?;
    if found.is_empty() {
        return Err(format!("{} holds no certificate: no -----BEGIN CERTIFICATE----- in it", file.display()));
    }
    Ok(found)
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| match error {
        PemError::NoItemsFound => {
            format!("{} holds no private key: no -----BEGIN PRIVATE KEY----- in it", file.display())
        }
        error => unreadable(file, error),
    })
}

fn unreadable(file: &Path, error: PemError) -> String {
    match error {
        PemError::Io(error) => format!("cannot read {}: {error}", file.display()),
        error => format!("{} is not PEM: {error}", file.display()),
    }
}

/// Whether a client speaks TLS, as its first byte tells; one that does not is told how to.
pub async fn is_spoken(stream: &mut TcpStream) -> bool {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first[0] == HANDSHAKE_RECORD => true,
        Ok(1) => {
            let _ = stream.write_all(PLAIN_HTTP).await;
            let _ = stream.shutdown().await;
            false
        }
        Ok(_) | Err(_) => false,
    }
}
