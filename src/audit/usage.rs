//! Key usages, by what a certificate's job needs.

use super::Context;
use super::findings::{Draft, Findings};
use super::hosts;
use super::places::components;
use crate::model::{
    Certificate, Code, Distribution, ExtendedKeyUsage, GeneralName, Holding, Origin, OriginKind, Role, Severity, Slot,
};

/// What a job needs of the extended key usage, and how bad it is to lack it.
struct Need {
    role: Role,
    usages: &'static [ExtendedKeyUsage],
    severity: Severity,
}

const SERVER: &[ExtendedKeyUsage] = &[ExtendedKeyUsage::ServerAuth];
const CLIENT: &[ExtendedKeyUsage] = &[ExtendedKeyUsage::ClientAuth];
const BOTH: &[ExtendedKeyUsage] = &[ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth];

/// kubernetes/kubernetes cmd/kubeadm/app/phases/certs/certlist.go; nobody verifies the last three by default.
const NEEDS: &[Need] = &[
    Need { role: Role::Apiserver, usages: SERVER, severity: Severity::Critical },
    Need { role: Role::ApiserverSni, usages: SERVER, severity: Severity::Critical },
    Need { role: Role::ApiserverKubeletClient, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::ApiserverEtcdClient, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::FrontProxyClient, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::EtcdServer, usages: BOTH, severity: Severity::Critical },
    Need { role: Role::EtcdPeer, usages: BOTH, severity: Severity::Critical },
    Need { role: Role::EtcdHealthcheckClient, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::Admin, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::SuperAdmin, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::ControllerManager, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::Scheduler, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::CloudControllerManager, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::KubeProxy, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::Kubelet, usages: CLIENT, severity: Severity::Critical },
    Need { role: Role::KubeletServing, usages: SERVER, severity: Severity::Warning },
    Need { role: Role::ControllerManagerServing, usages: SERVER, severity: Severity::Warning },
    Need { role: Role::SchedulerServing, usages: SERVER, severity: Severity::Warning },
];

/// What `kubeadm certs renew` makes anew from the certificate that is there (cmd/kubeadm/app/phases/certs/renewal).
const RENEWED: &[Role] = &[
    Role::Apiserver,
    Role::ApiserverKubeletClient,
    Role::ApiserverEtcdClient,
    Role::FrontProxyClient,
    Role::EtcdServer,
    Role::EtcdPeer,
    Role::EtcdHealthcheckClient,
    Role::Admin,
    Role::SuperAdmin,
    Role::ControllerManager,
    Role::Scheduler,
];

/// End entities with a job that needs something, each at its place.
fn leaves<'a>(context: &Context<'a>) -> impl Iterator<Item = (&'a Holding, &'a Certificate, &'static Need)> {
    context.outside_secrets().filter(|holding| holding.origin.slot == Slot::Credential).filter_map(|holding| {
        let need = NEEDS.iter().find(|need| Some(need.role) == holding.origin.role)?;
        let (_, leaf) = holding.certificates().next().filter(|(_, leaf)| !leaf.is_ca())?;
        Some((holding, &**leaf, need))
    })
}

fn lacks(leaf: &Certificate, usages: &[ExtendedKeyUsage]) -> Vec<String> {
    usages.iter().filter(|usage| !leaf.allows(usage)).map(ToString::to_string).collect()
}

pub(super) fn missing(context: &Context<'_>, findings: &mut Findings) {
    for (holding, leaf, need) in leaves(context) {
        if leaf.extended_key_usage.is_none() {
            let is_renewed = RENEWED.contains(&need.role) && kubeadm_renews(context, &holding.origin);
            let (severity, why) = if is_renewed {
                (Severity::Warning, "kubeadm cannot renew it")
            } else {
                (Severity::Info, "programs take it for any purpose")
            };
            let message = format!("{} has no extended key usage: {why}", leaf.display_name());
            findings.add(Draft::new(Code::UsageMissing, severity, message).certificate(leaf.id).at(&holding.origin, 0));
        } else if leaf.key_usage.is_none() {
            let message = format!("{} has no key usage", leaf.display_name());
            findings.add(Draft::new(Code::UsageMissing, Severity::Info, message).certificate(leaf.id).at(&holding.origin, 0));
        }
    }
}

