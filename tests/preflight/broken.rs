//! kubeadm's clusters with one fault in their certificates.

use super::cases::TO_APISERVER;
use super::cluster::{AT, days, pki};
use super::files::{Authority, Credential, kubeconfig};
use super::harness::{Scenario, broken, healthy, play, warned};
use super::healthy::ALL;
use super::kubeadm::{kubeadm, with_pods};
use kcert::mint::Recipe;
use kcert::model::KeyUsage;
use time::Duration;

/// What the API server does as a client.
const FROM_APISERVER: &[&str] = &["kube-apiserver→etcd", "kube-apiserver→kubelet", "etcd→etcd"];
/// Those who dial the API server beside the ones that have files of their own.
pub(crate) const OTHERS_TO_APISERVER: &[&str] = &[
    "~workload",
    "~pod",
    "~join",
    "~cluster-info",
    "~bootstrap",
    "kube-proxy→",
    "super-admin→",
    "kube-apiserver→kube-apiserver",
];
/// The API server's way to extension servers, however it is called.
pub(crate) const TO_EXTENSIONS: &[&str] = &["~extension", "~aggregat", "~front-proxy", "~APIService", "~apiservice"];

const SERVER: &[Scenario] = &[
    broken("over", || with_pods().twist("apiserver", Recipe::expired))
        .finds(&[("expired", "pki/apiserver.crt")])
        .breaks(TO_APISERVER)
        .may_break(OTHERS_TO_APISERVER)
        .works(FROM_APISERVER),
    broken("over, without static pods", || kubeadm().twist("apiserver", Recipe::expired))
        .finds(&[("expired", "pki/apiserver.crt")])
        .breaks(TO_APISERVER)
        .may_break(OTHERS_TO_APISERVER)
        .works(FROM_APISERVER),
    warned("ends in 20 days", || with_pods().twist("apiserver", |leaf| days(leaf, 20)))
        .finds(&[("expiring", "pki/apiserver.crt")])
        .works(ALL)
        .ends(&[("admin→kube-apiserver", "2026-12-11T20:00:00Z"), ("kube-apiserver→etcd", "2027-10-22T20:00:00Z")]),
    broken("ends in 5 days", || with_pods().twist("apiserver", |leaf| days(leaf, 5)))
        .finds(&[("expiring", "pki/apiserver.crt")])
        .works(ALL)
        .ends(&[("kubelet→kube-apiserver", "2026-11-26T20:00:00Z")]),
    broken("begins tomorrow", || with_pods().twist("apiserver", Recipe::not_yet_valid))
        .finds(&[("not-yet-valid", "pki/apiserver.crt")])
        .breaks(TO_APISERVER)
        .may_break(OTHERS_TO_APISERVER),
    broken("another key", || {
        with_pods().edit(|site| {
            let other = pki().leaf("x").self_signed().unwrap();
            site.first().secret("/etc/kubernetes/pki/apiserver.key", other.key_pem().as_str());
        })
    })
    .finds(&[("key-mismatch", "pki/apiserver")])
    .breaks(TO_APISERVER)
    .may_break(OTHERS_TO_APISERVER),
    broken("lacks the load balancer's name", || {
        with_pods().behind("api.example.internal").twist("apiserver", |_| {
            let names =
                ["cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
            let leaf = names.into_iter().fold(pki().leaf("kube-apiserver").server(), Recipe::dns);
            leaf.ip([10, 96, 0, 1]).ip([10, 0, 0, 11])
        })
    })
    .finds(&[("name-mismatch", "")])
    .breaks(&["admin→kube-apiserver", "kubelet→kube-apiserver"])
    .works(&["kube-controller-manager→kube-apiserver", "kube-scheduler→kube-apiserver"]),
    broken("has its name in the CN only", || {
        with_pods().behind("kube-apiserver").twist("apiserver", |_| pki().leaf("kube-apiserver").server())
    })
    .finds(&[("cn-only", "pki/apiserver.crt")])
    .also(&["name-mismatch"])
    .breaks(TO_APISERVER)
    .may_break(OTHERS_TO_APISERVER),
    broken("by a stranger", || with_pods().issued_by("apiserver", "stranger"))
        .finds(&[("ca-does-not-sign-server|untrusted", "")])
        .also(&["untrusted", "ca-does-not-sign-server"])
        .breaks(TO_APISERVER)
        .may_break(OTHERS_TO_APISERVER),
    broken("by the CA before this one, of the same name", || with_pods().issued_by("apiserver", "old-ca"))
        .finds(&[("ca-does-not-sign-server|untrusted", "")])
        .also(&["untrusted", "ca-does-not-sign-server"])
        .breaks(TO_APISERVER)
        .may_break(OTHERS_TO_APISERVER),
    broken("is for clients", || {
        with_pods()
            .twist("apiserver", |_| pki().leaf("kube-apiserver").client().dns("kubernetes").ip([10, 0, 0, 11]).ip([10, 96, 0, 1]))
    })
    .finds(&[("usage-wrong", "pki/apiserver.crt")])
    .breaks(TO_APISERVER)
    .may_break(OTHERS_TO_APISERVER),
    warned("its key is open to all", || {
        with_pods().edit(|site| {
            site.first().chmod("/etc/kubernetes/pki/apiserver.key", 0o644);
        })
    })
    .finds(&[("key-exposed", "pki/apiserver.key")])
    .works(ALL),
];

const CLIENTS: &[Scenario] = &[
    broken("the API server's to kubelets is over", || with_pods().twist("apiserver-kubelet-client", Recipe::expired))
        .finds(&[("expired", "apiserver-kubelet-client.crt")])
        .breaks(&["kube-apiserver→kubelet"])
        .works(TO_APISERVER),
    broken("the API server's to kubelets is by a stranger", || with_pods().issued_by("apiserver-kubelet-client", "stranger"))
        .finds(&[("client-untrusted|untrusted", "apiserver-kubelet-client.crt")])
        .breaks(&["kube-apiserver→kubelet"])
        .works(TO_APISERVER),
    broken("kubelets are verified, and theirs is self-signed", || with_pods().edit(super::kubeadm::verify_kubelets))
        .finds(&[("untrusted", "kubelet.crt")])
        .breaks(&["kube-apiserver→kubelet"])
        .works(TO_APISERVER),
    broken("the API server's to etcd is over", || with_pods().twist("apiserver-etcd-client", Recipe::expired))
        .finds(&[("expired", "apiserver-etcd-client.crt")])
        .breaks(&["kube-apiserver→etcd"])
        .works(TO_APISERVER),
    broken("the API server's to etcd is by the cluster's CA", || with_pods().issued_by("apiserver-etcd-client", "ca"))
        .finds(&[("client-untrusted|untrusted", "apiserver-etcd-client.crt")])
        .breaks(&["kube-apiserver→etcd"])
        .works(TO_APISERVER),
    broken("the API server's to etcd is for servers", || {
        with_pods().twist("apiserver-etcd-client", |_| pki().leaf("kube-apiserver-etcd-client").server())
    })
    .finds(&[("usage-wrong", "apiserver-etcd-client.crt")])
    .breaks(&["kube-apiserver→etcd"])
    .works(TO_APISERVER),
    broken("the front proxy's is by the cluster's CA", || with_pods().issued_by("front-proxy-client", "ca"))
        .finds(&[("front-proxy-untrusted", "front-proxy-client.crt")])
        .may_break(TO_EXTENSIONS)
        .works(ALL),
    broken("the front proxy's is over", || with_pods().twist("front-proxy-client", Recipe::expired))
        .finds(&[("expired", "front-proxy-client.crt")])
        .may_break(TO_EXTENSIONS)
        .works(ALL),
    broken("the administrator's is over", || with_pods().twist("admin.conf", Recipe::expired))
        .finds(&[("expired", "admin.conf")])
        .breaks(&["admin→kube-apiserver"])
        .works(&["kubelet→kube-apiserver", "kube-apiserver→etcd"]),
    broken("the controller manager's is over", || with_pods().twist("controller-manager.conf", Recipe::expired))
        .finds(&[("expired", "controller-manager.conf")])
        .breaks(&["kube-controller-manager→kube-apiserver"])
        .works(&["admin→kube-apiserver"]),
    broken("the scheduler's is by the CA before this one", || with_pods().issued_by("scheduler.conf", "old-ca"))
        .finds(&[("client-untrusted", "scheduler.conf")])
        .breaks(&["kube-scheduler→kube-apiserver"])
        .works(&["admin→kube-apiserver"]),
    broken("the administrator trusts a stranger", || with_pods().trusting("admin.conf", "stranger"))
        .finds(&[("ca-does-not-sign-server", "admin.conf")])
        .breaks(&["admin→kube-apiserver"])
        .works(&["kubelet→kube-apiserver"]),
    broken("the kubelet's is over", || with_pods().twist("kubelet-client", Recipe::expired))
        .finds(&[("expired", "kubelet-client")])
        .breaks(&["kubelet→kube-apiserver"])
        .works(&["admin→kube-apiserver", "kube-apiserver→kubelet"]),
    broken("a worker's is over", || with_pods().only_worker(super::kubeadm::WORKER).twist("kubelet-client", Recipe::expired))
        .finds(&[("expired", "kubelet-client")])
        .breaks(&["kubelet→kube-apiserver"]),
    warned("the administrator does not verify", || {
        with_pods().edit(|site| {
            let admin = site.made("admin.conf").clone();
            let credential = Credential::Embedded(&admin);
            let text = kubeconfig("https://10.0.0.11:6443", &Authority::Embedded("PEM"), "kubernetes-admin", &credential);
            let text = text.replace("certificate-authority-data: UEVN", "insecure-skip-tls-verify: true");
            site.first().secret("/etc/kubernetes/admin.conf", text);
        })
    })
    .finds(&[("skip-tls-verify", "admin.conf")])
    .works(ALL),
    healthy("the healthcheck's is over, and nothing uses it", || with_pods().twist("etcd/healthcheck-client", Recipe::expired))
        .exits(&[1, 2])
        .finds(&[("expired", "healthcheck-client.crt")])
        .may_break(&["~healthcheck"])
        .works(ALL),
];

const ETCD: &[Scenario] = &[
    broken("the server's is over", || with_pods().twist("etcd/server", Recipe::expired))
        .finds(&[("expired", "etcd/server.crt")])
        .breaks(&["kube-apiserver→etcd"])
        .may_break(&["etcd→etcd"])
        .works(TO_APISERVER),
    broken("the server's is by the cluster's CA", || with_pods().issued_by("etcd/server", "ca"))
        .finds(&[("untrusted", "etcd/server.crt")])
        .breaks(&["kube-apiserver→etcd"])
        .may_break(&["etcd→etcd"])
        .works(TO_APISERVER),
    broken("the peer's is over", || with_pods().twist("etcd/peer", Recipe::expired))
        .finds(&[("expired", "etcd/peer.crt")])
        .breaks(&["etcd→etcd"])
        .works(TO_APISERVER),
    broken("etcd's CA is over: one headline", || with_pods().twist("etcd/ca", Recipe::expired))
        .finds(&[("expired", "etcd/ca.crt")])
        .breaks(&["kube-apiserver→etcd", "etcd→etcd"])
        .works(TO_APISERVER),
];

const AUTHORITIES: &[Scenario] = &[
    broken("the cluster's CA is over: one headline", || with_pods().twist("ca", Recipe::expired))
        .finds(&[("expired", "pki/ca.crt")])
        .breaks(TO_APISERVER)
        .may_break(&["kube-apiserver→kubelet", "~workload", "~pod", "~join", "~cluster-info", "kube-proxy→"])
        .works(&["kube-apiserver→etcd", "etcd→etcd"]),
    broken("the front proxy's CA is over", || with_pods().twist("front-proxy-ca", Recipe::expired))
        .finds(&[("expired", "front-proxy-ca.crt")])
        .may_break(TO_EXTENSIONS)
        .works(ALL),
    broken("the cluster's CA begins tomorrow", || with_pods().twist("ca", Recipe::not_yet_valid))
        .finds(&[("not-yet-valid", "pki/ca.crt")])
        .also(&["outlives-issuer"])
        .breaks(TO_APISERVER)
        .may_break(&["kube-apiserver→kubelet", "~workload", "~pod", "~join", "~cluster-info", "kube-proxy→"])
        .works(&["kube-apiserver→etcd"]),
    broken("the cluster's CA is none", || {
        with_pods()
            .twist("ca", |_| pki().leaf("kubernetes").dns("kubernetes").valid(AT - Duration::days(30), AT + Duration::days(3620)))
    })
    .finds(&[("not-a-ca", "pki/ca.crt")])
    .may_break(&[""]),
    broken("the cluster's CA may not sign", || with_pods().twist("ca", |ca| ca.key_usage(KeyUsage(0b101))))
        .finds(&[("not-a-ca|usage-wrong", "pki/ca.crt")])
        .may_break(&[""]),
    broken("the CA above allows no CA below", || {
        with_pods().edit(super::kubeadm::without_ca_key).issued_by("ca", "middle").edit(|site| {
            let (ca, root) = (site.made("ca").clone(), pki().ca("Root").path_len(0).self_signed().unwrap());
            let middle = pki().ca("middle").key_of(site.made("middle")).issued_by(&root).unwrap();
            site.first().open("/etc/kubernetes/pki/ca.crt", ca.pem());
            site.source("chain.pem", ca.pem() + &middle.pem() + &root.pem());
        })
    })
    .finds(&[("path-too-long", "")])
    .may_break(&[""]),
    warned("leaves outlive their CA: renewed for ten years by a script", || {
        let cluster = with_pods().twist("ca", |ca| ca.valid(AT - Duration::days(2650), AT + Duration::days(1000)));
        cluster.twist("*leaf", |leaf| days(leaf, 1500).without_basic_constraints())
    })
    .finds(&[("outlives-issuer", "apiserver.crt")])
    .also(&["outlives-issuer"])
    .works(TO_APISERVER),
    broken("service accounts' keys are no pair", || {
        with_pods().edit(|site| {
            let other = pki().leaf("sa").self_signed().unwrap();
            site.first().secret("/etc/kubernetes/pki/sa.pub", other.public_key_pem());
        })
    })
    .finds(&[("service-account-key-mismatch", "sa.")])
    .works(ALL),
    warned("a CA's key is open to all", || {
        with_pods().edit(|site| {
            site.first().chmod("/etc/kubernetes/pki/ca.key", 0o644);
        })
    })
    .finds(&[("key-exposed", "pki/ca.key")])
    .works(ALL),
];

#[test]
fn the_api_servers_certificate() {
    play(SERVER);
}

#[test]
fn clients() {
    play(CLIENTS);
}

#[test]
fn etcd() {
    play(ETCD);
}

#[test]
fn authorities() {
    play(AUTHORITIES);
}
