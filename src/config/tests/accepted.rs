//! What a right file means, and how it is shown.

use std::time::Duration;

use super::{Case, FACTS, URL, case, check, config, pinned};
use crate::config::read::header;
use crate::config::table::{KEYS, SECTIONS};
use crate::config::{
    Algorithm, Config, DeleteResponse, Facts, Mode, Need, Operation, Overrides, RateLimitKey, Secret, SslMode,
    TokenKey, VariableSource, keys, reference,
};

const USER_SERVICE: &str = r#"[project]
name = "user-service"
version = "1.0.0"
[fraiseql]
schema_file = "schema.json"
output_file = "schema.compiled.json"
[database]
url = "${DATABASE_URL}"
[federation]
enabled = true
apollo_version = 2
[[federation.entities]]
name = "User"
key_fields = ["id"]
"#;

const ORDER_SERVICE: &str = r#"[project]
name = "order-service"
version = "1.0.0"
[fraiseql]
schema_file = "schema.json"
output_file = "schema.compiled.json"
[database]
url = "${DATABASE_URL}"
[federation]
enabled = true
apollo_version = 2
[[federation.entities]]
name = "Order"
key_fields = ["id"]
"#;

const BREAKER: &str = r#"[federation.circuit_breaker]
enabled = true
failure_threshold = 5 # open after N consecutive errors (default: 5)
recovery_timeout_secs = 30 # probe after this many seconds (default: 30)
success_threshold = 2 # successes in HalfOpen needed to close (default: 2)
[[federation.circuit_breaker.per_database]]
database = "Order" # name must match the federation entity
failure_threshold = 3 # stricter: open after 3 errors
recovery_timeout_secs = 60
"#;

const OBSERVERS: &str = r#"[observers]
backend = "nats"
nats_url = "${NATS_URL}"
"#;

#[test]
fn the_files_of_the_page_parse_unchanged() {
    let environment = [URL[0], ("NATS_URL", "nats://nats:4222")];
    for (text, name, entity) in [(USER_SERVICE, "user-service", "User"), (ORDER_SERVICE, "order-service", "Order")] {
        let config = case(text, &environment).parse().unwrap();
        assert_eq!(config.project.name, name);
        assert_eq!(config.project.version, "1.0.0");
        assert_eq!(config.database.url.as_ref().unwrap().reveal(), "postgres://localhost/shop");
        assert_eq!(config.federation.enabled, Some(true));
        assert_eq!(config.federation.entities[0].name, entity);
        assert_eq!(config.federation.entities[0].key_fields, ["id"]);
        assert!(config.observers.is_none());
    }
    let config = case(OBSERVERS, &environment).parse().unwrap();
    assert_eq!(config.observers.unwrap().nats_url.unwrap(), Secret::new("nats://nats:4222"));

    let text = [ORDER_SERVICE, BREAKER, OBSERVERS].concat();
    let breaker = case(&text, &environment).parse().unwrap().federation.breaker;
    assert_eq!(breaker.of("Order").failure_threshold, 3);
    assert_eq!(breaker.of("Order").recovery_timeout, Duration::from_secs(60));
    assert_eq!(breaker.of("Order").success_threshold, 2);
    assert_eq!(breaker.of("User").failure_threshold, 5);
}

#[test]
fn variables_are_substituted_in_strings_and_lists() {
    let text = "[database]\nurl = \"postgres://${HOST:-localhost}/$${x}\"\nreplica_urls = [\"postgres://${REPLICA}/a\", \"postgres://b/c\"]\n";
    let config = case(text, &[("REPLICA", "r1")]).parse().unwrap();
    assert_eq!(config.database.url.unwrap().reveal(), "postgres://localhost/${x}");
    assert_eq!(config.database.replica_urls[0].reveal(), "postgres://r1/a");

    let problems = case(text, &[]).parse().unwrap_err();
    assert_eq!(
        problems,
        [
            "fraiseql.toml:3:17: database.replica_urls: the variable REPLICA is not set\n  hint: set REPLICA, or write a default: ${REPLICA:-…}"
        ]
    );
    check(
        "[project]\nname = \"${A-b}\"\ndescription = \"${A\"\n",
        &[
            "fraiseql.toml:2:8: project.name: \"${A-b}\" is not a variable\n  hint: write ${NAME} or ${NAME:-default}; a literal \"${\" is written \"$${\"",
            "fraiseql.toml:3:15: project.description: \"${\" is never closed by \"}\"\n  hint: a literal \"${\" is written \"$${\"",
        ],
    );
}

