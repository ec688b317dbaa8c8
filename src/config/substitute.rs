//! `${VAR}` and `${VAR:-default}` in the strings of the file.
//!
//! The text is substituted after TOML has been parsed, so a value may hold quotes, line breaks and
//! `${…}` of its own: it is never parsed again. `${VAR:-default}` takes the default when the variable
//! is unset or empty, as in a shell. `$${` writes `${`. Every other `$` is itself, so that a password
//! with `$` or `$$` needs no care; for the same reason there is no bare `$VAR`.

/// Why a text cannot be substituted.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The variable is not set and there is no default.
    Unset(String),
    /// `${` without `}`.
    Open,
    /// What stands between `${` and `}` does not begin with the name of a variable.
    Name(String),
}

/// The text with every variable in its place.
pub fn substitute(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(literal) = rest.strip_prefix("$${") {
            out.push_str("${");
            rest = literal;
        } else if let Some(inside) = rest.strip_prefix("${") {
            let (inside, after) = inside.split_once('}').ok_or(Fault::Open)?;
            out.push_str(&variable(inside, environment)?);
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn variable(inside: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Fault::Name(inside.to_owned()));
    }
    match (environment(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (Some(_) | None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Fault::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, substitute};

    #[track_caller]
    fn check(text: &str, expected: Result<&str, Fault>) {
        let environment = |name: &str| match name {
            "HOST" => Some("db".to_owned()),
            "EMPTY" => Some(String::new()),
            "QUOTED" => Some("a\"b\n${HOST}".to_owned()),
            _ => None,
        };
        assert_eq!(substitute(text, &environment), expected.map(str::to_owned));
    }

    #[test]
    fn variables_defaults_and_escapes() {
        check("", Ok(""));
        check("plain", Ok("plain"));
        check("${HOST}", Ok("db"));
        check("postgres://${HOST}:5432/${NAME:-shop}", Ok("postgres://db:5432/shop"));
        check("${EMPTY}", Ok(""));
        check("${EMPTY:-x}", Ok("x"));
        check("${NONE:-}", Ok(""));
        check("${NONE:-a:-b}", Ok("a:-b"));
        check("${QUOTED}", Ok("a\"b\n${HOST}"));
        check("$${HOST}", Ok("${HOST}"));
        check("p$$w$1é$", Ok("p$$w$1é$"));
        check("$HOST", Ok("$HOST"));
        check("${NONE}", Err(Fault::Unset("NONE".to_owned())));
        check("${HOST", Err(Fault::Open));
        check("${}", Err(Fault::Name(String::new())));
        check("${1A}", Err(Fault::Name("1A".to_owned())));
        check("${HOST-x}", Err(Fault::Name("HOST-x".to_owned())));
    }
}
