//! `Api` → descriptors, as reflection hands them out: those of the service, of what it imports, and the
//! comments as source information.

use prost::Message as _;
use prost_types::enum_descriptor_proto::EnumReservedRange;
use prost_types::field_descriptor_proto::{Label as ProtoLabel, Type as ProtoType};
use prost_types::source_code_info::Location;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, EnumValueOptions, FieldDescriptorProto,
    FieldOptions, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, MethodOptions, OneofDescriptorProto,
    ServiceDescriptorProto, SourceCodeInfo,
};

use super::api::{Api, EnumType, Field, Label, Message, Method, Reserved, Type};
use super::proto_text::unspecified;

/// Descriptors of `proto/` and of everything that it imports.
const STATIC: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Field numbers within the descriptors themselves (descriptor.proto), which paths of comments are made of.
const FILE_MESSAGES: i32 = 4;
const FILE_ENUMS: i32 = 5;
const FILE_SERVICES: i32 = 6;
const MESSAGE_FIELDS: i32 = 2;
const ENUM_VALUES: i32 = 2;
const SERVICE_METHODS: i32 = 2;

/// The descriptors of a service with all that it needs.
pub fn file_descriptor_set(api: &Api) -> FileDescriptorSet {
    let mut set = shared();
    set.file.push(file(api));
    set
}

/// `fraiseql.v1` and the well-known types.
pub fn shared() -> FileDescriptorSet {
    // Made by build.rs from the same version of the library.
    FileDescriptorSet::decode(STATIC).unwrap_or_default()
}

fn file(api: &Api) -> FileDescriptorProto {
    let mut comments = Comments(Vec::new());
    let service = ServiceDescriptorProto {
        name: Some(api.service.clone()),
        method: api.methods.iter().map(|it| method(api, it)).collect(),
        options: None,
    };
    for (at, method) in api.methods.iter().enumerate() {
        comments.add(&[FILE_SERVICES, 0, SERVICE_METHODS, at as i32], method.comment.as_deref());
    }
    for (at, message) in api.messages.iter().enumerate() {
        let path = [FILE_MESSAGES, at as i32];
        comments.add(&path, message.comment.as_deref());
        for (field, it) in message.fields.iter().enumerate() {
            comments.add(&[path[0], path[1], MESSAGE_FIELDS, field as i32], it.comment.as_deref());
        }
    }
    for (at, declared) in api.enums.iter().enumerate() {
        let path = [FILE_ENUMS, at as i32];
        comments.add(&path, declared.comment.as_deref());
        for (value, it) in declared.values.iter().enumerate() {
            // The zero comes first.
            comments.add(&[path[0], path[1], ENUM_VALUES, value as i32 + 1], it.comment.as_deref());
        }
    }
    FileDescriptorProto {
        name: Some(api.file_name()),
        package: Some(api.package.clone()),
        dependency: api.imports().into_iter().map(str::to_owned).collect(),
        message_type: api.messages.iter().map(|it| message(api, it)).collect(),
        enum_type: api.enums.iter().map(enumeration).collect(),
        service: vec![service],
        source_code_info: Some(SourceCodeInfo { location: comments.0 }),
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    }
}

struct Comments(Vec<Location>);

impl Comments {
    fn add(&mut self, path: &[i32], text: Option<&str>) {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return };
        let text = text.lines().map(|line| format!(" {}\n", line.trim_end())).collect();
        // A span is required; there is no file whose lines it could name.
        let location =
            Location { path: path.to_vec(), span: vec![0, 0, 0], leading_comments: Some(text), ..Location::default() };
        self.0.push(location);
    }
}

fn method(api: &Api, method: &Method) -> MethodDescriptorProto {
    let name = |message: &str| Some(format!(".{}.{message}", api.package));
    MethodDescriptorProto {
        name: Some(method.name.clone()),
        input_type: name(&method.request),
        output_type: name(&method.response),
        options: method.deprecated.then(|| MethodOptions { deprecated: Some(true), ..MethodOptions::default() }),
        client_streaming: method.kind.takes_stream().then_some(true),
        server_streaming: method.kind.is_streaming().then_some(true),
    }
}

fn message(api: &Api, message: &Message) -> DescriptorProto {
    let mut oneofs: Vec<&str> = message.oneof.iter().filter(|_| !message.fields.is_empty()).copied().collect();
    let mut synthetic: Vec<String> = Vec::new();
    let mut fields = Vec::with_capacity(message.fields.len());
    for it in &message.fields {
        let mut described = field(api, it);
        if message.oneof.is_some() {
            described.oneof_index = Some(0);
        } else if it.label == Label::Optional {
            // proto3 spells presence as a oneof of its own.
            described.oneof_index = Some((oneofs.len() + synthetic.len()) as i32);
            described.proto3_optional = Some(true);
            synthetic.push(format!("_{}", it.name));
        }
        fields.push(described);
    }
    oneofs.extend(synthetic.iter().map(String::as_str));
    let range = |number: &u32| prost_types::descriptor_proto::ReservedRange {
        start: Some(*number as i32),
        end: Some(*number as i32 + 1),
    };
    DescriptorProto {
        name: Some(message.name.clone()),
        field: fields,
        oneof_decl: oneofs
            .into_iter()
            .map(|name| OneofDescriptorProto { name: Some(name.to_owned()), options: None })
            .collect(),
        reserved_range: message.reserved.numbers.iter().map(range).collect(),
        reserved_name: message.reserved.names.clone(),
        ..DescriptorProto::default()
    }
}

