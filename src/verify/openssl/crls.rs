//! Revocation lists as OpenSSL chooses and judges them (`get_crl_score`, `check_crl`, `cert_crl` in crypto/x509/x509_vfy.c) with
//! `-crl_check_all`: every certificate of the chain needs a list, the anchor too; indirect lists, lists for some reasons only and deltas
//! are not supported (`-extended_crl` and `-use_deltas` are off), so that a delta is taken for a full list.

use super::dates::{self, Side};
use super::extensions::{self, DistributionPoint, usage};
use super::lists::{IssuingPoint, List, directory_names};
use super::{issuers, keys};
use crate::chain::SignatureCheck;
use crate::der::{self, Element};
use crate::model::when::moment;
use crate::verify::canonical::{Canonical, canonical, canonical_der};
use crate::verify::case::Member;
use crate::verify::names::tag::DIRECTORY_NAME;
use crate::verify::rule::{Fault, Trail};
use std::cell::OnceCell;
use std::collections::HashSet;
use time::OffsetDateTime;

/// `CRLDP_ALL_REASONS`.
const ALL_REASONS: u16 = 0x807f;
/// What OpenSSL says of the revocation of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It is on the list (23).
    Revoked,
    /// There is no list, or none that would count (3, 8, 11, 12, 15, 16, 35, 36, 44).
    Unknown,
    /// The signature on the list cannot be judged here.
    Unjudged,
}

