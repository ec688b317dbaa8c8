//! The processes that are compared: fraiseql and the baseline, on one database.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::alone::Alone;
use crate::client::Connection;
use crate::process::{CpuTimes, Memory, Process};
use crate::project::Project;

/// A server under load.
pub struct Server {
    process: Process,
    pub address: SocketAddr,
    /// Resident when it had just become ready, in MiB.
    pub idle_mib: f64,
}

/// Everything that takes part in a round.
pub struct Contestants {
    pub ours: Server,
    pub baseline: Server,
    pub alone: Alone,
    postmaster: u32,
}

/// How long a server may take to become ready before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_micros(500);

// === impl Contestants ===

impl Contestants {
    pub async fn start(project: &Project) -> Result<Contestants> {
        let connections = project.pool;
        let ours = Server::fraiseql(project).await?;
        let baseline = Server::start(project, "baseline", |port| {
            let mut command = Command::new(std::env::current_exe().unwrap_or_default());
            command.args(["--baseline", &port.to_string(), "--connections", &connections.to_string()]);
            command.env("DATABASE_URL", project.database_url()).stdin(Stdio::piped());
            command
        })
        .await?;
        let alone = Alone::connect(&project.database_url(), connections).await?;
        Ok(Contestants { ours, baseline, alone, postmaster: project.postmaster()? })
    }

    pub fn postgres_cpu(&self) -> CpuTimes {
        CpuTimes::of_postgres(self.postmaster)
    }
}

// === impl Server ===

impl Server {
    /// `fraiseql run` on the compiled project.
    pub async fn fraiseql(project: &Project) -> Result<Server> {
        Server::start(project, "fraiseql", |port| {
            let mut command = project.fraiseql("run");
            command.args(["--port", &port.to_string()]);
            command
        })
        .await
    }

    /// Starts a server on a free port and waits until it says that it is ready.
    async fn start(project: &Project, name: &str, command: impl Fn(u16) -> Command) -> Result<Server> {
        let address = free_address()?;
        let log_file = project.directory().join(format!("{name}.log"));
        let log = File::create(&log_file)?;
        let mut command = command(address.port());
        let process = Process::start(command.stdout(log.try_clone()?).stderr(log)).with_context(|| name.to_owned())?;
        let mut server = Server { process, address, idle_mib: 0.0 };
        let deadline = Instant::now() + PATIENCE;
        while !is_ready(address).await {
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

async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address).await else { return false };
    let request = format!("GET /ready HTTP/1.1\r\nhost: {address}\r\n\r\n");
    matches!(connection.exchange(request.as_bytes(), None).await, Ok(200))
}

/// An address that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
