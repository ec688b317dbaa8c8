//! How a mutation calls its function: which overload, what goes to which parameter, what comes back.
//!
//! Arguments go by name. An input is found as the parameter of its snake_case name, with the prefix `p_` or
//! `input_` or with none; an input object whose name no parameter has is spread, so that its fields are found
//! like that. A function with one jsonb parameter for all of it gets the whole input as one object.

use super::catalog::{Catalog, Family, Function, Parameter, PgType};
use super::model::{Argument, Endpoint, Model, Returns, Scalar, TypeOf, TypeRef};
use super::name::snake_case;
use super::{Kind, kind_of};
use crate::problem::did_you_mean;

/// The call of one mutation, settled when the schema is bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Schema and name of the function.
    pub function: (String, String),
    pub arguments: Vec<Passed>,
    pub returned: Returned,
    pub returns_set: bool,
}

/// One parameter that is given a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Passed {
    pub parameter: String,
    pub ty: PgType,
    /// Left out when its value is absent; without a default the parameter is given null then.
    pub has_default: bool,
    pub from: From,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The value behind these snake_case keys of the input: an argument, or a field of an input object.
    Value(Vec<String>),
    /// The whole input as one object, into which the fields of these arguments are spread; less what
    /// parameters of their own take.
    Object { spread: Vec<String>, without: Vec<String> },
}

/// What the function's row is.
#[derive(Debug, Clone, PartialEq)]
pub enum Returned {
    /// `mutation_response`: these columns of it.
    Response(Vec<(String, PgType)>),
    /// The entity, or a list of them, as JSON.
    Document(PgType),
    /// The entity's columns.
    Row(Vec<(String, PgType)>),
    /// A value of the scalar that the mutation returns.
    Value(PgType),
    /// The id of the entity, which has to be read.
    Id(PgType),
}

/// The columns of both published forms of `mutation_response`.
const RESPONSE_COLUMNS: [&str; 15] = [
    "status",
    "message",
    "entity_id",
    "entity_type",
    "entity",
    "updated_fields",
    "cascade",
    "metadata",
    "succeeded",
    "state_changed",
    "error_class",
    "status_detail",
    "http_status",
    "error_detail",
    "entity_before",
];

/// A value that a client or a claim gives.
struct Input<'m> {
    path: Vec<String>,
    /// `None` for a claim.
    ty: Option<&'m TypeRef>,
}

/// The call of a mutation, or everything that keeps it from its function.
pub fn call(model: &Model, catalog: &Catalog, mutation: &Endpoint) -> Result<Call, Vec<String>> {
    let Some(source) = &mutation.source else { return Err(vec!["it names no function".to_owned()]) };
    let Some(overloads) = catalog.functions.get(source) else { return Err(Vec::new()) };
    let mut fitting = Vec::new();
    let mut refused = Vec::new();
    for function in overloads {
        match passed(model, mutation, function) {
            Ok(arguments) => fitting.push((function, arguments)),
            Err(reasons) => refused.push((function, reasons)),
        }
    }
    let (function, arguments) = match (fitting.len(), refused.as_slice()) {
        (1, _) => fitting.remove(0),
        (0, [(_, reasons)]) => return Err(reasons.clone()),
        (0, _) => {
            let all = refused.iter().map(|(function, reasons)| format!("{}: {}", shown(function), reasons.join("; ")));
            let all: Vec<String> = all.collect();
            return Err(vec![format!(
                "none of the functions named {source} takes these arguments: {}",
                all.join(", ")
            )]);
        }
        (_, _) => {
            let all: Vec<String> = fitting.iter().map(|(function, _)| shown(function)).collect();
            return Err(vec![format!("{} take the same names; drop or rename all but one", all.join(" and "))]);
        }
    };
    let returned = returned(model, mutation, function).map_err(|reason| vec![reason])?;
    Ok(Call {
        function: (function.schema.clone(), function.name.clone()),
        arguments,
        returned,
        returns_set: function.returns_set,
    })
}

