//! What stands behind the names that an API server dials: Services, EndpointSlices and nodes.
//!
//! The API server checks all of it before it is stored; a dump or a hostile server need not have. What no API server would have let
//! pass is no name, no address and no port, and so is what exceeds its limits.

use super::Object;
use crate::decode::node::Node;
use crate::decode::scribe::Scribe;
use crate::model::{ClusterNode, Collect, EndpointPort, EndpointSlice, Fact, Service, ServicePort, TargetPort};
use std::net::IpAddr;

/// A DNS name (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 253;
/// Ports of a Service or EndpointSlice (kubernetes/kubernetes pkg/apis/discovery/validation: `maxPorts` is 20,000, people have a dozen).
const MOST_PORTS: usize = 256;
/// Endpoints of a slice that are kept: as many as its controller puts there (`--max-endpoints-per-slice`).
const MOST_ENDPOINTS: usize = 100;
/// Addresses of a node.
const MOST_ADDRESSES: usize = 16;
/// `v1.32.4-eks-1234567`
const LONGEST_VERSION: usize = 64;

/// kubernetes/api core/v1 `ServiceSpec`.
pub(super) fn service(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let Some((namespace, name)) = names(object) else { return };
    let Some(spec) = object.node.field("spec") else { return };
    let is_external = spec.text(&["type"]) == Some("ExternalName");
    let external_name = spec.text(&["externalName"]).filter(|name| is_external && is_name(name)).map(Box::from);
    let ports = items(spec, "ports").iter().filter(|port| is_tcp(port)).take(MOST_PORTS).filter_map(service_port).collect();
    scribe.found.inventory.fact(Fact::Service(Service { namespace, name, external_name, ports }));
}

fn service_port(node: &Node<'_>) -> Option<ServicePort> {
    let port = node.field("port")?.port()?;
    let target = match node.field("targetPort") {
        Some(Node::Str(name)) => TargetPort::Name((**name).into()),
        Some(number) => TargetPort::Number(number.port()?),
        None => TargetPort::Number(port),
    };
    Some(ServicePort { name: port_name(node), port, target })
}

/// kubernetes/api discovery/v1 `EndpointSlice`; v1beta1 says the same in the same fields.
pub(super) fn endpoint_slice(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let Some((namespace, _)) = names(object) else { return };
    let label = object.node.path(&["metadata", "labels"]).and_then(|labels| labels.text(&["kubernetes.io/service-name"]));
    let Some(service) = label.filter(|name| is_name(name)).map(Box::from) else { return };
    let fits: fn(&IpAddr) -> bool = match object.node.text(&["addressType"]) {
        Some("IPv4") => IpAddr::is_ipv4,
        Some("IPv6") => IpAddr::is_ipv6,
        // FQDN: names are nobody's address.
        _ => return,
    };
    // A condition that is not there is to be taken for true.
    let is_ready = |endpoint: &&Node<'_>| endpoint.path(&["conditions", "ready"]).and_then(Node::bool).unwrap_or(true);
    // "Consumers of addresses must use the first" (EndpointSlice's own words: the others say the same).
    let ready = items(object.node, "endpoints").iter().filter(is_ready);
    let ready = ready.filter_map(|endpoint| items(endpoint, "addresses").first()?.str()?.parse().ok()).filter(fits);
    let ready = ready.take(MOST_ENDPOINTS).collect();
    let ports = items(object.node, "ports").iter().filter(|port| is_tcp(port)).take(MOST_PORTS).filter_map(endpoint_port);
    scribe.found.inventory.fact(Fact::EndpointSlice(EndpointSlice { namespace, service, ready, ports: ports.collect() }));
}

fn endpoint_port(node: &Node<'_>) -> Option<EndpointPort> {
    let port = match node.field("port") {
        Some(number) => Some(number.port()?),
        None => None,
    };
    Some(EndpointPort { name: port_name(node), port })
}

