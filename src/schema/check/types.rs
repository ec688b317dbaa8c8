//! Types and their fields: what they refer to, implement, join and guard.

use std::collections::HashSet;

use super::super::authoring::reader::Reports;
use super::super::authoring::{Argument, Document, Field, Input, Interface, Type, type_ref};
use super::super::model::{TypeOf, TypeRef};
use super::{Index, Known, column_name, fit, is_sql_identifier, relation_name};

pub fn check(document: &Document, index: &Index, reports: &Reports) {
    for ty in &document.types {
        object_type(ty, index, reports);
        ty.fields.iter().for_each(|field| self::field(field, Some(ty), index, reports));
    }
    for interface in &document.interfaces {
        relation_name(interface.sql_source.as_ref(), format!("{}.sql_source", interface.path), reports);
        interface.fields.iter().for_each(|field| self::field(field, None, index, reports));
    }
    unions(document, index, reports);
    for input in &document.inputs {
        input.fields.iter().for_each(|field| argument(field, index, reports));
        input_cycle(input, index, reports);
    }
}

/// The type of an argument or input field, and its default.
pub fn argument(argument: &Argument, index: &Index, reports: &Reports) {
    let name = argument.ty.innermost();
    let path = format!("{}.type", argument.path);
    match index.get(name) {
        _ if name.is_empty() => {}
        Some(known) if known.is_composite() => {
            let problem = reports.at(path, format!("\"{name}\" is an {}: it cannot be sent", known.noun()));
            reports.refuse(problem.hint("declare an input with the fields that a client may send"));
        }
        Some(_) => {
            let default = argument.default.as_ref();
            if let Some(Err(reason)) = default.map(|default| fit(default, &argument.ty, index)) {
                reports.refuse(reports.at(format!("{}.default", argument.path), reason));
            }
        }
        None => reports.refuse(index.unknown(reports.at(path, ""), name)),
    }
}

fn object_type(ty: &Type, index: &Index, reports: &Reports) {
    let at = |key: &str| format!("{}.{key}", ty.path);
    relation_name(ty.sql_source.as_ref(), at("sql_source"), reports);
    column_name(ty.jsonb_column.as_ref(), at("jsonb_column"), reports);
    if let Some(plural) = ty.plural.as_ref().filter(|plural| !type_ref::is_name(plural)) {
        let problem = reports.at(at("plural"), format!("\"{plural}\" is not a GraphQL name"));
        reports.refuse(problem.hint("it names routes and methods: use letters, digits and _"));
    }
    if ty.embedded && ty.sql_source.is_some() {
        let problem = reports.at(at("sql_source"), format!("{} is embedded and cannot have a relation", ty.name));
        reports.refuse(problem.hint("remove \"embedded\" or \"sql_source\""));
    }
    if ty.relay && !ty.fields.iter().any(|field| field.name == "id") {
        reports.refuse(reports.at(at("relay"), format!("{} has no field \"id\", which Relay needs", ty.name)));
    }
    let mut seen = HashSet::new();
    for (position, name) in ty.implements.iter().enumerate() {
        let path = at(&format!("implements[{position}]"));
        match index.get(name) {
            Some(Known::Interface(_)) if !seen.insert(name) => {
                reports.refuse(reports.at(path, format!("{} implements {name} twice", ty.name)));
            }
            Some(Known::Interface(interface)) => implements(ty, interface, &path, index, reports),
            Some(known) => {
                reports.refuse(reports.at(path, format!("\"{name}\" is an {}, not an interface", known.noun())))
            }
            None => reports.refuse(index.unknown(reports.at(path, ""), name)),
        }
    }
}

