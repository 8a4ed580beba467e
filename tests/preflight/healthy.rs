//! Healthy clusters: exit 0, silence.

use super::cluster::{Era, days, pki};
use super::files::{Authority, Credential, kubeconfig};
use super::harness::{Scenario, healthy, play};
use super::kubeadm::{self, PKI, kubeadm, three, with_pods};
use super::objects::{binding, kubeadm_bindings};
use super::{others, rancher, units};
use time::Duration;
use time::macros::datetime;

/// What works between the programs of a control plane that runs its own etcd.
pub(crate) const ALL: &[&str] = &[
    "admin→kube-apiserver",
    "kube-controller-manager→kube-apiserver",
    "kube-scheduler→kube-apiserver",
    "kubelet→kube-apiserver",
    "kube-apiserver→etcd",
    "etcd→etcd",
    "kube-apiserver→kubelet",
];
/// The same without etcd.
const WITHOUT_ETCD: &[&str] = &[
    "admin→kube-apiserver",
    "kube-controller-manager→kube-apiserver",
    "kube-scheduler→kube-apiserver",
    "kubelet→kube-apiserver",
    "kube-apiserver→kubelet",
];

/// What a control plane without kubelet and administrator has.
const BY_HAND: &[&str] =
    &["kube-controller-manager→kube-apiserver", "kube-scheduler→kube-apiserver", "kube-apiserver→etcd", "etcd→etcd"];

