//! Reads over gRPC: the same rows as over GraphQL, masks, filters, orders, pages, joins, unions.

use serde_json::{Value as Json, json};
use tonic::Code;

use crate::grpc::Client;
use crate::world;

/// GraphQL's answer in the form that protobuf's JSON has: no nulls, no empty lists, no zeros where a field
/// has no presence, enums and big numbers as protobuf writes them.
fn as_protobuf(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let kept = map.iter().filter(|(key, value)| {
                let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
                let is_plain_zero = matches!(key.as_str(), "size" | "qty") && **value == json!(0);
                !is_empty && !is_plain_zero
            });
            kept.map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    ("meta", value) => with_doubles(value),
                    ("kind", Json::String(name)) if !name.starts_with("KIND_") => format!("KIND_{name}").into(),
                    ("total", Json::Number(number)) => number.to_string().into(),
                    ("weight", Json::Number(number)) => json!(number.as_f64()),
                    // Its digits are those of PostgreSQL; here the value is enough.
                    ("price", Json::Number(number)) => json!(number.as_f64()),
                    ("price", Json::String(text)) => json!(text.parse::<f64>().unwrap()),
                    ("madeAt", Json::String(time)) => time.replace("+00:00", "Z").into(),
                    (_, value) => as_protobuf(value),
                };
                (key.clone(), value)
            })
            .collect()
        }
        Json::Array(items) => items.iter().map(as_protobuf).collect(),
        other => other.clone(),
    }
}

/// Numbers of `google.protobuf.Value` are doubles.
fn with_doubles(value: &Json) -> Json {
    match value {
        Json::Number(number) => json!(number.as_f64()),
        Json::Array(items) => items.iter().map(with_doubles).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), with_doubles(value))).collect(),
        other => other.clone(),
    }
}

const ITEM: &str = "id name note size total weight price active madeAt day at code kind tags meta \
                    owner { fullName age } parts { sku qty }";

#[tokio::test]
async fn rows_are_those_of_graphql() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    for (field, list, pages) in
        [("items", "ListItems", "ListItemsPages"), ("itemDocs", "ListItemDocs", "ListItemDocsPages")]
    {
        let order = json!({"orderBy": [{"name": "ORDER_DIRECTION_DESC"}]});
        let expected = api.data(&format!("{{ {field}(orderBy: [{{name: DESC}}]) {{ {ITEM} }} }}"), json!({})).await;
        let expected: Vec<Json> = expected[field].as_array().unwrap().iter().map(as_protobuf).collect();
        assert_eq!(expected.len(), 60);
        let found = client.data(list, order.clone()).await;
        let page = client.one(pages, order).await["items"].take();
        for (list, found) in [(list, found), (pages, page.as_array().unwrap().clone())] {
            assert_eq!(found.len(), expected.len(), "{list}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(as_protobuf(found), *expected, "{list}");
            }
        }
    }
}

#[tokio::test]
async fn one_row_or_not_found() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    let id = client.data("ListItems", json!({"limit": 1, "readMask": "id"})).await[0]["id"].clone();
    for method in ["GetItem", "GetItemDoc"] {
        let item = client.one(method, json!({"id": id, "readMask": "id,name"})).await;
        assert_eq!(item["id"], id);
        assert!(item["name"].is_string() && item.as_object().unwrap().len() == 2, "{item}");
        let nobody = json!({"id": "00000000-0000-0000-0000-000000000000"});
        let (code, reason, message) = client.refusal(method, nobody).await;
        assert_eq!((code, reason.as_str()), (Code::NotFound, "NOT_FOUND"), "{message}");
        let (code, _, message) = client.refusal(method, json!({})).await;
        assert_eq!((code, message.as_str()), (Code::InvalidArgument, "id is required"));
    }
}

#[tokio::test]
async fn masks_choose_fields() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    let first = async |mask: &str| {
        let request = json!({"limit": 1, "orderBy": [{"name": "ORDER_DIRECTION_ASC"}], "readMask": mask,
            "where": {"owner": {"age": {"isNotNull": true}}, "category": {"name": {"eq": "Category 1"}}}});
        client.one("ListItems", request).await
    };
    assert_eq!(keys(&first("id,owner.fullName").await), ["id", "owner"]);
    assert_eq!(keys(&first("owner.fullName").await["owner"]), ["fullName"]);
    assert_eq!(keys(&first("owner").await["owner"]), ["age", "fullName"]);
    assert!(first("*").await.get("category").is_none(), "what is joined has to be named");
    assert_eq!(first("category").await["category"]["name"], "Category 1");
    assert_eq!(keys(&first("category.items.name").await["category"]["items"][0]), ["name"]);
    assert_eq!(keys(&first("madeAt").await), ["madeAt"]);
    for (mask, said) in [
        ("nam", "read_mask: \"nam\": Item has no such field; did you mean \"name\"?"),
        ("name.x", "read_mask: \"name\": it has no fields"),
        ("category.items.nam", "read_mask: \"category.items.nam\": Item has no such field; did you mean \"name\"?"),
    ] {
        let (code, reason, message) = client.refusal("ListItems", json!({"readMask": mask})).await;
        assert_eq!((code, reason.as_str(), message.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT", said));
    }
    let deep = vec!["category.items"; 20].join(".");
    let (code, reason, _) = client.refusal("ListItems", json!({"readMask": deep})).await;
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "TOO_COMPLEX"));
}

