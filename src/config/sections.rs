//! The sections of `fraiseql.toml` as types: durations, sizes in bytes, closed sets of words.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::problem::Problem;

/// `[project]`
#[derive(Debug, Clone)]
pub struct Project {
    pub name: String,
    pub version: String,
    pub description: Option<String>,
}

/// `[fraiseql]`
#[derive(Debug, Clone)]
pub struct Files {
    pub schema_file: PathBuf,
    pub output_file: PathBuf,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    /// 0 takes a free port.
    pub port: u16,
    /// To the first byte of a stream, to the last of anything else.
    pub request_timeout: Duration,
    pub stream_idle_timeout: Duration,
    pub shutdown_timeout: Duration,
    pub max_body_bytes: usize,
    pub max_response_bytes: usize,
    /// `None` is unlimited.
    pub max_stream_rows: Option<u64>,
    pub body_timeout: Duration,
    pub connections: Connections,
    pub admission: Admission,
    /// `*` allows every origin.
    pub cors_origins: Vec<String>,
    pub tls: Option<Tls>,
}

/// What client connections may do, of `[server]` and `[server.http2]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    pub max: usize,
    pub headers_max: usize,
    pub header_bytes_max: u32,
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    pub tcp_keepalive: Duration,
    /// Requests at the same time on one connection of HTTP/2.
    pub streams_max: u32,
    /// Requests that a client may take back within a second.
    pub resets_max: u32,
}

/// How many requests are answered at the same time, and how others wait, of `[server]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    pub running_max: usize,
    pub queued_max: usize,
    pub queue_timeout: Duration,
}

/// `[server.tls]`
#[derive(Debug, Clone)]
pub struct Tls {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// Always there when the configuration was loaded with `Need::Service`; else the reason why not.
    pub url: Result<Secret, Problem>,
    pub pool_max: usize,
    pub connect_timeout: Duration,
    /// Not for streams.
    pub statement_timeout: Duration,
    pub stream_connections: usize,
    pub ssl_mode: SslMode,
    pub replica_urls: Vec<Secret>,
    pub replica_max_lag: Duration,
    pub prepared_statements: bool,
}

/// How PostgreSQL is spoken to, in the words of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// `[graphql]`
#[derive(Debug, Clone)]
pub struct Graphql {
    pub path: String,
    pub introspection: bool,
    pub playground: bool,
    pub max_depth: usize,
    pub max_complexity: usize,
    pub max_aliases: usize,
    /// `None` is unlimited.
    pub max_page_rows: Option<u64>,
    pub max_document_bytes: usize,
    /// On every wire.
    pub max_filter_conditions: usize,
    /// Requests of one body; `None` where batches are not taken.
    pub batch_requests_max: Option<usize>,
}

/// `[rest]`
#[derive(Debug, Clone)]
pub struct Rest {
    pub enabled: bool,
    pub path: String,
    pub default_page_size: u64,
    pub max_page_size: u64,
    pub etag: bool,
    pub docs: bool,
    pub idempotency_ttl: Duration,
    pub max_bulk_affected: u64,
    pub delete_response: DeleteResponse,
}

/// What DELETE answers without a `Prefer` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteResponse {
    NoContent,
    Entity,
}

/// `[grpc]`
#[derive(Debug, Clone)]
pub struct Grpc {
    pub enabled: bool,
    pub reflection: bool,
    /// `None` derives it from the project's name.
    pub package: Option<String>,
    /// `None` derives it from the project's name.
    pub service: Option<String>,
    pub max_message_bytes: usize,
    pub page_rows: usize,
}

/// `[federation]`. What is `None` is as `schema.json` says.
#[derive(Debug, Clone)]
pub struct Federation {
    pub enabled: Option<bool>,
    pub service_name: Option<String>,
    /// `v2` or `v2.N`
    pub version: Option<String>,
    pub schema_url: Option<String>,
    pub apollo_version: u32,
    pub max_representations: usize,
    pub entities: Vec<Entity>,
    pub breaker: Breaker,
}