const KUBEADM: &[Scenario] = &[
    healthy("ECDSA", kubeadm).works(ALL),
    healthy("RSA", || kubeadm().rsa()).works(ALL),
    healthy("static pods, RSA", || with_pods().rsa()).works(ALL),
    healthy("static pods, ECDSA", with_pods).works(ALL),
    healthy("groups of 1.28", || kubeadm().era(Era::Masters).release("v1.28.15")).works(ALL),
    healthy("groups of 1.20", || kubeadm().rsa().era(Era::Masters).release("v1.20.2")).works(ALL),
    healthy("groups since May 2026, bindings unknown", || kubeadm().era(Era::Bare).release("v1.35.5")).works(ALL),
    healthy("groups since May 2026, bound", || {
        let cluster = kubeadm().era(Era::Bare).release("v1.35.5");
        cluster.edit(|site| {
            let (client, role) = ("kube-apiserver-kubelet-client", "system:kubelet-api-admin");
            site.add(kubeadm_bindings());
            site.add([binding("kubeadm:apiserver-kubelet-client", role, "User", client)]);
        })
    })
    .works(ALL),
    healthy("groups of 1.29, bound", || with_pods().edit(|site| site.add(kubeadm_bindings()))).works(ALL),
    healthy("super-admin.conf", || with_pods().with(kubeadm::SUPER_ADMIN)).works(ALL),
    healthy("kubelet serving certificate by the cluster's CA", || with_pods().with(kubeadm::SERVING)).works(ALL),
    healthy("kubelets are verified, and theirs are by the cluster's CA", || {
        with_pods().with(kubeadm::SERVING).edit(kubeadm::verify_kubelets)
    })
    .works(ALL),
    healthy("behind a load balancer", || with_pods().behind("api.example.internal")).works(ALL),
    healthy("the cluster CA's key is elsewhere", || with_pods().edit(kubeadm::without_ca_key)).works(ALL),
    healthy("no CA's key is here", || {
        with_pods().edit(kubeadm::without_ca_key).edit(|site| {
            let host = site.first();
            host.remove("/etc/kubernetes/pki/front-proxy-ca.key").remove("/etc/kubernetes/pki/etcd/ca.key");
        })
    })
    .works(ALL),
    healthy("the cluster CA is an intermediate of an outer root", || {
        with_pods().issued_by("ca", "Example Root CA").edit(kubeadm::without_ca_key)
    })
    .works(ALL),
    healthy("leaves as old as their CA (old kubeadm)", || {
        let cluster = ["apiserver", "etcd/server", "front-proxy-client"].into_iter().fold(kubeadm(), |cluster, label| {
            cluster.twist(label, |leaf| leaf.valid(datetime!(2022-01-01 00:00 UTC), datetime!(2027-09-01 00:00 UTC)))
        });
        cluster.twist("*ca", |ca| ca.valid(datetime!(2022-01-01 00:00 UTC), datetime!(2032-01-01 00:00 UTC)))
    })
    .works(ALL),
    healthy("leaves of nine years below a CA of ten", || kubeadm().twist("*leaf", |leaf| days(leaf, 9 * 365))).works(ALL),
    healthy("external etcd", || {
        with_pods().edit(|site| {
            let host = site.first();
            host.remove("/etc/kubernetes/manifests/etcd.yaml").remove("/etc/kubernetes/pki/etcd/ca.key");
            for stem in ["server", "peer", "healthcheck-client"] {
                host.remove(&format!("{PKI}/etcd/{stem}.crt")).remove(&format!("{PKI}/etcd/{stem}.key"));
            }
            let servers = "https://etcd-1.example.internal:2379,https://etcd-2.example.internal:2379";
            host.replace("/etc/kubernetes/manifests/kube-apiserver.yaml", "https://127.0.0.1:2379", servers);
        })
    })
    .works(WITHOUT_ETCD),
    healthy("kubelet.conf embeds its certificate, and nothing newer is known", || {
        kubeadm().edit(|site| {
            let (ca, client) = (site.made("ca").pem(), site.made("kubelet-client").clone());
            let conf = kubeconfig(
                "https://10.0.0.11:6443",
                &Authority::Embedded(&ca),
                "system:node:cp-1",
                &Credential::Embedded(&client),
            );
            let host = site.first();
            host.secret("/etc/kubernetes/kubelet.conf", conf).remove_below("/var/lib/kubelet/pki/kubelet-client-");
        })
    })
    .works(&["admin→kube-apiserver", "kubelet→kube-apiserver", "kube-apiserver→etcd"]),
    healthy("what the kubelet rotated away is still there, expired", || {
        with_pods().edit(|site| {
            let old = pki().leaf("system:node:cp-1").organization("system:nodes").client().expired();
            let old = old.issued_by(site.made("ca")).unwrap();
            let text = old.pem() + old.key_pem().as_str();
            site.first().secret("/var/lib/kubelet/pki/kubelet-client-2025-11-20-20-00-00.pem", text);
        })
    })
    .works(ALL),
    healthy("a backup of expired certificates beside /etc/kubernetes", || {
        with_pods().edit(|site| {
            let old = pki().leaf("kube-apiserver").server().expired().issued_by(site.made("ca")).unwrap();
            site.first().pair("/etc/kubernetes.old-20251120/pki/apiserver", &old);
        })
    })
    .works(ALL),
    healthy("clients are taken from a bundle: an old, expired root beside its successor", || {
        with_pods().edit(|site| {
            let old = pki().ca("kubernetes").dns("kubernetes").expired().self_signed().unwrap();
            let bundle = site.made("ca").pem() + &old.pem();
            let host = site.first();
            host.open("/etc/kubernetes/pki/client-ca-bundle.crt", bundle);
            let manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
            host.replace(
                manifest,
                "client-ca-file=/etc/kubernetes/pki/ca.crt",
                "client-ca-file=/etc/kubernetes/pki/client-ca-bundle.crt",
            );
        })
    })
    .works(ALL),
    healthy("rotating: kubeconfigs carry the old CA and the new", || {
        with_pods().edit(|site| {
            let next = pki().ca("kubernetes").dns("kubernetes").self_signed().unwrap();
            let (ca, admin) = (site.made("ca").pem(), site.made("admin.conf").clone());
            let authority = ca + &next.pem();
            let text = kubeconfig(
                "https://10.0.0.11:6443",
                &Authority::Embedded(&authority),
                "kubernetes-admin",
                &Credential::Embedded(&admin),
            );
            site.first().secret("/etc/kubernetes/admin.conf", text);
        })
    })
    .works(ALL),
    healthy("the API server's file holds its CA too", || {
        with_pods().edit(|site| {
            let ca = site.made("ca").pem();
            site.first().rewrite("/etc/kubernetes/pki/apiserver.crt", |leaf| leaf.to_owned() + &ca);
        })
    })
    .works(ALL),
    healthy("any front proxy's name is allowed", || {
        with_pods().edit(|site| {
            let manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
            site.first().replace(manifest, "allowed-names=front-proxy-client", "allowed-names=");
        })
    })
    .works(ALL),
    healthy("a worker", || with_pods().only_worker(kubeadm::WORKER)),
    healthy("a worker that has the bootstrap kubeconfig still", || {
        with_pods().only_worker(kubeadm::WORKER).edit(|site| {
            let ca = site.made("ca").pem();
            let token = Credential::Token("abcdef.0123456789abcdef");
            let conf = kubeconfig("https://10.0.0.11:6443", &Authority::Embedded(&ca), "tls-bootstrap-token-user", &token);
            site.first().secret("/etc/kubernetes/bootstrap-kubelet.conf", conf);
        })
    }),
    healthy("a copy of admin.conf as SOURCE", || {
        with_pods().edit(|site| {
            let admin = site.first().text("/etc/kubernetes/admin.conf").to_owned();
            site.source("config", admin);
        })
    })
    .works(ALL),
];

