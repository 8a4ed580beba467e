//! Certification requests (RFC 2986) and certificate revocation lists (RFC 5280 section 5).

use super::x509::Extensions;
use super::{algorithm, crypto, name, x509};
use crate::der::{
    self, BIT_STRING, BOOLEAN, Element, Fault, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET,
    UTC_TIME,
};
use crate::model::{CertificateList, CertificationRequest, GeneralName, Serial};

/// The attribute that carries the extensions asked for: `extensionRequest` (RFC 2985 section 5.4.2).
const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";

/// The extension that carries the CRL number (RFC 5280 section 5.2.3).
const CRL_NUMBER: &str = "2.5.29.20";

/// Decodes a CertificationRequest.
pub(super) fn request(request: &Element<'_>) -> Result<CertificationRequest, Fault> {
    let mut parts = request.children();
    let mut info = parts.take(SEQUENCE, "certificationRequestInfo")?.children();
    parts.take(SEQUENCE, "signatureAlgorithm")?;
    parts.take(BIT_STRING, "signature")?;
    info.take(INTEGER, "version")?;
    let subject = name::distinguished(&info.take(SEQUENCE, "subject")?)?;
    let public_key = algorithm::public_key(&info.take(SEQUENCE, "subjectPKInfo")?)?;
    let attributes = info.optional(der::context(0), "attributes")?;
    let sans = attributes.map(|attributes| sans(&attributes)).unwrap_or_default();
    Ok(CertificationRequest { id: crypto::sha256(request.raw), subject, sans, public_key })
}

/// The names of the first `extensionRequest`; attributes that do not decode ask for nothing.
fn sans(attributes: &Element<'_>) -> Vec<GeneralName> {
    let mut attributes = attributes.children();
    while let Ok(attribute) = attributes.take(SEQUENCE, "Attribute") {
        let mut fields = attribute.children();
        let wanted = fields.take(OBJECT_IDENTIFIER, "type").is_ok_and(|kind| der::dotted(kind.contents) == EXTENSION_REQUEST);
        if let (true, Ok(values)) = (wanted, fields.take(SET, "values")) {
            return Extensions::read(&mut values.children()).sans;
        }
    }
    Vec::new()
}

/// Decodes a CertificateList.
pub(super) fn revocation_list(list: &Element<'_>) -> Result<CertificateList, Fault> {
    let mut parts = list.children();
    let mut fields = parts.take(SEQUENCE, "tbsCertList")?.children();
    parts.take(SEQUENCE, "signatureAlgorithm")?;
    parts.take(BIT_STRING, "signatureValue")?;
    fields.optional(INTEGER, "version")?;
    fields.take(SEQUENCE, "signature")?;
    let issuer = name::distinguished(&fields.take(SEQUENCE, "issuer")?)?;
    let this_update = x509::time(&mut fields, "thisUpdate")?;
    let next_update = match fields.peek() {
        Some(UTC_TIME | GENERALIZED_TIME) => Some(x509::time(&mut fields, "nextUpdate")?),
        _ => None,
    };
    let revoked = fields.optional(SEQUENCE, "revokedCertificates")?.map_or(0, |list| count(list.children()));
    let number = fields.optional(der::context(0), "crlExtensions")?.and_then(|extensions| crl_number(&extensions));
    Ok(CertificateList { id: crypto::sha256(list.raw), issuer, this_update, next_update, number, revoked, der: list.raw.into() })
}

fn count(mut entries: Reader<'_>) -> usize {
    std::iter::from_fn(|| entries.any("revokedCertificate").ok()).count()
}

fn crl_number(extensions: &Element<'_>) -> Option<Serial> {
    let mut list = extensions.children().take(SEQUENCE, "crlExtensions").ok()?.children();
    while let Ok(extension) = list.take(SEQUENCE, "Extension") {
        let mut fields = extension.children();
        if der::dotted(fields.take(OBJECT_IDENTIFIER, "extnID").ok()?.contents) == CRL_NUMBER {
            fields.optional(BOOLEAN, "critical").ok()?;
            let value = fields.take(OCTET_STRING, "extnValue").ok()?;
            return Some(Serial(value.children().take(INTEGER, "CRLNumber").ok()?.contents.into()));
        }
    }
    None
}
