//! The route table as a look-up: a path → what its methods ask.

use std::collections::HashMap;

use crate::observe::Observer;
use crate::problem::edits;
use crate::schema::model::{Endpoint, Model, Operation};
use crate::schema::name::Name;
use crate::schema::routes::{Method, Route, location, parameters, routes};

/// Every path that is served below `[rest] path`.
#[derive(Debug)]
pub struct Table {
    routes: Vec<Route>,
    /// The parameters of each route's path.
    names: Vec<Vec<Name>>,
    /// Where a row stands that is created by a route, with its key between braces.
    locations: Vec<Option<String>>,
    /// Paths without parameters.
    literal: HashMap<String, Methods, ahash::RandomState>,
    /// The others, by their number of segments.
    patterns: Vec<Vec<Pattern>>,
}

/// A path that was found: its routes, and the values of its parameters as they stand in the URL.
#[derive(Debug)]
pub struct Match<'t, 'p> {
    methods: &'t Methods,
    pub values: Vec<&'p str>,
}

/// Positions of routes by their method.
type Methods = Vec<(Method, usize)>;

#[derive(Debug)]
struct Pattern {
    segments: Vec<Segment>,
    methods: Methods,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter,
}

// === impl Table ===

impl Table {
    pub fn new(model: &Model) -> Table {
        let routes = routes(model);
        let names = routes.iter().map(|route| parameters(&route.path).map(Name::from).collect()).collect();
        let created = |route: &Route| {
            let mutation = route.endpoint(model).filter(|mutation| mutation.operation == Some(Operation::Create))?;
            location(model, mutation)
        };
        let locations = routes.iter().map(created).collect();
        let mut table = Table { names, locations, literal: HashMap::default(), patterns: Vec::new(), routes };
        for (position, route) in table.routes.iter().enumerate() {
            if table.names[position].is_empty() {
                table.literal.entry(route.path.clone()).or_default().push((route.method, position));
                continue;
            }
            let parse = |segment: &str| match segment.starts_with('{') {
                true => Segment::Parameter,
                false => Segment::Literal(segment.to_owned()),
            };
            let segments: Vec<Segment> = route.path.split('/').map(parse).collect();
            if table.patterns.len() <= segments.len() {
                table.patterns.resize_with(segments.len() + 1, Vec::new);
            }
            let patterns = &mut table.patterns[segments.len()];
            match patterns.iter_mut().find(|pattern| pattern.segments == segments) {
                Some(pattern) => pattern.methods.push((route.method, position)),
                None => patterns.push(Pattern { segments, methods: vec![(route.method, position)] }),
            }
        }
        // The pattern with the earliest literal is the more exact one: `/users/{id}/posts` before `/{a}/{b}/posts`.
        for patterns in &mut table.patterns {
            patterns.sort_by_key(|pattern| {
                pattern.segments.iter().map(|segment| *segment == Segment::Parameter).collect::<Vec<_>>()
            });
        }
        table
    }

    pub fn route(&self, position: usize) -> &Route {
        &self.routes[position]
    }

    /// Tells what a request asks, and by which route; paths themselves hold values.
    pub fn tell(&self, observer: &Observer, position: usize, method: &http::Method, prefix: &str) {
        let Route { endpoint, path, .. } = &self.routes[position];
        observer.asks(endpoint);
        observer.note("url.path", || format!("{prefix}{path}"));
        observer.note("http.route", || format!("{prefix}{path}"));
        observer.named(|| format!("{method} {prefix}{path}"));
    }

    /// The first route of a query.
    pub fn position(&self, query: &str) -> Option<usize> {
        self.routes.iter().position(|route| !route.is_mutation && &*route.endpoint == query)
    }

    /// The parameters of a route's path.
    pub fn names(&self, position: usize) -> &[Name] {
        &self.names[position]
    }

    /// Where a row stands that is created by a route, with its key between braces.
    pub fn location(&self, position: usize) -> Option<&str> {
        self.locations[position].as_deref()
    }

