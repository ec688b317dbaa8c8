//! Names, and the one rule that turns one casing into another.
//!
//! The API speaks camelCase, Python and SQL speak snake_case. Everything that needs the other form
//! asks here, so that there is one rule and not one per wire.

use std::sync::Arc;

use indexmap::IndexMap;

/// A name shared by the schema and whatever refers to it; cloning costs a counter.
pub type Name = Arc<str>;

/// Things by their names, in the order in which they were declared. Nobody who asks can choose the names, so that the
/// hash may be a fast one: a look-up takes a third of the time.
pub type ByName<T> = IndexMap<Name, T, ahash::RandomState>;

/// `createdAt` → `created_at`, `phone1` → `phone_1`? No: digits stay attached (`phone1`).
///
/// Each capital starts a word; a run of capitals is one word (`httpURL` → `http_url`).
pub fn snake_case(name: &str) -> String {
    if is_snake_case(name) {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len() + 4);
    let chars: Vec<char> = name.chars().collect();
    for (i, c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() {
            let after_lower = i > 0 && (chars[i - 1].is_ascii_lowercase() || chars[i - 1].is_ascii_digit());
            let ends_run =
                i > 0 && chars[i - 1].is_ascii_uppercase() && chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
            if after_lower || ends_run {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(*c);
        }
    }
    out
}

/// Whether a name is the same in SQL.
pub fn is_snake_case(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// `created_at` → `createdAt`, `phone_1` → `phone1`; a leading underscore stays.
pub fn camel_case(name: &str) -> String {
    let body = name.trim_start_matches('_');
    let mut out = String::with_capacity(name.len());
    out.push_str(&name[..name.len() - body.len()]);
    let mut upper = false;
    for c in body.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// `createdAt` and `created_at` → `CreatedAt`.
pub fn pascal_case(name: &str) -> String {
    let camel = camel_case(name.trim_start_matches('_'));
    let mut chars = camel.chars();
    match chars.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + chars.as_str(),
        None => camel,
    }
}

/// The plural that routes, RPCs and generated queries use unless a type gives its own.
pub fn plural(name: &str) -> String {
    let ends = |suffix: &str| name.ends_with(suffix);
    if ends("ss") || ends("sh") || ends("ch") || ends("x") || ends("z") {
        return format!("{name}es");
    }
    if ends("s") {
        return name.to_owned();
    }
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) && !stem.is_empty() => format!("{stem}ies"),
        _ => format!("{name}s"),
    }
}

/// What an RPC is about: the name of its query in Pascal case, less a leading `get` or `list`.
pub fn rpc_subject(query: &str) -> String {
    let bare = ["get", "list"].iter().find_map(|verb| {
        let rest = query.strip_prefix(verb)?;
        let rest = rest.strip_prefix('_').unwrap_or(rest);
        // `getaway` and `listing` begin with no verb.
        let is_word = rest.len() + verb.len() < query.len() || rest.starts_with(|c: char| !c.is_ascii_lowercase());
        (is_word && !rest.is_empty()).then_some(rest)
    });
    pascal_case(bare.unwrap_or(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casing() {
        for (camel, snake) in [
            ("createdAt", "created_at"),
            ("id", "id"),
            ("httpURL", "http_url"),
            ("HTTPLog", "http_log"),
            ("phone1", "phone1"),
            ("userId", "user_id"),
        ] {
            assert_eq!(snake_case(camel), snake);
        }
        for (snake, camel) in [("created_at", "createdAt"), ("phone_1", "phone1"), ("_x_y", "_xY"), ("id", "id")] {
            assert_eq!(camel_case(snake), camel);
        }
        assert_eq!(pascal_case("user-service".replace('-', "_").as_str()), "UserService");
        for (query, subject) in [
            ("users", "Users"),
            ("activeUsers", "ActiveUsers"),
            ("getUser", "User"),
            ("list_users", "Users"),
            ("getaway", "Getaway"),
            ("listing", "Listing"),
            ("get", "Get"),
        ] {
            assert_eq!(rpc_subject(query), subject);
        }
        for (one, many) in
            [("user", "users"), ("box", "boxes"), ("category", "categories"), ("day", "days"), ("news", "news")]
        {
            assert_eq!(plural(one), many);
        }
    }
}
