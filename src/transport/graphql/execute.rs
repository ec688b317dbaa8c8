//! One operation: its roots side by side through the engine, their values put together in order.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::Operation as OperationDef;
use apollo_compiler::introspection::partial_execute;
use apollo_compiler::validation::Valid;
use futures_util::{FutureExt, StreamExt};
use serde_json::Value as Json;
use tracing::Instrument;

use super::Graphql;
use super::document::{Document, Operation};
use super::encode::{Encoded, encode, mismatch_error};
use super::forms::{Forms, Root, RootKind, mutate, read};
use super::request::Request;
use super::respond::{Failure, GraphqlError, write_all};
use super::trace::{self, Trace};
use super::variables::{Given, coerce_variables};
use crate::auth::Caller;
use crate::engine::{Engine, Pace, REBINDS_MAX};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::Intent;
use crate::observe::SERVICE;
use crate::transport::body::{Budget, Chunks};
use crate::transport::once::Under;

/// Roots of one document that hold a connection at the same time.
const ROOTS_AT_ONCE: usize = 4;

/// One HTTP exchange: whom to ask, and for whom.
pub(super) struct Exchange<'a> {
    pub graphql: &'a Graphql,
    pub engine: &'a Arc<Engine>,
    pub caller: &'a Caller,
    pub by_get: bool,
    /// Of the request.
    pub body_bytes: usize,
    /// Whether the answer carries a trace.
    pub traced: bool,
    /// Mutations happen once.
    pub under: Option<Under>,
    /// Some of them had happened before.
    pub replayed: AtomicBool,
    pub id: &'a str,
}

/// What became of one root.
pub(super) struct Answer {
    pub value: Option<Chunks>,
    pub errors: Vec<GraphqlError>,
    /// Every entity that the root asks for is left alone for so many seconds.
    pub open_secs: Option<u64>,
}

