//! The programs that hold what they read until they are started anew: what each reads, whom it speaks for, how long it is away.
//!
//! Sources: the flags of the components (kubernetes/kubernetes cmd/kubeadm/app/phases/controlplane, cmd/kubelet/app); k3s-io/k3s
//! pkg/daemons/control: all of it in one process.

use crate::model::{Distribution, Inventory, Party, Role};
use std::sync::Arc;

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Program {
    /// etcd.
    Etcd,
    /// kube-apiserver.
    Apiserver,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// The kubelet.
    Kubelet,
    /// kube-proxy.
    KubeProxy,
    /// k3s, RKE2, MicroK8s or minikube: everything on the node at once.
    Node,
    /// istiod, or Citadel before it.
    Istiod,
}

/// A program on a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    /// The program.
    pub program: Program,
    /// The host, where several are looked at.
    pub host: Option<Arc<str>>,
}

/// What is known of a program.
pub(super) struct Row {
    program: Program,
    /// What it is called.
    pub(super) name: &'static str,
    /// The jobs of the places that it reads when it starts, and keeps.
    reads: &'static [Role],
    /// The ends of handshakes that are its.
    parties: &'static [Party],
    /// The seconds for which it is away when it is started anew.
    pub(super) away: u32,
}

/// All of them. Serving certificates of kube-apiserver and etcd's are read again by newer releases without a restart; nobody should
/// count on it.
const PROGRAMS: &[Row] = &[
    Row {
        program: Program::Etcd,
        name: "etcd",
        reads: &[Role::EtcdServer, Role::EtcdPeer, Role::EtcdCa, Role::EtcdPeerCa],
        parties: &[Party::Etcd],
        away: 20,
    },
    Row {
        program: Program::Apiserver,
        name: "kube-apiserver",
        reads: &[
            Role::Apiserver,
            Role::ApiserverSni,
            Role::ApiserverKubeletClient,
            Role::ApiserverEtcdClient,
            Role::FrontProxyClient,
            Role::ClusterCa,
            Role::ClientCa,
            Role::FrontProxyCa,
            Role::EtcdCa,
            Role::ServiceAccountPublicKey,
            Role::ServiceAccountKey,
        ],
        parties: &[Party::Apiserver],
        away: 40,
    },
    Row {
        program: Program::ControllerManager,
        name: "kube-controller-manager",
        reads: &[Role::ControllerManager, Role::ControllerManagerServing, Role::ServiceAccountKey, Role::ClusterCa],
        parties: &[Party::ControllerManager],
        away: 30,
    },
    Row {
        program: Program::Scheduler,
        name: "kube-scheduler",
        reads: &[Role::Scheduler, Role::SchedulerServing],
        parties: &[Party::Scheduler],
        away: 30,
    },
    Row {
        program: Program::Kubelet,
        name: "kubelet",
        reads: &[Role::Kubelet, Role::KubeletServing, Role::BootstrapKubelet, Role::ClusterCa],
        parties: &[Party::Kubelet, Party::BootstrapKubelet],
        away: 10,
    },
    Row { program: Program::KubeProxy, name: "kube-proxy", reads: &[Role::KubeProxy], parties: &[Party::KubeProxy], away: 10 },
    Row {
        program: Program::Node,
        name: "the node's service",
        reads: &[],
        parties: &[
            Party::Apiserver,
            Party::Etcd,
            Party::ControllerManager,
            Party::Scheduler,
            Party::CloudControllerManager,
            Party::Kubelet,
            Party::KubeProxy,
            Party::Supervisor,
        ],
        away: 60,
    },
    Row {
        program: Program::Istiod,
        name: "istiod",
        reads: &[Role::IstioCa, Role::IstioCaChain],
        parties: &[Party::Istiod],
        away: 30,
    },
];

/// Distributions that run everything of a node in one process, or start and stop it as one.
const WHOLE: &[Distribution] = &[Distribution::K3s, Distribution::Rke2, Distribution::MicroK8s];

impl Program {
    pub(super) fn row(self) -> &'static Row {
        // Every variant has a row: a test sees to it.
        PROGRAMS.iter().find(|row| row.program == self).unwrap_or(&PROGRAMS[0])
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl Process {
    /// A program on a host.
    #[must_use]
    pub fn new(program: Program, host: Option<&str>) -> Self {
        Self { program, host: host.map(Arc::from) }
    }

    /// Whether a party of handshakes is this process.
    pub(super) fn is(&self, party: Party, host: Option<&Arc<str>>) -> bool {
        self.program.row().parties.contains(&party) && self.host.as_ref() == host
    }
}

/// The distribution of a host, the more specific first.
pub(super) fn distribution(inventory: &Inventory, host: Option<&str>) -> Option<Distribution> {
    let here = inventory.hosts.iter().filter(|known| known.name.as_deref() == host);
    here.flat_map(|known| known.layouts.iter().copied()).find(|layout| *layout != Distribution::Istio)
}

/// The processes of a host that read places of this job.
pub(super) fn readers(inventory: &Inventory, role: Role, host: Option<&str>) -> Vec<Process> {
    let of_istio = matches!(role, Role::IstioCa | Role::IstioCaChain);
    let is_whole = distribution(inventory, host).is_some_and(|distribution| WHOLE.contains(&distribution));
    if is_whole && !of_istio {
        let is_for_people = matches!(role, Role::Admin | Role::SuperAdmin);
        return if is_for_people { Vec::new() } else { vec![Process::new(Program::Node, host)] };
    }
    let programs = PROGRAMS.iter().filter(|row| row.reads.contains(&role)).map(|row| row.program);
    programs.filter(|program| runs(inventory, *program, host)).map(|program| Process::new(program, host)).collect()
}

/// Whether a host has the program: something there is its own and nobody else's.
pub(super) fn runs(inventory: &Inventory, program: Program, host: Option<&str>) -> bool {
    let own = match program {
        Program::Etcd => Role::EtcdServer,
        Program::Apiserver => Role::Apiserver,
        Program::ControllerManager => Role::ControllerManager,
        Program::Scheduler => Role::Scheduler,
        Program::Kubelet => Role::Kubelet,
        Program::KubeProxy => Role::KubeProxy,
        Program::Istiod => return true,
        Program::Node => return distribution(inventory, host).is_some_and(|distribution| WHOLE.contains(&distribution)),
    };
    let here = |origin: &crate::model::Origin| origin.document.host.as_deref() == host;
    let mut components = inventory.facts.components.iter();
    inventory.holdings.iter().any(|holding| holding.origin.role == Some(own) && here(&holding.origin))
        || components.any(|component| component.program == program.name() && component.host.as_deref() == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_one_row() {
        let all = [
            Program::Etcd,
            Program::Apiserver,
            Program::ControllerManager,
            Program::Scheduler,
            Program::Kubelet,
            Program::KubeProxy,
            Program::Node,
            Program::Istiod,
        ];
        for program in all {
            assert_eq!(PROGRAMS.iter().filter(|row| row.program == program).count(), 1, "{program:?}");
            assert_eq!(program.row().program, program);
        }
        assert_eq!(PROGRAMS.len(), all.len());
    }
}
