//! gRPC: bytes → intents → bytes.

pub mod api;
pub mod describe;
pub mod proto_text;
