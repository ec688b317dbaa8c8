//! Good schemas and what they become; bad ones and everything that is said about them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Compiled, Project, ProjectEntity, ProjectFederation, Source, compile};
use crate::problem::Problem;
use crate::schema::model::{ArgumentRole, Inject, Model, Returns};

const PUBLISHED: &str = include_str!("../../../tests/samples/published-sdk-2.18.json");
const PRODUCTS: &str = include_str!("../../../tests/samples/products.json");
const ORDERS: &str = include_str!("../../../tests/samples/orders.json");

fn compiled(text: &str, project: &Project) -> Compiled {
    match compile(&Source { file: "schema.json", text }, project) {
        Ok(compiled) => compiled,
        Err(problems) => panic!("{}", shown(&problems)),
    }
}

fn project() -> Project {
    Project { service: "order-service".to_owned(), federation: None }
}

fn model(schema: &Value) -> Model {
    compiled(&schema.to_string(), &project()).model
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// A small good schema with `more` added to its lists and set at its top.
fn shop(more: Value) -> Value {
    let mut schema = json!({
        "types": [
            {"name": "User", "sql_source": "v_user", "fields": [
                {"name": "id", "type": "ID", "nullable": false},
                {"name": "name", "type": "String", "nullable": false},
                {"name": "address", "type": "Address", "nullable": true}]},
            {"name": "Address", "embedded": true, "fields": [{"name": "city", "type": "String", "nullable": true}]}],
        "enums": [{"name": "Color", "values": [{"name": "RED", "value": "red"}, {"name": "BLUE"}]}],
        "input_types": [{"name": "UserInput", "fields": [{"name": "name", "type": "String", "nullable": false}]}],
        "interfaces": [{"name": "Named", "fields": [{"name": "name", "type": "String", "nullable": false}]}],
        "unions": [{"name": "Thing", "member_types": ["User", "Address"]}],
        "queries": [{"name": "users", "return_type": "User", "returns_list": true, "nullable": false, "arguments": []}],
        "mutations": [], "subscriptions": [], "naming_convention": "camelCase"});
    let Value::Object(more) = more else { panic!("an object") };
    for (key, value) in more {
        match (&mut schema[&key], value) {
            (Value::Array(list), Value::Array(items)) => list.extend(items),
            (place, value) => *place = value,
        }
    }
    schema
}

fn a_type(members: Value) -> Value {
    let mut ty = json!({"name": "A", "fields": [{"name": "id", "type": "ID", "nullable": false}]});
    for (key, value) in members.as_object().expect("an object") {
        ty[key] = value.clone();
    }
    shop(json!({"types": [ty]}))
}

fn a_field(members: Value) -> Value {
    let mut field = json!({"name": "x", "type": "String", "nullable": true});
    for (key, value) in members.as_object().expect("an object") {
        field[key] = value.clone();
    }
    a_type(json!({"sql_source": "v_a", "fields": [{"name": "id", "type": "ID", "nullable": false}, field]}))
}

fn a_query(members: Value) -> Value {
    let mut query = json!({"name": "q", "return_type": "User", "returns_list": true, "nullable": false});
    for (key, value) in members.as_object().expect("an object") {
        query[key] = value.clone();
    }
    shop(json!({"queries": [query]}))
}

fn an_argument(members: Value) -> Value {
    let mut argument = json!({"name": "x", "type": "String", "nullable": true});
    for (key, value) in members.as_object().expect("an object") {
        argument[key] = value.clone();
    }
    a_query(json!({"arguments": [argument]}))
}

fn a_mutation(members: Value) -> Value {
    let mut mutation = json!({"name": "m", "return_type": "User", "sql_source": "fn_m", "arguments": []});
    for (key, value) in members.as_object().expect("an object") {
        mutation[key] = value.clone();
    }
    shop(json!({"mutations": [mutation]}))
}

/// Every case under its name, with what is said about it; the golden file is read like code.
fn golden(cases: Vec<(&str, Value)>, project: &Project) -> String {
    let mut out = String::new();
    for (name, schema) in cases {
        let text = serde_json::to_string(&schema).expect("JSON");
        let said = match compile(&Source { file: "schema.json", text: &text }, project) {
            Ok(compiled) if compiled.warnings.is_empty() => "fine\n".to_owned(),
            Ok(compiled) => {
                compiled.warnings.iter().map(|warning| format!("warning: {}\n", without_place(warning))).collect()
            }
            Err(problems) => problems.iter().map(|problem| format!("{}\n", without_place(problem))).collect(),
        };
        write!(out, "--- {name}\n{said}").expect("a string");
    }
    out
}

fn without_place(problem: &Problem) -> Problem {
    Problem { position: None, ..problem.clone() }
}

#[test]
fn the_published_sample_compiles() {
    let Compiled { model, warnings } = compiled(PUBLISHED, &project());
    assert_eq!(shown(&warnings), "");
    insta::assert_json_snapshot!("published_sdk", model);
}

#[test]
fn the_example_of_the_contract_compiles() {
    let Compiled { model, warnings } = compiled(ORDERS, &project());
    assert_eq!(shown(&warnings), "");
    insta::assert_json_snapshot!("orders", model);
}

/// The subgraph of the public compatibility suite, with every directive that it looks at.
#[test]
fn the_products_subgraph_compiles() {
    let Compiled { model, warnings } = compiled(PRODUCTS, &project());
    assert_eq!(shown(&warnings), "");
    let keys = |name: &str| -> Vec<&str> { model.types[name].keys.iter().map(|key| key.fields.as_str()).collect() };
    assert_eq!(keys("Product"), ["id", "sku package", "sku variation { id }"]);
    assert_eq!(keys("ProductResearch"), ["study { caseNumber }"]);
    let average = &model.types["User"].fields["averageProductsCreatedPerYear"];
    assert_eq!(average.federation.requires.as_deref(), Some("totalProductsCreated yearsOfEmployment"));
    assert_eq!(average.function.as_deref(), Some("fn_average_products"));
    assert_eq!(model.queries["deprecatedProduct"].deprecated.as_deref(), Some("Use product query instead"));
    assert!(model.types["Inventory"].interface_object && model.types["User"].extends);
    assert_eq!(model.federation.expect("a federation").service_name, "products");
}

#[test]
fn arguments_of_lists() {
    let roles = |schema: Value, name: &str| -> Vec<String> {
        let model = model(&schema);
        let arguments = model.queries[name].arguments.values();
        arguments.map(|argument| format!("{}: {} {:?}", argument.name, argument.ty, argument.role)).collect()
    };
    let declared = json!([{"name": "limit", "type": "Int", "nullable": false, "default": 20},
        {"name": "tenantId", "type": "ID", "nullable": true, "default": null}]);
    assert_eq!(
        roles(a_query(json!({"auto_params": true, "arguments": declared})), "q"),
        [
            "limit: Int! Limit",
            "tenantId: ID Equal(\"tenant_id\")",
            "where: UserWhereInput Where",
            "orderBy: [UserOrderByInput!] OrderBy",
            "offset: Int Offset",
        ]
    );
    let relay = a_query(json!({"auto_params": {"where": true, "limit": true}, "relay": true, "count": true}));
    assert_eq!(
        roles(relay.clone(), "q"),
        [
            "where: UserWhereInput Where",
            "first: Int First",
            "after: String After",
            "last: Int Last",
            "before: String Before",
        ]
    );
    assert_eq!(roles(relay.clone(), "qCount"), ["where: UserWhereInput Where"]);
    let model = model(&relay);
    assert_eq!((model.queries["q"].returns, model.queries["qCount"].returns), (Returns::Connection, Returns::Count));
    let one = json!({"returns_list": false, "arguments": [{"name": "limit", "type": "Int", "nullable": true}]});
    assert_eq!(roles(a_query(one), "q"), ["limit: Int Equal(\"limit\")"]);
}

#[test]
fn relations_come_from_the_query_else_the_type_else_the_rule() {
    let schema = shop(json!({
        "types": [
            {"name": "OrderLine", "fields": [{"name": "id", "type": "ID"}], "jsonb_column": "doc"},
            {"name": "Entity", "fields": [{"name": "id", "type": "ID"}], "key_fields": ["id"]},
            {"name": "Loose", "fields": [{"name": "id", "type": "ID"}]},
            {"name": "Stub", "fields": [{"name": "id", "type": "ID"}], "keys": [{"fields": "id", "resolvable": false}]},
            {"name": "NotFound", "is_error": true, "sql_source": "v_not_found", "fields": [{"name": "id", "type": "ID"}]}],
        "queries": [
            {"name": "lines", "return_type": "[OrderLine!]!"},
            {"name": "others", "return_type": "User", "returns_list": true, "sql_source": "crm.v_person", "jsonb_column": "d"}]}));
    let model = model(&schema);
    let relation = |name: &str| model.types[name].relation.as_ref().map(|relation| relation.0.as_str());
    assert_eq!(
        ["OrderLine", "Entity", "Loose", "Stub", "NotFound", "Address"].map(relation),
        [Some("v_order_line"), Some("v_entity"), None, None, None, None]
    );
    let source = |name: &str| {
        let query = &model.queries[name];
        (query.source.as_ref().map(|source| source.0.as_str()), query.data_column.as_str(), query.returns)
    };
    assert_eq!(source("users"), (Some("v_user"), "data", Returns::Many));
    assert_eq!(source("lines"), (Some("v_order_line"), "doc", Returns::Many));
    assert_eq!(source("others"), (Some("crm.v_person"), "d", Returns::Many));
}

#[test]
fn claims_are_injected_by_default() {
    let schema = shop(json!({
        "inject_defaults": {"base": {"tenant_id": "jwt:tenant"}, "mutations": {"user_id": "jwt:sub"}},
        "queries": [{"name": "q", "return_type": "User", "inject_params": {"tenant_id": {"source": "jwt", "claim": "org"}}}],
        "mutations": [{"name": "m", "return_type": "User", "sql_source": "fn_m"}]}));
    let model = model(&schema);
    let claims = |inject: &indexmap::IndexMap<String, Inject>| -> Vec<String> {
        inject.iter().map(|(name, Inject::Claim(claim))| format!("{name}={claim}")).collect()
    };
    assert_eq!(claims(&model.queries["users"].inject), ["tenant_id=tenant"]);
    assert_eq!(claims(&model.queries["q"].inject), ["tenant_id=org"]);
    assert_eq!(claims(&model.mutations["m"].inject), ["user_id=sub", "tenant_id=tenant"]);
}

#[test]
fn defaults_are_those_of_the_api() {
    let arguments = json!([{"name": "color", "type": "Color", "nullable": false, "default": "red"},
        {"name": "note", "type": "String", "nullable": true, "default": null}]);
    let model = model(&a_query(json!({"arguments": arguments})));
    let arguments = &model.queries["q"].arguments;
    assert_eq!(arguments["color"].default, Some(json!("RED")));
    assert_eq!(arguments["note"].default, None);
}

#[test]
fn routes_name_arguments() {
    let rest =
        json!({"arguments": [{"name": "userId", "type": "ID"}], "rest": {"path": "/u/{user_id}/x", "method": "post"}});
    let route = model(&a_query(rest)).queries["q"].rest.clone().expect("a route");
    assert_eq!((route.method.as_str(), route.path.as_str()), ("POST", "/u/{userId}/x"));
}

#[test]
fn deprecations_and_scalars_in_every_spelling() {
    let field = |name: &str, more: Value| {
        let mut field = json!({"name": name, "type": "Email", "nullable": true});
        for (key, value) in more.as_object().expect("an object") {
            field[key] = value.clone();
        }
        field
    };
    let directive =
        |arguments: Value| json!({"directives": [{"name": "deprecated", "arguments": arguments}, {"name": "@custom"}]});
    let fields = json!([
        field("a", json!({"deprecated": {"reason": "old"}})),
        field("b", json!({"deprecation": {"reason": "old"}})),
        field("c", json!({"deprecated": {}})),
        field("d", directive(json!({"reason": "old"}))),
        field("e", directive(Value::Null)),
        field("f", json!({"deprecated": null}))
    ]);
    let model = model(&shop(json!({"types": [{"name": "A", "fields": fields}]})));
    let reasons: Vec<_> = model.types["A"].fields.values().map(|field| field.deprecated.as_deref()).collect();
    let none = Some("No longer supported");
    assert_eq!(reasons, [Some("old"), Some("old"), none, Some("old"), none, None]);
    assert_eq!(model.types["A"].fields["d"].directives[0].name, "custom");
    assert!(model.scalars.contains_key("Email"));
}

#[test]
fn inputs_among_types_and_an_undeclared_node() {
    let model = model(&shop(json!({
        "types": [
            {"name": "NewUser", "is_input": true, "sql_source": "v_new_user", "fields": [{"name": "age", "type": "Int", "default": 3}]},
            {"name": "A", "implements": ["Node"], "fields": [{"name": "id", "type": "ID", "nullable": false}]}],
        "mutations": [{"name": "m", "return_type": "Boolean", "sql_source": "fn_m", "operation": "insert",
            "arguments": [{"name": "input", "type": "NewUser!"}]}]})));
    assert_eq!(model.inputs["NewUser"].fields["age"].default, Some(json!(3)));
    assert!(model.interfaces.contains_key("Node"));
    let argument = &model.mutations["m"].arguments["input"];
    assert_eq!((argument.ty.to_string().as_str(), &argument.role), ("NewUser!", &ArgumentRole::Value));
}

#[test]
fn keys_come_from_the_type_the_block_and_the_project() {
    let schema = shop(json!({
        "types": [
            {"name": "Product", "key_fields": ["tenant_id"], "keys": [], "fields": [
                {"name": "tenantId", "type": "ID"}, {"name": "sku", "type": "String"}, {"name": "by", "type": "Maker"}]},
            {"name": "Maker", "extends": true, "fields": [{"name": "id", "type": "ID"},
                {"name": "years", "type": "Int", "federation": {"external": true}},
                {"name": "average", "type": "Int", "function": "fn_average", "federation": {"requires": "years"}}]}],
        "federation": {"enabled": true, "version": "2.3", "shareable_types": ["Address"],
            "compose_directives": [{"name": "@custom", "url": "https://example.com/custom/v1.0", "import": ["@custom"]}],
            "entities": [{"name": "Product", "key_fields": ["sku"]},
                {"name": "Maker", "key_fields": ["id"], "shareable_fields": ["id"]},
                {"name": "Address", "key_fields": ["id"]}]}}));
    let entity = |name: &str, fields: &[&str]| ProjectEntity {
        name: name.to_owned(),
        key_fields: fields.iter().map(|field| field.to_string()).collect(),
        position: Some((9, 1)),
    };
    let entities = vec![entity("Product", &["sku"]), entity("User", &[]), entity("User", &["id"])];
    let federation =
        |enabled| ProjectFederation { enabled, entities: entities.clone(), ..ProjectFederation::default() };
    let project = |enabled| Project { federation: Some(federation(enabled)), ..project() };
    let Compiled { model, warnings } = compiled(&schema.to_string(), &project(None));
    let keys = |model: &Model, name: &str| -> Vec<String> {
        model.types[name].keys.iter().map(|key| key.fields.clone()).collect()
    };
    assert_eq!(keys(&model, "Product"), ["tenantId", "sku"]);
    assert_eq!((keys(&model, "Maker"), keys(&model, "User")), (vec!["id".to_owned()], vec!["id".to_owned()]));
    assert!(keys(&model, "Address").is_empty() && model.types["Address"].shareable);
    assert!(model.types["Maker"].fields["id"].federation.shareable);
    let federation = model.federation.expect("a federation");
    assert_eq!((federation.service_name.as_str(), federation.minor), ("order-service", Some(3)));
    assert_eq!(federation.compose_directives[0].name, "custom");
    let warnings: Vec<_> = warnings.iter().map(|warning| warning.reason.as_str()).collect();
    assert_eq!(warnings, ["Address is left out of the entities: Address has no field \"id\""]);

    let off = compiled(&schema.to_string(), &project(Some(false))).model;
    assert_eq!((&off.federation, keys(&off, "Product")), (&None, vec!["tenantId".to_owned()]));
    assert!(keys(&off, "Maker").is_empty());
}

#[test]
fn a_wrong_entity_of_the_project_is_told_in_its_file() {
    let entity = |name: &str, field: &str| ProjectEntity {
        name: name.to_owned(),
        key_fields: vec![field.to_owned()],
        position: Some((12, 1)),
    };
    let federation = ProjectFederation {
        enabled: Some(true),
        entities: vec![entity("Usr", "id"), entity("User", "nmae"), entity("Address", "city")],
        file: "fraiseql.toml".to_owned(),
        ..ProjectFederation::default()
    };
    let project = Project { federation: Some(federation), ..project() };
    let text = shop(json!({})).to_string();
    let problems = compile(&Source { file: "schema.json", text: &text }, &project).expect_err("wrong entities");
    assert_eq!(
        shown(&problems),
        "fraiseql.toml:12:1: federation.entities[0].name: there is no type \"Usr\"\n  hint: did you mean \"User\"?\n\
         fraiseql.toml:12:1: federation.entities[1].key_fields: the key \"nmae\" of User: User has no field \"nmae\"\n  hint: did you mean \"name\"?\n\
         fraiseql.toml:12:1: federation.entities[2].name: Address is embedded: there is no relation to look the key up in\n  \
         hint: give the type a sql_source\n"
    );
}

#[test]
fn broken_json_has_a_place() {
    let problems = |text: &str| shown(&compile(&Source { file: "schema.json", text }, &project()).expect_err("broken"));
    assert_eq!(
        problems("{\n  \"types\": [\n}"),
        "schema.json:3:1: is not valid JSON: expected value\n  hint: export the schema again\n"
    );
    assert_eq!(problems("[]"), "schema.json: must be an object, not a list\n");
    assert_eq!(
        problems(""),
        "schema.json:1:1: is not valid JSON: EOF while parsing a value\n  hint: export the schema again\n"
    );
}

/// One run tells everything, in the order of the file, each with its line.
#[test]
fn all_problems_come_at_once() {
    let text = r#"{
  "types": [
    {"name": "User", "sqlsource": "v_user", "fields": [
      {"name": "id", "type": "ID", "nullable": "no"},
      {"name": "posts", "type": "list[Post]", "nullable": false},
      {"name": "boss", "type": "Usr", "nullable": true}
    ]},
    {"fields": 3}
  ],
  "queries": [
    {"name": "users", "return_type": "User", "returns_list": true, "sql_source": "v user"},
    {"name": "users", "return_type": "Userr", "name": "users"}
  ],
  "mutation": []
}"#;
    let problems = compile(&Source { file: "schema.json", text }, &project()).expect_err("many problems");
    insta::assert_snapshot!("all_at_once", shown(&problems));
}

