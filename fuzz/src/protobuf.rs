//! gRPC: a byte that chooses a method, one that says how its message is sent, and the message.
//!
//! What is taken, another implementation of protobuf takes too, and what that one writes of it means the same.

use std::io::Write;
use std::sync::LazyLock;

use axum::body::Body;
use fraiseql::error::{Code, Error};
use fraiseql::intent::Intent;
use fraiseql::transport::grpc::api::Method;
use http::Request;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::statement::{Planner, asked, told};
use super::wire::answer;
use super::world::{World, world};

/// How a message is sent: whether the five bytes before it are among those that were given, whether it is said to
/// be compressed, and how.
const FRAMED: u8 = 1;
const FLAGGED: u8 = 2;
const GZIP: u8 = 4;
const ZSTD: u8 = 8;

/// The gRPC status `INTERNAL`.
const INTERNAL: &str = "13";

pub fn run(data: &[u8]) {
    let [which, how, message @ ..] = data else { return };
    let World { api, .. } = world();
    let method = &api.methods[usize::from(*which) % api.methods.len()];
    if how & FRAMED == 0 {
        decoded(method, message);
    }
    sent(method, *how, message);
}

/// The path by which a method is called.
pub fn path(method: &Method) -> String {
    format!("/{}/{}", world().api.service_name(), method.name)
}

/// The intent of a message; none for the keys of entities, which become one only with those of others.
fn intent(method: &Method, message: &[u8]) -> Result<Option<Intent>, Error> {
    let World { schema, grpc, .. } = world();
    let arguments = grpc.arguments(&path(method), message)?;
    if method.kind.is_of_entities() {
        return Ok(None);
    }
    grpc.intent(schema, &path(method), arguments).map(Some)
}

fn decoded(method: &Method, message: &[u8]) {
    static PLANNER: LazyLock<Planner<'_>> = LazyLock::new(|| Planner::new(&world().schema, world().callers.clone()));
    let found = intent(method, message);
    match &found {
        Ok(Some(intent)) => PLANNER.check(intent),
        Ok(None) => {}
        Err(error) => told(error),
    }
    if world().grpc.arguments(&path(method), message).is_err() {
        return;
    }
    let other = DynamicMessage::decode(descriptor(&method.request), message);
    let other = other.unwrap_or_else(|error| panic!("{} is taken, and elsewhere refused: {error}", method.request));
    assert_eq!(other.unknown_fields().count(), 0, "{other:?}");
    let again = intent(method, &other.encode_to_vec());
    assert_eq!(outcome(&found), outcome(&again), "{} means something else when it is written anew", method.request);
}

/// What was asked, or the code of the refusal. Another implementation writes the fields of a message in an order of its
/// own, and conditions that all have to hold stand in the order of their fields: only what is asked counts.
fn outcome(found: &Result<Option<Intent>, Error>) -> Result<Option<Vec<String>>, Code> {
    let words = |intent: &Intent| {
        let asked = asked(intent);
        let mut words: Vec<String> = asked.split([' ', ',', '(', ')', '[', ']']).map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    match found {
        Ok(intent) => Ok(intent.as_ref().map(words)),
        Err(error) => Err(error.code),
    }
}

fn descriptor(name: &str) -> MessageDescriptor {
    let World { api, descriptors, .. } = world();
    let own = descriptors.get_message_by_name(&format!("{}.{name}", api.package));
    own.or_else(|| descriptors.get_message_by_name(name)).unwrap_or_else(|| panic!("there is no message {name}"))
}

fn sent(method: &Method, how: u8, message: &[u8]) {
    let content = match how & (GZIP | ZSTD) {
        _ if how & (FLAGGED | FRAMED) != FLAGGED => message.to_vec(),
        GZIP => gzip(message),
        ZSTD => zstd::bulk::compress(message, 1).expect("compressed"),
        _ => message.to_vec(),
    };
    let mut body = Vec::new();
    if how & FRAMED == 0 {
        body.push(u8::from(how & FLAGGED != 0));
        body.extend_from_slice(&(content.len() as u32).to_be_bytes());
    }
    body.extend_from_slice(&content);
    let encoding = match how & (GZIP | ZSTD) {
        0 => "identity",
        GZIP => "gzip",
        _ => "zstd",
    };
    let request = Request::post(path(method)).header("content-type", "application/grpc").header("te", "trailers");
    let request = request.header("grpc-encoding", encoding).body(Body::from(body)).expect("a request");
    let World { grpc, engine, callers, .. } = world();
    let (head, sent) = request.into_parts();
    let answered = answer(message.len(), grpc.serve(engine, &callers[1], &head, sent, "fuzzed"));
    let status = answered.trailers.get("grpc-status").or(answered.headers.get("grpc-status"));
    let status = status.unwrap_or_else(|| panic!("there is no status: {answered:?}"));
    assert_ne!(status, INTERNAL, "{answered:?}");
    assert!(answered.status.is_success(), "{answered:?}");
}

fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(message).expect("compressed");
    encoder.finish().expect("compressed")
}
