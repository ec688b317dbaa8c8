//! The protocol itself: statuses, bytes that are no message, sizes, compression, deadlines, slow clients, health,
//! reflection, browsers.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1alpha::ServerReflectionRequest as AlphaRequest;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient as AlphaClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest as AlphaMessage;

use crate::grpc::{Client, Plain, details};
use crate::harness::{Database, ask};
use crate::program::eventually;
use crate::service::Api;
use crate::world::{self, fields, list};

/// A schema with a long list and a slow one.
async fn long() -> (Database, Api) {
    long_with("").await
}

pub async fn long_with(more: &str) -> (Database, Api) {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_row AS SELECT n AS pk_row, n AS id, repeat('x', 100) AS text FROM generate_series(1, 200000) n;
         CREATE VIEW v_slow AS SELECT n AS pk_slow, n AS id, pg_sleep(0.05)::text || repeat('x', 9000) AS text FROM generate_series(1, 1000) n;
         CREATE VIEW v_wide AS SELECT n AS pk_wide, n AS id, repeat('x', 100000 * n) AS text FROM generate_series(1, 60) n",
    );
    let of = |name: &str| json!({"name": name, "sql_source": format!("v_{}", name.to_lowercase()), "fields": fields(&["id: Int!", "text: String"])});
    let schema = json!({
        "types": [of("Row"), of("Slow"), of("Wide")],
        "queries": [list("rows", "Row", "v_row"), list("slows", "Slow", "v_slow"), list("wides", "Wide", "v_wide")],
    });
    let api = Api::with(&database, &schema, more).await;
    (database, api)
}

/// Sends bytes as they are to a path, and reads the whole answer.
async fn raw(client: &Client, path: &str, message: Bytes) -> Result<Vec<Bytes>, Status> {
    let mut grpc = tonic::client::Grpc::new(client.channel.clone());
    grpc.ready().await.unwrap();
    let mut stream = grpc.server_streaming(Request::new(message), path.parse().unwrap(), Plain).await?.into_inner();
    let mut all = Vec::new();
    while let Some(message) = stream.message().await? {
        all.push(message);
    }
    Ok(all)
}

/// Statements that PostgreSQL is running for this database, besides the one that asks.
pub async fn running(database: &Database) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state = 'active' AND pid <> pg_backend_pid()",
        database.name()
    );
    ask(&database.url(), &sql).await.unwrap()
}

#[tokio::test]
async fn errors_are_grpc_errors_and_the_connection_stays() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    for (path, message, code, said) in [
        (
            "/test.v1.TestService/ListItem",
            &b""[..],
            Code::Unimplemented,
            "there is no RPC /test.v1.TestService/ListItem; did you mean \"/test.v1.TestService/ListItems\"?",
        ),
        ("/other.Service/Method", b"", Code::Unimplemented, "there is no RPC /other.Service/Method"),
        (
            "/test.v1.TestService/ListItems",
            b"\xff\xff\xff",
            Code::InvalidArgument,
            "the request is not a protobuf message of the declared type",
        ),
        (
            "/test.v1.TestService/ListItems",
            b"\x0a\x7f",
            Code::InvalidArgument,
            "the request is not a protobuf message of the declared type",
        ),
        ("/test.v1.TestService/GetItem", b"\x0a\x02\xff\xfe", Code::InvalidArgument, "id is not text in UTF-8"),
        (
            "/test.v1.TestService/GetItem",
            b"\x98\x06\x01",
            Code::InvalidArgument,
            "the request has no field number 99; it may be one of id, read_mask, joins; was the client built from a newer schema?",
        ),
    ] {
        let status = raw(&client, path, Bytes::copy_from_slice(message)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, said), "{path}");
        let reason = if code == Code::Unimplemented { "UNIMPLEMENTED" } else { "INVALID_ARGUMENT" };
        assert_eq!(details(&status)["reason"], reason);
    }
    let status = client.ask("ListItems", json!({"where": {"code": {"eq": "x"}}})).await.unwrap_err();
    assert_eq!(details(&status)["field"], "where.code.eq");
    assert_eq!(client.data("ListItems", json!({})).await.len(), 60);
}

#[tokio::test]
async fn a_service_that_is_switched_off_says_so() {
    let database = world::database();
    let api = Api::with(&database, &world::schema(), "[grpc]\nreflection = false\n").await;
    let reply = api
        .send(
            "POST",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            &[("content-type", "application/grpc")],
            b"",
        )
        .await;
    assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("12")));
    let api = Api::with(&database, &world::schema(), "[grpc]\nenabled = false\n").await;
    let reply = api.send("POST", "/test.v1.TestService/ListItems", &[("content-type", "application/grpc")], b"").await;
    assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("12")));
    assert_eq!(reply.header("grpc-message"), Some("gRPC%20is%20switched%20off%20([grpc]%20enabled)"));
}

