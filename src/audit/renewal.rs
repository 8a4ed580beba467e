//! How a certificate is renewed, in a sentence: by its role and distribution, else by where it stands.

use super::{Context, managed};
use crate::chain::NodeId;
use crate::model::{Distribution, Holding, OriginKind, Role, Slot};
use time::Duration;

/// kubeadm's names for what it renews, and what has to be restarted or copied then (cmd/kubeadm/app/phases/certs/renewal).
const KUBEADM: &[(Role, &str)] = &[
    (Role::Apiserver, "kubeadm certs renew apiserver, then restart kube-apiserver"),
    (Role::ApiserverKubeletClient, "kubeadm certs renew apiserver-kubelet-client, then restart kube-apiserver"),
    (Role::ApiserverEtcdClient, "kubeadm certs renew apiserver-etcd-client, then restart kube-apiserver"),
    (Role::FrontProxyClient, "kubeadm certs renew front-proxy-client, then restart kube-apiserver"),
    (Role::EtcdServer, "kubeadm certs renew etcd-server, then restart etcd"),
    (Role::EtcdPeer, "kubeadm certs renew etcd-peer, then restart etcd"),
    (Role::EtcdHealthcheckClient, "kubeadm certs renew etcd-healthcheck-client"),
    (Role::Admin, "kubeadm certs renew admin.conf, then copy it to wherever it is used (~/.kube/config)"),
    (Role::SuperAdmin, "kubeadm certs renew super-admin.conf"),
    (Role::ControllerManager, "kubeadm certs renew controller-manager.conf, then restart kube-controller-manager"),
    (Role::Scheduler, "kubeadm certs renew scheduler.conf, then restart kube-scheduler"),
    (
        Role::Kubelet,
        "the kubelet rotates /var/lib/kubelet/pki/kubelet-client-current.pem itself: let kubelet.conf name that file; once expired, join the node again or issue kubelet.conf with kubeadm kubeconfig user --client-name system:node:NODE --org system:nodes",
    ),
    (
        Role::KubeletServing,
        "delete kubelet.crt and kubelet.key in /var/lib/kubelet/pki and restart the kubelet, or set serverTLSBootstrap and approve its CSR",
    ),
];

/// Distributions that renew everything of a node in one go.
const WHOLE_NODE: &[(Distribution, &str)] = &[
    (
        Distribution::K3s,
        "restart k3s (it renews what has less than 120 days left, 90 in older releases), or: k3s certificate rotate",
    ),
    (
        Distribution::Rke2,
        "restart rke2-server or rke2-agent (it renews what has less than 120 days left, 90 in older releases), or: rke2 certificate rotate",
    ),
    (
        Distribution::MicroK8s,
        "microk8s refresh-certs --cert server.crt, or front-proxy-client.crt; --cert ca.crt issues everything anew",
    ),
    (Distribution::Minikube, "minikube stop, then minikube start: it renews what has expired"),
    (
        Distribution::AckDedicated,
        "renew the cluster's certificates in the ACK console while they are still valid, then restart the components",
    ),
];

/// The Secrets in which the supervisors of k3s and RKE2 keep their serving certificate.
const SUPERVISORS: &[&str] = &["/k3s-serving", "/rke2-serving"];

/// What follows when somebody else renews a CA that is plugged into Istio (istio.io/latest/docs/tasks/security/cert-management).
const ISTIOD_READS: &str =
    "istiod has to read what is renewed (restart it, unless AUTO_RELOAD_PLUGIN_CERTS is set); workloads follow.";

/// Advice for a certificate, from the first of its places that tells.
pub(super) fn how_to_renew(context: &Context<'_>, node: NodeId) -> String {
    // A place that says whose the certificate is tells more than one that only believes it.
    let (own, others): (Vec<&Holding>, Vec<&Holding>) =
        context.places(node).map(|(holding, _)| holding).partition(|holding| holding.origin.role.is_some());
    let managed = managed::manager(context, node);
    let managed = managed.map(|managed| managed::says(managed, context.graph.certificate(node), context.policy.at));
    let by_role = own.iter().find_map(|holding| at_place(context, holding));
    let is_istio = own.iter().any(|holding| holding.origin.document.kind == OriginKind::Secret);
    let by_place = match (managed, by_role) {
        // The only Secrets with a job are Istio's.
        (Some(managed), _) if is_istio => Some(format!("{ISTIOD_READS} {managed}")),
        (Some(managed), None) => Some(managed),
        (_, by_role) => by_role.or_else(|| others.iter().find_map(|holding| at_place(context, holding))),
    };
    let advice = by_place.unwrap_or_else(|| "Renew it where it was issued, then restart or reload what serves it.".to_owned());
    match renewed_elsewhere(context, node) {
        Some(host) => format!("{advice} ({host} has a newer one: each control-plane node is renewed by itself)"),
        None => advice,
    }
}

