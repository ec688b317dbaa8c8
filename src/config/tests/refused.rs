//! Everything that is wrong, as it is said.

use super::{Case, URL, case, check};
use crate::config::{Config, Mode, Need, Overrides};

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    check(
        "[server]\nprot = 80\n",
        &["fraiseql.toml:2:1: server.prot: there is no such key\n  hint: did you mean \"port\"?"],
    );
    check(
        "[databases.user_service]\nurl = \"x\"\n",
        &["fraiseql.toml:1:2: databases: there is no such section\n  hint: did you mean \"database\"?"],
    );
    check(
        "[[federation.entities]]\nname = \"User\"\nkey_fields = [\"id\"]\nkey_feilds = [\"id\"]\n",
        &[
            "fraiseql.toml:4:1: federation.entities[0].key_feilds: there is no such key\n  hint: did you mean \"key_fields\"?",
        ],
    );
    check(
        "port = 80\n[rest]\ncors = 1\n",
        &[
            "fraiseql.toml:1:1: port: there is no such key\n  hint: \"port\" belongs in [server]",
            "fraiseql.toml:3:1: rest.cors: there is no such key\n  hint: \"cors\" belongs in [server]",
        ],
    );
    check("\"server.port\" = 1\n", &["fraiseql.toml:1:1: \"server.port\": there is no such key"]);
    check(
        "[federation.database_timeouts]\nx = 1\n",
        &[
            "fraiseql.toml:1:13: federation.database_timeouts: there is no such section\n  hint: it may be one of enabled, service_name, version, schema_url, apollo_version, max_representations, entities, circuit_breaker",
        ],
    );
}

#[test]
fn wrong_shapes_and_types_say_what_is_expected() {
    check(
        "server = 1\n",
        &[
            "fraiseql.toml:1:1: server: expected a section [server]\n  hint: write [server] on a line of its own, its keys below",
        ],
    );
    check(
        "[federation.entities]\nname = \"User\"\n",
        &[
            "fraiseql.toml:1:13: federation.entities: expected a section [[federation.entities]]\n  hint: write [[federation.entities]] on a line of its own, its keys below",
        ],
    );
    check(
        "[server]\nport = \"8080\"\nmax_body_bytes = \"1 MiB\"\nrequest_timeout_ms = 1.5\n",
        &[
            "fraiseql.toml:2:8: server.port: expected an integer, found the string \"8080\"\n  hint: for example: port = 8080",
            "fraiseql.toml:3:18: server.max_body_bytes: expected an integer (bytes), found the string \"1 MiB\"\n  hint: for example: max_body_bytes = 1048576",
            "fraiseql.toml:4:22: server.request_timeout_ms: expected an integer (milliseconds), found the number 1.5\n  hint: for example: request_timeout_ms = 30000",
        ],
    );
    check(
        "[server]\nport = \"${PORT}\"\n",
        &[
            "fraiseql.toml:2:8: server.port: expected an integer, found the string \"${PORT}\"\n  hint: only strings are substituted; set the variable FRAISEQL_SERVER_PORT instead",
        ],
    );
    check(
        "[server.cors]\norigins = \"*\"\n[rest]\nenabled = \"yes\"\n[project]\nname = 1\n",
        &[
            "fraiseql.toml:2:11: server.cors.origins: expected a list of strings, found the string \"*\"\n  hint: for example: origins = [\"https://app.example.com\"]",
            "fraiseql.toml:4:11: rest.enabled: expected true or false, found the string \"yes\"\n  hint: for example: enabled = true",
            "fraiseql.toml:6:8: project.name: expected a string, found the integer 1\n  hint: for example: name = \"app\"",
        ],
    );
    check(
        "[server]\ncors.origins = [\n  \"https://a.example\",\n  \"a.example\",\n  3,\n]\n",
        &[
            "fraiseql.toml:4:3: server.cors.origins: must be \"*\" or an origin such as https://app.example.com, without a path, found \"a.example\"\n  hint: for example: origins = [\"https://app.example.com\"]",
            "fraiseql.toml:5:3: server.cors.origins: expected a list of strings, found the integer 3\n  hint: for example: origins = [\"https://app.example.com\"]",
        ],
    );
    check(
        "[auth]\njwt_secret = 12345\n",
        &[
            "fraiseql.toml:2:14: auth.jwt_secret: expected a string, found the integer ***\n  hint: for example: jwt_secret = \"${JWT_SECRET}\"",
        ],
    );
}

