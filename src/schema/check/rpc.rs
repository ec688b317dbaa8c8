//! Names of RPCs: what different operations become one of.

use std::collections::HashMap;

use super::super::authoring::reader::Reports;
use super::super::authoring::{Document, Operation};
use super::super::name::{pascal_case, plural, rpc_subject};

pub fn check(document: &Document, reports: &Reports) {
    let mut taken: HashMap<String, String> = HashMap::new();
    let queries = document.queries.iter().flat_map(|query| of_query(query).into_iter().map(move |rpc| (rpc, query)));
    let mutations = document.mutations.iter().flat_map(|mutation| {
        let name = pascal_case(&mutation.name);
        [(format!("{name}Stream"), mutation), (name, mutation)]
    });
    let operations = queries.chain(mutations).map(|(rpc, it)| (rpc, it.name.as_str(), it.path.as_str()));
    let entities = document.types.iter().filter(|ty| !ty.keys.is_empty()).flat_map(|ty| {
        let many = ty.plural.as_deref().map_or_else(|| plural(&pascal_case(&ty.name)), pascal_case);
        ["BatchGet", "Resolve"].map(|verb| (format!("{verb}{many}"), ty.name.as_str(), ty.path.as_str()))
    });
    for (rpc, name, path) in operations.chain(entities) {
        let from = format!("{name} at {path}");
        if let Some(first) = taken.insert(rpc.clone(), from) {
            let reason = format!("{name} becomes the RPC {rpc}, and so does {first}");
            reports.refuse(reports.at(format!("{path}.name"), reason).hint("rename one of them"));
        }
    }
}

fn of_query(query: &Operation) -> Vec<String> {
    let subject = rpc_subject(&query.name);
    let mut names = match (query.returns_list, query.relay) {
        (true, false) => vec![format!("List{subject}"), format!("List{subject}Pages")],
        (true, true) => vec![format!("List{subject}")],
        (false, _) => vec![format!("Get{subject}")],
    };
    if query.count {
        names.push(format!("Get{}", rpc_subject(&format!("{}Count", query.name))));
    }
    names
}
