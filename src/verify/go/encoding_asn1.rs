//! ParseCertificate until Go 1.16 (`x509.go` over `encoding/asn1`): optional fields that do not fit are skipped, sequences may hold
//! more than is known, names of any class count, and extensions count in certificates of every version.

use super::super::Verifier;
use super::asn1::{Bits, Field, Fields, Malformed, SEQUENCE, Tag, int64, is_integer, time_of};
use super::facts::{Algorithm, Extension, Facts};
use super::{extensions, key, name, oid};

/// OBJECT IDENTIFIER.
pub(super) const OID: Tag = Tag::primitive(6);
const BOOLEAN: Tag = Tag::primitive(1);
/// INTEGER.
pub(super) const INTEGER: Tag = Tag::primitive(2);
const BIT_STRING: Tag = Tag::primitive(3);
const OCTET_STRING: Tag = Tag::primitive(4);
const UTC_TIME: Tag = Tag::primitive(23);
const GENERALIZED_TIME: Tag = Tag::primitive(24);

/// Reads a certificate.
pub(super) fn certificate<'a>(der: &'a [u8], verifier: Verifier, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let mut outer = Fields::new(der);
    let mut certificate = outer.within(SEQUENCE, "the certificate")?;
    if !outer.is_empty() {
        return Err("the end of the certificate");
    }
    let tbs = certificate.take(SEQUENCE, "tbsCertificate")?;
    facts.tbs = tbs.raw;
    let mut fields = Fields::new(tbs.contents);
    let version = fields.explicit(0, INTEGER, "version")?;
    let version = version.map_or(Some(0), |version| int64(version.contents)).ok_or("version")?;
    facts.version = version.saturating_add(1);
    let serial = fields.take(INTEGER, "serialNumber")?;
    if !is_integer(serial.contents) {
        return Err("serialNumber");
    }
    facts.algorithm = algorithm(fields.take(SEQUENCE, "signature")?, facts)?;
    facts.issuer = fields.any("issuer")?.raw;
    let mut validity = fields.within(SEQUENCE, "validity")?;
    facts.not_before = Some(time(&mut validity, "notBefore")?);
    facts.not_after = Some(time(&mut validity, "notAfter")?);
    facts.subject = fields.any("subject")?.raw;
    let spki = fields.take(SEQUENCE, "subjectPublicKeyInfo")?;
    facts.spki = spki.raw;
    let mut key_fields = Fields::new(spki.contents);
    let key_algorithm = algorithm(key_fields.take(SEQUENCE, "the public key's algorithm")?, facts)?;
    let key_bits = bits(key_fields.take(BIT_STRING, "subjectPublicKey")?.contents, "subjectPublicKey")?;
    for (number, field) in [(1, "issuerUniqueID"), (2, "subjectUniqueID")] {
        if let Some(unique) = fields.optional(|tag| tag == Tag::context(number), field)? {
            bits(unique.contents, field)?;
        }
    }
    let list = fields.explicit(3, SEQUENCE, "extensions")?;
    let list = list.map_or(Ok(Vec::new()), |list| Fields::new(list.contents).all(SEQUENCE, "extensions"))?;
    for field in list {
        let extension = extension(field, facts)?;
        facts.extensions.push(extension);
    }
    facts.outer_algorithm = {
        let outer = certificate.take(SEQUENCE, "signatureAlgorithm")?;
        algorithm(outer, facts)?;
        outer.raw
    };
    facts.signature = bits(certificate.take(BIT_STRING, "signatureValue")?.contents, "signatureValue")?;
    facts.key = key::read(&key_algorithm, &key_bits.right_aligned(), key::Trailing::Refused, verifier, facts);
    name::check_asn1(facts.subject, "subject", facts)?;
    name::check_asn1(facts.issuer, "issuer", facts)?;
    extensions::process(facts, verifier, contents);
    Ok(())
}

fn algorithm<'a>(sequence: Field<'a>, facts: &mut Facts<'a>) -> Result<Algorithm<'a>, Malformed> {
    let mut fields = Fields::new(sequence.contents);
    let kind = fields.take(OID, "algorithm")?.contents;
    oid::check(kind, facts);
    let parameters = fields.optional(|_| true, "parameters")?;
    Ok(Algorithm { raw: sequence.raw, oid: kind, parameters: parameters.map(|parameters| parameters.raw) })
}

fn time(fields: &mut Fields<'_>, name: Malformed) -> Result<time::OffsetDateTime, Malformed> {
    let field = fields.optional(|tag| tag == UTC_TIME || tag == GENERALIZED_TIME, name)?.ok_or(name)?;
    time_of(field.raw).ok_or(name)
}

