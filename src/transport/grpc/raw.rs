//! The wire format of protobuf, read: fields with their numbers, and values as they travel.

/// A value as it travels.
pub enum Raw<'b> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32,
    Bytes(&'b [u8]),
}

/// The next field: its number and its value.
#[inline]
pub fn next<'b>(bytes: &mut &'b [u8]) -> Option<(u32, Raw<'b>)> {
    // Texts and messages are short most often, and their fields have small numbers.
    if let [tag @ 0x08..0x80, length @ 0..0x80, rest @ ..] = bytes
        && tag & 7 == 2
    {
        let (content, rest) = rest.split_at_checked(usize::from(*length))?;
        *bytes = rest;
        return Some((u32::from(tag >> 3), Raw::Bytes(content)));
    }
    let tag = varint(bytes)?;
    let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
    let raw = match tag & 7 {
        0 => Raw::Varint(varint(bytes)?),
        1 => Raw::Fixed64(take::<8>(bytes)?),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (content, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Raw::Bytes(content)
        }
        5 => {
            take::<4>(bytes)?;
            Raw::Fixed32
        }
        _ => return None,
    };
    Some((number, raw))
}

#[inline]
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        // The tenth byte has room for one bit.
        if shift == 63 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
