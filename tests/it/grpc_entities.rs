//! Entities over gRPC: batches, streams of keys, and the service for clients that know no schema.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Status, Streaming};

use crate::grpc::{Client, Plain, details};
use crate::program::Program;
use crate::subgraph::{api, api_with, user_id};
use crate::tokens::{AUTH, bearer};

/// What build.rs makes of `proto/`.
#[allow(clippy::doc_markdown, clippy::large_enum_variant)]
mod generated {
    tonic::include_proto!("fraiseql.v1");
}

fn rows(answer: &Json) -> Vec<Json> {
    answer["items"].as_array().cloned().unwrap_or_default()
}

/// A stream of keys, and what comes back.
async fn open(
    client: &Client,
    method: &str,
    buffered: usize,
) -> (mpsc::Sender<Bytes>, Result<Streaming<Bytes>, Status>) {
    let (keys, received) = mpsc::channel(buffered);
    let sent = futures_util::stream::unfold(received, |mut received| async move {
        received.recv().await.map(|key: Bytes| (key, received))
    });
    let mut grpc = tonic::client::Grpc::new(client.channel.clone());
    grpc.ready().await.unwrap();
    let path = client.path(method).parse().unwrap();
    let answered = grpc.streaming(Request::new(sent), path, Plain).await;
    (keys, answered.map(tonic::Response::into_inner))
}

/// A field of protobuf that has a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost_reflect::prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

#[tokio::test]
async fn batches() {
    let (_database, api) = api().await;
    let client = Client::of(&api).await;
    let nobody = "00000000-0000-0000-0000-000000000000";
    let keys = json!({"keys": [{"id": user_id(3)}, {"id": nobody}, {"email": "user1@example.org"}, {"id": "x"}, {}, {"id": user_id(3)}],
                      "readMask": "name"});
    let answer = client.one("BatchGetUsers", keys).await;
    let named = |number: usize| json!({"entity": {"name": format!("User {number}")}});
    let error = |message: &str, argument: &str| {
        let mut error = json!({"code": "INVALID_ARGUMENT", "message": message});
        if !argument.is_empty() {
            error["argument"] = json!(argument);
        }
        json!({"error": error})
    };
    let expected = [
        named(3),
        json!({}),
        named(1),
        error("User.id: \"x\" is not a UUID", "id"),
        error("the representation of User needs a key: \"id\" or \"email\"", ""),
        named(3),
    ];
    assert_eq!(rows(&answer), expected);
    let keys = json!({"keys": [{"sku": "sku2", "variation": {"id": "v5"}}, {"sku": "sku2", "package": "even"}], "readMask": "title,sku"});
    let titles: Vec<Json> =
        rows(&client.one("BatchGetProducts", keys).await).iter().map(|row| row["entity"]["title"].clone()).collect();
    assert_eq!(titles, ["Product 5", "Product 4"]);
    let keys = json!({"keys": [{"grade": "GRADE_LOW", "note": "Reading 4"}, {"day": "2024-01-05"}, {"at": "2024-01-01T04:00:00Z"}, {"number": 4}],
                      "readMask": "number"});
    assert_eq!(rows(&client.one("BatchGetReadings", keys).await), vec![json!({"entity": {"number": 4}}); 4]);
    let keys = json!({"keys": [{"slug": "slug-4"}, {"slug": "a\u{0}b"}, {"weight": 1.0, "active": true}, {"slug": "slug-4", "number": 5}],
                      "readMask": "number"});
    let answer = rows(&client.one("BatchGetReadings", keys).await);
    assert_eq!(
        answer[1],
        error("Reading.slug: a text may not hold the character U+0000", "slug"),
        "a value that no column holds"
    );
    let numbers: Vec<&Json> = answer.iter().map(|row| &row["entity"]["number"]).collect();
    assert_eq!(numbers, [&json!(4), &Json::Null, &json!(4), &json!(5)], "the first of several keys is asked by");
    let joined = json!({"keys": [{"id": user_id(2)}], "readMask": "posts.title", "joins": {"posts": {"limit": 1, "orderBy": [{"title": "ORDER_DIRECTION_DESC"}]}}});
    let answer = client.one("BatchGetUsers", joined).await;
    assert_eq!(rows(&answer)[0]["entity"]["posts"], json!([{"title": "Post 2.3"}]));
    let answer = client.one("BatchGetParcels", json!({"keys": [{"id": "parcel1"}], "readMask": "broken"})).await;
    assert_eq!(rows(&answer)[0]["error"]["code"], "DATA_MISMATCH", "{answer}");
    assert_eq!(client.one("BatchGetUsers", json!({})).await, json!({}));
}

