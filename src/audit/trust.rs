//! Servers judged by those who dial them: a kubeconfig by its CA and the name in its URL, a person by the anchors that were named.

use super::Context;
use super::findings::{Draft, Findings};
use crate::chain::{Graph, NodeId};
use crate::model::peer::{End, LOOPBACK_NAME, Peer};
use crate::model::{Cluster, Code, Evidence, Finding, Holding, Kubeconfig, OriginKind, Severity};
use crate::verify::{self, Name, Outcome, Purpose, Question, Reason, Verdict, Verifier};
use time::OffsetDateTime;

/// What a served chain is to be held against.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The anchors.
    pub anchors: Vec<NodeId>,
    /// The names that the server is dialled by; empty for the host of each endpoint.
    pub names: Vec<Name>,
    /// Who judges.
    pub verifiers: Vec<Verifier>,
    /// The instant.
    pub at: OffsetDateTime,
}

/// Verdicts on one served chain.
#[derive(Debug)]
pub struct Judged<'a> {
    /// What was presented.
    pub peer: &'a Holding,
    /// What was asked.
    pub question: Question<'a>,
    /// One for each verifier.
    pub verdicts: Vec<Verdict>,
}

/// Judges everything that was served.
#[must_use]
pub fn judge<'a>(graph: &Graph<'a>, expectation: &Expectation) -> Vec<Judged<'a>> {
    let peers = graph.inventory().holdings.iter().filter(|holding| holding.origin.document.kind == OriginKind::Peer);
    let judged = |peer: &'a Holding| {
        let by_dialling = dialled(peer);
        let nameless = expectation.names.is_empty() && by_dialling.is_none();
        let names = if expectation.names.is_empty() { by_dialling.into_iter().collect() } else { expectation.names.clone() };
        let question = question(graph, peer, &expectation.anchors, names, expectation.at)?;
        let verdict = |verifier: &Verifier| {
            if expectation.anchors.is_empty() {
                Verdict::unasked(*verifier, "there is no trust anchor to judge by")
            } else if nameless {
                Verdict::unasked(
                    *verifier,
                    "no certificate can be valid for the name that it is dialled by; give one with --name",
                )
            } else {
                verify::verify(graph, &question, *verifier)
            }
        };
        let verdicts = expectation.verifiers.iter().map(verdict).collect();
        Some(Judged { peer, question, verdicts })
    };
    peers.filter_map(judged).collect()
}

/// The verdicts as findings.
#[must_use]
pub fn findings(judged: &[Judged<'_>]) -> Vec<Finding> {
    let mut findings = Findings::default();
    for Judged { peer, verdicts, .. } in judged {
        for verdict in verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Trusted) {
            for (code, message) in faults(verdict, Code::Untrusted) {
                let severity = if verdict.outcome == Outcome::NotTrusted { Severity::Critical } else { Severity::Unknown };
                let message = format!("{message} (as {})", verdict.verifier);
                findings.add(about(peer, code, severity, message));
            }
        }
    }
    findings.finish()
}

/// What speaks against the best path: a wrong name has a code of its own, and so have dates, which other checks look at.
fn faults(verdict: &Verdict, otherwise: Code) -> Vec<(Code, String)> {
    let rejections = verdict.paths.first().map(|path| path.rejections.as_slice()).unwrap_or_default();
    let is_name = |reason| matches!(reason, Reason::NameMismatch | Reason::CnOnly);
    let is_date = |reason| matches!(reason, Reason::Expired | Reason::NotYetValid);
    let names = rejections.iter().filter(|rejection| is_name(rejection.reason));
    let mut faults: Vec<(Code, String)> = names.map(|rejection| (Code::NameMismatch, rejection.message.clone())).collect();
    let others = rejections.iter().find(|rejection| !is_name(rejection.reason) && !is_date(rejection.reason));
    if others.is_some() || rejections.is_empty() {
        faults.push((otherwise, others.map_or_else(|| verdict.headline.clone(), |rejection| rejection.message.clone())));
    }
    faults
}

fn about(peer: &Holding, code: Code, severity: Severity, message: String) -> Draft {
    let leaf = peer.certificates().next().map(|(_, leaf)| leaf.id);
    leaf.into_iter().fold(Draft::new(code, severity, message), Draft::certificate).at(&peer.origin, 0)
}

fn question<'a>(
    graph: &Graph<'a>,
    peer: &Holding,
    anchors: &[NodeId],
    names: Vec<Name>,
    at: OffsetDateTime,
) -> Option<Question<'a>> {
    let mut chain = peer.certificates().filter_map(|(_, certificate)| graph.node(&certificate.id));
    let end_entity = chain.next()?;
    Some(Question {
        end_entity,
        intermediates: chain.collect(),
        anchors: anchors.to_vec(),
        purpose: Purpose::Server,
        names,
        at,
        crls: Vec::new(),
        max_depth: None,
    })
}

/// The name that a peer was dialled by.
fn dialled(peer: &Holding) -> Option<Name> {
    // The zone of a link-local address is no part of a name (RFC 6874 section 4).
    host_of(&peer.origin.document.source).split('%').next()?.parse().ok()
}

/// The host in a URL or endpoint: `https://[::1]:6443/x` → `::1`.
pub(super) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // Whoever writes a password there does not want it read.
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

