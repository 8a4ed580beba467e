//! Istio: its CAs, bundles and workloads.

use super::cluster::{Cluster, days, pki};
use super::files::base64;
use super::harness::{Scenario, broken, healthy, play, warned};
use super::istio::{
    self, ca_secret, cacerts, cacerts_with, citadel_workload, injector, istiod, keep, mesh, plugged_intermediate, plugged_mesh,
    plugged_root, root_map, self_signed, workload, workload_secret,
};
use super::objects::{bundle, config_map, secret};
use super::site::Site;
use kcert::mint::{Identity, Recipe};
use kcert::model::ExtendedKeyUsage;
use serde_json::json;
use time::Duration;

/// A mesh whose root, chain and workload come out as the steps say.
fn remade(site: &mut Site, root: Recipe, workload: Recipe) -> (Identity, Identity) {
    let root = keep(site, "istio-root", root.self_signed().unwrap());
    let shop = workload.issued_by(&root).unwrap();
    site.add([ca_secret(&root, ""), root_map("web", &root.pem()), workload_secret("web/shop", &shop, &[], &root.pem())]);
    (root, shop)
}

/// The mesh's configuration.
fn mesh_config(text: &str) -> serde_json::Value {
    config_map("istio-system/istio", &[("mesh", text)])
}

/// A sidecar's secrets, as `istioctl proxy-config secret -o json` shows them.
fn dump(leaf: &Identity, root: &Identity) -> String {
    let certificate = json!({
        "certificateChain": { "inlineBytes": base64(&leaf.pem()) },
        "privateKey": { "inlineBytes": base64("[redacted]") },
    });
    let context = json!({ "trustedCa": { "inlineBytes": base64(&root.pem()) } });
    let secrets = json!([
        { "name": "default", "lastUpdated": "2026-11-21T10:00:00Z", "secret": { "name": "default", "tlsCertificate": certificate } },
        { "name": "ROOTCA", "lastUpdated": "2026-11-21T10:00:00Z", "secret": { "name": "ROOTCA", "validationContext": context } },
    ]);
    json!({ "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump", "dynamicActiveSecrets": secrets }).to_string()
}

const HEALTHY: &[Scenario] = &[
    healthy("a self-signed root", mesh),
    healthy("a self-signed root since 1.20, where root-cert.pem is filled", || {
        Cluster::objects_only().edit(|site| {
            let root = self_signed().self_signed().unwrap();
            site.add([ca_secret(&root, &root.pem()), root_map("web", &root.pem()), injector(&bundle(&[&root]))]);
        })
    }),
    healthy("a plugged-in CA", plugged_mesh),
    healthy("a plugged-in CA by cert-manager", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            let ca = plugged_intermediate().issued_by(&root).unwrap();
            let (chain, key, root) = (ca.pem(), ca.key_pem(), root.pem());
            let data = [("ca.crt", &*root), ("tls.crt", &*chain), ("tls.key", key.as_str())];
            site.add([secret("istio-system/cacerts", "kubernetes.io/tls", &data), root_map("web", &root)]);
        })
    }),
    healthy("a plugged-in CA in istiod's pod", istiod),
    healthy("a sidecar's files", || Cluster::of(istio::SIDECAR)),
    healthy("a sidecar's dump", || {
        Cluster::objects_only().edit(|site| {
            let root = self_signed().self_signed().unwrap();
            let leaf = workload("web/shop").issued_by(&root).unwrap();
            site.source("proxy.json", dump(&leaf, &root));
        })
    }),
    healthy("between two roots: everybody trusts both", || {
        Cluster::objects_only().edit(|site| {
            let (old, new) = (plugged_root().self_signed().unwrap(), plugged_root().self_signed().unwrap());
            let ca = plugged_intermediate().issued_by(&new).unwrap();
            let both = old.pem() + &new.pem();
            let shop = citadel_workload("web/shop").issued_by(&old).unwrap();
            let cart = citadel_workload("web/cart").issued_by(&ca).unwrap();
            site.add([
                cacerts(&ca, &[&ca, &new], &both),
                root_map("web", &both),
                workload_secret("web/shop", &shop, &[], &both),
                workload_secret("web/cart", &cart, &[&ca], &both),
            ]);
        })
    }),
    healthy("an old root, over, beside its successor of the same key", || {
        Cluster::objects_only().edit(|site| {
            let new = self_signed().self_signed().unwrap();
            let old = new.recipe().expired().self_signed().unwrap();
            let shop = citadel_workload("web/shop").issued_by(&new).unwrap();
            let both = new.pem() + &old.pem();
            site.add([ca_secret(&new, ""), root_map("web", &both), workload_secret("web/shop", &shop, &[], &both)]);
        })
    }),
    healthy("another trust domain, by the mesh's configuration", || {
        Cluster::objects_only().edit(|site| {
            let other = citadel_workload("web/shop");
            remade(site, self_signed(), other);
            site.add([mesh_config("trustDomain: example.org\ntrustDomainAliases:\n- cluster.local\n")]);
        })
    }),
    healthy("Istio beside a control plane", || {
        super::kubeadm::with_pods().edit(|site| {
            remade(site, self_signed(), workload("web/shop"));
        })
    })
    .works(super::healthy::ALL),
];

