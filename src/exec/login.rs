//! Opens a connection: the driver says who we are, and the stream that it said it on is taken back from it.
//!
//! So passwords, SCRAM with channel binding and the negotiation of TLS are the driver's, and nothing else is.

use std::net::IpAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_postgres::config::{Host, LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::{CancelToken, Config};

use super::cancel::Server;
use super::failure::Failure;
use super::stream::{Handshake, Lent, Stream};
use super::tls::Tls;
use super::wire::Wire;

const PORT: u16 = 5432;

/// A connection that has been opened, and how what runs on it is cancelled.
pub(super) struct Opened {
    pub wire: Wire,
    pub server: Server,
    pub token: CancelToken,
}

/// One of the hosts of a URL.
struct Named {
    /// As the certificate has it.
    name: String,
    place: Place,
    port: u16,
}

enum Place {
    Host(String),
    Address(IpAddr),
    Directory(std::path::PathBuf),
}

/// Connects to the first server of a URL that takes the connection.
pub(super) async fn open(config: &Config, tls: &Tls) -> Result<Opened, Failure> {
    let mut last = None;
    for named in hosts(config) {
        let servers = match named.servers(config).await {
            Ok(servers) => servers,
            Err(error) => {
                last = Some(Failure::Lost(error));
                continue;
            }
        };
        for server in servers {
            match log_in(config, tls, server).await {
                Ok(opened) => return Ok(opened),
                Err(failure) => last = Some(failure),
            }
        }
    }
    Err(last.unwrap_or_else(|| Failure::Lost(std::io::Error::other("the database url names no host"))))
}

async fn log_in(config: &Config, tls: &Tls, server: Server) -> Result<Opened, Failure> {
    let patience = config.get_connect_timeout().copied().unwrap_or(Duration::MAX);
    let late = |_| Failure::Lost(std::io::Error::new(std::io::ErrorKind::TimedOut, "no connection in time"));
    let stream = tokio::time::timeout(patience, connect(config, &server)).await.map_err(late)??;
    let lent = Lent::new(stream);
    let handshake = Handshake { tls: tls.clone(), name: server.name().to_owned() };
    let (client, connection) = config.connect_raw(lent.clone(), handshake).await?;
    let token = client.cancel_token();
    drop((client, connection));
    let mut wire = Wire::new(lent.take().ok_or_else(Failure::ended)?);
    let wanted = match config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => Some("off"),
        TargetSessionAttrs::ReadOnly => Some("on"),
        _ => None,
    };
    if let Some(wanted) = wanted {
        let said = wire.simple("SHOW transaction_read_only").await?;
        if said.rows.first().and_then(|(_, row)| row.text(0)) != Some(wanted) {
            return Err(Failure::Lost(std::io::Error::other(
                "not the kind of server that target_session_attrs asks for",
            )));
        }
    }
    Ok(Opened { wire, server, token })
}

async fn connect(config: &Config, server: &Server) -> std::io::Result<Stream> {
    let address = match server {
        Server::Unix(path) => return UnixStream::connect(path).await.map(Stream::Unix),
        Server::Tcp { address, .. } => address,
    };
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    #[cfg(target_os = "linux")]
    if let Some(silence) = config.get_tcp_user_timeout() {
        socket.set_tcp_user_timeout(Some(*silence))?;
    }
    if config.get_keepalives() {
        let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(Stream::Tcp(stream))
}

/// The hosts of a URL, in the order in which they are tried.
fn hosts(config: &Config) -> Vec<Named> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let named = |i: usize| {
        let port = ports.get(i).or(ports.first()).copied().unwrap_or(PORT);
        let (host, address) = (hosts.get(i), addresses.get(i));
        let name = match host {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(_)) | None => address.map(IpAddr::to_string).unwrap_or_default(),
        };
        let place = match (host, address) {
            (_, Some(address)) => Place::Address(*address),
            (Some(Host::Tcp(name)), None) => Place::Host(name.clone()),
            (Some(Host::Unix(directory)), None) => Place::Directory(directory.clone()),
            (None, None) => return None,
        };
        Some(Named { name, place, port })
    };
    let mut all: Vec<Named> = (0..hosts.len().max(addresses.len())).filter_map(named).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        let chance = ahash::RandomState::new();
        all.sort_by_cached_key(|named| chance.hash_one((&named.name, named.port)));
    }
    all
}

// === impl Named ===

impl Named {
    /// Where it listens: a name can have several addresses.
    async fn servers(self, config: &Config) -> std::io::Result<Vec<Server>> {
        let Named { name, place, port } = self;
        let tcp = |address| Server::Tcp { name: name.clone(), address };
        Ok(match place {
            Place::Directory(directory) => vec![Server::Unix(directory.join(format!(".s.PGSQL.{port}")))],
            Place::Address(address) => vec![tcp((address, port).into())],
            Place::Host(host) => {
                let mut servers: Vec<Server> = lookup_host((host.as_str(), port)).await?.map(tcp).collect();
                if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
                    let chance = ahash::RandomState::new();
                    servers.sort_by_cached_key(|server| chance.hash_one(server));
                }
                servers
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_servers_of_a_url() {
        async fn check(url: &str, expected: &[&str]) {
            let config: Config = url.parse().unwrap();
            let mut found = Vec::new();
            for named in hosts(&config) {
                let servers = named.servers(&config).await.unwrap();
                found.extend(servers.into_iter().map(|server| match server {
                    Server::Tcp { name, address } => format!("{name} {address}"),
                    Server::Unix(path) => path.display().to_string(),
                }));
            }
            assert_eq!(found, expected, "{url}");
        }
        check("postgres://u@127.0.0.1/x", &["127.0.0.1 127.0.0.1:5432"]).await;
        check("postgres://u@127.0.0.1:6000/x", &["127.0.0.1 127.0.0.1:6000"]).await;
        check("host=db hostaddr=10.0.0.1 port=7", &["db 10.0.0.1:7"]).await;
        check("host=/run/pg port=7", &["/run/pg/.s.PGSQL.7"]).await;
        check("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=7,8", &["a 10.0.0.1:7", "b 10.0.0.2:8"]).await;
    }
}
