//! The clients of other people: graphql-js as the judge, the over-HTTP rules, the pages in a browser.

use std::fs;
use std::process::Command;
use std::sync::Once;

use crate::harness::{Database, crate_path};
use crate::program::{self, Program};

/// The shop, served by the binary with everything switched on that a person may look at.
pub async fn shop(more: &str) -> (tempfile::TempDir, Database, Program) {
    let directory = tempfile::tempdir().unwrap();
    let shop = crate_path("examples/shop");
    fs::copy(shop.join("schema.py"), directory.path().join("schema.py")).unwrap();
    let toml = fs::read_to_string(shop.join("fraiseql.toml")).unwrap();
    let settings = "\n[server]\nhost = \"127.0.0.1\"\nport = 0\n\n[graphql]\nintrospection = true\nplayground = true\n\n[rest]\ndocs = true\n";
    let more = format!("{settings}{more}");
    fs::write(directory.path().join("fraiseql.toml"), toml + &more).unwrap();
    let (code, _, complaint) =
        program::run(directory.path(), &["compile", "--sdl", "schema.graphql", "--output-proto", "proto"]);
    assert_eq!(code, 0, "{complaint}");
    let database = Database::of_directory(shop.join("sql"));
    let program = Program::start(directory.path(), &["run", "--database", &database.url()]);
    (directory, database, program)
}

/// Runs the Node scripts of `tests/clients` against the shop.
#[tokio::test]
async fn node_clients_agree() {
    let clients = crate_path("tests/clients");
    install();
    let (directory, _database, mut program) = shop("").await;
    let address = program.address().await;
    let mut node = tokio::process::Command::new("node");
    node.args(["--test", "graphql.mjs", "over_http.mjs", "graphiql.mjs", "docs.mjs"])
        .current_dir(&clients)
        .env("GRAPHQL_URL", format!("http://{address}/graphql"))
        .env("REST_URL", format!("http://{address}/rest"))
        .env("GRAPHQL_SDL", directory.path().join("schema.graphql"))
        // The runner of another run that this one belongs to.
        .env_remove("NODE_TEST_CONTEXT");
    let output = node.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}\n{}", String::from_utf8_lossy(&output.stderr), program.said());
    assert!(said.contains("pass "), "{said}");
}

/// Thousands of requests made from the OpenAPI description, good and bad ones.
#[tokio::test]
async fn schemathesis_finds_nothing() {
    let (_directory, _database, mut program) = shop("").await;
    let address = program.address().await;
    let mut run = tokio::process::Command::new("sh");
    run.arg(crate_path("tests/clients/schemathesis.sh")).arg(format!("http://{address}/rest"));
    let output = run.current_dir(std::env::temp_dir()).output().await.unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaint}\n{}", program.said());
}

/// What `make setup` does, for a run without it; once, whoever asks first.
pub fn install() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let clients = crate_path("tests/clients");
        let written = |file: &str| fs::metadata(clients.join(file)).and_then(|file| file.modified()).ok();
        if written("node_modules/.package-lock.json").is_some_and(|then| Some(then) >= written("package-lock.json")) {
            return;
        }
        let npm = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(clients).output();
        let npm = npm.unwrap_or_else(|error| panic!("npm: {error}; `make setup` installs what the tests need"));
        assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
    });
}
