//! What is asked: the same question to fraiseql and to a baseline, each by the paths and names of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, bail};
use prost_types::FieldMask;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::alone::{self, Bind};
use crate::client::Question;
use crate::contestants::Who;
use crate::grpc_client::Call;
use crate::project::Project;
use crate::tonic_baseline::{
    BATCH_GET_USERS, BatchGetUsersRequest, BatchGetUsersResponse, Comment, CommentsPage, GET_USER, GetUserRequest,
    LIST_COMMENTS, LIST_COMMENTS_PAGES, ListCommentsRequest, User, UserKey,
};

/// One question, with many values where it has any.
pub struct Case {
    pub name: &'static str,
    /// Connections that ask at the same time.
    pub connections: usize,
    pub goals: &'static [Goal],
    pub sides: [Side; 2],
    /// The parameters of fraiseql's statement, where PostgreSQL is also asked alone.
    pub alone: Option<Arc<Vec<Vec<Bind>>>>,
}

/// Who is asked, and how.
pub struct Side {
    pub who: Who,
    questions: fn(&Values, SocketAddr) -> Question,
    values: Arc<Vec<Values>>,
}

/// What the case has to reach. Ratios are those of the first side to the second.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// CPU time of server and PostgreSQL, at most.
    Cpu(f64),
    /// CPU time of the server, at most.
    ServerCpu(f64),
    /// Answers per second, at least.
    Speed(f64),
    /// Peak memory of the server above what it had when idle, in MiB, at most.
    PeakMib(f64),
}

/// Connections of the cases with small answers, and of those with long ones.
const CONNECTIONS: usize = 16;
const STREAMS: usize = 4;

pub const EXPORT_ROWS: usize = 200_000;
const LIST_ROWS: usize = 10_000;
/// `[grpc] page_rows` by default.
pub const PAGE_ROWS: usize = 500;

/// One set of values.
enum Values {
    Id(Uuid),
    /// Keys of one batch.
    Ids(Vec<Uuid>),
    Age(i64),
    Nothing,
}

pub async fn all(project: &Project) -> Result<Vec<Case>> {
    let by_id = Arc::new(ids(project).await?);
    let by_age: Arc<Vec<Values>> = Arc::new((18..=40).map(Values::Age).collect());
    let once = Arc::new(vec![Values::Nothing]);
    let by_100 = Arc::new(batches(&by_id, 100));
    let by_1000 = Arc::new(batches(&by_id, 1000));
    let case = |name, connections, goals, values: &Arc<Vec<Values>>, sides: [(Who, Questions); 2], alone: bool| Case {
        name,
        connections,
        goals,
        sides: sides.map(|(who, questions)| Side { who, questions, values: values.clone() }),
        alone: alone.then(|| Arc::new(values.iter().map(Values::binds).collect())),
    };
    let http = |ours: Questions, baseline: Questions| [(Who::Fraiseql, ours), (Who::Axum, baseline)];
    let grpc = |questions: Questions| [(Who::Fraiseql, questions), (Who::Tonic, questions)];
    let graphql = "GraphQL: one row by id";
    let session = [(Who::FraiseqlWithSession, one_with_header as Questions), (Who::Fraiseql, one_with_header)];
    Ok(vec![
        case(graphql, CONNECTIONS, &[Goal::Cpu(1.15)], &by_id, http(one, axum_one), true),
        case(
            "GraphQL: 20 rows, filter and order",
            CONNECTIONS,
            &[Goal::Cpu(0.9)],
            &by_age,
            http(
                |values, address| post(BEST, json!({ "age": values.age() }), address),
                |values, address| get(&format!("/users?age={}", values.age()), JSON, address),
            ),
            true,
        ),
        case(
            "GraphQL: 100 x 10 nested",
            CONNECTIONS,
            &[Goal::Cpu(0.6)],
            &once,
            http(|_, address| post(NESTED, json!({}), address), |_, address| get("/nested", JSON, address)),
            true,
        ),
        case(
            "GraphQL: three levels, 40 x 5 x 4",
            CONNECTIONS,
            &[Goal::Cpu(0.7)],
            &once,
            http(|_, address| post(LEVELS, json!({}), address), |_, address| get("/levels", JSON, address)),
            true,
        ),
        case(
            "GraphQL: 100 entities by their keys",
            CONNECTIONS,
            &[Goal::Cpu(1.0)],
            &by_100,
            http(entities, |values, address| post_to("/entities", &representations(values), "", address)),
            false,
        ),
        // One answer at a time: its memory is what is asked about.
        case(
            "GraphQL: export, 200,000 x 5 in one answer",
            1,
            &[Goal::PeakMib(60.0)],
            &once,
            http(|_, address| post(EXPORT, json!({}), address), |_, address| get("/export", JSON, address)),
            true,
        ),
        case("row by id, with session variables and without", CONNECTIONS, &[Goal::Cpu(1.45)], &by_id, session, false),
        case(
            "REST: one row by id",
            CONNECTIONS,
            &[Goal::Cpu(1.15)],
            &by_id,
            http(
                |values, address| get(&format!("/rest/users/{}?select=id,name,email", values.id()), JSON, address),
                |values, address| get(&format!("/rest/users/{}", values.id()), JSON, address),
            ),
            false,
        ),
        case(
            "REST: list of 20 rows, filter and order",
            CONNECTIONS,
            &[Goal::Cpu(0.9)],
            &by_age,
            http(rest_list, rest_list),
            false,
        ),
        case(
            "REST: NDJSON, 200,000 x 5",
            1,
            &[Goal::PeakMib(40.0)],
            &once,
            http(ndjson, |_, address| get("/rest/comments", NDJSON, address)),
            false,
        ),
        case("gRPC: one row by id", CONNECTIONS, &[Goal::Cpu(1.15)], &by_id, grpc(grpc_one), false),
        case(
            "gRPC: 1,000 entities by their keys",
            STREAMS,
            &[Goal::Cpu(0.95)],
            &by_1000,
            grpc(|values, _| Question::Grpc(Call::new::<BatchGetUsersResponse>(BATCH_GET_USERS, &batch(values)))),
            false,
        ),
        case(
            "gRPC: list of 10,000 rows",
            STREAMS,
            &[Goal::ServerCpu(0.8), Goal::Speed(1.05)],
            &once,
            grpc(|_, _| Question::Grpc(Call::new::<Comment>(LIST_COMMENTS, &comments(LIST_ROWS)))),
            false,
        ),
        case(
            "gRPC: 10,000 rows in pages of 500",
            STREAMS,
            &[Goal::ServerCpu(0.65), Goal::Speed(1.3)],
            &once,
            grpc(|_, _| Question::Grpc(Call::new::<CommentsPage>(LIST_COMMENTS_PAGES, &comments(LIST_ROWS)))),
            false,
        ),
        case(
            "gRPC: export, 200,000 rows",
            1,
            &[Goal::PeakMib(25.0)],
            &once,
            grpc(|_, _| Question::Grpc(Call::new::<Comment>(LIST_COMMENTS, &comments(EXPORT_ROWS)))),
            false,
        ),
        // Last: what they leave behind of the rows would be read by the others.
        case("GraphQL: a mutation", CONNECTIONS, &[Goal::Cpu(1.2)], &by_id, http(update, axum_update), false),
        case("REST: a mutation", CONNECTIONS, &[Goal::Cpu(1.2)], &by_id, http(rest_update, axum_rest_update), false),
    ])
}

