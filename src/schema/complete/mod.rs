//! Settles what the file leaves open: injected claims, entity keys, relations.
//!
//! After this every default stands in the document itself, so that the checks and the conversion
//! need no rule twice.

mod directives;
mod federation;

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::authoring::reader::Reports;
use super::authoring::{Document, Field, Interface, Operation, Type};
use super::compile::Project;
use super::field_set;
use super::model::{FieldFederation, Inject, TypeRef};
use super::name::snake_case;

pub fn complete(document: &mut Document, project: &Project, reports: &Reports) {
    declare_node(document);
    inject(document);
    federation::settle(document, project, reports);
    relations(document);
    directives::define(document);
}

/// SDKs of the family let a type implement Relay's `Node` without declaring it.
fn declare_node(document: &mut Document) {
    let is_declared = document.interfaces.iter().any(|interface| interface.name == "Node");
    let user = document.types.iter().find(|ty| ty.implements.iter().any(|name| name == "Node"));
    if let Some(user) = user.filter(|_| !is_declared) {
        let id = Field {
            path: user.path.clone(),
            name: "id".to_owned(),
            ty: TypeRef::named(Arc::from("ID"), false),
            description: None,
            deprecated: None,
            column: None,
            join: None,
            requires_scope: None,
            on_deny: None,
            function: None,
            federation: FieldFederation::default(),
            directives: Vec::new(),
        };
        let node = Interface {
            path: user.path.clone(),
            name: "Node".to_owned(),
            description: Some("An object with an id.".to_owned()),
            sql_source: None,
            fields: vec![id],
            keys: Vec::new(),
        };
        document.interfaces.push(node);
    }
}

// === impl Type ===

impl Type {
    /// Whether nothing of a type but its keys is this service's own: it is known by what other services say
    /// of it, and what is computed from that. The SDKs write a relation for such types too.
    pub(super) fn lives_elsewhere(&self) -> bool {
        let is_theirs = |field: &Field| field.federation.external || field.function.is_some();
        let of_key = |name: &str| {
            let sets = self.keys.iter().filter_map(|key| field_set::parse(&key.fields).ok());
            sets.flatten().any(|selected| selected.name == name)
        };
        let says_so = self.extends || self.fields.iter().any(is_theirs);
        says_so && !self.keys.is_empty() && self.fields.iter().all(|field| is_theirs(field) || of_key(&field.name))
    }
}

/// What an operation injects itself wins over the defaults. Subscriptions get those for everything:
/// a tenant's rows must not leak through the one kind that nobody thought of.
fn inject(document: &mut Document) {
    let defaults = document.inject_defaults.clone();
    let add = |operations: &mut Vec<Operation>, more: &[&IndexMap<String, Inject>]| {
        for operation in operations {
            for (name, inject) in more.iter().flat_map(|defaults| defaults.iter()) {
                operation.inject.entry(name.clone()).or_insert_with(|| inject.clone());
            }
        }
    };
    add(&mut document.queries, &[&defaults.queries, &defaults.base]);
    add(&mut document.mutations, &[&defaults.mutations, &defaults.base]);
    add(&mut document.subscriptions, &[&defaults.base]);
}

/// A type that rows are asked of has a relation of its own, `v_<type>` unless it says otherwise.
/// The SDKs write that name for error types too, which nobody reads from a relation.
fn relations(document: &mut Document) {
    let of_queries = |without_source: bool| -> HashSet<&str> {
        let asked = document.queries.iter().filter(|query| !without_source || query.sql_source.is_none());
        asked.map(|query| query.item.as_str()).collect()
    };
    let (asked, asked_without_source) = (of_queries(false), of_queries(true));
    let all_fields = document.types.iter().flat_map(|ty| &ty.fields);
    let joined: HashSet<String> =
        all_fields.filter(|field| field.join.is_some()).map(|field| field.ty.innermost().to_string()).collect();
    for ty in &mut document.types {
        if ty.lives_elsewhere() && !asked.contains(ty.name.as_str()) && !joined.contains(&ty.name) {
            ty.sql_source = None;
            continue;
        }
        if ty.is_error && !asked.contains(ty.name.as_str()) {
            ty.sql_source = None;
        }
        let is_entity = ty.keys.iter().any(|key| key.resolvable);
        if ty.sql_source.is_none() && !ty.embedded && (is_entity || asked_without_source.contains(ty.name.as_str())) {
            ty.sql_source = Some(format!("v_{}", snake_case(&ty.name)));
        }
    }
}
