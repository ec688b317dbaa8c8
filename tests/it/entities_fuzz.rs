//! Random representations against the running engine: whatever is sent, nobody gets a row that he did not ask
//! for, everybody gets the one that he did, and nothing panics.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value as Json, json};
use tokio::runtime::Runtime;

use crate::entities::ASK;
use crate::service::Api;
use crate::subgraph::{api, user_id};

/// A representation, and the number of the row that it names for certain.
type Asked = (Json, Option<usize>);

const NAMES: [&str; 17] = [
    "id",
    "email",
    "sku",
    "package",
    "variation",
    "study",
    "caseNumber",
    "number",
    "amount",
    "day",
    "at",
    "slug",
    "grade",
    "note",
    "weight",
    "active",
    "__typename",
];
const TYPES: [&str; 12] = [
    "User",
    "Product",
    "Research",
    "Reading",
    "Book",
    "Film",
    "Media",
    "Organization",
    "Parcel",
    "Package",
    "Post",
    "",
];

fn leaf() -> impl Strategy<Value = Json> {
    const TEXTS: [&str; 20] = [
        "",
        "p3",
        "sku2",
        "odd",
        "even",
        "v5",
        "1004",
        "2024-01-05",
        "slug-4",
        "LOW",
        "HIGH",
        "Reading 4",
        "\u{0}",
        "'",
        "user3@example.org",
        "parcel1",
        "NaN",
        "6.0",
        "1e400",
        "-0",
    ];
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0..40).prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(|number| json!(number)),
        select(&TEXTS[..]).prop_map(Json::from),
        (1usize..50).prop_map(|number| json!(user_id(number))),
        ".{0,12}".prop_map(Json::from),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Json::from),
            hash_map(select(&NAMES[..]), inner, 0..4).prop_map(object),
        ]
    })
}

fn object<'n>(fields: impl IntoIterator<Item = (&'n str, Json)>) -> Json {
    Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Anything, most of it with a name of a type.
fn arbitrary() -> impl Strategy<Value = Json> {
    let fields = hash_map(select(&NAMES[..]), value(), 0..5);
    let named = (fields, select(&TYPES[..])).prop_map(|(fields, name)| {
        let mut all = object(fields);
        all["__typename"] = json!(name);
        all
    });
    prop_oneof![10 => named, 1 => value()]
}

/// A row by one of its keys.
fn certain() -> impl Strategy<Value = Asked> {
    (0..13usize, 1..30usize, any::<bool>()).prop_map(|(key, n, shout)| {
        let half = n % 20 + 1;
        let text = |text: String| if shout { text.to_uppercase() } else { text };
        let (representation, n) = match key {
            0 => (json!({"__typename": "User", "id": text(user_id(n))}), n),
            1 => (json!({"__typename": "User", "email": text(format!("user{n}@example.org"))}), n),
            2 => (json!({"__typename": "Product", "id": format!("p{n}")}), n),
            3 => (json!({"__typename": "Product", "sku": sku(n), "package": package(n)}), n),
            4 => (json!({"__typename": "Product", "sku": sku(n), "variation": {"id": format!("v{n}")}}), n),
            5 => (json!({"__typename": "Research", "study": {"caseNumber": 1000 + half}}), half),
            6 => (json!({"__typename": "Reading", "number": n}), n),
            7 => (json!({"__typename": "Reading", "amount": format!("{:.3}", n as f64 * 1.5)}), n),
            8 => (json!({"__typename": "Reading", "slug": format!("slug-{n}")}), n),
            9 => (json!({"__typename": "Reading", "grade": grade(n), "note": format!("Reading {n}")}), n),
            10 => (json!({"__typename": "Media", "id": text(user_id(half))}), half),
            11 => (json!({"__typename": "Parcel", "id": format!("parcel{}", n % 5 + 1)}), n % 5 + 1),
            _ => (json!({"__typename": "Reading", "weight": n as f64 / 4.0, "active": n % 2 == 0}), n),
        };
        (representation, Some(n))
    })
}

/// A key with something changed about it.
fn altered() -> impl Strategy<Value = Json> {
    (certain(), select(&NAMES[..]), proptest::option::of(value())).prop_map(|((mut whole, _), name, value)| {
        match value {
            Some(value) => whole[name] = value,
            None => drop(whole.as_object_mut().and_then(|fields| fields.shift_remove(name))),
        }
        whole
    })
}

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    let unsure = prop_oneof![altered(), arbitrary()].prop_map(|representation| (representation, None));
    vec(prop_oneof![certain(), unsure], 0..50)
}

fn sku(n: usize) -> String {
    format!("sku{}", n / 2)
}

fn package(n: usize) -> &'static str {
    ["even", "odd"][n % 2]
}

fn grade(n: usize) -> &'static str {
    ["LOW", "HIGH"][n % 2]
}

/// The number of a row, by what stands in it.
fn number(row: &Json) -> Option<usize> {
    let told = ["name", "title", "outcome", "note", "label"].into_iter().find_map(|field| row[field].as_str());
    told?.rsplit(' ').next()?.parse().ok()
}