/// A few entities over GraphQL, as a request over HTTP.
pub async fn some_entities(project: &Project, address: SocketAddr) -> Result<Vec<u8>> {
    let values = batches(&ids(project).await?, 10).swap_remove(0);
    match entities(&values, address) {
        Question::Http(request) => Ok(request),
        Question::Grpc(_) => bail!("entities are asked for over HTTP"),
    }
}

/// The rows of the export, page by page.
pub fn export() -> Call {
    Call::new::<CommentsPage>(LIST_COMMENTS_PAGES, &comments(EXPORT_ROWS))
}

/// Single rows, over GraphQL.
pub async fn points(project: &Project, address: SocketAddr) -> Result<Vec<Question>> {
    Ok(ids(project).await?.iter().map(|values| one(values, address)).collect())
}

type Questions = fn(&Values, SocketAddr) -> Question;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

const ONE: &str = "query User($id: ID!) { user(id: $id) { id name email } }";
const BEST: &str = "query Best($age: Int!) {
  users(where: { age: { gte: $age } }, orderBy: [{ score: DESC }], limit: 20) { id name email }
}";
const NESTED: &str = "query Nested {
  users(orderBy: [{ createdAt: ASC }], limit: 100) {
    id name posts(orderBy: [{ createdAt: ASC }], limit: 10) { id title }
  }
}";
const LEVELS: &str = "query Levels {
  users(orderBy: [{ createdAt: ASC }], limit: 40) {
    id name posts(orderBy: [{ createdAt: ASC }], limit: 5) {
      id title comments(orderBy: [{ createdAt: ASC }], limit: 4) { id body }
    }
  }
}";
const EXPORT: &str = "query Export { comments(limit: 200000) { id body rating createdAt fkUser } }";

const UPDATE: &str = "mutation Update($input: UpdateUserInput!) { updateUser(input: $input) { id name email } }";
const BIO: &str = "What a user says of himself, in a sentence of the usual length.";

const ENTITIES: &str = "query($representations: [_Any!]!) {
  _entities(representations: $representations) { __typename ... on User { id name email } }
}";

/// Keys in many different batches.
fn batches(ids: &[Values], size: usize) -> Vec<Values> {
    let ids: Vec<Uuid> = ids.iter().filter_map(Values::uuid).collect();
    let batch = |start: usize| Values::Ids(ids.iter().cycle().skip(start * 31).take(size).copied().collect());
    (0..50).map(batch).collect()
}

fn representations(values: &Values) -> Json {
    let keys: Vec<Json> = values.uuids().iter().map(|id| json!({"__typename": "User", "id": id.to_string()})).collect();
    json!({"query": ENTITIES, "variables": {"representations": keys}})
}

