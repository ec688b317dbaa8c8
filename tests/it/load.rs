//! A mixed load on the three wires: clients that know what is right, and remember what they were told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;

use crate::grpc::{Client, details};
use crate::http::{self, Reply, graphql};
use crate::world::{fields, list};
use crate::writing::mutation;

pub const TABLES: &str = "
    CREATE TABLE tb_row (pk_row bigint PRIMARY KEY, id text NOT NULL, name text NOT NULL);
    CREATE TABLE tb_part (pk_part bigint PRIMARY KEY, fk_row bigint NOT NULL, id text NOT NULL, amount int4 NOT NULL);
    CREATE TABLE tb_note (pk_note bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id int8 NOT NULL UNIQUE, text text NOT NULL);
    INSERT INTO tb_row SELECT n, n::text, 'row ' || n FROM generate_series(1, 100) n;
    INSERT INTO tb_part SELECT n, (n + 1) / 2, n::text, n * 10 FROM generate_series(1, 200) n;
    CREATE VIEW v_row AS SELECT pk_row, id, name FROM tb_row;
    CREATE VIEW v_note AS SELECT pk_note, id, text FROM tb_note;
    CREATE FUNCTION fn_create_note(p_id int8, p_text text) RETURNS v_note LANGUAGE sql AS
        'INSERT INTO tb_note (id, text) VALUES (p_id, p_text) RETURNING pk_note, id, text';
";

pub fn schema() -> Json {
    let mut row = fields(&["id: ID!", "name: String!"]);
    let parts = json!({"name": "parts", "type": "[Part!]", "nullable": false, "join": {"pk_row": "fk_row"}});
    row.as_array_mut().unwrap().push(parts);
    let mut create = mutation("createNote", "Note!", "fn_create_note", &["id: BigInt!", "text: String!"]);
    create["operation"] = json!("CREATE");
    json!({
        "types": [
            {"name": "Row", "sql_source": "v_row", "fields": row},
            {"name": "Part", "sql_source": "tb_part", "fields": fields(&["id: ID!", "amount: BigInt!"])},
            {"name": "Note", "sql_source": "v_note", "fields": fields(&["id: BigInt!", "text: String!"])}],
        "queries": [list("rows", "Row", "v_row"), list("notes", "Note", "v_note")],
        "mutations": [create],
    })
}

/// What is asked in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    GraphqlRead,
    RestRead,
    GrpcRead,
    GraphqlWrite,
    RestWrite,
    GrpcWrite,
    Ndjson,
    GrpcStream,
}

const KINDS: [Kind; 8] = [
    Kind::GraphqlRead,
    Kind::RestRead,
    Kind::GrpcRead,
    Kind::GraphqlWrite,
    Kind::RestWrite,
    Kind::GrpcWrite,
    Kind::Ndjson,
    Kind::GrpcStream,
];

/// What became of a request.
enum Told {
    Right,
    Refused(String),
    Wrong(String),
}

/// What all clients were told.
#[derive(Default)]
pub struct Tally {
    pub requests: u64,
    pub refused: BTreeMap<String, u64>,
    pub wrong: Vec<String>,
    /// Notes that were written, as their writers were told.
    pub written: Vec<i64>,
    right_at: BTreeMap<Kind, Instant>,
    refused_at: Option<Instant>,
    /// The longest time in which nobody had an answer.
    pub silence: Duration,
    silent_since: Option<Instant>,
}

/// Clients that ask until they are stopped.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    is_over: AtomicBool,
    next_note: AtomicI64,
    tally: Mutex<Tally>,
}

// === impl Load ===

