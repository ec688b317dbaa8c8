//! REST reads: the same rows as GraphQL gives, whatever is selected, filtered, sorted or paged.

use serde_json::{Value as Json, json};

use crate::service::Api;
use crate::world;

/// The text of a query string, with everything escaped that could mean something else.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~,()*:".contains(&byte);
        text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
    };
    let pair = |(name, value): &(&str, &str)| -> String {
        let (name, value): (String, String) = (escaped(name), escaped(value));
        format!("{name}={value}")
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// The body of a GET that has to succeed.
#[track_caller]
fn read(api: &Api, path: String) -> impl Future<Output = Json> {
    let caller = std::panic::Location::caller();
    async move {
        let reply = api.get(&path).await;
        assert_eq!(reply.status, 200, "{caller}: {path}\n{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        reply.json()
    }
}

const LEAVES: &str = "id name note size total weight price active madeAt day at code kind tags meta";

#[tokio::test]
async fn a_type_shows_its_own_fields() {
    let (_database, api) = world::api().await;
    for (path, root) in [("items", "items"), ("itemDocs", "itemDocs")] {
        let body = read(&api, format!("/rest/{path}?limit=100&sort=name")).await;
        let whole = format!(
            "{{ {root}(orderBy: [{{name: ASC}}]) {{ {LEAVES} owner {{ fullName age }} parts {{ sku qty }} }} }}"
        );
        let data = api.data(&whole, Json::Null).await;
        assert_eq!(body["data"].to_string(), data[root].to_string(), "values and their order");
        assert_eq!(body["meta"], json!({"limit": 100, "offset": 0}));
        assert_eq!(body["links"]["next"], Json::Null);
    }
    let animals = read(&api, "/rest/animals?limit=1".to_owned()).await;
    let names: Vec<&str> = animals["data"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["__typename", "id", "name", "livesLeft"]);
}

#[tokio::test]
async fn one_row() {
    let (_database, api) = world::api().await;
    let first = read(&api, "/rest/items?limit=1&select=id,name".to_owned()).await;
    let id = first["data"][0]["id"].as_str().unwrap().to_owned();
    let one = read(&api, format!("/rest/items/{id}?select=id,name")).await;
    assert_eq!(one, json!({"data": first["data"][0]}));
    let whole = read(&api, format!("/rest/items/{id}")).await;
    assert_eq!(whole["data"].as_object().unwrap().len(), 17);
    let nested =
        read(&api, format!("/rest/items/{id}?select=label:name,category(items(name))&category.items.limit=1")).await;
    assert_eq!(nested["data"]["category"]["items"].as_array().unwrap().len(), 1, "{nested}");
    assert_eq!(nested["data"]["label"], one["data"]["name"]);

    let absent = api.get("/rest/items/00000000-0000-0000-0000-000000000000").await;
    assert_eq!((absent.status, absent.json()["error"]["code"].clone()), (404, json!("NOT_FOUND")));
    let broken = api.get("/rest/items/x").await;
    assert_eq!((broken.status, broken.json()["error"]["code"].clone()), (400, json!("INVALID_ARGUMENT")));
    assert_eq!(broken.json()["error"]["details"]["argument"], "id");
}

#[tokio::test]
async fn filters() {
    let (_database, api) = world::api().await;
    let id = read(&api, "/rest/items?limit=1&select=id".to_owned()).await["data"][0]["id"].as_str().unwrap().to_owned();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("name", "Plain 6")], "{name: {eq: \"Plain 6\"}}"),
        (&[("id", &id)], &format!("{{id: {{eq: \"{id}\"}}}}")),
        (&[("size[gte]", "3"), ("size[lt]", "7")], "{size: {gte: 3, lt: 7}}"),
        (&[("size[in]", "1,2")], "{size: {in: [1, 2]}}"),
        (&[("size[nin]", "(1,2)")], "{size: {nin: [1, 2]}}"),
        (&[("note[isNull]", "true")], "{note: {isNull: true}}"),
        (&[("note[is_null]", "false")], "{note: {isNull: false}}"),
        (&[("kind", "SMALL")], "{kind: {eq: SMALL}}"),
        (&[("kind[in]", "SMALL,ODD")], "{kind: {in: [SMALL, ODD]}}"),
        (&[("active", "true")], "{active: {eq: true}}"),
        (&[("name[icontains]", "PLAIN")], "{name: {icontains: \"PLAIN\"}}"),
        (&[("name[contains]", "100%")], "{name: {contains: \"100%\"}}"),
        (&[("name[endsWith]", "'quoted' 5")], "{name: {endsWith: \"'quoted' 5\"}}"),
        (&[("total[gt]", "9007199254741000")], "{total: {gt: 9007199254741000}}"),
        (&[("price[lte]", "20.70")], "{price: {lte: \"20.70\"}}"),
        (&[("weight[gt]", "3.5")], "{weight: {gt: 3.5}}"),
        (&[("made_at[gt]", "2024-01-10T00:00:00Z")], "{madeAt: {gt: \"2024-01-10T00:00:00Z\"}}"),
        (&[("day[lt]", "2024-02-01")], "{day: {lt: \"2024-02-01\"}}"),
        (&[("tags[contains]", "red")], "{tags: {contains: [\"red\"]}}"),
        (&[("meta[hasKey]", "b")], "{meta: {hasKey: \"b\"}}"),
        (&[("meta[contains]", "{\"a\": 1}")], "{meta: {contains: {a: 1}}}"),
        (&[("owner.fullName", "Owner 3")], "{owner: {fullName: {eq: \"Owner 3\"}}}"),
        (&[("owner.full_name[in]", "Owner 3,Owner 4")], "{owner: {fullName: {in: [\"Owner 3\", \"Owner 4\"]}}}"),
        (&[("parts.sku", "t")], "{parts: {sku: {eq: \"t\"}}}"),
        (&[("or", "(size=1,name=\"Plain 6\")")], "{or: [{size: {eq: 1}}, {name: {eq: \"Plain 6\"}}]}"),
        (&[("not", "(size=1)"), ("size[lte]", "2")], "{and: [{not: {size: {eq: 1}}}, {size: {lte: 2}}]}"),
        (
            &[("and", "(or(size=1,size=2),not=(kind=ODD,active=true))")],
            "{and: [{or: [{size: {eq: 1}}, {size: {eq: 2}}]}, {not: {and: [{kind: {eq: ODD}}, {active: {eq: true}}]}}]}",
        ),
        (
            &[("filter", "{\"or\": [{\"size\": {\"eq\": 1}}, {\"category\": {\"name\": {\"eq\": \"Category 2\"}}}]}")],
            "{or: [{size: {eq: 1}}, {category: {name: {eq: \"Category 2\"}}}]}",
        ),
        (&[("category.name", "Category 2")], "{category: {name: {eq: \"Category 2\"}}}"),
    ];
    for (pairs, condition) in cases {
        for root in ["items", "itemDocs"] {
            if root == "itemDocs" && condition.contains("category") {
                continue;
            }
            let path = format!("/rest/{root}?{}&select=name&sort=name&limit=100", query(pairs));
            let found = read(&api, path.clone()).await;
            let asked = format!("{{ {root}(where: {condition}, orderBy: [{{name: ASC}}]) {{ name }} }}");
            let data = api.data(&asked, Json::Null).await;
            assert_eq!(found["data"], data[root], "{path}");
            let count = found["data"].as_array().unwrap().len();
            assert!((1..60).contains(&count), "{path} finds {count}, which tells nothing");
        }
    }
    let count = read(&api, "/rest/itemsCount?size[gte]=3".to_owned()).await;
    let data = api.data("{ itemsCount(where: {size: {gte: 3}}) }", Json::Null).await;
    assert_eq!(count, json!({"data": data["itemsCount"]}));
}

