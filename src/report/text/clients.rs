//! For each kubeconfig: whether the CA that it carries signed its client certificate and the API server's at hand.

use super::index::{Index, common_name};
use super::kubeconfig::KUBECONFIGS;
use super::line::Text;
use super::page::Page;
use super::signed::{self, Signature};
use super::table::{Column, Table};
use crate::chain::NodeId;
use crate::model::{Context, Kubeconfig, Material};
use crate::report::style::{Mark, Style};
use std::collections::HashSet;
use std::io;

/// API servers that one kubeconfig is compared with.
const SERVERS: usize = 8;
const CA: &str = "the CA it carries";

const COLUMNS: &[Column] = &[
    Column::path("KUBECONFIG", 16),
    Column::name("CONTEXT", 12).or_nothing(1),
    Column::whole("CLIENT SIGNED BY"),
    Column::whole("SERVER SIGNED BY"),
];

/// A certificate and how it stands to the CA that a kubeconfig carries.
type Judged = (NodeId, Signature);

/// An API server's serving certificate and the host that it is from.
type Server<'a> = (Option<&'a str>, NodeId);

/// A part of `chain`.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let kubeconfigs = &index.report.inventory.kubeconfigs;
    let contexts = kubeconfigs.iter().flat_map(|it| it.contexts.iter().map(move |context| (it, context))).collect::<Vec<_>>();
    if contexts.is_empty() {
        return Ok(());
    }
    let servers = servers(index);
    page.part()?;
    let (contexts, hidden) = page.fold_to(contexts, KUBECONFIGS, |_| false);
    let mut table = Table::new(COLUMNS);
    let mut unusual = Vec::new();
    for (kubeconfig, context) in contexts {
        unusual.extend(add(&mut table, index, &servers, kubeconfig, context));
    }
    // What many kubeconfigs have in common is explained once.
    let mut explained = HashSet::new();
    for (node, signature) in unusual.into_iter().filter(|unusual| explained.insert(*unusual)) {
        let text = common_name(index.certificate(node)).say(": ").then(signature.words(index, node, CA)).styled(Style::Dim);
        table.note(Text::of("  "), Text::of("    "), text);
    }
    page.table(&table)?;
    page.folded(2, hidden)
}

/// Adds a row; returns what in it is not simply signed by the CA.
fn add(table: &mut Table, index: &Index<'_>, servers: &[Server<'_>], kubeconfig: &Kubeconfig, context: &Context) -> Vec<Judged> {
    let nodes = |field: &str| certificates(index, kubeconfig, field);
    let anchors = nodes(&format!("clusters[{}].certificate-authority", context.cluster));
    let path = index.document(&kubeconfig.document);
    let name = Text::quoted(&context.name);
    if anchors.is_empty() {
        let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let named = cluster.is_some_and(|cluster| cluster.certificate_authority != Material::Absent);
        let why = Text::of(if named { "– (CA not at hand)" } else { "– (carries no CA)" });
        table.row(Text::of("  "), [path, name, why.styled(Style::Dim)]);
        return Vec::new();
    }
    let judge = |node: NodeId| (node, signed::judge(index, node, &anchors));
    let client: Vec<Judged> =
        nodes(&format!("users[{}].client-certificate", context.user)).into_iter().take(1).map(judge).collect();
    let of_host =
        servers.iter().filter(|(host, _)| kubeconfig.document.host.is_none() || *host == kubeconfig.document.host.as_deref());
    let servers: Vec<Judged> = of_host.take(SERVERS).map(|(_, node)| judge(*node)).collect();
    table.row(Text::of("  "), [path, name, cell(&client), cell(&servers)]);
    client.into_iter().chain(servers).filter(|(_, signature)| signature.mark() != Mark::Fine).collect()
}

/// The worst of several signatures in two words.
fn cell(signatures: &[Judged]) -> Text {
    let Some((_, worst)) = signatures.iter().max_by_key(|(_, signature)| signature.mark()) else {
        return Text::of("– (none)").styled(Style::Dim);
    };
    Text::new().mark(worst.mark()).then(Text::of(worst.brief()))
}

fn certificates(index: &Index<'_>, kubeconfig: &Kubeconfig, field: &str) -> Vec<NodeId> {
    let holdings = index.material(kubeconfig, field);
    let certificates = holdings.into_iter().flat_map(|holding| holding.certificates().map(|(_, certificate)| certificate.id));
    certificates.filter_map(|id| index.report.graph.node(&id)).collect()
}

/// The serving certificates of the API servers at hand, each once for a host.
fn servers<'a>(index: &Index<'a>) -> Vec<Server<'a>> {
    let holdings = index.report.inventory.holdings.iter().filter(|holding| holding.is_api_server());
    let mut seen = HashSet::new();
    holdings
        .filter_map(|holding| Some((holding.origin.document.host.as_deref(), holding.certificates().next()?.1.id)))
        .filter_map(|(host, id)| Some((host, index.report.graph.node(&id)?)))
        .filter(|server| seen.insert(*server))
        .collect()
}
