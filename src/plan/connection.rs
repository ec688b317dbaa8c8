//! A relay connection → one page of edges, and the count beside it.

use crate::error::{Code, Error, Result, Stage};
use crate::intent::Arguments;
use crate::intent::selection::{ConnectionPart, ConnectionSelected, EdgePart, PageInfoPart, Selected};
use crate::schema::Kind;
use crate::schema::model::{Endpoint, Returns, TypeDef};
use crate::schema::name::Name;

use super::columns::{SelectList, is_fenced};
use super::predicate::Scope;
use super::read::Planner;
use super::shape::{Connection, ConnectionField, ConnectionNode, EdgeNode, Key, Object, PageInfoNode, Shape};
use super::{Block, OrderTerm, Predicate, Root};

impl Planner<'_> {
    pub(super) fn connection(
        &self,
        endpoint: &Endpoint,
        scope: &Scope<'_>,
        mut block: Block,
        arguments: &Arguments,
        parts: &[ConnectionSelected],
        selected: &[Selected],
    ) -> Result<(Root, Shape)> {
        let Kind::Object(object) = self.schema().kind(&endpoint.item) else {
            return Err(Error::new(Stage::Plan, Code::Internal, "only objects are paged"));
        };
        let page = &arguments.page;
        let page_size = self.limit(page.limit)?;
        block.order = self.resolver.order(scope, &arguments.order, true)?;
        if block.order.is_empty() && endpoint.returns == Returns::Connection {
            let cause = format!("{} has no key to page by", object.name);
            return Err(Error::new(Stage::Plan, Code::Internal, "the list cannot be paged").because(cause));
        }
        let counted = parts.iter().any(|part| part.part == ConnectionPart::TotalCount);
        let count = counted.then(|| {
            Box::new(Block { order: Vec::new(), limit: None, predicate: block.predicate.clone(), ..empty(&block) })
        });
        if page.backward {
            block.order.iter_mut().for_each(OrderTerm::reverse);
        }
        let ahead = if page.backward { (&page.before, &page.after) } else { (&page.after, &page.before) };
        let mut all = vec![block.predicate];
        if let Some(cursor) = ahead.0 {
            all.push(self.resolver.beyond(&block.order, cursor)?);
        }
        if let Some(cursor) = ahead.1 {
            let opposite: Vec<OrderTerm> = block.order.iter().cloned().map(OrderTerm::reversed).collect();
            all.push(self.resolver.beyond(&opposite, cursor)?);
        }
        block.predicate = Predicate::all(all);
        let shows_rows = parts.iter().any(|part| match part.part {
            ConnectionPart::Edges(_) | ConnectionPart::Nodes(_) | ConnectionPart::PageInfo(_) => true,
            ConnectionPart::TotalCount | ConnectionPart::TypeName => false,
        });
        block.limit = if shows_rows { page_size.map(|size| size.saturating_add(1)) } else { Some(0) };

        let mut list = SelectList::default();
        let fields = self.fields(&mut list, scope, object, selected)?;
        let cursor = block.order.iter().map(|term| list.cursor(&term.expr)).collect();
        block.fenced = is_fenced(&list.outputs, &block);
        block.outputs = list.outputs;
        let node = Object { type_name: object.name.clone(), columns: list.wires, fields };
        let connection = Connection {
            fields: parts.iter().map(|part| connection_field(object, part)).collect(),
            node,
            cursor,
            page_size,
            reversed: page.backward,
            has_cursor: ahead.0.is_some(),
            counted,
        };
        Ok((Root::Connection { page: block, count }, Shape::Connection(connection)))
    }
}

fn connection_field(object: &TypeDef, part: &ConnectionSelected) -> ConnectionField {
    let named = |suffix: &str| Name::from(format!("{}{suffix}", object.name));
    let node = match &part.part {
        ConnectionPart::TypeName => ConnectionNode::TypeName(named("Connection")),
        ConnectionPart::TotalCount => ConnectionNode::TotalCount,
        ConnectionPart::PageInfo(parts) => ConnectionNode::PageInfo(
            parts.iter().map(|(key, part)| (Key::new(key.clone()), page_info_node(*part))).collect(),
        ),
        ConnectionPart::Edges(parts) => {
            let edge = |part: &EdgePart| match part {
                EdgePart::TypeName => EdgeNode::TypeName(named("Edge")),
                EdgePart::Cursor => EdgeNode::Cursor,
                EdgePart::Node(_) => EdgeNode::Node,
            };
            ConnectionNode::Edges(parts.iter().map(|(key, part)| (Key::new(key.clone()), edge(part))).collect())
        }
        ConnectionPart::Nodes(_) => ConnectionNode::Nodes,
    };
    ConnectionField { key: Key::new(part.key.clone()), node }
}

fn page_info_node(part: PageInfoPart) -> PageInfoNode {
    match part {
        PageInfoPart::TypeName => PageInfoNode::TypeName,
        PageInfoPart::HasNextPage => PageInfoNode::HasNextPage,
        PageInfoPart::HasPreviousPage => PageInfoNode::HasPreviousPage,
        PageInfoPart::StartCursor => PageInfoNode::StartCursor,
        PageInfoPart::EndCursor => PageInfoNode::EndCursor,
    }
}

/// A block over the same relation with nothing chosen.
fn empty(block: &Block) -> Block {
    Block {
        relation: block.relation.clone(),
        keyed: None,
        outputs: Vec::new(),
        on: block.on.clone(),
        predicate: Predicate::always(),
        order: Vec::new(),
        limit: None,
        offset: None,
        fenced: false,
    }
}

// === impl OrderTerm ===

impl OrderTerm {
    fn reverse(&mut self) {
        let nulls_first = self.nulls_first.unwrap_or(self.descending);
        self.descending = !self.descending;
        self.nulls_first = Some(!nulls_first).filter(|nulls_first| *nulls_first != self.descending);
    }

    fn reversed(mut self) -> Self {
        self.reverse();
        self
    }
}
