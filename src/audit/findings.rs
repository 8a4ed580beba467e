//! Gathers findings, and merges those that say the same of another place.

use super::checks::{CHECKS, check};
use crate::model::{Code, Evidence, Finding, Origin, Severity, Sha256};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// A finding in the making.
pub(super) struct Draft(Finding);

impl Draft {
    /// A finding with the advice that its row gives.
    pub(super) fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        let hint = check(code).map(|row| row.action.to_owned()).unwrap_or_default();
        Self(Finding {
            code,
            severity,
            message: message.into(),
            hint,
            certificates: Vec::new(),
            origins: Vec::new(),
            evidence: Vec::new(),
            handshakes: Vec::new(),
            because: None,
        })
    }

    /// Advice that fits better than the row's.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = hint.into();
        self
    }

    /// A certificate concerned.
    pub(super) fn certificate(mut self, id: Sha256) -> Self {
        // Most have one: a vector makes room for four.
        if self.0.certificates.is_empty() {
            self.0.certificates.reserve_exact(1);
        }
        self.0.certificates.push(id);
        self
    }

    /// A certificate concerned, if it was not named before.
    pub(super) fn certificate_once(self, id: Sha256) -> Self {
        if self.0.certificates.contains(&id) { self } else { self.certificate(id) }
    }

    /// The finding.
    pub(super) fn finish(self) -> Finding {
        self.0
    }

    /// A place concerned.
    pub(super) fn at(self, origin: &Origin, index: u32) -> Self {
        self.places([(origin.clone(), index)])
    }

    /// Places concerned.
    pub(super) fn places(mut self, origins: impl IntoIterator<Item = (Origin, u32)>) -> Self {
        self.0.origins.extend(origins);
        self
    }

    /// A fact.
    pub(super) fn evidence(mut self, key: &'static str, value: Evidence) -> Self {
        if self.0.evidence.is_empty() {
            self.0.evidence.reserve_exact(1);
        }
        self.0.evidence.push((key, value));
        self
    }
}

/// All findings so far.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    /// By the hash of what it says: the words themselves are in the list.
    seen: HashMap<u64, usize>,
    hasher: RandomState,
}

impl Findings {
    /// Adds a finding, or its certificates and places to one that says the same.
    pub(super) fn add(&mut self, Draft(finding): Draft) {
        let key = self.hasher.hash_one(says(&finding));
        let known = self.seen.get(&key).and_then(|position| self.list.get_mut(*position));
        if let Some(known) = known.filter(|known| says(known) == says(&finding)) {
            known.origins.extend(finding.origins);
            let last = known.certificates.last().copied();
            known.certificates.extend(finding.certificates.into_iter().filter(|id| Some(*id) != last));
        } else {
            self.seen.insert(key, self.list.len());
            self.list.push(finding);
        }
    }

    /// These and those of other checks.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.list.extend(others.list);
        self
    }

    /// Each place once.
    pub(super) fn settled(mut self) -> Self {
        for finding in self.list.iter_mut().filter(|finding| finding.origins.len() > 1) {
            // Places are shared, not copied: the same one is the same allocation.
            let mut seen = HashSet::with_capacity(finding.origins.len());
            finding.origins.retain(|(origin, index)| seen.insert((origin.place(), *index)));
        }
        self
    }

    /// The findings, worst first, then in the order of the checks, then as found.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        sort(&mut self.list);
        self.list
    }
}

/// What has to be the same for two findings to be one.
fn says(finding: &Finding) -> (Code, Severity, &str, &str) {
    (finding.code, finding.severity, &finding.message, &finding.hint)
}

/// Puts findings into order: worst first, then in the order of the checks, then as found.
pub(super) fn sort(findings: &mut [Finding]) {
    let rank = |code: Code| CHECKS.iter().position(|check| check.code == code);
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), rank(finding.code)));
}
