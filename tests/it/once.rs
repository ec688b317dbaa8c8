//! A key on GraphQL and gRPC: what is sent again happens once. `rest_once.rs` has the same for REST.

use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::grpc::{Client, details};
use crate::grpc_streams::{self, rows};
use crate::harness::{self, Database};
use crate::http::Reply;
use crate::service::Api;
use crate::tokens::{AUTH, bearer};
use crate::writing::{self, ANN};

async fn count(database: &Database, of: &str) -> i64 {
    harness::ask(&database.url(), &format!("SELECT count(*) FROM {of}")).await.unwrap()
}

fn is_again(metadata: &MetadataMap) -> bool {
    metadata.get("idempotency-key").is_some_and(|value| value == "replayed=true")
}

fn person(name: &str) -> Json {
    json!({"input": {"name": name, "email": format!("{name}@example.com")}, "readMask": "id,name"})
}

async fn create(client: &Client, key: &str, request: &Json) -> Result<(Json, bool), Status> {
    let (answer, metadata) = client.command("CreateUser", request, &[("idempotency-key", key)]).await?;
    Ok((answer, is_again(&metadata)))
}

#[tokio::test]
async fn a_command_happens_once() {
    for more in ["", "[[session_variables]]\nname = \"app.x\"\nvalue = \"y\"\n"] {
        let (database, api) = writing::api_with(more).await;
        let client = Client::of(&api).await;
        let (first, again) = create(&client, "k1", &person("a")).await.unwrap();
        assert!(!again && first["success"] == true, "{first}");
        // Another replica, or the same after a restart: what is known is in the database.
        let other = Api::with(&database, &writing::schema(), more).await;
        for client in [&client, &Client::of(&other).await] {
            assert_eq!(create(client, "k1", &person("a")).await.unwrap(), (first.clone(), true));
            let underscored = client.command("CreateUser", &person("a"), &[("idempotency_key", "k1")]).await.unwrap();
            assert_eq!((&underscored.0, is_again(&underscored.1)), (&first, true));
        }
        assert_eq!(count(&database, "tb_user").await, 3);

        let status = create(&client, "k1", &person("b")).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        assert_eq!(details(&status), json!({"reason": "VALIDATION_FAILED", "field": "Idempotency-Key"}));
        assert!(status.message().contains("belongs to another request"), "{status:?}");
        // The same key for another method is another key.
        let renamed = json!({"id": ANN, "name": "Anna", "readMask": "name"});
        let key = [("idempotency-key", "k1")];
        for again in [false, true] {
            let (answer, metadata) = client.command("RenameUser", &renamed, &key).await.unwrap();
            assert_eq!((&answer["entity"]["name"], is_again(&metadata)), (&json!("Anna"), again));
        }
        assert_eq!(create(&client, "", &person("c")).await.unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(count(&database, "tb_user").await, 3);
    }
}

#[tokio::test]
async fn what_a_function_says_is_kept_and_what_it_raises_is_not() {
    let (database, api) = writing::api().await;
    let client = Client::of(&api).await;
    let taken = json!({"input": {"name": "x", "email": "ann@example.com"}});
    let first = create(&client, "k1", &taken).await.unwrap_err();
    assert_eq!((first.code(), is_again(first.metadata())), (Code::Aborted, false));
    database.execute("UPDATE tb_user SET email = 'other@example.com' WHERE name = 'Ann'");
    let again = create(&client, "k1", &taken).await.unwrap_err();
    assert_eq!((again.code(), again.message()), (first.code(), first.message()));
    assert_eq!((details(&again), is_again(again.metadata())), (json!({"reason": "CONFLICT"}), true));
    assert!(create(&client, "k2", &taken).await.is_ok());
    // An exception undid everything, the key with it.
    assert_eq!(create(&client, "k3", &person("nobody")).await.unwrap_err().code(), Code::FailedPrecondition);
    database.execute("ALTER TABLE tb_user DROP CONSTRAINT tb_user_name_check");
    assert!(!create(&client, "k3", &person("nobody")).await.unwrap().1);
}

#[tokio::test]
async fn many_at_the_same_time_run_once() {
    let (database, api) = writing::api().await;
    let (one, other) = (Client::of(&api).await, Client::of(&api).await);
    let body = person("a");
    let all = join_all((0..20).map(|n| create(if n % 2 == 0 { &one } else { &other }, "same", &body))).await;
    let all: Vec<(Json, bool)> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|(_, again)| !again).count(), 1);
    assert!(all.iter().all(|(answer, _)| *answer == all[0].0));
    assert_eq!(count(&database, "tb_user").await, 3);
}

