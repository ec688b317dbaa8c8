//! Methods that write: one command, or a stream of them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tracing::Instrument;

use super::answers::{Answers, done};
use super::api::Method;
use super::commands::mutation;
use super::frame::{Encoding, Incoming};
use super::serve::{Answer, Call, Grpc};
use super::writer::Writer;
use crate::auth::Caller;
use crate::engine::{KeptAnswer, Outcome, Pace};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::{Intent, Mutate};
use crate::schema::model::Returns;
use crate::transport::once::{self, Under};

/// What the metadata says of a write.
#[derive(Debug, Clone, Default)]
pub struct Modes {
    /// A stream is one transaction.
    pub atomic: bool,
    /// Nothing stays.
    pub dry_run: bool,
    /// It happens once.
    pub under: Option<Under>,
}

// === impl Modes ===

impl Modes {
    pub fn of(headers: &HeaderMap, method: &Method, caller: &Caller, ttl: Duration) -> Result<Modes> {
        let flag = |name: &str| match headers.get(name).map(HeaderValue::as_bytes) {
            None | Some(b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(_) => Err(Error::invalid(format!("the metadata {name} is \"true\" or \"false\"")).at(name)),
        };
        let under = Under::of(headers, || format!("gRPC {}", method.name), caller, ttl)?;
        Ok(Modes { atomic: flag("atomic")?, dry_run: flag("dry-run")?, under })
    }
}

// === impl Grpc ===

impl Grpc {
    /// Carries out one command; `message` is what was sent.
    pub(super) async fn command(&self, call: &Call<'_>, mutate: Mutate, message: &[u8]) -> Result<Answer> {
        let under = call.modes.under.as_ref();
        let once = under.map(|under| under.once(vec![under.key(under.name.clone(), [message])]));
        let mutate = Mutate { dry_run: call.modes.dry_run, once, ..mutate };
        let answers = self.answers(call)?;
        let mut outcome = call.engine.answer(call.caller, &Intent::Mutate(mutate), Pace::Answer).await?;
        if let Some(kept) = outcome.replayed() {
            let (answer, error) = told_again(&kept)?;
            return Ok(Answer::Again(answer, error));
        }
        let pending = outcome.pending.take();
        let answer = {
            let _timed = call.caller.observer().time(Stage::Encode);
            self.message(&answers, outcome).instrument(tracing::debug_span!("encode")).await
        };
        if let (Some(pending), Some(under)) = (pending, under) {
            let kept = match &answer {
                Ok(message) => kept_message(message),
                Err(error) => once::failure(error),
            };
            pending.keep(vec![(under.name.clone(), kept)]).await?;
        }
        Ok(Answer::Whole(answer?.into(), None))
    }

    /// The message of an outcome of one call. A command that fails by itself is an error of the whole.
    async fn message(&self, answers: &Answers, outcome: Outcome) -> Result<Vec<u8>> {
        let layout = self.layout(&outcome)?;
        let mut out = Vec::with_capacity(512);
        for done in done(outcome, &layout).await? {
            answers.answer(done, &mut out)?;
        }
        Ok(out)
    }

    /// Begins a stream of commands.
    pub(super) fn written(self: &Arc<Self>, call: &Call<'_>, incoming: Incoming) -> Result<Answer> {
        let Modes { atomic, dry_run, under } = call.modes.clone();
        if dry_run && !atomic {
            let message =
                "dry-run needs \"atomic: true\" here: commands that are applied apart cannot be undone together";
            return Err(Error::invalid(message).at("dry-run"));
        }
        let schema = call.engine.schema_for(call.caller);
        let mutation = mutation(&schema, call.method)?;
        let returns_set = schema.call(&mutation.name).is_some_and(|call| call.returns_set);
        let writer = Writer {
            grpc: self.clone(),
            engine: call.engine.clone(),
            caller: call.caller.clone(),
            method: call.method.clone(),
            answers: self.answers(call)?,
            atomic,
            dry_run,
            under,
            is_set: returns_set && mutation.returns == Returns::Many,
            deadline: call.deadline,
            idle: self.options.stream_idle_timeout,
            replayed: AtomicUsize::new(0),
        };
        Ok(Answer::Made(writer.start(incoming)))
    }

    fn answers(&self, call: &Call<'_>) -> Result<Answers> {
        let schema = call.engine.schema_for(call.caller);
        let mutation = mutation(&schema, call.method)?;
        let bytes_max = self.options.message_bytes_max;
        // What is kept has to be readable for whoever asks again.
        let encoding = if call.modes.under.is_some() { Encoding::Identity } else { call.encoding };
        Answers::new(&schema, &self.lock, call.method, mutation, encoding, bytes_max, call.caller.observer())
    }
}

/// Framed messages as they are kept.
pub(super) fn kept_message(message: &[u8]) -> KeptAnswer {
    KeptAnswer { status: 200, headers: String::new(), body: STANDARD.encode(message) }
}

/// The framed messages that were kept, or the failure.
pub(super) fn told_again(kept: &KeptAnswer) -> Result<(Bytes, Option<Error>)> {
    if let Some(error) = once::failed(kept) {
        return Ok((Bytes::new(), Some(error)));
    }
    let message = STANDARD.decode(&kept.body).map_err(|error| {
        Error::new(Stage::Encode, Code::Internal, "the answer that was kept cannot be read").because(error)
    })?;
    Ok((message.into(), None))
}
