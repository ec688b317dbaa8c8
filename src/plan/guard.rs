//! Who may see and ask what: the only place that grants.
//!
//! Roles, scopes and claims that the schema names are turned into a set of bits once per request, so that
//! the outcome of every check is part of the statement's cache key without the caller's own list of
//! roles being so.

use indexmap::IndexMap;
use smallvec::SmallVec;

use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::schema::model::{Endpoint, Field, Inject, OnDeny, TypeDef};
use crate::schema::{Grant, Schema};

/// Which of the schema's roles, scopes and claims a caller holds; bit `i` is the schema's grant `i`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Held(SmallVec<[u64; 1]>);

/// Answers for one caller.
pub struct Guard<'a> {
    schema: &'a Schema,
    caller: &'a Caller,
    held: Held,
}

/// What a caller sees of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Clear,
    Masked,
}

/// Which grants of the schema a caller holds.
pub fn held(schema: &Schema, caller: &Caller) -> Held {
    let mut bits: SmallVec<[u64; 1]> = SmallVec::new();
    for (i, grant) in schema.grants().iter().enumerate() {
        if i % 64 == 0 {
            bits.push(0);
        }
        let has = match grant {
            Grant::Role(role) => caller.has_role(role),
            Grant::Scope(scope) => caller.has_scope(scope),
            Grant::Claim(claim) => caller.claim(claim).is_some(),
        };
        bits[i / 64] |= u64::from(has) << (i % 64);
    }
    Held(bits)
}

fn claims(inject: &IndexMap<String, Inject>) -> Vec<(String, String)> {
    inject.iter().map(|(column, Inject::Claim(claim))| (column.clone(), claim.clone())).collect()
}

/// A claim that the answer depends on: without it there is none.
pub fn claim(caller: &Caller, name: &str) -> Result<String> {
    caller.claim(name).ok_or_else(|| {
        let code = if caller.is_authenticated() { Code::Forbidden } else { Code::Unauthenticated };
        Error::new(Stage::Plan, code, format!("this needs a token with the claim \"{name}\""))
    })
}

// === impl Guard ===

impl<'a> Guard<'a> {
    pub fn new(schema: &'a Schema, caller: &'a Caller) -> Self {
        Guard { schema, caller, held: held(schema, caller) }
    }

    /// The root field itself, and the type behind it.
    pub fn endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        self.role(&endpoint.requires_role, &endpoint.name)
    }

    pub fn object(&self, object: &TypeDef) -> Result<()> {
        self.role(&object.requires_role, &object.name)
    }

    /// A field in a selection.
    pub fn select(&self, type_name: &str, field: &Field) -> Result<Sight> {
        match (self.allows(field), field.on_deny) {
            (true, OnDeny::Reject | OnDeny::Mask) => Ok(Sight::Clear),
            (false, OnDeny::Mask) => Ok(Sight::Masked),
            (false, OnDeny::Reject) => Err(self.refused(&format!("{type_name}.{}", field.name))),
        }
    }

    /// A field in a filter or an order: a masked value must not be found out by asking for it.
    pub fn compare(&self, type_name: &str, field: &Field) -> Result<()> {
        if self.allows(field) { Ok(()) } else { Err(self.refused(&format!("{type_name}.{}", field.name))) }
    }

    /// Claims that the endpoint adds to its arguments, by the column that each is compared with. Whether
    /// the caller has them is asked of [`claim`] at every request, since a statement outlives its caller.
    pub fn injected(&self, endpoint: &Endpoint) -> Vec<(String, String)> {
        claims(&endpoint.inject)
    }

    /// The claims that guard the rows of an entity: a caller may look up by key what he may find by some
    /// query of the type, so what all the queries that he may ask inject holds here as well.
    ///
    /// A type that no query returns has what every query injects by default.
    pub fn entity(&self, object: &TypeDef) -> Result<Vec<(String, String)>> {
        self.object(object)?;
        let model = self.schema.model();
        let queries = || model.queries.values().filter(|query| query.item == object.name);
        let mut open = queries().filter(|query| self.endpoint(query).is_ok());
        let Some(first) = open.next() else {
            if let Some(query) = queries().next() {
                self.endpoint(query)?;
            }
            return Ok(claims(&model.inject));
        };
        let mut injected = claims(&first.inject);
        for query in open {
            injected.retain(|(column, name)| query.inject.get(column) == Some(&Inject::Claim(name.clone())));
        }
        Ok(injected)
    }

    /// Whether the caller has every claim that [`Guard::injected`] names.
    pub fn has_claims(&self, endpoint: &Endpoint) -> bool {
        endpoint.inject.values().all(|Inject::Claim(claim)| self.holds(&Grant::Claim(claim.clone())))
    }

    fn allows(&self, field: &Field) -> bool {
        match &field.requires_scope {
            Some(scope) => self.holds(&Grant::Scope(scope.clone())),
            None => true,
        }
    }

    fn role(&self, role: &Option<String>, what: &str) -> Result<()> {
        match role {
            Some(role) if !self.holds(&Grant::Role(role.clone())) => Err(self.refused(what)),
            Some(_) | None => Ok(()),
        }
    }

    fn holds(&self, grant: &Grant) -> bool {
        let index = self.schema.grants().get_index_of(grant);
        index.is_some_and(|i| self.held.0.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 1))
    }

    fn refused(&self, what: &str) -> Error {
        if self.caller.is_authenticated() {
            Error::new(Stage::Plan, Code::Forbidden, format!("you may not use {what}"))
        } else {
            Error::new(Stage::Plan, Code::Unauthenticated, format!("{what} needs a token"))
        }
    }
}
