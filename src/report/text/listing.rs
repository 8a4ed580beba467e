//! Things one below the other: where, what, for what, until when.

use super::index::{Index, Item, field, short_name};
use super::line::Text;
use super::page::Page;
use super::status::{Status, footnote};
use super::table::{Column, Table};
use crate::model::{Content, Credential, Holding, PrivateKey, Severity};
use crate::report::style::{Mark, Style};
use std::io;
use time::OffsetDateTime;

const COLUMNS: &[Column] = &[Column::path("WHERE", 16), FIELD, NAME, USE, UNTIL, DISTANCE, KEY];
/// The same with the place on a line of its own.
const GROUPED: &[Column] = &[Column::path("", 2), FIELD, NAME, USE, UNTIL, DISTANCE, KEY];

const FIELD: Column = Column::name("FIELD", 8);
const NAME: Column = Column::name("NAME", 14);
const USE: Column = Column::name("USE", 8).or_nothing(1);
const UNTIL: Column = Column::whole("UNTIL");
const DISTANCE: Column = Column::whole("");
const KEY: Column = Column::whole("KEY");

/// Columns that everything but the place wants. Where the places do not fit beside it, an object or bundle stands on a line above what
/// it holds: a namespace cut off is a wrong name.
const BESIDE: usize = 90;

/// A section: a heading, and a row for each thing.
pub(super) fn section(page: &mut Page<'_>, index: &Index<'_>, heading: Text, items: Vec<Item<'_>>) -> io::Result<()> {
    let items: Vec<Item<'_>> =
        items.into_iter().filter(|item| page.verbose() || !is_beside_its_certificate(index, item)).collect();
    if items.is_empty() {
        return Ok(());
    }
    page.part()?;
    if !heading.is_empty() {
        page.line(0, &heading.styled(Style::Strong))?;
    }
    let (items, hidden) = page.fold(items, |item| index.is_trouble(item));
    let widest =
        items.iter().map(|(holding, _)| index.source(&holding.origin).draw(index.report.look).width()).max().unwrap_or_default();
    let has_parts = items.iter().any(|(holding, number)| *number > 0 || !holding.origin.field.is_empty());
    let grouped = has_parts && page.width() < widest + BESIDE;
    let mut table = Table::new(if grouped { GROUPED } else { COLUMNS });
    let mut last: Option<&Holding> = None;
    for (holding, number) in &items {
        let (mut source, mut part) = (index.source(&holding.origin), field(&holding.origin.field));
        let same = last.filter(|last| last.origin.document == holding.origin.document);
        if same.is_some_and(|last| last.origin.field == holding.origin.field) {
            part = Text::new();
        }
        if same.is_some() {
            source = Text::new();
        } else if grouped {
            table.note(Text::of("  "), Text::of("    "), std::mem::take(&mut source));
        }
        last = Some(holding);
        let Some(content) = holding.contents.get(*number) else { continue };
        let [name, usage, until, distance, key] = cells(index, holding, content);
        table.row(Text::of("  "), [source, part, name, usage, until, distance, key]);
    }
    page.table(&table)?;
    if items.iter().any(|item| has_star(index, item)) {
        page.line(2, &footnote())?;
    }
    page.folded(2, hidden)
}

/// Whether an issuer ends this before its time.
pub(super) fn has_star(index: &Index<'_>, (holding, number): &Item<'_>) -> bool {
    match holding.contents.get(*number) {
        Some(Content::Certificate(certificate)) => index.status(certificate).ender.is_some(),
        _ => false,
    }
}

/// A private key whose certificate is shown needs no row: the KEY column has it.
pub(super) fn is_beside_its_certificate(index: &Index<'_>, (holding, number): &Item<'_>) -> bool {
    match holding.contents.get(*number) {
        Some(Content::PrivateKey(key)) => key.public().is_some_and(|public| index.is_certified(public.spki_sha256)),
        _ => false,
    }
}

/// Name, use, end, distance, key.
pub(super) fn cells(index: &Index<'_>, holding: &Holding, content: &Content) -> [Text; 5] {
    let at = index.report.policy.at;
    let ending = |end, severity| {
        let status = Status::ending(at, end, severity);
        (status.short(), status.distance())
    };
    let none = Text::new;
    match content {
        Content::Certificate(certificate) => {
            let status = index.status(certificate);
            let key = index.key(certificate, &holding.origin).text();
            [short_name(certificate), index.kind(certificate), status.short(), status.distance(), key]
        }
        Content::PrivateKey(key) => match &**key {
            PrivateKey::Plain { public, .. } => [Text::of("private key ").quote(public), none(), none(), none(), none()],
            PrivateKey::Encrypted => [Text::of("private key, encrypted"), none(), none(), none(), none()],
        },
        Content::PublicKey(public) => {
            let key = index.private_half(public.spki_sha256).map(|_| Text::new().mark(Mark::Fine)).unwrap_or_default();
            [Text::of("public key ").quote(public), none(), none(), none(), key]
        }
        Content::Request(request) => {
            let key = index.private_half(request.public_key.spki_sha256).map(|_| Text::new().mark(Mark::Fine));
            [Text::of("request for ").quote(&request.subject), Text::of("request"), none(), none(), key.unwrap_or_default()]
        }
        Content::Crl(list) => {
            let name = Text::of("CRL of ").quote(&list.issuer).say(", ").quote(list.revoked).say(" revoked");
            let (until, distance) = list.next_update.map(|end| ending(end, Severity::Warning)).unwrap_or_default();
            [name, Text::of("CRL"), until, distance, none()]
        }
        Content::Credential(credential) => {
            let (name, expires) = credential_name(credential);
            let (until, distance) =
                expires.map(|end| ending(end, Severity::Critical)).unwrap_or((none(), Text::of("no end").styled(Style::Dim)));
            [name, Text::of("token"), until, distance, none()]
        }
        Content::Defect(defect) => {
            let (mark, style) = match defect.kind.severity() {
                Severity::Info => (Mark::Note, Style::Dim),
                _ => (Mark::Bad, Style::Bad),
            };
            let text = Text::new().mark(mark).quote(&defect.kind).styled(style);
            [text, none(), none(), none(), none()]
        }
    }
}

fn credential_name(credential: &Credential) -> (Text, Option<OffsetDateTime>) {
    match credential {
        Credential::Token { expires, subject } => {
            let name = subject.as_deref().map_or_else(|| Text::of("bearer token"), Text::quoted);
            (name, *expires)
        }
        Credential::BootstrapToken { id, expires } => (Text::of("bootstrap token ").quote(id), *expires),
    }
}
