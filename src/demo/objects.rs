//! Kubernetes objects that hold certificates, in the form in which Istio, cert-manager and people write them.

use super::Entry;
use super::cluster::{OBJECTS, Workshop};
use crate::mint::{Error, Identity, Recipe};
use crate::model::{ExtendedKeyUsage, KeyUsage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::Duration;

/// Writes the dump.
pub(super) fn dump(workshop: &mut Workshop<'_>) -> Result<(), Error> {
    let mut items = istio(workshop)?;
    items.extend(shop(workshop)?);
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items, "metadata": { "resourceVersion": "" } });
    workshop.entries.push(Entry::secret(OBJECTS, format!("{list:#}\n")));
    Ok(())
}

/// Istio's self-signed root, a workload's Secret as Citadel wrote them, what workloads trust, and the webhook that injects sidecars.
fn istio(workshop: &Workshop<'_>) -> Result<Vec<Value>, Error> {
    let pki = workshop.pki;
    let root: Recipe = pki.ca("").organization("cluster.local").key_usage(KeyUsage(1 << 5));
    let root = workshop.either(root.clone(), root.ends_in(Duration::days(-3)));
    let root = workshop.make("istio/root.key", root, None)?;
    let workload = pki.leaf("").uri("spiffe://cluster.local/ns/web/sa/shop").purpose(ExtendedKeyUsage::ServerAuth).client();
    let workload = workshop.make("istio/workload.key", workload.ends_in(Duration::days(60)), Some(&root))?;
    Ok(vec![
        secret(
            "istio-system",
            "istio-ca-secret",
            "istio.io/ca-root",
            &[
                ("ca-cert.pem", &root.pem()),
                ("ca-key.pem", root.key_pem().as_str()),
                ("cert-chain.pem", ""),
                ("key.pem", ""),
                ("root-cert.pem", ""),
            ],
        ),
        secret(
            "web",
            "istio.shop",
            "istio.io/key-and-cert",
            &[("cert-chain.pem", &workload.pem()), ("key.pem", workload.key_pem().as_str()), ("root-cert.pem", &root.pem())],
        ),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "istio-ca-root-cert", "namespace": "web" },
            "data": { "root-cert.pem": root.pem() },
        }),
        webhook("istio-sidecar-injector", "rev.namespace.sidecar-injector.istio.io", &root),
    ])
}

/// A shop whose certificate comes from an intermediate CA.
fn shop(workshop: &Workshop<'_>) -> Result<Vec<Value>, Error> {
    let pki = workshop.pki;
    let root = workshop.make("shop/root.key", pki.ca("Example Root CA").organization("Example"), None)?;
    let intermediate = pki.ca("Example Issuing CA").organization("Example").path_len(0);
    let intermediate = workshop.make("shop/intermediate.key", intermediate, Some(&root))?;
    let leaf = pki.leaf("shop.example.org").server().dns("shop.example.org").dns("www.shop.example.org");
    let leaf = workshop.make("shop/leaf.key", leaf, Some(&intermediate))?;
    let [first, second] = workshop.either([&leaf, &intermediate], [&intermediate, &leaf]);
    let chain = format!("{}{}", first.pem(), second.pem());
    Ok(vec![secret(
        "web",
        "shop-tls",
        "kubernetes.io/tls",
        &[("ca.crt", &root.pem()), ("tls.crt", &chain), ("tls.key", leaf.key_pem().as_str())],
    )])
}

fn secret(namespace: &str, name: &str, kind: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, value)| ((*key).to_owned(), Value::String(STANDARD.encode(value)))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "namespace": namespace },
        "type": kind,
        "data": data,
    })
}

fn webhook(configuration: &str, name: &str, ca: &Identity) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": { "name": configuration },
        "webhooks": [{
            "name": name,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {
                "caBundle": STANDARD.encode(ca.pem()),
                "service": { "name": "istiod", "namespace": "istio-system", "path": "/inject", "port": 443 },
            },
        }],
    })
}