/// The test for one sort of finding.
pub(super) fn without(trail: &Trail<'_, '_>, wanted: Finding) -> Result<(), Fault> {
    let lists = &trail.case.question.crls;
    if lists.is_empty() {
        return Ok(());
    }
    let lists: Vec<_> = lists.iter().filter_map(|list| List::of(list)).collect();
    let chain = Chain::new(trail);
    for at in 0..trail.members.len() {
        if let Err((finding, message)) = judge(&chain, &lists, at) {
            if finding == wanted {
                return Err(Fault { at, message });
            }
            // OpenSSL does not look at the others then.
            if finding != Finding::Unjudged {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// How well a list fits a certificate: the bits that count (`CRL_SCORE_…`). More is better.
mod score {
    /// No critical extension that is not handled.
    pub(super) const NO_CRITICAL: u8 = 8;
    /// The certificate is within its scope.
    pub(super) const SCOPE: u8 = 4;
    /// Its dates are good.
    pub(super) const TIME: u8 = 2;
    /// The issuer of the certificate made it, not somebody above of the same name.
    pub(super) const ISSUER: u8 = 1;
}

/// The trail with its names in canonical form, each folded once however many lists there are.
struct Chain<'t, 'c, 'a> {
    trail: &'t Trail<'c, 'a>,
    subjects: Vec<Option<Canonical>>,
    issuers: Vec<Option<Canonical>>,
}

impl<'t, 'c, 'a> Chain<'t, 'c, 'a> {
    fn new(trail: &'t Trail<'c, 'a>) -> Self {
        let members = || trail.members.iter().map(|member| member.certificate);
        Self {
            trail,
            subjects: members().map(|certificate| canonical(&certificate.subject)).collect(),
            issuers: members().map(|certificate| canonical(&certificate.issuer)).collect(),
        }
    }
}

/// A list that was chosen.
struct Chosen<'l, 'a> {
    list: &'l List<'a>,
    score: u8,
    /// Who made it, as place on the trail.
    issuer: usize,
    reasons: u16,
}

/// All that OpenSSL does about one certificate (`check_cert`).
fn judge(chain: &Chain<'_, '_, '_>, lists: &[List<'_>], at: usize) -> Result<(), (Finding, String)> {
    let trail = chain.trail;
    let Some(member) = trail.members.get(at) else { return Ok(()) };
    if extensions::is_proxy(member) {
        return Ok(());
    }
    let unknown = |message: &str| Err((Finding::Unknown, message.to_owned()));
    let mut reasons = 0;
    while reasons != ALL_REASONS {
        let Some(chosen) = choose(chain, lists, at, reasons) else {
            return unknown(&format!("no revocation list of {} covers it", member.certificate.issuer));
        };
        check_list(trail, &chosen)?;
        if chosen.list.revokes(member) {
            return Err((
                Finding::Revoked,
                format!("a list of {} revokes serial {}", member.certificate.issuer, member.certificate.serial.hex()),
            ));
        }
        if chosen.reasons == reasons {
            return unknown("the revocation lists do not cover every reason");
        }
        reasons = chosen.reasons;
    }
    Ok(())
}

/// The best list; of equals the newer, of the same age the first (`get_crl_sk`).
fn choose<'l, 'a>(chain: &Chain<'_, '_, '_>, lists: &'l [List<'a>], at: usize, reasons: u16) -> Option<Chosen<'l, 'a>> {
    let mut best: Option<Chosen<'l, 'a>> = None;
    for list in lists {
        let Some(chosen) = scored(chain, list, at, reasons) else { continue };
        let better = best.as_ref().is_none_or(|best| {
            chosen.score > best.score || (chosen.score == best.score && updated(chosen.list) > updated(best.list))
        });
        if better {
            best = Some(chosen);
        }
    }
    best
}

fn updated(list: &List<'_>) -> Option<OffsetDateTime> {
    list.last_update.as_ref().and_then(der::time)
}

/// Whether a list could be the one, and how well it fits (`get_crl_score`).
fn scored<'l, 'a>(chain: &Chain<'_, '_, '_>, list: &'l List<'a>, at: usize, reasons: u16) -> Option<Chosen<'l, 'a>> {
    let member = chain.trail.members.get(at)?;
    let point = list.point.as_ref();
    if point.is_some_and(IssuingPoint::is_useless) {
        return None;
    }
    if chain.issuers.get(at)?.as_ref() != Some(&list.issuer) {
        return None;
    }
    let (issuer, issuer_is_next) = list_issuer(chain, list, at)?;
    let covered = scope(member, list);
    if covered.is_some_and(|covered| covered & !reasons == 0) {
        return None;
    }
    let bits = [
        (!list.critical, score::NO_CRITICAL),
        (covered.is_some(), score::SCOPE),
        (has_good_dates(list, chain.trail.case.question.at), score::TIME),
        (issuer_is_next, score::ISSUER),
    ];
    let score = bits.iter().filter(|(good, _)| *good).map(|(_, bit)| bit).sum();
    Some(Chosen { list, score, issuer, reasons: reasons | covered.unwrap_or(0) })
}

/// The certificate on the chain that made the list: the issuer, or one above it of the list's name (`crl_akid_check`).
fn list_issuer(chain: &Chain<'_, '_, '_>, list: &List<'_>, at: usize) -> Option<(usize, bool)> {
    let top = chain.subjects.len().checked_sub(1)?;
    let next = (at + 1).min(top);
    let fits = |place: usize| {
        let member = chain.trail.members.get(place);
        member.is_some_and(|member| list.authority.is_none_or(|authority| issuers::names(&authority, member).is_ok()))
    };
    if fits(next) {
        return Some((next, true));
    }
    let named = |place: &usize| chain.subjects.get(*place).is_some_and(|subject| subject.as_ref() == Some(&list.issuer));
    (next + 1..=top).find(|place| named(place) && fits(*place)).map(|place| (place, false))
}

/// For which reasons the list covers the certificate, if it does (`crl_crldp_check`).
fn scope(member: &Member<'_>, list: &List<'_>) -> Option<u16> {
    let point = list.point.as_ref();
    if point.is_some_and(|point| !point.covers(extensions::is_ca(member))) {
        return None;
    }
    let named = point.and_then(|point| point.name);
    let read = OnceCell::new();
    for one in extensions::distribution_points(member) {
        let wanted = named.map(|name| Named { name, names: &read });
        if one.is_issued_by(list) && point.is_none_or(|_| same_point(member, &one, list, wanted)) {
            return Some(one.reasons.map_or(ALL_REASONS, |reasons| reasons & ALL_REASONS));
        }
    }
    named.is_none().then_some(ALL_REASONS)
}

impl DistributionPoint<'_> {
    /// Whether the list is of the issuer that the point names; without one, of the certificate's, which is known.
    fn is_issued_by(&self, list: &List<'_>) -> bool {
        self.issuers.is_none_or(|issuers| directory_names(&issuers).any(|name| name == list.issuer))
    }
}

/// The name of a list's distribution point. A certificate may have thousands of points: its names are read once for all of them.
#[derive(Clone, Copy)]
struct Named<'n, 'a> {
    name: Element<'a>,
    names: &'n OnceCell<HashSet<Comparable<'a>>>,
}

impl<'n, 'a> Named<'n, 'a> {
    fn names(&self) -> &'n HashSet<Comparable<'a>> {
        self.names.get_or_init(|| self.name.elements().map(|name| comparable(&name)).collect())
    }
}

/// Whether two distribution point names have a name in common; an absent one has all (`idp_check_dp`).
fn same_point(member: &Member<'_>, one: &DistributionPoint<'_>, list: &List<'_>, other: Option<Named<'_, '_>>) -> bool {
    let Some((one_name, wanted)) = one.name.zip(other) else { return true };
    let other = wanted.name;
    let base = one.issuers.and_then(|issuers| directory_names(&issuers).next()).or_else(|| canonical(&member.certificate.issuer));
    match (is_relative(&one_name), is_relative(&other)) {
        (true, true) => {
            let one = in_full(&one_name, base.as_ref());
            one.is_some() && one == in_full(&other, Some(&list.issuer))
        }
        (true, false) => {
            in_full(&one_name, base.as_ref()).is_some_and(|name| wanted.names().contains(&(DIRECTORY_NAME, Some(name), &[])))
        }
        (false, true) => {
            in_full(&other, Some(&list.issuer)).is_some_and(|name| directory_names(&one_name).any(|one| one == name))
        }
        (false, false) => one_name.elements().any(|name| wanted.names().contains(&comparable(&name))),
    }
}

/// Whether a distribution point is named relative to an issuer.
fn is_relative(name: &Element<'_>) -> bool {
    const RELATIVE: u8 = 1;
    name.tag & 0x1f == RELATIVE
}

/// A name relative to an issuer in full.
fn in_full(name: &Element<'_>, issuer: Option<&Canonical>) -> Option<Canonical> {
    issuer?.with(name.children())
}

/// A general name so that equal names are equal: its tag, and its canonical form or its octets.
type Comparable<'a> = (u8, Option<Canonical>, &'a [u8]);

fn comparable<'a>(name: &Element<'a>) -> Comparable<'a> {
    match canonical_der(name.contents).filter(|_| name.tag == DIRECTORY_NAME) {
        Some(canonical) => (name.tag, Some(canonical), &[]),
        None => (name.tag, None, name.contents),
    }
}

