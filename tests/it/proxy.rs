//! A network that fails: a TCP proxy in front of the socket of a private PostgreSQL.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fraiseql::dev::postgres::PrivatePostgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Passes,
    /// Connections are reset, those that are there and those that come.
    Rejects,
    /// Nothing arrives and nobody is told.
    Swallows,
}

/// The proxy; it ends when it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    network: watch::Sender<Network>,
    task: JoinHandle<()>,
}

// === impl Proxy ===

impl Proxy {
    pub async fn before(postgres: &PrivatePostgres) -> Proxy {
        let socket = postgres.directory().join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (network, state) = watch::channel(Network::Passes);
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(carry(stream, socket.clone(), state.clone()));
            }
        });
        Proxy { address, network, task }
    }

    /// The address of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}?sslmode=disable", self.address)
    }

    pub fn turn(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut stream: TcpStream, socket: PathBuf, mut network: watch::Receiver<Network>) {
    // Whatever was on its way when the network passes again is lost with its connection, as it is when a router forgets it.
    let reset = |stream: TcpStream| drop(stream.set_zero_linger());
    let mut was_swallowed = false;
    loop {
        let now = *network.borrow_and_update();
        match now {
            Network::Passes if was_swallowed => return reset(stream),
            Network::Passes => break,
            Network::Rejects => return reset(stream),
            Network::Swallows => was_swallowed = true,
        }
        if network.changed().await.is_err() {
            return;
        }
    }
    let Ok(mut database) = UnixStream::connect(&socket).await else { return reset(stream) };
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let moved = tokio::select! {
            biased;
            // Of what is swallowed nothing is heard until the network passes again, which has forgotten it.
            () = async { drop(network.wait_for(|network| *network != Network::Passes).await) } => {
                let _ = network.wait_for(|network| *network != Network::Swallows).await;
                return reset(stream);
            }
            read = stream.read(&mut up) => match read {
                Ok(0) | Err(_) => false,
                Ok(count) => database.write_all(&up[..count]).await.is_ok(),
            },
            read = database.read(&mut down) => match read {
                Ok(0) | Err(_) => false,
                Ok(count) => stream.write_all(&down[..count]).await.is_ok(),
            },
        };
        if !moved {
            break;
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.shutdown()).await;
}
