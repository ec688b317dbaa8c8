//! Strings that try to be SQL, through everything a caller can write: each is a value and nothing else.

use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};
use serde_json::{Value as Json, json};

use crate::grpc::Client;
use crate::harness::Database;
use crate::service::Api;
use crate::tokens::{AUTH, bearer};
use crate::world::{fields, list};

/// What has broken other programs: quotes of every kind, comments, terminators, casts, placeholders, escapes.
const STRINGS: &[&str] = &[
    "'",
    "''",
    "\"",
    "\\",
    "\\'",
    "';--",
    "' OR '1'='1",
    "' OR true --",
    "\") OR (\"1\"=\"1",
    "'; DROP TABLE tb_text; --",
    "'; SELECT pg_sleep(5); --",
    "1; COMMIT; DELETE FROM tb_text; --",
    "$1",
    "$$",
    "$tag$'$tag$",
    "%",
    "_",
    "%' ESCAPE '",
    "\\%",
    "x' UNION SELECT version() --",
    "/* */",
    "/*",
    "-- ",
    "E'\\''",
    "U&'\\0027'",
    "::int4",
    "') RETURNING *",
    "{\"a\": 1}",
    "{1,2}",
    "(1,2)",
    "ARRAY[1]",
    "null",
    "NULL",
    "\u{2019}",
    "\u{ff07}",
    "\u{202e}'",
    "\t'\n;",
    "name",
    "data->>'name'",
    "pg_catalog.pg_class",
];

const VIEWS: &str =
    "CREATE TABLE tb_text (pk_text bigint PRIMARY KEY, id text NOT NULL, name text NOT NULL, tenant_id text NOT NULL);
     CREATE VIEW v_text AS SELECT pk_text, id, name, tenant_id, jsonb_build_object('stored', name) AS data, \
     current_setting('app.said', true) AS said FROM tb_text;";

async fn texts() -> (Database, Api) {
    let database = Database::empty();
    database.execute(VIEWS);
    for (n, text) in STRINGS.iter().enumerate() {
        let literal = text.replace('\'', "''");
        database.execute(&format!("INSERT INTO tb_text VALUES ({n}, 'id {n}', '{literal}', '{literal}')"));
    }
    let mut own = list("ownTexts", "Text", "v_text");
    own["inject_params"] = json!({"tenant_id": "jwt:tenant"});
    let mut named = list("textsNamed", "Text", "v_text");
    named["arguments"] = fields(&["name: String"]);
    let mut paged = list("textsPaged", "Text", "v_text");
    paged["relay"] = true.into();
    let schema = json!({
        "types": [{"name": "Text", "sql_source": "v_text", "relay": true,
                   "fields": fields(&["id: ID!", "name: String!", "stored: String", "said: String"])}],
        "queries": [list("texts", "Text", "v_text"), own, named, paged],
    });
    let more = format!("{AUTH}[[session_variables]]\nname = \"app.said\"\nheader = \"x-said\"\n");
    let api = Api::with(&database, &schema, &more).await;
    (database, api)
}

/// The ids of the strings for which something holds.
fn ids(holds: impl Fn(&str) -> bool) -> Vec<String> {
    let found = STRINGS.iter().enumerate().filter(|(_, text)| holds(text));
    let mut ids: Vec<String> = found.map(|(n, _)| format!("id {n}")).collect();
    ids.sort();
    ids
}

fn ids_in(rows: &Json) -> Vec<String> {
    let rows = rows.as_array().unwrap_or_else(|| panic!("{rows}"));
    let mut ids: Vec<String> = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What an operator finds among the strings.
fn operators(text: &'static str) -> [(&'static str, Vec<String>); 5] {
    [
        ("eq", ids(|one| one == text)),
        ("neq", ids(|one| one != text)),
        ("contains", ids(|one| one.contains(text))),
        ("startsWith", ids(|one| one.starts_with(text))),
        ("endsWith", ids(|one| one.ends_with(text))),
    ]
}

