//! The kubelet: its client certificate, which it rotates itself as long as it is valid, and the serving certificate that it made.
//!
//! Sources: web:setup/production-environment/tools/kubeadm/troubleshooting-kubeadm.md, "Kubelet client certificate rotation fails";
//! kubernetes/kubernetes#99418 (kubelet.crt is never renewed).

use super::super::effect::{Authority, Effect, Lifetime, Place};
use super::super::program::{Process, Program};
use super::super::step::{Command, Reason, Step};
use super::{KUBEADM_LIFETIME, Site, Task, Tasks, is_mended_by_issuing, issue, quoted, restarts};
use crate::model::{Code, Distribution, Kubeconfig, OriginKind, Role, Slot};
use std::sync::Arc;

/// What kubelet.conf is to name.
const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
/// Where kubeadm writes the new kubelet.conf: one that exists already it leaves as it is.
const NEXT: &str = "@/etc/kubernetes/kcert-next";
const CONF: &str = "@/etc/kubernetes/kubelet.conf";
/// The step that issues kubelet.conf anew.
const ANEW: &str = "kubelet-new";

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
        let mut here = if mine.is_empty() { Vec::new() } else { client(site, host, &mine) };
        let serves = |task: &Task<'_>| of(Role::KubeletServing)(task) && is_mended_by_issuing(task.finding.code);
        let (serving, approval) = serving(site, host, &tasks.take(serves));
        here.extend(serving);
        if !here.is_empty() {
            let kubelet = Process::new(Program::Kubelet, host);
            here.push(restarts::of_process(site, &kubelet).because([Reason::wanted("has to read what was renewed")]));
        }
        steps.extend(here);
        steps.extend(approval);
    }
    steps
}

fn kubeconfig<'a>(site: &Site<'a>, host: Option<&str>) -> Option<(usize, &'a Kubeconfig)> {
    let mut all = site.inventory.kubeconfigs.iter().enumerate();
    all.find(|(_, one)| one.role == Some(Role::Kubelet) && one.document.host.as_deref() == host)
}

fn client(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>]) -> Vec<Step> {
    let is_valid = |place: &Place| {
        site.leaf(*place).is_some_and(|leaf| !leaf.validity.is_over(site.policy.at) && !leaf.validity.is_to_come(site.policy.at))
    };
    let Some((number, kubeconfig)) = kubeconfig(site, host) else { return Vec::new() };
    let credentials = site.places(Role::Kubelet, Slot::Credential, host);
    let embedded = credentials.iter().copied().find(|place| {
        let origin = &site.holding(*place).origin;
        origin.document.kind == OriginKind::Kubeconfig && origin.field.ends_with("-data")
    });
    let current = credentials.iter().copied().find(|place| site.is_file(*place) && is_valid(place));
    match (embedded, current) {
        (Some(embedded), Some(current)) => vec![refer(site, host, tasks, (number, kubeconfig), embedded, current)],
        _ => anew(site, host, tasks, &credentials),
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
    Step::new("kubelet-conf", host, "let kubelet.conf name the certificate that the kubelet rotates")
        .on(path.trim_start_matches('@'))
        .because(site.reasons(tasks))
        .run(named(Command::files, &path, &user))
        .check(Command::files(format!("grep -q 'client-certificate: *{CURRENT}' {path}")), "kubelet.conf names the file")
        .effect(Effect::Refer { kubeconfig: number, certificate: embedded, to: current, path: CURRENT.into() })
}

/// kubectl takes the embedded data out when it writes the paths.
fn named(kind: fn(String) -> Command, conf: &str, user: &str) -> Command {
    kind(format!(
        "kubectl config --kubeconfig={conf} set-credentials {user} --client-certificate={CURRENT} --client-key={CURRENT}"
    ))
}

/// A kubelet.conf to be made: for which node, signed where.
pub(super) struct Conf<'a> {
    pub(super) host: Option<&'a str>,
    /// The CA's place on the host that signs, if any does.
    pub(super) ca: Option<Place>,
    /// The directory with the CA, as commands name it.
    pub(super) directory: String,
}

