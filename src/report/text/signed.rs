//! Whether one of the CAs at hand signed a certificate, in words.

use super::index::{Index, common_name};
use super::line::Text;
use crate::chain::NodeId;
use crate::report::style::Mark;

/// Paths upwards that are looked at for an anchor some steps away.
const PATHS: usize = 16;

/// How a certificate stands to some CAs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Signature {
    /// One of them signed it.
    Direct,
    /// One of them signed an issuer of it.
    Through,
    /// It is one of them.
    Itself,
    /// One of them has the issuer's name and another key.
    OtherKey,
    /// Another certificate at hand signed it.
    Another(NodeId),
    /// Its own key signed it.
    Own,
    /// Its issuer is not at hand.
    Unknown,
}

/// How the certificate of `node` stands to `anchors`.
pub(super) fn judge(index: &Index<'_>, node: NodeId, anchors: &[NodeId]) -> Signature {
    let graph = index.report.graph;
    if anchors.contains(&node) {
        return Signature::Itself;
    }
    let issuers = graph.issuers(node);
    if issuers.iter().any(|issuer| anchors.contains(issuer)) {
        return Signature::Direct;
    }
    if graph.paths(node, PATHS).iter().any(|path| path.nodes.iter().skip(1).any(|step| anchors.contains(step))) {
        return Signature::Through;
    }
    if graph.is_self_signed(node) {
        return Signature::Own;
    }
    match issuers.first() {
        Some(issuer) => Signature::Another(*issuer),
        None if graph.candidates(node).iter().any(|link| anchors.contains(&link.issuer)) => Signature::OtherKey,
        None => Signature::Unknown,
    }
}

impl Signature {
    /// The verdict. Another CA is no fault in itself: k3s and RKE2 have one for clients and one for servers.
    pub(super) fn mark(self) -> Mark {
        match self {
            Self::Direct | Self::Through | Self::Itself => Mark::Fine,
            Self::Another(_) => Mark::Note,
            Self::OtherKey | Self::Own => Mark::Caution,
            Self::Unknown => Mark::Unsure,
        }
    }

    /// For a column.
    pub(super) fn brief(self) -> &'static str {
        match self {
            Self::Direct | Self::Through => "its CA",
            Self::Itself => "(is the CA)",
            Self::OtherKey => "another key",
            Self::Another(_) => "another CA",
            Self::Own => "itself",
            Self::Unknown => "not at hand",
        }
    }

    /// In full; `ca` is what to call the CAs: `the CA above`.
    pub(super) fn words(self, index: &Index<'_>, node: NodeId, ca: &'static str) -> Text {
        match self {
            Self::Direct => Text::of("signed by ").say(ca),
            Self::Through => Text::of("signed by ").say(ca).say(", through an intermediate CA"),
            Self::Itself => Text::of("is itself ").say(ca),
            Self::OtherKey => Text::of("not signed by ").say(ca).say(": same name, another key; was the CA made anew?"),
            Self::Another(issuer) => {
                let name = common_name(index.certificate(issuer));
                let why = " (normal where clients have a CA of their own, as in k3s)";
                Text::of("signed by another CA: ").then(name).say(why)
            }
            Self::Own => Text::of("signed by itself, not by ").say(ca),
            Self::Unknown => {
                let name = index.certificate(node).issuer.to_string();
                Text::of("issuer not among the sources: ").quote(name)
            }
        }
    }
}
