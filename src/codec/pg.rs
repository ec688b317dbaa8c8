//! PostgreSQL's binary forms, read without a panic whatever the bytes are.
//!
//! Nothing here knows a wire. Values that have no form of their own in Rust (numeric, dates beyond
//! year 9999, infinities) stay in parts, so that no digit is lost on the way.

/// The most dimensions that PostgreSQL gives an array (`MAXDIM`).
const DIMENSIONS_MAX: usize = 6;
const DAY_US: i64 = 86_400_000_000;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Enough for any day that an i32 counts, and for any that holds a timestamp.
const ERAS_BEFORE: i64 = 15_000;
/// The largest display scale of a numeric (`NUMERIC_DSCALE_MASK`).
const SCALE_MAX: u16 = 0x3fff;

/// The bytes are not the binary form of the type that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

type Read<T> = Result<T, Malformed>;

/// A numeric: groups of four decimal digits, the first of which counts 10000^`weight`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Numeric<'a> {
    NaN,
    Infinity,
    NegativeInfinity,
    Finite(Decimal<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decimal<'a> {
    pub negative: bool,
    pub weight: i32,
    /// Digits behind the point.
    pub scale: usize,
    groups: &'a [u8],
}

/// A date or a point in time, which PostgreSQL lets be infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment<T> {
    Infinity,
    NegativeInfinity,
    At(T),
}

/// A day of the proleptic Gregorian calendar; year 0 is 1 BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    pub month: u32,
    pub day: u32,
}

/// The three parts of an interval, which do not add up to one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

/// An array: its dimensions, and its items in row-major order.
#[derive(Debug, Clone)]
pub struct Array<'a> {
    pub item_oid: u32,
    lengths: [usize; DIMENSIONS_MAX],
    dimensions: usize,
    rest: &'a [u8],
}

/// A record: its fields in order, each with the oid of its type.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    count: usize,
    rest: &'a [u8],
}

#[inline]
pub fn boolean(bytes: &[u8]) -> Read<bool> {
    Ok(fixed::<1>(bytes)?[0] != 0)
}

#[inline]
pub fn int2(bytes: &[u8]) -> Read<i16> {
    fixed(bytes).map(i16::from_be_bytes)
}

#[inline]
pub fn int4(bytes: &[u8]) -> Read<i32> {
    fixed(bytes).map(i32::from_be_bytes)
}

#[inline]
pub fn int8(bytes: &[u8]) -> Read<i64> {
    fixed(bytes).map(i64::from_be_bytes)
}

#[inline]
pub fn float4(bytes: &[u8]) -> Read<f32> {
    fixed(bytes).map(f32::from_be_bytes)
}

#[inline]
pub fn float8(bytes: &[u8]) -> Read<f64> {
    fixed(bytes).map(f64::from_be_bytes)
}

#[inline]
pub fn uuid(bytes: &[u8]) -> Read<[u8; 16]> {
    fixed(bytes)
}

/// The text of a jsonb value, whose binary form starts with a version.
#[inline]
pub fn jsonb(bytes: &[u8]) -> Read<&[u8]> {
    match bytes.split_first() {
        Some((1, text)) => Ok(text),
        Some(_) | None => Err(Malformed),
    }
}

/// Microseconds since 2000-01-01, for timestamp and timestamptz (then in UTC).
#[inline]
pub fn timestamp(bytes: &[u8]) -> Read<Moment<i64>> {
    Ok(match int8(bytes)? {
        i64::MAX => Moment::Infinity,
        i64::MIN => Moment::NegativeInfinity,
        micros => Moment::At(micros),
    })
}

/// Days since 2000-01-01.
#[inline]
pub fn date(bytes: &[u8]) -> Read<Moment<i32>> {
    Ok(match int4(bytes)? {
        i32::MAX => Moment::Infinity,
        i32::MIN => Moment::NegativeInfinity,
        days => Moment::At(days),
    })
}

/// Microseconds since midnight, up to and including 24:00:00.
#[inline]
pub fn time(bytes: &[u8]) -> Read<i64> {
    int8(bytes).and_then(within_day)
}

/// Microseconds since midnight, and seconds west of UTC.
pub fn timetz(bytes: &[u8]) -> Read<(i64, i32)> {
    let bytes = fixed::<12>(bytes)?;
    let (micros, zone) = bytes.split_at(8);
    Ok((time(micros)?, int4(zone)?))
}

pub fn interval(bytes: &[u8]) -> Read<Interval> {
    let bytes = fixed::<16>(bytes)?;
    let (micros, rest) = bytes.split_at(8);
    let (days, months) = rest.split_at(4);
    Ok(Interval { micros: int8(micros)?, days: int4(days)?, months: int4(months)? })
}

pub fn numeric(bytes: &[u8]) -> Read<Numeric<'_>> {
    let (header, groups) = bytes.split_first_chunk::<8>().ok_or(Malformed)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (count, weight, sign, scale) = (word(0), word(2) as i16, word(4), word(6));
    if groups.len() != 2 * usize::from(count) || groups.chunks_exact(2).any(|group| group_at(group, 0) > 9999) {
        return Err(Malformed);
    }
    let negative = match sign {
        0x0000 => false,
        0x4000 => true,
        0xc000 => return Ok(Numeric::NaN),
        0xd000 => return Ok(Numeric::Infinity),
        0xf000 => return Ok(Numeric::NegativeInfinity),
        _ => return Err(Malformed),
    };
    if scale > SCALE_MAX {
        return Err(Malformed);
    }
    Ok(Numeric::Finite(Decimal { negative, weight: weight.into(), scale: scale.into(), groups }))
}

/// The day of a timestamp (days since 2000-01-01) and the microseconds within it.
#[inline]
pub fn day_and_time(micros: i64) -> (i64, i64) {
    (micros.div_euclid(DAY_US), micros.rem_euclid(DAY_US))
}

