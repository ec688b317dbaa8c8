//! The target `schema` of cargo-fuzz. Bytes that are changed at random are rarely JSON, and hardly ever a schema, so
//! most changes are made to the tree: parts are left out, repeated, exchanged, renamed.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use serde_json::Value as Json;

fuzz_target!(|data: &[u8]| fraiseql_fuzz::schema::run(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice(u64::from(seed) | 1 << 32);
    let tree = serde_json::from_slice::<Json>(&data[..size]).ok().filter(|_| dice.roll(8) > 0);
    let Some(mut tree) = tree else { return fuzzer_mutate(data, size, max_size) };
    for _ in 0..=dice.roll(3) {
        change(&mut tree, &mut dice);
    }
    let text = tree.to_string();
    if text.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
});

/// Values that mean something somewhere.
const VALUES: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "\"\"",
    "[]",
    "{}",
    "\"id\"",
    "\"ID\"",
    "\"[ID!]!\"",
    "\"Int\"",
    "\"Json\"",
    "\"DateTime\"",
    "\"Query\"",
    "\"String\"",
    "\"__typename\"",
    "\"snake_case\"",
    "\"v_x\"",
    "\"jwt:a\"",
    "\"StringFilter\"",
    "\"PageInfo\"",
    "\"_Entity\"",
];

/// Numbers that follow from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn change(tree: &mut Json, dice: &mut Dice) {
    let mut paths = Vec::new();
    collect(tree, String::new(), &mut paths);
    let (at, other) = (&paths[dice.roll(paths.len())], &paths[dice.roll(paths.len())]);
    let spare = tree.pointer(other).cloned().unwrap_or_default();
    let (above, key) = at.rsplit_once('/').unwrap_or(("", ""));
    match dice.roll(7) {
        0 => remove(tree, above, key),
        1 => put(tree, at, spare),
        2 => put(tree, at, serde_json::from_str(VALUES[dice.roll(VALUES.len())]).unwrap_or_default()),
        3 => {
            if let Some(Json::Array(items)) = tree.pointer_mut(above)
                && let Some(item) = items.get(dice.roll(items.len())).cloned()
            {
                items.push(item);
            }
        }
        // A member of one object is put into another.
        4 => {
            let name = other.rsplit('/').next().unwrap_or_default().to_owned();
            if let Some(Json::Object(members)) = tree.pointer_mut(at) {
                members.insert(name, spare);
            }
        }
        5 => {
            if let Some(Json::String(text)) = tree.pointer_mut(at) {
                *text = match dice.roll(4) {
                    0 => format!("[{text}!]"),
                    1 => format!("{text}!"),
                    2 => format!("{text}Filter"),
                    _ => text.to_uppercase(),
                };
            }
        }
        // A name is changed wherever it stands.
        _ => {
            if let (Some(Json::String(old)), Json::String(new)) = (tree.pointer(at).cloned(), spare) {
                rename(tree, &old, &new);
            }
        }
    }
}

/// The pointer to every value.
fn collect(json: &Json, path: String, paths: &mut Vec<String>) {
    match json {
        Json::Object(members) => {
            for (key, member) in members.iter().filter(|(key, _)| !key.contains(['/', '~'])) {
                collect(member, format!("{path}/{key}"), paths);
            }
        }
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| collect(item, format!("{path}/{at}"), paths));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
    paths.push(path);
}

fn put(tree: &mut Json, at: &str, value: Json) {
    if let Some(place) = tree.pointer_mut(at) {
        *place = value;
    }
}

fn remove(tree: &mut Json, above: &str, key: &str) {
    match tree.pointer_mut(above) {
        Some(Json::Object(members)) => drop(members.shift_remove(key)),
        Some(Json::Array(items)) => {
            if let Some(at) = key.parse().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        Some(_) | None => {}
    }
}

fn rename(json: &mut Json, old: &str, new: &str) {
    match json {
        Json::Object(members) => members.values_mut().for_each(|member| rename(member, old, new)),
        Json::Array(items) => items.iter_mut().for_each(|item| rename(item, old, new)),
        Json::String(text) if text == old => new.clone_into(text),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
