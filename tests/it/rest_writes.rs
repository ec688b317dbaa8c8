//! Writes over REST: what a body and a path become, and what is said of it.

use serde_json::{Value as Json, json};

use crate::harness::{self, Database};
use crate::http::Reply;
use crate::service::Api;
use crate::world::fields;
use crate::writing::{ANN, BOB, NOBODY, database, mutation, schema};

/// The writing world with the mutations that REST has routes of its own for.
pub fn rest_schema() -> Json {
    let mut schema = schema();
    let queries = schema["queries"].as_array_mut().unwrap();
    queries[0]["auto_params"] = json!(true);
    queries.push(json!({"name": "user", "return_type": "User", "returns_list": false, "nullable": true,
        "arguments": fields(&["id: ID!"]), "sql_source": "v_user"}));
    let mutations = schema["mutations"].as_array_mut().unwrap();
    let mut whole =
        mutation("replaceUser", "User", "fn_replace_user", &["id: ID!", "name: String!", "email: String!", "age: Int"]);
    whole["operation"] = json!("UPDATE");
    whole["rest"] = json!({"path": "/users/{id}", "method": "PUT"});
    mutations.push(whole);
    mutations.push(mutation("promoteUser", "User", "fn_promote_user", &["id: ID!", "by: Int"]));
    schema
}

const FUNCTIONS: &str = "\
    CREATE FUNCTION fn_replace_user(p_id uuid, p_name text, p_email text, p_age int4) RETURNS jsonb LANGUAGE plpgsql AS $$ \
    BEGIN UPDATE tb_user SET name = p_name, email = p_email, age = p_age WHERE id = p_id; \
    RETURN (SELECT data FROM v_user WHERE id = p_id); END $$; \
    CREATE FUNCTION fn_promote_user(p_id uuid, p_by int4 DEFAULT 1) RETURNS jsonb LANGUAGE plpgsql AS $$ \
    BEGIN UPDATE tb_user SET age = age + p_by WHERE id = p_id; \
    RETURN (SELECT data FROM v_user WHERE id = p_id); END $$;";

pub async fn api(more: &str) -> (Database, Api) {
    let database = database();
    database.execute(FUNCTIONS);
    let api = Api::with(&database, &rest_schema(), more).await;
    (database, api)
}

async fn send(api: &Api, method: &str, path: &str, headers: &[(&str, &str)], body: &Json) -> Reply {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    api.send(method, &format!("/rest{path}"), &all, body.as_bytes()).await
}

async fn count(database: &Database) -> i64 {
    harness::ask(&database.url(), "SELECT count(*) FROM tb_user").await.unwrap()
}

