//! `preflight`: the decision in one line, the matrix of handshakes, what broke them, what could not be told, what the upgrade does, the
//! days to come, and in the last line, where the eye of who ran it is, what to do first.

mod matrix;
#[cfg(test)]
mod screens;

use super::check::examined;
use super::findings;
use super::index::{Index, short_name};
use super::line::{Text, join};
use super::page::{Page, count, folded, thousands};
use super::table::{Column, Table};
use crate::model::handshake::Fault;
use crate::model::{Certificate, Distribution, Finding, Handshake, when};
use crate::report::preflight::{Clause, Decision, Naming, Preflight, go, hosts};
use crate::report::style::{Mark, Style};
use crate::verify::KubernetesVersion;
use std::io;

/// Days in the calendar.
const DAYS: usize = 5;
/// Handshakes named in a row before they are counted.
const NAMED: usize = 2;
/// Handshakes named of those that could not be told for one reason.
const UNTOLD: usize = 4;

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let preflight = Preflight::of(index.report);
    page.beside(0, &summary(&preflight), &about(&preflight).styled(Style::Dim))?;
    matrix::render(page, index, &preflight)?;
    causes(page, index, &preflight)?;
    missing(page, &preflight)?;
    upgrade(page, &preflight)?;
    calendar(page, &preflight)?;
    joining(page, &preflight)?;
    page.part()?;
    page.line(0, &examined(index).styled(Style::Dim))?;
    first_step(page, &preflight)
}

/// The one line of `-q`.
pub(super) fn verdict(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    page.unbroken(&summary(&Preflight::of(index.report)))
}

/// `NO-GO for 1.33: 2 handshakes broken, 1 breaks in 12 days (kubelet → kube-apiserver)`.
fn summary(preflight: &Preflight<'_>) -> Text {
    let look = preflight.report.look;
    let style = match preflight.decision() {
        Decision::Go => Style::Good,
        Decision::GoWithWarnings | Decision::CouldNotTell => Style::Caution,
        Decision::NoGo => Style::Bad,
    };
    let clauses = preflight.clauses();
    let most_wanted = clauses.iter().map(|clause| clause.naming).min();
    let line = |names: &[usize]| {
        let clauses = clauses.iter().zip(names).map(|(clause, names)| said(clause, *names));
        Text::quoted(preflight.verdict()).styled(style).say(": ").then(join(clauses, ", "))
    };
    let mut names: Vec<usize> = clauses.iter().map(|clause| usize::from(clause.naming == Naming::First)).collect();
    // Somebody is named in any case, the others where the line has room for them.
    if let Some(first) = names.first_mut().filter(|_| most_wanted == Some(Naming::Room)) {
        *first = 1;
    }
    for (number, clause) in clauses.iter().enumerate().filter(|(_, clause)| clause.naming == Naming::Room) {
        for more in 1..=clause.handshakes.len().min(NAMED) {
            let wider: Vec<usize> = names.iter().enumerate().map(|(at, now)| if at == number { more } else { *now }).collect();
            if line(&wider).draw(look).width() <= look.width {
                names = wider;
            }
        }
    }
    line(&names)
}

/// A clause with so many of its handshakes named.
fn said(clause: &Clause<'_>, number: usize) -> Text {
    let words = Text::quoted(&clause.words);
    if number == 0 {
        return words;
    }
    let more = clause.naming == Naming::Room && clause.handshakes.len() > number;
    let named = join(clause.handshakes.iter().take(number).map(|handshake| name(handshake)), ", ");
    words.say(" (").then(named).say(if more { ", …)" } else { ")" })
}

/// `kubelet → kube-apiserver (cp-1)`.
fn name(handshake: &Handshake) -> Text {
    join([Text::quoted(&handshake.client).say(" → ").quote(&handshake.server), side_by_side(&hosts(handshake))], " ")
}

/// `(w1→cp-1)` with an arrow that the terminal has.
fn side_by_side(hosts: &str) -> Text {
    join(hosts.split('→').map(Text::quoted), " → ")
}

/// The first few by name, then how many more.
fn names(handshakes: &[&Handshake], most: usize) -> Text {
    let hidden = handshakes.len().saturating_sub(most);
    let shown = join(handshakes.iter().take(most).map(|handshake| name(handshake)), ", ");
    if hidden == 0 { shown } else { shown.say(" +").quote(thousands(hidden)) }
}

/// `cp-1, kubeadm, Kubernetes 1.32.4`.
fn about(preflight: &Preflight<'_>) -> Text {
    let hosts = &preflight.report.inventory.hosts;
    let host = match hosts.as_slice() {
        [only] => only.name.as_ref().map(Text::quoted).unwrap_or_default(),
        [] => Text::new(),
        several => count(several.len(), "host"),
    };
    let mut layouts: Vec<Distribution> = hosts.iter().flat_map(|host| host.layouts.iter().copied()).collect();
    layouts.sort_unstable();
    layouts.dedup();
    let layouts = layouts.into_iter().map(|layout| Text::of(layout.as_str()));
    let version = preflight.present().map(|version| Text::of("Kubernetes ").quote(version));
    join([host].into_iter().chain(layouts).chain(version), ", ")
}