fn entities(values: &Values, address: SocketAddr) -> Question {
    post_to("/graphql", &representations(values), "", address)
}

fn batch(values: &Values) -> BatchGetUsersRequest {
    let keys = values.uuids().iter().map(|id| UserKey { id: Some(id.to_string()) }).collect();
    BatchGetUsersRequest { keys, read_mask: mask(&["id", "name", "email"]) }
}

fn one(values: &Values, address: SocketAddr) -> Question {
    post(ONE, json!({ "id": values.id() }), address)
}

fn one_with_header(values: &Values, address: SocketAddr) -> Question {
    graphql(ONE, json!({ "id": values.id() }), "x-tenant: acme\r\n", address)
}

/// The same change every time: it is written anew, and its answer is the same from whoever is asked.
fn updated(values: &Values) -> Json {
    json!({"query": UPDATE, "variables": {"input": {"id": values.id(), "bio": BIO}}})
}

fn update(values: &Values, address: SocketAddr) -> Question {
    post_to("/graphql", &updated(values), "", address)
}

fn axum_update(values: &Values, address: SocketAddr) -> Question {
    post_to("/update", &updated(values), "", address)
}

fn rest_update(values: &Values, address: SocketAddr) -> Question {
    let path = format!("/rest/users/{}?select=id,name,email", values.id());
    send("PATCH", &path, &json!({ "bio": BIO }), "", address)
}

fn axum_rest_update(values: &Values, address: SocketAddr) -> Question {
    send("PATCH", &format!("/rest/users/{}", values.id()), &json!({ "bio": BIO }), "", address)
}

fn axum_one(values: &Values, address: SocketAddr) -> Question {
    get(&format!("/user/{}", values.id()), JSON, address)
}

fn rest_list(values: &Values, address: SocketAddr) -> Question {
    let path = format!("/rest/users?select=id,name,email&age[gte]={}&sort=-score&limit=20", values.age());
    get(&path, JSON, address)
}

fn ndjson(_: &Values, address: SocketAddr) -> Question {
    get("/rest/comments?select=id,body,rating,createdAt,fkUser&limit=200000", NDJSON, address)
}

fn grpc_one(values: &Values, _: SocketAddr) -> Question {
    let request = GetUserRequest { id: values.id(), read_mask: mask(&["id", "name", "email"]) };
    Question::Grpc(Call::new::<User>(GET_USER, &request))
}

fn comments(rows: usize) -> ListCommentsRequest {
    let read_mask = mask(&["id", "body", "rating", "created_at", "fk_user"]);
    ListCommentsRequest { limit: i32::try_from(rows).ok(), read_mask }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn post(document: &str, variables: Json, address: SocketAddr) -> Question {
    graphql(document, variables, "", address)
}

fn graphql(document: &str, variables: Json, header: &str, address: SocketAddr) -> Question {
    post_to("/graphql", &json!({ "query": document, "variables": variables }), header, address)
}

fn post_to(path: &str, body: &Json, header: &str, address: SocketAddr) -> Question {
    send("POST", path, body, header, address)
}

fn send(method: &str, path: &str, body: &Json, header: &str, address: SocketAddr) -> Question {
    let body = body.to_string();
    Question::Http(
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n{header}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

fn get(path: &str, media: &str, address: SocketAddr) -> Question {
    Question::Http(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: {media}\r\n\r\n").into_bytes())
}

/// The ids of some users.
async fn ids(project: &Project) -> Result<Vec<Values>> {
    let alone = alone::connect(&project.database_url()).await?;
    Ok(alone::some_user_ids(&alone).await?.into_iter().map(Values::Id).collect())
}

// === impl Side ===

impl Side {
    /// The questions to a server at an address.
    pub fn questions(&self, address: SocketAddr) -> Arc<Vec<Question>> {
        Arc::new(self.values.iter().map(|values| (self.questions)(values, address)).collect())
    }
}

// === impl Values ===

impl Values {
    fn id(&self) -> String {
        match self {
            Values::Id(id) => id.to_string(),
            Values::Ids(_) | Values::Age(_) | Values::Nothing => String::new(),
        }
    }

    fn age(&self) -> i64 {
        match self {
            Values::Age(age) => *age,
            Values::Id(_) | Values::Ids(_) | Values::Nothing => 0,
        }
    }

    fn binds(&self) -> Vec<Bind> {
        match self {
            Values::Id(id) => vec![Bind::Uuid(*id)],
            Values::Age(age) => vec![Bind::Int(*age)],
            Values::Ids(_) | Values::Nothing => Vec::new(),
        }
    }

    fn uuid(&self) -> Option<Uuid> {
        match self {
            Values::Id(id) => Some(*id),
            Values::Ids(_) | Values::Age(_) | Values::Nothing => None,
        }
    }

    fn uuids(&self) -> &[Uuid] {
        match self {
            Values::Ids(ids) => ids,
            Values::Id(_) | Values::Age(_) | Values::Nothing => &[],
        }
    }
}
