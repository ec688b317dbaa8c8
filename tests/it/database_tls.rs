//! The connections to PostgreSQL over TCP: encrypted, with a password, to the second of two hosts.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use fraiseql::dev::postgres::{Options, PrivatePostgres};
use serde_json::{Value as Json, json};

use crate::harness::{ask, crate_path};
use crate::http;
use crate::program::eventually;
use crate::service::{Api, compiled, config};
use crate::world::{fields, list};

/// `v_wire` says how the connection that asks has been made; `v_long` is longer than any buffer.
const SQL: &str = "\
    CREATE VIEW v_wire AS SELECT 1 AS pk_wire, version AS id, ssl AS encrypted, \
        inet_server_port()::text AS port, current_setting('app.who', true) AS who \
        FROM pg_stat_ssl WHERE pid = pg_backend_pid(); \
    CREATE VIEW v_long AS SELECT n AS pk_long, n::text AS id, repeat('x', 200) AS name FROM generate_series(1, 20000) n; \
    CREATE VIEW v_slow AS SELECT 1 AS pk_slow, 's'::text AS id, pg_sleep(60)::text AS name; \
    SET password_encryption = 'scram-sha-256'; CREATE ROLE app LOGIN PASSWORD 'se cret'; GRANT ALL ON DATABASE postgres TO app; \
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO app;";

fn schema() -> Json {
    let ty = |name: &str, view: &str, all: &[&str]| json!({"name": name, "sql_source": view, "fields": fields(all)});
    json!({
        "types": [
            ty("Wire", "v_wire", &["id: ID", "encrypted: Boolean!", "port: String", "who: String"]),
            ty("Long", "v_long", &["id: ID!", "name: String!"]),
            ty("Slow", "v_slow", &["id: ID!", "name: String"]),
        ],
        "queries": [list("wires", "Wire", "v_wire"), list("long", "Long", "v_long"), list("slow", "Slow", "v_slow")],
    })
}

/// A server on an address of its own, which lets a role with a password in, over TLS only.
fn server() -> (PrivatePostgres, String) {
    static NEXT: AtomicU8 = AtomicU8::new(91);
    let [high, low] = u16::try_from(std::process::id() % 65_000).unwrap().to_be_bytes();
    let address = format!("127.{}.{high}.{}", NEXT.fetch_add(1, Ordering::Relaxed), low.max(1));
    let settings = vec![("listen_addresses".to_owned(), address.clone())];
    let postgres = PrivatePostgres::start(Options { durable: false, settings, ..Options::default() }).unwrap();
    postgres.execute("postgres", SQL).unwrap();
    // Files of the server's user, in its data directory.
    let write = |name: &str, text: &str| {
        let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
        let values = lines.join(", ");
        let sql = format!("COPY (SELECT l FROM (VALUES {values}) AS t(l)) TO PROGRAM 'umask 077; cat > {name}'");
        postgres.execute("postgres", &sql).unwrap();
    };
    let key = |name: &str| fs::read_to_string(crate_path("tests/keys").join(name)).unwrap();
    write("server.crt", &key("localhost.crt.pem"));
    write("server.key", &key("p256.pem"));
    write("pg_hba.conf", "local all all trust\nhostssl all app all scram-sha-256");
    postgres.execute("postgres", "ALTER SYSTEM SET ssl = on").unwrap();
    postgres.execute("postgres", "SELECT pg_reload_conf()").unwrap();
    (postgres, address)
}

const WIRES: &str = "{ wires { id encrypted port who } }";

async fn wire(api: &Api) -> Json {
    api.data(WIRES, json!({})).await["wires"][0].take()
}

#[tokio::test]
async fn a_database_behind_tls_and_a_password() {
    let (postgres, address) = server();
    let variables = "[[session_variables]]\nname = \"app.who\"\nvalue = \"me\"\n";
    for (ssl_mode, more, who) in [("require", "", Json::Null), ("prefer", variables, json!("me"))] {
        let url = format!("postgresql://app:se%20cret@{address}/postgres?channel_binding=require");
        let api = Api::at(&url, &schema(), &format!("[database]\nssl_mode = \"{ssl_mode}\"\n{more}")).await;
        assert_eq!(wire(&api).await, json!({"id": "TLSv1.3", "encrypted": true, "port": "5432", "who": who}));
        let long = api.data("{ long { id name } }", json!({})).await;
        assert_eq!(long["long"].as_array().map(Vec::len), Some(20_000));
        assert_eq!(long["long"][19_999]["name"], "x".repeat(200));
    }
    // Nobody vouches for the certificate; and without TLS the server does not let anybody in.
    for (ssl_mode, expected) in [("verify-full", "cannot be reached"), ("disable", "refused a connection")] {
        let url = format!("postgresql://app:se%20cret@{address}/postgres");
        let why = unreachable(&url, ssl_mode).await;
        assert!(why.contains(expected), "{ssl_mode}: {why}");
    }
    let why = unreachable(&format!("postgresql://app:wrong@{address}/postgres"), "require").await;
    assert!(why.contains("refused a connection"), "{why}");
    drop(postgres);
}

/// Why a schema cannot be served from a database.
async fn unreachable(url: &str, ssl_mode: &str) -> String {
    let config = config(url, &format!("[database]\nssl_mode = \"{ssl_mode}\"\n"));
    match fraiseql::server::Service::open(&config, &compiled(&schema()), 1, &Arc::default()).await {
        Ok(_) => panic!("{url} is served"),
        Err(fraiseql::server::Refusal::Unreachable(why)) => why,
        Err(fraiseql::server::Refusal::Problems(problems)) => panic!("{problems:#?}"),
    }
}

/// Of two hosts only the second is there. What runs on it is cancelled there.
#[tokio::test]
async fn the_second_of_two_hosts() {
    let (postgres, address) = server();
    let url = format!("postgresql://app:se%20cret@{address}:1,{address}:5432/postgres?target_session_attrs=read-write");
    let api = Api::at(&url, &schema(), "[database]\nssl_mode = \"require\"\npool_max = 2\n").await;
    assert_eq!(wire(&api).await["encrypted"], true);
    let running = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%v_slow%' AND pid <> pg_backend_pid()";
        ask(&postgres.url("postgres"), sql).await.unwrap()
    };
    let address = api.address();
    let asked = tokio::spawn(async move {
        let body = json!({"query": "{ slow { name } }"}).to_string();
        http::send(address, "POST", "/graphql", &[("content-type", "application/json")], body.as_bytes()).await
    });
    assert!(eventually(async || running().await == 1).await, "it never began");
    asked.abort();
    assert!(eventually(async || running().await == 0).await, "it goes on although nobody waits for it");
    // Both connections of the pool can be used again.
    for _ in 0..4 {
        assert_eq!(wire(&api).await["encrypted"], true);
    }
    // A server that only reads is not what was asked for.
    postgres.execute("postgres", "ALTER ROLE app SET default_transaction_read_only = on").unwrap();
    let why = unreachable(&url, "require").await;
    assert!(why.contains("cannot be reached"), "{why}");
}