    /// The endpoint behind a route.
    pub fn endpoint<'m>(&self, position: usize, model: &'m Model) -> Option<&'m Endpoint> {
        self.routes[position].endpoint(model)
    }

    /// What is at a path below `[rest] path`.
    pub fn find<'p>(&self, path: &'p str) -> Option<Match<'_, 'p>> {
        if let Some(methods) = self.literal.get(path) {
            return Some(Match { methods, values: Vec::new() });
        }
        let segments = 1 + path.bytes().filter(|byte| *byte == b'/').count();
        self.patterns.get(segments)?.iter().find_map(|pattern| pattern.matched(path))
    }

    /// Paths that are near to one that is not served, the nearest first.
    pub fn nearest(&self, path: &str) -> Option<&str> {
        let first = |path: &str| path.split('/').nth(1).unwrap_or_default().to_lowercase();
        let wanted = first(path);
        let distance = |route: &Route| edits(&wanted, &first(&route.path), 1 + wanted.len() / 3);
        let readable = self.routes.iter().filter(|route| route.method == Method::Get);
        let near = readable.filter_map(|route| Some(((distance(route)?, route.path.len()), route)));
        near.min_by_key(|(distance, _)| *distance).map(|(_, route)| route.path.as_str())
    }
}

// === impl Match ===

impl Match<'_, '_> {
    /// The route for a method; HEAD asks what GET does.
    pub fn route(&self, method: &http::Method) -> Option<usize> {
        let name = if *method == http::Method::HEAD { "GET" } else { method.as_str() };
        self.methods.iter().find(|(known, _)| known.name() == name).map(|(_, position)| *position)
    }

    /// The value of `Allow`.
    pub fn allow(&self) -> String {
        let mut names: Vec<&str> = self.methods.iter().map(|(method, _)| method.name()).collect();
        names.sort_unstable();
        names.dedup();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        names.join(", ")
    }
}

// === impl Pattern ===

impl Pattern {
    fn matched<'t, 'p>(&'t self, path: &'p str) -> Option<Match<'t, 'p>> {
        let mut values = Vec::new();
        for (segment, text) in self.segments.iter().zip(path.split('/')) {
            match segment {
                Segment::Literal(literal) if literal == text => {}
                Segment::Parameter if !text.is_empty() => values.push(text),
                Segment::Literal(_) | Segment::Parameter => return None,
            }
        }
        Some(Match { methods: &self.methods, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(table: &Table, path: &str, expected: Option<(&str, &[&str], &str)>) {
        let found = table.find(path);
        let found = found
            .as_ref()
            .map(|found| (table.route(found.methods[0].1).path.as_str(), found.values.clone(), found.allow()));
        let expected = expected.map(|(route, values, allow)| (route, values.to_vec(), allow.to_owned()));
        assert_eq!(found, expected, "{path}");
    }

    fn table() -> Table {
        let text = include_str!("../../../tests/samples/rest.json");
        let project = crate::schema::compile::Project { service: "rest".to_owned(), federation: None };
        let source = crate::schema::compile::Source { file: "rest.json", text };
        let compiled = crate::schema::compile::compile(&source, &project);
        Table::new(&compiled.unwrap_or_else(|problems| panic!("{problems:?}")).model)
    }

    #[test]
    fn paths() {
        let table = table();
        check(&table, "/users", Some(("/users", &[], "DELETE, GET, POST, HEAD, OPTIONS")));
        check(&table, "/users/7", Some(("/users/{id}", &["7"], "DELETE, GET, HEAD, OPTIONS")));
        check(&table, "/users/me", Some(("/users/me", &[], "GET, HEAD, OPTIONS")));
        check(&table, "/users/7/ban", Some(("/users/{id}/ban", &["7"], "POST, OPTIONS")));
        for absent in ["", "/", "/user", "/users/", "/users/7/", "/users//ban", "/users/7/ban/x", "users"] {
            check(&table, absent, None);
        }
        assert_eq!(table.nearest("/user/7"), Some("/users"));
        assert_eq!(table.nearest("/zzz"), None);
        assert_eq!(table.nearest(&format!("/{}", "users".repeat(1_000_000))), None);
    }
}