#[tokio::test]
async fn refusals() {
    let (_database, api) = api_with(&format!("{AUTH}[federation]\nmax_representations = 3\n")).await;
    let client = Client::of(&api).await;
    let keys = |count: usize| json!({"keys": vec![json!({"id": user_id(1)}); count]});
    let (code, reason, _) = client.refusal("BatchGetUsers", keys(4)).await;
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "TOO_COMPLEX"));
    let (code, _, message) = client.refusal("BatchGetUsers", json!({"keys": [], "readMask": "nme"})).await;
    assert_eq!(code, Code::InvalidArgument, "{message}");
    assert_eq!(client.refusal("BatchGetLedgers", keys(1)).await.0, Code::Unauthenticated);
    let tenant = client.with_authorization(Some(bearer(json!({"tenant_id": "tenant1"}))));
    let answer = tenant
        .one("BatchGetInvoices", json!({"keys": [{"id": user_id(1)}, {"id": user_id(2)}], "readMask": "name"}))
        .await;
    assert_eq!(rows(&answer), [json!({"entity": {"name": "User 1"}}), json!({})]);
    assert_eq!(tenant.refusal("BatchGetLedgers", keys(1)).await.0, Code::PermissionDenied);
}

#[tokio::test]
async fn keys_without_end() {
    let (_database, api) = api().await;
    let client = Client::of(&api).await;
    let (keys, answers) = open(&client, "ResolveUsers", 16).await;
    let mut answers = answers.unwrap();
    // One at a time: each is answered before the next is sent.
    for number in [5, 99_999, 7] {
        keys.send(client.encode("ResolveUsers", &json!({"id": user_id(number)}))).await.unwrap();
        let answer = client.decode("ResolveUsers", &answers.message().await.unwrap().unwrap());
        match number {
            99_999 => assert_eq!(answer, json!({})),
            number => assert_eq!(answer["entity"]["name"], format!("User {number}")),
        }
    }
    // Many at once, faster than they are answered, with bad ones between them.
    let count = 20_000;
    let sender = {
        let (keys, client) = (keys.clone(), client.clone());
        tokio::spawn(async move {
            for number in 0..count {
                let key =
                    if number % 1000 == 999 { json!({"id": "x"}) } else { json!({"id": user_id(number % 12_000 + 1)}) };
                keys.send(client.encode("ResolveUsers", &key)).await.unwrap();
            }
        })
    };
    for number in 0..count {
        let answer = client.decode("ResolveUsers", &answers.message().await.unwrap().unwrap());
        match number % 1000 {
            999 => assert_eq!(answer["error"]["code"], "INVALID_ARGUMENT"),
            _ => assert_eq!(answer["entity"]["name"], format!("User {}", number % 12_000 + 1)),
        }
    }
    sender.await.unwrap();
    drop(keys);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_stream_that_cannot_go_on() {
    let (_database, api) = api_with("stream_idle_timeout_ms = 500\n").await;
    let client = Client::of(&api).await;
    let (keys, answers) = open(&client, "ResolveUsers", 4).await;
    let mut answers = answers.unwrap();
    keys.send(client.encode("ResolveUsers", &json!({"id": user_id(1)}))).await.unwrap();
    assert!(answers.message().await.unwrap().is_some());
    keys.send(Bytes::from_static(b"\xff\xff\xff")).await.unwrap();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::InvalidArgument);
    let (keys, answers) = open(&client, "ResolveUsers", 4).await;
    let status = answers.unwrap().message().await.unwrap_err();
    assert_eq!(
        (status.code(), status.message().contains("no key has arrived")),
        (Code::DeadlineExceeded, true),
        "{status:?}"
    );
    drop(keys);
    let (keys, answers) = open(&client, "ResolveLedgers", 4).await;
    let mut answers = answers.unwrap();
    keys.send(client.encode("ResolveLedgers", &json!({"id": user_id(1)}))).await.unwrap();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::Unauthenticated);
}

