//! The product in this process: a schema and a configuration as text, served on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use fraiseql::config::{Config, Facts, Mode, Need, Overrides};
use fraiseql::engine::Engine;
use fraiseql::schema::Schema;
use fraiseql::schema::artifact::{self, Artifact};
use fraiseql::schema::compile::{Project, Source, compile};
use fraiseql::schema::lock::Lock;
use fraiseql::schema::model::Model;
use fraiseql::server::{Refusal, Server, Service, State, Status, workers};
use fraiseql::transport::grpc::describe::{ServiceNames, describe};
use serde_json::{Value as Json, json};

use crate::harness::Database;
use crate::http::{self, Reply};

/// A served schema; everything ends when it is dropped.
pub struct Api {
    server: Server,
}

/// The configuration of a database, with more keys of any section after it.
pub fn config(url: &str, more: &str) -> Config {
    let text = format!("[project]\nname = \"test\"\n[server]\nhost = \"127.0.0.1\"\nport = 0\n{more}");
    let overrides = Overrides { database_url: Some(url.to_owned()), ..Overrides::default() };
    let parsed = Config::parse("fraiseql.toml", &text, &|_| None, &overrides, Facts::here(Mode::Run), Need::Service);
    parsed.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// A schema compiled from its JSON.
pub fn compiled(schema: &Json) -> Artifact {
    let text = schema.to_string();
    let project = Project { service: "test".to_owned(), federation: None };
    let compiled = compile(&Source { file: "schema.json", text: &text }, &project);
    let compiled = compiled.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let lock = numbers(&compiled.model);
    artifact::read(&artifact::write(&compiled.model, None, Some(&lock)), "schema.compiled.json").unwrap()
}

/// Field numbers of a schema that has none yet.
pub fn numbers(model: &Model) -> Lock {
    let described = describe(&Schema::assumed(model.clone()), &ServiceNames::default(), "schema.json");
    let described = described.unwrap_or_else(|problems| panic!("{problems:#?}"));
    Lock::default().settle(&described.wanted(), "fraiseql.lock").lock
}

// === impl Api ===

impl Api {
    pub async fn start(database: &Database, schema: &Json) -> Api {
        Api::with(database, schema, "").await
    }

    /// `more` goes into the configuration: keys of `[server]` first, then other sections.
    pub async fn with(database: &Database, schema: &Json, more: &str) -> Api {
        Api::at(&database.url(), schema, more).await
    }

    pub async fn at(url: &str, schema: &Json, more: &str) -> Api {
        let api = Api::unready(config(url, more)).await;
        api.serve(schema).await;
        api
    }

    /// Serves this schema from the next request on, as after a reload.
    pub async fn serve(&self, schema: &Json) {
        let state = self.server.state();
        let opened = Service::open(&state.config, &compiled(schema), workers(), &state.metrics).await;
        state.serve(opened.unwrap_or_else(|refusal| match refusal {
            Refusal::Problems(problems) => panic!("{problems:#?}"),
            Refusal::Unreachable(reason) => panic!("{reason}"),
        }));
    }

    /// A server that has nothing to serve yet.
    pub async fn unready(config: Config) -> Api {
        let server = Server::start(State::new(config)).await.unwrap_or_else(|problem| panic!("{problem}"));
        Api { server }
    }

    /// Drains, as at the end of the process. What is in flight then is told by streams of gRPC.
    #[cfg(feature = "grpc-transport")]
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// What answers behind the wires.
    pub fn engine(&self) -> Arc<Engine> {
        match &*self.server.state().status() {
            Status::Ready(service) => service.engine.clone(),
            Status::Unready(reason) => panic!("{reason}"),
        }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        http::send(self.address(), method, path, headers, body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    /// Any JSON to `/graphql`, with headers.
    pub async fn post(&self, body: &Json, headers: &[(&str, &str)]) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send("POST", "/graphql", &all, body.to_string().as_bytes()).await
    }

    /// The status and the answer of a GraphQL request.
    pub async fn ask(&self, query: &str, variables: Json) -> (u16, Json) {
        let reply = self.post(&json!({"query": query, "variables": variables}), &[]).await;
        (reply.status, reply.json())
    }

    /// The data of a query that has to be answered without an error.
    #[track_caller]
    pub fn data(&self, query: &str, variables: Json) -> impl Future<Output = Json> {
        let caller = std::panic::Location::caller();
        async move {
            let (status, mut answer) = self.ask(query, variables.clone()).await;
            assert!(
                status == 200 && answer.get("errors").is_none(),
                "{caller}: {query} {variables}\n{status} {answer:#}"
            );
            answer["data"].take()
        }
    }

    /// The only error of an answer: its code and its message.
    #[track_caller]
    pub fn refusal(&self, query: &str, variables: Json) -> impl Future<Output = (String, String)> {
        let caller = std::panic::Location::caller();
        async move {
            let (_, answer) = self.ask(query, variables.clone()).await;
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            assert_eq!(errors.len(), 1, "{caller}: {query} {variables}\n{answer:#}");
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            (text(&errors[0]["extensions"]["code"]), text(&errors[0]["message"]))
        }
    }
}
