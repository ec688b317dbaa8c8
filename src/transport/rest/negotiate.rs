//! What the headers of a request ask for: media types, preferences, and what the client has already.

use http::{HeaderMap, HeaderName, header};

use crate::error::{Code, Error, Result, Stage};
use crate::schema::model::{Endpoint, Returns};
use crate::schema::{Kind, Schema};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Json,
    Ndjson,
    Csv,
}

/// Preferences (RFC 7240).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Of a read, `count=exact`; `planned` and `estimated` are answered with the exact number too.
    pub count: bool,
    /// Of a write, `return=minimal` or `return=representation`.
    pub minimal: Option<bool>,
    /// Of a write, `tx=rollback`: everything but the change itself.
    pub rollback: bool,
    /// Of a write, `max-affected=N`.
    pub affected_max: Option<u64>,
}

// === impl Media ===

impl Media {
    /// The media types of an endpoint's answers. Rows of several types have no columns in common, and so
    /// no CSV.
    pub fn of_endpoint(schema: &Schema, endpoint: &Endpoint) -> &'static [Media] {
        match (endpoint.returns, schema.kind(&endpoint.item)) {
            (Returns::One | Returns::Count, _) => &[Media::Json],
            (Returns::Many | Returns::Connection, Kind::Object(_)) => &[Media::Json, Media::Ndjson, Media::Csv],
            (
                Returns::Many | Returns::Connection,
                Kind::Interface(_) | Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_),
            ) => &[Media::Json, Media::Ndjson],
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Ndjson => "application/x-ndjson",
            Media::Csv => "text/csv",
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Media::Json => "application/json; charset=utf-8",
            Media::Ndjson => "application/x-ndjson; charset=utf-8",
            Media::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// The choice that a client prefers; the first when it does not care.
    pub fn of(headers: &HeaderMap, choices: &[Media]) -> Result<Media> {
        let mut best: Option<(f32, u8, Media)> = None;
        let mut any = false;
        for value in headers.get_all(header::ACCEPT) {
            let Ok(text) = value.to_str() else { continue };
            // Most clients name one type and nothing else.
            if !any && let Some(media) = choices.iter().find(|media| media.name() == text) {
                return Ok(*media);
            }
            for range in text.split(',').map(str::trim).filter(|range| !range.is_empty()) {
                any = true;
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let quality = parts
                    .filter_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                    .find_map(|quality| quality.parse::<f32>().ok())
                    .unwrap_or(1.0);
                for media in choices {
                    let Some(exactness) = media.matches(name) else { continue };
                    let better = best.is_none_or(|(known, known_exactness, _)| {
                        quality > known || (quality == known && exactness > known_exactness)
                    });
                    if quality > 0.0 && better {
                        best = Some((quality, exactness, *media));
                    }
                }
            }
        }
        match (best, choices.first()) {
            (Some((_, _, media)), _) => Ok(media),
            (None, Some(first)) if !any => Ok(*first),
            (None, _) => {
                let names: Vec<&str> = choices.iter().map(|media| media.name()).collect();
                let message = format!("the answer can be {}", names.join(", "));
                Err(Error::new(Stage::Decode, Code::NotAcceptable, message).at("Accept"))
            }
        }
    }

    /// How exactly a media range means this type, if it does.
    fn matches(self, range: &str) -> Option<u8> {
        if self.is_spelled(range) {
            return Some(2);
        }
        let family = self.name().split_once('/').map_or("", |(family, _)| family);
        match range.split_once('/') {
            Some(("*", "*")) => Some(0),
            Some((wanted, "*")) if wanted.eq_ignore_ascii_case(family) => Some(1),
            Some(_) | None => None,
        }
    }

    /// Whether a text names this type.
    fn is_spelled(self, text: &str) -> bool {
        let spellings: &[&str] = match self {
            Media::Json => &["application/json"],
            Media::Ndjson => &["application/x-ndjson", "application/ndjson", "application/jsonl"],
            Media::Csv => &["text/csv"],
        };
        spellings.iter().any(|name| name.eq_ignore_ascii_case(text))
    }
}

// === impl Preferences ===

impl Preferences {
    /// Reads every `Prefer` header; what is not known is ignored, as the specification wants it.
    pub fn of(headers: &HeaderMap) -> Preferences {
        let mut preferences = Preferences::default();
        for value in headers.get_all(PREFER) {
            let Ok(text) = value.to_str() else { continue };
            for preference in text.split([',', ';']) {
                let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
                let value = value.trim().trim_matches('"');
                match (name.trim().to_ascii_lowercase().as_str(), value) {
                    ("count", "exact" | "planned" | "estimated") => preferences.count = true,
                    ("return", "minimal") => preferences.minimal = Some(true),
                    ("return", "representation") => preferences.minimal = Some(false),
                    ("tx", "rollback") => preferences.rollback = true,
                    ("max-affected", number) => preferences.affected_max = number.parse().ok(),
                    _ => {}
                }
            }
        }
        preferences
    }
}

/// Whether the body says that it is lines of JSON.
pub fn is_ndjson(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = value.bytes().position(|byte| byte == b';').map_or(value, |end| &value[..end]);
    Media::Ndjson.is_spelled(name.trim())
}

/// Whether the client has the answer with this tag already (RFC 9110, section 13.1.2: weakly compared).
pub fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    fn opaque(tag: &str) -> &str {
        tag.strip_prefix("W/").unwrap_or(tag)
    }
    let wanted = opaque(tag);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').map(str::trim).any(|known| known == "*" || opaque(known) == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn accept() {
        for (accept, expected) in [
            (&[][..], Some(Media::Json)),
            (&[""], Some(Media::Json)),
            (&["*/*"], Some(Media::Json)),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Some(Media::Json)),
            (&["application/x-ndjson"], Some(Media::Ndjson)),
            (&["application/x-ndjson;q=0.5, application/json"], Some(Media::Json)),
            (&["*/*;q=0.1", "text/CSV"], Some(Media::Csv)),
            (&["text/*"], Some(Media::Csv)),
            (&["text/csv;q=0"], None),
            (&["image/png"], None),
        ] {
            let found = Media::of(&headers("accept", accept), &[Media::Json, Media::Ndjson, Media::Csv]);
            assert_eq!(found.ok(), expected, "{accept:?}");
        }
        assert!(Media::of(&headers("accept", &["text/csv"]), &[Media::Json]).is_err());
    }

    #[test]
    fn prefer() {
        for (prefer, count) in [
            (&["count=exact"][..], true),
            (&["return=minimal, count=\"planned\""], true),
            (&["handling=strict", "Count = exact"], true),
            (&["count=none"], false),
            (&[], false),
        ] {
            assert_eq!(Preferences::of(&headers("prefer", prefer)).count, count, "{prefer:?}");
        }
    }

    #[test]
    fn tags() {
        for (given, expected) in
            [("W/\"a\"", true), ("\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            assert_eq!(has_already(&headers("if-none-match", &[given]), "W/\"a\""), expected, "{given}");
        }
    }
}
