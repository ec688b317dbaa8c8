//! `select=id,name,posts(id,title)` → a selection, and the places in it that take arguments.
//!
//! What is not asked for by name is implied: without `select`, and for `*`, the fields of the type
//! itself, embedded objects included and joined ones left out, as far as the caller may see them.

use crate::error::{Code, Error, Result, Stage};
use crate::intent::selection::{Selected, Selection, TYPENAME};
use crate::problem::did_you_mean;
use crate::schema::model::Field;
use crate::schema::name::{ByName, Name};
use crate::schema::{Kind, Schema};

/// What a selection may cost.
#[derive(Debug, Clone, Copy)]
pub struct SelectLimits {
    pub depth_max: usize,
    pub fields_max: usize,
}

/// A place of a selection that takes arguments: the root, and each joined list.
#[derive(Debug)]
pub struct Site {
    /// Response keys from the root, and the names of the fields behind them.
    pub keys: Vec<Name>,
    pub names: Vec<Name>,
    /// The type whose fields are filtered and ordered.
    pub item: Name,
}

/// Reads the text of `select` for a type; `None` is what the type shows by itself.
pub fn select(
    schema: &Schema,
    type_name: &Name,
    text: Option<&str>,
    limits: SelectLimits,
) -> Result<(Selection, Vec<Site>)> {
    let nodes = match text {
        Some(text) => Parser { rest: text, limits }.list(1)?,
        None => vec![Node::all()],
    };
    let root = Site { keys: Vec::new(), names: Vec::new(), item: type_name.clone() };
    let mut reader = Reader { schema, limits, sites: vec![root], keys: Vec::new(), names: Vec::new(), fields: 0 };
    let selection = reader.selection(type_name, &nodes)?;
    Ok((selection, reader.sites))
}

/// The fields of an object or an interface; a union has none of its own.
pub fn fields_of<'s>(schema: &'s Schema, type_name: &str) -> Option<&'s ByName<Field>> {
    match schema.kind(type_name) {
        Kind::Object(object) => Some(&object.fields),
        Kind::Interface(interface) => Some(&interface.fields),
        Kind::Union(_) | Kind::Scalar(_) | Kind::Enum(_) => None,
    }
}

/// A field by its name in the API or in snake case.
pub fn field_of<'s>(fields: &'s ByName<Field>, name: &str) -> Option<&'s Field> {
    fields.get(name).or_else(|| fields.values().find(|field| is_spelled(&field.name, name)))
}

/// Whether a name of the API is meant by a text in either casing.
pub fn is_spelled(name: &str, text: &str) -> bool {
    name == text || (text.contains('_') && crate::schema::name::snake_case(name) == text)
}

/// Whether a type shows a field without being asked for it.
pub fn is_shown(field: &Field) -> bool {
    field.join.is_none() && field.function.is_none() && !field.federation.external
}

/// One entry of a `select` list.
#[derive(Debug, PartialEq)]
struct Node<'t> {
    alias: Option<&'t str>,
    /// A field, `__typename`, or `*`.
    name: &'t str,
    below: Option<Vec<Node<'t>>>,
}

struct Parser<'t> {
    rest: &'t str,
    limits: SelectLimits,
}

struct Reader<'s> {
    schema: &'s Schema,
    limits: SelectLimits,
    sites: Vec<Site>,
    /// Where the reader stands.
    keys: Vec<Name>,
    names: Vec<Name>,
    fields: usize,
}

// === impl Node ===

impl Node<'_> {
    fn all() -> Node<'static> {
        Node { alias: None, name: ALL, below: None }
    }
}

const ALL: &str = "*";

// === impl Parser ===

