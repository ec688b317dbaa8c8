//! A read → blocks and the shape of their rows.

use std::collections::BTreeSet;

use crate::auth::Caller;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::{Filter, Operator};
use crate::intent::selection::{Selected, Selection, TYPENAME};
use crate::intent::{Arguments, Asked, Read};
use crate::schema::catalog::Family;
use crate::schema::model::{Endpoint, Field as SchemaField, Join, RelationName, Returns, Scalar, TypeDef, TypeRef};
use crate::schema::name::ByName;
use crate::schema::{Kind, Schema, Source, source_in};

use super::columns::{SelectList, is_fenced};
use super::guard::{Guard, Sight};
use super::predicate::{Given, Place, Resolver, Scope, field_of, missing};
use super::shape::{Field, Key, Node, Object, Shape, Wire};
use super::{Block, Cast, Expr, ExprType, Limits, Output, Plan, Predicate, Root};

pub(super) fn plan(schema: &Schema, caller: &Caller, limits: Limits, read: &Read) -> Result<Plan> {
    let name = match &read.form.asked {
        Asked::Endpoint(name) => name,
        Asked::Entities(key) => return super::entities::plan(schema, caller, limits, read, key),
    };
    let guard = Guard::new(schema, caller);
    let endpoint = schema
        .query(name)
        .ok_or_else(|| Error::new(Stage::Plan, Code::InvalidArgument, format!("there is no query \"{name}\"")))?;
    guard.endpoint(endpoint)?;
    let injected = guard.injected(endpoint);
    let planner = Planner { resolver: Resolver { schema, guard: &guard }, limits, read };
    let (root, shape) = planner.root(endpoint, &injected)?;
    Ok(Plan { root, shape, claims: injected.into_iter().map(|(_, claim)| claim).collect(), lookup: None })
}

pub(super) struct Planner<'a> {
    pub resolver: Resolver<'a>,
    pub limits: Limits,
    pub read: &'a Read,
}

impl<'a> Planner<'a> {
    pub(super) fn schema(&self) -> &'a Schema {
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
        let empty = ByName::default();
        let fields = match self.schema().kind(&endpoint.item) {
            Kind::Interface(interface) => &interface.fields,
            Kind::Object(_) | Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => &empty,
        };
        let place = Place::Relation { relation: relation.clone(), data_column: endpoint.data_column.clone() };
        let scope = Scope { type_name: &endpoint.item, fields, place, given: Given::Nothing };
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
    pub(super) fn claims(&self, scope: &Scope<'_>, injected: &[(String, String)]) -> Result<Vec<Predicate>> {
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

    pub(super) fn unguarded(&self, relation: &RelationName, data_column: &str, column: &str) -> Result<Expr> {
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
        Scope { type_name: &object.name, fields: &object.fields, place, given: Given::Nothing }
    }

    /// The scope of a block: the row-shaped twin of its view when that has every column needed.
    pub(super) fn scope<'s>(
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
    pub(super) fn block(
        &self,
        scope: &Scope<'_>,
        arguments: &Arguments,
        many: bool,
        more: &[Predicate],
    ) -> Result<Block> {
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
            relation: Some(self.resolver.qualified(relation)),
            keyed: None,
            outputs: Vec::new(),
            on: Vec::new(),
            predicate: Predicate::all(parts),
            order,
            limit,
            offset: page.offset,
            fenced: false,
        })
    }

    pub(super) fn limit(&self, asked: Option<u64>) -> Result<Option<u64>> {
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
    pub(super) fn fill(
        &self,
        block: &mut Block,
        scope: &Scope<'_>,
        object: &TypeDef,
        selected: &[Selected],
    ) -> Result<Object> {
        let mut list = SelectList::default();
        let fields = self.fields(&mut list, scope, object, selected)?;
        block.fenced = is_fenced(&list.outputs, block);
        block.outputs = list.outputs;
        Ok(Object { type_name: object.name.clone(), columns: list.wires, fields })
    }

    pub(super) fn fields(
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
                Err(error) if item.implied && (is_refusal(&error) || !field.is_stored_here()) => {}
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
            (Sight::Clear, _) if field.function.is_some() => self.computed(list, scope, field, &item.selection),
            (Sight::Clear, _) if scope.is_given(field) => self.given(list, field, &item.selection),
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
}

/// Whether the caller may not see what was asked for; anything else that is wrong is told in any case.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error.code, Code::Forbidden | Code::Unauthenticated)
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