fn implements(ty: &Type, interface: &Interface, path: &str, index: &Index, reports: &Reports) {
    for wanted in &interface.fields {
        match ty.fields.iter().find(|field| field.name == wanted.name) {
            None => {
                let reason =
                    format!("{} lacks the field \"{}: {}\" of {}", ty.name, wanted.name, wanted.ty, interface.name);
                reports.refuse(reports.at(path, reason).hint("add the field, or do not implement the interface"));
            }
            Some(field) if !is_subtype(&field.ty, &wanted.ty, index) => {
                let reason = format!(
                    "{}.{} is {}, but {}.{} is {}",
                    ty.name, field.name, field.ty, interface.name, wanted.name, wanted.ty
                );
                reports.refuse(reports.at(format!("{}.type", field.path), reason));
            }
            Some(_) => {}
        }
    }
}

/// Whether a field of type `own` may stand where an interface promises `wanted`.
fn is_subtype(own: &TypeRef, wanted: &TypeRef, index: &Index) -> bool {
    if own.nullable && !wanted.nullable {
        return false;
    }
    match (&own.of, &wanted.of) {
        (TypeOf::List(own), TypeOf::List(wanted)) => is_subtype(own, wanted, index),
        (TypeOf::Named(own), TypeOf::Named(wanted)) => {
            let is_member = match (index.get(own), index.get(wanted)) {
                (Some(Known::Type(ty)), Some(Known::Interface(_))) => {
                    ty.implements.iter().any(|name| **name == **wanted)
                }
                (Some(Known::Type(_)), Some(Known::Union(union))) => union.members.iter().any(|name| **name == **own),
                _ => false,
            };
            own == wanted || own.is_empty() || wanted.is_empty() || is_member
        }
        (TypeOf::List(_), TypeOf::Named(_)) | (TypeOf::Named(_), TypeOf::List(_)) => false,
    }
}

fn field(field: &Field, owner: Option<&Type>, index: &Index, reports: &Reports) {
    let at = |key: &str| format!("{}.{key}", field.path);
    let name = field.ty.innermost();
    match index.get(name) {
        _ if name.is_empty() => {}
        Some(Known::Input(_)) => {
            let problem = reports.at(at("type"), format!("\"{name}\" is an input: it can only be sent"));
            reports.refuse(problem.hint("declare a type with the fields that a client may read"));
        }
        Some(known) => {
            let is_nested = field.ty.item().is_some_and(TypeRef::is_list);
            if known.is_composite() && is_nested {
                reports.refuse(reports.at(at("type"), format!("{} is a list of lists of objects", field.ty)));
            }
            join(field, owner, known, reports);
        }
        None => {
            // A relationship has its target under another key than a field its type.
            let key = if field.path.contains("relationships[") { "target_type" } else { "type" };
            reports.refuse(index.unknown(reports.at(at(key), ""), name));
        }
    }
    guards(field, reports);
    if let Some(function) = &field.function {
        relation_name(Some(function), at("function"), reports);
        if field.federation.requires.is_none() {
            let problem = reports.at(at("function"), "a function computes a field from what it \"requires\"");
            reports.refuse(problem.hint("add federation.requires, or expose a column in the view"));
        }
        if field.join.is_some() {
            reports.refuse(reports.at(at("function"), "a joined field cannot be computed by a function as well"));
        }
    }
    if field.federation.override_label.is_some() && field.federation.override_from.is_none() {
        reports.refuse(reports.at(at("federation.override_label"), "a label needs \"override_from\""));
    }
}

/// `requires_scope` and `on_deny`: what a caller without the scope gets.
fn guards(field: &Field, reports: &Reports) {
    let Some(on_deny) = &field.on_deny else { return };
    let at = format!("{}.on_deny", field.path);
    match on_deny.as_str() {
        "reject" => {}
        "mask" if field.ty.nullable => {}
        "mask" => {
            let problem =
                reports.at(&at, format!("a masked field is null for some callers, but its type is {}", field.ty));
            reports.refuse(problem.hint("make the field nullable, or use \"reject\""));
        }
        other => {
            let problem = reports.at(&at, format!("\"{other}\" is not an answer to a missing scope"));
            reports.refuse(problem.nearest(other, ["reject", "mask"]));
        }
    }
    if field.requires_scope.is_none() {
        let problem = reports.at(at, "on_deny says what happens without a scope, but none is required");
        reports.refuse(problem.hint("add \"requires_scope\""));
    }
}

