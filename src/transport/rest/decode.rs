//! A route and its parameters → an intent.
//!
//! What `select` says becomes a form once per route and text; a repeat reads its other parameters alone.

use std::sync::Arc;

use super::conditions::{Conditions, items, typed};
use super::parameters::{Parameter, PathValue, Spelled};
use super::select::{SelectLimits, Site, field_of, fields_of, is_spelled, select};
use super::sites::SiteArguments;
use crate::error::{Code, Error, Result, Stage};
use crate::intent::filter::{equality, filter, order_by};
use crate::intent::selection::{ConnectionPart, ConnectionSelected, Selected, Selection};
use crate::intent::value::Values;
use crate::intent::{Form, Read};
use crate::problem::did_you_mean;
use crate::schema::model::{Argument, ArgumentRole, Endpoint, Returns};
use crate::schema::name::Name;
use crate::schema::{Kind, Schema};

/// Sizes of JSON pages.
#[derive(Debug, Clone, Copy)]
pub struct PageSizes {
    pub default: u64,
    pub max: u64,
}

/// What the headers of a request ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Rows without end instead of a page.
    pub stream: bool,
    /// The number of rows that there are in all.
    pub counted: bool,
}

/// A request that makes sense so far.
#[derive(Debug)]
pub struct Decoded {
    pub read: Read,
    pub answer: Answer,
}

/// What the rows of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    One,
    Count,
    /// A page by offset. One row more than its limit has been asked for unless it is counted.
    Page {
        limit: u64,
        offset: u64,
        counted: bool,
    },
    /// A page by cursor.
    Connection {
        limit: u64,
    },
    Stream,
}

/// How a list is selected; each is a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    Rows,
    /// Nodes and cursors in one row.
    Nodes,
    /// The same with the number of all.
    Counted,
}

/// A form, and the places in it that take arguments.
#[derive(Debug)]
pub struct Prepared {
    pub form: Arc<Form>,
    pub sites: Vec<Site>,
    /// Bytes of the text that it was made of.
    text_bytes: usize,
    fields: usize,
}

/// What a kept form takes besides its text, and what each of its fields takes.
const FORM_BYTES: usize = 512;
const FIELD_BYTES: usize = 160;

/// Parameters of every list.
pub const LIST_PARAMETERS: [&str; 2] = ["limit", "offset"];
/// Parameters of every list that is paged by cursor.
pub const CURSOR_PARAMETERS: [&str; 4] = ["first", "after", "last", "before"];
/// Parameters of every list that takes filters.
pub const FILTER_PARAMETERS: [&str; 4] = ["filter", "and", "or", "not"];

/// Builds the form of an endpoint for one text of `select`.
pub fn prepare(
    schema: &Schema,
    endpoint: &Endpoint,
    mode: Mode,
    text: Option<&str>,
    limits: SelectLimits,
) -> Result<Prepared> {
    let is_value = matches!(schema.kind(&endpoint.item), Kind::Scalar(_) | Kind::Enum(_));
    if endpoint.returns == Returns::Count || is_value {
        let root = Site { keys: Vec::new(), names: Vec::new(), item: endpoint.item.clone() };
        let form = Arc::new(Form::new(endpoint.name.clone(), Selection::Leaf));
        return Ok(Prepared { form, sites: vec![root], text_bytes: 0, fields: 0 });
    }
    let (selection, sites) = select(schema, &endpoint.item, text, limits)?;
    let fields = fields(&selection);
    let selection = match (mode, selection) {
        (Mode::Nodes | Mode::Counted, Selection::Object(nodes)) => {
            let part = |key: &str, part| ConnectionSelected { key: key.into(), part };
            let mut parts = vec![part("data", ConnectionPart::Nodes(nodes))];
            if mode == Mode::Counted {
                parts.push(part("total", ConnectionPart::TotalCount));
            }
            Selection::Connection(parts)
        }
        (Mode::Rows | Mode::Nodes | Mode::Counted, selection) => selection,
    };
    let form = Arc::new(Form::new(endpoint.name.clone(), selection));
    Ok(Prepared { form, sites, text_bytes: text.map_or(0, str::len), fields })
}

fn fields(selection: &Selection) -> usize {
    let below = |selected: &[Selected]| selected.iter().map(|item| 1 + fields(&item.selection)).sum::<usize>();
    match selection {
        Selection::Leaf => 0,
        Selection::Object(selected) => below(selected),
        Selection::Abstract(cases) => cases.iter().map(|(_, selected)| below(selected)).sum(),
        Selection::Connection(parts) => parts.iter().flat_map(ConnectionSelected::nodes).map(below).sum(),
    }
}

