//! gRPC: bytes → intents → bytes.
//!
//! What clients see (`api`, `describe`, `proto_text`) is plain data and is there in every build; what
//! serves them is behind the feature.

#[cfg(feature = "grpc-transport")]
mod answers;
pub mod api;
#[cfg(feature = "grpc-transport")]
mod body;
#[cfg(feature = "grpc-transport")]
mod commands;
#[cfg(feature = "grpc-transport")]
mod decode;
pub mod describe;
#[cfg(feature = "grpc-transport")]
mod descriptor;
#[cfg(feature = "grpc-transport")]
mod entities;
#[cfg(feature = "grpc-transport")]
mod frame;
#[cfg(feature = "grpc-transport")]
mod methods;
pub mod inputs;
mod keys;
mod mutations;
pub mod proto_text;
#[cfg(feature = "grpc-transport")]
mod raw;
#[cfg(feature = "grpc-transport")]
mod resolved;
#[cfg(feature = "grpc-transport")]
mod resolving;
#[cfg(feature = "grpc-transport")]
mod rows;
#[cfg(feature = "grpc-transport")]
mod select;
#[cfg(feature = "grpc-transport")]
mod serve;
#[cfg(feature = "grpc-transport")]
mod status;
#[cfg(feature = "grpc-transport")]
mod timeout;
#[cfg(feature = "grpc-transport")]
mod typed_keys;
#[cfg(feature = "grpc-transport")]
mod web;
#[cfg(feature = "grpc-transport")]
mod well_known;
#[cfg(feature = "grpc-transport")]
mod writer;
#[cfg(feature = "grpc-transport")]
mod writes;

#[cfg(feature = "grpc-transport")]
pub use self::serve::{Grpc, Options, is_grpc, refusal};
#[cfg(feature = "grpc-transport")]
pub use self::web::{is_web, translated};

/// Tells of an error: its request's observer, and the log where it is not the caller's.
#[cfg(feature = "grpc-transport")]
fn report(error: &crate::error::Error, observer: &crate::observe::Observer) {
    observer.failed(error.code);
    observer.note("rpc.grpc.status_code", || status::code_of(error) as i64);
    log(error, observer.id());
}

#[cfg(feature = "grpc-transport")]
fn log(error: &crate::error::Error, request_id: &str) {
    if error.code.is_logged() {
        tracing::error!(request_id, "{error}");
    }
}
