//! The issuer graph.
//!
//! Nodes are the different certificates of an inventory. Edges are not stored: [`Graph::candidates`] finds them by name when asked,
//! [`Graph::signature`] decides them and remembers. Names are looked up once, when the graph is built, and only names that somebody
//! cites as issuer are indexed; so a million leaf certificates cost a million small rows, and a pool of CAs of one name is never
//! walked from end to end: every node has [`MOST_CANDIDATES`] at most.

use super::ends::Ends;
use super::{Path, SignatureCheck, SignatureOps, Signed, paths};
use crate::model::{Certificate, Holding, Inventory, Sha256};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use time::OffsetDateTime;

/// One different certificate of the inventory, by its number in [`Graph::nodes`] (order of first appearance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A candidate issuer with the evidence short of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The certificate whose subject is the issuer's name.
    pub issuer: NodeId,
    /// Whether the key identifiers agree: `None` when one of the two is absent.
    pub key_id: Option<bool>,
}

/// Candidate issuers that a certificate has at most, likeliest first. Go gives up after 100 signature checks in a whole chain
/// (crypto/x509 `maxChainSignatureChecks`); honest pools hold a few certificates of one name.
pub const MOST_CANDIDATES: usize = 64;

/// Signature checks of a whole graph that may come out invalid; then no more are made ([`Graph::is_exhausted`]). Pools in which most
/// candidates are the wrong ones are made to be slow: 10,000 checks of P-256 take half a second.
pub const MOST_INVALID: usize = 10_000;

/// Places of the same document that are looked at before and after a certificate's own.
const NEARBY: usize = 16;

/// Every different certificate, and who could have issued it.
pub struct Graph<'i> {
    inventory: &'i Inventory,
    crypto: &'i dyn SignatureOps,
    nodes: Vec<Node<'i>>,
    ids: HashMap<Sha256, NodeId>,
    places: Vec<(u32, u32)>,
    /// Names that are some certificate's issuer, and who has them as subject.
    names: Vec<Subjects<'i>>,
    signatures: Mutex<HashMap<(NodeId, NodeId), Verdict>>,
    ends: Mutex<Ends>,
    invalid: AtomicUsize,
}

/// A signature check that is made once, outside the lock: threads that want the same one wait for it, others do not.
type Verdict = Arc<OnceLock<SignatureCheck>>;

struct Node<'i> {
    certificate: &'i Arc<Certificate>,
    /// The issuer's name, as index of `names`.
    issuer: usize,
    /// Where its occurrences begin in `places`; they end where the next node's begin.
    places: usize,
}

/// The certificates of one subject; in each list CAs first, then by end, latest first.
#[derive(Default)]
struct Subjects<'i> {
    all: Vec<NodeId>,
    by_key_id: HashMap<&'i [u8], Vec<NodeId>>,
    without_key_id: Vec<NodeId>,
}

impl<'i> Graph<'i> {
    /// Links everything in the inventory by name. No signature is checked yet.
    #[must_use]
    pub fn build(inventory: &'i Inventory, crypto: &'i dyn SignatureOps) -> Self {
        let Distinct { ids, mut nodes, places } = distinct(inventory);
        let names = index_names(&mut nodes);
        Self {
            inventory,
            crypto,
            nodes,
            ids,
            places,
            names,
            signatures: Mutex::default(),
            ends: Mutex::default(),
            invalid: AtomicUsize::new(0),
        }
    }

