//! Faults of several hosts together, of other distributions, of the input itself, and two faults at a time.

use super::broken::{OTHERS_TO_APISERVER, TO_EXTENSIONS};
use super::cases::TO_APISERVER;
use super::cluster::{days, pki};
use super::harness::{Scenario, broken, healthy, play, untold, warned};
use super::healthy::ALL;
use super::kubeadm::{self, three, with_pods};
use super::{others, rancher, units};
use kcert::mint::Recipe;

const MASTERS: &[Scenario] = &[
    broken("another cluster CA", || three().own("cp-2:ca"))
        .finds(&[("ca-does-not-sign-server|client-untrusted|untrusted|stale-copy", "cp-2")])
        .also(&["ca-does-not-sign-server", "client-untrusted", "untrusted"])
        .breaks(&["~→kube"])
        .may_break(&[""]),
    broken("another etcd CA", || three().own("cp-3:etcd/ca"))
        .finds(&[("untrusted", "")])
        .also(&["untrusted", "client-untrusted"])
        .breaks(&["etcd→etcd"])
        .may_break(&["kube-apiserver→etcd"]),
    broken("a peer by a stranger", || three().issued_by("cp-3:etcd/peer", "stranger"))
        .finds(&[("untrusted", "cp-3")])
        .breaks(&["etcd→etcd"])
        .works(&["kube-apiserver→etcd"]),
    broken("the second's controller manager is over", || three().twist("cp-2:controller-manager.conf", Recipe::expired))
        .finds(&[("expired", "cp-2")])
        .breaks(&["kube-controller-manager→kube-apiserver"])
        .works(&["admin→kube-apiserver", "kubelet→kube-apiserver", "etcd→etcd"]),
    broken("the worker trusts the CA before this one", || {
        three().worker(kubeadm::WORKER).trusting("worker-1:kubelet.conf", "old-ca")
    })
    .finds(&[("ca-does-not-sign-server", "worker-1")])
    .breaks(&["kubelet→kube-apiserver"])
    .works(&["admin→kube-apiserver", "etcd→etcd"]),
    broken("the worker's certificate is over", || {
        three().worker(kubeadm::WORKER).twist("worker-1:kubelet-client", Recipe::expired)
    })
    .finds(&[("expired", "worker-1")])
    .breaks(&["kubelet→kube-apiserver"])
    .works(&["admin→kube-apiserver", "kube-apiserver→kubelet"]),
];

const K3S: &[Scenario] = &[
    broken("k3s: the administrator's is over", || rancher::k3s().twist("client-admin", Recipe::expired))
        .finds(&[("expired", "client-admin.crt")])
        .breaks(&["admin→kube-apiserver"])
        .works(&["kubelet→kube-apiserver", "kube-apiserver→etcd"]),
    broken("k3s: the API server's is by the clients' CA", || rancher::k3s().issued_by("serving-kube-apiserver", "client-ca"))
        .finds(&[("ca-does-not-sign-server|untrusted", "")])
        .also(&["untrusted", "ca-does-not-sign-server"])
        .breaks(&["kube-controller-manager→kube-apiserver", "kube-scheduler→kube-apiserver"])
        .may_break(&["~→kube-apiserver"])
        .works(&["kube-apiserver→etcd"]),
    broken("k3s: the scheduler's is by the servers' CA", || rancher::k3s().issued_by("client-scheduler", "server-ca"))
        .finds(&[("client-untrusted", "client-scheduler.crt")])
        .breaks(&["kube-scheduler→kube-apiserver"])
        .works(&["kube-controller-manager→kube-apiserver"]),
    broken("k3s: etcd's client is over", || rancher::k3s().twist("etcd/client", Recipe::expired))
        .finds(&[("expired", "etcd/client.crt")])
        .breaks(&["kube-apiserver→etcd"])
        .works(&["admin→kube-apiserver", "etcd→etcd"]),
    broken("k3s: the front proxy's is by a stranger", || rancher::k3s().issued_by("client-auth-proxy", "stranger"))
        .finds(&[("front-proxy-untrusted", "client-auth-proxy.crt")])
        .may_break(TO_EXTENSIONS)
        .works(ALL),
    broken("k3s: the agent's is over", || {
        rancher::k3s().only_worker(rancher::K3S_AGENT).twist("agent/client-kubelet", Recipe::expired)
    })
    .finds(&[("expired", "client-kubelet.crt")])
    .breaks(&["kubelet→kube-apiserver"]),
    warned("k3s: everything ends in 20 days, renewed at the next start", || rancher::k3s().twist("*leaf", |leaf| days(leaf, 20)))
        .finds(&[("expiring", "serving-kube-apiserver.crt")])
        .also(&["expiring"])
        .works(ALL),
    warned("k3s: a CA ends in 25 days", || rancher::k3s().twist("client-ca", |ca| days(ca, 25)))
        .finds(&[("ca-expiring", "client-ca.crt")])
        .also(&["outlives-issuer"])
        .works(ALL),
    broken("RKE2: the API server's is over", || rancher::rke2().twist("serving-kube-apiserver", Recipe::expired))
        .finds(&[("expired", "serving-kube-apiserver.crt")])
        .breaks(&["admin→kube-apiserver", "kube-controller-manager→kube-apiserver"])
        .may_break(&["~→kube-apiserver"])
        .works(&["kube-apiserver→etcd", "etcd→etcd"]),
    broken("RKE2: the API server's to kubelets is by a stranger", || {
        rancher::rke2().issued_by("client-kube-apiserver", "stranger")
    })
    .finds(&[("client-untrusted|untrusted", "client-kube-apiserver.crt")])
    .breaks(&["kube-apiserver→kubelet"])
    .works(&["admin→kube-apiserver"]),
    broken("RKE2: the kubelet's serving certificate is over, and verified", || {
        rancher::rke2().twist("agent/serving-kubelet", Recipe::expired)
    })
    .finds(&[("expired", "serving-kubelet.crt")])
    .breaks(&["kube-apiserver→kubelet"])
    .works(&["admin→kube-apiserver", "kubelet→kube-apiserver"]),
];

