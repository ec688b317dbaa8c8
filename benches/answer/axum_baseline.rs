//! The server that one would write by hand for the questions over HTTP: axum, tokio-postgres, JSON made by SQL.
//!
//! It is meant to be hard to beat: no parsing, prepared statements, one statement and one copy of its
//! text for each answer, the allocator that fraiseql has, a pool as large as fraiseql's.

use std::collections::HashMap;
use std::env;
use std::fmt::Write;
use std::io::Read;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

const USER: &str = "SELECT json_build_object('id', id, 'name', name, 'email', email)::text FROM v_user WHERE id = $1";

const ENTITIES: &str = "
    SELECT id, json_build_object('__typename', 'User', 'id', id, 'name', name, 'email', email)::text
    FROM v_user WHERE id = ANY($1)";

const USERS: &str = "
    SELECT coalesce(json_agg(json_build_object('id', id, 'name', name, 'email', email)), '[]')::text
    FROM (SELECT id, name, email FROM v_user WHERE age >= $1 ORDER BY score DESC LIMIT 20) u";

const NESTED: &str = "
    SELECT coalesce(json_agg(json_build_object('id', u.id, 'name', u.name, 'posts', (
        SELECT coalesce(json_agg(json_build_object('id', p.id, 'title', p.title)), '[]')
        FROM (SELECT id, title FROM v_post WHERE fk_user = u.pk_user ORDER BY created_at LIMIT 10) p
    ))), '[]')::text
    FROM (SELECT pk_user, id, name FROM v_user ORDER BY created_at LIMIT 100) u";

const LEVELS: &str = "
    SELECT coalesce(json_agg(json_build_object('id', u.id, 'name', u.name, 'posts', (
        SELECT coalesce(json_agg(json_build_object('id', p.id, 'title', p.title, 'comments', (
            SELECT coalesce(json_agg(json_build_object('id', c.id, 'body', c.body)), '[]')
            FROM (SELECT id, body FROM v_comment WHERE fk_post = p.pk_post ORDER BY created_at LIMIT 4) c
        ))), '[]')
        FROM (SELECT pk_post, id, title FROM v_post WHERE fk_user = u.pk_user ORDER BY created_at LIMIT 5) p
    ))), '[]')::text
    FROM (SELECT pk_user, id, name FROM v_user ORDER BY created_at LIMIT 40) u";

const EXPORT: &str = "
    SELECT coalesce(json_agg(json_build_object(
        'id', id, 'body', body, 'rating', rating, 'createdAt', created_at, 'fkUser', fk_user)), '[]')::text
    FROM (SELECT id, body, rating, created_at, fk_user FROM v_comment ORDER BY pk_comment LIMIT 200000) c";

/// One more than a page, which tells whether there is another.
const PAGE: &str = "
    SELECT json_build_object('id', id, 'name', name, 'email', email)::text
    FROM v_user WHERE age >= $1 ORDER BY score DESC LIMIT 21";

const LINES: &str = "
    SELECT json_build_object('id', id, 'body', body, 'rating', rating, 'createdAt', created_at, 'fkUser', fk_user)::text
    FROM v_comment ORDER BY pk_comment LIMIT 200000";

/// Calls the function that fraiseql calls, with the object that it is given.
const UPDATE: &str = "
    SELECT status, message, json_build_object('id', entity->'id', 'name', entity->'name', 'email', entity->'email')::text
    FROM fn_update_user(p_input => $1::text::jsonb)";

/// Rows of a page.
const PAGE_ROWS: usize = 20;
/// Lines that are sent together when as many have arrived.
const LINES_AT_ONCE: usize = 256;

/// Runs a server until standard input ends, which it does when the process that started this one is gone.
pub fn run(server: impl Future<Output = Result<()>>) -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(server)
}

/// The connections of a server.
pub fn pool(connections: usize) -> Result<Pool> {
    let url = env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(url.parse()?, NoTls, recycling);
    Ok(Pool::builder(manager).max_size(connections).build()?)
}

/// Serves until standard input ends.
pub fn serve(port: u16, connections: usize) -> Result<()> {
    run(async {
        let pool = pool(connections)?;
        let app = Router::new()
            .route("/ready", get(ready))
            .route("/user/{id}", get(user))
            .route("/users", get(users))
            .route("/nested", get(nested))
            .route("/levels", get(levels))
            .route("/export", get(export))
            .route("/entities", post(entities))
            .route("/update", post(update))
            .route("/rest/users/{id}", get(rest_user).patch(rest_update))
            .route("/rest/users", get(rest_users))
            .route("/rest/comments", get(rest_comments))
            .with_state(pool);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await?;
        Ok(())
    })
}

async fn ready(State(pool): State<Pool>) -> Result<&'static str, Failure> {
    pool.get().await?.simple_query("").await?;
    Ok("ready")
}

async fn user(State(pool): State<Pool>, Path(id): Path<String>) -> Result<Response, Failure> {
    answer(&pool, USER, &[&Uuid::parse_str(&id)?], "{\"data\":{\"user\":", "}}").await
}

async fn rest_user(State(pool): State<Pool>, Path(id): Path<String>) -> Result<Response, Failure> {
    answer(&pool, USER, &[&Uuid::parse_str(&id)?], "{\"data\":", "}").await
}

#[derive(serde::Deserialize)]
struct Ages {
    #[serde(rename = "age[gte]")]
    at_least: i32,
}

