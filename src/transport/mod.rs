//! Bytes ↔ intent: the wires of one port.

pub mod graphql;
pub mod grpc;
