//! The binary as a process: it stops in order, leaves nothing behind, and reloads without losing a request.

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};
use tokio_postgres::NoTls;

use crate::harness::Database;
use crate::http::{self, Reply};
use crate::program::{Program, eventually};
use crate::world::{fields, list};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn ask(address: SocketAddr, query: &str) -> std::io::Result<Reply> {
    http::send(address, "POST", "/graphql", &JSON, &http::graphql(query, Json::Null)).await
}

/// A project over a database with a view that takes its time.
fn project(database: &Database, more: &str) -> tempfile::TempDir {
    database.execute("CREATE VIEW v_nap AS SELECT 1 AS pk_nap, 'n'::text AS id, pg_sleep(1.5)::text AS name");
    let directory = tempfile::tempdir().unwrap();
    let schema = json!({
        "types": [{"name": "Nap", "sql_source": "v_nap", "fields": fields(&["id: ID!", "name: String"])}],
        "queries": [list("naps", "Nap", "v_nap")],
    });
    fs::write(directory.path().join("schema.json"), schema.to_string()).unwrap();
    let toml = format!(
        "[project]\nname = \"nap\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n{more}[database]\nurl = \"{}\"\n",
        database.url()
    );
    fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    directory
}

async fn napping(database: &Database) -> i64 {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'fraiseql' \
               AND state = 'active' AND query LIKE '%v_nap%'";
    let count = client.query_one(sql, &[]).await.unwrap().get(0);
    connection.abort();
    count
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let database = Database::empty();
        let directory = project(&database, "");
        let mut program = Program::start(directory.path(), &["run"]);
        let address = program.address().await;
        let body = http::graphql("{ naps { id name } }", Json::Null);
        let in_flight = http::begin(address, "POST", "/graphql", &JSON, &body).await.unwrap();
        // One that is open and asks for nothing does not hold the end up.
        let _idle = tokio::net::TcpStream::connect(address).await.unwrap();
        assert!(eventually(async || napping(&database).await == 1).await, "{}", program.said());
        program.signal(signal);
        let reply = http::finish(in_flight).await.unwrap();
        assert_eq!(reply.json(), json!({"data": {"naps": [{"id": "n", "name": ""}]}}));
        assert_eq!(program.ended().await.code(), Some(0), "{}", program.said());
        assert!(ask(address, "{ __typename }").await.is_err(), "nobody listens any more");
    }
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let database = Database::empty();
    let directory = project(&database, "shutdown_timeout_secs = 1\n");
    database.execute("CREATE OR REPLACE VIEW v_nap AS SELECT 1 AS pk_nap, 'n'::text AS id, pg_sleep(60)::text AS name");
    let mut program = Program::start(directory.path(), &["run"]);
    let address = program.address().await;
    let body = http::graphql("{ naps { name } }", Json::Null);
    let in_flight = http::begin(address, "POST", "/graphql", &JSON, &body).await.unwrap();
    assert!(eventually(async || napping(&database).await == 1).await);
    let began = Instant::now();
    program.signal(Signal::SIGTERM);
    assert_eq!(program.ended().await.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(in_flight);
}

