//! What is wrong: every check of [`checks::CHECKS`], over (graph, policy).
//!
//! A check looks at the whole inventory and adds findings. The same fault at several places is one finding with several origins:
//! `Findings` merges what says the same.

mod chain;
pub mod checks;
mod dates;
mod findings;
mod front_proxy;
mod handshakes;
mod hosts;
mod input;
mod istio;
mod keys;
mod kubeconfig;
mod kubelets;
pub mod loopback;
mod objects;
mod pairs;
mod peers;
mod places;
pub mod policy;
mod renewal;
mod replaced;
mod rights;
pub mod served;
pub mod trust;
pub mod upgrade;
mod usage;

pub use checks::{Area, CHECKS, Check, check};
pub use policy::{Margins, Policy, Standing, Threshold};
pub use upgrade::{Note, Upgrade};

use crate::chain::{Graph, NodeId, SignatureCheck};
use crate::model::{
    Certificate, ClusterNode, Code, Document, Finding, Handshake, Holding, Inventory, Kubeconfig, Origin, OriginKind, Peer, Role,
    Severity, Sha256, Slot,
};
use findings::Findings;
use handshakes::behind::Index as Behind;
use pairs::Pairs;
use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

/// The outcome of an audit.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// The findings, worst first; within a severity in the order of [`CHECKS`].
    pub findings: Vec<Finding>,
    /// The handshakes of the cluster, judged, in the order of the table; only [`preflight`] lists them.
    pub handshakes: Vec<Handshake>,
    /// What an upgrade brings; only [`preflight`] tells.
    pub upgrade: Upgrade,
    /// The CAs by which nodes join, as `kubeadm join --discovery-token-ca-cert-hash` wants them: SHA-256 of each one's
    /// SubjectPublicKeyInfo. Only [`preflight`] tells, and only where cluster-info is among the sources.
    pub discovery_hashes: Vec<Sha256>,
}

impl Audit {
    /// The worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// This one and another, of clusters that have nothing to do with each other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.findings.extend(other.findings);
        findings::sort(&mut self.findings);
        self.handshakes.extend(other.handshakes);
        self.upgrade = self.upgrade.and(other.upgrade);
        self.discovery_hashes.extend(other.discovery_hashes);
        self
    }
}

/// Runs every check.
#[must_use]
pub fn audit(graph: &Graph<'_>, policy: &Policy) -> Audit {
    let mut findings = preflight(graph, policy).findings;
    for finding in &mut findings {
        finding.handshakes.clear();
    }
    Audit { findings, ..Audit::default() }
}

/// Runs every check, and says of each handshake of the cluster whether it comes off and until when.
#[must_use]
pub fn preflight(graph: &Graph<'_>, policy: &Policy) -> Audit {
    let context = Context::new(graph, policy);
    let next = AtomicUsize::new(0);
    let threads = if context.large { thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS) } else { 1 };
    let (found, mut handshakes) = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| run(&context, &next))).collect();
        let handshakes = handshakes::judged(&context);
        let own = run(&context, &next);
        let all = others.into_iter().fold(own, |all, other| all.and(other.join().unwrap_or_else(|panic| resume_unwind(panic))));
        (all, handshakes)
    });
    let mut findings = found.finish();
    handshakes::explain::refuse(&mut handshakes, &findings);
    handshakes::explain::explain(&handshakes, &mut findings);
    handshakes::explain::fold(&context, &mut findings);
    replaced::fold(&context, &mut findings);
    findings::sort(&mut findings);
    let discovery_hashes = handshakes::discovery::ca_hashes(&context);
    Audit { findings, handshakes, upgrade: upgrade::of(&context), discovery_hashes }
}

/// Which private key belongs beside which certificate: positions in the inventory's holdings, those of certificates with a key.
#[must_use]
pub fn keys_of(inventory: &Inventory) -> Vec<(usize, usize)> {
    Pairs::of(inventory).0.into_iter().filter_map(|pair| Some((pair.credential, pair.key?))).collect()
}

