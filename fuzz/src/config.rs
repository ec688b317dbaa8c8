//! `fraiseql.toml`, and behind a NUL the environment: a line `NAME=value` for each variable.
//!
//! What is refused names what is wrong and where; what is accepted prints as a file that says the same.

use fraiseql::config::{Config, Database, Facts, Mode, Need, Observers, Overrides, Secret, TokenKey};
use fraiseql::problem::Problem;

use super::halves;

const MASK: &str = "***";

pub fn run(data: &[u8]) {
    let Some((text, variables)) = halves(data) else { return };
    let environment = |name: &str| {
        let mut lines = variables.lines().filter_map(|line| line.split_once('='));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    };
    for (mode, need) in [(Mode::Run, Need::Service), (Mode::Dev, Need::Schema)] {
        match parse(text, &environment, mode, need) {
            Ok(config) => accepted(&config, text, variables, mode, need),
            Err(problems) => refused(&problems, text),
        }
    }
}

fn parse(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    mode: Mode,
    need: Need,
) -> Result<Config, Vec<Problem>> {
    let facts = Facts { mode, cores: 2, grpc_built_in: true };
    Config::parse("fraiseql.toml", text, environment, &Overrides::default(), facts, need)
}

/// What is printed reads back to the same values, and prints the same again.
fn accepted(config: &Config, text: &str, variables: &str, mode: Mode, need: Need) {
    let printed = config.print();
    let values = |text: &str| text.parse::<toml::Table>().unwrap_or_else(|error| panic!("{error}:\n{text}"));
    let written = values(&printed);
    secrets_stay(config, &printed, text, variables);
    // What waits for a variable stands in a comment, with the reason.
    let is_late = |line: &str| line.starts_with("# ") && line.contains(": the variable ");
    if printed.contains(MASK) || printed.lines().any(is_late) {
        return;
    }
    let again = parse(&printed, &|_| None, mode, need);
    let again = again.unwrap_or_else(|problems| panic!("what is printed is refused: {problems:#?}\n{printed}"));
    assert_eq!(shown(config), shown(&again), "what is printed reads back otherwise:\n{printed}");
    assert_eq!(written, values(&again.print()));
    assert_eq!(config.fixed_that_differ(&again), [""; 0]);
    let once_more = parse(&again.print(), &|_| None, mode, need).expect("what was accepted before").print();
    assert_eq!(again.print(), once_more);
}

/// Every section, without the addresses, which may be problems that have a place.
fn shown(config: &Config) -> String {
    let Config { project, fraiseql, server, graphql, rest, grpc, federation, auth, .. } = config;
    let Config { session_variables, rate_limit, telemetry, .. } = config;
    let nowhere = || Ok(Secret::new(""));
    let database = Database { url: nowhere(), ..config.database.clone() };
    let observers = config.observers.clone().map(|observers| Observers { nats_url: nowhere(), ..observers });
    let first = format!("{project:?}\n{fraiseql:?}\n{server:?}\n{database:?}\n{graphql:?}\n{rest:?}\n{grpc:?}");
    format!("{first}\n{federation:?}\n{auth:?}\n{session_variables:?}\n{observers:?}\n{rate_limit:?}\n{telemetry:?}")
}

/// A secret that stands once in what was given stands nowhere in what is shown.
fn secrets_stay(config: &Config, printed: &str, text: &str, variables: &str) {
    let Some(TokenKey::Secret(secret)) = &config.auth.key else { return };
    let secret = secret.reveal();
    let given = text.matches(secret).count() + variables.matches(secret).count();
    if secret.len() < 8 || given != 1 {
        return;
    }
    assert!(!printed.contains(secret), "a secret is printed:\n{printed}");
    assert!(!format!("{config:?}").contains(secret), "a secret is shown: {config:?}");
}

fn refused(problems: &[Problem], text: &str) {
    assert!(!problems.is_empty(), "it was refused without a reason");
    let lines = text.lines().count() + 1;
    for problem in problems {
        assert!(!problem.reason.is_empty(), "{problem:?}");
        assert!(!problem.to_string().is_empty());
        if let Some((line, column)) = problem.position {
            assert!((1..=lines).contains(&line) && column >= 1, "{problem:?}");
        }
    }
}
