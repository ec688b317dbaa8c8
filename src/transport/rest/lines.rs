//! A body of lines: each is a row that is written by itself, in batches, as the lines arrive.
//!
//! No more is in memory than one batch, and what the answer shows of the rows. A line that fails is named by its
//! number and leaves the others alone, as in a stream of gRPC: a transaction over a whole import would hold a
//! connection, and what it has locked, for as long as the client takes to send.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, Response};
use http_body_util::BodyExt;
use serde_json::{Map, Value as Json, json};

use super::Exchange;
use super::encode::append;
use super::input::{input, line};
use super::negotiate::is_ndjson;
use super::parameters::Parameter;
use super::respond::Failure;
use super::write::Asked;
use crate::engine::Pace;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::Intent;
use crate::intent::mutation::Input;
use crate::schema::Schema;
use crate::schema::model::Returns;
use crate::transport::batches::{self, next_size};
use crate::transport::body::{Budget, Chunks};

/// Failed lines that are told one by one; the others are counted.
const FAILURES_TOLD_MAX: usize = 100;

/// Whether a request is as long as its client makes it.
pub fn takes_lines(parts: &Parts) -> bool {
    parts.method == Method::POST && is_ndjson(&parts.headers)
}

/// A body, line by line.
struct Lines {
    body: Body,
    buffer: BytesMut,
    /// Bytes of the buffer that hold no end of a line.
    searched: usize,
    number: usize,
    bytes_max: usize,
    /// How long the client may send nothing.
    idle: Duration,
}

/// What became of the lines so far.
#[derive(Default)]
struct Written {
    rows: Chunks,
    shown: usize,
    affected: u64,
    failed: u64,
    /// The first of them, and how the first ones are told.
    first: Option<Error>,
    told: Vec<Json>,
}

// === impl Exchange ===

impl Exchange<'_> {
    /// Writes a row for each line of a body.
    pub(super) async fn write_lines(
        &self,
        body: Body,
        route: usize,
        schema: &Schema,
        given: &[Parameter<'_>],
        asked: &Asked<'_>,
    ) -> Result<Response<Body>, Failure> {
        let options = &self.rest.options;
        let mut lines = Lines {
            body,
            buffer: BytesMut::new(),
            searched: 0,
            number: 0,
            bytes_max: options.body_bytes_max,
            idle: options.stream_idle_timeout,
        };
        let budget = Budget::new(options.response_bytes_max);
        // A function that returns a set is called for one line at a time.
        let is_alone = asked.endpoint.returns != Returns::One;
        let max = asked.preferences.affected_max.unwrap_or(u64::MAX);
        let mut written = Written::default();
        let (mut size, mut has_ended) = (1, false);
        while !has_ended {
            let (mut inputs, mut numbers, mut bytes): (Vec<Input>, Vec<usize>, usize) = Default::default();
            while inputs.len() < size && bytes < batches::BYTES_MAX {
                let Some((number, text)) = lines.next().await.map_err(|error| written.stopped(error))? else {
                    has_ended = true;
                    break;
                };
                bytes += text.len();
                match line(&text).and_then(|members| input(schema, asked.endpoint, &[], members)) {
                    Ok(input) => {
                        inputs.push(input);
                        numbers.push(number);
                    }
                    Err(error) => written.fail(number, error),
                }
            }
            if inputs.is_empty() {
                continue;
            }
            let count = inputs.len();
            if written.affected + count as u64 > max {
                let message = format!("more than {max} rows would be touched (Prefer: max-affected)");
                return Err(written.stopped(Error::new(Stage::Decode, Code::TooComplex, message)));
            }
            let mut mutate = self.rest.mutate(schema, asked.endpoint, route, inputs, given, asked.minimal)?;
            (mutate.atomic, mutate.is_batch) = (false, !is_alone);
            let turn = self.engine.admission().turn().await.map_err(|error| written.stopped(error))?;
            let began = Instant::now();
            let answered = self.engine.answer(self.caller, &Intent::Mutate(mutate), Pace::Answer).await;
            drop(turn);
            match answered {
                Ok(mut outcome) => {
                    let mut lost = None;
                    for (number, change) in numbers.iter().zip(std::mem::take(&mut outcome.changes)) {
                        match change.map(|change| (change.failure.clone(), change)) {
                            Ok((None, change)) => written.affected += u64::from(change.changed || change.rows > 0),
                            Ok((Some((code, message)), _)) => {
                                written.fail(*number, Error::new(Stage::Execute, code, message));
                            }
                            Err(error) if error.code == Code::Unavailable => lost = lost.or(Some(error)),
                            Err(error) => written.fail(*number, error),
                        }
                    }
                    if let Some(error) = lost {
                        return Err(written.stopped(error));
                    }
                    if !asked.minimal {
                        let shown = append(outcome, true, &mut written.rows, &mut written.shown, &budget).await;
                        shown.map_err(|failure| written.stopped(*failure.error))?;
                    }
                }
                // A lone line, or something that the next one would meet too.
                Err(error) => match numbers.as_slice() {
                    [number] if error.stage != Stage::Plan && error.code != Code::Unavailable => {
                        written.fail(*number, error);
                    }
                    _ => return Err(written.stopped(error)),
                },
            }
            size = if is_alone { 1 } else { next_size(size, count, began.elapsed()) };
        }
        match written.first.take() {
            Some(error) => Err(written.failure(error)),
            None => Ok(asked.lines(written.affected, written.rows).respond(false)),
        }
    }
}

