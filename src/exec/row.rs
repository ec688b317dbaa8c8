//! One row as PostgreSQL sent it: the body of a `DataRow` message.

use bytes::Bytes;

/// A count, then for each column its length and its bytes; a length of -1 is null.
///
/// The bytes are a piece of what was read from the socket: a row costs no memory of its own.
#[derive(Debug, Clone)]
pub struct Row(Bytes);

/// The columns of a row, one after the other. Ends early where the bytes are not those of a row.
pub struct Columns<'a> {
    rest: &'a [u8],
    count: usize,
}

// === impl Row ===

impl Row {
    pub(super) fn new(body: Bytes) -> Row {
        Row(body)
    }

    /// Each column as it is in binary, `None` for null.
    pub fn columns(&self) -> Columns<'_> {
        match self.0.split_first_chunk() {
            Some((count, rest)) => Columns { rest, count: u16::from_be_bytes(*count).into() },
            None => Columns { rest: &[], count: 0 },
        }
    }

    /// How many columns it says that it has.
    pub(super) fn len(&self) -> usize {
        self.columns().count
    }

    /// The bytes of a column; `None` where it is null or there is no such column.
    pub(super) fn bytes(&self, at: usize) -> Option<&[u8]> {
        self.columns().nth(at).flatten()
    }

    pub(super) fn text(&self, at: usize) -> Option<&str> {
        std::str::from_utf8(self.bytes(at)?).ok()
    }

    pub(super) fn boolean(&self, at: usize) -> Option<bool> {
        self.bytes(at).map(|bytes| bytes.first().is_some_and(|byte| *byte != 0))
    }

    pub(super) fn int4(&self, at: usize) -> Option<i32> {
        Some(i32::from_be_bytes(self.bytes(at)?.try_into().ok()?))
    }

    pub(super) fn int8(&self, at: usize) -> Option<i64> {
        Some(i64::from_be_bytes(self.bytes(at)?.try_into().ok()?))
    }
}

// === impl Columns ===

impl<'a> Iterator for Columns<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Option<&'a [u8]>> {
        if self.count == 0 {
            return None;
        }
        self.count -= 1;
        let (length, rest) = self.rest.split_first_chunk()?;
        // Only null is negative.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.rest = rest;
            return Some(None);
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Some(value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for column in columns {
            let length = column.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap());
            body.extend(length.to_be_bytes());
            body.extend(column.unwrap_or_default());
        }
        body
    }

    #[test]
    fn columns_in_order() {
        let columns = [Some(&b"Ann"[..]), None, Some(&[]), Some(&[0, 0, 0, 7]), Some(&[1])];
        let row = Row::new(row(&columns).into());
        assert_eq!(row.columns().collect::<Vec<_>>(), columns);
        assert_eq!((row.len(), row.text(0), row.text(1), row.text(2)), (5, Some("Ann"), None, Some("")));
        assert_eq!((row.int4(3), row.int8(3), row.boolean(4), row.boolean(1)), (Some(7), None, Some(true), None));
        assert_eq!(row.bytes(5), None);
    }

    /// Whatever is cut off, nothing is read beyond it.
    #[test]
    fn columns_that_are_cut_off() {
        let whole = row(&[Some(b"Ann"), None, Some(b"x")]);
        for length in 0..whole.len() {
            let row = Row::new(whole[..length].to_vec().into());
            assert!(row.columns().count() < 3, "{length}");
        }
    }
}
