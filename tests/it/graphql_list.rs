//! Orders, pages and connections: each row exactly once, in the order that SQL gives.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use crate::harness::Database;
use crate::service::Api;
use crate::world;

fn ids(list: &Json) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

/// The keys of `tb_item` in an order.
async fn expected(database: &Database, rest: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let rows = client.query(&format!("SELECT id::text FROM tb_item {rest}"), &[]).await.unwrap();
    connection.abort();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_direction_orders_as_sql_does() {
    let (database, api) = world::api().await;
    for (direction, spelled) in [
        ("ASC", "ASC"),
        ("DESC", "DESC"),
        ("ASC_NULLS_FIRST", "ASC NULLS FIRST"),
        ("ASC_NULLS_LAST", "ASC NULLS LAST"),
        ("DESC_NULLS_FIRST", "DESC NULLS FIRST"),
        ("DESC_NULLS_LAST", "DESC NULLS LAST"),
    ] {
        for (field, column) in [
            ("note", "note"),
            ("size", "size"),
            ("total", "total"),
            ("weight", "weight"),
            ("price", "price"),
            ("active", "active"),
            ("madeAt", "made_at"),
            ("day", "day"),
            ("at", "at"),
            ("code", "code"),
            ("kind", "kind"),
        ] {
            for (root, ty) in [("items", "Item"), ("itemDocs", "ItemDoc")] {
                // An enum in a document is a text, and is ordered as one.
                let column = if root == "itemDocs" && column == "kind" { "kind::text" } else { column };
                let query = format!("query ($o: [{ty}OrderByInput!]) {{ {root}(orderBy: $o, limit: 100) {{ id }} }}");
                let data = api.data(&query, json!({"o": [{field: direction}, {"id": "DESC"}]})).await;
                let expected = expected(&database, &format!("ORDER BY {column} {spelled}, id DESC")).await;
                assert_eq!(ids(&data[root]), expected, "{root} by {field} {direction}");
            }
        }
    }
    // One object is a list of one; several keys of one object come in the order of the document.
    let data = api.data("{ items(orderBy: {size: DESC, name: ASC}) { id } }", Json::Null).await;
    assert_eq!(ids(&data["items"]), expected(&database, "ORDER BY size DESC, name").await);
    let data = api
        .data("query ($d: OrderDirection!) { items(orderBy: [{size: $d}, {name: ASC}]) { id } }", json!({"d": "DESC"}))
        .await;
    assert_eq!(ids(&data["items"]), expected(&database, "ORDER BY size DESC, name").await);
    for (order, said) in [
        (json!([{"size": "UPWARD"}]), "UPWARD"),
        (json!([{"nothing": "ASC"}]), "nothing"),
        (json!([{"tags": "ASC"}]), "tags"),
        (json!("size"), "object"),
    ] {
        let (code, message) =
            api.refusal("query ($o: [ItemOrderByInput!]) { items(orderBy: $o) { id } }", json!({"o": order})).await;
        assert!(code == "BAD_USER_INPUT" && message.contains(said), "{order}: {message}");
    }
}

#[tokio::test]
async fn limit_and_offset() {
    let (database, api) = world::api().await;
    let query = "query ($l: Int, $o: Int) { items(limit: $l, offset: $o, orderBy: [{size: ASC}]) { id } }";
    let all = expected(&database, "ORDER BY size, pk_item").await;
    for (limit, offset, expected) in [
        (json!(5), json!(null), &all[..5]),
        (json!(5), json!(0), &all[..5]),
        (json!(5), json!(3), &all[3..8]),
        (json!(null), json!(55), &all[55..]),
        (json!(100), json!(null), &all[..]),
        (json!(0), json!(null), &[]),
        (json!(10), json!(60), &[]),
    ] {
        let data = api.data(query, json!({"l": limit, "o": offset})).await;
        assert_eq!(ids(&data["items"]), expected, "limit {limit} offset {offset}");
    }
    // Pages of an order with ties, and of no order at all, neither overlap nor leave anything out.
    for (root, order) in [
        ("items", "orderBy: [{size: DESC}],"),
        ("items", ""),
        ("itemDocs", "orderBy: [{note: ASC}],"),
        ("itemDocs", ""),
    ] {
        let mut seen = Vec::new();
        for page in 0..9 {
            let query = format!("{{ {root}({order} limit: 7, offset: {}) {{ id }} }}", page * 7);
            seen.extend(ids(&api.data(&query, Json::Null).await[root]).iter().map(|id| (*id).to_owned()));
        }
        assert_eq!(seen.len(), 60);
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 60, "{root} {order}");
    }
    for (variables, argument) in
        [(json!({"l": -1}), "limit"), (json!({"o": -1}), "offset"), (json!({"l": 1.5}), ""), (json!({"l": "5"}), "")]
    {
        let (code, message) = api.refusal(query, variables.clone()).await;
        assert!(code == "BAD_USER_INPUT" && message.contains(argument), "{variables}: {message}");
    }
    let (code, message) = api.refusal("{ items(limit: -1) { id } }", Json::Null).await;
    assert!(code == "BAD_USER_INPUT" && message.contains("limit"), "{message}");

    // A declared default, and the null that takes it away.
    for (arguments, count) in [("", 3), ("(limit: 7)", 7), ("(limit: null)", 60)] {
        let data = api.data(&format!("{{ itemsFew{arguments} {{ id }} }}"), Json::Null).await;
        assert_eq!(data["itemsFew"].as_array().unwrap().len(), count, "{arguments}");
    }
    let data = api.data("query ($l: Int) { itemsFew(limit: $l) { id } }", json!({})).await;
    assert_eq!(data["itemsFew"].as_array().unwrap().len(), 3, "an absent variable leaves the default");
    let data = api.data("{ itemsCount all: itemsCount(where: {size: {lt: 3}}) }", Json::Null).await;
    assert_eq!(data, json!({"itemsCount": 60, "all": 18}));
}

