//! One meaning on every wire: each case of the table is asked over GraphQL, REST and gRPC of the same server, and
//! the three give the same data, or the same refusal with the same code.
//!
//! GraphQL's form of an answer is the one that the others are brought into. What a wire cannot say is stated here
//! and nowhere else: protobuf has no null list and no null item, REST numbers pages by `meta` and `links`.

mod cases;
mod message;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde_json::{Value as Json, json};
use tonic::Code;

use self::cases::{Answer, Case, FILTERS, Filter, REFUSALS, Refusal, reads};
use self::message::in_graphql_form;
use crate::grpc::{Client, details};
use crate::http::Reply;
use crate::rest_lists::query;
use crate::service::Api;
use crate::tokens::{AUTH, bearer};
use crate::world;

/// A code of the product with what stands for it in GraphQL, in HTTP and in gRPC.
const CODES: &[(&str, &[&str], u16, Code)] = &[
    ("INVALID_ARGUMENT", &["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"], 400, Code::InvalidArgument),
    ("UNAUTHENTICATED", &["UNAUTHENTICATED"], 401, Code::Unauthenticated),
    ("FORBIDDEN", &["FORBIDDEN"], 403, Code::PermissionDenied),
    ("NOT_FOUND", &["NOT_FOUND"], 404, Code::NotFound),
    ("TOO_COMPLEX", &["TOO_COMPLEX"], 400, Code::ResourceExhausted),
    ("DATA_MISMATCH", &["DATA_MISMATCH"], 500, Code::DataLoss),
];

/// The three wires of one server.
struct Wires {
    api: Api,
    client: Client,
}

// === impl Wires ===

impl Wires {
    async fn of(api: Api) -> Wires {
        let client = Client::of(&api).await;
        Wires { api, client }
    }

    /// Data, or the code and the message of the first error.
    async fn graphql(&self, text: &str, variables: Json, token: Option<&str>) -> Result<Json, (String, String)> {
        let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", *token)).collect();
        let answer = self.api.post(&json!({"query": text, "variables": variables}), &headers).await.json();
        match answer["errors"].get(0) {
            None => Ok(answer["data"].as_object().unwrap().values().next().unwrap().clone()),
            Some(error) => {
                let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
                Err((text(&error["extensions"]["code"]), text(&error["message"])))
            }
        }
    }

    async fn rest(&self, path: &str, accept: &str, token: Option<&str>) -> Reply {
        let mut headers = vec![("accept", accept)];
        headers.extend(token.iter().map(|token| ("authorization", *token)));
        self.api.send("GET", &rest_path(path), &headers, b"").await
    }

    /// What every wire says to a case that is answered.
    async fn check(&self, case: &Case) {
        let token = case.claims.map(|claims| bearer(serde_json::from_str(claims).unwrap()));
        let token = token.as_deref();
        let what = case.graphql;
        let asked = self.graphql(&format!("{{ {} }}", case.graphql), json!({}), token).await;
        let expected = asked.unwrap_or_else(|refused| panic!("{what}: {refused:?}"));
        let is_empty = expected.is_null() || expected.as_array().is_some_and(Vec::is_empty);
        assert_eq!(is_empty, case.answer == Answer::Empty, "{what}: {expected}");

        let reply = self.rest(case.rest, "application/json", token).await;
        assert_eq!(reply.status, 200, "{}: {}", case.rest, reply.text());
        let body = reply.json();
        match case.answer {
            Answer::Connection => connection(&body, &expected, case.rest),
            Answer::Rows | Answer::Empty => same(&body["data"], &expected, case.rest),
        }

        let request = cases::request(case.grpc.1);
        self.grpc(case.grpc.0, &request, &expected, token).await;
        if self.client.method(case.grpc.0).is_server_streaming() {
            self.grpc(&format!("{}Pages", case.grpc.0), &request, &expected, token).await;
            let lines = self.rest(case.rest, "application/x-ndjson", token).await;
            let rows = lines.text().lines().map(|line| serde_json::from_str::<Json>(line).unwrap()).collect();
            same(&rows, &expected, &format!("{} as NDJSON", case.rest));
        }
    }

