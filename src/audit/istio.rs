//! Istio: its CA by its own check, the roots that it hands out, the names of its workloads.

pub(super) mod ca;

use super::Context;
use super::findings::{Draft, Findings};
use crate::chain::End;
use crate::model::when::date;
use crate::model::{Certificate, Code, Evidence, GeneralName, Holding, OriginKind, Role, Severity, Slot};
use ca::{CaBundle, ca_bundles, distributed_roots, leads_to, trust_domain};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn ca_bundle_invalid(context: &Context<'_>, findings: &mut Findings) {
    for bundle in ca_bundles(context).into_iter().filter(|bundle| !is_superseded(context, bundle.ca)) {
        let Some((step, why, culprit)) = bundle.failing_step(context) else { continue };
        let message = format!("istiod does not take this CA, at step {step} of 4: {why}");
        let leaf = bundle.ca.certificates().next().map(|(_, ca)| ca.id);
        let ids = culprit.into_iter().chain(leaf.filter(|leaf| Some(*leaf) != culprit));
        let draft = ids.fold(Draft::new(Code::IstioCaBundleInvalid, Severity::Critical, message), Draft::certificate);
        let draft = [Some(bundle.ca), bundle.root].into_iter().flatten().fold(draft, |draft, place| draft.at(&place.origin, 0));
        findings.add(draft.evidence("step", Evidence::Number(i64::from(step))));
    }
}

pub(super) fn root_stale(context: &Context<'_>, findings: &mut Findings) {
    let bundles = ca_bundles(context);
    for bundle in &bundles {
        let (Some(root), Some((_, ca))) = (bundle.root, bundle.ca.certificates().next()) else { continue };
        // Of a CA that istiod made itself the root is the CA certificate: a renewal leaves root-cert.pem behind.
        let stale = bundle.is_self_signed()
            && !root.certificates().any(|(_, root)| root.id == ca.id)
            && leads_to(context, ca, &anchors(root));
        if stale {
            let old = root.certificates().next().map(|(_, old)| date(old.validity.not_after)).unwrap_or_default();
            let message = format!(
                "root-cert.pem is the CA from before its renewal (until {old}); ca-cert.pem ends {}",
                date(ca.validity.not_after)
            );
            let draft = root
                .certificates()
                .fold(Draft::new(Code::IstioRootStale, Severity::Warning, message), |draft, (_, old)| draft.certificate(old.id));
            findings.add(draft.certificate(ca.id).at(&root.origin, 0).at(&bundle.ca.origin, 0));
        }
    }
    let cas: Vec<&Arc<Certificate>> = bundles.iter().filter_map(|bundle| Some(bundle.ca.certificates().next()?.1)).collect();
    // Of a CA whose own issuers are not at hand nobody knows which root it leads to.
    if cas.is_empty() || cas.iter().any(|ca| !leads_to_a_root(context, ca)) {
        return;
    }
    for root in distributed_roots(context).into_iter().filter(|root| is_handed_out(root)) {
        if cas.iter().any(|ca| leads_to(context, ca, &anchors(root))) || is_issued_below(context, root) {
            continue;
        }
        let names: Vec<String> = cas.iter().map(|ca| ca.display_name()).collect();
        let old = root.certificates().next().map(|(_, old)| old.display_name()).unwrap_or_default();
        let message = format!("workloads are handed the root {old}; Istio's CA is {}", names.join(" or "));
        let draft = root
            .certificates()
            .fold(Draft::new(Code::IstioRootStale, Severity::Critical, message), |draft, (_, old)| draft.certificate(old.id));
        findings.add(draft.at(&root.origin, 0));
    }
}

fn leads_to_a_root(context: &Context<'_>, ca: &Certificate) -> bool {
    context.graph.node(&ca.id).is_some_and(|node| context.graph.paths(node, 8).iter().any(|path| path.end == End::Root))
}

/// Whether a root is what all workloads of a namespace believe, and not what lies beside one workload's certificate.
fn is_handed_out(root: &Holding) -> bool {
    let source = &root.origin.document.source;
    root.origin.document.kind == OriginKind::ConfigMap || source.ends_with("/var/run/secrets/istio/root-cert.pem")
}

