//! The schema that the tests of mutations share: a function of every shape that may stand behind one.

use serde_json::{Value as Json, json};

use crate::harness::{Database, crate_path};
use crate::service::Api;
use crate::world::{fields, list};

pub const ANN: &str = "00000000-0000-0000-0000-000000000001";
pub const BOB: &str = "00000000-0000-0000-0000-000000000002";
pub const NOBODY: &str = "00000000-0000-0000-0000-00000000000f";

pub fn database() -> Database {
    Database::loaded(&[crate_path("tests/it/writing/functions.sql")])
}

pub async fn api() -> (Database, Api) {
    api_with("").await
}

pub async fn api_with(more: &str) -> (Database, Api) {
    let database = database();
    let api = Api::with(&database, &schema(), more).await;
    (database, api)
}

/// A mutation that returns one value.
pub fn mutation(name: &str, ty: &str, function: &str, arguments: &[&str]) -> Json {
    let (item, nullable) = ty.strip_suffix('!').map_or((ty, true), |item| (item, false));
    let (item, is_list) =
        item.strip_prefix('[').and_then(|item| item.strip_suffix("!]")).map_or((item, false), |item| (item, true));
    json!({"name": name, "return_type": item, "returns_list": is_list, "nullable": nullable,
           "arguments": fields(arguments), "sql_source": function, "operation": "CUSTOM"})
}

fn with(mut json: Json, more: Json) -> Json {
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json
}

pub fn schema() -> Json {
    let mut user = fields(&[
        "id: ID!",
        "name: String!",
        "email: String!",
        "age: Int",
        "role: Role!",
        "tags: [String!]!",
        "balance: Decimal",
    ]);
    user.as_array_mut()
        .unwrap()
        .push(json!({"name": "posts", "type": "[Post!]", "nullable": false, "join": {"pk_user": "fk_user"}}));
    user.as_array_mut().unwrap().push(
        json!({"name": "note", "type": "String", "nullable": true, "requires_scope": "read:note", "on_deny": "reject"}),
    );
    let operation = |operation: &str| json!({"operation": operation});
    json!({
        "types": [
            {"name": "User", "sql_source": "v_user", "fields": user},
            {"name": "Post", "sql_source": "v_post", "fields": fields(&["id: ID!", "title: String!"])},
            {"name": "Short", "embedded": true, "fields": fields(&["id: ID!", "name: String!", "age: Int"])},
            {"name": "EmailTaken", "is_error": true, "fields": fields(&["message: String!", "suggestion: String", "httpStatus: Int"])},
            {"name": "InvalidInput", "is_error": true, "fields": fields(&["message: String!", "fieldName: String!", "errorClass: String"])},
        ],
        "unions": [{"name": "Registered", "member_types": ["User", "EmailTaken", "InvalidInput"]}],
        "enums": [{"name": "Role", "values": [{"name": "MEMBER", "value": "member-role"}, {"name": "ADMIN", "value": "admin-role"}]}],
        "input_types": [
            {"name": "CreateUserInput", "fields": with_default(fields(&[
                "name: String!", "email: String!", "age: Int", "role: Role", "tags: [String!]", "balance: Decimal", "posts: [PostInput!]"]))},
            {"name": "PostInput", "fields": fields(&["postTitle: String!"])},
            {"name": "UpdateUserInput", "fields": fields(&["id: ID!", "name: String", "age: Int", "role: Role"])},
        ],
        "queries": [list("users", "User", "v_user")],
        "mutations": [
            with(mutation("createUser", "User!", "fn_create_user", &["input: CreateUserInput!"]), operation("CREATE")),
            with(mutation("renameUser", "User", "app.fn_rename_user", &["id: ID!", "name: String!"]), operation("UPDATE")),
            with(mutation("updateUser", "User", "fn_update_user", &["input: UpdateUserInput!"]), operation("UPDATE")),
            with(mutation("deleteUser", "User", "fn_delete_user", &["id: ID!"]), operation("DELETE")),
            with(mutation("dropUser", "Boolean!", "fn_delete_user", &["id: ID!"]), operation("DELETE")),
            with(mutation("removeUser", "Boolean!", "fn_remove_user", &["id: ID!"]), operation("DELETE")),
            mutation("rowOfUser", "User", "fn_row", &["id: ID!"]),
            mutation("rowsOfUsers", "[User!]!", "fn_rows", &["minAge: Int!"]),
            mutation("tableOfUser", "Short", "fn_table", &["id: ID!"]),
            mutation("userByTable", "User", "fn_table", &["id: ID!"]),
            mutation("documents", "[User!]!", "fn_documents", &[]),
            mutation("documentList", "[User!]!", "fn_document_list", &[]),
            mutation("copyUser", "User!", "fn_copy_user", &["id: ID!"]),
            mutation("add", "BigInt!", "fn_add", &["one: Int!", "other: BigInt"]),
            mutation("numbers", "[Int!]!", "fn_numbers", &[]),
            mutation("ids", "[ID!]!", "fn_ids", &[]),
            mutation("role", "Role", "fn_role", &["role: Role"]),
            mutation("register", "Registered!", "fn_register", &["email: String!"]),
            mutation("say", "User", "fn_say", &["status: String", "message: String"]),
            mutation("raise", "Json", "fn_raise", &["state: String!", "message: String!", "hint: String"]),
            mutation("many", "User!", "fn_many", &["count: Int!"]),
            mutation("twice", "User", "fn_twice", &["count: Int!"]),
            mutation("collide", "BigInt!", "fn_collide", &["times: BigInt!", "state: String!"]),
            mutation("die", "Boolean", "fn_die", &[]),
            with(mutation("claimed", "String", "fn_claimed", &["name: String!"]), json!({"inject_params": {"tenant_id": "jwt:tenant_id"}})),
            with(mutation("claimedJson", "Json", "fn_claimed_json", &["name: String!"]), json!({"inject_params": {"tenant_id": "jwt:tenant_id"}})),
            with(mutation("forAdmins", "BigInt!", "fn_add", &["one: Int!"]), json!({"requires_role": "admin"})),
        ],
        "subscriptions": [], "interfaces": [],
    })
}

/// `balance` is 1.5 unless it is sent.
fn with_default(mut fields: Json) -> Json {
    for field in fields.as_array_mut().unwrap() {
        if field["name"] == "balance" {
            field["default"] = json!(1.5);
        }
    }
    fields
}