/// Every value of the samples replaced by every kind of value: told or taken, never a panic.
#[test]
fn any_value_anywhere_is_answered() {
    fn pointers(value: &Value, at: String, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| pointers(value, format!("{at}/{key}"), out)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, value)| pointers(value, format!("{at}/{index}"), out));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        out.push(at);
    }
    for text in [PUBLISHED, PRODUCTS] {
        let schema: Value = serde_json::from_str(text).expect("JSON");
        let mut places = Vec::new();
        pointers(&schema, String::new(), &mut places);
        for place in &places {
            for value in
                [json!(null), json!(true), json!(3), json!(""), json!("x {"), json!([null]), json!({"a.b": []})]
            {
                let mut changed = schema.clone();
                *changed.pointer_mut(place).expect("a place") = value;
                let text = changed.to_string();
                if let Err(problems) = compile(&Source { file: "schema.json", text: &text }, &project()) {
                    assert!(!problems.is_empty(), "{place}");
                }
            }
        }
    }
}

#[test]
fn a_thousand_types_compile() {
    let mut types = Vec::new();
    let mut queries = Vec::new();
    for number in 0..1000 {
        let mut fields = vec![json!({"name": "id", "type": "ID", "nullable": false})];
        fields
            .extend((0..20).map(|field| json!({"name": format!("field{field}"), "type": "String", "nullable": true})));
        let next = format!("Type{}", (number + 1) % 1000);
        fields.push(json!({"name": "next", "type": next, "nullable": true, "join": {"fk_next": "id"}}));
        types
            .push(json!({"name": format!("Type{number}"), "sql_source": format!("v_type_{number}"), "fields": fields}));
        let query = json!({"name": format!("list{number}"), "return_type": format!("Type{number}"), "returns_list": true,
            "auto_params": true});
        queries.push(query);
    }
    let model = model(&json!({"types": types, "queries": queries}));
    assert_eq!((model.types.len(), model.queries.len()), (1000, 1000));
}

mod refused;
