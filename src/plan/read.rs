//! A read → blocks and the shape of their rows.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::{Filter, Operator};
use crate::intent::selection::{
    ConnectionPart, ConnectionSelected, EdgePart, PageInfoPart, Selected, Selection, TYPENAME,
};
use crate::intent::{Arguments, Read};
use crate::schema::catalog::{Family, PgType};
use crate::schema::model::{
    Endpoint, Field as SchemaField, Join, RelationName, Returns, Scalar, TypeDef, TypeOf, TypeRef,
};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema, Source, source_in};

use super::guard::{Guard, Sight};
use super::predicate::{Place, Resolver, Scope, field_of, missing};
use super::shape::{
    Connection, ConnectionField, ConnectionNode, Document, DocumentField, DocumentObject, DocumentSource, EdgeNode,
    EnumNames, Field, Key, Leaf, LeafKind, Node, Object, PageInfoNode, Shape, Wire,
};
use super::{Block, Cast, Expr, ExprType, Limits, OrderTerm, Output, Plan, Predicate, Root};

pub(super) fn plan(schema: &Schema, caller: &Caller, limits: Limits, read: &Read) -> Result<Plan> {
    let guard = Guard::new(schema, caller);
    let endpoint = schema.query(&read.form.query).ok_or_else(|| {
        Error::new(Stage::Plan, Code::InvalidArgument, format!("there is no query \"{}\"", read.form.query))
    })?;
    guard.endpoint(endpoint)?;
    let injected = guard.injected(endpoint);
    let planner = Planner { resolver: Resolver { schema, guard: &guard }, limits, read };
    let (root, shape) = planner.root(endpoint, &injected)?;
    Ok(Plan { root, shape, claims: injected.into_iter().map(|(_, claim)| claim).collect() })
}

struct Planner<'a> {
    resolver: Resolver<'a>,
    limits: Limits,
    read: &'a Read,
}

/// The select list of one block while it grows; equal expressions share a column.
#[derive(Default)]
struct SelectList {
    outputs: Vec<Output>,
    wires: Vec<Wire>,
}