/// `[[federation.entities]]`; names are unique.
#[derive(Debug, Clone)]
pub struct Entity {
    pub name: String,
    /// Never empty.
    pub key_fields: Vec<String>,
    /// Where it stands, for [`Config::problem`](super::Config::problem).
    pub path: String,
}

/// `[federation.circuit_breaker]`
#[derive(Debug, Clone)]
pub struct Breaker {
    pub enabled: bool,
    pub thresholds: Thresholds,
    pub per_entity: Vec<EntityBreaker>,
}

/// `[[federation.circuit_breaker.per_database]]`, what it leaves out taken from the section.
#[derive(Debug, Clone)]
pub struct EntityBreaker {
    /// Whether it is an entity is for `compile` to say, which knows those of `schema.json` too.
    pub entity: String,
    pub thresholds: Thresholds,
    /// Where it stands, for [`Config::problem`](super::Config::problem).
    pub path: String,
}

/// When a breaker opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    pub failure_threshold: u32,
    pub recovery_timeout: Duration,
    pub success_threshold: u32,
}

/// `[auth]`
#[derive(Debug, Clone)]
pub struct Auth {
    /// `None`: no token is accepted.
    pub key: Option<TokenKey>,
    pub issuer: Option<String>,
    /// Empty accepts any.
    pub audience: Vec<String>,
    /// Never a mixture of shared secrets and public keys.
    pub algorithms: Vec<Algorithm>,
    pub roles_claim: String,
    pub scope_claim: String,
    pub required: bool,
    pub clock_skew: Duration,
    pub hide_forbidden: bool,
}

/// What the signature of a token is checked with.
#[derive(Debug, Clone)]
pub enum TokenKey {
    Secret(Secret),
    JwksUrl(String),
    PublicKeyFile(PathBuf),
}

/// The `alg` of a token, RFC 7518 section 3.1 and RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// `[[session_variables]]`; names are unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionVariable {
    /// `app.tenant_id`
    pub name: String,
    pub source: VariableSource,
}

/// Where the value of a session variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableSource {
    Claim(String),
    /// In lower case.
    Header(String),
    Value(String),
}

/// `[observers]`, over NATS.
#[derive(Debug, Clone)]
pub struct Observers {
    /// Always there when the configuration was loaded with `Need::Service`; else the reason why not.
    pub nats_url: Result<Secret, Problem>,
    /// `None` derives it from the project's name.
    pub stream: Option<String>,
    pub publish: Vec<Publish>,
    pub subscribe: Vec<Subscribe>,
}

/// `[[observers.publish]]`
#[derive(Debug, Clone)]
pub struct Publish {
    pub entity: String,
    /// Never empty.
    pub operations: Vec<Operation>,
    pub subject: Option<String>,
    /// Where it stands, for [`Config::problem`](super::Config::problem).
    pub path: String,
}

/// What a mutation does to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Custom,
}

/// `[[observers.subscribe]]`
#[derive(Debug, Clone)]
pub struct Subscribe {
    pub subject: String,
    pub function: String,
    /// Where it stands, for [`Config::problem`](super::Config::problem).
    pub path: String,
}

/// `[rate_limit]`
#[derive(Debug, Clone)]
pub struct RateLimit {
    pub requests_per_second: u32,
    pub burst: u32,
    pub key: RateLimitKey,
}

/// What counts as one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitKey {
    Ip,
    Subject,
}

/// `[telemetry]`
#[derive(Debug, Clone)]
pub struct Telemetry {
    pub log: String,
    /// `None`: pretty on a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    pub otlp_endpoint: Option<String>,
    /// Statements of sampled traces say which they belong to.
    pub sql_comment: bool,
    pub server_timing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}

/// A text that does not show when it is printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

// === impl Breaker ===

impl Breaker {
    /// The thresholds of one entity.
    pub fn of(&self, entity: &str) -> Thresholds {
        let own = self.per_entity.iter().find(|breaker| breaker.entity == entity);
        own.map_or(self.thresholds, |breaker| breaker.thresholds)
    }
}

// === impl Secret ===

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
