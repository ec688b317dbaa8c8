//! A service as it runs in production, with a database and a network of its own that may be broken.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fraiseql::dev::postgres::{Options, PrivatePostgres};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::harness;
use crate::load::{Load, TABLES, Tally, schema};
use crate::program::Program;
use crate::proxy::{Network, Proxy};

/// How soon answers have to be right again behind any fault.
pub const SOON: Duration = Duration::from_secs(5);

/// Connections that the database takes.
pub const CONNECTIONS_MAX: u32 = 40;

/// In this order: the program ends before its database.
pub struct Rig {
    pub program: Program,
    pub address: SocketAddr,
    pub proxy: Proxy,
    pub postgres: PrivatePostgres,
    directory: TempDir,
}

// === impl Rig ===

impl Rig {
    /// A service over the tables of the load. `more` stands in the section of the server.
    pub async fn start(more: &str) -> Rig {
        // What was committed has to be there after a crash.
        let options = Options { durable: true, max_connections: CONNECTIONS_MAX, ..Options::default() };
        let postgres = PrivatePostgres::start(options).unwrap();
        postgres.execute("postgres", TABLES).unwrap();
        postgres.execute("postgres", "CHECKPOINT").unwrap();
        let proxy = Proxy::before(&postgres).await;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("schema.json"), schema().to_string()).unwrap();
        let toml = format!(
            "[project]\nname = \"test\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n{more}[database]\nurl = \"{}\"\n\
             connect_timeout_ms = 1000\nstatement_timeout_ms = 2000\npool_max = 10\n",
            proxy.url("postgres")
        );
        std::fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
        let mut program = Program::start(directory.path(), &["run"]);
        let address = program.address().await;
        Rig { program, address, proxy, postgres, directory }
    }

    pub fn execute(&self, sql: &str) {
        tokio::task::block_in_place(|| self.postgres.execute("postgres", sql).unwrap());
    }

    pub fn kill_and_restart(&mut self) {
        tokio::task::block_in_place(|| {
            self.postgres.kill().unwrap();
            self.postgres.restart().unwrap();
        });
    }

    /// The network fails for a while.
    pub async fn network(&self, network: Network, time: Duration) {
        self.proxy.turn(network);
        tokio::time::sleep(time).await;
        self.proxy.turn(Network::Passes);
    }

    /// Somebody else takes every connection that is left for a while. Those that the service has are taken away first.
    pub async fn exhaust(&self, time: Duration) {
        let url = self.postgres.url("postgres");
        let mut held = Vec::new();
        while let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
            tokio::spawn(connection);
            if held.is_empty() {
                let ends =
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'fraiseql'";
                client.query_one(ends, &[]).await.unwrap();
            }
            held.push(client);
        }
        tokio::time::sleep(time).await;
    }

    /// The database takes no writes for a while.
    pub async fn read_only(&self, time: Duration) {
        for (setting, time) in [("on", time), ("off", Duration::ZERO)] {
            self.execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {setting}"));
            self.execute("SELECT pg_reload_conf()");
            tokio::time::sleep(time).await;
        }
    }

    pub fn reload(&self) {
        self.program.signal(Signal::SIGHUP);
    }

    /// Changes a file of the project.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.directory.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Waits until everything is right again, which has to be soon.
    pub async fn recovers(&self, load: &Load, after: &str) -> Duration {
        match load.is_right_again(Instant::now()).await {
            Ok(took) if took < SOON => took,
            took => panic!("right again {took:?} after {after}\n{}", self.program.said()),
        }
    }

    /// Every write that was answered is there once, and nothing is there twice.
    pub async fn check(&self, tally: &Tally, codes: &[&str]) {
        tally.check(codes);
        let url = self.postgres.url("postgres");
        let acknowledged: Vec<String> = tally.written.iter().map(ToString::to_string).collect();
        assert!(!acknowledged.is_empty());
        let there = format!("SELECT count(*) FROM tb_note WHERE id IN ({})", acknowledged.join(", "));
        assert_eq!(harness::ask(&url, &there).await.unwrap(), acknowledged.len() as i64);
    }
}
