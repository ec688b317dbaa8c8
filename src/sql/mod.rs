//! Plan → text with binds: the only folder that spells SQL for user data.
//!
//! Values enter a statement only as binds; identifiers come from the schema and are quoted here. The
//! one exception is `LIMIT`, a checked integer literal: as a bind it would make PostgreSQL plan the
//! statement anew at every execution.

mod bind;
mod call;
pub mod mutate;
mod predicate;
mod read;
pub mod status;
mod writer;

pub use bind::{Bind, BindKind, Param};
pub use call::{Batch, Call};

use crate::error::Result;
use crate::intent::value::{Value, Values};
use crate::plan::shape::{Lookup, Shape};
use crate::plan::{Plan, Root};
use crate::schema::name::Name;

/// A statement that can be prepared once and run with any values of the same structure.
#[derive(Debug)]
pub struct Statement {
    text: String,
    binds: Vec<Bind>,
    shape: Shape,
    claims: Vec<String>,
    lookup: Option<Lookup>,
    call: Option<Call>,
}

/// Spells a plan.
pub fn write(plan: Plan) -> Statement {
    let (claims, lookup) = (plan.claims().to_vec(), plan.lookup());
    let (root, shape) = plan.into_parts();
    let (text, binds, call) = match root {
        Root::Call(command) => (mutate::write(&command), Vec::new(), Some(Call::new(*command))),
        Root::Rows(_) | Root::Connection { .. } | Root::Count(_) => {
            let (text, binds) = read::write(&root);
            (text, binds, None)
        }
    };
    Statement { text, binds, shape, claims, lookup, call }
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

    /// Of a mutation: how its function is called and its rows are read.
    pub fn call(&self) -> Option<&Call> {
        self.call.as_ref()
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
