//! Numbers of the whole process: added up by requests when they end, written down when monitoring asks.
//!
//! The sets of labels are closed: transports, stages and codes are enums, endpoints and entities are the names of the
//! schema that is served. What a client sends never becomes a label.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;

use super::histogram::{Histogram, PER_SECOND, SHORT_TIMES, SIZES, TIMES};
use crate::error::{Code, Stage};

/// Labels of requests that ask for nothing of the schema, and for several things at once.
pub const NONE: &str = "(none)";
pub const SEVERAL: &str = "(several)";
/// What all wires call the entity layer, and what GraphQL calls a subgraph's description.
pub const ENTITIES: &str = "_entities";
pub const SERVICE: &str = "_service";

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Graphql,
    Rest,
    Grpc,
    /// What operators look at, and paths that no wire has.
    Other,
}

/// Why a request was sent away before it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// Its connection is one more than there may be.
    Connections,
    /// As many were waiting as may.
    QueueFull,
    /// Its turn had not come when the patience of the queue ended.
    QueueTimeout,
}

/// What has been counted.
#[derive(Debug)]
pub struct Metrics {
    endpoints: ArcSwap<Endpoints>,
    in_flight: [AtomicI64; Transport::ALL.len()],
    rows: [AtomicU64; Transport::ALL.len()],
    bytes: [AtomicU64; Transport::ALL.len()],
    stages: [Histogram; Stage::ALL.len()],
    shed: [AtomicU64; Shed::ALL.len()],
    plans: Lookups,
    prepared: Lookups,
    /// Times until there was a connection to the database.
    acquired: Histogram,
}

/// How often a cache had what was looked for.
#[derive(Debug, Default)]
struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The labels of the schema that is served; looked up, never added to.
#[derive(Debug)]
struct Endpoints {
    by_name: HashMap<Box<str>, Arc<Endpoint>, ahash::RandomState>,
    none: Arc<Endpoint>,
    several: Arc<Endpoint>,
    /// Sizes of batches.
    entities: HashMap<Box<str>, Arc<Histogram>, ahash::RandomState>,
}

/// What was asked of one query or mutation.
#[derive(Debug)]
pub struct Endpoint {
    pub name: Box<str>,
    asked: [Asked; Transport::ALL.len()],
}

#[derive(Debug)]
struct Asked {
    times: Histogram,
    errors: [AtomicU64; Code::ALL.len()],
}

/// The codes of the errors that one request was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes(pub u32);

// === impl Transport ===

impl Transport {
    pub const ALL: [Transport; 4] = [Transport::Graphql, Transport::Rest, Transport::Grpc, Transport::Other];

    pub fn name(self) -> &'static str {
        match self {
            Transport::Graphql => "graphql",
            Transport::Rest => "rest",
            Transport::Grpc => "grpc",
            Transport::Other => "other",
        }
    }
}

// === impl Shed ===

impl Shed {
    pub const ALL: [Shed; 3] = [Shed::Connections, Shed::QueueFull, Shed::QueueTimeout];

    pub fn name(self) -> &'static str {
        match self {
            Shed::Connections => "connections",
            Shed::QueueFull => "queue_full",
            Shed::QueueTimeout => "queue_timeout",
        }
    }
}

// === impl Codes ===

impl Codes {
    pub fn bit(code: Code) -> u32 {
        1 << code as u32
    }

    pub fn iter(self) -> impl Iterator<Item = Code> {
        Code::ALL.into_iter().filter(move |code| self.0 & Codes::bit(*code) != 0)
    }
}

// === impl Lookups ===

impl Lookups {
    fn found(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn encode(&self, mut family: MetricEncoder<'_>) -> fmt::Result {
        for (result, counter) in [("hit", &self.hits), ("miss", &self.misses)] {
            let count = counter.load(Ordering::Relaxed);
            family.encode_family(&[("result", result)])?.encode_counter::<NoLabels, _, u64>(&count, None)?;
        }
        Ok(())
    }
}

// === impl Endpoint ===

impl Endpoint {
    fn new(name: &str) -> Arc<Endpoint> {
        let asked = || Asked { times: Histogram::new(TIMES), errors: [const { AtomicU64::new(0) }; Code::ALL.len()] };
        Arc::new(Endpoint { name: name.into(), asked: std::array::from_fn(|_| asked()) })
    }

