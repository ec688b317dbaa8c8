//! Values on the wire: every scalar from columns and from documents, enums both ways, what does not fit, and
//! how far a null goes.

use serde_json::{Value as Json, json};

use crate::harness::Database;
use crate::service::Api;
use crate::world::{self, fields, list};

/// A column type, a declared scalar, a value in SQL and its JSON text.
const SCALARS: [(&str, &str, &str, &str); 40] = [
    ("text", "String", "E'a\"\\\\\\n\\u00e4'", r#""a\"\\\nä""#),
    ("varchar(5)", "String", "'abc'", r#""abc""#),
    ("uuid", "ID", "'01234567-89ab-cdef-fedc-ba9876543210'", r#""01234567-89ab-cdef-fedc-ba9876543210""#),
    ("int4", "ID", "7", r#""7""#),
    ("int8", "ID", "9007199254740993", r#""9007199254740993""#),
    ("text", "ID", "'a'", r#""a""#),
    ("uuid", "UUID", "'01234567-89AB-cdef-fedc-ba9876543210'", r#""01234567-89ab-cdef-fedc-ba9876543210""#),
    ("int2", "Int", "-32768", "-32768"),
    ("int4", "Int", "2147483647", "2147483647"),
    ("int4", "BigInt", "-1", "-1"),
    ("int8", "BigInt", "9223372036854775807", "9223372036854775807"),
    ("int8", "BigInt", "-9223372036854775808", "-9223372036854775808"),
    ("float4", "Float", "0.1", "0.1"),
    ("float8", "Float", "0.1", "0.1"),
    ("float8", "Float", "1e300", "1e+300"),
    ("float8", "Float", "'-0'", "-0"),
    ("float8", "Float", "'NaN'", r#""NaN""#),
    ("float8", "Float", "'-Infinity'", r#""-Infinity""#),
    ("numeric", "Float", "1.50", "1.50"),
    (
        "numeric",
        "Decimal",
        "123456789012345678901234567890.123456789000",
        "123456789012345678901234567890.123456789000",
    ),
    ("numeric", "Decimal", "'NaN'", r#""NaN""#),
    ("int8", "Decimal", "9223372036854775807", "9223372036854775807"),
    ("bool", "Boolean", "true", "true"),
    ("bool", "Boolean", "false", "false"),
    ("timestamptz", "DateTime", "'2024-05-01 12:00:00.5+02'", r#""2024-05-01T10:00:00.5+00:00""#),
    ("timestamptz", "DateTime", "'infinity'", r#""infinity""#),
    ("timestamptz", "DateTime", "'0044-03-15 12:00:00+00 BC'", r#""0044-03-15T12:00:00+00:00 BC""#),
    ("timestamp", "DateTime", "'2024-05-01 12:00:00'", r#""2024-05-01T12:00:00""#),
    ("date", "Date", "'2024-02-29'", r#""2024-02-29""#),
    ("date", "Date", "'5874897-12-31'", r#""5874897-12-31""#),
    ("time", "Time", "'24:00:00'", r#""24:00:00""#),
    ("timetz", "Time", "'12:00:00.25+05:30'", r#""12:00:00.25+05:30""#),
    ("interval", "String", "'-13 mons +3 days -04:05:06.7'", r#""-1 years -1 mons +3 days -04:05:06.7""#),
    ("bytea", "String", r"'\x00ff'", r#""\\x00ff""#),
    ("inet", "String", "'10.0.0.1'", r#""10.0.0.1""#),
    ("char(4)", "String", "'ab'", r#""ab  ""#),
    ("jsonb", "Json", "'{\"b\": [1, null], \"a\": {}}'", r#"{"a": {}, "b": [1, null]}"#),
    ("json", "Json", "'{ \"b\" : 1.00 }'", r#"{ "b" : 1.00 }"#),
    ("point", "Json", "'(1,2)'", r#""(1,2)""#),
    ("int4[]", "Json", "'{1,2}'", "[1,2]"),
];

/// Scalars of the table that PostgreSQL's `to_jsonb` would write with other spaces or digits.
fn is_spelled_otherwise_in_jsonb(column: &str, text: &str) -> bool {
    column == "json" || column == "int4[]" || text == "1e+300" || text == "-0"
}

#[tokio::test]
async fn every_scalar_from_columns_and_from_documents() {
    let database = Database::empty();
    let columns: Vec<String> =
        SCALARS.iter().enumerate().map(|(i, (ty, _, value, _))| format!("({value})::{ty} AS f{i}")).collect();
    let lists = "ARRAY[1, NULL, 3]::int4[] AS ints, ARRAY['a', NULL]::text[] AS texts, '{}'::int8[] AS nothing, \
                 ARRAY['2024-01-01']::date[] AS days, ARRAY[[1, 2], [3, 4]]::int4[] AS matrix";
    database.execute(&format!(
        "SET TimeZone = 'UTC'; CREATE VIEW v_row AS SELECT 1 AS pk_row, 'r' AS id, {}, {lists}; \
         SET intervalstyle = 'postgres'; \
         CREATE TABLE tb_doc AS SELECT id, to_jsonb(v_row) AS data FROM v_row; CREATE VIEW v_doc AS SELECT * FROM tb_doc",
        columns.join(", ")
    ));
    let mut declared: Vec<String> =
        SCALARS.iter().enumerate().map(|(i, (_, scalar, _, _))| format!("f{i}: {scalar}")).collect();
    declared.extend(
        ["id: ID!", "ints: [Int]", "texts: [String]", "nothing: [BigInt!]!", "days: [Date!]", "matrix: [[Int!]!]"]
            .map(str::to_owned),
    );
    let declared: Vec<&str> = declared.iter().map(String::as_str).collect();
    let schema = json!({
        "types": [
            {"name": "Row", "sql_source": "v_row", "fields": fields(&declared)},
            {"name": "Paper", "sql_source": "v_doc", "fields": fields(&declared)}],
        "enums": [], "queries": [list("rows", "Row", "v_row"), list("papers", "Paper", "v_doc")],
    });
    let api = Api::start(&database, &schema).await;
    for (i, (column, scalar, value, text)) in SCALARS.iter().enumerate() {
        let reply = api.post(&json!({"query": format!("{{ rows {{ f{i} }} }}")}), &[]).await;
        let expected = format!("{{\"data\":{{\"rows\":[{{\"f{i}\":{text}}}]}}}}");
        assert_eq!(reply.text(), expected, "{value}::{column} as {scalar}");
        if !is_spelled_otherwise_in_jsonb(column, text) {
            let reply = api.post(&json!({"query": format!("{{ papers {{ f{i} }} }}")}), &[]).await;
            assert_eq!(
                reply.text(),
                expected.replace("rows", "papers"),
                "{value}::{column} as {scalar}, in a document"
            );
        }
    }
    for root in ["rows", "papers"] {
        let data = api.data(&format!("{{ {root} {{ ints texts nothing days matrix }} }}"), Json::Null).await;
        assert_eq!(
            data[root],
            json!([{"ints": [1, null, 3], "texts": ["a", null], "nothing": [], "days": ["2024-01-01"], "matrix": [[1, 2], [3, 4]]}])
        );
    }
}

#[tokio::test]
async fn enums_are_names_outside_and_values_inside() {
    let (_database, api) = world::api().await;
    for (root, ty) in [("items", "Item"), ("itemDocs", "ItemDoc")] {
        let query = format!("query ($w: {ty}WhereInput) {{ {root}(where: $w, limit: 1) {{ kind }} }}");
        for name in ["SMALL", "LARGE", "ODD"] {
            let data = api.data(&query, json!({"w": {"kind": {"eq": name}}})).await;
            assert_eq!(data[root], json!([{"kind": name}]));
        }
        let data = api.data(&query, json!({"w": {"kind": {"isNull": true}}})).await;
        assert_eq!(data[root], json!([{"kind": null}]));
    }
    assert_eq!(api.refusal("{ itemsBy(kind: \"SMALL\") { id } }", Json::Null).await.0, "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(api.refusal("{ itemsBy(kind: small) { id } }", Json::Null).await.0, "GRAPHQL_VALIDATION_FAILED");
    let (code, message) = api.refusal("query ($k: Kind) { itemsBy(kind: $k) { id } }", json!({"k": "odd"})).await;
    assert!(code == "BAD_USER_INPUT" && message.contains("ODD"), "{message}");
}

/// One row of `v_odd` with this document, asked; the answer has this data and these errors (path, part of the
/// message).
async fn check_odd(document: Json, selection: &str, data: Json, errors: &[(Json, &str)]) {
    let database = world::database();
    database.execute(&format!(
        "INSERT INTO tb_odd (pk_odd, data) VALUES (1, '{}')",
        document.to_string().replace('\'', "''")
    ));
    let api = Api::start(&database, &world::schema()).await;
    let (status, answer) = api.ask(&format!("{{ odds {{ {selection} }} itemsCount }}"), Json::Null).await;
    assert_eq!(status, 200);
    let expected = if data.is_null() { Json::Null } else { json!({"odds": data, "itemsCount": 60}) };
    assert_eq!(answer["data"], expected, "{document}: {answer:#}");
    let found = answer["errors"].as_array().cloned().unwrap_or_default();
    assert_eq!(found.len(), errors.len(), "{document}: {answer:#}");
    for (error, (path, said)) in found.iter().zip(errors) {
        assert_eq!(error["path"], *path, "{answer:#}");
        assert_eq!(error["extensions"]["code"], "DATA_MISMATCH", "{answer:#}");
        assert!(error["extensions"]["requestId"].is_string());
        assert!(error["locations"][0]["line"].is_u64(), "{answer:#}");
        assert!(error["message"].as_str().unwrap().contains(said), "{answer:#}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_null_and_named() {
    check_odd(
        json!({"kind": "gone", "text": "fine"}),
        "text kind",
        json!([{"text": "fine", "kind": null}]),
        &[(json!(["odds", 0, "kind"]), "Odd.kind")],
    )
    .await;
    check_odd(
        json!({"text": 5, "size": "many", "day": "someday"}),
        "text a: size day",
        json!([{"text": null, "a": null, "day": null}]),
        &[
            (json!(["odds", 0, "text"]), "Odd.text"),
            (json!(["odds", 0, "a"]), "Odd.size"),
            (json!(["odds", 0, "day"]), "Odd.day"),
        ],
    )
    .await;
    check_odd(
        json!({"loose": ["odd", "gone", null], "kinds": ["odd", "gone"]}),
        "loose kinds",
        json!([{"loose": ["ODD", null, null], "kinds": null}]),
        &[(json!(["odds", 0, "loose", 1]), "loose"), (json!(["odds", 0, "kinds", 1]), "kinds")],
    )
    .await;
    check_odd(
        json!({"inner": "no object", "list": {}}),
        "inner { free } list { free }",
        json!([{"inner": null, "list": null}]),
        &[(json!(["odds", 0, "inner"]), "Odd.inner"), (json!(["odds", 0, "list"]), "Odd.list")],
    )
    .await;
}

#[tokio::test]
async fn a_null_goes_up_to_the_nearest_that_may_be_null() {
    let full = json!({"strict": "s"});
    check_odd(
        json!({"inner": {"free": "f"}, "strict": "s"}),
        "strict inner { free strict }",
        json!([{"strict": "s", "inner": null}]),
        &[(json!(["odds", 0, "inner", "strict"]), "null in a non-null field")],
    )
    .await;
    check_odd(
        json!({"inner": {"strict": "s", "below": {"strict": "s", "below": {}}}}),
        "inner { below { below { s: strict } } }",
        json!([{"inner": {"below": {"below": null}}}]),
        &[(json!(["odds", 0, "inner", "below", "below", "s"]), "OddInner.strict")],
    )
    .await;
    check_odd(
        json!({"list": [full, {}, full], "looseList": [full, {}, null]}),
        "list { strict }",
        json!([{"list": null}]),
        &[(json!(["odds", 0, "list", 1, "strict"]), "null")],
    )
    .await;
    check_odd(
        json!({"loose_list": [full, {}, null]}),
        "looseList { strict }",
        json!([{"looseList": [{"strict": "s"}, null, null]}]),
        &[(json!(["odds", 0, "looseList", 1, "strict"]), "null")],
    )
    .await;
    // Nothing on the way may be null, up to the root and beyond it.
    check_odd(
        json!({"strict_inner": {}}),
        "strictInner { strict }",
        json!(null),
        &[(json!(["odds", 0, "strictInner", "strict"]), "null")],
    )
    .await;
    check_odd(json!({}), "strict", json!(null), &[(json!(["odds", 0, "strict"]), "Odd.strict")]).await;
}

#[tokio::test]
async fn a_null_stops_at_the_node_of_an_edge() {
    let database = world::database();
    database.execute("INSERT INTO tb_odd (pk_odd, data) VALUES (1, '{\"strict\": \"s\"}'), (2, '{}')");
    let api = Api::start(&database, &world::schema()).await;
    let (_, answer) = api.ask("{ oddsPaged { edges { node { strict } } totalCount } }", Json::Null).await;
    let edges = json!([{"node": {"strict": "s"}}, {"node": null}]);
    assert_eq!(answer["data"]["oddsPaged"], json!({"edges": edges, "totalCount": 2}));
    assert_eq!(answer["errors"][0]["path"], json!(["oddsPaged", "edges", 1, "node", "strict"]));
}

#[tokio::test]
async fn a_failed_nullable_root_leaves_its_siblings() {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_good AS SELECT 1 AS pk_good, 'g' AS id, 'good' AS name; \
         CREATE VIEW v_bad AS SELECT 1 AS pk_bad, 'b' AS id, (1 / (random() * 0)::int)::text AS name",
    );
    let query = |name: &str, ty: &str, nullable: bool| json!({"name": name, "return_type": ty, "returns_list": true, "nullable": nullable, "arguments": [], "auto_params": true});
    let named = |name: &str, relation: &str| json!({"name": name, "sql_source": relation, "fields": fields(&["id: ID!", "name: String"])});
    let schema = json!({
        "types": [named("Good", "v_good"), named("Bad", "v_bad")],
        "queries": [query("goods", "Good", false), query("bads", "Bad", true), query("strictBads", "Bad", false)],
    });
    let api = Api::start(&database, &schema).await;
    let (status, answer) = api.ask("{ goods { name } bads { name } b: goods { id } }", Json::Null).await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"], json!({"goods": [{"name": "good"}], "bads": null, "b": [{"id": "g"}]}));
    assert_eq!(answer["errors"][0]["path"], json!(["bads"]));
    let (_, answer) = api.ask("{ goods { name } strictBads { name } }", Json::Null).await;
    assert_eq!(answer["data"], Json::Null);
    assert_eq!(answer["errors"][0]["path"], json!(["strictBads"]));
}
