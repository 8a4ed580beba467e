//! How certificates are written (RFC 5280 sections 4.1 and 4.1.2; X.690 section 10 for DER).

use super::super::rule::{Fault, Trail};
use super::super::tbs::Tbs;
use super::fault;
use crate::der::{
    self, BIT_STRING, BOOLEAN, Element, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, Problem, Reader, SEQUENCE, UTC_TIME,
    context,
};

/// Section 4.1: everything is DER.
pub(super) fn der(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let member = trail.last();
    let known = |oid: &[u8]| super::extensions::is_known(oid);
    let values = member.tbs.extensions.iter().filter(|extension| known(extension.oid)).map(|extension| extension.value);
    let broken = std::iter::once(&*member.certificate.der.bytes).chain(values).find_map(|bytes| breach(bytes).err());
    let defaults = || defaults_written(&member.tbs);
    broken.or_else(defaults).map_or(Ok(()), |what| fault(trail, what))
}

/// Elements one within another at most: certificates have fewer than ten, name constraints of directory names two more.
const DEEPEST: usize = 32;

/// The first breach of DER in some bytes, which are read once for each level.
fn breach(bytes: &[u8]) -> Result<(), &'static str> {
    let mut levels = vec![Reader::new(bytes)];
    while let Some(reader) = levels.last_mut() {
        if reader.is_empty() {
            levels.pop();
            continue;
        }
        let element = reader.any("element").map_err(|_| "an element ends beyond what holds it, or is not DER")?;
        judge(&element)?;
        if element.tag & 0x20 != 0 {
            if levels.len() == DEEPEST {
                return Err("elements are nested too deeply");
            }
            levels.push(element.children());
        }
    }
    Ok(())
}

