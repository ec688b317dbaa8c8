//! The schema that the tests of the entity layer share.

use serde_json::{Value as Json, json};

use crate::harness::{Database, crate_path};
use crate::service::Api;
use crate::world::{fields, list};

pub fn database() -> Database {
    Database::loaded(&[crate_path("tests/it/subgraph/tables.sql")])
}

pub async fn api() -> (Database, Api) {
    api_with("").await
}

pub async fn api_with(more: &str) -> (Database, Api) {
    let database = database();
    let api = Api::with(&database, &schema(), more).await;
    (database, api)
}

/// The id of a user: that of its row.
pub fn user_id(number: usize) -> String {
    uuid(&format!("user{number}"))
}

/// What PostgreSQL's `md5` says, as a UUID.
pub fn uuid(text: &str) -> String {
    let hex = md5(text);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// What PostgreSQL's `md5` says, so that representations can be made without asking it.
fn md5(text: &str) -> String {
    let mut state: [u32; 4] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0x80);
    bytes.resize(56, 0);
    bytes.extend((text.len() as u64 * 8).to_le_bytes());
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let word = |at: usize| u32::from_le_bytes(bytes[at * 4..at * 4 + 4].try_into().unwrap());
    let [mut a, mut b, mut c, mut d] = state;
    for i in 0..64usize {
        let (mix, at) = match i / 16 {
            0 => ((b & c) | (!b & d), i),
            1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
            2 => (b ^ c ^ d, (3 * i + 5) % 16),
            _ => (c ^ (b | !d), 7 * i % 16),
        };
        let sine = ((i as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
        let sum = a.wrapping_add(mix).wrapping_add(sine).wrapping_add(word(at));
        (a, d, c) = (d, c, b);
        b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
    }
    for (total, part) in state.iter_mut().zip([a, b, c, d]) {
        *total = total.wrapping_add(part);
    }
    state.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}

fn ty(name: &str, keys: Json, fields: Json, more: Json) -> Json {
    let mut ty =
        json!({"name": name, "sql_source": format!("v_{}", name.to_lowercase()), "fields": fields, "keys": keys});
    ty.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ty
}

fn key(fields: &str) -> Json {
    json!({"fields": fields})
}

fn person() -> Json {
    let external =
        |name: &str, ty: &str| json!({"name": name, "type": ty, "nullable": true, "federation": {"external": true}});
    let computed = |name: &str, ty: &str, function: &str, requires: &str| json!({"name": name, "type": ty, "nullable": true, "function": function, "federation": {"requires": requires}});
    json!([
        {"name": "email", "type": "ID", "nullable": false, "federation": {"external": true}},
        {"name": "name", "type": "String", "nullable": true, "federation": {"override_from": "users"}},
        external("totalProducts", "Int"),
        external("yearsOfEmployment", "Int"),
        external("profile", "Profile"),
        computed("average", "Int", "fn_average", "totalProducts yearsOfEmployment"),
        computed("rank", "Int", "fn_ranks", "totalProducts"),
        computed("tags", "[String]", "fn_tags", "profile { homePage grade }"),
    ])
}

pub fn schema() -> Json {
    let mut user = fields(&["id: ID!", "email: String!", "name: String!"]);
    user.as_array_mut().unwrap().extend([
        json!({"name": "salary", "type": "Int", "nullable": true, "requires_scope": "read:salary", "on_deny": "mask"}),
        json!({"name": "posts", "type": "[Post!]", "nullable": false, "join": {"pk_user": "fk_user"}}),
    ]);
    json!({
        "types": [
            ty("User", json!([key("id"), key("email")]), user, json!({})),
            {"name": "Post", "sql_source": "v_post", "fields": fields(&["id: ID!", "title: String!"])},
            ty("Invoice", json!([key("id")]), fields(&["id: ID!", "name: String!"]), json!({})),
            ty("Ledger", json!([key("id")]), fields(&["id: ID!", "name: String!"]), json!({"requires_role": "admin"})),
            ty("Product", json!([key("id"), key("sku package"), key("sku variation { id }")]),
               fields(&["id: ID!", "sku: String", "package: String", "variation: Variation", "title: String!"]), json!({})),
            {"name": "Variation", "embedded": true, "fields": fields(&["id: ID!", "name: String"])},
            ty("Research", json!([key("study { caseNumber }")]), fields(&["study: Study!", "outcome: String"]), json!({})),
            {"name": "Study", "embedded": true, "fields": fields(&["caseNumber: ID!", "label: String"])},
            ty("Reading", json!([key("number"), key("amount"), key("day"), key("at"), key("weight active"), key("slug"), key("address"), key("grade note")]),
               fields(&["number: Int!", "amount: Decimal!", "day: Date!", "at: DateTime!", "active: Boolean!", "grade: Grade!",
                        "slug: String!", "address: String!", "weight: Float!", "note: String"]), json!({})),
            ty("Book", json!([key("id")]), fields(&["id: ID!", "title: String!", "pages: Int!"]), json!({"implements": ["Media"]})),
            ty("Film", json!([key("id")]), fields(&["id: ID!", "title: String!", "minutes: Int!"]), json!({"implements": ["Media"]})),
            ty("Parcel", json!([key("id")]), fields(&["id: ID!", "label: String!", "broken: String!"]), json!({})),
            {"name": "Organization", "embedded": true, "keys": [{"fields": "id", "resolvable": false}],
             "fields": fields(&["id: ID!", "site: Site", "tags: [String!]"])},
            {"name": "Site", "embedded": true, "fields": fields(&["homePage: String"])},
            ty("Person", json!([key("email")]), person(), json!({"extends": true})),
            {"name": "Profile", "embedded": true, "fields": fields(&["homePage: String", "grade: Grade"])},
            // Another service has the parcels; this one knows what it costs to send them.
            {"name": "Package", "sql_source": "v_package", "keys": [key("id")], "fields": [
                {"name": "id", "type": "ID", "nullable": false},
                {"name": "price", "type": "Decimal", "nullable": true, "federation": {"external": true}},
                {"name": "weight", "type": "Float", "nullable": true, "federation": {"external": true}},
                {"name": "estimate", "type": "Decimal", "nullable": true, "function": "fn_shipping_estimate",
                 "federation": {"requires": "price weight"}}]},
        ],
        "interfaces": [{"name": "Media", "fields": fields(&["id: ID!", "title: String!"]), "keys": [key("id")]}],
        "unions": [],
        "enums": [{"name": "Grade", "values": [{"name": "LOW", "value": "low"}, {"name": "HIGH", "value": "high"}]}],
        "queries": [
            list("users", "User", "v_user"),
            list("people", "Person", "v_person"),
            {"name": "invoices", "return_type": "Invoice", "returns_list": true, "nullable": false, "arguments": [],
             "sql_source": "v_invoice", "inject_params": {"tenant_id": "jwt:tenant_id"}},
            {"name": "allInvoices", "return_type": "Invoice", "returns_list": true, "nullable": false, "arguments": [],
             "sql_source": "v_invoice", "requires_role": "admin"},
        ],
        "mutations": [], "subscriptions": [], "input_types": [],
        "federation": {"enabled": true, "service_name": "subgraph", "version": "v2.3"},
    })
}
