//! The service that one would write by hand for the questions over gRPC: tonic, prost structs, tokio-postgres.
//!
//! Like the other baseline it is meant to be hard to beat: prepared statements, rows mapped to messages as
//! they arrive, the allocator that fraiseql has, a pool as large as fraiseql's. What tonic-build writes for
//! a service is written out at the end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use anyhow::Result;
use deadpool_postgres::{Object, Pool};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use prost_types::{FieldMask, Timestamp};
use tokio_postgres::{Row, RowStream, Statement};
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use uuid::Uuid;

use crate::axum_baseline::{pool, run};

const USER: &str = "SELECT id, name, email FROM v_user WHERE id = $1";

const USERS: &str = "SELECT id, name, email FROM v_user WHERE id = ANY($1)";

const COMMENTS: &str = "SELECT id, body, rating, created_at, fk_user FROM v_comment ORDER BY pk_comment LIMIT $1";

/// Rows of a page, as many as fraiseql's `[grpc] page_rows`.
const PAGE_ROWS: usize = 500;

#[derive(Clone, PartialEq, prost::Message)]
pub struct User {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    email: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Comment {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    body: String,
    #[prost(int32, tag = "3")]
    rating: i32,
    #[prost(message, optional, tag = "4")]
    created_at: Option<Timestamp>,
    #[prost(int64, tag = "7")]
    fk_user: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct CommentsPage {
    #[prost(message, repeated, tag = "1")]
    items: Vec<Comment>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct GetUserRequest {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(message, optional, tag = "2")]
    pub read_mask: Option<FieldMask>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct UserKey {
    #[prost(string, optional, tag = "1")]
    pub id: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchGetUsersRequest {
    #[prost(message, repeated, tag = "1")]
    pub keys: Vec<UserKey>,
    #[prost(message, optional, tag = "2")]
    pub read_mask: Option<FieldMask>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ResolvedUser {
    #[prost(message, optional, tag = "1")]
    entity: Option<User>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchGetUsersResponse {
    #[prost(message, repeated, tag = "1")]
    items: Vec<ResolvedUser>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ListCommentsRequest {
    #[prost(int32, optional, tag = "3")]
    pub limit: Option<i32>,
    #[prost(message, optional, tag = "5")]
    pub read_mask: Option<FieldMask>,
}

pub const GET_USER: &str = "/shop.v1.ShopService/GetUser";
pub const BATCH_GET_USERS: &str = "/shop.v1.ShopService/BatchGetUsers";
pub const RESOLVE_USERS: &str = "/shop.v1.ShopService/ResolveUsers";
pub const LIST_COMMENTS: &str = "/shop.v1.ShopService/ListComments";
pub const LIST_COMMENTS_PAGES: &str = "/shop.v1.ShopService/ListCommentsPages";

/// Serves until standard input ends.
pub fn serve(port: u16, connections: usize) -> Result<()> {
    run(async {
        let shop = Shop { pool: pool(connections)? };
        tonic::transport::Server::builder().serve((Ipv4Addr::LOCALHOST, port).into(), shop).await?;
        Ok(())
    })
}

#[derive(Clone)]
struct Shop {
    pool: Pool,
}

/// Rows, and the connection that they come from.
struct Rows {
    stream: Pin<Box<RowStream>>,
    _client: Object,
}

// === impl Shop ===

impl Shop {
    async fn prepared(&self, sql: &str) -> Result<(Object, Statement), Status> {
        let client = self.pool.get().await.map_err(failed)?;
        let statement = client.prepare_cached(sql).await.map_err(failed)?;
        Ok((client, statement))
    }

    async fn get_user(&self, request: GetUserRequest) -> Result<User, Status> {
        let id = Uuid::parse_str(&request.id).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (client, statement) = self.prepared(USER).await?;
        let row = client.query_opt(&statement, &[&id]).await.map_err(failed)?;
        let row = row.ok_or_else(|| Status::not_found("there is no such user"))?;
        Ok(User { id: row.get::<_, Uuid>(0).to_string(), name: row.get(1), email: row.get(2) })
    }

    async fn batch_get_users(&self, request: BatchGetUsersRequest) -> Result<BatchGetUsersResponse, Status> {
        let parsed = request.keys.iter().map(|key| Uuid::parse_str(key.id.as_deref().unwrap_or_default()));
        let ids: Vec<Uuid> =
            parsed.collect::<Result<_, _>>().map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (client, statement) = self.prepared(USERS).await?;
        let rows = client.query(&statement, &[&ids]).await.map_err(failed)?;
        let found: HashMap<Uuid, &Row> = rows.iter().map(|row| (row.get(0), row)).collect();
        let user = |row: &Row| User { id: row.get::<_, Uuid>(0).to_string(), name: row.get(1), email: row.get(2) };
        let items = ids.iter().map(|id| ResolvedUser { entity: found.get(id).map(|row| user(row)) }).collect();
        Ok(BatchGetUsersResponse { items })
    }

    async fn comments(&self, request: &ListCommentsRequest) -> Result<Rows, Status> {
        let limit = i64::from(request.limit.unwrap_or(i32::MAX));
        let (client, statement) = self.prepared(COMMENTS).await?;
        let stream = client.query_raw(&statement, [limit]).await.map_err(failed)?;
        Ok(Rows { stream: Box::pin(stream), _client: client })
    }
}

impl Comment {
    fn of(row: &Row) -> Comment {
        Comment {
            id: row.get::<_, Uuid>(0).to_string(),
            body: row.get(1),
            rating: row.get(2),
            created_at: Some(row.get::<_, SystemTime>(3).into()),
            fk_user: row.get(4),
        }
    }
}

impl futures_util::Stream for Rows {
    type Item = Result<Comment, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.as_mut().poll_next(context);
        next.map(|row| row.map(|row| row.map(|row| Comment::of(&row)).map_err(failed)))
    }
}

fn failed(error: impl std::error::Error) -> Status {
    Status::internal(error.to_string())
}

// === what tonic-build would write ===

struct GetUser(Shop);
struct BatchGetUsers(Shop);
struct ListComments(Shop);
struct ListCommentsPages(Shop);

impl UnaryService<GetUserRequest> for GetUser {
    type Response = User;
    type Future = BoxFuture<'static, Result<Response<User>, Status>>;

    fn call(&mut self, request: Request<GetUserRequest>) -> Self::Future {
        let shop = self.0.clone();
        Box::pin(async move { shop.get_user(request.into_inner()).await.map(Response::new) })
    }
}

impl UnaryService<BatchGetUsersRequest> for BatchGetUsers {
    type Response = BatchGetUsersResponse;
    type Future = BoxFuture<'static, Result<Response<BatchGetUsersResponse>, Status>>;

    fn call(&mut self, request: Request<BatchGetUsersRequest>) -> Self::Future {
        let shop = self.0.clone();
        Box::pin(async move { shop.batch_get_users(request.into_inner()).await.map(Response::new) })
    }
}

impl ServerStreamingService<ListCommentsRequest> for ListComments {
    type Response = Comment;
    type ResponseStream = Rows;
    type Future = BoxFuture<'static, Result<Response<Rows>, Status>>;

    fn call(&mut self, request: Request<ListCommentsRequest>) -> Self::Future {
        let shop = self.0.clone();
        Box::pin(async move { shop.comments(request.get_ref()).await.map(Response::new) })
    }
}

impl ServerStreamingService<ListCommentsRequest> for ListCommentsPages {
    type Response = CommentsPage;
    type ResponseStream = BoxStream<'static, Result<CommentsPage, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<ListCommentsRequest>) -> Self::Future {
        let shop = self.0.clone();
        Box::pin(async move {
            let rows = shop.comments(request.get_ref()).await?;
            let pages = rows.try_chunks(PAGE_ROWS).map(|items| match items {
                Ok(items) => Ok(CommentsPage { items }),
                Err(error) => Err(error.1),
            });
            Ok(Response::new(pages.boxed()))
        })
    }
}

impl tower::Service<http::Request<Body>> for Shop {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let shop = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                GET_USER => Grpc::new(ProstCodec::default()).unary(GetUser(shop), request).await,
                BATCH_GET_USERS => Grpc::new(ProstCodec::default()).unary(BatchGetUsers(shop), request).await,
                LIST_COMMENTS => Grpc::new(ProstCodec::default()).server_streaming(ListComments(shop), request).await,
                LIST_COMMENTS_PAGES => {
                    Grpc::new(ProstCodec::default()).server_streaming(ListCommentsPages(shop), request).await
                }
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}
