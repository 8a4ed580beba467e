//! Effective ends: when the best path of a certificate ends.
//!
//! A path is worth its earliest end; a certificate is worth its best path. That is the widest-path problem, and where certificates do
//! not issue each other in circles one look at each, issuers first, solves it. So the graph is walked in Tarjan's order (SIAM J.
//! Comput. 1, 1972): strongly connected groups come out issuers first. A group of one, the rule, is settled from its candidates
//! without a signature check unless one of them would end earlier. A larger group are cross-certificates in a circle: there every
//! signature counts, and ends are handed down from the outside, latest first. Every node is settled once; nothing recurses.

use super::graph::{Link, index};
use super::{Graph, NodeId};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use time::OffsetDateTime;

/// When something ends, and the node that ends it.
type End = (OffsetDateTime, NodeId);

/// The ends that are known.
#[derive(Default)]
pub(super) struct Ends {
    states: Vec<State>,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Unknown,
    /// On the walk: its place among the unsettled, and the lowest place among those that it reaches.
    Open {
        number: usize,
        lowest: usize,
    },
    Settled(End),
}

/// A node on the way from the one asked for, with the candidates still to visit.
struct Visit {
    node: NodeId,
    ahead: Vec<NodeId>,
}

impl Ends {
    pub(super) fn of(&mut self, graph: &Graph<'_>, node: NodeId) -> End {
        if let Some(end) = self.settled(node) {
            return end;
        }
        self.walk(graph, node);
        self.settled(node).unwrap_or_else(|| own_end(graph, node))
    }

    fn walk(&mut self, graph: &Graph<'_>, start: NodeId) {
        let mut way = Vec::new();
        let mut unsettled = Vec::new();
        self.enter(graph, start, &mut way, &mut unsettled);
        while let Some(visit) = way.last_mut() {
            let node = visit.node;
            if let Some(next) = visit.ahead.pop() {
                match self.state(next) {
                    State::Unknown => self.enter(graph, next, &mut way, &mut unsettled),
                    State::Open { number, .. } => self.reaches(node, number),
                    State::Settled(_) => {}
                }
                continue;
            }
            way.pop();
            let State::Open { number, lowest } = self.state(node) else { continue };
            if let Some(below) = way.last() {
                self.reaches(below.node, lowest);
            }
            if lowest == number {
                let group = unsettled.split_off(number);
                match *group.as_slice() {
                    [node] => self.settle(graph, node),
                    _ => self.settle_circle(graph, &group),
                }
            }
        }
    }

    fn enter(&mut self, graph: &Graph<'_>, node: NodeId, way: &mut Vec<Visit>, unsettled: &mut Vec<NodeId>) {
        let number = unsettled.len();
        self.set(node, State::Open { number, lowest: number });
        unsettled.push(node);
        way.push(Visit { node, ahead: links(graph, node).into_iter().map(|link| link.issuer).collect() });
    }

    fn reaches(&mut self, node: NodeId, number: usize) {
        if let State::Open { number: own, lowest } = self.state(node) {
            self.set(node, State::Open { number: own, lowest: lowest.min(number) });
        }
    }

    /// A node all of whose candidates are settled.
    fn settle(&mut self, graph: &Graph<'_>, node: NodeId) {
        let own = own_end(graph, node);
        let mut issuers: Vec<(End, Link)> =
            links(graph, node).into_iter().filter_map(|link| Some((self.settled(link.issuer)?, link))).collect();
        let end = if issuers.iter().all(|(end, _)| end.0 >= own.0) {
            own
        } else {
            // As in `Graph::issuers`: differing key identifiers only if there is no other issuer.
            issuers.sort_by_key(|(end, link)| (link.key_id == Some(false), Reverse(end.0)));
            let best = issuers.into_iter().find(|(_, link)| graph.is_issuer(node, *link));
            best.map_or(own, |(end, _)| earlier(own, end))
        };
        self.set(node, State::Settled(end));
    }

