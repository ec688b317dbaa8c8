//! Mutations that fail: by their arguments, by what the function says, by what happens to it.

use fraiseql::server::{Refusal, Service, workers};
use serde_json::{Value as Json, json};

use crate::harness;
use crate::service::{compiled, config};
use crate::writing::{ANN, BOB, api, api_with, database, mutation, schema};

async fn users(database: &harness::Database) -> i64 {
    harness::ask(&database.url(), "SELECT count(*) FROM tb_user").await.unwrap()
}

#[tokio::test]
async fn arguments_that_do_not_fit() {
    let (database, api) = api().await;
    for (query, code, part) in [
        ("createUser(input: {name: \"a\"}) { id }", "GRAPHQL_VALIDATION_FAILED", "email"),
        ("createUser(input: {name: \"a\", email: \"e\", size: 1}) { id }", "GRAPHQL_VALIDATION_FAILED", "size"),
        ("createUser(input: {name: null, email: \"e\"}) { id }", "GRAPHQL_VALIDATION_FAILED", "name"),
        (
            "createUser(input: {name: \"a\", email: \"e\", age: \"old\"}) { id }",
            "GRAPHQL_VALIDATION_FAILED",
            "found a string",
        ),
        ("removeUser(id: \"not a uuid\")", "BAD_USER_INPUT", "id: \"not a uuid\" is not a UUID"),
        ("add(one: 2147483647, other: 9223372036854775807)", "BAD_USER_INPUT", "a number is out of range"),
        ("collide(times: \"9223372036854775808\", state: \"\")", "BAD_USER_INPUT", "64 bits"),
        ("raise(state: \"P0001\", message: \"a\\u0000b\")", "BAD_USER_INPUT", "U+0000"),
    ] {
        let query = format!("mutation {{ {query} }}");
        let (_, answer) = api.ask(&query, Json::Null).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], code, "{query} {answer}");
        assert!(error["message"].as_str().unwrap().contains(part), "{query} {answer}");
    }
    let create = "mutation($input: CreateUserInput!) { createUser(input: $input) { id } }";
    for (input, part) in [
        (json!({"name": "a"}), "email"),
        (json!({"name": "a", "email": "e", "size": 1}), "size"),
        (json!({"name": null, "email": "e"}), "name"),
        (json!({"name": "a", "email": "e", "age": 3_000_000_000_i64}), "age"),
        (json!({"name": "a", "email": "e", "posts": [{"postTitle": 1}]}), "postTitle"),
    ] {
        let (code, message) = api.refusal(create, json!({"input": input})).await;
        assert_eq!(code, "BAD_USER_INPUT");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(users(&database).await, 2);
}

#[tokio::test]
async fn what_the_function_says() {
    let (_database, api) = api().await;
    for (status, message, code, text) in [
        (Some("conflict:email_taken"), Some("it is taken"), "CONFLICT", "it is taken"),
        (Some("failed:validation"), Some("too short"), "VALIDATION_FAILED", "too short"),
        (Some("failed:whatever"), None, "VALIDATION_FAILED", "failed:whatever"),
        (Some("not_found:user"), Some("no such user"), "NOT_FOUND", "no such user"),
        (Some("failed:internal"), Some("secret"), "INTERNAL", "the function of say failed"),
        (Some("banana"), Some("secret"), "INTERNAL", "the function of say failed"),
        (None, None, "INTERNAL", "the function of say failed"),
    ] {
        let query = "mutation($status: String, $message: String) { say(status: $status, message: $message) { name } }";
        let found = api.refusal(query, json!({"status": status, "message": message})).await;
        assert_eq!(found, (code.to_owned(), text.to_owned()), "{status:?}");
    }
    for status in ["success", "new", "Updated", "noop:same", "deleted"] {
        let query = "mutation($status: String) { say(status: $status) { name } }";
        assert_eq!(api.data(query, json!({"status": status})).await, json!({"say": {"name": "Ann"}}));
    }
}

#[tokio::test]
async fn what_the_function_raises() {
    let (database, api) = api().await;
    for (state, code, text) in [
        ("P0001", "VALIDATION_FAILED", "my words"),
        ("P0002", "NOT_FOUND", "my words"),
        ("23505", "CONFLICT", "a value that must be unique exists already"),
        ("23503", "VALIDATION_FAILED", "something that is referred to does not exist, or is still referred to"),
        ("23502", "VALIDATION_FAILED", "a value that must be there is missing"),
        ("23514", "VALIDATION_FAILED", "a value is not among those that the database allows"),
        ("22P02", "BAD_USER_INPUT", "a value is not of the type that it has to be of"),
        ("42501", "FORBIDDEN", "the database does not allow this"),
        ("XX000", "INTERNAL", "the database could not answer"),
    ] {
        let raise = "mutation($state: String!) { raise(state: $state, message: \"my words\", hint: \"my hint\") }";
        let (_, answer) = api.ask(raise, json!({"state": state})).await;
        let error = &answer["errors"][0];
        assert_eq!((&error["extensions"]["code"], &error["message"]), (&json!(code), &json!(text)), "{state}");
        let hint = if state.starts_with('P') { json!("my hint") } else { json!(null) };
        assert_eq!(error["extensions"]["hint"], hint, "{state}");
        assert_eq!(error["path"], json!(["raise"]));
    }
    let create = "mutation($input: CreateUserInput!) { createUser(input: $input) { id } }";
    let (code, _) = api.refusal(create, json!({"input": {"name": "nobody", "email": "n@example.com"}})).await;
    assert_eq!(code, "VALIDATION_FAILED");
    // What raises leaves nothing behind.
    assert_eq!(users(&database).await, 2);
}

