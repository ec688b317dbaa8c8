//! The processes that are compared: fraiseql and the baselines, on one database.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;

use crate::client::Connection;
use crate::process::{CpuTimes, Memory, Process};
use crate::project::Project;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Fraiseql,
    /// With `[[session_variables]]`.
    FraiseqlWithSession,
    /// The baseline over HTTP.
    Axum,
    /// The baseline over gRPC.
    Tonic,
}

/// A server under load.
pub struct Server {
    process: Process,
    pub address: SocketAddr,
    /// Resident when it had just become ready, in MiB.
    pub idle_mib: f64,
}

/// How long a server may take to become ready before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_micros(500);

// === impl Who ===

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Who::Fraiseql => "fraiseql",
            Who::FraiseqlWithSession => "with variables",
            Who::Axum | Who::Tonic => "baseline",
        }
    }
}

// === impl Server ===

impl Server {
    pub async fn start(project: &Project, who: Who) -> Result<Server> {
        let baseline = |option: &'static str| {
            move |port: u16| {
                let mut command = Command::new(std::env::current_exe().unwrap_or_default());
                command.args([option, &port.to_string(), "--connections", &project.pool.to_string()]);
                command.env("DATABASE_URL", project.database_url()).stdin(Stdio::piped());
                command
            }
        };
        match who {
            Who::Fraiseql => Server::fraiseql(project, None).await,
            Who::FraiseqlWithSession => Server::fraiseql(project, Some(project.session_config())).await,
            Who::Axum => Server::run(project, "axum", baseline("--axum")).await,
            Who::Tonic => Server::run(project, "tonic", baseline("--tonic")).await,
        }
    }

    /// `fraiseql run` on the compiled project, perhaps by another configuration.
    pub async fn fraiseql(project: &Project, config: Option<std::path::PathBuf>) -> Result<Server> {
        let config = config.unwrap_or_else(|| project.config());
        Server::run(project, "fraiseql", |port| {
            let mut command = project.fraiseql("run", &config);
            command.args(["--port", &port.to_string()]);
            command
        })
        .await
    }

    /// Starts a server on a free port and waits until it says that it is ready.
    async fn run(project: &Project, name: &str, command: impl Fn(u16) -> Command) -> Result<Server> {
        let address = free_address()?;
        let log_file = project.directory().join(format!("{name}.log"));
        let log = File::create(&log_file)?;
        let mut command = command(address.port());
        let process = Process::start(command.stdout(log.try_clone()?).stderr(log)).with_context(|| name.to_owned())?;
        let mut server = Server { process, address, idle_mib: 0.0 };
        let deadline = Instant::now() + PATIENCE;
        while !is_ready(address, name == "tonic").await {
            if server.process.has_ended() || Instant::now() > deadline {
                bail!("{name} did not become ready; it says\n{}", std::fs::read_to_string(&log_file)?);
            }
            tokio::time::sleep(GLANCE).await;
        }
        server.idle_mib = server.memory().now_mib();
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn cpu(&self) -> CpuTimes {
        self.process.cpu()
    }

    pub fn memory(&self) -> Memory {
        self.process.memory()
    }
}

/// Whether it says that it is ready, or, where there is nothing to say so, accepts a connection.
async fn is_ready(address: SocketAddr, by_connection: bool) -> bool {
    if by_connection {
        return TcpStream::connect(address).await.is_ok();
    }
    let Ok(mut connection) = Connection::open(address).await else { return false };
    let request = format!("GET /ready HTTP/1.1\r\nhost: {address}\r\n\r\n");
    matches!(connection.exchange(request.as_bytes(), None).await, Ok(200))
}

/// An address that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