    /// Nodes that could have issued each other: takes the latest end that is certain, settles it, hands it down to those it issued,
    /// and so on. What only issues each other, without a way out, is worth the earliest end among it.
    fn settle_circle(&mut self, graph: &Graph<'_>, group: &[NodeId]) {
        let mut issued: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut certain: BinaryHeap<(End, NodeId)> = BinaryHeap::new();
        for node in group {
            let own = own_end(graph, *node);
            let issuers = graph.issuers(*node);
            if issuers.is_empty() {
                certain.push((own, *node));
            }
            for issuer in issuers {
                match self.settled(issuer) {
                    Some(end) => certain.push((earlier(own, end), *node)),
                    None => issued.entry(issuer).or_default().push(*node),
                }
            }
        }
        let mut by_own_end: Vec<(End, NodeId)> = group.iter().map(|node| (own_end(graph, *node), *node)).collect();
        by_own_end.sort();
        for seed in by_own_end {
            self.hand_down(graph, &mut certain, &issued);
            certain.push(seed);
        }
        self.hand_down(graph, &mut certain, &issued);
    }

    fn hand_down(&mut self, graph: &Graph<'_>, certain: &mut BinaryHeap<(End, NodeId)>, issued: &HashMap<NodeId, Vec<NodeId>>) {
        while let Some((end, node)) = certain.pop() {
            if self.settled(node).is_some() {
                continue;
            }
            self.set(node, State::Settled(end));
            for below in issued.get(&node).into_iter().flatten() {
                certain.push((earlier(own_end(graph, *below), end), *below));
            }
        }
    }

    fn settled(&self, node: NodeId) -> Option<End> {
        match self.state(node) {
            State::Settled(end) => Some(end),
            _ => None,
        }
    }

    fn state(&self, node: NodeId) -> State {
        self.states.get(index(node)).copied().unwrap_or_default()
    }

    fn set(&mut self, node: NodeId, state: State) {
        if self.states.len() <= index(node) {
            self.states.resize(index(node).saturating_add(1), State::Unknown);
        }
        self.states[index(node)] = state;
    }
}

/// The candidates that matter: none for a self-signed certificate, whose path ends with itself.
fn links(graph: &Graph<'_>, node: NodeId) -> Vec<Link> {
    let candidates = graph.candidates(node);
    if candidates.is_empty() || graph.is_self_signed(node) { Vec::new() } else { candidates }
}

fn own_end(graph: &Graph<'_>, node: NodeId) -> End {
    (graph.certificate(node).validity.not_after, node)
}

