//! The right issuer where another of its name was taken: verifiers that follow the first certificate that fits never come to the second.

use super::{SIGNERS, Step, View};
use crate::chain::{NodeId, SignatureCheck};
use crate::verify::{Attempt, Reason, Rejection};

/// A step instead of those on what is above a place in an attempt.
pub(super) struct Preferred {
    step: Step,
    at: usize,
}

impl Preferred {
    /// The step, if it mends this too: a refused signature of the certificate below, and everything from there on.
    pub(super) fn mends(&self, attempt: &Attempt, rejection: &Rejection) -> Option<Step> {
        let at = attempt.nodes.iter().rposition(|node| *node == rejection.node)?;
        let least = if is_refused_link(rejection.reason) { self.at.saturating_sub(1) } else { self.at };
        (at >= least || rejection.reason == Reason::Budget).then(|| self.step.clone())
    }
}

fn is_refused_link(reason: Reason) -> bool {
    matches!(reason, Reason::SignatureInvalid | Reason::KeyIdMismatch)
}

/// Whether a namesake of the issuer would be without this.
fn is_its_own(reason: Reason) -> bool {
    matches!(reason, Reason::Expired | Reason::NotYetValid | Reason::Revoked | Reason::Untrusted | Reason::IssuerMissing)
}

impl View<'_> {
    /// The lowest issuer that was refused while another of its name, which signed, is at hand and was not tried.
    pub(super) fn preferred(&self, attempt: &Attempt) -> Option<Preferred> {
        let pairs = attempt.nodes.iter().zip(attempt.nodes.iter().skip(1)).zip(1..);
        pairs.into_iter().find_map(|((signed, taken), at)| {
            let (signed, taken) = (*signed, *taken);
            let right = if attempt.rejections.iter().any(|rejection| rejection.reason == Reason::Budget) {
                Some(taken)
            } else {
                self.is_wrong(attempt, signed, taken).then(|| self.signer(signed, taken)).flatten()
            };
            let right = right?;
            let others: Vec<NodeId> = self.namesakes(signed).filter(|node| *node != right).collect();
            (!others.is_empty()).then_some(Preferred { step: Step::Prefer { signed, right, others }, at })
        })
    }

    fn is_wrong(&self, attempt: &Attempt, signed: NodeId, taken: NodeId) -> bool {
        let refused = attempt.rejections.iter().any(|rejection| is_refused_link(rejection.reason));
        let by_itself = |rejection: &Rejection| rejection.node == taken && is_its_own(rejection.reason);
        attempt.rejections.iter().any(by_itself)
            || (refused && attempt.nodes.last() == Some(&taken) && self.graph.signature(signed, taken) != SignatureCheck::Valid)
    }

    /// A certificate at hand that signed this one, is valid, leads on, and was not tried.
    fn signer(&self, signed: NodeId, taken: NodeId) -> Option<NodeId> {
        let tried = |node: NodeId| self.paths.iter().any(|path| path.nodes.windows(2).any(|pair| pair == [signed, node]));
        let new = |node: &NodeId| *node != taken && self.is_in_time(*node) && !tried(*node);
        self.signers(signed, new).into_iter().find(|node| self.is_anchor(*node) || !self.signers(*node, |_| true).is_empty())
    }

    /// Certificates between this one and the anchor above it, going by what is at hand; `None` where there is no way.
    pub(super) fn height(&self, node: NodeId) -> Option<usize> {
        let mut at = node;
        for height in 0..LEVELS {
            if self.is_anchor(at) {
                return Some(height);
            }
            let above = self.signers(at, |node| *node != at);
            at = above.iter().find(|node| self.is_anchor(**node)).or(above.first()).copied()?;
        }
        None
    }

    /// Those at hand whose key signed this one, the ones that it names by key first.
    fn signers(&self, signed: NodeId, wanted: impl Fn(&NodeId) -> bool) -> Vec<NodeId> {
        let key = self.graph.certificate(signed).authority_key_id.as_deref();
        let is_named = |node: &NodeId| key.is_some() && self.graph.certificate(*node).subject_key_id.as_deref() == key;
        let (named, others): (Vec<NodeId>, Vec<NodeId>) = self.namesakes(signed).filter(wanted).partition(is_named);
        let candidates = named.into_iter().chain(others).take(SIGNERS);
        candidates.filter(|node| self.graph.signature(signed, *node) == SignatureCheck::Valid).collect()
    }

    /// Certificates at hand that have the name of its issuer.
    fn namesakes(&self, signed: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let issuer = &self.graph.certificate(signed).issuer;
        let intermediates = self.question.intermediates.iter().filter(|node| !self.is_anchor(**node));
        let at_hand = self.question.anchors.iter().chain(intermediates).copied();
        at_hand.filter(move |node| *node != signed && self.graph.certificate(*node).subject == *issuer)
    }

    fn is_anchor(&self, node: NodeId) -> bool {
        self.question.anchors.contains(&node)
    }

    fn is_in_time(&self, node: NodeId) -> bool {
        let validity = &self.graph.certificate(node).validity;
        validity.not_before <= self.question.at && self.question.at <= validity.not_after
    }
}

/// Levels that are climbed.
const LEVELS: usize = 32;
