//! What a preflight comes to: the decision, the handshakes by urgency, the causes with what follows from them, the dates to come. Every
//! renderer says the same of these and decides nothing itself.

mod cell;
#[cfg(test)]
pub(super) mod sample;
mod summary;

pub(super) use cell::{Cell, Ends};
pub(super) use summary::{Clause, Naming};

use super::Report;
use crate::model::handshake::Fault;
use crate::model::{Certificate, Code, Finding, Handshake, Severity, Side, Standing, State, Validity, when};
use crate::verify::KubernetesVersion;
use std::collections::{HashMap, HashSet};
use time::{Duration, OffsetDateTime};

/// What to answer before the maintenance window. The order is that of exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decision {
    /// Nothing at warning or above.
    Go,
    /// Nothing worse than warnings.
    GoWithWarnings,
    /// Something decides it that is not known.
    CouldNotTell,
    /// Something is broken, would break, or is about to.
    NoGo,
}

impl From<Severity> for Decision {
    fn from(worst: Severity) -> Self {
        match worst {
            Severity::Info => Self::Go,
            Severity::Warning => Self::GoWithWarnings,
            Severity::Unknown => Self::CouldNotTell,
            Severity::Critical => Self::NoGo,
        }
    }
}

/// How much a handshake matters to the reader: most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Broken.
    Broken,
    /// Broken by the version that is upgraded to.
    BreaksByTarget,
    /// Holds, and ends within the thresholds.
    Nearing(Severity),
    /// Cannot be told.
    Unknown,
    /// Holds.
    Holds,
}

impl Urgency {
    /// Whether somebody has to do something about it.
    pub(super) fn is_trouble(self) -> bool {
        self < Self::Unknown
    }
}

/// A handshake with its urgency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'r> {
    /// The handshake.
    pub(super) handshake: &'r Handshake,
    /// How much it matters.
    pub(super) urgency: Urgency,
}

/// A day on which handshakes break.
#[derive(Debug)]
pub(super) struct Day<'r> {
    /// The first instant of that day at which one does.
    pub(super) at: OffsetDateTime,
    /// Which do.
    pub(super) handshakes: Vec<&'r Handshake>,
    /// The certificates that end then.
    pub(super) certificates: Vec<&'r Certificate>,
    /// Whether one of them is within the thresholds.
    pub(super) nearing: Option<Severity>,
}

/// What follows from a cause: how many findings of a code, about how many certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Consequence {
    /// The code.
    pub(super) code: Code,
    /// How many findings.
    pub(super) findings: usize,
    /// How many different certificates.
    pub(super) certificates: usize,
}

/// A preflight's report, put in order.
pub(super) struct Preflight<'r> {
    pub(super) report: &'r Report<'r>,
    /// The handshakes, most urgent first; of the same urgency those that break first.
    pub(super) rows: Vec<Row<'r>>,
    /// The findings that follow from no other, worst first.
    pub(super) roots: Vec<&'r Finding>,
    consequences: HashMap<Code, Vec<&'r Finding>>,
}

