//! GraphQL: a document, and behind a NUL its variables as JSON. Behind a first byte of 1, the body of a POST; behind
//! a 2, the query string of a GET.
//!
//! A document is refused with errors that have a place, or becomes intents, the same ones every time.

use std::sync::LazyLock;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Map, Value as Json, json};

use super::halves;
use super::statement::{Planner, asked};
use super::wire::{self, answer};
use super::world::{World, world};

pub fn run(data: &[u8]) {
    match data.split_first() {
        Some((1, body)) => sent(Method::POST, "/graphql", body),
        Some((2, query)) => {
            if let Ok(query) = std::str::from_utf8(query) {
                sent(Method::GET, &format!("/graphql?{query}"), b"");
            }
        }
        Some(_) | None => document(data),
    }
}

fn document(data: &[u8]) {
    static PLANNER: LazyLock<Planner<'_>> = LazyLock::new(|| Planner::new(&world().schema, world().callers.clone()));
    let Some((text, variables)) = halves(data) else { return };
    let World { schema, graphql, .. } = world();
    let variables: Map<String, Json> = serde_json::from_str(variables).unwrap_or_default();
    let ask = || graphql.intents(schema, text, variables.clone());
    let all = |intents: &[(String, _)]| intents.iter().map(|(key, intent)| (key.clone(), asked(intent))).collect();
    let (first, again) = (ask(), ask());
    let told: Result<Vec<(String, String)>, &Vec<String>> = first.as_ref().map(|intents| all(intents));
    assert_eq!(told, again.as_ref().map(|intents| all(intents)), "another answer at another time");
    match &first {
        Ok(intents) => intents.iter().for_each(|(_, intent)| PLANNER.check(intent)),
        Err(reasons) => assert!(!reasons.is_empty() && reasons.iter().all(|reason| !reason.is_empty())),
    }
    let body = json!({"query": text, "variables": variables}).to_string();
    sent(Method::POST, "/graphql", body.as_bytes());
}

fn sent(method: Method, target: &str, body: &[u8]) {
    let request = Request::builder().method(method).uri(target).header("content-type", "application/json");
    let Ok(request) = request.body(Body::from(body.to_vec())) else { return };
    let World { graphql, engine, callers, .. } = world();
    let (head, sent) = request.into_parts();
    let answered = answer(target.len() + body.len(), graphql.serve(engine, &callers[1], &head, sent, "fuzzed"));
    let json = answered.json().unwrap_or_else(|| panic!("no JSON is answered: {answered:?}"));
    match &json {
        Json::Array(all) => all.iter().for_each(well_formed),
        one => well_formed(one),
    }
}

/// GraphQL specification, section 7.1.
fn well_formed(json: &Json) {
    let members = json.as_object().unwrap_or_else(|| panic!("no response: {json}"));
    assert!(members.keys().all(|key| ["data", "errors", "extensions"].contains(&key.as_str())), "{json}");
    assert!(members.contains_key("data") || members.contains_key("errors"), "{json}");
    let Some(errors) = members.get("errors") else { return };
    let errors = errors.as_array().filter(|errors| !errors.is_empty()).unwrap_or_else(|| panic!("{json}"));
    for error in errors {
        wire::error(error["extensions"]["code"].as_str(), error["message"].as_str(), json);
        for location in error.get("locations").and_then(Json::as_array).into_iter().flatten() {
            let is_place = |name: &str| location[name].as_u64().is_some_and(|number| number >= 1);
            assert!(is_place("line") && is_place("column"), "{error}");
        }
    }
}
