//! A database that changes under statements that are prepared and cached: the next answer is right.

use serde_json::{Value as Json, json};
use tokio_postgres::NoTls;

use crate::harness::{Database, postgres};
use crate::program::eventually;
use crate::service::Api;
use crate::world::{fields, list};

const TABLES: &str = "CREATE TABLE tb_parent (pk_parent bigint PRIMARY KEY, id text NOT NULL, name text); \
     CREATE TABLE tb_child (pk_child bigint PRIMARY KEY, fk_parent bigint, id text NOT NULL, amount int4, data jsonb DEFAULT '{}'); \
     INSERT INTO tb_parent VALUES (1, 'p', 'parent'); \
     INSERT INTO tb_child VALUES (1, 1, 'a', 7, '{\"amount\": 70}'), (2, 1, 'b', NULL, '{\"amount\": 80}'); \
     CREATE VIEW v_other AS SELECT 1 AS pk_other, 'o'::text AS id, 'before'::text AS name";

fn schema() -> Json {
    let mut parent = fields(&["id: ID!", "name: String"]);
    parent
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "children", "type": "[Child!]", "nullable": false, "join": {"pk_parent": "fk_parent"}}));
    json!({
        "types": [
            {"name": "Parent", "sql_source": "tb_parent", "fields": parent},
            {"name": "Child", "sql_source": "tb_child", "fields": fields(&["id: ID!", "amount: BigInt"])},
            {"name": "Other", "sql_source": "v_other", "fields": fields(&["id: ID!", "name: String"])}],
        "queries": [list("parents", "Parent", "tb_parent"), list("children", "Child", "tb_child"), list("others", "Other", "v_other")],
    })
}

const TOP: &str = "{ children(orderBy: [{id: ASC}]) { amount } }";
const NESTED: &str = "{ parents { name children(orderBy: [{id: ASC}]) { amount } } }";
const DEEP: &str =
    "{ parents { children(orderBy: [{id: ASC}], where: {amount: {gt: 1}}) { amount id } } others { name } }";
const OTHER: &str = "{ others { name } }";

/// Asks everything on every connection, so that all of them have it prepared.
async fn check(api: &Api, amounts: [Json; 2], other: &str) {
    let rows = json!(amounts.clone().map(|amount| json!({"amount": amount})));
    for _ in 0..4 {
        assert_eq!(api.data(TOP, Json::Null).await["children"], rows);
        assert_eq!(api.data(NESTED, Json::Null).await["parents"][0]["children"], rows);
        let deep = api.data(DEEP, Json::Null).await;
        assert_eq!(deep["parents"][0]["children"][0], json!({"amount": amounts[0], "id": "a"}));
        assert_eq!(api.data(OTHER, Json::Null).await["others"][0]["name"], other);
    }
}

#[tokio::test]
async fn the_next_answer_is_right_after_any_change() {
    for more in
        ["", "[database]\nprepared_statements = false\n", "[[session_variables]]\nname = \"app.x\"\nvalue = \"y\"\n"]
    {
        let database = Database::empty();
        database.execute(TABLES);
        let api = Api::with(&database, &schema(), more).await;
        check(&api, [json!(7), json!(null)], "before").await;
        // A column's type, at the top and inside a joined list.
        database.execute("ALTER TABLE tb_child ALTER amount TYPE int8 USING amount + 4294967296");
        check(&api, [json!(4_294_967_303_i64), json!(null)], "before").await;
        database.execute("ALTER TABLE tb_child ALTER amount TYPE int2 USING (amount - 4294967296 + 1)::int2");
        check(&api, [json!(8), json!(null)], "before").await;
        // A column that goes is looked for in the document, and found again when it comes back.
        database.execute("ALTER TABLE tb_child DROP amount");
        check(&api, [json!(70), json!(80)], "before").await;
        database.execute("ALTER TABLE tb_child ADD amount int4; UPDATE tb_child SET amount = 9 WHERE id = 'a'");
        // A new column changes no statement that is prepared; it is seen when the catalog is read again.
        database.execute("ALTER TABLE tb_child ALTER data TYPE json");
        check(&api, [json!(9), json!(null)], "before").await;
        // Views, replaced and made anew.
        database
            .execute("CREATE OR REPLACE VIEW v_other AS SELECT 1 AS pk_other, 'o'::text AS id, 'after'::text AS name");
        check(&api, [json!(9), json!(null)], "after").await;
        database.execute(
            "DROP VIEW v_other; CREATE VIEW v_other AS SELECT 'x' AS more, 'again'::varchar(9) AS name, 'o'::text AS id, 1 AS pk_other",
        );
        check(&api, [json!(9), json!(null)], "again").await;
        // Moved into another schema of the search path.
        database.execute(
            "CREATE SCHEMA moved; DROP VIEW v_other; ALTER DATABASE CURRENT_DATABASE_NAME SET search_path = public, moved"
                .replace("CURRENT_DATABASE_NAME", database.name())
                .as_str(),
        );
        database.execute("CREATE VIEW v_other AS SELECT 'moved'::text AS name, 'o'::text AS id, 1 AS pk_other");
        check(&api, [json!(9), json!(null)], "moved").await;
    }
}

