//! The arguments of one place of a selection while its parameters are read.

use super::conditions::{Conditions, Group};
use super::select::{field_of, fields_of};
use crate::error::{Code, Error, Result, Stage};
use crate::intent::cursor::cursor;
use crate::intent::filter::{Filter, OrderBy, filter, is_sortable};
use crate::intent::value::{Value, Values};
use crate::intent::{Arguments, Page};
use crate::problem::did_you_mean;
use crate::schema::Schema;
use crate::schema::name::Name;

/// What has been said about one place so far.
#[derive(Debug, Default)]
pub struct SiteArguments {
    pub filters: Vec<Filter>,
    pub order: Vec<OrderBy>,
    pub limit: Option<u64>,
    pub probe: bool,
    pub offset: Option<u64>,
    pub first: Option<u64>,
    pub last: Option<u64>,
    after: Option<String>,
    before: Option<String>,
    pub backward: bool,
}

/// Most steps of an order.
const SORT_MAX: usize = 32;

impl SiteArguments {
    /// Takes a parameter that is not a field; `name` is how the caller spelled it.
    pub fn word(
        &mut self,
        schema: &Schema,
        item: &str,
        word: &str,
        name: &str,
        text: &str,
        values: &mut Values,
    ) -> Result<()> {
        match word {
            "limit" => once(&mut self.limit, count(name, text)?, name),
            "offset" => once(&mut self.offset, count(name, text)?, name),
            "first" => once(&mut self.first, count(name, text)?, name),
            "last" => once(&mut self.last, count(name, text)?, name),
            "after" => once(&mut self.after, text.to_owned(), name),
            "before" => once(&mut self.before, text.to_owned(), name),
            "sort" if !self.order.is_empty() => Err(Error::invalid(format!("{name} is given twice")).at(name)),
            "sort" => {
                self.order = sort(schema, item, name, text)?;
                Ok(())
            }
            "filter" => {
                let json = serde_json::from_str(text).map_err(|error| {
                    let example = "filter={\"age\": {\"gte\": 18}}";
                    Error::invalid(format!("{name} is not JSON: {error}; write it as {example}")).at(name)
                })?;
                self.filters.extend(filter(schema, item, &json, name, values)?);
                Ok(())
            }
            word => {
                let Some(group) = Group::of_name(word) else { return Ok(()) };
                let mut conditions = Conditions { schema, values };
                self.filters.push(conditions.group(item, group, text, name, 0)?);
                Ok(())
            }
        }
    }

    /// A parameter that only lists with cursors take, if there was one.
    pub fn cursor_parameter(&self) -> Option<&'static str> {
        let given = [
            ("after", self.after.is_some()),
            ("before", self.before.is_some()),
            ("last", self.last.is_some()),
            ("first", self.first.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
    }

    /// A parameter that only lists without cursors take, if there was one.
    pub fn offset_parameter(&self) -> Option<&'static str> {
        let given = [("limit", self.limit.is_some()), ("offset", self.offset.is_some())];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
    }

    pub fn finish(mut self, values: &mut Values) -> Result<Arguments> {
        let mut position = |text: Option<String>, name: &str| {
            text.map(|text| cursor(&text, &self.order, &Name::from(name), values)).transpose()
        };
        let (after, before) = (position(self.after, "after")?, position(self.before, "before")?);
        let offset = self.offset.filter(|offset| *offset > 0);
        let offset =
            offset.map(|offset| values.push(Value::Int(i64::try_from(offset).unwrap_or(i64::MAX)), "offset".into()));
        let page = Page { limit: self.limit, probe: self.probe, offset, after, before, backward: self.backward };
        let filter = match self.filters.len() {
            0 | 1 => self.filters.pop(),
            _ => Some(Filter::All(self.filters)),
        };
        Ok(Arguments { filter, order: self.order, page })
    }
}

fn once<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(format!("{name} is given twice")).at(name)),
    }
}

fn count(name: &str, text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        Error::invalid(format!("{name} takes a whole number of at least 0, not \"{shown}\"")).at(name)
    })
}

/// `-createdAt,name`: a minus for descending; `.nullsfirst` and `.nullslast` behind the field.
fn sort(schema: &Schema, item: &str, name: &str, text: &str) -> Result<Vec<OrderBy>> {
    let Some(fields) = fields_of(schema, item) else {
        return Err(Error::invalid(format!("{name}: {item} has no fields to sort by")).at(name));
    };
    let mut order: Vec<OrderBy> = Vec::new();
    for term in text.split(',').map(str::trim) {
        let mut parts = term.split('.');
        let spelled = parts.next().unwrap_or_default();
        let (mut descending, spelled) = match spelled.strip_prefix('-') {
            Some(spelled) => (true, spelled),
            None => (false, spelled.strip_prefix('+').unwrap_or(spelled)),
        };
        let mut nulls_first = None;
        for word in parts {
            match word.to_ascii_lowercase().as_str() {
                "asc" => {}
                "desc" => descending = true,
                "nullsfirst" => nulls_first = Some(true),
                "nullslast" => nulls_first = Some(false),
                _ => {
                    let message = format!("{name}: \"{word}\" is none of asc, desc, nullsfirst, nullslast");
                    return Err(Error::invalid(message).at(name));
                }
            }
        }
        let sortable = || fields.values().filter(|field| field.join.is_none() && is_sortable(schema, field));
        let field = field_of(fields, spelled).filter(|field| field.join.is_none() && is_sortable(schema, field));
        let field = field.ok_or_else(|| {
            let known: Vec<&str> = sortable().map(|field| &*field.name).collect();
            let nearest = did_you_mean(spelled, known.iter().copied()).filter(|_| known.len() > 12);
            let hint = nearest.map(|hint| format!("{hint} ")).unwrap_or_default();
            let message =
                format!("{name}: {item} cannot be sorted by \"{spelled}\"; {hint}it can be by {}", known.join(", "));
            Error::invalid(message).at(name)
        })?;
        order.push(OrderBy { field: field.name.clone(), descending, nulls_first });
        if order.len() > SORT_MAX {
            let message = format!("{name} has more than {SORT_MAX} steps");
            return Err(Error::new(Stage::Decode, Code::TooComplex, message).at(name));
        }
    }
    Ok(order)
}
