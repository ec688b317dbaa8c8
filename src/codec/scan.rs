//! Steps over stored JSON text without reading more of it than is asked for.
//!
//! PostgreSQL has checked the text, so a step looks only for where a value ends. Text that is not JSON
//! after all is `Malformed` or steps over too much, but never panics and always ends. Nesting is
//! counted, not recursed into, so that its depth does not matter.

use std::borrow::Cow;

use super::Fault;
use super::json_text::equal;
use super::pg::Malformed;

type Step<T> = Result<T, Malformed>;

/// A position in JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'d> {
    text: &'d [u8],
    at: usize,
}

/// The text within a string's quotes as characters; borrowed when it holds no escapes. A `json` may hold one half of a
/// surrogate pair, which is no character.
pub(super) fn unescaped(content: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    if memchr::memchr(b'\\', content).is_none() {
        return Ok(Cow::Borrowed(content));
    }
    let quoted = [b"\"", content, b"\""].concat();
    let text: String = serde_json::from_slice(&quoted).map_err(|_| Fault::Misfit)?;
    Ok(Cow::Owned(text.into_bytes()))
}

/// What stands between the quotes of a value that is a string.
#[inline]
pub(super) fn content(value: &[u8]) -> Option<&[u8]> {
    match value {
        [b'"', content @ .., b'"'] => Some(content),
        _ => None,
    }
}

// === impl Scan ===

impl<'d> Scan<'d> {
    pub(super) fn new(text: &'d [u8]) -> Scan<'d> {
        Scan { text, at: 0 }
    }

    /// The first byte of what comes next, which is not stepped over.
    #[inline]
    pub(super) fn peek(&mut self) -> Step<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Malformed),
            }
        }
    }

    /// Steps into an object or a list; says whether there is anything in it.
    #[inline]
    pub(super) fn enter(&mut self, close: u8) -> Step<bool> {
        self.peek()?;
        self.at += 1;
        Ok(!self.skip(close)?)
    }

    /// Steps to the next member or item; says whether there is one.
    #[inline]
    pub(super) fn another(&mut self, close: u8) -> Step<bool> {
        if self.skip(b',')? {
            return Ok(true);
        }
        if self.skip(close)? { Ok(false) } else { Err(Malformed) }
    }

    /// Steps over a key and its colon; the key as it is written within its quotes.
    #[inline]
    pub(super) fn key(&mut self) -> Step<&'d [u8]> {
        if self.peek()? != b'"' {
            return Err(Malformed);
        }
        let start = self.at + 1;
        self.step_over_string()?;
        let key = &self.text[start..self.at - 1];
        if self.skip(b':')? { Ok(key) } else { Err(Malformed) }
    }

    /// Steps over a value of any kind; its text.
    #[inline]
    pub(super) fn value(&mut self) -> Step<&'d [u8]> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => self.step_over_string()?,
            b'{' | b'[' => self.step_over_nested()?,
            b'}' | b']' | b',' | b':' => return Err(Malformed),
            _ => self.step_over_bare(),
        }
        Ok(&self.text[start..self.at])
    }

    /// What has been stepped over since an earlier position.
    #[inline]
    pub(super) fn since(&self, start: Scan<'d>) -> &'d [u8] {
        &self.text[start.at..self.at]
    }

    #[inline]
    fn skip(&mut self, byte: u8) -> Step<bool> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// From an opening quote to behind the closing one.
    #[inline]
    fn step_over_string(&mut self) -> Step<()> {
        self.at += 1;
        loop {
            match self.quote_or_backslash()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                _backslash => {
                    // The escaped byte cannot end the string.
                    self.at += 2;
                }
            }
        }
    }

    /// Moves to the next quote or backslash. Most strings are short, for which looking at words beats
    /// calling `memchr`.
    #[inline]
    fn quote_or_backslash(&mut self) -> Step<u8> {
        for _ in 0..4 {
            let Some(word) = self.text.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) else { break };
            let word = u64::from_le_bytes(*word);
            let found = equal(word, b'"') | equal(word, b'\\');
            if found != 0 {
                let offset = (found.trailing_zeros() / 8) as usize;
                self.at += offset;
                return Ok((word >> (8 * offset)) as u8);
            }
            self.at += 8;
        }
        let rest = self.text.get(self.at..).ok_or(Malformed)?;
        self.at += memchr::memchr2(b'"', b'\\', rest).ok_or(Malformed)?;
        self.text.get(self.at).copied().ok_or(Malformed)
    }

    /// From an opening bracket to behind the one that closes it.
    fn step_over_nested(&mut self) -> Step<()> {
        let mut depth = 0usize;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.step_over_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        Err(Malformed)
    }

    /// A number, `true`, `false` or `null`.
    #[inline]
    fn step_over_bare(&mut self) {
        while let Some(byte) = self.text.get(self.at) {
            if matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\n' | b'\t' | b'\r') {
                return;
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        for value in [
            "1",
            "-1.5e9",
            "null",
            "\"\"",
            "\"a\\\"b\\\\\"",
            "\"a text that is longer than four words of eight bytes each, with a \\\" in it\"",
            "{}",
            "[]",
            "[1, {\"]\": \"}\\\"\"}, [[]]]",
        ] {
            for before in ["", " \n\t"] {
                for after in ["", ",", "]", " }"] {
                    let text = format!("{before}{value}{after}");
                    let mut scan = Scan::new(text.as_bytes());
                    assert_eq!(scan.value().unwrap(), value.as_bytes(), "{text}");
                    assert_eq!(scan.at, before.len() + value.len());
                }
            }
        }
    }

    #[test]
    fn broken_text_is_refused() {
        for text in ["", " ", "\"", "\"\\", "\"\\\"", "{", "[1", "}", ",", "[\"]"] {
            assert!(Scan::new(text.as_bytes()).value().is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_of_any_depth() {
        let text = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(Scan::new(text.as_bytes()).value().unwrap().len(), text.len());
    }
}
