//! fraiseql: one compiled schema over one PostgreSQL, served on every wire by one engine.
//!
//! Read the modules in the order below. A transport decodes bytes into an [`intent::Intent`]; the
//! [`engine::Engine`] turns the intent into a [`plan::Plan`], the plan into a [`sql::Statement`], runs
//! it through the [`exec::ViewExecutor`] and hands back an [`exec::Outcome`], whose rows `codec` writes
//! as bytes.

// That a request may move between threads is proved through every future that it is made of, down to the driver's.
#![recursion_limit = "256"]

pub mod error;
pub mod problem;
pub mod config;

pub mod observe;
pub mod recent;
pub mod admission;
pub mod breaker;
pub mod schema;

pub mod auth;
pub mod intent;
pub mod plan;
pub mod sql;
pub mod exec;
pub mod codec;

pub mod engine;
pub mod type_system;
pub mod federation;
pub mod transport;
pub mod telemetry;
pub mod server;

pub mod dev;

pub mod cli;
