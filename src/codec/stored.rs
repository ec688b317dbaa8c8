//! Single values of stored JSON against their declared scalars.
//!
//! A document promises nothing about its values, so each one is checked before it is forwarded. What
//! `to_json` makes of a PostgreSQL type is always accepted for the scalars which that type may stand
//! behind, and so is what other writers commonly store: a Decimal or a BigInt as a string.

use super::Fault;
use super::json_text;
use super::scan::{content, unescaped};
use crate::plan::shape::EnumNames;
use crate::schema::model::Scalar;

/// `value` is the text of one JSON value.
#[inline]
pub(super) fn scalar(scalar: Scalar, value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    if value == b"null" {
        return Err(Fault::Null);
    }
    let text = content(value);
    let fits = match scalar {
        Scalar::Json => true,
        Scalar::String | Scalar::Text => text.is_some(),
        Scalar::Boolean => value == b"true" || value == b"false",
        Scalar::Id => return id(value, text, out),
        Scalar::Int => return integer(value, i32::MIN.into(), i32::MAX.into(), out),
        Scalar::BigInt => return integer(text.unwrap_or(value), i64::MIN, i64::MAX, out),
        Scalar::Decimal => return decimal(value, text, out),
        Scalar::Float => text.map_or_else(|| is_number(value), is_not_finite),
        Scalar::Uuid => text.is_some_and(is_uuid),
        Scalar::DateTime => text.is_some_and(is_date_time),
        Scalar::Date => text.is_some_and(is_date),
        Scalar::Time => text.is_some_and(is_time),
    };
    if !fits {
        return Err(Fault::Misfit);
    }
    out.extend_from_slice(value);
    Ok(())
}

/// The name of a stored enum value, which may be a string or, for values that are numbers, a number.
pub(super) fn enum_name(names: &EnumNames, value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    if value == b"null" {
        return Err(Fault::Null);
    }
    match content(value) {
        Some(text) => write_name(names, &unescaped(text)?, out),
        None => write_name(names, value, out),
    }
}

/// The name in the API of the value `stored`.
#[inline]
pub(super) fn write_name(names: &EnumNames, stored: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let (_, name) = names.names.iter().find(|(value, _)| value.as_bytes() == stored).ok_or(Fault::Misfit)?;
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    Ok(())
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A number as JSON writes it.
pub(super) fn is_number(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let rest = match rest {
        [b'0', rest @ ..] => rest,
        [b'1'..=b'9', ..] => after_digits(rest),
        _ => return false,
    };
    let rest = match rest {
        [b'.', b'0'..=b'9', ..] => after_digits(&rest[1..]),
        _ => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] => {
            !power.is_empty() && after_digits(power).is_empty()
        }
        _ => false,
    }
}

fn after_digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    &text[end..]
}

/// How `to_json` writes what JSON numbers cannot hold.
fn is_not_finite(text: &[u8]) -> bool {
    matches!(text, b"NaN" | b"Infinity" | b"-Infinity")
}

fn id(value: &[u8], text: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let quote: &[u8] = match text {
        Some(_) => b"",
        None => {
            let digits = value.strip_prefix(b"-").unwrap_or(value);
            if digits.is_empty() || !after_digits(digits).is_empty() {
                return Err(Fault::Misfit);
            }
            b"\""
        }
    };
    out.extend_from_slice(quote);
    out.extend_from_slice(value);
    out.extend_from_slice(quote);
    Ok(())
}

fn decimal(value: &[u8], text: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let number = match text {
        Some(text) if is_not_finite(text) => value,
        Some(text) if is_number(text) => text,
        None if is_number(value) => value,
        Some(_) | None => return Err(Fault::Misfit),
    };
    out.extend_from_slice(number);
    Ok(())
}

fn integer(text: &[u8], min: i64, max: i64, out: &mut Vec<u8>) -> Result<(), Fault> {
    let value = whole(text).filter(|value| (min..=max).contains(value)).ok_or(Fault::Misfit)?;
    json_text::integer(value, out);
    Ok(())
}

