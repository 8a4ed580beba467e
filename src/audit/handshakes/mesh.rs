//! Istio: whether its CA would be taken by its own check, and whether workloads that it signed believe each other.

use super::super::istio::ca::{CaBundle, bundles_in_use, ca_bundles, distributed_roots, leads_to, namespace, place, realm};
use super::super::{Context, hosts};
use super::clients::worst;
use super::judge::{self, Ask, Judge, Missing};
use crate::model::handshake::Fault;
use crate::model::{Certificate, Code, Handshake, Holding, OriginKind, Participant, Party, Role, Side, Slot, Standing};
use crate::verify::Purpose;
use std::collections::HashMap;
use std::sync::Arc;

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
    let is_credential = |holding: &&Holding| holding.origin.slot == Slot::Credential && holding.certificates().next().is_some();
    let workloads: Vec<&Holding> = context.with_role(Role::IstioWorkload).iter().copied().filter(is_credential).collect();
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
        let all = context.with_role(Role::IstioRoot).iter().copied();
        for root in all.filter(|holding| holding.origin.slot == Slot::Trust) {
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
    context.outside_secrets().filter(is_one).filter_map(handshake).collect()
}