impl<'r> Preflight<'r> {
    pub(super) fn of(report: &'r Report<'r>) -> Self {
        let row = |handshake| Row { handshake, urgency: urgency(report, handshake) };
        let mut rows: Vec<Row<'_>> = report.audit.handshakes.iter().map(row).collect();
        let end = |row: &Row<'_>| {
            let dated = matches!(row.urgency, Urgency::Nearing(_) | Urgency::Holds);
            let end = row.handshake.breaks_at().filter(|_| dated);
            (end.is_none(), end)
        };
        // Dates, not severities, order what ends soon.
        let class = |row: &Row<'_>| match row.urgency {
            Urgency::Nearing(_) => Urgency::Nearing(Severity::Info),
            other => other,
        };
        rows.sort_by_key(|row| (class(row), end(row)));
        let (roots, consequences) = causes(&report.audit.findings);
        Self { report, rows, roots, consequences }
    }

    /// The decision: that of the exit code.
    pub(super) fn decision(&self) -> Decision {
        self.report.worst().into()
    }

    /// The version that is upgraded to.
    pub(super) fn target(&self) -> Option<KubernetesVersion> {
        self.report.policy.target.or(self.report.audit.upgrade.target)
    }

    /// The version that the cluster has.
    pub(super) fn present(&self) -> Option<KubernetesVersion> {
        self.report.policy.from.or(self.report.audit.upgrade.present)
    }

    /// What follows from the findings of a code, in the order of the findings.
    pub(super) fn consequences(&self, cause: Code) -> Vec<Consequence> {
        let mut all: Vec<Consequence> = Vec::new();
        let findings = self.consequences.get(&cause).map(Vec::as_slice).unwrap_or_default();
        for finding in findings {
            if all.iter().any(|known| known.code == finding.code) {
                continue;
            }
            let alike = || findings.iter().filter(|other| other.code == finding.code);
            let certificates: HashSet<_> = alike().flat_map(|finding| &finding.certificates).collect();
            all.push(Consequence { code: finding.code, findings: alike().count(), certificates: certificates.len() });
        }
        all
    }

    /// The cause to begin with: of the worst the one that breaks most.
    pub(super) fn first_step(&self) -> Option<&'r Finding> {
        let asks = |finding: &&&Finding| finding.severity > Severity::Info && !finding.hint.is_empty();
        // Of equals `max_by_key` takes the last: the first in the order of the checks.
        self.roots.iter().rev().filter(asks).max_by_key(|finding| (finding.severity, finding.handshakes.len())).copied()
    }

    /// Broken handshakes that no finding names, with what speaks against them.
    pub(super) fn unexplained(&self) -> Vec<(&'r Handshake, Vec<&'r Fault>)> {
        let named: HashSet<&str> =
            self.report.audit.findings.iter().flat_map(|finding| finding.handshakes.iter().map(String::as_str)).collect();
        let broken = self.rows.iter().map(|row| row.handshake).filter(|handshake| handshake.state() == State::Broken);
        broken.filter(|handshake| !named.contains(&*handshake.id())).map(|it| (it, it.faults().collect())).collect()
    }

    /// What is missing to tell, and for which handshakes, in the order of the handshakes.
    pub(super) fn missing(&self) -> Vec<(&'r str, Vec<&'r Handshake>)> {
        let mut all: Vec<(&str, Vec<&Handshake>)> = Vec::new();
        for row in self.rows.iter().filter(|row| row.urgency == Urgency::Unknown) {
            for side in [&row.handshake.client_side, &row.handshake.server_side] {
                let Standing::Unknown(reason) = &side.standing else { continue };
                match all.iter_mut().find(|(known, _)| known == reason) {
                    Some((_, handshakes)) if handshakes.last().is_some_and(|last| std::ptr::eq(*last, row.handshake)) => {}
                    Some((_, handshakes)) => handshakes.push(row.handshake),
                    None => all.push((reason, vec![row.handshake])),
                }
            }
        }
        all
    }

    /// The days to come on which handshakes break that are not broken yet, in order.
    pub(super) fn days(&self) -> Vec<Day<'r>> {
        let at = self.report.policy.at;
        let mut ends: Vec<(OffsetDateTime, Row<'_>)> = self
            .rows
            .iter()
            .filter(|row| row.handshake.state() != State::Broken)
            .filter_map(|row| Some((row.handshake.breaks_at().filter(|end| *end >= at && end.year() < 9999)?, *row)))
            .collect();
        ends.sort_by_key(|(end, _)| *end);
        ends.chunk_by(|(one, _), (next, _)| when::date(*one) == when::date(*next))
            .filter_map(|day| {
                let at = day.first()?.0;
                let mut certificates: Vec<&Certificate> = Vec::new();
                for certificate in day.iter().flat_map(|(_, row)| ending(self.report, row.handshake)) {
                    if !certificates.iter().any(|known| known.id == certificate.id) {
                        certificates.push(certificate);
                    }
                }
                let nearing = day.iter().filter_map(|(_, row)| handshake_nearing(self.report, row.handshake)).max();
                Some(Day { at, handshakes: day.iter().map(|(_, row)| row.handshake).collect(), certificates, nearing })
            })
            .collect()
    }
}

