//! PostgreSQL alone: fraiseql's own statement, its rows dropped unread. The lower bound of both servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::BytesMut;
use futures_util::TryStreamExt;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::client::Load;

/// A value in the place of a parameter, of whatever type the statement gives that place.
#[derive(Debug, Clone)]
pub enum Bind {
    Uuid(Uuid),
    Int(i64),
}

/// Connections without a server in front.
pub struct Alone {
    clients: Vec<Arc<Client>>,
}

// === impl Alone ===

impl Alone {
    pub async fn connect(url: &str, connections: usize) -> Result<Alone> {
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            clients.push(Arc::new(connect(url).await?));
        }
        Ok(Alone { clients })
    }

    /// The text that fraiseql sent last: what it runs is measured, whatever it says that it would run.
    pub async fn last_statement(&self) -> Result<String> {
        const LAST: &str = "SELECT query FROM pg_stat_activity WHERE application_name = 'fraiseql' AND query LIKE '%FROM%' \
                            ORDER BY query_start DESC LIMIT 1";
        let row = self.clients[0].query_opt(LAST, &[]).await?.context("fraiseql has no connection")?;
        Ok(row.get(0))
    }

    /// Runs a statement on every connection, again and again, until the time is up.
    pub async fn load(&self, sql: &str, binds: &Arc<Vec<Vec<Bind>>>, width: usize, duration: Duration) -> Result<Load> {
        let mut prepared = Vec::with_capacity(width);
        for client in self.clients.iter().take(width) {
            prepared.push((client.clone(), client.prepare(sql).await?));
        }
        let started = Instant::now();
        let tasks: Vec<_> = prepared
            .into_iter()
            .enumerate()
            .map(|(first, (client, statement))| {
                let binds = binds.clone();
                tokio::spawn(async move {
                    let mut latencies = Vec::new();
                    let mut next = first * 97;
                    let mut asked = Instant::now();
                    while asked - started < duration {
                        let rows = client.query_raw(&statement, &binds[next % binds.len()]).await?;
                        rows.try_for_each(|_| async { Ok(()) }).await?;
                        next += 1;
                        let answered = Instant::now();
                        latencies.push(answered - asked);
                        asked = answered;
                    }
                    Ok::<_, tokio_postgres::Error>(latencies)
                })
            })
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        let elapsed = started.elapsed();
        latencies.sort_unstable();
        Ok(Load { requests: latencies.len(), elapsed, latencies })
    }
}

/// The ids of the users whose numbers are divisible by 7, in no order.
pub async fn some_user_ids(client: &Client) -> Result<Vec<Uuid>> {
    let rows = client.query("SELECT id FROM tb_user WHERE pk_user % 7 = 0 ORDER BY id", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

// === impl Bind ===

impl ToSql for Bind {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Bind::Uuid(value) => value.to_sql(ty, out),
            Bind::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Bind::Int(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::UUID | Type::INT4 | Type::INT8)
    }

    to_sql_checked!();
}
