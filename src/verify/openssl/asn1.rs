//! ASN.1 as OpenSSL's template decoder takes it (crypto/asn1/tasn_dec.c): structures are data ([`Shape`]), and one walk tells whether
//! bytes have a shape.
//!
//! The rule: what OpenSSL takes, this takes: lengths in more octets than needed, BOOLEANs of any value, strings in pieces, characters
//! that the string type does not have; what OpenSSL refuses, this refuses: INTEGERs with padding, times in the wrong kind of element,
//! BIT STRINGs with nine unused bits. Indefinite lengths are refused here although OpenSSL takes them: kcert reads DER.
//!
//! Shapes nest as deep as they are written down; only strings in pieces recurse, five levels at most.

use crate::der::Element;
use crate::verify::canonical;
use std::borrow::Cow;

/// What bytes must look like.
#[derive(Debug)]
pub(in crate::verify) enum Shape {
    /// Any one element.
    Any,
    /// One element with this universal tag number.
    Universal(u32),
    /// One element with one of these universal tag numbers.
    OneOf(&'static [u32]),
    /// A Name: a sequence of sets of attributes that are text where they claim to be.
    Name,
    /// These fields in this order.
    Sequence(&'static [Field]),
    /// Any number of elements of one shape.
    SequenceOf(&'static Shape),
    /// Any number of elements of one shape, as SET.
    SetOf(&'static Shape),
    /// One of these fields.
    Choice(&'static [Field]),
}

/// One field of a [`Shape::Sequence`] or [`Shape::Choice`].
#[derive(Debug)]
pub(in crate::verify) struct Field {
    shape: &'static Shape,
    tagging: Tagging,
    optional: bool,
}

/// How a field is tagged; the tags are context-specific.
#[derive(Clone, Copy, Debug)]
enum Tagging {
    None,
    Implicit(u32),
    Explicit(u32),
}

impl Field {
    /// A field with its own tag.
    pub(in crate::verify) const fn of(shape: &'static Shape) -> Self {
        Self { shape, tagging: Tagging::None, optional: false }
    }

    /// `[number] IMPLICIT`.
    pub(in crate::verify) const fn implicit(number: u32, shape: &'static Shape) -> Self {
        Self { shape, tagging: Tagging::Implicit(number), optional: false }
    }

    /// `[number] EXPLICIT`.
    pub(in crate::verify) const fn explicit(number: u32, shape: &'static Shape) -> Self {
        Self { shape, tagging: Tagging::Explicit(number), optional: false }
    }

    /// The same field, `OPTIONAL`.
    pub(in crate::verify) const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// That bytes do not have a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) struct Misshapen;

/// Whether a field that may be absent is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Present,
    Absent,
}

/// Whether it may be.
type Optional = Found;

/// A tag: class bits and number.
type Tag = (u8, u32);

const UNIVERSAL: u8 = 0x00;
const CONTEXT_SPECIFIC: u8 = 0x80;

const BOOLEAN: u32 = 1;
const INTEGER: u32 = 2;
const BIT_STRING: u32 = 3;
const NULL: u32 = 5;
const OBJECT_IDENTIFIER: u32 = 6;
const ENUMERATED: u32 = 10;
const SEQUENCE: u32 = 16;
const SET: u32 = 17;
const UNIVERSAL_STRING: u32 = 28;
const BMP_STRING: u32 = 30;

/// Pieces within pieces of a string (`ASN1_MAX_STRING_NEST`).
const MOST_NESTED_STRINGS: u8 = 5;

/// Octets of a Name (`X509_NAME_MAX`).
const LONGEST_NAME: usize = 1 << 20;

impl Shape {
    /// Whether the bytes begin with an element of this shape. What follows it is nobody's business: `d2i` functions stop there.
    pub(in crate::verify) fn begins(&self, mut bytes: &[u8]) -> bool {
        item(&mut bytes, self, None, Found::Present).is_ok()
    }

    /// The tag that an element of this shape has, where it is one.
    fn tag(&self) -> Option<u32> {
        match self {
            Self::Universal(number) => Some(*number),
            Self::Name | Self::Sequence(_) | Self::SequenceOf(_) => Some(SEQUENCE),
            Self::SetOf(_) => Some(SET),
            Self::Any | Self::OneOf(_) | Self::Choice(_) => None,
        }
    }
}

/// Reads one item off the bytes.
fn item(bytes: &mut &[u8], shape: &Shape, tag: Option<Tag>, optional: Optional) -> Result<Found, Misshapen> {
    if let Shape::Choice(fields) = shape {
        return choice(bytes, fields, optional);
    }
    let (header, rest) = Header::read(bytes)?;
    let wanted = tag.or(shape.tag().map(|number| (UNIVERSAL, number)));
    let fits = match shape {
        Shape::OneOf(numbers) => header.class == UNIVERSAL && numbers.contains(&header.number),
        _ => wanted.is_none_or(|wanted| wanted == (header.class, header.number)),
    };
    if !fits {
        return if optional == Found::Absent { Ok(Found::Absent) } else { Err(Misshapen) };
    }
    match shape {
        Shape::Sequence(fields) if header.constructed => sequence(header.contents, fields),
        Shape::Sequence(_) => Err(Misshapen),
        Shape::SequenceOf(each) | Shape::SetOf(each) => list(header.contents, each),
        Shape::Name => name(bytes.get(..bytes.len() - rest.len()).unwrap_or_default(), &header),
        Shape::Universal(number) => primitive(*number, &header),
        Shape::Any | Shape::OneOf(_) if header.class == UNIVERSAL => primitive(header.number, &header),
        Shape::Any | Shape::OneOf(_) | Shape::Choice(_) => Ok(()),
    }?;
    *bytes = rest;
    Ok(Found::Present)
}

fn field(bytes: &mut &[u8], field: &Field, optional: Optional) -> Result<Found, Misshapen> {
    match field.tagging {
        Tagging::None => item(bytes, field.shape, None, optional),
        Tagging::Implicit(number) => item(bytes, field.shape, Some((CONTEXT_SPECIFIC, number)), optional),
        Tagging::Explicit(number) => {
            let (header, rest) = Header::read(bytes)?;
            if (header.class, header.number) != (CONTEXT_SPECIFIC, number) {
                return if optional == Found::Absent { Ok(Found::Absent) } else { Err(Misshapen) };
            }
            let mut inner = header.contents;
            item(&mut inner, field.shape, None, Found::Present)?;
            *bytes = rest;
            if header.constructed && inner.is_empty() { Ok(Found::Present) } else { Err(Misshapen) }
        }
    }
}

/// The contents of a SEQUENCE. Its last field is not optional while there is something to read.
fn sequence(mut contents: &[u8], fields: &[Field]) -> Result<(), Misshapen> {
    for (at, each) in fields.iter().enumerate() {
        if contents.is_empty() {
            let rest = fields.get(at..).unwrap_or_default();
            return if rest.iter().all(|field| field.optional) { Ok(()) } else { Err(Misshapen) };
        }
        end_of_contents(contents)?;
        let absent = each.optional && at + 1 < fields.len();
        field(&mut contents, each, if absent { Found::Absent } else { Found::Present })?;
    }
    if contents.is_empty() { Ok(()) } else { Err(Misshapen) }
}

fn list(mut contents: &[u8], each: &Shape) -> Result<(), Misshapen> {
    while !contents.is_empty() {
        end_of_contents(contents)?;
        item(&mut contents, each, None, Found::Present)?;
    }
    Ok(())
}

fn choice(bytes: &mut &[u8], fields: &[Field], optional: Optional) -> Result<Found, Misshapen> {
    for each in fields {
        if field(bytes, each, Found::Absent)? == Found::Present {
            return Ok(Found::Present);
        }
    }
    if optional == Found::Absent { Ok(Found::Absent) } else { Err(Misshapen) }
}

/// A Name must also have a canonical form.
fn name(raw: &[u8], header: &Header<'_>) -> Result<(), Misshapen> {
    if raw.len() > LONGEST_NAME {
        return Err(Misshapen);
    }
    list(header.contents, &super::shapes::RDN)?;
    canonical::canonical_der(raw).map(|_| ()).ok_or(Misshapen)
}

/// Two zero octets end an indefinite length, and there is none.
fn end_of_contents(contents: &[u8]) -> Result<(), Misshapen> {
    if contents.starts_with(&[0, 0]) { Err(Misshapen) } else { Ok(()) }
}

/// The contents of what is no structure of ours.
fn primitive(number: u32, header: &Header<'_>) -> Result<(), Misshapen> {
    let contents = match (number, header.constructed) {
        (SEQUENCE | SET, true) => return Ok(()),
        (SEQUENCE | SET, false) | (BOOLEAN | INTEGER | NULL | OBJECT_IDENTIFIER | ENUMERATED, true) => return Err(Misshapen),
        (_, true) => Cow::Owned(pieces(header.contents, 0)?),
        (_, false) => Cow::Borrowed(header.contents),
    };
    let good = match number {
        BOOLEAN => contents.len() == 1,
        INTEGER | ENUMERATED => is_integer(&contents),
        BIT_STRING => contents.first().is_some_and(|unused| *unused <= 7),
        NULL => contents.is_empty(),
        OBJECT_IDENTIFIER => is_object_identifier(&contents),
        UNIVERSAL_STRING => contents.len() % 4 == 0,
        BMP_STRING => contents.len() % 2 == 0,
        _ => true,
    };
    if good { Ok(()) } else { Err(Misshapen) }
}

/// The contents of a string, put together where it comes in pieces.
pub(in crate::verify) fn whole<'a>(string: &Element<'a>) -> Cow<'a, [u8]> {
    const CONSTRUCTED: u8 = 0x20;
    let pieces = if string.tag & CONSTRUCTED == 0 { Err(Misshapen) } else { pieces(string.contents, 0) };
    pieces.map_or(Cow::Borrowed(string.contents), Cow::Owned)
}

/// A string in pieces, put together.
fn pieces(mut contents: &[u8], depth: u8) -> Result<Vec<u8>, Misshapen> {
    let mut whole = Vec::new();
    while !contents.is_empty() {
        end_of_contents(contents)?;
        let (header, rest) = Header::read(contents)?;
        if header.constructed {
            if depth >= MOST_NESTED_STRINGS {
                return Err(Misshapen);
            }
            whole.extend(pieces(header.contents, depth + 1)?);
        } else {
            whole.extend(header.contents);
        }
        contents = rest;
    }
    Ok(whole)
}

/// Whether octets are an INTEGER: not empty, not padded.
fn is_integer(contents: &[u8]) -> bool {
    match contents {
        [] => false,
        [0x00, second, ..] => second & 0x80 != 0,
        [0xff, second, rest @ ..] => second & 0x80 == 0 || (*second == 0 && rest.iter().all(|octet| *octet == 0)),
        _ => true,
    }
}

/// Whether octets are an OBJECT IDENTIFIER: no arc begins with a padding octet, the last one ends.
fn is_object_identifier(contents: &[u8]) -> bool {
    let ends = contents.last().is_some_and(|last| last & 0x80 == 0);
    let before = std::iter::once(&0).chain(contents);
    ends && contents.iter().zip(before).all(|(octet, before)| *octet != 0x80 || before & 0x80 != 0)
}

/// Tag, form and contents of an element.
struct Header<'a> {
    class: u8,
    constructed: bool,
    number: u32,
    contents: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads an element and what follows it (`ASN1_get_object`).
    fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Misshapen> {
        let (first, mut rest) = bytes.split_first().ok_or(Misshapen)?;
        let mut number = u32::from(first & 0x1f);
        if number == 0x1f {
            number = 0;
            loop {
                let (octet, after) = rest.split_first().ok_or(Misshapen)?;
                // Numbers beyond 31 bits are refused.
                number = number.checked_mul(0x80).filter(|number| *number <= i32::MAX.unsigned_abs()).ok_or(Misshapen)?;
                number |= u32::from(octet & 0x7f);
                rest = after;
                if octet & 0x80 == 0 {
                    break;
                }
            }
        }
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length).ok_or(Misshapen)?;
        Ok((Self { class: first & 0xc0, constructed: first & 0x20 != 0, number, contents }, rest))
    }
}

/// A definite length in as many octets as one likes.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Misshapen> {
    let (first, rest) = bytes.split_first().ok_or(Misshapen)?;
    if *first & 0x80 == 0 {
        return Ok((usize::from(*first), rest));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f)).filter(|_| *first != 0x80).ok_or(Misshapen)?;
    let length =
        octets.iter().try_fold(0_usize, |length, octet| length.checked_mul(0x100).map(|length| length | usize::from(*octet)));
    Ok((length.ok_or(Misshapen)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: Shape = Shape::Universal(INTEGER);
    const BOOL: Shape = Shape::Universal(BOOLEAN);
    const CONSTRAINTS: Shape = Shape::Sequence(&[Field::of(&BOOL).optional(), Field::of(&INT).optional()]);

    #[test]
    fn optional_fields_are_optional_until_the_last() {
        for good in [
            &b"\x30\x00"[..],
            b"\x30\x03\x01\x01\x01",
            b"\x30\x03\x02\x01\x00",
            b"\x30\x81\x06\x01\x01\xff\x02\x01\x05",
            b"\x30\x00junk",
        ] {
            assert!(CONSTRAINTS.begins(good), "{good:?}");
        }
        for bad in [
            &b""[..],
            b"\x10\x00",
            b"\x31\x00",
            b"\x30\x01",
            b"\x30\x02\x05\x00",
            b"\x30\x80\x00\x00",
            b"\x30\x05\x02\x01\x00\x05\x00",
            b"\x30\x04\x01\x02\xff\xff",
            b"\x30\x06\x02\x01\x00\x01\x01\xff",
        ] {
            assert!(!CONSTRAINTS.begins(bad), "{bad:?}");
        }
    }

    #[test]
    fn contents_must_be_what_the_type_says() {
        for (number, good, bad) in [
            (INTEGER, &b"\x00\x80"[..], &b"\x00\x7f"[..]),
            (INTEGER, b"\xff\x00\x00", b"\xff\x80"),
            (INTEGER, b"\xff", b""),
            (OBJECT_IDENTIFIER, b"\x2a\x83\x00", b"\x2a\x80\x03"),
            (OBJECT_IDENTIFIER, b"\x2a", b"\x2a\x83"),
            (BIT_STRING, b"\x07", b"\x08"),
            (NULL, b"", b"\x00"),
            (BMP_STRING, b"\x00a", b"a"),
            (UNIVERSAL_STRING, b"\x00\x00\x00a", b"\x00a"),
        ] {
            let encode =
                |contents: &[u8]| [&[u8::try_from(number).unwrap(), u8::try_from(contents.len()).unwrap()], contents].concat();
            assert!(Shape::Universal(number).begins(&encode(good)), "{number} {good:?}");
            assert!(!Shape::Universal(number).begins(&encode(bad)), "{number} {bad:?}");
            assert!(Shape::Any.begins(&encode(good)) && !Shape::Any.begins(&encode(bad)));
        }
    }

    #[test]
    fn strings_come_in_pieces_and_tags_in_numbers() {
        const TEXT: Shape = Shape::Choice(&[Field::implicit(2, &Shape::Universal(22)), Field::explicit(4, &INT)]);
        for good in [&b"\x82\x01a"[..], b"\xa2\x03\x16\x01a", b"\xa4\x03\x02\x01\x00"] {
            assert!(TEXT.begins(good), "{good:?}");
        }
        for bad in [&b"\xa2\x01a"[..], b"\x84\x03\x02\x01\x00", b"\xa4\x05\x02\x01\x00\x05\x00", b"\x85\x00", b"\x16\x01a"] {
            assert!(!TEXT.begins(bad), "{bad:?}");
        }
        assert!(Shape::Any.begins(b"\x9f\x81\x00\x01x") && !Shape::Any.begins(b"\x9f\x81"));
    }
}