impl Conf<'_> {
    /// Adds what makes it and brings it into place; what has to be done elsewhere comes as steps before.
    pub(super) fn into_step(self, site: &Site<'_>, step: Step, before: &mut Vec<Step>) -> Step {
        let credentials = site.places(Role::Kubelet, Slot::Credential, self.host);
        let leaf = credentials.iter().find_map(|place| site.leaf(*place));
        let user = leaf.and_then(|leaf| leaf.subject.common_name()).unwrap_or_default();
        let node = user.strip_prefix("system:node:").map_or_else(|| "\"${NODE}\"".to_owned(), quoted);
        let cluster = kubeconfig(site, self.host).and_then(|(_, one)| one.clusters.first());
        let server = cluster.map(|cluster| &*cluster.server).unwrap_or_default();
        let endpoint = quoted(server.trim_start_matches("https://").trim_end_matches('/'));
        let version = site.present.map_or_else(|| "\"$(kubeadm version -o short)\"".to_owned(), |version| format!("v{version}"));
        let make = |directory: &str| {
            format!(
                "kubeadm init phase kubeconfig kubelet --node-name {node} --control-plane-endpoint {endpoint} --kubernetes-version {version} --cert-dir {} --kubeconfig-dir {directory}",
                self.directory
            )
        };
        let step = step.on("/etc/kubernetes/kubelet.conf").writes(CONF);
        let gone = Command::files(format!("rm -f @{CURRENT}"));
        let signer = self.ca.map(|ca| site.host(ca));
        match (signer, self.host) {
            (Some(signer), own) if signer == own => step
                .run(Command::files(format!("rm -rf {NEXT}")))
                .run(Command::files(make(NEXT)))
                .run(Command::files(format!("mv {NEXT}/kubelet.conf {CONF}")))
                .run(Command::files(format!("rmdir {NEXT}")))
                .run(gone)
                .needs("the key of the cluster's CA, which signs", true),
            (Some(Some(signer)), Some(own)) => {
                let (directory, name) = (format!("{NEXT}-{own}"), own.to_owned());
                let id = step.id.replace('@', "-");
                before.push(
                    Step::new(
                        &format!("{id}-make"),
                        Some(signer),
                        format!("make kubelet.conf for {name}, where the CA's key is"),
                    )
                    .on(directory.trim_start_matches('@'))
                    .because([Reason::wanted(format!("{name} has no key to sign by"))])
                    .run(Command::files(format!("rm -rf {directory}")))
                    .run(Command::files(make(&directory)))
                    .needs("the key of the cluster's CA, which signs", true)
                    .undo(Command::files(format!("rm -rf {directory}"))),
                );
                before.push(
                    Step::new(&format!("{id}-carry"), None, format!("bring kubelet.conf from {signer} to {name}"))
                        .on(format!("{name}: /etc/kubernetes/kubelet.conf.new"))
                        .because([Reason::wanted("it is used there")])
                        .run(Command::carry(
                            signer,
                            &format!("{directory}/kubelet.conf").replace('@', ""),
                            own,
                            "/etc/kubernetes/kubelet.conf.new",
                        )),
                );
                step.run(Command::files(format!("install -m 600 {CONF}.new {CONF}")))
                    .run(Command::files(format!("rm -f {CONF}.new")))
                    .run(gone)
            }
            _ => step
                .run(Command::hand_on_files(format!(
                    "Where the key of the cluster's CA is: {}; then bring its kubelet.conf to {} with mode 600.",
                    make("DIR").replace('@', ""),
                    CONF.trim_start_matches('@')
                )))
                .run(gone)
                .needs("the key of the cluster's CA, which is on none of these hosts", false),
        }
    }
}