#[tokio::test]
async fn joined_lists_take_arguments_of_their_own() {
    let (_database, api) = world::api().await;
    let query = "query ($small: Int!, $l: Int) {
        categories(orderBy: [{name: DESC}], limit: 3, offset: 1) {
            name
            first: items(orderBy: [{madeAt: DESC_NULLS_LAST}], limit: 2) { name category { name } }
            small: items(where: {size: {lte: $small}}, orderBy: [{size: ASC}], limit: $l, offset: 1) { size }
            none: items(where: {name: {eq: \"nothing\"}}) { id }
            items(limit: 0) { id }
        }
    }";
    let data = api.data(query, json!({"small": 5, "l": 2})).await;
    assert_eq!(
        data,
        json!({"categories": [
            {"name": "Category 5", "first": [
                {"name": "Ärger 'quoted' 59", "category": {"name": "Category 5"}},
                {"name": "Ärger 'quoted' 53", "category": {"name": "Category 5"}}],
             "small": [{"size": 1}, {"size": 3}], "none": [], "items": []},
            {"name": "Category 4", "first": [
                {"name": "back\\slash 58", "category": {"name": "Category 4"}},
                {"name": "back\\slash 52", "category": {"name": "Category 4"}}],
             "small": [{"size": 0}, {"size": 2}], "none": [], "items": []},
            {"name": "Category 3", "first": [
                {"name": "100% 57", "category": {"name": "Category 3"}},
                {"name": "100% 51", "category": {"name": "Category 3"}}],
             "small": [{"size": 1}, {"size": 3}], "none": [], "items": []},
        ]})
    );
    // The same document with other values is the same statement with other rows.
    let data = api.data(query, json!({"small": 0, "l": null})).await;
    assert_eq!(data["categories"][1]["small"], json!([{"size": 0}]));
    let (code, message) = api.refusal(query, json!({"small": 5, "l": -2})).await;
    assert!(code == "BAD_USER_INPUT" && message.contains("limit"), "{message}");
}

#[tokio::test]
async fn a_page_has_at_most_max_page_rows() {
    let (_database, api) = world::api_with("[graphql]\nmax_page_rows = 7\n").await;
    let data =
        api.data("{ items { id } categories { items { id } } itemsPaged { edges { cursor } } }", Json::Null).await;
    assert_eq!(data["items"].as_array().unwrap().len(), 7);
    assert_eq!(data["itemsPaged"]["edges"].as_array().unwrap().len(), 7);
    let lengths = data["categories"].as_array().unwrap().iter().map(|row| row["items"].as_array().unwrap().len());
    assert_eq!(lengths.max(), Some(7));
    api.data("{ items(limit: 7) { id } }", Json::Null).await;
    for query in [
        "{ items(limit: 8) { id } }",
        "{ categories { items(limit: 8) { id } } }",
        "{ itemsPaged(first: 8) { totalCount } }",
    ] {
        let (code, message) = api.refusal(query, Json::Null).await;
        assert!(code == "TOO_COMPLEX" && message.contains('7'), "{query}: {message}");
    }
}

/// Walks a connection from end to end and returns the keys in the order of the whole list.
async fn walk(api: &Api, root: &str, ty: &str, order: &Json, size: usize, forward: bool) -> Vec<String> {
    let (count, cursor, edge) = if forward { ("first", "after", "end") } else { ("last", "before", "start") };
    let query = format!(
        "query ($n: Int, $c: String, $o: [{ty}OrderByInput!], $w: {ty}WhereInput) {{
            {root}({count}: $n, {cursor}: $c, orderBy: $o, where: $w) {{
                totalCount
                pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
                edges {{ cursor node {{ id }} }}
            }}
        }}"
    );
    let mut all: Vec<String> = Vec::new();
    let mut position = Json::Null;
    for page in 0.. {
        assert!(page <= 60 / size, "the walk through {root} by {order} does not end");
        let data = api.data(&query, json!({"n": size, "c": position, "o": order})).await;
        let (info, edges) = (&data[root]["pageInfo"], data[root]["edges"].as_array().unwrap());
        assert_eq!(data[root]["totalCount"], json!(60));
        let keys = edges.iter().map(|edge| edge["node"]["id"].as_str().unwrap().to_owned());
        if forward {
            all.extend(keys);
        } else {
            all = keys.chain(all).collect();
        }
        assert_eq!(info["startCursor"], edges.first().map_or(Json::Null, |edge| edge["cursor"].clone()));
        assert_eq!(info["endCursor"], edges.last().map_or(Json::Null, |edge| edge["cursor"].clone()));
        let (ahead, behind) =
            if forward { ("hasNextPage", "hasPreviousPage") } else { ("hasPreviousPage", "hasNextPage") };
        assert_eq!(info[behind], json!(page > 0), "{root} by {order}, page {page}");
        if info[ahead] == json!(false) {
            break;
        }
        assert_eq!(edges.len(), size);
        position = info[format!("{edge}Cursor")].clone();
    }
    all
}

