//! The one integration binary: every test against a real PostgreSQL.

mod harness;
mod http;
mod program;
mod service;
mod tokens;
mod world;

mod bad_input;
mod cases;
mod changed_database;
mod codec;
mod contracts;
mod faults;
mod graphql_access;
mod graphql_documents;
mod graphql_filter;
mod graphql_list;
mod graphql_values;
mod identity;
mod private_postgres;
mod processes;
mod projects;
mod session_variables;