/// The port in a URL; that of its scheme if it names none.
pub(super) fn port_of(url: &str) -> Option<u16> {
    // Without a scheme clients take https as soon as the cluster has a CA (client-go rest/url_utils.go).
    let rest = url.split_once("://").map_or(Some(url), |(scheme, rest)| (scheme == "https").then_some(rest))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let after = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    after.rsplit_once(':').map_or(Some(443), |(_, port)| port.parse().ok())
}

/// What the endpoint of a cluster entry presented.
pub(super) fn peers_of<'a>(context: &Context<'a>, server: &str) -> Vec<&'a Holding> {
    let (host, Some(port)) = (host_of(server), port_of(server)) else { return Vec::new() };
    let is_it = |holding: &&Holding| {
        let document = &holding.origin.document;
        let is_usual = !holding.origin.field.contains(LOOPBACK_NAME);
        document.kind == OriginKind::Peer
            && is_usual
            && host_of(&document.source) == host
            && document.source.ends_with(&format!(":{port}"))
    };
    context.outside_secrets().filter(is_it).filter(|holding| holding.certificates().next().is_some()).collect()
}

pub(super) fn name_mismatch(context: &Context<'_>, findings: &mut Findings) {
    kubeconfigs(context, findings, Code::NameMismatch);
}

/// The part of `ca-does-not-sign-server` that looks at what a kubeconfig's own endpoint presented.
pub(super) fn ca_does_not_sign_peer(context: &Context<'_>, findings: &mut Findings) {
    kubeconfigs(context, findings, Code::CaDoesNotSignServer);
}

fn kubeconfigs(context: &Context<'_>, findings: &mut Findings, wanted: Code) {
    for kubeconfig in context.kubeconfigs() {
        for cluster in kubeconfig.clusters.iter().filter(|cluster| !cluster.insecure_skip_tls_verify) {
            let anchors = anchors(context, kubeconfig, &cluster.name);
            for peer in peers_of(context, &cluster.server) {
                for (code, severity, message) in against(context, cluster, peer, &anchors) {
                    if code == wanted {
                        let issuer = peer.certificates().next().map(|(_, leaf)| leaf.issuer.to_string()).unwrap_or_default();
                        findings.add(about(peer, code, severity, message).evidence("serverIssuer", Evidence::Text(issuer)));
                    }
                }
            }
        }
    }
}

/// What speaks against a server being a cluster's. Nobody who was refused stays without a reason.
fn against(context: &Context<'_>, cluster: &Cluster, peer: &Holding, anchors: &[NodeId]) -> Vec<(Code, Severity, String)> {
    let open = |message: String| vec![(Code::CaDoesNotSignServer, Severity::Unknown, message)];
    let dialled = cluster.tls_server_name.as_deref().unwrap_or_else(|| host_of(&cluster.server));
    let was_refused = was_distrusted(context, peer);
    if anchors.is_empty() {
        let message = format!("cluster {} names no CA, and kcert does not ask the system's: nothing was sent", cluster.name);
        return if was_refused { open(message) } else { Vec::new() };
    }
    let Ok(name) = dialled.parse::<Name>() else {
        return open(format!("no certificate can be valid for {dialled}, the name that cluster {} is dialled by", cluster.name));
    };
    let Some(question) = question(context.graph, peer, anchors, vec![name.clone()], context.policy.at) else { return Vec::new() };
    let verdict = verify::verify(context.graph, &question, Verifier::newest_go());
    match verdict.outcome {
        Outcome::Trusted if was_refused => open("the server is not trusted now, whatever --at says: nothing was sent".to_owned()),
        Outcome::Trusted => Vec::new(),
        Outcome::CouldNotTell => {
            open(format!("could not tell whether the CA of cluster {} signed the server: {}", cluster.name, verdict.headline))
        }
        Outcome::NotTrusted => {
            let faults = faults(&verdict, Code::CaDoesNotSignServer).into_iter();
            let in_words = |(code, fault)| match code {
                Code::NameMismatch => (code, Severity::Critical, format!("dialled as {name}: {fault}")),
                _ => (
                    code,
                    Severity::Critical,
                    format!("the CA of cluster {} did not sign what the server presents: {fault}", cluster.name),
                ),
            };
            faults.map(in_words).collect()
        }
    }
}

/// Whether a conversation ended because nobody vouches for the server.
fn was_distrusted(context: &Context<'_>, holding: &Holding) -> bool {
    let ended = |peer: &Peer| peer.session.as_ref().is_some_and(|session| session.end == End::Distrusted);
    context.inventory.peers.iter().any(|peer| peer.origin.place() == holding.origin.place() && ended(peer))
}

fn anchors<'a>(context: &Context<'a>, kubeconfig: &'a Kubeconfig, cluster: &str) -> Vec<NodeId> {
    let bundle = super::kubeconfig::entry(context, kubeconfig, "clusters", cluster);
    bundle.iter().flat_map(|holding| holding.certificates()).filter_map(|(_, anchor)| context.graph.node(&anchor.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_of_urls() {
        for (url, host, port) in [
            ("https://10.0.0.1:6443", "10.0.0.1", Some(6443)),
            ("https://[::1]:6443/api", "::1", Some(6443)),
            ("https://[::1]/api", "::1", Some(443)),
            ("https://k8s.example/path:1", "k8s.example", Some(443)),
            ("k8s.example:443", "k8s.example", Some(443)),
            ("http://k8s.example:80", "k8s.example", None),
            ("https://u:p@k8s.example:6443", "k8s.example", Some(6443)),
        ] {
            assert_eq!((host_of(url), port_of(url)), (host, port));
        }
    }
}
