//! `schema.json`.
//!
//! What is refused names what is wrong and where. What is accepted can be served: as GraphQL, as REST with its
//! description, as gRPC with a `.proto` that another compiler takes, as a subgraph; and its artifact reads back to
//! the same.

use std::collections::BTreeSet;

use apollo_compiler::ast::Document;
use fraiseql::federation::sdl::sdl;
use fraiseql::problem::Problem;
use fraiseql::schema::Schema;
use fraiseql::schema::artifact;
use fraiseql::schema::compile::{Compiled, Project, Source, compile};
use fraiseql::schema::lock::Lock;
use fraiseql::schema::model::Model;
use fraiseql::schema::routes::{Method, routes};
use fraiseql::server;
use fraiseql::transport::grpc::api::Api;
use fraiseql::transport::grpc::describe::{ServiceNames, describe};
use fraiseql::transport::grpc::proto_text;
use serde_json::Value as Json;

use super::statement::{Planner, told};
use super::world;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match compiled(text) {
        Ok(Compiled { model, warnings }) => {
            located(&warnings, text);
            accepted(model);
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "it was refused without a reason");
            located(&problems, text);
            assert_eq!(compiled(text).err(), Some(problems), "another refusal at another time");
        }
    }
}

fn compiled(text: &str) -> Result<Compiled, Vec<Problem>> {
    let project = Project { service: "fuzz".to_owned(), federation: None };
    compile(&Source { file: "schema.json", text }, &project)
}

fn located(problems: &[Problem], text: &str) {
    let lines = text.matches('\n').count() + 1;
    for problem in problems {
        assert!(!problem.reason.is_empty(), "{problem:?}");
        if let Some((line, column)) = problem.position {
            assert!((1..=lines).contains(&line) && column >= 1, "{problem:?}");
        }
    }
}

fn accepted(model: Model) {
    let schema = Schema::assumed(model);
    let model = schema.model();
    let lock = numbered(&schema);
    kept(model, lock.as_ref());
    let config = world::config();
    let wire = server::graphql(&config, &schema);
    wire.unwrap_or_else(|reason| panic!("it was accepted and has no form in GraphQL: {reason}"));
    let subgraph = sdl(model);
    Document::parse(&subgraph, "subgraph.graphql").unwrap_or_else(|failed| panic!("{}\n{subgraph}", failed.errors));
    let rest = server::rest(&config, &schema);
    described(&rest.openapi(&schema));
    let planner = Planner::new(&schema, world::callers());
    for route in routes(model).iter().filter(|route| route.method == Method::Get && !route.path.contains('{')) {
        let intent = rest.intent(&schema, &http::Method::GET, &format!("/rest{}", route.path), Json::Null);
        match intent {
            Ok(intent) => planner.check(&intent),
            Err(error) => told(&error),
        }
    }
}

/// The artifact: the same bytes every time, and the same schema when it is read.
fn kept(model: &Model, lock: Option<&Lock>) {
    let bytes = artifact::write(model, None, lock);
    assert_eq!(bytes, artifact::write(model, None, lock));
    let read = artifact::read(&bytes, "schema.compiled.json").unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!((&read.model, read.lock.as_ref()), (model, lock), "the artifact reads back otherwise");
    assert_eq!(read.hash, artifact::hash_of(model));
    assert_eq!(bytes, artifact::write(&read.model, None, read.lock.as_ref()));
}

/// The field numbers, where the schema has a form in gRPC, and everything that follows from them.
fn numbered(schema: &Schema) -> Option<Lock> {
    let api = describe(schema, &ServiceNames::default(), "schema.json");
    let api: Api = api.inspect_err(|problems| assert!(!problems.is_empty())).ok()?;
    let settled = Lock::default().settle(&api.wanted(), "fraiseql.lock");
    assert!(settled.breaking.is_empty(), "{:?}", settled.breaking);
    let lock = settled.lock;
    let read = Lock::parse(&lock.print(), "fraiseql.lock").unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(read, lock, "the lock file reads back otherwise");
    let again = lock.settle(&api.wanted(), "fraiseql.lock");
    assert!(again.breaking.is_empty() && again.lock == lock, "a lock that fits is settled otherwise");
    let grpc = server::grpc(&world::config(), schema, Some(&lock));
    grpc.unwrap_or_else(|problems| panic!("it was accepted and has no form in gRPC: {problems:#?}"));
    let numbered = api.numbered(&lock).unwrap_or_else(|missing| panic!("no number for {missing}"));
    world::descriptors(&proto_text::files(&numbered));
    Some(lock)
}

/// Nothing is referred to that is not there.
fn described(openapi: &Json) {
    let mut targets = BTreeSet::new();
    references(openapi, &mut targets);
    for target in targets {
        let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} is elsewhere"));
        assert!(openapi.pointer(pointer).is_some(), "there is no {target}");
    }
}

fn references<'j>(json: &'j Json, into: &mut BTreeSet<&'j str>) {
    match json {
        Json::Object(members) => {
            into.extend(members.get("$ref").and_then(Json::as_str));
            members.values().for_each(|member| references(member, into));
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, into)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
