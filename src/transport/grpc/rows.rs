//! Rows → framed messages, many in one buffer.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::frame::{self, Encoding, HEADER_BYTES};
use crate::codec::protobuf::{self, Layout, LengthRoom, Tag};
use crate::codec::{self, Segment, Stop, Trail};
use crate::engine::Rows;
use crate::error::{Code, Error, Result, Stage};

/// Size at which a buffer is handed on.
const CHUNK_BYTES: usize = 32 * 1024;

/// Size at which a page is closed, however many rows it holds.
const PAGE_BYTES: usize = 1024 * 1024;

/// How rows become messages.
#[derive(Debug, Clone, Copy)]
pub enum Packing {
    /// One row in each.
    Single,
    /// This many rows in each, as items of this field.
    Pages { rows: usize, items: Tag },
}

/// A stream of messages.
pub struct Messages {
    rows: Rows,
    layout: Arc<Layout>,
    packing: Packing,
    encoding: Encoding,
    bytes_max: usize,
    buffer: Vec<u8>,
    page: Option<Page>,
    room: LengthRoom,
    trail: Trail,
    read: usize,
    yielded: bool,
    /// What the last buffer took.
    capacity: usize,
}

/// A page that is being filled.
#[derive(Debug, Clone, Copy)]
struct Page {
    start: usize,
    rows: usize,
}

/// What was ready, and how the stream has ended if it has.
#[derive(Debug)]
pub struct Filled {
    pub data: Bytes,
    pub end: Option<Result<()>>,
}

// === impl Messages ===

impl Messages {
    pub fn new(rows: Rows, layout: Arc<Layout>, packing: Packing, encoding: Encoding, bytes_max: usize) -> Messages {
        Messages {
            rows,
            layout,
            packing,
            encoding,
            bytes_max,
            buffer: Vec::new(),
            page: None,
            room: LengthRoom::default(),
            trail: Trail::default(),
            read: 0,
            yielded: false,
            capacity: CHUNK_BYTES + CHUNK_BYTES / 4,
        }
    }

    /// Whole messages as soon as there are some, more of them when more rows have arrived.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Filled> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(self.capacity);
        }
        loop {
            match self.rows.poll_next(context) {
                Poll::Ready(Some(Ok(row))) => {
                    self.yielded = false;
                    match self.row(&row) {
                        Ok(()) if self.page.is_none() && self.buffer.len() >= CHUNK_BYTES => {
                            return Poll::Ready(self.hand_on(None));
                        }
                        Ok(()) => {}
                        Err(error) => return Poll::Ready(self.hand_on(Some(Err(error)))),
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(self.hand_on(Some(Err(error)))),
                Poll::Ready(None) => {
                    let closed = self.close_page();
                    return Poll::Ready(self.hand_on(Some(closed)));
                }
                Poll::Pending => {
                    let ready = self.page.map_or(self.buffer.len(), |page| page.start);
                    if ready == 0 {
                        return Poll::Pending;
                    }
                    if !std::mem::replace(&mut self.yielded, true) {
                        // Once more when the other tasks of this thread have run and its sockets have been looked
                        // at, which most often brings more: fewer and larger frames.
                        let _ = pin!(tokio::task::yield_now()).poll(context);
                        return Poll::Pending;
                    }
                    return Poll::Ready(self.hand_on(None));
                }
            }
        }
    }

    /// The whole messages of the buffer; what has been written of a page stays.
    fn hand_on(&mut self, end: Option<Result<()>>) -> Filled {
        let page = self.page.take();
        let rest = page.map(|page| self.buffer.split_off(page.start)).unwrap_or_default();
        let data = std::mem::take(&mut self.buffer);
        self.capacity = data.len() + data.len() / 8;
        if end.is_none() {
            self.buffer = rest;
            self.page = page.map(|page| Page { start: 0, ..page });
        }
        Filled { data: data.into(), end }
    }

    fn row(&mut self, row: &codec::Row) -> Result<()> {
        self.trail.at_row(Some(self.read));
        self.read += 1;
        let out = &mut self.buffer;
        match self.packing {
            Packing::Single => {
                let start = frame::open(out);
                let written = protobuf::row(&self.layout, row, out, &mut self.trail);
                let closed = match written {
                    Ok(()) => frame::close(start, self.encoding, self.bytes_max, out),
                    Err(stop) => Err(stopped(stop, &self.trail)),
                };
                if closed.is_err() {
                    out.truncate(start);
                }
                closed
            }
            Packing::Pages { rows: rows_max, items } => {
                let page = *self.page.get_or_insert_with(|| Page { start: frame::open(out), rows: 0 });
                let row_start = out.len();
                protobuf::row_item(items, &mut self.room, &self.layout, row, out, &mut self.trail)
                    .map_err(|stop| stopped(stop, &self.trail))?;
                if page.rows > 0 && out.len() - page.start - HEADER_BYTES > self.bytes_max {
                    // One row too many: it begins the next page.
                    let row = out.split_off(row_start);
                    self.close_page()?;
                    self.page = Some(Page { start: frame::open(&mut self.buffer), rows: 1 });
                    self.buffer.extend_from_slice(&row);
                } else {
                    self.page = Some(Page { rows: page.rows + 1, ..page });
                }
                match self.page {
                    Some(page) if page.rows >= rows_max || self.buffer.len() - page.start >= PAGE_BYTES => {
                        self.close_page()
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    fn close_page(&mut self) -> Result<()> {
        let Some(page) = self.page.take() else { return Ok(()) };
        let closed = frame::close(page.start, self.encoding, self.bytes_max, &mut self.buffer);
        if closed.is_err() {
            self.buffer.truncate(page.start);
        }
        closed
    }
}

/// The one row of an answer as a framed message; `None` when there is no row.
pub async fn single(rows: &mut Rows, layout: &Layout, encoding: Encoding, bytes_max: usize) -> Result<Option<Bytes>> {
    let Some(row) = rows.next().await.transpose()? else { return Ok(None) };
    let (mut out, mut trail) = (Vec::with_capacity(512), Trail::default());
    let start = frame::open(&mut out);
    let written = protobuf::row(layout, &row, &mut out, &mut trail);
    // The end of the statement, without which the connection would be taken for a deserted one.
    while rows.next().await.transpose()?.is_some() {}
    written.map_err(|stop| stopped(stop, &trail))?;
    frame::close(start, encoding, bytes_max, &mut out)?;
    Ok(Some(out.into()))
}

/// What is said when a row could not be written.
#[cold]
pub fn stopped(stop: Stop, trail: &Trail) -> Error {
    match (stop, trail.mismatches().first()) {
        (Stop::Null, Some(mismatch)) => {
            let path: Vec<String> = mismatch.path.iter().map(segment).collect();
            let message = match &*mismatch.type_name {
                // A value that is in no object.
                "" => mismatch.reason.clone(),
                name => format!("{name}.{}: {}", mismatch.field, mismatch.reason),
            };
            Error::new(Stage::Encode, Code::DataMismatch, message).at(path.join("."))
        }
        (Stop::Null, None) | (Stop::Stale, _) => {
            let mut error = Error::new(Stage::Encode, Code::Internal, "the schema and the database differ")
                .because("rows came with other types than the statement was planned for");
            error.stale = true;
            error
        }
    }
}

fn segment(segment: &Segment) -> String {
    match segment {
        Segment::Key(name) => name.to_string(),
        Segment::Index(index) => index.to_string(),
    }
}
