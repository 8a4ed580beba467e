//! Revocation (RFC 5280 section 6.3): what the lists at hand say of every certificate of a path.
//!
//! A list counts when its issuer may speak for the certificate, its scope covers it, it is current, and its signer is on the path or
//! has a path of its own to the same anchor, whose certificates are not revoked either. A signer whose own status is being worked out
//! is taken as good meanwhile, so that a list may speak for its own signer. A certificate of which no lists tell for every reason is
//! of unknown status.

use super::super::case::{Case, Member};
use super::super::oid::CRL_DISTRIBUTION_POINTS;
use super::super::rule::{Fault, Rule, Scope, Trail, enforced};
use super::super::search::{Candidate, Readable};
use super::lists::{Entry, List, Lists, REMOVE_FROM_CRL, reason_word};
use super::points::{Only, Place, Point, Reasons, place, points};
use crate::chain::{NodeId, SignatureCheck};
use crate::model::when::moment;

/// What the lists say of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It is not revoked, for any reason.
    Good,
    /// It is.
    Revoked(String),
    /// They do not tell.
    Unknown(String),
    /// A list that may tell has a signature that cannot be judged here.
    Unjudged(String),
}

/// Section 6.3.3 (i) and (j).
pub(super) fn revoked(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |status| match status {
        Status::Revoked(message) => Some(message.clone()),
        _ => None,
    })
}

/// Section 6.3.3, at its end.
pub(super) fn unknown(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |status| match status {
        Status::Unknown(message) => Some(message.clone()),
        _ => None,
    })
}

/// Section 6.3.3 (g), where nobody here can say.
pub(super) fn unjudged(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |status| match status {
        Status::Unjudged(message) => Some(message.clone()),
        _ => None,
    })
}

/// kcert's own bound.
pub(super) fn within_budget(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if trail.case.memo.revocation_steps.get() < MOST_STEPS {
        return Ok(());
    }
    super::fault(trail, format!("more than {MOST_STEPS} steps to find the signers of revocation lists"))
}

/// Signers and issuers of signers tried in a whole search. PKITS needs fewer than ten.
const MOST_STEPS: usize = 500;

/// Signers of lists that depend on lists of other signers at most.
const DEEPEST: usize = 6;