#[test]
fn values_out_of_range_are_refused() {
    check(
        "[server]\nport = 70000\nrequest_timeout_ms = -1\nstream_idle_timeout_ms = 99999999999999999999999999999999999999999\n[database]\npool_max = 0\n",
        &[
            "fraiseql.toml:2:8: server.port: must be between 0 and 65535, found 70000\n  hint: for example: port = 8080",
            "fraiseql.toml:3:22: server.request_timeout_ms: must be between 1 and 2147483647 milliseconds, found -1\n  hint: for example: request_timeout_ms = 30000",
            "fraiseql.toml:4:26: server.stream_idle_timeout_ms: must be between 1 and 2147483647 milliseconds, found 99999999999999999999999999999999999999999\n  hint: for example: stream_idle_timeout_ms = 60000",
            "fraiseql.toml:6:12: database.pool_max: must be between 1 and 10000, found 0\n  hint: for example: pool_max = 20",
        ],
    );
    check(
        "[federation]\napollo_version = 1\ncircuit_breaker.success_threshold = 0\n",
        &[
            "fraiseql.toml:2:18: federation.apollo_version: must be 2, found 1\n  hint: for example: apollo_version = 2",
            "fraiseql.toml:3:37: federation.circuit_breaker.success_threshold: must be between 1 and 4294967295, found 0\n  hint: for example: success_threshold = 2",
        ],
    );
    check(
        "[database]\nssl_mode = \"requires\"\nurl = \"mysql://ann:pw@db/shop\"\n[telemetry]\nlog_format = \"xml\"\notlp_endpoint = \"localhost:4317\"\nlog = \"inof\"\n",
        &[
            "fraiseql.toml:2:12: database.ssl_mode: it does not take \"requires\"\n  hint: did you mean \"require\"?",
            "fraiseql.toml:3:7: database.url: must begin with postgres:// or postgresql://, found mysql://\n  hint: for example: url = \"${DATABASE_URL}\"",
            "fraiseql.toml:5:14: telemetry.log_format: it does not take \"xml\"\n  hint: it may be one of pretty, json",
            "fraiseql.toml:6:17: telemetry.otlp_endpoint: must be a URL that begins with http:// or https://\n  hint: for example: otlp_endpoint = \"http://localhost:4317\"",
            "fraiseql.toml:7:7: telemetry.log: must be a level (off, error, warn, info, debug, trace), or such as info,fraiseql::exec=debug, found \"inof\"\n  hint: for example: log = \"info\"",
        ],
    );
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    check(
        "[rest]\ndefault_page_size = 200\npath = \"/graphql/rest\"\n[database]\npool_max = 4\nstream_connections = 5\n[server.tls]\ncert_file = \"a\"\n",
        &[
            "fraiseql.toml:2:21: rest.default_page_size: rest.default_page_size (200) must not exceed rest.max_page_size (100)\n  hint: change one of the two",
            "fraiseql.toml:3:8: rest.path: graphql.path (/graphql) and rest.path (/graphql/rest) overlap\n  hint: for example: /graphql and /rest",
            "fraiseql.toml:6:22: database.stream_connections: database.stream_connections (5) must not exceed database.pool_max (4)\n  hint: change one of the two",
            "fraiseql.toml:8:13: server.tls.cert_file: needs server.tls.key_file beside it\n  hint: TLS takes a certificate and its key",
        ],
    );
    check(
        "[rest]\nmax_page_size = 10\n",
        &[
            "fraiseql.toml:2:17: rest.max_page_size: rest.default_page_size (20) must not exceed rest.max_page_size (10)\n  hint: change one of the two",
        ],
    );
    check(
        "[auth]\njwt_secret = \"s\"\njwks_url = \"https://a/jwks\"\n",
        &[
            "fraiseql.toml:3:12: auth.jwks_url: auth.jwt_secret is set too\n  hint: keep one of jwt_secret, jwks_url and public_key_file",
        ],
    );
    check(
        "[auth]\npublic_key_file = \"a.pem\"\nalgorithms = [\"RS256\", \"HS256\"]\n",
        &[
            "fraiseql.toml:3:14: auth.algorithms: HS256 does not go with auth.public_key_file\n  hint: HS… needs jwt_secret",
        ],
    );
    check(
        "[auth]\nrequired = true\n[rate_limit]\nburst = 3\n",
        &[
            "fraiseql.toml:2:12: auth.required: no token can be accepted without a key\n  hint: set jwt_secret, jwks_url or public_key_file",
            "fraiseql.toml:4:9: rate_limit.burst: limits nothing without requests_per_second\n  hint: for example: requests_per_second = 100",
        ],
    );
}

