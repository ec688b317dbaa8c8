//! `schema.compiled.json`: the model, the field numbers of its gRPC form, and the catalog when it was
//! compiled against a database.
//!
//! The file belongs to the binary that reads it, not to people: same schema, same bytes, one
//! format number, and a hash over the bytes of the model, so that a file which was edited or cut is
//! refused instead of half understood.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::catalog::Catalog;
use super::lock::Lock;
use super::model::Model;
use crate::problem::Problem;

/// Raised whenever [`Model`] or [`Catalog`] change in a way that older files do not fit.
pub const FORMAT: u32 = 3;

/// A schema as `compile` left it.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    pub model: Model,
    pub catalog: Option<Catalog>,
    /// `None` when it was compiled without gRPC.
    pub lock: Option<Lock>,
    /// SHA-256 of the model's bytes, in hex; `/health` shows it.
    pub hash: String,
}

/// The file's layout. Model and catalog stay text until the format is known to be ours.
#[derive(Serialize, Deserialize)]
struct File<'a> {
    format: u32,
    hash: String,
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(borrow)]
    catalog: Option<&'a RawValue>,
    #[serde(borrow)]
    lock: Option<&'a RawValue>,
}

/// The bytes of the file: the same for the same schema, catalog and numbers.
pub fn write(model: &Model, catalog: Option<&Catalog>, lock: Option<&Lock>) -> Vec<u8> {
    let model = raw(model);
    let (catalog, lock) = (catalog.map(raw), lock.map(raw));
    let (catalog, lock) = (catalog.as_deref(), lock.as_deref());
    let file = File { format: FORMAT, hash: hash(model.get()), model: &model, catalog, lock };
    let mut bytes = serde_json::to_vec(&file).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The hash that [`write()`] puts into the file.
pub fn hash_of(model: &Model) -> String {
    hash(raw(model).get())
}

/// Reads what [`write()`] wrote; `file` is how the user named it.
pub fn read(bytes: &[u8], file: &str) -> Result<Artifact, Problem> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let refused = |path: &str, reason: String| Problem::new(file, path, reason).hint("run `fraiseql compile`");
    let unreadable = |error: serde_json::Error| refused("", format!("is not a compiled schema: {error}"));
    let Format { format } = serde_json::from_slice(bytes).map_err(unreadable)?;
    if format != FORMAT {
        let reason = format!("was compiled by another version of fraiseql (format {format}, this one reads {FORMAT})");
        return Err(refused("format", reason));
    }
    let read: File = serde_json::from_slice(bytes).map_err(unreadable)?;
    if hash(read.model.get()) != read.hash {
        return Err(refused("hash", "does not match the model: the file was changed after it was compiled".to_owned()));
    }
    Ok(Artifact {
        model: serde_json::from_str(read.model.get()).map_err(unreadable)?,
        catalog: read.catalog.map(|catalog| serde_json::from_str(catalog.get())).transpose().map_err(unreadable)?,
        lock: read.lock.map(|lock| serde_json::from_str(lock.get())).transpose().map_err(unreadable)?,
        hash: read.hash,
    })
}

/// Plain data with text keys always has a JSON form.
fn raw<T: Serialize>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn hash(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{hash_of, read, write};
    use crate::schema::catalog::{Catalog, Family, PgType, Relation};
    use crate::schema::compile::{Project, Source, compile};
    use crate::schema::model::{Model, RelationName};

    fn model() -> Model {
        let text = include_str!("../../tests/samples/published-sdk-2.18.json");
        let project = Project { service: "orders".to_owned(), federation: None };
        compile(&Source { file: "schema.json", text }, &project).expect("a good schema").model
    }

    fn catalog() -> Catalog {
        let relation = Relation {
            schema: "public".to_owned(),
            name: "v_order".to_owned(),
            columns: [("id".to_owned(), PgType::builtin(Family::Uuid, "uuid"))].into_iter().collect(),
        };
        Catalog {
            relations: [(RelationName("v_order".to_owned()), relation)].into_iter().collect(),
            ..Catalog::default()
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for catalog in [None, Some(catalog())] {
            let bytes = write(&model(), catalog.as_ref(), None);
            let artifact = read(&bytes, "schema.compiled.json").expect("our own file");
            assert_eq!((&artifact.model, &artifact.catalog), (&model(), &catalog));
            assert_eq!(artifact.hash, hash_of(&model()));
            assert_eq!(artifact.hash.len(), 64);
        }
    }

    #[test]
    fn the_same_schema_gives_the_same_bytes() {
        let bytes = write(&model(), Some(&catalog()), None);
        assert!((0..8).all(|_| write(&model(), Some(&catalog()), None) == bytes));
        let again = read(&bytes, "f").expect("our own file");
        assert_eq!(write(&again.model, again.catalog.as_ref(), again.lock.as_ref()), bytes);
    }

    #[test]
    fn other_files_are_refused_with_the_way_out() {
        let text = String::from_utf8(write(&model(), None, None)).expect("text");
        for (changed, reason) in [
            (
                text.replacen("\"format\":3", "\"format\":0", 1),
                "format: was compiled by another version of fraiseql (format 0, this one reads 3)",
            ),
            (
                text.replacen("v_order", "v_other", 1),
                "hash: does not match the model: the file was changed after it was compiled",
            ),
            (
                text.replacen("\"model\":", "\"modell\":", 1),
                "is not a compiled schema: missing field `model` at line 1",
            ),
            ("{}".to_owned(), "is not a compiled schema: missing field `format` at line 1 column 2"),
            (text[..text.len() / 2].to_owned(), "is not a compiled schema: EOF while parsing"),
        ] {
            let problem = read(changed.as_bytes(), "schema.compiled.json").expect_err(reason).to_string();
            assert!(problem.starts_with(&format!("schema.compiled.json: {reason}")), "{problem}");
            assert!(problem.ends_with("hint: run `fraiseql compile`"), "{problem}");
        }
    }
}
