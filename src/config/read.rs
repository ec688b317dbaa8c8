//! From the text of `fraiseql.toml` to settings: syntax, unknown keys, types, variables.
//!
//! Every problem is collected, and reading goes on behind it. Only a syntax error ends it early: what
//! the parser guesses behind one would bring forth problems that are none.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::Problem;

use super::convert::{self, Refusal};
use super::keys::{self, Key, Node};
use super::settings::{Given, Origin, Setting, Settings};
use super::table::{KEYS, SECTIONS};

/// Reads `text` into `settings` and returns what is wrong with it; `Err` when it is not TOML at all, and
/// `settings` have nothing of it.
pub fn read(
    file: &str,
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    settings: &mut Settings,
) -> Result<Vec<Problem>, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::new(text);
    if !errors.is_empty() {
        return Err(syntax(file, &lines, &errors));
    }
    let mut reader = Reader { file, lines, environment, settings, problems: Vec::new() };
    reader.table("", document.get_ref());
    Ok(reader.problems)
}

/// One problem a line: a single missing quote makes the parser complain several times.
fn syntax(file: &str, lines: &Lines<'_>, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for error in errors {
        let mut problem = Problem::new(file, "", format!("this is not TOML: {}", error.message()));
        problem.position = error.span().map(|span| lines.position(span.start));
        let line = |problem: &Problem| problem.position.map(|(line, _)| line);
        if problems.iter().all(|other| line(other) != line(&problem)) {
            problems.push(problem);
        }
    }
    problems
}

struct Reader<'a> {
    file: &'a str,
    lines: Lines<'a>,
    environment: &'a dyn Fn(&str) -> Option<String>,
    settings: &'a mut Settings,
    problems: Vec<Problem>,
}

struct Lines<'a> {
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

// === impl Reader ===

impl Reader<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = name.span().start;
            let name = name.get_ref().as_ref();
            let path = match path {
                "" => spell(name),
                path => format!("{path}.{}", spell(name)),
            };
            // A quoted name with a dot is one name, and none of ours.
            let node = if spell(name) == name { keys::node(&keys::pattern(&path)) } else { Node::Unknown };
            match (node, value.get_ref()) {
                (Node::Key(key), _) => self.key(key, &path, value),
                (Node::Section, DeValue::Table(table)) => {
                    self.settings.open_section(&path, self.lines.position(place));
                    self.table(&path, table);
                }
                (Node::Tables, DeValue::Array(items)) => self.tables(&path, items.iter()),
                (Node::Section, _) => self.wrong_shape(&path, place, &format!("[{path}]")),
                (Node::Tables, _) => self.wrong_shape(&path, place, &format!("[[{path}]]")),
                (Node::Unknown, _) => self.unknown(&path, name, place, matches!(value.get_ref(), DeValue::Table(_))),
            }
        }
    }

    fn tables<'v, 'i: 'v>(&mut self, array: &str, items: impl Iterator<Item = &'v Spanned<DeValue<'i>>>) {
        for item in items {
            let place = item.span().start;
            match item.get_ref() {
                DeValue::Table(table) => {
                    let path = self.settings.open_table(array, self.lines.position(place));
                    self.table(&path, table);
                }
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => self.wrong_shape(array, place, &format!("[[{array}]]")),
            }
        }
    }

    fn key(&mut self, key: &'static Key, path: &str, value: &Spanned<DeValue<'_>>) {
        let (line, column) = self.lines.position(value.span().start);
        let given = match convert::from_toml(key, value, self.environment) {
            Ok(value) => Given::Value(value),
            Err(refusals) => {
                let late = refusals.iter().all(|(_, refusal)| refusal.late);
                let problems: Vec<_> =
                    refusals.into_iter().map(|(place, refusal)| self.refused(path, place, refusal)).collect();
                if late {
                    Given::Late(problems)
                } else {
                    self.problems.extend(problems);
                    Given::Refused
                }
            }
        };
        let origin = Origin::File { file: self.file.to_owned(), line };
        self.settings.set(path, Setting { given, origin, position: Some((line, column)) });
    }

    fn refused(&self, path: &str, place: usize, refusal: Refusal) -> Problem {
        let mut problem = self.problem(path, place, refusal.reason);
        problem.hint = refusal.hint;
        problem
    }

    fn wrong_shape(&mut self, path: &str, place: usize, header: &str) {
        let problem = self.problem(path, place, format!("expected a section {header}"));
        self.problems.push(problem.hint(format!("write {header} on a line of its own, its keys below")));
    }

    fn unknown(&mut self, path: &str, name: &str, place: usize, is_table: bool) {
        let what = if is_table { "there is no such section" } else { "there is no such key" };
        let parent = path.strip_suffix(&spell(name)).unwrap_or("").trim_end_matches('.');
        let mut problem =
            self.problem(path, place, what).nearest(name, keys::children(&keys::pattern(parent)).iter().copied());
        // What was put under the wrong header, or under none, has its one right place elsewhere.
        let paths = KEYS.iter().map(|key| key.path).chain(SECTIONS.iter().map(|section| section.path));
        let mut places = paths.filter(|path| path.trim_end_matches("[]").rsplit('.').next() == Some(name));
        if let (Some(place), None) = (places.next(), places.next()) {
            problem = problem.hint(match place.rsplit_once('.') {
                Some((section, _)) => format!("\"{name}\" belongs in {}", header(section)),
                None => format!("{} is a section of its own", header(place)),
            });
        }
        self.problems.push(problem);
    }

    fn problem(&self, path: &str, place: usize, reason: impl Into<String>) -> Problem {
        let (line, column) = self.lines.position(place);
        Problem::new(self.file, path, reason).at(line, column)
    }
}

/// The header that opens a section: `[server]`, `[[federation.entities]]`.
pub fn header(section: &str) -> String {
    match section.strip_suffix("[]") {
        Some(array) => format!("[[{array}]]"),
        None => format!("[{section}]"),
    }
}

/// A name as TOML spells it in a path.
fn spell(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { name.to_owned() } else { format!("{name:?}") }
}

// === impl Lines ===

impl Lines<'_> {
    fn new(text: &str) -> Lines<'_> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Lines { text, starts: starts.collect() }
    }

    /// Line and column of a byte, both from 1, columns in characters.
    fn position(&self, byte: usize) -> (usize, usize) {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        (line, self.text[start..byte].chars().count() + 1)
    }
}
