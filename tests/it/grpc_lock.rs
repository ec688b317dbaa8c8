//! `fraiseql.lock` and the `.proto` through the commands of a user.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::program::run;
use crate::world::{fields, list};

fn project(directory: &Path, more: &str) {
    fs::write(directory.join("fraiseql.toml"), format!("[project]\nname = \"user-service\"\n{more}")).unwrap();
}

fn schema(directory: &Path, user: &[&str], queries: Json) {
    let schema = json!({
        "types": [{"name": "User", "sql_source": "v_user", "fields": fields(user)}],
        "enums": [{"name": "Role", "values": [{"name": "ADMIN"}, {"name": "MEMBER"}]}],
        "queries": queries,
    });
    fs::write(directory.join("schema.json"), schema.to_string()).unwrap();
}

fn users() -> Json {
    json!([list("users", "User", "v_user")])
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

#[test]
fn numbers_outlive_every_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    project(path, "");
    schema(path, &["id: ID!", "name: String!", "role: Role"], users());
    let (code, _, said) = run(path, &["compile"]);
    assert!(code == 0 && said.contains("fraiseql.lock: started; commit it"), "{said}");
    let first = read(path, "fraiseql.lock");

    let (code, _, said) = run(path, &["compile"]);
    assert!(code == 0 && !said.contains("fraiseql.lock"), "{said}");
    assert_eq!(read(path, "fraiseql.lock"), first, "nothing has changed");

    schema(path, &["email: String!", "id: ID!", "role: Role", "name: String!"], users());
    assert_eq!(run(path, &["compile", "--output-proto", "proto"]).0, 0);
    let added: Vec<String> =
        read(path, "fraiseql.lock").lines().filter(|line| !first.contains(line)).map(str::to_owned).collect();
    assert_eq!(added.len(), 3, "a line each for the field, its filter and its order: {added:#?}");
    assert!(first.lines().all(|line| read(path, "fraiseql.lock").contains(line)), "no line is lost");
    let proto = read(path, "proto/user_service/v1/user_service.proto");
    let user =
        "message User {\n  string id = 1;\n  string name = 2;\n  optional Role role = 3;\n  string email = 4;\n}\n";
    assert!(
        proto.contains(user) && proto.contains("package user_service.v1;") && proto.contains("service UserService {"),
        "{proto}"
    );

    schema(path, &["id: ID!", "email: String!"], users());
    assert_eq!(run(path, &["compile", "--output-proto", "proto"]).0, 0);
    let proto = read(path, "proto/user_service/v1/user_service.proto");
    let user =
        "message User {\n  reserved 2, 3;\n  reserved \"name\", \"role\";\n  string id = 1;\n  string email = 4;\n}\n";
    assert!(proto.contains(user), "{proto}");

    schema(path, &["id: ID!", "email: String!", "nick: String!"], users());
    assert_eq!(run(path, &["compile", "--output-proto", "proto"]).0, 0);
    assert!(read(path, "proto/user_service/v1/user_service.proto").contains("string nick = 5;"));
}

#[test]
fn what_breaks_clients_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    project(path, "");
    schema(path, &["id: ID!", "age: Int"], users());
    assert_eq!(run(path, &["compile"]).0, 0);
    let before = read(path, "fraiseql.lock");
    schema(path, &["id: ID!", "age: String"], users());
    for arguments in [&["compile"][..], &["compile", "--check"]] {
        let (code, _, said) = run(path, arguments);
        assert!(
            code == 1 && said.contains("age was int32 and becomes string") && said.contains("--allow-breaking"),
            "{said}"
        );
    }
    assert_eq!(read(path, "fraiseql.lock"), before);
    let (code, _, said) = run(path, &["compile", "--allow-breaking"]);
    assert_eq!(code, 0, "{said}");
    let after = read(path, "fraiseql.lock");
    assert!(
        after.contains("{ number = 3, name = \"age\", type = \"string\" }")
            && after.contains("{ number = 2, name = \"age\", type = \"int32\" }"),
        "{after}"
    );

    let twice = after.replacen("number = 3, name = \"age\"", "number = 1, name = \"age\"", 1);
    fs::write(path.join("fraiseql.lock"), twice).unwrap();
    let (code, _, said) = run(path, &["compile"]);
    assert!(code == 1 && said.contains("have the same number 1"), "{said}");
}

#[test]
fn equal_names_are_refused_with_both() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    project(path, "");
    let queries = json!([list("users", "User", "v_user"), list("getUsers", "User", "v_user")]);
    schema(path, &["id: ID!"], queries);
    let (code, _, said) = run(path, &["compile"]);
    assert_eq!(code, 1);
    assert!(said.contains("getUsers becomes the RPC ListUsers, and so does users at queries[0]"), "{said}");
}

