//! A revocation list as BoringSSL reads it (crypto/x509/x_crl.cc), and which certificates it is about.

use super::super::canonical::{Canonical, canonical_der};
use super::super::case::Member;
use super::super::oid;
use super::super::tbs::{Extension, extensions};
use super::facts::AuthorityKeyId;
use super::grammar::{self, Shape};
use super::signature::{Signature, parts};
use super::strict;
use crate::chain::Signed;
use crate::der::{self, BOOLEAN, Element, GENERALIZED_TIME, INTEGER, OCTET_STRING, Problem, Reader, SEQUENCE, UTC_TIME, context};
use crate::model::when::moment;
use crate::model::{CertificateList, Sha256};
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use time::OffsetDateTime;

/// A revocation list.
pub(super) struct Crl<'a> {
    /// SHA-256 of the list.
    pub(super) id: Sha256,
    /// Who issued it.
    pub(super) issuer: Option<Canonical>,
    inner: &'a [u8],
    unused_bits: u8,
    /// What is signed, and the signature.
    pub(super) signed: Signed<'a>,
    /// When it was made.
    pub(super) this_update: Element<'a>,
    next_update: Option<Element<'a>>,
    revoked: Option<Element<'a>>,
    /// Serial numbers that are revoked, and since when, once somebody asked.
    serials: OnceCell<HashMap<&'a [u8], OffsetDateTime>>,
    /// Whose key signed it.
    pub(super) authority_key_id: AuthorityKeyId<'a>,
    point: Option<IssuingPoint<'a>>,
    /// Whether it has a critical extension that is not supported.
    pub(super) critical: bool,
}

impl<'a> Crl<'a> {
    /// The lists of a question, each once.
    pub(super) fn all(lists: &[&'a CertificateList]) -> Vec<Self> {
        let mut seen = HashSet::new();
        lists.iter().filter(|list| seen.insert(list.id)).filter_map(|list| Self::of(list.id, &list.der)).collect()
    }

    fn of(id: Sha256, bytes: &'a [u8]) -> Option<Self> {
        let (tbs, algorithm, unused_bits, signature) = parts(bytes)?;
        let mut fields = tbs.children();
        let time = |fields: &mut Reader<'a>| {
            let is_time = fields.peek().is_some_and(|tag| [UTC_TIME, GENERALIZED_TIME].contains(&tag));
            if is_time { fields.any("time").ok() } else { None }
        };
        fields.optional(INTEGER, "version").ok()?;
        let inner = fields.take(SEQUENCE, "signature").ok()?;
        let issuer = fields.take(SEQUENCE, "issuer").ok()?;
        let this_update = time(&mut fields)?;
        let next_update = time(&mut fields);
        let revoked = fields.optional(SEQUENCE, "revokedCertificates").ok()?;
        let extensions = fields.optional(context(0), "crlExtensions").ok()?.map(extensions).unwrap_or_default();
        let value = |oid: &[u8]| extensions.iter().find(|extension| extension.oid == oid).map(|extension| extension.value);
        let mut crl = Self {
            id,
            issuer: canonical_der(issuer.raw),
            inner: inner.raw,
            unused_bits,
            signed: Signed { tbs: tbs.raw, algorithm: algorithm.raw, signature },
            this_update,
            next_update,
            revoked,
            serials: OnceCell::new(),
            authority_key_id: value(oid::AUTHORITY_KEY_ID).map(AuthorityKeyId::of).unwrap_or_default(),
            point: value(oid::ISSUING_DISTRIBUTION_POINT).map(IssuingPoint::of),
            critical: extensions.iter().any(|extension| {
                extension.is_critical() && ![oid::ISSUING_DISTRIBUTION_POINT, oid::AUTHORITY_KEY_ID].contains(&extension.oid)
            }),
        };
        crl.critical |= crl.has_critical_entry();
        Some(crl)
    }

