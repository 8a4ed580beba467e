//! Kubernetes objects, kind by kind, and CertificateSigningRequests with what became of them.

use super::index::{Index, Item};
use super::line::Text;
use super::listing;
use super::page::Page;
use super::table::{Column, Table};
use crate::model::{ApprovalState, Content, Holding, OriginKind, SigningRequest};
use crate::report::style::{Mark, Style};
use std::collections::HashMap;
use std::io;

/// Kinds in the order of the screen, with their headings.
const KINDS: &[(OriginKind, &str)] = &[
    (OriginKind::Secret, "Secrets"),
    (OriginKind::ConfigMap, "ConfigMaps"),
    (OriginKind::Webhook, "webhook configurations"),
    (OriginKind::ApiService, "APIServices"),
    (OriginKind::Crd, "CustomResourceDefinitions"),
    (OriginKind::ClusterTrustBundle, "ClusterTrustBundles"),
];

/// A section for each kind.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, items: Vec<Item<'_>>) -> io::Result<()> {
    let mut kinds: HashMap<OriginKind, Vec<Item<'_>>> = HashMap::new();
    for item in items {
        kinds.entry(item.0.origin.document.kind).or_default().push(item);
    }
    for (kind, heading) in KINDS {
        if let Some(items) = kinds.remove(kind) {
            listing::section(page, index, Text::of(heading), items)?;
        }
    }
    Ok(())
}

const REQUESTS: &[Column] = &[
    Column::name("REQUEST", 12),
    Column::whole("STATE"),
    Column::name("FOR", 14),
    Column::path("SIGNER", 16).or_nothing(1),
    Column::name("ASKED BY", 12).or_nothing(2),
];

/// The CertificateSigningRequest objects.
pub(super) fn requests(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let requests: Vec<&SigningRequest> = index.report.inventory.signing_requests.iter().collect();
    if requests.is_empty() {
        return Ok(());
    }
    let subjects: HashMap<&str, Text> = index.report.inventory.holdings.iter().filter_map(subject).collect();
    page.part()?;
    page.line(0, &Text::of("CertificateSigningRequests").styled(Style::Strong))?;
    let (requests, hidden) = page.fold(requests, |request| mark(request.state) != Mark::Fine);
    let mut table = Table::new(REQUESTS);
    for request in requests {
        let mark = mark(request.state);
        let state = Text::new().mark(mark).then(Text::of(request.state.as_str()).styled(mark.style()));
        let name = request.document.source.rsplit('/').next().unwrap_or_default();
        let subject = subjects.get(&*request.document.source).cloned().unwrap_or_default();
        let signer = request.document.subtype.as_deref().map(Text::quoted).unwrap_or_default();
        let by = request.username.as_deref().map(Text::quoted).unwrap_or_default();
        table.row(Text::of("  "), [Text::quoted(name), state, subject, signer, by]);
    }
    page.table(&table)?;
    page.folded(2, hidden)
}

/// The subject that a CertificateSigningRequest asks for.
fn subject(holding: &Holding) -> Option<(&str, Text)> {
    let document = &holding.origin.document;
    let requests = holding.contents.iter().filter(|_| document.kind == OriginKind::Csr);
    let subject = requests.into_iter().find_map(|content| match content {
        Content::Request(request) => Some(Text::quoted(&request.subject)),
        _ => None,
    })?;
    Some((&document.source, subject))
}

fn mark(state: ApprovalState) -> Mark {
    match state {
        ApprovalState::Issued => Mark::Fine,
        ApprovalState::Pending | ApprovalState::Approved => Mark::Caution,
        ApprovalState::Denied => Mark::Note,
        ApprovalState::Failed => Mark::Bad,
    }
}