impl Exchange<'_> {
    /// The body of an answer, or why there is none. `budget` is what the whole HTTP response may take.
    pub async fn run(&self, request: &Request<'_>, budget: &Budget) -> std::result::Result<Chunks, Failure> {
        let trace = self.traced.then(Trace::start);
        let observer = self.caller.observer();
        let decode = (observer.time(Stage::Decode), tracing::debug_span!("decode").entered());
        let text = self.graphql.text(request)?;
        // Only keys of entities make a body longer than others may be.
        let max = self.graphql.options.body_bytes_max;
        if text.len() > max {
            return Err(Failure::too_large(max));
        }
        let document = self.graphql.document(&text)?;
        let operation = document.operation(request.operation_name.as_deref())?;
        let root_type = self.root_type(&operation.definition)?;
        let sources = &document.executable.sources;
        let sent = request.variables.as_deref();
        let roots = operation.always.get();
        if let Some(failure) = roots.and_then(|roots| self.left_alone(roots, &operation.variables, sent)) {
            return Err(failure);
        }
        let given = coerce_variables(&operation.variables, sent, &self.graphql.accepted, sources)?;
        let kept;
        let roots: &[Root] = if operation.conditions.is_empty() {
            match operation.always.get() {
                Some(roots) => roots,
                None => {
                    let built = self.built(&document, operation, root_type, &given)?;
                    operation.always.get_or_init(|| built)
                }
            }
        } else {
            kept = self.roots(&document, operation, root_type, &given)?;
            &kept
        };
        self.check_length(roots)?;
        let asked = self.asked(request, &text);
        observer.note("graphql.operation.type", || root_type.to_ascii_lowercase());
        if let Some(name) = &operation.definition.name {
            observer.note("graphql.operation.name", || name.to_string());
        }
        drop(decode);

        let mut answers = Vec::with_capacity(roots.len());
        // Mutations run one after the other (specification, section 6.2.2).
        if roots.len() == 1 || root_type == "Mutation" {
            for root in roots {
                answers.push(self.timed(root, &given, &asked, budget, trace.as_ref()).await);
            }
        } else {
            let mut all = Vec::with_capacity(roots.len());
            for root in roots.iter() {
                all.push(self.timed(root, &given, &asked, budget, trace.as_ref()).boxed());
            }
            let mut running = futures_util::stream::iter(all).buffered(ROOTS_AT_ONCE);
            while let Some(answer) = running.next().await {
                answers.push(answer);
            }
        }
        if let Some(secs) = all_open(&answers) {
            return Err(Failure::open(secs, answers.into_iter().flat_map(|answer| answer.errors).collect()));
        }
        let is_introspection = |root: &Root| matches!(root.kind, RootKind::Introspection);
        let introspected = match roots.iter().any(is_introspection) {
            true => Some(self.introspect(&document, operation, &given)?),
            false => None,
        };
        let trace = trace.map(|trace| {
            let schema = self.engine.schema_for(self.caller);
            let (document, variables) = (&document.executable, operation.variables.as_slice());
            let forms = Forms { schema: &schema, document, variables, given: &given };
            trace.finish(&forms, &operation.definition.selection_set)
        });
        Ok(assemble(roots, answers, introspected.as_ref(), trace))
    }

    fn root_type(&self, definition: &OperationDef) -> std::result::Result<&'static str, Failure> {
        match definition.operation_type {
            OperationType::Query => Ok("Query"),
            OperationType::Mutation if self.by_get => {
                let failure = Failure::http(Code::MethodNotAllowed, "a mutation is sent by POST");
                Err(Failure { allow: Some("POST"), ..failure })
            }
            OperationType::Mutation => Ok("Mutation"),
            OperationType::Subscription => Ok("Subscription"),
        }
    }

    /// The roots of an operation for the values of its conditions, from its cache or built for them.
    fn roots(
        &self,
        document: &Document,
        operation: &Operation,
        root_type: &'static str,
        given: &Given,
    ) -> std::result::Result<Arc<Vec<Root>>, Failure> {
        refuse_null_conditions(operation, given)?;
        let key = conditions_key(&operation.conditions, given);
        if let Some(roots) = key.and_then(|key| lock(operation).get(&key).cloned()) {
            return Ok(roots);
        }
        let roots = Arc::new(self.built(document, operation, root_type, given)?);
        if let Some(key) = key {
            lock(operation).put(key, roots.clone());
        }
        Ok(roots)
    }

    fn built(
        &self,
        document: &Document,
        operation: &Operation,
        root_type: &'static str,
        given: &Given,
    ) -> std::result::Result<Vec<Root>, Failure> {
        let schema = self.engine.schema_for(self.caller);
        let forms = Forms { schema: &schema, document: &document.executable, variables: &operation.variables, given };
        forms
            .roots(root_type, &operation.definition.selection_set)
            .map_err(|error| Failure::of("BAD_USER_INPUT", vec![GraphqlError::of(&error, Vec::new(), None, self.id)]))
    }

    async fn timed(&self, root: &Root, given: &Given, asked: &[u8], budget: &Budget, trace: Option<&Trace>) -> Answer {
        let Some(trace) = trace else { return self.root(root, given, asked, budget).await };
        let start = trace.elapsed();
        let answer = self.root(root, given, asked, budget).await;
        trace.add(&root.key, start, &answer);
        answer
    }

    async fn root(&self, root: &Root, given: &Given, asked: &[u8], budget: &Budget) -> Answer {
        let schema = self.engine.schema_for(self.caller);
        let intent = match &root.kind {
            RootKind::TypeName(name) => {
                let mut value = Chunks::default();
                value.push(format!("\"{name}\"").as_bytes());
                return Answer { value: Some(value), errors: Vec::new(), open_secs: None };
            }
            RootKind::Introspection => return Answer { value: None, errors: Vec::new(), open_secs: None },
            RootKind::Service(parts) => {
                self.caller.observer().asks(SERVICE);
                let mut value = Chunks::default();
                value.push(self.graphql.service(parts).to_string().as_bytes());
                return Answer { value: Some(value), errors: Vec::new(), open_secs: None };
            }
            RootKind::Entities(entities) => return Box::pin(self.entities(root, entities, given, budget)).await,
            RootKind::Unimplemented => {
                let message = format!("{} is declared, but this build does not serve it yet", root.key);
                return self.failed(root, &Error::new(Stage::Decode, Code::Unimplemented, message));
            }
            RootKind::Read { form, sites } => {
                self.caller.observer().asks(form.name());
                match read(&schema, form, sites, given) {
                    Ok(read) => Intent::Read(read),
                    Err(error) => return self.failed(root, &error),
                }
            }
            RootKind::Mutate { form, sites } => {
                self.caller.observer().asks(form.name());
                return match mutate(&schema, form, sites, given) {
                    Ok(mutate) => Box::pin(self.written(root, mutate, asked, budget)).await,
                    Err(error) => self.failed(root, &error),
                };
            }
        };
        self.told(root, self.encoded(&intent, budget).await)
    }

    /// The value of a root, with what did not fit.
    pub(super) fn told(&self, root: &Root, encoded: Result<Encoded>) -> Answer {
        match encoded {
            Ok(encoded) => {
                let errors = encoded.mismatches.iter();
                let errors: Vec<GraphqlError> =
                    errors.map(|mismatch| mismatch_error(mismatch, &root.key, root.location, self.id)).collect();
                if !errors.is_empty() {
                    self.caller.observer().failed(Code::DataMismatch);
                    tracing::warn!(request_id = self.id, root = &*root.key, "{}", errors[0].message);
                }
                Answer { value: Some(encoded.value).filter(|_| !encoded.nulled), errors, open_secs: None }
            }
            Err(error) => self.failed(root, &error),
        }
    }

    /// Asks the engine and writes the rows; anew when they are of another shape than planned.
    async fn encoded(&self, intent: &Intent, budget: &Budget) -> Result<Encoded> {
        let mut tries = REBINDS_MAX;
        loop {
            let seen = self.engine.generation();
            let outcome = self.engine.answer(self.caller, intent, Pace::Answer).await?;
            let encoded = {
                let _timed = self.caller.observer().time(Stage::Encode);
                pin!(encode(outcome, budget)).instrument(tracing::debug_span!("encode")).await
            };
            match encoded {
                Err(error) if error.can_be_asked_again() && tries > 0 => {
                    Box::pin(self.engine.recover(self.caller, seen, &error)).await?;
                }
                result => return result,
            }
            tries -= 1;
        }
    }

    pub(super) fn failed(&self, root: &Root, error: &Error) -> Answer {
        self.caller.observer().failed(error.code);
        if error.code.is_logged() {
            tracing::error!(request_id = self.id, root = &*root.key, "{error}");
        }
        let path = vec![Json::String(root.key.to_string())];
        Answer { value: None, errors: vec![GraphqlError::of(error, path, root.location, self.id)], open_secs: None }
    }

    /// `__schema` and `__type`, answered from the type system.
    fn introspect(
        &self,
        document: &Document,
        operation: &Operation,
        given: &Given,
    ) -> std::result::Result<serde_json::Map<String, Json>, Failure> {
        if !self.graphql.options.introspection {
            let message = "introspection is switched off ([graphql] introspection)";
            return Err(Failure::of("INTROSPECTION_DISABLED", vec![GraphqlError::new(message)]));
        }
        let values = operation.variables.iter().zip(given).filter_map(|(variable, value)| {
            let value = serde_json::from_str(&value.as_ref()?.to_string()).ok()?;
            Some((variable.name.as_str().into(), value))
        });
        let values = Valid::assume_valid(values.collect());
        let (types, implementers) = (&self.graphql.described, &self.graphql.implementers);
        let response = partial_execute(types, implementers, &document.executable, &operation.definition, &values)
            .map_err(|error| Failure::of("BAD_USER_INPUT", vec![GraphqlError::new(error.message().to_string())]))?;
        match serde_json::to_value(&response.data) {
            Ok(Json::Object(map)) => Ok(map),
            Ok(_) | Err(_) => Ok(serde_json::Map::new()),
        }
    }
}

