//! A reader of DER (ITU-T X.690), as lenient as the field: what openssl can show, kcert can show.
//!
//! It splits bytes into elements and judges nothing else. Certificates with an odd serial, a date without seconds or a
//! BOOLEAN of 0x01 exist, run clusters, and must be named before they can be replaced; parsers that refuse the whole structure
//! for one bad field hide them. Refused here are only indefinite lengths and tag numbers above 30, which are not DER and not X.509.
//!
//! Nothing recurses: a caller descends one level per call of [`Element::children`], as deep as the structure it knows.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::ops::Range;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const TELETEX_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const VISIBLE_STRING: u8 = 0x1a;
pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The tag of a constructed context-specific element: `[number]`.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Why bytes are not the structure they should be: which field, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The field's name in the RFC.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is not there.
    Missing,
    /// Its length says more bytes than there are.
    Truncated,
    /// An indefinite length, a length of more than four octets, or a tag number above 30.
    NotDer,
    /// An element with another tag stands in its place.
    Tag(u8),
    /// Its contents mean nothing.
    Value,
    /// Something follows it that does not belong there.
    Trailing,
}

impl Problem {
    /// Names the field.
    pub(crate) fn of(self, field: &'static str) -> Fault {
        Fault { field, problem: self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field;
        match self.problem {
            Problem::Missing => write!(f, "{field} is missing"),
            Problem::Truncated => write!(f, "{field} ends early"),
            Problem::NotDer => write!(f, "{field} is not encoded as DER"),
            Problem::Tag(tag) => write!(f, "{field} expected, found an element with tag 0x{tag:02x}"),
            Problem::Value => write!(f, "{field} has a value that means nothing"),
            Problem::Trailing => write!(f, "{field} is followed by bytes that do not belong there"),
        }
    }
}

/// One element: tag, length, contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// The identifier octet: class, constructed bit and number.
    pub(crate) tag: u8,
    /// The whole encoding.
    pub(crate) raw: &'a [u8],
    /// The contents octets.
    pub(crate) contents: &'a [u8],
    offset: usize,
}

impl<'a> Element<'a> {
    /// Where the encoding stands in what the outermost reader was given.
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.raw.len()
    }

    /// Where the contents stand.
    pub(crate) fn contents_range(&self) -> Range<usize> {
        self.contents_offset()..self.offset + self.raw.len()
    }

    /// Whether the length is written in as few octets as can be (X.690 section 10.1). Real parsers differ in whether they mind.
    pub(crate) fn is_minimal(&self) -> bool {
        let header = self.raw.len() - self.contents.len();
        match self.contents.len() {
            0..=0x7f => header == 2,
            0x80..=0xff => header == 3,
            0x100..=0xffff => header == 4,
            0x1_0000..=0xff_ffff => header == 5,
            _ => true,
        }
    }

    /// Reads the contents as elements.
    pub(crate) fn children(&self) -> Reader<'a> {
        Reader { rest: self.contents, offset: self.contents_offset() }
    }

    /// The elements in the contents, as far as they can be told apart.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Self> + use<'a> {
        let mut children = self.children();
        std::iter::from_fn(move || children.any("element").ok())
    }

    /// The bits of a BIT STRING of whole octets, and where they stand: the contents without the octet that counts unused bits.
    pub(crate) fn bits(&self) -> (&'a [u8], Range<usize>) {
        let range = self.contents_range();
        match self.contents {
            [_, bits @ ..] => (bits, range.start + 1..range.end),
            [] => (self.contents, range),
        }
    }

    fn contents_offset(&self) -> usize {
        self.offset + (self.raw.len() - self.contents.len())
    }
}

/// Reads elements one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the start.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8, field: &'static str) -> Result<Element<'a>, Fault> {
        match self.peek() {
            Some(found) if found == tag => self.any(field),
            Some(found) => Err(Problem::Tag(found).of(field)),
            None => Err(Problem::Missing.of(field)),
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8, field: &'static str) -> Result<Option<Element<'a>>, Fault> {
        if self.peek() == Some(tag) { self.any(field).map(Some) } else { Ok(None) }
    }

    /// The next element whatever its tag.
    pub(crate) fn any(&mut self, field: &'static str) -> Result<Element<'a>, Fault> {
        let (tag, header, length) = header(self.rest).map_err(|problem| problem.of(field))?;
        let end = header.checked_add(length).filter(|end| *end <= self.rest.len()).ok_or(Problem::Truncated.of(field))?;
        let (raw, rest) = self.rest.split_at(end);
        let element = Element { tag, raw, contents: raw.get(header..).unwrap_or_default(), offset: self.offset };
        self.rest = rest;
        self.offset += end;
        Ok(element)
    }
}

/// Tag, length of the header, length of the contents. Lengths need not be minimal: openssl takes them so.
fn header(bytes: &[u8]) -> Result<(u8, usize, usize), Problem> {
    let (&tag, rest) = bytes.split_first().ok_or(Problem::Missing)?;
    let (&first, rest) = rest.split_first().ok_or(Problem::Truncated)?;
    if tag & 0x1f == 0x1f {
        return Err(Problem::NotDer);
    }
    match first {
        0..=0x7f => Ok((tag, 2, usize::from(first))),
        0x81..=0x84 => {
            let octets = usize::from(first & 0x7f);
            let length = rest.get(..octets).ok_or(Problem::Truncated)?;
            Ok((tag, 2 + octets, length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet))))
        }
        _ => Err(Problem::NotDer),
    }
}

