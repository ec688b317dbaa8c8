//! A `Shape` with the numbers of its fields: what the walk over a row follows.
//!
//! Made once for each statement. Tags are encoded and the way to write each column is chosen here, so
//! that nothing is looked up while rows pass by.

use super::leaf::{EnumNumbers, Write, wire_type_of};
use super::wire::{Tag, WireType};
use crate::plan::shape::{self, ConnectionNode, EdgeNode, PageInfoNode, Shape, Wire};
use crate::schema::lock::{Lock, field_name, message_name};
use crate::schema::model::Scalar;
use crate::schema::name::Name;

/// How the rows of one statement become messages.
#[derive(Debug)]
pub struct Layout {
    pub(super) root: Root,
}

/// The compiled schema has no number for something: it was compiled by another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnumbered(pub String);

#[derive(Debug)]
pub(super) enum Root {
    Object(Message),
    Document { value: Document, shape: shape::Document },
    Connection(Box<Connection>),
    Count(Tag),
}

#[derive(Debug)]
pub(super) struct Message {
    pub type_name: Name,
    pub wires: Box<[Wire]>,
    pub fields: Box<[Field]>,
    /// Each column is one field, in the same order.
    pub is_plain: bool,
}

#[derive(Debug)]
pub(super) struct Field {
    pub tag: Tag,
    /// A zero is the same as nothing, and takes no room.
    pub zero_is_absent: bool,
    pub node: Node,
    /// For what is said when a value does not fit.
    pub shape: Box<shape::Field>,
}

#[derive(Debug)]
pub(super) enum Node {
    Leaf {
        column: usize,
        write: Write,
    },
    Leaves {
        column: usize,
        item_oid: u32,
        write: Write,
        packed: bool,
    },
    Record {
        column: usize,
        message: Message,
    },
    Records {
        column: usize,
        message: Message,
    },
    Document {
        column: usize,
        value: Document,
    },
    /// A list of lists, in JSON's form first.
    Lists {
        column: usize,
    },
}

/// A part of a stored document.
#[derive(Debug)]
pub(super) enum Document {
    Scalar(Scalar),
    Enum(EnumNumbers),
    Object(DocumentMessage),
    /// The tag is that of the case within the message.
    Abstract(Box<[(Tag, DocumentMessage)]>),
    List {
        item: Box<Document>,
        packed: bool,
    },
    Lists,
}

#[derive(Debug)]
pub(super) struct DocumentMessage {
    pub type_name: Name,
    pub fields: Box<[DocumentField]>,
}

#[derive(Debug)]
pub(super) struct DocumentField {
    pub tag: Tag,
    pub zero_is_absent: bool,
    pub stored: Name,
    pub value: Document,
    pub shape: Box<shape::DocumentField>,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub shape: shape::Connection,
    pub node: Message,
    pub total_count: Option<Tag>,
    pub page_info: Option<(Tag, Vec<(Tag, PageInfoNode)>)>,
    pub edges: Option<(Tag, Vec<(Tag, Edge)>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Cursor,
    Node,
}

/// How a nested list is declared.
const LISTS: &str = "repeated google.protobuf.ListValue";

/// The number of the one field of a count.
pub const COUNT_NUMBER: u32 = 1;

// === impl Layout ===

impl Layout {
    pub fn new(shape: &Shape, lock: &Lock) -> Result<Layout, Unnumbered> {
        let builder = Builder { lock };
        let root = match shape {
            Shape::One(object) | Shape::Many(object) => Root::Object(builder.message(object)?),
            Shape::Document(value) | Shape::Documents(value) => {
                Root::Document { value: builder.document(value)?, shape: value.clone() }
            }
            Shape::Connection(connection) => Root::Connection(Box::new(builder.connection(connection)?)),
            Shape::Count => Root::Count(Tag::new(COUNT_NUMBER, WireType::Varint)),
        };
        Ok(Layout { root })
    }
}

struct Builder<'l> {
    lock: &'l Lock,
}

