//! kubeadm: `kubeadm certs renew`, then the static pods that read what was renewed; one control-plane node after the other.
//!
//! Source: kubernetes/kubernetes cmd/kubeadm/app/phases/certs/renewal, cmd/kubeadm/app/cmd/certs.go.

use super::super::effect::{Authority, Place};
use super::super::program::{Process, readers};
use super::super::step::{Command, Step};
use super::external;
use super::{KUBEADM_LIFETIME, Site, Task, Tasks, authority_of, is_mended_by_issuing, issue, restart_steps};
use crate::model::{Distribution, OriginKind, Role, Slot};
use std::collections::BTreeSet;

/// kubeadm's names for what it renews, and the purpose that each is for.
pub(super) const NAMES: &[(Role, &str, &str)] = &[
    (Role::Apiserver, "apiserver", "server"),
    (Role::ApiserverKubeletClient, "apiserver-kubelet-client", "client"),
    (Role::ApiserverEtcdClient, "apiserver-etcd-client", "client"),
    (Role::FrontProxyClient, "front-proxy-client", "client"),
    (Role::EtcdServer, "etcd-server", "server"),
    (Role::EtcdPeer, "etcd-peer", "server"),
    (Role::EtcdHealthcheckClient, "etcd-healthcheck-client", "client"),
    (Role::Admin, "admin.conf", "client"),
    (Role::SuperAdmin, "super-admin.conf", "client"),
    (Role::ControllerManager, "controller-manager.conf", "client"),
    (Role::Scheduler, "scheduler.conf", "client"),
];

/// The minor release in which `kubeadm alpha certs` became `kubeadm certs`.
const CERTS_SINCE: u8 = 20;

/// kubeadm's name and the purpose of a job.
pub(super) fn name(role: Role) -> Option<(&'static str, &'static str)> {
    NAMES.iter().find(|(known, _, _)| *known == role).map(|(_, name, purpose)| (*name, *purpose))
}

/// `kubeadm certs` was `kubeadm alpha certs` before 1.20.
pub(super) fn certs(site: &Site<'_>) -> &'static str {
    match site.present {
        Some(version) if version.minor < CERTS_SINCE => "kubeadm alpha certs",
        _ => "kubeadm certs",
    }
}

/// Whether a place is one that `kubeadm certs renew` renews.
pub(super) fn is_renewable(site: &Site<'_>, place: Place) -> bool {
    let origin = &site.holding(place).origin;
    let in_place = matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig) && site.path(place).starts_with('@');
    in_place
        && origin.role.is_some_and(|role| name(role).is_some())
        && site.distribution(origin.document.host.as_deref()) == Some(Distribution::Kubeadm)
}

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut parts: Vec<Part> = Vec::new();
    for host in site.hosts() {
        parts.extend(part(site, tasks, host, |_| true));
    }
    // Members of etcd whose peers' certificates have ended find no quorum one by one: all are renewed before the first is restarted.
    let without_quorum = parts.iter().filter(|part| part.etcd_is_over).count() > 1;
    if without_quorum {
        together(parts)
    } else {
        parts.into_iter().flat_map(|part| part.renewals.into_iter().chain(part.restarts)).collect()
    }
}

/// What is done on one host.
struct Part {
    renewals: Vec<Step>,
    /// One for each process, etcd's first.
    restarts: Vec<Step>,
    /// Whether certificates by which etcd's members know each other have ended.
    etcd_is_over: bool,
}

/// All renewals, then every etcd, whose checks wait for the last one, then the rest host by host.
fn together(parts: Vec<Part>) -> Vec<Step> {
    let (mut renewals, mut members, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        renewals.extend(part.renewals);
        let (etcd, rest): (Vec<Step>, Vec<Step>) =
            part.restarts.into_iter().partition(|step| step.id.starts_with("restart-etcd"));
        members.extend(etcd);
        others.extend(rest);
    }
    let last = members.len().saturating_sub(1);
    for (number, step) in members.iter_mut().enumerate() {
        step.needs.retain(|need| !need.what.contains("quorum"));
        if number < last {
            step.checks.clear();
        }
    }
    renewals.into_iter().chain(members).chain(others).collect()
}

