//! Everything about one certificate.

use super::index::{Index, KeyState, identity};
use super::line::{Text, join};
use super::page::{Page, count, folded};
use crate::chain::NodeId;
use crate::model::digest::Hex;
use crate::model::when;
use crate::model::{Certificate, GeneralName};
use crate::report::style::{Mark, Style};
use std::io;

/// Columns of the labels.
pub(super) const LABEL: usize = 14;
/// Names of a certificate, and places of it, before the rest is folded.
pub(super) const MOST: usize = 12;

/// The certificate of a node, fact by fact.
pub(super) fn block(page: &mut Page<'_>, index: &Index<'_>, node: NodeId) -> io::Result<()> {
    let certificate = index.certificate(node);
    page.line(0, &Text::quoted(certificate.display_name()).styled(Style::Strong))?;
    let mut fact = |label: &'static str, text: Text| {
        if text.is_empty() { Ok(()) } else { page.hanging(2, &Text::of(label).styled(Style::Dim), LABEL, &text) }
    };
    let most = if index.is_verbose() { usize::MAX } else { MOST };
    fact("kind", index.kind(certificate))?;
    fact("user", identity(certificate).unwrap_or_default())?;
    fact("valid", validity(index, certificate))?;
    fact("issuer", issuer(index, node, certificate))?;
    fact("serial", Text::quoted(certificate.serial.hex()))?;
    fact("decimal", certificate.serial.decimal().map(Text::quoted).unwrap_or_default())?;
    fact("key", key(index, node, certificate))?;
    fact("signature", Text::quoted(&certificate.signature_algorithm))?;
    for (label, names) in names(&certificate.sans) {
        fact(label, listed(names, most))?;
    }
    fact(
        "key usage",
        certificate.key_usage.map(|usage| Text::quoted(usage.names().collect::<Vec<_>>().join(", "))).unwrap_or_default(),
    )?;
    fact("extended", extended(certificate))?;
    fact("constraints", constraints(certificate))?;
    fact("subject key", key_id(certificate.subject_key_id.as_deref()))?;
    fact("issuer key", key_id(certificate.authority_key_id.as_deref()))?;
    for (oid, reason) in &certificate.malformed_extensions {
        fact("malformed", Text::new().mark(Mark::Bad).say("extension ").quote(oid).say(": ").quote(reason))?;
    }
    fact("sha256", Text::quoted(certificate.id))?;
    fact("spki sha256", Text::quoted(certificate.public_key.spki_sha256))?;
    let places: Vec<Text> = index
        .origins(node)
        .map(|(origin, number)| {
            let place = join([index.source(origin), Text::quoted(&origin.field)], " ");
            let place = if number == 0 { place } else { place.say(" #").quote(number) };
            origin.role.map_or(place.clone(), |role| place.say(" (").say(role.as_str()).say(")"))
        })
        .collect();
    let hidden = places.len().saturating_sub(most);
    for (number, place) in places.into_iter().take(most).enumerate() {
        fact(if number == 0 { "found in" } else { " " }, place)?;
    }
    if hidden > 0 { fact(" ", folded(hidden)) } else { Ok(()) }
}

fn validity(index: &Index<'_>, certificate: &Certificate) -> Text {
    let status = index.status(certificate);
    let (from, to) = (certificate.validity.not_before, certificate.validity.not_after);
    let text = Text::quoted(when::to_the_second(from)).say(" to ").quote(when::to_the_second(to)).say(" UTC  ");
    let text = text.mark(status.mark).then(status.distance());
    match status.ender {
        Some(issuer) => text.say(", when its issuer ends: ").quote(index.certificate(issuer).display_name()),
        None => text,
    }
}

fn issuer(index: &Index<'_>, node: NodeId, certificate: &Certificate) -> Text {
    let graph = index.report.graph;
    let name = Text::quoted(&certificate.issuer);
    if graph.is_self_signed(node) {
        return name.say(" (itself)");
    }
    match graph.issuers(node).as_slice() {
        [] if graph.candidates(node).is_empty() => name.say(" (not among the sources)"),
        [] if graph.is_exhausted() => name.say(" (too many of this name among the sources to tell which)"),
        [] => name.say(" (not among the sources: there the name belongs to another key)"),
        [_] => name.say(" (among the sources, signature valid)"),
        several => name.say(" (").then(count(several.len(), "certificate")).say(" of this issuer among the sources)"),
    }
}

fn key(index: &Index<'_>, node: NodeId, certificate: &Certificate) -> Text {
    let text = Text::quoted(&certificate.public_key);
    let states = index.origins(node).map(|(origin, _)| index.key(certificate, origin));
    let worst = states.fold(KeyState::NotFound, |seen, state| if matches!(seen, KeyState::Differs) { seen } else { state });
    match worst {
        KeyState::Matches(holding) => {
            let text = text.say(", private key in ").then(index.place(&holding.origin));
            let mode = holding.origin.document.access.map(|access| format!("{:04o}", access.mode & 0o7777));
            mode.map_or(text.clone(), |mode| text.say(" (mode ").quote(mode).say(")"))
        }
        KeyState::Differs => text.say(", ").mark(Mark::Bad).say("the private key beside it is another one"),
        KeyState::NotFound => text,
    }
}

/// Alternative names by kind, under their labels.
pub(super) fn names(sans: &[GeneralName]) -> Vec<(&'static str, Vec<Text>)> {
    let mut groups: Vec<(&'static str, Vec<Text>)> = Vec::new();
    for san in sans {
        let (label, name) = match san {
            GeneralName::Dns(name) => ("DNS names", Text::quoted(name)),
            GeneralName::Ip(address) => ("IP addresses", Text::quoted(address)),
            GeneralName::Email(name) => ("e-mail", Text::quoted(name)),
            GeneralName::Uri(name) => ("URIs", Text::quoted(name)),
            GeneralName::Directory(name) => ("directory", Text::quoted(name)),
            GeneralName::Other(tag) => ("other names", Text::of("of kind ").quote(tag)),
            GeneralName::Malformed { tag, value } => {
                ("malformed", Text::new().mark(Mark::Bad).say("name of kind ").quote(tag).say(": ").quote(Hex(value)))
            }
        };
        match groups.iter_mut().find(|group| group.0 == label) {
            Some(group) => group.1.push(name),
            None => groups.push((label, vec![name])),
        }
    }
    groups
}

/// Names, the first few of them.
pub(super) fn listed(names: Vec<Text>, most: usize) -> Text {
    let hidden = names.len().saturating_sub(most);
    let shown = join(names.into_iter().take(most), ", ");
    if hidden == 0 { shown } else { shown.say(" ").then(folded(hidden)) }
}

fn extended(certificate: &Certificate) -> Text {
    match certificate.extended_key_usage.as_deref() {
        None => Text::new(),
        Some([]) => Text::of("present and empty"),
        Some(usages) => join(usages.iter().map(Text::quoted), ", "),
    }
}

fn constraints(certificate: &Certificate) -> Text {
    let Some(constraints) = &certificate.basic_constraints else { return Text::new() };
    let text = Text::of(if constraints.ca { "is a CA" } else { "is no CA" });
    match constraints.path_len {
        Some(length) => text.say(", at most ").quote(length).say(" further CAs below it"),
        None => text,
    }
}

fn key_id(id: Option<&[u8]>) -> Text {
    id.map(|id| Text::quoted(Hex(id))).unwrap_or_default()
}
