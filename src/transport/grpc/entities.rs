//! Entities by their keys: what the methods for them have in common, and a batch in one message each way.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::api::{KEYS, Method, MethodKind};
use super::describe::{JOINS, READ_MASK};
use super::frame;
use super::methods::{ANY_TYPE, PreparedEntities};
use super::resolved::{Items, Tags, write};
use super::serve::{Answer, Call, Grpc};
use super::typed_keys::KeyReader;
use crate::auth::Caller;
use crate::codec::protobuf::{self, Layout, LengthRoom};
use crate::codec::{Columns, Shape, Stop, Trail};
use crate::engine::{Engine, Outcome};
use crate::error::{Code, Error, Result, Stage};
use crate::federation::answered::Answered;
use crate::federation::batch::{Encoding, EntityBatch, JsonRows};
use crate::federation::collected::Collected;
use crate::intent::selection::TYPENAME;
use crate::intent::value::Values;
use crate::schema::Schema;
use crate::schema::name::Name;

/// The service for clients that know no schema (proto/fraiseql/v1/entities.proto).
pub const UNTYPED: &str = "fraiseql.v1.EntityService";

/// The methods of [`UNTYPED`].
pub fn untyped() -> impl Iterator<Item = Method> {
    let method = |name: &str, kind, request: &str, response: &str| Method {
        name: name.to_owned(),
        kind,
        endpoint: ANY_TYPE.into(),
        request: format!("fraiseql.v1.{request}"),
        response: format!("fraiseql.v1.{response}"),
        comment: None,
        deprecated: false,
    };
    let batch = method("BatchGetEntities", MethodKind::BatchGet, "BatchGetEntitiesRequest", "BatchGetEntitiesResponse");
    [batch, method("ResolveEntities", MethodKind::Resolve, "EntityKey", "ResolvedEntity")].into_iter()
}

/// Answers a batch that came in one message.
pub async fn batch_get(call: &Call<'_>, grpc: &Grpc, message: &[u8]) -> Result<Answer> {
    let Call { engine, caller, method, .. } = *call;
    let (options, decoder) = (&grpc.options, &grpc.methods.decoder);
    let decode = (caller.observer().time(Stage::Decode), tracing::debug_span!("decode").entered());
    let (sent, given) = decoder.split(&method.request, KEYS, message)?;
    if sent.len() > options.representations_max {
        let max = options.representations_max;
        let message = format!("{} keys are more than {max} ([federation] max_representations)", sent.len());
        return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(KEYS));
    }
    let schema = engine.schema_for(caller);
    let prepared = grpc.methods.entities(&schema, method, given.get(READ_MASK))?;
    let tags = Tags::of(method, &grpc.lock)?;
    let keys = Keys { engine, caller, grpc, method, prepared: &prepared, tags: &tags, schema: &schema };
    let mut collected = keys.collected(sent.len());
    let reader = keys.reader(Some(KEYS));
    for (index, key) in sent.into_iter().enumerate() {
        if !reader.as_ref().is_some_and(|reader| reader.add(key, &mut collected)) {
            let key = decoder.item(&method.request, KEYS, index, key)?;
            collected.add(&representation(method, key));
        }
    }
    drop(decode);
    let bytes_max = options.message_bytes_max;
    let answered = keys.ask(collected, given.get(JOINS), bytes_max).await.into_failure()?;
    let mut out = Vec::new();
    let start = frame::open(&mut out);
    write(&answered, &tags, caller.observer(), &mut Items::new(&tags, &answered, bytes_max, &mut out))?;
    frame::close(start, call.encoding, bytes_max, &mut out)?;
    Ok(Answer::Whole(out.into(), None))
}

/// Keys that are asked together.
pub struct Keys<'a> {
    pub engine: &'a Arc<Engine>,
    pub caller: &'a Caller,
    pub grpc: &'a Grpc,
    pub method: &'a Method,
    pub prepared: &'a PreparedEntities,
    pub tags: &'a Tags,
    pub schema: &'a Schema,
}

/// Rows as the field of a result that holds their message.
struct ProtobufRows<'a> {
    grpc: &'a Grpc,
    tags: &'a Tags,
}

// === impl Keys ===

impl<'a> Keys<'a> {
    pub fn is_untyped(&self) -> bool {
        &*self.method.endpoint == ANY_TYPE
    }

    /// With room for so many keys.
    pub fn collected(&self, count: usize) -> Collected<'a> {
        Collected::new(self.schema, &self.prepared.wanted, count)
    }

    /// What reads keys of a type that is known, in a list of the request or as requests.
    pub fn reader(&self, list: Option<&str>) -> Option<KeyReader<'a>> {
        let (decoder, method) = (&self.grpc.methods.decoder, self.method);
        KeyReader::new(self.schema, &self.prepared.wanted, &method.endpoint, decoder, &method.request, list)
    }

    pub async fn ask(&self, collected: Collected<'_>, joins: Option<&Json>, bytes_max: usize) -> Answered {
        match self.is_untyped() {
            true => self.ask_as(collected, joins, bytes_max, &JsonRows).await,
            false => {
                let rows = ProtobufRows { grpc: self.grpc, tags: self.tags };
                self.ask_as(collected, joins, bytes_max, &rows).await
            }
        }
    }

    async fn ask_as<E: Encoding>(
        &self,
        collected: Collected<'_>,
        joins: Option<&Json>,
        bytes_max: usize,
        encoding: &E,
    ) -> Answered {
        let arguments = |name: &Name, values: &mut Values| self.prepared.arguments(self.schema, name, joins, values);
        let batch =
            EntityBatch { engine: self.engine, caller: self.caller, arguments: &arguments, encoding, bytes_max };
        batch.answer(collected).await
    }
}

/// A key as a representation; what is none is left for the check of each.
pub fn representation(method: &Method, key: Json) -> Json {
    let Json::Object(mut key) = key else { return Json::Null };
    if &*method.endpoint != ANY_TYPE {
        key.insert(TYPENAME.to_owned(), Json::String(method.endpoint.to_string()));
        return Json::Object(key);
    }
    let mut fields = match key.shift_remove("key") {
        Some(Json::Object(fields)) => fields,
        Some(_) => return Json::Null,
        None => Map::new(),
    };
    fields.extend(key.shift_remove("typename").map(|name| (TYPENAME.to_owned(), name)));
    Json::Object(fields)
}

// === impl ProtobufRows ===

impl Encoding for ProtobufRows<'_> {
    type Layout = (Arc<Layout>, LengthRoom);

    fn layout(&self, outcome: &Outcome) -> Result<Self::Layout> {
        Ok((self.grpc.layout(outcome)?, LengthRoom::default()))
    }

    fn row(
        &self,
        (layout, room): &mut Self::Layout,
        _: &Shape,
        columns: &Columns<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> std::result::Result<(), Stop> {
        let start = out.len();
        let written = protobuf::item(self.tags.entity, room, layout, columns, out, trail);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }
}
