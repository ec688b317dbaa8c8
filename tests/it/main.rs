//! The one integration binary: every test against a real PostgreSQL.

mod cases;
mod codec;
mod harness;
mod http;
mod service;
mod world;

mod graphql_filter;
mod graphql_list;
mod graphql_values;
mod private_postgres;
mod projects;
