//! How soon those are answered who are let in, while four times as many ask: by the server's own histogram.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::cases;
use crate::client::{Connection, Question};
use crate::contestants::Server;
use crate::project::{Project, cores};
use crate::report::Figure;
use crate::rounds::{Plan, median};

pub const NAME: &str = "GraphQL: four times as many clients as places";

/// For each place; there are as many of those as cores, and as many may wait for one.
const CLIENTS: usize = 4;
/// After which a client that was sent away comes back. It is told to wait for a second; these do not listen.
const IMPATIENCE: Duration = Duration::from_millis(10);
const WARM_UP: Duration = Duration::from_millis(300);

/// What the histogram says of requests: upper bounds in seconds, and how many took no longer.
type Buckets = Vec<(f64, f64)>;

/// Rounds of one client alone and of many alternate; each asks for one row by id.
pub async fn measure(project: &Project, plan: Plan) -> Result<Vec<Figure>> {
    let server = Server::fraiseql(project, Some(project.shedding_config())).await?;
    let questions = Arc::new(cases::points(project, server.address).await?);
    let many = CLIENTS * cores();
    load(server.address, many, &questions, WARM_UP).await?;
    let (mut alone, mut crowded, mut ratios, mut refused) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let mut p99s = [0.0; 2];
        for (clients, p99) in [1, many].into_iter().zip(&mut p99s) {
            let before = buckets(server.address).await?;
            let share = load(server.address, clients, &questions, plan.round).await?;
            *p99 = quantile(0.99, &before, &buckets(server.address).await?).context("nobody was answered")?;
            if clients > 1 {
                ensure!(share > 0.0, "nobody was sent away");
                refused.push(share);
            }
        }
        let [by_one, by_many] = p99s;
        alone.push(by_one * 1000.0);
        crowded.push(by_many * 1000.0);
        ratios.push(by_many / by_one);
    }
    Ok(vec![
        Figure::at_most(format!("{NAME}: p99, to that of one client"), median(ratios), 5.0, ""),
        Figure::shown("  p99 of one client alone", median(alone), " ms"),
        Figure::shown("  p99 of those that are let in", median(crowded), " ms"),
        Figure::shown("  share of requests that are sent away", median(refused), ""),
    ])
}

/// Asks on so many connections until the time is up. Returns the share of requests that were sent away.
async fn load(address: SocketAddr, clients: usize, questions: &Arc<Vec<Question>>, duration: Duration) -> Result<f64> {
    let until = Instant::now() + duration;
    let tasks: Vec<_> =
        (0..clients).map(|first| tokio::spawn(ask(address, questions.clone(), first * 97, until))).collect();
    let (mut answered, mut refused) = (0, 0);
    for task in tasks {
        let (some, others) = task.await??;
        answered += some;
        refused += others;
    }
    Ok(f64::from(refused) / f64::from(answered + refused))
}

/// How many answers and refusals one client gets.
async fn ask(
    address: SocketAddr,
    questions: Arc<Vec<Question>>,
    first: usize,
    until: Instant,
) -> io::Result<(u32, u32)> {
    let mut connection = Connection::open(address).await?;
    let (mut answered, mut refused) = (0, 0);
    for question in questions.iter().cycle().skip(first) {
        if Instant::now() >= until {
            break;
        }
        let Question::Http(request) = question else { continue };
        match connection.exchange(request, None).await? {
            200 => answered += 1,
            503 => {
                refused += 1;
                tokio::time::sleep(IMPATIENCE).await;
            }
            status => return Err(io::Error::other(format!("status {status}"))),
        }
    }
    Ok((answered, refused))
}

/// What the server has counted of the query so far. Those that it sends away it counts elsewhere.
async fn buckets(address: SocketAddr) -> Result<Buckets> {
    let mut body = Vec::new();
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\n\r\n");
    Connection::open(address).await?.exchange(request.as_bytes(), Some(&mut body)).await?;
    let text = String::from_utf8(body)?;
    let of_query = |line: &&str| {
        line.starts_with("fraiseql_request_duration_seconds_bucket{")
            && line.contains("transport=\"graphql\"")
            && line.contains("endpoint=\"user\"")
    };
    let bucket = |line: &str| -> Option<(f64, f64)> {
        let (labels, count) = line.rsplit_once(' ')?;
        let bound = labels.split_once("le=\"")?.1.split_once('"')?.0;
        Some((if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? }, count.parse().ok()?))
    };
    text.lines().filter(of_query).map(|line| bucket(line).with_context(|| line.to_owned())).collect()
}

/// As `histogram_quantile` of Prometheus estimates it: evenly spread within a bucket.
fn quantile(of: f64, before: &Buckets, after: &Buckets) -> Option<f64> {
    let earlier = |bound: f64| before.iter().find(|(b, _)| *b == bound).map_or(0.0, |(_, count)| *count);
    let counts: Buckets = after.iter().map(|(bound, count)| (*bound, count - earlier(*bound))).collect();
    let rank = of * counts.last()?.1;
    let at = counts.iter().position(|(_, count)| *count >= rank && *count > 0.0)?;
    let (lower, below) = at.checked_sub(1).map_or((0.0, 0.0), |at| counts[at]);
    let (upper, count) = counts[at];
    Some(if upper.is_infinite() { lower } else { lower + (upper - lower) * (rank - below) / (count - below) })
}
