//! fraiseql: one compiled schema over one PostgreSQL, served on every wire by one engine.

pub mod problem;
pub mod error;
pub mod schema;
pub mod plan;
