//! `inspect`: every certificate, key and credential with its facts, sorted by what holds it.

use super::index::{Index, Item};
use super::line::Text;
use super::page::Page;
use super::{check, facts, findings, kubeconfig, listing, objects, others, pki};
use crate::model::inventory::Host;
use crate::model::{Content, Holding, OriginKind};
use crate::report::style::Style;
use std::collections::HashSet;
use std::io;

/// Up to so many different certificates are shown with every fact: who inspects one file wants to know it all.
const FEW: usize = 2;

/// What a holding is shown among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    /// The tree of its kubeconfig.
    Kubeconfig,
    /// The table of a host's PKI; the number of the host.
    Pki(usize),
    /// The files.
    Files,
    /// What servers presented.
    Peers,
    /// The Kubernetes objects.
    Objects,
    /// The secrets of an Envoy dump.
    Envoy,
    /// The CertificateSigningRequests.
    Requests,
}

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let inventory = index.report.inventory;
    let sections = Sections::of(index);
    let trees: Vec<_> = inventory.kubeconfigs.iter().filter(|it| !is_a_hosts(&inventory.hosts, it.role.is_some())).collect();
    let few = trees.is_empty() && inventory.hosts.is_empty() && index.report.graph.nodes().take(FEW + 1).count() <= FEW;

    let most = if page.verbose() { usize::MAX } else { kubeconfig::KUBECONFIGS };
    for tree in trees.iter().take(most) {
        kubeconfig::render(page, index, tree)?;
    }
    page.folded(0, trees.len().saturating_sub(most))?;
    for (number, host) in inventory.hosts.iter().enumerate() {
        pki::render(page, index, host, &sections.holdings(Section::Pki(number)))?;
    }
    if few {
        full(page, index)?;
        leftovers(page, index, &sections)?;
    } else {
        listing::section(page, index, sections.heading("files"), sections.items(Section::Files))?;
        listing::section(page, index, sections.heading("served"), sections.items(Section::Peers))?;
        objects::render(page, index, sections.items(Section::Objects))?;
        listing::section(page, index, sections.heading("proxy secrets"), sections.items(Section::Envoy))?;
        objects::requests(page, index)?;
        if page.verbose() {
            full(page, index)?;
        }
    }
    findings::below_facts(page, index)?;
    page.part()?;
    page.line(0, &check::examined(index).styled(Style::Dim))
}

/// Every different certificate with every fact.
fn full(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    for (node, _) in index.report.graph.nodes() {
        page.part()?;
        facts::block(page, index, node)?;
    }
    Ok(())
}

/// What is no certificate, below the facts of those that are.
fn leftovers(page: &mut Page<'_>, index: &Index<'_>, sections: &Sections<'_>) -> io::Result<()> {
    let all = [Section::Files, Section::Peers, Section::Objects, Section::Envoy];
    let items = all.into_iter().flat_map(|section| sections.items(section));
    let rest = items.filter(|(holding, number)| !matches!(holding.contents.get(*number), Some(Content::Certificate(_))));
    let has_card = |(holding, number): &Item<'_>| holding.contents.get(*number).is_some_and(others::has_card);
    let (cards, rest): (Vec<_>, Vec<_>) = rest.partition(has_card);
    let mut cards: Vec<_> =
        cards.into_iter().filter(|item| page.verbose() || !listing::is_beside_its_certificate(index, item)).collect();
    let more = if page.verbose() { Vec::new() } else { cards.split_off(FEW.min(cards.len())) };
    for card in &cards {
        others::block(page, index, card)?;
    }
    listing::section(page, index, Text::new(), more.into_iter().chain(rest).collect())?;
    objects::requests(page, index)
}

/// On a recognised host the kubeconfigs of its components are rows of its table.
fn is_a_hosts(hosts: &[Host], has_role: bool) -> bool {
    has_role && !hosts.is_empty()
}

/// Every holding under its section.
struct Sections<'a> {
    holdings: Vec<(Section, &'a Holding)>,
}

impl<'a> Sections<'a> {
    fn of(index: &Index<'a>) -> Self {
        let inventory = index.report.inventory;
        let sources: HashSet<&str> = inventory.kubeconfigs.iter().map(|it| &*it.document.source).collect();
        let holdings = inventory.holdings.iter().map(|holding| (section(&inventory.hosts, &sources, holding), holding)).collect();
        Self { holdings }
    }

    fn holdings(&self, wanted: Section) -> Vec<&'a Holding> {
        self.holdings.iter().filter(|(section, _)| *section == wanted).map(|(_, holding)| *holding).collect()
    }

    fn items(&self, wanted: Section) -> Vec<Item<'a>> {
        let holdings = self.holdings(wanted).into_iter();
        holdings.flat_map(|holding| (0..holding.contents.len()).map(move |number| (holding, number))).collect()
    }

    /// A heading is needed only where there are several sections.
    fn heading(&self, words: &'static str) -> Text {
        let first = self.holdings.first().map(|(section, _)| *section);
        if self.holdings.iter().all(|(section, _)| Some(*section) == first) { Text::new() } else { Text::of(words) }
    }
}

fn section(hosts: &[Host], kubeconfigs: &HashSet<&str>, holding: &Holding) -> Section {
    let origin = &holding.origin;
    if let Some(host) = origin.role.and_then(|_| host(hosts, holding)) {
        return Section::Pki(host);
    }
    let of_kubeconfig = ["clusters[", "users["].iter().any(|part| origin.field.contains(part));
    match origin.document.kind {
        OriginKind::Kubeconfig => Section::Kubeconfig,
        _ if of_kubeconfig && kubeconfigs.contains(&*origin.document.source) => Section::Kubeconfig,
        OriginKind::File | OriginKind::Stdin => Section::Files,
        OriginKind::Peer => Section::Peers,
        OriginKind::EnvoySecret => Section::Envoy,
        OriginKind::Csr => Section::Requests,
        _ => Section::Objects,
    }
}

/// The host that a file belongs to: by name where hosts are named, else by directory.
fn host(hosts: &[Host], holding: &Holding) -> Option<usize> {
    let document = &holding.origin.document;
    let below = |host: &Host| document.path().starts_with(&*host.directory) || document.source.starts_with(&*host.directory);
    match hosts {
        [_] => Some(0),
        _ => hosts.iter().position(|host| host.name == document.host && (host.name.is_some() || below(host))),
    }
}