impl<'t> Parser<'t> {
    /// A list up to its closing parenthesis, or to the end of the text at the top.
    fn list(&mut self, depth: usize) -> Result<Vec<Node<'t>>> {
        if depth > self.limits.depth_max {
            return Err(too_deep(self.limits));
        }
        let mut nodes = Vec::new();
        loop {
            nodes.push(self.node(depth)?);
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                Some(',') => self.rest = &self.rest[1..],
                Some(')') if depth > 1 => {
                    self.rest = &self.rest[1..];
                    return Ok(nodes);
                }
                None if depth == 1 => return Ok(nodes),
                None => return Err(invalid("select ends within parentheses; \")\" is missing".to_owned())),
                Some(_) => return Err(self.unexpected()),
            }
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node<'t>> {
        let mut name = self.name()?;
        let mut alias = None;
        if let Some(rest) = self.rest.strip_prefix(':') {
            self.rest = rest;
            alias = Some(name);
            name = self.name()?;
        }
        if name == ALL && alias.is_some() || alias == Some(ALL) {
            return Err(invalid("* stands for all fields and cannot be renamed".to_owned()));
        }
        let below = match self.rest.trim_start().strip_prefix('(') {
            Some(rest) => {
                self.rest = rest;
                Some(self.list(depth + 1)?)
            }
            None => None,
        };
        Ok(Node { alias, name, below })
    }

    fn name(&mut self) -> Result<&'t str> {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let end = if text.starts_with('*') { 1 } else { end };
        if end == 0 || text.starts_with(|c: char| c.is_ascii_digit()) {
            self.rest = text;
            return Err(self.unexpected());
        }
        let (name, rest) = text.split_at(end);
        self.rest = rest.trim_start();
        Ok(name)
    }

    fn unexpected(&self) -> Error {
        match self.rest.chars().next() {
            Some(found) => {
                invalid(format!("select has an unexpected \"{found}\"; write it as id,name,posts(id,title)"))
            }
            None => invalid("select names no field where one is expected; write it as id,name,posts(id,title)".into()),
        }
    }
}

// === impl Reader ===

