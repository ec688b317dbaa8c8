//! What a client notices of reloads.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cases;
use crate::client::{Client, Question};
use crate::contestants::Server;
use crate::project::Project;
use crate::report::Figure;

pub const NAME: &str = "GraphQL: one row by id, reloaded ten times a second";

const CLIENTS: usize = 16;
const RELOADS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

pub async fn measure(project: &Project) -> Result<Vec<Figure>> {
    let server = Server::fraiseql(project, None).await?;
    let questions = cases::points(project, server.address).await?;
    let until = Instant::now() + PAUSE * (RELOADS as u32 + 1);
    let pid = Pid::from_raw(i32::try_from(server.pid())?);
    let reloads = async {
        for _ in 0..RELOADS {
            tokio::time::sleep(PAUSE).await;
            kill(pid, Signal::SIGHUP)?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let clients = (0..CLIENTS).map(|first| ask(&server, &questions, first * 97, until));
    let (asked, reloaded) = tokio::join!(futures_util::future::join_all(clients), reloads);
    reloaded?;
    let said = std::fs::read_to_string(project.directory().join("fraiseql.log")).context("read the log")?;
    // Signals that come while it reads are one.
    let reloads = said.matches("reloaded").count();
    ensure!(reloads > RELOADS / 4, "it was reloaded {reloads} times");
    let (asked, lost) = asked.iter().fold((0, 0), |all, (asked, lost)| (all.0 + asked, all.1 + lost));
    Ok(vec![
        Figure::at_most(format!("{NAME}: requests that are lost"), f64::from(lost), 0.0, ""),
        Figure::shown("  requests meanwhile", f64::from(asked), ""),
        Figure::shown("  reloads meanwhile", reloads as f64, ""),
    ])
}

/// How much one client asks, and what of it gets no answer, or no good one.
async fn ask(server: &Server, questions: &[Question], first: usize, until: Instant) -> (u32, u32) {
    let (mut asked, mut lost) = (0, 0);
    let mut client: Option<Client> = None;
    for question in questions.iter().cycle().skip(first) {
        if Instant::now() >= until {
            break;
        }
        asked += 1;
        if let Err(_lost) = exchange(server, &mut client, question).await {
            lost += 1;
            client = None;
        }
    }
    (asked, lost)
}

async fn exchange(server: &Server, client: &mut Option<Client>, question: &Question) -> io::Result<()> {
    let client = match client {
        Some(client) => client,
        none => none.insert(Client::open(server.address, question).await?),
    };
    client.ask(question).await
}
