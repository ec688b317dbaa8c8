//! fraiseql: one compiled schema over one PostgreSQL, served on every wire by one engine.

pub mod auth;
pub mod cli;
pub mod dev;
pub mod error;
pub mod intent;
pub mod plan;
pub mod problem;
pub mod schema;
