//! NDJSON and CSV: whole lists, slow and vanished clients, failures on the way.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::AsyncReadExt;

use crate::harness::{Database, ask};
use crate::http;
use crate::program::eventually;
use crate::service::Api;
use crate::world::{self, fields, list};

const NDJSON: [(&str, &str); 1] = [("accept", "application/x-ndjson")];
const CSV: [(&str, &str); 1] = [("accept", "text/csv")];

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[tokio::test]
async fn every_row_is_a_line() {
    let (_database, api) = world::api().await;
    for path in
        ["/rest/items?sort=name", "/rest/itemDocs?sort=name", "/rest/items?sort=name&select=name,category(items(id))"]
    {
        let reply = api.send("GET", path, &NDJSON, b"").await;
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
        let page = api.get(&format!("{path}&limit=100")).await.json();
        assert_eq!(json!(lines(&reply.text())), page["data"], "{path}");
    }
    let few = api.send("GET", "/rest/items?limit=3&offset=58&sort=name", &NDJSON, b"").await;
    assert_eq!(few.text().lines().count(), 2);
    let paged = api.send("GET", "/rest/itemsPaged?sort=name", &NDJSON, b"").await;
    assert_eq!(paged.text().lines().count(), 60);
    let paged = api.send("GET", "/rest/itemsPaged?first=4", &NDJSON, b"").await;
    assert_eq!(paged.text().lines().count(), 4);
    let none = api.send("GET", "/rest/items?size=1000", &NDJSON, b"").await;
    assert_eq!((none.status, none.text()), (200, String::new()));
    let cursor = api.send("GET", "/rest/itemsPaged?last=4", &NDJSON, b"").await;
    assert_eq!(cursor.status, 400);
    let wrong = api.send("GET", "/rest/items?size=x", &NDJSON, b"").await;
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (400, &json!("INVALID_ARGUMENT")));
}

/// Cells of CSV by RFC 4180; `None` is an empty cell without quotes.
fn cells(text: &str) -> Vec<Vec<Option<String>>> {
    let mut rows = vec![vec![]];
    let mut chars = text.chars().peekable();
    loop {
        let mut cell = String::new();
        let quoted = chars.next_if_eq(&'"').is_some();
        while let Some(c) = chars.peek().copied() {
            match c {
                '"' if quoted => {
                    chars.next();
                    match chars.next_if_eq(&'"') {
                        Some(_) => cell.push('"'),
                        None => break,
                    }
                }
                ',' | '\r' if !quoted => break,
                c => {
                    cell.push(c);
                    chars.next();
                }
            }
        }
        rows.last_mut().unwrap().push((quoted || !cell.is_empty()).then_some(cell));
        match chars.next() {
            Some(',') => {}
            Some('\r') => {
                assert_eq!(chars.next(), Some('\n'));
                match chars.peek() {
                    Some(_) => rows.push(Vec::new()),
                    None => return rows,
                }
            }
            other => panic!("{other:?} behind a cell"),
        }
    }
}

#[tokio::test]
async fn csv_says_what_json_says() {
    let (database, api) = world::api().await;
    database.execute("UPDATE tb_item SET name = E'a,\"b\"\\r\\nc', note = '' WHERE pk_item = 1");
    for path in
        ["/rest/items?sort=name", "/rest/itemDocs?sort=name", "/rest/items?sort=name&select=n:name,note,category(name)"]
    {
        let reply = api.send("GET", path, &CSV, b"").await;
        let rows = cells(&reply.text());
        let data = api.get(&format!("{path}&limit=100")).await.json()["data"].clone();
        let data = data.as_array().unwrap();
        let names: Vec<Option<String>> = data[0].as_object().unwrap().keys().cloned().map(Some).collect();
        assert_eq!(rows[0], names);
        assert_eq!(rows.len(), data.len() + 1);
        for (row, json) in rows[1..].iter().zip(data) {
            let expected: Vec<Option<String>> = json
                .as_object()
                .unwrap()
                .values()
                .map(|value| match value {
                    Json::Null => None,
                    Json::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                })
                .collect();
            let loose = |cells: &[Option<String>]| -> Vec<Option<Json>> {
                cells
                    .iter()
                    .map(|cell| cell.as_ref().map(|text| serde_json::from_str(text).unwrap_or(json!(text))))
                    .collect()
            };
            assert_eq!(loose(row), loose(&expected), "{path}");
        }
    }
    let empty = api.send("GET", "/rest/items?size=1000&select=id,name", &CSV, b"").await;
    assert_eq!(empty.text(), "id,name\r\n");
}

