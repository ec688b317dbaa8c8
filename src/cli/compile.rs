//! `fraiseql compile`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::lock::{self, Changes};
use super::project::{compile_schema, compile_to_disk, ensure_schema, load_config, summary};
use super::{ConfigArgs, Failed, runtime};
use crate::config::{Config, Mode, Need};
use crate::federation::sdl::sdl;
use crate::problem::Problem;
use crate::schema::Schema;
use crate::schema::bind::bind;
use crate::schema::model::Model;
use crate::server::{executor, rest};
use crate::transport::grpc::proto_text;

#[derive(Debug, Args)]
pub struct CompileArgs {
    /// The schema, instead of [fraiseql] schema_file.
    schema: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Check everything and write nothing.
    #[arg(long)]
    check: bool,
    /// Check views, columns and functions against this database too, and keep what was found.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The compiled schema, instead of [fraiseql] output_file.
    #[arg(long, value_name = "FILE")]
    output: Option<String>,
    /// Also write the GraphQL schema.
    #[arg(long, value_name = "FILE")]
    sdl: Option<PathBuf>,
    /// Also write the OpenAPI description of the REST routes.
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,
    /// Also write the .proto files of the gRPC service, and a buf.yaml, below this directory.
    #[arg(long, value_name = "DIR")]
    output_proto: Option<PathBuf>,
    /// Accept changes that gRPC clients built before would misunderstand.
    #[arg(long)]
    allow_breaking: bool,
}

pub fn run(arguments: CompileArgs) -> Result<(), Failed> {
    let mut overrides = arguments.config.overrides();
    overrides.schema_file = arguments.schema;
    overrides.output_file = arguments.output;
    overrides.database_url = arguments.database.clone();
    let config = load_config(&arguments.config.config, &overrides, Mode::Run, Need::Schema)?;
    let runtime = runtime()?;
    runtime.block_on(ensure_schema(&config, &arguments.config.config))?;
    let compiled = compile_schema(&config)?;
    let catalog = match arguments.database {
        None => None,
        Some(_) => Some(runtime.block_on(bound(&config, compiled.model.clone()))?),
    };
    if let Some(path) = &arguments.sdl {
        write(path, &sdl(&compiled.model))?;
    }
    if let Some(path) = &arguments.openapi {
        let schema = Schema::assumed(compiled.model.clone());
        write(path, &format!("{:#}\n", rest(&config, &schema).openapi(&schema)))?;
    }
    let changes = match (arguments.check, arguments.allow_breaking) {
        (true, false) => Changes::Check,
        (true, true) => Changes::Dev,
        (false, false) => Changes::Append,
        (false, true) => Changes::Break,
    };
    if let Some(directory) = &arguments.output_proto {
        write_protos(&config, &compiled.model, changes, directory)?;
    }
    if arguments.check {
        lock::settle(&config, &compiled.model, changes)?;
        anstream::eprintln!("{} is valid", config.fraiseql.schema_file.display());
        return Ok(());
    }
    let artifact = compile_to_disk(&config, catalog.as_ref().map(Schema::catalog), changes)?;
    anstream::eprintln!("{}: {}", config.fraiseql.output_file.display(), summary(&artifact));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let failed = |error| Problem::new(&path.display().to_string(), "", format!("it cannot be written: {error}"));
    path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text)).map_err(failed)
}

fn write_protos(config: &Config, model: &Model, changes: Changes, directory: &Path) -> Result<(), Failed> {
    let Some(lock) = lock::settle(config, model, changes)? else {
        return Err(Failed::Message("gRPC is switched off ([grpc] enabled): there is no .proto to write".to_owned()));
    };
    for (path, text) in proto_text::files(&lock::numbered(config, model, &lock)?) {
        write(&directory.join(path), &text)?;
    }
    Ok(())
}

async fn bound(config: &Config, model: Model) -> Result<Schema, Failed> {
    let executor = executor(config, 1, &Arc::default()).map_err(Failed::from)?;
    let wanted = Schema::assumed(model.clone()).wanted();
    let found = executor.inspect(&wanted).await.map_err(|error| Failed::Message(error.to_string()))?;
    Ok(bind(model, found)?)
}
