//! The issuance forest: the tree people draw on whiteboards.
//!
//! The graph has as many paths as cross-certificates make; a drawing has each certificate once. So every certificate gets one parent,
//! and the forest is put together from the leaves up, without recursion.

use super::graph::index;
use super::paths::LONGEST;
use super::{Graph, NodeId};
use crate::model::DistinguishedName;
use std::cmp::Reverse;
use std::collections::HashMap;

/// A tree of certificates, issuer above issued.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The certificate, or `None` for an issuer that is not among the sources.
    pub node: Option<NodeId>,
    /// Its name.
    pub name: DistinguishedName,
    /// Further issuers of the same certificate (cross-signs): they carry it too, in their own tree.
    pub also_issued_by: Vec<NodeId>,
    /// What it issued, CAs first, then by name.
    pub issued: Vec<Tree>,
}

/// All trees: those of issuers first, the one with most certificates foremost; then self-signed certificates that issued nothing.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    /// The trees.
    pub trees: Vec<Tree>,
}

impl Forest {
    /// Draws the forest of a graph. Each certificate stands once, below its likeliest issuer; a self-signed issuer before a
    /// cross-certificate of it. Certificates whose issuer is missing stand below its name, apart where authority key identifiers tell
    /// two issuers of one name apart.
    ///
    /// No tree is higher than [`LONGEST`]: what hangs lower, and one of those that only issued each other, begins a tree of its own,
    /// with its issuers in `also_issued_by`.
    #[must_use]
    pub fn of(graph: &Graph<'_>) -> Self {
        let issuers: Vec<Vec<NodeId>> = graph.nodes().map(|(node, _)| issuers(graph, node)).collect();
        let planted = plant(&issuers);
        let mut issued: Vec<Vec<Tree>> = issuers.iter().map(|_| Vec::new()).collect();
        let mut members = vec![1_usize; issuers.len()];
        let mut roots: Vec<(usize, Tree)> = Vec::new();
        let mut missing = Absent::new();
        for Planted { node, below } in planted.into_iter().rev() {
            let certificate = graph.certificate(node);
            let count = members[index(node)];
            let tree = Tree {
                node: Some(node),
                name: certificate.subject.clone(),
                also_issued_by: issuers[index(node)].iter().copied().filter(|issuer| Some(*issuer) != below).collect(),
                issued: in_order(graph, std::mem::take(&mut issued[index(node)])),
            };
            if let Some(issuer) = below {
                issued[index(issuer)].push(tree);
                members[index(issuer)] += count;
            } else if !issuers[index(node)].is_empty() || graph.is_self_signed(node) {
                roots.push((count, tree));
            } else {
                let absentee = (certificate.issuer.der(), certificate.authority_key_id.as_deref());
                let (members, orphans) = missing.entry(absentee).or_insert_with(|| (0, absent(&certificate.issuer)));
                *members += count;
                orphans.issued.push(tree);
            }
        }
        for (count, mut tree) in missing.into_values() {
            tree.issued = in_order(graph, tree.issued);
            roots.push((count, tree));
        }
        roots.sort_by_cached_key(|(count, tree)| (tree.issued.is_empty(), Reverse(*count), tree.name.to_string(), first(tree)));
        Self { trees: roots.into_iter().map(|(_, tree)| tree).collect() }
    }
}

/// Issuers that are not among the sources, by name and key identifier: how many certificates hang on each, and its tree.
type Absent<'g> = HashMap<(&'g [u8], Option<&'g [u8]>), (usize, Tree)>;

/// The verified issuers, self-signed ones first.
fn issuers(graph: &Graph<'_>, node: NodeId) -> Vec<NodeId> {
    let mut issuers = graph.issuers(node);
    if issuers.len() > 1 {
        issuers.sort_by_cached_key(|issuer| !graph.is_self_signed(*issuer));
    }
    issuers
}

