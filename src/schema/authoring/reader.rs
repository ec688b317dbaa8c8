//! Reading a JSON object key by key, collecting everything that is wrong with it.
//!
//! Serde's derive stops at the first mistake; a person who mends a schema wants all of them. So an
//! object is read by asking for keys, a key that was never asked for is unknown, and a value of the
//! wrong type counts as absent once it has been reported.

use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::problem::Problem;

/// What one run has found so far.
pub struct Reports {
    file: String,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

/// An object of the file, and the keys that it may have.
pub struct Object<'a> {
    pub path: String,
    pub reports: &'a Reports,
    map: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

/// What a JSON value is, for "must be …, not …".
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

// === impl Reports ===

impl Reports {
    pub fn new(file: &str) -> Reports {
        Reports { file: file.to_owned(), problems: RefCell::default(), warnings: RefCell::default() }
    }

    /// A problem of this file, to be completed and handed to `refuse` or `warn`.
    pub fn at(&self, path: impl Into<String>, reason: impl Into<String>) -> Problem {
        Problem::new(&self.file, path, reason)
    }

    pub fn refuse(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub fn warn(&self, warning: Problem) {
        self.warnings.borrow_mut().push(warning);
    }

    pub fn has_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// Problems, then warnings.
    pub fn into_parts(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.problems.into_inner(), self.warnings.into_inner())
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    /// Reads `value` as an object and refuses the keys that `read` did not ask for.
    pub fn read<T>(
        value: &'a Value,
        path: String,
        reports: &'a Reports,
        read: impl FnOnce(&mut Object<'a>) -> T,
    ) -> Option<T> {
        let Value::Object(map) = value else {
            reports.refuse(reports.at(path, format!("must be an object, not {}", kind_of(value))));
            return None;
        };
        let mut object = Object { path, reports, map, known: Vec::new() };
        let result = read(&mut object);
        for key in map.keys().filter(|key| !object.known.contains(&key.as_str())) {
            let problem = reports.at(object.path_of(key), format!("unknown key \"{key}\""));
            reports.refuse(problem.nearest(key, object.known.iter().copied()));
        }
        Some(result)
    }

    /// `path.key`.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Refuses the value of `key`, or the object where it lacks the key.
    pub fn refuse(&self, key: &str, reason: impl Into<String>) {
        self.reports.refuse(self.reports.at(self.path_of(key), reason));
    }

    /// The value, `null` included.
    pub fn raw(&mut self, key: &'static str) -> Option<&'a Value> {
        self.accept(&[key]);
        self.map.get(key)
    }

    /// The value; `null` is the same as none.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.raw(key).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.get(key)? {
            Value::String(text) => Some(text.clone()),
            other => self.wrong(key, "a string", other),
        }
    }

    /// A text that must be there; empty once its absence has been reported.
    pub fn required_text(&mut self, key: &'static str) -> String {
        if self.map.get(key).is_none_or(Value::is_null) {
            self.reports.refuse(self.reports.at(self.path.clone(), format!("the key \"{key}\" is missing")));
        }
        self.filled_text(key).unwrap_or_default()
    }

    /// A text that means nothing when it is empty: a role of no name would guard nothing.
    pub fn filled_text(&mut self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.refuse(key, "must not be empty");
        }
        Some(text)
    }

    /// A boolean that is false when absent.
    pub fn flag(&mut self, key: &'static str) -> bool {
        self.optional_flag(key).unwrap_or(false)
    }

    pub fn optional_flag(&mut self, key: &'static str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(flag) => Some(*flag),
            other => self.wrong(key, "true or false", other),
        }
    }

    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let path = self.path_of(key);
        let mut texts = Vec::new();
        for (index, item) in self.items(key).iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text.clone()),
                other => {
                    let reason = format!("must be a string, not {}", kind_of(other));
                    self.reports.refuse(self.reports.at(format!("{path}[{index}]"), reason));
                }
            }
        }
        texts
    }

    /// Each object of a list.
    pub fn each<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Object<'a>) -> T) -> Vec<T> {
        let path = self.path_of(key);
        let items = self.items(key).iter().enumerate();
        items
            .filter_map(|(index, item)| Object::read(item, format!("{path}[{index}]"), self.reports, &mut read))
            .collect()
    }

    /// Each object of a list that must be there and hold something; an absent one has been reported.
    pub fn each_required<T>(&mut self, key: &'static str, read: impl FnMut(&mut Object<'a>) -> T) -> Vec<T> {
        self.require_list(key);
        self.each(key, read)
    }

    pub fn require_list(&mut self, key: &'static str) {
        match self.get(key) {
            None => self.reports.refuse(self.reports.at(self.path.clone(), format!("the key \"{key}\" is missing"))),
            Some(Value::Array(items)) if items.is_empty() => self.refuse(key, "must not be empty"),
            Some(_) => {}
        }
    }

    /// The object under `key`.
    pub fn child<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Object<'a>) -> T) -> Option<T> {
        let value = self.get(key)?;
        Object::read(value, self.path_of(key), self.reports, read)
    }

    /// The entries of an object whose keys are the author's.
    pub fn entries(&mut self, key: &'static str) -> Vec<(&'a str, &'a Value)> {
        match self.get(key) {
            None => Vec::new(),
            Some(Value::Object(map)) => map.iter().map(|(name, value)| (name.as_str(), value)).collect(),
            Some(other) => self.wrong(key, "an object", other).unwrap_or_default(),
        }
    }

    /// Keys that other tools read and that change nothing that is served here.
    pub fn accept(&mut self, keys: &[&'static str]) {
        for key in keys {
            if !self.known.contains(key) {
                self.known.push(key);
            }
        }
    }

    /// A key whose feature does not exist here: said once, when it is used.
    pub fn without_effect(&mut self, key: &'static str, hint: &str) {
        if self.get(key).is_some_and(|value| !is_off(value)) {
            let warning = self.reports.at(self.path_of(key), format!("\"{key}\" has no effect"));
            self.reports.warn(if hint.is_empty() { warning } else { warning.hint(hint) });
        }
    }

    /// A key that guards data in a way that does not exist here: serving without it would be unsafe.
    pub fn unsafe_to_ignore(&mut self, key: &'static str, hint: &str) {
        if self.get(key).is_some_and(|value| !is_off(value)) {
            let reason = format!("\"{key}\" guards access, is not supported, and cannot be ignored safely");
            self.reports.refuse(self.reports.at(self.path_of(key), reason).hint(hint));
        }
    }

    fn items(&mut self, key: &'static str) -> &'a [Value] {
        match self.get(key) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(other) => self.wrong(key, "a list", other).unwrap_or_default(),
        }
    }

    fn wrong<T>(&self, key: &str, expected: &str, found: &Value) -> Option<T> {
        self.refuse(key, format!("must be {expected}, not {}", kind_of(found)));
        None
    }
}

/// Whether a value switches its feature off: `false`, `0`, an empty list or object.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}