#[tokio::test]
async fn connections_visit_each_row_once() {
    let (database, api) = world::api().await;
    for (field, column) in [
        ("note", "note"),
        ("weight", "weight"),
        ("madeAt", "made_at"),
        ("kind", "kind"),
        ("active", "active"),
        ("price", "price"),
        ("code", "code"),
        ("day", "day"),
        ("at", "at"),
        ("total", "total"),
    ] {
        for (direction, spelled) in [
            ("ASC", "ASC"),
            ("DESC", "DESC"),
            ("ASC_NULLS_FIRST", "ASC NULLS FIRST"),
            ("DESC_NULLS_LAST", "DESC NULLS LAST"),
        ] {
            let order = json!([{field: direction}]);
            let rows = expected(&database, &format!("ORDER BY {column} {spelled}, pk_item")).await;
            for forward in [true, false] {
                let found = walk(&api, "itemsPaged", "Item", &order, 13, forward).await;
                assert_eq!(found, rows, "itemsPaged by {field} {direction}, forward: {forward}");
            }
            let column = if column == "kind" { "kind::text" } else { column };
            let rows = expected(&database, &format!("ORDER BY {column} {spelled}, id")).await;
            for forward in [true, false] {
                let found = walk(&api, "itemDocsPaged", "ItemDoc", &order, 13, forward).await;
                assert_eq!(found, rows, "itemDocsPaged by {field} {direction}, forward: {forward}");
            }
        }
    }
    for (order, sql) in [
        (json!(null), "pk_item"),
        (json!([{"note": "DESC"}, {"weight": "ASC_NULLS_FIRST"}]), "note DESC, weight NULLS FIRST, pk_item"),
        (json!([{"id": "DESC"}]), "id DESC"),
        (json!([{"size": "ASC"}, {"id": "DESC"}]), "size, id DESC"),
    ] {
        let rows = expected(&database, &format!("ORDER BY {sql}")).await;
        for forward in [true, false] {
            assert_eq!(walk(&api, "itemsPaged", "Item", &order, 1, forward).await, rows, "{order} {forward}");
            assert_eq!(walk(&api, "itemsPaged", "Item", &order, 60, forward).await, rows, "{order} {forward}");
        }
    }
}

