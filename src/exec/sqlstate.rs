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

fn describe(state: &SqlState, error: &tokio_postgres::Error) -> (Code, String) {
    let said = || error.as_db_error().map(|db| db.message().to_owned()).unwrap_or_default();
    let internal = || (Code::Internal, "the database could not answer".to_owned());
    match state.code() {
        "57014" => (Code::Timeout, "the statement was cancelled".to_owned()),
        "40001" | "40P01" => (Code::Conflict, "the statement collided with another; try again".to_owned()),
        "23505" => (Code::Conflict, "a value that must be unique exists already".to_owned()),
        "42501" => (Code::Forbidden, "the database does not allow this".to_owned()),
        "57P01" | "57P02" | "57P03" | "53300" => (Code::Unavailable, "the database is not available".to_owned()),
        "53100" | "53200" | "53400" => (Code::Unavailable, "the database is out of a resource".to_owned()),
        // A regular expression, a number or a date that only PostgreSQL could judge.
        "2201B" | "22003" | "22007" | "22008" | "22P02" | "22021" => (Code::InvalidArgument, said()),
        code => match &code[..2] {
            "08" => (Code::Unavailable, "the connection to the database was lost".to_owned()),
            "22" => (Code::InvalidArgument, said()),
            "23" => (Code::ValidationFailed, "the database refused a value".to_owned()),
            _ => internal(),
        },
    }
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
