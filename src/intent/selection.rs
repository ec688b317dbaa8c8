//! Which fields are asked for, under which names.

use crate::schema::name::Name;

/// The selection below a field. Conditions, fragments and merging are already resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// A scalar or an enum.
    Leaf,
    Object(Vec<Selected>),
    /// An interface or a union: the fields for each object type behind it.
    Abstract(Vec<(Name, Vec<Selected>)>),
    Connection(Vec<ConnectionSelected>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The response key: alias or name.
    pub key: Name,
    /// The field's name in the schema, or `__typename`.
    pub field: Name,
    /// The argument site of a joined list.
    pub site: Option<usize>,
    pub selection: Selection,
    /// Not asked for by name: left out, instead of refused, where the caller may not see it.
    pub implied: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSelected {
    pub key: Name,
    pub part: ConnectionPart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionPart {
    TypeName,
    TotalCount,
    PageInfo(Vec<(Name, PageInfoPart)>),
    Edges(Vec<(Name, EdgePart)>),
    /// The nodes of the edges as a plain list.
    Nodes(Vec<Selected>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageInfoPart {
    TypeName,
    HasNextPage,
    HasPreviousPage,
    StartCursor,
    EndCursor,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgePart {
    TypeName,
    Cursor,
    Node(Vec<Selected>),
}

pub const TYPENAME: &str = "__typename";

// === impl Selection ===

impl Selection {
    /// How many fields are selected, at every depth.
    pub fn field_count(&self) -> usize {
        let all = |selected: &[Selected]| selected.iter().map(|field| 1 + field.selection.field_count()).sum::<usize>();
        match self {
            Selection::Leaf => 0,
            Selection::Object(selected) => all(selected),
            Selection::Abstract(cases) => cases.iter().map(|(_, selected)| all(selected)).sum(),
            Selection::Connection(parts) => parts.iter().flat_map(ConnectionSelected::nodes).map(all).sum(),
        }
    }
}

// === impl ConnectionSelected ===

impl ConnectionSelected {
    /// The selections of nodes below this part.
    pub fn nodes(&self) -> impl Iterator<Item = &[Selected]> {
        let (edges, nodes) = match &self.part {
            ConnectionPart::Edges(edges) => (edges.as_slice(), None),
            ConnectionPart::Nodes(selected) => (&[][..], Some(selected.as_slice())),
            ConnectionPart::TypeName | ConnectionPart::TotalCount | ConnectionPart::PageInfo(_) => (&[][..], None),
        };
        let below = edges.iter().filter_map(|(_, part)| match part {
            EdgePart::Node(selected) => Some(selected.as_slice()),
            EdgePart::TypeName | EdgePart::Cursor => None,
        });
        below.chain(nodes)
    }
}
