//! API servers and their loopback certificates: when each was started, when it has to be restarted.

use super::super::index::{Index, short_name};
use super::super::line::Text;
use super::super::page::Page;
use super::super::status::Status;
use super::super::table::{Column, Table};
use super::{Talk, no_talk};
use crate::audit::loopback::{RESTARTS, implies};
use crate::model::peer::Loopback;
use crate::model::{Code, when};
use crate::report::style::{Mark, Style};
use std::collections::BTreeMap;
use std::io;

const COLUMNS: &[Column] =
    &[Column::name("HOST", 15), Column::whole("API SERVER STARTED"), Column::words("LOOPBACK CERTIFICATE ENDS", 28)];

/// What the table and the advice below it say.
const SAID: &[Code] = &[Code::LoopbackExpired, Code::LoopbackExpiring, Code::Unreachable, Code::NotTls];

/// The table, what the lifetimes mean, what to do. Returns the codes that were said with that.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, talks: &[Talk<'_>]) -> io::Result<&'static [Code]> {
    let (shown, hidden) = page.fold(talks.iter().collect(), |talk| is_trouble(index, talk));
    let mut table = Table::new(COLUMNS);
    for talk in &shown {
        if let Some((loopback, status)) = served(index, talk) {
            let started = Text::quoted(when::date(loopback.started));
            let ago = Text::of(" (").quote(when::relative(index.report.policy.at, loopback.started)).say(")");
            table.row(
                Text::new(),
                [talk.name(), started.then(ago.styled(Style::Dim)), status.short().say("  ").then(distance(&status))],
            );
        } else {
            table.row(Text::new(), [talk.name(), Text::new(), not_served(talk)]);
        }
    }
    page.table(&table)?;
    page.folded(0, hidden)?;
    lifetimes(page, index, talks)?;
    advice(page, index, talks)?;
    if page.verbose() {
        for (node, _) in index.report.graph.nodes() {
            page.part()?;
            super::super::facts::block(page, index, node)?;
        }
    }
    Ok(SAID)
}

/// What came instead, or why nothing did.
fn not_served(talk: &Talk<'_>) -> Text {
    match talk.holding.and_then(|holding| holding.certificates().next()) {
        Some((_, leaf)) => {
            let verdict = Text::of("not served").styled(Style::Caution);
            Text::new().mark(Mark::Caution).then(verdict).say("; instead ").then(short_name(leaf))
        }
        None => no_talk(talk),
    }
}

/// The loopback certificate that came, and how it stands.
fn served(index: &Index<'_>, talk: &Talk<'_>) -> Option<(Loopback, Status)> {
    let holding = talk.holding?;
    let loopback = holding.loopback()?;
    let (_, leaf) = holding.certificates().next()?;
    Some((loopback, Status::of(index.report.policy, leaf, leaf.validity.not_after, None)))
}

fn is_trouble(index: &Index<'_>, talk: &Talk<'_>) -> bool {
    served(index, talk).is_none_or(|(_, status)| status.mark != Mark::Fine)
}

fn distance(status: &Status) -> Text {
    let over = Text::of(": this server can no longer reach itself").styled(Style::Bad);
    if status.is_over() { status.distance().then(over) } else { status.distance() }
}

/// `365-day certificates: Kubernetes up to 1.32.`
fn lifetimes(page: &mut Page<'_>, index: &Index<'_>, talks: &[Talk<'_>]) -> io::Result<()> {
    let mut known: BTreeMap<i64, Loopback> = BTreeMap::new();
    for (loopback, _) in talks.iter().filter_map(|talk| served(index, talk)) {
        known.entry(loopback.lifetime.whole_days()).or_insert(loopback);
    }
    if known.is_empty() {
        return Ok(());
    }
    page.part()?;
    for (days, loopback) in known {
        page.line(0, &Text::quoted(days).say("-day certificates: ").say(implies(&loopback)).say("."))?;
    }
    Ok(())
}

/// Who has to be restarted, the one that ends first before the others.
fn advice(page: &mut Page<'_>, index: &Index<'_>, talks: &[Talk<'_>]) -> io::Result<()> {
    let mut due: Vec<(Loopback, &Talk<'_>)> =
        talks.iter().filter(|talk| is_trouble(index, talk)).filter_map(|talk| Some((served(index, talk)?.0, talk))).collect();
    // A restart is no cure for a clock.
    due.retain(|(loopback, _)| loopback.started <= index.report.policy.at);
    if due.is_empty() {
        return Ok(());
    }
    due.sort_by_key(|(loopback, _)| loopback.ends);
    page.line(0, &Text::of("Only a restart makes a new one. One server at a time, worst first; after each:"))?;
    for (_, talk) in &due {
        page.line(2, &Text::of("kcert probe loopback ").quote(&talk.peer.origin.document.source))?;
    }
    page.part()?;
    page.line(0, &Text::of("how to restart kube-apiserver").styled(Style::Strong))?;
    let mut table = Table::new(HOW);
    for (what, how) in RESTARTS {
        table.row(Text::of("  "), [Text::of(what), Text::of(how)]);
    }
    page.table(&table)
}

const HOW: &[Column] = &[Column::whole(""), Column::words("", 30)];
