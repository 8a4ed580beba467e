//! The TBSCertificate as it is encoded (RFC 5280 section 4.1): what verifiers that are strict about encodings look at.
//!
//! Read leniently: what the certificate was decoded from is found again, element by element, and judged by the rules of each verifier.

use crate::der::{self, BOOLEAN, Element, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use crate::model::Certificate;

/// The elements of a TBSCertificate; `None` for what is absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Tbs<'a> {
    /// `version`: the INTEGER within its explicit tag.
    pub(super) version: Option<Element<'a>>,
    /// `serialNumber`.
    pub(super) serial: Option<Element<'a>>,
    /// `signature`: the inner AlgorithmIdentifier.
    pub(super) signature: Option<Element<'a>>,
    /// `issuer`.
    pub(super) issuer: Option<Element<'a>>,
    /// `notBefore`.
    pub(super) not_before: Option<Element<'a>>,
    /// `notAfter`.
    pub(super) not_after: Option<Element<'a>>,
    /// `subject`.
    pub(super) subject: Option<Element<'a>>,
    /// `subjectPublicKeyInfo`.
    pub(super) spki: Option<Element<'a>>,
    /// `issuerUniqueID`, implicitly tagged 1.
    pub(super) issuer_unique_id: Option<Element<'a>>,
    /// `subjectUniqueID`, implicitly tagged 2.
    pub(super) subject_unique_id: Option<Element<'a>>,
    /// `extensions`: the element with the explicit tag 3.
    pub(super) wrapper: Option<Element<'a>>,
    /// The extensions as far as they can be told apart.
    pub(super) extensions: Vec<Extension<'a>>,
}

/// One extension as it is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension<'a> {
    /// `extnID`: the contents of the OBJECT IDENTIFIER.
    pub(super) oid: &'a [u8],
    /// `critical` as written; `None` when it is left to its default.
    pub(super) critical: Option<Element<'a>>,
    /// The contents of `extnValue`.
    pub(super) value: &'a [u8],
}

impl Extension<'_> {
    /// Whether it is critical.
    pub(super) fn is_critical(&self) -> bool {
        self.critical.is_some_and(|critical| critical.contents.iter().any(|octet| *octet != 0))
    }

    /// The dotted OID.
    pub(super) fn dotted(&self) -> String {
        der::dotted(self.oid)
    }
}

impl<'a> Tbs<'a> {
    /// Reads what there is.
    pub(super) fn of(certificate: &'a Certificate) -> Self {
        let der = &certificate.der;
        let mut tbs = Self::default();
        let Ok(sequence) = Reader::new(der.bytes.get(der.tbs.clone()).unwrap_or_default()).take(SEQUENCE, "tbsCertificate")
        else {
            return tbs;
        };
        let mut fields = sequence.children();
        let version = fields.optional(der::context(0), "version").ok().flatten();
        tbs.version = version.and_then(|version| version.children().any("version").ok());
        let mut next = || fields.any("tbsCertificate").ok();
        (tbs.serial, tbs.signature, tbs.issuer) = (next(), next(), next());
        if let Some(validity) = next() {
            let mut times = validity.children();
            tbs.not_before = times.any("notBefore").ok();
            tbs.not_after = times.any("notAfter").ok();
        }
        (tbs.subject, tbs.spki) = (next(), next());
        while let Some(field) = next() {
            match field.tag {
                0x81 | 0xa1 => tbs.issuer_unique_id = Some(field),
                0x82 | 0xa2 => tbs.subject_unique_id = Some(field),
                tag if tag == der::context(3) => {
                    tbs.wrapper = Some(field);
                    tbs.extensions = extensions(field);
                }
                _ => {}
            }
        }
        tbs
    }

    /// The first extension with this OID.
    pub(super) fn extension(&self, oid: &[u8]) -> Option<&Extension<'a>> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }
}

/// The extensions within their explicit tag, as far as they can be told apart.
pub(super) fn extensions(wrapper: Element<'_>) -> Vec<Extension<'_>> {
    let Ok(list) = wrapper.children().take(SEQUENCE, "extensions") else { return Vec::new() };
    let mut list = list.children();
    let mut found = Vec::new();
    while let Ok(extension) = list.take(SEQUENCE, "Extension") {
        let mut fields = extension.children();
        let Ok(oid) = fields.take(OBJECT_IDENTIFIER, "extnID") else { continue };
        let Ok(critical) = fields.optional(BOOLEAN, "critical") else { continue };
        let value = fields.take(OCTET_STRING, "extnValue").map(|value| value.contents).unwrap_or_default();
        found.push(Extension { oid: oid.contents, critical, value });
    }
    found
}