/// Who sends keys and reads nothing is not read from without end, and holds no connection to the database.
#[tokio::test]
async fn who_does_not_read() {
    let (database, api) = api().await;
    let client = Client::of(&api).await;
    let (keys, answers) = open(&client, "ResolveUsers", 1).await;
    let mut answers = answers.unwrap();
    let key = client.encode("ResolveUsers", &json!({"id": user_id(1)}));
    let mut sent = 0;
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(2), keys.send(key.clone())).await {
        sent += 1;
        assert!(sent < 1_000_000, "all keys are taken from a client that reads nothing");
    }
    let active = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state <> 'idle' AND pid <> pg_backend_pid()",
        database.name()
    );
    assert_eq!(crate::harness::ask(&database.url(), &active).await.unwrap(), 0);
    drop(keys);
    let mut answered = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(!answer.is_empty());
        answered += 1;
    }
    assert_eq!(answered, sent);
}

#[tokio::test]
async fn without_a_schema() {
    let (_database, api) = api().await;
    let typed = Client::of(&api).await;
    let client = Client::over(typed.channel.clone(), "fraiseql.v1.EntityService", None).await;
    let keys = json!({"keys": [
        {"typename": "User", "key": {"id": user_id(3)}},
        {"typename": "Reading", "key": {"number": 4}},
        {"typename": "Media", "key": {"id": user_id(14)}},
        {"typename": "Usr", "key": {"id": "x"}},
        {"typename": "User", "key": {"id": user_id(99_999)}},
        {"typename": "User"},
        {"typename": "Person", "key": {"email": "person1@example.org"}},
    ]});
    let answer = rows(&client.one("BatchGetEntities", keys).await);
    assert_eq!(
        answer[0]["entity"],
        json!({"id": user_id(3), "email": "user3@example.org", "name": "User 3", "salary": null})
    );
    assert_eq!((&answer[1]["entity"]["grade"], &answer[1]["entity"]["amount"]), (&json!("LOW"), &json!(6.0)));
    assert_eq!(answer[2]["entity"]["minutes"], 14.0);
    assert_eq!(answer[3]["error"]["message"], "there is no entity \"Usr\"; did you mean \"User\"?");
    assert_eq!(answer[4], json!({}));
    assert_eq!(answer[5]["error"]["code"], "INVALID_ARGUMENT");
    assert_eq!(answer[6]["entity"], json!({"name": "Person 1"}));
    // By hand, because the library of the client does not make what is nested as deeply.
    let mut value = vec![0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
    for _ in 0..80 {
        value = field(5, &field(1, &[field(1, b"a"), field(2, &value)].concat()));
    }
    let deep = [field(1, b"User"), field(2, &field(1, &[field(1, b"id"), field(2, &value)].concat()))].concat();
    let good = client.encode("ResolveEntities", &json!({"typename": "User", "key": {"id": user_id(1)}}));
    let request = Request::new(Bytes::from([field(1, &deep), field(1, &good)].concat()));
    let answer = client.stream("BatchGetEntities", request, None).await.unwrap().message().await.unwrap().unwrap();
    let answer = rows(&client.decode("BatchGetEntities", &answer));
    assert_eq!(
        (&answer[0]["error"]["code"], &answer[1]["entity"]["name"]),
        (&json!("INVALID_ARGUMENT"), &json!("User 1"))
    );
    let (keys, answers) = open(&client, "ResolveEntities", 4).await;
    let mut answers = answers.unwrap();
    for (typename, field, expected) in [("User", "name", "User 2"), ("Book", "title", "Book 2")] {
        let key = json!({"typename": typename, "key": {"id": user_id(2)}});
        keys.send(client.encode("ResolveEntities", &key)).await.unwrap();
        let answer = client.decode("ResolveEntities", &answers.message().await.unwrap().unwrap());
        assert_eq!(answer["entity"][field], expected);
    }
}

/// A parcel takes longer than a statement may.
const SLOW: &str = "CREATE OR REPLACE VIEW v_parcel AS SELECT 'p' || pg_sleep(5)::text AS id, 'Parcel' AS label, \
                    NULL::text AS broken";
const TIGHT: &str = "[database]\nstatement_timeout_ms = 300\n[federation.circuit_breaker]\nfailure_threshold = 1\n\
                     recovery_timeout_secs = 30\n";

#[tokio::test]
async fn an_open_breaker() {
    let (database, api) = api_with(TIGHT).await;
    let client = Client::of(&api).await;
    database.execute(SLOW);
    let keys = json!({"keys": [{"id": "parcel1"}], "readMask": "label"});
    assert_eq!(client.refusal("BatchGetParcels", keys.clone()).await.0, Code::DeadlineExceeded);
    let status = client.ask("BatchGetParcels", keys).await.unwrap_err();
    let told = details(&status);
    assert_eq!(
        (status.code(), &told["reason"], &told["retry"]),
        (Code::Unavailable, &json!("CIRCUIT_BREAKER_OPEN"), &json!(true))
    );
    let (keys, answers) = open(&client, "ResolveParcels", 1).await;
    keys.send(client.encode("ResolveParcels", &json!({"id": "parcel1"}))).await.unwrap();
    assert_eq!(answers.unwrap().message().await.unwrap_err().code(), Code::Unavailable);
}

/// What is healthy is answered beside what is not, and a stream of any type goes on.
#[tokio::test]
async fn an_open_breaker_among_others() {
    let (database, api) = api_with(TIGHT).await;
    let typed = Client::of(&api).await;
    let client = Client::over(typed.channel.clone(), "fraiseql.v1.EntityService", None).await;
    database.execute(SLOW);
    let parcel = json!({"typename": "Parcel", "key": {"id": "parcel1"}});
    let user = json!({"typename": "User", "key": {"id": user_id(1)}});
    let mixed = json!({"keys": [user, parcel]});
    for code in ["TIMEOUT", "CIRCUIT_BREAKER_OPEN"] {
        let answer = rows(&client.one("BatchGetEntities", mixed.clone()).await);
        assert_eq!((&answer[0]["entity"]["name"], &answer[1]["error"]["code"]), (&json!("User 1"), &json!(code)));
    }
    let (code, reason, _) = client.refusal("BatchGetEntities", json!({"keys": [parcel, parcel]})).await;
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "CIRCUIT_BREAKER_OPEN"));
    // Each key arrives alone, so that all of its portion fails.
    let (keys, answers) = open(&client, "ResolveEntities", 1).await;
    let mut answers = answers.unwrap();
    for (key, error) in [(&parcel, "CIRCUIT_BREAKER_OPEN"), (&user, ""), (&parcel, "CIRCUIT_BREAKER_OPEN"), (&user, "")]
    {
        keys.send(client.encode("ResolveEntities", key)).await.unwrap();
        let answer = client.decode("ResolveEntities", &answers.message().await.unwrap().unwrap());
        assert_eq!(answer["error"]["code"].as_str().unwrap_or_default(), error, "{answer}");
    }
}

