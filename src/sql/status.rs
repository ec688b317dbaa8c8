//! What the row of a mutation's function says of its success: the one table.
//!
//! It has two readers. `exec` turns a failure into an error; the statement of a mutation that returns a union
//! chooses between the entity and the typed error, so the words of success are spelled as SQL too.

use crate::error::Code;

/// What a function said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Succeeded {
        changed: bool,
    },
    Failed(Code),
    /// Nothing that the table knows.
    Unknown,
}

/// The columns that say it, in whichever form they come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'r> {
    pub status: Option<&'r str>,
    pub succeeded: Option<bool>,
    pub state_changed: Option<bool>,
    pub error_class: Option<&'r str>,
    pub http_status: Option<i32>,
}

/// Statuses of success as patterns of LIKE, and whether something has changed then.
pub const SUCCESSES: [(&str, bool); 7] = [
    ("success%", true),
    ("ok", true),
    ("new", true),
    ("created", true),
    ("updated", true),
    ("deleted", true),
    ("noop%", false),
];

/// The words before the colon of a status, those behind `failed:`, and the classes of errors. A failure for a
/// reason that is not here is one of validation: the function has looked at what it was sent and refused.
const FAILURES: [(&str, Code); 24] = [
    ("validation", Code::ValidationFailed),
    ("validation_failed", Code::ValidationFailed),
    ("invalid", Code::ValidationFailed),
    ("conflict", Code::Conflict),
    ("duplicate", Code::Conflict),
    ("already_exists", Code::Conflict),
    ("not_found", Code::NotFound),
    ("missing", Code::NotFound),
    ("unauthorized", Code::Unauthenticated),
    ("unauthenticated", Code::Unauthenticated),
    ("forbidden", Code::Forbidden),
    ("permission_denied", Code::Forbidden),
    ("invalid_argument", Code::InvalidArgument),
    ("bad_request", Code::InvalidArgument),
    ("timeout", Code::Timeout),
    ("rate_limited", Code::RateLimited),
    ("service_unavailable", Code::Unavailable),
    ("unavailable", Code::Unavailable),
    ("internal", Code::Internal),
    ("internal_error", Code::Internal),
    ("transaction_failed", Code::Internal),
    ("error", Code::Internal),
    ("failed", Code::ValidationFailed),
    ("rejected", Code::ValidationFailed),
];

/// What the columns mean.
pub fn verdict(said: &Said<'_>) -> Verdict {
    match (said.succeeded, said.status) {
        (Some(true), _) => Verdict::Succeeded { changed: said.state_changed.unwrap_or(true) },
        // It says that it failed, and that it has changed something all the same.
        (Some(false), _) if said.state_changed == Some(true) => Verdict::Unknown,
        (Some(false), _) => {
            let class = said.error_class.and_then(|class| failure(&class.to_ascii_lowercase()));
            let status = || said.http_status.and_then(code_of_http);
            class.or_else(status).map_or(Verdict::Unknown, Verdict::Failed)
        }
        (None, Some(status)) if status.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            of_status(&status.trim().to_ascii_lowercase())
        }
        (None, Some(status)) => of_status(status.trim()),
        (None, None) => Verdict::Unknown,
    }
}

fn of_status(status: &str) -> Verdict {
    let succeeded = SUCCESSES.iter().find(|(pattern, _)| match pattern.strip_suffix('%') {
        Some(prefix) => status.starts_with(prefix),
        None => status == *pattern,
    });
    if let Some((_, changed)) = succeeded {
        return Verdict::Succeeded { changed: *changed };
    }
    let (word, reason) = status.split_once(':').unwrap_or((status, ""));
    if matches!(word, "failed" | "error") && !reason.is_empty() {
        let first = reason.split(':').next().unwrap_or_default();
        return Verdict::Failed(failure(first).unwrap_or(Code::ValidationFailed));
    }
    failure(word).map_or(Verdict::Unknown, Verdict::Failed)
}

fn failure(word: &str) -> Option<Code> {
    FAILURES.iter().find(|(known, _)| *known == word.trim()).map(|(_, code)| *code)
}

fn code_of_http(status: i32) -> Option<Code> {
    Some(match status {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::Forbidden,
        404 | 410 => Code::NotFound,
        409 | 412 => Code::Conflict,
        422 => Code::ValidationFailed,
        429 => Code::RateLimited,
        500 => Code::Internal,
        503 => Code::Unavailable,
        504 => Code::Timeout,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let changed = Verdict::Succeeded { changed: true };
        for (status, expected) in [
            ("success", changed),
            ("Success:created", changed),
            ("new", changed),
            ("updated", changed),
            ("deleted", changed),
            ("noop", Verdict::Succeeded { changed: false }),
            ("noop:unchanged", Verdict::Succeeded { changed: false }),
            ("failed:validation", Verdict::Failed(Code::ValidationFailed)),
            ("failed:out_of_stock", Verdict::Failed(Code::ValidationFailed)),
            ("failed:not_found", Verdict::Failed(Code::NotFound)),
            ("failed", Verdict::Failed(Code::ValidationFailed)),
            ("conflict:email_taken", Verdict::Failed(Code::Conflict)),
            ("not_found:user", Verdict::Failed(Code::NotFound)),
            ("forbidden:other_tenant", Verdict::Failed(Code::Forbidden)),
            ("newish", Verdict::Unknown),
            ("", Verdict::Unknown),
        ] {
            assert_eq!(verdict(&Said { status: Some(status), ..Said::default() }), expected, "{status}");
        }
    }

    #[test]
    fn classes() {
        let said = |succeeded, state_changed, error_class, http_status| {
            verdict(&Said { status: None, succeeded, state_changed, error_class, http_status })
        };
        assert_eq!(said(Some(true), Some(true), None, None), Verdict::Succeeded { changed: true });
        assert_eq!(said(Some(true), Some(false), None, None), Verdict::Succeeded { changed: false });
        assert_eq!(said(Some(true), None, None, None), Verdict::Succeeded { changed: true });
        assert_eq!(said(Some(false), Some(true), Some("conflict"), None), Verdict::Unknown);
        for (class, code) in [
            ("validation", Code::ValidationFailed),
            ("conflict", Code::Conflict),
            ("not_found", Code::NotFound),
            ("unauthorized", Code::Unauthenticated),
            ("forbidden", Code::Forbidden),
            ("internal", Code::Internal),
            ("transaction_failed", Code::Internal),
            ("timeout", Code::Timeout),
            ("rate_limited", Code::RateLimited),
            ("service_unavailable", Code::Unavailable),
        ] {
            assert_eq!(said(Some(false), Some(false), Some(class), None), Verdict::Failed(code), "{class}");
        }
        assert_eq!(said(Some(false), None, Some("odd"), Some(409)), Verdict::Failed(Code::Conflict));
        assert_eq!(said(Some(false), None, None, Some(422)), Verdict::Failed(Code::ValidationFailed));
        assert_eq!(said(Some(false), None, Some("odd"), None), Verdict::Unknown);
    }
}
