//! Entities as a JSON list, for the wires that write JSON.

use super::body::{Budget, Chunks};
use crate::error::{Error, Result};
use crate::federation::answered::{Answered, Entity};

/// The list, in the order of the representations, with null for what is not there; and what went wrong,
/// by its position.
pub fn list<'a>(answered: &'a Answered, budget: &Budget) -> Result<(Chunks, Vec<(usize, &'a Error)>)> {
    let mut errors = Vec::new();
    let mut list = Chunks::default();
    list.push(b"[");
    for (index, entity) in answered.entities().enumerate() {
        list.push(if index > 0 { b"," } else { b"" });
        match entity {
            Entity::Row(bytes) => list.push(bytes),
            Entity::Missing | Entity::Nulled => list.push(b"null"),
            Entity::Failed(error) => {
                list.push(b"null");
                errors.push((index, error));
            }
        }
        // A row may stand as often as its representation was sent, so that all of it counts.
        list.rotate(budget)?;
    }
    list.push(b"]");
    budget.spend(list.current_bytes())?;
    Ok((list, errors))
}
