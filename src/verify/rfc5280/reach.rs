//! From which certificates signatures lead to a trust anchor at all: worked out from the anchors down before any path is tried.
//!
//! A path search over certificates that lead nowhere takes exponential time to say so; this takes one signature at most for each pair
//! of names that fit. Left out are certificates that no path can go through, whatever else is on it: those that break a rule by
//! themselves or towards the end entity, and those whose path length the shortest way up already exceeds.

use super::super::canonical::Canonical;
use super::super::case::{Case, Member};
use super::super::rule::{Rule, Scope, Trail, enforced};
use crate::chain::{NodeId, SignatureCheck};
use std::collections::{HashMap, HashSet, VecDeque};

/// Whether the end entity leads to an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// By at least one chain of signatures.
    Yes,
    /// By none.
    No,
    /// Too many signatures would have to be checked.
    Unknown,
}

/// Signatures checked at most: about 30 ms of ECDSA. Go stops at 100 in a whole search (crypto/x509 `maxChainSignatureChecks`).
const MOST_CHECKS: usize = 600;

/// Works it out, and remembers the certificates that lead to an anchor in the case's memo if all of them are known.
pub(super) fn leads_to_anchor(case: &Case<'_>) -> Answer {
    let anchors: HashSet<NodeId> = case.anchors.iter().map(|member| member.node).collect();
    let concerned = above(case);
    let mut leading: HashSet<NodeId> = concerned.iter().map(|member| member.node).filter(|node| anchors.contains(node)).collect();
    let mut by_issuer: HashMap<usize, Vec<usize>> = HashMap::new();
    let numbers = Numbers::of(case, &concerned);
    for (at, (_, issuer)) in numbers.0.iter().enumerate() {
        by_issuer.entry(*issuer).or_default().push(at);
    }
    // Pairs whose key identifiers agree, or are absent, are checked before those whose differ.
    let (mut likely, mut unlikely) = (VecDeque::new(), VecDeque::new());
    let mut spread: Vec<usize> = (0..concerned.len()).filter(|at| leads(&concerned, &leading, *at)).collect();
    let mut checks = 0;
    loop {
        while let Some(issuer) = spread.pop() {
            let subject = numbers.0.get(issuer).map_or(usize::MAX, |(subject, _)| *subject);
            for child in by_issuer.get(&subject).into_iter().flatten().copied() {
                let Some((below, member)) = concerned.get(child).zip(concerned.get(issuer)) else { continue };
                let pairs = if super::key_id_rank(below, member) < 2 { &mut likely } else { &mut unlikely };
                pairs.push_back((child, issuer));
            }
        }
        let Some((child, issuer)) = likely.pop_front().or_else(|| unlikely.pop_front()) else { break };
        let Some((below, above)) = concerned.get(child).zip(concerned.get(issuer)) else { continue };
        if leading.contains(&below.node) {
            continue;
        }
        if checks == MOST_CHECKS {
            return if leading.contains(&case.end_entity.node) { Answer::Yes } else { Answer::Unknown };
        }
        checks += 1;
        if case.graph.signature(below.node, above.node) != SignatureCheck::Invalid {
            leading.insert(below.node);
            spread.push(child);
        }
    }
    if !leading.contains(&case.end_entity.node) {
        return Answer::No;
    }
    // Kept once and for all: a second search of the same case would find the same.
    let _kept = case.memo.leading.set(leading);
    Answer::Yes
}

fn leads(concerned: &[&Member<'_>], leading: &HashSet<NodeId>, at: usize) -> bool {
    concerned.get(at).is_some_and(|member| leading.contains(&member.node))
}

/// The end entity, and every certificate that names lead up to from it by way of such as a path can go through.
fn above<'c, 'a>(case: &'c Case<'a>) -> Vec<&'c Member<'a>> {
    let all: Vec<&Member<'_>> = std::iter::once(&case.end_entity).chain(&case.anchors).chain(&case.intermediates).collect();
    let numbers = Numbers::of(case, &all);
    let mut by_subject: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, (subject, _)) in numbers.0.iter().enumerate().skip(1) {
        by_subject.entry(*subject).or_default().push(at);
    }
    let rules = Rules::of(case);
    let mut seen = HashSet::from([case.end_entity.node]);
    let mut found = vec![&case.end_entity];
    // In the order of CAs below that count for path lengths: self-issued ones go to the front.
    let mut climb = VecDeque::from([(0, 0_u32)]);
    while let Some((at, below)) = climb.pop_front() {
        let issuer = numbers.0.get(at).map_or(usize::MAX, |(_, issuer)| *issuer);
        for next in by_subject.get(&issuer).into_iter().flatten().copied() {
            let Some(member) = all.get(next).copied().filter(|member| seen.insert(member.node)) else { continue };
            if !rules.allow(case, member, below) {
                continue;
            }
            found.push(member);
            if case.memo.is_self_issued(member) {
                climb.push_front((next, below));
            } else {
                climb.push_back((next, below.saturating_add(1)));
            }
        }
    }
    found
}

/// The rules for issuers that do not depend on what is between them and the end entity.
struct Rules {
    rules: Vec<&'static Rule>,
    /// Certificates that can only be the end of a path.
    anchors: HashSet<NodeId>,
}

impl Rules {
    fn of(case: &Case<'_>) -> Self {
        let rules =
            enforced(case.verifier, Scope::Issuer).filter(|rule| !super::rules::OF_THE_CHILD.contains(&rule.id)).collect();
        let passing: HashSet<NodeId> = case.intermediates.iter().map(|member| member.node).collect();
        let anchors = case.anchors.iter().map(|member| member.node).filter(|node| !passing.contains(node)).collect();
        Self { rules, anchors }
    }

    fn allow<'a>(&self, case: &Case<'a>, member: &Member<'a>, below: u32) -> bool {
        let most = member.certificate.basic_constraints.as_ref().and_then(|constraints| constraints.path_len);
        let trail = Trail { case, members: vec![&case.end_entity, member], anchored: self.anchors.contains(&member.node) };
        most.is_none_or(|most| below <= most) && self.rules.iter().all(|rule| rule.rejection(&trail).is_none())
    }
}

/// Subject and issuer of each certificate, numbered so that equal names (section 7.1) have equal numbers.
struct Numbers(Vec<(usize, usize)>);

impl Numbers {
    fn of(case: &Case<'_>, members: &[&Member<'_>]) -> Self {
        let mut known = HashMap::new();
        let mut number = |name: &Option<Canonical>, der: &[u8]| {
            let key = name.as_ref().map_or_else(|| Err(der.to_vec()), |name| Ok(name.clone()));
            let next = known.len();
            *known.entry(key).or_insert(next)
        };
        Self(
            members
                .iter()
                .map(|member| {
                    let names = case.memo.names(member);
                    let certificate = member.certificate;
                    (number(&names.subject, certificate.subject.der()), number(&names.issuer, certificate.issuer.der()))
                })
                .collect(),
        )
    }
}
