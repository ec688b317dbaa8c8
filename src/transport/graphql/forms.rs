//! A validated operation → the forms of its roots, and a request's arguments → their structure.
//!
//! Fragments, conditions and merging are resolved here (specification, section 6.3.2), once for each
//! combination of condition values; what is left of a repeat is to read its arguments.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::{DirectiveList, Value};
use apollo_compiler::executable::{Field as FieldNode, Selection as SelectionNode, SelectionSet};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::subgraph;
use super::variables::{Given, Variable, constant};
use crate::error::{Error, Result};
use crate::federation::wanted::Wanted;
use crate::intent::arguments::{arguments, list_arguments};
use crate::intent::mutation::input;
use crate::intent::selection::{
    ConnectionPart, ConnectionSelected, EdgePart, PageInfoPart, Selected, Selection, TYPENAME,
};
use crate::intent::value::Values;
use crate::intent::{Arguments, Form, Mutate, Read};
use crate::schema::entities::Behind;
use crate::schema::model::{Argument, Endpoint, Returns};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};
use crate::type_system::{endpoint_type, output_fields};

/// One root field of an operation.
pub struct Root {
    pub key: Name,
    pub nullable: bool,
    pub location: Option<(usize, usize)>,
    pub kind: RootKind,
}

pub enum RootKind {
    TypeName(&'static str),
    /// `__schema` or `__type`: answered from the type system.
    Introspection,
    Read {
        form: Arc<Form>,
        sites: Vec<Site>,
    },
    /// `_service`: its fields by their response keys.
    Service(Vec<(Name, ServicePart)>),
    /// `_entities`.
    Entities(EntityRoot),
    /// The first site holds the mutation's own arguments.
    Mutate {
        form: Arc<Form>,
        sites: Vec<Site>,
    },
    /// Declared, and not served by this build.
    Unimplemented,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServicePart {
    TypeName,
    Sdl,
}

/// What is asked of the entities of every type.
pub struct EntityRoot {
    pub wanted: Wanted,
    sites: HashMap<Name, Vec<Site>>,
    representations: Option<Template>,
}

/// A place of a form that takes arguments.
pub struct Site {
    /// The type whose fields are filtered and ordered.
    item: Name,
    arguments: Vec<SiteArgument>,
}

struct SiteArgument {
    declared: Argument,
    template: Option<Template>,
}

/// An argument's value with its variables still open.
enum Template {
    Constant(Json),
    Variable(usize),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// Builds the roots of an operation for given values of its conditions.
pub struct Forms<'a> {
    pub schema: &'a Schema,
    pub document: &'a ExecutableDocument,
    pub variables: &'a [Variable],
    pub given: &'a Given,
}

type Fields<'a> = IndexMap<&'a str, Vec<&'a FieldNode>>;

impl<'a> Forms<'a> {
    pub fn roots(&self, root_type: &'static str, set: &'a SelectionSet) -> Result<Vec<Root>> {
        let mut fields = Fields::new();
        self.collect(set, root_type, &mut fields);
        fields.into_iter().map(|(key, nodes)| self.root(root_type, key, &nodes)).collect()
    }

    fn root(&self, root_type: &'static str, key: &str, nodes: &[&'a FieldNode]) -> Result<Root> {
        let node = nodes[0];
        let location = node.name.location().and_then(|span| span.line_column(&self.document.sources));
        let location = location.map(|found| (found.line, found.column));
        let root = |nullable, kind| Root { key: key.into(), nullable, location, kind };
        match node.name.as_str() {
            TYPENAME => return Ok(root(false, RootKind::TypeName(root_type))),
            "__schema" | "__type" => return Ok(root(true, RootKind::Introspection)),
            subgraph::SERVICE => return Ok(root(false, RootKind::Service(self.service(nodes)))),
            subgraph::ENTITIES => return Ok(root(false, RootKind::Entities(self.entities(nodes)?))),
            _ => {}
        }
        let endpoint = match root_type {
            "Query" => self.schema.query(&node.name),
            "Mutation" => self.schema.mutation(&node.name),
            _ => None,
        };
        let Some(endpoint) = endpoint else {
            return Ok(root(!node.definition.ty.is_non_null(), RootKind::Unimplemented));
        };
        let mut sites = vec![self.site(endpoint.item.clone(), endpoint.arguments.values(), node)];
        let selection = match endpoint.returns {
            Returns::One | Returns::Many => self.selection(&endpoint.item, nodes, &mut sites)?,
            Returns::Connection => Selection::Connection(self.connection(endpoint, nodes, &mut sites)?),
            Returns::Count => Selection::Leaf,
        };
        let form = Arc::new(Form::new(endpoint.name.clone(), selection));
        let is_mutation = root_type == "Mutation";
        let kind = if is_mutation { RootKind::Mutate { form, sites } } else { RootKind::Read { form, sites } };
        Ok(root(endpoint_type(endpoint).nullable, kind))
    }

    fn service(&self, nodes: &[&'a FieldNode]) -> Vec<(Name, ServicePart)> {
        let part = |name: &str| if name == "sdl" { ServicePart::Sdl } else { ServicePart::TypeName };
        self.below("_Service", nodes).into_iter().map(|(key, nodes)| (key.into(), part(&nodes[0].name))).collect()
    }

    /// What is asked of each type: which of them the representations have is not known before a request.
    fn entities(&self, nodes: &[&'a FieldNode]) -> Result<EntityRoot> {
        let (mut wanted, mut all_sites) = (Wanted::default(), HashMap::new());
        for entity in self.schema.entities().values().filter(|entity| entity.behind == Behind::Object) {
            let mut sites = vec![Site { item: entity.name.clone(), arguments: Vec::new() }];
            wanted.add(self.schema, entity, self.object(&entity.name, nodes, &mut sites)?);
            all_sites.insert(entity.name.clone(), sites);
        }
        let written = nodes[0].arguments.iter().find(|argument| &*argument.name == subgraph::REPRESENTATIONS);
        let representations = written.map(|argument| self.template(&argument.value));
        Ok(EntityRoot { wanted, sites: all_sites, representations })
    }

    fn selection(&self, type_name: &str, nodes: &[&'a FieldNode], sites: &mut Vec<Site>) -> Result<Selection> {
        match self.schema.kind(type_name) {
            Kind::Scalar(_) | Kind::Enum(_) => Ok(Selection::Leaf),
            Kind::Object(object) => Ok(Selection::Object(self.object(&object.name, nodes, sites)?)),
            Kind::Interface(_) | Kind::Union(_) => {
                let possible = self.schema.possible_types(type_name).into_iter();
                let cases = possible.map(|object| Ok((object.name.clone(), self.object(&object.name, nodes, sites)?)));
                Ok(Selection::Abstract(cases.collect::<Result<_>>()?))
            }
        }
    }

    fn object(&self, type_name: &str, nodes: &[&'a FieldNode], sites: &mut Vec<Site>) -> Result<Vec<Selected>> {
        let fields = self.below(type_name, nodes);
        let declared = output_fields(self.schema, type_name);
        let mut selected = Vec::with_capacity(fields.len());
        for (key, nodes) in fields {
            let name = nodes[0].name.as_str();
            if name == TYPENAME {
                let field = TYPENAME.into();
                selected.push(Selected {
                    key: key.into(),
                    field,
                    site: None,
                    selection: Selection::Leaf,
                    implied: false,
                });
                continue;
            }
            let Some(field) = declared.get(name) else {
                return Err(Error::invalid(format!("{type_name} has no field \"{name}\"")));
            };
            let item = field.ty.innermost();
            let site = (field.join.is_some() && field.ty.is_list()).then(|| {
                sites.push(self.site(item.clone(), list_arguments(item).iter(), nodes[0]));
                sites.len() - 1
            });
            let selection = self.selection(item, &nodes, sites)?;
            let field = field.name.clone();
            selected.push(Selected { key: key.into(), field, site, selection, implied: false });
        }
        Ok(selected)
    }

    fn connection(
        &self,
        endpoint: &Endpoint,
        nodes: &[&'a FieldNode],
        sites: &mut Vec<Site>,
    ) -> Result<Vec<ConnectionSelected>> {
        let mut parts = Vec::new();
        for (key, nodes) in self.below(&format!("{}Connection", endpoint.item), nodes) {
            let part = match nodes[0].name.as_str() {
                "totalCount" => ConnectionPart::TotalCount,
                "pageInfo" => ConnectionPart::PageInfo(self.page_info(&nodes)),
                "edges" => ConnectionPart::Edges(self.edges(endpoint, &nodes, sites)?),
                _ => ConnectionPart::TypeName,
            };
            parts.push(ConnectionSelected { key: key.into(), part });
        }
        Ok(parts)
    }

    fn page_info(&self, nodes: &[&'a FieldNode]) -> Vec<(Name, PageInfoPart)> {
        let part = |name: &str| match name {
            "hasNextPage" => PageInfoPart::HasNextPage,
            "hasPreviousPage" => PageInfoPart::HasPreviousPage,
            "startCursor" => PageInfoPart::StartCursor,
            "endCursor" => PageInfoPart::EndCursor,
            _ => PageInfoPart::TypeName,
        };
        self.below("PageInfo", nodes).into_iter().map(|(key, nodes)| (key.into(), part(&nodes[0].name))).collect()
    }

    fn edges(
        &self,
        endpoint: &Endpoint,
        nodes: &[&'a FieldNode],
        sites: &mut Vec<Site>,
    ) -> Result<Vec<(Name, EdgePart)>> {
        let mut parts = Vec::new();
        for (key, nodes) in self.below(&format!("{}Edge", endpoint.item), nodes) {
            let part = match nodes[0].name.as_str() {
                "cursor" => EdgePart::Cursor,
                "node" => EdgePart::Node(self.object(&endpoint.item, &nodes, sites)?),
                _ => EdgePart::TypeName,
            };
            parts.push((key.into(), part));
        }
        Ok(parts)
    }

    /// The merged fields below nodes that share a response key.
    fn below(&self, type_name: &str, nodes: &[&'a FieldNode]) -> Fields<'a> {
        let mut fields = Fields::new();
        for node in nodes {
            self.collect(&node.selection_set, type_name, &mut fields);
        }
        fields
    }

    fn collect(&self, set: &'a SelectionSet, type_name: &str, fields: &mut Fields<'a>) {
        for selection in &set.selections {
            if !self.is_included(selection.directives()) {
                continue;
            }
            match selection {
                SelectionNode::Field(field) => fields.entry(field.response_key().as_str()).or_default().push(field),
                SelectionNode::InlineFragment(inline) => {
                    if inline.type_condition.as_ref().is_none_or(|on| self.applies(on, type_name)) {
                        self.collect(&inline.selection_set, type_name, fields);
                    }
                }
                SelectionNode::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment.filter(|found| self.applies(found.type_condition(), type_name)) {
                        self.collect(&fragment.selection_set, type_name, fields);
                    }
                }
            }
        }
    }

    fn applies(&self, condition: &str, type_name: &str) -> bool {
        condition == type_name
            || (condition == subgraph::ENTITY && self.schema.entity(type_name).is_some())
            || self.schema.possible_types(condition).iter().any(|object| &*object.name == type_name)
    }

    pub fn is_included(&self, directives: &DirectiveList) -> bool {
        let value = |name: &str| {
            let argument = directives.get(name)?.specified_argument_by_name("if")?;
            match &**argument {
                Value::Boolean(flag) => Some(*flag),
                Value::Variable(variable) => {
                    let index = self.variables.iter().position(|known| known.name == *variable)?;
                    self.given.get(index)?.as_ref()?.as_bool()
                }
                _ => None,
            }
        };
        !value("skip").unwrap_or(false) && value("include").unwrap_or(true)
    }

    fn site<'d>(&self, item: Name, declared: impl Iterator<Item = &'d Argument>, node: &FieldNode) -> Site {
        let arguments = declared.filter_map(|declared| {
            let written = node.arguments.iter().find(|argument| *argument.name == *declared.name);
            let template = written.map(|argument| self.template(&argument.value));
            let is_used = template.is_some() || declared.default.is_some();
            is_used.then(|| SiteArgument { declared: declared.clone(), template })
        });
        Site { item, arguments: arguments.collect() }
    }

    fn template(&self, value: &Value) -> Template {
        match value {
            Value::Variable(name) => match self.variables.iter().position(|variable| variable.name == *name) {
                Some(index) => Template::Variable(index),
                None => Template::Constant(Json::Null),
            },
            Value::List(items) => {
                let items: Vec<Template> = items.iter().map(|item| self.template(item)).collect();
                if items.iter().all(|item| matches!(item, Template::Constant(_))) {
                    return Template::Constant(constant(value));
                }
                Template::List(items)
            }
            Value::Object(entries) => {
                let entries: Vec<(String, Template)> =
                    entries.iter().map(|(name, value)| (name.to_string(), self.template(value))).collect();
                if entries.iter().all(|(_, entry)| matches!(entry, Template::Constant(_))) {
                    return Template::Constant(constant(value));
                }
                Template::Object(entries)
            }
            Value::Null | Value::Enum(_) | Value::String(_) | Value::Float(_) | Value::Int(_) | Value::Boolean(_) => {
                Template::Constant(constant(value))
            }
        }
    }
}

/// The intent of a root for one request.
pub fn read(schema: &Schema, form: &Arc<Form>, sites: &[Site], given: &Given) -> Result<Read> {
    let mut values = Values::default();
    let arguments = sites.iter().map(|site| site.arguments(schema, given, &mut values)).collect::<Result<_>>()?;
    Ok(Read { form: form.clone(), arguments, values })
}

/// The intent of a mutation's root for one request.
pub fn mutate(schema: &Schema, form: &Arc<Form>, sites: &[Site], given: &Given) -> Result<Mutate> {
    let mut values = Values::default();
    let (own, below) = sites.split_first().map_or((None, sites), |(own, below)| (Some(own), below));
    let written = own.map(|site| site.written(given)).into_iter().flatten();
    let input = input(schema, written)?;
    let mut arguments = vec![Arguments::default()];
    for site in below {
        arguments.push(site.arguments(schema, given, &mut values)?);
    }
    Ok(Mutate::one(form.clone(), input, arguments, values))
}

// === impl Template ===

impl Template {
    /// The value for one request; `None` where a variable is absent.
    fn value<'t>(&'t self, given: &'t Given) -> Option<Cow<'t, Json>> {
        match self {
            Template::Constant(json) => Some(Cow::Borrowed(json)),
            Template::Variable(index) => given.get(*index)?.as_ref().map(Cow::Borrowed),
            Template::List(items) => {
                let items = items.iter().map(|item| item.value(given).map_or(Json::Null, Cow::into_owned));
                Some(Cow::Owned(Json::Array(items.collect())))
            }
            Template::Object(entries) => {
                let present =
                    entries.iter().filter_map(|(name, entry)| Some((name.clone(), entry.value(given)?.into_owned())));
                Some(Cow::Owned(Json::Object(present.collect::<Map<_, _>>())))
            }
        }
    }
}

// === impl EntityRoot ===

impl EntityRoot {
    /// The position of the variable that holds the representations.
    pub fn variable(&self) -> Option<usize> {
        match &self.representations {
            Some(Template::Variable(position)) => Some(*position),
            Some(Template::Constant(_) | Template::List(_) | Template::Object(_)) | None => None,
        }
    }

    /// The representations of one request; a single one stands for a list of one.
    pub fn representations<'t>(&'t self, given: &'t Given) -> Cow<'t, [Json]> {
        match self.representations.as_ref().and_then(|template| template.value(given)) {
            Some(Cow::Borrowed(Json::Array(items))) => Cow::Borrowed(items),
            Some(Cow::Borrowed(single)) => Cow::Borrowed(std::slice::from_ref(single)),
            Some(Cow::Owned(Json::Array(items))) => Cow::Owned(items),
            Some(Cow::Owned(single)) => Cow::Owned(vec![single]),
            None => Cow::Owned(Vec::new()),
        }
    }

    /// The arguments of the lists that are joined to entities of a type.
    pub fn arguments(&self, schema: &Schema, name: &str, given: &Given, values: &mut Values) -> Result<Vec<Arguments>> {
        let sites = self.sites.get(name).map(Vec::as_slice).unwrap_or_default();
        sites.iter().map(|site| site.arguments(schema, given, values)).collect()
    }
}

// === impl Site ===

impl Site {
    fn arguments(&self, schema: &Schema, given: &Given, values: &mut Values) -> Result<Arguments> {
        arguments(schema, &self.item, self.written(given), values)
    }

    fn written<'t>(&'t self, given: &'t Given) -> impl Iterator<Item = (&'t Argument, Option<Cow<'t, Json>>)> {
        self.arguments.iter().map(|argument| {
            let value = argument.template.as_ref().and_then(|template| template.value(given));
            (&argument.declared, value)
        })
    }
}