fn keys(value: &Json) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn filters_mean_what_they_mean_in_graphql() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    for (filter, graphql) in [
        (json!({}), "{}"),
        (json!({"size": {"gte": 3, "lt": 5}}), "{size: {gte: 3, lt: 5}}"),
        (json!({"size": {"in": [1, 9]}}), "{size: {in: [1, 9]}}"),
        (json!({"total": {"gt": "9007199254741000"}}), "{total: {gt: \"9007199254741000\"}}"),
        (json!({"weight": {"lte": 2.5}}), "{weight: {lte: 2.5}}"),
        (json!({"price": {"eq": "2.30"}}), "{price: {eq: \"2.30\"}}"),
        (json!({"active": {"eq": false}}), "{active: {eq: false}}"),
        (json!({"note": {"isNull": true}}), "{note: {isNull: true}}"),
        (json!({"note": {"isNull": false}}), "{note: {isNull: false}}"),
        (json!({"name": {"startsWith": "a_b"}}), "{name: {startsWith: \"a_b\"}}"),
        (json!({"name": {"icontains": "PLAIN"}}), "{name: {icontains: \"PLAIN\"}}"),
        (json!({"madeAt": {"gt": "2024-01-05T12:00:00Z"}}), "{madeAt: {gt: \"2024-01-05T12:00:00Z\"}}"),
        (json!({"day": {"lt": "2024-01-20"}}), "{day: {lt: \"2024-01-20\"}}"),
        (json!({"kind": {"in": ["KIND_SMALL", "KIND_ODD"]}}), "{kind: {in: [SMALL, ODD]}}"),
        (json!({"tags": {"contains": ["red"]}}), "{tags: {contains: [\"red\"]}}"),
        (json!({"tags": {"lengthEq": 2}}), "{tags: {lengthEq: 2}}"),
        (json!({"meta": {"contains": {"a": 1}}}), "{meta: {contains: {a: 1}}}"),
        (json!({"owner": {"age": {"gt": 5}}}), "{owner: {age: {gt: 5}}}"),
        (json!({"parts": {"qty": {"eq": 3}}}), "{parts: {qty: {eq: 3}}}"),
        (json!({"category": {"rank": {"eq": 2}}}), "{category: {rank: {eq: 2}}}"),
        (
            json!({"or": [{"size": {"eq": 1}}, {"and": [{"size": {"eq": 2}}, {"not": {"active": {"eq": true}}}]}]}),
            "{or: [{size: {eq: 1}}, {and: [{size: {eq: 2}}, {not: {active: {eq: true}}}]}]}",
        ),
    ] {
        let query = format!("{{ items(where: {graphql}, orderBy: [{{name: ASC}}]) {{ name }} }}");
        let expected = api.data(&query, json!({})).await["items"].clone();
        let request = json!({"where": filter, "orderBy": [{"name": "ORDER_DIRECTION_ASC"}], "readMask": "name"});
        let found = client.data("ListItems", request).await;
        assert_eq!(Json::from(found), expected, "{filter}");
    }
}

