//! Many calls of one mutation as one statement: through the engine, as every wire asks it.

use std::sync::Arc;

use fraiseql::auth::Caller;
use fraiseql::codec::{self, Trail};
use fraiseql::engine::{Engine, Outcome, Pace};
use fraiseql::error::Code;
use fraiseql::intent::mutation::input_of;
use fraiseql::intent::selection::{Selected, Selection};
use fraiseql::intent::value::Values;
use fraiseql::intent::{Arguments, Form, Intent, Mutate};
use serde_json::{Value as Json, json};

use crate::harness;
use crate::service::Api;
use crate::writing::{ANN, BOB, NOBODY, api_with};

fn selection(fields: &[&str]) -> Selection {
    let field = |name: &&str| Selected {
        key: (*name).into(),
        field: (*name).into(),
        site: None,
        selection: if *name == "posts" { selection(&["title"]) } else { Selection::Leaf },
        implied: false,
    };
    Selection::Object(fields.iter().map(field).collect())
}

fn batch(engine: &Engine, name: &str, fields: &[&str], calls: &[Json]) -> Mutate {
    let schema = engine.schema();
    let mutation = schema.mutation(name).unwrap();
    let call = |call: &Json| input_of(&schema, mutation, call.as_object().unwrap()).unwrap();
    let selection = if fields.is_empty() { Selection::Leaf } else { selection(fields) };
    Mutate {
        form: Arc::new(Form::new(name.into(), selection)),
        calls: calls.iter().map(call).collect(),
        arguments: vec![Arguments::default()],
        values: Values::default(),
        atomic: false,
        dry_run: false,
        is_batch: true,
        once: None,
    }
}

async fn run(engine: &Engine, mutate: Mutate) -> Result<Outcome, fraiseql::error::Error> {
    engine.answer(&Caller::anonymous(), &Intent::Mutate(mutate), Pace::Answer).await
}

/// What became of each call: its value, or the code of its error.
async fn told(outcome: Outcome) -> Vec<Json> {
    let changes: Vec<Result<usize, Code>> = outcome
        .changes
        .iter()
        .map(|change| change.as_ref().map(|change| change.rows).map_err(|error| error.code))
        .collect();
    let (statement, mut rows) = outcome.into_parts();
    let mut told = Vec::new();
    for change in changes {
        match change {
            Err(code) => told.push(json!(code.name())),
            Ok(0) => told.push(Json::Null),
            Ok(_) => {
                let row = rows.next().await.unwrap().unwrap();
                let (mut text, mut trail) = (Vec::new(), Trail::default());
                codec::json::row(statement.shape(), &codec::columns(&row), &mut text, &mut trail).unwrap();
                told.push(serde_json::from_slice(&text).unwrap());
            }
        }
    }
    assert!(rows.next().await.is_none());
    told
}

fn users(names: &[&str]) -> Vec<Json> {
    names.iter().map(|name| json!({"input": {"name": name, "email": format!("{name}@example.com")}})).collect()
}

async fn count(database: &harness::Database) -> i64 {
    harness::ask(&database.url(), "SELECT count(*) FROM tb_user").await.unwrap()
}

async fn with_and_without_session_variables(check: impl AsyncFn(harness::Database, Api)) {
    for more in
        ["", "[[session_variables]]\nname = \"app.x\"\nvalue = \"y\"\n", "[database]\nprepared_statements = false\n"]
    {
        let (database, api) = api_with(more).await;
        check(database, api).await;
    }
}

#[tokio::test]
async fn each_call_has_its_place_and_its_own_failure() {
    with_and_without_session_variables(async |database, api| {
        let engine = api.engine();
        // "nobody" breaks a check, which fails the whole statement; "ann" is refused by the function.
        let names = ["a", "b", "nobody", "c", "ann", "d", "nobody", "e"];
        let outcome = run(&engine, batch(&engine, "createUser", &["name"], &users(&names))).await.unwrap();
        assert!(outcome.changes[0].as_ref().unwrap().id.is_some());
        let named = |name: &str| json!({"name": name});
        let expected = [
            named("a"),
            named("b"),
            json!("VALIDATION_FAILED"),
            named("c"),
            json!("CONFLICT"),
            named("d"),
            json!("VALIDATION_FAILED"),
            named("e"),
        ];
        assert_eq!(told(outcome).await, expected);
        assert_eq!(count(&database).await, 7);
    })
    .await;
}

#[tokio::test]
async fn values_of_every_kind_and_lists() {
    with_and_without_session_variables(async |_, api| {
        let engine = api.engine();
        let input = |more: Json| {
            let mut input = json!({"name": "x", "email": format!("{more}@example.com")});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"input": input})
        };
        let calls = [
            input(json!({"tags": ["a", "b,\"c\""], "age": 1, "role": "ADMIN"})),
            input(json!({"tags": [], "age": null, "role": "MEMBER"})),
            input(json!({"age": 7})),
            input(json!({"posts": [{"postTitle": "t"}], "balance": "1e2"})),
        ];
        let fields = ["tags", "age", "role", "balance", "posts"];
        let outcome = run(&engine, batch(&engine, "createUser", &fields, &calls)).await.unwrap();
        let (one, none) = (json!(1.5), json!([]));
        let expected = [
            json!({"tags": ["a", "b,\"c\""], "age": 1, "role": "ADMIN", "balance": one, "posts": none}),
            json!({"tags": [], "age": null, "role": "MEMBER", "balance": one, "posts": none}),
            json!({"tags": ["default"], "age": 7, "role": "MEMBER", "balance": one, "posts": none}),
            json!({"tags": ["default"], "age": 18, "role": "MEMBER", "balance": 100, "posts": [{"title": "t"}]}),
        ];
        assert_eq!(told(outcome).await, expected);
    })
    .await;
}