#[tokio::test]
async fn a_change_that_does_not_fit_fails_what_it_touches_until_it_is_mended() {
    let database = Database::empty();
    database.execute(TABLES);
    let api = Api::start(&database, &schema()).await;
    check(&api, [json!(7), json!(null)], "before").await;
    for (change, mend) in [
        (
            "ALTER TABLE tb_child ALTER amount TYPE text",
            "ALTER TABLE tb_child ALTER amount TYPE int4 USING amount::int4",
        ),
        ("ALTER TABLE tb_child RENAME TO tb_gone", "ALTER TABLE tb_gone RENAME TO tb_child"),
        ("ALTER TABLE tb_child RENAME fk_parent TO fk_gone", "ALTER TABLE tb_child RENAME fk_gone TO fk_parent"),
    ] {
        database.execute(change);
        for query in [NESTED, "{ parents { children { amount } } }"] {
            let (code, message) = api.refusal(query, Json::Null).await;
            assert_eq!(code, "INTERNAL", "{change}: {message}");
            assert!(!message.contains("tb_child"), "the text stays in the log: {message}");
        }
        for _ in 0..3 {
            assert_eq!(api.data(OTHER, Json::Null).await["others"][0]["name"], "before", "{change}");
        }
        database.execute(mend);
        check(&api, [json!(7), json!(null)], "before").await;
    }
}

#[tokio::test]
async fn no_request_of_many_fails_while_a_type_changes() {
    let database = Database::empty();
    database.execute(TABLES);
    let api = Api::start(&database, &schema()).await;
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let is_over = std::cell::Cell::new(false);
    let asked = [const { std::cell::Cell::new(0) }; 3];
    let ask = async |asked: &std::cell::Cell<u32>| {
        while !is_over.get() {
            for query in [NESTED, TOP] {
                let text = api.data(query, Json::Null).await.to_string();
                assert!(text.contains("[{\"amount\":7},{\"amount\":null}]"), "{text}");
            }
            asked.set(asked.get() + 1);
        }
    };
    let change = async {
        for round in 0..12 {
            let ty = if round % 2 == 0 { "int8" } else { "int4" };
            client.batch_execute(&format!("ALTER TABLE tb_child ALTER amount TYPE {ty}")).await.unwrap();
            // Everybody has begun and ended a request before the next change: one retry covers one change.
            let seen = asked.each_ref().map(std::cell::Cell::get);
            let all = async || asked.iter().zip(seen).all(|(asked, seen)| asked.get() >= seen + 2);
            assert!(eventually(all).await);
        }
        is_over.set(true);
    };
    tokio::join!(ask(&asked[0]), ask(&asked[1]), ask(&asked[2]), change);
}

/// Two types of the same length, which nothing but their oids tells apart. PostgreSQL refuses to run the
/// statement on a connection that has prepared it, and prepares it without a word on a new one.
#[tokio::test]
async fn a_type_of_the_same_length_is_noticed_on_a_new_connection() {
    const ASK: &str = "{ events { at } }";
    let database = Database::empty();
    database.execute("CREATE TABLE v_event (pk_event int, id int, at timestamptz)");
    database.execute("INSERT INTO v_event VALUES (1, 1, '2024-05-01 12:00+00')");
    let event = json!({"name": "Event", "sql_source": "v_event", "fields": fields(&["id: ID!", "at: DateTime!"])});
    let schema = json!({"types": [event], "queries": [list("events", "Event", "v_event")]});
    let api = Api::start(&database, &schema).await;
    let end = format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
        database.name()
    );
    for (ty, at) in [("timestamptz", "2024-05-01T12:00:00+00:00"), ("timestamp", "2024-05-01T12:00:00")] {
        database.execute(&format!("ALTER TABLE v_event ALTER at TYPE {ty}"));
        postgres().execute("postgres", &end).unwrap();
        for _ in 0..4 {
            assert_eq!(api.data(ASK, Json::Null).await["events"][0]["at"], at);
        }
    }
}
