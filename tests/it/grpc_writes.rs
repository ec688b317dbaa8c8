//! Mutations over gRPC: what commands say and what they are answered. One at a time; `grpc_streams.rs` has many.

use serde_json::{Value as Json, json};
use tonic::{Code, Request};

use crate::grpc::{Client, Plain, details};
use crate::harness;
use crate::service::Api;
use crate::tokens::{AUTH, bearer};
use crate::writing::{ANN, BOB, NOBODY, api, api_with};

/// An answer without the ids that nobody knows before.
fn shown(mut answer: Json) -> Json {
    let known = [ANN, BOB].map(Json::from);
    if !known.contains(&answer["id"]) {
        answer.as_object_mut().unwrap().remove("id");
    }
    if let Some(entity) = answer.get_mut("entity").and_then(Json::as_object_mut)
        && !entity.get("id").is_none_or(|id| known.contains(id))
    {
        entity.remove("id");
    }
    answer
}

async fn count(database: &harness::Database) -> i64 {
    harness::ask(&database.url(), "SELECT count(*) FROM tb_user").await.unwrap()
}

#[tokio::test]
async fn every_shape_is_answered() {
    let (_database, api) = api().await;
    let client = Client::of(&api).await;
    let ann = json!({"id": ANN, "name": "Ann", "email": "ann@example.com", "age": 30, "role": "ROLE_MEMBER"});
    let named = |id: &str, name: &str| json!({"success": true, "id": id, "entity": {"name": name}});
    for (method, request, expected) in [
        (
            "CreateUser",
            json!({"input": {"name": "Zoë", "email": "zoe@example.com"}}),
            json!({"success": true, "entity": {"name": "Zoë", "email": "zoe@example.com", "age": 18, "role": "ROLE_MEMBER", "tags": ["default"], "balance": "1.5"}}),
        ),
        (
            "CreateUser",
            json!({"input": {"name": "Max", "email": "max@example.com", "age": 0, "role": "ROLE_ADMIN", "tags": ["a", "b"], "balance": "12.340"}}),
            json!({"success": true, "entity": {"name": "Max", "email": "max@example.com", "age": 0, "role": "ROLE_ADMIN", "tags": ["a", "b"], "balance": "12.340"}}),
        ),
        (
            "CreateUser",
            json!({"input": {"name": "Nil", "email": "nil@example.com"}, "clearMask": "input.age,input.tags,input.balance"}),
            json!({"success": true, "entity": {"name": "Nil", "email": "nil@example.com", "role": "ROLE_MEMBER"}}),
        ),
        (
            "CreateUser",
            json!({"input": {"name": "P", "email": "p@example.com", "posts": [{"postTitle": "a"}, {"postTitle": "b"}]},
                   "readMask": "name,posts.title", "joins": {"posts": {"orderBy": [{"title": "ORDER_DIRECTION_DESC"}]}}}),
            json!({"success": true, "entity": {"name": "P", "posts": [{"title": "b"}, {"title": "a"}]}}),
        ),
        ("RenameUser", json!({"id": ANN, "name": "Anna", "readMask": "name"}), named(ANN, "Anna")),
        ("RenameUser", json!({"id": ANN, "name": "Ann"}), json!({"success": true, "id": ANN, "entity": ann})),
        (
            "UpdateUser",
            json!({"input": {"id": ANN, "role": "ROLE_ADMIN"}, "readMask": "age,role,tags"}),
            json!({"success": true, "id": ANN, "entity": {"age": 30, "role": "ROLE_ADMIN", "tags": [format!("{{\"id\": \"{ANN}\", \"role\": \"admin-role\"}}")]}}),
        ),
        (
            "UpdateUser",
            json!({"input": {"id": BOB}, "clearMask": "input.age", "readMask": "name,age"}),
            named(BOB, "Bob"),
        ),
        ("UpdateUser", json!({"input": {"id": NOBODY}}), json!({"success": true})),
        ("RowOfUser", json!({"id": ANN, "readMask": "name"}), named(ANN, "Ann")),
        (
            "RowsOfUsers",
            json!({"minAge": 30, "readMask": "name"}),
            json!({"success": true, "id": ANN, "entities": [{"name": "Ann"}]}),
        ),
        ("RowsOfUsers", json!({"minAge": 99}), json!({"success": true})),
        (
            "CopyUser",
            json!({"id": BOB, "readMask": "email"}),
            json!({"success": true, "entity": {"email": "copy-bob@example.com"}}),
        ),
        ("Add", json!({"one": 2, "other": "9007199254740993"}), json!({"success": true, "value": "9007199254740995"})),
        ("Add", json!({"one": 0}), json!({"success": true, "value": "1"})),
        ("Numbers", json!({}), json!({"success": true, "values": [1, 2, 3]})),
        ("Role", json!({"role": "ROLE_ADMIN"}), json!({"success": true, "value": "ROLE_ADMIN"})),
        ("Role", json!({"clearMask": "role"}), json!({"success": true})),
        (
            "Register",
            json!({"email": "bob@example.com"}),
            json!({"error": "it is taken", "code": "CONFLICT", "entity": {"emailTaken": {"message": "it is taken", "suggestion": "ann2@example.com", "httpStatus": 409}}}),
        ),
        (
            "Register",
            json!({"email": ""}),
            json!({"error": "an address is needed", "code": "VALIDATION_FAILED", "entity": {"invalidInput": {"message": "an address is needed", "fieldName": "email", "errorClass": "validation"}}}),
        ),
        (
            "Register",
            json!({"email": "new@example.com", "readMask": "user.name"}),
            json!({"success": true, "entity": {"user": {"name": "New"}}}),
        ),
        ("DropUser", json!({"id": NOBODY}), json!({"success": true, "value": false})),
        ("DeleteUser", json!({"id": BOB}), json!({"success": true, "id": BOB, "entity": {"id": BOB}})),
        ("RemoveUser", json!({"id": BOB}), json!({"success": true, "value": false})),
        ("RemoveUser", json!({"id": ANN}), json!({"success": true, "value": true})),
    ] {
        let answer = shown(client.one(method, request.clone()).await);
        assert_eq!(answer, expected, "{method} {request}");
    }
    let ids = client.one("Ids", json!({})).await;
    assert!(ids["values"].as_array().unwrap().len() > 3, "{ids}");
    let listed = client.one("DocumentList", json!({"readMask": "name"})).await;
    assert!(listed["entities"].as_array().unwrap().contains(&json!({"name": "Zoë"})), "{listed}");
    let documents = client.one("Documents", json!({"readMask": "name"})).await;
    assert_eq!(documents["entities"], listed["entities"]);
}

