//! The edges of the protocol: browsers in both encodings, health while the database is away, the drain, clients that
//! stop reading, bodies that are compressed and broken.

use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fraiseql::dev::postgres::{Options, PrivatePostgres};
use serde_json::json;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use crate::grpc::Client;
use crate::grpc_protocol::{frames, long_with, running};
use crate::harness::Database;
use crate::http::Reply;
use crate::program::{Program, eventually};
use crate::service::Api;
use crate::tokens::AUTH;
use crate::world::{self, fields, list};

const LIST: &str = "/test.v1.TestService/ListItems";

/// A message as it travels.
fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut body = vec![flag];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message);
    body
}

/// What trailers say, wherever they stand: in the last frame of a body, or in the headers when there is no body.
fn web_status(reply: &Reply, text: bool) -> (usize, String) {
    let content = reply.header("content-type").unwrap();
    assert!(content.starts_with(if text { "application/grpc-web-text" } else { "application/grpc-web" }), "{content}");
    if let Some(status) = reply.header("grpc-status") {
        return (0, status.to_owned());
    }
    let body = if text { unpadded(&reply.text()) } else { reply.body.clone() };
    let all = frames(&body);
    let (last, messages) = all.split_last().unwrap();
    assert_eq!(last.0, 0x80, "the last frame holds the trailers");
    let trailers = String::from_utf8(last.1.clone()).unwrap();
    let status = trailers.lines().find_map(|line| line.strip_prefix("grpc-status:")).unwrap();
    (messages.len(), status.trim().to_owned())
}

/// Base64 of several pieces behind each other, each with its padding.
fn unpadded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find('=').map_or(rest.len(), |at| at + rest[at..].chars().take_while(|c| *c == '=').count());
        bytes.extend(STANDARD.decode(&rest[..end]).unwrap());
        rest = &rest[end..];
    }
    bytes
}

#[tokio::test]
async fn browsers_send_and_read_text_or_bytes() {
    let (_database, api) = world::api_with(AUTH).await;
    let client = Client::of(&api).await;
    let wanted = client.encode("ListItems", &json!({"limit": 3, "readMask": "name"}));
    let wrong = client.encode("ListItems", &json!({"readMask": "nam"}));
    let forbidden = client.encode("ListAdminSecrets", &json!({}));
    for text in [false, true] {
        let content = if text { "application/grpc-web-text+proto" } else { "application/grpc-web+proto" };
        let ask = async |path: &str, message: &[u8], more: (&str, &str)| {
            let body = framed(0, message);
            let body = if text { STANDARD.encode(body).into_bytes() } else { body };
            let headers = [("content-type", content), ("accept", content), ("x-grpc-web", "1"), more];
            let reply = api.send("POST", path, &headers, &body).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            web_status(&reply, text)
        };
        let nothing = ("x-user-agent", "grpc-web-javascript/0.1");
        assert_eq!(ask(LIST, &wanted, nothing).await, (3, "0".to_owned()));
        assert_eq!(ask("/test.v1.TestService/ListItemsPages", &wanted, nothing).await, (1, "0".to_owned()));
        assert_eq!(ask(LIST, &wrong, nothing).await, (0, "3".to_owned()));
        assert_eq!(ask("/test.v1.TestService/Nothing", &wanted, nothing).await, (0, "12".to_owned()));
        assert_eq!(ask("/test.v1.TestService/ListAdminSecrets", &forbidden, nothing).await, (0, "16".to_owned()));
        assert_eq!(ask(LIST, &wanted, ("authorization", "Bearer nonsense")).await, (0, "16".to_owned()));
        assert_eq!(ask("/grpc.health.v1.Health/Check", b"", nothing).await, (1, "0".to_owned()));
    }
}

/// Whoever tries a method with `curl` is told what it is.
#[tokio::test]
async fn other_content_types_are_told_what_a_method_is() {
    let (_database, api) = world::api().await;
    for (method, headers) in [("POST", &[("content-type", "application/json")][..]), ("GET", &[])] {
        let reply = api.send(method, LIST, headers, b"{}").await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")));
        assert!(reply.text().contains("ask it with a gRPC client"), "{}", reply.text());
    }
    let nothing =
        api.send("POST", "/test.v1.TestService/Nothing", &[("content-type", "application/json")], b"{}").await;
    assert_eq!(nothing.status, 404);
}

#[tokio::test]
async fn browsers_may_ask_before_they_call_anything() {
    let (_database, api) = world::api_with("cors.origins = [\"https://app.example\"]\n").await;
    let asks = [("origin", "https://app.example"), ("access-control-request-method", "POST")];
    for path in [LIST, "/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] {
        let reply = api.send("OPTIONS", path, &asks, b"").await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some("https://app.example")));
        let allowed = reply.header("access-control-allow-headers").unwrap();
        assert!(["authorization", "x-grpc-web", "grpc-timeout"].iter().all(|name| allowed.contains(name)), "{allowed}");
    }
}

