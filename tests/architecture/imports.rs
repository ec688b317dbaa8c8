//! Who may import whom: the table, and the rules that no table of modules can say.

use std::collections::BTreeSet;

use crate::source::{Source, heads, read, sources};

/// What each module of src/ may name of the others, in the order in which they are read. A permission
/// that nobody uses is a failure too: the table says what is, not what might be.
pub const IMPORTS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("problem", &[]),
    ("config", &["problem"]),
    ("observe", &["error"]),
    ("recent", &[]),
    ("admission", &["config", "error", "observe"]),
    ("breaker", &["config"]),
    ("schema", &["problem"]),
    ("auth", &["config", "error", "observe", "problem"]),
    ("intent", &["error", "problem", "schema"]),
    ("plan", &["auth", "error", "intent", "problem", "schema"]),
    ("sql", &["error", "intent", "plan", "schema"]),
    ("exec", &["auth", "config", "error", "intent", "observe", "plan", "schema", "sql"]),
    ("codec", &["exec", "plan", "schema"]),
    ("engine", &["admission", "auth", "breaker", "error", "exec", "intent", "plan", "recent", "schema", "sql"]),
    ("type_system", &["intent", "schema"]),
    ("federation", &["auth", "breaker", "codec", "engine", "error", "intent", "problem", "schema", "type_system"]),
    (
        "transport",
        &[
            "auth",
            "codec",
            "engine",
            "error",
            "federation",
            "intent",
            "observe",
            "problem",
            "recent",
            "schema",
            "type_system",
        ],
    ),
    ("telemetry", &["config"]),
    (
        "server",
        &[
            "admission",
            "auth",
            "breaker",
            "config",
            "engine",
            "error",
            "exec",
            "observe",
            "plan",
            "problem",
            "schema",
            "telemetry",
            "transport",
        ],
    ),
    ("dev", &["problem"]),
    (
        "cli",
        &[
            "auth",
            "config",
            "dev",
            "federation",
            "intent",
            "plan",
            "problem",
            "schema",
            "server",
            "sql",
            "telemetry",
            "transport",
        ],
    ),
];

/// Planning is pure, so that it can be tested and cached without a world around it.
const PURE: [&str; 4] = ["schema", "intent", "plan", "sql"];
const IMPURE: [&str; 6] = ["async fn", "async move", "std::time", "std::env", "tracing::", "tokio::"];

/// Where SQL is spelled besides `sql` and `exec`.
const SQL_ELSEWHERE: &[(&str, &str)] = &[(
    "src/dev/postgres/mod.rs",
    "makes and drops the databases of the private server, which hold no user's data yet",
)];

