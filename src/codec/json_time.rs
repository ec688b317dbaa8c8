//! Dates and times as JSON strings, as `to_json` prints them with TimeZone UTC, DateStyle ISO and
//! IntervalStyle postgres.

use super::json_text::{DIGITS, integer};
use super::pg::{self, Civil, Interval, Moment};

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;

/// Infinite from PostgreSQL 17 on; before, the longest interval of all, which nobody stores.
const INFINITE: Interval = Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX };
const NEGATIVE_INFINITE: Interval = Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN };

/// Whether a timestamp ends with its offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Utc,
    Absent,
}

/// A short text in the making. It is long enough for the longest timestamp, and a push beyond it
/// would be a mistake here, not in the data, whose ranges `pg` has checked.
struct Line {
    bytes: [u8; 48],
    length: usize,
}

#[inline]
pub fn timestamp(moment: Moment<i64>, zone: Zone, out: &mut Vec<u8>) {
    let Some(micros) = finite(moment, out) else { return };
    let (day, time) = pg::day_and_time(micros);
    let date = pg::civil(day);
    if !(1..10_000).contains(&date.year) {
        return distant_timestamp(date, time, zone, out);
    }
    let mut text = *b"\"0000-00-00T00:00:00";
    let (seconds, fraction) = seconds_and_fraction(time);
    four(&mut text, 1, date.year as u32);
    two(&mut text, 6, date.month);
    two(&mut text, 9, date.day);
    two(&mut text, 12, seconds / 3600);
    two(&mut text, 15, seconds / 60 % 60);
    two(&mut text, 18, seconds % 60);
    out.extend_from_slice(&text);
    if fraction != 0 {
        self::fraction(fraction, out);
    }
    match zone {
        Zone::Utc => out.extend_from_slice(b"+00:00\""),
        Zone::Absent => out.push(b'"'),
    }
}

#[inline]
pub fn date(moment: Moment<i32>, out: &mut Vec<u8>) {
    let Some(day) = finite(moment, out) else { return };
    let date = pg::civil(day.into());
    if !(1..10_000).contains(&date.year) {
        let mut line = Line::new();
        let before_christ = line.day(date);
        return line.finish(before_christ, out);
    }
    let mut text = *b"\"0000-00-00\"";
    four(&mut text, 1, date.year as u32);
    two(&mut text, 6, date.month);
    two(&mut text, 9, date.day);
    out.extend_from_slice(&text);
}

#[inline]
pub fn time(micros: i64, out: &mut Vec<u8>) {
    let mut line = Line::new();
    line.clock(micros);
    line.finish(false, out);
}

/// The zone counts seconds west of UTC and is shown as east of it, minutes and seconds where needed.
pub fn timetz((micros, west_secs): (i64, i32), out: &mut Vec<u8>) {
    let mut line = Line::new();
    line.clock(micros);
    line.push(if west_secs <= 0 { b'+' } else { b'-' });
    let offset = west_secs.unsigned_abs();
    let (minutes, seconds) = (offset / 60 % 60, offset % 60);
    // PostgreSQL keeps offsets below 16 hours.
    line.two(offset / 3600 % 100);
    if minutes != 0 || seconds != 0 {
        line.push(b':');
        line.two(minutes);
    }
    if seconds != 0 {
        line.push(b':');
        line.two(seconds);
    }
    line.finish(false, out);
}

/// `1 year -2 mons +3 days -04:05:06.7`: each part has its own sign, which is written out after a
/// negative one.
pub fn interval(interval: Interval, out: &mut Vec<u8>) {
    if interval == INFINITE {
        return out.extend_from_slice(b"\"infinity\"");
    }
    if interval == NEGATIVE_INFINITE {
        return out.extend_from_slice(b"\"-infinity\"");
    }
    out.push(b'"');
    let start = out.len();
    let mut after_negative = false;
    for (value, unit) in [(interval.months / 12, "year"), (interval.months % 12, "mon"), (interval.days, "day")] {
        if value == 0 {
            continue;
        }
        if out.len() > start {
            out.push(b' ');
        }
        if after_negative && value > 0 {
            out.push(b'+');
        }
        integer(value, out);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if value != 1 {
            out.push(b's');
        }
        after_negative = value < 0;
    }
    if interval.micros != 0 || out.len() == start {
        if out.len() > start {
            out.push(b' ');
        }
        if interval.micros < 0 {
            out.push(b'-');
        } else if after_negative {
            out.push(b'+');
        }
        hours(interval.micros.unsigned_abs(), out);
    }
    out.push(b'"');
}

/// Before Christ, or with a year of more than four digits.
#[cold]
fn distant_timestamp(date: Civil, time: i64, zone: Zone, out: &mut Vec<u8>) {
    let mut line = Line::new();
    let before_christ = line.day(date);
    line.push(b'T');
    line.clock(time);
    match zone {
        Zone::Utc => line.extend(b"+00:00"),
        Zone::Absent => {}
    }
    line.finish(before_christ, out);
}

#[inline]
fn seconds_and_fraction(micros: i64) -> (u32, u32) {
    // A day has fewer than 2^37 microseconds, and none is negative.
    let micros = micros as u64;
    ((micros / SECOND_US as u64) as u32, (micros % SECOND_US as u64) as u32)
}

/// Writes two digits where a template has them.
#[inline]
fn two<const N: usize>(text: &mut [u8; N], at: usize, value: u32) {
    let [tens, ones] = DIGITS[value as usize % 100];
    text[at] = tens;
    text[at + 1] = ones;
}

