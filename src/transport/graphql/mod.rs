//! GraphQL over HTTP.

pub mod page;
