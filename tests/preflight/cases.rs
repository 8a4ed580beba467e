//! The first ten of the twenty cases of kubernetes-pki.md section 8, each with the nearest cluster in which it happens.

use super::cluster::{Twist, days, pki};
use super::files::{Authority, Credential, kubeconfig};
use super::harness::{Scenario, broken, healthy, play, warned};
use super::healthy::ALL;
use super::kubeadm::{self, kubeadm, three, with_pods};
use super::objects;
use super::served::Served;
use super::site::Site;
use kcert::mint::Recipe;
use time::Duration;

/// Everybody's way to the API server.
pub(crate) const TO_APISERVER: &[&str] = &[
    "admin→kube-apiserver",
    "kube-controller-manager→kube-apiserver",
    "kube-scheduler→kube-apiserver",
    "kubelet→kube-apiserver",
];

const CASE_01: &[Scenario] = &[
    warned("embedded, and not over yet", || with_pods().edit(|site| embed(site, |recipe| recipe.ends_in(Duration::days(60)))))
        .finds(&[("kubelet-conf-embedded", "kubelet.conf")])
        .also(&["stale-copy"])
        .works(ALL),
    broken("embedded, and over", || with_pods().edit(|site| embed(site, Recipe::expired)))
        .finds(&[("kubelet-conf-embedded|expired", "kubelet.conf")])
        .also(&["kubelet-conf-embedded", "expired", "stale-copy"])
        .breaks(&["kubelet→kube-apiserver"]),
];

/// Puts the kubelet's first certificate, of other dates, into kubelet.conf.
fn embed(site: &mut Site, twist: Twist) {
    let first = pki().leaf("system:node:cp-1").organization("system:nodes").client();
    let first = twist(first).issued_by(site.made("ca")).unwrap();
    let authority = site.made("ca").pem();
    let credential = Credential::Embedded(&first);
    let text = kubeconfig("https://10.0.0.11:6443", &Authority::Embedded(&authority), "system:node:cp-1", &credential);
    site.first().secret("/etc/kubernetes/kubelet.conf", text);
}

#[test]
fn case_01_kubelet_conf_embeds_an_old_certificate() {
    play(CASE_01);
}

#[test]
fn case_02_renewed_and_not_restarted() {
    let expected = warned("", kubeadm).finds(&[("served-differs", "kube-apiserver")]).also(&["expiring"]);
    Served { presented: Some(|recipe| days(recipe, 12)), ..Served::sound() }.judge(&expected);
    Served::sound().judge(&healthy("", kubeadm).works(ALL));
}

const CASE_03: &[Scenario] = &[
    broken("etcd's server lacks 127.0.0.1", || {
        with_pods().twist("etcd/server", |_| pki().leaf("cp-1").server().client().dns("cp-1").ip([10, 0, 0, 11]))
    })
    .finds(&[("name-mismatch", "etcd/server.crt")])
    .breaks(&["kube-apiserver→etcd"]),
    broken("etcd's peer lacks its address", || {
        three().twist("cp-2:etcd/peer", |_| pki().leaf("cp-2").server().client().dns("cp-2").ip([10, 9, 9, 9]))
    })
    .finds(&[("name-mismatch", "cp-2")])
    .breaks(&["etcd→etcd"]),
];

#[test]
fn case_03_etcd_is_dialled_by_names_it_lacks() {
    play(CASE_03);
}

const CASE_04: &[Scenario] = &[
    broken("etcd's server is no client", || with_pods().twist("etcd/server", |_| without_client("cp-1")))
        .finds(&[("etcd-usage", "etcd/server.crt")])
        .may_break(&["etcd→etcd", "kube-apiserver→etcd"]),
    broken("etcd's peer is no client", || three().twist("cp-1:etcd/peer", |_| without_client("cp-1")))
        .finds(&[("etcd-usage", "etcd/peer.crt")])
        .breaks(&["etcd→etcd"]),
];

#[test]
fn case_04_etcd_without_client_usage() {
    play(CASE_04);
}

