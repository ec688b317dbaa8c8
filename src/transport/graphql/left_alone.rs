//! Requests that name nothing but entities whose circuit breakers are open: refused by the names alone, before their
//! variables become values.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::execute::Exchange;
use super::forms::{EntityRoot, Root, RootKind};
use super::respond::{Failure, GraphqlError};
use super::variables::Variable;
use crate::error::Code;
use crate::federation::guarded::LeftAlone;
use crate::observe::ENTITIES;

impl Exchange<'_> {
    /// Why the roots of an operation are not answered, when each asks for entities that a variable names, and all of
    /// these are left alone.
    pub(super) fn left_alone(
        &self,
        roots: &[Root],
        variables: &[Variable],
        sent: Option<&RawValue>,
    ) -> Option<Failure> {
        let mut left_alone = LeftAlone::of(self.engine)?;
        let asked: Option<Vec<(&str, &EntityRoot)>> = roots.iter().map(|root| asked(root, variables)).collect();
        let named = Named { asked: &asked?, left_alone: &mut left_alone, count: 0 };
        // What cannot be read is told by who reads all of it.
        let all = serde_json::Deserializer::from_str(sent?.get()).deserialize_map(named).ok()?;
        let errors = left_alone.into_errors();
        let secs = errors.iter().filter_map(|error| error.retry_after_secs).min()?;
        if all < roots.len() {
            return None;
        }
        let observer = self.caller.observer();
        observer.asks(ENTITIES);
        observer.failed(Code::CircuitBreakerOpen);
        observer.refused_early();
        let at = |root: &Root| (vec![serde_json::Value::String(root.key.to_string())], root.location);
        let (path, location) = at(roots.first()?);
        let errors = errors.iter().map(|error| GraphqlError::of(error, path.clone(), location, self.id));
        Some(Failure::open(secs, errors.collect()))
    }
}

/// The variable that holds the representations of a root.
fn asked<'r>(root: &'r Root, variables: &'r [Variable]) -> Option<(&'r str, &'r EntityRoot)> {
    let RootKind::Entities(entities) = &root.kind else { return None };
    Some((variables.get(entities.variable()?)?.name.as_str(), entities))
}

/// Reads names out of variables, as long as all of them are left alone. Its value is how many roots were looked at.
struct Named<'n, 'e> {
    asked: &'n [(&'n str, &'n EntityRoot)],
    left_alone: &'n mut LeftAlone<'e>,
    count: usize,
}

/// The same of one list of representations.
struct Names<'n, 'e> {
    asked: &'n EntityRoot,
    left_alone: &'n mut LeftAlone<'e>,
}

/// Of a representation, its name.
#[derive(Deserialize)]
struct Representation<'d> {
    #[serde(rename = "__typename", borrow)]
    name: Cow<'d, str>,
}

// === impl Named ===

impl<'de> Visitor<'de> for Named<'_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of variables")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<usize, A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let mut of_key = self.asked.iter().filter(|(variable, _)| *variable == key);
            match (of_key.next(), of_key.next()) {
                (Some((_, asked)), None) => {
                    map.next_value_seed(Names { asked, left_alone: &mut *self.left_alone })?;
                    self.count += 1;
                }
                (None, _) => drop(map.next_value::<IgnoredAny>()?),
                (Some(_), Some(_)) => return Err(A::Error::custom("several roots ask for the same")),
            }
        }
        Ok(self.count)
    }
}

// === impl Names ===

impl<'de> DeserializeSeed<'de> for Names<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Names<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of representations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(Representation { name }) = items.next_element()? {
            if !self.asked.wanted.has(&name) || !self.left_alone.has(&name) {
                return Err(A::Error::custom("it is answered"));
            }
        }
        Ok(())
    }
}
