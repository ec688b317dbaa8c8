//! The commands: their exit codes, what they print, and where.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::{Database, crate_path};
use crate::program::run;
use crate::world::{fields, list};

const TOML: &str = "[project]\nname = \"shelf\"\n";

fn schema() -> Json {
    json!({
        "types": [
            {"name": "Book", "sql_source": "v_book", "fields": fields(&["id: ID!", "title: String!", "pages: Int", "author: Author!"])},
            {"name": "Author", "sql_source": "v_author", "fields": fields(&["id: ID!", "name: String!"])}],
        "queries": [list("books", "Book", "v_book"), list("authors", "Author", "v_author")],
    })
}

fn project(schema: &Json, toml: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("schema.json"), format!("{schema:#}")).unwrap();
    fs::write(directory.path().join("fraiseql.toml"), toml).unwrap();
    directory
}

/// Runs a command: its exit code, and texts that its output, then its complaints, have to hold.
#[track_caller]
fn check(directory: &Path, arguments: &[&str], code: i32, printed: &[&str], complained: &[&str]) -> String {
    let (found, output, complaint) = run(directory, arguments);
    assert_eq!(found, code, "{arguments:?}\n{output}\n{complaint}");
    for text in printed {
        assert!(output.contains(text), "{arguments:?} does not print {text:?} but\n{output}");
    }
    for text in complained {
        assert!(complaint.contains(text), "{arguments:?} does not complain of {text:?} but\n{complaint}");
    }
    assert!(!output.contains('\u{1b}') && !complaint.contains('\u{1b}'), "colours are for terminals");
    output
}

#[test]
fn usage() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    check(here, &["--version"], 0, &[env!("CARGO_PKG_VERSION")], &[]);
    check(here, &["--help"], 0, &["compile", "run", "dev", "explain", "init"], &[]);
    for command in ["compile", "run", "dev", "explain", "init"] {
        check(here, &[command, "--help"], 0, &["Example:", "fraiseql "], &[]);
    }
    check(here, &[], 2, &[], &["Usage"]);
    check(here, &["complie"], 2, &[], &["compile"]);
    check(here, &["compile", "--databse", "x"], 2, &[], &["--database"]);
    check(here, &["run", "--port", "many"], 2, &[], &["--port"]);
    check(here, &["run", "--port", "70000"], 2, &[], &["--port"]);
    check(here, &["explain"], 2, &[], &["QUERY"]);
    check(here, &["init"], 2, &[], &["DIR"]);
    // Without a project.
    for command in [&["compile"][..], &["run"], &["dev"], &["explain", "{ a }"]] {
        check(here, command, 1, &[], &["fraiseql.toml", "fraiseql init"]);
    }
}

