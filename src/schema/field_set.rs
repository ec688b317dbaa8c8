//! Field sets: `id`, `sku package`, `study { caseNumber }`, as `@key`, `@requires` and `@provides`
//! take them.

use std::collections::HashMap;
use std::fmt::Write;

use indexmap::IndexMap;

use super::model::{TypeOf, TypeRef};
use super::name::camel_case;
use crate::problem::did_you_mean;

/// A field and what is selected of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    pub name: String,
    pub fields: Vec<Selected>,
}

/// Type or interface → its fields.
#[derive(Debug, Default)]
pub struct Shapes(pub HashMap<String, IndexMap<String, TypeRef>>);

/// Why a field set cannot be used.
#[derive(Debug, PartialEq)]
pub struct Mistake {
    pub reason: String,
    pub hint: Option<String>,
}

/// Whether a set may select through lists: a key may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    Allowed,
    Refused,
}

/// Most sets within each other.
const DEPTH_MAX: usize = 16;

/// Parses a set; commas are space, as everywhere in GraphQL.
pub fn parse(text: &str) -> Result<Vec<Selected>, Mistake> {
    let spaced = text.replace('{', " { ").replace('}', " } ").replace(',', " ");
    let mut open: Vec<Vec<Selected>> = vec![Vec::new()];
    for token in spaced.split_whitespace() {
        let depth = open.len();
        let Some(current) = open.last_mut() else { break };
        match token {
            "{" if depth > DEPTH_MAX => {
                return Err(mistake(&format!("it is nested deeper than {DEPTH_MAX} levels")));
            }
            "{" if !current.is_empty() => open.push(Vec::new()),
            "}" if depth > 1 && !current.is_empty() => {
                let fields = open.pop().unwrap_or_default();
                if let Some(parent) = open.last_mut().and_then(|fields| fields.last_mut()) {
                    parent.fields = fields;
                }
            }
            name if is_field_name(name) => current.push(Selected { name: name.to_owned(), fields: Vec::new() }),
            other => return Err(mistake(&format!("\"{other}\" stands where a field was expected"))),
        }
    }
    match open.pop() {
        Some(fields) if open.is_empty() && !fields.is_empty() => Ok(fields),
        Some(fields) if open.is_empty() && fields.is_empty() => Err(mistake("it names no field")),
        Some(_) | None => Err(mistake("a \"}\" is missing")),
    }
}

/// The set as text.
pub fn print(fields: &[Selected]) -> String {
    let mut out = String::new();
    for field in fields {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&field.name);
        if !field.fields.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(out, " {{ {} }}", print(&field.fields));
        }
    }
    out
}

/// Checks a set against the type it selects from, and turns names that were written as in Python
/// (`tenant_id`) into those of the API.
pub fn settle(fields: &mut [Selected], type_name: &str, shapes: &Shapes, lists: Lists) -> Result<(), Mistake> {
    let Some(declared) = shapes.0.get(type_name) else {
        return Err(Mistake { reason: format!("selects from {type_name}, which has no fields"), hint: None });
    };
    for field in fields {
        let camel = camel_case(&field.name);
        let (name, ty) = match declared.get_key_value(&field.name).or_else(|| declared.get_key_value(&camel)) {
            Some((name, ty)) => (name, ty),
            None => {
                let hint = did_you_mean(&field.name, declared.keys().map(String::as_str));
                return Err(Mistake { reason: format!("{type_name} has no field \"{}\"", field.name), hint });
            }
        };
        field.name = name.clone();
        if lists == Lists::Refused && matches!(ty.of, TypeOf::List(_)) {
            return Err(Mistake {
                reason: format!("{type_name}.{name} is a list, which cannot be part of a key"),
                hint: None,
            });
        }
        let is_composite = shapes.0.contains_key(&**ty.innermost());
        match (is_composite, field.fields.is_empty()) {
            (true, true) => {
                let reason = format!("{type_name}.{name} is an object");
                return Err(Mistake { reason, hint: Some(format!("select fields of it: \"{name} {{ … }}\"")) });
            }
            (true, false) => settle(&mut field.fields, ty.innermost(), shapes, lists)?,
            (false, true) => {}
            (false, false) => {
                return Err(Mistake {
                    reason: format!("{type_name}.{name} has type {ty}, which has no fields"),
                    hint: None,
                });
            }
        }
    }
    Ok(())
}

fn is_field_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn mistake(reason: &str) -> Mistake {
    let hint = Some("write fields like \"id\", \"sku package\" or \"study { caseNumber }\"".to_owned());
    Mistake { reason: format!("it is not a set of fields: {reason}"), hint }
}

#[cfg(test)]
mod tests {
    use super::{Lists, Mistake, Shapes, parse, print, settle};
    use crate::schema::authoring::type_ref;

    fn shapes() -> Shapes {
        let fields = |fields: &[(&str, &str)]| {
            let parsed = fields.iter().filter_map(|(name, ty)| Some((name.to_string(), type_ref::parse(ty)?)));
            parsed.collect()
        };
        let research = fields(&[("study", "Study!"), ("tenantId", "ID"), ("tags", "[String!]")]);
        Shapes([("Research".to_owned(), research), ("Study".to_owned(), fields(&[("caseNumber", "ID!")]))].into())
    }

    #[test]
    fn sets_are_settled() {
        let check = |text: &str, lists| {
            let result = parse(text).and_then(|mut fields| {
                settle(&mut fields, "Research", &shapes(), lists)?;
                Ok(print(&fields))
            });
            result.map_err(|Mistake { reason, .. }| reason)
        };
        for (text, printed) in [
            ("tenant_id", "tenantId"),
            ("study{case_number},tenantId", "study { caseNumber } tenantId"),
            ("tags", "tags"),
        ] {
            assert_eq!(check(text, Lists::Allowed).as_deref(), Ok(printed));
        }
        for (text, reason) in [
            ("", "it is not a set of fields: it names no field"),
            ("a {", "it is not a set of fields: a \"}\" is missing"),
            ("a }", "it is not a set of fields: \"}\" stands where a field was expected"),
            ("{ a }", "it is not a set of fields: \"{\" stands where a field was expected"),
            ("a { }", "it is not a set of fields: \"}\" stands where a field was expected"),
            (&"a { ".repeat(1_000_000), "it is not a set of fields: it is nested deeper than 16 levels"),
            ("a b(c: 1)", "it is not a set of fields: \"b(c:\" stands where a field was expected"),
            ("study", "Research.study is an object"),
            ("tenantId { x }", "Research.tenantId has type ID, which has no fields"),
            ("study { caseNo }", "Study has no field \"caseNo\""),
            ("tags", "Research.tags is a list, which cannot be part of a key"),
        ] {
            assert_eq!(check(text, Lists::Refused), Err(reason.to_owned()), "{text}");
        }
    }
}
