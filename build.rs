//! What is made before the crate is compiled: the embedded Python package, the static gRPC services, and what
//! `--version` says.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    embed_python_package();
    name_build();
    if env::var_os("CARGO_FEATURE_GRPC_TRANSPORT").is_some() {
        compile_protos();
    }
}

/// `commit 0123456789ab, features: grpc-transport`. A debug build knows no commit: each would compile it anew.
fn name_build() {
    println!("cargo::rerun-if-env-changed=FRAISEQL_COMMIT");
    let given = env::var("FRAISEQL_COMMIT").ok().filter(|commit| !commit.is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match (given, is_release) {
        (Some(commit), _) => format!("commit {commit}"),
        (None, true) => {
            if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
                println!("cargo::rerun-if-changed={log}");
            }
            format!("commit {}", git(&["rev-parse", "--short=12", "HEAD"]).as_deref().unwrap_or("unknown"))
        }
        (None, false) => "debug build".to_owned(),
    };
    let grpc = env::var_os("CARGO_FEATURE_GRPC_TRANSPORT").map(|_| "grpc-transport");
    println!("cargo::rustc-env=FRAISEQL_BUILD={commit}, features: {}", grpc.unwrap_or("none"));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(manifest_directory()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

/// Lists every file of python/fraiseql with its text, as `python_package.rs`.
fn embed_python_package() {
    let python = manifest_directory().join("python");
    let package = python.join("fraiseql");
    let files = files_below(&package, &["py", "typed"]);
    if files.is_empty() {
        println!("cargo::rerun-if-changed={}", package.display());
    }
    let mut list = String::from("[\n");
    for file in files {
        // The files and not the directory, in which Python leaves what it compiled. A new module is noticed
        // all the same, because a file that was there has to import it.
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&python).expect("a path below python/");
        writeln!(list, "    ({:?}, include_str!({file:?})),", name.display()).expect("a string takes any text");
    }
    list.push(']');
    fs::write(out_directory().join("python_package.rs"), list).expect("OUT_DIR can be written");
}

/// Compiles proto/**/*.proto with a compiler in Rust, so that nobody has to install protoc: `descriptors.bin` with
/// all of them, for reflection, and a module for each package, for `tonic::include_proto!`.
fn compile_protos() {
    let root = manifest_directory().join("proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let protos = files_below(&root, &["proto"]);
    if protos.is_empty() {
        return;
    }
    // Named by what is generated for a schema, not by what lies here.
    let files = protos.iter().map(PathBuf::as_path).chain([Path::new("google/protobuf/field_mask.proto")]);
    let descriptors = protox::compile(files, [&root]).unwrap_or_else(|error| panic!("{error:?}"));
    let encoded = protox::prost_reflect::prost::Message::encode_to_vec(&descriptors);
    fs::write(out_directory().join("descriptors.bin"), encoded).expect("OUT_DIR can be written");
    // The server answers by descriptors; the clients are for tests, over any channel.
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .compile_fds(descriptors)
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Files with one of these extensions, sorted; none when the directory is absent.
fn files_below(directory: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_below(&path, extensions));
        } else if path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted)) {
            files.push(path);
        }
    }
    files
}

fn manifest_directory() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
}

fn out_directory() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"))
}
