//! fraiseql: one compiled schema over one PostgreSQL, served on every wire by one engine.

pub mod auth;
pub mod error;
pub mod intent;
pub mod exec;
pub mod plan;
pub mod sql;
pub mod problem;
pub mod schema;
