//! Kubernetes objects that hold certificates, by kind: one row each in `KINDS`.
//!
//! Annotations never count: `last-applied-configuration` repeats what the object says. Other kinds are passed over.

mod backend;
mod cluster;
mod data;
mod managed;
mod signing;
mod slots;

use super::node::Node;
use super::scribe::{Rule, Scribe, Site, Value};
use crate::model::{OriginKind, Slot};
use std::fmt;

/// A kind of object, and what is done with it.
pub(super) struct Kind {
    name: &'static str,
    /// The group of its `apiVersion`, with `/`; empty for the core group, which has none.
    group: &'static str,
    /// What its places are called; `None` for an object that holds nothing and only says something of the cluster.
    origin: Option<OriginKind>,
    /// What the object calls itself, besides its kind.
    subtype: Subtype,
    /// Whether an object without `kind` is probably one: elements of typed lists (`SecretList`) have none.
    resembles: fn(&Node<'_>) -> bool,
    decode: fn(&mut Scribe<'_>, &Object<'_>),
}

enum Subtype {
    /// The text at the end of this path.
    Field(&'static [&'static str]),
    /// Its kind.
    Kind,
    None,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "Secret",
        group: "",
        origin: Some(OriginKind::Secret),
        subtype: Subtype::Field(&["type"]),
        resembles: |node| (node.field("data").is_some() || node.field("stringData").is_some()) && node.text(&["type"]).is_some(),
        decode: data::secret,
    },
    Kind {
        name: "ConfigMap",
        group: "",
        origin: Some(OriginKind::ConfigMap),
        subtype: Subtype::None,
        resembles: |node| node.field("data").is_some() || node.field("binaryData").is_some(),
        decode: data::config_map,
    },
    Kind {
        name: "ValidatingWebhookConfiguration",
        group: "admissionregistration.k8s.io/",
        origin: Some(OriginKind::Webhook),
        subtype: Subtype::Kind,
        resembles: |_| false,
        decode: webhooks,
    },
    Kind {
        name: "MutatingWebhookConfiguration",
        group: "admissionregistration.k8s.io/",
        origin: Some(OriginKind::Webhook),
        subtype: Subtype::Kind,
        // The two kinds look alike; a reinvocation policy is what only the mutating one has.
        resembles: |node| node.field("webhooks").is_some(),
        decode: webhooks,
    },
    Kind {
        name: "CustomResourceDefinition",
        group: "apiextensions.k8s.io/",
        origin: Some(OriginKind::Crd),
        subtype: Subtype::None,
        resembles: |node| node.path(&["spec", "names", "plural"]).is_some(),
        decode: |scribe, object| {
            scribe.trust(object, &["spec", "conversion", "webhook", "clientConfig", "caBundle"]);
            // apiextensions.k8s.io/v1beta1
            scribe.trust(object, &["spec", "conversion", "webhookClientConfig", "caBundle"]);
            cluster::conversion(scribe, object);
        },
    },
    Kind {
        name: "APIService",
        group: "apiregistration.k8s.io/",
        origin: Some(OriginKind::ApiService),
        subtype: Subtype::None,
        resembles: |node| node.path(&["spec", "groupPriorityMinimum"]).is_some(),
        decode: |scribe, object| {
            scribe.trust(object, &["spec", "caBundle"]);
            cluster::api_service(scribe, object);
        },
    },
    Kind {
        name: "CertificateSigningRequest",
        group: "certificates.k8s.io/",
        origin: Some(OriginKind::Csr),
        subtype: Subtype::Field(&["spec", "signerName"]),
        resembles: |node| node.path(&["spec", "request"]).is_some() && node.path(&["spec", "usages"]).is_some(),
        decode: signing::request,
    },
    Kind {
        name: "ClusterTrustBundle",
        group: "certificates.k8s.io/",
        origin: Some(OriginKind::ClusterTrustBundle),
        subtype: Subtype::Field(&["spec", "signerName"]),
        resembles: |node| node.path(&["spec", "trustBundle"]).is_some(),
        decode: |scribe, object| {
            if let Some(text) = object.node.text(&["spec", "trustBundle"]) {
                scribe.value(&object.site, "spec.trustBundle", Value::Text(text), Rule::certificates(Slot::Trust));
            }
        },
    },
    Kind {
        name: "ClusterRoleBinding",
        group: "rbac.authorization.k8s.io/",
        origin: None,
        subtype: Subtype::None,
        resembles: |node| {
            node.text(&["roleRef", "kind"]) == Some("ClusterRole") && node.text(&["metadata", "namespace"]).is_none()
        },
        decode: cluster::binding,
    },
    Kind {
        name: "Service",
        group: "",
        origin: None,
        subtype: Subtype::None,
        resembles: |node| node.path(&["spec", "clusterIP"]).is_some(),
        decode: backend::service,
    },
    Kind {
        name: "EndpointSlice",
        group: "discovery.k8s.io/",
        origin: None,
        subtype: Subtype::None,
        resembles: |node| node.field("endpoints").is_some() && node.text(&["addressType"]).is_some(),
        decode: backend::endpoint_slice,
    },
    Kind {
        name: "Node",
        group: "",
        origin: None,
        subtype: Subtype::None,
        resembles: |node| node.path(&["status", "nodeInfo"]).is_some(),
        decode: backend::node,
    },
];

