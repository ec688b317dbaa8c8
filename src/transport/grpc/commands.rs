//! A mutation's method and the request of a command → the input of a call.

use serde_json::{Map, Value as Json};

use super::api::Method;
use super::describe::{JOINS, READ_MASK};
use super::methods::Methods;
use super::mutations::{CLEAR_MASK, is_clearable};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::mutation::{Input, input_of};
use crate::intent::value::Values;
use crate::intent::{Arguments, Mutate};
use crate::problem::did_you_mean;
use crate::schema::Schema;
use crate::schema::lock::field_name;
use crate::schema::model::{Argument, Endpoint};

/// One command: what the function is given, and what is to be returned.
#[derive(Debug)]
pub struct Command {
    pub input: Input,
    pub wanted: Wanted,
}

/// What is to be returned. Commands that want the same can be one statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    mask: Option<Json>,
    joins: Option<Json>,
}

const MASK: &str = "clear_mask";

// === impl Methods ===

impl Methods {
    /// The command in the bytes of a request.
    pub fn command(&self, schema: &Schema, method: &Method, message: &[u8]) -> Result<Command> {
        self.command_of(schema, method, self.decoder.decode(&method.request, message)?)
    }

    /// The command of decoded arguments, by the names of the schema.
    pub fn command_of(&self, schema: &Schema, method: &Method, mut given: Map<String, Json>) -> Result<Command> {
        let mutation = mutation(schema, method)?;
        let wanted = Wanted { mask: given.remove(READ_MASK), joins: given.remove(JOINS) };
        let cleared = given.remove(CLEAR_MASK);
        for path in cleared.iter().filter_map(Json::as_array).flatten().filter_map(Json::as_str) {
            clear(schema, mutation.arguments.values(), &mut given, path, path)?;
        }
        complete(schema, mutation.arguments.values(), &mut given);
        Ok(Command { input: input_of(schema, mutation, &given)?, wanted })
    }

    /// The intent of calls that want the same.
    pub fn mutate(&self, schema: &Schema, method: &Method, wanted: &Wanted, calls: Vec<Input>) -> Result<Mutate> {
        let prepared = self.prepared(schema, method, mutation(schema, method)?, wanted.mask.as_ref())?;
        let (mut values, mut arguments) = (Values::default(), vec![Arguments::default()]);
        prepared.below(schema, wanted.joins.as_ref(), &mut values, &mut arguments)?;
        let one = Mutate::one(prepared.form.clone(), Input::new(), arguments, values);
        Ok(Mutate { calls, ..one })
    }
}

/// The mutation of a method.
pub fn mutation<'s>(schema: &'s Schema, method: &Method) -> Result<&'s Endpoint> {
    schema.mutation(&method.endpoint).ok_or_else(|| {
        Error::new(Stage::Decode, Code::Unimplemented, format!("{} is not served any more", method.name))
    })
}

/// Clears the input at a path: null, or an empty list.
fn clear<'a>(
    schema: &Schema,
    arguments: impl Iterator<Item = &'a Argument> + Clone,
    given: &mut Map<String, Json>,
    path: &str,
    rest: &str,
) -> Result<()> {
    let wrong = |reason: String| Error::invalid(format!("{MASK}: \"{path}\": {reason}")).at(MASK);
    let (first, below) = rest.split_once('.').map_or((rest, None), |(first, below)| (first, Some(below)));
    // Clients may write either spelling.
    let name = field_name(first);
    let Some(argument) = arguments.clone().find(|argument| field_name(&argument.name) == name) else {
        let known: Vec<String> = arguments.map(|argument| field_name(&argument.name)).collect();
        let hint = did_you_mean(&name, known.iter().map(String::as_str));
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        return Err(wrong(format!("there is no such input{hint}")));
    };
    let key = argument.name.to_string();
    let Some(below) = below else {
        if given.contains_key(&key) {
            return Err(wrong("it is sent as well".to_owned()));
        }
        if !is_clearable(argument) {
            return Err(wrong(format!("it is {} and cannot be cleared", argument.ty)));
        }
        given.insert(key, if argument.ty.is_list() { Json::Array(Vec::new()) } else { Json::Null });
        return Ok(());
    };
    let input = schema.model().inputs.get(argument.ty.innermost()).filter(|_| !argument.ty.is_list());
    let input = input.ok_or_else(|| wrong(format!("{name} has no inputs of its own that could be named")))?;
    match given.entry(key).or_insert_with(|| Json::Object(Map::new())) {
        Json::Object(inner) => clear(schema, input.fields.values(), inner, path, below),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Err(wrong(format!("{name} is cleared as a whole")))
        }
    }
}

/// Adds lists that have to be there: nothing tells an empty one from none.
fn complete<'a>(schema: &Schema, arguments: impl Iterator<Item = &'a Argument>, given: &mut Map<String, Json>) {
    for argument in arguments {
        let input = schema.model().inputs.get(argument.ty.innermost());
        match (given.get_mut(&*argument.name), input) {
            (None, _) if argument.ty.is_list() && !is_clearable(argument) => {
                given.insert(argument.name.to_string(), Json::Array(Vec::new()));
            }
            (Some(Json::Object(inner)), Some(input)) => complete(schema, input.fields.values(), inner),
            (Some(Json::Array(items)), Some(input)) => {
                for inner in items.iter_mut().filter_map(Json::as_object_mut) {
                    complete(schema, input.fields.values(), inner);
                }
            }
            (Some(_) | None, _) => {}
        }
    }
}
