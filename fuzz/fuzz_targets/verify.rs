//! Any bytes as a chain: the first certificate is the end entity, the others are at hand and trusted. Every verifier answers.

#![no_main]

use kcert::chain::{AwsLc, Graph, NodeId};
use kcert::decode::{Decoded, Decoder, Limits};
use kcert::model::{Document, Holding, Inventory, Origin, OriginKind};
use kcert::verify::{Purpose, Question, Verifier, verify};
use libfuzzer_sys::fuzz_target;
use time::macros::datetime;

fuzz_target!(|data: &[u8]| {
    let Decoded::Contents(contents) = Decoder::new(Limits::default()).bytes(data) else { return };
    let mut inventory = Inventory::default();
    inventory.holdings.push(Holding { origin: Origin::whole(Document::new(OriginKind::File, "fuzz")), contents });
    let graph = Graph::build(&inventory, &AwsLc);
    let nodes: Vec<NodeId> = graph.nodes().map(|(node, _)| node).take(16).collect();
    let Some((end_entity, others)) = nodes.split_first() else { return };
    let question = Question {
        end_entity: *end_entity,
        intermediates: others.to_vec(),
        anchors: nodes.iter().rev().take(2).copied().collect(),
        purpose: Purpose::Server,
        names: ["a.example", "10.0.0.1", "spiffe://a/b", "a@b.example"].iter().filter_map(|name| name.parse().ok()).collect(),
        at: datetime!(2026-11-21 0:00 UTC),
        crls: Vec::new(),
        max_depth: None,
    };
    for verifier in Verifier::all() {
        let _ = verify(&graph, &question, verifier);
    }
});
