//! `_entities`: a batch of representations, each with its own answer or its own error.

use serde_json::{Value as Json, json};

use super::encode::mismatch_error;
use super::execute::{Answer, Exchange};
use super::forms::{EntityRoot, Root, RootKind};
use super::respond::{Failure, GraphqlError};
use super::variables::Given;
use crate::error::{Code, Error, Stage};
use crate::federation::batch::{EntityBatch, JsonRows};
use crate::federation::collected::Collected;
use crate::intent::value::Values;
use crate::observe::ENTITIES;
use crate::schema::name::Name;
use crate::transport::body::Budget;
use crate::transport::entities::list;

impl Exchange<'_> {
    /// A body beyond the limit of all others is one of entities.
    pub(super) fn check_length(&self, roots: &[Root]) -> Result<(), Failure> {
        let max = self.graphql.options.body_bytes_max;
        let has_entities = || roots.iter().any(|root| matches!(root.kind, RootKind::Entities(_)));
        if self.body_bytes <= max || has_entities() {
            return Ok(());
        }
        Err(Failure::too_large(max))
    }

    pub(super) async fn entities(&self, root: &Root, asked: &EntityRoot, given: &Given, budget: &Budget) -> Answer {
        self.caller.observer().asks(ENTITIES);
        let representations = asked.representations(given);
        let max = self.graphql.options.representations_max;
        if representations.len() > max {
            let count = representations.len();
            let message = format!("{count} representations are more than {max} ([federation] max_representations)");
            return self.failed(root, &Error::new(Stage::Decode, Code::TooComplex, message).at("representations"));
        }
        let schema = self.engine.schema_for(self.caller);
        let arguments = |name: &Name, values: &mut Values| asked.arguments(&schema, name, given, values);
        let batch = EntityBatch {
            engine: self.engine,
            caller: self.caller,
            arguments: &arguments,
            encoding: &JsonRows,
            bytes_max: self.graphql.options.response_bytes_max,
        };
        let answered = batch.answer(Collected::of(&schema, &asked.wanted, &representations)).await;
        for error in answered.failures().filter(|error| error.code.is_logged()) {
            tracing::error!(request_id = self.id, root = &*root.key, "{error}");
        }
        let (value, refused) = match list(&answered, budget) {
            Ok(listed) => listed,
            Err(error) => return self.failed(root, &error),
        };
        let path = |index: usize| vec![Json::String(root.key.to_string()), json!(index)];
        let mut errors: Vec<GraphqlError> = Vec::with_capacity(refused.len());
        for (index, error) in refused {
            self.caller.observer().failed(error.code);
            errors.push(GraphqlError::of(error, path(index), root.location, self.id));
        }
        for mismatch in answered.mismatches() {
            self.caller.observer().failed(Code::DataMismatch);
            errors.push(mismatch_error(&mismatch, &root.key, root.location, self.id));
        }
        Answer { value: Some(value), errors, open_secs: answered.all_open() }
    }
}
