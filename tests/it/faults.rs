//! What goes wrong around a server that goes on: the database down, slow, full or changed under it.

use std::time::{Duration, Instant};

use fraiseql::dev::postgres::{Options, PrivatePostgres};
use fraiseql::server::open_when_possible;
use serde_json::{Value as Json, json};
use tokio_postgres::{Client, NoTls};
use tokio_util::task::TaskTracker;

use crate::harness::Database;
use crate::http;
use crate::program::eventually;
use crate::service::{Api, compiled, config};
use crate::world::{fields, list};

/// A type with a name behind each of these relations: `slow` and `fast` are of `v_slow` and `v_fast`.
fn named(roots: &[(&str, &str)]) -> Json {
    let types: Vec<Json> = roots
        .iter()
        .map(|(root, relation)| {
            json!({"name": capital(root), "sql_source": relation, "fields": fields(&["id: ID!", "name: String"])})
        })
        .collect();
    let queries: Vec<Json> = roots.iter().map(|(root, relation)| list(root, &capital(root), relation)).collect();
    json!({"types": types, "queries": queries})
}

fn capital(name: &str) -> String {
    format!("{}{}", name[..1].to_uppercase(), &name[1..])
}

const FAST_AND_SLOW: &str = "CREATE VIEW v_fast AS SELECT n AS pk_fast, n::text AS id, 'fast'::text AS name FROM generate_series(1, 3) n; \
     CREATE VIEW v_slow AS SELECT 1 AS pk_slow, 's'::text AS id, pg_sleep(30)::text AS name";

