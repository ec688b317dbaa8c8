//! Reading types, interfaces, unions, enums, inputs and scalars.

use indexmap::IndexMap;
use serde_json::Value;

use super::reader::{Object, kind_of};
use super::{Argument, DirectiveDef, Enum, EnumValue, Field, Input, Interface, Key, Scalar, Type, Union, type_ref};
use crate::schema::model::{Directive, FieldFederation, TypeRef};

pub fn object_type(object: &mut Object) -> Type {
    let name = object.required_text("name");
    let mut fields = object.each_required("fields", field);
    relationships(object, &mut fields);
    object.unsafe_to_ignore("authorize", "use requires_role on the type or requires_scope on its fields");
    object.unsafe_to_ignore("requires_actor", "use requires_role");
    for key in ["hierarchy", "subscribable_tables", "subscribable_pre_image"] {
        object.without_effect(key, "");
    }
    let (deprecated, directives) = marks(object);
    if deprecated.is_some() {
        let reason = "a deprecation has no effect: GraphQL deprecates fields, not types";
        object.reports.warn(object.reports.at(object.path.clone(), reason));
    }
    Type {
        path: object.path.clone(),
        name,
        description: object.text("description"),
        sql_source: object.text("sql_source"),
        jsonb_column: object.text("jsonb_column"),
        embedded: object.flag("embedded"),
        fields,
        implements: object.texts("implements"),
        relay: object.flag("relay"),
        is_error: object.flag("is_error"),
        requires_role: object.filled_text("requires_role"),
        plural: object.text("plural"),
        keys: keys(object),
        extends: object.flag("extends"),
        shareable: object.flag("shareable"),
        inaccessible: object.flag("inaccessible"),
        interface_object: object.flag("interface_object"),
        tags: object.texts("tags"),
        directives,
    }
}

/// Other SDKs write inputs among the types, with whatever keys a type has.
pub fn input_written_as_type(object: &mut Object) -> Input {
    object.accept(&["is_input", "sql_source", "jsonb_column", "embedded", "implements", "relay", "is_error"]);
    input(object)
}

pub fn input(object: &mut Object) -> Input {
    Input {
        path: object.path.clone(),
        name: object.required_text("name"),
        description: object.text("description"),
        fields: object.each_required("fields", argument),
    }
}

pub fn interface(object: &mut Object) -> Interface {
    Interface {
        path: object.path.clone(),
        name: object.required_text("name"),
        description: object.text("description"),
        sql_source: object.text("sql_source"),
        fields: object.each_required("fields", field),
        keys: keys(object),
    }
}

pub fn union(object: &mut Object) -> Union {
    object.require_list("member_types");
    Union {
        path: object.path.clone(),
        name: object.required_text("name"),
        description: object.text("description"),
        members: object.texts("member_types"),
    }
}

pub fn enumeration(object: &mut Object) -> Enum {
    Enum {
        path: object.path.clone(),
        name: object.required_text("name"),
        description: object.text("description"),
        values: object.each_required("values", |value| EnumValue {
            path: value.path.clone(),
            name: value.required_text("name"),
            stored: value.text("value"),
            description: value.text("description"),
            deprecated: deprecation(value),
        }),
    }
}

pub fn scalar(object: &mut Object) -> Scalar {
    if object.get("validation_rules").is_some_and(|rules| !matches!(rules, Value::Array(rules) if rules.is_empty())) {
        let problem = object.reports.at(object.path_of("validation_rules"), "validation rules are not supported");
        object.reports.refuse(problem.hint("use a CHECK constraint or a domain in PostgreSQL"));
    }
    if let Some(base) = object.text("base_type").filter(|base| !["String", "ID"].contains(&base.as_str())) {
        let reason = format!("the base type {base} has no effect: custom scalars travel as text");
        object.reports.warn(object.reports.at(object.path_of("base_type"), reason));
    }
    Scalar {
        path: object.path.clone(),
        name: object.required_text("name"),
        description: object.text("description"),
        specified_by_url: object.text("specified_by_url"),
    }
}

pub fn directive(object: &mut Object) -> DirectiveDef {
    object.require_list("locations");
    DirectiveDef {
        path: object.path.clone(),
        name: object.required_text("name").trim_start_matches('@').to_owned(),
        description: object.text("description"),
        arguments: object.each("arguments", argument),
        repeatable: object.flag("repeatable"),
        locations: object.texts("locations"),
    }
}

pub fn argument(object: &mut Object) -> Argument {
    Argument {
        path: object.path.clone(),
        name: object.required_text("name"),
        ty: type_of(object, "type"),
        default: object.raw("default").cloned(),
        description: object.text("description"),
        deprecated: deprecation(object),
    }
}

/// The reason of a deprecation, for elements that take no other directive.
pub fn deprecation(object: &mut Object) -> Option<String> {
    let (deprecated, directives) = marks(object);
    if let Some(directive) = directives.first() {
        let reason = format!("the directive @{} has no effect here", directive.name);
        object.reports.warn(object.reports.at(object.path_of("directives"), reason));
    }
    deprecated
}

/// A type whose outer null is decided by `nullable`, or by a `!` where that key is missing.
fn type_of(object: &mut Object, key: &'static str) -> TypeRef {
    let nullable = object.optional_flag("nullable");
    let text = object.required_text(key);
    if text.is_empty() {
        return type_ref::unreadable();
    }
    match type_ref::parse(&text) {
        Some(ty) => TypeRef { nullable: nullable.unwrap_or(ty.nullable), ..ty },
        None => {
            let problem = object.reports.at(object.path_of(key), format!("\"{text}\" is not a GraphQL type"));
            object.reports.refuse(problem.hint(
                "write \"User\" or \"[User!]\"; Python text here means that an annotation named something unknown",
            ));
            type_ref::unreadable()
        }
    }
}

