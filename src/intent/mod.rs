//! What a caller asked, whichever wire it came on.
//!
//! An intent is a shared *form* (what is asked, without values), the structure of its arguments,
//! and its values. The form and the structure choose the statement; values never do. There is no
//! guarantee yet that the intent makes sense: that is the planner's work.

pub mod arguments;
pub mod cursor;
pub mod filter;
pub mod mutation;
pub mod selection;
pub mod value;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::schema::name::Name;
use filter::{Filter, OrderBy};
use mutation::Input;
use selection::Selection;
use value::Values;

/// What a caller asked.
#[derive(Debug, Clone)]
pub enum Intent {
    Read(Read),
    Mutate(Mutate),
}

/// Calls of one mutation. One call is a root field, a REST write or a unary RPC; several are a batch.
#[derive(Debug, Clone)]
pub struct Mutate {
    pub form: Arc<Form>,
    pub calls: Vec<Input>,
    /// Of the joined lists in the selection, by their sites; the root's own are empty.
    pub arguments: Vec<Arguments>,
    pub values: Values,
    /// Several calls stand or fall together. Otherwise each that fails leaves the others alone.
    pub atomic: bool,
    /// Answer as if everything had happened, and undo it.
    pub dry_run: bool,
    /// Served by a statement for any number of calls, even where there is only one.
    pub is_batch: bool,
    /// Under keys of the client's: the answers are kept, and given again to who sends the same.
    pub once: Option<Once>,
}

/// Keys under which calls happen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Whose keys they are, and for what.
    pub scope: String,
    /// One for all calls together, or one for each of them. Calls with keys of their own may be answered in
    /// parts: the outcome is that of as many of the first as go together, and the rest is asked again.
    pub keys: Vec<OnceKey>,
    /// How long answers are kept.
    pub ttl_secs: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceKey {
    pub name: String,
    /// Of everything that the answer depends on.
    pub digest: String,
}

/// One root field of a query, one REST read, one read RPC, or the entities of one type by one key.
#[derive(Debug, Clone)]
pub struct Read {
    pub form: Arc<Form>,
    /// One per argument site of the form: the root first, then joined lists in document order.
    pub arguments: Vec<Arguments>,
    pub values: Values,
}

/// The part of an intent that does not change from request to request.
#[derive(Debug)]
pub struct Form {
    /// Distinguishes forms in the engine's statement cache; never reused in a process.
    pub id: u64,
    pub asked: Asked,
    pub selection: Selection,
}

/// Which rows are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Those of a query or a mutation of the schema.
    Endpoint(Name),
    /// Those whose key is among the ones sent: the first values are lists, one for each part of the
    /// key, all of the same length. One more list follows where representations are sent.
    Entities(EntityKey),
}

/// A key of an entity type of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityKey {
    pub type_name: Name,
    /// The fields of the key, as the schema prints them.
    pub key: String,
    /// Some of the fields come from the representations, which are sent with the keys.
    pub with_representations: bool,
}

/// The structure of the arguments at one site. Two requests with equal forms and equal structures
/// run the same statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Arguments {
    pub filter: Option<Filter>,
    pub order: Vec<OrderBy>,
    pub page: Page,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Page {
    pub limit: Option<u64>,
    /// Ask for one row more than the limit, which tells whether there is another page.
    pub probe: bool,
    pub offset: Option<value::Slot>,
    /// Connections only: the rows after (or, backward, before) this position.
    pub after: Option<Cursor>,
    pub before: Option<Cursor>,
    /// `last`: the page is counted from the end.
    pub backward: bool,
}

/// The values of the order columns at a position; `None` where that value is null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(pub Vec<Option<value::Slot>>);

// === impl Mutate ===

impl Mutate {
    /// One call, which nothing else depends on.
    pub fn one(form: Arc<Form>, input: Input, arguments: Vec<Arguments>, values: Values) -> Mutate {
        Mutate {
            form,
            calls: vec![input],
            arguments,
            values,
            atomic: false,
            dry_run: false,
            is_batch: false,
            once: None,
        }
    }

    /// What chooses the statement of some of the calls.
    pub fn part(&self, calls: &[Input]) -> Mutate {
        Mutate {
            form: self.form.clone(),
            calls: calls.to_vec(),
            arguments: self.arguments.clone(),
            values: self.values.clone(),
            once: None,
            ..*self
        }
    }
}

// === impl Once ===

impl Once {
    /// The keys of those calls that could be made.
    pub fn of<E>(&self, calls: &[Result<(), E>]) -> Once {
        let is_each = self.keys.len() == calls.len();
        let made = |at: usize| !is_each || calls.get(at).is_none_or(Result::is_ok);
        let keys = self.keys.iter().enumerate().filter(|(at, _)| made(*at)).map(|(_, key)| key.clone());
        Once { scope: self.scope.clone(), keys: keys.collect(), ttl_secs: self.ttl_secs }
    }
}

// === impl Form ===

impl Form {
    /// What is asked of a query or a mutation of the schema.
    pub fn new(endpoint: Name, selection: Selection) -> Form {
        Form::of(Asked::Endpoint(endpoint), selection)
    }

    pub fn of(asked: Asked, selection: Selection) -> Form {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Form { id: NEXT.fetch_add(1, Ordering::Relaxed), asked, selection }
    }

    /// The name of the query or the mutation; of entities, that of their type.
    pub fn name(&self) -> &Name {
        match &self.asked {
            Asked::Endpoint(name) => name,
            Asked::Entities(key) => &key.type_name,
        }
    }
}