#[test]
fn modules_import_what_the_table_allows() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources("src").iter().filter(|source| !matches!(source.module(), "lib" | "main")) {
        let module = source.module();
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: {module} is not in the table", source.path));
            continue;
        };
        for mention in source.mentions().iter().filter(|mention| mention.module != module) {
            used.insert((module.to_owned(), mention.module.clone()));
            if !allowed.contains(&mention.module.as_str()) {
                wrong.push(format!(
                    "{}:{}: {module} imports {}; it may import {}",
                    source.path,
                    mention.line,
                    mention.module,
                    if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") }
                ));
            }
        }
    }
    for (position, (module, allowed)) in IMPORTS.iter().enumerate() {
        let is_above = |other: &str| IMPORTS[..position].iter().any(|(name, _)| *name == other);
        let below = allowed.iter().filter(|other| !is_above(other));
        wrong.extend(below.map(|other| format!("{module} may import {other}, which stands below it")));
        let unused = allowed.iter().filter(|other| !used.contains(&((*module).to_owned(), (**other).to_owned())));
        wrong.extend(unused.map(|other| format!("{module} may import {other}, and does not: take it off the table")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `lib.rs` lists the modules in the order of the table, and ARCHITECTURE.md prints the same table.
#[test]
fn the_table_is_the_one_that_people_read() {
    let order: Vec<&str> = IMPORTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(Source::read("src/lib.rs").modules(), order, "lib.rs declares the modules in reading order");
    let expected: Vec<String> = IMPORTS
        .iter()
        .map(|(name, allowed)| {
            let allowed: Vec<String> = allowed.iter().map(|other| format!("`{other}`")).collect();
            format!("| `{name}` | {} |", if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") })
        })
        .collect();
    let text = read("ARCHITECTURE.md");
    let section = text.split("\n## ").find(|section| section.starts_with("Who may import whom\n"));
    let section = section.expect("ARCHITECTURE.md has a section \"Who may import whom\"");
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows, expected, "the table of ARCHITECTURE.md is another");
}

#[test]
fn the_program_only_calls_the_command_line() {
    let main = Source::read("src/main.rs");
    let places = main.places("fraiseql::");
    assert!(places.iter().all(|(_, rest)| rest.starts_with("cli::")), "main.rs uses more than fraiseql::cli");
    assert_eq!(places.len(), 1);
}

#[test]
fn planning_is_pure() {
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(|source| PURE.contains(&source.module())) {
        for word in IMPURE {
            let places = source.places(word);
            wrong.extend(places.iter().map(|(line, _)| format!("{}:{line}: {word}", source.path)));
        }
    }
    assert!(wrong.is_empty(), "schema, intent, plan and sql wait for nothing and ask nobody:\n{}", wrong.join("\n"));
}

/// A wire that borrowed from another would have to change with it. What several of them need is a file
/// beside their folders.
#[test]
fn no_transport_imports_another() {
    let sources: Vec<Source> =
        sources("src/transport").into_iter().filter(|source| source.path.matches('/').count() > 2).collect();
    let wire = |source: &Source| source.path.split('/').nth(2).unwrap().to_owned();
    let wires: BTreeSet<String> = sources.iter().map(wire).collect();
    let mut wrong = Vec::new();
    for source in &sources {
        let own = wire(source);
        for prefix in ["transport::", "super::super::"] {
            for (line, rest) in source.places(prefix) {
                let named = heads(rest).into_iter().find(|head| *head != own && wires.contains(head));
                wrong.extend(named.map(|other| format!("{}:{line}: {own} imports {other}", source.path)));
            }
        }
    }
    assert!(wires.len() > 1 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_exec_owns_connections() {
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(|source| source.module() != "exec") {
        for driver in ["tokio_postgres", "postgres_protocol", "deadpool_postgres", "deadpool"] {
            for (line, rest) in source.places(driver) {
                wrong.push(format!("{}:{line}: {driver}{:.20}", source.path, rest));
            }
        }
    }
    assert!(wrong.is_empty(), "only exec owns connections:\n{}", wrong.join("\n"));
}

#[test]
fn only_sql_and_exec_spell_sql() {
    const WORDS: [&str; 9] =
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ", "ALTER ", "BEGIN ", "SET "];
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    for source in sources("src").iter().filter(|source| !matches!(source.module(), "sql" | "exec")) {
        let end = source.line_of(source.product().len());
        for (line, text) in source.strings.iter().filter(|(line, _)| *line < end) {
            let text = text.trim_start_matches(['r', '#', '"']).trim_start();
            if !WORDS.iter().any(|word| text.starts_with(word)) {
                continue;
            }
            match SQL_ELSEWHERE.iter().find(|(path, _)| *path == source.path) {
                Some((path, _)) => _ = met.insert(*path),
                None => wrong.push(format!("{}:{line}: {text:.60}", source.path)),
            }
        }
    }
    let idle = SQL_ELSEWHERE.iter().filter(|(path, _)| !met.contains(path));
    wrong.extend(idle.map(|(path, _)| format!("{path} spells no SQL: take it off the list")));
    assert!(wrong.is_empty(), "SQL is spelled in sql and exec:\n{}", wrong.join("\n"));
}
