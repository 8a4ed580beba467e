//! What checks look at: the graph, the policy, and what several of them ask for, each found out once and only if it is asked for.

use super::handshakes::behind::Index as Behind;
use super::pairs::Pairs;
use super::{Policy, keys, upgrade};
use crate::chain::{Graph, NodeId, SignatureCheck};
use crate::model::{
    Certificate, ClusterNode, Code, Content, Defect, Document, Holding, Inventory, Kubeconfig, Managed, Origin, OriginKind, Peer,
    Role, Slot,
};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// Up to this many different certificates every link is confirmed by its signature. Beyond it, in dumps of whole clusters, names and
/// key identifiers that agree are taken for a link unless something hinges on it: 18,000 ECDSA checks take longer than reading 400 MB.
const CONFIRM_ALL: usize = 2_000;

/// What checks look at.
pub struct Context<'a> {
    pub(super) graph: &'a Graph<'a>,
    pub(super) inventory: &'a Inventory,
    pub(super) policy: &'a Policy,
    /// More certificates than [`CONFIRM_ALL`].
    pub(super) large: bool,
    pairs: OnceLock<Pairs>,
    trusted: OnceLock<HashSet<NodeId>>,
    issuers: OnceLock<HashSet<NodeId>>,
    documents: OnceLock<HashMap<DocumentName<'a>, Vec<&'a Holding>>>,
    kubelets: OnceLock<HashSet<String>>,
    peers: OnceLock<Vec<(&'a Peer, &'a Holding)>>,
    behind: OnceLock<Behind<'a>>,
    answered: OnceLock<HashSet<&'a str>>,
    present: OnceLock<upgrade::Version>,
    key_faults: OnceLock<KeyFaults<'a>>,
    secrets: OnceLock<HashMap<&'a str, Vec<&'a Holding>>>,
    hosts: OnceLock<HashMap<Option<&'a str>, Vec<&'a Holding>>>,
    roles: OnceLock<HashMap<Role, Vec<&'a Holding>>>,
    authentication: OnceLock<Vec<&'a Holding>>,
    defects: OnceLock<HashMap<Code, Vec<(u32, u32)>>>,
    outside_secrets: OnceLock<Vec<&'a Holding>>,
    published: OnceLock<Vec<&'a Holding>>,
    managed: OnceLock<Managed<'a>>,
}

/// First certificates whose keys are at fault, by where their place is in memory.
type KeyFaults<'a> = HashMap<usize, (keys::KeyFault, &'a Arc<Certificate>)>;

/// What makes a document the same one, though the files it refers to differ: kind, source, host.
type DocumentName<'a> = (OriginKind, &'a str, Option<&'a str>);

fn document_name(document: &Document) -> DocumentName<'_> {
    (document.kind, &document.source, document.host.as_deref())
}

impl<'a> Context<'a> {
    pub(super) fn new(graph: &'a Graph<'a>, policy: &'a Policy) -> Self {
        Self {
            graph,
            inventory: graph.inventory(),
            policy,
            large: graph.nodes().nth(CONFIRM_ALL).is_some(),
            pairs: OnceLock::new(),
            trusted: OnceLock::new(),
            issuers: OnceLock::new(),
            documents: OnceLock::new(),
            kubelets: OnceLock::new(),
            peers: OnceLock::new(),
            behind: OnceLock::new(),
            answered: OnceLock::new(),
            present: OnceLock::new(),
            key_faults: OnceLock::new(),
            secrets: OnceLock::new(),
            hosts: OnceLock::new(),
            roles: OnceLock::new(),
            authentication: OnceLock::new(),
            defects: OnceLock::new(),
            outside_secrets: OnceLock::new(),
            published: OnceLock::new(),
            managed: OnceLock::new(),
        }
    }