/// The findings that follow from no other, and those that do by the code of their cause. A cause that is not there is none.
fn causes(findings: &[Finding]) -> (Vec<&Finding>, HashMap<Code, Vec<&Finding>>) {
    let first: HashSet<Code> = findings.iter().filter(|finding| finding.because.is_none()).map(|finding| finding.code).collect();
    let next: HashMap<Code, Code> = findings.iter().filter_map(|finding| Some((finding.code, finding.because?))).collect();
    let cause = |finding: &Finding| {
        let mut code = finding.because?;
        for _ in Code::ALL {
            if first.contains(&code) {
                return Some(code);
            }
            code = *next.get(&code)?;
        }
        None
    };
    let mut roots = Vec::new();
    let mut consequences: HashMap<Code, Vec<&Finding>> = HashMap::new();
    for finding in findings {
        match cause(finding) {
            Some(code) => consequences.entry(code).or_default().push(finding),
            None => roots.push(finding),
        }
    }
    (roots, consequences)
}

fn urgency(report: &Report<'_>, handshake: &Handshake) -> Urgency {
    match handshake.state() {
        State::Broken if handshake.breaks_by_target() => Urgency::BreaksByTarget,
        State::Broken => Urgency::Broken,
        State::Unknown => Urgency::Unknown,
        State::Ok => handshake_nearing(report, handshake).map_or(Urgency::Holds, Urgency::Nearing),
    }
}

fn handshake_nearing(report: &Report<'_>, handshake: &Handshake) -> Option<Severity> {
    nearing(report, &handshake.client_side).max(nearing(report, &handshake.server_side))
}

/// How bad it is that a side ends when it does; `None` while there is time, and for a side that nobody looks at or believes.
fn nearing(report: &Report<'_>, side: &Side) -> Option<Severity> {
    let end = side.until.filter(|_| side.standing == Standing::Trusted)?;
    // What ends without being a certificate has the thresholds of one that lives a year.
    let validity = ender(report, side, end)
        .map_or(Validity { not_before: end.saturating_sub(Duration::days(365)), not_after: end }, |certificate| {
            certificate.validity
        });
    report.policy.nearing(validity, end)
}

/// The certificate that ends a side: its own, or the issuer whose end is the side's.
fn ender<'r>(report: &Report<'r>, side: &Side, end: OffsetDateTime) -> Option<&'r Certificate> {
    let node = report.graph.node(&side.certificate?)?;
    let own: &Certificate = report.graph.certificate(node);
    if own.validity.not_after == end {
        return Some(own);
    }
    let (effective, issuer) = report.graph.effective_end(node);
    Some(if effective == end { report.graph.certificate(issuer) } else { own })
}

/// The certificates whose end breaks a handshake first.
fn ending<'r>(report: &Report<'r>, handshake: &Handshake) -> impl Iterator<Item = &'r Certificate> {
    let first = handshake.breaks_at();
    [&handshake.client_side, &handshake.server_side].into_iter().filter_map(move |side| {
        let end = side.until.filter(|end| Some(*end) == first)?;
        ender(report, side, end)
    })
}

/// The hosts of a handshake where several are looked at, in parentheses as in its id.
pub(super) fn hosts(handshake: &Handshake) -> String {
    let id = handshake.id();
    let parties = format!("{}→{}", handshake.client, handshake.server);
    id.strip_prefix(&parties).unwrap_or_default().trim_start().to_owned()
}

/// The Go that a Kubernetes release is built with: `1.24.2`.
pub(super) fn go(version: KubernetesVersion) -> Option<String> {
    version.go().map(|(go, _)| if go.patch == 0 { format!("1.{}", go.minor) } else { format!("1.{}.{}", go.minor, go.patch) })
}
