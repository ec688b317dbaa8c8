//! Files of the pages that are served from inside the binary.
//!
//! A page and everything it loads come from this server: a demo runs without a network, and no outside
//! host learns which schema somebody looks at. Vendored files are kept compressed, as they are sent;
//! every browser that runs them accepts gzip.

use axum::body::Body;
use http::{HeaderValue, Response, header};

/// One file of a page, as its answer carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    pub content_type: &'static str,
    /// `gzip` for the vendored files, none for our own.
    pub content_encoding: Option<&'static str>,
    pub cache_control: &'static str,
    /// The body in its content encoding.
    pub bytes: &'static [u8],
}

pub const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
pub const CSS: &str = "text/css; charset=utf-8";
pub const TEXT: &str = "text/plain; charset=utf-8";

const UNCHANGING: &str = "public, max-age=31536000, immutable";
const REVALIDATED: &str = "no-cache";

// === impl Asset ===

impl Asset {
    /// A compressed file whose name carries its version, so that browsers may keep it for good.
    pub const fn vendored(content_type: &'static str, bytes: &'static [u8]) -> Asset {
        Asset { content_type, content_encoding: Some("gzip"), cache_control: UNCHANGING, bytes }
    }

    /// A file of ours, as it is.
    pub const fn own(content_type: &'static str, bytes: &'static [u8]) -> Asset {
        Asset { content_type, content_encoding: None, cache_control: REVALIDATED, bytes }
    }

    pub fn respond(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        if let Some(encoding) = self.content_encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

/// A page of ours; `policy` is what it may do in a browser.
pub fn page(html: String, policy: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// A text within a quoted attribute of HTML.
pub fn escape_attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}
