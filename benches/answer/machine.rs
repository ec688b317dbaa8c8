//! The machine that the figures hold for.

use std::fs;

use anyhow::Result;

use crate::alone;
use crate::project::Project;

/// One line: date, processor, memory, kernel, PostgreSQL.
pub async fn describe(project: &Project) -> Result<String> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let processor = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let memory_gib =
        memory.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1048576.0;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let client = alone::connect(&project.database_url()).await?;
    let version: String = client.query_one("SELECT current_setting('server_version')", &[]).await?.get(0);
    Ok(format!(
        "{}: {processor}, {cores} cores, {memory_gib:.0} GiB; Linux {}; PostgreSQL {version}; fraiseql {}.",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        read("/proc/sys/kernel/osrelease").trim(),
        env!("CARGO_PKG_VERSION"),
    ))
}
