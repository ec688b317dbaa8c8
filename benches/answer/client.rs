//! HTTP/1.1 over one connection, with as little work as can be: the load must not take the cores from
//! the servers that it measures.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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

/// One request on a connection of its own; its answer must have status 200.
pub async fn ask(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let status = Connection::open(address).await?.exchange(request, Some(&mut body)).await?;
    let shown = || String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
    anyhow::ensure!(status == 200, "status {status}: {}", shown());
    Ok(body)
}

/// Opens the connections of a load.
pub async fn open(address: SocketAddr, connections: usize) -> Result<Vec<Connection>> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(address).await.with_context(|| format!("connect to {address}"))?);
    }
    Ok(opened)
}

/// Asks on every connection, one request after the other, until the time is up.
pub async fn load(connections: Vec<Connection>, requests: &Arc<Vec<Vec<u8>>>, duration: Duration) -> Result<Load> {
    let started = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .enumerate()
        .map(|(first, mut connection)| {
            let requests = requests.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(4096);
                // Connections start apart in the list, or all would ask for the same row at once.
                let mut next = first * 97;
                let mut asked = Instant::now();
                while asked - started < duration {
                    let status = connection.exchange(&requests[next % requests.len()], None).await?;
                    if status != 200 {
                        return Err(broken("an answer without status 200"));
                    }
                    next += 1;
                    let answered = Instant::now();
                    latencies.push(answered - asked);
                    asked = answered;
                }
                Ok(latencies)
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