/// Days since 2000-01-01, at most an i32 or so, → the calendar. Counts from the first of March of year 0, so that a leap day
/// is the last day of its year.
#[inline]
pub fn civil(days: i64) -> Civil {
    // Whole eras are added, so that nothing is negative and every division is one by a constant.
    let since_march_0 = (days + 10_957 + 719_468 + ERA_DAYS * ERAS_BEFORE) as u64;
    let era = since_march_0 / ERA_DAYS as u64;
    let day_of_era = (since_march_0 % ERA_DAYS as u64) as u32;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = i64::from(year_of_era) + (era as i64 - ERAS_BEFORE) * 400 + i64::from(month <= 2);
    Civil { year, month, day }
}

#[inline]
fn fixed<const N: usize>(bytes: &[u8]) -> Read<[u8; N]> {
    bytes.try_into().map_err(|_| Malformed)
}

fn within_day(micros: i64) -> Read<i64> {
    if (0..=DAY_US).contains(&micros) { Ok(micros) } else { Err(Malformed) }
}

#[inline]
fn group_at(groups: &[u8], index: usize) -> u16 {
    match groups.get(2 * index..2 * index + 2) {
        Some(group) => u16::from_be_bytes([group[0], group[1]]),
        None => 0,
    }
}

#[inline]
fn take_u32(rest: &mut &[u8]) -> Read<u32> {
    let (word, after) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
    *rest = after;
    Ok(u32::from_be_bytes(*word))
}

/// A length and that many bytes, or −1 for null.
#[inline]
fn take_value<'a>(rest: &mut &'a [u8]) -> Read<Option<&'a [u8]>> {
    let length = take_u32(rest)?;
    if length == u32::MAX {
        return Ok(None);
    }
    let (value, after) = rest.split_at_checked(length as usize).ok_or(Malformed)?;
    *rest = after;
    Ok(Some(value))
}

// === impl Decimal ===

impl Decimal<'_> {
    /// The four digits that count 10000^`power`.
    #[inline]
    pub fn group(&self, power: i32) -> u16 {
        match usize::try_from(self.weight - power) {
            Ok(index) => group_at(self.groups, index),
            Err(_) => 0,
        }
    }
}

// === impl Array ===

impl<'a> Array<'a> {
    pub fn parse(bytes: &'a [u8]) -> Read<Array<'a>> {
        let mut rest = bytes;
        let dimensions = take_u32(&mut rest)? as usize;
        let _has_nulls = take_u32(&mut rest)?;
        let item_oid = take_u32(&mut rest)?;
        if dimensions > DIMENSIONS_MAX {
            return Err(Malformed);
        }
        let mut lengths = [0; DIMENSIONS_MAX];
        let mut count = if dimensions == 0 { 0usize } else { 1 };
        for length in &mut lengths[..dimensions] {
            *length = take_u32(&mut rest)? as usize;
            let _lower_bound = take_u32(&mut rest)?;
            if *length == 0 {
                return Err(Malformed);
            }
            count = count.checked_mul(*length).ok_or(Malformed)?;
        }
        // An item takes four bytes at least, which bounds every loop over a length that was sent.
        if count > rest.len() / 4 || (count == 0 && !rest.is_empty()) {
            return Err(Malformed);
        }
        Ok(Array { item_oid, lengths, dimensions, rest })
    }

    /// The length of each dimension; none for an empty array.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths[..self.dimensions]
    }

    /// How many items an array of at most one dimension has.
    pub fn length(&self) -> Read<usize> {
        match self.lengths() {
            [] => Ok(0),
            [length] => Ok(*length),
            [_, _, ..] => Err(Malformed),
        }
    }

    /// The next item.
    #[inline]
    pub fn item(&mut self) -> Read<Option<&'a [u8]>> {
        take_value(&mut self.rest)
    }

    /// After the last item.
    pub fn end(&self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

// === impl Record ===

impl<'a> Record<'a> {
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Read<Record<'a>> {
        let mut rest = bytes;
        let count = take_u32(&mut rest)? as usize;
        Ok(Record { count, rest })
    }

    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The next field: the oid of its type and its value.
    #[inline]
    pub fn field(&mut self) -> Read<(u32, Option<&'a [u8]>)> {
        Ok((take_u32(&mut self.rest)?, take_value(&mut self.rest)?))
    }

    /// After the last field.
    #[inline]
    pub fn end(&self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar() {
        for (days, year, month, day) in [
            (0, 2000, 1, 1),
            (-1, 1999, 12, 31),
            (59, 2000, 2, 29),
            (-10_957, 1970, 1, 1),
            (-730_485, 0, 1, 1),
            (-730_486, -1, 12, 31),
            (2_921_940, 10_000, 1, 1),
        ] {
            assert_eq!(civil(days), Civil { year, month, day }, "{days}");
        }
        // No i64 timestamp and no i32 date leaves the range in which this is exact.
        for days in [i64::MIN / DAY_US - 1, i64::MAX / DAY_US, i32::MIN.into(), i32::MAX.into()] {
            let Civil { month, day, .. } = civil(days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
    }

    #[test]
    fn arrays_that_claim_too_much_are_refused() {
        let array = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        for words in [
            &[][..],
            &[0, 0],
            &[7, 0, 23],
            &[1, 0, 23, 0, 1],
            &[1, 0, 23, u32::MAX, 1],
            &[2, 0, 23, u32::MAX, 1, u32::MAX, 1],
            &[0, 0, 23, 9],
        ] {
            assert!(Array::parse(&array(words)).is_err(), "{words:?}");
        }
        assert_eq!(Array::parse(&array(&[0, 0, 23])).unwrap().length(), Ok(0));
    }
}
