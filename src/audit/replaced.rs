//! A CA file that was replaced: everything that it should have signed is refused at once, and only the file is at fault.

use super::findings::Draft;
use super::front_proxy::DIFFERS;
use super::{Context, chain, hosts};
use crate::model::{Certificate, Code, Finding, Holding, Origin, OriginKind, Role, Severity, Sha256, Slot};
use std::collections::BTreeSet;

/// What is said of a certificate that the CA of its job did not sign.
const OF_TRUST: &[Code] = &[
    Code::Untrusted,
    Code::ClientUntrusted,
    Code::CaDoesNotSignServer,
    Code::FrontProxyUntrusted,
    Code::RootCaConfigmapStale,
    Code::ClusterInfoCaStale,
];

/// The certificates that a CA file has to have signed, for it to be the one at fault when it signed none of them.
const SEVERAL: usize = 2;

/// Puts one finding about the file in front of those about the certificates.
pub(super) fn fold(context: &Context<'_>, findings: &mut Vec<Finding>) {
    differing(context, findings);
    let is_ca = |holding: &&Holding| {
        let origin = &holding.origin;
        origin.document.kind == OriginKind::File
            && origin.role.is_some_and(|role| role.is_ca() && role != Role::IstioCa && role != Role::IstioRoot)
            && matches!(origin.slot, Slot::Credential | Slot::Trust)
    };
    for place in context.outside_secrets().filter(is_ca) {
        let refused: Vec<usize> =
            findings.iter().enumerate().filter(|(_, finding)| is_refusal(finding, &place.origin)).map(|(at, _)| at).collect();
        let leaves: BTreeSet<Sha256> = refused.iter().flat_map(|at| own_leaves(context, &findings[*at], place)).collect();
        if leaves.len() < SEVERAL || has_signed_some(context, place) {
            continue;
        }
        let Some((_, ca)) = place.certificates().next() else { continue };
        for at in &refused {
            findings[*at].because = Some(Code::Untrusted);
            findings[*at].severity = Severity::Info;
        }
        let broken: Vec<String> = refused.iter().flat_map(|at| findings[*at].handshakes.clone()).collect();
        let root = findings.iter_mut().find(|finding| names_the_file(finding, ca, &place.origin));
        match root {
            Some(root) => root.handshakes.extend(broken),
            None => findings.push(replaced(place, ca, leaves.len(), broken)),
        }
    }
}

/// Where a CA differs from node to node, what one node's CA signed is refused by the others: that is the same fault.
fn differing(context: &Context<'_>, findings: &mut [Finding]) {
    let is_root = |finding: &Finding| finding.evidence.iter().any(|(key, _)| *key == DIFFERS);
    let roots: Vec<usize> = findings.iter().enumerate().filter(|(_, finding)| is_root(finding)).map(|(at, _)| at).collect();
    for root in roots {
        let keys = keys_at(context, &findings[root]);
        let is_signed = |id: &Sha256| {
            let issuers = context.graph.node(id).map(|node| context.graph.issuers(node)).unwrap_or_default();
            issuers.into_iter().any(|issuer| keys.contains(&context.graph.certificate(issuer).public_key.spki_sha256))
        };
        let code = findings[root].code;
        let mut broken = Vec::new();
        for finding in findings.iter_mut().filter(|finding| !is_root(finding)) {
            let is_refusal = OF_TRUST.contains(&finding.code) && finding.severity == Severity::Critical;
            if is_refusal && finding.certificates.iter().any(is_signed) {
                broken.extend(finding.handshakes.iter().cloned());
                finding.because = Some(code);
                finding.severity = Severity::Info;
            }
        }
        findings[root].handshakes.extend(broken);
        findings[root].handshakes.sort_unstable();
        findings[root].handshakes.dedup();
    }
}

/// The keys of the CAs that a finding is about.
fn keys_at(context: &Context<'_>, finding: &Finding) -> BTreeSet<Sha256> {
    let is_there = |holding: &&Holding| finding.origins.iter().any(|(origin, _)| *origin == holding.origin);
    let places = context.inventory.holdings.iter().filter(is_there);
    places.flat_map(Holding::certificates).map(|(_, ca)| ca.public_key.spki_sha256).collect()
}

/// Whether a finding says that somebody who believes this file refuses a certificate.
fn is_refusal(finding: &Finding, file: &Origin) -> bool {
    OF_TRUST.contains(&finding.code)
        && finding.severity == Severity::Critical
        && finding.because.is_none()
        && finding.certificates.len() <= 2
        && finding.origins.iter().any(|(origin, _)| origin == file)
        && finding.origins.iter().any(|(origin, _)| origin != file && !origin.role.is_some_and(Role::is_ca))
}

/// The end entities that a finding is about.
fn own_leaves(context: &Context<'_>, finding: &Finding, file: &Holding) -> Vec<Sha256> {
    let is_leaf = |id: &&Sha256| {
        let certificate = context.graph.node(id).map(|node| context.graph.certificate(node));
        certificate.is_some_and(|certificate| !certificate.is_ca() && !file.certificates().any(|(_, ca)| ca.id == certificate.id))
    };
    finding.certificates.iter().filter(is_leaf).copied().collect()
}

/// Whether anything with a job on the host leads to a CA of the file.
fn has_signed_some(context: &Context<'_>, file: &Holding) -> bool {
    let here = context.outside_secrets().filter(|holding| {
        let origin = &holding.origin;
        hosts::host(holding) == hosts::host(file)
            && origin.slot == Slot::Credential
            && origin.role.is_some_and(|role| !role.is_ca())
    });
    here.filter_map(|holding| holding.certificates().next())
        .any(|(_, leaf)| !leaf.is_ca() && chain::reaches(context, leaf, &[file]) == Some(true))
}

/// Whether a finding is already about the file and nothing else: a control-plane node with another CA than the others.
fn names_the_file(finding: &Finding, ca: &Certificate, file: &Origin) -> bool {
    matches!(finding.code, Code::Untrusted | Code::FrontProxyUntrusted)
        && finding.because.is_none()
        && finding.certificates.contains(&ca.id)
        && finding.origins.iter().any(|(origin, _)| origin == file)
}

fn replaced(place: &Holding, ca: &Certificate, count: usize, handshakes: Vec<String>) -> Finding {
    let message = format!(
        "{} here has signed none of the {count} certificates that it should have: it was made anew, or is another cluster's",
        ca.display_name()
    );
    let hint = "Put the CA back with its key from a backup or another control-plane node; or finish the rotation: bundle old and new CA, then issue everything anew.";
    let mut finding =
        Draft::new(Code::Untrusted, Severity::Critical, message).certificate(ca.id).at(&place.origin, 0).hint(hint).finish();
    finding.handshakes = handshakes;
    finding.handshakes.sort_unstable();
    finding.handshakes.dedup();
    finding
}
