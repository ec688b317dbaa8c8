//! What is fuzzed: one function for each way in which bytes that nobody here wrote reach the program.
//!
//! Each takes any bytes and goes through the functions that the program itself calls. What it demands is in its
//! file: no panic is the least of it. Both the targets of cargo-fuzz and `tests/it/fuzzed.rs`, which replays the kept
//! inputs without it, are made of the table below.

pub mod codec;
pub mod config;
pub mod graphql;
pub mod protobuf;
pub mod rest;
pub mod rows;
pub mod schema;
pub mod sql;
pub mod statement;
pub mod wire;
pub mod world;

/// The name of a target, which is also that of its corpus, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 6] = [
    ("codec", codec::run),
    ("config", config::run),
    ("graphql", graphql::run),
    ("protobuf", protobuf::run),
    ("rest", rest::run),
    ("schema", schema::run),
];

/// The two parts of an input that is text: before and behind the first NUL, which neither format can hold.
pub fn halves(data: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(data).ok()?;
    Some(text.split_once('\0').unwrap_or((text, "")))
}