#[inline]
fn four<const N: usize>(text: &mut [u8; N], at: usize, value: u32) {
    two(text, at, value / 100);
    two(text, at + 2, value % 100);
}

/// A point and up to six digits, without trailing zeros.
#[inline]
fn fraction(micros: u32, out: &mut Vec<u8>) {
    let mut text = *b".000000";
    two(&mut text, 1, micros / 10_000);
    two(&mut text, 3, micros / 100 % 100);
    two(&mut text, 5, micros % 100);
    out.extend_from_slice(&text);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// `hh:mm:ss.ffffff` with as many digits for the hours as they need.
fn hours(micros: u64, out: &mut Vec<u8>) {
    let hours = micros / HOUR_US as u64;
    if hours < 10 {
        out.push(b'0');
    }
    integer(hours, out);
    let mut line = Line { bytes: [0; 48], length: 0 };
    let rest = (micros % HOUR_US as u64) as u32;
    line.push(b':');
    line.two(rest / 60_000_000);
    line.push(b':');
    line.two(rest / 1_000_000 % 60);
    line.fraction(rest % 1_000_000);
    out.extend_from_slice(&line.bytes[..line.length]);
}

#[inline]
fn finite<T>(moment: Moment<T>, out: &mut Vec<u8>) -> Option<T> {
    match moment {
        Moment::At(value) => return Some(value),
        Moment::Infinity => out.extend_from_slice(b"\"infinity\""),
        Moment::NegativeInfinity => out.extend_from_slice(b"\"-infinity\""),
    }
    None
}

// === impl Line ===

impl Line {
    #[inline]
    fn new() -> Line {
        let mut line = Line { bytes: [0; 48], length: 1 };
        line.bytes[0] = b'"';
        line
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    #[inline]
    fn two(&mut self, value: u32) {
        self.extend(&DIGITS[value as usize]);
    }

    /// `yyyy-mm-dd`; says whether the year counts before Christ.
    fn day(&mut self, date: Civil) -> bool {
        let before_christ = date.year <= 0;
        let year = if before_christ { 1 - date.year } else { date.year };
        if year < 10_000 {
            self.two(year as u32 / 100);
            self.two(year as u32 % 100);
        } else {
            self.extend(itoa::Buffer::new().format(year).as_bytes());
        }
        self.push(b'-');
        self.two(date.month);
        self.push(b'-');
        self.two(date.day);
        before_christ
    }

    /// `hh:mm:ss.ffffff` of microseconds since midnight.
    #[inline]
    fn clock(&mut self, micros: i64) {
        let (seconds, fraction) = seconds_and_fraction(micros);
        self.two(seconds / 3600);
        self.push(b':');
        self.two(seconds / 60 % 60);
        self.push(b':');
        self.two(seconds % 60);
        self.fraction(fraction);
    }

    /// A point and up to six digits, without trailing zeros.
    #[inline]
    fn fraction(&mut self, micros: u32) {
        if micros == 0 {
            return;
        }
        self.push(b'.');
        self.two(micros / 10_000);
        self.two(micros / 100 % 100);
        self.two(micros % 100);
        while self.bytes[self.length - 1] == b'0' {
            self.length -= 1;
        }
    }

    #[inline]
    fn finish(mut self, before_christ: bool, out: &mut Vec<u8>) {
        if before_christ {
            self.extend(b" BC");
        }
        self.push(b'"');
        out.extend_from_slice(&self.bytes[..self.length]);
    }
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
    fn timestamps() {
        for (micros, expected) in [
            (0, "\"2000-01-01T00:00:00+00:00\""),
            (-1, "\"1999-12-31T23:59:59.999999+00:00\""),
            (500_000, "\"2000-01-01T00:00:00.5+00:00\""),
            (-63_113_904_000_000_000, "\"0001-01-01T00:00:00+00:00 BC\""),
        ] {
            check(|out| timestamp(Moment::At(micros), Zone::Utc, out), expected);
        }
        check(|out| timestamp(Moment::Infinity, Zone::Utc, out), "\"infinity\"");
        check(|out| date(Moment::NegativeInfinity, out), "\"-infinity\"");
    }

    #[test]
    fn the_longest_texts_fit() {
        for micros in [i64::MIN + 1, i64::MAX - 1] {
            timestamp(Moment::At(micros), Zone::Utc, &mut Vec::new());
        }
        for days in [i32::MIN + 1, i32::MAX - 1] {
            date(Moment::At(days), &mut Vec::new());
        }
        for zone in [i32::MIN, i32::MAX] {
            timetz((86_400_000_000, zone), &mut Vec::new());
        }
    }

    #[test]
    fn intervals() {
        for (months, days, micros, expected) in [
            (0, 0, 0, "\"00:00:00\""),
            (1, 0, 0, "\"1 mon\""),
            (-13, 3, -14_706_700_000, "\"-1 years -1 mons +3 days -04:05:06.7\""),
            (0, -1, 1, "\"-1 days +00:00:00.000001\""),
            (
                i32::MIN,
                i32::MIN,
                i64::MIN + 1,
                "\"-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807\"",
            ),
            (i32::MAX, i32::MAX, i64::MAX, "\"infinity\""),
            (i32::MIN, i32::MIN, i64::MIN, "\"-infinity\""),
        ] {
            check(|out| interval(Interval { months, days, micros }, out), expected);
        }
    }
}
