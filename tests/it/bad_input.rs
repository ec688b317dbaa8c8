//! Input that no honest client sends, to the real binary: a clear refusal, little memory, and life goes on.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value as Json, json};

use crate::http::{self, Reply};
use crate::program::Program;
use crate::world;

/// What the worst input may cost, on any machine and without optimization.
const CPU_SECONDS_MAX: f64 = 5.0;

struct Service {
    _database: crate::harness::Database,
    _directory: tempfile::TempDir,
    program: Program,
    address: SocketAddr,
}

// === impl Service ===

impl Service {
    async fn start(more: &str) -> Service {
        let database = world::database();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("schema.json"), world::schema().to_string()).unwrap();
        let toml = format!(
            "[project]\nname = \"world\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n[database]\nurl = \"{}\"\n{more}",
            database.url()
        );
        fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
        let mut program = Program::start(directory.path(), &["run"]);
        let address = program.address().await;
        Service { _database: database, _directory: directory, program, address }
    }

    async fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        http::send(self.address, "POST", "/graphql", headers, body).await.unwrap()
    }

    async fn ask(&self, query: &str) -> Reply {
        self.post(&[("content-type", "application/json")], &http::graphql(query, Json::Null)).await
    }

    /// It answers, and has never had more memory than this.
    async fn is_well(&self, memory_mib: u64, after: &str) {
        let reply = self.ask("{ itemsCount }").await;
        assert_eq!(reply.text(), r#"{"data":{"itemsCount":60}}"#, "after {after}\n{}", self.program.said());
        let peak = self.program.memory_peak_mib();
        assert!(peak < memory_mib, "{peak} MiB after {after}");
    }
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, said: &str, what: &str) {
    let answer = reply.json();
    let error = &answer["errors"][0];
    assert_eq!(reply.status, status, "{what}: {answer}");
    assert_eq!(error["extensions"]["code"], code, "{what}: {answer}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(said) && message.len() < 500, "{what}: {answer}");
    assert!(answer.get("data").is_none(), "{what}: {answer}");
}

#[tokio::test]
async fn bodies() {
    let service = Service::start("").await;
    let plain = [("content-type", "application/json")];
    for (body, said) in [
        (&b"{"[..], "EOF"),
        (b"", "EOF"),
        (b"nonsense", "expected"),
        (b"{\"query\": \"{ itemsCount }\" \"variables\": {}}", "expected"),
        (b"{\"query\": {}}", "string"),
        (b"[]", "batch"),
        (b"{\"query\":\"{ itemsCount } # \xc3\x28\"}", ""),
        (b"\xff\xfe{\x00", ""),
        (b"{\"query\":\"\\ud800\"}", ""),
        (b"{\"variables\":{}}", "query"),
    ] {
        refused(&service.post(&plain, body).await, 400, "BAD_REQUEST", said, &String::from_utf8_lossy(body));
    }
    for content_type in
        ["text/plain", "application/graphql", "multipart/form-data; boundary=x", "application/json; charset=latin1", ""]
    {
        let reply = service.post(&[("content-type", content_type)], b"{\"query\":\"{ itemsCount }\"}").await;
        refused(&reply, 415, "UNSUPPORTED_MEDIA_TYPE", "application/json", content_type);
    }
    let reply = service.post(&[("content-type", "application/json"), ("accept", "text/csv")], b"{}").await;
    refused(&reply, 406, "NOT_ACCEPTABLE", "application/json", "text/csv");

    let large = format!("{{\"query\":\"{{ itemsCount }} #{}\"}}", "x".repeat(10 << 20));
    for _ in 0..20 {
        refused(&service.post(&plain, large.as_bytes()).await, 413, "PAYLOAD_TOO_LARGE", "max_body_bytes", "10 MB");
    }
    let (open, close) = ("{\"a\":".repeat(50_000), "}".repeat(50_000));
    let query = "query ($w: ItemWhereInput) { itemsCount(where: $w) }";
    let deep = format!("{{\"query\":\"{query}\",\"variables\":{{\"w\":{open}1{close}}}}}");
    refused(&service.post(&plain, deep.as_bytes()).await, 400, "BAD_REQUEST", "recursion", "deep JSON");
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    refused(&service.post(&plain, deep.as_bytes()).await, 400, "BAD_REQUEST", "", "deep lists");
    service.is_well(120, "bad bodies").await;
}

#[tokio::test]
async fn documents() {
    let service = Service::start("").await;
    let repeated = |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<String>();
    // (what, document, codes that may answer)
    let too_complex: &[&str] = &["TOO_COMPLEX"];
    let any: &[&str] = &["TOO_COMPLEX", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"];
    let chain = |length: usize| {
        let links = repeated(length, &|n| format!("fragment F{} on Item{{...F{n}}}", n + 1));
        format!("{{items{{...F{length}}}}}fragment F0 on Item{{id}}{links}")
    };
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("1,000 aliases", format!("{{ {} }}", repeated(1000, &|n| format!("a{n}: itemsCount "))), too_complex),
        (
            "1,000 aliases of __typename",
            format!("{{ {} }}", repeated(1000, &|n| format!("a{n}: __typename "))),
            too_complex,
        ),
        ("30,000 fields", format!("{{ items {{ {} }} }}", "id ".repeat(30_000)), too_complex),
        ("10,000 levels of braces", format!("{}{}", "{ items ".repeat(10_000), "}".repeat(10_000)), any),
        (
            "10,000 levels of the same field",
            format!("{{ categories {} id {}", "{ items { category ".repeat(5_000), "}".repeat(10_001)),
            any,
        ),
        ("10,000 open braces", "{".repeat(10_000), any),
        (
            "10,000 levels of lists",
            format!("{{ items(where: {}{}) {{ id }} }}", "[".repeat(10_000), "]".repeat(10_000)),
            any,
        ),
        (
            "10,000 levels of objects",
            format!("{{ items(where: {}{}) {{ id }} }}", "{not:".repeat(10_000), "}".repeat(10_000)),
            any,
        ),
        (
            "10,000 levels of inline fragments",
            format!("{{ {} itemsCount {}", "... { ".repeat(10_000), "}".repeat(10_001)),
            any,
        ),
        ("200,000 tokens", "a ".repeat(200_000), any),
        (
            "fragments that double 40 times",
            format!(
                "{{ items {{ ...F40 }} }} fragment F0 on Item {{ id }} {}",
                repeated(40, &|n| format!("fragment F{} on Item {{ ...F{n} ...F{n} }} ", n + 1))
            ),
            too_complex,
        ),
        (
            "fragments that double 40 times and select __typename",
            format!(
                "{{ items {{ ...F40 }} }} fragment F0 on Item {{ __typename }} {}",
                repeated(40, &|n| format!("fragment F{} on Item {{ ...F{n} ...F{n} }} ", n + 1))
            ),
            too_complex,
        ),
        (
            "inline fragments that double 40 times",
            format!(
                "{{ items {{ ...F40 }} }} fragment F0 on Item {{ id }} {}",
                repeated(40, &|n| format!(
                    "fragment F{} on Item {{ ... {{ ...F{n} }} ... on Item {{ ...F{n} }} }} ",
                    n + 1
                ))
            ),
            too_complex,
        ),
        (
            "fragments that are never included, 40 times",
            format!(
                "{{ items {{ id ...F40 @include(if: false) }} }} fragment F0 on Item {{ id }} {}",
                repeated(40, &|n| format!("fragment F{} on Item {{ ...F{n} ...F{n} }} ", n + 1))
            ),
            too_complex,
        ),
        (
            "fragments that nest through joins",
            format!(
                "{{ categories {{ ...C20 }} }} fragment C0 on Category {{ id }} {}",
                repeated(20, &|n| format!(
                    "fragment C{} on Category {{ items {{ category {{ ...C{n} }} c: category {{ ...C{n} }} }} }} ",
                    n + 1
                ))
            ),
            too_complex,
        ),
        ("a chain of 12,000 fragments", chain(12_000), any),
        ("a chain of 8,000 fragments", chain(8_000), any),
        ("a chain of 3,000 fragments", chain(3_000), any),
        (
            "a chain of 8,000 fragments that nobody uses",
            chain(8_000).replacen("{items{...F8000}}", "{itemsCount}", 1),
            any,
        ),
        (
            "a chain of 8,000 fragments from its other end",
            chain(8_000).replacen("{items{...F8000}}", "{items{...F10 ...F8000}}", 1),
            any,
        ),
        ("a chain of 300 fragments", chain(300), &["", "GRAPHQL_VALIDATION_FAILED"]),
        ("a fragment of itself", "{ items { ...F } } fragment F on Item { ...F }".to_owned(), any),
        (
            "a ring of fragments",
            "{ items { ...A } } fragment A on Item { id ...B } fragment B on Item { id ...A }".to_owned(),
            any,
        ),
        (
            "5,000 unused fragments",
            format!("{{ itemsCount }} {}", repeated(5_000, &|n| format!("fragment F{n} on Item {{ id }} "))),
            any,
        ),
        (
            "5,000 operations",
            repeated(5_000, &|n| format!("query Q{n} {{ itemsCount }} ")),
            &["OPERATION_RESOLUTION_FAILURE", "TOO_COMPLEX", "GRAPHQL_VALIDATION_FAILED"],
        ),
        (
            "10,000 variables",
            format!("query ({}) {{ itemsCount }}", repeated(10_000, &|n| format!("$v{n}: Int "))),
            any,
        ),
        (
            "12,000 variables that stand in 25,000 places",
            format!(
                "query ({}) {{ items(where: {{size: {{in: [{}]}}}}) {{ id }} }}",
                repeated(12_000, &|n| format!("$v{n:x}:Int ")),
                repeated(25_000, &|n| format!("$v{:x} ", 11_999 - n % 6_000))
            ),
            too_complex,
        ),
        ("1,000 directives", format!("{{ itemsCount {} }}", "@skip(if: false) ".repeat(1000)), any),
        (
            "many conflicts",
            format!(
                "{{ items {{ {} }} }}",
                repeated(3_000, &|n| format!("id: {} ", if n % 2 == 0 { "name" } else { "size" }))
            ),
            any,
        ),
        ("a long name", format!("{{ {} }}", "n".repeat(500_000)), any),
        (
            "a long string",
            format!("{{ items(where: {{name: {{eq: 5, eq: \"{}\"}}}}) {{ id }} }}", "n".repeat(500_000)),
            any,
        ),
    ];
    for (what, document, codes) in cases {
        let before = service.program.cpu_seconds();
        let reply = service.ask(&document).await;
        let answer = reply.json();
        let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        let shown = answer.to_string().chars().take(400).collect::<String>();
        assert!(codes.contains(&code), "{what}: {} {shown}", reply.status);
        assert!(reply.body.len() < 1_000_000, "{what}: an answer of {} bytes", reply.body.len());
        let took = service.program.cpu_seconds() - before;
        assert!(took < CPU_SECONDS_MAX, "{what} takes {took} s");
        service.is_well(200, what).await;
    }
}

#[tokio::test]
async fn introspection_bombs() {
    let service = Service::start("[graphql]\nintrospection = true\n").await;
    let doubled = |leaf: &str| {
        let steps: String = (0..40).map(|n| format!("fragment F{} on __Type {{ ...F{n} ...F{n} }} ", n + 1)).collect();
        format!("{{ __schema {{ types {{ ...F40 }} }} }} fragment F0 on __Type {{ {leaf} }} {steps}")
    };
    let through: String =
        (0..12).map(|n| format!("fragment F{} on __Type {{ fields {{ type {{ ...F{n} }} }} }} ", n + 1)).collect();
    let through = format!("{{ __schema {{ types {{ ...F12 }} }} }} fragment F0 on __Type {{ name }} {through}");
    for (what, document) in [
        ("doubled fragments", doubled("name")),
        ("fields of types of fields", through),
        (
            "fields of types, written out",
            format!("{{ __schema {{ types {} name {} }} }}", "{ fields { type ".repeat(8) + "{", "}".repeat(17)),
        ),
    ] {
        let before = service.program.cpu_seconds();
        let reply = service.ask(&document).await;
        assert!(reply.body.len() < 5_000_000, "{what}: an answer of {} bytes", reply.body.len());
        let took = service.program.cpu_seconds() - before;
        assert!(took < CPU_SECONDS_MAX, "{what} takes {took} s");
        service.is_well(200, what).await;
    }
}

#[tokio::test]
async fn values() {
    let service = Service::start("").await;
    let post = async |query: &str, variables: Json| {
        service.post(&[("content-type", "application/json")], &http::graphql(query, variables)).await
    };
    let by = "query ($w: ItemWhereInput) { items(where: $w) { id } }";
    let names: Vec<String> = (0..40_000).map(|n| format!("name {n}")).collect();
    for (what, variables, rows) in [
        ("a long list", json!({"w": {"name": {"in": names}}}), Some(0)),
        ("a long list of numbers", json!({"w": {"size": {"in": (0..100_000).collect::<Vec<_>>()}}}), Some(60)),
        ("a long text", json!({"w": {"name": {"eq": "x".repeat(900_000)}}}), Some(0)),
        ("a long pattern", json!({"w": {"name": {"contains": "%".repeat(300_000)}}}), Some(0)),
        (
            "a wide filter",
            json!({"w": {"or": (0..2_000).map(|n| json!({"size": {"eq": n % 10}})).collect::<Vec<_>>()}}),
            Some(60),
        ),
        (
            "a very wide filter",
            json!({"w": {"or": (0..25_000).map(|n| json!({"size": {"eq": n}})).collect::<Vec<_>>()}}),
            None,
        ),
        (
            "a deep filter",
            json!({"w": (0..50).fold(json!({"size": {"eq": 1}}), |inner, _| json!({"not": inner}))}),
            None,
        ),
        ("a number beyond all", json!({"w": {"total": {"eq": 1e300}}}), None),
        ("an unknown variable", json!({"other": "x".repeat(900_000)}), Some(60)),
    ] {
        let before = service.program.cpu_seconds();
        let reply = post(by, variables).await;
        let answer = reply.json();
        match rows {
            Some(rows) => assert_eq!(
                answer["data"]["items"].as_array().map(Vec::len),
                Some(rows),
                "{what}: {:.400}",
                answer.to_string()
            ),
            None => assert!(reply.status == 200 && reply.body.len() < 10_000, "{what}: {:.400}", answer.to_string()),
        }
        let took = service.program.cpu_seconds() - before;
        assert!(took < CPU_SECONDS_MAX, "{what} takes {took} s");
        service.is_well(250, what).await;
    }
    // Many documents and many filters do not pile up.
    for n in 0..1_500 {
        let document = format!("{{ a{n}: items(limit: {}, where: {{size: {{in: [{n}]}}}}) {{ id name }} }}", n % 500);
        assert_eq!(service.ask(&document).await.status, 200);
    }
    service.is_well(250, "many documents").await;
}