fn first(trail: &Trail<'_, '_>, says: fn(&Status) -> Option<String>) -> Result<(), Fault> {
    if trail.case.question.crls.is_empty() {
        return Ok(());
    }
    let statuses = statuses(trail);
    match statuses.iter().enumerate().find_map(|(at, status)| says(status).map(|message| Fault { at, message })) {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

/// The status of each certificate below the anchor; worked out once for each path.
fn statuses(trail: &Trail<'_, '_>) -> std::rc::Rc<Vec<Status>> {
    let nodes: Vec<NodeId> = trail.members.iter().map(|member| member.node).collect();
    if let Some((known, statuses)) = trail.case.memo.statuses.borrow().as_ref()
        && *known == nodes
    {
        return std::rc::Rc::clone(statuses);
    }
    let mut judge = Judge { case: trail.case, signers: Vec::new() };
    let statuses = std::rc::Rc::new(judge.path(&trail.members));
    *trail.case.memo.statuses.borrow_mut() = Some((nodes, std::rc::Rc::clone(&statuses)));
    statuses
}

/// Who signed a list.
enum Signer<'c, 'a> {
    /// This certificate's key.
    Known(&'c Member<'a>),
    /// Perhaps somebody whose signature cannot be judged here.
    Unjudged,
    /// Nobody who may.
    Unknown,
}

/// Works out statuses.
struct Judge<'c, 'a> {
    case: &'c Case<'a>,
    /// The signers whose own status is being worked out.
    signers: Vec<NodeId>,
}

impl<'c, 'a> Judge<'c, 'a> {
    fn path(&mut self, path: &[&'c Member<'a>]) -> Vec<Status> {
        (0..path.len().saturating_sub(1)).map(|at| self.status(path.get(at..).unwrap_or_default())).collect()
    }

    /// The status of the first certificate of a path.
    fn status(&mut self, path: &[&'c Member<'a>]) -> Status {
        let Some(member) = path.first() else { return Status::Good };
        let target = Target::of(self.case, member);
        let mut covered = Reasons::NONE;
        let (mut obstacle, mut unjudged) = (None, None);
        let lists = self.lists();
        for point in &target.points {
            for (at, list) in lists.iter().enumerate().filter(|(_, list)| list.base.is_none()) {
                let Some(reasons) = target.covered_by(point, list) else { continue };
                if covered.covers(reasons) {
                    continue;
                }
                let delta = self.delta(list, lists);
                let current = if delta.is_some() { list.this_update <= self.at() } else { self.is_current(list) };
                if !current {
                    obstacle = Some(self.out_of_date(list));
                    continue;
                }
                let signer = match self.signer(at, list, path) {
                    Signer::Known(signer) => signer,
                    Signer::Unjudged => {
                        unjudged = Some(format!("the signature of the list of {} cannot be judged", self.name(list)));
                        continue;
                    }
                    Signer::Unknown => {
                        obstacle = Some(format!("the list of {} is not signed by somebody who may", self.name(list)));
                        continue;
                    }
                };
                let delta = delta.filter(|(at, delta)| self.check(*at, delta, signer) == SignatureCheck::Valid);
                if delta.is_none() && !self.is_current(list) {
                    obstacle = Some(self.out_of_date(list));
                    continue;
                }
                if let Some(entry) = target.entry(list, delta.map(|(_, delta)| delta)) {
                    let since = entry.date.map(|since| format!(" since {}", moment(since))).unwrap_or_default();
                    return Status::Revoked(format!("revoked{since} ({}) by {}", reason_word(entry.reason), self.name(list)));
                }
                covered = covered.or(reasons);
            }
        }
        if covered.covers(Reasons::ALL) {
            return Status::Good;
        }
        if let Some(unjudged) = unjudged {
            return Status::Unjudged(unjudged);
        }
        let name = member.certificate.short_name();
        let why = obstacle.map(|why| format!(": {why}")).unwrap_or_default();
        Status::Unknown(format!("no list tells whether {name} is revoked{why}"))
    }

    fn at(&self) -> time::OffsetDateTime {
        self.case.question.at
    }

    fn is_current(&self, list: &List<'_>) -> bool {
        (list.this_update..=list.next_update).contains(&self.at())
    }

    fn out_of_date(&self, list: &List<'_>) -> String {
        let name = self.name(list);
        if self.at() < list.this_update {
            format!("the list of {name} begins {}", moment(list.this_update))
        } else {
            format!("the list of {name} ended {}", moment(list.next_update))
        }
    }

    /// The issuer of a list for people.
    fn name(&self, list: &List<'_>) -> String {
        let lists = self.case.question.crls.iter();
        lists.map(|list| &list.issuer).find(|issuer| issuer.der() == list.issuer_der).map(ToString::to_string).unwrap_or_default()
    }

    /// The lists that may be used, the newest first.
    fn lists(&self) -> &'c [List<'a>] {
        &self.case.memo.lists.get_or_init(|| Lists::of(&self.case.question.crls)).usable
    }

    /// The newest delta CRL that may be added to a complete list (section 5.2.4 and 6.3.3 (c)).
    fn delta(&self, complete: &List<'a>, lists: &'c [List<'a>]) -> Option<(usize, &'c List<'a>)> {
        let scope = |list: &List<'a>| list.scope.as_ref().map(|scope| scope.raw);
        lists.iter().enumerate().find(|(_, delta)| {
            delta.base.is_some_and(|base| !is_less(complete.number, base) && is_less(complete.number, delta.number))
                && delta.issuer == complete.issuer
                && scope(delta) == scope(complete)
                && delta.key_id == complete.key_id
                && self.is_current(delta)
        })
    }

    /// Who signed a list and may have (section 6.3.3 (f) and (g)).
    fn signer(&mut self, at: usize, list: &List<'a>, path: &[&'c Member<'a>]) -> Signer<'c, 'a> {
        let case = self.case;
        let Some(anchor) = path.last() else { return Signer::Unknown };
        let above = path.iter().skip(1).copied();
        let candidates: Vec<_> = above.clone().chain(&case.anchors).chain(&case.intermediates).collect();
        let mut otherwise = Signer::Unknown;
        for candidate in candidates {
            if case.memo.names(candidate).subject.as_ref() != Some(&list.issuer) || !may_sign_lists(candidate) || !self.step() {
                continue;
            }
            let check = self.check(at, list, candidate);
            if check == SignatureCheck::Invalid {
                continue;
            }
            if above.clone().any(|member| member.node == candidate.node) || self.has_path(candidate, anchor) {
                match check {
                    SignatureCheck::Valid => return Signer::Known(candidate),
                    _ => otherwise = Signer::Unjudged,
                }
            }
        }
        otherwise
    }

    /// Whether a certificate's key signed the list of this place.
    fn check(&self, at: usize, list: &List<'_>, signer: &Member<'_>) -> SignatureCheck {
        let mut known = self.case.memo.list_signatures.borrow_mut();
        *known.entry((at, signer.node)).or_insert_with(|| self.case.graph.signed_by(&list.signed, signer.node))
    }

    /// Whether the bound still allows another step.
    fn step(&self) -> bool {
        let steps = &self.case.memo.revocation_steps;
        steps.set(steps.get().saturating_add(1));
        steps.get() < MOST_STEPS
    }

    /// Whether a signer that is not on the path has a valid path of its own to the same anchor.
    fn has_path(&mut self, signer: &'c Member<'a>, anchor: &'c Member<'a>) -> bool {
        if self.signers.contains(&signer.node) {
            return true;
        }
        if self.signers.len() == DEEPEST || signer.node == anchor.node {
            return signer.node == anchor.node;
        }
        self.signers.push(signer.node);
        let mut trail = Trail { case: self.case, members: vec![signer], anchored: false };
        let rules = Rules { certificate: of(self.case, Scope::EndEntity), issuer: of(self.case, Scope::Issuer) };
        let sound = rules.certificate.iter().all(|rule| rule.rejection(&trail).is_none());
        let found = sound && self.climb(&mut trail, anchor, &rules);
        self.signers.pop();
        found
    }

    fn climb(&mut self, trail: &mut Trail<'c, 'a>, anchor: &'c Member<'a>, rules: &Rules) -> bool {
        const LONGEST: usize = 16;
        let readable = Readable { intermediates: self.case.intermediates.iter().collect(), anchors: vec![anchor] };
        for Candidate { member, anchor: anchored } in super::issuers(&readable, trail) {
            if !self.step() || trail.members.len() == LONGEST || super::repeats(trail, member) {
                continue;
            }
            trail.members.push(member);
            trail.anchored = anchored;
            let fits = rules.issuer.iter().all(|rule| rule.rejection(trail).is_none());
            let found = fits && if anchored { self.ends_well(&trail.members) } else { self.climb(trail, anchor, rules) };
            trail.members.pop();
            trail.anchored = false;
            if found {
                return true;
            }
        }
        false
    }

    fn ends_well(&mut self, path: &[&'c Member<'a>]) -> bool {
        super::rules::policies_allow(path) && self.path(path).iter().all(|status| *status == Status::Good)
    }
}

/// The rules for certificates on a signer's path.
struct Rules {
    certificate: Vec<&'static Rule>,
    issuer: Vec<&'static Rule>,
}

/// The rules of a scope that are not about what was asked of the end entity.
fn of(case: &Case<'_>, scope: Scope) -> Vec<&'static Rule> {
    enforced(case.verifier, scope).filter(|rule| rule.scope != Scope::EndEntity).collect()
}

/// Section 6.3.3 (f): a key usage has cRLSign.
fn may_sign_lists(signer: &Member<'_>) -> bool {
    const CRL_SIGN: u16 = 1 << 6;
    signer.certificate.key_usage.is_none_or(|usage| usage.0 & CRL_SIGN != 0)
}

/// Whether one number, without leading zeros, is less than another.
fn is_less(one: &[u8], other: &[u8]) -> bool {
    (one.len(), one) < (other.len(), other)
}

/// The certificate whose status is asked for.
struct Target<'c, 'a> {
    member: &'c Member<'a>,
    names: std::rc::Rc<super::memo::Names>,
    /// Its distribution points, and at last the one that section 6.3.3 assumes: all reasons, the name of the issuer.
    points: Vec<Point<'a>>,
}

impl<'c, 'a> Target<'c, 'a> {
    fn of(case: &Case<'a>, member: &'c Member<'a>) -> Self {
        let extension = member.tbs.extension(CRL_DISTRIBUTION_POINTS);
        let mut points = extension.and_then(|extension| points(extension.value)).unwrap_or_default();
        points.push(Point { name: None, reasons: Reasons::ALL, crl_issuer: None });
        Self { member, names: case.memo.names(member), points }
    }

    /// The reasons for which a list tells of this certificate, by way of one distribution point (section 6.3.3 (b) and (d)).
    fn covered_by(&self, point: &Point<'a>, list: &List<'a>) -> Option<Reasons> {
        let scope = list.scope.as_ref();
        let issuer = self.names.issuer.as_ref()?;
        match &point.crl_issuer {
            Some(names) => {
                let speaks = names.iter().filter_map(super::general::General::directory).any(|name| name == list.issuer);
                (speaks && scope.is_some_and(|scope| scope.indirect)).then_some(())?;
            }
            None => (*issuer == list.issuer).then_some(())?,
        }
        let Some(scope) = scope else { return Some(point.reasons) };
        if let Some(of_list) = list.places() {
            let of_point = self.places(point, list);
            of_list.iter().any(|one| of_point.iter().any(|other| one.is(other))).then_some(())?;
        }
        let ca = self.member.certificate.is_ca();
        let covered = match scope.only {
            Only::All => true,
            Only::User => !ca,
            Only::Ca => ca,
            Only::Attribute => false,
        };
        covered.then(|| point.reasons.and(scope.reasons))
    }

    /// The names of a point; of one without a name those of its cRLIssuer, or the certificate's issuer.
    fn places(&self, point: &Point<'a>, list: &List<'a>) -> Vec<Place<'a>> {
        match (&point.name, &point.crl_issuer) {
            (Some(name), _) => name.places(list.issuer_der),
            (None, Some(names)) => names.iter().filter_map(place).collect(),
            (None, None) => self.names.issuer.clone().map(Place::Directory).into_iter().collect(),
        }
    }

    /// The entry that revokes the certificate (section 6.3.3 (i) to (k)): what the delta says comes first.
    fn entry<'l>(&self, complete: &'l List<'a>, delta: Option<&'l List<'a>>) -> Option<&'l Entry> {
        let find = |list: &'l List<'a>| list.entry(&self.member.certificate.serial.0, self.names.issuer.as_ref()?);
        delta.and_then(find).or_else(|| find(complete)).filter(|entry| entry.reason != REMOVE_FROM_CRL)
    }
}
