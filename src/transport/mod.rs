//! Bytes ↔ intent: the wires of one port.

pub mod asset;
pub mod batches;
pub mod body;
pub mod entities;
pub mod graphql;
pub mod grpc;
pub mod once;
pub mod rest;
