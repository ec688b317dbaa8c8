//! Rounds of load, one contestant after the other, and the medians of what they cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use crate::cases::Case;
use crate::client::{self, Load};
use crate::contestants::{Contestants, Server};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    pub round: Duration,
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
    pub ours: Cost,
    pub baseline: Cost,
    pub alone: Cost,
    /// CPU time of server and PostgreSQL, ours to the baseline's: the median of what each round gave.
    pub cpu_ratio: f64,
    /// Resident memory when the server had just started.
    pub ours_idle_mib: f64,
    pub baseline_idle_mib: f64,
    pub body_bytes: usize,
    /// What fraiseql ran.
    pub statement: String,
}

/// Fills the pools, the caches and the branch predictors.
const WARM_UP: Duration = Duration::from_millis(300);
/// How many of a case's values are compared before it is measured.
const COMPARED_MAX: usize = 25;

/// Checks that the answers are equal, then measures rounds that alternate between the contestants.
pub async fn compare(contestants: &Contestants, case: &Case, plan: Plan) -> Result<Compared> {
    let Contestants { ours, baseline, alone, .. } = contestants;
    let body_bytes = check(contestants, case).await?;
    let statement = alone.last_statement().await?;
    let width = case.connections;
    let direct = |duration| alone.load(&statement, &case.binds, width, duration);

    warm_up(ours.address, width, &case.ours).await.context("fraiseql")?;
    warm_up(baseline.address, width, &case.baseline).await.context("the baseline")?;
    direct(WARM_UP).await.context("PostgreSQL alone")?;

    let mut costs: [Vec<Cost>; 3] = Default::default();
    for _ in 0..plan.rounds {
        for (server, requests, costs_of) in [(ours, &case.ours, 0), (baseline, &case.baseline, 1)] {
            costs[costs_of].push(round(contestants, server, width, requests, plan.round).await?);
        }
        let before = contestants.postgres_cpu();
        let load = direct(plan.round).await?;
        costs[2].push(Cost::of(&load, 0.0, contestants.postgres_cpu().since(&before), 0.0));
    }
    let [ours_rounds, baseline_rounds, alone_rounds] = &costs;
    Ok(Compared {
        ours: Cost::median(ours_rounds),
        baseline: Cost::median(baseline_rounds),
        alone: Cost::median(alone_rounds),
        cpu_ratio: median(ours_rounds.iter().zip(baseline_rounds).map(|(a, b)| a.cpu_ms() / b.cpu_ms()).collect()),
        ours_idle_mib: ours.idle_mib,
        baseline_idle_mib: baseline.idle_mib,
        body_bytes,
        statement,
    })
}

/// Both answers, as JSON values. Returns the length of fraiseql's last one.
async fn check(contestants: &Contestants, case: &Case) -> Result<usize> {
    let mut length = 0;
    for (ours, baseline) in case.ours.iter().zip(case.baseline.iter()).take(COMPARED_MAX) {
        let ours = client::ask(contestants.ours.address, ours).await.context("fraiseql")?;
        let baseline = client::ask(contestants.baseline.address, baseline).await.context("the baseline")?;
        length = ours.len();
        let parsed = |body: &[u8]| serde_json::from_slice::<Json>(body);
        ensure!(
            parsed(&ours)? == parsed(&baseline)?,
            "the answers differ:\nfraiseql {}\nbaseline {}",
            excerpt(&ours),
            excerpt(&baseline)
        );
        ensure!(length > case.name.len(), "the answer is empty: {}", excerpt(&ours));
    }
    Ok(length)
}

async fn warm_up(address: SocketAddr, width: usize, requests: &Arc<Vec<Vec<u8>>>) -> Result<()> {
    client::load(client::open(address, width).await?, requests, WARM_UP).await.map(drop)
}

async fn round(
    contestants: &Contestants,
    server: &Server,
    width: usize,
    requests: &Arc<Vec<Vec<u8>>>,
    duration: Duration,
) -> Result<Cost> {
    // New connections for every round, so that none is measured with a lucky share of the threads.
    let connections = client::open(server.address, width).await?;
    server.memory().reset_peak().context("reset the peak of resident memory")?;
    let (server_before, postgres_before) = (server.cpu(), contestants.postgres_cpu());
    let load = client::load(connections, requests, duration).await?;
    let server_us = server.cpu().since(&server_before);
    let postgres_us = contestants.postgres_cpu().since(&postgres_before);
    Ok(Cost::of(&load, server_us, postgres_us, server.memory().peak_mib()))
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned()
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
