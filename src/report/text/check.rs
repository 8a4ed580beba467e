//! `check`: the verdict, the findings worst first, what ends next, what was looked at.

use super::findings;
use super::index::{Index, short_name};
use super::line::{Text, join};
use super::page::{Page, count, thousands};
use super::status::{Status, footnote};
use super::table::{Column, Table};
use crate::audit::served::{self, Relation};
use crate::chain::NodeId;
use crate::model::when;
use crate::model::{Certificate, Code, Finding, OriginKind, Severity};
use crate::report::View;
use crate::report::style::{Mark, Style};
use std::collections::HashMap;
use std::io;

/// Certificates in the calendar.
const NEXT: usize = 5;

/// A different certificate and how it stands.
type End<'a> = (NodeId, &'a Certificate, Status);

const COLUMNS: &[Column] =
    &[Column::whole(""), Column::whole(""), Column::name("", 22), Column::name("", 13).or_nothing(1), Column::path("", 16)];

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let ends = ends(index);
    page.line(0, &verdict_line(index, &ends))?;
    if !index.report.audit.findings.is_empty() {
        page.part()?;
        findings::list(page, index)?;
    }
    calendar(page, index, &ends)?;
    peers(page, index)?;
    page.part()?;
    page.line(0, &examined(index).styled(Style::Dim))
}

/// The one line of `-q`, and the first one of `check`.
pub(super) fn verdict(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    page.unbroken(&verdict_line(index, &ends(index)))
}

fn verdict_line(index: &Index<'_>, ends: &[End<'_>]) -> Text {
    let findings = &index.report.audit.findings;
    let mark = findings::worst(findings);
    let tally = findings::tally(findings);
    let nothing = index.report.graph.nodes().next().is_none();
    let tally = match (tally.is_empty(), nothing) {
        (true, false) => Text::of("all is well"),
        (true, true) => Text::of("nothing to judge"),
        (false, _) => tally,
    };
    let mut facts = Vec::from_iter(reasons(findings));
    facts.extend(expired(index));
    if let Some((_, certificate, status)) = ends.first() {
        facts.push(Text::of("next to end is ").then(short_name(certificate)).say(", ").then(status.distance()));
    }
    if nothing {
        facts.push(Text::of("no certificate found"));
    }
    if index.report.view != View::Check {
        facts.push(examined(index));
    }
    Text::new().mark(mark).then(tally.styled(mark.style())).say(": ").then(join(facts, "; "))
}

/// The codes of the worst findings, where it is not dates that made them so: `next to end` explains nothing then.
fn reasons(findings: &[Finding]) -> Option<Text> {
    const OF_DATES: &[Code] = &[Code::Expired, Code::Expiring, Code::CaExpiring, Code::NotYetValid];
    let worst = findings.iter().map(|finding| finding.severity).max().filter(|worst| *worst > Severity::Info)?;
    let mut codes: Vec<Code> = findings.iter().filter(|finding| finding.severity == worst).map(|finding| finding.code).collect();
    codes.dedup();
    let explained = codes.iter().any(|code| OF_DATES.contains(code));
    (!explained).then(|| Text::quoted(codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")))
}

/// `11 certificates expired, the first 35 days ago`.
fn expired(index: &Index<'_>) -> Option<Text> {
    let at = index.report.policy.at;
    let over = index.report.graph.nodes().map(|(_, it)| it.validity.not_after).filter(|end| *end < at);
    let (number, first) = over.fold((0, at), |(number, first), end| (number + 1, first.min(end)));
    let since = when::relative(at, first);
    match number {
        0 => None,
        1 => Some(Text::of("1 certificate expired ").quote(since)),
        _ => Some(count(number, "certificate").say(" expired, the first ").quote(since)),
    }
}

/// Every different certificate that still has an end to come, by its effective end.
fn ends<'a>(index: &Index<'a>) -> Vec<End<'a>> {
    let at = index.report.policy.at;
    let mut ends: Vec<End<'_>> = index
        .report
        .graph
        .nodes()
        .map(|(node, certificate)| (node, &**certificate, index.status(certificate)))
        .filter(|(_, _, status)| status.end >= at)
        .collect();
    ends.sort_by_key(|(node, _, status)| (status.end, *node));
    ends
}