    /// Everything that stands in a document, or in files that it refers to.
    pub(super) fn document<'s>(&'s self, document: &'s Document) -> &'s [&'a Holding] {
        let index = self.documents.get_or_init(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for holding in &self.inventory.holdings {
                index.entry(document_name(&holding.origin.document)).or_default().push(holding);
            }
            index
        });
        index.get(&document_name(document)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Certificates whose keys are at fault, found out once.
    pub(super) fn key_faults(&self, find: impl FnOnce() -> KeyFaults<'a>) -> &KeyFaults<'a> {
        self.key_faults.get_or_init(find)
    }

    /// Every place but those in Secrets that have no job: of a large dump nearly all are such, and most checks ask for something else.
    pub(super) fn outside_secrets(&self) -> impl Iterator<Item = &'a Holding> + Clone + use<'_, 'a> {
        let found = self.outside_secrets.get_or_init(|| {
            let is_one = |holding: &&Holding| holding.origin.role.is_some() || holding.origin.document.kind != OriginKind::Secret;
            self.inventory.holdings.iter().filter(is_one).collect()
        });
        found.iter().copied()
    }

    /// What objects give workloads to believe, found once.
    pub(super) fn published(&self, find: impl FnOnce() -> Vec<&'a Holding>) -> &[&'a Holding] {
        self.published.get_or_init(find)
    }

    /// Every place with a job, by host.
    pub(super) fn by_host(&self) -> &HashMap<Option<&'a str>, Vec<&'a Holding>> {
        self.hosts.get_or_init(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for holding in self.outside_secrets().filter(|holding| holding.origin.role.is_some()) {
                index.entry(holding.origin.document.host.as_deref()).or_default().push(holding);
            }
            index
        })
    }

    /// Every place with a job on a host.
    pub(super) fn on<'s>(&'s self, host: Option<&'s str>) -> &'s [&'a Holding] {
        self.by_host().get(&host).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every place with a job.
    pub(super) fn with_role(&self, role: Role) -> &[&'a Holding] {
        let index = self.roles.get_or_init(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for holding in self.outside_secrets() {
                if let Some(role) = holding.origin.role {
                    index.entry(role).or_default().push(holding);
                }
            }
            index
        });
        index.get(&role).map(Vec::as_slice).unwrap_or_default()
    }

    /// What kube-system/extension-apiserver-authentication holds, found once: every API server at hand asks for it.
    pub(super) fn authentication(&self) -> &[&'a Holding] {
        self.authentication.get_or_init(|| {
            let is_it = |holding: &Holding| {
                let document = &holding.origin.document;
                document.kind == OriginKind::ConfigMap && &*document.source == "kube-system/extension-apiserver-authentication"
            };
            self.outside_secrets().filter(|holding| is_it(holding)).collect()
        })
    }

