//! What a connection may do: heads, bodies, silence, streams, and how many connections there may be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http_body_util::BodyExt;
use nix::sys::resource::{Resource, getrlimit};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Database, ask};
use crate::http::{self, graphql};
use crate::http2;
use crate::metrics::shed;
use crate::program::{Program, eventually};
use crate::service::Api;
use crate::world::{fields, list};

/// Longer than any limit that these tests set, by much.
const LONG: Duration = Duration::from_secs(30);

/// A view that answers at once, and one that takes two seconds.
pub async fn naps(more: &str) -> (Database, Api) {
    let database = Database::empty();
    database.execute(NAPS);
    let api = Api::with(&database, &nap_schema(), more).await;
    (database, api)
}

pub const NAPS: &str = "CREATE VIEW v_row AS SELECT n AS pk_row, n::text AS id, 'row'::text AS name FROM generate_series(1, 8) n; \
     CREATE VIEW v_nap AS SELECT 1 AS pk_nap, 'n'::text AS id, pg_sleep(2)::text AS name";

pub fn nap_schema() -> Json {
    let ty = |name: &str, view: &str| json!({"name": name, "sql_source": view, "fields": fields(&["id: ID!", "name: String"])});
    json!({"types": [ty("Row", "v_row"), ty("Nap", "v_nap")],
           "queries": [list("rows", "Row", "v_row"), list("naps", "Nap", "v_nap")]})
}

/// How many naps are being taken.
pub async fn napping(database: &Database) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state = 'active' AND query LIKE '%v_nap%' \
         AND pid <> pg_backend_pid()",
        database.name()
    );
    ask(&database.url(), &sql).await.unwrap()
}

/// Whether the other side ends a connection, and after how long.
async fn ends(stream: &mut TcpStream) -> Option<Duration> {
    let began = Instant::now();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await;
    ended.ok().map(|_| began.elapsed())
}

/// One request on a connection that stays open.
async fn kept_alive(stream: &mut TcpStream, path: &str) -> u16 {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.unwrap();
        assert!(count > 0, "it was closed after {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return head.split(' ').nth(1).unwrap().parse().unwrap();
        }
    }
}

#[tokio::test]
async fn heads_are_bounded_in_number_and_size() {
    let (_database, api) = naps("max_headers = 20\nmax_header_bytes = 16384\n").await;
    let names: Vec<String> = (0..25).map(|n| format!("x-{n}")).collect();
    let headers = |count: usize| names[..count].iter().map(|name| (name.as_str(), "v")).collect::<Vec<_>>();
    assert_eq!(api.send("GET", "/health", &headers(15), b"").await.status, 200);
    assert_eq!(api.send("GET", "/health", &headers(25), b"").await.status, 431);
    let fits = "v".repeat(10_000);
    let long = "v".repeat(20_000);
    assert_eq!(api.send("GET", "/health", &[("x-long", &fits)], b"").await.status, 200);
    assert_eq!(api.send("GET", "/health", &[("x-long", &long)], b"").await.status, 431);
    let target = format!("/rest/rows?name={long}");
    assert!([414, 431].contains(&api.send("GET", &target, &[], b"").await.status));

    let mut client = http2::connect(api.address()).await;
    let mut asked = async |count: usize, value: &str| {
        let mut request = ::http::Request::get("http://test/health").body(http2::whole("")).unwrap();
        for (name, value) in names[..count].iter().map(|name| (name.as_bytes(), value)) {
            request.headers_mut().insert(::http::HeaderName::from_bytes(name).unwrap(), value.parse().unwrap());
        }
        client.ready().await.unwrap();
        client.send_request(request).await.unwrap().status().as_u16()
    };
    assert_eq!((asked(15, "v").await, asked(25, "v").await), (200, 413));
    assert_eq!((asked(1, &fits).await, asked(1, &long).await), (200, 431));
    assert_eq!(asked(1, "v").await, 200, "the connection goes on");
}

