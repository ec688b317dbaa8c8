//! What an anonymous caller may see, and what the wire says besides the answer: CORS, request ids, statuses.

use serde_json::{Value as Json, json};
use tokio::io::AsyncReadExt;

use crate::{http, world};

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
    let allowed = reply.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("grpc-timeout"), "{allowed}");
    let (_database, api) = world::api().await;
    let reply = api.post(&body, &[("origin", "https://app.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), None, "no origin is allowed by default");
    let variables = "cors.origins = [\"*\"]\n[[session_variables]]\nname = \"app.tenant\"\nheader = \"X-Tenant-Id\"\n";
    let (_database, api) = world::api_with(variables).await;
    for path in ["/graphql", "/rest/items"] {
        let reply = api.send("OPTIONS", path, &preflight, b"").await;
        let allowed = reply.header("access-control-allow-headers").unwrap();
        assert!(allowed.ends_with(", x-tenant-id") && allowed.contains("authorization"), "{path}: {allowed}");
    }
}

/// Everything that comes back for HEAD, which is what GET gives without its body.
#[tokio::test]
async fn head() {
    let (_database, api) = world::api().await;
    let asked = |method: &'static str, path: &'static str| {
        let address = api.address();
        async move {
            let mut stream = http::begin(address, method, path, &[("x-request-id", "1")], b"").await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let lines: Vec<&str> = head.lines().filter(|line| !line.starts_with("date:")).collect();
            (lines.join("\n"), body.len())
        }
    };
    for (path, status) in [
        ("/graphql?query={itemsCount}", "200"),
        ("/graphql", "400"),
        ("/graphql?query={nothing}", "200"),
        ("/health", "200"),
        ("/ready", "200"),
        ("/nowhere", "404"),
    ] {
        let (got, body) = asked("GET", path).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")) && body > 0, "{path}: {got}");
        assert_eq!(asked("HEAD", path).await, (got, 0), "{path}");
    }
    let (put, _) = asked("PUT", "/graphql").await;
    assert!(put.starts_with("HTTP/1.1 405 ") && put.contains("allow: GET, HEAD, POST, OPTIONS"), "{put}");
}

#[tokio::test]
async fn compressed_bodies() {
    let (_database, api) = world::api().await;
    let body = b"\x1f\x8b\x08 not read at all";
    for path in ["/graphql", "/rest/items", "/nowhere"] {
        let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
        let reply = api.send("POST", path, &headers, body).await;
        assert_eq!((reply.status, reply.header("accept-encoding")), (415, Some("identity")), "{}", reply.text());
        let text = reply.text();
        assert!(
            text.contains("UNSUPPORTED_MEDIA_TYPE") && text.contains("content-encoding: gzip is not taken"),
            "{text}"
        );
    }
    let plain = api.post(&json!({"query": "{ itemsCount }"}), &[("content-encoding", "identity")]).await;
    assert_eq!(plain.json()["data"]["itemsCount"], 60);
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