#[tokio::test]
async fn as_values_of_filters() {
    let (_database, api) = texts().await;
    let client = Client::of(&api).await;
    for text in STRINGS {
        for field in ["name", "stored"] {
            for (operator, expected) in operators(text) {
                let filter = json!({field: {operator: text}});
                let query = "query ($w: TextWhereInput) { texts(where: $w) { id } }";
                let data = api.data(query, json!({"w": filter})).await;
                assert_eq!(ids_in(&data["texts"]), expected, "{filter}");
                let messages = client.data("ListTexts", json!({"where": filter, "readMask": "id"})).await;
                assert_eq!(ids_in(&Json::Array(messages)), expected, "{filter}");
                for path in [
                    format!("/rest/texts?select=id&limit=100&{field}[{operator}]={}", encoded(text)),
                    format!("/rest/texts?select=id&limit=100&filter={}", encoded(&filter.to_string())),
                ] {
                    let reply = api.get(&path).await;
                    assert_eq!(reply.status, 200, "{path} {}", reply.text());
                    assert_eq!(ids_in(&reply.json()["data"]), expected, "{filter}");
                }
            }
        }
        // In the text of the document, as an argument of its own, in a list, and as a key.
        let literal = serde_json::to_string(text).unwrap();
        let expected = ids(|one| one == *text);
        let query = format!("{{ texts(where: {{name: {{in: [{literal}, {literal}]}}}}) {{ id }} }}");
        let data = api.data(&query, json!({})).await;
        assert_eq!(ids_in(&data["texts"]), expected, "{text}");
        let data = api.data("query ($n: String) { textsNamed(name: $n) { id } }", json!({"n": text})).await;
        assert_eq!(ids_in(&data["textsNamed"]), expected, "{text}");
    }
    let all = api.data("{ texts { id } }", json!({})).await;
    assert_eq!(ids_in(&all["texts"]), ids(|_| true), "nothing was lost");
}

#[tokio::test]
async fn as_claims_and_as_session_variables() {
    let (_database, api) = texts().await;
    for text in STRINGS {
        let authorization = bearer(json!({"tenant": text}));
        let reply = api.post(&json!({"query": "{ ownTexts { id } }"}), &[("authorization", &authorization)]).await;
        assert_eq!(ids_in(&reply.json()["data"]["ownTexts"]), ids(|one| one == *text), "{text}");
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            let said = text.trim();
            let reply = api.post(&json!({"query": "{ texts(limit: 1) { said } }"}), &[("x-said", said)]).await;
            assert_eq!(reply.json()["data"]["texts"], json!([{"said": said}]), "{said}");
        }
    }
}

/// Where a name is expected, each is refused as such; nothing reaches PostgreSQL.
#[tokio::test]
async fn as_names_and_cursors() {
    let (_database, api) = texts().await;
    let client = Client::of(&api).await;
    for text in STRINGS.iter().filter(|text| !["name", "null", "NULL"].contains(text)) {
        let it = encoded(text);
        for path in [
            format!("/rest/texts?select={it}"),
            format!("/rest/texts?sort={it}"),
            format!("/rest/texts?{it}=1"),
            format!("/rest/texts?name[{it}]=1"),
            format!("/rest/texts?filter={it}"),
            format!("/rest/texts?filter={}", encoded(&json!({*text: {"eq": 1}}).to_string())),
            format!("/rest/texts?or=({it})"),
            format!("/rest/texts?limit={it}"),
            format!("/rest/texts?offset={it}"),
            format!("/rest/textsPaged?first=1&after={it}"),
        ] {
            let reply = api.get(&path).await;
            assert!([200, 400].contains(&reply.status), "{path} {} {}", reply.status, reply.text());
            if reply.status == 200 {
                // An empty member, which says nothing: all is shown.
                assert!(reply.json()["data"].is_array() && !path.contains("after"), "{path} {}", reply.text());
            }
        }
        let literal = serde_json::to_string(text).unwrap();
        for query in [
            format!("{{ textsPaged(first: 1, after: {literal}) {{ edges {{ node {{ id }} }} }} }}"),
            format!("{{ texts(limit: {literal}) {{ id }} }}"),
            format!("{{ texts(orderBy: [{{name: {literal}}}]) {{ id }} }}"),
        ] {
            let (_, answer) = api.ask(&query, json!({})).await;
            let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
            assert!(
                ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "INVALID_ARGUMENT"].contains(&code),
                "{query} {answer}"
            );
        }
        let mut request = DynamicMessage::new(client.method("ListTexts").input());
        let mask = request.descriptor().get_field_by_name("read_mask").unwrap().kind();
        let mut mask = DynamicMessage::new(mask.as_message().unwrap().clone());
        mask.set_field_by_name("paths", Value::List(vec![Value::String((*text).to_owned())]));
        request.set_field_by_name("read_mask", Value::Message(mask));
        let request = tonic::Request::new(request.encode_to_vec().into());
        let refused = client.stream("ListTexts", request, None).await;
        assert_eq!(refused.map(drop).unwrap_err().code(), tonic::Code::InvalidArgument, "{text}");
    }
    let all = api.data("{ texts { id } }", json!({})).await;
    assert_eq!(ids_in(&all["texts"]), ids(|_| true), "nothing was lost");
}
