//! Intent, schema and caller → what will run.

pub mod shape;