#[tokio::test]
async fn a_head_that_does_not_arrive_ends_the_connection() {
    let (_database, api) = naps("header_timeout_ms = 400\nidle_timeout_ms = 60000\n").await;
    let mut stuck = TcpStream::connect(api.address()).await.unwrap();
    stuck.write_all(b"GET /health HTTP/1.1\r\nhost: te").await.unwrap();
    let took = ends(&mut stuck).await.expect("half a head is waited for for ever");
    assert!(took >= Duration::from_millis(300), "{took:?}");
    // The same behind a request that was answered.
    let mut stuck = TcpStream::connect(api.address()).await.unwrap();
    assert_eq!(kept_alive(&mut stuck, "/health").await, 200);
    stuck.write_all(b"GET /health").await.unwrap();
    ends(&mut stuck).await.expect("half a head is waited for for ever");
    // One byte after the other, each soon enough.
    let mut slow = TcpStream::connect(api.address()).await.unwrap();
    let began = Instant::now();
    for byte in b"GET /health HTTP/1.1\r\n".iter().chain(b"x-long: 1\r\n".iter().cycle()) {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        assert!(began.elapsed() < LONG, "a head may take for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused_and_keeps_nobody_out() {
    let more = "body_timeout_ms = 1500\nmax_concurrent_requests = 1\nmax_queued_requests = 5\n";
    let (_database, api) = naps(more).await;
    let mut stuck = TcpStream::connect(api.address()).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{\"query\"";
    stuck.write_all(head.as_bytes()).await.unwrap();
    let mut client = http2::connect(api.address()).await;
    let path = "/test.v1.TestService/ListRows";
    let message = client.send_request(http2::post(path, "application/grpc", http2::begun(b"\0\0\0\0\x05a")));
    let message = tokio::spawn(message);
    for _ in 0..3 {
        api.data("{ rows(limit: 1) { id } }", Json::Null).await;
    }
    let reply = http::finish(stuck).await.unwrap();
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert!(reply.text().contains("body_timeout_ms") && reply.text().contains("\"TIMEOUT\""), "{}", reply.text());
    let answer = message.await.unwrap().unwrap();
    let status = answer.headers().get("grpc-status").unwrap();
    assert_eq!(status, "4", "DEADLINE_EXCEEDED: {:?}", answer.headers());
}

#[tokio::test]
async fn connections_without_requests_end_and_others_do_not() {
    let (_database, api) = naps("idle_timeout_ms = 600\nheader_timeout_ms = 500\n").await;
    let mut silent = TcpStream::connect(api.address()).await.unwrap();
    let mut idle = TcpStream::connect(api.address()).await.unwrap();
    assert_eq!(kept_alive(&mut idle, "/health").await, 200);
    let mut multiplexed = http2::connect(api.address()).await;
    multiplexed.ready().await.unwrap();
    // Longer than the limit, and busy all the time.
    let began = Instant::now();
    let nap = api.data("{ naps { id } }", Json::Null).await;
    assert_eq!(nap, json!({"naps": [{"id": "n"}]}));
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert!(ends(&mut silent).await.is_some() && ends(&mut idle).await.is_some());
    assert!(eventually(async || multiplexed.is_closed()).await);
    // One that asks now and then stays.
    let mut lively = TcpStream::connect(api.address()).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(kept_alive(&mut lively, "/health").await, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn beyond_the_most_connections_only_operators_are_answered() {
    let (_database, api) = naps("max_connections = 3\n").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(api.address()).await.unwrap();
        assert_eq!(kept_alive(&mut stream, "/health").await, 200);
        held.push(stream);
    }
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    let refused = api.get("/rest/rows").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    let refused = api.post(&json!({"query": "{ rows { id } }"}), &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    assert_eq!(shed(&api, "connections").await, 2.0);
    // It is closed then, whatever its client wants.
    let mut more = TcpStream::connect(api.address()).await.unwrap();
    assert_eq!(kept_alive(&mut more, "/rest/rows").await, 503);
    assert!(ends(&mut more).await.is_some());
    // A great many more are not even taken.
    let mut flood = Vec::new();
    for _ in 0..150 {
        flood.push(TcpStream::connect(api.address()).await.unwrap());
    }
    let mut last = flood.pop().unwrap();
    assert!(ends(&mut last).await.is_some());
    assert_eq!(kept_alive(&mut held[0], "/rest/rows?limit=1").await, 200, "those that were there first go on");
    drop((flood, held));
    // Until the server has noticed that they are gone, one more may be closed without an answer.
    let answers = async || {
        let reply = http::send(api.address(), "GET", "/rest/rows", &[], b"").await;
        reply.is_ok_and(|reply| reply.status == 200)
    };
    assert!(eventually(answers).await);
}

/// The value of a setting in the first frame that a server sends (RFC 9113, section 6.5).
async fn setting(address: SocketAddr, wanted: u16) -> Option<u32> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS come first");
    let mut settings = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut settings).await.unwrap();
    let entries = settings.chunks(6).map(|entry| {
        (u16::from_be_bytes([entry[0], entry[1]]), u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]))
    });
    entries.into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

#[tokio::test]
async fn streams_of_a_connection_are_bounded() {
    let (_database, api) = naps("max_header_bytes = 10000\n[server.http2]\nmax_streams = 7\n").await;
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    const MAX_HEADER_LIST_SIZE: u16 = 6;
    assert_eq!(setting(api.address(), MAX_CONCURRENT_STREAMS).await, Some(7));
    assert_eq!(setting(api.address(), MAX_HEADER_LIST_SIZE).await, Some(10_000));
}

#[tokio::test]
async fn a_client_that_takes_its_requests_back_is_sent_away() {
    let (database, api) = naps("[server.http2]\nmax_resets = 20\n").await;
    let nap = || http2::post("/graphql", "application/json", http2::whole(graphql("{ naps { id } }", Json::Null)));
    // A few are every client's right.
    let mut client = http2::connect(api.address()).await;
    for _ in 0..10 {
        client.ready().await.unwrap();
        let mut asked = Box::pin(client.send_request(nap()));
        assert!(tokio::time::timeout(Duration::from_millis(20), asked.as_mut()).await.is_err());
    }
    client.ready().await.unwrap();
    let health = ::http::Request::get("http://test/health").body(http2::whole("")).unwrap();
    let answer = client.send_request(health).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    // A flood of them is an attack.
    let mut sent = 0;
    while client.ready().await.is_ok() && sent < 100_000 {
        let mut asked = Box::pin(client.send_request(nap()));
        let _ = asked.as_mut().now_or_never();
        tokio::task::yield_now().await;
        sent += 1;
    }
    assert!(sent < 100_000, "nobody minds");
    assert!(eventually(async || napping(&database).await == 0).await, "nothing goes on running");
    api.data("{ rows { id } }", Json::Null).await;
}

/// Ten thousand connections that have asked something and are kept for later, in 100 MB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_fit_into_little_memory() {
    const BYTES_EACH: u64 = 10_000;
    let database = Database::empty();
    database.execute(NAPS);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("schema.json"), nap_schema().to_string()).unwrap();
    let toml = format!(
        "[project]\nname = \"test\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\nidle_timeout_ms = 600000\nmax_connections = 20000\n[database]\nurl = \"{}\"\n",
        database.url()
    );
    std::fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    let mut program = Program::start(directory.path(), &["run"]);
    let address = program.address().await;
    // This process opens as many files as the program, and other tests open some too.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let count = usize::try_from(hard / 2).unwrap().min(10_000);
    let mut held = Vec::with_capacity(count);
    let mut open = async |count: usize| {
        for _ in 0..count {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(kept_alive(&mut stream, "/rest/rows?limit=1").await, 200);
            held.push(stream);
        }
    };
    open(20).await;
    let before = program.memory();
    open(count - 20).await;
    // What they hold for the next request is given back when nobody asks for a while.
    let each = || program.memory().saturating_sub(before) / count as u64;
    eventually(async || {
        // The allocator gives pages back while it is used.
        assert_eq!(kept_alive(&mut held[0], "/metrics").await, 200);
        each() <= BYTES_EACH
    })
    .await;
    let each = each();
    println!("{count} idle connections, {each} bytes each");
    assert!(each <= BYTES_EACH, "{each} bytes for each of {count} connections");
    // All of them are still there, and are taken up where they were left.
    for stream in held.iter_mut().step_by(100) {
        assert_eq!(kept_alive(stream, "/rest/rows?limit=1").await, 200);
        assert_eq!(kept_alive(stream, "/health").await, 200);
    }
}
