//! The entity layer: rows of many types by their keys, in the order in which somebody else has them.
//!
//! It is a caller of the engine like any wire, and every wire is a caller of it: `_entities` of GraphQL,
//! batch get of REST and gRPC. What it knows of rows it learns from `codec`.

pub mod batch;
mod representation;
