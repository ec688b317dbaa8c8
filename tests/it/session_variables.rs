//! `[[session_variables]]`: in the transaction of the statement, for every statement, never of another caller.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use crate::harness::Database;
use crate::service::Api;
use crate::world::{fields, list};

const VARIABLES: &str = "[[session_variables]]\nname = \"app.tenant\"\nheader = \"x-tenant\"\n\
     [[session_variables]]\nname = \"app.fixed\"\nvalue = \"it's \\\"fixed\\\"\"\n";

const VIEWS: &str = "CREATE VIEW v_seen AS SELECT n AS pk_seen, n::text AS id, current_setting('app.tenant', true) AS tenant, \
     current_setting('app.fixed', true) AS fixed, pg_backend_pid()::text AS backend, current_setting('transaction_read_only') AS read_only, \
     (SELECT count(*)::int4 FROM pg_prepared_statements) AS prepared FROM generate_series(1, 3) n";

fn schema() -> Json {
    json!({
        "types": [{"name": "Seen", "sql_source": "v_seen",
            "fields": fields(&["id: ID!", "tenant: String", "fixed: String", "backend: String", "readOnly: String", "prepared: Int"])}],
        "queries": [list("seen", "Seen", "v_seen")],
    })
}

async fn api(more: &str) -> (Database, Api) {
    let database = Database::empty();
    database.execute(VIEWS);
    let api = Api::with(&database, &schema(), &format!("{more}{VARIABLES}")).await;
    (database, api)
}

async fn seen(api: &Api, query: &str, tenant: Option<&str>) -> Json {
    let headers: Vec<(&str, &str)> = tenant.map(|tenant| ("x-tenant", tenant)).into_iter().collect();
    let reply = api.post(&json!({"query": query}), &headers).await.json();
    assert!(reply.get("errors").is_none(), "{query}: {reply}");
    reply["data"]["seen"][0].clone()
}

#[tokio::test]
async fn set_when_cold_on_a_fresh_connection_and_after_eviction() {
    let (_database, api) = api("[database]\npool_max = 2\n").await;
    let query = "{ seen(limit: 1) { tenant fixed readOnly } }";
    let expected = |tenant: &str| json!({"tenant": tenant, "fixed": "it's \"fixed\"", "readOnly": "on"});
    // The very first statements of both connections.
    for tenant in ["first", "second", "third", "fourth"] {
        assert_eq!(seen(&api, query, Some(tenant)).await, expected(tenant));
    }
    // A value of one request is not there for the next.
    for _ in 0..4 {
        assert_eq!(seen(&api, query, None).await, expected(""));
    }
    assert_eq!(seen(&api, query, Some("x'); DROP VIEW v_seen; --")).await, expected("x'); DROP VIEW v_seen; --"));
    // More statements than a connection keeps: each is cold, the first and the settings are evicted in between.
    let mut backends = HashSet::new();
    for limit in 1..=600 {
        let query = format!("{{ seen(limit: {limit}) {{ tenant backend }} }}");
        let tenant = format!("t{limit}");
        let row = seen(&api, &query, Some(&tenant)).await;
        assert_eq!(row["tenant"], tenant);
        backends.insert(row["backend"].as_str().unwrap().to_owned());
    }
    assert!(backends.len() <= fraiseql::server::workers().max(2));
    for tenant in ["a", "b", "c", "d"] {
        assert_eq!(seen(&api, query, Some(tenant)).await, expected(tenant));
    }
    let prepared = seen(&api, "{ seen(limit: 1) { prepared } }", None).await["prepared"].as_i64().unwrap();
    assert!((4..=260).contains(&prepared), "{prepared} statements are prepared");
}

