//! REST routes that operations ask for: well formed, served by the right method, each once.

use std::collections::HashMap;

use super::super::authoring::reader::Reports;
use super::super::authoring::{Document, Kind, Operation};
use super::super::model::Model;
use super::super::name::camel_case;
use super::super::routes::{Method, Route, entity_routes, routes};
use super::{Index, Known};

pub fn check(document: &Document, index: &Index, reports: &Reports) {
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
    }
}

/// Two endpoints behind one method and path. Routes that nobody wrote down are among them, which only a
/// model has, so this comes after every other check has passed.
pub fn conflicts(document: &Document, model: &Model, reports: &Reports) {
    let routes = routes(model);
    let operation = |route: &Route| {
        let operations = if route.is_mutation { &document.mutations } else { &document.queries };
        let is_own = |operation: &&Operation| {
            let counts = operation.count && format!("{}Count", operation.name) == *route.endpoint;
            *operation.name == *route.endpoint || counts
        };
        operations.iter().find(is_own).map(|operation| operation.path.as_str()).unwrap_or_default()
    };
    for (first, second) in super::super::routes::conflicts(&routes) {
        let route = &routes[second.unwrap_or(first)];
        let (method, path) = (route.method.name(), &route.path);
        let (reason, hint) = match second {
            Some(_) => {
                let first = &routes[first];
                let reason = format!(
                    "{method} {path} is the REST route of {} and of {} ({})",
                    route.endpoint,
                    first.endpoint,
                    operation(first)
                );
                (reason, "give one of them another path: \"rest\": {\"path\": \"/…\"}, rest_path in Python")
            }
            None => {
                let reason = format!("{method} {path} is answered by the server itself, not by {}", route.endpoint);
                (reason, "give it another path: \"rest\": {\"path\": \"/…\"}, rest_path in Python")
            }
        };
        reports.refuse(reports.at(operation(route), reason).hint(hint));
    }
    let mut known: HashMap<String, String> = HashMap::new();
    for route in routes.iter().filter(|route| route.method == Method::Post) {
        known.insert(route.path.clone(), route.endpoint.to_string());
    }
    for (path, name) in entity_routes(model) {
        let entity = format!("the entity {name}");
        let Some(first) = known.insert(path.clone(), entity.clone()) else { continue };
        let at = document.types.iter().find(|ty| ty.name == *name).map(|ty| ty.path.as_str()).unwrap_or_default();
        let reason = format!("POST {path} is the REST route of {entity} and of {first}");
        reports.refuse(reports.at(at, reason).hint("give the type another \"plural\", or the other one another path"));
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