#[tokio::test]
async fn arguments_of_a_query() {
    let (_database, api) = world::api().await;
    let names = |body: &Json| body["data"].as_array().unwrap().len();
    let both = read(&api, "/rest/itemsBy?note=note%201&kind=LARGE&sort=-name".to_owned()).await;
    let data = api.data("{ itemsBy(note: \"note 1\", kind: LARGE, orderBy: [{name: DESC}]) { id } }", Json::Null).await;
    assert_eq!(names(&both), data["itemsBy"].as_array().unwrap().len());
    let column = read(&api, "/rest/itemsBy?fk_category=2&limit=100".to_owned()).await;
    assert_eq!(names(&column), 10);
    let few = read(&api, "/rest/itemsFew".to_owned()).await;
    assert_eq!((names(&few), few["meta"]["limit"].clone()), (3, json!(3)), "the declared default");
}

#[tokio::test]
async fn joined_lists_have_arguments_of_their_own() {
    let (_database, api) = world::api().await;
    let path = "/rest/categories?sort=name&select=name,all:items(id),few:items(name,category(name))\
                &few.limit=2&few.offset=1&few.sort=-name&few.size[gte]=2&all.active=true";
    let body = read(&api, path.to_owned()).await;
    let asked = "{ categories(orderBy: [{name: ASC}]) { name all: items(where: {active: {eq: true}}) { id } \
                 few: items(limit: 2, offset: 1, orderBy: [{name: DESC}], where: {size: {gte: 2}}) { name category { name } } } }";
    let data = api.data(asked, Json::Null).await;
    assert_eq!(body["data"], data["categories"]);
    assert!(body["data"].to_string().contains("Category 1"));
    let wrong = api.get("/rest/categories?select=items(name)&items.limt=2").await.json();
    assert!(wrong["error"]["message"].as_str().unwrap().contains("did you mean \"items.limit\"?"), "{wrong}");
}