#[tokio::test]
async fn inputs_that_do_not_fit() {
    let (database, api) = api().await;
    let client = Client::of(&api).await;
    let user = |more: Json| {
        let mut input = json!({"name": "a", "email": "e"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (method, request, part) in [
        ("CreateUser", json!({}), "input is missing; it is CreateUserInput!"),
        ("CreateUser", json!({"input": {"name": "a"}}), "input.email is missing; it is String!"),
        ("CreateUser", json!({"input": user(json!({"posts": [{}]}))}), "input.posts[0].postTitle is missing"),
        ("CreateUser", json!({"input": user(json!({"balance": "much"}))}), "input.balance"),
        ("CreateUser", json!({"input": user(json!({"role": "ROLE_UNSPECIFIED"}))}), "0 is not a value of Role"),
        ("CreateUser", json!({"input": user(json!({}))  , "readMask": "nam"}), "did you mean \"name\"?"),
        ("CreateUser", json!({"input": user(json!({})), "clearMask": "input.agee"}), "did you mean \"age\"?"),
        ("CreateUser", json!({"input": user(json!({"age": 1})), "clearMask": "input.age"}), "it is sent as well"),
        (
            "CreateUser",
            json!({"input": user(json!({})), "clearMask": "input.age.days"}),
            "age has no inputs of its own",
        ),
        ("UpdateUser", json!({"input": {}, "clearMask": "input.id"}), "it is ID! and cannot be cleared"),
        ("RemoveUser", json!({"id": "not a uuid"}), "id: \"not a uuid\" is not a UUID"),
        ("Add", json!({}), "one is missing; it is Int!"),
        ("Add", json!({"one": i32::MAX, "other": i64::MAX.to_string()}), "a number is out of range"),
        ("Raise", json!({"state": "P0001", "message": "a\u{0}b"}), "U+0000"),
    ] {
        let (code, reason, message) = client.refusal(method, request.clone()).await;
        assert_eq!(
            (code, reason.as_str()),
            (Code::InvalidArgument, "INVALID_ARGUMENT"),
            "{method} {request}: {message}"
        );
        assert!(message.contains(part), "{method} {request}: {message}");
    }
    assert_eq!(count(&database).await, 2);
}

#[tokio::test]
async fn failures_are_statuses_with_the_code_of_every_wire() {
    let (database, api) = api().await;
    let client = Client::of(&api).await;
    for (method, request, code, reason, message) in [
        (
            "Say",
            json!({"status": "conflict:taken", "message": "it is taken"}),
            Code::Aborted,
            "CONFLICT",
            "it is taken",
        ),
        (
            "Say",
            json!({"status": "failed:validation", "message": "too short"}),
            Code::FailedPrecondition,
            "VALIDATION_FAILED",
            "too short",
        ),
        ("Say", json!({"status": "not_found:user"}), Code::NotFound, "NOT_FOUND", "not_found:user"),
        ("Raise", json!({"state": "P0001", "message": "mine"}), Code::FailedPrecondition, "VALIDATION_FAILED", "mine"),
        ("Raise", json!({"state": "P0002", "message": "mine"}), Code::NotFound, "NOT_FOUND", "mine"),
        (
            "Raise",
            json!({"state": "23505", "message": "x"}),
            Code::AlreadyExists,
            "CONFLICT",
            "a value that must be unique exists already",
        ),
        ("Raise", json!({"state": "40001", "message": "x"}), Code::Aborted, "CONFLICT", ""),
        (
            "Raise",
            json!({"state": "42501", "message": "x"}),
            Code::PermissionDenied,
            "FORBIDDEN",
            "the database does not allow this",
        ),
        ("RenameUser", json!({"id": NOBODY, "name": "x"}), Code::NotFound, "NOT_FOUND", "there is no such user"),
        ("Many", json!({"count": 0}), Code::NotFound, "NOT_FOUND", "many found nothing"),
        (
            "CreateUser",
            json!({"input": {"name": "x", "email": "bob@example.com"}}),
            Code::Aborted,
            "CONFLICT",
            "bob@example.com belongs to somebody else",
        ),
        ("ForAdmins", json!({"one": 1}), Code::Unauthenticated, "UNAUTHENTICATED", ""),
        ("Die", json!({}), Code::Unavailable, "UNAVAILABLE", "whether anything was changed is not known"),
    ] {
        let found = client.refusal(method, request.clone()).await;
        assert_eq!((found.0, found.1.as_str()), (code, reason), "{method} {request}: {}", found.2);
        assert!(found.2.contains(message), "{method} {request}: {}", found.2);
    }
    for (method, request) in [
        ("Say", json!({"status": "failed:internal", "message": "secret"})),
        ("Say", json!({"status": "banana", "message": "secret"})),
        ("Raise", json!({"state": "XX000", "message": "secret"})),
        ("Many", json!({"count": 2})),
    ] {
        let (code, reason, message) = client.refusal(method, request.clone()).await;
        assert_eq!((code, reason.as_str()), (Code::Internal, "INTERNAL"), "{method} {request}");
        assert!(message.contains("the request's id is") && !message.contains("secret"), "{message}");
    }
    assert_eq!(count(&database).await, 2);
}

#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let (database, api) = api().await;
    let client = Client::of(&api).await;
    let command =
        client.encode("CreateUser", &json!({"input": {"name": "Dry", "email": "dry@example.com"}, "readMask": "name"}));
    let send = async |value: &str| {
        let mut request = Request::new(command.clone());
        request.metadata_mut().insert("dry-run", value.parse().unwrap());
        let mut grpc = tonic::client::Grpc::new(client.channel.clone());
        grpc.ready().await.unwrap();
        grpc.unary(request, client.path("CreateUser").parse().unwrap(), Plain).await
    };
    for (value, there) in [("true", 2), ("true", 2), ("false", 3)] {
        let answer = client.decode("CreateUser", send(value).await.unwrap().get_ref());
        assert_eq!(answer["entity"], json!({"name": "Dry"}));
        assert_eq!(count(&database).await, there);
    }
    let status = send("yes").await.unwrap_err();
    assert_eq!((status.code(), &details(&status)["field"]), (Code::InvalidArgument, &json!("dry-run")));
}

#[tokio::test]
async fn callers_may_what_they_may() {
    let (_database, api): (_, Api) = api_with(AUTH).await;
    let client = Client::of(&api).await;
    let of = |claims: Json| client.with_authorization(Some(bearer(claims)));
    let admin = of(json!({"roles": ["admin"], "tenant_id": "t1"}));
    let guest = of(json!({"roles": ["guest"]}));
    assert_eq!(admin.one("ForAdmins", json!({"one": 1})).await["value"], "2");
    for (client, code) in [(&client, Code::Unauthenticated), (&guest, Code::PermissionDenied)] {
        assert_eq!(client.refusal("ForAdmins", json!({"one": 1})).await.0, code);
        assert_eq!(client.refusal("Claimed", json!({"name": "x"})).await.0, code);
        let (answers, status) = client.written("ForAdminsStream", &[json!({"one": 1}), json!({"one": 2})], &[]).await;
        assert_eq!((answers.len(), status.unwrap_err().code()), (0, code));
    }
    assert_eq!(admin.one("Claimed", json!({"name": "x"})).await["value"], "t1:x");
    let (answers, status) = admin.written("ClaimedStream", &[json!({"name": "x"}), json!({"name": "y"})], &[]).await;
    assert!(status.is_ok());
    assert_eq!(answers.iter().map(|answer| &answer["value"]).collect::<Vec<_>>(), ["t1:x", "t1:y"]);
    // A field that may not be read may not be returned either; without a mask it is left out.
    let mask = json!({"id": ANN, "name": "Anne", "readMask": "note"});
    assert_eq!(guest.refusal("RenameUser", mask).await.0, Code::PermissionDenied);
    assert_eq!(guest.one("RenameUser", json!({"id": ANN, "name": "Anne"})).await["entity"]["name"], "Anne");
}
