//! The clients of other people: graphql-js as the judge, the over-HTTP rules, the pages in a browser.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

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
    let mut compile = vec!["compile", "--sdl", "schema.graphql"];
    if cfg!(feature = "grpc-transport") {
        compile.extend(["--output-proto", "proto"]);
    }
    let (code, _, complaint) = program::run(directory.path(), &compile);
    assert_eq!(code, 0, "{complaint}");
    let database = Database::of_directory(shop.join("sql"));
    let program = Program::start(directory.path(), &["run", "--database", &database.url()]);
    (directory, database, program)
}

/// Runs the Node scripts of `tests/clients` against the shop.
#[tokio::test]
async fn node_clients_agree() {
    let (directory, _database, mut program) = shop("").await;
    let address = program.address().await;
    let environment = [
        ("GRAPHQL_URL", format!("http://{address}/graphql")),
        ("REST_URL", format!("http://{address}/rest")),
        ("GRAPHQL_SDL", directory.path().join("schema.graphql").display().to_string()),
    ];
    node(&["graphql.mjs", "over_http.mjs", "graphiql.mjs", "docs.mjs"], &environment, || program.said()).await;
}

/// Runs scripts of `tests/clients`, and shows what the server said when one of them fails.
pub async fn node(scripts: &[&str], environment: &[(&str, String)], server_said: impl Fn() -> String) {
    let clients = crate_path("tests/clients");
    install(&clients);
    let mut node = tokio::process::Command::new("node");
    node.arg("--test").args(scripts).current_dir(&clients);
    node.envs(environment.iter().map(|(name, value)| (name, value)));
    // The runner of another run that this one belongs to.
    node.env_remove("NODE_TEST_CONTEXT");
    let output = node.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}\n{}", String::from_utf8_lossy(&output.stderr), server_said());
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

/// What `make setup` does, for a run without it. One test installs, the others wait for it.
pub fn install(directory: &Path) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = |path: &str| fs::metadata(directory.join(path)).and_then(|metadata| metadata.modified()).ok();
    if changed("node_modules/.package-lock.json") >= changed("package-lock.json") {
        return;
    }
    let npm = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(directory).output();
    let npm = npm.unwrap_or_else(|error| panic!("npm: {error}; `make setup` installs what the tests need"));
    assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
}