const BUNDLES: &[Scenario] = &[
    broken("root-cert.pem is another root", || {
        plugged_mesh().edit(|site| {
            let other = plugged_root().self_signed().unwrap();
            let (ca, root) = (site.made("istio-ca").clone(), site.made("istio-root").clone());
            site.objects[0] = cacerts(&ca, &[&ca, &root], &other.pem());
        })
    })
    .finds(&[("istio-ca-bundle-invalid", "istio-system/cacerts")])
    .also(&["istio-root-stale"])
    .may_break(&[""]),
    broken("the chain lacks an intermediate", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            let middle = pki().ca("Middle CA").organization("Istio").issued_by(&root).unwrap();
            let ca = plugged_intermediate().issued_by(&middle).unwrap();
            site.add([cacerts(&ca, &[&ca], &root.pem()), root_map("web", &root.pem())]);
        })
    })
    .finds(&[("istio-ca-bundle-invalid", "istio-system/cacerts")])
    .may_break(&[""]),
    broken("the key is another one", || {
        plugged_mesh().edit(|site| {
            let (ca, root) = (site.made("istio-ca").clone(), site.made("istio-root").clone());
            let other = pki().leaf("x").self_signed().unwrap();
            site.objects[0] = cacerts_with(&ca, other.key_pem().as_str(), &[&ca, &root], &root.pem());
        })
    })
    .finds(&[("istio-ca-bundle-invalid|key-mismatch", "istio-system/cacerts")])
    .also(&["istio-ca-bundle-invalid", "key-mismatch"])
    .may_break(&[""]),
    broken("the CA is for clients only", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            let ca = plugged_intermediate().purpose(ExtendedKeyUsage::ClientAuth).issued_by(&root).unwrap();
            site.add([cacerts(&ca, &[&ca, &root], &root.pem()), root_map("web", &root.pem())]);
        })
    })
    .finds(&[("istio-ca-bundle-invalid", "istio-system/cacerts")])
    .also(&["usage-wrong"])
    .may_break(&[""]),
    broken("the CA is none", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            let ca = pki().leaf("Intermediate CA").organization("Istio").issued_by(&root).unwrap();
            site.add([cacerts(&ca, &[&ca, &root], &root.pem()), root_map("web", &root.pem())]);
        })
    })
    .finds(&[("istio-ca-bundle-invalid|not-a-ca", "istio-system/cacerts")])
    .also(&["not-a-ca", "istio-ca-bundle-invalid"])
    .may_break(&[""]),
    broken("the CA begins tomorrow", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            let ca = plugged_intermediate().not_yet_valid().issued_by(&root).unwrap();
            site.add([cacerts(&ca, &[&ca, &root], &root.pem()), root_map("web", &root.pem())]);
        })
    })
    .finds(&[("not-yet-valid|istio-ca-bundle-invalid", "istio-system/cacerts")])
    .also(&["istio-ca-bundle-invalid", "not-yet-valid", "outlives-issuer"])
    .may_break(&[""]),
    broken("an intermediate of two years is over", || {
        Cluster::objects_only().edit(|site| {
            let root = plugged_root().self_signed().unwrap();
            let ca = plugged_intermediate().expired().issued_by(&root).unwrap();
            site.add([cacerts(&ca, &[&ca, &root], &root.pem()), root_map("web", &root.pem())]);
        })
    })
    .finds(&[("expired|istio-ca-bundle-invalid", "istio-system/cacerts")])
    .also(&["istio-ca-bundle-invalid", "expired"])
    .may_break(&[""]),
    broken("istiod's files: another root", || {
        istiod().edit(|site| {
            let other = plugged_root().self_signed().unwrap();
            site.first().open("/etc/cacerts/root-cert.pem", other.pem());
        })
    })
    .finds(&[("istio-ca-bundle-invalid", "/etc/cacerts/")])
    .also(&["istio-root-stale"])
    .may_break(&[""]),
];

