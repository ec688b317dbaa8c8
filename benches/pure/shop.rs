//! Users of twelve columns and their posts: a schema, and a catalog as PostgreSQL would tell it.

use std::sync::Arc;

use fraiseql::auth::Caller;
use fraiseql::config::{Config, Facts, Mode, Need, Overrides};
use fraiseql::engine::Engine;
use fraiseql::intent::Intent;
use fraiseql::plan::{Limits, Plan, plan};
use fraiseql::schema::Schema;
use fraiseql::schema::catalog::{Catalog, Family, PgType, Relation};
use fraiseql::schema::compile::{Project, Source, compile};
use fraiseql::schema::model::RelationName;
use fraiseql::server;
use fraiseql::transport::graphql::Graphql;
use serde_json::{Value as Json, json};

/// The names of the documents that are measured.
pub const DOCUMENTS: [&str; 3] = ["one", "nested", "wide"];

/// One row by its key; a filter, an order and a list in a list; every column.
pub fn document(name: &str) -> &'static str {
    match name {
        "one" => r#"{ user(id: "11e1a9b4-34bc-9b0a-8f9e-8d5b2e2a1d5f") { id name email } }"#,
        "nested" => {
            "{ users(where: { age: { gte: 30 } }, orderBy: [{ score: DESC }], limit: 100) \
             { id name posts(limit: 10) { id title } } }"
        }
        "wide" => {
            "{ users(limit: 100) \
             { id identifier name email bio age score active role createdAt updatedAt display } }"
        }
        _ => panic!("there is no document \"{name}\""),
    }
}

/// The columns of a user, in the order of the wide document.
pub const COLUMNS: [(&str, &str, Family); 12] = [
    ("id", "ID", Family::Uuid),
    ("identifier", "String", Family::Text),
    ("name", "String", Family::Text),
    ("email", "String", Family::Text),
    ("bio", "String", Family::Text),
    ("age", "Int", Family::Int4),
    ("score", "Decimal", Family::Numeric),
    ("active", "Boolean", Family::Bool),
    ("role", "String", Family::Text),
    ("createdAt", "DateTime", Family::Timestamptz),
    ("updatedAt", "DateTime", Family::Timestamptz),
    ("display", "String", Family::Text),
];

/// Everything up to the database.
pub struct Shop {
    pub schema: Arc<Schema>,
    pub engine: Engine,
    graphql: Graphql,
}

impl Shop {
    pub fn new() -> Shop {
        let text = schema().to_string();
        let source = Source { file: "schema.json", text: &text };
        let compiled = compile(&source, &Project { service: "shop".to_owned(), ..Project::default() });
        let model = compiled.unwrap_or_else(|problems| panic!("{problems:?}")).model;
        let schema = Arc::new(Schema::new(model, catalog()));
        let text = "[project]\nname = \"shop\"\n[database]\nurl = \"postgres://nobody@localhost/shop\"\n";
        let facts = Facts::here(Mode::Run);
        let config = Config::parse("fraiseql.toml", text, &|_| None, &Overrides::default(), facts, Need::Service);
        let config = config.unwrap_or_else(|problems| panic!("{problems:?}"));
        // Connects when it is first asked, which never happens.
        let executor = server::executor(&config, 1, &Arc::default()).unwrap_or_else(|_| panic!("no executor"));
        let graphql = server::graphql(&config, &schema).unwrap_or_else(|reason| panic!("{reason}"));
        Shop { engine: Engine::new(schema.clone(), executor, Limits::default()), schema, graphql }
    }

    pub fn intents(&self, document: &str) -> Vec<(String, Intent)> {
        let intents = self.graphql.intents(&self.schema, document, serde_json::Map::new());
        intents.unwrap_or_else(|reasons| panic!("{document}: {reasons:?}"))
    }

    pub fn intent(&self, document: &str) -> Intent {
        self.intents(document).remove(0).1
    }

    pub fn plan(&self, document: &str) -> Plan {
        plan(&self.schema, &Caller::anonymous(), Limits::default(), &self.intent(document)).unwrap()
    }
}

fn schema() -> Json {
    let field = |name: &str, ty: &str| json!({ "name": name, "type": ty, "nullable": name != "id" });
    let mut user: Vec<Json> = COLUMNS.iter().map(|(name, ty, _)| field(name, ty)).collect();
    user.push(json!({ "name": "posts", "type": "[Post]", "nullable": false, "join": { "pk_user": "fk_user" } }));
    let lists = json!({ "where": true, "order_by": true, "limit": true, "offset": true });
    json!({
        "types": [
            { "name": "User", "sql_source": "v_user", "fields": user },
            { "name": "Post", "sql_source": "v_post", "fields": [field("id", "ID"), field("title", "String")] },
        ],
        "queries": [
            { "name": "user", "return_type": "User", "returns_list": false, "nullable": true, "sql_source": "v_user",
              "arguments": [{ "name": "id", "type": "ID", "nullable": false }] },
            { "name": "users", "return_type": "User", "returns_list": true, "nullable": false, "sql_source": "v_user",
              "arguments": [], "auto_params": lists },
        ],
    })
}

fn catalog() -> Catalog {
    let column = |name: &str, family: Family| {
        let snake: String = name
            .chars()
            .flat_map(|letter| letter.is_uppercase().then_some('_').into_iter().chain(letter.to_lowercase()))
            .collect();
        (snake, PgType::builtin(family, family.sql()))
    };
    let relation = |name: &str, columns: Vec<(String, PgType)>| {
        let relation =
            Relation { schema: "public".to_owned(), name: name.to_owned(), columns: columns.into_iter().collect() };
        (RelationName::new(name), relation)
    };
    let mut user = vec![column("pk_user", Family::Int8)];
    user.extend(COLUMNS.iter().map(|(name, _, family)| column(name, *family)));
    let post = [("pk_post", Family::Int8), ("fk_user", Family::Int8), ("id", Family::Uuid), ("title", Family::Text)];
    let post = post.map(|(name, family)| column(name, family)).to_vec();
    let relations = [relation("v_user", user), relation("v_post", post)];
    Catalog { relations: relations.into_iter().collect(), ..Catalog::default() }
}
