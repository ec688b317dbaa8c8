//! Points in time as `google.protobuf.Timestamp`, which holds the years 1 to 9999.

use super::wire::{integer, varint_length};
use crate::codec::Fault;
use crate::codec::pg::{self, Moment};

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since 1970.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// 2000-01-01 since 1970.
const EPOCH_US: i64 = 946_684_800_000_000;

/// Writes a timestamp or timestamptz with its length before it; one without a zone is taken for UTC.
#[inline]
pub(super) fn timestamp(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let Moment::At(micros) = pg::timestamp(bytes)? else { return Err(Fault::Misfit) };
    let micros = micros.checked_add(EPOCH_US).ok_or(Fault::Misfit)?;
    put(micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000) * 1000, out)
}

/// Writes a text that `stored::is_date_time` has accepted, with its length before it.
pub(super) fn text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let (seconds, nanos) = parse(text).ok_or(Fault::Misfit)?;
    put(seconds, nanos, out)
}

#[inline]
fn put(seconds: i64, nanos: i64, out: &mut Vec<u8>) -> Result<(), Fault> {
    if !SECONDS.contains(&seconds) {
        return Err(Fault::Misfit);
    }
    let size = |value: i64| if value == 0 { 0 } else { 1 + varint_length(value as u64) };
    out.push((size(seconds) + size(nanos)) as u8);
    if seconds != 0 {
        out.push(1 << 3);
        integer(seconds, out);
    }
    if nanos != 0 {
        out.push(2 << 3);
        integer(nanos, out);
    }
    Ok(())
}

/// Seconds since 1970 and nanoseconds.
fn parse(text: &[u8]) -> Option<(i64, i64)> {
    if text.ends_with(b" BC") {
        return None;
    }
    let mut rest = text;
    let year = number(&mut rest)?;
    let month = number(skip(&mut rest)?)?;
    let day = number(skip(&mut rest)?)?;
    let hour = number(skip(&mut rest)?)?;
    let minute = number(skip(&mut rest)?)?;
    let second = match rest {
        [b':', ..] => number(skip(&mut rest)?)?,
        _ => 0,
    };
    let mut nanos = 0;
    if let [b'.' | b',', ..] = rest {
        skip(&mut rest)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Digits beyond nanoseconds are cut off.
        nanos = (0..9).fold(0, |sum, at| 10 * sum + rest[..digits].get(at).map_or(0, |digit| i64::from(digit - b'0')));
        rest = &rest[digits..];
    }
    let offset = match rest {
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let seconds = zone_seconds(zone)?;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => 0,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some((seconds, nanos))
}

fn number(rest: &mut &[u8]) -> Option<i64> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = rest.split_at(digits);
    *rest = after;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Steps over a separator.
fn skip<'r, 't>(rest: &'r mut &'t [u8]) -> Option<&'r mut &'t [u8]> {
    *rest = rest.get(1..)?;
    Some(rest)
}

/// `01`, `0130`, `01:30`, `01:30:15`.
fn zone_seconds(zone: &[u8]) -> Option<i64> {
    let digits: Vec<i64> =
        zone.iter().filter(|byte| byte.is_ascii_digit()).map(|digit| i64::from(digit - b'0')).collect();
    let pairs = digits.chunks_exact(2).map(|pair| 10 * pair[0] + pair[1]);
    (digits.len() >= 2).then(|| pairs.zip([3600, 60, 1]).map(|(value, unit)| value * unit).sum())
}

/// Of a day of the proleptic Gregorian calendar; counts years from March, so that a leap day ends one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_postgresql_means_them() {
        for (text, expected) in [
            ("1970-01-01T00:00:00+00:00", Some((0, 0))),
            ("2024-05-06T07:08:09.123456+00:00", Some((1_714_979_289, 123_456_000))),
            ("2024-05-06 07:08Z", Some((1_714_979_280, 0))),
            ("2024-05-06T24:00:00", Some((1_715_040_000, 0))),
            ("2024-05-06T07:08:09-0730", Some((1_714_979_289 + 27_000, 0))),
            ("2024-05-06T07:08:09+05:30:15", Some((1_714_979_289 - 19_815, 0))),
            ("2024-05-06T07:08:09.1234567891", Some((1_714_979_289, 123_456_789))),
            ("0001-01-01T00:00:00", Some((-62_135_596_800, 0))),
            ("9999-12-31T23:59:59", Some((253_402_300_799, 0))),
            ("0001-02-29T00:00:00+00:00 BC", None),
            ("infinity", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn years_beyond_are_refused() {
        let mut out = Vec::new();
        assert_eq!(text(b"12024-05-06T07:08:09", &mut out), Err(Fault::Misfit));
        assert_eq!(text(b"10000-01-01T00:00:00", &mut out), Err(Fault::Misfit));
        for bytes in [i64::MAX, i64::MIN, i64::MAX - 1, 252_455_616_000_000_000] {
            assert_eq!(timestamp(&bytes.to_be_bytes(), &mut out), Err(Fault::Misfit), "{bytes}");
        }
        assert_eq!(timestamp(&0i64.to_be_bytes(), &mut out), Ok(()));
    }
}
