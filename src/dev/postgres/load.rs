//! SQL files through psql, and what psql says about them as problems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::problem::Problem;

/// What was loaded.
#[derive(Debug, Default)]
pub struct LoadReport {
    pub files: Vec<LoadedFile>,
    /// Warnings of the server; notices are not among them.
    pub warnings: Vec<Problem>,
}

#[derive(Debug)]
pub struct LoadedFile {
    pub path: PathBuf,
    pub elapsed: Duration,
}

/// Runs each file in a psql of its own, as a person would who types `psql -f FILE` for one after the other.
pub fn load(files: &[PathBuf], psql: impl Fn() -> Command) -> Result<LoadReport, Problem> {
    let mut report = LoadReport::default();
    for path in files {
        let name = path.to_string_lossy().into_owned();
        let started = Instant::now();
        let output = psql()
            .arg("-f")
            .arg(path)
            .stdout(Stdio::null())
            .output()
            .map_err(|error| Problem::new(&name, "", format!("psql cannot be run: {error}")))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let mut warnings = Vec::new();
        let mut errors = Vec::new();
        for message in messages(&said) {
            match message.severity {
                Severity::Error => errors.push(message.into_problem(&name)),
                Severity::Warning => warnings.push(message.into_problem(&name)),
                Severity::Notice => {}
            }
        }
        if !output.status.success() {
            return Err(errors.into_iter().next().unwrap_or_else(|| Problem::new(&name, "", said.trim())));
        }
        report.warnings.extend(warnings);
        report.files.push(LoadedFile { path: path.clone(), elapsed: started.elapsed() });
    }
    Ok(report)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Severity {
    Error,
    Warning,
    Notice,
}

/// How psql and the server mark the first line of a message, in the C locale.
const SEVERITIES: [(&str, Severity); 11] = [
    ("ERROR", Severity::Error),
    ("FATAL", Severity::Error),
    ("PANIC", Severity::Error),
    ("error", Severity::Error),
    ("WARNING", Severity::Warning),
    ("warning", Severity::Warning),
    ("NOTICE", Severity::Notice),
    ("INFO", Severity::Notice),
    ("LOG", Severity::Notice),
    ("DEBUG", Severity::Notice),
    ("notice", Severity::Notice),
];

/// One message on psql's error output.
#[derive(Debug)]
struct Message {
    /// File and line at whose end psql was when the message came.
    place: Option<(String, usize)>,
    severity: Severity,
    text: String,
    detail: Option<String>,
    hint: Option<String>,
    context: Option<String>,
    /// The line of the statement that is wrong, and where in it, from 0.
    excerpt: Option<(String, usize)>,
}

// === impl Message ===

impl Message {
    fn into_problem(self, loaded: &str) -> Problem {
        let file = self.place.as_ref().map_or(loaded, |(file, _)| file);
        let mut reason = self.text;
        for more in [self.detail, self.context].into_iter().flatten() {
            reason.push_str("\n  ");
            reason.push_str(&more.replace('\n', "\n  "));
        }
        let mut problem = Problem::new(file, "", reason);
        problem.hint = self.hint;
        problem.position = self.place.as_ref().map(|(file, end)| {
            let excerpt = self.excerpt.as_ref();
            excerpt.and_then(|(excerpt, at)| locate(Path::new(file), *end, excerpt, *at)).unwrap_or((*end, 1))
        });
        problem
    }
}

/// psql names the line where the statement ends; the excerpt, searched from there upwards, is where it is wrong.
fn locate(file: &Path, end: usize, excerpt: &str, at: usize) -> Option<(usize, usize)> {
    const CUT: &str = "...";
    let text = fs::read_to_string(file).ok()?;
    let (cut_before, start) = match excerpt.strip_prefix(CUT) {
        Some(rest) => (CUT.len(), rest),
        None => (0, excerpt),
    };
    let wanted = start.strip_suffix(CUT).unwrap_or(start).trim_end();
    if wanted.is_empty() {
        return None;
    }
    let lines: Vec<String> = text.lines().take(end).map(|line| line.replace('\t', " ")).collect();
    let (number, line) = lines.iter().enumerate().rev().find(|(_, line)| line.contains(wanted))?;
    let before = line.find(wanted).map_or(0, |at| line[..at].chars().count());
    Some((number + 1, before + at.saturating_sub(cut_before) + 1))
}

fn messages(said: &str) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    let mut part = Part::Text;
    let mut prefix = 0;
    for line in said.lines() {
        if let Some(message) = first_line(line) {
            messages.push(message);
            part = Part::Text;
            continue;
        }
        let Some(message) = messages.last_mut() else { continue };
        if let Some((next, text)) = labelled(line) {
            part = next;
            match part {
                Part::Detail => message.detail = Some(text.to_owned()),
                Part::Hint => message.hint = Some(text.to_owned()),
                Part::Context => message.context = Some(text.to_owned()),
                Part::Excerpt => {
                    prefix = line.chars().count() - text.chars().count();
                    message.excerpt = Some((text.to_owned(), 0));
                }
                Part::Text | Part::Query => {}
            }
            continue;
        }
        let more = |so_far: &mut String| {
            so_far.push('\n');
            so_far.push_str(line);
        };
        match part {
            Part::Text => more(&mut message.text),
            Part::Detail => message.detail.iter_mut().for_each(more),
            Part::Hint => message.hint.iter_mut().for_each(more),
            Part::Context => message.context.iter_mut().for_each(more),
            Part::Excerpt => {
                if let (Some((_, at)), Some(caret)) = (&mut message.excerpt, line.find('^')) {
                    *at = caret.saturating_sub(prefix);
                }
            }
            Part::Query => {}
        }
    }
    messages
}