#[tokio::test]
async fn a_failure_on_the_way() {
    let (database, api) = world::api().await;
    database.execute(
        "INSERT INTO tb_odd (pk_odd, data) SELECT n, jsonb_build_object('strict', 'a', 'size', n) FROM generate_series(1, 5000) n; \
         UPDATE tb_odd SET data = '{\"strict\": null, \"size\": 1}' WHERE pk_odd = 4000",
    );
    let reply = api.send("GET", "/rest/odds?select=strict,size&sort=size&limit=5000", &NDJSON, b"").await;
    let found = lines(&reply.text());
    let (last, rows) = found.split_last().unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!((rows.len(), &last["error"]["code"]), (1, &json!("DATA_MISMATCH")), "{last}");
    let reply = api.send("GET", "/rest/odds?select=strict,size&limit=5000", &NDJSON, b"").await;
    assert_eq!(lines(&reply.text()).len(), 4000, "3999 rows and the error");
    // CSV has no place for an error: the body ends before its end.
    let address = api.address();
    let cut = http::send(address, "GET", "/rest/odds?select=strict,size&limit=5000", &CSV, b"").await;
    assert!(cut.is_err(), "{cut:?}");
    assert_eq!(api.get("/rest/odds?select=strict&limit=3").await.status, 200, "the server goes on");
}

/// A view that would take its time, and one that does not end.
async fn endless(more: &str) -> (Database, Api) {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_row AS SELECT n AS pk_row, n::text AS id, repeat('x', 200) AS name FROM generate_series(1, 20000000) n; \
         CREATE VIEW v_few AS SELECT n AS pk_few, n::text AS id, 'few'::text AS name FROM generate_series(1, 3) n",
    );
    let ty = |name: &str, view: &str| json!({"name": name, "sql_source": view, "fields": fields(&["id: ID!", "name: String"])});
    let schema = json!({"types": [ty("Row", "v_row"), ty("Few", "v_few")],
                        "queries": [list("rows", "Row", "v_row"), list("few", "Few", "v_few")]});
    let api = Api::with(&database, &schema, more).await;
    (database, api)
}

async fn active(database: &Database) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state = 'active' AND query LIKE '%v_row%' \
         AND pid <> pg_backend_pid()",
        database.name()
    );
    ask(&database.url(), &sql).await.unwrap()
}

#[tokio::test]
async fn a_client_that_vanishes_or_stops_reading() {
    let (database, api) = endless("stream_idle_timeout_ms = 500\n[database]\nstatement_timeout_ms = 300\n").await;
    // It goes away in the middle.
    let mut stream = http::begin(api.address(), "GET", "/rest/rows", &NDJSON, b"").await.unwrap();
    let mut some = vec![0; 100_000];
    stream.read_exact(&mut some).await.unwrap();
    assert_eq!(active(&database).await, 1);
    drop(stream);
    eventually(async || active(&database).await == 0).await;

    // It reads slowly: longer than a statement may take, and goes on.
    let mut stream = http::begin(api.address(), "GET", "/rest/rows", &NDJSON, b"").await.unwrap();
    for _ in 0..5 {
        stream.read_exact(&mut some).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(active(&database).await, 1);

    // It stops reading, and the statement is ended for it.
    eventually(async || active(&database).await == 0).await;
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest).await;
    assert!(ended.is_err() || !rest.ends_with(b"0\r\n\r\n"), "a body that was cut off does not end well");
    assert_eq!(api.get("/rest/few").await.status, 200);
}

#[tokio::test]
async fn streams_leave_connections_to_others() {
    let (database, api) = endless("[database]\npool_max = 4\nstream_connections = 2\n").await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = http::begin(api.address(), "GET", "/rest/rows", &NDJSON, b"").await.unwrap();
        let mut some = vec![0; 1000];
        stream.read_exact(&mut some).await.unwrap();
        open.push(stream);
    }
    let refused = api.send("GET", "/rest/rows", &CSV, b"").await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (503, &json!("UNAVAILABLE")));
    assert_eq!(refused.header("retry-after"), Some("1"));
    for _ in 0..20 {
        assert_eq!(api.get("/rest/few").await.status, 200);
    }
    drop(open);
    eventually(async || active(&database).await == 0).await;
    assert_eq!(api.send("GET", "/rest/few", &NDJSON, b"").await.text().lines().count(), 3);
}
