//! Intent, schema and caller → what will run.
//!
//! Planning is pure: it decides which relations are read, from which columns, under which
//! predicates, and what shape the rows will have. It writes no SQL and runs nothing. A [`Plan`] can
//! only be made by [`plan`], which asks `guard` about the caller first and everywhere.

mod columns;
mod connection;
mod document;
mod entities;
pub mod guard;
pub mod mutate;
mod predicate;
pub mod print;
mod read;
pub mod shape;
pub mod visible;

use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::{Filter, Operator};
use crate::intent::value::Slot;
use crate::intent::{Arguments, Intent};
use crate::schema::Schema;
use crate::schema::catalog::{Comparison, Family};
use shape::{Lookup, Shape};

/// What will run, for this caller.
#[derive(Debug)]
pub struct Plan {
    root: Root,
    shape: Shape,
    claims: Vec<String>,
    lookup: Option<Lookup>,
}

/// What a plan may cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Most rows of one list, at any depth; 0 is unlimited.
    pub page_rows_max: u64,
    /// Most conditions in all filters of one question; 0 is unlimited.
    pub filter_conditions_max: usize,
}

/// The outermost statement.
#[derive(Debug)]
pub enum Root {
    Rows(Block),
    /// One row: the count when asked for, and the page as an array of records.
    Connection {
        page: Block,
        count: Option<Box<Block>>,
    },
    Count(Block),
    /// Calls of a mutation's function.
    Call(Box<mutate::Command>),
}

/// One SELECT over one relation; blocks nest through [`Output`] and [`Predicate::Exists`].
#[derive(Debug, Clone)]
pub struct Block {
    /// `None`: the rows are the representations that were sent.
    pub relation: Option<QualifiedName>,
    /// Join with keys that were sent, so that each row knows which of them it has.
    pub keyed: Option<Keyed>,
    pub outputs: Vec<Output>,
    /// Equalities with columns of the enclosing block: (outer column, inner column).
    pub on: Vec<(String, String)>,
    pub predicate: Predicate,
    pub order: Vec<OrderTerm>,
    pub limit: Option<u64>,
    pub offset: Option<Slot>,
    /// Pick the rows in a subselect first, so that an expression behind `data` is computed once a
    /// row and joins see only the page.
    pub fenced: bool,
}

/// Keys that were sent side by side as arrays, and what came with each.
#[derive(Debug, Clone)]
pub struct Keyed {
    pub terms: Vec<KeyTerm>,
    /// The representations, as jsonb.
    pub representations: Option<Slot>,
    /// Functions that are called once, with all representations.
    pub calls: Vec<Call>,
}

/// A function of a representation, or of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub function: QualifiedName,
    /// It takes json, not jsonb.
    pub takes_json: bool,
}

/// One part of a key: what it is compared with, and the list of its values.
#[derive(Debug, Clone)]
pub struct KeyTerm {
    pub expr: Expr,
    /// What the values are sent as.
    pub ty: ExprType,
    /// The column is compared by its text, since a text that is no value of its type would fail every
    /// other key of the batch.
    pub by_text: bool,
    pub slot: Slot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    /// `None` leaves the choice to the search path (a schema nobody has looked at).
    pub schema: Option<String>,
    pub name: String,
}

/// One column of a select list, in the order of the shape's columns.
#[derive(Debug, Clone)]
pub enum Output {
    Value {
        expr: Expr,
        cast: Cast,
    },
    /// A joined object.
    Record(Box<Block>),
    /// A joined list.
    Records(Box<Block>),
    /// Which of the keys the row has, from 1.
    Position,
}

/// How a column is spelled so that a built-in type arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cast {
    None,
    /// `::text`, `::int4[]`, …
    To(String),
    ToJson,
}

/// A value of the current row: a column, or a place inside a jsonb column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    pub base: Base,
    /// Keys below the base.
    pub path: Vec<String>,
    pub ty: ExprType,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    Column {
        name: String,
        json_text: bool,
    },
    /// The element that [`Predicate::SomeElement`] looks at.
    Element,
    /// What was sent with the key of the row.
    Representation,
    /// What a function says of that.
    Call(Call),
    /// What a function that was called once for all keys says of that of the row.
    Called(Call),
}

/// What an expression compares as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprType {
    pub family: Family,
    pub array: bool,
    /// The type to cast a bind (and a value inside `data`) to.
    pub sql: String,
    /// A bind may be sent as this type without a cast by its text.
    pub builtin: bool,
    pub comparison: Comparison,
}

#[derive(Debug, Clone)]
pub struct OrderTerm {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: Option<bool>,
    /// Whether a row may have no value here.
    pub nullable: bool,
}

#[derive(Debug, Clone)]
pub enum Predicate {
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
    Not(Box<Predicate>),
    Compare {
        left: Expr,
        operator: Operator,
        slot: Slot,
    },
    IsNull {
        expr: Expr,
        negated: bool,
    },
    /// Some row of another relation.
    Exists(Box<Block>),
    /// Some element of a jsonb array.
    SomeElement {
        array: Expr,
        predicate: Box<Predicate>,
    },
}

/// Plans an intent for a caller.
pub fn plan(schema: &Schema, caller: &Caller, limits: Limits, intent: &Intent) -> Result<Plan> {
    match intent {
        Intent::Read(read) => {
            limits.check(&read.arguments)?;
            read::plan(schema, caller, limits, read)
        }
        Intent::Mutate(mutate) => {
            limits.check(&mutate.arguments)?;
            mutate::plan(schema, caller, limits, mutate)
        }
    }
}

// === impl Limits ===

impl Limits {
    fn check(self, arguments: &[Arguments]) -> Result<()> {
        let filters = arguments.iter().filter_map(|arguments| arguments.filter.as_ref());
        let (found, max) = (filters.map(Filter::conditions).sum::<usize>(), self.filter_conditions_max);
        if max > 0 && found > max {
            let message =
                format!("filters with {found} conditions are more than {max} ([graphql] max_filter_conditions)");
            return Err(Error::new(Stage::Plan, Code::TooComplex, message));
        }
        Ok(())
    }
}

// === impl Plan ===

impl Plan {
    pub fn root(&self) -> &Root {
        &self.root
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn into_parts(self) -> (Root, Shape) {
        (self.root, self.shape)
    }

    /// How a row tells which key it has, where rows are asked for by key.
    pub fn lookup(&self) -> Option<Lookup> {
        self.lookup
    }

    /// Claims of the caller whose values follow the intent's own, in slot order.
    pub fn claims(&self) -> &[String] {
        &self.claims
    }
}

impl Predicate {
    pub fn always() -> Predicate {
        Predicate::All(Vec::new())
    }

    /// All of them, without a level of nesting that says nothing.
    pub fn all(parts: impl IntoIterator<Item = Predicate>) -> Predicate {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Predicate::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Predicate::All(flat) }
    }

    /// Any of them; a single one stands for itself.
    pub fn any(mut parts: Vec<Predicate>) -> Predicate {
        if parts.len() == 1 { parts.remove(0) } else { Predicate::Any(parts) }
    }

    pub fn is_always(&self) -> bool {
        matches!(self, Predicate::All(parts) if parts.is_empty())
    }
}