/// The client that tonic generates from `proto/`, which knows no schema.
#[tokio::test]
async fn the_generated_client_of_any_schema() {
    use generated::entity_service_client::EntityServiceClient;
    use generated::resolved_entity::Result as Resolved;
    use generated::{BatchGetEntitiesRequest, EntityError, EntityKey};
    use prost_types::value::Kind;
    use prost_types::{Struct, Value};

    let (_database, api) = api().await;
    let channel = Client::of(&api).await.channel;
    let gzip = CompressionEncoding::Gzip;
    let mut client = EntityServiceClient::new(channel).accept_compressed(gzip).send_compressed(gzip);
    let key = |typename: &str, id: String| EntityKey {
        typename: typename.to_owned(),
        key: Some(Struct { fields: [("id".to_owned(), Value { kind: Some(Kind::StringValue(id)) })].into() }),
    };
    let keys = vec![
        key("User", user_id(3)),
        key("User", user_id(99_999)),
        key("Usr", user_id(1)),
        key("Product", "p7".to_owned()),
    ];
    let shown = |result: Option<Resolved>| match result {
        Some(Resolved::Entity(row)) => {
            let text = |name: &str| row.fields.get(name).and_then(|value| value.kind.clone());
            let Some(Kind::StringValue(text)) = text("name").or(text("title")) else { panic!("{row:?}") };
            text
        }
        Some(Resolved::Error(EntityError { code, message, argument })) => format!("{code}: {message} ({argument})"),
        None => "nothing".to_owned(),
    };
    let expected = [
        "User 3",
        "nothing",
        "INVALID_ARGUMENT: there is no entity \"Usr\"; did you mean \"User\"? (__typename)",
        "Product 7",
    ];
    let answer = client.batch_get_entities(BatchGetEntitiesRequest { keys: keys.clone() }).await.unwrap().into_inner();
    assert_eq!(answer.items.into_iter().map(|item| shown(item.result)).collect::<Vec<_>>(), expected);
    let mut answers = client.resolve_entities(futures_util::stream::iter(keys)).await.unwrap().into_inner();
    for expected in expected {
        assert_eq!(shown(answers.message().await.unwrap().unwrap().result), expected);
    }
    assert!(answers.message().await.unwrap().is_none());
}

