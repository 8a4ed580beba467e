//! Dumps of API objects, beside a control plane or alone.

use super::broken::TO_EXTENSIONS;
use super::cluster::{Cluster, days, pki};
use super::harness::{Scenario, broken, healthy, play, untold, warned};
use super::healthy::ALL;
use super::kubeadm::with_pods;
use super::objects::{
    api_service, bundle, cluster_info, config_map, converted, extension_authentication, kubeadm_bindings, local_api_service,
    root_ca, secret, service_account_token, signing_request, tls_secret, webhook,
};
use super::site::Site;
use kcert::mint::{Identity, Recipe};
use time::Duration;

/// What a cluster by kubeadm publishes of its own PKI, all of it as it should be.
fn published(site: &mut Site) {
    let (ca, proxy) = (site.made("ca").clone(), site.made("front-proxy-ca").clone());
    for namespace in ["default", "kube-public", "kube-system", "web"] {
        site.add([root_ca(namespace, &ca.pem()), service_account_token(&format!("{namespace}/default-token-abcde"), &ca.pem())]);
    }
    site.add([extension_authentication(&ca, &proxy)]);
    site.add(cluster_info(&ca, false));
    site.add(kubeadm_bindings());
}

/// An application's CA, and a server's certificate by it.
fn serving(name: &str, twist: impl FnOnce(Recipe) -> Recipe) -> (Identity, Identity) {
    let ca = pki().ca(&format!("{name}-ca")).self_signed().unwrap();
    let leaf = twist(pki().leaf("").server().dns(name)).issued_by(&ca).unwrap();
    (ca, leaf)
}

/// cert-manager's webhook: the Secret holds its CA, and the serving certificate is in memory only.
fn cert_manager(site: &mut Site) {
    let ca = pki().ca("cert-manager-webhook-ca").self_signed().unwrap();
    let (certificate, key) = (ca.pem(), ca.key_pem());
    let data = [("ca.crt", &*certificate), ("tls.crt", &*certificate), ("tls.key", key.as_str())];
    let trusted = bundle(&[&ca]);
    site.add([
        secret("cert-manager/cert-manager-webhook-ca", "Opaque", &data),
        webhook("ValidatingWebhookConfiguration", "cert-manager-webhook", "cert-manager/cert-manager-webhook", Some(&trusted)),
        webhook("MutatingWebhookConfiguration", "cert-manager-webhook", "cert-manager/cert-manager-webhook", Some(&trusted)),
    ]);
}

/// A webhook, an extension server and a conversion, each with its Secret, and bundles that trust what `choose` picks of the CA that
/// signed and another of the same name.
fn services(site: &mut Site, choose: impl Fn(&Identity, &Identity) -> String) {
    for (name, kind) in [("hook", "webhook"), ("metrics", "server"), ("widgets", "conversion")] {
        let (ca, leaf) = serving(&format!("{name}.web.svc"), |leaf| leaf);
        let other = pki().ca(&format!("{name}.web.svc-ca")).self_signed().unwrap();
        let (trusted, place) = (choose(&ca, &other), format!("web/{name}"));
        site.add([tls_secret(&format!("web/{name}-tls"), &leaf, &ca)]);
        site.add([match kind {
            "webhook" => webhook("ValidatingWebhookConfiguration", "hook", &place, Some(&trusted)),
            "server" => api_service("v1beta1.metrics.example.com", &place, Some(&trusted)),
            _ => converted(&place, &trusted),
        }]);
    }
}

/// An application's Secret alone.
fn application(twist: impl FnOnce(Recipe) -> Recipe) -> Cluster {
    let (ca, leaf) = serving("shop.example.org", twist);
    let object = tls_secret("web/shop-tls", &leaf, &ca);
    Cluster::objects_only().edit(move |site| site.add([object.clone()]))
}

