//! The kubelet: its client certificate, which it rotates itself as long as it is valid, and the serving certificate that it made.
//!
//! Sources: web:setup/production-environment/tools/kubeadm/troubleshooting-kubeadm.md, "Kubelet client certificate rotation fails";
//! kubernetes/kubernetes#99418 (kubelet.crt is never renewed).

use super::super::effect::{Authority, Effect, Lifetime, Place};
use super::super::program::{Process, Program};
use super::super::step::{Command, Reason, Step};
use super::quoted;
use super::{KUBEADM_LIFETIME, Site, Task, Tasks, from_backup, is_mended_by_issuing, issue, restarts};
use crate::model::{Code, Distribution, Kubeconfig, OriginKind, Role, Slot};
use std::sync::Arc;

/// What kubelet.conf is to name.
const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// Where kubeadm writes the new kubelet.conf: one that exists already it leaves as it is.
const NEXT: &str = "@/etc/kubernetes/kcert-next";

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for host in site.hosts() {
        if site.distribution(host) != Some(Distribution::Kubeadm) {
            continue;
        }
        let of = |role: Role| move |task: &Task<'_>| site.role(task.place) == Some(role) && site.host(task.place) == host;
        let is_mine = |task: &Task<'_>| {
            of(Role::Kubelet)(task) && (is_mended_by_issuing(task.finding.code) || task.finding.code == Code::KubeletConfEmbedded)
        };
        let mine = tasks.take(is_mine);
        let client = if mine.is_empty() { None } else { client(site, host, &mine) };
        let serves = |task: &Task<'_>| of(Role::KubeletServing)(task) && is_mended_by_issuing(task.finding.code);
        let serving = serving(site, host, &tasks.take(serves));
        let has_any = client.is_some() || serving.is_some();
        steps.extend(client);
        steps.extend(serving);
        if has_any {
            let kubelet = Process::new(Program::Kubelet, host);
            steps.push(restarts::of_process(site, &kubelet).because([Reason::wanted("has to read what was renewed")]));
        }
    }
    steps
}

fn kubeconfig<'a>(site: &Site<'a>, host: Option<&str>) -> Option<(usize, &'a Kubeconfig)> {
    let mut all = site.inventory.kubeconfigs.iter().enumerate();
    all.find(|(_, one)| one.role == Some(Role::Kubelet) && one.document.host.as_deref() == host)
}

fn client(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>]) -> Option<Step> {
    let is_valid = |place: &Place| {
        site.leaf(*place).is_some_and(|leaf| !leaf.validity.is_over(site.policy.at) && !leaf.validity.is_to_come(site.policy.at))
    };
    let (number, kubeconfig) = kubeconfig(site, host)?;
    let credentials = site.places(Role::Kubelet, Slot::Credential, host);
    let embedded = credentials.iter().copied().find(|place| {
        let origin = &site.holding(*place).origin;
        origin.document.kind == OriginKind::Kubeconfig && origin.field.ends_with("-data")
    });
    let current = credentials.iter().copied().find(|place| site.is_file(*place) && is_valid(place));
    match (embedded, current) {
        (Some(embedded), Some(current)) => Some(refer(site, host, tasks, (number, kubeconfig), embedded, current)),
        _ => Some(anew(site, host, tasks, kubeconfig, &credentials)),
    }
}

