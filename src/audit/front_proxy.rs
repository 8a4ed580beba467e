//! The aggregation layer: whom extension API servers believe, and that nobody else can pass for it.

use super::findings::{Draft, Findings};
use super::places::{self, CLIENT_CA, Files, authentication, components};
use super::{Context, chain, hosts};
use crate::model::{Certificate, Code, Evidence, Holding, Role, Severity, Sha256, Slot};
use std::collections::BTreeSet;
use std::sync::Arc;

const FRONT_PROXY_CA: Files = places::anchors("kube-apiserver", "--requestheader-client-ca-file", &[&[Role::FrontProxyCa]]);
const FRONT_PROXY_CLIENT: Files = places::credential("kube-apiserver", "--proxy-client-cert-file", &[&[Role::FrontProxyClient]]);

fn keys(places: &[&Holding]) -> BTreeSet<Sha256> {
    places.iter().flat_map(|place| place.certificates()).map(|(_, ca)| ca.public_key.spki_sha256).collect()
}

pub(super) fn ca_shared(context: &Context<'_>, findings: &mut Findings) {
    type Both<'a> = (Vec<&'a Holding>, Vec<&'a Holding>);
    let of_hosts = hosts::all(context).into_iter().map(|host| (CLIENT_CA.on(context, host), FRONT_PROXY_CA.on(context, host)));
    let of_objects: Both<'_> =
        (authentication(context, "client-ca-file"), authentication(context, "requestheader-client-ca-file"));
    for (clients, proxies) in of_hosts.chain([of_objects]) {
        let shared: Vec<Sha256> = keys(&clients).intersection(&keys(&proxies)).copied().collect();
        let is_shared = |ca: &Arc<Certificate>| shared.contains(&ca.public_key.spki_sha256);
        let Some((_, ca)) = proxies.iter().flat_map(|place| place.certificates()).find(|(_, ca)| is_shared(ca)) else { continue };
        let message = format!("{} signs the aggregation layer's certificate and client certificates", ca.display_name());
        let places = clients.iter().chain(&proxies).map(|place| (place.origin.clone(), 0));
        findings.add(Draft::new(Code::FrontProxyCaShared, Severity::Warning, message).certificate(ca.id).places(places));
    }
}

/// What extension servers are told to take client certificates from, where that is not what the API server does.
fn told_otherwise(context: &Context<'_>, findings: &mut Findings) {
    let told = authentication(context, "client-ca-file");
    let own: Vec<&Holding> = hosts::all(context).into_iter().flat_map(|host| CLIENT_CA.on(context, host)).collect();
    if told.is_empty() || own.is_empty() || !keys(&told).is_disjoint(&keys(&own)) {
        return;
    }
    let message = format!(
        "extension servers are told to take client certificates from {}, and the API server does from {}",
        chain::names(&told),
        chain::names(&own)
    );
    let ids = told.iter().flat_map(|place| place.certificates()).map(|(_, ca)| ca.id);
    let draft = ids.fold(Draft::new(Code::FrontProxyUntrusted, Severity::Critical, message), Draft::certificate_once);
    let hint = "Restart kube-apiserver, which writes kube-system/extension-apiserver-authentication when it starts.";
    findings.add(draft.places(told.iter().map(|place| (place.origin.clone(), 0))).hint(hint));
}

/// What the files of one host do not show: names that are not allowed, what the ConfigMap says, the other hosts.
pub(super) fn untrusted(context: &Context<'_>, findings: &mut Findings) {
    told_otherwise(context, findings);
    let objects = authentication(context, "requestheader-client-ca-file");
    for host in hosts::all(context) {
        let flags = components(context.inventory, "kube-apiserver", host)
            .flat_map(|component| component.values("--requestheader-allowed-names"));
        let allowed: Vec<&str> = flags.flat_map(|names| names.split(',')).filter(|name| !name.is_empty()).collect();
        for place in FRONT_PROXY_CLIENT.on(context, host) {
            let Some((_, leaf)) = place.certificates().next() else { continue };
            not_allowed(context, findings, place, leaf, &allowed);
            if chain::reaches(context, leaf, &objects) == Some(false) {
                let message = format!(
                    "{} is not signed by what extension servers are told to believe, {}",
                    leaf.display_name(),
                    chain::names(&objects)
                );
                let draft =
                    Draft::new(Code::FrontProxyUntrusted, Severity::Critical, message).certificate(leaf.id).at(&place.origin, 0);
                let hint = "Restart kube-apiserver, which writes kube-system/extension-apiserver-authentication when it starts; if that does not help, issue front-proxy-client again from front-proxy-ca.";
                findings.add(draft.places(objects.iter().map(|place| (place.origin.clone(), 0))).hint(hint));
            }
        }
    }
}

