//! `--trust`: the anchors that served chains are judged by.

use super::super::args::Tls;
use super::super::commands::Session;
use super::super::error::Error;
use super::super::targets::file_target;
use super::super::values::Judge;
use super::super::verify::anchors_among;
use crate::audit::trust::Expectation;
use crate::chain::{Graph, NodeId};
use crate::gather::gather;
use crate::model::{Holding, Inventory, Sha256};
use crate::verify::{Name, Verifier};
use std::collections::HashSet;
use time::OffsetDateTime;

/// What was named to trust.
pub(super) struct Anchors {
    /// What is in the files.
    pub(super) inventory: Inventory,
    /// The certificates among them that count.
    ids: Vec<Sha256>,
    names: Vec<Name>,
    verifiers: Vec<Verifier>,
}

impl Anchors {
    /// Reads the files; nothing when none was named.
    ///
    /// # Errors
    /// One is a directory or an endpoint.
    pub(super) fn read(session: &Session, asked: &Tls) -> Result<Option<Self>, Error> {
        if asked.trust.is_empty() {
            return Ok(None);
        }
        let mut inventory = Inventory::default();
        let mut ids = Vec::new();
        for path in &asked.trust {
            let from = inventory.holdings.len();
            gather(&[file_target(path)?], &session.decoder, &mut inventory);
            let holdings: Vec<&Holding> = inventory.holdings.iter().skip(from).collect();
            ids.extend(anchors_among(&holdings));
        }
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
        Ok(Some(Self { inventory, ids, names: asked.names.clone(), verifiers: Judge::verifiers(&asked.judges) }))
    }

    /// What served chains are held against.
    pub(super) fn expectation(&self, graph: &Graph<'_>, at: OffsetDateTime) -> Expectation {
        let anchors: Vec<NodeId> = self.ids.iter().filter_map(|id| graph.node(id)).collect();
        Expectation { anchors, names: self.names.clone(), verifiers: self.verifiers.clone(), at }
    }
}
