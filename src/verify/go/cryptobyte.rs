//! ParseCertificate since Go 1.17 (`parser.go`): field by field, lengths and numbers strict, what follows the known fields ignored.

use super::super::Verifier;
use super::asn1::{Input, Malformed, int64, time};
use super::facts::{Algorithm, Breach, Extension, Facts};
use super::habits::UNIQUE_IDS_HIDE_EXTENSIONS;
use super::{extensions, key, name, oid};
use crate::der::{BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context};

/// Reads a certificate.
pub(super) fn certificate<'a>(der: &'a [u8], verifier: Verifier, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let mut outer = Input::new(der);
    let mut input = outer.within(SEQUENCE, "the certificate")?;
    if !outer.is_empty() {
        return Err("the end of the certificate");
    }
    let tbs = input.take(SEQUENCE, "tbsCertificate")?;
    facts.tbs = tbs.raw;
    let mut fields = Input::new(tbs.contents);
    version(&mut fields, facts)?;
    let serial = fields.integer("serialNumber")?;
    if serial.first().is_some_and(|first| first & 0x80 != 0) {
        facts.note(Breach::NegativeSerial, "the serial number is negative");
    }
    let inner = fields.take(SEQUENCE, "signature")?;
    let outer = input.take(SEQUENCE, "signatureAlgorithm")?;
    if inner.contents != outer.contents {
        facts.note(Breach::AlgorithmsDiffer, "the signature algorithm within the signed part is another than the one beside it");
    }
    facts.algorithm = algorithm(inner.contents, facts)?;
    facts.algorithm.raw = inner.raw;
    facts.outer_algorithm = outer.raw;
    let issuer = fields.take(SEQUENCE, "issuer")?;
    facts.issuer = issuer.raw;
    name::check(issuer.contents, "issuer", facts)?;
    let mut validity = fields.within(SEQUENCE, "validity")?;
    for (date, field) in [(&mut facts.not_before, "notBefore"), (&mut facts.not_after, "notAfter")] {
        *date = Some(time(&validity.any(field)?).ok_or(field)?);
    }
    let subject = fields.take(SEQUENCE, "subject")?;
    facts.subject = subject.raw;
    name::check(subject.contents, "subject", facts)?;
    spki(&mut fields, verifier, facts)?;
    if facts.version > 1 {
        trailer(fields, verifier, facts)?;
    }
    facts.signature = input.bits("signatureValue")?;
    Ok(())
}

fn version(fields: &mut Input<'_>, facts: &mut Facts<'_>) -> Result<(), Malformed> {
    let mut version = 0;
    if let Some(explicit) = fields.optional(context(0), "version")? {
        let mut explicit = Input::new(explicit.contents);
        version = int64(explicit.integer("version")?).filter(|version| *version >= 0).ok_or("version")?;
        if !explicit.is_empty() {
            return Err("version");
        }
    }
    facts.version = version.saturating_add(1);
    if facts.version > 3 {
        facts.note(Breach::Version, format!("version {} does not exist", facts.version));
    }
    Ok(())
}

/// An AlgorithmIdentifier; what follows its parameters is ignored.
pub(super) fn algorithm<'a>(contents: &'a [u8], facts: &mut Facts<'a>) -> Result<Algorithm<'a>, Malformed> {
    let mut fields = Input::new(contents);
    let algorithm = oid::read(&mut fields, "algorithm", facts)?;
    let parameters = if fields.is_empty() { None } else { Some(fields.any("parameters")?.raw) };
    Ok(Algorithm { raw: &[], oid: algorithm, parameters })
}

fn spki<'a>(fields: &mut Input<'a>, verifier: Verifier, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let spki = fields.take(SEQUENCE, "subjectPublicKeyInfo")?;
    facts.spki = spki.raw;
    let mut fields = Input::new(spki.contents);
    let identifier = fields.take(SEQUENCE, "the public key's algorithm")?;
    let algorithm = algorithm(identifier.contents, facts)?;
    let bits = fields.bits("subjectPublicKey")?;
    facts.key = key::read(&algorithm, &bits.right_aligned(), key::Trailing::Ignored, verifier, facts);
    Ok(())
}

/// Unique identifiers and extensions.
fn trailer<'a>(mut fields: Input<'a>, verifier: Verifier, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let constructed = if UNIQUE_IDS_HIDE_EXTENSIONS.of(verifier) { 0x20 } else { 0 };
    fields.optional(0x81 | constructed, "issuerUniqueID")?;
    fields.optional(0x82 | constructed, "subjectUniqueID")?;
    if facts.version != 3 {
        return Ok(());
    }
    let Some(wrapper) = fields.optional(context(3), "extensions")? else { return Ok(()) };
    let mut list = Input::new(wrapper.contents).within(SEQUENCE, "extensions")?;
    while !list.is_empty() {
        let mut fields = list.within(SEQUENCE, "an extension")?;
        let oid = oid::read(&mut fields, "extnID", facts)?;
        let critical = fields.peek(BOOLEAN) && fields.boolean("critical")?;
        let value = fields.take(OCTET_STRING, "extnValue")?.contents;
        facts.extensions.push(Extension { oid, critical, value });
    }
    extensions::duplicates(facts);
    extensions::process(facts, verifier, extensions::cryptobyte);
    Ok(())
}

/// The contents of an OBJECT IDENTIFIER.
pub(super) fn oid_contents<'a>(fields: &mut Input<'a>, field: Malformed) -> Result<&'a [u8], Malformed> {
    fields.take(OBJECT_IDENTIFIER, field).map(|element| element.contents)
}
