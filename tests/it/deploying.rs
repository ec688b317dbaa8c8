//! What ships beside the program: the Dockerfile's steps taken without a container engine, the Debian package, the
//! manifests. `make trial` tries the first two in clean systems.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use fraiseql::config::{Config, Facts, Mode, Need, Overrides};

use crate::harness::crate_path;
use crate::program::run;

/// The Dockerfile's own instructions with the program of the tests in place of what cargo would build: the image that
/// comes of them holds no shell, serves as its own user, and says that it is well.
#[test]
fn the_image_holds_what_the_program_needs() {
    let may_mount =
        Command::new("unshare").args(["--mount", "true"]).output().is_ok_and(|output| output.status.success());
    if !nix::unistd::geteuid().is_root() || !may_mount {
        return eprintln!("only root may change its root, and not everywhere: the image is not tried");
    }
    let mut script = Command::new(crate_path("scripts/image.sh"));
    let output = script.args(["--program", env!("CARGO_BIN_EXE_fraiseql")]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(concat!("fraiseql ", env!("CARGO_PKG_VERSION"))), "{said}");
    assert!(said.contains("serves as 65532:65532, says that it is well, and stops"), "{said}");
}

/// The package of the program of the tests: what is in it, and that its service starts a command that there is.
#[test]
fn the_package_holds_what_a_system_needs() {
    let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !has("dpkg-deb") || !has("dpkg-shlibdeps") {
        return eprintln!("there is no dpkg-dev: the package is not built");
    }
    let directory = tempfile::tempdir().unwrap();
    let mut script = Command::new(crate_path("scripts/deb.sh"));
    script.arg(env!("CARGO_BIN_EXE_fraiseql")).arg(directory.path()).env("COMPRESSION", "none");
    let output = script.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let package = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let said = |option: &str, more: &[&str]| {
        let output = Command::new("dpkg-deb").arg(option).arg(&package).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(said("--field", &["Version"]).trim(), env!("CARGO_PKG_VERSION"));
    assert!(said("--field", &["Depends"]).contains("libc6 (>= "));
    let contents = said("--contents", &[]);
    let modes: BTreeMap<&str, &str> = contents
        .lines()
        .filter_map(|line| Some((line.rsplit_once(" ./")?.1, line.split_whitespace().next()?)))
        .collect();
    for (path, mode) in [
        ("usr/bin/fraiseql", "-rwxr-xr-x"),
        ("usr/share/man/man1/fraiseql.1.gz", "-rw-r--r--"),
        ("usr/share/man/man1/fraiseql-run.1.gz", "-rw-r--r--"),
        ("usr/share/bash-completion/completions/fraiseql", "-rw-r--r--"),
        ("usr/share/zsh/vendor-completions/_fraiseql", "-rw-r--r--"),
        ("usr/share/fish/vendor_completions.d/fraiseql.fish", "-rw-r--r--"),
        ("usr/share/doc/fraiseql/copyright", "-rw-r--r--"),
        ("usr/share/doc/fraiseql/licences/LICENSE-MIT", "-rw-r--r--"),
        ("usr/share/doc/fraiseql/licences/graphiql.txt", "-rw-r--r--"),
        ("usr/lib/python3/dist-packages/fraiseql/__init__.py", "-rw-r--r--"),
        ("lib/systemd/system/fraiseql.service", "-rw-r--r--"),
        // It will hold a password.
        ("etc/fraiseql/environment", "-rw-------"),
    ] {
        assert_eq!(modes.get(path), Some(&mode), "{path}\n{contents}");
    }
    assert!(!contents.contains("__pycache__"), "{contents}");

    let unit = fs::read_to_string(crate_path("deploy/debian/fraiseql.service")).unwrap();
    let starts = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/fraiseql ")).unwrap();
    let mut starts: Vec<&str> = starts.split(' ').collect();
    starts.push("--help");
    assert_eq!(run(directory.path(), &starts).0, 0, "{starts:?}");
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
