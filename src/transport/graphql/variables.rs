//! Variables: declared types, defaults, and the coercion of what a request sends.

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::executable::Operation as OperationDef;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema as TypeSystem};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::respond::{Failure, GraphqlError};
use super::subgraph::ANY;
use crate::intent::value::{coerce, in_object_mut, shown};
use crate::schema::model::Scalar;

/// A variable as the operation declares it.
#[derive(Debug)]
pub struct Variable {
    pub name: Name,
    pub ty: Node<Type>,
    pub default: Option<Json>,
    location: Option<apollo_compiler::parser::SourceSpan>,
}

/// The values of a request, by the position of their variable; `None` where one is absent.
pub type Given = Vec<Option<Json>>;

pub(super) fn variables(definition: &OperationDef) -> Vec<Variable> {
    let variables = definition.variables.iter().map(|variable| Variable {
        name: variable.name.clone(),
        ty: variable.ty.clone(),
        default: variable.default_value.as_deref().map(constant),
        location: variable.location(),
    });
    variables.collect()
}

/// A value without variables, as JSON; enum values become their names.
pub fn constant(value: &Value) -> Json {
    match value {
        Value::Null | Value::Variable(_) => Json::Null,
        Value::Enum(name) => Json::String(name.to_string()),
        Value::String(text) => Json::String(text.clone()),
        Value::Int(number) => number_of(number.as_str()),
        Value::Float(number) => number_of(number.as_str()),
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::List(items) => Json::Array(items.iter().map(|item| constant(item)).collect()),
        Value::Object(entries) => {
            Json::Object(entries.iter().map(|(name, value)| (name.to_string(), constant(value))).collect())
        }
    }
}

fn number_of(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// Coerces the variables of a request (specification, section 6.1.2).
pub fn coerce_variables(
    variables: &[Variable],
    sent: Option<&RawValue>,
    types: &TypeSystem,
    sources: &apollo_compiler::parser::SourceMap,
) -> Result<Given, Failure> {
    let mut values: Given = vec![None; variables.len()];
    if let Some(sent) = sent {
        let mut reader = serde_json::Deserializer::from_str(sent.get());
        let read = reader.deserialize_map(Sent { variables, values: &mut values });
        read.map_err(|error| Failure::malformed(format!("the body is not a GraphQL request: {error}")))?;
    }
    let mut errors = Vec::new();
    for (variable, value) in variables.iter().zip(&mut values) {
        let mut refuse = |what: String| {
            let found = variable.location.and_then(|span| span.line_column(sources));
            let locations = found.map(|found| (found.line, found.column)).into_iter().collect();
            errors.push(GraphqlError { locations, ..GraphqlError::new(what) });
        };
        match value {
            None => match &variable.default {
                Some(default) => *value = Some(default.clone()),
                None if variable.ty.is_non_null() => refuse(format!(
                    "Variable \"${}\" of required type \"{}\" was not provided.",
                    variable.name, variable.ty
                )),
                None => {}
            },
            Some(Json::Null) if variable.ty.is_non_null() => refuse(format!(
                "Variable \"${}\" of non-null type \"{}\" must not be null.",
                variable.name, variable.ty
            )),
            Some(json) => {
                if let Err(reason) = check(types, &variable.ty, json, 0) {
                    refuse(format!("Variable \"${}\" got an invalid value: {reason}.", variable.name));
                }
            }
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(Failure::of("BAD_USER_INPUT", errors)) }
}

/// Reads the values of variables into their positions; what was sent besides is passed over.
struct Sent<'v> {
    variables: &'v [Variable],
    values: &'v mut Given,
}

/// The position of the variable that a key names.
struct Key<'v>(&'v [Variable]);

impl<'de> Visitor<'de> for Sent<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of variables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(position) = map.next_key_seed(Key(self.variables))? {
            match position.and_then(|position| self.values.get_mut(position)) {
                Some(value) => *value = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a variable")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|variable| variable.name == name))
    }
}

/// Deepest nesting of a variable's value.
const DEPTH_MAX: usize = 64;

/// Checks a value against an input type, filling in the defaults of input objects.
fn check(types: &TypeSystem, ty: &Type, json: &mut Json, depth: usize) -> Result<(), String> {
    // Each representation is checked by itself, so that a bad one costs nobody else's answer.
    if *ty.inner_named_type() == ANY {
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Err(format!("it is nested deeper than {DEPTH_MAX} levels"));
    }
    if json.is_null() {
        return if ty.is_non_null() { Err(format!("\"{ty}\" must not be null")) } else { Ok(()) };
    }
    match ty {
        Type::List(item) | Type::NonNullList(item) => match json {
            Json::Array(items) => items.iter_mut().enumerate().try_for_each(|(i, value)| {
                check(types, item, value, depth + 1).map_err(|reason| format!("[{i}]: {reason}"))
            }),
            _ => check(types, item, json, depth + 1),
        },
        Type::Named(name) | Type::NonNullNamed(name) => match types.types.get(name) {
            Some(ExtendedType::InputObject(input)) => {
                let Json::Object(map) = json else {
                    return Err(format!("{} is not an object of type \"{name}\"", shown(json)));
                };
                if let Some(unknown) = map.keys().find(|key| !input.fields.contains_key(key.as_str())) {
                    let known = input.fields.keys().map(|name| name.as_str());
                    let hint = crate::problem::did_you_mean(unknown, known).unwrap_or_default();
                    return Err(format!("field \"{unknown}\" is not defined by type \"{name}\"; {hint}"));
                }
                for (field, declared) in &input.fields {
                    match in_object_mut(map, field.as_str()) {
                        Some(value) => check(types, &declared.ty, value, depth + 1)
                            .map_err(|reason| format!("{field}: {reason}"))?,
                        None => match &declared.default_value {
                            Some(default) => {
                                map.insert(field.to_string(), constant(default));
                            }
                            None if declared.ty.is_non_null() => {
                                return Err(format!(
                                    "field \"{field}\" of required type \"{}\" was not provided",
                                    declared.ty
                                ));
                            }
                            None => {}
                        },
                    }
                }
                Ok(())
            }
            Some(ExtendedType::Enum(def)) => match json.as_str() {
                Some(text) if def.values.contains_key(text) => Ok(()),
                _ => {
                    let known = def.values.keys().map(|name| name.as_str());
                    let hint =
                        json.as_str().and_then(|text| crate::problem::did_you_mean(text, known)).unwrap_or_default();
                    Err(format!("{} does not exist in \"{name}\" enum; {hint}", shown(json)))
                }
            },
            _ => coerce(Scalar::of_name(name).unwrap_or(Scalar::Text), json).map(drop),
        },
    }
}
