//! What a router asks of a subgraph, as an extension of the type system (Apollo Federation subgraph
//! specification).

use std::fmt::Write;

use crate::schema::Schema;
use crate::schema::entities::Behind;

pub(super) const SERVICE: &str = "_service";
pub(super) const ENTITIES: &str = "_entities";
pub(super) const REPRESENTATIONS: &str = "representations";
/// The union of all entities, and the scalar of representations.
pub(super) const ENTITY: &str = "_Entity";
pub(super) const ANY: &str = "_Any";

/// The extension; empty where the schema is no subgraph.
pub(super) fn extension(schema: &Schema) -> String {
    let model = schema.model();
    let mut out = String::new();
    if model.federation.is_none() {
        return out;
    }
    let types = schema.entities().values().filter(|entity| entity.behind == Behind::Object);
    let names: Vec<&str> = types.map(|entity| &*entity.name).collect();
    let word = if model.queries.is_empty() { "" } else { "extend " };
    let _ = writeln!(out, "\n{word}type Query {{\n  {SERVICE}: _Service!");
    if !names.is_empty() {
        let _ = writeln!(out, "  {ENTITIES}({REPRESENTATIONS}: [{ANY}!]!): [{ENTITY}]!");
    }
    out.push_str("}\n\n\"This service as a part of a larger graph.\"\ntype _Service {\n  sdl: String!\n}\n");
    if !names.is_empty() {
        let _ = writeln!(out, "\n\"What is looked up by a key.\"\nunion {ENTITY} = {}", names.join(" | "));
        let _ = writeln!(out, "\n\"The name of a type and one of its keys.\"\nscalar {ANY}");
    }
    out
}
