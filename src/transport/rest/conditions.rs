//! `age[gte]=18`, `name=Ann` and `or=(a[eq]=1,not(b[in]=(2,3)))` → filters.

use serde_json::Value as Json;

use super::parameters::Spelled;
use super::select::{field_of, fields_of};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::{FILTER_DEPTH_MAX, Filter, Operators, Word, comparison};
use crate::intent::value::Values;
use crate::problem::did_you_mean;
use crate::schema::model::{Field, Scalar};
use crate::schema::{Kind, Schema};

/// The conditions of one request.
pub struct Conditions<'s, 'v> {
    pub schema: &'s Schema,
    pub values: &'v mut Values,
}

/// How the members of a group stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    And,
    Or,
    Not,
}

/// A text as the JSON that a value of this type is written as; what does not fit stays text, so that the
/// refusal can show it.
pub fn typed(schema: &Schema, type_name: &str, text: &str) -> Json {
    let parsed = || serde_json::from_str::<Json>(text).ok();
    let fitting = match schema.kind(type_name) {
        Kind::Scalar(Scalar::Int | Scalar::Float) => parsed().filter(Json::is_number),
        Kind::Scalar(Scalar::Boolean) => parsed().filter(Json::is_boolean),
        Kind::Scalar(Scalar::Json) => parsed(),
        Kind::Scalar(
            Scalar::Id
            | Scalar::Uuid
            | Scalar::String
            | Scalar::BigInt
            | Scalar::Decimal
            | Scalar::DateTime
            | Scalar::Date
            | Scalar::Time
            | Scalar::Text,
        )
        | Kind::Enum(_)
        | Kind::Object(_)
        | Kind::Interface(_)
        | Kind::Union(_) => None,
    };
    fitting.unwrap_or_else(|| Json::String(text.to_owned()))
}

/// The items of `1,2` or `(1,2)`; quotes keep a comma within an item.
pub fn items(text: &str) -> Vec<String> {
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    if inner.is_empty() {
        return Vec::new();
    }
    split(inner).into_iter().map(unquoted).collect()
}

// === impl Group ===

impl Group {
    pub fn of_name(name: &str) -> Option<Group> {
        match name {
            "and" => Some(Group::And),
            "or" => Some(Group::Or),
            "not" => Some(Group::Not),
            _ => None,
        }
    }
}

// === impl Conditions ===