/// How the rows of an endpoint are selected for what a request wants.
pub fn mode_of(schema: &Schema, endpoint: &Endpoint, wanted: Wanted) -> Mode {
    match endpoint.returns {
        Returns::One | Returns::Count => Mode::Rows,
        Returns::Many | Returns::Connection if wanted.stream => Mode::Rows,
        Returns::Many | Returns::Connection if wanted.counted && can_count(schema, endpoint) => Mode::Counted,
        Returns::Many => Mode::Rows,
        Returns::Connection => Mode::Nodes,
    }
}

/// Whether the rows of an endpoint can be counted beside a page of them.
pub fn can_count(schema: &Schema, endpoint: &Endpoint) -> bool {
    let is_list = matches!(endpoint.returns, Returns::Many | Returns::Connection);
    is_list && matches!(schema.kind(&endpoint.item), Kind::Object(_))
}

/// The one value of `select`.
pub fn select_text<'p>(parameters: &'p [Parameter<'_>], endpoint: &Endpoint) -> Result<Option<&'p str>> {
    let mut found = parameters.iter().filter(|parameter| parameter.name == "select");
    let text = found.next().map(|parameter| &*parameter.value);
    if found.next().is_some() {
        return Err(Error::invalid("select is given twice").at("select"));
    }
    match text {
        Some(_) if endpoint.returns == Returns::Count => {
            Err(Error::invalid(format!("{} is a number and has nothing to select", endpoint.name)).at("select"))
        }
        text => Ok(text),
    }
}

/// The parts of a request that a reader of parameters needs.
pub struct Request<'a> {
    pub schema: &'a Schema,
    pub endpoint: &'a Endpoint,
    pub prepared: &'a Prepared,
    pub mode: Mode,
    pub wanted: Wanted,
    pub sizes: PageSizes,
}

// === impl Prepared ===

impl Prepared {
    /// The bytes that it takes, about.
    pub fn weight(&self) -> u32 {
        u32::try_from(FORM_BYTES + self.text_bytes + FIELD_BYTES * self.fields).unwrap_or(u32::MAX)
    }
}

// === impl Request ===

