//! DER as Go's two parsers read it: `cryptobyte`, strict about every length, and before Go 1.17 `encoding/asn1`, which looks at one
//! field after the other and skips optional ones that do not fit.

use crate::der::{self, BIT_STRING, BOOLEAN, Element, INTEGER, Reader};
use std::borrow::Cow;

/// What is not encoded as it must be: the field's name.
pub(super) type Malformed = &'static str;

/// Elements one after the other, as `golang.org/x/crypto/cryptobyte` reads them: lengths in as few octets as can be.
#[derive(Clone, Debug)]
pub(super) struct Input<'a>(Reader<'a>);

impl<'a> Input<'a> {
    /// Reads `bytes` from the start.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the next element has this tag.
    pub(super) fn peek(&self, tag: u8) -> bool {
        self.0.peek() == Some(tag)
    }

    /// The next element whatever its tag.
    pub(super) fn any(&mut self, field: Malformed) -> Result<Element<'a>, Malformed> {
        self.0.any(field).ok().filter(Element::is_minimal).ok_or(field)
    }

    /// The next element, which must have this tag.
    pub(super) fn take(&mut self, tag: u8, field: Malformed) -> Result<Element<'a>, Malformed> {
        self.any(field).ok().filter(|element| element.tag == tag).ok_or(field)
    }

    /// What is in the next element, which must have this tag.
    pub(super) fn within(&mut self, tag: u8, field: Malformed) -> Result<Self, Malformed> {
        self.take(tag, field).map(|element| Self::new(element.contents))
    }

    /// The next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8, field: Malformed) -> Result<Option<Element<'a>>, Malformed> {
        if self.peek(tag) { self.any(field).map(Some) } else { Ok(None) }
    }

    /// The contents of an INTEGER.
    pub(super) fn integer(&mut self, field: Malformed) -> Result<&'a [u8], Malformed> {
        self.take(INTEGER, field).ok().map(|element| element.contents).filter(|contents| is_integer(contents)).ok_or(field)
    }

    /// A BOOLEAN, which is 0x00 or 0xff.
    pub(super) fn boolean(&mut self, field: Malformed) -> Result<bool, Malformed> {
        self.take(BOOLEAN, field).ok().and_then(|element| boolean(element.contents)).ok_or(field)
    }

    /// A BIT STRING.
    pub(super) fn bits(&mut self, field: Malformed) -> Result<Bits<'a>, Malformed> {
        self.take(BIT_STRING, field).ok().and_then(|element| Bits::of(element.contents)).ok_or(field)
    }
}

/// Whether these are the contents of an INTEGER in as few octets as can be.
pub(super) fn is_integer(contents: &[u8]) -> bool {
    match contents {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => false,
        [_, ..] => true,
    }
}

/// The number, if it fits into 64 bits.
pub(super) fn int64(contents: &[u8]) -> Option<i64> {
    let sign = if contents.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut octets = [sign; 8];
    octets.get_mut(8_usize.checked_sub(contents.len())?..)?.copy_from_slice(contents);
    is_integer(contents).then(|| i64::from_be_bytes(octets))
}

/// The value of a BOOLEAN.
pub(super) fn boolean(contents: &[u8]) -> Option<bool> {
    match contents {
        [0] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

/// A BIT STRING.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits<'a> {
    /// The octets.
    pub(super) octets: &'a [u8],
    /// Bits of the last octet that do not count, all zero.
    pub(super) unused: u8,
}

impl<'a> Bits<'a> {
    /// From the contents of the element.
    pub(super) fn of(contents: &'a [u8]) -> Option<Self> {
        let (&unused, octets) = contents.split_first()?;
        let padding = (1_u16 << unused.min(8)).saturating_sub(1);
        let last = octets.last().copied().map_or(u16::from(unused), |last| u16::from(last) & padding);
        (unused <= 7 && last == 0).then_some(Self { octets, unused })
    }

    /// Whether a bit is there and set.
    pub(super) fn at(&self, bit: usize) -> bool {
        let length = (self.octets.len().saturating_mul(8)).saturating_sub(usize::from(self.unused));
        bit < length && self.octets.get(bit / 8).is_some_and(|octet| octet & (0x80 >> (bit % 8)) != 0)
    }

    /// The bits as a number has them: the unused ones in front (`asn1.BitString.RightAlign`).
    pub(super) fn right_aligned(&self) -> Cow<'a, [u8]> {
        if self.unused == 0 {
            return Cow::Borrowed(self.octets);
        }
        let mut above = 0;
        let shifted = self.octets.iter().map(|octet| {
            let pair = u16::from_be_bytes([above, *octet]);
            above = *octet;
            u8::try_from((pair >> self.unused) & 0xff).unwrap_or_default()
        });
        Cow::Owned(shifted.collect())
    }
}

/// What is odd about the contents of an OBJECT IDENTIFIER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OddOid {
    /// No arc, or one that does not end.
    Broken,
    /// An arc of more than 31 bits.
    Above31Bits,
    /// An arc of more than 28 bits.
    Above28Bits,
    /// An arc with leading zeros.
    Padded,
}

