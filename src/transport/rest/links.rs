//! `meta` and `links`: where a page stands, and how to get to the others.

use std::fmt::Write;

use crate::codec::json::PageFacts;
use crate::codec::json_text;

/// The URL that was asked, as it stands in the request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'u> {
    pub path: &'u str,
    pub query: &'u str,
}

/// A page by offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetPage {
    pub limit: u64,
    pub offset: u64,
    pub has_next: bool,
    pub total: Option<u64>,
}

/// `"meta":{…},"links":{…}` of a page by offset.
pub fn offset_page(asked: Asked<'_>, page: OffsetPage, out: &mut Vec<u8>) {
    let OffsetPage { limit, offset, has_next, total } = page;
    let mut meta = format!("\"meta\":{{\"limit\":{limit},\"offset\":{offset}");
    if let Some(total) = total {
        let _ = write!(meta, ",\"total\":{total}");
    }
    out.extend_from_slice(meta.as_bytes());
    out.extend_from_slice(b"},\"links\":{");
    let at = |offset: u64| {
        asked.with(&["limit", "offset"], &[("limit", &limit.to_string()), ("offset", &offset.to_string())])
    };
    link("self", Some(asked.whole()), out);
    link("next", (has_next && limit > 0).then(|| at(offset.saturating_add(limit))), out);
    link("prev", (offset > 0 && limit > 0).then(|| at(offset.saturating_sub(limit))), out);
    link("first", Some(at(0)), out);
    if let Some(total) = total {
        let last = match (total, limit) {
            (0, _) | (_, 0) => 0,
            (total, limit) => (total - 1) / limit * limit,
        };
        link("last", Some(at(last)), out);
    }
    end(out);
}

/// The same of a page by cursor.
pub fn cursor_page(asked: Asked<'_>, limit: u64, facts: &PageFacts, out: &mut Vec<u8>) {
    let mut meta = format!(
        "\"meta\":{{\"limit\":{limit},\"hasNextPage\":{},\"hasPreviousPage\":{}",
        facts.has_next, facts.has_previous
    );
    if let Some(total) = facts.total {
        let _ = write!(meta, ",\"total\":{total}");
    }
    out.extend_from_slice(meta.as_bytes());
    for (name, cursor) in [("startCursor", &facts.start_cursor), ("endCursor", &facts.end_cursor)] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        match cursor {
            Some(cursor) => json_text::string(cursor.as_bytes(), out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b"},\"links\":{");
    let at = |size: &str, cursor: Option<(&str, &String)>| {
        let limit = limit.to_string();
        let mut with = vec![(size, limit.as_str())];
        // Base64 has characters that mean something else in a query.
        let escaped = cursor.map(|(name, cursor)| (name, escape(cursor)));
        with.extend(escaped.as_ref().map(|(name, cursor)| (*name, cursor.as_str())));
        asked.with(&["first", "after", "last", "before"], &with)
    };
    let next = facts.end_cursor.as_ref().filter(|_| facts.has_next);
    let previous = facts.start_cursor.as_ref().filter(|_| facts.has_previous);
    link("self", Some(asked.whole()), out);
    link("next", next.map(|cursor| at("first", Some(("after", cursor)))), out);
    link("prev", previous.map(|cursor| at("last", Some(("before", cursor)))), out);
    link("first", Some(at("first", None)), out);
    end(out);
}

fn escape(cursor: &str) -> String {
    cursor.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn link(name: &str, url: Option<String>, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    match url {
        Some(url) => json_text::string(url.as_bytes(), out),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b',');
}

/// Closes an object whose members each end with a comma.
fn end(out: &mut [u8]) {
    if let Some(last) = out.last_mut() {
        *last = b'}';
    }
}

// === impl Asked ===

impl Asked<'_> {
    fn whole(self) -> String {
        match self.query {
            "" => self.path.to_owned(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// The URL with other values for some parameters; the rest stays as the client wrote it.
    fn with(self, without: &[&str], with: &[(&str, &str)]) -> String {
        let kept = self.query.split('&').filter(|pair| {
            let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
            !name.is_empty() && !without.contains(&name)
        });
        let mut url = self.path.to_owned();
        let mut separator = '?';
        let mut push = |pair: std::fmt::Arguments<'_>| {
            let _ = write!(url, "{separator}{pair}");
            separator = '&';
        };
        kept.for_each(|pair| push(format_args!("{pair}")));
        with.iter().for_each(|(name, value)| push(format_args!("{name}={value}")));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, page: OffsetPage, expected: &str) {
        let mut out = Vec::new();
        offset_page(Asked { path: "/rest/users", query }, page, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn offset_pages() {
        check(
            "",
            OffsetPage { limit: 20, offset: 0, has_next: true, total: None },
            "\"meta\":{\"limit\":20,\"offset\":0},\"links\":{\"self\":\"/rest/users\",\
             \"next\":\"/rest/users?limit=20&offset=20\",\"prev\":null,\"first\":\"/rest/users?limit=20&offset=0\"}",
        );
        check(
            "limit=10&name=%22a%22&offset=5",
            OffsetPage { limit: 10, offset: 5, has_next: false, total: Some(15) },
            "\"meta\":{\"limit\":10,\"offset\":5,\"total\":15},\"links\":{\
             \"self\":\"/rest/users?limit=10&name=%22a%22&offset=5\",\"next\":null,\
             \"prev\":\"/rest/users?name=%22a%22&limit=10&offset=0\",\
             \"first\":\"/rest/users?name=%22a%22&limit=10&offset=0\",\
             \"last\":\"/rest/users?name=%22a%22&limit=10&offset=10\"}",
        );
        check(
            "limit=0",
            OffsetPage { limit: 0, offset: 3, has_next: true, total: Some(0) },
            "\"meta\":{\"limit\":0,\"offset\":3,\"total\":0},\"links\":{\"self\":\"/rest/users?limit=0\",\
             \"next\":null,\"prev\":null,\"first\":\"/rest/users?limit=0&offset=0\",\
             \"last\":\"/rest/users?limit=0&offset=0\"}",
        );
    }

    #[test]
    fn cursor_pages() {
        let facts = PageFacts {
            total: None,
            has_next: true,
            has_previous: false,
            start_cursor: Some("a+/=".to_owned()),
            end_cursor: Some("b==".to_owned()),
        };
        let mut out = Vec::new();
        cursor_page(Asked { path: "/u", query: "sort=name&after=x" }, 2, &facts, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"meta\":{\"limit\":2,\"hasNextPage\":true,\"hasPreviousPage\":false,\"startCursor\":\"a+/=\",\
             \"endCursor\":\"b==\"},\"links\":{\"self\":\"/u?sort=name&after=x\",\
             \"next\":\"/u?sort=name&first=2&after=b%3D%3D\",\"prev\":null,\"first\":\"/u?sort=name&first=2\"}"
        );
    }
}