fn bits(contents: &[u8], name: Malformed) -> Result<Bits<'_>, Malformed> {
    Bits::of(contents).ok_or(name)
}

fn extension<'a>(sequence: Field<'a>, facts: &mut Facts<'a>) -> Result<Extension<'a>, Malformed> {
    let mut fields = Fields::new(sequence.contents);
    let oid = fields.take(OID, "extnID")?.contents;
    oid::check(oid, facts);
    let critical = fields.optional(|tag| tag == BOOLEAN, "critical")?;
    let critical = critical.map_or(Some(false), |critical| super::asn1::boolean(critical.contents)).ok_or("critical")?;
    let value = fields.take(OCTET_STRING, "extnValue")?.contents;
    Ok(Extension { oid, critical, value })
}

/// Reads the contents of one extension.
fn contents<'a>(kind: extensions::Kind, extension: &Extension<'a>, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    use extensions::Kind;
    let field = kind.name();
    let mut outer = Fields::new(extension.value);
    match kind {
        Kind::KeyUsage => facts.key_usage = extensions::key_usage(bits(outer.take(BIT_STRING, field)?.contents, field)?),
        Kind::BasicConstraints => {
            let mut fields = outer.within(SEQUENCE, field)?;
            let ca = fields.optional(|tag| tag == BOOLEAN, field)?;
            let ca = ca.map_or(Some(false), |ca| super::asn1::boolean(ca.contents)).ok_or(field)?;
            let length = fields.optional(|tag| tag == INTEGER, field)?;
            let length = length.map(|length| int64(length.contents).ok_or(field)).transpose()?;
            facts.basic = Some(super::facts::Basic { ca, max_path_len: length.filter(|length| *length >= 0) });
        }
        Kind::SubjectAltName => {
            let mut names = outer.within(SEQUENCE, field)?;
            let mut found = Vec::new();
            while !names.is_empty() {
                let name = names.any(field)?;
                found.push((name.tag.number, name.contents));
            }
            extensions::subject_alt_names(found, facts);
        }
        Kind::CrlDistributionPoints => crl_distribution_points(outer.within(SEQUENCE, field)?, field)?,
        Kind::AuthorityKeyId => {
            let id = outer.within(SEQUENCE, field)?.optional(|tag| tag == Tag::context(0), field)?;
            facts.authority_key_id = id.map(|id| id.contents).unwrap_or_default();
        }
        Kind::SubjectKeyId => facts.subject_key_id = outer.take(OCTET_STRING, field)?.contents,
        Kind::ExtendedKeyUsage => {
            let usages = outer.within(SEQUENCE, field)?.all(OID, field)?;
            for usage in usages {
                oid::check(usage.contents, facts);
                facts.usages.push(usage.contents);
            }
        }
        Kind::CertificatePolicies => {
            for policy in outer.within(SEQUENCE, field)?.all(SEQUENCE, field)? {
                oid::check(Fields::new(policy.contents).take(OID, field)?.contents, facts);
            }
        }
        Kind::AuthorityInfoAccess => {
            for description in outer.within(SEQUENCE, field)?.all(SEQUENCE, field)? {
                let mut fields = Fields::new(description.contents);
                oid::check(fields.take(OID, field)?.contents, facts);
                fields.any(field)?;
            }
        }
        Kind::NameConstraints => return extensions::name_constraints(extension, facts),
        Kind::PolicyConstraints | Kind::PolicyMappings | Kind::InhibitAnyPolicy => return Ok(()),
    }
    if outer.is_empty() { Ok(()) } else { Err(field) }
}

/// `[0]` and `[1]` of a DistributionPointName: a name relative to the issuer is read as a whole Name, which it is not.
fn crl_distribution_points(list: Fields<'_>, field: Malformed) -> Result<(), Malformed> {
    for point in list.all(SEQUENCE, field)? {
        let mut fields = Fields::new(point.contents);
        if let Some(name) = fields.optional(|tag| tag == Tag::constructed(0), field)? {
            let mut forms = Fields::new(name.contents);
            if let Some(full) = forms.optional(|tag| tag == Tag::constructed(0), field)? {
                let mut names = Fields::new(full.contents);
                while !names.is_empty() {
                    names.any(field)?;
                }
            }
            if let Some(relative) = forms.optional(|tag| tag == Tag::constructed(1), field)? {
                Fields::new(relative.contents).all(super::asn1::SET, field)?;
            }
        }
        if let Some(reasons) = fields.optional(|tag| tag == Tag::context(1), field)? {
            bits(reasons.contents, field)?;
        }
        fields.optional(|tag| tag.class == 2 && tag.number == 2, field)?;
    }
    Ok(())
}
