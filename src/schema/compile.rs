//! From `schema.json` to the model.
//!
//! Four steps, each in a file of its own: read (`authoring`), settle what was left open
//! (`complete`), check every rule (`check`), convert. Only the last one needs a schema without
//! problems; the others go on, so that one run tells everything.

mod convert;

use super::authoring::reader::Reports;
use super::authoring::{self, Kind, Operation, Spans};
use super::model::{ArgumentRole, Model};
use super::name::{Name, snake_case};
use super::{check, complete};
use crate::problem::Problem;

/// A schema file as it was found.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// As the user named it.
    pub file: &'a str,
    pub text: &'a str,
}

/// What fraiseql.toml adds to the schema.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// `[project] name`.
    pub service: String,
    pub federation: Option<ProjectFederation>,
}

/// The section `[federation]`. What it sets wins over the block in the schema; its entities are
/// added to those of the schema.
#[derive(Debug, Clone, Default)]
pub struct ProjectFederation {
    pub enabled: Option<bool>,
    pub service_name: Option<String>,
    pub version: Option<String>,
    pub schema_url: Option<String>,
    pub entities: Vec<ProjectEntity>,
    /// The file that problems of this section name.
    pub file: String,
}

/// `[[federation.entities]]`.
#[derive(Debug, Clone, Default)]
pub struct ProjectEntity {
    pub name: String,
    pub key_fields: Vec<String>,
    /// Line and column, from 1.
    pub position: Option<(usize, usize)>,
}

/// A model, and what its author should know about it.
#[derive(Debug)]
pub struct Compiled {
    pub model: Model,
    pub warnings: Vec<Problem>,
}

/// Compiles a schema, or tells everything that is wrong with it.
pub fn compile(source: &Source, project: &Project) -> Result<Compiled, Vec<Problem>> {
    let reports = Reports::new(source.file);
    let Some(mut document) = authoring::read(source.text, &reports) else {
        return Err(reports.into_parts().0);
    };
    let spans = Spans::new(source.text);
    for path in &spans.duplicates {
        reports.refuse(reports.at(path, "the key stands twice in this object"));
    }
    complete::complete(&mut document, project, &reports);
    check::check(&document, &reports);
    let model = (!reports.has_problems()).then(|| convert::model(&document, &project.service));
    if let Some(model) = &model {
        check::rooted(model, &reports);
        check::conflicts(&document, model, &reports);
        check::needs(&document, model, &reports);
        check::stored(&document, model, &reports);
    }
    let (mut problems, mut warnings) = reports.into_parts();
    authoring::locate(&mut problems, source.file, &spans);
    authoring::locate(&mut warnings, source.file, &spans);
    match model.filter(|_| problems.is_empty()) {
        Some(model) => Ok(Compiled { model, warnings }),
        None => Err(problems),
    }
}

/// What an argument of this name does to the operation.
pub fn role_of(operation: &Operation, name: &str) -> ArgumentRole {
    let equal = || ArgumentRole::Equal(Name::from(snake_case(name)));
    match operation.kind {
        Kind::Mutation => ArgumentRole::Value,
        Kind::Subscription => equal(),
        Kind::Query if !operation.returns_list => equal(),
        Kind::Query => match name {
            "where" => ArgumentRole::Where,
            "orderBy" | "order_by" => ArgumentRole::OrderBy,
            "limit" => ArgumentRole::Limit,
            "offset" => ArgumentRole::Offset,
            "first" => ArgumentRole::First,
            "after" => ArgumentRole::After,
            "last" => ArgumentRole::Last,
            "before" => ArgumentRole::Before,
            _ => equal(),
        },
    }
}

#[cfg(test)]
mod tests;
