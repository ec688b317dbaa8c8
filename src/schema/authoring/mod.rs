//! `schema.json` as its authors write it.
//!
//! The twin of the file, not of the compiled model: every element keeps the path at which it stands,
//! both spellings of a key have become one, and nothing has been judged yet beyond the shape of the
//! JSON. The keys are those of the published SDKs and of the `fraiseql` Python package.

mod federation;
mod operations;
pub mod reader;
mod span;
pub mod type_ref;
mod types;

use indexmap::IndexMap;
use serde_json::Value;

use crate::problem::Problem;
use crate::schema::model::{Directive, FieldFederation, Inject, Operation as Verb, RestRoute, TypeRef};
use reader::{Object, Reports};
pub use span::Spans;

/// The whole file.
#[derive(Debug, Default)]
pub struct Document {
    pub types: Vec<Type>,
    pub interfaces: Vec<Interface>,
    pub unions: Vec<Union>,
    pub enums: Vec<Enum>,
    pub inputs: Vec<Input>,
    pub scalars: Vec<Scalar>,
    pub queries: Vec<Operation>,
    pub mutations: Vec<Operation>,
    pub subscriptions: Vec<Operation>,
    pub directives: Vec<DirectiveDef>,
    pub inject_defaults: InjectDefaults,
    pub federation: Option<Federation>,
}

#[derive(Debug)]
pub struct Type {
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    pub sql_source: Option<String>,
    pub jsonb_column: Option<String>,
    pub embedded: bool,
    /// `relationships` have become fields with a join.
    pub fields: Vec<Field>,
    pub implements: Vec<String>,
    pub relay: bool,
    pub is_error: bool,
    pub requires_role: Option<String>,
    pub plural: Option<String>,
    /// From `keys`, else from `key_fields`.
    pub keys: Vec<Key>,
    pub extends: bool,
    pub shareable: bool,
    pub inaccessible: bool,
    pub interface_object: bool,
    pub tags: Vec<String>,
    pub directives: Vec<Directive>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub path: String,
    pub fields: String,
    pub resolvable: bool,
}

#[derive(Debug)]
pub struct Field {
    pub path: String,
    pub name: String,
    pub ty: TypeRef,
    pub description: Option<String>,
    pub deprecated: Option<String>,
    /// Where it is stored, when that is not the snake_case name.
    pub column: Option<String>,
    /// (column of this type's relation, column of the other's).
    pub join: Option<Vec<(String, String)>>,
    pub requires_scope: Option<String>,
    pub on_deny: Option<String>,
    pub function: Option<String>,
    pub federation: FieldFederation,
    pub directives: Vec<Directive>,
}

#[derive(Debug)]
pub struct Interface {
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    pub sql_source: Option<String>,
    pub fields: Vec<Field>,
    pub keys: Vec<Key>,
}

#[derive(Debug)]
pub struct Union {
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    pub members: Vec<String>,
}

#[derive(Debug)]
pub struct Enum {
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    pub values: Vec<EnumValue>,
}

#[derive(Debug)]
pub struct EnumValue {
    pub path: String,
    pub name: String,
    pub stored: Option<String>,
    pub description: Option<String>,
    pub deprecated: Option<String>,
}

#[derive(Debug)]
pub struct Input {
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    pub fields: Vec<Argument>,
}

/// An argument of an operation or a field of an input.
#[derive(Debug)]
pub struct Argument {
    pub path: String,
    pub name: String,
    pub ty: TypeRef,
    /// `null` is kept: the SDKs write it for an optional argument.
    pub default: Option<Value>,
    pub description: Option<String>,
    pub deprecated: Option<String>,
}

#[derive(Debug)]
pub struct Scalar {
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    pub specified_by_url: Option<String>,
}