impl Load {
    pub async fn start(address: SocketAddr, clients: usize) -> Load {
        let (is_over, next_note) = (AtomicBool::new(false), AtomicI64::new(1));
        let shared = Arc::new(Shared { address, is_over, next_note, tally: Mutex::default() });
        let mut load = Load { shared: shared.clone(), clients: Vec::new() };
        for n in 0..clients {
            let client = Client::at(address, "test.v1.TestService").await;
            load.clients.push(tokio::spawn(shared.clone().ask(client, n)));
        }
        load
    }

    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every kind of request was answered rightly since `then`, and nothing was refused behind that; how
    /// long that took, or what was told instead.
    pub async fn is_right_again(&self, then: Instant) -> Result<Duration, String> {
        let right = |tally: &Tally| {
            let after = tally.refused_at.map_or(then, |refused| refused.max(then));
            KINDS.iter().all(|kind| tally.right_at.get(kind).is_some_and(|at| *at > after))
        };
        while !right(&self.tally()) {
            let tally = self.tally();
            if then.elapsed() > Duration::from_secs(30) {
                return Err(format!("{:#?}\n{:#?}", tally.refused, tally.wrong));
            }
            drop(tally);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(then.elapsed())
    }

    /// Ends the clients; what they were told.
    pub async fn stop(self) -> Tally {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        let mut tally = self.shared.tally.lock().unwrap();
        tally.note_silence();
        std::mem::take(&mut *tally)
    }
}

// === impl Tally ===

impl Tally {
    fn note(&mut self, kind: Kind, told: Told) {
        self.requests += 1;
        match told {
            Told::Right => {
                self.note_silence();
                self.silent_since = Some(Instant::now());
                self.right_at.insert(kind, Instant::now());
            }
            Told::Refused(code) => {
                *self.refused.entry(format!("{kind:?} {code}")).or_default() += 1;
                self.refused_at = Some(Instant::now());
            }
            Told::Wrong(what) => self.wrong.push(format!("{kind:?}: {what}")),
        }
    }

    /// Refusals by their code alone.
    pub fn by_code(&self) -> BTreeMap<String, u64> {
        let mut by_code = BTreeMap::new();
        for (refused, count) in &self.refused {
            let code = refused.rsplit(' ').next().unwrap_or_default();
            *by_code.entry(code.to_owned()).or_default() += count;
        }
        by_code
    }

    fn note_silence(&mut self) {
        self.silence = self.silence.max(self.silent_since.map_or(Duration::ZERO, |since| since.elapsed()));
    }

    /// That nothing was wrong, and nothing refused but with these codes.
    #[track_caller]
    pub fn check(&self, codes: &[&str]) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        let others = self.refused.keys().filter(|refused| !codes.iter().any(|code| refused.ends_with(code)));
        assert_eq!(others.count(), 0, "{:#?}", self.refused);
        assert!(self.requests > 50, "{} requests are no load", self.requests);
    }
}

// === impl Shared ===

