//! What objects say of the cluster besides the certificates in them: whom the API server calls by which name, who may do what, what
//! Istio's mesh is called.

use super::Object;
use crate::decode::node::Node;
use crate::decode::scribe::Scribe;
use crate::model::{Binding, Call, Collect, Destination, Discovery, Fact, FrontProxy, Mesh};
use std::sync::Arc;

/// An admission webhook (kubernetes/api admissionregistration/v1 `WebhookClientConfig`).
pub(super) fn webhook(scribe: &mut Scribe<'_>, object: &Object<'_>, webhook: &Node<'_>) {
    let name = webhook.text(&["name"]).unwrap_or_default();
    let field = format!("webhooks[{name}].clientConfig.caBundle");
    if let Some(config) = webhook.field("clientConfig") {
        call(scribe, object, config, &field, name);
    }
}

/// A conversion webhook (kubernetes/apiextensions-apiserver v1 `CustomResourceConversion`, v1beta1 before).
pub(super) fn conversion(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let in_use = object.node.text(&["spec", "conversion", "strategy"]) == Some("Webhook");
    let forms: [&[&str]; 2] =
        [&["spec", "conversion", "webhook", "clientConfig"], &["spec", "conversion", "webhookClientConfig"]];
    for form in forms.into_iter().filter(|_| in_use) {
        if let Some(config) = object.node.path(form) {
            call(scribe, object, config, &format!("{}.caBundle", form.join(".")), object.name);
        }
    }
}

/// An API server behind the aggregation layer; without a Service the API server answers itself (kube-aggregator v1 `APIServiceSpec`).
pub(super) fn api_service(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    if let Some(spec) = object.node.field("spec").filter(|spec| spec.path(&["service", "name"]).is_some()) {
        call(scribe, object, spec, "spec.caBundle", object.name);
    }
}

fn call(scribe: &mut Scribe<'_>, object: &Object<'_>, config: &Node<'_>, field: &str, name: &str) {
    let service = || {
        let (namespace, name) = (config.text(&["service", "namespace"])?, config.text(&["service", "name"])?);
        let port = config.path(&["service", "port"]).and_then(Node::port).unwrap_or(HTTPS);
        Some(Destination::Service { namespace: namespace.into(), name: name.into(), port })
    };
    let url = || {
        let (name, port) = host(config.text(&["url"])?);
        Some(Destination::Host { name: name.into(), port })
    };
    let Some(to) = service().or_else(url).filter(|_| object.site.is_outermost()) else { return };
    let call = Call {
        document: Arc::clone(&object.site.document),
        field: scribe.name(field),
        name: name.into(),
        to,
        has_bundle: config.text(&["caBundle"]).is_some_and(|text| !text.trim_ascii().is_empty()),
        skips_verification: config.field("insecureSkipTLSVerify").and_then(Node::bool).unwrap_or_default(),
    };
    scribe.found.inventory.fact(Fact::Call(call));
}

/// The port of a Service that a caller names none of (kubernetes/api admissionregistration/v1 `ServiceReference`, kube-aggregator v1
/// `ServiceReference`), and of `https://`.
const HTTPS: u16 = 443;

/// The host and the port of a URL.
fn host(url: &str) -> (&str, u16) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    (host, port.and_then(|port| port.parse().ok()).unwrap_or(HTTPS))
}

/// A ClusterRoleBinding to a ClusterRole (kubernetes/api rbac/v1).
pub(super) fn binding(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let subjects = object.node.field("subjects").map_or(&[][..], Node::items);
    let of_kind = |kind: &str| {
        let subjects = subjects.iter().filter(|subject| subject.text(&["kind"]) == Some(kind));
        subjects.filter_map(|subject| subject.text(&["name"]).map(Box::from)).collect()
    };
    let role = object.node.text(&["roleRef", "name"]).unwrap_or_default().into();
    let binding = Binding { name: object.name.into(), role, users: of_kind("User"), groups: of_kind("Group") };
    scribe.found.inventory.fact(Fact::Binding(binding));
}