#[tokio::test]
async fn callers_at_the_same_time_see_their_own() {
    let (_database, api) = api("").await;
    let query = "{ seen(limit: 1) { tenant } a: seen(limit: 2) { tenant } b: seen(limit: 3) { tenant } }";
    for _ in 0..5 {
        let all = join_all((0..30).map(async |n| {
            let tenant = format!("tenant-{n}");
            let reply = api.post(&json!({"query": query}), &[("x-tenant", &tenant)]).await.json();
            for (root, rows) in [("seen", 1), ("a", 2), ("b", 3)] {
                assert_eq!(reply["data"][root], json!(vec![json!({"tenant": tenant}); rows]), "{reply}");
            }
        }));
        all.await;
    }
}

#[tokio::test]
async fn nothing_stays_prepared_where_that_is_switched_off() {
    for variables in ["", VARIABLES] {
        let database = Database::empty();
        database.execute(VIEWS);
        let more = format!("[database]\nprepared_statements = false\n{variables}");
        let api = Api::with(&database, &schema(), &more).await;
        let tenant = if variables.is_empty() { json!(null) } else { json!("t") };
        for limit in 1..5 {
            let query =
                format!("{{ seen(limit: {limit}, where: {{id: {{in: [\"1\", \"2\"]}}}}) {{ tenant prepared }} }}");
            let row = seen(&api, &query, Some("t")).await;
            assert_eq!(row["prepared"], 0, "with {variables:?}");
            assert!(row["tenant"] == tenant, "{row}");
        }
        let (code, _) = api.refusal("{ seen(where: {id: {regex: \"(\"}}) { id } }", Json::Null).await;
        assert_eq!(code, "BAD_USER_INPUT");
        for _ in 0..4 {
            assert_eq!(seen(&api, "{ seen { prepared } }", None).await["prepared"], 0);
        }
    }
}

#[tokio::test]
async fn an_error_inside_the_transaction_leaves_it() {
    let (_database, api) = api("[database]\npool_max = 2\n").await;
    for _ in 0..6 {
        let (code, message) = api.refusal("{ seen(where: {id: {regex: \"(\"}}) { id } }", Json::Null).await;
        assert_eq!(code, "BAD_USER_INPUT", "{message}");
        assert_eq!(seen(&api, "{ seen { tenant } }", Some("t")).await["tenant"], "t");
    }
}

#[tokio::test]
async fn row_level_security_sees_them() {
    let database = Database::empty();
    database.execute(
        "DO $$ BEGIN CREATE ROLE row_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         CREATE TABLE tb_note (pk_note bigint PRIMARY KEY, id text NOT NULL, tenant text NOT NULL); \
         INSERT INTO tb_note SELECT n, n::text, 't' || n % 3 FROM generate_series(1, 9) n; \
         ALTER TABLE tb_note ENABLE ROW LEVEL SECURITY; GRANT SELECT ON tb_note TO row_reader; \
         CREATE POLICY own ON tb_note USING (tenant = current_setting('app.tenant', true))",
    );
    let schema = json!({
        "types": [{"name": "Note", "sql_source": "tb_note", "relay": true, "fields": fields(&["id: ID!", "tenant: String!"])}],
        "queries": [
            {"name": "notes", "return_type": "Note", "returns_list": true, "nullable": false, "arguments": [],
             "sql_source": "tb_note", "auto_params": true, "relay": true}],
    });
    let url = database.url().replace("postgresql://postgres@", "postgresql://row_reader@");
    let api = Api::at(&url, &schema, VARIABLES).await;
    let query = "{ notes { totalCount edges { node { tenant } } } }";
    for tenant in ["t0", "t1", "t2", "t0"] {
        let reply = api.post(&json!({"query": query}), &[("x-tenant", tenant)]).await.json();
        assert_eq!(reply["data"]["notes"]["totalCount"], 3, "{reply}");
        assert_eq!(reply["data"]["notes"]["edges"][2]["node"]["tenant"], tenant);
    }
    let data = api.data(query, Json::Null).await;
    assert_eq!(data["notes"], json!({"totalCount": 0, "edges": []}));
}
