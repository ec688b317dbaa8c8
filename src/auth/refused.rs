//! Why a request is not heard, in words that say nothing of the token itself.

use crate::error::{Code, Error, Stage};

/// A request without a token where one is required, with one that does not hold, or one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Missing,
    /// The header is not `Bearer` and a token.
    Scheme,
    TooLong,
    Malformed,
    /// The header `crit` names something that has to be understood, and nothing is.
    Critical,
    /// `alg` is not accepted, or does not go with the key.
    Algorithm,
    UnknownKey,
    Signature,
    NoExpiry,
    Expired,
    NotYetValid,
    Issuer,
    Audience,
    /// The keys have never been fetched, so nothing can be said about the token.
    KeysUnavailable,
    /// One request more than `[rate_limit]` allows this caller; the next is welcome after so many seconds.
    TooMany {
        retry_after_secs: u64,
    },
}

/// Seconds after which the keys may be there.
const RETRY_AFTER_SECS: u64 = 5;

// === impl Refused ===

impl Refused {
    pub fn code(self) -> Code {
        match self {
            Refused::KeysUnavailable => Code::Unavailable,
            Refused::TooMany { .. } => Code::RateLimited,
            Refused::Missing
            | Refused::Scheme
            | Refused::TooLong
            | Refused::Malformed
            | Refused::Critical
            | Refused::Algorithm
            | Refused::UnknownKey
            | Refused::Signature
            | Refused::NoExpiry
            | Refused::Expired
            | Refused::NotYetValid
            | Refused::Issuer
            | Refused::Audience => Code::Unauthenticated,
        }
    }

    pub fn message(self) -> &'static str {
        match self {
            Refused::Missing => "this needs a token: send the header Authorization: Bearer <token>",
            Refused::Scheme => "the header Authorization is not Bearer and a token",
            Refused::TooLong => "the token is too long",
            Refused::Malformed => "the token is malformed",
            Refused::Critical => "the token demands an extension that is not known here",
            Refused::Algorithm => "the token is signed with an algorithm that is not accepted",
            Refused::UnknownKey => "the token is signed with an unknown key",
            Refused::Signature => "the signature of the token is wrong",
            Refused::NoExpiry => "the token does not say when it expires",
            Refused::Expired => "the token has expired",
            Refused::NotYetValid => "the token is not valid yet",
            Refused::Issuer => "the token is from another issuer",
            Refused::Audience => "the token is for another audience",
            Refused::KeysUnavailable => "the keys of the issuer cannot be fetched",
            Refused::TooMany { .. } => "too many requests: this caller has used up what [rate_limit] allows for now",
        }
    }

    /// The value of `WWW-Authenticate`, RFC 6750 section 3.
    pub fn challenge(self) -> Option<&'static str> {
        if self == Refused::Missing {
            return Some("Bearer");
        }
        (self.code() == Code::Unauthenticated).then_some("Bearer error=\"invalid_token\"")
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        let mut error = Error::new(Stage::Decode, refused.code(), refused.message());
        error.retry_after_secs = if let Refused::TooMany { retry_after_secs } = refused {
            Some(retry_after_secs)
        } else {
            (refused == Refused::KeysUnavailable).then_some(RETRY_AFTER_SECS)
        };
        error
    }
}