fn calendar(page: &mut Page<'_>, index: &Index<'_>, ends: &[End<'_>]) -> io::Result<()> {
    if ends.is_empty() {
        return Ok(());
    }
    let most = if page.verbose() { usize::MAX } else { NEXT };
    let hidden = ends.len().saturating_sub(most);
    page.part()?;
    page.line(0, &Text::of("ends next").styled(Style::Strong))?;
    let mut table = Table::new(COLUMNS);
    for (node, certificate, status) in ends.iter().take(most) {
        let kind = index.kind(certificate);
        table.row(Text::of("  "), [status.short(), status.distance(), short_name(certificate), kind, index.home(*node)]);
    }
    page.table(&table)?;
    if ends.iter().take(most).any(|(_, _, status)| status.ender.is_some()) {
        page.line(2, &footnote())?;
    }
    page.folded(2, hidden)
}

const PEERS: &[Column] = &[Column::name("", 18), Column::words("", 30)];

/// Which file each server was given, and whether it serves that.
fn peers(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let holdings = &index.report.inventory.holdings;
    let of_kind = |kind| holdings.iter().filter(move |holding| holding.origin.document.kind == kind);
    if of_kind(OriginKind::File).next().is_none() {
        return Ok(());
    }
    let served =
        of_kind(OriginKind::Peer).filter(|holding| holding.loopback().is_none() && holding.certificates().next().is_some());
    let files: HashMap<_, _> =
        served::compare(index.report.inventory).into_iter().map(|served| (served.peer.origin.place(), served)).collect();
    let mut table = Table::new(PEERS);
    for holding in served {
        let words = files.get(&holding.origin.place()).map_or_else(
            || Text::of("no file is known for it").styled(Style::Dim),
            |served| relation(served.relation).then(index.source(&served.file.origin)),
        );
        table.row(Text::of("  "), [index.source(&holding.origin), words]);
    }
    if table.is_empty() {
        return Ok(());
    }
    page.part()?;
    page.line(0, &Text::of("served").styled(Style::Strong))?;
    page.table(&table)
}

/// How what is served is to its file, up to the file's name.
pub(super) fn relation(relation: Relation) -> Text {
    let (mark, words) = match relation {
        Relation::Same => (Mark::Fine, "the same certificate as "),
        Relation::Older => (Mark::Caution, "from before the renewal of "),
        Relation::Newer => (Mark::Caution, "newer than "),
        Relation::Other => (Mark::Caution, "another one than "),
    };
    Text::new().mark(mark).then(Text::of(words).styled(mark.style()))
}

/// `34 certificates, 21 different, in 24 files`.
pub(super) fn examined(index: &Index<'_>) -> Text {
    let graph = index.report.graph;
    let (mut different, mut all) = (0_usize, 0_usize);
    for (node, _) in graph.nodes() {
        different += 1;
        all += graph.occurrences(node).len();
    }
    let mut text = count(all, "certificate");
    if all != different {
        text = text.say(", ").quote(thousands(different)).say(" different");
    }
    // A dozen kinds of hundreds of thousands of places.
    let mut kinds = Vec::new();
    for kind in index.report.inventory.holdings.iter().map(|holding| holding.origin.document.kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let is_file = |kind: &OriginKind| matches!(kind, OriginKind::File | OriginKind::Kubeconfig | OriginKind::Stdin);
    let examined = usize::try_from(index.report.inventory.examined).unwrap_or(usize::MAX);
    let servers = kinds.contains(&OriginKind::Peer);
    let mut paths = index.report.inventory.holdings.iter().map(|holding| holding.origin.document.path());
    match examined {
        0 => text,
        // Read from the API of a cluster.
        _ if !kinds.is_empty() && paths.all(|path| path.starts_with("https://")) => {
            text.say(", in ").then(count(examined, "object"))
        }
        _ if servers && kinds.iter().all(|kind| *kind == OriginKind::Peer) => text.say(", of ").then(count(examined, "server")),
        _ if kinds.iter().all(is_file) => text.say(", in ").then(count(examined, "file")),
        _ if servers => text.say(", in ").then(count(examined, "file")).say(", objects and servers"),
        _ => text.say(", in ").then(count(examined, "file")).say(" and objects"),
    }
}
