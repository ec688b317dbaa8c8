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
use crate::federation::guarded::LeftAlone;
use crate::observe::ENTITIES;

impl Exchange<'_> {
    /// Why an operation is not answered whose only root asks for entities that a variable names, when all of these are
    /// left alone.
    pub(super) fn left_alone(
        &self,
        roots: &[Root],
        variables: &[Variable],
        sent: Option<&RawValue>,
    ) -> Option<Failure> {
        let mut left_alone = LeftAlone::of(self.engine)?;
        let [root] = roots else { return None };
        let RootKind::Entities(asked) = &root.kind else { return None };
        let variable = variables.get(asked.variable()?)?.name.as_str();
        let named = Named { variable, asked, left_alone: &mut left_alone };
        // What cannot be read is told by who reads all of it.
        serde_json::Deserializer::from_str(sent?.get()).deserialize_map(named).ok()?;
        let errors = left_alone.into_errors();
        let secs = errors.iter().filter_map(|error| error.retry_after_secs).min()?;
        self.caller.observer().asks(ENTITIES);
        let path = || vec![serde_json::Value::String(root.key.to_string())];
        let errors = errors.iter().map(|error| GraphqlError::of(error, path(), root.location, self.id));
        Some(Failure::open(secs, errors.collect()))
    }
}

/// Reads the names of representations out of variables, as long as all of them are left alone.
struct Named<'n, 'e> {
    variable: &'n str,
    asked: &'n EntityRoot,
    left_alone: &'n mut LeftAlone<'e>,
}

/// The same of the list of representations.
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
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of variables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.variable {
                map.next_value_seed(Names { asked: self.asked, left_alone: &mut *self.left_alone })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
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