/// Everything that is odd about it, the worst first.
pub(super) fn odd_oid(contents: &[u8]) -> Option<OddOid> {
    if contents.last().is_none_or(|last| last & 0x80 != 0) {
        return Some(OddOid::Broken);
    }
    let arcs = contents.split_inclusive(|octet| octet & 0x80 == 0);
    let odd = |arc: &[u8]| {
        let value = arc.iter().fold(0_u64, |value, octet| (value << 7 | u64::from(octet & 0x7f)).min(1 << 40));
        match (arc, value) {
            (arc, value) if arc.len() > 5 || value > 0x7fff_ffff => Some(OddOid::Above31Bits),
            ([0x80, ..], _) => Some(OddOid::Padded),
            (arc, _) if arc.len() > 4 => Some(OddOid::Above28Bits),
            _ => None,
        }
    };
    let mut all: Vec<OddOid> = arcs.filter_map(odd).collect();
    all.sort_by_key(|odd| match odd {
        OddOid::Broken => 0,
        OddOid::Above31Bits => 1,
        OddOid::Padded => 2,
        OddOid::Above28Bits => 3,
    });
    all.first().copied()
}

/// A Go time.Time from a UTCTime or GeneralizedTime: `060102150405Z0700` (or without seconds) and `20060102150405Z0700`, and no other
/// spelling of the same instant.
pub(super) fn time(element: &Element<'_>) -> Option<time::OffsetDateTime> {
    let digits = element.contents.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let zone = element.contents.get(digits..).unwrap_or_default();
    let well_formed = match element.tag {
        der::UTC_TIME => digits == 12 || digits == 10,
        der::GENERALIZED_TIME => digits == 14,
        _ => false,
    };
    let zone = match zone {
        [b'Z'] => true,
        [b'+' | b'-', offset @ ..] => {
            let all = offset.len() == 4 && offset.iter().all(u8::is_ascii_digit) && offset != b"0000";
            let (hours, minutes) = offset.split_at_checked(2).unwrap_or_default();
            all && hours <= b"24".as_slice() && minutes < b"60".as_slice()
        }
        _ => false,
    };
    (well_formed && zone).then(|| der::time(element)).flatten()
}

/// The same, of a whole element.
pub(super) fn time_of(raw: &[u8]) -> Option<time::OffsetDateTime> {
    Input::new(raw).any("a time").ok().as_ref().and_then(time)
}

/// A tag as `encoding/asn1` tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// 0 universal, 2 context-specific.
    pub(super) class: u8,
    /// Whether it is constructed.
    pub(super) compound: bool,
    /// Its number.
    pub(super) number: u32,
}

impl Tag {
    /// A primitive universal tag.
    pub(super) const fn primitive(number: u32) -> Self {
        Self { class: 0, compound: false, number }
    }

    /// `[number]`, primitive.
    pub(super) const fn context(number: u32) -> Self {
        Self { class: 2, compound: false, number }
    }

    /// `[number]`, constructed.
    pub(super) const fn constructed(number: u32) -> Self {
        Self { class: 2, compound: true, number }
    }
}

/// SEQUENCE and SET as `encoding/asn1` has them.
pub(super) const SEQUENCE: Tag = Tag { class: 0, compound: true, number: 16 };
/// See [`SEQUENCE`].
pub(super) const SET: Tag = Tag { class: 0, compound: true, number: 17 };

/// Fields one after the other, as `encoding/asn1` of Go 1.16 and before reads a struct.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// One field: its tag, its contents, and the whole of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// Its tag.
    pub(super) tag: Tag,
    /// Its contents.
    pub(super) contents: &'a [u8],
    /// Tag, length and contents.
    pub(super) raw: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads `bytes` from the start.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field whatever its tag.
    pub(super) fn any(&mut self, name: Malformed) -> Result<Field<'a>, Malformed> {
        let (tag, header, length) = header(self.rest).ok_or(name)?;
        let end = header.checked_add(length).ok_or(name)?;
        let (raw, rest) = self.rest.split_at_checked(end).ok_or(name)?;
        self.rest = rest;
        Ok(Field { tag, contents: raw.get(header..).unwrap_or_default(), raw })
    }

    /// The next field if it has a tag that fits. One that does not fit must have a header all the same.
    pub(super) fn optional(&mut self, fits: impl Fn(Tag) -> bool, name: Malformed) -> Result<Option<Field<'a>>, Malformed> {
        if self.is_empty() {
            return Ok(None);
        }
        let (tag, ..) = header(self.rest).ok_or(name)?;
        if fits(tag) { self.any(name).map(Some) } else { Ok(None) }
    }

    /// The next field, which must have this tag.
    pub(super) fn take(&mut self, tag: Tag, name: Malformed) -> Result<Field<'a>, Malformed> {
        self.optional(|found| found == tag, name)?.ok_or(name)
    }

    /// What is in the next field, which must have this tag.
    pub(super) fn within(&mut self, tag: Tag, name: Malformed) -> Result<Self, Malformed> {
        self.take(tag, name).map(|field| Self::new(field.contents))
    }

    /// The field behind an explicit tag, if it is there and is what it should be. The length of the outer element is not looked at.
    pub(super) fn explicit(&mut self, number: u32, inner: Tag, name: Malformed) -> Result<Option<Field<'a>>, Malformed> {
        if self.is_empty() {
            return Ok(None);
        }
        let (tag, outer, length) = header(self.rest).ok_or(name)?;
        let within = self.rest.get(outer..).filter(|within| !within.is_empty()).ok_or(name)?;
        if tag.class != 2 || tag.number != number || !(length == 0 || tag.compound) {
            return Ok(None);
        }
        if length == 0 {
            return Err(name);
        }
        let mut fields = Self::new(within);
        let found = fields.optional(|found| found == inner, name)?;
        if found.is_some() {
            self.rest = fields.rest;
        }
        Ok(found)
    }

    /// Every field that is left; all must have this tag.
    pub(super) fn all(mut self, tag: Tag, name: Malformed) -> Result<Vec<Field<'a>>, Malformed> {
        let mut found = Vec::new();
        while !self.is_empty() {
            found.push(self.take(tag, name)?);
        }
        Ok(found)
    }
}

