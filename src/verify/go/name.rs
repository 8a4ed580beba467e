//! Distinguished names: which texts Go takes.

use super::asn1::{Bits, Field, Fields, Input, Malformed, SEQUENCE, SET, boolean, int64, time, time_of};
use super::facts::{Breach, Facts};
use super::oid;
use crate::der::{self, Element};

/// Reads the contents of a Name, since Go 1.17.
pub(super) fn check<'a>(contents: &'a [u8], field: Malformed, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let mut rdns = Input::new(contents);
    while !rdns.is_empty() {
        let mut set = rdns.within(der::SET, field)?;
        while !set.is_empty() {
            let mut attribute = set.within(der::SEQUENCE, field)?;
            oid::read(&mut attribute, "an attribute's type", facts)?;
            let value = attribute.any("an attribute's value")?;
            if let Some(text) = Text::of(value.tag & 0xe0 == 0, value.tag & 0x1f) {
                text.check(value.contents, field, facts);
            } else {
                facts.note(Breach::NameType, format!("{field} has an attribute of type 0x{:02x}, which is no text", value.tag));
                other_value(&value, field, facts);
            }
        }
    }
    Ok(())
}

/// Values other than text, which Go 1.27 reads.
fn other_value(value: &Element<'_>, field: Malformed, facts: &mut Facts<'_>) {
    let contents = value.contents;
    let well_formed = match value.tag {
        der::INTEGER => int64(contents).is_some(),
        der::BIT_STRING => Bits::of(contents).is_some(),
        der::OBJECT_IDENTIFIER => return oid::check(contents, facts),
        der::UTC_TIME | der::GENERALIZED_TIME => time(value).is_some(),
        der::BOOLEAN => boolean(contents).is_some(),
        _ => true,
    };
    if !well_formed {
        facts.note(Breach::NameValue, format!("{field} has an attribute of type 0x{:02x} that is not well encoded", value.tag));
    }
}

/// Reads a Name, until Go 1.16.
pub(super) fn check_asn1<'a>(raw: &'a [u8], field: Malformed, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let mut outer = Fields::new(raw);
    for rdn in outer.within(SEQUENCE, field)?.all(SET, field)? {
        for attribute in Fields::new(rdn.contents).all(SEQUENCE, field)? {
            let mut fields = Fields::new(attribute.contents);
            let kind = fields.take(super::encoding_asn1::OID, field)?;
            oid::check(kind.contents, facts);
            let value = fields.any(field)?;
            let number = u8::try_from(value.tag.number).unwrap_or(u8::MAX);
            let plain = value.tag.class == 0 && !value.tag.compound;
            match Text::of(plain, number) {
                Some(text) => text.check(value.contents, field, facts),
                None if plain => old_value(number, &value, field, facts)?,
                None => {}
            }
        }
    }
    Ok(())
}

/// Values other than text, until Go 1.16.
fn old_value(tag: u8, value: &Field<'_>, field: Malformed, facts: &mut Facts<'_>) -> Result<(), Malformed> {
    let contents = value.contents;
    let well_formed = match tag {
        der::INTEGER => int64(contents).is_some(),
        der::BIT_STRING => Bits::of(contents).is_some(),
        der::OBJECT_IDENTIFIER => {
            oid::check(contents, facts);
            true
        }
        der::UTC_TIME | der::GENERALIZED_TIME => time_of(value.raw).is_some(),
        _ => true,
    };
    well_formed.then_some(()).ok_or(field)
}

/// The string types that Go reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Teletex,
    Printable,
    Utf8,
    Bmp,
    Ia5,
    Numeric,
}

impl Text {
    fn of(primitive: bool, number: u8) -> Option<Self> {
        match number {
            20 if primitive => Some(Self::Teletex),
            19 if primitive => Some(Self::Printable),
            12 if primitive => Some(Self::Utf8),
            30 if primitive => Some(Self::Bmp),
            22 if primitive => Some(Self::Ia5),
            18 if primitive => Some(Self::Numeric),
            _ => None,
        }
    }

    fn check(self, octets: &[u8], field: Malformed, facts: &mut Facts<'_>) {
        let fits = match self {
            Self::Teletex => true,
            Self::Printable => octets.iter().all(|octet| octet.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(octet)),
            Self::Utf8 => std::str::from_utf8(octets).is_ok(),
            Self::Bmp => octets.len().is_multiple_of(2),
            Self::Ia5 => octets.is_ascii(),
            Self::Numeric => octets.iter().all(|octet| octet.is_ascii_digit() || *octet == b' '),
        };
        if !fits {
            facts.note(Breach::NameText, format!("{field} has a {self:?}String with a character that this type has not"));
        }
        let mut units = octets.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, octet| unit << 8 | u16::from(*octet)));
        if self == Self::Bmp && units.any(|unit| matches!(unit, 0xfffe | 0xffff | 0xfdd0..=0xfdef | 0xd800..=0xdfff)) {
            facts.note(Breach::NameCharacter, format!("{field} has a BMPString with what is no character"));
        }
    }
}
