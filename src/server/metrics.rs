//! `/metrics`: what monitoring reads, in the OpenMetrics format.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Status;
use crate::breaker::Condition;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

const BREAKERS: &str = "fraiseql_federation_circuit_breaker_state";
const BREAKERS_HELP: &str = "Whether entities are answered: 0 closed, 1 open, 2 half-open";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Entity {
    entity: String,
}

/// What there is to say at this moment.
pub fn metrics(status: &Status) -> Response<Body> {
    let mut registry = Registry::default();
    let states = Family::<Entity, Gauge>::default();
    if let Status::Ready(service) = status {
        for (entity, condition) in service.engine.breakers().conditions() {
            let state = match condition {
                Condition::Closed => 0,
                Condition::Open => 1,
                Condition::HalfOpen => 2,
            };
            states.get_or_create(&Entity { entity: entity.to_owned() }).set(state);
        }
    }
    registry.register(BREAKERS, BREAKERS_HELP, states);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
    response
}
