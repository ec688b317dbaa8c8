//! Columns of every PostgreSQL type: each operator of the declared scalar answers, or says what the type lacks.

use fraiseql::intent::filter::{Operators, Word};
use fraiseql::server::{Refusal, Service, workers};
use serde_json::{Value as Json, json};

use crate::harness::Database;
use crate::service::{Api, compiled, config};
use crate::world::{fields, list};

/// A type and a value of it.
const TYPES: &[(&str, &str)] = &[
    ("xml", "<a/>"),
    ("point", "(1,2)"),
    ("box", "(1,2),(0,0)"),
    ("circle", "<(1,2),3>"),
    ("polygon", "((0,0),(1,1),(1,0))"),
    ("json", "\"a\""),
    ("jsonb", "\"a\""),
    ("money", "12.50"),
    ("inet", "10.0.0.1/8"),
    ("cidr", "10.0.0.0/8"),
    ("macaddr", "08:00:2b:01:02:03"),
    ("xid", "7"),
    ("oid", "7"),
    ("pg_lsn", "16/B374D848"),
    ("bit(3)", "101"),
    ("varbit", "101"),
    ("tsvector", "a b"),
    ("int4range", "[1,5)"),
    ("datemultirange", "{[2024-01-01,2024-01-05)}"),
    ("pair", "(1,a)"),
    ("mood", "happy"),
    ("page", "<b/>"),
    ("short", "ab"),
    ("interval", "1 day"),
    ("bytea", "\\x00ff"),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("name", "pg_class"),
    ("char(4)", "ab"),
    ("timetz", "12:30:00+02"),
    ("date", "2024-05-01"),
    ("jsonpath", "$.a"),
];

/// `V1` to `Vn`: views of one row with a value of each type, alone and in a list, and a row of nulls.
async fn api() -> (Database, Api) {
    let database = Database::empty();
    let mut sql = "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text); \
                   CREATE DOMAIN page AS xml; CREATE DOMAIN short AS varchar(5);"
        .to_owned();
    let (mut types, mut queries) = (Vec::new(), Vec::new());
    for (at, (ty, value)) in TYPES.iter().enumerate() {
        sql.push_str(&format!(
            "CREATE TABLE tb_t{at} (pk_t{at} int, as_text {ty}, as_json {ty}, as_list {ty}[]); \
             INSERT INTO tb_t{at} VALUES (1, '{value}', '{value}', ARRAY['{value}']::{ty}[]), (2, NULL, NULL, NULL);"
        ));
        let view = format!("tb_t{at}");
        let items = if ty.starts_with("json") && *ty != "jsonpath" { "[Json!]" } else { "[String!]" };
        let declared = fields(&["asText: String", "asJson: Json", &format!("asList: {items}")]);
        types.push(json!({"name": format!("T{at}"), "sql_source": view, "fields": declared}));
        queries.push(list(&format!("t{at}"), &format!("T{at}"), &view));
    }
    database.execute(&sql);
    let api = Api::start(&database, &json!({"types": types, "queries": queries})).await;
    (database, api)
}

fn value(word: Word, field: &str, text: &str) -> Json {
    let one = if field == "asJson" { json!({"a": 1}) } else { json!(text) };
    match word {
        Word::Item(_) => one,
        Word::Items(_) => json!([one]),
        Word::Length(_) => json!(1),
        Word::Text(_) | Word::Pattern(..) => json!(text),
        Word::Null { .. } => json!(true),
    }
}