#[test]
fn a_command_minds_only_the_variables_that_it_needs() {
    let text = [
        ORDER_SERVICE,
        OBSERVERS,
        "[auth]\nrequired = true\njwt_secret = \"${JWT_SECRET}\"\n[server]\nhost = \"${HOST}\"\n",
        "[[session_variables]]\nname = \"app.region\"\nvalue = \"${REGION}\"\n",
    ]
    .concat();
    let schema = Case { need: Need::Schema, ..case(&text, &[]) }.parse().unwrap();
    assert_eq!(schema.federation.entities[0].name, "Order");
    let problem = schema.database.url.as_ref().unwrap_err();
    assert_eq!((problem.path.as_str(), problem.position), ("database.url", Some((8, 7))));
    assert_eq!(problem.reason, "the variable DATABASE_URL is not set");
    assert!(schema.observers.as_ref().unwrap().nats_url.is_err());
    assert!(schema.auth.key.is_none());
    assert!(schema.session_variables.is_empty());
    assert_eq!(schema.server.host, "0.0.0.0");
    assert!(schema.print().contains(
        "# url                                       # file fraiseql.toml:8: the variable DATABASE_URL is not set"
    ));

    let problems = case(&text, &[]).parse().unwrap_err();
    assert_eq!(problems.len(), 5, "{problems:#?}");

    let shaping = Case { need: Need::Schema, ..case("[project]\nname = \"${NAME}\"\n", &[]) };
    assert_eq!(shaping.parse().unwrap_err().len(), 1);

    let nothing = Case { need: Need::Schema, ..case("", &[]) }.parse().unwrap();
    assert_eq!(nothing.database.url.unwrap_err().reason, "no database is named");
    assert_eq!(
        case("", &[]).parse().unwrap_err(),
        [
            "fraiseql.toml: database.url: no database is named\n  hint: set DATABASE_URL, or write in [database]: url = \"${DATABASE_URL}\""
        ]
    );
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let text = "[server]\nport = 1\n[database]\nurl = \"postgres://file/x\"\n";
    let environment = [URL[0], ("FRAISEQL_SERVER_PORT", "2"), ("FRAISEQL_SERVER_HOST", "")];
    assert_eq!(config("").server.port, 8080);
    assert_eq!(config(text).server.port, 1);
    assert_eq!(config(text).database.url.unwrap().reveal(), "postgres://file/x");
    let config = case(text, &environment).parse().unwrap();
    assert_eq!((config.server.port, config.server.host.as_str()), (2, "0.0.0.0"));
    let overrides = Overrides {
        port: Some(3),
        database_url: Some("postgres://flag/x".to_owned()),
        schema_file: Some("other.json".to_owned()),
        ..Overrides::default()
    };
    let config = Case { overrides, ..case(text, &environment) }.parse().unwrap();
    assert_eq!(config.server.port, 3);
    assert_eq!(config.database.url.unwrap().reveal(), "postgres://flag/x");
    assert_eq!(config.fraiseql.schema_file.to_str(), Some("other.json"));

    // What overrides a variable that is not set saves it.
    let late = "[database]\nurl = \"${NONE}\"\n";
    let environment = [("FRAISEQL_DATABASE_URL", "postgres://environment/x")];
    assert_eq!(case(late, &environment).parse().unwrap().database.url.unwrap().reveal(), "postgres://environment/x");

    let environment = [
        URL[0],
        ("FRAISEQL_SERVER_CORS_ORIGINS", "https://a.example, https://b.example"),
        ("FRAISEQL_GRAPHQL_INTROSPECTION", "true"),
        ("FRAISEQL_REST_MAX_PAGE_SIZE", "500"),
    ];
    let config = case("", &environment).parse().unwrap();
    assert_eq!(config.server.cors_origins, ["https://a.example", "https://b.example"]);
    assert!(config.graphql.introspection);
    assert_eq!(config.rest.max_page_size, 500);
}