fn code(reply: &Reply) -> String {
    reply.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn one_row_is_created_changed_and_deleted() {
    let (database, api) = api("").await;
    let zoe = json!({"name": "Zoë", "email": "zoe@example.com", "posts": [{"postTitle": "Hi"}]});
    let made = send(&api, "POST", "/users?select=id,name,role,posts(title)", &[], &zoe).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let data = made.json()["data"].clone();
    assert_eq!(
        (&data["name"], &data["role"], &data["posts"]),
        (&json!("Zoë"), &json!("MEMBER"), &json!([{"title": "Hi"}]))
    );
    let place = made.header("location").unwrap().to_owned();
    assert_eq!(place, format!("/rest/users/{}", data["id"].as_str().unwrap()));
    assert_eq!(api.get(&format!("{place}?select=email")).await.json(), json!({"data": {"email": "zoe@example.com"}}));
    assert_eq!(made.header("cache-control"), Some("no-store"));

    let below = place.strip_prefix("/rest").unwrap();
    let patched = send(&api, "PATCH", below, &[], &json!({"age": null, "role": "ADMIN"})).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert_eq!((&patched.json()["data"]["age"], &patched.json()["data"]["role"]), (&json!(null), &json!("ADMIN")));
    let put = send(&api, "PUT", below, &[], &json!({"name": "Z", "email": "z@example.com"})).await;
    assert_eq!((put.status, code(&put)), (422, "VALIDATION_FAILED".to_owned()));
    assert_eq!(put.json()["error"]["details"]["missing"], json!(["age"]));
    let put = send(
        &api,
        "PUT",
        &format!("{below}?select=name,age"),
        &[],
        &json!({"name": "Z", "email": "z@example.com", "age": 3}),
    )
    .await;
    assert_eq!((put.status, put.json()), (200, json!({"data": {"name": "Z", "age": 3}})));
    let promoted = send(&api, "POST", &format!("{below}/promote?select=age"), &[], &json!({"by": 4})).await;
    assert_eq!((promoted.status, promoted.json()), (200, json!({"data": {"age": 7}})));
    let promoted = send(&api, "POST", &format!("{below}/promote?select=age"), &[], &Json::Null).await;
    assert_eq!(promoted.json(), json!({"data": {"age": 8}}));

    let deleted = send(&api, "DELETE", below, &[], &Json::Null).await;
    assert_eq!((deleted.status, deleted.text().len(), deleted.header("content-type")), (204, 0, None));
    assert_eq!(api.get(&place).await.status, 404);
    assert_eq!(count(&database).await, 2);
    let shown =
        send(&api, "DELETE", &format!("/users/{BOB}?select=id"), &[("prefer", "return=representation")], &Json::Null)
            .await;
    assert_eq!((shown.status, shown.json()), (200, json!({"data": {"id": BOB}})));
    assert_eq!(shown.header("preference-applied"), Some("return=representation"));
}

#[tokio::test]
async fn preferences() {
    let (database, api) = api("").await;
    let zoe = json!({"name": "Zoë", "email": "zoe@example.com"});
    let dry = send(&api, "POST", "/users?select=name", &[("prefer", "tx=rollback")], &zoe).await;
    assert_eq!((dry.status, dry.json()), (201, json!({"data": {"name": "Zoë"}})));
    assert_eq!(dry.header("preference-applied"), Some("tx=rollback"));
    assert_eq!(count(&database).await, 2);
    let minimal = send(&api, "POST", "/users", &[("prefer", "return=minimal")], &zoe).await;
    assert_eq!((minimal.status, minimal.text().len()), (201, 0));
    assert!(minimal.header("location").is_some());
    assert_eq!(minimal.header("preference-applied"), Some("return=minimal"));
    let minimal =
        send(&api, "PATCH", &format!("/users/{ANN}"), &[("prefer", "return=minimal")], &json!({"age": 1})).await;
    assert_eq!((minimal.status, minimal.text().len()), (204, 0));
    let absent =
        send(&api, "PATCH", &format!("/users/{NOBODY}"), &[("prefer", "return=minimal")], &json!({"age": 1})).await;
    assert_eq!((absent.status, code(&absent)), (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn what_is_refused() {
    let (database, api) = api("").await;
    let json_type = [("content-type", "application/json")];
    for (method, path, body, status, expected, part) in [
        ("POST", "/users".to_owned(), "{\"name\": \"x\"", 400, "INVALID_ARGUMENT", "not JSON"),
        ("POST", "/users".to_owned(), "3", 400, "INVALID_ARGUMENT", "an object is needed"),
        ("POST", "/users".to_owned(), "{\"name\": \"x\"}", 400, "INVALID_ARGUMENT", "email is missing"),
        (
            "POST",
            "/users".to_owned(),
            "{\"name\": null, \"email\": \"e\"}",
            400,
            "INVALID_ARGUMENT",
            "must not be null",
        ),
        (
            "POST",
            "/users".to_owned(),
            "{\"nmae\": \"x\", \"name\": \"x\", \"email\": \"e\"}",
            400,
            "INVALID_ARGUMENT",
            "did you mean \"name\"",
        ),
        (
            "POST",
            "/users".to_owned(),
            "{\"name\": \"x\", \"email\": \"e\", \"age\": 3000000000}",
            400,
            "INVALID_ARGUMENT",
            "32 bits",
        ),
        (
            "POST",
            "/users".to_owned(),
            "{\"name\": \"x\", \"email\": \"e\", \"role\": \"BOSS\"}",
            400,
            "INVALID_ARGUMENT",
            "not a value of Role",
        ),
        (
            "POST",
            "/users".to_owned(),
            "{\"name\": \"x\", \"email\": \"ann@example.com\"}",
            409,
            "CONFLICT",
            "belongs to somebody else",
        ),
        (
            "POST",
            "/users".to_owned(),
            "{\"name\": \"nobody\", \"email\": \"n\"}",
            422,
            "VALIDATION_FAILED",
            "not among those",
        ),
        (
            "POST",
            "/users?age=3".to_owned(),
            "{\"name\": \"x\", \"email\": \"e\"}",
            400,
            "INVALID_ARGUMENT",
            "no parameter \"age\"",
        ),
        ("PATCH", format!("/users/{ANN}"), "{\"id\": \"x\"}", 400, "INVALID_ARGUMENT", "stands in the path"),
        ("PATCH", "/users/7".to_owned(), "{\"age\": 1}", 400, "INVALID_ARGUMENT", "a value is not of the type"),
        ("PATCH", format!("/users/{ANN}"), "[{\"age\": 1}]", 400, "INVALID_ARGUMENT", "only a row that is created"),
        ("PATCH", format!("/users/{NOBODY}"), "{\"age\": 1}", 404, "NOT_FOUND", "no such row"),
        (
            "POST",
            "/raise".to_owned(),
            "{\"state\": \"P0001\", \"message\": \"words\", \"hint\": \"try tea\"}",
            422,
            "VALIDATION_FAILED",
            "words",
        ),
        ("POST", "/users/say".to_owned(), "{\"status\": \"not_found:user\"}", 404, "NOT_FOUND", "not_found:user"),
        ("POST", "/users/say".to_owned(), "{\"status\": \"banana\"}", 500, "INTERNAL", "the function of say failed"),
        ("POST", "/users/many".to_owned(), "{\"count\": 0}", 404, "NOT_FOUND", "many found nothing"),
        ("POST", "/users/many".to_owned(), "{\"count\": 2}", 500, "INTERNAL", "several rows where there may be one"),
        ("POST", "/die".to_owned(), "{}", 503, "UNAVAILABLE", "whether anything was changed is not known"),
        ("POST", "/users/register".to_owned(), "{\"email\": \"ann@example.com\"}", 409, "CONFLICT", "it is taken"),
        ("PATCH", "/users".to_owned(), "{\"age\": 1}", 400, "INVALID_ARGUMENT", "every row"),
        ("DELETE", "/users".to_owned(), "", 400, "INVALID_ARGUMENT", "every row"),
        ("PUT", "/users".to_owned(), "{}", 405, "METHOD_NOT_ALLOWED", "takes"),
    ] {
        let reply = api.send(method, &format!("/rest{path}"), &json_type, body.as_bytes()).await;
        let context = format!("{method} {path} {body}: {}", reply.text());
        assert_eq!((reply.status, code(&reply).as_str()), (status, expected), "{context}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains(part), "{context}");
    }
    let raised = send(&api, "POST", "/raise", &[], &json!({"state": "P0001", "message": "m", "hint": "try tea"})).await;
    assert_eq!(raised.json()["error"]["details"]["hint"], "try tea");
    let text = api.send("POST", "/rest/users", &[("content-type", "text/plain")], b"{}").await;
    assert_eq!((text.status, code(&text)), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    assert_eq!(count(&database).await, 2);
}

#[tokio::test]
async fn many_rows_are_created_at_once() {
    let (database, api) = api("[rest]\nmax_bulk_affected = 5\n").await;
    let people = |names: &[&str]| -> Json {
        names.iter().map(|name| json!({"name": name, "email": format!("{name}@example.com")})).collect()
    };
    let made = send(&api, "POST", "/users?select=name", &[], &people(&["a", "b", "c"])).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json(), json!({"data": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "meta": {"affected": 3}}));
    assert_eq!(made.header("x-rows-affected"), Some("3"));
    let lines = "{\"name\": \"d\", \"email\": \"d@example.com\"}\n\n{\"name\": \"e\", \"email\": \"e@example.com\", \"age\": 4}\n";
    let ndjson = [("content-type", "application/x-ndjson"), ("prefer", "return=minimal")];
    let made = api.send("POST", "/rest/users", &ndjson, lines.as_bytes()).await;
    assert_eq!((made.status, made.text().len(), made.header("x-rows-affected")), (201, 0, Some("2")));
    assert_eq!(count(&database).await, 7);
    // All of them or none.
    for (names, status) in [(["f", "nobody"], 422), (["f", "ann"], 409)] {
        let refused = send(&api, "POST", "/users", &[], &people(&names)).await;
        assert_eq!(refused.status, status, "{}", refused.text());
    }
    let refused = send(&api, "POST", "/users", &[], &people(&["1", "2", "3", "4", "5", "6"])).await;
    assert_eq!((refused.status, code(&refused)), (400, "TOO_COMPLEX".to_owned()));
    let refused = send(&api, "POST", "/users", &[], &json!([{"name": "g", "email": "g"}, {"name": 1}])).await;
    assert!(refused.json()["error"]["message"].as_str().unwrap().starts_with("[1]: "), "{}", refused.text());
    let none = send(&api, "POST", "/users", &[], &json!([])).await;
    assert_eq!((none.status, none.json()["data"].clone()), (201, json!([])));
    assert_eq!(count(&database).await, 7);
}

#[tokio::test]
async fn rows_that_a_filter_leaves_are_changed_and_deleted() {
    let (database, api) = api("[rest]\nmax_bulk_affected = 3\n").await;
    for n in 0..4 {
        database.execute(&format!("INSERT INTO tb_user (name, email, age) VALUES ('u{n}', 'u{n}@example.com', {n})"));
    }
    let changed = send(&api, "PATCH", "/users?age[lt]=2&select=name,role", &[], &json!({"role": "ADMIN"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let mut names: Vec<String> = changed.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["u0", "u1"]);
    assert_eq!(
        (changed.json()["meta"].clone(), changed.header("x-rows-affected")),
        (json!({"affected": 2}), Some("2"))
    );
    for (path, prefer) in [("/users?name[startsWith]=u", "return=minimal"), ("/users?age[lt]=3", "max-affected=2")] {
        let refused = send(&api, "DELETE", path, &[("prefer", prefer)], &Json::Null).await;
        assert_eq!((refused.status, code(&refused)), (400, "TOO_COMPLEX".to_owned()), "{path}");
    }
    let dry = send(&api, "DELETE", "/users?age[lt]=3", &[("prefer", "tx=rollback, max-affected=3")], &Json::Null).await;
    assert_eq!((dry.status, dry.header("x-rows-affected")), (204, Some("3")), "{}", dry.text());
    assert_eq!(dry.header("preference-applied"), Some("tx=rollback, max-affected"));
    assert_eq!(count(&database).await, 6);
    let gone = send(&api, "DELETE", "/users?age[lt]=3", &[], &Json::Null).await;
    assert_eq!((gone.status, gone.header("x-rows-affected")), (204, Some("3")), "{}", gone.text());
    assert_eq!(count(&database).await, 3);
    let none = send(&api, "DELETE", "/users?age[lt]=3", &[("prefer", "return=representation")], &Json::Null).await;
    assert_eq!((none.status, none.json()), (200, json!({"data": [], "meta": {"affected": 0}})));
    // One that fails undoes the others.
    database.execute("ALTER TABLE tb_user ADD CONSTRAINT old CHECK (age <> 77)");
    let refused = send(&api, "PATCH", "/users?age[gt]=2", &[], &json!({"age": 77})).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
}
