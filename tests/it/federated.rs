//! The examples of federation, as a person runs them: through a real gateway.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::clients::{install, node};
use crate::harness::{Database, crate_path};
use crate::http;
use crate::program::{self, Program};

const GATEWAY: &str = "examples/federation/gateway";

const ORDER: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";

/// A process that is killed when the test fails before it has ended.
struct Running {
    child: Child,
    said: String,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// What stands behind a text in the line that begins with it.
    async fn says(&mut self, start: &str) -> String {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.said.push_str(&line);
            self.said.push('\n');
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
        panic!("it does not say {start:?}:\n{}", self.said)
    }
}

/// Two services, a supergraph of their live SDL, the page's query with a token: what `make federation KEEP=1` does,
/// and then what the README does to the PostgreSQL of one of them.
#[tokio::test]
async fn the_dashboard_is_composed() {
    install(&crate_path(GATEWAY));
    // Held together, so that they are three.
    let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = free.each_ref().map(|listener| listener.local_addr().unwrap().port());
    drop(free);
    let example = tempfile::tempdir().unwrap();
    copy(&crate_path("examples/federation"), example.path());
    let mut run = tokio::process::Command::new("node");
    run.arg(crate_path(GATEWAY).join("run.mjs")).args([env!("CARGO_BIN_EXE_fraiseql"), "--keep"]);
    run.env("EXAMPLE", example.path()).env("FRAISEQL_FEDERATION_CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS", "1");
    for (name, port) in ["USERS_PORT", "ORDERS_PORT", "GATEWAY_PORT"].iter().zip(ports) {
        run.env(name, port.to_string());
    }
    let mut child = run.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut running = Running { child, said: String::new(), lines };
    let token = running.says("export TOKEN=").await;
    let postgres = running.says("export ORDERS_PG=").await;
    let said = &running.said;
    let (before, dashboard) = said.split_once("UserDashboard, with one:\n").unwrap_or_else(|| panic!("{said}"));
    assert!(before.contains("Without a token: this needs a token"), "{said}");
    let dashboard: Json = serde_json::from_str(dashboard.split_once("\n\n").unwrap().0).unwrap();
    let expected = json!({
        "user": {"id": "11111111-1111-4111-8111-111111111111", "name": "Ann", "email": "ann@example.com"},
        "order": {"id": ORDER, "total": 42.5, "status": "shipped"},
    });
    assert_eq!(dashboard, expected);

    let orders = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[1]));
    the_breaker_follows(orders, &format!("Bearer {token}"), &postgres).await;
    let postmaster = fs::read_to_string(Path::new(&postgres).join("data/postmaster.pid")).unwrap();
    let postmaster = Pid::from_raw(postmaster.lines().next().unwrap().parse().unwrap());
    kill(Pid::from_raw(running.child.id().unwrap() as i32), Signal::SIGINT).unwrap();
    assert!(running.child.wait().await.unwrap().success());
    assert!(program::eventually(async || kill(postmaster, None).is_err()).await, "PostgreSQL is left behind");
    assert!(!Path::new(&postgres).exists());
}

/// Stops PostgreSQL and starts it again; the gauge says what becomes of the breaker.
async fn the_breaker_follows(orders: SocketAddr, token: &str, postgres: &str) {
    let ask = async || {
        let query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Order { total } } }";
        let body = json!({"query": query, "variables": {"r": [{"__typename": "Order", "id": ORDER}]}}).to_string();
        let headers = [("content-type", "application/json"), ("authorization", token)];
        http::send(orders, "POST", "/graphql", &headers, body.as_bytes()).await.unwrap()
    };
    let state = async || {
        let metrics = http::send(orders, "GET", "/metrics", &[("authorization", token)], b"").await.unwrap().text();
        let start = "fraiseql_federation_circuit_breaker_state{entity=\"Order\"} ";
        metrics.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{metrics}")).to_owned()
    };
    let turn = async |action: &str| {
        let mut node = tokio::process::Command::new("node");
        node.arg(crate_path(GATEWAY).join("postgres.mjs")).args([action, postgres]);
        let output = node.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    assert_eq!((state().await.as_str(), ask().await.json()), ("0", json!({"data": {"_entities": [{"total": 42.5}]}})));
    turn("stop").await;
    for _ in 0..5 {
        assert_eq!(ask().await.json()["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    }
    assert_eq!(state().await, "1");
    // Open, or already trying again.
    let reply = ask().await;
    assert!(reply.status == 503 && reply.header("retry-after").is_some() || reply.status == 200, "{}", reply.text());
    turn("start").await;
    assert!(program::eventually(async || ask().await.status == 200 && state().await == "0").await);
    assert_eq!(ask().await.json()["data"]["_entities"][0]["total"], 42.5);
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
