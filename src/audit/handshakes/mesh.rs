//! Istio: whether its CA would be taken by its own check, and whether workloads that it signed believe each other.

use super::super::{Context, hosts, upgrade};
use super::clients::worst;
use super::judge::{self, Ask, Judge, Missing};
use crate::chain::NodeId;
use crate::model::handshake::Fault;
use crate::model::{
    Certificate, Code, Content, Handshake, Holding, OriginKind, Participant, Party, Role, Sha256, Side, Slot, Standing,
};
use crate::verify::{self, Outcome, Purpose, Question};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What istiod loads as its signing CA: a Secret, or the directory that it is mounted to.
pub(in super::super) struct CaBundle<'a> {
    /// `ca-cert.pem`, or `tls.crt` in cert-manager's form.
    pub(in super::super) ca: &'a Holding,
    /// `ca-key.pem`.
    key: Option<&'a Holding>,
    /// `root-cert.pem`, if anything is in it.
    pub(in super::super) root: Option<&'a Holding>,
    /// `cert-chain.pem`.
    chain: Option<&'a Holding>,
    /// `ca-crl.pem`.
    crl: Option<&'a Holding>,
}

/// The secret that a plugged-in CA comes in; it is taken before any other (IS:pilot/pkg/bootstrap/istio_ca.go).
const PLUGGED_IN: &str = "cacerts";

/// Every one of them.
pub(in super::super) fn ca_bundles<'a>(context: &Context<'a>) -> Vec<CaBundle<'a>> {
    let of = |role: Role, slot: Slot| {
        let holdings = context.inventory.holdings.iter();
        holdings.filter(move |holding| holding.origin.role == Some(role) && holding.origin.slot == slot)
    };
    let cas = of(Role::IstioCa, Slot::Credential).filter(|holding| holding.certificates().next().is_some());
    let bundle = |ca: &'a Holding| {
        let beside = |holding: &&Holding| place(holding) == place(ca) && hosts::host(holding) == hosts::host(ca);
        let filled = |holding: &&Holding| holding.certificates().next().is_some();
        CaBundle {
            ca,
            key: of(Role::IstioCa, Slot::Key).find(beside),
            root: of(Role::IstioRoot, Slot::Trust).filter(filled).find(beside),
            chain: context
                .inventory
                .holdings
                .iter()
                .filter(|holding| holding.origin.role == Some(Role::IstioCaChain))
                .filter(filled)
                .find(beside),
            crl: context
                .inventory
                .holdings
                .iter()
                .filter(|holding| holding.origin.to_string().contains("ca-crl.pem"))
                .find(beside),
        }
    };
    cas.map(bundle).collect()
}

/// The Secret, or the directory.
fn place(holding: &Holding) -> &str {
    let source = &*holding.origin.document.source;
    match holding.origin.document.kind {
        OriginKind::File => source.rsplit_once('/').map_or("", |(directory, _)| directory),
        _ => source,
    }
}

/// The one that istiod takes of each place where there are some: a namespace, a host.
fn bundles_in_use<'b, 'a>(context: &Context<'a>, bundles: &'b [CaBundle<'a>]) -> Vec<&'b CaBundle<'a>> {
    let is_taken = |bundle: &&CaBundle<'a>| {
        let same = |other: &&CaBundle<'a>| realm(other.ca) == realm(bundle.ca);
        let cas: Vec<&Holding> = bundles.iter().filter(same).map(|other| other.ca).collect();
        in_use(&cas).is_some_and(|ca| std::ptr::eq(ca, bundle.ca)) && !super::super::istio::is_unused(context, bundle)
    };
    bundles.iter().filter(is_taken).collect()
}

/// The namespace, or the host, whose istiod takes a CA.
fn realm(ca: &Holding) -> (&str, Option<&str>) {
    match ca.origin.document.kind {
        OriginKind::Secret => (namespace(ca), hosts::host(ca)),
        _ => ("", hosts::host(ca)),
    }
}

/// The one that istiod takes, of several in one namespace.
pub(super) fn in_use<'a>(cas: &[&'a Holding]) -> Option<&'a Holding> {
    let plugged_in = |holding: &&&Holding| holding.origin.document.source.contains(PLUGGED_IN);
    cas.iter().find(plugged_in).or_else(|| cas.first()).copied()
}

