//! Distributions that renew by a command or a console of their own: MicroK8s, minikube, ACK dedicated.
//!
//! Sources: canonical.com/microk8s docs (refresh-certs), kubernetes/minikube pkg/minikube/bootstrapper/certs.go, alibabacloud.com/help
//! (renew-cluster-certificates: the console renews what is still valid).

use super::super::effect::{Authority, Lifetime};
use super::super::effect::{Effect, Place};
use super::super::program::readers;
use super::super::program::{Process, Program};
use super::super::step::{Command, Step};
use super::users::issuer;
use super::{Site, Task, Tasks, is_mended_by_issuing, issue, restart_steps};
use crate::model::{Code, Distribution, OriginKind, Role, Slot};
use std::collections::BTreeSet;

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for host in site.hosts() {
        let Some(distribution) = site.distribution(host) else { continue };
        if !matches!(distribution, Distribution::MicroK8s | Distribution::Minikube | Distribution::AckDedicated) {
            continue;
        }
        let mine = tasks.take(|task| site.host(task.place) == host && is_its(site, distribution, task));
        if mine.is_empty() {
            continue;
        }
        let mut step = match distribution {
            Distribution::MicroK8s => microk8s(site, host, &mine),
            Distribution::Minikube => minikube(host),
            _ => ack(host, &mine),
        };
        step = step.because(site.reasons(&mine));
        let places: BTreeSet<Place> = mine.iter().map(|task| credential(site, task.place)).collect();
        for place in &places {
            if let Some(issuer) = issuer(site, *place) {
                step = step.on(site.path(*place).trim_start_matches('@').to_owned()).effect(issue(
                    *place,
                    site.key(*place),
                    Authority::Elsewhere(issuer),
                    Lifetime::AsBefore,
                ));
            }
        }
        let read = places.iter().filter_map(|place| site.role(*place));
        let read: BTreeSet<Process> = read.flat_map(|role| readers(site.inventory, role, host)).collect();
        match distribution {
            Distribution::MicroK8s => steps.push(step.effect(Effect::Restart(Process::new(Program::Node, host)))),
            Distribution::Minikube => {
                steps.push(read.into_iter().fold(step, |step, process| step.effect(Effect::Restart(process))));
            }
            _ => {
                steps.push(step);
                steps.extend(restart_steps(site, &read, "has to read what was renewed"));
            }
        }
    }
    steps
}

/// What each of them renews.
fn is_its(site: &Site<'_>, distribution: Distribution, task: &Task<'_>) -> bool {
    let origin = &site.holding(task.place).origin;
    let Some(role) = origin.role.filter(|role| !role.is_ca()) else { return false };
    let in_place = matches!(origin.slot, Slot::Credential | Slot::Key)
        && matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig)
        && is_mended_by_issuing(task.finding.code);
    in_place
        && match distribution {
            Distribution::MicroK8s => matches!(role, Role::Apiserver | Role::FrontProxyClient),
            // The kubelet's certificate is its own affair there too.
            _ => role != Role::Kubelet,
        }
}

/// The place of the certificate that a key belongs to.
fn credential(site: &Site<'_>, place: Place) -> Place {
    let origin = &site.holding(place).origin;
    let (Slot::Key, Some(role)) = (origin.slot, origin.role) else { return place };
    site.places(role, Slot::Credential, site.host(place)).into_iter().find(|one| site.key(*one) == Some(place)).unwrap_or(place)
}

fn microk8s(site: &Site<'_>, host: Option<&str>, tasks: &[Task<'_>]) -> Step {
    let step = Step::new("refresh-certs", host, "have MicroK8s make its certificates anew");
    let names = [(Role::Apiserver, "server.crt"), (Role::FrontProxyClient, "front-proxy-client.crt")];
    let due = names.iter().filter(|(role, _)| tasks.iter().any(|task| site.role(task.place) == Some(*role)));
    due.fold(step, |step, (_, name)| step.run(Command::processes(format!("microk8s refresh-certs --cert {name}"))))
        .check(Command::processes("microk8s refresh-certs --check"), "no certificate is expired or about to be")
}

fn minikube(host: Option<&str>) -> Step {
    Step::new("minikube", host, "have minikube make its certificates anew")
        .run(Command::processes("minikube stop"))
        .run(Command::processes("minikube start"))
        .check(Command::processes("kubectl get --raw /readyz"), "the API server answers")
}

fn ack(host: Option<&str>, tasks: &[Task<'_>]) -> Step {
    let is_over = tasks.iter().any(|task| task.finding.code == Code::Expired);
    let step = Step::new("renew", host, "renew the cluster's certificates");
    if is_over {
        step.run(Command::hand(
            "The console renews nothing that has ended: on each master, follow ACK's documentation for dedicated clusters whose certificates have expired (renewal with the CA's key in /etc/kubernetes/pki, or by a ticket).",
        ))
        .needs("the key of the cluster's CA on the master", false)
    } else {
        step.run(Command::hand(
            "ACK console, Clusters, the cluster, Certificates: Update Certificate. It takes some ten minutes and renews by five years; it works as long as what is there is valid.",
        ))
        .needs("every certificate of the cluster still valid, which the console asks for", true)
    }
}
