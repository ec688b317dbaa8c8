//! `--print-config`: the effective configuration, where each value came from, secrets masked.
//!
//! The text is TOML that reads back to the same configuration, apart from what is masked. Keys
//! without a value and sections that are not there stand in comments.

use super::keys::{Fallback, Key, Secrecy};
use super::read::header;
use super::settings::{Given, Origin, Settings, Value};
use super::table::{KEYS, SECTIONS};

/// Where the comments begin, so that they stand in a column beside most values.
const COMMENT_COLUMN: usize = 44;
const MASK: &str = "***";

pub fn print(settings: &Settings) -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let keys: Vec<&Key> = KEYS.iter().filter(|key| key.section() == section.path).collect();
        match section.path.strip_suffix("[]") {
            Some(array) => {
                for table in settings.tables(array) {
                    print_table(&mut out, settings, section.path, &table, &keys);
                }
            }
            None if section.path == "observers" && !settings.has_section("observers") => {
                out.push_str("# [observers] is not set\n\n");
            }
            None => print_table(&mut out, settings, section.path, section.path, &keys),
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn print_table(out: &mut String, settings: &Settings, section: &str, path: &str, keys: &[&Key]) {
    out.push_str(&header(section));
    out.push('\n');
    for key in keys {
        let path = format!("{path}.{}", key.name());
        let (mut line, comment) = entry(settings, key, &path);
        let width = line.chars().count();
        line.extend(std::iter::repeat_n(' ', COMMENT_COLUMN.saturating_sub(width).max(1)));
        out.push_str(&line);
        out.push_str("# ");
        out.push_str(&comment);
        out.push('\n');
    }
    out.push('\n');
}

/// The line without its comment, and the comment.
fn entry(settings: &Settings, key: &Key, path: &str) -> (String, String) {
    let given = settings.given(path);
    let origin = given.map_or(Origin::Default, |setting| setting.origin.clone());
    if let Some(Given::Late(problems)) = given.map(|setting| &setting.given) {
        let reasons: Vec<_> = problems.iter().map(|problem| problem.reason.as_str()).collect();
        return (format!("# {}", key.name()), format!("{origin}: {}", reasons.join(", ")));
    }
    match settings.value(path) {
        Some(value) => (format!("{} = {}", key.name(), toml(key, &value)), origin.to_string()),
        None => {
            let means = match key.fallback {
                Fallback::Unset { means, .. } => format!("not set: {}", means.replace('`', "")),
                Fallback::Bool(_)
                | Fallback::Integer(_)
                | Fallback::Text(_)
                | Fallback::EmptyList(_)
                | Fallback::InDev
                | Fallback::Computed { .. }
                | Fallback::Required { .. } => "not set".to_owned(),
            };
            (format!("# {}", key.name()), means)
        }
    }
}

fn toml(key: &Key, value: &Value) -> String {
    let text = |text: &str| toml::Value::from(mask(key.secrecy, text)).to_string();
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Text(value) => text(value),
        Value::Texts(values) => {
            format!("[{}]", values.iter().map(|value| text(value)).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The text without what must not be read over a shoulder or in a log. `$${` keeps a literal `${`
/// from being substituted when the text is read back.
fn mask(secrecy: Secrecy, text: &str) -> String {
    match secrecy {
        Secrecy::Open => text.replace("${", "$${"),
        Secrecy::Secret => MASK.to_owned(),
        Secrecy::Credentials => mask_url(text).replace("${", "$${"),
    }
}

/// Masks the password of a URL, a user part that has none (a NATS token), and parameters that hold
/// passwords. A password with an unescaped `@`, `/` or `?` is masked too: what precedes the last `@`
/// is never shown, save the user before the first colon.
fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return MASK.to_owned() };
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => {
            let is_postgres = scheme.starts_with("postgres");
            match user.split_once(':') {
                Some((name, _)) => format!("{name}:{MASK}@{host}"),
                None if is_postgres => format!("{user}@{host}"),
                None => format!("{MASK}@{host}"),
            }
        }
        None => rest.to_owned(),
    };
    let Some((before, query)) = rest.split_once('?') else { return format!("{scheme}://{rest}") };
    let parameters: Vec<_> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
            Some(_) | None => parameter.to_owned(),
        })
        .collect();
    format!("{scheme}://{before}?{}", parameters.join("&"))
}

fn is_secret(parameter: &str) -> bool {
    let name = parameter.to_lowercase();
    ["password", "token", "secret", "key"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::mask_url;

    #[test]
    fn masks_whatever_opens_a_door() {
        for (url, expected) in [
            ("postgres://localhost/shop", "postgres://localhost/shop"),
            ("postgres://ann@localhost/shop", "postgres://ann@localhost/shop"),
            ("postgres://ann:pw@localhost/shop?x=1", "postgres://ann:***@localhost/shop?x=1"),
            ("postgres://ann:p@/w?d@localhost/shop", "postgres://ann:***@localhost/shop"),
            ("postgres:///shop?user=ann&password=pw", "postgres:///shop?user=ann&password=***"),
            ("nats://token@nats:4222", "nats://***@nats:4222"),
            ("nats://ann:pw@nats:4222", "nats://ann:***@nats:4222"),
            ("https://a/b?api_key=1", "https://a/b?api_key=***"),
            ("nonsense pw", "***"),
        ] {
            assert_eq!(mask_url(url), expected);
        }
    }
}
