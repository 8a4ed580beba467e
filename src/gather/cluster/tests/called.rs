//! Services and their endpoints: where they are looked up, and when.

use super::*;
use crate::model::Facts;

/// What a server says of the cluster.
fn facts(server: &mut Server, scope: Scope, labels: Option<&str>) -> Facts {
    let mut found = Inventory::default();
    let (decoder, document) = (Decoder::new(Limits::default()), Document::new(OriginKind::Peer, "https://h:1"));
    let (timeout, out, step) = (Duration::ZERO, &mut found, &mut |_: &Progress<'_>| {});
    Reading { context: "c", server: &document, timeout, decoder: &decoder, out, step }
        .run(&Selection { scope, labels: labels.map(str::to_owned) }, server);
    found.facts
}

const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

fn list(kind: &str, items: &[serde_json::Value]) -> Reply {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    Reply::Is(
        200,
        None,
        JSON,
        format!(r#"{{"kind":"{kind}List","apiVersion":"v1","metadata":{{}},"items":[{}]}}"#, items.join(",")),
    )
}

/// A webhook configuration that calls Services of these namespaces.
fn calls(namespaces: &[&str]) -> Reply {
    let service = |namespace: &&str| serde_json::json!({"name": "a.b", "clientConfig": {"service": {"namespace": namespace, "name": "hook"}}});
    let webhooks: Vec<_> = namespaces.iter().map(service).collect();
    list("ValidatingWebhookConfiguration", &[serde_json::json!({"metadata": {"name": "w"}, "webhooks": webhooks})])
}

fn service(namespace: &str) -> serde_json::Value {
    serde_json::json!({"metadata": {"namespace": namespace, "name": "hook"}, "spec": {"clusterIP": "10.96.0.1"}})
}

#[test]
fn services_are_looked_up_where_they_are_called_and_after_who_calls() {
    let mut server = with_secrets([empty("SecretList")]);
    let metadata = serde_json::json!({"namespace": "a", "labels": {"kubernetes.io/service-name": "hook"}});
    server.replies.extend([
        (WEBHOOKS, [calls(&["b", "a", "b"])].into()),
        ("/api/v1/namespaces/a/services", VecDeque::from([list("Service", &[service("a")])])),
        ("/api/v1/namespaces/b/services", [empty("ServiceList")].into()),
        (
            "/apis/discovery.k8s.io/v1beta1/namespaces/a/endpointslices",
            [list("EndpointSlice", &[serde_json::json!({"metadata": metadata, "addressType": "IPv4"})])].into(),
        ),
        ("/api/v1/nodes", [list("Node", &[serde_json::json!({"metadata": {"name": "w1"}, "status": {}})])].into()),
    ]);
    let facts = facts(&mut server, Scope::Everything, Some("app=x"));
    assert_eq!((facts.services.len(), facts.nodes.len()), (1, 1));
    assert_eq!(facts.listed, ["a".into(), "b".into()]);
    let last = server.asked.iter().rev().take(7).rev().map(String::as_str).collect::<Vec<_>>();
    let slices =
        |version: &str, namespace: &str| format!("/apis/discovery.k8s.io/{version}/namespaces/{namespace}/endpointslices");
    let slices = ["v1", "v1beta1"].map(|version| ["a", "b"].map(|namespace| slices(version, namespace)));
    let expected = [
        "/api/v1/namespaces/a/services",
        "/api/v1/namespaces/b/services",
        &slices[0][0],
        &slices[1][0],
        &slices[0][1],
        &slices[1][1],
        "/version",
    ];
    assert_eq!(last, expected);
}

#[test]
fn of_single_namespaces_no_service_is_looked_up() {
    let hostile = serde_json::json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "w"}, "webhooks": [{"name": "a.b", "clientConfig": {"service": {"namespace": "b", "name": "hook"}}}]});
    let replies = vec![
        ("/api/v1/namespaces/a/secrets", [list("Secret", &[hostile])].into()),
        ("/api/v1/namespaces/a/configmaps", [empty("ConfigMapList")].into()),
    ];
    let mut server = Server { replies, ..Server::default() };
    facts(&mut server, Scope::Namespaces(vec!["a".into()]), None);
    assert_eq!(server.asked.last().unwrap(), "/version");
    // Certificates of cert-manager, Secrets, ConfigMaps and the version.
    assert_eq!(server.asked.len(), 4);
}

#[test]
fn no_service_is_looked_up_where_no_namespace_can_be_or_nobody_verifies() {
    let mut server = with_secrets([empty("SecretList")]);
    let skips = serde_json::json!({"metadata": {"name": "v1.x"}, "spec": {"service": {"namespace": "c", "name": "x"}, "insecureSkipTLSVerify": true}});
    server.replies.push((WEBHOOKS, [calls(&["../../secrets?x=", "A", "", "a/b", &"a".repeat(64)])].into()));
    server.replies.push(("/apis/apiregistration.k8s.io/v1/apiservices", [list("APIService", &[skips])].into()));
    facts(&mut server, Scope::Everything, None);
    assert!(!server.asked.iter().any(|asked| asked.contains("namespaces/")), "{:?}", server.asked);
    let many: Vec<String> = (0..1_000).map(|number| format!("n{number}")).collect();
    let mut server = with_secrets([empty("SecretList")]);
    server.replies.push((WEBHOOKS, [calls(&many.iter().map(String::as_str).collect::<Vec<_>>())].into()));
    facts(&mut server, Scope::Everything, None);
    assert_eq!(server.asked.iter().filter(|asked| asked.ends_with("/services")).count(), 256);
}

#[test]
fn services_that_may_not_be_listed_are_said_once() {
    let mut server = with_secrets([empty("SecretList")]);
    server.replies.push((WEBHOOKS, [calls(&["a", "b"])].into()));
    let no = || VecDeque::from([status(403, None, "services is forbidden: User \"x\" cannot list resource \"services\"")]);
    server.replies.extend([
        ("/api/v1/namespaces/a/services", no()),
        ("/api/v1/namespaces/b/services", no()),
        ("/api/v1/nodes", no()),
    ]);
    let resources = r#"{"kind":"APIResourceList","resources":[{"name":"nodes"},{"name":"services"}]}"#;
    server.replies.push(("/api/v1", [Reply::Is(200, None, JSON, resources.to_owned())].into()));
    let said = [
        "https://h:1 nodes may not be read: nodes, by x",
        "https://h:1 services may not be read: services in 2 namespaces (a, b), by x",
    ];
    assert_eq!(read(&mut server)[..], said);
}