fn field(object: &mut Object) -> Field {
    object.unsafe_to_ignore("authorize", "use requires_scope, or requires_role on the type");
    for key in ["hierarchy", "vector_config", "vector_distance"] {
        object.without_effect(key, "");
    }
    let (deprecated, directives) = marks(object);
    Field {
        path: object.path.clone(),
        name: object.required_text("name"),
        ty: type_of(object, "type"),
        description: object.text("description"),
        deprecated,
        column: object.filled_text("column"),
        join: join(object),
        requires_scope: object.filled_text("requires_scope"),
        on_deny: object.text("on_deny"),
        function: object.text("function"),
        federation: object.child("federation", field_federation).unwrap_or_default(),
        directives,
    }
}

fn field_federation(object: &mut Object) -> FieldFederation {
    FieldFederation {
        external: object.flag("external"),
        shareable: object.flag("shareable"),
        inaccessible: object.flag("inaccessible"),
        requires: object.text("requires"),
        provides: object.text("provides"),
        override_from: object.text("override_from"),
        override_label: object.text("override_label"),
        tags: object.texts("tags"),
    }
}

fn join(object: &mut Object) -> Option<Vec<(String, String)>> {
    object.get("join")?;
    let path = object.path_of("join");
    let mut columns = Vec::new();
    for (this, other) in object.entries("join") {
        match other {
            Value::String(other) => columns.push((this.to_owned(), other.clone())),
            value => {
                let reason = format!("must be the other relation's column, not {}", kind_of(value));
                object.reports.refuse(object.reports.at(format!("{path}.{this}"), reason));
            }
        }
    }
    Some(columns)
}

/// `relationships` say the same as joined fields. One that names a declared field gives it its join.
fn relationships(object: &mut Object, fields: &mut Vec<Field>) {
    for relationship in object.each("relationships", relationship).into_iter().flatten() {
        match fields.iter_mut().find(|field| field.name == relationship.name) {
            Some(field) if field.join.is_none() => field.join = relationship.join,
            Some(_) | None => fields.push(relationship),
        }
    }
}

fn relationship(object: &mut Object) -> Option<Field> {
    let target = object.required_text("target_type");
    let (foreign, referenced) = (object.required_text("foreign_key"), object.required_text("referenced_key"));
    let name = object.required_text("name");
    let cardinality = object.required_text("cardinality");
    let description = object.text("description");
    let to_one = TypeRef::named(target.as_str(), true);
    let (ty, pair) = match cardinality.replace('_', "").to_lowercase().as_str() {
        "onetomany" => (TypeRef::list(TypeRef { nullable: false, ..to_one }, false), (referenced, foreign)),
        "manytoone" | "onetoone" => (to_one, (foreign, referenced)),
        "" => return None,
        _ => {
            let problem =
                object.reports.at(object.path_of("cardinality"), format!("\"{cardinality}\" is not a cardinality"));
            object.reports.refuse(problem.nearest(&cardinality, ["OneToMany", "ManyToOne", "OneToOne"]));
            return None;
        }
    };
    Some(Field {
        path: object.path.clone(),
        name,
        ty,
        description,
        deprecated: None,
        column: None,
        join: Some(vec![pair]),
        requires_scope: None,
        on_deny: None,
        function: None,
        federation: FieldFederation::default(),
        directives: Vec::new(),
    })
}

/// `keys`, else the one key of `key_fields`.
fn keys(object: &mut Object) -> Vec<Key> {
    let key_fields = object.texts("key_fields");
    let mut keys = object.each("keys", |key| Key {
        path: key.path_of("fields"),
        fields: key.required_text("fields"),
        resolvable: key.optional_flag("resolvable").unwrap_or(true),
    });
    if keys.is_empty() && !key_fields.is_empty() {
        keys.push(Key { path: object.path_of("key_fields"), fields: key_fields.join(" "), resolvable: true });
    }
    keys
}

/// The reason of a deprecation in any of its spellings, and the other directives.
fn marks(object: &mut Object) -> (Option<String>, Vec<Directive>) {
    let mut directives = object.each("directives", |directive| {
        let name = directive.required_text("name").trim_start_matches('@').to_owned();
        let arguments = directive.entries("arguments").into_iter();
        let arguments: IndexMap<_, _> = arguments.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        Directive { name, arguments }
    });
    let mut deprecated = None;
    for key in ["deprecated", "deprecation"] {
        deprecated = deprecated.or(match object.get(key) {
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(None),
            Some(Value::String(reason)) => Some(Some(reason.clone())),
            Some(_) => object.child(key, |deprecation| deprecation.text("reason")),
        });
    }
    if let Some(index) = directives.iter().position(|directive| directive.name == "deprecated") {
        let reason = directives.remove(index).arguments.swap_remove("reason");
        deprecated = deprecated.or(Some(reason.and_then(|reason| reason.as_str().map(str::to_owned))));
    }
    // The default that the GraphQL specification gives `@deprecated(reason:)`.
    (deprecated.map(|reason| reason.unwrap_or_else(|| "No longer supported".to_owned())), directives)
}
