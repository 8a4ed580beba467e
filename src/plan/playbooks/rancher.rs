//! k3s and RKE2: `certificate rotate` makes everything on a node anew; CAs by `certificate rotate-ca`.
//!
//! Sources: docs.k3s.io/cli/certificate, docs.rke2.io/security/certificates.

use super::super::effect::{Authority, Effect, Place};
use super::super::program::{Process, Program};
use super::super::step::{Command, Step};
use super::users::issuer;
use super::{KUBEADM_LIFETIME, Site, Task, Tasks, is_mended_by_issuing, issue};
use crate::model::{Distribution, OriginKind, Role, Slot};

/// A distribution's own words.
struct Words {
    distribution: Distribution,
    /// The program.
    program: &'static str,
    /// The services of servers and of agents.
    services: [&'static str; 2],
}

const WORDS: &[Words] = &[
    Words { distribution: Distribution::K3s, program: "k3s", services: ["k3s", "k3s-agent"] },
    Words { distribution: Distribution::Rke2, program: "rke2", services: ["rke2-server", "rke2-agent"] },
];

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    // Servers come before agents: they sign for them.
    for host in site.hosts() {
        let Some(words) = WORDS.iter().find(|words| site.distribution(host) == Some(words.distribution)) else { continue };
        let is_mine = |task: &Task<'_>| {
            site.host(task.place) == host && is_mended_by_issuing(task.finding.code) && is_leaf(site, task.place)
        };
        let mine = tasks.take(is_mine);
        if !mine.is_empty() {
            steps.push(rotate(site, host, words, &mine));
        }
    }
    steps
}

/// Whether a place holds a certificate of the node, or its key, and no CA.
fn is_leaf(site: &Site<'_>, place: Place) -> bool {
    let origin = &site.holding(place).origin;
    let is_of_node = origin.role.is_some_and(|role| !role.is_ca()) && matches!(origin.slot, Slot::Credential | Slot::Key);
    is_of_node && matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig)
}

fn rotate(site: &Site<'_>, host: Option<&str>, words: &Words, tasks: &[Task<'_>]) -> Step {
    let is_server = !site.places(Role::Apiserver, Slot::Credential, host).is_empty();
    let service = words.services[usize::from(!is_server)];
    let mut step = Step::new("rotate", host, format!("rotate the certificates of {service}"))
        .because(site.reasons(tasks))
        .run(Command::processes(format!("systemctl stop {service}")))
        .run(Command::processes(format!("{} certificate rotate", words.program)))
        .run(Command::processes(format!("systemctl start {service}")))
        .needs("the other servers in order: one node at a time", false)
        .check(Command::processes(format!("{} certificate check", words.program)), "no certificate is expired or about to be");
    for place in 0..site.inventory.holdings.len() {
        if site.host(place) != host || !is_leaf(site, place) || site.leaf(place).is_none_or(|leaf| leaf.is_ca()) {
            continue;
        }
        let ca =
            site.role(place).and_then(|role| site.ca_of(role, host)).filter(|ca| site.signs(*ca) && signed(site, place, *ca));
        let by = ca.map(|ca| Authority::At { ca, key: site.ca_key(ca) });
        if let Some(by) = by.or_else(|| issuer(site, place).map(Authority::Elsewhere)) {
            step = step.on(site.path(place).trim_start_matches('@').to_owned()).effect(issue(
                place,
                site.key(place),
                by,
                KUBEADM_LIFETIME,
            ));
        }
    }
    step.effect(Effect::Restart(Process::new(Program::Node, host))).undo(Command::processes(format!("systemctl stop {service}")))
}

/// The service is started again once its files are back.
pub(super) fn started(step: &mut Step) {
    let stops = step.undo.first().map(Command::line).and_then(|line| line.strip_prefix("systemctl stop ").map(str::to_owned));
    if let Some(service) = stops {
        step.undo.push(Command::processes(format!("systemctl start {service}")));
    }
}

fn signed(site: &Site<'_>, place: Place, ca: Place) -> bool {
    let names = site.leaf(place).zip(site.leaf(ca));
    names.is_some_and(|(leaf, ca)| leaf.issuer == ca.subject)
}
