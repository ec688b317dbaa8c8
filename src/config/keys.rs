//! What is said of a key of `fraiseql.toml`, and what stands at a path.
//!
//! `name[]` in a path is an array of tables: `federation.entities[].name` is `name` in
//! `[[federation.entities]]`.

use super::settings::{Facts, Settings, Value};
use super::table::KEYS;

/// One key: its place, what it takes, what holds without it.
#[derive(Debug)]
pub struct Key {
    pub path: &'static str,
    pub kind: Kind,
    pub fallback: Fallback,
    pub doc: &'static str,
    pub secrecy: Secrecy,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Bool,
    /// Both ends belong to the range.
    Integer {
        min: u64,
        max: u64,
    },
    /// The check answers with what the text must be when it is not.
    Text(fn(&str) -> Result<(), &'static str>),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A URL of one of these schemes.
    Url(&'static [&'static str]),
    /// A path, relative to the directory of the file that names it.
    File,
    List(&'static Kind),
    /// A list, or its only item without brackets.
    OneOrMore(&'static Kind),
}

/// What holds when nobody says anything.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    Bool(bool),
    Integer(u64),
    Text(&'static str),
    /// An empty list; the text is an example of another.
    EmptyList(&'static str),
    /// `true` under `fraiseql dev`, else `false`.
    InDev,
    /// Computed from the machine and from other keys; `says` tells how.
    Computed {
        says: &'static str,
        example: &'static str,
        compute: fn(&Facts, &Settings) -> Value,
    },
    /// No value; `means` tells what follows.
    Unset {
        means: &'static str,
        example: &'static str,
    },
    /// There must be a value wherever the table stands.
    Required {
        example: &'static str,
    },
}

/// How a value is shown in `--print-config` and in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    Open,
    /// A URL whose password, or whose whole user part when that is a token, is masked.
    Credentials,
    /// Masked as a whole.
    Secret,
}

/// A section or an array of tables, with the sentence that opens it in the documentation.
#[derive(Debug)]
pub struct Section {
    pub path: &'static str,
    pub doc: &'static str,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy)]
pub enum Node {
    Key(&'static Key),
    Section,
    /// `[[path]]`
    Tables,
    Unknown,
}

/// The row of a path in which arrays are written `name[]`.
pub fn find(pattern: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == pattern)
}

/// The path with its indices left out: `federation.entities[0].name` → `federation.entities[].name`.
pub fn pattern(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        inside = inside && c != ']';
        if !inside {
            out.push(c);
        }
        inside = inside || c == '[';
    }
    out
}

/// What stands at `pattern`, without a `[]` of its own at the end.
pub fn node(pattern: &str) -> Node {
    if let Some(key) = find(pattern) {
        return Node::Key(key);
    }
    let below = |path: &str| path.strip_prefix(pattern).map(|rest| rest.starts_with("[]"));
    let is_section = |path: &str| path.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('.'));
    if KEYS.iter().any(|key| below(key.path) == Some(true)) {
        Node::Tables
    } else if KEYS.iter().any(|key| is_section(key.path)) {
        Node::Section
    } else {
        Node::Unknown
    }
}

/// The names that are valid in the table at `pattern`, the root being `""`.
pub fn children(pattern: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let rest = match pattern {
            "" => Some(key.path),
            pattern => key.path.strip_prefix(pattern).and_then(|rest| rest.strip_prefix('.')),
        };
        if let Some(name) = rest.and_then(|rest| rest.split('.').next()) {
            let name = name.trim_end_matches("[]");
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

// === impl Key ===

impl Key {
    /// The path of the table that holds this key, arrays with their `[]`.
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// Whether it stands in an array of tables, where neither a flag nor the environment reaches it.
    pub fn repeats(&self) -> bool {
        self.path.contains("[]")
    }

    /// The variable that overrides the file: `server.port` → `FRAISEQL_SERVER_PORT`.
    pub fn variable(&self) -> Option<String> {
        (!self.repeats()).then(|| format!("FRAISEQL_{}", self.path.replace('.', "_").to_uppercase()))
    }

    /// The unit that the end of the name tells.
    pub fn unit(&self) -> Option<&'static str> {
        let units = [("_ms", "milliseconds"), ("_secs", "seconds"), ("_bytes", "bytes")];
        units.iter().find(|(suffix, _)| self.name().ends_with(suffix)).map(|(_, unit)| *unit)
    }

    /// A line of TOML that is right.
    pub fn example(&self) -> String {
        let value = match self.fallback {
            Fallback::Bool(value) => value.to_string(),
            Fallback::Integer(value) => value.to_string(),
            Fallback::Text(value) => format!("{value:?}"),
            Fallback::InDev => "true".to_owned(),
            Fallback::EmptyList(example)
            | Fallback::Computed { example, .. }
            | Fallback::Unset { example, .. }
            | Fallback::Required { example } => example.to_owned(),
        };
        format!("{} = {value}", self.name())
    }

    pub const fn secrecy(mut self, secrecy: Secrecy) -> Key {
        self.secrecy = secrecy;
        self
    }
}
