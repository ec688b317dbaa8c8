//! Load: questions asked on every connection, one after the other; and HTTP/1.1 with as little work as can
//! be, because the load must not take the cores from the servers that it measures.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::grpc_client::{Call, Channel};

/// What is asked, over the wire that it is asked on.
pub enum Question {
    /// The bytes of a request.
    Http(Vec<u8>),
    Grpc(Call),
}

/// A connection of either wire.
pub enum Client {
    Http(Connection),
    Grpc(Channel),
}

/// A connection that is kept alive.
pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// What one round of load saw.
pub struct Load {
    pub requests: usize,
    pub elapsed: Duration,
    /// Sorted.
    pub latencies: Vec<Duration>,
}

/// Large enough that a small answer takes one read, small enough to stay in the cache.
const BUFFER_BYTES: usize = 64 * 1024;

// === impl Connection ===

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: vec![0; BUFFER_BYTES].into(), start: 0, end: 0 })
    }

    /// Sends a request and reads its answer, into `body` where somebody wants it. Returns the status.
    pub async fn exchange(&mut self, request: &[u8], mut body: Option<&mut Vec<u8>>) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        let status_line = self.line().await?;
        let digits = self.buffer[status_line.clone()].get(9..12).unwrap_or_default();
        let status = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        let mut length = None;
        let mut chunked = false;
        loop {
            let line = self.line().await?;
            let line = &self.buffer[line];
            if line.is_empty() {
                break;
            }
            if let Some(value) = header(line, b"content-length:") {
                length = std::str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
            } else if let Some(value) = header(line, b"transfer-encoding:") {
                chunked = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            }
        }
        if !chunked {
            let length = length.ok_or_else(|| broken("no length"))?;
            self.take(length, &mut body).await?;
            return Ok(status);
        }
        loop {
            let line = self.line().await?;
            let digits = std::str::from_utf8(&self.buffer[line]).unwrap_or_default();
            let size = usize::from_str_radix(digits.trim(), 16).map_err(|_| broken("no chunk size"))?;
            self.take(size, &mut body).await?;
            self.line().await?;
            if size == 0 {
                return Ok(status);
            }
        }
    }

    /// The next line without its end, as a place in the buffer that holds until the next read.
    async fn line(&mut self) -> io::Result<std::ops::Range<usize>> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.start + searched..self.end]) {
                let line = self.start..self.start + searched + at;
                self.start = line.end + 1;
                let end = if self.buffer[line.clone()].ends_with(b"\r") { line.end - 1 } else { line.end };
                return Ok(line.start..end);
            }
            searched = self.end - self.start;
            self.fill().await?;
        }
    }

    async fn take(&mut self, mut length: usize, body: &mut Option<&mut Vec<u8>>) -> io::Result<()> {
        while length > 0 {
            if self.start == self.end {
                self.fill().await?;
            }
            let piece = length.min(self.end - self.start);
            if let Some(body) = body {
                body.extend_from_slice(&self.buffer[self.start..self.start + piece]);
            }
            self.start += piece;
            length -= piece;
        }
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            return Err(broken("a line longer than the buffer"));
        }
        match self.stream.read(&mut self.buffer[self.end..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.end += count;
                Ok(())
            }
        }
    }
}

// === impl Client ===

impl Client {
    pub async fn open(address: SocketAddr, question: &Question) -> io::Result<Client> {
        match question {
            Question::Http(_) => Connection::open(address).await.map(Client::Http),
            Question::Grpc(_) => Channel::open(address, None).await.map(Client::Grpc),
        }
    }

    /// Asks, and reads the answer, which must be a good one, to its end.
    pub async fn ask(&mut self, question: &Question) -> io::Result<()> {
        match (self, question) {
            (Client::Http(connection), Question::Http(request)) => match connection.exchange(request, None).await? {
                200 => Ok(()),
                _ => Err(broken("an answer without status 200")),
            },
            (Client::Grpc(channel), Question::Grpc(call)) => channel.exchange(call).await,
            (Client::Http(_), Question::Grpc(_)) | (Client::Grpc(_), Question::Http(_)) => {
                Err(broken("a question for another wire"))
            }
        }
    }
}

/// What came back, for comparison.
pub struct Answer {
    /// The JSON values of a body, or messages as a person would see them.
    pub values: Vec<Json>,
    pub bytes: usize,
}

/// One question on a connection of its own; its answer must be a good one.
pub async fn answer(address: SocketAddr, question: &Question) -> Result<Answer> {
    match question {
        Question::Http(request) => {
            let mut body = Vec::new();
            let status = Connection::open(address).await?.exchange(request, Some(&mut body)).await?;
            let shown = || String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
            anyhow::ensure!(status == 200, "status {status}: {}", shown());
            let values = serde_json::Deserializer::from_slice(&body).into_iter().collect::<Result<_, _>>()?;
            Ok(Answer { values, bytes: body.len() })
        }
        Question::Grpc(call) => {
            let mut messages = Channel::open(address, None).await?.call(call).await?;
            let mut answer = Answer { values: Vec::new(), bytes: 0 };
            while let Some(message) = messages.next().await? {
                answer.values.push((call.shown)(&message)?.into());
                answer.bytes += message.len();
            }
            Ok(answer)
        }
    }
}

/// Opens the connections of a load.
pub async fn open(address: SocketAddr, connections: usize, questions: &[Question]) -> Result<Vec<Client>> {
    let mut opened = Vec::with_capacity(connections);
    for (_, question) in (0..connections).zip(questions.iter().cycle()) {
        opened.push(Client::open(address, question).await.with_context(|| format!("connect to {address}"))?);
    }
    Ok(opened)
}

/// Asks on every connection, one request after the other, until the time is up.
pub async fn load(clients: Vec<Client>, questions: &Arc<Vec<Question>>, duration: Duration) -> Result<Load> {
    let started = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(first, mut client)| {
            let questions = questions.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(4096);
                // Connections start apart in the list, or all would ask for the same row at once.
                let mut next = first * 97;
                let mut asked = Instant::now();
                while asked - started < duration {
                    client.ask(&questions[next % questions.len()]).await?;
                    next += 1;
                    let answered = Instant::now();
                    latencies.push(answered - asked);
                    asked = answered;
                }
                Ok::<_, io::Error>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Ok(Load { requests: latencies.len(), elapsed, latencies })
}

fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    found.eq_ignore_ascii_case(name).then_some(value)
}

fn broken(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

// === impl Load ===

impl Load {
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((self.latencies.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }
}
