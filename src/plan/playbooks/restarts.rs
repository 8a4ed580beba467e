//! Restarts: of processes that have to read what was renewed, of servers that still serve what was, and of API servers whose loopback
//! certificate nothing else makes anew.
//!
//! Source for static pods: web:tasks/administer-cluster/kubeadm/kubeadm-certs.md, "Manual certificate renewal": a manifest that is away
//! for longer than the kubelet's fileCheckFrequency (20 seconds).

use super::super::effect::{Effect, Place};
use super::super::program::{Process, Program, readers, runs};
use super::super::step::{Command, Step};
use super::{Site, Task, Tasks, quoted};
use crate::audit::served;
use crate::model::{Code, Distribution, Holding, OriginKind, Role, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longer than the 20 seconds after which the kubelet looks for manifests again.
const AWAY: u32 = 25;

/// The ports of servers on their own host, and the CA by which each is checked.
const PORTS: &[(Program, &str, &str, Option<Role>)] = &[
    (Program::Etcd, "--listen-client-urls", "2379", Some(Role::EtcdCa)),
    (Program::Apiserver, "--secure-port", "6443", Some(Role::ClusterCa)),
    (Program::ControllerManager, "--secure-port", "10257", None),
    (Program::Scheduler, "--secure-port", "10259", None),
    (Program::Kubelet, "--port", "10250", None),
];

/// The step that starts a process anew.
pub(super) fn of_process(site: &Site<'_>, process: &Process) -> Step {
    let (program, host) = (process.program, process.host.as_deref());
    let name = program.name();
    let mut step = match program {
        Program::Node => return node(site, process),
        Program::Kubelet => {
            Step::new("restart-kubelet", host, "restart the kubelet").run(Command::processes("systemctl restart kubelet"))
        }
        Program::KubeProxy => Step::new("restart-kube-proxy", host, "restart kube-proxy")
            .run(Command::objects("kubectl -n kube-system rollout restart daemonset kube-proxy")),
        Program::Istiod => Step::new("restart-istiod", host, "restart istiod")
            .run(Command::objects("kubectl -n istio-system rollout restart deployment istiod")),
        _ => static_pod(site, name, host),
    };
    step = step.on(format!("process {name}"));
    if program == Program::Etcd {
        let members = site.hosts().into_iter().filter(|host| runs(site.inventory, Program::Etcd, *host)).count();
        step = match members {
            0 | 1 => step.needs("nothing: etcd has one member here, and the API server is without it for as long", true),
            _ => step
                .needs(format!("all {members} members of etcd healthy: one at a time, so that the others are a quorum"), false),
        };
    }
    if program == Program::Apiserver && site.hosts().len() > 1 {
        step = step.needs("the other API servers in order: one at a time", false);
    }
    if let Some(check) = check(site, program, host) {
        let is_judged = check.line().contains("--trust");
        step = step.check(check, if is_judged { "it answers, and is trusted" } else { "it answers" });
    }
    step = step.effect(Effect::Restart(process.clone()));
    for endpoint in endpoints(site, process) {
        step = step.effect(Effect::RestartServer { endpoint, process: None });
    }
    step
}

fn static_pod(site: &Site<'_>, name: &str, host: Option<&str>) -> Step {
    let written = site.inventory.facts.components.iter();
    let mut written = written.filter(|one| one.program == name && one.host.as_deref() == host).map(|one| &*one.written_in);
    let manifest = written
        .find(|path| path.contains("/manifests/"))
        .map_or_else(|| format!("@/etc/kubernetes/manifests/{name}.yaml"), |path| site.host_path(path, host));
    let aside = format!("@/etc/kubernetes/{name}.yaml.aside");
    Step::new(&format!("restart-{name}"), host, format!("restart {name}"))
        .run(Command::processes(format!("test ! -e {manifest} || mv {manifest} {aside}")))
        .run(Command::processes(format!("sleep {AWAY}")))
        .run(Command::processes(format!("mv {aside} {manifest}")))
        .needs(format!("the kubelet running, and {} in its place", manifest.trim_start_matches('@')), false)
        .undo(Command::processes(format!("test -e {manifest} || mv {aside} {manifest}")))
}

fn node(site: &Site<'_>, process: &Process) -> Step {
    let host = process.host.as_deref();
    let line = restart_line(site, host);
    Step::new("restart-node", host, format!("restart {}", line.rsplit(' ').next().unwrap_or_default()))
        .on("all of Kubernetes on the node")
        .run(Command::processes(line))
        .effect(Effect::Restart(process.clone()))
}

/// The command that starts everything on a node anew.
pub(super) fn restart_line(site: &Site<'_>, host: Option<&str>) -> String {
    let is_server = !site.places(Role::Apiserver, Slot::Credential, host).is_empty();
    let service = match (site.distribution(host), is_server) {
        (Some(Distribution::K3s), true) => "systemctl restart k3s",
        (Some(Distribution::K3s), false) => "systemctl restart k3s-agent",
        (Some(Distribution::Rke2), true) => "systemctl restart rke2-server",
        (Some(Distribution::Rke2), false) => "systemctl restart rke2-agent",
        (Some(Distribution::MicroK8s), _) => "snap restart microk8s",
        _ => "systemctl restart kubelet",
    };
    service.to_owned()
}

fn check(site: &Site<'_>, program: Program, host: Option<&str>) -> Option<Command> {
    let (_, flag, usual, trust) = PORTS.iter().find(|(known, _, _, _)| *known == program)?;
    let value = site.flag(program.name(), flag, host).unwrap_or(usual);
    let digits = value.rsplit(':').next().unwrap_or(value);
    let port = if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) { digits } else { usual };
    let ca = trust.and_then(|role| site.places(role, Slot::Credential, host).into_iter().next());
    let trust = ca.map(|ca| format!(" --trust {}", site.path(ca))).unwrap_or_default();
    // What it serves is for other names than the loopback address everywhere: the API server's for this one always.
    let name = if program == Program::Apiserver && ca.is_some() { " --name kubernetes.default.svc" } else { "" };
    Some(Command::processes(format!("kcert probe tls -q 127.0.0.1:{port}{trust}{name}")))
}

