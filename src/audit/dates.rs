//! Dates: what has ended, what ends soon, and what ends before it says it does.

use super::findings::{Draft, Findings};
use super::istio::{is_old_root, is_superseded};
use super::managed;
use super::renewal::how_to_renew;
use super::{Context, Standing, kubelets};
use crate::chain::NodeId;
use crate::model::when::{date, relative};
use crate::model::{Certificate, Code, Evidence, GeneralName, OriginKind, Role, Severity, Slot};
use std::collections::BTreeMap;

pub(super) fn expired(context: &Context<'_>, findings: &mut Findings) {
    ended(context, findings, Code::Expired, Standing::Expired, "ended");
}

pub(super) fn not_yet_valid(context: &Context<'_>, findings: &mut Findings) {
    ended(context, findings, Code::NotYetValid, Standing::NotYetValid, "begins");
}

fn ended(context: &Context<'_>, findings: &mut Findings, code: Code, standing: Standing, verb: &str) {
    for (node, certificate) in context.graph.nodes() {
        let has_own_code = code == Code::Expired && is_loopback(context, node);
        if context.policy.standing(certificate) != standing || has_own_code {
            continue;
        }
        let idle = is_record(context, node) || has_successor(context, node) || is_left_behind(context, node);
        let severity = if idle { Severity::Info } else { Severity::Critical };
        let (key, at) = match standing {
            Standing::NotYetValid => ("notBefore", certificate.validity.not_before),
            _ => ("notAfter", certificate.validity.not_after),
        };
        let message = format!("{} {verb} {} ({})", certificate.display_name(), date(at), relative(context.policy.at, at));
        let mut draft = about(context, node, Draft::new(code, severity, message)).evidence(key, Evidence::Time(at));
        if code == Code::Expired {
            draft = managed::about(context, node, draft).hint(how_to_renew(context, node));
        }
        findings.add(draft);
    }
}

pub(super) fn expiring(context: &Context<'_>, findings: &mut Findings) {
    nearing(context, findings, Code::Expiring, |certificate| !certificate.is_ca());
}

pub(super) fn ca_expiring(context: &Context<'_>, findings: &mut Findings) {
    nearing(context, findings, Code::CaExpiring, Certificate::is_ca);
}

fn nearing(context: &Context<'_>, findings: &mut Findings, code: Code, concerns: fn(&Certificate) -> bool) {
    for (node, certificate) in context.graph.nodes() {
        let Standing::Expiring(severity) = context.policy.standing(certificate) else { continue };
        if !concerns(certificate) || is_loopback(context, node) {
            continue;
        }
        let idle = is_record(context, node) || has_successor(context, node) || is_left_behind(context, node);
        let severity = if idle { Severity::Info } else { severity };
        let end = certificate.validity.not_after;
        let message = format!("{} ends {} ({})", certificate.display_name(), date(end), relative(context.policy.at, end));
        let draft = about(context, node, Draft::new(code, severity, message)).evidence("notAfter", Evidence::Time(end));
        findings.add(managed::about(context, node, draft).hint(how_to_renew(context, node)));
    }
}

/// Whether the certificate is one of an API server's loopback pair, which has codes of its own.
fn is_loopback(context: &Context<'_>, node: NodeId) -> bool {
    context.places(node).all(|(holding, _)| holding.loopback().is_some())
}

/// Whether the certificate is only the record of an issued CertificateSigningRequest: nobody presents it from there.
fn is_record(context: &Context<'_>, node: NodeId) -> bool {
    context.places(node).all(|(holding, _)| holding.origin.document.kind == OriginKind::Csr)
}

/// Whether the certificate is the one that a kubelet made for itself before it was given another (`kubelet-server-current.pem`), or
/// that istiod made before another CA was plugged in; or one that a kubelet made for itself and nobody can verify.
fn is_left_behind(context: &Context<'_>, node: NodeId) -> bool {
    context.places(node).all(|(holding, _)| {
        is_superseded(context, holding) || is_old_root(context, holding) || kubelets::is_idle(context, holding) || {
            let path = holding.origin.document.path();
            let directory = path.strip_suffix("kubelet.crt").filter(|_| holding.origin.role == Some(Role::KubeletServing));
            let beside = |directory: &str| {
                let current = format!("{directory}kubelet-server-current.pem");
                context
                    .inventory
                    .holdings
                    .iter()
                    .any(|other| other.origin.document.path() == current && other.certificates().next().is_some())
            };
            directory.is_some_and(beside)
        }
    })
}