#[tokio::test]
async fn orders_pages_and_equalities() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    let same = async |method: &str, request: Json, query: &str, field: &str| {
        let expected = api.data(&format!("{{ {query} }}"), json!({})).await[field].clone();
        let mut request = request;
        request["readMask"] = "name".into();
        assert_eq!(Json::from(client.data(method, request).await), expected, "{query}");
    };
    let order = json!([{"note": "ORDER_DIRECTION_DESC_NULLS_LAST"}, {"name": "ORDER_DIRECTION_ASC"}]);
    let graphql = "orderBy: [{note: DESC_NULLS_LAST}, {name: ASC}]";
    same("ListItems", json!({"orderBy": order}), &format!("items({graphql}) {{ name }}"), "items").await;
    let request = json!({"orderBy": order, "limit": 7, "offset": 11});
    same("ListItems", request, &format!("items({graphql}, limit: 7, offset: 11) {{ name }}"), "items").await;
    let by_name = json!([{"name": "ORDER_DIRECTION_ASC"}]);
    let request = json!({"orderBy": by_name, "note": "note 2", "kind": "KIND_ODD", "fkCategory": 2});
    let query = "itemsBy(orderBy: [{name: ASC}], note: \"note 2\", kind: ODD, fkCategory: 2) { name }";
    same("ListItemsBy", request, query, "itemsBy").await;
    assert_eq!(client.data("ListItemsFew", json!({})).await.len(), 3, "a default of the schema holds");
    assert_eq!(client.data("ListItemsFew", json!({"limit": 5})).await.len(), 5);
    assert_eq!(client.data("ListItems", json!({"limit": 0})).await.len(), 0);
    let count = client.one("GetItemsCount", json!({"where": {"size": {"eq": 4}}})).await;
    assert_eq!(count, json!({"count": "6"}));

    for (request, said) in [
        (json!({"limit": -1}), "limit takes a whole number of at least 0, not -1"),
        (json!({"orderBy": [{}]}), "order_by[0] is there without a field"),
        (
            json!({"orderBy": [{"name": "ORDER_DIRECTION_UNSPECIFIED"}]}),
            "order_by[0].name: 0 is not a value of OrderDirection; it may be ORDER_DIRECTION_ASC, ORDER_DIRECTION_DESC, \
             ORDER_DIRECTION_ASC_NULLS_FIRST, ORDER_DIRECTION_ASC_NULLS_LAST, ORDER_DIRECTION_DESC_NULLS_FIRST, \
             ORDER_DIRECTION_DESC_NULLS_LAST",
        ),
        (
            json!({"where": {"kind": {"eq": 9}}}),
            "where.kind.eq: 9 is not a value of Kind; it may be KIND_SMALL, KIND_LARGE, KIND_ODD",
        ),
        (
            json!({"where": {"size": {"in": []}}}),
            "where.size is there without an operator (an empty list cannot be told from none)",
        ),
        (json!({"where": {"code": {"eq": "x"}}}), "where.code.eq: \"x\" is not a UUID"),
    ] {
        let (code, reason, message) = client.refusal("ListItems", request).await;
        assert_eq!((code, reason.as_str(), message.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT", said));
    }
}

#[tokio::test]
async fn joined_lists_take_their_own_arguments() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    let query = "{ categories(orderBy: [{name: ASC}]) { name items(where: {size: {gt: 2}}, orderBy: [{name: DESC}], limit: 2) { \
                 name category { items(limit: 1, orderBy: [{name: ASC}]) { name } } } } }";
    let expected = api.data(query, json!({})).await["categories"].clone();
    let request = json!({
        "orderBy": [{"name": "ORDER_DIRECTION_ASC"}],
        "readMask": "name,items.name,items.category.items.name",
        "joins": {"items": {
            "where": {"size": {"gt": 2}}, "orderBy": [{"name": "ORDER_DIRECTION_DESC"}], "limit": 2,
            "joins": {"category": {"items": {"limit": 1, "orderBy": [{"name": "ORDER_DIRECTION_ASC"}]}}},
        }},
    });
    let found = client.data("ListCategories", request).await;
    assert_eq!(Json::from(found), as_protobuf(&expected));
    let unread = json!({"readMask": "name", "joins": {"items": {"limit": 1}}});
    let (code, _, message) = client.refusal("ListCategories", unread).await;
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(message, "joins.items is given, but read_mask does not ask for items");
}

#[tokio::test]
async fn connections_page_by_cursor() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    for (field, method) in [("itemsPaged", "ListItemsPaged"), ("itemDocsPaged", "ListItemDocsPaged")] {
        let mut after = Json::Null;
        for page in 0..3 {
            let query = format!(
                "query($after: String) {{ {field}(first: 25, after: $after, orderBy: [{{size: DESC}}]) {{ edges {{ cursor node {{ name }} }} \
                 pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} totalCount }} }}"
            );
            let expected = api.data(&query, json!({"after": after})).await[field].clone();
            let mut request = json!({
                "first": 25, "orderBy": [{"size": "ORDER_DIRECTION_DESC"}],
                "readMask": "edges.cursor,edges.node.name,pageInfo,totalCount",
            });
            if !after.is_null() {
                request["after"] = after;
            }
            let mut found = client.one(method, request).await;
            for flag in ["hasNextPage", "hasPreviousPage"] {
                found["pageInfo"][flag] = found["pageInfo"].get(flag).cloned().unwrap_or(json!(false));
            }
            assert_eq!(found["totalCount"], "60");
            found["totalCount"] = json!(60);
            assert_eq!(found, expected, "{method} {page}");
            after = expected["pageInfo"]["endCursor"].clone();
        }
        let found = client.one(method, json!({"last": 2})).await;
        assert_eq!(found["edges"].as_array().unwrap().len(), 2);
        assert!(found["edges"][0]["node"]["id"].is_string() && found.get("totalCount").is_none());
        let (code, _, message) = client.refusal(method, json!({"first": 1, "last": 1})).await;
        assert_eq!((code, message.as_str()), (Code::InvalidArgument, "give either first or last, not both"));
        let (code, _, message) = client.refusal(method, json!({"after": "nonsense"})).await;
        assert_eq!(code, Code::InvalidArgument, "{message}");
    }
}