/// The causes, and what is broken without one.
fn causes(page: &mut Page<'_>, index: &Index<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    let unexplained = preflight.unexplained();
    if preflight.roots.is_empty() && unexplained.is_empty() {
        return Ok(());
    }
    page.part()?;
    let (shown, hidden) = page.fold(unexplained, |_| false);
    for (handshake, faults) in &shown {
        let name = name(handshake).styled(Mark::Bad.style());
        page.line(0, &Text::new().mark(Mark::Bad).then(name))?;
        faults.iter().try_for_each(|fault| one_fault(page, fault))?;
    }
    page.folded(0, hidden)?;
    findings::causes(page, index, preflight)
}

fn one_fault(page: &mut Page<'_>, fault: &Fault) -> io::Result<()> {
    let text = Text::quoted(&fault.message).say("  ").then(Text::of(fault.code.as_str()).styled(Style::Dim));
    page.line(4, &text)
}

/// What would have to be looked at to tell the rest.
fn missing(page: &mut Page<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    let missing = preflight.missing();
    if missing.is_empty() {
        return Ok(());
    }
    page.part()?;
    page.line(0, &Text::of("could not be told").styled(Style::Strong))?;
    let most = if page.verbose() { usize::MAX } else { UNTOLD };
    for (reason, handshakes) in missing {
        let reason = Text::new().mark(Mark::Unsure).quote(reason).say(": ");
        page.line(2, &reason.then(names(&handshakes, most)))?;
    }
    Ok(())
}

const NOTES: &[Column] = &[Column::name("", 12), Column::words("", 30)];

/// From which version to which, and what that does to certificates.
fn upgrade(page: &mut Page<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    let upgrade = &preflight.report.audit.upgrade;
    if upgrade.notes.is_empty() && preflight.target().is_none() {
        return Ok(());
    }
    let heading = match (preflight.present(), preflight.target()) {
        (Some(from), Some(to)) => Text::of("upgrade ").then(version(from)).say(" → ").then(version(to)),
        (None, Some(to)) => Text::of("upgrade to ").then(version(to)),
        (Some(from), None) => Text::of("Kubernetes ").then(version(from)),
        (None, None) => Text::of("upgrade"),
    };
    page.part()?;
    page.line(0, &heading.styled(Style::Strong))?;
    let mut table = Table::new(NOTES);
    for note in &upgrade.notes {
        let text = Text::quoted(&note.text);
        let source = Text::quoted(note.citation).styled(Style::Dim);
        let text = if page.verbose() { join([text, source], "  ") } else { text };
        table.row(Text::of("  "), [Text::quoted(&note.about), text]);
    }
    page.table(&table)
}

/// `1.33 (Go 1.24.2)`.
fn version(version: KubernetesVersion) -> Text {
    let text = Text::quoted(version);
    match go(version) {
        Some(go) => text.say(" (Go ").quote(go).say(")"),
        None => text,
    }
}

const CALENDAR: &[Column] = &[Column::whole(""), Column::whole(""), Column::name("", 14), Column::words("", 34)];

/// When which handshakes break next.
fn calendar(page: &mut Page<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    let (shown, hidden) = page.fold_to(preflight.days(), DAYS, |_| false);
    if shown.is_empty() {
        return Ok(());
    }
    page.part()?;
    page.line(0, &Text::of("breaks next").styled(Style::Strong))?;
    let mut table = Table::new(CALENDAR);
    for day in &shown {
        let style = day.nearing.map_or(Style::Plain, |severity| Mark::from(severity).style());
        let mark = if day.nearing.is_some() { Mark::Caution } else { Mark::Fine };
        let date = Text::new().mark(mark).then(Text::quoted(when::date(day.at)).styled(style));
        let quiet = if day.nearing.is_some() { style } else { Style::Dim };
        let distance = Text::quoted(when::relative(preflight.report.policy.at, day.at)).styled(quiet);
        table.row(Text::of("  "), [date, distance, certificates(&day.certificates), which(page, &day.handshakes)]);
    }
    page.table(&table)?;
    if hidden == 0 { Ok(()) } else { page.line(2, &folded(hidden)) }
}

/// Handshakes by name, or by how many they are.
fn which(page: &Page<'_>, handshakes: &[&Handshake]) -> Text {
    if page.verbose() || handshakes.len() <= NAMED {
        return names(handshakes, usize::MAX);
    }
    count(handshakes.len(), "handshake")
}

/// What a node that joins is to be told of the CA.
fn joining(page: &mut Page<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    let hashes = &preflight.report.audit.discovery_hashes;
    if hashes.is_empty() {
        return Ok(());
    }
    page.part()?;
    page.line(0, &Text::of("nodes join with").styled(Style::Strong))?;
    hashes.iter().try_for_each(|hash| page.unbroken(&Text::of("  --discovery-token-ca-cert-hash sha256:").quote(hash)))
}

/// The certificates that end, the first by name.
fn certificates(certificates: &[&Certificate]) -> Text {
    let Some(first) = certificates.first() else { return Text::new() };
    match certificates.len() - 1 {
        0 => short_name(first),
        more => short_name(first).say(" +").quote(thousands(more)),
    }
}

/// The last line.
fn first_step(page: &mut Page<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    let Some(finding) = preflight.first_step() else { return Ok(()) };
    page.part()?;
    let label = Text::of("What to do first  ").styled(Style::Strong);
    let why = Text::of("(").say(finding.code.as_str()).then(mends(finding)).say(")").styled(Style::Dim);
    page.hanging(0, &label, 4, &join([Text::quoted(&finding.hint), why], "  "))
}

/// `, 5 handshakes`.
fn mends(finding: &Finding) -> Text {
    match finding.handshakes.len() {
        0 => Text::new(),
        several => Text::of(", ").then(count(several, "handshake")),
    }
}
