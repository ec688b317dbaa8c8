//! A root that writes: asked for one time only, and under a key once whatever is sent again.

use std::pin::pin;
use std::sync::atomic::Ordering;

use serde_json::Value as Json;
use tracing::Instrument;

use super::encode::encode;
use super::execute::{Answer, Exchange};
use super::forms::Root;
use super::request::Request;
use super::respond::{GraphqlError, write_all};
use crate::engine::{KeptAnswer, Pace};
use crate::error::Stage;
use crate::intent::{Intent, Mutate};
use crate::transport::body::{Budget, Chunks};

impl Exchange<'_> {
    /// What the answer to a root depends on besides its key; nothing where no mutation has to be recognized.
    pub(super) fn asked(&self, request: &Request<'_>, text: &str) -> Vec<u8> {
        let variables = request.variables.as_deref().map_or("", |variables| variables.get());
        let operation = request.operation_name.as_deref().unwrap_or_default();
        match self.under {
            Some(_) => [text, operation, variables].join("\0").into_bytes(),
            None => Vec::new(),
        }
    }

    /// What was written must not be written again, so that nothing here asks a second time.
    pub(super) async fn written(&self, root: &Root, mutate: Mutate, asked: &[u8], budget: &Budget) -> Answer {
        // Every root of a document is a call of its own.
        let key = self.under.as_ref().map(|under| under.key(format!("{}/{}", under.name, root.key), [asked]));
        let once = self.under.as_ref().zip(key.clone()).map(|(under, key)| under.once(vec![key]));
        let intent = Intent::Mutate(Mutate { once, ..mutate });
        let mut outcome = match self.engine.answer(self.caller, &intent, Pace::Answer).await {
            Ok(outcome) => outcome,
            Err(error) => return self.failed(root, &error),
        };
        if let Some(kept) = outcome.replayed() {
            self.replayed.store(true, Ordering::Relaxed);
            return Answer::of_kept(kept);
        }
        let pending = outcome.pending.take();
        let timed = self.caller.observer().time(Stage::Encode);
        let encoded = match outcome.changes.pop_if(|change| change.is_err()) {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => pin!(encode(outcome, budget)).instrument(tracing::debug_span!("encode")).await,
        };
        let answer = self.told(root, encoded);
        drop(timed);
        if let (Some(pending), Some(key)) = (pending, key)
            && let Err(error) = pending.keep(vec![(key.name, answer.to_kept())]).await
        {
            return self.failed(root, &error);
        }
        answer
    }
}

// === impl Answer ===

impl Answer {
    fn to_kept(&self) -> KeptAnswer {
        let mut errors = Vec::new();
        write_all(&self.errors, &mut errors);
        let body = self.value.as_ref().map(Chunks::text).unwrap_or_default();
        KeptAnswer { status: 200, headers: String::from_utf8_lossy(&errors).into_owned(), body }
    }

    fn of_kept(kept: KeptAnswer) -> Answer {
        let errors: Vec<Json> = serde_json::from_str(&kept.headers).unwrap_or_default();
        let mut value = Chunks::default();
        value.push(kept.body.as_bytes());
        Answer {
            value: Some(value).filter(|_| !kept.body.is_empty()),
            errors: errors.iter().map(GraphqlError::of_json).collect(),
            open_secs: None,
        }
    }
}
