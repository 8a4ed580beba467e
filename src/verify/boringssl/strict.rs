//! DER as BoringSSL reads it (crypto/bytestring/cbs.cc, crypto/asn1): lengths in as few octets as can be, numbers and object
//! identifiers without padding, strings that are what they say, times of one form.
//!
//! kcert's own reader ([`crate::der`]) splits the bytes; here is only what it does not mind and BoringSSL does.

use crate::der::{
    BIT_STRING, BMP_STRING, BOOLEAN, ENUMERATED, Element, Fault, GENERALIZED_TIME, INTEGER, NULL, OBJECT_IDENTIFIER, Problem,
    Reader, SEQUENCE, SET, UNIVERSAL_STRING, UTC_TIME, UTF8_STRING,
};

const RELATIVE_OID: u8 = 0x0d;
/// The bit of the identifier octet that says that the contents are elements.
pub(super) const CONSTRUCTED: u8 = 0x20;

/// Octets of a Name at most (`X509_NAME_MAX`, crypto/x509/x_name.cc).
const LONGEST_NAME: usize = 1 << 20;

/// Reads elements one after the other, strictly.
#[derive(Clone)]
pub(super) struct Strict<'a>(Reader<'a>);

impl<'a> Strict<'a> {
    /// Reads `bytes` from the start.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    /// Reads the contents of an element.
    pub(super) fn within(element: &Element<'a>) -> Self {
        Self(element.children())
    }

    /// The tag of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.peek()
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element whatever its tag, but for the one that marks the end of an indefinite length in BER.
    pub(super) fn any(&mut self, field: &'static str) -> Result<Element<'a>, Fault> {
        let element = self.0.any(field)?;
        if element.is_minimal() && element.tag & !CONSTRUCTED != 0 { Ok(element) } else { Err(Problem::NotDer.of(field)) }
    }

    /// The next element, which must have this tag.
    pub(super) fn take(&mut self, tag: u8, field: &'static str) -> Result<Element<'a>, Fault> {
        match self.peek() {
            Some(found) if found != tag => Err(Problem::Tag(found).of(field)),
            Some(_) => self.any(field),
            None => Err(Problem::Missing.of(field)),
        }
    }

    /// The next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8, field: &'static str) -> Result<Option<Element<'a>>, Fault> {
        if self.peek() == Some(tag) { self.any(field).map(Some) } else { Ok(None) }
    }

    /// Nothing may follow.
    pub(super) fn finish(&self, field: &'static str) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { Err(Problem::Trailing.of(field)) }
    }
}

/// A fault of a field's value, unless it is as it should be.
fn demand(sound: bool, field: &'static str) -> Result<(), Fault> {
    if sound { Ok(()) } else { Err(Problem::Value.of(field)) }
}

/// INTEGER and ENUMERATED (X.690 section 8.3): not empty, the first nine bits not all the same.
pub(super) fn integer(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    let minimal = match element.contents {
        [] => false,
        [first, second, ..] => !((*first == 0 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0)),
        [_] => true,
    };
    demand(minimal, field)
}

/// OBJECT IDENTIFIER (X.690 section 8.19): arcs end, and none begins with a zero.
pub(super) fn object(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    let contents = element.contents;
    let ends = contents.last().is_some_and(|last| last & 0x80 == 0);
    let before = std::iter::once(&0).chain(contents);
    let padded = before.zip(contents).any(|(previous, octet)| previous & 0x80 == 0 && *octet == 0x80);
    demand(ends && !padded, field)
}

/// BIT STRING (X.690 section 11.2): how many bits of the last octet are not used, which must be zero, and the octets.
pub(super) fn bits<'a>(element: &Element<'a>, field: &'static str) -> Result<(u8, &'a [u8]), Fault> {
    let [unused, octets @ ..] = element.contents else { return Err(Problem::Value.of(field)) };
    let last = octets.last().copied();
    let mask = 1_u8.checked_shl(u32::from(*unused)).unwrap_or(0).wrapping_sub(1);
    demand(*unused < 8 && (*unused == 0 || last.is_some_and(|last| last & mask == 0)), field)?;
    Ok((*unused, octets))
}

