//! A question as one verifier has it before it: every certificate at hand, decoded and raw.

use super::tbs::Tbs;
use super::{Question, Verifier};
use crate::chain::{Graph, NodeId};
use crate::model::Certificate;

/// A certificate as verifiers look at it: its facts and its encoding.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// Its number in the graph.
    pub(super) node: NodeId,
    /// What was decoded.
    pub(super) certificate: &'a Certificate,
    /// How it is encoded.
    pub(super) tbs: Tbs<'a>,
}

/// Everything one verifier needs to answer.
pub(super) struct Case<'a> {
    /// Where signatures are checked, once each.
    pub(super) graph: &'a Graph<'a>,
    /// What is asked.
    pub(super) question: &'a Question<'a>,
    /// Who is asked.
    pub(super) verifier: Verifier,
    /// The end entity.
    pub(super) end_entity: Member<'a>,
    /// The certificates at hand, in the order given, each once.
    pub(super) intermediates: Vec<Member<'a>>,
    /// The trust anchors, in the order given, each once.
    pub(super) anchors: Vec<Member<'a>>,
    /// What the strict verifier remembers from one path to the next.
    pub(super) memo: super::rfc5280::Memo<'a>,
    /// What Go's parser made of certificates so far.
    pub(super) go: super::go::Library<'a>,
}

impl<'a> Case<'a> {
    /// Looks up and reads everything that the question names.
    pub(super) fn new(graph: &'a Graph<'a>, question: &'a Question<'a>, verifier: Verifier) -> Self {
        let member = |node: NodeId| {
            let certificate: &'a Certificate = graph.certificate(node);
            Member { node, certificate, tbs: Tbs::of(certificate) }
        };
        let members = |nodes: &[NodeId]| {
            let mut seen = std::collections::HashSet::new();
            nodes.iter().copied().filter(|node| seen.insert(*node)).map(member).collect()
        };
        Self {
            graph,
            question,
            verifier,
            end_entity: member(question.end_entity),
            intermediates: members(&question.intermediates),
            anchors: members(&question.anchors),
            memo: super::rfc5280::Memo::default(),
            go: super::go::Library::default(),
        }
    }
}
