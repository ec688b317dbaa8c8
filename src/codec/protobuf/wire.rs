//! The protobuf wire format: varints, tags, and lengths that are known only afterwards.

/// How a value travels; the low three bits of its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
}

/// The number of a field with its wire type, encoded once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    bytes: [u8; 5],
    length: u8,
}

#[inline]
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Signed integers travel as two's complement of 64 bits.
#[inline]
pub(super) fn integer(value: i64, out: &mut Vec<u8>) {
    varint(value as u64, out);
}

#[inline]
pub(super) fn double(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Bytes with their length before them.
#[inline]
pub(super) fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(super) fn varint_length(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Leaves room for a length; what follows until [`close`] is what it counts.
#[inline]
pub(super) fn open(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Writes the length of everything since `start`, which moves when the length takes more than a byte.
#[inline]
pub(super) fn close(start: usize, out: &mut Vec<u8>) {
    let length = out.len() - start;
    match u8::try_from(length) {
        Ok(length) if length < 0x80 => out[start - 1] = length,
        Ok(_) | Err(_) => close_long(start, 1, out),
    }
}

/// As [`open`] and [`close`], with room for a length of `room` bytes: for values of about the same size.
#[inline]
pub(super) fn open_for(room: usize, out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 5][..room]);
    out.len()
}

/// Says how much room the length took.
#[inline]
pub(super) fn close_for(start: usize, room: usize, out: &mut Vec<u8>) -> usize {
    let length = (out.len() - start) as u64;
    let needed = varint_length(length);
    if needed == room {
        put_length(length, &mut out[start - room..start]);
    } else {
        close_long(start, room, out);
    }
    needed
}

#[cold]
fn close_long(start: usize, room: usize, out: &mut Vec<u8>) {
    let (end, length) = (out.len(), (out.len() - start) as u64);
    let needed = varint_length(length);
    let moved = start - room + needed;
    if needed > room {
        out.resize(end + needed - room, 0);
    }
    out.copy_within(start..end, moved);
    out.truncate(moved + length as usize);
    put_length(length, &mut out[start - room..moved]);
}

fn put_length(mut length: u64, place: &mut [u8]) {
    let last = place.len() - 1;
    for byte in &mut place[..last] {
        *byte = length as u8 | 0x80;
        length >>= 7;
    }
    place[last] = length as u8;
}

// === impl Tag ===

impl Tag {
    pub(super) fn new(number: u32, wire: WireType) -> Tag {
        let mut encoded = Vec::with_capacity(5);
        varint(u64::from(number) << 3 | wire as u64, &mut encoded);
        let mut bytes = [0; 5];
        bytes[..encoded.len()].copy_from_slice(&encoded);
        Tag { bytes, length: encoded.len() as u8 }
    }

    /// The tag of a message, a text or a packed list.
    pub fn delimited(number: u32) -> Tag {
        Tag::new(number, WireType::Delimited)
    }

    #[inline]
    pub(super) fn put(self, out: &mut Vec<u8>) {
        if self.length == 1 {
            out.push(self.bytes[0]);
        } else {
            out.extend_from_slice(&self.bytes[..usize::from(self.length)]);
        }
    }

    #[inline]
    pub(super) fn length(self) -> usize {
        self.length.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_size() {
        for room in 1..=3 {
            for length in [0, 1, 127, 128, 300, 16_383, 16_384, 100_000] {
                let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
                let mut expected = b"before".to_vec();
                bytes(&content, &mut expected);
                let mut out = b"before".to_vec();
                let start = open_for(room, &mut out);
                out.extend_from_slice(&content);
                assert_eq!(close_for(start, room, &mut out), varint_length(length));
                assert_eq!(out, expected, "{length} in {room}");
                let mut out = b"before".to_vec();
                let start = open(&mut out);
                out.extend_from_slice(&content);
                close(start, &mut out);
                assert_eq!(out, expected, "{length}");
            }
        }
    }

    #[test]
    fn varints() {
        for (value, length) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (u64::MAX, 10)] {
            let mut out = Vec::new();
            varint(value, &mut out);
            assert_eq!((out.len(), varint_length(value)), (length, length));
        }
    }
}
