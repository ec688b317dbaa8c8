//! The bytes of a request → its arguments, as the rest of the program takes them.
//!
//! What is read is what the `Api` declares. Numbers that it does not are refused: an unknown field would be
//! a filter that does not filter.

use std::collections::HashMap;

use serde_json::{Map, Number, Value as Json};

use super::api::{self, Api, Label, Type};
use super::descriptor;
use super::raw::{Raw, next, take, varint};
use super::well_known::{list, structure, timestamp, value};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::{DIRECTIONS, Operators};
use crate::problem::did_you_mean;
use crate::schema::name::{Name, camel_case};

/// Messages within messages, filters within filters and values within values that are followed.
pub const DEPTH_MAX: usize = 64;

/// Room that is made for the items of a list before they are counted: what one takes at least, and for how many.
const ITEM_BYTES: usize = 32;
const ITEMS_AHEAD_MAX: usize = 4096;

/// Decodes the requests of one service.
#[derive(Debug)]
pub struct Decoder {
    messages: Vec<Message>,
    by_name: HashMap<String, usize, ahash::RandomState>,
    enums: Vec<Enum>,
}

/// The items of one field of a request, and its other arguments.
type Split<'b> = (Vec<&'b [u8]>, Map<String, Json>);

/// By number.
type Fields = HashMap<u32, Field, ahash::RandomState>;

#[derive(Debug)]
struct Message {
    fields: Fields,
    names: Vec<String>,
    is_oneof: bool,
    /// At least one field has to be there.
    needs_content: bool,
}

#[derive(Debug)]
pub struct Field {
    name: String,
    /// As the schema has it.
    pub source: Name,
    repeated: bool,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Double,
    Int32,
    Int64,
    Bool,
    String,
    Enum(usize),
    Message(usize),
    Timestamp,
    Value,
    Struct,
    ListValue,
    FieldMask,
    /// Only answers have it.
    Other,
}

#[derive(Debug)]
struct Enum {
    name: String,
    /// By number: the name in protobuf, and in the rest of the program.
    values: HashMap<i64, (String, Name)>,
}

// === impl Decoder ===

impl Decoder {
    pub fn new(api: &Api) -> Decoder {
        let mut decoder = Decoder { messages: Vec::new(), by_name: HashMap::default(), enums: Vec::new() };
        let directions = DIRECTIONS
            .iter()
            .enumerate()
            .map(|(at, (name, _, _))| (at as i64 + 1, (format!("ORDER_DIRECTION_{name}"), Name::from(*name))));
        decoder.enums.push(Enum { name: "OrderDirection".to_owned(), values: directions.collect() });
        let mut enums: HashMap<&str, usize> = HashMap::new();
        for declared in &api.enums {
            let values = declared.values.iter().map(|it| (it.number.into(), (it.name.clone(), it.source.clone())));
            enums.insert(&declared.name, decoder.enums.len());
            decoder.enums.push(Enum { name: declared.name.clone(), values: values.collect() });
        }
        decoder.add_shared();
        let first = decoder.messages.len();
        let own = api.messages.iter().enumerate().map(|(at, message)| (message.name.clone(), first + at));
        decoder.by_name.extend(own);
        for message in &api.messages {
            let fields = message.fields.iter().map(|field| {
                let kind = match &field.ty {
                    Type::Double => Kind::Double,
                    Type::Int32 => Kind::Int32,
                    Type::Int64 => Kind::Int64,
                    Type::Bool => Kind::Bool,
                    Type::String => Kind::String,
                    Type::Enum(name) => enums.get(name.as_str()).map_or(Kind::Other, |at| Kind::Enum(*at)),
                    Type::OrderDirection => Kind::Enum(0),
                    Type::Message(_) | Type::Filter(_) => {
                        decoder.by_name.get(field.ty.name()).map_or(Kind::Other, |at| Kind::Message(*at))
                    }
                    Type::Timestamp => Kind::Timestamp,
                    Type::Value => Kind::Value,
                    Type::FieldMask => Kind::FieldMask,
                    Type::ListValue => Kind::ListValue,
                    Type::PageInfo | Type::EntityError => Kind::Other,
                };
                let (name, source, repeated) =
                    (field.name.clone(), field.source.clone(), field.label == Label::Repeated);
                (field.number, Field { name, source, repeated, kind })
            });
            let is_filter = message.name.ends_with("Filter") && message.fields.iter().all(is_operator);
            let needs_content = is_filter || message.oneof.is_some();
            let message = Message::new(fields.collect(), message.oneof.is_some(), needs_content);
            decoder.messages.push(message);
        }
        decoder
    }