/// What each parameter is given.
fn passed(model: &Model, mutation: &Endpoint, function: &Function) -> Result<Vec<Passed>, Vec<String>> {
    let object_of = |argument: &Argument| match &argument.ty.of {
        TypeOf::Named(name) => model.inputs.get(name),
        TypeOf::List(_) => None,
    };
    let named = |known: &Parameter| if known.name.is_empty() { String::new() } else { format!(" {}", known.name) };
    if let Some(rest) = function.parameters.iter().find(|known| known.is_variadic) {
        let reason = "its arguments go by position, and ours by name; declare it as an array";
        return Err(vec![format!("{} has a VARIADIC parameter{}: {reason}", shown(function), named(rest))]);
    }
    let claims: Vec<&str> = mutation.inject.keys().map(String::as_str).collect();
    let own: Vec<&Parameter> = claims.iter().filter_map(|claim| parameter(function, &snake_case(claim))).collect();
    let rest: Vec<&Parameter> =
        function.parameters.iter().filter(|known| !own.iter().any(|taken| std::ptr::eq(*taken, *known))).collect();
    let direct = |found: &Parameter| {
        let mut arguments = mutation.arguments.values();
        match (arguments.next(), arguments.next()) {
            (Some(one), None) => {
                object_of(one).is_none()
                    && parameter(function, &snake_case(&one.name)).is_some_and(|p| p.name == found.name)
            }
            _ => false,
        }
    };
    if let [whole] = rest.as_slice()
        && is_json(&whole.ty)
        && (mutation.input_as_json || !direct(whole))
        && !whole.name.is_empty()
        && !mutation.arguments.is_empty()
    {
        let spread = mutation.arguments.values().filter(|argument| object_of(argument).is_some());
        let claimed = own.iter().zip(&claims).map(|(_, claim)| snake_case(claim)).collect();
        let from =
            From::Object { spread: spread.map(|argument| snake_case(&argument.name)).collect(), without: claimed };
        let mut arguments = vec![given(whole, from)];
        for claim in &claims {
            if let Some(found) = parameter(function, &snake_case(claim)) {
                arguments.push(given(found, From::Value(vec![snake_case(claim)])));
            }
        }
        return Ok(arguments);
    }

    let mut inputs: Vec<Input<'_>> = Vec::new();
    for argument in mutation.arguments.values() {
        let name = snake_case(&argument.name);
        match object_of(argument) {
            Some(object) if parameter(function, &name).is_none() => {
                let fields = object.fields.values();
                inputs.extend(
                    fields
                        .map(|field| Input { path: vec![name.clone(), snake_case(&field.name)], ty: Some(&field.ty) }),
                );
            }
            Some(_) | None => inputs.push(Input { path: vec![name], ty: Some(&argument.ty) }),
        }
    }
    inputs.extend(claims.iter().map(|claim| Input { path: vec![snake_case(claim)], ty: None }));

    let (mut arguments, mut problems) = (Vec::<Passed>::new(), Vec::new());
    for input in &inputs {
        let name = input.path.last().map(String::as_str).unwrap_or_default();
        let Some(found) = parameter(function, name) else {
            let known = function.parameters.iter().map(|known| known.name.as_str()).filter(|name| !name.is_empty());
            let hint = did_you_mean(&format!("p_{name}"), known).map(|hint| format!("; {hint}")).unwrap_or_default();
            problems.push(format!("{} has no parameter p_{name} or {name}{hint}", shown(function)));
            continue;
        };
        if let Some(reason) = input.ty.and_then(|ty| misfit(model, ty, &found.ty)) {
            problems.push(format!("{}: {reason}", found.name));
        }
        arguments.push(given(found, From::Value(input.path.clone())));
    }
    for (i, known) in function.parameters.iter().enumerate() {
        let is_filled = arguments.iter().any(|passed| passed.parameter == known.name);
        if !is_filled && !known.has_default {
            let name =
                if known.name.is_empty() { format!("{} (which has no name)", i + 1) } else { known.name.clone() };
            problems.push(format!("nothing gives {} its parameter {name}, which has no default", shown(function)));
        }
    }
    if problems.is_empty() { Ok(arguments) } else { Err(problems) }
}

fn given(parameter: &Parameter, from: From) -> Passed {
    Passed { parameter: parameter.name.clone(), ty: parameter.ty.clone(), has_default: parameter.has_default, from }
}

/// The parameter that an input of this snake_case name goes to.
fn parameter<'f>(function: &'f Function, name: &str) -> Option<&'f Parameter> {
    let named = |prefix: &str| {
        let is_it = |known: &&Parameter| known.name.strip_prefix(prefix) == Some(name) && !name.is_empty();
        function.parameters.iter().find(is_it)
    };
    named("p_").or_else(|| named("input_")).or_else(|| named(""))
}

/// Why values of a declared type can never be given to a parameter.
fn misfit(model: &Model, ty: &TypeRef, parameter: &PgType) -> Option<String> {
    if is_json(parameter) {
        return None;
    }
    if model.inputs.contains_key(ty.innermost()) {
        return Some(format!("an input object ({ty}) needs a jsonb parameter, not {}", spelled(parameter)));
    }
    match (ty.is_list(), parameter.array) {
        (true, false) => Some(format!("a list ({ty}) needs an array or jsonb, not {}", spelled(parameter))),
        (false, true) => Some(format!("a single value ({ty}) cannot be given to {}", spelled(parameter))),
        (true, true) | (false, false) => None,
    }
}

