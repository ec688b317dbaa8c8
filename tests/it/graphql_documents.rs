//! Documents: aliases, fragments, conditions, abstract types, and the limits and switches of the wire.

use serde_json::{Value as Json, json};

use crate::world;

/// What is misspelt is given back with the nearest name.
#[tokio::test]
async fn misspelt_names() {
    let (_database, api) = world::api().await;
    for (query, expected) in [
        ("{ item { name } }", ""),
        ("{ itmes { name } }", "did you mean \"items\"?"),
        ("{ items { nam } }", "did you mean \"name\"?"),
        ("{ items { name owner { fulName } } }", "did you mean \"fullName\"?"),
        ("{ items { ...I } } fragment I on Item { nmae }", "did you mean \"name\"?"),
        ("{ items { ... { nmae } } }", "did you mean \"name\"?"),
        ("{ animals { ... on Cat { livesLft } } }", "did you mean \"livesLeft\"?"),
        ("{ items(limt: 3) { name } }", "did you mean \"limit\"?"),
        ("{ items(where: {nmae: {eq: \"x\"}}) { name } }", "did you mean \"name\"?"),
        ("{ items(where: {name: {startWith: \"x\"}}) { name } }", "did you mean \"startsWith\"?"),
        ("{ items(where: {or: [{size: {gteq: 1}}]}) { name } }", "did you mean \"gte\"?"),
        ("{ items(where: {kind: {eq: SMAL}}) { name } }", "did you mean \"SMALL\"?"),
        ("{ items(orderBy: [{name: ASCENDING}]) { name } }", "it may be one of ASC, DESC"),
        ("{ items(orderBy: [{nmae: ASC}]) { name } }", "did you mean \"name\"?"),
    ] {
        let (_, answer) = api.ask(query, Json::Null).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{query}: {answer}");
        assert!(
            message.ends_with(expected) || (expected.starts_with("it") && message.contains(expected)),
            "{query}: {message}"
        );
    }
}

#[tokio::test]
async fn aliases_and_fragments_merge() {
    let (_database, api) = world::api().await;
    let query = "query Q($n: String!) {
        ...Root
        items(where: {name: {eq: $n}}) { size category { id: name } }
        t: __typename
    }
    fragment Root on Query {
        items(where: {name: {eq: $n}}) { ...A ... on Item { again: size } ... { category { rank } } }
        other: items(where: {name: {eq: \"plain 1\"}}) { ...A }
    }
    fragment A on Item { label: name __typename ...B category { ...C } }
    fragment B on Item { size owner { fullName } parts { sku __typename } }
    fragment C on Category { name __typename }";
    let data = api.data(query, json!({"n": "a_b 2"})).await;
    let a_b = json!({"label": "a_b 2", "__typename": "Item", "size": 2, "owner": {"fullName": "Owner 2"},
        "parts": [{"sku": "s2", "__typename": "Part"}, {"sku": "t", "__typename": "Part"}],
        "category": {"name": "Category 2", "__typename": "Category", "rank": 2, "id": "Category 2"}, "again": 2});
    let plain = json!({"label": "plain 1", "__typename": "Item", "size": 1, "owner": {"fullName": "Owner 1"},
        "parts": [], "category": {"name": "Category 1", "__typename": "Category"}});
    assert_eq!(data, json!({"items": [a_b], "other": [plain], "t": "Query"}));
    let keys: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["items", "other", "t"], "keys come in the order of the document");
}

#[tokio::test]
async fn conditions_choose_by_value_not_by_document() {
    let (_database, api) = world::api().await;
    let query = "query ($a: Boolean!, $b: Boolean = true, $c: Boolean!) {
        category: categories(limit: 1, orderBy: [{name: ASC}]) {
            name @include(if: $a)
            rank @skip(if: $b)
            ...F @include(if: $c)
            items(limit: 1, orderBy: [{name: ASC}]) @skip(if: $a) { name }
        }
        count: itemsCount @include(if: $c) @skip(if: $a)
        __typename
    }
    fragment F on Category { n: name items(limit: 1, orderBy: [{name: DESC}]) { size @include(if: $b) __typename } }";
    // Fields that cannot merge are refused whatever the values are.
    assert_eq!(api.refusal(query, json!({"a": true, "c": true})).await.0, "GRAPHQL_VALIDATION_FAILED");
    let query = query.replace(
        "items(limit: 1, orderBy: [{name: ASC}]) @skip",
        "least: items(limit: 1, orderBy: [{name: ASC}]) @skip",
    );
    for round in 0..3 {
        for bits in 0..8u8 {
            let (a, b, c) = (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0);
            let mut row = serde_json::Map::new();
            if a {
                row.insert("name".to_owned(), json!("Category 1"));
            }
            if !b {
                row.insert("rank".to_owned(), json!(1));
            }
            if c {
                row.insert("n".to_owned(), json!("Category 1"));
                let item = if b { json!({"size": 7, "__typename": "Item"}) } else { json!({"__typename": "Item"}) };
                row.insert("items".to_owned(), json!([item]));
            }
            if !a {
                row.insert("least".to_owned(), json!([{"name": "plain 1"}]));
            }
            let mut expected = json!({"category": [row], "__typename": "Query"});
            if c && !a {
                expected["count"] = json!(60);
            }
            let mut variables = json!({"a": a, "b": b, "c": c});
            if b && round == 1 {
                variables.as_object_mut().unwrap().remove("b");
            }
            assert_eq!(api.data(&query, variables.clone()).await, expected, "{variables}");
        }
    }
    let data = api
        .data(
            "{ items(limit: 1) { id @skip(if: true) name @include(if: false) } __typename @skip(if: true) }",
            Json::Null,
        )
        .await;
    assert_eq!(data, json!({"items": [{}]}));
    let data = api.data("{ items @skip(if: true) { id } }", Json::Null).await;
    assert_eq!(data, json!({}));
}