/// The earlier of a certificate's own end and its issuer's; its own when they end together.
fn earlier(own: End, issuer: End) -> End {
    if issuer.0 < own.0 { issuer } else { own }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Counting, inventory};
    use super::*;
    use crate::chain::{AwsLc, SignatureCheck, SignatureOps};
    use crate::mint::{Identity, NOW, pki};
    use crate::model::Certificate;
    use time::Duration;

    /// The end of the first of them, as days from now, and the node that ends it.
    fn end(identities: &[&Identity]) -> (i64, u32) {
        let inventory = inventory(identities);
        let (at, node) = Graph::build(&inventory, &AwsLc).effective_end(NodeId(0));
        ((at - NOW).whole_days(), node.0)
    }

    fn days(days: i64) -> Duration {
        Duration::days(days)
    }

    #[test]
    fn a_certificate_is_worth_no_more_than_its_issuers() {
        let root = pki().ca("root").ends_in(days(50)).self_signed().unwrap();
        let intermediate = pki().ca("intermediate").ends_in(days(100)).issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").ends_in(days(200)).issued_by(&intermediate).unwrap();
        assert_eq!(end(&[&leaf, &intermediate, &root]), (50, 2));
        assert_eq!(end(&[&leaf, &intermediate]), (100, 1));
        assert_eq!(end(&[&leaf, &root]), (200, 0));
    }

    #[test]
    fn a_cross_certificate_outlives_an_expired_root() {
        let root = pki().ca("root").expired().self_signed().unwrap();
        let other = pki().ca("other").ends_in(days(900)).self_signed().unwrap();
        let cross = root.recipe().ends_in(days(150)).issued_by(&other).unwrap();
        let leaf = pki().leaf("leaf").ends_in(days(200)).issued_by(&root).unwrap();
        assert_eq!(end(&[&leaf, &root]), (-1, 1));
        assert_eq!(end(&[&leaf, &root, &other, &cross]), (150, 3));
    }

    #[test]
    fn who_did_not_sign_does_not_count() {
        let stranger = pki().ca("ca").expired().self_signed().unwrap();
        let ca = pki().ca("ca").ends_in(days(900)).self_signed().unwrap();
        let leaf = pki().leaf("leaf").ends_in(days(200)).without_authority_key_id().issued_by(&ca).unwrap();
        assert_eq!(end(&[&leaf, &stranger, &ca]), (200, 0));
        assert_eq!(end(&[&leaf, &stranger]), (200, 0));
        assert_eq!(end(&[&ca, &stranger]), (900, 0));
    }

    #[test]
    fn a_circle_ends_where_its_best_way_out_does() {
        let a = pki().ca("a").ends_in(days(40)).self_signed().unwrap();
        let b = pki().ca("b").expired().self_signed().unwrap();
        let a_by_b = a.recipe().ends_in(days(300)).issued_by(&b).unwrap();
        let b_by_a = b.recipe().ends_in(days(500)).issued_by(&a).unwrap();
        let leaf = pki().leaf("leaf").ends_in(days(200)).issued_by(&a).unwrap();
        // b's root is over and the two cross-certificates lead back to a: its root is the best that is left.
        assert_eq!(end(&[&leaf, &a_by_b, &b_by_a, &b, &a]), (40, 4));
        assert_eq!(end(&[&a_by_b, &b_by_a, &b, &a]), (40, 3));
        // No way out at all: the earliest of the circle.
        assert_eq!(end(&[&leaf, &b_by_a, &a_by_b]), (200, 0));
        assert_eq!(end(&[&b_by_a, &a_by_b]), (300, 1));
    }

    #[test]
    fn no_signature_is_checked_where_all_issuers_live_longer() {
        let root = pki().ca("root").self_signed().unwrap();
        let intermediate = pki().ca("intermediate").ends_in(days(2000)).issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&intermediate).unwrap();
        let inventory = inventory(&[&leaf, &intermediate, &root]);
        let counting = Counting::default();
        let graph = Graph::build(&inventory, &counting);
        assert_eq!(graph.effective_end(NodeId(0)).1, NodeId(0));
        assert_eq!(counting.pairs(), []);
    }

    /// Believes every signature between different certificates, and none of a certificate with its own key.
    struct Credulous;

    impl SignatureOps for Credulous {
        fn check(&self, certificate: &Certificate, issuer: &Certificate) -> SignatureCheck {
            if certificate.id == issuer.id { SignatureCheck::Invalid } else { SignatureCheck::Valid }
        }
    }

    #[test]
    fn long_chains_and_large_circles_do_not_overflow() {
        let key = pki().ca("key").self_signed().unwrap();
        let mut chain = vec![pki().ca("0").ends_in(days(7)).key_of(&key).self_signed().unwrap()];
        for level in 1..3000 {
            let next = pki().ca(&level.to_string()).key_of(&key).issued_by(chain.last().unwrap()).unwrap();
            chain.push(next);
        }
        let top = pki().ca("2999").key_of(&key).self_signed().unwrap();
        let circle = pki().ca("0").ends_in(days(9)).key_of(&key).issued_by(&top).unwrap();
        let mut members: Vec<_> = chain.iter().rev().collect();
        let long = inventory(&members);
        assert_eq!(Graph::build(&long, &Credulous).effective_end(NodeId(0)).1, NodeId(2999));
        members.pop();
        members.push(&circle);
        let round = inventory(&members);
        assert_eq!(Graph::build(&round, &Credulous).effective_end(NodeId(0)).1, NodeId(2999));
    }
}