/// Runs the checks of these codes alone.
#[must_use]
pub fn audit_for(graph: &Graph<'_>, policy: &Policy, codes: &[Code]) -> Audit {
    let context = Context::new(graph, policy);
    let mut findings = Findings::default();
    for check in CHECKS.iter().filter(|check| codes.contains(&check.code)) {
        (check.run)(&context, &mut findings);
    }
    Audit { findings: findings.finish(), ..Audit::default() }
}

/// Checks are independent of each other; over a large inventory several threads take one after another.
const MOST_THREADS: usize = 8;

fn run(context: &Context<'_>, next: &AtomicUsize) -> Findings {
    let mut findings = Findings::default();
    while let Some(check) = CHECKS.get(next.fetch_add(1, Ordering::Relaxed)) {
        (check.run)(context, &mut findings);
    }
    findings
}

/// Up to this many different certificates every link is confirmed by its signature. Beyond it, in dumps of whole clusters, names and
/// key identifiers that agree are taken for a link unless something hinges on it: 18,000 ECDSA checks take longer than reading 400 MB.
const CONFIRM_ALL: usize = 2_000;

/// What checks look at.
pub struct Context<'a> {
    graph: &'a Graph<'a>,
    inventory: &'a Inventory,
    policy: &'a Policy,
    /// More certificates than [`CONFIRM_ALL`].
    large: bool,
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
}

/// First certificates whose keys are at fault, by where their place is in memory.
type KeyFaults<'a> = HashMap<usize, (keys::KeyFault, &'a Arc<Certificate>)>;

/// What makes a document the same one, though the files it refers to differ: kind, source, host.
type DocumentName<'a> = (OriginKind, &'a str, Option<&'a str>);

fn document_name(document: &Document) -> DocumentName<'_> {
    (document.kind, &document.source, document.host.as_deref())
}

