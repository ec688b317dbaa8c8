//! A project on disk: its configuration, its schema, and the compiled schema between them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Failed;
use super::lock::{self, Changes};
use crate::config::{Config, Mode, Need, Overrides};
use crate::dev::export::Authoring;
use crate::problem::Problem;
use crate::schema::artifact::{self, Artifact};
use crate::schema::catalog::Catalog;
use crate::schema::compile::{Compiled, Project, ProjectEntity, ProjectFederation, Source, compile};

/// Reads the configuration with the process's environment over it.
pub fn load_config(path: &Path, overrides: &Overrides, mode: Mode, need: Need) -> Result<Config, Failed> {
    Ok(Config::load(path, &|name| std::env::var(name).ok(), overrides, mode, need)?)
}

/// Writes schema.json from schema.py when there is only the latter.
pub async fn ensure_schema(config: &Config, config_path: &Path) -> Result<(), Failed> {
    if config.fraiseql.schema_file.exists() {
        return Ok(());
    }
    export(config, &directory_of(config_path)).await.map(drop)
}

/// Runs schema.py, if there is one; false when there is none.
pub async fn export(config: &Config, project: &Path) -> Result<bool, Failed> {
    let failed = |error: crate::dev::export::Error| Failed::Message(error.to_string());
    match Authoring::find(project).await.map_err(failed)? {
        None => Ok(false),
        Some(authoring) => {
            // The script runs in the project's directory, to which a relative path would then belong.
            let path = &config.fraiseql.schema_file;
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let said = authoring.export(&path).await.map_err(failed)?;
            if !said.trim().is_empty() {
                say(said.trim_end());
            }
            Ok(true)
        }
    }
}

/// Compiles the schema file of a configuration.
pub fn compile_schema(config: &Config) -> Result<Compiled, Failed> {
    let path = &config.fraiseql.schema_file;
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = "`python3 schema.py` writes it, or name another with --schema";
        Problem::new(&file, "", format!("the schema cannot be read: {error}")).hint(hint)
    })?;
    let compiled = compile(&Source { file: &file, text: &text }, &project_of(config))?;
    for warning in &compiled.warnings {
        say(&format!("warning: {warning}"));
    }
    Ok(compiled)
}

/// Compiles, and writes the artifact where it can be written.
pub fn compile_to_disk(config: &Config, catalog: Option<&Catalog>, changes: Changes) -> Result<Artifact, Failed> {
    let compiled = compile_schema(config)?;
    let lock = lock::settle(config, &compiled.model, changes)?;
    let bytes = artifact::write(&compiled.model, catalog, lock.as_ref());
    let path = &config.fraiseql.output_file;
    if let Err(error) = std::fs::write(path, &bytes) {
        say(&format!("warning: {} cannot be written: {error}", path.display()));
    }
    Ok(artifact::read(&bytes, &path.display().to_string())?)
}

/// The artifact: as it is on disk, or compiled anew when the schema or the configuration is newer.
pub fn load_artifact(config: &Config, config_path: &Path) -> Result<Artifact, Failed> {
    let path = &config.fraiseql.output_file;
    let compiled = modified(path);
    let lock = modified(&lock::path(config));
    let schema = modified(&config.fraiseql.schema_file);
    let is_stale = [schema, modified(config_path), lock].iter().any(|source| *source > compiled);
    let is_unnumbered = config.grpc.enabled && lock.is_none();
    if compiled.is_none() || (schema.is_some() && (is_stale || is_unnumbered)) {
        return compile_to_disk(config, None, Changes::Append);
    }
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Problem::new(&file, "", format!("it cannot be read: {error}")))?;
    Ok(artifact::read(&bytes, &file)?)
}

/// Tells whoever looks at the terminal. `eprintln!` would panic where standard error cannot be written to.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The SQL files of a project, in the order of their names.
pub fn sql_files(project: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![project.join("sql")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

pub fn directory_of(config_path: &Path) -> PathBuf {
    config_path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// One line about a compiled schema.
pub fn summary(artifact: &Artifact) -> String {
    let model = &artifact.model;
    format!("{} types, {} queries, {} mutations", model.types.len(), model.queries.len(), model.mutations.len())
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn project_of(config: &Config) -> Project {
    let federation = &config.federation;
    let entities = federation.entities.iter().map(|entity| ProjectEntity {
        name: entity.name.clone(),
        key_fields: entity.key_fields.clone(),
        position: config.problem(&format!("{}.name", entity.path), "").position,
    });
    Project {
        service: config.project.name.clone(),
        federation: Some(ProjectFederation {
            enabled: federation.enabled,
            service_name: federation.service_name.clone(),
            version: federation.version.clone(),
            schema_url: federation.schema_url.clone(),
            entities: entities.collect(),
            file: config.problem("federation", "").file,
        }),
    }
}
