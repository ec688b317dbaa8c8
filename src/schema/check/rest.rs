//! REST routes that operations ask for: well formed, served by the right method, each once.

use std::collections::HashMap;

use super::super::authoring::reader::Reports;
use super::super::authoring::{Document, Kind, Operation};
use super::super::name::camel_case;
use super::{Index, Known};

pub fn check(document: &Document, index: &Index, reports: &Reports) {
    let mut routes: HashMap<(String, String), &Operation> = HashMap::new();
    for operation in document.queries.iter().chain(&document.mutations) {
        let Some(rest) = &operation.rest else { continue };
        let path = format!("{}.rest.path", operation.path);
        method(operation, &rest.method, reports);
        let Some(parameters) = parameters(&rest.path) else {
            let problem = reports.at(path, format!("\"{}\" is not a path", rest.path));
            reports.refuse(problem.hint("write \"/orders\" or \"/orders/{id}\""));
            continue;
        };
        let arguments = sent(operation, index);
        for (position, parameter) in parameters.iter().enumerate() {
            if !arguments.contains(parameter) && !arguments.contains(&camel_case(parameter).as_str()) {
                let reason = format!("{{{parameter}}} is not an argument of {}", operation.name);
                reports.refuse(reports.at(&path, reason).nearest(parameter, arguments.iter().copied()));
            } else if parameters[..position].contains(parameter) {
                reports.refuse(reports.at(&path, format!("{{{parameter}}} stands in the path twice")));
            }
        }
        let shape = rest.path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
        let route = (rest.method.clone(), shape.collect::<Vec<_>>().join("/"));
        match routes.get(&route) {
            Some(first) => {
                let reason = format!("{} {} is the route of {} ({})", rest.method, rest.path, first.name, first.path);
                reports.refuse(reports.at(path, reason).hint("give one of them another path"));
            }
            None => drop(routes.insert(route, operation)),
        }
    }
}

/// What a request can say: the arguments, and the fields of a mutation's input.
fn sent<'a>(operation: &'a Operation, index: &Index<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = operation.arguments.iter().map(|argument| argument.name.as_str()).collect();
    for argument in &operation.arguments {
        if let Some(Known::Input(input)) = index.get(argument.ty.innermost()) {
            names.extend(input.fields.iter().map(|field| field.name.as_str()));
        }
    }
    names
}

/// The names in braces; `None` when the path is malformed.
fn parameters(path: &str) -> Option<Vec<&str>> {
    let mut parameters = Vec::new();
    for segment in path.strip_prefix('/')?.split('/') {
        let name = match segment.strip_prefix('{') {
            Some(rest) => {
                let name = rest.strip_suffix('}')?;
                parameters.push(name);
                name
            }
            None => segment,
        };
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
        if name.is_empty() || !is_plain {
            return None;
        }
    }
    Some(parameters)
}

/// A method that may be repeated or cached must not write.
fn method(operation: &Operation, method: &str, reports: &Reports) {
    let allowed: &[&str] = match operation.kind {
        Kind::Query => &["GET", "POST"],
        Kind::Mutation => &["POST", "PUT", "PATCH", "DELETE"],
        Kind::Subscription => &[],
    };
    if !allowed.contains(&method) {
        let kind = if operation.kind == Kind::Query { "query" } else { "mutation" };
        let problem =
            reports.at(format!("{}.rest.method", operation.path), format!("a {kind} cannot be served by \"{method}\""));
        reports.refuse(problem.hint(format!("use {}", allowed.join(", "))));
    }
}
