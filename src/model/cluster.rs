//! What objects and command lines say of a cluster besides its certificates: who dials whom by which name, and who may do what.

use super::backend::{ClusterNode, EndpointSlice, Service};
use super::peer::ServerVersion;
use super::{Document, ManagedCertificate};
use std::fmt;
use std::sync::Arc;

/// One such fact, as it is gathered.
#[derive(Clone, Debug)]
pub enum Fact {
    /// How a program of a host is started.
    Component(Component),
    /// A service that the API server calls.
    Call(Call),
    /// A ClusterRoleBinding.
    Binding(Binding),
    /// The ConfigMap kube-public/cluster-info.
    Discovery(Discovery),
    /// A bootstrap token, which signs cluster-info.
    BootstrapToken(BootstrapToken),
    /// The ConfigMap by which a kube-apiserver tells extension servers whom to believe.
    FrontProxy(FrontProxy),
    /// Istio's mesh configuration.
    Mesh(Mesh),
    /// A certificate that cert-manager renews.
    Managed(ManagedCertificate),
    /// The version of the API server that was asked for the rest.
    Version(ServerVersion),
    /// A Service.
    Service(Service),
    /// Endpoints of a Service.
    EndpointSlice(EndpointSlice),
    /// A node.
    Node(ClusterNode),
    /// A namespace all of whose Services were listed: one that is not among them does not exist.
    Listed(Box<str>),
}

/// A program of the cluster as it is started: a static pod, a systemd unit, a file of arguments, a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name: `kube-apiserver`, `etcd`.
    pub program: &'static str,
    /// The host, where several are looked at.
    pub host: Option<Arc<str>>,
    /// The tag of its image, as written: `v1.32.4`, `3.5.16-0`.
    pub version: Option<Box<str>>,
    /// Where it is written.
    pub written_in: Arc<str>,
    /// Its flags and their values, in order; a file's path as the reports show it. Of flags whose values may be secret there is none.
    pub settings: Vec<(&'static str, String)>,
}

impl Component {
    /// The values of a flag, in order.
    pub fn values<'c>(&'c self, flag: &str) -> impl Iterator<Item = &'c str> {
        self.settings.iter().filter(move |(name, _)| *name == flag).map(|(_, value)| value.as_str())
    }
}

/// A service that the API server calls: an admission webhook, a conversion webhook, an API server behind the aggregation layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The object that says so.
    pub document: Arc<Document>,
    /// The field of its CA bundle, whether it is there or not: `webhooks[a.b].clientConfig.caBundle`.
    pub field: Arc<str>,
    /// The webhook's own name, else the object's.
    pub name: Arc<str>,
    /// Where it leads.
    pub to: Destination,
    /// Whether a CA bundle is there at all.
    pub has_bundle: bool,
    /// `insecureSkipTLSVerify` of an APIService.
    pub skips_verification: bool,
}

/// Where a call leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A Service, dialled as `NAME.NAMESPACE.svc`.
    Service {
        /// Its namespace.
        namespace: Box<str>,
        /// Its name.
        name: Box<str>,
        /// Its port.
        port: u16,
    },
    /// A URL.
    Host {
        /// Its host.
        name: Box<str>,
        /// Its port.
        port: u16,
    },
}

impl Destination {
    /// The name that the server must have (kubernetes/apiserver pkg/util/webhook/client.go).
    #[must_use]
    pub fn server_name(&self) -> String {
        match self {
            Self::Service { namespace, name, .. } => format!("{name}.{namespace}.svc"),
            Self::Host { name, .. } => name.to_string(),
        }
    }
}

/// A ClusterRoleBinding: who has which ClusterRole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its name.
    pub name: Box<str>,
    /// The ClusterRole.
    pub role: Box<str>,
    /// The users among the subjects.
    pub users: Vec<Box<str>>,
    /// The groups among them.
    pub groups: Vec<Box<str>>,
}

/// The ConfigMap kube-public/cluster-info, by which joining nodes learn the cluster's CA. The certificates in its kubeconfig are
/// holdings of the same document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The ConfigMap.
    pub document: Arc<Document>,
    /// The very bytes that are signed: the value of `kubeconfig`.
    pub kubeconfig: Arc<str>,
    /// The signatures by token id: the values of `jws-kubeconfig-ID`.
    pub signatures: Vec<(Box<str>, Box<str>)>,
}

/// A bootstrap token (web:reference/access-authn-authz/bootstrap-tokens).
#[derive(Clone, Debug)]
pub struct BootstrapToken {
    /// Its Secret.
    pub document: Arc<Document>,
    /// `token-id`: public by design.
    pub id: Box<str>,
    /// When it ends.
    pub expires: Option<time::OffsetDateTime>,
    /// Whether it signs cluster-info (`usage-bootstrap-signing`).
    pub signs: bool,
    /// Checks what it signed.
    pub key: SigningKey,
}

