//! Who could have issued whom, as OpenSSL asks before it checks any signature (`ossl_x509_likely_issued`), and what follows from it.

use super::extensions::{self, AuthorityKeyId};
use super::keys::{self, Key};
use crate::verify::canonical::{Canonical, canonical, canonical_der};
use crate::verify::case::Member;
use std::cell::OnceCell;

/// A certificate with its names in canonical form.
pub(super) struct Known<'c, 'a> {
    pub(super) member: &'c Member<'a>,
    pub(super) subject: Option<Canonical>,
    pub(super) issuer: Option<Canonical>,
    fault: OnceCell<Option<String>>,
    key: OnceCell<Option<Key>>,
    authority: OnceCell<Option<AuthorityKeyId<'a>>>,
}

/// Why a certificate is not taken as issuer of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// It has another name (29).
    Name,
    /// One of the two is invalid.
    Invalid(String),
    /// The key identifiers differ (30).
    KeyId,
    /// The authority key identifier names another issuer or serial number (31).
    IssuerAndSerial,
    /// Its key cannot be decoded (24).
    Key,
    /// Its key does not make signatures of that algorithm (76, 77).
    Algorithm,
}

impl<'c, 'a> Known<'c, 'a> {
    /// Reads the names.
    pub(super) fn new(member: &'c Member<'a>) -> Self {
        let (subject, issuer) = (canonical(&member.certificate.subject), canonical(&member.certificate.issuer));
        Self { member, subject, issuer, fault: OnceCell::new(), key: OnceCell::new(), authority: OnceCell::new() }
    }

    /// Why OpenSSL calls it invalid, if it does.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.get_or_init(|| extensions::fault(self.member)).as_deref()
    }

    /// Whether it may have issued another one.
    pub(super) fn may_have_issued(&self, other: &Self) -> Result<(), Mismatch> {
        if self.subject.is_none() || self.subject != other.issuer {
            return Err(Mismatch::Name);
        }
        for one in [self, other] {
            if let Some(fault) = one.fault() {
                return Err(Mismatch::Invalid(format!("{}: {fault}", one.member.certificate.short_name())));
            }
        }
        let wanted = other.authority.get_or_init(|| extensions::authority_key_id(other.member)).as_ref();
        wanted.map_or(Ok(()), |wanted| names(wanted, self.member))?;
        let key = self.key.get_or_init(|| keys::key(self.member)).ok_or(Mismatch::Key)?;
        if keys::could_sign(key, other.member) { Ok(()) } else { Err(Mismatch::Algorithm) }
    }

    /// Whether it seems to have issued itself (`EXFLAG_SS`). The signature is not looked at.
    pub(super) fn is_self_signed(&self) -> bool {
        self.may_have_issued(self).is_ok()
    }
}

/// Whether an authority key identifier fits a certificate (`X509_check_akid`).
pub(super) fn names(wanted: &AuthorityKeyId<'_>, issuer: &Member<'_>) -> Result<(), Mismatch> {
    if wanted.key_id.zip(extensions::subject_key_id(issuer)).is_some_and(|(wanted, own)| wanted != own) {
        return Err(Mismatch::KeyId);
    }
    let serial = wanted.serial.is_none_or(|serial| issuer.tbs.serial.is_some_and(|own| own.contents == serial));
    let name = wanted.issuer.is_none_or(|name| canonical_der(name) == canonical(&issuer.certificate.issuer));
    if serial && name { Ok(()) } else { Err(Mismatch::IssuerAndSerial) }
}

/// Whether subject and issuer are the same name, in canonical form.
pub(super) fn is_self_issued(member: &Member<'_>) -> bool {
    let certificate = member.certificate;
    certificate.is_self_issued() || canonical(&certificate.subject) == canonical(&certificate.issuer)
}
