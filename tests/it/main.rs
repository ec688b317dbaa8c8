//! The one integration binary: every test against a real PostgreSQL.

mod codec;
mod harness;
mod private_postgres;
mod projects;
