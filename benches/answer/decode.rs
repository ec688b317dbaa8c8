//! What lies between the bytes of a repeated request and its statement, without PostgreSQL.
//!
//! The served path itself is timed, on a request that it refuses at the last moment: its document, its
//! form and its statement are known, and then the value that should be a UUID is none. What the same
//! request costs when it is refused at the first moment, for its content type, is taken off: that is
//! making the request and writing a refusal, which are the same in both.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use axum::body::Body;
use fraiseql::auth::Caller;
use fraiseql::config::{Config, Mode, Need, Overrides};
use fraiseql::engine::Engine;
use fraiseql::schema::{Schema, artifact};
use fraiseql::server;
use fraiseql::transport::graphql::Graphql;
use http::{Method, Request, header};
use serde_json::json;

use crate::process::CpuTimes;
use crate::project::Project;
use crate::report::Figure;
use crate::rounds::median;

pub const NAME: &str = "repeated document, bytes to statement";

const ROUNDS: usize = 9;
const REQUESTS: u32 = 20_000;

/// The wire and the engine of the project, in this process.
struct Served {
    graphql: Graphql,
    engine: Arc<Engine>,
    body: String,
}

pub async fn measure(project: &Project) -> Result<Figure> {
    const JSON: &str = "application/json";
    const REFUSED: &str = "text/plain";
    let served = Served::open(project)?;
    let refusal = String::from_utf8(served.ask(JSON).await?)?;
    ensure!(refusal.contains("is not a UUID"), "the request was refused too early: {refusal}");
    let mut microseconds = Vec::new();
    for _ in 0..ROUNDS {
        microseconds.push(served.cost_us(JSON).await? - served.cost_us(REFUSED).await?);
    }
    Ok(Figure::at_most(NAME, median(microseconds), 5.0, " µs"))
}

// === impl Served ===

impl Served {
    fn open(project: &Project) -> Result<Served> {
        let url = project.database_url();
        let environment = |name: &str| (name == "DATABASE_URL").then(|| url.clone());
        let config = Config::load(&project.config(), &environment, &Overrides::default(), Mode::Run, Need::Service)
            .map_err(|problems| anyhow!("{problems:?}"))?;
        let file = project.directory().join("schema.compiled.json");
        let compiled = artifact::read(&std::fs::read(&file)?, "schema.compiled.json").map_err(|p| anyhow!("{p}"))?;
        let catalog = compiled.catalog.context("the schema was compiled without a database")?;
        let schema = Schema::new(compiled.model, catalog);
        let graphql = server::graphql(&config, &schema).map_err(|reason| anyhow!(reason))?;
        // Connects when it is first asked, which never happens.
        let executor =
            server::executor(&config, 1, &Arc::default()).map_err(|_| anyhow!("the configuration has no database"))?;
        let engine = Arc::new(Engine::new(Arc::new(schema), executor, server::limits(&config)));
        let document = "query User($id: ID!) { user(id: $id) { id name email } }";
        let body = json!({ "query": document, "variables": { "id": "nobody" } }).to_string();
        Ok(Served { graphql, engine, body })
    }

    /// CPU time of one request.
    async fn cost_us(&self, content_type: &str) -> Result<f64> {
        let before = CpuTimes::of_this_process();
        for _ in 0..REQUESTS {
            black_box(self.answer(content_type).await?);
        }
        Ok(CpuTimes::of_this_process().since(&before) / f64::from(REQUESTS))
    }

    async fn answer(&self, content_type: &str) -> Result<http::Response<Body>> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.graphql.path())
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(self.body.clone()))?;
        let (parts, body) = request.into_parts();
        Ok(self.graphql.serve(&self.engine, &Caller::anonymous(), &parts, body, "0").await)
    }

    async fn ask(&self, content_type: &str) -> Result<Vec<u8>> {
        Ok(axum::body::to_bytes(self.answer(content_type).await?.into_body(), usize::MAX).await?.to_vec())
    }
}