impl Builder<'_> {
    fn message(&self, object: &shape::Object) -> Result<Message, Unnumbered> {
        let mut fields = Vec::with_capacity(object.fields.len());
        for field in &object.fields {
            let name = message_name(&object.type_name);
            fields.extend(self.field(&name, field)?);
        }
        let is_next = |(at, field): (usize, &Field)| matches!(&field.node, Node::Leaf { column, .. } if *column == at);
        let is_plain = fields.len() == object.columns.len() && fields.iter().enumerate().all(is_next);
        let (type_name, wires) = (object.type_name.clone(), object.columns.clone().into());
        Ok(Message { type_name, wires, fields: fields.into(), is_plain })
    }

    /// `None` for what is never there.
    fn field(&self, message: &str, field: &shape::Field) -> Result<Option<Field>, Unnumbered> {
        let (node, wire, is_message) = match &field.node {
            shape::Node::TypeName | shape::Node::Masked => return Ok(None),
            shape::Node::Leaf { column, leaf } => {
                let write = Write::of(leaf, self.lock).ok_or_else(|| missing(message, &field.name))?;
                let (wire, is_message) = (write.wire_type(), write.is_message());
                (Node::Leaf { column: *column, write }, wire, is_message)
            }
            shape::Node::LeafList { column, .. } if self.is_nested_list(message, &field.name)? => {
                (Node::Lists { column: *column }, WireType::Delimited, true)
            }
            shape::Node::LeafList { column, leaf, .. } => {
                let write = Write::of(leaf, self.lock).ok_or_else(|| missing(message, &field.name))?;
                let packed = write.wire_type() != WireType::Delimited;
                let item_oid = leaf.family.oid();
                (Node::Leaves { column: *column, item_oid, write, packed }, WireType::Delimited, true)
            }
            shape::Node::Record { column, object } => {
                (Node::Record { column: *column, message: self.message(object)? }, WireType::Delimited, true)
            }
            shape::Node::RecordList { column, object, .. } => {
                (Node::Records { column: *column, message: self.message(object)? }, WireType::Delimited, true)
            }
            shape::Node::Document { column, value } => {
                let value = self.document(value)?;
                let (wire, is_message) = (value.wire_type(), value.is_message());
                (Node::Document { column: *column, value }, wire, is_message)
            }
        };
        let tag = self.tag(message, &field.name, wire)?;
        let zero_is_absent = !field.nullable && !is_message;
        Ok(Some(Field { tag, zero_is_absent, node, shape: Box::new(field.clone()) }))
    }

    fn document(&self, value: &shape::Document) -> Result<Document, Unnumbered> {
        Ok(match value {
            shape::Document::Scalar(scalar) => Document::Scalar(*scalar),
            shape::Document::Enum(names) => {
                let numbers = EnumNumbers::of(names, self.lock);
                Document::Enum(numbers.ok_or_else(|| Unnumbered(names.type_name.to_string()))?)
            }
            shape::Document::Object(object) => Document::Object(self.document_message(object)?),
            shape::Document::Abstract { type_name, cases } => {
                let name = message_name(type_name);
                let case = |case: &shape::DocumentObject| {
                    let tag = self.tag(&name, &case.type_name, WireType::Delimited)?;
                    Ok((tag, self.document_message(case)?))
                };
                Document::Abstract(cases.iter().map(case).collect::<Result<_, Unnumbered>>()?)
            }
            shape::Document::List { item, .. } => match &**item {
                shape::Document::List { .. } => Document::Lists,
                shape::Document::Scalar(_)
                | shape::Document::Enum(_)
                | shape::Document::Object(_)
                | shape::Document::Abstract { .. } => {
                    let item = self.document(item)?;
                    let packed = item.wire_type() != WireType::Delimited;
                    Document::List { item: Box::new(item), packed }
                }
            },
        })
    }

    fn document_message(&self, object: &shape::DocumentObject) -> Result<DocumentMessage, Unnumbered> {
        let name = message_name(&object.type_name);
        let mut fields = Vec::with_capacity(object.fields.len());
        for field in &object.fields {
            let shape::DocumentSource::Stored { stored, value } = &field.source else { continue };
            let value = self.document(value)?;
            let tag = self.tag(&name, &field.name, value.wire_type())?;
            let zero_is_absent = !field.nullable && !value.is_message();
            let shape = Box::new(field.clone());
            fields.push(DocumentField { tag, zero_is_absent, stored: stored.clone(), value, shape });
        }
        Ok(DocumentMessage { type_name: object.type_name.clone(), fields: fields.into() })
    }

    fn connection(&self, connection: &shape::Connection) -> Result<Connection, Unnumbered> {
        let item = message_name(&connection.node.type_name);
        let (page, edge) = (format!("{item}Connection"), format!("{item}Edge"));
        let mut built = Connection {
            node: self.message(&connection.node)?,
            shape: connection.clone(),
            total_count: None,
            page_info: None,
            edges: None,
        };
        for field in &connection.fields {
            match &field.node {
                // The nodes alone are what REST shows.
                ConnectionNode::TypeName(_) | ConnectionNode::Nodes => {}
                ConnectionNode::TotalCount => {
                    built.total_count = Some(self.tag(&page, "totalCount", WireType::Varint)?);
                }
                ConnectionNode::PageInfo(parts) => {
                    let parts = parts.iter().filter_map(|(_, part)| Some((page_info_tag(part)?, part.clone())));
                    built.page_info = Some((self.tag(&page, "pageInfo", WireType::Delimited)?, parts.collect()));
                }
                ConnectionNode::Edges(parts) => {
                    let mut known = Vec::new();
                    for (_, part) in parts {
                        match part {
                            EdgeNode::TypeName(_) => {}
                            EdgeNode::Cursor => {
                                known.push((self.tag(&edge, "cursor", WireType::Delimited)?, Edge::Cursor))
                            }
                            EdgeNode::Node => known.push((self.tag(&edge, "node", WireType::Delimited)?, Edge::Node)),
                        }
                    }
                    built.edges = Some((self.tag(&page, "edges", WireType::Delimited)?, known));
                }
            }
        }
        Ok(built)
    }

    fn tag(&self, message: &str, name: &str, wire: WireType) -> Result<Tag, Unnumbered> {
        let member = self.lock.field(message, &field_name(name)).ok_or_else(|| missing(message, name))?;
        Ok(Tag::new(member.number, wire))
    }

    fn is_nested_list(&self, message: &str, name: &str) -> Result<bool, Unnumbered> {
        let member = self.lock.field(message, &field_name(name)).ok_or_else(|| missing(message, name))?;
        Ok(member.ty == LISTS)
    }
}

