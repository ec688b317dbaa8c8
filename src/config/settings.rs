//! What was said about each key, by whom, before it becomes a [`Config`](super::Config).

use std::collections::HashMap;
use std::fmt;

use crate::problem::Problem;

use super::keys::{self, Fallback, Key};

/// A value of the right kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    Integer(u64),
    Text(String),
    Texts(Vec<String>),
}

/// What the defaults depend on besides other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub mode: Mode,
    pub cores: usize,
    /// Whether this binary was built with `grpc-transport`.
    pub grpc_built_in: bool,
}

/// Who the service is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `fraiseql dev`: one person who wants to look inside.
    Dev,
    /// Everything else.
    Run,
}

/// Who gave a key its value; the later wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File {
        file: String,
        line: usize,
    },
    /// The name of the variable.
    Environment(String),
    /// The flag as it is typed.
    Flag(&'static str),
}

/// What is known of a value that was given.
#[derive(Debug, Clone)]
pub enum Given {
    Value(Value),
    /// It names variables that are not set. Not every command minds.
    Late(Vec<Problem>),
    /// It was refused, and the problem is on the list.
    Refused,
}

#[derive(Debug, Clone)]
pub struct Setting {
    pub given: Given,
    pub origin: Origin,
    /// Line and column in the file, from 1.
    pub position: Option<(usize, usize)>,
}

/// The keys that were given a value, by path: `server.port`, `federation.entities[0].name`.
#[derive(Clone)]
pub struct Settings {
    facts: Facts,
    given: HashMap<String, Setting>,
    /// Where each section, and each table of an array, begins.
    sections: HashMap<String, Option<(usize, usize)>>,
    /// How many tables each array has.
    tables: HashMap<String, usize>,
}

// === impl Facts ===

impl Facts {
    /// The facts of this machine and this binary.
    pub fn here(mode: Mode) -> Facts {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Facts { mode, cores, grpc_built_in: cfg!(feature = "grpc-transport") }
    }
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { file, line } => write!(f, "file {file}:{line}"),
            Origin::Environment(variable) => write!(f, "environment {variable}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Origin {
    /// What a problem names as the file.
    pub fn source(&self, file: &str) -> String {
        match self {
            Origin::Default | Origin::File { .. } => file.to_owned(),
            Origin::Environment(variable) => format!("${variable}"),
            Origin::Flag(flag) => (*flag).to_owned(),
        }
    }
}

// === impl Settings ===

/// Without the values, some of which are secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Settings {
    pub fn new(facts: Facts) -> Settings {
        Settings { facts, given: HashMap::new(), sections: HashMap::new(), tables: HashMap::new() }
    }

    /// Sets `path`, over whatever was there.
    pub fn set(&mut self, path: &str, setting: Setting) {
        self.given.insert(path.to_owned(), setting);
    }

    pub fn open_section(&mut self, path: &str, position: (usize, usize)) {
        self.sections.insert(path.to_owned(), Some(position));
    }

    pub fn open_table(&mut self, array: &str, position: (usize, usize)) -> String {
        let count = self.tables.entry(array.to_owned()).or_default();
        let path = format!("{array}[{count}]");
        *count += 1;
        self.sections.insert(path.clone(), Some(position));
        path
    }

    /// The paths of the tables of an array, in the order of the file.
    pub fn tables(&self, array: &str) -> Vec<String> {
        let count = self.tables.get(array).copied().unwrap_or_default();
        (0..count).map(|index| format!("{array}[{index}]")).collect()
    }

    /// Whether the file opens the section or anybody sets a key in it.
    pub fn has_section(&self, section: &str) -> bool {
        self.sections.contains_key(section)
            || self
                .tables
                .keys()
                .chain(self.given.keys())
                .any(|path| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')))
    }

    /// A problem with a key, where it stands.
    pub fn problem(&self, file: &str, path: &str, reason: impl Into<String>) -> Problem {
        let origin = self.given.get(path).map_or(&Origin::Default, |setting| &setting.origin);
        let mut problem = Problem::new(&origin.source(file), path, reason);
        problem.position = match origin {
            Origin::Default | Origin::File { .. } => self.position(path),
            Origin::Environment(_) | Origin::Flag(_) => None,
        };
        problem
    }

    /// Where a key, or else the section that should hold it, stands.
    pub fn position(&self, path: &str) -> Option<(usize, usize)> {
        let given = self.given.get(path).and_then(|setting| setting.position);
        let section = path.rsplit_once('.').map_or(path, |(section, _)| section);
        given
            .or_else(|| self.sections.get(path).copied().flatten())
            .or_else(|| self.sections.get(section).copied().flatten())
    }

    pub fn given(&self, path: &str) -> Option<&Setting> {
        self.given.get(path)
    }

    pub fn all_given(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.given.iter().map(|(path, setting)| (path.as_str(), setting))
    }

    /// Whether somebody said something about `path`, right or wrong.
    pub fn is_given(&self, path: &str) -> bool {
        self.given.contains_key(path)
    }

    /// The given value, else the default; `None` when there is neither.
    pub fn value(&self, path: &str) -> Option<Value> {
        match self.given.get(path).map(|setting| &setting.given) {
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Late(_) | Given::Refused) | None => {
                keys::find(&keys::pattern(path)).and_then(|key| self.default(key))
            }
        }
    }

    /// Like [`Settings::value`], but `None` too when what was given could not be used: a rule about
    /// two keys says nothing useful then.
    pub fn settled(&self, path: &str) -> Option<Value> {
        match self.given.get(path).map(|setting| &setting.given) {
            Some(Given::Late(_) | Given::Refused) => None,
            Some(Given::Value(_)) | None => self.value(path),
        }
    }

    fn default(&self, key: &Key) -> Option<Value> {
        match key.fallback {
            Fallback::Bool(value) => Some(Value::Bool(value)),
            Fallback::Integer(value) => Some(Value::Integer(value)),
            Fallback::Text(value) => Some(Value::Text(value.to_owned())),
            Fallback::EmptyList(_) => Some(Value::Texts(Vec::new())),
            Fallback::InDev => Some(Value::Bool(self.facts.mode == Mode::Dev)),
            Fallback::Computed { compute, .. } => Some(compute(&self.facts, self)),
            Fallback::Unset { .. } | Fallback::Required { .. } => None,
        }
    }
}
