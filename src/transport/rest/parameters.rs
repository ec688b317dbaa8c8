//! The query string: names and values, decoded, and what a name is made of.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use crate::error::{Code, Error, Result, Stage};
use crate::intent::value::shown;
use crate::schema::name::Name;

/// Most parameters of one request.
const PARAMETERS_MAX: usize = 200;

/// One `name=value`, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'q> {
    pub name: Cow<'q, str>,
    pub value: Cow<'q, str>,
}

/// What a path says of an argument.
pub type PathValue<'p> = (Name, Cow<'p, str>);

/// A parameter's name taken apart: `posts.title[like]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelled<'n> {
    /// `posts.title`.
    pub path: &'n str,
    /// `like`.
    pub operator: Option<&'n str>,
}

/// Reads a query string, without its question mark.
pub fn parameters(query: &str) -> Result<Vec<Parameter<'_>>> {
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if parameters.len() >= PARAMETERS_MAX {
            return Err(too_many());
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name).ok_or_else(|| Error::invalid("the name of a parameter is not UTF-8"))?;
        let value = decoded(value);
        let value = value.ok_or_else(|| Error::invalid(format!("{name}: the value is not UTF-8")).at(&*name))?;
        parameters.push(Parameter { name, value });
    }
    Ok(parameters)
}

/// Reads the body of a query that is sent by POST: an object whose members are the parameters.
pub fn members(body: &[u8]) -> Result<Vec<Parameter<'static>>> {
    let bad = |what: String| Error::invalid(format!("the body is not an object of parameters: {what}"));
    let json: Json = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let Json::Object(members) = json else { return Err(bad(format!("it is {}", shown(&json)))) };
    if members.len() > PARAMETERS_MAX {
        return Err(too_many());
    }
    let text = |json: Json| match json {
        Json::String(text) => text,
        // Quoted, so that a comma within an item does not end it.
        Json::Array(items) => {
            let items = items.into_iter().map(|item| match item {
                Json::String(text) => Json::String(text).to_string(),
                other => other.to_string(),
            });
            format!("({})", items.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    };
    let parameter = |(name, value)| Parameter { name: Cow::Owned(name), value: Cow::Owned(text(value)) };
    Ok(members.into_iter().filter(|(_, value)| !value.is_null()).map(parameter).collect())
}

fn too_many() -> Error {
    let message = format!("a request takes at most {PARAMETERS_MAX} parameters");
    Error::new(Stage::Decode, Code::TooComplex, message)
}

/// A part of a URL with its escapes resolved; `None` when it is not UTF-8.
pub fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'+' || byte == b'%') {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

/// A segment of a path with its escapes resolved; a plus sign is one there.
fn decoded_segment(text: &str) -> Result<Cow<'_, str>> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    percent_decode_str(text).decode_utf8().map_err(|_| Error::invalid("the path is not UTF-8"))
}

/// The values of a path's parameters by the names of the arguments.
pub fn path_values<'p>(names: &[Name], values: &[&'p str]) -> Result<Vec<PathValue<'p>>> {
    names.iter().zip(values).map(|(name, value)| Ok((name.clone(), decoded_segment(value)?))).collect()
}

// === impl Spelled ===

impl<'n> Spelled<'n> {
    pub fn of(name: &'n str) -> Result<Spelled<'n>> {
        let Some((path, rest)) = name.split_once('[') else { return Ok(Spelled { path: name, operator: None }) };
        match rest.strip_suffix(']') {
            Some(operator) if !operator.contains(['[', ']']) => Ok(Spelled { path, operator: Some(operator) }),
            Some(_) | None => {
                Err(Error::invalid(format!("{name}: write an operator as field[gte], in one pair of brackets"))
                    .at(name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: Result<&[(&str, &str)], &str>) {
        let found = parameters(query);
        let found = found.as_ref().map(|all| all.iter().map(|one| (&*one.name, &*one.value)).collect::<Vec<_>>());
        let found = found.as_ref().map(Vec::as_slice).map_err(|error| error.message.as_str());
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn query_strings() {
        check("", Ok(&[]));
        check("a=1&b=&c&&a=2", Ok(&[("a", "1"), ("b", ""), ("c", ""), ("a", "2")]));
        check("a%5Bgte%5D=x+y%2B%3D%26&n=%C3%A9=1", Ok(&[("a[gte]", "x y+=&"), ("n", "é=1")]));
        check("a=%ff", Err("a: the value is not UTF-8"));
        check("%ff=a", Err("the name of a parameter is not UTF-8"));
        check(&"a=1&".repeat(201), Err("a request takes at most 200 parameters"));
    }

    #[test]
    fn bodies() {
        let found = members(br#"{"limit": 3, "filter": {"a": 1}, "tags": ["a,b", "c"], "active": true, "x": null}"#);
        let found = found.unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|one| (&*one.name, &*one.value)).collect();
        let expected = [("limit", "3"), ("filter", "{\"a\":1}"), ("tags", "(\"a,b\",\"c\")"), ("active", "true")];
        assert_eq!(found, expected);
        for bad in ["", "[]", "5", "{"] {
            assert!(members(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(Spelled::of("age[gte]").unwrap(), Spelled { path: "age", operator: Some("gte") });
        assert_eq!(Spelled::of("a.b").unwrap(), Spelled { path: "a.b", operator: None });
        for bad in ["a[b", "a[b]c", "a[b][c]", "a[[b]]"] {
            assert!(Spelled::of(bad).is_err(), "{bad}");
        }
    }
}