#[tokio::test]
async fn connections_answer_whatever_part_is_asked() {
    let (_database, api) = world::api().await;
    let data = api
        .data(
            "{ itemsPaged(first: 2, where: {size: {lt: 1}}, orderBy: [{name: ASC}]) {
                pageInfo { more: hasNextPage __typename } __typename n: totalCount
                edges { __typename node { name category { name } ...F } }
            } empty: itemsPaged(where: {size: {gt: 10}}) { totalCount edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
              counted: itemsPaged(first: 0) { totalCount edges { cursor } } }
            fragment F on Item { size }",
            Json::Null,
        )
        .await;
    assert_eq!(
        data,
        json!({
            "itemsPaged": {
                "pageInfo": {"more": true, "__typename": "PageInfo"}, "__typename": "ItemConnection", "n": 6,
                "edges": [
                    {"__typename": "ItemEdge", "node": {"name": "Plain 30", "category": null, "size": 0}},
                    {"__typename": "ItemEdge", "node": {"name": "Plain 60", "category": null, "size": 0}}]},
            "empty": {"totalCount": 0, "edges": [],
                "pageInfo": {"hasNextPage": false, "hasPreviousPage": false, "startCursor": null, "endCursor": null}},
            "counted": {"totalCount": 60, "edges": []},
        })
    );
    // Between two cursors.
    let data = api.data("{ itemsPaged(first: 10) { edges { cursor node { id } } } }", Json::Null).await;
    let edge = |at: usize| &data["itemsPaged"]["edges"][at];
    let between = "query ($a: String, $b: String) { itemsPaged(after: $a, before: $b) { edges { node { id } } } }";
    let found = api.data(between, json!({"a": edge(2)["cursor"], "b": edge(6)["cursor"]})).await;
    let expected: Vec<Json> = (3..6).map(|at| json!({"node": edge(at)["node"]})).collect();
    assert_eq!(found["itemsPaged"]["edges"], json!(expected));
}

#[tokio::test]
async fn bad_cursors_are_refused() {
    let (_database, api) = world::api().await;
    let data = api
        .data("{ itemsPaged(first: 1, orderBy: [{note: ASC}, {size: ASC}]) { pageInfo { endCursor } } }", Json::Null)
        .await;
    let foreign = data["itemsPaged"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let query =
        "query ($c: String, $o: [ItemOrderByInput!]) { itemsPaged(after: $c, orderBy: $o) { edges { cursor } } }";
    for (cursor, order) in [
        ("nonsense".to_owned(), json!(null)),
        (String::new(), json!(null)),
        (encode("{}"), json!(null)),
        (encode("[]"), json!(null)),
        (encode("[[1]]"), json!(null)),
        (encode("[\"text\"]"), json!(null)),
        (encode("[true]"), json!(null)),
        (encode("[99999999999999999999999]"), json!(null)),
        (encode("[1,2,3]"), json!(null)),
        (foreign.clone(), json!(null)),
        (foreign.clone(), json!([{"madeAt": "ASC"}, {"day": "ASC"}])),
        (encode("[\"no date\",1]"), json!([{"madeAt": "ASC"}])),
        (encode("[null]"), json!([{"id": "ASC"}])),
        ("A".repeat(20_000), json!(null)),
    ] {
        let (code, message) = api.refusal(query, json!({"c": cursor, "o": order})).await;
        assert_eq!(code, "BAD_USER_INPUT", "{cursor:.60} {order}: {message}");
    }
    for query in ["{ itemsPaged(first: 1, last: 1) { totalCount } }", "{ itemsPaged(first: -1) { totalCount } }"] {
        assert_eq!(api.refusal(query, Json::Null).await.0, "BAD_USER_INPUT", "{query}");
    }
}