/// Seconds, where nothing was asked but entities that are all left alone.
fn all_open(answers: &[Answer]) -> Option<u64> {
    let all: Option<Vec<u64>> = answers.iter().map(|answer| answer.open_secs).collect();
    all?.into_iter().min()
}

fn lock(operation: &Operation) -> std::sync::MutexGuard<'_, lru::LruCache<u64, Arc<Vec<Root>>, ahash::RandomState>> {
    // A panic while the lock is held cannot leave the cache half changed.
    operation.roots.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `@skip` and `@include` take a Boolean that is not null. A variable with a default may still be
/// sent as null, which only its value shows (specification, section 5.8.5).
fn refuse_null_conditions(operation: &Operation, given: &Given) -> std::result::Result<(), Failure> {
    let is_null = |index: &&usize| given.get(**index).and_then(Option::as_ref).is_none_or(Json::is_null);
    let Some(index) = operation.conditions.iter().find(is_null) else { return Ok(()) };
    let name = &operation.variables[*index].name;
    let message = format!("Variable \"${name}\" decides @skip or @include and must not be null.");
    Err(Failure::of("BAD_USER_INPUT", vec![GraphqlError::new(message)]))
}

/// The values of the conditions as bits; `None` when there are too many to keep apart.
fn conditions_key(conditions: &[usize], given: &Given) -> Option<u64> {
    if conditions.len() > 64 {
        return None;
    }
    let is_true =
        |index: &usize| given.get(*index).and_then(|value| value.as_ref()).and_then(Json::as_bool) == Some(true);
    Some(conditions.iter().enumerate().fold(0, |key, (bit, index)| key | u64::from(is_true(index)) << bit))
}

