//! What an anonymous caller may see, and what the wire says besides the answer: CORS, request ids, statuses.

use serde_json::{Value as Json, json};

use crate::world;

#[tokio::test]
async fn guarded_fields() {
    let (_database, api) = world::api().await;
    let masked = json!({"secrets": [{"name": "Secret 1", "masked": null, "inner": {"open": "o", "masked": null}}]});
    let query = "{ secrets(limit: 1, orderBy: [{name: ASC}]) { name masked inner { open masked } } }";
    assert_eq!(api.data(query, Json::Null).await, masked);
    let data = api.data("{ secretsPaged(first: 1) { edges { node { masked } } } }", Json::Null).await;
    assert_eq!(data["secretsPaged"]["edges"][0]["node"], json!({"masked": null}));
    // What may not be seen may not be found out by a filter or an order either.
    for query in [
        "{ secrets { rejected } }",
        "{ secrets { name inner { rejected } } }",
        "{ secretsPaged { edges { node { rejected } } } }",
        "{ secrets(where: {rejected: {eq: \"x\"}}) { name } }",
        "{ secrets(where: {masked: {eq: \"x\"}}) { name } }",
        "{ secrets(where: {not: {or: [{masked: {isNull: true}}]}}) { name } }",
        "{ secrets(where: {inner: {masked: {eq: \"m\"}}}) { name } }",
        "{ secrets(orderBy: [{masked: ASC}]) { name } }",
        "{ secrets(orderBy: [{rejected: ASC}]) { name } }",
        "{ secretsPaged(orderBy: [{masked: ASC}]) { edges { cursor } } }",
        "{ secretsPaged(where: {masked: {eq: \"x\"}}) { totalCount } }",
        "{ tenantSecrets { name } }",
        "{ adminSecrets { name } }",
    ] {
        let (code, message) = api.refusal(query, Json::Null).await;
        assert_eq!(code, "UNAUTHENTICATED", "{query}: {message}");
        assert!(message.contains("token"), "{message}");
    }
    let (status, answer) = api.ask("{ adminSecrets { name } itemsCount }", Json::Null).await;
    assert!([200, 401].contains(&status), "{answer}");
}

#[tokio::test]
async fn origins() {
    let (_database, api) = world::api_with("cors.origins = [\"https://app.example\"]\n").await;
    let body = json!({"query": "{ __typename }"});
    let allowed = api.post(&body, &[("origin", "https://app.example")]).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(allowed.header("vary"), Some("origin"));
    let other = api.post(&body, &[("origin", "https://evil.example")]).await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, None));
    let preflight = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let reply = api.send("OPTIONS", "/graphql", &preflight, b"").await;
    assert_eq!(reply.status, 204);
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    assert!(reply.header("access-control-allow-headers").unwrap().contains("content-type"));
    let (_database, api) = world::api().await;
    let reply = api.post(&body, &[("origin", "https://app.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), None, "no origin is allowed by default");
}

#[tokio::test]
async fn request_ids() {
    let (_database, api) = world::api().await;
    let body = json!({"query": "{ __typename }"});
    let given = api.post(&body, &[("x-request-id", "abc-123.4:5_6")]).await;
    assert_eq!(given.header("x-request-id"), Some("abc-123.4:5_6"));
    let long = "x".repeat(200);
    let mut made = std::collections::HashSet::new();
    for odd in ["", "<script>", "a b", &long] {
        let reply = api.post(&body, &[("x-request-id", odd)]).await;
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert!((16..60).contains(&id.len()) && id != odd, "{odd} is taken over");
        assert!(made.insert(id), "ids are given once");
    }
    let id = api.get("/nowhere").await.header("x-request-id").unwrap().to_owned();
    assert!(made.insert(id));
}

#[tokio::test]
async fn what_operators_look_at() {
    let (_database, api) = world::api().await;
    let health = api.get("/health").await;
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["status"], "ok");
    assert_eq!(health.json()["schema_hash"].as_str().unwrap().len(), 64);
    assert_eq!((api.get("/ready").await.status, api.get("/ready").await.json()), (200, json!({"status": "ready"})));
    let nowhere = api.get("/nowhere").await;
    assert_eq!((nowhere.status, &nowhere.json()["error"]["code"]), (404, &json!("NOT_FOUND")));
    assert_eq!(api.get("/graphqlx").await.status, 404);
    assert_eq!(api.get("/").await.status, 404);
}
