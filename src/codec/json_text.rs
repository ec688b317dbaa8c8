//! Single values as JSON text: strings, uuids, integers, numerics, bytes.
//!
//! Byte for byte what `to_json` prints. Every function appends to one buffer and allocates nothing of
//! its own.

use super::pg::{Decimal, Numeric};

/// Two digits of each number below 100.
pub(super) static DIGITS: [[u8; 2]; 100] = {
    let mut table = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        table[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    table
};

static HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// What follows the backslash for each byte: 0 where none is needed, `u` for the long form.
static ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Text as a JSON string.
#[inline]
pub fn string(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let clean = clean_length(text);
    out.extend_from_slice(&text[..clean]);
    if clean < text.len() {
        escape(&text[clean..], out);
    }
    out.push(b'"');
}

/// A uuid as a JSON string.
#[inline]
pub fn uuid(bytes: [u8; 16], out: &mut Vec<u8>) {
    const PLACES: [usize; 16] = [1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35];
    let mut text = [b'-'; 38];
    text[0] = b'"';
    text[37] = b'"';
    for (byte, place) in bytes.iter().zip(PLACES) {
        let [high, low] = HEX[usize::from(*byte)];
        text[place] = high;
        text[place + 1] = low;
    }
    out.extend_from_slice(&text);
}

#[inline]
pub fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[inline]
pub fn boolean(value: bool, out: &mut Vec<u8>) {
    // Two copies of known length are cheaper than one of either.
    if value {
        out.extend_from_slice(b"true");
    } else {
        out.extend_from_slice(b"false");
    }
}

/// Bytes as PostgreSQL's hex form; its backslash is escaped in JSON.
pub fn bytea(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 * bytes.len() + 5);
    out.extend_from_slice(b"\"\\\\x");
    for byte in bytes {
        out.extend_from_slice(&HEX[usize::from(*byte)]);
    }
    out.push(b'"');
}

/// A numeric of any size; `"NaN"` and the infinities are strings.
pub fn numeric(value: &Numeric<'_>, out: &mut Vec<u8>) {
    match value {
        Numeric::NaN => out.extend_from_slice(b"\"NaN\""),
        Numeric::Infinity => out.extend_from_slice(b"\"Infinity\""),
        Numeric::NegativeInfinity => out.extend_from_slice(b"\"-Infinity\""),
        Numeric::Finite(decimal) => self::decimal(decimal, out),
    }
}

/// Text of JSON that spans lines, on one line and of the same length. JSON strings hold no bare line
/// ends, so whatever line end there is stands between values; only a stored `json` column brings any.
pub fn one_line(text: &mut [u8]) {
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'\n', b'\r', &text[from..]) {
        text[from + found] = b' ';
        from += found + 1;
    }
}

/// The first position of a quote, a backslash or a control character, else the length.
#[inline]
fn clean_length(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = (below_space(word) | equal(word, b'"') | equal(word, b'\\')) & HIGH_BITS;
        if found != 0 {
            return 8 * index + (found.trailing_zeros() / 8) as usize;
        }
    }
    let clean = tail.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0);
    8 * words.len() + clean.unwrap_or(tail.len())
}

/// Sets the high bit of each byte that equals `byte`; bits above the first hit mean nothing.
#[inline]
pub(super) fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (ONES * u64::from(byte));
    difference.wrapping_sub(ONES) & !difference & HIGH_BITS
}

#[inline]
fn below_space(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word
}

/// `text` starts with a byte that needs an escape.
#[inline(never)]
fn escape(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some((byte, rest)) = text.split_first() {
        match ESCAPES[usize::from(*byte)] {
            0 => out.push(*byte),
            b'u' => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&HEX[usize::from(*byte)]);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        let clean = clean_length(rest);
        out.extend_from_slice(&rest[..clean]);
        text = &rest[clean..];
    }
}

fn decimal(decimal: &Decimal<'_>, out: &mut Vec<u8>) {
    if decimal.negative {
        out.push(b'-');
    }
    if decimal.weight < 0 {
        out.push(b'0');
    } else {
        integer(decimal.group(decimal.weight), out);
        for power in (0..decimal.weight).rev() {
            out.extend_from_slice(&four_digits(decimal.group(power)));
        }
    }
    if decimal.scale == 0 {
        return;
    }
    out.push(b'.');
    let end = out.len() + decimal.scale;
    let mut power = -1;
    while out.len() < end {
        out.extend_from_slice(&four_digits(decimal.group(power)));
        power -= 1;
    }
    out.truncate(end);
}

#[inline]
fn four_digits(group: u16) -> [u8; 4] {
    let [a, b] = DIGITS[usize::from(group / 100 % 100)];
    let [c, d] = DIGITS[usize::from(group % 100)];
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn strings_at_every_offset() {
        for byte in (0..=0x7fu8).chain([0xc3]) {
            for before in 0..18 {
                for after in [0, 3, 9] {
                    let special = if byte == 0xc3 { "ä".to_owned() } else { char::from(byte).to_string() };
                    let text = format!("{}{special}{}", "x".repeat(before), "é".repeat(after));
                    let mut out = Vec::new();
                    string(text.as_bytes(), &mut out);
                    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
                }
            }
        }
        check(
            |out| string(b"\0\x08\t\n\x0b\x0c\r\x1f\"\\/\x7f", out),
            "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/\x7f\"",
        );
    }

    #[test]
    fn numerics() {
        let numeric = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        for (words, expected) in [
            (&[0, 0, 0, 0][..], "0"),
            (&[0, 0, 0, 3], "0.000"),
            (&[2, 0, 0x4000, 2, 12, 3400], "-12.34"),
            (&[1, 2, 0, 0, 1], "100000000"),
            (&[1, 0xfffe, 0, 9, 1000], "0.000010000"),
            (&[0, 0, 0xc000, 0], "\"NaN\""),
            (&[0, 0, 0xd000, 0], "\"Infinity\""),
            (&[0, 0, 0xf000, 0], "\"-Infinity\""),
        ] {
            let bytes = numeric(words);
            check(|out| self::numeric(&super::super::pg::numeric(&bytes).unwrap(), out), expected);
        }
        for words in [&[][..], &[1, 0, 0, 0], &[1, 0, 0, 0, 10_000], &[0, 0, 0, 0x4000], &[0, 0, 1, 0]] {
            assert!(super::super::pg::numeric(&numeric(words)).is_err(), "{words:?}");
        }
    }

    #[test]
    fn lines_are_joined() {
        let mut text = b"[{\"a\": \"\\n\"}, \n {}\r\n]".to_vec();
        one_line(&mut text);
        assert_eq!(text, b"[{\"a\": \"\\n\"},   {}  ]");
    }
}
