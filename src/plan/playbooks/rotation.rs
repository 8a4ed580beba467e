//! Rotation of the CAs of a kubeadm cluster: trust both, issue from the new one, drop the old one; each phase on every node before the
//! next begins. A CA that has ended is replaced in one go: there is nothing left that works by it.
//!
//! Source: web:tasks/tls/manual-rotation-of-ca-certificates.md. kubeadm takes one certificate from `ca.crt`, and the signer of
//! kube-controller-manager wants exactly one (kubernetes/kubeadm#2628, #1350), so that both work by copies while `ca.crt` is a bundle.

mod elsewhere;
mod phases;

use super::super::effect::Place;
use super::super::program::{Process, readers};
use super::super::step::{Command, Reason, Step};
use super::{Site, Task, Tasks, kubeadm};
use crate::model::{Code, Distribution, OriginKind, PublicKey, Role, Slot};
use std::collections::BTreeSet;

/// A CA that kubeadm makes.
pub(super) struct Authority {
    /// Its job.
    pub(super) role: Role,
    /// kubeadm's name for the phase that makes it, and ours in the rehearsal.
    pub(super) name: &'static str,
    /// The stem of its files below the directory of certificates.
    pub(super) stem: &'static str,
    /// What it issues.
    pub(super) issues: &'static [Role],
}

const AUTHORITIES: &[Authority] = &[
    Authority {
        role: Role::EtcdCa,
        name: "etcd-ca",
        stem: "etcd/ca",
        issues: &[Role::EtcdServer, Role::EtcdPeer, Role::EtcdHealthcheckClient, Role::ApiserverEtcdClient],
    },
    Authority { role: Role::FrontProxyCa, name: "front-proxy-ca", stem: "front-proxy-ca", issues: &[Role::FrontProxyClient] },
    Authority {
        role: Role::ClusterCa,
        name: "ca",
        stem: "ca",
        issues: &[
            Role::Apiserver,
            Role::ApiserverKubeletClient,
            Role::Admin,
            Role::SuperAdmin,
            Role::ControllerManager,
            Role::Scheduler,
            Role::Kubelet,
            Role::KubeletServing,
            Role::KubeProxy,
        ],
    },
];

/// What a new CA mends.
const MENDS: &[Code] = &[Code::Expired, Code::CaExpiring, Code::WeakKey, Code::WeakSignature, Code::RejectedByTarget];

/// A rotation to be planned.
pub(super) struct Rotation<'s, 'a> {
    pub(super) site: &'s Site<'a>,
    pub(super) authority: &'static Authority,
    /// The CA as it is, on the host that makes the new one.
    pub(super) ca: Place,
    /// The control-plane nodes that have it, then the other hosts that trust it.
    pub(super) hosts: Vec<Option<&'a str>>,
    /// Everywhere that the CA stands to be believed; one that was renewed with its old key is the same CA.
    pub(super) trusting: Vec<Place>,
    /// End entities that it issued and that stand in files of the hosts.
    pub(super) issued: Vec<Place>,
}

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut hosts = BTreeSet::new();
    for authority in AUTHORITIES {
        let is_due = |task: &Task<'_>| {
            let is_ca = site.role(task.place) == Some(authority.role) && site.is_file(task.place);
            is_ca && MENDS.contains(&task.finding.code) && site.distribution(site.host(task.place)) == Some(Distribution::Kubeadm)
        };
        let due: Vec<Task<'_>> = tasks.iter().filter(|task| is_due(task)).copied().collect();
        let Some(rotation) = due.iter().find_map(|task| Rotation::of(site, authority, task.place)) else { continue };
        // What is said of the CA is said of every place where it stands, and of what it issued there is nothing else to do.
        let mine = tasks.take(|task| {
            let is_of_ca = due.iter().any(|due| std::ptr::eq(due.finding, task.finding));
            let is_issued = rotation.issued.contains(&task.place) && super::is_mended_by_issuing(task.finding.code);
            let outlives = matches!(task.finding.code, Code::OutlivesIssuer | Code::IssuerExpiresFirst);
            is_of_ca || is_issued || (outlives && rotation.issued.contains(&task.place))
        });
        let is_over = site.leaf(rotation.ca).is_some_and(|ca| ca.validity.is_over(site.policy.at));
        if is_over && authority.role != Role::EtcdCa {
            steps.extend(kubeadm::etcd(site, tasks));
        }
        hosts.extend(rotation.hosts.iter().copied());
        steps.extend(rotation.steps(&mine));
    }
    steps.extend(hosts.into_iter().map(clean));
    steps
}

