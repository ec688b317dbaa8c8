//! The rows of functions → what became of each call, and which entities have to be read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::change::Change;
use super::row::Row;
use crate::error::{Code, Error, Result, Stage};
use crate::plan::mutate::Reads;
use crate::sql::status::{Said, Verdict, verdict};
use crate::sql::{Batch, Call, Statement, mutate};

/// One call, while it is not known whether something has to be read.
pub(super) struct Called {
    pub change: Result<Change>,
    pub rows: Vec<Row>,
    /// Of the entities that can be read.
    pub ids: Vec<String>,
    /// The rows hold all that was asked for.
    pub is_whole: bool,
    /// The rows are those of the read.
    pub is_read: bool,
}

/// Entities that are being read: each row goes to the call that has written it.
pub(super) struct Reading {
    /// Ids that have not been asked for; one that several calls have written is asked for as often.
    open: Vec<String>,
    /// For each call, a place for each of its ids.
    rows: Vec<Vec<Option<Row>>>,
}

/// The statement that reads what these calls have written, where there is a need to.
pub(super) fn read_of<'b>(batch: &'b Batch, called: &[Called]) -> Option<&'b Arc<Statement>> {
    let call = batch.statement.call()?;
    let mut readable = called.iter().filter(|call| !call.ids.is_empty() && !call.is_read);
    let is_needed = match call.reads {
        Reads::Never => false,
        Reads::WhenIncomplete => readable.any(|call| !call.is_whole),
        Reads::Always => readable.next().is_some(),
    };
    call.read_back.as_ref().filter(|_| is_needed)
}

/// The last column of a read: the id as text.
fn key_of(row: &Row) -> Option<String> {
    row.text(row.len().checked_sub(1)?).map(str::to_owned)
}

/// The rows of a statement, shared out among its calls.
pub(super) fn called_of(batch: &Batch, count: usize, rows: Vec<Row>) -> Vec<Called> {
    let Some(call) = batch.statement.call() else { return Vec::new() };
    if count == 1 {
        return vec![Called::of(call, rows)];
    }
    let mut each: Vec<Vec<Row>> = (0..count).map(|_| Vec::new()).collect();
    for row in rows {
        let position =
            if call.is_batch { row.int8(row.len().saturating_sub(1)).map_or(0, |n| n.max(1) as usize - 1) } else { 0 };
        if let Some(rows) = each.get_mut(position) {
            rows.push(row);
        }
    }
    each.into_iter().map(|rows| Called::of(call, rows)).collect()
}

// === impl Reading ===

impl Reading {
    pub fn of(called: &[Called]) -> Reading {
        let open = called.iter().flat_map(|call| call.ids.iter().cloned()).collect();
        let places = |call: &Called| call.ids.iter().map(|_| None).collect();
        Reading { open, rows: called.iter().map(places).collect() }
    }

    /// The next ids to be asked for, each once.
    pub fn next(&mut self) -> Option<Vec<String>> {
        let mut seen = HashSet::new();
        self.open.retain(|id| !seen.insert(id.clone()));
        Some(seen.into_iter().collect()).filter(|ids: &Vec<String>| !ids.is_empty())
    }

    pub fn found(&mut self, called: &[Called], rows: Vec<Row>) {
        let mut found: HashMap<String, Row> = rows.into_iter().filter_map(|row| Some((key_of(&row)?, row))).collect();
        for (call, rows) in called.iter().zip(&mut self.rows) {
            for (id, place) in call.ids.iter().zip(rows).filter(|(_, place)| place.is_none()) {
                *place = found.remove(id);
            }
        }
    }

    /// Puts what was read in the place of what the functions returned. A deleted entity cannot be read: what a
    /// lone call returned is its answer then.
    pub fn place(self, called: &mut [Called]) {
        if called.len() == 1 && self.rows.iter().flatten().all(Option::is_none) {
            return;
        }
        for (call, rows) in called.iter_mut().zip(self.rows) {
            call.rows = rows.into_iter().flatten().collect();
            call.is_read = true;
        }
    }
}

