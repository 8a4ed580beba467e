//! The other ten of the twenty cases of kubernetes-pki.md section 8.

use super::broken::TO_EXTENSIONS;
use super::cluster::{AT, Era, days, pki};
use super::files::{Authority, Credential, kubeconfig};
use super::harness::{Scenario, broken, healthy, play, text, warned};
use super::healthy::ALL;
use super::kubeadm::{self, kubeadm, three, with_pods};
use super::objects::{self, binding, bundle, kubeadm_bindings, signing_request, tls_secret, webhook};
use super::served::Served;
use super::site::Site;
use kcert::mint::Recipe;
use time::Duration;

const CASE_11: &[Scenario] = &[
    broken("a master has another front-proxy CA", || three().own("cp-3:front-proxy-ca"))
        .finds(&[("front-proxy-untrusted", "cp-3")])
        .may_break(TO_EXTENSIONS),
    broken("extension servers trust another front-proxy CA", || {
        with_pods().edit(|site| {
            let other = pki().ca("front-proxy-ca").dns("front-proxy-ca").self_signed().unwrap();
            site.add([objects::extension_authentication(&site.made("ca").clone(), &other)]);
        })
    })
    .finds(&[("front-proxy-untrusted", "front-proxy-client")])
    .may_break(TO_EXTENSIONS),
    healthy("one CA for clients and for the front proxy", || {
        with_pods().issued_by("front-proxy-client", "ca").edit(|site| {
            let ca = site.made("ca").clone();
            site.first().pair("/etc/kubernetes/pki/front-proxy-ca", &ca);
        })
    })
    .exits(&[1, 2])
    .finds(&[("front-proxy-ca-shared", "front-proxy-ca.crt")])
    .works(&["admin→kube-apiserver", "kube-apiserver→etcd"]),
];

#[test]
fn case_11_front_proxy() {
    play(CASE_11);
}

const CASE_12: &[Scenario] = &[
    broken("a webhook's bundle does not verify what is served", || {
        with_pods().edit(|site| hook(site, |leaf| leaf.dns("hook.web.svc"), true))
    })
    .finds(&[("cabundle-stale", "hook")])
    .breaks(&["~hook"]),
    broken("a webhook has its name in the CN only", || with_pods().edit(|site| hook(site, |leaf| leaf, false)))
        .finds(&[("cn-only", "hook")])
        .breaks(&["~hook"]),
    broken("a webhook's certificate is over", || {
        with_pods().edit(|site| hook(site, |leaf| leaf.dns("hook.web.svc").expired(), false))
    })
    .finds(&[("expired", "hook")])
    .breaks(&["~hook"]),
    broken("a webhook's certificate is for another service", || {
        with_pods().edit(|site| hook(site, |leaf| leaf.common_name("hook").dns("hooks.web.svc").dns("hook"), false))
    })
    .exits(&[0, 2])
    .also(&["name-mismatch"])
    .may_break(&["~hook"]),
    healthy("a webhook as it should be", || with_pods().edit(|site| hook(site, |leaf| leaf.dns("hook.web.svc"), false)))
        .works(ALL),
];

#[test]
fn case_12_webhooks() {
    play(CASE_12);
}

const CASE_13: &[Scenario] = &[
    broken("issued by a clock that is ahead", || {
        with_pods()
            .only_worker(kubeadm::WORKER)
            .twist("worker-1:kubelet-client", |leaf| leaf.valid(AT + Duration::minutes(40), AT + Duration::days(365)))
    })
    .finds(&[("not-yet-valid", "kubelet-client")])
    .breaks(&["kubelet→kube-apiserver"]),
    healthy("back-dated by five minutes", || {
        with_pods().twist("*leaf", |leaf| leaf.valid(AT - Duration::minutes(5), AT + Duration::days(365)))
    })
    .works(ALL),
];

#[test]
fn case_13_clocks() {
    play(CASE_13);
}

const CASE_14: &[Scenario] = &[
    warned("a copy of admin.conf from before the renewal", || with_pods().edit(|site| copy(site, 40)))
        .finds(&[("stale-copy", "sources/config")])
        .works(ALL),
    broken("the same, and it is over", || with_pods().edit(|site| copy(site, -3)))
        .finds(&[("stale-copy|expired", "sources/config")])
        .also(&["stale-copy", "expired"])
        .breaks(&["user kubernetes-admin@kubernetes→kube-apiserver"]),
];

#[test]
fn case_14_old_copies_of_admin_conf() {
    play(CASE_14);
}

const CASE_15: &[Scenario] = &[
    healthy("the API server is nobody to kubelets: no group, no binding", || {
        kubeadm().era(Era::Bare).release("v1.35.5").edit(|site| site.add(kubeadm_bindings()))
    })
    .exits(&[1, 2])
    .finds(&[("client-group", "apiserver-kubelet-client")])
    .may_break(&["kube-apiserver→kubelet"]),
    healthy("kubeadm:cluster-admins is bound to nothing", || {
        with_pods().edit(|site| {
            site.add([binding("cluster-admin", "cluster-admin", "Group", "system:masters")]);
        })
    })
    .exits(&[1, 2])
    .finds(&[("client-group", "admin.conf")])
    .also(&["client-group"])
    .may_break(&["admin→kube-apiserver", "kube-apiserver→kubelet"]),
];

#[test]
fn case_15_groups() {
    play(CASE_15);
}