/// Keys of CAs do not stay where nobody looks for them.
fn clean(host: Option<&str>) -> Step {
    let directory = phases::NEXT;
    Step::new("clean", host, "take away what waited")
        .on(directory.trim_start_matches('@'))
        .because([Reason::wanted("the new CA's key is in its place, and lies there twice")])
        .run(Command::files(format!("rm -rf {directory}")))
        .check(Command::files(format!("test ! -e {directory}")), "it is gone")
}

impl<'s, 'a> Rotation<'s, 'a> {
    /// What belongs to a CA whose key is on the host.
    fn of(site: &'s Site<'a>, authority: &'static Authority, ca: Place) -> Option<Self> {
        let certificate = site.leaf(ca).filter(|_| site.signs(ca))?;
        let stands = |place: &Place| site.holding(*place).certificates().any(|(_, one)| one.public_key == certificate.public_key);
        let trusting: Vec<Place> = (0..site.inventory.holdings.len())
            .filter(stands)
            .filter(|place| site.holding(*place).origin.document.kind != OriginKind::Peer)
            .filter(|place| site.holding(*place).origin.slot != Slot::Key)
            .collect();
        let has_file = |host: Option<&str>| trusting.iter().any(|place| site.host(*place) == host && is_of_host(site, *place));
        let mut rotation = Self {
            site,
            authority,
            ca,
            hosts: site.hosts().into_iter().filter(|host| has_file(*host)).collect(),
            trusting,
            issued: Vec::new(),
        };
        rotation.issued = rotation.issued_by(&certificate.public_key);
        Some(rotation)
    }

    fn issued_by(&self, ca: &PublicKey) -> Vec<Place> {
        let site = self.site;
        let by_ca = |place: &Place| {
            let leaf = site.leaf(*place).and_then(|leaf| site.graph.node(&leaf.id));
            leaf.is_some_and(|leaf| {
                site.graph.issuers(leaf).iter().any(|issuer| site.graph.certificate(*issuer).public_key == *ca)
            })
        };
        let is_leaf = |place: &Place| {
            let origin = &site.holding(*place).origin;
            origin.slot == Slot::Credential
                && matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig)
                && site.leaf(*place).is_some_and(|leaf| !leaf.is_ca())
        };
        (0..site.inventory.holdings.len()).filter(is_leaf).filter(by_ca).collect()
    }

    /// The processes of a host that believe the CA or present what it issued.
    pub(super) fn processes(&self, host: Option<&str>) -> BTreeSet<Process> {
        let roles = self.authority.issues.iter().chain([&self.authority.role]);
        let here = roles.filter(|role| !self.site.places(**role, Slot::Credential, host).is_empty() || self.trusts(**role, host));
        here.flat_map(|role| readers(self.site.inventory, *role, host)).collect()
    }

    fn trusts(&self, role: Role, host: Option<&str>) -> bool {
        !self.site.places(role, Slot::Trust, host).is_empty()
    }
}

/// Whether a place is a file below the host's root.
pub(super) fn is_of_host(site: &Site<'_>, place: Place) -> bool {
    let origin = &site.holding(place).origin;
    let is_file = matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig);
    let is_known = site.inventory.kubeconfigs.iter().any(|one| one.role.is_some() && one.document == origin.document);
    is_file && (origin.role.is_some() || is_known)
}