/// `{"data": …, "errors": …}`, with the roots in the order of the document.
fn assemble(
    roots: &[Root],
    answers: Vec<Answer>,
    introspected: Option<&serde_json::Map<String, Json>>,
    trace: Option<String>,
) -> Chunks {
    let is_void = |(root, answer): (&Root, &Answer)| {
        answer.value.is_none() && !root.nullable && !matches!(root.kind, RootKind::Introspection)
    };
    let void = roots.iter().zip(&answers).any(is_void);
    let mut errors: Vec<GraphqlError> = Vec::new();
    let mut body = Chunks::default();
    body.push(if void { b"{\"data\":null" } else { b"{\"data\":{" });
    for (i, (root, answer)) in roots.iter().zip(answers).enumerate() {
        errors.extend(answer.errors);
        if void {
            continue;
        }
        body.push(if i > 0 { b",\"" } else { b"\"" });
        body.push(root.key.as_bytes());
        body.push(b"\":");
        match (answer.value, &root.kind) {
            (Some(value), _) => body.append(value),
            (None, RootKind::Introspection) => {
                let value = introspected.and_then(|map| map.get(&*root.key)).unwrap_or(&Json::Null);
                body.push(value.to_string().as_bytes());
            }
            (
                None,
                RootKind::Read { .. }
                | RootKind::Mutate { .. }
                | RootKind::TypeName(_)
                | RootKind::Service(_)
                | RootKind::Entities(_)
                | RootKind::Unimplemented,
            ) => body.push(b"null"),
        }
    }
    body.push(if void { b"" } else { b"}" });
    if !errors.is_empty() {
        body.push(b",\"errors\":");
        write_all(&errors, body.buffer());
    }
    if let Some(trace) = trace {
        body.push(format!(",\"extensions\":{{\"{}\":\"{trace}\"}}", trace::FORMAT).as_bytes());
    }
    body.push(b"}");
    body
}
