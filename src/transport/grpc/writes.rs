//! Methods that write: one command, or a stream of them.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::answers::{Answers, Done, done};
use super::commands::mutation;
use super::frame::Incoming;
use super::serve::{Answer, Call, Grpc};
use super::writer::Writer;
use crate::engine::Pace;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::{Intent, Mutate};
use crate::schema::model::Returns;

/// What the metadata says of a write.
#[derive(Debug, Clone, Copy, Default)]
pub struct Modes {
    /// A stream is one transaction.
    pub atomic: bool,
    /// Nothing stays.
    pub dry_run: bool,
}

// === impl Modes ===

impl Modes {
    pub fn of(headers: &HeaderMap) -> Result<Modes> {
        // To pass over it would make a repeat look safe that is not.
        if let Some(name) = ["idempotency-key", "idempotency_key"].into_iter().find(|name| headers.contains_key(*name))
        {
            let message = format!("{name} is not taken over gRPC; REST takes it, as Idempotency-Key");
            return Err(Error::new(Stage::Decode, Code::Unimplemented, message).at(name));
        }
        let flag = |name: &str| match headers.get(name).map(HeaderValue::as_bytes) {
            None | Some(b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(_) => Err(Error::invalid(format!("the metadata {name} is \"true\" or \"false\"")).at(name)),
        };
        Ok(Modes { atomic: flag("atomic")?, dry_run: flag("dry-run")? })
    }
}

// === impl Grpc ===

impl Grpc {
    /// Carries out one command.
    pub(super) async fn command(&self, call: &Call<'_>, mutate: Mutate) -> Result<Answer> {
        let answers = self.answers(call)?;
        let outcome = call.engine.answer(call.caller, &Intent::Mutate(mutate), Pace::Answer).await?;
        let _timed = call.caller.observer().time(Stage::Encode);
        let layout = self.layout(&outcome)?;
        let mut out = Vec::with_capacity(512);
        for done in done(outcome, &layout).await? {
            match done {
                Done::Carried(change, rows, layout) => answers.carried(&change, &rows, &layout, &mut out)?,
                // A command that fails by itself is an error of the whole.
                Done::Failed(_) => answers.put(&done, &mut out),
            }
        }
        Ok(Answer::Whole(out.into(), None))
    }

    /// Begins a stream of commands.
    pub(super) fn written(self: &Arc<Self>, call: &Call<'_>, incoming: Incoming) -> Result<Answer> {
        let Modes { atomic, dry_run } = call.modes;
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
            is_set: returns_set && mutation.returns == Returns::Many,
            deadline: call.deadline,
            idle: self.options.stream_idle_timeout,
        };
        Ok(Answer::Made(writer.start(incoming)))
    }

    fn answers(&self, call: &Call<'_>) -> Result<Answers> {
        let schema = call.engine.schema_for(call.caller);
        let mutation = mutation(&schema, call.method)?;
        let bytes_max = self.options.message_bytes_max;
        Answers::new(&schema, &self.lock, call.method, mutation, call.encoding, bytes_max, call.caller.observer())
    }
}