fn fast_and_slow() -> Json {
    named(&[("fast", "v_fast"), ("slow", "v_slow")])
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A PostgreSQL of one test, which may be killed.
fn own_postgres() -> PrivatePostgres {
    PrivatePostgres::start(Options { durable: false, ..Options::default() }).unwrap()
}

fn code(answer: &Json) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_database_that_is_down_at_the_start_is_waited_for() {
    let mut postgres = own_postgres();
    let url = postgres.url("postgres");
    postgres.execute("postgres", "CREATE VIEW v_fast AS SELECT 1 AS pk_fast, 'a'::text AS id, 5 AS name").unwrap();
    postgres.execute("postgres", "CHECKPOINT").unwrap();
    postgres.kill().unwrap();
    let api = Api::unready(config(&url, "")).await;
    let (tracker, state) = (TaskTracker::new(), api.server().state().clone());
    let schema = compiled(&named(&[("fast", "v_fast")]));
    open_when_possible(state, schema, &tracker, api.server().stopped()).await.unwrap();

    let ready = api.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json()["reason"].as_str().unwrap().contains("cannot be reached"), "{}", ready.text());
    // Why is for operators: it may quote the driver, with the address of the database.
    let asked = api.post(&json!({"query": "{ fast { name } }"}), &[]).await;
    assert_eq!(asked.status, 503);
    assert_eq!(asked.json()["errors"][0]["message"], "the service is not ready; /ready says why");
    assert_eq!(asked.json()["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    assert_eq!(api.get("/health").await.status, 200);
    let reply = api.post(&json!({"query": "{ fast { name } }"}), &[]).await;
    assert_eq!((reply.status, code(&reply.json())), (503, "UNAVAILABLE"));

    // It comes back with a schema that does not fit, which is said, and then with one that does.
    postgres.restart().unwrap();
    let says = async |text: &str| {
        eventually(async || {
            let ready = api.get("/ready").await;
            ready.status == 503 && ready.json()["reason"].as_str().is_some_and(|reason| reason.contains(text))
        })
        .await
    };
    assert!(says("Fast.name is String").await, "{}", api.get("/ready").await.text());
    assert!(api.get("/ready").await.text().contains("v_fast"));
    postgres.execute("postgres", "DROP VIEW v_fast").unwrap();
    assert!(says("there is no such view").await, "{}", api.get("/ready").await.text());
    postgres
        .execute("postgres", "CREATE VIEW v_fast AS SELECT 1 AS pk_fast, 'a'::text AS id, 'n'::text AS name")
        .unwrap();
    assert!(eventually(async || api.get("/ready").await.status == 200).await);
    assert_eq!(api.data("{ fast { name } }", Json::Null).await, json!({"fast": [{"name": "n"}]}));
    tracker.close();
    tracker.wait().await;
}

#[tokio::test]
async fn a_database_that_dies_is_unavailable_at_once_and_then_back() {
    let mut postgres = own_postgres();
    postgres.execute("postgres", FAST_AND_SLOW).unwrap();
    postgres.execute("postgres", "CHECKPOINT").unwrap();
    let api = Api::at(&postgres.url("postgres"), &fast_and_slow(), "").await;
    for _ in 0..4 {
        api.data("{ fast { name } }", Json::Null).await;
    }
    let in_flight = http::begin(
        api.address(),
        "POST",
        "/graphql",
        &[("content-type", "application/json")],
        &http::graphql("{ slow { name } }", Json::Null),
    )
    .await
    .unwrap();
    let watcher = connect(&postgres.url("postgres")).await;
    assert!(eventually(async || running(&watcher).await == 1).await);
    postgres.kill().unwrap();
    let began = Instant::now();
    let reply = http::finish(in_flight).await.unwrap();
    assert_eq!(code(&reply.json()), "UNAVAILABLE", "{}", reply.text());
    for _ in 0..6 {
        assert_eq!(code(&api.ask("{ fast { name } }", Json::Null).await.1), "UNAVAILABLE");
    }
    assert_eq!(api.get("/ready").await.status, 503);
    assert_eq!(api.get("/health").await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?} is not at once", began.elapsed());
    postgres.restart().unwrap();
    for _ in 0..6 {
        api.data("{ fast { name } }", Json::Null).await;
    }
    assert_eq!(api.get("/ready").await.status, 200);
}

/// How many slow statements of the product run.
async fn running(watcher: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fraiseql' AND state = 'active' \
               AND datname = current_database() AND query LIKE '%v_slow%'";
    watcher.query_one(sql, &[]).await.unwrap().get(0)
}

/// The processes that serve the product's connections.
async fn backends(watcher: &Client) -> Vec<i32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'fraiseql' AND datname = current_database() ORDER BY 1";
    watcher.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_frozen_database_times_out_and_is_used_again() {
    let mut postgres = own_postgres();
    postgres.execute("postgres", FAST_AND_SLOW).unwrap();
    let times = "[database]\nstatement_timeout_ms = 700\nconnect_timeout_ms = 1000\npool_max = 2\n";
    let api = Api::at(&postgres.url("postgres"), &fast_and_slow(), times).await;
    for _ in 0..4 {
        api.data("{ fast { name } }", Json::Null).await;
    }
    postgres.pause().unwrap();
    let began = Instant::now();
    let (_, answer) = api.ask("{ fast { name } }", Json::Null).await;
    assert_eq!(code(&answer), "TIMEOUT", "{answer}");
    assert!((500..5000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    for _ in 0..3 {
        let (_, answer) = api.ask("{ fast { name } }", Json::Null).await;
        assert!(["TIMEOUT", "UNAVAILABLE"].contains(&code(&answer)), "{answer}");
    }
    let ready = api.get("/ready").await;
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    postgres.resume().unwrap();
    assert!(eventually(async || api.get("/ready").await.status == 200).await);
    for _ in 0..10 {
        api.data("{ fast { name } }", Json::Null).await;
    }
}

#[tokio::test]
async fn a_slow_statement_is_ended_in_the_database_too() {
    let database = Database::empty();
    database.execute(FAST_AND_SLOW);
    let times = "[database]\nstatement_timeout_ms = 300\npool_max = 2\n";
    let api = Api::with(&database, &fast_and_slow(), times).await;
    let watcher = connect(&database.url()).await;
    for _ in 0..4 {
        api.data("{ fast { name } }", Json::Null).await;
    }
    let before = backends(&watcher).await;
    for _ in 0..4 {
        let (_, answer) = api.ask("{ slow { name } f: fast { name } }", Json::Null).await;
        assert_eq!((code(&answer), answer["data"].is_null()), ("TIMEOUT", true), "{answer}");
    }
    assert!(eventually(async || running(&watcher).await == 0).await);
    for _ in 0..10 {
        api.data("{ fast { name } }", Json::Null).await;
    }
    assert_eq!(backends(&watcher).await, before, "the connections are the same");
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_unavailable_after_a_while() {
    let database = Database::empty();
    database.execute(FAST_AND_SLOW);
    let times = "[database]\nconnect_timeout_ms = 400\npool_max = 2\n";
    let api = Api::with(&database, &fast_and_slow(), times).await;
    let watcher = connect(&database.url()).await;
    let body = http::graphql("{ slow { name } }", Json::Null);
    let mut held = Vec::new();
    // One connection per worker, and the clients are dealt out to the workers in turn.
    for _ in 0..fraiseql::server::workers().max(2) {
        held.push(
            http::begin(api.address(), "POST", "/graphql", &[("content-type", "application/json")], &body)
                .await
                .unwrap(),
        );
    }
    let all = i64::try_from(fraiseql::server::workers().max(2)).unwrap();
    assert!(eventually(async || running(&watcher).await == all).await);
    for _ in 0..2 {
        let began = Instant::now();
        let (status, answer) = api.ask("{ fast { name } }", Json::Null).await;
        assert_eq!((status, code(&answer)), (200, "UNAVAILABLE"), "{answer}");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains("400 ms"), "{answer}");
        assert!((350..4500).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }
    drop(held);
    assert!(eventually(async || running(&watcher).await == 0).await);
    for _ in 0..4 {
        api.data("{ fast { name } }", Json::Null).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_statement_and_nobody_elses() {
    let database = Database::empty();
    database.execute(FAST_AND_SLOW);
    let api = Api::with(&database, &fast_and_slow(), "[database]\npool_max = 2\n").await;
    let watcher = connect(&database.url()).await;
    let body = http::graphql("{ slow { name } }", Json::Null);
    for _ in 0..4 {
        api.data("{ fast { name } }", Json::Null).await;
    }
    let before = backends(&watcher).await;
    for round in 0..50 {
        let headers = [("content-type", "application/json")];
        let stream = http::begin(api.address(), "POST", "/graphql", &headers, &body).await.unwrap();
        assert!(eventually(async || running(&watcher).await == 1).await, "round {round}");
        drop(stream);
        // Half of the time others ask while the statement is being cancelled, half of the time afterwards.
        if round % 2 == 0 {
            assert!(eventually(async || running(&watcher).await == 0).await, "round {round} is not cancelled");
        }
        for _ in 0..4 {
            let data = api.data("{ fast(orderBy: [{id: ASC}]) { id name } }", Json::Null).await;
            assert_eq!(data["fast"][2], json!({"id": "3", "name": "fast"}));
        }
        assert!(eventually(async || running(&watcher).await == 0).await, "round {round} is not cancelled");
    }
    assert_eq!(backends(&watcher).await, before, "the connections are the same");
    for _ in 0..50 {
        api.data("{ fast { name } }", Json::Null).await;
    }
}
