//! Bad keys on every wire: each costs its own answer and nobody else's, and is told the same everywhere.

use serde_json::{Value as Json, json};

use crate::grpc::Client;
use crate::http::Reply;
use crate::service::Api;
use crate::subgraph::{api_with, user_id};
use crate::tokens::{AUTH, bearer};

/// What one wire answers to a bad key between two good ones: whether each has a row, and the error of the bad
/// one: its code and its message.
type Told = ([bool; 3], Option<(String, String)>);

struct Wires {
    api: Api,
    grpc: Client,
    token: String,
}

impl Wires {
    async fn graphql(&self, keys: &[Json; 3]) -> Told {
        let query = "query($r: [_Any!]!) { _entities(representations: $r) { __typename } }";
        let reply = self.post("/graphql", &json!({"query": query, "variables": {"r": keys}})).await;
        let answer = reply.json();
        assert_eq!(reply.status, 200, "{answer:#}");
        let rows = answer["data"]["_entities"].as_array().unwrap();
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        assert!(errors.iter().all(|error| error["path"] == json!(["_entities", 1])), "{errors:?}");
        let said = errors.first().map(|error| {
            let code = error["extensions"]["code"].as_str().unwrap();
            let code = if code == "BAD_USER_INPUT" { "INVALID_ARGUMENT" } else { code };
            (code.to_owned(), error["message"].as_str().unwrap().to_owned())
        });
        ([0, 1, 2].map(|at| rows[at].is_object()), said)
    }

    async fn rest(&self, path: &str, keys: &[Json; 3]) -> Told {
        let keys = keys.each_ref().map(without_name);
        let reply = self.post(&format!("/rest/{path}/batch-get"), &json!({"keys": keys})).await;
        let answer = reply.json();
        assert_eq!(reply.status, 200, "{answer:#}");
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        assert!(errors.iter().all(|error| error["index"] == 1), "{errors:?}");
        ([0, 1, 2].map(|at| answer["data"][at].is_object()), errors.first().map(code_and_message))
    }

    async fn grpc(&self, keys: &[Json; 3]) -> Told {
        let keys = keys.each_ref().map(|key| json!({"typename": key["__typename"], "key": without_name(key)}));
        let keys = keys.map(|mut key| {
            key.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            key
        });
        let answer = self.grpc.one("BatchGetEntities", json!({"keys": keys})).await;
        let item = |at: usize| &answer["items"][at];
        let said = Some(&item(1)["error"]).filter(|error| !error.is_null()).map(code_and_message);
        ([0, 1, 2].map(|at| item(at)["entity"].is_object()), said)
    }

    async fn post(&self, path: &str, body: &Json) -> Reply {
        let headers = [("content-type", "application/json"), ("authorization", self.token.as_str())];
        self.api.send("POST", path, &headers, body.to_string().as_bytes()).await
    }
}

fn without_name(key: &Json) -> Json {
    let mut key = key.clone();
    key.as_object_mut().unwrap().shift_remove("__typename");
    key
}

