//! The schema that the GraphQL tests share: every scalar on typed columns and in documents, joins, embedded
//! objects and lists, interfaces and unions, guarded fields, a row-shaped twin.

use serde_json::{Value as Json, json};

use crate::harness::{Database, crate_path};
use crate::service::Api;

/// A database of its own with the world's tables.
pub fn database() -> Database {
    Database::loaded(&[crate_path("tests/it/world/tables.sql")])
}

pub async fn api() -> (Database, Api) {
    api_with("").await
}

pub async fn api_with(more: &str) -> (Database, Api) {
    let database = database();
    let api = Api::with(&database, &schema(), more).await;
    (database, api)
}

/// `"name: Type"` with `!` for what cannot be null, as schema.json writes fields and arguments.
pub fn fields(list: &[&str]) -> Json {
    list.iter()
        .map(|field| {
            let (name, ty) = field.split_once(": ").unwrap();
            let (ty, nullable) = ty.strip_suffix('!').map_or((ty, true), |ty| (ty, false));
            json!({"name": name, "type": ty, "nullable": nullable})
        })
        .collect()
}

/// A list query of a type, with every automatic argument.
pub fn list(name: &str, ty: &str, relation: &str) -> Json {
    json!({"name": name, "return_type": ty, "returns_list": true, "nullable": false, "arguments": [],
           "sql_source": relation, "auto_params": true})
}

fn with(mut json: Json, more: Json) -> Json {
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json
}

const ITEM: [&str; 17] = [
    "id: ID!",
    "name: String!",
    "note: String",
    "size: Int!",
    "total: BigInt",
    "weight: Float",
    "price: Decimal",
    "active: Boolean",
    "madeAt: DateTime",
    "day: Date",
    "at: Time",
    "code: UUID",
    "kind: Kind",
    "tags: [String!]",
    "meta: Json",
    "owner: Person",
    "parts: [Part!]",
];

pub fn schema() -> Json {
    let mut item = fields(&ITEM);
    item.as_array_mut().unwrap().push(
        json!({"name": "category", "type": "Category", "nullable": true, "join": {"fk_category": "pk_category"}}),
    );
    let mut category = fields(&["id: ID!", "name: String!", "rank: Int"]);
    category
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "items", "type": "[Item!]", "nullable": false, "join": {"pk_category": "fk_category"}}));
    let guarded = |name: &str, on_deny: &str, nullable: bool| json!({"name": name, "type": "String", "nullable": nullable, "requires_scope": format!("read:{name}"), "on_deny": on_deny});
    let one = |name: &str, ty: &str, relation: &str| {
        json!({"name": name, "return_type": ty, "returns_list": false, "nullable": true,
               "arguments": fields(&["id: ID!"]), "sql_source": relation})
    };
    json!({
        "types": [
            {"name": "Item", "sql_source": "v_item", "relay": true, "fields": item},
            {"name": "ItemDoc", "sql_source": "v_item_doc", "relay": true, "fields": fields(&ITEM)},
            {"name": "Category", "sql_source": "v_category", "fields": category},
            {"name": "Person", "embedded": true, "fields": fields(&["fullName: String!", "age: Int"])},
            {"name": "Part", "embedded": true, "fields": fields(&["sku: String!", "qty: Int!"])},
            {"name": "Thing", "sql_source": "v_thing", "fields": fields(&["id: ID!", "name: String!", "size: Int!", "remark: String"])},
            {"name": "Cat", "embedded": true, "implements": ["Animal"], "fields": fields(&["id: ID!", "name: String!", "livesLeft: Int!"])},
            {"name": "Dog", "embedded": true, "implements": ["Animal"],
             "fields": fields(&["id: ID!", "name: String!", "breed: String", "friends: [Pet!]"])},
            {"name": "Odd", "sql_source": "v_odd", "relay": true, "fields": fields(&[
                "id: ID!", "text: String", "strict: String!", "size: Int", "kind: Kind", "kinds: [Kind!]", "loose: [Kind]",
                "day: Date", "inner: OddInner", "list: [OddInner!]", "looseList: [OddInner]", "strictInner: OddInner!"])},
            {"name": "OddInner", "embedded": true, "fields": fields(&["strict: String!", "free: String", "below: OddInner"])},
            {"name": "Secret", "sql_source": "v_secret", "relay": true, "fields": [
                {"name": "id", "type": "ID", "nullable": false}, {"name": "name", "type": "String", "nullable": false},
                guarded("masked", "mask", true), guarded("rejected", "reject", false),
                {"name": "inner", "type": "SecretInner", "nullable": false}]},
            {"name": "SecretInner", "embedded": true, "fields": [
                {"name": "open", "type": "String", "nullable": false},
                guarded("masked", "mask", true), guarded("rejected", "reject", false)]},
        ],
        "interfaces": [{"name": "Animal", "sql_source": "v_animal", "fields": fields(&["id: ID!", "name: String!"])}],
        "unions": [{"name": "Pet", "member_types": ["Cat", "Dog"]}],
        "enums": [{"name": "Kind", "values": [
            {"name": "SMALL", "value": "small-size"}, {"name": "LARGE", "value": "large-size"}, {"name": "ODD", "value": "odd"}]}],
        "queries": [
            with(list("items", "Item", "v_item"), json!({"count": true})),
            list("itemDocs", "ItemDoc", "v_item_doc"),
            with(list("itemsPaged", "Item", "v_item"), json!({"relay": true})),
            with(list("itemDocsPaged", "ItemDoc", "v_item_doc"), json!({"relay": true})),
            one("item", "Item", "v_item"),
            one("itemDoc", "ItemDoc", "v_item_doc"),
            with(list("itemsBy", "Item", "v_item"), json!({
                "auto_params": {"order_by": true}, "arguments": fields(&["note: String", "kind: Kind", "fkCategory: Int"])})),
            with(list("itemsFew", "Item", "v_item"), json!({
                "auto_params": false, "arguments": [{"name": "limit", "type": "Int", "nullable": true, "default": 3}]})),
            list("categories", "Category", "v_category"),
            list("things", "Thing", "v_thing"),
            list("animals", "Animal", "v_animal"),
            with(list("pets", "Pet", "v_animal"), json!({"auto_params": {"limit": true, "offset": true}})),
            list("odds", "Odd", "v_odd"),
            with(list("oddsPaged", "Odd", "v_odd"), json!({"relay": true})),
            list("secrets", "Secret", "v_secret"),
            with(list("secretsPaged", "Secret", "v_secret"), json!({"relay": true})),
            with(list("tenantSecrets", "Secret", "v_secret"), json!({"inject_params": {"tenant_id": "jwt:tenant_id"}})),
            with(list("adminSecrets", "Secret", "v_secret"), json!({"requires_role": "admin"})),
        ],
        "mutations": [], "subscriptions": [], "input_types": [],
    })
}
