//! Streams of commands: order, failures among others, transactions, clients that are slow or gone.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use tonic::Code;

use crate::grpc::{CUT, Client, details};
use crate::harness::{self, Database};
use crate::program::eventually;
use crate::service::Api;
use crate::world::{fields, list};
use crate::writing::{self, mutation};

const TABLES: &str = "
    CREATE TABLE tb_row (pk_row bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id int8 NOT NULL UNIQUE, text text NOT NULL);
    CREATE VIEW v_row AS SELECT pk_row, id, text FROM tb_row;
    CREATE FUNCTION fn_put(p_id int8, p_text text DEFAULT 'none') RETURNS v_row LANGUAGE plpgsql AS $$
    DECLARE v_row v_row;
    BEGIN
        IF p_text = 'bad' THEN RAISE 'row % is bad', p_id; END IF;
        INSERT INTO tb_row (id, text) VALUES (p_id, p_text) RETURNING pk_row, id, text INTO v_row;
        RETURN v_row;
    END $$;
    CREATE FUNCTION fn_slow(p_id int8, p_secs float8) RETURNS int8 LANGUAGE plpgsql AS
        $$BEGIN PERFORM pg_sleep(p_secs); INSERT INTO tb_row (id, text) VALUES (p_id, 'slow'); RETURN p_id; END$$;
    CREATE FUNCTION fn_last(p_count int4) RETURNS SETOF v_row LANGUAGE sql AS
        'SELECT * FROM v_row ORDER BY pk_row DESC LIMIT p_count';
";

pub async fn rows() -> (Database, Api, Client) {
    rows_with("").await
}

async fn rows_with(more: &str) -> (Database, Api, Client) {
    let database = Database::empty();
    database.execute(TABLES);
    let api = Api::with(&database, &schema(), more).await;
    let client = Client::of(&api).await;
    (database, api, client)
}

pub fn schema() -> Json {
    json!({
        "types": [{"name": "Row", "sql_source": "v_row", "fields": fields(&["id: BigInt!", "text: String!"])}],
        "queries": [list("rows", "Row", "v_row")],
        "mutations": [
            mutation("put", "Row!", "fn_put", &["id: BigInt!", "text: String"]),
            mutation("slow", "BigInt!", "fn_slow", &["id: BigInt!", "secs: Float!"]),
            mutation("last", "[Row!]!", "fn_last", &["count: Int!"]),
        ],
    })
}

async fn count(database: &Database, of: &str) -> i64 {
    harness::ask(&database.url(), &format!("SELECT count(*) FROM {of}")).await.unwrap()
}

async fn running(database: &Database) -> i64 {
    let name = database.name();
    let of = format!("pg_stat_activity WHERE datname = '{name}' AND state LIKE '%active%' AND pid <> pg_backend_pid()");
    count(database, &of).await
}

/// Commands of a client that goes away when the sender is dropped.
fn until_cut(commands: Vec<Bytes>) -> (oneshot::Sender<()>, impl Stream<Item = Bytes>) {
    let (sender, dropped) = oneshot::channel();
    let cut = futures_util::stream::once(dropped).map(|_| Bytes::from_static(CUT));
    (sender, futures_util::stream::iter(commands).chain(cut))
}

fn puts(numbers: std::ops::RangeInclusive<i64>) -> Vec<Json> {
    numbers.map(|id| json!({"id": id, "text": format!("row {id}")})).collect()
}

