//! What is built in: deny.toml, which `cargo deny` reads, held against what cargo knows, on every machine.

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;
use toml::Table;

use crate::source::read;

#[test]
fn nothing_is_built_in_that_is_not_admitted() {
    let rules: Table = read("deny.toml").parse().unwrap();
    let texts = |path: [&str; 2]| -> Vec<String> {
        let list = rules[path[0]][path[1]].as_array().unwrap();
        list.iter().map(|item| item.get("name").unwrap_or(item).as_str().unwrap().to_owned()).collect()
    };
    let (licences, banned) = (texts(["licenses", "allow"]), texts(["bans", "deny"]));
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    let packages = packages();
    assert!(packages.len() > 100, "{} packages", packages.len());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        match licence_of(&package).as_deref() {
            Some(text) if admits(text, &mut |licence| licences.iter().any(|known| known == licence)) => {
                used.push(text.to_owned());
            }
            licence => wrong.push(format!("{name}: the licence {licence:?} is not admitted")),
        }
        if banned.iter().any(|banned| banned == name) {
            wrong.push(format!("{name} is banned"));
        }
        let is_own = package["source"].is_null() && name == "fraiseql";
        let source = package["source"].as_str().unwrap_or_default();
        if !is_own && !source.starts_with("registry+https://github.com/rust-lang/") {
            wrong.push(format!("{name} comes from {source}"));
        }
    }
    let idle = licences.iter().filter(|licence| !used.iter().any(|text| text.contains(licence.as_str())));
    wrong.extend(idle.map(|licence| format!("nothing has the licence {licence}: take it off the list")));
    assert!(wrong.is_empty(), "deny.toml:\n{}", wrong.join("\n"));
}

/// What a package says of itself, or what its file is by its title.
fn licence_of(package: &Json) -> Option<String> {
    let file = || {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let text = std::fs::read_to_string(manifest.parent()?.join(package["license_file"].as_str()?)).ok()?;
        text.trim_start().starts_with("MIT License").then(|| "MIT".to_owned())
    };
    package["license"].as_str().map(str::to_owned).or_else(file)
}

/// Every package that this machine builds, with its metadata.
fn packages() -> Vec<Json> {
    let said = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--all-features", "--filter-platform", &host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    match metadata["packages"].take() {
        Json::Array(packages) => packages,
        other => panic!("{other}"),
    }
}

/// Whether an SPDX expression can be met: `MIT OR (Apache-2.0 AND Zlib)`. AND binds closer than OR; the old `/` is OR.
fn admits(expression: &str, is_admitted: &mut impl FnMut(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "_WITH_");
    let words: Vec<String> = spaced.split_whitespace().map(|word| word.replace("_WITH_", " WITH ")).collect();
    let mut rest = words.as_slice();
    let met = any(&mut rest, is_admitted);
    assert!(rest.is_empty(), "{expression}");
    met
}

fn any(rest: &mut &[String], is_admitted: &mut impl FnMut(&str) -> bool) -> bool {
    let mut met = all(rest, is_admitted);
    while rest.first().is_some_and(|word| word == "OR") {
        *rest = &rest[1..];
        met |= all(rest, is_admitted);
    }
    met
}

fn all(rest: &mut &[String], is_admitted: &mut impl FnMut(&str) -> bool) -> bool {
    let mut met = one(rest, is_admitted);
    while rest.first().is_some_and(|word| word == "AND") {
        *rest = &rest[1..];
        met &= one(rest, is_admitted);
    }
    met
}

fn one(rest: &mut &[String], is_admitted: &mut impl FnMut(&str) -> bool) -> bool {
    let (first, behind) = rest.split_first().expect("a licence");
    *rest = behind;
    if first != "(" {
        return is_admitted(first);
    }
    let met = any(rest, is_admitted);
    assert_eq!(rest.first().map(String::as_str), Some(")"));
    *rest = &rest[1..];
    met
}

#[test]
fn expressions_of_licences() {
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(GPL-3.0 OR Zlib) AND MIT", true),
        ("GPL-3.0 OR MIT AND BSD", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
    ] {
        let mut known = |licence: &str| ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
        assert_eq!(admits(expression, &mut known), expected, "{expression}");
    }
}