#[test]
fn names_of_the_service_are_configured() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    project(path, "[grpc]\npackage = \"acme.users.v2\"\nservice = \"People\"\n");
    schema(path, &["id: ID!"], users());
    assert_eq!(run(path, &["compile", "--output-proto", "proto"]).0, 0);
    let proto = read(path, "proto/acme/users/v2/people.proto");
    assert!(proto.contains("package acme.users.v2;") && proto.contains("service People {"), "{proto}");

    project(path, "[grpc]\nenabled = false\n");
    fs::remove_file(path.join("fraiseql.lock")).unwrap();
    assert_eq!(run(path, &["compile"]).0, 0);
    assert!(!path.join("fraiseql.lock").exists(), "nobody asks for numbers");
}

#[test]
fn a_mutation_is_an_rpc_for_one_and_one_for_many() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    project(path, "");
    let mutation = |name: &str, ty: &str, many: bool, arguments: Json| {
        json!({"name": name, "return_type": ty, "returns_list": many, "nullable": false, "arguments": arguments,
               "sql_source": "fn_it", "operation": "CUSTOM"})
    };
    let mut inputs = fields(&["name: String!", "age: Int", "tags: [String!]!", "grid: [[Int!]!]", "home: PlaceInput"]);
    inputs.as_array_mut().unwrap().push(json!({"name": "role", "type": "Role", "nullable": true, "default": "ADMIN"}));
    let schema = json!({
        "types": [
            {"name": "User", "sql_source": "v_user", "fields": fields(&["id: ID!", "name: String!"])},
            {"name": "Taken", "is_error": true, "fields": fields(&["message: String!"])},
        ],
        "unions": [{"name": "Joined", "member_types": ["User", "Taken"]}],
        "enums": [{"name": "Role", "values": [{"name": "ADMIN"}, {"name": "MEMBER"}]}],
        "input_types": [
            {"name": "UserInput", "description": "Somebody.", "fields": inputs},
            {"name": "PlaceInput", "fields": fields(&["street: String", "within: PlaceInput"])},
        ],
        "queries": users(),
        "mutations": [
            mutation("createUser", "User", false, fields(&["input: UserInput!"])),
            mutation("join", "Joined", false, fields(&["id: ID!"])),
            mutation("count", "BigInt", false, json!([])),
            mutation("touch", "User", true, fields(&["ids: [ID!]!"])),
            mutation("roles", "Role", true, json!([])),
        ],
    });
    fs::write(path.join("schema.json"), schema.to_string()).unwrap();
    let (code, _, said) = run(path, &["compile", "--output-proto", "proto"]);
    assert_eq!(code, 0, "{said}");
    let proto = read(path, "proto/user_service/v1/user_service.proto");
    let text: Vec<&str> = proto.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
    let text = text.join(" ");
    for part in [
        "rpc CreateUser(CreateUserRequest) returns (CreateUserResponse);",
        "rpc CreateUserStream(stream CreateUserRequest) returns (stream CreateUserResponse);",
        "message CreateUserRequest { UserInput input = 1; google.protobuf.FieldMask read_mask = 2; \
         google.protobuf.FieldMask clear_mask = 3; }",
        "message UserInput { optional string name = 1; optional int32 age = 2; repeated string tags = 3; \
         repeated google.protobuf.ListValue grid = 4; PlaceInput home = 5; optional Role role = 6; }",
        "message PlaceInput { optional string street = 1; PlaceInput within = 2; }",
        "message CreateUserResponse { bool success = 1; optional string id = 2; optional string error = 3; \
         optional string code = 4; User entity = 5; }",
        "message JoinRequest { optional string id = 1; google.protobuf.FieldMask read_mask = 2; }",
        "optional string code = 4; Joined entity = 5; }",
        "message CountRequest {}",
        "optional string code = 4; optional int64 value = 5; }",
        "message TouchRequest { repeated string ids = 1; google.protobuf.FieldMask read_mask = 2; }",
        "optional string code = 4; repeated User entities = 5; }",
        "optional string code = 4; repeated Role values = 5; }",
    ] {
        assert!(text.contains(part), "{part}\n{proto}");
    }
    for comment in [
        "// Required.\n  optional string name = 1;",
        "// \"ADMIN\" unless it is sent.",
        "// Somebody.\nmessage UserInput",
        "// Inputs to clear, as in \"input.age\": they become null, lists become empty.",
    ] {
        assert!(proto.contains(comment), "{comment}\n{proto}");
    }
    assert!(read(path, "fraiseql.lock").contains("{ number = 5, name = \"entity\", type = \"User\" }"));

    let mut clashing = schema.clone();
    clashing["mutations"][1]["name"] = json!("createUserStream");
    fs::write(path.join("schema.json"), clashing.to_string()).unwrap();
    let (code, _, said) = run(path, &["compile"]);
    assert!(code == 1 && said.contains("createUserStream becomes the RPC CreateUserStream"), "{said}");
    for name in ["CreateUserRequest", "Count_Response"] {
        let mut clashing = schema.clone();
        clashing["input_types"][0]["name"] = json!(name);
        clashing["mutations"][0]["arguments"][0]["type"] = json!(name);
        fs::write(path.join("schema.json"), clashing.to_string()).unwrap();
        let (code, _, said) = run(path, &["compile", "--check"]);
        let message = name.replace('_', "");
        let clash = format!("two things are called {message} in the gRPC service");
        assert!(code == 1 && said.contains(&clash), "{said}");
    }
}