impl Request<'_> {
    /// Reads the path's values and the parameters, behind the values that there are already.
    pub fn decode<'p>(
        &self,
        mut values: Values,
        path: impl Iterator<Item = PathValue<'p>>,
        parameters: &[Parameter<'_>],
    ) -> Result<Decoded> {
        let mut sites: Vec<SiteArguments> = self.prepared.sites.iter().map(|_| SiteArguments::default()).collect();
        let mut given: Vec<&str> = Vec::new();
        for (name, text) in path {
            if let Some((argument, column)) = self.argument(&name) {
                given.push(&argument.name);
                self.equal(argument, column, &text, &mut sites[0], &mut values)?;
            }
        }
        for parameter in parameters.iter().filter(|parameter| parameter.name != "select") {
            let spelled = Spelled::of(&parameter.name)?;
            match self.argument(spelled.path) {
                Some((argument, column)) if spelled.operator.is_none() => {
                    if given.contains(&&*argument.name) {
                        let message = format!("{} is given twice", argument.name);
                        return Err(Error::invalid(message).at(&*argument.name));
                    }
                    given.push(&argument.name);
                    self.equal(argument, column, &parameter.value, &mut sites[0], &mut values)?;
                }
                Some(_) | None => self.parameter(parameter, spelled, &mut sites, &mut values)?,
            }
        }
        self.defaults(&given, &mut sites[0], &mut values)?;
        let answer = self.answer(&mut sites[0])?;
        let sites = sites.into_iter().zip(&self.prepared.sites);
        let arguments = sites.map(|(site, _)| site.finish(&mut values)).collect::<Result<_>>()?;
        Ok(Decoded { read: Read { form: self.prepared.form.clone(), arguments, values }, answer })
    }

    /// A declared argument that a row has to equal, by either spelling.
    fn argument(&self, text: &str) -> Option<(&Argument, &Name)> {
        let mut equal =
            self.endpoint.arguments.values().filter_map(|argument| Some((argument, argument.role.equal()?)));
        equal.find(|(argument, _)| is_spelled(&argument.name, text))
    }

    fn equal(
        &self,
        argument: &Argument,
        column: &Name,
        text: &str,
        site: &mut SiteArguments,
        values: &mut Values,
    ) -> Result<()> {
        let item = argument.ty.innermost();
        let json = match argument.ty.is_list() {
            true => items(text).iter().map(|text| typed(self.schema, item, text)).collect(),
            false => typed(self.schema, item, text),
        };
        site.filters.push(equality(self.schema, column, &argument.ty, &json, &argument.name, values)?);
        Ok(())
    }

    fn parameter(
        &self,
        parameter: &Parameter<'_>,
        spelled: Spelled<'_>,
        sites: &mut [SiteArguments],
        values: &mut Values,
    ) -> Result<()> {
        let name = &*parameter.name;
        let (position, rest) = self.site(spelled.path);
        let item = &self.prepared.sites[position].item;
        let site = &mut sites[position];
        if let Some(word) = Some(rest).filter(|word| spelled.operator.is_none() && self.takes(position, word)) {
            return site.word(self.schema, item, word, name, &parameter.value, values);
        }
        let takes_filters = position > 0 || self.endpoint.argument_with(&ArgumentRole::Where).is_some();
        let first = rest.split('.').next().unwrap_or_default();
        let is_field = fields_of(self.schema, item).is_some_and(|fields| field_of(fields, first).is_some());
        if !takes_filters || !is_field {
            return Err(self.unknown(position, name, rest, takes_filters));
        }
        let mut conditions = Conditions { schema: self.schema, values };
        site.filters.push(conditions.comparison(item, Spelled { path: rest, ..spelled }, name, &parameter.value)?);
        Ok(())
    }

    /// The place that a dotted name speaks of, and what of the name is left there.
    fn site<'n>(&self, path: &'n str) -> (usize, &'n str) {
        let mut best = (0, path, 0);
        if !path.contains('.') {
            return (0, path);
        }
        for (position, site) in self.prepared.sites.iter().enumerate().skip(1) {
            let mut rest = path;
            let steps = site.keys.iter().zip(&site.names).all(|(key, field)| {
                let Some((step, after)) = rest.split_once('.') else { return false };
                rest = after;
                step == &**key || is_spelled(field, step)
            });
            if steps && site.keys.len() > best.2 {
                best = (position, rest, site.keys.len());
            }
        }
        (best.0, best.1)
    }

    /// Whether a word at a place is a parameter rather than a field.
    fn takes(&self, position: usize, word: &str) -> bool {
        let is_filter = FILTER_PARAMETERS.contains(&word);
        if position > 0 {
            return LIST_PARAMETERS.contains(&word) || word == "sort" || is_filter;
        }
        let has = |role: &ArgumentRole| self.endpoint.argument_with(role).is_some();
        match self.endpoint.returns {
            Returns::One => false,
            Returns::Count => is_filter && has(&ArgumentRole::Where),
            Returns::Many | Returns::Connection => {
                LIST_PARAMETERS.contains(&word)
                    || CURSOR_PARAMETERS.contains(&word)
                    || (is_filter && has(&ArgumentRole::Where))
                    || (word == "sort" && has(&ArgumentRole::OrderBy))
            }
        }
    }

    fn unknown(&self, position: usize, name: &str, rest: &str, takes_filters: bool) -> Error {
        let site = &self.prepared.sites[position];
        let first = rest.split('.').next().filter(|first| first.len() < rest.len());
        let field = first.and_then(|first| field_of(fields_of(self.schema, &site.item)?, first));
        if let Some(list) = field.filter(|field| field.join.is_some() && field.ty.is_list()) {
            let message = format!("{name}: {0} is not selected; add it to select, as in select={0}(…)", list.name);
            return Error::invalid(message).at(name);
        }
        let mut known: Vec<String> = Vec::new();
        if position == 0 {
            known.extend(Some("select".to_owned()).filter(|_| self.endpoint.returns != Returns::Count));
            let equal = self.endpoint.arguments.values().filter(|argument| argument.role.equal().is_some());
            known.extend(equal.map(|argument| argument.name.to_string()));
        }
        let is_connection = self.endpoint.returns == Returns::Connection && position == 0;
        let words = LIST_PARAMETERS.iter().filter(|_| !is_connection);
        let words = words.chain(CURSOR_PARAMETERS.iter().filter(|_| is_connection));
        let words = words.chain(&["sort"]).chain(&FILTER_PARAMETERS);
        known.extend(words.filter(|word| self.takes(position, word)).map(|word| (*word).to_owned()));
        if takes_filters {
            let fields = fields_of(self.schema, &site.item).map(|fields| fields.keys()).into_iter().flatten();
            known.extend(fields.map(ToString::to_string));
        }
        let nearest = did_you_mean(rest, known.iter().map(String::as_str)).filter(|_| known.len() > 12);
        // Spelled as it has to be, with the way to its place.
        let place = name.find(rest).map_or("", |at| &name[..at]);
        let nearest = nearest.map(|hint| hint.replacen('"', &format!("\"{place}"), 1));
        let hint = nearest.map(|hint| format!("{hint} ")).unwrap_or_default();
        let message = format!("there is no parameter \"{name}\"; {hint}there are {}", known.join(", "));
        Error::invalid(message).at(name)
    }

    /// Arguments that were left out: their default, or nothing where they may be.
    fn defaults(&self, given: &[&str], site: &mut SiteArguments, values: &mut Values) -> Result<()> {
        let item = &self.endpoint.item;
        for argument in self.endpoint.arguments.values() {
            let Some(default) = &argument.default else {
                let is_open = argument.role.equal().is_some() && !given.contains(&&*argument.name);
                if is_open && !argument.ty.nullable {
                    let message = format!("{} is missing: a {}", argument.name, argument.ty.innermost());
                    return Err(Error::invalid(message).at(&*argument.name));
                }
                continue;
            };
            match &argument.role {
                ArgumentRole::Equal(_) if given.contains(&&*argument.name) => {}
                ArgumentRole::Equal(column) => {
                    let filter = equality(self.schema, column, &argument.ty, default, &argument.name, values)?;
                    site.filters.push(filter);
                }
                ArgumentRole::Where if site.filters.is_empty() => {
                    site.filters.extend(filter(self.schema, item, default, "filter", values)?);
                }
                ArgumentRole::OrderBy if site.order.is_empty() => site.order = order_by(self.schema, item, default)?,
                ArgumentRole::Limit => site.limit = site.limit.or(default.as_u64()),
                ArgumentRole::Offset => site.offset = site.offset.or(default.as_u64()),
                ArgumentRole::First if site.last.is_none() => site.first = site.first.or(default.as_u64()),
                ArgumentRole::Where
                | ArgumentRole::OrderBy
                | ArgumentRole::First
                | ArgumentRole::After
                | ArgumentRole::Last
                | ArgumentRole::Before
                | ArgumentRole::Value => {}
            }
        }
        Ok(())
    }

    /// What the answer is, with the page that it asks for settled.
    fn answer(&self, site: &mut SiteArguments) -> Result<Answer> {
        let refuse = |name: &str, instead: &str| {
            let how = if instead == "limit" { "by limit and offset" } else { "by cursor: first, after, last, before" };
            Err(Error::invalid(format!("{} is paged {how}; there is no {name}", self.endpoint.name)).at(name))
        };
        match self.endpoint.returns {
            Returns::One => Ok(Answer::One),
            Returns::Count => Ok(Answer::Count),
            Returns::Many => {
                if let Some(name) = site.cursor_parameter() {
                    return refuse(name, "limit");
                }
                if self.wanted.stream {
                    return Ok(Answer::Stream);
                }
                let limit = self.page_size(site.limit, "limit")?;
                site.limit = Some(limit);
                let counted = self.mode == Mode::Counted;
                site.probe = !counted;
                Ok(Answer::Page { limit, offset: site.offset.unwrap_or(0), counted })
            }
            Returns::Connection => {
                if let Some(name) = site.offset_parameter() {
                    return refuse(name, "first");
                }
                if site.first.is_some() && site.last.is_some() {
                    return Err(Error::invalid("give either first or last, not both").at("last"));
                }
                if self.wanted.stream {
                    if let Some(name) = site.cursor_parameter().filter(|name| *name != "first") {
                        let message =
                            format!("{name} pages by cursor, which is for JSON answers; a stream takes first");
                        return Err(Error::invalid(message).at(name));
                    }
                    site.limit = site.first;
                    return Ok(Answer::Stream);
                }
                let (asked, name) = if site.last.is_some() { (site.last, "last") } else { (site.first, "first") };
                let limit = self.page_size(asked, name)?;
                site.limit = Some(limit);
                site.backward = site.last.is_some();
                Ok(Answer::Connection { limit })
            }
        }
    }

    fn page_size(&self, asked: Option<u64>, name: &str) -> Result<u64> {
        match asked {
            None => Ok(self.sizes.default),
            Some(asked) if asked <= self.sizes.max => Ok(asked),
            Some(asked) => {
                let message = format!(
                    "{name}: a JSON page holds at most {} rows, not {asked}; \
                     for all of them ask for application/x-ndjson or text/csv",
                    self.sizes.max
                );
                Err(Error::new(Stage::Decode, Code::TooComplex, message).at(name))
            }
        }
    }
}