/// Whether a representation names the row with this number, by any of the keys of its type.
fn names(of: &Json, n: usize) -> bool {
    let text = |value: &Json| match value {
        Json::String(text) => text.to_lowercase(),
        Json::Number(number) => number.to_string(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => String::new(),
    };
    let is = |field: &str, expected: &str| text(&of[field]) == expected.to_lowercase();
    let equals = |field: &str, expected: f64| text(&of[field]).parse() == Ok(expected);
    match of["__typename"].as_str().unwrap_or_default() {
        "User" => is("id", &user_id(n)) || is("email", &format!("user{n}@example.org")),
        "Book" | "Film" | "Media" => is("id", &user_id(n)),
        "Product" => {
            let varies = text(&of["variation"]["id"]) == format!("v{n}");
            is("id", &format!("p{n}")) || is("sku", &sku(n)) && (is("package", package(n)) || varies)
        }
        "Research" => text(&of["study"]["caseNumber"]).parse() == Ok((1000 + n) as f64),
        "Parcel" => is("id", &format!("parcel{n}")),
        "Reading" => {
            let day = format!("2024-01-{:02}", n + 1);
            equals("number", n as f64)
                || equals("amount", n as f64 * 1.5)
                || is("day", &day)
                || is("slug", &format!("slug-{n}"))
                || is("grade", grade(n)) && is("note", &format!("Reading {n}"))
                || equals("weight", n as f64 / 4.0) && of["active"] == json!(n.is_multiple_of(2))
        }
        _ => false,
    }
}

fn check(asked: &[Asked], rows: &[Json], errors: &Map<String, Json>) {
    assert_eq!(rows.len(), asked.len());
    for (at, ((of, certain), row)) in asked.iter().zip(rows).enumerate() {
        let said = errors.get(&at.to_string());
        assert!(row.is_null() || said.is_none(), "{of} has a row and an error: {row} {said:?}");
        match (row, number(row), certain) {
            (Json::Null, _, None) => {}
            (row, found, Some(_)) => assert_eq!(found, *certain, "{of}: {row} {said:?}"),
            // Of what lives elsewhere nothing is known but what was sent.
            (row, None, None) => assert!(
                ["Organization", "Package"].contains(&of["__typename"].as_str().unwrap_or_default()),
                "{of}: {row}"
            ),
            (row, Some(found), None) => assert!(names(of, found), "{of} does not name {row}"),
        }
    }
}

async fn over_graphql(api: &Api, asked: &[Asked]) {
    let representations: Vec<&Json> = asked.iter().map(|(representation, _)| representation).collect();
    // What is null for another reason than its key would hide whether there was a row.
    let ask = ASK
        .replace("label broken", "label")
        .replace("... on Organization", "... on Package { id } ... on Organization");
    let (status, answer) = api.ask(&ask, json!({"representations": representations})).await;
    assert_eq!(status, 200, "{answer}");
    let mut errors = Map::new();
    for error in answer["errors"].as_array().into_iter().flatten() {
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{error}");
        errors.insert(error["path"][1].to_string(), error["message"].clone());
    }
    check(asked, answer["data"]["_entities"].as_array().unwrap(), &errors);
}

#[cfg(feature = "grpc-transport")]
async fn over_grpc(client: &crate::grpc::Client, asked: &[Asked]) {
    // Messages hold objects with a name only; rows of Parcel have a value that does not fit.
    let is_key = |of: &Json| of.is_object() && of["__typename"].is_string() && of["__typename"] != "Parcel";
    let asked: Vec<Asked> = asked.iter().filter(|(of, _)| is_key(of)).cloned().collect();
    let keys: Vec<Json> = asked
        .iter()
        .map(|(of, _)| {
            let mut fields = of.as_object().unwrap().clone();
            let typename = fields.shift_remove("__typename");
            json!({"typename": typename, "key": fields})
        })
        .collect();
    let answer = client.one("BatchGetEntities", json!({"keys": keys})).await;
    let mut errors = Map::new();
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Json> = items.iter().map(|item| item["entity"].clone()).collect();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| !item["error"].is_null()) {
        assert_eq!(item["error"]["code"], "INVALID_ARGUMENT", "{item}");
        errors.insert(at.to_string(), item["error"]["message"].clone());
    }
    check(&asked, &rows, &errors);
}

#[test]
fn random_representations() {
    let runtime = Runtime::new().unwrap();
    let (_database, api) = runtime.block_on(api());
    #[cfg(feature = "grpc-transport")]
    let client = runtime.block_on(async {
        let typed = crate::grpc::Client::of(&api).await;
        crate::grpc::Client::over(typed.channel.clone(), "fraiseql.v1.EntityService", None).await
    });
    let settings = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) };
    let ran = TestRunner::new(settings).run(&asked(), |asked| {
        runtime.block_on(async {
            over_graphql(&api, &asked).await;
            #[cfg(feature = "grpc-transport")]
            over_grpc(&client, &asked).await;
        });
        Ok(())
    });
    ran.unwrap_or_else(|failed| panic!("{failed}"));
}