impl CaBundle<'_> {
    /// Whether istiod made it itself and trusts the CA certificate as the root, whatever `root-cert.pem` says.
    pub(in super::super) fn is_self_signed(&self) -> bool {
        self.ca.origin.document.source.ends_with("istio-ca-secret")
    }

    /// The first of the four steps of istiod's own check that fails, and why (IS:security/pkg/pki/util/keycertbundle.go `Verify`): the CA
    /// certificate verified with the root and the chain; the key read; the key and the certificate one pair; a CRL for each certificate
    /// of the chain, where there are any.
    pub(in super::super) fn failing_step(&self, context: &Context<'_>) -> Option<(u8, String, Option<Sha256>)> {
        let (_, ca) = self.ca.certificates().next()?;
        let node = |certificate: &Arc<Certificate>| context.graph.node(&certificate.id);
        let nodes = |holding: Option<&Holding>| -> Vec<NodeId> {
            holding.iter().flat_map(|holding| holding.certificates()).filter_map(|(_, certificate)| node(certificate)).collect()
        };
        let roots = match self.root {
            Some(root) if !(self.is_self_signed() && is_same_key(ca, root)) => nodes(Some(root)),
            _ => nodes(Some(self.ca)),
        };
        let question = Question {
            end_entity: node(ca)?,
            intermediates: nodes(self.chain),
            anchors: roots,
            purpose: Purpose::Server,
            names: Vec::new(),
            at: context.policy.at,
            crls: Vec::new(),
            max_depth: None,
        };
        let verdict = verify::verify(context.graph, &question, upgrade::present(context).verifier());
        if verdict.outcome == Outcome::NotTrusted {
            let culprit = verdict
                .paths
                .first()
                .and_then(verify::Attempt::best)
                .map(|rejection| context.graph.certificate(rejection.node).id);
            return Some((
                1,
                format!("cannot verify the cert with the provided root chain and cert pool: {}", verdict.headline),
                culprit,
            ));
        }
        if self.is_incomplete(context) {
            return Some((2, "the Secret is filled in part: istiod refuses to start without its key or root".to_owned(), None));
        }
        if let Some(key) = self.key {
            if key.private_keys().next().is_none() {
                return Some((2, "the key cannot be read: no private key in its place".to_owned(), None));
            }
            // The first key alone is read.
            let first = key.private_keys().next().and_then(|key| key.public());
            if first.is_some_and(|first| first.spki_sha256 != ca.public_key.spki_sha256) {
                return Some((3, "the cert does not match the key".to_owned(), Some(ca.id)));
            }
        }
        let lists: Vec<&[u8]> = self.crl.iter().flat_map(|holding| holding.contents.iter()).filter_map(list_issuer).collect();
        let chain = self.chain.iter().flat_map(|holding| holding.certificates());
        let unlisted = chain
            .map(|(_, certificate)| certificate)
            .find(|certificate| !lists.is_empty() && !lists.contains(&certificate.subject.der()));
        unlisted.map(|certificate| {
            (4, format!("missing CRL signed by certificates: none by {}", certificate.display_name()), Some(certificate.id))
        })
    }
}

impl CaBundle<'_> {
    /// Whether a plugged-in CA lacks its key or its root, and not because the copy at hand has no keys at all.
    fn is_incomplete(&self, context: &Context<'_>) -> bool {
        let has_keys = || context.inventory.holdings.iter().any(|holding| holding.private_keys().next().is_some());
        let is_secret = self.ca.origin.document.kind == OriginKind::Secret;
        is_secret && !self.is_self_signed() && (self.root.is_none() || (self.key.is_none() && has_keys()))
    }
}

/// Whether a root is the CA as it was before it was renewed with its key.
fn is_same_key(ca: &Certificate, root: &Holding) -> bool {
    root.certificates().any(|(_, old)| old.subject == ca.subject && old.public_key.spki_sha256 == ca.public_key.spki_sha256)
}

fn list_issuer(content: &Content) -> Option<&[u8]> {
    match content {
        Content::Crl(list) => Some(list.issuer.der()),
        _ => None,
    }
}

/// Whether a CA is one of these anchors, or was issued below one; a CA that was issued again with its name and key is the same.
pub(in super::super) fn leads_to(context: &Context<'_>, ca: &Certificate, anchors: &[&Arc<Certificate>]) -> bool {
    let keys: HashSet<_> = anchors.iter().map(|anchor| (anchor.subject.der(), anchor.public_key.spki_sha256)).collect();
    let mut open: Vec<NodeId> = context.graph.node(&ca.id).into_iter().collect();
    let mut seen: HashSet<NodeId> = open.iter().copied().collect();
    while let Some(node) = open.pop() {
        let certificate = context.graph.certificate(node);
        if keys.contains(&(certificate.subject.der(), certificate.public_key.spki_sha256)) {
            return true;
        }
        open.extend(context.graph.issuers(node).into_iter().filter(|issuer| seen.insert(*issuer)));
    }
    false
}