    async fn grpc(&self, method: &str, request: &Json, expected: &Json, token: Option<&str>) {
        let what = format!("{method} {request}");
        let messages = self.client.ask_as(token, method, request.clone()).await;
        let messages = messages.unwrap_or_else(|status| panic!("{what}: {status:?}"));
        let mut messages = messages.iter().map(|message| self.client.message(method, message));
        let found = match expected {
            _ if method.ends_with("Count") => {
                in_graphql_form(&messages.next().unwrap(), &json!({"count": expected}))["count"].take()
            }
            Json::Array(rows) if method.ends_with("Pages") => {
                // As many rows as are expected, so that each is compared with its own.
                let mut rows = rows.iter();
                let pages = messages.map(|page| {
                    let items = page.get_field_by_number(1).unwrap().as_list().unwrap().len();
                    let like: Vec<Json> = rows.by_ref().take(items).cloned().collect();
                    in_graphql_form(&page, &json!({"items": like}))["items"].take()
                });
                pages.flat_map(|page| page.as_array().unwrap().clone()).collect()
            }
            Json::Array(rows) => {
                let rows = rows.iter().map(Some).chain(std::iter::repeat(None));
                messages.zip(rows).map(|(found, row)| in_graphql_form(&found, row.unwrap_or(&Json::Null))).collect()
            }
            one => in_graphql_form(&messages.next().unwrap(), one),
        };
        same(&found, expected, &what);
    }

    /// What every wire says to a case that is refused.
    async fn check_refusal(&self, case: &Refusal) {
        let token = case.claims.map(|claims| bearer(serde_json::from_str(claims).unwrap()));
        let token = token.as_deref();
        let (_, in_graphql, status, code) = CODES.iter().find(|(name, ..)| *name == case.code).unwrap();
        let named = |message: &str, what: &str| {
            assert!(message.contains(case.names), "{what} does not name {}: {message}", case.names);
        };
        if let Some(text) = case.graphql {
            let refused = self.graphql(&format!("{{ {text} }}"), json!({}), token).await;
            let (found, message) = refused.err().unwrap_or_else(|| panic!("{text} is answered"));
            assert!(in_graphql.contains(&found.as_str()), "{text}: {found}: {message}");
            named(&message, text);
        }
        if let Some(path) = case.rest {
            let reply = self.rest(path, "application/json", token).await;
            let error = &reply.json()["error"];
            assert_eq!((reply.status, error["code"].as_str()), (*status, Some(case.code)), "{path}: {error}");
            named(error["message"].as_str().unwrap(), path);
        }
        if let Some((method, request)) = case.grpc {
            let what = format!("{method} {request}");
            let refused = self.client.ask_as(token, method, cases::request(request)).await;
            let refused = refused.err().unwrap_or_else(|| panic!("{what} is answered"));
            let reason = details(&refused)["reason"].as_str().unwrap_or_default().to_owned();
            assert_eq!((refused.code(), reason.as_str()), (*code, case.code), "{what}: {refused:?}");
            named(refused.message(), &what);
        }
    }

    /// One filter in the spellings of the wires, on columns and on documents.
    async fn check_filter(&self, filter: &Filter) {
        let condition: Json = serde_json::from_str(filter.json).unwrap();
        for (root, ty, method) in [("items", "Item", "ListItems"), ("itemDocs", "ItemDoc", "ListItemDocs")] {
            if root == "itemDocs" && filter.json.contains("category") {
                continue;
            }
            let text =
                format!("query ($w: {ty}WhereInput) {{ {root}(where: $w, orderBy: [{{name: ASC}}]) {{ name }} }}");
            let expected = self.graphql(&text, json!({"w": condition}), None).await;
            let expected = expected.unwrap_or_else(|refused| panic!("{}: {refused:?}", filter.json));
            let rows = expected.as_array().unwrap().len();
            assert!((1..60).contains(&rows), "{} leaves {rows} rows, which shows nothing", filter.json);
            for condition in [format!("filter={}", filter.json), filter.rest.to_owned()] {
                if condition.is_empty() {
                    continue;
                }
                let path = format!("{root}?{condition}&select=name&sort=name&limit=100");
                let reply = self.rest(&path, "application/json", None).await;
                assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                same(&reply.json()["data"], &expected, &path);
            }
            let order = json!([{"name": "ORDER_DIRECTION_ASC"}]);
            let request = json!({"where": cases::enums(&condition), "orderBy": order, "readMask": "name"});
            self.grpc(method, &request, &expected, None).await;
        }
    }
}

