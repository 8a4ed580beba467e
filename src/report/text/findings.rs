//! Findings: worst first, what is wrong, where, what to do. Those of one code stand together; a hint that several share is given once.

use super::index::Index;
use super::line::{Text, join};
use super::page::{Page, count, thousands};
use crate::model::{Code, Finding, Severity, State};
use crate::report::preflight::{Consequence, Preflight};
use crate::report::style::{Mark, Style};
use std::io;

/// Findings of one code before the rest is folded.
pub(super) const PER_CODE: usize = 10;
/// Places of one finding, and handshakes, before the rest is folded.
pub(super) const PLACES: usize = 3;

/// `2 critical, 1 warning`, worst first; empty without findings. Notes do not count: they ask for nothing.
pub(super) fn tally(findings: &[Finding]) -> Text {
    let words = [(Severity::Critical, "critical"), (Severity::Unknown, "unknown"), (Severity::Warning, "warning")];
    join(
        words.into_iter().filter_map(|(severity, word)| {
            let number = findings.iter().filter(|finding| finding.severity == severity).count();
            match (number, severity) {
                (0, _) => None,
                (_, Severity::Warning) => Some(count(number, word)),
                _ => Some(Text::quoted(thousands(number)).say(" ").say(word)),
            }
        }),
        ", ",
    )
}

/// The mark of the worst finding.
pub(super) fn worst(findings: &[Finding]) -> Mark {
    match findings.iter().map(|finding| finding.severity).max() {
        None | Some(Severity::Info) => Mark::Fine,
        Some(severity) => severity.into(),
    }
}

/// The findings below the facts, headed by how many there are.
pub(super) fn below_facts(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    below_others(page, index, &[])
}

/// The same without those codes that the facts above say already.
pub(super) fn below_others(page: &mut Page<'_>, index: &Index<'_>, said: &[Code]) -> io::Result<()> {
    let all = &index.report.audit.findings;
    let findings: Vec<&Finding> = all.iter().filter(|finding| page.verbose() || !said.contains(&finding.code)).collect();
    if findings.is_empty() {
        return Ok(());
    }
    page.part()?;
    let tally = tally(all);
    let heading = if tally.is_empty() { Text::of("worth knowing") } else { tally };
    page.line(0, &heading.styled(Style::Strong))?;
    groups(findings).iter().try_for_each(|group| one_code(page, index, group))
}

/// The findings, code by code.
pub(super) fn list(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    these(page, index, index.report.audit.findings.iter().collect())
}

/// Some of them, code by code.
pub(super) fn these(page: &mut Page<'_>, index: &Index<'_>, findings: Vec<&Finding>) -> io::Result<()> {
    groups(findings).iter().try_for_each(|group| one_code(page, index, group))
}

/// The causes, code by code, each with what follows from it.
pub(super) fn causes(page: &mut Page<'_>, index: &Index<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    let (shown, notes): (Vec<&Finding>, Vec<&Finding>) =
        preflight.roots.iter().partition(|finding| page.verbose() || finding.severity > Severity::Info);
    let mut told: Vec<Code> = Vec::new();
    for group in groups(shown) {
        one_code(page, index, &group)?;
        let code = group.first().map(|first| first.code).filter(|code| !told.contains(code));
        let with_it = join(code.iter().flat_map(|code| preflight.consequences(*code)).map(consequence), ", ");
        told.extend(code);
        if !with_it.is_empty() {
            page.hanging(4, &Text::of("with it: "), 4, &with_it.styled(Style::Dim))?;
        }
    }
    let names = groups(notes).into_iter().filter_map(|group| {
        let name = Text::of(group.first()?.code.as_str());
        Some(if group.len() > 1 { name.say(" ×").quote(thousands(group.len())) } else { name })
    });
    let names = join(names, ", ");
    if names.is_empty() {
        return Ok(());
    }
    let text = Text::new().mark(Mark::Note).say("worth knowing: ").then(names).say(" (-v tells)");
    page.line(0, &text.styled(Style::Dim))
}

/// `outlives-issuer (12 certificates)`.
fn consequence(consequence: Consequence) -> Text {
    let name = Text::of(consequence.code.as_str());
    match (consequence.certificates, consequence.findings) {
        (0, 1) => name,
        (0, findings) => name.say(" ×").quote(thousands(findings)),
        (certificates, _) => name.say(" (").then(count(certificates, "certificate")).say(")"),
    }
}

/// Findings of one severity and code, in the order in which the first of each was met.
fn groups(findings: Vec<&Finding>) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let group = groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| first.code == finding.code && first.severity == finding.severity));
        match group {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn one_code(page: &mut Page<'_>, index: &Index<'_>, group: &[&Finding]) -> io::Result<()> {
    let Some(first) = group.first() else { return Ok(()) };
    let mark = Mark::from(first.severity);
    let mut heading = Text::new().mark(mark).then(Text::of(first.code.as_str()).styled(mark.style()));
    if group.len() > 1 {
        heading = heading.then(Text::of(" ×").quote(thousands(group.len())).styled(Style::Dim));
    }
    page.line(0, &heading)?;
    let (shown, hidden) = page.fold_to(group.to_vec(), PER_CODE, |_| false);
    for (number, finding) in shown.iter().enumerate() {
        page.beside(4, &Text::quoted(&finding.message), &places(page, index, finding).styled(Style::Dim))?;
        broken(page, index, finding)?;
        match shown.get(number + 1) {
            Some(next) if next.hint == finding.hint => {}
            Some(_) => hint(page, finding)?,
            None => {
                page.folded(4, hidden)?;
                hint(page, finding)?;
            }
        }
    }
    Ok(())
}

fn hint(page: &mut Page<'_>, finding: &Finding) -> io::Result<()> {
    if finding.hint.is_empty() { Ok(()) } else { page.hanging(4, &Text::of("do: "), 4, &Text::quoted(&finding.hint)) }
}

/// The handshakes that it breaks, or will.
fn broken(page: &mut Page<'_>, index: &Index<'_>, finding: &Finding) -> io::Result<()> {
    let Some(first) = finding.handshakes.first() else { return Ok(()) };
    let known = index.report.audit.handshakes.iter().find(|handshake| handshake.id() == *first);
    let holds = known.is_some_and(|handshake| handshake.state() == State::Ok);
    let most = if page.verbose() { usize::MAX } else { PLACES };
    let hidden = finding.handshakes.len().saturating_sub(most);
    let names = join(finding.handshakes.iter().take(most).map(|id| handshake(id)), ", ");
    let names = if hidden == 0 { names } else { names.say(" +").quote(thousands(hidden)) };
    page.hanging(4, &Text::of(if holds { "will break: " } else { "breaks: " }), 4, &names)
}

/// A handshake by its id, with arrows that the terminal has.
fn handshake(id: &str) -> Text {
    join(id.split('→').map(Text::quoted), " → ")
}

/// Where it is: a few places, then how many more.
fn places(page: &Page<'_>, index: &Index<'_>, finding: &Finding) -> Text {
    let most = if page.verbose() { usize::MAX } else { PLACES };
    let hidden = finding.origins.len().saturating_sub(most);
    let shown = join(finding.origins.iter().take(most).map(|(origin, _)| index.place(origin)), ", ");
    if hidden == 0 { shown } else { shown.say(" +").quote(thousands(hidden)) }
}
