//! Objects of the API: calls, requests, copies of the cluster's CA, Istio.

use super::recipes::{base64, join, read};
use super::trust::case;
use super::{Case, found, on_host, root, secret, single};
use ::base64::Engine;
use ::base64::engine::general_purpose::URL_SAFE_NO_PAD;
use aws_lc_rs::hmac;
use kcert::mint::{Identity, NOW, pki};
use kcert::model::{Code, Discovery, Document, Fact, Inventory, OriginKind, Role, Severity};
use serde_json::{Value, json};
use std::sync::Arc;
use time::Duration;
use time::format_description::well_known::Rfc3339;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = calls();
    cases.extend(requests());
    cases.extend(signatures());
    cases.extend(copies());
    cases.extend(istio_cas());
    cases.extend(istio_roots());
    cases
}

/// Objects as `kubectl get` prints them.
pub(super) fn list(items: &[Value]) -> Inventory {
    read("objects.json", None, &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

/// A ClusterRoleBinding of a user.
pub(super) fn binding(role: &str, user: &str) -> Value {
    let fields = json!({"roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [{"kind": "User", "name": user}]});
    object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "b", fields)
}

/// The binding that every API server makes: with it bindings are the cluster's own, and all.
pub(super) fn every_cluster_has() -> Value {
    let fields = json!({"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [{"kind": "Group", "name": "system:masters"}]});
    object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "cluster-admin", fields)
}

/// An object, its name with its namespace before it.
pub(super) fn object(version: &str, kind: &str, name: &str, mut fields: Value) -> Value {
    let (namespace, name) = name.split_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
    fields["apiVersion"] = version.into();
    fields["kind"] = kind.into();
    fields["metadata"] = json!({"name": name, "namespace": namespace});
    fields
}

fn config_map(name: &str, data: &[(&str, &str)]) -> Value {
    let data: Value = data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    object("v1", "ConfigMap", name, json!({ "data": data }))
}

fn of_type(kind: &str, name: &str, data: &[(&str, &str)]) -> Value {
    let data: Value = data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(base64(value)))).collect();
    object("v1", "Secret", name, json!({"type": kind, "data": data}))
}

/// What calls the Service `hook` of the namespace `a`: a webhook, a conversion, an API server behind the aggregation layer.
fn callers(bundle: &str) -> [Value; 3] {
    let config = json!({"service": {"namespace": "a", "name": "hook"}, "caBundle": base64(bundle)});
    let webhooks = json!({"webhooks": [{"name": "v.a.test", "clientConfig": config}]});
    let conversion = json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": config}}}});
    [
        object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "v", webhooks),
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "c.a.test", conversion),
        object("apiregistration.k8s.io/v1", "APIService", "v1.a.test", json!({ "spec": config })),
    ]
}

fn calls() -> Vec<Case> {
    let (ca, other) = (root(), root());
    let beside = |called: &Identity, caller: Value| {
        let mut inventory = super::inventory(&secret("a/serving-tls", &called.pem(), called));
        join(&mut inventory, list(&[caller]));
        inventory
    };
    let recipe = || pki().leaf("hook.a.svc").server();
    let by_common_name = recipe().issued_by(&ca).unwrap();
    let hook = recipe().dns("hook.a.svc").issued_by(&ca).unwrap();
    let mut cases = Vec::new();
    let callers = callers(&ca.pem()).into_iter().zip(callers(&other.pem())).zip(callers(""));
    for ((right, stale), empty) in callers {
        let sound = || beside(&hook, right.clone());
        cases.push(case(Code::CabundleStale, Severity::Critical, beside(&hook, stale), sound()));
        cases.push(case(Code::CabundleEmpty, Severity::Critical, beside(&hook, empty), sound()));
        cases.push(case(Code::CnOnly, Severity::Critical, beside(&by_common_name, right.clone()), sound()));
    }
    cases
}

fn requests() -> Vec<Case> {
    let node = || pki().leaf("system:node:n1").organization("system:nodes");
    let waits = |signer: &str, since: Duration, status: Value| {
        let created = (NOW - since).format(&Rfc3339).unwrap();
        let spec = json!({"request": base64(&node().request().unwrap()), "signerName": signer, "usages": []});
        let mut request =
            object("certificates.k8s.io/v1", "CertificateSigningRequest", "csr-1", json!({"spec": spec, "status": status}));
        request["metadata"]["creationTimestamp"] = created.into();
        list(&[request])
    };
    let answered = |kind: &str| json!({"conditions": [{"type": kind, "status": "True"}]});
    let mut issued = answered("Approved");
    issued["certificate"] = base64(&node().issued_by(&root()).unwrap().pem()).into();
    let [serving, joining, other] =
        ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kube-apiserver-client"];
    let pending = |severity, signer, since, status, end| {
        case(Code::CsrPending, severity, waits(signer, since, status), waits(signer, since, end))
    };
    vec![
        pending(Severity::Warning, serving, Duration::HOUR, Value::Null, answered("Denied")),
        pending(Severity::Warning, joining, Duration::HOUR, answered("Approved"), issued),
        pending(Severity::Info, serving, Duration::MINUTE, Value::Null, answered("Failed")),
        pending(Severity::Info, other, Duration::HOUR, Value::Null, answered("Denied")),
    ]
}

