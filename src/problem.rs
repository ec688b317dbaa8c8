//! What is wrong with a file that a person wrote, said so that it can be mended at once.
//!
//! `compile`, the configuration and the binding to the database collect problems instead of
//! stopping at the first, so that one run shows everything.

use std::fmt;

/// One thing wrong in one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Line and column, from 1, where the format has them.
    pub position: Option<(usize, usize)>,
    /// `types[2].fields[0].type` in JSON, `server.port` in TOML.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do: the nearest name, an example, a command.
    pub hint: Option<String>,
}

impl Problem {
    pub fn new(file: &str, path: impl Into<String>, reason: impl Into<String>) -> Self {
        Problem { file: file.to_owned(), position: None, path: path.into(), reason: reason.into(), hint: None }
    }

    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.position = Some((line, column));
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean …" when one of `known` is close to `name`, else lists them when few.
    pub fn nearest<'a>(mut self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.hint = did_you_mean(name, known).or(self.hint);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.reason)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The closest of `known` to `name` as a question, or the whole list when it is short.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let lower = name.to_lowercase();
    let nearest = known
        .iter()
        .filter_map(|candidate| {
            let max = 1 + candidate.len().min(name.len()) / 3;
            edits(&lower, &candidate.to_lowercase(), max).map(|edits| (edits, *candidate))
        })
        .min_by_key(|(edits, _)| *edits);
    match nearest {
        Some((_, candidate)) => Some(format!("did you mean \"{candidate}\"?")),
        None if (1..=12).contains(&known.len()) => Some(format!("it may be one of {}", known.join(", "))),
        None => None,
    }
}

/// How many edits lead from one text to the other, where they are no more than `max`. What is compared may be as long
/// as a client likes, and comparing takes the product of both lengths; so lengths that differ by more than `max` are
/// told apart without.
pub fn edits(one: &str, other: &str, max: usize) -> Option<usize> {
    if one.chars().count().abs_diff(other.chars().count()) > max {
        return None;
    }
    Some(strsim::damerau_levenshtein(one, other)).filter(|edits| *edits <= max)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_names() {
        let known = || ["name", "createdAt", "été"];
        for (name, nearest) in
            [("nmae", "name"), ("created_at", "createdAt"), ("CREATEDAT", "createdAt"), ("ete", "été")]
        {
            assert_eq!(did_you_mean(name, known()), Some(format!("did you mean \"{nearest}\"?")));
        }
        let all = "it may be one of name, createdAt, été";
        assert_eq!(did_you_mean("price", known()).as_deref(), Some(all));
        // Compared letter by letter, it would take gigabytes.
        assert_eq!(did_you_mean(&"name".repeat(10_000_000), known()).as_deref(), Some(all));
    }
}
