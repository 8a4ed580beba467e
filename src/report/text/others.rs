//! Everything about one thing that is no certificate: a request, a key, a revocation list.

use super::facts::{LABEL, MOST, listed, names};
use super::index::{Index, Item};
use super::line::{Text, join};
use super::page::Page;
use crate::model::when;
use crate::model::{CertificateList, CertificationRequest, Content, Holding, KeyFormat, PrivateKey, PublicKey};
use crate::report::style::Style;
use std::io;

/// Facts under their labels, below a heading.
struct Card {
    heading: Text,
    facts: Vec<(&'static str, Text)>,
}

/// The thing fact by fact, if it is one that has facts.
pub(super) fn block(page: &mut Page<'_>, index: &Index<'_>, (holding, number): &Item<'_>) -> io::Result<()> {
    let Some(mut card) = holding.contents.get(*number).and_then(|content| card(index, holding, content)) else { return Ok(()) };
    let place = join([index.source(&holding.origin), Text::quoted(&holding.origin.field)], " ");
    card.facts.push(("found in", if *number == 0 { place } else { place.say(" #").quote(number) }));
    page.part()?;
    page.line(0, &card.heading.styled(Style::Strong))?;
    for (label, text) in card.facts.iter().filter(|(_, text)| !text.is_empty()) {
        page.hanging(2, &Text::of(label).styled(Style::Dim), LABEL, text)?;
    }
    Ok(())
}

/// Whether there is a card for this.
pub(super) fn has_card(content: &Content) -> bool {
    matches!(content, Content::Request(_) | Content::PrivateKey(_) | Content::PublicKey(_) | Content::Crl(_))
}

fn card(index: &Index<'_>, holding: &Holding, content: &Content) -> Option<Card> {
    match content {
        Content::Request(request) => Some(of_request(index, request)),
        Content::PrivateKey(key) => Some(of_private_key(holding, key)),
        Content::PublicKey(key) => Some(of_public_key(index, key)),
        Content::Crl(list) => Some(of_list(list)),
        _ => None,
    }
}

fn of_request(index: &Index<'_>, request: &CertificationRequest) -> Card {
    let mut facts = vec![("kind", Text::of("certification request (PKCS#10)"))];
    facts.extend(names(&request.sans).into_iter().map(|(label, names)| (label, listed(names, MOST))));
    facts.push(("key", with_private_half(index, &request.public_key)));
    facts.push(("sha256", Text::quoted(request.id)));
    facts.push(("spki sha256", Text::quoted(request.public_key.spki_sha256)));
    Card { heading: Text::of("request for ").quote(&request.subject), facts }
}

fn of_private_key(holding: &Holding, key: &PrivateKey) -> Card {
    let mode = holding.origin.document.access.map(|access| format!("{:04o}", access.mode & 0o7777));
    let mode = ("file mode", mode.map(Text::quoted).unwrap_or_default());
    match key {
        PrivateKey::Encrypted => Card { heading: Text::of("private key, encrypted"), facts: vec![mode] },
        PrivateKey::Plain { format, public } => {
            let format = match format {
                KeyFormat::Pkcs1 => "PKCS#1",
                KeyFormat::Pkcs8 => "PKCS#8",
                KeyFormat::Sec1 => "SEC1",
            };
            let spki = ("spki sha256", Text::quoted(public.spki_sha256));
            Card { heading: Text::of("private key ").quote(public), facts: vec![("format", Text::of(format)), spki, mode] }
        }
    }
}

fn of_public_key(index: &Index<'_>, key: &PublicKey) -> Card {
    let facts = vec![("key", with_private_half(index, key)), ("spki sha256", Text::quoted(key.spki_sha256))];
    Card { heading: Text::of("public key ").quote(key), facts }
}

fn of_list(list: &CertificateList) -> Card {
    let day = |instant| Text::quoted(when::to_the_second(instant)).say(" UTC");
    let facts = vec![
        ("kind", Text::of("certificate revocation list")),
        ("this update", day(list.this_update)),
        ("next update", list.next_update.map(day).unwrap_or_default()),
        ("number", list.number.as_ref().and_then(crate::model::Serial::decimal).map(Text::quoted).unwrap_or_default()),
        ("revoked", Text::quoted(list.revoked)),
        ("sha256", Text::quoted(list.id)),
    ];
    Card { heading: Text::of("CRL of ").quote(&list.issuer), facts }
}

/// A public key, and where its private half stands.
fn with_private_half(index: &Index<'_>, key: &PublicKey) -> Text {
    let text = Text::quoted(key);
    match index.private_half(key.spki_sha256) {
        Some(holding) => text.say(", private key in ").then(index.place(&holding.origin)),
        None => text,
    }
}
