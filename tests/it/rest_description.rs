//! The OpenAPI description equals what is served: walked from either side, and pinned for the shop.

use fraiseql::config::{Config, Mode, Need, Overrides};
use fraiseql::schema::Schema;
use fraiseql::schema::routes::{OPENAPI_PATH, routes};
use fraiseql::server;
use serde_json::{Value as Json, json};

use crate::contracts::{pinned, shop};
use crate::harness::crate_path;
use crate::service::{Api, compiled};
use crate::world;

/// The world with a mutation of each kind, which this build describes and does not serve.
fn schema() -> Json {
    let mut schema = world::schema();
    schema["input_types"] = json!([{"name": "ThingInput", "fields": world::fields(&["name: String!", "size: Int"])}]);
    schema["queries"].as_array_mut().unwrap().push(json!({
        "name": "searchItems", "return_type": "Item", "returns_list": true, "auto_params": true,
        "arguments": [{"name": "tags", "type": "[String!]", "nullable": true}],
        "sql_source": "v_item", "rest": {"path": "/items/search", "method": "POST"}}));
    let mutation = |name: &str, operation: &str, arguments: &[&str]| {
        json!({"name": name, "return_type": "Thing", "operation": operation, "sql_source": "fn_x",
               "arguments": world::fields(arguments)})
    };
    schema["mutations"] = json!([
        mutation("createThing", "CREATE", &["input: ThingInput!"]),
        mutation("updateThing", "UPDATE", &["id: ID!", "name: String"]),
        mutation("deleteThing", "DELETE", &["id: ID!"]),
        mutation("shrinkThing", "CUSTOM", &["id: ID!", "by: Int"]),
    ]);
    schema
}

async fn api() -> (crate::harness::Database, Api) {
    let database = world::database();
    database.execute("CREATE FUNCTION fn_x(p_input jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'");
    let api = Api::with(&database, &schema(), "").await;
    (database, api)
}

#[tokio::test]
async fn every_operation_that_is_described_answers() {
    let (_database, api) = api().await;
    let described = api.get("/rest/openapi.json").await.json();
    let mut answered = 0;
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            // The list of the resource knows an id; a path without a list is asked for a row that is not there.
            let list = path.split('{').next().unwrap().trim_end_matches('/').to_owned();
            let first = api.get(&format!("/rest{list}?limit=1&select=id")).await;
            let id =
                first.json()["data"][0]["id"].as_str().unwrap_or("00000000-0000-0000-0000-000000000000").to_owned();
            let target = format!("/rest{}", path.replace("{id}", &id));
            let reply = api.send(&method.to_uppercase(), &target, &[], b"").await;
            let status = reply.status.to_string();
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key(&status) || [401].contains(&reply.status), "{method} {target}: {status}");
            assert!(![404, 405, 500].contains(&reply.status), "{method} {target}: {}", reply.text());
            answered += usize::from(reply.status == 200);
        }
    }
    assert!(answered >= 15, "{answered}");
}

#[tokio::test]
async fn every_route_that_is_served_is_described() {
    let (_database, api) = api().await;
    let described = api.get("/rest/openapi.json").await.json();
    let model = compiled(&schema()).model;
    let table = routes(&model);
    let mut described_count = 0;
    for route in &table {
        let operation = &described["paths"][&route.path][route.method.name().to_lowercase()];
        assert!(operation["operationId"].is_string(), "{} {}", route.method.name(), route.path);
        described_count += 1;
    }
    assert!(described["paths"][OPENAPI_PATH]["get"].is_object());
    let operations = described["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
    assert_eq!(operations.sum::<usize>(), described_count + 1, "nothing is described that is not served");

    let mut ids: Vec<&str> = Vec::new();
    for operation in
        described["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        ids.push(operation["operationId"].as_str().unwrap());
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "operation ids are unique");
}

#[tokio::test]
async fn a_query_that_is_sent_by_post() {
    let (_database, api) = api().await;
    let json = [("content-type", "application/json; charset=utf-8")];
    let ask = async |query: &str, body: &str| {
        api.send("POST", &format!("/rest/items/search{query}"), &json, body.as_bytes()).await
    };
    let found = ask("?select=name", "{\"limit\": 2, \"filter\": {\"size\": {\"eq\": 3}}, \"sort\": \"-name\"}").await;
    let same = api.get("/rest/items?select=name&size=3&sort=-name&limit=2").await;
    assert_eq!((found.status, &found.json()["data"]), (200, &same.json()["data"]));
    let tagged = ask("?select=tags&limit=1", "{\"tags\": [\"green\", \"odd one\"]}").await;
    assert_eq!(tagged.json()["data"], json!([{"tags": ["green", "odd one"]}]), "{}", tagged.text());
    assert_eq!(ask("", "").await.status, 200);
    assert_eq!(ask("?limit=1", "{\"limit\": 1}").await.status, 400);
    assert_eq!(ask("", "[1]").await.status, 400);
    assert_eq!(ask("", &format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20))).await.status, 413);
    let text = api.send("POST", "/rest/items/search", &[("content-type", "text/plain")], b"{}").await;
    assert_eq!((text.status, &text.json()["error"]["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")));
    // A path that is written out hides one with a parameter, as OpenAPI has it.
    assert_eq!(api.get("/rest/items/search").await.header("allow"), Some("POST, OPTIONS"));
}