// === impl Lines ===

impl Lines {
    /// The next line that is not empty, and its number; `None` at the end.
    async fn next(&mut self) -> Result<Option<(usize, Bytes)>> {
        loop {
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            let end = memchr::memchr(b'\n', unseen).map(|at| self.searched + at + 1);
            self.searched = self.buffer.len();
            if end.unwrap_or(self.searched) > self.bytes_max {
                let (number, max) = (self.number + 1, self.bytes_max);
                let message = format!("line {number} is larger than {max} bytes ([server] max_body_bytes)");
                return Err(Error::new(Stage::Decode, Code::PayloadTooLarge, message));
            }
            let end = match end {
                Some(end) => end,
                None if self.read().await? => continue,
                None if self.buffer.is_empty() => return Ok(None),
                // The last line needs no end.
                None => self.buffer.len(),
            };
            let text = self.buffer.split_to(end).freeze();
            (self.searched, self.number) = (0, self.number + 1);
            if !text.trim_ascii().is_empty() {
                return Ok(Some((self.number, text)));
            }
        }
    }

    /// Takes more of the body; false at its end.
    async fn read(&mut self) -> Result<bool> {
        let Ok(frame) = tokio::time::timeout(self.idle, self.body.frame()).await else {
            let limit = self.idle.as_millis();
            let message = format!("the client has sent nothing for {limit} ms ([server] stream_idle_timeout_ms)");
            return Err(Error::new(Stage::Decode, Code::Timeout, message));
        };
        let Some(frame) = frame else { return Ok(false) };
        let frame = frame.map_err(|error| Error::invalid("the body ended early").because(error))?;
        if let Ok(data) = frame.into_data() {
            self.buffer.extend_from_slice(&data);
        }
        Ok(true)
    }
}

// === impl Written ===

impl Written {
    fn fail(&mut self, number: usize, error: Error) {
        self.failed += 1;
        let message = format!("line {number}: {}", error.message);
        if self.told.len() < FAILURES_TOLD_MAX {
            self.told.push(json!({"line": number, "code": error.code.name(), "message": error.message}));
        }
        self.first.get_or_insert(Error { message, ..error });
    }

    /// Why not all of it was written, which is not undone.
    fn failure(&self, error: Error) -> Failure {
        let details = Map::from_iter([
            ("affected".to_owned(), json!(self.affected)),
            ("failed".to_owned(), json!(self.failed)),
            ("lines".to_owned(), json!(self.told)),
        ]);
        Failure { details, ..Failure::from(error) }
    }

    /// The end of everything, after which no line is looked at.
    fn stopped(&self, error: Error) -> Failure {
        let message = format!("{}; {} rows were written before", error.message, self.affected);
        self.failure(Error { message, ..error })
    }
}
