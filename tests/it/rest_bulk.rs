//! Lines of rows over REST: more than a body may have, each for itself, and whoever sends them slowly.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{self, Database};
use crate::http::Reply;
use crate::rest_writes::api;
use crate::service::Api;
use crate::writing::ANN;

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

async fn send(api: &Api, path: &str, headers: &[(&str, &str)], lines: &str) -> Reply {
    let headers: Vec<_> = [NDJSON].iter().chain(headers).copied().collect();
    api.send("POST", path, &headers, lines.as_bytes()).await
}

async fn count(database: &Database) -> i64 {
    harness::ask(&database.url(), "SELECT count(*) FROM tb_user").await.unwrap()
}

fn people(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| json!({"name": format!("u{n}"), "email": format!("u{n}@example.com")}).to_string()).collect()
}

#[tokio::test]
async fn more_lines_than_a_body_may_have() {
    let (database, api) = api("max_body_bytes = 2000\n").await;
    let lines = people(0..3000).join("\n");
    assert!(lines.len() > 100_000);
    let made = send(&api, "/rest/users?select=name", &[], &lines).await;
    assert_eq!((made.status, made.header("x-rows-affected")), (201, Some("3000")), "{}", made.text());
    let answer = made.json();
    assert_eq!((&answer["meta"], answer["data"].as_array().unwrap().len()), (&json!({"affected": 3000}), 3000));
    assert_eq!((&answer["data"][0]["name"], &answer["data"][2999]["name"]), (&json!("u0"), &json!("u2999")));
    let minimal = send(&api, "/rest/users", &[("prefer", "return=minimal")], &people(3000..3500).join("\n")).await;
    assert_eq!((minimal.status, minimal.text().len(), minimal.header("x-rows-affected")), (201, 0, Some("500")));
    assert_eq!(count(&database).await, 3502);
    // In batches, not one transaction for each.
    let transactions = "SELECT count(DISTINCT xmin::text) FROM tb_user";
    assert!(harness::ask(&database.url(), transactions).await.unwrap() < 700);
    for (what, status, part) in [
        (format!("{{\"name\": \"{}\"}}", "x".repeat(2000)), 413, "line 3 is larger than 2000 bytes"),
        ("x".repeat(10_000), 413, "line 3 is larger than 2000 bytes"),
    ] {
        let lines = format!("\n{}\n{what}", people(5000..5001)[0]);
        let long = send(&api, "/rest/users", &[], &lines).await;
        assert_eq!((long.status, &long.json()["error"]["code"]), (status, &json!("PAYLOAD_TOO_LARGE")));
        assert!(long.text().contains(part) && long.text().contains("were written before"), "{}", long.text());
        database.execute("DELETE FROM tb_user WHERE name = 'u5000'");
    }
}

