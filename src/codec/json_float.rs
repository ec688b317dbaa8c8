//! Floats as JSON text, digit for digit as PostgreSQL prints them.
//!
//! Both sides run Ryu, with one difference: where the mantissa is even, a decimal that lies exactly
//! between two floats reads back as this one, and the `ryu` crate takes it when it is shorter, while
//! PostgreSQL never does (`acceptBounds = false` in its `d2s.c`). Such decimals are recognised and the
//! shortest one strictly inside is searched for instead.

use super::json_text::{DIGITS, integer};

/// The parts of a finite float: `mantissa` × 2^`exponent`.
#[derive(Clone, Copy)]
struct Binary {
    mantissa: u64,
    exponent: i32,
}

/// The digits of a positive decimal, without zeros at either end, and the power of ten of the first.
struct Digits {
    bytes: [u8; 20],
    count: usize,
    exponent: i32,
}

/// What differs between the two widths.
#[derive(Clone, Copy)]
struct Width {
    /// The power of ten from which on the scientific form is used (`DBL_DIG`, `FLT_DIG`).
    scientific_from: i32,
    /// The most digits that any value needs.
    digits_max: usize,
}

const DOUBLE: Width = Width { scientific_from: 15, digits_max: 17 };
const SINGLE: Width = Width { scientific_from: 6, digits_max: 9 };