/// A node in its place: below its issuer, or at the foot of a tree.
struct Planted {
    node: NodeId,
    below: Option<NodeId>,
}

/// Every node once, issuers before what they issued.
fn plant(issuers: &[Vec<NodeId>]) -> Vec<Planted> {
    let mut below: Vec<Vec<NodeId>> = issuers.iter().map(|_| Vec::new()).collect();
    let mut feet = Vec::new();
    for (issuers, node) in issuers.iter().zip((0..).map(NodeId)) {
        match issuers.first() {
            Some(issuer) => below[index(*issuer)].push(node),
            None => feet.push(node),
        }
    }
    let mut planted = Vec::with_capacity(issuers.len());
    let mut heights = vec![0_usize; issuers.len()];
    for foot in feet {
        grow(foot, &below, &mut heights, &mut planted);
    }
    // What is left hangs on circles of certificates that issued each other: such a circle is cut where it is met.
    for node in (0..).map(NodeId).take(issuers.len()) {
        if heights[index(node)] == 0 {
            grow(circle_above(node, issuers), &below, &mut heights, &mut planted);
        }
    }
    planted
}

/// Plants a node and all that hangs on it, breadth first. A height of 0 means not planted yet.
fn grow(foot: NodeId, below: &[Vec<NodeId>], heights: &mut [usize], planted: &mut Vec<Planted>) {
    let mut next = planted.len();
    heights[index(foot)] = 1;
    planted.push(Planted { node: foot, below: None });
    while let Some(Planted { node, .. }) = planted.get(next) {
        let node = *node;
        next += 1;
        for issued in &below[index(node)] {
            if heights[index(*issued)] > 0 {
                continue;
            }
            let fits = heights[index(node)] < LONGEST;
            heights[index(*issued)] = if fits { heights[index(node)] + 1 } else { 1 };
            planted.push(Planted { node: *issued, below: fits.then_some(node) });
        }
    }
}

/// The first node met twice on the way up.
fn circle_above(node: NodeId, issuers: &[Vec<NodeId>]) -> NodeId {
    let mut met = std::collections::HashSet::new();
    let mut node = node;
    while met.insert(node) {
        match issuers[index(node)].first() {
            Some(issuer) => node = *issuer,
            None => break,
        }
    }
    node
}

fn absent(name: &DistinguishedName) -> Tree {
    Tree { node: None, name: name.clone(), also_issued_by: Vec::new(), issued: Vec::new() }
}

/// CAs first, then by name, then as found.
fn in_order(graph: &Graph<'_>, mut trees: Vec<Tree>) -> Vec<Tree> {
    trees.sort_by_cached_key(|tree| {
        let certificate = tree.node.map(|node| graph.certificate(node));
        let name = certificate.map_or_else(String::new, |certificate| certificate.display_name());
        (certificate.is_some_and(|certificate| !certificate.is_ca()), name, tree.node)
    });
    trees
}

/// The node that decides between trees of the same name and size.
fn first(tree: &Tree) -> Option<NodeId> {
    tree.node.or_else(|| tree.issued.iter().filter_map(|issued| issued.node).min())
}

#[cfg(test)]
mod tests {
    use super::super::tests::inventory;
    use super::*;
    use crate::chain::{AwsLc, SignatureCheck, SignatureOps};
    use crate::mint::{Identity, pki};
    use crate::model::Certificate;
    use std::fmt::Write;

    /// The forest as lines: two spaces a level, the node's number, `?` for one that is missing, `+` before further issuers.
    fn draw(identities: &[&Identity]) -> String {
        let inventory = inventory(identities);
        let graph = Graph::build(&inventory, &AwsLc);
        let mut out = String::new();
        Forest::of(&graph).trees.iter().for_each(|tree| write_tree(tree, 0, &mut out));
        out
    }