/// The value of a number without a fraction: `7`, and also `7.0` and `7e2`, which JSON does not tell
/// from it.
fn whole(text: &[u8]) -> Option<i64> {
    if !is_number(text) {
        return None;
    }
    let negative = text.starts_with(b"-");
    let mantissa_end = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (mantissa, power) = text.split_at(mantissa_end);
    let power: i32 = match power.get(1..) {
        Some(power) => std::str::from_utf8(power).ok()?.parse().ok()?,
        None => 0,
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let fraction = point.map_or(&[][..], |point| &mantissa[point + 1..]);
    let digits = || mantissa.iter().filter(|byte| byte.is_ascii_digit());
    let zeros = digits().rev().take_while(|digit| **digit == b'0').count();
    let kept = digits().count() - zeros;
    let mut value = 0i64;
    for digit in digits().take(kept) {
        let digit = i64::from(digit - b'0');
        value = value.checked_mul(10)?.checked_add(if negative { -digit } else { digit })?;
    }
    let shift = i64::from(power) + zeros as i64 - fraction.len() as i64;
    match u32::try_from(shift) {
        Ok(_) if value == 0 => Some(0),
        Ok(shift) => value.checked_mul(10i64.checked_pow(shift)?),
        Err(_) => (value == 0).then_some(0),
    }
}

/// `2024-05-06`, years of four digits or more, ` BC` behind it, or an infinity.
pub(super) fn is_date(text: &[u8]) -> bool {
    is_infinity(text) || after_date(text).is_some_and(|rest| matches!(rest, b"" | b" BC"))
}

/// A date, `T` or a space, a time and perhaps an offset.
pub(super) fn is_date_time(text: &[u8]) -> bool {
    let parts = || {
        let (separator, time) = after_date(text)?.split_first()?;
        let rest = after_offset(after_time(time)?)?;
        Some(matches!(separator, b'T' | b't' | b' ') && matches!(rest, b"" | b" BC"))
    };
    is_infinity(text) || parts() == Some(true)
}

/// A time and perhaps an offset.
pub(super) fn is_time(text: &[u8]) -> bool {
    after_time(text).and_then(after_offset).is_some_and(<[u8]>::is_empty)
}

fn is_infinity(text: &[u8]) -> bool {
    matches!(text, b"infinity" | b"-infinity")
}

fn after_date(text: &[u8]) -> Option<&[u8]> {
    let rest = after_digits(text);
    let digits = text.len() - rest.len();
    if !(4..=7).contains(&digits) {
        return None;
    }
    let year = text[..digits].iter().fold(0u32, |year, digit| 10 * year + u32::from(digit - b'0'));
    let (month, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    let (day, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    // 1 BC, a leap year, is year 0 of the calendar that counts on.
    let counted = if text.ends_with(b" BC") { year.checked_sub(1)? } else { year };
    let leap = counted % 4 == 0 && (counted % 100 != 0 || counted % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(rest)
}

fn after_time(text: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = two_digits(text)?;
    let (minute, rest) = two_digits(rest.strip_prefix(b":")?)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => two_digits(rest)?,
        None => (0, rest),
    };
    let rest = match rest {
        [b'.' | b',', b'0'..=b'9', ..] => after_digits(&rest[1..]),
        _ => rest,
    };
    let in_range = hour < 24 || (hour == 24 && minute == 0 && second == 0);
    (in_range && minute < 60 && second <= 60).then_some(rest)
}

/// `Z`, `+01`, `+0130`, `+01:30`, `+01:30:15`, or nothing.
fn after_offset(text: &[u8]) -> Option<&[u8]> {
    let rest = match text {
        [b'Z' | b'z', rest @ ..] => return Some(rest),
        [b'+' | b'-', rest @ ..] => rest,
        _ => return Some(text),
    };
    let (hours, mut rest) = two_digits(rest)?;
    let mut in_range = hours < 24;
    for _ in 0..2 {
        let part = rest.strip_prefix(b":").unwrap_or(rest);
        let Some((value, after)) = two_digits(part) else { break };
        in_range &= value < 60;
        rest = after;
    }
    in_range.then_some(rest)
}

#[inline]
fn two_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` is a misfit.
    fn check(kind: Scalar, cases: &[(&str, Option<&str>)]) {
        for (value, expected) in cases {
            let mut out = Vec::new();
            let written = scalar(kind, value.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap());
            assert_eq!(written, expected.map(str::to_owned).ok_or(Fault::Misfit), "{kind:?} {value}");
        }
    }

    fn same(kind: Scalar, fit: &[&str], misfit: &[&str]) {
        check(kind, &fit.iter().map(|value| (*value, Some(*value))).collect::<Vec<_>>());
        check(kind, &misfit.iter().map(|value| (*value, None)).collect::<Vec<_>>());
    }

    #[test]
    fn numbers() {
        check(
            Scalar::Int,
            &[
                ("7", Some("7")),
                ("-0", Some("0")),
                ("7.0", Some("7")),
                ("7e2", Some("700")),
                ("700E-2", Some("7")),
                ("2147483647", Some("2147483647")),
                ("-2147483648", Some("-2147483648")),
                ("0e99999", Some("0")),
                ("2147483648", None),
                ("7.5", None),
                ("7e-1", None),
                ("1e99999999999999999999", None),
                ("\"7\"", None),
                ("true", None),
                ("{}", None),
            ],
        );
        check(
            Scalar::BigInt,
            &[
                ("9223372036854775807", Some("9223372036854775807")),
                ("-9223372036854775808", Some("-9223372036854775808")),
                ("\"42\"", Some("42")),
                ("9223372036854775808", None),
                ("\"4 2\"", None),
                ("\"\"", None),
            ],
        );
        check(
            Scalar::Decimal,
            &[
                ("1.50", Some("1.50")),
                ("\"1.50\"", Some("1.50")),
                ("\"-0.1e+7\"", Some("-0.1e+7")),
                ("\"NaN\"", Some("\"NaN\"")),
                ("\"1.\"", None),
                ("\".5\"", None),
                ("\"+1\"", None),
                ("\"01\"", None),
                ("\"1e\"", None),
                ("[]", None),
            ],
        );
        same(Scalar::Float, &["1", "-1.5e300", "\"NaN\"", "\"-Infinity\""], &["\"1\"", "true", "-", "[1]"]);
        check(
            Scalar::Id,
            &[
                ("7", Some("\"7\"")),
                ("-7", Some("\"-7\"")),
                ("\"a\\\"b\"", Some("\"a\\\"b\"")),
                ("7.5", None),
                ("true", None),
            ],
        );
    }

    #[test]
    fn texts() {
        same(Scalar::String, &["\"\"", "\"a\""], &["1", "{}", "\""]);
        same(Scalar::Boolean, &["true", "false"], &["\"true\"", "0"]);
        same(
            Scalar::Uuid,
            &["\"01234567-89ab-cdef-0123-456789ABCDEF\""],
            &["\"0123456789abcdef0123456789abcdef\"", "\"01234567-89ab-cdef-0123-456789abcdeg\"", "1"],
        );
    }

    #[test]
    fn dates_and_times() {
        same(
            Scalar::DateTime,
            &[
                "\"2024-05-06T07:08:09.123456+00:00\"",
                "\"2024-05-06 07:08Z\"",
                "\"2024-05-06T24:00:00\"",
                "\"0001-02-29T00:00:00+00:00 BC\"",
                "\"12024-05-06T07:08:09-0730\"",
                "\"infinity\"",
                "\"-infinity\"",
            ],
            &[
                "\"2024-05-06\"",
                "\"2024-13-06T00:00:00\"",
                "\"2023-02-29T00:00:00\"",
                "\"2024-05-06T24:00:01\"",
                "\"2024-05-06T07:08:09+\"",
                "\"2024-05-06T07:08:09 AD\"",
                "\"yesterday\"",
                "\"\"",
                "0",
            ],
        );
        same(
            Scalar::Date,
            &["\"2024-02-29\"", "\"0044-03-15 BC\"", "\"infinity\""],
            &["\"2024-02-30\"", "\"24-01-01\"", "\"0000-01-01 BC\""],
        );
        same(
            Scalar::Time,
            &["\"24:00:00\"", "\"07:08\"", "\"07:08:09.5+05:30:15\""],
            &["\"25:00:00\"", "\"7:08\"", "\"07:60\""],
        );
    }
}
