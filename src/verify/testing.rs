//! What the tests of this room share: a question in the making, put to one verifier at the instant of mint's recipes.

use super::{Name, Outcome, Purpose, Question, Verdict, Verifier, verify};
use crate::chain::{AwsLc, Graph, NodeId, inventory_of};
use crate::mint::{Identity, NOW};
use crate::model::Holding;
use crate::model::inventory::Content;
use time::OffsetDateTime;

/// A question in the making.
#[derive(Clone)]
pub(super) struct Ask {
    /// Who is asked.
    pub(super) verifier: Verifier,
    /// The end entity, then what is at hand: DER.
    pub(super) path: Vec<Vec<u8>>,
    /// Trust anchors: DER.
    pub(super) anchors: Vec<Vec<u8>>,
    pub(super) names: Vec<Name>,
    pub(super) purpose: Purpose,
    /// Revocation lists: PEM.
    pub(super) crls: Vec<String>,
    pub(super) max_depth: Option<usize>,
    pub(super) at: OffsetDateTime,
}

/// The end entity and what is at hand; the anchors.
pub(super) fn ask(verifier: Verifier, path: &[&Identity], anchors: &[&Identity]) -> Ask {
    let der = |identities: &[&Identity]| identities.iter().map(|identity| identity.der().to_vec()).collect();
    Ask {
        verifier,
        path: der(path),
        anchors: der(anchors),
        names: Vec::new(),
        purpose: Purpose::Any,
        crls: Vec::new(),
        max_depth: None,
        at: NOW,
    }
}

impl Ask {
    /// The same question to another.
    pub(super) fn by(&self, verifier: &str) -> Self {
        Self { verifier: verifier.parse().unwrap(), ..self.clone() }
    }

    pub(super) fn names(self, names: &[&str]) -> Self {
        Self { names: names.iter().map(|name| name.parse().unwrap()).collect(), ..self }
    }

    pub(super) fn purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    pub(super) fn crls(self, crls: &[String]) -> Self {
        Self { crls: crls.to_vec(), ..self }
    }

    pub(super) fn max_depth(self, most: usize) -> Self {
        Self { max_depth: Some(most), ..self }
    }

    pub(super) fn at(self, at: OffsetDateTime) -> Self {
        Self { at, ..self }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let encodings = self.path.iter().chain(&self.anchors).map(Vec::as_slice).chain(self.crls.iter().map(String::as_bytes));
        let inventory = inventory_of(&encodings.collect::<Vec<_>>());
        let graph = Graph::build(&inventory, &AwsLc);
        let certificates = inventory.holdings.iter().flat_map(Holding::certificates);
        let nodes: Vec<NodeId> = certificates.filter_map(|(_, certificate)| graph.node(&certificate.id)).collect();
        let (path, anchors) = nodes.split_at(self.path.len());
        let contents = inventory.holdings.iter().flat_map(|holding| holding.contents.iter());
        let question = Question {
            end_entity: path[0],
            intermediates: path[1..].to_vec(),
            anchors: anchors.to_vec(),
            purpose: self.purpose,
            names: self.names.clone(),
            at: self.at,
            crls: contents.filter_map(|content| if let Content::Crl(list) = content { Some(&**list) } else { None }).collect(),
            max_depth: self.max_depth,
        };
        verify(&graph, &question, self.verifier)
    }

    /// The rules that are broken on any path, each once, in the order in which they are told.
    pub(super) fn broken(&self) -> Vec<&'static str> {
        let verdict = self.verdict();
        let mut rules = Vec::new();
        for rejection in verdict.paths.iter().flat_map(|path| &path.rejections) {
            if !rules.contains(&rejection.rule) {
                rules.push(rejection.rule);
            }
        }
        let trusted = verdict.outcome == Outcome::Trusted;
        assert_eq!(trusted, verdict.paths.first().is_some_and(|path| path.rejections.is_empty()), "{verdict:?}");
        rules
    }

    /// The first rule that the best path breaks, empty if it is trusted.
    pub(super) fn rule(&self) -> &'static str {
        first_rule(&self.verdict())
    }
}

/// The first rule that the best path breaks, empty if there is none.
pub(super) fn first_rule(verdict: &Verdict) -> &'static str {
    verdict.paths.first().and_then(|path| path.rejections.first()).map_or("", |rejection| rejection.rule)
}