/// Whether `kubeadm certs renew` looks after a place; MicroK8s, k3s and RKE2 issue from nothing.
fn kubeadm_renews(context: &Context<'_>, origin: &Origin) -> bool {
    let host = origin.document.host.as_deref();
    let here = context.inventory.hosts.iter().filter(|known| known.name.as_deref() == host).flat_map(|known| &known.layouts);
    let mut kubeadm = here.filter(|layout| matches!(layout, Distribution::Kubeadm | Distribution::AckDedicated));
    kubeadm.next().is_some()
}

pub(super) fn wrong(context: &Context<'_>, findings: &mut Findings) {
    for (holding, leaf, need) in leaves(context) {
        let lacking = lacks(leaf, need.usages);
        if !lacking.is_empty() && !is_of_etcd(need.role, &lacking) {
            let message = format!(
                "{} is not for {}, which its job as {} needs",
                leaf.display_name(),
                lacking.join(" and "),
                need.role.as_str()
            );
            findings.add(Draft::new(Code::UsageWrong, need.severity, message).certificate(leaf.id).at(&holding.origin, 0));
        }
    }
}

/// etcd shows its serving and peer certificates as a client too.
pub(super) fn of_etcd(context: &Context<'_>, findings: &mut Findings) {
    for (holding, leaf, need) in leaves(context) {
        // With a certificate of its own for that, the serving one is for servers alone (etcd 3.5: --client-cert-file).
        let has_own = need.role == Role::EtcdServer
            && components(context.inventory, "etcd", hosts::host(holding))
                .any(|etcd| etcd.values("--client-cert-file").next().is_some());
        if is_of_etcd(need.role, &lacks(leaf, need.usages)) && !has_own {
            let message = format!("{} is not for clientAuth: etcd shows it as a client too", leaf.display_name());
            findings.add(Draft::new(Code::EtcdUsage, Severity::Critical, message).certificate(leaf.id).at(&holding.origin, 0));
        }
    }
}

fn is_of_etcd(role: Role, lacking: &[String]) -> bool {
    matches!(role, Role::EtcdServer | Role::EtcdPeer) && lacking == [ExtendedKeyUsage::ClientAuth.to_string()]
}

/// Servers' certificates that are of no use to anybody who dials them by a name, whoever that is.
pub(super) fn cn_only(context: &Context<'_>, findings: &mut Findings) {
    let is_served = |holding: &&Holding| {
        let by_job = holding
            .origin
            .role
            .is_none_or(|role| NEEDS.iter().any(|need| need.role == role && need.usages[0] == ExtendedKeyUsage::ServerAuth));
        let by_place =
            matches!(holding.origin.document.kind, OriginKind::File | OriginKind::Secret | OriginKind::Peer | OriginKind::Stdin);
        by_job && by_place && holding.origin.slot != Slot::Trust && holding.loopback().is_none()
    };
    for holding in context.inventory.holdings.iter().filter(is_served) {
        let Some((_, leaf)) = holding.certificates().next() else { continue };
        let for_servers = leaf.extended_key_usage.as_ref().is_some_and(|usages| usages.contains(&ExtendedKeyUsage::ServerAuth));
        let named = leaf.sans.iter().any(|san| matches!(san, GeneralName::Dns(_) | GeneralName::Ip(_) | GeneralName::Uri(_)));
        if !for_servers || named || leaf.is_ca() {
            continue;
        }
        let Some(name) = leaf.subject.common_name().filter(|name| looks_like_a_host(name)) else { continue };
        let message = format!("{} is for servers and has its name, {name}, in the common name alone", leaf.display_name());
        findings.add(Draft::new(Code::CnOnly, Severity::Warning, message).certificate(leaf.id).at(&holding.origin, 0));
    }
}

fn looks_like_a_host(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-*".contains(&byte)) && name.contains('.')
}
