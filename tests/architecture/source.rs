//! Rust source as the checks need it: what is code, what is text, and which modules it names.

use std::fs;
use std::path::{Path, PathBuf};

/// One file below the root of the crate.
pub struct Source {
    /// As in `src/plan/mod.rs`.
    pub path: String,
    pub text: String,
    /// The text with comments and the insides of literals blanked: offsets and lines stay.
    pub code: String,
    /// String literals, each with the line on which it begins.
    pub strings: Vec<(usize, String)>,
}

/// One mention of `crate::module`.
pub struct Mention {
    pub line: usize,
    pub module: String,
}

/// Every file below a folder, in the order of their paths.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if !path.is_dir() {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            } else if !path.ends_with("node_modules") && !path.ends_with("__pycache__") {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The Rust files of a folder.
pub fn sources(folder: &str) -> Vec<Source> {
    files(folder).into_iter().filter(|path| path.ends_with(".rs")).map(|path| Source::read(&path)).collect()
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The file that `mod name;` in `path` means, if there is one.
pub fn module_file(path: &str, name: &str) -> Option<String> {
    let path = Path::new(path);
    let folder = path.parent().unwrap();
    let owns_folder = matches!(path.file_name().unwrap().to_str(), Some("mod.rs" | "lib.rs" | "main.rs"));
    // A target of tests/ or benches/ is a crate root too, whatever it is called.
    let is_root = folder == Path::new("tests") || folder == Path::new("benches");
    let folder = if owns_folder || is_root { folder.to_owned() } else { folder.join(path.file_stem().unwrap()) };
    let candidates = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
    let found = candidates.into_iter().find(|file: &PathBuf| root().join(file).is_file())?;
    Some(found.to_str().unwrap().to_owned())
}

// === impl Source ===

impl Source {
    pub fn read(path: &str) -> Source {
        let text = read(path);
        let (code, strings) = separate(&text);
        Source { path: path.to_owned(), text, code, strings }
    }

    /// The top-level module that a file of src/ belongs to.
    pub fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap();
        inside.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Whether the file holds nothing but tests.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/") || !self.path.starts_with("src/")
    }

    /// The code before the module of tests, which comes last in a file.
    pub fn product(&self) -> &str {
        if self.is_test() {
            return "";
        }
        let tests = self.code.find("#[cfg(test)]\nmod tests {").unwrap_or(self.code.len());
        &self.code[..tests]
    }

    pub fn line_of(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }

    /// Where a path of the code begins, as `(line, what follows the prefix)`.
    pub fn places(&self, prefix: &str) -> Vec<(usize, &str)> {
        let code = self.product();
        let starts = code.match_indices(prefix).filter(|(at, _)| {
            let before = code[..*at].chars().next_back();
            !before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == '$')
        });
        starts.map(|(at, _)| (self.line_of(at), &code[at + prefix.len()..])).collect()
    }

    /// Every top-level module that the product code names: `crate::a`, `crate::{a, b::c}`, and
    /// `super::a` where `super` is the root of the crate.
    pub fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Vec::new();
        let mut add = |line, rest| mentions.extend(heads(rest).into_iter().map(|module| Mention { line, module }));
        self.places("crate::").into_iter().for_each(|(line, rest)| add(line, rest));
        let is_top = self.path.matches('/').count() == 1
            || self.path.matches('/').count() == 2 && self.path.ends_with("/mod.rs");
        if is_top {
            self.places("super::").into_iter().for_each(|(line, rest)| add(line, rest));
        }
        mentions
    }

    /// Names of `mod name;` lines, those under `#[cfg(test)]` included. A module that says where its file is belongs
    /// to another tree.
    pub fn modules(&self) -> Vec<String> {
        let lines = || self.code.lines().map(str::trim);
        let is_elsewhere = |before: &str| before.starts_with("#[path");
        let modules = std::iter::once("").chain(lines()).zip(lines()).filter(|(before, _)| !is_elsewhere(before));
        let modules = modules.filter_map(|(_, line)| {
            let declaration = line
                .strip_prefix("pub mod ")
                .or_else(|| line.strip_prefix("mod "))
                .or_else(|| line.strip_prefix("pub(crate) mod ").or_else(|| line.strip_prefix("pub(super) mod ")))?;
            declaration.strip_suffix(';').map(str::to_owned)
        });
        modules.collect()
    }
}

/// The first segments of a path or of a group of paths.
pub fn heads(rest: &str) -> Vec<String> {
    let word =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 1;
    let mut heads = vec![word(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(word(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads.retain(|head| !head.is_empty() && head != "self");
    heads
}

/// Tells code from comments and literals.
fn separate(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = String::with_capacity(text.len());
    let mut strings = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let before = code.chars().next_back();
        let (length, is_string) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => (block_comment(rest), false),
            '"' => (quoted(rest, '"'), true),
            'r' if !is_word(before) && (rest.starts_with("r\"") || rest.starts_with("r#")) => match raw(rest) {
                0 => (0, false),
                length => (length, true),
            },
            '\'' => (character(rest), false),
            _ => (0, false),
        };
        if length == 0 {
            code.push(first);
            line += usize::from(first == '\n');
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let literal = &rest[..length];
        if is_string {
            strings.push((line, literal.to_owned()));
        }
        code.extend(literal.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        line += literal.matches('\n').count();
        rest = &rest[length..];
    }
    (code, strings)
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().unwrap().len_utf8();
        }
    }
    text.len()
}

/// The length of a literal with escapes.
fn quoted(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == end => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r#"…"#`, or 0 for a raw identifier.
fn raw(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let body = 2 + hashes;
    text[body..].find(&end).map_or(text.len(), |at| body + at + end.len())
}

/// The length of a character literal, or 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted(text, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}
