//! `_entities`: which rows come back for which representations, in which order, and what a bad one costs.

use serde_json::{Value as Json, json};

use crate::service::Api;
use crate::subgraph::{api, api_with, user_id};

pub const ASK: &str = "query($representations: [_Any!]!) { _entities(representations: $representations) {
    __typename
    ... on User { name }
    ... on Product { title sku variation { id name } }
    ... on Research { outcome study { caseNumber } }
    ... on Reading { note }
    ... on Media { title }
    ... on Book { pages }
    ... on Film { minutes }
    ... on Parcel { label broken }
    ... on Organization { id site { homePage } tags } } }";

fn user(number: usize) -> Json {
    json!({"__typename": "User", "id": user_id(number)})
}

/// The answers and the errors: path and message of each.
async fn ask(api: &Api, query: &str, representations: &Json) -> (Json, Vec<(Json, String)>) {
    let (status, mut answer) = api.ask(query, json!({"representations": representations})).await;
    assert_eq!(status, 200, "{answer:#}");
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    let errors = errors.into_iter().map(|error| (error["path"].clone(), error["message"].as_str().unwrap().to_owned()));
    (answer["data"]["_entities"].take(), errors.collect())
}

async fn answers(api: &Api, representations: Json) -> Json {
    let (data, errors) = ask(api, ASK, &representations).await;
    assert_eq!(errors, [], "{representations}");
    data
}

#[tokio::test]
async fn order_duplicates_and_what_is_not_there() {
    let (_database, api) = api().await;
    let nobody = json!({"__typename": "User", "id": "00000000-0000-0000-0000-000000000000"});
    let shouted = json!({"__typename": "User", "id": user_id(3).to_uppercase()});
    let by_email = json!({"__typename": "User", "email": "USER5@example.org"});
    let product = json!({"__typename": "Product", "id": "p7"});
    let asked = json!([user(3), nobody, product, user(1), user(3), by_email, shouted, nobody]);
    let named = |number: usize| json!({"__typename": "User", "name": format!("User {number}")});
    let p7 = json!({"__typename": "Product", "title": "Product 7", "sku": "sku3", "variation": {"id": "v7", "name": "Variation 7"}});
    assert_eq!(answers(&api, asked).await, json!([named(3), null, p7, named(1), named(3), named(5), named(3), null]));
    assert_eq!(answers(&api, json!([])).await, json!([]));
}

/// A row is found by its key whatever type its column has: by a UUID in a column of text, a Float in one of integers.
#[tokio::test]
async fn keys_of_other_types_than_their_columns() {
    let database = crate::subgraph::database();
    database.execute(
        "CREATE VIEW v_badge AS SELECT md5('badge' || n)::uuid::text AS code, n AS level, 'Badge ' || n AS title \
         FROM generate_series(1, 9) n",
    );
    let fields = crate::world::fields(&["code: UUID!", "level: Float!", "title: String!"]);
    let keys = json!([{"fields": "code"}, {"fields": "level"}]);
    let badge = json!({"name": "Badge", "sql_source": "v_badge", "keys": keys, "fields": fields});
    let schema = json!({"types": [badge], "federation": {"version": "v2"}});
    let api = Api::with(&database, &schema, "").await;
    let code = |number: usize| crate::subgraph::uuid(&format!("badge{number}"));
    let by = |field: &str, value: Json| json!({"__typename": "Badge", field: value});
    let asked = json!([
        by("code", json!(code(3))),
        by("level", json!(4)),
        by("level", json!(4.5)),
        by("code", json!(code(5).to_uppercase())),
        by("level", json!(6.0)),
        by("code", json!(code(70))),
    ]);
    let query =
        "query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Badge { title } } }";
    let (data, errors) = ask(&api, query, &asked).await;
    let titled = |number: usize| json!({"title": format!("Badge {number}")});
    assert_eq!(data, json!([titled(3), titled(4), null, titled(5), titled(6), null]));
    assert_eq!(errors, [(json!(["_entities", 2]), "Badge.level: 4.5 is not a whole number within 64 bits".to_owned())]);
}

