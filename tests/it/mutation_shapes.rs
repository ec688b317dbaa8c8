//! Mutations: what functions are given and what they may return.

use serde_json::{Value as Json, json};

use crate::writing::{ANN, BOB, NOBODY, api};

const USER: &str = "id name email age role tags balance";

#[tokio::test]
async fn named_parameters_get_what_was_sent_and_keep_their_defaults() {
    let (_database, api) = api().await;
    let create =
        "mutation($input: CreateUserInput!) { createUser(input: $input) { name email age role tags balance } }";
    let made = api.data(create, json!({"input": {"name": "Zoë", "email": "zoe@example.com"}})).await;
    assert_eq!(
        made["createUser"],
        json!({"name": "Zoë", "email": "zoe@example.com", "age": 18, "role": "MEMBER", "tags": ["default"], "balance": 1.5})
    );
    let all = json!({"name": "Max", "email": "max@example.com", "age": null, "role": "ADMIN", "tags": ["a", "b \"c\""], "balance": "12.340"});
    let made = api.data(create, json!({"input": all})).await;
    assert_eq!(
        made["createUser"],
        json!({"name": "Max", "email": "max@example.com", "age": null, "role": "ADMIN", "tags": ["a", "b \"c\""], "balance": 12.340})
    );
    let literal = "mutation { createUser(input: {name: \"Lit\", email: \"lit@example.com\", role: ADMIN, tags: \"one\"}) { role tags } }";
    assert_eq!(api.data(literal, Json::Null).await["createUser"], json!({"role": "ADMIN", "tags": ["one"]}));
}

#[tokio::test]
async fn what_a_function_wrote_is_read_with_its_joined_list() {
    let (_database, api) = api().await;
    let create = "mutation($input: CreateUserInput!) { createUser(input: $input) { __typename name posts(orderBy: [{title: DESC}], limit: 2) { t: title } } }";
    let input = json!({"name": "P", "email": "p@example.com", "posts": [{"postTitle": "a"}, {"postTitle": "b"}, {"postTitle": "c"}]});
    let made = api.data(create, json!({"input": input})).await;
    assert_eq!(made["createUser"], json!({"__typename": "User", "name": "P", "posts": [{"t": "c"}, {"t": "b"}]}));
    // A row, an id and a set are read back as well.
    let query = format!(
        "mutation {{ rowOfUser(id: \"{ANN}\") {{ name posts {{ title }} }} copyUser(id: \"{BOB}\") {{ email role posts {{ id }} }} \
         rowsOfUsers(minAge: 30) {{ name posts {{ id }} }} userByTable(id: \"{ANN}\") {{ name email }} }}"
    );
    assert_eq!(
        api.data(&query, Json::Null).await,
        json!({
            "rowOfUser": {"name": "Ann", "posts": []},
            "copyUser": {"email": "copy-bob@example.com", "role": "MEMBER", "posts": []},
            "rowsOfUsers": [{"name": "Ann", "posts": []}, {"name": "Bob", "posts": []}],
            "userByTable": {"name": "Ann", "email": "ann@example.com"},
        })
    );
}

#[tokio::test]
async fn an_entity_that_the_function_left_out_is_read() {
    let (_database, api) = api().await;
    let query = format!("mutation {{ renameUser(id: \"{ANN}\", name: \"Anna\") {{ {USER} }} }}");
    let renamed = json!({"renameUser": {"id": ANN, "name": "Anna", "email": "ann@example.com", "age": 30, "role": "MEMBER", "tags": [], "balance": null}});
    for _ in 0..2 {
        assert_eq!(api.data(&query, Json::Null).await, renamed);
    }
}

