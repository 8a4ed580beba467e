//! API objects, in the form in which kubectl shows them.

use super::files::base64;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kcert::mint::Identity;
use serde_json::{Map, Value, json};

/// A Secret.
pub(crate) fn secret(place: &str, kind: &str, data: &[(&str, &str)]) -> Value {
    let data: Map<String, Value> = data.iter().map(|(key, value)| ((*key).to_owned(), base64(value).into())).collect();
    json!({ "apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": namespaced(place), "data": data })
}

/// A ConfigMap.
pub(crate) fn config_map(place: &str, data: &[(&str, &str)]) -> Value {
    let data: Map<String, Value> = data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": namespaced(place), "data": data })
}

/// Metadata of `NAMESPACE/NAME`.
fn namespaced(place: &str) -> Value {
    let (namespace, name) = place.split_once('/').unwrap();
    json!({ "name": name, "namespace": namespace, "creationTimestamp": "2026-10-22T20:00:00Z" })
}

/// A Secret of TLS credentials: the chain given, the key of its first certificate, and the CA.
pub(crate) fn tls_secret(place: &str, leaf: &Identity, ca: &Identity) -> Value {
    let (key, authority, certificate) = (leaf.key_pem(), ca.pem(), leaf.pem());
    let data = [("ca.crt", &*authority), ("tls.crt", &*certificate), ("tls.key", key.as_str())];
    secret(place, "kubernetes.io/tls", &data)
}

/// A CA bundle in base64, as `caBundle` holds it.
pub(crate) fn bundle(certificates: &[&Identity]) -> String {
    base64(&certificates.iter().map(|certificate| certificate.pem()).collect::<String>())
}

/// A webhook configuration with one webhook, dialled at the service `NAMESPACE/NAME`.
pub(crate) fn webhook(kind: &str, name: &str, service: &str, ca_bundle: Option<&str>) -> Value {
    let mut client = json!({ "service": service_of(service) });
    if let Some(bundle) = ca_bundle {
        client["caBundle"] = bundle.into();
    }
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": { "name": name },
        "webhooks": [{
            "name": format!("{name}.example.com"), "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "clientConfig": client,
        }],
    })
}

fn service_of(service: &str) -> Value {
    let (namespace, name) = service.split_once('/').unwrap();
    json!({ "namespace": namespace, "name": name, "path": "/validate", "port": 443 })
}

/// An APIService of an extension server.
pub(crate) fn api_service(name: &str, service: &str, ca_bundle: Option<&str>) -> Value {
    let (version, group) = name.split_once('.').unwrap();
    let (namespace, server) = service.split_once('/').unwrap();
    let mut spec = json!({
        "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100,
        "service": { "namespace": namespace, "name": server, "port": 443 },
    });
    match ca_bundle {
        Some(bundle) => spec["caBundle"] = bundle.into(),
        None => spec["insecureSkipTLSVerify"] = true.into(),
    }
    json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": name }, "spec": spec })
}

/// An APIService that the API server serves itself.
pub(crate) fn local_api_service(name: &str) -> Value {
    let (version, group) = name.split_once('.').unwrap();
    let spec = json!({ "group": group, "version": version, "groupPriorityMinimum": 16600, "versionPriority": 15 });
    json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": name }, "spec": spec })
}

/// A CustomResourceDefinition with a conversion webhook.
pub(crate) fn converted(service: &str, ca_bundle: &str) -> Value {
    let names = json!({ "kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget" });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": names,
            "versions": [{ "name": "v1", "served": true, "storage": true }],
            "conversion": { "strategy": "Webhook", "webhook": {
                "conversionReviewVersions": ["v1"],
                "clientConfig": { "caBundle": ca_bundle, "service": service_of(service) },
            } },
        },
    })
}