/// Another host on which the certificate of the same job ends later: kubeadm renews on the node where it runs (kubernetes/kubeadm#1818,
/// kubernetes/kubeadm#2308).
fn renewed_elsewhere<'a>(context: &Context<'a>, node: NodeId) -> Option<&'a str> {
    let end = context.graph.certificate(node).validity.not_after;
    let (own, role) =
        context.places(node).find_map(|(holding, _)| Some((holding.origin.document.host.as_deref()?, holding.origin.role?)))?;
    let is_newer = |holding: &&Holding| {
        let host = holding.origin.document.host.as_deref();
        let leaf = holding.certificates().next();
        holding.origin.role == Some(role)
            && holding.origin.slot == Slot::Credential
            && host.is_some_and(|host| host != own)
            && leaf.is_some_and(|(_, leaf)| leaf.validity.not_after - end > Duration::days(30) && !leaf.is_ca())
    };
    context.inventory.holdings.iter().find(is_newer)?.origin.document.host.as_deref()
}

fn at_place(context: &Context<'_>, holding: &Holding) -> Option<String> {
    let document = &holding.origin.document;
    match (document.kind, holding.origin.role) {
        (_, Some(Role::IstioCa | Role::IstioRoot | Role::IstioCaChain)) => {
            Some("Renew Istio's CA: with a self-signed one delete istio-ca-secret and restart istiod once nothing depends on the old root, or keep its key (root transition); with a plugged-in one replace cacerts. Workloads follow.".to_owned())
        }
        (_, Some(Role::IstioWorkload)) => Some("Delete the Secret or restart the workload: Istio's CA issues a new certificate.".to_owned()),
        (OriginKind::File | OriginKind::Kubeconfig, Some(role)) => for_role(context, holding, role),
        (OriginKind::Secret, _) if SUPERVISORS.iter().any(|name| document.source.ends_with(name)) => {
            Some("Restart k3s or rke2-server: the supervisor issues its serving certificate anew (it keeps a copy in dynamic-cert.json).".to_owned())
        }
        (OriginKind::Secret, None) if document.subtype.as_deref() == Some("kubernetes.io/tls") => {
            let (namespace, name) = document.source.split_once('/')?;
            Some(format!("Renew it where it was issued; for a certificate of cert-manager: cmctl renew --namespace {namespace} CERTIFICATE (Secret {name})"))
        }
        (OriginKind::Kubeconfig, None) => Some("Get a new client certificate or kubeconfig from the cluster's administrators (a copy of admin.conf is copied again).".to_owned()),
        (OriginKind::Webhook | OriginKind::ApiService | OriginKind::Crd, _) => Some("Put the CA that signs the service's present certificate into caBundle.".to_owned()),
        _ => None,
    }
}

/// Distributions whose supervisor hands CAs out.
const RANCHER: &[Distribution] = &[Distribution::K3s, Distribution::Rke2];

fn has_layout(context: &Context<'_>, holding: &Holding, wanted: Distribution) -> bool {
    let host = holding.origin.document.host.as_deref();
    let mut here = context.inventory.hosts.iter().filter(|known| known.name.as_deref() == host);
    here.any(|known| known.layouts.contains(&wanted))
}

fn for_role(context: &Context<'_>, holding: &Holding, role: Role) -> Option<String> {
    if role.is_ca() && RANCHER.iter().any(|rancher| has_layout(context, holding, *rancher)) {
        return Some("Rotate the CAs: have rotate-default-ca-certs.sh (k3s-io/k3s contrib/util) make new ones that the old ones vouch for, then certificate rotate-ca --path with what it made, then restart every server and after them every agent (docs.k3s.io/cli/certificate).".to_owned());
    }
    if role.is_ca() {
        return Some("Rotate the CA: trust old and new one everywhere, issue everything from the new one, then drop the old one. kubeadm and k3s do not renew CAs by themselves.".to_owned());
    }
    let host = holding.origin.document.host.as_deref();
    let layouts = context.inventory.hosts.iter().filter(|known| known.name.as_deref() == host).flat_map(|known| &known.layouts);
    let whole = layouts
        .filter_map(|layout| WHOLE_NODE.iter().find(|(distribution, _)| distribution == layout))
        .map(|(_, advice)| *advice)
        .next();
    whole.or_else(|| KUBEADM.iter().find(|(known, _)| *known == role).map(|(_, advice)| *advice)).map(str::to_owned)
}
