//! The schema as a part of a larger graph: Apollo Federation 2.

pub mod sdl;