    /// The inventory it was built from.
    #[must_use]
    pub fn inventory(&self) -> &'i Inventory {
        self.inventory
    }

    /// Every different certificate, in order of first appearance.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &'i Arc<Certificate>)> + '_ {
        (0..).map(NodeId).zip(self.nodes.iter().map(|node| node.certificate))
    }

    /// The certificate of a node.
    ///
    /// # Panics
    /// If the node comes from a larger graph.
    #[must_use]
    pub fn certificate(&self, node: NodeId) -> &'i Arc<Certificate> {
        self.nodes[index(node)].certificate
    }

    /// The node of a certificate.
    #[must_use]
    pub fn node(&self, id: &Sha256) -> Option<NodeId> {
        self.ids.get(id).copied()
    }

    /// Where the node's certificate stands: (index of the holding in the inventory, index in the holding), in order.
    #[must_use]
    pub fn occurrences(&self, node: NodeId) -> &[(u32, u32)] {
        let from = self.nodes.get(index(node)).map_or(self.places.len(), |node| node.places);
        let to = self.nodes.get(index(node) + 1).map_or(self.places.len(), |node| node.places);
        self.places.get(from..to).unwrap_or_default()
    }

    /// Candidate issuers by name, likeliest first (key identifiers that agree, then absent, then differing; CAs before others, the
    /// one that ends last first). Never the node itself; [`MOST_CANDIDATES`] at most, of a crowd those that stand in the same document
    /// before others.
    #[must_use]
    pub fn candidates(&self, node: NodeId) -> Vec<Link> {
        let subjects = &self.names[self.nodes[index(node)].issuer];
        if subjects.all.len() <= MOST_CANDIDATES {
            return self.by_key_id(node);
        }
        let mut candidates = self.nearby(node);
        let known: HashSet<NodeId> = candidates.iter().map(|link| link.issuer).collect();
        candidates.extend(self.by_key_id(node).into_iter().filter(|link| !known.contains(&link.issuer)));
        candidates.truncate(MOST_CANDIDATES);
        candidates
    }

    /// Certificates of the issuer's name in the same documents: a kubeconfig carries its own CA.
    fn nearby(&self, node: NodeId) -> Vec<Link> {
        let certificate = self.certificate(node);
        let mut found = Vec::new();
        for (holding, _) in self.occurrences(node).iter().take(MOST_CANDIDATES) {
            let at = usize::try_from(*holding).unwrap_or(usize::MAX);
            let Some(document) = self.inventory.holdings.get(at).map(|holding| &holding.origin.document) else { continue };
            let around = self.inventory.holdings.iter().skip(at.saturating_sub(NEARBY)).take(2 * NEARBY + 1);
            for (_, other) in around.filter(|other| Arc::ptr_eq(&other.origin.document, document)).flat_map(Holding::certificates)
            {
                let issuer = self.node(&other.id).filter(|issuer| *issuer != node && other.subject == certificate.issuer);
                let key_ids = certificate.authority_key_id.as_ref().zip(other.subject_key_id.as_ref());
                let key_id = key_ids.map(|(wanted, own)| wanted == own);
                found.extend(issuer.filter(|_| key_id != Some(false)).map(|issuer| Link { issuer, key_id }));
            }
        }
        found
    }

    fn by_key_id(&self, node: NodeId) -> Vec<Link> {
        let Node { certificate, issuer, .. } = self.nodes[index(node)];
        let subjects = &self.names[issuer];
        let link = |key_id: Option<bool>| move |issuer: &NodeId| Link { issuer: *issuer, key_id };
        let Some(wanted) = certificate.authority_key_id.as_deref() else {
            return subjects.all.iter().filter(|issuer| **issuer != node).take(MOST_CANDIDATES).map(link(None)).collect();
        };
        let agreeing = subjects.by_key_id.get(wanted).into_iter().flatten();
        let differing =
            |issuer: &&NodeId| self.certificate(**issuer).subject_key_id.as_deref().is_some_and(|key_id| key_id != wanted);
        agreeing
            .map(link(Some(true)))
            .chain(subjects.without_key_id.iter().map(link(None)))
            .chain(subjects.all.iter().filter(differing).map(link(Some(false))))
            .filter(|link| link.issuer != node)
            .take(MOST_CANDIDATES)
            .collect()
    }

    /// Whether `issuer`'s key signed `node`'s certificate; checked once and remembered.
    #[must_use]
    pub fn signature(&self, node: NodeId, issuer: NodeId) -> SignatureCheck {
        let cell = Arc::clone(unpoisoned(&self.signatures).entry((node, issuer)).or_default());
        *cell.get_or_init(|| {
            if self.is_exhausted() {
                return SignatureCheck::Unsupported;
            }
            let check = self.crypto.check(self.certificate(node), self.certificate(issuer));
            self.invalid.fetch_add(usize::from(check == SignatureCheck::Invalid), Ordering::Relaxed);
            check
        })
    }

    /// Whether `issuer`'s key made the signature on something that is no node: a revocation list. Not remembered.
    #[must_use]
    pub fn signed_by(&self, signed: &Signed<'_>, issuer: NodeId) -> SignatureCheck {
        self.crypto.check_signed(signed, self.certificate(issuer))
    }

    /// Whether [`MOST_INVALID`] was reached: signatures asked for after that are `Unsupported`, and links may be missing.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.invalid.load(Ordering::Relaxed) >= MOST_INVALID
    }

    /// Whether the certificate is signed by its own key. Where the algorithm is `Unsupported`, self-issued counts unless the key
    /// identifiers differ.
    #[must_use]
    pub fn is_self_signed(&self, node: NodeId) -> bool {
        let certificate = self.certificate(node);
        certificate.is_self_issued()
            && match self.signature(node, node) {
                SignatureCheck::Valid => true,
                SignatureCheck::Invalid => false,
                SignatureCheck::Unsupported => {
                    certificate.authority_key_id.is_none() || certificate.authority_key_id == certificate.subject_key_id
                }
            }
    }

    /// The issuers whose signature was found valid, likeliest first. With `Unsupported` algorithms a key identifier that agrees
    /// counts. Candidates whose key identifier differs are tried only if no other is an issuer: clusters by the hundred have a CA
    /// named `kubernetes`. None for a self-signed certificate: a later one of the same name and key has renewed it, not issued it.
    #[must_use]
    pub fn issuers(&self, node: NodeId) -> Vec<NodeId> {
        let candidates = self.candidates(node);
        if candidates.is_empty() || self.is_self_signed(node) {
            return Vec::new();
        }
        let mut issuers = Vec::new();
        for link in candidates {
            if link.key_id == Some(false) && !issuers.is_empty() {
                break;
            }
            if self.is_issuer(node, link) {
                issuers.push(link.issuer);
            }
        }
        issuers
    }

    /// Every path upwards, the one that ends last first; at most `most`, cycles cut, within the limits of [`paths`].
    #[must_use]
    pub fn paths(&self, node: NodeId, most: usize) -> Vec<Path> {
        paths::search(self, node, most)
    }

    /// When the best path ends, and the node on it that ends it: a certificate is worth no more than its issuers.
    /// Best is the path whose first end comes last. Checks a signature only where an issuer would end before the certificate does,
    /// and where certificates could have issued each other.
    #[must_use]
    pub fn effective_end(&self, node: NodeId) -> (OffsetDateTime, NodeId) {
        unpoisoned(&self.ends).of(self, node)
    }

    /// Whether a candidate is an issuer: its signature is valid, or cannot be judged and the key identifiers agree.
    pub(super) fn is_issuer(&self, node: NodeId, link: Link) -> bool {
        match self.signature(node, link.issuer) {
            SignatureCheck::Valid => true,
            SignatureCheck::Invalid => false,
            SignatureCheck::Unsupported => link.key_id == Some(true),
        }
    }
}

