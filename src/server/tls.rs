//! TLS on the port: the certificate of the configuration, and ALPN for HTTP/2 and HTTP/1.1.
//!
//! The files are read once, at the start: a server that cannot show its certificate does not start.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
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

/// What accepts TLS connections, when the configuration has a certificate.
pub fn acceptor(config: &Config) -> Result<Option<TlsAcceptor>, Problem> {
    let Some(tls) = &config.server.tls else { return Ok(None) };
    let certificates = certificates(&tls.cert_file).map_err(|reason| config.problem(CERTIFICATE, reason))?;
    let key = key(&tls.key_file).map_err(|reason| config.problem(KEY, reason))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| config.problem(CERTIFICATE, error.to_string()))?;
    let mut served = builder.with_no_client_auth().with_single_cert(certificates, key).map_err(|error| {
        let (certificate, key) = (tls.cert_file.display(), tls.key_file.display());
        match error {
            rustls::Error::InconsistentKeys(_) => {
                let reason = format!("the key in {key} is not that of the certificate in {certificate}");
                config.problem(KEY, reason).hint("the first certificate of the chain has to be the server's own")
            }
            error => config.problem(CERTIFICATE, format!("{certificate} cannot be used: {error}")),
        }
    })?;
    served.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(served))))
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
