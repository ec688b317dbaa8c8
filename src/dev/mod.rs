//! What `fraiseql dev` needs besides the engine: a database of its own, and eyes on the project.

pub mod export;
pub mod postgres;
pub mod watch;