/// The contents of an OBJECT IDENTIFIER in dotted notation. Arcs up to 128 bits (2.25 holds UUIDs); anything longer, and anything
/// that is no OID, comes out as hexadecimal after `#`, cut to a readable length.
pub(crate) fn dotted(contents: &[u8]) -> String {
    dotted_arcs(contents).unwrap_or_else(|| {
        let head = contents.get(..32).unwrap_or(contents);
        format!("#{}", crate::model::digest::Hex(head))
    })
}

fn dotted_arcs(contents: &[u8]) -> Option<String> {
    const LONGEST: usize = 64;
    if contents.is_empty() || contents.len() > LONGEST || contents.last()? & 0x80 != 0 {
        return None;
    }
    let mut text = String::with_capacity(32);
    let mut arc = 0_u128;
    for octet in contents {
        arc = arc.checked_mul(0x80)? | u128::from(octet & 0x7f);
        if octet & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (arc / 40).min(2);
            write!(text, "{first}.{}", arc - first * 40).ok()?;
        } else {
            write!(text, ".{arc}").ok()?;
        }
        arc = 0;
    }
    Some(text)
}

/// How many bits an unsigned INTEGER has.
pub(crate) fn bit_length(contents: &[u8]) -> u32 {
    let zeros = contents.iter().take_while(|octet| **octet == 0).count();
    match contents.get(zeros..) {
        Some([first, rest @ ..]) => {
            u32::try_from(rest.len().saturating_mul(8)).unwrap_or(u32::MAX).saturating_add(first.ilog2() + 1)
        }
        _ => 0,
    }
}

/// The text of a string type. What is no text in its encoding becomes U+FFFD; `None` for types that hold no text.
pub(crate) fn text<'a>(element: &Element<'a>) -> Option<Cow<'a, str>> {
    let octets = element.contents;
    match element.tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString, GeneralString: real ones all carry UTF-8.
        UTF8_STRING | 0x12 | 0x13 | 0x16 | 0x1a | 0x1b => Some(String::from_utf8_lossy(octets)),
        // T.61 in name, Latin-1 in practice: openssl and Go read it so.
        TELETEX_STRING => Some(octets.iter().map(|octet| char::from(*octet)).collect()),
        BMP_STRING => {
            let units = octets.chunks(2).map(|pair| pair.iter().fold(0, |unit, octet| unit << 8 | u16::from(*octet)));
            Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        UNIVERSAL_STRING => {
            let points = octets.chunks(4).map(|quad| quad.iter().fold(0, |point, octet| point << 8 | u32::from(*octet)));
            Some(points.map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        _ => None,
    }
}

/// A Time (RFC 5280 section 4.1.2.5) in UTC, cut to seconds. Beyond the RFC's one form the others of X.680 are read: without seconds,
/// with fractions, with an offset instead of `Z`, or without either.
pub(crate) fn time(element: &Element<'_>) -> Option<OffsetDateTime> {
    let digits = element.contents;
    let (year, digits) = match element.tag {
        UTC_TIME => number(digits, 2).map(|(year, rest)| (if year < 50 { 2000 + year } else { 1900 + year }, rest))?,
        GENERALIZED_TIME => number(digits, 4)?,
        _ => return None,
    };
    let (month, digits) = number(digits, 2)?;
    let (day, digits) = number(digits, 2)?;
    let (hour, digits) = number(digits, 2)?;
    let (minute, digits) = number(digits, 2)?;
    let (second, digits) = number(digits, 2).unwrap_or((0, digits));
    let fraction = match digits {
        [b'.' | b',', fraction @ ..] => 1 + fraction.iter().take_while(|digit| digit.is_ascii_digit()).count(),
        _ => 0,
    };
    let offset = match digits.get(fraction..)? {
        [] | [b'Z' | b'z'] => UtcOffset::UTC,
        [sign @ (b'+' | b'-'), digits @ ..] => {
            let (hours, digits) = number(digits, 2)?;
            let (minutes, []) = number(digits, 2)? else { return None };
            let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
            UtcOffset::from_whole_seconds(if *sign == b'-' { -seconds } else { seconds }).ok()?
        }
        _ => return None,
    };
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()?;
    let time = Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, u8::try_from(second).ok()?).ok()?;
    OffsetDateTime::new_in_offset(date, time, offset).checked_to_offset(UtcOffset::UTC)
}

