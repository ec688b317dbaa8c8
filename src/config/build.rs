//! From settings with nothing wrong in them to a [`Config`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::problem::Problem;

use super::sections::{
    Admission, Algorithm, Auth, Breaker, Connections, Database, DeleteResponse, Entity, EntityBreaker, Federation,
    Files, Graphql, Grpc, LogFormat, Observers, Operation, Project, Publish, RateLimit, RateLimitKey, Rest, Secret,
    Server, SessionVariable, SslMode, Subscribe, Telemetry, Thresholds, Tls, TokenKey, VariableSource,
};
use super::settings::{Given, Origin, Settings, Value};
use super::{Config, rules};

/// The configuration that the settings mean. They must have been checked.
pub fn build(file: &str, settings: Settings) -> Config {
    let from = From { settings: &settings, base: Path::new(file).parent().unwrap_or(Path::new("")) };
    Config {
        project: Project {
            name: from.text("project.name"),
            version: from.text("project.version"),
            description: from.optional_text("project.description"),
        },
        fraiseql: Files {
            schema_file: from.file("fraiseql.schema_file"),
            output_file: from.file("fraiseql.output_file"),
        },
        server: server(&from),
        database: database(&from, file),
        graphql: graphql(&from),
        rest: rest(&from),
        grpc: Grpc {
            enabled: from.flag("grpc.enabled"),
            reflection: from.flag("grpc.reflection"),
            package: from.optional_text("grpc.package"),
            service: from.optional_text("grpc.service"),
            max_message_bytes: from.size("grpc.max_message_bytes"),
            page_rows: from.size("grpc.page_rows"),
        },
        federation: federation(&from),
        auth: auth(&from),
        session_variables: session_variables(&from),
        observers: settings.has_section("observers").then(|| observers(&from, file)),
        rate_limit: rate_limit(&from),
        telemetry: Telemetry {
            log: from.text("telemetry.log"),
            log_format: from.optional_text("telemetry.log_format").map(|word| pick(&word, &LOG_FORMATS)),
            otlp_endpoint: from.optional_text("telemetry.otlp_endpoint"),
            sql_comment: from.flag("telemetry.sql_comment"),
            server_timing: from.flag("telemetry.server_timing"),
        },
        file: file.to_owned(),
        settings: settings.clone(),
    }
}

