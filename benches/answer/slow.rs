//! Clients that read one page a second: what they cost in memory, and what others notice of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cases::{self, EXPORT_ROWS, PAGE_ROWS};
use crate::client;
use crate::contestants::Server;
use crate::grpc_client::{Call, Channel};
use crate::project::Project;
use crate::report::Figure;

pub const NAME: &str = "gRPC: export to clients that read one page a second";

/// As many as may hold a connection for long: half of the pool.
const READERS_SHARE: usize = 2;
const PAGES: usize = 6;
const PACE: Duration = Duration::from_secs(1);
/// Small, so that the server is ahead of its reader by little and has to wait for it.
const WINDOW_BYTES: u32 = 64 * 1024;
const OTHERS: usize = 8;

pub async fn measure(project: &Project) -> Result<Vec<Figure>> {
    let server = Server::fraiseql(project, None).await?;
    let call = Arc::new(cases::export());
    let points = Arc::new(cases::points(project, server.address).await?);
    let others = client::open(server.address, OTHERS, &points).await?;
    server.memory().reset_peak().context("reset the peak of resident memory")?;

    let readers: Vec<_> = (0..project.pool / READERS_SHARE)
        .map(|_| {
            let (call, address) = (call.clone(), server.address);
            tokio::spawn(async move { read_slowly(address, &call).await })
        })
        .collect();
    let beside = client::load(others, &points, PACE * PAGES as u32).await.context("clients beside slow ones")?;
    for reader in readers {
        let pages = reader.await?.context("a slow client")?;
        ensure!(pages == EXPORT_ROWS / PAGE_ROWS, "a slow client was given {pages} pages");
    }
    let above = server.memory().peak_mib() - server.idle_mib;
    let p99_ms = beside.percentile(99).as_secs_f64() * 1000.0;
    Ok(vec![
        Figure::at_most(
            "gRPC: export to clients that read one page a second: peak memory above idle",
            above,
            25.0,
            " MiB",
        ),
        Figure::at_most("  one row by id for others meanwhile, p99", p99_ms, 100.0, " ms"),
    ])
}

/// Some pages at one a second, and the rest as fast as they come. Returns how many there were.
async fn read_slowly(address: std::net::SocketAddr, call: &Call) -> std::io::Result<usize> {
    let mut channel = Channel::open(address, Some(WINDOW_BYTES)).await?;
    let mut messages = channel.call(call).await?;
    let mut pages = 0;
    while messages.next().await?.is_some() {
        pages += 1;
        if pages <= PAGES {
            tokio::time::sleep(PACE).await;
        }
    }
    Ok(pages)
}