#[tokio::test]
async fn a_bad_command_among_a_thousand_fails_alone() {
    let (database, _api, client) = rows().await;
    let mut commands = puts(1..=1000);
    commands[500]["text"] = json!("bad");
    commands[700] = json!({"text": "without an id"});
    commands[800]["id"] = json!(1);
    // Some leave an input to its default, some want something else returned.
    commands[900].as_object_mut().unwrap().remove("text");
    commands[901]["readMask"] = json!("id");
    let (answers, status) = client.written("PutStream", &commands, &[]).await;
    assert!(status.is_ok(), "{status:?}");
    assert_eq!(answers.len(), 1000);
    for (at, answer) in answers.iter().enumerate() {
        let id = (at + 1).to_string();
        let expected = match at {
            500 => json!({"error": "row 501 is bad", "code": "VALIDATION_FAILED"}),
            700 => json!({"error": "id is missing; it is BigInt!", "code": "INVALID_ARGUMENT"}),
            800 => json!({"error": "a value that must be unique exists already", "code": "CONFLICT"}),
            900 => json!({"success": true, "id": id, "entity": {"id": id, "text": "none"}}),
            901 => json!({"success": true, "id": id, "entity": {"id": id}}),
            _ => json!({"success": true, "id": id, "entity": {"id": id, "text": format!("row {id}")}}),
        };
        assert_eq!(*answer, expected, "{at}");
    }
    assert_eq!(count(&database, "tb_row").await, 997);
    let in_order = "SELECT count(*) FROM (SELECT id > lag(id, 1, 0::int8) OVER (ORDER BY pk_row) AS rises FROM tb_row) r WHERE NOT rises";
    assert_eq!(harness::ask(&database.url(), in_order).await.unwrap(), 0);
    // A stream without a command is answered with nothing.
    assert!(matches!(client.written("PutStream", &[], &[]).await, (answers, Ok(())) if answers.is_empty()));
}

#[tokio::test]
async fn a_hundred_thousand_rows() {
    let (database, _api, client) = rows().await;
    let encode = {
        let client = client.clone();
        move |id: i64| client.encode("PutStream", &json!({"id": id, "text": "x"}))
    };
    let commands = futures_util::stream::iter(1..=100_000_i64).map(encode);
    let mut answers = client.write("PutStream", commands, &[]).await.unwrap();
    let mut read = 0_i64;
    while let Some(message) = answers.message().await.unwrap() {
        read += 1;
        if read % 997 == 0 {
            let answer = client.decode("PutStream", &message);
            assert_eq!(answer["entity"], json!({"id": read.to_string(), "text": "x"}));
        }
    }
    assert_eq!((read, count(&database, "tb_row").await), (100_000, 100_000));
    // Batches, not one transaction for each command.
    let transactions = count(&database, "(SELECT DISTINCT xmin::text FROM tb_row) t").await;
    assert!((100..20_000).contains(&transactions), "{transactions} transactions");
}

