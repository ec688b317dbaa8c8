//! The three wires over one schema, and, with `[auth] hide_forbidden`, over the part of it that a caller may use.

use std::sync::Arc;

use moka::sync::Cache;

use crate::auth::Caller;
use crate::config::Config;
use crate::engine::Engine;
use crate::error::{Code, Error, Result, Stage};
use crate::plan::guard::{Held, held};
use crate::problem::Problem;
use crate::schema::Schema;
use crate::schema::lock::Lock;
use crate::transport::graphql::Graphql;
use crate::transport::rest::Rest;

/// Sets of grants whose wires are kept; a caller with another set waits some milliseconds for his.
const NARROWED_MAX: u64 = 64;

/// What requests are decoded and answered by.
pub struct Wires {
    pub graphql: Graphql,
    /// `None` when `[rest] enabled` is off.
    pub rest: Option<Rest>,
    #[cfg(feature = "grpc-transport")]
    pub grpc: Option<Arc<crate::transport::grpc::Grpc>>,
}

/// The wires of a schema, by who asks.
pub struct Faces {
    whole: Arc<Wires>,
    /// With `[auth] hide_forbidden`.
    narrowed: Option<Narrowed>,
}

struct Narrowed {
    config: Config,
    engine: Arc<Engine>,
    /// As it was bound at the start: its grants choose the wires.
    schema: Arc<Schema>,
    lock: Option<Lock>,
    /// `None` where nothing is left to ask for.
    by_grants: Cache<Held, Option<Arc<Wires>>>,
}

// === impl Wires ===

impl Wires {
    pub fn new(config: &Config, schema: &Schema, lock: Option<&Lock>) -> std::result::Result<Wires, Vec<Problem>> {
        let graphql = super::graphql(config, schema)
            .map_err(|reason| vec![Problem::new(&config.fraiseql.output_file.display().to_string(), "", reason)])?;
        #[cfg(not(feature = "grpc-transport"))]
        let _ = lock;
        Ok(Wires {
            graphql,
            rest: config.rest.enabled.then(|| super::rest(config, schema)),
            #[cfg(feature = "grpc-transport")]
            grpc: super::grpc(config, schema, lock)?,
        })
    }
}

// === impl Faces ===

impl Faces {
    pub fn new(config: &Config, engine: &Arc<Engine>, lock: Option<&Lock>) -> std::result::Result<Faces, Vec<Problem>> {
        let schema = engine.schema();
        let whole = Arc::new(Wires::new(config, &schema, lock)?);
        let narrowed = config.auth.hide_forbidden.then(|| Narrowed {
            config: config.clone(),
            engine: engine.clone(),
            schema,
            lock: lock.cloned(),
            by_grants: Cache::new(NARROWED_MAX),
        });
        Ok(Faces { whole, narrowed })
    }

    /// All of the schema: to find out what a request is for, and to turn it away.
    pub fn whole(&self) -> &Arc<Wires> {
        &self.whole
    }

    /// What this caller may see.
    pub fn of(&self, caller: &Caller) -> Result<Arc<Wires>> {
        let Some(narrowed) = &self.narrowed else { return Ok(self.whole.clone()) };
        let made = narrowed.by_grants.try_get_with(held(&narrowed.schema, caller), || narrowed.wires(caller));
        let wires = made.map_err(|problems: Arc<Vec<Problem>>| {
            let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Error::new(Stage::Decode, Code::Internal, "the request failed").because(text.join("; "))
        })?;
        wires.ok_or_else(|| {
            if caller.is_authenticated() {
                Error::new(Stage::Decode, Code::Forbidden, "there is nothing here that you may use")
            } else {
                Error::new(Stage::Decode, Code::Unauthenticated, "this needs a token")
            }
        })
    }
}

// === impl Narrowed ===

impl Narrowed {
    fn wires(&self, caller: &Caller) -> std::result::Result<Option<Arc<Wires>>, Vec<Problem>> {
        let schema = self.engine.schema_for(caller);
        if schema.model().queries.is_empty() {
            return Ok(None);
        }
        Wires::new(&self.config, &schema, self.lock.as_ref()).map(|wires| Some(Arc::new(wires)))
    }
}
