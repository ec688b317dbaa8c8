//! Who may do what: tokens on the wire, roles, scopes, injected claims, and the policies of PostgreSQL.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::harness::{Database, crate_path};
use crate::http::Reply;
use crate::service::Api;
use crate::tokens::{AUTH, bearer, in_secs, issuer, published_token, token};
use crate::world::{self, fields, list};

const TYPENAME: &str = "{ __typename }";

async fn ask(api: &Api, query: &str, authorization: Option<&str>) -> Reply {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    api.post(&json!({"query": query}), &headers).await
}

/// The data of an answer without errors.
#[track_caller]
fn data(reply: Reply) -> Json {
    let mut answer = reply.json();
    assert!(reply.status == 200 && answer.get("errors").is_none(), "{} {answer:#}", reply.status);
    answer["data"].take()
}

/// The code of the only error of an answer.
#[track_caller]
fn code(reply: &Reply) -> String {
    let answer = reply.json();
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer:#}");
    answer["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned()
}

/// Values of `Authorization` for the audience `shop`, and why each is not heard: `None` when it is.
fn callers() -> Vec<(String, Option<&'static str>)> {
    let shop = |more: Json| {
        let mut claims = json!({"aud": "shop"});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let held = bearer(shop(json!({})));
    let backwards: String = token(json!({})).chars().rev().collect();
    vec![
        (held.clone(), None),
        (held.replace("Bearer", "bearer"), None),
        (bearer(shop(json!({"exp": in_secs(-60)}))), Some("the token has expired")),
        (bearer(shop(json!({"nbf": in_secs(60)}))), Some("the token is not valid yet")),
        (bearer(json!({"aud": "else"})), Some("the token is for another audience")),
        (bearer(json!({})), Some("the token is for another audience")),
        (format!("{held}AAAA"), Some("the signature of the token is wrong")),
        (format!("Bearer {}", published_token(shop(json!({})))), Some("with an algorithm that is not accepted")),
        (format!("Bearer {backwards}"), Some("the token is malformed")),
        ("Bearer".to_owned(), Some("the header Authorization is not Bearer and a token")),
        ("Basic dTpw".to_owned(), Some("the header Authorization is not Bearer and a token")),
    ]
}

#[tokio::test]
async fn who_is_heard() {
    let (_database, api) = world::api_with(&format!("{AUTH}audience = [\"shop\"]\n")).await;
    assert_eq!(ask(&api, TYPENAME, None).await.status, 200);
    for (authorization, refused) in callers() {
        let reply = ask(&api, TYPENAME, Some(&authorization)).await;
        let Some(message) = refused else {
            assert_eq!(reply.status, 200, "{authorization}");
            continue;
        };
        assert_eq!((reply.status, code(&reply)), (401, "UNAUTHENTICATED".to_owned()), "{authorization}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        let answer = reply.json();
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(message), "{authorization}\n{answer}");
        assert!(answer.get("data").is_none() && answer.get("error").is_none(), "{answer}");
        let rest = api.send("GET", "/rest/items", &[("authorization", &authorization)], b"").await;
        assert_eq!((rest.status, &rest.json()["error"]["code"]), (401, &json!("UNAUTHENTICATED")));
        assert!(rest.json().get("errors").is_none());
        assert_eq!(rest.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        // The same on every path but those that operators look at.
        let headers = [("authorization", authorization.as_str())];
        let elsewhere = api.send("GET", "/nowhere", &headers, b"").await;
        assert_eq!((elsewhere.status, &elsewhere.json()["error"]["code"]), (401, &json!("UNAUTHENTICATED")));
        assert_eq!(elsewhere.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        for path in ["/health", "/ready"] {
            assert_eq!(api.send("GET", path, &headers, b"").await.status, 200);
        }
        let token = authorization.split_once(' ').map_or("", |(_, token)| token);
        let shown = !token.is_empty() && (reply.text().contains(token) || elsewhere.text().contains(token));
        assert!(!shown, "the token is shown");
    }
}

#[tokio::test]
async fn nobody_is_heard_without_a_token_where_one_is_required() {
    let more = format!("cors.origins = [\"*\"]\n{AUTH}required = true\n[graphql]\nintrospection = true\n");
    let (_database, api) = world::api_with(&more).await;
    for query in [TYPENAME, "{ __schema { queryType { name } } }", "{ items { id } }", "{"] {
        let reply = ask(&api, query, None).await;
        assert_eq!((reply.status, code(&reply)), (401, "UNAUTHENTICATED".to_owned()), "{query}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    for path in ["/nowhere", "/", "/graphql", "/rest/items", "/rest/openapi.json"] {
        let reply = api.get(path).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")), "{path}");
    }
    assert_eq!((api.get("/health").await.status, api.get("/ready").await.status), (200, 200));
    let preflight = [("origin", "https://app.example"), ("access-control-request-method", "POST")];
    for path in ["/graphql", "/rest/items"] {
        assert_eq!(api.send("OPTIONS", path, &preflight, b"").await.status, 204, "{path}");
    }
    assert_eq!(ask(&api, TYPENAME, Some(&bearer(json!({})))).await.status, 200);
    // A media type of the client's choice, even when it is none.
    for (accept, media) in
        [("application/graphql-response+json", "application/graphql-response+json"), ("image/png", "application/json")]
    {
        let reply = api.post(&json!({"query": TYPENAME}), &[("accept", accept)]).await;
        assert_eq!(reply.status, 401);
        assert!(reply.header("content-type").unwrap().starts_with(media), "{accept}");
    }
}

#[tokio::test]
async fn without_a_key_everybody_is_nobody() {
    let (_database, api) = world::api().await;
    for (authorization, _) in callers() {
        assert_eq!(ask(&api, TYPENAME, Some(&authorization)).await.status, 200);
        let reply = ask(&api, "{ adminSecrets { name } }", Some(&authorization)).await;
        assert_eq!(code(&reply), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn published_keys() {
    let url = issuer().await;
    let (_database, api) = world::api_with(&format!("[auth]\njwks_url = \"{url}\"\n")).await;
    let query = "{ adminSecrets(limit: 1) { name } }";
    let admin = format!("Bearer {}", published_token(json!({"roles": ["admin"]})));
    assert_eq!(data(ask(&api, query, Some(&admin)).await), json!({"adminSecrets": [{"name": "Secret 1"}]}));
    let other = ask(&api, query, Some(&bearer(json!({"roles": ["admin"]})))).await;
    assert_eq!((other.status, code(&other)), (401, "UNAUTHENTICATED".to_owned()));
}

#[tokio::test]
async fn roles() {
    let (_database, api) = world::api_with(AUTH).await;
    let query = "{ adminSecrets(limit: 1, orderBy: [{name: ASC}]) { name } }";
    let one = json!({"adminSecrets": [{"name": "Secret 1"}]});
    for held in [json!(["admin"]), json!(["x", "admin"]), json!("admin"), json!("x admin"), json!("x,admin")] {
        assert_eq!(data(ask(&api, query, Some(&bearer(json!({"roles": held})))).await), one, "{held}");
    }
    for held in
        [json!(["Admin"]), json!(["x"]), json!("administrator"), json!({"admin": true}), json!(null), json!(true)]
    {
        let reply = ask(&api, query, Some(&bearer(json!({"roles": held, "scope": "admin"})))).await;
        assert_eq!(code(&reply), "FORBIDDEN", "{held}");
    }
    assert_eq!(code(&ask(&api, query, None).await), "UNAUTHENTICATED");
    let nested = format!("{AUTH}roles_claim = \"realm_access.roles\"\n");
    let (_database, api) = world::api_with(&nested).await;
    let held = json!({"realm_access": {"roles": ["admin"]}});
    assert_eq!(data(ask(&api, query, Some(&bearer(held))).await), one);
    assert_eq!(code(&ask(&api, query, Some(&bearer(json!({"roles": ["admin"]})))).await), "FORBIDDEN");
}

/// What a caller with some scopes is told about every way to ask for a guarded field: its own first, then
/// those of others, again and again, so that a plan that was kept for one would show in the answer of another.
#[tokio::test]
async fn scopes_and_the_plans_that_are_kept_for_them() {
    let (_database, api) = world::api_with(AUTH).await;
    let rows = |field: &str, value: &str| json!({"secrets": [{"name": "Secret 1", field: value}]});
    let nulls = |field: &str| json!({"secrets": [{"name": "Secret 1", field: null}]});
    let read = |field: &str| format!("{{ secrets(limit: 1, orderBy: [{{name: ASC}}]) {{ name {field} }} }}");
    let compare = |field: &str| {
        format!("{{ secrets(where: {{{field}: {{eq: \"{field} 1\"}}}}, orderBy: [{{{field}: ASC}}]) {{ name }} }}")
    };
    let some = |scope: &str| Some(bearer(json!({"scope": scope})));
    let callers = [
        (None, false, false, "UNAUTHENTICATED"),
        (some("read:other"), false, false, "FORBIDDEN"),
        (some("read:masked"), true, false, "FORBIDDEN"),
        (some("read:rejected"), false, true, "FORBIDDEN"),
        (some("read:masked read:rejected"), true, true, ""),
    ];
    for _ in 0..3 {
        for (authorization, masked, rejected, refusal) in &callers {
            let ask = async |query: &str| ask(&api, query, authorization.as_deref()).await;
            let found = data(ask(&read("masked")).await);
            assert_eq!(found, if *masked { rows("masked", "masked 1") } else { nulls("masked") }, "{authorization:?}");
            let reply = ask(&read("rejected")).await;
            match rejected {
                true => assert_eq!(data(reply), rows("rejected", "rejected 1")),
                false => assert_eq!(code(&reply), *refusal),
            }
            for (field, allowed) in [("masked", *masked), ("rejected", *rejected)] {
                let reply = ask(&compare(field)).await;
                match allowed {
                    true => assert_eq!(data(reply), json!({"secrets": [{"name": "Secret 1"}]})),
                    false => assert_eq!(code(&reply), *refusal, "{field} {authorization:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn injected_claims() {
    let (_database, api) = world::api_with(AUTH).await;
    let query = "{ tenantSecrets { name } }";
    for n in [1, 2, 3, 1] {
        let tenant = bearer(json!({"tenant_id": format!("tenant-{n}")}));
        let own = json!({"tenantSecrets": [{"name": format!("Secret {n}")}]});
        assert_eq!(data(ask(&api, query, Some(&tenant)).await), own);
        let rest = api.send("GET", "/rest/tenantSecrets?select=name", &[("authorization", &tenant)], b"").await;
        assert_eq!((rest.status, &rest.json()["data"]), (200, &own["tenantSecrets"]));
        // Asking for more does not show more.
        let all =
            "{ tenantSecrets(where: {or: [{name: {isNull: false}}, {name: {isNull: true}}]}, limit: 9) { name } }";
        assert_eq!(data(ask(&api, all, Some(&tenant)).await), own);
    }
    let none = json!({"tenantSecrets": []});
    for other in
        [json!("tenant-4"), json!(1), json!(""), json!("' OR true --"), json!(["tenant-1"]), json!({"a": "tenant-1"})]
    {
        assert_eq!(data(ask(&api, query, Some(&bearer(json!({"tenant_id": other})))).await), none, "{other}");
    }
    for missing in [json!({}), json!({"tenant_id": null})] {
        assert_eq!(code(&ask(&api, query, Some(&bearer(missing))).await), "FORBIDDEN");
    }
    assert_eq!(code(&ask(&api, query, None).await), "UNAUTHENTICATED");
}

/// The schema and the settings of `identity/tables.sql`.
async fn notes(more: &str) -> (Database, Api) {
    let database = Database::loaded(&[crate_path("tests/it/identity/tables.sql")]);
    let schema = json!({
        "types": [{"name": "Note", "sql_source": "v_note", "fields": fields(&["id: ID!", "tenantId: String!", "text: String!"])}],
        "queries": [list("notes", "Note", "v_note")],
        "mutations": [], "subscriptions": [], "input_types": [], "enums": [], "interfaces": [], "unions": [],
    });
    let more = format!("{AUTH}[[session_variables]]\nname = \"app.tenant_id\"\n{more}");
    let api = Api::with(&database, &schema, &more).await;
    (database, api)
}

/// Few connections, many callers of two tenants at once, and some of none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_hold_for_a_thousand_at_once() {
    let more = "claim = \"tenant_id\"\n[database]\npool_max = 3\nstream_connections = 1\n";
    let (_database, api) = notes(more).await;
    let api = Arc::new(api);
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let api = api.clone();
        asked.spawn(async move {
            let tenant = ["even", "odd"].get(n % 3).copied();
            // A sixth of the questions is new to the service, so that statements are prepared in between.
            let query = match n % 6 {
                0 => format!("{{ notes(limit: {}) {{ tenantId text }} }}", 20 + n % 7),
                1 => format!("{{ a{n}: notes {{ tenantId text }} }}"),
                _ => "{ notes { tenantId text } }".to_owned(),
            };
            let authorization = tenant.map(|tenant| bearer(json!({"tenant_id": tenant})));
            let answer = data(ask(&api, &query, authorization.as_deref()).await);
            let (_, notes) = answer.as_object().unwrap().iter().next().unwrap();
            let notes = notes.as_array().unwrap();
            assert_eq!(notes.len(), if tenant.is_some() { 20 } else { 0 }, "{query} {tenant:?}");
            assert!(notes.iter().all(|note| note["tenantId"].as_str() == tenant), "{query} {tenant:?}");
        });
    }
    while let Some(done) = asked.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn session_variables_from_a_header_and_from_a_nested_claim() {
    let count = |reply: Reply| data(reply)["notes"].as_array().unwrap().len();
    let query = "{ notes { text } }";
    let (_database, api) = notes("header = \"X-Tenant\"\n").await;
    for (tenant, expected) in [("odd", 20), ("none", 0), ("even", 20)] {
        assert_eq!(count(api.post(&json!({"query": query}), &[("x-tenant", tenant)]).await), expected, "{tenant}");
    }
    assert_eq!(count(ask(&api, query, None).await), 0);
    let (_database, api) = notes("claim = \"https://a.example/app.tenant\"\n").await;
    let claims = json!({"https://a.example/app": {"tenant": "even"}});
    assert_eq!(count(ask(&api, query, Some(&bearer(claims))).await), 20);
    assert_eq!(count(ask(&api, query, Some(&bearer(json!({"tenant": "even"})))).await), 0);
}
