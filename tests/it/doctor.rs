//! `fraiseql doctor` and `fraiseql health`, of the real binary: nothing wrong, and everything that can be.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value as Json;

use crate::harness::{Database, crate_path};
use crate::program::{Program, run};
use crate::world;

fn project(url: &str, more: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("schema.json"), world::schema().to_string()).unwrap();
    let toml = format!(
        "[project]\nname = \"world\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n[database]\nurl = \"{url}\"\n{more}"
    );
    fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    directory
}

/// What it says of one thing: the state, the text and the hint.
fn said(project: &Path, arguments: &[&str], about: &str) -> (i32, Vec<(String, String)>) {
    let (code, out, complaint) = run(project, &[&["doctor", "--json"], arguments].concat());
    let told: Json = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{complaint}"));
    let findings = told["findings"].as_array().unwrap().iter().filter(|finding| finding["about"] == about);
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let finding =
        |finding: &Json| (text(&finding["state"]), format!("{} → {}", text(&finding["said"]), text(&finding["hint"])));
    (code, findings.map(finding).collect())
}

#[track_caller]
fn check(project: &Path, arguments: &[&str], about: &str, state: &str, parts: &[&str]) {
    let (code, findings) = said(project, arguments, about);
    assert_eq!(code, i32::from(state == "failure"), "{findings:?}");
    let found = findings.iter().any(|(found, text)| found == state && parts.iter().all(|part| text.contains(part)));
    assert!(found, "{about} {state} {parts:?}: {findings:?}");
}

#[test]
fn nothing_is_wrong() {
    let database = world::database();
    let project = project(&database.url(), "");
    let (code, out, complaint) = run(project.path(), &["doctor"]);
    assert_eq!(code, 0, "{out}{complaint}");
    for part in ["ok    config", "ok    database   PostgreSQL 1", "ok    views", "ok    port", "no key: every caller"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    // What is stored in documents is named, with the column that would hold it.
    check(project.path(), &[], "columns", "warning", &["ItemDoc.size (v_item_doc.size)", "select them in the view"]);
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let database = world::database();
    let good = project(&database.url(), "");
    let here = good.path();
    check(
        here,
        &["--database", "postgres://nobody@127.0.0.1:1/x"],
        "database",
        "failure",
        &["cannot be reached", "DATABASE_URL"],
    );
    let empty = Database::empty();
    check(here, &["--database", &empty.url()], "views", "failure", &["v_item: there is no such view"]);
    database.execute("ALTER VIEW v_thing RENAME TO v_things");
    check(here, &[], "views", "failure", &["v_thing: there is no such view", "did you mean"]);
    database.execute("ALTER VIEW v_things RENAME TO v_thing");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    check(here, &["--port", &port], "port", "failure", &["cannot be listened on", "choose another with --port"]);

    let many = project(&database.url(), "pool_max = 9000\n");
    check(many.path(), &[], "database", "warning", &["pool_max is 9000", "pool_max = "]);
    let replica = project(&database.url(), &format!("replica_urls = [\"{}\"]\n", database.url()));
    check(replica.path(), &[], "replica", "failure", &["is no standby", "replica_urls"]);
    let keys = project(&database.url(), "[auth]\njwks_url = \"http://127.0.0.1:1/keys\"\n");
    check(keys.path(), &[], "auth", "failure", &["cannot be fetched", "jwks_url"]);
    let tls = |key: &str| {
        let file = |name: &str| crate_path("tests/keys").join(name).display().to_string();
        format!("[server.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n", file("localhost.crt.pem"), file(key))
    };
    check(project(&database.url(), &tls("p256.pem")).path(), &[], "tls", "ok", &["can be shown"]);
    check(
        project(&database.url(), &tls("p384.pem")).path(),
        &[],
        "tls",
        "failure",
        &["is not that of the certificate"],
    );
    check(project(&database.url(), "pool_mux = 1\n").path(), &[], "config", "failure", &["pool_mux", "pool_max"]);
}

#[tokio::test]
async fn health_asks_the_service_of_this_machine() {
    let database = world::database();
    for tls in ["", &crate::tls::section()] {
        let project = project(&database.url(), tls);
        let mut program = Program::start(project.path(), &["run"]);
        let port = program.address().await.port().to_string();
        let ready = run(project.path(), &["health", "--port", &port]);
        assert_eq!((ready.0, ready.1.trim()), (0, "{\"status\":\"ready\"}"), "{}", ready.2);
        check(project.path(), &["--port", &port], "port", "ok", &["a fraiseql serves on"]);
        let (code, alive, _) = run(project.path(), &["health", "--live", "--port", &port]);
        assert!(code == 0 && alive.contains("schema_hash"), "{alive}");
        drop(program);
        let (code, _, complaint) = run(project.path(), &["health", "--port", &port]);
        assert!(code == 1 && complaint.contains("refused"), "{complaint}");
    }
    let down = project("postgres://nobody@127.0.0.1:1/x", "");
    let mut program = Program::start(down.path(), &["run"]);
    let port = program.address().await.port().to_string();
    let (code, _, complaint) = run(down.path(), &["health", "--port", &port]);
    assert!(code == 1 && complaint.contains("unready"), "{complaint}");
    assert_eq!(run(down.path(), &["health", "--live", "--port", &port]).0, 0);
}