async fn serving(health: &mut HealthClient<tonic::transport::Channel>, service: &str) -> Result<ServingStatus, Code> {
    let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

#[tokio::test]
async fn health_follows_the_database() {
    let mut postgres = PrivatePostgres::start(Options { durable: false, ..Options::default() }).unwrap();
    let url = postgres.url("postgres");
    postgres.execute("postgres", "CREATE VIEW v_row AS SELECT 1 AS pk_row, 'a'::text AS id; CHECKPOINT").unwrap();
    let row = json!({"name": "Row", "sql_source": "v_row", "fields": fields(&["id: ID!"])});
    let schema = json!({"types": [row], "queries": [list("rows", "Row", "v_row")]});

    let starting = Api::unready(crate::service::config(&url, "")).await;
    let connect = async |api: &Api| {
        HealthClient::new(Endpoint::from_shared(format!("http://{}", api.address())).unwrap().connect().await.unwrap())
    };
    let mut health = connect(&starting).await;
    for service in ["", "test.v1.TestService"] {
        assert_eq!(serving(&mut health, service).await, Ok(ServingStatus::NotServing), "nothing is bound yet");
    }

    let api = Api::at(&url, &schema, "[database]\nconnect_timeout_ms = 500\n").await;
    let mut health = connect(&api).await;
    for service in ["", "test.v1.TestService"] {
        assert_eq!(serving(&mut health, service).await, Ok(ServingStatus::Serving));
    }
    assert_eq!(serving(&mut health, "nobody").await, Err(Code::NotFound));
    let request = HealthCheckRequest { service: "nobody".to_owned() };
    let mut unknown = health.watch(request).await.unwrap().into_inner();
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    postgres.kill().unwrap();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing, "the watcher is told");
    assert_eq!(serving(&mut health, "test.v1.TestService").await, Ok(ServingStatus::NotServing));
}

