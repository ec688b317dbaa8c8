//! PostgreSQL's errors → codes: one table.

use super::failure::Failure;
use crate::error::{Code, Error, Stage};

/// The engine's error for what failed.
pub(super) fn error(failure: impl Into<Failure>) -> Error {
    let failure = failure.into();
    let Some((state, said, hint)) = failure.said() else {
        let lost = failure.is_lost();
        let (code, message) = match lost {
            true => (Code::Unavailable, "the connection to the database was lost"),
            false => (Code::Internal, "the database driver failed"),
        };
        let mapped = Error::new(Stage::Execute, code, message);
        return Error { lost_connection: lost, ..mapped }.because(described(failure));
    };
    let (code, message) = describe(state, said);
    let mut mapped = Error::new(Stage::Execute, code, message);
    if is_raised(state) {
        mapped.hint = hint.map(str::to_owned);
    }
    mapped.collided = matches!(state, "40001" | "40P01");
    mapped.duplicate = state == "23505";
    mapped.stale = is_stale(state);
    // The server is being shut down, or has crashed.
    mapped.lost_connection = matches!(state, "57P01" | "57P02");
    mapped.because(described(failure))
}

/// The statement was planned for relations that are not like that any more.
fn is_stale(state: &str) -> bool {
    match state {
        // A cached plan must not change its result type; a prepared statement is not there any more.
        "0A000" | "26000" => true,
        // Undefined: column, table, function, object, schema.
        "42703" | "42P01" | "42883" | "42704" | "3F000" => true,
        // A column has another type than the expression.
        "42804" => true,
        _ => false,
    }
}

/// A function's own RAISE: its words are meant for the caller.
fn is_raised(state: &str) -> bool {
    matches!(state, "P0001" | "P0002")
}

/// The one table. PostgreSQL's own texts quote what is stored, so they stay in the log.
fn describe(state: &str, said: &str) -> (Code, String) {
    let (code, message) = match state {
        "57014" => (Code::Timeout, "the statement was cancelled"),
        "40001" | "40P01" => (Code::Conflict, "the statement collided with another; try again"),
        "23505" | "23P01" => (Code::Conflict, "a value that must be unique exists already"),
        "23502" => (Code::ValidationFailed, "a value that must be there is missing"),
        "23503" => (Code::ValidationFailed, "something that is referred to does not exist, or is still referred to"),
        "23514" => (Code::ValidationFailed, "a value is not among those that the database allows"),
        "42501" => (Code::Forbidden, "the database does not allow this"),
        "57P01" | "57P02" | "57P03" | "53300" => (Code::Unavailable, "the database is not available"),
        // A standby, or a primary that is to be left alone.
        "25006" => (Code::Unavailable, "the database takes no writes at the moment"),
        "53100" | "53200" | "53400" => (Code::Unavailable, "the database is out of a resource"),
        "P0001" => return (Code::ValidationFailed, said.to_owned()),
        "P0002" => return (Code::NotFound, said.to_owned()),
        // A regular expression is the caller's own, and what is wrong with it only PostgreSQL can tell.
        "2201B" => return (Code::InvalidArgument, said.to_owned()),
        "21000" => (Code::Internal, "there are several rows where there may be one"),
        "22001" => (Code::InvalidArgument, "a text is too long"),
        "22003" => (Code::InvalidArgument, "a number is out of range"),
        "22007" | "22008" => (Code::InvalidArgument, "a date or a time is not one, or is out of range"),
        "22012" => (Code::InvalidArgument, "a number was divided by zero"),
        "22021" => (Code::InvalidArgument, "a text has characters that cannot be stored"),
        "22P02" => (Code::InvalidArgument, "a value is not of the type that it has to be of"),
        code => match code.get(..2).unwrap_or_default() {
            "08" => (Code::Unavailable, "the connection to the database was lost"),
            "22" => (Code::InvalidArgument, "the database cannot use a value"),
            "23" => (Code::ValidationFailed, "the database refused a value"),
            _ => (Code::Internal, "the database could not answer"),
        },
    };
    (code, message.to_owned())
}

/// An error with its whole chain of causes in one line, for the log.
pub(super) fn described(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