#[tokio::test]
async fn keys_of_every_kind() {
    let (_database, api) = api().await;
    let title = |representation: Json| {
        let api = &api;
        async move {
            let mut data = answers(api, json!([representation])).await;
            let entity = data[0].take();
            let field = ["title", "outcome", "note"].into_iter().find_map(|field| entity.get(field).cloned());
            field.unwrap_or(Json::Null)
        }
    };
    for (representation, expected) in [
        (json!({"__typename": "Product", "sku": "sku2", "package": "odd"}), "Product 5"),
        (json!({"__typename": "Product", "package": "even", "sku": "sku2"}), "Product 4"),
        (json!({"__typename": "Product", "sku": "sku2", "variation": {"id": "v5"}}), "Product 5"),
        (json!({"__typename": "Product", "sku": "sku2", "variation": {"id": "v5", "name": "other"}}), "Product 5"),
        (json!({"__typename": "Research", "study": {"caseNumber": "1004"}}), "Outcome 4"),
        (json!({"__typename": "Research", "study": {"caseNumber": 1004}}), "Outcome 4"),
        (json!({"__typename": "Reading", "number": 4}), "Reading 4"),
        (json!({"__typename": "Reading", "amount": "6.0"}), "Reading 4"),
        (json!({"__typename": "Reading", "amount": 6}), "Reading 4"),
        (json!({"__typename": "Reading", "day": "2024-01-05"}), "Reading 4"),
        (json!({"__typename": "Reading", "at": "2024-01-01T06:00:00+02:00"}), "Reading 4"),
        (json!({"__typename": "Reading", "weight": 1, "active": true}), "Reading 4"),
        (json!({"__typename": "Reading", "slug": "slug-4"}), "Reading 4"),
        (json!({"__typename": "Reading", "address": "10.0.0.4/32"}), "Reading 4"),
        (json!({"__typename": "Reading", "grade": "LOW", "note": "Reading 4"}), "Reading 4"),
        (json!({"__typename": "Media", "id": user_id(4)}), "Book 4"),
        (json!({"__typename": "Media", "id": user_id(14)}), "Film 14"),
        (json!({"__typename": "Film", "id": user_id(14)}), "Film 14"),
    ] {
        assert_eq!(title(representation.clone()).await, json!(expected), "{representation}");
    }
    for absent in [
        json!({"__typename": "Product", "sku": "sku2", "package": "neither"}),
        json!({"__typename": "Product", "sku": "sku2", "variation": {"id": "v6"}}),
        json!({"__typename": "Reading", "number": 2_000_000_000}),
        json!({"__typename": "Reading", "slug": "Not A Slug"}),
        json!({"__typename": "Reading", "address": "nowhere"}),
        json!({"__typename": "Reading", "grade": "HIGH", "note": "Reading 4"}),
        json!({"__typename": "Media", "id": user_id(40)}),
        json!({"__typename": "Book", "id": user_id(14)}),
    ] {
        assert_eq!(answers(&api, json!([absent])).await, json!([null]), "{absent}");
    }
    let film = answers(&api, json!([{"__typename": "Media", "id": user_id(14)}])).await;
    assert_eq!(film, json!([{"__typename": "Film", "title": "Film 14", "minutes": 14}]));
}

#[tokio::test]
async fn what_lives_elsewhere_answers_for_itself() {
    let (_database, api) = api().await;
    let asked = json!([
        {"__typename": "Organization", "id": "o1"},
        user(1),
        {"__typename": "Organization", "id": "o2", "site": {"homePage": "https://o2.example"}, "tags": ["a"]},
    ]);
    let expected = json!([
        {"__typename": "Organization", "id": "o1", "site": null, "tags": null},
        {"__typename": "User", "name": "User 1"},
        {"__typename": "Organization", "id": "o2", "site": {"homePage": "https://o2.example"}, "tags": ["a"]},
    ]);
    assert_eq!(answers(&api, asked).await, expected);
}

