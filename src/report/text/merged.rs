//! `merge`: the verdict, the findings worst first, what ends next, how much was merged.

use super::findings::{PER_CODE, PLACES};
use super::line::{Text, join};
use super::page::{Page, count, thousands};
use super::table::{Column, Table};
use crate::model::{Code, Severity, when};
use crate::report::merged::{Certificate, Finding, Id, Report};
use crate::report::style::{Mark, Style};
use std::collections::HashMap;
use std::io;

/// Certificates in the calendar.
const NEXT: usize = 5;
/// Findings that say of a certificate that its end is near.
const OF_DATES: [Code; 4] = [Code::Expiring, Code::CaExpiring, Code::IstioLeafOutlivesCa, Code::IssuerExpiresFirst];

const COLUMNS: &[Column] = &[Column::whole(""), Column::whole(""), Column::name("", 22), Column::path("", 16)];

/// The whole screen; the verdict alone.
pub(super) fn render(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let ends = ends(report);
    if page.quiet() {
        return page.unbroken(&verdict(report, &ends));
    }
    page.line(0, &verdict(report, &ends))?;
    if !report.findings.is_empty() {
        page.part()?;
    }
    let alike = |one: &Finding, other: &Finding| one.code == other.code && one.severity == other.severity;
    report.findings.chunk_by(alike).try_for_each(|group| one_code(page, group))?;
    calendar(page, report, &ends)?;
    page.part()?;
    page.line(0, &extent(report).styled(Style::Dim))
}

fn verdict(report: &Report, ends: &[&Certificate]) -> Text {
    let of = |severity| report.findings.iter().filter(|finding| Severity::from(finding.severity) == severity).count();
    let words = [(Severity::Critical, "critical"), (Severity::Unknown, "unknown"), (Severity::Warning, "warning")];
    let tally = join(
        words.into_iter().filter_map(|(severity, word)| match (of(severity), severity) {
            (0, _) => None,
            (number, Severity::Warning) => Some(count(number, word)),
            (number, _) => Some(Text::quoted(thousands(number)).say(" ").say(word)),
        }),
        ", ",
    );
    let tally = match (tally.is_empty(), report.certificates.is_empty()) {
        (true, false) => Text::of("all is well"),
        (true, true) => Text::of("nothing to judge"),
        (false, _) => tally,
    };
    let expired = report.certificates.len() - ends.len();
    let mut facts = Vec::from_iter((expired > 0).then(|| count(expired, "certificate").say(" expired")));
    if let Some(first) = ends.first() {
        let when = when::relative(report.at, first.facts.not_after.0);
        facts.push(Text::of("next to end is ").quote(first.facts.name()).say(", ").quote(when));
    }
    if report.certificates.is_empty() {
        facts.push(Text::of("no certificate found"));
    }
    let mark = match report.worst() {
        Severity::Info => Mark::Fine,
        worst => worst.into(),
    };
    Text::new().mark(mark).then(tally.styled(mark.style())).say(": ").then(join(facts, "; "))
}

/// Certificates that still have an end to come, the first one first.
fn ends(report: &Report) -> Vec<&Certificate> {
    let mut ends: Vec<_> = report.certificates.iter().filter(|certificate| certificate.facts.not_after.0 >= report.at).collect();
    ends.sort_by_key(|certificate| (certificate.facts.not_after, &certificate.facts.id));
    ends
}

fn one_code(page: &mut Page<'_>, group: &[Finding]) -> io::Result<()> {
    let Some(first) = group.first() else { return Ok(()) };
    let mark = Mark::from(Severity::from(first.severity));
    let mut heading = Text::new().mark(mark).then(Text::quoted(&first.code).styled(mark.style()));
    if group.len() > 1 {
        heading = heading.then(Text::of(" ×").quote(thousands(group.len())).styled(Style::Dim));
    }
    page.line(0, &heading)?;
    let (shown, hidden) = page.fold_to(group.iter().collect(), PER_CODE, |_| false);
    for (number, finding) in shown.iter().enumerate() {
        page.beside(4, &Text::quoted(&finding.message), &places(page, finding).styled(Style::Dim))?;
        let next = shown.get(number + 1);
        if next.is_none() {
            page.folded(4, hidden)?;
        }
        if next.is_none_or(|next| next.hint != finding.hint) && !finding.hint.is_empty() {
            page.hanging(4, &Text::of("do: "), 4, &Text::quoted(&finding.hint))?;
        }
    }
    Ok(())
}

fn places(page: &Page<'_>, finding: &Finding) -> Text {
    let most = if page.verbose() { usize::MAX } else { PLACES };
    let hidden = finding.origins.len().saturating_sub(most);
    let shown = join(finding.origins.iter().take(most).map(Text::quoted), ", ");
    if hidden == 0 { shown } else { shown.say(" +").quote(thousands(hidden)) }
}

fn calendar(page: &mut Page<'_>, report: &Report, ends: &[&Certificate]) -> io::Result<()> {
    if ends.is_empty() {
        return Ok(());
    }
    page.part()?;
    page.line(0, &Text::of("ends next").styled(Style::Strong))?;
    let marks = marks(report);
    let most = if page.verbose() { usize::MAX } else { NEXT };
    let mut table = Table::new(COLUMNS);
    for Certificate { facts, origins } in ends.iter().take(most) {
        let mark = marks.get(&facts.id).copied().unwrap_or(Mark::Fine);
        let style = if mark == Mark::Fine { Style::Plain } else { mark.style() };
        let date = Text::new().mark(mark).then(Text::quoted(when::date(facts.not_after.0)).styled(style));
        let quiet = if mark == Mark::Fine { Style::Dim } else { style };
        let distance = Text::quoted(when::relative(report.at, facts.not_after.0)).styled(quiet);
        let home = origins.first().map(|origin| Text::quoted(&origin.source)).unwrap_or_default();
        let home = if origins.len() > 1 { home.say(" +").quote(thousands(origins.len() - 1)) } else { home };
        table.row(Text::of("  "), [date, distance, Text::quoted(facts.name()), home.styled(Style::Dim)]);
    }
    page.table(&table)?;
    page.folded(2, ends.len().saturating_sub(most))
}

/// How near their ends are, by what the runs said of them.
fn marks(report: &Report) -> HashMap<&Id, Mark> {
    let mut marks: HashMap<&Id, Mark> = HashMap::new();
    for finding in report.findings.iter().filter(|finding| OF_DATES.iter().any(|code| code.as_str() == &*finding.code)) {
        let severity = Severity::from(finding.severity);
        for id in finding.certificates.iter().filter(|_| severity > Severity::Info) {
            let mark = marks.entry(id).or_insert(Mark::Fine);
            *mark = (*mark).max(severity.into());
        }
    }
    marks
}

/// `34 certificates, 21 different, of 8 results`.
fn extent(report: &Report) -> Text {
    let (places, different) = (report.places(), report.certificates.len());
    let mut text = count(places, "certificate");
    if places != different {
        text = text.say(", ").quote(thousands(different)).say(" different");
    }
    text.say(", of ").then(count(report.sources, "result"))
}
