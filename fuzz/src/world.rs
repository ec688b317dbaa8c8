//! The schema that requests are asked of, with every wire over it, and the answers that nobody can give: its
//! database does not exist.

use std::sync::{Arc, LazyLock};

use fraiseql::auth::{Caller, Identity};
use fraiseql::config::{Config, Facts, Mode, Need, Overrides};
use fraiseql::engine::Engine;
use fraiseql::schema::Schema;
use fraiseql::schema::bind::{Found, bind};
use fraiseql::schema::catalog::Catalog;
use fraiseql::schema::compile::{Project, Source, compile};
use fraiseql::schema::lock::Lock;
use fraiseql::schema::model::Model;
use fraiseql::server;
use fraiseql::transport::graphql::Graphql;
use fraiseql::transport::grpc::Grpc;
use fraiseql::transport::grpc::api::Api;
use fraiseql::transport::grpc::describe::{ServiceNames, describe};
use fraiseql::transport::grpc::proto_text;
use fraiseql::transport::rest::Rest;
use prost_reflect::DescriptorPool;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use serde_json::json;

pub struct World {
    pub schema: Arc<Schema>,
    pub engine: Arc<Engine>,
    pub graphql: Graphql,
    pub rest: Rest,
    pub grpc: Arc<Grpc>,
    pub api: Api,
    pub lock: Lock,
    /// What another implementation of protobuf makes of the service.
    pub descriptors: DescriptorPool,
    pub callers: [Caller; 2],
}

/// The one world, made when it is first asked for.
pub fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(World::new);
    &WORLD
}

/// The schema, without what is behind it.
pub fn model() -> Model {
    let source = Source { file: "schema.json", text: include_str!("../world/schema.json") };
    let project = Project { service: "fuzz".to_owned(), federation: None };
    compile(&source, &project).unwrap_or_else(|problems| panic!("{problems:#?}")).model
}

/// The defaults of a service that is being developed, over a database that is not there.
pub fn config() -> Config {
    let facts = Facts { mode: Mode::Dev, cores: 2, grpc_built_in: true };
    let text = "[database]\nurl = \"postgres://nobody@%2Fnonexistent/nothing\"\n[graphql]\nbatching = true\n";
    let config = Config::parse("fraiseql.toml", text, &|_| None, &Overrides::default(), facts, Need::Service);
    config.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Nobody, and somebody who may do everything.
pub fn callers() -> [Caller; 2] {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let identity = Identity {
        roles: texts(&["admin"]),
        scopes: texts(&["read:masked", "read:rejected", "read:salary"]),
        claims: [("tenant_id".to_owned(), json!("t"))].into_iter().collect(),
    };
    [Caller::anonymous(), Caller::identified(Arc::new(identity))]
}

/// The descriptors of `.proto` files, by another compiler; panics when it refuses them.
pub fn descriptors(files: &[(String, String)]) -> DescriptorPool {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Texts(files.to_vec()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".proto")) {
        compiler.open_file(path).unwrap_or_else(|error| panic!("{path} is refused: {error:?}\n{text}"));
    }
    compiler.descriptor_pool()
}

struct Texts(Vec<(String, String)>);

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.iter().find(|(path, _)| path == name) {
            Some((path, text)) => File::from_source(path, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

// === impl World ===

impl World {
    fn new() -> World {
        let catalog: Catalog = serde_json::from_str(include_str!("../world/catalog.json")).expect("a catalog");
        let found = Found { catalog, encoding: "UTF8".to_owned(), ..Found::default() };
        let schema = Arc::new(bind(model(), found).unwrap_or_else(|problems| panic!("{problems:#?}")));
        let config = config();
        let api = describe(&schema, &ServiceNames::default(), "schema.json").expect("a form in gRPC");
        let lock = Lock::default().settle(&api.wanted(), "fraiseql.lock").lock;
        let api = api.numbered(&lock).expect("a number for everything");
        let executor = server::executor(&config, 1, &Arc::default()).unwrap_or_else(|_| panic!("an executor"));
        World {
            engine: Arc::new(Engine::new(schema.clone(), executor, server::limits(&config))),
            graphql: server::graphql(&config, &schema).expect("a form in GraphQL"),
            rest: server::rest(&config, &schema),
            grpc: server::grpc(&config, &schema, Some(&lock)).expect("a service").expect("gRPC is on"),
            descriptors: descriptors(&proto_text::files(&api)),
            callers: callers(),
            schema,
            api,
            lock,
        }
    }
}