#[tokio::test]
async fn pages_by_offset() {
    let (_database, api) = world::api().await;
    let all = read(&api, "/rest/items?select=name&sort=size,-name&limit=100".to_owned()).await;
    let mut seen: Vec<Json> = Vec::new();
    let mut next = json!("/rest/items?select=name&sort=size,-name&limit=7");
    let mut pages = 0;
    while let Some(path) = next.as_str() {
        let page = read(&api, path.to_owned()).await;
        seen.extend(page["data"].as_array().unwrap().iter().cloned());
        assert_eq!(page["links"]["self"], json!(path));
        assert_eq!(page["links"]["prev"].is_null(), pages == 0);
        next = page["links"]["next"].clone();
        pages += 1;
    }
    assert_eq!((pages, json!(seen)), (9, all["data"].clone()));

    let default = read(&api, "/rest/items?select=name".to_owned()).await;
    assert_eq!((default["data"].as_array().unwrap().len(), default["meta"]["limit"].clone()), (20, json!(20)));
    let whole = read(&api, "/rest/items?select=name&limit=60".to_owned()).await;
    assert_eq!(whole["links"]["next"], Json::Null, "the last row is on this page");
    let none = read(&api, "/rest/items?limit=0".to_owned()).await;
    assert_eq!((none["data"].clone(), none["links"]["next"].clone()), (json!([]), Json::Null));
    let beyond = read(&api, "/rest/items?offset=1000".to_owned()).await;
    assert_eq!((beyond["data"].clone(), beyond["links"]["next"].clone()), (json!([]), Json::Null));
}

#[tokio::test]
async fn pages_are_counted_on_request() {
    let (_database, api) = world::api().await;
    let prefer = [("prefer", "count=exact")];
    for (path, total, last) in [
        ("/rest/items?limit=7&offset=7&select=name", 60, "/rest/items?select=name&limit=7&offset=56"),
        ("/rest/items?size=3&limit=5&select=name", 6, "/rest/items?size=3&select=name&limit=5&offset=5"),
        ("/rest/items?size=300&limit=5", 0, "/rest/items?size=300&limit=5&offset=0"),
        ("/rest/itemDocs?size=3&limit=2", 6, "/rest/itemDocs?size=3&limit=2&offset=4"),
    ] {
        let reply = api.send("GET", path, &prefer, b"").await;
        let counted = reply.json();
        assert_eq!(reply.header("preference-applied"), Some("count=exact"));
        assert_eq!((&counted["meta"]["total"], &counted["links"]["last"]), (&json!(total), &json!(last)), "{path}");
        let plain = read(&api, path.to_owned()).await;
        assert_eq!(counted["data"], plain["data"], "{path}");
        assert_eq!(counted["links"]["next"], plain["links"]["next"], "{path}");
        assert_eq!(plain["meta"].get("total"), None);
    }
    let union = api.send("GET", "/rest/pets", &prefer, b"").await;
    assert_eq!((union.status, union.header("preference-applied")), (200, None), "not counted, and not said to be");
}

