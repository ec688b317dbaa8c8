//! REST: a request as HTTP/1.1 writes it, less the version: `GET /rest/items?limit=3`, headers, an empty line, a body.
//!
//! A request is refused, or becomes an intent, the same one every time.

use std::sync::LazyLock;

use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, header};
use serde_json::Value as Json;

use super::statement::{Planner, asked, told};
use super::wire::{self, answer};
use super::world::{World, world};

pub fn run(data: &[u8]) {
    let (head, body) = split(data, b"\n\n").unwrap_or((data, b""));
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    intent(&method, target, body);
    let mut request = Request::builder().method(method).uri(target);
    let Some(headers) = request.headers_mut() else { return };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
    let Ok(request) = request.body(Body::from(body.to_vec())) else { return };
    sent(data.len(), request);
}

fn intent(method: &Method, target: &str, body: &[u8]) {
    static PLANNER: LazyLock<Planner<'_>> = LazyLock::new(|| Planner::new(&world().schema, world().callers.clone()));
    let World { schema, rest, .. } = world();
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let ask = || rest.intent(schema, method, target, body.clone());
    match (ask(), ask()) {
        (Ok(first), Ok(again)) => {
            assert_eq!(asked(&first), asked(&again), "another intent at another time");
            PLANNER.check(&first);
        }
        (Err(first), Err(again)) => {
            told(&first);
            assert_eq!((first.code, first.message), (again.code, again.message), "another refusal at another time");
        }
        (first, again) => panic!("another answer at another time: {first:?} {again:?}"),
    }
}

fn sent(bytes: usize, request: Request<Body>) {
    let World { rest, engine, callers, .. } = world();
    let (head, sent) = request.into_parts();
    let answered = answer(bytes, rest.serve(engine, &callers[1], &head, sent, "fuzzed"));
    let Some(json) = answered.json() else { return };
    if !answered.status.is_success() {
        let error = &json["error"];
        wire::error(error["code"].as_str(), error["message"].as_str(), &json);
    }
}

fn split<'d>(data: &'d [u8], at: &[u8]) -> Option<(&'d [u8], &'d [u8])> {
    let found = data.windows(at.len()).position(|window| window == at)?;
    Some((&data[..found], &data[found + at.len()..]))
}
