//! Fields that a function computes from what a representation says of an entity.

use super::Schema;
use super::bind::fits;
use super::catalog::{Family, Function, PgType};
use super::model::{Field, RelationName};

/// A function that computes a field, and how it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    pub schema: Option<String>,
    pub name: String,
    /// Once for all representations, as an array of them, rather than once for each.
    pub is_batch: bool,
    /// It takes json, not jsonb.
    pub takes_json: bool,
    /// Of one value.
    pub returns: PgType,
}

// === impl Schema ===

impl Schema {
    /// The function of a field; `None` where the field has none. Fails with why it cannot be used, and
    /// nothing to say where it is not there at all.
    pub fn computed(&self, field: &Field) -> Option<Result<Computed, String>> {
        let name = RelationName::new(field.function.clone()?);
        if self.is_assumed() {
            let returns = PgType::builtin(Family::Jsonb, Family::Jsonb.sql());
            let schema = name.schema().map(str::to_owned);
            let name = name.local().to_owned();
            return Some(Ok(Computed { schema, name, is_batch: false, takes_json: false, returns }));
        }
        let found = self.catalog().functions.get(&name)?;
        let usable: Vec<&Function> = found.iter().filter(|function| takes_representations(function)).collect();
        Some(match usable.as_slice() {
            [function] => self.checked(field, function),
            [] => Err(format!("{name} has to take a representation as one jsonb, or those of a batch as one jsonb[]")),
            [_, _, ..] => Err(format!("there are several functions {name} that take representations; keep one")),
        })
    }

    fn checked(&self, field: &Field, function: &Function) -> Result<Computed, String> {
        let parameter = &function.parameters[0].ty;
        let [(_, returned)] = function.returns.as_slice() else {
            return Err(format!("{} has to return one value, not a row", function.name));
        };
        if function.returns_set {
            return Err(format!("{} has to return one value for each representation, not a set", function.name));
        }
        if parameter.array && !returned.array {
            let reason = "takes an array and has to return one, with a value for each of its items";
            return Err(format!("{} {reason}", function.name));
        }
        let returns = if parameter.array { PgType { array: false, ..returned.clone() } } else { returned.clone() };
        fits(self, field, &returns)
            .map_err(|reason| format!("{} returns {}: {reason}", function.name, returned.shown()))?;
        Ok(Computed {
            schema: Some(function.schema.clone()),
            name: function.name.clone(),
            is_batch: parameter.array,
            takes_json: parameter.family == Family::Json,
            returns,
        })
    }
}

fn takes_representations(function: &Function) -> bool {
    let [first, others @ ..] = function.parameters.as_slice() else { return false };
    matches!(first.ty.family, Family::Json | Family::Jsonb) && others.iter().all(|other| other.has_default)
}
