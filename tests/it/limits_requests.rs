//! What a request may ask for, and what happens when there are too many of them.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::grpc::{Client, details};
use crate::http::{self, graphql};
use crate::limits_connections::{napping, naps};
use crate::metrics::{samples, shed};
use crate::program::eventually;
use crate::service::Api;
use crate::world;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const NDJSON: [(&str, &str); 1] = [("accept", "application/x-ndjson")];

#[tokio::test]
async fn some_wait_for_their_turn_and_the_rest_is_sent_away() {
    let more = "max_concurrent_requests = 2\nmax_queued_requests = 1\nqueue_timeout_ms = 30000\n";
    let (database, api) = naps(more).await;
    let client = Client::of(&api).await;
    let began = Instant::now();
    let nap = graphql("{ naps { id } }", Json::Null);
    let ask = async || http::begin(api.address(), "POST", "/graphql", &JSON, &nap).await.unwrap();
    let running = [ask().await, ask().await];
    assert!(eventually(async || napping(&database).await == 2).await);
    let waiting = ask().await;
    assert!(eventually(async || api.engine().admission().queued() == 1).await);
    let seen = samples(&api).await;
    for (name, value) in [("running", 2.0), ("running_max", 2.0), ("queued", 1.0), ("queued_max", 1.0)] {
        assert_eq!(seen[&format!("fraiseql_admission_{name}")], value, "{name}");
    }

    let by_graphql = api.post(&json!({"query": "{ rows { id } }"}), &[]).await;
    assert_eq!((by_graphql.status, by_graphql.header("retry-after")), (503, Some("1")), "{}", by_graphql.text());
    assert_eq!(by_graphql.json()["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    let by_rest = api.get("/rest/rows").await;
    assert_eq!((by_rest.status, by_rest.header("retry-after")), (503, Some("1")), "{}", by_rest.text());
    assert_eq!(by_rest.json()["error"]["code"], "UNAVAILABLE");
    for method in ["ListRows", "ListRowsPages"] {
        let by_grpc = client.ask(method, json!({})).await.unwrap_err();
        let told = details(&by_grpc);
        assert_eq!(by_grpc.code(), tonic::Code::Unavailable, "{by_grpc:?}");
        assert_eq!((&told["reason"], &told["retry"]), (&json!("UNAVAILABLE"), &json!(true)));
    }
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    let health = HealthClient::new(client.channel.clone()).check(HealthCheckRequest::default()).await;
    assert_eq!(health.unwrap().into_inner().status(), ServingStatus::Serving);
    assert_eq!(shed(&api, "queue_full").await, 4.0);
    assert!(began.elapsed() < Duration::from_secs(20), "nobody waits to be sent away: {:?}", began.elapsed());

    for stream in running.into_iter().chain([waiting]) {
        let reply = http::finish(stream).await.unwrap();
        assert_eq!(reply.json(), json!({"data": {"naps": [{"id": "n"}]}}));
    }
    api.data("{ rows { id } }", Json::Null).await;
    assert_eq!(client.data("ListRows", json!({})).await.len(), 8);
    assert_eq!((api.engine().admission().running(), api.engine().admission().queued()), (0, 0));
    assert_eq!((shed(&api, "queue_full").await, shed(&api, "queue_timeout").await), (4.0, 0.0));
}

#[tokio::test]
async fn nobody_waits_longer_than_the_queue_is_patient() {
    let more = "max_concurrent_requests = 1\nmax_queued_requests = 100\nqueue_timeout_ms = 100\n";
    let (database, api) = naps(more).await;
    let nap = graphql("{ naps { id } }", Json::Null);
    let running = http::begin(api.address(), "POST", "/graphql", &JSON, &nap).await.unwrap();
    assert!(eventually(async || napping(&database).await == 1).await);
    let reply = api.get("/rest/rows").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", reply.text());
    assert_eq!(shed(&api, "queue_timeout").await, 1.0);
    // One that gives up leaves nothing behind.
    drop(running);
    assert!(eventually(async || api.get("/rest/rows").await.status == 200).await);
}

#[tokio::test]
async fn a_stream_has_so_many_rows() {
    let (_database, api) = naps("max_stream_rows = 5\n").await;
    let client = Client::of(&api).await;
    let fits = api.send("GET", "/rest/rows?limit=5", &NDJSON, b"").await;
    assert_eq!(fits.text().lines().count(), 5);
    let long = api.send("GET", "/rest/rows", &NDJSON, b"").await.text();
    let last: Json = serde_json::from_str(long.lines().last().unwrap()).unwrap();
    assert_eq!((long.lines().count(), &last["error"]["code"]), (6, &json!("TOO_COMPLEX")), "{long}");
    assert!(last["error"]["message"].as_str().unwrap().contains("max_stream_rows"), "{last}");
    let cut = http::send(api.address(), "GET", "/rest/rows", &[("accept", "text/csv")], b"").await;
    assert!(cut.is_err(), "{cut:?}");
    assert_eq!(client.data("ListRows", json!({"limit": 5})).await.len(), 5);
    let (code, reason, message) = client.refusal("ListRows", json!({})).await;
    assert_eq!((code, reason.as_str()), (tonic::Code::ResourceExhausted, "TOO_COMPLEX"));
    assert!(message.contains("max_stream_rows"), "{message}");
    // Pages have bounds of their own.
    assert_eq!(api.get("/rest/rows").await.json()["data"].as_array().map(Vec::len), Some(8));
}

#[tokio::test]
async fn documents_and_batches_are_bounded() {
    let more = "[graphql]\nmax_document_bytes = 1024\nbatching = true\nmax_batch_requests = 2\n";
    let (_database, api) = naps(more).await;
    let document = |bytes: usize| format!("{:bytes$}", "{ rows(limit: 1) { id } }");
    assert_eq!(api.data(&document(1024), Json::Null).await["rows"][0]["id"], "1");
    let (code, message) = api.refusal(&document(1025), Json::Null).await;
    assert!(code == "TOO_COMPLEX" && message.contains("max_document_bytes"), "{code}: {message}");
    let batch = |count: usize| json!(vec![json!({"query": document(30)}); count]);
    assert_eq!(api.post(&batch(2), &[]).await.json().as_array().map(Vec::len), Some(2));
    let refused = api.post(&batch(3), &[]).await;
    assert!(refused.status == 400 && refused.text().contains("max_batch_requests"), "{}", refused.text());
}

#[tokio::test]
async fn filters_have_so_many_conditions_on_every_wire() {
    let (_database, api) = world::api_with("[graphql]\nmax_filter_conditions = 6\n").await;
    let client = Client::of(&api).await;
    let conditions = |count: usize| {
        let all: Vec<Json> = (0..count).map(|n| json!({"size": {"neq": 1000 + n}})).collect();
        json!({"and": [{"not": {"or": [{"name": {"eq": "nobody"}}]}}, {"category": {"name": {"neq": "none"}}}, {"and": all}]})
    };
    for (count, fits) in [(4, true), (5, false)] {
        let filter = conditions(count);
        let query = "query ($where: ItemWhereInput) { items(where: $where, limit: 1) { id } }";
        let (_, by_graphql) = api.ask(query, json!({"where": filter})).await;
        assert_eq!(by_graphql["errors"].is_null(), fits, "{by_graphql}");
        let text: String = filter.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
        let by_rest = api.get(&format!("/rest/items?limit=1&filter={text}")).await;
        assert_eq!(by_rest.status, if fits { 200 } else { 400 }, "{}", by_rest.text());
        let by_grpc = client.ask("ListItems", json!({"limit": 1, "where": filter, "readMask": "id"})).await;
        assert_eq!(by_grpc.is_ok(), fits, "{by_grpc:?}");
        if !fits {
            assert_eq!(by_graphql["errors"][0]["extensions"]["code"], "TOO_COMPLEX");
            assert!(by_rest.text().contains("max_filter_conditions") && by_rest.text().contains("TOO_COMPLEX"));
            assert_eq!(by_grpc.unwrap_err().code(), tonic::Code::ResourceExhausted);
        }
    }
}

/// Four times as many clients as are let in: those that are answered are answered soon, and the others told to come
/// back.
#[tokio::test]
async fn who_is_let_in_is_answered_soon_however_many_ask() {
    const CLIENTS: usize = 16;
    let more = "max_concurrent_requests = 4\nmax_queued_requests = 4\n";
    let (_database, api) = naps(more).await;
    let alone = latencies(&api, 1, 400).await.0;
    let (crowded, refused) = latencies(&api, CLIENTS, 100).await;
    assert!(refused > 0, "nobody was sent away");
    assert!(crowded.len() > 100, "{} were let in", crowded.len());
    // The bound is for a machine of its own; this one only shows that nobody waits behind all of the others.
    let (alone, crowded) = (p99(alone), p99(crowded));
    assert!(crowded < alone * 50 + Duration::from_secs(1), "{crowded:?} among many, {alone:?} alone");
}

/// How long each answer took that was one, and how many were refusals.
async fn latencies(api: &Api, clients: usize, requests: usize) -> (Vec<Duration>, usize) {
    let one = async || {
        let (mut answered, mut refused) = (Vec::new(), 0);
        for _ in 0..requests {
            let began = Instant::now();
            let (status, answer) = api.ask("{ rows(limit: 3) { id name } }", Json::Null).await;
            match status {
                200 => {
                    assert_eq!(answer["data"]["rows"].as_array().map(Vec::len), Some(3), "{answer}");
                    answered.push(began.elapsed());
                }
                503 => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                other => panic!("{other}: {answer}"),
            }
        }
        (answered, refused)
    };
    let all = futures_util::future::join_all((0..clients).map(|_| one())).await;
    let refused = all.iter().map(|(_, refused)| refused).sum();
    (all.into_iter().flat_map(|(answered, _)| answered).collect(), refused)
}

fn p99(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[(all.len() * 99 / 100).min(all.len() - 1)]
}