/// The numbers of `fraiseql.v1.PageInfo`.
fn page_info_tag(part: &PageInfoNode) -> Option<Tag> {
    Some(match part {
        PageInfoNode::TypeName => return None,
        PageInfoNode::HasNextPage => Tag::new(1, WireType::Varint),
        PageInfoNode::HasPreviousPage => Tag::new(2, WireType::Varint),
        PageInfoNode::StartCursor => Tag::delimited(3),
        PageInfoNode::EndCursor => Tag::delimited(4),
    })
}

fn missing(message: &str, name: &str) -> Unnumbered {
    Unnumbered(format!("{message}.{name}"))
}

// === impl Document ===

impl Document {
    pub(super) fn wire_type(&self) -> WireType {
        match self {
            Document::Scalar(scalar) => wire_type_of(*scalar),
            Document::Enum(_) => WireType::Varint,
            Document::Object(_) | Document::Abstract(_) | Document::List { .. } | Document::Lists => {
                WireType::Delimited
            }
        }
    }

    fn is_message(&self) -> bool {
        match self {
            Document::Scalar(scalar) => matches!(scalar, Scalar::DateTime | Scalar::Json),
            Document::Enum(_) => false,
            Document::Object(_) | Document::Abstract(_) | Document::List { .. } | Document::Lists => true,
        }
    }
}
