//! `grpc.health.v1`: whether the service can answer, looked at when somebody asks, and now and then for whoever watches.
//!
//! The same question as `/ready`. It belongs to the process and not to a schema, so that it is answered before there is
//! one, and a stream of it ends when the server drains.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::Stream;
use futures_util::stream::unfold;
use http::{Request, Response};
use tokio::sync::watch;
use tonic::body::Body as TonicBody;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::ServiceExt;

use super::{State, Status};

/// How often a watcher's answer is looked at again.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// Answers a request for the health service.
pub async fn answer(state: Arc<State>, stopped: watch::Receiver<bool>, request: Request<Body>) -> Response<Body> {
    let served = HealthServer::new(Probe { state, stopped }).oneshot(request.map(TonicBody::new)).await;
    served.map_or_else(|never| match never {}, |response| response.map(Body::new))
}

#[derive(Clone)]
struct Probe {
    state: Arc<State>,
    stopped: watch::Receiver<bool>,
}

impl Probe {
    /// The overall status without a name; `None` for a service that is not here.
    async fn status(&self, name: &str) -> Option<ServingStatus> {
        if *self.stopped.borrow() {
            return Some(ServingStatus::NotServing);
        }
        let status = self.state.status();
        let service = match &*status {
            Status::Ready(service) => service,
            Status::Unready(_) => return Some(ServingStatus::NotServing),
        };
        let own = service.faces.whole().grpc.as_ref().map(|grpc| grpc.service_name());
        if !name.is_empty() && own.is_none_or(|own| own != name) {
            return None;
        }
        let patience = service.config.server.request_timeout;
        let answered = tokio::time::timeout(patience, service.engine.executor().ping()).await;
        Some(if matches!(answered, Ok(Ok(()))) { ServingStatus::Serving } else { ServingStatus::NotServing })
    }

    /// Waits until it is worth looking again; false when the server stops.
    async fn pause(&mut self) -> bool {
        tokio::select! {
            () = tokio::time::sleep(WATCH_INTERVAL) => true,
            _ = self.stopped.changed() => false,
        }
    }
}

#[tonic::async_trait]
impl Health for Probe {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, tonic::Status>> + Send>>;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, tonic::Status> {
        let name = request.into_inner().service;
        match self.status(&name).await {
            Some(status) => Ok(tonic::Response::new(said(status))),
            None => Err(tonic::Status::not_found(format!("there is no service {name}"))),
        }
    }

    async fn watch(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, tonic::Status> {
        let name = request.into_inner().service;
        // What was said last; `None` before the first word and after the last.
        let begun = (self.clone(), Some(ServingStatus::Unknown));
        let told = unfold(begun, move |(mut probe, last)| {
            let name = name.clone();
            async move {
                let last = last?;
                while last == ServingStatus::Unknown || probe.pause().await {
                    let now = probe.status(&name).await.unwrap_or(ServingStatus::ServiceUnknown);
                    if now != last {
                        return Some((Ok(said(now)), (probe, Some(now))));
                    }
                }
                Some((Ok(said(ServingStatus::NotServing)), (probe, None)))
            }
        });
        Ok(tonic::Response::new(Box::pin(told)))
    }
}

fn said(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