#[tokio::test]
async fn messages_of_any_size_are_compressed() {
    let (_database, api) = long().await;
    let client = Client::of(&api).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        for (method, send) in [("ListRows", false), ("ListRowsPages", true)] {
            let where_ids: Vec<i32> = (1..=700).collect();
            let request = client.encode(method, &json!({"where": {"id": {"in": where_ids}}}));
            let mut stream = client.stream(method, Request::new(request), Some((encoding, send))).await.unwrap();
            let mut rows = 0;
            while let Some(message) = stream.message().await.unwrap() {
                rows += client.decode(method, &message)["items"].as_array().map_or(1, Vec::len);
            }
            assert_eq!(rows, 700, "{method} {encoding:?}");
        }
    }
    let answer = |encoding: &'static str, accept: &'static str| {
        let headers = [
            ("content-type", "application/grpc"),
            ("grpc-encoding", encoding),
            ("grpc-accept-encoding", accept),
            ("te", "trailers"),
        ];
        api.send("POST", "/test.v1.TestService/ListRows", Box::leak(Box::new(headers)), b"\0\0\0\0\0")
    };
    let reply = answer("snappy", "snappy").await;
    assert_eq!(reply.header("grpc-status"), Some("12"));
    assert_eq!(reply.header("grpc-accept-encoding"), Some("identity,gzip,zstd"));
}

#[tokio::test]
async fn messages_beyond_the_limit_are_refused() {
    let (_database, api) = long_with("[grpc]\nmax_message_bytes = 2000000\n").await;
    let client = Client::of(&api).await;
    let large = Bytes::from(vec![0; 2_000_001]);
    let status = raw(&client, "/test.v1.TestService/ListRows", large).await.unwrap_err();
    assert_eq!(
        (status.code(), details(&status)["reason"].as_str()),
        (Code::ResourceExhausted, Some("PAYLOAD_TOO_LARGE"))
    );
    // Rows grow by 100 kB each: pages hold fewer of them, and the first row beyond the limit ends the stream.
    for method in ["ListWides", "ListWidesPages"] {
        let request = Request::new(client.encode(method, &json!({"orderBy": [{"id": "ORDER_DIRECTION_ASC"}]})));
        let mut stream = client.stream(method, request, None).await.unwrap();
        let mut rows = 0;
        let status = loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    assert!(message.len() <= 2_000_000);
                    rows += client.decode(method, &message)["items"].as_array().map_or(1, Vec::len);
                }
                Ok(None) => panic!("the stream ends well"),
                Err(status) => break status,
            }
        };
        assert_eq!((status.code(), rows), (Code::ResourceExhausted, 19), "{method}");
    }
}

#[tokio::test]
async fn pages_hold_as_many_rows_as_they_are_told() {
    let (_database, api) = long_with("[grpc]\npage_rows = 300\n").await;
    let client = Client::of(&api).await;
    let pages = client.data("ListRowsPages", json!({"limit": 1000})).await;
    let rows: Vec<usize> = pages.iter().map(|page| page["items"].as_array().unwrap().len()).collect();
    assert_eq!(rows, [300, 300, 300, 100]);
    let all: Vec<i64> = pages
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|row| row["id"].as_i64().unwrap())
        .collect();
    assert_eq!(all, (1..=1000).collect::<Vec<i64>>());
    assert_eq!(client.data("ListRowsPages", json!({"limit": 0})).await.len(), 0);
}

