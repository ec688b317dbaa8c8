//! A private PostgreSQL: started for one owner, reached over a unix socket, gone with its owner.
//!
//! `fraiseql dev` and the tests need a real PostgreSQL that costs nothing to have and leaves nothing
//! behind. It is an installed server, run as an unprivileged user in a directory of its own; nothing is
//! ever downloaded. Containers were rejected: they need a daemon, and most test machines have none.
//!
//! Calls block, for milliseconds mostly and for a second at the first start. No connection is opened
//! here: statements go through the `psql` that lies beside the server, so that files may use its
//! commands and every error carries file and line.

mod account;
mod binaries;
mod cluster;
mod home;
mod load;
mod process;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::problem::Problem;
use account::Account;
use binaries::Binaries;
use home::Home;
pub use load::{LoadReport, LoadedFile};
use process::Postmaster;

/// How a private PostgreSQL runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether a commit waits for the disk. Off is for tests, which nobody mourns after a power cut.
    pub durable: bool,
    pub max_connections: u32,
    /// Further settings, as in postgresql.conf: `("log_statement", "all")`.
    pub settings: Vec<(String, String)>,
}

/// A running PostgreSQL that ends, and whose files vanish, when this value is dropped or its process dies.
#[derive(Debug)]
pub struct PrivatePostgres {
    // Dropped in this order: the server stops before its directory goes.
    postmaster: Postmaster,
    home: Home,
    binaries: Binaries,
    account: Account,
    options: Options,
}

/// Why there is no private PostgreSQL, or what it refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no PostgreSQL {oldest} to {newest} was found\n{looked}\ninstall one:\n{install}\n\
         or name the directory that holds initdb, postgres and psql: export PG_BIN=…",
        oldest = binaries::OLDEST,
        newest = binaries::NEWEST,
    )]
    NotInstalled {
        /// One line for each place, with what was wrong there.
        looked: String,
        /// One command in each line.
        install: String,
    },
    #[error("cannot {doing}: {source}")]
    Io { doing: String, source: io::Error },
    #[error("cannot {doing}: {said}")]
    Refused {
        doing: String,
        /// What the program wrote to its error output or its log.
        said: String,
    },
}

// === impl PrivatePostgres ===

impl PrivatePostgres {
    /// Starts a server and returns when it accepts connections.
    ///
    /// Servers and directories that killed processes of this user left behind are removed first.
    pub fn start(options: Options) -> Result<PrivatePostgres, Error> {
        let account = Account::for_server()?;
        let binaries = Binaries::find(&account)?;
        home::sweep(&account);
        let home = Home::create(&account)?;
        cluster::create(&binaries, &account, &home)?;
        let postmaster = Postmaster::launch(&binaries, &account, &home, &options)?;
        Ok(PrivatePostgres { postmaster, home, binaries, account, options })
    }

    /// A standby that follows this server, with settings over those of this one.
    pub fn start_replica(&self, settings: Vec<(String, String)>) -> Result<PrivatePostgres, Error> {
        let (binaries, account) = (self.binaries.clone(), self.account.clone());
        let home = Home::create(&account)?;
        cluster::copy_running(&binaries, &account, &home, &self.url(cluster::MAINTENANCE_DATABASE))?;
        let mut options = self.options.clone();
        options.settings.extend(settings);
        let postmaster = Postmaster::launch(&binaries, &account, &home, &options)?;
        Ok(PrivatePostgres { postmaster, home, binaries, account, options })
    }

    /// The address of a database of this server, for tokio-postgres, libpq and `[database] url`.
    pub fn url(&self, database: &str) -> String {
        let socket_directory = self.home.path().to_string_lossy();
        format!("postgresql://{}@{}/{}", cluster::SUPERUSER, encode(&socket_directory), encode(database))
    }

    /// The directory that holds the socket, the data and the log.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        self.home.read_log()
    }

    /// Creates a database, as a copy of `template` when one is named; nobody may be connected to that one.
    pub fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), Error> {
        const CHOOSES_STRATEGY: u32 = 15;
        let mut sql = format!("CREATE DATABASE {}", quote(name));
        if let Some(template) = template {
            sql.push_str(&format!(" TEMPLATE {}", quote(template)));
        }
        // Copying files costs two checkpoints, which are nearly free when nothing waits for the disk; a
        // template of 100 MB then takes less than half the time of writing it to the log.
        if !self.options.durable && self.binaries.major >= CHOOSES_STRATEGY {
            sql.push_str(" STRATEGY FILE_COPY");
        }
        self.execute(cluster::MAINTENANCE_DATABASE, &sql)
    }

    /// Drops a database and every connection to it; one that does not exist is no error.
    pub fn drop_database(&self, name: &str) -> Result<(), Error> {
        self.execute(cluster::MAINTENANCE_DATABASE, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote(name)))
    }

    /// Runs SQL that returns nothing of interest.
    pub fn execute(&self, database: &str, sql: &str) -> Result<(), Error> {
        let doing = format!("run {sql}");
        let output = self
            .psql(database)
            .args(["-c", sql])
            .output()
            .map_err(|source| Error::Io { doing: doing.clone(), source })?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Refused { doing, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
    }

    /// Runs SQL files in the given order and stops at the first error, which names file, line and column.
    pub fn load(&self, database: &str, files: &[PathBuf]) -> Result<LoadReport, Problem> {
        load::load(files, || self.psql(database))
    }

    /// Ends every connection, stops the server and removes its directory.
    pub fn stop(mut self) -> Result<(), Error> {
        self.postmaster.stop();
        self.home.remove()
    }

    /// Freezes the server, as an overloaded machine would; [`PrivatePostgres::resume`] thaws it.
    pub fn pause(&mut self) -> Result<(), Error> {
        self.postmaster.pause()
    }

    pub fn resume(&mut self) -> Result<(), Error> {
        self.postmaster.resume()
    }

    /// Kills the server, as a lost machine would. Its data stay for [`PrivatePostgres::restart`].
    pub fn kill(&mut self) -> Result<(), Error> {
        self.postmaster.kill()
    }

    /// Starts the server again on the data and at the address it had, after [`PrivatePostgres::kill`] or not.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.postmaster.stop();
        self.postmaster = Postmaster::launch(&self.binaries, &self.account, &self.home, &self.options)?;
        Ok(())
    }

    /// `psql` on one database, deaf to the user's own settings.
    fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(&self.binaries.psql);
        forget_client_settings(&mut command);
        command.args(["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database)]);
        command
    }
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Options { durable: true, max_connections: 100, settings: Vec::new() }
    }
}

// === impl Error ===

impl Error {
    fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Io { doing, source }
    }
}

/// How long a server may take to start or to stop before something stronger is tried.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a server that starts or stops is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// Removes what would send a PostgreSQL program elsewhere, or make it speak another language.
fn forget_client_settings(command: &mut Command) {
    let is_setting = |name: &OsStr| name.to_string_lossy().starts_with("PG");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("PGCLIENTENCODING", "UTF8").stdin(std::process::Stdio::null());
}

fn encode(text: &str) -> impl std::fmt::Display {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, PLAIN)
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
