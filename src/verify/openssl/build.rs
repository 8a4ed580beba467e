//! The one chain that OpenSSL builds (`build_chain` in crypto/x509/x509_vfy.c).
//!
//! The rule: issuers are looked for in the trust file first, then among the untrusted certificates; the first one that could have
//! issued the certificate and is valid now is taken, and nothing is ever taken back. Once a trusted certificate is on the chain, only
//! trusted ones follow. The chain is trusted when it reaches a trusted certificate that is its own issuer: others in the trust file
//! are no anchors, because `-partial_chain` is off.

use super::dates;
use super::issuers::Known;
use crate::chain::NodeId;
use crate::verify::case::{Case, Member};
use crate::verify::rule::Trail;

/// Certificates between end entity and anchor when nobody says how many (the `default` parameters in x509_vpm.c).
const DEFAULT_DEPTH: usize = 100;

/// How many certificates a chain may have before its last: one more is put on it, so that it can be told to be too long.
pub(super) fn most_certificates(case: &Case<'_>) -> usize {
    case.question.max_depth.unwrap_or(DEFAULT_DEPTH).saturating_add(1)
}

/// What there is to build from.
pub(super) struct Pools<'c, 'a> {
    trusted: Vec<Known<'c, 'a>>,
    untrusted: Vec<Known<'c, 'a>>,
}

impl<'c, 'a> Pools<'c, 'a> {
    /// The certificates of the question that can be read.
    pub(super) fn new(trusted: &[&'c Member<'a>], untrusted: &[&'c Member<'a>]) -> Self {
        let known = |members: &[&'c Member<'a>]| members.iter().map(|member| Known::new(member)).collect();
        Self { trusted: known(trusted), untrusted: known(untrusted) }
    }

    /// The chain, as far as it comes.
    pub(super) fn chain(&self, case: &'c Case<'a>) -> Trail<'c, 'a> {
        let limit = most_certificates(case);
        let mut trail = Trail { case, members: vec![&case.end_entity], anchored: false };
        let end_entity = Known::new(&case.end_entity);
        let mut last = &end_entity;
        let mut only_trusted = false;
        while trail.members.len() <= limit {
            let self_signed = last.is_self_signed();
            match self.trusted_issuer(case, last) {
                Some(issuer) if self_signed => {
                    // Another certificate of the same name does not vouch for this one.
                    trail.anchored = issuer.member.node == last.member.node;
                    break;
                }
                Some(issuer) => {
                    let again = only_trusted && is_on(&trail, issuer.member.node);
                    trail.members.push(issuer.member);
                    trail.anchored = issuer.is_self_signed();
                    // Trusted certificates that issued each other go round until the chain is too long.
                    if trail.anchored || again {
                        break;
                    }
                    (last, only_trusted) = (issuer, true);
                }
                None if only_trusted || self_signed => break,
                None => match self.untrusted_issuer(&trail, last) {
                    Some(issuer) => {
                        trail.members.push(issuer.member);
                        last = issuer;
                    }
                    None => break,
                },
            }
        }
        trail
    }

    /// Every certificate of the name that issued `last`, with what speaks against it.
    pub(super) fn namesakes(&self, last: &Known<'_, 'a>) -> Vec<(&Known<'c, 'a>, super::issuers::Mismatch)> {
        let all = self.trusted.iter().chain(&self.untrusted);
        let mismatches = all.filter_map(|known| Some((known, known.may_have_issued(last).err()?)));
        mismatches.filter(|(_, mismatch)| *mismatch != super::issuers::Mismatch::Name).collect()
    }

    fn trusted_issuer(&self, case: &Case<'_>, last: &Known<'_, 'a>) -> Option<&Known<'c, 'a>> {
        preferred(case, self.trusted.iter().filter(|issuer| issuer.may_have_issued(last).is_ok()))
    }

    /// None that is on the chain already, unless it is the end entity itself.
    fn untrusted_issuer(&self, trail: &Trail<'_, '_>, last: &Known<'_, 'a>) -> Option<&Known<'c, 'a>> {
        let self_issued = trail.members.len() == 1 && last.subject == last.issuer;
        let issuers = self.untrusted.iter().filter(|issuer| issuer.may_have_issued(last).is_ok());
        preferred(trail.case, issuers.filter(|issuer| self_issued || !is_on(trail, issuer.member.node)))
    }
}

fn is_on(trail: &Trail<'_, '_>, node: NodeId) -> bool {
    trail.members.iter().any(|member| member.node == node)
}

/// The first that is valid now, else the one that ended last.
fn preferred<'k, 'c, 'a>(case: &Case<'_>, issuers: impl Iterator<Item = &'k Known<'c, 'a>>) -> Option<&'k Known<'c, 'a>> {
    let mut best: Option<&Known<'_, '_>> = None;
    for issuer in issuers {
        if dates::is_valid(issuer.member, case) {
            return Some(issuer);
        }
        let end = |known: &Known<'_, '_>| known.member.certificate.validity.not_after;
        if best.is_none_or(|best| end(issuer) > end(best)) {
            best = Some(issuer);
        }
    }
    best
}
