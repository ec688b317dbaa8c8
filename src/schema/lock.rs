//! `fraiseql.lock`: the numbers that gRPC clients know fields and enum values by.
//!
//! A protobuf client keeps the number of a field and not its name, so a number that was given once is
//! never given to anything else. The file lies beside the schema and is committed with it; each number
//! has a line of its own, in the order in which it was given, so that a change to the schema is a few
//! added lines in a diff. Messages without a member of the user's own (scalar filters) are not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::name::{pascal_case, snake_case};
use crate::problem::Problem;

/// The file's name, beside the schema.
pub const FILE_NAME: &str = "fraiseql.lock";

/// Raised when the layout of the file changes.
const VERSION: u32 = 1;

/// Numbers that protobuf keeps for itself.
const PROTOBUF_OWN: std::ops::RangeInclusive<u32> = 19_000..=19_999;

/// The numbers of every message and enum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    messages: BTreeMap<String, Members>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    enums: BTreeMap<String, Members>,
}

/// The fields of a message or the values of an enum, each list by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    current: Vec<Member>,
    /// Removed, and what was there before a change that breaks clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reserved: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub number: u32,
    pub name: String,
    /// How the field travels: `string`, `repeated User`. Empty for the value of an enum.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub ty: String,
}

/// What needs numbers, in the order in which new ones are given.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Names, each with its fields and how they travel.
    pub messages: Vec<(String, Vec<(String, String)>)>,
    pub enums: Vec<(String, Vec<String>)>,
}

/// A lock with a number for everything that was wanted.
#[derive(Debug)]
pub struct Settled {
    pub lock: Lock,
    /// Changes that clients built before would misunderstand.
    pub breaking: Vec<Problem>,
}

/// The message of a type of the schema.
pub fn message_name(type_name: &str) -> String {
    pascal_case(type_name)
}

/// The field of a message for a field or an argument of the schema, or for a case of a union.
pub fn field_name(name: &str) -> String {
    snake_case(name)
}

/// The value of a protobuf enum, which carries the name of the enum because values are not scoped by it.
pub fn value_name(enum_name: &str, value: &str) -> String {
    format!("{}_{}", snake_case(enum_name), snake_case(value)).to_ascii_uppercase()
}

// === impl Lock ===

impl Lock {
    /// Reads the file; `file` is how the user named it.
    pub fn parse(text: &str, file: &str) -> Result<Lock, Vec<Problem>> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Versioned {
            version: u32,
            #[serde(default)]
            messages: BTreeMap<String, Members>,
            #[serde(default)]
            enums: BTreeMap<String, Members>,
        }
        let read: Versioned = toml::from_str(text).map_err(|error| {
            let problem = Problem::new(file, "", error.message().to_owned());
            let position = error.span().map(|span| position(text, span.start));
            let problem = position.map_or(problem.clone(), |(line, column)| problem.at(line, column));
            vec![problem.hint("take the file from version control; numbers that were given must not be lost")]
        })?;
        if read.version != VERSION {
            let reason = format!("is of version {}, this program reads {VERSION}", read.version);
            return Err(vec![
                Problem::new(file, "version", reason).hint("use the program that wrote it, or a newer one"),
            ]);
        }
        let mut problems = Vec::new();
        for (kind, all) in [("messages", &read.messages), ("enums", &read.enums)] {
            for (name, members) in all {
                members.check(file, &format!("{kind}.{name}"), &mut problems);
            }
        }
        if problems.is_empty() { Ok(Lock { messages: read.messages, enums: read.enums }) } else { Err(problems) }
    }

    /// The text of the file.
    pub fn print(&self) -> String {
        let mut text = String::from(
            "# Field numbers of the gRPC API, written by `fraiseql compile`. Commit this file: clients know fields by\n\
             # these numbers, so they are appended and never reused.\n",
        );
        let _ = writeln!(text, "version = {VERSION}");
        for (kind, all) in [("messages", &self.messages), ("enums", &self.enums)] {
            for (name, members) in all {
                let _ = writeln!(text, "\n[{kind}.{name}]");
                members.print(&mut text);
            }
        }
        text
    }

    /// Numbers for everything that is wanted: those that were given before, and new ones behind them.
    pub fn settle(&self, wanted: &Wanted, file: &str) -> Settled {
        let mut settled = Settled { lock: self.clone(), breaking: Vec::new() };
        let Lock { messages, enums } = &mut settled.lock;
        let mut breaking = Vec::new();
        for (name, fields) in &wanted.messages {
            let wanted = fields.iter().map(|(field, ty)| (field.as_str(), ty.as_str()));
            messages.entry(name.clone()).or_default().settle(wanted, |reason| {
                breaking.push(Problem::new(file, format!("messages.{name}"), reason).hint(ALLOW));
            });
        }
        for (name, values) in &wanted.enums {
            let wanted = values.iter().map(|value| (value.as_str(), ""));
            enums.entry(name.clone()).or_default().settle(wanted, |_| {});
        }
        let kept: BTreeSet<&str> = wanted.messages.iter().map(|(name, _)| name.as_str()).collect();
        retire(messages, &kept);
        let kept: BTreeSet<&str> = wanted.enums.iter().map(|(name, _)| name.as_str()).collect();
        retire(enums, &kept);
        settled.breaking = breaking;
        settled
    }

    /// The number of a field, and how it travels.
    pub fn field(&self, message: &str, field: &str) -> Option<&Member> {
        self.messages.get(message)?.current.iter().find(|member| member.name == field)
    }

    /// The number of an enum's value.
    pub fn value(&self, enum_name: &str, value: &str) -> Option<u32> {
        Some(self.enums.get(enum_name)?.current.iter().find(|member| member.name == value)?.number)
    }

    /// What a message may not use again.
    pub fn reserved_fields(&self, message: &str) -> Reserved<'_> {
        Reserved::of(self.messages.get(message))
    }

    /// What an enum may not use again.
    pub fn reserved_values(&self, enum_name: &str) -> Reserved<'_> {
        Reserved::of(self.enums.get(enum_name))
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.enums.is_empty()
    }
}

