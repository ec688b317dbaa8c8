//! What is asked: the same question to fraiseql in GraphQL, to the baseline by a path of its own.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::alone::Bind;
use crate::contestants::Contestants;

/// One question, with many values where it has any.
pub struct Case {
    pub name: &'static str,
    /// Connections that ask at the same time.
    pub connections: usize,
    pub goal: Goal,
    pub ours: Arc<Vec<Vec<u8>>>,
    pub baseline: Arc<Vec<Vec<u8>>>,
    pub binds: Arc<Vec<Vec<Bind>>>,
}

/// What the case has to reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// CPU time of server and PostgreSQL, as a ratio to the baseline's.
    CpuRatio(f64),
    /// Peak memory of the server above what it had when idle, in MiB.
    PeakMib(f64),
}

/// Connections of every case but the export.
const CONNECTIONS: usize = 16;

/// One set of values: fraiseql's variables, the baseline's path, the parameters of the statement.
type Values = (Json, String, Vec<Bind>);

pub async fn all(contestants: &Contestants) -> Result<Vec<Case>> {
    let ids = contestants.alone.some_user_ids().await?;
    let by_id =
        ids.into_iter().map(|id| (json!({ "id": id.to_string() }), format!("/user/{id}"), vec![Bind::Uuid(id)]));
    let by_age = (18..=40).map(|age| (json!({ "age": age }), format!("/users?age={age}"), vec![Bind::Int(age)]));
    let fixed = |path: &str| vec![(json!({}), path.to_owned(), Vec::new())];
    let case = |name, connections, goal, document: &str, values: Vec<Values>| {
        let ours = values.iter().map(|(variables, ..)| {
            let body = json!({ "query": document, "variables": variables }).to_string();
            let address = contestants.ours.address;
            format!(
                "POST /graphql HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        });
        let baseline = values.iter().map(|(_, path, _)| {
            let address = contestants.baseline.address;
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\r\n").into_bytes()
        });
        Case {
            name,
            connections,
            goal,
            ours: Arc::new(ours.collect()),
            baseline: Arc::new(baseline.collect()),
            binds: Arc::new(values.iter().map(|(.., binds)| binds.clone()).collect()),
        }
    };
    Ok(vec![
        case(
            "one row by id",
            CONNECTIONS,
            Goal::CpuRatio(1.15),
            "query User($id: ID!) { user(id: $id) { id name email } }",
            by_id.collect(),
        ),
        case(
            "20 rows, filter and order",
            CONNECTIONS,
            Goal::CpuRatio(0.9),
            "query Best($age: Int!) {
               users(where: { age: { gte: $age } }, orderBy: [{ score: DESC }], limit: 20) { id name email }
             }",
            by_age.collect(),
        ),
        case(
            "100 x 10 nested",
            CONNECTIONS,
            Goal::CpuRatio(0.6),
            "query Nested {
               users(orderBy: [{ createdAt: ASC }], limit: 100) {
                 id name posts(orderBy: [{ createdAt: ASC }], limit: 10) { id title }
               }
             }",
            fixed("/nested"),
        ),
        case(
            "three levels, 40 x 5 x 4",
            CONNECTIONS,
            Goal::CpuRatio(0.7),
            "query Levels {
               users(orderBy: [{ createdAt: ASC }], limit: 40) {
                 id name posts(orderBy: [{ createdAt: ASC }], limit: 5) {
                   id title comments(orderBy: [{ createdAt: ASC }], limit: 4) { id body }
                 }
               }
             }",
            fixed("/levels"),
        ),
        // One answer at a time: its memory is what is asked about.
        case(
            "export, 200,000 x 5 in one answer",
            1,
            Goal::PeakMib(60.0),
            "query Export { comments(limit: 200000) { id body rating createdAt fkUser } }",
            fixed("/export"),
        ),
    ])
}