#[test]
fn tables_of_arrays_are_complete_and_unique() {
    check(
        "[[session_variables]]\nname = \"app.a\"\nclaim = \"a\"\n[[session_variables]]\nname = \"APP.A\"\nclaim = \"a\"\nheader = \"x-a\"\n[[session_variables]]\nname = \"role\"\n[[session_variables]]\nvalue = \"\"\n",
        &[
            "fraiseql.toml:4:1: session_variables[1]: takes one of claim, header and value, found claim and header\n  hint: for example: claim = \"tenant_id\"",
            "fraiseql.toml:5:8: session_variables[1].name: \"APP.A\" is there already, on line 2\n  hint: keep one of the two",
            "fraiseql.toml:8:1: session_variables[2]: needs one of claim, header and value\n  hint: for example: claim = \"tenant_id\"",
            "fraiseql.toml:9:8: session_variables[2].name: must be two names with a dot between, such as app.tenant_id, found \"role\"\n  hint: for example: name = \"app.tenant_id\"",
            "fraiseql.toml:10:1: session_variables[3].name: is missing\n  hint: for example: name = \"app.tenant_id\"",
        ],
    );
    check(
        "[[federation.entities]]\nname = \"User\"\nkey_fields = []\n[[federation.entities]]\nname = \"User\"\nkey_fields = [\"id\", \"id\"]\n[[federation.entities]]\nkey_fields = [\"id\"]\n[[federation.circuit_breaker.per_database]]\nfailure_threshold = 1\n",
        &[
            "fraiseql.toml:3:14: federation.entities[0].key_fields: must name at least one field\n  hint: for example: key_fields = [\"id\"]",
            "fraiseql.toml:5:8: federation.entities[1].name: \"User\" is there already, on line 2\n  hint: keep one of the two",
            "fraiseql.toml:6:14: federation.entities[1].key_fields: names \"id\" twice\n  hint: name each field once",
            "fraiseql.toml:7:1: federation.entities[2].name: is missing\n  hint: for example: name = \"User\"",
            "fraiseql.toml:9:1: federation.circuit_breaker.per_database[0].database: is missing\n  hint: for example: database = \"Order\"",
        ],
    );
    check(
        "[observers]\n[[observers.publish]]\noperations = [\"upsert\"]\n[[observers.subscribe]]\nsubject = \"a b\"\n",
        &[
            "fraiseql.toml:1:2: observers.nats_url: no NATS is named\n  hint: write in [observers]: nats_url = \"${NATS_URL}\"",
            "fraiseql.toml:2:1: observers.publish[0].entity: is missing\n  hint: for example: entity = \"Order\"",
            "fraiseql.toml:3:15: observers.publish[0].operations: it does not take \"upsert\"\n  hint: it may be one of create, update, delete, custom",
            "fraiseql.toml:4:1: observers.subscribe[0].function: is missing\n  hint: for example: function = \"fn_on_user_changed\"",
            "fraiseql.toml:5:11: observers.subscribe[0].subject: must be a NATS subject: words with dots between, no spaces, found \"a b\"\n  hint: for example: subject = \"users.*\"",
        ],
    );
}

#[test]
fn a_syntax_error_is_named_with_its_place() {
    check(
        "[server]\nport = \n",
        &["fraiseql.toml:2:8: this is not TOML: string values must be quoted, expected literal string"],
    );
    check("[server\nport = 1\n", &["fraiseql.toml:1:8: this is not TOML: unclosed table, expected `]`"]);
    check("[server]\nport = 1\nport = 2\n", &["fraiseql.toml:3:1: this is not TOML: duplicate key"]);
    check(
        "[server]\nhost = \"a\nport = 2\nxyz\n",
        &[
            "fraiseql.toml:2:10: this is not TOML: invalid basic string, expected `\"`",
            "fraiseql.toml:4:4: this is not TOML: key with no value, expected `=`",
        ],
    );
}

#[test]
fn the_environment_and_the_flags_are_checked_too() {
    let environment = [
        URL[0],
        ("FRAISEQL_SERVER_PORT", "http"),
        ("FRAISEQL_DATABASE_URL", "mysql://ann:pw@db/shop"),
        ("FRAISEQL_REST_ENABLED", "1"),
        ("FRAISEQL_REST_DEFAULT_PAGE_SIZE", "1000"),
    ];
    let overrides = Overrides { log_format: Some("prety".to_owned()), ..Overrides::default() };
    assert_eq!(
        Case { overrides, ..case("", &environment) }.parse().unwrap_err(),
        [
            "$FRAISEQL_SERVER_PORT: server.port: expected an integer, found \"http\"\n  hint: for example: port = 8080",
            "$FRAISEQL_DATABASE_URL: database.url: must begin with postgres:// or postgresql://, found mysql://\n  hint: for example: url = \"${DATABASE_URL}\"",
            "$FRAISEQL_REST_ENABLED: rest.enabled: expected true or false, found \"1\"\n  hint: for example: enabled = true",
            "--log-format: telemetry.log_format: it does not take \"prety\"\n  hint: did you mean \"pretty\"?",
            "$FRAISEQL_REST_DEFAULT_PAGE_SIZE: rest.default_page_size: rest.default_page_size (1000) must not exceed rest.max_page_size (100)\n  hint: change one of the two",
        ]
    );
}

#[test]
fn a_missing_file_says_how_to_get_one() {
    let path = std::path::Path::new("nowhere/fraiseql.toml");
    let problems = Config::load(path, &|_| None, &Overrides::default(), Mode::Run, Need::Service).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "nowhere/fraiseql.toml: there is no such file\n  hint: `fraiseql init DIR` writes a project with one; --config names another file"
    );
}
