//! A plan for people: what `fraiseql explain` shows and the golden tests hold.

use std::fmt::Write;

use crate::schema::call::From;

use super::mutate::{Command, Reads, Value};
use super::{Base, Block, Expr, OrderTerm, Output, Plan, Predicate, QualifiedName, Root};

/// The plan as an indented outline, ending with a line break.
pub fn print(plan: &Plan) -> String {
    let mut out = String::new();
    match plan.root() {
        Root::Rows(block) => block_lines(block, "read", 0, &mut out),
        Root::Count(block) => block_lines(block, "count", 0, &mut out),
        Root::Connection { page, count } => {
            if let Some(count) = count {
                block_lines(count, "count", 0, &mut out);
            }
            block_lines(page, "page of", 0, &mut out);
        }
        Root::Call(command) => command_lines(command, &mut out),
    }
    for (i, claim) in plan.claims().iter().enumerate() {
        let _ = writeln!(out, "claim {i}: {claim}");
    }
    out
}

fn command_lines(command: &Command, out: &mut String) {
    let schema = command.function.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
    let batch = if command.is_batch { ", once for each of a batch" } else { "" };
    let _ = writeln!(out, "call {schema}{}{batch}", command.function.name);
    for passed in &command.arguments {
        let from = match &passed.from {
            From::Value(path) => path.join("."),
            From::Object { .. } => "the whole input".to_owned(),
        };
        let _ = writeln!(out, "  {} <- {from}", passed.parameter);
    }
    for (name, claim) in &command.injected {
        let _ = writeln!(out, "  claim {claim} as {name}");
    }
    let value = match &command.value {
        Value::Nothing => "nothing of its row".to_owned(),
        Value::Column(Some(name)) => format!("its column {name}"),
        Value::Column(None) => "its value".to_owned(),
        Value::EntityOrId => "its column entity, or the id".to_owned(),
        Value::Changed => "whether something changed".to_owned(),
        Value::Row { data: None } => "its row".to_owned(),
        Value::Row { data: Some(data) } => format!("its row over {data}"),
    };
    let _ = writeln!(out, "  answer {value}");
    let when = match command.reads {
        Reads::Never => return,
        Reads::WhenIncomplete => "when that is not all",
        Reads::Always => "then",
    };
    let read_back = command.read_back.as_ref().map(|plan| print(plan)).unwrap_or_default();
    let _ = writeln!(
        out,
        "{when}\n{}",
        read_back.trim_end().lines().map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n")
    );
}

fn block_lines(block: &Block, verb: &str, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    let _ = write!(out, "{pad}{verb} {}", relation(block));
    for (i, (outer, inner)) in block.on.iter().enumerate() {
        let _ = write!(out, "{} {inner} = outer {outer}", if i == 0 { " on" } else { " and" });
    }
    if let Some(keyed) = &block.keyed {
        let word = |i| if i == 0 { " by" } else { " and" };
        for (i, term) in keyed.terms.iter().enumerate() {
            let _ = write!(out, "{} {} among value {}", word(i), expression(&term.expr), term.slot);
        }
    }
    if block.fenced {
        out.push_str(", page first");
    }
    out.push('\n');
    if !block.predicate.is_always() {
        let _ = writeln!(out, "{pad}  where {}", predicate(&block.predicate));
    }
    if !block.order.is_empty() {
        let terms: Vec<String> = block.order.iter().map(order_term).collect();
        let _ = writeln!(out, "{pad}  order by {}", terms.join(", "));
    }
    if let Some(limit) = block.limit {
        let _ = writeln!(out, "{pad}  limit {limit}");
    }
    if let Some(offset) = block.offset {
        let _ = writeln!(out, "{pad}  offset value {offset}");
    }
    for output in &block.outputs {
        match output {
            Output::Value { expr, .. } => {
                let _ = writeln!(out, "{pad}  column {}", expression(expr));
            }
            Output::Record(inner) => block_lines(inner, "one of", depth + 1, out),
            Output::Records(inner) => block_lines(inner, "list of", depth + 1, out),
            Output::Position => {
                let _ = writeln!(out, "{pad}  position of the key");
            }
        }
    }
}

fn relation(block: &Block) -> String {
    match &block.relation {
        Some(QualifiedName { schema: Some(schema), name }) => format!("{schema}.{name}"),
        Some(QualifiedName { schema: None, name }) => name.clone(),
        None => "representations".to_owned(),
    }
}

fn order_term(term: &OrderTerm) -> String {
    let nulls = match term.nulls_first {
        Some(true) => " nulls first",
        Some(false) => " nulls last",
        None => "",
    };
    format!("{}{}{nulls}", expression(&term.expr), if term.descending { " desc" } else { "" })
}

/// `name`, or `data → customer → name` for a place inside a document.
fn expression(expr: &Expr) -> String {
    let base = match &expr.base {
        Base::Column { name, .. } => name.clone(),
        Base::Element => "element".to_owned(),
        Base::Representation => "representation".to_owned(),
        Base::Call(call) => format!("{}(representation)", call.function.name),
        Base::Called(call) => format!("{}(representations)", call.function.name),
    };
    std::iter::once(base).chain(expr.path.iter().cloned()).collect::<Vec<_>>().join(" → ")
}

fn predicate(node: &Predicate) -> String {
    match node {
        Predicate::All(parts) => combined(parts, " and ", "everything"),
        Predicate::Any(parts) => combined(parts, " or ", "nothing"),
        Predicate::Not(part) => format!("not ({})", predicate(part)),
        Predicate::Compare { left, operator, slot } => format!("{} {operator:?} value {slot}", expression(left)),
        Predicate::IsNull { expr, negated } => {
            format!("{} is {}null", expression(expr), if *negated { "not " } else { "" })
        }
        Predicate::Exists(block) => {
            let on: Vec<String> = block.on.iter().map(|(outer, inner)| format!("{inner} = outer {outer}")).collect();
            let name = block.relation.as_ref().map_or("", |relation| &relation.name);
            format!("some {name} on {} ({})", on.join(" and "), predicate(&block.predicate))
        }
        Predicate::SomeElement { array, predicate: inner } => {
            format!("some element of {} ({})", expression(array), predicate(inner))
        }
    }
}

fn combined(parts: &[Predicate], word: &str, nothing: &str) -> String {
    match parts {
        [] => nothing.to_owned(),
        [single] => predicate(single),
        parts => format!("({})", parts.iter().map(predicate).collect::<Vec<_>>().join(word)),
    }
}
