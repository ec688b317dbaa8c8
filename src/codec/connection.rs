//! A relay connection as JSON text, from its one row.
//!
//! The edges come as records in the order in which PostgreSQL fetched them, one more than the page
//! shows. Only the places of the records are kept, because `pageInfo` may be asked for before `edges`
//! and a page that was fetched backwards is shown forwards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;

use super::json::{close, fields, leaf, records, settle};
use super::scan::content;
use super::trail::{Path, Place, Trail};
use super::{Columns, Fault, Stop, json_text, pg};
use crate::plan::shape::{Connection, ConnectionNode, EdgeNode, Key, PageInfoNode};
use crate::schema::name::Name;

/// What a page says besides its nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// How many there are in all, when that was asked for.
    pub total: Option<i64>,
    pub has_next: bool,
    pub has_previous: bool,
    /// Of the first and the last node that are shown.
    pub start_cursor: Option<String>,
    pub end_cursor: Option<String>,
}

/// Writes the nodes of a `Shape::Connection` as a plain list. When it stops, `out` is as it was before.
pub fn nodes(
    connection: &Connection,
    columns: &Columns<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<PageFacts, Stop> {
    let mark = out.len();
    let written = Page::read(connection, columns).and_then(|page| {
        page.nodes(&Path::ROW, out, trail)?;
        page.facts(columns, trail)
    });
    if written.is_err() {
        out.truncate(mark);
    }
    written
}

/// Writes the row of `Shape::Connection`. When it stops, `out` is as it was before.
pub fn connection(
    connection: &Connection,
    columns: &Columns<'_>,
    out: &mut Vec<u8>,
    trail: &mut Trail,
) -> Result<(), Stop> {
    let mark = out.len();
    let written = Page::read(connection, columns).and_then(|page| page.write(columns, out, trail));
    if written.is_err() {
        out.truncate(mark);
    }
    written
}

/// The edges that are shown, first to last.
pub(super) struct Page<'s, 'c> {
    connection: &'s Connection,
    pub(super) edges: SmallVec<[&'c [u8]; 32]>,
    /// There were more than the page shows.
    more: bool,
}

// === impl Page ===

impl<'s, 'c> Page<'s, 'c> {
    pub(super) fn read(connection: &'s Connection, columns: &Columns<'c>) -> Result<Page<'s, 'c>, Stop> {
        let mut page = Page { connection, edges: SmallVec::new(), more: false };
        // No array is an empty one: `array_agg` over nothing.
        let Some(bytes) = columns.at(1)? else { return Ok(page) };
        let mut array = pg::Array::parse(bytes)?;
        for _ in 0..records(&array)? {
            page.edges.push(array.item()?.ok_or(Stop::Stale)?);
        }
        array.end()?;
        if let Some(size) = connection.page_size.and_then(|size| usize::try_from(size).ok()) {
            page.more = page.edges.len() > size;
            page.edges.truncate(size);
        }
        if connection.reversed {
            page.edges.reverse();
        }
        Ok(page)
    }

    fn write(&self, columns: &Columns<'_>, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
        out.push(b'{');
        for field in &self.connection.fields {
            out.extend_from_slice(&field.key.json);
            match &field.node {
                ConnectionNode::TypeName(name) => self::name(name, out),
                ConnectionNode::TotalCount => match columns.at(0)? {
                    Some(count) => json_text::integer(pg::int8(count)?, out),
                    None => out.extend_from_slice(b"null"),
                },
                ConnectionNode::PageInfo(fields) => self.page_info(&field.key, fields, out, trail)?,
                ConnectionNode::Edges(fields) => self.edges(&field.key, fields, out, trail)?,
                ConnectionNode::Nodes => self.nodes(&Path::ROW.key(&field.key), out, trail)?,
            }
            out.push(b',');
        }
        close(out, b'}');
        Ok(())
    }

    // On the side to which rows were fetched the extra one tells; on the other the cursor.

    pub(super) fn has_next(&self) -> bool {
        if self.connection.reversed { self.connection.has_cursor } else { self.more }
    }

    pub(super) fn has_previous(&self) -> bool {
        if self.connection.reversed { self.more } else { self.connection.has_cursor }
    }

    fn facts(&self, columns: &Columns<'_>, trail: &mut Trail) -> Result<PageFacts, Stop> {
        let total = columns.at(0)?.map(pg::int8).transpose()?;
        let name = Name::from("cursor");
        let place = Place { path: &Path::ROW, type_name: &self.connection.node.type_name, field: &name };
        let mut cursor = |edge: Option<&&[u8]>| -> Result<Option<String>, Stop> {
            let mut text = Vec::new();
            self.cursor_of(edge, place, &mut text, trail)?;
            // Base64 between quotes, or null.
            Ok(content(&text).map(|text| String::from_utf8_lossy(text).into_owned()))
        };
        let (start_cursor, end_cursor) = (cursor(self.edges.first())?, cursor(self.edges.last())?);
        Ok(PageFacts { total, has_next: self.has_next(), has_previous: self.has_previous(), start_cursor, end_cursor })
    }

    fn nodes(&self, list: &Path<'_>, out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
        let node = &self.connection.node;
        let mut columns = Columns::default();
        out.push(b'[');
        for (index, record) in self.edges.iter().enumerate() {
            columns.read_record(record, &node.columns)?;
            fields(node, &columns, &list.index(index), out, trail)?;
            out.push(b',');
        }
        close(out, b']');
        Ok(())
    }

    fn page_info(
        &self,
        info: &Key,
        fields: &[(Key, PageInfoNode)],
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> Result<(), Stop> {
        let info = Path::ROW.key(info);
        out.push(b'{');
        for (key, node) in fields {
            out.extend_from_slice(&key.json);
            let path = info.key(key);
            let place = Place { path: &path, type_name: &self.connection.node.type_name, field: &key.name };
            match node {
                PageInfoNode::TypeName => out.extend_from_slice(b"\"PageInfo\""),
                PageInfoNode::HasNextPage => json_text::boolean(self.has_next(), out),
                PageInfoNode::HasPreviousPage => json_text::boolean(self.has_previous(), out),
                PageInfoNode::StartCursor => self.cursor_of(self.edges.first(), place, out, trail)?,
                PageInfoNode::EndCursor => self.cursor_of(self.edges.last(), place, out, trail)?,
            }
            out.push(b',');
        }
        close(out, b'}');
        Ok(())
    }

    fn edges(&self, list: &Key, edge: &[(Key, EdgeNode)], out: &mut Vec<u8>, trail: &mut Trail) -> Result<(), Stop> {
        let node = &self.connection.node;
        let list = Path::ROW.key(list);
        let mut columns = Columns::default();
        out.push(b'[');
        for (index, record) in self.edges.iter().enumerate() {
            columns.read_record(record, &node.columns)?;
            let path = list.index(index);
            out.push(b'{');
            for (key, value) in edge {
                out.extend_from_slice(&key.json);
                let path = path.key(key);
                let place = Place { path: &path, type_name: &node.type_name, field: &key.name };
                match value {
                    EdgeNode::TypeName(name) => self::name(name, out),
                    EdgeNode::Cursor => self.cursor(&columns, place, out, trail)?,
                    EdgeNode::Node => {
                        let mark = out.len();
                        match fields(node, &columns, &path, out, trail) {
                            Ok(()) => {}
                            Err(Stop::Stale) => return Err(Stop::Stale),
                            // `node` may be null in the schema of every connection.
                            Err(Stop::Null) => {
                                out.truncate(mark);
                                out.extend_from_slice(b"null");
                            }
                        }
                    }
                }
                out.push(b',');
            }
            close(out, b'}');
            out.push(b',');
        }
        close(out, b']');
        Ok(())
    }

    fn cursor_of(
        &self,
        edge: Option<&&[u8]>,
        place: Place<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> Result<(), Stop> {
        let Some(record) = edge else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        let columns = Columns::from_record(record, &self.connection.node.columns)?;
        self.cursor(&columns, place, out, trail)
    }

    /// The values of the cursor's columns as a JSON array, in base64.
    pub(super) fn cursor(
        &self,
        columns: &Columns<'_>,
        place: Place<'_>,
        out: &mut Vec<u8>,
        trail: &mut Trail,
    ) -> Result<(), Stop> {
        // The plain text is written where the encoded one will be, and moved aside.
        let start = out.len();
        out.push(b'[');
        for (column, value) in &self.connection.cursor {
            match columns.at(*column)?.map_or(Err(Fault::Null), |bytes| leaf(value, bytes, out)) {
                Ok(()) => {}
                Err(Fault::Null) => out.extend_from_slice(b"null"),
                Err(fault) => {
                    settle(fault, false, place, || "a value of the cursor does not fit".to_owned(), out, trail)?
                }
            }
            out.push(b',');
        }
        close(out, b']');
        let plain = SmallVec::<[u8; 128]>::from_slice(&out[start..]);
        let encoded_length = plain.len().div_ceil(3) * 4;
        out[start..].fill(b'"');
        out.resize(start + encoded_length + 2, b'"');
        STANDARD.encode_slice(&plain, &mut out[start + 1..start + 1 + encoded_length]).map_err(|_| Stop::Stale)?;
        Ok(())
    }
}

fn name(name: &Name, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}