#[tokio::test]
async fn interfaces_and_unions_are_a_choice() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    let pets = client.data("ListPets", json!({})).await;
    assert_eq!(pets.len(), 4);
    let dog = pets.iter().find(|pet| pet.get("dog").is_some()).unwrap();
    assert_eq!(dog["dog"]["friends"][0]["cat"]["livesLeft"], 1);
    let animals = client.data("ListAnimals", json!({"readMask": "cat.name"})).await;
    let cats: Vec<&Json> = animals.iter().filter(|animal| animal.get("cat").is_some()).collect();
    assert_eq!((animals.len(), cats.len()), (4, 2));
    assert!(animals.contains(&json!({"dog": {}})), "the other case is told, and none of its fields");
    let (code, _, message) = client.refusal("ListPets", json!({"readMask": "bird.name"})).await;
    assert_eq!(code, Code::InvalidArgument, "{message}");
}

#[tokio::test]
async fn what_may_not_be_seen_is_left_out_or_refused() {
    let (_database, api) = world::api().await;
    let client = Client::of(&api).await;
    let secret = &client.data("ListSecrets", json!({"limit": 1})).await[0];
    assert_eq!(keys(secret), ["id", "inner", "name"], "masked is null, and what would be refused is left out");
    let (code, reason, _) = client.refusal("ListSecrets", json!({"readMask": "rejected"})).await;
    assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    let (code, _, _) = client.refusal("ListSecrets", json!({"where": {"masked": {"eq": "x"}}})).await;
    assert_eq!(code, Code::Unauthenticated);
    let (code, _, _) = client.refusal("ListAdminSecrets", json!({})).await;
    assert_eq!(code, Code::Unauthenticated);
    let (code, _, _) = client.refusal("ListTenantSecrets", json!({})).await;
    assert_eq!(code, Code::Unauthenticated);
}

#[tokio::test]
async fn a_value_that_does_not_fit_ends_the_answer() {
    let (database, api) = world::api().await;
    let client = Client::of(&api).await;
    let good = r#"{"strict": "s", "strict_inner": {"strict": "s"}}"#;
    for (bad, said) in [
        (r#"{"strict": null, "strict_inner": {"strict": "s"}}"#, "Odd.strict: null in a non-null field"),
        (r#"{"strict": "s", "size": "x", "strict_inner": {"strict": "s"}}"#, "Odd.size: \"x\" does not fit Int"),
        (r#"{"strict": "s", "strict_inner": {}}"#, "OddInner.strict: null in a non-null field"),
        (
            r#"{"strict": "s", "loose": [null], "strict_inner": {"strict": "s"}}"#,
            "Odd.loose: null in a non-null list item",
        ),
        (
            r#"{"strict": "s", "kind": "huge", "strict_inner": {"strict": "s"}}"#,
            "Odd.kind: \"huge\" is not a value of Kind",
        ),
    ] {
        database.execute("DELETE FROM tb_odd");
        database.execute(&format!("INSERT INTO tb_odd (pk_odd, data) VALUES (1, '{good}'), (2, '{bad}')"));
        for method in ["ListOdds", "ListOddsPages"] {
            let (code, reason, message) = client.refusal(method, json!({"limit": 9})).await;
            assert_eq!((code, reason.as_str(), message.as_str()), (Code::DataLoss, "DATA_MISMATCH", said), "{bad}");
        }
    }
}

#[tokio::test]
async fn moments_that_a_timestamp_cannot_hold() {
    let (database, api) = world::api().await;
    let client = Client::of(&api).await;
    for moment in ["infinity", "10000-01-01 00:00+00", "0044-03-15 12:00+00 BC"] {
        database.execute(&format!("UPDATE tb_item SET made_at = '{moment}' WHERE pk_item = 1"));
        for method in ["ListItems", "ListItemDocs"] {
            let (code, reason, message) = client.refusal(method, json!({"readMask": "madeAt"})).await;
            assert_eq!((code, reason.as_str()), (Code::DataLoss, "DATA_MISMATCH"), "{message}");
        }
    }
    database.execute("UPDATE tb_item SET made_at = '9999-12-31 23:59:59.999999+00' WHERE pk_item = 1");
    let found = client.data("ListItems", json!({"readMask": "madeAt", "limit": 1})).await;
    assert_eq!(found, [json!({"madeAt": "9999-12-31T23:59:59.999999Z"})]);
}
