//! A stream of commands: applied in batches, answered in order.
//!
//! A task of its own takes commands from the client, applies those that are there as one statement, and hands
//! their answers on before it takes more. So no more is in memory than one batch and its answers, however fast
//! the client sends, and no connection is held while the client is waited for. A stream that is cut ends with
//! its task: batches that were applied stay, the one that is running is undone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::answers::{Answers, Done, done};
use super::api::Method;
use super::body::{DEADLINE, Made};
use super::commands::{Command, Wanted};
use super::frame::Incoming;
use super::serve::Grpc;
use crate::auth::Caller;
use crate::engine::{Engine, Pace};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::mutation::Input;
use crate::intent::{Intent, Mutate};

/// Commands in a batch, and the bytes of their requests; more gain nothing.
const BATCH_COMMANDS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// How long a batch that could hold more waits for the next command. A client that waits for each answer feels it.
const BATCH_WAIT: Duration = Duration::from_millis(1);

/// What a batch should take at most: one that takes longer makes the next smaller, so that slow functions stay
/// within the time of a statement and their answers come soon.
const BATCH_TIME: Duration = Duration::from_millis(250);

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
    /// Each call is a statement: its function returns any number of rows.
    pub is_set: bool,
    pub deadline: Option<Instant>,
    /// How long the client may read nothing.
    pub idle: Duration,
}

/// The next commands of a stream, and how the stream has ended if it has.
struct Batch {
    commands: Vec<Result<Command>>,
    end: Option<Result<()>>,
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
            drop(sender);
            let _ = end.send(result);
        });
        body
    }

    async fn run(&self, incoming: &mut Incoming, chunks: &mpsc::Sender<Bytes>) -> Result<()> {
        if self.atomic {
            return self.run_atomic(incoming, chunks).await;
        }
        // How long a command takes is not known before one was applied.
        let mut size = 1;
        loop {
            let Batch { commands, end } = self.gather(incoming, size).await;
            let (began, count) = (Instant::now(), commands.len());
            let (mut wanted, mut refused) = (Vec::with_capacity(count), Vec::with_capacity(count));
            for command in commands {
                refused.push(command.map(|command| wanted.push(command)).err());
            }
            let Applied { mut done, end: failed } = self.apply(wanted).await;
            let took = began.elapsed();
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
        }
        let Some(wanted) = wanted else { return Ok(()) };
        let mutate = Mutate { atomic: true, dry_run: self.dry_run, ..self.intent(&wanted, inputs)? };
        let done = self.ask(mutate).await.map_err(|error| {
            let message = format!("{}; the stream is atomic, so that nothing was written", error.message);
            // Nobody knows when the connection is lost at the very end.
            if error.lost_connection { error } else { Error { message, ..error } }
        })?;
        self.answer(done.into_iter(), chunks).await
    }

    /// The next batch: what has arrived, and what does so at once.
    async fn gather(&self, incoming: &mut Incoming, size: usize) -> Batch {
        let mut batch = Batch { commands: Vec::with_capacity(size), end: None };
        let (mut bytes, mut until) = (0, None);
        while batch.commands.len() < size && bytes < BATCH_BYTES_MAX {
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
                    batch.commands.push(self.decode(&message));
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
        let outcome = self.engine.answer(&self.caller, &Intent::Mutate(mutate), Pace::Answer).await?;
        let layout = self.grpc.layout(&outcome)?;
        done(outcome, &layout).await
    }

    /// Applies commands, those next to each other that want the same together.
    async fn apply(&self, commands: Vec<Command>) -> Applied {
        let mut applied = Applied { done: VecDeque::with_capacity(commands.len()), end: None };
        let mut commands = commands.into_iter().peekable();
        while let Some(Command { input, wanted }) = commands.next() {
            let mut inputs = vec![input];
            while let Some(more) = commands.next_if(|command| command.wanted == wanted && !self.is_set) {
                inputs.push(more.input);
            }
            let count = inputs.len();
            let answered = match self.intent(&wanted, inputs) {
                Ok(mutate) => self.ask(mutate).await,
                Err(error) => Err(error),
            };
            match answered {
                Ok(done) => applied.done.extend(done),
                // Who may not call the mutation may not go on.
                Err(error) if error.stage == Stage::Plan && error.code != Code::InvalidArgument => {
                    applied.end = Some(error);
                    return applied;
                }
                Err(error) => {
                    let error = Arc::new(error);
                    applied.done.extend((0..count).map(|_| Done::Failed(error.clone())));
                }
            }
        }
        applied
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

/// The size of the next batch: twice as many while that is quick, as many as fit into the time when it was not.
fn next_size(size: usize, count: usize, took: Duration) -> usize {
    if took > BATCH_TIME {
        let fit = count as f64 * BATCH_TIME.as_secs_f64() / took.as_secs_f64();
        (fit as usize).clamp(1, BATCH_COMMANDS_MAX)
    } else if count >= size && took < BATCH_TIME / 2 {
        (size * 2).min(BATCH_COMMANDS_MAX)
    } else {
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_time_of_a_command() {
        let mut sizes = vec![1];
        for took in [1, 1, 1, 1, 300, 1000, 2000, 100] {
            let size = sizes[sizes.len() - 1];
            sizes.push(next_size(size, size, Duration::from_millis(took)));
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 13, 3, 1, 2]);
        assert_eq!(next_size(512, 512, Duration::ZERO), 512);
        assert_eq!(next_size(8, 3, Duration::ZERO), 8, "nothing was waiting");
    }
}
