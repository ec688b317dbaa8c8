//! Faults under a mixed load on every wire: what cannot be answered is said to be unavailable, nothing is answered
//! wrongly, and soon everything is right again.

use std::time::Duration;

use crate::load::Load;
use crate::proxy::Network;
use crate::rig::Rig;

const CLIENTS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_and_restarted() {
    let mut rig = Rig::start("").await;
    let load = Load::start(rig.address, CLIENTS).await;
    rig.recovers(&load, "the start").await;
    for _ in 0..3 {
        rig.kill_and_restart();
        rig.recovers(&load, "PostgreSQL was killed").await;
    }
    let tally = load.stop().await;
    rig.check(&tally, &["UNAVAILABLE"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_rejects_and_one_that_swallows() {
    let rig = Rig::start("").await;
    let load = Load::start(rig.address, CLIENTS).await;
    rig.recovers(&load, "the start").await;
    for (network, millis) in [(Network::Rejects, 500), (Network::Swallows, 500), (Network::Swallows, 4000)] {
        rig.network(network, Duration::from_millis(millis)).await;
        rig.recovers(&load, &format!("{network:?} for {millis} ms")).await;
    }
    let tally = load.stop().await;
    rig.check(&tally, &["UNAVAILABLE", "TIMEOUT"]).await;
    assert!(!tally.refused.is_empty(), "nobody noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_connections_and_one_that_takes_no_writes() {
    let rig = Rig::start("").await;
    let load = Load::start(rig.address, CLIENTS).await;
    rig.recovers(&load, "the start").await;
    rig.exhaust(Duration::from_secs(1)).await;
    rig.recovers(&load, "connections ran out").await;
    rig.read_only(Duration::from_secs(1)).await;
    rig.recovers(&load, "read-only").await;
    let tally = load.stop().await;
    rig.check(&tally, &["UNAVAILABLE"]).await;
    assert!(!tally.refused.is_empty(), "nobody noticed");
    let reads = tally.refused.keys().filter(|refused| refused.starts_with("GraphqlRead"));
    println!("{:?} of {} requests; reads: {:?}", tally.refused, tally.requests, reads.collect::<Vec<_>>());
}

/// Columns at the top and inside `record[]`, a view that is replaced, a function that is made anew: nobody notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relations_and_functions_that_change() {
    let rig = Rig::start("").await;
    let load = Load::start(rig.address, CLIENTS).await;
    rig.recovers(&load, "the start").await;
    for sql in [
        "ALTER TABLE tb_part ALTER amount TYPE int8",
        "CREATE OR REPLACE VIEW v_row AS SELECT pk_row, id, name, now() AS seen FROM tb_row",
        "ALTER TABLE tb_part ALTER amount TYPE int4",
        "BEGIN; DROP VIEW v_row; ALTER TABLE tb_row ALTER name TYPE varchar(90); \
         CREATE VIEW v_row AS SELECT name, id, pk_row FROM tb_row; COMMIT",
        "BEGIN; DROP FUNCTION fn_create_note; DROP VIEW v_note; \
         CREATE VIEW v_note AS SELECT text, pk_note, id FROM tb_note; \
         CREATE FUNCTION fn_create_note(p_text text, p_id int8) RETURNS v_note LANGUAGE sql AS \
            'INSERT INTO tb_note (id, text) VALUES (p_id, p_text) RETURNING text, pk_note, id'; COMMIT",
    ] {
        rig.execute(sql);
        rig.recovers(&load, sql).await;
    }
    let tally = load.stop().await;
    rig.check(&tally, &[]).await;
}

/// Schema and configuration, right and wrong: no request is lost, and what is wrong is said and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads() {
    let mut rig = Rig::start("").await;
    let load = Load::start(rig.address, CLIENTS).await;
    rig.recovers(&load, "the start").await;
    let ask = async |address| {
        let body = crate::http::graphql("{ a: rows(limit: 1) { label: name } }", serde_json::Value::Null);
        let json = [("content-type", "application/json")];
        crate::http::send(address, "POST", "/graphql", &json, &body).await.unwrap().text()
    };
    for round in 1..=3 {
        rig.reload();
        rig.program.says("reloaded: 3 types", round).await;
        rig.recovers(&load, "a reload").await;
    }
    rig.edit("fraiseql.toml", "[database]", "[graphql]\nmax_aliases = 1\n[database]");
    rig.reload();
    rig.program.says("reloaded", 4).await;
    assert!(ask(rig.address).await.contains("TOO_COMPLEX"));
    rig.edit("fraiseql.toml", "max_aliases = 1\n", "");
    rig.edit("fraiseql.toml", "port = 0\n", "port = 1\n");
    rig.reload();
    rig.program.says("server.port has changed", 1).await;
    rig.program.says("reloaded", 5).await;
    assert!(ask(rig.address).await.contains("row 1"));

    for (file, from, to, said) in [
        ("fraiseql.toml", "pool_max", "pool_mx", "pool_mx"),
        ("schema.json", "\"tb_part\"", "\"tb_prat\"", "tb_prat"),
        ("schema.json", "\"Part\"", "\"\"", "schema.json"),
    ] {
        let before = rig.program.said().matches("still serving what was there before").count();
        rig.edit(file, from, to);
        rig.reload();
        rig.program.says("still serving what was there before", before + 1).await;
        assert!(rig.program.said().contains(said), "{said}: {}", rig.program.said());
        rig.edit(file, to, from);
        rig.recovers(&load, said).await;
    }
    rig.reload();
    rig.program.says("reloaded", 6).await;
    rig.recovers(&load, "the last reload").await;
    let tally = load.stop().await;
    rig.check(&tally, &[]).await;
}