/// `items?size[gte]=3&sort=name`, with what a URL cannot hold escaped.
fn rest_path(path: &str) -> String {
    let (path, parameters) = path.split_once('?').unwrap_or((path, ""));
    let pairs: Vec<(&str, &str)> = parameters.split('&').filter_map(|pair| pair.split_once('=')).collect();
    format!("/rest/{path}?{}", query(&pairs))
}

/// A page by cursor: REST has the nodes as data, and says the rest in `meta`.
fn connection(body: &Json, expected: &Json, what: &str) {
    let nodes: Json = expected["edges"].as_array().unwrap().iter().map(|edge| edge["node"].clone()).collect();
    same(&body["data"], &nodes, what);
    for (name, value) in expected["pageInfo"].as_object().unwrap() {
        same(&body["meta"][name], value, what);
    }
}

#[track_caller]
fn same(found: &Json, expected: &Json, what: &str) {
    if let Some(difference) = difference(found, expected, "") {
        panic!("{what}: {difference}\n found {found}\n not {expected}");
    }
}

/// Where two values differ. Numbers are equal when they are the same number, whoever wrote them.
fn difference(found: &Json, expected: &Json, path: &str) -> Option<String> {
    match (found, expected) {
        (Json::Array(found), Json::Array(expected)) if found.len() == expected.len() => {
            let mut pairs = found.iter().zip(expected).enumerate();
            pairs.find_map(|(at, (found, expected))| difference(found, expected, &format!("{path}[{at}]")))
        }
        (Json::Object(found), Json::Object(expected)) => {
            let names = found.keys().chain(expected.keys());
            let mut all = names.map(|name| (name, found.get(name), expected.get(name)));
            all.find_map(|(name, found, expected)| match (found, expected) {
                (Some(found), Some(expected)) => difference(found, expected, &format!("{path}.{name}")),
                (found, _) => {
                    Some(format!("{path}.{name} is {}", if found.is_some() { "too much" } else { "missing" }))
                }
            })
        }
        (Json::Number(one), Json::Number(other)) => {
            let equal = match (one.as_i64(), other.as_i64()) {
                (Some(one), Some(other)) => one == other,
                _ => one.as_f64() == other.as_f64(),
            };
            (!equal).then(|| format!("{path} is {one}, not {other}"))
        }
        (found, expected) => (found != expected).then(|| format!("{path} is {found}, not {expected}")),
    }
}

/// Runs every case, so that one run tells all that differ.
async fn every(cases: impl IntoIterator<Item = impl Future<Output = ()>>) {
    let mut failed = 0;
    for case in cases {
        failed += u32::from(AssertUnwindSafe(case).catch_unwind().await.is_err());
    }
    assert_eq!(failed, 0, "cases differ; what is said of each stands above");
}

#[tokio::test]
async fn reads_say_the_same() {
    let (database, api) = world::api_with(AUTH).await;
    database.execute(cases::ODD_ROWS);
    let wires = Wires::of(api).await;
    every(reads().iter().map(|case| wires.check(case))).await;
}

#[tokio::test]
async fn filters_mean_the_same() {
    let (_database, api) = world::api().await;
    let wires = Wires::of(api).await;
    every(FILTERS.iter().map(|filter| wires.check_filter(filter))).await;
}

#[tokio::test]
async fn refusals_are_the_same() {
    let (database, api) = world::api_with(AUTH).await;
    database.execute(cases::ODD_ROWS);
    let wires = Wires::of(api).await;
    every(REFUSALS.iter().map(|case| wires.check_refusal(case))).await;
}

#[tokio::test]
async fn limits_are_the_same() {
    let (_database, api) = world::api_with("[graphql]\nmax_page_rows = 7\nmax_depth = 3\n").await;
    let wires = Wires::of(api).await;
    every(cases::LIMITS.iter().map(|case| wires.check_refusal(case))).await;
}

#[test]
fn the_table_is_long_enough() {
    let cases = reads().len() + FILTERS.len() + REFUSALS.len() + cases::LIMITS.len();
    assert!(cases >= 100, "{cases}");
}
