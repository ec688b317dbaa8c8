//! What became of commands → response messages.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::api::Method;
use super::frame::{self, Encoding};
use super::mutations::{CODE, ERROR, ID, SUCCESS, content_name};
use super::rows::stopped;
use super::status::told;
use super::writes::told_again;
use crate::codec::protobuf::{self, Layout};
use crate::codec::{self, Row, Trail};
use crate::engine::{Change, Outcome};
use crate::error::{Code, Error, Result, Stage};
use crate::observe::Observer;
use crate::schema::lock::{Lock, field_name};
use crate::schema::model::Endpoint;
use crate::schema::{Kind, Schema};

/// How the commands of one method are answered.
pub struct Answers {
    success: u32,
    id: Option<u32>,
    error: u32,
    code: u32,
    content: u32,
    encoding: Encoding,
    bytes_max: usize,
    observer: Observer,
}

/// What became of one command.
pub enum Done {
    Carried(Change, Vec<Row>, Arc<Layout>),
    Failed(Arc<Error>),
    /// As it is sent: of this command, or of all of an atomic stream.
    Framed {
        message: Bytes,
        is_again: bool,
    },
}

// === impl Answers ===

impl Answers {
    pub fn new(
        schema: &Schema,
        lock: &Lock,
        method: &Method,
        mutation: &Endpoint,
        encoding: Encoding,
        bytes_max: usize,
        observer: &Observer,
    ) -> Result<Answers> {
        let number = |name: &str| {
            let found = lock.field(&method.response, &field_name(name)).map(|member| member.number);
            found.ok_or_else(|| {
                Error::new(Stage::Encode, Code::Internal, "the schema was compiled for another version")
                    .because(format!("there is no field number for {}.{name}", method.response))
            })
        };
        Ok(Answers {
            success: number(SUCCESS)?,
            id: if has_id(schema, mutation) { Some(number(ID)?) } else { None },
            error: number(ERROR)?,
            code: number(CODE)?,
            content: number(content_name(schema, mutation))?,
            encoding,
            bytes_max,
            observer: observer.clone(),
        })
    }

    /// The message of a command; one that cannot be written is told as a failure, though it was carried out.
    pub fn put(&self, done: &Done, out: &mut Vec<u8>) {
        let start = out.len();
        let written = match done {
            Done::Carried(change, rows, layout) => self.carried(change, rows, layout, out),
            Done::Failed(error) => self.failed(error, out),
            Done::Framed { message, .. } => {
                out.extend_from_slice(message);
                Ok(())
            }
        };
        if let Err(error) = written {
            super::report(&error, &self.observer);
            out.truncate(start);
            // A failure is a few texts of our own, so that a second one cannot follow.
            let _ = self.failed(&error, out);
        }
    }

    /// The message of a lone command, which is an error of the whole when it fails.
    pub fn answer(&self, done: Done, out: &mut Vec<u8>) -> Result<()> {
        match done {
            Done::Carried(change, rows, layout) => self.carried(&change, &rows, &layout, out),
            Done::Failed(error) => Err(Arc::into_inner(error).unwrap_or_else(|| Error::invalid("the command failed"))),
            Done::Framed { message, .. } => {
                out.extend_from_slice(&message);
                Ok(())
            }
        }
    }

    /// The message of a command that was carried out.
    fn carried(&self, change: &Change, rows: &[Row], layout: &Layout, out: &mut Vec<u8>) -> Result<()> {
        let start = frame::open(out);
        match &change.failure {
            None => protobuf::flag(self.success, out),
            Some((code, message)) => self.refused(*code, message, out),
        }
        if let (Some(number), Some(id)) = (self.id, &change.id) {
            protobuf::text(number, id, out);
        }
        let mut trail = Trail::default();
        for row in rows {
            protobuf::content(self.content, layout, &codec::columns(row), out, &mut trail)
                .map_err(|stop| stopped(stop, &trail))?;
        }
        frame::close(start, self.encoding, self.bytes_max, out)
    }

    fn failed(&self, error: &Error, out: &mut Vec<u8>) -> Result<()> {
        let start = frame::open(out);
        self.refused(error.code, &told(error, self.observer.id()), out);
        frame::close(start, self.encoding, self.bytes_max, out)
    }

    fn refused(&self, code: Code, message: &str, out: &mut Vec<u8>) {
        protobuf::text(self.error, message, out);
        protobuf::text(self.code, code.name(), out);
    }
}

/// What became of the calls of an outcome, in order.
pub async fn done(outcome: Outcome, layout: &Arc<Layout>) -> Result<VecDeque<Done>> {
    let Outcome { mut rows, changes, .. } = outcome;
    let mut all = VecDeque::with_capacity(changes.len());
    for change in changes {
        all.push_back(match change {
            Err(error) => Done::Failed(Arc::new(error)),
            Ok(Change { kept: Some(kept), .. }) => match told_again(&kept)? {
                (_, Some(error)) => Done::Failed(Arc::new(error)),
                (message, None) => Done::Framed { message, is_again: true },
            },
            Ok(change) => {
                let mut own = Vec::with_capacity(change.rows);
                while own.len() < change.rows {
                    let Some(row) = rows.next().await.transpose()? else { break };
                    own.push(row);
                }
                Done::Carried(change, own, layout.clone())
            }
        });
    }
    Ok(all)
}

/// Whether what is returned has an id, which everyone may see who may call the mutation.
fn has_id(schema: &Schema, mutation: &Endpoint) -> bool {
    match schema.kind(&mutation.item) {
        Kind::Object(object) => object.fields.get("id").is_none_or(|field| field.requires_scope.is_none()),
        Kind::Interface(_) | Kind::Union(_) => {
            let possible = schema.possible_types(&mutation.item);
            possible.iter().all(|object| object.fields.get("id").is_none_or(|field| field.requires_scope.is_none()))
        }
        Kind::Scalar(_) | Kind::Enum(_) => true,
    }
}
