//! Rounds of load, one contestant after the other, and the medians of what they cost.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value as Json;

use crate::alone::Alone;
use crate::cases::{Case, Side};
use crate::client::{self, Load, Question};
use crate::contestants::Server;
use crate::project::Project;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    pub round: Duration,
    /// Before the first round of each case, to attach a profiler.
    pub wait: Duration,
}

/// What a request cost one contestant: a round's mean, or the median of the rounds.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// CPU time a request; 0 where there is no server.
    pub server_ms: f64,
    pub postgres_ms: f64,
    /// Resident memory at the highest; 0 where there is no server.
    pub peak_mib: f64,
}

/// A case, measured.
pub struct Compared {
    pub sides: [Measured; 2],
    /// PostgreSQL with fraiseql's statement.
    pub alone: Option<Cost>,
    /// The first side to the second: the medians of what each round gave.
    pub cpu_ratio: f64,
    pub server_cpu_ratio: f64,
    pub speed_ratio: f64,
    pub body_bytes: usize,
    /// What fraiseql ran.
    pub statement: String,
}

/// One side.
pub struct Measured {
    pub cost: Cost,
    /// Resident memory when the server had just started.
    pub idle_mib: f64,
}

/// Fills the pools, the caches and the branch predictors.
const WARM_UP: Duration = Duration::from_millis(300);
/// How many of a case's values are compared before it is measured.
const COMPARED_MAX: usize = 25;

/// A server with the questions that it is asked.
struct Asked {
    server: Server,
    questions: Arc<Vec<Question>>,
}

/// Checks that the answers are equal, then measures rounds that alternate between the sides.
pub async fn compare(project: &Project, case: &Case, plan: Plan) -> Result<Compared> {
    // Servers of its own for each case: none inherits memory from the one before.
    let [ours, other] = [Asked::start(project, &case.sides[0]).await?, Asked::start(project, &case.sides[1]).await?];
    let alone = Alone::connect(&project.database_url(), case.connections).await?;
    let body_bytes = check(&ours, &other).await?;
    let statement = alone.last_statement().await?;
    let width = case.connections;
    if !plan.wait.is_zero() {
        eprintln!("  {} is process {}", case.sides[0].who.name(), ours.server.pid());
        eprintln!("  {} is process {}", case.sides[1].who.name(), other.server.pid());
        tokio::time::sleep(plan.wait).await;
    }
    for asked in [&ours, &other] {
        asked.load(width, WARM_UP).await?;
    }
    if let Some(binds) = &case.alone {
        alone.load(&statement, binds, width, WARM_UP).await.context("PostgreSQL alone")?;
    }

    let mut costs: [Vec<Cost>; 3] = Default::default();
    for _ in 0..plan.rounds {
        for (asked, costs) in [&ours, &other].into_iter().zip(&mut costs) {
            costs.push(asked.round(project, width, plan.round).await?);
        }
        if let Some(binds) = &case.alone {
            let before = project.postgres_cpu()?;
            let load = alone.load(&statement, binds, width, plan.round).await?;
            costs[2].push(Cost::of(&load, 0.0, project.postgres_cpu()?.since(&before), 0.0));
        }
    }
    let [ours_costs, other_costs, alone_costs] = &costs;
    let ratio = |of: fn(&Cost) -> f64| median(ours_costs.iter().zip(other_costs).map(|(a, b)| of(a) / of(b)).collect());
    let measured =
        |asked: &Asked, costs: &[Cost]| Measured { cost: Cost::median(costs), idle_mib: asked.server.idle_mib };
    Ok(Compared {
        sides: [measured(&ours, ours_costs), measured(&other, other_costs)],
        alone: case.alone.is_some().then(|| Cost::median(alone_costs)),
        cpu_ratio: ratio(Cost::cpu_ms),
        server_cpu_ratio: ratio(|cost| cost.server_ms),
        speed_ratio: ratio(|cost| cost.requests_per_second),
        body_bytes,
        statement,
    })
}

/// Both answers, as values. Returns the length of the last one.
async fn check(ours: &Asked, other: &Asked) -> Result<usize> {
    let mut bytes = 0;
    for (a, b) in ours.questions.iter().zip(other.questions.iter()).take(COMPARED_MAX) {
        let a = client::answer(ours.server.address, a).await.context("the first side")?;
        let b = client::answer(other.server.address, b).await.context("the second side")?;
        bytes = a.bytes;
        let differ = a.values.iter().zip(&b.values).find(|(a, b)| a != b);
        if let Some((a, b)) = differ {
            bail!("the answers differ:\n{}\n{}", excerpt(a), excerpt(b));
        }
        ensure!(a.values.len() == b.values.len(), "{} values, and {}", a.values.len(), b.values.len());
        ensure!(!a.values.is_empty() && bytes > 20, "the answer is empty");
    }
    Ok(bytes)
}

// === impl Asked ===

impl Asked {
    async fn start(project: &Project, side: &Side) -> Result<Asked> {
        let server = Server::start(project, side.who).await?;
        let questions = side.questions(server.address);
        Ok(Asked { server, questions })
    }

    async fn load(&self, width: usize, duration: Duration) -> Result<Load> {
        client::load(client::open(self.server.address, width, &self.questions).await?, &self.questions, duration).await
    }

    async fn round(&self, project: &Project, width: usize, duration: Duration) -> Result<Cost> {
        // New connections for every round, so that none is measured with a lucky share of the threads.
        let server = &self.server;
        let clients = client::open(server.address, width, &self.questions).await?;
        server.memory().reset_peak().context("reset the peak of resident memory")?;
        let (server_before, postgres_before) = (server.cpu(), project.postgres_cpu()?);
        let load = client::load(clients, &self.questions, duration).await?;
        let server_us = server.cpu().since(&server_before);
        let postgres_us = project.postgres_cpu()?.since(&postgres_before);
        Ok(Cost::of(&load, server_us, postgres_us, server.memory().peak_mib()))
    }
}

fn excerpt(value: &Json) -> String {
    value.to_string().chars().take(1000).collect()
}

// === impl Cost ===

impl Cost {
    fn of(load: &Load, server_us: f64, postgres_us: f64, peak_mib: f64) -> Cost {
        let requests = load.requests as f64;
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        Cost {
            requests_per_second: requests / load.elapsed.as_secs_f64(),
            p50_ms: milliseconds(load.percentile(50)),
            p99_ms: milliseconds(load.percentile(99)),
            server_ms: server_us / requests / 1000.0,
            postgres_ms: postgres_us / requests / 1000.0,
            peak_mib,
        }
    }

    fn median(rounds: &[Cost]) -> Cost {
        let of = |figure: fn(&Cost) -> f64| median(rounds.iter().map(figure).collect());
        Cost {
            requests_per_second: of(|cost| cost.requests_per_second),
            p50_ms: of(|cost| cost.p50_ms),
            p99_ms: of(|cost| cost.p99_ms),
            server_ms: of(|cost| cost.server_ms),
            postgres_ms: of(|cost| cost.postgres_ms),
            peak_mib: of(|cost| cost.peak_mib),
        }
    }

    /// CPU time of server and PostgreSQL.
    pub fn cpu_ms(&self) -> f64 {
        self.server_ms + self.postgres_ms
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
