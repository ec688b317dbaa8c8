//! The schema as a part of a larger graph (Apollo Federation 2), and the entity layer: rows of many types by
//! their keys, in the order in which somebody else has them.
//!
//! The entity layer is a caller of the engine like any wire, and every wire is a caller of it: `_entities`
//! of GraphQL, batch get of REST and gRPC. What it knows of rows it learns from `codec`.

pub mod answered;
pub mod batch;
pub mod collected;
mod encoded;
mod group;
pub mod guarded;
pub mod part;
mod representation;
pub mod sdl;
pub mod wanted;