#[test]
fn compile() {
    let directory = project(&schema(), TOML);
    let here = directory.path();
    let artifact = here.join("schema.compiled.json");
    check(here, &["compile", "--check"], 0, &[], &["schema.json is valid"]);
    assert!(!artifact.exists());
    check(here, &["compile", "--sdl", "out.graphql"], 0, &[], &["schema.compiled.json", "2 types, 2 queries"]);
    assert!(fs::read_to_string(here.join("out.graphql")).unwrap().contains("type Book"));
    let first = fs::read(&artifact).unwrap();
    check(here, &["compile"], 0, &[], &[]);
    assert_eq!(fs::read(&artifact).unwrap(), first, "the same schema is the same bytes");
    check(here, &["compile", "--output", "other.json"], 0, &[], &["other.json"]);
    assert_eq!(fs::read(here.join("other.json")).unwrap(), first);

    // Everything wrong at once, with its place, and nothing written.
    fs::remove_file(&artifact).unwrap();
    let mut wrong = schema();
    wrong["types"][0]["fields"][1]["type"] = json!("Strin");
    wrong["types"][1]["sql_sorce"] = json!("x");
    wrong["queries"][1]["name"] = json!("books");
    let text = format!("{wrong:#}");
    fs::write(here.join("schema.json"), &text).unwrap();
    let line = text.lines().position(|line| line.contains("Strin\"")).unwrap() + 1;
    let place = format!("schema.json:{line}:");
    check(
        here,
        &["compile"],
        1,
        &[],
        &[
            "Strin",
            "did you mean \"String\"",
            "sql_sorce",
            "did you mean \"sql_source\"",
            "books",
            "problems found",
            &place,
        ],
    );
    assert!(!artifact.exists());
    fs::write(here.join("schema.json"), "{\"types\": [").unwrap();
    check(here, &["compile", "--check"], 1, &[], &["schema.json:1:"]);
    fs::remove_file(here.join("schema.json")).unwrap();
    check(here, &["compile"], 1, &[], &["schema.json", "schema.py"]);

    // The configuration's own problems, with their lines.
    fs::write(here.join("schema.json"), schema().to_string()).unwrap();
    fs::write(
        here.join("fraiseql.toml"),
        format!("{TOML}[sevrer]\nport = 1\n[graphql]\nmax_depht = 3\nmax_aliases = \"x\"\n"),
    )
    .unwrap();
    check(
        here,
        &["compile"],
        1,
        &[],
        &[
            "did you mean \"server\"",
            "did you mean \"max_depth\"",
            "max_aliases",
            "fraiseql.toml:3",
            "fraiseql.toml:6",
            "3 problems found",
        ],
    );
}

#[test]
fn compile_against_a_database() {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_book AS SELECT 'b'::text AS id, 'x'::text AS titel, 'many'::text AS pages, '{}'::text AS author; \
         CREATE VIEW v_autor AS SELECT 1",
    );
    let directory = project(&schema(), TOML);
    let (here, url) = (directory.path(), database.url());
    let complained = [
        "v_author",
        "there is no such view",
        "did you mean \"v_autor\"",
        "Book.title",
        "did you mean \"titel\"",
        "Book.pages is Int",
        "text",
        "Book.author",
        "embedded object",
        "4 problems found",
    ];
    check(here, &["compile", "--database", &url], 1, &[], &complained);
    assert!(!here.join("schema.compiled.json").exists());
    database.execute(
        "DROP VIEW v_book; CREATE VIEW v_book AS SELECT 'b'::text AS id, 'x'::text AS title, 5 AS pages, '{}'::jsonb AS author; \
         CREATE VIEW v_author AS SELECT 'a'::text AS id, '{}'::jsonb AS data",
    );
    check(here, &["compile", "--database", &url, "--check"], 0, &[], &["is valid"]);
    check(here, &["compile", "--database", &url], 0, &[], &["2 types"]);
    check(here, &["compile", "--database", "postgres://localhost:1/none"], 1, &[], &["cannot be reached"]);
    check(here, &["compile", "--database", "no url"], 1, &[], &["url"]);
}

