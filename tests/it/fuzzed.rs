//! What is fuzzed, without fuzzing: every kept input and everything that was once found, through the same functions.
//!
//! `make fuzz` looks for more of it; docs/testing.md says what a finding becomes.

use std::path::{Path, PathBuf};

use fraiseql::schema::Schema;
use fraiseql::schema::bind::bind;

use crate::cases::executor;
use crate::contracts::pinned;
use crate::harness::{Database, crate_path};

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Runs every file of a folder through its target, and says which of them fail.
fn replay(kept: &str, target: &str, run: fn(&[u8])) -> usize {
    let Ok(entries) = crate_path("fuzz").join(kept).join(target).read_dir() else { return 0 };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let fails = |file: &&PathBuf| {
        let data = std::fs::read(file).unwrap();
        std::panic::catch_unwind(|| run(&data)).is_err()
    };
    let wrong: Vec<&PathBuf> = files.iter().filter(fails).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    files.len()
}

#[test]
fn kept_inputs() {
    for (target, run) in targets::TARGETS {
        assert!(replay("corpus", target, run) > 10, "{target} has hardly an input");
    }
}

#[test]
fn findings() {
    for (target, run) in targets::TARGETS {
        replay("findings", target, run);
    }
}

/// The targets of cargo-fuzz are those of the table.
#[test]
fn every_target_is_replayed() {
    let manifest: toml::Table = std::fs::read_to_string(crate_path("fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let names: Vec<&str> =
        manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap()).collect();
    assert_eq!(names, targets::TARGETS.map(|(name, _)| name));
    for name in &names {
        let dictionary = format!("fuzz/dictionaries/{name}.dict");
        assert!(crate_path(&dictionary).is_file(), "there is no {dictionary}");
    }
    for kept in ["corpus", "findings"] {
        for folder in crate_path("fuzz").join(kept).read_dir().into_iter().flatten() {
            let path = folder.unwrap().path();
            assert!(names.iter().any(|name| Path::new(name) == path.file_name().unwrap()), "{}", path.display());
        }
    }
}

/// The catalog that is kept beside the schema is what PostgreSQL says of its tables.
#[tokio::test]
async fn the_catalog_of_the_world() {
    let database = Database::loaded(&[crate_path("fuzz/world/tables.sql")]);
    let model = targets::world::model();
    let found = executor(&database).inspect(&Schema::assumed(model.clone()).wanted()).await.unwrap();
    let catalog = serde_json::to_string_pretty(&found.catalog).unwrap();
    bind(model, found).unwrap_or_else(|problems| panic!("{problems:#?}"));
    pinned("fuzz/world/catalog.json", &format!("{catalog}\n"));
}