/// The kubelet has no valid certificate to rotate by: kubelet.conf is issued anew.
fn anew(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>], credentials: &[Place]) -> Vec<Step> {
    // kubeadm signs where the key is: on this host, else on a control-plane node.
    let signers = std::iter::once(host).chain(site.hosts());
    let ca = signers.filter_map(|host| site.ca_of(Role::Kubelet, host)).find(|ca| site.signs(*ca));
    let directory = ca.map(|ca| site.path(ca)).and_then(|path| path.strip_suffix("/ca.crt").map(str::to_owned));
    let directory = directory.unwrap_or_else(|| "@/etc/kubernetes/pki".to_owned());
    let mut steps = Vec::new();
    let step = Step::new(ANEW, host, "issue kubelet.conf anew").because(site.reasons(tasks));
    let mut step = Conf { host, ca, directory }.into_step(site, step, &mut steps);
    if let Some(trust) = site.ca_of(Role::Kubelet, host) {
        step = step.check(site.check_of(CONF, trust, "client"), "trusted, and still so when the alarm would come");
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
    steps.push(step);
    steps
}

/// Once the API server answers again, the kubelet gets a certificate that it rotates, and kubelet.conf is to name that one.
pub(super) fn rotated(site: &Site<'_>, steps: &[Step]) -> Vec<Step> {
    let is_anew = |step: &&Step| matches!(step.id.split('@').next(), Some(ANEW | "ca-kubelet"));
    let hosts = steps.iter().filter(is_anew).map(|step| step.host.clone());
    let one = |host: Option<Arc<str>>| {
        let host = host.as_deref();
        let user =
            kubeconfig(site, host).and_then(|(_, one)| one.users.first()).map(|user| quoted(&user.name)).unwrap_or_default();
        Step::new("kubelet-current", host, "let kubelet.conf name the certificate that the kubelet got")
            .on("/etc/kubernetes/kubelet.conf")
            .because([Reason::wanted("the one in kubelet.conf is not rotated (kubernetes/kubeadm#1753)")])
            .run(Command::processes(format!(
                "for _ in $(seq 60); do test -e {CURRENT} && break; sleep 2; done; test -e {CURRENT}"
            )))
            .run(named(Command::processes, CONF, &user))
            .run(Command::processes("systemctl restart kubelet"))
            .needs("the API server answering, and kube-controller-manager, which signs for nodes", false)
            .check(Command::processes(format!("grep -q 'client-certificate: *{CURRENT}' {CONF}")), "kubelet.conf names the file")
            .effect(Effect::Restart(Process::new(Program::Kubelet, host)))
    };
    hosts.map(one).collect()
}

/// The serving certificate: made by the kubelet itself when there is none, or asked for by a CSR that somebody approves.
fn serving(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>]) -> (Option<Step>, Option<Step>) {
    let Some(place) = tasks.iter().map(|task| task.place).find(|place| site.leaf(*place).is_some()) else { return (None, None) };
    let path = site.path(place);
    let step = Step::new("kubelet-serving", host, "have the kubelet make its serving certificate anew")
        .on(path.trim_start_matches('@'))
        .because(site.reasons(tasks));
    let ca = site.ca_of(Role::KubeletServing, host).filter(|_| site.key(place).is_none()).and_then(|ca| site.leaf(ca));
    let (by, approval) = match ca {
        Some(ca) => {
            let approval = Step::new("kubelet-approve", None, "approve the kubelet's request for a serving certificate")
                .on("CertificateSigningRequests of signer kubernetes.io/kubelet-serving")
                .because([Reason::wanted("kube-controller-manager approves none of these")])
                .run(Command::hand("kubectl get csr; kubectl certificate approve NAME of the node's pending request."));
            (Authority::Elsewhere(Arc::clone(ca)), Some(approval))
        }
        None => (Authority::Itself, None),
    };
    let files: Vec<String> = std::iter::once(path).chain(site.key(place).map(|key| site.path(key))).collect();
    let step = step.run(Command::files(format!("rm -f {}", files.join(" "))));
    (Some(step.effect(issue(place, site.key(place), by, Lifetime::AsBefore))), approval)
}
