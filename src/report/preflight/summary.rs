//! The first line: the decision, and in a few clauses what it rests on.

use super::{Decision, Preflight, Urgency};
use crate::model::{Code, Finding, Handshake, Severity, Sha256, when};
use std::collections::HashSet;

/// Codes named in one clause.
const CODES: usize = 3;

/// A part of the summary, with the handshakes that may be named behind it.
pub(in crate::report) struct Clause<'r> {
    /// Our own words: `2 handshakes broken`.
    pub(in crate::report) words: String,
    /// Which ones: the first is the one to name if there is room for one.
    pub(in crate::report) handshakes: Vec<&'r Handshake>,
    /// How much it asks to be named.
    pub(in crate::report) naming: Naming,
}

/// Whether the handshakes of a clause are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Naming {
    /// The first, always.
    First,
    /// As many as there is room for.
    Room,
    /// None.
    Never,
}

impl<'r> Preflight<'r> {
    /// `NO-GO for 1.33`, `GO with 2 warnings`.
    pub(in crate::report) fn verdict(&self) -> String {
        let target = self.target().map(|target| format!(" for {target}")).unwrap_or_default();
        match self.decision() {
            Decision::NoGo => format!("NO-GO{target}"),
            Decision::CouldNotTell => format!("COULD NOT TELL{target}"),
            Decision::Go => format!("GO{target}"),
            Decision::GoWithWarnings => {
                let warnings = self.roots.iter().filter(|finding| finding.severity == Severity::Warning).count().max(1);
                format!("GO{target} with {}", plural(warnings, "warning"))
            }
        }
    }

    /// What the verdict rests on, most important first.
    pub(in crate::report) fn clauses(&self) -> Vec<Clause<'r>> {
        let broken = self.having(|urgency| urgency == Urgency::Broken);
        let by_target = self.having(|urgency| urgency == Urgency::BreaksByTarget);
        let nearing = self.having(|urgency| matches!(urgency, Urgency::Nearing(_)));
        let unknown = self.having(|urgency| urgency == Urgency::Unknown);
        let noun = if broken.is_empty() { "handshake" } else { "" };
        let mut clauses = Vec::new();
        if !broken.is_empty() {
            let words = format!("{} broken", plural(broken.len(), "handshake"));
            clauses.push(Clause { words, handshakes: broken, naming: Naming::Room });
        }
        if !by_target.is_empty() {
            let words = format!("{} would break", plural(by_target.len(), noun));
            clauses.push(Clause { words, handshakes: by_target, naming: Naming::Room });
        }
        if !nearing.is_empty() {
            let noun = if clauses.is_empty() { "handshake" } else { "" };
            clauses.push(Clause { words: self.ending_soon(&nearing, noun), handshakes: nearing, naming: Naming::First });
        }
        if let Some(words) = self.other_codes() {
            clauses.push(Clause { words, handshakes: Vec::new(), naming: Naming::Never });
        }
        if clauses.is_empty() || self.rows.is_empty() {
            clauses.push(self.well());
        }
        if !unknown.is_empty() {
            let words = format!("{} not looked at", unknown.len());
            clauses.push(Clause { words, handshakes: Vec::new(), naming: Naming::Never });
        }
        clauses
    }

    /// How many handshakes are broken, now or by the target, and how many cannot be told.
    pub(in crate::report) fn counts(&self) -> (usize, usize) {
        let broken = self.having(|urgency| matches!(urgency, Urgency::Broken | Urgency::BreaksByTarget));
        (broken.len(), self.having(|urgency| urgency == Urgency::Unknown).len())
    }

    fn having(&self, wanted: impl Fn(Urgency) -> bool) -> Vec<&'r Handshake> {
        self.rows.iter().filter(|row| wanted(row.urgency)).map(|row| row.handshake).collect()
    }

    /// `1 breaks in 12 days`, `3 break, the first in 12 days`.
    fn ending_soon(&self, nearing: &[&Handshake], noun: &str) -> String {
        let first = nearing.iter().filter_map(|handshake| handshake.breaks_at()).min();
        let when = first.map(|first| when::relative(self.report.policy.at, first)).unwrap_or_default();
        match nearing.len() {
            1 => format!("{} breaks {when}", plural(1, noun)),
            several => format!("{} break, the first {when}", plural(several, noun)),
        }
    }

    /// When there is nothing to complain of.
    fn well(&self) -> Clause<'r> {
        let holding = self.having(|urgency| urgency == Urgency::Holds);
        if holding.is_empty() {
            let nothing = self.report.graph.nodes().next().is_none();
            let words = if nothing { "no certificate found" } else { "no handshake found to judge" };
            return Clause { words: words.to_owned(), handshakes: Vec::new(), naming: Naming::Never };
        }
        let next = holding.first().and_then(|first| first.breaks_at()).filter(|end| end.year() < 9999);
        let verb = if holding.len() == 1 { "holds" } else { "hold" };
        let all = format!("{} {verb}", plural(holding.len(), "handshake"));
        let words = match next {
            Some(end) => format!("{all}, the first breaks {}", when::relative(self.report.policy.at, end)),
            None => all,
        };
        let naming = if next.is_some() { Naming::First } else { Naming::Never };
        Clause { words, handshakes: holding, naming }
    }

    /// The codes of the worst causes that no clause about handshakes covers.
    fn other_codes(&self) -> Option<String> {
        let worst = self.roots.iter().map(|finding| finding.severity).max().filter(|worst| *worst > Severity::Info)?;
        let covered = self.troubled_certificates();
        let is_other = |finding: &&&Finding| {
            let told = |id: &Sha256| covered.contains(id);
            finding.severity == worst && finding.handshakes.is_empty() && !finding.certificates.iter().any(told)
        };
        let mut codes: Vec<Code> = Vec::new();
        for finding in self.roots.iter().filter(is_other) {
            if !codes.contains(&finding.code) {
                codes.push(finding.code);
            }
        }
        let more = codes.len().saturating_sub(CODES);
        let named = codes.iter().take(CODES).map(|code| code.as_str()).collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" +{more}") } else { String::new() };
        (!named.is_empty()).then(|| named + &more)
    }

    /// The certificates of handshakes that are broken or end soon.
    fn troubled_certificates(&self) -> HashSet<Sha256> {
        let troubled = self.rows.iter().filter(|row| row.urgency.is_trouble()).map(|row| row.handshake);
        troubled
            .flat_map(|handshake| {
                let refused =
                    [&handshake.client_side, &handshake.server_side].into_iter().filter(|side| !side.faults().is_empty());
                let presented = refused.filter_map(|side| side.certificate);
                let ending = super::ending(self.report, handshake).map(|certificate| certificate.id);
                let faulty = handshake.faults().filter_map(|fault| fault.certificate);
                presented.chain(ending).chain(faulty).collect::<Vec<_>>()
            })
            .collect()
    }
}

/// `1 handshake`, `2 handshakes`; the number alone without a noun.
fn plural(number: usize, noun: &str) -> String {
    match (number, noun) {
        (_, "") => number.to_string(),
        (1, _) => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}
