//! Who sees which entities: roles, scopes, masks and injected claims hold as for every query.

use serde_json::{Value as Json, json};

use crate::service::Api;
use crate::subgraph::{api_with, user_id};
use crate::tokens::{AUTH, bearer};

const ASK: &str = "query($r: [_Any!]!) { _entities(representations: $r) {
    ... on User { name salary } ... on Invoice { name } ... on Ledger { name } } }";

async fn ask(api: &Api, claims: Option<Json>, representations: Json) -> (Json, Vec<(Json, String)>) {
    let token = claims.map(bearer);
    let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", token.as_str())).collect();
    let reply = api.post(&json!({"query": ASK, "variables": {"r": representations}}), &headers).await;
    let mut answer = reply.json();
    assert_eq!(reply.status, 200, "{answer:#}");
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    let errors =
        errors.iter().map(|error| (error["path"][1].clone(), error["extensions"]["code"].as_str().unwrap().to_owned()));
    (answer["data"]["_entities"].take(), errors.collect())
}

fn entity(name: &str, number: usize) -> Json {
    json!({"__typename": name, "id": user_id(number)})
}

#[tokio::test]
async fn masks() {
    let (_database, api) = api_with(AUTH).await;
    let asked = json!([entity("User", 3)]);
    let (data, errors) = ask(&api, None, asked.clone()).await;
    assert_eq!((data, errors), (json!([{"name": "User 3", "salary": null}]), vec![]));
    let (data, _) = ask(&api, Some(json!({"scope": "read:salary"})), asked).await;
    assert_eq!(data, json!([{"name": "User 3", "salary": 3000}]));
}

/// A caller finds by key what he finds by a query: of his own tenant, unless a query without that rule is
/// open to him.
#[tokio::test]
async fn the_rows_of_a_tenant() {
    let (_database, api) = api_with(AUTH).await;
    let asked = json!([entity("Invoice", 1), entity("Invoice", 2), entity("Invoice", 3)]);
    let odd = json!([{"name": "User 1"}, null, {"name": "User 3"}]);
    let (data, errors) = ask(&api, Some(json!({"tenant_id": "tenant1"})), asked.clone()).await;
    assert_eq!((data, errors), (odd.clone(), vec![]));
    let (data, _) = ask(&api, Some(json!({"tenant_id": "tenant0"})), asked.clone()).await;
    assert_eq!(data, json!([null, {"name": "User 2"}, null]));
    let (data, _) = ask(&api, Some(json!({"tenant_id": "tenant1' OR true"})), asked.clone()).await;
    assert_eq!(data, json!([null, null, null]));
    let all = json!([{"name": "User 1"}, {"name": "User 2"}, {"name": "User 3"}]);
    let (data, _) = ask(&api, Some(json!({"roles": ["admin"]})), asked.clone()).await;
    assert_eq!(data, all);
    // Without the claim there is nothing, for him alone and not for the others of the batch.
    let mut more = asked;
    more.as_array_mut().unwrap().push(entity("User", 4));
    for (claims, code) in [(Some(json!({"sub": "x"})), "FORBIDDEN"), (None, "UNAUTHENTICATED")] {
        let (data, errors) = ask(&api, claims, more.clone()).await;
        assert_eq!(data, json!([null, null, null, {"name": "User 4", "salary": null}]));
        let expected: Vec<(Json, String)> = (0..3).map(|at| (json!(at), code.to_owned())).collect();
        assert_eq!(errors, expected);
    }
}

#[tokio::test]
async fn roles_of_types() {
    let (_database, api) = api_with(AUTH).await;
    let asked = json!([entity("User", 1), entity("Ledger", 2)]);
    let (data, errors) = ask(&api, Some(json!({"sub": "x"})), asked.clone()).await;
    assert_eq!(data, json!([{"name": "User 1", "salary": null}, null]));
    assert_eq!(errors, [(json!(1), "FORBIDDEN".to_owned())]);
    let (data, errors) = ask(&api, Some(json!({"roles": ["admin"]})), asked).await;
    assert_eq!((&data[1], errors.len()), (&json!({"name": "User 2"}), 0));
}