/// Whether somebody else than the CA at hand issues below a root: istio-csr leaves a CA that istiod made itself unused
/// (cert-manager/istio-csr).
fn is_issued_below(context: &Context<'_>, root: &Holding) -> bool {
    let issued = context.inventory.holdings.iter().filter(|holding| {
        let of_istiod = || holding.origin.document.source.ends_with("/istiod-tls");
        holding.origin.slot == Slot::Credential && (holding.origin.role == Some(Role::IstioWorkload) || of_istiod())
    });
    let leaves = issued.filter_map(|holding| holding.certificates().next());
    leaves.into_iter().any(|(_, leaf)| !leaf.is_ca() && leads_to(context, leaf, &anchors(root)))
}

/// Whether a CA that istiod made itself is one that nobody uses: another one issues below every root that workloads are handed.
pub(super) fn is_unused(context: &Context<'_>, bundle: &CaBundle<'_>) -> bool {
    let Some((_, ca)) = bundle.ca.certificates().next().filter(|_| bundle.is_self_signed()) else { return false };
    let roots: Vec<&Holding> = distributed_roots(context).into_iter().filter(|root| is_handed_out(root)).collect();
    !roots.is_empty() && roots.iter().all(|root| !leads_to(context, ca, &anchors(root)) && is_issued_below(context, root))
}

/// Whether a CA of istiod's own making lies beside one that was plugged in, which istiod takes instead.
pub(super) fn is_superseded(context: &Context<'_>, ca: &Holding) -> bool {
    let namespace = ca.origin.document.source.strip_suffix("/istio-ca-secret");
    namespace.is_some_and(|namespace| {
        let plugged_in = format!("{namespace}/cacerts");
        context.with_role(Role::IstioCa).iter().any(|other| *other.origin.document.source == *plugged_in)
    })
}

/// Whether a place is the root-cert.pem that istiod left behind when it renewed its CA with the same key.
pub(super) fn is_old_root(context: &Context<'_>, root: &Holding) -> bool {
    let is_its_ca = |other: &&Holding| {
        other.origin.role == Some(Role::IstioCa) && other.origin.document.source == root.origin.document.source
    };
    let same_key = |ca: &Certificate| {
        let renewed = |old: &Certificate| old.subject == ca.subject && old.public_key.spki_sha256 == ca.public_key.spki_sha256;
        !ca.validity.is_over(context.policy.at) && root.certificates().all(|(_, old)| renewed(old))
    };
    let is_secret = root.origin.document.source.ends_with("/istio-ca-secret") && root.origin.role == Some(Role::IstioRoot);
    let mut cas = context.inventory.holdings.iter().filter(is_its_ca);
    is_secret && cas.any(|place| place.certificates().any(|(_, ca)| same_key(ca)))
}

fn anchors(root: &Holding) -> Vec<&Arc<Certificate>> {
    root.certificates().map(|(_, anchor)| anchor).collect()
}

pub(super) fn of_another_trust_domain(context: &Context<'_>, findings: &mut Findings) {
    let meshes = &context.inventory.facts.meshes;
    let known = |domain: &str| {
        meshes.iter().any(|mesh| *mesh.trust_domain == *domain || mesh.aliases.iter().any(|alias| **alias == *domain))
    };
    if meshes.is_empty() {
        return;
    }
    let mut strangers: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (node, certificate) in context.graph.nodes().filter(|(_, certificate)| !certificate.is_ca()) {
        let ids =
            certificate.sans.iter().filter_map(|san| if let GeneralName::Uri(uri) = san { trust_domain(uri) } else { None });
        for domain in ids.filter(|domain| !known(domain)) {
            strangers.entry(domain).or_default().push(node);
        }
    }
    for (domain, nodes) in strangers {
        let ours: Vec<&str> = meshes.iter().map(|mesh| &*mesh.trust_domain).collect();
        let message = format!("workloads of the trust domain {domain}; the mesh is {}, without that alias", ours.join(", "));
        let draft = Draft::new(Code::IstioTrustDomain, Severity::Warning, message);
        findings.add(nodes.into_iter().fold(draft, |draft, node| super::dates::about(context, node, draft)));
    }
}