// === impl Called ===

impl Called {
    pub fn failed(error: Error) -> Called {
        Called { change: Err(error), rows: Vec::new(), ids: Vec::new(), is_whole: true, is_read: false }
    }

    fn of(call: &Call, rows: Vec<Row>) -> Called {
        let is_null = |row: &Row| row.bytes(mutate::VALUE).is_none();
        let ids: Vec<String> = rows.iter().filter_map(|row| row.text(mutate::ID).map(str::to_owned)).collect();
        let (mut changed, mut failure) = (!ids.is_empty() || !rows.iter().all(is_null), None);
        for row in rows.iter().filter(|_| call.is_response) {
            match response(call, row) {
                Ok(Ok(has_changed)) => changed = has_changed,
                Ok(Err(declared)) => (changed, failure) = (false, Some(declared)),
                Err(error) => return Called::failed(error),
            }
        }
        let is_whole = rows.iter().all(|row| !is_null(row) && row.boolean(mutate::IS_WHOLE).unwrap_or(true));
        let id = ids.first().filter(|_| ids.len() == 1).cloned();
        let kept: Vec<Row> = rows.into_iter().filter(|row| !is_null(row)).collect();
        let ids = if failure.is_none() { ids } else { Vec::new() };
        let change = Ok(Change { id, changed, rows: kept.len(), failure, kept: None });
        Called { change, rows: kept, ids, is_whole, is_read: false }
    }
}

/// Whether something changed, or what went wrong where that is answered by an error of a declared type.
fn response(call: &Call, row: &Row) -> Result<Result<bool, (Code, String)>> {
    let text = |at: usize| row.text(mutate::RESPONSE + at);
    let flag = |at: usize| row.boolean(mutate::RESPONSE + at);
    let http_status = row.int4(mutate::RESPONSE + 4);
    let said = Said { status: text(0), succeeded: flag(1), state_changed: flag(2), error_class: text(3), http_status };
    let message = text(5).filter(|message| !message.trim().is_empty());
    match verdict(&said) {
        Verdict::Succeeded { changed } => Ok(Ok(changed)),
        Verdict::Failed(code) if call.has_typed_errors => {
            let text = message.or(said.status).or(said.error_class).unwrap_or("it was refused");
            Ok(Err((code, text.to_owned())))
        }
        Verdict::Failed(Code::Internal) => {
            Err(function_failed(&call.mutation, message.unwrap_or("it gave no message").to_owned()))
        }
        Verdict::Failed(code) => {
            let usual = || said.status.or(said.error_class).unwrap_or("it was refused").to_owned();
            Err(Error::new(Stage::Execute, code, message.map_or_else(usual, str::to_owned)))
        }
        Verdict::Unknown => {
            let cause = format!("it answered {said:?}, which says neither that it succeeded nor why it failed");
            Err(function_failed(&call.mutation, cause))
        }
    }
}

fn function_failed(mutation: &str, cause: String) -> Error {
    Error::new(Stage::Execute, Code::Internal, format!("the function of {mutation} failed")).because(cause)
}

/// A call that succeeded, with the number of its rows; an error where it has none and must have one.
pub(super) fn complete(statement: &Statement, change: Result<Change>, rows: usize) -> Result<Change> {
    let change = change?;
    match statement.call() {
        Some(call) if call.is_required && rows == 0 && !call.is_response => {
            Err(Error::new(Stage::Execute, Code::NotFound, format!("{} found nothing", call.mutation)))
        }
        Some(call) if call.is_required && rows == 0 => {
            let cause = "it succeeded, but returned no entity, and there is none with its id";
            Err(function_failed(&call.mutation, cause.to_owned()))
        }
        Some(_) | None => Ok(Change { rows, ..change }),
    }
}
