//! The tree of typed columns that comes back for one root field.
//!
//! `sql` writes its select lists from the plan that holds this tree, and `codec` reads rows with
//! nothing but this tree: records carry no names, so the order of columns is the contract between
//! the two. A shape belongs to no wire: JSON and protobuf are both written from it.

use crate::schema::catalog::Family;
use crate::schema::model::Scalar;
use crate::schema::name::Name;

/// What the rows of a statement hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Zero or one row.
    One(Object),
    /// Any number of rows, each an object.
    Many(Object),
    /// Zero or one row with one json or jsonb column: an interface or a union.
    Document(Document),
    /// Any number of such rows.
    Documents(Document),
    /// One row: total count, then a `record[]` of one more edge than the page shows.
    Connection(Connection),
    /// One row with one int8.
    Count,
}

/// Which column of a row tells the key that it was asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The key itself: a uuid, an integer or a text.
    Key { column: usize, family: Family },
    /// The position of the key among those that were sent, from 1.
    Position { column: usize },
}

/// A row, or a record: its columns and the fields that are read from them, in the order in which a
/// client asked for the fields. Two fields may read the same column.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub type_name: Name,
    /// One per column, in order: what `codec` expects to arrive.
    pub columns: Vec<Wire>,
    pub fields: Vec<Field>,
}

/// How a column travels. Compared with the oids that records carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Value(Family),
    Array(Family),
    Record,
    RecordArray,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// What the client calls it: the alias, or the name.
    pub key: Key,
    /// The name in the schema, for error texts and for protobuf field numbers.
    pub name: Name,
    pub nullable: bool,
    pub node: Node,
}

/// A response key with its JSON form (`"name":`) made once.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub name: Name,
    pub json: Box<[u8]>,
}

/// Where a field's value comes from. `column` counts within the row or record.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// The name of the enclosing object's type.
    TypeName,
    /// Withheld from this caller: always null, and never read.
    Masked,
    Leaf {
        column: usize,
        leaf: Leaf,
    },
    /// An array column of leaves; `item_nullable` is about its elements.
    LeafList {
        column: usize,
        leaf: Leaf,
        item_nullable: bool,
    },
    /// A joined object: a record or null.
    Record {
        column: usize,
        object: Object,
    },
    /// A joined list: `record[]`.
    RecordList {
        column: usize,
        object: Object,
        item_nullable: bool,
    },
    /// A json or jsonb column that is walked through a shape of its own.
    Document {
        column: usize,
        value: Document,
    },
}

/// A scalar or enum value in a column of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    pub family: Family,
    pub kind: LeafKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum LeafKind {
    Scalar(Scalar),
    Enum(EnumNames),
}

/// Stored value → name in the API.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumNames {
    pub type_name: Name,
    pub names: Vec<(Name, Name)>,
}

/// A part of a stored JSON document, read through the declared types.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    Scalar(Scalar),
    Enum(EnumNames),
    Object(DocumentObject),
    /// An interface or a union: the case is chosen by the document's `__typename`.
    Abstract {
        type_name: Name,
        cases: Vec<DocumentObject>,
    },
    List {
        item: Box<Document>,
        item_nullable: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct DocumentObject {
    pub type_name: Name,
    pub fields: Vec<DocumentField>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DocumentField {
    pub key: Key,
    pub name: Name,
    pub nullable: bool,
    pub source: DocumentSource,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DocumentSource {
    TypeName,
    Masked,
    /// The value under this snake_case key of the document.
    Stored {
        stored: Name,
        value: Document,
    },
}

/// A relay connection. The record of an edge holds the node's columns, then the cursor's.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    pub fields: Vec<ConnectionField>,
    /// The node's object; `columns` ends with the columns of the cursor.
    pub node: Object,
    /// Positions (within `node.columns`) and leaves of the columns that make a cursor.
    pub cursor: Vec<(usize, Leaf)>,
    /// How many edges a page shows; one more has been asked for. `None`: all of them.
    pub page_size: Option<u64>,
    /// Rows come last to first (`last`/`before`) and are shown first to last.
    pub reversed: bool,
    /// A cursor was given, so there is something on its other side.
    pub has_cursor: bool,
    /// Whether column 0 (the count) was asked for; it is null otherwise.
    pub counted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionField {
    pub key: Key,
    pub node: ConnectionNode,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ConnectionNode {
    TypeName(Name),
    TotalCount,
    /// Fields of `PageInfo`.
    PageInfo(Vec<(Key, PageInfoNode)>),
    /// Fields of an edge.
    Edges(Vec<(Key, EdgeNode)>),
    /// The nodes as a plain list.
    Nodes,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PageInfoNode {
    TypeName,
    HasNextPage,
    HasPreviousPage,
    StartCursor,
    EndCursor,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EdgeNode {
    TypeName(Name),
    Cursor,
    /// The fields of [`Connection::node`].
    Node,
}

// === impl Shape ===

impl Shape {
    /// The columns of the statement's own rows.
    pub fn wires(&self) -> &[Wire] {
        match self {
            Shape::One(object) | Shape::Many(object) => &object.columns,
            Shape::Document(_) | Shape::Documents(_) => &[Wire::Value(Family::Jsonb)],
            Shape::Connection(_) => &[Wire::Value(Family::Int8), Wire::RecordArray],
            Shape::Count => &[Wire::Value(Family::Int8)],
        }
    }
}

// === impl Wire ===

impl Wire {
    /// The oid of the type that arrives; `record` and `record[]` are those of `pg_type.dat`.
    #[inline]
    pub fn oid(self) -> u32 {
        match self {
            Wire::Value(family) => family.oid(),
            Wire::Array(family) => family.array_oid(),
            Wire::Record => 2249,
            Wire::RecordArray => 2287,
        }
    }
}

// === impl Key ===

impl Key {
    /// `name` must be a GraphQL name or otherwise free of characters that JSON escapes.
    pub fn new(name: impl Into<Name>) -> Key {
        let name = name.into();
        Key { json: format!("\"{name}\":").into_bytes().into(), name }
    }
}
