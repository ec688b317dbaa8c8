//! Schemas and the routes that they give.

use serde_json::{Value, json};

use super::routes;
use crate::schema::compile::{Project, Source, compile};

fn check(more: Value, expected: &[&str]) {
    let mut schema = json!({
        "types": [
            {"name": "User", "sql_source": "v_user", "fields": [
                {"name": "id", "type": "ID", "nullable": false},
                {"name": "name", "type": "String", "nullable": false},
                {"name": "age", "type": "Int", "nullable": true}]},
            {"name": "LineItem", "sql_source": "v_line_item", "fields": [
                {"name": "id", "type": "ID", "nullable": false}]},
            {"name": "NotFound", "is_error": true, "fields": [
                {"name": "message", "type": "String", "nullable": false}]}],
        "enums": [], "interfaces": [], "mutations": [], "subscriptions": [], "naming_convention": "camelCase",
        "unions": [{"name": "UserResult", "member_types": ["NotFound", "User"]}],
        "input_types": [
            {"name": "UserInput", "fields": [{"name": "name", "type": "String", "nullable": false}]},
            {"name": "UserChange", "fields": [
                {"name": "id", "type": "ID", "nullable": false},
                {"name": "name", "type": "String", "nullable": true}]}],
        "queries": []});
    for (key, value) in more.as_object().unwrap() {
        schema[key] = value.clone();
    }
    let text = schema.to_string();
    let project = Project { service: "test".to_owned(), federation: None };
    let compiled = compile(&Source { file: "schema.json", text: &text }, &project);
    let found: Vec<String> = match compiled {
        Ok(compiled) => {
            let shown = |route: &super::Route| format!("{} {} {}", route.method.name(), route.path, route.endpoint);
            routes(&compiled.model).iter().map(shown).collect()
        }
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(found, expected);
}

fn list(name: &str, item: &str) -> Value {
    json!({"name": name, "return_type": item, "returns_list": true})
}

fn one(name: &str, item: &str, arguments: &[(&str, &str)]) -> Value {
    let arguments: Vec<Value> = arguments.iter().map(|(name, ty)| json!({"name": name, "type": ty})).collect();
    json!({"name": name, "return_type": item, "nullable": true, "arguments": arguments})
}

fn mutation(name: &str, item: &str, operation: &str, arguments: &[(&str, &str)]) -> Value {
    let mut mutation = one(name, item, arguments);
    mutation["sql_source"] = json!("fn_x");
    mutation["operation"] = json!(operation);
    mutation
}

#[test]
fn queries() {
    check(
        json!({"queries": [
            list("activeUsers", "User"), list("users", "User"), one("me", "User", &[]),
            one("userByName", "User", &[("name", "String")]), one("user", "User", &[("id", "ID")]),
            one("userAgain", "User", &[("id", "ID")])]}),
        &[
            "GET /activeUsers activeUsers",
            "GET /users users",
            "GET /me me",
            "GET /userByName userByName",
            "GET /users/{id} user",
            "GET /userAgain/{id} userAgain",
        ],
    );
    check(json!({"queries": [one("lineItem", "LineItem", &[("id", "ID")])]}), &["GET /line_items/{id} lineItem"]);
    let mut counted = list("users", "User");
    counted["count"] = json!(true);
    counted["rest"] = json!({"path": "/people"});
    check(
        json!({"queries": [counted, one("user", "User", &[("id", "ID")])]}),
        &["GET /people users", "GET /usersCount usersCount", "GET /users/{id} user"],
    );
}

#[test]
fn mutations() {
    let users = list("users", "User");
    check(
        json!({"queries": [users], "mutations": [
            mutation("createUser", "User", "CREATE", &[("input", "UserInput")]),
            mutation("registerUser", "UserResult", "CREATE", &[("input", "UserInput")]),
            mutation("replaceUser", "User", "UPDATE", &[("id", "ID"), ("name", "String"), ("age", "Int")]),
            mutation("deleteUser", "Boolean", "DELETE", &[("id", "ID")]),
            mutation("banUser", "User", "CUSTOM", &[("id", "ID")]),
            mutation("importUsers", "User", "CUSTOM", &[("input", "UserInput")]),
            mutation("logIn", "Boolean", "CUSTOM", &[("name", "String")])]}),
        &[
            "GET /users users",
            "POST /users createUser",
            "POST /users/register registerUser",
            "PUT /users/{id} replaceUser",
            "PATCH /users/{id} replaceUser",
            "DELETE /users/{id} deleteUser",
            "POST /users/{id}/ban banUser",
            "POST /users/import importUsers",
            "POST /log-in logIn",
        ],
    );
    check(
        json!({"queries": [users], "mutations": [
            mutation("updateUser", "User", "UPDATE", &[("input", "UserChange")]),
            mutation("renameUser", "User", "UPDATE", &[("id", "ID"), ("name", "String")])]}),
        &[
            "GET /users users",
            "PATCH /users/{id} updateUser",
            "PATCH /users/{id}/update updateUser",
            "PATCH /users/{id}/rename renameUser",
        ],
    );
}

#[test]
fn conflicts_name_both() {
    let at = |mut query: Value, path: &str| {
        query["rest"] = json!({"path": path});
        query
    };
    check(
        json!({"queries": [
            list("users", "User"), at(list("people", "User"), "/users"), list("docs", "User"),
            one("user", "User", &[("id", "ID")]), at(one("byName", "User", &[("name", "String")]), "/users/{name}")]}),
        &[
            "schema.json:1:848: queries[1]: GET /users is the REST route of people and of users (queries[0])\n  \
             hint: give one of them another path: \"rest\": {\"path\": \"/…\"}, rest_path in Python",
            "schema.json:1:932: queries[2]: GET /docs is answered by the server itself, not by docs\n  \
             hint: give it another path: \"rest\": {\"path\": \"/…\"}, rest_path in Python",
            "schema.json:1:1082: queries[4]: GET /users/{name} is the REST route of byName and of user (queries[3])\n  \
             hint: give one of them another path: \"rest\": {\"path\": \"/…\"}, rest_path in Python",
        ],
    );
}