const TOKEN: &str = "abcdef";
const TOKEN_SECRET: &str = "0123456789abcdef";

/// A JWS with detached content (kubernetes/cluster-bootstrap token/jws).
fn jws(token: &str, secret: &str, content: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": token}).to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(content));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(tag))
}

fn bootstrap_token(id: &str, secret: &str, end: &str) -> Value {
    let data = [("token-id", id), ("token-secret", secret), ("usage-bootstrap-signing", "true"), ("expiration", end)];
    of_type("bootstrap.kubernetes.io/token", &format!("kube-system/bootstrap-token-{id}"), &data)
}

/// cluster-info with a CA, and what it is signed with.
fn cluster_info(ca: &Identity, sign: impl Fn(&str) -> Option<String>) -> Value {
    let authority = base64(&ca.pem());
    let kubeconfig = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://10.0.0.11:6443\n  name: \"\"\nkind: Config\n"
    );
    let signature = sign(&kubeconfig);
    let signature = signature.as_deref().map(|signature| ("jws-kubeconfig-abcdef", signature));
    config_map("kube-public/cluster-info", &[("kubeconfig", &*kubeconfig)].into_iter().chain(signature).collect::<Vec<_>>())
}

fn signatures() -> Vec<Case> {
    const LASTS: &str = "2026-01-02T00:00:00Z";
    let ca = root();
    let with_token =
        |end: &str, sign: fn(&str) -> Option<String>| list(&[cluster_info(&ca, sign), bootstrap_token(TOKEN, TOKEN_SECRET, end)]);
    let unsigned = |_: &str| None;
    let bad: [fn(&str) -> Option<String>; 5] = [
        unsigned,
        |content| Some(jws(TOKEN, "fedcba9876543210", content)),
        |content| Some(jws(TOKEN, TOKEN_SECRET, &content.replace("10.0.0.11", "10.0.0.12"))),
        |content| Some(jws("fedcba", TOKEN_SECRET, content)),
        |content| Some(jws(TOKEN, TOKEN_SECRET, content).replace("..", &format!(".{}.", URL_SAFE_NO_PAD.encode(content)))),
    ];
    let signed = || with_token(LASTS, |content| Some(jws(TOKEN, TOKEN_SECRET, content)));
    let found = |fails, passes| case(Code::ClusterInfoSignature, Severity::Critical, fails, passes);
    let mut cases: Vec<Case> = bad.into_iter().map(|sign| found(with_token(LASTS, sign), signed())).collect();
    // A token that has ended signs nothing.
    cases.push(found(with_token(LASTS, unsigned), with_token("2025-12-31T00:00:00Z", unsigned)));
    cases
}

#[test]
fn a_signature_is_what_the_bootstrap_signer_makes() {
    // kubernetes/cluster-bootstrap token/jws/jws_test.go.
    let (content, made) = (
        "Hello from the other side. I must have called a thousand times.",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8",
    );
    assert_eq!(jws("joshua", "my voice is my passcode", content), made);
    let signed = |content: &str| {
        let mut inventory = list(&[bootstrap_token("joshua", "my voice is my passcode", "")]);
        inventory.facts.push(Fact::Discovery(Discovery {
            document: Arc::new(Document::new(OriginKind::ConfigMap, "kube-public/cluster-info")),
            kubeconfig: content.into(),
            signatures: vec![("joshua".into(), made.into())],
        }));
        !found(&inventory).iter().any(|(code, _)| *code == Code::ClusterInfoSignature)
    };
    assert!(signed(content) && !signed("Hello"));
}

/// Copies of the cluster's CA.
fn copies() -> Vec<Case> {
    let (ca, other) = (root(), root());
    let server = pki().leaf("kube-apiserver").server().dns("kubernetes").dns("kubernetes.default.svc").ip([10, 0, 0, 11]);
    let host = on_host(&ca, Role::Apiserver, Role::ClusterCa, &server.issued_by(&ca).unwrap());
    let beside = |items: &[Value]| {
        let mut inventory = host.clone();
        join(&mut inventory, list(items));
        inventory
    };
    let joins = |ca: &Identity| beside(&[cluster_info(ca, |_| None)]);
    let of_namespace =
        |namespace: &str, ca: &Identity| config_map(&format!("{namespace}/kube-root-ca.crt"), &[("ca.crt", &ca.pem())]);
    let of_token = |ca: &Identity| of_type("kubernetes.io/service-account-token", "a/token", &[("ca.crt", &ca.pem())]);
    let of_namespaces = |last: &Identity| list(&[of_namespace("a", &ca), of_namespace("b", &ca), of_namespace("c", last)]);
    let told = |proxies: &Identity| {
        let data = [("client-ca-file", &*ca.pem()), ("requestheader-client-ca-file", &*proxies.pem())];
        list(&[config_map("kube-system/extension-apiserver-authentication", &data)])
    };
    let stale = |fails, passes| case(Code::RootCaConfigmapStale, Severity::Critical, fails, passes);
    vec![
        case(Code::ClusterInfoCaStale, Severity::Critical, joins(&other), joins(&ca)),
        stale(beside(&[of_namespace("a", &other)]), beside(&[of_namespace("a", &ca)])),
        stale(beside(&[of_token(&other)]), beside(&[of_token(&ca)])),
        stale(of_namespaces(&other), of_namespaces(&ca)),
        case(Code::FrontProxyCaShared, Severity::Warning, told(&ca), told(&other)),
    ]
}

