//! Definitions of custom directives that are used and not declared: read off their uses.

use indexmap::IndexMap;
use serde_json::Value;

use super::super::authoring::{Argument, DirectiveDef, Document};
use super::super::directives::is_specified;
use super::super::model::{Directive, TypeRef};

pub fn define(document: &mut Document) {
    let mut found: IndexMap<String, DirectiveDef> = IndexMap::new();
    let objects = document.types.iter().map(|ty| (ty.path.as_str(), "OBJECT", &ty.directives));
    let interfaces = document.interfaces.iter().flat_map(|interface| &interface.fields);
    let fields = document.types.iter().flat_map(|ty| &ty.fields).chain(interfaces);
    let fields = fields.map(|field| (field.path.as_str(), "FIELD_DEFINITION", &field.directives));
    for (path, location, directives) in objects.chain(fields) {
        for (index, directive) in directives.iter().enumerate() {
            let definition = entry(&mut found, &directive.name, format!("{path}.directives"));
            if !definition.locations.iter().any(|known| known == location) {
                definition.locations.push(location.to_owned());
            }
            definition.repeatable |= directives[..index].iter().any(|other| other.name == directive.name);
            learn(definition, directive);
        }
    }
    for composed in document.federation.iter().flat_map(|federation| &federation.compose_directives) {
        let definition = entry(&mut found, &composed.name, composed.path.clone());
        if definition.locations.is_empty() {
            definition.locations = vec!["OBJECT".to_owned(), "FIELD_DEFINITION".to_owned()];
        }
    }
    let is_declared = |name: &str| document.directives.iter().any(|declared| declared.name == name);
    let undeclared = found.into_values().filter(|it| !is_specified(&it.name) && !is_declared(&it.name));
    let undeclared: Vec<DirectiveDef> = undeclared.collect();
    document.directives.extend(undeclared);
}

fn entry<'f>(found: &'f mut IndexMap<String, DirectiveDef>, name: &str, path: String) -> &'f mut DirectiveDef {
    found.entry(name.to_owned()).or_insert_with(|| DirectiveDef {
        path,
        name: name.to_owned(),
        description: None,
        arguments: Vec::new(),
        repeatable: false,
        locations: Vec::new(),
    })
}

/// The first value of an argument that has a type gives it that type; a fraction widens a whole number.
fn learn(definition: &mut DirectiveDef, directive: &Directive) {
    for (name, value) in &directive.arguments {
        let Some(ty) = type_of(value) else { continue };
        match definition.arguments.iter_mut().find(|argument| argument.name == *name) {
            Some(argument) if is_wider(&ty, &argument.ty) => argument.ty = ty,
            Some(_) => {}
            None => definition.arguments.push(Argument {
                path: definition.path.clone(),
                name: name.clone(),
                ty,
                default: None,
                description: None,
                deprecated: None,
            }),
        }
    }
}

fn is_wider(ty: &TypeRef, other: &TypeRef) -> bool {
    **other.innermost() == *"Int" && **ty.innermost() == *"Float"
}

/// `None` for an object, which no type is made of.
fn type_of(value: &Value) -> Option<TypeRef> {
    let named = |name: &str| Some(TypeRef::named(name, true));
    match value {
        Value::Object(_) => None,
        Value::Bool(_) => named("Boolean"),
        Value::Number(number) if number.as_i64().is_some_and(|int| i32::try_from(int).is_ok()) => named("Int"),
        Value::Number(_) => named("Float"),
        Value::Null | Value::String(_) => named("String"),
        Value::Array(items) => {
            let mut of_items = items.iter().filter_map(type_of);
            let first = of_items.next().unwrap_or(TypeRef::named("String", true));
            let item = of_items.find(|ty| is_wider(ty, &first)).unwrap_or(first);
            Some(TypeRef::list(item, true))
        }
    }
}
