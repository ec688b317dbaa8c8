//! The one integration binary: every test against a real PostgreSQL.

#[cfg(feature = "grpc-transport")]
mod grpc;
mod harness;
mod http;
mod http2;
#[cfg(feature = "grpc-transport")]
mod load;
mod program;
#[cfg(feature = "grpc-transport")]
mod proxy;
#[cfg(feature = "grpc-transport")]
mod rig;
mod service;
mod subgraph;
mod tokens;
mod world;
mod writing;

mod bad_input;
mod cases;
mod changed_database;
mod clients;
mod codec;
mod column_types;
mod commands;
mod composition;
mod contracts;
mod database_tls;
mod deploying;
mod doctor;
mod entities;
mod entities_breaker;
mod entities_fuzz;
mod entities_requires;
mod entities_rest;
mod entities_rules;
#[cfg(feature = "grpc-transport")]
mod entities_wires;
mod faults;
#[cfg(feature = "grpc-transport")]
mod faults_load;
#[cfg(feature = "grpc-transport")]
mod faults_process;
mod federated;
mod federation_page;
#[cfg(feature = "grpc-transport")]
mod fuzzed;
mod graphql_access;
mod graphql_documents;
mod graphql_filter;
mod graphql_list;
mod graphql_values;
#[cfg(feature = "grpc-transport")]
mod grpc_clients;
#[cfg(feature = "grpc-transport")]
mod grpc_edges;
#[cfg(feature = "grpc-transport")]
mod grpc_entities;
#[cfg(feature = "grpc-transport")]
mod grpc_identity;
#[cfg(feature = "grpc-transport")]
mod grpc_lock;
#[cfg(feature = "grpc-transport")]
mod grpc_protocol;
#[cfg(feature = "grpc-transport")]
mod grpc_reads;
#[cfg(feature = "grpc-transport")]
mod grpc_streams;
#[cfg(feature = "grpc-transport")]
mod grpc_writes;
mod hidden;
mod identity;
mod logs;
mod metrics;
#[cfg(feature = "grpc-transport")]
mod injection;
mod limits_connections;
#[cfg(feature = "grpc-transport")]
mod limits_requests;
mod mutation_batches;
mod mutation_errors;
mod mutation_shapes;
#[cfg(feature = "grpc-transport")]
mod once;
mod pgbouncer;
mod private_postgres;
mod processes;
mod projects;
mod rate_limits;
#[cfg(feature = "grpc-transport")]
mod refusals;
mod replicas;
mod rest_bulk;
mod rest_description;
mod rest_headers;
mod rest_lists;
mod rest_once;
mod rest_streams;
mod rest_writes;
#[cfg(feature = "grpc-transport")]
mod same_answer;
mod session_variables;
#[cfg(feature = "grpc-transport")]
mod soak;
mod tls;
#[cfg(feature = "grpc-transport")]
mod traces;
