//! Revocation lists as they are encoded (RFC 5280 section 5), with what OpenSSL keeps of them (`crl_cb` in crypto/x509/x_crl.c).

use super::asn1::Shape;
use super::extensions::AuthorityKeyId;
use super::shapes;
use crate::chain::Signed;
use crate::der::{self, Element, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use crate::model::CertificateList;
use crate::verify::canonical::{Canonical, canonical, canonical_der};
use crate::verify::case::Member;
use crate::verify::names::tag::DIRECTORY_NAME;
use crate::verify::{oid, tbs};

/// The reason that takes a certificate off the list again.
const REMOVE_FROM_CRL: &[u8] = &[8];

/// Whether OpenSSL can read a list at all.
pub(super) fn is_readable(list: &CertificateList) -> bool {
    shapes::CERTIFICATE_LIST.begins(&list.der)
}

/// A revocation list.
pub(super) struct List<'a> {
    pub(super) issuer: Canonical,
    pub(super) last_update: Option<Element<'a>>,
    pub(super) next_update: Option<Element<'a>>,
    revoked: Option<Element<'a>>,
    pub(super) authority: Option<AuthorityKeyId<'a>>,
    pub(super) point: Option<IssuingPoint<'a>>,
    /// Whether there is a critical extension that OpenSSL does not handle, in the list or in one of its entries.
    pub(super) critical: bool,
    pub(super) delta: bool,
    pub(super) signed: Signed<'a>,
    /// Whether the signature has unused bits, as it should not.
    pub(super) unused_bits: bool,
}

/// issuingDistributionPoint.
pub(super) struct IssuingPoint<'a> {
    /// DistributionPointName.
    pub(super) name: Option<Element<'a>>,
    /// The numbers of the other fields that are there and not FALSE, as bits.
    fields: u8,
}

/// For end entities only.
const ONLY_USER: u8 = 1 << 1;
/// For CAs only.
const ONLY_CA: u8 = 1 << 2;
/// For some reasons only.
const SOME_REASONS: u8 = 1 << 3;
/// With entries of other issuers.
const INDIRECT: u8 = 1 << 4;
/// For attribute certificates only.
const ONLY_ATTRIBUTE: u8 = 1 << 5;

impl<'a> List<'a> {
    /// Reads a list; `None` if OpenSSL would not.
    pub(super) fn of(list: &'a CertificateList) -> Option<Self> {
        if !is_readable(list) {
            return None;
        }
        let mut parts = Reader::new(&list.der).take(SEQUENCE, "CertificateList").ok()?.children();
        let tbs = parts.take(SEQUENCE, "tbsCertList").ok()?;
        let algorithm = parts.take(SEQUENCE, "signatureAlgorithm").ok()?;
        let signature = parts.take(der::BIT_STRING, "signatureValue").ok()?;
        let mut fields = tbs.children();
        fields.optional(der::INTEGER, "version").ok()?;
        fields.take(SEQUENCE, "signature").ok()?;
        let issuer = canonical_der(fields.take(SEQUENCE, "issuer").ok()?.raw)?;
        let last_update = fields.any("thisUpdate").ok();
        let next_update =
            fields.optional(der::UTC_TIME, "nextUpdate").ok()?.or(fields.optional(der::GENERALIZED_TIME, "nextUpdate").ok()?);
        let revoked = fields.optional(SEQUENCE, "revokedCertificates").ok()?;
        let wrapper = fields.any("crlExtensions").ok();
        let extensions = wrapper.map(tbs::extensions).unwrap_or_default();
        Some(Self {
            issuer,
            last_update,
            next_update,
            revoked,
            authority: once(&extensions, oid::AUTHORITY_KEY_ID, &shapes::AUTHORITY_KEY_ID)
                .map(|value| AuthorityKeyId::of(&value)),
            point: once(&extensions, oid::ISSUING_DISTRIBUTION_POINT, &shapes::ISSUING_DISTRIBUTION_POINT).map(IssuingPoint::of),
            critical: is_unhandled(&extensions) || revoked.is_some_and(|revoked| has_unhandled_entries(&revoked)),
            delta: once(&extensions, oid::DELTA_CRL_INDICATOR, &shapes::INTEGER).is_some(),
            signed: Signed { tbs: tbs.raw, algorithm: algorithm.raw, signature: signature.bits().0 },
            unused_bits: signature.contents.first().is_some_and(|unused| *unused != 0),
        })
    }

