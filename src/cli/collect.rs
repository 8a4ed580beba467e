//! What becomes of things as they are gathered: narrowed to a question (`inspect kubeconfig`, `inspect apiserver`, `inspect istio`), or
//! handed to two.

use crate::model::inventory::Host;
use crate::model::{Collect, Fact, GeneralName, Holding, Kubeconfig, OriginKind, Peer, Role, SigningRequest};

/// A narrower question: which places belong to it, and whether kubeconfigs and signing requests do. What could not be read belongs to
/// every question.
#[derive(Clone, Copy)]
pub(super) struct Keep {
    holding: fn(&Holding) -> bool,
    objects: Objects,
}

/// Which objects belong to a question besides places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Objects {
    /// Kubeconfigs and signing requests.
    All,
    /// Kubeconfigs.
    Kubeconfigs,
    /// Neither.
    None,
}

/// Everything.
pub(super) const EVERYTHING: Keep = Keep { holding: |_| true, objects: Objects::All };
/// Kubeconfigs, wherever they stand.
pub(super) const KUBECONFIGS: Keep = Keep { holding: in_kubeconfig, objects: Objects::Kubeconfigs };
/// The API server's files by role, and files that have no role because they were given by themselves.
pub(super) const APISERVER_FILES: Keep = Keep { holding: apiserver, objects: Objects::None };
/// Istio's places: by role, by name, by what its workloads are called.
pub(super) const ISTIO: Keep = Keep { holding: istio, objects: Objects::None };

fn in_kubeconfig(holding: &Holding) -> bool {
    let within = |list: &str| holding.origin.field.contains(list);
    holding.origin.document.kind == OriginKind::Kubeconfig || within(".users[") || within(".clusters[")
}

/// What a kube-apiserver holds and trusts.
const APISERVER: &[Role] = &[
    Role::Apiserver,
    Role::ApiserverSni,
    Role::ApiserverKubeletClient,
    Role::ApiserverEtcdClient,
    Role::FrontProxyClient,
    Role::ClusterCa,
    Role::ClientCa,
    Role::ServerCa,
    Role::FrontProxyCa,
    Role::EtcdCa,
    Role::ServiceAccountKey,
    Role::ServiceAccountPublicKey,
];

fn apiserver(holding: &Holding) -> bool {
    let by_itself = matches!(holding.origin.document.kind, OriginKind::File | OriginKind::Stdin);
    holding.origin.role.map_or(by_itself, |role| APISERVER.contains(&role))
}

fn istio(holding: &Holding) -> bool {
    let origin = &holding.origin;
    let by_role = matches!(origin.role, Some(Role::IstioCa | Role::IstioRoot | Role::IstioCaChain | Role::IstioWorkload));
    let name = origin.document.source.rsplit('/').next().unwrap_or_default();
    let by_name = name.starts_with("istio") || name == "cacerts";
    let workload = || {
        holding
            .certificates()
            .flat_map(|(_, certificate)| &certificate.sans)
            .any(|san| matches!(san, GeneralName::Uri(uri) if uri.starts_with("spiffe://")))
    };
    by_role || by_name || origin.document.kind == OriginKind::EnvoySecret || workload()
}

/// Passes on what belongs to the question.
pub(super) struct Narrowed<'a> {
    keep: Keep,
    out: &'a mut dyn Collect,
}

impl<'a> Narrowed<'a> {
    /// Passes on to `out`.
    pub(super) fn new(keep: Keep, out: &'a mut dyn Collect) -> Self {
        Self { keep, out }
    }
}

impl Collect for Narrowed<'_> {
    fn holding(&mut self, holding: Holding) {
        // A server is asked only if it was named for this question.
        let was_named = holding.origin.document.kind == OriginKind::Peer;
        if was_named || (self.keep.holding)(&holding) || holding.defects().next().is_some() {
            self.out.holding(holding);
        }
    }

    fn kubeconfig(&mut self, kubeconfig: Kubeconfig) {
        if self.keep.objects != Objects::None {
            self.out.kubeconfig(kubeconfig);
        }
    }

    fn signing_request(&mut self, request: SigningRequest) {
        if self.keep.objects == Objects::All {
            self.out.signing_request(request);
        }
    }

    fn host(&mut self, host: Host) {
        self.out.host(host);
    }

    fn peer(&mut self, peer: Peer) {
        self.out.peer(peer);
    }

    fn fact(&mut self, fact: Fact) {
        self.out.fact(fact);
    }

    fn examined(&mut self, count: u64) {
        self.out.examined(count);
    }
}

/// Hands everything to two collectors.
pub(super) struct Both<'a> {
    /// The first.
    pub(super) first: &'a mut dyn Collect,
    /// The second.
    pub(super) second: &'a mut dyn Collect,
}

impl Collect for Both<'_> {
    fn holding(&mut self, holding: Holding) {
        self.first.holding(holding.clone());
        self.second.holding(holding);
    }

    fn kubeconfig(&mut self, kubeconfig: Kubeconfig) {
        self.first.kubeconfig(kubeconfig.clone());
        self.second.kubeconfig(kubeconfig);
    }

    fn signing_request(&mut self, request: SigningRequest) {
        self.first.signing_request(request.clone());
        self.second.signing_request(request);
    }

    fn host(&mut self, host: Host) {
        self.first.host(host.clone());
        self.second.host(host);
    }

    fn peer(&mut self, peer: Peer) {
        self.first.peer(peer.clone());
        self.second.peer(peer);
    }

    fn fact(&mut self, fact: Fact) {
        self.first.fact(fact.clone());
        self.second.fact(fact);
    }

    fn examined(&mut self, count: u64) {
        self.first.examined(count);
        self.second.examined(count);
    }
}
