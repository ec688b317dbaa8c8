//! GraphQL type references as text: `String`, `[LineItem!]!`.

use std::sync::Arc;

use crate::schema::model::{TypeOf, TypeRef};
use crate::schema::name::Name;

/// Most lists within each other. Tools ask for some seven levels of a type; the artifact, whose readers follow 128
/// levels of JSON, takes several for each.
const LISTS_MAX: usize = 8;

/// Parses a type; each `!` says what it says in GraphQL.
pub fn parse(text: &str) -> Option<TypeRef> {
    let (ty, rest) = prefix(text.trim(), LISTS_MAX)?;
    rest.is_empty().then_some(ty)
}

/// What a type that could not be read is taken for; every check passes over it.
pub fn unreadable() -> TypeRef {
    TypeRef::named(Arc::from(""), true)
}

/// `[A-Za-z_][A-Za-z0-9_]*`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn prefix(text: &str, lists: usize) -> Option<(TypeRef, &str)> {
    let (of, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (item, rest) = prefix(inner.trim_start(), lists.checked_sub(1)?)?;
            (TypeOf::List(Box::new(item)), rest.strip_prefix(']')?)
        }
        None => {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            (TypeOf::Named(is_name(name).then(|| Name::from(name))?), rest)
        }
    };
    let rest = rest.trim_start();
    let required = rest.strip_prefix('!');
    Some((TypeRef { of, nullable: required.is_none() }, required.unwrap_or(rest).trim_start()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn types_print_as_they_were_written() {
        for text in ["String", "ID!", "[T!]", "[T]!", "[[Int!]!]!"] {
            assert_eq!(parse(text).map(|ty| ty.to_string()).as_deref(), Some(text));
        }
        for text in ["", "!", "[T", "T]", "list[T]", "T!!", "1T", "T U", "[]"] {
            assert_eq!(parse(text), None, "{text}");
        }
        let lists = |count: usize| format!("{}Int{}", "[".repeat(count), "]".repeat(count));
        assert!(parse(&lists(8)).is_some());
        assert_eq!((parse(&lists(9)), parse(&lists(1_000_000))), (None, None));
    }
}