#[tokio::test]
async fn one_object_holds_only_what_was_sent() {
    let (_database, api) = api().await;
    let update = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { name age role tags } }";
    let sent = api.data(update, json!({"input": {"id": ANN, "role": "ADMIN"}})).await["updateUser"].clone();
    assert_eq!((&sent["name"], &sent["age"], &sent["role"]), (&json!("Ann"), &json!(30), &json!("ADMIN")));
    let given: Json = serde_json::from_str(sent["tags"][0].as_str().unwrap()).unwrap();
    assert_eq!(given, json!({"id": ANN, "role": "admin-role"}));
    let sent = api.data(update, json!({"input": {"id": ANN, "age": null}})).await["updateUser"].clone();
    assert_eq!((&sent["name"], &sent["age"]), (&json!("Ann"), &json!(null)));
    assert_eq!(api.data(update, json!({"input": {"id": NOBODY}})).await, json!({"updateUser": null}));
}

#[tokio::test]
async fn rows_tables_sets_scalars_and_lists() {
    let (_database, api) = api().await;
    for (query, expected) in [
        (
            format!("rowOfUser(id: \"{ANN}\") {{ __typename name age role balance tags }}"),
            json!({"__typename": "User", "name": "Ann", "age": 30, "role": "MEMBER", "balance": null, "tags": []}),
        ),
        (format!("rowOfUser(id: \"{NOBODY}\") {{ name }}"), json!(null)),
        (format!("tableOfUser(id: \"{BOB}\") {{ id name age }}"), json!({"id": BOB, "name": "Bob", "age": 40})),
        ("rowsOfUsers(minAge: 31) { name }".to_owned(), json!([{"name": "Bob"}])),
        ("rowsOfUsers(minAge: 99) { name }".to_owned(), json!([])),
        ("documents { name }".to_owned(), json!([{"name": "Ann"}, {"name": "Bob"}])),
        ("documentList { name }".to_owned(), json!([{"name": "Ann"}, {"name": "Bob"}])),
        ("add(one: 2, other: \"9007199254740993\")".to_owned(), json!(9_007_199_254_740_995_i64)),
        ("add(one: 2)".to_owned(), json!(3)),
        ("add(one: 2, other: null)".to_owned(), json!("error")),
        ("numbers".to_owned(), json!([1, 2, 3])),
        ("ids".to_owned(), json!([ANN, BOB])),
        ("role(role: ADMIN)".to_owned(), json!("ADMIN")),
        ("role(role: null)".to_owned(), json!(null)),
        (format!("dropUser(id: \"{NOBODY}\")"), json!(false)),
        (format!("deleteUser(id: \"{BOB}\") {{ id }}"), json!({"id": BOB})),
        (format!("removeUser(id: \"{BOB}\")"), json!(false)),
        (format!("removeUser(id: \"{ANN}\")"), json!(true)),
        ("documents { name }".to_owned(), json!([])),
    ] {
        let query = format!("mutation {{ answer: {query} }}");
        if expected == "error" {
            let (code, message) = api.refusal(&query, Json::Null).await;
            assert_eq!((code.as_str(), message.as_str()), ("NOT_FOUND", "add found nothing"));
            continue;
        }
        assert_eq!(api.data(&query, Json::Null).await["answer"], expected, "{query}");
    }
}

#[tokio::test]
async fn a_union_has_the_entity_or_a_typed_error() {
    let (_database, api) = api().await;
    let register = "mutation($email: String!) { register(email: $email) { __typename ... on User { name email posts { id } } \
         ... on EmailTaken { message suggestion httpStatus } ... on InvalidInput { message fieldName errorClass } } }";
    for (email, expected) in [
        (
            "ann@example.com",
            json!({"__typename": "EmailTaken", "message": "it is taken", "suggestion": "ann2@example.com", "httpStatus": 409}),
        ),
        (
            "",
            json!({"__typename": "InvalidInput", "message": "an address is needed", "fieldName": "email", "errorClass": "validation"}),
        ),
        ("new@example.com", json!({"__typename": "User", "name": "New", "email": "new@example.com", "posts": []})),
    ] {
        assert_eq!(api.data(register, json!({"email": email})).await["register"], expected);
    }
    let plain = "mutation { register(email: \"other@example.com\") { __typename ... on User { email } } }";
    let expected = json!({"register": {"__typename": "User", "email": "other@example.com"}});
    assert_eq!(api.data(plain, Json::Null).await, expected);
}
