//! gRPC clients of other people: code that grpcio generates from our `.proto`, and buf.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value as Json, json};
use tokio::process::Command;

use crate::clients::{install, shop};
use crate::harness::crate_path;
use crate::program::{Program, run};
use crate::{grpc_streams, tls, world, writing};

#[track_caller]
fn succeeded(output: &Output, program: Option<&Program>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complaint) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaint}\n{}", program.map(Program::said).unwrap_or_default());
    said
}

/// Generates code from the service's `.proto` and uses it, over plain HTTP/2 and over TLS.
#[tokio::test]
async fn generated_python_code_works() {
    for (settings, certificate) in [(String::new(), None), (tls::section(), Some("tests/keys/localhost.crt.pem"))] {
        let (directory, _database, mut program) = shop(&settings).await;
        let target = format!("127.0.0.1:{}", program.address().await.port());
        let mut client = Command::new("sh");
        client.arg(crate_path("tests/clients/grpc_client.sh")).arg("grpc_client.py");
        client.arg(directory.path().join("proto")).arg(target);
        client.args(certificate.map(crate_path));
        // Another project's settings for Python, or a proxy, are none of ours.
        let output = client.env_remove("PYTHONPATH").env("no_proxy", "127.0.0.1").output().await.unwrap();
        succeeded(&output, Some(&program));
    }
}

/// The same for mutations: one command, and a stream of them.
#[tokio::test]
async fn generated_python_code_writes() {
    let (_database, api, _) = grpc_streams::rows().await;
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("fraiseql.toml"), "[project]\nname = \"test\"\n").unwrap();
    fs::write(directory.path().join("schema.json"), grpc_streams::schema().to_string()).unwrap();
    write_protos(directory.path());
    let mut client = Command::new("sh");
    client.arg(crate_path("tests/clients/grpc_client.sh")).arg("grpc_writer.py");
    client.arg(directory.path().join("proto")).arg(api.address().to_string());
    let output = client.env_remove("PYTHONPATH").env("no_proxy", "127.0.0.1").output().await.unwrap();
    succeeded(&output, None);
}

/// The binary in the npm package that buf publishes for this machine.
fn buf(directory: &Path) -> Command {
    install(&crate_path("tests/clients"));
    let binary = crate_path("tests/clients/node_modules/@bufbuild/buf-linux-x64/bin/buf");
    assert!(
        binary.exists(),
        "there is no buf: its npm package is for Linux on x86-64, and is installed by `make setup`"
    );
    let mut command = Command::new(binary);
    command.current_dir(directory).env("BUF_CACHE_DIR", directory.join("cache")).env("no_proxy", "127.0.0.1");
    command
}

#[tokio::test]
async fn buf_finds_nothing_to_complain_about() {
    let shop = shop_protos();
    let world = world_protos();
    let writing = tempfile::tempdir().unwrap();
    fs::write(writing.path().join("fraiseql.toml"), "[project]\nname = \"writing\"\n").unwrap();
    fs::write(writing.path().join("schema.json"), writing::schema().to_string()).unwrap();
    write_protos(writing.path());
    let projects = [&shop, &world, &writing].map(|project| project.path().join("proto"));
    for directory in projects.iter().chain([&crate_path("proto")]) {
        let scratch = tempfile::tempdir().unwrap();
        let output = buf(scratch.path()).arg("lint").arg(directory).output().await.unwrap();
        succeeded(&output, None);
        let output =
            buf(scratch.path()).arg("build").arg(directory).args(["-o", "image.binpb"]).output().await.unwrap();
        succeeded(&output, None);
    }
}

/// The files of the shop, as its own project writes them.
fn shop_protos() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in ["schema.py", "fraiseql.toml"] {
        fs::copy(crate_path("examples/shop").join(file), directory.path().join(file)).unwrap();
    }
    write_protos(directory.path());
    directory
}

/// Those of a schema with every kind of type, of which a field and an enum value were taken away again.
fn world_protos() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("fraiseql.toml"), "[project]\nname = \"the-2nd world\"\n").unwrap();
    let mut schema = world::schema();
    fs::write(directory.path().join("schema.json"), schema.to_string()).unwrap();
    write_protos(directory.path());
    let without = |list: &mut Json, name: &str| list.as_array_mut().unwrap().retain(|one| one["name"] != name);
    without(&mut schema["types"][0]["fields"], "weight");
    without(&mut schema["enums"][0]["values"], "LARGE");
    schema["types"][0]["fields"][1]["deprecated"] = json!({"reason": "a nickname was better"});
    fs::write(directory.path().join("schema.json"), schema.to_string()).unwrap();
    write_protos(directory.path());
    let protos =
        fs::read_to_string(directory.path().join("proto/the_2nd_world/v1/the2nd_world_service.proto")).unwrap();
    assert!(protos.contains("reserved \"weight\"") && protos.contains("reserved \"KIND_LARGE\""), "{protos}");
    directory
}

#[track_caller]
fn write_protos(directory: &Path) {
    let (code, _, complaint) = run(directory, &["compile", "--output-proto", "proto", "--allow-breaking"]);
    assert_eq!(code, 0, "{complaint}");
}

#[tokio::test]
async fn buf_curl_needs_nothing_but_reflection() {
    let (directory, _database, mut program) = shop("").await;
    let url = format!("http://{}", program.address().await);
    let curl = async |arguments: &[&str]| {
        let mut command = buf(directory.path());
        command.args(["curl", "--http2-prior-knowledge", "--protocol", "grpc"]).args(arguments).output().await.unwrap()
    };
    let methods = succeeded(&curl(&[&url, "--list-methods"]).await, Some(&program));
    assert!(methods.contains("shop.v1.ShopService/ListUsersPages"), "{methods}");
    let list = format!("{url}/shop.v1.ShopService/ListUsers");
    let request =
        json!({"limit": 2, "orderBy": [{"email": "ORDER_DIRECTION_ASC"}], "readMask": "id,email"}).to_string();
    let rows = succeeded(&curl(&[&list, "-d", &request]).await, Some(&program));
    let rows: Vec<Json> = serde_json::Deserializer::from_str(&rows).into_iter().map(Result::unwrap).collect();
    // The same rows as on the other wires of the same port.
    let address = program.address().await;
    let query = "{ users(limit: 2, orderBy: [{email: ASC}]) { id email } }";
    let body = crate::http::graphql(query, Json::Null);
    let json = [("content-type", "application/json")];
    let graphql = crate::http::send(address, "POST", "/graphql", &json, &body).await.unwrap().json();
    let rest = crate::http::send(address, "GET", "/rest/users?limit=2&sort=email&select=id,email", &[], b"").await;
    assert_eq!((rows.len(), &Json::from(rows)), (2, &graphql["data"]["users"]));
    assert_eq!(rest.unwrap().json()["data"], graphql["data"]["users"]);

    let refused = curl(&[&list, "-d", "{\"readMask\": \"nam\"}"]).await;
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    for said in ["invalid_argument", "did you mean \\\"name\\\"?", "google.rpc.BadRequest", "google.rpc.ErrorInfo"] {
        assert!(complaint.contains(said), "{said}: {complaint}");
    }
    let mut web = buf(directory.path());
    web.args(["curl", "--protocol", "grpcweb", "--schema", "proto", &list, "-d", &request]);
    let web = succeeded(&web.output().await.unwrap(), Some(&program));
    assert_eq!(web.matches("\"email\"").count(), 2, "gRPC-Web over HTTP/1.1: {web}");
}
