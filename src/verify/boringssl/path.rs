//! How BoringSSL builds its one path (`X509_verify_cert`, crypto/x509/x509_vfy.cc).
//!
//! The rule: at every step the trust anchors are asked before the other certificates, and the first that fits is taken: by name, by
//! the authority key identifier, by the key usage. No signature is looked at, and there is no way back: if the one that fits is the
//! wrong one, the path fails. Envoy sets `X509_V_FLAG_PARTIAL_CHAIN`, so that any certificate of the bundle ends a path, and an end
//! entity that is in the bundle needs no issuer.

use super::super::canonical::{Canonical, canonical};
use super::super::case::{Case, Member};
use super::super::rule::{Rule, Scope, Trail, enforced};
use super::super::search::attempt;
use super::super::{Attempt, Reason, Rejection};
use super::facts;
use std::cell::Cell;

/// Certificates between end entity and anchor at most, unless the configuration says otherwise (`kDefaultParam`,
/// crypto/x509/x509_vpm.cc; Envoy's `max_verify_depth` sets it).
const DEPTH: usize = 100;

/// Issuers looked at before kcert gives up. BoringSSL has no limit; thousands of namesakes in one bundle are nothing that exists.
const MOST_CANDIDATES: usize = 20_000;

/// Namesakes of the issuer that are told of where a path ends.
const MOST_TOLD: usize = 16;

/// How building ended.
pub(super) enum Built<'c, 'a> {
    /// At a trust anchor.
    Path(Trail<'c, 'a>),
    /// Not there: what was tried.
    DeadEnd(Vec<Attempt>),
}

/// Builds the path.
pub(super) fn build<'c, 'a>(case: &'c Case<'a>) -> Built<'c, 'a> {
    let end_entity = &case.end_entity;
    let builder = Builder::new(case);
    let mut path = vec![end_entity];
    builder.climb_untrusted(&mut path);
    let root = path.last().copied().filter(|last| facts::is_self_signed(last));
    if root.is_some() && path.len() == 1 {
        let anchor = builder.issuer(&builder.anchors, end_entity).filter(|anchor| anchor.node == end_entity.node);
        return anchor.map_or_else(|| builder.dead_end(&path, root), |anchor| builder.path(vec![anchor]));
    }
    if root.is_some() {
        path.pop();
    }
    let untrusted = path.len();
    builder.climb_trusted(&mut path);
    if path.len() > untrusted {
        return builder.path(path);
    }
    if let Some(anchor) = case.anchors.iter().find(|anchor| anchor.node == end_entity.node) {
        path.splice(..1, [anchor]);
        return builder.path(path);
    }
    builder.dead_end(&path, root)
}

/// How many certificates of a path, from the end entity on, were not taken from the bundle (`last_untrusted`).
pub(super) fn untrusted(trail: &Trail<'_, '_>) -> usize {
    let bundle = trail.case.anchors.as_ptr_range();
    trail.members.iter().take_while(|member| !bundle.contains(&std::ptr::from_ref(**member))).count()
}

/// The certificates to choose from.
struct Builder<'c, 'a> {
    case: &'c Case<'a>,
    rules: Vec<&'static Rule>,
    anchors: Vec<Candidate<'c, 'a>>,
    /// Certificates on a path at most.
    longest: usize,
    tried: Cell<usize>,
}

/// A certificate that may be somebody's issuer.
struct Candidate<'c, 'a> {
    member: &'c Member<'a>,
    subject: Option<Canonical>,
}

impl<'c, 'a> Builder<'c, 'a> {
    fn new(case: &'c Case<'a>) -> Self {
        Self {
            case,
            rules: enforced(case.verifier, Scope::Issuer).collect(),
            anchors: case.anchors.iter().map(Candidate::new).collect(),
            longest: case.question.max_depth.unwrap_or(DEPTH).saturating_add(2),
            tried: Cell::new(0),
        }
    }

    /// Goes up through what is not trusted, until somebody in the bundle is the issuer.
    fn climb_untrusted(&self, path: &mut Vec<&'c Member<'a>>) {
        let peer = std::iter::once(&self.case.end_entity).chain(&self.case.intermediates);
        let mut pool: Vec<_> = peer.map(Candidate::new).collect();
        while let Some(last) = self.to_go_on(path) {
            if self.issuer(&self.anchors, last).is_some() {
                return;
            }
            let Some(issuer) = self.issuer(&pool, last) else { return };
            path.push(issuer);
            pool.retain(|candidate| !std::ptr::eq(candidate.member, issuer));
        }
    }

    /// Goes up through the bundle.
    fn climb_trusted(&self, path: &mut Vec<&'c Member<'a>>) {
        while let Some(last) = self.to_go_on(path) {
            let Some(issuer) = self.issuer(&self.anchors, last) else { return };
            path.push(issuer);
        }
    }