#[tokio::test]
async fn a_bad_representation_costs_nobody_else() {
    let (_database, api) = api().await;
    let long = "x".repeat(100_000);
    for (bad, expected) in [
        (json!({"id": user_id(1)}), "the representation has no __typename"),
        (json!({"__typename": "Usr", "id": "1"}), "there is no entity \"Usr\"; did you mean \"User\"?"),
        (json!({"__typename": "Post", "id": "1"}), "there is no entity \"Post\""),
        (json!({"__typename": "Site", "homePage": "x"}), "there is no entity \"Site\""),
        (json!({"__typename": 7}), "__typename is the name of a type, not 7"),
        (json!(null), "a representation is an object with __typename and a key, not null"),
        (json!("User"), "a representation is an object with __typename and a key, not \"User\""),
        (json!([user(1)]), "a representation is an object with __typename and a key, not ["),
        (json!({"__typename": "User"}), "the representation of User needs a key: \"id\" or \"email\""),
        (json!({"__typename": "User", "id": null}), "the representation of User needs a key: \"id\" or \"email\""),
        (json!({"__typename": "User", "id": "no uuid"}), "User.id: \"no uuid\" is not a UUID"),
        (json!({"__typename": "User", "id": 7}), "User.id: \"7\" is not a UUID"),
        (json!({"__typename": "User", "id": {"a": 1}}), "User.id: {\"a\":1} is not an ID"),
        (json!({"__typename": "User", "email": 5}), "User.email: 5 is not a string"),
        (json!({"__typename": "User", "email": "a\u{0}"}), "User.email: a text may not hold the character U+0000"),
        (
            json!({"__typename": "User", "id": user_id(1), "nme": 1}),
            "User has no field \"nme\"; did you mean \"name\"?",
        ),
        (
            json!({"__typename": "Product", "sku": "s"}),
            "the representation of Product lacks package of its key \"sku package\"",
        ),
        (
            json!({"__typename": "Product", "package": null, "sku": "s"}),
            "the representation of Product lacks package of its key \"sku package\"",
        ),
        (
            json!({"__typename": "Research", "study": {}}),
            "the representation of Research needs a key: \"study { caseNumber }\"",
        ),
        (
            json!({"__typename": "Research", "study": "1004"}),
            "the representation of Research needs a key: \"study { caseNumber }\"",
        ),
        (json!({"__typename": "Research", "study": {"caseNumber": []}}), "Research.study.caseNumber: [] is not an ID"),
        (json!({"__typename": "Reading", "number": 3_000_000_000_i64}), "Reading.number: 3000000000 is not an Int"),
        (json!({"__typename": "Reading", "day": "today"}), "Reading.day: \"today\" is not a Date"),
        (
            json!({"__typename": "Reading", "at": "2024-01-01T00:00:00+20:00"}),
            "Reading.at: \"2024-01-01T00:00:00+20:00\" is not a DateTime",
        ),
        (
            json!({"__typename": "Reading", "grade": "low", "note": "Reading 4"}),
            "Reading.grade: \"low\" is not a value of Grade",
        ),
        (
            json!({"__typename": "Organization", "id": "o", "site": {"home": 1}}),
            "Organization.site: Site has no field \"home\"",
        ),
        (
            json!({"__typename": "Organization", "id": "o\u{0}"}),
            "Organization.id: a text may not hold the character U+0000",
        ),
        (json!({"__typename": "User", "id": long}), "User.id: \"xxx"),
    ] {
        let (data, errors) = ask(&api, ASK, &json!([user(1), bad, user(2)])).await;
        let named = |number: usize| json!({"__typename": "User", "name": format!("User {number}")});
        assert_eq!(data, json!([named(1), null, named(2)]), "{bad}");
        assert!(errors.len() == 1 && errors[0].0 == json!(["_entities", 1]), "{bad}: {errors:?}");
        assert!(errors[0].1.starts_with(expected) && errors[0].1.len() < 300, "{bad}: {errors:?}");
    }
    let (_, answer) = api.ask(ASK, json!({"representations": [{"__typename": "User", "id": 7}]})).await;
    assert_eq!(answer["errors"][0]["extensions"], json!({"code": "BAD_USER_INPUT", "argument": "id"}));
}

