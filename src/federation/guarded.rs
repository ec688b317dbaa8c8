//! What the circuit breaker of an entity sees of the statements that are run for it.

use std::time::Instant;

use serde_json::Value as Json;

use crate::breaker::Refused;
use crate::engine::Engine;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::selection::TYPENAME;
use crate::intent::value::in_object;

/// What a result says about the health of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    Bad,
    /// Nothing: it was the caller's own doing, or nothing was asked.
    Unknown,
}

/// Runs what is asked of an entity, unless its breaker is open.
pub async fn guarded<T>(engine: &Engine, entity: &str, ask: impl Future<Output = Result<T>>) -> Result<T> {
    let permit = engine.breakers().admit(entity, Instant::now()).map_err(|refused| refusal(entity, refused))?;
    let limit = engine.entity_timeout();
    let result = tokio::time::timeout(limit, ask).await.unwrap_or_else(|_| {
        let message = format!("{entity} has not been answered within {} ms", limit.as_millis());
        Err(Error::new(Stage::Execute, Code::Timeout, message))
    });
    match health(&result) {
        Health::Good => {
            if permit.succeeded() {
                tracing::info!(entity, "the circuit breaker has closed");
            }
        }
        Health::Bad => {
            if permit.failed(Instant::now()) {
                tracing::warn!(entity, "the circuit breaker has opened: the entity is left alone for a while");
            }
        }
        Health::Unknown => drop(permit),
    }
    result
}

/// Why none of these representations is answered, once for each type, where the breakers of all types that they name
/// are open. It is told before anything else is looked at: this is the time to do as little as possible.
pub fn all_open(engine: &Engine, representations: &[Json]) -> Option<Vec<Error>> {
    let now = Instant::now();
    let mut names: Vec<&str> = Vec::new();
    let mut errors = Vec::new();
    for representation in representations {
        let name = in_object(representation.as_object()?, TYPENAME)?.as_str()?;
        if !names.contains(&name) {
            errors.push(refusal(name, engine.breakers().open(name, now)?));
            names.push(name);
        }
    }
    Some(errors).filter(|errors| !errors.is_empty())
}

fn refusal(entity: &str, refused: Refused) -> Error {
    let secs = refused.retry_after_secs();
    let message = format!("{entity} is not answered at the moment; try again in {secs} s");
    let mut error = Error::new(Stage::Execute, Code::CircuitBreakerOpen, message);
    error.retry_after_secs = Some(secs);
    error
}

/// The one place that says what counts: what the database does not do, or not in time. A mistake of a client
/// does not, and says nothing about the database either.
fn health<T>(result: &Result<T>) -> Health {
    let error = match result {
        Ok(_) => return Health::Good,
        Err(error) => error,
    };
    match error.code {
        Code::Unavailable | Code::Timeout | Code::Internal => Health::Bad,
        Code::InvalidArgument
        | Code::Unauthenticated
        | Code::Forbidden
        | Code::NotFound
        | Code::Conflict
        | Code::ValidationFailed
        | Code::TooComplex
        | Code::RateLimited
        | Code::CircuitBreakerOpen
        | Code::Cancelled
        | Code::Unimplemented
        | Code::MethodNotAllowed
        | Code::NotAcceptable
        | Code::PayloadTooLarge
        | Code::UnsupportedMediaType
        | Code::DataMismatch => Health::Unknown,
    }
}