    /// The filters of `fraiseql.v1`.
    fn add_shared(&mut self) {
        use prost_types::field_descriptor_proto::{Label, Type};
        let shared = descriptor::shared();
        let files = || shared.file.iter().filter(|file| file.package() == "fraiseql.v1");
        let messages = || files().flat_map(|file| &file.message_type);
        let first = self.messages.len();
        let names = messages().enumerate().map(|(at, message)| (format!("fraiseql.v1.{}", message.name()), first + at));
        self.by_name.extend(names);
        for message in messages() {
            let fields = message.field.iter().map(|field| {
                let kind = match field.r#type() {
                    Type::Double => Kind::Double,
                    Type::Int32 => Kind::Int32,
                    Type::Int64 => Kind::Int64,
                    Type::Bool => Kind::Bool,
                    Type::String => Kind::String,
                    Type::Message if field.type_name().ends_with(".Timestamp") => Kind::Timestamp,
                    Type::Message if field.type_name().ends_with(".Value") => Kind::Value,
                    Type::Message if field.type_name().ends_with(".Struct") => Kind::Struct,
                    Type::Message => {
                        let known = self.by_name.get(field.type_name().trim_start_matches('.'));
                        known.map_or(Kind::Other, |at| Kind::Message(*at))
                    }
                    _ => Kind::Other,
                };
                let (name, source) = (field.name().to_owned(), camel_case(field.name()).into());
                let repeated = field.label() == Label::Repeated;
                (field.number() as u32, Field { name, source, repeated, kind })
            });
            let is_filter = message.name().ends_with("Filter");
            let message_of = Message::new(fields.collect(), false, is_filter);
            self.messages.push(message_of);
        }
    }

    /// The arguments in the bytes of a request message, by the names of the schema.
    pub fn decode(&self, request: &str, bytes: &[u8]) -> Result<Map<String, Json>> {
        let mut arguments = Map::new();
        match self.by_name.get(request) {
            Some(message) => self.message(*message, bytes, "", 0, &mut arguments)?,
            None => return Err(broken("")),
        }
        Ok(arguments)
    }

    /// The items of one field of a request as they came, and its other arguments.
    pub fn split<'b>(&self, request: &str, list: &str, bytes: &'b [u8]) -> Result<Split<'b>> {
        let (mut items, mut others, mut bytes) =
            (Vec::with_capacity((bytes.len() / ITEM_BYTES).min(ITEMS_AHEAD_MAX)), Map::new(), bytes);
        let message = self.by_name.get(request).map(|at| &self.messages[*at]).ok_or_else(|| broken(""))?;
        let split = message.fields.iter().find(|(_, field)| *field.source == *list).map(|(number, _)| *number);
        while !bytes.is_empty() {
            match next(&mut bytes).ok_or_else(|| broken(""))? {
                (number, Raw::Bytes(item)) if Some(number) == split => items.push(item),
                (number, raw) => self.field(message, number, raw, "", 0, &mut others)?,
            }
        }
        Ok((items, others))
    }

    /// One of the items.
    pub fn item(&self, request: &str, list: &str, index: usize, bytes: &[u8]) -> Result<Json> {
        let message = self.by_name.get(request).map(|at| &self.messages[*at]);
        let field = message.and_then(|message| message.fields.values().find(|field| *field.source == *list));
        let field = field.ok_or_else(|| broken(""))?;
        self.value(field.kind, Raw::Bytes(bytes), &format!("{}[{index}]", field.name), 0)
    }

    /// The fields of a request, or of the items of one of its lists, by their numbers.
    pub fn fields(&self, request: &str, list: Option<&str>) -> impl Iterator<Item = (u32, &Field)> {
        let message = self.by_name.get(request).map(|at| &self.messages[*at]);
        let message = match (message, list) {
            (Some(message), Some(list)) => {
                let list = message.fields.values().find(|field| *field.source == *list);
                list.and_then(|list| if let Kind::Message(at) = list.kind { self.messages.get(at) } else { None })
            }
            (message, _) => message,
        };
        message.into_iter().flat_map(|message| &message.fields).map(|(number, field)| (*number, field))
    }

    fn message(
        &self,
        at: usize,
        mut bytes: &[u8],
        path: &str,
        depth: usize,
        into: &mut Map<String, Json>,
    ) -> Result<()> {
        if depth > DEPTH_MAX {
            let message = format!("{path} is nested deeper than {DEPTH_MAX} levels");
            return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(path));
        }
        let message = &self.messages[at];
        while !bytes.is_empty() {
            let (number, raw) = next(&mut bytes).ok_or_else(|| broken(path))?;
            self.field(message, number, raw, path, depth, into)?;
        }
        if message.needs_content && into.is_empty() {
            let what =
                if message.is_oneof { "a field" } else { "an operator (an empty list cannot be told from none)" };
            return Err(Error::invalid(format!("{path} is there without {what}")).at(path));
        }
        Ok(())
    }

    fn field(
        &self,
        message: &Message,
        number: u32,
        raw: Raw<'_>,
        path: &str,
        depth: usize,
        into: &mut Map<String, Json>,
    ) -> Result<()> {
        let Some(field) = message.fields.get(&number) else {
            let what = if path.is_empty() { "the request" } else { path };
            let known = did_you_mean("", message.names.iter().map(String::as_str));
            let known = known.map(|known| format!("; {known}")).unwrap_or_default();
            let text = format!("{what} has no field number {number}{known}");
            return Err(Error::invalid(format!("{text}; was the client built from a newer schema?")).at(path));
        };
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        if message.is_oneof {
            into.clear();
        }
        if field.repeated {
            let slot = into.entry(&*field.source).or_insert_with(|| Json::Array(Vec::new()));
            if let Json::Array(items) = slot {
                self.items(field.kind, raw, &path, depth, items)?;
            }
        } else if let Kind::Message(inner) = field.kind {
            // The same message twice is merged, as protobuf has it.
            let slot = into.entry(&*field.source).or_insert_with(|| Json::Object(Map::new()));
            if let (Json::Object(slot), Raw::Bytes(bytes)) = (slot, raw) {
                self.message(inner, bytes, &path, depth + 1, slot)?;
            } else {
                return Err(broken(&path));
            }
        } else {
            let value = self.value(field.kind, raw, &path, depth)?;
            // So are the well-known messages that hold more than one thing.
            match (field.kind, into.get_mut(&*field.source), value) {
                (Kind::FieldMask | Kind::ListValue, Some(Json::Array(all)), Json::Array(more)) => all.extend(more),
                (Kind::Struct, Some(Json::Object(all)), Json::Object(more)) => all.extend(more),
                (_, _, value) => drop(into.insert(String::from(&*field.source), value)),
            }
        }
        Ok(())
    }

    /// One item, or the packed items of a list of numbers.
    fn items(&self, kind: Kind, raw: Raw<'_>, path: &str, depth: usize, items: &mut Vec<Json>) -> Result<()> {
        let is_packed = match kind {
            Kind::Double | Kind::Int32 | Kind::Int64 | Kind::Bool | Kind::Enum(_) => matches!(raw, Raw::Bytes(_)),
            Kind::String
            | Kind::Message(_)
            | Kind::Timestamp
            | Kind::Value
            | Kind::Struct
            | Kind::ListValue
            | Kind::FieldMask
            | Kind::Other => false,
        };
        let Raw::Bytes(mut bytes) = raw else {
            items.push(self.value(kind, raw, path, depth)?);
            return Ok(());
        };
        if !is_packed {
            let path = format!("{path}[{}]", items.len());
            items.push(self.value(kind, Raw::Bytes(bytes), &path, depth)?);
            return Ok(());
        }
        while !bytes.is_empty() {
            let item = match kind {
                Kind::Double => take::<8>(&mut bytes).map(Raw::Fixed64),
                _ => varint(&mut bytes).map(Raw::Varint),
            };
            items.push(self.value(kind, item.ok_or_else(|| broken(path))?, path, depth)?);
        }
        Ok(())
    }

    fn value(&self, kind: Kind, raw: Raw<'_>, path: &str, depth: usize) -> Result<Json> {
        Ok(match (kind, raw) {
            (Kind::Double, Raw::Fixed64(bytes)) => {
                let number = f64::from_le_bytes(bytes);
                let number = Number::from_f64(number);
                Json::Number(number.ok_or_else(|| Error::invalid(format!("{path}: not a finite number")).at(path))?)
            }
            (Kind::Int32, Raw::Varint(value)) => Json::from(value as i32),
            (Kind::Int64, Raw::Varint(value)) => Json::from(value as i64),
            (Kind::Bool, Raw::Varint(value)) => Json::Bool(value != 0),
            (Kind::String, Raw::Bytes(bytes)) => Json::String(text(bytes, path)?),
            (Kind::Enum(at), Raw::Varint(value)) => self.enum_value(at, i64::from(value as i32), path)?,
            (Kind::Message(at), Raw::Bytes(bytes)) => {
                let mut object = Map::new();
                self.message(at, bytes, path, depth + 1, &mut object)?;
                Json::Object(object)
            }
            (Kind::Timestamp, Raw::Bytes(bytes)) => timestamp(bytes, path)?,
            (Kind::Value, Raw::Bytes(bytes)) => value(bytes, path, depth)?,
            // One that is too deep costs only the key that it belongs to.
            (Kind::Struct, Raw::Bytes(bytes)) => match structure(bytes, path, depth) {
                Err(error) if error.code == Code::TooComplex => Json::Null,
                found => found?,
            },
            (Kind::ListValue, Raw::Bytes(bytes)) => list(bytes, path, depth)?,
            (Kind::FieldMask, Raw::Bytes(mut bytes)) => {
                let mut paths = Vec::new();
                while !bytes.is_empty() {
                    match next(&mut bytes) {
                        Some((1, Raw::Bytes(bytes))) => paths.push(Json::String(text(bytes, path)?)),
                        Some(_) | None => return Err(broken(path)),
                    }
                }
                Json::Array(paths)
            }
            _ => return Err(broken(path)),
        })
    }

    fn enum_value(&self, at: usize, number: i64, path: &str) -> Result<Json> {
        let declared = &self.enums[at];
        if let Some((_, source)) = declared.values.get(&number) {
            return Ok(Json::from(&**source));
        }
        let mut known: Vec<(&i64, &String)> =
            declared.values.iter().map(|(number, (name, _))| (number, name)).collect();
        known.sort();
        let known: Vec<&str> = known.into_iter().map(|(_, name)| name.as_str()).collect();
        let message = format!("{path}: {number} is not a value of {}; it may be {}", declared.name, known.join(", "));
        Err(Error::invalid(message).at(path))
    }
}

impl Message {
    fn new(fields: Fields, is_oneof: bool, needs_content: bool) -> Message {
        let mut known: Vec<(&u32, &Field)> = fields.iter().collect();
        known.sort_by_key(|(number, _)| **number);
        let names = known.into_iter().map(|(_, field)| field.name.clone()).collect();
        Message { fields, names, is_oneof, needs_content }
    }
}

/// Whether a field is one of an enum's filter; an input type may be called a filter too.
fn is_operator(field: &api::Field) -> bool {
    [Operators::Equality, Operators::List].iter().any(|operators| operators.find(&field.source).is_some())
}

pub fn text(bytes: &[u8], path: &str) -> Result<String> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|_| Error::invalid(format!("{path} is not text in UTF-8")).at(path))
}

#[cold]
pub fn broken(path: &str) -> Error {
    let what = if path.is_empty() { "the request" } else { path };
    Error::invalid(format!("{what} is not a protobuf message of the declared type")).at(path)
}
