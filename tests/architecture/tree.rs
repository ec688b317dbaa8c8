//! The tree of files: that the map shows it, that nothing in it is dead, and that files stay readable.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, files, module_file, read, root, sources};

/// Lines from which a file needs a reason to be as long as it is.
const LINES_MAX: usize = 450;

/// Longer files, each with why it is one file.
const LONG: &[(&str, &str)] = &[
    ("src/codec/tests.rs", "rows made by hand for every node of a shape, with the builders that they share"),
    ("src/codec/protobuf/tests.rs", "messages of every type, with the builders that they share"),
    ("src/config/table.rs", "the table of keys: one row each, read from top to bottom as the reference"),
    ("src/config/tests/accepted.rs", "a file with every key, and what becomes of each"),
    ("src/intent/filter.rs", "the operator table and its only reader"),
    ("tests/it/codec.rs", "the table of edge values, and the walks over it"),
];

/// The map's lines are the tree: each line is a file or a folder, and each file has a line. A folder
/// without lines of its own stands for all that is in it.
#[test]
fn the_map_is_the_tree() {
    let text = read("ARCHITECTURE.md");
    let section = text.split("\n## ").find(|section| section.starts_with("Code map\n"));
    let section = section.expect("ARCHITECTURE.md has a section \"Code map\"");
    let map = section.split("```").nth(1).expect("the code map is a fenced block");
    let mapped = paths_of(map.trim_start_matches("text").lines());
    let tree: BTreeSet<String> = files("src").into_iter().collect();

    let mut wrong = Vec::new();
    for path in &mapped {
        let exists = match path.strip_suffix('/') {
            Some(folder) => root().join(folder).is_dir(),
            None => root().join(path).is_file(),
        };
        if !exists {
            wrong.push(format!("the map shows {path}, which does not exist"));
        }
    }
    let is_leaf = |folder: &&String| {
        folder.ends_with('/') && !mapped.iter().any(|path| path != *folder && path.starts_with(folder.as_str()))
    };
    let whole_folders: Vec<&String> = mapped.iter().filter(is_leaf).collect();
    for path in &tree {
        if !mapped.contains(path) && !whole_folders.iter().any(|folder| path.starts_with(folder.as_str())) {
            wrong.push(format!("{path} is not on the map"));
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md, code map:\n{}", wrong.join("\n"));
}

/// `  name.rs   what it does`, two spaces a level → paths.
fn paths_of<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    let mut folders: Vec<String> = Vec::new();
    let mut paths = BTreeSet::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let name = line.split_whitespace().next().unwrap();
        // A description that goes on in the next line is indented to its column.
        if !name.ends_with('/') && !name.contains('.') || depth > folders.len() {
            continue;
        }
        folders.truncate(depth);
        let path = format!("{}{name}", folders.concat());
        if name.ends_with('/') {
            folders.push(name.to_owned());
        }
        paths.insert(path);
    }
    paths
}

#[test]
fn every_source_is_compiled() {
    let mut wrong = unreached(&["src/lib.rs", "src/main.rs"], "src");
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let mut roots = Vec::new();
    for kind in ["test", "bench"] {
        for target in manifest.get(kind).and_then(|targets| targets.as_array()).into_iter().flatten() {
            let name = target["name"].as_str().unwrap();
            let path = target.get("path").and_then(|path| path.as_str());
            roots.push(path.map_or_else(|| format!("{}/{name}.rs", folder_of(kind)), str::to_owned));
        }
    }
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    for folder in ["tests", "benches"].into_iter().filter(|folder| root().join(folder).is_dir()) {
        wrong.extend(unreached(&roots, folder));
    }
    let fuzz: toml::Table = read("fuzz/Cargo.toml").parse().unwrap();
    let bins = fuzz["bin"].as_array().unwrap().iter().map(|bin| format!("fuzz/{}", bin["path"].as_str().unwrap()));
    let bins: Vec<String> = bins.collect();
    wrong.extend(unreached(&["fuzz/src/lib.rs"], "fuzz/src"));
    wrong.extend(unreached(&bins.iter().map(String::as_str).collect::<Vec<_>>(), "fuzz/fuzz_targets"));
    assert!(wrong.is_empty(), "no `mod` line or target reaches\n{}", wrong.join("\n"));
}

fn folder_of(kind: &str) -> &'static str {
    if kind == "bench" { "benches" } else { "tests" }
}

/// Files of a folder that no root reaches through `mod` lines.
fn unreached(roots: &[&str], folder: &str) -> Vec<String> {
    let mut open: Vec<String> = roots.iter().map(|path| (*path).to_owned()).collect();
    let mut reached = BTreeSet::new();
    while let Some(path) = open.pop() {
        let modules = Source::read(&path).modules();
        open.extend(
            modules
                .iter()
                .map(|name| module_file(&path, name).unwrap_or_else(|| panic!("{path}: mod {name} has no file"))),
        );
        reached.insert(path);
    }
    let all = files(folder).into_iter().filter(|path| path.ends_with(".rs"));
    all.filter(|path| !reached.contains(path)).collect()
}

/// Data beside the tests: each file, or the folder that is walked, is named by something that runs.
#[test]
fn every_fixture_is_used() {
    let mut texts: Vec<String> = ["src", "tests"].iter().flat_map(|folder| sources(folder)).map(|s| s.text).collect();
    texts.push(read("Makefile"));
    // Folders whose files are found by walking, or by the entry that the first path names.
    let walked = ["tests/cases/", "tests/clients/"];
    let mut wrong = Vec::new();
    for path in files("tests").into_iter().filter(|path| !path.ends_with(".rs")) {
        let name = walked.into_iter().find(|folder| path.starts_with(folder)).unwrap_or(&path).trim_end_matches('/');
        if !texts.iter().any(|text| text.contains(name)) {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "nothing names\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short_enough_to_be_read() {
    let lengths: BTreeMap<String, usize> = ["src", "tests", "fuzz/src"]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|source| (source.path, source.text.lines().count()))
        .collect();
    let mut wrong = Vec::new();
    for (path, lines) in &lengths {
        match LONG.iter().any(|(known, _)| known == path) {
            false if *lines > LINES_MAX => wrong.push(format!("{path} has {lines} lines: split it, or say why not")),
            true if *lines <= LINES_MAX => wrong.push(format!("{path} has {lines} lines: take it off the list")),
            _ => {}
        }
    }
    let gone = LONG.iter().filter(|(path, _)| !lengths.contains_key(*path));
    wrong.extend(gone.map(|(path, _)| format!("{path} does not exist: take it off the list")));
    assert!(wrong.is_empty(), "files of more than {LINES_MAX} lines:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let all = ["src", "tests", "fuzz/src", "fuzz/fuzz_targets"].iter().flat_map(|folder| sources(folder));
    let silent: Vec<String> = all.filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "no `//!` in the first line:\n{}", silent.join("\n"));
}
