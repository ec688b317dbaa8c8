//! Traces: what a collector gets, and what PostgreSQL is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use crate::clients::shop;
use crate::grpc::Client;
use crate::harness::Database;
use crate::http;
use crate::metrics::samples;
use crate::service::Api;
use crate::world::{fields, list};

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    resources: Arc<Mutex<Vec<KeyValue>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            self.resources.lock().unwrap().extend(of_resource.resource.unwrap().attributes);
            let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            self.spans.lock().unwrap().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Collector, SocketAddr) {
        let collector = Collector::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(collector.clone());
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        (collector, address)
    }

    /// The spans of a trace by their names.
    fn trace(&self, trace_id: &str) -> HashMap<String, Span> {
        let all = self.spans.lock().unwrap();
        let own = all.iter().filter(|span| hex(&span.trace_id) == trace_id);
        own.map(|span| (span.name.clone(), span.clone())).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Attributes as text.
fn attributes(all: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    all.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
}

#[track_caller]
fn has(span: &Span, expected: &[(&str, &str)]) {
    let found = attributes(&span.attributes);
    for (key, value) in expected {
        assert_eq!(found.get(*key).map(String::as_str), Some(*value), "{key} of {}: {found:#?}", span.name);
    }
}

const PARENT: &str = "00f067aa0ba902b7";

fn trace_id(number: u8) -> String {
    format!("4bf92f3577b34da6a3ce929d0e0e47{number:02}")
}

fn parent(number: u8) -> String {
    format!("00-{}-{PARENT}-01", trace_id(number))
}

#[tokio::test]
async fn every_wire_continues_the_trace_of_its_caller() {
    let (collector, endpoint) = Collector::start().await;
    let telemetry = format!("\n[telemetry]\notlp_endpoint = \"http://{endpoint}\"\n");
    let (_directory, database, mut program) = shop(&telemetry).await;
    let address = program.address().await;
    let send = async |method, path, number: u8, body: Vec<u8>| {
        let traceparent = parent(number);
        let headers = [
            ("traceparent", traceparent.as_str()),
            ("tracestate", "vendor=opaque"),
            ("content-type", "application/json"),
        ];
        http::send(address, method, path, &headers, &body).await.unwrap()
    };
    let document = "query Names($name: String) { users(where: {name: {eq: $name}}) { name } }";
    send("POST", "/graphql", 1, http::graphql(document, json!({"name": "a-bound-value"}))).await;
    send("GET", "/rest/users?limit=2&name=a-bound-value", 2, Vec::new()).await;
    send("GET", "/rest/users/a-bound-value", 3, Vec::new()).await;
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let client = Client::over(channel, "shop.v1.ShopService", None).await;
    let called = |number: u8, limit: &str| {
        let mut request = Request::new(client.encode("ListUsers", &json!({"limit": limit})));
        request.metadata_mut().insert("traceparent", parent(number).parse().unwrap());
        request.metadata_mut().insert("tracestate", "vendor=opaque".parse().unwrap());
        request
    };
    let mut rows = client.stream("ListUsers", called(4, "2"), None).await.unwrap();
    while rows.message().await.unwrap().is_some() {}
    // Who does not want to be traced is not.
    let unsampled = format!("00-{}-{PARENT}-00", trace_id(5));
    http::send(address, "GET", "/rest/users?limit=2", &[("traceparent", &unsampled)], b"").await.unwrap();
    http::send(address, "GET", "/rest/posts?limit=2", &[], b"").await.unwrap();
    program.signal(Signal::SIGTERM);
    program.ended().await;

    let resource = attributes(&collector.resources.lock().unwrap());
    assert_eq!(resource["service.name"], "shop");
    assert_eq!(resource["service.version"], "1.0.0");

    let graphql = collector.trace(&trace_id(1));
    let request = &graphql["POST /graphql"];
    has(
        request,
        &[
            ("http.request.method", "POST"),
            ("http.route", "/graphql"),
            ("url.path", "/graphql"),
            ("url.scheme", "http"),
            ("http.response.status_code", "200"),
            ("network.protocol.version", "1.1"),
            ("graphql.operation.type", "query"),
            ("graphql.operation.name", "Names"),
        ],
    );
    let list = collector.trace(&trace_id(2));
    has(&list["GET /rest/users"], &[("http.route", "/rest/users"), ("http.response.status_code", "200")]);
    let refused = collector.trace(&trace_id(3));
    let request = &refused["GET /rest/users/{id}"];
    has(
        request,
        &[("url.path", "/rest/users/{id}"), ("http.response.status_code", "400"), ("error.type", "INVALID_ARGUMENT")],
    );
    // The client's mistake is none of the server's (semantic conventions for HTTP).
    assert!(request.status.as_ref().is_none_or(|status| status.code() == StatusCode::Unset));
    let call = collector.trace(&trace_id(4));
    has(
        &call["shop.v1.ShopService/ListUsers"],
        &[
            ("rpc.system", "grpc"),
            ("rpc.service", "shop.v1.ShopService"),
            ("rpc.method", "ListUsers"),
            ("rpc.grpc.status_code", "0"),
            ("network.protocol.version", "2"),
        ],
    );

    let stages = ["decode", "plan", "write", "SELECT users", "encode"];
    for (name, trace) in
        [("POST /graphql", &graphql), ("GET /rest/users", &list), ("shop.v1.ShopService/ListUsers", &call)]
    {
        let request = &trace[name];
        assert_eq!(hex(&request.parent_span_id), PARENT, "{name}");
        assert_eq!((request.kind(), request.trace_state.as_str()), (SpanKind::Server, "vendor=opaque"), "{name}");
        for stage in stages {
            let span = trace.get(stage).unwrap_or_else(|| panic!("{name} has no {stage}: {:?}", trace.keys()));
            assert_eq!(span.parent_span_id, request.span_id, "{stage} of {name}");
            assert!(span.start_time_unix_nano >= request.start_time_unix_nano, "{stage} of {name}");
            assert!(span.end_time_unix_nano <= request.end_time_unix_nano, "{stage} of {name}");
        }
        let execute = &trace["SELECT users"];
        assert_eq!(execute.kind(), SpanKind::Client);
        has(
            execute,
            &[("db.system.name", "postgresql"), ("db.namespace", database.name()), ("db.operation.name", "SELECT")],
        );
        assert!(attributes(&execute.attributes)["db.query.text"].starts_with("SELECT "));
    }
    assert!(collector.trace(&trace_id(5)).is_empty());
    let all = collector.spans.lock().unwrap();
    let begun = all.iter().find(|span| span.name == "GET /rest/posts").unwrap();
    assert!(begun.parent_span_id.is_empty() && !begun.trace_id.is_empty());
    assert!(!format!("{all:?}").contains("a-bound-value"));
}

/// A collector that is not there costs nothing but its traces.
#[tokio::test]
async fn without_its_collector_everything_is_answered() {
    let (_directory, _database, mut program) = shop("\n[telemetry]\notlp_endpoint = \"http://127.0.0.1:1\"\n").await;
    let address = program.address().await;
    for _ in 0..20 {
        assert_eq!(http::send(address, "GET", "/rest/users?limit=2", &[], b"").await.unwrap().status, 200);
    }
    program.signal(Signal::SIGTERM);
    assert!(program.ended().await.success());
}

/// A view that tells by which text it is read.
async fn texts(more: &str) -> (Database, Api) {
    let database = Database::empty();
    database.execute("CREATE VIEW v_text AS SELECT 1 AS id, current_query() AS text");
    database.execute("CREATE FUNCTION fn_text() RETURNS text LANGUAGE sql AS 'SELECT current_query()'");
    let schema = json!({
        "types": [{"name": "Text", "sql_source": "v_text", "fields": fields(&["id: ID!", "text: String!"])}],
        "queries": [list("texts", "Text", "v_text")],
        "mutations": [{"name": "tellText", "return_type": "String", "returns_list": false, "nullable": false,
                       "arguments": [], "sql_source": "fn_text", "operation": "CUSTOM"}],
    });
    let api = Api::with(&database, &schema, more).await;
    (database, api)
}

const COMMENT: &str = "[telemetry]\nsql_comment = true\n";

#[tokio::test]
async fn statements_of_sampled_traces_say_so() {
    for more in
        ["", "[[session_variables]]\nname = \"app.x\"\nvalue = \"1\"\n", "[database]\nprepared_statements = false\n"]
    {
        let (_database, api) = texts(&format!("{more}{COMMENT}")).await;
        let sampled = parent(1);
        let comment = format!(" /*traceparent='{sampled}'*/");
        let unsampled = format!("00-{}-{PARENT}-00", trace_id(1));
        let ask = json!({"query": "{ texts { text } }"});
        let graphql = async |traceparent: &str| {
            let reply = api.post(&ask, &[("traceparent", traceparent)]).await.json();
            reply["data"]["texts"][0]["text"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
        };
        let rest = async |traceparent: &str| {
            let reply = api.send("GET", "/rest/texts", &[("traceparent", traceparent)], b"").await.json();
            reply["data"][0]["text"].as_str().unwrap().to_owned()
        };
        assert!(graphql(&sampled).await.ends_with(&comment));
        assert!(rest(&sampled).await.ends_with(&comment));
        for other in [&unsampled, "", "00-nothing' */ SELECT 1"] {
            assert!(!graphql(other).await.contains("traceparent"), "{other}");
        }
        let told = json!({"query": "mutation { tellText }"});
        let told = api.post(&told, &[("traceparent", &sampled)]).await.json();
        assert!(told["data"]["tellText"].as_str().unwrap_or_else(|| panic!("{told}")).ends_with(&comment));
    }
}

/// A text that is never the same again takes no place among those that are prepared.
#[tokio::test]
async fn comments_leave_prepared_statements_alone() {
    let (_database, api) = texts(COMMENT).await;
    let ask = json!({"query": "{ texts { text } }"});
    api.post(&ask, &[]).await;
    let before = samples(&api).await;
    for number in 10..30 {
        api.post(&ask, &[("traceparent", &parent(number))]).await;
    }
    let after = samples(&api).await;
    for result in ["hit", "miss"] {
        let name = format!("fraiseql_prepared_statement_lookups_total{{result=\"{result}\"}}");
        assert_eq!(after[&name], before[&name], "{result}");
    }
    let plans = "fraiseql_plan_cache_lookups_total{result=\"miss\"}";
    assert_eq!(after[plans], before[plans]);
}

#[tokio::test]
async fn without_the_key_no_statement_says_so() {
    let (_database, api) = texts("").await;
    let ask = json!({"query": "{ texts { text } }"});
    let reply = api.post(&ask, &[("traceparent", &parent(1))]).await.json();
    assert!(!reply["data"]["texts"][0]["text"].as_str().unwrap().contains("traceparent"), "{reply}");
}
