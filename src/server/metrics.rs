//! `/metrics`: what monitoring reads, in the OpenMetrics format.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use http::{HeaderValue, Response, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::{Service, State, Status};
use crate::breaker::Condition;
use crate::observe::PER_SECOND;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What there is to say at this moment.
pub fn metrics(state: &State) -> Response<Body> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Build));
    registry.register_collector(Box::new(state.metrics.clone()));
    registry.register_collector(Box::new(Now(state.status())));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
    response
}

#[derive(Debug)]
struct Build;

impl Collector for Build {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let grpc = if cfg!(feature = "grpc-transport") { "true" } else { "false" };
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("grpc", grpc)];
        encoder.encode_descriptor("fraiseql_build", "The binary", None, MetricType::Info)?.encode_info(&labels)
    }
}

/// What is not counted but looked at.
struct Now(Arc<Status>);

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let service: Option<&Service> = match &*self.0 {
            Status::Ready(service) => Some(service),
            Status::Unready(_) => None,
        };
        let help = "Whether a schema is served; /ready asks the database too";
        let mut gauge = |name: &str, help: &str, value: i64| {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
        };
        gauge("fraiseql_serving", help, i64::from(service.is_some()))?;
        let Some(service) = service else { return Ok(()) };
        let executor = service.engine.executor();
        let connections = executor.connections();
        for (name, help, value) in [
            ("fraiseql_pool_connections_max", "Connections that there may be ([database] pool_max)", connections.max),
            ("fraiseql_pool_connections", "Connections that are open", connections.open),
            ("fraiseql_pool_connections_idle", "Open connections that nobody uses", connections.idle),
            ("fraiseql_pool_waiting", "Requests that wait for a connection", connections.waiting),
        ] {
            gauge(name, help, i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        let help = "Time until there was a connection; from zero after a reload";
        let family = encoder.encode_descriptor("fraiseql_pool_acquire_seconds", help, None, MetricType::Histogram)?;
        executor.seen().acquire.encode(family, PER_SECOND)?;
        let help =
            "Statements that their connection had prepared already, and that it had not; from zero after a reload";
        let name = "fraiseql_prepared_statement_lookups";
        executor.seen().prepared.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        let help = "Whether entities are answered: 0 closed, 1 open, 2 half-open";
        let name = "fraiseql_federation_circuit_breaker_state";
        let mut states = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (entity, condition) in service.engine.breakers().conditions() {
            let state = match condition {
                Condition::Closed => 0,
                Condition::Open => 1,
                Condition::HalfOpen => 2,
            };
            states.encode_family(&[("entity", entity)])?.encode_gauge(&state)?;
        }
        Ok(())
    }
}