/// Whether the chosen list counts (`check_crl`, and the first part of `cert_crl`).
fn check_list(trail: &Trail<'_, '_>, chosen: &Chosen<'_, '_>) -> Result<(), (Finding, String)> {
    let Some(issuer) = trail.members.get(chosen.issuer) else { return Ok(()) };
    let name = || issuer.certificate.short_name();
    let unknown = |message: String| Err((Finding::Unknown, message));
    let list = chosen.list;
    if !list.delta {
        if extensions::key_usage(issuer).is_some_and(|bits| bits & usage::CRL_SIGN == 0) {
            return unknown(format!("{} may not sign revocation lists", name()));
        }
        if chosen.score & score::SCOPE == 0 {
            return unknown(format!("the revocation list of {} is for other certificates", name()));
        }
    }
    if chosen.score & score::TIME == 0 {
        return unknown(told_dates(list, trail.case.question.at, &name()));
    }
    match signature(trail, list, issuer) {
        SignatureCheck::Valid => {}
        SignatureCheck::Invalid => return unknown(format!("{} did not sign the revocation list of its name", name())),
        SignatureCheck::Unsupported => {
            return Err((Finding::Unjudged, format!("the signature on the revocation list of {} cannot be judged here", name())));
        }
    }
    if list.critical {
        return unknown(format!("the revocation list of {} has a critical extension that openssl does not handle", name()));
    }
    Ok(())
}

/// Whether the list is of the past and the next one of the future.
fn has_good_dates(list: &List<'_>, at: OffsetDateTime) -> bool {
    let past = dates::side(list.last_update.as_ref(), at) == Side::Past;
    past && list.next_update.is_none_or(|next| dates::side(Some(&next), at) == Side::Future)
}

/// What is wrong with the dates.
fn told_dates(list: &List<'_>, at: OffsetDateTime, issuer: &str) -> String {
    let date = |element: Option<Element<'_>>| element.as_ref().and_then(der::time).map(moment).unwrap_or_default();
    let next = list.next_update.map(|next| dates::side(Some(&next), at));
    match (dates::side(list.last_update.as_ref(), at), next) {
        (Side::Future, _) => format!("the revocation list of {issuer} begins {}", date(list.last_update)),
        (Side::Past, Some(Side::Past)) => format!("the next revocation list of {issuer} was due {}", date(list.next_update)),
        _ => format!("a date of the revocation list of {issuer} is not written as UTC with seconds"),
    }
}

/// What the signature on the list says.
fn signature(trail: &Trail<'_, '_>, list: &List<'_>, issuer: &Member<'_>) -> SignatureCheck {
    let hopeless = list.unused_bits || keys::key(issuer).is_none() || keys::verifies_nothing(issuer);
    if hopeless { SignatureCheck::Invalid } else { trail.case.graph.signed_by(&list.signed, issuer.node) }
}
