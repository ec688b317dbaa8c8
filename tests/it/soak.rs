//! Mixed load on every wire with a fault every minute, for as long as `SOAK_SECS` says, and a table at the end.
//!
//! Among the other tests it takes some seconds, with the faults close together; `make soak` gives it ten minutes.

use std::time::{Duration, Instant};

use crate::load::Load;
use crate::proxy::Network;
use crate::rig::Rig;

const CLIENTS: usize = 8;

/// How long a fault lasts.
const FAULT: Duration = Duration::from_millis(800);

/// Of a service over a minute and more, at which its caches are full.
const GROWTH_MIB_MAX: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Reject,
    Swallow,
    Exhaust,
    ReadOnly,
    Change,
    Reload,
    BadReload,
}

const FAULTS: [Fault; 8] = [
    Fault::Kill,
    Fault::Reject,
    Fault::Change,
    Fault::Swallow,
    Fault::Reload,
    Fault::Exhaust,
    Fault::ReadOnly,
    Fault::BadReload,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let asked = std::env::var("SOAK_SECS").ok().map(|secs| secs.parse().expect("SOAK_SECS is a number of seconds"));
    let time = Duration::from_secs(asked.unwrap_or(10));
    let pause = if asked.is_some() { (time / 10).min(Duration::from_secs(60)) } else { Duration::from_millis(500) };
    let mut rig = Rig::start("").await;
    let load = Load::start(rig.address, CLIENTS).await;
    rig.recovers(&load, "the start").await;
    tokio::time::sleep(pause / 4).await;
    let (began, memory) = (Instant::now(), rig.program.memory() >> 20);
    let mut rows = Vec::new();
    for (n, fault) in FAULTS.iter().cycle().enumerate() {
        // Once around, whatever time that takes, and then to the end.
        if began.elapsed() + pause > time && (asked.is_some() || n >= FAULTS.len()) {
            break;
        }
        tokio::time::sleep(pause.saturating_sub(FAULT)).await;
        strike(&mut rig, *fault, n).await;
        rows.push((began.elapsed(), *fault, rig.recovers(&load, &format!("{fault:?}")).await));
        if asked.is_some() {
            let tally = load.tally();
            eprintln!("{:>5} s  {fault:?}: {} requests so far", began.elapsed().as_secs(), tally.requests);
        }
    }
    tokio::time::sleep(time.saturating_sub(began.elapsed())).await;
    let after = rig.program.memory() >> 20;
    let tally = load.stop().await;

    println!("\n| at | fault | right again after |\n|---|---|---|");
    for (at, fault, took) in &rows {
        println!("| {} s | {fault:?} | {} ms |", at.as_secs(), took.as_millis());
    }
    println!("\n| what | how much |\n|---|---|");
    println!("| time | {} s |", began.elapsed().as_secs());
    println!("| requests | {} |", tally.requests);
    for (refused, count) in tally.by_code() {
        println!("| refused: {refused} | {count} |");
    }
    println!("| wrong answers | {} |", tally.wrong.len());
    println!("| writes that were answered | {} |", tally.written.len());
    println!("| longest time without an answer | {} ms |", tally.silence.as_millis());
    println!("| memory at the start | {memory} MiB |\n| memory at the end | {after} MiB |");

    rig.check(&tally, &["UNAVAILABLE", "TIMEOUT"]).await;
    assert!(after < memory + GROWTH_MIB_MAX, "from {memory} to {after} MiB");
}

async fn strike(rig: &mut Rig, fault: Fault, n: usize) {
    match fault {
        Fault::Kill => rig.kill_and_restart(),
        Fault::Reject => rig.network(Network::Rejects, FAULT).await,
        Fault::Swallow => rig.network(Network::Swallows, FAULT).await,
        Fault::Exhaust => rig.exhaust(FAULT).await,
        Fault::ReadOnly => rig.read_only(FAULT).await,
        Fault::Change => {
            let ty = if n % 16 < 8 { "int8" } else { "int4" };
            rig.execute(&format!("ALTER TABLE tb_part ALTER amount TYPE {ty}"));
        }
        Fault::Reload => {
            let before = rig.program.said().matches("reloaded").count();
            rig.reload();
            rig.program.says("reloaded", before + 1).await;
        }
        Fault::BadReload => {
            let before = rig.program.said().matches("still serving").count();
            rig.edit("fraiseql.toml", "pool_max", "pool_mx");
            rig.reload();
            rig.program.says("still serving", before + 1).await;
            rig.edit("fraiseql.toml", "pool_mx", "pool_max");
        }
    }
}