const TRUST: &[Scenario] = &[
    healthy("rotated with the same key: root-cert.pem stayed behind", || {
        Cluster::objects_only().edit(|site| {
            let new = self_signed().self_signed().unwrap();
            let old = days(new.recipe(), 300).self_signed().unwrap();
            site.add([ca_secret(&new, &old.pem()), root_map("web", &new.pem())]);
        })
    })
    .exits(&[1, 2])
    .finds(&[("istio-root-stale", "istio-ca-secret")])
    .may_break(&[""]),
    broken("a namespace trusts another root", || {
        mesh().edit(|site| {
            let other = self_signed().self_signed().unwrap();
            site.add([root_map("legacy", &other.pem())]);
        })
    })
    .exits(&[1, 2])
    .finds(&[("istio-root-stale|untrusted", "legacy/istio-ca-root-cert")])
    .may_break(&[""]),
    broken("a workload is by another root than it trusts", || {
        mesh().edit(|site| {
            let root = site.made("istio-root").clone();
            let other = self_signed().self_signed().unwrap();
            let cart = citadel_workload("web/cart").issued_by(&other).unwrap();
            site.add([workload_secret("web/cart", &cart, &[], &root.pem())]);
        })
    })
    .finds(&[("untrusted", "web/istio.cart")])
    .may_break(&[""]),
    broken("the injector's bundle is another root", || {
        mesh().edit(|site| {
            let other = self_signed().self_signed().unwrap();
            site.objects.pop();
            site.add([injector(&bundle(&[&other]))]);
        })
    })
    .finds(&[("cabundle-stale", "istio-sidecar-injector")])
    .may_break(&[""]),
    healthy("a workload of another trust domain", || mesh().edit(|site| site.add([mesh_config("trustDomain: example.org\n")])))
        .exits(&[1, 2])
        .finds(&[("istio-trust-domain", "web/istio.shop")])
        .may_break(&[""]),
];

const DATES: &[Scenario] = &[
    broken("a root of a year is over: one headline", || {
        Cluster::objects_only().edit(|site| {
            remade(site, self_signed().expired(), citadel_workload("web/shop"));
        })
    })
    .finds(&[("expired", "istio-system/istio-ca-secret")])
    .also(&["istio-ca-bundle-invalid"])
    .may_break(&[""]),
    warned("a root of a year ends in 20 days", || {
        Cluster::objects_only().edit(|site| {
            remade(site, days(self_signed(), 20), citadel_workload("web/shop"));
        })
    })
    .finds(&[("ca-expiring", "istio-system/istio-ca-secret")])
    .also(&["istio-leaf-outlives-ca"]),
    warned("a workload outlives its CA", || {
        Cluster::objects_only().edit(|site| {
            remade(site, days(self_signed(), 45), citadel_workload("web/shop"));
        })
    })
    .finds(&[("istio-leaf-outlives-ca", "web/istio.shop")]),
    broken("a workload is over", || {
        Cluster::objects_only().edit(|site| {
            remade(site, self_signed(), citadel_workload("web/shop").expired());
        })
    })
    .finds(&[("expired", "web/istio.shop")])
    .may_break(&[""]),
    broken("a sidecar was not renewed: an hour is left of a day", || {
        Cluster::objects_only().edit(|site| {
            let root = self_signed().self_signed().unwrap();
            let now = pki().now();
            let leaf = workload("web/shop").valid(now - Duration::hours(23), now + Duration::hours(1)).issued_by(&root).unwrap();
            site.source("proxy.json", dump(&leaf, &root));
        })
    })
    .finds(&[("expiring", "proxy.json")]),
    broken("a sidecar's files are over", || Cluster::of(istio::SIDECAR).twist("workload", Recipe::expired))
        .finds(&[("expired", "cert-chain.pem")])
        .may_break(&[""]),
];

#[test]
fn healthy_meshes() {
    play(HEALTHY);
}

#[test]
fn citadels_own_check() {
    play(BUNDLES);
}

#[test]
fn roots_and_domains() {
    play(TRUST);
}

#[test]
fn dates_of_meshes() {
    play(DATES);
}
