//! `POST /rest/users/batch-get`: the entity layer over REST, and what its description says.

use serde_json::{Value as Json, json};

use crate::http::Reply;
use crate::service::Api;
use crate::subgraph::{api, api_with, user_id};
use crate::tokens::{AUTH, bearer};

async fn post(api: &Api, path: &str, body: &Json) -> Reply {
    api.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes()).await
}

fn error(reply: &Reply) -> (u16, String, String) {
    let answer = reply.json();
    let text = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
    (reply.status, text("code"), text("message"))
}

#[tokio::test]
async fn rows_in_the_order_of_their_keys() {
    let (_database, api) = api().await;
    let ids =
        json!({"ids": [user_id(3), user_id(1), "00000000-0000-0000-0000-000000000000", user_id(3)], "select": "name"});
    let reply = post(&api, "/rest/users/batch-get", &ids).await;
    let expected = json!({"data": [{"name": "User 3"}, {"name": "User 1"}, null, {"name": "User 3"}]});
    assert_eq!((reply.status, reply.json()), (200, expected));
    let keys = json!({"keys": [{"email": "user2@example.org"}, {"id": user_id(4)}]});
    let path = "/rest/users/batch-get?select=name,posts(title)&posts.limit=1&posts.sort=-title";
    let reply = post(&api, path, &keys).await;
    let posts = |number: usize| json!([{"title": format!("Post {number}.3")}]);
    let expected = json!({"data": [{"name": "User 2", "posts": posts(2)}, {"name": "User 4", "posts": posts(4)}]});
    assert_eq!((reply.status, reply.json()), (200, expected));
    let keys = json!({"keys": [{"sku": "sku2", "package": "odd"}, {"sku": "sku2", "variation": {"id": "v4"}}], "select": "title"});
    let reply = post(&api, "/rest/products/batch-get", &keys).await;
    assert_eq!(reply.json()["data"], json!([{"title": "Product 5"}, {"title": "Product 4"}]), "{}", reply.text());
    // Without a selection everything that is stored here; nothing is computed unasked.
    let reply = post(&api, "/rest/people/batch-get", &json!({"ids": ["person1@example.org"]})).await;
    assert_eq!(reply.json()["data"], json!([{"name": "Person 1"}]), "{}", reply.text());
    let computed = json!({"keys": [{"email": "person1@example.org", "totalProducts": 20, "yearsOfEmployment": 4}], "select": "average"});
    let reply = post(&api, "/rest/people/batch-get", &computed).await;
    assert_eq!(reply.json()["data"], json!([{"average": 5}]), "{}", reply.text());
}

#[tokio::test]
async fn a_bad_key_costs_nobody_else() {
    let (_database, api) = api().await;
    let body = json!({"ids": [user_id(1), "x", null, user_id(2)], "select": "name"});
    let answer = post(&api, "/rest/users/batch-get", &body).await.json();
    assert_eq!(answer["data"], json!([{"name": "User 1"}, null, null, {"name": "User 2"}]));
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors[0], json!({"index": 1, "code": "INVALID_ARGUMENT", "message": "User.id: \"x\" is not a UUID"}));
    assert_eq!((errors.len(), &errors[1]["index"]), (2, &json!(2)));
    let body = json!({"ids": ["parcel1", "parcel2"], "select": "broken"});
    let answer = post(&api, "/rest/parcels/batch-get", &body).await.json();
    assert_eq!(answer["data"], json!([null, null]));
    assert_eq!((&answer["errors"][1]["index"], &answer["errors"][1]["code"]), (&json!(1), &json!("DATA_MISMATCH")));
}

#[tokio::test]
async fn requests_that_make_no_sense() {
    let (_database, api) = api_with("max_body_bytes = 2000\n[federation]\nmax_representations = 10\n").await;
    let users = "/rest/users/batch-get";
    for (path, body, status, code, said) in [
        (users, json!({}), 400, "INVALID_ARGUMENT", "neither is there"),
        (users, json!({"ids": [], "keys": []}), 400, "INVALID_ARGUMENT", "both are there"),
        (users, json!([]), 400, "INVALID_ARGUMENT", "it is []"),
        (users, json!({"ids": "x"}), 400, "INVALID_ARGUMENT", "ids is not a list"),
        (users, json!({"id": []}), 400, "INVALID_ARGUMENT", "neither is there"),
        (users, json!({"ids": [], "slect": "id"}), 400, "INVALID_ARGUMENT", "did you mean \"select\"?"),
        (users, json!({"ids": [], "select": "nme"}), 400, "INVALID_ARGUMENT", "did you mean \"name\"?"),
        (users, json!({"ids": vec!["a"; 11]}), 400, "TOO_COMPLEX", "max_representations"),
        (users, json!({"ids": ["x".repeat(20_000)]}), 413, "PAYLOAD_TOO_LARGE", "max_body_bytes"),
        ("/rest/users/batch-get?limit=3", json!({"ids": []}), 400, "INVALID_ARGUMENT", "limit"),
        ("/rest/researches/batch-get", json!({"ids": []}), 400, "INVALID_ARGUMENT", "no key of one field"),
        ("/rest/posts/batch-get", json!({"ids": []}), 404, "NOT_FOUND", "there is nothing"),
    ] {
        let found = error(&post(&api, path, &body).await);
        assert!(found.0 == status && found.1 == code && found.2.contains(said), "{path} {body}: {found:?}");
    }
    let get = api.get(users).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(api.send("OPTIONS", users, &[], b"").await.status, 204);
    assert_eq!(api.send("POST", users, &[("content-type", "text/plain")], b"{}").await.status, 415);
}

#[tokio::test]
async fn rules_of_identity() {
    let (_database, api) = api_with(AUTH).await;
    let body = json!({"ids": [user_id(1), user_id(2)], "select": "name"}).to_string();
    let ask = |claims: Json| {
        let (api, body) = (&api, body.clone());
        async move {
            let token = bearer(claims);
            let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
            api.send("POST", "/rest/invoices/batch-get", &headers, body.as_bytes()).await
        }
    };
    let reply = ask(json!({"tenant_id": "tenant1"})).await;
    assert_eq!(reply.json()["data"], json!([{"name": "User 1"}, null]));
    assert_eq!(error(&ask(json!({"sub": "x"})).await).1, "FORBIDDEN");
    assert_eq!(error(&post(&api, "/rest/ledgers/batch-get", &json!({"ids": [user_id(1)]})).await).0, 401);
}

#[tokio::test]
async fn the_description_has_it() {
    let (_database, api) = api().await;
    let described = api.get("/rest/openapi.json").await.json();
    let operation = &described["paths"]["/users/batch-get"]["post"];
    assert_eq!(operation["operationId"], "batchGetUsers");
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["properties"]["ids"], json!({"type": "array", "items": {"type": "string"}}));
    let keys = &described["paths"]["/products/batch-get"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        ["properties"]["keys"];
    let variation = json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}});
    assert_eq!(keys["items"]["anyOf"][2]["properties"]["variation"], variation, "{keys:#}");
    assert_eq!(keys["items"]["anyOf"][1]["required"], json!(["sku", "package"]));
    assert!(described["paths"].get("/posts/batch-get").is_none());
    assert!(described["paths"].get("/organizations/batch-get").is_none());
}
