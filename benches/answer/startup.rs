//! What a start and a compilation cost: both by the clock, from the outside.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::contestants::Server;
use crate::project::{self, Project};
use crate::report::Figure;
use crate::rounds::median;

pub const READY: &str = "start to ready, bound schema";
pub const COMPILE: &str = "compile 1,000 types";

const STARTS: usize = 9;
const COMPILATIONS: usize = 5;
const TYPES: usize = 1000;

/// From the start of the process to the first 200 of /ready.
pub async fn ready(project: &Project) -> Result<Figure> {
    let mut milliseconds = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let server = Server::fraiseql(project, None).await?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
        drop(server);
    }
    Ok(Figure::at_most(READY, median(milliseconds), 200.0, " ms"))
}

/// `fraiseql compile` of a schema with as many types as large services have.
pub fn compile() -> Result<Figure> {
    let directory = tempfile::Builder::new().prefix("fraiseql-bench-").tempdir()?;
    let config = directory.path().join("fraiseql.toml");
    fs::write(&config, "[project]\nname = \"large\"\n")?;
    fs::write(directory.path().join("schema.json"), schema().to_string())?;
    let mut seconds = Vec::new();
    for _ in 0..COMPILATIONS {
        let started = Instant::now();
        project::succeed(Command::new(project::BINARY).arg("compile").arg("--config").arg(&config))?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    Ok(Figure::at_most(COMPILE, median(seconds), 2.0, " s"))
}

/// Types of twelve fields that join to each other, two queries for each.
fn schema() -> Json {
    const SCALARS: [&str; 9] = ["String", "Int", "Boolean", "Float", "DateTime", "Decimal", "BigInt", "Date", "UUID"];
    let types = (0..TYPES).map(|n| {
        let mut fields = vec![json!({ "name": "id", "type": "ID", "nullable": false })];
        fields.extend(
            SCALARS
                .iter()
                .enumerate()
                .map(|(i, scalar)| json!({ "name": format!("field{i}"), "type": scalar, "nullable": i % 2 == 0 })),
        );
        let next = format!("Thing{}", (n + 1) % TYPES);
        fields.push(json!({ "name": "next", "type": next, "nullable": true, "join": { "fk_next": "pk_thing" } }));
        let previous = format!("[Thing{}]", (n + TYPES - 1) % TYPES);
        fields.push(
            json!({ "name": "previous", "type": previous, "nullable": false, "join": { "pk_thing": "fk_next" } }),
        );
        json!({ "name": format!("Thing{n}"), "sql_source": format!("v_thing{n}"), "fields": fields })
    });
    let queries = (0..TYPES).flat_map(|n| {
        let item = format!("Thing{n}");
        let source = format!("v_thing{n}");
        [
            json!({
                "name": format!("thing{n}"), "return_type": item, "returns_list": false, "nullable": true,
                "arguments": [{ "name": "id", "type": "ID", "nullable": false }], "sql_source": source,
            }),
            json!({
                "name": format!("things{n}"), "return_type": item, "returns_list": true, "nullable": false,
                "arguments": [], "sql_source": source,
                "auto_params": { "where": true, "order_by": true, "limit": true, "offset": true },
            }),
        ]
    });
    json!({
        "types": types.collect::<Vec<_>>(), "enums": [], "input_types": [], "interfaces": [], "unions": [],
        "queries": queries.collect::<Vec<_>>(), "mutations": [], "subscriptions": [],
    })
}