/// kubernetes/api core/v1 `NodeStatus`.
pub(super) fn node(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let (name, Some(status)) = (object.name, object.node.field("status")) else { return };
    if !object.site.is_outermost() || !is_name(name) {
        return;
    }
    let of_type = |wanted: &'static str| {
        let addresses = items(status, "addresses").iter().filter(move |address| address.text(&["type"]) == Some(wanted));
        addresses.filter_map(|address| address.text(&["address"])?.parse().ok())
    };
    let port = status.path(&["daemonEndpoints", "kubeletEndpoint", "Port"]).and_then(Node::port);
    let version = status.text(&["nodeInfo", "kubeletVersion"]).filter(|version| version.len() <= LONGEST_VERSION);
    scribe.found.inventory.fact(Fact::Node(ClusterNode {
        name: name.into(),
        addresses: of_type("InternalIP").chain(of_type("ExternalIP")).take(MOST_ADDRESSES).collect(),
        kubelet_version: version.map(Box::from),
        kubelet_port: port.unwrap_or(ClusterNode::KUBELET_PORT),
    }));
}

/// Namespace and name of an object that is no value of another one.
fn names(object: &Object<'_>) -> Option<(Box<str>, Box<str>)> {
    let namespace = object.node.text(&["metadata", "namespace"])?;
    let fits = object.site.is_outermost() && is_name(namespace) && is_name(object.name);
    fits.then(|| (namespace.into(), object.name.into()))
}

fn items<'n>(node: &'n Node<'n>, field: &str) -> &'n [Node<'n>] {
    node.field(field).map_or(&[], Node::items)
}

/// RFC 1123: small letters, digits, hyphens, dots.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_tcp(port: &Node<'_>) -> bool {
    port.text(&["protocol"]).is_none_or(|protocol| protocol == "TCP")
}

