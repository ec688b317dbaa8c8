//! Claims by name: where they are, and the lists of words in them.

use serde_json::{Map, Value as Json};

/// The claim of a name. A claim of exactly that name wins, since issuers put dots, and whole URLs, into
/// names; else dots lead into nested claims, as in `realm_access.roles`.
pub(super) fn find<'c>(claims: &'c Map<String, Json>, name: &str) -> Option<&'c Json> {
    if let Some(claim) = claims.get(name) {
        return Some(claim);
    }
    name.match_indices('.').find_map(|(dot, _)| match claims.get(&name[..dot])? {
        Json::Object(nested) => find(nested, &name[dot + 1..]),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
    })
}

/// The words of a claim: the texts of an array, or one text with spaces or commas between.
pub(super) fn words(claims: &Map<String, Json>, name: &str) -> Vec<String> {
    match find(claims, name) {
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        Some(Json::String(text)) => {
            let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[track_caller]
    fn check(name: &str, expected: &[&str]) {
        let claims = json!({
            "roles": ["admin", 7, "two words"],
            "scope": "read:a  write:a,read:b",
            "realm_access": {"roles": ["editor"], "deep.er": {"roles": "x"}},
            "https://a.example/roles": ["url"],
            "https://a.example/app": {"roles": ["nested"]},
            "a.b": "exact",
            "a": {"b": "nested"},
            "number": 1,
            "null": null,
        });
        assert_eq!(super::words(claims.as_object().unwrap(), name), expected, "{name}");
    }

    #[test]
    fn claims_are_found_by_name_and_by_path() {
        check("roles", &["admin", "two words"]);
        check("scope", &["read:a", "write:a", "read:b"]);
        check("realm_access.roles", &["editor"]);
        check("realm_access.deep.er.roles", &["x"]);
        check("https://a.example/roles", &["url"]);
        check("https://a.example/app.roles", &["nested"]);
        check("a.b", &["exact"]);
        for absent in ["number", "null", "none", "realm_access.none", "roles.0", "", ".", "a."] {
            check(absent, &[]);
        }
    }
}
