//! A stream of commands: applied in batches, answered in order.
//!
//! A task of its own takes commands from the client, applies those that are there as one statement, and hands
//! their answers on before it takes more. So no more is in memory than one batch and its answers, however fast
//! the client sends, and no connection is held while the client is waited for. A stream that is cut ends with
//! its task: batches that were applied stay, the one that is running is undone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

use super::answers::{Answers, Done, done};
use super::api::Method;
use super::body::{DEADLINE, Made};
use super::commands::{Command, Wanted};
use super::frame::Incoming;
use super::serve::Grpc;
use super::writes::kept_message;
use crate::auth::Caller;
use crate::engine::{Engine, Pace};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::mutation::Input;
use crate::intent::{Intent, Mutate, OnceKey};
use crate::transport::batches::{self, next_size};
use crate::transport::once::Under;

/// How long a batch that could hold more waits for the next command. A client that waits for each answer feels it.
const BATCH_WAIT: Duration = Duration::from_millis(1);

/// What the requests of an atomic stream may take, each with its share of what holds it: some 100,000 commands.
const ATOMIC_BYTES_MAX: usize = 32 * 1024 * 1024;
const COMMAND_BYTES: usize = 128;

/// Size at which answers are handed on.
const CHUNK_BYTES: usize = 256 * 1024;

/// One stream of commands.
pub struct Writer {
    pub grpc: Arc<Grpc>,
    pub engine: Arc<Engine>,
    pub caller: Caller,
    pub method: Method,
    pub answers: Answers,
    pub atomic: bool,
    pub dry_run: bool,
    /// Each command happens once, under the key and its place in the stream; of an atomic stream all of it.
    pub under: Option<Under>,
    /// Each call is a statement: its function returns any number of rows.
    pub is_set: bool,
    pub deadline: Option<Instant>,
    /// How long the client may read nothing.
    pub idle: Duration,
    /// Commands whose answers were given before.
    pub replayed: AtomicUsize,
}

/// The next commands of a stream, and how the stream has ended if it has.
struct Batch {
    commands: Vec<Result<Keyed>>,
    end: Option<Result<()>>,
}

struct Keyed {
    command: Command,
    key: Option<OnceKey>,
}

/// What became of the commands of a batch, up to the error that ends the stream.
struct Applied {
    done: VecDeque<Done>,
    end: Option<Error>,
}

// === impl Writer ===

impl Writer {
    /// Starts the task; the body of its answers.
    pub fn start(self, mut incoming: Incoming) -> Made {
        let (sender, chunks) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        let body = Made::new(chunks, ended, self.caller.observer());
        let deadline = self.deadline;
        tokio::spawn(async move {
            let work = async {
                match deadline {
                    None => self.run(&mut incoming, &sender).await,
                    Some(deadline) => tokio::time::timeout_at(deadline, self.run(&mut incoming, &sender))
                        .await
                        .unwrap_or_else(|_| Err(Error::new(Stage::Execute, Code::Timeout, DEADLINE))),
                }
            };
            let result = tokio::select! {
                result = work => result,
                // The client is gone.
                () = sender.closed() => return,
            };
            let result = result.map(|()| self.replayed.load(Ordering::Relaxed));
            drop(sender);
            let _ = end.send(result);
        });
        body
    }

    async fn run(&self, incoming: &mut Incoming, chunks: &mpsc::Sender<Bytes>) -> Result<()> {
        if self.atomic {
            return self.run_atomic(incoming, chunks).await;
        }
        let (mut size, mut position) = (1, 0);
        loop {
            let Batch { commands, end } = self.gather(incoming, size, &mut position).await;
            let turn = self.engine.admission().turn().await?;
            let (began, count) = (Instant::now(), commands.len());
            let (mut wanted, mut refused) = (Vec::with_capacity(count), Vec::with_capacity(count));
            for command in commands {
                refused.push(command.map(|command| wanted.push(command)).err());
            }
            let Applied { mut done, end: failed } = self.apply(wanted).await;
            let took = began.elapsed();
            drop(turn);
            let in_order = refused.into_iter().map_while(|refused| match refused {
                Some(error) => Some(Done::Failed(Arc::new(error))),
                None => done.pop_front(),
            });
            self.answer(in_order, chunks).await?;
            if let Some(error) = failed {
                return Err(error);
            }
            if let Some(end) = end {
                return end;
            }
            size = next_size(size, count, took);
            if self.is_set {
                size = 1;
            }
        }
    }