/// Kinds of custom resources. Elements of their lists say what they are (kubernetes/apiextensions-apiserver serves them as
/// `Unstructured`), so that neither the list's word nor their look counts: other groups have a kind of the same name.
const CUSTOM: &[Kind] = &[
    of_cert_manager("cert-manager.io/"),
    // Until cert-manager 0.10.
    of_cert_manager("certmanager.k8s.io/"),
];

const fn of_cert_manager(group: &'static str) -> Kind {
    Kind { name: "Certificate", group, origin: None, subtype: Subtype::None, resembles: |_| false, decode: managed::certificate }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The kind of the elements of a typed list (`SecretList`).
pub(super) fn of_list(kind: &str) -> Option<&'static Kind> {
    let name = kind.strip_suffix("List")?;
    KINDS.iter().find(|kind| kind.name == name)
}

/// Whether this says of itself what it is, as every Kubernetes object does.
pub(super) fn is_object(node: &Node<'_>) -> bool {
    node.text(&["kind"]).is_some() && node.text(&["apiVersion"]).is_some()
}

/// An object of a known kind.
struct Object<'n> {
    node: &'n Node<'n>,
    name: &'n str,
    /// Where its fields are.
    site: Site,
}

/// Decodes an object, or an element of a list of this kind.
pub(super) fn decode(scribe: &mut Scribe<'_>, node: &Node<'_>, hint: Option<&'static Kind>, within: Option<&Site>) {
    let kind = match node.text(&["kind"]) {
        Some(name) => {
            let custom = || CUSTOM.iter().find(|kind| kind.name == name && is_custom_of(node, kind.group));
            KINDS.iter().find(|kind| kind.name == name && is_of_group(node, kind.group)).or_else(custom)
        }
        None => hint.or_else(|| KINDS.iter().find(|kind| (kind.resembles)(node))),
    };
    scribe.found.recognised |= kind.is_some() || is_object(node);
    if within.is_none() {
        scribe.found.inventory.examined += 1;
    }
    let Some(kind) = kind.filter(|_| !data::is_opaque(node)) else { return };
    let name = node.text(&["metadata", "name"]).unwrap_or_default();
    let site = within.cloned().unwrap_or_else(|| {
        let source = match (kind.origin, node.text(&["metadata", "namespace"])) {
            (Some(OriginKind::Secret | OriginKind::ConfigMap), Some(namespace)) => [namespace, "/", name].concat(),
            (Some(OriginKind::Secret | OriginKind::ConfigMap), None) => name.to_owned(),
            _ => format!("{}/{name}", kind.name),
        };
        let subtype = match kind.subtype {
            Subtype::Field(path) => node.text(path),
            Subtype::Kind => Some(kind.name),
            Subtype::None => None,
        };
        Site::outermost(scribe.object(kind.origin.unwrap_or(OriginKind::File), source, subtype))
    });
    (kind.decode)(scribe, &Object { node, name, site });
}

fn is_of_group(node: &Node<'_>, group: &str) -> bool {
    node.text(&["apiVersion"]).is_none_or(|version| if group.is_empty() { version == "v1" } else { version.starts_with(group) })
}

/// The kinds of custom resources are nobody's without a group.
fn is_custom_of(node: &Node<'_>, group: &str) -> bool {
    node.text(&["apiVersion"]).is_some_and(|version| version.starts_with(group))
}

impl Scribe<'_> {
    /// Decodes the CA bundle at the end of a path.
    fn trust(&mut self, object: &Object<'_>, path: &[&str]) {
        if let Some(text) = object.node.text(path) {
            self.value(&object.site, &path.join("."), Value::Base64(text), Rule::certificates(Slot::Trust));
        }
    }
}

