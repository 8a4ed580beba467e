//! A control plane set up by hand: systemd units, certificates by cfssl, one CA and one server certificate for everything.

use super::cluster::{Cluster, Maker, Node, pki};
use super::files::{Authority, Credential, kubeconfig};
use kcert::mint::Recipe;

const BASE: &str = "/var/lib/kubernetes";

/// Such a control plane.
pub(crate) fn by_hand() -> Cluster {
    Cluster::of(|maker, node| {
        let ca = maker.ca(node, "ca", pki().ca("Kubernetes").organization("Kubernetes"));
        let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        let recipe = names.into_iter().fold(pki().leaf("kubernetes").organization("Kubernetes").server().client(), Recipe::dns);
        let recipe = recipe.dns(node.name).ip([10, 32, 0, 1]).ip([127, 0, 0, 1]).ip(node.address);
        let kubernetes = maker.leaf(node, "kubernetes", Some("ca"), recipe);
        let accounts = maker.leaf(node, "service-account", Some("ca"), pki().leaf("service-accounts").organization("Kubernetes"));
        let host = maker.site.host(node.name);
        for directory in [BASE, "/etc/etcd"] {
            for (stem, identity) in [("ca", &ca), ("kubernetes", &kubernetes), ("service-account", &accounts)] {
                host.open(&format!("{directory}/{stem}.pem"), identity.pem());
                host.secret(&format!("{directory}/{stem}-key.pem"), identity.key_pem().as_str());
            }
        }
        user(maker, node, "controller-manager", "system:kube-controller-manager");
        user(maker, node, "scheduler", "system:kube-scheduler");
        for (component, flags) in UNITS {
            let flags = flags.replace('\n', " \\\n  ").replace("ADDRESS", &node.ip()).replace("BASE", BASE);
            let text = format!(
                "[Unit]\nDescription={component}\n\n[Service]\nExecStart=/usr/local/bin/{component} \\\n  {flags}\nRestart=on-failure\n\n\
                 [Install]\nWantedBy=multi-user.target\n"
            );
            maker.site.host(node.name).open(&format!("/etc/systemd/system/{component}.service"), text);
        }
    })
}

fn user(maker: &mut Maker<'_>, node: Node, label: &str, name: &str) {
    let identity = maker.leaf(node, label, Some("ca"), pki().leaf(name).organization(name).client());
    let trusted = maker.trusted(node, label, "ca").pem();
    let text = kubeconfig("https://127.0.0.1:6443", &Authority::Embedded(&trusted), name, &Credential::Embedded(&identity));
    maker.site.host(node.name).secret(&format!("{BASE}/kube-{label}.kubeconfig"), text);
}

/// Flags by component; ADDRESS and BASE stand for the host's.
const UNITS: &[(&str, &str)] = &[
    (
        "etcd",
        "--name cp-1
--cert-file=/etc/etcd/kubernetes.pem
--key-file=/etc/etcd/kubernetes-key.pem
--peer-cert-file=/etc/etcd/kubernetes.pem
--peer-key-file=/etc/etcd/kubernetes-key.pem
--trusted-ca-file=/etc/etcd/ca.pem
--peer-trusted-ca-file=/etc/etcd/ca.pem
--peer-client-cert-auth
--client-cert-auth
--initial-advertise-peer-urls https://ADDRESS:2380
--listen-peer-urls https://ADDRESS:2380
--listen-client-urls https://ADDRESS:2379,https://127.0.0.1:2379
--advertise-client-urls https://ADDRESS:2379
--data-dir=/var/lib/etcd",
    ),
    (
        "kube-apiserver",
        "--advertise-address=ADDRESS
--authorization-mode=Node,RBAC
--client-ca-file=BASE/ca.pem
--etcd-cafile=BASE/ca.pem
--etcd-certfile=BASE/kubernetes.pem
--etcd-keyfile=BASE/kubernetes-key.pem
--etcd-servers=https://127.0.0.1:2379
--kubelet-certificate-authority=BASE/ca.pem
--kubelet-client-certificate=BASE/kubernetes.pem
--kubelet-client-key=BASE/kubernetes-key.pem
--service-account-key-file=BASE/service-account.pem
--service-account-signing-key-file=BASE/service-account-key.pem
--service-account-issuer=https://ADDRESS:6443
--service-cluster-ip-range=10.32.0.0/24
--tls-cert-file=BASE/kubernetes.pem
--tls-private-key-file=BASE/kubernetes-key.pem",
    ),
    (
        "kube-controller-manager",
        "--cluster-signing-cert-file=BASE/ca.pem
--cluster-signing-key-file=BASE/ca-key.pem
--kubeconfig=BASE/kube-controller-manager.kubeconfig
--root-ca-file=BASE/ca.pem
--service-account-private-key-file=BASE/service-account-key.pem
--use-service-account-credentials=true",
    ),
    ("kube-scheduler", "--kubeconfig=BASE/kube-scheduler.kubeconfig"),
];
