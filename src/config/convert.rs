//! From what was written to a value of the kind that its key takes.

use toml::Spanned;
use toml::de::DeValue;

use super::keys::{Key, Kind, Secrecy};
use super::settings::Value;
use super::substitute::{self, Fault};

/// Why a value is refused, without the place.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    pub hint: Option<String>,
    /// It only waits for a variable to be set.
    pub late: bool,
}

/// What the file says, its strings substituted. Each refusal comes with the byte where it stands, for
/// an item of a list may be wrong on a line of its own.
pub fn from_toml(
    key: &Key,
    value: &Spanned<DeValue<'_>>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Value, Vec<(usize, Refusal)>> {
    let place = value.span().start;
    match (key.kind, value.get_ref()) {
        (Kind::List(item) | Kind::OneOrMore(item), DeValue::Array(items)) => {
            let mut texts = Vec::new();
            let mut refusals = Vec::new();
            for value in items {
                match scalar(key, item, value.get_ref(), environment) {
                    Ok(Value::Text(text)) => texts.push(text),
                    Ok(other) => refusals.push((value.span().start, wrong_type(key, &show(key, &other)))),
                    Err(refusal) => refusals.push((value.span().start, refusal)),
                }
            }
            if refusals.is_empty() { Ok(Value::Texts(texts)) } else { Err(refusals) }
        }
        (Kind::OneOrMore(item), DeValue::String(_)) => match scalar(key, item, value.get_ref(), environment) {
            Ok(value) => Ok(Value::Texts(texts(value))),
            Err(refusal) => Err(vec![(place, refusal)]),
        },
        (_, written) => scalar(key, &key.kind, written, environment).map_err(|refusal| vec![(place, refusal)]),
    }
}

/// What a variable of the environment says. A list is written with commas.
pub fn from_text(key: &Key, text: &str) -> Result<Value, Refusal> {
    let value = match key.kind {
        Kind::Bool => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(wrong_type(key, &quoted(key, text))),
        },
        Kind::Integer { min, max } => match text.parse::<i128>() {
            Ok(number) => in_range(key, number, min, max)?,
            Err(_) => return Err(wrong_type(key, &quoted(key, text))),
        },
        Kind::Text(_) | Kind::Word(_) | Kind::Url(_) | Kind::File => Value::Text(text.to_owned()),
        Kind::List(_) | Kind::OneOrMore(_) => {
            Value::Texts(text.split(',').map(|item| item.trim().to_owned()).collect())
        }
    };
    fits(key, &value).map(|()| value)
}

/// Whether a value of the right type is also one that the key accepts.
pub fn fits(key: &Key, value: &Value) -> Result<(), Refusal> {
    match (key.kind, value) {
        (Kind::Bool, Value::Bool(_)) => Ok(()),
        (Kind::Integer { min, max }, Value::Integer(number)) => {
            in_range(key, i128::from(*number), min, max).map(|_| ())
        }
        (kind @ (Kind::Text(_) | Kind::Word(_) | Kind::Url(_) | Kind::File), Value::Text(text)) => {
            text_fits(key, &kind, text)
        }
        (Kind::List(item) | Kind::OneOrMore(item), Value::Texts(texts)) => {
            texts.iter().try_for_each(|text| text_fits(key, item, text))
        }
        (_, other) => Err(wrong_type(key, &show(key, other))),
    }
}

fn scalar(
    key: &Key,
    kind: &Kind,
    written: &DeValue<'_>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Value, Refusal> {
    match (kind, written) {
        (Kind::Bool, DeValue::Boolean(value)) => Ok(Value::Bool(*value)),
        (Kind::Integer { min, max }, DeValue::Integer(number)) => {
            match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => in_range(key, number, *min, *max),
                Err(_) => Err(out_of_range(key, number.as_str(), *min, *max)),
            }
        }
        (Kind::Text(_) | Kind::Word(_) | Kind::Url(_) | Kind::File, DeValue::String(text)) => {
            let text = substitute::substitute(text, environment).map_err(|fault| fault.into_refusal(key))?;
            text_fits(key, kind, &text).map(|()| Value::Text(text))
        }
        (_, written) => Err(wrong_type(key, &found(key, written))),
    }
}

fn text_fits(key: &Key, kind: &Kind, text: &str) -> Result<(), Refusal> {
    match kind {
        Kind::Text(check) => check(text).map_err(|must| refusal(key, format!("{must}, found {}", quoted(key, text)))),
        Kind::Word(words) => match words.contains(&text) {
            true => Ok(()),
            false => Err(Refusal {
                reason: format!("it does not take {}", quoted(key, text)),
                hint: crate::problem::did_you_mean(text, words.iter().copied()),
                late: false,
            }),
        },
        Kind::Url(schemes) => url_fits(key, schemes, text),
        Kind::File if text.trim().is_empty() => Err(refusal(key, "must not be empty".to_owned())),
        Kind::File => Ok(()),
        Kind::Bool | Kind::Integer { .. } | Kind::List(_) | Kind::OneOrMore(_) => {
            Err(wrong_type(key, &quoted(key, text)))
        }
    }
}