#[tokio::test]
async fn no_row_and_two() {
    let (database, api) = api().await;
    let many = "mutation($count: Int!) { many(count: $count) { name } }";
    assert_eq!(api.data(many, json!({"count": 1})).await, json!({"many": {"name": "Ann"}}));
    let none = api.refusal(many, json!({"count": 0})).await;
    assert_eq!(none, ("NOT_FOUND".to_owned(), "many found nothing".to_owned()));
    let two = api.refusal(many, json!({"count": 2})).await;
    assert_eq!(two, ("INTERNAL".to_owned(), "there are several rows where there may be one".to_owned()));
    // One that has written before it returned too many has written nothing.
    let twice = "mutation($count: Int!) { twice(count: $count) { name } }";
    assert_eq!(api.data(twice, json!({"count": 0})).await, json!({"twice": null}));
    assert_eq!(users(&database).await, 2);
    assert_eq!(api.data(twice, json!({"count": 1})).await, json!({"twice": {"name": "Twice 1"}}));
    database.execute("UPDATE tb_user SET age = 50 WHERE age > 1000");
    assert_eq!(api.refusal(twice, json!({"count": 2})).await.0, "INTERNAL");
    assert_eq!(users(&database).await, 3);
}

#[tokio::test]
async fn mutations_run_in_order_and_each_stands_alone() {
    let (database, api) = api().await;
    let query = format!(
        "mutation {{ a: renameUser(id: \"{ANN}\", name: \"First\") {{ name }} \
         b: createUser(input: {{name: \"x\", email: \"bob@example.com\"}}) {{ id }} \
         c: renameUser(id: \"{BOB}\", name: \"Third\") {{ name }} }}"
    );
    let (status, answer) = api.ask(&query, Json::Null).await;
    assert_eq!((status, &answer["data"]), (200, &json!(null)), "createUser cannot be null: {answer}");
    assert_eq!(answer["errors"][0]["path"], json!(["b"]));
    assert_eq!(answer["errors"][0]["message"], "bob@example.com belongs to somebody else");
    let named = "SELECT count(*) FROM tb_user WHERE name IN ('First', 'Third')";
    assert_eq!(harness::ask(&database.url(), named).await.unwrap(), 2);

    let one_after_the_other = format!(
        "mutation {{ a: renameUser(id: \"{ANN}\", name: \"1\") {{ name }} b: renameUser(id: \"{ANN}\", name: \"2\") {{ name }} \
         c: documents {{ name }} }}"
    );
    let data = api.data(&one_after_the_other, Json::Null).await;
    assert_eq!((&data["a"]["name"], &data["b"]["name"]), (&json!("1"), &json!("2")));
    assert_eq!(data["c"], json!([{"name": "2"}, {"name": "Third"}]));
}

#[tokio::test]
async fn a_collision_is_tried_again_and_not_for_ever() {
    for more in ["", "[[session_variables]]\nname = \"app.x\"\nvalue = \"y\"\n"] {
        let (database, api) = api_with(more).await;
        let collide = "mutation($times: BigInt!, $state: String!) { collide(times: $times, state: $state) }";
        assert_eq!(api.data(collide, json!({"times": 3, "state": "40001"})).await, json!({"collide": 4}));
        assert_eq!(api.data(collide, json!({"times": 6, "state": "40P01"})).await, json!({"collide": 7}));
        let (code, message) = api.refusal(collide, json!({"times": 1000, "state": "40001"})).await;
        assert_eq!((code.as_str(), message.as_str()), ("CONFLICT", "the statement collided with another; try again"));
        let tries = "SELECT last_value FROM tries";
        assert_eq!(harness::ask(&database.url(), tries).await.unwrap(), 12);
    }
}

#[tokio::test]
async fn a_lost_connection_leaves_the_outcome_open() {
    for more in
        ["", "[[session_variables]]\nname = \"app.x\"\nvalue = \"y\"\n", "[database]\nprepared_statements = false\n"]
    {
        let (_database, api) = api_with(more).await;
        let (code, message) = api.refusal("mutation { die }", Json::Null).await;
        assert_eq!(code, "UNAVAILABLE");
        assert!(message.contains("whether anything was changed is not known"), "{message}");
        assert_eq!(api.data("mutation { add(one: 1) }", Json::Null).await, json!({"add": 2}));
    }
}

