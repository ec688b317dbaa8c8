//! The bytes to and from a server: over TCP, encrypted or not, or a Unix socket.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

use super::tls::{Encrypted, Tls};

pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Encrypted>),
}

/// A stream while the driver logs in on it, which keeps for itself what it is given.
#[derive(Clone)]
pub(super) struct Lent(Arc<Mutex<Option<Stream>>>);

/// Encrypts a lent stream where it is.
pub(super) struct Handshake {
    pub tls: Tls,
    /// As the certificate has it.
    pub name: String,
}

// === impl Stream ===

impl Stream {
    fn pinned(&mut self) -> Pin<&mut (dyn ReadWrite + Send + Unpin)> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream),
            Stream::Unix(stream) => Pin::new(stream),
            Stream::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }
}

trait ReadWrite: AsyncRead + AsyncWrite {}

impl<S: AsyncRead + AsyncWrite> ReadWrite for S {}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().pinned().poll_read(context, out)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().pinned().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().pinned().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().pinned().poll_shutdown(context)
    }
}

// === impl Lent ===

impl Lent {
    pub fn new(stream: Stream) -> Lent {
        Lent(Arc::new(Mutex::new(Some(stream))))
    }

    /// Takes the stream back; `None` where a handshake has lost it.
    pub fn take(&self) -> Option<Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, stream: Stream) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }

    fn with<T>(&self, act: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(context, out))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}

impl TlsStream for Lent {
    fn channel_binding(&self) -> ChannelBinding {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(Stream::Tls(stream)) => stream.channel_binding(),
            Some(Stream::Tcp(_) | Stream::Unix(_)) | None => ChannelBinding::none(),
        }
    }
}

// === impl Handshake ===

impl TlsConnect<Lent> for Handshake {
    type Stream = Lent;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Lent>>;

    fn connect(mut self, lent: Lent) -> Self::Future {
        async move {
            let Some(Stream::Tcp(stream)) = lent.take() else {
                return Err(io::Error::other("a Unix socket is not encrypted"));
            };
            let handshake = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut self.tls, &self.name);
            let encrypted = handshake.map_err(io::Error::other)?.connect(stream).await?;
            lent.put(Stream::Tls(Box::new(encrypted)));
            Ok(lent)
        }
        .boxed()
    }
}