/// The message names the scheme only: the rest may hold a password.
fn url_fits(key: &Key, schemes: &[&str], text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(refusal(key, "must not be empty".to_owned()));
    }
    let expected = schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(" or ");
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(refusal(key, format!("must be a URL that begins with {expected}")));
    };
    if !schemes.contains(&scheme) {
        return Err(refusal(key, format!("must begin with {expected}, found {scheme}://")));
    }
    // PostgreSQL may be reached by a socket that a parameter names, so its URL may lack a host.
    let bare = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    if rest.contains(char::is_whitespace) || (bare && !schemes.contains(&"postgres")) {
        return Err(refusal(key, format!("must be a URL such as {expected}host, without spaces")));
    }
    Ok(())
}

fn in_range(key: &Key, number: i128, min: u64, max: u64) -> Result<Value, Refusal> {
    match u64::try_from(number) {
        Ok(number) if (min..=max).contains(&number) => Ok(Value::Integer(number)),
        Ok(_) | Err(_) => Err(out_of_range(key, &number.to_string(), min, max)),
    }
}

fn out_of_range(key: &Key, found: &str, min: u64, max: u64) -> Refusal {
    let range = if min == max { format!("must be {min}") } else { format!("must be between {min} and {max}") };
    let unit = key.unit().map(|unit| format!(" {unit}")).unwrap_or_default();
    refusal(key, format!("{range}{unit}, found {found}"))
}

fn wrong_type(key: &Key, found: &str) -> Refusal {
    let mut refusal = refusal(key, format!("expected {}, found {found}", expected(key)));
    // Somebody who writes port = "${PORT}" wants the environment to decide.
    if found.contains("${")
        && let Some(variable) = key.variable()
    {
        refusal.hint = Some(format!("only strings are substituted; set the variable {variable} instead"));
    }
    refusal
}

fn refusal(key: &Key, reason: String) -> Refusal {
    Refusal { reason, hint: Some(format!("for example: {}", key.example())), late: false }
}

/// What the kind is called in a message, with its unit.
pub fn expected(key: &Key) -> String {
    let name = match key.kind {
        Kind::Bool => "true or false",
        Kind::Integer { .. } => "an integer",
        Kind::Text(_) | Kind::Word(_) | Kind::Url(_) | Kind::File => "a string",
        Kind::List(_) => "a list of strings",
        Kind::OneOrMore(_) => "a string or a list of strings",
    };
    match key.unit() {
        Some(unit) => format!("{name} ({unit})"),
        None => name.to_owned(),
    }
}

fn found(key: &Key, written: &DeValue<'_>) -> String {
    match written {
        DeValue::String(text) => format!("the string {}", quoted(key, text)),
        DeValue::Integer(number) => format!("the integer {}", open(key, &number.to_string())),
        DeValue::Float(number) => format!("the number {}", open(key, &number.to_string())),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn show(key: &Key, value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => format!("the integer {}", open(key, &number.to_string())),
        Value::Text(text) => format!("the string {}", quoted(key, text)),
        Value::Texts(_) => "a list".to_owned(),
    }
}

fn quoted(key: &Key, text: &str) -> String {
    match key.secrecy {
        Secrecy::Open => format!("{text:?}"),
        Secrecy::Credentials | Secrecy::Secret => "something else".to_owned(),
    }
}

fn open<'a>(key: &Key, text: &'a str) -> &'a str {
    match key.secrecy {
        Secrecy::Open => text,
        Secrecy::Credentials | Secrecy::Secret => "***",
    }
}

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Text(text) => vec![text],
        Value::Texts(texts) => texts,
        Value::Bool(_) | Value::Integer(_) => Vec::new(),
    }
}

// === impl Fault ===

impl Fault {
    fn into_refusal(self, key: &Key) -> Refusal {
        let (reason, hint, late) = match self {
            Fault::Unset(name) => (
                format!("the variable {name} is not set"),
                format!("set {name}, or write a default: ${{{name}:-…}}"),
                true,
            ),
            Fault::Open => {
                ("\"${\" is never closed by \"}\"".to_owned(), "a literal \"${\" is written \"$${\"".to_owned(), false)
            }
            Fault::Name(inside) => (
                format!(
                    "{} is not a variable",
                    match key.secrecy {
                        Secrecy::Open => format!("\"${{{inside}}}\""),
                        Secrecy::Credentials | Secrecy::Secret => "what stands in \"${…}\"".to_owned(),
                    }
                ),
                "write ${NAME} or ${NAME:-default}; a literal \"${\" is written \"$${\"".to_owned(),
                false,
            ),
        };
        Refusal { reason, hint: Some(hint), late }
    }
}
