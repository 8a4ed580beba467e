//! Broken handshakes and findings brought together: every one that is broken has its finding, every finding says what it breaks, and what
//! only follows from another finding says so.

use super::super::Context;
use super::super::findings::Draft;
use super::super::policy::Standing as ByDate;
use crate::model::handshake::Fault;
use crate::model::{Code, Evidence, Finding, Handshake, Origin, Party, Severity, Sha256, Side, Standing, State};
use std::collections::HashSet;

/// Codes that name the same fault: a check may say more precisely, or of another end, what a verifier says.
const FAMILIES: &[&[Code]] = &[
    &[
        Code::Untrusted,
        Code::CaDoesNotSignServer,
        Code::ClientUntrusted,
        Code::FrontProxyUntrusted,
        Code::CabundleStale,
        Code::ClusterInfoCaStale,
        Code::RootCaConfigmapStale,
        Code::IstioRootStale,
        Code::IstioCaBundleInvalid,
    ],
    &[Code::NameMismatch, Code::CnOnly],
    &[Code::UsageWrong, Code::UsageMissing, Code::EtcdUsage],
    &[Code::Expired, Code::LoopbackExpired, Code::TokenExpired],
];

fn names_the_same(one: Code, other: Code) -> bool {
    one == other || FAMILIES.iter().any(|family| family.contains(&one) && family.contains(&other))
}

/// Gives every broken handshake its finding, and every finding the handshakes that it breaks.
pub(in crate::audit) fn explain(handshakes: &[Handshake], findings: &mut Vec<Finding>) {
    for handshake in handshakes.iter().filter(|handshake| handshake.state() == State::Broken) {
        for side in [&handshake.client_side, &handshake.server_side] {
            for fault in side.faults() {
                match position(findings, side, fault) {
                    Some(position) => name(findings, position, handshake, side),
                    None => findings.push(own(handshake, side, fault)),
                }
            }
        }
    }
}

/// The finding of a check, or of another handshake, that says of the certificate what the fault says.
fn position(findings: &[Finding], side: &Side, fault: &Fault) -> Option<usize> {
    let concerns = |finding: &Finding, id: Option<Sha256>| id.is_some_and(|id| finding.certificates.contains(&id));
    let stands_at = |finding: &Finding, origin: &Origin| finding.origins.iter().any(|(other, _)| other == origin);
    let same_place = |finding: &Finding| side.origin.as_ref().is_some_and(|origin| stands_at(finding, origin));
    // Who believes what is not so any more is found where it is believed.
    let same_belief = |finding: &Finding| {
        let by_belief = matches!(finding.code, Code::ClusterInfoCaStale | Code::RootCaConfigmapStale);
        by_belief && side.believes.iter().any(|origin| stands_at(finding, origin))
    };
    // What was wrong with the text of a place was found before anybody knew what certificate is in it.
    let is_unnamed = |finding: &Finding| finding.code == fault.code && finding.certificates.is_empty() && same_place(finding);
    let about = |finding: &Finding| match fault.certificate {
        Some(_) => {
            concerns(finding, fault.certificate)
                || concerns(finding, side.certificate)
                || same_belief(finding)
                || is_unnamed(finding)
        }
        None => same_place(finding) || finding.message == fault.message,
    };
    let fits = |finding: &&Finding| finding.severity >= Severity::Warning && about(finding);
    let exact = findings.iter().position(|finding| finding.code == fault.code && fits(&finding));
    exact.or_else(|| findings.iter().position(|finding| names_the_same(finding.code, fault.code) && fits(&finding)))
}

fn name(findings: &mut [Finding], position: usize, handshake: &Handshake, side: &Side) {
    if let Some(finding) = findings.get_mut(position) {
        let id = handshake.id();
        // One bundle that is wrong in two objects is one fault at two places.
        let is_new = |origin: &&Origin| !finding.origins.iter().any(|(known, _)| known == *origin);
        let place = side.origin.as_ref().filter(|origin| finding.code == Code::CabundleStale && is_new(origin));
        finding.origins.extend(place.map(|origin| (origin.clone(), 0)));
        if !finding.handshakes.contains(&id) {
            finding.handshakes.push(id);
        }
        // What breaks a handshake is not just a warning.
        finding.severity = finding.severity.max(Severity::Critical);
    }
}

/// Advice that fits the servers better than the row of the code.
const HINTS: &[(Code, &[Party], &str)] = &[
    (
        Code::NameMismatch,
        &[Party::Etcd],
        "Issue etcd's certificate again with that name (kubeadm: etcd.local.serverCertSANs and peerCertSANs), or dial a name that it has.",
    ),
    (
        Code::NameMismatch,
        &[Party::Webhook, Party::ConversionWebhook, Party::ExtensionServer],
        "Issue the service's certificate again with the name SERVICE.NAMESPACE.svc (cert-manager: spec.dnsNames of the Certificate).",
    ),
    (
        Code::Malformed,
        &[
            Party::Apiserver,
            Party::Etcd,
            Party::Kubelet,
            Party::Webhook,
            Party::ConversionWebhook,
            Party::ExtensionServer,
            Party::Sidecar,
        ],
        "Issue the certificate anew: the program that judges it refuses how it is written.",
    ),
];

