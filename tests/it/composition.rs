//! The SDL of subgraphs, judged by somebody else's composition.

use std::fs;
use std::path::Path;

use crate::clients::node;
use crate::contracts::pinned;
use crate::harness::crate_path;
use crate::program;

const TOML: &str = "[project]\nname = \"products\"\n[database]\nurl = \"postgres://localhost/products\"\n";

/// Prints the SDL of a project as `directory/name.graphql`.
fn print(project: &Path, directory: &Path, name: &str) -> String {
    let path = directory.join(format!("{name}.graphql"));
    let (code, _, complaint) = program::run(project, &["compile", "--sdl", path.to_str().unwrap()]);
    assert_eq!(code, 0, "{complaint}");
    fs::read_to_string(path).unwrap()
}

/// A copy of these files of the crate.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (from, to) in files {
        fs::copy(crate_path(from), directory.path().join(to)).unwrap();
    }
    directory
}

#[tokio::test]
async fn subgraphs_compose() {
    let printed = tempfile::tempdir().unwrap();
    for name in ["catalog", "accounts"] {
        let files = ["fraiseql.toml", "schema.py"].map(|file| (format!("tests/clients/subgraphs/{name}/{file}"), file));
        let copied = project(&files.each_ref().map(|(from, to)| (from.as_str(), *to)));
        let sdl = print(copied.path(), printed.path(), name);
        if name == "catalog" {
            pinned("tests/contracts/subgraph.graphql", &sdl);
        }
    }
    let products = project(&[("tests/samples/products.json", "schema.json")]);
    fs::write(products.path().join("fraiseql.toml"), TOML).unwrap();
    print(products.path(), printed.path(), "products");
    node(&["composition.mjs"], &[("SUBGRAPHS", printed.path().display().to_string())], String::new).await;
}
