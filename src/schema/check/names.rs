//! Names: valid, free, and each given once.

use std::collections::HashMap;

use super::super::authoring::reader::Reports;
use super::super::authoring::{Argument, Document, Operation, type_ref};
use super::super::model::Scalar;
use crate::problem::Problem;

pub fn check(document: &Document, reports: &Reports) {
    type_names(document, reports);
    operations(&document.queries, "query", reports);
    operations(&document.mutations, "mutation", reports);
    operations(&document.subscriptions, "subscription", reports);
    let interfaces = document.interfaces.iter().map(|interface| &interface.fields);
    for fields in document.types.iter().map(|ty| &ty.fields).chain(interfaces) {
        unique("field", fields.iter().map(|field| (field.name.as_str(), field.path.as_str())), reports);
    }
    for input in &document.inputs {
        unique("field", arguments(&input.fields), reports);
    }
    for operation in document.queries.iter().chain(&document.mutations).chain(&document.subscriptions) {
        unique("argument", arguments(&operation.arguments), reports);
    }
    for declared in &document.enums {
        let values = declared.values.iter().map(|value| (value.name.as_str(), value.path.as_str()));
        unique("value", values, reports);
        let stored = declared.values.iter().filter_map(|value| Some((value.stored.as_deref()?, value.path.as_str())));
        repeated(stored, |name, first| format!("the value \"{name}\" is stored for {first} already"), reports);
        for value in declared.values.iter().filter(|value| ["true", "false", "null"].contains(&value.name.as_str())) {
            reports
                .refuse(reports.at(format!("{}.name", value.path), format!("\"{}\" cannot name a value", value.name)));
        }
    }
}

fn arguments(arguments: &[Argument]) -> impl Iterator<Item = (&str, &str)> {
    arguments.iter().map(|argument| (argument.name.as_str(), argument.path.as_str()))
}

/// Everything that becomes a type of the API shares one set of names.
fn type_names(document: &Document, reports: &Reports) {
    let mut taken: HashMap<String, String> = HashMap::new();
    let mut generate = |name: String, from: String| {
        taken.entry(name).or_insert(from);
    };
    for name in document.types.iter().map(|ty| &ty.name).chain(document.interfaces.iter().map(|ty| &ty.name)) {
        for suffix in ["WhereInput", "OrderByInput"] {
            generate(format!("{name}{suffix}"), format!("made for filters and orders of {name}"));
        }
    }
    let leaves = document.enums.iter().map(|ty| &*ty.name).chain(document.scalars.iter().map(|ty| &*ty.name));
    for name in leaves.chain(SCALARS) {
        for suffix in ["Filter", "ListFilter"] {
            generate(format!("{name}{suffix}"), format!("made for filters by {name}"));
        }
    }
    generate("OrderDirection".to_owned(), "made for orders".to_owned());
    for query in document.queries.iter().filter(|query| query.relay) {
        for suffix in ["Connection", "Edge"] {
            generate(format!("{}{suffix}", query.item), format!("made for the connection {}", query.name));
        }
        generate("PageInfo".to_owned(), format!("made for the connection {}", query.name));
    }
    let declared = document.types.iter().map(|ty| ("type", &ty.name, &ty.path));
    let declared = declared
        .chain(
            document
                .interfaces
                .iter()
                .filter(|ty| ty.path.starts_with("interfaces"))
                .map(|ty| ("interface", &ty.name, &ty.path)),
        )
        .chain(document.unions.iter().map(|ty| ("union", &ty.name, &ty.path)))
        .chain(document.enums.iter().map(|ty| ("enum", &ty.name, &ty.path)))
        .chain(document.inputs.iter().map(|ty| ("input", &ty.name, &ty.path)))
        .chain(document.scalars.iter().map(|ty| ("scalar", &ty.name, &ty.path)));
    for (kind, name, path) in declared {
        let at = |reason: String| reports.at(format!("{path}.name"), reason);
        if !valid(name, &at, reports) {
            continue;
        }
        let is_scalar_name = if kind == "scalar" { Scalar::is_builtin(name) } else { Scalar::of_name(name).is_some() };
        if is_scalar_name {
            reports.refuse(at(format!("\"{name}\" is a scalar of its own")).hint("choose another name"));
        } else if RESERVED.contains(&name.as_str()) {
            reports.refuse(at(format!("the name \"{name}\" is reserved")).hint("choose another name"));
        } else if let Some(from) = taken.insert(name.clone(), format!("the {kind} at {path}")) {
            reports.refuse(at(format!("the name \"{name}\" is taken: {from}")).hint("choose another name"));
        }
    }
}

/// Scalars that rows can be filtered by, whatever else is declared.
const SCALARS: [&str; 13] = [
    "ID", "UUID", "String", "Int", "BigInt", "Float", "Decimal", "Boolean", "DateTime", "Date", "Time", "Json", "JSON",
];

/// Root types, and the types that federation adds.
const RESERVED: [&str; 7] = ["Query", "Mutation", "Subscription", "_Entity", "_Any", "_Service", "FieldSet"];

/// Root fields of one kind; a counted query makes a second one.
fn operations(operations: &[Operation], kind: &str, reports: &Reports) {
    let names = || operations.iter().map(|operation| (operation.name.as_str(), operation.path.as_str()));
    unique(kind, names(), reports);
    for (name, path) in names().filter(|(name, _)| ["_entities", "_service"].contains(name)) {
        reports.refuse(reports.at(format!("{path}.name"), format!("the name \"{name}\" is reserved for federation")));
    }
    for counted in operations.iter().filter(|operation| operation.count) {
        let count = format!("{}Count", counted.name);
        if let Some((_, path)) = names().find(|(name, _)| *name == count) {
            let reason = format!("the name \"{count}\" is taken: made for the count of {}", counted.name);
            reports.refuse(reports.at(format!("{path}.name"), reason).hint("choose another name"));
        }
    }
}

fn unique<'a>(kind: &str, names: impl Iterator<Item = (&'a str, &'a str)>, reports: &Reports) {
    let valid_names =
        names.filter(|(name, path)| valid(name, &|reason| reports.at(format!("{path}.name"), reason), reports));
    let valid_names: Vec<_> = valid_names.collect();
    repeated(
        valid_names.into_iter(),
        |name, first| format!("the {kind} \"{name}\" stands at {first} already"),
        reports,
    );
}

fn repeated<'a>(
    names: impl Iterator<Item = (&'a str, &'a str)>,
    reason: impl Fn(&str, &str) -> String,
    reports: &Reports,
) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (name, path) in names {
        match seen.get(name) {
            Some(first) => reports.refuse(reports.at(path, reason(name, first)).hint("remove or rename one of them")),
            None => drop(seen.insert(name, path)),
        }
    }
}

/// Whether GraphQL takes the name; an empty one has been reported as missing.
fn valid(name: &str, at: &dyn Fn(String) -> Problem, reports: &Reports) -> bool {
    if name.is_empty() {
        return false;
    }
    if !type_ref::is_name(name) {
        let problem = at(format!("\"{name}\" is not a GraphQL name"));
        reports.refuse(problem.hint("use letters, digits and _, not beginning with a digit"));
        return false;
    }
    if name.starts_with("__") {
        reports.refuse(at(format!("\"{name}\": names that begin with __ are reserved for introspection")));
        return false;
    }
    true
}
