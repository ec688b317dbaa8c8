//! fraiseql: one compiled schema over one PostgreSQL, served on every wire by one engine.

pub mod error;
pub mod plan;
pub mod problem;
pub mod schema;
