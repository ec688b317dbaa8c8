//! One file per command, and what the commands share on the terminal.

mod compile;
mod dev;
mod doctor;
mod explain;
mod health;
pub mod init;
mod lock;
mod papers;
mod project;
pub mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::Overrides;
use crate::problem::Problem;
use crate::server::Refusal;

/// The version, the commit that it was built from, and what is built in.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("FRAISEQL_BUILD"), ")");

/// One compiled schema over one PostgreSQL, served as GraphQL, REST and gRPC.
#[derive(Debug, Parser)]
#[command(name = "fraiseql", version = VERSION, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a project that runs: schema.py, fraiseql.toml and sql/.
    #[command(after_help = "Example:\n  fraiseql init blog && fraiseql dev blog")]
    Init {
        /// The directory to make.
        dir: PathBuf,
    },
    /// Compile schema.json and fraiseql.toml into schema.compiled.json.
    #[command(after_help = "Example:\n  fraiseql compile --database postgres://localhost/blog")]
    Compile(compile::CompileArgs),
    /// Serve a compiled schema; compile first when the schema is newer.
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://localhost/blog fraiseql run --port 8080")]
    Run(run::RunArgs),
    /// All of it for one person: a private PostgreSQL, the SQL loaded, the schema served and watched.
    #[command(after_help = "Example:\n  fraiseql dev examples/shop")]
    Dev(dev::DevArgs),
    /// The plan and the SQL of a GraphQL query.
    #[command(after_help = "\
Example:
  fraiseql explain '{ users(limit: 3) { name posts(limit: 2) { title } } }'
  fraiseql explain 'GET /rest/users?limit=3&select=name,posts(title)'
  fraiseql explain 'shop.v1.ShopService/ListUsers {\"limit\": 3, \"readMask\": \"name\"}'")]
    Explain(explain::ExplainArgs),
    /// What is wrong with the configuration, the database, the keys, the port; and what to type.
    #[command(after_help = "Example:\n  fraiseql doctor --database postgres://localhost/blog")]
    Doctor(doctor::DoctorArgs),
    /// Ask the service of this machine whether it is ready; for containers, which hold no curl.
    #[command(after_help = "Example:\n  fraiseql health --port 8080")]
    Health(health::HealthArgs),
    /// Print what makes a shell complete the commands.
    #[command(after_help = "Example:\n  fraiseql completions bash > /etc/bash_completion.d/fraiseql")]
    Completions(papers::CompletionsArgs),
    /// Print the manual page, or write those of all commands.
    #[command(after_help = "Example:\n  fraiseql man | man -l -\n  fraiseql man /usr/local/share/man/man1")]
    Man(papers::ManArgs),
}

/// Where the configuration is, and what overrides it.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration of the project.
    #[arg(long, value_name = "FILE", default_value = "fraiseql.toml")]
    config: PathBuf,
    /// Log filter: error, warn, info, debug, trace, or a list by module.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// Why a command failed.
#[derive(Debug)]
enum Failed {
    Problems(Vec<Problem>),
    Message(String),
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Init { dir } => init::run(&dir).map_err(|error| Failed::Message(format!("{error:#}"))),
        Command::Compile(arguments) => compile::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Dev(arguments) => dev::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Health(arguments) => health::run(arguments),
        Command::Completions(arguments) => papers::completions(Cli::command(), arguments),
        Command::Man(arguments) => papers::man(Cli::command(), arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            failed.print();
            ExitCode::FAILURE
        }
    }
}

// === impl Failed ===

impl Failed {
    fn print(&self) {
        match self {
            Failed::Problems(problems) => report::print(problems, &|file| std::fs::read_to_string(file).ok()),
            Failed::Message(message) => project::say(&format!("error: {message}")),
        }
    }
}

/// All of it in one line, for the log.
impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::Problems(problems) => {
                let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&told.join("; ").replace('\n', " "))
            }
            Failed::Message(message) => f.write_str(message),
        }
    }
}

impl From<Vec<Problem>> for Failed {
    fn from(problems: Vec<Problem>) -> Self {
        Failed::Problems(problems)
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Failed::Problems(vec![problem])
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreachable(reason) => Failed::Message(reason),
            Refusal::Problems(problems) => Failed::Problems(problems),
        }
    }
}

// === impl ConfigArgs ===

impl ConfigArgs {
    fn overrides(&self) -> Overrides {
        Overrides { log: self.log.clone(), ..Overrides::default() }
    }
}

/// The runtime of commands; requests have workers of their own.
fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failed::Message(format!("cannot start the runtime: {error}")))
}

/// Resolves when the process is told to stop: Ctrl-C or SIGTERM.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = match signal(SignalKind::terminate()) {
        Ok(terminated) => terminated,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