fn port_name(node: &Node<'_>) -> Box<str> {
    node.text(&["name"]).filter(|name| is_name(name)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::named;
    use crate::model::{EndpointPort, Facts, ServicePort, TargetPort};
    use serde_json::{Value, json};
    use std::net::IpAddr;

    fn facts(object: &Value) -> Facts {
        named(object.to_string()).inventory.facts
    }

    fn service(namespace: &str, spec: &Value) -> Facts {
        facts(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": "hook"}, "spec": spec}))
    }

    fn slice(version: &str, kind: &str, endpoints: &Value) -> Facts {
        let metadata = json!({"namespace": "web", "name": "hook-x1", "labels": {"kubernetes.io/service-name": "hook"}});
        let ports = json!([{"name": "https", "port": 9443, "protocol": "TCP"}, {"name": "any"}, {"name": "u", "port": 53, "protocol": "UDP"}]);
        facts(&json!({"apiVersion": version, "kind": "EndpointSlice", "metadata": metadata, "addressType": kind,
            "endpoints": endpoints, "ports": ports}))
    }

    #[test]
    fn services_have_ports_that_lead_somewhere() {
        let ports = json!([{"name": "https", "port": 443, "targetPort": 9443}, {"name": "named", "port": 8443, "targetPort": "web"},
            {"name": "same", "port": 6443}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
        let found = service("web", &json!({"type": "ClusterIP", "externalName": "not.meant", "ports": ports})).services.remove(0);
        let port = |name: &str, port, target| ServicePort { name: name.into(), port, target };
        assert_eq!((&*found.namespace, &*found.name, found.external_name), ("web", "hook", None));
        let expected = [
            port("https", 443, TargetPort::Number(9443)),
            port("named", 8443, TargetPort::Name("web".into())),
            port("same", 6443, TargetPort::Number(6443)),
        ];
        assert_eq!(found.ports, expected);
        let external = service("web", &json!({"type": "ExternalName", "externalName": "hook.example.org"})).services.remove(0);
        assert_eq!(external.external_name.as_deref(), Some("hook.example.org"));
    }

    #[test]
    fn endpoints_that_are_ready_have_addresses() {
        let endpoints = json!([{"addresses": ["10.0.0.1", "10.0.0.9"], "conditions": {"ready": true}}, {"addresses": ["10.0.0.2"]},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": false}}, {"addresses": ["fd00::1"]}, {"addresses": ["x"]}, {}]);
        for version in ["discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"] {
            let found = slice(version, "IPv4", &endpoints).endpoint_slices.remove(0);
            assert_eq!((&*found.namespace, &*found.service), ("web", "hook"));
            assert_eq!(found.ready, ["10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap()));
            let port = |name: &str, port| EndpointPort { name: name.into(), port };
            assert_eq!(found.ports, [port("https", Some(9443)), port("any", None)]);
        }
        assert!(slice("discovery.k8s.io/v1", "FQDN", &endpoints).endpoint_slices.is_empty());
        assert!(slice("example.com/v1", "IPv4", &endpoints).endpoint_slices.is_empty());
    }

    fn node(status: &Value) -> Facts {
        facts(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w1"}, "status": status}))
    }

    #[test]
    fn nodes_have_kubelets() {
        let addresses = json!([{"type": "Hostname", "address": "w1"}, {"type": "ExternalIP", "address": "203.0.113.1"}, {"type": "InternalIP", "address": "10.0.0.1"}]);
        let status = json!({"addresses": addresses, "nodeInfo": {"kubeletVersion": "v1.32.4"}, "daemonEndpoints": {"kubeletEndpoint": {"Port": 10255}}});
        let found = node(&status).nodes.remove(0);
        assert_eq!((&*found.name, found.kubelet_version.as_deref()), ("w1", Some("v1.32.4")));
        assert_eq!(found.kubelet().unwrap().to_string(), "10.0.0.1:10255");
        let found = node(&json!({"addresses": [{"type": "ExternalIP", "address": "2001:db8::1"}]})).nodes.remove(0);
        assert_eq!(found.kubelet().unwrap().to_string(), "[2001:db8::1]:10250");
        assert_eq!(node(&json!({})).nodes.remove(0).kubelet(), None);
    }

    #[test]
    fn what_no_api_server_stores_is_refused_quietly() {
        assert!(service("../kube-system", &json!({})).services.is_empty());
        assert!(service(&"a".repeat(300), &json!({})).services.is_empty());
        let ports = json!([{"port": 0}, {"port": -1}, {"port": 65536}, {"port": "443"}, {"port": 1e3}, {"port": 443, "targetPort": 70000}, 7, null]);
        assert!(service("web", &json!({"ports": ports})).services.remove(0).ports.is_empty());
        let many: Vec<Value> = (0..10_000).map(|_| json!({"addresses": ["10.0.0.1"]})).collect();
        assert_eq!(slice("discovery.k8s.io/v1", "IPv4", &json!(many)).endpoint_slices.remove(0).ready.len(), 100);
        let status =
            json!({"nodeInfo": {"kubeletVersion": "v".repeat(100)}, "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}});
        let found = node(&status).nodes.remove(0);
        assert_eq!((found.kubelet_version, found.kubelet_port), (None, 10250));
    }

    #[test]
    fn typed_lists_and_yaml_hold_them_too() {
        let list =
            |kind: &str, item: Value| named(format!(r#"{{"kind":"{kind}","apiVersion":"v1","items":[{item}]}}"#)).inventory.facts;
        let metadata = json!({"namespace": "web", "name": "hook", "labels": {"kubernetes.io/service-name": "hook"}});
        assert_eq!(list("ServiceList", json!({"metadata": metadata, "spec": {}})).services.len(), 1);
        assert_eq!(list("EndpointSliceList", json!({"metadata": metadata, "addressType": "IPv6"})).endpoint_slices.len(), 1);
        assert_eq!(list("NodeList", json!({"metadata": {"name": "w1"}, "status": {}})).nodes.len(), 1);
        let yaml = "apiVersion: v1\nkind: Service\nmetadata: {namespace: web, name: hook}\nspec:\n  ports:\n  - port: 443\n    targetPort: 9443\n";
        let found = named(yaml).inventory.facts.services.remove(0);
        assert_eq!(found.ports[0].target, TargetPort::Number(9443));
    }
}