    /// The last of the path, if its issuer is to be looked for.
    fn to_go_on(&self, path: &[&'c Member<'a>]) -> Option<&'c Member<'a>> {
        path.last().copied().filter(|last| path.len() < self.longest && !facts::is_self_signed(last))
    }

    /// The first that could have issued the certificate (`x509_check_issued_with_callback`).
    fn issuer(&self, candidates: &[Candidate<'c, 'a>], child: &'c Member<'a>) -> Option<&'c Member<'a>> {
        self.namesakes(candidates, child).find(|candidate| self.refusal(child, candidate).is_none())
    }

    /// Those that have the issuer's name as subject.
    fn namesakes<'b>(
        &'b self,
        candidates: &'b [Candidate<'c, 'a>],
        child: &Member<'a>,
    ) -> impl Iterator<Item = &'c Member<'a>> + use<'b, 'c, 'a> {
        let wanted = canonical(&child.certificate.issuer);
        let named = candidates.iter().filter(move |candidate| candidate.subject == wanted).map(|candidate| candidate.member);
        named.take_while(|_| {
            self.tried.set(self.tried.get().saturating_add(1));
            !self.is_spent()
        })
    }

    fn is_spent(&self) -> bool {
        self.tried.get() > MOST_CANDIDATES
    }

    fn refusal(&self, child: &'c Member<'a>, candidate: &'c Member<'a>) -> Option<Rejection> {
        let trail = self.trail(vec![child, candidate]);
        self.rules.iter().find_map(|rule| rule.rejection(&trail))
    }

    fn trail(&self, members: Vec<&'c Member<'a>>) -> Trail<'c, 'a> {
        Trail { case: self.case, members, anchored: false }
    }

    fn path(&self, members: Vec<&'c Member<'a>>) -> Built<'c, 'a> {
        Built::Path(Trail { anchored: true, ..self.trail(members) })
    }

    /// Tells why there is no path: what is wrong with the namesakes of the missing issuer, else that there is none.
    fn dead_end(&self, path: &[&'c Member<'a>], root: Option<&'c Member<'a>>) -> Built<'c, 'a> {
        let mut trail = self.trail(path.to_vec());
        let last = trail.last();
        let named = |certificate: &Member<'_>| certificate.certificate.short_name();
        let reject = |trail: &Trail<'c, 'a>, reason, rule, message: String, citation| {
            attempt(trail, vec![Rejection { reason, rule, node: trail.last().node, message, citation }])
        };
        let attempts = if self.is_spent() {
            let message = format!("ended after {MOST_CANDIDATES} candidates for issuers, which is kcert's own bound");
            vec![reject(&trail, Reason::Budget, "envoy/candidates", message, "kcert's own bound on issuers tried")]
        } else if let Some(root) = root {
            if path.len() > 1 || !std::ptr::eq(last, root) {
                trail.members.push(root);
            }
            let message = format!("{} is signed by itself and not among the trust anchors", named(root));
            let citation = match trail.members.len() {
                1 => "BoringSSL X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT (18), crypto/x509/x509_vfy.cc",
                _ => "BoringSSL X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN (19), crypto/x509/x509_vfy.cc",
            };
            vec![reject(&trail, Reason::Untrusted, "envoy/self-signed", message, citation)]
        } else if path.len() >= self.longest {
            let message = format!("no trust anchor after {} certificates, which is the depth that is allowed", path.len() - 1);
            vec![reject(&trail, Reason::PathTooLong, "envoy/depth", message, NO_ISSUER)]
        } else {
            let told = self.refused(path, last);
            if told.is_empty() {
                let message = format!("no certificate of {} is at hand", last.certificate.issuer);
                vec![reject(&trail, Reason::IssuerMissing, "envoy/issuer-missing", message, NO_ISSUER)]
            } else {
                told
            }
        };
        Built::DeadEnd(attempts)
    }

    /// Certificates of the issuer's name, each with the reason why it is not taken.
    fn refused(&self, path: &[&'c Member<'a>], last: &'c Member<'a>) -> Vec<Attempt> {
        let others: Vec<_> = self.case.intermediates.iter().map(Candidate::new).collect();
        let namesakes = self.namesakes(&self.anchors, last).chain(self.namesakes(&others, last));
        let refused = namesakes.filter_map(|candidate| Some((candidate, self.refusal(last, candidate)?)));
        refused
            .take(MOST_TOLD)
            .map(|(candidate, rejection)| {
                let members = path.iter().copied().chain([candidate]).collect();
                attempt(&self.trail(members), vec![rejection])
            })
            .collect()
    }
}

/// What BoringSSL says when a path ends below a trust anchor.
const NO_ISSUER: &str = "BoringSSL X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY (20), crypto/x509/x509_vfy.cc";

impl<'c, 'a> Candidate<'c, 'a> {
    fn new(member: &'c Member<'a>) -> Self {
        Self { member, subject: canonical(&member.certificate.subject) }
    }
}