const LOG_FORMATS: [(&str, LogFormat); 2] = [("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
const LIMIT_KEYS: [(&str, RateLimitKey); 2] = [("ip", RateLimitKey::Ip), ("subject", RateLimitKey::Subject)];
const DELETE_RESPONSES: [(&str, DeleteResponse); 2] =
    [("no_content", DeleteResponse::NoContent), ("entity", DeleteResponse::Entity)];
const SSL_MODES: [(&str, SslMode); 5] = [
    ("disable", SslMode::Disable),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];
const OPERATIONS: [(&str, Operation); 4] = [
    ("create", Operation::Create),
    ("update", Operation::Update),
    ("delete", Operation::Delete),
    ("custom", Operation::Custom),
];
const ALGORITHMS: [(&str, Algorithm); 12] = [
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("EdDSA", Algorithm::EdDsa),
];

fn server(from: &From<'_>) -> Server {
    let (cert_file, key_file) = (from.optional_file("server.tls.cert_file"), from.optional_file("server.tls.key_file"));
    Server {
        host: from.text("server.host"),
        port: from.number("server.port"),
        request_timeout: from.milliseconds("server.request_timeout_ms"),
        stream_idle_timeout: from.milliseconds("server.stream_idle_timeout_ms"),
        shutdown_timeout: from.seconds("server.shutdown_timeout_secs"),
        max_body_bytes: from.size("server.max_body_bytes"),
        max_response_bytes: from.size("server.max_response_bytes"),
        max_stream_rows: Some(from.integer("server.max_stream_rows")).filter(|rows| *rows > 0),
        body_timeout: from.milliseconds("server.body_timeout_ms"),
        connections: Connections {
            max: from.size("server.max_connections"),
            headers_max: from.size("server.max_headers"),
            header_bytes_max: from.number("server.max_header_bytes"),
            header_timeout: from.milliseconds("server.header_timeout_ms"),
            idle_timeout: from.milliseconds("server.idle_timeout_ms"),
            tcp_keepalive: from.seconds("server.tcp_keepalive_secs"),
            streams_max: from.number("server.http2.max_streams"),
            resets_max: from.number("server.http2.max_resets"),
        },
        admission: Admission {
            running_max: from.size("server.max_concurrent_requests"),
            queued_max: from.size("server.max_queued_requests"),
            queue_timeout: from.milliseconds("server.queue_timeout_ms"),
        },
        cors_origins: from.texts("server.cors.origins"),
        tls: cert_file.zip(key_file).map(|(cert_file, key_file)| Tls { cert_file, key_file }),
    }
}

fn database(from: &From<'_>, file: &str) -> Database {
    Database {
        url: from.late("database.url").unwrap_or_else(|| Err(rules::missing_url(from.settings, file))),
        pool_max: from.size("database.pool_max"),
        connect_timeout: from.milliseconds("database.connect_timeout_ms"),
        statement_timeout: from.milliseconds("database.statement_timeout_ms"),
        stream_connections: from.size("database.stream_connections"),
        ssl_mode: pick(&from.text("database.ssl_mode"), &SSL_MODES),
        replica_urls: from.texts("database.replica_urls").into_iter().map(Secret::new).collect(),
        replica_max_lag: from.milliseconds("database.replica_max_lag_ms"),
        prepared_statements: from.flag("database.prepared_statements"),
    }
}

fn graphql(from: &From<'_>) -> Graphql {
    Graphql {
        path: from.text("graphql.path"),
        introspection: from.flag("graphql.introspection"),
        playground: from.flag("graphql.playground"),
        max_depth: from.size("graphql.max_depth"),
        max_complexity: from.size("graphql.max_complexity"),
        max_aliases: from.size("graphql.max_aliases"),
        max_page_rows: Some(from.integer("graphql.max_page_rows")).filter(|rows| *rows > 0),
        max_document_bytes: from.size("graphql.max_document_bytes"),
        max_filter_conditions: from.size("graphql.max_filter_conditions"),
        batch_requests_max: from.flag("graphql.batching").then(|| from.size("graphql.max_batch_requests")),
    }
}

fn rest(from: &From<'_>) -> Rest {
    Rest {
        enabled: from.flag("rest.enabled"),
        path: from.text("rest.path"),
        default_page_size: from.integer("rest.default_page_size"),
        max_page_size: from.integer("rest.max_page_size"),
        etag: from.flag("rest.etag"),
        docs: from.flag("rest.docs"),
        idempotency_ttl: from.seconds("rest.idempotency_ttl_secs"),
        max_bulk_affected: from.integer("rest.max_bulk_affected"),
        delete_response: pick(&from.text("rest.delete_response"), &DELETE_RESPONSES),
    }
}

fn federation(from: &From<'_>) -> Federation {
    let entity = |path: String| Entity {
        name: from.text(&format!("{path}.name")),
        key_fields: from.texts(&format!("{path}.key_fields")),
        path,
    };
    Federation {
        enabled: from.settings.value("federation.enabled").map(|_| from.flag("federation.enabled")),
        service_name: from.optional_text("federation.service_name"),
        version: from.optional_text("federation.version"),
        schema_url: from.optional_text("federation.schema_url"),
        apollo_version: from.number("federation.apollo_version"),
        max_representations: from.size("federation.max_representations"),
        entities: from.settings.tables("federation.entities").into_iter().map(entity).collect(),
        breaker: breaker(from),
    }
}

fn breaker(from: &From<'_>) -> Breaker {
    const SECTION: &str = "federation.circuit_breaker";
    // A key that the entity leaves out is read from the section.
    let thresholds = |table: &str| {
        let own = |name: &str| {
            let path = format!("{table}.{name}");
            if from.settings.is_given(&path) { path } else { format!("{SECTION}.{name}") }
        };
        Thresholds {
            failure_threshold: from.number(&own("failure_threshold")),
            recovery_timeout: from.seconds(&own("recovery_timeout_secs")),
            success_threshold: from.number(&own("success_threshold")),
        }
    };
    let tables = from.settings.tables("federation.circuit_breaker.per_database");
    let entity = |path: String| EntityBreaker {
        entity: from.text(&format!("{path}.database")),
        thresholds: thresholds(&path),
        path,
    };
    Breaker {
        enabled: from.flag("federation.circuit_breaker.enabled"),
        thresholds: thresholds(SECTION),
        per_entity: tables.into_iter().map(entity).collect(),
    }
}

fn auth(from: &From<'_>) -> Auth {
    let secret = from.optional_text("auth.jwt_secret").map(|text| TokenKey::Secret(Secret::new(text)));
    let jwks = || from.optional_text("auth.jwks_url").map(TokenKey::JwksUrl);
    let file = || from.optional_file("auth.public_key_file").map(TokenKey::PublicKeyFile);
    Auth {
        key: secret.or_else(jwks).or_else(file),
        issuer: from.optional_text("auth.issuer"),
        audience: from.texts("auth.audience"),
        algorithms: from.texts("auth.algorithms").iter().map(|word| pick(word, &ALGORITHMS)).collect(),
        roles_claim: from.text("auth.roles_claim"),
        scope_claim: from.text("auth.scope_claim"),
        required: from.flag("auth.required"),
        clock_skew: from.seconds("auth.clock_skew_secs"),
        hide_forbidden: from.flag("auth.hide_forbidden"),
    }
}

/// A variable whose only source waits for the environment is left out.
fn session_variables(from: &From<'_>) -> Vec<SessionVariable> {
    let variable = |path: String| {
        let text = |name: &str| from.optional_text(&format!("{path}.{name}"));
        let claim = text("claim").map(VariableSource::Claim);
        let header = || text("header").map(|name| VariableSource::Header(name.to_ascii_lowercase()));
        let value = || text("value").map(VariableSource::Value);
        let source = claim.or_else(header).or_else(value)?;
        Some(SessionVariable { name: text("name")?, source })
    };
    from.settings.tables("session_variables").into_iter().filter_map(variable).collect()
}

fn observers(from: &From<'_>, file: &str) -> Observers {
    let publish = |path: String| {
        let words = from.texts(&format!("{path}.operations"));
        let mut operations: Vec<Operation> = words.iter().map(|word| pick(word, &OPERATIONS)).collect();
        if operations.is_empty() {
            operations.extend(OPERATIONS.map(|(_, operation)| operation));
        }
        let subject = from.optional_text(&format!("{path}.subject"));
        Some(Publish { entity: from.optional_text(&format!("{path}.entity"))?, operations, subject, path })
    };
    let subscribe = |path: String| {
        let subject = from.optional_text(&format!("{path}.subject"))?;
        Some(Subscribe { subject, function: from.optional_text(&format!("{path}.function"))?, path })
    };
    Observers {
        nats_url: from.late("observers.nats_url").unwrap_or_else(|| Err(rules::missing_nats_url(from.settings, file))),
        stream: from.optional_text("observers.stream"),
        publish: from.settings.tables("observers.publish").into_iter().filter_map(publish).collect(),
        subscribe: from.settings.tables("observers.subscribe").into_iter().filter_map(subscribe).collect(),
    }
}

fn rate_limit(from: &From<'_>) -> Option<RateLimit> {
    from.settings.value("rate_limit.requests_per_second")?;
    let requests_per_second = from.number("rate_limit.requests_per_second");
    let burst = from.settings.value("rate_limit.burst").map(|_| from.number("rate_limit.burst"));
    Some(RateLimit {
        requests_per_second,
        burst: burst.unwrap_or(requests_per_second),
        key: pick(&from.text("rate_limit.key"), &LIMIT_KEYS),
    })
}

/// The meaning of a word that the table admits.
fn pick<T: Copy>(word: &str, words: &[(&str, T)]) -> T {
    match words.iter().find(|(name, _)| *name == word) {
        Some((_, meaning)) => *meaning,
        None => unreachable!("the table of keys admits \"{word}\", which has no meaning"),
    }
}

/// Typed access. Asking for a key as what it is not is a mistake in this file, which a test that
/// builds the defaults finds.
struct From<'a> {
    settings: &'a Settings,
    base: &'a Path,
}

// === impl From ===

impl From<'_> {
    fn flag(&self, path: &str) -> bool {
        match self.settings.value(path) {
            Some(Value::Bool(value)) => value,
            other => unreachable!("{path} is {other:?}, not a boolean"),
        }
    }

    fn integer(&self, path: &str) -> u64 {
        match self.settings.value(path) {
            Some(Value::Integer(value)) => value,
            other => unreachable!("{path} is {other:?}, not an integer"),
        }
    }

    /// The range in the table must fit the type.
    fn number<T: TryFrom<u64>>(&self, path: &str) -> T {
        let value = self.integer(path);
        T::try_from(value).unwrap_or_else(|_| unreachable!("{path} = {value} is beyond its type"))
    }

    fn size(&self, path: &str) -> usize {
        self.number(path)
    }

    fn milliseconds(&self, path: &str) -> Duration {
        Duration::from_millis(self.integer(path))
    }

    fn seconds(&self, path: &str) -> Duration {
        Duration::from_secs(self.integer(path))
    }

    fn text(&self, path: &str) -> String {
        self.optional_text(path).unwrap_or_else(|| unreachable!("{path} has no value and no default"))
    }

    fn optional_text(&self, path: &str) -> Option<String> {
        match self.settings.value(path) {
            Some(Value::Text(text)) => Some(text),
            None => None,
            Some(other) => unreachable!("{path} is {other:?}, not a text"),
        }
    }

    fn texts(&self, path: &str) -> Vec<String> {
        match self.settings.value(path) {
            Some(Value::Texts(texts)) => texts,
            other => unreachable!("{path} is {other:?}, not a list"),
        }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.optional_file(path).unwrap_or_else(|| unreachable!("{path} has no value and no default"))
    }

    fn optional_file(&self, path: &str) -> Option<PathBuf> {
        let text = self.optional_text(path)?;
        let beside_the_file = match self.settings.given(path).map(|setting| &setting.origin) {
            Some(Origin::Environment(_) | Origin::Flag(_)) => false,
            Some(Origin::Default | Origin::File { .. }) | None => true,
        };
        Some(if beside_the_file { self.base.join(text) } else { PathBuf::from(text) })
    }

    /// A secret, or the variable that it waits for; `None` when nobody gave it.
    fn late(&self, path: &str) -> Option<Result<Secret, Problem>> {
        match self.settings.given(path).map(|setting| &setting.given) {
            Some(Given::Late(problems)) => problems.first().cloned().map(Err),
            Some(Given::Value(_) | Given::Refused) | None => self.optional_text(path).map(|text| Ok(Secret::new(text))),
        }
    }
}
