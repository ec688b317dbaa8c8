//! Reading queries, mutations, subscriptions, and what is injected into them.

use indexmap::IndexMap;
use serde_json::Value;

use super::reader::{Object, kind_of};
use super::types::{argument, deprecation};
use super::{AutoArguments, InjectDefaults, Kind, Operation, type_ref};
use crate::schema::model::{Inject, Operation as Verb, RestRoute, TypeOf};

pub fn query(object: &mut Object) -> Operation {
    let mut operation = operation(object, Kind::Query);
    served(object, &mut operation);
    operation.jsonb_column = object.text("jsonb_column");
    operation.auto = auto_arguments(object);
    operation.relay = object.flag("relay");
    operation.count = object.flag("count");
    operation.rest_stream = object.flag("rest_stream");
    object.accept(&["additional_views", "native_columns", "relay_cursor_type"]);
    object.without_effect("cache_ttl_seconds", "answers are never cached; set Cache-Control in a proxy");
    if object.get("read_routing").is_some_and(|routing| routing.as_str() != Some("any")) {
        object.without_effect("read_routing", "every read goes where [database] says");
    }
    operation
}

pub fn mutation(object: &mut Object) -> Operation {
    let mut operation = operation(object, Kind::Mutation);
    served(object, &mut operation);
    operation.verb = verb(object);
    operation.input_as_json = match object.text("input_style").as_deref() {
        None | Some("flatten") => false,
        Some("jsonb") => true,
        Some(other) => {
            let problem =
                object.reports.at(object.path_of("input_style"), format!("\"{other}\" is not an input style"));
            object.reports.refuse(problem.nearest(other, ["flatten", "jsonb"]));
            false
        }
    };
    object.accept(&["invalidates_views", "invalidates_fact_tables", "changelog"]);
    for key in ["changelog_pre_image", "cascade"] {
        object.without_effect(key, "");
    }
    operation
}

pub fn subscription(object: &mut Object) -> Operation {
    let mut operation = operation(object, Kind::Subscription);
    operation.topic = object.text("topic");
    operation.verb = verb(object);
    object.unsafe_to_ignore("requires_actor", "use requires_role on the type");
    operation.requires_role = object.filled_text("requires_role");
    for key in ["filter", "fields"] {
        object.without_effect(key, "");
    }
    operation
}

pub fn inject_defaults(object: &mut Object) -> InjectDefaults {
    InjectDefaults {
        base: injected(object, "base"),
        queries: injected(object, "queries"),
        mutations: injected(object, "mutations"),
    }
}

/// What all three kinds have.
fn operation(object: &mut Object, kind: Kind) -> Operation {
    let name = object.required_text("name");
    let returns_list = object.flag("returns_list");
    let nullable = object.optional_flag("nullable");
    let returned = returned_type(object, kind);
    let parsed = type_ref::parse(&returned);
    if parsed.is_none() && !returned.is_empty() {
        object.refuse("return_type", format!("\"{returned}\" is not a GraphQL type"));
    }
    let list = parsed.as_ref().is_some_and(|ty| matches!(ty.of, TypeOf::List(_)));
    Operation {
        kind,
        path: object.path.clone(),
        name,
        description: object.text("description"),
        deprecated: deprecation(object),
        item: parsed.map(|ty| ty.innermost().to_string()).unwrap_or_default(),
        returns_list: returns_list || list,
        nullable: nullable.unwrap_or(false),
        arguments: object.each("arguments", argument),
        sql_source: None,
        jsonb_column: None,
        auto: AutoArguments::default(),
        relay: false,
        count: false,
        inject: IndexMap::new(),
        requires_role: None,
        rest: None,
        rest_stream: false,
        verb: None,
        input_as_json: false,
        topic: None,
    }
}

/// One SDK writes the type of a subscription as `entity_type`, another as `return_type`.
fn returned_type(object: &mut Object, kind: Kind) -> String {
    if kind != Kind::Subscription {
        return object.required_text("return_type");
    }
    let (entity, returned) = (object.text("entity_type"), object.get("return_type").is_some());
    match entity {
        Some(entity) if !returned => entity,
        Some(entity) => {
            let returned = object.required_text("return_type");
            if returned != entity {
                object.refuse("entity_type", format!("\"{entity}\" contradicts return_type \"{returned}\""));
            }
            returned
        }
        None => object.required_text("return_type"),
    }
}

/// What queries and mutations have, since both are served from SQL.
fn served(object: &mut Object, operation: &mut Operation) {
    operation.sql_source = object.text("sql_source");
    operation.inject = injected(object, "inject_params");
    operation.requires_role = object.filled_text("requires_role");
    object.unsafe_to_ignore("requires_actor", "use requires_role");
    object.unsafe_to_ignore("authorize", "use requires_role");
    let default_method = if operation.kind == Kind::Query { "GET" } else { "POST" };
    operation.rest = object.child("rest", |rest| RestRoute {
        path: rest.required_text("path"),
        method: rest.text("method").map_or_else(|| default_method.to_owned(), |method| method.to_uppercase()),
    });
}

fn auto_arguments(object: &mut Object) -> AutoArguments {
    match object.get("auto_params") {
        None => AutoArguments::default(),
        Some(Value::Bool(all)) => AutoArguments { filter: *all, order: *all, limit: *all, offset: *all },
        Some(_) => object
            .child("auto_params", |auto| AutoArguments {
                filter: auto.flag("where"),
                order: auto.flag("order_by") | auto.flag("orderBy"),
                limit: auto.flag("limit"),
                offset: auto.flag("offset"),
            })
            .unwrap_or_default(),
    }
}

fn verb(object: &mut Object) -> Option<Verb> {
    let verb = object.text("operation")?;
    match verb.to_lowercase().as_str() {
        "create" | "insert" => Some(Verb::Create),
        "update" => Some(Verb::Update),
        "delete" => Some(Verb::Delete),
        "custom" => Some(Verb::Custom),
        _ => {
            let problem = object.reports.at(object.path_of("operation"), format!("\"{verb}\" is not an operation"));
            object.reports.refuse(problem.nearest(&verb, ["CREATE", "INSERT", "UPDATE", "DELETE", "CUSTOM"]));
            None
        }
    }
}

/// `{"tenant_id": {"source": "jwt", "claim": "tenant_id"}}`, or flat: `"jwt:tenant_id"`.
fn injected(object: &mut Object, key: &'static str) -> IndexMap<String, Inject> {
    let (base, reports) = (object.path_of(key), object.reports);
    let mut injected = IndexMap::new();
    for (name, value) in object.entries(key) {
        let path = format!("{base}.{name}");
        let (source, claim) = match value {
            Value::String(flat) => match flat.split_once(':') {
                Some((source, claim)) => (source.to_owned(), claim.to_owned()),
                None => (String::new(), flat.clone()),
            },
            Value::Object(_) => {
                let read = |value: &mut Object| (value.required_text("source"), value.required_text("claim"));
                Object::read(value, path.clone(), reports, read).unwrap_or_default()
            }
            other => {
                reports.refuse(reports.at(path, format!("must be \"jwt:<claim>\", not {}", kind_of(other))));
                continue;
            }
        };
        if source == "jwt" && !claim.is_empty() {
            injected.insert(name.to_owned(), Inject::Claim(claim));
        } else {
            reports.refuse(reports.at(path, "names no claim of the token").hint("write \"jwt:<claim>\""));
        }
    }
    injected
}
