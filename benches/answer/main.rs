//! What an answer costs through the port, next to a hand-written server and to PostgreSQL alone.
//!
//! One run starts a private PostgreSQL with the shop in it. For each case the release binary and a
//! baseline (`axum_baseline.rs`, `tonic_baseline.rs`) are started on it, each as a process of its own. Both
//! must first give the same values; then rounds alternate between them, so that whatever else the machine
//! does falls on both, and medians are compared. What counts is CPU time: on a machine that also runs the
//! load, requests per second say little.
//!
//! `cargo bench --features grpc-transport --bench answer -- --quick --case gRPC`

mod alone;
mod axum_baseline;
mod cases;
mod client;
mod contestants;
mod decode;
mod entities;
mod grpc_client;
mod machine;
mod process;
mod project;
mod report;
mod reloads;
mod rounds;
mod shedding;
mod slow;
mod startup;
mod tonic_baseline;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::project::Project;
use crate::report::Report;
use crate::rounds::Plan;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compares what answers cost: fraiseql, a hand-written server, PostgreSQL alone.
#[derive(Parser)]
struct Arguments {
    /// 3 rounds instead of 9.
    #[arg(long)]
    quick: bool,
    /// Only the cases whose names contain this.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Also write the tables into this file, with the machine and the date.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Print the statements that fraiseql ran.
    #[arg(long)]
    statements: bool,
    /// Wait for this long before the first round of each case, to attach a profiler.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Connections to PostgreSQL that each server may have; by default as many as fraiseql takes by itself.
    #[arg(long, value_name = "N")]
    pool: Option<usize>,
    /// Be the baseline over HTTP: serve on this port until standard input ends.
    #[arg(long, hide = true, value_name = "PORT", requires = "connections")]
    axum: Option<u16>,
    /// Be the baseline over gRPC.
    #[arg(long, hide = true, value_name = "PORT", requires = "connections")]
    tonic: Option<u16>,
    #[arg(long, hide = true)]
    connections: Option<usize>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

const ROUND: Duration = Duration::from_millis(500);

/// Longest that a run may take, whatever hangs.
const RUN_TIME_MAX: Duration = Duration::from_secs(30 * 60);

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match (arguments.axum, arguments.tonic, arguments.connections) {
        (Some(port), _, Some(connections)) => return axum_baseline::serve(port, connections),
        (None, Some(port), Some(connections)) => return tonic_baseline::serve(port, connections),
        _ => {}
    }
    // The load runs on one thread: a client that spreads over the cores takes them from the servers.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        // Whichever ends first, the rest is dropped, and with it every process that was started.
        tokio::select! {
            result = tokio::time::timeout(RUN_TIME_MAX, run(&arguments)) => {
                result.unwrap_or_else(|_| bail!("not done after {} minutes", RUN_TIME_MAX.as_secs() / 60))
            }
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            _ = terminated.recv() => bail!("terminated"),
        }
    })
}

async fn run(arguments: &Arguments) -> Result<()> {
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 3 } else { 9 });
    let plan = Plan { rounds, round: ROUND, wait: Duration::from_secs(arguments.wait) };
    let wanted = |name: &str| arguments.case.as_deref().is_none_or(|part| name.contains(part));
    let mut report = Report::default();

    eprintln!("loading the shop into a private PostgreSQL");
    let project = Project::new(arguments.pool.unwrap_or_else(project::pool_max))?;
    for case in cases::all(&project).await?.iter().filter(|case| wanted(case.name)) {
        eprintln!("measuring: {}", case.name);
        let compared = rounds::compare(&project, case, plan).await;
        let compared = compared.with_context(|| format!("in the case \"{}\"", case.name))?;
        if arguments.statements {
            println!("{}:\n{}\n", case.name, compared.statement);
        }
        report.case(case, &compared);
    }
    if wanted(slow::NAME) {
        eprintln!("measuring: {}", slow::NAME);
        slow::measure(&project).await.context(slow::NAME)?.into_iter().for_each(|figure| report.figure(figure));
    }
    if wanted(shedding::NAME) {
        eprintln!("measuring: {}", shedding::NAME);
        let figures = shedding::measure(&project, plan).await.context(shedding::NAME)?;
        figures.into_iter().for_each(|figure| report.figure(figure));
    }
    if wanted(reloads::NAME) {
        eprintln!("measuring: {}", reloads::NAME);
        reloads::measure(&project).await.context(reloads::NAME)?.into_iter().for_each(|figure| report.figure(figure));
    }
    if wanted(entities::RESOLVE) {
        eprintln!("measuring: {}", entities::RESOLVE);
        let figures = entities::resolve(&project).await.context(entities::RESOLVE)?;
        figures.into_iter().for_each(|figure| report.figure(figure));
    }
    if wanted(entities::OPEN) {
        eprintln!("measuring: {}", entities::OPEN);
        report.figure(entities::open(&project).await.context(entities::OPEN)?);
    }
    if wanted(decode::NAME) {
        report.figure(decode::measure(&project).await?);
    }
    if wanted(startup::READY) {
        report.figure(startup::ready(&project).await?);
    }
    if wanted(startup::COMPILE) {
        report.figure(startup::compile()?);
    }

    if let Some(file) = &arguments.write {
        let text = report.document(&machine::describe(&project).await?, plan);
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    }
    print!("{report}");
    Ok(())
}
