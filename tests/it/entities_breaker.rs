//! Circuit breakers of entities: what opens them, what an open one answers, and how it closes.

use std::time::{Duration, Instant};

use fraiseql::dev::postgres::{Options, PrivatePostgres};
use serde_json::{Value as Json, json};

use crate::harness::crate_path;
use crate::http::Reply;
use crate::program::eventually;
use crate::service::Api;
use crate::subgraph::{api_with, schema, user_id};

const ASK: &str =
    "query($r: [_Any!]!) { _entities(representations: $r) { ... on User { name } ... on Parcel { label } } }";

const TIGHT: &str = "[database]\nstatement_timeout_ms = 400\nconnect_timeout_ms = 400\n\
     [federation.circuit_breaker]\nfailure_threshold = 3\nrecovery_timeout_secs = 2\nsuccess_threshold = 2\n";

fn own_postgres() -> PrivatePostgres {
    let postgres = PrivatePostgres::start(Options { durable: false, ..Options::default() }).unwrap();
    postgres.create_database("own", None).unwrap();
    postgres.load("own", &[crate_path("tests/it/subgraph/tables.sql")]).unwrap_or_else(|problem| panic!("{problem}"));
    postgres.execute("own", "CHECKPOINT").unwrap();
    postgres
}

fn users() -> Json {
    json!([{"__typename": "User", "id": user_id(1)}])
}

fn parcels() -> Json {
    json!([{"__typename": "Parcel", "id": "parcel1"}])
}

async fn ask(api: &Api, representations: &Json) -> Reply {
    api.post(&json!({"query": ASK, "variables": {"r": representations}}), &[]).await
}

fn code(answer: &Json) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

