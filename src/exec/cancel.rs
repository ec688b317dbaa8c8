//! Cancels a statement and waits until the server has done it.
//!
//! The driver's own request returns as soon as it is sent, and a cancel that arrives late kills
//! whatever runs on the connection by then. The server closes the connection of the request after it
//! has signalled the session, so the end of that connection is the answer.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::CancelToken;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;

use super::tls::Tls;

const PORT: u16 = 5432;

/// Where the one server of a configuration listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    Tcp { name: String, address: String, port: u16 },
    Unix(PathBuf),
}

// === impl Server ===

impl Server {
    /// `None` with several hosts: nobody can tell which of them a connection was made to.
    pub fn of(config: &tokio_postgres::Config) -> Option<Server> {
        let port = match config.get_ports() {
            [] => PORT,
            [port] => *port,
            _ => return None,
        };
        let name = match config.get_hosts() {
            [Host::Tcp(name)] => name.clone(),
            [Host::Unix(directory)] => return Some(Server::Unix(directory.join(format!(".s.PGSQL.{port}")))),
            _ => return None,
        };
        match config.get_hostaddrs() {
            [] => Some(Server::Tcp { address: name.clone(), name, port }),
            [address] => Some(Server::Tcp { address: address.to_string(), name, port }),
            _ => None,
        }
    }

    /// Returns when no cancel can arrive any more.
    pub async fn cancel(&self, token: &CancelToken, tls: Tls) -> Result<(), String> {
        match self {
            Server::Tcp { name, address, port } => {
                let stream = TcpStream::connect((address.as_str(), *port)).await.map_err(|error| error.to_string())?;
                send(token, tls, name, stream).await
            }
            Server::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| error.to_string())?;
                send(token, tls, "", stream).await
            }
        }
    }
}

async fn send<S>(token: &CancelToken, mut tls: Tls, name: &str, stream: S) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = UntilClosed { stream, is_shut: false };
    let tls = MakeTlsConnect::<UntilClosed<S>>::make_tls_connect(&mut tls, name).map_err(|error| error.to_string())?;
    token.cancel_query_raw(stream, tls).await.map_err(|error| error.to_string())
}

/// A stream whose shutdown ends when the other side has closed too.
struct UntilClosed<S> {
    stream: S,
    is_shut: bool,
}

// === impl UntilClosed ===

impl<S: AsyncRead + Unpin> AsyncRead for UntilClosed<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for UntilClosed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            // The server may have closed already, which is what is waited for.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
            self.is_shut = true;
        }
        loop {
            let mut bytes = [0; 64];
            let mut rest = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[track_caller]
    fn check(url: &str, expected: Option<Server>) {
        assert_eq!(Server::of(&url.parse().unwrap()), expected);
    }

    #[test]
    fn the_server_of_a_url() {
        let tcp = |name: &str, address: &str, port| Server::Tcp { name: name.into(), address: address.into(), port };
        check("postgres://u@db/x", Some(tcp("db", "db", 5432)));
        check("postgres://u@db:6000/x", Some(tcp("db", "db", 6000)));
        check("host=db hostaddr=10.0.0.1 port=7", Some(tcp("db", "10.0.0.1", 7)));
        check("host=/run/pg port=7", Some(Server::Unix("/run/pg/.s.PGSQL.7".into())));
        check("postgres://u@a,b/x", None);
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_the_other_side() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = UntilClosed { stream: near, is_shut: false };
        let mut shutdown = tokio::spawn(async move { near.shutdown().await });
        far.write_all(b"rest").await.unwrap();
        tokio::select! {
            biased;
            _ = &mut shutdown => panic!("the other side is still open"),
            () = tokio::task::yield_now() => {}
        }
        drop(far);
        shutdown.await.unwrap().unwrap();
    }
}