fn join(field: &Field, owner: Option<&Type>, target: Known, reports: &Reports) {
    let Some(columns) = &field.join else { return };
    let at = if field.path.contains("relationships[") { field.path.clone() } else { format!("{}.join", field.path) };
    let name = field.ty.innermost();
    let without_relation = match target {
        Known::Type(ty) => ty.sql_source.is_none(),
        Known::Interface(interface) => interface.sql_source.is_none(),
        Known::Union(_) => true,
        Known::Enum(_) | Known::Input(_) | Known::Scalar => {
            let problem = reports.at(at, format!("a join reaches objects, but the type is {}", field.ty));
            return reports.refuse(problem.hint("remove the join: a value is a column or a key of data"));
        }
    };
    if columns.is_empty() {
        reports.refuse(reports.at(&at, "the join names no columns").hint("write {\"pk_user\": \"fk_user\"}"));
    }
    for column in columns.iter().flat_map(|(this, other)| [this, other]).filter(|name| !is_sql_identifier(name)) {
        column_name(Some(column), at.clone(), reports);
    }
    if without_relation {
        let problem = reports.at(&at, format!("{name} has no relation to join"));
        reports.refuse(problem.hint(format!("give {name} a sql_source, or remove the join to read it from data")));
    }
    if let Some(owner) = owner.filter(|owner| owner.embedded) {
        let problem = reports.at(at, format!("{} is embedded: it has no columns to join from", owner.name));
        reports.refuse(problem.hint("give it a sql_source, or remove the join"));
    }
}

fn unions(document: &Document, index: &Index, reports: &Reports) {
    for union in &document.unions {
        let mut seen = HashSet::new();
        for (position, name) in union.members.iter().enumerate() {
            let path = format!("{}.member_types[{position}]", union.path);
            match index.get(name) {
                Some(Known::Type(_)) if seen.insert(name) => {}
                Some(Known::Type(_)) => reports.refuse(reports.at(path, format!("\"{name}\" is a member twice"))),
                Some(known) => {
                    let reason = format!("\"{name}\" is an {}: a union is made of object types", known.noun());
                    reports.refuse(reports.at(path, reason));
                }
                None => reports.refuse(index.unknown(reports.at(path, ""), name)),
            }
        }
    }
}

/// An input that needs itself through fields which may not be left out can never be sent.
fn input_cycle(input: &Input, index: &Index, reports: &Reports) {
    let mut visited = HashSet::new();
    for field in &input.fields {
        let mut path = vec![input.name.as_str()];
        // Told once per cycle: at its first member in alphabetical order.
        if leads_back(field, input, index, &mut path, &mut visited)
            && path.iter().all(|name| input.name.as_str() <= *name)
        {
            let way = path.join(" → ");
            let reason = format!("{0} needs itself through required fields: {way} → {0}", input.name);
            let problem = reports.at(format!("{}.type", field.path), reason);
            reports.refuse(problem.hint("make one of the fields nullable"));
        }
    }
}

/// `path` grows to the inputs on the way; `visited` holds those that do not lead to the goal.
fn leads_back<'a>(
    field: &'a Argument,
    goal: &Input,
    index: &Index<'a>,
    path: &mut Vec<&'a str>,
    visited: &mut HashSet<&'a str>,
) -> bool {
    let TypeOf::Named(name) = &field.ty.of else { return false };
    let Some(Known::Input(next)) = index.get(name).filter(|_| !field.ty.nullable) else { return false };
    if next.name == goal.name {
        return true;
    }
    if !visited.insert(&next.name) {
        return false;
    }
    path.push(&next.name);
    let leads = next.fields.iter().any(|field| leads_back(field, goal, index, path, visited));
    if !leads {
        path.pop();
    }
    leads
}
