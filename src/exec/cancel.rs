//! Cancels a statement and waits until the server has done it.
//!
//! The driver's own request returns as soon as it is sent, and a cancel that arrives late kills
//! whatever runs on the connection by then. The server closes the connection of the request after it
//! has signalled the session, so the end of that connection is the answer.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::CancelToken;
use tokio_postgres::tls::MakeTlsConnect;

use super::tls::Tls;

/// Where the server of a connection listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Server {
    Tcp { name: String, address: SocketAddr },
    Unix(PathBuf),
}

// === impl Server ===

impl Server {
    /// As its certificate has it.
    pub fn name(&self) -> &str {
        match self {
            Server::Tcp { name, .. } => name,
            Server::Unix(_) => "",
        }
    }

    /// Returns when no cancel can arrive any more.
    pub async fn cancel(&self, token: &CancelToken, tls: Tls) -> Result<(), String> {
        match self {
            Server::Tcp { name, address } => {
                let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
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
