//! PostgreSQL's errors → codes: one table.

use tokio_postgres::error::SqlState;

use crate::error::{Code, Error, Stage};

/// The engine's error for what the driver reported.
pub(super) fn error(error: tokio_postgres::Error) -> Error {
    let Some(state) = error.code().cloned() else {
        let closed = error.is_closed() || is_io(&error);
        let (code, message) = if closed {
            (Code::Unavailable, "the connection to the database was lost")
        } else {
            (Code::Internal, "the database driver failed")
        };
        let mut mapped = Error::new(Stage::Execute, code, message).because(described(error));
        mapped.lost_connection = closed;
        return mapped;
    };
    let (code, message) = describe(&state, &error);
    let mut mapped = Error::new(Stage::Execute, code, message);
    if is_raised(&state) {
        mapped.hint = error.as_db_error().and_then(|db| db.hint()).map(str::to_owned);
    }
    mapped.collided = matches!(state.code(), "40001" | "40P01");
    mapped.duplicate = state == SqlState::UNIQUE_VIOLATION;
    mapped.stale = is_stale(&state);
    mapped.lost_connection = matches!(state, SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN);
    mapped.because(described(error))
}

/// The statement was planned for relations that are not like that any more.
fn is_stale(state: &SqlState) -> bool {
    *state == SqlState::FEATURE_NOT_SUPPORTED
        || *state == SqlState::INVALID_SQL_STATEMENT_NAME
        || *state == SqlState::UNDEFINED_COLUMN
        || *state == SqlState::UNDEFINED_TABLE
        || *state == SqlState::UNDEFINED_FUNCTION
        || *state == SqlState::UNDEFINED_OBJECT
        || *state == SqlState::DATATYPE_MISMATCH
        || *state == SqlState::INVALID_SCHEMA_NAME
}

/// A function's own RAISE: its words are meant for the caller.
fn is_raised(state: &SqlState) -> bool {
    matches!(state.code(), "P0001" | "P0002")
}

/// The one table. PostgreSQL's own texts quote what is stored, so they stay in the log.
fn describe(state: &SqlState, error: &tokio_postgres::Error) -> (Code, String) {
    let said = || error.as_db_error().map(|db| db.message().to_owned()).unwrap_or_default();
    let (code, message) = match state.code() {
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
        "P0001" => return (Code::ValidationFailed, said()),
        "P0002" => return (Code::NotFound, said()),
        // A regular expression is the caller's own, and what is wrong with it only PostgreSQL can tell.
        "2201B" => return (Code::InvalidArgument, said()),
        "21000" => (Code::Internal, "there are several rows where there may be one"),
        "22001" => (Code::InvalidArgument, "a text is too long"),
        "22003" => (Code::InvalidArgument, "a number is out of range"),
        "22007" | "22008" => (Code::InvalidArgument, "a date or a time is not one, or is out of range"),
        "22012" => (Code::InvalidArgument, "a number was divided by zero"),
        "22021" => (Code::InvalidArgument, "a text has characters that cannot be stored"),
        "22P02" => (Code::InvalidArgument, "a value is not of the type that it has to be of"),
        code => match &code[..2] {
            "08" => (Code::Unavailable, "the connection to the database was lost"),
            "22" => (Code::InvalidArgument, "the database cannot use a value"),
            "23" => (Code::ValidationFailed, "the database refused a value"),
            _ => (Code::Internal, "the database could not answer"),
        },
    };
    (code, message.to_owned())
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    use std::error::Error as _;
    error.source().is_some_and(|source| source.is::<std::io::Error>())
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