#[tokio::test]
async fn a_deadline_cancels_the_statement() {
    let (database, api) = long().await;
    let client = Client::of(&api).await;
    for (method, request) in [
        ("ListSlows", json!({})),
        ("ListSlowsPages", json!({})),
        ("ListSlows", json!({"orderBy": [{"text": "ORDER_DIRECTION_ASC"}]})),
    ] {
        let mut request = Request::new(client.encode(method, &request));
        request.set_timeout(Duration::from_millis(400));
        let began = Instant::now();
        let failed = async {
            let mut stream = client.stream(method, request, None).await?;
            while stream.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        let status = failed.await.unwrap_err();
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
        assert!(eventually(async || running(&database).await == 0).await, "the statement goes on");
    }
    // The server's own word, when the client does not watch its clock.
    let headers = [("content-type", "application/grpc"), ("grpc-timeout", "200m"), ("te", "trailers")];
    let reply = api.send("POST", "/test.v1.TestService/ListSlowsPages", &headers, b"\0\0\0\0\0").await;
    assert_eq!(reply.header("grpc-status"), Some("4"), "{reply:?}");
    let headers = [("content-type", "application/grpc"), ("grpc-timeout", "5 seconds")];
    let reply = api.send("POST", "/test.v1.TestService/ListRows", &headers, b"\0\0\0\0\0").await;
    assert_eq!(reply.header("grpc-status"), Some("3"), "{reply:?}");
}

#[tokio::test]
async fn a_client_that_disappears_leaves_nothing_running() {
    let (database, api) = long_with("[database]\npool_max = 4\nstream_connections = 2\n").await;
    let began = Instant::now();
    for _ in 0..6 {
        let client = Client::of(&api).await;
        let request = Request::new(client.encode("ListSlows", &json!({})));
        let mut stream = client.stream("ListSlows", request, None).await.unwrap();
        assert!(stream.message().await.unwrap().is_some());
        drop(stream);
    }
    assert!(eventually(async || running(&database).await == 0).await, "statements go on");
    assert!(began.elapsed() < Duration::from_secs(30), "they ended by themselves");
    let client = Client::of(&api).await;
    assert_eq!(client.data("ListRows", json!({"limit": 3})).await.len(), 3);
}

#[tokio::test]
async fn a_slow_client_gets_everything() {
    let (_database, api) = long_with("stream_idle_timeout_ms = 2000\n").await;
    let client = Client::of(&api).await;
    let request = Request::new(client.encode("ListRowsPages", &json!({"limit": 20_000})));
    let mut stream = client.stream("ListRowsPages", request, None).await.unwrap();
    let mut rows = 0;
    while let Some(message) = stream.message().await.unwrap() {
        rows += client.decode("ListRowsPages", &message)["items"].as_array().unwrap().len();
        // Longer over all than a client may be idle.
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    assert_eq!(rows, 20_000);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let (database, api) = long_with("stream_idle_timeout_ms = 300\n").await;
    let client = Client::of(&api).await;
    let request = Request::new(client.encode("ListRows", &json!({})));
    let mut stream = client.stream("ListRows", request, None).await.unwrap();
    assert!(eventually(async || running(&database).await == 0).await, "the statement goes on");
    // Other requests on the same connection are answered.
    assert_eq!(client.data("ListRows", json!({"limit": 1})).await.len(), 1);
    let mut rows = 0;
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => panic!("the stream ends well after {rows} rows"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        (status.code(), details(&status)["reason"].as_str()),
        (Code::DeadlineExceeded, Some("TIMEOUT")),
        "{status:?}"
    );
    assert!(rows > 0 && rows < 100_000);
}

#[tokio::test]
async fn long_streams_are_whole() {
    let (_database, api) = long().await;
    let client = Client::of(&api).await;
    for (method, of) in [("ListRows", 200_000), ("ListRowsPages", 200_000)] {
        let request = Request::new(client.encode(method, &json!({"readMask": "id"})));
        let mut stream = client.stream(method, request, None).await.unwrap();
        let (mut messages, mut bytes) = (0, 0);
        while let Some(message) = stream.message().await.unwrap() {
            messages += 1;
            bytes += message.len();
        }
        assert_eq!(messages, if method == "ListRows" { of } else { of / 500 });
        assert!(bytes > of, "{bytes}");
        assert!(stream.trailers().await.unwrap().is_some());
    }
}

#[tokio::test]
async fn health_and_reflection() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    let mut health = HealthClient::new(client.channel.clone());
    for service in ["", "test.v1.TestService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
    }
    let unknown = health.check(HealthCheckRequest { service: "nobody".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let mut alpha = AlphaClient::new(client.channel.clone());
    let request =
        AlphaRequest { host: String::new(), message_request: Some(AlphaMessage::ListServices(String::new())) };
    let answer = alpha.server_reflection_info(futures_util::stream::iter([request])).await.unwrap();
    let answer = format!("{:?}", answer.into_inner().message().await.unwrap());
    for service in ["test.v1.TestService", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"] {
        assert!(answer.contains(service), "{answer}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let config = crate::service::config("postgres://localhost:1/nothing", "");
    let api = Api::unready(config).await;
    let headers = [("content-type", "application/grpc")];
    let reply = api.send("POST", "/test.v1.TestService/ListItems", &headers, b"\0\0\0\0\0").await;
    assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("14")));
    assert_eq!(reply.header("grpc-message"), Some("the%20service%20is%20not%20ready;%20/ready%20says%20why"));
}

#[tokio::test]
async fn browsers_speak_grpc_web() {
    let (_database, api) = {
        let database = world::database();
        let api = Api::with(&database, &world::schema(), "cors.origins = [\"https://app.example\"]\n").await;
        (database, api)
    };
    let client = Client::of(&api).await;
    let message = client.encode("ListItems", &json!({"limit": 2, "readMask": "name"}));
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(&message);
    let headers =
        [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1"), ("origin", "https://app.example")];
    let reply = api.send("POST", "/test.v1.TestService/ListItems", &headers, &body).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/grpc-web+proto")));
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(reply.header("access-control-expose-headers").unwrap().contains("grpc-status"));
    let frames = frames(&reply.body);
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[2].0, 0x80);
    assert!(String::from_utf8_lossy(&frames[2].1).contains("grpc-status:0"), "{frames:?}");

    let asks = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-grpc-web,content-type"),
    ];
    let reply = api.send("OPTIONS", "/test.v1.TestService/ListItems", &asks, b"").await;
    assert_eq!(reply.status, 204);
    assert!(reply.header("access-control-allow-headers").unwrap().contains("x-grpc-web"));
}

/// Flags and contents of the messages of a body.
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = bytes {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        all.push((*flag, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    all
}