/// The endpoints at which a process was seen to serve.
fn endpoints(site: &Site<'_>, process: &Process) -> Vec<Arc<str>> {
    let is_its = |file: &Holding| {
        let role = file.origin.role;
        let host = file.origin.document.host.as_deref();
        role.is_some_and(|role| readers(site.inventory, role, host).contains(process))
    };
    let served = served::compare(site.inventory);
    let mut found: Vec<Arc<str>> = served
        .iter()
        .filter(|served| is_its(served.file))
        .map(|served| Arc::clone(&served.peer.origin.document.source))
        .collect();
    // Of one API server alone every loopback certificate is its.
    let is_alone = process.program == Program::Apiserver && api_servers(site).len() == 1;
    let loopbacks = site.inventory.holdings.iter().filter(|holding| is_alone && holding.loopback().is_some());
    found.extend(loopbacks.map(|holding| Arc::clone(&holding.origin.document.source)));
    found.sort();
    found.dedup();
    found
}

fn api_servers<'a>(site: &Site<'a>) -> Vec<Option<&'a str>> {
    let hosts = site.hosts().into_iter();
    hosts.filter(|host| runs(site.inventory, Program::Apiserver, *host)).collect()
}

/// Adds what servers ask for that serve something old, to the restarts that there are already or as further ones, the worst first.
pub(super) fn join(site: &Site<'_>, tasks: &mut Tasks<'_>, steps: &mut Vec<Step>) {
    let asks = |task: &Task<'_>| {
        let code = task.finding.code;
        let is_loopback = matches!(code, Code::LoopbackExpired | Code::LoopbackExpiring);
        is_loopback || (code == Code::ServedDiffers && is_older(task)) || is_old_at_peer(site, task)
    };
    let mut by_endpoint: BTreeMap<Arc<str>, Vec<Task<'_>>> = BTreeMap::new();
    for task in tasks.take(asks) {
        if let Some(endpoint) = endpoint(&task, site) {
            by_endpoint.entry(endpoint).or_default().push(task);
        }
    }
    let mut further: Vec<(crate::model::Severity, Step)> = Vec::new();
    for (endpoint, tasks) in by_endpoint {
        let reasons = site.reasons(&tasks);
        let process = process_at(site, &endpoint);
        let restarts = |step: &Step| {
            let is_it = |effect: &Effect| match effect {
                Effect::Restart(one) => process.as_ref() == Some(one),
                Effect::RestartServer { endpoint: one, .. } => *one == endpoint,
                _ => false,
            };
            step.effects.iter().any(is_it)
        };
        if let Some(known) = steps.iter_mut().rev().find(|step| restarts(step)) {
            *known = known.clone().because(reasons);
            continue;
        }
        if let Some((_, known)) = further.iter_mut().find(|(_, step)| restarts(step)) {
            *known = known.clone().because(reasons);
            continue;
        }
        let worst = tasks.iter().map(|task| task.finding.severity).max().unwrap_or(crate::model::Severity::Warning);
        let step = match &process {
            Some(process) => of_process(site, process),
            None => unknown(&endpoint),
        };
        let is_loopback = tasks.iter().any(|task| matches!(task.finding.code, Code::LoopbackExpired | Code::LoopbackExpiring));
        let step = if is_loopback {
            step.check(
                Command::processes(format!("kcert probe loopback {}", quoted(&endpoint))),
                "the loopback certificate is new",
            )
        } else {
            step
        };
        further.push((worst, step.because(reasons)));
    }
    further.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    steps.extend(further.into_iter().map(|(_, step)| step));
}

