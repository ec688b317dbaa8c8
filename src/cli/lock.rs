//! The lock file beside the schema: read, brought up to date, written.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::Failed;
use super::project::say;
use crate::config::Config;
use crate::problem::Problem;
use crate::schema::Schema;
use crate::schema::lock::{FILE_NAME, Lock};
use crate::schema::model::Model;
use crate::transport::grpc::api::Api;
use crate::transport::grpc::describe::{ServiceNames, describe};

/// What may happen to numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// New ones are appended; what breaks clients is refused.
    Append,
    /// Whatever the schema says, and it is written.
    Break,
    /// As `Append`, and nothing is written.
    Check,
    /// Whatever the schema says, with a warning, and nothing is written: a schema that is being worked on
    /// gives out no number for good.
    Dev,
}

/// The numbers of a model; `None` where nobody asks for them.
pub fn settle(config: &Config, model: &Model, changes: Changes) -> Result<Option<Lock>, Failed> {
    let path = path(config);
    let file = path.display().to_string();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Problem::new(&file, "", format!("it cannot be read: {error}")).into()),
    };
    if text.is_none() && !config.grpc.enabled {
        return Ok(None);
    }
    let before = text.as_deref().map(|text| Lock::parse(text, &file)).transpose()?.unwrap_or_default();
    let settled = before.settle(&outline(config, model)?.wanted(), &file);
    if !settled.breaking.is_empty() {
        match changes {
            Changes::Append | Changes::Check => return Err(settled.breaking.into()),
            Changes::Break => {}
            Changes::Dev => settled.breaking.iter().for_each(|problem| say(&format!("warning: {problem}"))),
        }
    }
    let printed = settled.lock.print();
    if matches!(changes, Changes::Append | Changes::Break) && text.as_deref() != Some(&*printed) {
        match (std::fs::write(&path, printed), text) {
            (Ok(()), None) => say(&format!("{file}: started; commit it, clients depend on its numbers")),
            (Ok(()), Some(_)) => {}
            (Err(error), _) => return Err(Problem::new(&file, "", format!("it cannot be written: {error}")).into()),
        }
    }
    Ok(Some(settled.lock))
}

/// The gRPC form of a model with its numbers.
pub fn numbered(config: &Config, model: &Model, lock: &Lock) -> Result<Api, Failed> {
    let numbered = outline(config, model)?.numbered(lock);
    numbered.map_err(|missing| Failed::Message(format!("{FILE_NAME} has no number for {missing}")))
}

/// The service as clients name it.
pub fn service_name(config: &Config, model: &Model) -> Result<String, Failed> {
    Ok(outline(config, model)?.service_name())
}

pub fn path(config: &Config) -> PathBuf {
    config.fraiseql.schema_file.with_file_name(FILE_NAME)
}

fn outline(config: &Config, model: &Model) -> Result<Api, Failed> {
    let names = ServiceNames { package: config.grpc.package.clone(), service: config.grpc.service.clone() };
    let file = config.fraiseql.schema_file.display().to_string();
    Ok(describe(&Schema::assumed(model.clone()), &names, &file)?)
}