#[tokio::test]
async fn no_operator_is_an_internal_error() {
    let (_database, api) = api().await;
    let (mut refused, mut wrong) = (Vec::new(), Vec::new());
    for (at, (ty, text)) in TYPES.iter().enumerate() {
        for (field, operators) in
            [("asText", Operators::Text), ("asJson", Operators::Json), ("asList", Operators::List)]
        {
            for row in operators.table() {
                let filter = json!({field: {row.name: value(row.word, field, text)}});
                let query = format!("query ($w: T{at}WhereInput) {{ t{at}(where: $w) {{ asText }} }}");
                let (_, answer) = api.ask(&query, json!({"w": filter})).await;
                let Some(error) = answer["errors"].get(0) else { continue };
                if error["extensions"]["code"] != "BAD_USER_INPUT" {
                    wrong.push(format!("{ty}: {filter}: {error}"));
                }
                refused.push((*ty, field, row.name, error["message"].as_str().unwrap().to_owned()));
            }
        }
        for direction in ["ASC", "DESC_NULLS_LAST"] {
            let query = format!("{{ t{at}(orderBy: [{{asText: {direction}}}]) {{ asText }} }}");
            let (_, answer) = api.ask(&query, Json::Null).await;
            let Some(error) = answer["errors"].get(0) else { continue };
            if error["extensions"]["code"] != "BAD_USER_INPUT" {
                wrong.push(format!("{ty}: {query}: {error}"));
            }
            refused.push((*ty, "asText", "orderBy", error["message"].as_str().unwrap().to_owned()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let said = |ty: &str, field: &str, operator: &str| {
        let found = refused.iter().find(|(a, b, c, _)| (*a, *b, *c) == (ty, field, operator));
        found.map(|(_, _, _, message)| message.as_str())
    };
    for (ty, field, operator, names) in [
        ("xml", "asText", "eq", Some("T0.asText is of the PostgreSQL type xml, which has no operator for equality")),
        ("xml", "asText", "gt", Some("of the PostgreSQL type xml, which has no operator for an order")),
        ("xml", "asText", "orderBy", Some("of the PostgreSQL type xml, which has no order")),
        ("xml", "asText", "contains", None),
        ("xml", "asList", "overlaps", Some("of the PostgreSQL type xml")),
        ("point", "asText", "in", Some("of the PostgreSQL type point")),
        ("xid", "asText", "eq", None),
        ("xid", "asText", "lt", Some("it can be filtered by eq, neq, in, nin and isNull")),
        ("json", "asText", "orderBy", Some("of the PostgreSQL type json, which has no order")),
        ("point", "asJson", "contains", Some("of the PostgreSQL type point")),
        ("box", "asText", "orderBy", Some("of the PostgreSQL type box, which has no order")),
        ("inet", "asText", "gte", None),
        ("cidr", "asText", "gte", None),
        ("money", "asText", "eq", None),
        ("int4range", "asText", "lt", None),
        ("pair", "asText", "eq", None),
        ("page", "asText", "eq", Some("of the PostgreSQL type xml")),
        ("short", "asText", "startsWith", None),
    ] {
        match (names, said(ty, field, operator)) {
            (None, None) => {}
            (Some(names), Some(message)) => assert!(message.contains(names), "{ty} {operator}: {message}"),
            (expected, found) => panic!("{ty} {field} {operator}: {found:?}, not {expected:?}"),
        }
    }
}

/// What is said of a schema that does not fit the database.
async fn problems(database: &Database, schema: &Json) -> String {
    match Service::open(&config(&database.url(), ""), &compiled(schema), workers(), &Default::default()).await {
        Ok(_) => String::new(),
        Err(Refusal::Problems(problems)) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
        Err(Refusal::Unreachable(reason)) => panic!("{reason}"),
    }
}

#[tokio::test]
async fn twins_are_checked_like_their_views() {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_thing AS SELECT 1 AS pk_thing, 'a'::text AS id, jsonb_build_object('size', 1, 'name', 'x') AS data; \
         CREATE VIEW vr_thing AS SELECT 1 AS pk_thing, 'a'::text AS id, 'much'::text AS size",
    );
    let thing =
        json!({"name": "Thing", "sql_source": "v_thing", "fields": fields(&["id: ID!", "size: Int!", "name: String"])});
    let schema = json!({"types": [thing], "queries": [list("things", "Thing", "v_thing")]});
    let said = problems(&database, &schema).await;
    assert!(said.contains("Thing.size is Int!, but vr_thing.size is text"), "{said}");
    database.execute("DROP VIEW vr_thing; CREATE VIEW vr_thing AS SELECT 1 AS pk_thing, 'a'::text AS id, 1 AS size");
    assert_eq!(problems(&database, &schema).await, "");
}

#[tokio::test]
async fn joins_compare_columns_that_can_be_compared() {
    let database = Database::empty();
    let joined = |left: &str, right: &str| {
        database.execute(&format!(
            "DROP VIEW IF EXISTS v_post, v_user; \
             CREATE VIEW v_user AS SELECT 1 AS pk_user, 'u'::text AS id, NULL::{left} AS one; \
             CREATE VIEW v_post AS SELECT 1 AS pk_post, 'p'::text AS id, NULL::{right} AS other"
        ));
    };
    let mut user = fields(&["id: ID!"]);
    user.as_array_mut()
        .unwrap()
        .push(json!({"name": "posts", "type": "[Post!]", "nullable": false, "join": {"one": "other"}}));
    let schema = json!({
        "types": [{"name": "User", "sql_source": "v_user", "fields": user},
                  {"name": "Post", "sql_source": "v_post", "fields": fields(&["id: ID!"])}],
        "queries": [list("users", "User", "v_user")],
    });
    database
        .execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TYPE other_mood AS ENUM ('sad'); CREATE DOMAIN key AS uuid");
    for (left, right) in [
        ("int8", "int4"),
        ("int4", "numeric"),
        ("text", "varchar(9)"),
        ("uuid", "uuid"),
        ("uuid", "key"),
        ("mood", "mood"),
        ("date", "timestamptz"),
        ("inet", "inet"),
        ("text[]", "text[]"),
        ("char(3)", "text"),
        ("jsonb", "jsonb"),
    ] {
        joined(left, right);
        assert_eq!(problems(&database, &schema).await, "", "{left} {right}");
        let api = Api::start(&database, &schema).await;
        assert_eq!(
            api.data("{ users { posts { id } } }", Json::Null).await["users"][0]["posts"],
            json!([]),
            "{left} {right}"
        );
    }
    for (left, right) in [
        ("uuid", "text"),
        ("int8", "text"),
        ("uuid", "int8"),
        ("mood", "text"),
        ("mood", "other_mood"),
        ("xml", "xml"),
        ("json", "json"),
        ("text[]", "text"),
        ("bool", "int4"),
        ("point", "point"),
    ] {
        joined(left, right);
        let said = problems(&database, &schema).await;
        let expected = format!("User.posts joins v_user.one, which is {left}, to v_post.other, which is {right}");
        assert!(said.contains(&expected), "{said}");
    }
}