impl<'s> Reader<'s> {
    fn selection(&mut self, type_name: &Name, nodes: &[Node<'_>]) -> Result<Selection> {
        if self.keys.len() >= self.limits.depth_max {
            return Err(too_deep(self.limits));
        }
        match self.schema.kind(type_name) {
            Kind::Scalar(_) | Kind::Enum(_) => Ok(Selection::Leaf),
            Kind::Object(object) => Ok(Selection::Object(self.object(&object.name, &object.fields, nodes, &mut [])?)),
            Kind::Interface(_) | Kind::Union(_) => self.cases(type_name, nodes),
        }
    }

    /// An interface or a union: each object type takes the fields that it has.
    fn cases(&mut self, type_name: &Name, nodes: &[Node<'_>]) -> Result<Selection> {
        let schema = self.schema;
        let possible = schema.possible_types(type_name);
        let mut met = vec![false; nodes.len()];
        let mut cases = Vec::with_capacity(possible.len());
        for object in &possible {
            cases.push((object.name.clone(), self.object(&object.name, &object.fields, nodes, &mut met)?));
        }
        if let Some(position) = met.iter().position(|met| !met) {
            let known: Vec<&str> =
                possible.iter().flat_map(|object| object.fields.keys()).map(|name| &**name).collect();
            return Err(unknown_field(type_name, nodes[position].name, known));
        }
        Ok(Selection::Abstract(cases))
    }

    /// The fields of one object type. With `met`, fields that the type lacks are left to other types.
    fn object(
        &mut self,
        type_name: &Name,
        fields: &'s ByName<Field>,
        nodes: &[Node<'_>],
        met: &mut [bool],
    ) -> Result<Vec<Selected>> {
        let mut selected: Vec<Selected> = Vec::new();
        for (position, node) in nodes.iter().enumerate() {
            let found = match node.name {
                ALL => {
                    let names_type = !met.is_empty();
                    let implied = self.implied(type_name, fields, names_type, &mut vec![type_name.clone()])?;
                    for item in implied {
                        if !selected.iter().any(|other| other.key == item.key) {
                            selected.push(item);
                        }
                    }
                    true
                }
                TYPENAME => {
                    let key = Name::from(node.alias.unwrap_or(TYPENAME));
                    add(&mut selected, typename(key))?;
                    true
                }
                name => match field_of(fields, name) {
                    Some(field) => {
                        let item = self.field(field, node)?;
                        add(&mut selected, item)?;
                        true
                    }
                    None if met.is_empty() => {
                        return Err(unknown_field(type_name, name, fields.keys().map(|name| &**name)));
                    }
                    None => false,
                },
            };
            if let Some(met) = met.get_mut(position) {
                *met |= found;
            }
        }
        Ok(selected)
    }

    fn field(&mut self, field: &'s Field, node: &Node<'_>) -> Result<Selected> {
        self.count()?;
        let item = field.ty.innermost();
        let key = node.alias.map_or_else(|| field.name.clone(), Name::from);
        let is_leaf = matches!(self.schema.kind(item), Kind::Scalar(_) | Kind::Enum(_));
        if is_leaf && node.below.is_some() {
            return Err(invalid(format!("{} is a {item} and has no fields to select", field.name)));
        }
        self.keys.push(key.clone());
        self.names.push(field.name.clone());
        let site = (field.join.is_some() && field.ty.is_list()).then(|| {
            self.sites.push(Site { keys: self.keys.clone(), names: self.names.clone(), item: item.clone() });
            self.sites.len() - 1
        });
        let all = [Node::all()];
        let selection = self.selection(item, node.below.as_deref().unwrap_or(&all))?;
        self.keys.pop();
        self.names.pop();
        Ok(Selected { key, field: field.name.clone(), site, selection, implied: false })
    }

    /// What a type shows by itself. An embedded type within itself ends there.
    fn implied(
        &mut self,
        type_name: &Name,
        fields: &ByName<Field>,
        names_type: bool,
        above: &mut Vec<Name>,
    ) -> Result<Vec<Selected>> {
        let schema = self.schema;
        let mut selected = Vec::new();
        if names_type {
            selected.push(typename(TYPENAME.into()));
        }
        for field in fields.values().filter(|field| is_shown(field)) {
            let item = field.ty.innermost();
            let selection = match schema.kind(item) {
                Kind::Scalar(_) | Kind::Enum(_) => Selection::Leaf,
                _ if above.contains(item) => continue,
                Kind::Object(object) => {
                    above.push(item.clone());
                    let below = self.implied(item, &object.fields, false, above)?;
                    above.pop();
                    if below.is_empty() {
                        continue;
                    }
                    Selection::Object(below)
                }
                Kind::Interface(_) | Kind::Union(_) => {
                    above.push(item.clone());
                    let mut cases = Vec::new();
                    for object in schema.possible_types(item) {
                        cases.push((object.name.clone(), self.implied(&object.name, &object.fields, true, above)?));
                    }
                    above.pop();
                    Selection::Abstract(cases)
                }
            };
            self.count()?;
            let key = field.name.clone();
            selected.push(Selected { key: key.clone(), field: key, site: None, selection, implied: true });
        }
        if self.keys.len() + above.len() > self.limits.depth_max {
            let message = format!("{type_name} nests deeper than {} levels; select less", self.limits.depth_max);
            return Err(Error::new(Stage::Decode, Code::TooComplex, message).at("select"));
        }
        Ok(selected)
    }

    fn count(&mut self) -> Result<()> {
        self.fields += 1;
        if self.fields <= self.limits.fields_max {
            return Ok(());
        }
        let message = format!("select asks for more than {} fields", self.limits.fields_max);
        Err(Error::new(Stage::Decode, Code::TooComplex, message).at("select"))
    }
}

fn typename(key: Name) -> Selected {
    Selected { key, field: TYPENAME.into(), site: None, selection: Selection::Leaf, implied: false }
}

/// A field that stands in the list twice is shown once; two under one name are refused.
fn add(selected: &mut Vec<Selected>, item: Selected) -> Result<()> {
    match selected.iter_mut().find(|other| other.key == item.key) {
        None => selected.push(item),
        Some(same) if same.field == item.field && same.selection == item.selection && item.site.is_none() => {}
        // `*` before a field that is asked for in its own way.
        Some(same) if same.implied => *same = item,
        Some(_) => {
            let message = format!("select shows two fields as \"{}\"; rename one: other:{}", item.key, item.field);
            return Err(invalid(message));
        }
    }
    Ok(())
}

fn unknown_field<'k>(type_name: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| format!("it has {}", known.join(", ")));
    invalid(format!("select: {type_name} has no field \"{name}\"; {hint}"))
}

fn too_deep(limits: SelectLimits) -> Error {
    let message = format!("select is nested deeper than {} levels", limits.depth_max);
    Error::new(Stage::Decode, Code::TooComplex, message).at("select")
}

fn invalid(message: String) -> Error {
    Error::invalid(message).at("select")
}