/// A CertificateSigningRequest; conditions are `Approved`, `Denied` or nothing.
pub(crate) fn signing_request(
    name: &str,
    signer: &str,
    request: &str,
    condition: Option<&str>,
    issued: Option<&Identity>,
) -> Value {
    let mut status = json!({});
    if let Some(condition) = condition {
        status["conditions"] = json!([{ "type": condition, "status": "True", "reason": "Kubectl", "message": "" }]);
    }
    if let Some(issued) = issued {
        status["certificate"] = base64(&issued.pem()).into();
    }
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": { "name": name, "creationTimestamp": "2026-11-21T18:00:00Z" },
        "spec": {
            "request": base64(request), "signerName": signer, "username": "system:node:cp-1",
            "groups": ["system:nodes", "system:authenticated"],
            "usages": ["digital signature", "key encipherment", "server auth"],
        },
        "status": status,
    })
}

/// A ClusterRoleBinding of one subject (`User` or `Group`).
pub(crate) fn binding(name: &str, role: &str, kind: &str, subject: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": subject }],
    })
}

/// The ClusterRoleBindings that a cluster by kubeadm 1.29 and later begins with.
pub(crate) fn kubeadm_bindings() -> Vec<Value> {
    vec![
        binding("cluster-admin", "cluster-admin", "Group", "system:masters"),
        binding("kubeadm:cluster-admins", "cluster-admin", "Group", "kubeadm:cluster-admins"),
        binding("kubeadm:get-nodes", "kubeadm:get-nodes", "Group", "system:bootstrappers:kubeadm:default-node-token"),
    ]
}

/// The published CA of a namespace.
pub(crate) fn root_ca(namespace: &str, ca: &str) -> Value {
    config_map(&format!("{namespace}/kube-root-ca.crt"), &[("ca.crt", ca)])
}

/// The Secret of a service account's token.
pub(crate) fn service_account_token(place: &str, ca: &str) -> Value {
    let (namespace, _) = place.split_once('/').unwrap();
    secret(place, "kubernetes.io/service-account-token", &[("ca.crt", ca), ("namespace", namespace), ("token", "opaque")])
}

/// What extension API servers trust.
pub(crate) fn extension_authentication(client_ca: &Identity, front_proxy_ca: &Identity) -> Value {
    let (clients, proxies) = (client_ca.pem(), front_proxy_ca.pem());
    let data = [
        ("client-ca-file", &*clients),
        ("requestheader-allowed-names", "[\"front-proxy-client\"]"),
        ("requestheader-client-ca-file", &*proxies),
        ("requestheader-extra-headers-prefix", "[\"X-Remote-Extra-\"]"),
        ("requestheader-group-headers", "[\"X-Remote-Group\"]"),
        ("requestheader-username-headers", "[\"X-Remote-User\"]"),
    ];
    config_map("kube-system/extension-apiserver-authentication", &data)
}

const TOKEN_ID: &str = "abcdef";
const TOKEN_SECRET: &str = "0123456789abcdef";

/// `cluster-info` with this CA, signed by the bootstrap token, and the token. A forged one was changed after it was signed.
pub(crate) fn cluster_info(ca: &Identity, is_forged: bool) -> [Value; 2] {
    let text = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://10.0.0.11:6443\n  name: \"\"\n\
         contexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {{}}\nusers: null\n",
        base64(&ca.pem())
    );
    let signature = signed(&text);
    let text = if is_forged { text.replace("10.0.0.11", "10.0.0.66") } else { text };
    let token = [
        ("auth-extra-groups", "system:bootstrappers:kubeadm:default-node-token"),
        ("expiration", "2026-11-22T18:00:00Z"),
        ("token-id", TOKEN_ID),
        ("token-secret", TOKEN_SECRET),
        ("usage-bootstrap-authentication", "true"),
        ("usage-bootstrap-signing", "true"),
    ];
    [
        config_map("kube-public/cluster-info", &[("kubeconfig", &text), ("jws-kubeconfig-abcdef", &signature)]),
        secret("kube-system/bootstrap-token-abcdef", "bootstrap.kubernetes.io/token", &token),
    ]
}

/// The detached JWS of kubernetes/cluster-bootstrap.
fn signed(text: &str) -> String {
    use aws_lc_rs::hmac;
    let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"HS256\",\"kid\":\"{TOKEN_ID}\"}}"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, TOKEN_SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{header}.{}", URL_SAFE_NO_PAD.encode(text)).as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(tag))
}
