//! Plan → text with binds: the only folder that spells SQL for user data.
//!
//! Values enter a statement only as binds; identifiers come from the schema and are quoted here. The
//! one exception is `LIMIT`, a checked integer literal: as a bind it would make PostgreSQL plan the
//! statement anew at every execution.

mod bind;
mod predicate;
mod read;
mod writer;

pub use bind::{Bind, Param};

use crate::error::Result;
use crate::intent::value::{Value, Values};
use crate::plan::Plan;
use crate::plan::shape::{Lookup, Shape};
use crate::schema::name::Name;

/// A statement that can be prepared once and run with any values of the same structure.
#[derive(Debug)]
pub struct Statement {
    text: String,
    binds: Vec<Bind>,
    shape: Shape,
    claims: Vec<String>,
    lookup: Option<Lookup>,
}

/// Spells a plan.
pub fn write(plan: Plan) -> Statement {
    let (text, binds) = read::write(plan.root());
    let (claims, lookup) = (plan.claims().to_vec(), plan.lookup());
    Statement { text, binds, shape: plan.into_shape(), claims, lookup }
}

// === impl Statement ===

impl Statement {
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// How a row tells which key it has, where rows are asked for by key.
    pub fn lookup(&self) -> Option<Lookup> {
        self.lookup
    }

    /// Claims whose values follow those of the intent, in slot order.
    pub fn claims(&self) -> &[String] {
        &self.claims
    }

    /// The parameters in the order of the text, from the values of one intent.
    pub fn parameters(&self, values: &Values) -> Result<Vec<Param>> {
        self.binds.iter().map(|bind| bind.parameter(values)).collect()
    }

    /// The values of the intent with those of the caller's claims behind them.
    pub fn with_claims(&self, mut values: Values, claim: impl Fn(&str) -> Result<String>) -> Result<Values> {
        for name in &self.claims {
            values.push(Value::Text(claim(name)?), Name::from(name.as_str()));
        }
        Ok(values)
    }
}