fn field(api: &Api, field: &Field) -> FieldDescriptorProto {
    let (ty, name) = match &field.ty {
        Type::Double => (ProtoType::Double, None),
        Type::Int32 => (ProtoType::Int32, None),
        Type::Int64 => (ProtoType::Int64, None),
        Type::Bool => (ProtoType::Bool, None),
        Type::String => (ProtoType::String, None),
        Type::Message(name) => (ProtoType::Message, Some(format!(".{}.{name}", api.package))),
        Type::Enum(name) => (ProtoType::Enum, Some(format!(".{}.{name}", api.package))),
        Type::OrderDirection => (ProtoType::Enum, Some(format!(".{}", field.ty.name()))),
        Type::Timestamp
        | Type::Value
        | Type::ListValue
        | Type::FieldMask
        | Type::PageInfo
        | Type::EntityError
        | Type::Filter(_) => (ProtoType::Message, Some(format!(".{}", field.ty.name()))),
    };
    let label = if field.label == Label::Repeated { ProtoLabel::Repeated } else { ProtoLabel::Optional };
    FieldDescriptorProto {
        name: Some(field.name.clone()),
        number: Some(field.number as i32),
        label: Some(label.into()),
        r#type: Some(ty.into()),
        type_name: name,
        json_name: Some(json_name(&field.name)),
        options: field.deprecated.then(|| FieldOptions { deprecated: Some(true), ..FieldOptions::default() }),
        ..FieldDescriptorProto::default()
    }
}

/// As protoc derives it: each letter behind an underscore becomes a capital.
fn json_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut capital = false;
    for c in name.chars() {
        match c {
            '_' => capital = true,
            c if std::mem::take(&mut capital) => out.push(c.to_ascii_uppercase()),
            c => out.push(c),
        }
    }
    out
}

fn enumeration(declared: &EnumType) -> EnumDescriptorProto {
    let value = |name: String, number: u32, deprecated: bool| EnumValueDescriptorProto {
        name: Some(name),
        number: Some(number as i32),
        options: deprecated.then(|| EnumValueOptions { deprecated: Some(true), ..EnumValueOptions::default() }),
    };
    let zero = value(unspecified(&declared.name), 0, false);
    let others = declared.values.iter().map(|it| value(it.name.clone(), it.number, it.deprecated));
    let Reserved { numbers, names } = &declared.reserved;
    // Unlike those of messages, ranges of enums include their end.
    let range = |number: &u32| EnumReservedRange { start: Some(*number as i32), end: Some(*number as i32) };
    EnumDescriptorProto {
        name: Some(declared.name.clone()),
        value: std::iter::once(zero).chain(others).collect(),
        reserved_range: numbers.iter().map(range).collect(),
        reserved_name: names.clone(),
        ..EnumDescriptorProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::filter::{DIRECTIONS, Operators};
    use crate::schema::model::Scalar;
    use crate::transport::grpc::inputs::{operator_field, scalar_filter};

    fn shared_message(name: &str) -> DescriptorProto {
        let files = shared().file;
        let messages =
            files.into_iter().filter(|file| file.package() == "fraiseql.v1").flat_map(|file| file.message_type);
        let bare = name.strip_prefix("fraiseql.v1.").unwrap();
        messages.into_iter().find(|message| message.name() == bare).unwrap()
    }

    /// proto/fraiseql/v1/filters.proto has the operators of the one table.
    #[test]
    fn filters_have_every_operator() {
        for scalar in [
            Scalar::Id,
            Scalar::Uuid,
            Scalar::String,
            Scalar::Int,
            Scalar::BigInt,
            Scalar::Float,
            Scalar::Decimal,
            Scalar::Boolean,
            Scalar::DateTime,
            Scalar::Date,
            Scalar::Time,
            Scalar::Json,
            Scalar::Text,
        ] {
            for (is_list, operators) in [(false, Operators::of_scalar(scalar)), (true, Operators::List)] {
                let name = scalar_filter(scalar, is_list);
                let found = shared_message(name);
                let api = Api {
                    package: String::new(),
                    service: String::new(),
                    messages: Vec::new(),
                    enums: Vec::new(),
                    methods: Vec::new(),
                };
                let expected: Vec<_> = operators.table().map(|row| operator_field(row, &Type::of(scalar))).collect();
                let expected: Vec<_> = expected.iter().map(|it| field(&api, it)).collect();
                let shown = |field: &FieldDescriptorProto| (field.name().to_owned(), field.r#type(), field.label());
                let (found, expected): (Vec<_>, Vec<_>) =
                    (found.field.iter().map(shown).collect(), expected.iter().map(shown).collect());
                assert_eq!(found, expected, "{name}");
            }
        }
    }

    #[test]
    fn directions_are_those_of_the_table() {
        let files = shared().file;
        let enums: Vec<_> = files.iter().flat_map(|file| &file.enum_type).collect();
        let found = enums.iter().find(|it| it.name() == "OrderDirection").unwrap();
        let names: Vec<&str> = found.value.iter().skip(1).map(EnumValueDescriptorProto::name).collect();
        let expected: Vec<String> = DIRECTIONS.iter().map(|(name, _, _)| format!("ORDER_DIRECTION_{name}")).collect();
        assert_eq!(names, expected);
    }
}
