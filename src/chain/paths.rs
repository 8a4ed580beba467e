//! Paths: from a certificate upwards, each signed by the next (RFC 5280 section 6.1).
//!
//! A search that always tries first the issuer that is worth most, so that the first path found is the best one, and the rest
//! may be cut short: with cross-certificates there can be more paths than anyone could list.

use super::{Graph, NodeId};
use std::cmp::Reverse;

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At a self-signed certificate.
    Root,
    /// At a certificate whose issuer is not in the inventory, or already on the path.
    MissingIssuer,
    /// At the [`LONGEST`]th certificate.
    TooLong,
}

/// A path from a certificate upwards, each signed by the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The certificates, the one asked about first.
    pub nodes: Vec<NodeId>,
    /// How it ends.
    pub end: End,
}

/// Certificates on a path at most: the depth at which openssl stops unless told otherwise (X509_VERIFY_PARAM, `X509_V_…_TOO_LONG`).
pub const LONGEST: usize = 100;
/// Paths that one search looks at before it sorts and cuts.
const MOST_PATHS: usize = 64;
/// Certificates that one search visits. Each checks [`MOST_CANDIDATES`](super::graph::MOST_CANDIDATES) signatures at most, each of
/// them once in the life of the graph.
const MOST_VISITS: usize = 1000;

/// The paths of a node, the one that ends last first.
pub(super) fn search(graph: &Graph<'_>, node: NodeId, most: usize) -> Vec<Path> {
    let mut found = Vec::new();
    let mut visits = 0_usize;
    // The path so far, and for each certificate on it the issuers still to try, best last.
    let mut path = Vec::new();
    let mut open: Vec<Vec<NodeId>> = vec![vec![node]];
    while let Some(choices) = open.last_mut() {
        let Some(next) = choices.pop() else {
            open.pop();
            path.pop();
            continue;
        };
        if found.len() >= MOST_PATHS.min(most.saturating_mul(4)) || visits >= MOST_VISITS {
            break;
        }
        visits += 1;
        path.push(next);
        let issuers = upwards(graph, &path, next);
        let end = if path.len() >= LONGEST {
            Some(End::TooLong)
        } else if issuers.is_empty() {
            Some(if graph.is_self_signed(next) { End::Root } else { End::MissingIssuer })
        } else {
            None
        };
        match end {
            Some(end) => {
                found.push(Path { nodes: path.clone(), end });
                path.pop();
            }
            None => open.push(issuers),
        }
    }
    found.sort_by_cached_key(|path| Reverse(first_end(graph, path)));
    found.truncate(most);
    found
}

/// The issuers that are not on the path yet, best last.
fn upwards(graph: &Graph<'_>, path: &[NodeId], node: NodeId) -> Vec<NodeId> {
    let mut issuers = graph.issuers(node);
    issuers.retain(|issuer| !path.contains(issuer));
    issuers.reverse();
    issuers.sort_by_cached_key(|issuer| graph.effective_end(*issuer).0);
    issuers
}

fn first_end(graph: &Graph<'_>, path: &Path) -> Option<time::OffsetDateTime> {
    path.nodes.iter().map(|node| graph.certificate(*node).validity.not_after).min()
}

#[cfg(test)]
mod tests {
    use super::super::tests::inventory;
    use super::*;
    use crate::chain::AwsLc;
    use crate::mint::pki;
    use time::Duration;

    const LEAF: NodeId = NodeId(0);

    fn nodes(numbers: &[u32]) -> Vec<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn a_path_ends_at_a_root_or_where_the_issuer_is_missing() {
        let root = pki().ca("root").self_signed().unwrap();
        let intermediate = pki().ca("intermediate").issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&intermediate).unwrap();
        let whole = inventory(&[&leaf, &intermediate, &root]);
        let graph = Graph::build(&whole, &AwsLc);
        assert_eq!(graph.paths(LEAF, 5), [Path { nodes: nodes(&[0, 1, 2]), end: End::Root }]);
        let without_root = inventory(&[&leaf, &intermediate]);
        let graph = Graph::build(&without_root, &AwsLc);
        assert_eq!(graph.paths(LEAF, 5), [Path { nodes: nodes(&[0, 1]), end: End::MissingIssuer }]);
        assert_eq!(graph.paths(LEAF, 0), []);
    }

    #[test]
    fn the_path_that_ends_last_comes_first() {
        let expired = pki().ca("a").expired().self_signed().unwrap();
        let other = pki().ca("b").self_signed().unwrap();
        let cross = expired.recipe().ends_in(Duration::days(900)).issued_by(&other).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&expired).unwrap();
        let inventory = inventory(&[&leaf, &expired, &cross, &other]);
        let graph = Graph::build(&inventory, &AwsLc);
        let paths: Vec<_> = graph.paths(LEAF, 5).into_iter().map(|path| path.nodes).collect();
        assert_eq!(paths, [nodes(&[0, 2, 3]), nodes(&[0, 1])]);
        assert_eq!(graph.paths(LEAF, 1).len(), 1);
    }

    #[test]
    fn circles_are_cut() {
        let a = pki().ca("a").self_signed().unwrap();
        let b = pki().ca("b").self_signed().unwrap();
        let a_by_b = a.recipe().issued_by(&b).unwrap();
        let b_by_a = b.recipe().issued_by(&a).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&a).unwrap();
        let inventory = inventory(&[&leaf, &a_by_b, &b_by_a]);
        let graph = Graph::build(&inventory, &AwsLc);
        assert_eq!(graph.paths(LEAF, 5), [Path { nodes: nodes(&[0, 1, 2]), end: End::MissingIssuer }]);
    }

    #[test]
    fn many_cross_certificates_and_long_chains_end_in_time() {
        // Ten names, four keys each, everyone signed by everyone above: 4^9 paths.
        let keys: Vec<Vec<_>> =
            (0..10).map(|level| (0..4).map(|_| pki().ca(&format!("ca {level}")).self_signed().unwrap()).collect()).collect();
        let mut all = vec![pki().leaf("leaf").issued_by(&keys[0][0]).unwrap()];
        for (lower, upper) in keys.iter().zip(keys.iter().skip(1)) {
            for (ca, issuer) in lower.iter().flat_map(|ca| upper.iter().map(move |issuer| (ca, issuer))) {
                all.push(ca.recipe().issued_by(issuer).unwrap());
            }
        }
        let dense = inventory(&all.iter().collect::<Vec<_>>());
        assert_eq!(Graph::build(&dense, &AwsLc).paths(LEAF, 5).len(), 5);

        let mut chain = vec![pki().ca("0").self_signed().unwrap()];
        for level in 1..(2 * LONGEST) {
            let next = pki().ca(&level.to_string()).issued_by(chain.last().unwrap()).unwrap();
            chain.push(next);
        }
        let long = inventory(&chain.iter().rev().collect::<Vec<_>>());
        let paths = Graph::build(&long, &AwsLc).paths(LEAF, 5);
        assert_eq!(paths.iter().map(|path| (path.nodes.len(), path.end)).collect::<Vec<_>>(), [(LONGEST, End::TooLong)]);
    }
}
