//! Findings, issuance chains and the summary in JSON.

use super::certificate::Origin;
use super::values::{Id, Instant, Rows};
use crate::chain::{End, Graph, NodeId, Path};
use crate::model::{self, Content, Severity};
use crate::report::Report;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A finding. The same fault at several places is one finding.
#[derive(Serialize, JsonSchema)]
pub(in crate::report) struct Finding<'r> {
    /// What it is, one of the codes of `kcert checks`.
    code: &'static str,
    /// How bad it is.
    #[schemars(extend("enum" = ["info", "warning", "critical", "unknown"]))]
    severity: &'static str,
    /// What is wrong.
    message: &'r str,
    /// What to do about it.
    hint: &'r str,
    /// The certificates concerned.
    certificates: Vec<Id>,
    /// Every place concerned.
    origins: Rows<'r, Origin<'r>>,
    /// The handshake concerned, by its id, or the first of several; null where none is.
    handshake: Option<&'r str>,
    /// Every handshake concerned, by its id.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    handshakes: &'r [String],
    /// The code of the finding that this one follows from: mending that one mends this.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
    /// The facts that it rests on.
    #[schemars(with = "FactsSchema<'r>")]
    evidence: Facts<'r>,
}

impl<'r> Finding<'r> {
    pub(in crate::report) fn new(finding: &'r model::Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            message: &finding.message,
            hint: &finding.hint,
            certificates: finding.certificates.iter().copied().map(Id).collect(),
            origins: Rows::new(|| finding.origins.iter().map(|(origin, index)| Origin::indexed(origin, *index))),
            handshake: finding.handshakes.first().map(String::as_str),
            handshakes: &finding.handshakes,
            because: finding.because.map(model::Code::as_str),
            evidence: Facts(&finding.evidence),
        }
    }
}

/// What [`Facts`] are to the schema.
pub(super) type FactsSchema<'r> = BTreeMap<String, Fact<'r>>;

/// Facts under their keys.
pub(super) struct Facts<'r>(pub(super) &'r [(&'static str, model::Evidence)]);

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, Fact::new(value))))
    }
}

/// A fact.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Fact<'r> {
    /// Text.
    Text(&'r str),
    /// A number; durations in seconds.
    Number(i64),
    /// An instant.
    Time(Instant),
    /// Several texts.
    List(&'r [String]),
}

impl<'r> Fact<'r> {
    fn new(evidence: &'r model::Evidence) -> Self {
        match evidence {
            model::Evidence::Text(text) => Self::Text(text),
            model::Evidence::Number(number) => Self::Number(*number),
            model::Evidence::Time(at) => Self::Time(Instant(*at)),
            model::Evidence::List(list) => Self::List(list),
        }
    }
}

/// A path of issuance: each certificate signed by the next.
#[derive(Serialize, JsonSchema)]
pub(super) struct Chain {
    /// The certificates, from the end entity upwards.
    certificates: Vec<Id>,
    /// Whether it ends at a self-signed certificate; otherwise the issuer of the last one was not found.
    root: bool,
}

/// Paths shown of one certificate. Cross-signing makes two or four; more are an attack.
const PATHS: usize = 8;

/// The paths of every certificate that ends one: end entities, CAs that issued nothing, and CAs that only issued each other.
pub(super) fn chains(graph: &Graph<'_>) -> Vec<Chain> {
    let issuers: HashSet<NodeId> = graph.nodes().flat_map(|(node, _)| graph.issuers(node)).collect();
    let passed_through = |(node, certificate): &(NodeId, &Arc<model::Certificate>)| certificate.is_ca() && issuers.contains(node);
    let (inner, lowest): (Vec<_>, Vec<_>) = graph.nodes().partition(passed_through);
    let mut shown: HashSet<NodeId> = HashSet::new();
    let mut chains = Vec::new();
    for (node, _) in lowest.into_iter().chain(inner) {
        if shown.insert(node) {
            for path in graph.paths(node, PATHS) {
                shown.extend(&path.nodes);
                chains.push(Chain::new(graph, &path));
            }
        }
    }
    chains
}

impl Chain {
    fn new(graph: &Graph<'_>, path: &Path) -> Self {
        let certificates = path.nodes.iter().map(|node| Id(graph.certificate(*node).id)).collect();
        Self { certificates, root: path.end == End::Root }
    }
}

/// The whole in numbers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// Places with a certificate.
    certificates: usize,
    /// Different certificates.
    unique: usize,
    /// Things that could not be read as they should be.
    defects: usize,
    /// The worst severity among the findings, in the order `ok`, `warning`, `unknown`, `critical`; `unknown` also for a check that
    /// had no certificate to judge.
    #[schemars(extend("enum" = ["ok", "warning", "unknown", "critical"]))]
    worst: &'static str,
    /// The earliest `notAfter`; null without a certificate.
    earliest_expiry: Option<Instant>,
}

impl Summary {
    pub(super) fn new(report: &Report<'_>) -> Self {
        let contents = || report.inventory.holdings.iter().flat_map(|holding| holding.contents.iter());
        let worst = Some(report.worst()).filter(|worst| *worst > Severity::Info);
        Self {
            certificates: contents().filter(|content| matches!(content, Content::Certificate(_))).count(),
            unique: report.graph.nodes().count(),
            defects: contents().filter(|content| matches!(content, Content::Defect(_))).count(),
            worst: worst.map_or("ok", Severity::as_str),
            earliest_expiry: report.graph.nodes().map(|(_, certificate)| certificate.validity.not_after).min().map(Instant),
        }
    }
}
