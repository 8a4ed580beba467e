//! The search that tries every path: depth first, in the order in which the verifier would, each dead end kept with its reason.

use super::case::{Case, Member};
use super::rule::{Rule, Scope, Trail, enforced};
use super::{Attempt, Evidence, Outcome, Reason, Rejection, Verdict, verdict};
use crate::chain::NodeId;
use crate::chain::SignatureCheck;
use std::collections::HashSet;

/// How a verifier looks for paths.
pub(super) struct Strategy {
    /// The certificates that may have issued the last of the trail, in the order in which they are tried.
    pub(super) candidates: for<'c, 'a> fn(&Readable<'c, 'a>, &Trail<'c, 'a>) -> Vec<Candidate<'c, 'a>>,
    /// Whether a candidate is already on the trail, as the verifier sees it. Then it is passed over.
    pub(super) repeats: for<'a> fn(&Trail<'_, 'a>, &Member<'a>) -> bool,
    /// What is done with an end entity that is itself a trust anchor.
    pub(super) trusted_end_entity: TrustedEndEntity,
    /// Where the search ends whatever it has found.
    pub(super) budget: Budget,
    /// What is odd about it.
    pub(super) quirks: Quirks,
}

/// How real searches differ from a plain one.
#[derive(Clone, Copy)]
pub(super) struct Quirks {
    /// Whether candidates that are already on the trail count for the budget.
    pub(super) counted: Counted,
    /// How often the search goes above an intermediate.
    pub(super) visits: Visits,
    /// Rules that a candidate breaks for everybody: the program ends, and what was found before is lost.
    pub(super) fatal: &'static [Rule],
}

impl Quirks {
    /// None.
    pub(super) const NONE: Self = Self { counted: Counted::All, visits: Visits::Always, fatal: &[] };
}

/// Which candidates count for the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// All.
    All,
    /// Those that are not on the trail yet.
    New,
}

/// How often the search goes above an intermediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visits {
    /// Each time it is met on another trail.
    Always,
    /// Once; what was found then stands for all trails.
    Once,
}

/// What is done with an end entity that is itself a trust anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrustedEndEntity {
    /// It is a path of its own, and the only one.
    IsThePath,
    /// Nothing: it needs an issuer like any other.
    NeedsAnIssuer,
}

/// A certificate to try as issuer.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'c, 'a> {
    /// The certificate.
    pub(super) member: &'c Member<'a>,
    /// Whether it is tried as trust anchor, which ends the path, or as intermediate.
    pub(super) anchor: bool,
}

/// Bounds of a search. Each has its source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Candidates tried.
    pub(super) candidates: usize,
    /// Certificates on a path.
    pub(super) length: usize,
    /// Whose limit it is: that of the real program, which then refuses, or kcert's, which then cannot tell.
    pub(super) owner: BudgetOwner,
    /// Where the limit is written down.
    pub(super) citation: &'static str,
}

/// Whose limit a budget is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BudgetOwner {
    /// The verifier's own.
    Verifier,
    /// kcert's.
    Kcert,
}

/// What can be read of the certificates at hand, by the verifier's rules of [`Scope::Read`].
pub(super) struct Readable<'c, 'a> {
    /// Intermediates, in the order given.
    pub(super) intermediates: Vec<&'c Member<'a>>,
    /// Anchors, in the order given.
    pub(super) anchors: Vec<&'c Member<'a>>,
}

impl<'c, 'a> Readable<'c, 'a> {
    /// Everything that could be an issuer, anchors first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Candidate<'c, 'a>> + '_ {
        let anchors = self.anchors.iter().map(|member| Candidate { member, anchor: true });
        anchors.chain(self.intermediates.iter().map(|member| Candidate { member, anchor: false }))
    }
}

/// Paths and dead ends that are kept; more are counted.
const MOST_ATTEMPTS: usize = 64;

