//! What a single text must look like; each check answers with what it must be when it is not.

/// Any text, the empty one too.
pub fn any(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub fn not_empty(text: &str) -> Result<(), &'static str> {
    accept(!text.trim().is_empty(), "must not be empty")
}

/// A name of GraphQL and of protobuf.
pub fn identifier(text: &str) -> Result<(), &'static str> {
    accept(is_word(text, |_| false), "must be a name: letters, digits and _, beginning with a letter")
}

/// The gRPC package is made of it, so it must have a word in it.
pub fn project_name(text: &str) -> Result<(), &'static str> {
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '));
    accept(starts && rest, "must begin with a letter and hold only letters, digits, -, _, . and spaces")
}

/// An address or a host name, without a port.
pub fn host(text: &str) -> Result<(), &'static str> {
    let address = text.parse::<std::net::IpAddr>().is_ok();
    let name = !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        })
        && !text.chars().all(|c| c.is_ascii_digit() || c == '.');
    accept(address || name, "must be an IP address or a host name, without port and brackets")
}

/// A path of the one port that this service may take for a wire.
pub fn route(text: &str) -> Result<(), &'static str> {
    let segments = text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|segment| {
            !segment.is_empty()
                && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~'))
        })
    });
    accept(segments, "must be a path such as /api/v1: a leading /, no trailing one, no parameters")?;
    let first = text.split('/').nth(1);
    accept(
        !matches!(first, Some("health" | "ready" | "metrics")),
        "must not stand under /health, /ready or /metrics, which the service answers itself",
    )
}

/// An origin as a browser sends it.
pub fn origin(text: &str) -> Result<(), &'static str> {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let right = authority.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ', '*']));
    accept(text == "*" || right, "must be \"*\" or an origin such as https://app.example.com, without a path")
}

pub fn proto_package(text: &str) -> Result<(), &'static str> {
    let right = text.split('.').all(|part| is_word(part, |_| false));
    accept(right, "must be a protobuf package such as user_service.v1")
}

pub fn federation_version(text: &str) -> Result<(), &'static str> {
    let minor = text
        .strip_prefix("v2.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|digit| digit.is_ascii_digit()));
    let right = text == "v2" || minor;
    accept(right, "must be v2 or v2.N, such as v2.3")
}

/// A setting that PostgreSQL lets anybody set needs a dot; one without is a setting of the server.
pub fn setting_name(text: &str) -> Result<(), &'static str> {
    let right = text.contains('.') && text.split('.').all(|part| is_word(part, |c| c == '$'));
    accept(right, "must be two names with a dot between, such as app.tenant_id")
}

pub fn header(text: &str) -> Result<(), &'static str> {
    accept(http::HeaderName::from_bytes(text.as_bytes()).is_ok(), "must be the name of an HTTP header")
}

/// JetStream refuses these characters in the name of a stream.
pub fn stream_name(text: &str) -> Result<(), &'static str> {
    let right = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || ".*>/\\".contains(c));
    accept(right, "must be the name of a stream, without spaces, dots, *, > and slashes")
}

pub fn subject(text: &str) -> Result<(), &'static str> {
    let right = text.split('.').all(|token| !token.is_empty() && !token.contains(char::is_whitespace));
    accept(right, "must be a NATS subject: words with dots between, no spaces")
}

/// A level, or `target=level`, several with commas between. A lone word that is no level is refused:
/// it would silently mean a target of that name.
pub fn log_filter(text: &str) -> Result<(), &'static str> {
    let is_level = |word: &str| {
        ["off", "error", "warn", "info", "debug", "trace"].iter().any(|level| word.eq_ignore_ascii_case(level))
    };
    let right = text.split(',').map(str::trim).all(|directive| match directive.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level.trim()),
        None => is_level(directive),
    });
    accept(right, "must be a level (off, error, warn, info, debug, trace), or such as info,fraiseql::exec=debug")
}

fn is_word(text: &str, more: fn(char) -> bool) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || more(c))
}

fn accept(right: bool, must: &'static str) -> Result<(), &'static str> {
    if right { Ok(()) } else { Err(must) }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(check: fn(&str) -> Result<(), &'static str>, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in wrong {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_check_draws_its_line() {
        check(super::not_empty, &["a"], &["", " "]);
        check(super::identifier, &["User", "_u1"], &["", "1u", "a-b", "é"]);
        check(super::project_name, &["user-service", "My Shop 2"], &["", "2shop", "a/b", "-"]);
        check(
            super::host,
            &["0.0.0.0", "::", "::1", "localhost", "db-1.internal"],
            &["", "1.2.3", "[::1]", "a:80", "a b"],
        );
        check(
            super::route,
            &["/graphql", "/api/v1"],
            &["", "/", "graphql", "/a/", "/a//b", "/a?b", "/{x}", "/health", "/metrics/x"],
        );
        check(
            super::origin,
            &["*", "https://a.example", "http://localhost:3000"],
            &["", "a.example", "https://", "https://a/", "ftp://a"],
        );
        check(super::proto_package, &["a", "user_service.v1"], &["", "a.", "a-b"]);
        check(super::federation_version, &["v2", "v2.0", "v2.11"], &["", "2", "v1", "v2.", "v2.x", "v21"]);
        check(super::setting_name, &["app.tenant_id", "a.b.c"], &["", "role", "app.", ".x", "app.1"]);
        check(super::header, &["x-tenant-id", "Authorization"], &["", "x y", "x:"]);
        check(super::stream_name, &["orders"], &["", "a.b", "a b", "a*"]);
        check(super::subject, &["users.*", "a.>", "a"], &["", "a..b", "a b"]);
        check(
            super::log_filter,
            &["info", "WARN", "info,fraiseql::exec=debug", "off"],
            &["", "inof", "x", "a=loud", "info,"],
        );
    }
}