const CASE_05: &[Scenario] = &[warned("no extended key usage: kubeadm cannot renew it", || {
    with_pods().twist("front-proxy-client", |_| pki().leaf("front-proxy-client"))
})
.exits(&[1, 2])
.finds(&[("usage-missing", "front-proxy-client.crt")])
.works(ALL)];

#[test]
fn case_05_no_extended_usage_to_renew_by() {
    play(CASE_05);
}

const CASE_06: &[Scenario] = &[healthy("external CA", || kubeadm().release("v1.28.15").edit(kubeadm::without_ca_key))
    .notes(&[("external-ca", "ca.crt")])
    .works(ALL)];

#[test]
fn case_06_external_ca() {
    play(CASE_06);
}

const CASE_07: &[Scenario] = &[warned("ca.crt is a bundle", || {
    with_pods().edit(|site| {
        let other = pki().ca("kubernetes").dns("kubernetes").self_signed().unwrap();
        site.first().rewrite("/etc/kubernetes/pki/ca.crt", |ca| ca.to_owned() + &other.pem());
    })
})
.finds(&[("several-certificates", "pki/ca.crt")])
.works(ALL)];

#[test]
fn case_07_ca_file_is_a_bundle() {
    play(CASE_07);
}

const CASE_08: &[Scenario] = &[
    warned("the CA ends in 20 days", || with_pods().twist("ca", |ca| days(ca, 20)))
        .finds(&[("ca-expiring", "pki/ca.crt")])
        .also(&["outlives-issuer"])
        .works(ALL)
        .ends(&[("admin→kube-apiserver", "2026-12-11T20:00:00Z"), ("kube-apiserver→kubelet", "2026-12-11T20:00:00Z")]),
    broken("etcd's CA ends in 5 days", || with_pods().twist("etcd/ca", |ca| days(ca, 5)))
        .finds(&[("ca-expiring", "etcd/ca.crt")])
        .also(&["outlives-issuer"])
        .works(ALL)
        .ends(&[("kube-apiserver→etcd", "2026-11-26T20:00:00Z")]),
];

#[test]
fn case_08_ca_ends_and_nobody_renews_it() {
    play(CASE_08);
}

const CASE_09: &[Scenario] = &[
    broken("the kubeconfigs still hold the old CA", || {
        let all = ["admin.conf", "controller-manager.conf", "scheduler.conf", "kubelet.conf"];
        all.into_iter().fold(with_pods(), |cluster, file| cluster.trusting(file, "old-ca"))
    })
    .finds(&[("ca-does-not-sign-server", "admin.conf"), ("ca-does-not-sign-server", "kubelet.conf")])
    .also(&["ca-does-not-sign-server"])
    .breaks(TO_APISERVER),
    broken("pods and joining nodes still hold the old CA", || {
        with_pods().edit(|site| {
            let old = pki().ca("kubernetes").dns("kubernetes").self_signed().unwrap();
            site.add([objects::root_ca("web", &old.pem()), objects::service_account_token("web/default-token-1", &old.pem())]);
            site.add(objects::cluster_info(&old, false));
        })
    })
    .finds(&[("root-ca-configmap-stale", "web"), ("cluster-info-ca-stale", "cluster-info")])
    .may_break(&["~workload", "~pod", "~join", "~bootstrap", "~cluster-info", "~service"])
    .works(&["admin→kube-apiserver", "kube-apiserver→etcd"]),
];

#[test]
fn case_09_ca_replaced_and_copies_are_old() {
    play(CASE_09);
}

const CASE_10: &[Scenario] =
    &[broken("sa.key differs", || three().own("cp-2:sa")).finds(&[("service-account-key-mismatch", "cp-2")]).works(ALL)];

#[test]
fn case_10_service_account_key_differs_between_masters() {
    play(CASE_10);
}

fn without_client(node: &str) -> Recipe {
    let recipe = pki().leaf(node).server().dns("localhost").dns(node);
    recipe.ip([10, 0, 0, 11]).ip([127, 0, 0, 1]).ip(std::net::Ipv6Addr::LOCALHOST)
}
