//! Copies of admin.conf: kubeadm renews the file in /etc/kubernetes and nothing else, so the copies are copied again.

use super::super::effect::{Effect, Place};
use super::super::step::{Command, Step};
use super::{Site, Task, Tasks, few, is_mended_by_issuing};
use crate::model::{Code, Kubeconfig, OriginKind, Role, Slot};
use std::collections::BTreeMap;

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let asks = |task: &Task<'_>| {
        task.finding.code == Code::StaleCopy
            || (is_mended_by_issuing(task.finding.code) && is_copy(site, task.place) && original(site, task.place).is_some())
    };
    let mut copies: BTreeMap<Place, Vec<Task<'_>>> = BTreeMap::new();
    for task in tasks.take(asks) {
        if is_copy(site, task.place) {
            copies.entry(task.place).or_default().push(task);
        }
    }
    let several = copies.len() > 1;
    let mut steps = Vec::new();
    for (number, (copy, tasks)) in copies.into_iter().enumerate() {
        let Some(original) = original(site, copy) else { continue };
        let id = if several { format!("copy-{}", number + 1) } else { "copy".to_owned() };
        steps.push(copied(site, &id, copy, original).because(site.reasons(&tasks)));
    }
    few(steps, "copies", "copy an administrator's file to where it is used")
}

/// Whether a place is a client certificate in a kubeconfig that no layout knows.
fn is_copy(site: &Site<'_>, place: Place) -> bool {
    let origin = &site.holding(place).origin;
    origin.document.kind == OriginKind::Kubeconfig && origin.role.is_none() && origin.slot == Slot::Credential
}

/// The administrator's file with a certificate for the same user from the same CA.
fn original(site: &Site<'_>, copy: Place) -> Option<Place> {
    let leaf = site.leaf(copy)?;
    let hosts = site.hosts();
    let hosts = hosts.iter().flat_map(|host| [Role::Admin, Role::SuperAdmin].map(|role| (*host, role)));
    let mut originals = hosts.flat_map(|(host, role)| site.places(role, Slot::Credential, host));
    originals.find(|place| {
        let other = site.leaf(*place);
        site.holding(*place).origin.document.kind == OriginKind::Kubeconfig
            && other.is_some_and(|other| other.subject.common_name() == leaf.subject.common_name() && other.issuer == leaf.issuer)
    })
}

fn copied(site: &Site<'_>, id: &str, copy: Place, original: Place) -> Step {
    let (from, to) = (site.kubeconfig_path(original), site.kubeconfig_path(copy));
    let is_whole = kubeconfig(site, copy).is_some_and(|one| one.users.len() <= 1 && one.clusters.len() <= 1);
    let step =
        Step::new(id, site.host(original), format!("copy {} to {}", from.trim_start_matches('@'), to.trim_start_matches('@')))
            .on(to.trim_start_matches('@').to_owned());
    let step = if is_whole {
        step.run(Command::files(format!("cp -p {to} {to}.before")))
            .run(Command::files(format!("install -m 600 -o \"$(stat -c %u {to})\" -g \"$(stat -c %g {to})\" {from} {to}")))
            .undo(Command::files(format!("mv {to}.before {to}")))
    } else {
        step.run(Command::hand_on_files(format!(
            "{} holds other users or clusters too: put the new client-certificate-data and client-key-data of {} into it.",
            to.trim_start_matches('@'),
            from.trim_start_matches('@')
        )))
    };
    let mut step = step.check(Command::files(format!("kcert check -q {to}")), "nothing to say of it");
    let pairs = [(Some(original), Some(copy)), (site.key(original), site.key(copy)), (ca(site, original), ca(site, copy))];
    for pair in pairs {
        if let (Some(from), Some(to)) = pair {
            step = step.effect(Effect::Copy { from, to });
        }
    }
    step
}

pub(super) fn kubeconfig<'a>(site: &Site<'a>, place: Place) -> Option<&'a Kubeconfig> {
    let document = &site.holding(place).origin.document;
    site.inventory.kubeconfigs.iter().find(|one| one.document == *document)
}

/// The place of the CA in the same kubeconfig.
fn ca(site: &Site<'_>, place: Place) -> Option<Place> {
    let document = &site.holding(place).origin.document;
    let holdings = site.inventory.holdings.iter();
    holdings.into_iter().position(|holding| holding.origin.document == *document && holding.origin.slot == Slot::Trust)
}