/// ConfigMaps that say something: cluster-info, extension-apiserver-authentication, Istio's mesh configuration.
pub(super) fn config_map(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let Some(data) = object.node.field("data").filter(|_| object.site.is_outermost()) else { return };
    let fact = match (object.node.text(&["metadata", "namespace"]), object.name) {
        (Some("kube-public"), "cluster-info") => discovery(object, data).map(Fact::Discovery),
        (Some("kube-system"), "extension-apiserver-authentication") => Some(Fact::FrontProxy(front_proxy(object, data))),
        (_, name) if name == "istio" || name.starts_with("istio-") => mesh(scribe, object, data).map(Fact::Mesh),
        _ => None,
    };
    if let Some(fact) = fact {
        scribe.found.inventory.fact(fact);
    }
}

/// kubernetes/cluster-bootstrap token/api: `JWSSignatureKeyPrefix`.
const SIGNATURE: &str = "jws-kubeconfig-";

fn discovery(object: &Object<'_>, data: &Node<'_>) -> Option<Discovery> {
    let entries = data.entries().iter();
    let signatures = entries.filter_map(|(key, value)| Some((key.strip_prefix(SIGNATURE)?.into(), value.str()?.into())));
    Some(Discovery {
        document: Arc::clone(&object.site.document),
        kubeconfig: data.text(&["kubeconfig"])?.into(),
        signatures: signatures.collect(),
    })
}

/// kubernetes/kubernetes pkg/controlplane/controller/clusterauthenticationtrust: lists are JSON arrays in text.
fn front_proxy(object: &Object<'_>, data: &Node<'_>) -> FrontProxy {
    let names = data.text(&["requestheader-allowed-names"]).and_then(|text| serde_json::from_str::<Vec<Box<str>>>(text).ok());
    FrontProxy { document: Arc::clone(&object.site.document), allowed_names: names.unwrap_or_default() }
}