/// The tasks of a host that `kubeadm certs renew` does, of jobs that are wanted.
fn part(site: &Site<'_>, tasks: &mut Tasks<'_>, host: Option<&str>, is_wanted: impl Fn(Role) -> bool) -> Option<Part> {
    let is_here = |task: &Task<'_>| {
        let place = task.place;
        let is_one = matches!(site.holding(place).origin.slot, Slot::Credential | Slot::Key) && is_renewable(site, place);
        let role = site.role(place).filter(|role| is_wanted(*role));
        is_one && role.is_some() && site.host(place) == host && is_mended_by_issuing(task.finding.code)
    };
    let mine = tasks.take(is_here);
    let roles: BTreeSet<Role> = mine.iter().filter_map(|task| site.role(task.place)).collect();
    let (here, elsewhere): (Vec<Role>, Vec<Role>) = roles.into_iter().partition(|role| has_key(site, *role, host));
    let tasks_of = |roles: &[Role]| -> Vec<Task<'_>> {
        mine.iter().filter(|task| site.role(task.place).is_some_and(|role| roles.contains(&role))).copied().collect()
    };
    let read: BTreeSet<Process> = here.iter().chain(&elsewhere).flat_map(|role| readers(site.inventory, *role, host)).collect();
    let mut renewals = Vec::new();
    if !here.is_empty() {
        renewals.push(renew(site, host, &here, &tasks_of(&here)));
    }
    if !elsewhere.is_empty() {
        renewals.extend(external::steps(site, host, &elsewhere, &tasks_of(&elsewhere)));
    }
    let is_over = |task: &&Task<'_>| {
        let of_etcd = matches!(site.role(task.place), Some(Role::EtcdPeer | Role::EtcdServer));
        of_etcd && site.leaf(task.place).is_some_and(|leaf| leaf.validity.is_over(site.policy.at))
    };
    let etcd_is_over = mine.iter().any(|task| is_over(&task));
    let restarts = restart_steps(site, &read, "has to read what was renewed");
    (!mine.is_empty()).then_some(Part { renewals, restarts, etcd_is_over })
}

/// What etcd needs before anything else can be started: where the cluster's CA has ended, the API server is restarted for that.
pub(super) fn etcd(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let of_etcd = |role: Role| authority_of(role) == authority_of(Role::EtcdServer) || role == Role::EtcdPeer;
    let parts: Vec<Part> = site.hosts().into_iter().filter_map(|host| part(site, tasks, host, of_etcd)).collect();
    let mut steps = together(parts);
    steps.retain(|step| !step.id.starts_with("restart-") || step.id.starts_with("restart-etcd"));
    for step in steps.iter_mut().filter(|step| step.id.starts_with("renew")) {
        step.id = step.id.replacen("renew", "renew-etcd", 1);
    }
    steps
}

fn has_key(site: &Site<'_>, role: Role, host: Option<&str>) -> bool {
    site.ca_of(role, host).is_some_and(|ca| site.signs(ca))
}

/// The places of a job on a host: the certificate's.
pub(super) fn credentials(site: &Site<'_>, role: Role, host: Option<&str>) -> Vec<Place> {
    let places = site.places(role, Slot::Credential, host).into_iter();
    places.filter(|place| is_renewable(site, *place) && site.leaf(*place).is_some()).collect()
}

fn renew(site: &Site<'_>, host: Option<&str>, roles: &[Role], tasks: &[Task<'_>]) -> Step {
    let certs = certs(site);
    let all_here: Vec<Role> =
        NAMES.iter().map(|(role, _, _)| *role).filter(|role| !credentials(site, *role, host).is_empty()).collect();
    let is_all = all_here.len() > 1 && all_here.iter().all(|role| roles.contains(role));
    let names: Vec<&str> = roles.iter().filter_map(|role| name(*role)).map(|(name, _)| name).collect();
    let title = if is_all { "renew everything that kubeadm renews".to_owned() } else { format!("renew {}", names.join(", ")) };
    let mut step = Step::new("renew", host, title).because(site.reasons(tasks));
    if is_all {
        step = step.run(Command::files(format!("{certs} renew all")));
    }
    for role in roles {
        let Some((name, purpose)) = name(*role) else { continue };
        if !is_all {
            step = step.run(Command::files(format!("{certs} renew {name}")));
        }
        let Some(ca) = site.ca_of(*role, host) else { continue };
        for place in credentials(site, *role, host) {
            let path = site.path(place);
            let by = Authority::At { ca, key: site.ca_key(ca) };
            step = step
                .on(path.trim_start_matches('@').to_owned())
                .check(site.check_of(&path, ca, purpose), "trusted, and still so when the alarm would come")
                .effect(issue(place, site.key(place), by, KUBEADM_LIFETIME));
        }
        let what = format!("the key of {}, which signs", site.leaf(ca).map(|ca| ca.short_name()).unwrap_or_default());
        if !step.needs.iter().any(|need| need.what == what) {
            step = step.needs(what, true);
        }
    }
    step
}
