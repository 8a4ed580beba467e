//! The format of the suites, and a case put to a verifier.

#![expect(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on has failed; the benchmark has this file too")]

use flate2::read::MultiGzDecoder;
use kcert::chain::{AwsLc, Graph, NodeId};
use kcert::decode::{Decoded, Decoder, Limits};
use kcert::model::inventory::Content;
use kcert::model::{Document, Holding, Inventory, Origin, OriginKind};
use kcert::verify::{Name, Outcome, Purpose, Question, Verdict, Verifier, verify};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One case as it is written down.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// What it is called: `suite::group::name`.
    pub id: String,
    at: String,
    leaf: String,
    intermediates: Vec<String>,
    trust: Vec<String>,
    crls: Vec<String>,
    names: Vec<String>,
    purpose: String,
    max_depth: Option<usize>,
    /// `accept` or `reject`, as the suite has it; empty if it has none.
    #[serde(default)]
    pub expected: String,
    /// Verifier → `accept` or `reject`.
    #[serde(default)]
    pub verdicts: BTreeMap<String, String>,
    /// Verifier → what it said.
    #[serde(default)]
    pub errors: BTreeMap<String, String>,
}

/// A file, uncompressed.
pub fn text(path: &str) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        MultiGzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}

/// Every case of a file.
pub fn cases(path: &str) -> Vec<Case> {
    text(path).lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Case {
    /// What kcert says as each of these.
    pub fn ask(&self, verifiers: &[Verifier]) -> Vec<Verdict> {
        let decoder = Decoder::new(Limits::default());
        let mut inventory = Inventory::default();
        let mut place = |pem: &[String]| {
            let from = inventory.holdings.len();
            for text in pem {
                let contents = match decoder.bytes(text.as_bytes()) {
                    Decoded::Contents(contents) => contents,
                    _ => [].into(),
                };
                let origin = Origin::whole(Document::new(OriginKind::File, "case"));
                inventory.holdings.push(Holding { origin, contents });
            }
            from..inventory.holdings.len()
        };
        let leaf = place(std::slice::from_ref(&self.leaf));
        let intermediates = place(&self.intermediates);
        let anchors = place(&self.trust);
        let crls = place(&self.crls);
        let graph = Graph::build(&inventory, &AwsLc);
        let nodes = |places: std::ops::Range<usize>| -> Vec<NodeId> {
            let certificates = inventory.holdings[places].iter().flat_map(Holding::certificates);
            certificates.filter_map(|(_, certificate)| graph.node(&certificate.id)).collect()
        };
        let refused = |headline: &str| {
            let verdict = |verifier: &Verifier| Verdict {
                verifier: *verifier,
                outcome: Outcome::NotTrusted,
                headline: headline.to_owned(),
                paths: Vec::new(),
                omitted: 0,
                notes: Vec::new(),
            };
            verifiers.iter().map(verdict).collect()
        };
        let Some(&end_entity) = nodes(leaf).first() else { return refused("the leaf cannot be read") };
        let names = match self.names.iter().map(|name| name.parse::<Name>()).collect::<Result<Vec<_>, _>>() {
            Ok(names) => names,
            Err(error) => return refused(&error.to_string()),
        };
        let crls =
            inventory.holdings[crls].iter().flat_map(|holding| holding.contents.iter()).filter_map(|content| match content {
                Content::Crl(list) => Some(&**list),
                _ => None,
            });
        let question = Question {
            end_entity,
            intermediates: nodes(intermediates),
            anchors: nodes(anchors),
            purpose: match self.purpose.as_str() {
                "server" => Purpose::Server,
                "client" => Purpose::Client,
                _ => Purpose::Any,
            },
            names,
            at: OffsetDateTime::parse(&self.at, &Rfc3339).unwrap(),
            crls: crls.collect(),
            max_depth: self.max_depth,
        };
        verifiers.iter().map(|verifier| verify(&graph, &question, *verifier)).collect()
    }
}
