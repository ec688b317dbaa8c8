//! What was asked → plan → statement, and what has to hold whatever it was.
//!
//! A question is planned or refused, and its refusal is the caller's doing: never an internal error. A statement is
//! one statement, quotes only what the schema has names for, and has a value for each of its parameters.

use std::collections::HashSet;
use std::sync::Arc;

use fraiseql::auth::Caller;
use fraiseql::error::{Code, Error};
use fraiseql::intent::{Intent, Mutate, Read};
use fraiseql::plan::guard::claim;
use fraiseql::plan::{Limits, plan, print::print};
use fraiseql::schema::Schema;
use fraiseql::schema::name::snake_case;
use fraiseql::sql::status::SUCCESSES;
use fraiseql::sql::{Batch, Param, Statement, write};
use serde_json::Value as Json;

use super::sql::{Quoted, parts};

/// Longest message for a caller: what was sent is quoted in excerpts.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Literals that the program has by itself, and what it reads of a function's answer.
const OWN: [&str; 14] = [
    "null",
    "[]",
    "{}",
    "array",
    "object",
    "id",
    "__typename",
    "message",
    "status",
    "error_class",
    "status_detail",
    "http_status",
    "entity_id",
    "entity_type",
];

/// A schema, those who ask, and every name that the schema has.
pub struct Planner<'s> {
    schema: &'s Schema,
    callers: [Caller; 2],
    names: HashSet<String>,
}

/// An error that a caller is told of.
pub fn told(error: &Error) {
    assert_ne!(error.code, Code::Internal, "an internal error: {error}");
    assert!(!error.message.is_empty(), "{error:?}");
    assert!(error.message.len() <= MESSAGE_BYTES_MAX, "{} bytes: {:.200}", error.message.len(), error.message);
}

/// What an intent asks, without what is told apart in each of them.
pub fn asked(intent: &Intent) -> String {
    match intent {
        Intent::Read(Read { form, arguments, values }) => {
            format!("{:?} {:?} {arguments:?} {values:?}", form.asked, form.selection)
        }
        Intent::Mutate(Mutate { form, calls, arguments, values, .. }) => {
            format!("{:?} {:?} {calls:?} {arguments:?} {values:?}", form.asked, form.selection)
        }
    }
}

// === impl Planner ===

impl Planner<'_> {
    pub fn new(schema: &Schema, callers: [Caller; 2]) -> Planner<'_> {
        let mut names = HashSet::new();
        collect(&serde_json::to_value(schema.model()).expect("JSON"), &mut names);
        collect(&serde_json::to_value(schema.catalog()).expect("JSON"), &mut names);
        Planner { schema, callers, names }
    }

    /// Plans and spells an intent for each caller.
    pub fn check(&self, intent: &Intent) {
        for caller in &self.callers {
            let planned =
                || plan(self.schema, caller, Limits { page_rows_max: 0, filter_conditions_max: 2_000 }, intent);
            let found = match planned() {
                Ok(found) => found,
                Err(error) => {
                    told(&error);
                    continue;
                }
            };
            assert!(!print(&found).is_empty());
            let statement = Arc::new(write(found));
            let again = write(planned().expect("what was planned before"));
            assert_eq!(statement.text(), again.text(), "another statement at another time");
            assert_eq!(statement.shape(), again.shape());
            let parameters = match intent {
                Intent::Read(read) => {
                    let values = statement.with_claims(read.values.clone(), |name| claim(caller, name));
                    values.and_then(|values| statement.parameters(&values))
                }
                Intent::Mutate(mutate) => called(caller, &statement, mutate),
            };
            match parameters {
                Ok(parameters) => self.spelled(statement.text(), parameters.len()),
                Err(error) => told(&error),
            }
            if let Some(read_back) = statement.call().and_then(|call| call.read_back.as_deref()) {
                self.spelled(read_back.text(), read_back.binds().len());
            }
        }
    }

    /// Each parameter has a value, and names are the schema's.
    fn spelled(&self, text: &str, parameters: usize) {
        let (quoted, mut used) = parts(text);
        used.sort_unstable();
        used.dedup();
        let known: Vec<usize> = (1..=parameters).collect();
        assert_eq!(used, known, "parameters without a value, or the other way round: {text}");
        for part in quoted {
            let (Quoted::Identifier(name) | Quoted::Literal(name)) = &part;
            let is_own = OWN.contains(&name.as_str()) || SUCCESSES.iter().any(|(pattern, _)| pattern == name);
            let is_own = is_own && matches!(part, Quoted::Literal(_));
            assert!(is_own || self.names.contains(name), "{part:?} is no name of the schema: {text}");
        }
    }
}

/// The parameters of a call, with the claims that it is given besides.
fn called(caller: &Caller, statement: &Arc<Statement>, mutate: &Mutate) -> Result<Vec<Param>, Error> {
    let call = statement.call().expect("a mutation calls a function");
    let mut inputs = mutate.calls.clone();
    for (name, claimed) in &call.injected {
        let value = claim(caller, claimed)?;
        inputs.iter_mut().for_each(|input| drop(input.insert(name.clone(), Json::from(value.as_str()))));
    }
    let (batch, refused) = Batch::new(statement.clone(), mutate.values.clone(), &inputs)?;
    refused.into_iter().collect::<Result<Vec<()>, Error>>()?;
    Ok(batch.parameters(0..batch.len()).into_owned())
}

/// Every text of a description, its parts, and how SQL spells them.
fn collect(json: &Json, into: &mut HashSet<String>) {
    let mut add = |text: &str| {
        for part in text.split('.').chain([text]) {
            into.insert(snake_case(part));
            into.insert(part.to_owned());
        }
    };
    match json {
        Json::Object(members) => {
            members.keys().for_each(|key| add(key));
            members.values().for_each(|member| collect(member, into));
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Json::String(text) => add(text),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
