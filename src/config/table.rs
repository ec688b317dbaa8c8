//! Every key that `fraiseql.toml` may hold, as data.
//!
//! One row says where a key stands, what it takes, what holds without it and what it is for. Reading,
//! the environment, `--print-config`, the checks and docs/configuration.md all walk these rows, so a
//! key that is missing here exists nowhere, and a key that is here is documented.

use super::check;
use super::defaults;
use super::keys::{Fallback, Key, Kind, Secrecy, Section};

const fn key(path: &'static str, kind: Kind, fallback: Fallback, doc: &'static str) -> Key {
    Key { path, kind, fallback, doc, secrecy: Secrecy::Open }
}

const fn unset(means: &'static str, example: &'static str) -> Fallback {
    Fallback::Unset { means, example }
}

const ANY: Kind = Kind::Text(check::any);
const NAME: Kind = Kind::Text(check::not_empty);
const IDENTIFIER: Kind = Kind::Text(check::identifier);
const ROUTE: Kind = Kind::Text(check::route);
/// PostgreSQL and the timers of the system count milliseconds in 31 bits.
const MILLISECONDS: Kind = Kind::Integer { min: 1, max: i32::MAX as u64 };
const SECONDS: Kind = Kind::Integer { min: 1, max: i32::MAX as u64 };
const SECONDS_OR_NONE: Kind = Kind::Integer { min: 0, max: i32::MAX as u64 };
const COUNT: Kind = Kind::Integer { min: 1, max: u32::MAX as u64 };
const COUNT_OR_NONE: Kind = Kind::Integer { min: 0, max: u32::MAX as u64 };
/// hyper reads heads of HTTP/1.1 into a buffer of 8 KiB at least.
const HEAD_BYTES: Kind = Kind::Integer { min: 8192, max: 1 << 20 };
const BYTES: Kind = Kind::Integer { min: 1024, max: u32::MAX as u64 };
const CONNECTIONS: Kind = Kind::Integer { min: 1, max: 10_000 };
const POSTGRES: &[&str] = &["postgres", "postgresql"];
const HTTP: &[&str] = &["http", "https"];
const NATS: &[&str] = &["nats", "tls", "ws", "wss"];

