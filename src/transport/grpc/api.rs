//! The gRPC form of a schema: messages, enums and methods, as plain data.
//!
//! The `.proto` text, the descriptors and the decoder of requests are all made from it, so that they
//! cannot differ.

use crate::schema::lock::{Lock, Wanted};
use crate::schema::model::Scalar;
use crate::schema::name::Name;

/// One service with everything that it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// `user_service.v1`
    pub package: String,
    /// `UserService`
    pub service: String,
    pub messages: Vec<Message>,
    pub enums: Vec<EnumType>,
    pub methods: Vec<Method>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub name: String,
    pub comment: Option<String>,
    pub fields: Vec<Field>,
    /// The name of the oneof that all fields are cases of.
    pub oneof: Option<&'static str>,
    pub reserved: Reserved,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    /// What the rest of the program calls it: the name of a field, an argument or an operator.
    pub source: Name,
    pub number: u32,
    pub ty: Type,
    pub label: Label,
    pub comment: Option<String>,
    pub deprecated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Absence is zero, except of a message.
    Plain,
    Optional,
    Repeated,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Double,
    Int32,
    Int64,
    Bool,
    String,
    /// A message of this package.
    Message(String),
    /// An enum of this package.
    Enum(String),
    Timestamp,
    Value,
    ListValue,
    FieldMask,
    OrderDirection,
    PageInfo,
    EntityError,
    /// A message of `fraiseql.v1` that compares values of a scalar.
    Filter(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub struct EnumType {
    pub name: String,
    pub comment: Option<String>,
    pub values: Vec<EnumValue>,
    pub reserved: Reserved,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EnumValue {
    pub name: String,
    /// The name in the API of the schema.
    pub source: Name,
    pub number: u32,
    pub comment: Option<String>,
    pub deprecated: bool,
}

/// Numbers and names that are gone for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reserved {
    pub numbers: Vec<u32>,
    pub names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    pub name: String,
    pub kind: MethodKind,
    /// The query or the mutation of the schema, or the type of the entities.
    pub endpoint: Name,
    pub request: String,
    pub response: String,
    pub comment: Option<String>,
    pub deprecated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    /// One row, or `NOT_FOUND`.
    Get,
    /// A stream with one row in each message.
    List,
    /// A stream with many rows in each message.
    Pages,
    /// One page of a connection.
    Connection,
    /// How many there are.
    Count,
    /// Entities in the order of their keys.
    BatchGet,
    /// The same, each key as it comes.
    Resolve,
    /// One command.
    Command,
    /// A stream of commands, and one of what became of each.
    Commands,
}

/// The repeated field of a page's rows, and of what became of each key.
pub const PAGE_ITEMS: &str = "items";
/// The cases of what became of a key.
pub const ENTITY: &str = "entity";
pub const ERROR: &str = "error";
/// The keys of a batch.
pub const KEYS: &str = "keys";

// === impl Api ===

impl Api {
    /// What the lock has to hold numbers for.
    pub fn wanted(&self) -> Wanted {
        let field = |field: &Field| (field.name.clone(), field.wire());
        Wanted {
            messages: self
                .messages
                .iter()
                .map(|message| (message.name.clone(), message.fields.iter().map(field).collect()))
                .collect(),
            enums: self
                .enums
                .iter()
                .map(|declared| {
                    (declared.name.clone(), declared.values.iter().map(|value| value.name.clone()).collect())
                })
                .collect(),
        }
    }

    /// Gives everything its number; names what has none.
    pub fn numbered(mut self, lock: &Lock) -> Result<Api, String> {
        for message in &mut self.messages {
            let reserved = lock.reserved_fields(&message.name);
            message.reserved =
                Reserved { numbers: reserved.numbers, names: reserved.names.into_iter().map(str::to_owned).collect() };
            for field in &mut message.fields {
                let found = lock.field(&message.name, &field.name);
                let found = found.ok_or_else(|| format!("{}.{}", message.name, field.name))?;
                field.number = found.number;
            }
            message.fields.sort_by_key(|field| field.number);
        }
        for declared in &mut self.enums {
            let reserved = lock.reserved_values(&declared.name);
            declared.reserved =
                Reserved { numbers: reserved.numbers, names: reserved.names.into_iter().map(str::to_owned).collect() };
            for value in &mut declared.values {
                let found = lock.value(&declared.name, &value.name);
                value.number = found.ok_or_else(|| value.name.clone())?;
            }
            declared.values.sort_by_key(|value| value.number);
        }
        Ok(self)
    }

    pub fn message(&self, name: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.name == name)
    }

    /// `user_service.v1.UserService`
    pub fn service_name(&self) -> String {
        format!("{}.{}", self.package, self.service)
    }

    /// `user_service/v1/user_service.proto`
    pub fn file_name(&self) -> String {
        let file = crate::schema::name::snake_case(&self.service);
        format!("{}/{file}.proto", self.package.replace('.', "/"))
    }

    /// Files that the types of this one come from.
    pub fn imports(&self) -> Vec<&'static str> {
        let fields = || self.messages.iter().flat_map(|message| &message.fields);
        let mut files: Vec<&str> = fields().filter_map(|field| field.ty.file()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

// === impl Field ===

impl Field {
    /// How the field travels, in the words of the lock.
    fn wire(&self) -> String {
        let ty = self.ty.name();
        match self.label {
            Label::Plain | Label::Optional => ty.to_owned(),
            Label::Repeated => format!("repeated {ty}"),
        }
    }
}

// === impl Type ===

impl Type {
    /// The type of a scalar.
    pub fn of(scalar: Scalar) -> Type {
        match scalar {
            Scalar::Int => Type::Int32,
            Scalar::BigInt => Type::Int64,
            Scalar::Float => Type::Double,
            Scalar::Boolean => Type::Bool,
            Scalar::DateTime => Type::Timestamp,
            Scalar::Json => Type::Value,
            Scalar::Id
            | Scalar::Uuid
            | Scalar::String
            | Scalar::Decimal
            | Scalar::Date
            | Scalar::Time
            | Scalar::Text => Type::String,
        }
    }

    /// As a `.proto` of the same package spells it.
    pub fn name(&self) -> &str {
        match self {
            Type::Double => "double",
            Type::Int32 => "int32",
            Type::Int64 => "int64",
            Type::Bool => "bool",
            Type::String => "string",
            Type::Message(name) | Type::Enum(name) => name,
            Type::Timestamp => "google.protobuf.Timestamp",
            Type::Value => "google.protobuf.Value",
            Type::ListValue => "google.protobuf.ListValue",
            Type::FieldMask => "google.protobuf.FieldMask",
            Type::OrderDirection => "fraiseql.v1.OrderDirection",
            Type::PageInfo => "fraiseql.v1.PageInfo",
            Type::EntityError => "fraiseql.v1.EntityError",
            Type::Filter(name) => name,
        }
    }

    fn file(&self) -> Option<&'static str> {
        match self {
            Type::Double | Type::Int32 | Type::Int64 | Type::Bool | Type::String | Type::Message(_) | Type::Enum(_) => {
                None
            }
            Type::Timestamp => Some("google/protobuf/timestamp.proto"),
            Type::Value | Type::ListValue => Some("google/protobuf/struct.proto"),
            Type::FieldMask => Some("google/protobuf/field_mask.proto"),
            Type::OrderDirection | Type::PageInfo => Some("fraiseql/v1/common.proto"),
            Type::EntityError => Some("fraiseql/v1/entities.proto"),
            Type::Filter(_) => Some("fraiseql/v1/filters.proto"),
        }
    }

    /// Whether a field of this type knows by itself whether it is there.
    pub fn is_message(&self) -> bool {
        match self {
            Type::Double
            | Type::Int32
            | Type::Int64
            | Type::Bool
            | Type::String
            | Type::Enum(_)
            | Type::OrderDirection => false,
            Type::Message(_)
            | Type::Timestamp
            | Type::Value
            | Type::ListValue
            | Type::FieldMask
            | Type::PageInfo
            | Type::EntityError
            | Type::Filter(_) => true,
        }
    }
}

// === impl MethodKind ===

impl MethodKind {
    /// The answer is a stream.
    pub fn is_streaming(self) -> bool {
        match self {
            MethodKind::List | MethodKind::Pages | MethodKind::Resolve | MethodKind::Commands => true,
            MethodKind::Get
            | MethodKind::Connection
            | MethodKind::Count
            | MethodKind::BatchGet
            | MethodKind::Command => false,
        }
    }

    /// The request is a stream.
    pub fn takes_stream(self) -> bool {
        match self {
            MethodKind::Resolve | MethodKind::Commands => true,
            MethodKind::Get
            | MethodKind::List
            | MethodKind::Pages
            | MethodKind::Connection
            | MethodKind::Count
            | MethodKind::BatchGet
            | MethodKind::Command => false,
        }
    }

    /// Rows are asked by their keys.
    pub fn is_of_entities(self) -> bool {
        matches!(self, MethodKind::BatchGet | MethodKind::Resolve)
    }

    /// Something is changed.
    pub fn is_write(self) -> bool {
        match self {
            MethodKind::Command | MethodKind::Commands => true,
            MethodKind::Get
            | MethodKind::List
            | MethodKind::Pages
            | MethodKind::Connection
            | MethodKind::Count
            | MethodKind::BatchGet
            | MethodKind::Resolve => false,
        }
    }
}