/// A node's number as an index.
pub(super) fn index(node: NodeId) -> usize {
    usize::try_from(node.0).unwrap_or(usize::MAX)
}

/// Nothing that a panic elsewhere could leave half done is behind these locks.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The different certificates of an inventory, and the places of all of them, those of the first one first.
struct Distinct<'i> {
    ids: HashMap<Sha256, NodeId>,
    nodes: Vec<Node<'i>>,
    places: Vec<(u32, u32)>,
}

fn distinct(inventory: &Inventory) -> Distinct<'_> {
    let mut ids = HashMap::new();
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut found: Vec<(NodeId, u32, u32)> = Vec::with_capacity(inventory.holdings.len());
    // Equal certificates nearly always share one allocation: its address saves a look at what is in it.
    let mut known: HashMap<usize, NodeId> = HashMap::new();
    for (holding, number) in inventory.holdings.iter().zip(0_u32..) {
        for (position, certificate) in holding.certificates() {
            let node = *known.entry(Arc::as_ptr(certificate).addr()).or_insert_with(|| {
                *ids.entry(certificate.id).or_insert_with(|| {
                    nodes.push(Node { certificate, issuer: 0, places: 0 });
                    NodeId(u32::try_from(nodes.len() - 1).unwrap_or(u32::MAX))
                })
            });
            nodes[index(node)].places += 1;
            found.push((node, number, u32::try_from(position).unwrap_or(u32::MAX)));
        }
    }
    // Each node's places in a row: first how many it has, then where they begin.
    let mut start = 0;
    for node in &mut nodes {
        start += std::mem::replace(&mut node.places, start);
    }
    let mut next: Vec<usize> = nodes.iter().map(|node| node.places).collect();
    let mut places = vec![(0, 0); found.len()];
    for (node, holding, position) in found {
        places[next[index(node)]] = (holding, position);
        next[index(node)] += 1;
    }
    Distinct { ids, nodes, places }
}

