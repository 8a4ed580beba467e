//! Findings: worst first, what is wrong, where, what to do. Those of one code stand together; a hint that several share is given once.

use super::index::Index;
use super::line::{Text, join};
use super::page::{Page, count, thousands};
use crate::model::{Code, Finding, Severity};
use crate::report::style::{Mark, Style};
use std::io;

/// Findings of one code before the rest is folded.
const PER_CODE: usize = 10;
/// Places of one finding before the rest is folded.
const PLACES: usize = 3;

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
    for group in groups(index.report.audit.findings.iter().collect()) {
        one_code(page, index, &group)?;
    }
    Ok(())
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

/// Where it is: a few places, then how many more.
fn places(page: &Page<'_>, index: &Index<'_>, finding: &Finding) -> Text {
    let most = if page.verbose() { usize::MAX } else { PLACES };
    let hidden = finding.origins.len().saturating_sub(most);
    let shown = join(finding.origins.iter().take(most).map(|(origin, _)| index.place(origin)), ", ");
    if hidden == 0 { shown } else { shown.say(" +").quote(thousands(hidden)) }
}
