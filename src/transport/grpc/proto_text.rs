//! The `.proto` text of an `Api`, and the files that go with it.

use std::fmt::Write;

use super::api::{Api, EnumType, Field, Label, Message, Method, Reserved};

/// Files of `fraiseql.v1`, which generated ones import.
const STATIC: [(&str, &str); 3] = [
    ("fraiseql/v1/common.proto", include_str!("../../../proto/fraiseql/v1/common.proto")),
    ("fraiseql/v1/entities.proto", include_str!("../../../proto/fraiseql/v1/entities.proto")),
    ("fraiseql/v1/filters.proto", include_str!("../../../proto/fraiseql/v1/filters.proto")),
];

/// The rules that `buf lint` checks, the same for the generated files and for ours.
const BUF_YAML: &str = include_str!("../../../proto/buf.yaml");

/// Every file that a client generator needs, by its path below one directory.
pub fn files(api: &Api) -> Vec<(String, String)> {
    let imports = api.imports();
    let own = [(api.file_name(), proto(api)), ("buf.yaml".to_owned(), BUF_YAML.to_owned())];
    let shared = STATIC.iter().filter(|(path, _)| imports.contains(path));
    own.into_iter().chain(shared.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))).collect()
}

/// The text of the service's own file.
pub fn proto(api: &Api) -> String {
    let mut out =
        String::from("// Written by `fraiseql compile --output-proto`; the numbers are those of fraiseql.lock.\n");
    let _ = writeln!(out, "syntax = \"proto3\";\n\npackage {};\n", api.package);
    let imports = api.imports();
    for import in &imports {
        let _ = writeln!(out, "import \"{import}\";");
    }
    if !imports.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "service {} {{", api.service);
    for (i, method) in api.methods.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        self::method(method, &mut out);
    }
    out.push_str("}\n");
    for message in &api.messages {
        self::message(message, &mut out);
    }
    for declared in &api.enums {
        enumeration(declared, &mut out);
    }
    out
}

fn method(method: &Method, out: &mut String) {
    comment(method.comment.as_deref(), "  ", out);
    let stream = |is_stream: bool| if is_stream { "stream " } else { "" };
    let (taken, given) = (stream(method.kind.takes_stream()), stream(method.kind.is_streaming()));
    let _ = write!(out, "  rpc {}({taken}{}) returns ({given}{})", method.name, method.request, method.response);
    out.push_str(if method.deprecated { " {\n    option deprecated = true;\n  }\n" } else { ";\n" });
}

fn message(message: &Message, out: &mut String) {
    out.push('\n');
    comment(message.comment.as_deref(), "", out);
    let is_empty = message.fields.is_empty() && message.reserved == Reserved::default();
    if is_empty {
        let _ = writeln!(out, "message {} {{}}", message.name);
        return;
    }
    let _ = writeln!(out, "message {} {{", message.name);
    reserved(&message.reserved, out);
    match message.oneof {
        Some(name) if !message.fields.is_empty() => {
            let _ = writeln!(out, "  oneof {name} {{");
            message.fields.iter().for_each(|it| field(it, "    ", out));
            out.push_str("  }\n");
        }
        Some(_) | None => message.fields.iter().for_each(|it| field(it, "  ", out)),
    }
    out.push_str("}\n");
}

fn field(field: &Field, indent: &str, out: &mut String) {
    comment(field.comment.as_deref(), indent, out);
    let label = match field.label {
        Label::Plain => "",
        Label::Optional => "optional ",
        Label::Repeated => "repeated ",
    };
    let _ = write!(out, "{indent}{label}{} {} = {}", field.ty.name(), field.name, field.number);
    out.push_str(if field.deprecated { " [deprecated = true];\n" } else { ";\n" });
}

fn enumeration(declared: &EnumType, out: &mut String) {
    out.push('\n');
    comment(declared.comment.as_deref(), "", out);
    let _ = writeln!(out, "enum {} {{", declared.name);
    reserved(&declared.reserved, out);
    let _ = writeln!(out, "  {} = 0;", unspecified(&declared.name));
    for value in &declared.values {
        comment(value.comment.as_deref(), "  ", out);
        let _ = write!(out, "  {} = {}", value.name, value.number);
        out.push_str(if value.deprecated { " [deprecated = true];\n" } else { ";\n" });
    }
    out.push_str("}\n");
}

/// The name of an enum's zero.
pub fn unspecified(enum_name: &str) -> String {
    crate::schema::lock::value_name(enum_name, "UNSPECIFIED")
}

fn reserved(reserved: &Reserved, out: &mut String) {
    if !reserved.numbers.is_empty() {
        let numbers: Vec<String> = reserved.numbers.iter().map(u32::to_string).collect();
        let _ = writeln!(out, "  reserved {};", numbers.join(", "));
    }
    if !reserved.names.is_empty() {
        let names: Vec<String> = reserved.names.iter().map(|name| format!("\"{name}\"")).collect();
        let _ = writeln!(out, "  reserved {};", names.join(", "));
    }
}

fn comment(text: Option<&str>, indent: &str, out: &mut String) {
    for line in text.unwrap_or_default().trim().lines() {
        let _ = writeln!(out, "{}", format!("{indent}// {}", line.trim_end()).trim_end());
    }
}