/// UTCTime, to 2049, also with an offset, or GeneralizedTime without; both with seconds and without fractions.
pub(super) fn time(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    let form = match element.tag {
        UTC_TIME => &[13, 17][..],
        GENERALIZED_TIME => &[15],
        tag => return Err(Problem::Tag(tag).of(field)),
    };
    let offset =
        element.contents.iter().position(|octet| matches!(octet, b'+' | b'-')).and_then(|at| element.contents.get(at + 1..));
    let offset_fits = offset.is_none_or(|digits| {
        matches!(digits, [hours @ .., b'0'..=b'5', b'0'..=b'9'] if matches!(hours, [b'0' | b'1', b'0'..=b'9'] | [b'2', b'0'..=b'3']))
    });
    let plain = !element.contents.iter().any(|octet| matches!(octet, b'.' | b',' | b'z'));
    let whole = form.contains(&element.contents.len()) && (element.contents.len() == 17) == offset.is_some();
    demand(whole && offset_fits && plain && crate::der::time(element).is_some(), field)
}

/// Whether a time stands there in UTC. Times with an offset are read and then cannot be compared (`ASN1_TIME_to_posix`).
pub(super) fn is_utc(element: &Element<'_>) -> bool {
    element.contents.ends_with(b"Z")
}

/// AlgorithmIdentifier (RFC 5280 section 4.1.1.2).
pub(super) fn algorithm(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    let mut fields = Strict::within(element);
    object(&fields.take(OBJECT_IDENTIFIER, field)?, field)?;
    if !fields.is_empty() {
        value(&fields.any(field)?, field)?;
    }
    fields.finish(field)
}

/// Name: no RDN is empty.
pub(super) fn name(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    demand(element.contents.len() <= LONGEST_NAME, field)?;
    let mut sets = Strict::within(element);
    while !sets.is_empty() {
        let set = sets.take(SET, field)?;
        demand(!set.contents.is_empty(), field)?;
        let mut attributes = Strict::within(&set);
        while !attributes.is_empty() {
            attribute(&attributes.take(SEQUENCE, field)?, field)?;
        }
    }
    Ok(())
}

/// AttributeTypeAndValue.
pub(super) fn attribute(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    let mut fields = Strict::within(element);
    object(&fields.take(OBJECT_IDENTIFIER, field)?, field)?;
    value(&fields.any(field)?, field)?;
    fields.finish(field)
}

/// A value of a type that the structure leaves open (`asn1_parse_any`): what is known of its type must hold.
pub(super) fn value(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    const UNIVERSAL: u8 = 0xc0;
    /// EXTERNAL, EMBEDDED PDV, SEQUENCE, SET, CHARACTER STRING.
    const OF_ELEMENTS: [u8; 5] = [8, 11, 16, 17, 29];
    const UNASSIGNED: u8 = 15;
    let number = element.tag & 0x1f;
    if element.tag & UNIVERSAL == 0 && number != UNASSIGNED {
        demand((element.tag & CONSTRUCTED != 0) == OF_ELEMENTS.contains(&number), field)?;
    }
    match element.tag {
        OBJECT_IDENTIFIER | RELATIVE_OID => object(element, field),
        NULL => demand(element.contents.is_empty(), field),
        BOOLEAN => demand(matches!(element.contents, [0 | 0xff]), field),
        INTEGER | ENUMERATED => integer(element, field),
        BIT_STRING => bits(element, field).map(|_| ()),
        UTF8_STRING => demand(std::str::from_utf8(element.contents).is_ok_and(|text| text.chars().all(is_character)), field),
        BMP_STRING => demand(is_wide(element.contents, 2), field),
        UNIVERSAL_STRING => demand(is_wide(element.contents, 4), field),
        UTC_TIME | GENERALIZED_TIME => time(element, field),
        _ => Ok(()),
    }
}

/// Whether these are characters of so many octets each.
fn is_wide(octets: &[u8], size: usize) -> bool {
    let points = octets.chunks(size).map(|unit| unit.iter().fold(0_u32, |point, octet| point << 8 | u32::from(*octet)));
    octets.len().is_multiple_of(size) && points.into_iter().all(|point| char::from_u32(point).is_some_and(is_character))
}