const CASE_16: &[Scenario] = &[warned("a kubelet waits for its serving certificate", || {
    with_pods().edit(|site| {
        let request = pki().leaf("system:node:cp-1").organization("system:nodes").dns("cp-1").request().unwrap();
        site.add([signing_request("csr-1", "kubernetes.io/kubelet-serving", &request, None, None)]);
    })
})
.finds(&[("csr-pending", "csr-1")])
.works(&["admin→kube-apiserver", "kube-apiserver→etcd"])];

#[test]
fn case_16_serving_requests_wait() {
    play(CASE_16);
}

const CASE_17: &[Scenario] =
    &[broken("the kubelet's self-signed certificate is over", || with_pods().twist("kubelet", Recipe::expired))
        .exits(&[1, 2])
        .finds(&[("expired", "kubelet.crt")])
        .works(&["admin→kube-apiserver", "kubelet→kube-apiserver", "kube-apiserver→etcd"])];

#[test]
fn case_17_kubelet_certificate_is_over() {
    play(CASE_17);
}

const CASE_18: &[Scenario] = &[broken("a kubelet takes clients from the old CA", || {
    with_pods().worker(kubeadm::WORKER).edit(|site| {
        let old = pki().ca("kubernetes").dns("kubernetes").self_signed().unwrap();
        site.host("worker-1").open("/etc/kubernetes/pki/ca.crt", old.pem());
    })
})
.finds(&[("client-untrusted|untrusted|stale-copy", "")])
.also(&["client-untrusted", "untrusted", "ca-does-not-sign-server"])
.breaks(&["kube-apiserver→kubelet"])
.works(&["admin→kube-apiserver", "kube-apiserver→etcd"])];

#[test]
fn case_18_kubelet_keeps_the_old_client_ca() {
    play(CASE_18);
}

const CASE_20: &[Scenario] = &[
    broken("the second master was not renewed", || {
        ["cp-2:apiserver", "cp-2:apiserver-kubelet-client", "cp-2:front-proxy-client"]
            .into_iter()
            .fold(three(), |cluster, label| cluster.twist(label, Recipe::expired))
    })
    .finds(&[("expired", "cp-2")])
    .breaks(&["kube-controller-manager→kube-apiserver", "kube-apiserver→kubelet"])
    .may_break(TO_APISERVER_AND_ON)
    .works(&["kube-apiserver→etcd", "etcd→etcd"]),
    warned("the third master will be the first to end", || three().twist("cp-3:apiserver", |leaf| days(leaf, 20)))
        .finds(&[("expiring", "cp-3")])
        .works(ALL)
        .ends(&[("kube-controller-manager→kube-apiserver", "2026-12-11T20:00:00Z")]),
];

#[test]
fn case_20_a_master_was_not_renewed() {
    play(CASE_20);
}

#[test]
fn case_19_the_loopback_certificate_of_a_long_running_api_server() {
    let over = broken("", kubeadm).finds(&[("loopback-expired", "")]).may_break(LOOPBACK);
    Served { loopback: Recipe::expired, ..Served::sound() }.judge(&over);
    let soon = warned("", kubeadm).finds(&[("loopback-expiring", "")]).works(ALL);
    Served { loopback: |recipe| days(recipe, 20), ..Served::sound() }.judge(&soon);
}

#[test]
fn an_api_server_whose_loopback_was_not_asked_is_unknown_beside_one_that_was() {
    let cluster = three().twist("cp-2:apiserver", |leaf| leaf.ip([127, 0, 0, 1]));
    let report = Served::sound().report(&cluster, "cp-2:apiserver");
    let to_itself = report.handshakes().filter(|handshake| text(&handshake["id"]).starts_with("kube-apiserver→kube-apiserver"));
    assert_eq!(to_itself.map(|handshake| text(&handshake["verdict"])).collect::<Vec<_>>(), ["ok", "unknown", "unknown"]);
}

/// What an API server that is over takes with it.
const TO_APISERVER_AND_ON: &[&str] = &[
    "admin→",
    "kube-scheduler→",
    "kubelet→",
    "kube-proxy→",
    "~workload",
    "~pod",
    "~extension",
    "~aggregat",
    "~front-proxy",
    "~loopback",
];
/// The API server's way to itself.
const LOOPBACK: &[&str] = &["kube-apiserver→kube-apiserver", "~loopback"];

/// The webhook `hook` in namespace `web`, whose Secret `serving` makes and whose bundle trusts `trusted`.
fn hook(site: &mut Site, serving: impl FnOnce(Recipe) -> Recipe, is_stale: bool) {
    let (old, new) = (pki().ca("hook-ca").self_signed().unwrap(), pki().ca("hook-ca").self_signed().unwrap());
    let leaf = serving(pki().leaf("hook.web.svc").server()).issued_by(&new).unwrap();
    let trusted = bundle(&[if is_stale { &old } else { &new }]);
    site.add([
        tls_secret("web/hook-tls", &leaf, &new),
        webhook("ValidatingWebhookConfiguration", "hook", "web/hook", Some(&trusted)),
    ]);
}

/// A copy of admin.conf with an older certificate.
fn copy(site: &mut Site, left: i64) {
    let older = days(pki().leaf("kubernetes-admin").organization("kubeadm:cluster-admins").client(), left);
    let older = older.issued_by(site.made("ca")).unwrap();
    let authority = site.made("ca").pem();
    let credential = Credential::Embedded(&older);
    let text = kubeconfig("https://10.0.0.11:6443", &Authority::Embedded(&authority), "kubernetes-admin", &credential);
    site.source("config", text);
}
