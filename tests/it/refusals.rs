//! The matrix of refusals: each caller asks each thing on each wire, and hears the same everywhere.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::grpc::Client;
use crate::harness::{self, Database, crate_path};
use crate::service::Api;
use crate::tokens::{AUTH, bearer, in_secs};
use crate::world::{fields, list};
use crate::writing::mutation;

/// What is asked, as each wire says it.
struct Question {
    name: &'static str,
    graphql: &'static str,
    /// Method, path under /rest, headers, body.
    rest: (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str),
    grpc: (&'static str, &'static str),
    needs: Needs,
}

/// What a question depends on besides the role and the tenant that every one of them needs.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Nothing,
    /// Selects a field that only a scope shows.
    Rejected,
    /// Compares, sorts or counts by a field that is masked without a scope.
    Masked,
}

const QUESTIONS: &[Question] = &[
    Question {
        name: "list",
        graphql: "{ papers { title } }",
        rest: ("GET", "/papers?select=title", &[], ""),
        grpc: ("ListPapers", r#"{"readMask": "title"}"#),
        needs: Needs::Nothing,
    },
    Question {
        name: "get",
        graphql: r#"{ paper(id: "a1") { title } }"#,
        rest: ("GET", "/papers/a1?select=title", &[], ""),
        grpc: ("GetPaper", r#"{"id": "a1", "readMask": "title"}"#),
        needs: Needs::Nothing,
    },
    Question {
        name: "get with a field that is rejected",
        graphql: r#"{ paper(id: "a1") { title secret } }"#,
        rest: ("GET", "/papers/a1?select=title,secret", &[], ""),
        grpc: ("GetPaper", r#"{"id": "a1", "readMask": "title,secret"}"#),
        needs: Needs::Rejected,
    },
    Question {
        name: "nested",
        graphql: "{ papers { title parts { body } } }",
        rest: ("GET", "/papers?select=title,parts(body)", &[], ""),
        grpc: ("ListPapers", r#"{"readMask": "title,parts.body"}"#),
        needs: Needs::Nothing,
    },
    Question {
        name: "nested field that is rejected",
        graphql: "{ papers { title parts { secret } } }",
        rest: ("GET", "/papers?select=title,parts(secret)", &[], ""),
        grpc: ("ListPapers", r#"{"readMask": "title,parts.secret"}"#),
        needs: Needs::Rejected,
    },
    Question {
        name: "filter on a masked field",
        graphql: r#"{ papers(where: {hint: {isNull: false}}) { title } }"#,
        rest: ("GET", "/papers?select=title&hint[isNull]=false", &[], ""),
        grpc: ("ListPapers", r#"{"where": {"hint": {"isNull": false}}, "readMask": "title"}"#),
        needs: Needs::Masked,
    },
    Question {
        name: "filter on a rejected field of a joined list",
        graphql: r#"{ papers(where: {parts: {secret: {contains: "secret"}}}) { title } }"#,
        rest: ("GET", r#"/papers?select=title&filter={"parts":{"secret":{"contains":"secret"}}}"#, &[], ""),
        grpc: ("ListPapers", r#"{"where": {"parts": {"secret": {"contains": "secret"}}}, "readMask": "title"}"#),
        needs: Needs::Masked,
    },
    Question {
        name: "order by a masked field",
        graphql: "{ papers(orderBy: [{hint: ASC}]) { title } }",
        rest: ("GET", "/papers?select=title&sort=hint", &[], ""),
        grpc: ("ListPapers", r#"{"orderBy": [{"hint": "ORDER_DIRECTION_ASC"}], "readMask": "title"}"#),
        needs: Needs::Masked,
    },
    Question {
        name: "order of a joined list by a rejected field",
        graphql: "{ papers { title parts(orderBy: [{secret: ASC}]) { body } } }",
        rest: ("GET", "/papers?select=title,parts(body)&parts.sort=secret", &[], ""),
        grpc: (
            "ListPapers",
            r#"{"readMask": "title,parts.body", "joins": {"parts": {"orderBy": [{"secret": "ORDER_DIRECTION_ASC"}]}}}"#,
        ),
        needs: Needs::Masked,
    },
    Question {
        name: "count",
        graphql: "{ papersCount }",
        rest: ("GET", "/papersCount", &[], ""),
        grpc: ("GetPapersCount", "{}"),
        needs: Needs::Nothing,
    },
    Question {
        name: "count by a masked field",
        graphql: r#"{ papersCount(where: {hint: {eq: "hint a1"}}) }"#,
        rest: ("GET", "/papersCount?hint=hint%20a1", &[], ""),
        grpc: ("GetPapersCount", r#"{"where": {"hint": {"eq": "hint a1"}}}"#),
        needs: Needs::Masked,
    },
    Question {
        name: "stream",
        graphql: "{ papers { title } }",
        rest: ("GET", "/papers?select=title", &[("accept", "application/x-ndjson")], ""),
        grpc: ("ListPapersPages", r#"{"readMask": "title"}"#),
        needs: Needs::Nothing,
    },
    Question {
        name: "mutation",
        graphql: r#"mutation { touchPaper(id: "a1") { title } }"#,
        rest: ("POST", "/papers/a1/touch?select=title", JSON, "{}"),
        grpc: ("TouchPaper", r#"{"id": "a1", "readMask": "title"}"#),
        needs: Needs::Nothing,
    },
    Question {
        name: "mutation that returns a field that is rejected",
        graphql: r#"mutation { touchPaper(id: "a1") { title secret } }"#,
        rest: ("POST", "/papers/a1/touch?select=title,secret", JSON, "{}"),
        grpc: ("TouchPaper", r#"{"id": "a1", "readMask": "title,secret"}"#),
        needs: Needs::Rejected,
    },
    Question {
        name: "mutation that returns a joined field that is rejected",
        graphql: r#"mutation { touchPaper(id: "a1") { title parts { secret } } }"#,
        rest: ("POST", "/papers/a1/touch?select=title,parts(secret)", JSON, "{}"),
        grpc: ("TouchPaper", r#"{"id": "a1", "readMask": "title,parts.secret"}"#),
        needs: Needs::Rejected,
    },
    Question {
        name: "mutation in a stream",
        graphql: r#"mutation { touched: touchPaper(id: "a1") { title } }"#,
        rest: ("POST", "/papers/a1/touch?select=title", JSON, "{}"),
        grpc: ("TouchPaperStream", r#"{"id": "a1", "readMask": "title"}"#),
        needs: Needs::Nothing,
    },
    Question {
        name: "mutation in a stream, with a field that is rejected",
        graphql: r#"mutation { touched: touchPaper(id: "a1") { title secret } }"#,
        rest: ("POST", "/papers/a1/touch?select=title,secret", JSON, "{}"),
        grpc: ("TouchPaperStream", r#"{"id": "a1", "readMask": "title,secret"}"#),
        needs: Needs::Rejected,
    },
    Question {
        name: "entities",
        graphql: r#"{ _entities(representations: [{__typename: "Paper", id: "a1"}]) { ... on Paper { title } } }"#,
        rest: ("POST", "/papers/batch-get?select=title", JSON, r#"{"ids": ["a1"]}"#),
        grpc: ("BatchGetPapers", r#"{"keys": [{"id": "a1"}], "readMask": "title"}"#),
        needs: Needs::Nothing,
    },
    Question {
        name: "entities with a field that is rejected",
        graphql: r#"{ _entities(representations: [{__typename: "Paper", id: "a1"}]) { ... on Paper { title secret } } }"#,
        rest: ("POST", "/papers/batch-get?select=title,secret", JSON, r#"{"ids": ["a1"]}"#),
        grpc: ("BatchGetPapers", r#"{"keys": [{"id": "a1"}], "readMask": "title,secret"}"#),
        needs: Needs::Rejected,
    },
    Question {
        name: "entities with a joined field that is rejected",
        graphql: r#"{ _entities(representations: [{__typename: "Paper", id: "a1"}]) { ... on Paper { title parts { secret } } } }"#,
        rest: ("POST", "/papers/batch-get?select=title,parts(secret)", JSON, r#"{"ids": ["a1"]}"#),
        grpc: ("BatchGetPapers", r#"{"keys": [{"id": "a1"}], "readMask": "title,parts.secret"}"#),
        needs: Needs::Rejected,
    },
];

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// Those that are about the first paper alone.
fn is_of_one(question: &Question) -> bool {
    ["get", "mutation", "entities"].iter().any(|kind| question.name.starts_with(kind))
}

/// Who asks.
struct Asker {
    name: &'static str,
    authorization: Option<String>,
    heard: Heard,
}

/// What an asker is told whatever he asks.
#[derive(Clone, Copy, PartialEq)]
enum Heard {
    Everything,
    /// Everything but what a scope guards.
    Unscoped,
    /// As if only the other tenant's rows were there.
    OtherTenant,
    Refused(&'static str),
}

fn askers() -> Vec<Asker> {
    let asker = |name, claims: Json, heard| {
        let mut all = json!({"aud": "desk", "roles": ["reader"], "scope": "read:hint read:secret", "tenant_id": "a"});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        Asker { name, authorization: Some(bearer(all)), heard }
    };
    vec![
        asker("reader", json!({}), Heard::Everything),
        Asker { name: "anonymous", authorization: None, heard: Heard::Refused("UNAUTHENTICATED") },
        asker("expired", json!({"exp": in_secs(-60)}), Heard::Refused("UNAUTHENTICATED")),
        asker("wrong audience", json!({"aud": "shop"}), Heard::Refused("UNAUTHENTICATED")),
        asker("wrong role", json!({"roles": ["writer"]}), Heard::Refused("FORBIDDEN")),
        asker("no tenant", json!({"tenant_id": null}), Heard::Refused("FORBIDDEN")),
        asker("missing scope", json!({"scope": "read:else"}), Heard::Unscoped),
        asker("other tenant", json!({"tenant_id": "b"}), Heard::OtherTenant),
    ]
}

/// Every title, or number, in an answer; or the code of the refusal.
type Told = Result<BTreeSet<String>, String>;

/// What an asker has to be told.
fn expected(asker: &Asker, question: &Question) -> Told {
    let guarded = question.needs != Needs::Nothing;
    let titles: &[&str] = match asker.heard {
        Heard::Refused(code) => return Err(code.to_owned()),
        Heard::Unscoped if guarded => return Err("FORBIDDEN".to_owned()),
        Heard::Everything | Heard::Unscoped => match question.name {
            "count" => &["2"],
            "count by a masked field" => &["1"],
            _ if is_of_one(question) => &["title a1"],
            _ => &["title a1", "title a2"],
        },
        Heard::OtherTenant => match question.name {
            "count" => &["1"],
            "count by a masked field" => &["0"],
            _ if is_of_one(question) => &[],
            _ => &["title b1"],
        },
    };
    Ok(titles.iter().map(|title| (*title).to_owned()).collect())
}

fn schema() -> Json {
    let guarded = |name: &str, on_deny: &str, nullable: bool| {
        json!({"name": name, "type": "String", "nullable": nullable, "requires_scope": format!("read:{name}"),
               "on_deny": on_deny})
    };
    let mut paper = fields(&["id: ID!", "title: String!"]);
    paper.as_array_mut().unwrap().extend([
        guarded("hint", "mask", true),
        guarded("secret", "reject", false),
        json!({"name": "parts", "type": "[Part!]", "nullable": false, "join": {"pk_paper": "fk_paper"}}),
    ]);
    let mut part = fields(&["id: ID!", "body: String!"]);
    part.as_array_mut().unwrap().push(guarded("secret", "reject", false));
    let guards = json!({"requires_role": "reader", "inject_params": {"tenant_id": "jwt:tenant_id"}});
    let with = |mut query: Json, more: &Json| {
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        query
    };
    let mut touch = mutation("touchPaper", "Paper", "fn_touch_paper", &["id: ID!"]);
    touch["rest"] = json!({"path": "/papers/{id}/touch", "method": "POST"});
    let one = json!({"name": "paper", "return_type": "Paper", "returns_list": false, "nullable": true,
                     "arguments": fields(&["id: ID!"]), "sql_source": "v_paper"});
    json!({
        "types": [{"name": "Paper", "sql_source": "v_paper", "fields": paper, "keys": [{"fields": "id"}]}, {"name": "Part", "sql_source": "v_part", "fields": part}],
        "queries": [with(with(list("papers", "Paper", "v_paper"), &json!({"count": true})), &guards), with(one, &guards)],
        "mutations": [with(touch, &guards)],
        "federation": {"enabled": true, "service_name": "desk", "version": "v2.3"},
    })
}

/// The titles and numbers of an answer, wherever they stand.
fn titles(answer: &Json, found: &mut BTreeSet<String>) {
    match answer {
        Json::Object(object) => {
            for (key, value) in object {
                match value {
                    Json::String(title) if key == "title" => drop(found.insert(title.clone())),
                    Json::Number(count) => drop(found.insert(count.to_string())),
                    _ => titles(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| titles(item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn found(answer: &Json) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    titles(answer, &mut all);
    all
}

async fn by_graphql(api: &Api, asker: &Asker, question: &Question) -> Told {
    let headers: Vec<_> = asker.authorization.iter().map(|value| ("authorization", value.as_str())).collect();
    let answer = api.post(&json!({"query": question.graphql}), &headers).await.json();
    match answer.get("errors") {
        Some(errors) => {
            assert_eq!(found(&answer["data"]), BTreeSet::new(), "{answer}");
            Err(errors[0]["extensions"]["code"].as_str().unwrap().to_owned())
        }
        None => Ok(found(&answer["data"])),
    }
}

async fn by_rest(api: &Api, asker: &Asker, question: &Question) -> Told {
    let (method, path, more, body) = question.rest;
    let mut headers = more.to_vec();
    headers.extend(asker.authorization.iter().map(|value| ("authorization", value.as_str())));
    let path = format!("/rest{}", path.replace('"', "%22").replace('{', "%7B").replace('}', "%7D"));
    let reply = api.send(method, &path, &headers, body.as_bytes()).await;
    let text = reply.text();
    if reply.status >= 400 {
        let code = reply.json()["error"]["code"].as_str().unwrap().to_owned();
        return if code == "NOT_FOUND" { Ok(BTreeSet::new()) } else { Err(code) };
    }
    let mut all = BTreeSet::new();
    for line in text.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        // How long a page is tells nothing of what is in it.
        let data = line.get("data").cloned().unwrap_or(line);
        titles(&json!({"data": data}), &mut all);
    }
    Ok(all)
}

async fn by_grpc(client: &Client, question: &Question) -> Told {
    let (method, request) = question.grpc;
    match client.ask(method, serde_json::from_str(request).unwrap()).await {
        // A zero is not written, and a 64-bit number is a string in JSON.
        Ok(messages) if question.name.starts_with("count") => {
            let count = messages[0].as_object().unwrap().values().next();
            Ok([count.and_then(Json::as_str).unwrap_or("0").to_owned()].into())
        }
        Ok(messages) => Ok(found(&Json::Array(messages))),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(BTreeSet::new()),
        Err(status) => Err(crate::grpc::details(&status)["reason"].as_str().unwrap().to_owned()),
    }
}

async fn papers() -> (Database, Api) {
    let database = Database::loaded(&[crate_path("tests/it/refusals/tables.sql")]);
    let api = Api::with(&database, &schema(), &format!("{AUTH}audience = [\"desk\"]\n")).await;
    (database, api)
}

/// Twice in opposite directions, so that a plan that was kept for one asker would show in the answer of another.
#[tokio::test]
async fn every_wire_tells_every_asker_the_same() {
    let (database, api) = papers().await;
    let mut askers = askers();
    let client = Client::of_caller(&api, askers[0].authorization.as_deref().unwrap()).await;
    let mut wrong = Vec::new();
    for _ in 0..2 {
        for asker in &askers {
            let client = client.with_authorization(asker.authorization.clone());
            for question in QUESTIONS {
                let expected = expected(asker, question);
                let told = [
                    ("GraphQL", by_graphql(&api, asker, question).await),
                    ("REST", by_rest(&api, asker, question).await),
                    ("gRPC", by_grpc(&client, question).await),
                ];
                for (wire, told) in told {
                    if told != expected {
                        let (asker, question) = (asker.name, question.name);
                        wrong.push(format!("{asker}, {question}, {wire}: {told:?} instead of {expected:?}"));
                    }
                }
            }
        }
        askers.reverse();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Whoever was refused has changed nothing: the reader is answered everything, who lacks a scope the rest.
    let mutations = || QUESTIONS.iter().filter(|question| question.name.starts_with("mutation"));
    let answered = mutations().count() + mutations().filter(|question| question.needs == Needs::Nothing).count();
    let touched = "SELECT sum(touched)::int8 FROM tb_paper";
    assert_eq!(harness::ask(&database.url(), touched).await.unwrap(), (2 * 3 * answered) as i64);
}
