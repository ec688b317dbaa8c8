//! Fields that are computed from what other services say of an entity.

use serde_json::{Value as Json, json};

use crate::harness;
use crate::service::Api;
use crate::subgraph::{api, database, schema};

const ASK: &str = "query($r: [_Any!]!) { _entities(representations: $r) {
    ... on Person { email name average rank tags totalProducts profile { home: homePage } }
    ... on Package { id estimate } } }";

fn person(number: usize, total: Json) -> Json {
    json!({"__typename": "Person", "email": format!("person{number}@example.org"), "totalProducts": total,
           "yearsOfEmployment": 10, "profile": {"homePage": format!("https://{number}.example"), "grade": "HIGH"}})
}

async fn ask(api: &Api, representations: Json) -> (Json, Vec<(Json, String)>) {
    let (status, mut answer) = api.ask(ASK, json!({"r": representations})).await;
    assert_eq!(status, 200, "{answer:#}");
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    let errors = errors.iter().map(|error| (error["path"].clone(), error["message"].as_str().unwrap().to_owned()));
    (answer["data"]["_entities"].take(), errors.collect())
}

#[tokio::test]
async fn functions_of_representations() {
    let (database, api) = api().await;
    let answer = |number: usize, total: Json, average: Json, rank: Json| {
        json!({"email": format!("person{number}@example.org"), "name": format!("Person {number}"), "average": average,
               "rank": rank, "totalProducts": total, "profile": {"home": format!("https://{number}.example")},
               "tags": ["Person", format!("https://{number}.example"), "high"]})
    };
    let nobody = person(99, json!(1));
    let package = json!({"__typename": "Package", "id": "p", "price": "12.5", "weight": 2.25});
    let asked = json!([
        person(3, json!(1337)),
        nobody,
        person(1, json!(null)),
        package,
        person(3, json!(10)),
        person(3, json!(1337))
    ]);
    let first = answer(3, json!(1337), json!(134), json!(2674));
    let (data, errors) = ask(&api, asked).await;
    assert_eq!(errors, []);
    let estimate = json!({"id": "p", "estimate": 3.5});
    let expected = json!([
        first,
        null,
        answer(1, Json::Null, Json::Null, Json::Null),
        estimate,
        answer(3, json!(10), json!(1), json!(20)),
        first
    ]);
    assert_eq!(data, json!(expected));
    let calls = harness::ask(&database.url(), "SELECT last_value FROM calls").await.unwrap();
    assert_eq!(calls, 1, "a function that takes an array is called once for a batch");
}

#[tokio::test]
async fn what_is_required_and_missing() {
    let (_database, api) = api().await;
    let without = |name: &str| {
        let mut all = person(1, json!(5));
        all.as_object_mut().unwrap().shift_remove(name);
        all
    };
    let mut half = person(1, json!(5));
    half["profile"] = json!({"homePage": null});
    let mut odd = person(1, json!("many"));
    odd["yearsOfEmployment"] = json!([]);
    let mut unknown = person(1, json!(5));
    unknown["profile"]["nothing"] = json!(1);
    let mut nul = person(1, json!(5));
    nul["profile"]["homePage"] = json!("\u{0}");
    for (bad, expected) in [
        (without("totalProducts"), "Person.average requires totalProducts, which the representation lacks"),
        (without("profile"), "Person.tags requires profile, which the representation lacks"),
        (half, "Person.tags requires profile.grade, which the representation lacks"),
        (odd, "Person.totalProducts: \"many\" is not an Int (a whole number within 32 bits)"),
        (unknown, "Person.profile: Profile has no field \"nothing\""),
        (nul, "Person.profile.homePage: a text may not hold the character U+0000"),
    ] {
        let (data, errors) = ask(&api, json!([person(1, json!(20)), bad])).await;
        assert_eq!((&data[0]["average"], &data[1]), (&json!(2), &Json::Null));
        assert_eq!(errors, [(json!(["_entities", 1]), expected.to_owned())]);
    }
    // What is not asked for requires nothing.
    let query = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Person { name } } }";
    let data = api.data(query, json!({"r": [{"__typename": "Person", "email": "person2@example.org"}]})).await;
    assert_eq!(data["_entities"], json!([{"name": "Person 2"}]));
}