/// Numbers the issuers' names, and lists who has them as subject.
fn index_names<'i>(nodes: &mut [Node<'i>]) -> Vec<Subjects<'i>> {
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    for node in &mut *nodes {
        let next = numbers.len();
        node.issuer = *numbers.entry(node.certificate.issuer.der()).or_insert(next);
    }
    let mut names: Vec<Subjects<'_>> = numbers.iter().map(|_| Subjects::default()).collect();
    for (node, number) in nodes.iter().zip((0..).map(NodeId)) {
        if let Some(name) = numbers.get(node.certificate.subject.der()) {
            names[*name].all.push(number);
        }
    }
    for subjects in &mut names {
        subjects.all.sort_by_key(|node| {
            let certificate = nodes[index(*node)].certificate;
            (Reverse(certificate.is_ca()), Reverse(certificate.validity.not_after))
        });
        for node in &subjects.all {
            match nodes[index(*node)].certificate.subject_key_id.as_deref() {
                Some(key_id) => subjects.by_key_id.entry(key_id).or_default().push(*node),
                None => subjects.without_key_id.push(*node),
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Counting, inventory, inventory_of};
    use super::*;
    use crate::chain::AwsLc;
    use crate::mint::pki;
    use std::collections::HashSet;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);
    const C: NodeId = NodeId(2);

    #[test]
    fn the_same_certificate_at_several_places_is_one_node() {
        let root = pki().ca("root").self_signed().unwrap();
        let leaf = pki().leaf("leaf").issued_by(&root).unwrap();
        let inventory = inventory(&[&leaf, &root, &leaf]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.nodes().count(), 2);
        assert_eq!(graph.occurrences(A), [(0, 0), (2, 0)]);
        assert_eq!(graph.occurrences(B), [(1, 0)]);
        assert_eq!(graph.node(&graph.certificate(B).id), Some(B));
    }

    #[test]
    fn root_intermediate_leaf() {
        let root = pki().ca("root").self_signed().unwrap();
        let intermediate = pki().ca("intermediate").issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&intermediate).unwrap();
        let inventory = inventory(&[&leaf, &intermediate, &root]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.issuers(A), [B]);
        assert_eq!(graph.issuers(B), [C]);
        assert_eq!(graph.issuers(C), []);
        assert_eq!([A, B, C].map(|node| graph.is_self_signed(node)), [false, false, true]);
        assert_eq!(graph.candidates(A), [Link { issuer: B, key_id: Some(true) }]);
    }

    #[test]
    fn of_two_cas_of_one_name_the_signature_decides() {
        let old = pki().ca("kubernetes").without_subject_key_id().self_signed().unwrap();
        let new = pki().ca("kubernetes").without_subject_key_id().self_signed().unwrap();
        let leaf = pki().leaf("leaf").issued_by(&new).unwrap();
        let inventory = inventory(&[&leaf, &old, &new]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.candidates(A).len(), 2);
        assert_eq!(graph.issuers(A), [C]);
        assert_eq!(graph.issuers(B), []);
    }

    #[test]
    fn key_identifiers_order_candidates_and_prove_nothing() {
        // The CA was renewed with its key by a tool that computes another identifier: the old leaf's still points to the old one.
        let other = pki().ca("ca").self_signed().unwrap();
        let ca = pki().ca("ca").self_signed().unwrap();
        let renewed = ca.recipe().without_subject_key_id().extension(&[2, 5, 29, 14], &[4, 2, 1, 2]).self_signed().unwrap();
        let leaf = pki().leaf("leaf").issued_by(&ca).unwrap();
        let inventory = inventory(&[&leaf, &renewed, &other]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.candidates(A).iter().map(|link| link.key_id).collect::<Vec<_>>(), [Some(false), Some(false)]);
        assert_eq!(graph.issuers(A), [B]);
    }

    #[test]
    fn a_flipped_bit_is_no_signature() {
        let root = pki().ca("root").self_signed().unwrap();
        let leaf = pki().leaf("leaf").issued_by(&root).unwrap();
        let mut broken = leaf.der().to_vec();
        *broken.last_mut().unwrap() ^= 1;
        let inventory = inventory_of(&[&broken, root.der()]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.signature(A, B), SignatureCheck::Invalid);
        assert_eq!(graph.issuers(A), []);
        assert_eq!(graph.candidates(A).len(), 1);
    }

    #[test]
    fn self_issued_is_not_self_signed() {
        let old = pki().ca("ca").self_signed().unwrap();
        let rollover = pki().ca("ca").issued_by(&old).unwrap();
        let inventory = inventory(&[&rollover, &old]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert!(!graph.is_self_signed(A));
        assert_eq!(graph.issuers(A), [B]);
        assert_eq!(graph.issuers(B), []);
    }

    #[test]
    fn a_renewed_root_did_not_issue_the_old_one() {
        let old = pki().ca("ca").self_signed().unwrap();
        let new = old.recipe().ends_in(time::Duration::days(9000)).self_signed().unwrap();
        let leaf = pki().leaf("leaf").issued_by(&old).unwrap();
        let inventory = inventory(&[&leaf, &old, &new]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.issuers(B), []);
        assert_eq!(graph.issuers(A), [C, B]);
    }

    #[test]
    fn each_signature_is_checked_once_whatever_is_asked() {
        let root = pki().ca("root").self_signed().unwrap();
        let cross = root.recipe().issued_by(&pki().ca("other").self_signed().unwrap()).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&root).unwrap();
        let inventory = inventory(&[&leaf, &root, &cross]);
        let counting = Counting::default();
        let graph = Graph::build(&inventory, &counting);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (node, _) in graph.nodes() {
                        assert!(!graph.paths(node, 10).is_empty());
                        assert!(graph.issuers(node).len() < 3);
                        assert!(graph.effective_end(node).0 <= graph.certificate(node).validity.not_after);
                    }
                });
            }
        });
        let pairs = counting.pairs();
        assert_eq!(pairs.len(), pairs.iter().collect::<HashSet<_>>().len());
        assert!(!pairs.is_empty());
    }

    #[test]
    fn among_many_cas_of_one_name_the_key_identifier_saves_the_checks() {
        let cas: Vec<_> = (0..9).map(|_| pki().ca("kubernetes").expired().self_signed().unwrap()).collect();
        let leaf = pki().leaf("leaf").issued_by(&cas[5]).unwrap();
        let all: Vec<_> = std::iter::once(&leaf).chain(&cas).collect();
        let inventory = inventory(&all);
        let counting = Counting::default();
        let graph = Graph::build(&inventory, &counting);
        assert_eq!(graph.issuers(A), [NodeId(6)]);
        assert_eq!(counting.pairs().len(), 1);
        // Every CA, to tell that none of them issued another; and still one for the leaf.
        assert_eq!(graph.effective_end(A).1, NodeId(6));
        assert_eq!(counting.pairs().iter().filter(|(certificate, _)| *certificate == graph.certificate(A).id).count(), 1);
    }

    #[test]
    fn a_pool_of_one_name_is_bounded() {
        let root = pki().ca("ca").without_subject_key_id().self_signed().unwrap();
        let pool: Vec<_> = (0..100).map(|_| pki().ca("ca").self_signed().unwrap()).collect();
        let leaf = pki().leaf("leaf").issued_by(&root).unwrap();
        let all: Vec<_> = std::iter::once(&leaf).chain(&pool).collect();
        let inventory = inventory(&all);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.candidates(A).len(), MOST_CANDIDATES);
    }
}
