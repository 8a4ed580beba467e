//! Kubelets that answered at the addresses of their Nodes.

use super::Context;
use crate::model::{Certificate, Holding, OriginKind};

/// What they presented.
pub(super) fn answered<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Holding> {
    let is_one = |holding: &&Holding| is_kubelet(context, holding);
    context.peers().map(|(_, holding)| holding).filter(is_one)
}

/// Whether a place is what a node's kubelet presented.
fn is_kubelet(context: &Context<'_>, holding: &Holding) -> bool {
    let origin = &holding.origin;
    origin.document.kind == OriginKind::Peer && origin.field.is_empty() && context.kubelets().contains(&*origin.document.source)
}

/// Whether a kubelet made the certificate for itself, for want of another, with a CA that it threw away (client-go util/cert:
/// `GenerateSelfSignedCertKey`: `NODE@UNIXTIME` by `NODE-ca@UNIXTIME`). Nobody can verify it, and the kubelet never renews it.
pub(super) fn is_self_made(leaf: &Certificate) -> bool {
    let made = |name: Option<&str>, end: &str| {
        let (stem, digits) = name?.rsplit_once('@')?;
        let is_time = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        stem.strip_suffix(end).filter(|_| is_time).map(str::to_owned)
    };
    let own = made(leaf.subject.common_name(), "");
    own.is_some() && own == made(leaf.issuer.common_name(), "-ca")
}

/// Whether a place is what a kubelet made for itself and presents to an API server that may not look at it.
pub(super) fn is_idle(context: &Context<'_>, holding: &Holding) -> bool {
    is_kubelet(context, holding) && holding.certificates().next().is_some_and(|(_, leaf)| is_self_made(leaf))
}
