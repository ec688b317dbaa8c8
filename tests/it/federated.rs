//! The examples of federation, as a person runs them: through a real gateway.

use std::fs;
use std::net::TcpListener;

use crate::clients::{install, node};
use crate::harness::{Database, crate_path};
use crate::program::{self, Program};

const GATEWAY: &str = "examples/federation/gateway";

/// Two services, a supergraph of their live SDL, the page's query with a token: what `make federation` does.
#[tokio::test]
async fn the_dashboard_is_composed() {
    install(&crate_path(GATEWAY));
    // Held together, so that they are three.
    let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = free.each_ref().map(|listener| listener.local_addr().unwrap().port());
    drop(free);
    let example = tempfile::tempdir().unwrap();
    copy(&crate_path("examples/federation"), example.path());
    let script = crate_path(GATEWAY).join("run.mjs");
    let mut run = tokio::process::Command::new("node");
    run.arg(script).arg(env!("CARGO_BIN_EXE_fraiseql")).env("EXAMPLE", example.path());
    for (name, port) in ["USERS_PORT", "ORDERS_PORT", "GATEWAY_PORT"].iter().zip(ports) {
        run.env(name, port.to_string());
    }
    let output = run.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let (before, dashboard) = said.split_once("UserDashboard, with one:\n").unwrap_or_else(|| panic!("{said}"));
    assert!(before.contains("Without a token: this needs a token"), "{said}");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let expected = serde_json::json!({
        "user": {"id": "11111111-1111-4111-8111-111111111111", "name": "Ann", "email": "ann@example.com"},
        "order": {"id": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "total": 42.5, "status": "shipped"},
    });
    assert_eq!(dashboard, expected);
}

/// The subgraph of the compatibility suite: by itself, and beside two services in Node behind a gateway.
#[tokio::test]
async fn the_products_are_compatible() {
    install(&crate_path(GATEWAY));
    let project = tempfile::tempdir().unwrap();
    let example = crate_path("examples/products");
    fs::copy(example.join("schema.py"), project.path().join("schema.py")).unwrap();
    let toml = fs::read_to_string(example.join("fraiseql.toml")).unwrap();
    assert!(toml.contains("port = 4001\n"), "{toml}");
    fs::write(project.path().join("fraiseql.toml"), toml.replace("port = 4001\n", "host = \"127.0.0.1\"\nport = 0\n"))
        .unwrap();
    let database = Database::of_directory(example.join("sql"));
    let (code, _, complaint) = program::run(project.path(), &["compile", "--database", &database.url()]);
    assert_eq!(code, 0, "{complaint}");
    let mut program = Program::start(project.path(), &["run", "--database", &database.url()]);
    let url = format!("http://{}/graphql", program.address().await);
    node(&["products.mjs", "gateway.mjs"], &[("PRODUCTS_URL", url)], || program.said()).await;
}

/// Copies the two projects of the example, so that what `dev` writes beside them stays out of the tree.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    for service in ["user-service", "order-service"] {
        let (from, to) = (from.join(service), to.join(service));
        fs::create_dir_all(to.join("sql")).unwrap();
        for file in ["fraiseql.toml", "schema.py"] {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
        for file in from.join("sql").read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            fs::copy(&file, to.join("sql").join(file.file_name().unwrap())).unwrap();
        }
    }
}
