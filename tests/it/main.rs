//! The one integration binary: every test against a real PostgreSQL.

#[cfg(feature = "grpc-transport")]
mod grpc;
mod harness;
mod http;
mod program;
mod service;
mod tokens;
mod world;
mod writing;

mod bad_input;
mod cases;
mod changed_database;
mod clients;
mod codec;
mod commands;
mod contracts;
mod faults;
mod graphql_access;
mod graphql_documents;
mod graphql_filter;
mod graphql_list;
mod graphql_values;
#[cfg(feature = "grpc-transport")]
mod grpc_identity;
#[cfg(feature = "grpc-transport")]
mod grpc_lock;
#[cfg(feature = "grpc-transport")]
mod grpc_protocol;
#[cfg(feature = "grpc-transport")]
mod grpc_reads;
mod identity;
mod mutation_batches;
mod mutation_errors;
mod mutation_shapes;
mod private_postgres;
mod processes;
mod projects;
mod rest_description;
mod rest_headers;
mod rest_lists;
mod rest_once;
mod rest_streams;
mod rest_writes;
mod session_variables;
