//! What `/metrics` says, and that the dashboard asks for nothing else.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::harness::crate_path;
use crate::program::eventually;
use crate::service::{Api, config};
use crate::{subgraph, world};

/// Samples by their names and labels, as `/metrics` prints them.
pub async fn samples(api: &Api) -> BTreeMap<String, f64> {
    let text = scraped(api).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    lines.map(|line| sample(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// How many requests were sent away for this reason.
pub async fn shed(api: &Api, reason: &str) -> f64 {
    samples(api).await[&format!("fraiseql_requests_shed_total{{reason=\"{reason}\"}}")]
}

async fn scraped(api: &Api) -> String {
    let reply = api.get("/metrics").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = reply.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

/// Waits until a sample has this value: streams are counted when their last byte has left.
async fn comes_to(api: &Api, sample: &str, value: f64) {
    let mut last = None;
    let came = eventually(async || {
        last = samples(api).await.get(sample).copied();
        last == Some(value)
    });
    assert!(came.await, "{sample} is {last:?}, not {value}");
}

#[tokio::test]
async fn requests_and_errors_by_transport_and_endpoint() {
    let (_database, api) = world::api().await;
    for _ in 0..2 {
        api.data("{ items(limit: 3) { id } }", json!({})).await;
    }
    api.data("{ a: items(limit: 1) { id } b: items(limit: 1) { id } }", json!({})).await;
    api.data("{ items(limit: 1) { id } things(limit: 1) { id } }", json!({})).await;
    api.refusal("{ nothing }", json!({})).await;
    api.refusal("{ adminSecrets { id } }", json!({})).await;
    assert_eq!(api.get("/rest/items?limit=2").await.status, 200);
    assert_eq!(api.get("/rest/items?size=x").await.status, 400);
    assert_eq!(api.get("/rest/nothing").await.status, 404);
    assert_eq!(api.get("/nowhere").await.status, 404);
    assert_eq!(api.send("PUT", "/graphql", &[], b"").await.status, 405);
    let all = samples(&api).await;
    let labels = |transport: &str, endpoint: &str| format!("transport=\"{transport}\",endpoint=\"{endpoint}\"");
    for (transport, endpoint, count) in [
        ("graphql", "items", 3.0),
        ("graphql", "(several)", 1.0),
        ("graphql", "(none)", 2.0),
        ("graphql", "adminSecrets", 1.0),
        ("rest", "items", 2.0),
        ("rest", "(none)", 1.0),
    ] {
        let labels = labels(transport, endpoint);
        assert_eq!(all.get(&format!("fraiseql_requests_total{{{labels}}}")), Some(&count), "{labels}\n{all:#?}");
        let times = format!("fraiseql_request_duration_seconds_count{{{labels}}}");
        assert_eq!(all.get(&times), Some(&count), "{labels}");
        assert!(all[&format!("fraiseql_request_duration_seconds_sum{{{labels}}}")] > 0.0, "{labels}");
    }
    for (transport, endpoint, code) in [
        ("graphql", "(none)", "INVALID_ARGUMENT"),
        ("graphql", "(none)", "METHOD_NOT_ALLOWED"),
        ("graphql", "adminSecrets", "UNAUTHENTICATED"),
        ("rest", "items", "INVALID_ARGUMENT"),
        ("rest", "(none)", "NOT_FOUND"),
        ("other", "(none)", "NOT_FOUND"),
    ] {
        let name = format!("fraiseql_request_errors_total{{{},code=\"{code}\"}}", labels(transport, endpoint));
        assert_eq!(all.get(&name), Some(&1.0), "{name}\n{all:#?}");
    }
    let good = all.keys().filter(|name| name.starts_with("fraiseql_request_errors") && name.contains("(several)"));
    assert_eq!(good.count(), 0);
    assert_eq!(all["fraiseql_requests_in_flight{transport=\"graphql\"}"], 0.0);
    // The one that is just being answered.
    assert_eq!(all["fraiseql_requests_in_flight{transport=\"other\"}"], 1.0);
    // 3 + 3, 1 + 1, 1 + 1 of GraphQL; REST asks for one row more than it shows.
    assert_eq!(all["fraiseql_rows_total{transport=\"graphql\"}"], 10.0);
    assert_eq!(all["fraiseql_rows_total{transport=\"rest\"}"], 3.0);
    assert!(all["fraiseql_response_bytes_total{transport=\"graphql\"}"] > 100.0);
}

#[tokio::test]
async fn streams_count_when_they_have_ended() {
    let (_database, api) = world::api().await;
    let ndjson = [("accept", "application/x-ndjson")];
    let reply = api.send("GET", "/rest/items", &ndjson, b"").await;
    comes_to(&api, "fraiseql_requests_total{transport=\"rest\",endpoint=\"items\"}", 1.0).await;
    let all = samples(&api).await;
    assert_eq!(all["fraiseql_rows_total{transport=\"rest\"}"], 60.0);
    assert_eq!(all["fraiseql_response_bytes_total{transport=\"rest\"}"], reply.body.len() as f64);
    assert_eq!(all["fraiseql_requests_in_flight{transport=\"rest\"}"], 0.0);
}

#[cfg(feature = "grpc-transport")]
#[tokio::test]
async fn calls_of_grpc() {
    let (_database, api) = world::api().await;
    let client = crate::grpc::Client::of(&api).await;
    client.data("ListItems", json!({"limit": "4"})).await;
    client.refusal("GetItem", json!({"id": "00000000-0000-0000-0000-000000000000"})).await;
    client.refusal("ListAdminSecrets", json!({})).await;
    let labels = |endpoint: &str| format!("transport=\"grpc\",endpoint=\"{endpoint}\"");
    for endpoint in ["items", "item", "adminSecrets"] {
        comes_to(&api, &format!("fraiseql_requests_total{{{}}}", labels(endpoint)), 1.0).await;
    }
    let all = samples(&api).await;
    for (endpoint, code) in [("item", "NOT_FOUND"), ("adminSecrets", "UNAUTHENTICATED")] {
        let name = format!("fraiseql_request_errors_total{{{},code=\"{code}\"}}", labels(endpoint));
        assert_eq!(all.get(&name), Some(&1.0), "{name}\n{all:#?}");
    }
    assert_eq!(all["fraiseql_rows_total{transport=\"grpc\"}"], 4.0);
    assert!(all["fraiseql_response_bytes_total{transport=\"grpc\"}"] > 100.0);
}

#[tokio::test]
async fn stages_caches_and_connections() {
    let (_database, api) = world::api_with("[database]\npool_max = 7\n").await;
    let before = samples(&api).await;
    for size in [1, 2, 3] {
        api.data("query($size: Int) { items(where: {size: {gt: $size}}) { id } }", json!({"size": size})).await;
    }
    let after = samples(&api).await;
    let more = |name: &str| after[name] - before[name];
    for (stage, count) in [("decode", 3.0), ("plan", 1.0), ("write", 1.0), ("execute", 3.0), ("encode", 3.0)] {
        assert_eq!(more(&format!("fraiseql_stage_duration_seconds_count{{stage=\"{stage}\"}}")), count, "{stage}");
        assert!(more(&format!("fraiseql_stage_duration_seconds_sum{{stage=\"{stage}\"}}")) > 0.0, "{stage}");
    }
    assert_eq!(more("fraiseql_plan_cache_lookups_total{result=\"miss\"}"), 1.0);
    assert_eq!(more("fraiseql_plan_cache_lookups_total{result=\"hit\"}"), 2.0);
    let prepared = |result: &str| more(&format!("fraiseql_prepared_statement_lookups_total{{result=\"{result}\"}}"));
    // Each request may have come to another worker, whose connections know nothing yet.
    assert_eq!(prepared("hit") + prepared("miss"), 3.0);
    assert!(prepared("miss") >= 1.0);
    assert_eq!(more("fraiseql_pool_acquire_seconds_count"), 3.0);
    let primary = |name: &str| after[&format!("{name}{{server=\"primary\"}}")];
    assert_eq!(primary("fraiseql_pool_connections_max"), 7.0);
    assert_eq!(primary("fraiseql_pool_connections"), primary("fraiseql_pool_connections_idle"));
    assert!(primary("fraiseql_pool_connections") >= 1.0);
    assert_eq!(primary("fraiseql_pool_waiting"), 0.0);
    assert_eq!(after["fraiseql_serving"], 1.0);
    let version = env!("CARGO_PKG_VERSION");
    let grpc = cfg!(feature = "grpc-transport");
    assert_eq!(after[&format!("fraiseql_build_info{{version=\"{version}\",grpc=\"{grpc}\"}}")], 1.0);
}

/// What is counted of connections and statements is the process's, and no service's of it.
#[tokio::test]
async fn counts_go_on_after_a_reload() {
    let (_database, api) = world::api().await;
    let counts = async || -> BTreeMap<String, f64> {
        let counted = |name: &String| name.contains("_total") || name.contains("_count") || name.contains("_bucket");
        samples(&api).await.into_iter().filter(|(name, _)| counted(name)).collect()
    };
    let ask = async || api.data("{ items(limit: 3) { id } }", json!({})).await;
    ask().await;
    let mut before = counts().await;
    for _ in 0..2 {
        api.serve(&world::schema()).await;
        ask().await;
        let after = counts().await;
        for (name, count) in &before {
            assert!(after[name] >= *count, "{name} was {count}, and is {}", after[name]);
        }
        let lookups = |all: &BTreeMap<String, f64>| -> f64 {
            ["hit", "miss"]
                .map(|result| all[&format!("fraiseql_prepared_statement_lookups_total{{result=\"{result}\"}}")])
                .iter()
                .sum()
        };
        assert_eq!(lookups(&after), lookups(&before) + 1.0);
        let acquired = |all: &BTreeMap<String, f64>| all["fraiseql_pool_acquire_seconds_count"];
        assert_eq!(acquired(&after), acquired(&before) + 1.0);
        before = after;
    }
}

#[tokio::test]
async fn entities_by_the_sizes_of_their_batches() {
    let (_database, api) = subgraph::api().await;
    let user = |number: usize| json!({"__typename": "User", "id": subgraph::user_id(number)});
    let ask = "query($all: [_Any!]!) { _entities(representations: $all) { __typename } _service { sdl } }";
    api.data(ask, json!({"all": [user(1), user(2), user(1)]})).await;
    let ids = json!({"ids": [subgraph::user_id(1)]}).to_string();
    let reply = api.send("POST", "/rest/users/batch-get", &[("content-type", "application/json")], ids.as_bytes());
    assert_eq!(reply.await.status, 200);
    let all = samples(&api).await;
    assert_eq!(all["fraiseql_entity_batch_size_count{entity=\"User\"}"], 2.0);
    assert_eq!(all["fraiseql_entity_batch_size_sum{entity=\"User\"}"], 3.0);
    assert_eq!(all["fraiseql_entity_batch_size_count{entity=\"Product\"}"], 0.0);
    assert_eq!(all["fraiseql_requests_total{transport=\"rest\",endpoint=\"_entities\"}"], 1.0);
    assert_eq!(all["fraiseql_requests_total{transport=\"graphql\",endpoint=\"(several)\"}"], 1.0);
    assert_eq!(all["fraiseql_federation_circuit_breaker_state{entity=\"User\"}"], 0.0);
}

/// What is waited for is seen too.
#[tokio::test]
async fn a_server_that_has_nothing_to_serve_yet() {
    let api = Api::unready(config("postgres://nobody@127.0.0.1:1/nothing", "")).await;
    assert_eq!(api.get("/rest/items").await.status, 503);
    let all = samples(&api).await;
    assert_eq!(all["fraiseql_serving"], 0.0);
    let errors = "fraiseql_request_errors_total{transport=\"rest\",endpoint=\"(none)\",code=\"UNAVAILABLE\"}";
    assert_eq!(all[errors], 1.0);
}

/// Whatever is sent, the labels are those of the schema.
#[tokio::test]
async fn what_is_sent_becomes_no_label() {
    let (_database, api) = world::api().await;
    for i in 0..20 {
        api.refusal(&format!("{{ intruder{i} }}"), json!({})).await;
        api.data(&format!("query intruder{i} {{ intruder{i}: items(limit: 1) {{ id }} }}"), json!({})).await;
        let method = format!("INTRUDER{i}");
        for path in [format!("/rest/intruder{i}"), format!("/intruder{i}"), format!("/graphql/intruder{i}")] {
            api.get(&path).await;
            api.send(&method, &path, &[("x-request-id", "intruder")], b"").await;
        }
        let grpc = [("content-type", "application/grpc")];
        api.send("POST", &format!("/intruder{i}.v1.S/M"), &grpc, b"").await;
        let all = json!([{"__typename": format!("Intruder{i}")}]);
        api.ask("query($all: [_Any!]!) { _entities(representations: $all) { __typename } }", json!({"all": all})).await;
    }
    let text = scraped(&api).await;
    assert!(!text.to_lowercase().contains("intruder"), "{text}");
    let all = samples(&api).await;
    let counts = all.keys().filter(|name| name.starts_with("fraiseql_requests_total"));
    assert!(counts.count() <= 8, "{all:#?}");
}

/// What a family's samples are called.
fn names(text: &str) -> Vec<String> {
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = families.flat_map(|(family, kind)| {
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            "gauge" => &[""],
            other => panic!("{family} is a {other}"),
        };
        suffixes.iter().map(move |suffix| format!("{family}{suffix}"))
    });
    names.collect()
}

/// The identifiers of an expression that are names of ours.
fn asked(expression: &str) -> Vec<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("fraiseql_")).collect()
}

fn expressions(board: &Json) -> Vec<(String, String)> {
    let panels = board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let mut all = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title} asks for nothing");
        all.extend(targets.iter().map(|target| (title.to_owned(), target["expr"].as_str().unwrap().to_owned())));
    }
    let variables = board["templating"]["list"].as_array().unwrap().iter();
    all.extend(variables.filter_map(|variable| {
        let query = variable["query"].as_str().filter(|query| query.contains('('))?;
        Some((variable["name"].to_string(), query.to_owned()))
    }));
    all
}