/// Every parameter that a list describes is taken, with a value of its type.
#[tokio::test]
async fn every_parameter_that_is_described_is_taken() {
    let (_database, api) = api().await;
    let described = api.get("/rest/openapi.json").await.json();
    let mut taken = 0;
    for (path, select) in
        [("/items", ""), ("/itemsPaged", ""), ("/categories", "&select=name,items(name)"), ("/itemsBy", "")]
    {
        for parameter in described["paths"][path]["get"]["parameters"].as_array().unwrap() {
            let Some(name) = parameter["name"].as_str().filter(|name| parameter["in"] == "query" && *name != "select")
            else {
                continue;
            };
            let pairs: Vec<(String, String)> = match parameter["schema"]["properties"].as_object() {
                Some(members) => members
                    .iter()
                    .map(|(member, schema)| (format!("{name}[{member}]"), value(&described, name, schema)))
                    .collect(),
                None => vec![(name.to_owned(), value(&described, name, &parameter["schema"]))],
            };
            for (name, value) in pairs {
                let query = crate::rest_lists::query(&[(&name, &value)]);
                let reply = api.get(&format!("/rest{path}?{query}{select}")).await;
                assert_eq!(reply.status, 200, "{path}?{name}={value}: {}", reply.text());
                taken += 1;
            }
        }
    }
    assert!(taken > 150, "{taken}");
}

/// Some value that a schema allows, as it is written in a URL.
fn value(described: &Json, name: &str, schema: &Json) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return value(described, name, described.pointer(reference.trim_start_matches('#')).unwrap());
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.as_str().unwrap().to_owned();
    }
    let last = name.rsplit('.').next().unwrap();
    match (schema["type"].as_str(), schema["format"].as_str(), last) {
        (Some("boolean"), _, _) => "true".to_owned(),
        (_, _, "sort") => "name".to_owned(),
        (_, _, "filter") => "{}".to_owned(),
        (_, _, "and" | "or" | "not") => "(name[eq]=x)".to_owned(),
        // Of `itemsPaged` in its own order: the key.
        (_, _, "after" | "before") => "WzFd".to_owned(),
        (_, _, "size" | "total" | "weight" | "price" | "rank" | "age" | "qty") if schema["type"] == "string" => {
            "1".to_owned()
        }
        (_, _, "id" | "code") => "00000000-0000-0000-0000-000000000000".to_owned(),
        (_, _, "kind") => "SMALL".to_owned(),
        (_, _, "active") => "true".to_owned(),
        (_, _, "madeAt") => "2024-01-01T00:00:00Z".to_owned(),
        (_, _, "day") => "2024-01-01".to_owned(),
        (_, _, "at") => "10:00".to_owned(),
        (Some("integer" | "number"), _, _) => "1".to_owned(),
        (Some(_) | None, _, _) => "1".to_owned(),
    }
}

#[tokio::test]
async fn the_description_of_the_shop() {
    let model = shop().await;
    let schema = Schema::assumed(model);
    let overrides = Overrides { database_url: Some("postgres://localhost/shop".to_owned()), ..Overrides::default() };
    let file = crate_path("examples/shop/fraiseql.toml");
    let config = Config::load(&file, &|_| None, &overrides, Mode::Run, Need::Service).unwrap();
    let described = server::rest(&config, &schema).openapi(&schema);
    pinned("tests/contracts/openapi.json", &format!("{described:#}\n"));
}