fn webhooks(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    for webhook in object.node.field("webhooks").map_or(&[][..], Node::items) {
        cluster::webhook(scribe, object, webhook);
        if let Some(text) = webhook.text(&["clientConfig", "caBundle"]) {
            let name = webhook.text(&["name"]).unwrap_or_default();
            let field = format!("webhooks[{name}].clientConfig.caBundle");
            scribe.value(&object.site, &field, Value::Base64(text), Rule::certificates(Slot::Trust));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::{CERTIFICATE, Finds, KEY, base64, der, named};
    use serde_json::{Value, json};

    fn find(object: &Value) -> Finds {
        named(object.to_string())
    }

    fn secret(kind: &str, data: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "ns", "name": "n"}, "type": kind, "data": data})
    }

    #[test]
    fn secrets_hold_credentials_keys_and_anchors() {
        let (certificate, key) = (base64(CERTIFICATE), base64(KEY));
        let data = json!({"ca.crt": certificate, "tls.crt": certificate, "tls.key": key, "other": key, "both": base64(CERTIFICATE.to_owned() + KEY)});
        let mut object = secret("kubernetes.io/tls", &data);
        object["stringData"] = json!({"x": CERTIFICATE});
        object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": CERTIFICATE});
        assert_eq!(
            find(&object).lines(),
            [
                "secret ns/n data[both] Credential: certificate key",
                "secret ns/n data[ca.crt] Trust: certificate",
                "secret ns/n data[other] Key: key",
                "secret ns/n data[tls.crt] Credential: certificate",
                "secret ns/n data[tls.key] Key: key",
                "secret ns/n stringData[x] Unknown: certificate",
            ]
        );
    }

    #[test]
    fn what_should_hold_a_certificate_and_does_not_is_a_defect() {
        let tls = |data: Value| find(&secret("kubernetes.io/tls", &data)).lines();
        assert_eq!(
            tls(json!({"tls.crt": "", "tls.key": "", "ca.crt": ""})),
            ["secret ns/n data[tls.crt] Credential: (is empty)"]
        );
        let nothing = "secret ns/n data[ca.crt] Trust: (holds no certificate, key, request or kubeconfig)";
        assert_eq!(tls(json!({"ca.crt": base64("hello"), "password": base64("hello"), "README": "!"})), [nothing]);
        assert_eq!(tls(json!({"server.crt": "{{ .Values.crt }}"})), ["secret ns/n data[server.crt] Credential: (is not base64)"]);
        assert_eq!(tls(json!({"tls.crt": base64(der())})), ["secret ns/n data[tls.crt] Credential: certificate"]);
        let istio = find(&secret("istio.io/ca-root", &json!({"cert-chain.pem": "", "key.pem": "", "root-cert.pem": ""})));
        assert_eq!(istio.lines(), [""; 0]);
    }

    #[test]
    fn secrets_that_hold_none_are_left_alone() {
        let data = json!({"release": base64(CERTIFICATE), ".dockerconfigjson": base64(CERTIFICATE)});
        for kind in ["helm.sh/release.v1", "kubernetes.io/dockerconfigjson"] {
            let finds = find(&secret(kind, &data));
            assert_eq!((finds.lines().len(), finds.inventory.examined), (0, 2), "{kind}");
        }
        let mut uploaded = secret("Opaque", &json!({"ca.crt": base64([1, 2, 3])}));
        uploaded["metadata"] = json!({"namespace": "kube-system", "name": "kubeadm-certs"});
        let said = "is encrypted: kubeadm's copy of the CAs, for control planes that join with its --certificate-key";
        assert_eq!(find(&uploaded).lines(), [format!("secret kube-system/kubeadm-certs data Unknown: ({said})")]);
    }

    #[test]
    fn bootstrap_tokens_show_their_public_half() {
        let data = json!({"token-id": base64("abcdef"), "token-secret": base64("0123456789abcdef"), "expiration": base64("2026-11-22T18:56:46Z")});
        let lines = find(&secret("bootstrap.kubernetes.io/token", &data)).lines();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("abcdef") && lines[0].contains("2026-11-22") && !lines[0].contains("0123456789"), "{lines:?}");
    }

    #[test]
    fn documents_in_values_belong_to_the_object() {
        let inner = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{certificate-authority-data: {}}}\nusers:\n- name: u\n  user: {{client-certificate: /x}}\n",
            base64(CERTIFICATE)
        );
        let finds = find(&secret("Opaque", &json!({"value": base64(&inner)})));
        assert_eq!(finds.lines(), ["secret ns/n data[value].clusters[c].certificate-authority-data Trust: certificate"]);
        assert_eq!(&*finds.inventory.kubeconfigs[0].within, "data[value]");
        assert_eq!(finds.references.len(), 0, "paths in it are not of this machine");
        let config_map = |data: String| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"f": data}}).to_string()
        };
        let twice = named(config_map(config_map(inner.clone())));
        assert_eq!(twice.lines(), ["configMap m data[f].data[f].clusters[c].certificate-authority-data Trust: certificate"]);
        assert_eq!(named(config_map(config_map(config_map(inner)))).lines().len(), 0);
    }

    #[test]
    fn config_maps_hold_anchors() {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "istio-ca-root-cert"},
            "data": {"root-cert.pem": CERTIFICATE}, "binaryData": {"x": base64(der())}});
        let lines = find(&object).lines();
        assert_eq!(lines[0], "configMap ns/istio-ca-root-cert data[root-cert.pem] Trust istio-root: certificate");
        assert_eq!(lines[1], "configMap ns/istio-ca-root-cert binaryData[x] Trust istio-root: certificate");
        object["data"] = json!({"k": KEY, "Corefile": ".:53 {\n  errors\n}", "broken": "kind: {{ x }}"});
        object["binaryData"] = Value::Null;
        assert_eq!(find(&object).lines(), ["configMap ns/istio-ca-root-cert data[k] Key istio-root: key"]);
    }

    #[test]
    fn ca_bundles_stand_at_their_paths() {
        let bundle = json!({"caBundle": base64(CERTIFICATE)});
        let at = |group: &str, kind: &str, name: &str, rest: Value| {
            let mut object = rest;
            object["apiVersion"] = group.into();
            object["kind"] = kind.into();
            object["metadata"] = json!({"name": name});
            find(&object).lines()
        };
        let hooks = json!({"webhooks": [{"name": "a.b", "clientConfig": bundle}, {"name": "none"}, {"clientConfig": {"caBundle": "Cg=="}}]});
        assert_eq!(
            at("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "v", hooks),
            [
                "webhook ValidatingWebhookConfiguration/v webhooks[a.b].clientConfig.caBundle Trust: certificate",
                "webhook ValidatingWebhookConfiguration/v webhooks[].clientConfig.caBundle Trust: (holds no certificate, key, request or kubeconfig)",
            ]
        );
        let crd = json!({"spec": {"conversion": {"webhook": {"clientConfig": bundle}, "webhookClientConfig": bundle}}});
        assert_eq!(
            at("apiextensions.k8s.io/v1", "CustomResourceDefinition", "c", crd),
            [
                "crd CustomResourceDefinition/c spec.conversion.webhook.clientConfig.caBundle Trust: certificate",
                "crd CustomResourceDefinition/c spec.conversion.webhookClientConfig.caBundle Trust: certificate",
            ]
        );
        let service = json!({"spec": bundle});
        let expected = ["apiService APIService/s spec.caBundle Trust: certificate"];
        assert_eq!(at("apiregistration.k8s.io/v1", "APIService", "s", service.clone()), expected);
        assert_eq!(at("example.org/v1", "APIService", "s", service).len(), 0, "of another group");
        let trust = json!({"spec": {"trustBundle": CERTIFICATE}});
        let expected = ["clusterTrustBundle ClusterTrustBundle/t spec.trustBundle Trust: certificate"];
        assert_eq!(at("certificates.k8s.io/v1beta1", "ClusterTrustBundle", "t", trust), expected);
    }

    #[test]
    fn elements_of_typed_lists_have_no_kind() {
        let item = format!(
            r#"{{"metadata":{{"namespace":"ns","name":"n"}},"data":{{"tls.crt":"{}"}},"type":"Opaque"}}"#,
            base64(CERTIFICATE)
        );
        let expected = ["secret ns/n data[tls.crt] Credential: certificate"];
        let before = format!(r#"{{"kind":"SecretList","apiVersion":"v1","metadata":{{}},"items":[{item}]}}"#);
        let after = format!(r#"{{"items":[{item}],"kind":"SecretList","apiVersion":"v1"}}"#);
        let array = format!("[{item}]");
        for text in [before, after, array] {
            assert_eq!(named(&text).lines(), expected, "{text}");
        }
        let maps = format!(r#"{{"kind":"ConfigMapList","apiVersion":"v1","items":[{item}]}}"#);
        assert_eq!(
            named(maps).lines(),
            ["configMap ns/n data[tls.crt] Trust: certificate"],
            "the list's word counts, not the look"
        );
    }
}