const HEALTHY: &[Scenario] = &[
    healthy("what kubeadm publishes", || with_pods().edit(published)).works(ALL),
    healthy("what kubeadm publishes, three masters", || super::kubeadm::three().edit(published)).works(ALL),
    healthy("cert-manager's webhook", || with_pods().edit(cert_manager)).works(ALL),
    healthy("cert-manager's webhook, objects alone", || Cluster::objects_only().edit(cert_manager)),
    healthy("services", || with_pods().edit(published).edit(|site| services(site, |ca, _| bundle(&[ca])))).works(ALL),
    healthy("services, bundles of an old and a new CA", || {
        with_pods().edit(|site| services(site, |ca, other| bundle(&[other, ca])))
    })
    .works(ALL),
    healthy("services, objects alone", || Cluster::objects_only().edit(|site| services(site, |ca, _| bundle(&[ca])))),
    healthy("APIServices: local ones, and one that is not verified", || {
        with_pods().edit(|site| {
            site.add([
                local_api_service("v1.apps"),
                local_api_service("v1.batch"),
                api_service("v1beta1.metrics.k8s.io", "kube-system/metrics-server", None),
            ]);
        })
    })
    .works(ALL),
    healthy("a webhook at a URL is verified by the system's roots", || {
        with_pods().edit(|site| {
            let mut hook = webhook("ValidatingWebhookConfiguration", "hook", "web/hook", None);
            hook["webhooks"][0]["clientConfig"] = serde_json::json!({ "url": "https://hook.example.org/validate" });
            site.add([hook]);
        })
    })
    .works(ALL),
    healthy("signing requests that were answered", || {
        with_pods().edit(|site| {
            let (ca, jane) = (site.made("ca").clone(), pki().leaf("jane").organization("devs").client());
            let request = jane.clone().request().unwrap();
            let (issued, over) = (jane.clone().issued_by(&ca).unwrap(), jane.expired().issued_by(&ca).unwrap());
            let signer = "kubernetes.io/kube-apiserver-client";
            site.add([
                signing_request("jane", signer, &request, Some("Approved"), Some(&issued)),
                signing_request("jane-last-year", signer, &request, Some("Approved"), Some(&over)),
                signing_request("eve", signer, &request, Some("Denied"), None),
            ]);
        })
    })
    .works(ALL),
    healthy("Secrets without certificates", || {
        with_pods().edit(|site| {
            site.add([
                secret("kube-system/kubeadm-certs", "Opaque", &[("ca.crt", "\u{1}\u{7f}\u{3}"), ("ca.key", "\u{4}\u{5}")]),
                secret("web/sh.helm.release.v1.shop.v1", "helm.sh/release.v1", &[("release", "H4sIAAAAAAAA/+x9")]),
                secret("web/password", "Opaque", &[("username", "admin"), ("password", "secret")]),
                config_map("kube-system/coredns", &[("Corefile", ".:53 { errors }")]),
            ]);
        })
    })
    .works(ALL),
    healthy("a bundle of many roots, one of them over", || {
        Cluster::objects_only().edit(|site| {
            let (ca, leaf) = serving("shop.example.org", |leaf| leaf);
            let over = pki().ca("shop.example.org-ca").expired().self_signed().unwrap();
            let others = ["Root A", "Root B"].map(|name| pki().ca(name).self_signed().unwrap().pem()).concat();
            site.add([tls_secret("web/shop-tls", &leaf, &ca)]);
            site.add([config_map("web/trusted-ca-bundle", &[("ca-bundle.crt", &(ca.pem() + &over.pem() + &others))])]);
        })
    }),
    healthy("a shop", || application(|leaf| leaf)),
    healthy("a shop with a certificate of a day", || {
        application(|leaf| leaf.valid(pki().now() - Duration::hours(10), pki().now() + Duration::hours(14)))
    }),
];

const PUBLISHED: &[Scenario] = &[
    healthy("cluster-info was changed after it was signed", || {
        with_pods().edit(|site| {
            let ca = site.made("ca").clone();
            site.add(cluster_info(&ca, true));
        })
    })
    .exits(&[1, 2])
    .finds(&[("cluster-info-signature", "cluster-info")])
    .may_break(&["~join", "~bootstrap", "~cluster-info", "~node"])
    .works(ALL),
    broken("cluster-info holds the CA before this one", || {
        with_pods().edit(|site| {
            let old = pki().ca("kubernetes").dns("kubernetes").self_signed().unwrap();
            site.add(cluster_info(&old, false));
        })
    })
    .exits(&[1, 2])
    .finds(&[("cluster-info-ca-stale", "cluster-info")])
    .may_break(&["~join", "~bootstrap", "~cluster-info", "~node"])
    .works(ALL),
    broken("one namespace has the CA before this one", || {
        with_pods().edit(published).edit(|site| {
            let old = pki().ca("kubernetes").dns("kubernetes").self_signed().unwrap();
            site.add([root_ca("legacy", &old.pem())]);
        })
    })
    .exits(&[1, 2])
    .finds(&[("root-ca-configmap-stale", "legacy/kube-root-ca.crt")])
    .may_break(&["~workload", "~pod", "~service"])
    .works(ALL),
    broken("a service account's token has the CA before this one", || {
        with_pods().edit(published).edit(|site| {
            let old = pki().ca("kubernetes").dns("kubernetes").self_signed().unwrap();
            site.add([service_account_token("legacy/builder-token-xyz", &old.pem())]);
        })
    })
    .exits(&[1, 2])
    .finds(&[("root-ca-configmap-stale", "legacy/builder-token-xyz")])
    .may_break(&["~workload", "~pod", "~service"])
    .works(ALL),
    broken("extension servers know another front-proxy CA", || {
        with_pods().edit(|site| {
            let (ca, other) = (site.made("ca").clone(), pki().ca("front-proxy-ca").self_signed().unwrap());
            site.add([extension_authentication(&ca, &other)]);
        })
    })
    .finds(&[("front-proxy-untrusted", "")])
    .may_break(TO_EXTENSIONS)
    .works(ALL),
    broken("extension servers allow other names", || {
        with_pods().edit(|site| {
            let mut object = extension_authentication(&site.made("ca").clone(), &site.made("front-proxy-ca").clone());
            object["data"]["requestheader-allowed-names"] = "[\"aggregator\"]".into();
            site.add([object]);
        })
    })
    .exits(&[1, 2])
    .finds(&[("front-proxy-untrusted", "")])
    .may_break(TO_EXTENSIONS)
    .works(ALL),
];

