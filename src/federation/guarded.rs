//! What the circuit breaker of an entity sees of the statements that are run for it.

use std::time::Instant;

use crate::breaker::Refused;
use crate::engine::Engine;
use crate::error::{Code, Error, Result, Stage};

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

/// Whether all entities that a request names are left alone at the moment. It is found out before anything else is
/// looked at: this is the time to do as little as possible.
pub struct LeftAlone<'a> {
    engine: &'a Engine,
    now: Instant,
    names: Vec<String>,
    errors: Vec<Error>,
}

// === impl LeftAlone ===

impl<'a> LeftAlone<'a> {
    /// `None` where nothing is left alone, as it is nearly always.
    pub fn of(engine: &'a Engine) -> Option<LeftAlone<'a>> {
        let unwell = || LeftAlone { engine, now: Instant::now(), names: Vec::new(), errors: Vec::new() };
        (!engine.breakers().are_closed()).then(unwell)
    }

    /// Whether an entity of this name is left alone as well.
    pub fn has(&mut self, name: &str) -> bool {
        if self.names.iter().any(|known| known == name) {
            return true;
        }
        let Some(refused) = self.engine.breakers().open(name, self.now) else { return false };
        self.errors.push(refusal(name, refused));
        self.names.push(name.to_owned());
        true
    }

    /// Why, once for each entity.
    pub fn into_errors(self) -> Vec<Error> {
        self.errors
    }
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
