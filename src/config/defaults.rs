//! Defaults that depend on the machine or on other keys.

use super::settings::{Facts, Settings, Value};

/// Enough to keep every core busy while some statements wait.
pub fn pool_max(facts: &Facts, _: &Settings) -> Value {
    Value::Integer((2 * facts.cores as u64 + 4).max(10))
}

/// Half of the pool, so that streams never starve the short requests.
pub fn stream_connections(_: &Facts, settings: &Settings) -> Value {
    match settings.value("database.pool_max") {
        Some(Value::Integer(pool_max)) => Value::Integer((pool_max / 2).max(1)),
        Some(Value::Bool(_) | Value::Text(_) | Value::Texts(_)) | None => Value::Integer(1),
    }
}

/// Enough behind each connection to keep it busy, and no more than it serves soon.
pub fn max_concurrent_requests(_: &Facts, settings: &Settings) -> Value {
    match settings.value("database.pool_max") {
        Some(Value::Integer(pool_max)) => Value::Integer((16 * pool_max).max(128)),
        Some(Value::Bool(_) | Value::Text(_) | Value::Texts(_)) | None => Value::Integer(128),
    }
}

pub fn grpc_enabled(facts: &Facts, _: &Settings) -> Value {
    Value::Bool(facts.grpc_built_in)
}

/// Never both families at once: a public key must not be accepted as a shared secret.
pub fn algorithms(_: &Facts, settings: &Settings) -> Value {
    let names: &[&str] = if settings.is_given("auth.jwt_secret") { &["HS256"] } else { &["RS256", "ES256", "EdDSA"] };
    Value::Texts(names.iter().map(|name| (*name).to_owned()).collect())
}