/// A key that can check signatures and do nothing else: what it is made of cannot be seen.
#[derive(Clone)]
pub struct SigningKey(Arc<CheckSignature>);

/// Tells of a message and a signature whether the one is the other's.
type CheckSignature = dyn Fn(&[u8], &[u8]) -> bool + Send + Sync;

impl SigningKey {
    /// From the function of (message, signature) that tells whether the one is the other's.
    pub fn new(check: impl Fn(&[u8], &[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    /// Whether the key signed this message so.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.0)(message, signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// The ConfigMap kube-system/extension-apiserver-authentication. Its bundles are holdings of the same document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontProxy {
    /// The ConfigMap.
    pub document: Arc<Document>,
    /// `requestheader-allowed-names`; empty: any.
    pub allowed_names: Vec<Box<str>>,
}

/// Istio's mesh configuration (the ConfigMap `istio`, or one of a revision).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// The ConfigMap.
    pub document: Arc<Document>,
    /// `trustDomain`; without it `cluster.local`.
    pub trust_domain: Box<str>,
    /// `trustDomainAliases`.
    pub aliases: Vec<Box<str>>,
}

/// All facts by kind, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Programs as they are started.
    pub components: Vec<Component>,
    /// Services that the API server calls.
    pub calls: Vec<Call>,
    /// ClusterRoleBindings.
    pub bindings: Vec<Binding>,
    /// cluster-info.
    pub discoveries: Vec<Discovery>,
    /// Bootstrap tokens.
    pub bootstrap_tokens: Vec<BootstrapToken>,
    /// extension-apiserver-authentication.
    pub front_proxies: Vec<FrontProxy>,
    /// Istio's mesh configurations.
    pub meshes: Vec<Mesh>,
    /// Certificates that cert-manager renews.
    pub managed: Vec<ManagedCertificate>,
    /// Versions of API servers.
    pub versions: Vec<ServerVersion>,
    /// Services.
    pub services: Vec<Service>,
    /// Endpoints of Services.
    pub endpoint_slices: Vec<EndpointSlice>,
    /// Nodes.
    pub nodes: Vec<ClusterNode>,
    /// Namespaces all of whose Services were listed.
    pub listed: Vec<Box<str>>,
}

impl Facts {
    /// Adds one.
    pub fn push(&mut self, fact: Fact) {
        match fact {
            Fact::Component(component) => self.components.push(component),
            Fact::Call(call) => self.calls.push(call),
            Fact::Binding(binding) => self.bindings.push(binding),
            Fact::Discovery(discovery) => self.discoveries.push(discovery),
            Fact::BootstrapToken(token) => self.bootstrap_tokens.push(token),
            Fact::FrontProxy(front_proxy) => self.front_proxies.push(front_proxy),
            Fact::Mesh(mesh) => self.meshes.push(mesh),
            Fact::Managed(managed) => self.managed.push(managed),
            Fact::Version(version) => self.versions.push(version),
            Fact::Service(service) => self.services.push(service),
            Fact::EndpointSlice(slice) => self.endpoint_slices.push(slice),
            Fact::Node(node) => self.nodes.push(node),
            Fact::Listed(namespace) => self.listed.push(namespace),
        }
    }

    /// Every one, kind by kind.
    pub fn into_facts(self) -> impl Iterator<Item = Fact> {
        let components = self.components.into_iter().map(Fact::Component);
        let calls = self.calls.into_iter().map(Fact::Call);
        let bindings = self.bindings.into_iter().map(Fact::Binding);
        let discoveries = self.discoveries.into_iter().map(Fact::Discovery);
        let tokens = self.bootstrap_tokens.into_iter().map(Fact::BootstrapToken);
        let front_proxies = self.front_proxies.into_iter().map(Fact::FrontProxy);
        let meshes = self.meshes.into_iter().map(Fact::Mesh);
        let managed = self.managed.into_iter().map(Fact::Managed);
        let versions = self.versions.into_iter().map(Fact::Version);
        let signed = discoveries.chain(tokens).chain(front_proxies);
        let services = self.services.into_iter().map(Fact::Service);
        let slices = self.endpoint_slices.into_iter().map(Fact::EndpointSlice);
        let nodes = self.nodes.into_iter().map(Fact::Node);
        let behind = services.chain(slices).chain(nodes).chain(self.listed.into_iter().map(Fact::Listed));
        components.chain(calls).chain(bindings).chain(signed).chain(meshes).chain(managed).chain(versions).chain(behind)
    }
}