    fn write_tree(tree: &Tree, level: usize, out: &mut String) {
        let node = tree.node.map_or("?".to_owned(), |node| node.0.to_string());
        write!(out, "{}{node} {}", "  ".repeat(level), tree.name).unwrap();
        tree.also_issued_by.iter().for_each(|issuer| write!(out, " +{}", issuer.0).unwrap());
        out.push('\n');
        tree.issued.iter().for_each(|issued| write_tree(issued, level + 1, out));
    }

    #[test]
    fn the_largest_tree_first_and_lonely_certificates_last() {
        let alone = pki().leaf("alone").self_signed().unwrap();
        let small = pki().ca("small").self_signed().unwrap();
        let x = pki().leaf("x").issued_by(&small).unwrap();
        let large = pki().ca("large").self_signed().unwrap();
        let z = pki().leaf("z").issued_by(&large).unwrap();
        let intermediate = pki().ca("zz").issued_by(&large).unwrap();
        let y = pki().leaf("y").issued_by(&intermediate).unwrap();
        let drawing = "3 CN=large\n  5 CN=zz\n    6 CN=y\n  4 CN=z\n1 CN=small\n  2 CN=x\n0 CN=alone\n";
        assert_eq!(draw(&[&alone, &small, &x, &large, &z, &intermediate, &y]), drawing);
    }

    #[test]
    fn missing_issuers_of_one_name_stay_apart() {
        let (one, other) = (pki().ca("ca").self_signed().unwrap(), pki().ca("ca").self_signed().unwrap());
        let a = pki().leaf("a").issued_by(&one).unwrap();
        let b = pki().leaf("b").issued_by(&one).unwrap();
        let c = pki().leaf("c").issued_by(&other).unwrap();
        assert_eq!(draw(&[&c, &b, &a]), "? CN=ca\n  2 CN=a\n  1 CN=b\n? CN=ca\n  0 CN=c\n");
    }

    #[test]
    fn a_cross_certificate_names_its_issuers_and_carries_nobody_twice() {
        let a = pki().ca("a").self_signed().unwrap();
        let b = pki().ca("b").self_signed().unwrap();
        let cross = a.recipe().issued_by(&b).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&a).unwrap();
        assert_eq!(draw(&[&a, &b, &cross, &leaf]), "0 CN=a\n  3 CN=leaf +2\n1 CN=b\n  2 CN=a\n");
    }

    #[test]
    fn a_circle_is_cut_once() {
        let a = pki().ca("a").self_signed().unwrap();
        let b = pki().ca("b").self_signed().unwrap();
        let a_by_b = a.recipe().issued_by(&b).unwrap();
        let b_by_a = b.recipe().issued_by(&a).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&a).unwrap();
        assert_eq!(draw(&[&leaf, &a_by_b, &b_by_a]), "1 CN=a +2\n  2 CN=b\n  0 CN=leaf\n");
    }

    /// Believes everything.
    struct Credulous;

    impl SignatureOps for Credulous {
        fn check(&self, _: &Certificate, _: &Certificate) -> SignatureCheck {
            SignatureCheck::Valid
        }
    }

    #[test]
    fn no_tree_is_higher_than_the_limit_and_none_is_lost() {
        let key = pki().ca("key").self_signed().unwrap();
        let mut chain = vec![pki().ca("0").key_of(&key).self_signed().unwrap()];
        for level in 1..1000 {
            let next = pki().ca(&level.to_string()).key_of(&key).issued_by(chain.last().unwrap()).unwrap();
            chain.push(next);
        }
        let inventory = inventory(&chain.iter().rev().collect::<Vec<_>>());
        let trees = Forest::of(&Graph::build(&inventory, &Credulous)).trees;
        let heights: Vec<usize> = trees.iter().map(height).collect();
        assert_eq!(heights, [LONGEST; 10]);
    }

    fn height(tree: &Tree) -> usize {
        1 + tree.issued.iter().map(height).max().unwrap_or(0)
    }
}
