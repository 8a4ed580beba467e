//! Distinguished names and general names (RFC 5280 sections 4.1.2.4 and 4.2.1.6) from their DER.
//!
//! A name with something odd in it is still a name: bytes that are no text are shown as such, and a general name that makes no
//! sense stands as [`GeneralName::Malformed`] among the good ones.

use crate::der::{self, Element, Fault, OBJECT_IDENTIFIER, Problem, SEQUENCE, SET};
use crate::model::digest::Hex;
use crate::model::name::Attribute;
use crate::model::{AttributeType, DistinguishedName, GeneralName};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Attributes of one name that are read, and as many sets. Real ones have a dozen; each costs twenty times its two bytes of input. The
/// encoding, by which names are compared, is kept whole.
const MOST_ATTRIBUTES: usize = 1_000;

/// Names of one extension. CDN certificates reach a few hundred, Let's Encrypt stops at 100.
const MOST_NAMES: usize = 100_000;

/// A Name: its RDNSequence.
pub(super) fn distinguished(name: &Element<'_>) -> Result<DistinguishedName, Fault> {
    let mut rdns = Vec::new();
    let mut sets = name.children();
    let mut count = 0;
    while !sets.is_empty() && count < MOST_ATTRIBUTES {
        let mut attributes = sets.take(SET, "RelativeDistinguishedName")?.children();
        let mut rdn = Vec::with_capacity(1);
        count += 1;
        while !attributes.is_empty() && count <= 2 * MOST_ATTRIBUTES {
            count += 1;
            rdn.push(attribute(&attributes.take(SEQUENCE, "AttributeTypeAndValue")?)?);
        }
        rdns.push(rdn);
    }
    Ok(DistinguishedName::new(name.raw, rdns))
}

/// An attribute; a value that is no string is shown as RFC 4514 section 2.4 does: `#` and its encoding in hexadecimal.
fn attribute(attribute: &Element<'_>) -> Result<Attribute, Fault> {
    let mut fields = attribute.children();
    let kind = fields.take(OBJECT_IDENTIFIER, "AttributeType")?;
    let value = fields.any("AttributeValue")?;
    let text = der::text(&value).map_or_else(|| format!("#{}", Hex(value.raw)), Cow::into_owned);
    Ok(Attribute { kind: AttributeType::from_oid(&der::dotted(kind.contents)), value: text.into() })
}

/// The names of a GeneralNames into `names`. On a fault those before it are kept.
pub(super) fn general_names(list: &Element<'_>, names: &mut Vec<GeneralName>) -> Result<(), Fault> {
    let mut entries = list.children();
    while !entries.is_empty() {
        if names.len() == MOST_NAMES {
            return Err(Problem::Value.of("GeneralNames"));
        }
        names.push(general_name(&entries.any("GeneralName")?)?);
    }
    Ok(())
}

fn general_name(entry: &Element<'_>) -> Result<GeneralName, Fault> {
    const CONTEXT_SPECIFIC: u8 = 0x80;
    if entry.tag & 0xc0 != CONTEXT_SPECIFIC {
        return Err(Problem::Tag(entry.tag).of("GeneralName"));
    }
    let tag = entry.tag & 0x1f;
    let name = match tag {
        1 => ia5(entry).map(GeneralName::Email),
        2 => ia5(entry).map(GeneralName::Dns),
        4 => directory(entry).map(GeneralName::Directory),
        6 => ia5(entry).map(GeneralName::Uri),
        7 => ip(entry.contents).map(GeneralName::Ip),
        0 | 3 | 5 | 8 => Some(GeneralName::Other(tag)),
        _ => None,
    };
    Ok(name.unwrap_or_else(|| GeneralName::Malformed { tag, value: entry.contents.into() }))
}

fn ia5(entry: &Element<'_>) -> Option<Box<str>> {
    std::str::from_utf8(entry.contents).ok().filter(|text| text.is_ascii()).map(Box::from)
}

/// directoryName is tagged explicitly: Name is a CHOICE (X.680 section 31.2.7).
fn directory(entry: &Element<'_>) -> Option<DistinguishedName> {
    distinguished(&entry.children().take(SEQUENCE, "directoryName").ok()?).ok()
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = || <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    v4.or_else(|_| v6()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::Reader;

    fn read(der: &[u8]) -> (Vec<GeneralName>, Result<(), Fault>) {
        let mut names = Vec::new();
        let outcome = general_names(&Reader::new(der).take(SEQUENCE, "x").unwrap(), &mut names);
        (names, outcome)
    }

    #[test]
    fn malformed_names_stand_among_the_good_ones() {
        let (names, outcome) = read(b"\x30\x14\x82\x01a\x87\x03\x01\x02\x03\x82\x02\xc3\xa9\x87\x04\x7f\0\0\x01\x82\x00");
        assert!(outcome.is_ok());
        let expected = [
            GeneralName::Dns("a".into()),
            GeneralName::Malformed { tag: 7, value: [1, 2, 3].into() },
            GeneralName::Malformed { tag: 2, value: [0xc3, 0xa9].into() },
            GeneralName::Ip(Ipv4Addr::LOCALHOST.into()),
            GeneralName::Dns("".into()),
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn names_before_a_broken_one_are_kept() {
        let (names, outcome) = read(b"\x30\x05\x82\x01a\x82\x09");
        assert_eq!(names, [GeneralName::Dns("a".into())]);
        assert_eq!(outcome, Err(Problem::Truncated.of("GeneralName")));
    }

    #[test]
    fn values_that_are_no_text_are_shown_in_hexadecimal() {
        let der = b"\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x2d\x03\x02\x00\x01";
        let name = distinguished(&Reader::new(der).take(SEQUENCE, "x").unwrap()).unwrap();
        assert_eq!(name.attributes().next().map(|attribute| &*attribute.value), Some("#03020001"));
        assert_eq!(name.der(), der);
    }
}
