//! What REST says besides the answer: statuses, tags, methods, media types.

use serde_json::{Value as Json, json};
use tokio::io::AsyncReadExt;

use crate::http;
use crate::service::Api;
use crate::world;

#[tokio::test]
async fn tags() {
    let (database, api) = world::api().await;
    for path in ["/rest/items?limit=3", "/rest/itemsCount", "/rest/openapi.json"] {
        let reply = api.get(path).await;
        let tag = reply.header("etag").unwrap().to_owned();
        assert!(tag.starts_with("W/\"") && tag.len() == 20, "{tag}");
        assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
        assert_eq!(reply.header("vary"), Some("Authorization, Accept, Prefer"));
        assert_eq!(api.get(path).await.header("etag"), Some(tag.as_str()), "the same answer has the same tag");
        let held = api.send("GET", path, &[("if-none-match", &format!("\"x\", {tag}"))], b"").await;
        assert_eq!((held.status, held.body.len(), held.header("etag")), (304, 0, Some(tag.as_str())));
        let other = api.send("GET", path, &[("if-none-match", "W/\"0123456789abcdef\"")], b"").await;
        assert_eq!((other.status, other.body), (200, reply.body));
    }
    let before = api.get("/rest/items?limit=3&sort=name").await;
    database.execute("UPDATE tb_item SET size = size + 100");
    let after = api.get("/rest/items?limit=3&sort=name").await;
    assert_ne!(before.header("etag"), after.header("etag"));

    let (_database, untagged) = world::api_with("[rest]\netag = false\n").await;
    let reply = untagged.send("GET", "/rest/items", &[("if-none-match", "*")], b"").await;
    assert_eq!((reply.status, reply.header("etag")), (200, None));
}

/// Everything that comes back for HEAD.
async fn head(api: &Api, path: &str, accept: &str) -> String {
    let mut stream = http::begin(api.address(), "HEAD", path, &[("accept", accept)], b"").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn methods() {
    let (_database, api) = world::api().await;
    let whole = api.get("/rest/items?limit=3").await;
    let head = head(&api, "/rest/items?limit=3", "*/*").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    for name in ["content-type", "etag", "content-length"] {
        assert!(head.contains(&format!("{name}: {}\r\n", whole.header(name).unwrap())), "{name}: {head}");
    }
    assert!(self::head(&api, "/rest/items?limit=x", "*/*").await.starts_with("HTTP/1.1 400 "));
    let stream = self::head(&api, "/rest/items", "text/csv").await;
    assert!(stream.starts_with("HTTP/1.1 200 ") && stream.contains("content-type: text/csv"), "{stream}");
    for path in ["/rest/items", "/rest/openapi.json"] {
        let options = api.send("OPTIONS", path, &[], b"").await;
        assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            let reply = api.send(method, path, &[], b"").await;
            assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{method} {path}");
            assert_eq!(reply.json()["error"]["code"], "METHOD_NOT_ALLOWED");
        }
    }
}

#[tokio::test]
async fn media_types() {
    let (_database, api) = world::api().await;
    let one = api.get("/rest/items?limit=1&select=id").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    for (path, accept, status) in [
        ("/rest/items", "application/json", 200),
        ("/rest/items", "text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("/rest/items", "image/png", 406),
        ("/rest/items", "application/xml, text/plain", 406),
        (&format!("/rest/items/{one}"), "text/csv", 406),
        ("/rest/itemsCount", "application/x-ndjson", 406),
        ("/rest/pets", "text/csv", 406),
        ("/rest/openapi.json", "text/csv", 406),
    ] {
        let reply = api.send("GET", path, &[("accept", accept)], b"").await;
        assert_eq!(reply.status, status, "{path} {accept}: {}", reply.text());
        if status == 406 {
            assert_eq!(reply.json()["error"]["code"], "NOT_ACCEPTABLE");
        }
    }
}

#[tokio::test]
async fn paths_that_are_not_served() {
    let (_database, api) = world::api().await;
    for (path, hint) in [
        ("/rest", "/rest/openapi.json"),
        ("/rest/", "/rest/openapi.json"),
        ("/rest/item", "did you mean /rest/items?"),
        ("/rest/items/", "did you mean /rest/items?"),
        ("/rest/items/a/b", "did you mean /rest/items?"),
        ("/rest/docs", "there is nothing at /rest/docs"),
        ("/restless", "REST at /rest"),
    ] {
        let reply = api.get(path).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!("NOT_FOUND")), "{path}");
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(hint), "{path}: {message}");
    }
    let (_database, off) = world::api_with("[rest]\nenabled = false\n").await;
    assert_eq!(off.get("/rest/items").await.status, 404);
    let (_database, moved) = world::api_with("[rest]\npath = \"/api/v1\"\ndocs = true\n").await;
    let page = moved.get("/api/v1/items?limit=1&select=name").await.json();
    assert_eq!(page["links"]["next"], "/api/v1/items?select=name&limit=1&offset=1");
    let docs = moved.get("/api/v1/docs").await;
    assert!(docs.status == 200 && docs.text().contains("data-openapi=\"/api/v1/openapi.json\""));
    assert_eq!(moved.get("/api/v1/docs/start.js").await.status, 200);
    assert_eq!(moved.get("/api/v1/docs/other.js").await.status, 404);
}

#[tokio::test]
async fn errors_have_one_form() {
    let (_database, api) = world::api().await;
    let reply = api.send("GET", "/rest/items?limit=x", &[("x-request-id", "mine-1")], b"").await;
    assert_eq!(reply.header("x-request-id"), Some("mine-1"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let expected: Json = json!({"error": {
        "code": "INVALID_ARGUMENT",
        "message": "limit takes a whole number of at least 0, not \"x\"",
        "details": {"argument": "limit"},
    }});
    assert_eq!(reply.json(), expected);
    let (_database, small) = world::api_with("max_response_bytes = 2000\n").await;
    let reply = small.get("/rest/items?limit=50").await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("TOO_COMPLEX")), "{}", reply.text());
    let all = small.send("GET", "/rest/items", &[("accept", "application/x-ndjson")], b"").await;
    assert_eq!((all.status, all.text().lines().count()), (200, 60), "a stream is not held in memory");
}

#[tokio::test]
async fn pages_fit_into_the_limit_of_the_engine() {
    let (_database, api) = world::api_with("[graphql]\nmax_page_rows = 7\n").await;
    let page = api.get("/rest/items").await.json();
    assert_eq!((page["data"].as_array().unwrap().len(), &page["meta"]["limit"]), (7, &json!(7)));
    assert!(page["links"]["next"].is_string());
    assert_eq!(api.get("/rest/items?limit=7").await.status, 200);
    assert_eq!(api.get("/rest/items?limit=8").await.json()["error"]["code"], "TOO_COMPLEX");
}