async fn rest_users(State(pool): State<Pool>, uri: Uri, Query(ages): Query<Ages>) -> Result<Response, Failure> {
    let client = pool.get().await?;
    let statement = client.prepare_cached(PAGE).await?;
    let rows = client.query(&statement, &[&ages.at_least]).await?;
    let mut body = String::from("{\"data\":[");
    for (i, row) in rows.iter().take(PAGE_ROWS).enumerate() {
        body.push_str(if i > 0 { "," } else { "" });
        body.push_str(row.get(0));
    }
    let query = uri.query().unwrap_or_default();
    let at = |offset: usize| format!("{}?{}&offset={offset}", uri.path(), query);
    let next = if rows.len() > PAGE_ROWS { format!("\"{}\"", at(PAGE_ROWS)) } else { "null".to_owned() };
    write!(
        body,
        "],\"meta\":{{\"limit\":{PAGE_ROWS},\"offset\":0}},\"links\":{{\"self\":\"{uri}\",\"next\":{next},\
         \"prev\":null,\"first\":\"{}\"}}}}",
        at(0)
    )?;
    Ok(([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response())
}

async fn rest_comments(State(pool): State<Pool>) -> Result<Response, Failure> {
    let client = pool.get().await?;
    let statement = client.prepare_cached(LINES).await?;
    let rows = client.query_raw(&statement, std::iter::empty::<i32>()).await?;
    let lines = rows.ready_chunks(LINES_AT_ONCE).map(move |rows| {
        let _held = &client;
        let mut lines = String::new();
        for row in rows {
            lines.push_str(row?.get(0));
            lines.push('\n');
        }
        Ok::<_, tokio_postgres::Error>(Bytes::from(lines))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson; charset=utf-8")], Body::from_stream(lines)).into_response())
}

#[derive(serde::Deserialize)]
struct Filter {
    age: i32,
}

async fn users(State(pool): State<Pool>, Query(filter): Query<Filter>) -> Result<Response, Failure> {
    answer(&pool, USERS, &[&filter.age], "{\"data\":{\"users\":", "}}").await
}

#[derive(serde::Deserialize)]
struct Entities<'b> {
    #[serde(borrow)]
    variables: Representations<'b>,
}

#[derive(serde::Deserialize)]
struct Representations<'b> {
    #[serde(borrow)]
    representations: Vec<Representation<'b>>,
}

#[derive(serde::Deserialize)]
struct Representation<'b> {
    id: &'b str,
}

async fn entities(State(pool): State<Pool>, body: Bytes) -> Result<Response, Failure> {
    let asked: Entities<'_> = serde_json::from_slice(&body)?;
    let keys = asked.variables.representations.iter();
    let ids: Vec<Uuid> = keys.map(|representation| Uuid::parse_str(representation.id)).collect::<Result<_, _>>()?;
    let client = pool.get().await?;
    let statement = client.prepare_cached(ENTITIES).await?;
    let rows = client.query(&statement, &[&ids]).await?;
    let found: HashMap<Uuid, &str> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut body = String::from("{\"data\":{\"_entities\":[");
    for (i, id) in ids.iter().enumerate() {
        body.push_str(if i > 0 { "," } else { "" });
        body.push_str(found.get(id).copied().unwrap_or("null"));
    }
    body.push_str("]}}");
    Ok(([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response())
}

#[derive(serde::Deserialize)]
struct Update {
    variables: UpdateVariables,
}

#[derive(serde::Deserialize)]
struct UpdateVariables {
    input: serde_json::Map<String, serde_json::Value>,
}

async fn update(State(pool): State<Pool>, body: Bytes) -> Result<Response, Failure> {
    let asked: Update = serde_json::from_slice(&body)?;
    change(&pool, asked.variables.input, "{\"data\":{\"updateUser\":", "}}").await
}

async fn rest_update(State(pool): State<Pool>, Path(id): Path<String>, body: Bytes) -> Result<Response, Failure> {
    let mut input: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body)?;
    input.insert("id".to_owned(), id.into());
    change(&pool, input, "{\"data\":", "}").await
}

async fn change(
    pool: &Pool,
    input: serde_json::Map<String, serde_json::Value>,
    head: &str,
    tail: &str,
) -> Result<Response, Failure> {
    // What a client sends has to be of the types that are declared.
    let texts =
        ["name", "bio"].iter().all(|name| input.get(*name).is_none_or(|value| value.is_string() || value.is_null()));
    let is_known = |name: &String| ["id", "name", "age", "bio"].contains(&name.as_str());
    Uuid::parse_str(input.get("id").and_then(serde_json::Value::as_str).unwrap_or_default())?;
    if !texts || !input.keys().all(is_known) {
        return Err(Failure("an input is not of its type".to_owned()));
    }
    let client = pool.get().await?;
    let statement = client.prepare_cached(UPDATE).await?;
    let row = client.query_one(&statement, &[&serde_json::Value::Object(input).to_string()]).await?;
    if row.get::<_, &str>(0) != "updated" {
        return Err(Failure(row.get(1)));
    }
    let body = [head, row.get(2), tail].concat();
    Ok(([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response())
}

async fn nested(State(pool): State<Pool>) -> Result<Response, Failure> {
    answer(&pool, NESTED, &[], "{\"data\":{\"users\":", "}}").await
}

async fn levels(State(pool): State<Pool>) -> Result<Response, Failure> {
    answer(&pool, LEVELS, &[], "{\"data\":{\"users\":", "}}").await
}

async fn export(State(pool): State<Pool>) -> Result<Response, Failure> {
    answer(&pool, EXPORT, &[], "{\"data\":{\"comments\":", "}}").await
}

async fn answer(
    pool: &Pool,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
    head: &str,
    tail: &str,
) -> Result<Response, Failure> {
    let client = pool.get().await?;
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, values).await?;
    let json = row.as_ref().map_or("null", |row| row.get(0));
    let mut body = String::with_capacity(head.len() + json.len() + tail.len());
    body.push_str(head);
    body.push_str(json);
    body.push_str(tail);
    Ok(([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response())
}

/// Whatever went wrong, as a 500.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}