fn own(handshake: &Handshake, side: &Side, fault: &Fault) -> Finding {
    let message = match fault.code {
        Code::NameMismatch | Code::CnOnly => {
            format!("{} dials {}: {}", handshake.client, side.names.join(", "), fault.message)
        }
        _ => fault.message.clone(),
    };
    let mut draft = Draft::new(fault.code, Severity::Critical, message);
    for id in fault.certificate.into_iter().chain(side.certificate) {
        draft = draft.certificate_once(id);
    }
    if let Some((_, _, hint)) =
        HINTS.iter().find(|(code, parties, _)| *code == fault.code && parties.contains(&handshake.server.party))
    {
        draft = draft.hint(*hint);
    }
    // Where the one end believes what it should not any more, that is the place; else where the certificate stands.
    let by_belief = matches!(
        fault.code,
        Code::CaDoesNotSignServer | Code::CabundleStale | Code::RootCaConfigmapStale | Code::ClusterInfoCaStale
    );
    // The API server's own certificate fits its own host; a node that refuses it believes an old CA.
    let of_node = handshake.server.party == Party::Kubelet && handshake.client.host != handshake.server.host;
    if of_node && names_the_same(fault.code, Code::Untrusted) {
        draft = draft.hint("Copy the cluster's present CA to the node (clientCAFile of its kubelet), then restart the kubelet.");
    }
    let by_belief = by_belief || of_node;
    let (first, second) = (side.believes.iter(), side.origin.iter());
    let places: Vec<_> = match by_belief {
        true => first.chain(second).collect(),
        false if names_the_same(fault.code, Code::Untrusted) => second.chain(first).collect(),
        false => second.collect(),
    };
    for origin in places {
        draft = draft.at(origin, 0);
    }
    let mut finding = draft.finish();
    finding.handshakes.push(handshake.id());
    finding
}

/// What a check found of a certificate, though every verifier takes it: the one who is shown it refuses it all the same.
const BEYOND_VERIFIERS: &[Code] = &[Code::FrontProxyUntrusted];

/// Breaks the handshakes whose client a check found to be refused.
pub(in crate::audit) fn refuse(handshakes: &mut [Handshake], findings: &[Finding]) {
    for finding in
        findings.iter().filter(|finding| BEYOND_VERIFIERS.contains(&finding.code) && finding.severity == Severity::Critical)
    {
        let is_shown = |side: &Side| side.certificate.is_some_and(|id| finding.certificates.contains(&id));
        for handshake in handshakes.iter_mut().filter(|handshake| is_shown(&handshake.client_side)) {
            if handshake.client_side.standing == Standing::Trusted {
                let certificate = handshake.client_side.certificate;
                let fault = Fault { code: finding.code, certificate, message: finding.message.clone(), since: None };
                handshake.client_side.standing = Standing::Refused(vec![fault]);
            }
        }
    }
}

/// A caBundle with nothing in it has a code of its own.
fn empty_bundles(findings: &mut [Finding]) {
    let own = findings.iter().filter(|finding| finding.code == Code::CabundleEmpty);
    let known: HashSet<Origin> = own.flat_map(|finding| finding.origins.iter().map(|(origin, _)| origin.clone())).collect();
    for finding in findings.iter_mut().filter(|finding| finding.code == Code::EmptyBundle) {
        if finding.origins.iter().all(|(origin, _)| known.contains(origin)) {
            finding.because = Some(Code::CabundleEmpty);
            finding.severity = Severity::Info;
        }
    }
}

/// What may follow from another fault, and what it may follow from.
const CONSEQUENCES: &[Code] =
    &[Code::OutlivesIssuer, Code::IssuerExpiresFirst, Code::IstioLeafOutlivesCa, Code::IstioCaBundleInvalid];
const CAUSES: &[Code] = &[Code::Expired, Code::CaExpiring, Code::NotYetValid, Code::KeyMismatch];

/// Marks what is only a consequence of another finding: what outlives a CA that has ended or ends soon; a bundle that holds it.
pub(in crate::audit) fn fold(context: &Context<'_>, findings: &mut [Finding]) {
    empty_bundles(findings);
    let causes: Vec<(Code, Sha256)> = findings
        .iter()
        .filter(|finding| CAUSES.contains(&finding.code) && finding.severity > Severity::Info)
        .flat_map(|finding| finding.certificates.iter().map(|id| (finding.code, *id)))
        .collect();
    let ended = |code: Code, id: &Sha256| {
        let standing = |node| context.policy.standing(context.graph.certificate(node));
        code == Code::KeyMismatch || context.graph.node(id).is_some_and(|node| standing(node) != ByDate::Valid)
    };
    for finding in findings.iter_mut().filter(|finding| CONSEQUENCES.contains(&finding.code)) {
        let issuer = finding.evidence.iter().find_map(|(key, value)| match value {
            Evidence::Text(text) if *key == "issuer" => Some(text.as_str()),
            _ => None,
        });
        let is_by = |id: &Sha256| match issuer {
            Some(issuer) => issuer.strip_prefix("sha256:") == Some(&*id.to_string()),
            None => finding.certificates.contains(id),
        };
        finding.because = causes.iter().find(|(code, id)| is_by(id) && ended(*code, id)).map(|(code, _)| *code);
        // What ended with its issuer is no fault of its own.
        if finding.because == Some(Code::Expired) && finding.code != Code::IstioCaBundleInvalid {
            finding.severity = Severity::Info;
        }
    }
}
