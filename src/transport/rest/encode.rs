//! Outcome → the body of a JSON answer.
//!
//! `data` comes first and is written while the rows arrive; `meta` and `links` follow, because only the
//! last row tells whether there is another page.

use bytes::Bytes;

use super::decode::Answer;
use super::links::{Asked, OffsetPage, cursor_page, offset_page};
use super::respond::Failure;
use crate::codec::json::PageFacts;
use crate::codec::{self, Shape, Stop, Trail};
use crate::engine::{Outcome, Rows};
use crate::error::{Code, Error, Stage};
use crate::transport::body::{Budget, Chunks};

/// Writes an answer. `Error::stale` means that the rows are not of the statement's shape any more.
pub async fn encode(outcome: Outcome, answer: Answer, asked: Asked<'_>, budget: &Budget) -> Result<Chunks, Failure> {
    let (statement, mut rows) = outcome.into_parts();
    let mut body = Chunks::default();
    let mut trail = Trail::default();
    body.push(b"{\"data\":");
    let written = match (statement.shape(), answer) {
        (shape @ (Shape::Many(_) | Shape::Documents(_)), Answer::Page { limit, offset, .. }) => {
            let has_next = list(shape, &mut rows, limit, &mut body, &mut trail, budget).await?;
            let page = has_next.map(|has_next| OffsetPage { limit, offset, has_next, total: None });
            page.map(|page| {
                body.push(b",");
                offset_page(asked, page, body.buffer());
            })
        }
        (shape @ Shape::Connection(_), Answer::Page { limit, offset, .. }) => {
            nodes(shape, &mut rows, &mut body, &mut trail).await?.map(|facts| {
                let total = facts.total.and_then(|total| u64::try_from(total).ok());
                body.push(b",");
                offset_page(asked, OffsetPage { limit, offset, has_next: facts.has_next, total }, body.buffer());
            })
        }
        (shape @ Shape::Connection(_), Answer::Connection { limit }) => {
            nodes(shape, &mut rows, &mut body, &mut trail).await?.map(|facts| {
                body.push(b",");
                cursor_page(asked, limit, &facts, body.buffer());
            })
        }
        (shape, Answer::One | Answer::Count | Answer::Page { .. } | Answer::Connection { .. } | Answer::Stream) => {
            single(shape, &mut rows, &mut body, &mut trail).await?
        }
    };
    match written {
        Ok(()) if trail.is_empty() => {}
        Ok(()) | Err(Stop::Null) => return Err(Failure::mismatch(trail.mismatches())),
        Err(Stop::Stale) => return Err(stale().into()),
    }
    body.push(b"}");
    budget.spend(body.current_bytes())?;
    Ok(body)
}

/// The one row of an answer; none is the error that there is no such thing.
async fn single(
    shape: &Shape,
    rows: &mut Rows,
    body: &mut Chunks,
    trail: &mut Trail,
) -> Result<Result<(), Stop>, Failure> {
    let Some(row) = rows.next().await.transpose()? else {
        return Err(Failure::new(Code::NotFound, "there is no such row"));
    };
    let written = codec::json::row(shape, &codec::columns(&row), body.buffer(), trail);
    end(rows).await?;
    Ok(written)
}

/// The one row of a page that was counted or is paged by cursor.
async fn nodes(
    shape: &Shape,
    rows: &mut Rows,
    body: &mut Chunks,
    trail: &mut Trail,
) -> Result<Result<PageFacts, Stop>, Failure> {
    let (Shape::Connection(connection), Some(row)) = (shape, rows.next().await.transpose()?) else {
        return Err(Error::new(Stage::Encode, Code::Internal, "the page did not come").into());
    };
    let written = codec::json::nodes(connection, &codec::columns(&row), body.buffer(), trail);
    end(rows).await?;
    Ok(written)
}

/// The answer of a write: one row, or a list.
pub async fn written(
    outcome: Outcome,
    listed: bool,
    affected: Option<usize>,
    budget: &Budget,
) -> Result<Vec<Bytes>, Failure> {
    // A function may return the whole list as one value.
    let brackets = listed && (affected.is_some() || matches!(outcome.shape(), Shape::Many(_) | Shape::Documents(_)));
    let mut body = Chunks::default();
    body.push(if brackets { b"{\"data\":[" } else { b"{\"data\":" });
    append(outcome, brackets, &mut body, &mut 0, budget).await?;
    body.push(if brackets { b"]" } else { b"" });
    if let Some(affected) = affected {
        body.push(format!(",\"meta\":{{\"affected\":{affected}}}").as_bytes());
    }
    body.push(b"}");
    budget.spend(body.current_bytes())?;
    Ok(body.into_bytes())
}

/// Rows that were written, behind those before.
pub async fn append(
    outcome: Outcome,
    listed: bool,
    body: &mut Chunks,
    count: &mut usize,
    budget: &Budget,
) -> Result<(), Failure> {
    let (statement, mut rows) = outcome.into_parts();
    let mut trail = Trail::default();
    while let Some(row) = rows.next().await.transpose()? {
        body.push(if *count > 0 { b"," } else { b"" });
        trail.at_row(listed.then_some(*count));
        match codec::json::row(statement.shape(), &codec::columns(&row), body.buffer(), &mut trail) {
            Ok(()) => {}
            Err(Stop::Null) => return Err(Failure::mismatch(trail.mismatches())),
            Err(Stop::Stale) => {
                let error = Error::new(Stage::Encode, Code::Internal, "what was written cannot be shown");
                return Err(error.because("rows came with other types than the statement was planned for").into());
            }
        }
        *count += 1;
        body.rotate(budget)?;
    }
    if trail.is_empty() { Ok(()) } else { Err(Failure::mismatch(trail.mismatches())) }
}

/// The rows of a page; whether there was one more than it shows.
async fn list(
    shape: &Shape,
    rows: &mut Rows,
    limit: u64,
    body: &mut Chunks,
    trail: &mut Trail,
    budget: &Budget,
) -> Result<Result<bool, Stop>, Failure> {
    body.push(b"[");
    let mut shown = 0;
    while let Some(row) = rows.next().await.transpose()? {
        if shown == limit {
            end(rows).await?;
            body.push(b"]");
            return Ok(Ok(true));
        }
        body.push(if shown > 0 { b"," } else { b"" });
        trail.at_row(usize::try_from(shown).ok());
        if let Err(stop) = codec::json::row(shape, &codec::columns(&row), body.buffer(), trail) {
            return Ok(Err(stop));
        }
        shown += 1;
        body.rotate(budget)?;
    }
    body.push(b"]");
    Ok(Ok(false))
}

/// Reads the end of the statement, without which the connection would be taken for a deserted one.
async fn end(rows: &mut Rows) -> Result<(), Failure> {
    while rows.next().await.transpose()?.is_some() {}
    Ok(())
}

pub(super) fn stale() -> Error {
    let mut error = Error::new(Stage::Encode, Code::Internal, "the schema and the database differ")
        .because("rows came with other types than the statement was planned for");
    error.stale = true;
    error
}
