//! GraphiQL, served from inside the binary.
//!
//! The page and everything it loads come from this server: a demo runs without a network, and no
//! outside host learns which schema somebody looks at. Pages that fetch GraphiQL from a CDN, the one
//! of async-graphql among them, were rejected for that. The vendored files are kept compressed, as
//! they are sent; every browser that runs GraphiQL accepts gzip.

use crate::transport::asset::{Asset, CSS, JAVASCRIPT, TEXT, escape_attribute};

/// What the page may do in a browser: everything from its own origin, nothing from another.
///
/// GraphiQL injects `<style>` elements and carries its fonts and icons as `data:` URLs, hence the
/// two exceptions; scripts come from files only.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src data:; img-src data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page for a GraphQL endpoint at `graphql_path`, an absolute path such as `/graphql`.
///
/// Its files are at `{graphql_path}/graphiql/{name}`, each answered by [`asset`].
pub fn index(graphql_path: &str) -> String {
    let path = escape_attribute(graphql_path);
    // At the root of the site the folder is `/graphiql`; `//graphiql` would name another host.
    let files = format!("{}/graphiql", path.trim_end_matches('/'));
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>GraphiQL · fraiseql</title>
<link rel="icon" href="{ICON}">
<link rel="stylesheet" href="{files}/{GRAPHIQL_CSS}">
<style>html, body, #graphiql {{ height: 100%; margin: 0; }}</style>
</head>
<body>
<div id="graphiql" data-graphql-path="{path}"><noscript>GraphiQL needs JavaScript.</noscript></div>
<script src="{files}/{REACT_JS}"></script>
<script src="{files}/{REACT_DOM_JS}"></script>
<script src="{files}/{GRAPHIQL_JS}"></script>
<script src="{files}/{START_JS}"></script>
</body>
</html>
"#
    )
}

/// The file that the page calls `name`, or `None` when it has no such file.
pub fn asset(name: &str) -> Option<Asset> {
    Some(match name {
        GRAPHIQL_JS => Asset::vendored(JAVASCRIPT, include_bytes!("../../../assets/graphiql/graphiql-4.1.2.min.js.gz")),
        GRAPHIQL_CSS => Asset::vendored(CSS, include_bytes!("../../../assets/graphiql/graphiql-4.1.2.min.css.gz")),
        REACT_JS => {
            Asset::vendored(JAVASCRIPT, include_bytes!("../../../assets/graphiql/react-18.3.1.production.min.js.gz"))
        }
        REACT_DOM_JS => Asset::vendored(
            JAVASCRIPT,
            include_bytes!("../../../assets/graphiql/react-dom-18.3.1.production.min.js.gz"),
        ),
        START_JS => Asset::own(JAVASCRIPT, include_bytes!("../../../assets/graphiql/start.js")),
        // The licences ask to go where the files go, and the files go into the binary.
        LICENSES => Asset::own(TEXT, include_bytes!("../../../assets/graphiql/LICENSES.txt")),
        _ => return None,
    })
}

// A vendored file carries its version in its name, so that browsers may keep it for good.
const GRAPHIQL_JS: &str = "graphiql-4.1.2.min.js";
const GRAPHIQL_CSS: &str = "graphiql-4.1.2.min.css";
const REACT_JS: &str = "react-18.3.1.production.min.js";
const REACT_DOM_JS: &str = "react-dom-18.3.1.production.min.js";
const START_JS: &str = "start.js";
const LICENSES: &str = "LICENSES.txt";

// Given inline, because a browser asks for /favicon.ico when a page names no icon.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Ccircle cx='8' cy='8' r='7' fill='%23d64292'/%3E%3C/svg%3E";

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of every `src` and `href` of the page.
    fn links(page: &str) -> Vec<&str> {
        let mut links = Vec::new();
        for attribute in ["src=\"", "href=\""] {
            links.extend(page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
        }
        links
    }

    #[track_caller]
    fn check(graphql_path: &str, folder: &str) {
        let page = index(graphql_path);
        let files: Vec<&str> = links(&page).into_iter().filter(|link| !link.starts_with("data:")).collect();
        assert_eq!(files.len(), 5, "{files:?}");
        for file in files {
            let name = file.strip_prefix(folder).unwrap_or_else(|| panic!("{file} is not in {folder}"));
            assert!(asset(name).is_some(), "{name} is not served");
        }
    }

    #[test]
    fn every_file_of_the_page_is_served_by_this_server() {
        check("/graphql", "/graphql/graphiql/");
        check("/api/v1/graphql", "/api/v1/graphql/graphiql/");
        check("/", "/graphiql/");
    }

    #[test]
    fn the_path_cannot_leave_its_attribute() {
        let page = index("/a\"><script>x</script>");
        assert!(page.contains(r#"data-graphql-path="/a&quot;&gt;&lt;script&gt;x&lt;/script&gt;""#), "{page}");
    }

    #[test]
    fn no_script_is_inline() {
        assert!(index("/graphql").split("<script").skip(1).all(|tag| tag.starts_with(" src=")));
    }

    #[test]
    fn an_encoded_file_is_gzip_without_name_and_time() {
        for name in [GRAPHIQL_JS, GRAPHIQL_CSS, REACT_JS, REACT_DOM_JS] {
            let file = asset(name).unwrap();
            assert_eq!(file.content_encoding, Some("gzip"), "{name}");
            // Magic, deflate, no flags, time zero.
            assert_eq!(&file.bytes[..8], &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "{name}");
        }
    }

    #[test]
    fn other_names_are_not_served() {
        for name in ["", "vendor.sh", "../page.rs", "graphiql.min.js.map"] {
            assert_eq!(asset(name), None, "{name}");
        }
    }
}