    /// Everything as one transaction, when the client has ended its stream: until then nothing is held but the
    /// commands.
    async fn run_atomic(&self, incoming: &mut Incoming, chunks: &mpsc::Sender<Bytes>) -> Result<()> {
        let (mut inputs, mut wanted, mut bytes): (Vec<Input>, Option<Wanted>, usize) = (Vec::new(), None, 0);
        let mut digests = Vec::new();
        while let Some(message) = incoming.next().await? {
            bytes += message.len() + COMMAND_BYTES;
            if bytes > ATOMIC_BYTES_MAX {
                let message = format!(
                    "an atomic stream may have {ATOMIC_BYTES_MAX} bytes of commands, each counted with \
                     {COMMAND_BYTES} more; nothing was written"
                );
                return Err(Error::new(Stage::Decode, Code::TooComplex, message));
            }
            let at = inputs.len();
            let undone = |error: Error| {
                let message = format!("[{at}]: {}; the stream is atomic, so that nothing was written", error.message);
                Error { message, ..error }
            };
            let command = self.decode(&message).map_err(undone)?;
            if *wanted.get_or_insert_with(|| command.wanted.clone()) != command.wanted {
                let message = "read_mask and joins must be the same for all commands of an atomic stream";
                return Err(undone(Error::invalid(message).at("read_mask")));
            }
            inputs.push(command.input);
            if self.under.is_some() {
                digests.extend_from_slice(&xxh3_128(&message).to_le_bytes());
            }
        }
        let Some(wanted) = wanted else { return Ok(()) };
        let once = self.under.as_ref().map(|under| under.once(vec![under.key(under.name.clone(), [&*digests])]));
        let mutate = Mutate { atomic: true, dry_run: self.dry_run, once, ..self.intent(&wanted, inputs)? };
        let turn = self.engine.admission().turn().await?;
        let done = self.ask(mutate).await.map_err(|error| {
            let message = format!("{}; the stream is atomic, so that nothing was written", error.message);
            // Nobody knows when the connection is lost at the very end.
            if error.lost_connection { error } else { Error { message, ..error } }
        })?;
        drop(turn);
        self.answer(done.into_iter(), chunks).await
    }