impl Shared {
    async fn ask(self: Arc<Shared>, client: Client, first: usize) {
        for kind in KINDS.iter().cycle().skip(first) {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let note = self.next_note.fetch_add(1, Ordering::Relaxed);
            let told = self.told(*kind, &client, note).await;
            let is_refused = matches!(told, Told::Refused(_));
            {
                let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
                if matches!((&told, kind), (Told::Right, Kind::GraphqlWrite | Kind::RestWrite | Kind::GrpcWrite)) {
                    tally.written.push(note);
                }
                tally.note(*kind, told);
            }
            if is_refused {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn told(&self, kind: Kind, client: &Client, note: i64) -> Told {
        let id = note.to_string();
        let text = format!("note {note}");
        match kind {
            Kind::GraphqlRead => {
                let query =
                    "{ rows(limit: 2, orderBy: [{name: ASC}]) { id parts(orderBy: [{amount: ASC}]) { amount } } }";
                let parts = |one: i32| json!([{"amount": one}, {"amount": one + 10}]);
                let rows = json!([{"id": "1", "parts": parts(10)}, {"id": "10", "parts": parts(190)}]);
                self.graphql(query, Json::Null, &json!({"rows": rows})).await
            }
            Kind::GraphqlWrite => {
                let query = "mutation ($id: BigInt!, $text: String!) { createNote(id: $id, text: $text) { id text } }";
                let note = json!({"createNote": {"id": note, "text": text}});
                self.graphql(query, json!({"id": note["createNote"]["id"], "text": text}), &note).await
            }
            Kind::RestRead => {
                let reply = self.send("GET", "/rest/rows?limit=2&sort=-name&select=name", &[], b"").await;
                rest(reply, 200, &json!([{"name": "row 99"}, {"name": "row 98"}]))
            }
            Kind::RestWrite => {
                let body = json!({"id": note, "text": text}).to_string();
                let headers = [("content-type", "application/json")];
                let reply = self.send("POST", "/rest/notes", &headers, body.as_bytes()).await;
                rest(reply, 201, &json!({"id": note, "text": text}))
            }
            Kind::GrpcRead => {
                let request =
                    json!({"limit": 1, "orderBy": [{"name": "ORDER_DIRECTION_ASC"}], "readMask": "id,parts.amount"});
                let expected = json!([{"id": "1", "parts": [{"amount": "10"}, {"amount": "20"}]}]);
                grpc(client.ask("ListRows", request).await, &expected)
            }
            Kind::GrpcWrite => {
                let expected = json!([{"success": true, "id": id, "entity": {"id": id, "text": text}}]);
                grpc(client.ask("CreateNote", json!({"id": id, "text": text})).await, &expected)
            }
            Kind::Ndjson => {
                let reply = self.send("GET", "/rest/rows?select=id", &[("accept", "application/x-ndjson")], b"").await;
                match reply {
                    Err(broken) => broken,
                    Ok(reply) if reply.status != 200 => refused(&reply.json()["error"]),
                    Ok(reply) => {
                        let text = reply.text();
                        let last: Json =
                            serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
                        match (last.get("error"), text.lines().count()) {
                            (Some(error), _) => refused(error),
                            (None, 100) => Told::Right,
                            (None, count) => Told::Wrong(format!("{count} lines")),
                        }
                    }
                }
            }
            Kind::GrpcStream => match client.ask("ListRows", json!({"readMask": "name"})).await {
                Ok(rows) if rows.len() == 100 => Told::Right,
                Ok(rows) => Told::Wrong(format!("{} rows", rows.len())),
                Err(status) => grpc(Err(status), &Json::Null),
            },
        }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply, Told> {
        let reply = http::send(self.address, method, path, headers, body).await;
        reply.map_err(|error| Told::Wrong(format!("{method} {path}: {error}")))
    }

    async fn graphql(&self, query: &str, variables: Json, expected: &Json) -> Told {
        let headers = [("content-type", "application/json")];
        match self.send("POST", "/graphql", &headers, &graphql(query, variables)).await {
            Err(broken) => broken,
            Ok(reply) => {
                let answer = reply.json();
                match answer.pointer("/errors/0/extensions/code").and_then(Json::as_str) {
                    Some(code) => Told::Refused(said(code, &answer["errors"][0]["message"])),
                    None => compared(&answer["data"], expected),
                }
            }
        }
    }
}

fn rest(reply: Result<Reply, Told>, status: u16, expected: &Json) -> Told {
    match reply {
        Err(broken) => broken,
        Ok(reply) if reply.status == status => compared(&reply.json()["data"], expected),
        Ok(reply) => refused(&reply.json()["error"]),
    }
}

fn grpc(answer: Result<Vec<Json>, tonic::Status>, expected: &Json) -> Told {
    match answer {
        Ok(messages) => compared(&Json::from(messages), expected),
        Err(status) => match details(&status)["reason"].as_str() {
            Some(code) => Told::Refused(said(code, &json!(status.message()))),
            None => Told::Wrong(format!("{status:?}")),
        },
    }
}

fn refused(error: &Json) -> Told {
    match error["code"].as_str() {
        Some(code) => Told::Refused(said(code, &error["message"])),
        None => Told::Wrong(error.to_string()),
    }
}

/// The code, and the message where the code alone does not tell what happened.
fn said(code: &str, message: &Json) -> String {
    match code {
        "UNAVAILABLE" | "TIMEOUT" => code.to_owned(),
        _ => {
            let message = message.as_str().unwrap_or_default();
            format!("{}: {code}", message.split("; the request's id").next().unwrap_or_default())
        }
    }
}

fn compared(found: &Json, expected: &Json) -> Told {
    match found == expected {
        true => Told::Right,
        false => Told::Wrong(format!("{found} instead of {expected}")),
    }
}