const SERVICES: &[Scenario] = &[
    broken("every bundle is another CA", || with_pods().edit(|site| services(site, |_, other| bundle(&[other]))))
        .finds(&[("cabundle-stale", "hook"), ("cabundle-stale", "metrics"), ("cabundle-stale", "widgets")])
        .breaks(&["~hook", "~metrics", "~widgets"])
        .works(ALL),
    broken("every bundle is another CA, objects alone", || {
        Cluster::objects_only().edit(|site| services(site, |_, other| bundle(&[other])))
    })
    .finds(&[("cabundle-stale", "hook"), ("cabundle-stale", "metrics"), ("cabundle-stale", "widgets")])
    .breaks(&["~hook", "~metrics", "~widgets"]),
    healthy("a service without a bundle", || {
        with_pods().edit(|site| site.add([webhook("MutatingWebhookConfiguration", "hook", "web/hook", None)]))
    })
    .exits(&[1, 2])
    .finds(&[("cabundle-empty", "hook")])
    .may_break(&["~hook"])
    .works(ALL),
    broken("a bundle that is over", || {
        with_pods().edit(|site| {
            let over = pki().ca("hook-ca").expired().self_signed().unwrap();
            site.add([webhook("ValidatingWebhookConfiguration", "hook", "web/hook", Some(&bundle(&[&over])))]);
        })
    })
    .finds(&[("expired|cabundle-stale", "hook")])
    .may_break(&["~hook"])
    .works(ALL),
    warned("cert-manager's CA ends in 20 days", || {
        with_pods().edit(|site| {
            let ca = days(pki().ca("cert-manager-webhook-ca"), 20).self_signed().unwrap();
            let trusted = bundle(&[&ca]);
            site.add([webhook("ValidatingWebhookConfiguration", "cm", "cert-manager/cert-manager-webhook", Some(&trusted))]);
        })
    })
    .finds(&[("ca-expiring", "cm")])
    .works(ALL),
    untold("a bundle that is not base64", || {
        with_pods().edit(|site| site.add([webhook("ValidatingWebhookConfiguration", "hook", "web/hook", Some("%%%"))]))
    })
    .finds(&[("malformed", "hook")])
    .also(&["empty-bundle", "cabundle-empty"])
    .may_break(&["~hook"])
    .works(ALL),
];

const APPLICATIONS: &[Scenario] = &[
    broken("a shop that is over", || application(Recipe::expired)).finds(&[("expired", "web/shop-tls")]),
    warned("a shop that ends in 20 days", || application(|leaf| days(leaf, 20))).finds(&[("expiring", "web/shop-tls")]),
    broken("a shop with a certificate of a day, two hours left", || {
        application(|leaf| leaf.valid(pki().now() - Duration::hours(22), pki().now() + Duration::hours(2)))
    })
    .finds(&[("expiring", "web/shop-tls")]),
    broken("a shop with another key", || {
        Cluster::objects_only().edit(|site| {
            let (ca, leaf) = serving("shop.example.org", |leaf| leaf);
            let other = pki().leaf("x").self_signed().unwrap();
            let mut object = tls_secret("web/shop-tls", &leaf, &ca);
            object["data"]["tls.key"] = super::files::base64(other.key_pem().as_str()).into();
            site.add([object]);
        })
    })
    .finds(&[("key-mismatch", "web/shop-tls")]),
];

#[test]
fn healthy_objects() {
    play(HEALTHY);
}

#[test]
fn what_the_cluster_publishes() {
    play(PUBLISHED);
}

#[test]
fn webhooks_and_extension_servers() {
    play(SERVICES);
}

#[test]
fn applications() {
    play(APPLICATIONS);
}