#[tokio::test]
async fn run_refuses_a_schema_that_does_not_fit_and_a_port_that_is_taken() {
    let database = Database::empty();
    let directory = project(&database, "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut program = Program::start(directory.path(), &["run", "--port", &port]);
    assert_eq!(program.ended().await.code(), Some(1));
    program.says("cannot listen on", 1).await;
    database.execute("DROP VIEW v_nap");
    let mut program = Program::start(directory.path(), &["run"]);
    assert_eq!(program.ended().await.code(), Some(1));
    program.says("there is no such view", 1).await;
}

fn edit(directory: &Path, file: &str, from: &str, to: &str) {
    let path = directory.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// The query of the README that `init` writes.
fn readme_query(directory: &Path) -> String {
    let readme = fs::read_to_string(directory.join("README.md")).unwrap();
    readme.split("```graphql").nth(1).unwrap().split("```").next().unwrap().trim().to_owned()
}

fn is_gone(directory: &Path) -> bool {
    let works_there =
        |process: fs::DirEntry| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
    !directory.exists() && !fs::read_dir("/proc").unwrap().flatten().any(works_there)
}

#[tokio::test]
async fn a_new_project_is_served_and_reloaded_under_load() {
    let parent = tempfile::tempdir().unwrap();
    let (code, said, _) = crate::program::run(parent.path(), &["init", "blog"]);
    assert!(code == 0 && said.contains("fraiseql dev"), "{said}");
    let directory = parent.path().join("blog");
    let mut program = Program::start(&directory, &["dev", "--port", "0"]);
    let address = program.address().await;
    let answer = ask(address, &readme_query(&directory)).await.unwrap().json();
    assert_eq!(answer["data"]["users"][0]["name"], "Ada Lovelace");
    assert_eq!(answer["data"]["users"][0]["posts"].as_array().unwrap().len(), 2);
    let page = http::send(address, "GET", "/graphql", &[("accept", "text/html")], b"").await.unwrap();
    assert_eq!(page.status, 200);

    let is_over = Cell::new(false);
    let load = async || {
        let mut asked = 0;
        while !is_over.get() {
            let reply = ask(address, "{ users { id name posts { title } } }").await;
            let answer = reply.expect("a connection is refused during a reload").json();
            assert!(answer["errors"].is_null() && !answer["data"]["users"][0]["name"].is_null(), "{answer}");
            asked += 1;
        }
        asked
    };
    let first = async |query: &str, pointer: &str| {
        ask(address, query).await.unwrap().json().pointer(pointer).cloned().unwrap_or_default()
    };
    let changes = async {
        // The SQL: other rows.
        edit(&directory, "sql/30_seed.sql", "Ada Lovelace", "Augusta Ada King");
        program.says("reloaded", 1).await;
        let name = "{ users(orderBy: [{name: ASC}], limit: 1) { name } }";
        assert_eq!(first(name, "/data/users/0/name").await, "Augusta Ada King");
        // The schema: one more field.
        edit(&directory, "schema.py", "    email: str\n", "    email: str\n    nickname: str | None\n");
        program.says("reloaded", 2).await;
        assert_eq!(
            first("{ users(limit: 1) { nickname __typename } }", "/data/users/0").await,
            json!({"nickname": null, "__typename": "User"})
        );
        // The configuration, what is read of a request included.
        edit(
            &directory,
            "fraiseql.toml",
            "[database]",
            "[graphql]\nmax_aliases = 1\n\n[[session_variables]]\nname = \"app.who\"\nheader = \"x-who\"\n\n[database]",
        );
        program.says("reloaded", 3).await;
        let refused = ask(address, "{ a: __typename b: users { id } c: users { id } }").await.unwrap().json();
        assert_eq!(refused["errors"][0]["extensions"]["code"], "TOO_COMPLEX", "{refused}");
        edit(
            &directory,
            "sql/20_views.sql",
            "SELECT pk_user, id, name,",
            "SELECT pk_user, id, coalesce(nullif(current_setting('app.who', true), ''), name) AS name,",
        );
        program.says("reloaded", 4).await;
        let headers = [JSON[0], ("x-who", "it is me")];
        let who = http::send(address, "POST", "/graphql", &headers, &http::graphql("{ users { name } }", Json::Null))
            .await
            .unwrap()
            .json();
        assert_eq!(who["data"]["users"][2]["name"], "it is me", "{who}");

        // What is wrong is said, with its place, and what was there before goes on.
        edit(&directory, "schema.py", "class Post:", "class Post");
        program.says("still serving", 1).await;
        assert!(program.said().contains("schema.py"), "{}", program.said());
        edit(&directory, "schema.py", "class Post\n", "class Post:\n");
        program.says("reloaded", 5).await;
        edit(&directory, "sql/20_views.sql", "FROM tb_post", "FROM tb_pots");
        program.says("still serving", 2).await;
        assert!(program.said().contains("20_views.sql"), "{}", program.said());
        edit(&directory, "sql/20_views.sql", "FROM tb_pots", "FROM tb_post");
        program.says("reloaded", 6).await;
        edit(&directory, "fraiseql.toml", "max_aliases", "max_alaises");
        program.says("still serving", 3).await;
        assert!(program.said().contains("max_aliases"), "{}", program.said());
        edit(&directory, "fraiseql.toml", "max_alaises", "max_aliases");
        program.says("reloaded", 7).await;
        // SQL that only the next change of the schema fits is loaded with that change.
        edit(&directory, "sql/20_views.sql", "SELECT pk_post, fk_user,", "SELECT pk_post, fk_user AS fk_writer,");
        program.says("still serving", 4).await;
        edit(&directory, "schema.py", "\"fk_user\"", "\"fk_writer\"");
        program.says("reloaded", 8).await;
        is_over.set(true);
        program
    };
    let (one, two, mut program) = tokio::join!(load(), load(), changes);
    assert!(one + two > 20, "{one} + {two} requests");
    let answer = ask(address, &readme_query(&directory)).await.unwrap().json();
    assert_eq!(answer["data"]["users"].as_array().unwrap().len(), 3, "{answer}");
    let postgres = program.postgres_directory().expect("the directory of the private server");
    program.signal(Signal::SIGINT);
    assert_eq!(program.ended().await.code(), Some(0), "{}", program.said());
    assert!(eventually(async || is_gone(&postgres)).await);
}

#[tokio::test]
async fn a_killed_dev_leaves_no_postgres_behind() {
    let parent = tempfile::tempdir().unwrap();
    fraiseql::cli::init::create(&parent.path().join("blog")).unwrap();
    let mut program = Program::start(parent.path(), &["dev", "blog", "--port", "0"]);
    let address = program.address().await;
    assert_eq!(ask(address, "{ __typename }").await.unwrap().status, 200);
    let postgres = program.postgres_directory().expect("the directory of the private server");
    assert!(!is_gone(&postgres));
    program.signal(Signal::SIGKILL);
    program.ended().await;
    assert!(eventually(async || is_gone(&postgres)).await, "{} is still there", postgres.display());
}