fn is_older(task: &Task<'_>) -> bool {
    let older = crate::model::Evidence::Text("older".to_owned());
    task.finding.evidence.iter().any(|(key, value)| *key == "relation" && *value == older)
}

/// Whether a server presents something that ended or ends soon while its file is good.
fn is_old_at_peer(site: &Site<'_>, task: &Task<'_>) -> bool {
    let holding = site.holding(task.place);
    let is_peer = holding.origin.document.kind == OriginKind::Peer;
    let has_file = || served::compare(site.inventory).iter().any(|served| std::ptr::eq(served.peer, holding));
    is_peer && matches!(task.finding.code, Code::Expired | Code::Expiring) && has_file()
}

/// The endpoint that a task is about: its own place's, or that of the finding's other place.
fn endpoint(task: &Task<'_>, site: &Site<'_>) -> Option<Arc<str>> {
    let own = &site.holding(task.place).origin;
    let others = task.finding.origins.iter().map(|(origin, _)| origin);
    let peer = std::iter::once(own).chain(others).find(|origin| origin.document.kind == OriginKind::Peer)?;
    Some(Arc::clone(&peer.document.source))
}

/// The process that serves at an endpoint, if it is one of a host's.
fn process_at(site: &Site<'_>, endpoint: &str) -> Option<Process> {
    let of_file = |file: &Holding| {
        let role = file.origin.role?;
        readers(site.inventory, role, file.origin.document.host.as_deref()).into_iter().next()
    };
    let served = served::compare(site.inventory);
    let mut known = served.iter().filter(|served| *served.peer.origin.document.source == *endpoint);
    let by_file = known.find_map(|served| of_file(served.file));
    let alone = || match api_servers(site)[..] {
        [host] => Some(Process::new(Program::Apiserver, host)),
        _ => None,
    };
    let is_loopback = |place: &Place| {
        let holding = site.holding(*place);
        *holding.origin.document.source == *endpoint && holding.loopback().is_some()
    };
    by_file.or_else(|| (0..site.inventory.holdings.len()).find(is_loopback).and_then(|_| alone()))
}

/// A server of which nothing but the endpoint is known: an API server, wherever it runs.
fn unknown(endpoint: &Arc<str>) -> Step {
    let name = endpoint.replace(['[', ']'], "").replace([':', '.'], "-");
    Step::new(&format!("restart-{name}"), None, format!("restart the server at {endpoint}"))
        .on(format!("the server at {endpoint}"))
        .run(Command::hand(format!(
            "On the host of {endpoint}: crictl pods --name kube-apiserver -q | xargs crictl stopp (docker: docker ps -q --filter name=k8s_kube-apiserver | xargs docker restart; k3s: systemctl restart k3s)."
        )))
        .needs("the other API servers in order: one at a time", false)
        .effect(Effect::RestartServer { endpoint: Arc::clone(endpoint), process: None })
}
