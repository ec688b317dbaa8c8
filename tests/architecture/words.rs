//! Words that have no place in a finished product: marks of unfinished work, its history, its machine.

use std::path::Path;

use crate::source::{files, read, root, sources};

/// Where a panic may be written outside tests, and why it cannot happen.
const PANICS: &[(&str, &str)] = &[
    ("src/config/build.rs", "the table of keys gives every path one kind of value, and its tests build all of them"),
    ("src/exec/connection.rs", "a connection is taken out only by the calls that consume its holder"),
    ("src/exec/pool.rs", "a connection is taken out only when its holder is dropped"),
];

const PANICKING: [&str; 7] =
    [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!(", "dbg!("];

/// Words of a plan that is over, and places that only one machine has.
const BANNED: [&str; 12] = [
    "phase",
    "ticket",
    "legacy",
    "_v2",
    "todo!",
    "unimplemented!",
    "dbg!",
    "/work/",
    "/home/",
    "npmjs.",
    "crates.io",
    "pypi.org",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "helpers", "common", "manager", "support"];

#[test]
fn nothing_panics_outside_tests() {
    let mut wrong = Vec::new();
    let mut excused = Vec::new();
    for source in sources("src") {
        for word in PANICKING {
            for (at, _) in source.product().match_indices(word) {
                if PANICS.iter().any(|(path, _)| *path == source.path) {
                    excused.push(source.path.clone());
                } else {
                    wrong.push(format!("{}:{}: {word}", source.path, source.line_of(at)));
                }
            }
        }
    }
    let idle = PANICS.iter().filter(|(path, _)| !excused.iter().any(|excused| excused == path));
    wrong.extend(idle.map(|(path, _)| format!("{path} does not panic: take it off the list")));
    assert!(wrong.is_empty(), "return an error, or say in PANICS why it cannot happen:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_holds_a_banned_word() {
    let mut wrong = Vec::new();
    let written = ["src", "docs", "tests", "benches", "examples", "python", "scripts", "deploy"];
    let written = written.into_iter().chain(["fuzz/src", "fuzz/fuzz_targets", "fuzz/world"]);
    let mut paths: Vec<String> = written.filter(|folder| root().join(folder).is_dir()).flat_map(files).collect();
    paths.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "STYLE.md",
            "SECURITY.md",
            "Makefile",
            "Cargo.toml",
            "fuzz/Cargo.toml",
            "build.rs",
            "Dockerfile",
            "compose.yaml",
            "deny.toml",
        ]
        .map(str::to_owned),
    );
    // This file, and one that npm writes.
    paths.retain(|path| path != "tests/architecture/words.rs" && !path.ends_with("package-lock.json"));
    for path in paths {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            wrong.extend(
                BANNED
                    .iter()
                    .filter(|word| is_word_of(&line, word))
                    .map(|word| format!("{path}:{}: {word}", number + 1)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a line holds a word that is not the middle of another one.
fn is_word_of(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(char::is_alphanumeric) || !word.starts_with(char::is_alphanumeric)
    })
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let all = ["src", "tests", "fuzz/src"].iter().flat_map(|folder| files(folder));
    let wrong: Vec<String> = all
        .filter(|path| {
            Path::new(path).iter().any(|part| {
                let name = part.to_str().unwrap().trim_end_matches(".rs");
                EMPTY_NAMES.contains(&name)
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lock files name no place to fetch from but the public one, which is left out of them.
#[test]
fn lock_files_name_no_mirror() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"].map(read) {
        let sources = lock.lines().filter(|line| line.starts_with("source = "));
        let mirrors: Vec<&str> = sources
            .filter(|line| *line != "source = \"registry+https://github.com/rust-lang/crates.io-index\"")
            .collect();
        assert!(mirrors.is_empty(), "{}", mirrors.join("\n"));
    }
    for folder in ["tests/clients", "examples/federation/gateway"] {
        let lock = read(&format!("{folder}/package-lock.json"));
        assert!(!lock.contains("\"resolved\""), "package-lock.json of {folder} names a host");
    }
}
