//! `[database] replica_urls`: a primary and two standbys that really follow it, lost, late and found again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use fraiseql::dev::postgres::{Options, PrivatePostgres};
use serde_json::{Value as Json, json};

use crate::harness::ask;
use crate::metrics::samples;
use crate::program::eventually;
use crate::service::Api;
use crate::world::{fields, list};
use crate::writing::mutation;

/// `v_place` says which server answers; `v_slow` takes its time, and `v_long` sends more than fits into one packet
/// while it does.
const SQL: &str = "\
    CREATE TABLE tb_note (pk_note bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid DEFAULT gen_random_uuid(), name text); \
    CREATE VIEW v_note AS SELECT pk_note, id, name FROM tb_note; \
    CREATE VIEW v_place AS SELECT 1 AS pk_place, 'p'::text AS id, current_setting('cluster_name') AS name; \
    CREATE VIEW v_slow AS SELECT 1 AS pk_slow, 's'::text AS id, current_setting('cluster_name') || pg_sleep(0.3)::text AS name; \
    CREATE VIEW v_long AS SELECT n AS pk_long, n::text AS id, repeat('x', 100) || pg_sleep(0.001)::text AS name FROM generate_series(1, 500) n; \
    CREATE FUNCTION fn_create_note(p_name text) RETURNS uuid LANGUAGE sql AS $$ INSERT INTO tb_note (name) VALUES (p_name) RETURNING id $$; \
    CREATE FUNCTION fn_delete_note(p_id uuid) RETURNS uuid LANGUAGE sql AS $$ DELETE FROM tb_note WHERE id = p_id RETURNING id $$;";

fn schema() -> Json {
    let roots = [
        ("notes", "Note", "v_note"),
        ("places", "Place", "v_place"),
        ("slow", "Slow", "v_slow"),
        ("long", "Long", "v_long"),
    ];
    let types: Vec<Json> = roots
        .iter()
        .map(
            |(_, name, view)| json!({"name": name, "sql_source": view, "fields": fields(&["id: ID!", "name: String"])}),
        )
        .collect();
    let queries: Vec<Json> = roots.iter().map(|(root, name, view)| list(root, name, view)).collect();
    let mut create = mutation("createNote", "Note!", "fn_create_note", &["name: String!"]);
    create["operation"] = json!("CREATE");
    let mut delete = mutation("deleteNote", "Note", "fn_delete_note", &["id: ID!"]);
    delete["operation"] = json!("DELETE");
    json!({"types": types, "queries": queries, "mutations": [create, delete]})
}

struct Cluster {
    primary: PrivatePostgres,
    standbys: Vec<PrivatePostgres>,
}

const PLACES: [&str; 3] = ["primary", "first", "second"];

fn cluster_name(name: &str) -> Vec<(String, String)> {
    vec![("cluster_name".to_owned(), name.to_owned())]
}

impl Cluster {
    fn start() -> Cluster {
        let options = Options { durable: false, settings: cluster_name(PLACES[0]), ..Options::default() };
        let primary = PrivatePostgres::start(options).unwrap();
        primary.execute("postgres", SQL).unwrap();
        let standbys = PLACES[1..].iter().map(|name| primary.start_replica(cluster_name(name)).unwrap()).collect();
        Cluster { primary, standbys }
    }

    async fn api(&self, lag_max_ms: u32) -> Api {
        let urls: Vec<String> = self.standbys.iter().map(|standby| standby.url("postgres")).collect();
        let more = format!("[database]\nreplica_urls = {}\nreplica_max_lag_ms = {lag_max_ms}\n", json!(urls));
        Api::at(&self.primary.url("postgres"), &schema(), &more).await
    }

    /// Keeps a standby from showing what the primary has written since.
    fn hold(&self, standby: usize) {
        self.standbys[standby].execute("postgres", "SELECT pg_wal_replay_pause()").unwrap();
    }

    fn release(&self, standby: usize) {
        self.standbys[standby].execute("postgres", "SELECT pg_wal_replay_resume()").unwrap();
    }
}

