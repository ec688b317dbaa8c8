//! Queries, mutations and subscriptions: what they return, read, take and inject.

use std::collections::HashMap;

use super::super::authoring::reader::Reports;
use super::super::authoring::{Argument, Document, Kind, Operation};
use super::super::compile::role_of;
use super::super::model::{ArgumentRole, Model, TypeOf};
use super::super::name::snake_case;
use super::{Index, Known, column_name, relation_name, types};

pub fn check(document: &Document, index: &Index, reports: &Reports) {
    for operation in document.queries.iter().chain(&document.mutations).chain(&document.subscriptions) {
        relation_name(operation.sql_source.as_ref(), format!("{}.sql_source", operation.path), reports);
        column_name(operation.jsonb_column.as_ref(), format!("{}.jsonb_column", operation.path), reports);
        returned(operation, index, reports);
        injected(operation, index, reports);
        arguments(operation, index, reports);
    }
    for query in &document.queries {
        list(query, index, reports);
    }
    for mutation in document.mutations.iter().filter(|mutation| mutation.sql_source.is_none()) {
        let problem = reports.at(&mutation.path, format!("the mutation {} names no function", mutation.name));
        reports.refuse(problem.hint(format!("add \"sql_source\": \"fn_{}\"", snake_case(&mutation.name))));
    }
}

/// Whether there is something to begin a query with: GraphQL knows no schema without. A subgraph has `_service`.
pub fn rooted(model: &Model, reports: &Reports) {
    if !model.queries.is_empty() {
        return;
    }
    let hint = "export_schema() writes queries, export_types() does not";
    match &model.federation {
        Some(_) => reports.warn(reports.at("queries", "there is no query: only entities can be asked for").hint(hint)),
        None => {
            let reason = "there is no query, and a schema of GraphQL has to have one";
            reports.refuse(reports.at("queries", reason).hint(hint));
        }
    }
}

/// The type that comes back, and for a query the relation that it comes from.
fn returned(operation: &Operation, index: &Index, reports: &Reports) {
    let (item, path) = (&operation.item, format!("{}.return_type", operation.path));
    let relation = match index.get(item) {
        _ if item.is_empty() => return,
        None => return reports.refuse(index.unknown(reports.at(path, ""), item)),
        Some(Known::Input(_)) => {
            let problem = reports.at(path, format!("\"{item}\" is an input: it can only be sent"));
            return reports.refuse(problem.hint("return a type"));
        }
        Some(known @ (Known::Enum(_) | Known::Scalar)) => match operation.kind {
            Kind::Mutation => return,
            Kind::Query | Kind::Subscription => {
                let what = if operation.kind == Kind::Query { "a query" } else { "a subscription" };
                let problem =
                    reports.at(path, format!("{what} returns objects, but {item} is of kind {}", known.noun()));
                return reports.refuse(
                    problem.hint("for a number of rows use \"count\": true on a list, for a value a mutation"),
                );
            }
        },
        Some(Known::Type(ty)) => ty.sql_source.as_ref(),
        Some(Known::Interface(interface)) => interface.sql_source.as_ref(),
        Some(Known::Union(_)) => None,
    };
    if operation.kind == Kind::Query && operation.sql_source.is_none() && relation.is_none() {
        let problem = reports.at(&operation.path, format!("nothing says which relation {} reads", operation.name));
        reports.refuse(problem.hint(format!("add \"sql_source\": \"v_{}\"", snake_case(item))));
    }
}

/// What only lists have: connections, counts, streams, filters.
fn list(query: &Operation, index: &Index, reports: &Reports) {
    let at = |key: &str| format!("{}.{key}", query.path);
    let known = index.get(&query.item);
    for (key, is_set) in [("relay", query.relay), ("count", query.count), ("rest_stream", query.rest_stream)] {
        if is_set && !query.returns_list {
            let problem = reports.at(at(key), format!("\"{key}\" needs a list, but {} returns one object", query.name));
            reports.refuse(problem.hint("set \"returns_list\": true"));
        }
        if is_set && key != "rest_stream" && matches!(known, Some(Known::Union(_))) {
            let reason = format!("\"{key}\" needs the fields of a type or an interface, but {} is a union", query.item);
            reports.refuse(reports.at(at(key), reason));
        }
    }
    let has_id = match known {
        Some(Known::Type(ty)) => ty.fields.iter().any(|field| field.name == "id"),
        Some(Known::Interface(interface)) => interface.fields.iter().any(|field| field.name == "id"),
        Some(Known::Union(_) | Known::Enum(_) | Known::Input(_) | Known::Scalar) | None => true,
    };
    if query.relay && !has_id {
        reports.refuse(reports.at(at("relay"), format!("{} has no field \"id\", which Relay needs", query.item)));
    }
    let auto = query.auto;
    if (auto.filter || auto.order || auto.limit || auto.offset) && !query.returns_list {
        reports.warn(
            reports.at(at("auto_params"), format!("\"auto_params\" has no effect: {} returns one object", query.name)),
        );
    } else if (auto.filter || auto.order) && matches!(known, Some(Known::Union(_))) {
        let reason = format!("where and orderBy are left out: {} is a union, which has no fields", query.item);
        reports.warn(reports.at(at("auto_params"), reason));
    }
}

