//! Revocation lists as BoringSSL uses them (`check_revocation`, crypto/x509/x509_vfy.cc; crypto/x509/x_crl.cc).
//!
//! The rule: with a list in its configuration, Envoy sets `X509_V_FLAG_CRL_CHECK_ALL`, and every certificate of the path, the anchor
//! too, needs one from its issuer. Delta lists, indirect ones and those for some reasons only are not used. Of several the best is
//! taken, and then it must be good: there is no second choice.

use super::super::canonical::canonical;
use super::super::case::Member;
use super::super::rule::{Fault, Trail};
use super::crl::Crl;
use super::facts::{self, Usage};
use super::fault;
use super::signature::Trouble;
use crate::der;
use crate::model::when::moment;
use std::collections::HashSet;

/// There is a list for every certificate.
pub(super) fn lists_at_hand(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    each(trail, |_, member, chosen| match chosen {
        Some(_) => Ok(()),
        None => Err(format!("no usable revocation list of {} is at hand", member.certificate.issuer)),
    })
}

/// Every list is one that may be used now, for this certificate.
pub(super) fn lists_usable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    each(trail, |_, _, chosen| {
        let Some(Chosen { crl, issuer, score }) = chosen else { return Ok(()) };
        let whose = issuer.certificate.short_name();
        if !facts::may(issuer, Usage::CrlSign) {
            return Err(format!("the keyUsage of {whose} does not allow signing revocation lists"));
        }
        if !score.has(Score::IN_SCOPE) {
            return Err(format!("the revocation list of {whose} is for other certificates"));
        }
        if let Some(message) = crl.untimely(trail.case.question.at) {
            return Err(format!("the revocation list of {whose} {message}"));
        }
        if crl.critical {
            return Err(format!("the revocation list of {whose} has a critical extension that is not supported"));
        }
        Ok(())
    })
}

/// Every list is signed by its issuer.
pub(super) fn lists_signed(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    signatures(trail, |trouble| match trouble {
        Trouble::Unjudged(_) => None,
        Trouble::Form(message) | Trouble::Algorithm(message) | Trouble::Key(message) | Trouble::Invalid(message) => Some(message),
    })
}

/// kcert can judge the signatures of the lists.
pub(super) fn lists_judged(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    signatures(trail, |trouble| if let Trouble::Unjudged(message) = trouble { Some(message) } else { None })
}

/// No certificate is on the list.
pub(super) fn not_revoked(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    each(trail, |_, member, chosen| {
        let revoked = chosen.and_then(|chosen| chosen.crl.revocation(&member.certificate.serial.0));
        revoked.map_or(Ok(()), |since| Err(format!("revoked {}", moment(since))))
    })
}

fn signatures(trail: &Trail<'_, '_>, kind: fn(Trouble) -> Option<String>) -> Result<(), Fault> {
    let mut known = HashSet::new();
    let seen = std::cell::RefCell::new(&mut known);
    each(trail, |_, _, chosen| {
        let Some(Chosen { crl, issuer, .. }) = chosen else { return Ok(()) };
        if !seen.borrow_mut().insert((crl.id, issuer.node)) {
            return Ok(());
        }
        let trouble = crl
            .signature()
            .trouble(issuer, || (trail.case.graph.signed_by(&crl.signed, issuer.node), trail.case.graph.is_exhausted()));
        match trouble.and_then(kind) {
            Some(message) => Err(format!("the revocation list of {}: {message}", issuer.certificate.short_name())),
            None => Ok(()),
        }
    })
}

/// Runs a test on every certificate and the list that is chosen for it.
fn each<'c, 'a>(
    trail: &Trail<'c, 'a>,
    test: impl Fn(usize, &'c Member<'a>, Option<&Chosen<'_, 'a>>) -> Result<(), String>,
) -> Result<(), Fault> {
    let lists = Crl::all(&trail.case.question.crls);
    if lists.is_empty() {
        return Ok(());
    }
    for (at, member) in trail.members.iter().enumerate() {
        let chosen = choose(trail, &lists, at, member);
        test(at, member, chosen.as_ref()).map_err(|message| fault(at, message))?;
    }
    Ok(())
}

/// A list, whose it is, and how well it fits.
struct Chosen<'l, 'a> {
    crl: &'l Crl<'a>,
    issuer: &'l Member<'a>,
    score: Score,
}

/// How well a list fits a certificate (`CRL_SCORE_…`): the weightiest is the highest bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Score(u16);

impl Score {
    /// No critical extension that is not supported.
    const NO_CRITICAL: u16 = 0x100;
    /// The certificate is one of those that the list is about.
    const IN_SCOPE: u16 = 0x80;
    /// It is valid now.
    const TIMELY: u16 = 0x40;
    /// The issuer of the certificate issued it, and not somebody above.
    const BY_ISSUER: u16 = 0x10;

    fn of(marks: [(u16, bool); 4]) -> Self {
        Self(marks.into_iter().filter(|(_, holds)| *holds).map(|(mark, _)| mark).sum())
    }

    fn has(self, mark: u16) -> bool {
        self.0 & mark != 0
    }
}

/// The list that fits best; of equals the newest.
fn choose<'l, 'a>(trail: &'l Trail<'_, 'a>, lists: &'l [Crl<'a>], at: usize, member: &Member<'a>) -> Option<Chosen<'l, 'a>> {
    let issuer_name = canonical(&member.certificate.issuer);
    let mut best: Option<Chosen<'l, 'a>> = None;
    for crl in lists.iter().filter(|crl| crl.issuer == issuer_name) {
        let Some((issuer, by_issuer)) = signer(trail, crl, at).filter(|_| !crl.is_unusable()) else { continue };
        let score = Score::of([
            (Score::NO_CRITICAL, !crl.critical),
            (Score::IN_SCOPE, crl.covers(member)),
            (Score::TIMELY, crl.untimely(trail.case.question.at).is_none()),
            (Score::BY_ISSUER, by_issuer),
        ]);
        let better = best.as_ref().is_none_or(|best| {
            score > best.score || score == best.score && der::time(&crl.this_update) > der::time(&best.crl.this_update)
        });
        if better {
            best = Some(Chosen { crl, issuer, score });
        }
    }
    best
}

/// Whose certificate on the path a list is checked with (`crl_akid_check`).
fn signer<'l, 'a>(trail: &'l Trail<'_, 'a>, crl: &Crl<'a>, at: usize) -> Option<(&'l Member<'a>, bool)> {
    let above = (at + 1).min(trail.members.len() - 1);
    let issuer = *trail.members.get(above)?;
    if crl.authority_key_id.matches(issuer) {
        return Some((issuer, true));
    }
    let mut further = trail.members.iter().skip(above + 1);
    let found =
        further.find(|member| canonical(&member.certificate.subject) == crl.issuer && crl.authority_key_id.matches(member));
    found.map(|member| (*member, false))
}
