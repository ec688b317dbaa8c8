//! Entities beside the cases: keys without end over one stream, and what an open breaker costs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, header};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

use crate::alone;
use crate::cases;
use crate::client::Connection;
use crate::contestants::Server;
use crate::grpc_client::Messages;
use crate::project::Project;
use crate::report::Figure;
use crate::rounds::median;
use crate::tonic_baseline::{RESOLVE_USERS, UserKey};

pub const RESOLVE: &str = "gRPC: resolve 1,000,000 keys over one stream";
pub const OPEN: &str = "GraphQL: entities behind an open breaker";

const KEYS: usize = 1_000_000;
/// Keys in one frame of the client, some 40 KiB.
const FRAME_KEYS: usize = 1_000;

const ROUNDS: usize = 9;
const REQUESTS: u32 = 5_000;

/// The fastest of three, because the clock also counts what else the machine does; the memory of all.
pub async fn resolve(project: &Project) -> Result<Vec<Figure>> {
    let server = Server::fraiseql(project, None).await?;
    let alone = alone::connect(&project.database_url()).await?;
    let mut frames: Vec<Bytes> = Vec::new();
    for ids in alone::some_user_ids(&alone).await?.chunks_exact(FRAME_KEYS) {
        let mut frame = Vec::new();
        for id in ids {
            let key = UserKey { id: Some(id.to_string()) };
            frame.push(0);
            frame.extend_from_slice(&(key.encoded_len() as u32).to_be_bytes());
            key.encode(&mut frame)?;
        }
        frames.push(frame.into());
    }
    ensure!(!frames.is_empty(), "there are fewer than {FRAME_KEYS} users");
    resolved(server.address, &frames, KEYS / 10).await?;
    server.memory().reset_peak().context("reset the peak of resident memory")?;
    let mut fastest: f64 = 0.0;
    for _ in 0..3 {
        let started = Instant::now();
        resolved(server.address, &frames, KEYS).await?;
        fastest = fastest.max(KEYS as f64 / started.elapsed().as_secs_f64());
    }
    let above = server.memory().peak_mib() - server.idle_mib;
    Ok(vec![
        Figure::at_least(RESOLVE, fastest, 300_000.0, " keys/s"),
        Figure::at_most("  peak memory above idle meanwhile", above, 25.0, " MiB"),
    ])
}

/// Sends so many keys and reads what becomes of each.
async fn resolved(address: SocketAddr, frames: &[Bytes], keys: usize) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let frames: Vec<Result<Frame<Bytes>, Infallible>> =
        frames.iter().cycle().take(keys / FRAME_KEYS).map(|frame| Ok(Frame::data(frame.clone()))).collect();
    let request = Request::post(format!("http://{address}{RESOLVE_USERS}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(StreamBody::new(stream::iter(frames)))?;
    let mut messages = Messages::of(sender.send_request(request).await?)?;
    let mut answered = 0;
    while let Some(message) = messages.next().await? {
        ensure!(!message.is_empty(), "a key has no row");
        answered += 1;
    }
    ensure!(answered == keys, "{answered} answers to {keys} keys");
    Ok(())
}

/// CPU time of the server for a request that it refuses at once.
pub async fn open(project: &Project) -> Result<Figure> {
    let server = Server::fraiseql(project, Some(project.breaker_config())).await?;
    let request = cases::some_entities(project, server.address).await?;
    let mut connection = Connection::open(server.address).await?;
    // Nobody reads the table while it is locked, so that the first question fails.
    let mut alone = alone::connect(&project.database_url()).await?;
    let locked = alone.transaction().await?;
    locked.batch_execute("LOCK TABLE tb_user IN ACCESS EXCLUSIVE MODE").await?;
    connection.exchange(&request, None).await?;
    locked.rollback().await?;
    let mut microseconds = Vec::new();
    for _ in 0..ROUNDS {
        let before = server.cpu();
        for _ in 0..REQUESTS {
            let status = connection.exchange(&request, None).await?;
            ensure!(status == 503, "the breaker is not open: {status}");
        }
        microseconds.push(server.cpu().since(&before) / f64::from(REQUESTS));
    }
    Ok(Figure::at_most(format!("{OPEN}: CPU of the server"), median(microseconds), 50.0, " µs"))
}