#[tokio::test]
async fn an_atomic_stream_is_one_transaction() {
    let (database, _api, client) = rows().await;
    let atomic = [("atomic", "true")];
    let (answers, status) = client.written("PutStream", &puts(1..=500), &atomic).await;
    assert_eq!((answers.len(), status.is_ok()), (500, true));
    assert_eq!(answers[499]["entity"], json!({"id": "500", "text": "row 500"}));
    let transactions = count(&database, "(SELECT DISTINCT xmin::text FROM tb_row) t").await;
    assert_eq!((count(&database, "tb_row").await, transactions), (500, 1));

    let with = |at: usize, command: Json| {
        let mut commands = puts(501..=700);
        commands[at] = command;
        commands
    };
    for (commands, code, part) in [
        (with(150, json!({"id": 651, "text": "bad"})), Code::FailedPrecondition, "row 651 is bad"),
        (with(199, json!({"id": 1})), Code::AlreadyExists, "a value that must be unique"),
        (with(7, json!({"text": "x"})), Code::InvalidArgument, "[7]: id is missing; it is BigInt!"),
        (
            with(3, json!({"id": 504, "readMask": "id"})),
            Code::InvalidArgument,
            "[3]: read_mask and joins must be the same",
        ),
    ] {
        let (answers, status) = client.written("PutStream", &commands, &atomic).await;
        let status = status.unwrap_err();
        assert_eq!((answers.len(), status.code()), (0, code), "{status:?}");
        assert!(status.message().contains(part) && status.message().contains("nothing was written"), "{status:?}");
        assert_eq!(count(&database, "tb_row").await, 500);
    }

    let (answers, status) =
        client.written("PutStream", &puts(501..=510), &[("atomic", "true"), ("dry-run", "true")]).await;
    assert!(status.is_ok() && answers.len() == 10 && answers[9]["success"] == true, "{status:?}");
    let (_, status) = client.written("PutStream", &puts(501..=510), &[("dry-run", "true")]).await;
    assert_eq!(status.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(count(&database, "tb_row").await, 500);
}

#[tokio::test]
async fn answers_come_while_the_stream_is_open() {
    let (_database, _api, client) = rows().await;
    let (sender, commands) = tokio::sync::mpsc::channel::<Bytes>(1);
    let commands =
        futures_util::stream::unfold(commands, async |mut commands| Some((commands.recv().await?, commands)));
    let mut answers = client.write("PutStream", Box::pin(commands), &[]).await.unwrap();
    for id in 1..=20_i64 {
        sender.send(client.encode("PutStream", &json!({"id": id}))).await.unwrap();
        let answer = client.decode("PutStream", &answers.message().await.unwrap().unwrap());
        assert_eq!(answer["entity"]["id"], id.to_string());
    }
    drop(sender);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn slow_functions_get_small_batches() {
    // Sixty of them are longer than a statement may take.
    let (database, _api, client) = rows_with("[database]\nstatement_timeout_ms = 1500\n").await;
    let commands: Vec<Json> = (1..=60).map(|id| json!({"id": id, "secs": 0.05})).collect();
    let (answers, status) = client.written("SlowStream", &commands, &[]).await;
    assert!(status.is_ok(), "{status:?}");
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!((&answer["success"], &answer["value"]), (&json!(true), &json!((at + 1).to_string())), "{answer}");
    }
    assert_eq!((answers.len(), count(&database, "tb_row").await), (60, 60));
    // One that takes too long fails, and the stream goes on.
    let commands = [json!({"id": 61, "secs": 5}), json!({"id": 62, "secs": 0})];
    let (answers, status) = client.written("SlowStream", &commands, &[]).await;
    assert!(status.is_ok(), "{status:?}");
    assert_eq!((&answers[0]["code"], &answers[1]["success"]), (&json!("TIMEOUT"), &json!(true)), "{answers:?}");
}

#[tokio::test]
async fn functions_that_return_sets_are_called_one_by_one() {
    let (_database, _api, client) = rows().await;
    client.written("PutStream", &puts(1..=5), &[]).await.1.unwrap();
    let commands: Vec<Json> = (0..4).map(|count| json!({"count": count, "readMask": "id"})).collect();
    let (answers, status) = client.written("LastStream", &commands, &[]).await;
    assert!(status.is_ok(), "{status:?}");
    let ids = |answer: &Json| answer["entities"].as_array().map_or(0, Vec::len);
    assert_eq!(answers.iter().map(ids).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn typed_errors_and_deletions_in_a_stream() {
    let (database, api) = writing::api().await;
    let client = Client::of(&api).await;
    let commands: Vec<Json> =
        ["a@example.com", "ann@example.com", ""].map(|email| json!({"email": email, "readMask": "user.email"})).into();
    let (answers, status) = client.written("RegisterStream", &commands, &[]).await;
    assert!(status.is_ok(), "{status:?}");
    assert_eq!(answers[0]["entity"], json!({"user": {"email": "a@example.com"}}));
    assert_eq!((&answers[1]["code"], &answers[2]["code"]), (&json!("CONFLICT"), &json!("VALIDATION_FAILED")));
    let commands: Vec<Json> = [writing::ANN, writing::BOB].map(|id| json!({"id": id})).into();
    let (answers, status) = client.written("DeleteUserStream", &commands, &[]).await;
    assert!(status.is_ok(), "{status:?}");
    for (answer, id) in answers.iter().zip([writing::ANN, writing::BOB]) {
        assert_eq!((&answer["success"], &answer["id"]), (&json!(true), &json!(id)), "{answer}");
    }
    assert_eq!(count(&database, "tb_user").await, 1);
}

#[tokio::test]
async fn deletions_that_have_to_return_something() {
    let database = writing::database();
    let mut schema = writing::schema();
    let mutations = schema["mutations"].as_array_mut().unwrap();
    let delete = mutations.iter_mut().find(|mutation| mutation["name"] == "deleteUser").unwrap();
    delete["nullable"] = json!(false);
    let api = Api::start(&database, &schema).await;
    let client = Client::of(&api).await;
    let commands: Vec<Json> = [writing::ANN, writing::NOBODY, writing::BOB].map(|id| json!({"id": id})).into();
    let (answers, status) = client.written("DeleteUserStream", &commands, &[]).await;
    assert!(status.is_ok(), "{status:?}");
    for (answer, command) in answers.iter().zip(&commands) {
        let id = &command["id"];
        assert_eq!(*answer, json!({"success": true, "id": id, "entity": {"id": id}}));
    }
    assert_eq!(count(&database, "tb_user").await, 0);
}

/// Commands whose answers are large, so that a client that does not read is soon noticed.
fn large(client: &Client, count: i64) -> impl futures_util::Stream<Item = Bytes> + Send + 'static {
    let client = client.clone();
    let text = "x".repeat(10_000);
    futures_util::stream::iter(1..=count).map(move |id| client.encode("PutStream", &json!({"id": id, "text": text})))
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_its_own_stream_up() {
    let (database, _api, client) = rows().await;
    let mut answers = client.write("PutStream", large(&client, 5000), &[]).await.unwrap();
    let mut before = -1;
    let settled = eventually(async || {
        let now = count(&database, "tb_row").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        std::mem::replace(&mut before, now) == now && now > 0
    });
    assert!(settled.await, "it goes on");
    assert!(before < 3000, "{before} commands were applied for nobody");
    assert_eq!(running(&database).await, 0, "a connection is held");
    let mut read = 0;
    while answers.message().await.unwrap().is_some() {
        read += 1;
    }
    assert_eq!((read, count(&database, "tb_row").await), (5000, 5000));
}

#[tokio::test]
async fn a_client_that_never_reads_is_given_up() {
    let (database, _api, client) = rows_with("stream_idle_timeout_ms = 300\n").await;
    let mut answers = client.write("PutStream", large(&client, 5000), &[]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let status = loop {
        match answers.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ends well"),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), &details(&status)["reason"]), (Code::DeadlineExceeded, &json!("TIMEOUT")), "{status:?}");
    assert!(count(&database, "tb_row").await < 3000);
}

#[tokio::test]
async fn a_client_that_is_gone_leaves_whole_batches() {
    let (database, _api, client) = rows().await;
    let began = Instant::now();
    for round in 0..3 {
        let start = round * 1000;
        let commands: Vec<Bytes> =
            (1..=400).map(|id| client.encode("SlowStream", &json!({"id": start + id, "secs": 0.02}))).collect();
        let (cut, commands) = until_cut(commands);
        let mut answers = client.write("SlowStream", commands, &[]).await.unwrap();
        for _ in 0..5 {
            assert!(answers.message().await.unwrap().is_some());
        }
        drop(cut);
        let there = format!("tb_row WHERE id BETWEEN {} AND {}", start + 1, start + 1000);
        let mut rows = -1;
        // A batch takes up to a quarter of a second.
        let stands = async || {
            let before = std::mem::replace(&mut rows, count(&database, &there).await);
            tokio::time::sleep(Duration::from_millis(500)).await;
            before == rows && running(&database).await == 0
        };
        assert!(eventually(stands).await, "the statement goes on");
        let last = harness::ask(&database.url(), &format!("SELECT coalesce(max(id), 0) FROM {there}")).await.unwrap();
        assert_eq!(last - start, rows, "what was applied is the beginning of the stream");
        assert!((5..400).contains(&rows), "{rows}");
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    let (cut, atomic) = until_cut(vec![client.encode("PutStream", &json!({"id": 9999}))]);
    let _answers = client.write("PutStream", atomic, &[("atomic", "true")]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(cut);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(count(&database, "tb_row WHERE id = 9999").await, 0);
}

#[tokio::test]
async fn a_deadline_ends_a_stream() {
    let (database, _api, client) = rows().await;
    let command = client.encode("SlowStream", &json!({"id": 1, "secs": 30}));
    let commands = futures_util::stream::iter([command]);
    let mut answers = client.write("SlowStream", commands, &[("grpc-timeout", "300m")]).await.unwrap();
    let status = answers.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(eventually(async || running(&database).await == 0).await, "the statement goes on");
    assert_eq!(count(&database, "tb_row").await, 0);
}