#[tokio::test]
async fn an_entity_that_was_written_twice_is_there_twice() {
    with_and_without_session_variables(async |_, api| {
        let engine = api.engine();
        let rename = |id: &str, name: &str| json!({"id": id, "name": name});
        let calls = [rename(ANN, "A"), rename(NOBODY, "x"), rename(BOB, "B"), rename(ANN, "C")];
        for fields in [&["name"][..], &["name", "posts"]] {
            let outcome = run(&engine, batch(&engine, "renameUser", fields, &calls)).await.unwrap();
            let told = told(outcome).await;
            let names: Vec<&Json> = told.iter().map(|value| value.get("name").unwrap_or(value)).collect();
            assert_eq!(names, [&json!("C"), &json!("NOT_FOUND"), &json!("B"), &json!("C")]);
        }
        // One object for each call, and a refused argument among them.
        let update = |id: &str, age: Json| json!({"input": {"id": id, "age": age}});
        let calls = [update(ANN, json!(5)), update("no uuid", json!(6)), update(NOBODY, json!(7))];
        let outcome = run(&engine, batch(&engine, "updateUser", &["age"], &calls)).await.unwrap();
        assert_eq!(told(outcome).await, [json!({"age": 5}), json!("INVALID_ARGUMENT"), Json::Null]);
        let calls = [json!({"id": "no uuid"}), json!({"id": BOB}), json!({"id": "again"})];
        let outcome = run(&engine, batch(&engine, "removeUser", &[], &calls)).await.unwrap();
        assert_eq!(told(outcome).await, [json!("INVALID_ARGUMENT"), json!(true), json!("INVALID_ARGUMENT")]);
    })
    .await;
}

#[tokio::test]
async fn all_or_nothing_and_nothing_at_all() {
    with_and_without_session_variables(async |database, api| {
        let engine = api.engine();
        let atomic =
            |names: &[&str]| Mutate { atomic: true, ..batch(&engine, "createUser", &["name", "posts"], &users(names)) };
        for (names, code, place) in
            [(["a", "nobody", "c"], Code::ValidationFailed, ""), (["a", "b", "ann"], Code::Conflict, "[2]: ")]
        {
            let error = run(&engine, atomic(&names)).await.unwrap_err();
            assert_eq!(error.code, code, "{error}");
            assert!(error.message.starts_with(place), "{error}");
        }
        assert_eq!(count(&database).await, 2);
        let dry = Mutate { dry_run: true, ..atomic(&["a", "b"]) };
        let named = |name: &str| json!({"name": name, "posts": []});
        assert_eq!(told(run(&engine, dry).await.unwrap()).await, [named("a"), named("b")]);
        assert_eq!(count(&database).await, 2);
        let rename = [json!({"id": ANN, "name": "Dry"})];
        let dry = Mutate { dry_run: true, ..batch(&engine, "renameUser", &["name"], &rename) };
        assert_eq!(told(run(&engine, dry).await.unwrap()).await, [json!({"name": "Dry"})]);
        assert_eq!(told(run(&engine, atomic(&["a", "b"])).await.unwrap()).await, [named("a"), named("b")]);
        assert_eq!(count(&database).await, 4);
    })
    .await;
}

#[tokio::test]
async fn a_value_is_no_id_and_two_rows_fail_alone() {
    with_and_without_session_variables(async |database, api| {
        let engine = api.engine();
        let ids = async |name: &str, fields: &[&str], calls: &[Json]| -> Vec<Result<Option<String>, Code>> {
            let outcome = run(&engine, batch(&engine, name, fields, calls)).await.unwrap();
            let changes = outcome.changes.into_iter();
            changes.map(|change| change.map(|change| change.id).map_err(|error| error.code)).collect()
        };
        assert_eq!(ids("add", &[], &[json!({"one": 1}), json!({"one": 2})]).await, [Ok(None), Ok(None)]);
        assert_eq!(ids("role", &[], &[json!({"role": "ADMIN"})]).await, [Ok(None)]);
        assert_eq!(ids("dropUser", &[], &[json!({"id": NOBODY})]).await, [Ok(Some(NOBODY.to_owned()))]);
        let twice: Vec<Json> = [0, 2, 1].map(|count| json!({"count": count})).into();
        let changes = ids("twice", &["name"], &twice).await;
        assert_eq!(changes[..2], [Ok(None), Err(Code::Internal)]);
        assert!(matches!(&changes[2], Ok(Some(_))), "{changes:?}");
        assert_eq!(harness::ask(&database.url(), "SELECT count(*) FROM tb_user").await.unwrap(), 3);
    })
    .await;
}
