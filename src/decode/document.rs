//! One document, by what it is: a kubeconfig, an Envoy or ztunnel dump, a Kubernetes object or a list of them.

use super::manifest::{self, Kind};
use super::node::Node;
use super::scribe::{Scribe, Site};
use super::stream::{Batch, Matter, Syntax};
use super::{Limits, envoy, kubeconfig, ztunnel};
use crate::model::Defect;

/// Decodes the pieces of a text, in order. Within a value, everything that is found belongs to the document around it.
pub(super) fn batch(scribe: &mut Scribe<'_>, syntax: Syntax, batch: &Batch, within: Option<&Site>) {
    let limits = *scribe.decoder.limits();
    let (mut cursor, mut at) = (batch.start, 0);
    for piece in &batch.pieces {
        let text = batch.bytes.get(piece.range.clone()).unwrap_or_default();
        let parsed = match &piece.matter {
            Matter::Item(hint) => parse(syntax, text, &limits).map(|node| decode(scribe, &node, *hint, within)),
            Matter::Document => parse(syntax, text, &limits).map(|node| decode(scribe, &node, None, within)),
            Matter::Shell(shell) => parse(syntax, shell, &limits).map(|node| decode(scribe, &node, None, within)),
            Matter::Broken(kind) => Err(Defect { kind: kind.clone(), position: None }),
        };
        if let Err(Defect { kind, position }) = parsed {
            // Positions are worked out only where somebody wants to know, and never twice over the same bytes.
            cursor.advance(batch.bytes.get(at..piece.range.start).unwrap_or_default());
            at = at.max(piece.range.start);
            let position = match (&piece.matter, position) {
                (Matter::Item(_) | Matter::Document, Some(inner)) => cursor.plus(inner),
                _ => cursor.position(),
            };
            scribe.broken(within, text, kind, position);
        }
    }
}

fn parse<'a>(syntax: Syntax, text: &'a [u8], limits: &Limits) -> Result<Node<'a>, Defect> {
    match syntax {
        Syntax::Json => Node::json(text, limits),
        Syntax::Yaml => Node::yaml(text, limits),
    }
}

/// Decodes a document, or an element of a list that says this much about its kind.
fn decode(scribe: &mut Scribe<'_>, node: &Node<'_>, hint: Option<&'static Kind>, within: Option<&Site>) {
    if let Node::Seq(items) = node {
        // An element of a YAML list comes as a list of one.
        for item in items {
            decode(scribe, item, hint, within);
        }
    } else if kubeconfig::is_one(node) {
        kubeconfig::decode(scribe, node, within);
    } else if envoy::is_one(node) {
        envoy::decode(scribe, node, within);
    } else if ztunnel::is_one(node) {
        ztunnel::decode(scribe, node, within);
    } else if let Some((_, items @ (Node::Seq(_) | Node::Null))) = node.entries().iter().find(|(key, _)| key == "items") {
        scribe.found.recognised |= manifest::is_object(node);
        let hint = node.text(&["kind"]).and_then(manifest::of_list);
        for item in items.items() {
            decode(scribe, item, hint, within);
        }
    } else if matches!(node, Node::Map(_)) {
        manifest::decode(scribe, node, hint, within);
    }
}