const ALLOW: &str = "give the field a new name, or accept that clients have to be built anew with --allow-breaking";

/// Numbers and names that are gone for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reserved<'l> {
    pub numbers: Vec<u32>,
    /// Less those that something else has taken since.
    pub names: Vec<&'l str>,
}

// === impl Reserved ===

impl<'l> Reserved<'l> {
    fn of(members: Option<&'l Members>) -> Reserved<'l> {
        let Some(members) = members else { return Reserved::default() };
        let numbers = members.reserved.iter().map(|member| member.number).collect();
        let is_free = |name: &&str| members.current.iter().all(|member| member.name != **name);
        let names: BTreeSet<&str> =
            members.reserved.iter().map(|member| member.name.as_str()).filter(is_free).collect();
        Reserved { numbers, names: names.into_iter().collect() }
    }
}

/// What nothing wants any more keeps its place, with every number reserved.
fn retire(all: &mut BTreeMap<String, Members>, kept: &BTreeSet<&str>) {
    for (name, members) in all {
        if !kept.contains(name.as_str()) {
            members.settle(std::iter::empty(), |_| {});
        }
    }
}

// === impl Members ===

impl Members {
    fn settle<'w>(&mut self, wanted: impl Iterator<Item = (&'w str, &'w str)>, mut breaks: impl FnMut(String)) {
        let mut before = std::mem::take(&mut self.current);
        let mut added = Vec::new();
        for (name, ty) in wanted {
            if let Some(at) = before.iter().position(|member| member.name == name) {
                let known = before.remove(at);
                if known.ty == ty {
                    self.current.push(known);
                    continue;
                }
                breaks(format!("{name} was {} and becomes {ty}", known.ty));
                self.reserved.push(known);
            } else if let Some(at) = self.reserved.iter().rposition(|member| member.name == name) {
                // Came back: clients that know the number still understand it when it travels as before.
                if self.reserved[at].ty == ty {
                    self.current.push(self.reserved.remove(at));
                    continue;
                }
                breaks(format!("{name} was {} when it was removed and comes back as {ty}", self.reserved[at].ty));
            }
            added.push((name, ty));
        }
        self.reserved.append(&mut before);
        for (name, ty) in added {
            let number = self.next_number();
            self.current.push(Member { number, name: name.to_owned(), ty: ty.to_owned() });
        }
        self.current.sort_by_key(|member| member.number);
        self.reserved.sort_by_key(|member| member.number);
    }

    fn next_number(&self) -> u32 {
        let next = self.all().map(|member| member.number).max().unwrap_or(0) + 1;
        if PROTOBUF_OWN.contains(&next) { PROTOBUF_OWN.end() + 1 } else { next }
    }

    fn all(&self) -> impl Iterator<Item = &Member> {
        self.current.iter().chain(&self.reserved)
    }

    /// A merge of two branches can give one number twice.
    fn check(&self, file: &str, path: &str, problems: &mut Vec<Problem>) {
        let mut numbers: BTreeMap<u32, &str> = BTreeMap::new();
        for member in self.all() {
            if member.number == 0 || PROTOBUF_OWN.contains(&member.number) || member.number >= 1 << 29 {
                let reason = format!("{} cannot have the number {}", member.name, member.number);
                problems.push(Problem::new(file, path, reason));
            }
            if let Some(other) = numbers.insert(member.number, &member.name) {
                let reason = format!("{} and {other} have the same number {}", member.name, member.number);
                let hint = "remove the line of the one that no client knows yet; `fraiseql compile` gives it another";
                problems.push(Problem::new(file, path, reason).hint(hint));
            }
        }
        let mut names = BTreeSet::new();
        for member in self.current.iter().filter(|member| !names.insert(&member.name)) {
            problems.push(Problem::new(file, path, format!("{} stands there twice", member.name)));
        }
    }