    pub fn answered(&self, transport: Transport, nanos: u64, codes: Codes) {
        let asked = &self.asked[transport as usize];
        asked.times.record(nanos);
        if codes.0 != 0 {
            for code in codes.iter() {
                asked.errors[code as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            endpoints: ArcSwap::from_pointee(Endpoints::new(None, std::iter::empty(), std::iter::empty())),
            in_flight: [const { AtomicI64::new(0) }; Transport::ALL.len()],
            rows: [const { AtomicU64::new(0) }; Transport::ALL.len()],
            bytes: [const { AtomicU64::new(0) }; Transport::ALL.len()],
            stages: std::array::from_fn(|_| Histogram::new(SHORT_TIMES)),
            shed: [const { AtomicU64::new(0) }; Shed::ALL.len()],
            plans: Lookups::default(),
            prepared: Lookups::default(),
            acquired: Histogram::new(SHORT_TIMES),
        }
    }
}

impl Metrics {
    /// Takes over the names of a schema. What both the old one and this one have counts on.
    pub fn serves<'n>(&self, endpoints: impl Iterator<Item = &'n str>, entities: impl Iterator<Item = &'n str>) {
        let before = self.endpoints.load();
        self.endpoints.store(Arc::new(Endpoints::new(Some(&before), endpoints, entities)));
    }

    /// The endpoint of a name of the schema; `None` where the schema has no such name.
    pub fn endpoint(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.load().by_name.get(name).cloned()
    }

    pub fn no_endpoint(&self) -> Arc<Endpoint> {
        self.endpoints.load().none.clone()
    }

    pub fn several_endpoints(&self) -> Arc<Endpoint> {
        self.endpoints.load().several.clone()
    }

    pub fn begun(&self, transport: Transport) {
        self.in_flight[transport as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn ended(&self, transport: Transport, rows: u64, bytes: u64) {
        self.in_flight[transport as usize].fetch_sub(1, Ordering::Relaxed);
        self.rows[transport as usize].fetch_add(rows, Ordering::Relaxed);
        self.bytes[transport as usize].fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn took(&self, stage: Stage, nanos: u64) {
        self.stages[stage as usize].record(nanos);
    }

    pub fn shed(&self, why: Shed) {
        self.shed[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a statement was known, or had to be planned.
    pub fn planned(&self, is_known: bool) {
        self.plans.found(is_known);
    }

    /// Whether a connection had a statement prepared.
    pub fn prepared(&self, is_known: bool) {
        self.prepared.found(is_known);
    }

    /// There is a connection to the database, or none could be had.
    pub fn acquired(&self, nanos: u64) {
        self.acquired.record(nanos);
    }

    /// So many keys of an entity were asked together.
    pub fn batch(&self, entity: &str, size: usize) {
        if let Some(sizes) = self.endpoints.load().entities.get(entity) {
            sizes.record(size as u64);
        }
    }
}

// === impl Endpoints ===

impl Endpoints {
    fn new<'n>(
        before: Option<&Endpoints>,
        endpoints: impl Iterator<Item = &'n str>,
        entities: impl Iterator<Item = &'n str>,
    ) -> Endpoints {
        let endpoint = |name: &str| {
            let known = before.and_then(|before| before.by_name.get(name)).cloned();
            known.unwrap_or_else(|| Endpoint::new(name))
        };
        let sizes = |name: &str| {
            let known = before.and_then(|before| before.entities.get(name)).cloned();
            known.unwrap_or_else(|| Arc::new(Histogram::new(SIZES)))
        };
        Endpoints {
            by_name: endpoints.chain([ENTITIES, SERVICE]).map(|name| (name.into(), endpoint(name))).collect(),
            none: before.map_or_else(|| Endpoint::new(NONE), |before| before.none.clone()),
            several: before.map_or_else(|| Endpoint::new(SEVERAL), |before| before.several.clone()),
            entities: entities.map(|name| (name.into(), sizes(name))).collect(),
        }
    }

    /// In the order of their names.
    fn all(&self) -> Vec<&Endpoint> {
        let mut all: Vec<&Endpoint> = self.by_name.values().map(|endpoint| &**endpoint).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all.extend([&*self.none, &*self.several]);
        all
    }
}

type NoLabels = prometheus_client::encoding::NoLabelSet;

impl Collector for Metrics {
    /// Endpoints appear with the first request on a transport: most are asked on one of them.
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let endpoints = self.endpoints.load();
        let all = endpoints.all();
        let asked = || {
            let pairs = all.iter().flat_map(|endpoint| {
                Transport::ALL
                    .iter()
                    .map(move |transport| (*endpoint, *transport, &endpoint.asked[*transport as usize]))
            });
            pairs.filter(|(_, _, asked)| asked.times.count() > 0)
        };
        let mut family =
            |name: &str, help: &str, kind: MetricType, write: &mut dyn FnMut(MetricEncoder<'_>) -> fmt::Result| {
                write(encoder.encode_descriptor(name, help, None, kind)?)
            };

        family("fraiseql_requests", "Requests that were answered", MetricType::Counter, &mut |mut family| {
            for (endpoint, transport, asked) in asked() {
                let labels = [("transport", transport.name()), ("endpoint", &*endpoint.name)];
                family.encode_family(&labels)?.encode_counter::<NoLabels, _, u64>(&asked.times.count(), None)?;
            }
            Ok(())
        })?;
        let help = "Time to answer a request, of a stream until its end";
        family("fraiseql_request_duration_seconds", help, MetricType::Histogram, &mut |mut family| {
            for (endpoint, transport, asked) in asked() {
                let labels = [("transport", transport.name()), ("endpoint", &*endpoint.name)];
                asked.times.encode(family.encode_family(&labels)?, PER_SECOND)?;
            }
            Ok(())
        })?;
        let help = "Requests that were answered with an error of this code";
        family("fraiseql_request_errors", help, MetricType::Counter, &mut |mut family| {
            for (endpoint, transport, asked) in asked() {
                for code in Code::ALL {
                    let count = asked.errors[code as usize].load(Ordering::Relaxed);
                    if count > 0 {
                        let pair = [("transport", transport.name()), ("endpoint", &*endpoint.name)];
                        let labels = [pair[0], pair[1], ("code", code.name())];
                        family.encode_family(&labels)?.encode_counter::<NoLabels, _, u64>(&count, None)?;
                    }
                }
            }
            Ok(())
        })?;
        family(
            "fraiseql_requests_in_flight",
            "Requests that are being answered",
            MetricType::Gauge,
            &mut |mut family| {
                for transport in Transport::ALL {
                    let count = self.in_flight[transport as usize].load(Ordering::Relaxed);
                    family.encode_family(&[("transport", transport.name())])?.encode_gauge(&count)?;
                }
                Ok(())
            },
        )?;
        let sums = [
            ("fraiseql_rows", "Rows that were read from the database", &self.rows),
            ("fraiseql_response_bytes", "Bytes of the bodies of answers", &self.bytes),
        ];
        for (name, help, sums) in sums {
            family(name, help, MetricType::Counter, &mut |mut family| {
                for transport in Transport::ALL {
                    let sum = sums[transport as usize].load(Ordering::Relaxed);
                    let labels = [("transport", transport.name())];
                    family.encode_family(&labels)?.encode_counter::<NoLabels, _, u64>(&sum, None)?;
                }
                Ok(())
            })?;
        }
        let help = "Time of one stage of a request; encode includes the wait for rows that are still coming";
        family("fraiseql_stage_duration_seconds", help, MetricType::Histogram, &mut |mut family| {
            for stage in Stage::ALL {
                let labels = [("stage", stage.name())];
                self.stages[stage as usize].encode(family.encode_family(&labels)?, PER_SECOND)?;
            }
            Ok(())
        })?;
        let help = "Requests that were sent away because there were too many";
        family("fraiseql_requests_shed", help, MetricType::Counter, &mut |mut family| {
            for why in Shed::ALL {
                let count = self.shed[why as usize].load(Ordering::Relaxed);
                let labels = [("reason", why.name())];
                family.encode_family(&labels)?.encode_counter::<NoLabels, _, u64>(&count, None)?;
            }
            Ok(())
        })?;
        for (name, help, lookups) in [
            ("fraiseql_plan_cache_lookups", "Statements that were planned already, and that were not", &self.plans),
            (
                "fraiseql_prepared_statement_lookups",
                "Statements that their connection had prepared already, and that it had not",
                &self.prepared,
            ),
        ] {
            family(name, help, MetricType::Counter, &mut |family| lookups.encode(family))?;
        }
        let help = "Time until there was a connection to the database";
        family("fraiseql_pool_acquire_seconds", help, MetricType::Histogram, &mut |family| {
            self.acquired.encode(family, PER_SECOND)
        })?;
        let help = "Keys of entities that were asked for together";
        family("fraiseql_entity_batch_size", help, MetricType::Histogram, &mut |mut family| {
            let mut entities: Vec<_> = endpoints.entities.iter().collect();
            entities.sort_by(|one, other| one.0.cmp(other.0));
            for (entity, sizes) in entities {
                sizes.encode(family.encode_family(&[("entity", &**entity)])?, 1.0)?;
            }
            Ok(())
        })
    }
}
