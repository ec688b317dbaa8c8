//! What ships beside the program: the image's last stage taken without a container engine, and the manifests.

use std::fs;
use std::process::Command;

use fraiseql::config::{Config, Facts, Mode, Need, Overrides};

use crate::harness::crate_path;
use crate::program::run;

/// The steps of the Dockerfile's last stage with the program of the tests: it runs in a root that holds nothing
/// but what is copied there (and the libraries of a program that is not static), as the image's user.
#[test]
fn the_image_holds_what_the_program_needs() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("only root may change its root: the image is not tried");
    }
    let root = tempfile::Builder::new().prefix("image-").tempdir_in("/tmp").unwrap();
    let output = Command::new(crate_path("scripts/image.sh"))
        .arg("--root")
        .arg(root.path())
        .arg(env!("CARGO_BIN_EXE_fraiseql"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(concat!("fraiseql ", env!("CARGO_PKG_VERSION"))), "{said}");
    assert!(said.contains("runs as 65532:65532"), "{said}");
    assert!(!root.path().join("bin/sh").exists(), "there is no shell");
    assert!(root.path().join("service").is_dir());
}

#[test]
fn the_dockerfile_builds_what_is_there() {
    let text = fs::read_to_string(crate_path("Dockerfile")).unwrap();
    let ignored = fs::read_to_string(crate_path(".dockerignore")).unwrap();
    let copied = text.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--"));
    let mut sources = Vec::new();
    for line in copied {
        let words: Vec<&str> = line.split_whitespace().collect();
        sources.extend(words[..words.len() - 1].iter().map(|word| (*word).to_owned()));
    }
    for source in &sources {
        assert!(crate_path(source).exists(), "there is no {source}");
        assert!(ignored.lines().any(|line| line == format!("!{source}")), "{source} is not sent to the engine");
    }
    // What the manifest names has to be there, or cargo refuses it.
    for needed in
        ["Cargo.toml", "Cargo.lock", "build.rs", "src", "tests", "benches", "proto", "python/fraiseql", "assets"]
    {
        assert!(sources.iter().any(|source| source == needed), "{needed} is not copied");
    }
    let minimum = fs::read_to_string(crate_path("Cargo.toml")).unwrap();
    let minimum =
        minimum.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"').to_owned();
    assert!(text.contains(&format!("ARG RUST={minimum}\n")), "the image is built with the oldest Rust");
    assert!(text.contains("ARG FEATURES=\n"), "without gRPC, unless it is asked for");
}

/// Every variable that the manifests set is a key, every path that they probe is answered, and the program is
/// started with a command that it has.
#[test]
fn the_manifests_say_what_the_program_understands() {
    let mut files: Vec<_> =
        crate_path("deploy/kubernetes").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(crate_path("compose.yaml"));
    assert!(files.len() > 2);
    let (mut variables, mut paths) = (Vec::new(), Vec::new());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains('\t') && !text.lines().any(|line| line.ends_with(' ')), "{}", file.display());
        for line in text.lines().map(str::trim) {
            if let Some((name, value)) = line.strip_prefix("- {name: ").and_then(|rest| rest.split_once(", value: ")) {
                variables.push((name.to_owned(), value.trim_end_matches('}').trim_matches('"').to_owned()));
            }
            if let Some(rest) = line.strip_prefix("httpGet: {path: ") {
                paths.push(rest.split(',').next().unwrap().to_owned());
            }
        }
    }
    assert_eq!(variables.len(), 2, "{variables:?}");
    paths.sort();
    assert_eq!(paths, ["/health", "/ready"]);
    for (name, value) in &variables {
        let environment = |asked: &str| (asked == name).then(|| value.clone());
        let overrides = Overrides { database_url: Some("postgres://db/x".to_owned()), ..Overrides::default() };
        let text = "[project]\nname = \"x\"\n";
        let config =
            Config::parse("fraiseql.toml", text, &environment, &overrides, Facts::here(Mode::Run), Need::Service);
        let printed = config.unwrap_or_else(|problems| panic!("{name}: {problems:#?}")).print();
        assert!(printed.contains(&format!("environment {name}")), "{name} is no key:\n{printed}");
    }
    let directory = tempfile::tempdir().unwrap();
    for command in ["run", "health"] {
        assert_eq!(run(directory.path(), &[command, "--help"]).0, 0);
    }
}