    fn print(&self, text: &mut String) {
        for (kind, members) in [("current", &self.current), ("reserved", &self.reserved)] {
            if members.is_empty() {
                continue;
            }
            let _ = writeln!(text, "{kind} = [");
            for Member { number, name, ty } in members {
                let ty = if ty.is_empty() { String::new() } else { format!(", type = \"{ty}\"") };
                let _ = writeln!(text, "  {{ number = {number}, name = \"{name}\"{ty} }},");
            }
            text.push_str("]\n");
        }
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(fields: &[(&str, &str)], values: &[&str]) -> Wanted {
        let fields = fields.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
        let values = values.iter().map(|name| (*name).to_owned()).collect();
        Wanted { messages: vec![("User".to_owned(), fields)], enums: vec![("Role".to_owned(), values)] }
    }

    fn numbers(lock: &Lock) -> Vec<(u32, &str)> {
        lock.messages["User"].current.iter().map(|member| (member.number, member.name.as_str())).collect()
    }

    fn settle(lock: &Lock, fields: &[(&str, &str)], values: &[&str]) -> Lock {
        let settled = lock.settle(&wanted(fields, values), FILE_NAME);
        assert_eq!(settled.breaking, []);
        let again = Lock::parse(&settled.lock.print(), FILE_NAME).unwrap();
        assert_eq!(again, settled.lock, "the file reads as it was written");
        settled.lock
    }

    #[test]
    fn numbers_are_appended_and_never_reused() {
        let first = settle(&Lock::default(), &[("id", "string"), ("age", "int32")], &["ADMIN"]);
        assert_eq!(numbers(&first), [(1, "id"), (2, "age")]);

        let more = settle(&first, &[("name", "string"), ("age", "int32"), ("id", "string")], &["MEMBER", "ADMIN"]);
        assert_eq!(numbers(&more), [(1, "id"), (2, "age"), (3, "name")], "the order of the schema does not matter");
        assert_eq!((more.value("Role", "ADMIN"), more.value("Role", "MEMBER")), (Some(1), Some(2)));

        let less = settle(&more, &[("id", "string")], &["MEMBER"]);
        assert_eq!(less.reserved_fields("User"), Reserved { numbers: vec![2, 3], names: vec!["age", "name"] });
        assert_eq!(less.reserved_values("Role"), Reserved { numbers: vec![1], names: vec!["ADMIN"] });

        let after = settle(&less, &[("id", "string"), ("email", "string")], &["MEMBER", "GUEST"]);
        assert_eq!(numbers(&after), [(1, "id"), (4, "email")]);

        let back = settle(&after, &[("id", "string"), ("email", "string"), ("age", "int32")], &[]);
        assert_eq!(numbers(&back), [(1, "id"), (2, "age"), (4, "email")], "what comes back is the same field");
    }

    #[test]
    fn a_removed_message_keeps_its_numbers() {
        let first = settle(&Lock::default(), &[("id", "string")], &[]);
        let gone = first.settle(&Wanted::default(), FILE_NAME).lock;
        assert_eq!(gone.field("User", "id"), None);
        let back = settle(&gone, &[("name", "string"), ("id", "string")], &[]);
        assert_eq!(numbers(&back), [(1, "id"), (2, "name")]);
    }

    #[test]
    fn another_type_breaks_clients() {
        let first = settle(&Lock::default(), &[("id", "string"), ("age", "int32")], &[]);
        let settled = first.settle(&wanted(&[("id", "string"), ("age", "string")], &[]), FILE_NAME);
        let told: Vec<String> = settled.breaking.iter().map(|problem| problem.reason.clone()).collect();
        assert_eq!(told, ["age was int32 and becomes string"]);
        assert_eq!(numbers(&settled.lock), [(1, "id"), (3, "age")], "the old number is not read as the new type");
        assert_eq!(settled.lock.reserved_fields("User"), Reserved { numbers: vec![2], names: vec![] });

        let gone = settle(&first, &[("id", "string")], &[]);
        let settled = gone.settle(&wanted(&[("id", "string"), ("age", "string")], &[]), FILE_NAME);
        assert_eq!(settled.breaking.len(), 1);
    }

    #[test]
    fn protobufs_own_numbers_are_stepped_over() {
        let member = Member { number: 18_999, name: "x".to_owned(), ty: "string".to_owned() };
        let members = Members { current: vec![member], reserved: Vec::new() };
        assert_eq!(members.next_number(), 20_000);
    }

    #[test]
    fn a_bad_file_is_refused() {
        for (text, reason) in [
            ("", "missing field `version`"),
            ("version = 2\n", "is of version 2, this program reads 1"),
            (
                "version = 1\n[messages.User]\ncurrent = [\n  { number = 1, name = \"a\" },\n  { number = 1, name = \"b\" },\n]\n",
                "b and a have the same number 1",
            ),
            ("version = 1\n[messages.User]\ncurrent = [{ number = 0, name = \"a\" }]\n", "a cannot have the number 0"),
            ("version = 1\n[message.User]\n", "unknown field `message`"),
        ] {
            let problems = Lock::parse(text, FILE_NAME).unwrap_err();
            assert!(problems[0].reason.contains(reason), "{}", problems[0]);
        }
        let problems = Lock::parse("version = 1\n<<<<<<< HEAD\n", FILE_NAME).unwrap_err();
        assert_eq!(problems[0].position.map(|(line, _)| line), Some(2));
    }
}