fn returned(model: &Model, mutation: &Endpoint, function: &Function) -> Result<Returned, String> {
    let columns = &function.returns;
    let has = |name: &str| columns.iter().any(|(column, _)| column == name);
    let is_known = columns.iter().all(|(column, _)| RESPONSE_COLUMNS.contains(&column.as_str()));
    let is_response = has("succeeded") && (is_known || has("entity"))
        || has("status") && (has("entity") || (is_known && has("message")));
    if is_response && columns.len() > 1 {
        return Ok(Returned::Response(columns.clone()));
    }
    let (name, item, returns) = (shown(function), &mutation.item, mutation.returns);
    let is_object = matches!(kind_of(model, item), Kind::Object(_) | Kind::Interface(_) | Kind::Union(_));
    let [(_, ty)] = columns.as_slice() else {
        return match kind_of(model, item) {
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_)
                if returns == Returns::One || function.returns_set =>
            {
                Ok(Returned::Row(columns.clone()))
            }
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
                Err(format!("{name} returns one row, but the mutation returns a list; declare it RETURNS SETOF"))
            }
            Kind::Scalar(_) | Kind::Enum(_) => {
                Err(format!("{name} returns a row of {} columns, but the mutation returns {item}", columns.len()))
            }
        };
    };
    if is_json(ty) {
        return Ok(if is_object { Returned::Document(ty.clone()) } else { Returned::Value(ty.clone()) });
    }
    if ty.sql == "void" || ty.sql == "record" {
        return Err(format!(
            "{name} returns {}, which says nothing; return the entity, a mutation_response or a boolean",
            ty.sql
        ));
    }
    match kind_of(model, item) {
        Kind::Scalar(scalar) if serves(ty, scalar) && (ty.array == is_plain_list(returns, function)) => {
            Ok(Returned::Value(ty.clone()))
        }
        Kind::Enum(_) if serves(ty, Scalar::String) => Ok(Returned::Value(ty.clone())),
        Kind::Scalar(_) | Kind::Enum(_) => Err(format!("{name} returns {}, which does not fit {item}", spelled(ty))),
        Kind::Object(object) if object.relation.is_some() && object.fields.contains_key("id") => {
            let is_key = matches!(ty.family, Family::Uuid | Family::Int2 | Family::Int4 | Family::Int8)
                || matches!(ty.family, Family::Text | Family::Varchar);
            if is_key && !ty.array {
                return Ok(Returned::Id(ty.clone()));
            }
            Err(format!("{name} returns {}, which is neither {item} nor its id", spelled(ty)))
        }
        Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => {
            Err(format!("{name} returns {}, which is not {item}; return it as jsonb or as a row", spelled(ty)))
        }
    }
}

fn is_plain_list(returns: Returns, function: &Function) -> bool {
    returns == Returns::Many && !function.returns_set
}

fn serves(ty: &PgType, scalar: Scalar) -> bool {
    ty.family.serves(scalar)
}

fn is_json(ty: &PgType) -> bool {
    !ty.array && matches!(ty.family, Family::Json | Family::Jsonb)
}

fn spelled(ty: &PgType) -> String {
    format!("{}{}", ty.sql, if ty.array { "[]" } else { "" })
}

/// `crm.fn_create_user(text, int4)`.
fn shown(function: &Function) -> String {
    let types: Vec<String> = function.parameters.iter().map(|parameter| spelled(&parameter.ty)).collect();
    format!("{}.{}({})", function.schema, function.name, types.join(", "))
}

// === impl Call ===

impl Call {
    /// Whether the function is given its whole input as one object, whatever is in it.
    pub fn takes_object(&self) -> bool {
        self.arguments.iter().any(|passed| matches!(passed.from, From::Object { .. }))
    }
}

// === impl Returned ===

impl Returned {
    /// The columns, where there are several.
    pub fn columns(&self) -> &[(String, PgType)] {
        match self {
            Returned::Response(columns) | Returned::Row(columns) => columns,
            Returned::Document(_) | Returned::Value(_) | Returned::Id(_) => &[],
        }
    }

    pub fn column(&self, name: &str) -> Option<&PgType> {
        self.columns().iter().find(|(column, _)| column == name).map(|(_, ty)| ty)
    }
}
