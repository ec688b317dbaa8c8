//! `Idempotency-Key`: the same request happens once, across replicas and restarts.

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use crate::harness::{self, Database, postgres};
use crate::http::Reply;
use crate::rest_writes::api;
use crate::service::Api;
use crate::writing::{ANN, database, schema};

async fn post(api: &Api, key: &str, body: &Json) -> Reply {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    api.send("POST", "/rest/users", &headers, body.to_string().as_bytes()).await
}

async fn count(database: &Database) -> i64 {
    harness::ask(&database.url(), "SELECT count(*) FROM tb_user").await.unwrap()
}

fn person(name: &str) -> Json {
    json!({"name": name, "email": format!("{name}@example.com")})
}

#[tokio::test]
async fn an_answer_is_given_again() {
    for more in ["", "[[session_variables]]\nname = \"app.x\"\nvalue = \"y\"\n"] {
        let (database, api) = api(more).await;
        let first = post(&api, "k1", &person("a")).await;
        assert_eq!((first.status, first.header("idempotency-key")), (201, None), "{}", first.text());
        // The same server, another one over the same database, and with a body that is spelled the same.
        let other = Api::with(&database, &crate::rest_writes::rest_schema(), more).await;
        for api in [&api, &other] {
            let again = post(api, "k1", &person("a")).await;
            assert_eq!((again.status, again.text()), (first.status, first.text()));
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.header("idempotency-key"), Some("replayed=true"));
        }
        assert_eq!(count(&database).await, 3);
        let stolen = post(&api, "k1", &person("b")).await;
        assert_eq!((stolen.status, &stolen.json()["error"]["code"]), (422, &json!("VALIDATION_FAILED")));
        assert!(stolen.text().contains("belongs to another request"));
        assert_eq!(post(&api, "k2", &person("b")).await.status, 201);
        assert_eq!(count(&database).await, 4);
    }
}

#[tokio::test]
async fn a_refusal_is_kept_and_what_rolled_back_is_not() {
    let (database, api) = api("").await;
    let taken = json!({"name": "x", "email": "ann@example.com"});
    let first = post(&api, "k1", &taken).await;
    assert_eq!(first.status, 409, "{}", first.text());
    database.execute("UPDATE tb_user SET email = 'other@example.com' WHERE name = 'Ann'");
    let again = post(&api, "k1", &taken).await;
    assert_eq!((again.status, again.header("idempotency-key")), (409, Some("replayed=true")));
    assert_eq!(again.json()["error"]["message"], first.json()["error"]["message"]);
    assert_eq!(post(&api, "k2", &taken).await.status, 201);
    // An exception undid everything, the key with it.
    assert_eq!(post(&api, "k3", &person("nobody")).await.status, 422);
    database.execute("ALTER TABLE tb_user DROP CONSTRAINT tb_user_name_check");
    let now = post(&api, "k3", &person("nobody")).await;
    assert_eq!((now.status, now.header("idempotency-key")), (201, None), "{}", now.text());
}

#[tokio::test]
async fn many_at_the_same_time_run_once() {
    let (database, api) = api("").await;
    let other = Api::with(&database, &crate::rest_writes::rest_schema(), "").await;
    let body = person("a");
    let all = join_all((0..20).map(|n| post(if n % 2 == 0 { &api } else { &other }, "same", &body))).await;
    let fresh = all.iter().filter(|reply| reply.header("idempotency-key").is_none()).count();
    assert_eq!(fresh, 1);
    assert!(all.iter().all(|reply| reply.status == 201 && reply.text() == all[0].text()));
    assert_eq!(count(&database).await, 3);
}

#[tokio::test]
async fn keys_expire_and_belong_to_a_path() {
    let (database, api) = api("[rest]\nidempotency_ttl_secs = 60\n").await;
    let key = [("content-type", "application/json"), ("idempotency-key", "k")];
    let promote = format!("/rest/users/{ANN}/promote?select=age");
    for age in [31, 31] {
        let reply = api.send("POST", &promote, &key, b"").await;
        assert_eq!(reply.json(), json!({"data": {"age": age}}));
    }
    assert_eq!(post(&api, "k", &person("a")).await.status, 201);
    database.execute("UPDATE fraiseql.idempotency SET kept_at = now() - interval '61 seconds'");
    assert_eq!(api.send("POST", &promote, &key, b"").await.json(), json!({"data": {"age": 32}}));
    let kept = harness::ask(&database.url(), "SELECT count(*) FROM fraiseql.idempotency").await.unwrap();
    assert_eq!(kept, 1, "what has expired is cleared away");
    for bad in ["", &"k".repeat(256)] {
        assert_eq!(post(&api, bad, &person("c")).await.status, 400);
    }
}

#[tokio::test]
async fn a_role_that_may_not_make_the_table_is_told_what_to_run() {
    let database = database();
    let role = format!("limited_{}", database.name());
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT USAGE ON SCHEMA app TO {role}; \
         GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
    ));
    let url = postgres().url(database.name()).replacen("postgres@", &format!("{role}@"), 1);
    let api = Api::at(&url, &schema(), "").await;
    let headers = [("content-type", "application/json")];
    let plain = api.send("POST", "/rest/users", &headers, person("a").to_string().as_bytes()).await;
    assert_eq!(plain.status, 201, "{}", plain.text());
    let keyed = post(&api, "k", &person("b")).await;
    assert_eq!((keyed.status, &keyed.json()["error"]["code"]), (501, &json!("UNIMPLEMENTED")), "{}", keyed.text());
    assert!(keyed.text().contains("CREATE TABLE IF NOT EXISTS fraiseql.idempotency"), "{}", keyed.text());
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
