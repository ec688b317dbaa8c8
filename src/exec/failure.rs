//! Why a statement or a connection failed, before it has a code.

use std::io;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

/// What went wrong on a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// PostgreSQL said so.
    #[error("{0}")]
    Said(Box<Said>),
    /// The connection is gone, or what came over it was not PostgreSQL's protocol.
    #[error("the connection was lost")]
    Lost(#[source] io::Error),
    /// A value cannot be sent; nothing was.
    #[error("a value cannot be sent")]
    Value(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// While logging in, or of a connection that the driver moves.
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
}

/// What PostgreSQL says of an error, or in a notice.
#[derive(Debug, Default, thiserror::Error)]
#[error("{severity}: {message} ({state}){detail}{place}")]
pub(super) struct Said {
    pub severity: String,
    /// SQLSTATE.
    pub state: String,
    pub message: String,
    pub hint: Option<String>,
    detail: String,
    place: String,
}

// === impl Failure ===

impl Failure {
    /// A connection that ended where an answer was due.
    pub fn ended() -> Failure {
        Failure::Lost(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"))
    }

    /// SQLSTATE, message and hint, where PostgreSQL gave any.
    pub fn said(&self) -> Option<(&str, &str, Option<&str>)> {
        match self {
            Failure::Said(said) => Some((&said.state, &said.message, said.hint.as_deref())),
            Failure::Driver(error) => error.as_db_error().map(|said| (said.code().code(), said.message(), said.hint())),
            Failure::Lost(_) | Failure::Value(_) => None,
        }
    }

    pub fn is_lost(&self) -> bool {
        match self {
            Failure::Lost(_) => true,
            Failure::Driver(error) => {
                use std::error::Error as _;
                error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>())
            }
            Failure::Said(_) | Failure::Value(_) => false,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Lost(error)
    }
}

// === impl Said ===

impl Said {
    /// Reads the fields of an error or a notice.
    pub fn read(mut fields: ErrorFields<'_>) -> Said {
        let mut said = Said::default();
        while let Ok(Some(field)) = fields.next() {
            let value = String::from_utf8_lossy(field.value_bytes());
            match field.type_() {
                // In English; `S` is in the language of the server.
                b'V' => said.severity = value.into_owned(),
                b'S' if said.severity.is_empty() => said.severity = value.into_owned(),
                b'C' => said.state = value.into_owned(),
                b'M' => said.message = value.into_owned(),
                b'H' => said.hint = Some(value.into_owned()),
                b'D' => said.detail = format!(": {value}"),
                b'W' => said.place = format!(", in {}", value.replace('\n', "; ")),
                _ => {}
            }
        }
        said
    }
}
