//! The shop, loaded and compiled: one database and one project directory for everything that is measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use fraiseql::dev::postgres::{Options, PrivatePostgres};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::process::CpuTimes;

/// The binary under test, built with the profile of this benchmark.
pub const BINARY: &str = env!("CARGO_BIN_EXE_fraiseql");
const DATABASE: &str = "shop";

/// A private PostgreSQL with the shop in it, and a compiled copy of the shop's project.
pub struct Project {
    // Dropped in this order: nothing reads the directory once the server is gone.
    postgres: PrivatePostgres,
    directory: TempDir,
    /// Connections that each server may have.
    pub pool: usize,
}

/// The same for everybody who asks.
const SETTINGS: [(&str, &str); 7] = [
    ("shared_buffers", "512MB"),
    ("max_wal_size", "4GB"),
    // Compiling takes longer than it saves here. fraiseql switches it off; the baseline may have that too.
    ("jit", "off"),
    // Work that belongs to no request, and workers whose CPU time would vanish with them.
    ("autovacuum", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("max_parallel_maintenance_workers", "0"),
    // Statements are read back from pg_stat_activity.
    ("track_activity_query_size", "64kB"),
];

// === impl Project ===

impl Project {
    pub fn new(pool: usize) -> Result<Project> {
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let postgres = PrivatePostgres::start(Options { durable: false, settings, ..Options::default() })?;
        postgres.create_database(DATABASE, None)?;
        let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
        let mut files: Vec<PathBuf> =
            shop.join("sql").read_dir()?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        postgres.load(DATABASE, &files).map_err(|problem| anyhow!("{problem}"))?;
        // Otherwise the first readers would pay for hint bits, whoever they are.
        postgres.execute(DATABASE, "VACUUM (FREEZE, ANALYZE)")?;
        postgres.execute(DATABASE, "CHECKPOINT")?;

        let directory = tempfile::Builder::new().prefix("fraiseql-bench-").tempdir()?;
        for name in ["schema.py", "fraiseql.toml"] {
            fs::copy(shop.join(name), directory.path().join(name)).with_context(|| format!("copy {name}"))?;
        }
        let config = directory.path().join("fraiseql.toml");
        let text = fs::read_to_string(&config)?;
        fs::write(&config, text.replace("[database]", &format!("[database]\npool_max = {pool}")))?;
        let project = Project { postgres, directory, pool };
        project.export()?;
        let variables = "[[session_variables]]\nname = \"app.tenant\"\nheader = \"x-tenant\"\n\
                         [[session_variables]]\nname = \"app.region\"\nvalue = \"north\"\n";
        fs::write(project.session_config(), format!("{}\n{variables}", fs::read_to_string(&config)?))?;
        let places = cores();
        let few = format!("[server]\nmax_concurrent_requests = {places}\nmax_queued_requests = {places}\n");
        fs::write(project.shedding_config(), format!("{}\n{few}", fs::read_to_string(&config)?))?;
        let hasty = fs::read_to_string(&config)?.replace("[database]", "[database]\nstatement_timeout_ms = 200");
        let breaker = "[federation.circuit_breaker]\nfailure_threshold = 1\nrecovery_timeout_secs = 3600\n";
        fs::write(project.breaker_config(), format!("{hasty}\n{breaker}"))?;
        succeed(project.fraiseql("compile", &config).args(["--database", &project.database_url()]))?;
        Ok(project)
    }

    pub fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// CPU time of all processes of PostgreSQL.
    pub fn postgres_cpu(&self) -> Result<CpuTimes> {
        Ok(CpuTimes::of_postgres(self.postmaster()?))
    }

    /// The number of the postmaster.
    fn postmaster(&self) -> Result<u32> {
        let file = self.postgres.directory().join("data/postmaster.pid");
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        text.lines().next().and_then(|line| line.parse().ok()).context("postmaster.pid has no number")
    }

    /// A command of the binary on this project, without what the user's environment says about others.
    pub fn fraiseql(&self, subcommand: &str, config: &Path) -> Command {
        let mut command = Command::new(BINARY);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FRAISEQL_")) {
            command.env_remove(name);
        }
        command.arg(subcommand).arg("--config").arg(config).env("DATABASE_URL", self.database_url());
        command.stdin(Stdio::null());
        command
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("fraiseql.toml")
    }

    /// The same with variables that are set for every statement, as row-level security wants them.
    pub fn session_config(&self) -> PathBuf {
        self.directory.path().join("session.toml")
    }

    /// The same with breakers that the first failure opens for good.
    pub fn breaker_config(&self) -> PathBuf {
        self.directory.path().join("breaker.toml")
    }

    /// The same with a place for each core, and as many that may wait for one.
    pub fn shedding_config(&self) -> PathBuf {
        self.directory.path().join("shedding.toml")
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes schema.json. A comment has four columns of its own, and the export wants five: the fifth is
    /// the number of its author, which the view has and the example does not publish.
    fn export(&self) -> Result<()> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        succeed(
            Command::new(python)
                .arg("schema.py")
                .current_dir(self.directory.path())
                .env("PYTHONPATH", package)
                .env("PYTHONDONTWRITEBYTECODE", "1"),
        )?;
        let file = self.directory.path().join("schema.json");
        let mut schema: Json = serde_json::from_slice(&fs::read(&file)?)?;
        let types = schema["types"].as_array_mut().context("schema.json has no types")?;
        let comment = types.iter_mut().find(|found| found["name"] == "Comment").context("there is no Comment")?;
        let fields = comment["fields"].as_array_mut().context("Comment has no fields")?;
        fields.push(json!({"name": "fkUser", "type": "BigInt", "nullable": false}));
        fs::write(&file, serde_json::to_vec(&schema)?)?;
        Ok(())
    }
}

/// Connections that fraiseql takes when nobody says how many: `[database] pool_max`.
pub fn pool_max() -> usize {
    (2 * cores() + 4).max(10)
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs a command to its end, which must be a good one.
pub fn succeed(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        let said = [&output.stderr[..], &output.stdout].concat();
        bail!("{command:?} failed with {}:\n{}", output.status, String::from_utf8_lossy(&said));
    }
    Ok(output)
}