/// `NaN` and the infinities are strings.
#[inline]
pub fn float8(value: f64, out: &mut Vec<u8>) {
    // Whole numbers below the scientific form are printed in full.
    if value.abs() < 1e15 && value as i64 as f64 == value && !(value == 0.0 && value.is_sign_negative()) {
        return integer(value as i64, out);
    }
    if !value.is_finite() {
        return special(value.is_nan(), value.is_sign_negative(), out);
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return out.push(b'0');
    }
    if short_fraction(magnitude, out) {
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let shortest = buffer.format_finite(magnitude).as_bytes();
    // Here both lay a fraction out in the same way, and no decimal of 17 digits lies between two
    // floats, because half a unit in the last place has more digits than that behind the point.
    if (1e-4..1e15).contains(&magnitude) {
        return out.extend_from_slice(shortest);
    }
    let mut digits = Digits::read(shortest);
    let binary = Binary::of_double(magnitude);
    if digits.lies_between(binary) {
        digits = inside(DOUBLE, magnitude, binary, |text| text.parse() == Ok(magnitude)).unwrap_or(digits);
    }
    digits.write(DOUBLE, out);
}

#[inline]
pub fn float4(value: f32, out: &mut Vec<u8>) {
    if value.abs() < 1e6 && value as i32 as f32 == value && !(value == 0.0 && value.is_sign_negative()) {
        return integer(value as i32, out);
    }
    if !value.is_finite() {
        return special(value.is_nan(), value.is_sign_negative(), out);
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return out.push(b'0');
    }
    let mut buffer = ryu::Buffer::new();
    let shortest = buffer.format_finite(magnitude).as_bytes();
    if (1e-4..1e6).contains(&magnitude) {
        return out.extend_from_slice(shortest);
    }
    let mut digits = Digits::read(shortest);
    let binary = Binary::of_single(magnitude);
    if digits.lies_between(binary) {
        digits = inside(SINGLE, f64::from(magnitude), binary, |text| text.parse() == Ok(magnitude)).unwrap_or(digits);
    }
    digits.write(SINGLE, out);
}

fn special(nan: bool, negative: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(match (nan, negative) {
        (true, true | false) => b"\"NaN\"",
        (false, false) => b"\"Infinity\"",
        (false, true) => b"\"-Infinity\"",
    });
}

/// Writes a positive number that has at most six digits behind the point and fifteen in all, in a
/// quarter of the time. No other decimal of so few digits reads back as the same double, and both
/// operands of the division are exact, so that its result is the double that the decimal reads as.
#[inline]
fn short_fraction(value: f64, out: &mut Vec<u8>) -> bool {
    if !(1e-4..1e9).contains(&value) {
        return false;
    }
    let millionths = (value * 1e6 + 0.5) as u64;
    if millionths as f64 / 1e6 != value {
        return false;
    }
    integer(millionths / 1_000_000, out);
    let fraction = (millionths % 1_000_000) as usize;
    let [a, b] = DIGITS[fraction / 10_000];
    let [c, d] = DIGITS[fraction / 100 % 100];
    let [e, f] = DIGITS[fraction % 100];
    out.extend_from_slice(&[b'.', a, b, c, d, e, f]);
    while out.last() == Some(&b'0') {
        out.pop();
    }
    true
}

/// The shortest decimal that reads back as the value and lies between no two floats. One value in
/// thousands comes here, so that text is good enough.
#[cold]
fn inside(width: Width, value: f64, binary: Binary, reads_back: impl Fn(&str) -> bool) -> Option<Digits> {
    (1..=width.digits_max)
        .map(|count| format!("{value:.*e}", count - 1))
        .filter(|text| reads_back(text))
        .map(|text| Digits::read(text.as_bytes()))
        .find(|digits| !digits.lies_between(binary))
}

// === impl Binary ===

impl Binary {
    fn of_double(value: f64) -> Binary {
        let bits = value.to_bits();
        Binary::new(bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i32, 52, 1075)
    }

    fn of_single(value: f32) -> Binary {
        let bits = value.to_bits();
        Binary::new((bits & ((1 << 23) - 1)).into(), (bits >> 23 & 0xff) as i32, 23, 150)
    }

    fn new(fraction: u64, biased: i32, width: u32, bias: i32) -> Binary {
        if biased == 0 {
            return Binary { mantissa: fraction, exponent: 1 - bias };
        }
        Binary { mantissa: fraction | 1 << width, exponent: biased - bias }
    }
}

// === impl Digits ===

impl Digits {
    /// From the text that `ryu` or `{:e}` prints of a positive number: digits, a point, an exponent.
    fn read(text: &[u8]) -> Digits {
        let mut digits = Digits { bytes: [b'0'; 20], count: 0, exponent: -1 };
        let (mut seen_point, mut power, mut power_negative) = (false, 0i32, false);
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            at += 1;
            match byte {
                b'.' => seen_point = true,
                b'e' => break,
                byte => {
                    let leading = digits.count == 0 && *byte == b'0';
                    if !leading && digits.count < digits.bytes.len() {
                        digits.bytes[digits.count] = *byte;
                        digits.count += 1;
                    }
                    // Each digit before the point moves the first one up, each zero after it down.
                    if !seen_point && !leading {
                        digits.exponent += 1;
                    } else if seen_point && leading {
                        digits.exponent -= 1;
                    }
                }
            }
        }
        while let Some(byte) = text.get(at) {
            at += 1;
            match byte {
                b'-' => power_negative = true,
                b'+' => {}
                byte => power = 10 * power + i32::from(byte.wrapping_sub(b'0')),
            }
        }
        digits.exponent += if power_negative { -power } else { power };
        while digits.count > 1 && digits.bytes[digits.count - 1] == b'0' {
            digits.count -= 1;
        }
        digits
    }

    fn number(&self) -> u64 {
        self.bytes[..self.count]
            .iter()
            .fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0'))))
    }

    /// Whether this lies exactly half way between the float and the next of the same exponent. (The
    /// float below a power of two is nearer; no power of two of either width has its shortest decimal
    /// there.)
    #[inline]
    fn lies_between(&self, binary: Binary) -> bool {
        // As integers: number × 10^ten = odd × 2^two. The powers of two must agree, which alone rules
        // out nearly every value.
        let ten = self.exponent - (self.count as i32 - 1);
        if binary.exponent - 1 < ten || ten.unsigned_abs() > 27 {
            return false;
        }
        let number = self.number();
        let two = ten + number.trailing_zeros() as i32;
        if two != binary.exponent - 1 {
            return false;
        }
        let number = number >> number.trailing_zeros().min(63);
        let five = 5u128.pow(ten.unsigned_abs());
        let equals = |odd: u64| {
            if ten >= 0 {
                u128::from(number).checked_mul(five) == Some(odd.into())
            } else {
                Some(number.into()) == u128::from(odd).checked_mul(five)
            }
        };
        equals(2 * binary.mantissa + 1) || equals(2 * binary.mantissa - 1)
    }

    fn write(&self, width: Width, out: &mut Vec<u8>) {
        const ZEROS: [u8; 16] = [b'0'; 16];
        let digits = &self.bytes[..self.count];
        let exponent = self.exponent;
        if (0..width.scientific_from).contains(&exponent) {
            let whole = exponent as usize + 1;
            match digits.split_at_checked(whole) {
                Some((whole, [])) => out.extend_from_slice(whole),
                Some((whole, fraction)) => {
                    out.extend_from_slice(whole);
                    out.push(b'.');
                    out.extend_from_slice(fraction);
                }
                None => {
                    out.extend_from_slice(digits);
                    out.extend_from_slice(&ZEROS[..whole - digits.len()]);
                }
            }
        } else if (-4..0).contains(&exponent) {
            out.extend_from_slice(b"0.");
            out.extend_from_slice(&ZEROS[..exponent.unsigned_abs() as usize - 1]);
            out.extend_from_slice(digits);
        } else {
            let (first, rest) = digits.split_at(1);
            out.extend_from_slice(first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.unsigned_abs() < 10 {
                out.push(b'0');
            }
            integer(exponent.unsigned_abs(), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Copy>(write: fn(T, &mut Vec<u8>), cases: &[(T, &str)]) {
        for (value, expected) in cases {
            let mut out = Vec::new();
            write(*value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *expected);
        }
    }

    #[test]
    fn layout() {
        check(
            float8,
            &[
                (0.0, "0"),
                (-0.0, "-0"),
                (-1.0, "-1"),
                (0.1, "0.1"),
                (0.0001, "0.0001"),
                (0.00001, "1e-05"),
                (123_456_789_012_345.0, "123456789012345"),
                (1e15, "1e+15"),
                (123456.789, "123456.789"),
                (1.5e300, "1.5e+300"),
                (5e-324, "5e-324"),
                (f64::NAN, "\"NaN\""),
                (f64::INFINITY, "\"Infinity\""),
                (f64::NEG_INFINITY, "\"-Infinity\""),
            ],
        );
        check(float4, &[(999_999.0, "999999"), (1e6, "1e+06"), (0.1, "0.1"), (1.5e-5, "1.5e-05"), (-0.0, "-0")]);
    }

    #[test]
    fn any_bits_read_back() {
        // A fixed sequence that covers all exponents.
        let mut bits = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..100_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let (double, single) = (f64::from_bits(bits), f32::from_bits(bits as u32));
            let mut out = Vec::new();
            if double.is_finite() {
                float8(double, &mut out);
                assert_eq!(std::str::from_utf8(&out).unwrap().parse::<f64>().unwrap().to_bits(), double.to_bits());
            }
            out.clear();
            if single.is_finite() {
                float4(single, &mut out);
                assert_eq!(std::str::from_utf8(&out).unwrap().parse::<f32>().unwrap().to_bits(), single.to_bits());
            }
        }
    }
}
