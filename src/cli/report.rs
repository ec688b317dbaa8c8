//! Problems on a terminal: the line, a mark under it, what to do.
//!
//! The text carries colours; [`print`] drops them where the terminal, or a file behind `2>`, would
//! show them as garbage.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

use crate::problem::Problem;

/// Writes the report to standard error, with colours on a terminal only.
pub fn print(problems: &[Problem], sources: &dyn Fn(&str) -> Option<String>) {
    anstream::eprint!("{}", report(problems, sources));
}

/// The problems one after the other and their number at the end, as text with colours. A problem with
/// a position shows its line when `sources` has the text of the file.
pub fn report(problems: &[Problem], sources: &dyn Fn(&str) -> Option<String>) -> String {
    let renderer = Renderer::styled();
    let mut out = String::new();
    for problem in problems {
        let source = sources(&problem.file);
        let place = source.as_deref().and_then(|text| Some((text, span(text, problem.position?)?)));
        let group = match place {
            Some((text, span)) => Level::ERROR.primary_title(title(problem, false)).element(
                Snippet::source(text)
                    .path(problem.file.as_str())
                    .annotation(AnnotationKind::Primary.span(span).highlight_source(true)),
            ),
            None => Group::with_title(Level::ERROR.primary_title(title(problem, true))),
        };
        let group = match &problem.hint {
            Some(hint) => group.element(Level::HELP.message(normalize_untrusted_str(hint))),
            None => group,
        };
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out.push_str(&match problems.len() {
        1 => "1 problem found\n".to_owned(),
        count => format!("{count} problems found\n"),
    });
    out
}

/// `file:line:column: path: reason`, the place left out where a snippet shows it.
fn title(problem: &Problem, with_place: bool) -> String {
    let mut parts = Vec::new();
    if with_place {
        parts.push(match problem.position {
            Some((line, column)) => format!("{}:{line}:{column}", problem.file),
            None => problem.file.clone(),
        });
    }
    parts.push(problem.path.clone());
    parts.push(problem.reason.clone());
    parts.retain(|part| !part.is_empty());
    normalize_untrusted_str(&parts.join(": "))
}

/// The bytes of the word, string or bracket that begins at a line and a column; `None` when the text
/// has no such place because the file has changed since.
fn span(text: &str, (line, column): (usize, usize)) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for _ in 1..line {
        start += text[start..].find('\n')? + 1;
    }
    let content = text[start..].split('\n').next().unwrap_or("");
    let before = content.char_indices().nth(column.checked_sub(1)?).map_or(content.len(), |(at, _)| at);
    let rest = &content[before..];
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(rest, quote),
        Some(_) => rest.find(|c: char| c.is_whitespace() || "=,:]})#".contains(c)).unwrap_or(rest.len()),
        None => 0,
    };
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let start = start + before;
    Some(start..start + length.max(first))
}

/// The length of the string that `rest` begins with, to the end of the line when it is not closed.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use crate::problem::Problem;

    use super::report;

    const TOML: &str = "[server]\nport = \"80 80\"\n\n[sevrer]\nhôst = 1 # tëst\n";

    #[track_caller]
    fn check(problems: &[Problem], expected: &str) {
        let sources = |file: &str| (file == "fraiseql.toml").then(|| TOML.to_owned());
        let text = report(problems, &sources);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
    }

    #[test]
    fn shows_the_line_and_marks_the_word() {
        check(
            &[
                Problem::new("fraiseql.toml", "server.port", "expected an integer").at(2, 8).hint("port = 8080"),
                Problem::new("fraiseql.toml", "sevrer", "there is no such section").at(4, 2),
                Problem::new("fraiseql.toml", "sevrer.hôst", "expected a string").at(5, 8),
            ],
            "\
error: server.port: expected an integer
 --> fraiseql.toml:2:8
  |
2 | port = \"80 80\"
  |        ^^^^^^^
  |
  = help: port = 8080

error: sevrer: there is no such section
 --> fraiseql.toml:4:2
  |
4 | [sevrer]
  |  ^^^^^^

error: sevrer.hôst: expected a string
 --> fraiseql.toml:5:8
  |
5 | hôst = 1 # tëst
  |        ^

3 problems found
",
        );
    }

    #[test]
    fn says_it_in_a_line_without_a_place() {
        check(
            &[Problem::new("$FRAISEQL_SERVER_PORT", "server.port", "expected an integer")],
            "error: $FRAISEQL_SERVER_PORT: server.port: expected an integer\n\n1 problem found\n",
        );
        check(
            &[Problem::new("schema.json", "types[0]", "is twice").at(3, 4).hint("keep one")],
            "error: schema.json:3:4: types[0]: is twice\n |\n = help: keep one\n\n1 problem found\n",
        );
    }

    #[test]
    fn a_place_behind_the_end_is_no_reason_to_fail() {
        let report = |line, column| {
            let problem = Problem::new("fraiseql.toml", "", "it ends too early").at(line, column);
            report(&[problem], &|_| Some(TOML.to_owned()))
        };
        assert!(report(99, 1).contains("fraiseql.toml:99:1"));
        assert!(report(2, 99).contains("it ends too early"));
        assert!(report(6, 1).contains("it ends too early"));
        assert!(report(0, 0).contains("it ends too early"));
    }

    #[test]
    fn colours_are_in_the_text_and_no_control_characters_of_the_file() {
        let problem = Problem::new("fraiseql.toml", "a\u{1b}[31m", "reason");
        let text = report(&[problem], &|_| None);
        assert!(text.contains("\u{1b}["));
        assert!(!anstream::adapter::strip_str(&text).to_string().contains('\u{1b}'));
        assert!(!text.contains("a\u{1b}[31m"));
    }
}
