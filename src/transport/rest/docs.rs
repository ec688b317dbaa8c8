//! The page of API docs: Swagger UI over this server's own description, served from inside the binary.

use crate::transport::asset::{Asset, CSS, JAVASCRIPT, TEXT, escape_attribute};

/// What the page may do in a browser: everything from its own origin, nothing from another.
///
/// Swagger UI sets `style` attributes and carries its icons as `data:` URLs, hence the two exceptions;
/// scripts come from files only.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src data:; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page for a service whose routes stand below `rest_path`.
///
/// Its files are at `{rest_path}/docs/{name}`, each answered by [`asset`].
pub fn index(title: &str, rest_path: &str) -> String {
    let (title, path) = (escape_attribute(title), escape_attribute(rest_path.trim_end_matches('/')));
    let files = format!("{path}/docs");
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · API docs</title>
<link rel="icon" href="{ICON}">
<link rel="stylesheet" href="{files}/{SWAGGER_CSS}">
<style>body {{ margin: 0; }}</style>
</head>
<body>
<div id="swagger-ui" data-openapi="{path}/openapi.json"><noscript>The API docs need JavaScript.</noscript></div>
<script src="{files}/{SWAGGER_JS}"></script>
<script src="{files}/{START_JS}"></script>
</body>
</html>
"#
    )
}

/// The file that the page calls `name`, or `None` when it has no such file.
pub fn asset(name: &str) -> Option<Asset> {
    Some(match name {
        SWAGGER_JS => {
            Asset::vendored(JAVASCRIPT, include_bytes!("../../../assets/swagger-ui/swagger-ui-bundle-5.35.0.js.gz"))
        }
        SWAGGER_CSS => Asset::vendored(CSS, include_bytes!("../../../assets/swagger-ui/swagger-ui-5.35.0.css.gz")),
        START_JS => Asset::own(JAVASCRIPT, include_bytes!("../../../assets/swagger-ui/start.js")),
        // The licences ask to go where the files go, and the files go into the binary.
        LICENSES => Asset::own(TEXT, include_bytes!("../../../assets/swagger-ui/LICENSES.txt")),
        _ => return None,
    })
}

// A vendored file carries its version in its name, so that browsers may keep it for good.
const SWAGGER_JS: &str = "swagger-ui-bundle-5.35.0.js";
const SWAGGER_CSS: &str = "swagger-ui-5.35.0.css";
const START_JS: &str = "start.js";
const LICENSES: &str = "LICENSES.txt";

// Given inline, because a browser asks for /favicon.ico when a page names no icon.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect x='1' y='1' width='14' height='14' rx='3' fill='%232f6fdb'/%3E%3C/svg%3E";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served_by_this_server() {
        for (path, folder) in [("/rest", "/rest/docs/"), ("/api/v1", "/api/v1/docs/")] {
            let page = index("a & \"b\"", path);
            let files = ["src=\"", "href=\""].iter().flat_map(|attribute| page.split(attribute).skip(1));
            let files: Vec<&str> = files.filter_map(|rest| rest.split('"').next()).collect();
            let files: Vec<&str> = files.into_iter().filter(|file| !file.starts_with("data:")).collect();
            assert_eq!(files.len(), 3, "{files:?}");
            for file in files {
                assert!(file.strip_prefix(folder).and_then(asset).is_some(), "{file} is not served");
            }
            assert!(page.split("<script").skip(1).all(|tag| tag.starts_with(" src=")));
            assert!(page.contains("<title>a &amp; &quot;b&quot; "), "{page}");
        }
        assert_eq!(asset("vendor.sh"), None);
    }
}