#[tokio::test]
async fn more_conditions_than_forms_are_kept() {
    let (_database, api) = world::api_with("[graphql]\nmax_aliases = 100\n").await;
    let names: Vec<String> = (0..70).map(|n| format!("v{n}")).collect();
    let declared: Vec<String> = names.iter().map(|name| format!("${name}: Boolean!")).collect();
    let fields: Vec<String> = names.iter().map(|name| format!("{name}: size @include(if: ${name})")).collect();
    let query =
        format!("query ({}) {{ items(limit: 1) {{ {} id @skip(if: $v0) }} }}", declared.join(", "), fields.join(" "));
    for kept in [0, 1, 69] {
        let variables: serde_json::Map<String, Json> =
            names.iter().enumerate().map(|(n, name)| (name.clone(), json!(n == kept))).collect();
        let data = api.data(&query, Json::Object(variables)).await;
        let row = data["items"][0].as_object().unwrap();
        assert!(row.contains_key(&names[kept]));
        assert_eq!(row.len(), if kept == 0 { 1 } else { 2 });
    }
}

#[tokio::test]
async fn interfaces_and_unions() {
    let (_database, api) = world::api().await;
    let data = api
        .data(
            "{ animals(orderBy: [{name: ASC}]) { __typename id name ... on Cat { livesLeft } ... on Dog { breed friends { ... on Cat { n: name } ... on Animal { id } __typename } } } }",
            Json::Null,
        )
        .await;
    let tom = json!([{"n": "Tom", "id": "c0", "__typename": "Cat"}]);
    let cat =
        |n: i32| json!({"__typename": "Cat", "id": format!("c{n}"), "name": format!("Cat {n}"), "livesLeft": 9 - n});
    let dog = |n: i32| json!({"__typename": "Dog", "id": format!("d{n}"), "name": format!("Dog {n}"), "breed": null, "friends": tom});
    assert_eq!(data["animals"], json!([cat(2), cat(4), dog(1), dog(3)]));
    let data = api
        .data("{ animals(where: {name: {startsWith: \"Dog\"}}, orderBy: [{name: DESC}], limit: 1) { ...A } } fragment A on Animal { name ... on Dog { id } ... on Cat { id } }", Json::Null)
        .await;
    assert_eq!(data["animals"], json!([{"name": "Dog 3", "id": "d3"}]));
    let data = api.data("{ pets { __typename ... on Dog { name } } }", Json::Null).await;
    let mut names: Vec<String> = data["pets"].as_array().unwrap().iter().map(Json::to_string).collect();
    names.sort();
    let expected = [
        json!({"__typename": "Cat"}),
        json!({"__typename": "Cat"}),
        json!({"__typename": "Dog", "name": "Dog 1"}),
        json!({"__typename": "Dog", "name": "Dog 3"}),
    ];
    assert_eq!(names, expected.map(|row| row.to_string()));
    let data = api.data("{ items(limit: 1) { ... on Item { __typename } } }", Json::Null).await;
    assert_eq!(data, json!({"items": [{"__typename": "Item"}]}));
    assert_eq!(api.refusal("{ items { ... on Cat { id } } }", Json::Null).await.0, "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn one_row_or_none() {
    let (_database, api) = world::api().await;
    let data = api.data("{ items(limit: 1) { id name } }", Json::Null).await;
    let id = &data["items"][0]["id"];
    for root in ["item", "itemDoc"] {
        let query = format!("query ($id: ID!) {{ {root}(id: $id) {{ name }} }}");
        assert_eq!(api.data(&query, json!({"id": id})).await[root]["name"], data["items"][0]["name"]);
        let absent = "00000000-0000-0000-0000-000000000000";
        assert_eq!(api.data(&query, json!({"id": absent})).await, json!({root: null}));
    }
    // No id of this kind: a client's mistake on a typed column, no row in a document.
    let (code, _) = api.refusal("{ item(id: \"7\") { name } }", Json::Null).await;
    assert_eq!(code, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_row_shaped_twin_is_read_when_it_has_every_column() {
    let (_database, api) = world::api().await;
    for (query, name) in [
        ("{ things(limit: 1) { name } }", "from the twin"),
        ("{ things(limit: 1, where: {size: {gt: 1}}, orderBy: [{size: DESC}]) { id name } }", "from the twin"),
        ("{ things(limit: 1) { name remark } }", "from data"),
        ("{ things(limit: 1, where: {remark: {isNull: false}}) { name } }", "from data"),
        ("{ things(limit: 1, orderBy: [{remark: ASC}]) { name } }", "from data"),
        (
            "{ things(limit: 1, where: {or: [{remark: {eq: \"only in data\"}}, {size: {eq: 1}}]}) { name } }",
            "from data",
        ),
    ] {
        assert_eq!(api.data(query, Json::Null).await["things"][0]["name"], name, "{query}");
    }
}

#[tokio::test]
async fn limits() {
    let (database, api) =
        world::api_with("max_response_bytes = 2000\n[graphql]\nmax_depth = 4\nmax_complexity = 20\nmax_aliases = 3\n")
            .await;
    api.data("{ categories { items { category { name } } } }", Json::Null).await;
    api.data("{ a: itemsCount b: itemsCount c: itemsCount }", Json::Null).await;
    let nine = "id name note size total weight price active madeAt";
    for (query, key) in [
        ("{ categories { items { category { items { id } } } } }".to_owned(), "max_depth"),
        (
            "{ categories { ...F } } fragment F on Category { items { category { items { id } } } }".to_owned(),
            "max_depth",
        ),
        (format!("{{ items {{ {nine} }} i: items {{ {nine} }} j: items {{ id }} }}"), "max_complexity"),
        (
            format!("{{ items {{ ...F }} i: items {{ ...F }} j: items {{ id }} }} fragment F on Item {{ {nine} }}"),
            "max_complexity",
        ),
        ("{ a: itemsCount b: itemsCount c: itemsCount d: itemsCount }".to_owned(), "max_aliases"),
    ] {
        let (code, message) = api.refusal(&query, Json::Null).await;
        assert!(code == "TOO_COMPLEX" && message.contains(key), "{query}: {message}");
    }
    let (code, message) = api.refusal(&format!("{{ items {{ {nine} }} }}"), Json::Null).await;
    assert!(code == "TOO_COMPLEX" && message.contains("max_response_bytes"), "{message}");
    // Several roots share the limit, and what fits is answered.
    api.data("{ items { size } }", Json::Null).await;
    let (_, answer) = api.ask("{ a: items { id } b: items { size } c: items { id } }", Json::Null).await;
    assert!(answer["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{answer}");
    // The connection that was left in the middle is used again.
    for _ in 0..30 {
        api.data("{ items { size } }", Json::Null).await;
    }
    drop(database);
}

#[tokio::test]
async fn introspection_and_the_page_are_off_unless_asked_for() {
    let (_database, api) = world::api().await;
    for query in ["{ __schema { types { name } } }", "{ t: __type(name: \"Item\") { name } __typename }"] {
        assert_eq!(api.refusal(query, Json::Null).await.0, "INTROSPECTION_DISABLED");
    }
    assert_eq!(api.data("{ __typename }", Json::Null).await, json!({"__typename": "Query"}));
    let page = api.send("GET", "/graphql", &[("accept", "text/html")], b"").await;
    assert_ne!(page.status, 200);
    assert_eq!(api.get("/graphql/graphiql/start.js").await.status, 404);
    let (_database, api) = world::api_with("[graphql]\nintrospection = true\nplayground = true\n").await;
    let data = api
        .data("query ($n: String!) { __type(name: $n) { kind fields { name type { kind name } } } itemsCount s: __schema { queryType { name } } }", json!({"n": "Part"}))
        .await;
    assert_eq!(data["__type"]["fields"][1], json!({"name": "qty", "type": {"kind": "NON_NULL", "name": null}}));
    assert_eq!((&data["itemsCount"], &data["s"]["queryType"]["name"]), (&json!(60), &json!("Query")));
    let page = api.send("GET", "/graphql", &[("accept", "text/html")], b"").await;
    assert!(page.status == 200 && page.text().contains("graphiql"));
}

#[tokio::test]
async fn persisted_queries() {
    let (_database, api) = world::api().await;
    let query = "query ($l: Int) { items(limit: $l) { size } }";
    let hash = ring::digest::digest(&ring::digest::SHA256, query.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    let by_hash = json!({"extensions": extensions, "variables": {"l": 2}});
    let reply = api.post(&by_hash, &[]).await;
    assert_eq!(reply.json()["errors"][0]["message"], "PersistedQueryNotFound");
    let reply = api.post(&json!({"query": "{ itemsCount }", "extensions": extensions}), &[]).await;
    assert!(reply.status == 400, "a text of another hash");
    let reply = api.post(&json!({"query": query, "extensions": extensions, "variables": {"l": 1}}), &[]).await;
    assert_eq!(reply.json()["data"]["items"].as_array().unwrap().len(), 1);
    let reply = api.post(&by_hash, &[]).await;
    assert_eq!(reply.json()["data"]["items"].as_array().unwrap().len(), 2);
    let upper = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash.to_uppercase()}}});
    assert!(api.post(&upper, &[]).await.json()["data"].is_object());
}

#[tokio::test]
async fn batches() {
    let (_database, api) = world::api().await;
    let batch = json!([{"query": "{ itemsCount }"}, {"query": "{ nothing }"}, {"query": "query A { t: __typename } query B { itemsCount }", "operationName": "A"}]);
    assert_eq!(api.post(&batch, &[]).await.status, 400);
    let (_database, api) = world::api_with("[graphql]\nbatching = true\n").await;
    let reply = api.post(&batch, &[]).await;
    assert_eq!(reply.status, 200);
    let answers = reply.json();
    assert_eq!(answers[0], json!({"data": {"itemsCount": 60}}));
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(answers[2], json!({"data": {"t": "Query"}}));
    assert_eq!(
        api.post(&json!([{"query": "{ itemsCount }"}]), &[]).await.json(),
        json!([{"data": {"itemsCount": 60}}])
    );
    assert!(api.post(&json!([{"query": "{ nothing }"}]), &[]).await.json()[0]["errors"].is_array());
    assert_eq!(api.post(&json!([]), &[]).await.status, 400);
    let many: Vec<Json> = (0..101).map(|_| json!({"query": "{ __typename }"})).collect();
    assert_eq!(api.post(&json!(many), &[]).await.status, 400);
    assert_eq!(api.post(&json!({"query": "{ itemsCount }"}), &[]).await.json(), json!({"data": {"itemsCount": 60}}));
    // One limit for the bytes of the whole answer.
    let (_database, api) = world::api_with("max_response_bytes = 3000\n[graphql]\nbatching = true\n").await;
    let many: Vec<Json> = (0..20).map(|_| json!({"query": "{ items { size } }"})).collect();
    let answers = api.post(&json!(many), &[]).await.json();
    assert_eq!(answers[19]["errors"][0]["extensions"]["code"], "TOO_COMPLEX");
}