/// istio/api mesh/v1alpha1 `MeshConfig`, as YAML in the key `mesh`.
fn mesh(scribe: &Scribe<'_>, object: &Object<'_>, data: &Node<'_>) -> Option<Mesh> {
    let text = data.text(&["mesh"])?;
    let mesh = Node::yaml(text.as_bytes(), scribe.decoder.limits()).ok()?;
    let aliases = mesh.field("trustDomainAliases").map_or(&[][..], Node::items);
    Some(Mesh {
        document: Arc::clone(&object.site.document),
        trust_domain: mesh.text(&["trustDomain"]).filter(|name| !name.is_empty()).unwrap_or("cluster.local").into(),
        aliases: aliases.iter().filter_map(Node::str).map(Box::from).collect(),
    })
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::{base64, named};
    use crate::model::{Destination, Facts};
    use serde_json::{Value, json};

    fn facts(object: &Value) -> Facts {
        named(object.to_string()).inventory.facts
    }

    #[test]
    fn webhooks_say_whom_they_call() {
        let service = json!({"service": {"namespace": "ns", "name": "svc"}, "caBundle": base64("x")});
        let object = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "v"},
            "webhooks": [{"name": "a.b", "clientConfig": service}, {"name": "c.d", "clientConfig": {"url": "https://u:p@hook.test:9443/x"}}, {"name": "none"}]});
        let calls = facts(&object).calls;
        let names: Vec<_> =
            calls.iter().map(|call| (&*call.name, call.to.server_name(), &*call.field, call.has_bundle)).collect();
        assert_eq!(
            names,
            [
                ("a.b", "svc.ns.svc".to_owned(), "webhooks[a.b].clientConfig.caBundle", true),
                ("c.d", "hook.test".to_owned(), "webhooks[c.d].clientConfig.caBundle", false),
            ]
        );
    }

    #[test]
    fn api_services_and_conversions_call_too() {
        let service = json!({"namespace": "ns", "name": "svc"});
        let api = |spec: Value| {
            facts(&json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.x"}, "spec": spec})).calls
        };
        assert!(api(json!({"service": null, "groupPriorityMinimum": 1})).is_empty());
        assert!(api(json!({"service": service, "insecureSkipTLSVerify": true}))[0].skips_verification);
        let crd = |strategy: &str| {
            let conversion = json!({"strategy": strategy, "webhook": {"clientConfig": {"service": service}}});
            facts(&json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "c"}, "spec": {"conversion": conversion}})).calls
        };
        assert!(crd("None").is_empty());
        let call = &crd("Webhook")[0];
        assert_eq!(&*call.field, "spec.conversion.webhook.clientConfig.caBundle");
        assert_eq!(call.to, Destination::Service { namespace: "ns".into(), name: "svc".into(), port: 443 });
    }

    #[test]
    fn calls_keep_their_ports() {
        let port_of = |config: Value| {
            let webhooks = json!([{"name": "a.b", "clientConfig": config}]);
            let object = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "v"}, "webhooks": webhooks});
            match facts(&object).calls.remove(0).to {
                Destination::Service { port, .. } | Destination::Host { port, .. } => port,
            }
        };
        let service = |port: Value| json!({"service": {"namespace": "ns", "name": "svc", "port": port}});
        assert_eq!([json!(8443), json!(0), json!("x"), Value::Null].map(|port| port_of(service(port))), [8443, 443, 443, 443]);
        let urls = ["https://h:9443/x", "https://h/x", "https://[::1]:1", "https://[::1]", "https://u:7@h", "https://h:99999"];
        assert_eq!(urls.map(|url| port_of(json!({"url": url}))), [9443, 443, 1, 443, 443, 443]);
    }

    #[test]
    fn bindings_give_roles_to_users_and_groups() {
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
            "roleRef": {"kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"}, {"kind": "ServiceAccount", "name": "s"}]});
        let found = named(binding.to_string());
        let binding = &found.inventory.facts.bindings[0];
        assert_eq!((&*binding.role, &*binding.users[0], &*binding.groups[0], binding.users.len()), ("r", "u", "g", 1));
        assert_eq!((found.inventory.holdings.len(), found.inventory.examined), (0, 2));
    }

    #[test]
    fn config_maps_speak_of_the_cluster() {
        let map = |namespace: &str, name: &str, data: Value| {
            facts(
                &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data}),
            )
        };
        let info = map("kube-public", "cluster-info", json!({"kubeconfig": "x", "jws-kubeconfig-abcdef": "h..s"}));
        assert_eq!(&*info.discoveries[0].kubeconfig, "x");
        assert_eq!(info.discoveries[0].signatures, [("abcdef".into(), "h..s".into())]);
        let proxy = map(
            "kube-system",
            "extension-apiserver-authentication",
            json!({"requestheader-allowed-names": "[\"front-proxy-client\"]"}),
        );
        assert_eq!(proxy.front_proxies[0].allowed_names, ["front-proxy-client".into()]);
        let mesh = map("istio-system", "istio", json!({"mesh": "trustDomain: td\ntrustDomainAliases: [old, older]\n"}));
        assert_eq!((&*mesh.meshes[0].trust_domain, mesh.meshes[0].aliases.len()), ("td", 2));
        assert_eq!(&*map("istio-system", "istio-canary", json!({"mesh": "{}"})).meshes[0].trust_domain, "cluster.local");
    }

    #[test]
    fn bootstrap_tokens_check_what_they_signed_and_show_nothing() {
        let data =
            json!({"token-id": base64("abcdef"), "token-secret": base64("key"), "usage-bootstrap-signing": base64("true")});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "kube-system", "name": "bootstrap-token-abcdef"},
            "type": "bootstrap.kubernetes.io/token", "data": data});
        let token = facts(&secret).bootstrap_tokens.remove(0);
        // RFC 4231's form: HMAC-SHA-256 of "The quick brown fox jumps over the lazy dog" under "key".
        let tag: Vec<u8> = (0..32)
            .map(|at| {
                let hex = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
                u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()
            })
            .collect();
        let message = b"The quick brown fox jumps over the lazy dog";
        assert!(token.signs && token.key.signed(message, &tag) && !token.key.signed(b"another", &tag));
        assert!(!format!("{token:?}").contains("key\"") && format!("{:?}", token.key) == "SigningKey");
    }
}
