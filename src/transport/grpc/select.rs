//! `read_mask` → the selection, and where below it the lists with arguments of their own are.
//!
//! Without a mask a message has every field that is not joined. What is not named is implied: left out
//! where the caller may not see it, while a field that was named would be refused.

use std::collections::BTreeMap;

use super::api::MethodKind;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::selection::{ConnectionPart, ConnectionSelected, EdgePart, PageInfoPart, Selected, Selection};
use crate::problem::did_you_mean;
use crate::schema::lock::field_name;
use crate::schema::model::{Endpoint, Field};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};

/// Longest mask that is looked at.
const PATHS_MAX: usize = 1000;

const MASK: &str = "read_mask";

/// A list below the root: the joined fields that lead to it, and what it holds.
#[derive(Debug, Clone)]
pub struct ListSite {
    pub path: Vec<Name>,
    pub item: Name,
}

/// Paths of a mask as a tree. A node without branches stands for everything below it.
#[derive(Debug, Default)]
struct Tree {
    whole: bool,
    branches: BTreeMap<String, Tree>,
}

/// The selection of a query or a mutation for the paths of a mask; none is the default.
pub fn select(
    schema: &Schema,
    endpoint: &Endpoint,
    kind: MethodKind,
    paths: &[&str],
    depth_max: usize,
) -> Result<(Selection, Vec<ListSite>)> {
    let tree = Tree::of(paths, depth_max)?;
    let mut selector = Selector { schema, sites: Vec::new(), joins: Vec::new(), depth_max };
    let selection = match kind {
        MethodKind::Get
        | MethodKind::List
        | MethodKind::Pages
        | MethodKind::Command
        | MethodKind::Commands
        | MethodKind::BatchGet
        | MethodKind::Resolve => selector.selection(&endpoint.item, &tree, "")?,
        MethodKind::Connection => selector.connection(&endpoint.item, &tree)?,
        MethodKind::Count => Selection::Leaf,
    };
    Ok((selection, selector.sites))
}

/// The selection of rows of a type for the paths of a mask.
pub fn select_type(
    schema: &Schema,
    item: &Name,
    paths: &[&str],
    depth_max: usize,
) -> Result<(Selection, Vec<ListSite>)> {
    let tree = Tree::of(paths, depth_max)?;
    let mut selector = Selector { schema, sites: Vec::new(), joins: Vec::new(), depth_max };
    let selection = selector.selection(item, &tree, "")?;
    Ok((selection, selector.sites))
}

struct Selector<'s> {
    schema: &'s Schema,
    sites: Vec<ListSite>,
    /// The joined fields above.
    joins: Vec<Name>,
    depth_max: usize,
}