/// Who answers when it is asked often enough for everybody's turn.
async fn places(api: &Api, headers: &[(&str, &str)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for _ in 0..12 {
        let answer = api.post(&json!({"query": "{ places { name } }"}), headers).await.json();
        found.insert(answer["data"]["places"][0]["name"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned());
    }
    found
}

async fn are_read(api: &Api, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    let agrees = eventually(async || places(api, &[]).await == expected).await;
    assert!(agrees, "{:?} are read, and not {expected:?}", places(api, &[]).await);
}

const PRIMARY: [(&str, &str); 1] = [("prefer", "read=primary")];

#[tokio::test]
async fn reads_go_to_replicas_and_writes_to_the_primary() {
    let cluster = Cluster::start();
    let api = cluster.api(3_600_000).await;
    are_read(&api, &["first", "second"]).await;
    assert_eq!(places(&api, &PRIMARY).await, BTreeSet::from(["primary".to_owned()]));
    let over_rest = api.send("GET", "/rest/places", &PRIMARY, b"").await.json();
    assert_eq!(over_rest["data"][0]["name"], "primary");
    assert_ne!(api.get("/rest/places").await.json()["data"][0]["name"], "primary");

    // Nothing of what is written now arrives there, and the answers of writes show it all the same.
    cluster.hold(0);
    cluster.hold(1);
    let written = api.data("mutation { createNote(name: \"one\") { id name } }", Json::Null).await;
    assert_eq!(written["createNote"]["name"], "one");
    let notes = "{ notes { name } }";
    for _ in 0..6 {
        assert_eq!(api.data(notes, Json::Null).await["notes"], json!([]), "a replica may be behind");
        let seen = api.post(&json!({"query": notes}), &PRIMARY).await.json();
        assert_eq!(seen["data"]["notes"], json!([{"name": "one"}]));
    }
    // What a filter leaves is looked up where it will be deleted.
    let deleted = api.send("DELETE", "/rest/notes?name=one", &[], b"").await;
    assert_eq!((deleted.status, deleted.header("x-rows-affected")), (204, Some("1")), "{}", deleted.text());
    assert_eq!(ask(&cluster.primary.url("postgres"), "SELECT count(*) FROM tb_note").await.unwrap(), 0);
}

#[cfg(feature = "grpc-transport")]
#[tokio::test]
async fn grpc_reads_the_primary_by_metadata() {
    let cluster = Cluster::start();
    let api = cluster.api(3_600_000).await;
    are_read(&api, &["first", "second"]).await;
    let client = crate::grpc::Client::of(&api).await;
    for _ in 0..6 {
        assert_ne!(client.one("ListPlaces", json!({})).await["name"], "primary");
        let mut request = tonic::Request::new(client.encode("ListPlaces", &json!({})));
        request.metadata_mut().insert("prefer", "read=primary".parse().unwrap());
        let message = client.stream("ListPlaces", request, None).await.unwrap().message().await.unwrap().unwrap();
        assert_eq!(client.decode("ListPlaces", &message)["name"], "primary");
    }
}

#[tokio::test]
async fn a_replica_that_is_too_far_behind_is_not_read() {
    let cluster = Cluster::start();
    let api = cluster.api(1_000).await;
    are_read(&api, &["first", "second"]).await;
    cluster.hold(0);
    cluster.primary.execute("postgres", "INSERT INTO tb_note (name) VALUES ('a')").unwrap();
    are_read(&api, &["second"]).await;
    cluster.hold(1);
    cluster.primary.execute("postgres", "INSERT INTO tb_note (name) VALUES ('b')").unwrap();
    are_read(&api, &["primary"]).await;
    cluster.release(0);
    are_read(&api, &["first"]).await;
    assert_eq!(api.data("{ notes { name } }", Json::Null).await["notes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn operators_see_how_each_replica_stands() {
    let mut cluster = Cluster::start();
    let api = cluster.api(3_600_000).await;
    are_read(&api, &["first", "second"]).await;
    let of = |name: &str, n: usize| format!("fraiseql_{name}{{server=\"replica-{n}\"}}");
    let fit = |all: &BTreeMap<String, f64>, n: usize| -> f64 {
        let begins = format!("fraiseql_replica_fit{{server=\"replica-{n}\",place=\"");
        *all.iter().find(|(name, _)| name.starts_with(&begins)).unwrap_or_else(|| panic!("{begins} in {all:#?}")).1
    };
    let level = async || samples(&api).await.get(&of("replica_lag_bytes", 1)) == Some(&0.0);
    assert!(eventually(level).await);
    let all = samples(&api).await;
    assert_eq!((fit(&all, 1), fit(&all, 2)), (1.0, 1.0));
    assert!(all[&of("pool_connections", 1)] >= 1.0 && all[&of("pool_connections", 2)] >= 1.0, "{all:#?}");
    assert_eq!(all[&of("pool_connections_max", 1)], all["fraiseql_pool_connections_max{server=\"primary\"}"]);

    cluster.hold(0);
    cluster.primary.execute("postgres", "INSERT INTO tb_note (name) VALUES ('a')").unwrap();
    let behind = async || samples(&api).await.get(&of("replica_lag_bytes", 1)).is_some_and(|bytes| *bytes > 0.0);
    assert!(eventually(behind).await);
    let level = async || samples(&api).await.get(&of("replica_lag_bytes", 2)) == Some(&0.0);
    assert!(eventually(level).await, "the other one follows");

    cluster.standbys[1].kill().unwrap();
    are_read(&api, &["first"]).await;
    // How far it is behind is not known, which is not the same as nothing.
    assert!(eventually(async || !samples(&api).await.contains_key(&of("replica_lag_bytes", 2))).await);
    let all = samples(&api).await;
    assert_eq!((fit(&all, 1), fit(&all, 2)), (1.0, 0.0));
}

#[tokio::test]
async fn a_change_of_the_schema_that_has_not_arrived_is_answered_by_the_primary() {
    let cluster = Cluster::start();
    let api = cluster.api(3_600_000).await;
    are_read(&api, &["first", "second"]).await;
    cluster.hold(0);
    cluster.hold(1);
    cluster
        .primary
        .execute(
            "postgres",
            "DROP VIEW v_place; CREATE VIEW v_place AS SELECT 1 AS pk_place, 'p'::text AS id, 'new'::varchar AS name",
        )
        .unwrap();
    assert_eq!(
        api.post(&json!({"query": "{ places { name } }"}), &PRIMARY).await.json()["data"]["places"][0]["name"],
        "new"
    );
    for _ in 0..6 {
        let answer = api.data("{ places(where: {name: {neq: \"x\"}}) { name } }", Json::Null).await;
        assert!(answer["places"][0]["name"].is_string(), "{answer}");
    }
}

/// Standbys are killed, frozen and started again under load on every wire; every request is answered.
#[tokio::test]
async fn a_lost_replica_costs_no_request() {
    let mut cluster = Cluster::start();
    let api = cluster.api(60_000).await;
    are_read(&api, &["first", "second"]).await;
    let is_over = AtomicBool::new(false);
    let load = async |query: &str, rows: usize| {
        let mut asked = 0;
        while !is_over.load(Ordering::Relaxed) {
            let answer = api.data(query, Json::Null).await;
            let (_, found) = answer.as_object().unwrap().iter().next().unwrap();
            assert_eq!(found.as_array().unwrap().len(), rows, "{query}");
            asked += 1;
        }
        asked
    };
    let rest = async || {
        let mut asked = 0;
        while !is_over.load(Ordering::Relaxed) {
            let reply = api.get("/rest/long?limit=100").await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.json()["data"].as_array().unwrap().len(), 100);
            asked += 1;
        }
        asked
    };
    let (place, slow, long) = ("{ places { name } }", "{ slow { name } }", "{ long { name } }");
    let faults = async {
        // Long enough for the load to be on its way everywhere.
        let pause = || tokio::time::sleep(std::time::Duration::from_millis(700));
        for _ in 0..2 {
            pause().await;
            cluster.standbys[0].kill().unwrap();
            pause().await;
            cluster.standbys[1].pause().unwrap();
            are_read(&api, &["primary"]).await;
            cluster.standbys[0].restart().unwrap();
            are_read(&api, &["first"]).await;
            cluster.standbys[1].resume().unwrap();
            are_read(&api, &["first", "second"]).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let (a, b, c, d, e, f, ()) =
        tokio::join!(load(place, 1), load(place, 1), load(slow, 1), load(slow, 1), load(long, 500), rest(), faults);
    assert!([a, b, c, d, e, f].iter().all(|asked| *asked > 3), "{a} {b} {c} {d} {e} {f}");
}

#[tokio::test]
async fn reads_go_on_without_the_primary() {
    let mut cluster = Cluster::start();
    let api = cluster.api(60_000).await;
    are_read(&api, &["first", "second"]).await;
    cluster.primary.kill().unwrap();
    // Longer than it takes to notice.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    are_read(&api, &["first", "second"]).await;
    let (code, _) = api.refusal("mutation { createNote(name: \"x\") { id } }", Json::Null).await;
    assert_eq!(code, "UNAVAILABLE");
    cluster.primary.restart().unwrap();
    assert!(eventually(async || api.get("/ready").await.status == 200).await);
    api.data("mutation { createNote(name: \"x\") { id } }", Json::Null).await;
}
