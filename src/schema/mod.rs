//! What can be asked, and where it lives.

pub mod catalog;
pub mod model;
pub mod name;