#[tokio::test]
async fn a_null_that_may_not_be_takes_its_entity_along() {
    let (_database, api) = api().await;
    let parcel = |number: usize| json!({"__typename": "Parcel", "id": format!("parcel{number}")});
    let asked = json!([user(1), parcel(1), parcel(2), parcel(1)]);
    let (data, errors) = ask(&api, ASK, &asked).await;
    assert_eq!(data, json!([{"__typename": "User", "name": "User 1"}, null, null, null]));
    let paths: Vec<&Json> = errors.iter().map(|(path, _)| path).collect();
    let path = |index: usize| json!(["_entities", index, "broken"]);
    assert_eq!(paths, [&path(1), &path(2), &path(3)]);
}

#[tokio::test]
async fn any_document_that_a_router_sends() {
    let (_database, api) = api().await;
    let both = json!([user(1), {"__typename": "Product", "id": "p1"}]);
    for (query, variables, expected) in [
        (
            "query Users__orders__0($reps: [_Any!]!) { _entities(representations: $reps) { ... on User { __typename id name } ... on Product { sku } } }",
            json!({"reps": both}),
            json!({"_entities": [{"__typename": "User", "id": user_id(1), "name": "User 1"}, {"sku": "sku0"}]}),
        ),
        (
            "query($r: [_Any!]!, $no: Boolean!) { all: _entities(representations: $r) { ...F ... on _Entity { kind: __typename } } } \
             fragment F on User { who: name email @include(if: $no) }",
            json!({"r": both, "no": false}),
            json!({"all": [{"who": "User 1", "kind": "User"}, {"kind": "Product"}]}),
        ),
        (
            "query($id: ID!) { _entities(representations: [{__typename: \"User\", id: $id}, {__typename: \"Product\", sku: \"sku0\", package: \"odd\"}]) { __typename } }",
            json!({"id": user_id(1)}),
            json!({"_entities": [{"__typename": "User"}, {"__typename": "Product"}]}),
        ),
        (
            "query($one: _Any!) { _entities(representations: [$one]) { ... on User { name } } }",
            json!({"one": user(2)}),
            json!({"_entities": [{"name": "User 2"}]}),
        ),
        (
            "query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { title } } }",
            json!({"r": [user(1), user(99_999)]}),
            json!({"_entities": [{}, null]}),
        ),
        (
            "query($r: [_Any!]!, $n: Int) { _entities(representations: $r) { ... on User { posts(limit: $n, orderBy: [{title: DESC}]) { title } } } }",
            json!({"r": [user(1), user(60)], "n": 1}),
            json!({"_entities": [{"posts": [{"title": "Post 1.3"}]}, {"posts": []}]}),
        ),
        (
            "query($r: [_Any!]!) { a: _entities(representations: $r) { ... on User { name } } b: _entities(representations: $r) { __typename } users(where: {email: {eq: \"user1@example.org\"}}) { name } _service { __typename } }",
            json!({"r": [user(1)]}),
            json!({"a": [{"name": "User 1"}], "b": [{"__typename": "User"}], "users": [{"name": "User 1"}], "_service": {"__typename": "_Service"}}),
        ),
    ] {
        assert_eq!(api.data(query, variables).await, expected, "{query}");
    }
    // A second request takes the forms and the statements of the first, with other keys.
    for number in [5, 6, 7] {
        let data = answers(
            &api,
            json!([user(number), {"__typename": "Product", "sku": format!("sku{number}"), "package": "odd"}]),
        )
        .await;
        assert_eq!(data[0]["name"], format!("User {number}"));
        assert_eq!(data[1]["title"], format!("Product {}", number * 2 + 1));
    }
}

