//! What stands behind the names that an API server dials: Services, the addresses of their endpoints, and nodes.

use std::net::{IpAddr, SocketAddr};

/// A Service (kubernetes/api core/v1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The name that it stands for, of the type ExternalName. Whoever answers there is still asked for `NAME.NAMESPACE.svc`
    /// (kubernetes/apiserver pkg/util/webhook/client.go).
    pub external_name: Option<Box<str>>,
    /// Its ports over TCP.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name, which the ports of its EndpointSlices have too; empty where there is only one.
    pub name: Box<str>,
    /// The port that is dialled.
    pub port: u16,
    /// Where it leads.
    pub target: TargetPort,
}

/// `targetPort` of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// This port; without one that of the Service.
    Number(u16),
    /// The port that a pod's container has under this name.
    Name(Box<str>),
}

/// Some of a Service's endpoints (kubernetes/api discovery/v1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Its namespace, and the Service's.
    pub namespace: Box<str>,
    /// The Service (`kubernetes.io/service-name`).
    pub service: Box<str>,
    /// The addresses of those that are ready.
    pub ready: Vec<IpAddr>,
    /// Their ports over TCP.
    pub ports: Vec<EndpointPort>,
}

/// A port of an EndpointSlice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPort {
    /// The name of the Service's port.
    pub name: Box<str>,
    /// The port; without one any.
    pub port: Option<u16>,
}

/// A node (kubernetes/api core/v1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its name.
    pub name: Box<str>,
    /// Its addresses, internal ones first.
    pub addresses: Vec<IpAddr>,
    /// The version of its kubelet: `v1.32.4`.
    pub kubelet_version: Option<Box<str>>,
    /// The port of its kubelet.
    pub kubelet_port: u16,
}

impl ClusterNode {
    /// The port of a kubelet that tells none (kubernetes/kubernetes pkg/cluster/ports: `KubeletPort`).
    pub const KUBELET_PORT: u16 = 10250;

    /// Where its kubelet listens.
    #[must_use]
    pub fn kubelet(&self) -> Option<SocketAddr> {
        self.addresses.first().map(|address| SocketAddr::new(*address, self.kubelet_port))
    }
}
