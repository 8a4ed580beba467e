//! What BoringSSL cannot read (`X509_parse_from_buffer`, crypto/x509/x_x509.cc).
//!
//! Envoy shows no mercy: one certificate of the bundle that it cannot read, and the configuration is refused; one of the peer's chain,
//! and the handshake fails. Unknown keys and unknown algorithms are no reason, nor is what stands in an extension.

use super::super::rule::{Fault, Trail};
use super::grammar::{CERTIFICATE_LIST, EXTENSIONS};
use super::strict::{self, CONSTRUCTED, Strict};
use crate::der::{self, BIT_STRING, INTEGER, Problem, Reader, SEQUENCE, context};

/// `v1`, `v2` and `v3` (RFC 5280 section 4.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Version {
    V1,
    V2,
    V3,
}

/// Whether the certificate is encoded as it must be.
pub(super) fn encoding(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let bytes = &trail.last().certificate.der.bytes;
    certificate(bytes).map_err(|fault| super::fault(trail.members.len() - 1, fault.to_string()))
}

/// Whether every revocation list is.
pub(super) fn revocation_lists(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    for list in &trail.case.question.crls {
        let sound = CERTIFICATE_LIST.check(&list.der, "CertificateList").and_then(|()| super::crl::Crl::readable(&list.der));
        sound.map_err(|fault| super::fault(0, format!("the revocation list of {} cannot be read: {fault}", list.issuer)))?;
    }
    Ok(())
}

fn certificate(bytes: &[u8]) -> Result<(), der::Fault> {
    let mut outer = Strict::new(bytes);
    let certificate = outer.take(SEQUENCE, "Certificate")?;
    outer.finish("Certificate")?;
    let mut parts = Strict::within(&certificate);
    let tbs = parts.take(SEQUENCE, "tbsCertificate")?;
    let algorithm = parts.take(SEQUENCE, "signatureAlgorithm")?;
    strict::algorithm(&algorithm, "signatureAlgorithm")?;
    let head = tbs.raw.len() + algorithm.raw.len();
    signature_value(certificate.contents.get(head..).unwrap_or_default())?;
    to_be_signed(&mut Strict::within(&tbs))
}

/// Its length alone may be written longer than need be.
fn signature_value(bytes: &[u8]) -> Result<(), der::Fault> {
    let mut reader = Reader::new(bytes);
    strict::bits(&reader.take(BIT_STRING, "signatureValue")?, "signatureValue")?;
    if reader.is_empty() { Ok(()) } else { Err(Problem::Trailing.of("Certificate")) }
}

fn to_be_signed(fields: &mut Strict<'_>) -> Result<(), der::Fault> {
    let version = version(fields)?;
    strict::integer(&fields.take(INTEGER, "serialNumber")?, "serialNumber")?;
    strict::algorithm(&fields.take(SEQUENCE, "signature")?, "signature")?;
    strict::name(&fields.take(SEQUENCE, "issuer")?, "issuer")?;
    let mut validity = Strict::within(&fields.take(SEQUENCE, "validity")?);
    for field in ["notBefore", "notAfter"] {
        strict::time(&validity.any(field)?, field)?;
    }
    validity.finish("validity")?;
    strict::name(&fields.take(SEQUENCE, "subject")?, "subject")?;
    let mut key = Strict::within(&fields.take(SEQUENCE, "subjectPublicKeyInfo")?);
    strict::algorithm(&key.take(SEQUENCE, "algorithm")?, "algorithm")?;
    strict::bits(&key.take(BIT_STRING, "subjectPublicKey")?, "subjectPublicKey")?;
    key.finish("subjectPublicKeyInfo")?;
    if version >= Version::V2 {
        for (number, field) in [(1, "issuerUniqueID"), (2, "subjectUniqueID")] {
            if let Some(identifier) = fields.optional(context(number) & !CONSTRUCTED, field)? {
                strict::bits(&identifier, field)?;
            }
        }
    }
    if version == Version::V3
        && let Some(wrapper) = fields.optional(context(3), "extensions")?
    {
        EXTENSIONS.check(wrapper.contents, "extensions")?;
    }
    fields.finish("tbsCertificate")
}

/// v1 may be written out. What belongs to a later version than this is no part of the certificate.
fn version(fields: &mut Strict<'_>) -> Result<Version, der::Fault> {
    let Some(wrapper) = fields.optional(context(0), "version")? else { return Ok(Version::V1) };
    let mut inner = Strict::within(&wrapper);
    let number = inner.take(INTEGER, "version")?;
    inner.finish("version")?;
    match number.contents {
        [0] => Ok(Version::V1),
        [1] => Ok(Version::V2),
        [2] => Ok(Version::V3),
        _ => Err(Problem::Value.of("version")),
    }
}
