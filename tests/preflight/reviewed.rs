//! What was taken for a fault once and is none, and what was overlooked: found in reviews.

use super::cluster::{Cluster, pki};
use super::harness::{Scenario, broken, healthy, play};
use super::healthy::ALL;
use super::istio::{ca_secret, cacerts, plugged_intermediate, plugged_root, root_map, self_signed};
use super::kubeadm::with_pods;
use super::objects::{binding, webhook};
use super::site::Site;
use kcert::mint::Recipe;

const MANIFEST: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
const APISERVER: &str = "/etc/kubernetes/pki/apiserver.crt";
const CA: &str = "/etc/kubernetes/pki/ca.crt";

/// The API server has a certificate of its own for a public name, and the administrator dials that.
fn public_name(site: &mut Site) {
    let ca = site.made("ca").clone();
    let public = pki().leaf("api").server().dns("api.corp.example").issued_by(&ca).unwrap();
    let host = site.first();
    host.pair("/etc/kubernetes/pki/public", &public);
    host.rewrite(MANIFEST, |text| {
        let flag = "- --tls-private-key-file=";
        let sni = "- --tls-sni-cert-key=/etc/kubernetes/pki/public.crt,/etc/kubernetes/pki/public.key\n    ";
        text.replacen(flag, &format!("{sni}{flag}"), 1)
    });
    host.replace("/etc/kubernetes/admin.conf", "https://10.0.0.11:6443", "https://api.corp.example:6443");
}

const SOUND: &[Scenario] = &[
    healthy("a certificate for a public name", || with_pods().edit(public_name)).works(ALL),
    healthy("the binding of some chart, and no others", || {
        with_pods().edit(|site| site.add([binding("jane", "view", "User", "jane")]))
    })
    .works(ALL),
    healthy("a CA of istiod's own making, over, beside the one that was plugged in", || {
        Cluster::objects_only().edit(|site| {
            let old = self_signed().expired().self_signed().unwrap();
            let root = plugged_root().self_signed().unwrap();
            let ca = plugged_intermediate().issued_by(&root).unwrap();
            let roots = root.pem();
            site.add([ca_secret(&old, ""), cacerts(&ca, &[&ca, &root], &roots), root_map("web", &roots)]);
        })
    }),
];

const FAULTS: &[Scenario] = &[
    broken("pods dial an address that the API server's certificate lacks", || {
        with_pods().twist("apiserver", |_| {
            pki().leaf("kube-apiserver").server().dns("kubernetes").dns("kubernetes.default.svc").ip([10, 0, 0, 11])
        })
    })
    .finds(&[("name-mismatch", "pki/apiserver.crt")])
    .breaks(&["workload→kube-apiserver"])
    .works(ALL),
    broken("the CA was made anew, and nothing else", || {
        with_pods().edit(|site| {
            let anew = pki().ca("kubernetes").self_signed().unwrap();
            site.first().pair("/etc/kubernetes/pki/ca", &anew);
        })
    })
    .finds(&[("untrusted", "pki/ca.crt")])
    .may_break(&[""]),
    broken("the CA stands before the certificate", || {
        with_pods().edit(|site| {
            let ca = site.made("ca").pem();
            site.first().rewrite(APISERVER, |leaf| ca + leaf);
        })
    })
    .finds(&[("bundle-order", "pki/apiserver.crt")])
    .may_break(&["~→kube-apiserver"]),
    broken("the CA's file is empty", || {
        with_pods().edit(|site| {
            site.first().rewrite(CA, |_| String::new());
        })
    })
    .finds(&[("empty-bundle", "pki/ca.crt")]),
    broken("a bundle of nothing but a line break", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            site.add([webhook("ValidatingWebhookConfiguration", "hook", "web/hook", Some("\n")), root_map("web", &root.pem())]);
        })
    })
    .finds(&[("cabundle-empty", "hook")])
    .may_break(&[""]),
    broken("a plugged-in CA without its root", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            let ca = plugged_intermediate().issued_by(&root).unwrap();
            site.add([cacerts(&ca, &[&ca, &root], ""), root_map("web", &root.pem())]);
        })
    })
    .finds(&[("istio-ca-bundle-invalid", "istio-system/cacerts")])
    .may_break(&[""]),
    broken("the scheduler's is over, and a public name is there too", || {
        with_pods().edit(public_name).twist("scheduler.conf", Recipe::expired)
    })
    .finds(&[("expired", "scheduler.conf")])
    .breaks(&["kube-scheduler→kube-apiserver"])
    .works(&["admin→kube-apiserver", "kube-controller-manager→kube-apiserver"]),
];

#[test]
fn what_is_no_fault() {
    play(SOUND);
}

#[test]
fn what_is_one() {
    play(FAULTS);
}