impl<'a> Context<'a> {
    fn new(graph: &'a Graph<'a>, policy: &'a Policy) -> Self {
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
        }
    }

    /// Everything that stands in a document, or in files that it refers to.
    fn document<'s>(&'s self, document: &'s Document) -> &'s [&'a Holding] {
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
    fn key_faults(&self, find: impl FnOnce() -> KeyFaults<'a>) -> &KeyFaults<'a> {
        self.key_faults.get_or_init(find)
    }

    /// Every place with a job on a host.
    fn on<'s>(&'s self, host: Option<&'s str>) -> &'s [&'a Holding] {
        let index = self.hosts.get_or_init(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for holding in self.inventory.holdings.iter().filter(|holding| holding.origin.role.is_some()) {
                index.entry(holding.origin.document.host.as_deref()).or_default().push(holding);
            }
            index
        });
        index.get(&host).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every place with a job.
    fn with_role(&self, role: Role) -> &[&'a Holding] {
        let index = self.roles.get_or_init(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for holding in &self.inventory.holdings {
                if let Some(role) = holding.origin.role {
                    index.entry(role).or_default().push(holding);
                }
            }
            index
        });
        index.get(&role).map(Vec::as_slice).unwrap_or_default()
    }

    /// What kube-system/extension-apiserver-authentication holds, found once: every API server at hand asks for it.
    fn authentication(&self) -> &[&'a Holding] {
        self.authentication.get_or_init(|| {
            let is_it = |holding: &&Holding| {
                let document = &holding.origin.document;
                document.kind == OriginKind::ConfigMap && &*document.source == "kube-system/extension-apiserver-authentication"
            };
            self.inventory.holdings.iter().filter(is_it).collect()
        })
    }

    /// What Secrets of a namespace hold.
    fn secrets_in(&self, namespace: &str) -> &[&'a Holding] {
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
    fn kubeconfigs(&self) -> impl Iterator<Item = &'a Kubeconfig> {
        let published = |kubeconfig: &&Kubeconfig| {
            let discoveries = self.inventory.facts.discoveries.iter();
            discoveries.into_iter().any(|discovery| Arc::ptr_eq(&discovery.document, &kubeconfig.document))
        };
        self.inventory.kubeconfigs.iter().filter(move |kubeconfig| !published(kubeconfig))
    }

    /// Certificates to be presented and the keys that lie beside them.
    fn pairs(&self) -> &Pairs {
        self.pairs.get_or_init(|| Pairs::of(self.inventory))
    }

    /// The cluster's present version, found out once.
    fn present(&self, find: impl FnOnce() -> upgrade::Version) -> upgrade::Version {
        *self.present.get_or_init(find)
    }

    /// The endpoints of the kubelets of all nodes.
    fn kubelets(&self) -> &HashSet<String> {
        let endpoint = |node: &ClusterNode| node.kubelet().map(|kubelet| kubelet.to_string());
        self.kubelets.get_or_init(|| self.inventory.facts.nodes.iter().filter_map(endpoint).collect())
    }

    /// Services and what answered for them.
    fn behind(&self) -> &Behind<'a> {
        self.behind.get_or_init(|| Behind::of(self))
    }

    /// Conversations, with what each presented.
    fn peers(&self) -> impl Iterator<Item = (&'a Peer, &'a Holding)> {
        let peers = self.peers.get_or_init(|| {
            let served = self.inventory.holdings.iter().filter(|holding| holding.origin.document.kind == OriginKind::Peer);
            let places: HashMap<_, _> = served.map(|holding| (holding.origin.place(), holding)).collect();
            let conversations = self.inventory.peers.iter();
            conversations.filter_map(|peer| Some((peer, *places.get(&peer.origin.place())?))).collect()
        });
        peers.iter().copied()
    }

    /// Whether a conversation with an endpoint came to a good end, at one of its addresses.
    fn has_answered(&self, endpoint: &str) -> bool {
        let answered = self.answered.get_or_init(|| {
            let went_well = |(peer, holding): &(&Peer, &Holding)| {
                peer.session.is_some() && !holding.defects().any(|(_, defect)| defect.kind.is_of_server())
            };
            self.peers().filter(went_well).map(|(peer, _)| &*peer.origin.document.source).collect()
        });
        answered.contains(endpoint)
    }

    /// Every place where a node's certificate stands, with its index there.
    fn places(&self, node: NodeId) -> impl Iterator<Item = (&'a Holding, u32)> {
        let inventory = self.inventory;
        self.graph.occurrences(node).iter().filter_map(move |(holding, index)| {
            inventory.holdings.get(usize::try_from(*holding).unwrap_or(usize::MAX)).map(|holding| (holding, *index))
        })
    }

    /// The places of a node as a finding carries them.
    fn origins(&self, node: NodeId) -> Vec<(Origin, u32)> {
        self.places(node).map(|(holding, index)| (holding.origin.clone(), index)).collect()
    }

    /// Whether somebody trusts the node by itself: it stands in a trust bundle somewhere.
    fn is_trusted(&self, node: NodeId) -> bool {
        let trusted = self.trusted.get_or_init(|| {
            let bundles = self.inventory.holdings.iter().filter(|holding| holding.origin.slot == Slot::Trust);
            bundles.flat_map(Holding::certificates).filter_map(|(_, certificate)| self.graph.node(&certificate.id)).collect()
        });
        trusted.contains(&node)
    }

    /// Whether the node may have issued something in the inventory.
    fn is_issuer(&self, node: NodeId) -> bool {
        let issuers = self.issuers.get_or_init(|| {
            self.graph.nodes().flat_map(|(below, _)| self.graph.candidates(below)).map(|link| link.issuer).collect()
        });
        issuers.contains(&node)
    }

    /// Whether something in the inventory issued the node, as surely as its size allows (see [`CONFIRM_ALL`]).
    fn has_issuer(&self, node: NodeId) -> bool {
        self.graph.candidates(node).iter().any(|link| {
            (self.large && link.key_id == Some(true)) || self.graph.signature(node, link.issuer) == SignatureCheck::Valid
        }) || !self.graph.issuers(node).is_empty()
    }
}
