//! The configuration as its users meet it: a text in, problems or values out.

mod accepted;
mod refused;

use std::collections::HashMap;

use super::{Config, Facts, Mode, Need, Overrides};

const FACTS: Facts = Facts { mode: Mode::Run, cores: 8, grpc_built_in: true };
const URL: &[(&str, &str)] = &[("DATABASE_URL", "postgres://localhost/shop")];

struct Case<'a> {
    text: &'a str,
    environment: &'a [(&'a str, &'a str)],
    overrides: Overrides,
    facts: Facts,
    need: Need,
}

impl Case<'_> {
    fn parse(&self) -> Result<Config, Vec<String>> {
        let variables: HashMap<&str, &str> = self.environment.iter().copied().collect();
        let environment = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        Config::parse("fraiseql.toml", self.text, &environment, &self.overrides, self.facts, self.need)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }
}

fn case<'a>(text: &'a str, environment: &'a [(&'a str, &'a str)]) -> Case<'a> {
    Case { text, environment, overrides: Overrides::default(), facts: FACTS, need: Need::Service }
}

#[track_caller]
fn config(text: &str) -> Config {
    case(text, URL).parse().unwrap()
}

/// The problems of a text, one string each, `hint:` on a line of its own.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let problems = case(text, URL).parse().err().unwrap_or_default();
    assert_eq!(problems.join("\n"), expected.join("\n"), "\n{text}");
}

/// Compares with a file of the repository; with `UPDATE_PINNED=1` writes it instead.
#[track_caller]
fn pinned(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_PINNED").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(file == text, "{} differs: run the test with UPDATE_PINNED=1\n{text}", path.display());
}
