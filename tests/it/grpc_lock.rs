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
