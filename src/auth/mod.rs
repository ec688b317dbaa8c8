//! Who is asking.

use indexmap::IndexMap;

/// The caller of one request. Never optional: nobody is [`Caller::anonymous`].
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub authenticated: bool,
    pub roles: Vec<String>,
    pub scopes: Vec<String>,
    /// Claims of the token, as JSON.
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// Values of the request headers that `[[session_variables]]` names, by lower-case name.
    pub headers: IndexMap<String, String>,
}

// === impl Caller ===

impl Caller {
    pub fn anonymous() -> Caller {
        Caller::default()
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// A claim as text: strings as they are, everything else as JSON.
    pub fn claim(&self, name: &str) -> Option<String> {
        match self.claims.get(name)? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Null => None,
            other => Some(other.to_string()),
        }
    }
}