fn not_allowed(context: &Context<'_>, findings: &mut Findings, place: &Holding, leaf: &Certificate, by_flag: &[&str]) {
    let by_object =
        context.inventory.facts.front_proxies.iter().map(|proxy| proxy.allowed_names.iter().map(|name| &**name).collect());
    let name = leaf.subject.common_name().unwrap_or_default();
    for allowed in
        by_object.chain([by_flag.to_vec()]).filter(|allowed: &Vec<&str>| !allowed.is_empty() && !allowed.contains(&name))
    {
        let message =
            format!("{} is not among the names allowed for the aggregation layer: {}", leaf.display_name(), allowed.join(", "));
        let draft = Draft::new(Code::FrontProxyUntrusted, Severity::Critical, message).certificate(leaf.id).at(&place.origin, 0);
        let hint = "Issue front-proxy-client with an allowed common name, or change --requestheader-allowed-names.";
        findings.add(
            draft.hint(hint).evidence("allowedNames", Evidence::List(allowed.iter().map(|name| (*name).to_owned()).collect())),
        );
    }
}

/// The CAs that every control-plane node must have alike, and what a difference is called.
const ALIKE: &[(Role, Code)] = &[
    (Role::ClusterCa, Code::Untrusted),
    (Role::ServerCa, Code::Untrusted),
    (Role::ClientCa, Code::Untrusted),
    (Role::EtcdCa, Code::Untrusted),
    (Role::EtcdPeerCa, Code::Untrusted),
    (Role::FrontProxyCa, Code::FrontProxyUntrusted),
];

/// The fact by which a finding says that a CA differs from node to node, and which one.
pub(super) const DIFFERS: &str = "differingCa";

/// Control-plane nodes of one cluster have the same CAs: those whose CA shares no key with the others'.
pub(super) fn between_hosts(context: &Context<'_>, findings: &mut Findings, wanted: Code) {
    let masters: Vec<&str> = hosts::all(context)
        .into_iter()
        .flatten()
        .filter(|host| hosts::places(context, Some(host), Role::Apiserver, &[Slot::Credential]).next().is_some())
        .collect();
    for (role, code) in ALIKE.iter().filter(|(_, code)| *code == wanted) {
        let with: Vec<(&str, Vec<&Holding>)> =
            masters.iter().map(|host| (*host, bearers(context, host, *role))).filter(|(_, places)| !places.is_empty()).collect();
        let differs = |(host, places): &&(&str, Vec<&Holding>)| {
            with.iter().all(|(other, theirs)| other == host || keys(places).is_disjoint(&keys(theirs)))
        };
        let strangers: Vec<_> = with.iter().filter(|_| with.len() > 1).filter(differs).collect();
        let Some((_, places)) = strangers.first() else { continue };
        let names: Vec<&str> = strangers.iter().map(|(host, _)| *host).collect();
        let message =
            format!("the {} of {} has another key than that of the other control-plane nodes", role.as_str(), names.join(", "));
        let message = if strangers.len() == with.len() {
            format!("the control-plane nodes have different CAs as {}", role.as_str())
        } else {
            message
        };
        let ids = places.iter().flat_map(|place| place.certificates()).map(|(_, ca)| ca.id);
        let draft = ids.fold(Draft::new(*code, Severity::Critical, message), Draft::certificate_once);
        let places = with.iter().flat_map(|(_, places)| places).map(|place| (place.origin.clone(), 0));
        let draft = draft.evidence(DIFFERS, Evidence::Text(role.as_str().to_owned()));
        findings.add(
            draft
                .places(places)
                .hint("Copy the CA with its key from a node that has the right one, and issue that node's certificates anew."),
        );
    }
}

/// The places of a CA on a host that hold one.
fn bearers<'a>(context: &Context<'a>, host: &str, role: Role) -> Vec<&'a Holding> {
    let of_role = context
        .inventory
        .holdings
        .iter()
        .filter(|holding| holding.origin.role == Some(role) && hosts::host(holding) == Some(host));
    let anchors = of_role.filter(|holding| matches!(holding.origin.slot, Slot::Credential | Slot::Trust));
    anchors.filter(|holding| holding.certificates().next().is_some()).collect()
}
