//! Where each value of a JSON text stands, so that a problem can name a line.
//!
//! `serde_json::Value` keeps no positions, and parsing with them would mean a parser of our own.
//! This walks a text that has already been parsed without error and notes only where things begin.

use std::collections::HashMap;

/// Path (`types[2].fields[0].type`) → where it is written.
pub struct Spans<'a> {
    text: &'a str,
    offsets: HashMap<String, usize>,
    /// Keys that an object holds twice; a JSON parser silently keeps the last.
    pub duplicates: Vec<String>,
}

// === impl Spans ===

impl<'a> Spans<'a> {
    /// `text` must be valid JSON.
    pub fn new(text: &'a str) -> Spans<'a> {
        let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, offsets: HashMap::new(), duplicates: Vec::new() };
        scanner.value(&mut String::new());
        Spans { text, offsets: scanner.offsets, duplicates: scanner.duplicates }
    }

    /// Line and column, from 1, of the key or list item at `path`, or of what it would stand in.
    pub fn position(&self, path: &str) -> Option<(usize, usize)> {
        let mut path = path;
        loop {
            if let Some(offset) = self.offsets.get(path) {
                return Some(position(self.text, *offset));
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    offsets: HashMap<String, usize>,
    duplicates: Vec<String>,
}

impl Scanner<'_> {
    /// Skips space and commas or colons, which a valid text has only where they belong.
    fn next(&mut self) -> u8 {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => self.at += 1,
                other => return *other,
            }
        }
        0
    }

    fn note(&mut self, path: &str) {
        if self.offsets.insert(path.to_owned(), self.at).is_some() {
            self.duplicates.push(path.to_owned());
        }
    }

    fn value(&mut self, path: &mut String) {
        let parent = path.len();
        match self.next() {
            b'{' => {
                self.at += 1;
                while !matches!(self.next(), b'}' | 0) {
                    let start = self.at;
                    self.string();
                    let key = serde_json::from_slice::<String>(&self.bytes[start..self.at]).unwrap_or_default();
                    let end = std::mem::replace(&mut self.at, start);
                    if parent > 0 {
                        path.push('.');
                    }
                    path.push_str(&key);
                    self.note(path);
                    self.at = end;
                    self.value(path);
                    path.truncate(parent);
                }
                self.at += 1;
            }
            b'[' => {
                self.at += 1;
                let mut index = 0;
                while !matches!(self.next(), b']' | 0) {
                    path.push_str(&format!("[{index}]"));
                    self.note(path);
                    self.value(path);
                    path.truncate(parent);
                    index += 1;
                }
                self.at += 1;
            }
            b'"' => self.string(),
            _ => {
                while self
                    .bytes
                    .get(self.at)
                    .is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'))
                {
                    self.at += 1;
                }
            }
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Spans;

    #[test]
    fn paths_have_lines_and_columns() {
        let text = "{\n  \"types\": [\n    {\"name\": \"Zoë\", \"a\\\"b\": [1, 2]},\n    {}\n  ],\n  \"n\": -1.5e3, \"types\": null\n}";
        let spans = Spans::new(text);
        for (path, position) in [
            ("types[0]", Some((3, 5))),
            ("types[0].name", Some((3, 6))),
            ("types[0].a\"b[1]", Some((3, 33))),
            ("types[1].fields", Some((4, 5))),
            ("n", Some((6, 3))),
            ("absent", None),
        ] {
            assert_eq!(spans.position(path), position, "{path}");
        }
        assert_eq!(spans.duplicates, ["types"]);
    }
}
