//! `fraiseql explain`: what a query would do, without doing it.

use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value, json};

use super::project::{compile_schema, ensure_schema, load_artifact, load_config};
use super::{ConfigArgs, Failed, runtime};
use crate::auth::{Caller, Identity};
use crate::config::{Config, Mode, Need};
use crate::intent::Intent;
use crate::plan::{plan, print::print};
use crate::schema::Schema;
use crate::schema::bind::bind;
use crate::server::{executor, graphql, limits, rest};
use crate::sql::write;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A GraphQL query, a REST request ('GET /rest/users?limit=3'), or a gRPC method with its request
    /// ('shop.v1.ShopService/ListUsers {"limit": 3}').
    query: String,
    #[command(flatten)]
    config: ConfigArgs,
    /// Variables of the query, or the body of a REST write, as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    variables: String,
    /// A role of the caller; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A scope of the caller; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The database whose catalog is read, instead of [database] url.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: ExplainArgs) -> Result<(), Failed> {
    let mut overrides = arguments.config.overrides();
    overrides.database_url = arguments.database.clone();
    let config = load_config(&arguments.config.config, &overrides, Mode::Dev, Need::Schema)?;
    let variables: Map<String, Value> = serde_json::from_str(&arguments.variables)
        .map_err(|error| Failed::Message(format!("--variables is not a JSON object: {error}")))?;
    let (schema, source) = runtime()?.block_on(schema(&config, &arguments))?;
    let intents = match (grpc_request(&arguments.query)?, rest_request(&arguments.query)) {
        (Some((method, request)), _) => grpc_intents(&config, &schema, method, request)?,
        (None, Some((method, target))) => {
            let intent = rest(&config, &schema).intent(&schema, &method, target, Value::Object(variables));
            let intent = intent.map_err(|error| Failed::Message(format!("the request was refused\n  {error}")))?;
            vec![(format!("{method} {target}"), intent)]
        }
        (None, None) => {
            let wire = graphql(&config, &schema).map_err(Failed::Message)?;
            let intents = wire.intents(&schema, &arguments.query, variables);
            intents.map_err(|reasons| Failed::Message(format!("the query was refused\n  {}", reasons.join("\n  "))))?
        }
    };
    let caller = caller(&arguments);
    let mut shown = Vec::new();
    for (root, intent) in intents {
        let planned = plan(&schema, &caller, limits(&config), &intent);
        let planned = planned.map_err(|error| Failed::Message(format!("{root}: {error}")))?;
        let outline = print(&planned);
        let statement = write(planned);
        let mut sql = statement.text().to_owned();
        if let Some(read_back) = statement.call().and_then(|call| call.read_back.as_ref()) {
            sql = format!("{sql};\n{}", read_back.text());
        }
        shown.push((root, outline, sql));
    }
    if arguments.json {
        let roots: Vec<_> =
            shown.iter().map(|(root, plan, sql)| json!({"root": root, "plan": plan, "sql": sql})).collect();
        anstream::println!("{}", json!({"catalog": source, "roots": roots}));
        return Ok(());
    }
    anstream::println!("-- catalog: {source}");
    for (root, outline, sql) in shown {
        anstream::print!("\n{root}\n{}", outline.lines().map(|line| format!("  {line}\n")).collect::<String>());
        anstream::println!("\n{sql};");
    }
    Ok(())
}

/// Who asks: nobody, unless something is said of them.
fn caller(arguments: &ExplainArgs) -> Caller {
    let (roles, scopes) = (arguments.roles.clone(), arguments.scopes.clone());
    if roles.is_empty() && scopes.is_empty() {
        return Caller::anonymous();
    }
    Caller::identified(Arc::new(Identity { roles, scopes, ..Identity::default() }))
}

/// A method and a path, or a path alone, which no GraphQL query begins with.
fn rest_request(text: &str) -> Option<(http::Method, &str)> {
    let (method, target) = match text.trim().split_once(' ') {
        Some((method, target)) if target.starts_with('/') => (method, target),
        _ => ("GET", text.trim()),
    };
    let method = method.to_ascii_uppercase().parse().ok()?;
    target.starts_with('/').then_some((method, target))
}

/// A method of gRPC and its request.
type MethodCall<'t> = (&'t str, Map<String, Value>);

/// `shop.v1.ShopService/ListUsers`, with or without a slash before it, and perhaps its request as JSON.
fn grpc_request(text: &str) -> Result<Option<MethodCall<'_>>, Failed> {
    let (method, request) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), "{}"));
    let parts = method.trim_start_matches('/').split_once('/');
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    if !parts.is_some_and(|(service, method)| service.contains('.') && is_word(service) && is_word(method)) {
        return Ok(None);
    }
    let request = serde_json::from_str(request)
        .map_err(|error| Failed::Message(format!("the request of {method} is not a JSON object: {error}")))?;
    Ok(Some((method, request)))
}

#[cfg(feature = "grpc-transport")]
fn grpc_intents(
    config: &Config,
    schema: &Schema,
    method: &str,
    request: Map<String, Value>,
) -> Result<Vec<(String, Intent)>, Failed> {
    let lock = super::lock::settle(config, schema.model(), super::lock::Changes::Dev)?;
    let wire = crate::server::grpc(config, schema, lock.as_ref())?;
    let wire = wire.ok_or_else(|| Failed::Message("gRPC is switched off ([grpc] enabled)".to_owned()))?;
    let intent = wire.intent(schema, method, request);
    let intent = intent.map_err(|error| Failed::Message(format!("the request was refused\n  {error}")))?;
    Ok(vec![(method.to_owned(), intent)])
}

#[cfg(not(feature = "grpc-transport"))]
fn grpc_intents(_: &Config, _: &Schema, _: &str, _: Map<String, Value>) -> Result<Vec<(String, Intent)>, Failed> {
    Err(Failed::Message("this program was built without gRPC (cargo build --features grpc-transport)".to_owned()))
}

/// The schema with the best knowledge of the database that there is, and where that came from.
async fn schema(config: &Config, arguments: &ExplainArgs) -> Result<(Schema, String), Failed> {
    ensure_schema(config, &arguments.config.config).await?;
    let artifact = load_artifact(config, &arguments.config.config);
    let (model, kept) = match artifact {
        Ok(artifact) => (artifact.model, artifact.catalog),
        Err(_) => (compile_schema(config)?.model, None),
    };
    if let Ok(executor) = executor(config, 1, &Arc::default()) {
        match executor.inspect(&Schema::assumed(model.clone()).wanted()).await {
            Ok(found) => return Ok((bind(model, found)?, "read from the database".to_owned())),
            Err(error) if arguments.database.is_some() => return Err(Failed::Message(error.to_string())),
            Err(_) => {}
        }
    }
    match kept {
        Some(catalog) => Ok((Schema::new(model, catalog), "kept by `compile --database`".to_owned())),
        None => {
            let source = "no database was reached and none was kept, so every relation is assumed to be (id, data)";
            Ok((Schema::assumed(model), source.to_owned()))
        }
    }
}
