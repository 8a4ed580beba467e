//! Who trusts which CA: kubeconfigs, the components of a host by the job of their files, objects that carry bundles.

use super::clients;
use super::index::{Index, common_name};
use super::line::{Text, join};
use super::page::{Page, count, folded};
use super::table::{Column, Table};
use crate::chain::NodeId;
use crate::model::{Holding, OriginKind, Role, Slot};
use crate::report::style::Style;
use std::collections::HashMap;
use std::io;

const COLUMNS: &[Column] = &[Column::name("", 20), Column::words("", 30)];

/// Holders of one CA before the rest is folded.
const PER_CA: usize = 6;

/// Whom the file of a CA serves as trust anchor: kubeadm's flags (`--client-ca-file`, `--requestheader-client-ca-file`,
/// `--etcd-cafile`, …), k3s and RKE2 (server/tls), Istio (root-cert.pem).
const BELIEVERS: &[(Role, &str)] = &[
    (Role::ClusterCa, "API server, kubelets, clients of the API server"),
    (Role::ClientCa, "API server and kubelets (for their clients)"),
    (Role::ServerCa, "clients of the API server"),
    (Role::FrontProxyCa, "API server and extension servers (for the front proxy)"),
    (Role::EtcdCa, "etcd, API server (for etcd)"),
    (Role::EtcdPeerCa, "etcd members (for each other)"),
    (Role::IstioRoot, "workloads of the mesh"),
];

/// Kind of object → how it is called here.
const OBJECTS: &[(OriginKind, &str)] = &[
    (OriginKind::Secret, "Secret"),
    (OriginKind::ConfigMap, "ConfigMap"),
    (OriginKind::Webhook, "webhook configuration"),
    (OriginKind::ApiService, "APIService"),
    (OriginKind::Crd, "CustomResourceDefinition"),
    (OriginKind::ClusterTrustBundle, "ClusterTrustBundle"),
    (OriginKind::EnvoySecret, "Envoy secret"),
];

/// Somebody who trusts a CA. Objects of one name in many namespaces are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder<'a> {
    Component(&'static str),
    Kubeconfig(&'a str),
    /// The Secrets of service account tokens: one for each service account.
    ServiceAccounts,
    Object {
        kind: &'static str,
        name: &'a str,
    },
    File(&'a str),
}

/// Holders of each CA with the number of their places, in the order in which they were met.
type Believers<'a> = Vec<(NodeId, Vec<(Holder<'a>, Vec<&'a str>)>)>;

/// The part of `chain` that is about trust.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let believers = collect(index);
    if !believers.is_empty() {
        page.part()?;
        page.line(0, &Text::of("trusted by").styled(Style::Strong))?;
    }
    let kubeconfigs = index.report.inventory.kubeconfigs.iter();
    let roles: HashMap<&str, Role> = kubeconfigs.filter_map(|it| Some((&*it.document.source, it.role?))).collect();
    let (shown, hidden) = page.fold(believers, |_| false);
    let mut table = Table::new(COLUMNS);
    for (node, mut holders) in shown {
        holders.sort_by_key(|(holder, _)| !matches!(holder, Holder::Component(_)));
        let most = if page.verbose() { usize::MAX } else { PER_CA };
        let rest = holders.len().saturating_sub(most);
        let words = join(holders.iter().take(most).map(|(holder, places)| describe(index, &roles, holder, places)), " · ");
        let words = if rest == 0 { words } else { words.say(" · ").then(folded(rest)) };
        table.row(Text::of("  "), [common_name(index.certificate(node)), words]);
    }
    page.table(&table)?;
    page.folded(2, hidden)?;
    clients::render(page, index)
}

fn collect<'a>(index: &Index<'a>) -> Believers<'a> {
    let mut believers: Believers<'a> = Vec::new();
    let mut by_node: HashMap<NodeId, usize> = HashMap::new();
    let mut by_holder: HashMap<(NodeId, Holder<'a>), usize> = HashMap::new();
    for holding in &index.report.inventory.holdings {
        let Some((holder, place)) = holder(holding) else { continue };
        for (_, certificate) in holding.certificates() {
            let Some(node) = index.report.graph.node(&certificate.id) else { continue };
            let at = *by_node.entry(node).or_insert(believers.len());
            if at == believers.len() {
                believers.push((node, Vec::new()));
            }
            let Some((_, holders)) = believers.get_mut(at) else { continue };
            let number = *by_holder.entry((node, holder.clone())).or_insert(holders.len());
            match holders.get_mut(number) {
                Some((_, places)) => places.push(place),
                None => holders.push((holder.clone(), vec![place])),
            }
        }
    }
    believers
}

/// Who trusts what is in this place; the place itself, or its namespace.
fn holder(holding: &Holding) -> Option<(Holder<'_>, &str)> {
    let origin = &holding.origin;
    let document = &origin.document;
    let source = &*document.source;
    let authority = origin.role.filter(|role| document.kind == OriginKind::File && role.is_ca());
    if let Some(row) = authority.and_then(|role| BELIEVERS.iter().find(|row| row.0 == role)) {
        return Some((Holder::Component(row.1), source));
    }
    if origin.slot != Slot::Trust {
        return None;
    }
    if origin.field.contains("clusters[") {
        return Some((Holder::Kubeconfig(source), source));
    }
    if document.subtype.as_deref() == Some("kubernetes.io/service-account-token") {
        return Some((Holder::ServiceAccounts, source));
    }
    if let Some((_, kind)) = OBJECTS.iter().find(|row| row.0 == document.kind) {
        let (namespace, name) = source.split_once('/').unwrap_or(("", source));
        return Some((Holder::Object { kind, name }, namespace));
    }
    Some((Holder::File(source), source))
}

fn describe(index: &Index<'_>, roles: &HashMap<&str, Role>, holder: &Holder<'_>, places: &[&str]) -> Text {
    match holder {
        Holder::Component(words) => Text::of(words),
        Holder::ServiceAccounts => count(places.len(), "service account token"),
        Holder::Kubeconfig(source) => match roles.get(source) {
            Some(role) => Text::of(role.as_str()),
            None => index.path(source),
        },
        Holder::Object { kind, name } => {
            let text = Text::of(kind).say(" ");
            match places {
                [namespace] if is_namespace(kind, namespace) => text.quote(namespace).say("/").quote(name),
                [first, ..] if places.len() > 1 && is_namespace(kind, first) => {
                    text.quote(name).say(" in ").then(count(places.len(), "namespace"))
                }
                _ => text.quote(name),
            }
        }
        Holder::File(path) => index.path(path),
    }
}

/// Of a cluster-scoped object the part before the slash is its kind.
fn is_namespace(kind: &str, namespace: &str) -> bool {
    matches!(kind, "Secret" | "ConfigMap") && !namespace.is_empty()
}