/// The gauge of an entity.
async fn state(api: &Api, entity: &str) -> u32 {
    let reply = api.get("/metrics").await;
    assert_eq!(reply.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = reply.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let start = format!("fraiseql_federation_circuit_breaker_state{{entity=\"{entity}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

/// Fails until the breaker is open; the codes on the way.
async fn open(api: &Api, representations: &Json) -> Vec<String> {
    let mut codes = Vec::new();
    for _ in 0..3 {
        let reply = ask(api, representations).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        codes.push(code(&reply.json()).to_owned());
    }
    codes
}

fn check_open(reply: &Reply) {
    let answer = reply.json();
    assert_eq!((reply.status, code(&answer)), (503, "CIRCUIT_BREAKER_OPEN"), "{answer:#}");
    let secs: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&secs), "{secs}");
    assert_eq!(answer["errors"][0]["extensions"]["retryAfter"], secs);
    assert!(answer.get("data").is_none(), "{answer}");
    // Once for all that are asked for, if they are of one type.
    assert_eq!((answer["errors"].as_array().unwrap().len(), &answer["errors"][0]["path"]), (1, &json!(["_entities"])));
}

/// Asks until the breaker is closed.
async fn close(api: &Api, representations: &Json) {
    let is_closed = || async {
        ask(api, representations).await;
        state(api, "User").await == 0
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_closed().await {
        assert!(Instant::now() < deadline, "the breaker never closes");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let reply = ask(api, representations).await;
    assert_eq!((reply.status, code(&reply.json())), (200, "none"), "{}", reply.text());
}

#[tokio::test]
async fn a_database_that_is_stopped() {
    let mut postgres = own_postgres();
    let api = Api::at(&postgres.url("own"), &schema(), TIGHT).await;
    for entity in ["User", "Parcel", "Book", "Organization"] {
        assert_eq!(state(&api, entity).await, 0, "{entity}");
    }
    assert_eq!(code(&ask(&api, &users()).await.json()), "none");
    postgres.kill().unwrap();
    assert_eq!(open(&api, &users()).await, ["UNAVAILABLE"; 3]);
    assert_eq!((state(&api, "User").await, state(&api, "Parcel").await), (1, 0));
    check_open(&ask(&api, &users()).await);
    // Queries are not guarded, nor are other entities.
    let (_, answer) = api.ask("{ users(limit: 1) { name } }", Json::Null).await;
    assert_eq!(code(&answer), "UNAVAILABLE");
    assert_eq!(code(&ask(&api, &parcels()).await.json()), "UNAVAILABLE");
    // A probe that fails opens it again.
    assert!(eventually(async || ask(&api, &users()).await.status == 200).await, "no probe is let through");
    assert_eq!(state(&api, "User").await, 1);
    postgres.restart().unwrap();
    close(&api, &users()).await;
}

#[tokio::test]
async fn a_database_that_hangs() {
    let mut postgres = own_postgres();
    let api = Api::at(&postgres.url("own"), &schema(), TIGHT).await;
    assert_eq!(code(&ask(&api, &users()).await.json()), "none");
    postgres.pause().unwrap();
    let codes = open(&api, &users()).await;
    assert!(codes.iter().all(|code| code == "TIMEOUT" || code == "UNAVAILABLE"), "{codes:?}");
    let asked = Instant::now();
    let reply = ask(&api, &users()).await;
    assert!(asked.elapsed() < Duration::from_millis(300), "an open breaker answers at once");
    check_open(&reply);
    postgres.resume().unwrap();
    close(&api, &users()).await;
}

/// One entity that is slow, and others that are not.
#[tokio::test]
async fn one_of_several() {
    let (database, api) = api_with(TIGHT).await;
    let slow = "CREATE OR REPLACE VIEW v_parcel AS SELECT 'parcel' || n AS id, 'Parcel ' || n || pg_sleep(5)::text AS label, \
                NULL::text AS broken FROM generate_series(1, 5) n";
    database.execute(slow);
    let mixed = json!([{"__typename": "User", "id": user_id(1)}, {"__typename": "Parcel", "id": "parcel1"}]);
    for _ in 0..3 {
        let answer = ask(&api, &mixed).await.json();
        assert_eq!((&answer["data"]["_entities"], code(&answer)), (&json!([{"name": "User 1"}, null]), "TIMEOUT"));
    }
    let reply = ask(&api, &mixed).await;
    let answer = reply.json();
    assert_eq!((reply.status, &answer["data"]["_entities"]), (200, &json!([{"name": "User 1"}, null])), "{answer:#}");
    assert_eq!((&answer["errors"][0]["path"], code(&answer)), (&json!(["_entities", 1]), "CIRCUIT_BREAKER_OPEN"));
    check_open(&ask(&api, &parcels()).await);
    assert_eq!((state(&api, "User").await, state(&api, "Parcel").await), (0, 1));
}

#[tokio::test]
async fn what_does_not_count() {
    let more =
        format!("{TIGHT}[[federation.circuit_breaker.per_database]]\ndatabase = \"Parcel\"\nfailure_threshold = 1\n");
    let (_database, api) = api_with(&more).await;
    for bad in [
        json!({"__typename": "User"}),
        json!({"__typename": "User", "id": "x"}),
        json!({"__typename": "Ledger", "id": user_id(1)}),
    ] {
        for _ in 0..5 {
            assert_ne!(code(&ask(&api, &json!([bad])).await.json()), "none");
        }
    }
    // A value that does not fit is the row's own fault.
    let broken = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Parcel { broken } } }";
    for _ in 0..5 {
        let (_, answer) = api.ask(broken, json!({"r": parcels()})).await;
        assert_eq!(code(&answer), "DATA_MISMATCH");
    }
    assert_eq!((state(&api, "User").await, state(&api, "Parcel").await, state(&api, "Ledger").await), (0, 0, 0));
}

#[tokio::test]
async fn settings() {
    let database = crate::subgraph::database();
    let off = Api::with(&database, &schema(), "[federation.circuit_breaker]\nenabled = false\n").await;
    assert!(!off.get("/metrics").await.text().contains("breaker_state{entity="));
    let config =
        crate::service::config(&database.url(), "[[federation.circuit_breaker.per_database]]\ndatabase = \"Usr\"\n");
    let opened =
        fraiseql::server::Service::open(&config, &crate::service::compiled(&schema()), 1, &Default::default()).await;
    let Err(fraiseql::server::Refusal::Problems(problems)) = opened else { panic!("a breaker of nothing is taken") };
    let said = format!("{problems:?}");
    assert!(said.contains("there is no entity") && said.contains("User"), "{said}");
}
