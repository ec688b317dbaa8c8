//! docs/configuration.md, rendered from the table of keys so that the two cannot differ.

use std::fmt::Write;

use super::convert;
use super::keys::{Fallback, Key, Kind};
use super::read::header;
use super::table::{KEYS, SECTIONS};

const INTRODUCTION: &str = "\
# fraiseql.toml

One file per service, read by every command. Unknown keys and sections are refused.

**Precedence**: flag, then environment, then file, then default. `fraiseql run --print-config` prints
the result with the origin of each value, secrets masked.

**Environment**: the variable of a key is `FRAISEQL_` and its path in capitals, `server.port` →
`FRAISEQL_SERVER_PORT`; lists are written with commas. Keys in arrays of tables have none. An empty
variable counts as not set. `DATABASE_URL` is used when neither the file nor `FRAISEQL_DATABASE_URL`
names a database.

**Substitution**: in the strings of the file, `${VAR}` is replaced by the variable, `${VAR:-default}`
by the default when the variable is not set or empty. A variable that is not set and has no default is
an error in the commands that need the key: `fraiseql compile` needs `[project]`, `[fraiseql]`,
`[graphql]`, `[rest]`, `[grpc]` and `[federation]`, `fraiseql run` everything. What a variable holds is
never parsed or substituted again. `$${` writes `${`; every other `$` is itself.

**Paths** are relative to the directory of the file; those in flags and variables, to the working directory.

**Units** end the name of a key: `_ms` milliseconds, `_secs` seconds, `_bytes` bytes. Sizes are integers.
";

/// The whole page.
pub fn render() -> String {
    let mut out = INTRODUCTION.to_owned();
    for section in SECTIONS {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n## `{}`\n\n{}\n\n", header(section.path), section.doc);
        out.push_str("| key | takes | default | meaning |\n|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.section() == section.path) {
            let _ = writeln!(out, "| `{}` | {} | {} | {} |", key.name(), takes(key), fallback(key), key.doc);
        }
    }
    out
}

fn takes(key: &Key) -> String {
    match key.kind {
        Kind::Integer { min, max } if min == max => format!("{min}"),
        Kind::Integer { min, max } => format!("{}, {min} to {max}", convert::expected(key)),
        Kind::Word(words) => list(words),
        Kind::Url(schemes) => {
            let schemes: Vec<_> = schemes.iter().map(|scheme| format!("`{scheme}://`")).collect();
            format!("a URL, {}", schemes.join(" or "))
        }
        Kind::File => "a path".to_owned(),
        Kind::List(Kind::Word(words)) => format!("a list of {}", list(words)),
        Kind::List(Kind::Url(_)) => "a list of URLs".to_owned(),
        Kind::Bool | Kind::Text(_) | Kind::List(_) | Kind::OneOrMore(_) => convert::expected(key),
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
}

fn fallback(key: &Key) -> String {
    match key.fallback {
        Fallback::Bool(value) => format!("`{value}`"),
        Fallback::Integer(value) => format!("`{value}`"),
        Fallback::Text(value) => format!("`\"{value}\"`"),
        Fallback::EmptyList(_) => "`[]`".to_owned(),
        Fallback::InDev => "`true` under `fraiseql dev`, else `false`".to_owned(),
        Fallback::Computed { says, .. } => says.to_owned(),
        Fallback::Unset { means, example } => format!("{means}; e.g. `{example}`"),
        Fallback::Required { example } => format!("required; e.g. `{example}`"),
    }
}
