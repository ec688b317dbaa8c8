//! The circuit breakers of a configuration: one for each entity.

use std::time::Duration;

use crate::breaker::Breakers;
use crate::config::Config;
use crate::problem::Problem;
use crate::schema::Schema;
use crate::schema::entities::Behind;

/// Shorter than the time of a whole request, so that an entity that does not answer costs only its own rows.
pub fn entity_timeout(config: &Config) -> Duration {
    config.database.statement_timeout.min(config.server.request_timeout.mul_f64(0.95))
}

/// A breaker for each entity, unless they are switched off.
pub fn breakers(config: &Config, schema: &Schema) -> Result<Breakers, Vec<Problem>> {
    let settings = &config.federation.breaker;
    let names =
        || schema.entities().values().filter(|entity| entity.behind == Behind::Object).map(|entity| &entity.name);
    let unknown = settings.per_entity.iter().filter(|own| !names().any(|name| **name == *own.entity));
    let problems: Vec<Problem> = unknown
        .map(|own| {
            let problem = config.problem(&own.path, format!("there is no entity \"{}\"", own.entity));
            problem.nearest(&own.entity, names().map(|name| &**name))
        })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let guarded = names().filter(|_| settings.enabled).map(|name| (name.clone(), settings.of(name)));
    Ok(Breakers::new(guarded))
}
