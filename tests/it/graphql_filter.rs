//! `where`: every operator, on typed columns and on documents, gives the rows that SQL written by hand gives.

use serde_json::{Value as Json, json};
use tokio_postgres::NoTls;

use crate::harness::Database;
use crate::service::Api;
use crate::world;

/// One filter, and the condition on `tb_item` that means the same.
type Case = (Json, &'static str);

/// The keys of rows of `tb_item`, in the order of the query.
async fn expected(database: &Database, rest: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let sql = format!("SELECT i.id::text FROM tb_item i {rest}");
    let rows = client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    connection.abort();
    rows.iter().map(|row| row.get(0)).collect()
}

fn ids(list: &Json) -> Vec<String> {
    list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// Asks with the filter as a variable and, where it can be written so, inside the document.
async fn check(database: &Database, api: &Api, roots: &[(&str, &str)], cases: &[Case]) {
    for (filter, condition) in cases {
        let expected = sorted(expected(database, &format!("WHERE {condition}")).await);
        for (root, ty) in roots {
            let query = format!("query ($w: {ty}WhereInput) {{ {root}(where: $w) {{ id }} }}");
            let data = api.data(&query, json!({"w": filter})).await;
            assert_eq!(sorted(ids(&data[root])), expected, "{root} {filter} is not {condition}");
            let query = format!("{{ {root}(where: {}) {{ id }} }}", literal(filter));
            let data = api.data(&query, Json::Null).await;
            assert_eq!(sorted(ids(&data[root])), expected, "{query} is not {condition}");
        }
    }
}

/// Like [`check`] with both sources, and every case leaves some rows and not all.
async fn check_items(database: &Database, api: &Api, cases: &[Case]) {
    for (filter, condition) in cases {
        let found = expected(database, &format!("WHERE {condition}")).await.len();
        assert!((1..60).contains(&found), "{filter} leaves {found} rows, which shows nothing");
    }
    check(database, api, &[("items", "Item"), ("itemDocs", "ItemDoc")], cases).await;
}

/// JSON as GraphQL writes it; a string of capitals is an enum value.
fn literal(json: &Json) -> String {
    match json {
        Json::Object(map) => {
            let fields: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", literal(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Json::String(text) if ["SMALL", "LARGE", "ODD"].contains(&text.as_str()) => text.clone(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn operators_of_text() {
    let (database, api) = world::api().await;
    let cases: Vec<Case> = vec![
        (json!({"note": {"eq": "note 3"}}), "note = 'note 3'"),
        (json!({"note": {"neq": "note 3"}}), "note <> 'note 3'"),
        (json!({"note": {"gt": "note 3"}}), "note > 'note 3'"),
        (json!({"note": {"gte": "note 3"}}), "note >= 'note 3'"),
        (json!({"note": {"lt": "note 3"}}), "note < 'note 3'"),
        (json!({"note": {"lte": "note 3"}}), "note <= 'note 3'"),
        (json!({"note": {"gt": "note 1", "lt": "note 4"}}), "note > 'note 1' AND note < 'note 4'"),
        (json!({"note": {"in": ["note 1", "note 2", "none"]}}), "note IN ('note 1', 'note 2')"),
        (json!({"note": {"in": "note 1"}}), "note = 'note 1'"),
        (json!({"note": {"nin": ["note 1", "note 2"]}}), "note NOT IN ('note 1', 'note 2')"),
        (json!({"note": {"isNull": true}}), "note IS NULL"),
        (json!({"note": {"isNull": false}}), "note IS NOT NULL"),
        (json!({"note": {"isNotNull": true}}), "note IS NOT NULL"),
        (json!({"note": {"isNotNull": false}}), "note IS NULL"),
        (json!({"name": {"like": "_lain 1%"}}), "name LIKE '_lain 1%'"),
        (json!({"name": {"nlike": "_lain%"}}), "name NOT LIKE '_lain%'"),
        (json!({"name": {"ilike": "PLAIN%"}}), "name ILIKE 'PLAIN%'"),
        (json!({"name": {"nilike": "PLAIN%"}}), "name NOT ILIKE 'PLAIN%'"),
        (json!({"name": {"contains": "_b"}}), "strpos(name, '_b') > 0"),
        (json!({"name": {"contains": "0% "}}), "strpos(name, '0% ') > 0"),
        (json!({"name": {"contains": "k\\s"}}), "strpos(name, 'k\\s') > 0"),
        (json!({"name": {"contains": "'quoted'"}}), "strpos(name, '''quoted''') > 0"),
        (json!({"name": {"icontains": "LAIN"}}), "strpos(lower(name), 'lain') > 0"),
        (json!({"name": {"startsWith": "100%"}}), "starts_with(name, '100%')"),
        (json!({"name": {"istartsWith": "pLAIN"}}), "starts_with(lower(name), 'plain')"),
        (json!({"name": {"endsWith": " 13"}}), "name LIKE '% 13'"),
        (json!({"name": {"iendsWith": "D' 5"}}), "name LIKE '%d'' 5'"),
        (json!({"name": {"regex": "^[Pp]lain [12]"}}), "name ~ '^[Pp]lain [12]'"),
        (json!({"name": {"iregex": "^plain"}}), "name ~* '^plain'"),
        (json!({"name": {"nregex": "^plain"}}), "name !~ '^plain'"),
        (json!({"name": {"niregex": "^plain"}}), "name !~* '^plain'"),
    ];
    check_items(&database, &api, &cases).await;
    let id = expected(&database, "WHERE pk_item = 7").await.remove(0);
    let others = expected(&database, "WHERE pk_item IN (8, 9)").await;
    for (filter, condition) in [
        (json!({"id": {"eq": id}}), "pk_item = 7"),
        (json!({"id": {"neq": id}}), "pk_item <> 7"),
        (json!({"id": {"in": others}}), "pk_item IN (8, 9)"),
        (json!({"id": {"nin": others}}), "pk_item NOT IN (8, 9)"),
        (json!({"id": {"contains": &id[..13]}}), "pk_item = 7"),
    ] {
        check_items(&database, &api, &[(filter, condition)]).await;
    }
}

#[tokio::test]
async fn operators_of_numbers_and_times() {
    let (database, api) = world::api().await;
    for (field, column, value, sql) in [
        ("size", "size", json!(4), "4"),
        ("total", "total", json!(9_007_199_254_741_011_i64), "9007199254741011"),
        ("total", "total", json!("9007199254741011"), "9007199254741011"),
        ("weight", "weight", json!(2.5), "2.5"),
        ("weight", "weight", json!(5), "5"),
        ("price", "price", json!("23.00"), "23.00"),
        ("price", "price", json!(34.5), "34.5"),
        ("madeAt", "made_at", json!("2024-01-08T04:00:00+02:00"), "'2024-01-08 02:00:00+00'"),
        ("madeAt", "made_at", json!("2024-01-08"), "'2024-01-08 00:00:00+00'"),
        ("day", "day", json!("2024-01-23"), "'2024-01-23'"),
        ("at", "at", json!("09:16:00"), "'09:16'"),
        ("code", "code", json!("9e6a55b6-b456-3e65-2a23-be9d623055c1"), "'9e6a55b6-b456-3e65-2a23-be9d623055c1'"),
    ] {
        for (operator, spelled) in [("eq", "="), ("neq", "<>"), ("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")]
        {
            let condition = format!("{column} {spelled} {sql}");
            let filter = json!({field: {operator: value}});
            check_one(&database, &api, filter, &condition).await;
        }
        check_one(&database, &api, json!({field: {"in": [value, value]}}), &format!("{column} = {sql}")).await;
        check_one(&database, &api, json!({field: {"nin": [value]}}), &format!("{column} <> {sql}")).await;
        check_one(&database, &api, json!({field: {"isNull": true}}), &format!("{column} IS NULL")).await;
        check_one(&database, &api, json!({field: {"isNull": false}}), &format!("{column} IS NOT NULL")).await;
    }
}

async fn check_one(database: &Database, api: &Api, filter: Json, condition: &str) {
    let expected = sorted(expected(database, &format!("WHERE {condition}")).await);
    for (root, ty) in [("items", "Item"), ("itemDocs", "ItemDoc")] {
        let query = format!("query ($w: {ty}WhereInput) {{ {root}(where: $w) {{ id }} }}");
        let data = api.data(&query, json!({"w": filter})).await;
        assert_eq!(sorted(ids(&data[root])), expected, "{root} {filter} is not {condition}");
    }
}

#[tokio::test]
async fn operators_of_booleans_enums_lists_and_json() {
    let (database, api) = world::api().await;
    let cases: Vec<Case> = vec![
        (json!({"active": {"eq": true}}), "active"),
        (json!({"active": {"neq": true}}), "NOT active"),
        (json!({"active": {"in": [false]}}), "NOT active"),
        (json!({"active": {"isNull": true}}), "active IS NULL"),
        (json!({"kind": {"eq": "SMALL"}}), "kind = 'small-size'"),
        (json!({"kind": {"neq": "SMALL"}}), "kind <> 'small-size'"),
        (json!({"kind": {"in": ["SMALL", "ODD"]}}), "kind IN ('small-size', 'odd')"),
        (json!({"kind": {"nin": ["SMALL", "ODD"]}}), "kind = 'large-size'"),
        (json!({"kind": {"isNull": true}}), "kind IS NULL"),
        (json!({"tags": {"contains": ["red"]}}), "tags @> '{red}'"),
        (json!({"tags": {"contains": "blue"}}), "tags @> '{blue}'"),
        (json!({"tags": {"containedBy": ["red", "blue"]}}), "tags <@ '{red,blue}'"),
        (json!({"tags": {"overlaps": ["blue", "green"]}}), "tags && '{blue,green}'"),
        (json!({"tags": {"lengthEq": 2}}), "cardinality(tags) = 2"),
        (json!({"tags": {"lengthNeq": 2}}), "cardinality(tags) <> 2"),
        (json!({"tags": {"lengthGt": 1}}), "cardinality(tags) > 1"),
        (json!({"tags": {"lengthGte": 1}}), "cardinality(tags) >= 1"),
        (json!({"tags": {"lengthLt": 1}}), "cardinality(tags) < 1"),
        (json!({"tags": {"lengthLte": 1}}), "cardinality(tags) <= 1"),
        (json!({"tags": {"isNull": true}}), "tags IS NULL"),
        (json!({"tags": {"isNull": false}}), "tags IS NOT NULL"),
        (json!({"meta": {"eq": {"a": 1}}}), "meta = '{\"a\": 1}'"),
        (json!({"meta": {"neq": {"a": 1}}}), "meta <> '{\"a\": 1}'"),
        (json!({"meta": {"contains": {"a": 1}}}), "meta @> '{\"a\": 1}'"),
        (json!({"meta": {"containedBy": {"a": 1, "c": 2}}}), "meta <@ '{\"a\": 1, \"c\": 2}'"),
        (json!({"meta": {"hasKey": "b"}}), "meta ? 'b'"),
        (json!({"meta": {"isNull": true}}), "meta IS NULL"),
        (json!({"meta": {"isNull": false}}), "meta IS NOT NULL"),
    ];
    check_items(&database, &api, &cases).await;
}

#[tokio::test]
async fn boolean_operators() {
    let (database, api) = world::api().await;
    let (small, early) = (json!({"size": {"lt": 3}}), json!({"note": {"eq": "note 1"}}));
    let cases: Vec<Case> = vec![
        (json!({"size": {"lt": 3}, "note": {"eq": "note 1"}}), "size < 3 AND note = 'note 1'"),
        (json!({"and": [small, early]}), "size < 3 AND note = 'note 1'"),
        (json!({"or": [small, early]}), "size < 3 OR note = 'note 1'"),
        (json!({"or": [small]}), "size < 3"),
        (json!({"or": small}), "size < 3"),
        (json!({"not": small}), "size >= 3"),
        // What a filter leaves out is what its negation lets in: also where the comparison is unknown.
        (json!({"not": early}), "note IS DISTINCT FROM 'note 1'"),
        (json!({"not": {"not": early}}), "note = 'note 1'"),
        (json!({"not": {"or": [small, early]}}), "size >= 3 AND note IS DISTINCT FROM 'note 1'"),
        (
            json!({"or": [{"and": [small, {"not": early}]}, {"size": {"eq": 9}}], "note": {"isNull": false}}),
            "((size < 3 AND note <> 'note 1') OR size = 9) AND note IS NOT NULL",
        ),
        (json!({"_or": [{"size": {"_eq": 1}}, {"size": {"_eq": 2}}]}), "size IN (1, 2)"),
        (
            json!({"_not": {"note": {"_is_null": true}}, "_and": [{"size": {"_gte": 5}}]}),
            "note IS NOT NULL AND size >= 5",
        ),
    ];
    check_items(&database, &api, &cases).await;
    let both = [("items", "Item"), ("itemDocs", "ItemDoc")];
    let trivial: Vec<Case> = vec![
        (json!({}), "true"),
        (json!({"and": []}), "true"),
        (json!({"or": []}), "false"),
        (json!({"or": [{}, {"size": {"eq": 1}}]}), "true"),
        (json!({"not": {}}), "false"),
        (json!({"size": {}}), "true"),
        (json!({"size": {"in": []}}), "false"),
        (json!({"size": {"nin": []}}), "true"),
    ];
    check(&database, &api, &both, &trivial).await;
}

#[tokio::test]
async fn filters_through_objects_and_lists() {
    let (database, api) = world::api().await;
    let embedded: Vec<Case> = vec![
        (json!({"owner": {"fullName": {"eq": "Owner 3"}}}), "owner->>'full_name' = 'Owner 3'"),
        (json!({"owner": {"age": {"isNull": true}}}), "(owner->>'age') IS NULL"),
        (json!({"owner": {"age": {"gt": 4}}}), "(owner->>'age')::int > 4"),
        (json!({"not": {"owner": {"age": {"gt": 4}}}}), "((owner->>'age')::int > 4) IS NOT TRUE"),
        (
            json!({"parts": {"qty": {"gte": 3}, "sku": {"startsWith": "s"}}}),
            "EXISTS (SELECT FROM jsonb_array_elements(CASE WHEN jsonb_typeof(parts) = 'array' THEN parts ELSE '[]' END) p \
             WHERE (p->>'qty')::int >= 3 AND p->>'sku' LIKE 's%')",
        ),
        (json!({"not": {"parts": {"sku": {"eq": "t"}}}}), "jsonb_array_length(coalesce(parts, '[]')) = 0"),
    ];
    check_items(&database, &api, &embedded).await;
    let joined: Vec<Case> = vec![
        (json!({"category": {"name": {"eq": "Category 2"}}}), "fk_category = 2"),
        (json!({"category": {"rank": {"isNull": true}}}), "fk_category = 3"),
        (json!({"not": {"category": {"name": {"eq": "Category 2"}}}}), "fk_category IS DISTINCT FROM 2"),
        (
            json!({"category": {"items": {"size": {"eq": 7}, "category": {"name": {"contains": "5"}}}}}),
            "fk_category = 5 AND EXISTS (SELECT FROM tb_item o WHERE o.fk_category = 5 AND o.size = 7)",
        ),
        (
            json!({"or": [{"category": {"name": {"eq": "Category 1"}}}, {"owner": {"fullName": {"eq": "Owner 1"}}}]}),
            "fk_category = 1 OR owner->>'full_name' = 'Owner 1'",
        ),
    ];
    check(&database, &api, &[("items", "Item")], &joined).await;
    // Through a joined list: some item.
    let query = "query ($w: CategoryWhereInput) { categories(where: $w, orderBy: {name: ASC}) { name } }";
    for (filter, expected) in [
        (json!({"items": {"size": {"eq": 0}}}), vec!["Category 2", "Category 4"]),
        (json!({"items": {"kind": {"eq": "ODD"}, "size": {"eq": 0}}}), vec!["Category 2", "Category 4"]),
        (json!({"not": {"items": {}}}), vec!["Category 6"]),
        (json!({"items": {"parts": {"qty": {"eq": 0}}}}), vec!["Category 2"]),
    ] {
        let data = api.data(query, json!({"w": filter})).await;
        let names: Vec<&str> =
            data["categories"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{filter}");
    }
}

#[tokio::test]
async fn null_and_omitted_are_two_things() {
    let (_database, api) = world::api().await;
    let count =
        async |query: &str, variables: Json| api.data(query, variables).await["itemsBy"].as_array().unwrap().len();
    let query = "query ($n: String, $k: Kind) { itemsBy(note: $n, kind: $k) { id } }";
    assert_eq!(count(query, json!({})).await, 60);
    assert_eq!(count(query, json!({"n": null})).await, 12);
    assert_eq!(count(query, json!({"n": "note 1"})).await, 7);
    assert_eq!(count(query, json!({"n": "note 1", "k": null})).await, 1);
    assert_eq!(count(query, json!({"k": "LARGE"})).await, 15);
    assert_eq!(count("{ itemsBy(note: null) { id } }", Json::Null).await, 12);
    assert_eq!(count("{ itemsBy(kind: ODD, note: null) { id } }", Json::Null).await, 3);
    // A column that the type does not show.
    assert_eq!(count("{ itemsBy(fkCategory: 3) { id } }", Json::Null).await, 10);
    assert_eq!(count("query ($c: Int) { itemsBy(fkCategory: $c) { id } }", json!({"c": null})).await, 10);

    for root in ["items", "itemDocs"] {
        let all = |filter: &str| format!("{{ {root}(where: {filter}) {{ id }} }}");
        for filter in ["{note: {eq: null}}", "{note: {neq: null}}", "{size: {in: null}}", "{kind: {eq: null}}"] {
            let (code, message) = api.refusal(&all(filter), Json::Null).await;
            assert_eq!(code, "BAD_USER_INPUT", "{filter}");
            assert!(message.contains("isNull"), "{filter}: {message}");
        }
        // An operator whose variable is absent is not there.
        let ty = if root == "items" { "Item" } else { "ItemDoc" };
        let query = format!("query ($n: String) {{ {root}(where: {{note: {{eq: $n}}}}) {{ id }} }}");
        assert_eq!(api.data(&query, json!({})).await[root].as_array().unwrap().len(), 60);
        let (code, message) = api.refusal(&query, json!({"n": null})).await;
        assert!(code == "BAD_USER_INPUT" && message.contains("isNull"), "{message}");
        let query = format!("query ($w: {ty}WhereInput) {{ {root}(where: $w) {{ id }} }}");
        assert_eq!(api.data(&query, json!({"w": null})).await[root].as_array().unwrap().len(), 60);
    }
}

#[tokio::test]
async fn bad_filters_are_refused_and_named() {
    let (_database, api) = world::api().await;
    let query = "query ($w: ItemWhereInput) { items(where: $w) { id } }";
    for (filter, said) in [
        (json!({"nmae": {"eq": "x"}}), "did you mean \"name\""),
        (json!({"name": {"equals": "x"}}), "eq"),
        (json!({"size": {"eq": "four"}}), "\"four\" is not an Int"),
        (json!({"size": {"eq": 3_000_000_000_i64}}), "not an Int"),
        (json!({"kind": {"eq": "small-size"}}), "SMALL"),
        (json!({"kind": {"eq": "SMAL"}}), "did you mean \"SMALL\""),
        (json!({"code": {"eq": "no uuid"}}), "UUID"),
        (json!({"day": {"eq": "tomorrow"}}), "Date"),
        (json!({"price": {"eq": "1; DROP TABLE tb_item"}}), "Decimal"),
        (json!({"tags": {"contains": [1]}}), "string"),
        (json!({"name": {"regex": "("}}), "parentheses"),
        (json!({"name": {"like": "a\u{0}b"}}), ""),
        (json!(5), "object"),
    ] {
        let (code, message) = api.refusal(query, json!({"w": filter})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{filter}: {message}");
        assert!(message.contains(said), "{filter}: {message}");
    }
    let mut deep = json!({"size": {"eq": 1}});
    for _ in 0..60 {
        deep = json!({"and": [deep]});
    }
    let (code, message) = api.refusal(query, json!({"w": deep})).await;
    assert!(["TOO_COMPLEX", "BAD_USER_INPUT"].contains(&code.as_str()), "{message}");
    // A text that looks like SQL is a text.
    let data = api.data(query, json!({"w": {"name": {"eq": "' OR true --"}}})).await;
    assert_eq!(data["items"], json!([]));
}
