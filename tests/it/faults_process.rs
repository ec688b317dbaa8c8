//! What the process itself has to stand: a log that is full, and being told to stop while streams are read.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};
use tokio::io::AsyncReadExt;
use tonic::{Code, Request};

use crate::grpc::Client;
use crate::harness::{Database, ask};
use crate::http::{self, graphql};
use crate::program::{Program, command, eventually};
use crate::world::{fields, list};
use crate::writing::mutation;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const NDJSON: [(&str, &str); 1] = [("accept", "application/x-ndjson")];

/// Rows without end, a few rows, and a function that writes.
const TABLES: &str = "
    CREATE TABLE tb_put (id int8 PRIMARY KEY);
    CREATE VIEW v_row AS SELECT n AS pk_row, n::text AS id FROM generate_series(1, 50000000) n;
    CREATE VIEW v_few AS SELECT n AS pk_few, n::text AS id FROM generate_series(1, 2000) n;
    CREATE VIEW v_bad AS SELECT 1 AS pk_bad, (1 / (random() * 0)::int)::text AS id;
    CREATE FUNCTION fn_put(p_id int8) RETURNS int8 LANGUAGE sql AS 'INSERT INTO tb_put VALUES (p_id) RETURNING id';
";

fn project(database: &Database, server: &str) -> tempfile::TempDir {
    database.execute(TABLES);
    let ty = |name: &str, view: &str| json!({"name": name, "sql_source": view, "fields": fields(&["id: ID!"])});
    let schema = json!({
        "types": [ty("Row", "v_row"), ty("Few", "v_few"), ty("Bad", "v_bad")],
        "queries": [list("rows", "Row", "v_row"), list("few", "Few", "v_few"), list("bads", "Bad", "v_bad")],
        "mutations": [mutation("put", "BigInt!", "fn_put", &["id: BigInt!"])],
    });
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("schema.json"), schema.to_string()).unwrap();
    let url = database.url();
    let toml =
        format!("[project]\nname = \"test\"\n[server]\nhost = \"127.0.0.1\"\n{server}[database]\nurl = \"{url}\"\n");
    fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    directory
}

/// Nothing that is written to standard output or error arrives, and nobody who asks notices.
#[tokio::test]
async fn a_log_that_cannot_be_written() {
    let database = Database::empty();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, taken.local_addr().unwrap().port()));
    let directory = project(&database, &format!("port = {}\n", address.port()));
    drop(taken);
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    for format in ["json", "pretty"] {
        let mut program = command(directory.path(), &["run", "--log", "trace"]);
        program.env("FRAISEQL_TELEMETRY_LOG_FORMAT", format).stdout(full()).stderr(full());
        let mut child = program.spawn().unwrap();
        let asked = async |query: &str| {
            let reply = http::send(address, "POST", "/graphql", &JSON, &graphql(query, Json::Null)).await.ok()?;
            Some(reply.json())
        };
        let few = json!({"data": {"few": [{"id": "1"}]}});
        let right = async || asked("{ few(limit: 1, orderBy: [{id: ASC}]) { id } }").await.as_ref() == Some(&few);
        assert!(eventually(right).await, "{:?} {:?}", child.try_wait(), asked("{ few(limit: 1) { id } }").await);
        for _ in 0..20 {
            assert!(right().await);
            let bad = asked("{ bads { id } }").await.unwrap();
            assert_eq!(bad["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{bad}");
        }
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        for wrong in [true, false] {
            let toml = directory.path().join("fraiseql.toml");
            let text = fs::read_to_string(&toml).unwrap();
            if wrong {
                fs::write(&toml, format!("{text}[nonsense]\n")).unwrap();
            }
            kill(pid, Signal::SIGHUP).unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(right().await);
            fs::write(&toml, text).unwrap();
        }
        kill(pid, Signal::SIGTERM).unwrap();
        assert!(eventually(async || child.try_wait().unwrap().is_some()).await, "it does not end");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{format}");
    }
}

/// Those that can be read to their end in time are; the others are told that the server is not there any more.
#[tokio::test]
async fn streams_end_in_order_when_the_process_is_told_to_stop() {
    let database = Database::empty();
    let directory = project(&database, "port = 0\nshutdown_timeout_secs = 4\n");
    let mut program = Program::start(directory.path(), &["run"]);
    let address = program.address().await;
    let client = Client::at(address, "test.v1.TestService").await;

    let mut endless = http::begin(address, "GET", "/rest/rows", &NDJSON, b"").await.unwrap();
    let mut head = vec![0; 1000];
    endless.read_exact(&mut head).await.unwrap();
    let request = Request::new(client.encode("ListRows", &json!({})));
    let mut messages = client.stream("ListRows", request, None).await.unwrap();
    assert!(messages.message().await.unwrap().is_some());
    let commands = futures_util::stream::iter([client.encode("PutStream", &json!({"id": 1}))]);
    let mut commands = client.write("PutStream", commands.chain(futures_util::stream::pending()), &[]).await.unwrap();
    assert!(commands.message().await.unwrap().is_some());
    let mut few = http::begin(address, "GET", "/rest/few", &NDJSON, b"").await.unwrap();
    let mut few_head = vec![0; 100];
    few.read_exact(&mut few_head).await.unwrap();

    program.signal(Signal::SIGTERM);
    program.says("stopping", 1).await;
    let read_few = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut rest = Vec::new();
        few.read_to_end(&mut rest).await.unwrap();
        few_head.extend(rest);
        String::from_utf8(few_head).unwrap()
    };
    let read_endless = async {
        let (mut tail, mut some) = (Vec::new(), vec![0; 1 << 20]);
        loop {
            match endless.read(&mut some).await.unwrap() {
                0 => return String::from_utf8_lossy(&tail).into_owned(),
                count => tail.extend_from_slice(&some[..count]),
            }
            tail.drain(..tail.len().saturating_sub(1000));
        }
    };
    let read_messages = async {
        loop {
            match messages.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("fifty million rows cannot have been read"),
                Err(status) => return status,
            }
        }
    };
    let (few, endless, messages, commands) = tokio::join!(read_few, read_endless, read_messages, commands.message());
    let rows = few.lines().filter(|line| line.starts_with("{\"id\"")).count();
    assert!(rows == 2000 && few.ends_with("0\r\n\r\n"), "{rows} of 2000 rows");
    let last = endless.lines().rfind(|line| line.starts_with("{\"error\"")).unwrap_or_default();
    let last: Json = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {endless}"));
    assert_eq!(last["error"]["code"], "UNAVAILABLE");
    assert!(endless.ends_with("0\r\n\r\n"), "it breaks off: {endless}");
    assert_eq!(messages.code(), Code::Unavailable, "{messages:?}");
    assert_eq!(commands.unwrap_err().code(), Code::Unavailable);
    assert_eq!(program.ended().await.code(), Some(0), "{}", program.said());
    assert!(!program.said().contains("cut off"), "{}", program.said());
    assert_eq!(ask(&database.url(), "SELECT count(*) FROM tb_put").await.unwrap(), 1);
}
