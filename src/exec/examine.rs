//! What a server says about itself, for whoever looks whether it will do.

use super::pool::Pools;
use super::{ViewExecutor, sqlstate};
use crate::error::{Error, Result};

/// One server, as the role of its URL sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Host and port, without anything secret.
    pub place: String,
    /// `15.8 (Debian …)`, and as a number: 150008.
    pub version: String,
    pub version_number: i32,
    pub role: String,
    pub database: String,
    /// That clients may have, less those that are kept for superusers.
    pub connections_max: i32,
    pub is_standby: bool,
    /// What a cluster and its standbys have in common.
    pub system: String,
    /// Whether the role may make, or has, the schema of the service's own tables.
    pub can_keep: bool,
}

const EXAMINE: &str = "\
    SELECT current_setting('server_version'), current_setting('server_version_num')::int4, session_user::text, \
    current_database()::text, \
    current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4, \
    pg_is_in_recovery(), (SELECT system_identifier::text FROM pg_control_system()), \
    has_database_privilege(current_database(), 'CREATE') OR to_regclass('fraiseql.idempotency') IS NOT NULL";

// === impl ViewExecutor ===

impl ViewExecutor {
    /// Looks at the primary.
    pub async fn examine(&self) -> Result<Examined> {
        examine(&self.pools).await
    }

    /// Looks at each replica, in the order of the configuration: where it is, and what it says.
    pub async fn examine_replicas(&self) -> Vec<(String, Result<Examined>)> {
        let mut all = Vec::new();
        for pools in self.replicas.pools() {
            all.push((pools.place(), examine(pools).await));
        }
        all
    }
}

async fn examine(pools: &Pools) -> Result<Examined> {
    // By way of the pool, whose errors say what to do.
    let client = pools.control().await?;
    let row = client.query_typed_one(EXAMINE, &[]).await.map_err(sqlstate::error)?;
    let read = || -> Result<Examined, tokio_postgres::Error> {
        Ok(Examined {
            place: pools.place(),
            version: row.try_get(0)?,
            version_number: row.try_get(1)?,
            role: row.try_get(2)?,
            database: row.try_get(3)?,
            connections_max: row.try_get(4)?,
            is_standby: row.try_get(5)?,
            system: row.try_get(6)?,
            can_keep: row.try_get(7)?,
        })
    };
    read().map_err(|error| -> Error { sqlstate::error(error) })
}
