//! A statement that is ready to be sent in one message: prepared on its connection, or, behind a
//! PgBouncer that cannot keep named statements, as text with the types of its parameters.

use futures_util::{StreamExt, pin_mut};
use tokio_postgres::{Client, Error, RowStream};

use crate::sql::Param;

pub(super) enum Ready {
    Prepared(tokio_postgres::Statement),
    Text(String),
}

impl Ready {
    /// Sends it at the first poll; the rows can be read when PostgreSQL has accepted it.
    pub async fn query(&self, client: &Client, parameters: &[Param]) -> Result<RowStream, Error> {
        match self {
            Ready::Prepared(prepared) => client.query_raw(prepared, parameters).await,
            Ready::Text(text) => {
                let typed = parameters.iter().map(|parameter| (parameter, parameter.pg_type()));
                Box::pin(client.query_typed_raw(text, typed)).await
            }
        }
    }

    /// Sends it at the first poll, and is done when it has ended.
    pub async fn execute(&self, client: &Client, parameters: &[Param]) -> Result<(), Error> {
        let rows = self.query(client, parameters).await?;
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            row?;
        }
        Ok(())
    }
}