fn judge(element: &Element<'_>) -> Result<(), &'static str> {
    if !element.is_minimal() {
        return Err("a length is written in more octets than it needs");
    }
    match (element.tag, element.contents) {
        (BOOLEAN, [0 | 0xff]) => Ok(()),
        (BOOLEAN, _) => Err("a BOOLEAN is neither 0x00 nor 0xff"),
        (INTEGER, []) => Err("an INTEGER is empty"),
        (INTEGER, [0, next, ..]) if next & 0x80 == 0 => Err("an INTEGER has a needless leading octet"),
        (INTEGER, [0xff, next, ..]) if next & 0x80 != 0 => Err("an INTEGER has a needless leading octet"),
        (BIT_STRING, [unused, bits @ ..]) => {
            let last = bits.last().copied().unwrap_or(0);
            let fits = *unused < 8 && (*unused == 0 || !bits.is_empty()) && last.trailing_zeros() >= u32::from(*unused);
            if fits { Ok(()) } else { Err("a BIT STRING has unused bits that are set") }
        }
        (BIT_STRING, []) => Err("a BIT STRING is empty"),
        (OBJECT_IDENTIFIER, contents) if !is_oid(contents) => Err("an OBJECT IDENTIFIER is none"),
        _ => Ok(()),
    }
}

/// Arcs that end, without leading zeros (X.690 section 8.19).
fn is_oid(contents: &[u8]) -> bool {
    let mut starts = true;
    for octet in contents {
        if starts && *octet == 0x80 {
            return false;
        }
        starts = octet & 0x80 == 0;
    }
    starts && !contents.is_empty()
}

/// A field that is written although it has its default value (X.690 section 11.5).
fn defaults_written(tbs: &Tbs<'_>) -> Option<&'static str> {
    if tbs.version.is_some_and(|version| version.contents == [0]) {
        return Some("version v1 is written and is the default");
    }
    let critical = tbs.extensions.iter().any(|extension| extension.critical.is_some_and(|critical| critical.contents == [0]));
    critical.then_some("critical FALSE is written and is the default")
}

/// Section 4.1: every field in its place, and nothing else.
pub(super) fn fields(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let bytes = &trail.last().certificate.der.bytes;
    match read_fields(bytes) {
        Ok(()) => Ok(()),
        Err(what) => fault(trail, what.to_string()),
    }
}

fn read_fields(bytes: &[u8]) -> Result<(), der::Fault> {
    const ISSUER_UNIQUE_ID: u8 = 0x81;
    const SUBJECT_UNIQUE_ID: u8 = 0x82;
    let mut certificate = Reader::new(bytes).take(SEQUENCE, "Certificate")?.children();
    let mut tbs = certificate.take(SEQUENCE, "tbsCertificate")?.children();
    certificate.take(SEQUENCE, "signatureAlgorithm")?;
    certificate.take(BIT_STRING, "signatureValue")?;
    if let Some(version) = tbs.optional(context(0), "version")? {
        let mut inner = version.children();
        inner.take(INTEGER, "version")?;
        end(&inner, "version")?;
    }
    tbs.take(INTEGER, "serialNumber")?;
    tbs.take(SEQUENCE, "signature")?;
    tbs.take(SEQUENCE, "issuer")?;
    let mut validity = tbs.take(SEQUENCE, "validity")?.children();
    validity.any("notBefore")?;
    validity.any("notAfter")?;
    end(&validity, "validity")?;
    tbs.take(SEQUENCE, "subject")?;
    tbs.take(SEQUENCE, "subjectPublicKeyInfo")?;
    for tag in [ISSUER_UNIQUE_ID, SUBJECT_UNIQUE_ID] {
        let id = tbs.optional(tag, "unique identifier")?;
        if id.is_some_and(|id| id.contents.first().is_none_or(|unused| *unused > 7)) {
            return Err(Problem::Value.of("unique identifier"));
        }
    }
    tbs.optional(context(3), "extensions")?;
    end(&tbs, "tbsCertificate")?;
    end(&certificate, "Certificate")
}

fn end(reader: &Reader<'_>, field: &'static str) -> Result<(), der::Fault> {
    if reader.is_empty() { Ok(()) } else { Err(Problem::Trailing.of(field)) }
}

/// Section 4.1.2.1: extensions need version 3, unique identifiers 2 or 3.
pub(super) fn version(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let tbs = &trail.last().tbs;
    let unique = tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some();
    match tbs.version.map(|version| version.contents) {
        Some([2]) => Ok(()),
        Some([1]) if tbs.wrapper.is_none() => Ok(()),
        None if tbs.wrapper.is_none() && !unique => Ok(()),
        Some([1]) | None => fault(trail, "it has fields that its version does not know"),
        Some(_) => fault(trail, "its version is none of 1, 2 and 3"),
    }
}

/// Section 4.1.2.2.
pub(super) fn serial(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    const LONGEST: usize = 20;
    let serial = &trail.last().certificate.serial;
    if serial.is_negative() {
        return fault(trail, format!("the serial number is negative: {}", serial.hex()));
    }
    if serial.0.iter().all(|octet| *octet == 0) {
        return fault(trail, "the serial number is zero");
    }
    if serial.0.len() > LONGEST {
        return fault(trail, format!("the serial number has {} octets; at most {LONGEST}", serial.0.len()));
    }
    Ok(())
}

/// Section 4.1.2.5: with seconds, without fractions, in UTC. A GeneralizedTime before 2050 is a fault of the CA that its users must
/// put up with (NIST PKITS 4.2.4).
pub(super) fn times(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let tbs = &trail.last().tbs;
    for (field, time) in [("notBefore", tbs.not_before), ("notAfter", tbs.not_after)] {
        if let Err(what) = time.as_ref().map_or(Err("is missing"), well_written) {
            return fault(trail, format!("{field} {what}"));
        }
    }
    Ok(())
}

/// What is wrong with a Time.
pub(super) fn well_written(time: &Element<'_>) -> Result<(), &'static str> {
    let length = match time.tag {
        UTC_TIME => 13,
        GENERALIZED_TIME => 15,
        _ => return Err("is no time"),
    };
    let digits = time.contents.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit));
    if time.contents.len() != length || digits.is_none() {
        return Err("is not written as YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ");
    }
    if der::time(time).is_some() { Ok(()) } else { Err("is no date") }
}

/// Sections 4.1.2.4 and 4.1.2.6: an issuer has a name, and so has a CA.
pub(super) fn issuer_name(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if trail.last().certificate.issuer.is_empty() { fault(trail, "the issuer has no name") } else { Ok(()) }
}

/// Section 4.1.2.6.
pub(super) fn subject_name(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    use super::super::oid::SUBJECT_ALT_NAME;
    let member = trail.last();
    let named = member.tbs.extension(SUBJECT_ALT_NAME).is_some_and(super::super::tbs::Extension::is_critical);
    match (member.certificate.subject.is_empty(), member.certificate.is_ca()) {
        (true, true) => fault(trail, "it is a CA without a name"),
        (true, false) if !named => fault(trail, "it has no subject, and no critical subject alternative name instead"),
        _ => Ok(()),
    }
}

/// Section 4.1.2.4: attribute values are text in the encoding that they claim.
pub(super) fn name_text(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let names = trail.case.memo.names(trail.last());
    match (&names.subject, &names.issuer) {
        (Some(_), Some(_)) => Ok(()),
        (None, _) => fault(trail, "the subject holds text that is none in its encoding"),
        (_, None) => fault(trail, "the issuer holds text that is none in its encoding"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaches_of_der_are_found_at_any_depth() {
        assert_eq!(breach(&[0x30, 3, 1, 1, 0xff]), Ok(()));
        for bytes in [
            &[0x30, 0x81, 3, 1, 1, 0xff][..],
            &[0x30, 3, 1, 1, 1],
            &[0x30, 4, 2, 2, 0, 1],
            &[0x30, 4, 3, 2, 7, 1],
            &[0x30, 4, 6, 2, 0x80, 1],
            &[0x30, 2, 6, 0],
            &[0x30, 3, 2, 2, 1],
        ] {
            assert!(breach(bytes).is_err(), "{bytes:02x?}");
        }
        let deep = (0..40_u8).rev().fold(Vec::new(), |inner, _| [&[0x30, u8::try_from(inner.len()).unwrap()], &*inner].concat());
        assert!(breach(&deep).is_err());
    }

    #[test]
    fn times_have_one_form() {
        let written = |tag: u8, text: &str| {
            let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            well_written(&Reader::new(&bytes).any("x").unwrap()).is_ok()
        };
        assert!(written(UTC_TIME, "260101000000Z") && written(GENERALIZED_TIME, "20500101000000Z"));
        for text in ["2601010000Z", "260101000000z", "260101000000+0000", "261301000000Z"] {
            assert!(!written(UTC_TIME, text), "{text}");
        }
        assert!(!written(GENERALIZED_TIME, "20500101000000.5Z"));
    }
}