/// A function may refuse one representation; its statement fails, and that of everybody else does not.
#[tokio::test]
async fn what_a_function_refuses() {
    let (_database, api) = api().await;
    let with = |number: usize, total: i64, years: i64| {
        let mut person = person(number, json!(total));
        person["yearsOfEmployment"] = json!(years);
        person
    };
    let mut asked: Vec<Json> = (0..40).map(|at| with(1 + at % 3, at as i64 * 10, 10)).collect();
    // Called for each, and called once for all of them.
    asked[7] = with(1, 7, 0);
    asked[8] = with(2, 8, 0);
    asked[30] = with(3, 2_000_000_000, 10);
    let messages =
        [(7, "a number was divided by zero"), (8, "a number was divided by zero"), (30, "a number is out of range")];

    let (data, errors) = ask(&api, json!(asked)).await;
    let expected = messages.map(|(index, message)| (json!(["_entities", index]), message.to_owned()));
    assert_eq!(errors, expected);
    for (at, person) in data.as_array().unwrap().iter().enumerate() {
        let refused = messages.iter().any(|(index, _)| *index == at);
        assert_eq!(person["average"], if refused { Json::Null } else { json!(at) }, "{at}: {person}");
    }

    let keys: Vec<Json> = asked
        .iter()
        .cloned()
        .map(|mut key| {
            key.as_object_mut().unwrap().shift_remove("__typename");
            key
        })
        .collect();
    let body = json!({"keys": keys, "select": "average,rank"}).to_string();
    let headers = [("content-type", "application/json")];
    let answer = api.send("POST", "/rest/people/batch-get", &headers, body.as_bytes()).await.json();
    let expected =
        messages.map(|(index, message)| json!({"index": index, "code": "INVALID_ARGUMENT", "message": message}));
    assert_eq!(answer["errors"], json!(expected));
    assert_eq!((&answer["data"][7], &answer["data"][9]), (&Json::Null, &json!({"average": 9, "rank": 180})));

    // Each for a reason of its own; of many that all fail, for the one that the whole has failed for.
    let (data, errors) = ask(&api, json!([with(1, 1, 0), with(2, 2_000_000_000, 10)])).await;
    let reasons = ["a number was divided by zero", "a number is out of range"];
    let own = [0, 1].map(|index| (json!(["_entities", index]), reasons[index].to_owned()));
    assert_eq!((data, errors.as_slice()), (json!([null, null]), &own[..]));
    let all: Vec<Json> = (0..100).map(|at| with(1 + at % 3, at as i64, 0)).collect();
    let (data, errors) = ask(&api, json!(all)).await;
    assert!(data.as_array().unwrap().iter().all(Json::is_null));
    assert_eq!((errors.len(), errors[99].1.as_str()), (100, reasons[0]));
}

/// A row that has come before the one that fails is told of as any other.
#[tokio::test]
async fn what_a_view_refuses() {
    let (database, api) = api().await;
    let fails_for_the_third = "CREATE OR REPLACE VIEW v_parcel AS SELECT 'parcel' || n AS id, \
         'Parcel ' || n || CASE WHEN n = 3 THEN (1 / (n - 3))::text ELSE '' END AS label, NULL::text AS broken \
         FROM generate_series(1, 5) n";
    database.execute(fails_for_the_third);
    let query = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Parcel { label broken } } }";
    let parcels: Vec<Json> = (1..=5).map(|n| json!({"__typename": "Parcel", "id": format!("parcel{n}")})).collect();
    let (status, answer) = api.ask(query, json!({"r": parcels})).await;
    assert_eq!((status, &answer["data"]["_entities"]), (200, &json!([null, null, null, null, null])), "{answer:#}");
    let mut found: Vec<(Json, Json)> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["path"][1].clone(), error["extensions"]["code"].clone()))
        .collect();
    found.sort_by_key(|(index, _)| index.as_u64());
    let code = |index: u64| if index == 2 { "BAD_USER_INPUT" } else { "DATA_MISMATCH" };
    let expected: Vec<(Json, Json)> = (0..5).map(|index| (json!(index), json!(code(index)))).collect();
    assert_eq!(found, expected, "{answer:#}");
}

