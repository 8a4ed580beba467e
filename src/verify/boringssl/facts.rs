//! What BoringSSL keeps of a certificate's extensions (`x509v3_cache_extensions`, crypto/x509/v3_purp.cc), and when it cannot.
//!
//! The rule: eight extensions are read when a certificate is first looked at. If one of them cannot be read or stands there twice, the
//! certificate issues nothing and is issued by nobody. Others are never looked at, but for the policies on a finished path.

use super::super::canonical::canonical;
use super::super::case::Member;
use super::super::names::tag::DIRECTORY_NAME;
use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::grammar::{self, Shape};
use crate::der::{BOOLEAN, INTEGER, Reader, SEQUENCE, context};
use crate::model::{DistinguishedName, KeyUsage};

/// The extensions that are read, in the order in which they are.
const CACHED: &[(&[u8], &str, Shape)] = &[
    (oid::BASIC_CONSTRAINTS, "basicConstraints", grammar::BASIC_CONSTRAINTS),
    (oid::KEY_USAGE, "keyUsage", grammar::KEY_USAGE),
    (oid::EXTENDED_KEY_USAGE, "extKeyUsage", grammar::EXTENDED_KEY_USAGE),
    (oid::SUBJECT_KEY_ID, "subjectKeyIdentifier", grammar::SUBJECT_KEY_ID),
    (oid::AUTHORITY_KEY_ID, "authorityKeyIdentifier", grammar::AUTHORITY_KEY_ID),
    (oid::SUBJECT_ALT_NAME, "subjectAltName", grammar::GENERAL_NAMES),
    (oid::NAME_CONSTRAINTS, "nameConstraints", grammar::NAME_CONSTRAINTS),
    (oid::CRL_DISTRIBUTION_POINTS, "cRLDistributionPoints", grammar::DISTRIBUTION_POINTS),
];

/// Whether the certificate reached last has extensions that can be read.
pub(super) fn readable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    unreadable(trail.last()).map_or(Ok(()), |message| Err(super::fault(trail.members.len() - 1, message)))
}

/// What is wrong with the extensions, if anything.
fn unreadable(member: &Member<'_>) -> Option<String> {
    CACHED.iter().find_map(|(oid, name, shape)| extension(member, oid, name, shape).err()).or_else(|| path_length(member))
}

/// The value of an extension that may stand there once and must be of its type.
pub(super) fn extension<'a>(member: &Member<'a>, oid: &[u8], name: &str, shape: &Shape) -> Result<Option<&'a [u8]>, String> {
    let mut found = member.tbs.extensions.iter().filter(|extension| extension.oid == oid);
    let Some(extension) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(format!("{name} stands there twice"));
    }
    shape.check(extension.value, "extnValue").map_err(|fault| format!("{name} cannot be read: {fault}"))?;
    Ok(Some(extension.value))
}

/// A pathLenConstraint is not negative, and stands with `cA` only.
fn path_length(member: &Member<'_>) -> Option<String> {
    let extension = member.tbs.extension(oid::BASIC_CONSTRAINTS)?;
    let mut fields = Reader::new(extension.value).take(SEQUENCE, "basicConstraints").ok()?.children();
    let ca = fields.optional(BOOLEAN, "cA").ok()?.is_some_and(|ca| ca.contents.iter().any(|octet| *octet != 0));
    let length = fields.optional(INTEGER, "pathLenConstraint").ok()??;
    let negative = length.contents.first().is_some_and(|first| first & 0x80 != 0);
    match (ca, negative) {
        (_, true) => Some("basicConstraints has a negative path length".to_owned()),
        (false, _) => Some("basicConstraints has a path length for what is no CA".to_owned()),
        _ => None,
    }
}

/// Whether two names are the same name.
pub(super) fn same_name(one: &DistinguishedName, other: &DistinguishedName) -> bool {
    one.der() == other.der() || canonical(one).is_some_and(|name| Some(name) == canonical(other))
}

/// Whether subject and issuer are the same name (`EXFLAG_SI`).
pub(super) fn is_self_issued(member: &Member<'_>) -> bool {
    same_name(&member.certificate.subject, &member.certificate.issuer)
}

/// Whether it looks as if it were signed with its own key (`EXFLAG_SS`); the signature is not asked.
pub(super) fn is_self_signed(member: &Member<'_>) -> bool {
    is_self_issued(member) && key_ids_agree(member, member) && names_agree(member, member) && may(member, Usage::KeyCertSign)
}

/// A key usage (RFC 5280 section 4.2.1.3), by the number of its bit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Usage {
    DigitalSignature = 0,
    KeyEncipherment = 2,
    KeyAgreement = 4,
    KeyCertSign = 5,
    CrlSign = 6,
}

/// Whether the key usage allows it: absent allows all.
pub(super) fn may(member: &Member<'_>, usage: Usage) -> bool {
    member.certificate.key_usage.is_none_or(|KeyUsage(bits)| bits >> (usage as u16) & 1 == 1)
}

/// Whether an authority key identifier names the key of this certificate, as far as both have one.
pub(super) fn key_ids_agree(child: &Member<'_>, issuer: &Member<'_>) -> bool {
    let key_ids = child.certificate.authority_key_id.as_ref().zip(issuer.certificate.subject_key_id.as_ref());
    key_ids.is_none_or(|(wanted, own)| wanted == own)
}

/// Whether it names this certificate's issuer and serial number, as far as it names any.
pub(super) fn names_agree(child: &Member<'_>, issuer: &Member<'_>) -> bool {
    child.tbs.extension(oid::AUTHORITY_KEY_ID).is_none_or(|extension| AuthorityKeyId::of(extension.value).names(issuer))
}

/// An AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1), of a certificate or a revocation list.
#[derive(Default)]
pub(super) struct AuthorityKeyId<'a> {
    key_id: Option<&'a [u8]>,
    /// The first directoryName.
    issuer: Option<&'a [u8]>,
    serial: Option<&'a [u8]>,
}

impl<'a> AuthorityKeyId<'a> {
    /// Reads what there is.
    pub(super) fn of(value: &'a [u8]) -> Self {
        let mut fields = Reader::new(value).take(SEQUENCE, "").map_or_else(|_| Reader::new(&[]), |sequence| sequence.children());
        let mut field = |tag: u8| fields.optional(tag, "").ok().flatten();
        let (key_id, names, serial) = (field(0x80), field(context(1)), field(0x82));
        let directory = names.and_then(|names| names.elements().find(|name| name.tag == DIRECTORY_NAME));
        Self {
            key_id: key_id.map(|element| element.contents),
            issuer: directory.map(|name| name.contents),
            serial: serial.map(|element| element.contents),
        }
    }

    /// Whether nothing in it speaks against this certificate (`X509_check_akid`).
    pub(super) fn matches(&self, issuer: &Member<'_>) -> bool {
        let own = issuer.certificate.subject_key_id.as_deref();
        self.key_id.zip(own).is_none_or(|(wanted, own)| wanted == own) && self.names(issuer)
    }

    fn names(&self, issuer: &Member<'_>) -> bool {
        let certificate = issuer.certificate;
        let serial = self.serial.is_none_or(|serial| serial == &*certificate.serial.0);
        let name = self.issuer.is_none_or(|name| {
            name == certificate.issuer.der()
                || super::super::canonical::canonical_der(name).is_some_and(|name| Some(name) == canonical(&certificate.issuer))
        });
        serial && name
    }
}