#[test]
fn defaults_follow_the_machine_and_the_mode() {
    let with = |facts: Facts, text| Case { facts, ..case(text, URL) }.parse().unwrap();
    let run = config("");
    assert_eq!((run.database.pool_max, run.database.stream_connections), (20, 10));
    assert_eq!((run.server.admission.running_max, run.graphql.batch_requests_max), (320, None));
    assert!(!run.graphql.introspection && !run.graphql.playground && !run.rest.docs);
    assert_eq!(run.graphql.max_page_rows, None);
    assert_eq!(run.auth.algorithms, [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]);
    assert_eq!(with(Facts { cores: 1, ..FACTS }, "").database.pool_max, 10);
    let least = with(FACTS, "[database]\npool_max = 1\n");
    assert_eq!((least.database.stream_connections, least.server.admission.running_max), (1, 128));
    let dev = with(Facts { mode: Mode::Dev, ..FACTS }, "[graphql]\nplayground = false\n");
    assert!(dev.graphql.introspection && !dev.graphql.playground && dev.rest.docs);
    let without_grpc = Facts { grpc_built_in: false, ..FACTS };
    assert!(run.grpc.enabled && !with(without_grpc, "").grpc.enabled);
    let problems = Case { facts: without_grpc, ..case("[grpc]\nenabled = true\n", URL) }.parse().unwrap_err();
    assert_eq!(
        problems,
        [
            "fraiseql.toml:2:11: grpc.enabled: this binary was built without gRPC\n  hint: build it with `--features grpc-transport`, or leave the key out"
        ]
    );
}

/// Every key with another value than its default.
const EVERYTHING: &str = r#"[project]
name = "Shop 2"
version = "2.0.0"
description = "A \"shop\" with $${braces}"
[fraiseql]
schema_file = "a/schema.json"
output_file = "/tmp/out.json"
[server]
host = "::1"
port = 0
request_timeout_ms = 1
stream_idle_timeout_ms = 2
shutdown_timeout_secs = 0
max_body_bytes = 2048
max_response_bytes = 4096
max_stream_rows = 3
max_headers = 4
max_header_bytes = 8192
header_timeout_ms = 5
body_timeout_ms = 6
idle_timeout_ms = 7
tcp_keepalive_secs = 8
max_connections = 9
max_concurrent_requests = 10
max_queued_requests = 0
queue_timeout_ms = 11
http2 = { max_streams = 12, max_resets = 13 }
cors.origins = ["*"]
tls = { cert_file = "cert.pem", key_file = "key.pem" }
[database]
url = "postgres://ann:pw@db/shop"
pool_max = 12
connect_timeout_ms = 3
statement_timeout_ms = 4
stream_connections = 12
ssl_mode = "verify-full"
replica_urls = ["postgres://ann:pw@r1/shop"]
replica_max_lag_ms = 19
prepared_statements = false
[graphql]
path = "/api/graphql"
introspection = true
playground = true
max_depth = 1
max_complexity = 2
max_aliases = 3
max_page_rows = 4
max_document_bytes = 1024
max_filter_conditions = 5
batching = true
max_batch_requests = 6
[rest]
enabled = false
path = "/api/rest"
default_page_size = 5
max_page_size = 6
etag = false
docs = true
idempotency_ttl_secs = 7
max_bulk_affected = 8
delete_response = "entity"
[grpc]
enabled = false
reflection = false
package = "shop.v2"
service = "Shop"
max_message_bytes = 1024
page_rows = 9
[federation]
enabled = true
service_name = "shop"
version = "v2.3"
schema_url = "https://specs.apollo.dev/federation/v2.3"
apollo_version = 2
max_representations = 10
[[federation.entities]]
name = "User"
key_fields = ["tenant_id", "id"]
[federation.circuit_breaker]
enabled = false
failure_threshold = 11
recovery_timeout_secs = 12
success_threshold = 13
[[federation.circuit_breaker.per_database]]
database = "User"
failure_threshold = 14
recovery_timeout_secs = 15
success_threshold = 16
[auth]
jwt_secret = "s3cret"
issuer = "https://login.example.com/"
audience = "shop"
algorithms = ["HS512"]
roles_claim = "r"
scope_claim = "s"
required = true
clock_skew_secs = 0
hide_forbidden = true
[[session_variables]]
name = "app.tenant_id"
claim = "tenant_id"
[[session_variables]]
name = "app.locale"
header = "Accept-Language"
[[session_variables]]
name = "app.region"
value = ""
[observers]
backend = "nats"
nats_url = "nats://token@nats:4222"
stream = "shop"
[[observers.publish]]
entity = "User"
operations = ["create"]
subject = "users.created"
[[observers.publish]]
entity = "Order"
[[observers.subscribe]]
subject = "orders.>"
function = "fn_on_order"
[rate_limit]
requests_per_second = 17
burst = 18
key = "subject"
[telemetry]
log = "warn,fraiseql=debug"
log_format = "json"
otlp_endpoint = "http://otel:4317"
sql_comment = true
server_timing = true
"#;

