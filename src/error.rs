//! What can go wrong while a request is answered: one closed set of codes, one error.
//!
//! Every error has two texts. `message` is for the caller and names what was wrong and what to do;
//! `cause` is for the log and may hold whatever PostgreSQL or the system said. A transport maps
//! [`Code`] to its own status and never invents one.

use std::fmt;

/// The closed set of codes; every wire maps all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidArgument,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    ValidationFailed,
    TooComplex,
    RateLimited,
    CircuitBreakerOpen,
    Unavailable,
    Timeout,
    Cancelled,
    Unimplemented,
    MethodNotAllowed,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
    DataMismatch,
    Internal,
}

/// The stage of the engine, or the transport before and after it, that found the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Decode,
    Plan,
    Write,
    Execute,
    Encode,
}

/// An error of one request.
#[derive(Debug)]
pub struct Error {
    pub stage: Stage,
    pub code: Code,
    /// For the caller: what was wrong, where, and what to do.
    pub message: String,
    /// The argument, field or parameter that was wrong, as the caller spelled it.
    pub argument: Option<String>,
    /// What to do about it, in the words of the function that refused.
    pub hint: Option<String>,
    /// Seconds after which a retry makes sense.
    pub retry_after_secs: Option<u64>,
    /// The database has changed since the statement was planned: bind the schema again and ask again.
    pub stale: bool,
    /// It happened on a replica: the primary, asked instead, may answer.
    pub on_replica: bool,
    /// The connection was gone before anything ran.
    pub lost_connection: bool,
    /// The transaction lost against another one and was undone: asked again, it may succeed.
    pub collided: bool,
    /// A value that must be unique was there already.
    pub duplicate: bool,
    /// For the log only.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Code ===

impl Code {
    pub const ALL: [Code; 19] = [
        Code::InvalidArgument,
        Code::Unauthenticated,
        Code::Forbidden,
        Code::NotFound,
        Code::Conflict,
        Code::ValidationFailed,
        Code::TooComplex,
        Code::RateLimited,
        Code::CircuitBreakerOpen,
        Code::Unavailable,
        Code::Timeout,
        Code::Cancelled,
        Code::Unimplemented,
        Code::MethodNotAllowed,
        Code::NotAcceptable,
        Code::PayloadTooLarge,
        Code::UnsupportedMediaType,
        Code::DataMismatch,
        Code::Internal,
    ];

    /// The name that every wire shows.
    pub fn name(self) -> &'static str {
        match self {
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::Forbidden => "FORBIDDEN",
            Code::NotFound => "NOT_FOUND",
            Code::Conflict => "CONFLICT",
            Code::ValidationFailed => "VALIDATION_FAILED",
            Code::TooComplex => "TOO_COMPLEX",
            Code::RateLimited => "RATE_LIMITED",
            Code::CircuitBreakerOpen => "CIRCUIT_BREAKER_OPEN",
            Code::Unavailable => "UNAVAILABLE",
            Code::Timeout => "TIMEOUT",
            Code::Cancelled => "CANCELLED",
            Code::Unimplemented => "UNIMPLEMENTED",
            Code::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Code::NotAcceptable => "NOT_ACCEPTABLE",
            Code::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Code::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Code::DataMismatch => "DATA_MISMATCH",
            Code::Internal => "INTERNAL",
        }
    }

    /// Whether the operator has to hear of it: it is not the caller's doing.
    pub fn is_logged(self) -> bool {
        matches!(self, Code::Internal | Code::DataMismatch | Code::Unavailable)
    }

    /// The HTTP status of this code where the wire uses statuses for errors.
    pub fn http_status(self) -> u16 {
        match self {
            Code::InvalidArgument | Code::TooComplex => 400,
            Code::Unauthenticated => 401,
            Code::Forbidden => 403,
            Code::NotFound => 404,
            Code::MethodNotAllowed => 405,
            Code::NotAcceptable => 406,
            Code::Conflict => 409,
            Code::PayloadTooLarge => 413,
            Code::UnsupportedMediaType => 415,
            Code::ValidationFailed => 422,
            Code::RateLimited => 429,
            Code::Cancelled => 499,
            Code::DataMismatch | Code::Internal => 500,
            Code::Unimplemented => 501,
            Code::CircuitBreakerOpen | Code::Unavailable => 503,
            Code::Timeout => 504,
        }
    }
}

// === impl Stage ===

impl Stage {
    pub const ALL: [Stage; 5] = [Stage::Decode, Stage::Plan, Stage::Write, Stage::Execute, Stage::Encode];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Decode => "decode",
            Stage::Plan => "plan",
            Stage::Write => "write",
            Stage::Execute => "execute",
            Stage::Encode => "encode",
        }
    }
}

// === impl Error ===

impl Error {
    pub fn new(stage: Stage, code: Code, message: impl Into<String>) -> Self {
        Error {
            stage,
            code,
            message: message.into(),
            argument: None,
            hint: None,
            retry_after_secs: None,
            stale: false,
            on_replica: false,
            lost_connection: false,
            collided: false,
            duplicate: false,
            cause: None,
        }
    }

    /// A request that cannot mean anything: the caller has to change it.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(Stage::Decode, Code::InvalidArgument, message)
    }

    /// Whether a read that ended with this is to be asked once more, after `Engine::recover`.
    pub fn can_be_asked_again(&self) -> bool {
        self.stale || self.on_replica
    }

    /// Whether it can be that of one among several that were asked for together, and not that of all.
    pub fn is_of_one(&self) -> bool {
        match self.code {
            Code::InvalidArgument
            | Code::Forbidden
            | Code::NotFound
            | Code::Conflict
            | Code::ValidationFailed
            | Code::TooComplex
            | Code::DataMismatch
            | Code::Internal => !self.lost_connection,
            Code::Unauthenticated
            | Code::RateLimited
            | Code::CircuitBreakerOpen
            | Code::Unavailable
            | Code::Timeout
            | Code::Cancelled
            | Code::Unimplemented
            | Code::MethodNotAllowed
            | Code::NotAcceptable
            | Code::PayloadTooLarge
            | Code::UnsupportedMediaType => false,
        }
    }

    /// The same for another of those that were asked for together.
    pub fn again(&self) -> Error {
        let again = Error {
            hint: self.hint.clone(),
            duplicate: self.duplicate,
            retry_after_secs: self.retry_after_secs,
            ..Error::new(self.stage, self.code, self.message.clone())
        };
        again.because(self.cause.as_ref().map(ToString::to_string).unwrap_or_default())
    }

    pub fn at(mut self, argument: impl Into<String>) -> Self {
        self.argument = Some(argument.into());
        self
    }

    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)?;
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
