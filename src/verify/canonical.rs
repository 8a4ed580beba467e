//! Distinguished names as verifiers compare them: RFC 5280 section 7.1, in the form that OpenSSL and BoringSSL give it
//! (`x509_name_canon`).
//!
//! The rule: every string becomes UTF-8, white space at both ends goes, white space within becomes one space, ASCII letters become
//! small ones. The attributes of one RDN are a set and have no order. What is no string stands as it is. A name is then one row of
//! octets in which every RDN ends by itself, so that a name lies within another when its octets begin with the other's.

use crate::der::{
    BMP_STRING, Element, IA5_STRING, OBJECT_IDENTIFIER, PRINTABLE_STRING, Reader, SEQUENCE, SET, TELETEX_STRING,
    UNIVERSAL_STRING, UTF8_STRING, VISIBLE_STRING,
};
use crate::model::DistinguishedName;
use std::borrow::Cow;

/// A name in the form that can be compared octet by octet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Canonical(Box<[u8]>);

impl Canonical {
    /// Whether this name begins with all RDNs of the other: whether it lies in the subtree of that name (RFC 5280 section 4.2.1.10).
    pub(super) fn is_within(&self, base: &Self) -> bool {
        self.0.starts_with(&base.0)
    }

    /// The octets that are compared.
    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Whether it has no attribute.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Canonical {
    /// The name with more attributes below it, each as RDN of its own: what `nameRelativeToCRLIssuer` stands for (RFC 5280 section
    /// 4.2.1.13), as OpenSSL reads it. `None` as for [`canonical`].
    pub(super) fn with(&self, mut attributes: Reader<'_>) -> Option<Self> {
        let mut octets = self.0.to_vec();
        while !attributes.is_empty() {
            append(&mut octets, &attribute(attributes.take(SEQUENCE, "AttributeTypeAndValue").ok()?)?)?;
        }
        Some(Self(octets.into()))
    }
}

/// Every attribute of a Name as it is encoded: the number of its RDN, its type as contents of the OBJECT IDENTIFIER, its value.
pub(super) fn attributes(name: &[u8]) -> Vec<(usize, &[u8], Element<'_>)> {
    let mut found = Vec::new();
    let Ok(name) = Reader::new(name).take(SEQUENCE, "Name") else { return found };
    let mut sets = name.children();
    let mut number = 0;
    while let Ok(set) = sets.take(SET, "RelativeDistinguishedName") {
        let mut attributes = set.children();
        while let Ok(attribute) = attributes.take(SEQUENCE, "AttributeTypeAndValue") {
            let mut fields = attribute.children();
            if let (Ok(kind), Ok(value)) = (fields.take(OBJECT_IDENTIFIER, "AttributeType"), fields.any("AttributeValue")) {
                found.push((number, kind.contents, value));
            }
        }
        number += 1;
    }
    found
}

/// What an attribute says, strictly; `None` for what is no text.
pub(super) fn utf8<'a>(value: &Element<'a>) -> Option<Cow<'a, str>> {
    const NUMERIC_STRING: u8 = 0x12;
    match text(value) {
        Text::Is(text) => Some(text),
        Text::Other if value.tag == NUMERIC_STRING => crate::der::text(value),
        Text::Other | Text::Broken => None,
    }
}

/// A name in canonical form; `None` when it is no name, or one of its strings is no text in the encoding that it claims.
pub(super) fn canonical(name: &DistinguishedName) -> Option<Canonical> {
    canonical_der(name.der())
}

/// The same, of a Name as it is encoded.
pub(super) fn canonical_der(name: &[u8]) -> Option<Canonical> {
    let mut sets = Reader::new(name).take(SEQUENCE, "Name").ok()?.children();
    let mut octets = Vec::with_capacity(name.len());
    while !sets.is_empty() {
        let mut rdn = Vec::with_capacity(1);
        let mut attributes = sets.take(SET, "RelativeDistinguishedName").ok()?.children();
        while !attributes.is_empty() {
            rdn.push(attribute(attributes.take(SEQUENCE, "AttributeTypeAndValue").ok()?)?);
        }
        if rdn.is_empty() {
            continue;
        }
        rdn.sort_unstable();
        append(&mut octets, &rdn.concat())?;
    }
    Some(Canonical(octets.into()))
}

/// One attribute: its type, what kind of value it has, and the value.
fn attribute(attribute: Element<'_>) -> Option<Vec<u8>> {
    let mut fields = attribute.children();
    let kind = fields.take(OBJECT_IDENTIFIER, "AttributeType").ok()?;
    let value = fields.any("AttributeValue").ok()?;
    let mut octets = Vec::with_capacity(attribute.raw.len() + 8);
    append(&mut octets, kind.contents)?;
    match text(&value) {
        Text::Is(text) => {
            octets.push(UTF8_STRING);
            append(&mut octets, folded(&text).as_bytes())?;
        }
        Text::Other => {
            octets.push(value.tag);
            append(&mut octets, value.contents)?;
        }
        Text::Broken => return None,
    }
    Some(octets)
}