#[test]
fn every_key_reaches_its_field() {
    for key in KEYS.iter().filter(|key| !["auth.jwks_url", "auth.public_key_file"].contains(&key.path)) {
        assert!(EVERYTHING.contains(&format!("{} = ", key.name())), "{}", key.path);
    }
    let all = config(EVERYTHING);
    assert_eq!(all.project.description.as_deref(), Some("A \"shop\" with ${braces}"));
    assert_eq!(all.server.request_timeout, Duration::from_millis(1));
    assert_eq!(all.server.shutdown_timeout, Duration::ZERO);
    assert_eq!((all.server.max_body_bytes, all.server.max_response_bytes), (2048, 4096));
    assert_eq!(all.server.cors_origins, ["*"]);
    assert_eq!(all.server.tls.unwrap().key_file.to_str(), Some("key.pem"));
    assert_eq!(all.database.ssl_mode, SslMode::VerifyFull);
    assert_eq!(all.database.replica_max_lag, Duration::from_millis(19));
    assert_eq!((all.database.pool_max, all.database.stream_connections), (12, 12));
    let connections = all.server.connections;
    assert_eq!((connections.max, connections.headers_max, connections.header_bytes_max), (9, 4, 8192));
    assert_eq!((connections.header_timeout.as_millis(), connections.idle_timeout.as_millis()), (5, 7));
    assert_eq!((connections.tcp_keepalive.as_secs(), all.server.body_timeout.as_millis()), (8, 6));
    assert_eq!((connections.streams_max, connections.resets_max), (12, 13));
    let admission = all.server.admission;
    assert_eq!((admission.running_max, admission.queued_max, admission.queue_timeout.as_millis()), (10, 0, 11));
    assert_eq!((all.graphql.max_page_rows, all.server.max_stream_rows), (Some(4), Some(3)));
    assert_eq!((all.graphql.max_document_bytes, all.graphql.max_filter_conditions), (1024, 5));
    assert_eq!(all.graphql.batch_requests_max, Some(6));
    assert_eq!(all.rest.delete_response, DeleteResponse::Entity);
    assert_eq!(all.rest.idempotency_ttl, Duration::from_secs(7));
    assert_eq!(all.grpc.package.as_deref(), Some("shop.v2"));
    assert_eq!(all.federation.version.as_deref(), Some("v2.3"));
    assert_eq!(all.federation.entities[0].key_fields, ["tenant_id", "id"]);
    assert_eq!(all.federation.breaker.of("User").success_threshold, 16);
    assert_eq!(all.federation.breaker.of("Order").success_threshold, 13);
    assert!(matches!(all.auth.key, Some(TokenKey::Secret(secret)) if secret.reveal() == "s3cret"));
    assert_eq!(all.auth.audience, ["shop"]);
    assert_eq!(all.auth.algorithms, [Algorithm::Hs512]);
    let sources: Vec<_> = all.session_variables.into_iter().map(|variable| variable.source).collect();
    assert_eq!(
        sources,
        [
            VariableSource::Claim("tenant_id".to_owned()),
            VariableSource::Header("accept-language".to_owned()),
            VariableSource::Value(String::new()),
        ]
    );
    let observers = all.observers.unwrap();
    assert_eq!(observers.publish[0].operations, [Operation::Create]);
    assert_eq!(observers.publish[1].operations.len(), 4);
    assert_eq!(observers.subscribe[0].function, "fn_on_order");
    let limit = all.rate_limit.unwrap();
    assert_eq!((limit.requests_per_second, limit.burst, limit.key), (17, 18, RateLimitKey::Subject));
}