/// Answers by trying every path.
pub(super) fn verdict(case: &Case<'_>, strategy: &Strategy) -> Verdict {
    let mut search = Search {
        case,
        strategy,
        issuer_rules: enforced(case.verifier, Scope::Issuer).collect(),
        path_rules: enforced(case.verifier, Scope::Path).collect(),
        readable: Readable { intermediates: Vec::new(), anchors: Vec::new() },
        tried: 0,
        spent: false,
        visited: HashSet::new(),
        fatal: None,
        refused: Vec::new(),
        attempts: Vec::new(),
        omitted: 0,
    };
    let mut notes = Vec::new();
    search.readable = read(case, &mut notes);
    search.run();
    let Search { mut attempts, omitted, spent, refused, fatal, .. } = search;
    if let Some(fatal) = fatal {
        attempts.iter_mut().filter(|attempt| attempt.is_trusted()).for_each(|attempt| attempt.rejections.push(fatal.clone()));
    }
    if spent {
        notes.push(format!("the search ended after {} candidates: {}", strategy.budget.candidates, strategy.budget.citation));
    }
    leave_out_twins(&mut attempts);
    verdict::rank(&mut attempts);
    let given_up = spent && strategy.budget.owner == BudgetOwner::Kcert && refused.is_empty();
    let outcome = match Outcome::of(&attempts) {
        Outcome::NotTrusted if given_up => Outcome::CouldNotTell,
        outcome => outcome,
    };
    Verdict {
        verifier: case.verifier,
        outcome,
        headline: verdict::headline(case, outcome, &attempts),
        paths: attempts,
        omitted,
        notes,
    }
}

/// Takes out dead ends on the way of a whole path: an anchor that is given as intermediate too is tried as both.
fn leave_out_twins(attempts: &mut Vec<Attempt>) {
    let is_dead_end = |attempt: &Attempt| attempt.rejections.iter().any(|rejection| rejection.rule == DEAD_END.id);
    let whole: HashSet<Vec<NodeId>> =
        attempts.iter().filter(|attempt| !is_dead_end(attempt)).map(|attempt| attempt.nodes.clone()).collect();
    attempts.retain(|attempt| !(is_dead_end(attempt) && whole.contains(&attempt.nodes)));
}

/// Sorts out what this verifier cannot read, and says so.
fn read<'c, 'a>(case: &'c Case<'a>, notes: &mut Vec<String>) -> Readable<'c, 'a> {
    let rules: Vec<_> = enforced(case.verifier, Scope::Read).collect();
    let mut passed_over = HashSet::new();
    let mut readable = |members: &'c [Member<'a>]| {
        let mut kept = Vec::new();
        for member in members {
            let alone = Trail { case, members: vec![member], anchored: false };
            match rules.iter().find_map(|rule| rule.rejection(&alone)) {
                None => kept.push(member),
                Some(rejection) if passed_over.insert(member.node) => notes.push(format!(
                    "{} is passed over: {} ({})",
                    member.certificate.short_name(),
                    rejection.message,
                    rejection.citation
                )),
                Some(_) => {}
            }
        }
        kept
    };
    Readable { intermediates: readable(&case.intermediates), anchors: readable(&case.anchors) }
}

struct Search<'c, 'a> {
    case: &'c Case<'a>,
    strategy: &'c Strategy,
    issuer_rules: Vec<&'static Rule>,
    path_rules: Vec<&'static Rule>,
    readable: Readable<'c, 'a>,
    tried: usize,
    spent: bool,
    visited: HashSet<NodeId>,
    fatal: Option<Rejection>,
    /// What speaks against the end entity by itself. The program ends there; the search goes on, to tell what else is in the way.
    refused: Vec<Rejection>,
    attempts: Vec<Attempt>,
    omitted: usize,
}

impl<'c, 'a> Search<'c, 'a> {
    fn run(&mut self) {
        let case = self.case;
        let mut trail = Trail { case, members: vec![&case.end_entity], anchored: false };
        let broken = |scope| enforced(case.verifier, scope).filter_map(|rule| rule.rejection(&trail)).collect::<Vec<_>>();
        let unreadable = broken(Scope::Read);
        if !unreadable.is_empty() {
            return self.keep(&trail, unreadable);
        }
        self.refused = broken(Scope::EndEntity);
        let own_anchor = self.readable.anchors.iter().any(|anchor| anchor.node == case.end_entity.node);
        if own_anchor && self.strategy.trusted_end_entity == TrustedEndEntity::IsThePath {
            trail.anchored = true;
            return self.judge(&trail);
        }
        self.climb(&mut trail);
    }

    /// Tries everything above the last of the trail.
    fn climb(&mut self, trail: &mut Trail<'c, 'a>) {
        let candidates = (self.strategy.candidates)(&self.readable, trail);
        let mut refused = 0;
        let mut repeated = 0;
        for Candidate { member, anchor } in candidates {
            if self.tried >= self.strategy.budget.candidates {
                self.spent = true;
                return;
            }
            let again = (self.strategy.repeats)(trail, member);
            self.tried += usize::from(!again || self.strategy.quirks.counted == Counted::All);
            repeated += usize::from(again);
            trail.members.push(member);
            trail.anchored = anchor;
            if !self.is_fatal(trail) && !again {
                refused += 1;
                self.meet(trail);
            }
            trail.members.pop();
            trail.anchored = false;
            if self.fatal.is_some() {
                return;
            }
        }
        if refused == 0 {
            let rejection = dead_end(trail, repeated > 0);
            self.keep(trail, vec![rejection]);
        }
    }