#[tokio::test]
async fn the_schema_says_what_it_is() {
    let (_database, api) = api().await;
    let sdl = api.data("{ _service { text: sdl } }", Json::Null).await;
    let sdl = sdl["_service"]["text"].as_str().unwrap().to_owned();
    assert!(sdl.contains("type User @key(fields: \"id\") @key(fields: \"email\")"), "{sdl}");
    assert!(!sdl.contains("_Entity") && !sdl.contains("_Any"), "{sdl}");
    let (_database, open) = api_with("[graphql]\nintrospection = true\n").await;
    let query = "{ __type(name: \"_Entity\") { kind possibleTypes { name } } }";
    let types = open.data(query, Json::Null).await["__type"]["possibleTypes"].clone();
    assert!(types.as_array().unwrap().contains(&json!({"name": "Organization"})), "{types}");
    let plain = json!({"types": [], "queries": [], "mutations": [], "subscriptions": [], "enums": [], "input_types": [],
                       "interfaces": [], "unions": [], "federation": {"enabled": true}});
    let database = crate::harness::Database::empty();
    let api = Api::start(&database, &plain).await;
    assert_eq!(
        api.refusal("{ _entities(representations: []) { __typename } }", Json::Null).await.0,
        "GRAPHQL_VALIDATION_FAILED"
    );
    assert!(api.data("{ _service { sdl } }", Json::Null).await["_service"]["sdl"].is_string());
}

#[tokio::test]
async fn large_batches() {
    let (_database, api) = api_with("max_body_bytes = 100000\n[federation]\nmax_representations = 11000\n").await;
    let count = 10_000;
    let numbers: Vec<usize> = (0..count).map(|i| i * 7919 % 12_500 + 1).collect();
    let asked: Vec<Json> = numbers.iter().map(|number| user(*number)).collect();
    let data = answers(&api, json!(asked)).await;
    for (number, entity) in numbers.iter().zip(data.as_array().unwrap()) {
        let expected = if *number <= 12_000 {
            json!({"__typename": "User", "name": format!("User {number}")})
        } else {
            Json::Null
        };
        assert_eq!(*entity, expected);
    }
    let more: Vec<Json> = (0..11_001).map(|_| user(1)).collect();
    let (code, message) = api.refusal(ASK, json!({"representations": more})).await;
    assert_eq!((code.as_str(), message.contains("max_representations")), ("TOO_COMPLEX", true), "{message}");
    // Only entities may take that much.
    let padded = format!("{{ users(limit: 1) {{ name }} }} #{}", "x".repeat(200_000));
    let (status, answer) = api.ask(&padded, Json::Null).await;
    assert_eq!((status, answer["errors"][0]["extensions"]["code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")));
    let (status, _) = api.ask(ASK, json!({"representations": ["x".repeat(6_000_000)]})).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn copies_of_one_row_count() {
    let (_database, api) = api_with("max_response_bytes = 100000\n").await;
    let many: Vec<Json> = (0..5000).map(|_| user(1)).collect();
    let (code, _) = api.refusal(ASK, json!({"representations": many})).await;
    assert_eq!(code, "TOO_COMPLEX");
}

#[tokio::test]
async fn keys_are_values() {
    let (database, api) = api().await;
    for text in
        ["'; DROP TABLE tb_product; --", "\\", "\"", "$1", "{p1}", "p1,p2", "NULL", "p1' OR 'a'='a", "%", "\u{1f600}"]
    {
        let asked = json!([
            {"__typename": "Product", "id": text},
            {"__typename": "Product", "sku": text, "package": text},
            {"__typename": "Product", "sku": "sku1", "variation": {"id": text}},
            {"__typename": "Research", "study": {"caseNumber": text}},
            {"__typename": "Reading", "slug": text},
            {"__typename": "User", "email": text},
            {"__typename": "Product", "id": "p1"},
        ]);
        let data = answers(&api, asked).await;
        assert_eq!(
            data.as_array().unwrap()[..6],
            [Json::Null, Json::Null, Json::Null, Json::Null, Json::Null, Json::Null]
        );
        assert_eq!(data[6]["title"], "Product 1");
    }
    assert_eq!(crate::harness::ask(&database.url(), "SELECT count(*) FROM tb_product").await.unwrap(), 100);
}