/// What workloads are given to believe: `istio-ca-root-cert` of every namespace, and roots beside their certificates.
pub(in super::super) fn distributed_roots<'a>(context: &Context<'a>) -> Vec<&'a Holding> {
    let of_role = |role| context.inventory.holdings.iter().filter(move |holding| holding.origin.role == Some(role));
    let of_cas: HashSet<_> = of_role(Role::IstioCa).map(|ca| (place(ca), hosts::host(ca))).collect();
    let is_one = |holding: &&Holding| {
        !of_cas.contains(&(place(holding), hosts::host(holding)))
            && holding.origin.document.kind != OriginKind::EnvoySecret
            && holding.certificates().next().is_some()
    };
    of_role(Role::IstioRoot).filter(is_one).collect()
}

/// The handshakes of the mesh.
pub(super) fn handshakes(context: &Context<'_>) -> Vec<Handshake> {
    let all = ca_bundles(context);
    let bundles = bundles_in_use(context, &all);
    let mut found: Vec<Handshake> = bundles.iter().filter_map(|bundle| signing(context, bundle, bundles.len())).collect();
    found.extend(sidecars(context, &bundles));
    found.extend(gateways(context));
    found
}

/// istiod signs for workloads as long as it would load its CA.
fn signing(context: &Context<'_>, bundle: &CaBundle<'_>, meshes: usize) -> Option<Handshake> {
    let (_, ca) = bundle.ca.certificates().next()?;
    let standing = match bundle.failing_step(context) {
        None => Standing::Trusted,
        Some((_, why, culprit)) => {
            let ended = ca.validity.is_over(context.policy.at);
            let (code, since) =
                if ended { (Code::Expired, Some(ca.validity.not_after)) } else { (Code::IstioCaBundleInvalid, None) };
            Standing::Refused(vec![Fault { code, certificate: culprit.or(Some(ca.id)), message: why, since }])
        }
    };
    let until = context.graph.node(&ca.id).map(|node| context.graph.effective_end(node).0);
    let judge = Some("Istio's own check".to_owned());
    let (certificate, origin) = (Some(ca.id), Some(bundle.ca.origin.clone()));
    let istiod = Participant::of(Party::Istiod);
    let istiod = if meshes > 1 { istiod.named(realm(bundle.ca).0) } else { istiod };
    Some(Handshake {
        client: istiod,
        server: Participant::of(Party::Workload),
        client_side: Side { certificate, origin, until, judge, ..Side::only(standing) },
        server_side: Side::only(Standing::NotAsked("workloads are handed their certificates".to_owned())),
    })
}

const WORKLOAD: Missing =
    Missing { credential: "no workload's certificate among the sources", anchors: "no root of workloads among the sources" };

/// Sidecars show each other what they were issued, and believe the root that they were handed.
fn sidecars(context: &Context<'_>, bundles: &[&CaBundle<'_>]) -> Option<Handshake> {
    let is_workload = |holding: &&Holding| {
        holding.origin.role == Some(Role::IstioWorkload)
            && holding.origin.slot == Slot::Credential
            && holding.certificates().next().is_some()
    };
    let workloads: Vec<&Holding> = context.inventory.holdings.iter().filter(is_workload).collect();
    let shared = distributed_roots(context);
    if workloads.is_empty() {
        return by_root(context, bundles, &shared);
    }
    let roots = Roots::of(context, &shared);
    let side = |purpose: Purpose| {
        let sides = workloads.iter().map(|workload| {
            judge::side(
                context,
                &Ask {
                    presented: Some(workload),
                    anchors: roots.of_peers(workload),
                    purpose,
                    names: Vec::new(),
                    judge: Judge::Envoy,
                    otherwise: Code::Untrusted,
                    usage: Code::UsageWrong,
                    missing: WORKLOAD,
                },
            )
        });
        worst(sides).unwrap_or_else(|| Side::only(Standing::Unknown(WORKLOAD.credential.to_owned())))
    };
    Some(Handshake {
        client: Participant::of(Party::Sidecar),
        server: Participant::of(Party::Sidecar),
        client_side: side(Purpose::Client),
        server_side: side(Purpose::Server),
    })
}