    /// Judges the candidate that was put on the trail, and tries everything above it.
    fn meet(&mut self, trail: &mut Trail<'c, 'a>) {
        if let Some(rejection) = self.issuer_rules.iter().find_map(|rule| rule.rejection(trail)) {
            self.keep(trail, vec![rejection]);
        } else if trail.anchored {
            self.judge(trail);
        } else if trail.members.len() >= self.strategy.budget.length {
            self.spent = true;
        } else if self.strategy.quirks.visits == Visits::Always || self.visited.insert(trail.last().node) {
            self.climb(trail);
        }
    }

    /// Whether the candidate that was put on the trail ends the program.
    fn is_fatal(&mut self, trail: &Trail<'c, 'a>) -> bool {
        let rejection = self.strategy.quirks.fatal.iter().find_map(|rule| rule.enforced_rejection(trail));
        if let Some(rejection) = rejection {
            self.keep(trail, vec![rejection.clone()]);
            self.fatal = Some(rejection);
        }
        self.fatal.is_some()
    }

    /// A whole path: every rule on it, so that all that is wrong with it is said at once.
    fn judge(&mut self, trail: &Trail<'c, 'a>) {
        let rejections = self.path_rules.iter().filter_map(|rule| rule.rejection(trail)).collect();
        self.keep(trail, rejections);
    }

    fn keep(&mut self, trail: &Trail<'c, 'a>, rejections: Vec<Rejection>) {
        let rejections = [self.refused.clone(), rejections].concat();
        // Trusted or undecided: that decides the outcome, however many came before.
        let decides = rejections.iter().all(|rejection| rejection.reason.is_kcerts_own());
        if self.attempts.len() < MOST_ATTEMPTS || decides {
            self.attempts.push(attempt(trail, rejections));
        } else {
            self.omitted += 1;
        }
    }
}

/// A path that was found elsewhere, with nothing said against it.
pub(super) fn bare(case: &Case<'_>, nodes: &[NodeId]) -> Attempt {
    let all = || std::iter::once(&case.end_entity).chain(&case.intermediates).chain(&case.anchors);
    let members = nodes.iter().filter_map(|node| all().find(|member| member.node == *node)).collect();
    attempt(&Trail { case, members, anchored: true }, Vec::new())
}

/// A trail as it is told.
pub(super) fn attempt(trail: &Trail<'_, '_>, rejections: Vec<Rejection>) -> Attempt {
    let nodes: Vec<NodeId> = trail.members.iter().map(|member| member.node).collect();
    let pairs = trail.members.iter().zip(trail.members.iter().skip(1));
    let links = pairs.map(|(child, issuer)| evidence(trail, child, issuer, &rejections)).collect();
    Attempt { nodes, links, rejections }
}

fn evidence(trail: &Trail<'_, '_>, child: &Member<'_>, issuer: &Member<'_>, rejections: &[Rejection]) -> Evidence {
    let key_ids = child.certificate.authority_key_id.as_ref().zip(issuer.certificate.subject_key_id.as_ref());
    let unchecked =
        rejections.iter().any(|rejection| rejection.node == issuer.node && rejection.reason != Reason::SignatureInvalid);
    let checked = !(unchecked && trail.last().node == issuer.node);
    Evidence {
        key_id: key_ids.map(|(wanted, own)| wanted == own),
        signature: checked.then(|| trail.case.graph.signature(child.node, issuer.node)),
    }
}

/// The rule that an attempt breaks that has nobody above.
pub(super) const DEAD_END: Rule = Rule::inherent("path/dead-end", "RFC 5280 section 6.1");

/// Nobody above: no certificate of the name, or only such as are on the trail already.
fn dead_end(trail: &Trail<'_, '_>, repeated: bool) -> Rejection {
    let last = trail.last();
    let certificate = last.certificate;
    let (reason, message) = if certificate.is_self_issued() || repeated {
        (Reason::Untrusted, format!("{} is not among the trust anchors", certificate.short_name()))
    } else {
        let issuer = certificate.issuer.short().unwrap_or_else(|| certificate.issuer.to_string());
        (Reason::IssuerMissing, format!("no certificate of {issuer} is at hand"))
    };
    DEAD_END.broken_by(last.node, reason, message)
}

/// The rule on signatures that every verifier here shares; what algorithms it takes is another rule of its own.
pub(super) fn signature(trail: &Trail<'_, '_>) -> Option<SignatureCheck> {
    trail.child().map(|child| trail.case.graph.signature(child.node, trail.last().node))
}
