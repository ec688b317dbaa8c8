//! The part of a schema that one caller may use, for `[auth] hide_forbidden`.
//!
//! What is left is a schema like any other: a wire that is built over it does not know what else there is, so that
//! neither its description nor its refusals can tell.

use std::collections::HashSet;

use super::guard::Guard;
use crate::auth::Caller;
use crate::schema::Schema;
use crate::schema::model::{Endpoint, Field, InterfaceDef, Model, OnDeny};
use crate::schema::name::Name;

/// The schema without what is refused to this caller, and without what is only reached through that. A masked
/// field stays: it may be selected.
pub fn visible(schema: &Schema, caller: &Caller) -> Schema {
    let guard = Guard::new(schema, caller);
    let mut model = schema.model().clone();
    model.types.retain(|_, object| guard.object(object).is_ok());
    for object in model.types.values_mut() {
        object.fields.retain(|_, field| is_seen(&guard, field));
    }
    for interface in model.interfaces.values_mut() {
        interface.fields.retain(|_, field| is_seen(&guard, field));
    }
    for endpoints in [&mut model.queries, &mut model.mutations, &mut model.subscriptions] {
        endpoints.retain(|_, endpoint| guard.endpoint(endpoint).is_ok() && guard.has_claims(endpoint));
    }
    let known: HashSet<Name> = names(schema.model());
    while drop_dangling(&mut model, &known) {}
    keep_reachable(&mut model);
    schema.narrowed(model)
}

fn is_seen(guard: &Guard<'_>, field: &Field) -> bool {
    match field.on_deny {
        OnDeny::Mask => true,
        OnDeny::Reject => guard.compare("", field).is_ok(),
    }
}

/// Drops what refers to something that is gone; true when that made more go.
fn drop_dangling(model: &mut Model, known: &HashSet<Name>) -> bool {
    let before = names(model);
    // Scalars are declared nowhere: only what was declared can be gone.
    let there = |name: &Name| !known.contains(name) || before.contains(name);
    for object in model.types.values_mut() {
        object.fields.retain(|_, field| there(field.ty.innermost()));
        object.implements.retain(there);
    }
    let types = &model.types;
    for interface in model.interfaces.values_mut() {
        let InterfaceDef { name, fields, .. } = interface;
        // Whoever implements it must have its fields.
        let implementers = || types.values().filter(|object| object.implements.contains(name));
        fields.retain(|field, def| {
            there(def.ty.innermost()) && implementers().all(|object| object.fields.contains_key(field))
        });
    }
    for union in model.unions.values_mut() {
        union.members.retain(there);
    }
    for endpoints in [&mut model.queries, &mut model.mutations, &mut model.subscriptions] {
        endpoints.retain(|_, endpoint| there(&endpoint.item));
    }
    model.types.retain(|_, object| !object.fields.is_empty());
    model.interfaces.retain(|_, interface| !interface.fields.is_empty());
    model.unions.retain(|_, union| !union.members.is_empty());
    names(model) != before
}

/// Everything that has a name and fields, members or values.
fn names(model: &Model) -> HashSet<Name> {
    let composite = model.types.keys().chain(model.interfaces.keys()).chain(model.unions.keys());
    composite.chain(model.enums.keys()).chain(model.inputs.keys()).cloned().collect()
}

/// Keeps the types that some root field or entity leads to.
fn keep_reachable(model: &mut Model) {
    let mut reached: HashSet<Name> = HashSet::new();
    let mut next: Vec<Name> = Vec::new();
    let endpoints = model.queries.values().chain(model.mutations.values()).chain(model.subscriptions.values());
    for Endpoint { item, arguments, .. } in endpoints {
        next.push(item.clone());
        next.extend(arguments.values().map(|argument| argument.ty.innermost().clone()));
    }
    next.extend(model.types.values().filter(|object| !object.keys.is_empty()).map(|object| object.name.clone()));
    while let Some(name) = next.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        if let Some(object) = model.types.get(&name) {
            next.extend(object.fields.values().map(|field| field.ty.innermost().clone()));
            next.extend(object.implements.iter().cloned());
        }
        if let Some(interface) = model.interfaces.get(&name) {
            next.extend(interface.fields.values().map(|field| field.ty.innermost().clone()));
            let implementers = model.types.values().filter(|object| object.implements.contains(&name));
            next.extend(implementers.map(|object| object.name.clone()));
        }
        if let Some(union) = model.unions.get(&name) {
            next.extend(union.members.iter().cloned());
        }
        if let Some(input) = model.inputs.get(&name) {
            next.extend(input.fields.values().map(|field| field.ty.innermost().clone()));
        }
    }
    model.types.retain(|name, _| reached.contains(name));
    model.interfaces.retain(|name, _| reached.contains(name));
    model.unions.retain(|name, _| reached.contains(name));
    model.enums.retain(|name, _| reached.contains(name));
    model.inputs.retain(|name, _| reached.contains(name));
}