/// The roots that workloads believe, by where they stand.
struct Roots<'s, 'a> {
    /// Those that are handed to whole namespaces, by namespace.
    of_namespaces: HashMap<&'a str, Vec<&'a Holding>>,
    /// Those beside one workload's certificate: in its Secret, its mounts, its proxy's dump.
    beside: HashMap<(&'a str, Option<&'a str>), Vec<&'a Holding>>,
    /// All that are handed out.
    shared: &'s [&'a Holding],
}

impl<'s, 'a> Roots<'s, 'a> {
    fn of(context: &Context<'a>, shared: &'s [&'a Holding]) -> Self {
        let mut roots = Self { of_namespaces: HashMap::new(), beside: HashMap::new(), shared };
        for root in shared.iter().copied().filter(|root| root.origin.document.kind == OriginKind::ConfigMap) {
            roots.of_namespaces.entry(namespace(root)).or_default().push(root);
        }
        let is_root = |holding: &&Holding| holding.origin.role == Some(Role::IstioRoot) && holding.origin.slot == Slot::Trust;
        for root in context.inventory.holdings.iter().filter(is_root) {
            roots.beside.entry((neighbourhood(root), hosts::host(root))).or_default().push(root);
        }
        roots
    }

    /// What those believe whom a workload talks to: what its namespace is handed, else what it was given itself.
    fn of_peers(&self, workload: &'a Holding) -> Vec<&'a Holding> {
        let handed = self.of_namespaces.get(namespace(workload)).filter(|_| workload.origin.document.kind == OriginKind::Secret);
        let own = self.beside.get(&(neighbourhood(workload), hosts::host(workload)));
        handed.or(own).cloned().unwrap_or_else(|| self.shared.to_vec())
    }
}

fn namespace(holding: &Holding) -> &str {
    holding.origin.document.source.split_once('/').map_or("", |(namespace, _)| namespace)
}

/// Where what belongs to one workload stands together: the Secret, the directory, the dump of its proxy.
fn neighbourhood(holding: &Holding) -> &str {
    match holding.origin.document.kind {
        OriginKind::EnvoySecret => holding.origin.document.path(),
        _ => place(holding),
    }
}

/// Without any workload at hand: what istiod will issue, by the root that workloads were handed.
fn by_root(context: &Context<'_>, bundles: &[&CaBundle<'_>], roots: &[&Holding]) -> Option<Handshake> {
    let cas: Vec<(&Holding, &Arc<Certificate>)> =
        bundles.iter().filter_map(|bundle| Some((bundle.ca, bundle.ca.certificates().next()?.1))).collect();
    let (ca, certificate) = cas.iter().copied().min_by_key(|(_, certificate)| certificate.validity.not_after)?;
    let side = if roots.is_empty() {
        Side::only(Standing::Unknown(WORKLOAD.anchors.to_owned()))
    } else {
        let stale = roots.iter().find(|root| {
            let anchors: Vec<&Arc<Certificate>> = root.certificates().map(|(_, anchor)| anchor).collect();
            !cas.iter().any(|(_, certificate)| leads_to(context, certificate, &anchors))
        });
        let (_, limit) = context.graph.node(&certificate.id).map(|node| context.graph.effective_end(node))?;
        let limiting = context.graph.certificate(limit);
        let fault = |code, certificate: &Certificate, message: String, since| {
            Standing::Refused(vec![Fault { code, certificate: Some(certificate.id), message, since }])
        };
        let standing = match stale {
            Some(root) => {
                let (_, old) = root.certificates().next()?;
                let message =
                    format!("workloads are handed {}, and Istio's CA is {}", old.display_name(), certificate.display_name());
                fault(Code::IstioRootStale, old, message, None)
            }
            None if limiting.validity.is_over(context.policy.at) => {
                let message = format!("{} has ended", limiting.display_name());
                fault(Code::Expired, limiting, message, Some(limiting.validity.not_after))
            }
            None => Standing::Trusted,
        };
        Side {
            certificate: Some(certificate.id),
            origin: Some(ca.origin.clone()),
            until: Some(limiting.validity.not_after),
            judge: Some("Envoy".to_owned()),
            ..Side::only(standing)
        }
    };
    Some(Handshake {
        client: Participant::of(Party::Sidecar),
        server: Participant::of(Party::Sidecar),
        client_side: side.clone(),
        server_side: side,
    })
}

/// Gateways show people what they were given; whom those believe nobody knows here, and that a certificate ended everybody sees.
fn gateways(context: &Context<'_>) -> Vec<Handshake> {
    let is_one = |holding: &&Holding| {
        holding.origin.document.kind == OriginKind::EnvoySecret
            && holding.origin.slot == Slot::Credential
            && holding.origin.document.source.starts_with("kubernetes://")
    };
    let handshake = |holding: &Holding| {
        let (_, leaf) = holding.certificates().next()?;
        let until = context.graph.node(&leaf.id).map(|node| context.graph.effective_end(node).0);
        let standing = if leaf.validity.is_over(context.policy.at) {
            let message = format!("{} has ended", leaf.display_name());
            Standing::Refused(vec![Fault {
                code: Code::Expired,
                certificate: Some(leaf.id),
                message,
                since: Some(leaf.validity.not_after),
            }])
        } else {
            Standing::NotAsked("whom people believe is not known here".to_owned())
        };
        let side = Side { certificate: Some(leaf.id), origin: Some(holding.origin.clone()), until, ..Side::only(standing) };
        let name = holding.origin.document.source.trim_start_matches("kubernetes://");
        Some(Handshake {
            client: Participant::of(Party::User),
            server: Participant::of(Party::IngressGateway).named(name),
            client_side: Side::only(Standing::NotAsked("not known here".to_owned())),
            server_side: side,
        })
    };
    context.inventory.holdings.iter().filter(is_one).filter_map(handshake).collect()
}

/// The trust domain of a workload's SPIFFE id: `spiffe://cluster.local/ns/foo/sa/bar` → `cluster.local` (IS:pkg/spiffe).
pub(in super::super) fn trust_domain(uri: &str) -> Option<&str> {
    let (domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    (path.starts_with("ns/") && path.contains("/sa/")).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Policy;
    use crate::chain::{AwsLc, Graph, inventory_of};
    use crate::mint::{Identity, NOW, pki};
    use time::Duration;

    /// The step that fails for a CA, its key, its root, its chain and its lists.
    fn failing_step(texts: [&str; 5]) -> Option<u8> {
        let inventory = inventory_of(&texts.map(str::as_bytes));
        let graph = Graph::build(&inventory, &AwsLc);
        let policy = Policy::at(NOW);
        let context = Context::new(&graph, &policy);
        let [ca, key, root, chain, crl] = inventory.holdings.as_slice() else { panic!("{inventory:?}") };
        let bundle = CaBundle { ca, key: Some(key), root: Some(root), chain: Some(chain), crl: Some(crl) };
        bundle.failing_step(&context).map(|(step, ..)| step)
    }

    #[test]
    fn the_four_steps_of_istiods_check() {
        let (root, other) = (pki().ca("root").self_signed().unwrap(), pki().ca("root").self_signed().unwrap());
        let middle = pki().ca("middle").issued_by(&root).unwrap();
        let ca = pki().ca("istio").issued_by(&middle).unwrap();
        let (key, foreign) = (ca.key_pem(), other.key_pem());
        let list = |issuer: &Identity| issuer.crl(NOW, NOW + Duration::DAY, &[]).unwrap();
        let (lists, one_list) = (format!("{}{}", list(&middle), list(&root)), list(&root));
        let (text, root, other) = (ca.pem(), root.pem(), other.pem());
        let chain = format!("{}{root}", middle.pem());
        for (key, root, chain, lists, step) in [
            (key.as_str(), &root, &chain, &lists, None),
            (key.as_str(), &other, &chain, &lists, Some(1)),
            (key.as_str(), &root, &root, &lists, Some(1)),
            (&root, &root, &chain, &lists, Some(2)),
            (foreign.as_str(), &root, &chain, &lists, Some(3)),
            (key.as_str(), &root, &chain, &one_list, Some(4)),
            // Without any list nobody asks for one.
            (key.as_str(), &root, &chain, &root, None),
            // The first fault counts.
            (foreign.as_str(), &other, &chain, &one_list, Some(1)),
            (foreign.as_str(), &root, &chain, &one_list, Some(3)),
        ] {
            assert_eq!(failing_step([&text, key, root, chain, lists]), step);
        }
    }

    #[test]
    fn trust_domains_are_those_of_workloads() {
        for (uri, domain) in [
            ("spiffe://cluster.local/ns/foo/sa/bar", Some("cluster.local")),
            ("spiffe://td/ns/foo", None),
            ("spiffe://td/host/foo/sa/bar", None),
            ("spiffe://td", None),
            ("https://cluster.local/ns/foo/sa/bar", None),
        ] {
            assert_eq!(trust_domain(uri), domain, "{uri}");
        }
    }
}