const MASTERS: &[Scenario] = &[
    healthy("two", || with_pods().masters(2)).works(ALL),
    healthy("three behind a load balancer", three).works(ALL),
    healthy("three without static pods", || kubeadm().masters(3)).works(ALL),
    healthy("three, RSA, groups of 1.28", || three().rsa().era(Era::Masters)).works(ALL),
    healthy("three and a worker", || three().worker(kubeadm::WORKER)).works(ALL),
    healthy("renewed one after the other", || {
        let cluster = three().twist("cp-1:apiserver", |leaf| days(leaf, 330)).twist("cp-2:apiserver", |leaf| days(leaf, 333));
        cluster.twist("cp-3:apiserver", |leaf| days(leaf, 337))
    })
    .works(ALL),
    healthy("only the first has super-admin.conf", || {
        three().with(|maker, node| {
            if node.name == "cp-1" {
                kubeadm::SUPER_ADMIN(maker, node);
            }
        })
    })
    .works(ALL),
    healthy("two by k3s", || rancher::k3s().masters(2)).works(WITHOUT_ETCD),
];

const OTHERS: &[Scenario] = &[
    healthy("k3s", rancher::k3s).works(ALL),
    healthy("k3s on SQLite", rancher::k3s_on_sqlite).works(WITHOUT_ETCD),
    healthy("k3s below an organization's root", rancher::custom_authorities).works(WITHOUT_ETCD),
    healthy("k3s agent", || rancher::k3s().only_worker(rancher::K3S_AGENT)),
    healthy("k3s and an agent", || rancher::k3s().worker(rancher::K3S_AGENT)).works(ALL),
    healthy("k3s with 100 days left", || rancher::k3s().twist("*leaf", |leaf| leaf.ends_in(Duration::days(100)))).works(ALL),
    healthy("RKE2", rancher::rke2).works(ALL),
    healthy("RKE2, RSA", || rancher::rke2().rsa()).works(ALL),
    healthy("RKE2 agent", || rancher::rke2().only_worker(rancher::RKE2_AGENT)),
    healthy("MicroK8s", others::microk8s).works(WITHOUT_ETCD),
    healthy("MicroK8s, RSA", || others::microk8s().rsa()).works(WITHOUT_ETCD),
    healthy("MicroK8s with tokens", others::microk8s_with_tokens),
    healthy("minikube", others::minikube).works(ALL),
    healthy("minikube on its host", others::minikube_host),
    healthy("systemd units, one CA for everything", units::by_hand).works(BY_HAND),
    healthy("systemd units, RSA", || units::by_hand().rsa()).works(BY_HAND),
    healthy("ACK dedicated", others::ack).works(WITHOUT_ETCD),
    healthy("ACK dedicated, RSA, renewed for five years", || others::ack().rsa().twist("apiserver", |leaf| days(leaf, 5 * 365)))
        .works(WITHOUT_ETCD),
];

#[test]
fn healthy_kubeadm() {
    play(KUBEADM);
}

#[test]
fn healthy_masters() {
    play(MASTERS);
}

#[test]
fn healthy_distributions() {
    play(OTHERS);
}

#[test]
fn half_of_a_tree_is_not_passed_over_as_fine() {
    let report = super::harness::report_of(&kubeadm().edit(|site| {
        site.first().remove_below("/etc/kubernetes/pki/etcd/").remove_below("/etc/kubernetes/pki/apiserver-etcd-client.");
    }));
    let told: Vec<_> = report.handshakes().filter(|handshake| handshake["id"].as_str().unwrap().contains("etcd")).collect();
    assert!(told.iter().all(|handshake| handshake["verdict"] == "unknown"), "{told:?}");
    assert_ne!(report.exit, 2);
}