/// Rows that are large are asked in smaller portions, and one that no message may hold costs nobody else's.
#[tokio::test]
async fn large_rows() {
    let (database, api) = api_with("[grpc]\nmax_message_bytes = 2000000\n").await;
    let client = Client::of(&api).await;
    database.execute(
        "CREATE OR REPLACE VIEW v_parcel AS SELECT 'parcel' || n AS id, \
         repeat('x', CASE n WHEN 30 THEN 3000000 ELSE 1000000 END) AS label, ''::text AS broken FROM generate_series(1, 60) n",
    );
    let (keys, answers) = open(&client, "ResolveParcels", 100).await;
    let mut answers = answers.unwrap();
    for number in 1..=60 {
        keys.send(client.encode("ResolveParcels", &json!({"id": format!("parcel{number}")}))).await.unwrap();
    }
    drop(keys);
    for number in 1..=60 {
        let answer = client.decode("ResolveParcels", &answers.message().await.unwrap().unwrap());
        match number {
            30 => assert_eq!(answer["error"]["code"], "PAYLOAD_TOO_LARGE", "{answer}"),
            number => assert_eq!(answer["entity"]["id"], format!("parcel{number}")),
        }
    }
    assert!(answers.message().await.unwrap().is_none());
}

/// Keys without end in memory that does not grow.
#[tokio::test]
async fn memory_stays_flat() {
    const KEYS: usize = 200_000;
    let database = crate::subgraph::database();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("schema.json"), crate::subgraph::schema().to_string()).unwrap();
    let toml = format!(
        "[project]\nname = \"test\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n[database]\nurl = \"{}\"\n",
        database.url()
    );
    fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    let mut program = Program::start(directory.path(), &["run"]);
    let client = Client::at(program.address().await, "test.v1.TestService").await;
    let all: Vec<Bytes> =
        (1..=2000).map(|number| client.encode("ResolveUsers", &json!({"id": user_id(number)}))).collect();
    let resolve = async |count: usize| {
        let (keys, answers) = open(&client, "ResolveUsers", 64).await;
        let mut answers = answers.unwrap();
        let all = all.clone();
        let sender = tokio::spawn(async move {
            for key in all.iter().cycle().take(count) {
                keys.send(key.clone()).await.unwrap();
            }
        });
        let mut answered = 0;
        while let Some(answer) = answers.message().await.unwrap() {
            assert!(answer.len() > 60, "{answer:?}");
            answered += 1;
        }
        sender.await.unwrap();
        assert_eq!(answered, count);
    };
    resolve(KEYS / 10).await;
    let before = program.memory_peak_mib();
    resolve(KEYS).await;
    let above = program.memory_peak_mib().saturating_sub(before);
    assert!(above <= 16, "{above} MiB above {before} for ten times the keys");
}
