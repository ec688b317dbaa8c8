//! What can be asked, and where it lives.

pub mod artifact;
pub mod authoring;
pub mod catalog;
mod check;
pub mod compile;
mod complete;
pub mod field_set;
pub mod model;
pub mod name;
