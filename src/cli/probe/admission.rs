//! Whether a server is the kubeconfig's: its chain is verified as kubectl's Go would, now, before anything is shown to it.

use crate::chain::{AwsLc, Graph};
use crate::decode::{Decoder, Limits};
use crate::model::{Content, Document, Holding, Inventory, Origin, OriginKind};
use crate::probe::Admission;
use crate::verify::{Name, Outcome, Purpose, Question, Verifier, verify};
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

/// The kubeconfig's CA and the name in its URL.
pub(super) struct OfKubeconfig {
    anchors: Arc<[Content]>,
    name: Option<Name>,
    now: OffsetDateTime,
}

impl OfKubeconfig {
    /// Without anchors or a name nobody is admitted.
    pub(super) fn new(anchors: Arc<[Content]>, name: Option<Name>, now: OffsetDateTime) -> Self {
        Self { anchors, name, now }
    }
}

impl fmt::Debug for OfKubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfKubeconfig").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Admission for OfKubeconfig {
    fn admits(&self, chain: &[&[u8]]) -> bool {
        let Some(name) = &self.name else { return false };
        let holding = |contents| Holding { origin: Origin::whole(Document::new(OriginKind::Peer, "")), contents };
        let decoder = Decoder::new(Limits::default());
        let presented: Vec<Content> = chain
            .iter()
            .map(|certificate| decoder.certificate(certificate))
            .filter(|content| matches!(content, Content::Certificate(_)))
            .collect();
        // A chain of which something cannot be read is not one to trust.
        if presented.len() != chain.len() {
            return false;
        }
        let inventory =
            Inventory { holdings: vec![holding(presented.into()), holding(Arc::clone(&self.anchors))], ..Inventory::default() };
        let graph = Graph::build(&inventory, &AwsLc);
        let nodes = |holding: &Holding| -> Vec<_> {
            holding.certificates().filter_map(|(_, certificate)| graph.node(&certificate.id)).collect()
        };
        let [presented, anchors] = [0, 1].map(|at| inventory.holdings.get(at).map(nodes).unwrap_or_default());
        let Some((end_entity, intermediates)) = presented.split_first() else { return false };
        let question = Question {
            end_entity: *end_entity,
            intermediates: intermediates.to_vec(),
            anchors,
            purpose: Purpose::Server,
            names: vec![name.clone()],
            at: self.now,
            crls: Vec::new(),
            max_depth: None,
        };
        !question.anchors.is_empty() && verify(&graph, &question, Verifier::newest_go()).outcome == Outcome::Trusted
    }
}
