//! A question to a server that runs, from its own machine: `/health` and `/ready` without another program.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::Config;
use crate::exec::unverified;

/// For the whole of it: less than who asks for a container allows.
const PATIENCE: Duration = Duration::from_secs(4);
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The status and the body that the server of a configuration answers a path with.
pub async fn probe(config: &Config, path: &str) -> Result<(u16, String), String> {
    let host = match config.server.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let asked = async {
        let stream = TcpStream::connect((host, config.server.port)).await.map_err(|error| error.to_string())?;
        if config.server.tls.is_none() {
            return ask(stream, path).await;
        }
        // It is asked whether it answers, and not who it is: its certificate is for the names of others.
        let connector = TlsConnector::from(Arc::new(unverified()?));
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        ask(connector.connect(name, stream).await.map_err(|error| error.to_string())?, path).await
    };
    let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
    let answer = tokio::time::timeout(PATIENCE, asked).await.map_err(late).and_then(|answer| answer);
    answer.map_err(|reason| format!("{host}:{}: {reason}", config.server.port))
}

async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Result<(u16, String), String> {
    let request = Request::get(path).header(header::HOST, "localhost").body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    // The connection moves only while it is polled, and may end as soon as all of the answer is read.
    let driven = async {
        match connection.await {
            Ok(()) => std::future::pending().await,
            Err(error) => error.to_string(),
        }
    };
    tokio::select! {
        biased;
        answer = answer => answer,
        reason = driven => Err(reason),
    }
}
