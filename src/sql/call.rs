//! The inputs of calls → the parameters of their statement, for one call, a batch, or a part of one.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::Statement;
use super::bind::{BindKind, Param};
use super::mutate::{is_json, sent_as};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::mutation::{Input, value_at};
use crate::intent::value::{Value, Values};
use crate::plan::mutate::{Command, Reads};
use crate::schema::call::{From, Passed, Returned};
use crate::schema::name::{Name, camel_case, snake_case};

/// What a mutation's statement knows besides its text.
#[derive(Debug)]
pub struct Call {
    /// The mutation, for error texts.
    pub mutation: Name,
    arguments: Vec<Argument>,
    /// Claims that belong to the input: (snake_case name, claim).
    pub injected: Vec<(String, String)>,
    /// The row says whether it succeeded.
    pub is_response: bool,
    pub is_batch: bool,
    pub is_set: bool,
    pub is_required: bool,
    /// A failure is an answer: the value is an error of a declared type.
    pub has_typed_errors: bool,
    pub reads: Reads,
    pub read_back: Option<Arc<Statement>>,
}

#[derive(Debug)]
struct Argument {
    kind: BindKind,
    is_array: bool,
    is_json: bool,
    from: From,
}

/// Calls that run as one statement.
#[derive(Debug)]
pub struct Batch {
    pub statement: Arc<Statement>,
    /// The intent's values, which a read afterwards needs.
    values: Values,
    /// The parameters of each call.
    calls: Vec<Vec<Param>>,
}

// === impl Call ===

impl Call {
    pub(super) fn new(command: Command) -> Call {
        let typed = command.typed.as_ref();
        let is_response = matches!(command.returned, Returned::Response(_));
        Call {
            arguments: command.arguments.iter().map(Argument::new).collect(),
            injected: command.injected.into_iter().map(|(name, claim)| (snake_case(&name), claim)).collect(),
            is_response,
            is_batch: command.is_batch,
            is_set: command.is_set,
            is_required: command.is_required,
            has_typed_errors: is_response && !command.is_batch && typed.is_some_and(|typed| !typed.errors.is_empty()),
            reads: command.reads,
            read_back: command.read_back.map(|plan| Arc::new(super::write(*plan))),
            mutation: command.mutation,
        }
    }

    /// The parameters of one call.
    fn parameters(&self, input: &Input) -> Result<Vec<Param>> {
        self.arguments.iter().map(|argument| argument.parameter(input, self.is_batch)).collect()
    }
}

impl Argument {
    fn new(passed: &Passed) -> Argument {
        Argument {
            kind: sent_as(passed),
            is_array: passed.ty.array,
            is_json: is_json(&passed.ty),
            from: passed.from.clone(),
        }
    }

    fn parameter(&self, input: &Input, is_batch: bool) -> Result<Param> {
        let (value, path) = match &self.from {
            From::Object { spread, without } => return Ok(Param::Text(whole(input, spread, without))),
            From::Value(path) => (value_at(input, path), path),
        };
        let wrong = |reason: String| {
            let path: Vec<String> = path.iter().map(|name| camel_case(name)).collect();
            Error::invalid(format!("{}: {reason}", path.join("."))).at(path.join("."))
        };
        match value {
            None | Some(Json::Null) => Ok(Param::Null(self.kind, self.is_array && !is_batch)),
            Some(json) if self.is_json => text_of(json).map_err(wrong),
            Some(json) if self.is_array && is_batch => text_of(json).map_err(wrong),
            Some(Json::Array(items)) if self.is_array => {
                let items: Vec<Value> = items.iter().map(value_of).collect();
                self.kind.list(&items).map_err(wrong)
            }
            Some(json) if self.is_array => self.kind.list(&[value_of(json)]).map_err(wrong),
            Some(json) => self.kind.single(&value_of(json)).map_err(wrong),
        }
    }
}

/// jsonb has no text with a NUL in it either.
fn text_of(json: &Json) -> Result<Param, String> {
    BindKind::Text.single(&Value::Text(json.to_string()))
}

/// The whole input as one object; what the request cannot say, claims, comes last and wins.
fn whole(input: &Input, spread: &[String], without: &[String]) -> String {
    // Most often it is one input object and nothing else.
    if let Some((name, Json::Object(fields))) = input.iter().next().filter(|_| input.len() == 1)
        && spread.contains(name)
    {
        return serde_json::to_string(fields).unwrap_or_default();
    }
    let mut object: IndexMap<&String, &Json, ahash::RandomState> = IndexMap::default();
    for (name, value) in input {
        match value {
            Json::Object(fields) if spread.contains(name) => object.extend(fields),
            _ => {}
        }
    }
    for (name, value) in input {
        let is_spread = spread.contains(name) && value.is_object();
        if !is_spread && !without.contains(name) {
            object.insert(name, value);
        }
    }
    // Texts under texts: nothing that could not be written.
    serde_json::to_string(&object).unwrap_or_default()
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(float)) if number.is_f64() => Value::Float(float),
            (None, _) => Value::Text(number.to_string()),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => Value::Text(json.to_string()),
    }
}

// === impl Batch ===

impl Batch {
    /// The calls whose inputs have parameters; the others are refused, each by itself.
    pub fn new(statement: Arc<Statement>, values: Values, inputs: &[Input]) -> Result<(Batch, Vec<Result<()>>)> {
        let call = statement
            .call()
            .ok_or_else(|| Error::new(Stage::Write, Code::Internal, "the statement calls no function"))?;
        let mut calls = Vec::with_capacity(inputs.len());
        let mut refused = Vec::with_capacity(inputs.len());
        for input in inputs {
            refused.push(call.parameters(input).map(|parameters| calls.push(parameters)));
        }
        Ok((Batch { statement: statement.clone(), values, calls }, refused))
    }

    /// Those of the calls that stand at these positions.
    pub fn only(&self, positions: &[usize]) -> Batch {
        let calls = positions.iter().filter_map(|at| self.calls.get(*at).cloned()).collect();
        Batch { statement: self.statement.clone(), values: self.values.clone(), calls }
    }

    pub fn len(&self) -> usize {
        self.calls.len()
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The parameters of the statement for some of the calls.
    pub fn parameters(&self, part: Range<usize>) -> Cow<'_, [Param]> {
        let calls = self.calls.get(part).unwrap_or_default();
        let Some(call) = self.statement.call().filter(|call| call.is_batch) else {
            return Cow::Borrowed(calls.first().map(Vec::as_slice).unwrap_or_default());
        };
        if call.arguments.is_empty() {
            return Cow::Owned(vec![Param::Int8(calls.len() as i64)]);
        }
        let arguments = call.arguments.iter().enumerate();
        let column = |(i, argument): (usize, &Argument)| {
            let kind = if argument.is_array { BindKind::Text } else { argument.kind };
            kind.column(calls.iter().filter_map(|parameters| parameters.get(i)))
        };
        arguments.map(column).collect()
    }

    /// The parameters of the read of these entities.
    pub fn read_back(&self, read_back: &Statement, ids: &[String]) -> Result<Vec<Param>> {
        let mut values = self.values.clone();
        values.push(Value::List(ids.iter().cloned().map(Value::Text).collect()), Name::from("id"));
        read_back.parameters(&values).map_err(|error| {
            let message = "the function returned an id that no entity can have";
            Error::new(Stage::Execute, Code::Internal, message).because(error.message)
        })
    }
}