impl Selector<'_> {
    fn selection(&mut self, type_name: &Name, tree: &Tree, path: &str) -> Result<Selection> {
        let schema = self.schema;
        match schema.kind(type_name) {
            Kind::Scalar(_) | Kind::Enum(_) => match tree.branches.keys().next() {
                None => Ok(Selection::Leaf),
                Some(_) => Err(unknown(path, "it has no fields".to_owned())),
            },
            Kind::Object(object) => {
                let known = object.fields.values();
                Ok(Selection::Object(self.object(type_name, known, tree, path)?))
            }
            Kind::Interface(_) | Kind::Union(_) => {
                let possible = schema.possible_types(type_name);
                let known: Vec<String> = possible.iter().map(|object| field_name(&object.name)).collect();
                if let Some(name) = tree.branches.keys().find(|name| !known.contains(name)) {
                    let hint = did_you_mean(name, known.iter().map(String::as_str)).unwrap_or_default();
                    return Err(unknown(&join(path, name), format!("{type_name} is no such type; {hint}")));
                }
                let mut cases = Vec::new();
                for (object, name) in possible.into_iter().zip(&known) {
                    let default = Tree { whole: tree.whole, branches: BTreeMap::new() };
                    let below = tree.branches.get(name).unwrap_or(&default);
                    let selected = match below {
                        // Another case was named; of this one only that it is the case.
                        Tree { whole: false, branches } if branches.is_empty() => Vec::new(),
                        _ => self.object(&object.name, object.fields.values(), below, &join(path, name))?,
                    };
                    cases.push((object.name.clone(), selected));
                }
                Ok(Selection::Abstract(cases))
            }
        }
    }

    fn object<'f>(
        &mut self,
        type_name: &Name,
        fields: impl Iterator<Item = &'f Field> + Clone,
        tree: &Tree,
        path: &str,
    ) -> Result<Vec<Selected>> {
        for name in tree.branches.keys() {
            if fields.clone().all(|field| field_name(&field.name) != *name) {
                let known: Vec<String> = fields.clone().map(|field| field_name(&field.name)).collect();
                let hint = did_you_mean(name, known.iter().map(String::as_str)).unwrap_or_default();
                return Err(unknown(&join(path, name), format!("{type_name} has no such field; {hint}")));
            }
        }
        let mut selected = Vec::new();
        for field in fields {
            let name = field_name(&field.name);
            match tree.branches.get(&name) {
                Some(below) => selected.push(self.named(field, below, &join(path, &name))?),
                None if tree.whole && is_shown(field) => {
                    selected.extend(self.implied(field, &mut vec![type_name.clone()])?);
                }
                None => {}
            }
        }
        Ok(selected)
    }

    fn named(&mut self, field: &Field, tree: &Tree, path: &str) -> Result<Selected> {
        let item = field.ty.innermost();
        let is_joined = field.join.is_some();
        if is_joined {
            self.joins.push(field.name.clone());
        }
        let site = (is_joined && field.ty.is_list()).then(|| {
            self.sites.push(ListSite { path: self.joins.clone(), item: item.clone() });
            // The root is the first site.
            self.sites.len()
        });
        let selection = self.selection(item, tree, path)?;
        if is_joined {
            self.joins.pop();
        }
        Ok(Selected { key: field.name.clone(), field: field.name.clone(), site, selection, implied: false })
    }

    /// A field that was not named. An embedded type within itself ends there.
    fn implied(&self, field: &Field, above: &mut Vec<Name>) -> Result<Option<Selected>> {
        let item = field.ty.innermost();
        let schema = self.schema;
        if above.len() > self.depth_max {
            return Err(too_deep(self.depth_max));
        }
        let selection = match schema.kind(item) {
            Kind::Scalar(_) | Kind::Enum(_) => Selection::Leaf,
            Kind::Object(_) | Kind::Interface(_) | Kind::Union(_) if above.contains(item) => return Ok(None),
            Kind::Object(object) => {
                above.push(item.clone());
                let mut below = Vec::new();
                for field in object.fields.values().filter(|field| is_shown(field)) {
                    below.extend(self.implied(field, above)?);
                }
                above.pop();
                Selection::Object(below)
            }
            Kind::Interface(_) | Kind::Union(_) => {
                above.push(item.clone());
                let mut cases = Vec::new();
                for object in schema.possible_types(item) {
                    let mut below = Vec::new();
                    for field in object.fields.values().filter(|field| is_shown(field)) {
                        below.extend(self.implied(field, above)?);
                    }
                    cases.push((object.name.clone(), below));
                }
                above.pop();
                Selection::Abstract(cases)
            }
        };
        let (key, field) = (field.name.clone(), field.name.clone());
        Ok(Some(Selected { key, field, site: None, selection, implied: true }))
    }

    fn connection(&mut self, item: &Name, tree: &Tree) -> Result<Selection> {
        let everything = Tree { whole: true, branches: BTreeMap::new() };
        tree.only(&["edges", "page_info", "total_count"], "")?;
        let mut parts = Vec::new();
        let edges = tree.branches.get("edges").or(tree.whole.then_some(&everything));
        if let Some(edges) = edges {
            edges.only(&["cursor", "node"], "edges")?;
            let mut below = Vec::new();
            if edges.whole || edges.branches.contains_key("cursor") {
                below.push(("cursor".into(), EdgePart::Cursor));
            }
            let node = edges.branches.get("node").or(edges.whole.then_some(&everything));
            if let Some(node) = node
                && let Selection::Object(selected) = self.selection(item, node, "edges.node")?
            {
                below.push(("node".into(), EdgePart::Node(selected)));
            }
            parts.push(ConnectionSelected { key: "edges".into(), part: ConnectionPart::Edges(below) });
        }
        if let Some(info) = tree.branches.get("page_info").or(tree.whole.then_some(&everything)) {
            let known = [
                ("has_next_page", PageInfoPart::HasNextPage),
                ("has_previous_page", PageInfoPart::HasPreviousPage),
                ("start_cursor", PageInfoPart::StartCursor),
                ("end_cursor", PageInfoPart::EndCursor),
            ];
            info.only(&known.map(|(name, _)| name), "page_info")?;
            let wanted = known.into_iter().filter(|(name, _)| info.whole || info.branches.contains_key(*name));
            let below = wanted.map(|(name, part)| (name.into(), part)).collect();
            parts.push(ConnectionSelected { key: "page_info".into(), part: ConnectionPart::PageInfo(below) });
        }
        if tree.branches.contains_key("total_count") {
            parts.push(ConnectionSelected { key: "total_count".into(), part: ConnectionPart::TotalCount });
        }
        Ok(Selection::Connection(parts))
    }
}

// === impl Tree ===

impl Tree {
    fn of(paths: &[&str], depth_max: usize) -> Result<Tree> {
        let mut root = Tree { whole: paths.is_empty(), branches: BTreeMap::new() };
        if paths.len() > PATHS_MAX {
            let message = format!("{MASK} has more than {PATHS_MAX} paths");
            return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(MASK));
        }
        for path in paths {
            let mut here = &mut root;
            for (depth, name) in path.split('.').enumerate() {
                if depth >= depth_max {
                    return Err(too_deep(depth_max));
                }
                if name == "*" {
                    break;
                }
                // Clients may write either spelling.
                here = here.branches.entry(field_name(name)).or_default();
            }
            here.whole = true;
        }
        Ok(root)
    }

    /// Refuses branches that are none of these.
    fn only(&self, known: &[&str], path: &str) -> Result<()> {
        match self.branches.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let hint = did_you_mean(name, known.iter().copied()).unwrap_or_default();
                Err(unknown(&join(path, name), format!("there is no such field; {hint}")))
            }
        }
    }
}

/// What a message shows by itself: nothing from other relations, nothing that has to be computed.
fn is_shown(field: &Field) -> bool {
    field.join.is_none() && field.function.is_none() && !field.federation.external
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn unknown(path: &str, reason: String) -> Error {
    Error::invalid(format!("{MASK}: \"{path}\": {reason}")).at(MASK)
}

fn too_deep(depth_max: usize) -> Error {
    let message = format!("{MASK} nests deeper than {depth_max} levels ([graphql] max_depth)");
    Error::new(Stage::Decode, Code::TooComplex, message).at(MASK)
}