fn arguments(operation: &Operation, index: &Index, reports: &Reports) {
    let mut roles: HashMap<&str, &str> = HashMap::new();
    for argument in &operation.arguments {
        let name = argument.name.as_str();
        let (expected, role): (&[String], _) = match role_of(operation, name) {
            ArgumentRole::Equal(_) => {
                types::argument(argument, index, reports);
                equality(operation, argument, index, reports);
                continue;
            }
            ArgumentRole::Value => {
                types::argument(argument, index, reports);
                continue;
            }
            ArgumentRole::Where => (&[format!("{}WhereInput", operation.item)], "where"),
            ArgumentRole::OrderBy => {
                let order = format!("{}OrderByInput", operation.item);
                (&[format!("[{order}!]"), format!("[{order}]"), order], "orderBy")
            }
            ArgumentRole::Limit => (&["Int".to_owned()], "limit"),
            ArgumentRole::Offset => (&["Int".to_owned()], "offset"),
            ArgumentRole::First => (&["Int".to_owned()], "first"),
            ArgumentRole::Last => (&["Int".to_owned()], "last"),
            ArgumentRole::After => (&["String".to_owned(), "ID".to_owned()], "after"),
            ArgumentRole::Before => (&["String".to_owned(), "ID".to_owned()], "before"),
        };
        let at = |key: &str| format!("{}.{key}", argument.path);
        let ty = argument.ty.to_string();
        if !argument.ty.innermost().is_empty() && !expected.iter().any(|expected| ty.trim_end_matches('!') == expected)
        {
            let problem =
                reports.at(at("type"), format!("the argument \"{name}\" of a list is {}, not {ty}", expected[0]));
            reports.refuse(problem.hint("give it that type, leave it to \"auto_params\", or rename it"));
        } else if matches!(role, "where" | "orderBy") {
            if argument.default.as_ref().is_some_and(|default| !default.is_null()) {
                reports.refuse(reports.at(at("default"), format!("\"{name}\" takes no default")));
            }
        } else {
            types::argument(argument, index, reports);
        }
        if matches!(role, "after" | "before") && !operation.relay {
            let problem = reports.at(&argument.path, format!("\"{name}\" is a cursor, which only a connection has"));
            reports.refuse(problem.hint("set \"relay\": true, or rename the argument"));
        }
        if matches!(role, "limit" | "offset") && operation.relay {
            let reason = format!("\"{name}\" is left out: a connection is paged with first and after");
            reports.warn(reports.at(&argument.path, reason));
        }
        if let Some(first) = roles.insert(role, name).filter(|first| *first != name) {
            reports.refuse(reports.at(&argument.path, format!("\"{name}\" says the same as \"{first}\"")));
        }
    }
}

/// An argument of a read compares a column, so it cannot be an object.
fn equality(operation: &Operation, argument: &Argument, index: &Index, reports: &Reports) {
    if let Some(Known::Input(input)) = index.get(argument.ty.innermost()) {
        let reason = format!("\"{}\" compares a field, but {} is an input object", argument.name, input.name);
        let hint =
            if operation.returns_list { "use \"auto_params\" for filters" } else { "name one argument per field" };
        reports.refuse(reports.at(format!("{}.type", argument.path), reason).hint(hint));
    }
}

/// A claim must not be something that the request may say as well.
fn injected(operation: &Operation, index: &Index, reports: &Reports) {
    for name in operation.inject.keys() {
        let path = format!("{}.inject_params.{name}", operation.path);
        column_name(Some(name), path.clone(), reports);
        for argument in &operation.arguments {
            let inside = match (&argument.ty.of, index.get(argument.ty.innermost())) {
                (TypeOf::Named(_), Some(Known::Input(input))) => &input.fields[..],
                _ => &[],
            };
            let same = |argument: &&Argument| snake_case(&argument.name) == snake_case(name);
            if let Some(same) = inside.iter().chain([argument]).find(same) {
                let reason = format!("\"{name}\" comes from a claim, but the request may send \"{}\" too", same.name);
                reports.refuse(reports.at(&path, reason).hint(format!("remove \"{}\" ({})", same.name, same.path)));
            }
        }
    }
}
