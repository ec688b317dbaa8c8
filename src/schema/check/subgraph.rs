//! What composition would refuse: said here, where the schema is written, with the field and its selection.

use std::collections::HashSet;

use super::super::authoring::reader::Reports;
use super::super::authoring::{Document, Field, Key, Type};
use super::super::entities::entities;
use super::super::field_set::{self, Selected};
use super::super::model::{FieldFederation, Model};

pub fn check(document: &Document, reports: &Reports) {
    let Some(federation) = &document.federation else { return };
    let used = used(document);
    for ty in &document.types {
        if ty.interface_object && ty.keys.is_empty() {
            let problem = reports.at(&ty.path, format!("{} is an interface object without a key", ty.name));
            reports.refuse(problem.hint("give it the key of the interface, \"key_fields\": [\"id\"]"));
        }
        for field in &ty.fields {
            let place = format!("{}.{}", ty.name, field.name);
            let at = |key: &str, reason: String| reports.at(format!("{}.federation.{key}", field.path), reason);
            requires(ty, field, &place, document, reports);
            provides(field, &place, document, reports);
            if field.federation.external && !used.contains(&(ty.name.as_str(), field.name.as_str())) {
                let problem = at("external", format!("{place} is external and nothing here uses it"));
                reports.refuse(problem.hint("name it in a key, in \"requires\" or in \"provides\", or leave it out"));
            }
            if field.federation.override_from.is_some() && field.federation.override_from == federation.service_name {
                reports.refuse(at("override_from", format!("{place} is taken over from this service itself")));
            }
        }
    }
}

/// Keys that no row of their type shows: they lead through a join that is by something else.
pub fn stored(document: &Document, model: &Model, reports: &Reports) {
    let known = entities(model);
    let is_known = |ty: &Type, key: &Key| {
        known.get(ty.name.as_str()).is_some_and(|it| it.keys.iter().any(|it| it.fields == key.fields))
    };
    for ty in &document.types {
        for key in ty.keys.iter().filter(|key| !is_known(ty, key)) {
            let fields = &key.fields;
            let reason =
                format!("{} is not looked up by \"{fields}\": it stands in another relation, behind a join", ty.name);
            let hint = "join by that very column, or expose the value in the view and name its field";
            reports.refuse(reports.at(&key.path, reason).hint(hint));
        }
    }
}

/// A required field comes from another subgraph: it is external, or stands below a field that is.
fn requires(ty: &Type, field: &Field, place: &str, document: &Document, reports: &Reports) {
    let Some(set) = &field.federation.requires else { return };
    let path = format!("{}.federation.requires", field.path);
    if !ty.keys.iter().any(|key| key.resolvable) {
        let problem = reports.at(&path, format!("{place} requires \"{set}\", but {} has no key", ty.name));
        reports.refuse(problem.hint("what is required arrives with a key: give the type one"));
    }
    for own in own_leaves(&ty.name, &selected(set), document) {
        let problem = reports.at(&path, format!("{place} requires \"{set}\": {own} is not external"));
        reports.refuse(problem.hint(format!("mark {own} \"external\": true; what this service has is not required")));
    }
}

/// A provided field is another subgraph's as well: external in the type that the field returns.
fn provides(field: &Field, place: &str, document: &Document, reports: &Reports) {
    let Some(set) = &field.federation.provides else { return };
    for own in own_leaves(field.ty.innermost(), &selected(set), document) {
        let problem = reports.at(
            format!("{}.federation.provides", field.path),
            format!("{place} provides \"{set}\": {own} is not external"),
        );
        reports
            .refuse(problem.hint(format!("mark {own} \"external\": true; what this service has is always provided")));
    }
}

/// The leaves that this service resolves itself, as `User.name`. Sets that name unknown fields have
/// been reported.
fn own_leaves(type_name: &str, set: &[Selected], document: &Document) -> Vec<String> {
    let Some(ty) = document.types.iter().find(|ty| *ty.name == *type_name) else { return Vec::new() };
    let mut own = Vec::new();
    for selected in set {
        let Some(field) = ty.fields.iter().find(|field| field.name == selected.name) else { continue };
        match (field.federation.external, selected.fields.is_empty()) {
            (true, _) => {}
            (false, true) => own.push(format!("{type_name}.{}", field.name)),
            (false, false) => own.extend(own_leaves(field.ty.innermost(), &selected.fields, document)),
        }
    }
    own
}

/// Every (type, field) that a key, `requires`, `provides` or an interface names.
fn used(document: &Document) -> HashSet<(&str, &str)> {
    let mut used = HashSet::new();
    for ty in &document.types {
        for key in &ty.keys {
            mark(&ty.name, &selected(&key.fields), document, &mut used);
        }
        for field in &ty.fields {
            let FieldFederation { requires, provides, .. } = &field.federation;
            let requires = requires.iter().map(|set| (ty.name.as_str(), set));
            let provides = provides.iter().map(|set| (&**field.ty.innermost(), set));
            for (type_name, set) in requires.chain(provides) {
                mark(type_name, &selected(set), document, &mut used);
            }
        }
        let of_interfaces = document.interfaces.iter().filter(|interface| ty.implements.contains(&interface.name));
        used.extend(of_interfaces.flat_map(|it| &it.fields).map(|field| (ty.name.as_str(), field.name.as_str())));
    }
    used
}

fn mark<'d>(type_name: &str, set: &[Selected], document: &'d Document, used: &mut HashSet<(&'d str, &'d str)>) {
    let is_meant = |ty: &&Type| *ty.name == *type_name || ty.implements.iter().any(|name| *name == *type_name);
    for ty in document.types.iter().filter(is_meant) {
        for selected in set {
            if let Some(field) = ty.fields.iter().find(|field| field.name == selected.name) {
                used.insert((&ty.name, &field.name));
                mark(field.ty.innermost(), &selected.fields, document, used);
            }
        }
    }
}

fn selected(set: &str) -> Vec<Selected> {
    field_set::parse(set).unwrap_or_default()
}
