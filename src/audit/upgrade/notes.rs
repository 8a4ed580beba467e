//! What kubeadm and the API server themselves do to certificates at an upgrade.

use super::super::rights::drops_the_group;
use super::super::{Context, hosts};
use super::Note;
use crate::model::{Distribution, Role, Slot};
use crate::verify::KubernetesVersion;

/// A note, and when it is to be said.
struct Row {
    about: &'static str,
    citation: &'static str,
    /// When it is to be said.
    when: When,
    /// What happens, if it concerns this cluster.
    text: fn(&Context<'_>, KubernetesVersion) -> Option<String>,
}

/// When a note is to be said.
#[derive(Clone, Copy)]
enum When {
    /// An upgrade from before a minor release to it or a later one.
    Crossing(u8),
    /// An upgrade from a release of which this does not hold to one of which it does.
    Becoming(fn(KubernetesVersion) -> bool),
    /// Any upgrade to another minor release.
    Always,
}

impl When {
    fn is_now(self, present: KubernetesVersion, target: KubernetesVersion) -> bool {
        match self {
            Self::Crossing(minor) => present.minor < minor && target.minor >= minor,
            Self::Becoming(holds) => !holds(present) && holds(target),
            Self::Always => present.minor < target.minor,
        }
    }
}

const NOTES: &[Row] = &[
    Row {
        about: "external CA",
        citation: "kubernetes/kubernetes#124679, kubernetes/kubeadm#3055",
        when: When::Crossing(29),
        text: |context, _| {
            let text = "kubeadm makes admin.conf anew at 1.29 and has no key of the CA to sign it with: make it beforehand by kubeadm certs generate-csr, and have it signed outside";
            lacks_key(context, Role::ClusterCa).then(|| text.to_owned())
        },
    },
    Row {
        about: "admin.conf",
        citation: "kubernetes/kubernetes#121305",
        when: When::Crossing(29),
        text: |context, _| {
            let text = "made anew with the group kubeadm:cluster-admins instead of system:masters, which super-admin.conf has from then on; copies of the old one keep all rights until they end";
            is_kubeadm(context).then(|| text.to_owned())
        },
    },
    Row {
        about: "apiserver-kubelet-client",
        citation: "kubernetes/kubernetes#121837, kubernetes/kubernetes#138957, kubernetes/kubeadm#3310",
        when: When::Becoming(drops_the_group),
        text: |context, _| {
            let bound =
                context.inventory.facts.bindings.iter().any(|binding| &*binding.name == "kubeadm:apiserver-kubelet-client");
            let have = if bound { "there" } else { "not among the sources" };
            is_kubeadm(context).then(|| {
                format!(
                    "renewed without an organization (patch releases since May 2026: 1.35.5, 1.36.1): logs and exec then need the ClusterRoleBinding kubeadm:apiserver-kubelet-client, which is {have}"
                )
            })
        },
    },
    Row {
        about: "loopback certificate",
        citation: "kubernetes/kubernetes#130047",
        when: When::Crossing(33),
        text: |context, _| {
            let serves = hosts::places(context, None, Role::Apiserver, &[Slot::Credential]).next().is_some();
            serves.then(|| "made anew when the API server restarts; good for 1096 days then, not 365".to_owned())
        },
    },
    Row {
        about: "loopback health check",
        citation: "kubernetes/kubernetes#136477",
        when: When::Crossing(36),
        text: |context, _| {
            let serves = hosts::places(context, None, Role::Apiserver, &[Slot::Credential]).next().is_some();
            serves.then(|| {
                "from then on /livez fails once the loopback certificate has ended, and the kubelet restarts the API server"
                    .to_owned()
            })
        },
    },
    Row {
        about: "client CA of kubelets",
        citation: "kubernetes/kubernetes#136762",
        when: When::Crossing(36),
        text: |context, _| {
            let text = "kubelets reload clientCAFile from then on; older ones believe what they read at their start";
            hosts::places(context, None, Role::Kubelet, &[Slot::Credential]).next().map(|_| text.to_owned())
        },
    },
    Row {
        about: "renewed by kubeadm upgrade apply",
        citation: "kubernetes/kubernetes#76862",
        when: When::Always,
        text: |context, _| is_kubeadm(context).then(|| renewed(context)).flatten(),
    },
    Row {
        about: "left alone",
        citation: "kubernetes/kubernetes#126430, kubernetes/kubeadm#1784, kubernetes/kubernetes#94175",
        when: When::Always,
        text: |context, _| {
            let text = "the CAs, sa.key, the kubelets' certificates, copies of admin.conf; other control-plane nodes until kubeadm upgrade node runs there";
            is_kubeadm(context).then(|| text.to_owned())
        },
    },
];

/// The notes for an upgrade to `target`; from a version that nobody knows, as from the minor release before, which is what kubeadm allows.
pub(super) fn of(context: &Context<'_>, present: Option<KubernetesVersion>, target: KubernetesVersion) -> Vec<Note> {
    let from = present.unwrap_or(KubernetesVersion { minor: target.minor.saturating_sub(1), patch: 0 });
    let is_crossed = |row: &&Row| row.when.is_now(from, target);
    let note = |row: &Row| Some(Note { about: row.about.to_owned(), text: (row.text)(context, target)?, citation: row.citation });
    let leap = present.and_then(|present| leap(present, target));
    leap.into_iter().chain(NOTES.iter().filter(is_crossed).filter_map(note)).collect()
}

/// What no upgrade can do in one step.
fn leap(present: KubernetesVersion, target: KubernetesVersion) -> Option<Note> {
    let text = match target.minor {
        minor if minor > present.minor + 1 => {
            format!(
                "{} minor releases, and kubeadm upgrades by one at a time: each on the way judges too, ask for each",
                minor - present.minor
            )
        }
        _ if target < present => "an older version than the present one: kubeadm does not go back".to_owned(),
        _ => return None,
    };
    let citation = "kubernetes/website releases/version-skew-policy";
    Some(Note { about: "the way".to_owned(), text, citation })
}

/// Whether an upgrade to the target makes kubeadm sign `admin.conf`, and it cannot.
pub(in super::super) fn needs_ca_key(context: &Context<'_>) -> bool {
    let present = super::present(context).known();
    let crosses = |target: KubernetesVersion| target.minor >= 29 && present.is_some_and(|present| present.minor < 29);
    context.policy.target.is_some_and(crosses) && is_kubeadm(context)
}

fn is_kubeadm(context: &Context<'_>) -> bool {
    context.inventory.hosts.iter().flat_map(|host| &host.layouts).any(|layout| *layout == Distribution::Kubeadm)
        && hosts::places(context, None, Role::Apiserver, &[Slot::Credential]).next().is_some()
}

fn lacks_key(context: &Context<'_>, role: Role) -> bool {
    let has_certificate =
        hosts::places(context, None, role, &[Slot::Credential]).any(|holding| holding.certificates().next().is_some());
    let has_key = hosts::places(context, None, role, &[Slot::Key]).any(|holding| holding.private_keys().next().is_some());
    is_kubeadm(context) && has_certificate && !has_key
}

/// Which leaves kubeadm renews: those of the components that it upgrades, as far as it has the CA's key.
fn renewed(context: &Context<'_>) -> Option<String> {
    const BY_CA: &[(Role, &[(Role, &str)])] = &[
        (
            Role::ClusterCa,
            &[
                (Role::Apiserver, "apiserver"),
                (Role::ApiserverKubeletClient, "apiserver-kubelet-client"),
                (Role::Admin, "admin.conf"),
                (Role::SuperAdmin, "super-admin.conf"),
                (Role::ControllerManager, "controller-manager.conf"),
                (Role::Scheduler, "scheduler.conf"),
            ],
        ),
        (Role::FrontProxyCa, &[(Role::FrontProxyClient, "front-proxy-client")]),
        (
            Role::EtcdCa,
            &[
                (Role::ApiserverEtcdClient, "apiserver-etcd-client"),
                (Role::EtcdServer, "etcd-server"),
                (Role::EtcdPeer, "etcd-peer"),
                (Role::EtcdHealthcheckClient, "etcd-healthcheck-client"),
            ],
        ),
    ];
    let here = |role: Role| hosts::places(context, None, role, &[Slot::Credential]).next().is_some();
    let signed = BY_CA.iter().filter(|(ca, _)| !lacks_key(context, *ca)).flat_map(|(_, leaves)| leaves.iter());
    let names: Vec<&str> = signed.filter(|(role, _)| here(*role)).map(|(_, name)| *name).collect();
    (!names.is_empty()).then(|| format!("{} (not at an upgrade within the same version)", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Policy;
    use crate::chain::{AwsLc, Graph, inventory_of};
    use crate::mint::{NOW, pki};
    use crate::model::inventory::{Host, Inventory};
    use crate::model::{Binding, Fact};

    /// A control-plane node of kubeadm's, with the CA's key or without.
    fn node(has_key: bool) -> Inventory {
        let ca = pki().ca("kubernetes").self_signed().unwrap();
        let server = pki().leaf("kube-apiserver").server().issued_by(&ca).unwrap();
        let key = ca.key_pem();
        let mut inventory = inventory_of(&[server.der(), ca.der(), key.as_str().as_bytes()]);
        let places = [(Role::Apiserver, Slot::Credential), (Role::ClusterCa, Slot::Credential), (Role::ClusterCa, Slot::Key)];
        for (holding, (role, slot)) in inventory.holdings.iter_mut().zip(places) {
            (holding.origin.role, holding.origin.slot) = (Some(role), slot);
        }
        inventory.holdings.truncate(if has_key { 3 } else { 2 });
        inventory.hosts.push(Host { name: None, directory: "/".into(), layouts: vec![Distribution::Kubeadm] });
        inventory
    }

    fn notes(inventory: &Inventory, present: &str, target: &str) -> Vec<Note> {
        let graph = Graph::build(inventory, &AwsLc);
        let policy = Policy::at(NOW);
        of(&Context::new(&graph, &policy), Some(present.parse().unwrap()), target.parse().unwrap())
    }

    fn about(inventory: &Inventory, present: &str, target: &str) -> Vec<String> {
        notes(inventory, present, target).into_iter().map(|note| note.about).collect()
    }

    #[test]
    fn what_comes_with_a_release_is_told_once() {
        let own = node(true);
        let every_time = ["renewed by kubeadm upgrade apply", "left alone"];
        let with = |notes: &[&'static str]| [notes, &every_time].concat();
        assert_eq!(about(&own, "1.28.2", "1.29"), with(&["admin.conf"]));
        assert_eq!(about(&own, "1.29.3", "1.30"), every_time);
        assert_eq!(about(&own, "1.32.4", "1.33"), with(&["loopback certificate"]));
        assert_eq!(about(&own, "1.35.4", "1.36.1"), with(&["apiserver-kubelet-client", "loopback health check"]));
        assert_eq!(about(&own, "1.30", "1.32")[0], "the way");
        assert_eq!(about(&own, "1.33.0", "1.33.2"), [""; 0]);
    }

    #[test]
    fn without_its_key_kubeadm_signs_nothing() {
        assert_eq!(about(&node(false), "1.28", "1.29"), ["external CA", "admin.conf", "left alone"]);
    }

    #[test]
    fn nobody_elses_cluster_is_kubeadms() {
        let mut inventory = node(true);
        inventory.hosts.clear();
        assert_eq!(about(&inventory, "1.32", "1.33"), ["loopback certificate"]);
    }

    #[test]
    fn the_binding_of_kubelet_clients_is_looked_for() {
        let mut inventory = node(true);
        assert!(notes(&inventory, "1.35", "1.36.1")[0].text.ends_with("which is not among the sources"));
        let name = "kubeadm:apiserver-kubelet-client".into();
        let binding = Binding { name, role: "system:kubelet-api-admin".into(), users: Vec::new(), groups: Vec::new() };
        inventory.facts.push(Fact::Binding(binding));
        assert!(notes(&inventory, "1.35", "1.36.1")[0].text.ends_with("which is there"));
    }
}
