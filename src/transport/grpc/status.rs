//! The engine's error → a gRPC status with `google.rpc` details (google/rpc/error_details.proto).

use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use tonic::{Code as GrpcCode, Status};

use crate::error::{Code, Error};

/// Who gives the reasons in `ErrorInfo`.
const DOMAIN: &str = "fraiseql";

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The status of an error. Errors of our own are told with the request's id only; their text is logged.
pub fn status(error: &Error, request_id: &str) -> Status {
    let code = code_of(error);
    let message = told(error, request_id);
    let mut details = Vec::new();
    if let Some(argument) = error.argument.as_ref().filter(|argument| !argument.is_empty()) {
        let violation = FieldViolation { field: argument.clone(), description: error.message.clone() };
        details.push(any("google.rpc.BadRequest", &BadRequest { field_violations: vec![violation] }));
    }
    if let Some(seconds) = error.retry_after_secs {
        let retry_delay = prost_types::Duration { seconds: seconds as i64, nanos: 0 };
        details.push(any("google.rpc.RetryInfo", &RetryInfo { retry_delay: Some(retry_delay) }));
    }
    let hint = error.hint.iter().map(|hint| ("hint".to_owned(), hint.clone()));
    let metadata = std::iter::once(("requestId".to_owned(), request_id.to_owned())).chain(hint).collect();
    let info = ErrorInfo { reason: error.code.name().to_owned(), domain: DOMAIN.to_owned(), metadata };
    details.push(any("google.rpc.ErrorInfo", &info));
    let rpc = RpcStatus { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, rpc.encode_to_vec().into())
}

/// The text of an error for its caller.
pub fn told(error: &Error, request_id: &str) -> String {
    match error.code {
        Code::Internal => format!("{}; the request's id is {request_id}", error.message),
        _ => error.message.clone(),
    }
}

/// The trailers of an error, or of none.
pub fn trailers(status: Option<&Status>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let written = match status {
        None => {
            trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
            return trailers;
        }
        Some(status) => status.add_header(&mut trailers),
    };
    if written.is_err() {
        trailers.insert(GRPC_STATUS, HeaderValue::from(GrpcCode::Internal as u16));
    }
    trailers
}

/// The code that an error is told with.
pub fn code_of(error: &Error) -> GrpcCode {
    match error.code {
        // Of what is in conflict, clients know this one by a code of its own.
        Code::Conflict if error.duplicate => GrpcCode::AlreadyExists,
        code => grpc_code(code),
    }
}

/// The one table from our codes to gRPC's.
pub fn grpc_code(code: Code) -> GrpcCode {
    match code {
        Code::InvalidArgument | Code::NotAcceptable | Code::UnsupportedMediaType => GrpcCode::InvalidArgument,
        Code::Unauthenticated => GrpcCode::Unauthenticated,
        Code::Forbidden => GrpcCode::PermissionDenied,
        Code::NotFound => GrpcCode::NotFound,
        Code::Conflict => GrpcCode::Aborted,
        Code::ValidationFailed => GrpcCode::FailedPrecondition,
        Code::TooComplex | Code::RateLimited | Code::PayloadTooLarge => GrpcCode::ResourceExhausted,
        Code::CircuitBreakerOpen | Code::Unavailable => GrpcCode::Unavailable,
        Code::Timeout => GrpcCode::DeadlineExceeded,
        Code::Cancelled => GrpcCode::Cancelled,
        Code::Unimplemented | Code::MethodNotAllowed => GrpcCode::Unimplemented,
        Code::DataMismatch => GrpcCode::DataLoss,
        Code::Internal => GrpcCode::Internal,
    }
}

fn any(name: &str, message: &impl Message) -> prost_types::Any {
    prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<FieldViolation>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldViolation {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: std::collections::BTreeMap<String, String>,
}