    /// What BoringSSL demands of a list beyond its form when it is loaded (`crl_cb`).
    pub(super) fn readable(bytes: &[u8]) -> Result<(), der::Fault> {
        let tbs = Reader::new(bytes).take(SEQUENCE, "CertificateList")?.children().take(SEQUENCE, "tbsCertList")?;
        let mut fields = tbs.children();
        let version = fields.optional(INTEGER, "version")?;
        if version.is_some_and(|version| version.contents != [1]) {
            return Err(Problem::Value.of("version"));
        }
        let mut rest = std::iter::from_fn(|| fields.any("tbsCertList").ok()).skip(3).peekable();
        rest.next_if(|element| [UTC_TIME, GENERALIZED_TIME].contains(&element.tag));
        let revoked = rest.next_if(|element| element.tag == SEQUENCE);
        for wrapper in rest {
            let list = wrapper.children().take(SEQUENCE, "crlExtensions")?;
            extensions_of_v2(version.is_some(), &list)?;
            once(wrapper, oid::ISSUING_DISTRIBUTION_POINT, &grammar::ISSUING_DISTRIBUTION_POINT, "issuingDistributionPoint")?;
            once(wrapper, oid::AUTHORITY_KEY_ID, &grammar::AUTHORITY_KEY_ID, "authorityKeyIdentifier")?;
        }
        for entry in revoked.iter().flat_map(Element::elements) {
            let Some(list) = entry.elements().nth(2) else { continue };
            extensions_of_v2(version.is_some(), &list)?;
            if reason_is_odd(&list) {
                break;
            }
        }
        Ok(())
    }

    /// Whether an entry has a critical extension. None is looked for behind an entry whose reason cannot be read.
    fn has_critical_entry(&self) -> bool {
        for entry in self.revoked.iter().flat_map(Element::elements) {
            let Some(list) = entry.elements().nth(2) else { continue };
            if reason_is_odd(&list) {
                return false;
            }
            if entry_extensions(&list).iter().any(Extension::is_critical) {
                return true;
            }
        }
        false
    }

    /// What is told of its signature.
    pub(super) fn signature(&self) -> Signature<'a> {
        Signature { inner: self.inner, outer: self.signed.algorithm, unused_bits: self.unused_bits }
    }

    /// Why the list is not valid at an instant.
    pub(super) fn untimely(&self, at: OffsetDateTime) -> Option<String> {
        let now = at.unix_timestamp();
        let date = |element: &Element<'_>| der::time(element).filter(|_| strict::is_utc(element));
        let Some(begin) = date(&self.this_update) else { return Some("has a date that cannot be compared".to_owned()) };
        if begin.unix_timestamp() > now {
            return Some(format!("begins {}", moment(begin)));
        }
        let Some(next) = &self.next_update else { return None };
        match date(next) {
            None => Some("has a date that cannot be compared".to_owned()),
            Some(end) => (end.unix_timestamp() <= now).then(|| format!("ended {}", moment(end))),
        }
    }

    /// Whether it is of a kind that is not supported.
    pub(super) fn is_unusable(&self) -> bool {
        self.point.as_ref().is_some_and(IssuingPoint::is_unusable)
    }

    /// Whether the certificate is one of those that the list is about (`crl_crldp_check`).
    pub(super) fn covers(&self, member: &Member<'_>) -> bool {
        let Some(point) = &self.point else { return true };
        let others = if member.certificate.is_ca() { Only::Users } else { Only::Authorities };
        if point.only.contains(&others) {
            return false;
        }
        let value = member.tbs.extension(oid::CRL_DISTRIBUTION_POINTS).map(|extension| extension.value).unwrap_or_default();
        let list = Reader::new(value).take(SEQUENCE, "cRLDistributionPoints").ok();
        let points = list.iter().flat_map(Element::elements).filter_map(|point| DistributionPoint::of(&point));
        let mut whole = points.filter(|point| !point.partial);
        let Some(name) = &point.name else { return true };
        let names = full_names(name);
        whole.any(|of_certificate| names_meet(of_certificate.name.as_ref(), names.as_ref()))
    }

    /// Since when a serial number is revoked.
    pub(super) fn revocation(&self, serial: &[u8]) -> Option<OffsetDateTime> {
        let entry = |entry: Element<'a>| {
            let mut fields = entry.children();
            let serial = fields.take(INTEGER, "userCertificate").ok()?;
            let date = fields.any("revocationDate").ok()?;
            Some((serial.contents, der::time(&date).unwrap_or(OffsetDateTime::UNIX_EPOCH)))
        };
        let serials = self.serials.get_or_init(|| self.revoked.iter().flat_map(Element::elements).filter_map(entry).collect());
        serials.get(serial).copied()
    }
}

/// Extensions are of version 2, and are not empty.
fn extensions_of_v2(is_v2: bool, list: &Element<'_>) -> Result<(), der::Fault> {
    if is_v2 && !list.contents.is_empty() { Ok(()) } else { Err(Problem::Value.of("extensions")) }
}