#[tokio::test]
async fn lines_that_fail_are_named_and_leave_the_others_alone() {
    let (database, api) = api("").await;
    let mut lines = people(0..900);
    lines[0] = "{\"name\": \"x\"}".to_owned();
    lines[100] = "{\"name\": \"x\", ".to_owned();
    lines[200] = "[]".to_owned();
    lines[300] = String::new();
    lines[400] = json!({"name": "nobody", "email": "n"}).to_string();
    lines[500] = json!({"name": "x", "email": "ann@example.com"}).to_string();
    lines[600] = json!({"name": "x", "email": "x", "age": 3_000_000_000_i64}).to_string();
    let refused = send(&api, "/rest/users?select=name", &[], &lines.join("\n")).await;
    let error = refused.json()["error"].clone();
    assert_eq!((refused.status, &error["code"]), (400, &json!("INVALID_ARGUMENT")), "{error}");
    assert_eq!(error["message"], "line 1: input.email is missing; it is String!");
    let details = &error["details"];
    assert_eq!((&details["affected"], &details["failed"]), (&json!(893), &json!(6)));
    let told: Vec<(u64, &str)> = details["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["line"].as_u64().unwrap(), l["code"].as_str().unwrap()))
        .collect();
    let mut told = told;
    told.sort_unstable();
    let invalid = "INVALID_ARGUMENT";
    let expected =
        [(1, invalid), (101, invalid), (201, invalid), (401, "VALIDATION_FAILED"), (501, "CONFLICT"), (601, invalid)];
    assert_eq!(told, expected);
    assert_eq!(count(&database).await, 895);
    // A lone line that fails, and more than the client wants to touch.
    let lone = send(&api, "/rest/users", &[], &json!({"name": "nobody", "email": "n"}).to_string()).await;
    assert_eq!((lone.status, &lone.json()["error"]["details"]["failed"]), (422, &json!(1)), "{}", lone.text());
    let few = send(&api, "/rest/users", &[("prefer", "max-affected=3")], &people(1000..1010).join("\n")).await;
    assert_eq!((few.status, &few.json()["error"]["code"]), (400, &json!("TOO_COMPLEX")));
    let before = few.json()["error"]["details"]["affected"].as_i64().unwrap();
    assert!(before <= 3, "{}", few.text());
    assert_eq!(count(&database).await, 895 + before);
    let none = send(&api, "/rest/users", &[], "\n\n").await;
    assert_eq!((none.status, none.json()), (201, json!({"data": [], "meta": {"affected": 0}})));
}

#[tokio::test]
async fn under_a_key_or_tried_out_lines_are_one_transaction() {
    let (database, api) = api("max_body_bytes = 3000\n").await;
    let dry = send(&api, "/rest/users", &[("prefer", "tx=rollback, return=minimal")], &people(0..5).join("\n")).await;
    assert_eq!((dry.status, dry.header("x-rows-affected")), (201, Some("5")), "{}", dry.text());
    assert_eq!(count(&database).await, 2);
    let key = [("idempotency-key", "1")];
    let mut lines = people(0..5);
    lines[3] = json!({"name": "nobody", "email": "n"}).to_string();
    assert_eq!(send(&api, "/rest/users", &key, &lines.join("\n")).await.status, 422);
    assert_eq!(count(&database).await, 2);
    for again in [None, Some("replayed=true")] {
        let made = send(&api, "/rest/users", &key, &people(0..5).join("\n")).await;
        assert_eq!((made.status, made.header("idempotency-key")), (201, again), "{}", made.text());
    }
    assert_eq!(count(&database).await, 7);
    let long = send(&api, "/rest/users", &[("idempotency-key", "2")], &people(0..500).join("\n")).await;
    assert_eq!((long.status, &long.json()["error"]["code"]), (413, &json!("PAYLOAD_TOO_LARGE")));
    lines[3] = "{".to_owned();
    let bad = send(&api, "/rest/users", &[("idempotency-key", "2")], &lines.join("\n")).await;
    assert!(bad.text().contains("line 4: the body is not JSON"), "{}", bad.text());
    let patched = api.send("PATCH", &format!("/rest/users/{ANN}"), &[NDJSON], b"{\"age\": 1}\n{\"age\": 2}").await;
    assert_eq!((patched.status, count(&database).await), (400, 7));
}

/// A client that sends a part of its lines and waits; what the server says, if it says anything.
async fn slowly(address: SocketAddr, lines: &str, length: usize, wait: Duration) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /rest/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-ndjson\r\nprefer: return=minimal\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (one, other) = lines.split_at(lines.len() / 2);
    stream.write_all(one.as_bytes()).await.unwrap();
    tokio::time::sleep(wait).await;
    stream.write_all(other.as_bytes()).await.unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said).await;
    said
}

#[tokio::test]
async fn a_client_may_take_its_time_but_not_for_ever() {
    let (database, api) = api("request_timeout_ms = 300\nstream_idle_timeout_ms = 3000\n").await;
    let lines = people(0..200).join("\n");
    // Longer than a request may take, and never silent for long.
    let said = slowly(api.address(), &lines, lines.len(), Duration::from_millis(800)).await;
    assert!(said.starts_with("HTTP/1.1 201") && said.contains("x-rows-affected: 200"), "{said}");
    // One that promises more than it sends.
    let lines = people(200..400).join("\n");
    let said = slowly(api.address(), &lines, lines.len() + 1000, Duration::ZERO).await;
    assert!(said.starts_with("HTTP/1.1 504") && said.contains("stream_idle_timeout_ms"), "{said}");
    let details: Json = serde_json::from_str(said.split("\r\n\r\n").last().unwrap()).unwrap();
    assert_eq!(count(&database).await, 202 + details["error"]["details"]["affected"].as_i64().unwrap());
}