/// A CA that was plugged into Istio.
fn cacerts(ca: &Identity, root: &Identity, key: &str, others: &[(&str, &str)]) -> Inventory {
    let (ca, root) = (ca.pem(), root.pem());
    let data = [("ca-cert.pem", &*ca), ("root-cert.pem", &*root), ("ca-key.pem", key)];
    list(&[of_type("Opaque", "istio-system/cacerts", &data.into_iter().chain(others.iter().copied()).collect::<Vec<_>>())])
}

/// One case for each step of istiod's check.
fn istio_cas() -> Vec<Case> {
    let (root, other) = (pki().ca("root").self_signed().unwrap(), pki().ca("root").self_signed().unwrap());
    let middle = pki().ca("middle").issued_by(&root).unwrap();
    let ca = pki().ca("istio").issued_by(&middle).unwrap();
    let (key, foreign) = (ca.key_pem(), other.key_pem());
    let list = |issuer: &Identity| issuer.crl(NOW, NOW + Duration::DAY, &[]).unwrap();
    let chain = format!("{}{}", middle.pem(), root.pem());
    let plugged_in =
        |root: &Identity, key: &str, lists: &str| cacerts(&ca, root, key, &[("cert-chain.pem", &*chain), ("ca-crl.pem", lists)]);
    let every_list = format!("{}{}", list(&middle), list(&root));
    let sound = || plugged_in(&root, key.as_str(), &every_list);
    let fails = [
        plugged_in(&other, key.as_str(), &every_list),
        plugged_in(&root, &root.pem(), &every_list),
        plugged_in(&root, foreign.as_str(), &every_list),
        plugged_in(&root, key.as_str(), &list(&root)),
    ];
    fails.into_iter().map(|fails| case(Code::IstioCaBundleInvalid, Severity::Critical, fails, sound())).collect()
}

/// A CA that istiod made and renewed, beside what it calls its root.
fn renewed(old: &Identity, is_left_behind: bool) -> Inventory {
    let new = old.recipe().ends_in(Duration::days(3650)).self_signed().unwrap();
    let (root, key) = (if is_left_behind { old.pem() } else { new.pem() }, new.key_pem());
    let data = [("ca-cert.pem", &*new.pem()), ("ca-key.pem", key.as_str()), ("root-cert.pem", &*root)];
    list(&[of_type("istio.io/ca-root", "istio-system/istio-ca-secret", &data)])
}

fn istio_roots() -> Vec<Case> {
    let (ca, other) = (pki().ca("istio").self_signed().unwrap(), pki().ca("istio").self_signed().unwrap());
    let old = pki().ca("").organization("cluster.local").ends_in(Duration::days(300)).self_signed().unwrap();
    let handed_out = |root: &Identity| {
        let mut inventory = cacerts(&ca, &ca, ca.key_pem().as_str(), &[]);
        join(&mut inventory, list(&[config_map("a/istio-ca-root-cert", &[("root-cert.pem", &root.pem())])]));
        inventory
    };
    let workload = pki().leaf("").uri("spiffe://old.test/ns/a/sa/b").server().client().issued_by(&ca).unwrap();
    let in_mesh = |mesh: &str| {
        let mut inventory = single(&workload.pem());
        join(&mut inventory, list(&[config_map("istio-system/istio", &[("mesh", mesh)])]));
        inventory
    };
    vec![
        case(Code::IstioRootStale, Severity::Critical, handed_out(&other), handed_out(&ca)),
        case(Code::IstioRootStale, Severity::Warning, renewed(&old, true), renewed(&old, false)),
        case(
            Code::IstioTrustDomain,
            Severity::Warning,
            in_mesh("trustDomain: new.test\n"),
            in_mesh("trustDomain: new.test\ntrustDomainAliases: [old.test]\n"),
        ),
        case(Code::IstioTrustDomain, Severity::Warning, in_mesh("{}\n"), in_mesh("trustDomain: old.test\n")),
    ]
}

#[test]
fn a_ca_that_istiod_made_is_its_own_root_whatever_its_renewal_left_behind() {
    let old = pki().ca("").organization("cluster.local").ends_in(Duration::days(300)).self_signed().unwrap();
    assert_eq!(found(&renewed(&old, true)), [(Code::IstioRootStale, Severity::Warning)]);
}