#[test]
fn every_word_of_the_table_has_a_meaning() {
    for key in KEYS {
        let (kind, is_list) = match key.kind {
            keys::Kind::List(item) => (*item, true),
            kind => (kind, false),
        };
        let keys::Kind::Word(words) = kind else { continue };
        for word in words {
            let line =
                format!("{} = {}", key.name(), if is_list { format!("[{word:?}]") } else { format!("{word:?}") });
            let rest = match key.section() {
                "observers" => "nats_url = \"nats://a\"\n",
                "observers.publish[]" => "entity = \"A\"\n[observers]\nnats_url = \"nats://a\"\n",
                "rate_limit" => "requests_per_second = 1\n",
                _ => "",
            };
            config(&format!("{}\n{line}\n{rest}", header(key.section())));
        }
    }
}

#[test]
fn paths_are_relative_to_the_file_and_those_of_flags_to_the_working_directory() {
    let environment = |name: &str| (name == "FRAISEQL_SERVER_TLS_KEY_FILE").then(|| "key.pem".to_owned());
    let overrides = Overrides { output_file: Some("out.json".to_owned()), ..Overrides::default() };
    let text = "[server.tls]\ncert_file = \"cert.pem\"\n";
    let config = Config::parse("shop/fraiseql.toml", text, &environment, &overrides, FACTS, Need::Schema).unwrap();
    assert_eq!(config.fraiseql.schema_file.to_str(), Some("shop/schema.json"));
    assert_eq!(config.fraiseql.output_file.to_str(), Some("out.json"));
    let tls = config.server.tls.unwrap();
    assert_eq!((tls.cert_file.to_str(), tls.key_file.to_str()), (Some("shop/cert.pem"), Some("key.pem")));
}

#[test]
fn what_is_printed_reads_back_and_holds_no_secret() {
    let everything = config(EVERYTHING);
    let printed = everything.print();
    for secret in ["s3cret", "pw", "token@"] {
        assert!(!printed.contains(secret), "{secret}\n{printed}");
        assert!(!format!("{everything:?}").contains(secret), "{everything:?}");
    }
    for line in [
        "port = 0                                    # file fraiseql.toml:10\n",
        "url = \"postgres://ann:***@db/shop\"          # file fraiseql.toml:31\n",
        "jwt_secret = \"***\"                          # file fraiseql.toml:",
        "nats_url = \"nats://***@nats:4222\"           # file",
    ] {
        assert!(printed.contains(line), "{line}\n{printed}");
    }
    let without_comments = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split("  #").next().unwrap_or("").split(" # file").next().unwrap_or("").trim().to_owned())
            .collect()
    };
    for printed in [printed, config("").print()] {
        assert_eq!(without_comments(&config(&printed).print()), without_comments(&printed));
    }

    let environment = [URL[0], ("FRAISEQL_SERVER_PORT", "81")];
    let overrides = Overrides { host: Some("localhost".to_owned()), ..Overrides::default() };
    let printed = Case { overrides, ..case("", &environment) }.parse().unwrap().print();
    assert!(
        printed.contains("port = 81                                   # environment FRAISEQL_SERVER_PORT\n"),
        "{printed}"
    );
    assert!(printed.contains("host = \"localhost\"                          # flag --host\n"), "{printed}");
    assert!(
        printed.contains("url = \"postgres://localhost/shop\"           # environment DATABASE_URL\n"),
        "{printed}"
    );
}

#[test]
fn the_defaults_are_pinned() {
    let defaults = Case { need: Need::Schema, ..case("", &[]) }.parse().unwrap();
    pinned("tests/contracts/config.toml", &defaults.print());
    assert!(SECTIONS.iter().all(|section| reference::render().contains(&header(section.path))));
}

#[test]
fn the_reference_is_what_the_table_says() {
    pinned("docs/configuration.md", &reference::render());
}
