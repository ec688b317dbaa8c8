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
use crate::exec::{Connections, Standing};

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
        let admission = service.engine.admission();
        let limits = admission.limits();
        for (name, help, value) in [
            (
                "fraiseql_admission_running",
                "Requests that have a place, streams until their first row",
                admission.running(),
            ),
            ("fraiseql_admission_running_max", "Places ([server] max_concurrent_requests)", limits.running_max),
            ("fraiseql_admission_queued", "Requests that wait for a place", admission.queued()),
            ("fraiseql_admission_queued_max", "Length of the queue ([server] max_queued_requests)", limits.queued_max),
        ] {
            gauge(name, help, number(value))?;
        }
        databases(service, &mut encoder)?;
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

/// The primary and its replicas. Replicas are told apart by their place in the configuration: two may have one address.
fn databases(service: &Service, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let executor = service.engine.executor();
    let replicas: Vec<(String, Standing)> =
        (1..).zip(executor.replicas()).map(|(n, standing)| (format!("replica-{n}"), standing)).collect();
    let mut servers = vec![("primary", executor.connections())];
    servers.extend(replicas.iter().map(|(server, standing)| (&**server, standing.connections)));
    let mut pool = |name: &str, help: &str, of: fn(&Connections) -> usize| {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        servers.iter().try_for_each(|(server, connections)| {
            family.encode_family(&[("server", *server)])?.encode_gauge(&number(of(connections)))
        })
    };
    pool("fraiseql_pool_connections_max", "Connections that there may be ([database] pool_max)", |all| all.max)?;
    pool("fraiseql_pool_connections", "Connections that are open", |all| all.open)?;
    pool("fraiseql_pool_connections_idle", "Open connections that nobody uses", |all| all.idle)?;
    pool("fraiseql_pool_waiting", "Requests that wait for a connection", |all| all.waiting)?;
    let help = "Whether a replica is read";
    let mut family = encoder.encode_descriptor("fraiseql_replica_fit", help, None, MetricType::Gauge)?;
    for (server, standing) in &replicas {
        let labels = [("server", &**server), ("place", &*standing.place)];
        family.encode_family(&labels)?.encode_gauge(&i64::from(standing.is_fit))?;
    }
    let help = "Bytes of the log that the primary has written and the replica has not replayed";
    let mut family = encoder.encode_descriptor("fraiseql_replica_lag_bytes", help, None, MetricType::Gauge)?;
    for (server, standing) in &replicas {
        if let Some(bytes) = standing.lag_bytes {
            family.encode_family(&[("server", &**server)])?.encode_gauge(&bytes)?;
        }
    }
    Ok(())
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