#[tokio::test]
async fn every_shape_within_a_transaction() {
    let (_database, api) = api_with("[[session_variables]]\nname = \"app.x\"\nvalue = \"y\"\n").await;
    let create = "mutation($input: CreateUserInput!) { createUser(input: $input) { name posts { title } } }";
    let input = json!({"name": "P", "email": "p@example.com", "posts": [{"postTitle": "a"}]});
    let made = json!({"createUser": {"name": "P", "posts": [{"title": "a"}]}});
    assert_eq!(api.data(create, json!({"input": input})).await, made);
    let (code, _) = api.refusal(create, json!({"input": input})).await;
    assert_eq!(code, "CONFLICT");
    let rename = format!("mutation {{ renameUser(id: \"{ANN}\", name: \"Anna\") {{ name }} }}");
    assert_eq!(api.data(&rename, Json::Null).await, json!({"renameUser": {"name": "Anna"}}));
    let (code, _) = api.refusal("mutation { raise(state: \"P0001\", message: \"m\") }", Json::Null).await;
    assert_eq!(code, "VALIDATION_FAILED");
    assert_eq!(api.data("mutation { add(one: 1) }", Json::Null).await, json!({"add": 2}));
}

/// Each mutation, what its function looks like, and what is said of it at the start.
#[tokio::test]
async fn functions_that_do_not_fit_are_told_all_at_once() {
    let database = database();
    let cases = [
        (mutation("m1", "User", "fn_craete_user", &["name: String!"]), "", "there is no such function"),
        (
            mutation("m2", "User", "fn_2", &["nmae: String!"]),
            "FUNCTION fn_2(p_name text) RETURNS jsonb",
            "has no parameter p_nmae or nmae; did you mean \"p_name\"?",
        ),
        (
            mutation("m3", "User", "fn_3", &[]),
            "FUNCTION fn_3(p_name text) RETURNS jsonb",
            "nothing gives public.fn_3(text) its parameter p_name, which has no default",
        ),
        (
            mutation("m4", "User", "fn_4", &["id: ID!"]),
            "FUNCTION fn_4(p_id text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'; CREATE FUNCTION fn_4(id uuid) RETURNS jsonb",
            "public.fn_4(text) and public.fn_4(uuid) take the same names",
        ),
        (
            mutation("m5", "User", "fn_5", &[]),
            "FUNCTION fn_5() RETURNS boolean",
            "returns bool, which is neither User nor its id",
        ),
        (mutation("m6", "Int", "fn_6", &[]), "FUNCTION fn_6() RETURNS text", "returns text, which does not fit Int"),
        (
            mutation("m7", "Int", "fn_7", &[]),
            "FUNCTION fn_7(OUT a int4, OUT b int4)",
            "returns a row of 2 columns, but the mutation returns Int",
        ),
        (
            mutation("m8", "User", "fn_8", &["tags: [String!]"]),
            "FUNCTION fn_8(p_tags text) RETURNS jsonb",
            "p_tags: a list ([String!]) needs an array or jsonb, not text",
        ),
        (mutation("m9", "Boolean", "fn_9", &[]), "FUNCTION fn_9() RETURNS void", "returns void, which says nothing"),
        (mutation("m10", "[User!]", "fn_10", &[]), "FUNCTION fn_10() RETURNS v_user", "declare it RETURNS SETOF"),
        (
            mutation("m11", "User", "fn_11", &["tags: [String!]"]),
            "FUNCTION fn_11(VARIADIC p_tags text[]) RETURNS jsonb",
            "has a VARIADIC parameter p_tags: its arguments go by position, and ours by name; declare it as an array",
        ),
    ];
    let mut schema = schema();
    for (mutation, function, _) in &cases {
        if !function.is_empty() {
            let body = if function.contains("OUT a") { "SELECT 1, 2" } else { "SELECT NULL" };
            let body = if function.contains("void") { "" } else { body };
            let body = if function.contains("v_user") { "SELECT * FROM v_user" } else { body };
            let cast = function.rsplit("RETURNS ").next().filter(|_| body == "SELECT NULL").map(|ty| format!("::{ty}"));
            database.execute(&format!("CREATE {function} LANGUAGE sql AS '{body}{}'", cast.unwrap_or_default()));
        }
        schema["mutations"].as_array_mut().unwrap().push(mutation.clone());
    }
    let opened = Service::open(&config(&database.url(), ""), &compiled(&schema), workers(), &Default::default()).await;
    let Err(Refusal::Problems(problems)) = opened else { panic!("it was served") };
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for (mutation, _, expected) in &cases {
        let name = mutation["name"].as_str().unwrap();
        let source = mutation["sql_source"].as_str().unwrap();
        let found = said.iter().any(|problem| problem.contains(source) && problem.contains(expected));
        assert!(found, "{name}: {expected}\n{said:#?}");
    }
    // m2 has a parameter that nothing gives, too.
    assert_eq!(said.len(), cases.len() + 1, "{said:#?}");
}

#[tokio::test]
async fn who_may_not() {
    let (_database, api) = api().await;
    for query in [
        "mutation { forAdmins(one: 1) }".to_owned(),
        "mutation { claimed(name: \"x\") }".to_owned(),
        format!("mutation {{ removeUser(id: \"{ANN}\") rowOfUser(id: \"{BOB}\") {{ note }} }}"),
    ] {
        let (_, answer) = api.ask(&query, Json::Null).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{answer}");
    }
}
