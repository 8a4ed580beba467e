//! Backups: one of each host before anything else, and one before each step that writes files, which is its way back.

use super::super::effect::Effect;
use super::super::program::{Process, Program};
use super::super::step::{Command, ROOT_SIGN, Reason, Step};
use super::Site;
use crate::model::{Distribution, OriginKind, Role, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a step changes on its hosts, as host and directories.
fn changes<'s>(site: &Site<'s>, step: &Step) -> BTreeMap<Option<&'s str>, BTreeSet<String>> {
    let of_files = |effect: &Effect| match effect {
        Effect::Issue { at, key_at, .. } | Effect::Install { at, key_at, .. } => std::iter::once(*at).chain(*key_at).collect(),
        Effect::Protect { at } | Effect::Order { at } | Effect::Verify { at, .. } => vec![*at],
        Effect::Copy { to, .. } => vec![*to],
        Effect::Refer { certificate, .. } => vec![*certificate],
        Effect::Trust { at, .. } | Effect::TrustOnly { at, .. } => at.clone(),
        _ => Vec::new(),
    };
    let mut changed: BTreeMap<Option<&str>, BTreeSet<String>> = BTreeMap::new();
    for place in step.effects.iter().flat_map(of_files) {
        let origin = &site.holding(place).origin;
        if !matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig) {
            continue;
        }
        for path in [site.path_of(origin), site.kubeconfig_path(place)] {
            if let Some(below) = path.strip_prefix(ROOT_SIGN) {
                changed.entry(site.host(place)).or_default().insert(worth_saving(below));
            }
        }
    }
    let own = site.hosts().into_iter().find(|host| *host == step.host.as_deref());
    for path in step.writes.iter().filter_map(|path| path.strip_prefix(ROOT_SIGN)) {
        changed.entry(own.flatten()).or_default().insert(worth_saving(path));
    }
    changed
}

/// Directories of which a part is not worth a backup of its own.
const WORTH_SAVING: &[&str] = &[
    "etc/kubernetes",
    "var/lib/kubelet/pki",
    "var/lib/rancher/k3s/server/tls",
    "var/lib/rancher/k3s/server/cred",
    "var/lib/rancher/rke2/server/tls",
    "var/lib/rancher/rke2/server/cred",
    "etc/rancher",
    "var/snap/microk8s/current/certs",
    "var/snap/microk8s/current/credentials",
    "var/lib/minikube/certs",
];

/// The directory of a file that is saved with it, else the file.
fn worth_saving(below: &str) -> String {
    let whole = WORTH_SAVING.iter().find(|directory| below.starts_with(**directory));
    whole.map_or(below, |directory| directory).to_owned()
}

/// One backup of each host whose files the steps change.
pub(super) fn backups(site: &Site<'_>, steps: &[Step]) -> Vec<Step> {
    let mut changed: BTreeMap<Option<&str>, BTreeSet<String>> = BTreeMap::new();
    for (host, directories) in steps.iter().flat_map(|step| changes(site, step)) {
        changed.entry(host).or_default().extend(directories);
    }
    let restarts_etcd = |host: Option<&str>| {
        let programs = [Program::Etcd, Program::Node].map(|program| Process::new(program, host));
        steps.iter().flat_map(|step| &step.effects).filter_map(Effect::restarts).any(|process| programs.contains(process))
    };
    let has_etcd = |host: Option<&str>| !site.places(Role::EtcdServer, Slot::Credential, host).is_empty();
    let saved = changed.iter().map(|(host, directories)| {
        let step = backup(site, *host, directories);
        let how = match site.distribution(*host) {
            Some(Distribution::K3s) => "k3s etcd-snapshot save",
            Some(Distribution::Rke2) => "rke2 etcd-snapshot save",
            _ => "etcdctl snapshot save",
        };
        let snapshot = format!("a snapshot of etcd that is not older than today ({how})");
        if restarts_etcd(*host) && has_etcd(*host) { step.needs(snapshot, false) } else { step }
    });
    saved.collect()
}

fn backup(site: &Site<'_>, host: Option<&str>, directories: &BTreeSet<String>) -> Step {
    let (listed, directory) = (listed(directories), site.saved_in());
    Step::new("backup", host, "save the files")
        .on(directories.iter().map(|directory| format!("/{directory}")).collect::<Vec<_>>().join(", "))
        .because([Reason::wanted("the way back of every step after this one")])
        .run(Command::files(format!("install -d -m 700 {directory}")))
        .run(Command::files(format!("(umask 077 && tar -C @/ -czpf {directory}/backup.tgz {listed})")))
        .check(Command::files(format!("tar -tzf {directory}/backup.tgz > /dev/null")), "the archive can be read from end to end")
        .effect(Effect::Save { host: host.map(Arc::from) })
}

fn listed(directories: &BTreeSet<String>) -> String {
    directories.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Has a step that writes files of its host keep what was there, for its own way back.
pub(super) fn save(site: &Site<'_>, step: &mut Step) {
    if step.effects.iter().any(|effect| matches!(effect, Effect::Save { .. })) {
        return;
    }
    let changed = changes(site, step);
    let own = step.host.as_deref();
    let Some(directories) = changed.iter().find(|(host, _)| **host == own).map(|(_, directories)| listed(directories)) else {
        return;
    };
    let saved_in = site.saved_in();
    let archive = format!("{saved_in}/{}.tgz", step.id);
    let keep = format!("(umask 077 && mkdir -p {saved_in} && tar -C @/ -czpf {archive} {directories})");
    step.keep = Some(Command::files(keep));
    step.undo.push(Command::files(format!("tar -C @/ -xzpf {archive}")));
}
