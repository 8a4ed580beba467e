//! Istio's signing CA as istiod loads it, and istiod's own check of it.

use super::super::{Context, chain, hosts, upgrade};
use crate::chain::NodeId;
use crate::model::{Certificate, Content, Holding, OriginKind, Role, Sha256, Slot};
use crate::verify::{self, Outcome, Purpose, Question};
use std::collections::HashSet;
use std::sync::Arc;

/// What istiod loads as its signing CA: a Secret, or the directory that it is mounted to.
pub(in crate::audit) struct CaBundle<'a> {
    /// `ca-cert.pem`, or `tls.crt` in cert-manager's form.
    pub(in crate::audit) ca: &'a Holding,
    /// `ca-key.pem`.
    key: Option<&'a Holding>,
    /// `root-cert.pem`, if anything is in it.
    pub(in crate::audit) root: Option<&'a Holding>,
    /// `cert-chain.pem`.
    chain: Option<&'a Holding>,
    /// `ca-crl.pem`.
    crl: Option<&'a Holding>,
}

/// The secret that a plugged-in CA comes in; it is taken before any other (IS:pilot/pkg/bootstrap/istio_ca.go).
const PLUGGED_IN: &str = "cacerts";

/// Every one of them.
pub(in crate::audit) fn ca_bundles<'a>(context: &Context<'a>) -> Vec<CaBundle<'a>> {
    let of = |role: Role, slot: Slot| context.with_role(role).iter().copied().filter(move |holding| holding.origin.slot == slot);
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
pub(in crate::audit) fn place(holding: &Holding) -> &str {
    let source = &*holding.origin.document.source;
    match holding.origin.document.kind {
        OriginKind::File => source.rsplit_once('/').map_or("", |(directory, _)| directory),
        _ => source,
    }
}

/// The one that istiod takes of each place where there are some: a namespace, a host.
pub(in crate::audit) fn bundles_in_use<'b, 'a>(context: &Context<'a>, bundles: &'b [CaBundle<'a>]) -> Vec<&'b CaBundle<'a>> {
    let is_taken = |bundle: &&CaBundle<'a>| {
        let same = |other: &&CaBundle<'a>| realm(other.ca) == realm(bundle.ca);
        let cas: Vec<&Holding> = bundles.iter().filter(same).map(|other| other.ca).collect();
        in_use(&cas).is_some_and(|ca| std::ptr::eq(ca, bundle.ca)) && !super::is_unused(context, bundle)
    };
    bundles.iter().filter(is_taken).collect()
}

/// The namespace, or the host, whose istiod takes a CA.
pub(in crate::audit) fn realm(ca: &Holding) -> (&str, Option<&str>) {
    match ca.origin.document.kind {
        OriginKind::Secret => (namespace(ca), hosts::host(ca)),
        _ => ("", hosts::host(ca)),
    }
}

/// The one that istiod takes, of several in one namespace.
pub(in crate::audit) fn in_use<'a>(cas: &[&'a Holding]) -> Option<&'a Holding> {
    let plugged_in = |holding: &&&Holding| holding.origin.document.source.contains(PLUGGED_IN);
    cas.iter().find(plugged_in).or_else(|| cas.first()).copied()
}

impl CaBundle<'_> {
    /// Whether istiod made it itself and trusts the CA certificate as the root, whatever `root-cert.pem` says.
    pub(in crate::audit) fn is_self_signed(&self) -> bool {
        self.ca.origin.document.source.ends_with("istio-ca-secret")
    }

    /// The first of the four steps of istiod's own check that fails, and why (IS:security/pkg/pki/util/keycertbundle.go `Verify`): the CA
    /// certificate verified with the root and the chain; the key read; the key and the certificate one pair; a CRL for each certificate
    /// of the chain, where there are any.
    pub(in crate::audit) fn failing_step(&self, context: &Context<'_>) -> Option<(u8, String, Option<Sha256>)> {
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
pub(in crate::audit) fn leads_to(context: &Context<'_>, ca: &Certificate, anchors: &[&Arc<Certificate>]) -> bool {
    let keys = anchors.iter().map(|anchor| (anchor.subject.der(), anchor.public_key.spki_sha256)).collect();
    chain::climbs(context, context.graph.node(&ca.id).into_iter().collect(), &keys)
}

/// What workloads are given to believe: `istio-ca-root-cert` of every namespace, and roots beside their certificates.
pub(in crate::audit) fn distributed_roots<'a>(context: &Context<'a>) -> Vec<&'a Holding> {
    let of_role = |role| context.with_role(role).iter().copied();
    let of_cas: HashSet<_> = of_role(Role::IstioCa).map(|ca| (place(ca), hosts::host(ca))).collect();
    let is_one = |holding: &&Holding| {
        !of_cas.contains(&(place(holding), hosts::host(holding)))
            && holding.origin.document.kind != OriginKind::EnvoySecret
            && holding.certificates().next().is_some()
    };
    of_role(Role::IstioRoot).filter(is_one).collect()
}

/// The namespace of an object.
pub(in crate::audit) fn namespace(holding: &Holding) -> &str {
    holding.origin.document.source.split_once('/').map_or("", |(namespace, _)| namespace)
}

/// The trust domain of a workload's SPIFFE id: `spiffe://cluster.local/ns/foo/sa/bar` → `cluster.local` (IS:pkg/spiffe).
pub(in crate::audit) fn trust_domain(uri: &str) -> Option<&str> {
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