/// `psql:FILE:LINE: ERROR:  text`, or `psql: error: text`.
fn first_line(line: &str) -> Option<Message> {
    let rest = line.strip_prefix("psql:")?;
    let marks = SEVERITIES.iter().filter_map(|(word, severity)| {
        let mark = format!(" {word}: ");
        rest.find(&mark).map(|at| (at, at + mark.len(), *severity))
    });
    let (at, text, severity) = marks.min_by_key(|(at, _, _)| *at)?;
    let place = rest[..at].strip_suffix(':').and_then(|place| place.rsplit_once(':'));
    let place = place.and_then(|(file, line)| Some((file.to_owned(), line.parse().ok()?)));
    let text = rest[text..].trim_start().to_owned();
    Some(Message { place, severity, text, detail: None, hint: None, context: None, excerpt: None })
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Text,
    Detail,
    Hint,
    Context,
    Excerpt,
    Query,
}

/// A line that begins another part of a message, and what follows its label.
fn labelled(line: &str) -> Option<(Part, &str)> {
    const LABELS: [(&str, Part); 4] = [
        ("DETAIL:  ", Part::Detail),
        ("HINT:  ", Part::Hint),
        ("CONTEXT:  ", Part::Context),
        ("QUERY:  ", Part::Query),
    ];
    if let Some((number, text)) = line.strip_prefix("LINE ").and_then(|rest| rest.split_once(": "))
        && number.parse::<usize>().is_ok()
    {
        return Some((Part::Excerpt, text));
    }
    LABELS.iter().find_map(|(label, part)| Some((*part, line.strip_prefix(label)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart() {
        let said = "psql:a:b/x.sql:12: NOTICE:  table \"t\" does not exist, skipping\n\
                    psql:a:b/x.sql:14: ERROR:  column \"nam\" does not exist\n\
                    LINE 3:        nam,\n               ^\n\
                    DETAIL:  First.\nSecond.\nHINT:  Perhaps you meant \"name\".\n";
        let mut messages = messages(said);
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].severity, Severity::Notice);
        let error = messages.remove(1);
        assert_eq!(error.severity, Severity::Error);
        assert_eq!(error.place, Some(("a:b/x.sql".to_owned(), 14)));
        assert_eq!(error.excerpt, Some(("       nam,".to_owned(), 7)));
        let problem = error.into_problem("other.sql");
        assert_eq!(problem.position, Some((14, 1)), "the file cannot be read, so psql's own line stands");
        assert_eq!(
            problem.to_string(),
            "a:b/x.sql:14:1: column \"nam\" does not exist\n  First.\n  Second.\n  hint: Perhaps you meant \"name\"."
        );
    }

    #[test]
    fn a_message_of_psql_itself_has_no_place() {
        let messages = messages("psql: error: none.sql: No such file or directory\n");
        assert_eq!(messages[0].place, None);
        assert_eq!(messages[0].text, "none.sql: No such file or directory");
    }
}
