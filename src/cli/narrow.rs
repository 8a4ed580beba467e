//! Narrower questions: which places `inspect kubeconfig`, `inspect apiserver` and `inspect istio` keep of what was gathered.

use crate::model::inventory::Host;
use crate::model::{Collect, GeneralName, Holding, Kubeconfig, OriginKind, Role, SigningRequest};

/// Whether a place belongs to the question.
pub(super) type Keep = fn(&Holding) -> bool;

/// Every place.
#[must_use]
pub(super) fn everything(_: &Holding) -> bool {
    true
}

/// Places in kubeconfigs, wherever they stand.
#[must_use]
pub(super) fn kubeconfigs(holding: &Holding) -> bool {
    let within = |list: &str| holding.origin.field.contains(list);
    let defect_of_a_file = holding.certificates().next().is_none() && holding.defects().next().is_some();
    holding.origin.document.kind == OriginKind::Kubeconfig || within(".users[") || within(".clusters[") || defect_of_a_file
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

/// The API server's files by role, and files that have no role because they were given by themselves.
#[must_use]
pub(super) fn apiserver(holding: &Holding) -> bool {
    let by_itself = matches!(holding.origin.document.kind, OriginKind::File | OriginKind::Stdin);
    holding.origin.role.map_or(by_itself, |role| APISERVER.contains(&role))
}

/// Istio's places: by role, by name, by what its workloads are called.
#[must_use]
pub(super) fn istio(holding: &Holding) -> bool {
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
        if (self.keep)(&holding) {
            self.out.holding(holding);
        }
    }

    fn kubeconfig(&mut self, kubeconfig: Kubeconfig) {
        self.out.kubeconfig(kubeconfig);
    }

    fn signing_request(&mut self, request: SigningRequest) {
        self.out.signing_request(request);
    }

    fn host(&mut self, host: Host) {
        self.out.host(host);
    }

    fn examined(&mut self, count: u64) {
        self.out.examined(count);
    }
}