#[tokio::test]
async fn the_dashboard_asks_for_what_is_served() {
    let (_database, api) = subgraph::api().await;
    let served = names(&scraped(&api).await);
    let board = std::fs::read_to_string(crate_path("docs/grafana.json")).unwrap();
    let board: Json = serde_json::from_str(&board).unwrap();
    let mut shown = Vec::new();
    for (title, expression) in expressions(&board) {
        let asked = asked(&expression);
        assert!(!asked.is_empty(), "{title} asks for none of our metrics: {expression}");
        for name in asked {
            assert!(served.iter().any(|served| served == name), "{title} asks for {name}, which is not served");
            shown.push(name.to_owned());
        }
        let grouped = expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
        for label in grouped.flat_map(|(labels, _)| labels.split(", ")) {
            let known =
                ["transport", "endpoint", "code", "stage", "entity", "reason", "result", "server", "place", "le"];
            assert!(known.contains(&label), "{title} groups by {label}");
        }
    }
    // What is served and not shown is forgotten.
    let family = |name: &str| {
        let suffixes = ["_bucket", "_sum", "_count"];
        suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned()
    };
    let shown: Vec<String> = shown.iter().map(|name| family(name)).collect();
    let hidden: Vec<&String> = served.iter().filter(|name| !shown.contains(&family(name))).collect();
    assert_eq!(hidden, Vec::<&String>::new(), "the dashboard does not show these");
    let page = std::fs::read_to_string(crate_path("docs/observability.md")).unwrap();
    for name in &served {
        let family = family(name);
        assert!(page.contains(&format!("`{family}`")), "docs/observability.md does not explain {family}");
    }
}