    /// Whether the serial number is on the list, under the certificate's issuer, and not taken off (`def_crl_lookup`).
    pub(super) fn revokes(&self, member: &Member<'_>) -> bool {
        let (Some(revoked), Some(serial)) = (self.revoked, member.tbs.serial) else { return false };
        let issuer = canonical(&member.certificate.issuer);
        // An entry's issuer is that of the entry before it until another is named (RFC 5280 section 5.3.3).
        let mut named: Option<Element<'_>> = None;
        for entry in revoked.elements() {
            let (own, extensions) = entry_parts(&entry);
            let extension =
                |oid: &[u8]| extensions.iter().find(|extension| extension.oid == oid).map(|extension| extension.value);
            named = extension(oid::CERTIFICATE_ISSUER)
                .and_then(|names| Reader::new(names).take(SEQUENCE, "GeneralNames").ok())
                .or(named);
            if own.is_none_or(|own| own.contents != serial.contents) {
                continue;
            }
            let ours = named.map_or_else(
                || issuer.as_ref() == Some(&self.issuer),
                |names| directory_names(&names).any(|name| Some(&name) == issuer.as_ref()),
            );
            if ours {
                let reason = extension(oid::REASON_CODE).and_then(|reason| Reader::new(reason).any("reasonCode").ok());
                return reason.is_none_or(|reason| reason.contents != REMOVE_FROM_CRL);
            }
        }
        false
    }
}

impl<'a> IssuingPoint<'a> {
    fn of(value: Element<'a>) -> Self {
        let mut point = Self { name: None, fields: 0 };
        for field in value.elements() {
            let number = field.tag & 0x1f;
            if number == 0 {
                point.name = field.children().any("distributionPoint").ok();
            } else if field.contents != [0] {
                point.fields |= 1_u8.checked_shl(u32::from(number)).unwrap_or(0);
            }
        }
        point
    }

    /// Whether the list is of no use without `-extended_crl`, or for two kinds of certificates only, which is none (`IDP_INVALID`).
    pub(super) fn is_useless(&self) -> bool {
        let kinds = self.fields & (ONLY_USER | ONLY_CA | ONLY_ATTRIBUTE);
        self.fields & (SOME_REASONS | INDIRECT) != 0 || kinds.count_ones() > 1
    }

    /// Whether the list is for such certificates.
    pub(super) fn covers(&self, ca: bool) -> bool {
        self.fields & (ONLY_ATTRIBUTE | if ca { ONLY_USER } else { ONLY_CA }) == 0
    }
}

/// The directory names of a GeneralNames.
pub(super) fn directory_names<'a>(names: &Element<'a>) -> impl Iterator<Item = Canonical> + use<'a> {
    names.elements().filter(|name| name.tag == DIRECTORY_NAME).filter_map(|name| canonical_der(name.contents))
}

/// The serial number of an entry, and its extensions.
fn entry_parts<'a>(entry: &Element<'a>) -> (Option<Element<'a>>, Vec<tbs::Extension<'a>>) {
    let mut fields = entry.children();
    let serial = fields.any("userCertificate").ok();
    let _date = fields.any("revocationDate");
    (serial, fields.any("crlEntryExtensions").map(|list| list_extensions(&list)).unwrap_or_default())
}

/// The value of an extension that occurs once and has its shape.
fn once<'a>(extensions: &[tbs::Extension<'a>], wanted: &[u8], shape: &Shape) -> Option<Element<'a>> {
    let mut found = extensions.iter().filter(|extension| extension.oid == wanted);
    let value = found.next()?.value;
    (found.next().is_none() && shape.begins(value)).then(|| Reader::new(value).any("extnValue").ok())?
}

/// Whether a critical extension of a list is another than those that OpenSSL handles.
fn is_unhandled(extensions: &[tbs::Extension<'_>]) -> bool {
    const HANDLED: [&[u8]; 3] = [oid::ISSUING_DISTRIBUTION_POINT, oid::AUTHORITY_KEY_ID, oid::DELTA_CRL_INDICATOR];
    extensions.iter().any(|extension| extension.is_critical() && !HANDLED.contains(&extension.oid))
}

/// The same of the entries. OpenSSL stops looking at the first entry whose issuer or reason cannot be read.
fn has_unhandled_entries(revoked: &Element<'_>) -> bool {
    for entry in revoked.elements() {
        let (_, extensions) = entry_parts(&entry);
        let broken = |oid: &[u8], shape: &Shape| {
            extensions.iter().any(|extension| extension.oid == oid) && once(&extensions, oid, shape).is_none()
        };
        if broken(oid::CERTIFICATE_ISSUER, &shapes::GENERAL_NAMES) || broken(oid::REASON_CODE, &shapes::ENUMERATED) {
            return false;
        }
        if extensions.iter().any(|extension| extension.is_critical() && extension.oid != oid::CERTIFICATE_ISSUER) {
            return true;
        }
    }
    false
}

/// Extensions without a tag around them.
fn list_extensions<'a>(list: &Element<'a>) -> Vec<tbs::Extension<'a>> {
    list.elements()
        .filter_map(|extension| {
            let mut fields = extension.children();
            let oid = fields.take(OBJECT_IDENTIFIER, "extnID").ok()?.contents;
            let critical = fields.optional(der::BOOLEAN, "critical").ok()?;
            let value = fields.take(der::OCTET_STRING, "extnValue").ok()?.contents;
            Some(tbs::Extension { oid, critical, value })
        })
        .collect()
}
