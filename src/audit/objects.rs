//! Objects of the API that hold copies of CAs, and requests that wait for somebody.

use super::Context;
use super::findings::{Draft, Findings};
use super::handshakes::discovery::{bad_signatures, stale_discoveries, stale_roots};
use super::handshakes::servers::api_servers;
use crate::model::when::{date, relative};
use crate::model::{ApprovalState, Code, Content, Document, Evidence, Holding, Origin, Severity, Slot};
use std::sync::Arc;
use time::Duration;

/// Signers whose requests come from kubelets: without an answer a node stays out, or without a serving certificate.
const OF_KUBELETS: &[&str] = &["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];

/// So long a request may wait for its controller.
const SOON: Duration = Duration::minutes(10);

pub(super) fn csr_pending(context: &Context<'_>, findings: &mut Findings) {
    for request in &context.inventory.signing_requests {
        let waits_for = match request.state {
            ApprovalState::Pending => "to be approved",
            ApprovalState::Approved => "to be signed",
            ApprovalState::Denied | ApprovalState::Failed | ApprovalState::Issued => continue,
        };
        let signer = request.document.subtype.as_deref().unwrap_or_default();
        let at = context.policy.at;
        let is_fresh = request.created.is_some_and(|created| at - created < SOON);
        let severity = if OF_KUBELETS.contains(&signer) && !is_fresh { Severity::Warning } else { Severity::Info };
        let since = request.created.map(|created| format!(" since {} ({})", date(created), relative(at, created)));
        let who = request.username.as_deref().map(|who| format!(" of {who}")).unwrap_or_default();
        let message = format!("a request{who} to {signer} waits {waits_for}{}", since.unwrap_or_default());
        let name = request.document.source.rsplit('/').next().unwrap_or_default().to_owned();
        let draft = Draft::new(Code::CsrPending, severity, message).at(&place(context, &request.document, "spec.request"), 0);
        findings.add(draft.hint(format!(
            "Look at it, then: kubectl certificate approve {name} (kube-controller-manager approves no kubelet-serving requests)."
        )));
    }
}

/// The place of a field: where something was read there, else the field.
fn place(context: &Context<'_>, document: &Arc<Document>, field: &str) -> Origin {
    let read = context.inventory.holdings.iter().map(|holding| &holding.origin);
    let found = read.into_iter().find(|origin| Arc::ptr_eq(&origin.document, document) && &*origin.field == field);
    found.cloned().unwrap_or_else(|| Origin {
        document: Arc::clone(document),
        field: field.into(),
        role: None,
        slot: Slot::Unknown,
    })
}

pub(super) fn cluster_info_signature(context: &Context<'_>, findings: &mut Findings) {
    for bad in bad_signatures(context) {
        let field = format!("data[jws-kubeconfig-{}]", bad.token.id);
        let draft = Draft::new(Code::ClusterInfoSignature, Severity::Critical, bad.why)
            .at(&place(context, &bad.discovery.document, &field), 0);
        findings.add(draft.at(&place(context, &bad.token.document, "data[token-id]"), 0));
    }
}

pub(super) fn cluster_info_ca_stale(context: &Context<'_>, findings: &mut Findings) {
    for place in stale_discoveries(context, &api_servers(context)) {
        let message = format!("cluster-info names {}, which is not the cluster's CA", named(place));
        findings.add(about(Code::ClusterInfoCaStale, message, place));
    }
}

pub(super) fn root_ca_configmap_stale(context: &Context<'_>, findings: &mut Findings) {
    for place in stale_roots(context, &api_servers(context)) {
        let message = format!("workloads are given {}, which is not the cluster's CA", named(place));
        findings.add(about(Code::RootCaConfigmapStale, message, place));
    }
}

fn about(code: Code, message: String, place: &Holding) -> Draft {
    let keys: Vec<String> = place.certificates().map(|(_, ca)| format!("sha256:{}", ca.public_key.spki_sha256)).collect();
    let draft =
        place.certificates().fold(Draft::new(code, Severity::Critical, message), |draft, (_, ca)| draft.certificate(ca.id));
    draft.at(&place.origin, 0).evidence("caCertHashes", Evidence::List(keys))
}

fn named(place: &Holding) -> String {
    let first = place.contents.iter().find_map(|content| match content {
        Content::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    first
        .map(|ca| format!("{} ({}…)", ca.display_name(), ca.public_key.spki_sha256.to_string().get(..8).unwrap_or_default()))
        .unwrap_or_default()
}
