//! Rows as PostgreSQL sends them, made by hand.

use fraiseql::schema::catalog::Family;

use crate::shop::COLUMNS;

pub const ROWS: usize = 100;

/// The values of one row, in the order of [`COLUMNS`].
pub type Row = Vec<Option<Vec<u8>>>;

pub fn rows() -> Vec<Row> {
    (0..ROWS).map(|n| COLUMNS.iter().map(|(name, _, family)| value(name, *family, n)).collect()).collect()
}

/// A value of a column in row `n`; every third biography is null.
fn value(name: &str, family: Family, n: usize) -> Option<Vec<u8>> {
    const MICROSECONDS_TO_2024: i64 = 757_382_400_000_000;
    let bytes = match family {
        Family::Uuid => (n as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes().to_vec(),
        Family::Int4 => (18 + n as i32).to_be_bytes().to_vec(),
        Family::Bool => vec![u8::from(!n.is_multiple_of(11))],
        Family::Timestamptz => (MICROSECONDS_TO_2024 + n as i64 * 1_867_123_456).to_be_bytes().to_vec(),
        Family::Numeric => numeric(n as i16 * 79, 3_700),
        Family::Text if name == "bio" && n.is_multiple_of(3) => return None,
        Family::Text if name == "bio" => {
            format!("Likes \"air quotes\", C:\\paths and\nsecond lines, number {n}.").into_bytes()
        }
        Family::Text => format!("{name} of user {n}, Łucja Müller").into_bytes(),
        other => panic!("no value of {other:?} was made by hand"),
    };
    Some(bytes)
}

/// `whole`.`fraction` with two decimals: digits to the base of 10,000.
fn numeric(whole: i16, fraction: i16) -> Vec<u8> {
    const DIGITS: i16 = 2;
    const WEIGHT: i16 = 0;
    const POSITIVE: i16 = 0;
    const SCALE: i16 = 2;
    [DIGITS, WEIGHT, POSITIVE, SCALE, whole, fraction].iter().flat_map(|part| part.to_be_bytes()).collect()
}
