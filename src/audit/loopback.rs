//! The API server's loopback certificate: what its dates say of the process, and what to do before it ends.

use super::Context;
use super::findings::{Draft, Findings};
use crate::model::peer::{LOOPBACK_NAME, Loopback};
use crate::model::when::{date, relative};
use crate::model::{Code, Evidence, Holding, Severity, Validity};

/// What a lifetime in days says of the server's version. Forks carry other numbers, so that the measured one is always shown.
const LIFETIMES: &[(i64, &str)] = &[
    // kubernetes/apiserver 0.28 to 0.32: GenerateSelfSignedCertKeyWithOptions, one year.
    (365, "Kubernetes up to 1.32"),
    // Since v1.33.0: 3 × 365 + 1 (kubernetes/kubernetes#130047).
    (1096, "Kubernetes 1.33 and later, and vendors that took the change over"),
    // Clusters of Alibaba Cloud that were made or upgraded since 2023-03-15.
    (3650, "Alibaba Cloud ACK since March 2023"),
];

/// What the lifetime of a loopback certificate says of the server that made it.
#[must_use]
pub fn implies(loopback: &Loopback) -> &'static str {
    let days = loopback.lifetime.whole_days();
    LIFETIMES
        .iter()
        .find(|(known, _)| *known == days)
        .map_or("no release of Kubernetes: a vendor's own build", |(_, words)| words)
}

/// How a kube-apiserver is restarted, by what runs it.
pub const RESTARTS: &[(&str, &str)] = &[
    ("containerd, CRI-O", "crictl pods --name kube-apiserver -q | xargs crictl stopp"),
    ("docker", "docker ps -q --filter name=k8s_kube-apiserver | xargs docker restart"),
    ("static pod", "move kube-apiserver.yaml out of /etc/kubernetes/manifests for 20 seconds and back"),
    ("k3s", "systemctl restart k3s"),
    ("RKE2", "crictl pods --name kube-apiserver -q | xargs crictl stopp (or systemctl restart rke2-server)"),
];

const HINT: &str = "Restart this kube-apiserver, one control-plane node at a time: crictl pods --name kube-apiserver -q | xargs crictl stopp (docker: docker restart; k3s: systemctl restart k3s). Nothing else makes a new one.";

pub(super) fn expired(context: &Context<'_>, findings: &mut Findings) {
    for (holding, loopback) in served(context).filter(|(_, loopback)| loopback.ends < context.policy.at) {
        let message = format!(
            "the loopback certificate ended {} ({}); this server can no longer reach itself",
            date(loopback.ends),
            relative(context.policy.at, loopback.ends)
        );
        findings.add(about(holding, loopback, Draft::new(Code::LoopbackExpired, Severity::Critical, message)));
    }
}

pub(super) fn expiring(context: &Context<'_>, findings: &mut Findings) {
    for (holding, loopback) in
        served(context).filter(|(_, loopback)| (loopback.started..=loopback.ends).contains(&context.policy.at))
    {
        let validity = Validity { not_before: loopback.started, not_after: loopback.ends };
        let Some(severity) = context.policy.nearing(validity, loopback.ends) else { continue };
        let message =
            format!("the loopback certificate ends {} ({})", date(loopback.ends), relative(context.policy.at, loopback.ends));
        findings.add(about(holding, loopback, Draft::new(Code::LoopbackExpiring, severity, message)));
    }
}

fn about(holding: &Holding, loopback: Loopback, draft: Draft) -> Draft {
    let certificates = holding.certificates().next().map(|(_, leaf)| leaf.id);
    certificates
        .into_iter()
        .fold(draft, Draft::certificate)
        .at(&holding.origin, 0)
        .hint(HINT)
        .evidence("notAfter", Evidence::Time(loopback.ends))
        .evidence("processStarted", Evidence::Time(loopback.started))
        .evidence("lifetimeDays", Evidence::Number(loopback.lifetime.whole_days()))
        .evidence("implies", Evidence::Text(implies(&loopback).to_owned()))
}

fn served<'a>(context: &'a Context<'_>) -> impl Iterator<Item = (&'a Holding, Loopback)> {
    context.outside_secrets().filter_map(|holding| holding.loopback().map(|loopback| (holding, loopback)))
}

/// What answers in an API server's stead, by the issuer of its certificate: what to probe instead.
const STAND_INS: &[(&str, &str, &str)] = &[
    (
        "k3s-server-ca",
        "the supervisor of k3s answers",
        "On the k3s server itself: kcert probe loopback 127.0.0.1:6444. Behind the supervisor the API server listens there.",
    ),
    (
        "rke2-server-ca",
        "the supervisor of RKE2 answers",
        "Probe the API server's own port on each server node: kcert probe loopback NODE:6443.",
    ),
];

const NOT_SERVED_HINT: &str = "Probe the API servers themselves, each by its own address and port (6443; k3s 6444 on the server; MicroK8s 16443; minikube 8443; Huawei CCE 5443 and 5444): a load balancer or proxy that ends TLS hides them.";

pub(super) fn not_served(context: &Context<'_>, findings: &mut Findings) {
    for (_, holding) in context.peers().filter(|(peer, _)| peer.server_name.as_deref() == Some(LOOPBACK_NAME)) {
        let Some((index, leaf)) = holding.certificates().next().filter(|_| holding.loopback().is_none()) else { continue };
        let issuer = leaf.issuer.common_name().unwrap_or_default();
        let stand_in = STAND_INS.iter().find(|(prefix, _, _)| issuer.starts_with(prefix));
        let (what, hint) = match stand_in {
            Some((_, what, hint)) => (*what, *hint),
            None if holding.is_api_server() => (
                "an API server's usual certificate comes, from a proxy, a load balancer or an API server that is embedded",
                NOT_SERVED_HINT,
            ),
            None => ("something that is no kube-apiserver answers", NOT_SERVED_HINT),
        };
        let message = format!("no loopback certificate; {what} ({})", leaf.display_name());
        let draft = Draft::new(Code::LoopbackNotServed, Severity::Warning, message).certificate(leaf.id).hint(hint);
        findings.add(draft.at(&holding.origin, u32::try_from(index).unwrap_or(u32::MAX)));
    }
}