#[tokio::test]
async fn outside_of_entities() {
    let (_database, api) = api().await;
    let (code, message) = api.refusal("{ people(limit: 1) { average } }", Json::Null).await;
    assert_eq!(code, "BAD_USER_INPUT");
    assert!(message.contains("comes from what other services say of it"), "{message}");
    let data = api
        .data("{ people(limit: 1, where: {email: {eq: \"person1@example.org\"}}) { name totalProducts } }", Json::Null)
        .await;
    assert_eq!(data["people"], json!([{"name": "Person 1", "totalProducts": null}]));
    let row = api.get("/rest/people?email=person1@example.org").await.json();
    assert_eq!(row["data"][0]["name"], "Person 1", "{row}");
}

/// By what is computed, or stands elsewhere, nothing is found or ordered: no wire offers it, and whoever asks is told.
#[tokio::test]
async fn nothing_is_found_by_them() {
    let (_database, api) = api().await;
    let described = api.get("/rest/openapi.json").await.json();
    let parameters = described["paths"]["/people"]["get"]["parameters"].as_array().unwrap();
    let named = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name);
    for computed in ["average", "rank", "tags"] {
        assert_eq!(named(computed), None);
    }
    assert!(named("name").is_some() && !named("sort").unwrap().to_string().contains("average"));
    for query in [
        "{ people(where: {average: {gt: 1}}) { name } }",
        "{ people(orderBy: [{average: ASC}]) { name } }",
        "{ people(where: {totalProducts: {gt: 1}}) { name } }",
        "{ people(orderBy: [{totalProducts: ASC}]) { name } }",
    ] {
        let (code, message) = api.refusal(query, Json::Null).await;
        assert!(["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"].contains(&code.as_str()), "{query}: {code} {message}");
    }
    for path in [
        "average[gt]=1",
        "average=1",
        "sort=average",
        "totalProducts[gt]=1",
        "sort=totalProducts",
        "filter={\"average\":{\"gt\":1}}",
        "filter={\"tags\":{\"isNull\":true}}",
        "filter={\"profile\":{\"homePage\":{\"eq\":\"x\"}}}",
    ] {
        let reply = api.get(&format!("/rest/people?{}", path.replace('"', "%22"))).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("INVALID_ARGUMENT")), "{path}");
    }
}

#[tokio::test]
async fn functions_that_do_not_fit() {
    for (signature, expected) in [
        ("fn_average(a int) RETURNS int", "has to take a representation as one jsonb"),
        ("fn_average(a jsonb, b int) RETURNS int", "has to take a representation as one jsonb"),
        ("fn_average(a jsonb) RETURNS text", "returns text"),
        ("fn_average(a jsonb) RETURNS SETOF int", "not a set"),
        ("fn_average(a jsonb[]) RETURNS int", "takes an array and has to return one"),
        ("fn_average(a jsonb, OUT b int, OUT c int)", "has to return one value, not a row"),
    ] {
        let database = database();
        let sql = format!("CREATE FUNCTION {signature} LANGUAGE plpgsql AS $$ BEGIN END $$");
        database.execute(&format!("DROP FUNCTION fn_average; {sql}"));
        let problem = refused(&database.url()).await;
        assert!(
            problem.contains("Person.average is computed by it") && problem.contains(expected),
            "{signature}: {problem}"
        );
    }
    let database = database();
    database.execute("DROP FUNCTION fn_average");
    assert!(refused(&database.url()).await.contains("there is no such function"));
    database.execute("CREATE FUNCTION fn_average(a jsonb) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION fn_average(a jsonb[]) RETURNS int[] LANGUAGE sql AS 'SELECT ARRAY[1]'");
    assert!(refused(&database.url()).await.contains("there are several functions"));
}

async fn refused(url: &str) -> String {
    use fraiseql::server::{Refusal, Service, workers};
    let config = crate::service::config(url, "");
    match Service::open(&config, &crate::service::compiled(&schema()), workers(), &Default::default()).await {
        Err(Refusal::Problems(problems)) => format!("{problems:?}"),
        Err(Refusal::Unreachable(reason)) => panic!("{reason}"),
        Ok(_) => String::new(),
    }
}
