//! Rules about more than one key, and the keys that must be there.

use std::collections::HashMap;

use crate::problem::Problem;

use super::Need;
use super::keys::{self, Fallback};
use super::settings::{Facts, Given, Settings, Value};
use super::table::{KEYS, SECTIONS};

/// What is wrong with the settings together. A rule whose keys were refused already stays silent.
pub fn check(file: &str, settings: &Settings, facts: Facts, need: Need) -> Vec<Problem> {
    let mut rules = Rules { file, settings, problems: Vec::new() };
    rules.variables(need);
    rules.required();
    rules.server();
    rules.pages();
    rules.paths();
    rules.database(need);
    rules.grpc(facts, need);
    rules.federation();
    rules.auth();
    rules.session_variables();
    rules.observers(need);
    rules.rate_limit();
    rules.problems
}

/// Whether `compile` reads the key.
fn shapes_schema(path: &str) -> bool {
    let section = path.split(['.', '[']).next().unwrap_or(path);
    ["project", "fraiseql", "graphql", "rest", "grpc", "federation"].contains(&section)
}

struct Rules<'a> {
    file: &'a str,
    settings: &'a Settings,
    problems: Vec<Problem>,
}

// === impl Rules ===

impl Rules<'_> {
    /// Variables that are not set, in the keys that this command needs.
    fn variables(&mut self, need: Need) {
        for (path, setting) in self.settings.all_given() {
            if let Given::Late(problems) = &setting.given
                && (need == Need::Service || shapes_schema(path))
            {
                self.problems.extend(problems.iter().cloned());
            }
        }
    }

    fn required(&mut self) {
        for array in SECTIONS.iter().filter_map(|section| section.path.strip_suffix("[]")) {
            for table in self.settings.tables(array) {
                for key in KEYS.iter().filter(|key| key.section().strip_suffix("[]") == Some(array)) {
                    let path = format!("{table}.{}", key.name());
                    if matches!(key.fallback, Fallback::Required { .. }) && !self.settings.is_given(&path) {
                        self.push(&path, "is missing", &format!("for example: {}", key.example()));
                    }
                }
            }
        }
    }

    fn server(&mut self) {
        for (one, other) in
            [("server.tls.cert_file", "server.tls.key_file"), ("server.tls.key_file", "server.tls.cert_file")]
        {
            if self.settings.is_given(one) && !self.settings.is_given(other) {
                self.push(one, format!("needs {other} beside it"), "TLS takes a certificate and its key");
            }
        }
    }

    fn pages(&mut self) {
        self.at_most("rest.default_page_size", "rest.max_page_size");
        self.at_most("database.stream_connections", "database.pool_max");
    }

    fn at_most(&mut self, less: &str, more: &str) {
        if let (Some(Value::Integer(low)), Some(Value::Integer(high))) =
            (self.settings.settled(less), self.settings.settled(more))
            && low > high
        {
            // The one that the user wrote is the one to look at.
            let path = if self.settings.is_given(less) { less } else { more };
            self.push(path, format!("{less} ({low}) must not exceed {more} ({high})"), "change one of the two");
        }
    }

    /// The wires share one port, so neither path may hold the other.
    fn paths(&mut self) {
        let (Some(Value::Text(graphql)), Some(Value::Text(rest))) =
            (self.settings.settled("graphql.path"), self.settings.settled("rest.path"))
        else {
            return;
        };
        let under = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if under(&graphql, &rest) || under(&rest, &graphql) {
            let path = if self.settings.is_given("graphql.path") { "graphql.path" } else { "rest.path" };
            let reason = format!("graphql.path ({graphql}) and rest.path ({rest}) overlap");
            self.push(path, reason, "for example: /graphql and /rest");
        }
    }

    fn database(&mut self, need: Need) {
        if need == Need::Service && !self.settings.is_given("database.url") {
            self.problems.push(missing_url(self.settings, self.file));
        }
    }

    fn grpc(&mut self, facts: Facts, need: Need) {
        let wanted = self.settings.settled("grpc.enabled") == Some(Value::Bool(true));
        if wanted && !facts.grpc_built_in && need == Need::Service {
            let hint = "build it with `--features grpc-transport`, or leave the key out";
            self.push("grpc.enabled", "this binary was built without gRPC", hint);
        }
    }

    fn federation(&mut self) {
        self.unique("federation.entities", "name", str::to_owned);
        self.unique("federation.circuit_breaker.per_database", "database", str::to_owned);
        for table in self.settings.tables("federation.entities") {
            let path = format!("{table}.key_fields");
            if let Some(Value::Texts(fields)) = self.settings.settled(&path) {
                let twice = fields.iter().enumerate().find(|(at, field)| fields[..*at].contains(field));
                if fields.is_empty() {
                    self.push(&path, "must name at least one field", "for example: key_fields = [\"id\"]");
                } else if let Some((_, field)) = twice {
                    self.push(&path, format!("names \"{field}\" twice"), "name each field once");
                }
            }
        }
    }

    fn auth(&mut self) {
        let keys = ["auth.jwt_secret", "auth.jwks_url", "auth.public_key_file"];
        let given: Vec<&str> = keys.into_iter().filter(|path| self.settings.is_given(path)).collect();
        for extra in given.iter().skip(1) {
            self.push(
                extra,
                format!("{} is set too", given[0]),
                "keep one of jwt_secret, jwks_url and public_key_file",
            );
        }
        if given.is_empty() && self.settings.settled("auth.required") == Some(Value::Bool(true)) {
            let hint = "set jwt_secret, jwks_url or public_key_file";
            self.push("auth.required", "no token can be accepted without a key", hint);
        }
        if let (true, [key], Some(Value::Texts(algorithms))) =
            (self.settings.is_given("auth.algorithms"), given.as_slice(), self.settings.settled("auth.algorithms"))
        {
            let shared = *key == "auth.jwt_secret";
            let misfits: Vec<_> = algorithms.iter().filter(|name| name.starts_with("HS") != shared).collect();
            if algorithms.is_empty() {
                self.push("auth.algorithms", "must name at least one", "for example: algorithms = [\"RS256\"]");
            } else if let [misfit, ..] = misfits.as_slice() {
                let hint =
                    if shared { "a shared secret takes HS256, HS384 or HS512" } else { "HS… needs jwt_secret" };
                self.push("auth.algorithms", format!("{misfit} does not go with {key}"), hint);
            }
        }
    }

    fn session_variables(&mut self) {
        // PostgreSQL does not tell names of settings apart by case.
        self.unique("session_variables", "name", str::to_lowercase);
        for table in self.settings.tables("session_variables") {
            let sources = ["claim", "header", "value"];
            let given: Vec<_> =
                sources.into_iter().filter(|source| self.settings.is_given(&format!("{table}.{source}"))).collect();
            let hint = "for example: claim = \"tenant_id\"";
            match given.as_slice() {
                [_] => {}
                [] => self.push(&table, "needs one of claim, header and value", hint),
                several => {
                    let reason = format!("takes one of claim, header and value, found {}", several.join(" and "));
                    self.push(&table, reason, hint);
                }
            }
        }
    }

    fn observers(&mut self, need: Need) {
        let present = self.settings.has_section("observers");
        if need == Need::Service && present && !self.settings.is_given("observers.nats_url") {
            self.problems.push(missing_nats_url(self.settings, self.file));
        }
    }

    fn rate_limit(&mut self) {
        if self.settings.is_given("rate_limit.burst") && !self.settings.is_given("rate_limit.requests_per_second") {
            let hint = "for example: requests_per_second = 100";
            self.push("rate_limit.burst", "limits nothing without requests_per_second", hint);
        }
    }

    /// No two tables of `array` have the same `key`.
    fn unique(&mut self, array: &str, key: &str, fold: fn(&str) -> String) {
        let mut first: HashMap<String, String> = HashMap::new();
        for table in self.settings.tables(array) {
            let path = format!("{table}.{key}");
            if let Some(Value::Text(text)) = self.settings.settled(&path) {
                match first.get(&fold(&text)) {
                    Some(earlier) => {
                        let reason = match self.settings.position(earlier) {
                            Some((line, _)) => format!("\"{text}\" is there already, on line {line}"),
                            None => format!("\"{text}\" is there already"),
                        };
                        self.push(&path, reason, "keep one of the two");
                    }
                    None => {
                        first.insert(fold(&text), path);
                    }
                }
            }
        }
    }

    fn push(&mut self, path: &str, reason: impl Into<String>, hint: &str) {
        self.problems.push(self.settings.problem(self.file, path, reason).hint(hint));
    }
}

/// Why there is no database.
pub fn missing_url(settings: &Settings, file: &str) -> Problem {
    let example = keys::find("database.url").map(keys::Key::example).unwrap_or_default();
    settings
        .problem(file, "database.url", "no database is named")
        .hint(format!("set DATABASE_URL, or write in [database]: {example}"))
}

/// Why there is no NATS.
pub fn missing_nats_url(settings: &Settings, file: &str) -> Problem {
    let example = keys::find("observers.nats_url").map(keys::Key::example).unwrap_or_default();
    settings.problem(file, "observers.nats_url", "no NATS is named").hint(format!("write in [observers]: {example}"))
}
