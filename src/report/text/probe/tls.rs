//! TLS servers: what was agreed on, the chain in its order, and of a single server every fact of it.

use super::super::check;
use super::super::facts;
use super::super::index::{Index, common_name, short_name};
use super::super::line::{Text, join};
use super::super::page::{Page, count, thousands};
use super::super::table::{Column, Table};
use super::super::verify;
use super::{NO_TALK, Talk, no_talk};
use crate::audit::served::Relation;
use crate::model::peer::{ClientAuth, End, Session};
use crate::model::{Code, Holding};
use crate::report::style::{Mark, Style};
use std::io;

/// Up to so many servers are shown one by one.
const FEW: usize = 3;

/// The servers. Returns the codes that were said with that.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, talks: &[Talk<'_>]) -> io::Result<&'static [Code]> {
    if talks.len() > FEW && !page.verbose() {
        summary(page, index, talks)?;
    } else {
        for talk in talks {
            page.part()?;
            one(page, index, talk)?;
        }
    }
    if talks.len() == 1 || page.verbose() {
        for (node, _) in index.report.graph.nodes().filter(|(node, _)| is_served(index, *node)) {
            page.part()?;
            facts::block(page, index, node)?;
        }
    }
    Ok(NO_TALK)
}

fn is_served(index: &Index<'_>, node: crate::chain::NodeId) -> bool {
    index.origins(node).any(|(origin, _)| origin.document.kind == crate::model::OriginKind::Peer)
}

const CHAIN: &[Column] =
    &[Column::whole(""), Column::name("", 20), Column::name("", 8).or_nothing(1), Column::whole(""), Column::whole("")];

/// One server.
fn one(page: &mut Page<'_>, index: &Index<'_>, talk: &Talk<'_>) -> io::Result<()> {
    let Some(session) = &talk.peer.session else {
        return page.line(0, &talk.name().styled(Style::Strong).say("  ").then(no_talk(talk)));
    };
    page.beside(0, &talk.name().styled(Style::Strong), &end(session))?;
    page.line(2, &agreed(session))?;
    if let ClientAuth::Asked(names) = &session.client_auth {
        page.line(2, &asked(names.iter().map(Text::quoted).collect()))?;
    }
    if let Some(file) = file(index, talk) {
        page.line(2, &file)?;
    }
    if let Some(holding) = talk.holding {
        page.table(&chain(index, holding))?;
        for (_, defect) in holding.defects() {
            page.line(2, &Text::new().mark(Mark::Unsure).then(Text::quoted(&defect.kind).styled(Style::Caution)))?;
        }
    }
    talk.verification.map_or(Ok(()), |verification| verify::of_peer(page, index, verification))
}

/// How the handshake ended.
fn end(session: &Session) -> Text {
    match &session.end {
        End::Completed => Text::new().mark(Mark::Fine).say("handshake completed"),
        End::Refused(alert) => Text::new().mark(Mark::Note).say("refused after the chain: ").quote(alert),
        End::ChainOnly => Text::new().mark(Mark::Note).say("chain read in clear, no handshake"),
        End::Distrusted => Text::new().mark(Mark::Bad).say("not trusted, nothing was sent"),
        End::Broken(reason) => Text::new().mark(Mark::Unsure).say("broken off after the chain: ").quote(reason),
    }
}

/// `TLS 1.3 · TLS_AES_128_GCM_SHA256 · X25519 · ALPN h2 · OCSP stapled`.
fn agreed(session: &Session) -> Text {
    let version = Text::quoted(session.version);
    let version = if session.version.is_old() { version.styled(Style::Caution) } else { version };
    let parts = [
        Some(version),
        session.cipher_suite.as_deref().map(Text::quoted),
        session.key_exchange.as_deref().map(Text::quoted),
        session.alpn.as_deref().map(|name| Text::of("ALPN ").quote(name)),
        session.ocsp_staple.then(|| Text::of("OCSP stapled")),
    ];
    join(parts.into_iter().flatten(), " · ")
}

fn asked(names: Vec<Text>) -> Text {
    const MOST: usize = 4;
    let (number, more) = (names.len(), names.len().saturating_sub(MOST));
    let text = Text::of("asks for a client certificate");
    let from = join(names.into_iter().take(MOST), "; ");
    match (number, more) {
        (0, _) => text,
        (_, 0) => text.say(" from ").then(from),
        _ => text.say(" from ").then(from).say(" and ").then(count(more, "other CA")),
    }
}

/// Which file it should be, and whether it is.
fn file(index: &Index<'_>, talk: &Talk<'_>) -> Option<Text> {
    let served = talk.file?;
    Some(check::relation(served.relation).then(index.source(&served.file.origin)))
}

fn chain(index: &Index<'_>, holding: &Holding) -> Table {
    let mut table = Table::new(CHAIN);
    for (number, certificate) in holding.certificates() {
        let status = index.status(certificate);
        let position = Text::of("#").quote(number).styled(Style::Dim);
        table.row(
            Text::of("  "),
            [position, common_name(certificate), index.kind(certificate), status.short(), status.distance()],
        );
    }
    table
}

const SUMMARY: &[Column] = &[
    Column::name("ENDPOINT", 18),
    Column::whole("PROTOCOL").or_nothing(2),
    Column::name("CERTIFICATE", 16),
    Column::whole("UNTIL"),
    Column::whole(""),
    Column::words("", 20),
];

/// Many servers, a row each.
fn summary(page: &mut Page<'_>, index: &Index<'_>, talks: &[Talk<'_>]) -> io::Result<()> {
    let is_trouble = |talk: &&Talk<'_>| {
        let leaf = talk.holding.and_then(|holding| holding.certificates().next());
        leaf.is_none_or(|(_, leaf)| index.status(leaf).mark != Mark::Fine)
    };
    let (shown, hidden) = page.fold(talks.iter().collect(), is_trouble);
    let mut table = Table::new(SUMMARY);
    for talk in shown {
        let leaf = talk.holding.and_then(|holding| holding.certificates().next());
        let (Some(session), Some((_, leaf))) = (&talk.peer.session, leaf) else {
            table.note(talk.name().say("  "), Text::of("    "), no_talk(talk));
            continue;
        };
        let status = index.status(leaf);
        let remark = if session.end == End::Completed { Text::new() } else { end(session) };
        let remark = join([remark, file(index, talk).filter(|_| is_drift(talk)).unwrap_or_default()], "; ");
        let protocol = Text::quoted(session.version);
        table.row(Text::new(), [talk.name(), protocol, short_name(leaf), status.short(), status.distance(), remark]);
    }
    page.table(&table)?;
    page.folded(0, hidden)?;
    let answered = talks.iter().filter(|talk| talk.peer.session.is_some()).count();
    page.part()?;
    page.line(0, &count(talks.len(), "server").say(", ").quote(thousands(answered)).say(" answered").styled(Style::Dim))
}

fn is_drift(talk: &Talk<'_>) -> bool {
    talk.file.is_some_and(|served| served.relation != Relation::Same)
}