fn code_and_message(error: &Json) -> (String, String) {
    (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

async fn wires() -> (crate::harness::Database, Wires) {
    let (database, api) = api_with(AUTH).await;
    let token = bearer(json!({"tenant_id": "tenant1"}));
    let typed = Client::of(&api).await;
    let grpc = Client::over(typed.channel.clone(), "fraiseql.v1.EntityService", Some(token.clone())).await;
    (database, Wires { api, grpc, token })
}

/// Two keys of a type that have rows, for whoever asks here.
fn good(name: &str) -> [Json; 2] {
    match name {
        "Invoice" => [1, 3].map(|n| json!({"__typename": name, "id": user_id(n)})),
        "Product" => [1, 2].map(|n| json!({"__typename": name, "id": format!("p{n}")})),
        "Research" => [1, 2].map(|n| json!({"__typename": name, "study": {"caseNumber": (1000 + n).to_string()}})),
        "Reading" => [1, 2].map(|n| json!({"__typename": name, "number": n})),
        _ => [1, 2].map(|n| json!({"__typename": "User", "id": user_id(n)})),
    }
}

#[tokio::test]
async fn a_bad_key_is_told_the_same_everywhere() {
    let (_database, wires) = wires().await;
    let deep = (0..30).fold(json!("x"), |inner, _| json!([inner]));
    // The path of REST says of which type a key is; without one that wire cannot be asked.
    for (path, bad, expected) in [
        ("", json!({"id": user_id(1)}), "the representation has no __typename"),
        ("", json!({"__typename": "Usr", "id": "1"}), "there is no entity \"Usr\"; did you mean \"User\"?"),
        ("", json!({"__typename": "Post", "id": "1"}), "there is no entity \"Post\""),
        ("users", json!({"__typename": "User"}), "the representation of User needs a key: \"id\" or \"email\""),
        ("users", json!({"__typename": "User", "id": null}), "the representation of User needs a key"),
        (
            "users",
            json!({"__typename": "User", "id": user_id(1), "nme": "x"}),
            "User has no field \"nme\"; did you mean \"name\"?",
        ),
        ("users", json!({"__typename": "User", "id": "no uuid"}), "User.id: \"no uuid\" is not a UUID"),
        ("users", json!({"__typename": "User", "id": 7}), "User.id: \"7\" is not a UUID"),
        ("users", json!({"__typename": "User", "id": true}), "User.id: true is not an ID"),
        ("users", json!({"__typename": "User", "id": {"id": "x"}}), "User.id: {\"id\":\"x\"} is not an ID"),
        ("users", json!({"__typename": "User", "id": deep}), "User.id: [[[["),
        ("users", json!({"__typename": "User", "email": "a\u{0}"}), "User.email: a text may not hold"),
        ("products", json!({"__typename": "Product", "sku": "sku1"}), "the representation of Product lacks package"),
        (
            "products",
            json!({"__typename": "Product", "sku": "sku1", "variation": {"name": "x"}}),
            "the representation of Product lacks package",
        ),
        (
            "products",
            json!({"__typename": "Product", "sku": "sku1", "package": ["odd"]}),
            "Product.package: [\"odd\"] is not a string",
        ),
        ("researches", json!({"__typename": "Research", "study": {}}), "the representation of Research needs a key"),
        (
            "researches",
            json!({"__typename": "Research", "study": "1001"}),
            "the representation of Research needs a key",
        ),
        ("readings", json!({"__typename": "Reading", "number": "one"}), "Reading.number: \"one\" is not an Int"),
        ("readings", json!({"__typename": "Reading", "number": 1.5}), "Reading.number: 1.5 is not an Int"),
        ("readings", json!({"__typename": "Reading", "day": "today"}), "Reading.day: \"today\" is not a Date"),
        (
            "readings",
            json!({"__typename": "Reading", "grade": "low", "note": "x"}),
            "Reading.grade: \"low\" is not a value of Grade",
        ),
    ] {
        let [first, last] = good(bad["__typename"].as_str().unwrap_or_default());
        let keys = [first, bad.clone(), last];
        let told = wires.graphql(&keys).await;
        let (rows, Some((code, message))) = &told else { panic!("{bad}: {told:?}") };
        assert_eq!((rows, code.as_str()), (&[true, false, true], "INVALID_ARGUMENT"), "{bad}");
        assert!(message.starts_with(expected) && message.len() < 300, "{bad}: {message}");
        assert_eq!(wires.grpc(&keys).await, told, "{bad} over gRPC");
        if !path.is_empty() {
            assert_eq!(wires.rest(path, &keys).await, told, "{bad} over REST");
        }
    }
}

/// The key of another tenant is that of no row, and nothing tells the two apart.
#[tokio::test]
async fn the_key_of_another_tenant() {
    let (_database, wires) = wires().await;
    let [first, last] = good("Invoice");
    for number in [2, 99_999] {
        let keys = [first.clone(), json!({"__typename": "Invoice", "id": user_id(number)}), last.clone()];
        let none = ([true, false, true], None);
        assert_eq!(wires.graphql(&keys).await, none);
        assert_eq!(wires.rest("invoices", &keys).await, none);
        assert_eq!(wires.grpc(&keys).await, none);
    }
}

/// More than may be asked at once are refused before any is looked at.
#[tokio::test]
async fn a_hundred_thousand() {
    let (_database, wires) = wires().await;
    let many = |key: Json| Json::Array(vec![key; 100_000]);
    let query = "query($r: [_Any!]!) { _entities(representations: $r) { __typename } }";
    let body = json!({"query": query, "variables": {"r": many(json!({"__typename": "User"}))}});
    let answer = wires.post("/graphql", &body).await.json();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TOO_COMPLEX", "{answer}");
    let reply = wires.post("/rest/users/batch-get", &json!({"ids": many(json!("1"))})).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("TOO_COMPLEX")));
    let (code, reason, _) =
        wires.grpc.refusal("BatchGetEntities", json!({"keys": many(json!({"typename": "User"}))})).await;
    assert_eq!((code, reason.as_str()), (tonic::Code::ResourceExhausted, "TOO_COMPLEX"));
}