/// The signatures a token may carry; `none` is not among them.
pub const ALGORITHMS: &[&str] =
    &["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
pub const OPERATIONS: &[&str] = &["create", "update", "delete", "custom"];
pub const SSL_MODES: &[&str] = &["disable", "prefer", "require", "verify-ca", "verify-full"];

const BREAKER: &str = "the value of [federation.circuit_breaker]";

/// The sections in the order in which they are printed and documented.
pub const SECTIONS: &[Section] = &[
    Section { path: "project", doc: "What the service is called." },
    Section { path: "fraiseql", doc: "The files that `fraiseql compile` reads and writes." },
    Section { path: "server", doc: "The one port that serves every wire." },
    Section { path: "server.http2", doc: "What one connection of HTTP/2 may do." },
    Section { path: "server.cors", doc: "Which web pages may call the service." },
    Section { path: "server.tls", doc: "TLS on the port; both files or none." },
    Section { path: "database", doc: "The one PostgreSQL, version 14 to 18." },
    Section { path: "graphql", doc: "GraphQL over HTTP." },
    Section { path: "rest", doc: "The REST routes that are derived from the schema." },
    Section { path: "grpc", doc: "gRPC on the same port, in a binary built with `--features grpc-transport`." },
    Section { path: "federation", doc: "Apollo Federation v2; what `schema.json` says holds where this is silent." },
    Section { path: "federation.entities[]", doc: "A type that other subgraphs may refer to by its key." },
    Section { path: "federation.circuit_breaker", doc: "The circuit breaker that each entity has." },
    Section { path: "federation.circuit_breaker.per_database[]", doc: "Other thresholds for one entity." },
    Section { path: "auth", doc: "How bearer tokens are checked. At most one of the three keys." },
    Section {
        path: "session_variables[]",
        doc: "Set transaction-locally before every statement, for row-level security. Exactly one of `claim`, \
              `header` and `value`; a variable whose claim or header is absent is set to the empty string.",
    },
    Section { path: "observers", doc: "Events to and from NATS. The section's presence switches it on." },
    Section { path: "observers.publish[]", doc: "Events that leave after a mutation has committed." },
    Section { path: "observers.subscribe[]", doc: "Events that call a function of this service's database." },
    Section { path: "rate_limit", doc: "Off unless `requests_per_second` is set." },
    Section { path: "telemetry", doc: "Logs and traces; metrics are always at `/metrics`." },
];

/// The keys, grouped by section in the order of [`SECTIONS`].
pub const KEYS: &[Key] = &[
    key(
        "project.name",
        Kind::Text(check::project_name),
        Fallback::Text("app"),
        "The service's name; the gRPC package and service are named after it.",
    ),
    key("project.version", NAME, Fallback::Text("0.1.0"), "The service's version, shown in OpenAPI."),
    key(
        "project.description",
        ANY,
        unset("no description", "\"Users and their orders\""),
        "One line, shown in OpenAPI and on the docs page.",
    ),
    key("fraiseql.schema_file", Kind::File, Fallback::Text("schema.json"), "What the authoring package exported."),
    key(
        "fraiseql.output_file",
        Kind::File,
        Fallback::Text("schema.compiled.json"),
        "What `compile` writes and `run` serves.",
    ),
    key("server.host", Kind::Text(check::host), Fallback::Text("0.0.0.0"), "The address to listen on."),
    key(
        "server.port",
        Kind::Integer { min: 0, max: 65_535 },
        Fallback::Integer(8080),
        "The TCP port; 0 takes a free one.",
    ),
    key(
        "server.request_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(30_000),
        "The longest a request may take, for a stream until its first byte.",
    ),
    key(
        "server.stream_idle_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(60_000),
        "The longest a stream may wait for its reader.",
    ),
    key(
        "server.shutdown_timeout_secs",
        SECONDS_OR_NONE,
        Fallback::Integer(30),
        "How long requests in flight may go on after SIGTERM.",
    ),
    key(
        "server.max_body_bytes",
        BYTES,
        Fallback::Integer(1 << 20),
        "The largest request body; a gRPC stream is bounded by message instead.",
    ),
    key(
        "server.max_response_bytes",
        BYTES,
        Fallback::Integer(64 << 20),
        "The largest answer that is held in memory; streams are not.",
    ),
    key(
        "server.max_stream_rows",
        COUNT_OR_NONE,
        Fallback::Integer(0),
        "The most rows of NDJSON, CSV or a gRPC stream; 0 is unlimited.",
    ),
    key("server.max_headers", COUNT, Fallback::Integer(100), "The most headers of a request."),
    key(
        "server.max_header_bytes",
        HEAD_BYTES,
        Fallback::Integer(32 << 10),
        "The largest head of a request: its target and headers.",
    ),
    key(
        "server.header_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(10_000),
        "The longest the head of a request, or the handshake of TLS, may take to arrive.",
    ),
    key(
        "server.body_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(20_000),
        "The longest a body may take to arrive; streams of gRPC are exempt.",
    ),
    key(
        "server.idle_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(75_000),
        "How long a connection stays open without a request.",
    ),
    key(
        "server.tcp_keepalive_secs",
        Kind::Integer { min: 1, max: 32_767 },
        Fallback::Integer(60),
        "How long a connection is silent before TCP asks whether the client is still there.",
    ),
    key(
        "server.max_connections",
        Kind::Integer { min: 1, max: 1_000_000 },
        Fallback::Integer(10_000),
        "The most client connections; what is served on more of them is `/health`, `/ready` and `/metrics` only.",
    ),
    key(
        "server.max_concurrent_requests",
        COUNT,
        Fallback::Computed {
            says: "16 × `database.pool_max`, at least 128",
            example: "256",
            compute: defaults::max_concurrent_requests,
        },
        "The most requests that are answered at the same time; others wait.",
    ),
    key(
        "server.max_queued_requests",
        COUNT_OR_NONE,
        Fallback::Integer(1_000),
        "The most requests that wait for their turn; more are refused with 503.",
    ),
    key(
        "server.queue_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(1_000),
        "The longest a request waits for its turn before it is refused with 503.",
    ),
    key("server.http2.max_streams", COUNT, Fallback::Integer(200), "The most requests at the same time."),
    key(
        "server.http2.max_resets",
        COUNT,
        Fallback::Integer(100),
        "The most requests that a client may take back within a second; more end the connection.",
    ),
    key(
        "server.cors.origins",
        Kind::List(&Kind::Text(check::origin)),
        Fallback::EmptyList("[\"https://app.example.com\"]"),
        "Origins that browsers may call from; `\"*\"` for all.",
    ),
    key("server.tls.cert_file", Kind::File, unset("no TLS", "\"tls/cert.pem\""), "The certificate chain in PEM."),
    key("server.tls.key_file", Kind::File, unset("no TLS", "\"tls/key.pem\""), "The private key in PEM."),
    key(
        "database.url",
        Kind::Url(POSTGRES),
        unset("the variable `DATABASE_URL`", "\"${DATABASE_URL}\""),
        "Where PostgreSQL is; `run` refuses to start without it.",
    )
    .secrecy(Secrecy::Credentials),
    key(
        "database.pool_max",
        CONNECTIONS,
        Fallback::Computed { says: "2 × cores + 4, at least 10", example: "20", compute: defaults::pool_max },
        "The most connections to PostgreSQL, and to each replica.",
    ),
    key(
        "database.connect_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(5_000),
        "The longest a request waits for a connection.",
    ),
    key(
        "database.statement_timeout_ms",
        MILLISECONDS,
        Fallback::Integer(30_000),
        "The longest a statement may run; streams are exempt.",
    ),
    key(
        "database.stream_connections",
        CONNECTIONS,
        Fallback::Computed { says: "half of `pool_max`", example: "10", compute: defaults::stream_connections },
        "The most connections that streams may hold at once.",
    ),
    key("database.ssl_mode", Kind::Word(SSL_MODES), Fallback::Text("prefer"), "TLS to PostgreSQL, as libpq means it."),
    key(
        "database.replica_urls",
        Kind::List(&Kind::Url(POSTGRES)),
        Fallback::EmptyList("[\"${REPLICA_URL}\"]"),
        "Standbys that reads may go to; writes go to `url`, and so do reads with `Prefer: read=primary`.",
    )
    .secrecy(Secrecy::Credentials),
    key(
        "database.replica_max_lag_ms",
        Kind::Integer { min: 1, max: 3_600_000 },
        Fallback::Integer(5_000),
        "How far a replica may be behind; one that is further is not read.",
    ),
    key(
        "database.prepared_statements",
        Kind::Bool,
        Fallback::Bool(true),
        "`false` behind a PgBouncer in transaction mode that keeps none (`max_prepared_statements`, from 1.21).",
    ),
    key("graphql.path", ROUTE, Fallback::Text("/graphql"), "Where GraphQL is served."),
    key(
        "graphql.introspection",
        Kind::Bool,
        Fallback::InDev,
        "Answer `__schema` and `__type`; `_service` is always answered.",
    ),
    key("graphql.playground", Kind::Bool, Fallback::InDev, "Serve GraphiQL to browsers at the same path."),
    key("graphql.max_depth", COUNT, Fallback::Integer(15), "The deepest selection."),
    key(
        "graphql.max_complexity",
        COUNT,
        Fallback::Integer(10_000),
        "The most selected fields after fragments are expanded; lists do not multiply.",
    ),
    key("graphql.max_aliases", COUNT, Fallback::Integer(50), "The most aliases in a document."),
    key("graphql.max_page_rows", COUNT_OR_NONE, Fallback::Integer(0), "The most rows of a root list; 0 is unlimited."),
    key(
        "graphql.max_document_bytes",
        BYTES,
        Fallback::Integer(256 << 10),
        "The longest document, by itself or behind a hash.",
    ),
    key(
        "graphql.max_filter_conditions",
        COUNT,
        Fallback::Integer(2_000),
        "The most conditions in the filters of a request, on every wire.",
    ),
    key("graphql.batching", Kind::Bool, Fallback::Bool(false), "Accept an array of requests in one body."),
    key("graphql.max_batch_requests", COUNT, Fallback::Integer(100), "The most requests of such an array."),
    key("rest.enabled", Kind::Bool, Fallback::Bool(true), "Serve REST."),
    key("rest.path", ROUTE, Fallback::Text("/rest"), "The prefix of every route."),
    key("rest.default_page_size", COUNT, Fallback::Integer(20), "Rows of a JSON page without `?limit`."),
    key(
        "rest.max_page_size",
        COUNT,
        Fallback::Integer(100),
        "The largest `?limit` of a JSON page; NDJSON and CSV have none.",
    ),
    key("rest.etag", Kind::Bool, Fallback::Bool(true), "Send `ETag` and answer `If-None-Match`."),
    key("rest.docs", Kind::Bool, Fallback::InDev, "Serve the docs page under `docs`."),
    key(
        "rest.idempotency_ttl_secs",
        SECONDS,
        Fallback::Integer(86_400),
        "How long an `Idempotency-Key` is remembered.",
    ),
    key(
        "rest.max_bulk_affected",
        COUNT,
        Fallback::Integer(1_000),
        "The most rows that a bulk update or delete may touch.",
    ),
    key(
        "rest.delete_response",
        Kind::Word(&["no_content", "entity"]),
        Fallback::Text("no_content"),
        "What DELETE answers: 204, or 200 with the deleted entity.",
    ),
    key(
        "grpc.enabled",
        Kind::Bool,
        Fallback::Computed { says: "true when built in", example: "true", compute: defaults::grpc_enabled },
        "Serve gRPC.",
    ),
    key("grpc.reflection", Kind::Bool, Fallback::Bool(true), "Answer server reflection."),
    key(
        "grpc.package",
        Kind::Text(check::proto_package),
        unset("`project.name` in snake case + `.v1`", "\"user_service.v1\""),
        "The protobuf package.",
    ),
    key(
        "grpc.service",
        IDENTIFIER,
        unset("`project.name` in Pascal case, ending in `Service`", "\"UserService\""),
        "The gRPC service.",
    ),
    key("grpc.max_message_bytes", BYTES, Fallback::Integer(4 << 20), "The largest message, in and out."),
    key("grpc.page_rows", COUNT, Fallback::Integer(500), "Rows in a message of a `…Pages` stream."),
    key(
        "federation.enabled",
        Kind::Bool,
        unset("as `schema.json` says", "true"),
        "Be a subgraph: answer `_service` and `_entities`.",
    ),
    key(
        "federation.service_name",
        NAME,
        unset("as `schema.json` says, else `project.name`", "\"user-service\""),
        "The subgraph's name.",
    ),
    key(
        "federation.version",
        Kind::Text(check::federation_version),
        unset("as `schema.json` says", "\"v2\""),
        "The version of the federation specification to link, `v2` or `v2.N`.",
    ),
    key(
        "federation.schema_url",
        Kind::Url(HTTP),
        unset("the published specification of `version`", "\"https://specs.apollo.dev/federation/v2.3\""),
        "The URL that `@link` names.",
    ),
    key(
        "federation.apollo_version",
        Kind::Integer { min: 2, max: 2 },
        Fallback::Integer(2),
        "The major version of Apollo Federation.",
    ),
    key(
        "federation.max_representations",
        COUNT,
        Fallback::Integer(10_000),
        "The most representations in one `_entities`; such a body may exceed `server.max_body_bytes`.",
    ),
    key("federation.entities[].name", IDENTIFIER, Fallback::Required { example: "\"User\"" }, "The type."),
    key(
        "federation.entities[].key_fields",
        Kind::List(&NAME),
        Fallback::Required { example: "[\"id\"]" },
        "The fields that together are its key.",
    ),
    key("federation.circuit_breaker.enabled", Kind::Bool, Fallback::Bool(true), "Guard entities."),
    key(
        "federation.circuit_breaker.failure_threshold",
        COUNT,
        Fallback::Integer(5),
        "Consecutive failures that open it.",
    ),
    key(
        "federation.circuit_breaker.recovery_timeout_secs",
        SECONDS,
        Fallback::Integer(30),
        "How long it stays open before one probe is let through.",
    ),
    key(
        "federation.circuit_breaker.success_threshold",
        COUNT,
        Fallback::Integer(2),
        "Successful probes that close it.",
    ),
    key(
        "federation.circuit_breaker.per_database[].database",
        IDENTIFIER,
        Fallback::Required { example: "\"Order\"" },
        "The name of the federation entity.",
    ),
    key(
        "federation.circuit_breaker.per_database[].failure_threshold",
        COUNT,
        unset(BREAKER, "3"),
        "Consecutive failures that open it.",
    ),
    key(
        "federation.circuit_breaker.per_database[].recovery_timeout_secs",
        SECONDS,
        unset(BREAKER, "60"),
        "How long it stays open before one probe is let through.",
    ),
    key(
        "federation.circuit_breaker.per_database[].success_threshold",
        COUNT,
        unset(BREAKER, "1"),
        "Successful probes that close it.",
    ),
    key(
        "auth.jwt_secret",
        NAME,
        unset("no shared secret", "\"${JWT_SECRET}\""),
        "The secret of tokens signed with HS256, HS384 or HS512: at least 32, 48 or 64 bytes.",
    )
    .secrecy(Secrecy::Secret),
    key(
        "auth.jwks_url",
        Kind::Url(HTTP),
        unset("no key set", "\"https://login.example.com/.well-known/jwks.json\""),
        "Where the issuer publishes its keys as a JWK set; fetched ahead, and again when a token names a new one.",
    )
    .secrecy(Secrecy::Credentials),
    key(
        "auth.public_key_file",
        Kind::File,
        unset("no key file", "\"keys/issuer.pem\""),
        "The issuer's public key in PEM.",
    ),
    key(
        "auth.issuer",
        NAME,
        unset("any issuer", "\"https://login.example.com/\""),
        "The `iss` that a token must carry.",
    ),
    key(
        "auth.audience",
        Kind::OneOrMore(&NAME),
        Fallback::EmptyList("[\"shop\"]"),
        "A token's `aud` must hold one of these; empty accepts any.",
    ),
    key(
        "auth.algorithms",
        Kind::List(&Kind::Word(ALGORITHMS)),
        Fallback::Computed {
            says: "`[\"HS256\"]` with `jwt_secret`, else `[\"RS256\", \"ES256\", \"EdDSA\"]`",
            example: "[\"RS256\"]",
            compute: defaults::algorithms,
        },
        "The signatures that are accepted.",
    ),
    key(
        "auth.roles_claim",
        NAME,
        Fallback::Text("roles"),
        "The claim that holds the caller's roles: a list, or words. Dots lead into nested claims.",
    ),
    key(
        "auth.scope_claim",
        NAME,
        Fallback::Text("scope"),
        "The claim that holds the caller's scopes: a list, or words. Dots lead into nested claims.",
    ),
    key(
        "auth.required",
        Kind::Bool,
        Fallback::Bool(false),
        "Refuse requests without a token, all but `/health` and `/ready`.",
    ),
    key(
        "auth.clock_skew_secs",
        Kind::Integer { min: 0, max: 3_600 },
        Fallback::Integer(30),
        "How far the issuer's clock may be off.",
    ),
    key(
        "auth.hide_forbidden",
        Kind::Bool,
        Fallback::Bool(false),
        "Do not let a caller learn that something exists which it may not see.",
    ),
    key(
        "session_variables[].name",
        Kind::Text(check::setting_name),
        Fallback::Required { example: "\"app.tenant_id\"" },
        "The setting, read in SQL with `current_setting('app.tenant_id', true)`.",
    ),
    key("session_variables[].claim", NAME, unset("not from the token", "\"tenant_id\""), "A claim of the token."),
    key(
        "session_variables[].header",
        Kind::Text(check::header),
        unset("not from a header", "\"x-tenant-id\""),
        "A header of the request.",
    ),
    key("session_variables[].value", ANY, unset("not fixed", "\"main\""), "A fixed text."),
    key("observers.backend", Kind::Word(&["nats"]), Fallback::Text("nats"), "What carries the events."),
    key(
        "observers.nats_url",
        Kind::Url(NATS),
        unset("refused when the section is there", "\"${NATS_URL}\""),
        "Where NATS is.",
    )
    .secrecy(Secrecy::Credentials),
    key(
        "observers.stream",
        Kind::Text(check::stream_name),
        unset("`project.name`", "\"orders\""),
        "The JetStream stream.",
    ),
    key(
        "observers.publish[].entity",
        IDENTIFIER,
        Fallback::Required { example: "\"Order\"" },
        "The type whose mutations are published.",
    ),
    key(
        "observers.publish[].operations",
        Kind::List(&Kind::Word(OPERATIONS)),
        Fallback::EmptyList("[\"create\", \"update\"]"),
        "Which mutations; empty is all.",
    ),
    key(
        "observers.publish[].subject",
        Kind::Text(check::subject),
        unset("stream, entity and operation, joined by dots", "\"orders.created\""),
        "The subject to publish to.",
    ),
    key(
        "observers.subscribe[].subject",
        Kind::Text(check::subject),
        Fallback::Required { example: "\"users.*\"" },
        "The subject to listen to; `*` and `>` as in NATS.",
    ),
    key(
        "observers.subscribe[].function",
        NAME,
        Fallback::Required { example: "\"fn_on_user_changed\"" },
        "The SQL function, called with the event as one jsonb.",
    ),
    key(
        "rate_limit.requests_per_second",
        COUNT,
        unset("no limit", "100"),
        "Requests a second that one caller may make in the long run.",
    ),
    key("rate_limit.burst", COUNT, unset("`requests_per_second`", "200"), "Requests that one caller may make at once."),
    key(
        "rate_limit.key",
        Kind::Word(&["ip", "subject"]),
        Fallback::Text("ip"),
        "What one caller is: an address, or the `sub` of the token.",
    ),
    key(
        "telemetry.log",
        Kind::Text(check::log_filter),
        Fallback::Text("info"),
        "A level (`off`, `error`, `warn`, `info`, `debug`, `trace`), and levels for parts: `info,fraiseql::exec=debug`.",
    ),
    key(
        "telemetry.log_format",
        Kind::Word(&["pretty", "json"]),
        unset("`pretty` on a terminal, else `json`", "\"json\""),
        "How a log line looks.",
    ),
    key(
        "telemetry.otlp_endpoint",
        Kind::Url(HTTP),
        unset("no traces are sent", "\"http://localhost:4317\""),
        "Where traces are sent, as OTLP over gRPC, by a binary built with `--features grpc-transport`.",
    )
    .secrecy(Secrecy::Credentials),
    key(
        "telemetry.sql_comment",
        Kind::Bool,
        Fallback::Bool(false),
        "Statements of a request that belongs to a sampled trace end with its `traceparent` as a comment. Such a \
         statement is not prepared: it costs PostgreSQL a plan each time.",
    ),
    key(
        "telemetry.server_timing",
        Kind::Bool,
        Fallback::InDev,
        "Answers say in the header `Server-Timing` how long their stages took.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{KEYS, SECTIONS};

    #[test]
    fn every_key_stands_once_in_a_documented_section_and_in_its_order() {
        let paths: HashSet<_> = KEYS.iter().map(|key| key.path).collect();
        assert_eq!(paths.len(), KEYS.len());
        let mut order: Vec<_> = KEYS.iter().map(|key| key.section()).collect();
        order.dedup();
        assert_eq!(order, SECTIONS.iter().map(|section| section.path).collect::<Vec<_>>());
    }

    #[test]
    fn no_two_keys_share_a_variable() {
        let variables: Vec<_> = KEYS.iter().filter_map(|key| key.variable()).collect();
        assert_eq!(variables.iter().collect::<HashSet<_>>().len(), variables.len());
    }
}