/// A custom directive.
#[derive(Debug)]
pub struct DirectiveDef {
    pub path: String,
    /// Without the `@`.
    pub name: String,
    pub description: Option<String>,
    pub arguments: Vec<Argument>,
    pub repeatable: bool,
    pub locations: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// A query, a mutation or a subscription; the keys of the other kinds keep their defaults.
#[derive(Debug)]
pub struct Operation {
    pub kind: Kind,
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    pub deprecated: Option<String>,
    /// The bare name of `return_type`.
    pub item: String,
    pub returns_list: bool,
    pub nullable: bool,
    pub arguments: Vec<Argument>,
    pub sql_source: Option<String>,
    pub jsonb_column: Option<String>,
    pub auto: AutoArguments,
    pub relay: bool,
    pub count: bool,
    pub inject: IndexMap<String, Inject>,
    pub requires_role: Option<String>,
    /// The method is in upper case.
    pub rest: Option<RestRoute>,
    pub rest_stream: bool,
    pub verb: Option<Verb>,
    pub input_as_json: bool,
    pub topic: Option<String>,
}

/// The arguments that `auto_params` adds to a list query.
#[derive(Debug, Clone, Copy, Default)]
pub struct AutoArguments {
    pub filter: bool,
    pub order: bool,
    pub limit: bool,
    pub offset: bool,
}

/// Injected into every operation, into every query, into every mutation.
#[derive(Debug, Clone, Default)]
pub struct InjectDefaults {
    pub base: IndexMap<String, Inject>,
    pub queries: IndexMap<String, Inject>,
    pub mutations: IndexMap<String, Inject>,
}

#[derive(Debug)]
pub struct Federation {
    pub path: String,
    pub enabled: bool,
    pub service_name: Option<String>,
    pub version: Option<String>,
    pub schema_url: Option<String>,
    /// The file that says which version, when that is not the schema.
    pub version_file: Option<String>,
    pub entities: Vec<Entity>,
    /// With the path of each name.
    pub shareable_types: Vec<(String, String)>,
    pub compose_directives: Vec<ComposeDirective>,
}

#[derive(Debug)]
pub struct ComposeDirective {
    pub path: String,
    /// Without the `@`.
    pub name: String,
    /// Of its specification.
    pub url: String,
}

#[derive(Debug)]
pub struct Entity {
    pub path: String,
    pub name: String,
    pub key_fields: Vec<String>,
    pub extends: bool,
    pub external_fields: Vec<String>,
    pub shareable_fields: Vec<String>,
}

/// Reads the file; `None` when it is not JSON at all, or not an object.
pub fn read(text: &str, reports: &Reports) -> Option<Document> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => Object::read(&value, String::new(), reports, document),
        Err(error) => {
            // serde_json ends its message with the position, which a problem has a place for.
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or_default();
            let problem = reports.at("", format!("is not valid JSON: {reason}"));
            reports.refuse(problem.at(error.line(), error.column().max(1)).hint("export the schema again"));
            None
        }
    }
}

/// Gives every problem of the file the line and column of its path.
pub fn locate(problems: &mut [Problem], file: &str, spans: &Spans) {
    for problem in problems.iter_mut().filter(|problem| problem.file == file && problem.position.is_none()) {
        problem.position = spans.position(&problem.path);
    }
    problems.sort_by_key(|problem| (problem.file != file, problem.position));
}

fn document(object: &mut Object) -> Document {
    naming_convention(object);
    let (mut types, mut inputs) = (Vec::new(), Vec::new());
    object.each("types", |item| match item.flag("is_input") {
        true => inputs.push(types::input_written_as_type(item)),
        false => types.push(types::object_type(item)),
    });
    inputs.extend(object.each("input_types", types::input));
    object.accept(&["version", "fragments"]);
    for key in ["fact_tables", "aggregate_queries", "observers", "sources"] {
        object.without_effect(key, "");
    }
    for (key, section) in CONFIGURED_IN_TOML {
        object.without_effect(key, &format!("set it in fraiseql.toml, {section}"));
    }
    for (key, section) in GUARDS_IN_TOML {
        object.unsafe_to_ignore(key, &format!("set it in fraiseql.toml, {section}, and remove it here"));
    }
    Document {
        types,
        inputs,
        interfaces: object.each("interfaces", types::interface),
        unions: object.each("unions", types::union),
        enums: object.each("enums", types::enumeration),
        scalars: object.each("custom_scalars", types::scalar),
        queries: object.each("queries", operations::query),
        mutations: object.each("mutations", operations::mutation),
        subscriptions: object.each("subscriptions", operations::subscription),
        directives: object.each("directives", types::directive),
        inject_defaults: object.child("inject_defaults", operations::inject_defaults).unwrap_or_default(),
        federation: federation::block(object),
    }
}

/// Sections of other flows that embed their configuration in the schema.
const CONFIGURED_IN_TOML: [(&str, &str); 10] = [
    ("observers_config", "[observers]"),
    ("subscriptions_config", "[observers]"),
    ("validation_config", "[graphql]"),
    ("debug_config", "[telemetry]"),
    ("mcp_config", "where it is supported"),
    ("rest_config", "[rest]"),
    ("grpc_config", "[grpc]"),
    ("query_defaults", "[graphql] or on each query"),
    ("hierarchies_config", "where it is supported"),
    ("changelog_config", "where it is supported"),
];

/// Sections of the same kind that decide who may see what.
const GUARDS_IN_TOML: [(&str, &str); 3] =
    [("security", "[auth] and [rate_limit]"), ("auth", "[auth]"), ("session_variables", "[[session_variables]]")];

/// Names are written as the API shows them, whichever convention made them.
fn naming_convention(object: &mut Object) {
    if let Some(convention) = object.text("naming_convention")
        && !["camelCase", "preserve"].contains(&convention.as_str())
    {
        let problem = object.reports.at("naming_convention", format!("\"{convention}\" is not a naming convention"));
        object.reports.refuse(problem.nearest(&convention, ["camelCase", "preserve"]));
    }
}