/// Whether the certificate stands in trust bundles only, each time beside one that is valid now and has the same subject, or nobody
/// needs it: an old root that a rotation left behind harms nobody.
fn has_successor(context: &Context<'_>, node: NodeId) -> bool {
    let certificate = context.graph.certificate(node);
    let takes_over = |other: &Certificate| {
        other.id != certificate.id
            && context.policy.standing(other) == Standing::Valid
            && (other.subject == certificate.subject || !context.is_issuer(node))
    };
    context
        .places(node)
        .all(|(holding, _)| holding.origin.slot == Slot::Trust && holding.certificates().any(|(_, other)| takes_over(other)))
}

pub(super) fn outlives_issuer(context: &Context<'_>, findings: &mut Findings) {
    ends_earlier(context, findings, Code::OutlivesIssuer);
}

pub(super) fn issuer_expires_first(context: &Context<'_>, findings: &mut Findings) {
    ends_earlier(context, findings, Code::IssuerExpiresFirst);
}

pub(super) fn istio_leaf_outlives_ca(context: &Context<'_>, findings: &mut Findings) {
    ends_earlier(context, findings, Code::IstioLeafOutlivesCa);
}

/// Finds what ends with an issuer, one finding for each issuer: thirty leaves below one CA are one fault.
fn ends_earlier(context: &Context<'_>, findings: &mut Findings, wanted: Code) {
    let mut below: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for (node, certificate) in context.graph.nodes() {
        if certificate.validity.is_over(context.policy.at) || is_record(context, node) {
            continue;
        }
        let (end, limit) = context.graph.effective_end(node);
        if limit != node && end < certificate.validity.not_after && code_for(context, node, limit) == wanted {
            below.entry(limit).or_default().push(node);
        }
    }
    for (limit, nodes) in below {
        findings.add(limited(context, wanted, limit, &nodes));
    }
}

fn code_for(context: &Context<'_>, node: NodeId, limit: NodeId) -> Code {
    if is_istio_workload(context.graph.certificate(node)) {
        Code::IstioLeafOutlivesCa
    } else if context.graph.candidates(node).iter().any(|link| link.issuer == limit) {
        Code::OutlivesIssuer
    } else {
        Code::IssuerExpiresFirst
    }
}

fn is_istio_workload(certificate: &Certificate) -> bool {
    !certificate.is_ca()
        && certificate.sans.iter().any(|san| matches!(san, GeneralName::Uri(uri) if uri.starts_with("spiffe://")))
}

fn limited(context: &Context<'_>, code: Code, limit: NodeId, nodes: &[NodeId]) -> Draft {
    let issuer = context.graph.certificate(limit);
    let end = issuer.validity.not_after;
    let subject = match nodes {
        [one] => context.graph.certificate(*one).display_name(),
        many => format!("{} certificates", many.len()),
    };
    let severity = context.policy.nearing(issuer.validity, end).unwrap_or(Severity::Warning);
    let tense = if issuer.validity.is_over(context.policy.at) { "ended" } else { "ends" };
    let verb = if nodes.len() == 1 { "outlives" } else { "outlive" };
    let message = format!(
        "{subject} {verb} the issuer {}, which {tense} {} ({})",
        issuer.display_name(),
        date(end),
        relative(context.policy.at, end)
    );
    let draft = Draft::new(code, severity, message)
        .evidence("issuer", Evidence::Text(format!("sha256:{}", issuer.id)))
        .evidence("effectiveNotAfter", Evidence::Time(end));
    let draft = match managed::manager(context, limit) {
        Some(managed) => {
            let sentence = managed::says(managed, issuer, context.policy.at);
            draft.hint(format!("What the issuer signed is to be issued again once it was renewed. Of the issuer: {sentence}"))
        }
        None => draft,
    };
    nodes.iter().fold(draft, |draft, node| about(context, *node, draft))
}

/// Adds a certificate and all its places to a finding.
pub(super) fn about(context: &Context<'_>, node: NodeId, draft: Draft) -> Draft {
    draft.certificate(context.graph.certificate(node).id).places(context.origins(node))
}