#[tokio::test]
async fn pages_by_cursor() {
    let (_database, api) = world::api().await;
    for (root, single) in [("itemsPaged", "items"), ("itemDocsPaged", "itemDocs")] {
        let all = read(&api, format!("/rest/{single}?select=name&sort=-size&limit=100")).await;
        let all = all["data"].as_array().unwrap();
        for (start, way, backward) in [
            (format!("/rest/{root}?select=name&sort=-size&first=7"), "next", false),
            (format!("/rest/{root}?select=name&sort=-size&last=7"), "prev", true),
        ] {
            let mut seen: Vec<Json> = Vec::new();
            let mut next = json!(start);
            while let Some(path) = next.as_str() {
                let page = read(&api, path.to_owned()).await;
                let rows = page["data"].as_array().unwrap().iter().cloned();
                if backward {
                    seen.splice(0..0, rows).for_each(drop)
                } else {
                    seen.extend(rows)
                }
                let more = if backward { "hasPreviousPage" } else { "hasNextPage" };
                assert_eq!(page["meta"][more], json!(!page["links"][way].is_null()));
                next = page["links"][way].clone();
            }
            assert_eq!(&seen, all, "{start}");
        }
        let counted = api.send("GET", &format!("/rest/{root}?first=1"), &[("prefer", "count=exact")], b"").await;
        assert_eq!(counted.json()["meta"]["total"], 60);
    }
}

#[tokio::test]
async fn what_a_caller_may_not_see() {
    let (_database, api) = world::api().await;
    let secrets = read(&api, "/rest/secrets?limit=1&sort=name".to_owned()).await;
    let mut shown = secrets["data"][0].clone();
    shown.as_object_mut().unwrap().remove("id");
    assert_eq!(shown, json!({"name": "Secret 1", "masked": null, "inner": {"open": "o", "masked": null}}));
    let counted = api.send("GET", "/rest/secrets?limit=1&sort=name", &[("prefer", "count=exact")], b"").await;
    assert_eq!(counted.json()["data"], secrets["data"]);
    for path in [
        "/rest/secrets?select=rejected",
        "/rest/secrets?select=inner(rejected)",
        "/rest/secrets?masked=x",
        "/rest/secrets?not=(or(masked[isNull]=true))",
        "/rest/secrets?inner.masked=m",
        "/rest/secrets?sort=masked",
        "/rest/secretsPaged?sort=-rejected",
        "/rest/tenantSecrets",
        "/rest/adminSecrets",
    ] {
        let reply = api.get(path).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (401, &json!("UNAUTHENTICATED")), "{path}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        for accept in ["application/x-ndjson", "text/csv"] {
            assert_eq!(api.send("GET", path, &[("accept", accept)], b"").await.status, 401, "{path} {accept}");
        }
    }
}

#[tokio::test]
async fn stored_values_that_do_not_fit() {
    let (database, api) = world::api().await;
    database.execute("INSERT INTO tb_odd (pk_odd, data) VALUES (1, '{\"strict\": \"a\", \"size\": \"x\", \"strict_inner\": {\"strict\": \"b\"}}')");
    let reply = api.get("/rest/odds?select=strict,size").await;
    let body = reply.json();
    assert_eq!((reply.status, &body["error"]["code"]), (500, &json!("DATA_MISMATCH")), "{body}");
    assert!(body["error"]["message"].as_str().unwrap().starts_with("Odd.size: "), "{body}");
    assert_eq!(body["error"]["details"]["mismatches"][0]["path"], json!([0, "size"]));
    assert!(body["error"]["details"]["requestId"].is_string());
    assert_eq!(read(&api, "/rest/odds?select=strict".to_owned()).await["data"], json!([{"strict": "a"}]));
}
