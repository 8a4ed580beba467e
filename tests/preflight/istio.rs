//! Istio's CAs and workloads, as files in pods and as API objects (kubernetes-pki.md section 4).

use super::cluster::{Cluster, Layout, pki};
use super::objects::{config_map, secret, webhook};
use super::site::Site;
use kcert::mint::{Identity, Recipe};
use kcert::model::KeyUsage;
use serde_json::Value;
use time::Duration;

/// keyCertSign.
const SIGNS: KeyUsage = KeyUsage(1 << 5);

/// The self-signed root that istiod makes: organization only, keyCertSign only, ten years.
pub(crate) fn self_signed() -> Recipe {
    pki().ca("").organization("cluster.local").key_usage(SIGNS)
}

/// A plugged-in root, by the makefiles of istio/istio tools/certs.
pub(crate) fn plugged_root() -> Recipe {
    pki().ca("Root CA").organization("Istio").key_usage(SIGNS)
}

/// A plugged-in intermediate.
pub(crate) fn plugged_intermediate() -> Recipe {
    pki().ca("Intermediate CA").organization("Istio").path_len(0).key_usage(SIGNS).dns("istiod.istio-system.svc")
}

/// A workload of today: a day long, ten hours of it gone.
pub(crate) fn workload(account: &str) -> Recipe {
    let recipe = pki().leaf("").uri(&format!("spiffe://cluster.local/ns/{}", account.replace('/', "/sa/"))).server().client();
    recipe.valid(pki().now() - Duration::hours(10), pki().now() + Duration::hours(14))
}

/// A workload of Citadel's days: 90 days long.
pub(crate) fn citadel_workload(account: &str) -> Recipe {
    workload(account).valid(pki().now() - Duration::days(20), pki().now() + Duration::days(70))
}

/// `istio-ca-secret`; the root is empty until 1.19.
pub(crate) fn ca_secret(ca: &Identity, root: &str) -> Value {
    let key = ca.key_pem();
    let data = [
        ("ca-cert.pem", &*ca.pem()),
        ("ca-key.pem", key.as_str()),
        ("cert-chain.pem", ""),
        ("key.pem", ""),
        ("root-cert.pem", root),
    ];
    secret("istio-system/istio-ca-secret", "istio.io/ca-root", &data)
}

/// `cacerts` as the makefiles write it.
pub(crate) fn cacerts(ca: &Identity, chain: &[&Identity], root: &str) -> Value {
    cacerts_with(ca, ca.key_pem().as_str(), chain, root)
}

/// The same with another key.
pub(crate) fn cacerts_with(ca: &Identity, key: &str, chain: &[&Identity], root: &str) -> Value {
    let chain: String = chain.iter().map(|certificate| certificate.pem()).collect();
    let data = [("ca-cert.pem", &*ca.pem()), ("ca-key.pem", key), ("cert-chain.pem", &chain), ("root-cert.pem", root)];
    secret("istio-system/cacerts", "Opaque", &data)
}

/// `istio-ca-root-cert` of a namespace.
pub(crate) fn root_map(namespace: &str, root: &str) -> Value {
    config_map(&format!("{namespace}/istio-ca-root-cert"), &[("root-cert.pem", root)])
}

/// `istio.ACCOUNT`, as Citadel wrote it.
pub(crate) fn workload_secret(place: &str, leaf: &Identity, chain: &[&Identity], root: &str) -> Value {
    let (namespace, account) = place.split_once('/').unwrap();
    let certificates: String = [leaf].iter().chain(chain).map(|certificate| certificate.pem()).collect();
    let key = leaf.key_pem();
    let data = [("cert-chain.pem", &*certificates), ("key.pem", key.as_str()), ("root-cert.pem", root)];
    secret(&format!("{namespace}/istio.{account}"), "istio.io/key-and-cert", &data)
}

/// The sidecar injector's configuration, patched by istiod.
pub(crate) fn injector(ca_bundle: &str) -> Value {
    webhook("MutatingWebhookConfiguration", "istio-sidecar-injector", "istio-system/istiod", Some(ca_bundle))
}

/// A mesh with a self-signed root, as objects.
pub(crate) fn mesh() -> Cluster {
    Cluster::objects_only().edit(|site| {
        let root = keep(site, "istio-root", self_signed().self_signed().unwrap());
        let shop = keep(site, "shop", citadel_workload("web/shop").issued_by(&root).unwrap());
        site.add([
            ca_secret(&root, ""),
            root_map("istio-system", &root.pem()),
            root_map("web", &root.pem()),
            workload_secret("web/shop", &shop, &[], &root.pem()),
            injector(&super::objects::bundle(&[&root])),
        ]);
    })
}

/// A mesh below a plugged-in CA, as objects.
pub(crate) fn plugged_mesh() -> Cluster {
    Cluster::objects_only().edit(|site| {
        let root = keep(site, "istio-root", plugged_root().self_signed().unwrap());
        let ca = keep(site, "istio-ca", plugged_intermediate().issued_by(&root).unwrap());
        let shop = citadel_workload("web/shop").issued_by(&ca).unwrap();
        site.add([
            cacerts(&ca, &[&ca, &root], &root.pem()),
            root_map("web", &root.pem()),
            workload_secret("web/shop", &shop, &[&ca], &root.pem()),
        ]);
    })
}

/// Remembers what was minted.
pub(crate) fn keep(site: &mut Site, label: &str, identity: Identity) -> Identity {
    site.made.insert(label.to_owned(), identity.clone());
    identity
}

/// istiod's pod with a plugged-in CA: `/etc/cacerts`.
pub(crate) fn istiod() -> Cluster {
    Cluster::of(|maker, node| {
        let root = maker.ca(node, "istio-root", plugged_root());
        let ca = maker.leaf(node, "istio-ca", Some("istio-root"), plugged_intermediate());
        let host = maker.site.host(node.name);
        host.open("/etc/cacerts/ca-cert.pem", ca.pem()).secret("/etc/cacerts/ca-key.pem", ca.key_pem().as_str());
        host.open("/etc/cacerts/root-cert.pem", root.pem()).open("/etc/cacerts/cert-chain.pem", ca.pem() + &root.pem());
    })
}

/// A sidecar's pod with its credentials as files.
pub(crate) const SIDECAR: Layout = |maker, node| {
    let root = maker.ca(node, "istio-root", self_signed());
    let leaf = maker.leaf(node, "workload", Some("istio-root"), workload("web/shop"));
    let base = "/var/run/secrets/workload-spiffe-credentials";
    let host = maker.site.host(node.name);
    host.open(&format!("{base}/cert-chain.pem"), leaf.pem()).secret(&format!("{base}/key.pem"), leaf.key_pem().as_str());
    host.open(&format!("{base}/root-cert.pem"), root.pem());
};