impl<'s> Conditions<'s, '_> {
    /// One comparison: `name` is the whole parameter as the caller spelled it.
    pub fn comparison(&mut self, type_name: &str, spelled: Spelled<'_>, name: &str, text: &str) -> Result<Filter> {
        let (field, above) = self.field(type_name, spelled.path, name)?;
        let Some(operators) = Operators::of_field(self.schema, field) else {
            let known = fields_of(self.schema, field.ty.innermost()).map(|fields| fields.keys());
            let inner = known.and_then(|mut names| names.next().cloned()).unwrap_or_else(|| "field".into());
            let message = format!("{name}: {} is an object; compare one of its fields, as in {0}.{inner}", field.name);
            return Err(Error::invalid(message).at(name));
        };
        let operator = spelled.operator.unwrap_or("eq");
        let row = operators.find(operator).ok_or_else(|| {
            let known: Vec<&str> = operators.table().map(|row| row.name).collect();
            let nearest = did_you_mean(operator, known.iter().copied()).filter(|_| known.len() > 12);
            let hint = nearest.map(|hint| format!("{hint} ")).unwrap_or_default();
            let message =
                format!("{name}: {} has no operator \"{operator}\"; {hint}it takes {}", field.name, known.join(", "));
            Error::invalid(message).at(name)
        })?;
        let type_of_item = field.ty.innermost();
        let json = match row.word {
            Word::Item(_) => typed(self.schema, type_of_item, text),
            Word::Items(_) => {
                Json::Array(items(text).iter().map(|item| typed(self.schema, type_of_item, item)).collect())
            }
            Word::Length(_) => typed(self.schema, "Int", text),
            Word::Text(_) | Word::Pattern(..) => Json::String(text.to_owned()),
            Word::Null { .. } => typed(self.schema, "Boolean", text),
        };
        let compared = comparison(self.schema, field, row, &json, name, self.values)?;
        let nest = |filter, field: &&Field| Filter::Nested { field: field.name.clone(), filter: Box::new(filter) };
        Ok(above.iter().rev().fold(compared, nest))
    }

    /// The field at the end of a dotted path, and those on the way to it.
    fn field(&self, type_name: &str, path: &str, name: &str) -> Result<(&'s Field, Vec<&'s Field>)> {
        let schema = self.schema;
        let mut above = Vec::new();
        let mut at = type_name.to_owned();
        let mut segments = path.split('.').peekable();
        loop {
            let segment = segments.next().unwrap_or_default();
            let Some(fields) = fields_of(schema, &at) else {
                return Err(Error::invalid(format!("{name}: {at} has no fields to filter by")).at(name));
            };
            let field = field_of(fields, segment).ok_or_else(|| {
                let known: Vec<&str> = fields.keys().map(|known| &**known).collect();
                let hint = did_you_mean(segment, known.iter().copied())
                    .unwrap_or_else(|| format!("it has {}", known.join(", ")));
                Error::invalid(format!("{name}: {at} has no field \"{segment}\"; {hint}")).at(name)
            })?;
            if segments.peek().is_none() {
                return Ok((field, above));
            }
            if field.join.is_some() && field.ty.is_list() {
                let message = format!(
                    "{name}: {0} is a list of its own; select it, as in select={0}(…), to filter and page it, or keep \
                     the rows that have such an item with filter={{\"{0}\": …}}",
                    field.name
                );
                return Err(Error::invalid(message).at(name));
            }
            above.push(field);
            at = field.ty.innermost().to_string();
        }
    }

    /// `(a[eq]=1,or(b=2,c=3))`, which stood behind the name of the group.
    pub fn group(&mut self, type_name: &str, group: Group, text: &str, name: &str, depth: usize) -> Result<Filter> {
        if depth > FILTER_DEPTH_MAX {
            let message = format!("{name} is nested deeper than {FILTER_DEPTH_MAX} levels");
            return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(name));
        }
        let inner = text.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let inner = inner.filter(|inner| !inner.trim().is_empty() && is_balanced(inner)).ok_or_else(|| {
            let message = format!("{name} takes conditions in parentheses, as in {name}=(age[gte]=18,active=true)");
            Error::invalid(message).at(name)
        })?;
        let mut parts = Vec::new();
        for member in split(inner) {
            parts.push(self.member(type_name, member.trim(), name, depth)?);
        }
        Ok(match group {
            Group::And => Filter::All(parts),
            Group::Or => Filter::Any(parts),
            Group::Not => Filter::Not(Box::new(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })),
        })
    }

    /// `or(…)`, `or=(…)` or a comparison.
    fn member(&mut self, type_name: &str, text: &str, name: &str, depth: usize) -> Result<Filter> {
        let head = text.find(['=', '(', '[']).unwrap_or(text.len());
        let rest = &text[head..];
        if let Some(group) = Group::of_name(text[..head].trim()) {
            let body = rest.strip_prefix('=').unwrap_or(rest);
            if body.starts_with('(') {
                return self.group(type_name, group, body, name, depth + 1);
            }
        }
        let (left, value) = text.split_once('=').ok_or_else(|| {
            Error::invalid(format!("{name}: \"{text}\" is not a condition; write it as field[operator]=value")).at(name)
        })?;
        let spelled = Spelled::of(left)?;
        let is_list = value.starts_with('(');
        let value = if is_list { value.to_owned() } else { unquoted(value) };
        self.comparison(type_name, spelled, left, &value)
    }
}

/// Cuts at the commas that stand in no parentheses and no quotes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut escaped, mut start) = (0usize, false, false, 0);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether every parenthesis outside quotes has its partner.
fn is_balanced(text: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0i64, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0 && !quoted
}

/// A value without the quotes around it; a backslash keeps a quote within them.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return text.to_owned() };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (text, expected) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            ("(a,b)", &["a", "b"]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a\\\"b\"", &["a\"b"]),
            ("a,", &["a", ""]),
        ] {
            assert_eq!(items(text), expected, "{text}");
        }
    }

    #[test]
    fn groups_are_cut_outside_of_parentheses() {
        assert_eq!(split("a=1,or(b=2,c=3),d[in]=(4,5)"), ["a=1", "or(b=2,c=3)", "d[in]=(4,5)"]);
        assert!(is_balanced("a(b)c") && !is_balanced("a)b(") && !is_balanced("(a") && is_balanced("\")\""));
    }
}
