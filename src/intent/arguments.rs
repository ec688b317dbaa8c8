//! Arguments of one site → their structure: what every wire does with what it has decoded.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::Arguments;
use super::cursor::cursor;
use super::filter::{Filter, equality, filter, order_by};
use super::value::{Value, Values, shown};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::schema::model::{Argument, ArgumentRole, TypeRef};
use crate::schema::name::Name;

/// Reads the arguments of a list of `item`; those without a value have their default, if any.
pub fn arguments<'a>(
    schema: &Schema,
    item: &str,
    given: impl Iterator<Item = (&'a Argument, Option<Cow<'a, Json>>)>,
    values: &mut Values,
) -> Result<Arguments> {
    let mut found = Arguments::default();
    let mut filters = Vec::new();
    let mut sides: [Option<(u64, &Name)>; 2] = [None, None];
    let mut cursors: [Option<(String, &Name)>; 2] = [None, None];
    for (declared, written) in given {
        let Some(json) = written.or_else(|| declared.default.as_ref().map(Cow::Borrowed)) else { continue };
        match &declared.role {
            ArgumentRole::Equal(column) => {
                filters.push(equality(schema, column, &declared.ty, &json, &declared.name, values)?);
            }
            _ if json.is_null() => {}
            ArgumentRole::Where => filters.extend(filter(schema, item, &json, "where", values)?),
            ArgumentRole::OrderBy => found.order = order_by(schema, item, &json)?,
            ArgumentRole::Limit => found.page.limit = Some(count(&json, &declared.name)?),
            ArgumentRole::Offset => {
                let offset = count(&json, &declared.name)?;
                if offset > 0 {
                    found.page.offset = Some(values.push(Value::Int(offset as i64), declared.name.clone()));
                }
            }
            ArgumentRole::First => sides[0] = Some((count(&json, &declared.name)?, &declared.name)),
            ArgumentRole::Last => sides[1] = Some((count(&json, &declared.name)?, &declared.name)),
            ArgumentRole::After => cursors[0] = Some((json.as_str().unwrap_or_default().to_owned(), &declared.name)),
            ArgumentRole::Before => cursors[1] = Some((json.as_str().unwrap_or_default().to_owned(), &declared.name)),
            ArgumentRole::Value => {}
        }
    }
    match sides {
        [Some(_), Some((_, last))] => {
            return Err(Error::invalid("give either first or last, not both").at(&**last));
        }
        [Some((first, _)), None] => found.page.limit = Some(first),
        [None, Some((last, _))] => {
            found.page.limit = Some(last);
            found.page.backward = true;
        }
        [None, None] => {}
    }
    let [after, before] = cursors;
    if let Some((text, argument)) = after {
        found.page.after = Some(cursor(&text, &found.order, argument, values)?);
    }
    if let Some((text, argument)) = before {
        found.page.before = Some(cursor(&text, &found.order, argument, values)?);
    }
    found.filter = if filters.len() > 1 { Some(Filter::All(filters)) } else { filters.pop() };
    Ok(found)
}

/// The arguments of every joined list.
pub fn list_arguments(item: &Name) -> [Argument; 4] {
    let argument = |name: &str, ty: TypeRef, role: ArgumentRole| Argument {
        name: name.into(),
        ty,
        default: None,
        description: None,
        deprecated: None,
        role,
    };
    let input = |suffix: &str| TypeRef::named(format!("{item}{suffix}"), true);
    let orders = TypeRef::list(TypeRef { nullable: false, ..input("OrderByInput") }, true);
    [
        argument("where", input("WhereInput"), ArgumentRole::Where),
        argument("orderBy", orders, ArgumentRole::OrderBy),
        argument("limit", TypeRef::named("Int", true), ArgumentRole::Limit),
        argument("offset", TypeRef::named("Int", true), ArgumentRole::Offset),
    ]
}

fn count(json: &Json, argument: &Name) -> Result<u64> {
    json.as_u64().ok_or_else(|| {
        Error::invalid(format!("{argument} takes a whole number of at least 0, not {}", shown(json))).at(&**argument)
    })
}