/// The number that so many digits make, and what follows them.
fn number(digits: &[u8], count: usize) -> Option<(u16, &[u8])> {
    let (head, rest) = digits.split_at_checked(count)?;
    let value = head.iter().try_fold(0_u16, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u16::from(digit - b'0')));
    Some((value?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn element(tag: u8, contents: &[u8]) -> Element<'_> {
        Element { tag, raw: contents, contents, offset: 0 }
    }

    #[test]
    fn elements_know_where_they_stand() {
        let bytes = [0x30, 0x05, 0x02, 0x01, 0x07, 0x05, 0x00, 0xff];
        let mut reader = Reader::new(&bytes);
        let sequence = reader.take(SEQUENCE, "x").unwrap();
        let mut children = sequence.children();
        let integer = children.take(INTEGER, "x").unwrap();
        assert_eq!((integer.range(), integer.contents_range(), integer.contents), (2..5, 4..5, &[7][..]));
        assert_eq!(children.any("x").unwrap().range(), 5..7);
        assert!(children.is_empty());
        assert_eq!(reader.rest(), [0xff]);
    }

    #[test]
    fn lengths_that_lie_are_faults() {
        let fault = |bytes: &[u8]| Reader::new(bytes).any("x").unwrap_err().problem;
        assert_eq!(fault(&[]), Problem::Missing);
        assert_eq!(fault(&[0x30]), Problem::Truncated);
        assert_eq!(fault(&[0x30, 0x02, 0x00]), Problem::Truncated);
        assert_eq!(fault(&[0x30, 0x82, 0x01]), Problem::Truncated);
        assert_eq!(fault(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Problem::Truncated);
        assert_eq!(fault(&[0x30, 0x80, 0x00, 0x00]), Problem::NotDer);
        assert_eq!(fault(&[0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, 0]), Problem::NotDer);
        assert_eq!(fault(&[0x1f, 0x01, 0x00]), Problem::NotDer);
        assert_eq!(Reader::new(&[0x02, 0x00]).take(SEQUENCE, "x").unwrap_err().problem, Problem::Tag(0x02));
    }

    #[test]
    fn object_identifiers_are_dotted() {
        assert_eq!(dotted(&[0x55, 0x04, 0x03]), "2.5.4.3");
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]), "1.2.840.113549.1.1.11");
        assert_eq!(dotted(&[0x88, 0x37]), "2.999");
        assert_eq!(dotted(&[0x55, 0x84]), "#5584", "cut off in an arc");
        assert_eq!(dotted(&[]), "#");
        assert!(dotted(&[0xff; 4000]).len() < 80);
    }

    #[test]
    fn times_are_read_in_every_form() {
        let utc = |text: &str| time(&element(UTC_TIME, text.as_bytes()));
        let generalized = |text: &str| time(&element(GENERALIZED_TIME, text.as_bytes()));
        assert_eq!(utc("261121184300Z"), Some(datetime!(2026-11-21 18:43 UTC)));
        assert_eq!(utc("500101000000Z"), Some(datetime!(1950-01-01 0:00 UTC)));
        assert_eq!(utc("491231235959Z"), Some(datetime!(2049-12-31 23:59:59 UTC)));
        assert_eq!(utc("2611211843Z"), Some(datetime!(2026-11-21 18:43 UTC)));
        assert_eq!(utc("261121184300+0100"), Some(datetime!(2026-11-21 17:43 UTC)));
        assert_eq!(generalized("99991231235959Z"), Some(datetime!(9999-12-31 23:59:59 UTC)));
        assert_eq!(generalized("20261121184300.25Z"), Some(datetime!(2026-11-21 18:43 UTC)));
        assert_eq!(generalized("99991231235959-2300"), None, "out of range once in UTC");
        for bad in ["", "261121184300X", "261321184300Z", "260230184300Z", "26112118430", "2611211843000Z", "261121246000Z"] {
            assert_eq!(utc(bad), None, "{bad}");
        }
    }

    #[test]
    fn strings_of_all_types_become_text() {
        let read = |tag, octets: &[u8]| text(&element(tag, octets)).map(Cow::into_owned);
        assert_eq!(read(UTF8_STRING, "Zoë".as_bytes()).as_deref(), Some("Zoë"));
        assert_eq!(read(UTF8_STRING, b"a\xffb").as_deref(), Some("a\u{fffd}b"));
        assert_eq!(read(TELETEX_STRING, b"Zo\xeb").as_deref(), Some("Zoë"));
        assert_eq!(read(BMP_STRING, b"\0Z\0o\0\xeb").as_deref(), Some("Zoë"));
        assert_eq!(read(UNIVERSAL_STRING, b"\0\0\0Z\0\x01\xf6\x00\xff\xff\xff\xff").as_deref(), Some("Z\u{1f600}\u{fffd}"));
        assert_eq!(read(INTEGER, b"1"), None);
    }

    #[test]
    fn bits_are_counted_without_leading_zeros() {
        assert_eq!(bit_length(&[]), 0);
        assert_eq!(bit_length(&[0, 0]), 0);
        assert_eq!(bit_length(&[0x00, 0x80, 0x00]), 16);
        assert_eq!(bit_length(&[0x01, 0x00]), 9);
    }
}
