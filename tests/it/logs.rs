//! What is logged of requests, what never is, and that a log which cannot be written costs nobody an answer.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::clients::shop;
use crate::harness::{Database, crate_path};
use crate::http::{self, Reply};
use crate::program::{self, Program, eventually};
use crate::tokens::{AUTH, bearer};
use crate::world;

const NAMES: &str = "query Names($name: String) { users(where: {name: {eq: $name}}) { name } }";

async fn graphql(address: SocketAddr, headers: &[(&str, &str)], query: &str, variables: Json) -> Reply {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    http::send(address, "POST", "/graphql", &all, &http::graphql(query, variables)).await.unwrap()
}

fn lines(program: &Program) -> Vec<Json> {
    let said = program.said();
    let lines = said.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The access lines of a request.
fn access(program: &Program, id: &str) -> Vec<Json> {
    let is_its_own = |line: &Json| line["target"] == "fraiseql::access" && line["fields"]["request_id"] == id;
    lines(program).into_iter().filter(is_its_own).map(|mut line| line["fields"].take()).collect()
}

async fn only_access(program: &Program, id: &str) -> Json {
    eventually(async || !access(program, id).is_empty()).await;
    let mut all = access(program, id);
    assert_eq!(all.len(), 1, "{id}: {}", program.said());
    all.remove(0)
}

#[tokio::test]
async fn each_request_leaves_one_line() {
    let (_directory, _database, mut program) = shop("\n[telemetry]\nlog = \"info,fraiseql::access=debug\"\n").await;
    let address = program.address().await;
    let id = |id| [("x-request-id", id)];
    let answered = graphql(address, &id("one.graphql"), NAMES, json!({"name": "nobody"})).await;
    assert_eq!(answered.header("x-request-id"), Some("one.graphql"));
    graphql(address, &id("two.graphql"), "{ nothing }", json!({})).await;
    let rest = http::send(address, "GET", "/rest/users?limit=2", &id("one.rest"), b"").await.unwrap();
    assert_eq!(rest.header("x-request-id"), Some("one.rest"));
    http::send(address, "GET", "/rest/users?age=x", &id("two.rest"), b"").await.unwrap();
    http::send(address, "GET", "/health", &id("health"), b"").await.unwrap();
    #[cfg(feature = "grpc-transport")]
    {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        let client = crate::grpc::Client::over(endpoint.connect().await.unwrap(), "shop.v1.ShopService", None).await;
        let mut request = tonic::Request::new(client.encode("ListUsers", &json!({"limit": "2"})));
        request.metadata_mut().insert("x-request-id", "one.grpc".parse().unwrap());
        let mut call = tonic::client::Grpc::new(client.channel.clone());
        call.ready().await.unwrap();
        let path = client.path("ListUsers").parse().unwrap();
        let answer = call.server_streaming(request, path, crate::grpc::Plain).await.unwrap();
        assert_eq!(answer.metadata().get("x-request-id").unwrap(), "one.grpc");
        let mut messages = answer.into_inner();
        while messages.message().await.unwrap().is_some() {}
        let line = only_access(&program, "one.grpc").await;
        let found = (&line["transport"], &line["endpoint"], &line["rows"]);
        assert_eq!(found, (&json!("grpc"), &json!("users"), &json!(2)));
    }

    let line = only_access(&program, "one.graphql").await;
    let body = answered.body.len();
    for (field, value) in [
        ("transport", json!("graphql")),
        ("method", json!("POST")),
        ("endpoint", json!("users")),
        ("status", json!(200)),
        ("rows", json!(0)),
        ("bytes", json!(body)),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0 && line.get("code").is_none(), "{line}");
    let line = only_access(&program, "two.graphql").await;
    assert_eq!((&line["endpoint"], &line["code"]), (&json!("(none)"), &json!("INVALID_ARGUMENT")));
    let line = only_access(&program, "one.rest").await;
    assert_eq!((&line["transport"], &line["endpoint"]), (&json!("rest"), &json!("users")));
    assert_eq!((&line["bytes"], &line["method"]), (&json!(rest.body.len()), &json!("GET")));
    let line = only_access(&program, "two.rest").await;
    assert_eq!((&line["status"], &line["code"]), (&json!(400), &json!("INVALID_ARGUMENT")));
    assert_eq!(only_access(&program, "health").await["transport"], "other");
}

#[tokio::test]
async fn lines_for_people() {
    let pretty = "\n[telemetry]\nlog = \"info,fraiseql::access=debug\"\nlog_format = \"pretty\"\n";
    let (_directory, _database, mut program) = shop(pretty).await;
    let address = program.address().await;
    graphql(address, &[("x-request-id", "for.people")], "{ users { id } }", json!({})).await;
    program.says("answered request_id=\"for.people\" transport=\"graphql\"", 1).await;
    assert_eq!(lines(&program), Vec::<Json>::new());
}

/// Who wants traces from a binary that cannot send them is told so, and is served.
#[cfg(not(feature = "grpc-transport"))]
#[tokio::test]
async fn traces_that_cannot_be_sent() {
    let (_directory, _database, mut program) = shop("\n[telemetry]\notlp_endpoint = \"http://127.0.0.1:1\"\n").await;
    let address = program.address().await;
    program.says("this binary was built without --features grpc-transport", 1).await;
    assert_eq!(http::send(address, "GET", "/rest/users", &[], b"").await.unwrap().status, 200);
}

/// At `info`, what went well is not told.
#[tokio::test]
async fn a_quiet_log_tells_of_errors() {
    let (_directory, _database, mut program) = shop("").await;
    let address = program.address().await;
    graphql(address, &[("x-request-id", "good")], "{ users { id } }", json!({})).await;
    graphql(address, &[("x-request-id", "bad")], "{ nothing }", json!({})).await;
    only_access(&program, "bad").await;
    assert_eq!(access(&program, "good"), Vec::<Json>::new());
    assert!(!program.said().contains("\"good\""));
}

#[tokio::test]
async fn request_ids_that_are_none_are_replaced() {
    let (_database, api) = world::api().await;
    for id in ["", "with space", "a\"b", "a/b", "ä", &"x".repeat(129)] {
        let reply = api.send("GET", "/rest/items?limit=1", &[("x-request-id", id)], b"").await;
        let given = reply.header("x-request-id").unwrap();
        assert!(given != id && !given.is_empty(), "{id}: {given}");
    }
    let longest = "x".repeat(128);
    let reply = api.send("GET", "/rest/items?limit=1", &[("x-request-id", &longest)], b"").await;
    assert_eq!(reply.header("x-request-id"), Some(longest.as_str()));
}

/// Everything that is sent and configured is looked for in everything that is logged, at every level.
#[tokio::test]
async fn secrets_and_values_are_never_logged() {
    let trace = "\n[telemetry]\nlog = \"trace,tokio_postgres=trace,tokio_postgres::query=trace\"\n";
    let (_directory, database, mut program) = shop(&format!("\n{AUTH}{trace}")).await;
    let address = program.address().await;
    let authorization = bearer(json!({"sub": "claimed-secret"}));
    let token = authorization.strip_prefix("Bearer ").unwrap().to_owned();
    let signature = token.rsplit('.').next().unwrap().to_owned();
    let known = [("authorization", authorization.as_str())];
    graphql(address, &known, NAMES, json!({"name": "variable-secret"})).await;
    graphql(address, &known, "{ users(where: {name: {eq: \"literal-secret\"}}) { name } }", json!({})).await;
    graphql(address, &known, NAMES, json!({"name": ["listed-secret"]})).await;
    graphql(address, &known, "{ user(id: \"badid-secret\") { name } }", json!({})).await;
    graphql(address, &[("authorization", "Bearer wrong-secret")], NAMES, json!({})).await;
    graphql(address, &[("authorization", "Basic basic-secret")], NAMES, json!({})).await;
    for path in [
        "/rest/users?name=parameter-secret",
        "/rest/users?filter={\"name\":{\"eq\":\"filter-secret\"}}",
        "/rest/users/path-secret",
        "/rest/users?age=number-secret",
        "/rest/users?after=cursor-secret",
        "/nowhere/nowhere-secret",
    ] {
        http::send(address, "GET", path, &[known[0], ("cookie", "cookie-secret")], b"").await.unwrap();
    }
    let json = [known[0], ("content-type", "application/json")];
    for body in ["{\"name\": \"body-secret\"}", "{\"name\": \"broken-secret"] {
        http::send(address, "POST", "/rest/users", &json, body.as_bytes()).await.unwrap();
        http::send(address, "POST", "/graphql", &json, body.as_bytes()).await.unwrap();
    }
    #[cfg(feature = "grpc-transport")]
    {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let client = crate::grpc::Client::over(channel, "shop.v1.ShopService", Some(authorization.clone())).await;
        client.ask("ListUsers", json!({"where": {"name": {"eq": "message-secret"}}})).await.unwrap();
        client.ask("GetUser", json!({"id": "key-secret"})).await.unwrap_err();
    }
    graphql(address, &[("x-request-id", "the.last.one")], "{ nothing }", json!({})).await;
    program.says("the.last.one", 1).await;
    let said = program.said();
    assert!(said.contains("\"TRACE\"") && said.contains("SELECT"), "nothing was logged");
    for (number, line) in said.lines().enumerate() {
        for secret in ["-secret", &token, &signature, "that only the issuer"] {
            assert!(!line.contains(secret), "line {number} has {secret}: {line}");
        }
    }
    drop(database);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_costs_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let shop = crate_path("examples/shop");
    fs::copy(shop.join("schema.py"), directory.path().join("schema.py")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let toml = fs::read_to_string(shop.join("fraiseql.toml")).unwrap();
    let more = format!("\n[server]\nhost = \"127.0.0.1\"\nport = {}\n[telemetry]\nlog = \"trace\"\n", free.port());
    fs::write(directory.path().join("fraiseql.toml"), toml + &more).unwrap();
    assert_eq!(program::run(directory.path(), &["compile"]).0, 0);
    let database = Database::of_directory(shop.join("sql"));
    let mut command = program::command(directory.path(), &["run", "--database", &database.url()]);
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let child = command.stdout(full()).stderr(full()).spawn().unwrap();
    let _killed = Killed(child);
    let ready =
        eventually(async || http::send(free, "GET", "/ready", &[], b"").await.is_ok_and(|reply| reply.status == 200));
    assert!(ready.await, "it does not start");
    for i in 0..50 {
        let reply = graphql(free, &[], "{ users(limit: 1) { id } }", json!({})).await;
        assert!(reply.status == 200 && reply.json().get("errors").is_none(), "{i}: {}", reply.text());
        let refused = graphql(free, &[], "{ nothing }", json!({})).await;
        assert_eq!(refused.json()["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(http::send(free, "GET", "/rest/users?limit=1", &[], b"").await.unwrap().status, 200);
    }
}

/// A process that goes with the test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn stages_in_the_header_of_who_asks_for_them() {
    let (_database, api) = world::api_with("[telemetry]\nserver_timing = true\n").await;
    let stages = |reply: &Reply| -> Vec<String> {
        let header = reply.header("server-timing").unwrap_or_else(|| panic!("{:?}", reply.headers)).to_owned();
        let stage = |part: &str| {
            let (name, time) = part.split_once(";dur=").unwrap();
            assert!(time.parse::<f64>().unwrap() > 0.0, "{header}");
            name.to_owned()
        };
        header.split(", ").map(stage).collect()
    };
    let ask = json!({"query": "{ items { id } }"});
    let (first, second) = (api.post(&ask, &[]).await, api.post(&ask, &[]).await);
    assert_eq!(stages(&first), ["decode", "plan", "write", "execute", "encode", "total"]);
    assert_eq!(stages(&second), ["decode", "execute", "encode", "total"]);
    assert_eq!(stages(&api.get("/rest/things").await), ["decode", "plan", "write", "execute", "encode", "total"]);
    assert_eq!(stages(&api.get("/rest/nothing").await), ["total"]);
    let (_database, quiet) = world::api().await;
    assert_eq!(quiet.get("/rest/items").await.header("server-timing"), None);
}
