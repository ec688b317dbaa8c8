//! What the federation page prints, as the files of `examples/federation`: each is taken as it is.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::{Database, crate_path};
use crate::http;
use crate::program::{self, Program, command};

const PAGE: &str = "examples/federation";

/// A project of these files: where each comes from on the page, and its name.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (from, to) in files {
        fs::copy(crate_path(PAGE).join(from), directory.path().join(to)).unwrap();
    }
    directory
}

/// Runs the script as the page does, by Python alone.
fn python(directory: &Path, arguments: &[&str]) {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut run = std::process::Command::new(python);
    run.args(arguments)
        .current_dir(directory)
        .env("PYTHONPATH", crate_path("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = run.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn fraiseql(directory: &Path, arguments: &[&str]) -> String {
    let mut run = command(directory, arguments);
    run.env("DATABASE_URL", "postgres://localhost/page").env("NATS_URL", "nats://localhost");
    let output = run.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn sdl(directory: &Path, arguments: &[&str]) -> String {
    fraiseql(directory, &[&["compile", "--sdl", "out.graphql"], arguments].concat());
    fs::read_to_string(directory.join("out.graphql")).unwrap()
}

/// Entities that Python names and entities that fraiseql.toml names are the same subgraph.
#[test]
fn both_ways_to_declare_entities() {
    let toml = ("user-service/fraiseql.toml", "fraiseql.toml");
    let sdk = project(&[toml, ("user-service/schema.py", "schema.py")]);
    python(sdk.path(), &["schema.py"]);
    let declared = sdl(sdk.path(), &[]);
    assert!(declared.contains("type User @key(fields: \"id\") {"), "{declared}");
    assert!(declared.contains("federation/v2.0\", import: [\"@key\"]"), "{declared}");

    let toml_first = project(&[toml, ("user-service/schema_toml_first.py", "schema.py")]);
    python(toml_first.path(), &["-c", "import schema, fraiseql; fraiseql.export_schema('schema.json')"]);
    assert_eq!(sdl(toml_first.path(), &[]), declared);

    let types = project(&[toml, ("user-service/schema_toml_first.py", "schema.py")]);
    python(types.path(), &["-c", "import schema, fraiseql; fraiseql.export_types('types.json')"]);
    let only_types = sdl(types.path(), &["types.json"]);
    assert!(
        only_types.contains("type User @key(fields: \"id\") {") && !only_types.contains("type Query"),
        "{only_types}"
    );
}

/// The script that only declares is served by `fraiseql dev` as it stands.
#[tokio::test]
async fn a_script_without_a_main_block_is_served() {
    let project =
        project(&[("user-service/fraiseql.toml", "fraiseql.toml"), ("user-service/schema_toml_first.py", "schema.py")]);
    fs::create_dir(project.path().join("sql")).unwrap();
    for file in crate_path(PAGE).join("user-service/sql").read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, project.path().join("sql").join(file.file_name().unwrap())).unwrap();
    }
    let mut program = Program::start(project.path(), &["dev", ".", "--port", "0"]);
    let address = program.address().await;
    let query = "{ users { name } _entities(representations: [{__typename: \"User\", id: \"22222222-2222-4222-8222-222222222222\"}]) { ... on User { email } } }";
    let headers = [("content-type", "application/json")];
    let body = json!({"query": query}).to_string();
    let answer = http::send(address, "POST", "/graphql", &headers, body.as_bytes()).await.unwrap().json();
    assert_eq!(answer["data"]["_entities"], json!([{"email": "ben@example.com"}]), "{answer}");
    assert_eq!(answer["data"]["users"][0], json!({"name": "Ann"}));
    // REST is on the same port without a word about it.
    assert_eq!(http::send(address, "GET", "/rest/users", &[], b"").await.unwrap().status, 200);
}

/// Every `fraiseql.toml` of the page, with what it says in effect.
#[test]
fn every_configuration() {
    for (file, expected) in [
        ("fraiseql.toml", &["apollo_version = 2", "port = 8080", "failure_threshold = 5"][..]),
        ("fraiseql.observers.toml", &["backend = \"nats\"", "nats_url = \"nats://localhost"]),
        (
            "fraiseql.breaker.toml",
            &[
                "enabled = true",
                "recovery_timeout_secs = 30",
                "success_threshold = 2",
                "database = \"Order\"",
                "recovery_timeout_secs = 60",
            ],
        ),
    ] {
        let from = format!("order-service/{file}");
        let project = project(&[(&from, "fraiseql.toml"), ("order-service/schema.py", "schema.py")]);
        python(project.path(), &["schema.py"]);
        assert!(sdl(project.path(), &[]).contains("type Order @key(fields: \"id\") {"), "{file}");
        let printed = fraiseql(project.path(), &["run", "--print-config"]);
        for part in expected {
            assert!(printed.contains(part), "{file}: {part}\n{printed}");
        }
    }
}

/// With the breaker of the page, the third failure opens it, for a minute.
#[tokio::test]
async fn the_breaker_of_the_page() {
    let project =
        project(&[("order-service/fraiseql.breaker.toml", "fraiseql.toml"), ("order-service/schema.py", "schema.py")]);
    python(project.path(), &["schema.py"]);
    let database = Database::of_directory(crate_path(PAGE).join("order-service/sql"));
    let (code, _, complaint) = program::run(project.path(), &["compile", "--database", &database.url()]);
    assert_eq!(code, 0, "{complaint}");
    let mut program = Program::start(project.path(), &["run", "--port", "0", "--database", &database.url()]);
    let address = program.address().await;
    let ask = async || {
        let query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Order { status } } }";
        let order = json!([{"__typename": "Order", "id": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"}]);
        let body = json!({"query": query, "variables": {"r": order}}).to_string();
        let headers = [("content-type", "application/json")];
        http::send(address, "POST", "/graphql", &headers, body.as_bytes()).await.unwrap()
    };
    assert_eq!(ask().await.json(), json!({"data": {"_entities": [{"status": "shipped"}]}}));
    // A function that fails like a broken database, in the place of a value.
    database.execute(
        "CREATE FUNCTION broken() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '53300'; END $$; \
         CREATE OR REPLACE VIEW v_order AS SELECT id, total, broken() AS status, user_id, created_at, NULL::jsonb AS data FROM tb_order",
    );
    for _ in 0..3 {
        let answer: Json = ask().await.json();
        assert_ne!(answer["errors"][0]["extensions"]["code"], "CIRCUIT_BREAKER_OPEN", "{answer}");
    }
    let reply = ask().await;
    let secs: u64 = reply.header("retry-after").unwrap_or_else(|| panic!("{}", reply.text())).parse().unwrap();
    assert!(reply.status == 503 && (31..=60).contains(&secs), "{secs}");
    let metrics = http::send(address, "GET", "/metrics", &[], b"").await.unwrap().text();
    // The line that the page prints.
    assert!(
        metrics.lines().any(|line| line == "fraiseql_federation_circuit_breaker_state{entity=\"Order\"} 1"),
        "{metrics}"
    );
}

/// The routers' files and the services agree about ports, names and paths, and the token is passed on.
#[test]
fn the_files_of_routers() {
    let read = |name: &str| fs::read_to_string(crate_path(PAGE).join(name)).unwrap();
    let (router, supergraph) = (read("router.yaml"), read("supergraph.yaml"));
    for url in ["http://user-service:4001/graphql", "http://order-service:4002/graphql"] {
        assert!(router.contains(&format!("routing_url: {url}\n")), "{router}");
        assert!(
            supergraph.contains(&format!("routing_url: {url}\n    schema:\n      subgraph_url: {url}\n")),
            "{supergraph}"
        );
    }
    assert!(router.contains("  all:\n    request:\n      - propagate:\n          named: Authorization\n"), "{router}");
    let run = read("gateway/run.mjs");
    assert!(run.contains("port('USERS_PORT', 4001)") && run.contains("port('ORDERS_PORT', 4002)"), "{run}");
}