impl<'a> Planner<'a> {
    fn schema(&self) -> &'a Schema {
        self.resolver.schema
    }

    fn root(&self, endpoint: &Endpoint, injected: &[(String, String)]) -> Result<(Root, Shape)> {
        let nothing = Arguments::default();
        let arguments = self.read.arguments.first().unwrap_or(&nothing);
        let relation = self.root_relation(endpoint)?;
        let claims = |scope: &Scope<'_>| self.claims(scope, injected);
        let inner: Vec<String> = injected.iter().map(|(column, _)| column.clone()).collect();
        match (self.schema().kind(&endpoint.item), &self.read.form.selection) {
            (Kind::Object(object), Selection::Object(selected)) => {
                let scope = self.scope(object, &relation, &endpoint.data_column, selected, arguments, &inner);
                // A connection is also read as plain rows: as a stream, which has no pages.
                let many = matches!(endpoint.returns, Returns::Many | Returns::Connection);
                let mut block = self.block(&scope, arguments, many, &claims(&scope)?)?;
                let shape = self.fill(&mut block, &scope, object, selected)?;
                Ok((Root::Rows(block), if many { Shape::Many(shape) } else { Shape::One(shape) }))
            }
            (Kind::Object(object), Selection::Connection(parts)) => {
                let selected: Vec<Selected> = parts.iter().flat_map(|part| part.nodes()).flatten().cloned().collect();
                let scope = self.scope(object, &relation, &endpoint.data_column, &selected, arguments, &inner);
                let rows = self.block(&scope, arguments, true, &claims(&scope)?)?;
                self.connection(endpoint, &scope, rows, arguments, parts, &selected)
            }
            (Kind::Object(object), Selection::Leaf) if endpoint.returns == Returns::Count => {
                let scope = self.scope(object, &relation, &endpoint.data_column, &[], arguments, &inner);
                let block = self.block(&scope, arguments, true, &claims(&scope)?)?;
                Ok((Root::Count(Block { order: Vec::new(), limit: None, offset: None, ..block }), Shape::Count))
            }
            (Kind::Interface(_) | Kind::Union(_), Selection::Abstract(_)) => {
                self.abstract_root(endpoint, &relation, arguments, injected)
            }
            _ => Err(Error::invalid(format!("{} does not take this selection", endpoint.name))),
        }
    }

    fn root_relation(&self, endpoint: &Endpoint) -> Result<RelationName> {
        let of_type = match self.schema().kind(&endpoint.item) {
            Kind::Object(object) => object.relation.clone(),
            Kind::Interface(interface) => interface.relation.clone(),
            Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => None,
        };
        endpoint.source.clone().or(of_type).ok_or_else(|| {
            Error::new(Stage::Plan, Code::Unimplemented, format!("{} has no sql_source to read from", endpoint.name))
        })
    }

    fn abstract_root(
        &self,
        endpoint: &Endpoint,
        relation: &RelationName,
        arguments: &Arguments,
        injected: &[(String, String)],
    ) -> Result<(Root, Shape)> {
        let empty = IndexMap::new();
        let fields = match self.schema().kind(&endpoint.item) {
            Kind::Interface(interface) => &interface.fields,
            Kind::Object(_) | Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => &empty,
        };
        let place = Place::Relation { relation: relation.clone(), data_column: endpoint.data_column.clone() };
        let scope = Scope { type_name: &endpoint.item, fields, place };
        let many = endpoint.returns == Returns::Many;
        let mut block = self.block(&scope, arguments, many, &self.claims(&scope, injected)?)?;
        let item = TypeRef::named(endpoint.item.clone(), false);
        let document = self.document(&item, &self.read.form.selection)?;
        let expr = self.resolver.data(relation, &endpoint.data_column);
        // One form of document at the root, whichever the column has.
        let cast = if expr.ty.family == Family::Json { Cast::To("jsonb".to_owned()) } else { Cast::None };
        block.outputs.push(Output::Value { expr, cast });
        Ok((Root::Rows(block), if many { Shape::Documents(document) } else { Shape::Document(document) }))
    }

    /// Predicates of the claims that the endpoint injects; their values follow the intent's own.
    fn claims(&self, scope: &Scope<'_>, injected: &[(String, String)]) -> Result<Vec<Predicate>> {
        let first = self.read.values.len() as u32;
        let equal = |(i, (column, _)): (usize, &(String, String))| {
            let left = match &scope.place {
                Place::Relation { relation, data_column } => self.unguarded(relation, data_column, column)?,
                Place::Document(base) => base.below(column, ExprType::of_scalar(Scalar::String)),
            };
            Ok(Predicate::Compare { left, operator: Operator::Eq, slot: first + i as u32 })
        };
        injected.iter().enumerate().map(equal).collect()
    }

    fn unguarded(&self, relation: &RelationName, data_column: &str, column: &str) -> Result<Expr> {
        match self.schema().source(relation, column, data_column) {
            Source::Native(ty) => Ok(Expr::column(column, ty)),
            Source::Data => {
                Ok(self.resolver.data(relation, data_column).below(column, ExprType::of_scalar(Scalar::String)))
            }
            Source::Missing => Err(missing(relation, column)),
        }
    }

    fn relation_scope<'s>(&self, object: &'s TypeDef, relation: &RelationName, data_column: &str) -> Scope<'s> {
        let place = Place::Relation { relation: relation.clone(), data_column: data_column.to_owned() };
        Scope { type_name: &object.name, fields: &object.fields, place }
    }

    /// The scope of a block: the row-shaped twin of its view when that has every column needed.
    fn scope<'s>(
        &self,
        object: &'s TypeDef,
        relation: &RelationName,
        data_column: &str,
        selected: &[Selected],
        arguments: &Arguments,
        inner: &[String],
    ) -> Scope<'s> {
        let Some((twin, columns)) = self.schema().twin(relation) else {
            return self.relation_scope(object, relation, data_column);
        };
        let mut needed: BTreeSet<&str> = inner.iter().map(String::as_str).collect();
        let mut field = |name: &str| match object.fields.get(name) {
            Some(SchemaField { join: Some(join), .. }) => {
                needed.extend(join.on.iter().map(|(outer, _)| outer.as_str()))
            }
            Some(field) => needed.extend([&*field.column]),
            None => {}
        };
        selected.iter().for_each(|selected| field(&selected.field));
        arguments.order.iter().for_each(|term| field(&term.field));
        let mut plain = BTreeSet::new();
        if let Some(filter) = &arguments.filter {
            filter_fields(filter, &mut field, &mut plain);
        }
        needed.extend(plain);
        let has_all = needed.iter().all(|column| matches!(source_in(columns, column, ""), Source::Native(_)));
        // Pages and cursors go by the key, whichever of the two a request reads.
        let key_of = |relation| self.schema().key_column(relation).map(|(name, _)| name);
        let is_twin = has_all && key_of(&twin) == key_of(relation);
        self.relation_scope(object, if is_twin { &twin } else { relation }, data_column)
    }

    /// A block without its select list.
    fn block(&self, scope: &Scope<'_>, arguments: &Arguments, many: bool, more: &[Predicate]) -> Result<Block> {
        let Place::Relation { relation, .. } = &scope.place else {
            return Err(Error::new(Stage::Plan, Code::Internal, "a block needs a relation"));
        };
        let mut parts: Vec<Predicate> = more.to_vec();
        if let Some(filter) = &arguments.filter {
            parts.push(self.resolver.filter(scope, filter)?);
        }
        let page = &arguments.page;
        let limit = if many { self.limit(page.limit)? } else { Some(1) };
        let limit = limit.map(|limit| limit.saturating_add(u64::from(many && page.probe)));
        let paged = many && (page.limit.is_some() || limit.is_some() || page.offset.is_some());
        let order = if many { self.resolver.order(scope, &arguments.order, paged)? } else { Vec::new() };
        Ok(Block {
            relation: self.resolver.qualified(relation),
            outputs: Vec::new(),
            on: Vec::new(),
            predicate: Predicate::all(parts),
            order,
            limit,
            offset: page.offset,
            fenced: false,
        })
    }

    fn limit(&self, asked: Option<u64>) -> Result<Option<u64>> {
        match (asked, self.limits.page_rows_max) {
            (asked, 0) => Ok(asked),
            (None, max) => Ok(Some(max)),
            (Some(asked), max) if asked <= max => Ok(Some(asked)),
            (Some(asked), max) => {
                let message = format!("a list of {asked} rows is more than the {max} that one page may hold");
                Err(Error::new(Stage::Plan, Code::TooComplex, message).at("limit"))
            }
        }
    }

    /// Gives a block its select list and says what shape its rows have.
    fn fill(&self, block: &mut Block, scope: &Scope<'_>, object: &TypeDef, selected: &[Selected]) -> Result<Object> {
        let mut list = SelectList::default();
        let fields = self.fields(&mut list, scope, object, selected)?;
        block.fenced = is_fenced(&list.outputs, block);
        block.outputs = list.outputs;
        Ok(Object { type_name: object.name.clone(), columns: list.wires, fields })
    }

    fn fields(
        &self,
        list: &mut SelectList,
        scope: &Scope<'_>,
        object: &TypeDef,
        selected: &[Selected],
    ) -> Result<Vec<Field>> {
        self.resolver.guard.object(object)?;
        let mut fields = Vec::with_capacity(selected.len());
        for item in selected {
            let key = Key::new(item.key.clone());
            if &*item.field == TYPENAME {
                fields.push(Field { key, name: item.field.clone(), nullable: false, node: Node::TypeName });
                continue;
            }
            let field = field_of(scope, &item.field)?;
            match self.node(list, scope, object, field, item) {
                Ok(node) => fields.push(Field { key, name: field.name.clone(), nullable: field.ty.nullable, node }),
                Err(error) if item.implied && is_refusal(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(fields)
    }

    fn node(
        &self,
        list: &mut SelectList,
        scope: &Scope<'_>,
        object: &TypeDef,
        field: &SchemaField,
        item: &Selected,
    ) -> Result<Node> {
        match (self.resolver.guard.select(&object.name, field)?, &field.join) {
            (Sight::Masked, _) => Ok(Node::Masked),
            (Sight::Clear, Some(join)) => self.joined(list, object, field, join, item),
            (Sight::Clear, None) => self.stored(list, scope, field, &item.selection),
        }
    }

    fn joined(
        &self,
        list: &mut SelectList,
        outer: &TypeDef,
        field: &SchemaField,
        join: &Join,
        item: &Selected,
    ) -> Result<Node> {
        let (Kind::Object(object), Selection::Object(selected)) =
            (self.schema().kind(field.ty.innermost()), &item.selection)
        else {
            let message = format!("{}.{} joins something that is not an object type", outer.name, field.name);
            return Err(Error::new(Stage::Plan, Code::Internal, message));
        };
        let relation = object.relation.clone().ok_or_else(|| {
            let cause = format!("{} has no sql_source", object.name);
            Error::new(Stage::Plan, Code::Internal, "the schema joins a type without a relation").because(cause)
        })?;
        let nothing = Arguments::default();
        let arguments = item.site.and_then(|site| self.read.arguments.get(site)).unwrap_or(&nothing);
        let inner: Vec<String> = join.on.iter().map(|(_, inner)| inner.clone()).collect();
        let scope = self.scope(object, &relation, &object.data_column, selected, arguments, &inner);
        let many = field.ty.is_list();
        let mut block = self.block(&scope, arguments, many, &[])?;
        block.on = join.on.clone();
        let shape = self.fill(&mut block, &scope, object, selected)?;
        let column = list.outputs.len();
        if !many {
            list.outputs.push(Output::Record(Box::new(block)));
            list.wires.push(Wire::Record);
            return Ok(Node::Record { column, object: shape });
        }
        list.outputs.push(Output::Records(Box::new(block)));
        list.wires.push(Wire::RecordArray);
        let item_nullable = field.ty.item().is_some_and(|item| item.nullable);
        Ok(Node::RecordList { column, object: shape, item_nullable })
    }

    fn stored(
        &self,
        list: &mut SelectList,
        scope: &Scope<'_>,
        field: &SchemaField,
        selection: &Selection,
    ) -> Result<Node> {
        let Place::Relation { relation, data_column } = &scope.place else {
            return Err(Error::new(Stage::Plan, Code::Internal, "a column was asked of a document"));
        };
        match self.schema().source(relation, &field.column, data_column) {
            Source::Native(ty) => self.native(list, field, ty, selection),
            Source::Data => {
                let expr = self.resolver.document(scope, field)?;
                // A place in a document is jsonb, even where the whole is json.
                let column = list.value(expr, Cast::None, Wire::Value(Family::Jsonb));
                Ok(Node::Document { column, value: self.document(&field.ty, selection)? })
            }
            Source::Missing => Err(missing(relation, &field.column)),
        }
    }

    fn native(&self, list: &mut SelectList, field: &SchemaField, ty: &PgType, selection: &Selection) -> Result<Node> {
        let expr = Expr::column(&field.column, ty);
        let kind = match self.schema().kind(field.ty.innermost()) {
            Kind::Scalar(scalar) => Some(LeafKind::Scalar(scalar)),
            Kind::Enum(def) => Some(LeafKind::Enum(EnumNames::of(def))),
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) => None,
        };
        let is_json = !ty.array && matches!(ty.family, Family::Json | Family::Jsonb);
        let family = ty.family;
        match kind {
            Some(LeafKind::Scalar(Scalar::Json)) if !field.ty.is_list() => {
                let leaf = |family| Leaf { family, kind: LeafKind::Scalar(Scalar::Json) };
                if is_json {
                    let column = list.value(expr, plain_cast(ty), Wire::Value(family));
                    return Ok(Node::Leaf { column, leaf: leaf(family) });
                }
                let column = list.value(expr, Cast::ToJson, Wire::Value(Family::Json));
                Ok(Node::Leaf { column, leaf: leaf(Family::Json) })
            }
            Some(kind) if !field.ty.is_list() && !is_json && !ty.array => {
                let cast = if family == Family::Other { Cast::ToJson } else { plain_cast(ty) };
                let column = list.value(expr, cast, Wire::Value(family.on_the_wire()));
                Ok(Node::Leaf { column, leaf: Leaf { family, kind } })
            }
            Some(kind) if field.ty.is_list() && ty.array && family != Family::Other => {
                let item_nullable = field.ty.item().is_some_and(|item| item.nullable);
                let column = list.value(expr, plain_cast(ty), Wire::Array(family.on_the_wire()));
                Ok(Node::LeafList { column, leaf: Leaf { family, kind }, item_nullable })
            }
            Some(_) | None => {
                let (cast, wire) = if is_json { (plain_cast(ty), family) } else { (Cast::ToJson, Family::Json) };
                let column = list.value(expr, cast, Wire::Value(wire));
                Ok(Node::Document { column, value: self.document(&field.ty, selection)? })
            }
        }
    }

    /// The shape of a stored document of this type.
    fn document(&self, ty: &TypeRef, selection: &Selection) -> Result<Document> {
        let name = match &ty.of {
            TypeOf::List(item) => {
                let inner = self.document(item, selection)?;
                return Ok(Document::List { item: Box::new(inner), item_nullable: item.nullable });
            }
            TypeOf::Named(name) => name,
        };
        match (self.schema().kind(name), selection) {
            (Kind::Scalar(scalar), _) => Ok(Document::Scalar(scalar)),
            (Kind::Enum(def), _) => Ok(Document::Enum(EnumNames::of(def))),
            (Kind::Object(object), Selection::Object(selected)) => {
                Ok(Document::Object(self.document_object(object, selected)?))
            }
            (Kind::Interface(_) | Kind::Union(_), Selection::Abstract(cases)) => {
                let cases = cases.iter().filter_map(|(name, selected)| Some((self.schema().object(name)?, selected)));
                let cases = cases.map(|(object, selected)| self.document_object(object, selected));
                Ok(Document::Abstract { type_name: name.clone(), cases: cases.collect::<Result<_>>()? })
            }
            (Kind::Object(_) | Kind::Interface(_) | Kind::Union(_), _) => {
                Err(Error::invalid(format!("{name} needs a selection of its fields")))
            }
        }
    }

    fn document_object(&self, object: &TypeDef, selected: &[Selected]) -> Result<DocumentObject> {
        self.resolver.guard.object(object)?;
        let mut fields = Vec::with_capacity(selected.len());
        for item in selected {
            let key = Key::new(item.key.clone());
            if &*item.field == TYPENAME {
                let (name, source) = (item.field.clone(), DocumentSource::TypeName);
                fields.push(DocumentField { key, name, nullable: false, source });
                continue;
            }
            let field = object.fields.get(&item.field).ok_or_else(|| {
                Error::invalid(format!("{} has no field \"{}\"", object.name, item.field)).at(&*item.field)
            })?;
            match self.document_source(object, field, item) {
                Ok(source) => {
                    fields.push(DocumentField { key, name: field.name.clone(), nullable: field.ty.nullable, source });
                }
                Err(error) if item.implied && is_refusal(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(DocumentObject { type_name: object.name.clone(), fields })
    }

    fn document_source(&self, object: &TypeDef, field: &SchemaField, item: &Selected) -> Result<DocumentSource> {
        match self.resolver.guard.select(&object.name, field)? {
            Sight::Masked => Ok(DocumentSource::Masked),
            Sight::Clear if field.join.is_some() => {
                let message = format!(
                    "{}.{} is joined from another relation and cannot be read where {} is embedded in a document",
                    object.name, field.name, object.name
                );
                Err(Error::invalid(message).at(&*item.key))
            }
            Sight::Clear => Ok(DocumentSource::Stored {
                stored: field.column.clone(),
                value: self.document(&field.ty, &item.selection)?,
            }),
        }
    }

    fn connection(
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

/// Whether the caller may not see what was asked for; anything else that is wrong is told in any case.
fn is_refusal(error: &Error) -> bool {
    matches!(error.code, Code::Forbidden | Code::Unauthenticated)
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
        outputs: Vec::new(),
        on: block.on.clone(),
        predicate: Predicate::always(),
        order: Vec::new(),
        limit: None,
        offset: None,
        fenced: false,
    }
}

/// Two reads of `data` would compute the view's expression twice, and rows that OFFSET skips would
/// be joined for nothing.
fn is_fenced(outputs: &[Output], block: &Block) -> bool {
    let from_data =
        outputs.iter().filter(|output| matches!(output, Output::Value { expr, .. } if !expr.path.is_empty()));
    let joins = outputs.iter().any(|output| matches!(output, Output::Record(_) | Output::Records(_)));
    from_data.count() >= 2 || (block.offset.is_some() && joins)
}

/// How a native column is spelled so that a built-in type arrives.
fn plain_cast(ty: &PgType) -> Cast {
    if ty.builtin {
        return Cast::None;
    }
    let array = if ty.array { "[]" } else { "" };
    Cast::To(format!("{}{array}", ty.family.on_the_wire().sql()))
}

fn filter_fields<'f>(filter: &'f Filter, field: &mut impl FnMut(&str), columns: &mut BTreeSet<&'f str>) {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().for_each(|part| filter_fields(part, field, columns)),
        Filter::Not(part) => filter_fields(part, field, columns),
        Filter::Compare { field: name, .. }
        | Filter::IsNull { field: name, .. }
        | Filter::Nested { field: name, .. } => {
            field(name);
        }
        Filter::EqualColumn { column, .. } | Filter::ColumnIsNull { column } => {
            columns.insert(column);
        }
    }
}

// === impl SelectList ===

impl SelectList {
    /// The position of an expression, which is added when it is new.
    fn value(&mut self, expr: Expr, cast: Cast, wire: Wire) -> usize {
        let found = self.outputs.iter().position(|output| match output {
            Output::Value { expr: known, cast: known_cast } => *known == expr && *known_cast == cast,
            Output::Record(_) | Output::Records(_) => false,
        });
        found.unwrap_or_else(|| {
            self.outputs.push(Output::Value { expr, cast });
            self.wires.push(wire);
            self.outputs.len() - 1
        })
    }

    /// A column of a cursor, as something that JSON holds exactly: a JSON number would round a
    /// numeric, and types without an encoder have only their text.
    fn cursor(&mut self, expr: &Expr) -> (usize, Leaf) {
        let family = match expr.ty.family {
            Family::Numeric | Family::Json | Family::Jsonb | Family::Other => Family::Text,
            family => family.on_the_wire(),
        };
        let is_plain = expr.path.is_empty() && expr.ty.builtin && family == expr.ty.family;
        let cast = if is_plain { Cast::None } else { Cast::To(family.sql().to_owned()) };
        let scalar = match family {
            Family::Int2 | Family::Int4 | Family::Int8 => Scalar::BigInt,
            Family::Float4 | Family::Float8 => Scalar::Float,
            Family::Bool => Scalar::Boolean,
            Family::Numeric
            | Family::Text
            | Family::Varchar
            | Family::Bpchar
            | Family::Name
            | Family::Citext
            | Family::Uuid
            | Family::Timestamptz
            | Family::Timestamp
            | Family::Date
            | Family::Time
            | Family::Timetz
            | Family::Interval
            | Family::Json
            | Family::Jsonb
            | Family::Bytea
            | Family::Enum
            | Family::Other => Scalar::String,
        };
        (self.value(expr.clone(), cast, Wire::Value(family)), Leaf { family, kind: LeafKind::Scalar(scalar) })
    }
}

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

impl EnumNames {
    pub fn of(def: &crate::schema::model::EnumDef) -> EnumNames {
        let names = def.values.iter().map(|value| (value.stored.clone(), value.name.clone()));
        EnumNames { type_name: def.name.clone(), names: names.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(family: Family, path: &[&str], builtin: bool, cast: Cast, leaf: (Family, Scalar)) {
        let ty = PgType { family, array: false, sql: family.sql().to_owned(), builtin };
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        let expr = Expr { path, ..Expr::column("c", &ty) };
        let mut list = SelectList::default();
        let (_, found) = list.cursor(&expr);
        assert_eq!(found, Leaf { family: leaf.0, kind: LeafKind::Scalar(leaf.1) });
        assert!(leaf.0.serves(leaf.1), "the codec refuses {:?} as {:?}", leaf.0, leaf.1);
        assert!(matches!(&list.outputs[..], [Output::Value { cast: written, .. }] if *written == cast));
    }

    #[test]
    fn cursors_hold_every_sortable_type_exactly() {
        let text = || Cast::To("text".to_owned());
        check(Family::Bool, &[], true, Cast::None, (Family::Bool, Scalar::Boolean));
        check(Family::Float8, &[], true, Cast::None, (Family::Float8, Scalar::Float));
        check(Family::Int8, &[], false, Cast::To("int8".to_owned()), (Family::Int8, Scalar::BigInt));
        check(
            Family::Timestamptz,
            &["at"],
            true,
            Cast::To("timestamptz".to_owned()),
            (Family::Timestamptz, Scalar::String),
        );
        check(Family::Numeric, &[], true, text(), (Family::Text, Scalar::String));
        check(Family::Enum, &[], false, text(), (Family::Text, Scalar::String));
        check(Family::Other, &[], true, text(), (Family::Text, Scalar::String));
    }
}