/// An extension stands there once, and is of its type.
fn once(wrapper: Element<'_>, oid: &[u8], shape: &Shape, field: &'static str) -> Result<(), der::Fault> {
    let all = extensions(wrapper);
    let found: Vec<_> = all.iter().filter(|extension| extension.oid == oid).collect();
    match *found {
        [] => Ok(()),
        [extension] => shape.check(extension.value, field),
        _ => Err(Problem::Trailing.of(field)),
    }
}

/// The extensions of an entry.
fn entry_extensions<'a>(list: &Element<'a>) -> Vec<Extension<'a>> {
    let mut found = Vec::new();
    for extension in list.elements() {
        let mut fields = extension.children();
        let Ok(oid) = fields.any("extnID") else { continue };
        let Ok(critical) = fields.optional(BOOLEAN, "critical") else { continue };
        let value = fields.take(OCTET_STRING, "extnValue").map(|value| value.contents).unwrap_or_default();
        found.push(Extension { oid: oid.contents, critical, value });
    }
    found
}

/// Whether an entry's reason stands there twice or is none.
fn reason_is_odd(list: &Element<'_>) -> bool {
    let all = entry_extensions(list);
    let mut reasons = all.iter().filter(|extension| extension.oid == oid::REASON_CODE);
    let first = reasons.next();
    reasons.next().is_some() || first.is_some_and(|reason| grammar::REASON.check(reason.value, "reasonCode").is_err())
}

/// An IssuingDistributionPoint.
struct IssuingPoint<'a> {
    name: Option<Element<'a>>,
    only: Vec<Only>,
    /// Whether it is for some reasons only, or indirect.
    partial: bool,
}

/// The only certificates that a list is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    Users,
    Authorities,
    Attributes,
}

impl<'a> IssuingPoint<'a> {
    fn of(value: &'a [u8]) -> Self {
        const SOME_REASONS: u8 = 0x83;
        const INDIRECT: u8 = 0x84;
        const ONLY: [(u8, Only); 3] = [(0x81, Only::Users), (0x82, Only::Authorities), (0x85, Only::Attributes)];
        let list = Reader::new(value).take(SEQUENCE, "issuingDistributionPoint").ok();
        let fields: Vec<Element<'a>> = list.iter().flat_map(Element::elements).collect();
        let field = |tag: u8| fields.iter().find(|field| field.tag == tag).copied();
        let is_set = |tag: u8| field(tag).is_some_and(|field| field.contents.iter().any(|octet| *octet != 0));
        Self {
            name: field(context(0)),
            only: ONLY.into_iter().filter(|(tag, _)| is_set(*tag)).map(|(_, only)| only).collect(),
            partial: field(SOME_REASONS).is_some() || is_set(INDIRECT),
        }
    }

    /// Indirect lists, those for some reasons, and those that are for more than one kind of certificates only.
    fn is_unusable(&self) -> bool {
        self.partial || self.only.len() > 1
    }
}

/// A DistributionPoint of a certificate.
struct DistributionPoint<'a> {
    name: Option<Element<'a>>,
    /// Whether it is for some reasons only, or names another issuer.
    partial: bool,
}

impl<'a> DistributionPoint<'a> {
    fn of(point: &Element<'a>) -> Option<Self> {
        let mut fields = point.children();
        let name = fields.optional(context(0), "distributionPoint").ok()?;
        Some(Self { name, partial: !fields.is_empty() })
    }
}

/// General names so that equal names are equal.
type Names = HashSet<(u8, Vec<u8>)>;

/// The full names of a distribution point.
fn full_names(point: &Element<'_>) -> Option<Names> {
    let full = point.children().take(context(0), "fullName").ok()?;
    let canonical = |name: Element<'_>| match canonical_der(name.contents).filter(|_| name.tag == context(4)) {
        Some(canonical) => (name.tag, canonical.octets().to_vec()),
        None => (name.tag, name.contents.to_vec()),
    };
    Some(full.elements().map(canonical).collect())
}

/// Whether the distribution point has a full name in common with another; absent has all (`idp_check_dp`).
fn names_meet(one: Option<&Element<'_>>, others: Option<&Names>) -> bool {
    let Some(one) = one else { return true };
    full_names(one).zip(others).is_some_and(|(one, others)| !one.is_disjoint(others))
}