#[tokio::test]
async fn the_drain_ends_what_would_never_end_and_waits_for_the_rest() {
    let (_database, api) = long_with("").await;
    let client = Client::of(&api).await;
    let mut watch = HealthClient::new(client.channel.clone()).watch(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(watch.get_mut().message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    // A client that keeps its side open.
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let open = futures_util::StreamExt::chain(futures_util::stream::iter([asked]), futures_util::stream::pending());
    let reflection = ServerReflectionClient::new(client.channel.clone()).server_reflection_info(open).await;
    let mut reflection = reflection.unwrap().into_inner();
    assert!(reflection.message().await.unwrap().is_some());
    let request = Request::new(client.encode("ListRowsPages", &json!({"limit": 60_000})));
    let mut pages = client.stream("ListRowsPages", request, None).await.unwrap();
    assert!(pages.message().await.unwrap().is_some());

    let began = Instant::now();
    let reading = async {
        let mut rows = 500;
        while let Some(page) = pages.message().await.unwrap() {
            rows += client.decode("ListRowsPages", &page)["items"].as_array().unwrap().len();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(watch.get_mut().message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(watch.get_mut().message().await.unwrap().is_none(), "the watch ends well");
        assert!(reflection.message().await.unwrap().is_none(), "reflection ends well");
        rows
    };
    let (rows, ()) = tokio::join!(reading, api.stop());
    assert_eq!(rows, 60_000, "a stream in flight is finished");
    assert!(began.elapsed() < Duration::from_secs(20), "the drain waited for its whole time");
}

#[tokio::test]
async fn clients_that_stop_reading_leave_connections_to_others() {
    let (database, api) = long_with("[database]\npool_max = 4\nstream_connections = 2\n").await;
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let client = Client::of(&api).await;
        let request = Request::new(client.encode("ListRows", &json!({})));
        let mut stream = client.stream("ListRows", request, None).await.unwrap();
        assert!(stream.message().await.unwrap().is_some());
        stalled.push((client, stream));
    }
    let client = Client::of(&api).await;
    let (code, reason, _) = client.refusal("ListRows", json!({})).await;
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "UNAVAILABLE"), "streams have their own share");
    for _ in 0..20 {
        let reply = api.post(&json!({"query": "{ rows(limit: 2) { id } }"}), &[]).await;
        assert_eq!(reply.json()["data"]["rows"].as_array().map(Vec::len), Some(2));
    }
    // Both vanish with their sockets.
    drop(stalled);
    assert!(eventually(async || running(&database).await == 0).await, "their statements go on");
    assert_eq!(client.data("ListRows", json!({"limit": 3})).await.len(), 3);
}

/// The program holds what fits into the windows of HTTP/2, not what the statement gives.
#[tokio::test]
async fn memory_is_flat_however_slow_the_client_is() {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_row AS SELECT n AS pk_row, n AS id, repeat('x', 1000) AS text FROM generate_series(1, 200000) n",
    );
    let directory = tempfile::tempdir().unwrap();
    let row = json!({"name": "Row", "sql_source": "v_row", "fields": fields(&["id: Int!", "text: String"])});
    let schema = json!({"types": [row], "queries": [list("rows", "Row", "v_row")]});
    fs::write(directory.path().join("schema.json"), schema.to_string()).unwrap();
    let toml = format!(
        "[project]\nname = \"test\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n[database]\nurl = \"{}\"\n",
        database.url()
    );
    fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    let mut program = Program::start(directory.path(), &["run"]);
    let client = Client::at(program.address().await, "test.v1.TestService").await;
    assert_eq!(client.data("ListRowsPages", json!({"limit": 2000})).await.len(), 4);
    let before = program.memory_peak_mib();
    for (method, limit) in [("ListRowsPages", 60_000), ("ListRows", 40_000)] {
        let request = Request::new(client.encode(method, &json!({"limit": limit})));
        let mut stream = client.stream(method, request, None).await.unwrap();
        let mut messages = 0;
        while let Some(message) = stream.message().await.unwrap() {
            messages += 1;
            assert!(message.len() > 900);
            // Slowly at first, while PostgreSQL could have sent everything.
            if messages <= 10 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        assert_eq!(messages, if method == "ListRows" { limit } else { limit / 500 });
        // The kernel counts in batches: a peak may be told a little lower than before.
        let above = program.memory_peak_mib().saturating_sub(before);
        assert!(above <= 25, "{method}: {above} MiB above {before} for some 50 MB");
    }
}

/// One message of `ListRows` over HTTP/1.1, with these headers.
async fn post(api: &Api, encoding: &str, accept: &str, body: &[u8]) -> Reply {
    let headers = [
        ("content-type", "application/grpc"),
        ("grpc-encoding", encoding),
        ("grpc-accept-encoding", accept),
        ("te", "trailers"),
    ];
    api.send("POST", "/test.v1.TestService/ListRowsPages", &headers, body).await
}

#[tokio::test]
async fn compressed_messages_are_bounded_and_answered_compressed() {
    let (_database, api) = long_with("[grpc]\nmax_message_bytes = 100000\n").await;
    let client = Client::of(&api).await;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let request = client.encode("ListRowsPages", &json!({"limit": 200}));
    for (name, packed, bomb) in
        [("gzip", gzip(&request), gzip(&vec![0; 50_000_000])), ("zstd", zstd(&request), zstd(&vec![0; 50_000_000]))]
    {
        let reply = post(&api, name, name, &framed(1, &packed)).await;
        assert_eq!((reply.header("grpc-encoding"), reply.header("grpc-status")), (Some(name), None), "{reply:?}");
        let all = frames(&reply.body);
        assert_eq!((all.len(), all[0].0), (1, 1), "a message of 200 rows is compressed");
        let mut plain = Vec::new();
        match name {
            "gzip" => flate2::read::GzDecoder::new(&*all[0].1).read_to_end(&mut plain).unwrap(),
            _ => zstd::stream::read::Decoder::new(&*all[0].1).unwrap().read_to_end(&mut plain).unwrap(),
        };
        let page = client.decode("ListRowsPages", &plain);
        assert_eq!(page["items"].as_array().unwrap().len(), 200);

        assert!(bomb.len() < 100_000);
        let refused = post(&api, name, name, &framed(1, &bomb)).await;
        assert_eq!(refused.header("grpc-status"), Some("8"), "{name}: {refused:?}");
        for broken in [&b"not compressed at all"[..], &packed[..packed.len() / 2], b""] {
            let refused = post(&api, name, name, &framed(1, broken)).await;
            assert_eq!(refused.header("grpc-status"), Some("3"), "{name} {broken:?}: {refused:?}");
        }
    }
    for (what, body) in [
        ("no frame", &b""[..]),
        ("half a header", b"\0\0\0"),
        ("less than it says", b"\0\0\0\0\x09ab"),
        ("more than one", b"\0\0\0\0\0\0\0\0\0\0"),
        ("compressed without saying how", b"\x01\0\0\0\0"),
        ("an unknown flag", b"\x07\0\0\0\0"),
    ] {
        let refused = post(&api, "identity", "identity", body).await;
        assert_eq!(refused.header("grpc-status"), Some("3"), "{what}: {refused:?}");
    }
    let refused = post(&api, "identity", "identity", b"\0\x7f\xff\xff\xff").await;
    assert_eq!(refused.header("grpc-status"), Some("8"), "2 GiB are refused before they are sent: {refused:?}");
    assert_eq!(client.data("ListRows", json!({"limit": 3})).await.len(), 3);
}

#[tokio::test]
async fn a_deadline_that_is_over_is_not_begun() {
    let (database, api) = long_with("").await;
    for timeout in ["0n", "1n", "1u"] {
        let headers = [("content-type", "application/grpc"), ("grpc-timeout", timeout), ("te", "trailers")];
        let reply = api.send("POST", "/test.v1.TestService/ListSlows", &headers, b"\0\0\0\0\0").await;
        assert_eq!(reply.header("grpc-status"), Some("4"), "{timeout}: {reply:?}");
    }
    assert!(eventually(async || running(&database).await == 0).await);
    let client = Client::of(&api).await;
    let asked = client.stream("ListRows", Request::new(Bytes::from_static(b"\x18\x03")), None).await;
    let read: Result<_, Status> = async { asked?.message().await }.await;
    assert!(read.unwrap().is_some());
}