/// Whether it is one of the code points that are ever to be assigned (Unicode 15, D14; crypto/bytestring/unicode.cc).
fn is_character(c: char) -> bool {
    let point = u32::from(c);
    point & 0xfffe != 0xfffe && !(0xfdd0..=0xfdef).contains(&point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(bytes: &[u8]) -> Element<'_> {
        Reader::new(bytes).any("x").unwrap()
    }

    #[test]
    fn lengths_are_as_short_as_can_be() {
        let any = |bytes: &'static [u8]| Strict::new(bytes).any("x").map_err(|fault| fault.problem);
        assert!(any(&[2, 1, 7]).is_ok());
        assert_eq!(any(&[2, 0x81, 1, 7]).unwrap_err(), Problem::NotDer);
        assert_eq!(any(&[0, 0]).unwrap_err(), Problem::NotDer);
        assert_eq!(any(&[0x20, 0]).unwrap_err(), Problem::NotDer);
    }

    #[test]
    fn numbers_have_no_padding() {
        for (bytes, sound) in [
            (&[2, 1, 0][..], true),
            (&[2, 1, 0xff], true),
            (&[2, 2, 0, 0x80], true),
            (&[2, 0], false),
            (&[2, 2, 0, 0x7f], false),
            (&[2, 2, 0xff, 0x80], false),
        ] {
            assert_eq!(integer(&element(bytes), "x").is_ok(), sound, "{bytes:?}");
        }
        for (bytes, sound) in [
            (&[6, 1, 0x2a][..], true),
            (&[6, 0], false),
            (&[6, 1, 0x80], false),
            (&[6, 2, 0x2a, 0x81], false),
            (&[6, 3, 0x2a, 0x80, 1], false),
        ] {
            assert_eq!(object(&element(bytes), "x").is_ok(), sound, "{bytes:?}");
        }
        for (bytes, sound) in [
            (&[3, 1, 0][..], true),
            (&[3, 2, 2, 4], true),
            (&[3, 0], false),
            (&[3, 2, 8, 0], false),
            (&[3, 1, 1], false),
            (&[3, 2, 3, 4], false),
        ] {
            assert_eq!(bits(&element(bytes), "x").is_ok(), sound, "{bytes:?}");
        }
    }

    #[test]
    fn times_have_one_form() {
        let sound = |tag: u8, text: &str| {
            let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            time(&element(&bytes), "x").is_ok()
        };
        for text in ["261121184300Z", "261121184300+0100", "261121184300-2359"] {
            assert!(sound(UTC_TIME, text), "{text}");
        }
        for text in [
            "2611211843Z",
            "261121184300",
            "261121184300z",
            "261121184300+2400",
            "261121184300+0160",
            "261121184300+01",
            "261321184300Z",
        ] {
            assert!(!sound(UTC_TIME, text), "{text}");
        }
        assert!(sound(GENERALIZED_TIME, "20261121184300Z"));
        for text in ["20261121184300+0100", "20261121184300.5Z", "202611211843Z", "2026112118430000Z"] {
            assert!(!sound(GENERALIZED_TIME, text), "{text}");
        }
    }

    #[test]
    fn strings_are_what_they_say() {
        for (bytes, sound) in [
            (&[0x0c, 2, 0xc3, 0xa9][..], true),
            (&[0x0c, 1, 0xe9], false),
            (&[0x0c, 3, 0xef, 0xbf, 0xbf], false),
            (&[0x1e, 2, 0, 0x41], true),
            (&[0x1e, 1, 0x41], false),
            (&[0x1e, 2, 0xd8, 0], false),
            (&[0x13, 1, 0xff], true),
            (&[0x33, 0], false),
            (&[0x10, 0], false),
            (&[0x01, 1, 1], false),
            (&[0x05, 1, 0], false),
            (&[0xa0, 1, 0], true),
        ] {
            assert_eq!(value(&element(bytes), "x").is_ok(), sound, "{bytes:?}");
        }
    }
}
