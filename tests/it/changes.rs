//! A database that changes under a server: the next answer is read by what it is now.

use std::sync::Arc;

use fraiseql::auth::Caller;
use fraiseql::engine::Engine;
use fraiseql::plan::Limits;
use fraiseql::schema::Schema;
use fraiseql::schema::bind::bind;
use fraiseql::server;

use crate::cases::{ask, config, executor, model_of};
use crate::harness::{Database, postgres};

const SCHEMA: &str = r#"{"types": [{"name": "Event", "sql_source": "v_event", "fields": [
    {"name": "id", "type": "ID", "nullable": false}, {"name": "at", "type": "DateTime", "nullable": false}]}],
    "queries": [{"name": "events", "return_type": "Event", "returns_list": true, "nullable": false, "arguments": []}]}"#;

/// The two types have the same length, so that nothing but their oids tells them apart. PostgreSQL refuses
/// to run the statement on a connection that had prepared it, and says nothing on another one.
#[tokio::test]
async fn a_column_that_became_another_type_is_read_as_such() {
    let database = Database::empty();
    database.execute("CREATE TABLE v_event (pk_event int, id int, at timestamptz)");
    database.execute("INSERT INTO v_event VALUES (1, 1, '2024-05-01 12:00+00')");
    let model = model_of(SCHEMA);
    let executor = executor(&database);
    let schema =
        Arc::new(bind(model.clone(), executor.inspect(&Schema::assumed(model).wanted()).await.unwrap()).unwrap());
    let wire = server::graphql(&config(), &schema).unwrap();
    let engine = Arc::new(Engine::new(schema, executor, Limits::default()));
    let caller = Caller::anonymous();

    let answer = ask(&wire, &engine, &caller, "{ events { at } }", Default::default()).await;
    assert_eq!(answer, r#"{"data":{"events":[{"at":"2024-05-01T12:00:00+00:00"}]}}"#);

    database.execute("ALTER TABLE v_event ALTER at TYPE timestamp");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = ";
    postgres().execute("postgres", &format!("{end}'{}'", database.name())).unwrap();
    for _ in 0..2 {
        let answer = ask(&wire, &engine, &caller, "{ events { at } }", Default::default()).await;
        assert_eq!(answer, r#"{"data":{"events":[{"at":"2024-05-01T12:00:00"}]}}"#);
    }

    database.execute("ALTER TABLE v_event ALTER at TYPE timestamptz");
    let answer = ask(&wire, &engine, &caller, "{ events { at } }", Default::default()).await;
    assert_eq!(answer, r#"{"data":{"events":[{"at":"2024-05-01T12:00:00+00:00"}]}}"#);

    database.execute("ALTER TABLE v_event RENAME at TO was_at");
    let answer = ask(&wire, &engine, &caller, "{ events { at } }", Default::default()).await;
    assert!(answer.contains("the schema and the database differ"), "{answer}");
}