/// Tag, length of the header, length of the contents: long tags too, lengths in as few octets as can be.
fn header(bytes: &[u8]) -> Option<(Tag, usize, usize)> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut number = u32::from(first & 0x1f);
    if number == 0x1f {
        let octets = rest.iter().position(|octet| octet & 0x80 == 0)?.checked_add(1)?;
        let (long, after) = rest.split_at_checked(octets)?;
        if long.len() > 5 || long.first() == Some(&0x80) {
            return None;
        }
        let value = long.iter().fold(0_u64, |value, octet| value << 7 | u64::from(octet & 0x7f));
        number = u32::try_from(value).ok().filter(|number| (0x1f..=0x7fff_ffff).contains(number))?;
        rest = after;
    }
    let (&short, mut rest) = rest.split_first()?;
    let mut length = usize::from(short & 0x7f);
    if short & 0x80 != 0 {
        let (octets, after) = rest.split_at_checked(length)?;
        let minimal = octets.first().is_some_and(|first| *first != 0);
        let value = octets.iter().try_fold(0_usize, |value, octet| (value < 1 << 23).then(|| value << 8 | usize::from(*octet)));
        length = value.filter(|length| minimal && *length >= 0x80)?;
        rest = after;
    }
    let tag = Tag { class: first >> 6, compound: first & 0x20 != 0, number };
    Some((tag, bytes.len().checked_sub(rest.len())?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_can_be() {
        assert!(Input::new(&[4, 1, 0]).any("x").is_ok());
        assert!(Input::new(&[4, 0x81, 1, 0]).any("x").is_err());
        assert!(Fields::new(&[4, 0x81, 1, 0]).any("x").is_err());
        assert!(Fields::new(&[0x1f, 0x1f, 1, 0]).any("x").is_ok(), "a long tag");
        assert!(Input::new(&[0x1f, 0x1f, 1, 0]).any("x").is_err());
    }

    #[test]
    fn numbers_are_minimal_and_signed() {
        assert_eq!(int64(&[0xff]), Some(-1));
        assert_eq!(int64(&[0, 0x80]), Some(128));
        assert_eq!(int64(&[0x7f; 8]), Some(0x7f7f_7f7f_7f7f_7f7f));
        for odd in [&[][..], &[0, 1], &[0xff, 0x80], &[1; 9]] {
            assert_eq!(int64(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn identifiers_have_arcs_of_31_bits() {
        assert_eq!(odd_oid(&[0x55, 0x1d, 0x0f]), None);
        assert_eq!(odd_oid(&[]), Some(OddOid::Broken));
        assert_eq!(odd_oid(&[0x55, 0x80]), Some(OddOid::Broken));
        assert_eq!(odd_oid(&[0x55, 0x80, 0x0f]), Some(OddOid::Padded));
        assert_eq!(odd_oid(&[0x55, 0x87, 0xff, 0xff, 0xff, 0x7f]), Some(OddOid::Above28Bits));
        assert_eq!(odd_oid(&[0x55, 0x88, 0x80, 0x80, 0x80, 0x00]), Some(OddOid::Above31Bits));
    }

    #[test]
    fn bits_can_be_shifted() {
        let bits = Bits::of(&[1, 0x80, 0x02]).unwrap();
        assert_eq!(bits.right_aligned(), [0x40, 0x01].as_slice());
        assert!(bits.at(0) && bits.at(14) && !bits.at(15));
        assert!(
            Bits::of(&[1, 1]).is_none() && Bits::of(&[8, 0]).is_none() && Bits::of(&[1]).is_none() && Bits::of(&[0]).is_some()
        );
    }
}