const OTHERS: &[Scenario] = &[
    broken("MicroK8s: the server's is over", || others::microk8s().twist("server", Recipe::expired))
        .finds(&[("expired", "certs/server.crt")])
        .breaks(TO_APISERVER)
        .may_break(&["~→kube-apiserver"]),
    broken("MicroK8s: the scheduler's is by the CA before this one", || others::microk8s().issued_by("scheduler", "old-ca"))
        .finds(&[("client-untrusted", "scheduler")])
        .breaks(&["kube-scheduler→kube-apiserver"])
        .works(&["admin→kube-apiserver"]),
    warned("MicroK8s: the kubelet's is not renewed by anybody", || others::microk8s().twist("kubelet", |leaf| days(leaf, 20)))
        .finds(&[("expiring", "kubelet.crt")])
        .works(&["admin→kube-apiserver", "kubelet→kube-apiserver"]),
    broken("minikube: everything is over after a long sleep", || others::minikube().twist("*leaf", Recipe::expired))
        .finds(&[("expired", "apiserver.crt")])
        .also(&["expired"])
        .may_break(&[""])
        .breaks(&["admin→kube-apiserver", "kube-apiserver→etcd"]),
    broken("ACK: etcd's client is over", || others::ack().twist("apiserver-etcd-client", Recipe::expired))
        .finds(&[("expired", "etcd-client.pem")])
        .breaks(&["kube-apiserver→etcd"])
        .works(TO_APISERVER),
    broken("ACK: the administrator's is by neither CA of the bundle", || others::ack().issued_by("admin.conf", "stranger"))
        .finds(&[("client-untrusted", "admin.conf")])
        .breaks(&["admin→kube-apiserver"])
        .works(&["kubelet→kube-apiserver"]),
    healthy("ACK: the administrator's is by the second CA of the bundle", || others::ack().issued_by("admin.conf", "alibaba"))
        .works(TO_APISERVER),
    broken("systemd units: the one certificate is over", || units::by_hand().twist("kubernetes", Recipe::expired))
        .finds(&[("expired", "kubernetes.pem")])
        .breaks(&["kube-controller-manager→kube-apiserver", "kube-apiserver→etcd"])
        .may_break(&[""]),
    broken("systemd units: the scheduler's is by a stranger", || units::by_hand().issued_by("scheduler", "stranger"))
        .finds(&[("client-untrusted", "kube-scheduler.kubeconfig")])
        .breaks(&["kube-scheduler→kube-apiserver"])
        .works(&["kube-controller-manager→kube-apiserver", "kube-apiserver→etcd"]),
    broken("ACK: the dashboard's is over", || others::ack().twist("dashboard/dashboard", Recipe::expired))
        .finds(&[("expired", "dashboard.crt")])
        .works(TO_APISERVER),
];

const INPUT: &[Scenario] = &[
    healthy("a key where the certificate should be", || {
        with_pods().edit(|site| {
            let key = site.made("apiserver").key_pem();
            site.first().open("/etc/kubernetes/pki/apiserver.crt", key.as_str());
        })
    })
    .exits(&[2, 3])
    .finds(&[("empty-bundle|malformed", "pki/apiserver.crt")])
    .also(&["key-exposed"])
    .may_break(&["~→kube-apiserver"])
    .works(&["kube-apiserver→etcd"]),
    untold("the CA's file is cut off", || {
        with_pods().edit(|site| {
            site.first().rewrite("/etc/kubernetes/pki/ca.crt", |text| text[..text.len() / 2].to_owned());
        })
    })
    .exits(&[2, 3])
    .finds(&[("bundle-truncated", "pki/ca.crt")])
    .also(&["empty-bundle"])
    .may_break(&["~→kube-apiserver", "kube-apiserver→kubelet"])
    .works(&["kube-apiserver→etcd"]),
    untold("a static pod names a file that is not there", || {
        with_pods().edit(|site| {
            site.first().remove("/etc/kubernetes/pki/apiserver.crt");
        })
    })
    .finds(&[("unreadable", "pki/apiserver.crt")])
    .works(&["kube-apiserver→etcd"]),
    untold("a kubeconfig is no YAML", || {
        with_pods().edit(|site| {
            site.first().secret("/etc/kubernetes/scheduler.conf", "apiVersion: v1\n\tclusters: [\n");
        })
    })
    .finds(&[("malformed", "scheduler.conf")])
    .works(&["admin→kube-apiserver", "kube-apiserver→etcd"]),
    healthy("the API server's key is gone", || {
        with_pods().edit(|site| {
            site.first().remove("/etc/kubernetes/pki/apiserver.key");
        })
    })
    .exits(&[1, 2, 3])
    .finds(&[("key-missing|unreadable", "pki/apiserver")])
    .also(&["key-missing", "unreadable"])
    .may_break(&["~→kube-apiserver"])
    .works(&["kube-apiserver→etcd"]),
    untold("nothing at all", || {
        with_pods().edit(|site| {
            site.first().remove_below("/").open("/etc/hostname", "cp-1\n");
        })
    })
    .also(&["empty-bundle", "unreadable"]),
];

