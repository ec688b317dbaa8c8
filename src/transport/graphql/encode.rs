//! Outcome → the JSON of one root field, in chunks.
//!
//! The whole body is held encoded until it is complete, because a null may propagate to the root and
//! errors decide the status. Chunks of a fixed size keep that from costing twice its length.

use serde_json::{Value as Json, json};

use super::respond::GraphqlError;
use crate::codec::{self, Mismatch, Segment, Shape, Stop, Trail};
use crate::engine::{Outcome, Rows};
use crate::error::{Code, Error, Result, Stage};
use crate::transport::body::{Budget, Chunks};

/// The value of one root field.
#[derive(Debug)]
pub struct Encoded {
    pub value: Chunks,
    pub mismatches: Vec<Mismatch>,
    /// The value is null because a null propagated to it.
    pub nulled: bool,
}

/// Writes the value of a root field. `Error::stale` means that the rows are not of the statement's
/// shape any more.
pub async fn encode(outcome: Outcome, budget: &Budget) -> Result<Encoded> {
    let (statement, mut rows) = outcome.into_parts();
    let mut value = Chunks::default();
    let mut trail = Trail::default();
    let written = match statement.shape() {
        Shape::Many(_) | Shape::Documents(_) => {
            list(statement.shape(), &mut rows, &mut value, &mut trail, budget).await?
        }
        Shape::One(_) | Shape::Document(_) | Shape::Connection(_) | Shape::Count => {
            single(statement.shape(), &mut rows, &mut value, &mut trail).await?
        }
    };
    budget.spend(value.current_bytes())?;
    let nulled = match written {
        Ok(()) => false,
        Err(Stop::Null) => {
            value = Chunks::default();
            value.push(b"null");
            true
        }
        Err(Stop::Stale) => return Err(stale()),
    };
    Ok(Encoded { value, mismatches: trail.into_mismatches(), nulled })
}

async fn single(
    shape: &Shape,
    rows: &mut Rows,
    value: &mut Chunks,
    trail: &mut Trail,
) -> Result<std::result::Result<(), Stop>> {
    let Some(row) = rows.next().await.transpose()? else {
        value.push(b"null");
        return Ok(Ok(()));
    };
    let written = codec::json::row(shape, &codec::columns(&row), value.buffer(), trail);
    // The end of the statement, without which the connection would be taken for a deserted one.
    while rows.next().await.transpose()?.is_some() {}
    Ok(written)
}

async fn list(
    shape: &Shape,
    rows: &mut Rows,
    value: &mut Chunks,
    trail: &mut Trail,
    budget: &Budget,
) -> Result<std::result::Result<(), Stop>> {
    value.push(b"[");
    let mut index = 0;
    while let Some(row) = rows.next().await.transpose()? {
        if index > 0 {
            value.push(b",");
        }
        trail.at_row(Some(index));
        if let Err(stop) = codec::json::row(shape, &codec::columns(&row), value.buffer(), trail) {
            return Ok(Err(stop));
        }
        index += 1;
        value.rotate(budget)?;
    }
    value.push(b"]");
    Ok(Ok(()))
}

fn stale() -> Error {
    let mut error = Error::new(Stage::Encode, Code::Internal, "the schema and the database differ")
        .because("rows came with other types than the statement was planned for");
    error.stale = true;
    error
}

/// A mismatch as an entry of `errors`.
pub fn mismatch_error(
    mismatch: &Mismatch,
    root: &str,
    location: Option<(usize, usize)>,
    request_id: &str,
) -> GraphqlError {
    let mut path = vec![json!(root)];
    path.extend(mismatch.path.iter().map(|segment| match segment {
        Segment::Key(name) => Json::String(name.to_string()),
        Segment::Index(index) => json!(index),
    }));
    let message = format!("{}.{}: {}", mismatch.type_name, mismatch.field, mismatch.reason);
    let error = Error::new(Stage::Encode, Code::DataMismatch, message);
    GraphqlError::of(&error, path, location, request_id)
}