    /// The next batch: what has arrived, and what does so at once.
    async fn gather(&self, incoming: &mut Incoming, size: usize, position: &mut u64) -> Batch {
        let mut batch = Batch { commands: Vec::with_capacity(size), end: None };
        let (mut bytes, mut until) = (0, None);
        while batch.commands.len() < size && bytes < batches::BYTES_MAX {
            let next = match until {
                None => incoming.next().await,
                Some(until) => match tokio::time::timeout_at(until, incoming.next()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            match next {
                Ok(Some(message)) => {
                    bytes += message.len();
                    let key = |under: &Under| under.key(format!("{}/{position}", under.name), [&*message]);
                    let key = self.under.as_ref().map(key);
                    *position += 1;
                    batch.commands.push(self.decode(&message).map(|command| Keyed { command, key }));
                }
                Ok(None) => batch.end = Some(Ok(())),
                Err(error) => batch.end = Some(Err(error)),
            }
            if batch.end.is_some() {
                break;
            }
            until = until.or_else(|| Some(Instant::now() + BATCH_WAIT));
        }
        batch
    }

    fn decode(&self, message: &[u8]) -> Result<Command> {
        let _timed = self.caller.observer().time(Stage::Decode);
        self.grpc.methods.command(&self.engine.schema_for(&self.caller), &self.method, message)
    }

    fn intent(&self, wanted: &Wanted, calls: Vec<Input>) -> Result<Mutate> {
        let schema = self.engine.schema_for(&self.caller);
        let mutate = self.grpc.methods.mutate(&schema, &self.method, wanted, calls)?;
        Ok(Mutate { is_batch: !self.is_set, ..mutate })
    }

    async fn ask(&self, mutate: Mutate) -> Result<VecDeque<Done>> {
        let names: Vec<String> = mutate.once.iter().flat_map(|once| &once.keys).map(|key| key.name.clone()).collect();
        let mut outcome = self.engine.answer(&self.caller, &Intent::Mutate(mutate), Pace::Answer).await?;
        let pending = outcome.pending.take();
        let layout = self.grpc.layout(&outcome)?;
        let mut done = done(outcome, &layout).await?;
        let Some(pending) = pending else { return Ok(done) };
        if self.atomic {
            done = VecDeque::from([self.framed(done.into_iter())]);
        } else {
            done = done.into_iter().map(|done| self.framed(std::iter::once(done))).collect();
        }
        let new = names.into_iter().zip(&done).filter_map(|(name, done)| match done {
            Done::Framed { message, is_again: false } => Some((name, kept_message(message))),
            Done::Framed { .. } | Done::Carried(..) | Done::Failed(_) => None,
        });
        pending.keep(new.collect()).await?;
        Ok(done)
    }

    /// Answers as they are sent and kept; one that was kept already stays what it is.
    fn framed(&self, done: impl Iterator<Item = Done>) -> Done {
        let (mut out, mut again) = (Vec::new(), None);
        for done in done {
            if let Done::Failed(error) = &done {
                super::report(error, self.caller.observer());
            }
            self.answers.put(&done, &mut out);
            again = matches!(done, Done::Framed { is_again: true, .. }).then_some(()).or(again);
        }
        Done::Framed { message: out.into(), is_again: again.is_some() }
    }

    /// Applies commands, those next to each other that want the same together.
    async fn apply(&self, commands: Vec<Keyed>) -> Applied {
        let mut applied = Applied { done: VecDeque::with_capacity(commands.len()), end: None };
        let mut commands = commands.into_iter().peekable();
        while let Some(Keyed { command: Command { input, wanted }, key }) = commands.next() {
            let (mut inputs, mut keys) = (vec![input], Vec::from_iter(key));
            while let Some(more) = commands.next_if(|more| more.command.wanted == wanted && !self.is_set) {
                inputs.push(more.command.input);
                keys.extend(more.key);
            }
            if let Err(error) = self.apply_alike(&wanted, inputs, keys, &mut applied.done).await {
                applied.end = Some(error);
                break;
            }
        }
        applied
    }

    /// Applies commands that want the same; fails when the stream has to end.
    async fn apply_alike(
        &self,
        wanted: &Wanted,
        mut inputs: Vec<Input>,
        mut keys: Vec<OnceKey>,
        applied: &mut VecDeque<Done>,
    ) -> Result<()> {
        while !inputs.is_empty() {
            let count = inputs.len();
            // Under keys some of them may be answered, and the others are asked again.
            let calls = if keys.is_empty() { std::mem::take(&mut inputs) } else { inputs.clone() };
            let answered = match self.intent(wanted, calls) {
                Ok(mutate) => {
                    let once = self.under.as_ref().map(|under| under.once(keys.clone()));
                    self.ask(Mutate { once, ..mutate }).await
                }
                Err(error) => Err(error),
            };
            match answered {
                Ok(done) if !done.is_empty() => {
                    inputs.drain(..done.len().min(inputs.len()));
                    keys.drain(..done.len().min(keys.len()));
                    applied.extend(done);
                }
                // Who may not call the mutation may not go on.
                Err(error) if error.stage == Stage::Plan && error.code != Code::InvalidArgument => return Err(error),
                result => {
                    let nothing = || Error::new(Stage::Execute, Code::Internal, "the commands were not answered");
                    let error = Arc::new(result.err().unwrap_or_else(nothing));
                    applied.extend((0..count).map(|_| Done::Failed(error.clone())));
                    inputs.clear();
                }
            }
        }
        Ok(())
    }

    /// Hands answers on, and waits while the client does not read.
    async fn answer(&self, done: impl Iterator<Item = Done>, chunks: &mpsc::Sender<Bytes>) -> Result<()> {
        let mut out = Vec::new();
        let mut logged: Option<Arc<Error>> = None;
        for done in done {
            if let Done::Failed(error) = &done
                && logged.as_ref().is_none_or(|logged| !Arc::ptr_eq(logged, error))
            {
                super::report(error, self.caller.observer());
                logged = Some(error.clone());
            }
            if let Done::Framed { is_again: true, .. } = &done {
                self.replayed.fetch_add(1, Ordering::Relaxed);
            }
            self.answers.put(&done, &mut out);
            if out.len() >= CHUNK_BYTES {
                self.hand_on(std::mem::take(&mut out), chunks).await?;
            }
        }
        if out.is_empty() { Ok(()) } else { self.hand_on(out, chunks).await }
    }

    async fn hand_on(&self, out: Vec<u8>, chunks: &mpsc::Sender<Bytes>) -> Result<()> {
        match tokio::time::timeout(self.idle, chunks.send(out.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::new(Stage::Encode, Code::Cancelled, "the client went away")),
            Err(_) => {
                let limit = self.idle.as_millis();
                let message = format!("the client has read nothing for {limit} ms ([server] stream_idle_timeout_ms)");
                Err(Error::new(Stage::Encode, Code::Timeout, message))
            }
        }
    }
}
