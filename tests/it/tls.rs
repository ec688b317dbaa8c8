//! TLS on the port: both protocols by ALPN, every wire on them, files that change, and files that are no certificate.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Database, crate_path};
use crate::program::{Program, eventually, run};
use crate::service::Api;
use crate::world;

/// `[server.tls]` with the certificate for localhost that the tests have.
pub fn section() -> String {
    let file = |name: &str| crate_path("tests/keys").join(name).display().to_string();
    format!("[server.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n", file("localhost.crt.pem"), file("p256.pem"))
}

async fn served() -> (Database, Api) {
    world::api_with(&section()).await
}

/// A client that trusts that certificate and offers these protocols.
async fn connect(api: &Api, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    connect_to(api.address(), protocols).await
}

async fn connect_to(address: SocketAddr, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for path in ["tests/keys/localhost.crt.pem", "tests/keys/renewed.crt.pem"] {
        roots.add(CertificateDer::from_pem_file(crate_path(path)).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn protocols_are_chosen_by_alpn() {
    let (_database, api) = served().await;
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let mut stream = connect(&api, offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen, "{offered:?}");
        if chosen == Some(b"h2") {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            let connection = tokio::spawn(connection);
            let asked = http::Request::get("https://localhost/rest/items?limit=2").body(Empty::<bytes::Bytes>::new());
            let answer = sender.send_request(asked.unwrap()).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(b"{\"data\":[{\"id\":"));
            connection.abort();
            continue;
        }
        stream
            .write_all(b"GET /rest/items?limit=2 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("{\"data\":[{\"id\":"), "{text}");
    }
    let refused = connect(&api, &["spdy/3"]).await.unwrap_err();
    let alert = rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    assert_eq!(refused.get_ref().and_then(|error| error.downcast_ref()), Some(&alert));
}

#[cfg(feature = "grpc-transport")]
#[tokio::test]
async fn grpc_is_served_over_tls() {
    use tonic::transport::Endpoint;
    let (_database, api) = served().await;
    let api = Arc::new(api);
    let connector = {
        let api = api.clone();
        tower::service_fn(move |_: http::Uri| {
            let api = api.clone();
            async move { connect(&api, &["h2"]).await.map(TokioIo::new) }
        })
    };
    let endpoint = Endpoint::from_static("http://localhost");
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    let client = crate::grpc::Client::over(channel, "test.v1.TestService", None).await;
    assert_eq!(client.data("ListItems", serde_json::json!({})).await.len(), 60);
}

#[tokio::test]
async fn plain_http_is_told_to_use_tls() {
    let (_database, api) = served().await;
    let reply = api.get("/health").await;
    assert_eq!((reply.status, reply.text().as_str()), (400, "this port speaks TLS: ask it with https://\n"));
    // Neither noise nor silence does harm.
    let mut noise = TcpStream::connect(api.address()).await.unwrap();
    noise.write_all(b"\x16\x03\x01\xff\xff nonsense").await.unwrap();
    drop(TcpStream::connect(api.address()).await.unwrap());
    drop(noise);
    connect(&api, &["h2"]).await.unwrap();
}

/// A project whose files do for a certificate are these.
fn project(database: &Database, certificate: &Path, key: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("schema.json"), world::schema().to_string()).unwrap();
    let toml = format!(
        "[project]\nname = \"world\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n[database]\nurl = \"{}\"\n\
         [server.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
        database.url(),
        certificate.display(),
        key.display()
    );
    fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    directory
}

#[tokio::test]
async fn the_binary_says_where_it_serves() {
    let database = world::database();
    let keys = crate_path("tests/keys");
    let project = project(&database, &keys.join("localhost.crt.pem"), &keys.join("p256.pem"));
    let mut program = Program::start(project.path(), &["run"]);
    program.says("listening on https://127.0.0.1:", 1).await;
}

#[test]
fn files_that_are_no_certificate_are_refused_at_the_start() {
    let database = world::database();
    let keys = crate_path("tests/keys");
    let other = tempfile::tempdir().unwrap();
    let broken = other.path().join("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let absent = other.path().join("absent.pem");
    let good = (keys.join("localhost.crt.pem"), keys.join("p256.pem"));
    for (certificate, key, path, said) in [
        (&absent, &good.1, "server.tls.cert_file", "absent.pem: No such file"),
        (&good.0, &absent, "server.tls.key_file", "absent.pem: No such file"),
        (&good.1, &good.1, "server.tls.cert_file", "holds no certificate"),
        (&good.0, &good.0, "server.tls.key_file", "holds no private key"),
        (&broken, &good.1, "server.tls.cert_file", "broken.pem cannot be used"),
        (&good.0, &keys.join("p384.pem"), "server.tls.key_file", "is not that of the certificate in"),
    ] {
        let project = project(&database, certificate, key);
        let (code, _, complaint) = run(project.path(), &["run"]);
        assert_eq!(code, 1, "{complaint}");
        assert!(
            complaint.contains("fraiseql.toml:") && complaint.contains(path) && complaint.contains(said),
            "{said}: {complaint}"
        );
    }
}

#[tokio::test]
async fn files_that_change_are_shown_and_bad_ones_are_not() {
    let database = world::database();
    let keys = crate_path("tests/keys");
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    let put = |from_certificate: &str, from_key: &str| {
        fs::copy(keys.join(from_certificate), &certificate).unwrap();
        fs::copy(keys.join(from_key), &key).unwrap();
    };
    put("localhost.crt.pem", "p256.pem");
    let project = project(&database, &certificate, &key);
    let mut program = Program::start(project.path(), &["run"]);
    let address = program.address().await;
    let shown = async || {
        let stream = connect_to(address, &["h2"]).await?;
        Ok::<_, std::io::Error>(stream.get_ref().1.peer_certificates().unwrap()[0].clone())
    };
    let pem = |name: &str| CertificateDer::from_pem_file(keys.join(name)).unwrap();
    assert_eq!(shown().await.unwrap(), pem("localhost.crt.pem"));
    // Without a signal, by looking.
    put("renewed.crt.pem", "p384.pem");
    let has_changed = eventually(async || shown().await.is_ok_and(|shown| shown == pem("renewed.crt.pem"))).await;
    assert!(has_changed, "{}", program.said());
    // A key of another certificate changes nothing, and is said.
    put("localhost.crt.pem", "p384.pem");
    program.signal(nix::sys::signal::Signal::SIGHUP);
    program.says("is not that of the certificate in", 1).await;
    assert_eq!(shown().await.unwrap(), pem("renewed.crt.pem"));
    put("localhost.crt.pem", "p256.pem");
    program.signal(nix::sys::signal::Signal::SIGHUP);
    program.says("the certificate has changed; new connections", 2).await;
    assert_eq!(shown().await.unwrap(), pem("localhost.crt.pem"));
}