/// kubelet.conf carries a certificate while the kubelet rotates another one: it is to name the other.
fn refer(
    site: &Site<'_>,
    host: Option<&str>,
    tasks: &[Task<'_>],
    (number, kubeconfig): (usize, &Kubeconfig),
    embedded: Place,
    current: Place,
) -> Step {
    let path = site.path(embedded);
    let user = kubeconfig.users.first().map(|user| quoted(&user.name)).unwrap_or_default();
    let set = format!(
        "kubectl config --kubeconfig={path} set-credentials {user} --client-certificate={CURRENT} --client-key={CURRENT}"
    );
    let unset = |field: &str| format!("sed -i '/^ *{field}: /d' {path}");
    Step::new("kubelet-conf", host, "let kubelet.conf name the certificate that the kubelet rotates")
        .on(path.trim_start_matches('@'))
        .because(site.reasons(tasks))
        .run(Command::files(unset("client-certificate-data")))
        .run(Command::files(unset("client-key-data")))
        .run(Command::files(set))
        .check(Command::files(format!("grep -q 'client-certificate: *{CURRENT}' {path}")), "kubelet.conf names the file")
        .undo(from_backup(site, &[embedded]))
        .effect(Effect::Refer { kubeconfig: number, certificate: embedded, to: current, path: CURRENT.into() })
}

/// The kubelet has no valid certificate to rotate by: kubelet.conf is issued anew.
fn anew(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>], kubeconfig: &Kubeconfig, credentials: &[Place]) -> Step {
    let leaf = credentials.iter().find_map(|place| site.leaf(*place));
    let user = leaf.and_then(|leaf| leaf.subject.common_name()).unwrap_or_default();
    let node = user.strip_prefix("system:node:").map_or_else(|| "\"${NODE}\"".to_owned(), quoted);
    let server = kubeconfig.clusters.first().map(|cluster| &*cluster.server).unwrap_or_default();
    let endpoint = quoted(server.trim_start_matches("https://").trim_end_matches('/'));
    let path = site.host_path(kubeconfig.document.path(), host, true);
    // kubeadm signs where the key is: on this host, else on a control-plane node.
    let signers = std::iter::once(host).chain(site.hosts());
    let ca = signers.filter_map(|host| site.ca_of(Role::Kubelet, host)).find(|ca| site.signs(*ca));
    let version = site.present.map_or_else(|| "\"$(kubeadm version -o short)\"".to_owned(), |version| format!("v{version}"));
    let step = Step::new("kubelet-conf", host, "issue kubelet.conf anew")
        .on(path.trim_start_matches('@'))
        .because(site.reasons(tasks))
        .run(Command::files(format!(
            "kubeadm init phase kubeconfig kubelet --node-name {node} --control-plane-endpoint {endpoint} --kubernetes-version {version} --kubeconfig-dir {NEXT}"
        )))
        .run(Command::files(format!("mv {NEXT}/kubelet.conf {path}")))
        .undo(from_backup(site, credentials));
    let signs_here = ca.is_some_and(|ca| site.host(ca) == host);
    let mut step = match ca {
        Some(_) if signs_here => step.needs("the key of the cluster's CA, which signs", true),
        Some(ca) => step.needs(
            format!(
                "the first command runs on {}, which has the key of the CA; its file is copied here",
                site.host(ca).unwrap_or("a control-plane node")
            ),
            true,
        ),
        None => step.needs("the key of the cluster's CA; the first command runs where it is", false),
    };
    if let Some(trust) = ca.or_else(|| site.ca_of(Role::Kubelet, host)) {
        let check = format!("kcert verify -q {path} --trust {} --purpose client --at {}", site.path(trust), site.soon());
        step = step.check(Command::files(check), "trusted, and still so when the alarm would come");
    }
    for place in credentials {
        let Some(leaf) = site.leaf(*place) else { continue };
        let elsewhere = || {
            let issuer = site.graph.node(&leaf.id).and_then(|node| site.graph.issuers(node).first().copied());
            issuer.map(|issuer| Authority::Elsewhere(Arc::clone(site.graph.certificate(issuer))))
        };
        let by = ca.map(|ca| Authority::At { ca, key: site.ca_key(ca) }).or_else(elsewhere);
        if let Some(by) = by {
            step = step.effect(issue(*place, site.key(*place), by, KUBEADM_LIFETIME));
        }
    }
    step
}

/// The serving certificate: made by the kubelet itself when there is none, or asked for by a CSR.
fn serving(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>]) -> Option<Step> {
    let place = tasks.iter().map(|task| task.place).find(|place| site.leaf(*place).is_some())?;
    let path = site.path(place);
    let step = Step::new("kubelet-serving", host, "have the kubelet make its serving certificate anew")
        .on(path.trim_start_matches('@'))
        .because(site.reasons(tasks));
    let step = match site.key(place) {
        Some(key) => step.run(Command::files(format!("rm -f {path} {}", site.path(key)))),
        None => step
            .run(Command::files(format!("rm -f {path}")))
            .run(Command::hand("After the restart approve the CSR of signer kubernetes.io/kubelet-serving: kubectl get csr, kubectl certificate approve NAME.")),
    };
    let by = match site.ca_of(Role::KubeletServing, host).filter(|_| site.key(place).is_none()).and_then(|ca| site.leaf(ca)) {
        Some(ca) => Authority::Elsewhere(Arc::clone(ca)),
        None => Authority::Itself,
    };
    let places: Vec<Place> = std::iter::once(place).chain(site.key(place)).collect();
    Some(step.undo(from_backup(site, &places)).effect(issue(place, site.key(place), by, Lifetime::AsBefore)))
}