    /// The defects with this code, each with its place and its number there: one walk for all codes.
    pub(super) fn defects(&self, code: Code) -> impl Iterator<Item = (&'a Holding, u32, &'a Defect)> {
        let index = self.defects.get_or_init(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for (holding, place) in self.inventory.holdings.iter().zip(0_u32..) {
                for (at, defect) in holding.defects() {
                    index.entry(defect.kind.code()).or_default().push((place, u32::try_from(at).unwrap_or(u32::MAX)));
                }
            }
            index
        });
        let found = index.get(&code).map(Vec::as_slice).unwrap_or_default();
        let inventory = self.inventory;
        found.iter().filter_map(move |(place, at)| {
            let holding = inventory.holdings.get(usize::try_from(*place).ok()?)?;
            match holding.contents.get(usize::try_from(*at).ok()?)? {
                Content::Defect(defect) => Some((holding, *at, &**defect)),
                _ => None,
            }
        })
    }

    /// What cert-manager renews.
    pub(super) fn managed(&self) -> &Managed<'a> {
        self.managed.get_or_init(|| Managed::of(&self.inventory.facts))
    }

    /// What Secrets of a namespace hold.
    pub(super) fn secrets_in(&self, namespace: &str) -> &[&'a Holding] {
        let index = self.secrets.get_or_init(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for holding in self.inventory.holdings.iter().filter(|holding| holding.origin.document.kind == OriginKind::Secret) {
                let namespace = holding.origin.document.source.split_once('/').map_or("", |(namespace, _)| namespace);
                index.entry(namespace).or_default().push(holding);
            }
            index
        });
        index.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    /// The kubeconfigs that somebody uses: that of cluster-info has codes of its own.
    pub(super) fn kubeconfigs(&self) -> impl Iterator<Item = &'a Kubeconfig> {
        let published = |kubeconfig: &&Kubeconfig| {
            let discoveries = self.inventory.facts.discoveries.iter();
            discoveries.into_iter().any(|discovery| Arc::ptr_eq(&discovery.document, &kubeconfig.document))
        };
        self.inventory.kubeconfigs.iter().filter(move |kubeconfig| !published(kubeconfig))
    }

    /// Certificates to be presented and the keys that lie beside them.
    pub(super) fn pairs(&self) -> &Pairs {
        self.pairs.get_or_init(|| Pairs::of(self.inventory))
    }

    /// The cluster's present version, found out once.
    pub(super) fn present(&self, find: impl FnOnce() -> upgrade::Version) -> upgrade::Version {
        *self.present.get_or_init(find)
    }

    /// The endpoints of the kubelets of all nodes.
    pub(super) fn kubelets(&self) -> &HashSet<String> {
        let endpoint = |node: &ClusterNode| node.kubelet().map(|kubelet| kubelet.to_string());
        self.kubelets.get_or_init(|| self.inventory.facts.nodes.iter().filter_map(endpoint).collect())
    }

    /// Services and what answered for them.
    pub(super) fn behind(&self) -> &Behind<'a> {
        self.behind.get_or_init(|| Behind::of(self))
    }

    /// Conversations, with what each presented.
    pub(super) fn peers(&self) -> impl Iterator<Item = (&'a Peer, &'a Holding)> {
        let peers = self.peers.get_or_init(|| {
            let served = self.outside_secrets().filter(|holding| holding.origin.document.kind == OriginKind::Peer);
            let places: HashMap<_, _> = served.map(|holding| (holding.origin.place(), holding)).collect();
            let conversations = self.inventory.peers.iter();
            conversations.filter_map(|peer| Some((peer, *places.get(&peer.origin.place())?))).collect()
        });
        peers.iter().copied()
    }

    /// Whether a conversation with an endpoint came to a good end, at one of its addresses.
    pub(super) fn has_answered(&self, endpoint: &str) -> bool {
        let answered = self.answered.get_or_init(|| {
            let went_well = |(peer, holding): &(&Peer, &Holding)| {
                peer.session.is_some() && !holding.defects().any(|(_, defect)| defect.kind.is_of_server())
            };
            self.peers().filter(went_well).map(|(peer, _)| &*peer.origin.document.source).collect()
        });
        answered.contains(endpoint)
    }

    /// Every place where a node's certificate stands, with its index there.
    pub(super) fn places(&self, node: NodeId) -> impl Iterator<Item = (&'a Holding, u32)> {
        let inventory = self.inventory;
        self.graph.occurrences(node).iter().filter_map(move |(holding, index)| {
            inventory.holdings.get(usize::try_from(*holding).unwrap_or(usize::MAX)).map(|holding| (holding, *index))
        })
    }

    /// The places of a node as a finding carries them.
    pub(super) fn origins(&self, node: NodeId) -> Vec<(Origin, u32)> {
        self.places(node).map(|(holding, index)| (holding.origin.clone(), index)).collect()
    }

    /// Whether somebody trusts the node by itself: it stands in a trust bundle somewhere.
    pub(super) fn is_trusted(&self, node: NodeId) -> bool {
        let trusted = self.trusted.get_or_init(|| {
            let bundles = self.inventory.holdings.iter().filter(|holding| holding.origin.slot == Slot::Trust);
            bundles.flat_map(Holding::certificates).filter_map(|(_, certificate)| self.graph.node(&certificate.id)).collect()
        });
        trusted.contains(&node)
    }

    /// Whether the node may have issued something in the inventory.
    pub(super) fn is_issuer(&self, node: NodeId) -> bool {
        let issuers = self.issuers.get_or_init(|| {
            self.graph.nodes().flat_map(|(below, _)| self.graph.candidates(below)).map(|link| link.issuer).collect()
        });
        issuers.contains(&node)
    }

    /// Whether something in the inventory issued the node, as surely as its size allows (see [`CONFIRM_ALL`]).
    pub(super) fn has_issuer(&self, node: NodeId) -> bool {
        self.graph.candidates(node).iter().any(|link| {
            (self.large && link.key_id == Some(true)) || self.graph.signature(node, link.issuer) == SignatureCheck::Valid
        }) || !self.graph.issuers(node).is_empty()
    }
}