fn puts(numbers: std::ops::RangeInclusive<i64>) -> Vec<Json> {
    numbers.map(|id| json!({"id": id, "text": format!("row {id}")})).collect()
}

const KEY: [(&str, &str); 1] = [("idempotency-key", "s1")];

/// The answers, and how many of them were given before.
async fn written(client: &Client, commands: &[Json], metadata: &[(&'static str, &str)]) -> (Vec<Json>, usize) {
    let commands: Vec<_> = commands.iter().map(|command| client.encode("PutStream", command)).collect();
    let mut answers = client.write("PutStream", futures_util::stream::iter(commands), metadata).await.unwrap();
    let mut all = Vec::new();
    while let Some(message) = answers.message().await.unwrap() {
        all.push(client.decode("PutStream", &message));
    }
    let trailers = answers.trailers().await.unwrap().unwrap_or_default();
    let again = trailers.get("idempotency-key").map_or("replayed=0", |value| value.to_str().unwrap());
    (all, again.strip_prefix("replayed=").unwrap().parse().unwrap())
}

#[tokio::test]
async fn each_command_of_a_stream_happens_once() {
    let (database, api, client) = rows().await;
    let mut commands = puts(1..=600);
    commands[300]["text"] = json!("bad");
    commands[301] = json!({"text": "without an id"});
    // A client that got no further than this, and begins again.
    let (first, again) = written(&client, &commands[..100], &KEY).await;
    assert_eq!((first.len(), again), (100, 0));
    let (all, again) = written(&client, &commands, &KEY).await;
    assert_eq!((&all[..100], all.len(), again), (&first[..], 600, 100));
    assert_eq!((&all[300]["code"], &all[301]["code"]), (&json!("VALIDATION_FAILED"), &json!("INVALID_ARGUMENT")));
    assert_eq!(all[599]["entity"], json!({"id": "600", "text": "row 600"}));
    assert_eq!(count(&database, "tb_row").await, 598);
    let transactions = count(&database, "(SELECT DISTINCT xmin::text FROM tb_row) t").await;
    assert!(transactions < 200, "{transactions} transactions");

    // What failed left nothing behind, its key least of all.
    commands[300]["text"] = json!("good");
    commands[301] = json!({"id": 302, "text": "with an id"});
    drop(api);
    let api = Api::start(&database, &grpc_streams::schema()).await;
    let client = Client::of(&api).await;
    let (mended, again) = written(&client, &commands, &KEY).await;
    assert_eq!(again, 598);
    assert_eq!(mended[301]["entity"], json!({"id": "302", "text": "with an id"}));
    assert_eq!(count(&database, "tb_row").await, 600);

    // One command that is not what it was is refused alone.
    commands[10] = json!({"id": 10_000});
    let (refused, again) = written(&client, &commands, &KEY).await;
    assert_eq!((&refused[10]["code"], again), (&json!("VALIDATION_FAILED"), 599));
    assert_eq!(refused[11..], mended[11..]);
    assert_eq!(count(&database, "tb_row").await, 600);
}

#[tokio::test]
async fn streams_with_the_same_key_at_the_same_time() {
    let (database, api, client) = rows().await;
    let other = Client::of(&api).await;
    let commands = puts(1..=400);
    let both = join_all([&client, &other].map(|client| written(client, &commands, &KEY))).await;
    assert_eq!((&both[0].0, both[0].1 + both[1].1), (&both[1].0, 400));
    assert!(both[0].0.iter().all(|answer| answer["success"] == true));
    assert_eq!(count(&database, "tb_row").await, 400);
}

#[tokio::test]
async fn an_atomic_stream_happens_once() {
    let (database, _api, client) = rows().await;
    let atomic = [("idempotency-key", "s1"), ("atomic", "true")];
    let mut commands = puts(1..=50);
    commands[40]["text"] = json!("bad");
    let (answers, status) = client.written("PutStream", &commands, &atomic).await;
    assert_eq!((answers.len(), status.unwrap_err().code()), (0, Code::FailedPrecondition));
    commands[40]["text"] = json!("good");
    let (first, again) = written(&client, &commands, &atomic).await;
    assert_eq!((first.len(), again), (50, 0));
    let (second, again) = written(&client, &commands, &atomic).await;
    assert_eq!((second, again), (first, 1), "all of it is one answer");
    let (answers, status) = client.written("PutStream", &commands[..49], &atomic).await;
    assert_eq!((answers.len(), status.unwrap_err().code()), (0, Code::FailedPrecondition));
    assert_eq!(count(&database, "tb_row").await, 50);
}

async fn ask(api: &Api, key: &str, query: &str, variables: &Json) -> Reply {
    api.post(&json!({"query": query, "variables": variables}), &[("idempotency-key", key)]).await
}

#[tokio::test]
async fn mutations_of_a_document_happen_once() {
    let (database, api) = writing::api().await;
    let query = "mutation($name: String!) {
        a: createUser(input: {name: $name, email: \"a@example.com\"}) { id name posts { title } }
        b: renameUser(id: \"00000000-0000-0000-0000-000000000001\", name: $name) { name }
        c: register(email: \"bob@example.com\") { ... on EmailTaken { message } }
        d: say(status: \"conflict:taken\", message: \"no\") { name } }";
    let first = ask(&api, "k1", query, &json!({"name": "x"})).await;
    assert_eq!((first.header("idempotency-key"), &first.json()["data"]["b"]["name"]), (None, &json!("x")));
    assert_eq!(first.json()["errors"][0]["extensions"]["code"], "CONFLICT");
    let other = Api::start(&database, &writing::schema()).await;
    for api in [&api, &other] {
        let again = ask(api, "k1", query, &json!({"name": "x"})).await;
        assert_eq!((again.json(), again.header("idempotency-key")), (first.json(), Some("replayed=true")));
    }
    assert_eq!(count(&database, "tb_user").await, 3);
    let stolen = ask(&api, "k1", query, &json!({"name": "y"})).await.json();
    let codes: Vec<&Json> = stolen["errors"].as_array().unwrap().iter().map(|e| &e["extensions"]["code"]).collect();
    assert_eq!(codes, ["VALIDATION_FAILED"; 4], "{stolen}");
    // What raised left nothing behind, and a query has nothing to be done once.
    let raise = "mutation($name: String!) { createUser(input: {name: $name, email: \"n@example.com\"}) { name } }";
    assert!(ask(&api, "k2", raise, &json!({"name": "nobody"})).await.json()["errors"].is_array());
    database.execute("ALTER TABLE tb_user DROP CONSTRAINT tb_user_name_check");
    let now = ask(&api, "k2", raise, &json!({"name": "nobody"})).await;
    assert_eq!(
        (now.json()["data"]["createUser"]["name"].as_str(), now.header("idempotency-key")),
        (Some("nobody"), None)
    );
    let read = ask(&api, "k1", "{ users { id } }", &Json::Null).await;
    assert_eq!((read.json()["data"]["users"].as_array().unwrap().len(), read.header("idempotency-key")), (4, None));
    let bad = ask(&api, &"k".repeat(256), query, &json!({"name": "x"})).await;
    assert_eq!((bad.status, &bad.json()["errors"][0]["extensions"]["code"]), (400, &json!("BAD_USER_INPUT")));
}

/// A key that two callers happen to share gives neither of them what the other one was answered.
#[tokio::test]
async fn nobody_is_given_the_answer_of_another() {
    let (_database, api) = writing::api_with(AUTH).await;
    let query = "mutation { claimed(name: \"x\") }";
    let send = async |claims: Json| {
        let token = bearer(claims);
        let headers = [("authorization", token.as_str()), ("idempotency-key", "1")];
        api.post(&json!({"query": query}), &headers).await.json()
    };
    for (claims, expected) in [
        (json!({"tenant_id": "a"}), json!("a:x")),
        (json!({"tenant_id": "a", "iat": 1, "jti": "another token"}), json!("a:x")),
        (json!({"tenant_id": "b"}), Json::Null),
        (json!({"tenant_id": "b", "sub": "bea"}), json!("b:x")),
        (json!({"tenant_id": "a", "sub": "bea"}), Json::Null),
    ] {
        let answer = send(claims.clone()).await;
        assert_eq!(answer["data"]["claimed"], expected, "{claims}: {answer}");
        let code = &answer["errors"][0]["extensions"]["code"];
        assert!(!expected.is_null() || code == "VALIDATION_FAILED", "{claims}: {answer}");
    }
}
