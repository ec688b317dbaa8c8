//! `[auth] hide_forbidden`: what a caller may not use is not there, on any wire.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::harness::Database;
use crate::http::Reply;
use crate::service::Api;
use crate::tokens::{AUTH, bearer};
use crate::world;

async fn hiding() -> (Database, Api) {
    world::api_with(&format!("[graphql]\nintrospection = true\n{AUTH}hide_forbidden = true\n")).await
}

async fn ask(api: &Api, query: &str, authorization: Option<&str>) -> Json {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    api.post(&json!({"query": query}), &headers).await.json()
}

async fn get(api: &Api, path: &str, authorization: Option<&str>) -> Reply {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    api.send("GET", path, &headers, b"").await
}

fn names(list: &Json) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// Callers, and what each sees of three root fields and of one field that a scope rejects.
fn callers() -> [(Option<String>, [bool; 4]); 4] {
    let some = |claims: Json| Some(bearer(claims));
    [
        (None, [true, false, false, false]),
        (some(json!({"roles": ["admin"]})), [true, true, false, false]),
        (some(json!({"tenant_id": "tenant-1"})), [true, false, true, false]),
        (some(json!({"roles": ["admin"], "tenant_id": "tenant-1", "scope": "read:rejected"})), [true; 4]),
    ]
}

#[tokio::test]
async fn descriptions_show_what_the_caller_may_use() {
    let (_database, api) = hiding().await;
    // Twice, so that what was built for one caller would show in the answer of another.
    for (authorization, [secrets, admin, tenant, rejected]) in callers().into_iter().chain(callers()) {
        let authorization = authorization.as_deref();
        let query = "{ __schema { queryType { fields { name } } } __type(name: \"Secret\") { fields { name } } \
                     filter: __type(name: \"SecretWhereInput\") { inputFields { name } } }";
        let answer = ask(&api, query, authorization).await;
        let roots = names(&answer["data"]["__schema"]["queryType"]["fields"]);
        let shown = ["secrets", "adminSecrets", "tenantSecrets"].map(|name| roots.contains(name));
        assert_eq!(shown, [secrets, admin, tenant], "{answer:#}");
        for fields in [&answer["data"]["__type"]["fields"], &answer["data"]["filter"]["inputFields"]] {
            assert_eq!(names(fields).contains("rejected"), rejected, "{fields:#}");
        }
        let openapi = get(&api, "/rest/openapi.json", authorization).await.text();
        let shown = ["/secrets", "/adminSecrets", "/tenantSecrets"].map(|path| openapi.contains(&format!("{path:?}")));
        assert_eq!(shown, [secrets, admin, tenant], "{openapi}");
        assert_eq!(openapi.contains("rejected"), rejected, "{openapi}");
    }
}

#[tokio::test]
async fn what_is_hidden_is_unknown_and_the_rest_is_answered() {
    let (_database, api) = hiding().await;
    let admin = bearer(json!({"roles": ["admin"]}));
    let hidden = ask(&api, "{ adminSecret { id } }", None).await;
    let never = ask(&api, "{ noSecretAtAll { id } }", None).await;
    assert_eq!(hidden["errors"][0]["extensions"], never["errors"][0]["extensions"]);
    for query in
        ["{ adminSecrets { id } }", "{ secrets { rejected } }", "{ secrets(where: {rejected: {eq: \"a\"}}) { id } }"]
    {
        let answer = ask(&api, query, None).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{answer}");
        let text = answer.to_string().replace(query, "");
        assert!(!text.contains("did you mean"), "{text}");
    }
    assert_eq!(get(&api, "/rest/adminSecrets", None).await.status, 404);
    assert_eq!(get(&api, "/rest/secrets?select=rejected", None).await.status, 400);

    for _ in 0..2 {
        let answer = ask(&api, "{ secrets { name masked } }", None).await;
        assert!(answer.get("errors").is_none() && answer["data"]["secrets"][0]["masked"].is_null(), "{answer}");
        let answer = ask(&api, "{ adminSecrets { name } }", Some(&admin)).await;
        assert_eq!(answer["data"]["adminSecrets"].as_array().map(Vec::len), Some(3), "{answer}");
    }
}

#[cfg(feature = "grpc-transport")]
#[tokio::test]
async fn reflection_shows_what_the_caller_may_use_under_the_same_numbers() {
    use crate::grpc::Client;

    let (_database, api) = hiding().await;
    let anonymous = Client::of(&api).await;
    let whole = bearer(json!({"roles": ["admin"], "tenant_id": "tenant-1", "scope": "read:rejected read:masked"}));
    let whole = Client::of_caller(&api, &whole).await;
    let hidden = ["ListAdminSecrets", "ListTenantSecrets"];
    for method in hidden {
        assert!(!anonymous.methods().iter().any(|name| name == method));
        assert!(whole.methods().iter().any(|name| name == method));
    }
    let number = |client: &Client, field: &str| {
        client.method("ListSecrets").output().get_field_by_name(field).map(|field| field.number())
    };
    assert_eq!(number(&anonymous, "rejected"), None);
    assert!(number(&whole, "rejected").is_some());
    for field in ["id", "name", "masked", "inner"] {
        assert_eq!(number(&anonymous, field), number(&whole, field), "{field}");
    }
    assert_eq!(anonymous.data("ListSecrets", json!({})).await.len(), 3);
    let rows = whole.data("ListSecrets", json!({"orderBy": [{"name": "ORDER_DIRECTION_ASC"}]})).await;
    assert_eq!((&rows[0]["rejected"], &rows[0]["masked"]), (&json!("rejected 1"), &json!("masked 1")));
}