const DOUBLE: &[Scenario] = &[
    broken("the API server and service accounts", || three().twist("cp-1:apiserver", Recipe::expired).own("cp-3:sa"))
        .finds(&[("expired", "cp-1"), ("service-account-key-mismatch", "")])
        .breaks(&["kube-controller-manager→kube-apiserver"])
        .may_break(&["~→kube-apiserver"])
        .works(&["kube-apiserver→etcd", "etcd→etcd"]),
    broken("etcd's names and the front proxy", || {
        let cluster = with_pods().issued_by("front-proxy-client", "ca");
        cluster.twist("etcd/server", |_| pki().leaf("cp-1").server().client().dns("cp-1"))
    })
    .finds(&[("name-mismatch", "etcd/server.crt"), ("front-proxy-untrusted", "front-proxy-client.crt")])
    .breaks(&["kube-apiserver→etcd"])
    .may_break(TO_EXTENSIONS)
    .works(TO_APISERVER),
    broken("the kubelet is over, and the administrator will be", || {
        with_pods().twist("kubelet-client", Recipe::expired).twist("admin.conf", |leaf| days(leaf, 20))
    })
    .finds(&[("expired", "kubelet-client"), ("expiring", "admin.conf")])
    .breaks(&["kubelet→kube-apiserver"])
    .works(&["admin→kube-apiserver", "kube-apiserver→etcd"])
    .ends(&[("admin→kube-apiserver", "2026-12-11T20:00:00Z")]),
    broken("two CAs are over", || with_pods().twist("ca", Recipe::expired).twist("etcd/ca", Recipe::expired))
        .finds(&[("expired", "pki/ca.crt"), ("expired", "etcd/ca.crt")])
        .breaks(TO_APISERVER)
        .may_break(&[""]),
    broken("both ends of one handshake", || {
        with_pods().twist("etcd/server", Recipe::expired).twist("apiserver-etcd-client", Recipe::expired)
    })
    .finds(&[("expired", "etcd/server.crt"), ("expired", "apiserver-etcd-client.crt")])
    .breaks(&["kube-apiserver→etcd"])
    .may_break(&["etcd→etcd"])
    .works(TO_APISERVER),
    broken("another key, and open to all", || {
        with_pods().edit(|site| {
            let other = pki().leaf("x").self_signed().unwrap();
            let path = "/etc/kubernetes/pki/apiserver.key";
            site.first().secret(path, other.key_pem().as_str()).chmod(path, 0o644);
        })
    })
    .finds(&[("key-mismatch", "pki/apiserver"), ("key-exposed", "pki/apiserver.key")])
    .breaks(TO_APISERVER)
    .may_break(OTHERS_TO_APISERVER),
    broken("k3s: two clients", || {
        rancher::k3s().twist("client-controller", Recipe::expired).issued_by("client-admin", "stranger")
    })
    .finds(&[("expired", "client-controller.crt"), ("client-untrusted", "client-admin.crt")])
    .breaks(&["kube-controller-manager→kube-apiserver", "admin→kube-apiserver"])
    .works(&["kube-scheduler→kube-apiserver", "kube-apiserver→etcd"]),
    broken("on two masters", || {
        three().twist("cp-1:scheduler.conf", Recipe::expired).issued_by("cp-2:apiserver-etcd-client", "ca")
    })
    .finds(&[("expired", "cp-1"), ("untrusted|client-untrusted", "cp-2")])
    .breaks(&["kube-scheduler→kube-apiserver", "kube-apiserver→etcd"])
    .works(&["admin→kube-apiserver", "etcd→etcd"]),
];

#[test]
fn masters_together() {
    play(MASTERS);
}

#[test]
fn k3s_and_rke2() {
    play(K3S);
}

#[test]
fn other_distributions() {
    play(OTHERS);
}

#[test]
fn input() {
    play(INPUT);
}

#[test]
fn two_faults() {
    play(DOUBLE);
}