/// Functions are looked at like views: their names, their parameters, and what they return.
#[test]
fn compile_mutations_against_a_database() {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_book AS SELECT 'b'::text AS id, 'x'::text AS title, 5 AS pages, '{}'::jsonb AS author; \
         CREATE VIEW v_author AS SELECT 'a'::text AS id, '{}'::jsonb AS data; \
         CREATE FUNCTION fn_crate_book(p_title text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'; \
         CREATE FUNCTION fn_rename_book(p_id text, p_titel text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'; \
         CREATE FUNCTION fn_tag_book(p_id text, p_tags text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'; \
         CREATE FUNCTION fn_sell_book(VARIADIC ids text[]) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'; \
         CREATE FUNCTION fn_count_books() RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
    );
    let mutation = |name: &str, ty: &str, function: &str, arguments: &[&str]| -> Json {
        json!({"name": name, "return_type": ty, "returns_list": false, "nullable": true, "operation": "CUSTOM",
               "arguments": fields(arguments), "sql_source": function})
    };
    let mut wrong = schema();
    wrong["mutations"] = json!([
        mutation("createBook", "Book", "fn_create_book", &["title: String!"]),
        mutation("renameBook", "Book", "fn_rename_book", &["id: ID!", "title: String!"]),
        mutation("tagBook", "Book", "fn_tag_book", &["id: ID!", "tags: [String!]!"]),
        mutation("sellBook", "Book", "fn_sell_book", &["ids: [ID!]!"]),
        mutation("countBooks", "Int", "fn_count_books", &[]),
    ]);
    let directory = project(&wrong, TOML);
    let complained = [
        "fn_create_book",
        "there is no such function",
        "did you mean \"fn_crate_book\"",
        "has no parameter p_title or title; did you mean \"p_titel\"",
        "nothing gives public.fn_rename_book(text, text) its parameter p_titel",
        "p_tags: a list ([String!]!) needs an array or jsonb, not text",
        "has a VARIADIC parameter ids",
        "returns text, which does not fit Int",
    ];
    check(directory.path(), &["compile", "--database", &database.url()], 1, &[], &complained);
    database.execute(
        "ALTER FUNCTION fn_crate_book RENAME TO fn_create_book; DROP FUNCTION fn_rename_book, fn_tag_book, fn_sell_book, fn_count_books; \
         CREATE FUNCTION fn_rename_book(p_id text, p_title text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'; \
         CREATE FUNCTION fn_tag_book(p_id text, p_tags text[]) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'; \
         CREATE FUNCTION fn_sell_book(ids text[]) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'; \
         CREATE FUNCTION fn_count_books() RETURNS int4 LANGUAGE sql AS 'SELECT 1'",
    );
    check(directory.path(), &["compile", "--database", &database.url()], 0, &[], &["5 mutations"]);
}

#[test]
fn explain() {
    let database = Database::empty();
    database.execute(
        "CREATE VIEW v_book AS SELECT 1 AS pk_book, 'b'::text AS id, 'x'::text AS title, 5 AS pages, '{}'::jsonb AS author; \
         CREATE VIEW v_author AS SELECT 'a'::text AS id, '{}'::jsonb AS data",
    );
    let directory = project(&schema(), TOML);
    let (here, url) = (directory.path(), database.url());
    let query = "{ books(limit: 3, orderBy: [{pages: DESC}]) { title } }";
    check(here, &["explain", query], 0, &["assumed", "books", "data", "LIMIT 3"], &[]);
    let seen = check(
        here,
        &["explain", query, "--database", &url],
        0,
        &["read from the database", "t0.title", "LIMIT 3"],
        &[],
    );
    assert!(!seen.contains("->"), "{seen}");
    check(here, &["compile", "--database", &url], 0, &[], &[]);
    check(here, &["explain", query], 0, &["kept by", "t0.title"], &[]);
    let printed = check(
        here,
        &[
            "explain",
            "query ($n: Int) { books(limit: $n) { id } authors { name } }",
            "--variables",
            "{\"n\": 9}",
            "--json",
        ],
        0,
        &[],
        &[],
    );
    let json: Json = serde_json::from_str(&printed).unwrap();
    assert_eq!((&json["roots"][0]["root"], &json["roots"][1]["root"]), (&json!("books"), &json!("authors")));
    assert!(json["roots"][0]["sql"].as_str().unwrap().contains("LIMIT 9"));
    check(here, &["explain", "{ boks { id } }"], 1, &[], &["boks"]);
    check(here, &["explain", "GET /rest/books?limit=9&select=title"], 0, &["t0.title", "LIMIT 10"], &[]);
    if cfg!(feature = "grpc-transport") {
        let method = "shelf.v1.ShelfService/ListBooks {\"limit\": 9, \"readMask\": \"title\"}";
        check(here, &["explain", method], 0, &["t0.title", "LIMIT 9"], &[]);
        check(here, &["explain", "shelf.v1.ShelfService/ListBooks {"], 1, &[], &["is not a JSON object"]);
        check(here, &["explain", "shelf.v1.ShelfService/ListBoks"], 1, &[], &["did you mean", "ListBooks"]);
    }
    check(here, &["explain", "{ books {"], 1, &[], &["refused"]);
    check(here, &["explain", query, "--variables", "[1]"], 1, &[], &["--variables"]);
    check(here, &["explain", query, "--database", "postgres://localhost:1/none"], 1, &[], &["cannot be reached"]);
    // The shop's own example, from anywhere.
    let shop = crate_path("examples/shop/fraiseql.toml");
    let copy = tempfile::tempdir().unwrap();
    for file in ["fraiseql.toml", "schema.py"] {
        fs::copy(shop.with_file_name(file), copy.path().join(file)).unwrap();
    }
    let config = copy.path().join("fraiseql.toml");
    let query = "{ users(limit: 3) { name posts(limit: 2) { title } } }";
    check(here, &["explain", "--config", config.to_str().unwrap(), query], 0, &["LIMIT 3", "LIMIT 2"], &[]);
}

#[test]
fn print_config() {
    let toml = format!(
        "{TOML}[server]\nport = 4001\n[database]\nurl = \"postgres://me:hunter2@localhost/shelf\"\n[auth]\njwt_secret = \"${{SECRET:-0123456789abcdef0123456789abcdef}}\"\n"
    );
    let directory = project(&schema(), &toml);
    let printed = check(
        directory.path(),
        &["run", "--print-config", "--host", "127.0.0.9"],
        0,
        &["4001", "127.0.0.9", "[server]", "max_depth = 15", "shelf"],
        &[],
    );
    assert!(!printed.contains("hunter2") && !printed.contains("0123456789abcdef"), "{printed}");
    let again = tempfile::tempdir().unwrap();
    fs::write(again.path().join("fraiseql.toml"), printed).unwrap();
    fs::write(again.path().join("schema.json"), schema().to_string()).unwrap();
    check(again.path(), &["compile", "--check"], 0, &[], &["is valid"]);
    // What is missing is named: the variable and its key.
    fs::write(directory.path().join("fraiseql.toml"), format!("{TOML}[database]\nurl = \"${{NO_SUCH_VARIABLE}}\"\n"))
        .unwrap();
    check(directory.path(), &["run"], 1, &[], &["NO_SUCH_VARIABLE", "database.url"]);
    check(directory.path(), &["compile", "--check"], 0, &[], &[]);
}

#[test]
fn init() {
    let parent = tempfile::tempdir().unwrap();
    let here = parent.path();
    check(here, &["init", "my blog"], 0, &["fraiseql dev"], &[]);
    check(here, &["init", "my blog"], 1, &[], &["not empty"]);
    check(&here.join("my blog"), &["compile"], 0, &[], &["2 types"]);
    check(&here.join("my blog"), &["explain", "{ users { posts { title } } }"], 0, &["users"], &[]);
}

#[test]
fn shells_and_manuals() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    for (shell, said) in [("bash", "complete -F"), ("zsh", "#compdef fraiseql"), ("fish", "complete -c fraiseql")] {
        check(here, &["completions", shell], 0, &[said, "doctor", "print-config"], &[]);
    }
    check(here, &["completions", "csh"], 2, &[], &["possible values"]);
    check(here, &["man"], 0, &[".TH fraiseql 1", "doctor"], &[]);
    check(here, &["man", "pages"], 0, &[], &[]);
    for page in ["fraiseql.1", "fraiseql-run.1", "fraiseql-doctor.1"] {
        let text = std::fs::read_to_string(here.join("pages").join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    assert!(std::fs::read_to_string(here.join("pages/fraiseql-run.1")).unwrap().contains("DATABASE_URL=postgres"));
    let features = if cfg!(feature = "grpc-transport") { "features: grpc-transport)" } else { "features: none)" };
    check(here, &["--version"], 0, &[features, "fraiseql ", "build"], &[]);
}