/// What a value says of itself.
enum Text<'a> {
    /// This.
    Is(Cow<'a, str>),
    /// Text, and it is none.
    Broken,
    /// It is not of a type that is folded.
    Other,
}

/// Reads a value. Unlike [`crate::der::text`], which is made for readers, nothing is replaced here.
fn text<'a>(value: &Element<'a>) -> Text<'a> {
    let octets = value.contents;
    let latin = || Some(octets.iter().map(|octet| char::from(*octet)).collect());
    let points = |size: usize| {
        let units = octets.chunks(size).map(|unit| unit.iter().fold(0_u32, |point, octet| point << 8 | u32::from(*octet)));
        units.map(char::from_u32).collect::<Option<String>>().filter(|_| octets.len().is_multiple_of(size)).map(Cow::from)
    };
    let text = match value.tag {
        UTF8_STRING => std::str::from_utf8(octets).ok().map(Cow::from),
        PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING | TELETEX_STRING => {
            std::str::from_utf8(octets).ok().filter(|text| text.is_ascii()).map(Cow::from).or_else(latin)
        }
        BMP_STRING => points(2),
        UNIVERSAL_STRING => points(4),
        _ => return Text::Other,
    };
    text.map_or(Text::Broken, Text::Is)
}

/// Small ASCII letters, single spaces, none at the ends.
fn folded(text: &str) -> String {
    let space = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    let mut folded = String::with_capacity(text.len());
    for word in text.split(space).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().map(|c| c.to_ascii_lowercase()));
    }
    folded
}

/// Octets with their length before them.
fn append(to: &mut Vec<u8>, octets: &[u8]) -> Option<()> {
    to.extend(u32::try_from(octets.len()).ok()?.to_be_bytes());
    to.extend(octets);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(contents.len()).unwrap()], contents].concat()
    }

    /// A name of RDNs of common names.
    fn name(rdns: &[&[(u8, &[u8])]]) -> Option<Canonical> {
        let attribute = |(tag, value): &(u8, &[u8])| tlv(SEQUENCE, &[&[6, 3, 0x55, 4, 3][..], &tlv(*tag, value)].concat());
        let set = |rdn: &&[(u8, &[u8])]| tlv(SET, &rdn.iter().map(attribute).collect::<Vec<_>>().concat());
        canonical_der(&tlv(SEQUENCE, &rdns.iter().map(set).collect::<Vec<_>>().concat()))
    }

    #[test]
    fn case_white_space_and_string_type_make_no_difference() {
        let wanted = name(&[&[(UTF8_STRING, b"kube ca")]]).unwrap();
        for same in [
            (PRINTABLE_STRING, &b" Kube \t CA "[..]),
            (IA5_STRING, b"KUBE\x0bca\n"),
            (BMP_STRING, b"\0k\0u\0b\0e\0 \0c\0a"),
            (TELETEX_STRING, b"kube ca"),
        ] {
            assert_eq!(name(&[&[same]]).as_ref(), Some(&wanted), "{same:?}");
        }
        for other in [(UTF8_STRING, &b"kubeca"[..]), (0x12, b"kube ca"), (UTF8_STRING, b"kube c")] {
            assert_ne!(name(&[&[other]]).as_ref(), Some(&wanted), "{other:?}");
        }
        // Letters beyond ASCII keep their case; T.61 is read as Latin-1.
        assert_eq!(name(&[&[(TELETEX_STRING, b"\xdc")]]), name(&[&[(UTF8_STRING, "Ü".as_bytes())]]));
        assert_ne!(name(&[&[(UTF8_STRING, "ü".as_bytes())]]), name(&[&[(UTF8_STRING, "Ü".as_bytes())]]));
    }

    #[test]
    fn what_is_no_text_is_no_name() {
        for (tag, value) in [(UTF8_STRING, &b"\xff"[..]), (BMP_STRING, b"\xd8\0"), (BMP_STRING, b"a"), (UNIVERSAL_STRING, b"abc")]
        {
            assert_eq!(name(&[&[(tag, value)]]), None, "{tag} {value:?}");
        }
    }

    #[test]
    fn rdns_have_an_order_and_attributes_have_none() {
        let (a, b) = ((UTF8_STRING, &b"a"[..]), (UTF8_STRING, &b"B"[..]));
        assert_eq!(name(&[&[a, b]]), name(&[&[b, a]]));
        assert_ne!(name(&[&[a], &[b]]), name(&[&[b], &[a]]));
        assert_ne!(name(&[&[a], &[b]]), name(&[&[a, b]]));
        let (long, short, empty) = (name(&[&[a], &[b]]).unwrap(), name(&[&[a]]).unwrap(), name(&[]).unwrap());
        assert!(long.is_within(&short) && long.is_within(&empty) && long.is_within(&long));
        assert!(!short.is_within(&long) && !name(&[&[a, b]]).unwrap().is_within(&short));
        assert!(empty.is_empty() && !short.is_empty());
    }
}
